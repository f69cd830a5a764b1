/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and times from ISO text. Pure.
 */
#ifndef SOURCE_SQLITE_MOMENT_H
#define SOURCE_SQLITE_MOMENT_H

#include <stdbool.h>
#include <stddef.h>

#define MOMENT_TEXT_SIZE 48

/* yyyy-MM-dd of the years 0001 to 9999. */
bool moment_is_date(const char *text, size_t len);
/* HH:mm[:ss[.f{1,6}]], written as HH:mm:ss[.f]. */
bool moment_time(const char *text, size_t len, char ret_text[MOMENT_TEXT_SIZE]);
/* A date, or a date and a time parted by T or a blank, with or without zone (Z, ±HH:mm, ±HHmm, ±HH); without one it is taken as UTC.
 * Written as yyyy-MM-ddTHH:mm:ss[.f] in UTC. */
bool moment_datetime(const char *text, size_t len, char ret_text[MOMENT_TEXT_SIZE]);

#endif
