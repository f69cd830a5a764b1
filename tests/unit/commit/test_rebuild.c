/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static char *history_path(const struct process *process)
{
    return text_copy(committer_head(process->committer)->history_path);
}

static void commit_many(struct process *process, int count)
{
    for (int i = 0; i < count; i++) {
        process->world->now_ms += MINUTE_MS;
        (void)commit_orders(process);
    }
}

static void assert_same_history(const struct history *left, const struct history *right)
{
    assert_int_equal(left->nrecords, right->nrecords);
    for (size_t i = 0; i < left->nrecords; i++) {
        assert_int_equal(left->records[i].commit, right->records[i].commit);
        assert_string_equal(left->records[i].commit_id, right->records[i].commit_id);
        assert_int_equal(left->records[i].replaced_ms, right->records[i].replaced_ms);
    }
    assert_int_equal(left->nfiles, right->nfiles);
    for (size_t i = 0; i < left->nfiles; i++) {
        assert_string_equal(left->files[i].path, right->files[i].path);
        assert_int_equal(left->files[i].since, right->files[i].since);
        assert_int_equal(left->files[i].until, right->files[i].until);
        assert_int_equal(left->files[i].replaced_ms, right->files[i].replaced_ms);
    }
}

static void history_when_lost_and_all_records_stand_then_the_next_one_is_as_if_it_had_not_been(UNUSED void **state)
{
    struct history *found[2];
    for (int lose = 0; lose < 2; lose++) {
        struct world *world = world_new();
        world->keep = 100;
        struct process process = process_start(world);
        commit_many(&process, 6);
        char **paths;
        size_t count;
        memory_store_paths(world->store, &paths, &count);
        for (size_t i = 0; lose == 1 && i < count; i++) {
            if (lake_path_kind(paths[i]) == LAKE_PATH_IS_HISTORY) {
                memory_store_put(world->store, paths[i], "bad", 3);
            }
        }
        memory_paths_free(paths, count);
        process_close(&process);
        process = process_start(world);
        random_seeded_init(&world->seeded, 99);
        commit_many(&process, 1);
        found[lose] = stored_history(world, committer_head(process.committer));
        process_close(&process);
        world_free(world);
    }
    assert_same_history(found[0], found[1]);
    history_free(&found[0]);
    history_free(&found[1]);
}

static void history_when_lost_under_retention_then_rebuilt_from_the_one_before(UNUSED void **state)
{
    for (int cursor_only = 0; cursor_only < 2; cursor_only++) {
        for (size_t how = 0; how < 3; how++) {
            struct world *world = world_new();
            world_log(world);
            world->keep = 3;
            struct process process = process_start(world);
            commit_many(&process, 10);
            struct lf_error err;
            for (int i = 0; i < cursor_only * 2; i++) {
                assert_true(try_publish(&process, next_of(&process), true, &err));
            }
            CLEANUP(text_free) char *path = history_path(&process);
            if (how == 0) {
                memory_store_remove(world->store, path);
            } else {
                memory_store_put(world->store, path, "{}", how);
            }
            process_close(&process);
            process = process_start(world);
            assert_int_equal(world_logged(world, "collection_skipped"), 0);
            commit_many(&process, 5);
            check_lake(world);
            char **paths;
            size_t count;
            memory_store_paths(world->store, &paths, &count);
            assert_int_equal(count, 4 * 3 + 1);
            memory_paths_free(paths, count);
            process_close(&process);
            world_free(world);
        }
    }
}

static void rule_11_nothing_is_collected_when_a_record_of_the_chain_is_lost_too(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    world->keep = 3;
    struct process process = process_start(world);
    commit_many(&process, 5);
    CLEANUP(text_free) char *path = history_path(&process);
    CLEANUP(buf_done) struct buf record = {0};
    lake_path_commit(committer_head(process.committer)->previous_commit,
                     committer_head(process.committer)->previous_commit_id, &record);
    CLEANUP(buf_done) struct buf text = {0};
    assert_true(memory_store_get(world->store, buf_text(&record), &text));
    process_close(&process);
    memory_store_remove(world->store, path);
    memory_store_remove(world->store, buf_text(&record));
    const uint64_t removed = memory_store_counts(world->store).remove;
    for (int i = 0; i < 3; i++) {
        process = process_start(world);
        assert_int_equal(world_logged(world, "collection_skipped"), i + 1);
        commit_many(&process, 2);
        assert_int_equal(memory_store_counts(world->store).remove, removed);
        assert_null(committer_head(process.committer)->history_path);
        assert_int_equal(committer_head(process.committer)->previous_commit,
                         committer_head(process.committer)->commit - 1);
        check_lake(world);
        process_close(&process);
    }
    /* The record was restored: the next start finds the whole chain. */
    memory_store_put(world->store, buf_text(&record), text.ptr, text.len);
    process = process_start(world);
    commit_many(&process, 6);
    assert_int_equal(world_logged(world, "collection_skipped"), 3);
    assert_true(memory_store_counts(world->store).remove > removed);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_11_nothing_is_collected_when_a_load_list_of_the_chain_is_lost(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    world->keep = 3;
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 1);
    publish(&process, next);
    CLEANUP(text_free) char *list = text_copy(committer_head(process.committer)->entities[1].load_path);
    next = next_of(&process);
    read_chunk(&process, entity_of(next, "zones"), 0);
    publish(&process, next);
    CLEANUP(text_free) char *second = history_path(&process);
    commit_many(&process, 1);
    CLEANUP(text_free) char *third = history_path(&process);
    process_close(&process);
    memory_store_remove(world->store, third);
    memory_store_remove(world->store, second);
    memory_store_remove(world->store, list);
    process = process_start(world);
    assert_int_equal(world_logged(world, "collection_skipped"), 1);
    process_close(&process);
    world_free(world);
}

