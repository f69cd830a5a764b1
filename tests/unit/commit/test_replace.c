/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* Runs another process's commit in front of the first put_if_match of model.json. */
struct intruder {
    struct process *process;
    bool cursor_only;
    bool done;
};

static bool intrude(void *context, const char *op, const char *path)
{
    struct intruder *intruder = context;
    if (!intruder->done && strcmp(op, "put_if_match") == 0 && strcmp(path, "model.json") == 0) {
        intruder->done = true;
        struct lf_error err;
        if (intruder->cursor_only) {
            assert_true(try_publish(intruder->process, next_of(intruder->process), true, &err));
        } else {
            (void)commit_orders(intruder->process);
        }
    }
    return true;
}

static void rule_1_two_committers_race_and_exactly_one_wins(UNUSED void **state)
{
    for (int empty = 0; empty < 2; empty++) {
        for (int cursor_only = 0; cursor_only < 2; cursor_only++) {
            struct world *world = world_new();
            struct process loser = process_start(world);
            if (empty == 0) {
                (void)commit_orders(&loser);
            }
            struct process winner = process_start(world);
            struct intruder intruder = {.process = &winner, .cursor_only = cursor_only == 1 && empty == 0};
            fault_lake_plan(loser.fault, &(struct fault_plan){.before_call = intrude, .context = &intruder});
            struct model *next = next_of(&loser);
            if (empty == 1) {
                (void)add_entity(next, "orders", MODEL_COMPLETED);
            }
            put_partition(&loser, next, "orders", 0);
            struct lf_error err = {0};
            assert_false(try_publish(&loser, next, false, &err));
            assert_true(intruder.done);
            assert_int_equal(err.kind, LF_FENCED);
            CLEANUP(model_free) struct model *now = stored_model(world, "model.json");
            assert_string_equal(now->writer, committer_writer(winner.committer));
            check_lake(world);
            process_close(&loser);
            process_close(&winner);
            world_free(world);
        }
    }
}

static void rule_12_a_fenced_writer_removes_nothing_and_stays_fenced(UNUSED void **state)
{
    struct world *world = world_new();
    struct process loser = process_start(world);
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&loser);
    }
    struct process winner = process_start(world);
    (void)commit_orders(&winner);
    const uint64_t removed = memory_store_counts(world->store).remove;
    struct model *next = next_of(&loser);
    put_partition(&loser, next, "orders", 0);
    CLEANUP(text_free) char *path = text_copy(first_partition(next)->path);
    struct lf_error err = {0};
    for (int i = 0; i < 2; i++) {
        assert_false(try_publish(&loser, i == 0 ? next : next_of(&loser), i == 1, &err));
        assert_int_equal(err.kind, LF_FENCED);
        assert_int_equal(collect(&loser).files, 0);
    }
    assert_int_equal(memory_store_counts(world->store).remove, removed);
    assert_true(stored(world, path));
    process_close(&loser);
    /* What the loser has left goes with whoever commits next after a listing. */
    committer_forget(winner.committer, "nothing");
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&winner);
    }
    check_lake(world);
    assert_false(stored(world, path));
    process_close(&winner);
    world_free(world);
}

static void rule_4_a_lost_answer_is_read_back_and_is_a_success(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    struct process process = process_start(world);
    for (int i = 1; i <= 3; i++) {
        fault_lake_plan(process.fault,
                        &(struct fault_plan){.kind = FAULT_LOST, .fail_at = 1, .only_op = "put_if_match"});
        (void)commit_orders(&process);
        assert_int_equal(fault_lake_fired(process.fault), 1);
        assert_int_equal(memory_store_counts(world->store).put_if_match, i);
        assert_int_equal(committer_head(process.committer)->commit, i);
        check_lake(world);
    }
    process_close(&process);
    world_free(world);
}

static void rule_4_an_unknown_outcome_is_answered_by_the_identical_write_until_it_is_known(UNUSED void **state)
{
    struct world *world = world_new();
    world_log(world);
    struct process process = process_start(world);
    (void)commit_orders(&process);
    refuse(process.lake, "put_if_match", NULL, LF_TRANSIENT, 9);
    struct model *next = next_of(&process);
    put_partition(&process, next, "orders", 0);
    publish(&process, next);
    assert_int_equal(process.lake->refused, 9);
    assert_int_equal(committer_head(process.committer)->commit, 2);
    assert_int_equal(world->slept_ms, 100 + 200 + 400 + 800 + 1600 + 3200 + 6400 + 10000 + 10000);
    assert_int_equal(world_logged(world, "commit_in_doubt"), 1);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_4_a_late_first_write_is_recognised_as_ours(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_LATE, .fail_at = 1, .only_op = "put_if_match"});
    struct model *next = next_of(&process);
    put_partition(&process, next, "orders", 0);
    publish(&process, next);
    CLEANUP(text_free) char *id = text_copy(committer_head(process.committer)->commit_id);
    bool applied = true;
    assert_true(fault_lake_arrive(process.fault, &applied));
    assert_false(applied);
    CLEANUP(model_free) struct model *now = stored_model(world, "model.json");
    assert_string_equal(now->commit_id, id);
    (void)commit_orders(&process);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

