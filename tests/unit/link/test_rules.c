/* SPDX-License-Identifier: Apache-2.0
 *
 * One test for each rule of docs/rules.md that the link keeps. Tables are loaded in three ranges: below 5, below 9, and the rest.
 */
#include "link_bench.h"

/* ---- steps ---- */

static bool plan_three(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                       lf_bound_visitor visit, void *context, struct lf_error *err)
{
    (void)session;
    (void)table;
    const struct lf_cell five = integer(5), nine = integer(9);
    return want < 2 || (visit(context, (struct lf_bound){.cells = &five}, err) &&
                        visit(context, (struct lf_bound){.cells = &nine}, err));
}

/* Table x with keys 1 … 12, one commit with its load planned, nothing read. */
static void begin(struct bench *bench)
{
    bench->ops.load_plan = plan_three;
    make_table(bench, "x", 12);
    must(bench, bench_start(bench));
}

static void feed_all(struct bench *bench)
{
    for (bool any = true; any;) {
        must(bench, link_step_feed(bench->link, 0, &any, &bench->err));
    }
}

static bool load_one(struct bench *bench)
{
    bool any = false;
    must(bench, link_step_load(bench->link, &any, &bench->err));
    return any;
}

static bool commit(struct bench *bench)
{
    bool committed = false;
    must(bench, link_step_snapshot(bench->link, &committed, &bench->err));
    assert_truth(bench);
    return committed;
}

static const struct model_load *load_of(struct bench *bench, const char *entity)
{
    const struct model_load *load = head_entity(bench, entity)->load;
    assert_non_null(load);
    return load;
}

static void finish(struct bench *bench)
{
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
}

/* Runs to the end by merging alone: nothing is read from the source again. */
static void finish_by_merging(struct bench *bench)
{
    CLEANUP(text_free) char *load_id = text_copy(head_entity(bench, "x")->load_id);
    finish(bench);
    assert_string_equal(head_entity(bench, "x")->load_id, load_id);
}

static void change_visible(struct bench *bench, int64_t id, int64_t to, const char *name)
{
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "x", id, to, name);
    (void)example_commit_visible(txn);
}

static uint64_t acked(struct bench *bench)
{
    uint64_t position = 0;
    assert_true(example_acked(bench->db, LINK, &position));
    return position;
}

static uint64_t committed(struct bench *bench)
{
    uint64_t position = 0;
    assert_true(example_cursor_position(model_bytes_slice(&link_head(bench->link)->cursor), &position));
    return position;
}

/* ---- loads ---- */

static void rule_13_ranges_cover_all_keys_and_stay_as_they_were_planned(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    const struct model_load *load = load_of(bench, "x");
    assert_int_equal(load->nchunks, 3);
    assert_int_equal(load->chunks[0].first_key.len, 0);
    CLEANUP(buf_done) struct buf second = {0};
    buf_append(&second, load->chunks[1].first_key.ptr, load->chunks[1].first_key.len);
    assert_true(load_one(bench) && commit(bench));
    put_rows(bench, "x", 100, 140); /* a split inside a range moves no bound */
    feed_all(bench);
    assert_true(load_one(bench) && commit(bench));
    assert_true(slice_equal(model_bytes_slice(&load_of(bench, "x")->chunks[1].first_key), buf_slice(&second)));
    put_rows(bench, "x", -3, 0);
    finish(bench);
}

static void rule_13_rows_without_order_are_sorted(void **state)
{
    struct bench *bench = *state;
    (void)snprintf(bench->url, sizeof bench->url, "example:%s?ordered=false&batch=3", bench->name);
    make_table(bench, "x", 40);
    bench_settle(bench);
    assert_true(head_entity(bench, "x")->npartitions > 3);
}

static void rule_14_what_a_snapshot_has_seen_is_asked_and_not_compared(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    struct example_txn *first = example_begin(bench->db);
    change(first, "x", 1, 1, "not visible yet");
    (void)example_commit(first);
    change_visible(bench, 2, 2, "visible, though later");
    assert_true(load_one(bench));
    example_make_all_visible(bench->db);
    feed_all(bench);
    assert_true(commit(bench));
    finish(bench);
}

