/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to entities over the life of a link: they come, go, change their shape, break and mend, while the others go on.
 */
#include "link_bench.h"

/* ---- coming and going ---- */

static void start_when_a_table_is_new_then_it_is_loaded_and_the_others_stay(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 8);
    bench_settle(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    make_table(bench, "y", 8);
    bench_settle(bench);
    assert_int_equal(head_entity(bench, "y")->state, MODEL_COMPLETED);
    assert_true(same_files(before, bench, "x"));
}

static void entity_when_removed_and_added_again_then_starts_under_a_new_load(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    follow(bench, "x", NULL);
    bench_settle(bench);
    assert_null(model_find(link_head(bench->link), "y"));
    touch(bench, "y", "nobody follows");
    follow(bench, "x", "y");
    bench_settle(bench);
    assert_false(same_load(before, bench, "y"));
    assert_true(same_load(before, bench, "x"));
}

static void start_when_a_named_table_does_not_exist_then_config(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 1);
    follow(bench, "x", "z");
    assert_false(bench_start(bench));
    assert_int_equal(bench->err.kind, LF_CONFIG);
    assert_non_null(strstr(bench->err.msg, "z"));
}

static void start_when_two_entities_have_one_name_then_config(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 1);
    make_table(bench, "y", 1);
    follow(bench, "x", "y");
    bench->entities[0].name = "Same";
    bench->entities[1].name = "same";
    assert_false(bench_start(bench));
    assert_int_equal(bench->err.kind, LF_CONFIG);
}

/* The source says other names than the example does: it knows its tables by their ids. */
struct alias {
    const char *was, *now;
};
static struct alias aliases[2];
static lf_table_visitor real_visit;

static bool visit_renamed(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct lf_table renamed = *table;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        bool hit = aliases[i].was != NULL && strcmp(table->name, aliases[i].was) == 0;
        renamed.name = hit ? aliases[i].now : renamed.name;
    }
    return real_visit(context, &renamed, err);
}

static bool discover_renamed(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    real_visit = visit;
    return lakefeed_connector()->ops->discover(session, visit_renamed, context, err);
}

static void rename_table(struct bench *bench, const char *from, const char *to)
{
    aliases[0] = (struct alias){from, to};
    aliases[1] = (struct alias){0};
    bench->ops.discover = discover_renamed;
}

static void table_when_renamed_then_keeps_its_entity(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    rename_table(bench, "x", "z");
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_string_equal(head_entity(bench, "x")->table, "z");
    assert_true(same_files(before, bench, "x"));
    assert_int_equal(link_head(bench->link)->nentities, 2);
}

static void table_when_renamed_and_configured_by_its_old_name_then_goes_on(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    follow(bench, "x", "y");
    rename_table(bench, "x", "z");
    for (int start = 0; start < 2; start++) {
        must(bench, bench_start(bench));
        must(bench, bench_once(bench));
        assert_string_equal(head_entity(bench, "x")->table, "z");
    }
}

static void table_when_another_takes_its_name_then_each_has_an_entity(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    struct example_txn *txn = example_begin(bench->db);
    create_table(txn, "new");
    (void)example_commit_visible(txn);
    rename_table(bench, "x", "old_x");
    aliases[1] = (struct alias){"new", "x"};
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_int_equal(link_head(bench->link)->nentities, 3);
    assert_string_equal(head_entity(bench, "x")->table, "old_x");
    assert_true(same_load(before, bench, "x"));
}

/* ---- breaking and mending ---- */

static void table_when_dropped_then_its_rows_stay_and_the_others_go_on(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_drop_table(txn, "x", /* silent= */ false, NULL));
    change(txn, "y", 1, 1, "goes on");
    (void)example_commit_visible(txn);
    go_on(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    assert_non_null(head_entity(bench, "x")->reason);
    assert_true(head_entity(bench, "x")->stands_at.len > 0);
    assert_true(same_files(before, bench, "x"));
    assert_false(same_files(before, bench, "y"));
    bench_settle(bench); /* and so it is after a restart */
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    assert_true(same_files(before, bench, "x"));
}

static void table_when_dropped_without_a_word_then_stands_frozen_all_the_same(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_drop_table(txn, "x", /* silent= */ true, NULL));
    (void)example_commit_visible(txn);
    go_on(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    assert_true(same_files(before, bench, "x"));
}

static bool visit_refusing_x(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct lf_table refused = *table;
    refused.refusal = strcmp(table->name, "x") == 0 ? "its key was dropped" : NULL;
    return real_visit(context, &refused, err);
}

static bool discover_refusing_x(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    real_visit = visit;
    return lakefeed_connector()->ops->discover(session, visit_refusing_x, context, err);
}

