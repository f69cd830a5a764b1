/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that change their shape, while the stream runs and while nobody reads.
 */
#include "fixture.h"

static const char orders[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c REAL); INSERT INTO t VALUES(1,'x',1,1.5),(2,'y',2,2.5)";

static void make(struct fixture *f, const char *sql)
{
    fixture_make(f, "WAL", sql);
    fixture_follow(f);
    fixture_drain(f);
}

/* Stopped: the stream is closed before the change and opened again after it. */
static void change(struct fixture *f, bool stopped, const char *sql)
{
    if (stopped) {
        f->ops->changes_close(f->changes);
        f->changes = NULL;
    }
    app(f, sql);
    if (stopped) {
        EXPECT(f, fixture_try_changes(f));
    }
    fixture_drain(f);
}

static void add_column_when_without_default_then_schema_alone(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        make(&f, orders);
        change(&f, stopped, "ALTER TABLE t ADD COLUMN d TEXT; UPDATE t SET d='new' WHERE id=2");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->schemas, 1);
        assert_int_equal(t->reloads, 0);
        assert_int_equal(t->ncolumns, 5);
        assert_int_equal(t->columns[4].id, 5);
        assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE r LIKE '%new%'"), 1);
        fixture_remove(&f);
    }
}

static void add_column_when_rows_get_values_then_reload(void **state)
{
    (void)state;
    static const char *const adds[] = {"ALTER TABLE t ADD COLUMN d INT NOT NULL DEFAULT 7",
                                       "ALTER TABLE t ADD COLUMN d INT AS (b * 2)"};
    for (size_t i = 0; i < 4; i++) {
        struct fixture f;
        make(&f, orders);
        change(&f, i >= 2, adds[i % 2]);
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->reloads, 1);
        free(fixture_load(&f, t));
        fixture_compare(&f, "t");
        fixture_remove(&f);
    }
}

static void drop_column_when_dropped_then_ids_stay(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        make(&f, orders);
        change(&f, stopped, "ALTER TABLE t DROP COLUMN b; UPDATE t SET a='z'");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->schemas, 1);
        assert_int_equal(t->reloads, 0);
        assert_int_equal(t->ncolumns, 3);
        assert_int_equal(t->columns[2].id, 4);
        fixture_compare(&f, "t");
        fixture_remove(&f);
    }
}

static void rename_column_when_renamed_then_drop_add_and_reload(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        make(&f, orders);
        change(&f, stopped, "ALTER TABLE t RENAME COLUMN b TO \"b 2\"");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->schemas, 1);
        assert_int_equal(t->reloads, 1);
        assert_string_equal(t->names[2], "b 2");
        assert_int_equal(t->columns[2].id, 5);
        free(fixture_load(&f, t));
        fixture_compare(&f, "t");
        fixture_remove(&f);
    }
}

static void rename_column_when_it_is_in_key_and_indexes_then_triggers_follow(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "CREATE TABLE t(id TEXT PRIMARY KEY, e TEXT UNIQUE, g TEXT); CREATE UNIQUE INDEX u ON t(lower(g), e) "
             "WHERE g > 'a';"
             "INSERT INTO t VALUES('a','x','p'),('b','y','q')");
    change(&f, false,
           "ALTER TABLE t RENAME COLUMN id TO \"the key\"; ALTER TABLE t RENAME COLUMN g TO gg; ALTER TABLE t RENAME "
           "COLUMN e TO \"e\"\"e\"");
    struct follower *t = follower_of(&f, "t");
    assert_int_equal(t->faults, 0);
    assert_int_equal(t->reloads, 1);
    free(fixture_load(&f, t));
    fixture_write(&f, "REPLACE INTO t VALUES('c','x','P')", "t");
    fixture_remove(&f);
}

static void drop_and_add_column_when_same_name_then_reload_with_a_new_id(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, orders);
    change(&f, true, "ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN b INT");
    struct follower *t = follower_of(&f, "t");
    assert_int_equal(t->reloads, 1);
    assert_int_equal(t->columns[3].id, 5);
    fixture_remove(&f);
}

