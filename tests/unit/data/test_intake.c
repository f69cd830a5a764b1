/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/bad_row.h"
#include "data/csv.h"
#include "data/intake.h"
#include "data/key.h"

#include <stdlib.h>
#include <string.h>

static const struct lf_column columns[] = {
    {.id = 1, .name = "id", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 2, .name = "code", .type = LF_TYPE_STRING, .max_length = -1},
    {.id = 3, .name = "name", .type = LF_TYPE_STRING, .max_length = -1},
    {.id = 4, .name = "paid", .type = LF_TYPE_BOOLEAN, .max_length = -1},
    {.id = 5, .name = "day", .type = LF_TYPE_DATE, .max_length = -1},
};
static const uint32_t key_columns[] = {0, 1};
static const struct lf_schema schema = {
    .columns = columns, .ncolumns = ARRAY_LEN(columns), .key = key_columns, .nkey = ARRAY_LEN(key_columns)};

static const struct intake_policy fails = {0};
static const struct intake_policy replaces = {.bad_text = INTAKE_REPLACE};
static const struct intake_policy lists = {.bad_text = INTAKE_QUARANTINE, .bad_row = INTAKE_QUARANTINE};
static const struct intake_policy both = {.bad_text = INTAKE_REPLACE, .bad_row = INTAKE_QUARANTINE};

struct row {
    struct lf_cell cells[ARRAY_LEN(columns)];
};

static struct lf_cell text_cell(const char *bytes, size_t len)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {bytes, len}};
}

static struct row good_row(void)
{
    return (struct row){{{.state = LF_CELL_VALUE, .i = 7},
                         text_cell("it's \"x\"", 8),
                         text_cell("name", 4),
                         {.state = LF_CELL_VALUE, .i = 1},
                         text_cell("2024-02-29", 10)}};
}

static bool take(const struct intake_policy *policy, const struct row *row, struct buf *out, struct intake *ret,
                 struct lf_error *err)
{
    CLEANUP(buf_done) struct buf key = {0};
    assert_true(key_append_from_cells(&key, &schema, row->cells, err));
    buf_reset(out);
    return intake_row(policy, "orders", &schema, row->cells, buf_slice(&key), out, ret, err);
}

static void assert_taken(const struct intake_policy *policy, const struct row *row, const char *want, bool repaired)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    if (!take(policy, row, &out, &intake, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(buf_text(&out), want);
    assert_false(intake.bad);
    assert_int_equal(intake.repaired, repaired);
}

static void assert_failed(const struct intake_policy *policy, const struct row *row, enum lf_error_kind kind,
                          const char *want)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    assert_false(take(policy, row, &out, &intake, &err));
    assert_int_equal(err.kind, kind);
    assert_string_equal(err.msg, want);
    assert_int_equal(out.len, 0);
}

