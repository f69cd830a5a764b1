/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/local_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define COPY_BLOCK ((size_t)64 << 10)
#define STAMP_TRIES 50

struct local_writer {
    struct local_temp temp;
    bool failed;
    char path[]; /* NUL-ended */
};

bool local_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer, struct lf_error *err)
{
    TRY(local_check_path(path, err));
    struct local_temp temp;
    TRY(local_temp_open(local_of(lake), &temp, err));
    size_t path_size = strlen(path) + 1;
    struct local_writer *writer = mem_new(1, sizeof *writer + path_size);
    writer->temp = temp;
    memcpy(writer->path, path, path_size);
    *ret_writer = (struct lake_writer *)writer;
    return true;
}

bool local_writer_write(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err)
{
    struct local_writer *local = (struct local_writer *)writer;
    if (!local_temp_write(&local->temp, ptr, len, local->path, err)) {
        local->failed = true;
        return false;
    }
    return true;
}

bool local_writer_commit(struct lake_writer *writer, struct lf_error *err)
{
    struct local_writer *local = (struct local_writer *)writer;
    bool ok = local->failed ? lf_error_set(err, LF_TRANSIENT, 0, "%s: an earlier write has failed", local->path)
                            : local_temp_publish(&local->temp, local->path, err);
    local_writer_abort(writer);
    return ok;
}

void local_writer_abort(struct lake_writer *writer)
{
    struct local_writer *local = (struct local_writer *)writer;
    if (local != NULL) {
        local_temp_done(&local->temp);
    }
    free(local);
}

/* The content must be what its description says, or a torn copy would be sealed with a name. */
static bool check_copy(struct local_temp *temp, const char *path, const struct lake_content *content,
                       struct lf_error *err)
{
    char hex[SHA256_HEX_SIZE];
    sha256_finish(temp->hash, hex);
    if (temp->bytes != content->bytes || strcmp(hex, content->sha256) != 0) {
        return lf_error_set(err, LF_INTERNAL, 0, "the bytes handed over for %s are not those that were described",
                            path);
    }
    return true;
}

static bool write_aside(struct local_lake *local, const char *path, const struct lake_content *content,
                        struct local_temp *ret_temp, struct lf_error *err)
{
    CLEANUP(local_temp_done) struct local_temp temp = {0};
    CLEANUP(text_free) char *block = mem_new(COPY_BLOCK, 1);
    TRY(local_temp_open(local, &temp, err));
    temp.hash = sha256_new();
    size_t got = COPY_BLOCK;
    while (temp.bytes < content->bytes && got > 0) {
        uint64_t left = content->bytes - temp.bytes;
        size_t want = left < COPY_BLOCK ? (size_t)left : COPY_BLOCK;
        TRY(file_read_at(content->fd, temp.bytes, block, want, &got, path, err));
        TRY(local_temp_write(&temp, block, got, path, err));
    }
    TRY(check_copy(&temp, path, content, err));
    *ret_temp = temp;
    temp = (struct local_temp){0};
    return true;
}

bool local_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content, struct lf_error *err)
{
    CLEANUP(local_temp_done) struct local_temp temp = {0};
    TRY(local_check_path(path, err));
    TRY(write_aside(local_of(lake), path, content, &temp, err));
    return local_temp_publish(&temp, path, err);
}

static bool is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

/* Some kernels count the change time in ticks: within one, the same bytes in a reused inode would get an ETag that was
 * there before. So each version is stamped later than the one that it replaces; not for ever, because a clock can be
 * set back. */
static bool stamp_after(const struct local_temp *temp, struct timespec before, struct lf_error *err)
{
    for (int i = 0; i < STAMP_TRIES; i++) {
        struct stat status;
        if (fchmod(temp->fd, temp->lake->file_mode) != 0 || fstat(temp->fd, &status) != 0) {
            return local_error(temp->lake, err, errno, "stamp", temp->name);
        }
        if (is_later(status.st_ctim, before)) {
            return true;
        }
        temp->lake->io->pause(temp->lake->io->context, 1);
    }
    return true;
}

static bool check_match(const char *path, const char *etag, const struct local_version *found, struct lf_error *err)
{
    if (etag == NULL && found->exists) {
        return lf_error_set(err, LF_CONFLICT, 0, "%s exists already", path);
    }
    if (etag != NULL && !found->exists) {
        return lf_error_set(err, LF_CONFLICT, 0, "%s was removed by somebody else", path);
    }
    if (etag != NULL && strcmp(etag, found->etag) != 0) {
        return lf_error_set(err, LF_CONFLICT, 0, "%s was replaced by somebody else", path);
    }
    return true;
}

/* After the rename no error is certain any more: whoever ignores our lock may have come between. */
static bool confirm_replaced(const struct local_temp *temp, int folder_fd, const char *path,
                             char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct local_version found = {0};
    struct stat ours;
    atomic_store(&temp->lake->root_synced, false);
    if (!local_sync(temp->lake, folder_fd, path, err) || !local_version_read(temp->lake, path, &found, err)) {
        err->kind = LF_TRANSIENT;
        return false;
    }
    if (fstat(temp->fd, &ours) != 0 || !found.exists || found.inode != ours.st_ino) {
        return lf_error_set(err, LF_TRANSIENT, 0, "%s was replaced again at once by somebody who ignores the lock",
                            path);
    }
    atomic_store(&temp->lake->root_synced, true);
    memcpy(ret_etag, found.etag, LAKE_ETAG_SIZE);
    return true;
}

bool local_put_if_match(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                        char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    CLEANUP(local_temp_done) struct local_temp temp = {0};
    CLEANUP(fd_close) int folder_fd = -1;
    CLEANUP(fd_close) int lock_fd = -1;
    struct local_version found;
    TRY(local_check_path(path, err));
    TRY(write_aside(local, path, content, &temp, err));
    TRY(local_sync(local, temp.fd, path, err));
    TRY(local_make_parent(local, path, &folder_fd, err));
    TRY(local_lock_replace(local, &lock_fd, err));
    TRY(local_check_root(local, err));
    TRY(local_version_read(local, path, &found, err));
    TRY(check_match(path, etag, &found, err));
    if (found.exists) {
        TRY(stamp_after(&temp, found.changed, err));
    }
    TRY(local_temp_move(&temp, folder_fd, path, found.exists, err));
    return confirm_replaced(&temp, folder_fd, path, ret_etag, err);
}
