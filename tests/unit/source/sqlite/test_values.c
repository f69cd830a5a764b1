/* SPDX-License-Identifier: Apache-2.0
 *
 * Declared types and the values that columns hold in spite of them.
 */
#include "fixture.h"

/* One column x of the type given, holding the value of an SQL literal: the cell as text, "!" when refused. */
static void try_value(const char *type, const char *literal, const char *option, char *ret, size_t size)
{
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows = {0};
    struct lf_bound open = {NULL};
    struct buf text = {0};
    bool ordered = false;
    char *sql =
        sqlite3_mprintf("CREATE TABLE t(id INTEGER PRIMARY KEY, x %s); INSERT INTO t VALUES(1, %s)", type, literal);
    fixture_make(&f, "WAL", sql);
    fixture_close_session(&f);
    if (option != NULL) {
        f.options[f.noptions++] = (struct lf_option_value){"type.t.x", option};
    }
    fixture_open_session(&f);
    fixture_track(&f);
    fixture_discover(&f);
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
    EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
    append_cell(&text, f.tables[0].columns[1].type, &rows.cells[1]);
    (void)snprintf(ret, size, "%s", buf_text(&text));
    if (rows.cells[1].state == LF_CELL_REFUSED) {
        const struct lf_refusal *refusal = rows.cells[1].refusal;
        assert_int_equal(refusal->kind, LF_DATA);
        assert_non_null(strstr(refusal->reason, "table t, column x, row with key id=1"));
        assert_non_null(strstr(refusal->reason, "\"columns\": {\"x\": {\"type\": \""));
        assert_true(refusal->start.len > 0 && refusal->start.len <= 32);
    }
    f.ops->load_close(load);
    buf_done(&text);
    sqlite3_free(sql);
    fixture_remove(&f);
}

static const struct {
    const char *type, *literal, *option, *want;
} value_cases[] = {
    {"INTEGER", "9223372036854775807", NULL, "9223372036854775807;"},
    {"INTEGER", "'12'", NULL, "12;"},
    {"INTEGER", "'abc'", NULL, "!"},
    {"INTEGER", "9223372036854775808", NULL, "!"},
    {"INT", "1.5", NULL, "!"},
    {"INT", "x'00'", NULL, "!"},
    {"INT", "NULL", NULL, "NULL;"},
    {"INT", "'abc'", "string", "'abc';"},
    {"INT", "-7", "string", "'-7';"},
    {"INT", "x'00ff'", "binary", "00FFx;"},
    {"INT", "'ab'", "binary", "6162x;"},
    {"BOOLEAN", "TRUE", NULL, "1;"},
    {"BOOLEAN", "2", NULL, "!"},
    {"BOOL", "'true'", NULL, "!"},
    {"REAL", "3", NULL, "3;"},
    {"REAL", "'x'", NULL, "!"},
    {"DOUBLE PRECISION", "1e400", NULL, "inf;"},
    {"DECIMAL(10,2)", "'1.50'", NULL, "1.5;"},
    {"NUMERIC", "9007199254740993", NULL, "!"},
    {"NUMERIC", "9007199254740993", "string", "'9007199254740993';"},
    {"NUMERIC", "9007199254740993", "int64", "9007199254740993;"},
    {"TEXT", "1.0", NULL, "'1.0';"},
    {"VARCHAR(3)", "''", NULL, "'';"},
    {"TEXT", "x'00'", NULL, "!"},
    {"TEXT", "CAST(x'ff41' AS TEXT)", NULL,
     "'\xff"
     "A';"},
    {"TEXT", "CAST(x'eda080' AS TEXT)", NULL, "'\xed\xa0\x80';"},
    {"TEXT", "CAST(x'410042' AS TEXT)", NULL, "'A';"}, /* shown up to its U+0000 */
    {"TEXT", "'1234567ü🙂'", NULL, "'1234567ü🙂';"},
    {"", "5", NULL, "'5';"},
    {"", "0.1", NULL, "'0.1';"},
    {"", "1e300", NULL, "'1e+300';"},
    {"", "2.0", NULL, "'2.0';"},
    {"", "1/3.0", NULL, "'0.3333333333333333';"},
    {"", "x'01'", NULL, "!"},
    {"BLOB", "x'00ff'", NULL, "00FFx;"},
    {"BLOB", "x''", NULL, "x;"},
    {"BLOB", "'text'", NULL, "!"},
    {"DATE", "'2024-02-29'", NULL, "'2024-02-29';"},
    {"DATE", "'2023-02-29'", NULL, "!"},
    {"DATE", "'0000-01-01'", NULL, "!"},
    {"DATE", "20240101", NULL, "!"},
    {"DATE", "'2024-01-02 00:00:00.000'", NULL, "'2024-01-02';"},
    {"DATE", "'2024-01-02 00:00:01'", NULL, "!"},
    {"DATETIME", "'2024-01-02 03:04'", NULL, "'2024-01-02T03:04:00';"},
    {"DATETIME", "'2024-01-02T03:04:05.123456Z'", NULL, "'2024-01-02T03:04:05.123456';"},
    {"DATETIME", "'2024-01-02T03:04:05.1234567'", NULL, "!"},
    {"TIMESTAMP", "'2024-03-01 00:30:00+02:00'", NULL, "'2024-02-29T22:30:00';"},
    {"TIMESTAMP", "'2023-12-31 23:30:00-0130'", NULL, "'2024-01-01T01:00:00';"},
    {"TIMESTAMP", "'9999-12-31 23:30:00-01:00'", NULL, "!"},
    {"TIMESTAMP", "'2024-01-02'", NULL, "'2024-01-02T00:00:00';"},
    {"TIMESTAMP", "'2024-01-02 24:00:00'", NULL, "!"},
    {"TIMESTAMP", "1700000000", NULL, "!"},
    {"TIMESTAMP", "1700000000", "int64", "1700000000;"},
    {"TIME", "'23:59'", NULL, "'23:59:00';"},
    {"TIME", "'23:59:60'", NULL, "!"},
    {"JSON", "'{\"a\":1}'", NULL, "'{\"a\":1}';"},
    {"JSON", "'5'", NULL, "'5';"},
    {"UUID", "'6BA7B810-9dad-11d1-80b4-00c04fd430c8'", NULL, "'6BA7B810-9dad-11d1-80b4-00c04fd430c8';"},
    {"UUID", "'6ba7b810'", NULL, "!"},
    {"MONEY", "'a'", NULL, "'a';"},
};

