/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/http_pace.h"

static void slow_down_when_asked_then_half_down_to_one(void **state)
{
    (void)state;
    struct http_pace pace;
    http_pace_init(&pace, 16);
    assert_int_equal(http_pace_allowed(&pace), 16);
    static const size_t expected[] = {8, 4, 2, 1};
    for (int64_t i = 0; i < 4; i++) {
        assert_true(http_pace_slow_down(&pace, i * 10 + 5, i * 10 + 9));
        assert_int_equal(http_pace_allowed(&pace), expected[i]);
    }
    assert_false(http_pace_slow_down(&pace, 100, 101));
    assert_int_equal(http_pace_allowed(&pace), 1);
}

static void slow_down_when_others_ran_at_the_time_then_their_refusals_do_not_count(void **state)
{
    (void)state;
    struct http_pace pace;
    http_pace_init(&pace, 16);
    assert_true(http_pace_slow_down(&pace, 10, 50));
    assert_false(http_pace_slow_down(&pace, 20, 60));
    assert_false(http_pace_slow_down(&pace, 50, 60));
    assert_int_equal(http_pace_allowed(&pace), 8);
    assert_true(http_pace_slow_down(&pace, 51, 60));
}

static void went_well_when_often_then_slowly_more_up_to_the_most(void **state)
{
    (void)state;
    struct http_pace pace;
    http_pace_init(&pace, 4);
    (void)http_pace_slow_down(&pace, 1, 2);
    assert_int_equal(http_pace_allowed(&pace), 2);
    unsigned answers = 0;
    for (; http_pace_allowed(&pace) < 3; answers++) {
        http_pace_went_well(&pace);
    }
    assert_in_range(answers, 2, 3);
    for (; http_pace_allowed(&pace) < 4; answers++) {
        http_pace_went_well(&pace);
    }
    assert_in_range(answers, 5, 7);
    http_pace_went_well(&pace);
    assert_int_equal(http_pace_allowed(&pace), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_down_when_asked_then_half_down_to_one),
        cmocka_unit_test(slow_down_when_others_ran_at_the_time_then_their_refusals_do_not_count),
        cmocka_unit_test(went_well_when_often_then_slowly_more_up_to_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
