/* SPDX-License-Identifier: Apache-2.0 */
#include "data/csv_internal.h"

#include <string.h>

#define DATE_LEN ((size_t)10)
#define TIME_LEN ((size_t)8)
#define OFFSET_LEN ((size_t)6)
#define MINUTES_OF_DAY (24 * 60)

static const char not_date[] = "is not a date yyyy-MM-dd between 0001-01-01 and 9999-12-31";
static const char not_time[] = "is not a time HH:mm:ss with up to seven digits after a point";
static const char not_datetime[] = "is not a time yyyy-MM-ddTHH:mm:ss in UTC between the years 0001 and 9999";
static const char not_offset[] = "is not a time yyyy-MM-ddTHH:mm:ss with Z or an offset ±HH:mm";
static const char too_fine[] = "has more digits after the second than the column's scale";

struct date {
    int year;
    int month;
    int day;
};

/* Two digits at `at`, which go up to max; -1: they do not. */
static int two_digits(const char *at, int max)
{
    unsigned tens = (unsigned)at[0] - '0';
    unsigned ones = (unsigned)at[1] - '0';
    if (tens > 9 || ones > 9 || (int)(tens * 10 + ones) > max) {
        return -1;
    }
    return (int)(tens * 10 + ones);
}

static void put_two_digits(int value, char *out)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* DATE_LEN bytes. */
static bool read_date(const char *at, struct date *ret_date)
{
    int century = two_digits(at, 99);
    int year = two_digits(at + 2, 99);
    int month = two_digits(at + 5, 12);
    int day = two_digits(at + 8, 31);
    if (century < 0 || year < 0 || month < 1 || day < 1 || at[4] != '-' || at[7] != '-') {
        return false;
    }
    *ret_date = (struct date){century * 100 + year, month, day};
    return ret_date->year > 0 && day <= days_in_month(ret_date->year, month);
}

static void put_date(struct date date, char *out)
{
    put_two_digits(date.year / 100, out);
    put_two_digits(date.year % 100, out + 2);
    put_two_digits(date.month, out + 5);
    put_two_digits(date.day, out + 8);
    out[4] = out[7] = '-';
}

const char *csv_print_date(struct lf_slice value, char *out, size_t *ret_len)
{
    struct date date;
    if (value.len != DATE_LEN || !read_date(value.ptr, &date)) {
        return not_date;
    }
    memcpy(out, value.ptr, DATE_LEN);
    *ret_len = DATE_LEN;
    return NULL;
}

static bool is_clock(const char *at)
{
    return two_digits(at, 23) >= 0 && two_digits(at + 3, 59) >= 0 && two_digits(at + 6, 59) >= 0 && at[2] == ':' &&
           at[5] == ':';
}

/* The digits after the second, of which only `scale` may be other than zero. */
static const char *check_fraction(const char *digits, size_t ndigits, unsigned scale)
{
    const char *reason = NULL;
    for (size_t i = 0; i < ndigits; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return not_time;
        }
        reason = i >= scale && digits[i] != '0' ? too_fine : reason;
    }
    return reason;
}

/* HH:mm:ss[.f…] that fills len bytes, written with exactly `scale` digits. */
static const char *put_time(const char *at, size_t len, unsigned scale, char *out, size_t *ret_len)
{
    if (len < TIME_LEN || !is_clock(at)) {
        return not_time;
    }
    size_t ndigits = len > TIME_LEN ? len - TIME_LEN - 1 : 0;
    if ((len > TIME_LEN && (at[TIME_LEN] != '.' || ndigits == 0)) || ndigits > CSV_SCALE_MAX) {
        return not_time;
    }
    const char *digits = at + len - ndigits;
    memcpy(out, at, TIME_LEN);
    *ret_len = TIME_LEN;
    if (scale > 0) {
        out[TIME_LEN] = '.';
        size_t given = ndigits < scale ? ndigits : scale;
        memcpy(out + TIME_LEN + 1, digits, given);
        memset(out + TIME_LEN + 1 + given, '0', scale - given);
        *ret_len += 1 + scale;
    }
    return check_fraction(digits, ndigits, scale);
}

const char *csv_print_time(struct lf_slice value, unsigned scale, char *out, size_t *ret_len)
{
    return put_time(value.ptr, value.len, scale, out, ret_len);
}

/* One day later or earlier; false outside the years 1 to 9999. */
static bool step_day(struct date *date, int days)
{
    date->day += days;
    if (date->day >= 1 && date->day <= days_in_month(date->year, date->month)) {
        return true;
    }
    date->month += days;
    if (date->month < 1 || date->month > 12) {
        date->year += days;
        date->month = days > 0 ? 1 : 12;
    }
    date->day = days > 0 ? 1 : days_in_month(date->year, date->month);
    return date->year >= 1 && date->year <= 9999;
}

/* Takes the offset off the text in out, yyyy-MM-ddTHH:mm…; false when the result is outside the years 1 to 9999. */
static bool shift_to_utc(struct date date, int offset_minutes, char *out)
{
    char *clock = out + DATE_LEN + 1;
    int minutes = two_digits(clock, 23) * 60 + two_digits(clock + 3, 59) - offset_minutes;
    int days = minutes < 0 ? -1 : minutes / MINUTES_OF_DAY;
    minutes -= days * MINUTES_OF_DAY;
    if (days != 0) {
        if (!step_day(&date, days)) {
            return false;
        }
        put_date(date, out);
    }
    put_two_digits(minutes / 60, clock);
    put_two_digits(minutes % 60, clock + 3);
    return true;
}

/* Z or ±HH:mm at the end of the text. */
static bool read_offset(const char *at, size_t len, int *ret_minutes, size_t *ret_len)
{
    *ret_minutes = 0;
    *ret_len = 1;
    if (len > 0 && at[len - 1] == 'Z') {
        return true;
    }
    if (len < OFFSET_LEN) {
        return false;
    }
    const char *offset = at + len - OFFSET_LEN;
    int hours = two_digits(offset + 1, 23);
    int minutes = two_digits(offset + 4, 59);
    if ((offset[0] != '+' && offset[0] != '-') || offset[3] != ':' || hours < 0 || minutes < 0) {
        return false;
    }
    *ret_minutes = (hours * 60 + minutes) * (offset[0] == '-' ? -1 : 1);
    *ret_len = OFFSET_LEN;
    return true;
}

const char *csv_print_datetime(struct lf_slice value, bool has_offset, unsigned scale, char *out, size_t *ret_len)
{
    const char *reason = has_offset ? not_offset : not_datetime;
    const char *at = value.ptr;
    size_t len = value.len;
    int offset_minutes = 0;
    if (has_offset) {
        size_t offset_len = 0;
        if (!read_offset(at, len, &offset_minutes, &offset_len)) {
            return reason;
        }
        len -= offset_len;
    }
    struct date date;
    if (len < DATE_LEN + 1 + TIME_LEN || at[DATE_LEN] != 'T' || !read_date(at, &date)) {
        return reason;
    }
    memcpy(out, at, DATE_LEN + 1);
    size_t time_len = 0;
    const char *time_reason = put_time(at + DATE_LEN + 1, len - DATE_LEN - 1, scale, out + DATE_LEN + 1, &time_len);
    if (time_reason != NULL) {
        return time_reason == too_fine ? too_fine : reason;
    }
    if (offset_minutes != 0 && !shift_to_utc(date, offset_minutes, out)) {
        return "lies outside the years 0001 to 9999 in UTC";
    }
    *ret_len = DATE_LEN + 1 + time_len;
    out[(*ret_len)++] = 'Z';
    return NULL;
}
