/* SPDX-License-Identifier: Apache-2.0 */
#include "data/key.h"

#include "base/crypto.h"
#include "data/csv.h"
#include "data/csv_internal.h"
#include "data/key_internal.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#define NAN_BITS UINT64_C(0x7FF8000000000000)

static void append_u64(struct buf *out, uint64_t value)
{
    value = htobe64(value);
    buf_append(out, &value, sizeof value);
}

uint64_t key_double_order(double value)
{
    uint64_t bits = 0;
    value = value == 0 ? 0 : value; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    bits = isnan(value) ? NAN_BITS : bits;
    return (bits & KEY_SIGN_BIT) != 0 ? ~bits : bits | KEY_SIGN_BIT;
}

/* ---- bytes with a terminator ---- */

/* Escapes the bytes of out from start on, and ends them. */
static void end_bytes(struct buf *out, size_t start)
{
    size_t zeros = 0;
    for (size_t i = start; i < out->len; i++) {
        zeros += out->ptr[i] == '\0';
    }
    char *end = buf_reserve(out, zeros + KEY_END_LEN);
    if (end == NULL) {
        return;
    }
    char *to = end + zeros;
    for (char *from = end; to > from;) {
        *--to = *--from;
        if (*to == '\0') {
            *to = KEY_ESCAPED;
            *--to = '\0';
        }
    }
    memcpy(end + zeros, (const char[]){'\0', KEY_END}, KEY_END_LEN);
    buf_commit(out, zeros + KEY_END_LEN);
}

static void append_bytes(struct buf *out, struct lf_slice value)
{
    size_t start = out->len;
    buf_append(out, value.ptr, value.len);
    end_bytes(out, start);
}

/* ---- one column ---- */

static bool append_number(struct buf *out, enum lf_type type, const struct lf_cell *cell)
{
    switch (type) {
    case LF_TYPE_BOOLEAN:
        buf_append_char(out, (char)cell->i);
        return true;
    case LF_TYPE_INT64:
        append_u64(out, (uint64_t)cell->i ^ KEY_SIGN_BIT);
        return true;
    case LF_TYPE_DOUBLE:
        append_u64(out, key_double_order(cell->d));
        return true;
    default:
        return false;
    }
}

/* cell and text: two forms of one value of bounded length. */
static void append_fixed(struct buf *out, enum lf_type type, const struct lf_cell *cell, struct lf_slice text)
{
    if (append_number(out, type, cell)) {
        return;
    }
    if (type == LF_TYPE_DECIMAL) {
        key_append_decimal(out, text);
    } else {
        append_bytes(out, text);
    }
}

static bool refuse_long(const struct lf_column *column, struct lf_slice value, struct lf_error *err)
{
    (void)csv_refuse(column, value,
                     "makes the key of its row longer than 16384 bytes; shorten it, or leave the table out", err);
    err->kind = LF_LIMIT;
    return false;
}

/* Before a long value is copied. CSV text doubles quotes and has two of its own. */
static bool check_length(const struct lf_column *column, struct lf_slice value, struct lf_error *err)
{
    return value.len <= 2 * KEY_MAX + 2 || refuse_long(column, value, err);
}

static bool append_from_raw_bytes(struct buf *out, const struct lf_column *column, struct lf_slice raw,
                                  struct lf_error *err)
{
    size_t start = out->len;
    TRY(check_length(column, raw, err));
    if (column->type == LF_TYPE_BINARY) {
        if (!base64_decode((const char *)raw.ptr + 1, raw.len - 2, out, err)) {
            return lf_error_wrap(err, "key column %s", column->name);
        }
        end_bytes(out, start);
        return true;
    }
    const char *reason = csv_append_unquoted(out, raw);
    if (reason == NULL && out->len > start) {
        reason = csv_check_text((struct lf_slice){out->ptr + start, out->len - start}, NULL);
    }
    if (reason != NULL) {
        return csv_refuse(column, raw, reason, err);
    }
    end_bytes(out, start);
    return true;
}