static void rule_14_what_a_range_has_seen_is_not_applied_again(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    change_visible(bench, 6, -6, "seen by both ranges: its old row is nowhere");
    assert_true(load_one(bench) && load_one(bench));
    feed_all(bench);
    assert_true(commit(bench));
    assert_true(load_of(bench, "x")->chunks[0].read && load_of(bench, "x")->chunks[1].read);
    finish(bench);
}

static void rule_14_a_load_ends_only_when_the_stream_has_passed_each_range(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    change_visible(bench, 1, 1, "seen by the snapshot, not by the stream");
    while (load_one(bench)) {
    }
    assert_true(commit(bench));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_LOADING);
    assert_true(load_of(bench, "x")->chunks[0].asof.len > 0);
    assert_false(load_of(bench, "x")->chunks[0].passed);
    must(bench, bench_start(bench)); /* and a restart forgets none of it */
    assert_false(load_one(bench));
    feed_all(bench);
    assert_true(commit(bench));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
}

static void rule_15_a_snapshot_that_misses_a_committed_transaction_is_taken_again(void **state)
{
    struct bench *bench = *state;
    bench->options.cursor_interval_ms = 1;
    begin(bench);
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "x", 1, 1, "in the stream, in no snapshot yet");
    (void)example_commit(txn);
    feed_all(bench);
    assert_true(commit(bench));
    assert_false(load_one(bench));
    assert_false(load_one(bench));
    example_make_all_visible(bench->db);
    assert_true(load_one(bench));
    finish(bench);
}

static void rule_16_changes_after_the_committed_cursor_wait_for_their_range(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    assert_true(load_one(bench));
    change_visible(bench, 1, 1, "after the first range was read");
    change_visible(bench, 11, 11, "before the last one");
    feed_all(bench);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "writer_open"});
    bool done = false;
    assert_false(link_step_snapshot(bench->link, &done, &bench->err));
    assert_int_equal(fault_lake_fired(bench->lake), 1);
    change_visible(bench, 1, 2000, "moves to a range that nobody has read");
    feed_all(bench);
    assert_true(load_one(bench));
    assert_true(commit(bench));
    finish(bench);
}

static void rule_16_what_was_streamed_and_not_committed_counts_as_unseen(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "x", 1, 1, "streamed before any snapshot could see it");
    (void)example_commit(txn);
    feed_all(bench);
    assert_true(load_one(bench));
    example_make_all_visible(bench->db);
    assert_true(commit(bench));
    finish(bench);
}

static void rule_18_a_reload_has_its_own_id_and_no_old_file(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    CLEANUP(model_free) struct model *before = model_copy(link_head(bench->link));
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_reload(txn, "x", "a test", NULL));
    (void)example_commit_visible(txn);
    finish(bench);
    const struct model_entity *old = model_find(before, "x"), *now = head_entity(bench, "x");
    assert_string_not_equal(old->load_id, now->load_id);
    for (size_t i = 0; i < now->npartitions; i++) {
        for (size_t j = 0; j < old->npartitions; j++) {
            assert_string_not_equal(now->partitions[i].path, old->partitions[j].path);
        }
    }
}

/* ---- changes ---- */

static void rule_20_a_commit_never_stands_inside_a_transaction(void **state)
{
    struct bench *bench = *state;
    (void)snprintf(bench->url, sizeof bench->url, "example:%s?batch=1", bench->name);
    make_table(bench, "x", 3);
    make_table(bench, "y", 3);
    bench_settle(bench);
    for (int i = 0; i < 4; i++) {
        struct example_txn *txn = example_begin(bench->db);
        change(txn, "x", 1, 1, i % 2 == 0 ? "even" : "odd");
        change(txn, "y", 1, 1, i % 2 == 0 ? "even" : "odd");
        uint64_t position = example_commit_visible(txn);
        for (int pumped = 0; pumped < 2; pumped++) { /* begin and the first row */
            bool any = false;
            must(bench, link_step_feed(bench->link, 0, &any, &bench->err));
        }
        assert_true(commit(bench));
        assert_int_equal(committed(bench), position);
    }
}

