/* SPDX-License-Identifier: Apache-2.0
 *
 * No write escapes: each test writes as an application does and compares the followed rows with SELECT *.
 */
#include "fixture.h"

static const char users[] = "CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT UNIQUE, phone TEXT UNIQUE, n INTEGER);"
                            "INSERT INTO t VALUES(1,'a','1',1),(2,'b','2',2),(3,'c','3',3),(4,'d','4',4)";

static void run(const char *create, const char *const *writes)
{
    static const char *const modes[] = {"WAL", "DELETE"};
    for (size_t m = 0; m < 2; m++) {
        struct fixture f;
        fixture_make(&f, modes[m], create);
        fixture_follow(&f);
        for (size_t i = 0; writes[i] != NULL; i++) {
            fixture_write(&f, writes[i], "t");
        }
        assert_int_equal(follower_of(&f, "t")->faults, 0);
        fixture_remove(&f);
    }
}
#define RUN(create, ...) run((create), (const char *const[]){__VA_ARGS__, NULL})

static void replace_when_it_hits_two_other_rows_then_both_are_deleted(void **state)
{
    (void)state;
    RUN(users, "REPLACE INTO t VALUES(9,'a','2',9)", "INSERT OR REPLACE INTO t VALUES(9,'x','4',9)");
}

static void update_or_replace_when_it_hits_another_row_then_that_is_deleted(void **state)
{
    (void)state;
    RUN(users, "UPDATE OR REPLACE t SET email='b' WHERE id=1", "UPDATE OR REPLACE t SET id=3 WHERE id=4",
        "UPDATE OR REPLACE t SET phone='7'");
}

static void replace_when_the_index_is_nocase_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, e TEXT COLLATE NOCASE UNIQUE); INSERT INTO t VALUES(1,'Ann'),(2,'bob')",
        "REPLACE INTO t VALUES(5,'ANN')", "UPDATE OR REPLACE t SET e='BOB' WHERE id=5");
}

static void replace_when_the_index_is_partial_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, e TEXT, active INT);"
        "CREATE UNIQUE INDEX u ON t(e) WHERE t.active > 0 AND e <> 'x)';"
        "INSERT INTO t VALUES(1,'a',1),(2,'a',0),(3,'b',1)",
        "REPLACE INTO t VALUES(9,'a',1)", "REPLACE INTO t VALUES(10,'a',0)",
        "UPDATE OR REPLACE t SET active=1 WHERE id=2");
}

static void replace_when_the_index_is_on_an_expression_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, \"e mail\" TEXT, [end] TEXT, x INT);"
        "CREATE UNIQUE INDEX \"on\" ON t(lower(trim(\"e mail\")) COLLATE NOCASE DESC, CAST([end] AS TEXT) || x'41' || "
        "',');"
        "INSERT INTO t VALUES(1,'Ann','u',1),(2,'bob','v',1)",
        "REPLACE INTO t VALUES(5,'  ANN','u',2)", "UPDATE OR REPLACE t SET \"e mail\"='aNN', [end]='u' WHERE id=2");
}

static void replace_when_null_becomes_the_default_then_the_row_with_the_default_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, e TEXT NOT NULL DEFAULT 'none' UNIQUE); INSERT INTO t "
        "VALUES(1,'none'),(2,'b')",
        "REPLACE INTO t VALUES(3,NULL)", "UPDATE OR REPLACE t SET e=NULL WHERE id=2");
}

static void replace_when_a_generated_column_is_unique_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT AS (a % 10) UNIQUE, c INT AS (a / 10) STORED);"
        "INSERT INTO t(id,a) VALUES(1,11),(2,12)",
        "REPLACE INTO t(id,a) VALUES(3,21)", "UPDATE OR REPLACE t SET a=92 WHERE id=3");
}

