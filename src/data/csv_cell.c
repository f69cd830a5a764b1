/* SPDX-License-Identifier: Apache-2.0 */
#include "data/csv.h"

#include "base/crypto.h"
#include "base/utf8.h"
#include "data/csv_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT_MAX ((size_t)40)
#define WORD sizeof(uint64_t)

/* ---- text ---- */

/* Whether the bytes are all between U+0001 and U+007F; counts the quotes. */
static bool is_plain_word(uint64_t word, size_t *quotes)
{
    /* Without high bits, only a zero byte borrows into its own. */
    if (((word | (word - CSV_EACH_BYTE(1))) & CSV_HIGH_BITS) != 0) {
        return false;
    }
    *quotes += csv_count_bytes(csv_bytes_equal(word, '"'));
    return true;
}

/* Fewer than WORD bytes, filled up with blanks. */
static uint64_t short_word(const char *at, size_t len)
{
    uint64_t word = CSV_EACH_BYTE(' ');
    for (size_t i = 0; i < len; i++) {
        word = word << 8 | (unsigned char)at[i];
    }
    return word;
}

static uint64_t load_word(const char *at)
{
    uint64_t word = 0;
    memcpy(&word, at, WORD);
    return word;
}

const char *csv_check_text(struct lf_slice value, size_t *ret_quotes)
{
    const char *at = value.ptr;
    size_t left = value.len;
    size_t quotes = 0;
    while (left > 0) {
        size_t n = left < WORD ? left : WORD;
        if (!is_plain_word(n == WORD ? load_word(at) : short_word(at, n), &quotes)) {
            n = utf8_char_len(at, left);
            if (n == 0) {
                return "is not valid UTF-8";
            }
            if (*at == '\0') {
                return "contains the character U+0000";
            }
            quotes += *at == '"';
        }
        at += n;
        left -= n;
    }
    if (ret_quotes != NULL) {
        *ret_quotes = quotes;
    }
    return NULL;
}

/* Starts of values are shown in messages: no control characters, nothing that is not UTF-8. */
static void print_excerpt(struct lf_slice value, char ret_text[EXCERPT_MAX + sizeof "…"])
{
    const char *from = value.ptr;
    size_t at = 0;
    size_t len = 0;
    while (at < value.len) {
        size_t n = utf8_char_len(from + at, value.len - at);
        bool plain = n > 0 && (unsigned char)from[at] >= ' ' && from[at] != '\x7F';
        n = n > 0 ? n : 1;
        if (len + n > EXCERPT_MAX) {
            break;
        }
        memcpy(ret_text + len, plain ? from + at : "?", plain ? n : 1);
        len += plain ? n : 1;
        at += n;
    }
    memcpy(ret_text + len, at < value.len ? "…" : "", at < value.len ? sizeof "…" : 1);
}

bool csv_refuse(const struct lf_column *column, struct lf_slice value, const char *reason, struct lf_error *err)
{
    char excerpt[EXCERPT_MAX + sizeof "…"];
    print_excerpt(value, excerpt);
    return lf_error_set(err, LF_DATA, 0, "column %s: '%s' %s", column->name, excerpt, reason);
}

/* ---- values of bounded length ---- */

static const char *print_boolean(int64_t value, char *out, size_t *ret_len)
{
    if (value != 0 && value != 1) {
        *ret_len = csv_print_int64(value, out);
        return "is neither 0 nor 1";
    }
    *ret_len = value != 0 ? 4 : 5;
    memcpy(out, value != 0 ? "True" : "False", *ret_len);
    return NULL;
}

