/* SPDX-License-Identifier: Apache-2.0
 *
 * Lock files are never unlinked: a second process could lock a new file of the name while the first holds the old one.
 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER_TEXT_MAX 200
#define REPLACE_WAIT_MS 30000

static bool open_lock_file(struct local_lake *local, const char *path, int *ret_fd, struct lf_error *err)
{
    CLEANUP(fd_close) int folder_fd = -1;
    TRY(local_make_parent(local, path, &folder_fd, err));
    const struct local_io *io = local->io;
    int fd = io->open(io->context, folder_fd, local_base_name(path), O_RDWR | O_CREAT, local->file_mode);
    if (fd < 0) {
        return local_error(local, err, errno, "open the lock file", path);
    }
    *ret_fd = fd;
    return true;
}

/* The file holds what its owner wrote, or what anybody else did: only the first line, and only what prints. */
static bool report_holder(const struct local_lake *local, int fd, struct lf_error *err)
{
    char text[OWNER_TEXT_MAX + 1];
    ssize_t len = pread(fd, text, OWNER_TEXT_MAX, 0);
    text[len > 0 ? len : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?';
        }
    }
    return lf_error_set(err, LF_CONFLICT, EWOULDBLOCK, "the lake %s is in use by %s; only one process may write to it",
                        local->root, text[0] != '\0' ? text : "another process");
}

/* Best effort: a lock is a lock without its text as well. */
static void write_owner(const struct local_lake *local, int fd, const char *owner)
{
    const struct local_io *io = local->io;
    if (io->truncate(io->context, fd, 0) == 0) {
        ssize_t written = io->write(io->context, fd, owner, strlen(owner));
        (void)written;
    }
}

static bool is_at_path(const struct local_lake *local, int fd, const char *path)
{
    struct stat ours;
    struct stat found;
    return fstat(fd, &ours) == 0 && fstatat(local->root_fd, path, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

bool local_lock(struct lake *lake, const char *owner, struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    if (local->owner_fd >= 0) {
        return true;
    }
    CLEANUP(fd_close) int fd = -1;
    TRY(local_check_root(local, err));
    TRY(open_lock_file(local, LAKE_PATH_OWNER, &fd, err));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? report_holder(local, fd, err)
                                    : local_error(local, err, errno, "lock", LAKE_PATH_OWNER);
    }
    if (!is_at_path(local, fd, LAKE_PATH_OWNER)) {
        return lf_error_set(err, LF_TRANSIENT, 0,
                            "the lock file %s of the lake %s was removed while it was being locked", LAKE_PATH_OWNER,
                            local->root);
    }
    write_owner(local, fd, owner);
    local->owner_fd = fd;
    fd = -1;
    local_temp_sweep(local);
    return true;
}

void local_unlock(struct lake *lake)
{
    fd_close(&local_of(lake)->owner_fd);
}

/* Tried again and again instead of waited for: a process that was stopped in here must not stop this one for ever. */
bool local_lock_replace(struct local_lake *local, int *ret_fd, struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    TRY(open_lock_file(local, LOCAL_REPLACE, &fd, err));
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return local_error(local, err, errno, "lock", LOCAL_REPLACE);
        }
        if (waited_ms >= REPLACE_WAIT_MS) {
            return lf_error_set(err, LF_TRANSIENT, 0, "another process keeps %s in the lake %s locked", LOCAL_REPLACE,
                                local->root);
        }
        local->io->pause(local->io->context, 1);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}
