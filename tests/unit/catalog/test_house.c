/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/catalog/catalog_bench.h"

static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    assert_non_null(bench);
    bench_init(bench);
    bench_open(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

/* A failure and an operation of this name, now. */
static void record(struct bench *bench, const char *name)
{
    bench_fail(bench, name);
    catalog_end(bench->catalog, catalog_begin(bench->catalog, "shop", name, 1), "done", 1);
}

static void assert_kept(struct bench *bench, const char *messages, const char *operations)
{
    CLEANUP(buf_done) struct buf out = {0};
    assert_string_equal(bench_messages(bench, &out), messages);
    assert_string_equal(bench_operations(bench, &out), operations);
}

#define OP(name) "shop:" name ":done "

/* ---- age ---- */

static void rows_when_older_than_90_days_then_removed_by_the_daemon_that_runs(void **state)
{
    struct bench *bench = *state;
    record(bench, "first");
    bench_wait(bench, DAY_MS);
    record(bench, "second");
    for (int day = 0; day < 89; day++) {
        bench_wait(bench, DAY_MS);
        bench_fail(bench, "daily");
    }
    /* Day 90: the last look was a day ago, when nothing was too old. */
    CLEANUP(buf_done) struct buf out = {0};
    assert_non_null(strstr(bench_messages(bench, &out), "second*1 first*1 "));
    for (int day = 0; day < 2; day++) {
        bench_wait(bench, DAY_MS);
        bench_fail(bench, "daily");
    }
    assert_null(strstr(bench_messages(bench, &out), "first*1 "));
    assert_non_null(strstr(bench_messages(bench, &out), "second*1 "));
    bench_wait(bench, DAY_MS);
    bench_fail(bench, "daily");
    assert_null(strstr(bench_messages(bench, &out), "second*1 "));
    assert_string_equal(bench_operations(bench, &out), "");
}

static void rows_when_older_than_90_days_then_removed_at_open(void **state)
{
    struct bench *bench = *state;
    record(bench, "old");
    bench_wait(bench, 60 * DAY_MS);
    bench_reopen(bench);
    record(bench, "young");
    bench_wait(bench, 40 * DAY_MS);
    bench_reopen(bench);
    assert_kept(bench, "young*1 old*1 ", OP("young") OP("old")); /* a jump of 40 days, as far as anybody can tell */
    bench_wait(bench, DAY_MS);
    bench_reopen(bench);
    assert_kept(bench, "young*1 ", OP("young"));
}

static void rows_when_looked_for_twice_a_day_then_only_once(void **state)
{
    struct bench *bench = *state;
    record(bench, "a");
    bench_wait(bench, 91 * DAY_MS);
    bench_reopen(bench); /* the first look after the pause */
    bench_wait(bench, DAY_MS - 1);
    bench_reopen(bench);
    assert_kept(bench, "a*1 ", OP("a"));
    bench_wait(bench, 1);
    bench_reopen(bench);
    assert_kept(bench, "", "");
}

/* ---- clocks that are wrong ---- */

static void clock_when_far_ahead_for_less_than_a_day_then_nothing_is_lost(void **state)
{
    struct bench *bench = *state;
    record(bench, "before");
    for (int i = 0; i < 3; i++) { /* again and again */
        bench_wait(bench, 20000 * DAY_MS);
        bench_reopen(bench);
        CLEANUP(text_free) char *name = text_printf("ahead%d", i);
        bench_fail(bench, name);
        bench_wait(bench, -20000 * DAY_MS);
        bench_reopen(bench);
    }
    record(bench, "after");
    assert_kept(bench, "after*1 ahead2*1 ahead1*1 ahead0*1 before*1 ", OP("after") OP("before"));
}

static void clock_when_back_then_nothing_is_lost_and_old_rows_still_go_in_time(void **state)
{
    struct bench *bench = *state;
    record(bench, "before");
    bench_wait(bench, -10000 * DAY_MS); /* a machine that starts in 1996 */
    bench_reopen(bench);
    record(bench, "past");
    bench_wait(bench, DAY_MS);
    record(bench, "past2");
    bench_wait(bench, 9999 * DAY_MS);
    bench_reopen(bench);
    for (int day = 0; day < 3; day++) {
        bench_wait(bench, DAY_MS);
        record(bench, "now");
    }
    CLEANUP(buf_done) struct buf out = {0};
    assert_string_equal(bench_messages(bench, &out), "now*1 now*1 now*1 past2*1 past*1 before*1 ");
    for (int day = 0; day < 92; day++) {
        bench_wait(bench, DAY_MS);
        bench_fail(bench, "later");
    }
    assert_null(strstr(bench_messages(bench, &out), "before"));
    assert_null(strstr(bench_messages(bench, &out), "past"));
    assert_non_null(strstr(bench_messages(bench, &out), "later"));
}

static void clock_when_set_right_after_being_ahead_then_old_rows_go_as_before(void **state)
{
    struct bench *bench = *state;
    record(bench, "before");
    bench_wait(bench, 20000 * DAY_MS);
    bench_reopen(bench);
    bench_wait(bench, -20000 * DAY_MS);
    for (int day = 0; day < 92; day++) {
        bench_wait(bench, DAY_MS);
        bench_fail(bench, "daily");
    }
    CLEANUP(buf_done) struct buf out = {0};
    assert_null(strstr(bench_messages(bench, &out), "before"));
    assert_non_null(strstr(bench_messages(bench, &out), "daily"));
}

/* ---- size ---- */

static size_t count_of(struct bench *bench, const char *link)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    size_t n = 0;
    assert_true(catalog_failures(bench->catalog, link, INT64_MIN, SIZE_MAX, bench_add_message, &out, &err));
    for (const char *at = buf_text(&out); (at = strchr(at, '*')) != NULL; at++) {
        n++;
    }
    return n;
}