static bool append_from_raw(struct buf *out, const struct lf_column *column, struct lf_slice raw, struct lf_error *err)
{
    if (csv_is_null(raw) || csv_is_absent(raw)) {
        return lf_error_set(err, LF_DATA, 0, "key column %s is %s", column->name,
                            csv_is_null(raw) ? "NULL" : "not known");
    }
    struct lf_slice text = raw;
    if (csv_is_quoted(column->type)) {
        const char *at = raw.ptr;
        if (raw.len < 2 || at[0] != '"' || at[raw.len - 1] != '"') {
            return csv_refuse(column, raw, "must be quoted", err);
        }
        text = (struct lf_slice){at + 1, raw.len - 2};
    }
    if (csv_is_text(column->type) || column->type == LF_TYPE_BINARY) {
        return append_from_raw_bytes(out, column, raw, err);
    }
    struct lf_cell cell;
    const char *reason = csv_parse_fixed(column, text, &cell);
    if (reason != NULL) {
        return csv_refuse(column, raw, reason, err);
    }
    append_fixed(out, column->type, &cell, text);
    return true;
}

static bool append_from_cell(struct buf *out, const struct lf_column *column, const struct lf_cell *cell,
                             struct lf_error *err)
{
    if (cell->state != LF_CELL_VALUE) {
        return lf_error_set(err, LF_DATA, 0, "key column %s is %s", column->name,
                            cell->state == LF_CELL_NULL ? "NULL" : "not known");
    }
    const char *reason = NULL;
    if (csv_is_text(column->type) || column->type == LF_TYPE_BINARY) {
        TRY(check_length(column, cell->bytes, err));
        reason = csv_is_text(column->type) ? csv_check_text(cell->bytes, NULL) : NULL;
        if (reason != NULL) {
            return csv_refuse(column, cell->bytes, reason, err);
        }
        append_bytes(out, cell->bytes);
        return true;
    }
    char text[CSV_FIXED_SIZE];
    size_t len = 0;
    reason = csv_print_fixed(column, cell, text, &len);
    if (reason != NULL) {
        return csv_refuse(column, column->type == LF_TYPE_BOOLEAN ? (struct lf_slice){text, len} : cell->bytes, reason,
                          err);
    }
    append_fixed(out, column->type, cell, (struct lf_slice){text, len});
    return true;
}

/* ---- whole keys ---- */

static bool check_key(struct buf *out, size_t start, const struct lf_column *column, struct lf_slice value,
                      struct lf_error *err)
{
    return out->len - start > KEY_MAX ? refuse_long(column, value, err) : buf_check(out, "key", err);
}

/* From one of raw_cells (all of a row) and key_cells (of the key); the other is NULL. */
static bool append_columns(struct buf *out, const struct lf_schema *schema, const struct lf_slice *raw_cells,
                           const struct lf_cell *key_cells, struct lf_error *err)
{
    size_t start = out->len;
    if (schema->nkey == 0) {
        return lf_error_set(err, LF_SCHEMA, 0, "the table has no key; give it a primary key or leave it out");
    }
    for (uint32_t i = 0; i < schema->nkey; i++) {
        const struct lf_column *column = &schema->columns[schema->key[i]];
        bool text = csv_is_text(column->type) || column->type == LF_TYPE_BINARY;
        struct lf_slice value = raw_cells != NULL ? raw_cells[schema->key[i]]
                                : text            ? key_cells[i].bytes
                                                  : slice_of_text("");
        if (raw_cells != NULL) {
            TRY(append_from_raw(out, column, value, err));
        } else {
            TRY(append_from_cell(out, column, &key_cells[i], err));
        }
        TRY(check_key(out, start, column, value, err));
    }
    return true;
}

static bool append_key(struct buf *out, const struct lf_schema *schema, const struct lf_slice *raw_cells,
                       const struct lf_cell *key_cells, struct lf_error *err)
{
    size_t start = out->len;
    if (!append_columns(out, schema, raw_cells, key_cells, err)) {
        csv_cut(out, start);
        return false;
    }
    return true;
}

bool key_append_from_row(struct buf *out, const struct lf_schema *schema, const struct lf_slice *raw_cells,
                         struct lf_error *err)
{
    return append_key(out, schema, raw_cells, NULL, err);
}

bool key_append_from_cells(struct buf *out, const struct lf_schema *schema, const struct lf_cell *key_cells,
                           struct lf_error *err)
{
    return append_key(out, schema, NULL, key_cells, err);
}
