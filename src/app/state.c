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

/* What the system says of the state directory, with what to do about it. Always false. */
static bool state_error(struct lf_error *err, int error_number, const char *what, const char *path)
{
    (void)file_error(err, error_number, what, path);
    const char *cure = "";
    switch (error_number) {
    case EACCES:
    case EPERM:
    case EROFS:
        err->kind = LF_AUTH;
        cure = "; give the user of this process the right to write there, or name another folder with --state-dir";
        break;
    case ENOTDIR:
    case EEXIST:
    case ELOOP:
        cure = "; something else stands there: remove it, or name another folder with --state-dir";
        break;
    default:
        break;
    }
    size_t len = strlen(err->msg);
    (void)snprintf(err->msg + len, sizeof err->msg - len, "%s", cure);
    return false;
}

/* Others who may write here could put links and locks in our way. Not mended silently: it may be a folder like /tmp. */
static bool check_state_dir(const char *path, struct lf_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return state_error(err, errno, "look at the state directory", path);
    }
    if (status.st_uid != geteuid()) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the state directory %s belongs to the user with id %ld, this process runs as %ld; run it "
                            "as that user, or name another folder with --state-dir",
                            path, (long)status.st_uid, (long)geteuid());
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "others may write to the state directory %s (mode %04o); run chmod 700 on it, or name "
                            "another folder with --state-dir",
                            path, (unsigned)status.st_mode & 07777);
    }
    return true;
}

bool app_state_dir(const char *given, char **ret_path, struct lf_error *err)
{
    CLEANUP(text_free) char *path = given != NULL ? text_copy(given) : default_state_dir();
    if (path == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no folder for the state: set HOME or give --state-dir");
    }
    if (!file_make_folders(path, 0700, err)) {
        return err->code != 0 ? state_error(err, err->code, "make the state directory", path) : false;
    }
    TRY(check_state_dir(path, err));
    *ret_path = path;
    path = NULL;
    return true;
}

char *app_socket_path(const char *state_dir)
{
    return text_printf("%s/control.sock", state_dir);
}

/* One process for each link of a state directory; the file stays, only the lock goes. */
bool app_lock_state(const char *state_dir, const char *link, int *ret_fd, struct lf_error *err)
{
    CLEANUP(text_free) char *path = text_printf("%s/%s.lock", state_dir, link);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return state_error(err, errno, "open the lock", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return true;
    }
    int error_number = errno;
    fd_close(&fd);
    if (error_number != EWOULDBLOCK) {
        return state_error(err, error_number, "lock", path);
    }
    return lf_error_set(err, LF_CONFLICT, 0, "another lakefeed process runs link %s (lock %s); end that one first",
                        link, path);
}
