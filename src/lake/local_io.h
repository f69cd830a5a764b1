/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls by which the local lake changes anything, so that tests can lose what was not synced, or fail
 * one. Each works as the call of the same name: -1 and errno on failure. `folder_fd` is an open folder, names
 * are single components; open never follows a link.
 *
 * Threads: called from any thread.
 */
#ifndef LAKE_LOCAL_IO_H
#define LAKE_LOCAL_IO_H

#include <stddef.h>
#include <sys/types.h>

struct local_io {
    void *context;
    int (*open)(void *context, int folder_fd, const char *name, int flags, mode_t mode);
    ssize_t (*write)(void *context, int fd, const void *ptr, size_t len);
    int (*truncate)(void *context, int fd, off_t len);
    int (*sync)(void *context, int fd); /* a file or a folder */
    int (*rename)(void *context, int from_fd, const char *from, int to_fd, const char *to,
                  unsigned flags); /* renameat2 */
    int (*link)(void *context, int from_fd, const char *from, int to_fd, const char *to);
    int (*unlink)(void *context, int folder_fd, const char *name);
    int (*mkdir)(void *context, int folder_fd, const char *name, mode_t mode);
    int (*fs_magic)(void *context, int fd, unsigned long *ret_magic); /* f_type of fstatfs; changes nothing */
    void (*pause)(void *context, long ms); /* until the next try to get a lock; changes nothing */
};

const struct local_io *local_io_system(void);

#endif