static void rule_11_nothing_is_collected_when_a_retained_record_is_missing(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    world->keep = 4;
    struct process process = process_start(world);
    commit_many(&process, 1);
    CLEANUP(buf_done) struct buf first = {0};
    lake_path_commit(1, committer_head(process.committer)->commit_id, &first);
    commit_many(&process, 2);
    CLEANUP(text_free) char *path = history_path(&process);
    process_close(&process);
    memory_store_remove(world->store, path);
    memory_store_remove(world->store, buf_text(&first));
    process = process_start(world);
    assert_int_equal(world_logged(world, "collection_skipped"), 1);
    process_close(&process);
    world_free(world);
}

static void record_when_it_holds_another_commit_then_it_is_not_believed(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    struct process process = process_start(world);
    commit_many(&process, 1);
    CLEANUP(buf_done) struct buf first = {0};
    CLEANUP(buf_done) struct buf second = {0};
    CLEANUP(buf_done) struct buf text = {0};
    lake_path_commit(1, committer_head(process.committer)->commit_id, &first);
    commit_many(&process, 1);
    lake_path_commit(2, committer_head(process.committer)->commit_id, &second);
    CLEANUP(text_free) char *path = history_path(&process);
    process_close(&process);
    assert_true(memory_store_get(world->store, buf_text(&first), &text));
    memory_store_put(world->store, buf_text(&second), text.ptr, text.len);
    memory_store_remove(world->store, path);
    process = process_start(world);
    assert_int_equal(world_logged(world, "holds another commit"), 1);
    process_close(&process);
    world_free(world);
}

static void history_when_out_of_reach_while_rebuilding_then_recover_fails_for_now(UNUSED void **state)
{
    static const char *const parts[] = {"commits", "history/0000000002"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct world *world = world_new();
        world->keep = 5;
        struct process process = process_start(world);
        commit_many(&process, 3);
        CLEANUP(text_free) char *path = history_path(&process);
        process_close(&process);
        memory_store_remove(world->store, path);
        process = process_open(world);
        refuse(process.lake, "read_range", parts[i], LF_TRANSIENT, 1);
        struct lf_error err = {0};
        assert_false(committer_recover(process.committer, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_true(committer_recover(process.committer, &err));
        process_close(&process);
        world_free(world);
    }
}

static void cursor_only_when_the_only_record_is_lost_then_nothing_is_collected(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    struct process process = process_start(world);
    commit_many(&process, 1);
    CLEANUP(buf_done) struct buf record = {0};
    lake_path_commit(1, committer_head(process.committer)->commit_id, &record);
    CLEANUP(text_free) char *path = history_path(&process);
    process_close(&process);
    memory_store_remove(world->store, path);
    memory_store_remove(world->store, buf_text(&record));
    process = process_start(world);
    assert_int_equal(world_logged(world, "collection_skipped"), 1);
    struct lf_error err;
    assert_true(try_publish(&process, next_of(&process), true, &err));
    assert_string_equal(committer_head(process.committer)->history_path, path);
    commit_many(&process, 1);
    assert_null(committer_head(process.committer)->history_path);
    process_close(&process);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_when_lost_and_all_records_stand_then_the_next_one_is_as_if_it_had_not_been),
        cmocka_unit_test(history_when_lost_under_retention_then_rebuilt_from_the_one_before),
        cmocka_unit_test(rule_11_nothing_is_collected_when_a_record_of_the_chain_is_lost_too),
        cmocka_unit_test(rule_11_nothing_is_collected_when_a_load_list_of_the_chain_is_lost),
        cmocka_unit_test(rule_11_nothing_is_collected_when_a_retained_record_is_missing),
        cmocka_unit_test(record_when_it_holds_another_commit_then_it_is_not_believed),
        cmocka_unit_test(history_when_out_of_reach_while_rebuilding_then_recover_fails_for_now),
        cmocka_unit_test(cursor_only_when_the_only_record_is_lost_then_nothing_is_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
