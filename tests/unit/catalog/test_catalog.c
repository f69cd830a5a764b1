/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/catalog/catalog_bench.h"

#include "base/utf8.h"

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

/* ---- failures ---- */

static void check_whole_entry(void *context, const struct catalog_entry *entry)
{
    const struct catalog_failure *failure = &entry->failure;
    assert_int_equal(entry->at_ms, START_MS);
    assert_int_equal(entry->last_ms, START_MS);
    assert_int_equal(entry->times, 1);
    assert_string_equal(entry->operation, "snapshot");
    assert_string_equal(failure->link, "shop");
    assert_true(failure->operation > 0);
    assert_int_equal(failure->attempt, 3);
    assert_string_equal(failure->phase, "merge");
    assert_int_equal(failure->kind, LF_DATA);
    assert_int_equal(failure->code, -7);
    assert_string_equal(failure->entity, "orders");
    assert_string_equal(failure->key, "id=41");
    assert_string_equal(failure->message, "the value 'soon' is no date");
    assert_int_equal(failure->orphan_files, 2);
    assert_true(failure->orphan_bytes == UINT64_C(5000000000));
    ++*(int *)context;
}

static void failure_when_recorded_then_listed_with_all_that_was_given(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    int seen = 0;
    int64_t id = catalog_begin(bench->catalog, "shop", "snapshot", 3);
    catalog_fail(bench->catalog, &(struct catalog_failure){.link = "shop",
                                                           .operation = id,
                                                           .attempt = 3,
                                                           .phase = "merge",
                                                           .kind = LF_DATA,
                                                           .code = -7,
                                                           .entity = "orders",
                                                           .key = "id=41",
                                                           .message = "the value 'soon' is no date",
                                                           .orphan_files = 2,
                                                           .orphan_bytes = 5000000000});
    assert_true(catalog_failures(bench->catalog, "shop", 0, 10, check_whole_entry, &seen, &err));
    assert_int_equal(seen, 1);
}

static void check_bare_entry(void *context, const struct catalog_entry *entry)
{
    assert_null(entry->operation);
    assert_int_equal(entry->failure.operation, 0);
    assert_null(entry->failure.entity);
    assert_null(entry->failure.key);
    ++*(int *)context;
}

static void failure_when_of_no_operation_entity_or_key_then_none_is_listed(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    int seen = 0;
    bench_fail(bench, "x");
    assert_true(catalog_failures(bench->catalog, NULL, 0, 10, check_bare_entry, &seen, &err));
    assert_int_equal(seen, 1);
}

static void failures_when_listed_then_newest_first_of_the_link_since_and_at_most(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    bench_fail(bench, "a");
    bench_wait(bench, MINUTE_MS);
    bench_fail_as(bench->catalog, "bank", "b");
    bench_wait(bench, MINUTE_MS);
    bench_fail(bench, "c");
    assert_string_equal(bench_messages(bench, &out), "c*1 b*1 a*1 ");
    buf_reset(&out);
    assert_true(catalog_failures(bench->catalog, "shop", 0, 10, bench_add_message, &out, &err));
    assert_string_equal(buf_text(&out), "c*1 a*1 ");
    buf_reset(&out);
    assert_true(catalog_failures(bench->catalog, NULL, START_MS + MINUTE_MS, 10, bench_add_message, &out, &err));
    assert_string_equal(buf_text(&out), "c*1 b*1 ");
    buf_reset(&out);
    assert_true(catalog_failures(bench->catalog, NULL, 0, 1, bench_add_message, &out, &err));
    assert_string_equal(buf_text(&out), "c*1 ");
}

static void check_repeated(void *context, const struct catalog_entry *entry)
{
    assert_int_equal(entry->times, 3);
    assert_int_equal(entry->at_ms, START_MS);
    assert_int_equal(entry->last_ms, START_MS + 2 * MINUTE_MS);
    assert_int_equal(entry->failure.attempt, 3);
    assert_int_equal(entry->failure.code, 103);
    assert_string_equal(entry->failure.key, "k3");
    assert_int_equal(entry->failure.orphan_files, 6);
    assert_int_equal(entry->failure.orphan_bytes, 60);
    assert_string_equal(entry->operation, "run");
    ++*(int *)context;
}

static void failure_when_repeated_within_an_hour_then_one_row_with_the_newest_and_sums(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    int seen = 0;
    for (unsigned i = 1; i <= 3; i++) {
        CLEANUP(text_free) char *key = text_printf("k%u", i);
        int64_t id = i == 3 ? catalog_begin(bench->catalog, "shop", "run", i) : 0;
        catalog_fail(bench->catalog, &(struct catalog_failure){.link = "shop",
                                                               .operation = id,
                                                               .attempt = i,
                                                               .phase = "feed",
                                                               .kind = LF_TRANSIENT,
                                                               .code = 100 + (int)i,
                                                               .key = key,
                                                               .message = "busy",
                                                               .orphan_files = i,
                                                               .orphan_bytes = UINT64_C(10) * i});
        bench_wait(bench, MINUTE_MS);
    }
    assert_true(catalog_failures(bench->catalog, NULL, 0, 10, check_repeated, &seen, &err));
    assert_int_equal(seen, 1);
}

