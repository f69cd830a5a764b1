/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/purge.h"
#include "lake/path.h"
#include "world.h"

static bool has(const struct purge_plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static void commit_some(struct world *world)
{
    struct process process = process_start(world);
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    process_close(&process);
}

static void purge_when_the_lake_is_ours_then_everything_of_ours_goes_and_nothing_else(UNUSED void **state)
{
    static const char *const theirs[] = {"orders/Snapshot/notes.csv", "orders/readme.txt", "_lakefeed/own.txt",
                                         "x.csv"};
    struct world *world = world_new();
    commit_some(world);
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
        memory_store_put(world->store, theirs[i], "theirs", 6);
    }
    memory_store_put(world->store, LAKE_PATH_CONTROL, "{}", 2);
    CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
    CLEANUP(purge_plan_done) struct purge_plan plan = {0};
    struct lf_error err = {0};
    assert_true(purge_list(lake, &plan, &err));
    assert_string_equal(plan.paths[0], LAKE_PATH_MODEL);
    assert_true(has(&plan, LAKE_PATH_CONTROL));
    assert_int_equal(plan.foreign, ARRAY_LEN(theirs));
    assert_true(purge_remove(lake, &plan, &err));
    char **paths = NULL;
    size_t count = 0;
    memory_store_paths(world->store, &paths, &count);
    for (size_t i = 0; i < count; i++) {
        bool known = strcmp(paths[i], LAKE_PATH_OWNER) == 0;
        for (size_t j = 0; j < ARRAY_LEN(theirs); j++) {
            known = known || strcmp(paths[i], theirs[j]) == 0;
        }
        assert_true(known);
    }
    memory_paths_free(paths, count);
    lake_close(&lake);
    world_free(world);
}

static void purge_when_model_json_is_not_ours_then_nothing_is_listed(UNUSED void **state)
{
    struct world *world = world_new();
    commit_some(world);
    memory_store_put(world->store, LAKE_PATH_MODEL, "{\"name\":\"theirs\"}", 17);
    CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
    CLEANUP(purge_plan_done) struct purge_plan plan = {0};
    struct lf_error err = {0};
    assert_false(purge_list(lake, &plan, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_int_equal(plan.count, 0);
    lake_close(&lake);
    world_free(world);
}

static void purge_when_it_failed_half_way_then_the_next_one_takes_the_rest(UNUSED void **state)
{
    struct world *world = world_new();
    commit_some(world);
    memory_store_remove(world->store, LAKE_PATH_MODEL); /* it goes first */
    CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
    CLEANUP(purge_plan_done) struct purge_plan plan = {0};
    struct lf_error err = {0};
    assert_true(purge_list(lake, &plan, &err));
    assert_true(plan.count > 0);
    assert_true(purge_remove(lake, &plan, &err));
    purge_plan_done(&plan);
    assert_true(purge_list(lake, &plan, &err));
    assert_int_equal(plan.count, 0);
    lake_close(&lake);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purge_when_the_lake_is_ours_then_everything_of_ours_goes_and_nothing_else),
        cmocka_unit_test(purge_when_model_json_is_not_ours_then_nothing_is_listed),
        cmocka_unit_test(purge_when_it_failed_half_way_then_the_next_one_takes_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
