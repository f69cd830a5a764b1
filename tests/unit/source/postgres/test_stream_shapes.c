/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that change their shape under the stream. Rows of before and after stand in the log together, while the catalog knows only
 * the end.
 */
#include "stream_fixture.h"

#define TABLE_A "CREATE TABLE a (id int PRIMARY KEY, t text, n int); INSERT INTO a VALUES (1, 'one', 1)"

static void column_when_added_empty_then_schema(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    expect(f, "[ a+2,two,2 ]");
    server_sql(f->app, "ALTER TABLE a ADD c text");
    server_sql(f->app, "UPDATE a SET c = 'x' WHERE id = 1");
    expect(f, "[ S(a:id,t,n,c) a=1,one,1,x ]");
    expect_verify(f, "");
}

/* Rows that were written before the catalog became what it is are of the shape of then. */
static void column_when_added_and_rows_are_older_then_empty_in_them(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a ADD c text");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', 3, 'c')");
    expect_verify(f, "S(a:id,t,n,c)");
    expect(f, "[ a+2,two,2,~ ] [ a+3,three,3,c ]");
}

static void column_when_dropped_then_schema_and_older_rows_fit(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a DROP t");
    server_sql(f->app, "INSERT INTO a VALUES (3, 3)");
    expect_verify(f, "S(a:id,n)");
    expect(f, "[ a+2,2 ] [ a+3,3 ]");
}

static void column_when_renamed_in_a_transaction_then_schema_between_rows(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (2, 'two', 2); ALTER TABLE a RENAME t TO u;"
                       "INSERT INTO a VALUES (3, 'three', 3); ALTER TABLE a ADD c int;"
                       "INSERT INTO a VALUES (4, 'four', 4, 4); COMMIT");
    expect(f, "[ a+2,two,2 S(a:id,u,n,c) a+3,three,3,~ a+4,four,4,4 ]");
}

static void columns_when_names_are_swapped_then_values_follow_the_numbers(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, x int, y int); INSERT INTO a VALUES (1, 10, 20)", "a", "a");
    server_sql(f->app, "UPDATE a SET x = 11");
    expect(f, "[ a=1,11,20 ]");
    server_sql(f->app, "ALTER TABLE a RENAME x TO z; ALTER TABLE a RENAME y TO x; ALTER TABLE a RENAME z TO y");
    server_sql(f->app, "UPDATE a SET x = 21");
    expect(f, "[ S(a:id,y,x) a=1,11,21 ]");
}

/* Pitfall 5. */
static void column_when_added_with_a_default_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a ADD c int DEFAULT 5; ALTER TABLE a ALTER c SET DEFAULT 6");
    expect(f, "");
    expect_verify(f, "R(a:id,t,n,c)");
    server_sql(f->app, "ALTER TABLE a ADD r float8 DEFAULT random()");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2, 2, 2)");
    expect(f, "[ R(a:id,t,n,c,r) a+2,two,2,2,2 ]");
    expect_verify(f, "");
}

static void type_when_changed_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a ALTER n TYPE bigint USING n * 2");
    expect_verify(f, "R(a:id,t,n)");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (2, 'two', 2); ALTER TABLE a ALTER n TYPE text;"
                       "INSERT INTO a VALUES (3, 'three', 'x'); COMMIT");
    expect(f, "[ a+2,two,2 R(a:id,t,n) a+3,three,x ]");
}

/* The stream says nothing of it, not even another type. */
static void rows_when_rewritten_under_the_same_type_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a ALTER n TYPE int USING n + 100");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    expect(f, "[ a+2,two,2 ]");
    expect_verify(f, "R(a)");
    expect_verify(f, "");
}

static void table_when_only_its_file_is_another_then_nothing(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "VACUUM FULL a");
    server_sql(f->app, "CLUSTER a USING a_pkey");
    server_sql(f->app, "CREATE INDEX ON a (n)");
    server_sql(f->app, "ANALYZE a");
    expect_verify(f, "");
    server_sql(f->app, "ALTER TABLE a ALTER n SET DEFAULT 7");
    server_sql(f->app, "ALTER TABLE a ALTER n SET STATISTICS 10");
    expect_verify(f, "");
}