static void replace_when_the_constraint_says_replace_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, e TEXT UNIQUE ON CONFLICT REPLACE); INSERT INTO t "
        "VALUES(1,'a'),(2,'b')",
        "INSERT INTO t VALUES(3,'a')", "UPDATE t SET e='b' WHERE id=3");
}

static void replace_when_it_hits_a_hidden_rowid_then_the_other_row_is_deleted(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES('a',1),('b',2),('c',3)",
        "REPLACE INTO t(rowid,k,v) VALUES(1,'z',9)", "UPDATE OR REPLACE t SET rowid=2 WHERE k='c'");
}

static void upsert_when_it_updates_then_the_row_is_followed(void **state)
{
    (void)state;
    RUN(users, "INSERT INTO t VALUES(1,'q','q',5) ON CONFLICT(id) DO UPDATE SET n=n+100, email=excluded.email",
        "INSERT INTO t VALUES(8,'b','r',5) ON CONFLICT(email) DO UPDATE SET id=80",
        "INSERT OR IGNORE INTO t VALUES(1,'z','z',0),(11,'k','k',1)",
        "INSERT INTO t VALUES(1,'z','z',0) ON CONFLICT DO NOTHING");
}

static void update_when_keys_move_then_old_and_new_are_told(void **state)
{
    (void)state;
    RUN(users, "UPDATE t SET id=id+100",
        "UPDATE t SET id=-1 WHERE id=101; UPDATE t SET id=101 WHERE id=102; UPDATE t SET id=102 WHERE id=-1",
        "UPDATE t SET n=n*2 WHERE id>101", "DELETE FROM t");
}

static void statement_when_it_touches_many_rows_then_all_are_told(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<5000) INSERT INTO t SELECT i, 'v'||i "
        "FROM c",
        "UPDATE t SET v=v||'x' WHERE id%3=0", "DELETE FROM t WHERE id%2=0");
}

static void foreign_key_when_it_cascades_then_the_children_are_told(void **state)
{
    (void)state;
    RUN("PRAGMA foreign_keys=ON; CREATE TABLE p(id INTEGER PRIMARY KEY);"
        "CREATE TABLE t(id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE,"
        " q INT REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE);"
        "INSERT INTO p VALUES(1),(2),(3); INSERT INTO t VALUES(1,1,2),(2,2,3),(3,2,1)",
        "DELETE FROM p WHERE id=2", "UPDATE p SET id=30 WHERE id=1", "REPLACE INTO p VALUES(30)");
}

static void without_rowid_when_written_then_followed(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(a TEXT, b INT, v TEXT UNIQUE, PRIMARY KEY(b DESC, a)) WITHOUT ROWID; INSERT INTO t "
        "VALUES('x',1,'p'),('y',2,'q')",
        "REPLACE INTO t VALUES('z',3,'p')", "UPDATE t SET a='w' WHERE b=2", "REPLACE INTO t VALUES('z',3,'n')",
        "DELETE FROM t WHERE b=2");
}

static void composite_key_when_written_then_followed(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(a TEXT NOT NULL, v INT, b INT NOT NULL, c REAL NOT NULL, PRIMARY KEY(b,a,c)); INSERT INTO t "
        "VALUES('x',1,1,0.5),('x',2,2,1)",
        "UPDATE t SET b=b+1", "DELETE FROM t WHERE c=1", "INSERT INTO t VALUES('x',7,2,2),('',8,2,-0.25)");
}

static void key_when_text_blob_or_real_then_followed(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES('5',1),('',2),('ü''\"',3)",
        "UPDATE t SET v=9 WHERE k='5'", "UPDATE t SET k='05' WHERE k='5'", "DELETE FROM t WHERE k=''");
    RUN("CREATE TABLE t(k BLOB PRIMARY KEY, v INT); INSERT INTO t VALUES(x'00ff',1),(x'',2)", "UPDATE t SET v=9",
        "DELETE FROM t WHERE k=x''");
    RUN("CREATE TABLE t(k REAL PRIMARY KEY, v INT); INSERT INTO t VALUES(3,1),(0.1,2),(1e300,3)",
        "UPDATE t SET v=9 WHERE k=3", "REPLACE INTO t VALUES(3.0,5)", "DELETE FROM t WHERE k=0.1");
}

