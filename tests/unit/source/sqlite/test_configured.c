/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration that does not fit the tables, and links that do not fit the lake.
 */
#include "fixture.h"

#include "base/macros.h"

struct refusals {
    char text[4][400]; /* by table: t, t.x, wide, keyless; empty: none */
};

static bool note_refusal(void *context, const struct lf_table *table, struct lf_error *err)
{
    static const char *const names[] = {"t", "t.x", "wide", "keyless"};
    struct refusals *refusals = context;
    (void)err;
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(names[i], table->name) == 0) {
            (void)snprintf(refusals->text[i], sizeof refusals->text[i], "%s",
                           table->refusal != NULL ? table->refusal : "");
        }
    }
    return true;
}

static struct refusals refusals_with(const char *option)
{
    struct fixture f;
    struct refusals refusals = {0};
    fixture_make(&f, "WAL",
                 "CREATE TABLE t(id INTEGER PRIMARY KEY, password_hash TEXT, \"x.y\" TEXT);"
                 "CREATE TABLE \"t.x\"(id INTEGER PRIMARY KEY, z TEXT)");
    fixture_close_session(&f);
    f.options[f.noptions++] = (struct lf_option_value){option, "true"};
    fixture_open_session(&f);
    EXPECT(&f, f.ops->discover(f.session, note_refusal, &refusals, &f.err));
    fixture_remove(&f);
    return refusals;
}

static void exclude_when_the_column_is_there_then_taken(void **state)
{
    (void)state;
    static const char *const options[] = {"exclude.t.password_hash", "exclude.t.x.y", "exclude.t.x.z"};
    for (size_t i = 0; i < 3; i++) {
        struct refusals refusals = refusals_with(options[i]);
        assert_string_equal(refusals.text[0], "");
        assert_string_equal(refusals.text[1], "");
    }
}

static void exclude_when_the_column_is_missing_then_its_table_alone_is_refused_with_the_nearest(void **state)
{
    (void)state;
    struct refusals refusals = refusals_with("exclude.t.passwrd_hash");
    assert_non_null(strstr(refusals.text[0], "passwrd_hash"));
    assert_non_null(strstr(refusals.text[0], "did you mean password_hash?"));
    assert_string_equal(refusals.text[1], "");
    refusals = refusals_with("exclude.t.salary");
    assert_non_null(strstr(refusals.text[0], "salary"));
    assert_null(strstr(refusals.text[0], "did you mean"));
    refusals = refusals_with("exclude.t.x.zz");
    assert_non_null(strstr(refusals.text[1], "column zz"));
}

static void table_when_wider_than_a_query_may_be_then_refused_and_not_the_rest(void **state)
{
    (void)state;
    struct fixture f;
    struct refusals refusals = {0};
    CLEANUP(buf_done) struct buf sql = {0};
    buf_append_text(&sql, "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE wide(id INTEGER PRIMARY KEY");
    for (int i = 1; i < 2000; i++) {
        buf_printf(&sql, ", c%d", i);
    }
    buf_append_text(&sql, ")");
    fixture_make(&f, "WAL", buf_text(&sql));
    EXPECT(&f, f.ops->discover(f.session, note_refusal, &refusals, &f.err));
    assert_string_equal(refusals.text[0], "");
    assert_non_null(strstr(refusals.text[2], "2000 columns"));
    assert_non_null(strstr(refusals.text[2], "leave 1 out"));
    fixture_remove(&f);
}

static void register_when_the_lake_has_another_link_then_refused_until_taken_over(void **state)
{
    (void)state;
    struct fixture f;
    struct lf_slice cursor;
    struct lf_consumer one = {.link = "one", .lake_id = "aa", .location = "/lake/a"};
    struct lf_consumer two = {.link = "two", .lake_id = "aa", .location = "/lake/a"};
    struct lf_consumer copy = {.link = "copy", .lake_id = "aa", .location = "/lake/copy"};
    fixture_make(&f, "WAL", "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    fixture_track(&f);
    EXPECT(&f, f.ops->register_consumer(f.session, &one, &cursor, &f.err));
    assert_false(f.ops->register_consumer(f.session, &two, &cursor, &f.err));
    assert_int_equal(f.err.kind, LF_CONFLICT);
    assert_non_null(strstr(f.err.msg, "belongs to the link one"));
    assert_non_null(strstr(f.err.msg, "--takeover"));
    EXPECT(&f, f.ops->register_consumer(f.session, &copy, &cursor, &f.err));
    two.takeover = true;
    EXPECT(&f, f.ops->register_consumer(f.session, &two, &cursor, &f.err));
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_consumer WHERE link IN ('two', 'copy')"), 2);
    assert_int_equal(number_of(f.app, "SELECT count(*) FROM lakefeed_consumer"), 2);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exclude_when_the_column_is_there_then_taken),
        cmocka_unit_test(exclude_when_the_column_is_missing_then_its_table_alone_is_refused_with_the_nearest),
        cmocka_unit_test(table_when_wider_than_a_query_may_be_then_refused_and_not_the_rest),
        cmocka_unit_test(register_when_the_lake_has_another_link_then_refused_until_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
