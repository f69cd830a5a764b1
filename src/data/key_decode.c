/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "data/csv_internal.h"
#include "data/key.h"
#include "data/key_internal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_MAX ((size_t)200)

static bool read_u64(const char **at, const char *end, uint64_t *ret)
{
    if ((size_t)(end - *at) < sizeof *ret) {
        return false;
    }
    memcpy(ret, *at, sizeof *ret);
    *ret = be64toh(*ret);
    *at += sizeof *ret;
    return true;
}

static bool read_boolean(const char **at, const char *end, struct lf_cell *ret_cell)
{
    if (*at == end || (**at != 0 && **at != 1)) {
        return false;
    }
    ret_cell->i = (unsigned char)*(*at)++;
    return true;
}

static bool read_int64(const char **at, const char *end, struct lf_cell *ret_cell)
{
    uint64_t value = 0;
    if (!read_u64(at, end, &value)) {
        return false;
    }
    ret_cell->i = (int64_t)(value ^ KEY_SIGN_BIT);
    return true;
}

static bool read_double(const char **at, const char *end, struct lf_cell *ret_cell)
{
    uint64_t value = 0;
    if (!read_u64(at, end, &value)) {
        return false;
    }
    uint64_t bits = (value & KEY_SIGN_BIT) != 0 ? value ^ KEY_SIGN_BIT : ~value;
    memcpy(&ret_cell->d, &bits, sizeof ret_cell->d);
    return key_double_order(ret_cell->d) == value; /* only one NaN and one zero are written */
}

static bool read_bytes(const char **at, const char *end, struct buf *out)
{
    while (*at < end) {
        const char *zero = memchr(*at, '\0', (size_t)(end - *at));
        if (zero == NULL || zero + 1 == end) {
            return false;
        }
        buf_append(out, *at, (size_t)(zero - *at));
        *at = zero + KEY_END_LEN;
        if (zero[1] == KEY_END) {
            return true;
        }
        if (zero[1] != KEY_ESCAPED) {
            return false;
        }
        buf_append_char(out, '\0');
    }
    return false;
}

static bool read_text(const struct lf_column *column, const char **at, const char *end, struct lf_cell *ret_cell,
                      struct buf *scratch)
{
    size_t start = scratch->len;
    bool ok =
        column->type == LF_TYPE_DECIMAL ? key_read_decimal(column, at, end, scratch) : read_bytes(at, end, scratch);
    if (!ok) {
        return false;
    }
    ret_cell->bytes = (struct lf_slice){scratch->ptr + start, scratch->len - start};
    if (column->type == LF_TYPE_BINARY) {
        return true;
    }
    if (csv_is_text(column->type)) {
        return csv_check_text(ret_cell->bytes, NULL) == NULL;
    }
    return csv_parse_fixed(column, ret_cell->bytes, ret_cell) == NULL;
}

static bool read_cell(const struct lf_column *column, const char **at, const char *end, struct lf_cell *ret_cell,
                      struct buf *scratch)
{
    *ret_cell = (struct lf_cell){.state = LF_CELL_VALUE};
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        return read_boolean(at, end, ret_cell);
    case LF_TYPE_INT64:
        return read_int64(at, end, ret_cell);
    case LF_TYPE_DOUBLE:
        return read_double(at, end, ret_cell);
    default:
        return read_text(column, at, end, ret_cell, scratch);
    }
}

bool key_decode(const struct lf_schema *schema, struct lf_slice key, struct lf_cell *ret_cells, struct buf *scratch,
                struct lf_error *err)
{
    /* Only the text of a decimal can be longer than its bytes. Reserved at once, so that the cells' pointers stay. */
    if (buf_reserve(scratch, key.len + (size_t)schema->nkey * CSV_FIXED_SIZE) == NULL) {
        return buf_check(scratch, "key", err);
    }
    const char *at = key.len > 0 ? key.ptr : "";
    const char *end = at + key.len;
    for (uint32_t i = 0; i < schema->nkey; i++) {
        const struct lf_column *column = &schema->columns[schema->key[i]];
        if (!read_cell(column, &at, end, &ret_cells[i], scratch)) {
            return lf_error_set(err, LF_DATA, 0, "the bytes of a key do not give a value for its column %s",
                                column->name);
        }
    }
    if (at != end) {
        return lf_error_set(err, LF_DATA, 0, "a key has %zu bytes more than its columns", (size_t)(end - at));
    }
    return true;
}

/* ---- messages ---- */

static void print_hex(struct lf_slice value, struct buf *out)
{
    const unsigned char *bytes = value.ptr;
    buf_append_text(out, "x'");
    for (size_t i = 0; i < value.len && i < PRINT_MAX; i++) {
        buf_printf(out, "%02x", bytes[i]);
    }
    buf_append_char(out, '\'');
}

static void print_text(struct lf_slice value, struct buf *out)
{
    const char *text = value.ptr;
    buf_append_char(out, '\'');
    for (size_t i = 0; i < value.len && i < PRINT_MAX; i++) {
        bool control = (unsigned char)text[i] < ' ' || text[i] == '\x7F';
        buf_append(out, control ? "?" : text + i, 1);
    }
    buf_append_char(out, '\'');
}

static void print_cell(const struct lf_column *column, const struct lf_cell *cell, struct buf *out)
{
    char text[CSV_FIXED_SIZE];
    size_t len = 0;
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        buf_append_text(out, cell->i != 0 ? "True" : "False");
        break;
    case LF_TYPE_INT64:
        len = csv_print_int64(cell->i, text);
        buf_append(out, text, len);
        break;
    case LF_TYPE_DOUBLE:
        len = csv_print_double(cell->d, text);
        buf_append(out, text, len);
        break;
    case LF_TYPE_DECIMAL:
        buf_append(out, cell->bytes.ptr, cell->bytes.len);
        break;
    case LF_TYPE_BINARY:
        print_hex(cell->bytes, out);
        break;
    default:
        print_text(cell->bytes, out);
        break;
    }
}

static void append_cut(struct buf *out, struct lf_slice text)
{
    if (text.len <= PRINT_MAX) {
        buf_append(out, text.ptr, text.len);
        return;
    }
    const char *at = text.ptr;
    size_t len = PRINT_MAX - strlen("…");
    while (len > 0 && ((unsigned char)at[len] & 0xC0) == 0x80) { /* not within a character */
        len--;
    }
    buf_append(out, at, len);
    buf_append_text(out, "…");
}

void key_print(const struct lf_schema *schema, struct lf_slice key, struct buf *out)
{
    CLEANUP(buf_done) struct buf scratch = {0};
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_error err;
    struct lf_cell *cells = mem_new(schema->nkey, sizeof *cells);
    bool ok = key_decode(schema, key, cells, &scratch, &err);
    for (uint32_t i = 0; ok && i < schema->nkey && text.len <= PRINT_MAX; i++) {
        const struct lf_column *column = &schema->columns[schema->key[i]];
        buf_append_text(&text, i > 0 ? ", " : "");
        buf_append_text(&text, column->name);
        buf_append_char(&text, '=');
        print_cell(column, &cells[i], &text);
    }
    free(cells);
    append_cut(out, ok ? buf_slice(&text) : slice_of_text("(unreadable key)"));
}
