/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_date.h"

#include "base/macros.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The last second of the year 9999: what has the width of the form. */
static const int64_t s_most = INT64_C(253402300799);

void http_date_format(int64_t ms, char ret_text[HTTP_DATE_SIZE])
{
    int64_t seconds = ms > 0 ? ms / 1000 : 0;
    seconds = seconds > s_most ? s_most : seconds;
    struct tm tm = {0};
    (void)gmtime_r(&(time_t){(time_t)seconds}, &tm);
    int n = snprintf(ret_text, HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                     months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    assert(n == HTTP_DATE_SIZE - 1);
}

static bool parse_digits(const char *text, size_t len, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *ret = *ret * 10 + (text[i] - '0');
    }
    return true;
}

static bool parse_month(const char *text, int *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(months); i++) {
        if (memcmp(text, months[i], 3) == 0) {
            *ret = (int)i;
            return true;
        }
    }
    return false;
}

bool http_date_parse(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    int year = 0;
    if (strlen(text) != HTTP_DATE_SIZE - 1 || !parse_digits(text + 5, 2, &tm.tm_mday) ||
        !parse_month(text + 8, &tm.tm_mon) || !parse_digits(text + 12, 4, &year) ||
        !parse_digits(text + 17, 2, &tm.tm_hour) || !parse_digits(text + 20, 2, &tm.tm_min) ||
        !parse_digits(text + 23, 2, &tm.tm_sec)) {
        return false;
    }
    tm.tm_year = year - 1900;
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    char again[HTTP_DATE_SIZE]; /* finds the 30th of February, a wrong weekday and whatever stands between the digits */
    http_date_format(*ret_ms, again);
    return strcmp(again, text) == 0;
}