static void failure_when_link_phase_kind_entity_or_message_differs_then_a_row_of_its_own(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    const struct catalog_failure first = {.link = "shop", .phase = "feed", .kind = LF_TRANSIENT, .message = "m"};
    struct catalog_failure others[] = {first, first, first, first, first, first};
    others[1].link = "bank";
    others[2].phase = "load";
    others[3].kind = LF_AUTH;
    others[4].entity = "orders";
    others[5].message = "n";
    for (size_t i = 0; i < 2 * ARRAY_LEN(others); i++) {
        catalog_fail(bench->catalog, &others[i % ARRAY_LEN(others)]);
    }
    assert_string_equal(bench_messages(bench, &out), "n*2 m*2 m*2 m*2 m*2 m*2 ");
}

static void failure_when_it_goes_on_for_hours_then_one_row_an_hour(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    for (int minute = 0; minute < 180; minute++) {
        bench_fail(bench, "busy");
        bench_wait(bench, MINUTE_MS);
    }
    assert_string_equal(bench_messages(bench, &out), "busy*60 busy*60 busy*60 ");
}

static void failure_when_the_clock_went_back_then_a_row_of_its_own(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_fail(bench, "busy");
    bench_wait(bench, -DAY_MS);
    bench_fail(bench, "busy");
    bench_fail(bench, "busy");
    assert_string_equal(bench_messages(bench, &out), "busy*2 busy*1 ");
}

static void check_clean(void *context, const struct catalog_entry *entry)
{
    const char *message = entry->failure.message;
    assert_true(utf8_valid(message, strlen(message)));
    assert_int_equal(strlen(message), 1023); /* 511 characters of two bytes behind one: the next would not fit */
    assert_string_equal(entry->failure.entity, "a\xEF\xBF\xBD"
                                               "b");
    assert_int_equal(strlen(entry->failure.key), 512);
    ++*(int *)context;
}

static void texts_when_long_or_not_utf8_then_stored_cut_and_valid(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf message = {0};
    CLEANUP(buf_done) struct buf key = {0};
    int seen = 0;
    buf_append_char(&message, 'x');
    for (int i = 0; i < 2000; i++) {
        buf_append_text(&message, "\xC3\xA4");
        buf_append_char(&key, 'k');
    }
    catalog_fail(bench->catalog, &(struct catalog_failure){.link = "shop",
                                                           .phase = "feed",
                                                           .kind = LF_DATA,
                                                           .entity = "a\xFF"
                                                                     "b",
                                                           .key = buf_text(&key),
                                                           .message = buf_text(&message)});
    assert_true(catalog_failures(bench->catalog, NULL, 0, 10, check_clean, &seen, &err));
    assert_int_equal(seen, 1);
}

/* ---- operations ---- */

static void check_operation(void *context, const struct catalog_operation *operation)
{
    assert_string_equal(operation->link, "shop");
    assert_string_equal(operation->operation, "run");
    assert_int_equal(operation->attempt, 2);
    assert_int_equal(operation->began_ms, START_MS);
    assert_int_equal(operation->ended_ms, START_MS + MINUTE_MS);
    assert_string_equal(operation->outcome, "done");
    assert_true(operation->commit == 17);
    ++*(int *)context;
}

static void operation_when_ended_then_listed_with_outcome_and_commit(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    int seen = 0;
    int64_t id = catalog_begin(bench->catalog, "shop", "run", 2);
    assert_true(id > 0);
    bench_wait(bench, MINUTE_MS);
    catalog_end(bench->catalog, id, "done", 17);
    assert_true(catalog_operations(bench->catalog, "shop", 0, 10, check_operation, &seen, &err));
    assert_int_equal(seen, 1);
}

static void operation_when_it_runs_then_listed_without_an_end(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    (void)catalog_begin(bench->catalog, "shop", "run", 1);
    assert_string_equal(bench_operations(bench, &out), "shop:run:- ");
}

