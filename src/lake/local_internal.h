/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of the local driver.
 */
#ifndef LAKE_LOCAL_INTERNAL_H
#define LAKE_LOCAL_INTERNAL_H

#include "base/crypto.h"
#include "lake/lake.h"
#include "lake/local.h"
#include "lake/local_io.h"
#include "lake/path.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define LOCAL_TMP "_lakefeed/tmp"
#define LOCAL_REPLACE "_lakefeed/replace" /* lock file of put_if_match; never unlinked */
#define LOCAL_TEMP_NAME_SIZE 21           /* 16 hex digits, ".tmp" and a NUL */

struct local_lake {
    struct lake base; /* first: the vtable casts */
    const struct local_io *io;
    int root_fd;
    char *root;     /* absolute, without links */
    char *location; /* what url() puts in front of "/" and the path */
    mode_t file_mode;
    mode_t folder_mode;
    int owner_fd; /* holds the lock; -1 */
    pthread_mutex_t durable_mutex;
    char **durable; /* folders that this process has synced into their parents */
    size_t ndurable;
    size_t durable_cap;
    atomic_bool root_synced; /* the names in the root, model.json among them, are durable as far as we know */
};

/* A file aside in LOCAL_TMP, flocked while its writer lives; removed by local_temp_done unless it was moved. */
struct local_temp {
    struct local_lake *lake;
    int folder_fd;
    int fd;
    bool moved;
    uint64_t bytes;
    struct sha256 *hash; /* of what was written; NULL: nobody asks for it */
    char name[LOCAL_TEMP_NAME_SIZE];
};

/* What stands at a path. */
struct local_version {
    bool exists;
    uint64_t bytes;
    uint64_t inode;
    struct timespec changed;
    char etag[LAKE_ETAG_SIZE];
};

static inline struct local_lake *local_of(struct lake *lake)
{
    return (struct local_lake *)lake;
}

/* local.c */
/* CONFIG when the path of the root no longer leads to the folder that was opened. */
bool local_check_root(const struct local_lake *local, struct lf_error *err) LF_MUST_CHECK;

/* local_folder.c */
/* Fills err from an errno of a call that changes something, naming the lake. Always false. */
bool local_error(const struct local_lake *local, struct lf_error *err, int error_number, const char *what,
                 const char *path);
/* CONFIG for a path that no object can have; names of the driver itself are refused too. */
bool local_check_path(const char *path, struct lf_error *err) LF_MUST_CHECK;
bool local_is_private(const char *path);
const char *local_base_name(const char *path);
bool local_sync(const struct local_lake *local, int fd, const char *path, struct lf_error *err) LF_MUST_CHECK;
/* file_open_beneath with the lake's name in the error. */
bool local_open(const struct local_lake *local, const char *path, int flags, int *ret_fd,
                struct lf_error *err) LF_MUST_CHECK;
/* The folder that holds `path`, made and durable if it was missing. */
bool local_make_parent(struct local_lake *local, const char *path, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

/* local_temp.c */
bool local_temp_open(struct local_lake *local, struct local_temp *ret_temp, struct lf_error *err) LF_MUST_CHECK;
void local_temp_done(struct local_temp *temp); /* for CLEANUP; a zeroed struct is fine */
bool local_temp_write(struct local_temp *temp, const void *ptr, size_t len, const char *path,
                      struct lf_error *err) LF_MUST_CHECK;
/* CONFLICT if the path exists; durable on success. The content is synced first. */
bool local_temp_publish(struct local_temp *temp, const char *path, struct lf_error *err) LF_MUST_CHECK;
/* Moves without making the name durable; `replace`: over what stands there. */
bool local_temp_move(struct local_temp *temp, int folder_fd, const char *path, bool replace,
                     struct lf_error *err) LF_MUST_CHECK;
/* Removes what dead writers left in LOCAL_TMP, as far as it can. */
void local_temp_sweep(struct local_lake *local);

/* local_put.c */
bool local_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content, struct lf_error *err);
bool local_put_if_match(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                        char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err);
bool local_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer, struct lf_error *err);
bool local_writer_write(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err);
bool local_writer_commit(struct lake_writer *writer, struct lf_error *err);
void local_writer_abort(struct lake_writer *writer);

/* local_read.c */
/* A missing object is a version that does not exist. */
bool local_version_read(const struct local_lake *local, const char *path, struct local_version *ret_version,
                        struct lf_error *err) LF_MUST_CHECK;
bool local_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                      struct lf_error *err);
bool local_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err);
bool local_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err);
bool local_remove(struct lake *lake, const char *path, struct lf_error *err);
bool local_remove_folder(struct lake *lake, const char *path, struct lf_error *err);

/* local_lock.c */
bool local_lock(struct lake *lake, const char *owner, struct lf_error *err);
void local_unlock(struct lake *lake);
/* Waits for the other replacements, of this process or another; closing *ret_fd lets the next one in. */
bool local_lock_replace(struct local_lake *local, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

#endif
