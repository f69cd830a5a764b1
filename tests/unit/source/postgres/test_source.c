/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery, tracking, consumers: what a server really has and says.
 */
#include "fixture.h"

#include "source/postgres/slot.h"

static const struct lf_consumer consumer = {.link = "shop", .lake_id = "1f0e", .location = "/lake/one"};

static void expect_refusal(struct fixture *f, const char *table, const char *says)
{
    CLEANUP(seen_done) struct seen seen = fixture_see(f, table);
    assert_true(seen.found);
    assert_non_null(seen.refusal);
    if (strstr(seen.refusal, says) == NULL) {
        fail_msg("'%s' does not say '%s'", seen.refusal, says);
    }
}

static void expect_key(struct fixture *f, const char *table, const char *key)
{
    CLEANUP(seen_done) struct seen seen = fixture_see(f, table);
    assert_true(seen.found);
    assert_null(seen.refusal);
    assert_string_equal(seen.key, key);
}

static void discover_when_table_cannot_be_followed_then_says_why(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE keyless(a int);"
                 "CREATE UNLOGGED TABLE unlogged(id int PRIMARY KEY);"
                 "CREATE TABLE nothing(id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;"
                 "CREATE TABLE late(id int PRIMARY KEY DEFERRABLE);"
                 "CREATE TABLE loose(a int UNIQUE); ALTER TABLE loose REPLICA IDENTITY FULL;"
                 "CREATE TABLE made(a int NOT NULL, id int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)");
    expect_refusal(&f, "keyless", "no primary key");
    expect_refusal(&f, "unlogged", "unlogged");
    expect_refusal(&f, "nothing", "REPLICA IDENTITY DEFAULT");
    expect_refusal(&f, "late", "deferrable");
    expect_refusal(&f, "loose", "unique index");
    expect_refusal(&f, "made", "generated");
    fixture_remove(&f);
}

static void discover_when_identity_names_an_index_then_it_is_the_key(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE plain(b int, a int, PRIMARY KEY (a, b));"
                 "CREATE TABLE named(id int PRIMARY KEY, code text NOT NULL UNIQUE);"
                 "ALTER TABLE named REPLICA IDENTITY USING INDEX named_code_key;"
                 "CREATE TABLE whole(code text NOT NULL UNIQUE); ALTER TABLE whole REPLICA IDENTITY FULL;"
                 "CREATE TABLE wide(id int, more int, extra int, PRIMARY KEY (id) INCLUDE (more));"
                 "CREATE TABLE parts(id int, r text, PRIMARY KEY (r, id)) PARTITION BY LIST (r);"
                 "CREATE TABLE part_a PARTITION OF parts FOR VALUES IN ('a')");
    expect_key(&f, "plain", "a,b");
    expect_key(&f, "named", "code");
    expect_key(&f, "whole", "code");
    expect_key(&f, "wide", "id");
    expect_key(&f, "parts", "r,id");
    CLEANUP(seen_done) struct seen part = fixture_see(&f, "part_a");
    assert_false(part.found); /* it is a part of another entity */
    fixture_remove(&f);
}

static void discover_when_columns_are_generated_then_left_out(void **state)
{
    struct fixture f;
    fixture_make(
        &f, *state,
        "CREATE TABLE t(id int PRIMARY KEY, gone int, twice int GENERATED ALWAYS AS (id * 2) STORED, last int);"
        "ALTER TABLE t DROP COLUMN gone");
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    assert_string_equal(seen.columns, "id,last");
    assert_int_equal(seen.state.schema.columns[1].id, 4); /* attnum: never given again */
    fixture_remove(&f);
}

static void discover_when_role_lacks_rights_then_refusal_has_the_sql(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE closed(id int PRIMARY KEY);"
                 "CREATE TABLE policed(id int PRIMARY KEY); ALTER TABLE policed ENABLE ROW LEVEL SECURITY;"
                 "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN REPLICATION;"
                 "GRANT SELECT ON policed TO reader");
    struct lf_session *session = fixture_open_as(&f, "reader", NULL, 0);
    CLEANUP(seen_done) struct seen closed = fixture_see_as(&f, session, "closed");
    CLEANUP(seen_done) struct seen policed = fixture_see_as(&f, session, "policed");
    assert_non_null(strstr(closed.refusal, "GRANT SELECT ON \"public\".\"closed\" TO \"reader\""));
    assert_non_null(strstr(policed.refusal, "ALTER ROLE \"reader\" BYPASSRLS"));
    f.ops->close(session);
    fixture_remove(&f);
}

