/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct policy_verdict decide(enum lf_error_kind kind, unsigned failures, bool patient)
{
    const struct lf_error err = {.kind = kind};
    return policy_decide(&err, failures, patient);
}

static void daemon_when_a_failure_may_pass_then_retries_for_ever(void **state)
{
    (void)state;
    static const enum lf_error_kind kinds[] = {LF_TRANSIENT, LF_THROTTLED, LF_AUTH, LF_NOT_FOUND};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(decide(kinds[i], 1, true).action, POLICY_RETRY);
        assert_int_equal(decide(kinds[i], 100000, true).action, POLICY_RETRY);
    }
}

static void anyone_when_a_failure_cannot_pass_then_stops(void **state)
{
    (void)state;
    static const enum lf_error_kind kinds[] = {LF_CONFIG, LF_CONFLICT, LF_FENCED,    LF_SCHEMA,      LF_DATA,
                                               LF_LIMIT,  LF_LOST,     LF_CANCELLED, LF_UNSUPPORTED, LF_INTERNAL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(decide(kinds[i], 1, true).action, POLICY_STOP);
        assert_int_equal(decide(kinds[i], 1, false).action, POLICY_STOP);
    }
}

static void single_run_when_it_fails_again_and_again_then_gives_up(void **state)
{
    (void)state;
    assert_int_equal(decide(LF_TRANSIENT, 2, false).action, POLICY_RETRY);
    assert_int_equal(decide(LF_TRANSIENT, 3, false).action, POLICY_STOP);
}

static void single_run_when_a_right_or_a_thing_is_missing_then_stops_at_once(void **state)
{
    (void)state;
    assert_int_equal(decide(LF_AUTH, 1, false).action, POLICY_STOP);
    assert_int_equal(decide(LF_NOT_FOUND, 1, false).action, POLICY_STOP);
}

static void delay_when_failures_go_on_then_doubles_up_to_a_minute(void **state)
{
    (void)state;
    static const int64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(decide(LF_TRANSIENT, i + 1, true).delay_ms, want[i]);
    }
    assert_int_equal(decide(LF_TRANSIENT, 4000000000u, true).delay_ms, 60000);
}

static void delay_when_the_other_side_names_one_then_taken(void **state)
{
    (void)state;
    const struct lf_error err = {.kind = LF_THROTTLED, .retry_after_ms = 90000};
    assert_int_equal(policy_decide(&err, 1, true).delay_ms, 90000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daemon_when_a_failure_may_pass_then_retries_for_ever),
        cmocka_unit_test(anyone_when_a_failure_cannot_pass_then_stops),
        cmocka_unit_test(single_run_when_it_fails_again_and_again_then_gives_up),
        cmocka_unit_test(single_run_when_a_right_or_a_thing_is_missing_then_stops_at_once),
        cmocka_unit_test(delay_when_failures_go_on_then_doubles_up_to_a_minute),
        cmocka_unit_test(delay_when_the_other_side_names_one_then_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
