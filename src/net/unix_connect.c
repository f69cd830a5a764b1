/* SPDX-License-Identifier: Apache-2.0 */
#include "net/unix_connect.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "net/unix_path.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define NAME_BYTES_MAX 16384

static char *group_name(gid_t gid)
{
    CLEANUP(buf_done) struct buf room = {0};
    char *text = buf_reserve(&room, NAME_BYTES_MAX);
    struct group group;
    struct group *found = NULL;
    bool ok = getgrgid_r(gid, &group, text, NAME_BYTES_MAX, &found) == 0 && found != NULL;
    return ok ? text_copy(group.gr_name) : text_printf("%u", (unsigned)gid);
}

static char *user_name(uid_t uid)
{
    CLEANUP(buf_done) struct buf room = {0};
    char *text = buf_reserve(&room, NAME_BYTES_MAX);
    struct passwd user;
    struct passwd *found = NULL;
    bool ok = getpwuid_r(uid, &user, text, NAME_BYTES_MAX, &found) == 0 && found != NULL;
    return ok ? text_copy(user.pw_name) : text_printf("%u", (unsigned)uid);
}

/* The first folder on the way that we may not enter; false when it is the socket itself. */
static bool find_closed_folder(const char *path, struct stat *ret_status, char **ret_folder)
{
    CLEANUP(text_free) char *folder = text_copy(path);
    for (char *at = strchr(folder + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (access(folder, X_OK) != 0 && stat(folder, ret_status) == 0) {
            *ret_folder = text_copy(folder);
            return true;
        }
        *at = '/';
    }
    return false;
}

static bool no_right(const char *path, struct lf_error *err)
{
    struct stat status;
    CLEANUP(text_free) char *folder = NULL;
    bool in_folder = find_closed_folder(path, &status, &folder);
    if (!in_folder && stat(path, &status) != 0) {
        return lf_error_set(err, LF_AUTH, EACCES, "no right to the socket %s; run this as the user of the daemon",
                            path);
    }
    CLEANUP(text_free) char *user = user_name(status.st_uid);
    CLEANUP(text_free) char *group = group_name(status.st_gid);
    CLEANUP(text_free) char *where = in_folder ? text_printf(" in the folder %s", folder) : text_copy("");
    if ((status.st_mode & (in_folder ? S_IXGRP : S_IWGRP)) == 0) {
        return lf_error_set(err, LF_AUTH, EACCES, "no right to the socket %s%s; run this as the user %s", path, where,
                            user);
    }
    return lf_error_set(err, LF_AUTH, EACCES,
                        "no right to the socket %s%s; join the group %s, or run this as the user %s", path, where,
                        group, user);
}

static bool explain(int error_number, const char *path, struct lf_error *err)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED: /* left by a dead process; or a plain file */
        return lf_error_set(err, LF_NOT_FOUND, error_number,
                            "nobody serves the socket %s; no daemon runs with its folder", path);
    case EACCES:
    case EPERM:
        return no_right(path, err);
    case EAGAIN:
        return lf_error_set(err, LF_TRANSIENT, error_number, "the daemon at the socket %s takes no connection in time",
                            path);
    default:
        return file_error(err, error_number, "connect to the socket", path);
    }
}

bool unix_connect(const char *path, int64_t timeout_ms, int *ret_fd, struct lf_error *err)
{
    CLEANUP(fd_close) int folder_fd = -1;
    struct sockaddr_un address;
    TRY(unix_path_address(path, &address, &folder_fd, err));
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return file_error(err, errno, "connect to the socket", path);
    }
    const struct timeval limit = {.tv_sec = (time_t)(timeout_ms / 1000),
                                  .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000)};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int status = 0;
    do {
        status = connect(fd, (const struct sockaddr *)&address, sizeof address);
    } while (status != 0 && errno == EINTR);
    if (status != 0) {
        return explain(errno, path, err);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}