/* The host keeps the place of a dropped column, which the source no longer has. */
static void keep_dropped(struct follower *t, uint32_t at, uint32_t id)
{
    memmove(&t->columns[at + 1], &t->columns[at], (t->ncolumns - at) * sizeof *t->columns);
    t->columns[at] =
        (struct lf_column){.id = id, .name = "old", .source_type = "", .type = LF_TYPE_STRING, .dropped = true};
    for (uint32_t i = 0; i < t->nkey; i++) {
        t->key[i] += t->key[i] >= at;
    }
    t->ncolumns++;
}

/* Rows of loads, of a range and of the stream, when the state has dropped columns at these places. */
static void check_rows_beside_dropped(const char *mode, const uint32_t *at, uint32_t nat)
{
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows;
    bool ordered = false;
    const struct lf_cell lo[] = {{.state = LF_CELL_VALUE, .i = 15000}, {.state = LF_CELL_VALUE, .bytes = {"k", 1}}};
    fixture_make(&f, mode,
                 "CREATE TABLE t(a TEXT, k TEXT, b INT, n INT, PRIMARY KEY(n, k)) WITHOUT ROWID;"
                 "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<20000)"
                 " INSERT INTO t SELECT 'a' || i, 'k', i * 2, i FROM c");
    fixture_follow(&f);
    f.ops->changes_close(f.changes);
    struct follower *t = follower_of(&f, "t");
    for (uint32_t i = 0; i < nat; i++) {
        keep_dropped(t, at[i], 20 + i);
    }
    EXPECT(&f, fixture_try_changes(&f));
    fixture_write(&f, "UPDATE t SET a='z' WHERE n<5; DELETE FROM t WHERE n=7; INSERT INTO t VALUES('i','j',1,0)", "t");
    free(fixture_load(&f, t));
    fixture_compare(&f, "t");
    struct lf_table_state table = state_of(t);
    EXPECT(&f, f.ops->load_open(f.session, &table, (struct lf_bound){lo}, (struct lf_bound){NULL}, &load, &ordered,
                                &f.err));
    EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
    assert_int_equal(rows.cells[3].i, 15000);
    assert_int_equal(rows.cells[4 + 3].i, 15001);
    f.ops->load_close(load);
    fixture_write(&f, "ALTER TABLE t ADD COLUMN d TEXT; UPDATE t SET d='d'", "t");
    assert_int_equal(t->columns[4].id, 20 + nat);
    assert_int_equal(t->schemas, 1);
    assert_int_equal(t->reloads + t->faults, 0);
    fixture_remove(&f);
}

static void dropped_column_when_first_middle_or_last_then_rows_have_the_others_alone(void **state)
{
    (void)state;
    static const char *const modes[] = {"WAL", "DELETE"};
    static const uint32_t first[] = {0}, middle[] = {2}, last[] = {4}, several[] = {0, 1, 3, 5, 8};
    for (size_t i = 0; i < 2; i++) {
        check_rows_beside_dropped(modes[i], first, 1);
        check_rows_beside_dropped(modes[i], middle, 1);
        check_rows_beside_dropped(modes[i], last, 1);
        check_rows_beside_dropped(modes[i], several, 5);
    }
}

static void dropped_column_when_the_key_has_it_then_the_table_has_another_shape(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_bound open = {NULL};
    bool ordered = false;
    make(&f, orders);
    follower_of(&f, "t")->columns[0].dropped = true;
    struct lf_table_state table = state_of(follower_of(&f, "t"));
    expect_kind(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err), LF_SCHEMA, "key");
    fixture_remove(&f);
}

static void dropped_column_when_the_state_has_it_then_its_id_is_not_reused(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, orders);
    struct follower *t = follower_of(&f, "t");
    f.ops->changes_close(f.changes);
    t->columns[4] =
        (struct lf_column){.id = 9, .name = "old", .source_type = "", .type = LF_TYPE_STRING, .dropped = true};
    t->ncolumns = 5;
    EXPECT(&f, fixture_try_changes(&f));
    fixture_write(&f, "UPDATE t SET a='q'", "t");
    assert_int_equal(t->schemas, 0);
    change(&f, false, "ALTER TABLE t ADD COLUMN n INT");
    assert_int_equal(t->columns[4].id, 10);
    fixture_remove(&f);
}