static void key_when_moved_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (2, 'two', 2); ALTER TABLE a DROP CONSTRAINT a_pkey;"
                       "ALTER TABLE a ADD PRIMARY KEY (n); COMMIT");
    server_sql(f->app, "UPDATE a SET t = 'zwei' WHERE n = 2");
    expect(f, "[ a+2,two,2 ] [ R(a:id,t,n) a=2,zwei,2 ]");
    expect_verify(f, "");
}

static void key_when_dropped_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY)", "a, b", "a b");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (2, 'two', 2); INSERT INTO b VALUES (1); COMMIT");
    expect(f, "[ F(a) b+1 ]");
    assert_int_equal(f->fault, LF_SCHEMA);
}

static void table_when_renamed_then_followed_as_before(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a RENAME TO other; CREATE SCHEMA s; ALTER TABLE other SET SCHEMA s");
    server_sql(f->app, "INSERT INTO s.other VALUES (2, 'two', 2)");
    expect(f, "[ a+2,two,2 ]");
    expect_verify(f, "");
}

static void table_when_dropped_then_fault_and_others_go_on(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY)", "a, b", "a b");
    server_sql(f->app, "DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, t text, n int)");
    server_sql(f->app, "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)");
    expect(f, "[ b+1 ]");
    expect_verify(f, "F(a)");
    assert_non_null(strstr(f->reason, "dropped"));
    expect_verify(f, "");
    close_stream(f);
    open_stream(f);
    expect(f, "F(a)");
}

/* Pitfall 16. */
static void table_when_it_left_the_publication_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY)", "a, b", "a b");
    server_sql(f->app, "ALTER PUBLICATION lakefeed DROP TABLE a");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER PUBLICATION lakefeed DROP TABLE b; ALTER PUBLICATION lakefeed ADD TABLE b");
    expect(f, "");
    expect_verify(f, "F(a) F(b)");
}

static void publication_when_altered_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY)", "a", "a");
    server_sql(f->app, "ALTER PUBLICATION lakefeed ADD TABLE b");
    expect_verify(f, ""); /* others come and go */
    server_sql(f->app, "ALTER PUBLICATION lakefeed SET (publish = 'insert')");
    server_sql(f->app, "DELETE FROM a");
    server_sql(f->app, "ALTER PUBLICATION lakefeed SET (publish = 'insert, update, delete, truncate')");
    expect(f, "");
    expect_verify(f, "F(a)"); /* it comes back as another table */
}

/* Pitfall 12: the shape of a row is that of its time. */
static void shapes_when_stopped_then_rows_of_both_are_right(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a RENAME t TO u; ALTER TABLE a DROP n; ALTER TABLE a ADD c text");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', 'c')");
    open_stream(f);
    expect(f, "S(a:id,u,c) [ a+2,two,~ ] [ a+3,three,c ]");
}

/* Columns that were only added and renamed are the same by their order, whatever their names were meanwhile. */
static void shapes_when_one_between_only_grew_then_its_rows_fit(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "ALTER TABLE a RENAME t TO u");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a RENAME u TO v; ALTER TABLE a ADD c int");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', 3, 3)");
    server_sql(f->app, "ALTER TABLE a ADD d int");
    open_stream(f);
    expect(f, "S(a:id,v,n,c,d) [ a+2,two,2,~,~ ] [ a+3,three,3,3,~ ]");
}

/* Between the host's shape and the catalog's lies one that nobody saw. */
static void shapes_when_one_between_is_unknown_then_reload_and_its_rows_are_left_out(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "ALTER TABLE a RENAME t TO u");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a RENAME u TO v; ALTER TABLE a DROP n; ALTER TABLE a ADD c text");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', 'c')");
    open_stream(f);
    expect(f, "S(a:id,v,c) [ R(a) ] [ a+3,three,c ]");
    assert_non_null(strstr(f->reason, "shape"));
}

