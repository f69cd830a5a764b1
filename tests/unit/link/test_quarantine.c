/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows and files that cannot be taken, by the policy of their entity. Every check of the truth compares partitions and the
 * listing with the source.
 */
#include "cdm/quarantine.h"
#include "data/csv.h"
#include "link_bench.h"

#define BAD "a\xFF"

static void set_policy(struct bench *bench, struct link_policy policy)
{
    bench->options.policy = policy;
}

static const struct link_policy lists = {.intake = {.bad_text = INTAKE_QUARANTINE, .bad_row = INTAKE_QUARANTINE}};

static size_t listed(const struct bench *bench, const char *name)
{
    const struct model_entity *entity = head_entity(bench, name);
    assert_true((entity->quarantine != NULL) == (entity->quarantine_path != NULL));
    return entity->quarantine == NULL ? 0 : entity->quarantine->settled.count;
}

static size_t listed_of_load(const struct bench *bench, const char *name)
{
    const struct model_entity *entity = head_entity(bench, name);
    return entity->quarantine == NULL ? 0 : entity->quarantine->loading.count;
}

static void set_row(struct bench *bench, int64_t id, const char *name, const char *note)
{
    struct example_txn *txn = example_begin(bench->db);
    const struct lf_cell key = integer(id);
    const struct lf_cell cells[] = {integer(id), text(name), text(note)};
    assert_true(example_update(txn, "x", &key, cells, NULL) || example_insert(txn, "x", cells, NULL));
    (void)example_commit_visible(txn);
}

static void set_name(struct bench *bench, int64_t id, int64_t to, const char *name)
{
    struct example_txn *txn = example_begin(bench->db);
    change(txn, "x", id, to, name);
    (void)example_commit_visible(txn);
}

/* x has rows 1 to 8, y too; both complete. */
static void begin(struct bench *bench, struct link_policy policy)
{
    set_policy(bench, policy);
    load_x_and_y(bench);
}

static void feed_all(struct bench *bench)
{
    for (bool any = true; any;) {
        must(bench, link_step_feed(bench->link, 0, &any, &bench->err));
    }
}

static void commit(struct bench *bench)
{
    bool done = false;
    feed_all(bench);
    must(bench, link_step_snapshot(bench->link, &done, &bench->err));
    assert_truth(bench);
}

/* ---- rows ---- */

static void row_when_it_turns_bad_then_listed_until_it_is_good_or_gone(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    set_row(bench, 3, BAD, "n");
    set_row(bench, 4, "n", BAD);
    set_row(bench, 50, BAD, BAD);
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 3);
    assert_true(same_files(before, bench, "y"));
    set_row(bench, 3, "good", "n");
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 2);
    struct example_txn *txn = example_begin(bench->db);
    drop_row(txn, "x", 4);
    drop_row(txn, "x", 50);
    (void)example_commit_visible(txn);
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 0);
    assert_true(same_load(before, bench, "x"));
}

static void row_when_loaded_bad_then_listed(void **state)
{
    struct bench *bench = *state;
    set_policy(bench, lists);
    make_table(bench, "x", 12);
    set_row(bench, 1, BAD, "n");
    set_row(bench, 12, BAD, "n");
    bench_settle(bench);
    assert_int_equal(listed(bench, "x"), 2);
}

static void row_when_bad_between_two_good_states_then_never_listed(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    set_row(bench, 3, "good", "n");
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 0);
}

