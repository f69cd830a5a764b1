/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include "base/macros.h"
#include "base/random.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define ALL (24 * MIB) /* stock 8 MiB; work 7 MiB, of which 1 MiB is the merges' own */

static struct budget *new_budget(size_t workers, int64_t patience_ms)
{
    return budget_new(&(struct budget_options){.bytes = ALL, .workers = workers, .patience_ms = patience_ms});
}

static struct budget_grant take(struct budget *budget, enum budget_work work, size_t least, size_t wanted)
{
    struct budget_grant grant = {0};
    struct lf_error err;
    assert_true(
        budget_take_work(budget, &(struct budget_wish){.work = work, .least = least, .wanted = wanted}, &grant, &err));
    return grant;
}

static bool try_some(struct budget *budget, enum budget_work work, size_t least, struct budget_grant *ret_grant)
{
    return budget_try_work(budget, &(struct budget_wish){.work = work, .least = least, .wanted = least}, ret_grant);
}

/* ---- a step on a thread of its own ---- */

struct step {
    struct budget *budget;
    enum budget_work work;
    size_t least, wanted;
    atomic_bool cancel, hold, granted, ended;
    atomic_uint *turns; /* who came when, from 1 */
    unsigned turn;
    size_t bytes;
    pthread_t thread;
    enum lf_error_kind kind;
};

static bool is_cancelled(void *context)
{
    return atomic_load(&((struct step *)context)->cancel);
}

static void *run_step(void *context)
{
    struct step *step = context;
    struct lf_error err = {0};
    CLEANUP(budget_give_back) struct budget_grant grant = {0};
    const struct budget_wish wish = {
        .work = step->work, .least = step->least, .wanted = step->wanted, .cancelled = is_cancelled, .context = step};
    if (budget_take_work(step->budget, &wish, &grant, &err)) {
        step->bytes = grant.bytes;
        step->turn = step->turns != NULL ? atomic_fetch_add(step->turns, 1) + 1 : 0;
        atomic_store(&step->granted, true);
        while (atomic_load(&step->hold)) {
            (void)sched_yield();
        }
    }
    step->kind = err.kind;
    atomic_store(&step->ended, true);
    return NULL;
}

static size_t waiting(struct budget *budget)
{
    return budget_look(budget).waiting;
}

static void start(struct step *step)
{
    assert_int_equal(pthread_create(&step->thread, NULL, run_step, step), 0);
}

/* Comes back when the step waits. */
static void start_waiting(struct step *step)
{
    size_t before = waiting(step->budget);
    start(step);
    while (waiting(step->budget) == before) {
        (void)sched_yield();
    }
}

static void wait_for(atomic_bool *flag)
{
    while (!atomic_load(flag)) {
        (void)sched_yield();
    }
}

static void join(struct step *step)
{
    atomic_store(&step->hold, false);
    (void)pthread_join(step->thread, NULL);
}

/* ---- work ---- */

static void a_wish_gets_what_it_wants_when_alone(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant grant = take(budget, BUDGET_MERGE, KIB, 2 * MIB);
    assert_int_equal(grant.bytes, 2 * MIB);
    assert_int_equal(budget_look(budget).work.used, 2 * MIB);
    assert_int_equal(budget_look(budget).working, 1);
    budget_give_back(&grant);
    assert_null(grant.budget);
    budget_give_back(&grant); /* of nothing */
    assert_int_equal(budget_look(budget).work.used, 0);
    assert_int_equal(budget_look(budget).work.peak, 2 * MIB);
}

static void a_wish_for_more_than_there_is_gets_all(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant merge = take(budget, BUDGET_MERGE, 100 * MIB, 100 * MIB);
    assert_int_equal(merge.bytes, 7 * MIB);
    budget_give_back(&merge);
    struct budget_grant load = take(budget, BUDGET_LOAD, 100 * MIB, 100 * MIB);
    assert_int_equal(load.bytes, 6 * MIB);
    budget_give_back(&load);
}