static void rule_20_what_arrives_behind_the_cut_waits_for_the_next(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    change_visible(bench, 1, 1, "in the cut");
    feed_all(bench);
    uint64_t cut = example_end(bench->db);
    change_visible(bench, 1, 1, "behind it");
    assert_true(commit(bench));
    assert_int_equal(committed(bench), cut);
}

static void rule_21_a_move_between_ranges_is_judged_by_each_of_them(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    assert_true(load_one(bench));
    struct example_txn *txn = example_begin(bench->db);
    const struct lf_cell from = integer(2), back = integer(10);
    const struct lf_cell there[] = {integer(20), text("from the first range"), text("whole")};
    const struct lf_cell here[] = {integer(3000), text("within the last"), text("whole")};
    assert_true(example_update(txn, "x", &from, there, NULL));
    assert_true(example_update(txn, "x", &back, here, NULL));
    (void)example_commit_visible(txn);
    assert_true(load_one(bench));
    feed_all(bench);
    assert_true(commit(bench));
    finish(bench);
}

static void rule_22_a_value_that_is_nowhere_makes_its_range_be_read_again(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    assert_true(load_one(bench));
    change_visible(bench, 6, 3000, "out of the second range");
    change_visible(bench, 7, -7, "into the first, which was read before");
    assert_true(load_one(bench));
    feed_all(bench);
    assert_true(commit(bench));
    assert_false(load_of(bench, "x")->chunks[0].read);
    assert_true(load_of(bench, "x")->chunks[1].read);
    finish(bench);
}

static void rule_22_an_absent_cell_takes_the_value_from_just_before(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    struct example_txn *txn = example_begin(bench->db);
    const struct lf_cell key = integer(6);
    const struct lf_cell noted[] = {integer(6), absent, text("noted")};
    const struct lf_cell later[] = {integer(6), text("another row"), text("later")};
    assert_true(example_update(txn, "x", &key, noted, NULL));
    change(txn, "x", 6, 50, "moved");
    assert_true(example_insert(txn, "x", later, NULL));
    change(txn, "x", 50, 51, "moved on");
    (void)example_commit_visible(txn);
    finish_by_merging(bench);
}

static void rule_23_a_swap_with_absent_cells_is_resolved_in_commit_order(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "x", 1, 99, "one");
    change(txn, "x", 12, 1, "twelve");
    change(txn, "x", 99, 12, "one again");
    (void)example_commit_visible(txn);
    finish_by_merging(bench);
}

static void rule_24_rows_sent_before_a_change_of_shape_still_fit(void **state)
{
    struct bench *bench = *state;
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    begin(bench);
    finish(bench);
    change_visible(bench, 1, 1, "three columns");
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_add_column(txn, "x", &extra, NULL, NULL));
    assert_true(example_drop_column(txn, "x", "note", NULL));
    const struct lf_cell key = integer(2);
    const struct lf_cell cells[] = {integer(2), absent, integer(7)};
    assert_true(example_update(txn, "x", &key, cells, NULL));
    (void)example_commit_visible(txn);
    finish_by_merging(bench);
    assert_int_equal(head_entity(bench, "x")->shape.nattributes, 4);
    assert_true(head_entity(bench, "x")->shape.attributes[2].dropped);
}

static void rule_25_a_truncate_empties_only_what_had_not_seen_it(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    assert_true(load_one(bench));
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_truncate(txn, "x", NULL));
    put(txn, "x", 6, "after it, in the second range");
    (void)example_commit_visible(txn);
    assert_true(load_one(bench));
    feed_all(bench);
    assert_true(commit(bench));
    assert_int_equal(load_of(bench, "x")->chunks[0].npartitions, 0);
    assert_int_equal(load_of(bench, "x")->chunks[1].npartitions, 1);
    finish(bench);
}

static void rule_26_a_failed_run_loses_nothing_that_it_had_sealed(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    CLEANUP(text_free) char *load_id = text_copy(head_entity(bench, "x")->load_id);
    change_visible(bench, 1, 1, "sealed by a run that fails");
    change_visible(bench, 2, 2, "and never touched again");
    feed_all(bench);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "writer_commit"});
    bool done = false;
    assert_false(link_step_snapshot(bench->link, &done, &bench->err));
    assert_int_equal(fault_lake_fired(bench->lake), 1);
    change_visible(bench, 1, 30, "moved after it");
    feed_all(bench);
    assert_true(commit(bench));
    assert_int_equal(committed(bench), example_end(bench->db));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
    assert_string_equal(head_entity(bench, "x")->load_id, load_id);
}

