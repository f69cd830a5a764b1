/* SPDX-License-Identifier: Apache-2.0
 *
 * The file and what surrounds it: tracking, consumers, locks, copies, damage, and what check says.
 */
#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

static const char simple[] = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1,'a'),(2,'b')";
static const struct lf_consumer first = {.link = "one", .lake_id = "aa", .location = "/lake/a"};
static const struct lf_consumer second = {.link = "two", .lake_id = "bb", .location = "/lake/b"};

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;) {
        assert_int_equal(fwrite(block, 1, n, out), n);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void make(struct fixture *f, const char *mode)
{
    fixture_make(f, mode, simple);
    fixture_follow(f);
    fixture_drain(f);
}

static void untrack_when_run_then_no_trace_is_left(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL", simple);
    fixture_track(&f);
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%lakefeed%'") > 0, 1);
    EXPECT(&f, f.ops->untrack(f.session, &f.err));
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM sqlite_schema"), 1);
    EXPECT(&f, f.ops->untrack(f.session, &f.err));
    fixture_remove(&f);
}

static void identity_when_untracked_then_says_what_to_run(void **state)
{
    (void)state;
    struct fixture f;
    const char *identity = NULL;
    fixture_make(&f, "WAL", simple);
    expect_kind(&f, f.ops->identity(f.session, &identity, &f.err), LF_UNSUPPORTED, "lakefeed track");
    fixture_track(&f);
    EXPECT(&f, f.ops->identity(f.session, &identity, &f.err));
    assert_memory_equal(identity, "sqlite:", 7);
    fixture_remove(&f);
}

static void cursor_when_tracked_anew_then_lost(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "WAL");
    EXPECT(&f, f.ops->untrack(f.session, &f.err));
    expect_kind(&f, (f.ops->changes_close(f.changes), f.changes = NULL, fixture_try_changes(&f)), LF_LOST,
                "keeps no changes");
    fixture_track(&f);
    expect_kind(&f, fixture_try_changes(&f), LF_LOST, "tracked anew");
    fixture_remove(&f);
}

static void ack_when_two_consumers_then_pruned_to_the_minimum(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    make(&f, "WAL");
    EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
    EXPECT(&f, f.ops->register_consumer(f.session, &second, &cursor, &f.err));
    char *start = text_copy_len(cursor.ptr, cursor.len);
    fixture_write(&f, "UPDATE t SET v=v||'1'; INSERT INTO t VALUES(3,'c')", "t");
    EXPECT(&f, f.ops->ack(f.session, &first, cursor_of(&f), &f.err));
    int64_t rows = number_of(f.app, "SELECT count(*) FROM lakefeed_log");
    assert_true(rows >= 4);
    EXPECT(&f, f.ops->ack(f.session, &second, cursor_of(&f), &f.err));
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_log"), 1);
    assert_int_equal(
        number_of(f.app,
                  "SELECT (SELECT value FROM lakefeed_meta WHERE name='pruned_to') = (SELECT seq FROM lakefeed_log)"),
        1);
    EXPECT(&f, f.ops->ack(f.session, &second, (struct lf_slice){start, strlen(start)}, &f.err));
    fixture_write(&f, "DELETE FROM t WHERE id=1", "t");
    f.ops->changes_close(f.changes);
    f.changes = NULL;
    fixture_keep_cursor(&f, (struct lf_slice){start, strlen(start)});
    expect_kind(&f, fixture_try_changes(&f), LF_LOST, "removed from the log");
    free(start);
    fixture_remove(&f);
}

static void ack_when_the_prune_is_large_then_complete(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    make(&f, "DELETE");
    EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
    app(&f, "WITH RECURSIVE c(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM c WHERE i<50000) INSERT INTO t SELECT i, 'x' "
            "FROM c");
    EXPECT(&f, f.ops->position(f.session, &cursor, &f.err));
    fixture_keep_cursor(&f, cursor);
    EXPECT(&f, f.ops->ack(f.session, &first, cursor_of(&f), &f.err));
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_log"), 1);
    fixture_remove(&f);
}

