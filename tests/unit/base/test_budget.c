/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/budget.h"
#include "base/macros.h"

#include <pthread.h>

static void take_when_enough_is_free_then_all_that_is_wanted(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = budget_new(100);
    assert_int_equal(budget_take(budget, 10, 60), 60);
    assert_int_equal(budget_free_bytes(budget), 40);
    budget_give(budget, 60);
}

static void take_when_less_is_free_then_what_is_left(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = budget_new(100);
    assert_int_equal(budget_take(budget, 0, 70), 70);
    assert_int_equal(budget_take(budget, 10, 60), 30);
    budget_give(budget, 100);
}

static void take_when_less_than_the_minimum_is_free_then_debt_shortens_the_next(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = budget_new(100);
    assert_int_equal(budget_take(budget, 0, 95), 95);
    assert_int_equal(budget_take(budget, 20, 50), 20);
    assert_int_equal(budget_free_bytes(budget), 0);
    assert_int_equal(budget_peak_bytes(budget), 115);
    budget_give(budget, 20);
    assert_int_equal(budget_free_bytes(budget), 5);
    assert_int_equal(budget_take(budget, 20, 20), 20);
    budget_give(budget, 95);
    assert_int_equal(budget_free_bytes(budget), 80);
    budget_give(budget, 20);
}

static void try_when_it_does_not_fit_then_nothing_is_taken(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = budget_new(100);
    assert_true(budget_try(budget, 100));
    assert_false(budget_try(budget, 1));
    budget_give(budget, 50);
    assert_false(budget_try(budget, 51));
    assert_true(budget_try(budget, 50));
    budget_give(budget, 100);
    assert_int_equal(budget_free_bytes(budget), 100);
}

static void peak_when_given_back_then_stays(void **state)
{
    (void)state;
    CLEANUP(budget_free) struct budget *budget = budget_new(100);
    assert_true(budget_try(budget, 70));
    budget_give(budget, 70);
    assert_true(budget_try(budget, 10));
    assert_int_equal(budget_peak_bytes(budget), 70);
    budget_give(budget, 10);
}

static void *take_and_give(void *context)
{
    struct budget *budget = context;
    for (int i = 0; i < 2000; i++) {
        budget_give(budget, budget_take(budget, 1, 50));
        if (budget_try(budget, 30)) {
            budget_give(budget, 30);
        }
    }
    return NULL;
}

static void take_when_threads_share_then_the_sum_is_right(void **state)
{
    (void)state;
    struct budget *budget = budget_new(100);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, budget), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(budget_free_bytes(budget), 100);
    assert_in_range(budget_peak_bytes(budget), 50, 104);
    budget_free(&budget);
    assert_null(budget);
    budget_free(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_when_enough_is_free_then_all_that_is_wanted),
        cmocka_unit_test(take_when_less_is_free_then_what_is_left),
        cmocka_unit_test(take_when_less_than_the_minimum_is_free_then_debt_shortens_the_next),
        cmocka_unit_test(try_when_it_does_not_fit_then_nothing_is_taken),
        cmocka_unit_test(peak_when_given_back_then_stays),
        cmocka_unit_test(take_when_threads_share_then_the_sum_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
