/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_bench.h"

#include "snapshot/layout.h"

static void check(const char *from_words, const char *to_words, const char *row, bool partial, const char *want)
{
    CLEANUP(schema_free) struct schema *from = bench_schema(from_words, 1, 1);
    CLEANUP(schema_free) struct schema *to = bench_schema(to_words, 1, 2);
    CLEANUP(layout_done) struct layout layout;
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    layout_init(&layout, from, to);
    if (!layout_row(&layout, slice_of_text(row), partial, &out, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(buf_text(&out), want);
}

static void row_when_shapes_are_equal_then_copied(void **state)
{
    (void)state;
    check("1:id 2:name", "1:id 2:name", "7,\"a,b\"", false, "7,\"a,b\"");
}

static void row_when_a_column_was_added_then_null_there(void **state)
{
    (void)state;
    check("1:id 2:name", "1:id 2:name 3:note", "7,\"a\"", false, "7,\"a\",");
}

static void partial_row_when_a_column_was_added_then_absent_there(void **state)
{
    (void)state;
    check("1:id 2:name", "1:id 2:name 3:note", "7,\x01", true, "7,\x01,\x01");
}

static void row_when_a_column_was_dropped_then_empty_in_its_place(void **state)
{
    (void)state;
    check("1:id 2:name 3:note", "1:id -2:name 3:note", "7,\"gone\",\"n\"", false, "7,,\"n\"");
}

static void partial_row_when_a_column_was_dropped_then_null_and_not_absent(void **state)
{
    (void)state;
    check("1:id 2:name 3:note", "1:id -2:name 3:note", "7,\x01,\x01", true, "7,,\x01");
}

static void row_when_a_column_was_renamed_then_the_same_cells(void **state)
{
    (void)state;
    check("1:id 2:name", "1:id 2:title", "7,\"a\"", false, "7,\"a\"");
}

static void row_when_columns_stand_elsewhere_then_found_by_id(void **state)
{
    (void)state;
    check("1:id 2:name 3:note", "1:id 3:note 2:name", "7,\"a\",\"n\"", false, "7,\"n\",\"a\"");
}

static void row_when_a_dropped_column_stays_dropped_then_copied(void **state)
{
    (void)state;
    check("1:id -2:name 3:note", "1:id -2:name 3:remark", "7,,\"n\"", false, "7,,\"n\"");
}

static void row_when_not_of_its_shape_then_data(void **state)
{
    (void)state;
    CLEANUP(schema_free) struct schema *from = bench_schema("1:id 2:name", 1, 1);
    CLEANUP(schema_free) struct schema *to = bench_schema("1:id 2:name 3:note", 1, 2);
    CLEANUP(layout_done) struct layout layout;
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    layout_init(&layout, from, to);
    assert_false(layout_row(&layout, slice_of_text("7"), false, &out, &err));
    assert_int_equal(err.kind, LF_DATA);
}

static bool fill(const char *partial, const char *full, struct buf *out, struct lf_error *err)
{
    struct lf_slice cells[6];
    return layout_fill_absent(slice_of_text(partial), slice_of_text(full), 3, cells, out, err);
}

static void fill_when_cells_are_absent_then_taken_from_the_full_row(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_true(fill("7,\x01,\x01", "6,\"old\",", &out, &err));
    assert_string_equal(buf_text(&out), "7,\"old\",");
    assert_true(fill("7,,\x01", "6,\"old\",\"kept\"", &out, &err)); /* NULL is a value */
    assert_string_equal(buf_text(&out), "7,,\"kept\"");
}

static void fill_when_a_row_is_damaged_then_data(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_false(fill("7,\x01", "6,\"old\",", &out, &err));
    assert_int_equal(err.kind, LF_DATA);
    assert_false(fill("7,\x01,\x01", "6", &out, &err));
    assert_int_equal(err.kind, LF_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_when_shapes_are_equal_then_copied),
        cmocka_unit_test(row_when_a_column_was_added_then_null_there),
        cmocka_unit_test(partial_row_when_a_column_was_added_then_absent_there),
        cmocka_unit_test(row_when_a_column_was_dropped_then_empty_in_its_place),
        cmocka_unit_test(partial_row_when_a_column_was_dropped_then_null_and_not_absent),
        cmocka_unit_test(row_when_a_column_was_renamed_then_the_same_cells),
        cmocka_unit_test(row_when_columns_stand_elsewhere_then_found_by_id),
        cmocka_unit_test(row_when_a_dropped_column_stays_dropped_then_copied),
        cmocka_unit_test(row_when_not_of_its_shape_then_data),
        cmocka_unit_test(fill_when_cells_are_absent_then_taken_from_the_full_row),
        cmocka_unit_test(fill_when_a_row_is_damaged_then_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