/* Pitfall 14: a table without a key in a publication makes the application's updates fail. */
static void track_when_all_then_tables_without_key_stay_usable(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE good(id int PRIMARY KEY); CREATE TABLE keyless(a int); INSERT INTO keyless VALUES(1)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen good = fixture_see(&f, "good");
    assert_true(good.tracked && good.id[0] != '\0');
    server_exec(f.app, "UPDATE keyless SET a = 2");
    server_exec(f.app, "DELETE FROM keyless");
    fixture_remove(&f);
}

static void track_when_table_is_unknown_or_refused_then_error(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    fixture_make(&f, *state, "CREATE TABLE keyless(a int)");
    expect_failure(f.ops->track(f.session, (const char *const[]){"missing"}, 1, &err), &err, LF_NOT_FOUND, "missing");
    expect_failure(f.ops->track(f.session, (const char *const[]){"keyless"}, 1, &err), &err, LF_UNSUPPORTED,
                   "primary key");
    char *count = server_ask(f.app, "SELECT count(*) FROM pg_publication");
    assert_string_equal(count, "0");
    free(count);
    fixture_remove(&f);
}

static void track_when_names_need_quotes_then_tracked(void **state)
{
    struct fixture f;
    fixture_make(&f, *state, "CREATE SCHEMA \"S x\"; CREATE TABLE \"S x\".\"a\"\"b.c\"(id int PRIMARY KEY)");
    fixture_track(&f, (const char *const[]){"S x.a\"b.c"}, 1);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "S x.a\"b.c");
    assert_true(seen.tracked);
    fixture_remove(&f);
}

static void track_when_publication_is_incomplete_then_completed(void **state)
{
    struct fixture f;
    fixture_make(&f, *state,
                 "CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE p(id int PRIMARY KEY) PARTITION BY RANGE (id);"
                 "CREATE PUBLICATION lakefeed FOR TABLE t WITH (publish = 'insert')");
    CLEANUP(seen_done) struct seen before = fixture_see(&f, "t");
    assert_false(before.tracked);
    fixture_track(&f, (const char *const[]){"t", "p"}, 2);
    CLEANUP(seen_done) struct seen t = fixture_see(&f, "t");
    CLEANUP(seen_done) struct seen p = fixture_see(&f, "p");
    assert_true(t.tracked && p.tracked);
    fixture_remove(&f);
}

static void track_when_role_owns_nothing_then_sql_for_the_administrator(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    fixture_make(&f, *state,
                 "CREATE TABLE t(id int PRIMARY KEY); DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN REPLICATION;"
                 "GRANT SELECT ON t TO poor");
    struct lf_session *session = fixture_open_as(&f, "poor", NULL, 0);
    bool good = f.ops->track(session, (const char *const[]){"t"}, 1, &err);
    expect_failure(good, &err, LF_AUTH, "CREATE PUBLICATION \"lakefeed\" FOR TABLE ONLY \"public\".\"t\" WITH (");
    /* The administrator pastes it, and then this role needs no more. */
    server_exec(f.app, strstr(err.msg, "CREATE PUBLICATION"));
    expect_good(f.ops->track(session, (const char *const[]){"t"}, 1, &err), &err);
    CLEANUP(seen_done) struct seen seen = fixture_see_as(&f, session, "t");
    assert_true(seen.tracked);
    assert_null(seen.refusal);
    struct lf_slice cursor;
    expect_good(f.ops->register_consumer(session, &consumer, &cursor, &err), &err);
    expect_good(f.ops->unregister_consumer(session, &consumer, &err), &err);
    f.ops->close(session);
    fixture_remove(&f);
}

/* Pitfall 16: what changed while the table was out of the publication was never sent. */
static void table_when_it_left_the_publication_and_came_back_then_another_one(void **state)
{
    struct fixture f;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen first = fixture_see(&f, "t");
    server_exec(f.app, "ALTER PUBLICATION lakefeed DROP TABLE t");
    CLEANUP(seen_done) struct seen out = fixture_see(&f, "t");
    server_exec(f.app, "ALTER PUBLICATION lakefeed ADD TABLE t");
    CLEANUP(seen_done) struct seen back = fixture_see(&f, "t");
    assert_false(out.tracked);
    assert_true(back.tracked);
    assert_string_not_equal(first.id, back.id);
    fixture_remove(&f);
}