static void assert_listed(const struct intake_policy *policy, const struct row *row, enum lf_error_kind kind,
                          const char *column, struct lf_slice start)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    struct bad_row bad;
    struct lf_slice cell;
    if (!take(policy, row, &out, &intake, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_true(intake.bad && !intake.repaired);
    assert_true(bad_row_read(buf_slice(&out), &bad));
    assert_int_equal(bad.kind, kind);
    assert_true(slice_equal(bad.column, slice_of_text(column)));
    assert_true(slice_equal(bad.start, start));
    assert_true(bad.reason.len > 0);
    assert_true(bad_row_next_key(&bad.key, &cell) && slice_equal(cell, slice_of_text("7")));
    assert_true(bad_row_next_key(&bad.key, &cell) && slice_equal(cell, slice_of_text("it's \"x\"")));
    assert_false(bad_row_next_key(&bad.key, &cell));
}

static void row_when_good_then_as_csv_writes_it(void **state UNUSED)
{
    const struct row row = good_row();
    assert_taken(&fails, &row, "7,\"it's \"\"x\"\"\",\"name\",True,\"2024-02-29\"", false);
    assert_taken(&both, &row, "7,\"it's \"\"x\"\"\",\"name\",True,\"2024-02-29\"", false);
}

static void text_when_bad_then_by_policy(void **state UNUSED)
{
    struct row row = good_row();
    row.cells[2] = text_cell("a\xFF"
                             "\0b\xE2\x82",
                             6);
    assert_failed(&fails, &row, LF_DATA,
                  "table orders, row id=7, code='it's \"x\"': column name: 'a?"
                  "?b?"
                  "?' is not valid UTF-8; to take its values as they are, configure \"columns\": {\"name\": {\"type\": "
                  "\"binary\"}}; or set on_bad_text to replace or quarantine");
    assert_taken(&replaces, &row,
                 "7,\"it's \"\"x\"\"\",\"a\xEF\xBF\xBD\xEF\xBF\xBD"
                 "b\xEF\xBF\xBD\",True,\"2024-02-29\"",
                 true);
    assert_listed(&lists, &row, LF_DATA, "name", row.cells[2].bytes);
}

static void value_when_bad_then_by_policy(void **state UNUSED)
{
    struct row row = good_row();
    row.cells[3].i = 2;
    assert_failed(
        &fails, &row, LF_DATA,
        "table orders, row id=7, code='it's \"x\"': column paid: '2' is neither 0 nor 1; or set on_bad_row to "
        "quarantine");
    assert_listed(&lists, &row, LF_DATA, "paid", slice_none());
    row = good_row();
    row.cells[4] = text_cell("0000-01-01", 10);
    assert_listed(&both, &row, LF_DATA, "day", row.cells[4].bytes);
}

static void row_when_bad_in_two_ways_then_a_rule_to_fail_wins(void **state UNUSED)
{
    static const struct intake_policy text_only = {.bad_text = INTAKE_QUARANTINE};
    static const struct intake_policy row_only = {.bad_row = INTAKE_QUARANTINE};
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    struct row row = good_row();
    row.cells[2] = text_cell("\xFF", 1);
    row.cells[3].i = 2;
    assert_false(take(&text_only, &row, &out, &intake, &err));
    assert_non_null(strstr(err.msg, "column paid"));
    assert_false(take(&row_only, &row, &out, &intake, &err));
    assert_non_null(strstr(err.msg, "column name"));
    assert_listed(&lists, &row, LF_DATA, "name", row.cells[2].bytes);
    assert_listed(&both, &row, LF_DATA, "paid", slice_none());
}

static void row_when_too_large_then_by_policy(void **state UNUSED)
{
    CLEANUP(text_free) char *large = mem_new(CSV_ROW_MAX + 2, 1);
    memset(large, 'x', CSV_ROW_MAX + 1);
    struct row row = good_row();
    row.cells[2] = text_cell(large, CSV_ROW_MAX + 1);
    assert_listed(&lists, &row, LF_LIMIT, "name", (struct lf_slice){large, BAD_ROW_START_MAX});
    row.cells[2] = text_cell(large, CSV_ROW_MAX - 10);
    assert_listed(&lists, &row, LF_LIMIT, "", slice_none());
    memset(large, '\xFF', CSV_ROW_MAX / 2); /* too large once it is replaced */
    assert_listed(&both, &row, LF_LIMIT, "name", (struct lf_slice){large, BAD_ROW_START_MAX});
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    assert_false(take(&replaces, &row, &out, &intake, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, "or set on_bad_row to quarantine"));
}

static void value_when_the_connector_refused_it_then_what_it_says(void **state UNUSED)
{
    static const struct lf_refusal refusal = {
        .kind = LF_DATA, .reason = "table orders, column day: 'x' is no date", .start = {"x", 1}};
    struct row row = good_row();
    row.cells[4] = (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = &refusal};
    assert_failed(&fails, &row, LF_DATA, "table orders, column day: 'x' is no date; or set on_bad_row to quarantine");
    assert_listed(&lists, &row, LF_DATA, "day", refusal.start);
}

static void row_when_cells_are_absent_then_told_unless_it_is_bad(void **state UNUSED)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct intake intake;
    struct lf_error err;
    struct row row = good_row();
    row.cells[4] = (struct lf_cell){.state = LF_CELL_ABSENT};
    assert_true(take(&lists, &row, &out, &intake, &err));
    assert_true(intake.absent);
    row.cells[2] = text_cell("\xFF", 1);
    assert_true(take(&replaces, &row, &out, &intake, &err));
    assert_true(intake.absent && intake.repaired);
    assert_true(take(&lists, &row, &out, &intake, &err));
    assert_true(intake.bad && !intake.absent);
}

static void note_when_damaged_then_no_note(void **state UNUSED)
{
    CLEANUP(buf_done) struct buf note = {0};
    CLEANUP(buf_done) struct buf key = {0};
    struct bad_row bad;
    bad_row_append_key(&key, slice_of_text("7"));
    bad_row_append(&note, &(struct bad_row){.kind = LF_LIMIT,
                                            .column = slice_of_text("c"),
                                            .reason = slice_of_text("r"),
                                            .key = buf_slice(&key)});
    assert_true(bad_row_read(buf_slice(&note), &bad));
    for (size_t len = 0; len < note.len; len++) {
        bool without_key = len == note.len - key.len;
        assert_int_equal(bad_row_read((struct lf_slice){note.ptr, len}, &bad), without_key);
    }
    note.ptr[0] = LF_LOST;
    assert_false(bad_row_read(buf_slice(&note), &bad));
}

static void note_when_its_texts_are_long_then_cut_between_characters(void **state UNUSED)
{
    CLEANUP(buf_done) struct buf note = {0};
    CLEANUP(buf_done) struct buf reason = {0};
    struct bad_row bad;
    for (int i = 0; i < 200; i++) {
        buf_append_text(&reason, i == 0 ? "x" : "\xC3\xA4");
    }
    bad_row_append(&note, &(struct bad_row){.kind = LF_DATA, .reason = buf_slice(&reason)});
    assert_true(bad_row_read(buf_slice(&note), &bad));
    assert_int_equal(bad.reason.len, BAD_ROW_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_when_good_then_as_csv_writes_it),
        cmocka_unit_test(text_when_bad_then_by_policy),
        cmocka_unit_test(value_when_bad_then_by_policy),
        cmocka_unit_test(row_when_bad_in_two_ways_then_a_rule_to_fail_wins),
        cmocka_unit_test(row_when_too_large_then_by_policy),
        cmocka_unit_test(value_when_the_connector_refused_it_then_what_it_says),
        cmocka_unit_test(row_when_cells_are_absent_then_told_unless_it_is_bad),
        cmocka_unit_test(note_when_damaged_then_no_note),
        cmocka_unit_test(note_when_its_texts_are_long_then_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