/* The late write lands in front of the second try, which therefore meets a conflict with our own commit. */
static bool deliver_late(void *context, const char *op, UNUSED const char *path)
{
    struct process *process = context;
    bool applied = false;
    if (strcmp(op, "put_if_match") == 0 && fault_lake_late(process->fault) > 0) {
        assert_true(fault_lake_arrive(process->fault, &applied));
        assert_true(applied);
    }
    return true;
}

static void rule_4_a_conflict_with_our_own_commit_is_a_success_with_its_etag(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_LATE,
                                                        .fail_at = 1,
                                                        .only_op = "put_if_match",
                                                        .before_call = deliver_late,
                                                        .context = &process});
    (void)commit_orders(&process);
    assert_int_equal(memory_store_counts(world->store).put_if_match, 1 + 2);
    assert_int_equal(committer_head(process.committer)->commit, 2);
    (void)commit_orders(&process);
    assert_int_equal(committer_head(process.committer)->commit, 3);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_4_when_stopped_in_doubt_then_cancelled_and_nothing_is_built_on_that_head(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    world->cancel = true;
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_LATE, .fail_at = 1, .only_op = "put_if_match"});
    struct model *next = next_of(&process);
    put_partition(&process, next, "orders", 0);
    CLEANUP(text_free) char *path = text_copy(first_partition(next)->path);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next, false, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    world->cancel = false;
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    /* The same process goes on, and only then the old write lands: it is ours, not a fence. */
    assert_true(committer_recover(process.committer, &err));
    assert_int_equal(committer_head(process.committer)->commit, 1);
    next = next_of(&process);
    put_partition(&process, next, "orders", 0);
    bool applied = false;
    assert_true(fault_lake_arrive(process.fault, &applied));
    assert_true(applied);
    assert_false(try_publish(&process, next, false, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(committer_recover(process.committer, &err));
    assert_int_equal(committer_head(process.committer)->commit, 2);
    assert_string_equal(committer_head(process.committer)->entities[0].partitions[0].path, path);
    (void)commit_orders(&process);
    check_lake(world);
    process_close(&process);
    world_free(world);
}

static void rule_4_when_the_lake_is_stopped_then_cancelled_at_once(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    refuse(process.lake, "put_if_match", NULL, LF_CANCELLED, 1);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_int_equal(world->slept_ms, 0);
    process_close(&process);
    world_free(world);
}

static void read_back_when_it_fails_too_then_repeated(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_LOST, .fail_at = 1, .only_op = "put_if_match"});
    refuse(process.lake, "stat", "model.json", LF_AUTH, 3);
    (void)commit_orders(&process);
    assert_int_equal(process.lake->refused, 3);
    assert_int_equal(committer_head(process.committer)->commit, 2);
    process_close(&process);
    world_free(world);
}

static void refused_when_nothing_is_in_doubt_then_an_error_but_in_doubt_repeated(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    refuse(process.lake, "put_if_match", NULL, LF_AUTH, 2);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_AUTH);
    fault_lake_plan(process.fault, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "put_if_match"});
    refuse(process.lake, NULL, NULL, LF_NONE, 0);
    assert_true(try_publish(&process, next_of(&process), true, &err));
    process_close(&process);
    world_free(world);
}

/* A lake that ignores conditions has written all the same. Who goes on must not take its own commit for another writer's. */
static void unsupported_when_the_lake_has_written_then_nothing_is_built_on_the_old_head(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    struct lf_error err = {0};
    process.lake->refuses_afterwards = true;
    refuse(process.lake, "put_if_match", NULL, LF_UNSUPPORTED, 1);
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_UNSUPPORTED);
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(committer_recover(process.committer, &err));
    assert_int_equal(committer_head(process.committer)->commit, 2);
    process_close(&process);
    world_free(world);
}

