/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows, transactions and truncates, as a server sends them.
 */
#include "stream_fixture.h"

#define BIG "repeat('v', 9000)" /* with external storage no row has room for it */

static void changes_when_committed_then_told_in_order(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, t text); CREATE TABLE b (x int, y text, PRIMARY KEY (y, x))", "a, b",
           "a b");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (1, 'x'), (2, NULL); INSERT INTO b VALUES (7, 'k');"
                       "UPDATE a SET t = '' WHERE id = 1; DELETE FROM a WHERE id = 2; COMMIT");
    server_sql(f->app, "DELETE FROM b");
    expect(f, "[ a+1,x a+2,~ b+7,k a=1, a-2 ] [ b-k,7 ]");
}

static void key_when_changed_then_old_key(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a VALUES (1, 'one'), (2, 'two')", "a", "a");
    server_sql(f->app, "BEGIN; UPDATE a SET id = 9 WHERE id = 1; UPDATE a SET id = 1 WHERE id = 2;"
                       "UPDATE a SET id = 2 WHERE id = 9; COMMIT");
    expect(f, "[ a=9,one<1 a=1,two<2 a=2,one<9 ]");
}

static void rollback_when_partial_then_only_what_was_committed(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY)", "a", "a");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (1); SAVEPOINT s; INSERT INTO a VALUES (2); ROLLBACK TO s;"
                       "SAVEPOINT r; INSERT INTO a VALUES (3); RELEASE r; COMMIT");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (4); ROLLBACK");
    expect(f, "[ a+1 a+3 ]");
}

static void two_phase_when_prepared_then_told_once_at_its_commit(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY)", "a", "a");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'p'");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (2); PREPARE TRANSACTION 'q'");
    server_sql(f->app, "INSERT INTO a VALUES (3)");
    expect(f, "[ a+3 ]");
    server_sql(f->app, "COMMIT PREPARED 'p'");
    server_sql(f->app, "ROLLBACK PREPARED 'q'");
    expect(f, "[ a+1 ]");
}

static void truncate_when_several_tables_then_each(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a);"
           "CREATE TABLE c (id int PRIMARY KEY)",
           "a, b, c", "a b");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (1); TRUNCATE a, c RESTART IDENTITY CASCADE;"
                       "INSERT INTO a VALUES (2); COMMIT");
    expect(f, "[ a+1 T(a) T(b) a+2 ]");
    expect_verify(f, ""); /* another file of the table, but the rows were told */
}

static void cascade_when_foreign_key_then_ordinary_rows(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE a (id int PRIMARY KEY);"
           "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE)",
           "a, b", "a b");
    server_sql(f->app, "INSERT INTO a VALUES (1); INSERT INTO b VALUES (5, 1)");
    server_sql(f->app, "DELETE FROM a");
    expect(f, "[ a+1 b+5,1 ] [ a-1 b-5 ]");
}

/* ---- large values ---- */

static void toast_when_unchanged_then_absent(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE a (id int PRIMARY KEY, v text, w int); ALTER TABLE a ALTER v SET STORAGE EXTERNAL;"
           "INSERT INTO a VALUES (1, " BIG ", 0)",
           "a", "a");
    server_sql(f->app, "UPDATE a SET w = 1");
    server_sql(f->app, "UPDATE a SET id = 2");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (3, " BIG ", 0); UPDATE a SET w = 5 WHERE id = 3; COMMIT");
    server_sql(f->app, "UPDATE a SET v = NULL WHERE id = 2");
    expect(f, "[ a=1,?,1 ] [ a=2,?,1<1 ] [ a+3,#9000,0 a=3,?,5 ] [ a=2,~,1 ]");
}

static void toast_when_identity_full_then_taken_from_the_old_row(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE a (id int PRIMARY KEY, v text, w int); ALTER TABLE a ALTER v SET STORAGE EXTERNAL,"
           "REPLICA IDENTITY FULL; INSERT INTO a VALUES (1, " BIG ", 0), (2, NULL, 0)",
           "a", "a");
    server_sql(f->app, "UPDATE a SET w = 1");
    server_sql(f->app, "UPDATE a SET id = 4 WHERE id = 2");
    server_sql(f->app, "DELETE FROM a WHERE id = 1");
    expect(f, "[ a=1,#9000,1 a=2,~,1 ] [ a=4,~,1<2 ] [ a-1 ]");
}

static void toast_when_in_the_key_then_key_is_whole(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    /* Out of line, but small enough for the index. */
    follow(f,
           "CREATE TABLE a (k text PRIMARY KEY, fill text, w int) WITH (toast_tuple_target = 128);"
           "ALTER TABLE a ALTER k SET STORAGE EXTERNAL, ALTER fill SET STORAGE PLAIN;"
           "INSERT INTO a VALUES (repeat('k', 2500), 'f', 0)",
           "a", "a");
    server_sql(f->app, "UPDATE a SET w = 1");
    server_sql(f->app, "DELETE FROM a");
    expect(f, "[ a=#2500,f,1 ] [ a-#2500 ]");
}

/* ---- replica identity ---- */

