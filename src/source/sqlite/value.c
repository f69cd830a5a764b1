/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/value.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "source/sqlite/moment.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define REAL_TEXT_SIZE 40
#define PRINT_MAX 80
#define DATE_LEN 10
#define MIDNIGHT "T00:00:00"

static const char *set_bytes(struct lf_cell *cell, struct arena *arena, const void *ptr, size_t len)
{
    cell->state = LF_CELL_VALUE;
    cell->bytes = (struct lf_slice){arena_copy(arena, ptr, len), len};
    return NULL;
}

static bool is_clean_word(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t has_zero = (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
    return ((word & UINT64_C(0x8080808080808080)) | has_zero) == 0;
}

static const char *check_utf8(const unsigned char *at, size_t len)
{
    const unsigned char *end = at + len;
    while (at < end) {
        if (end - at >= 8 && is_clean_word(at)) {
            at += 8;
        } else if (*at == 0) {
            return "contains the character U+0000";
        } else if (*at < 0x80) {
            at++;
        } else {
            size_t n = utf8_char_len((const char *)at, (size_t)(end - at));
            if (n == 0) {
                return "is no valid UTF-8";
            }
            at += n;
        }
    }
    return NULL;
}

/* The shortest decimal that reads back as the same number, always with a point or an exponent, as SQLite prints it. */
static size_t print_real(double number, char ret_text[REAL_TEXT_SIZE])
{
    if (isinf(number)) {
        return (size_t)snprintf(ret_text, REAL_TEXT_SIZE, "%sInf", number < 0 ? "-" : "");
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(ret_text, REAL_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(ret_text, NULL) == number) {
            break;
        }
    }
    if (strpbrk(ret_text, ".e") == NULL) {
        size_t len = strlen(ret_text);
        (void)snprintf(ret_text + len, REAL_TEXT_SIZE - len, ".0");
    }
    return strlen(ret_text);
}

static const char *take_text(struct lf_cell *cell, sqlite3_value *value, struct arena *arena)
{
    const unsigned char *text = sqlite3_value_text(value);
    size_t len = (size_t)sqlite3_value_bytes(value);
    const char *why = check_utf8(text, len);
    return why != NULL ? why : set_bytes(cell, arena, text, len);
}

/* STRING and JSON: numbers are written out where the column may hold them. A key without a declared type could hold 5 and
 * '5' as two keys, so there it must be text. */
static const char *take_any(struct lf_cell *cell, const struct column_type *type, bool key, sqlite3_value *value,
                            struct arena *arena)
{
    char text[REAL_TEXT_SIZE];
    int class = sqlite3_value_type(value);
    if (class == SQLITE_TEXT) {
        return take_text(cell, value, arena);
    }
    if (class == SQLITE_BLOB) {
        return "is a blob, not text";
    }
    if (key && type->affinity == AFFINITY_BLOB) {
        return "is a number, not text (a key column without a declared type must hold one kind of value)";
    }
    if (class == SQLITE_FLOAT) {
        return set_bytes(cell, arena, text, print_real(sqlite3_value_double(value), text));
    }
    int len = snprintf(text, sizeof text, "%" PRId64, (int64_t)sqlite3_value_int64(value));
    return set_bytes(cell, arena, text, (size_t)len);
}

static const char *take_integer(struct lf_cell *cell, sqlite3_value *value, bool boolean)
{
    if (sqlite3_value_type(value) != SQLITE_INTEGER) {
        return boolean ? "is neither 0 nor 1" : "is no integer of 64 bits";
    }
    cell->state = LF_CELL_VALUE;
    cell->i = sqlite3_value_int64(value);
    return boolean && cell->i != 0 && cell->i != 1 ? "is neither 0 nor 1" : NULL;
}

static const char *take_double(struct lf_cell *cell, sqlite3_value *value)
{
    int class = sqlite3_value_type(value);
    if (class != SQLITE_FLOAT && class != SQLITE_INTEGER) {
        return "is no number";
    }
    cell->state = LF_CELL_VALUE;
    cell->d = sqlite3_value_double(value);
    if (class == SQLITE_INTEGER) {
        int64_t exact = sqlite3_value_int64(value);
        if (cell->d >= 0x1p63 || (int64_t)cell->d != exact) {
            return "is an integer that a double cannot hold";
        }
    }
    return NULL;
}

static const char *take_binary(struct lf_cell *cell, const struct column_type *type, sqlite3_value *value,
                               struct arena *arena)
{
    int class = sqlite3_value_type(value);
    if (class != SQLITE_BLOB && !(class == SQLITE_TEXT && type->configured)) {
        return "is no blob";
    }
    const void *bytes = sqlite3_value_blob(value);
    return set_bytes(cell, arena, bytes != NULL ? bytes : "", (size_t)sqlite3_value_bytes(value));
}

static bool is_guid(const char *text, size_t len)
{
    if (len != 36) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
                   (text[i] >= 'A' && text[i] <= 'F');
        if (dash ? text[i] != '-' : !hex) {
            return false;
        }
    }
    return true;
}

