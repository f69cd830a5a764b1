/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_model.h"

#include "cdm/quarantine.h"
#include "data/bad_row.h"

static void add(struct quarantine_list *list, const char *key, const char *column, const char *start, uint64_t since)
{
    CLEANUP(buf_done) struct buf cells = {0};
    CLEANUP(buf_done) struct buf note = {0};
    struct lf_error err = {0};
    bad_row_append_key(&cells, slice_of_text(key));
    bad_row_append_key(&cells, slice_of_text("a \"quoted\" \xC3\xA4"));
    bad_row_append(&note, &(struct bad_row){.kind = column == NULL ? LF_LIMIT : LF_DATA,
                                            .column_id = column == NULL ? 0 : 2,
                                            .column = slice_of_text(column == NULL ? "" : column),
                                            .reason = slice_of_text("is not \"valid\""),
                                            .start = slice_of_text(start),
                                            .key = buf_slice(&cells)});
    assert_true(quarantine_list_add(list, slice_of_text(key), buf_slice(&note), since, &err));
}

static struct quarantine *fixed_quarantine(void)
{
    struct quarantine_list settled = {0};
    struct quarantine_list loading = {0};
    add(&settled, "17", "code", "a\xFF", 3);
    add(&settled, "42", NULL, "", 7);
    add(&loading, "17", "n\xC3\xB6te", "0123456789abcdefghijklmnopqrstuvwxyz", 7);
    return quarantine_new(&settled, &loading);
}

static void print_to_text(const struct quarantine *quarantine, struct buf *out)
{
    struct lf_error err = {0};
    if (!quarantine_print(quarantine, "5eed", "10ad", out, &err)) {
        fail_msg("%s", err.msg);
    }
}

static void print_of_the_fixed_quarantine_then_the_golden_bytes(UNUSED void **state)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = fixed_quarantine();
    CLEANUP(buf_done) struct buf text = {0};
    print_to_text(quarantine, &text);
    assert_golden("quarantine.jsonl", buf_slice(&text));
}

static void parse_of_what_was_printed_then_the_same_bytes(UNUSED void **state)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = fixed_quarantine();
    CLEANUP(quarantine_free) struct quarantine *parsed = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf again = {0};
    struct lf_error err = {0};
    print_to_text(quarantine, &text);
    assert_true(quarantine_parse(text.ptr, text.len, "5eed", "10ad", &parsed, &err));
    assert_int_equal(parsed->settled.count, 2);
    assert_int_equal(parsed->loading.count, 1);
    assert_int_equal(quarantine_rows(parsed), 3);
    print_to_text(parsed, &again);
    assert_true(slice_equal(buf_slice(&text), buf_slice(&again)));
}

static void expect_refused(const char *from, const char *to, const char *part)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = fixed_quarantine();
    CLEANUP(quarantine_free) struct quarantine *parsed = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf other = {0};
    struct lf_error err = {0};
    print_to_text(quarantine, &text);
    const char *at = strstr(text.ptr, from);
    assert_non_null(at);
    buf_append(&other, text.ptr, (size_t)(at - text.ptr));
    buf_append_text(&other, to);
    buf_append_text(&other, at + strlen(from));
    assert_false(quarantine_parse(other.ptr, other.len, "5eed", "10ad", &parsed, &err));
    assert_int_equal(err.kind, LF_DATA);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
    }
}

static void parse_when_a_line_breaks_a_rule_then_named(UNUSED void **state)
{
    expect_refused("5eed", "beef", "line 1: load");
    expect_refused("\"kind\":\"DATA\"", "\"kind\":\"LOST\"", "line 1: column, kind or reason");
    expect_refused("\"since\":\"3\"", "\"since\":\"0\"", "line 1: the key is not above");
    expect_refused("\"since\":\"7\"", "\"since\":\"07\"", "line 2: since");
    expect_refused("61ff", "61f", "line 1: valueStart");
    expect_refused("61ff", "61FF", "line 1: valueStart");
    expect_refused("NDI", "MTc", "line 2: the key is not above");
    expect_refused("\"column\"", "\"colunm\"", "line 1");
    expect_refused("}\n{", "}\n\n{", "line 2");
}

