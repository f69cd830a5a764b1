/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/lake_text.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"

#include <assert.h>
#include <string.h>

#define TEXT_MAX ((size_t)8 << 20)

static int describe(const char *text, struct lake_content *ret_content, char ret_hex[SHA256_HEX_SIZE])
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf bytes = {0};
    buf_append_text(&bytes, text);
    bool made = lake_content_from_buf("/tmp", &bytes, ret_content, ret_hex, &err);
    assert(made);
    return ret_content->fd;
}

bool lake_text_put(struct lake *lake, const char *path, const char *text, struct lf_error *err)
{
    struct lake_content content;
    char hex[SHA256_HEX_SIZE];
    CLEANUP(fd_close) int fd = describe(text, &content, hex);
    return fd >= 0 && lake->ops->put_if_absent(lake, path, &content, err);
}

bool lake_text_replace(struct lake *lake, const char *path, const char *etag, const char *text, char *ret_etag,
                       struct lf_error *err)
{
    struct lake_content content;
    char hex[SHA256_HEX_SIZE];
    char new_etag[LAKE_ETAG_SIZE];
    CLEANUP(fd_close) int fd = describe(text, &content, hex);
    return fd >= 0 && lake->ops->put_if_match(lake, path, etag, &content, ret_etag != NULL ? ret_etag : new_etag, err);
}

char *lake_text_read(struct lake *lake, const char *path)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    return lake_read_all(lake, path, TEXT_MAX, &out, NULL, &err) ? text_copy(buf_text(&out)) : NULL;
}

bool lake_text_is(struct lake *lake, const char *path, const char *text)
{
    CLEANUP(text_free) char *found = lake_text_read(lake, path);
    return found != NULL && strcmp(found, text) == 0;
}

bool lake_text_exists(struct lake *lake, const char *path)
{
    struct lf_error err;
    struct lake_stat status;
    return lake->ops->stat(lake, path, &status, &err);
}
