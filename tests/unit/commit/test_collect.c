/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#define FOREIGN_PARTITION "orders/Snapshot/p00000077_20240131T120000Z_ffffffffffffffff-1.csv"
#define GONE_ENTITY "gone/Snapshot/p00000001_20200101T000000Z_ffffffffffffffff-1.csv"
#define LOST_RECORD "_lakefeed/commits/0000000009-ffffffffffffffffffffffffffffffff.json"
#define LOST_LOAD "_lakefeed/loads/orders-ffffffffffffffffffffffffffffffff.json"
#define LOST_HISTORY "_lakefeed/history/0000000009-ffffffffffffffffffffffffffffffff.json"

static void leave(struct world *world, const char *path)
{
    memory_store_put(world->store, path, "x", 1);
}

static void rule_3_the_retained_stays_and_all_else_goes_over_many_commits(UNUSED void **state)
{
    struct world *world = world_new();
    world->keep = 3;
    struct process process = process_start(world);
    for (int i = 0; i < 12; i++) {
        world->now_ms += MINUTE_MS;
        (void)commit_orders(&process);
        check_lake(world);
    }
    CLEANUP(history_free) struct history *history = stored_history(world, committer_head(process.committer));
    size_t retained = 0;
    for (size_t i = 0; i < history->nrecords; i++) {
        retained += !history->records[i].dropped;
    }
    assert_int_equal(retained, 3);
    /* Three whole commits, one on its way out, and model.json. */
    char **paths;
    size_t count;
    memory_store_paths(world->store, &paths, &count);
    assert_int_equal(count, 4 * 3 + 1);
    memory_paths_free(paths, count);
    process_close(&process);
    world_free(world);
}

static void rule_6_only_what_a_committed_history_has_dropped_is_removed(UNUSED void **state)
{
    struct world *world = world_new();
    world->keep = 4;
    struct process patient = process_start(world);
    for (int i = 0; i < 4; i++) {
        (void)commit_orders(&patient);
    }
    world->keep = 1;
    struct process greedy = process_start(world);
    const struct commit_collected first = commit_orders(&greedy);
    assert_int_equal(first.files, 0);
    check_lake(world);
    process_close(&patient);
    world->keep = 4;
    patient = process_start(world);
    (void)commit_orders(&patient);
    check_lake(world);
    CLEANUP(history_free) struct history *history = stored_history(world, committer_head(patient.committer));
    for (size_t i = 0; i < history->nrecords; i++) {
        assert_int_equal(history->records[i].dropped, history->records[i].commit < 5);
    }
    process_close(&greedy);
    process_close(&patient);
    world_free(world);
}

static void rule_7_the_lakes_own_clock_decides(UNUSED void **state)
{
    struct world *world = world_new();
    world->keep_for_ms = 24 * HOUR_MS;
    struct process process = process_start(world);
    (void)commit_orders(&process);
    CLEANUP(text_free) char *path = orders_path(&process);
    world->now_ms += 1000 * HOUR_MS;
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    assert_true(stored(world, path));
    world->now_ms += 24 * HOUR_MS;
    (void)commit_orders(&process);
    assert_true(stored(world, path));
    (void)commit_orders(&process);
    assert_false(stored(world, path));
    check_lake(world);
    process_close(&process);
    world_free(world);
}

/* Another writer uploads between our list and our conditional write. */
static bool upload(void *context, const char *op, const char *path)
{
    if (strcmp(op, "put_if_match") == 0 && strcmp(path, "model.json") == 0) {
        leave(context, FOREIGN_PARTITION);
    }
    return true;
}

static void rule_9_candidates_are_listed_before_the_write(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    fault_lake_plan(process.fault, &(struct fault_plan){.before_call = upload, .context = world});
    (void)commit_orders(&process);
    assert_int_equal(memory_store_counts(world->store).list, 1);
    assert_true(stored(world, FOREIGN_PARTITION));
    process_close(&process);
    world_free(world);
}