/* Who has lost the lock to another writes nothing more, and waits for nothing either. */
static void refused_when_another_has_the_lock_then_fenced_at_once(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    struct lf_error err = {0};
    refuse(process.lake, "put_if_match", NULL, LF_FENCED, 3);
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_FENCED);
    assert_non_null(strstr(err.msg, "refused by the test"));
    assert_int_equal(process.lake->refused, 1);
    refuse(process.lake, NULL, NULL, LF_NONE, 0);
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_FENCED);
    process_close(&process);
    world_free(world);
}

static void conflict_when_the_same_bytes_were_written_back_by_hand_then_fenced_and_says_so(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    CLEANUP(buf_done) struct buf text = {0};
    assert_true(memory_store_get(world->store, "model.json", &text));
    memory_store_put(world->store, "model.json", text.ptr, text.len);
    struct lf_error err = {0};
    assert_false(try_publish(&process, next_of(&process), true, &err));
    assert_int_equal(err.kind, LF_FENCED);
    assert_non_null(strstr(err.msg, "by hand"));
    process_close(&process);
    world_free(world);
}

static void conflict_when_nothing_has_changed_then_sent_again(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    refuse(process.lake, "put_if_match", NULL, LF_CONFLICT, 1);
    (void)commit_orders(&process);
    refuse(process.lake, "put_if_match", NULL, LF_CONFLICT, 1);
    (void)commit_orders(&process);
    assert_int_equal(committer_head(process.committer)->commit, 2);
    process_close(&process);
    world_free(world);
}

static void model_json_when_removed_or_replaced_by_something_else_then_fenced(UNUSED void **state)
{
    static const char *const texts[] = {NULL, "{\"name\":\"not ours\"}", "no json"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct world *world = world_new();
        struct process process = process_start(world);
        (void)commit_orders(&process);
        if (texts[i] == NULL) {
            memory_store_remove(world->store, "model.json");
        } else {
            memory_store_put(world->store, "model.json", texts[i], strlen(texts[i]));
        }
        struct lf_error err = {0};
        assert_false(try_publish(&process, next_of(&process), true, &err));
        assert_int_equal(err.kind, LF_FENCED);
        process_close(&process);
        world_free(world);
    }
}

/* Each stat of model.json sees a newer commit of another process. */
static bool keep_changing(void *context, const char *op, const char *path)
{
    struct process *other = context;
    if (strcmp(op, "stat") == 0 && strcmp(path, "model.json") == 0) {
        struct lf_error err;
        assert_true(try_publish(other, next_of(other), true, &err));
    }
    return true;
}

static void model_json_when_it_never_rests_then_recover_gives_up_for_now(UNUSED void **state)
{
    struct world *world = world_new();
    struct process other = process_start(world);
    (void)commit_orders(&other);
    struct process process = process_open(world);
    fault_lake_plan(process.fault, &(struct fault_plan){.before_call = keep_changing, .context = &other});
    struct lf_error err = {0};
    assert_false(committer_recover(process.committer, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_null(committer_head(process.committer));
    fault_lake_plan(process.fault, &(struct fault_plan){0});
    assert_true(committer_recover(process.committer, &err));
    process_close(&process);
    process_close(&other);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_1_two_committers_race_and_exactly_one_wins),
        cmocka_unit_test(rule_12_a_fenced_writer_removes_nothing_and_stays_fenced),
        cmocka_unit_test(rule_4_a_lost_answer_is_read_back_and_is_a_success),
        cmocka_unit_test(rule_4_an_unknown_outcome_is_answered_by_the_identical_write_until_it_is_known),
        cmocka_unit_test(rule_4_a_late_first_write_is_recognised_as_ours),
        cmocka_unit_test(rule_4_a_conflict_with_our_own_commit_is_a_success_with_its_etag),
        cmocka_unit_test(rule_4_when_stopped_in_doubt_then_cancelled_and_nothing_is_built_on_that_head),
        cmocka_unit_test(rule_4_when_the_lake_is_stopped_then_cancelled_at_once),
        cmocka_unit_test(read_back_when_it_fails_too_then_repeated),
        cmocka_unit_test(unsupported_when_the_lake_has_written_then_nothing_is_built_on_the_old_head),
        cmocka_unit_test(refused_when_another_has_the_lock_then_fenced_at_once),
        cmocka_unit_test(refused_when_nothing_is_in_doubt_then_an_error_but_in_doubt_repeated),
        cmocka_unit_test(conflict_when_the_same_bytes_were_written_back_by_hand_then_fenced_and_says_so),
        cmocka_unit_test(conflict_when_nothing_has_changed_then_sent_again),
        cmocka_unit_test(model_json_when_removed_or_replaced_by_something_else_then_fenced),
        cmocka_unit_test(model_json_when_it_never_rests_then_recover_gives_up_for_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