const char *csv_print_fixed(const struct lf_column *column, const struct lf_cell *cell, char out[CSV_FIXED_SIZE],
                            size_t *ret_len)
{
    unsigned scale = column->scale;
    if (scale > CSV_SCALE_MAX && column->type != LF_TYPE_DECIMAL) {
        scale = CSV_SCALE_MAX;
    }
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        return print_boolean(cell->i, out, ret_len);
    case LF_TYPE_INT64:
        *ret_len = csv_print_int64(cell->i, out);
        return NULL;
    case LF_TYPE_DOUBLE:
        *ret_len = csv_print_double(cell->d, out);
        return NULL;
    case LF_TYPE_DECIMAL:
        return csv_print_decimal(column, cell->bytes, out, ret_len);
    case LF_TYPE_GUID:
        return csv_print_guid(cell->bytes, out, ret_len);
    case LF_TYPE_DATE:
        return csv_print_date(cell->bytes, out, ret_len);
    case LF_TYPE_TIME:
        return csv_print_time(cell->bytes, scale, out, ret_len);
    case LF_TYPE_DATETIME:
    case LF_TYPE_DATETIMEOFFSET:
        return csv_print_datetime(cell->bytes, column->type == LF_TYPE_DATETIMEOFFSET, scale, out, ret_len);
    case LF_TYPE_STRING:
    case LF_TYPE_JSON:
    case LF_TYPE_BINARY:
        break;
    }
    abort(); /* not a type of bounded length */
}

/* 0 for what is no integer: its canonical text then differs. */
static int64_t read_int64(struct lf_slice text)
{
    const char *at = text.ptr;
    size_t sign = text.len > 0 && at[0] == '-' ? 1 : 0;
    uint64_t value = 0;
    for (size_t i = sign; i < text.len; i++) {
        value = value * 10 + (uint64_t)(unsigned char)(at[i] - '0');
    }
    return (int64_t)(sign != 0 ? -value : value);
}

static double read_double(struct lf_slice text)
{
    char copy[CSV_FIXED_SIZE];
    if (text.len >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return strtod(copy, NULL);
}

static void read_fixed(const struct lf_column *column, struct lf_slice text, struct lf_cell *ret_cell)
{
    ret_cell->state = LF_CELL_VALUE;
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        ret_cell->i = slice_equal(text, slice_of_text("True")) ? 1 : 0;
        break;
    case LF_TYPE_INT64:
        ret_cell->i = read_int64(text);
        break;
    case LF_TYPE_DOUBLE:
        ret_cell->d = read_double(text);
        break;
    case LF_TYPE_DATETIME: /* crosses the connector interface without its Z */
        ret_cell->bytes = (struct lf_slice){text.ptr, text.len > 0 ? text.len - 1 : 0};
        break;
    default:
        ret_cell->bytes = text;
        break;
    }
}

const char *csv_parse_fixed(const struct lf_column *column, struct lf_slice text, struct lf_cell *ret_cell)
{
    char canonical[CSV_FIXED_SIZE];
    size_t len = 0;
    read_fixed(column, text, ret_cell);
    const char *reason = csv_print_fixed(column, ret_cell, canonical, &len);
    if (reason == NULL && !slice_equal(text, (struct lf_slice){canonical, len})) {
        reason = "is not the text that lakefeed writes for this type; the file was altered";
    }
    return reason;
}

/* ---- cells ---- */

static void append_doubled(struct buf *out, struct lf_slice value, size_t nquotes)
{
    char *to = csv_room(out, value.len + nquotes + 2);
    to = to != NULL ? to : buf_reserve(out, value.len + nquotes + 2);
    if (to == NULL) {
        return;
    }
    const char *from = value.ptr;
    const char *end = from + value.len;
    *to++ = '"';
    for (size_t i = 0; i < nquotes; i++) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        assert(quote != NULL);
        size_t len = (size_t)(quote - from) + 1;
        memcpy(to, from, len);
        to[len] = '"';
        to += len + 1;
        from += len;
    }
    if (from < end) {
        memcpy(to, from, (size_t)(end - from));
        to += end - from;
    }
    *to++ = '"';
    csv_commit(out, value.len + nquotes + 2);
}

static bool append_text(struct buf *out, const struct lf_column *column, struct lf_slice value, struct lf_error *err)
{
    size_t quotes = 0;
    const char *reason = csv_check_text(value, &quotes);
    if (reason != NULL) {
        return csv_refuse(column, value, reason, err);
    }
    append_doubled(out, value, quotes);
    return true;
}