static void type_when_changed_while_stopped_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a ALTER n TYPE date USING '2024-01-01'");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', '2024-02-02')");
    open_stream(f);
    expect(f, "R(a:id,t,n) [ R(a) ] [ a+3,three,2024-02-02 ]");
}

/* ---- a key that is made anew ---- */

static void key_when_a_look_finds_it_away_then_waited_for(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    expect_verify(f, "");
    server_sql(f->app, "ALTER TABLE a ADD PRIMARY KEY (id)");
    expect_verify(f, "");
    server_sql(f->app, "UPDATE a SET n = 2");
    expect(f, "[ a=1,one,2 ]");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    expect_verify(f, "");
    server_sql(f->app, "ALTER TABLE a ALTER t SET NOT NULL; ALTER TABLE a ADD PRIMARY KEY (t)");
    expect_verify(f, "R(a:id,t,n)");
}

/* Without a key two rows can have the same values. */
static void key_when_a_row_comes_while_it_is_away_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    expect_verify(f, "");
    server_sql(f->app, "INSERT INTO a VALUES (1, 'again', 1)");
    expect(f, "[ F(a) ]");
    assert_non_null(strstr(f->reason, "primary key"));
}

static void key_when_rows_came_while_it_was_away_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    expect_verify(f, "");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'two', 2)");
    server_sql(f->app, "ALTER TABLE a ADD PRIMARY KEY (id)");
    expect_verify(f, "");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'three', 3)");
    expect(f, "[ R(a) ] [ a+3,three,3 ]");
}

static void key_when_away_and_identity_is_full_then_fault(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; ALTER TABLE a REPLICA IDENTITY FULL", "a", "a");
    server_sql(f->app, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    expect_verify(f, "F(a)");
}

/* The delete names its row by all columns, of which the lake has the key alone. */
#define DOUBLED_FOR_A_WHILE \
    "ALTER TABLE a DROP CONSTRAINT a_pkey; INSERT INTO a VALUES (1, 'two', 2); DELETE FROM a WHERE n = 1;" \
    "ALTER TABLE a ADD PRIMARY KEY (id)"

static void key_when_made_anew_and_identity_is_full_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; ALTER TABLE a REPLICA IDENTITY FULL", "a", "a");
    server_sql(f->app, DOUBLED_FOR_A_WHILE);
    expect(f, "[ a+1,two,2 a-1 ]");
    expect_verify(f, "R(a)");
    server_sql(f->app, "ALTER TABLE a REPLICA IDENTITY DEFAULT");
    expect_verify(f, "");
}

static void key_when_made_anew_while_stopped_and_identity_is_full_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; ALTER TABLE a REPLICA IDENTITY FULL", "a", "a");
    check(next(f, 0), f, "next");
    close_stream(f);
    server_sql(f->app, DOUBLED_FOR_A_WHILE);
    open_stream(f);
    expect(f, "R(a) [ a+1,two,2 a-1 ]");
}

/* ---- while nobody looks ---- */

/* What was found goes into the cursors that are handed out from now on. */
static void expect_boundary(struct fixture *f)
{
    int before = f->boundaries;
    while (f->boundaries == before) {
        server_sql(f->app, "SELECT pg_logical_emit_message(true, 'lakefeed', '')");
        drain(f);
    }
}

static void rows_when_rewritten_while_stopped_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY, n int)", "a, b", "a b");
    expect_boundary(f);
    close_stream(f);
    server_sql(f->app, "ALTER TABLE a ALTER n TYPE int USING n + 100");
    server_sql(f->app, "TRUNCATE b; INSERT INTO b VALUES (1)");
    server_sql(f->app, "ALTER TABLE b ALTER n SET DEFAULT 5");
    server_sql(f->app, "VACUUM FULL a");
    open_stream(f);
    drain(f);
    assert_non_null(strstr(buf_text(&f->told), "R(a)"));
    assert_non_null(strstr(buf_text(&f->told), "[ T(b) b+1,~ ]"));
    buf_reset(&f->told);
    close_stream(f);
    open_stream(f);
    expect(f, ""); /* the cursor since then knows of it */
}

