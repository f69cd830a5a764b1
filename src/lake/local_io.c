/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/local_io.h"

#include "base/macros.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int system_open(UNUSED void *context, int folder_fd, const char *name, int flags, mode_t mode)
{
    return openat(folder_fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
}

static ssize_t system_write(UNUSED void *context, int fd, const void *ptr, size_t len)
{
    return write(fd, ptr, len);
}

static int system_truncate(UNUSED void *context, int fd, off_t len)
{
    return ftruncate(fd, len);
}

static int system_sync(UNUSED void *context, int fd)
{
    return fsync(fd);
}

static int system_rename(UNUSED void *context, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return renameat2(from_fd, from, to_fd, to, flags);
}

static int system_link(UNUSED void *context, int from_fd, const char *from, int to_fd, const char *to)
{
    return linkat(from_fd, from, to_fd, to, 0);
}

static int system_unlink(UNUSED void *context, int folder_fd, const char *name)
{
    return unlinkat(folder_fd, name, 0);
}

static int system_mkdir(UNUSED void *context, int folder_fd, const char *name, mode_t mode)
{
    return mkdirat(folder_fd, name, mode);
}

static int system_fs_magic(UNUSED void *context, int fd, unsigned long *ret_magic)
{
    struct statfs status;
    if (fstatfs(fd, &status) != 0) {
        return -1;
    }
    *ret_magic = (unsigned long)status.f_type & 0xFFFFFFFFUL; /* the type is signed on some machines */
    return 0;
}

static void system_pause(UNUSED void *context, long ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

const struct local_io *local_io_system(void)
{
    static const struct local_io io = {
        .open = system_open,
        .write = system_write,
        .truncate = system_truncate,
        .sync = system_sync,
        .rename = system_rename,
        .link = system_link,
        .unlink = system_unlink,
        .mkdir = system_mkdir,
        .fs_magic = system_fs_magic,
        .pause = system_pause,
    };
    return &io;
}
