/* SPDX-License-Identifier: Apache-2.0
 *
 * A lake in front of another one that answers chosen calls with an error, without doing them (or, of put_if_match, after it).
 */
#ifndef TESTS_UNIT_COMMIT_REFUSING_LAKE_H
#define TESTS_UNIT_COMMIT_REFUSING_LAKE_H

#include "base/buf.h"
#include "base/macros.h"
#include "lake/lake.h"

#include <stdlib.h>
#include <string.h>

struct refusing_lake {
    struct lake base; /* first: the vtable casts */
    struct lake *inner;
    const char *op;   /* NULL: nothing is refused */
    const char *part; /* of the path; NULL: any */
    enum lf_error_kind kind;
    unsigned times; /* left */
    unsigned refused;
    int64_t retry_after_ms;  /* part of every refusal */
    bool refuses_afterwards; /* put_if_match: what is refused was done */
};

static inline void refuse(struct refusing_lake *lake, const char *op, const char *part, enum lf_error_kind kind,
                          unsigned times)
{
    lake->op = op;
    lake->part = part;
    lake->kind = kind;
    lake->times = times;
    lake->refused = 0;
}

static inline bool refusing_allows(struct lake *lake, const char *op, const char *path, struct lf_error *err)
{
    struct refusing_lake *self = (struct refusing_lake *)lake;
    if (self->op == NULL || self->times == 0 || strcmp(self->op, op) != 0 ||
        (self->part != NULL && strstr(path, self->part) == NULL)) {
        return true;
    }
    self->times--;
    self->refused++;
    (void)lf_error_set(err, self->kind, 0, "%s %s: refused by the test", op, path);
    err->retry_after_ms = self->retry_after_ms;
    return false;
}

static inline struct lake *refusing_inner(struct lake *lake)
{
    return ((struct refusing_lake *)lake)->inner;
}

static inline bool refusing_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content,
                                          struct lf_error *err)
{
    TRY(refusing_allows(lake, "put_if_absent", path, err));
    return refusing_inner(lake)->ops->put_if_absent(refusing_inner(lake), path, content, err);
}

static inline bool refusing_put_if_match(struct lake *lake, const char *path, const char *etag,
                                         const struct lake_content *content, char ret_etag[LAKE_ETAG_SIZE],
                                         struct lf_error *err)
{
    const bool afterwards = ((struct refusing_lake *)lake)->refuses_afterwards;
    TRY(afterwards || refusing_allows(lake, "put_if_match", path, err));
    TRY(refusing_inner(lake)->ops->put_if_match(refusing_inner(lake), path, etag, content, ret_etag, err));
    return !afterwards || refusing_allows(lake, "put_if_match", path, err);
}

static inline bool refusing_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len,
                                       size_t *ret_len, struct lf_error *err)
{
    TRY(refusing_allows(lake, "read_range", path, err));
    return refusing_inner(lake)->ops->read_range(refusing_inner(lake), path, offset, ret, len, ret_len, err);
}

static inline bool refusing_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    TRY(refusing_allows(lake, "stat", path, err));
    return refusing_inner(lake)->ops->stat(refusing_inner(lake), path, ret_stat, err);
}

static inline bool refusing_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context,
                                 struct lf_error *err)
{
    TRY(refusing_allows(lake, "list", prefix, err));
    return refusing_inner(lake)->ops->list(refusing_inner(lake), prefix, visit, context, err);
}

static inline bool refusing_remove(struct lake *lake, const char *path, struct lf_error *err)
{
    TRY(refusing_allows(lake, "remove", path, err));
    return refusing_inner(lake)->ops->remove(refusing_inner(lake), path, err);
}

static inline bool refusing_now_ms(struct lake *lake, int64_t *ret_ms, struct lf_error *err)
{
    TRY(refusing_allows(lake, "now_ms", "", err));
    return refusing_inner(lake)->ops->now_ms(refusing_inner(lake), ret_ms, err);
}

static inline bool refusing_url(struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    TRY(refusing_allows(lake, "url", path, err));
    return refusing_inner(lake)->ops->url(refusing_inner(lake), path, out, err);
}

static inline void refusing_close(struct lake *lake)
{
    struct refusing_lake *self = (struct refusing_lake *)lake;
    lake_close(&self->inner);
    free(self);
}

/* Takes `inner`. */
static inline struct refusing_lake *refusing_lake_new(struct lake *inner)
{
    static const struct lake_ops ops = {
        .close = refusing_close,
        .put_if_absent = refusing_put_if_absent,
        .put_if_match = refusing_put_if_match,
        .read_range = refusing_read_range,
        .stat = refusing_stat,
        .list = refusing_list,
        .remove = refusing_remove,
        .now_ms = refusing_now_ms,
        .url = refusing_url,
    };
    struct refusing_lake *self = mem_new(1, sizeof *self);
    *self = (struct refusing_lake){.base = {&ops}, .inner = inner};
    return self;
}

#endif
