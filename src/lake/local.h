/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder as lake. Durable: a file is written aside in _lakefeed/tmp, synced, then moved to its name, and the
 * folder is synced. ETag: content hash, inode and change time. Lock: flock on _lakefeed/owner, never unlinked.
 */
#ifndef LAKE_LOCAL_H
#define LAKE_LOCAL_H

#include "lake/lake.h"

#include <sys/types.h>

struct local_io;

struct lake_local_options {
    const char *path;            /* of the folder; made when it does not exist, its parent must */
    const char *public_location; /* prefix for url(); NULL: the absolute path of the folder */
    mode_t file_mode;            /* 0: 0644; folders get the matching x bits (0755) */
    bool allow_network;          /* accept NFS, SMB, FUSE and the like */
    const struct local_io *io;   /* NULL: the system's; borrowed until close */
};

/* CONFIG: not a folder, a link; AUTH: no right to it; NOT_FOUND: no parent; UNSUPPORTED: a network file system. */
bool lake_local_open(const struct lake_local_options *options, struct lake **ret_lake,
                     struct lf_error *err) LF_MUST_CHECK;

#endif