/* What happened while the publication sent less was never sent. */
static void table_when_publication_was_narrowed_then_another_one(void **state)
{
    struct fixture f;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE u(id int PRIMARY KEY)");
    fixture_track(&f, (const char *const[]){"t"}, 1);
    CLEANUP(seen_done) struct seen first = fixture_see(&f, "t");
    fixture_track(&f, (const char *const[]){"u"}, 1);
    CLEANUP(seen_done) struct seen beside = fixture_see(&f, "t");
    assert_string_equal(first.id, beside.id); /* another table that joins changes nothing */
    server_exec(f.app, "ALTER PUBLICATION lakefeed SET (publish = 'insert')");
    CLEANUP(seen_done) struct seen narrow = fixture_see(&f, "t");
    assert_false(narrow.tracked);
    server_exec(f.app, "ALTER PUBLICATION lakefeed SET (publish = 'insert, update, delete, truncate')");
    CLEANUP(seen_done) struct seen back = fixture_see(&f, "t");
    assert_true(back.tracked);
    assert_string_not_equal(first.id, back.id);
    fixture_remove(&f);
}

static void table_when_renamed_then_the_same_one(void **state)
{
    struct fixture f;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen before = fixture_see(&f, "t");
    server_exec(f.app, "ALTER TABLE t RENAME TO u");
    CLEANUP(seen_done) struct seen after = fixture_see(&f, "u");
    assert_string_equal(before.id, after.id);
    server_exec(f.app, "DROP TABLE u; CREATE TABLE u(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen anew = fixture_see(&f, "u");
    assert_string_not_equal(after.id, anew.id);
    fixture_remove(&f);
}

/* ---- consumers ---- */

static bool enroll(struct fixture *f, const struct lf_consumer *who, struct pg_cursor *ret_cursor, struct lf_error *err)
{
    struct lf_slice bytes;
    return f->ops->register_consumer(f->session, who, &bytes, err) && pg_cursor_parse(bytes, ret_cursor, err);
}

static void register_when_untracked_then_says_track(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    expect_failure(enroll(&f, &consumer, &cursor, &err), &err, LF_CONFIG, "lakefeed track");
    fixture_remove(&f);
}

static void expect_slots(const struct fixture *f, const char *names)
{
    char *slots = server_ask(f->app, "SELECT coalesce(string_agg(slot_name, ' ' ORDER BY slot_name), '')"
                                     " FROM pg_replication_slots WHERE database = current_database()");
    assert_string_equal(slots, names);
    free(slots);
}

static void register_when_the_slot_is_of_another_plugin_then_it_is_left_alone(void **state)
{
    static const struct lf_option_value option = {"slot", "mine"};
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    server_exec(f.app, "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')");
    f.ops->close(f.session);
    f.session = fixture_open_as(&f, "postgres", &option, 1);
    expect_failure(enroll(&f, &consumer, &cursor, &err), &err, LF_CONFLICT, "pg_drop_replication_slot('mine')");
    expect_good(f.ops->unregister_consumer(f.session, &consumer, &err), &err);
    expect_good(f.ops->untrack(f.session, &err), &err);
    expect_slots(&f, "mine");
    server_exec(f.app, "SELECT pg_drop_replication_slot('mine')");
    fixture_remove(&f);
}

static void register_when_the_server_has_no_room_for_a_slot_then_says_so_and_leaves_nothing(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    server_exec(f.app, "SELECT pg_create_physical_replication_slot('full_' || i) FROM generate_series(1,"
                       " current_setting('max_replication_slots')::int - (SELECT count(*)::int FROM"
                       " pg_replication_slots)) i");
    expect_failure(enroll(&f, &consumer, &cursor, &err), &err, LF_TRANSIENT, "max_replication_slots");
    expect_slots(&f, "");
    server_exec(f.app, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                       " WHERE slot_name LIKE 'full%'");
    expect_good(enroll(&f, &consumer, &cursor, &err), &err);
    expect_good(f.ops->unregister_consumer(f.session, &consumer, &err), &err);
    fixture_remove(&f);
}

static void register_when_slot_is_gone_then_lost(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    char text[PG_CURSOR_TEXT_SIZE];
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    expect_good(enroll(&f, &consumer, &cursor, &err), &err);
    char *sql = text_printf("SELECT pg_drop_replication_slot('%s')", cursor.slot);
    server_exec(f.app, sql);
    free(sql);
    struct lf_consumer known = consumer;
    known.cursor = pg_cursor_print(&cursor, text);
    expect_failure(enroll(&f, &known, &cursor, &err), &err, LF_LOST, "lakefeed resync");
    fixture_remove(&f);
}

static void register_when_link_was_renamed_then_takeover_keeps_the_position(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor before = {0};
    struct pg_cursor after = {0};
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    expect_good(enroll(&f, &consumer, &before, &err), &err);
    server_exec(f.app, "INSERT INTO t VALUES(1)");
    struct lf_consumer renamed = consumer;
    renamed.link = "store";
    expect_failure(enroll(&f, &renamed, &after, &err), &err, LF_CONFLICT, "--takeover");
    renamed.takeover = true;
    expect_good(enroll(&f, &renamed, &after, &err), &err);
    assert_true(after.lsn == before.lsn);
    char *count = server_ask(f.app, "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()");
    assert_string_equal(count, "1");
    free(count);
    expect_good(f.ops->unregister_consumer(f.session, &renamed, &err), &err);
    fixture_remove(&f);
}

static void register_when_lake_was_deleted_then_its_slot_is_replaced(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor before = {0};
    struct pg_cursor after = {0};
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    expect_good(enroll(&f, &consumer, &before, &err), &err);
    struct lf_consumer anew = consumer;
    anew.lake_id = "2b7c";
    expect_good(enroll(&f, &anew, &after, &err), &err);
    assert_string_not_equal(before.slot, after.slot);
    char *slot = server_ask(f.app, "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()");
    assert_string_equal(slot, after.slot);
    free(slot);
    expect_failure(f.ops->untrack(f.session, &err), &err, LF_CONFLICT, after.slot);
    expect_good(f.ops->unregister_consumer(f.session, &anew, &err), &err);
    expect_good(f.ops->untrack(f.session, &err), &err);
    char *left = server_ask(f.app, "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM"
                                   " pg_replication_slots WHERE database = current_database())");
    assert_string_equal(left, "0");
    free(left);
    fixture_remove(&f);
}

/* Pitfall 1: a position moved past ours is a gap that the server skips without a word. */
static void slot_when_moved_past_the_cursor_then_lost(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    expect_good(enroll(&f, &consumer, &cursor, &err), &err);
    expect_good(pg_slot_check(&f.session->side, cursor.slot, &cursor, &err), &err);
    server_exec(f.app, "INSERT INTO t VALUES(1)");
    char *sql = text_printf("SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())", cursor.slot);
    server_exec(f.app, sql);
    free(sql);
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &cursor, &err), &err, LF_LOST, "was moved to");
    expect_good(f.ops->unregister_consumer(f.session, &consumer, &err), &err);
    fixture_remove(&f);
}