static void table_when_refused_at_a_start_then_frozen_alone_if_the_lake_has_it(void **state)
{
    struct bench *bench = *state;
    size_t frozen = 0;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    follow(bench, "x", "y");
    bench->ops.discover = discover_refusing_x;
    touch(bench, "y", "goes on");
    must(bench, bench_start(bench));
    must(bench, link_run_once(bench->link, &frozen, &bench->err));
    assert_int_equal(frozen, 1);
    assert_string_equal(head_entity(bench, "x")->reason, "its key was dropped");
    assert_true(same_files(before, bench, "x"));
    assert_false(same_files(before, bench, "y"));
}

static void table_when_refused_and_not_in_the_lake_yet_then_config(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 1);
    follow(bench, "x", NULL);
    bench->ops.discover = discover_refusing_x;
    assert_false(bench_start(bench));
    assert_int_equal(bench->err.kind, LF_CONFIG);
    assert_non_null(strstr(bench->err.msg, "its key was dropped"));
}

static void table_when_created_again_then_loaded_again(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_drop_table(txn, "x", /* silent= */ false, NULL));
    (void)example_commit_visible(txn);
    txn = example_begin(bench->db);
    create_table(txn, "x");
    put(txn, "x", 77, "another table");
    (void)example_commit_visible(txn);
    go_on(bench);
    bench_settle(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
    assert_false(same_load(before, bench, "x"));
    assert_int_equal(head_entity(bench, "x")->stands_at.len, 0);
}

static void entity_when_a_row_cannot_be_taken_then_freezes_alone_and_is_tried_again(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_fault(txn, "x", LF_DATA, "a row that nobody can take", NULL));
    change(txn, "x", 1, 1, "after the fault");
    change(txn, "y", 1, 1, "goes on");
    (void)example_commit_visible(txn);
    size_t frozen = 0;
    must(bench, link_run_once(bench->link, &frozen, &bench->err));
    assert_truth(bench);
    assert_int_equal(frozen, 1);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    assert_string_equal(head_entity(bench, "x")->reason, "a row that nobody can take");
    touch(bench, "x", "while frozen");
    touch(bench, "y", "while the other is frozen");
    go_on(bench);
    assert_int_equal(head_entity(bench, "y")->state, MODEL_COMPLETED);
    bench_settle(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
    assert_null(head_entity(bench, "x")->reason);
}

/* What cannot be taken comes again from the stream at every start, before anything was read again. */
static void entity_when_the_same_row_comes_again_at_the_retry_then_stays_frozen_and_is_not_waited_for(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    for (int turn = 0; turn < 3; turn++) {
        struct example_txn *txn = example_begin(bench->db);
        assert_true(example_fault(txn, "x", LF_DATA, "a row that nobody can take", NULL));
        (void)example_commit_visible(txn);
        size_t frozen = 0;
        must(bench, turn == 0 || bench_start(bench));
        must(bench, link_run_once(bench->link, &frozen, &bench->err));
        assert_truth(bench);
        assert_int_equal(frozen, 1);
        assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    }
    bench_settle(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
}

static void partition_when_altered_then_its_entity_is_loaded_again(void **state)
{
    struct bench *bench = *state;
    bench->options.keep = 1;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    const char *path = head_entity(bench, "x")->partitions[0].path;
    CLEANUP(buf_done) struct buf bytes = {0};
    assert_true(memory_store_get(bench->store, path, &bytes));
    memset(bytes.ptr, '7', 1); /* the size stays: only the merge can see it */
    memory_store_put(bench->store, path, bytes.ptr, bytes.len);
    touch(bench, "x", "merged into the altered file");
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_false(same_load(before, bench, "x"));
    assert_true(same_load(before, bench, "y"));
}

/* ---- loading again ---- */

static void resync_when_asked_for_then_loads_once_and_readers_keep_the_old(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    bench->resync[0] = "x";
    bench->options.resync = bench->resync;
    bench->options.nresync = 1;
    must(bench, bench_start(bench));
    bool committed = false;
    must(bench, link_step_snapshot(bench->link, &committed, &bench->err));
    assert_true(committed);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_RELOADING);
    assert_true(same_files(before, bench, "x"));
    go_on(bench);
    assert_false(same_load(before, bench, "x"));
    assert_true(same_load(before, bench, "y"));
    CLEANUP(model_free) struct model *after = head_copy(bench);
    must(bench, link_open(bench->link, &bench->err)); /* the same process, after a failure that passed */
    go_on(bench);
    assert_true(same_load(after, bench, "x"));
}

static void resync_when_the_entity_does_not_exist_then_config(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 1);
    bench->resync[0] = "nobody";
    bench->options.resync = bench->resync;
    bench->options.nresync = 1;
    assert_false(bench_start(bench));
    assert_int_equal(bench->err.kind, LF_CONFIG);
}

