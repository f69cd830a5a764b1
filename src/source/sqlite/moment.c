/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/moment.h"

#include <stdint.h>
#include <string.h>

#define DATE_LEN 10
#define TIME_LEN 8
#define DAY_MINUTES 1440

struct text {
    const char *at;
    size_t len;
};

struct moment {
    int year, month, day;
    int hour, minute, second;
    char fraction[8]; /* digits, "" for none */
};

static bool take_digits(struct text *text, size_t n, int *ret)
{
    int value = 0;
    if (text->len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = text->at[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    text->at += n;
    text->len -= n;
    *ret = value;
    return true;
}

static bool take_char(struct text *text, char c)
{
    if (text->len == 0 || text->at[0] != c) {
        return false;
    }
    text->at++;
    text->len--;
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(struct text *text, struct moment *moment)
{
    return take_digits(text, 4, &moment->year) && take_char(text, '-') && take_digits(text, 2, &moment->month) &&
           take_char(text, '-') && take_digits(text, 2, &moment->day) && moment->year >= 1 && moment->month >= 1 &&
           moment->month <= 12 && moment->day >= 1 && moment->day <= days_of_month(moment->year, moment->month);
}

static bool take_fraction(struct text *text, struct moment *moment)
{
    size_t n = 0;
    while (n < text->len && text->at[n] >= '0' && text->at[n] <= '9') {
        n++;
    }
    if (n == 0 || n > 6) {
        return false;
    }
    memcpy(moment->fraction, text->at, n);
    moment->fraction[n] = '\0';
    text->at += n;
    text->len -= n;
    return true;
}

static bool take_time(struct text *text, struct moment *moment)
{
    if (!take_digits(text, 2, &moment->hour) || !take_char(text, ':') || !take_digits(text, 2, &moment->minute) ||
        moment->hour > 23 || moment->minute > 59) {
        return false;
    }
    if (!take_char(text, ':')) {
        return true;
    }
    if (!take_digits(text, 2, &moment->second) || moment->second > 59) {
        return false;
    }
    return !take_char(text, '.') || take_fraction(text, moment);
}

/* The zone at the end, in minutes east of UTC. */
static bool take_zone(struct text *text, int *ret_minutes)
{
    int hours = 0;
    int minutes = 0;
    *ret_minutes = 0;
    if (text->len == 0 || (take_char(text, 'Z') && text->len == 0)) {
        return true;
    }
    int sign = take_char(text, '-') ? -1 : 1;
    if ((sign > 0 && !take_char(text, '+')) || !take_digits(text, 2, &hours)) {
        return false;
    }
    if (text->len > 0) {
        (void)take_char(text, ':');
        if (!take_digits(text, 2, &minutes)) {
            return false;
        }
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return text->len == 0 && hours <= 18 && minutes <= 59;
}

static void next_day(struct moment *moment)
{
    moment->day++;
    if (moment->day > days_of_month(moment->year, moment->month)) {
        moment->day = 1;
        moment->month++;
    }
    if (moment->month > 12) {
        moment->month = 1;
        moment->year++;
    }
}

static void previous_day(struct moment *moment)
{
    moment->day--;
    if (moment->day < 1) {
        moment->month--;
        if (moment->month < 1) {
            moment->month = 12;
            moment->year--;
        }
        moment->day = days_of_month(moment->year, moment->month);
    }
}

static bool shift_to_utc(struct moment *moment, int zone_minutes)
{
    int minutes = moment->hour * 60 + moment->minute - zone_minutes;
    if (minutes < 0) {
        minutes += DAY_MINUTES;
        previous_day(moment);
    } else if (minutes >= DAY_MINUTES) {
        minutes -= DAY_MINUTES;
        next_day(moment);
    }
    moment->hour = minutes / 60;
    moment->minute = minutes % 60;
    return moment->year >= 1 && moment->year <= 9999;
}

static void put_two_digits(int value, char *out)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

static void put_date(const struct moment *moment, char *out)
{
    put_two_digits(moment->year / 100, out);
    put_two_digits(moment->year % 100, out + 2);
    put_two_digits(moment->month, out + 5);
    put_two_digits(moment->day, out + 8);
    out[4] = out[7] = '-';
}

/* HH:mm:ss[.f…] and a NUL. */
static void put_time(const struct moment *moment, char *out)
{
    put_two_digits(moment->hour, out);
    put_two_digits(moment->minute, out + 3);
    put_two_digits(moment->second, out + 6);
    out[2] = out[5] = ':';
    out[TIME_LEN] = '.';
    memcpy(out + TIME_LEN + (moment->fraction[0] != '\0'), moment->fraction, sizeof moment->fraction);
}

bool moment_is_date(const char *text, size_t len)
{
    struct text rest = {text, len};
    struct moment moment = {0};
    return len == DATE_LEN && take_date(&rest, &moment);
}

bool moment_time(const char *text, size_t len, char ret_text[MOMENT_TEXT_SIZE])
{
    struct text rest = {text, len};
    struct moment moment = {0};
    if (!take_time(&rest, &moment) || rest.len > 0) {
        return false;
    }
    put_time(&moment, ret_text);
    return true;
}

bool moment_datetime(const char *text, size_t len, char ret_text[MOMENT_TEXT_SIZE])
{
    struct text rest = {text, len};
    struct moment moment = {0};
    int zone_minutes = 0;
    if (!take_date(&rest, &moment)) {
        return false;
    }
    if (rest.len > 0) {
        bool parted = take_char(&rest, 'T') || take_char(&rest, 't') || take_char(&rest, ' ');
        if (!parted || !take_time(&rest, &moment)) {
            return false;
        }
        (void)take_char(&rest, ' ');
        if (!take_zone(&rest, &zone_minutes) || !shift_to_utc(&moment, zone_minutes)) {
            return false;
        }
    }
    put_date(&moment, ret_text);
    ret_text[DATE_LEN] = 'T';
    put_time(&moment, ret_text + DATE_LEN + 1);
    return true;
}
