/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void recover_when_there_is_no_model_json_then_no_head(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    assert_null(committer_head(process.committer));
    process_close(&process);
    world_free(world);
}

static void recover_when_model_json_is_not_ours_then_refused(UNUSED void **state)
{
    static const struct {
        const char *text;
        enum lf_error_kind kind;
    } cases[] = {{"{\"name\":\"theirs\"}", LF_CONFIG}, {"{\"name\":", LF_DATA}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        memory_store_put(world->store, "model.json", cases[i].text, strlen(cases[i].text));
        struct process process = process_open(world);
        struct lf_error err = {0};
        assert_false(committer_recover(process.committer, &err));
        assert_int_equal(err.kind, cases[i].kind);
        assert_non_null(strstr(err.msg, "model.json"));
        process_close(&process);
        world_free(world);
    }
}

static void recover_when_the_lake_is_out_of_reach_then_an_error_and_the_next_try_works(UNUSED void **state)
{
    static const struct {
        const char *op, *part;
    } cases[] = {
        {"stat", "model.json"}, {"read_range", "model.json"}, {"read_range", "loads"}, {"read_range", "history"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        struct process process = process_start(world);
        struct model *next = next_of(&process);
        (void)add_entity(next, "orders", MODEL_COMPLETED);
        add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 2);
        publish(&process, next);
        process_close(&process);
        process = process_open(world);
        refuse(process.lake, cases[i].op, cases[i].part, LF_TRANSIENT, 1);
        struct lf_error err = {0};
        assert_false(committer_recover(process.committer, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_null(committer_head(process.committer));
        assert_true(committer_recover(process.committer, &err));
        assert_non_null(committer_head(process.committer)->entities[1].load);
        (void)commit_orders(&process);
        check_lake(world);
        process_close(&process);
        world_free(world);
    }
}

static void recover_when_done_then_the_next_commit_goes_on_from_the_head(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    for (unsigned i = 1; i <= 6; i++) {
        (void)commit_orders(&process);
        assert_int_equal(committer_head(process.committer)->commit, i);
        process_close(&process);
        process = process_start(world);
        assert_int_equal(committer_head(process.committer)->commit, i);
        check_lake(world);
    }
    (void)commit_orders(&process);
    char **paths;
    size_t count;
    memory_store_paths(world->store, &paths, &count);
    assert_int_equal(count, 2 * 3 + 1);
    memory_paths_free(paths, count);
    process_close(&process);
    world_free(world);
}

static void rule_11_a_lost_load_list_comes_back_as_null_and_stops_collection_while_it_counts(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    struct model_entity *zones = add_entity(next, "zones", MODEL_LOADING);
    zones->load = make_load("zones", 2);
    read_chunk(&process, zones, 0);
    publish(&process, next);
    (void)collect(&process);
    (void)commit_orders(&process);
    CLEANUP(text_free) char *list = text_copy(committer_head(process.committer)->entities[1].load_path);
    CLEANUP(text_free)
    char *chunk = text_copy(committer_head(process.committer)->entities[1].load->chunks[0].partitions[0].path);
    process_close(&process);
    memory_store_put(world->store, list, "damaged", 7);
    process = process_start(world);
    assert_null(committer_head(process.committer)->entities[1].load);
    assert_string_equal(committer_head(process.committer)->entities[1].load_path, list);
    const uint64_t removed = memory_store_counts(world->store).remove;
    /* The first commits still name the list, the next one begins the load again. */
    for (int i = 0; i < 2; i++) {
        (void)commit_orders(&process);
    }
    next = next_of(&process);
    load_changed(entity_of(next, "zones"));
    entity_of(next, "zones")->load = make_load("zones", 2);
    publish(&process, next);
    (void)collect(&process);
    assert_int_equal(memory_store_counts(world->store).remove, removed);
    assert_true(stored(world, chunk));
    assert_int_equal(world_logged(world, "collection_skipped"), 1);
    /* No retained record names it any more: collection goes on. */
    for (int i = 0; i < 4; i++) {
        (void)commit_orders(&process);
        check_lake(world);
    }
    assert_false(stored(world, chunk));
    assert_false(stored(world, list));
    process_close(&process);
    world_free(world);
}

static void recover_when_any_call_fails_then_an_error_and_the_next_try_works(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 2);
    publish(&process, next);
    process_close(&process);
    for (uint64_t n = 1;; n++) {
        process = process_open(world);
        fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = n});
        struct lf_error err = {0};
        const bool done = committer_recover(process.committer, &err);
        const bool fired = fault_lake_fired(process.fault) > 0;
        assert_int_equal(done, !fired);
        assert_int_equal(committer_head(process.committer) != NULL, done);
        fault_lake_plan(process.fault, &(struct fault_plan){0});
        assert_true(committer_recover(process.committer, &err));
        assert_int_equal(committer_head(process.committer)->commit, 1);
        process_close(&process);
        if (!fired) {
            assert_true(n > 9);
            break;
        }
    }
    world_free(world);
}

static void head_is_current_when_somebody_commits_or_removes_it_then_no_longer(UNUSED void **state)
{
    struct world *world = world_new();
    struct process one = process_start(world);
    struct process two = process_start(world);
    struct lf_error err = {0};
    bool current = false;
    assert_true(committer_head_is_current(one.committer, &current, &err));
    assert_true(current);
    (void)commit_orders(&two);
    assert_true(committer_head_is_current(one.committer, &current, &err));
    assert_false(current);
    assert_true(committer_head_is_current(two.committer, &current, &err));
    assert_true(current);
    memory_store_remove(world->store, "model.json");
    assert_true(committer_head_is_current(two.committer, &current, &err));
    assert_false(current);
    refuse(two.lake, "stat", NULL, LF_TRANSIENT, 1);
    assert_false(committer_head_is_current(two.committer, &current, &err));
    process_close(&one);
    process_close(&two);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_when_any_call_fails_then_an_error_and_the_next_try_works),
        cmocka_unit_test(head_is_current_when_somebody_commits_or_removes_it_then_no_longer),
        cmocka_unit_test(recover_when_there_is_no_model_json_then_no_head),
        cmocka_unit_test(recover_when_model_json_is_not_ours_then_refused),
        cmocka_unit_test(recover_when_the_lake_is_out_of_reach_then_an_error_and_the_next_try_works),
        cmocka_unit_test(recover_when_done_then_the_next_commit_goes_on_from_the_head),
        cmocka_unit_test(rule_11_a_lost_load_list_comes_back_as_null_and_stops_collection_while_it_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
