/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/lake.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"

#include <string.h>

#define READ_TRIES 10

void lake_close(struct lake **lake)
{
    if (*lake != NULL) {
        (*lake)->ops->close(*lake);
    }
    *lake = NULL;
}

static void cut_back(struct buf *out, size_t len)
{
    out->len = len;
    if (out->ptr != NULL) {
        out->ptr[len] = '\0';
    }
}

/* *ret_same: the object was the same before and after. */
static bool read_once(struct lake *lake, const char *path, size_t max, struct buf *out, struct lake_stat *ret_stat,
                      bool *ret_same, struct lf_error *err)
{
    TRY(lake->ops->stat(lake, path, ret_stat, err));
    if (ret_stat->bytes > max) {
        return lf_error_set(err, LF_LIMIT, 0, "%s is larger than the limit of %zu bytes", path, max);
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

bool lake_read_all(struct lake *lake, const char *path, size_t max, struct buf *out, char *ret_etag,
                   struct lf_error *err)
{
    size_t start = out->len;
    for (int i = 0; i < READ_TRIES; i++) {
        struct lake_stat status;
        bool same = false;
        if (!read_once(lake, path, max, out, &status, &same, err)) {
            cut_back(out, start);
            return false;
        }
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

bool lake_input_read(struct lake_input *input, void *ret, size_t len, size_t *ret_len, struct lf_error *err)
{
    TRY(input->lake->ops->read_range(input->lake, input->path, input->offset, ret, len, ret_len, err));
    input->offset += *ret_len;
    return true;
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