static void rename_table_when_renamed_then_it_is_followed_under_its_id(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        make(&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, e TEXT UNIQUE); INSERT INTO t VALUES(1,'a'),(2,'b')");
        change(&f, stopped,
               "ALTER TABLE t RENAME TO \"the \"\"orders\"; REPLACE INTO \"the \"\"orders\" VALUES(3,'a')");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->faults + t->reloads + t->schemas, 0);
        assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE t='t'"), 2);
        assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE t='t' AND k='1;'"), 0);
        fixture_remove(&f);
    }
}

static void drop_table_when_dropped_then_fault_and_no_deletes(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        make(&f, orders);
        change(&f, stopped, "DROP TABLE t");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->faults, 1);
        assert_int_equal(t->fault, LF_SCHEMA);
        assert_non_null(strstr(t->reason, "dropped"));
        fixture_remove(&f);
    }
}

static void drop_table_when_created_again_then_fault_until_tracked(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct fixture f;
        char id[80];
        make(&f, orders);
        (void)snprintf(id, sizeof id, "%s", follower_of(&f, "t")->id);
        change(&f, stopped,
               "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c REAL); INSERT INTO t "
               "VALUES(7,'n',1,1)");
        struct follower *t = follower_of(&f, "t");
        assert_int_equal(t->faults, 1);
        assert_non_null(strstr(t->reason, "lakefeed track"));
        fixture_track(&f);
        fixture_discover(&f);
        assert_int_equal(f.ntables, 2);
        assert_string_not_equal(f.tables[1].id, id);
        fixture_remove(&f);
    }
}

static void unique_index_when_added_then_fault_until_tracked_anew(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, orders);
    change(&f, false, "CREATE UNIQUE INDEX u ON t(a)");
    struct follower *t = follower_of(&f, "t");
    assert_int_equal(t->faults, 1);
    assert_non_null(strstr(t->reason, "unique index"));
    fixture_track(&f);
    fixture_discover(&f);
    assert_string_not_equal(f.tables[1].id, f.tables[0].id);
    fixture_remove(&f);
}

static void unique_index_when_dropped_then_nothing_is_reported(void **state)
{
    (void)state;
    struct fixture f;
    make(&f,
         "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); CREATE UNIQUE INDEX u ON t(a); INSERT INTO t VALUES(1,'a')");
    change(&f, false, "DROP INDEX u; INSERT INTO t VALUES(2,'a')");
    assert_int_equal(follower_of(&f, "t")->faults, 0);
    fixture_compare(&f, "t");
    fixture_track(&f);
    fixture_discover(&f);
    assert_string_equal(f.tables[1].id, f.tables[0].id);
    app(&f, "ALTER TABLE t DROP COLUMN a");
    fixture_remove(&f);
}

static void rebuilt_table_when_its_triggers_are_gone_then_fault(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, orders);
    change(&f, false,
           "BEGIN; CREATE TABLE n(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c REAL); INSERT INTO n SELECT * FROM t;"
           "DROP TABLE t; ALTER TABLE n RENAME TO t; COMMIT");
    assert_int_equal(follower_of(&f, "t")->faults, 1);
    fixture_remove(&f);
}

static void vacuum_when_run_then_the_stream_goes_on(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "CREATE TABLE t(k TEXT PRIMARY KEY, v INT); INSERT INTO t VALUES('a',1),('b',2),('c',3); DELETE FROM t "
             "WHERE k='a'");
    fixture_write(&f, "DELETE FROM t WHERE k='b'; VACUUM; REPLACE INTO t VALUES('c',4),('d',5)", "t");
    fixture_write(&f, "REPLACE INTO t(rowid,k,v) VALUES(1,'e',9); ANALYZE; VACUUM", "t");
    assert_int_equal(follower_of(&f, "t")->reloads + follower_of(&f, "t")->schemas + follower_of(&f, "t")->faults, 0);
    fixture_remove(&f);
}

static void other_tables_when_one_faults_then_they_go_on(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(id TEXT PRIMARY KEY, v INT)");
    change(&f, false, "DROP TABLE t; INSERT INTO u VALUES(1,1)");
    assert_int_equal(follower_of(&f, "t")->faults, 1);
    app(&f, "INSERT INTO u VALUES(x'02',2)");
    fixture_drain(&f);
    assert_int_equal(follower_of(&f, "u")->faults, 1);
    assert_int_equal(follower_of(&f, "u")->fault, LF_DATA);
    assert_int_equal(number_of(f.map, "SELECT count(*) FROM m WHERE t='u'"), 1);
    fixture_remove(&f);
}

