/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as an object, so that tests decide it. Times are UTC: microseconds or milliseconds since 1970.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    void *context;
    int64_t (*now_us)(void *context);       /* wall clock */
    int64_t (*monotonic_us)(void *context); /* for durations */
    void (*sleep_ms)(void *context, int64_t ms);
};

struct clock clock_system(void);
/* The same, but its monotonic time goes on while the machine sleeps, as that of those who wait for it does. Never together
 * with what waits until a time of CLOCK_MONOTONIC. */
struct clock clock_since_boot(void);
int64_t clock_now_ms(const struct clock *clock);

#define CLOCK_TEXT_SIZE 32
/* yyyy-MM-ddTHH:mm:ss.fffZ */
void clock_format_iso(int64_t ms, char ret_text[CLOCK_TEXT_SIZE]);
/* yyyyMMddTHHmmssZ, for file names */
void clock_format_compact(int64_t ms, char ret_text[CLOCK_TEXT_SIZE]);
/* M/d/yyyy h:mm:ss AM|PM */
void clock_format_us(int64_t ms, char ret_text[CLOCK_TEXT_SIZE]);

#endif