static void value_when_it_fits_then_canonical_and_otherwise_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof value_cases / sizeof value_cases[0]; i++) {
        char have[200];
        try_value(value_cases[i].type, value_cases[i].literal, value_cases[i].option, have, sizeof have);
        if (strcmp(have, value_cases[i].want) != 0) {
            fail_msg("%s %s as %s: %s instead of %s", value_cases[i].type, value_cases[i].literal,
                     value_cases[i].option != NULL ? value_cases[i].option : "declared", have, value_cases[i].want);
        }
    }
}

static void key_when_null_or_of_another_class_then_fault(void **state)
{
    (void)state;
    static const struct {
        const char *create, *insert, *part;
    } cases[] = {
        {"CREATE TABLE t(k TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES(NULL,'x')", "is NULL in a key"},
        {"CREATE TABLE t(k TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES(x'00','x')", "is a blob"},
        {"CREATE TABLE t(k INT PRIMARY KEY, v)", "INSERT INTO t VALUES('a','x')", "is no integer"},
        {"CREATE TABLE t(k PRIMARY KEY, v)", "INSERT INTO t VALUES(5,'x')", "is a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        fixture_make(&f, "WAL", cases[i].create);
        fixture_follow(&f);
        app(&f, cases[i].insert);
        fixture_drain(&f);
        assert_int_equal(f.tables[0].faults, 1);
        assert_int_equal(f.tables[0].fault, LF_DATA);
        assert_non_null(strstr(f.tables[0].reason, cases[i].part));
        fixture_remove(&f);
    }
}

static void bad_row_when_gone_before_the_read_then_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL", "CREATE TABLE t(k TEXT PRIMARY KEY, v INT)");
    fixture_follow(&f);
    fixture_write(&f, "INSERT INTO t VALUES(NULL,1),(x'01',1),('a','bad'); DELETE FROM t; INSERT INTO t VALUES('b',1)",
                  "t");
    assert_int_equal(f.tables[0].faults, 0);
    fixture_remove(&f);
}

static void value_when_it_does_not_fit_in_the_stream_then_refused_and_the_table_goes_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL", "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT, s TEXT)");
    fixture_follow(&f);
    app(&f, "INSERT INTO t VALUES(1,'no number','a'),(2,2,CAST(x'ff' AS TEXT))");
    fixture_drain(&f);
    assert_int_equal(f.tables[0].faults, 0);
    assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE instr(r, '!') > 0"), 1);
    app(&f, "UPDATE t SET v = 1 WHERE id = 1");
    fixture_drain(&f);
    assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE instr(r, '!') > 0"), 0);
    fixture_remove(&f);
}

