/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/lake.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"

#include <string.h>

#define READ_TRIES 10
#define READ_PIECE ((size_t)64 << 10)

void lake_close(struct lake **lake)
{
    if (*lake != NULL) {
        (*lake)->ops->close(*lake);
    }
    *lake = NULL;
}

struct open_reader {
    struct lake *lake;
    struct lake_reader *reader;
};

static void close_reader(struct open_reader *open)
{
    open->lake->ops->reader_close(open->reader);
}

static bool too_large(const char *path, size_t max, struct lf_error *err)
{
    return lf_error_set(err, LF_LIMIT, 0, "%s is larger than the limit of %zu bytes", path, max);
}

static void cut_back(struct buf *out, size_t len)
{
    out->len = len;
    if (out->ptr != NULL) {
        out->ptr[len] = '\0';
    }
}

/* With a reader the bytes are of one version by themselves. One byte more than allowed is asked for, to see the end. */
static bool read_version(struct lake *lake, const char *path, size_t max, struct buf *out, char *ret_etag,
                         struct lf_error *err)
{
    CLEANUP(close_reader) struct open_reader open = {lake, lake->ops->reader_open(lake, path, 0)};
    const size_t start = out->len;
    size_t got = READ_PIECE;
    const char *etag = NULL;
    while (got == READ_PIECE) {
        char *room = buf_reserve(out, READ_PIECE);
        TRY(buf_check(out, path, err));
        TRY(lake->ops->reader_read(open.reader, room, READ_PIECE, &got, &etag, err));
        buf_commit(out, got);
        if (out->len - start > max) {
            return too_large(path, max, err);
        }
    }
    if (ret_etag != NULL) {
        (void)snprintf(ret_etag, LAKE_ETAG_SIZE, "%s", etag);
    }
    return true;
}

/* *ret_same: the object was the same before and after. */
static bool read_once(struct lake *lake, const char *path, size_t max, struct buf *out, struct lake_stat *ret_stat,
                      bool *ret_same, struct lf_error *err)
{
    TRY(lake->ops->stat(lake, path, ret_stat, err));
    if (ret_stat->bytes > max) {
        return too_large(path, max, err);
    }
    size_t want = (size_t)ret_stat->bytes;
    char *room = buf_reserve(out, want);
    TRY(buf_check(out, path, err));
    size_t got = 0;
    TRY(lake->ops->read_range(lake, path, 0, room, want, &got, err));
    buf_commit(out, got);
    struct lake_stat after;
    TRY(lake->ops->stat(lake, path, &after, err));
    *ret_same = got == want && strcmp(ret_stat->etag, after.etag) == 0;
    return true;
}

static bool read_still(struct lake *lake, const char *path, size_t max, struct buf *out, char *ret_etag,
                       struct lf_error *err)
{
    const size_t start = out->len;
    for (int i = 0; i < READ_TRIES; i++) {
        struct lake_stat status;
        bool same = false;
        TRY(read_once(lake, path, max, out, &status, &same, err));
        if (same) {
            if (ret_etag != NULL) {
                memcpy(ret_etag, status.etag, LAKE_ETAG_SIZE);
            }
            return true;
        }
        cut_back(out, start);
    }
    return lf_error_set(err, LF_TRANSIENT, 0, "%s changed each of the %d times that it was read", path, READ_TRIES);
}

bool lake_read_all(struct lake *lake, const char *path, size_t max, struct buf *out, char *ret_etag,
                   struct lf_error *err)
{
    const size_t start = out->len;
    const bool read = lake->ops->reader_open != NULL ? read_version(lake, path, max, out, ret_etag, err)
                                                     : read_still(lake, path, max, out, ret_etag, err);
    if (!read) {
        cut_back(out, start);
    }
    return read;
}

bool lake_input_read(struct lake_input *input, void *ret, size_t len, size_t *ret_len, struct lf_error *err)
{
    const struct lake_ops *ops = input->lake->ops;
    const char *etag = NULL;
    if (ops->reader_open == NULL) {
        TRY(ops->read_range(input->lake, input->path, input->offset, ret, len, ret_len, err));
    } else {
        if (input->reader == NULL) {
            input->reader = ops->reader_open(input->lake, input->path, input->offset);
        }
        TRY(ops->reader_read(input->reader, ret, len, ret_len, &etag, err));
        (void)snprintf(input->etag, sizeof input->etag, "%s", etag);
    }
    input->offset += *ret_len;
    return true;
}

void lake_input_done(struct lake_input *input)
{
    if (input->reader != NULL) {
        input->lake->ops->reader_close(input->reader);
    }
    input->reader = NULL;
}

bool lake_content_from_buf(const char *folder, const struct buf *bytes, struct lake_content *ret_content,
                           char ret_hex[65], struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    TRY(file_open_temp(folder, &fd, err));
    TRY(file_write_all(fd, bytes->ptr, bytes->len, folder, err));
    sha256_of(bytes->ptr, bytes->len, ret_hex);
    *ret_content = (struct lake_content){.fd = fd, .bytes = bytes->len, .sha256 = ret_hex};
    fd = -1;
    return true;
}