static void untrack_when_consumers_exist_then_conflict_names_them(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    make(&f, "WAL");
    EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
    expect_kind(&f, f.ops->untrack(f.session, &f.err), LF_CONFLICT, "/lake/a");
    EXPECT(&f, f.ops->unregister_consumer(f.session, &first, &f.err));
    EXPECT(&f, f.ops->untrack(f.session, &f.err));
    fixture_remove(&f);
}

static void register_when_the_lake_at_the_location_is_new_then_the_old_consumer_is_replaced(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    struct lf_consumer renewed = first;
    renewed.lake_id = "cc";
    make(&f, "WAL");
    EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
    EXPECT(&f, f.ops->register_consumer(f.session, &renewed, &cursor, &f.err));
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_consumer WHERE lake_id='cc'"), 1);
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_consumer"), 1);
    fixture_remove(&f);
}

static void copy_when_older_and_put_back_then_lost(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "DELETE");
    char *copy = text_printf("%s/copy", f.folder);
    copy_file(f.path, copy);
    fixture_write(&f, "UPDATE t SET v='later'", "t");
    fixture_close_session(&f);
    sqlite3_close(f.app);
    copy_file(copy, f.path);
    fixture_open_app(&f, "DELETE");
    fixture_open_session(&f);
    expect_kind(&f, fixture_try_changes(&f), LF_LOST, "older than the cursor");
    app(&f, "UPDATE t SET v='other'; UPDATE t SET v='history'");
    expect_kind(&f, fixture_try_changes(&f), LF_LOST, "another history");
    free(copy);
    fixture_remove(&f);
}

static void copy_when_overwritten_while_open_then_lost(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    make(&f, "DELETE");
    char *copy = text_printf("%s/copy", f.folder);
    copy_file(f.path, copy);
    fixture_write(&f, "UPDATE t SET v='later'", "t");
    sqlite3_close(f.app);
    copy_file(copy, f.path);
    expect_kind(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err), LF_LOST, "older than the cursor");
    fixture_open_app(&f, "DELETE");
    free(copy);
    fixture_remove(&f);
}

/* As a backup is put back over a database in use: the log goes, the file stays the same inode. */
static void log_when_taken_away_while_open_then_a_new_reader_is_asked_for(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    make(&f, "WAL");
    fixture_write(&f, "INSERT INTO t VALUES(7,'seven')", "t");
    EXPECT(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err));
    char *wal = text_printf("%s-wal", f.path);
    char *shm = text_printf("%s-shm", f.path);
    assert_int_equal(unlink(wal), 0);
    assert_int_equal(unlink(shm), 0);
    expect_kind(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err), LF_TRANSIENT, "taken away");
    expect_kind(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err), LF_TRANSIENT, "begins again");
    free(wal);
    free(shm);
    fixture_remove(&f);
}

static void file_when_replaced_while_open_then_lost_and_untouched(void **state)
{
    (void)state;
    static const char *const modes[] = {"WAL", "DELETE"};
    for (size_t m = 0; m < 2; m++) {
        struct fixture f;
        struct lf_batch batch;
        struct lf_slice cursor;
        struct stat before, after;
        sqlite3 *other = NULL;
        make(&f, modes[m]);
        EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
        char *path = text_printf("%s/other.db", f.folder);
        assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
        sql_of(other, simple);
        sqlite3_close(other);
        assert_int_equal(rename(path, f.path), 0);
        assert_int_equal(stat(f.path, &before), 0);
        expect_kind(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err), LF_LOST, "replaced");
        expect_kind(&f, f.ops->ack(f.session, &first, cursor_of(&f), &f.err), LF_LOST, "replaced");
        expect_kind(&f, f.ops->track(f.session, NULL, 0, &f.err), LF_LOST, "replaced");
        assert_int_equal(stat(f.path, &after), 0);
        assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
        assert_int_equal(unlink(f.path), 0);
        expect_kind(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err), LF_LOST, "is gone");
        free(path);
        fixture_remove(&f);
    }
}

static void open_when_missing_then_not_found_and_not_created(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_session *session = NULL;
    fixture_make(&f, "WAL", simple);
    char *url = text_printf("sqlite://%s/none.db", f.folder);
    expect_kind(&f, f.ops->open(&f.host, url, NULL, 0, &session, &f.err), LF_NOT_FOUND, "none.db");
    assert_int_equal(access(url + 9, F_OK), -1);
    free(url);
    fixture_remove(&f);
}