static void reload_when_under_way_then_readers_see_the_old_rows_at_their_cursor(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_reload(txn, "x", "a test", NULL));
    change(txn, "x", 1, 1, "in the reload");
    change(txn, "y", 1, 1, "visible at once");
    (void)example_commit_visible(txn);
    bool any = true, committed = false;
    while (any) {
        must(bench, link_step_feed(bench->link, 0, &any, &bench->err));
    }
    must(bench, link_step_snapshot(bench->link, &committed, &bench->err));
    assert_truth(bench);
    const struct model_entity *x = head_entity(bench, "x");
    assert_int_equal(x->state, MODEL_RELOADING);
    assert_true(x->completed_ms > 0);
    assert_true(same_files(before, bench, "x"));
    assert_true(slice_equal(model_bytes_slice(&x->stands_at), model_bytes_slice(&before->cursor)));
    assert_int_equal(head_entity(bench, "y")->stands_at.len, 0);
    go_on(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
    assert_int_equal(head_entity(bench, "x")->stands_at.len, 0);
}

static void column_when_its_type_changes_then_that_entity_alone_is_loaded_again(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    const struct lf_cell fill = integer(5);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_add_column(txn, "x", &extra, &fill, NULL));
    (void)example_commit_visible(txn);
    go_on(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    txn = example_begin(bench->db);
    assert_true(example_change_type(txn, "x", "extra", LF_TYPE_STRING, NULL));
    (void)example_commit_visible(txn);
    go_on(bench);
    assert_false(same_load(before, bench, "x"));
    assert_true(same_load(before, bench, "y"));
    assert_int_equal(head_entity(bench, "x")->shape.attributes[3].type, LF_TYPE_STRING);
}

static void column_when_added_renamed_or_dropped_then_rows_are_rewritten_in_place(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_add_column(txn, "x", &extra, NULL, NULL));
    assert_true(example_rename_column(txn, "x", "name", "title", NULL));
    assert_true(example_drop_column(txn, "x", "note", NULL));
    (void)example_commit_visible(txn);
    go_on(bench);
    const struct model_shape *shape = &head_entity(bench, "x")->shape;
    assert_true(same_load(before, bench, "x"));
    assert_int_equal(shape->nattributes, 4);
    assert_string_equal(shape->attributes[1].name, "title");
    assert_true(shape->attributes[2].dropped);
    assert_string_equal(shape->attributes[3].name, "extra");
    bench_settle(bench);
    touch(bench, "y", "no new shape after a restart");
    go_on(bench);
    assert_true(same_load(before, bench, "x"));
}

static void shape_when_it_changes_while_a_load_is_under_way_then_both_end_right(void **state)
{
    struct bench *bench = *state;
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    make_table(bench, "x", 12);
    must(bench, bench_start(bench));
    bool any = false;
    must(bench, link_step_load(bench->link, &any, &bench->err));
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_add_column(txn, "x", &extra, NULL, NULL));
    (void)example_commit_visible(txn);
    must(bench, link_step_load(bench->link, &any, &bench->err)); /* has to wait for the stream */
    go_on(bench);
    assert_int_equal(head_entity(bench, "x")->shape.nattributes, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(start_when_a_table_is_new_then_it_is_loaded_and_the_others_stay),
        bench_test(entity_when_removed_and_added_again_then_starts_under_a_new_load),
        bench_test(start_when_a_named_table_does_not_exist_then_config),
        bench_test(start_when_two_entities_have_one_name_then_config),
        bench_test(table_when_renamed_then_keeps_its_entity),
        bench_test(table_when_renamed_and_configured_by_its_old_name_then_goes_on),
        bench_test(table_when_another_takes_its_name_then_each_has_an_entity),
        bench_test(table_when_dropped_then_its_rows_stay_and_the_others_go_on),
        bench_test(table_when_dropped_without_a_word_then_stands_frozen_all_the_same),
        bench_test(table_when_refused_at_a_start_then_frozen_alone_if_the_lake_has_it),
        bench_test(table_when_refused_and_not_in_the_lake_yet_then_config),
        bench_test(table_when_created_again_then_loaded_again),
        bench_test(entity_when_a_row_cannot_be_taken_then_freezes_alone_and_is_tried_again),
        bench_test(entity_when_the_same_row_comes_again_at_the_retry_then_stays_frozen_and_is_not_waited_for),
        bench_test(partition_when_altered_then_its_entity_is_loaded_again),
        bench_test(resync_when_asked_for_then_loads_once_and_readers_keep_the_old),
        bench_test(resync_when_the_entity_does_not_exist_then_config),
        bench_test(reload_when_under_way_then_readers_see_the_old_rows_at_their_cursor),
        bench_test(column_when_its_type_changes_then_that_entity_alone_is_loaded_again),
        bench_test(column_when_added_renamed_or_dropped_then_rows_are_rewritten_in_place),
        bench_test(shape_when_it_changes_while_a_load_is_under_way_then_both_end_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