static void append_binary(struct buf *out, struct lf_slice value)
{
    buf_append_char(out, '"');
    base64_append(out, value.ptr, value.len);
    buf_append_char(out, '"');
}

static bool append_fixed(struct buf *out, const struct lf_column *column, const struct lf_cell *cell,
                         struct lf_error *err)
{
    char aside[CSV_FIXED_SIZE + 2]; /* used when the buffer is nearly full */
    char *room = csv_room(out, sizeof aside);
    char *text = room != NULL ? room : aside;
    size_t quote = csv_is_quoted(column->type) ? 1 : 0;
    size_t len = 0;
    const char *reason = csv_print_fixed(column, cell, text + quote, &len);
    if (reason != NULL) {
        struct lf_slice shown = column->type == LF_TYPE_BOOLEAN ? (struct lf_slice){text, len} : cell->bytes;
        csv_refuse(column, shown, reason, err);
        csv_cut(out, out->len);
        return false;
    }
    if (quote != 0) {
        text[0] = text[len + 1] = '"';
    }
    if (room != NULL) {
        csv_commit(out, len + 2 * quote);
    } else {
        buf_append(out, text, len + 2 * quote);
    }
    return true;
}

static bool append_value(struct buf *out, const struct lf_column *column, const struct lf_cell *cell,
                         struct lf_error *err)
{
    if (!csv_is_text(column->type) && column->type != LF_TYPE_BINARY) {
        return append_fixed(out, column, cell, err);
    }
    if (cell->bytes.len > CSV_ROW_MAX) {
        return lf_error_set(err, LF_LIMIT, 0,
                            "column %s: a value of %zu bytes is more than the %zu bytes that a row may have; leave the "
                            "column out (exclude), or shorten the value",
                            column->name, cell->bytes.len, CSV_ROW_MAX);
    }
    if (csv_is_text(column->type)) {
        return append_text(out, column, cell->bytes, err);
    }
    append_binary(out, cell->bytes);
    return true;
}

static void append_byte(struct buf *out, char byte)
{
    char *room = csv_room(out, 1);
    if (room == NULL) {
        buf_append_char(out, byte);
        return;
    }
    *room = byte;
    csv_commit(out, 1);
}

bool csv_append_cell(struct buf *out, const struct lf_column *column, const struct lf_cell *cell, struct lf_error *err)
{
    if (cell->state == LF_CELL_NULL) {
        return true;
    }
    if (cell->state == LF_CELL_ABSENT) {
        append_byte(out, CSV_ABSENT);
        return true;
    }
    if (cell->state == LF_CELL_REFUSED) {
        return lf_error_set(err, cell->refusal->kind, 0, "%s", cell->refusal->reason);
    }
    TRY(append_value(out, column, cell, err));
    return !out->overflow || buf_check(out, column->name, err);
}

static bool append_cells(struct buf *out, const struct lf_schema *schema, const struct lf_cell *cells, bool *ret_absent,
                         struct lf_error *err)
{
    size_t start = out->len;
    *ret_absent = false;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (i > 0) {
            append_byte(out, ',');
        }
        TRY(csv_append_cell(out, &schema->columns[i], &cells[i], err));
        *ret_absent = *ret_absent || cells[i].state == LF_CELL_ABSENT;
        if (out->len - start >= CSV_ROW_MAX) {
            return lf_error_set(
                err, LF_LIMIT, 0,
                "column %s: here the row exceeds the %zu bytes that a row may have; leave a large column out "
                "(exclude), or shorten its value",
                schema->columns[i].name, CSV_ROW_MAX);
        }
    }
    if (out->len == start) { /* readers skip blank lines, the row would be lost */
        return lf_error_set(err, LF_DATA, 0, "column %s: the only column of a table must not be NULL",
                            schema->columns[0].name);
    }
    return buf_check(out, "row", err);
}

