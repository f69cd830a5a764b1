/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/managed_identity.h"

#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define KEY_MAX_BYTES 4096

/* The path behind "Basic realm=", perhaps quoted. */
static bool find_path(const char *challenge, char *ret_path, size_t size)
{
    static const char begin[] = "Basic realm=";
    if (challenge == NULL || strncasecmp(challenge, begin, sizeof begin - 1) != 0) {
        return false;
    }
    challenge += sizeof begin - 1;
    const bool quoted = *challenge == '"';
    challenge += quoted ? 1 : 0;
    const size_t len = strcspn(challenge, quoted ? "\"" : ", \r\n");
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(ret_path, challenge, len);
    ret_path[len] = '\0';
    return true;
}

/* The name below the folder; NULL when it is not right below, or no key. */
static const char *name_in_folder(const char *path, const char *folder)
{
    static const char ending[] = ".key";
    const size_t folder_len = strlen(folder);
    const size_t len = strlen(path);
    if (strncmp(path, folder, folder_len) != 0 || path[folder_len] != '/' || len < folder_len + 1 + sizeof ending ||
        strcmp(path + len - (sizeof ending - 1), ending) != 0) {
        return NULL;
    }
    const char *name = path + folder_len + 1;
    return strchr(name, '/') == NULL ? name : NULL;
}

static bool read_small(int fd, const char *path, struct buf *out, struct lf_error *err)
{
    struct stat status;
    size_t len = 0;
    char *room = buf_reserve(out, KEY_MAX_BYTES);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > KEY_MAX_BYTES || room == NULL) {
        return lf_error_set(err, LF_AUTH, 0, "%s is no key of Azure Arc: not a file of at most %d bytes", path,
                            KEY_MAX_BYTES);
    }
    TRY(file_read_at(fd, 0, room, KEY_MAX_BYTES, &len, path, err));
    if (len == 0 || memchr(room, '\0', len) != NULL || strcspn(room, "\r\n") < len) {
        explicit_bzero(room, len);
        return lf_error_set(err, LF_AUTH, 0, "%s is no key of Azure Arc: empty, or not one line", path);
    }
    buf_commit(out, len);
    return true;
}

bool arc_read_key(const char *challenge, const char *folder, struct buf *out, struct lf_error *err)
{
    char path[512];
    CLEANUP(fd_close) int root_fd = -1;
    CLEANUP(fd_close) int fd = -1;
    const char *name = find_path(challenge, path, sizeof path) ? name_in_folder(path, folder) : NULL;
    if (name == NULL) {
        return lf_error_set(err, LF_AUTH, 0,
                            "Azure Arc asks for a file that is no .key in %s; it is not read. Is something else "
                            "listening in the place of the agent?",
                            folder);
    }
    root_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 || !file_open_beneath(root_fd, name, O_RDONLY | O_NONBLOCK, 0, &fd, err)) {
        return lf_error_set(err, LF_AUTH, 0,
                            "%s cannot be read; add the user of lakefeed to the group himds (usermod -aG himds "
                            "lakefeed) and start it again",
                            path);
    }
    return read_small(fd, path, out, err);
}
