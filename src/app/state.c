/* SPDX-License-Identifier: Apache-2.0 */
#include "app/internal.h"

#include "base/file.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *default_state_dir(void)
{
    const char *service = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (service != NULL && service[0] != '\0') {
        return text_copy(service);
    }
    if (geteuid() == 0) {
        return text_copy("/var/lib/lakefeed");
    }
    if (xdg != NULL && xdg[0] == '/') {
        return text_printf("%s/lakefeed", xdg);
    }
    return home != NULL && home[0] == '/' ? text_printf("%s/.local/state/lakefeed", home) : NULL;
}

bool app_state_dir(const char *given, char **ret_path, struct lf_error *err)
{
    CLEANUP(text_free) char *path = given != NULL ? text_copy(given) : default_state_dir();
    struct stat stat_buf;
    if (path == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no folder for the state: set HOME or give --state-dir");
    }
    TRY(file_make_folders(path, 0700, err));
    if (stat(path, &stat_buf) != 0) {
        return file_error(err, errno, "look at the state directory", path);
    }
    if (stat_buf.st_uid != geteuid()) {
        return lf_error_set(err, LF_CONFIG, 0, "the state directory %s belongs to another user; give --state-dir",
                            path);
    }
    *ret_path = path;
    path = NULL;
    return true;
}

/* One process for each link of a state directory; the file stays, only the lock goes. */
bool app_lock_state(const char *state_dir, const char *link, int *ret_fd, struct lf_error *err)
{
    CLEANUP(text_free) char *path = text_printf("%s/%s.lock", state_dir, link);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return file_error(err, errno, "open", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return true;
    }
    int error_number = errno;
    fd_close(&fd);
    if (error_number != EWOULDBLOCK) {
        return file_error(err, error_number, "lock", path);
    }
    return lf_error_set(err, LF_CONFLICT, 0, "another lakefeed process runs link %s (lock %s)", link, path);
}