static void open_when_no_database_then_config(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_session *session = NULL;
    fixture_make(&f, "WAL", simple);
    char *path = text_printf("%s/text", f.folder);
    char *url = text_printf("sqlite:%s", path);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 2000; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    expect_kind(&f, f.ops->open(&f.host, url, NULL, 0, &session, &f.err), LF_CONFIG, "file is not a database");
    expect_kind(&f, f.ops->open(&f.host, "sqlite://host/x", NULL, 0, &session, &f.err), LF_CONFIG, "names a host");
    free(path);
    free(url);
    fixture_remove(&f);
}

static void load_when_a_page_is_damaged_then_error(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows = {.nrows = 1};
    struct lf_bound open = {NULL};
    bool ordered = false;
    fixture_make(
        &f, "DELETE",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c"
        " WHERE i<50000) INSERT INTO t SELECT i, 'some text' FROM c");
    fixture_track(&f);
    fixture_discover(&f);
    fixture_close_session(&f);
    sqlite3_close(f.app);
    FILE *file = fopen(f.path, "r+");
    fseek(file, 4096L * 100, SEEK_SET);
    for (int i = 0; i < 4096 * 20; i++) {
        fputc(0x5a, file);
    }
    fclose(file);
    fixture_open_app(&f, "DELETE");
    fixture_open_session(&f);
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
    bool good = true;
    while (good && rows.nrows > 0) {
        good = f.ops->load_next(load, &rows, &f.err);
    }
    expect_kind(&f, good, LF_CONFIG, "malformed");
    f.ops->load_close(load);
    fixture_remove(&f);
}

static void track_when_read_only_then_config(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "DELETE", simple);
    fixture_close_session(&f);
    assert_int_equal(chmod(f.path, 0444), 0);
    assert_int_equal(chmod(f.folder, 0755), 0);
    bool root = geteuid() == 0;
    assert_true(!root || seteuid(65534) == 0);
    fixture_open_session(&f);
    bool tracked = f.ops->track(f.session, NULL, 0, &f.err);
    assert_true(!root || seteuid(0) == 0);
    expect_kind(&f, tracked, LF_CONFIG, "read-only");
    fixture_remove(&f);
}

static void track_when_locked_then_transient(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL", simple);
    app(&f, "BEGIN IMMEDIATE");
    expect_kind(&f, f.ops->track(f.session, NULL, 0, &f.err), LF_TRANSIENT, "locked");
    app(&f, "COMMIT");
    fixture_track(&f);
    fixture_remove(&f);
}

static void track_when_refused_or_missing_then_says_why(void **state)
{
    (void)state;
    struct fixture f;
    static const char *const keyless[] = {"u"}, *const virtual_table[] = {"v"}, *const none[] = {"nope"};
    fixture_make(&f, "WAL", "CREATE TABLE u(a, b); CREATE VIRTUAL TABLE v USING fts5(x); CREATE VIEW w AS SELECT 1");
    expect_kind(&f, f.ops->track(f.session, keyless, 1, &f.err), LF_UNSUPPORTED, "VACUUM");
    expect_kind(&f, f.ops->track(f.session, virtual_table, 1, &f.err), LF_UNSUPPORTED, "virtual");
    expect_kind(&f, f.ops->track(f.session, none, 1, &f.err), LF_NOT_FOUND, "nope");
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'lakefeed%'"), 0);
    fixture_remove(&f);
}

static bool list_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    (void)err;
    buf_printf(context, "%s%s ", table->name, table->refusal != NULL ? "!" : "");
    return true;
}

static void discover_when_there_are_views_and_shadows_then_tables_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct buf names = {0};
    fixture_make(&f, "WAL",
                 "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE \"B\"(x); CREATE VIRTUAL TABLE v "
                 "USING fts5(x);"
                 "CREATE VIEW w AS SELECT 1; INSERT INTO a VALUES(1); ANALYZE");
    fixture_track(&f);
    EXPECT(&f, f.ops->discover(f.session, list_table, &names, &f.err));
    assert_string_equal(buf_text(&names), "B! a v! ");
    buf_done(&names);
    fixture_remove(&f);
}