/* Rows as of before, put in behind the catalog's back, which is much faster than one transaction each. */
static void fill(struct bench *bench, const char *link, int rows)
{
    CLEANUP(text_free)
    char *sql = text_printf("WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                            "INSERT INTO failure SELECT NULL, '%s', NULL, 1, 'feed', 'DATA', 0, NULL, NULL, 'm' || i,"
                            " 0, 0, %lld, %lld, 1 FROM n",
                            rows, link, (long long)START_MS, (long long)START_MS);
    bench_execute(bench->path, sql);
}

static void failures_when_too_many_then_the_oldest_of_the_noisiest_links_go(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    fill(bench, "quiet", 50);
    fill(bench, "noisy", CATALOG_FAILURES_MAX);
    for (int i = 0; i < 100; i++) { /* past one id that is a multiple of 100 */
        CLEANUP(text_free) char *message = text_printf("new%d", i);
        bench_fail(bench, message);
    }
    size_t all = count_of(bench, NULL);
    assert_in_range(all, CATALOG_FAILURES_MAX, CATALOG_FAILURES_MAX + 99);
    assert_int_equal(count_of(bench, "quiet"), 50);
    assert_int_equal(count_of(bench, "shop"), 100);
    assert_int_equal(count_of(bench, "noisy"), all - 150);
    bench_execute(bench->path, "DELETE FROM failure WHERE link <> 'noisy' OR id > (SELECT min(id) FROM failure WHERE"
                               " link = 'noisy')");
    (void)bench_messages(bench, &out);
    assert_memory_not_equal(buf_text(&out), "m1*", 3); /* the first one went */
}

static void operations_when_too_many_then_bounded(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(text_free)
    char *sql = text_printf("WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                            "INSERT INTO operation SELECT NULL, 'x', 'o', 1, %lld, %lld, 'done', 1 FROM n",
                            CATALOG_OPERATIONS_MAX + 1000, (long long)START_MS, (long long)START_MS);
    bench_execute(bench->path, sql);
    for (int i = 0; i < 100; i++) {
        catalog_end(bench->catalog, catalog_begin(bench->catalog, "x", "o", 1), "done", 1);
    }
    out.max = (size_t)16 << 20;
    size_t len = strlen(bench_operations(bench, &out)) / strlen("x:o:done ");
    assert_in_range(len, CATALOG_OPERATIONS_MAX, CATALOG_OPERATIONS_MAX + 99);
}

/* The bound that docs/formats/catalog.md gives: every text as long as it may be. */
static void file_when_all_rows_are_as_large_as_they_may_be_then_within_its_bound(void **state)
{
    struct bench *bench = *state;
    struct stat status;
    CLEANUP(text_free)
    char *sql = text_printf(
        "CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT "
        "i"
        " FROM n;"
        "INSERT INTO failure SELECT NULL, printf('%%0256d', i), i, 1, printf('%%0256d', i), 'TRANSIENT', 0,"
        " printf('%%0256d', i), printf('%%0512d', i), printf('%%01024d', i), 1, 1, %lld, 0, 1 FROM n WHERE i <= %d;"
        "INSERT INTO operation SELECT NULL, printf('%%0032d', i), printf('%%0032d', i), 1, %lld, 0, NULL, 1 FROM n;"
        "PRAGMA wal_checkpoint(TRUNCATE)",
        CATALOG_OPERATIONS_MAX + 99, (long long)START_MS, CATALOG_FAILURES_MAX + 99, (long long)START_MS);
    bench_execute(bench->path, sql);
    assert_int_equal(stat(bench->path, &status), 0);
    print_message("%lld bytes\n", (long long)status.st_size);
    assert_in_range(status.st_size, 30 << 20, 64 << 20);
}

static void file_when_old_rows_went_then_it_shrinks(void **state)
{
    struct bench *bench = *state;
    struct stat full, empty;
    fill(bench, "shop", 5000);
    catalog_close(&bench->catalog);
    assert_int_equal(stat(bench->path, &full), 0);
    for (int i = 0; i < 2; i++) {
        bench_wait(bench, 91 * DAY_MS);
        bench_open(bench);
        catalog_close(&bench->catalog);
    }
    assert_int_equal(stat(bench->path, &empty), 0);
    assert_true(empty.st_size * 4 < full.st_size);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_when_older_than_90_days_then_removed_by_the_daemon_that_runs),
        TEST(rows_when_older_than_90_days_then_removed_at_open),
        TEST(rows_when_looked_for_twice_a_day_then_only_once),
        TEST(clock_when_far_ahead_for_less_than_a_day_then_nothing_is_lost),
        TEST(clock_when_back_then_nothing_is_lost_and_old_rows_still_go_in_time),
        TEST(clock_when_set_right_after_being_ahead_then_old_rows_go_as_before),
        TEST(failures_when_too_many_then_the_oldest_of_the_noisiest_links_go),
        TEST(operations_when_too_many_then_bounded),
        TEST(file_when_all_rows_are_as_large_as_they_may_be_then_within_its_bound),
        TEST(file_when_old_rows_went_then_it_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
