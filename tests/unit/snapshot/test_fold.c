/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_bench.h"

#include "snapshot/fold.h"

/* Shape 2 has a third column. */
struct shapes {
    struct schema *versions[2];
    struct fold fold;
};

static int setup(void **state)
{
    struct shapes *s = calloc(1, sizeof *s);
    s->versions[0] = bench_schema("1:id 2:name", 1, 1);
    s->versions[1] = bench_schema("1:id 2:name 3:note", 1, 2);
    fold_init(&s->fold, s->versions[1], (const struct schema *const *)s->versions, 2);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct shapes *s = *state;
    fold_done(&s->fold);
    schema_free(&s->versions[0]);
    schema_free(&s->versions[1]);
    free(s);
    return 0;
}

static void apply(struct shapes *s, enum lf_op op, uint32_t version, unsigned flags, const char *row,
                  const char *before)
{
    const struct change change = {
        .seq = 1, .op = op, .schema_version = version, .flags = (uint8_t)flags, .row = slice_of_text(row)};
    const struct lf_slice taken = before == NULL ? (struct lf_slice){0} : slice_of_text(before);
    struct lf_error err;
    if (!fold_apply(&s->fold, &change, before == NULL ? NULL : &taken, &err)) {
        fail_msg("%s", err.msg);
    }
}

static void assert_row(const struct shapes *s, const char *row)
{
    assert_true(s->fold.exists);
    assert_false(s->fold.unknown);
    assert_string_equal(buf_text(&s->fold.row), row);
}

static void start(struct shapes *s, const char *row)
{
    fold_start(&s->fold, row != NULL, row == NULL ? (struct lf_slice){0} : slice_of_text(row));
}

static void fold_when_nothing_is_applied_then_the_old_row(void **state)
{
    start(*state, "1,\"a\",\"n\"");
    assert_row(*state, "1,\"a\",\"n\"");
}

static void fold_when_several_changes_then_the_last_wins(void **state)
{
    start(*state, NULL);
    apply(*state, LF_OP_INSERT, 2, 0, "1,\"a\",", NULL);
    apply(*state, LF_OP_DELETE, 2, 0, "", NULL);
    apply(*state, LF_OP_UPSERT, 2, 0, "1,\"b\",\"n\"", NULL);
    assert_row(*state, "1,\"b\",\"n\"");
}

static void fold_when_deleted_last_then_no_row(void **state)
{
    struct shapes *s = *state;
    start(s, "1,\"a\",");
    apply(s, LF_OP_DELETE, 2, 0, "", NULL);
    assert_false(s->fold.exists);
}

static void fold_when_a_delete_finds_no_row_then_nothing(void **state)
{
    struct shapes *s = *state;
    start(s, NULL);
    apply(s, LF_OP_DELETE, 2, 0, "", NULL);
    assert_false(s->fold.exists);
}

static void fold_when_a_cell_is_absent_then_taken_from_the_state_before(void **state)
{
    start(*state, "1,\"old\",\"n\"");
    apply(*state, LF_OP_UPDATE, 2, 0, "1,\"newer\",\"m\"", NULL);
    apply(*state, LF_OP_UPDATE, 2, CHANGE_PARTIAL, "1,\x01,\"x\"", NULL);
    assert_row(*state, "1,\"newer\",\"x\"");
}

static void fold_when_an_older_shape_is_partial_then_its_missing_column_is_kept(void **state)
{
    start(*state, "1,\"old\",\"kept\"");
    apply(*state, LF_OP_UPDATE, 1, CHANGE_PARTIAL, "1,\x01", NULL);
    assert_row(*state, "1,\"old\",\"kept\"");
}

static void fold_when_an_older_shape_is_whole_then_its_missing_column_is_null(void **state)
{
    start(*state, NULL);
    apply(*state, LF_OP_INSERT, 1, 0, "1,\"a\"", NULL);
    assert_row(*state, "1,\"a\",");
}

static void fold_when_a_value_is_nowhere_then_unknown_until_a_whole_row(void **state)
{
    struct shapes *s = *state;
    start(s, NULL);
    apply(s, LF_OP_UPDATE, 2, CHANGE_PARTIAL, "1,\x01,\"x\"", NULL);
    assert_true(s->fold.unknown);
    apply(s, LF_OP_UPDATE, 2, CHANGE_PARTIAL, "1,\"y\",\x01", NULL);
    assert_true(s->fold.unknown);
    apply(s, LF_OP_UPDATE, 2, 0, "1,\"z\",", NULL);
    assert_row(s, "1,\"z\",");
}