static void rule_9_what_nobody_names_goes_at_the_first_commit_after_a_start(UNUSED void **state)
{
    static const char *const paths[] = {FOREIGN_PARTITION, GONE_ENTITY, LOST_RECORD, LOST_LOAD, LOST_HISTORY};
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        leave(world, paths[i]);
    }
    (void)commit_orders(&process);
    assert_true(stored(world, FOREIGN_PARTITION));
    process_close(&process);
    process = process_start(world);
    struct lf_error err;
    assert_true(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(collect(&process).files, 0);
    const struct commit_collected collected = commit_orders(&process);
    assert_in_range(collected.files, ARRAY_LEN(paths), 100);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_false(stored(world, paths[i]));
    }
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_9_the_lake_is_listed_after_a_start_a_forgotten_file_and_once_a_day(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    for (int i = 0; i < 5; i++) {
        (void)commit_orders(&process);
    }
    assert_int_equal(memory_store_counts(world->store).list, 1);
    committer_forget(process.committer, "orders/Snapshot/never given");
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    assert_int_equal(memory_store_counts(world->store).list, 2);
    world->now_ms += 24 * HOUR_MS - 1;
    (void)commit_orders(&process);
    assert_int_equal(memory_store_counts(world->store).list, 2);
    world->now_ms += 1;
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    assert_int_equal(memory_store_counts(world->store).list, 3);
    process_close(&process);
    world_free(world);
}

static void rule_9_files_in_flight_are_never_on_the_list_until_they_are_forgotten(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model_partition early = make_partition(&process, "orders", 5);
    struct model_partition used = make_partition(&process, "orders", 6);
    for (int i = 0; i < 3; i++) {
        world->now_ms += 25 * HOUR_MS;
        (void)commit_orders(&process);
        assert_true(stored(world, early.path));
        assert_true(stored(world, used.path));
    }
    /* Named by a later commit, then superseded: collected like any other. */
    struct model *next = next_of(&process);
    model_partition_done(first_partition(next));
    *first_partition(next) = model_partition_copy(&used);
    model_bytes_done(&first_partition(next)->first_key);
    publish(&process, next);
    (void)collect(&process);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
    }
    assert_false(stored(world, used.path));
    assert_true(stored(world, early.path));
    committer_forget(process.committer, early.path);
    (void)commit_orders(&process);
    assert_false(stored(world, early.path));
    check_lake(world);
    model_partition_done(&early);
    model_partition_done(&used);
    process_close(&process);
    world_free(world);
}

static void rule_9_nothing_is_removed_without_a_commit(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
    }
    leave(world, FOREIGN_PARTITION);
    process_close(&process);
    process = process_start(world);
    const uint64_t removed = memory_store_counts(world->store).remove;
    assert_int_equal(collect(&process).files, 0);
    refuse(process.lake, "put_if_match", NULL, LF_AUTH, 1);
    struct lf_error err;
    assert_false(try_publish(&process, next_of(&process), false, &err));
    assert_int_equal(collect(&process).files, 0);
    assert_int_equal(memory_store_counts(world->store).remove, removed);
    process_close(&process);
    world_free(world);
}

static void rule_10_load_lists_and_what_they_name_are_named(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 3);
    publish(&process, next);
    (void)collect(&process);
    for (size_t chunk = 0; chunk < 3; chunk++) {
        next = next_of(&process);
        read_chunk(&process, entity_of(next, "zones"), chunk);
        publish(&process, next);
        (void)collect(&process);
        process_close(&process);
        process = process_start(world);
        assert_non_null(committer_head(process.committer)->entities[1].load);
        (void)commit_orders(&process);
        (void)commit_orders(&process);
        check_lake(world);
    }
    next = next_of(&process);
    finish_load(entity_of(next, "zones"));
    publish(&process, next);
    (void)collect(&process);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
        check_lake(world);
    }
    char **paths;
    size_t count;
    memory_store_paths(world->store, &paths, &count);
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(lake_path_kind(paths[i]), LAKE_PATH_IS_LOAD);
    }
    memory_paths_free(paths, count);
    process_close(&process);
    world_free(world);
}

static void rule_11_foreign_names_are_never_touched(UNUSED void **state)
{
    static const char *const paths[] = {"orders/Snapshot/readme.txt",
                                        "orders/p00000001_20240131T120000Z_ffffffffffffffff-1.csv",
                                        "_lakefeed/control.json",
                                        "_lakefeed/owner",
                                        "_lakefeed/commits/notes.json",
                                        "default.manifest.cdm.json",
                                        "other/file"};
    struct world *world = world_new();
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        leave(world, paths[i]);
    }
    struct process process = process_start(world);
    for (int i = 0; i < 4; i++) {
        world->now_ms += 25 * HOUR_MS;
        (void)commit_orders(&process);
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_true(stored(world, paths[i]));
    }
    process_close(&process);
    world_free(world);
}

