/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/macros.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

/* Years 0000 to 9999, so that every text has the width that its readers expect. */
static const int64_t ms_least = INT64_C(-62167219200000);
static const int64_t ms_most = INT64_C(253402300799999);

static int64_t read_us(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_us(UNUSED void *context)
{
    return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(UNUSED void *context)
{
    return read_us(CLOCK_MONOTONIC);
}

static void system_sleep_ms(UNUSED void *context, int64_t ms)
{
    if (ms <= 0) {
        return;
    }
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static int64_t boot_us(UNUSED void *context)
{
    return read_us(CLOCK_BOOTTIME);
}

struct clock clock_since_boot(void)
{
    return (struct clock){.now_us = system_now_us, .monotonic_us = boot_us, .sleep_ms = system_sleep_ms};
}

struct clock clock_system(void)
{
    return (struct clock){.now_us = system_now_us, .monotonic_us = system_monotonic_us, .sleep_ms = system_sleep_ms};
}

int64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_us(clock->context) / 1000;
}

struct parts {
    int year, month, day, hour, minute, second, ms;
};

static struct parts split(int64_t ms)
{
    ms = ms < ms_least ? ms_least : ms;
    ms = ms > ms_most ? ms_most : ms;
    int64_t rest = ms % 1000;
    rest = rest < 0 ? rest + 1000 : rest;
    time_t seconds = (time_t)((ms - rest) / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&seconds, &tm);
    return (struct parts){.year = tm.tm_year + 1900,
                          .month = tm.tm_mon + 1,
                          .day = tm.tm_mday,
                          .hour = tm.tm_hour,
                          .minute = tm.tm_min,
                          .second = tm.tm_sec,
                          .ms = (int)rest};
}

void clock_format_iso(int64_t ms, char ret_text[CLOCK_TEXT_SIZE])
{
    struct parts at = split(ms);
    int n = snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", at.year, at.month, at.day,
                     at.hour, at.minute, at.second, at.ms);
    assert(n > 0 && n < CLOCK_TEXT_SIZE);
}

void clock_format_compact(int64_t ms, char ret_text[CLOCK_TEXT_SIZE])
{
    struct parts at = split(ms);
    int n = snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d%02d%02dT%02d%02d%02dZ", at.year, at.month, at.day, at.hour,
                     at.minute, at.second);
    assert(n > 0 && n < CLOCK_TEXT_SIZE);
}

void clock_format_us(int64_t ms, char ret_text[CLOCK_TEXT_SIZE])
{
    struct parts at = split(ms);
    int hour = at.hour % 12 == 0 ? 12 : at.hour % 12;
    int n = snprintf(ret_text, CLOCK_TEXT_SIZE, "%d/%d/%04d %d:%02d:%02d %s", at.month, at.day, at.year, hour,
                     at.minute, at.second, at.hour < 12 ? "AM" : "PM");
    assert(n > 0 && n < CLOCK_TEXT_SIZE);
}
