/* SPDX-License-Identifier: Apache-2.0
 *
 * What would let changes pass unseen, or under another transaction, in a stream that runs.
 */
#include "stream_fixture.h"

static const char partitioned[] =
    "CREATE TABLE p(id int PRIMARY KEY, code text NOT NULL) PARTITION BY RANGE (id);"
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE UNIQUE INDEX p1_code ON p1(code);"
    "INSERT INTO p VALUES(1, 'one'), (2, 'two')";

static void partition_when_its_identity_is_altered_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, partitioned, "p", "p");
    server_sql(f->app, "ALTER TABLE p1 REPLICA IDENTITY USING INDEX p1_code");
    expect_verify(f, "F(p)");
    assert_non_null(strstr(f->reason, "public.p1"));
}

/* Before the catalog is looked at again, and also when it was altered back. */
static void delete_when_logged_by_other_columns_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, partitioned, "p", "p");
    server_sql(f->app, "ALTER TABLE p1 REPLICA IDENTITY USING INDEX p1_code");
    server_sql(f->app, "DELETE FROM p WHERE id = 1");
    server_sql(f->app, "ALTER TABLE p1 REPLICA IDENTITY DEFAULT");
    expect(f, "[ F(p) ]");
}

static void publication_when_its_name_is_odd_then_followed(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    static const struct lf_option_value options[] = {{"slot", "lakefeed_test"}, {"publication", "it's \"a\\b\""}};
    server_sql(f->app, "CREATE TABLE a(id int PRIMARY KEY); CREATE PUBLICATION \"it's \"\"a\\b\"\"\" FOR TABLE a");
    server_sql(f->app, "SELECT pg_create_logical_replication_slot('lakefeed_test', 'pgoutput')");
    check(pg_op_open(&f->host, f->url, options, 2, &f->session, &f->err), f, "open");
    f->session->registered = true;
    learn_tables(f, "a");
    set_cursor(f, flushed_now(f));
    open_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES(1)");
    expect(f, "[ a+1 ]");
}

/* Instead of the database of the test, one with another encoding. */
static void use_encoding(struct fixture *f, const char *encoding)
{
    PQfinish(f->app);
    PGconn *first = server_connect(&f->server, "postgres");
    (void)snprintf(f->database, sizeof f->database, "in_%.12s", encoding);
    server_sql(first, "CREATE DATABASE \"%s\" ENCODING '%s' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
               f->database, encoding);
    PQfinish(first);
    CLEANUP(text_free) char *url = server_url(&f->server, f->database);
    (void)snprintf(f->url, sizeof f->url, "%s", url);
    f->app = connect_app(f);
}

static void text_when_encoding_is_sql_ascii_then_bytes_come_as_they_are(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    use_encoding(f, "SQL_ASCII");
    follow(f, "CREATE TABLE a(id int PRIMARY KEY, v text)", "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES(1, E'\\xff')");
    expect(f, "[ a+1,\xff ]");
}

/* The log keeps the value, so the stream ends there again and again: only reading anew leads past it. */
static void text_when_it_has_no_unicode_then_lost_with_the_cure(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    use_encoding(f, "WIN1252");
    follow(f, "CREATE TABLE a(id int PRIMARY KEY, v text)", "a", "a");
    server_sql(f->app, "SET client_encoding = 'WIN1252'");
    server_sql(f->app, "INSERT INTO a VALUES(1, E'\\x81')");
    while (next(f, 10000)) {
    }
    assert_string_equal(lf_error_kind_name(f->err.kind), "LOST");
    assert_non_null(strstr(f->err.msg, "0x81"));
    assert_non_null(strstr(f->err.msg, "lakefeed resync"));
}

/* A cursor may be so old that its horizon lies more than 2^31 transactions behind. */
static void xid_when_the_horizon_is_of_another_epoch_then_of_this_one(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    if (!server_has(&f->server, "pg_resetwal")) {
        print_message("skipped: %s has no pg_resetwal\n", f->server.bin);
        skip();
    }
    PQfinish(f->app);
    server_stop(&f->server, "fast");
    CLEANUP(text_free) char *arguments = text_printf("pg_resetwal -e 3 -D %s/data", f->server.folder);
    assert_true(server_run(&f->server, arguments));
    server_start(&f->server);
    f->app = connect_app(f);
    follow(f, "CREATE TABLE a(id int PRIMARY KEY)", "a", "a");
    close_stream(f);
    struct pg_cursor cursor = cursor_now(f);
    cursor.horizon = 700;
    f->cursor_len = pg_cursor_print(&cursor, f->cursor).len;
    open_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES(1)");
    expect(f, "[ a+1 ]");
    assert_int_equal(cursor_now(f).horizon >> 32, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(partition_when_its_identity_is_altered_then_fault),
        STREAM_TEST(delete_when_logged_by_other_columns_then_fault),
        STREAM_TEST(publication_when_its_name_is_odd_then_followed),
        STREAM_TEST(text_when_encoding_is_sql_ascii_then_bytes_come_as_they_are),
        STREAM_TEST(text_when_it_has_no_unicode_then_lost_with_the_cure),
        STREAM_TEST(xid_when_the_horizon_is_of_another_epoch_then_of_this_one),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
