/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server may hold that would lose rows unseen, or keep a link from going on.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const struct lf_bound open_bound = {NULL};

static void expect_refusal(struct fixture *f, const char *table, const char *says)
{
    CLEANUP(seen_done) struct seen seen = fixture_see(f, table);
    assert_true(seen.found);
    if (seen.refusal == NULL || strstr(seen.refusal, says) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", table, seen.refusal != NULL ? seen.refusal : "", says);
    }
}

static void expect_key(struct fixture *f, const char *table, const char *key)
{
    CLEANUP(seen_done) struct seen seen = fixture_see(f, table);
    assert_true(seen.found);
    if (seen.refusal != NULL) {
        fail_msg("%s: %s", table, seen.refusal);
    }
    assert_string_equal(seen.key, key);
}

/* ---- partitions ---- */

static void partition_when_unlogged_then_table_is_refused(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE p(id int PRIMARY KEY) PARTITION BY RANGE (id);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
                 "CREATE UNLOGGED TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)");
    expect_refusal(&f, "p", "unlogged");
    server_exec(f.app, "ALTER TABLE p2 SET LOGGED");
    expect_key(&f, "p", "id");
    fixture_remove(&f);
}

/* The server logs the old row by the identity of the partition, and shows that of the root. */
static void partition_when_its_rows_go_by_another_index_then_table_is_refused(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE p(id int PRIMARY KEY, code text NOT NULL) PARTITION BY RANGE (id);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
                 "CREATE TABLE \"p 2\" PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);"
                 "CREATE TABLE p3 PARTITION OF \"p 2\" FOR VALUES FROM (10) TO (15);"
                 "CREATE UNIQUE INDEX p3_code ON p3(code); ALTER TABLE p3 REPLICA IDENTITY USING INDEX p3_code");
    expect_refusal(&f, "p", "ALTER TABLE public.p3 REPLICA IDENTITY FULL");
    server_exec(f.app, "ALTER TABLE p3 REPLICA IDENTITY FULL");
    expect_key(&f, "p", "id");
    server_exec(f.app, "ALTER TABLE p1 REPLICA IDENTITY NOTHING");
    expect_refusal(&f, "p", "public.p1");
    server_exec(f.app, "ALTER TABLE p1 REPLICA IDENTITY USING INDEX p1_pkey");
    expect_key(&f, "p", "id");
    fixture_remove(&f);
}

/* ---- names ---- */

static void names_when_two_tables_would_share_one_then_both_are_refused(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE SCHEMA a; CREATE TABLE a.b(id int PRIMARY KEY); CREATE TABLE \"a.b\"(id int PRIMARY KEY);"
                 "CREATE TABLE \"c.d\"(id int PRIMARY KEY)");
    expect_refusal(&f, "a.b", "the same name");
    expect_key(&f, "c.d", "id");
    struct lf_error err = {0};
    expect_failure(f.ops->track(f.session, (const char *const[]){"a.b"}, 1, &err), &err, LF_UNSUPPORTED, "same name");
    fixture_remove(&f);
}

/* ---- rights ---- */

struct cures {
    struct buf text;
    int errors;
};

static void on_finding(void *context, const char *severity, const char *what, const char *cure)
{
    struct cures *cures = context;
    cures->errors += strcmp(severity, "error") == 0;
    buf_printf(&cures->text, "%s\n%s\n", what, cure != NULL ? cure : "");
}

static const char *first_statement(const char *text)
{
    static const char *const begins[] = {"GRANT ", "CREATE PUBLICATION ", "ALTER PUBLICATION "};
    const char *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        const char *at = strstr(text, begins[i]);
        first = at != NULL && (first == NULL || at < first) ? at : first;
    }
    return first;
}

/* Runs every statement that a text holds, as an administrator would who pastes it. Gives how many. */
static int paste(struct fixture *f, const char *text)
{
    int count = 0;
    for (const char *at = first_statement(text); at != NULL; at = first_statement(at)) {
        const char *end = strchr(at, ';');
        assert_non_null(end);
        char *sql = text_printf("%.*s", (int)(end - at), at);
        server_exec(f->app, sql);
        free(sql);
        at = end;
        count++;
    }
    return count;
}

