/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to cells. PostgreSQL's text is exact, so most of it is only checked.
 */
#include "base/buf.h"
#include "base/macros.h"
#include "source/postgres/array.h"
#include "source/postgres/type.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define NUMBER_MAX 400
#define DATE_LEN 10
#define TIME_LEN 8

static const char *take_bytes(struct lf_cell *cell, const void *ptr, size_t len)
{
    cell->state = LF_CELL_VALUE;
    cell->bytes = (struct lf_slice){ptr, len};
    return NULL;
}

/* isdigit is a call, which shows where every character of a load is looked at. */
static bool is_digit(char c)
{
    return (unsigned char)c - (unsigned)'0' <= 9;
}

static const char *take_integer(struct lf_cell *cell, const char *text, size_t len)
{
    bool negative = len > 0 && text[0] == '-';
    uint64_t number = 0;
    for (size_t i = negative; i < len; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            return "is no integer of 64 bits";
        }
    }
    if (len == (size_t)negative || number > (uint64_t)INT64_MAX + negative) {
        return "is no integer of 64 bits";
    }
    cell->state = LF_CELL_VALUE;
    cell->i = (int64_t)(negative ? 0 - number : number);
    return NULL;
}

static const char *take_boolean(struct lf_cell *cell, const char *text, size_t len)
{
    if (len != 1 || (text[0] != 't' && text[0] != 'f')) {
        return "is neither true nor false";
    }
    cell->state = LF_CELL_VALUE;
    cell->i = text[0] == 't';
    return NULL;
}