bool csv_append_row(struct buf *out, const struct lf_schema *schema, const struct lf_cell *cells, bool *ret_absent,
                    struct lf_error *err)
{
    size_t start = out->len;
    bool absent = false;
    if (!append_cells(out, schema, cells, &absent, err)) {
        csv_cut(out, start);
        return false;
    }
    if (ret_absent != NULL) {
        *ret_absent = absent;
    }
    return true;
}

/* ---- back ---- */

const char *csv_append_unquoted(struct buf *out, struct lf_slice raw)
{
    static const char reason[] = "has a quote that is not doubled; the file was altered";
    const char *from = (const char *)raw.ptr + 1;
    const char *end = (const char *)raw.ptr + raw.len - 1;
    while (from < end) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        if (quote == NULL) {
            buf_append(out, from, (size_t)(end - from));
            break;
        }
        if (quote + 1 >= end || quote[1] != '"') {
            return reason;
        }
        buf_append(out, from, (size_t)(quote + 1 - from));
        from = quote + 2;
    }
    return NULL;
}

static bool parse_bytes(const struct lf_column *column, struct lf_slice raw, struct buf *scratch,
                        struct lf_cell *ret_cell, struct lf_error *err)
{
    size_t start = scratch->len;
    if (column->type == LF_TYPE_BINARY) {
        if (!base64_decode((const char *)raw.ptr + 1, raw.len - 2, scratch, err)) {
            return lf_error_wrap(err, "column %s", column->name);
        }
    } else {
        const char *reason = csv_append_unquoted(scratch, raw);
        struct lf_slice value = {scratch->ptr + start, scratch->len - start};
        reason = reason != NULL || value.len == 0 ? reason : csv_check_text(value, NULL);
        if (reason != NULL) {
            return csv_refuse(column, raw, reason, err);
        }
    }
    ret_cell->bytes = (struct lf_slice){scratch->ptr + start, scratch->len - start};
    return true;
}

static bool parse_fixed(const struct lf_column *column, struct lf_slice raw, struct buf *scratch,
                        struct lf_cell *ret_cell, struct lf_error *err)
{
    struct lf_slice text = raw;
    if (csv_is_quoted(column->type)) {
        text = (struct lf_slice){(const char *)raw.ptr + 1, raw.len - 2};
    }
    const char *reason = csv_parse_fixed(column, text, ret_cell);
    if (reason != NULL) {
        return csv_refuse(column, raw, reason, err);
    }
    if (column->type != LF_TYPE_BOOLEAN && column->type != LF_TYPE_INT64 && column->type != LF_TYPE_DOUBLE) {
        size_t start = scratch->len;
        buf_append(scratch, ret_cell->bytes.ptr, ret_cell->bytes.len);
        ret_cell->bytes.ptr = scratch->ptr + start;
    }
    return true;
}

bool csv_parse_cell(const struct lf_column *column, struct lf_slice raw, struct buf *scratch, struct lf_cell *ret_cell,
                    struct lf_error *err)
{
    *ret_cell = (struct lf_cell){.state = csv_is_null(raw) ? LF_CELL_NULL : LF_CELL_ABSENT};
    if (csv_is_null(raw) || csv_is_absent(raw)) {
        return true;
    }
    if (buf_reserve(scratch, raw.len) == NULL) { /* no append below moves the buffer or fails */
        return buf_check(scratch, column->name, err);
    }
    ret_cell->state = LF_CELL_VALUE;
    const char *text = raw.ptr;
    bool quoted = raw.len >= 2 && text[0] == '"' && text[raw.len - 1] == '"';
    if (quoted != csv_is_quoted(column->type)) {
        return csv_refuse(column, raw, quoted ? "must not be quoted" : "must be quoted", err);
    }
    if (csv_is_text(column->type) || column->type == LF_TYPE_BINARY) {
        return parse_bytes(column, raw, scratch, ret_cell, err);
    }
    return parse_fixed(column, raw, scratch, ret_cell, err);
}
