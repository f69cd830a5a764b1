/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the ADLS driver share: a server for each program, and lakes that do not wait long.
 */
#ifndef UNIT_LAKE_ADLS_BENCH_H
#define UNIT_LAKE_ADLS_BENCH_H

#include "base/file.h"
#include "base/macros.h"
#include "fakes/adls_server.h"
#include "fakes/lake_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define FILE_NAME "orders/Snapshot/p00000001_20240607T095456Z_fedcba9876543210-1.csv"
#define MODEL "model.json"

static inline int bench_start(void **state)
{
    *state = adls_server_start(NULL);
    return 0;
}

static inline int bench_stop(void **state)
{
    struct adls_server *server = *state;
    adls_server_stop(&server);
    return 0;
}

/* An empty filesystem, and no memory of what was before. */
static inline int bench_begin(void **state)
{
    struct adls_server *server = *state;
    adls_server_next_filesystem(server, true);
    adls_server_clear(server);
    return 0;
}

static inline void must(bool ok, const struct lf_error *err)
{
    if (!ok) {
        fail_msg("%s: %s", lf_error_kind_name(err->kind), err->msg);
    }
}

static inline struct lake *bench_open(struct adls_server *server, struct adls_options options)
{
    options.backoff_ms = 5;
    options.patience_ms = options.patience_ms > 0 ? options.patience_ms : 5000;
    options.publish = options.publish != ADLS_AUTO ? options.publish : ADLS_PUT_BLOB;
    return adls_server_open(server, "shop", &options);
}

static inline struct budget *bench_budget(size_t mib)
{
    return budget_new(&(struct budget_options){.bytes = mib * MIB});
}

static inline char *bench_bytes(size_t len)
{
    char *bytes = mem_new(len + 1, 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)('a' + (i * 7 + i / 1000) % 26);
    }
    return bytes;
}

static inline bool bench_write(struct lake *lake, const char *path, const char *bytes, size_t len, struct lf_error *err)
{
    struct lake_writer *writer = NULL;
    TRY(lake->ops->writer_open(lake, path, &writer, err));
    for (size_t done = 0; done < len;) {
        const size_t part = len - done < 99999 ? len - done : 99999;
        if (!lake->ops->writer_write(writer, bytes + done, part, err)) {
            lake->ops->writer_abort(writer);
            return false;
        }
        done += part;
    }
    return lake->ops->writer_commit(writer, err);
}

static inline void bench_check(struct lake *lake, const char *path, const char *bytes, size_t len)
{
    struct lf_error err = {0};
    struct buf out = {0};
    must(lake_read_all(lake, path, len, &out, NULL, &err), &err);
    assert_int_equal(out.len, len);
    assert_true(len == 0 || memcmp(out.ptr, bytes, len) == 0);
    buf_done(&out);
}

static inline bool bench_visit(void *context, const char *path, uint64_t bytes, UNUSED struct lf_error *err)
{
    buf_printf(context, "%s=%d;", path, (int)bytes);
    return true;
}

static inline void control(struct adls_server *server, const char *verb, const char *json)
{
    char *answer = adls_server_control(server, verb, json);
    text_free(&answer);
}

#endif
