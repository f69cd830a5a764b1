/* SPDX-License-Identifier: Apache-2.0
 *
 * A life of a lake in which the n-th request meets a misfortune, for each n and each misfortune. The driver masters a single
 * one by itself: every call succeeds, and afterwards everything is there, once.
 */
#include "adls_bench.h"

#define LARGE (1600 * KIB) /* several blocks of what the ledger below has */
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

static void write_file(struct life *life, const char *path, const char *bytes, size_t len)
{
    struct lf_error err = {0};
    must(bench_write(life->lake, path, bytes, len, &err), &err);
}

static void check_listing(struct life *life)
{
    struct lf_error err = {0};
    struct buf out = {0};
    CLEANUP(text_free)
    char *expected =
        text_printf(RECORD_NAME "=6;_lakefeed/owner=0;model.json=5;" FILE_NAME "=5;" LARGE_NAME "=%d;" EMPTY_NAME "=0;",
                    (int)LARGE);
    must(life->lake->ops->list(life->lake, "", bench_visit, &out, &err), &err);
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
    must(lake->ops->lock(lake, "pid 1", &err), &err);
    write_file(life, FILE_NAME, "small", 5);
    write_file(life, LARGE_NAME, life->large, LARGE);
    write_file(life, EMPTY_NAME, "", 0);
    must(lake_text_put(lake, RECORD_NAME, "record", &err), &err);
    must(lake_text_replace(lake, MODEL, NULL, "first", etag, &err), &err);
    must(lake_text_replace(lake, MODEL, etag, "other", etag, &err), &err);
    must(lake_read_all(lake, MODEL, 100, &out, read_etag, &err), &err);
    assert_string_equal(buf_text(&out), "other");
    assert_string_equal(etag, read_etag);
    buf_done(&out);
    write_file(life, GONE_NAME, "gone", 4);
    must(lake->ops->remove(lake, GONE_NAME, &err), &err);
    bench_check(life->lake, LARGE_NAME, life->large, LARGE);
    check_listing(life);
    lake->ops->unlock(lake);
}

static void check_life(struct life *life)
{
    adls_server_clear(life->server);
    check_listing(life);
    bench_check(life->lake, FILE_NAME, "small", 5);
    bench_check(life->lake, EMPTY_NAME, "", 0);
    bench_check(life->lake, LARGE_NAME, life->large, LARGE);
    bench_check(life->lake, RECORD_NAME, "record", 6);
    bench_check(life->lake, MODEL, "other", 5);
}

/* False: there is no n-th request. */
static bool live_with(struct adls_server *server, enum adls_publish publish, const char *misfortune, unsigned nth,
                      char *large)
{
    struct budget *budget = bench_budget(16);
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
    char *large = bench_bytes(LARGE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_when_any_request_fails_once_by_put_blob_then_right),
        cmocka_unit_test(life_when_any_request_fails_once_by_rename_then_right),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