/* A table that joins a source which is idle before and after: nothing but the start itself can tell a cursor that knows of it. */
static void rows_when_rewritten_after_an_idle_start_with_a_new_table_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE b (id int PRIMARY KEY, n int)", "a, b", "a");
    expect_boundary(f);
    while (cursor_now(f).lsn < flushed_now(f)) {
        check(next(f, 1000), f, "next");
    }
    close_stream(f);
    learn_tables(f, "a b");
    open_stream(f);
    check(next(f, 0), f, "next");
    close_stream(f);
    server_sql(f->app, "ALTER TABLE b ALTER n TYPE int USING n + 100");
    open_stream(f);
    expect(f, "R(b)");
}

static void table_when_only_its_file_is_another_while_stopped_then_nothing(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    expect_boundary(f);
    close_stream(f);
    server_sql(f->app, "VACUUM FULL a");
    server_sql(f->app, "TRUNCATE a");
    server_sql(f->app, "CREATE INDEX ON a (n)");
    open_stream(f);
    expect(f, "[ T(a) ]");
    close_stream(f);
    server_sql(f->app, "ALTER TABLE a ALTER n SET DEFAULT 5");
    open_stream(f);
    expect(f, "");
}

#define TABLE_P \
    "CREATE TABLE p (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);" \
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);" \
    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); INSERT INTO p VALUES (1, 'a'), (11, 'b');" \
    "CREATE TABLE q (id int PRIMARY KEY, t text); INSERT INTO q VALUES (21, 'q');"

#define CHANGE_OUTSIDE \
    "BEGIN; ALTER TABLE p DETACH PARTITION p2; UPDATE p2 SET t = 'c';" \
    "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20); COMMIT"

static void partitions_when_they_change_while_stopped_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    static const char change_outside[] = CHANGE_OUTSIDE;
    static const char *const statements[] = {
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (20) TO (30)",
        "ALTER TABLE p DETACH PARTITION q",
        "TRUNCATE p1",
        change_outside,
        "DROP TABLE p1",
        "DROP TABLE p2",
    };
    struct fixture *f = &fixture;
    follow(f, TABLE_P, "p", "p");
    expect_boundary(f);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        close_stream(f);
        server_sql(f->app, "%s", statements[i]);
        open_stream(f);
        expect_boundary(f);
        expect_told(f, "R(p)");
    }
}

static void partition_when_changed_and_attached_again_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_P, "p", "p");
    server_sql(f->app, "ALTER TABLE p DETACH PARTITION p2; UPDATE p2 SET t = 'c'");
    server_sql(f->app, "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)");
    expect(f, "");
    expect_verify(f, "R(p)");
}

/* Pitfall 19. */
static void partitions_when_they_bring_or_take_rows_then_reload(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f,
           "CREATE TABLE p (id int PRIMARY KEY, t text) PARTITION BY RANGE (id);"
           "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);"
           "CREATE TABLE q (id int PRIMARY KEY, t text); INSERT INTO q VALUES (11, 'q');"
           "CREATE TABLE e (id int PRIMARY KEY, t text)",
           "p", "p");
    expect_verify(f, "");
    server_sql(f->app, "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)");
    server_sql(f->app, "INSERT INTO p VALUES (21, 'new')");
    server_sql(f->app, "ALTER TABLE p ATTACH PARTITION e FOR VALUES FROM (30) TO (40)");
    expect(f, "[ p+21,new ]");
    expect_verify(f, ""); /* nothing came that was not told */
    server_sql(f->app, "ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (10) TO (20)");
    expect_verify(f, "R(p)");
    server_sql(f->app, "TRUNCATE p1");
    expect(f, "");
    expect_verify(f, "R(p)");
    server_sql(f->app, "ALTER TABLE p DETACH PARTITION q");
    expect_verify(f, "R(p)");
    server_sql(f->app, "DROP TABLE p3");
    expect_verify(f, "R(p)");
    server_sql(f->app, "BEGIN; CREATE TABLE p4 (LIKE p INCLUDING ALL); INSERT INTO p4 VALUES (41, 'x');"
                       "ALTER TABLE p ATTACH PARTITION p4 FOR VALUES FROM (40) TO (50); COMMIT");
    expect(f, "");
    expect_verify(f, "R(p)");
    expect_verify(f, "");
}