static void operation_when_its_process_died_then_interrupted_once_the_next_begins(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    (void)catalog_begin(bench->catalog, "shop", "run", 1);
    (void)catalog_begin(bench->catalog, "bank", "run", 1);
    (void)catalog_begin(bench->catalog, "shop", "load", 1);
    bench_reopen(bench);
    int64_t id = catalog_begin(bench->catalog, "shop", "run", 1);
    assert_string_equal(bench_operations(bench, &out), "shop:run:- shop:load:- bank:run:- shop:run:interrupted ");
    catalog_end(bench->catalog, id, "stopped", 0);
    assert_string_equal(bench_operations(bench, &out), "shop:run:stopped shop:load:- bank:run:- shop:run:interrupted ");
}

/* ---- the file ---- */

static void history_when_opened_again_then_still_there(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_fail(bench, "a");
    catalog_end(bench->catalog, catalog_begin(bench->catalog, "shop", "run", 1), "failed", 0);
    bench_reopen(bench);
    bench_fail(bench, "a");
    assert_string_equal(bench_messages(bench, &out), "a*2 ");
    assert_string_equal(bench_operations(bench, &out), "shop:run:failed ");
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

static void file_when_made_then_only_its_owner_reads_it(void **state)
{
    struct bench *bench = *state;
    struct stat status;
    bench_fail(bench, "a");
    assert_int_equal(stat(bench->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    CLEANUP(text_free) char *wal = text_printf("%s-wal", bench->path);
    assert_int_equal(stat(wal, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void catalog_when_null_then_it_does_nothing(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    struct catalog *none = NULL;
    assert_int_equal(catalog_begin(none, "shop", "run", 1), 0);
    catalog_end(none, 1, "done", 1);
    bench_fail_as(none, "shop", "x");
    assert_true(catalog_failures(none, NULL, 0, 1, bench_add_message, &out, &err));
    catalog_close(&none);
    assert_int_equal(out.len, 0);
}

/* ---- only reading ---- */

static void read_only_when_another_writes_then_it_sees_and_changes_nothing(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_fail(bench, "a");
    struct catalog *reader = bench_open_another(bench, true);
    assert_string_equal(bench_messages_of(reader, &out), "a*1 ");
    bench_fail(bench, "b");
    assert_string_equal(bench_messages_of(reader, &out), "b*1 a*1 ");
    bench_fail_as(reader, "shop", "c");
    assert_int_equal(catalog_begin(reader, "shop", "run", 1), 0);
    assert_string_equal(bench_messages(bench, &out), "b*1 a*1 ");
    assert_string_equal(bench_operations(bench, &out), "");
    catalog_close(&reader);
}

static void read_only_when_there_is_no_file_then_no_rows_and_none_is_made(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    catalog_close(&bench->catalog);
    assert_int_equal(remove(bench->path), 0);
    struct catalog *reader = bench_open_another(bench, true);
    assert_string_equal(bench_messages_of(reader, &out), "");
    assert_int_equal(bench_count_files(bench, "catalog"), 0);
    bench_open(bench);
    bench_fail(bench, "a"); /* the reader finds what comes later */
    assert_string_equal(bench_messages_of(reader, &out), "a*1 ");
    catalog_close(&reader);
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

static void read_only_when_the_file_is_damaged_then_an_error_and_it_stays(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    catalog_close(&bench->catalog);
    bench_write_file(bench->path, "this is certainly no database, whatever else it is", 50);
    struct catalog *reader = bench_open_another(bench, true);
    assert_non_null(strstr(bench_messages_of(reader, &out), "DATA: the catalog /"));
    assert_non_null(strstr(buf_text(&out), "file is not a database"));
    assert_int_equal(bench_count_files(bench, "catalog"), 1);
    catalog_close(&reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failure_when_recorded_then_listed_with_all_that_was_given),
        TEST(failure_when_of_no_operation_entity_or_key_then_none_is_listed),
        TEST(failures_when_listed_then_newest_first_of_the_link_since_and_at_most),
        TEST(failure_when_repeated_within_an_hour_then_one_row_with_the_newest_and_sums),
        TEST(failure_when_link_phase_kind_entity_or_message_differs_then_a_row_of_its_own),
        TEST(failure_when_it_goes_on_for_hours_then_one_row_an_hour),
        TEST(failure_when_the_clock_went_back_then_a_row_of_its_own),
        TEST(texts_when_long_or_not_utf8_then_stored_cut_and_valid),
        TEST(operation_when_ended_then_listed_with_outcome_and_commit),
        TEST(operation_when_it_runs_then_listed_without_an_end),
        TEST(operation_when_its_process_died_then_interrupted_once_the_next_begins),
        TEST(history_when_opened_again_then_still_there),
        TEST(file_when_made_then_only_its_owner_reads_it),
        TEST(catalog_when_null_then_it_does_nothing),
        TEST(read_only_when_another_writes_then_it_sees_and_changes_nothing),
        TEST(read_only_when_there_is_no_file_then_no_rows_and_none_is_made),
        TEST(read_only_when_the_file_is_damaged_then_an_error_and_it_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