static void identity_when_an_index_then_key_from_it(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE a (t text, u int NOT NULL, v int NOT NULL); CREATE UNIQUE INDEX i ON a (v, u);"
           "ALTER TABLE a REPLICA IDENTITY USING INDEX i",
           "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES ('x', 1, 2)");
    server_sql(f->app, "UPDATE a SET t = 'y'");
    server_sql(f->app, "UPDATE a SET u = 3");
    server_sql(f->app, "DELETE FROM a");
    expect(f, "[ a+x,1,2 ] [ a=y,1,2 ] [ a=y,3,2<2,1 ] [ a-2,3 ]");
}

static void partitions_when_root_is_published_then_rows_of_the_root(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE p (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);"
           "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
           "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
           "p", "p");
    server_sql(f->app, "INSERT INTO p VALUES (1, 'a'), (11, 'b')");
    server_sql(f->app, "UPDATE p SET id = 12 WHERE id = 1");
    server_sql(f->app, "TRUNCATE p");
    expect(f, "[ p+1,a p+11,b ] [ p-1 p+12,a ] [ T(p) ]");
}

static void names_when_quoted_then_found(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE SCHEMA \"S\"; CREATE TABLE \"S\".\"odd\"\"name\" (\"Id\" int PRIMARY KEY, \"a,b\" text)",
           "\"S\".\"odd\"\"name\"", "S.odd\"name");
    server_sql(f->app, "INSERT INTO \"S\".\"odd\"\"name\" VALUES (1, 'x')");
    expect(f, "[ S.odd\"name+1,x ]");
}

static void others_when_not_followed_then_passed_over(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)", "a, b", "a");
    server_sql(f->app, "INSERT INTO b VALUES (1)");
    server_sql(f->app, "SELECT pg_logical_emit_message(false, 'x', 'y')");
    server_sql(f->app, "BEGIN; INSERT INTO b VALUES (2); INSERT INTO a VALUES (2); COMMIT");
    expect(f, "[ a+2 ]");
}

static void transaction_when_huge_then_in_batches_with_one_commit(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, t text)", "a", "a");
    server_sql(f->app, "INSERT INTO a SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i");
    pg_lsn until = lsn_now(f);
    size_t rows = 0, commits = 0, batches = 0;
    while (commits == 0) {
        struct lf_batch batch;
        check(pg_op_changes_next(f->changes, 10000, &batch, &f->err), f, "next");
        size_t in_batch = 0;
        for (size_t i = 0; i < batch.nevents; i++) {
            in_batch += batch.events[i].kind == LF_EVENT_ROW ? 1 : 0;
            commits += batch.events[i].kind == LF_EVENT_COMMIT ? 1 : 0;
        }
        assert_true(in_batch <= 2048);
        rows += in_batch;
        batches++;
    }
    assert_int_equal(rows, 50000);
    assert_true(batches > 20);
    assert_true(until > 0);
}

static void value_when_larger_than_any_row_then_refused_and_the_stream_goes_on(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, v text)", "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (1, repeat('x', 40000000))");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'y')");
    expect(f, "[ a+1,! ] [ a+2,y ]");
}

/* Pitfall 18. */
static void settings_of_the_role_when_odd_then_text_is_the_same(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    server_sql(f->app,
               "ALTER DATABASE %s SET datestyle = 'German'; ALTER DATABASE %s SET bytea_output = 'escape';"
               "ALTER DATABASE %s SET timezone = 'Asia/Tokyo'; ALTER DATABASE %s SET extra_float_digits = -5;"
               "ALTER DATABASE %s SET intervalstyle = 'postgres_verbose'",
               PQdb(f->app), PQdb(f->app), PQdb(f->app), PQdb(f->app), PQdb(f->app));
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, d date, b bytea, z timestamptz, f float8, i interval)", "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (1, '2024-02-03', '\\xff41', '2024-02-03 04:05:06.5+00', 0.1, '1 day')");
    expect(f, "[ a+1,2024-02-03,\xff"
              "A,2024-02-03T04:05:06.5Z,0.1,P1D ]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(changes_when_committed_then_told_in_order),
        STREAM_TEST(key_when_changed_then_old_key),
        STREAM_TEST(rollback_when_partial_then_only_what_was_committed),
        STREAM_TEST(two_phase_when_prepared_then_told_once_at_its_commit),
        STREAM_TEST(truncate_when_several_tables_then_each),
        STREAM_TEST(cascade_when_foreign_key_then_ordinary_rows),
        STREAM_TEST(toast_when_unchanged_then_absent),
        STREAM_TEST(toast_when_identity_full_then_taken_from_the_old_row),
        STREAM_TEST(toast_when_in_the_key_then_key_is_whole),
        STREAM_TEST(identity_when_an_index_then_key_from_it),
        STREAM_TEST(partitions_when_root_is_published_then_rows_of_the_root),
        STREAM_TEST(names_when_quoted_then_found),
        STREAM_TEST(others_when_not_followed_then_passed_over),
        STREAM_TEST(transaction_when_huge_then_in_batches_with_one_commit),
        STREAM_TEST(value_when_larger_than_any_row_then_refused_and_the_stream_goes_on),
        STREAM_TEST(settings_of_the_role_when_odd_then_text_is_the_same),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