static void rule_27_what_the_stream_left_out_is_found_before_the_commit(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    struct example_txn *txn = example_begin(bench->db);
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    assert_true(example_add_column(txn, "x", &extra, NULL, NULL));
    (void)example_commit_visible(txn);
    finish(bench);
    txn = example_begin(bench->db);
    assert_true(example_rewrite(txn, "x", /* silent= */ true, NULL));
    const struct lf_cell key = integer(1);
    const struct lf_cell cells[] = {integer(1), text("after a silent rewrite"), absent, integer(5)};
    assert_true(example_update(txn, "x", &key, cells, NULL));
    (void)example_commit_visible(txn);
    feed_all(bench);
    assert_true(commit(bench)); /* which checks that old rows do not stand at the new cursor */
    assert_int_equal(head_entity(bench, "x")->state, MODEL_RELOADING);
    assert_true(head_entity(bench, "x")->stands_at.len > 0);
    finish(bench);
}

/* ---- the operator, the source, the start ---- */

/* Two tables in one transaction; that of the first alone is larger than the spool may become. */
static void rule_29_a_transaction_that_does_not_fit_costs_its_entity_alone(void **state)
{
    struct bench *bench = *state;
    static char wide[8192];
    memset(wide, 'w', sizeof wide - 1);
    bench->options.spool_disk_bytes = (uint64_t)256 << 10;
    bench->options.partition_bytes = (uint64_t)1 << 20;
    make_table(bench, "y", 3);
    begin(bench);
    finish(bench);
    CLEANUP(text_free) char *load_x = text_copy(head_entity(bench, "x")->load_id);
    CLEANUP(text_free) char *load_y = text_copy(head_entity(bench, "y")->load_id);
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "y", 1, 1, "before");
    for (int64_t id = 100; id < 400; id++) {
        put(txn, "x", id, wide);
    }
    change(txn, "y", 2, 2, "behind");
    (void)example_commit_visible(txn);
    feed_all(bench);
    assert_true(commit(bench));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_RELOADING);
    assert_int_equal(head_entity(bench, "y")->state, MODEL_COMPLETED);
    finish(bench);
    assert_string_not_equal(head_entity(bench, "x")->load_id, load_x);
    assert_string_equal(head_entity(bench, "y")->load_id, load_y);
    change_visible(bench, 1, 1, "and followed again");
    finish(bench);
}

static void rule_30_an_entity_leaves_at_a_cut_and_not_before(void **state)
{
    struct bench *bench = *state;
    make_table(bench, "x", 3);
    make_table(bench, "y", 3);
    bench_settle(bench);
    bench->entities[0] = (struct link_entity_config){.table = "x"};
    bench->options.entities = bench->entities;
    bench->options.nentities = 1;
    must(bench, bench_start(bench));
    assert_int_equal(link_head(bench->link)->nentities, 2);
    assert_true(commit(bench));
    assert_int_equal(link_head(bench->link)->nentities, 1);
}

static bool refuse_ack;

static bool ack_or_not(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                       struct lf_error *err)
{
    return refuse_ack ? lf_error_set(err, LF_TRANSIENT, 0, "a test")
                      : lakefeed_connector()->ops->ack(session, consumer, cursor, err);
}

static void rule_31_only_what_is_committed_is_acknowledged(void **state)
{
    struct bench *bench = *state;
    begin(bench);
    finish(bench);
    uint64_t before = acked(bench);
    assert_int_equal(before, committed(bench));
    change_visible(bench, 1, 1, "streamed");
    feed_all(bench);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_CRASH, .fail_at = 1, .only_op = "put_if_absent"});
    bool done = false;
    assert_false(
        link_step_snapshot(bench->link, &done, &bench->err)); /* all is written but the record and model.json */
    assert_true(fault_lake_is_dead(bench->lake));
    assert_int_equal(acked(bench), before);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_NONE});
    must(bench, bench_start(bench));
    assert_int_equal(acked(bench), before);
    feed_all(bench);
    assert_true(commit(bench));
    assert_int_equal(acked(bench), committed(bench));
    assert_true(acked(bench) > before);
}