static void type_when_configured_anew_then_reload_with_the_new_schema(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, orders);
    fixture_close_session(&f);
    f.options[f.noptions++] = (struct lf_option_value){"type.t.b", "string"};
    fixture_open_session(&f);
    EXPECT(&f, fixture_try_changes(&f));
    fixture_drain(&f);
    struct follower *t = follower_of(&f, "t");
    assert_int_equal(t->reloads, 1);
    assert_int_equal(t->columns[2].type, LF_TYPE_STRING);
    assert_int_equal(t->columns[2].id, 5);
    fixture_remove(&f);
}

static void verify_catalog_when_the_schema_changed_after_the_cut_then_told(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_batch batch;
    make(&f, orders);
    EXPECT(&f, f.ops->verify_catalog(f.changes, &batch, &f.err));
    assert_int_equal(batch.nevents, 0);
    app(&f, "ALTER TABLE t ADD COLUMN d INT DEFAULT 5");
    EXPECT(&f, f.ops->verify_catalog(f.changes, &batch, &f.err));
    assert_int_equal(batch.nevents, 2);
    assert_int_equal(batch.events[0].kind, LF_EVENT_SCHEMA);
    assert_int_equal(batch.events[1].kind, LF_EVENT_RELOAD);
    fixture_remove(&f);
}

/* Without a write-ahead log a chunk is read in pieces; a schema that changes between them must not give rows of two widths. */
static void load_when_the_schema_changes_in_between_then_schema_error(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_load *load = NULL;
    struct lf_rows rows;
    struct lf_bound open = {NULL};
    bool ordered = false;
    fixture_make(
        &f, "DELETE",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c"
        " WHERE i<20000) INSERT INTO t SELECT i, i FROM c");
    fixture_track(&f);
    fixture_discover(&f);
    struct lf_table_state table = state_of(&f.tables[0]);
    EXPECT(&f, f.ops->load_open(f.session, &table, open, open, &load, &ordered, &f.err));
    EXPECT(&f, f.ops->load_next(load, &rows, &f.err));
    app(&f, "ALTER TABLE t ADD COLUMN z INT");
    expect_kind(&f, f.ops->load_next(load, &rows, &f.err), LF_SCHEMA, "columns were added");
    f.ops->load_close(load);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_column_when_without_default_then_schema_alone),
        cmocka_unit_test(add_column_when_rows_get_values_then_reload),
        cmocka_unit_test(drop_column_when_dropped_then_ids_stay),
        cmocka_unit_test(rename_column_when_renamed_then_drop_add_and_reload),
        cmocka_unit_test(rename_column_when_it_is_in_key_and_indexes_then_triggers_follow),
        cmocka_unit_test(drop_and_add_column_when_same_name_then_reload_with_a_new_id),
        cmocka_unit_test(dropped_column_when_first_middle_or_last_then_rows_have_the_others_alone),
        cmocka_unit_test(dropped_column_when_the_key_has_it_then_the_table_has_another_shape),
        cmocka_unit_test(dropped_column_when_the_state_has_it_then_its_id_is_not_reused),
        cmocka_unit_test(rename_table_when_renamed_then_it_is_followed_under_its_id),
        cmocka_unit_test(drop_table_when_dropped_then_fault_and_no_deletes),
        cmocka_unit_test(drop_table_when_created_again_then_fault_until_tracked),
        cmocka_unit_test(unique_index_when_added_then_fault_until_tracked_anew),
        cmocka_unit_test(unique_index_when_dropped_then_nothing_is_reported),
        cmocka_unit_test(rebuilt_table_when_its_triggers_are_gone_then_fault),
        cmocka_unit_test(vacuum_when_run_then_the_stream_goes_on),
        cmocka_unit_test(other_tables_when_one_faults_then_they_go_on),
        cmocka_unit_test(type_when_configured_anew_then_reload_with_the_new_schema),
        cmocka_unit_test(verify_catalog_when_the_schema_changed_after_the_cut_then_told),
        cmocka_unit_test(load_when_the_schema_changes_in_between_then_schema_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