static void slot_when_cursor_is_of_elsewhere_then_lost(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct pg_cursor cursor;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    expect_good(enroll(&f, &consumer, &cursor, &err), &err);
    struct pg_cursor other = cursor;
    other.system++;
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &other, &err), &err, LF_LOST, "another cluster");
    other = cursor;
    other.database++;
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &other, &err), &err, LF_LOST, "another database");
    other = cursor;
    other.timeline++;
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &other, &err), &err, LF_LOST, "timeline");
    other = cursor;
    other.lsn += UINT64_C(1) << 40;
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &other, &err), &err, LF_LOST, "past the end");
    other = cursor;
    other.horizon += 1000; /* the log may have grown beyond our place again, the transactions have not been */
    expect_failure(pg_slot_check(&f.session->side, cursor.slot, &other, &err), &err, LF_LOST, "never begun");
    expect_good(f.ops->unregister_consumer(f.session, &consumer, &err), &err);
    fixture_remove(&f);
}

static void log_end_when_a_transaction_is_open_then_horizon_is_above_it(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    pg_lsn end = 0;
    uint64_t horizon = 0;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    PGconn *second = server_connect(f.server, f.database);
    server_exec(f.app, "BEGIN; INSERT INTO t VALUES(1)");
    server_exec(second, "BEGIN; INSERT INTO t VALUES(2)");
    char *xid = server_ask(second, "SELECT pg_current_xact_id()");
    /* Nobody has finished, so that a snapshot's xmax is not above the later one. */
    expect_good(pg_log_end(&f.session->side, &end, &horizon, &err), &err);
    assert_true(horizon > strtoull(xid, NULL, 10));
    free(xid);
    PQfinish(second);
    fixture_remove(&f);
}