static void fold_when_unknown_and_deleted_then_no_row(void **state)
{
    struct shapes *s = *state;
    start(s, NULL);
    apply(s, LF_OP_UPDATE, 2, CHANGE_PARTIAL, "1,\x01,\"x\"", NULL);
    apply(s, LF_OP_DELETE, 2, 0, "", NULL);
    assert_false(s->fold.exists || s->fold.unknown);
}

static void fold_when_a_row_cannot_be_taken_then_its_note_until_another_change(void **state)
{
    struct shapes *s = *state;
    start(s, "1,\"a\",\"n\"");
    apply(s, LF_OP_UPDATE, 2, CHANGE_BAD, "note", NULL);
    assert_true(s->fold.bad && !s->fold.exists && !s->fold.unknown);
    assert_string_equal(buf_text(&s->fold.note), "note");
    assert_int_equal(s->fold.note_version, 2);
    apply(s, LF_OP_UPDATE, 2, CHANGE_PARTIAL, "1,\x01,\"x\"", NULL); /* what it leaves out stands nowhere */
    assert_true(s->fold.unknown && !s->fold.bad);
    apply(s, LF_OP_UPDATE, 2, CHANGE_BAD, "again", NULL);
    assert_true(s->fold.bad && !s->fold.unknown);
    apply(s, LF_OP_DELETE, 2, 0, "", NULL);
    assert_false(s->fold.bad || s->fold.exists);
    apply(s, LF_OP_INSERT, 2, CHANGE_BAD, "once more", NULL);
    apply(s, LF_OP_UPDATE, 2, 0, "1,\"z\",", NULL);
    assert_false(s->fold.bad);
    assert_row(s, "1,\"z\",");
}

static void fold_when_a_row_moves_here_then_absent_cells_come_along(void **state)
{
    start(*state, "1,\"whoever stood here\",\"n\"");
    apply(*state, LF_OP_UPDATE, 2, CHANGE_PARTIAL | CHANGE_MOVED, "1,\x01,\"x\"", "9,\"mover\",\"old\"");
    assert_row(*state, "1,\"mover\",\"x\"");
}

static void fold_when_a_moving_row_is_not_known_then_unknown(void **state)
{
    struct shapes *s = *state;
    start(s, "1,\"whoever stood here\",\"n\"");
    apply(s, LF_OP_UPDATE, 2, CHANGE_PARTIAL | CHANGE_MOVED, "1,\x01,\"x\"", NULL);
    assert_true(s->fold.unknown);
}

static void fold_when_the_shape_is_unknown_then_internal(void **state)
{
    struct shapes *s = *state;
    const struct change change = {.op = LF_OP_INSERT, .schema_version = 9, .row = slice_of_text("1")};
    struct lf_error err;
    start(s, NULL);
    assert_false(fold_apply(&s->fold, &change, NULL, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
}

static void fold_when_a_row_does_not_fit_its_shape_then_data(void **state)
{
    struct shapes *s = *state;
    const struct change change = {.op = LF_OP_INSERT, .schema_version = 1, .row = slice_of_text("1,2,3,4")};
    struct lf_error err;
    start(s, NULL);
    assert_false(fold_apply(&s->fold, &change, NULL, &err));
    assert_int_equal(err.kind, LF_DATA);
}

#define fold_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fold_test(fold_when_nothing_is_applied_then_the_old_row),
        fold_test(fold_when_several_changes_then_the_last_wins),
        fold_test(fold_when_deleted_last_then_no_row),
        fold_test(fold_when_a_delete_finds_no_row_then_nothing),
        fold_test(fold_when_a_cell_is_absent_then_taken_from_the_state_before),
        fold_test(fold_when_an_older_shape_is_partial_then_its_missing_column_is_kept),
        fold_test(fold_when_an_older_shape_is_whole_then_its_missing_column_is_null),
        fold_test(fold_when_a_value_is_nowhere_then_unknown_until_a_whole_row),
        fold_test(fold_when_unknown_and_deleted_then_no_row),
        fold_test(fold_when_a_row_cannot_be_taken_then_its_note_until_another_change),
        fold_test(fold_when_a_row_moves_here_then_absent_cells_come_along),
        fold_test(fold_when_a_moving_row_is_not_known_then_unknown),
        fold_test(fold_when_the_shape_is_unknown_then_internal),
        fold_test(fold_when_a_row_does_not_fit_its_shape_then_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
