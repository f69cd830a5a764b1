/* SPDX-License-Identifier: Apache-2.0
 *
 * A life of a lake in which the n-th request meets a misfortune, for each n and each misfortune. The driver masters a single
 * one by itself: every call succeeds, and afterwards everything is there, once.
 */
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

#define LARGE ((size_t)1600 << 10) /* several blocks of what the ledger below has */
#define MODEL "model.json"
#define SMALL_NAME "orders/Snapshot/p00000001_20240607T095456Z_fedcba9876543210-1.csv"
#define LARGE_NAME "orders/Snapshot/p00000002_20240607T095456Z_fedcba9876543210-2.csv"
#define EMPTY_NAME "orders/Snapshot/p00000003_20240607T095456Z_fedcba9876543210-3.csv"
#define GONE_NAME "orders/Snapshot/p00000004_20240607T095456Z_fedcba9876543210-4.csv"
#define RECORD_NAME "_lakefeed/commits/0000000001-0123456789abcdef0123456789abcdef.json"
#define REQUESTS_MOST 80u

/* The first few in every run, all with LAKEFEED_LARGE=1. */
static const char *const misfortunes[] = {
    "{\"action\":\"drop_before\"}",
    "{\"action\":\"drop_after\"}",
    "{\"action\":\"status\",\"status\":503,\"after\":true}",
    "{\"action\":\"reset_in_body\",\"bytes\":3}",
    "{\"action\":\"truncate\",\"bytes\":2}",
    "{\"action\":\"reset_before\"}",
    "{\"action\":\"reset_after\"}",
    "{\"action\":\"stale\"}",
    "{\"action\":\"status\",\"status\":503}",
    "{\"action\":\"status\",\"status\":500,\"after\":true}",
};

struct life {
    struct adls_server *server;
    struct lake *lake;
    char *large;
};

static void must(bool ok, const struct lf_error *err, const char *what)
{
    if (!ok) {
        fail_msg("%s: %s %s", what, lf_error_kind_name(err->kind), err->msg);
    }
}

static void write_file(struct life *life, const char *path, const char *bytes, size_t len)
{
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    struct lake *lake = life->lake;
    must(lake->ops->writer_open(lake, path, &writer, &err), &err, "open");
    for (size_t done = 0; done < len;) {
        const size_t part = len - done < 100000 ? len - done : 100000;
        must(lake->ops->writer_write(writer, bytes + done, part, &err), &err, "write");
        done += part;
    }
    must(lake->ops->writer_commit(writer, &err), &err, path);
}

static void check_file(struct life *life, const char *path, const char *bytes, size_t len)
{
    struct lf_error err = {0};
    struct buf out = {0};
    must(lake_read_all(life->lake, path, LARGE, &out, NULL, &err), &err, path);
    assert_int_equal(out.len, len);
    assert_true(len == 0 || memcmp(out.ptr, bytes, len) == 0);
    buf_done(&out);
}

static bool count_visit(void *context, const char *path, uint64_t bytes, UNUSED struct lf_error *err)
{
    buf_printf(context, "%s=%d\n", path, (int)bytes);
    return true;
}

static void check_listing(struct life *life)
{
    struct lf_error err = {0};
    struct buf out = {0};
    CLEANUP(text_free)
    char *expected = text_printf(RECORD_NAME "=6\n_lakefeed/owner=0\nmodel.json=5\n" SMALL_NAME "=5\n" LARGE_NAME
                                             "=%d\n" EMPTY_NAME "=0\n",
                                 (int)LARGE);
    must(life->lake->ops->list(life->lake, "", count_visit, &out, &err), &err, "list");
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void live(struct life *life)
{
    struct lf_error err = {0};
    struct lake *lake = life->lake;
    char etag[LAKE_ETAG_SIZE];
    char read_etag[LAKE_ETAG_SIZE];
    struct buf out = {0};
    must(lake->ops->lock(lake, "pid 1", &err), &err, "lock");
    write_file(life, SMALL_NAME, "small", 5);
    write_file(life, LARGE_NAME, life->large, LARGE);
    write_file(life, EMPTY_NAME, "", 0);
    must(lake_text_put(lake, RECORD_NAME, "record", &err), &err, "put");
    must(lake_text_replace(lake, MODEL, NULL, "first", etag, &err), &err, "first model");
    must(lake_text_replace(lake, MODEL, etag, "other", etag, &err), &err, "next model");
    must(lake_read_all(lake, MODEL, 100, &out, read_etag, &err), &err, "read");
    assert_string_equal(buf_text(&out), "other");
    assert_string_equal(etag, read_etag);
    buf_done(&out);
    write_file(life, GONE_NAME, "gone", 4);
    must(lake->ops->remove(lake, GONE_NAME, &err), &err, "remove");
    check_file(life, LARGE_NAME, life->large, LARGE);
    check_listing(life);
    lake->ops->unlock(lake);
}

static void check_life(struct life *life)
{
    adls_server_clear(life->server);
    check_listing(life);
    check_file(life, SMALL_NAME, "small", 5);
    check_file(life, EMPTY_NAME, "", 0);
    check_file(life, LARGE_NAME, life->large, LARGE);
    check_file(life, RECORD_NAME, "record", 6);
    check_file(life, MODEL, "other", 5);
}

/* False: there is no n-th request. */
static bool live_with(struct adls_server *server, enum adls_publish publish, const char *misfortune, unsigned nth,
                      char *large)
{
    struct budget *budget = budget_new(&(struct budget_options){.bytes = (size_t)16 << 20});
    adls_server_next_filesystem(server, false);
    const struct adls_options options = {
        .publish = publish, .budget = budget, .create_filesystem = true, .backoff_ms = 5, .patience_ms = 20000};
    struct life life = {.server = server, .lake = adls_server_open(server, "shop", &options), .large = large};
    adls_server_fault(server, NULL, nth, misfortune);
    live(&life);
    const bool fired = adls_server_fired(server) > 0;
    check_life(&life);
    lake_close(&life.lake);
    budget_free(&budget);
    return fired;
}

static void sweep(struct adls_server *server, enum adls_publish publish, size_t usual)
{
    char *large = mem_new(LARGE, 1);
    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (char)('a' + i * 7 % 26);
    }
    const size_t count = getenv("LAKEFEED_LARGE") != NULL ? ARRAY_LEN(misfortunes) : usual;
    for (size_t i = 0; i < count; i++) {
        unsigned nth = 1;
        while (live_with(server, publish, misfortunes[i], nth, large)) {
            nth++;
            assert_true(nth < REQUESTS_MOST);
        }
        print_message("           %s: at %u requests\n", misfortunes[i], nth - 1);
        assert_true(nth > 15);
    }
    free(large);
}

static void life_when_any_request_fails_once_by_put_blob_then_right(void **state)
{
    sweep(*state, ADLS_PUT_BLOB, 5);
}

static void life_when_any_request_fails_once_by_rename_then_right(void **state)
{
    sweep(*state, ADLS_RENAME, 3);
}

static int start(void **state)
{
    *state = adls_server_start(NULL);
    return 0;
}

static int stop(void **state)
{
    struct adls_server *server = *state;
    adls_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_when_any_request_fails_once_by_put_blob_then_right),
        cmocka_unit_test(life_when_any_request_fails_once_by_rename_then_right),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