static void rule_3_an_acknowledgement_that_was_lost_is_repeated_at_the_next_start(void **state)
{
    struct bench *bench = *state;
    bench->ops.ack = ack_or_not;
    begin(bench);
    finish(bench);
    uint64_t before = acked(bench);
    change_visible(bench, 1, 1, "committed, not acknowledged");
    refuse_ack = true;
    finish(bench);
    assert_int_equal(acked(bench), before);
    refuse_ack = false;
    must(bench, bench_start(bench));
    assert_int_equal(acked(bench), committed(bench));
}

static void damage(struct bench *bench, const char *entity, bool cut)
{
    const char *path = head_entity(bench, entity)->partitions[0].path;
    CLEANUP(buf_done) struct buf bytes = {0};
    assert_true(memory_store_get(bench->store, path, &bytes));
    if (cut) {
        memory_store_put(bench->store, path, bytes.ptr, bytes.len - 1);
    } else {
        memory_store_remove(bench->store, path);
    }
}

static void check_restored(struct bench *bench, bool cut)
{
    bench->options.keep = 1; /* the check reads all that is retained: the damaged file must be gone from it */
    make_table(bench, "x", 6);
    make_table(bench, "y", 6);
    bench_settle(bench);
    CLEANUP(model_free) struct model *before = model_copy(link_head(bench->link));
    damage(bench, "x", cut);
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_string_not_equal(model_find(before, "x")->load_id, head_entity(bench, "x")->load_id);
    assert_string_equal(model_find(before, "y")->load_id, head_entity(bench, "y")->load_id);
}

static void rule_34_a_missing_file_makes_its_entity_be_loaded_again(void **state)
{
    check_restored(*state, /* cut= */ false);
}

static void rule_34_a_short_file_makes_its_entity_be_loaded_again(void **state)
{
    check_restored(*state, /* cut= */ true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(rule_13_ranges_cover_all_keys_and_stay_as_they_were_planned),
        bench_test(rule_13_rows_without_order_are_sorted),
        bench_test(rule_14_what_a_snapshot_has_seen_is_asked_and_not_compared),
        bench_test(rule_14_what_a_range_has_seen_is_not_applied_again),
        bench_test(rule_14_a_load_ends_only_when_the_stream_has_passed_each_range),
        bench_test(rule_15_a_snapshot_that_misses_a_committed_transaction_is_taken_again),
        bench_test(rule_16_changes_after_the_committed_cursor_wait_for_their_range),
        bench_test(rule_16_what_was_streamed_and_not_committed_counts_as_unseen),
        bench_test(rule_18_a_reload_has_its_own_id_and_no_old_file),
        bench_test(rule_20_a_commit_never_stands_inside_a_transaction),
        bench_test(rule_20_what_arrives_behind_the_cut_waits_for_the_next),
        bench_test(rule_21_a_move_between_ranges_is_judged_by_each_of_them),
        bench_test(rule_22_a_value_that_is_nowhere_makes_its_range_be_read_again),
        bench_test(rule_22_an_absent_cell_takes_the_value_from_just_before),
        bench_test(rule_23_a_swap_with_absent_cells_is_resolved_in_commit_order),
        bench_test(rule_24_rows_sent_before_a_change_of_shape_still_fit),
        bench_test(rule_25_a_truncate_empties_only_what_had_not_seen_it),
        bench_test(rule_26_a_failed_run_loses_nothing_that_it_had_sealed),
        bench_test(rule_27_what_the_stream_left_out_is_found_before_the_commit),
        bench_test(rule_29_a_transaction_that_does_not_fit_costs_its_entity_alone),
        bench_test(rule_30_an_entity_leaves_at_a_cut_and_not_before),
        bench_test(rule_31_only_what_is_committed_is_acknowledged),
        bench_test(rule_3_an_acknowledgement_that_was_lost_is_repeated_at_the_next_start),
        bench_test(rule_34_a_missing_file_makes_its_entity_be_loaded_again),
        bench_test(rule_34_a_short_file_makes_its_entity_be_loaded_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
