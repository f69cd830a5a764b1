/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void assert_same_text(const struct world *world, const char *left, const char *right)
{
    CLEANUP(buf_done) struct buf a = {0};
    CLEANUP(buf_done) struct buf b = {0};
    assert_true(memory_store_get(world->store, left, &a));
    assert_true(memory_store_get(world->store, right, &b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
}

static char *record_path(const struct model *model)
{
    struct buf path = {0};
    lake_path_commit(model->commit, model->commit_id, &path);
    return path.ptr;
}

static void publish_when_the_lake_is_empty_then_commit_1_with_record_and_history(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    assert_null(committer_head(process.committer));
    (void)commit_orders(&process);
    const struct model *head = committer_head(process.committer);
    assert_int_equal(head->commit, 1);
    assert_int_equal(strlen(head->commit_id), 32);
    assert_int_equal(head->previous_commit, 0);
    assert_null(head->previous_commit_id);
    assert_string_equal(head->writer, committer_writer(process.committer));
    assert_string_equal(head->version, "0.1.0");
    assert_int_equal(head->modified_ms, START_MS);
    const struct model_partition *partition = &head->entities[0].partitions[0];
    assert_int_equal(partition->since, 1);
    assert_int_equal(partition->refresh_time_ms, START_MS);
    assert_memory_equal(partition->location, "/memory/orders/", 15);
    CLEANUP(text_free) char *record = record_path(head);
    assert_same_text(world, "model.json", record);
    check_no_leftover(world);
    process_close(&process);
    world_free(world);
}

static void publish_when_a_partition_was_there_before_then_since_and_refresh_time_stay(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    put_partition(&process, next, "orders", 0);
    put_partition(&process, next, "orders", 1);
    publish(&process, next);
    world->now_ms += HOUR_MS;
    next = next_of(&process);
    put_partition(&process, next, "orders", 1);
    publish(&process, next);
    const struct model_partition *partitions = committer_head(process.committer)->entities[0].partitions;
    assert_int_equal(partitions[0].since, 1);
    assert_int_equal(partitions[0].refresh_time_ms, START_MS);
    assert_int_equal(partitions[1].since, 2);
    assert_int_equal(partitions[1].refresh_time_ms, START_MS + HOUR_MS);
    process_close(&process);
    world_free(world);
}

static void publish_when_the_location_was_of_another_place_then_it_is_made_anew(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    struct model *next = next_of(&process);
    text_free(&first_partition(next)->location);
    first_partition(next)->location = text_copy("/old/place");
    publish(&process, next);
    assert_memory_equal(committer_head(process.committer)->entities[0].partitions[0].location, "/memory/", 8);
    process_close(&process);
    world_free(world);
}

static void rule_1_another_commit_on_the_same_head_fences_and_is_never_overwritten(UNUSED void **state)
{
    struct world *world = world_new();
    struct process first = process_start(world);
    (void)commit_orders(&first);
    struct process second = process_start(world);
    (void)commit_orders(&second);
    CLEANUP(text_free) char *id = text_copy(committer_head(second.committer)->commit_id);
    struct model *next = next_of(&first);
    put_partition(&first, next, "orders", 0);
    struct lf_error err = {0};
    assert_false(try_publish(&first, next, false, &err));
    assert_int_equal(err.kind, LF_FENCED);
    CLEANUP(model_free) struct model *now = stored_model(world, "model.json");
    assert_string_equal(now->commit_id, id);
    check_lake(world);
    process_close(&first);
    process_close(&second);
    world_free(world);
}

static void rule_2_every_model_json_has_a_fresh_commit_id(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct names ids = {0};
    for (int i = 0; i < 20; i++) {
        struct lf_error err;
        if (i == 0 || i % 3 == 0) {
            (void)commit_orders(&process);
        } else {
            assert_true(try_publish(&process, next_of(&process), true, &err));
        }
        assert_false(names_has(&ids, committer_head(process.committer)->commit_id));
        names_add(&ids, committer_head(process.committer)->commit_id);
    }
    names_done(&ids);
    process_close(&process);
    world_free(world);
}

struct order {
    char seen[4096];
};

static bool note_write(void *context, const char *op, const char *path)
{
    static const char *const kinds[] = {[LAKE_PATH_IS_FOREIGN] = "model ",   [LAKE_PATH_IS_PARTITION] = "partition ",
                                        [LAKE_PATH_IS_COMMIT] = "record ",   [LAKE_PATH_IS_LOAD] = "load ",
                                        [LAKE_PATH_IS_HISTORY] = "history ", [LAKE_PATH_IS_QUARANTINE] = "quarantine ",
                                        [LAKE_PATH_IS_PUBLISH] = "publish "};
    struct order *order = context;
    if (strcmp(op, "put_if_absent") == 0 || strcmp(op, "put_if_match") == 0 || strcmp(op, "remove") == 0) {
        const size_t len = strlen(order->seen);
        (void)snprintf(order->seen + len, sizeof order->seen - len, "%s%s", op[0] == 'r' ? "-" : "",
                       kinds[lake_path_kind(path)]);
    }
    return true;
}

static void rule_3_load_lists_history_and_record_stand_before_model_json_and_removal_follows(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    struct order order = {0};
    fault_lake_plan(process.fault, &(struct fault_plan){.before_call = note_write, .context = &order});
    struct model *next = next_of(&process);
    put_partition(&process, next, "orders", 0);
    struct model_entity *entity = add_entity(next, "zones", MODEL_LOADING);
    entity->load = make_load("zones", 2);
    publish(&process, next);
    assert_string_equal(order.seen, "load history record model ");
    (void)collect(&process);
    assert_string_equal(order.seen, "load history record model -history -partition -record ");
    process_close(&process);
    world_free(world);
}

static void rule_5_a_cursor_only_commit_takes_the_next_number_and_leaves_record_and_history_alone(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    CLEANUP(model_free) struct model *with_record = model_copy(committer_head(process.committer));
    struct order order = {0};
    fault_lake_plan(process.fault, &(struct fault_plan){.before_call = note_write, .context = &order});
    for (unsigned i = 3; i <= 4; i++) {
        struct lf_error err;
        struct model *next = next_of(&process);
        set_cursor(next, i);
        assert_true(try_publish(&process, next, true, &err));
        assert_int_equal(collect(&process).files, 0);
        const struct model *head = committer_head(process.committer);
        assert_int_equal(head->commit, i);
        assert_int_equal(head->previous_commit, 2);
        assert_string_equal(head->previous_commit_id, with_record->commit_id);
        assert_string_equal(head->history_path, with_record->history_path);
        assert_string_equal(head->history_sha256, with_record->history_sha256);
        CLEANUP(text_free) char *record = record_path(head);
        assert_false(stored(world, record));
    }
    assert_string_equal(order.seen, "model model ");
    process_close(&process);
    world_free(world);
}

static void rule_5_previous_commit_names_the_last_one_with_a_record(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    (void)commit_orders(&process);
    CLEANUP(text_free) char *second = text_copy(committer_head(process.committer)->commit_id);
    struct lf_error err;
    assert_true(try_publish(&process, next_of(&process), true, &err));
    assert_true(try_publish(&process, next_of(&process), true, &err));
    (void)commit_orders(&process);
    const struct model *head = committer_head(process.committer);
    assert_int_equal(head->commit, 5);
    assert_int_equal(head->previous_commit, 2);
    assert_string_equal(head->previous_commit_id, second);
    CLEANUP(text_free) char *fifth = text_copy(head->commit_id);
    (void)commit_orders(&process);
    head = committer_head(process.committer);
    assert_int_equal(head->previous_commit, 5);
    assert_string_equal(head->previous_commit_id, fifth);
    /* A restart on a cursor-only head knows the same. */
    assert_true(try_publish(&process, next_of(&process), true, &err));
    process_close(&process);
    process = process_start(world);
    (void)commit_orders(&process);
    assert_int_equal(committer_head(process.committer)->commit, 8);
    assert_int_equal(committer_head(process.committer)->previous_commit, 6);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_5_superseded_files_stand_in_the_history_with_their_span(UNUSED void **state)
{
    struct world *world = world_new();
    world->keep = 10;
    struct process process = process_start(world);
    (void)commit_orders(&process);
    CLEANUP(text_free) char *path = orders_path(&process);
    CLEANUP(text_free) char *first_history = text_copy(committer_head(process.committer)->history_path);
    struct lf_error err;
    assert_true(try_publish(&process, next_of(&process), true, &err));
    world->now_ms += HOUR_MS;
    (void)commit_orders(&process);
    CLEANUP(history_free) struct history *history = stored_history(world, committer_head(process.committer));
    assert_int_equal(history->nrecords, 2);
    assert_int_equal(history->records[0].commit, 1);
    assert_int_equal(history->records[0].replaced_ms, START_MS + HOUR_MS);
    assert_int_equal(history->records[1].commit, 3);
    assert_int_equal(history->records[1].replaced_ms, 0);
    assert_int_equal(history->nfiles, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct history_file *file = &history->files[i];
        assert_true(strcmp(file->path, path) == 0 || strcmp(file->path, first_history) == 0);
        assert_int_equal(file->since, 1);
        assert_int_equal(file->until, 2);
        assert_int_equal(file->replaced_ms, START_MS + HOUR_MS);
    }
    process_close(&process);
    world_free(world);
}

static void load_list_when_it_did_not_change_then_it_is_not_written_again(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 2);
    publish(&process, next);
    CLEANUP(text_free) char *path = text_copy(committer_head(process.committer)->entities[1].load_path);
    (void)commit_orders(&process);
    assert_string_equal(committer_head(process.committer)->entities[1].load_path, path);
    next = next_of(&process);
    read_chunk(&process, entity_of(next, "zones"), 0);
    publish(&process, next);
    const struct model_entity *zones = &committer_head(process.committer)->entities[1];
    assert_string_not_equal(zones->load_path, path);
    assert_int_equal(zones->load->chunks[0].partitions[0].since, 3);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void
publish_when_a_step_before_model_json_fails_then_the_old_commit_stands_and_the_next_one_works(UNUSED void **state)
{
    static const struct {
        const char *op, *part;
        enum lf_error_kind kind;
    } cases[] = {
        {"now_ms", NULL, LF_TRANSIENT},          {"url", NULL, LF_CONFIG},
        {"put_if_absent", "history", LF_AUTH},   {"put_if_absent", "loads", LF_LIMIT},
        {"put_if_absent", "commits", LF_CONFIG}, {"put_if_absent", "commits", LF_TRANSIENT},
        {"put_if_match", NULL, LF_AUTH},         {"put_if_match", NULL, LF_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();
        struct process process = process_start(world);
        (void)commit_orders(&process);
        refuse(process.lake, cases[i].op, cases[i].part, cases[i].kind, 100);
        struct model *next = next_of(&process);
        put_partition(&process, next, "orders", 0);
        add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 1);
        CLEANUP(text_free) char *path = text_copy(first_partition(next)->path);
        struct lf_error err = {0};
        assert_false(try_publish(&process, next, false, &err));
        assert_int_equal(err.kind, cases[i].kind);
        assert_true(process.lake->refused > 0);
        assert_int_equal(committer_head(process.committer)->commit, 1);
        assert_int_equal(collect(&process).files, 0);
        committer_forget(process.committer, path);
        refuse(process.lake, NULL, NULL, LF_NONE, 0);
        for (int j = 0; j < 3; j++) {
            (void)commit_orders(&process);
            check_lake(world);
        }
        assert_int_equal(committer_head(process.committer)->commit, 4);
        assert_false(stored(world, path));
        process_close(&process);
        world_free(world);
    }
}

static void publish_when_the_scratch_folder_is_gone_then_an_error_and_nothing_committed(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    CLEANUP(text_free) char *folder = text_copy(world->scratch);
    temp_folder_remove(&world->scratch);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next_of(&process), false, &err));
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_non_null(strstr(err.msg, folder));
    assert_int_equal(committer_head(process.committer)->commit, 1);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void publish_when_the_model_breaks_its_own_rules_then_refused_before_anything_is_replaced(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct model *next = next_of(&process);
    text_free(&next->lake_id);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next, false, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    assert_false(stored(world, "model.json"));
    process_close(&process);
    world_free(world);
}

static void side_file_when_its_answer_is_lost_then_read_back_and_taken_as_written(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    for (uint64_t n = 1; n <= 2; n++) {
        fault_lake_plan(process.fault,
                        &(struct fault_plan){.kind = FAULT_LOST, .fail_at = n, .only_op = "put_if_absent"});
        (void)commit_orders(&process);
        assert_int_equal(fault_lake_fired(process.fault), 1);
        assert_int_equal(committer_head(process.committer)->commit, n);
        check_lake(world);
    }
    assert_int_equal(world->slept_ms, 0);
    process_close(&process);
    world_free(world);
}

static void side_file_when_the_lake_is_busy_for_a_while_then_repeated(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    refuse(process.lake, "put_if_absent", "history", LF_THROTTLED, 3);
    (void)commit_orders(&process);
    assert_int_equal(process.lake->refused, 3);
    assert_int_equal(world->slept_ms, 100 + 200 + 400);
    check_no_leftover(world);
    process_close(&process);
    world_free(world);
}

static void side_file_when_stopped_while_waiting_then_cancelled(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    refuse(process.lake, "put_if_absent", NULL, LF_THROTTLED, 3);
    world->cancel = true;
    struct lf_error err = {0};
    assert_false(try_publish(&process, empty_model(), false, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_false(stored(world, "model.json"));
    process_close(&process);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_when_the_lake_is_empty_then_commit_1_with_record_and_history),
        cmocka_unit_test(publish_when_a_partition_was_there_before_then_since_and_refresh_time_stay),
        cmocka_unit_test(publish_when_the_location_was_of_another_place_then_it_is_made_anew),
        cmocka_unit_test(rule_1_another_commit_on_the_same_head_fences_and_is_never_overwritten),
        cmocka_unit_test(rule_2_every_model_json_has_a_fresh_commit_id),
        cmocka_unit_test(rule_3_load_lists_history_and_record_stand_before_model_json_and_removal_follows),
        cmocka_unit_test(rule_5_a_cursor_only_commit_takes_the_next_number_and_leaves_record_and_history_alone),
        cmocka_unit_test(rule_5_previous_commit_names_the_last_one_with_a_record),
        cmocka_unit_test(rule_5_superseded_files_stand_in_the_history_with_their_span),
        cmocka_unit_test(load_list_when_it_did_not_change_then_it_is_not_written_again),
        cmocka_unit_test(publish_when_a_step_before_model_json_fails_then_the_old_commit_stands_and_the_next_one_works),
        cmocka_unit_test(publish_when_the_scratch_folder_is_gone_then_an_error_and_nothing_committed),
        cmocka_unit_test(publish_when_the_model_breaks_its_own_rules_then_refused_before_anything_is_replaced),
        cmocka_unit_test(side_file_when_its_answer_is_lost_then_read_back_and_taken_as_written),
        cmocka_unit_test(side_file_when_the_lake_is_busy_for_a_while_then_repeated),
        cmocka_unit_test(side_file_when_stopped_while_waiting_then_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