static void key_when_nocase_then_keys_that_differ_in_case_are_told_apart(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v INT); INSERT INTO t VALUES('Ann',1),('bob',2)",
        "REPLACE INTO t VALUES('ANN',5)", "UPDATE t SET k='BOB' WHERE k='bob'",
        "UPDATE OR REPLACE t SET k='aNN' WHERE k='bob'", "DELETE FROM t WHERE k='ann'");
    RUN("CREATE TABLE t(k TEXT, v INT, PRIMARY KEY(k COLLATE RTRIM)) WITHOUT ROWID; INSERT INTO t VALUES('a "
        "',1),('b',2)",
        "REPLACE INTO t VALUES('a',5)", "UPDATE t SET k='b  ' WHERE k='b'");
}

static void strict_table_when_written_then_followed(void **state)
{
    (void)state;
    RUN("CREATE TABLE t(k ANY PRIMARY KEY, a ANY, b REAL, c BLOB, d INT) STRICT; INSERT INTO t "
        "VALUES('x','1',2,x'01',1)",
        "REPLACE INTO t VALUES('x','2',3.5,NULL,NULL)", "INSERT INTO t VALUES('y','z',0,x'',7)");
}

static void savepoint_when_rolled_back_then_only_what_stays_is_told(void **state)
{
    (void)state;
    RUN(users,
        "BEGIN; UPDATE t SET n=50 WHERE id=1; SAVEPOINT a; DELETE FROM t; ROLLBACK TO a; DELETE FROM t WHERE id=2; "
        "RELEASE a; COMMIT",
        "BEGIN; DELETE FROM t; ROLLBACK", "INSERT INTO t VALUES(7,'m','m',7)");
}

static void attached_database_when_written_through_then_followed(void **state)
{
    (void)state;
    struct fixture f;
    sqlite3 *other = NULL;
    fixture_make(&f, "WAL", users);
    fixture_follow(&f);
    assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
    char *attach = sqlite3_mprintf("CREATE TABLE lakefeed_log(x); CREATE TABLE t(x); ATTACH %Q AS shop", f.path);
    sql_of(other, attach);
    sql_of(other, "REPLACE INTO shop.t VALUES(9,'a','2',9); DELETE FROM shop.t WHERE id=4");
    sqlite3_free(attach);
    sqlite3_close(other);
    fixture_drain(&f);
    fixture_compare(&f, "t");
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM t"), 2);
    fixture_remove(&f);
}

static void names_when_odd_then_followed(void **state)
{
    (void)state;
    struct fixture f;
    char longest[301];
    memset(longest, 'x', 300);
    longest[300] = '\0';
    char *sql = sqlite3_mprintf(
        "CREATE TABLE \"or\"\"der ü'\"(\"select\" INTEGER PRIMARY KEY, \"a \"\"b\" TEXT UNIQUE, \"%s\" INT,"
        " rowid TEXT, oid INT, _rowid_ INT); CREATE TABLE \"Or\"(\"key\" TEXT PRIMARY KEY, \"new\" INT UNIQUE);"
        "INSERT INTO \"or\"\"der ü'\" VALUES(1,'a',1,'r',2,3),(2,'b',2,'s',4,5); INSERT INTO \"Or\" VALUES('k',1)",
        longest);
    fixture_make(&f, "DELETE", sql);
    fixture_follow(&f);
    assert_int_equal(f.ntables, 2);
    fixture_write(&f, "REPLACE INTO \"or\"\"der ü'\" VALUES(3,'a',1,'r',2,3)", "or\"der ü'");
    fixture_write(&f, "REPLACE INTO \"Or\" VALUES('q',1)", "Or");
    sqlite3_free(sql);
    fixture_remove(&f);
}