/* In WAL mode nothing that lakefeed does makes the application wait, even with no patience at all. */
static void reading_when_wal_then_the_application_never_waits(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows;
    struct lf_bound open = {NULL};
    bool ordered = false;
    make(&f, "WAL");
    sqlite3_busy_timeout(f.app, 0);
    app(&f, "WITH RECURSIVE c(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM c WHERE i<30000) INSERT INTO t SELECT i, 'x' "
            "FROM c");
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
    EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
    fixture_step(&f);
    assert_true(f.in_transaction);
    app(&f, "UPDATE t SET v='y'; DELETE FROM t WHERE id%2=0");
    EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
    app(&f, "UPDATE t SET v='z'");
    f.ops->load_close(load);
    fixture_drain(&f);
    fixture_compare(&f, "t");
    fixture_remove(&f);
}

/* In rollback mode no lock is held between two calls. */
static void reading_when_rollback_journal_then_no_lock_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows = {.nrows = 1};
    struct lf_bound open = {NULL};
    struct lf_slice asof;
    bool ordered = false, passed = true;
    make(&f, "DELETE");
    sqlite3_busy_timeout(f.app, 0);
    app(&f, "WITH RECURSIVE c(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM c WHERE i<30000) INSERT INTO t SELECT i, 'x' "
            "FROM c");
    fixture_drain(&f);
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
    size_t n = 0;
    while (rows.nrows > 0) {
        EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
        n += rows.nrows;
        app(&f, "UPDATE t SET v=v||'y' WHERE id=29000");
    }
    assert_int_equal(n, 29993);
    EXPECT(&f, f.ops->load_asof(load, &asof, &f.err));
    EXPECT(&f, f.ops->passed(asof, cursor_of(&f), &passed, &f.err));
    assert_false(passed);
    fixture_drain(&f);
    EXPECT(&f, f.ops->passed(asof, cursor_of(&f), &passed, &f.err));
    assert_true(passed);
    f.ops->load_close(load);
    fixture_remove(&f);
}

static void changes_when_locked_then_empty_and_later_complete(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "DELETE");
    app(&f, "BEGIN EXCLUSIVE; INSERT INTO t VALUES(5,'e')");
    assert_int_equal(fixture_step(&f), 0);
    app(&f, "COMMIT");
    fixture_drain(&f);
    fixture_compare(&f, "t");
    fixture_remove(&f);
}

static void changes_when_cancelled_then_returns(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    make(&f, "WAL");
    f.cancelled = true;
    expect_kind(&f, f.ops->changes_next(f.changes, 60000, &batch, &f.err), LF_CANCELLED, "stopped");
    fixture_remove(&f);
}

static void changes_when_idle_then_one_idle_event_and_no_more(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    fixture_make(&f, "WAL", simple);
    fixture_follow(&f);
    EXPECT(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err));
    assert_int_equal(batch.nevents, 1);
    assert_int_equal(batch.events[0].kind, LF_EVENT_IDLE);
    EXPECT(&f, f.ops->changes_next(f.changes, 30, &batch, &f.err));
    assert_int_equal(batch.nevents, 0);
    fixture_remove(&f);
}

static void changes_when_quiet_then_polled_once_in_an_interval(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    fixture_make(&f, "WAL", simple);
    fixture_close_session(&f);
    f.options[0].text = "1h";
    fixture_open_session(&f);
    fixture_follow(&f);
    EXPECT(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err));
    EXPECT(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err));
    assert_int_equal(batch.nevents, 0);
    app(&f, "INSERT INTO t VALUES(5,'e')");
    EXPECT(&f, f.ops->changes_next(f.changes, 1, &batch, &f.err));
    assert_int_equal(batch.nevents, 0); /* whoever can wait waits for the interval */
    EXPECT(&f, f.ops->changes_next(f.changes, 0, &batch, &f.err));
    assert_true(batch.nevents > 0);
    fixture_remove(&f);
}

static void list_finding(void *context, const char *severity, const char *what, const char *cure)
{
    buf_printf(context, "[%s] %s {%s}\n", severity, what, cure != NULL ? cure : "");
}