static void a_part_of_a_step_is_no_further_step_when_tried(void **state)
{
    (void)state;
    struct budget *budget = new_budget(2, 0);
    struct budget_grant step = take(budget, BUDGET_LOAD, MIB, MIB);
    struct budget_grant other = {0};
    struct budget_grant part = {0};
    assert_false(try_some(budget, BUDGET_LOAD, MIB, &other)); /* one of two steps is the merges' own */
    const struct budget_wish wish = {.work = BUDGET_LOAD, .is_part = true, .least = MIB, .wanted = 2 * MIB};
    assert_true(budget_try_work(budget, &wish, &part));
    assert_int_equal(part.bytes, 2 * MIB);
    assert_int_equal(budget_look(budget).working, 1);
    assert_int_equal(budget_look(budget).work.used, 3 * MIB);
    budget_give_back(&part);
    assert_int_equal(budget_look(budget).working, 1);
    budget_give_back(&step);
    assert_true(try_some(budget, BUDGET_LOAD, MIB, &other));
    budget_give_back(&other);
    budget_free(&budget);
}

static void a_wish_takes_what_is_left_when_that_is_enough(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct step first = {.budget = budget, .work = BUDGET_MERGE, .least = 6 * MIB, .wanted = 6 * MIB, .hold = true};
    start(&first);
    wait_for(&first.granted);
    struct budget_grant rest = take(budget, BUDGET_MERGE, KIB, 6 * MIB);
    assert_int_equal(rest.bytes, MIB);
    budget_give_back(&rest);
    join(&first);
}

static void loads_leave_the_merges_their_part(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant loads[4] = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_true(try_some(budget, BUDGET_LOAD, 2 * MIB, &loads[i]));
    }
    assert_false(try_some(budget, BUDGET_LOAD, KIB, &loads[3]));
    struct budget_grant merge = {0};
    assert_true(try_some(budget, BUDGET_MERGE, MIB, &merge));
    assert_false(try_some(budget, BUDGET_MERGE, KIB, &loads[3]));
    budget_give_back(&merge);
    for (size_t i = 0; i < 3; i++) {
        budget_give_back(&loads[i]);
    }
}

static void steps_at_once_are_bounded_by_number_too(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant grants[5] = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_true(try_some(budget, BUDGET_LOAD, KIB, &grants[i]));
    }
    assert_false(try_some(budget, BUDGET_LOAD, KIB, &grants[3])); /* that worker is the merges' */
    assert_true(try_some(budget, BUDGET_MERGE, KIB, &grants[3]));
    assert_false(try_some(budget, BUDGET_MERGE, KIB, &grants[4]));
    for (size_t i = 0; i < 4; i++) {
        budget_give_back(&grants[i]);
    }
}

static void the_bound_on_steps_gives_way_to_one_that_has_waited(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(2, 1);
    struct step hung[3] = {0};
    for (size_t i = 0; i < ARRAY_LEN(hung); i++) {
        hung[i] = (struct step){.budget = budget, .work = BUDGET_MERGE, .least = KIB, .wanted = KIB, .hold = true};
        start(&hung[i]);
        wait_for(&hung[i].granted);
    }
    assert_int_equal(budget_look(budget).working, 3);
    for (size_t i = 0; i < ARRAY_LEN(hung); i++) {
        join(&hung[i]);
    }
}

static void a_small_wish_does_not_overtake_a_large_one_that_waits(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(8, 0);
    atomic_uint turns = 0;
    struct step first = {.budget = budget, .least = MIB, .wanted = MIB, .hold = true};
    struct step large = {.budget = budget, .least = 7 * MIB, .wanted = 7 * MIB, .turns = &turns};
    struct step small = {.budget = budget, .least = KIB, .wanted = KIB, .turns = &turns};
    struct budget_grant grant = {0};
    start(&first);
    wait_for(&first.granted);
    start_waiting(&large);
    assert_false(try_some(budget, BUDGET_MERGE, KIB, &grant));
    start_waiting(&small);
    join(&first);
    join(&large);
    join(&small);
    assert_int_equal(large.turn, 1);
    assert_int_equal(small.turn, 2);
    assert_int_equal(budget_look(budget).waiting_peak, 2);
}