static void rows_when_larger_than_a_batch_then_one_boundary(void **state)
{
    (void)state;
    static const char *const modes[] = {"WAL", "DELETE"};
    for (size_t m = 0; m < 2; m++) {
        struct fixture f;
        fixture_make(&f, modes[m], "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
        fixture_follow(&f);
        fixture_drain(&f);
        app(&f, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<40) INSERT INTO t SELECT i, "
                "randomblob(200000) FROM c");
        fixture_step(&f);
        assert_true(f.in_transaction);
        fixture_drain(&f);
        assert_int_equal(f.boundaries, 1);
        fixture_compare(&f, "t");
        fixture_remove(&f);
    }
}

/* Between the short reads the application moves a value from an unread row to a read one: the boundary must show both. */
static void short_reads_when_rows_change_between_then_the_boundary_is_one_state(void **state)
{
    (void)state;
    struct fixture f;
    int moves = 0;
    fixture_make(&f, "DELETE",
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT, pad BLOB);"
                 "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<60) INSERT INTO t SELECT i, 10, "
                 "x'' FROM c");
    fixture_follow(&f);
    fixture_drain(&f);
    app(&f, "UPDATE t SET pad=randomblob(100000)");
    while (fixture_step(&f) > 0 || f.in_transaction) {
        if (f.in_transaction && moves < 20) {
            moves++;
            app(&f, "UPDATE t SET v=v+1 WHERE id=1; UPDATE t SET v=v-1 WHERE id=60; DELETE FROM t WHERE id=(SELECT "
                    "min(id) FROM t WHERE id>1)");
        }
    }
    assert_true(moves > 2);
    fixture_compare(&f, "t");
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_when_it_hits_two_other_rows_then_both_are_deleted),
        cmocka_unit_test(update_or_replace_when_it_hits_another_row_then_that_is_deleted),
        cmocka_unit_test(replace_when_the_index_is_nocase_then_the_other_row_is_deleted),
        cmocka_unit_test(replace_when_the_index_is_partial_then_the_other_row_is_deleted),
        cmocka_unit_test(replace_when_the_index_is_on_an_expression_then_the_other_row_is_deleted),
        cmocka_unit_test(replace_when_null_becomes_the_default_then_the_row_with_the_default_is_deleted),
        cmocka_unit_test(replace_when_a_generated_column_is_unique_then_the_other_row_is_deleted),
        cmocka_unit_test(replace_when_the_constraint_says_replace_then_the_other_row_is_deleted),
        cmocka_unit_test(replace_when_it_hits_a_hidden_rowid_then_the_other_row_is_deleted),
        cmocka_unit_test(upsert_when_it_updates_then_the_row_is_followed),
        cmocka_unit_test(update_when_keys_move_then_old_and_new_are_told),
        cmocka_unit_test(statement_when_it_touches_many_rows_then_all_are_told),
        cmocka_unit_test(foreign_key_when_it_cascades_then_the_children_are_told),
        cmocka_unit_test(without_rowid_when_written_then_followed),
        cmocka_unit_test(composite_key_when_written_then_followed),
        cmocka_unit_test(key_when_text_blob_or_real_then_followed),
        cmocka_unit_test(key_when_nocase_then_keys_that_differ_in_case_are_told_apart),
        cmocka_unit_test(strict_table_when_written_then_followed),
        cmocka_unit_test(savepoint_when_rolled_back_then_only_what_stays_is_told),
        cmocka_unit_test(attached_database_when_written_through_then_followed),
        cmocka_unit_test(names_when_odd_then_followed),
        cmocka_unit_test(rows_when_larger_than_a_batch_then_one_boundary),
        cmocka_unit_test(short_reads_when_rows_change_between_then_the_boundary_is_one_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
