/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/catalog/catalog_bench.h"

#include <sys/resource.h>

#define ASIDE "catalog.db.damaged-20231115T120004Z"

/* With a closed catalog that holds one failure. */
static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    assert_non_null(bench);
    bench_init(bench);
    bench_open(bench);
    bench_fail(bench, "old");
    catalog_close(&bench->catalog);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

/* Opening begins a new history, keeps the old file and says why; the new one works and is whole. */
static void assert_begun_anew(struct bench *bench, const char *why)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(text_free) char *kept = text_printf("kept=%s/" ASIDE "\n", bench->folder);
    bench_open(bench);
    assert_string_equal(bench_messages(bench, &out), "");
    bench_fail(bench, "new");
    bench_reopen(bench);
    assert_string_equal(bench_messages(bench, &out), "new*1 ");
    assert_int_equal(bench_logged(bench, "WARN  catalog_recreated"), 1);
    assert_int_equal(bench_logged(bench, why), 1);
    assert_int_equal(bench_logged(bench, kept), 1);
    CLEANUP(text_free) char *aside = text_printf("%s/" ASIDE, bench->folder);
    assert_int_equal(access(aside, F_OK), 0);
}

static void open_when_the_file_is_random_bytes_then_begun_anew(void **state)
{
    struct bench *bench = *state;
    unsigned char bytes[8192];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 2654435761U >> 13);
    }
    bench_write_file(bench->path, bytes, sizeof bytes);
    assert_begun_anew(bench, "file is not a database");
}

static void open_when_the_file_was_cut_then_begun_anew(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(truncate(bench->path, 3 * 4096 + 100), 0);
    assert_begun_anew(bench, "message=\"the catalog /");
}

/* The last page holds rows alone: nothing but a look at all pages finds it before somebody asks for them. */
static void open_when_a_page_was_overwritten_then_begun_anew(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    for (int i = 0; i < 200; i++) {
        CLEANUP(text_free) char *message = text_printf("%0200d", i);
        bench_fail(bench, message);
    }
    catalog_close(&bench->catalog);
    FILE *file = fopen(bench->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -4096, SEEK_END), 0);
    assert_int_equal(fwrite("\x77garbage", 1, 8, file), 8);
    (void)fclose(file);
    assert_begun_anew(bench, "its pages contradict each other");
}

static void open_when_a_table_is_missing_then_begun_anew(void **state)
{
    struct bench *bench = *state;
    bench_execute(bench->path, "DROP TABLE failure");
    assert_begun_anew(bench, "no such table");
}

static void open_when_the_file_is_another_programs_then_kept_unchanged_and_begun_anew(void **state)
{
    struct bench *bench = *state;
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    CLEANUP(text_free) char *aside = text_printf("%s/" ASIDE, bench->folder);
    assert_int_equal(remove(bench->path), 0);
    bench_execute(bench->path, "CREATE TABLE mine (x); INSERT INTO mine VALUES (42)");
    assert_begun_anew(bench, "it is the database of another program");
    assert_int_equal(sqlite3_open(aside, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT x FROM mine", -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(row, 0), 42);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
}

static void open_when_the_format_is_newer_then_kept_and_begun_anew(void **state)
{
    struct bench *bench = *state;
    bench_execute(bench->path, "PRAGMA user_version = 2");
    assert_begun_anew(bench, "it has format 2 and this lakefeed reads up to 1; use a newer lakefeed");
}

static void read_only_when_the_format_is_newer_then_unsupported(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_execute(bench->path, "PRAGMA user_version = 2");
    bench->catalog = bench_open_another(bench, true);
    assert_non_null(strstr(bench_messages(bench, &out), "UNSUPPORTED: the catalog /"));
}

static void open_when_a_folder_stands_in_its_place_then_moved_away_with_what_is_in_it(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *inside = text_printf("%s/x", bench->path);
    CLEANUP(text_free) char *moved = text_printf("%s/" ASIDE "/x", bench->folder);
    assert_int_equal(remove(bench->path), 0);
    assert_int_equal(mkdir(bench->path, 0700), 0);
    bench_write_file(inside, "x", 1);
    assert_begun_anew(bench, "it is no file");
    assert_int_equal(access(moved, F_OK), 0);
}

static void open_when_the_old_name_is_taken_then_the_damaged_file_is_removed(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(text_free) char *taken = text_printf("%s/" ASIDE, bench->folder);
    assert_int_equal(mkdir(taken, 0700), 0);
    bench_write_file(bench->path, "nothing like a database, and long enough", 40);
    bench_open(bench);
    bench_fail(bench, "new");
    assert_string_equal(bench_messages(bench, &out), "new*1 ");
    assert_int_equal(bench_logged(bench, "kept=\"\"\n"), 1);
}

static void open_when_the_file_is_empty_then_begun_without_a_word(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_write_file(bench->path, "", 0);
    bench_open(bench);
    bench_fail(bench, "new");
    assert_string_equal(bench_messages(bench, &out), "new*1 ");
    assert_int_equal(bench_logged(bench, "catalog_"), 0);
}

/* The write-ahead log of a damaged file must not be played into the new one. */
static void open_when_a_log_stands_beside_the_damaged_file_then_it_goes_with_it(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *wal = text_printf("%s-wal", bench->path);
    bench_write_file(bench->path, "nothing like a database, and long enough", 40);
    bench_write_file(wal, "neither is this", 15);
    assert_begun_anew(bench, "file is not a database");
    assert_int_equal(bench_count_files(bench, ASIDE "-wal"), 1);
}

/* ---- while it is in use ---- */

/* Overwrites all but the first page, and the log, below an open catalog. */
static void spoil(struct bench *bench)
{
    char page[4096];
    memset(page, 0x5A, sizeof page);
    bench_execute(bench->path, "PRAGMA wal_checkpoint(TRUNCATE)");
    FILE *file = fopen(bench->path, "r+b");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    for (long at = sizeof page, size = ftell(file); at < size; at += (long)sizeof page) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(page, 1, sizeof page, file), sizeof page);
    }
    (void)fclose(file);
}