/* ---- check ---- */

struct findings {
    struct buf text;
};

static void on_finding(void *context, const char *severity, const char *what, const char *cure)
{
    struct findings *findings = context;
    buf_printf(&findings->text, "%s|%s|%s\n", severity, what, cure != NULL ? cure : "");
}

static void check_when_something_is_missing_then_says_how_to_get_it(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct findings findings = {0};
    fixture_make(&f, *state,
                 "CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE keyless(a int);"
                 "CREATE TABLE whole(id int PRIMARY KEY); ALTER TABLE whole REPLICA IDENTITY FULL;"
                 "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; GRANT SELECT ON t, keyless, whole TO plain");
    struct lf_session *session = fixture_open_as(&f, "plain", NULL, 0);
    expect_good(
        f.ops->check(session, (const char *const[]){"t", "keyless", "whole", "typo"}, 4, on_finding, &findings, &err),
        &err);
    const char *text = buf_text(&findings.text);
    static const char *const lines[] = {
        "ok|PostgreSQL database",
        "ALTER ROLE \"plain\" REPLICATION",
        "GRANT CREATE ON DATABASE",
        "error|there is no publication lakefeed yet|lakefeed track; or as an administrator: CREATE PUBLICATION",
        "error|table t: no changes of it are sent yet|lakefeed track; or as an administrator: ALTER PUBLICATION",
        "error|table keyless cannot be replicated: it has no primary key",
        "advice|table whole: its replica identity is FULL",
        "error|table typo: there is no such table",
        "advice|PostgreSQL database",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (strstr(text, lines[i]) == NULL) {
            fail_msg("no '%s' in:\n%s", lines[i], text);
        }
    }
    assert_null(strstr(text, "no replication connection")); /* the role lacks the right, and one line says so */
    buf_done(&findings.text);
    f.ops->close(session);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discover_when_table_cannot_be_followed_then_says_why),
        cmocka_unit_test(discover_when_identity_names_an_index_then_it_is_the_key),
        cmocka_unit_test(discover_when_columns_are_generated_then_left_out),
        cmocka_unit_test(discover_when_role_lacks_rights_then_refusal_has_the_sql),
        cmocka_unit_test(track_when_all_then_tables_without_key_stay_usable),
        cmocka_unit_test(track_when_table_is_unknown_or_refused_then_error),
        cmocka_unit_test(track_when_names_need_quotes_then_tracked),
        cmocka_unit_test(track_when_publication_is_incomplete_then_completed),
        cmocka_unit_test(track_when_role_owns_nothing_then_sql_for_the_administrator),
        cmocka_unit_test(table_when_it_left_the_publication_and_came_back_then_another_one),
        cmocka_unit_test(table_when_publication_was_narrowed_then_another_one),
        cmocka_unit_test(table_when_renamed_then_the_same_one),
        cmocka_unit_test(register_when_untracked_then_says_track),
        cmocka_unit_test(register_when_the_slot_is_of_another_plugin_then_it_is_left_alone),
        cmocka_unit_test(register_when_the_server_has_no_room_for_a_slot_then_says_so_and_leaves_nothing),
        cmocka_unit_test(register_when_slot_is_gone_then_lost),
        cmocka_unit_test(register_when_link_was_renamed_then_takeover_keeps_the_position),
        cmocka_unit_test(register_when_lake_was_deleted_then_its_slot_is_replaced),
        cmocka_unit_test(slot_when_moved_past_the_cursor_then_lost),
        cmocka_unit_test(slot_when_cursor_is_of_elsewhere_then_lost),
        cmocka_unit_test(log_end_when_a_transaction_is_open_then_horizon_is_above_it),
        cmocka_unit_test(check_when_something_is_missing_then_says_how_to_get_it),
    };
    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