static void column_when_excluded_then_absent_from_the_schema(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL",
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, secret TEXT UNIQUE, v INT); INSERT INTO t VALUES(1,'a',1)");
    fixture_close_session(&f);
    f.options[f.noptions++] = (struct lf_option_value){"exclude.t.secret", "true"};
    fixture_open_session(&f);
    fixture_follow(&f);
    assert_int_equal(f.tables[0].ncolumns, 2);
    fixture_write(&f, "REPLACE INTO t VALUES(2,'a',5)", "t");
    fixture_remove(&f);
}

static void type_when_configured_wrong_then_config(void **state)
{
    (void)state;
    struct fixture f;
    fixture_make(&f, "WAL", "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    fixture_close_session(&f);
    f.options[f.noptions++] = (struct lf_option_value){"type.t.id", "number"};
    fixture_open_session(&f);
    expect_kind(&f, f.ops->discover(f.session, fixture_visit, &f, &f.err), LF_CONFIG,
                "table t, column id: 'number' is no type");
    fixture_remove(&f);
}

/* The row's first key column, an integer or a text, comes after the one before. */
static void expect_after(struct buf *last, const struct lf_cell *row, bool number)
{
    struct buf key = {0};
    if (number) {
        buf_printf(&key, "%08" PRId64, row[0].i);
    } else {
        buf_append(&key, row[1].bytes.ptr, row[1].bytes.len);
    }
    assert_true(last->len == 0 || strcmp(buf_text(&key), buf_text(last)) > 0);
    buf_done(last);
    *last = key;
}

/* Rows in key order, whatever the index looks like, or the promise not made. */
static void load_when_ordered_then_in_the_order_of_the_lake(void **state)
{
    (void)state;
    static const struct {
        const char *key, *columns;
        bool ordered;
    } cases[] = {
        {"a INTEGER, b TEXT NOT NULL, PRIMARY KEY(b, a)", "b,a", true},
        {"a INTEGER, b TEXT NOT NULL, PRIMARY KEY(b DESC, a DESC)", "b,a", true},
        {"a INTEGER, b TEXT NOT NULL, PRIMARY KEY(b DESC, a)", "b,a", false},
        {"a INTEGER PRIMARY KEY, b TEXT", "a", true},
        {"a INTEGER, b TEXT COLLATE NOCASE PRIMARY KEY", "b", false},
        {"a INTEGER, b DATETIME PRIMARY KEY", "b", false},
    };
    static const char *const tails[] = {"", " WITHOUT ROWID"}, *const modes[] = {"WAL", "DELETE"};
    for (size_t i = 0; i < 4 * sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        struct lf_load *load = NULL;
        struct lf_rows rows = {.nrows = 1};
        struct lf_bound open = {NULL};
        bool ordered = false;
        char *sql = sqlite3_mprintf(
            "CREATE TABLE t(%s)%s; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<40000)"
            " INSERT INTO t SELECT i, datetime('2000-01-01', (i * 7919 %% 40000) || ' minutes') FROM c",
            cases[i / 4].key, tails[i % 2]);
        fixture_make(&f, modes[i / 2 % 2], sql);
        fixture_track(&f);
        fixture_discover(&f);
        struct lf_table_state table = state_of(&f.tables[0]);
        EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
        assert_int_equal(ordered, cases[i / 4].ordered);
        size_t n = 0;
        struct buf last = {0};
        while (rows.nrows > 0) {
            EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
            n += rows.nrows;
            for (size_t r = 0; ordered && r < rows.nrows; r++) {
                expect_after(&last, &rows.cells[r * 2], table.schema.key[0] == 0);
            }
        }
        assert_int_equal(n, 40000);
        buf_done(&last);
        f.ops->load_close(load);
        sqlite3_free(sql);
        fixture_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_when_it_fits_then_canonical_and_otherwise_refused),
        cmocka_unit_test(key_when_null_or_of_another_class_then_fault),
        cmocka_unit_test(bad_row_when_gone_before_the_read_then_nothing),
        cmocka_unit_test(value_when_it_does_not_fit_in_the_stream_then_refused_and_the_table_goes_on),
        cmocka_unit_test(column_when_excluded_then_absent_from_the_schema),
        cmocka_unit_test(type_when_configured_wrong_then_config),
        cmocka_unit_test(load_when_ordered_then_in_the_order_of_the_lake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