static void expect_findings(struct fixture *f, const char *const *parts, size_t n)
{
    struct buf text = {0};
    EXPECT(f, f->ops->check(f->session, NULL, 0, list_finding, &text, &f->err));
    for (size_t i = 0; i < n; i++) {
        if (strstr(buf_text(&text), parts[i]) == NULL) {
            fail_msg("no '%s' in\n%s", parts[i], buf_text(&text));
        }
    }
    buf_done(&text);
}

static void check_when_run_then_names_every_problem_and_its_cure(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    fixture_make(&f, "DELETE",
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, d DATE); INSERT INTO t "
                 "VALUES(1,'abc','2024-01-01'),(2,3,'yesterday'),(3,'x','y');"
                 "CREATE TABLE k(a)");
    static const char *const before[] = {"{PRAGMA journal_mode=WAL}",
                                         "keeps no changes yet",
                                         "table k cannot be replicated",
                                         "column n, row with key id=1: the value 'abc' is no integer",
                                         "\"columns\": {\"n\": {\"type\": \"string\"}}",
                                         "column d, row with key id=2"};
    expect_findings(&f, before, 6);
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM sqlite_schema"), 2);
    fixture_track(&f);
    EXPECT(&f, f.ops->register_consumer(f.session, &first, &cursor, &f.err));
    app(&f, "CREATE UNIQUE INDEX u ON t(d)");
    static const char *const after[] = {"a unique index was added", "is read by the link one for /lake/a"};
    expect_findings(&f, after, 2);
    app(&f, "CREATE TABLE late(id INTEGER PRIMARY KEY)");
    static const char *const later[] = {"table late: no changes of it are kept yet"};
    expect_findings(&f, later, 1);
    fixture_remove(&f);
}

static bool take_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    (void)err;
    buf_printf(context, "%" PRId64 " ", bound.cells[0].i);
    return true;
}

static void load_plan_when_keys_are_sparse_then_bounds_are_keys(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bounds = {0};
    fixture_make(&f, "WAL",
                 "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t "
                 "VALUES(-9223372036854775808),(5),(7),(9223372036854775807)");
    fixture_track(&f);
    fixture_discover(&f);
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_plan(f.session, &table, 4, take_bound, &bounds, &f.err));
    assert_string_equal(buf_text(&bounds), "5 9223372036854775807 ");
    buf_done(&bounds);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untrack_when_run_then_no_trace_is_left),
        cmocka_unit_test(identity_when_untracked_then_says_what_to_run),
        cmocka_unit_test(cursor_when_tracked_anew_then_lost),
        cmocka_unit_test(ack_when_two_consumers_then_pruned_to_the_minimum),
        cmocka_unit_test(ack_when_the_prune_is_large_then_complete),
        cmocka_unit_test(untrack_when_consumers_exist_then_conflict_names_them),
        cmocka_unit_test(register_when_the_lake_at_the_location_is_new_then_the_old_consumer_is_replaced),
        cmocka_unit_test(copy_when_older_and_put_back_then_lost),
        cmocka_unit_test(copy_when_overwritten_while_open_then_lost),
        cmocka_unit_test(log_when_taken_away_while_open_then_a_new_reader_is_asked_for),
        cmocka_unit_test(file_when_replaced_while_open_then_lost_and_untouched),
        cmocka_unit_test(open_when_missing_then_not_found_and_not_created),
        cmocka_unit_test(open_when_no_database_then_config),
        cmocka_unit_test(load_when_a_page_is_damaged_then_error),
        cmocka_unit_test(track_when_read_only_then_config),
        cmocka_unit_test(track_when_locked_then_transient),
        cmocka_unit_test(track_when_refused_or_missing_then_says_why),
        cmocka_unit_test(discover_when_there_are_views_and_shadows_then_tables_alone),
        cmocka_unit_test(reading_when_wal_then_the_application_never_waits),
        cmocka_unit_test(reading_when_rollback_journal_then_no_lock_is_kept),
        cmocka_unit_test(changes_when_locked_then_empty_and_later_complete),
        cmocka_unit_test(changes_when_cancelled_then_returns),
        cmocka_unit_test(changes_when_idle_then_one_idle_event_and_no_more),
        cmocka_unit_test(changes_when_quiet_then_polled_once_in_an_interval),
        cmocka_unit_test(check_when_run_then_names_every_problem_and_its_cure),
        cmocka_unit_test(load_plan_when_keys_are_sparse_then_bounds_are_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