static void merges_that_come_later_take_only_their_own_part_while_a_load_waits(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(8, 0);
    struct step first = {.budget = budget, .least = 2 * MIB, .wanted = 2 * MIB, .hold = true};
    struct step load = {.budget = budget, .work = BUDGET_LOAD, .least = 6 * MIB, .wanted = 6 * MIB, .hold = true};
    start(&first);
    wait_for(&first.granted);
    start_waiting(&load);
    struct budget_grant grant = {0};
    assert_false(try_some(budget, BUDGET_MERGE, KIB, &grant)); /* 2 MiB of 1 are taken */
    join(&first);
    wait_for(&load.granted);
    assert_true(try_some(budget, BUDGET_MERGE, MIB, &grant));
    budget_give_back(&grant);
    join(&load);
}

static void what_is_free_is_divided_among_those_who_wait(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(8, 0);
    struct step first = {.budget = budget, .least = 7 * MIB, .wanted = 7 * MIB, .hold = true};
    struct step others[7] = {0};
    start(&first);
    wait_for(&first.granted);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = (struct step){.budget = budget, .least = KIB, .wanted = 7 * MIB, .hold = true};
        start_waiting(&others[i]);
    }
    join(&first);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        wait_for(&others[i].granted);
        assert_int_equal(others[i].bytes, MIB);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        join(&others[i]);
    }
}

static void a_waiter_that_is_cancelled_goes_and_lets_the_next_one_through(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(8, 0);
    struct step first = {.budget = budget, .least = 6 * MIB, .wanted = 6 * MIB, .hold = true};
    struct step large = {.budget = budget, .least = 7 * MIB, .wanted = 7 * MIB};
    struct step small = {.budget = budget, .least = MIB, .wanted = MIB};
    start(&first);
    wait_for(&first.granted);
    start_waiting(&large);
    start_waiting(&small);
    atomic_store(&large.cancel, true);
    budget_wake(budget);
    join(&large);
    join(&small); /* although the first still holds its own */
    assert_int_equal(large.kind, LF_CANCELLED);
    assert_int_equal(small.kind, LF_NONE);
    join(&first);
}

/* Many threads, random sizes: nothing is granted twice, everyone gets through, nothing stays behind. */
static void *take_often(void *context)
{
    struct step *step = context;
    struct random_seeded random;
    random_seeded_init(&random, step->least);
    for (int i = 0; i < 300; i++) {
        size_t least = (size_t)random_seeded_below(&random, 2 * MIB) + 1;
        const struct budget_wish wish = {.work = i % 2 == 0 ? BUDGET_MERGE : BUDGET_LOAD,
                                         .least = least,
                                         .wanted = least + (size_t)random_seeded_below(&random, 6 * MIB)};
        CLEANUP(budget_give_back) struct budget_grant grant = {0};
        struct lf_error err;
        if (i % 7 == 0 && !budget_try_work(step->budget, &wish, &grant)) {
            continue;
        }
        assert_true(i % 7 == 0 || budget_take_work(step->budget, &wish, &grant, &err));
        assert_true(grant.bytes >= least && grant.bytes <= wish.wanted);
        struct budget_state now = budget_look(step->budget);
        assert_true(now.work.used <= now.work.bytes && now.working <= now.workers);
    }
    return NULL;
}