static void parse_of_every_prefix_then_an_error_or_fewer_lines(UNUSED void **state)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = fixed_quarantine();
    CLEANUP(buf_done) struct buf text = {0};
    print_to_text(quarantine, &text);
    for (size_t len = 0; len < text.len; len++) {
        CLEANUP(quarantine_free) struct quarantine *parsed = NULL;
        struct lf_error err = {0};
        bool whole = len == 0 || text.ptr[len - 1] == '\n';
        assert_int_equal(quarantine_parse(text.ptr, len, "5eed", "10ad", &parsed, &err), whole);
        assert_true(!whole || quarantine_rows(parsed) < 3);
    }
}

static void rows_when_there_are_too_many_then_limit_naming_the_settings(UNUSED void **state)
{
    CLEANUP(quarantine_list_done) struct quarantine_list list = {0};
    struct lf_error err = {0};
    char key[16];
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(key, sizeof key, "%06u", i);
        assert_true(quarantine_list_add(&list, slice_of_text(key), slice_of_text("note"), 1, &err));
    }
    assert_false(quarantine_list_add(&list, slice_of_text("x"), slice_of_text("note"), 1, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, "on_bad_text or on_bad_row"));
    assert_int_equal(list.count, 10000);
}

static void notes_when_they_are_too_large_then_limit(UNUSED void **state)
{
    CLEANUP(quarantine_list_done) struct quarantine_list list = {0};
    CLEANUP(text_free) char *note = mem_new(BAD_ROWS_BYTES_MAX, 1);
    struct lf_error err = {0};
    struct lf_slice half = {note, BAD_ROWS_BYTES_MAX / 2 - 1};
    assert_true(quarantine_list_add(&list, slice_of_text("a"), half, 1, &err));
    assert_true(quarantine_list_add(&list, slice_of_text("b"), half, 1, &err));
    assert_false(quarantine_list_add(&list, slice_of_text("c"), slice_of_text(""), 1, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

static void quarantine_when_shared_then_freed_by_its_last_user(UNUSED void **state)
{
    struct quarantine *quarantine = fixed_quarantine();
    struct quarantine *other = quarantine_share(quarantine);
    quarantine_free(&quarantine);
    assert_null(quarantine);
    assert_int_equal(quarantine_rows(other), 3);
    quarantine_free(&other);
    assert_null(quarantine_share(NULL));
    assert_int_equal(quarantine_rows(NULL), 0);
}

static void seek_then_the_first_key_that_is_not_below(UNUSED void **state)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = fixed_quarantine();
    const struct quarantine_list *list = &quarantine->settled;
    assert_int_equal(quarantine_list_seek(list, slice_of_text("")), 0);
    assert_int_equal(quarantine_list_seek(list, slice_of_text("17")), 0);
    assert_int_equal(quarantine_list_seek(list, slice_of_text("18")), 1);
    assert_int_equal(quarantine_list_seek(list, slice_of_text("43")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_the_fixed_quarantine_then_the_golden_bytes),
        cmocka_unit_test(parse_of_what_was_printed_then_the_same_bytes),
        cmocka_unit_test(parse_when_a_line_breaks_a_rule_then_named),
        cmocka_unit_test(parse_of_every_prefix_then_an_error_or_fewer_lines),
        cmocka_unit_test(rows_when_there_are_too_many_then_limit_naming_the_settings),
        cmocka_unit_test(notes_when_they_are_too_large_then_limit),
        cmocka_unit_test(quarantine_when_shared_then_freed_by_its_last_user),
        cmocka_unit_test(seek_then_the_first_key_that_is_not_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