static void write_when_the_file_turns_out_to_be_damaged_then_begun_anew_and_written_there(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_open(bench);
    for (int i = 0; i < 2; i++) { /* the second time the old one is not kept */
        bench_fail(bench, "before");
        spoil(bench);
        bench_execute(bench->path, "PRAGMA user_version");  /* a reader; and ours reads its pages again */
        atomic_fetch_add(&bench->now_ms, DAY_MS + HOUR_MS); /* reads the tables, not the cache */
        bench_fail(bench, "after");
        assert_string_equal(bench_messages(bench, &out), "after*1 ");
        assert_int_equal(bench_logged(bench, "catalog_recreated"), i + 1);
    }
    assert_int_equal(bench_count_files(bench, "catalog.db.damaged-20231116T130004Z"), 1);
    assert_int_equal(bench_count_files(bench, "catalog.db.damaged-"), 1);
    assert_int_equal(bench_logged(bench, "catalog_unavailable"), 0);
}

static void write_when_the_file_was_taken_away_then_begun_anew_and_told(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_open(bench);
    int64_t before = catalog_begin(bench->catalog, "shop", "run", 1);
    assert_int_equal(remove(bench->path), 0);
    int64_t other = catalog_begin(bench->catalog, "bank", "run", 1);
    bench_fail(bench, "after");
    assert_string_equal(bench_messages(bench, &out), "after*1 ");
    assert_int_equal(bench_logged(bench, "catalog_recreated"), 1);
    assert_int_equal(bench_logged(bench, "it was taken away while it was in use"), 1);
    /* The end of an operation of the old file ends none of the new one, though both are the first of theirs. */
    assert_true(before != other);
    catalog_end(bench->catalog, before, "failed", 0);
    assert_string_equal(bench_operations(bench, &out), "bank:run:- ");
    catalog_end(bench->catalog, other, "done", 0);
    assert_string_equal(bench_operations(bench, &out), "bank:run:done ");
}

static void failure_when_its_operation_is_of_an_old_file_then_recorded_without(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    bench_open(bench);
    int64_t before = catalog_begin(bench->catalog, "shop", "run", 1);
    assert_int_equal(remove(bench->path), 0);
    (void)catalog_begin(bench->catalog, "bank", "resync", 1);
    catalog_fail(bench->catalog,
                 &(struct catalog_failure){.link = "shop", .operation = before, .phase = "feed", .message = "m"});
    bench_execute(bench->path, "UPDATE failure SET message = 'none' WHERE operation_id IS NULL");
    assert_string_equal(bench_messages(bench, &out), "none*1 ");
}

/* ---- no file at all ---- */