static void many_threads_share_without_exceeding_the_account(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(6, 0);
    struct step steps[24] = {0};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        steps[i] = (struct step){.budget = budget, .least = i};
        assert_int_equal(pthread_create(&steps[i].thread, NULL, take_often, &steps[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        (void)pthread_join(steps[i].thread, NULL);
    }
    struct budget_state end = budget_look(budget);
    assert_int_equal(end.work.used + end.working + end.waiting, 0);
    assert_true(end.work.peak > 0);
}

/* ---- stock ---- */

static void stock_grows_to_all_of_it_for_one_holder_and_shrinks_again(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant grant = {0};
    budget_hold_stock(budget, 64 * KIB, MIB, &grant);
    assert_int_equal(grant.bytes, MIB);
    budget_hold_stock(budget, 64 * KIB, 100 * MIB, &grant);
    assert_int_equal(grant.bytes, 8 * MIB);
    assert_int_equal(budget_fair_stock(budget), 8 * MIB);
    budget_hold_stock(budget, 64 * KIB, MIB, &grant);
    assert_int_equal(grant.bytes, MIB);
    assert_true(budget_fair_stock(budget) == SIZE_MAX);
    budget_give_back(&grant);
    assert_int_equal(budget_look(budget).stock.used, 0);
    assert_int_equal(budget_look(budget).stock.peak, 8 * MIB);
    assert_int_equal(budget_look(budget).holders, 0);
}

static void a_right_is_given_even_when_nothing_is_left(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant all = {0};
    struct budget_grant grants[200] = {0};
    budget_hold_stock(budget, 0, 8 * MIB, &all);
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        budget_hold_stock(budget, 64 * KIB, MIB, &grants[i]);
        assert_int_equal(grants[i].bytes, 64 * KIB);
    }
    assert_int_equal(budget_look(budget).stock.used, 8 * MIB + ARRAY_LEN(grants) * 64 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        budget_give_back(&grants[i]);
    }
    budget_give_back(&all);
}

static void one_who_holds_more_than_a_fair_share_is_asked_for_it_once_another_was_refused(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant large = {0};
    struct budget_grant late = {0};
    budget_hold_stock(budget, 64 * KIB, 8 * MIB, &large);
    assert_true(budget_fair_stock(budget) == SIZE_MAX);
    budget_hold_stock(budget, 64 * KIB, 2 * MIB, &late);
    assert_int_equal(late.bytes, 64 * KIB);
    assert_int_equal(budget_fair_stock(budget), 4 * MIB);
    budget_hold_stock(budget, 64 * KIB, 3 * MIB, &large); /* it spills and gives back */
    budget_hold_stock(budget, 64 * KIB, 8 * MIB, &late);
    assert_true(late.bytes >= 4 * MIB);
    budget_give_back(&large);
    budget_give_back(&late);
}

static void stock_and_work_never_borrow_from_each_other(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = new_budget(4, 0);
    struct budget_grant stock = {0};
    budget_hold_stock(budget, 20 * MIB, 20 * MIB, &stock);
    struct budget_grant merge = take(budget, BUDGET_MERGE, 7 * MIB, 7 * MIB);
    assert_int_equal(merge.bytes, 7 * MIB);
    budget_give_back(&merge);
    budget_give_back(&stock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wish_gets_what_it_wants_when_alone),
        cmocka_unit_test(a_wish_for_more_than_there_is_gets_all),
        cmocka_unit_test(a_part_of_a_step_is_no_further_step_when_tried),
        cmocka_unit_test(a_wish_takes_what_is_left_when_that_is_enough),
        cmocka_unit_test(loads_leave_the_merges_their_part),
        cmocka_unit_test(steps_at_once_are_bounded_by_number_too),
        cmocka_unit_test(the_bound_on_steps_gives_way_to_one_that_has_waited),
        cmocka_unit_test(a_small_wish_does_not_overtake_a_large_one_that_waits),
        cmocka_unit_test(merges_that_come_later_take_only_their_own_part_while_a_load_waits),
        cmocka_unit_test(what_is_free_is_divided_among_those_who_wait),
        cmocka_unit_test(a_waiter_that_is_cancelled_goes_and_lets_the_next_one_through),
        cmocka_unit_test(many_threads_share_without_exceeding_the_account),
        cmocka_unit_test(stock_grows_to_all_of_it_for_one_holder_and_shrinks_again),
        cmocka_unit_test(a_right_is_given_even_when_nothing_is_left),
        cmocka_unit_test(one_who_holds_more_than_a_fair_share_is_asked_for_it_once_another_was_refused),
        cmocka_unit_test(stock_and_work_never_borrow_from_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