static const char *take_double(struct lf_cell *cell, const char *text, size_t len)
{
    char copy[NUMBER_MAX + 1];
    char *end = NULL;
    if (len == 0 || len > NUMBER_MAX || memchr(text, '\0', len) != NULL || isspace((unsigned char)text[0])) {
        return "is no number that a double can hold";
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    cell->state = LF_CELL_VALUE;
    cell->d = strtod(copy, &end);
    bool named = strspn(copy, "-IinfiytNaA") == len;
    return *end != '\0' || (isinf(cell->d) && !named) ? "is no number that a double can hold" : NULL;
}

static size_t skip_digits(const char *text, size_t len, size_t at)
{
    while (at < len && is_digit(text[at])) {
        at++;
    }
    return at;
}

static const char *take_decimal(struct lf_cell *cell, const struct pg_type *type, const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-' ? 1 : 0;
    size_t whole = skip_digits(text, len, at);
    size_t end = whole < len && text[whole] == '.' ? skip_digits(text, len, whole + 1) : whole;
    size_t fraction = end > whole ? end - whole - 1 : 0;
    if (end != len || whole == at || (end > whole && fraction == 0)) {
        return "is no finite number";
    }
    bool zero = whole - at == 1 && text[at] == '0';
    size_t digits = (zero ? 0 : whole - at) + fraction;
    return digits > type->precision && type->precision > 0 ? "has more digits than its column"
                                                           : take_bytes(cell, text, len);
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *take_bytea(struct lf_cell *cell, const char *text, size_t len, struct arena *arena)
{
    if (len < 2 || text[0] != '\\' || text[1] != 'x' || len % 2 != 0) {
        return "is no binary value in hexadecimal";
    }
    size_t count = len / 2 - 1;
    unsigned char *bytes = arena_alloc(arena, count + 1);
    for (size_t i = 0; i < count; i++) {
        int high = hex_of(text[2 + 2 * i]);
        int low = hex_of(text[3 + 2 * i]);
        if (high < 0 || low < 0) {
            return "is no binary value in hexadecimal";
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return take_bytes(cell, bytes, count);
}

static bool is_guid(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return len == 36;
}

/* ---- dates and times ---- */

/* Whether the text has the form, in which 9 stands for any digit. */
static bool has_form(const char *text, size_t len, const char *form)
{
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (i >= len || form[i] == '9' ? !is_digit(text[i]) : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

static bool is_date(const char *text, size_t len)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len != DATE_LEN || !has_form(text, len, "9999-99-99")) {
        return false;
    }
    int year = two_digits(text) * 100 + two_digits(text + 2);
    int month = two_digits(text + 5);
    int day = two_digits(text + 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* HH:mm:ss and a fraction of at most `digits`. */
static bool is_time(const char *text, size_t len, unsigned digits)
{
    if (!has_form(text, len, "99:99:99") || two_digits(text) > 23 || two_digits(text + 3) > 59 ||
        two_digits(text + 6) > 59) {
        return false;
    }
    if (len == TIME_LEN) {
        return true;
    }
    for (size_t i = TIME_LEN + 1; i < len; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
    }
    return text[TIME_LEN] == '.' && len > TIME_LEN + 1 && len - TIME_LEN - 1 <= digits;
}

static const char *take_date(struct lf_cell *cell, const char *text, size_t len)
{
    return is_date(text, len) ? take_bytes(cell, text, len)
                              : "is no date of the years 0001 to 9999, the only ones that readers take";
}

static const char *take_time(struct lf_cell *cell, const struct pg_type *type, const char *text, size_t len)
{
    return is_time(text, len, type->scale) ? take_bytes(cell, text, len)
                                           : "is no time from 00:00:00 to 23:59:59, the only ones that readers take";
}

static const char *take_moment(struct lf_cell *cell, const struct pg_type *type, const char *text, size_t len,
                               struct arena *arena)
{
    bool zoned = type->form == PG_FORM_TIMESTAMPTZ;
    size_t end = len;
    if (zoned && len >= 3 && memcmp(text + len - 3, "+00", 3) == 0) {
        end = len - 3;
    } else if (zoned && len >= 1 && text[len - 1] == 'Z') {
        end = len - 1;
    } else if (zoned) {
        end = 0;
    }
    bool good = end > DATE_LEN && (text[DATE_LEN] == ' ' || text[DATE_LEN] == 'T') && is_date(text, DATE_LEN) &&
                is_time(text + DATE_LEN + 1, end - DATE_LEN - 1, type->scale);
    if (!good) {
        return "is no moment of the years 0001 to 9999, the only ones that readers take";
    }
    char *moment = arena_alloc(arena, end + 1);
    memcpy(moment, text, end);
    moment[DATE_LEN] = 'T';
    moment[end] = 'Z';
    return take_bytes(cell, moment, end + (zoned ? 1 : 0));
}

static const char *take_json(struct lf_cell *cell, const struct pg_type *type, const char *text, size_t len,
                             struct arena *arena)
{
    struct lf_slice json = {text, len};
    if (type->form == PG_FORM_ARRAY && !pg_array_to_json(type, text, len, arena, &json)) {
        return "is an array in a form that cannot be read";
    }
    return take_bytes(cell, json.ptr, json.len);
}

const char *pg_cell_from_text(const struct pg_type *type, const char *text, size_t len, struct arena *arena,
                              struct lf_cell *ret_cell)
{
    switch (type->type) {
    case LF_TYPE_BOOLEAN:
        return take_boolean(ret_cell, text, len);
    case LF_TYPE_INT64:
        return take_integer(ret_cell, text, len);
    case LF_TYPE_DOUBLE:
        return take_double(ret_cell, text, len);
    case LF_TYPE_DECIMAL:
        return take_decimal(ret_cell, type, text, len);
    case LF_TYPE_BINARY:
        return type->form == PG_FORM_BYTEA ? take_bytea(ret_cell, text, len, arena) : take_bytes(ret_cell, text, len);
    case LF_TYPE_GUID:
        return is_guid(text, len) ? take_bytes(ret_cell, text, len) : "is no UUID of 36 characters";
    case LF_TYPE_DATE:
        return take_date(ret_cell, text, len);
    case LF_TYPE_TIME:
        return take_time(ret_cell, type, text, len);
    case LF_TYPE_DATETIME:
    case LF_TYPE_DATETIMEOFFSET:
        return take_moment(ret_cell, type, text, len, arena);
    case LF_TYPE_JSON:
        return take_json(ret_cell, type, text, len, arena);
    default:
        return take_bytes(ret_cell, text, len);
    }
}

static const char *print_double(double number, struct arena *arena)
{
    char text[40];
    if (isnan(number)) {
        return "NaN";
    }
    if (isinf(number)) {
        return number < 0 ? "-Infinity" : "Infinity";
    }
    (void)snprintf(text, sizeof text, "%.17g", number);
    return arena_text(arena, text);
}

static const char *print_bytes(const struct lf_cell *cell, const char *prefix, bool hex, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    size_t head = strlen(prefix);
    const unsigned char *from = cell->bytes.ptr;
    size_t len = cell->bytes.len;
    char *text = arena_alloc(arena, head + (hex ? 2 * len : len) + 1);
    char *at = stpcpy(text, prefix);
    for (size_t i = 0; i < len; i++) {
        if (hex) {
            *at++ = digits[from[i] >> 4];
            *at++ = digits[from[i] & 15];
        } else {
            *at++ = (char)from[i];
        }
    }
    *at = '\0';
    return text;
}

const char *pg_cell_to_text(const struct pg_type *type, const struct lf_cell *cell, struct arena *arena)
{
    char text[24];
    switch (type->type) {
    case LF_TYPE_BOOLEAN:
        return cell->i != 0 ? "t" : "f";
    case LF_TYPE_INT64:
        (void)snprintf(text, sizeof text, "%" PRId64, cell->i);
        return arena_text(arena, text);
    case LF_TYPE_DOUBLE:
        return print_double(cell->d, arena);
    case LF_TYPE_BINARY:
        return print_bytes(cell, "\\x", true, arena);
    default:
        return print_bytes(cell, "", false, arena);
    }
}