static const char two_schemas[] = "CREATE TABLE t(id int PRIMARY KEY); CREATE SCHEMA \"Old sales\";"
                                  "CREATE TABLE \"Old sales\".\"Odd \"\"one\"(id int PRIMARY KEY);"
                                  "DROP ROLE IF EXISTS \"poor man\"; CREATE ROLE \"poor man\" LOGIN REPLICATION";

static void check_when_role_has_replication_alone_then_its_statements_can_be_pasted(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct cures cures = {0};
    fixture_make(&f, *state, two_schemas);
    struct lf_session *session = fixture_open_as(&f, "poor%20man", NULL, 0);
    for (int round = 0; round < 2; round++) {
        buf_reset(&cures.text);
        expect_good(f.ops->check(session, NULL, 0, on_finding, &cures, &err), &err);
        assert_true(paste(&f, buf_text(&cures.text)) > 0);
    }
    cures.errors = 0;
    expect_good(f.ops->check(session, NULL, 0, on_finding, &cures, &err), &err);
    assert_int_equal(cures.errors, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see_as(&f, session, "Old sales.Odd \"one");
    assert_true(seen.tracked);
    buf_done(&cures.text);
    f.ops->close(session);
    fixture_remove(&f);
}

static void track_when_many_tables_are_of_others_then_whole_statements(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    bool good = false;
    fixture_make(&f, *state,
                 "DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('CREATE TABLE a_table_with_a_long_name_%s(id int"
                 " PRIMARY KEY)', i); END LOOP; END $$;"
                 "DROP ROLE IF EXISTS reader2; CREATE ROLE reader2 LOGIN REPLICATION;"
                 "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader2");
    struct lf_session *session = fixture_open_as(&f, "reader2", NULL, 0);
    for (int round = 0; round < 10 && !good; round++) {
        good = f.ops->track(session, NULL, 0, &err);
        if (!good) {
            assert_int_equal(err.kind, LF_AUTH);
            assert_int_equal(paste(&f, err.msg), 1);
        }
    }
    expect_good(good, &err);
    CLEANUP(seen_done) struct seen seen = fixture_see_as(&f, session, "a_table_with_a_long_name_30");
    assert_true(seen.tracked);
    f.ops->close(session);
    fixture_remove(&f);
}

static void track_when_role_reads_only_by_default_then_done(void **state)
{
    struct fixture f;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    char *sql = text_printf("ALTER DATABASE %s SET default_transaction_read_only = on", f.database);
    server_exec(f.app, sql);
    free(sql);
    f.ops->close(f.session);
    f.session = fixture_open_as(&f, "postgres", NULL, 0);
    fixture_track(&f, NULL, 0);
    fixture_remove(&f);
}

/* ---- types ---- */

static void column_when_a_domain_stands_around_or_inside_an_array_then_json(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    struct lf_rows rows = {0};
    bool ordered = false;
    fixture_make(
        &f, *state,
        "CREATE DOMAIN ints AS int[]; CREATE DOMAIN more AS ints; CREATE DOMAIN low AS int; CREATE DOMAIN lower AS"
        " low; CREATE TABLE t(id int PRIMARY KEY, a ints, b more, c low[], d lower[]);"
        "INSERT INTO t VALUES(1, '{1,2}', '{1,2}', '{1,2}', '{1,2}')");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    expect_good(f.ops->load_next(load, &rows, &err), &err);
    for (uint32_t i = 1; i < seen.state.schema.ncolumns; i++) {
        assert_int_equal(seen.state.schema.columns[i].type, LF_TYPE_JSON);
        assert_true(slice_equal(rows.cells[i].bytes, slice_of_text("[1,2]")));
    }
    f.ops->load_close(load);
    fixture_remove(&f);
}

/* ---- bytes ---- */

static void load_when_encoding_is_sql_ascii_then_bytes_come_as_they_are(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    struct lf_rows rows = {0};
    bool ordered = false;
    fixture_make(&f, *state, "SELECT 1");
    server_exec(f.app, "DROP DATABASE IF EXISTS bytes");
    server_exec(f.app, "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    fixture_remove(&f);
    (void)snprintf(f.database, sizeof f.database, "bytes");
    f.app = server_connect(f.server, f.database);
    server_exec(f.app, "CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t VALUES(1, E'\\xff\\xfe')");
    server_exec(f.app, "SET client_encoding = 'SQL_ASCII'");
    server_exec(f.app, "CREATE TABLE \"n\xff\"(id int PRIMARY KEY); CREATE TABLE c(id int PRIMARY KEY, \"\xff\" int)");
    f.session = fixture_open_as(&f, "postgres", NULL, 0);
    fixture_track(&f, (const char *const[]){"t"}, 1);
    expect_refusal(&f, "n\xEF\xBF\xBD", "UTF-8");
    expect_refusal(&f, "c", "column 2 is no UTF-8");
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    expect_good(f.ops->load_next(load, &rows, &err), &err);
    assert_int_equal(rows.nrows, 1);
    assert_int_equal(rows.cells[1].bytes.len, 2);
    assert_memory_equal(rows.cells[1].bytes.ptr, "\xff\xfe", 2);
    f.ops->load_close(load);
    fixture_remove(&f);
}

/* ---- hosts ---- */

/* Takes connections, as the kernel does for whoever listens, and never answers. */
static int listen_silently(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void open_when_the_first_host_is_silent_then_the_next_one(void **state)
{
    static const struct lf_option_value timeout = {"connect_timeout", "1s"};
    struct fixture f;
    struct lf_error err = {0};
    struct lf_session *session = NULL;
    int port = 0;
    fixture_make(&f, *state, "SELECT 1");
    int fd = listen_silently(&port);
    char *url = text_printf("postgresql://postgres@/%s?host=127.0.0.1,%s&port=%d," SERVER_PORT, f.database,
                            f.server->folder, port);
    expect_good(f.ops->open(server_host(), url, &timeout, 1, &session, &err), &err);
    f.ops->close(session);
    free(url);
    url = text_printf("postgresql://postgres@127.0.0.1:%d/%s", port, f.database);
    expect_failure(f.ops->open(server_host(), url, &timeout, 1, &session, &err), &err, LF_TRANSIENT, "does not answer");
    free(url);
    (void)close(fd);
    fixture_remove(&f);
}

static void open_when_database_takes_no_connections_then_it_may_pass(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_session *session = NULL;
    fixture_make(&f, *state, "SELECT 1");
    PGconn *admin = server_connect(f.server, "postgres");
    char *sql = text_printf("ALTER DATABASE %s ALLOW_CONNECTIONS false", f.database);
    server_exec(admin, sql);
    char *url = server_url(f.server, f.database);
    expect_failure(f.ops->open(server_host(), url, NULL, 0, &session, &err), &err, LF_TRANSIENT, "not currently");
    free(url);
    free(sql);
    PQfinish(admin);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partition_when_unlogged_then_table_is_refused),
        cmocka_unit_test(partition_when_its_rows_go_by_another_index_then_table_is_refused),
        cmocka_unit_test(names_when_two_tables_would_share_one_then_both_are_refused),
        cmocka_unit_test(check_when_role_has_replication_alone_then_its_statements_can_be_pasted),
        cmocka_unit_test(track_when_many_tables_are_of_others_then_whole_statements),
        cmocka_unit_test(track_when_role_reads_only_by_default_then_done),
        cmocka_unit_test(column_when_a_domain_stands_around_or_inside_an_array_then_json),
        cmocka_unit_test(load_when_encoding_is_sql_ascii_then_bytes_come_as_they_are),
        cmocka_unit_test(open_when_the_first_host_is_silent_then_the_next_one),
        cmocka_unit_test(open_when_database_takes_no_connections_then_it_may_pass),
    };
    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