/* A date with a time of midnight is a date too, but not in a key, where it would be a second text of the same day. */
static const char *take_date(struct lf_cell *cell, bool key, const char *at, size_t len, struct arena *arena)
{
    char moment[MOMENT_TEXT_SIZE];
    if (moment_is_date(at, len)) {
        return set_bytes(cell, arena, at, len);
    }
    if (!key && moment_datetime(at, len, moment) && strncmp(moment + DATE_LEN, MIDNIGHT, strlen(MIDNIGHT)) == 0 &&
        strspn(moment + DATE_LEN + strlen(MIDNIGHT), ".0") == strlen(moment) - DATE_LEN - strlen(MIDNIGHT)) {
        return set_bytes(cell, arena, moment, DATE_LEN);
    }
    return "is no date in the form yyyy-MM-dd (years 0001 to 9999)";
}

/* GUID and the ISO types: text of a given form. */
static const char *take_form(struct lf_cell *cell, enum lf_type type, bool key, sqlite3_value *value,
                             struct arena *arena)
{
    char moment[MOMENT_TEXT_SIZE];
    bool text = sqlite3_value_type(value) == SQLITE_TEXT;
    const char *at = text ? (const char *)sqlite3_value_text(value) : "";
    size_t len = text ? (size_t)sqlite3_value_bytes(value) : 0;
    switch (type) {
    case LF_TYPE_GUID:
        return is_guid(at, len) ? set_bytes(cell, arena, at, len) : "is no UUID of 36 characters";
    case LF_TYPE_DATE:
        return take_date(cell, key, at, len, arena);
    case LF_TYPE_TIME:
        return moment_time(at, len, moment) ? set_bytes(cell, arena, moment, strlen(moment))
                                            : "is no time in the form HH:mm:ss with at most 6 digits of a second";
    default:
        return moment_datetime(at, len, moment) ? set_bytes(cell, arena, moment, strlen(moment))
                                                : "is no ISO date and time (yyyy-MM-ddTHH:mm:ss in the years 0001 to "
                                                  "9999, at most 6 digits of a second, with or without a zone)";
    }
}

/* The functions for values cost less than those for columns, which look for the column, its error and a mutex each time;
 * they may be used on it because no other thread uses the connection. */
const char *value_to_cell(const struct column_type *type, bool key, sqlite3_stmt *stmt, int column, struct arena *arena,
                          struct lf_cell *ret_cell)
{
    sqlite3_value *value = sqlite3_column_value(stmt, column);
    if (sqlite3_value_type(value) == SQLITE_NULL) {
        ret_cell->state = LF_CELL_NULL;
        ret_cell->i = 0;
        return key ? "is NULL in a key" : NULL;
    }
    switch (type->type) {
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
        return take_integer(ret_cell, value, type->type == LF_TYPE_BOOLEAN);
    case LF_TYPE_DOUBLE:
        return take_double(ret_cell, value);
    case LF_TYPE_BINARY:
        return take_binary(ret_cell, type, value, arena);
    case LF_TYPE_STRING:
    case LF_TYPE_JSON:
        return take_any(ret_cell, type, key, value, arena);
    default:
        return take_form(ret_cell, type->type, key, value, arena);
    }
}

void value_bind_cell(sqlite3_stmt *stmt, int index, enum lf_type type, const struct lf_cell *cell)
{
    switch (type) {
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
        (void)sqlite3_bind_int64(stmt, index, cell->i);
        break;
    case LF_TYPE_DOUBLE:
        (void)sqlite3_bind_double(stmt, index, cell->d);
        break;
    case LF_TYPE_BINARY:
        (void)sqlite3_bind_blob64(stmt, index, cell->bytes.len > 0 ? cell->bytes.ptr : "", cell->bytes.len,
                                  SQLITE_TRANSIENT);
        break;
    default:
        (void)sqlite3_bind_text64(stmt, index, cell->bytes.len > 0 ? cell->bytes.ptr : "", cell->bytes.len,
                                  SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    }
}

void value_print(struct buf *out, sqlite3_stmt *stmt, int column)
{
    int class = sqlite3_column_type(stmt, column);
    const unsigned char *bytes =
        class == SQLITE_BLOB ? sqlite3_column_blob(stmt, column) : sqlite3_column_text(stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(stmt, column);
    size_t shown = len < PRINT_MAX ? len : PRINT_MAX;
    if (class == SQLITE_NULL) {
        buf_append_text(out, "NULL");
        return;
    }
    if (class != SQLITE_BLOB && class != SQLITE_TEXT) {
        buf_append(out, bytes, len);
        return;
    }
    buf_append_text(out, class == SQLITE_BLOB ? "x'" : "'");
    for (size_t i = 0; i < shown; i++) {
        if (class == SQLITE_BLOB) {
            buf_printf(out, "%02x", bytes[i]);
        } else {
            bool printable = bytes[i] >= 0x20 && bytes[i] != 0x7f;
            buf_append(out, printable ? bytes + i : (const unsigned char *)"?", 1);
        }
    }
    buf_append_text(out, shown < len ? "…'" : "'");
}