static void listing_when_nothing_of_it_changes_then_the_same_file(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    go_on(bench);
    CLEANUP(text_free) char *path = text_copy(head_entity(bench, "x")->quarantine_path);
    set_row(bench, 5, "good", "n");
    go_on(bench);
    assert_string_equal(head_entity(bench, "x")->quarantine_path, path);
    set_row(bench, 3, BAD, "n"); /* bad as before */
    go_on(bench);
    assert_string_equal(head_entity(bench, "x")->quarantine_path, path);
    set_row(bench, 3, BAD BAD, "n");
    go_on(bench);
    assert_string_not_equal(head_entity(bench, "x")->quarantine_path, path);
    bench_settle(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void row_when_bad_and_moved_then_listed_under_its_new_key(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_name(bench, 3, 60, BAD);
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 1);
    assert_int_equal(head_entity(bench, "x")->quarantine->settled.rows[0].since, link_head(bench->link)->commit);
}

static void change_with_absent_cells_when_its_row_is_listed_then_loaded_again(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, BAD, "kept");
    go_on(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    set_name(bench, 3, 3, "good");
    go_on(bench);
    assert_false(same_load(before, bench, "x"));
    assert_int_equal(listed(bench, "x"), 0);
    set_row(bench, 4, "n", BAD);
    go_on(bench);
    set_name(bench, 4, 44, "moved, and still bad in what the stream leaves out");
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void change_with_absent_cells_when_bad_in_the_same_cut_then_loaded_again(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    set_row(bench, 3, BAD, "kept");
    set_name(bench, 3, 3, "good");
    go_on(bench);
    assert_false(same_load(before, bench, "x"));
    assert_int_equal(listed(bench, "x"), 0);
}

static void listing_when_truncated_then_empty(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    go_on(bench);
    set_row(bench, 4, BAD, "n");
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_truncate(txn, "x", NULL));
    (void)example_commit_visible(txn);
    set_row(bench, 7, BAD, "n");
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void rule_26_bad_changes_of_a_failed_run_go_into_the_next_one(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    set_row(bench, 4, BAD, "n");
    feed_all(bench);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "writer_commit"});
    bool done = false;
    assert_false(link_step_snapshot(bench->link, &done, &bench->err));
    assert_int_equal(fault_lake_fired(bench->lake), 1);
    set_row(bench, 4, "good", "n");
    commit(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void column_when_dropped_then_what_was_bad_for_its_sake_is_read_again(void **state)
{
    struct bench *bench = *state;
    begin(bench, lists);
    set_row(bench, 3, "n", BAD);
    set_row(bench, 4, BAD, "n");
    go_on(bench);
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_drop_column(txn, "x", "note", NULL));
    (void)example_commit_visible(txn);
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void row_when_filled_up_over_the_limit_then_by_policy(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *large = mem_new(CSV_ROW_MAX, 1);
    memset(large, 'x', CSV_ROW_MAX - 100);
    begin(bench, lists);
    bench->options.memory_bytes = (size_t)64 << 20;
    set_row(bench, 3, "n", large);
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 0);
    memset(large + 200, '\0', 1);
    set_name(bench, 3, 3, large);
    must(bench, bench_once(bench));
    assert_int_equal(listed(bench, "x"), 1);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
    set_policy(bench, (struct link_policy){0});
    must(bench, bench_start(bench));
    set_name(bench, 3, 3, large);
    must(bench, bench_once(bench));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
}

static void row_when_bad_and_nothing_was_asked_for_then_its_entity_freezes_alone(void **state)
{
    struct bench *bench = *state;
    begin(bench, (struct link_policy){0});
    set_row(bench, 3, BAD, "n");
    touch(bench, "y", "goes on");
    go_on(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    assert_string_equal(head_entity(bench, "x")->reason,
                        "table x, row id=3: column name: 'a?' is not valid UTF-8; to take its values as they are, "
                        "configure \"columns\": "
                        "{\"name\": {\"type\": \"binary\"}}; or set on_bad_text to replace or quarantine");
    assert_int_equal(head_entity(bench, "y")->state, MODEL_COMPLETED);
}

static void text_when_replaced_then_in_the_lake(void **state)
{
    struct bench *bench = *state;
    set_policy(bench, (struct link_policy){.intake.bad_text = INTAKE_REPLACE});
    make_table(bench, "x", 3);
    set_row(bench, 2, BAD, "n");
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    set_row(bench, 3, BAD BAD, "n");
    must(bench, bench_once(bench));
    assert_well(lake_truth_check_bad(bench->plain, bench->db, LINK, /* replaced= */ true));
    assert_int_equal(listed(bench, "x"), 0);
}

/* ---- loads ---- */

/* Two of the chunks of x are committed, with a bad row in each. */
static void load_partly(struct bench *bench, struct link_policy policy)
{
    bool any = false;
    set_policy(bench, policy);
    bench->options.chunk_rows = 5;
    make_table(bench, "x", 20);
    set_row(bench, 1, BAD, "n");
    set_row(bench, 19, BAD, "n");
    must(bench, bench_start(bench));
    must(bench, link_step_load(bench->link, &any, &bench->err));
    commit(bench);
    assert_non_null(head_entity(bench, "x")->load);
}

static void load_when_in_progress_then_its_rows_are_kept_over_a_restart(void **state)
{
    struct bench *bench = *state;
    load_partly(bench, lists);
    assert_int_equal(listed(bench, "x"), 0);
    size_t before = listed_of_load(bench, "x");
    assert_true(before > 0);
    bench_settle(bench);
    assert_int_equal(listed(bench, "x"), 2);
    assert_int_equal(listed_of_load(bench, "x"), 0);
}

static void row_of_a_chunk_when_changed_before_its_commit_then_as_the_change_says(void **state)
{
    struct bench *bench = *state;
    bool any = false;
    set_policy(bench, lists);
    make_table(bench, "x", 4);
    set_row(bench, 1, BAD, "n");
    must(bench, bench_start(bench));
    must(bench, link_step_load(bench->link, &any, &bench->err));
    set_row(bench, 1, "good", "n");
    set_row(bench, 2, BAD, "n");
    commit(bench);
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_int_equal(listed(bench, "x"), 1);
}

static void listing_when_reloading_then_that_of_the_old_partitions_stays(void **state)
{
    struct bench *bench = *state;
    bool any = false;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    go_on(bench);
    bench->resync[0] = "x";
    bench->options.resync = bench->resync;
    bench->options.nresync = 1;
    must(bench, bench_start(bench));
    set_row(bench, 3, "good", "n");
    set_row(bench, 5, BAD, "n");
    commit(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_RELOADING);
    assert_int_equal(listed(bench, "x"), 1);
    must(bench, link_step_load(bench->link, &any, &bench->err));
    go_on(bench);
    assert_int_equal(listed(bench, "x"), 1);
    assert_int_equal(listed_of_load(bench, "x"), 0);
}

/* ---- files ---- */

static void spoil_file(struct bench *bench, const char *path)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    assert_true(memory_store_get(bench->store, path, &bytes));
    bytes.ptr[bytes.len - 3] ^= 1;
    memory_store_put(bench->store, path, bytes.ptr, bytes.len);
}

static const struct link_policy freezes = {.freeze_on_lost_file = true};

static void partition_when_altered_and_met_by_a_merge_then_by_policy(void **state)
{
    struct bench *bench = *state;
    bench->options.keep = 1;
    begin(bench, (struct link_policy){0});
    CLEANUP(model_free) struct model *before = head_copy(bench);
    spoil_file(bench, head_entity(bench, "x")->partitions[0].path);
    touch(bench, "x", "met");
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_false(same_load(before, bench, "x"));
    set_policy(bench, freezes);
    must(bench, bench_start(bench));
    spoil_file(bench, head_entity(bench, "x")->partitions[0].path);
    for (int i = 0; i < 3; i++) { /* over restarts too */
        touch(bench, "x", "met again");
        must(bench, bench_once(bench));
        assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
        assert_non_null(strstr(head_entity(bench, "x")->reason, "lakefeed resync x"));
        must(bench, bench_start(bench));
    }
    spoil_file(bench, head_entity(bench, "x")->partitions[0].path); /* put back as it was */
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_int_equal(head_entity(bench, "x")->state, MODEL_COMPLETED);
}

static const char *partition_of_load(const struct bench *bench)
{
    const struct model_load *load = head_entity(bench, "x")->load;
    for (size_t i = 0; load != NULL && i < load->nchunks; i++) {
        if (load->chunks[i].npartitions > 0) {
            return load->chunks[i].partitions[0].path;
        }
    }
    fail_msg("no chunk has been read");
    return NULL;
}

static void check_lost_chunk(struct bench *bench, bool freeze)
{
    struct link_policy policy = lists;
    policy.freeze_on_lost_file = freeze;
    bench->options.keep = 1;
    load_partly(bench, policy);
    CLEANUP(text_free) char *load_id = text_copy(head_entity(bench, "x")->load->load_id);
    CLEANUP(text_free) char *path = text_copy(partition_of_load(bench));
    memory_store_remove(bench->store, path);
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    if (freeze) {
        assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
        assert_non_null(strstr(head_entity(bench, "x")->reason, path));
        assert_int_equal(listed_of_load(bench, "x"), 0);
        bench->resync[0] = "x";
        bench->options.resync = bench->resync;
        bench->options.nresync = 1;
        must(bench, bench_start(bench));
        must(bench, bench_once(bench));
    }
    assert_truth(bench);
    assert_int_equal(listed(bench, "x"), 2);
    assert_string_not_equal(head_entity(bench, "x")->load_id, load_id);
}

static void partition_of_a_load_when_missing_then_loaded_again(void **state)
{
    check_lost_chunk(*state, false);
}

static void partition_of_a_load_when_missing_and_to_freeze_then_frozen(void **state)
{
    check_lost_chunk(*state, true);
}

static void quarantine_file_when_missing_then_by_policy(void **state)
{
    struct bench *bench = *state;
    bench->options.keep = 1;
    begin(bench, lists);
    set_row(bench, 3, BAD, "n");
    go_on(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    memory_store_remove(bench->store, head_entity(bench, "x")->quarantine_path);
    struct link_policy policy = lists;
    policy.freeze_on_lost_file = true;
    set_policy(bench, policy);
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_int_equal(head_entity(bench, "x")->state, MODEL_ERROR);
    set_policy(bench, lists);
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_truth(bench);
    assert_int_equal(listed(bench, "x"), 1);
    assert_false(same_load(before, bench, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(row_when_it_turns_bad_then_listed_until_it_is_good_or_gone),
        bench_test(row_when_loaded_bad_then_listed),
        bench_test(row_when_bad_between_two_good_states_then_never_listed),
        bench_test(listing_when_nothing_of_it_changes_then_the_same_file),
        bench_test(row_when_bad_and_moved_then_listed_under_its_new_key),
        bench_test(change_with_absent_cells_when_its_row_is_listed_then_loaded_again),
        bench_test(change_with_absent_cells_when_bad_in_the_same_cut_then_loaded_again),
        bench_test(listing_when_truncated_then_empty),
        bench_test(rule_26_bad_changes_of_a_failed_run_go_into_the_next_one),
        bench_test(column_when_dropped_then_what_was_bad_for_its_sake_is_read_again),
        bench_test(row_when_filled_up_over_the_limit_then_by_policy),
        bench_test(row_when_bad_and_nothing_was_asked_for_then_its_entity_freezes_alone),
        bench_test(text_when_replaced_then_in_the_lake),
        bench_test(load_when_in_progress_then_its_rows_are_kept_over_a_restart),
        bench_test(row_of_a_chunk_when_changed_before_its_commit_then_as_the_change_says),
        bench_test(listing_when_reloading_then_that_of_the_old_partitions_stays),
        bench_test(partition_when_altered_and_met_by_a_merge_then_by_policy),
        bench_test(partition_of_a_load_when_missing_then_loaded_again),
        bench_test(partition_of_a_load_when_missing_and_to_freeze_then_frozen),
        bench_test(quarantine_file_when_missing_then_by_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
