/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that list an entity's quarantine: written, named, read back, retained and collected as load lists are.
 */
#include "cdm/quarantine.h"
#include "data/bad_row.h"
#include "world.h"

/* An entity's quarantine of these keys, one character each; "" is none. */
static void list_keys(struct model_entity *entity, const char *keys)
{
    struct quarantine_list settled = {0};
    struct quarantine_list loading = {0};
    struct lf_error err = {0};
    for (; *keys != '\0'; keys++) {
        CLEANUP(buf_done) struct buf note = {0};
        bad_row_append(&note, &(struct bad_row){.kind = LF_DATA, .reason = slice_of_text("is wrong")});
        assert_true(quarantine_list_add(&settled, (struct lf_slice){keys, 1}, buf_slice(&note), 1, &err));
    }
    quarantine_free(&entity->quarantine);
    entity->quarantine = quarantine_new(&settled, &loading);
    text_free(&entity->quarantine_path);
    memset(entity->quarantine_sha256, 0, sizeof entity->quarantine_sha256);
    entity->quarantine_rows = 0;
}

static void commit_keys(const struct process *process, const char *keys)
{
    struct model *next = next_of(process);
    if (model_find(next, "orders") == NULL) {
        (void)add_entity(next, "orders", MODEL_COMPLETED);
    }
    put_partition(process, next, "orders", 0);
    list_keys(entity_of(next, "orders"), keys);
    publish(process, next);
    (void)collect(process);
}

static const struct model_entity *orders_of(const struct process *process)
{
    return entity_of(committer_head(process->committer), "orders");
}

static size_t count_files(const struct world *world)
{
    char **paths;
    size_t count, found = 0;
    memory_store_paths(world->store, &paths, &count);
    for (size_t i = 0; i < count; i++) {
        found += lake_path_kind(paths[i]) == LAKE_PATH_IS_QUARANTINE ? 1 : 0;
    }
    memory_paths_free(paths, count);
    return found;
}

static void quarantine_when_committed_then_read_back_by_the_next_process(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    commit_keys(&process, "abc");
    assert_int_equal(orders_of(&process)->quarantine_rows, 3);
    check_lake(world);
    process_close(&process);
    process = process_start(world);
    assert_non_null(orders_of(&process)->quarantine);
    assert_int_equal(orders_of(&process)->quarantine->settled.count, 3);
    process_close(&process);
    world_free(world);
}

static void rule_10_a_named_quarantine_file_stays_and_old_ones_go(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    commit_keys(&process, "a");
    CLEANUP(text_free) char *first = text_copy(orders_of(&process)->quarantine_path);
    for (int i = 0; i < 4; i++) { /* commits that change nothing of it */
        (void)commit_orders(&process);
        assert_string_equal(orders_of(&process)->quarantine_path, first);
        check_lake(world);
    }
    commit_keys(&process, "ab");
    assert_string_not_equal(orders_of(&process)->quarantine_path, first);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
        check_lake(world);
    }
    assert_false(stored(world, first));
    commit_keys(&process, "");
    assert_null(orders_of(&process)->quarantine_path);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
        check_lake(world);
    }
    assert_int_equal(count_files(world), 0);
    process_close(&process);
    world_free(world);
}

static void file_when_its_commit_never_stood_then_collected(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    struct model *next = next_of(&process);
    struct lf_error err = {0};
    put_partition(&process, next, "orders", 0);
    list_keys(entity_of(next, "orders"), "a");
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_CRASH, .fail_at = 1, .only_op = "put_if_match"});
    assert_false(try_publish(&process, next, false, &err));
    assert_int_equal(count_files(world), 1);
    process_close(&process);
    process = process_start(world);
    assert_null(orders_of(&process)->quarantine);
    (void)commit_orders(&process);
    assert_int_equal(count_files(world), 0);
    process_close(&process);
    world_free(world);
}

static void file_when_lost_then_null_and_its_path_is_kept(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    commit_keys(&process, "a");
    CLEANUP(text_free) char *path = text_copy(orders_of(&process)->quarantine_path);
    process_close(&process);
    memory_store_put(world->store, path, "damaged", 7);
    process = process_start(world);
    assert_null(orders_of(&process)->quarantine);
    assert_string_equal(orders_of(&process)->quarantine_path, path);
    process_close(&process);
    memory_store_remove(world->store, path);
    process = process_start(world);
    assert_null(orders_of(&process)->quarantine);
    assert_string_equal(orders_of(&process)->quarantine_path, path);
    process_close(&process);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quarantine_when_committed_then_read_back_by_the_next_process),
        cmocka_unit_test(rule_10_a_named_quarantine_file_stays_and_old_ones_go),
        cmocka_unit_test(file_when_its_commit_never_stood_then_collected),
        cmocka_unit_test(file_when_lost_then_null_and_its_path_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
