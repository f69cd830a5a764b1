/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a namespace where the machine has slept for a thousand seconds. */
static int measure_sleep(void)
{
    struct clock awake = clock_system();
    struct clock since_boot = clock_since_boot();
    int64_t before_us = awake.monotonic_us(awake.context);
    return since_boot.monotonic_us(since_boot.context) - before_us >= INT64_C(999000000) ? 0 : 1;
}

static void since_boot_when_the_machine_has_slept_then_that_counts(void **state)
{
    (void)state;
    static const char offset[] = "boottime 1000 0\n";
    int ours = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (ours < 0 || unshare(CLONE_NEWTIME) != 0) {
        skip(); /* needs the right to make namespaces */
    }
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    ssize_t written = write(fd, offset, sizeof offset - 1);
    (void)close(fd);
    pid_t child = written < 0 ? -1 : fork();
    if (child == 0) {
        _exit(measure_sleep());
    }
    int status = 1;
    assert_int_equal(setns(ours, CLONE_NEWTIME), 0);
    (void)close(ours);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_when_any_time_then_utc_of_fixed_width),
        cmocka_unit_test(now_ms_when_the_clock_has_microseconds_then_they_are_cut),
        cmocka_unit_test(system_when_it_sleeps_then_time_has_passed),
        cmocka_unit_test(since_boot_when_the_machine_has_slept_then_that_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