static void rule_11_a_record_stays_while_a_file_could_not_be_removed(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    CLEANUP(buf_done) struct buf record = {0};
    lake_path_commit(1, committer_head(process.committer)->commit_id, &record);
    CLEANUP(text_free) char *path = orders_path(&process);
    (void)commit_orders(&process);
    refuse(process.lake, "remove", "Snapshot", LF_TRANSIENT, 1);
    const struct commit_collected collected = commit_orders(&process);
    assert_int_equal(collected.failed, 1);
    assert_true(stored(world, path));
    assert_true(stored(world, buf_text(&record)));
    (void)commit_orders(&process);
    assert_false(stored(world, path));
    assert_false(stored(world, buf_text(&record)));
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void list_when_it_fails_then_the_commit_stands_and_the_next_one_lists(UNUSED void **state)
{
    struct world *world = world_new();
    leave(world, FOREIGN_PARTITION);
    struct process process = process_start(world);
    refuse(process.lake, "list", NULL, LF_TRANSIENT, 1);
    assert_int_equal(commit_orders(&process).files, 0);
    assert_true(stored(world, FOREIGN_PARTITION));
    assert_int_equal(commit_orders(&process).files, 1);
    assert_false(stored(world, FOREIGN_PARTITION));
    process_close(&process);
    world_free(world);
}

static void list_when_never_worked_off_then_found_again(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    for (int i = 0; i < 4; i++) {
        struct model *next = next_of(&process);
        if (i == 0) {
            (void)add_entity(next, "orders", MODEL_COMPLETED);
        }
        put_partition(&process, next, "orders", 0);
        publish(&process, next);
    }
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    check_lake(world);
    char **paths;
    size_t count;
    memory_store_paths(world->store, &paths, &count);
    assert_int_equal(count, 2 * 3 + 1);
    memory_paths_free(paths, count);
    process_close(&process);
    world_free(world);
}

static void file_when_a_commit_names_it_again_then_it_is_not_removed(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    struct model_partition first = model_partition_copy(&committer_head(process.committer)->entities[0].partitions[0]);
    (void)commit_orders(&process);
    struct model *next = next_of(&process);
    model_partition_done(first_partition(next));
    *first_partition(next) = first;
    publish(&process, next);
    (void)collect(&process);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void list_when_the_lake_holds_more_than_one_list_takes_then_the_rest_goes_next_time(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    const unsigned many = 20003;
    for (unsigned i = 0; i < many; i++) {
        char path[LAKE_PATH_MAX];
        (void)snprintf(path, sizeof path, "old/Snapshot/p00000001_20200101T000000Z_ffffffffffffffff-%u.csv",
                       100000 + i);
        leave(world, path);
    }
    assert_int_equal(commit_orders(&process).files, 20000);
    assert_int_equal(commit_orders(&process).files, many - 20000);
    process_close(&process);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_3_the_retained_stays_and_all_else_goes_over_many_commits),
        cmocka_unit_test(rule_6_only_what_a_committed_history_has_dropped_is_removed),
        cmocka_unit_test(rule_7_the_lakes_own_clock_decides),
        cmocka_unit_test(rule_9_candidates_are_listed_before_the_write),
        cmocka_unit_test(rule_9_what_nobody_names_goes_at_the_first_commit_after_a_start),
        cmocka_unit_test(rule_9_the_lake_is_listed_after_a_start_a_forgotten_file_and_once_a_day),
        cmocka_unit_test(rule_9_files_in_flight_are_never_on_the_list_until_they_are_forgotten),
        cmocka_unit_test(rule_9_nothing_is_removed_without_a_commit),
        cmocka_unit_test(rule_10_load_lists_and_what_they_name_are_named),
        cmocka_unit_test(rule_11_foreign_names_are_never_touched),
        cmocka_unit_test(rule_11_a_record_stays_while_a_file_could_not_be_removed),
        cmocka_unit_test(list_when_it_fails_then_the_commit_stands_and_the_next_one_lists),
        cmocka_unit_test(list_when_never_worked_off_then_found_again),
        cmocka_unit_test(file_when_a_commit_names_it_again_then_it_is_not_removed),
        cmocka_unit_test(list_when_the_lake_holds_more_than_one_list_takes_then_the_rest_goes_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
