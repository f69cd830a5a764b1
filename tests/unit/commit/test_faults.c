/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted sequence of commits, repeated with one fault at lake call 1, 2, 3, … until it passes untouched. The step that
 * comes next follows from the cursor in the lake, as for a real link.
 */
#include "world.h"

#define STEPS 5

static void step_loading(const struct process *process, struct model *next)
{
    (void)add_entity(next, "orders", MODEL_COMPLETED);
    put_partition(process, next, "orders", 0);
    put_partition(process, next, "orders", 1);
    add_entity(next, "zones", MODEL_LOADING)->load = make_load("zones", 2);
}

static void step_chunks(const struct process *process, struct model *next)
{
    put_partition(process, next, "orders", 0);
    read_chunk(process, entity_of(next, "zones"), 0);
    read_chunk(process, entity_of(next, "zones"), 1);
}

static void step_finish(const struct process *process, struct model *next)
{
    finish_load(entity_of(next, "zones"));
    put_partition(process, next, "orders", 1);
}

static void step_change(const struct process *process, struct model *next)
{
    put_partition(process, next, "orders", 0);
    put_partition(process, next, "zones", 1);
}

static bool one_step(const struct process *process, struct lf_error *err)
{
    static void (*const steps[])(const struct process *, struct model *) = {step_loading, step_chunks, step_finish,
                                                                            NULL, step_change};
    struct model *next = next_of(process);
    const unsigned step = cursor_of(next);
    set_cursor(next, step + 1);
    if (steps[step] != NULL) {
        steps[step](process, next);
    }
    process->world->now_ms += MINUTE_MS;
    return try_publish(process, next, steps[step] == NULL, err);
}

/* The model that stands before and after a step is whole; a failure ends the process, the next one starts over. */
static bool run_process(const struct process *process, struct lf_error *err)
{
    TRY(committer_recover(process->committer, err));
    while (committer_head(process->committer) == NULL || cursor_of(committer_head(process->committer)) < STEPS) {
        const bool done = one_step(process, err);
        check_lake(process->world);
        TRY(done);
        (void)collect(process);
        check_lake(process->world);
    }
    return true;
}

static void crash(void *context)
{
    ((struct world *)context)->cancel = true;
}

/* Late writes of the dead process land at the worst time: after the new one has read the head. */
struct late {
    struct lake *fault;
    bool delivered;
};

static bool deliver(void *context, const char *op, const char *path)
{
    struct late *late = context;
    if (!late->delivered && strcmp(op, "put_if_match") == 0 && strcmp(path, "model.json") == 0) {
        bool applied;
        late->delivered = true;
        while (fault_lake_arrive(late->fault, &applied)) {
        }
    }
    return true;
}

static void finish(struct world *world, struct process *dead)
{
    struct late late = {.fault = dead->fault};
    for (int starts = 0; starts < 4; starts++) {
        struct process process = process_open(world);
        struct lf_error err = {0};
        fault_lake_plan(process.fault, &(struct fault_plan){.before_call = deliver, .context = &late});
        const bool done = run_process(&process, &err);
        process_close(&process);
        if (done) {
            return;
        }
        /* Only the late write of the dead process may stop it, once. */
        assert_int_equal(err.kind, LF_FENCED);
        assert_true(late.delivered);
    }
    fail_msg("the restart does not converge");
}

static void settle(struct world *world)
{
    struct process process = process_start(world);
    CLEANUP(model_free) struct model *before = model_copy(committer_head(process.committer));
    for (int i = 0; i < 3; i++) {
        (void)commit_orders(&process);
        check_lake(world);
    }
    assert_int_equal(committer_head(process.committer)->commit, before->commit + 3);
    /* One superseded commit is on its way out; everything else is named. */
    CLEANUP(history_free) struct history *history = stored_history(world, committer_head(process.committer));
    assert_int_equal(history->nrecords, 2);
    char **paths;
    size_t count;
    memory_store_paths(world->store, &paths, &count);
    /* model.json, two records, two histories, orders 0 twice, orders 1, zones 0 and 1. */
    assert_int_equal(count, 1 + 2 + 2 + 2 + 1 + 2);
    memory_paths_free(paths, count);
    process_close(&process);
}

/* False: the fault did not happen any more. */
static bool run_with_fault(const struct fault_plan *plan)
{
    struct world *world = world_new();
    struct process process = process_open(world);
    struct fault_plan own = *plan;
    own.crash = crash;
    own.context = world;
    fault_lake_plan(process.fault, &own);
    struct lf_error err = {0};
    const bool done = run_process(&process, &err);
    const bool fired = fault_lake_fired(process.fault) > 0;
    assert_true(done || fired);
    world->cancel = false;
    check_lake(world);
    if (!done) {
        finish(world, &process);
    }
    settle(world);
    process_close(&process);
    world_free(world);
    return fired;
}

static void commits_when_any_one_call_goes_wrong_then_whole_converged_and_without_leftovers(UNUSED void **state)
{
    static const struct fault_plan plans[] = {
        {.kind = FAULT_ERROR}, {.kind = FAULT_LOST},  {.kind = FAULT_PARTIAL},
        {.kind = FAULT_LATE},  {.kind = FAULT_CRASH}, {.kind = FAULT_CRASH, .crash_after = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct fault_plan plan = plans[i];
        for (plan.fail_at = 1; run_with_fault(&plan); plan.fail_at++) {
        }
        print_message("fault kind %d: %d calls\n", (int)plan.kind, (int)plan.fail_at - 1);
        assert_true(plan.fail_at > 25);
    }
}

/* A write of model.json whose answer never came, a process that was stopped in doubt, and the write lands during the
 * next process's commit. */
static void commits_when_a_write_lands_after_its_process_has_gone_then_whole_and_converged(UNUSED void **state)
{
    for (uint64_t n = 1; n <= STEPS; n++) {
        struct world *world = world_new();
        struct process process = process_start(world);
        struct lf_error err = {0};
        for (uint64_t i = 1; i < n; i++) {
            assert_true(one_step(&process, &err));
            (void)collect(&process);
        }
        world->cancel = true;
        fault_lake_plan(process.fault,
                        &(struct fault_plan){.kind = FAULT_LATE, .fail_at = 1, .only_op = "put_if_match"});
        assert_false(one_step(&process, &err));
        assert_int_equal(err.kind, LF_CANCELLED);
        assert_int_equal(fault_lake_late(process.fault), 1);
        world->cancel = false;
        finish(world, &process);
        assert_int_equal(fault_lake_late(process.fault), 0);
        settle(world);
        process_close(&process);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_when_any_one_call_goes_wrong_then_whole_converged_and_without_leftovers),
        cmocka_unit_test(commits_when_a_write_lands_after_its_process_has_gone_then_whole_and_converged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
