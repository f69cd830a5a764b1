/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"

struct example {
    int64_t ms;
    const char *iso, *compact, *us;
};

static const struct example examples[] = {
    {0, "1970-01-01T00:00:00.000Z", "19700101T000000Z", "1/1/1970 12:00:00 AM"},
    {-1, "1969-12-31T23:59:59.999Z", "19691231T235959Z", "12/31/1969 11:59:59 PM"},
    {951782400123, "2000-02-29T00:00:00.123Z", "20000229T000000Z", "2/29/2000 12:00:00 AM"},
    {1700000000007, "2023-11-14T22:13:20.007Z", "20231114T221320Z", "11/14/2023 10:13:20 PM"},
    {1700049600000, "2023-11-15T12:00:00.000Z", "20231115T120000Z", "11/15/2023 12:00:00 PM"},
    {INT64_MAX, "9999-12-31T23:59:59.999Z", "99991231T235959Z", "12/31/9999 11:59:59 PM"},
    {INT64_MIN, "0000-01-01T00:00:00.000Z", "00000101T000000Z", "1/1/0000 12:00:00 AM"},
};

static void format_when_any_time_then_utc_of_fixed_width(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        char text[CLOCK_TEXT_SIZE];
        clock_format_iso(examples[i].ms, text);
        assert_string_equal(text, examples[i].iso);
        clock_format_compact(examples[i].ms, text);
        assert_string_equal(text, examples[i].compact);
        clock_format_us(examples[i].ms, text);
        assert_string_equal(text, examples[i].us);
    }
}

static int64_t fixed_us(void *context)
{
    return *(const int64_t *)context;
}

static void now_ms_when_the_clock_has_microseconds_then_they_are_cut(void **state)
{
    (void)state;
    int64_t now_us = 1700000000007999;
    struct clock clock = {.context = &now_us, .now_us = fixed_us};
    assert_true(clock_now_ms(&clock) == 1700000000007);
}

static void system_when_it_sleeps_then_time_has_passed(void **state)
{
    (void)state;
    struct clock clock = clock_system();
    int64_t before = clock.monotonic_us(clock.context);
    clock.sleep_ms(clock.context, 2);
    clock.sleep_ms(clock.context, 0);
    clock.sleep_ms(clock.context, -5);
    assert_true(clock.monotonic_us(clock.context) - before >= 2000);
    assert_true(clock_now_ms(&clock) > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_when_any_time_then_utc_of_fixed_width),
        cmocka_unit_test(now_ms_when_the_clock_has_microseconds_then_they_are_cut),
        cmocka_unit_test(system_when_it_sleeps_then_time_has_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