static void open_when_the_folder_is_missing_then_told_once_and_tried_again_after_a_minute(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(text_free) char *folder = text_printf("%s/sub", bench->folder);
    text_free(&bench->path);
    bench->path = text_printf("%s/" CATALOG_FILE, folder);
    bench_open(bench);
    assert_int_equal(catalog_begin(bench->catalog, "shop", "run", 1), 0);
    catalog_end(bench->catalog, 0, "done", 0);
    bench_fail(bench, "lost");
    assert_non_null(strstr(bench_messages(bench, &out), "NOT_FOUND: make the catalog "));
    assert_int_equal(bench_logged(bench, "WARN  catalog_unavailable kind=NOT_FOUND code=2"), 1);
    assert_int_equal(mkdir(folder, 0700), 0);
    bench_wait(bench, MINUTE_MS - 1);
    bench_fail(bench, "still lost");
    bench_wait(bench, 1);
    bench_fail(bench, "found");
    assert_string_equal(bench_messages(bench, &out), "found*1 ");
    assert_int_equal(bench_logged(bench, "catalog_unavailable"), 1);
}

static void open_when_it_stays_unusable_for_hours_then_told_once(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *below_a_file = text_printf("%s/x", bench->path);
    text_free(&bench->path);
    bench->path = text_copy(below_a_file);
    bench_open(bench);
    for (int i = 0; i < 600; i++) {
        bench_wait(bench, MINUTE_MS);
        bench_fail(bench, "lost");
    }
    assert_int_equal(bench_logged(bench, "catalog_unavailable"), 1);
}

/* Stands for a full disk: no file of this process may grow. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void write_when_the_disk_is_full_then_told_once_and_goes_on_when_there_is_space(void **state)
{
    struct bench *bench = *state;
    CLEANUP(buf_done) struct buf out = {0};
    FILE *log_file = bench->log_file;
    int fds[2];
    assert_int_equal(pipe(fds), 0); /* a log that is no file, for files are limited */
    const struct clock clock = bench_clock(bench);
    log_free(&bench->log);
    bench->log = log_new(fds[1], LOG_HUMAN, LOG_INFO, &clock);
    bench_open(bench);
    limit_files(16384);
    for (int i = 0; i < 30; i++) {
        CLEANUP(text_free) char *message = text_printf("%0900d", i);
        bench_fail(bench, message);
    }
    assert_int_equal(catalog_begin(bench->catalog, "shop", "run", 1), 0);
    limit_files(RLIM_INFINITY);
    bench_wait(bench, MINUTE_MS);
    bench_fail(bench, "space");
    assert_true(catalog_begin(bench->catalog, "shop", "run", 1) > 0);
    assert_memory_equal(bench_messages(bench, &out), "space*1 ", 8);
    assert_non_null(strstr(buf_text(&out), "old*1 "));
    (void)close(fds[1]);
    char text[4096] = {0};
    ssize_t n = read(fds[0], text, sizeof text - 1);
    (void)close(fds[0]);
    assert_true(n > 0);
    assert_non_null(strstr(text, "catalog_unavailable kind=TRANSIENT"));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    bench->log_file = log_file;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_when_the_file_is_random_bytes_then_begun_anew),
        TEST(open_when_the_file_was_cut_then_begun_anew),
        TEST(open_when_a_page_was_overwritten_then_begun_anew),
        TEST(open_when_a_table_is_missing_then_begun_anew),
        TEST(open_when_the_file_is_another_programs_then_kept_unchanged_and_begun_anew),
        TEST(open_when_the_format_is_newer_then_kept_and_begun_anew),
        TEST(read_only_when_the_format_is_newer_then_unsupported),
        TEST(open_when_a_folder_stands_in_its_place_then_moved_away_with_what_is_in_it),
        TEST(open_when_the_old_name_is_taken_then_the_damaged_file_is_removed),
        TEST(open_when_the_file_is_empty_then_begun_without_a_word),
        TEST(open_when_a_log_stands_beside_the_damaged_file_then_it_goes_with_it),
        TEST(write_when_the_file_turns_out_to_be_damaged_then_begun_anew_and_written_there),
        TEST(write_when_the_file_was_taken_away_then_begun_anew_and_told),
        TEST(failure_when_its_operation_is_of_an_old_file_then_recorded_without),
        TEST(open_when_the_folder_is_missing_then_told_once_and_tried_again_after_a_minute),
        TEST(open_when_it_stays_unusable_for_hours_then_told_once),
        TEST(write_when_the_disk_is_full_then_told_once_and_goes_on_when_there_is_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
