/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/catalog/catalog_bench.h"

#include <pthread.h>

enum { ROWS = 200 };

static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    assert_non_null(bench);
    bench_init(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

static void record_many(struct catalog *catalog, const char *link)
{
    for (int i = 0; i < ROWS; i++) {
        CLEANUP(text_free) char *message = text_printf("m%d", i);
        int64_t id = catalog_begin(catalog, link, "run", 1);
        bench_fail_as(catalog, link, message);
        catalog_end(catalog, id, "failed", 0);
    }
}

static void count_entry(void *context, const struct catalog_entry *entry)
{
    assert_int_equal(entry->times, 1);
    ++*(int *)context;
}

static void count_ended(void *context, const struct catalog_operation *operation)
{
    *(int *)context += operation->outcome != NULL && strcmp(operation->outcome, "failed") == 0;
}

static void assert_all_there(struct bench *bench, int links)
{
    struct lf_error err;
    int failures = 0, operations = 0;
    assert_true(catalog_failures(bench->catalog, NULL, 0, SIZE_MAX, count_entry, &failures, &err));
    assert_true(catalog_operations(bench->catalog, NULL, 0, SIZE_MAX, count_ended, &operations, &err));
    assert_int_equal(failures, links * ROWS);
    assert_int_equal(operations, links * ROWS);
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

struct recorder {
    struct catalog *catalog;
    const char *link;
};

static void *record_in_thread(void *context)
{
    const struct recorder *recorder = context;
    record_many(recorder->catalog, recorder->link);
    return NULL;
}

static void threads_when_they_write_at_once_then_every_row_is_there(void **state)
{
    struct bench *bench = *state;
    pthread_t threads[2];
    bench_open(bench);
    struct recorder recorders[2] = {{bench->catalog, "a"}, {bench->catalog, "b"}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, record_in_thread, &recorders[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_all_there(bench, 2);
}

/* ---- processes; a child ends with 0 when all went well ---- */

static void wait_for(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void record_in_child(struct bench *bench, const char *link)
{
    bench_open(bench);
    record_many(bench->catalog, link);
    catalog_close(&bench->catalog);
    _exit(0);
}

static void processes_when_they_begin_one_file_together_then_every_row_is_there(void **state)
{
    struct bench *bench = *state;
    static const char *const links[] = {"a", "b", "c"};
    pid_t children[3];
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            record_in_child(bench, links[i]);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        wait_for(children[i]);
    }
    bench_open(bench);
    assert_all_there(bench, 3);
}

/* Reads until the writer's last row is there; what it sees never shrinks. */
static void read_in_child(struct bench *bench)
{
    struct catalog *reader = bench_open_another(bench, true);
    for (int before = 0; before < ROWS;) {
        struct lf_error err;
        int seen = 0;
        if (!catalog_failures(reader, "a", 0, SIZE_MAX, count_entry, &seen, &err)) {
            (void)fprintf(stderr, "%s\n", err.msg);
            _exit(1);
        }
        if (seen < before) {
            _exit(2);
        }
        before = seen;
    }
    catalog_close(&reader);
    _exit(0);
}

static void reader_when_another_process_writes_then_it_reads_and_hinders_nobody(void **state)
{
    struct bench *bench = *state;
    pid_t child = fork(); /* before the catalog is open, for SQLite must not be carried over a fork */
    assert_true(child >= 0);
    if (child == 0) {
        read_in_child(bench);
    }
    bench_open(bench);
    record_many(bench->catalog, "a");
    wait_for(child);
    assert_all_there(bench, 1);
}

/* A command that stands still in the middle of a list, as with a pager. */
static void write_beside(void *context, const struct catalog_entry *entry)
{
    struct bench *bench = context;
    (void)entry;
    bench_fail_as(bench->catalog, "b", "beside");
}

static void writer_when_a_reader_stands_in_the_middle_of_a_list_then_it_goes_on(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    bench_open(bench);
    bench_fail(bench, "x");
    bench_fail(bench, "y");
    struct catalog *reader = bench_open_another(bench, true);
    assert_true(catalog_failures(reader, NULL, 0, SIZE_MAX, write_beside, bench, &err));
    catalog_close(&reader);
    assert_string_equal(bench_messages(bench, &out), "beside*2 y*1 x*1 ");
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

static void history_when_the_process_is_killed_then_whole_and_read_by_another(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bench_open(bench);
        bench_fail(bench, "last words");
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    bench->catalog = bench_open_another(bench, true); /* the log was never written back */
    assert_string_equal(bench_messages(bench, &out), "last words*1 ");
    bench_reopen(bench);
    assert_string_equal(bench_messages(bench, &out), "last words*1 ");
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

/* What another process writes to the file holds a writer up for a while and then costs it a minute, never more. */
static void write_when_another_process_holds_the_file_then_told_once_and_tried_again(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    sqlite3 *db = NULL;
    bench_open(bench);
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    bench_fail(bench, "lost");
    bench_fail(bench, "lost too");
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    bench_wait(bench, MINUTE_MS);
    bench_fail(bench, "back");
    assert_string_equal(bench_messages(bench, &out), "back*1 ");
    assert_int_equal(bench_logged(bench, "WARN  catalog_unavailable kind=TRANSIENT"), 1);
    assert_int_equal(bench_logged(bench, "database is locked"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_when_they_write_at_once_then_every_row_is_there),
        TEST(processes_when_they_begin_one_file_together_then_every_row_is_there),
        TEST(reader_when_another_process_writes_then_it_reads_and_hinders_nobody),
        TEST(writer_when_a_reader_stands_in_the_middle_of_a_list_then_it_goes_on),
        TEST(history_when_the_process_is_killed_then_whole_and_read_by_another),
        TEST(write_when_another_process_holds_the_file_then_told_once_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
