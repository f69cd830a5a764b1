/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/expiry.h"
#include "base/macros.h"

static const int64_t at_2026_03_01 = INT64_C(1772323200000);
static const int64_t hour_ms = INT64_C(3600) * 1000;

/* Asks every hour from `days` before the end to the end. */
static unsigned count_warnings(int64_t days)
{
    struct expiry_watch watch = {0};
    unsigned warnings = 0;
    for (int64_t now = at_2026_03_01 - days * EXPIRY_DAY_MS; now < at_2026_03_01; now += hour_ms) {
        warnings += expiry_is_due(&watch, at_2026_03_01, now);
    }
    return warnings;
}

static void due_when_the_end_is_near_then_once_a_day(UNUSED void **state)
{
    assert_int_equal(count_warnings(30), 7);
    assert_int_equal(count_warnings(1), 1);
}

static void due_when_the_last_day_begins_then_at_once(UNUSED void **state)
{
    struct expiry_watch watch = {0};
    assert_true(expiry_is_due(&watch, at_2026_03_01, at_2026_03_01 - EXPIRY_DAY_MS - hour_ms));
    assert_false(expiry_is_due(&watch, at_2026_03_01, at_2026_03_01 - EXPIRY_DAY_MS - 1));
    assert_true(expiry_is_due(&watch, at_2026_03_01, at_2026_03_01 - EXPIRY_DAY_MS));
    assert_false(expiry_is_due(&watch, at_2026_03_01, at_2026_03_01 - 1));
}

static void due_when_the_end_is_unknown_then_never(UNUSED void **state)
{
    struct expiry_watch watch = {0};
    assert_false(expiry_is_due(&watch, 0, at_2026_03_01));
    assert_false(expiry_is_near(0, at_2026_03_01));
}

static void near_when_seven_days_are_left_or_it_is_over_then_true(UNUSED void **state)
{
    assert_false(expiry_is_near(at_2026_03_01, at_2026_03_01 - 7 * EXPIRY_DAY_MS));
    assert_true(expiry_is_near(at_2026_03_01, at_2026_03_01 - 7 * EXPIRY_DAY_MS + 1));
    assert_true(expiry_is_near(at_2026_03_01, at_2026_03_01 + EXPIRY_DAY_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_when_the_end_is_near_then_once_a_day),
        cmocka_unit_test(due_when_the_last_day_begins_then_at_once),
        cmocka_unit_test(due_when_the_end_is_unknown_then_never),
        cmocka_unit_test(near_when_seven_days_are_left_or_it_is_over_then_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