static void column_when_dropped_and_added_again_then_told_as_another(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "ALTER TABLE a DROP n; ALTER TABLE a ADD n int");
    expect_verify(f, "S(a:id,t,n)");
    assert_int_equal(f->states[0].schema.columns[2].id, 4);
    server_sql(f->app, "UPDATE a SET n = 5");
    expect(f, "[ a=1,one,5 ]");
}

static void column_when_widened_then_rows_go_on(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, v varchar(3))", "a", "a");
    server_sql(f->app, "BEGIN; INSERT INTO a VALUES (1, 'abc'); ALTER TABLE a ALTER v TYPE varchar(5);"
                       "INSERT INTO a VALUES (2, 'abcde'); COMMIT");
    expect(f, "[ a+1,abc R(a:id,v) a+2,abcde ]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(column_when_added_empty_then_schema),
        STREAM_TEST(column_when_added_and_rows_are_older_then_empty_in_them),
        STREAM_TEST(column_when_dropped_then_schema_and_older_rows_fit),
        STREAM_TEST(column_when_renamed_in_a_transaction_then_schema_between_rows),
        STREAM_TEST(columns_when_names_are_swapped_then_values_follow_the_numbers),
        STREAM_TEST(column_when_added_with_a_default_then_reload),
        STREAM_TEST(type_when_changed_then_reload),
        STREAM_TEST(rows_when_rewritten_under_the_same_type_then_reload),
        STREAM_TEST(table_when_only_its_file_is_another_then_nothing),
        STREAM_TEST(key_when_moved_then_reload),
        STREAM_TEST(key_when_dropped_then_fault),
        STREAM_TEST(table_when_renamed_then_followed_as_before),
        STREAM_TEST(table_when_dropped_then_fault_and_others_go_on),
        STREAM_TEST(table_when_it_left_the_publication_then_fault),
        STREAM_TEST(publication_when_altered_then_fault),
        STREAM_TEST(shapes_when_stopped_then_rows_of_both_are_right),
        STREAM_TEST(shapes_when_one_between_only_grew_then_its_rows_fit),
        STREAM_TEST(shapes_when_one_between_is_unknown_then_reload_and_its_rows_are_left_out),
        STREAM_TEST(type_when_changed_while_stopped_then_reload),
        STREAM_TEST(key_when_a_look_finds_it_away_then_waited_for),
        STREAM_TEST(key_when_a_row_comes_while_it_is_away_then_fault),
        STREAM_TEST(key_when_rows_came_while_it_was_away_then_reload),
        STREAM_TEST(key_when_away_and_identity_is_full_then_fault),
        STREAM_TEST(key_when_made_anew_and_identity_is_full_then_reload),
        STREAM_TEST(key_when_made_anew_while_stopped_and_identity_is_full_then_reload),
        STREAM_TEST(rows_when_rewritten_while_stopped_then_reload),
        STREAM_TEST(rows_when_rewritten_after_an_idle_start_with_a_new_table_then_reload),
        STREAM_TEST(table_when_only_its_file_is_another_while_stopped_then_nothing),
        STREAM_TEST(partitions_when_they_change_while_stopped_then_reload),
        STREAM_TEST(partition_when_changed_and_attached_again_then_reload),
        STREAM_TEST(partitions_when_they_bring_or_take_rows_then_reload),
        STREAM_TEST(column_when_dropped_and_added_again_then_told_as_another),
        STREAM_TEST(column_when_widened_then_rows_go_on),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
