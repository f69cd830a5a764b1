/* SPDX-License-Identifier: Apache-2.0 */
#include "data/bad_row.h"

#include <endian.h>
#include <string.h>

#define TEXTS_AT (1 + sizeof(uint32_t)) /* behind kind and column */

static void append_slice(struct buf *out, struct lf_slice slice)
{
    uint32_t len = htole32((uint32_t)slice.len);
    buf_append(out, &len, sizeof len);
    buf_append(out, slice.ptr, slice.len);
}

static bool take_slice(struct lf_slice *rest, struct lf_slice *ret)
{
    const char *at = rest->ptr;
    uint32_t len = 0;
    if (rest->len < sizeof len) {
        return false;
    }
    memcpy(&len, at, sizeof len);
    len = le32toh(len);
    if (rest->len - sizeof len < len) {
        return false;
    }
    *ret = (struct lf_slice){at + sizeof len, len};
    *rest = (struct lf_slice){at + sizeof len + len, rest->len - sizeof len - len};
    return true;
}

/* Not within a character. */
static struct lf_slice cut_text(struct lf_slice text)
{
    const char *at = text.ptr;
    if (text.len > BAD_ROW_TEXT_MAX) {
        text.len = BAD_ROW_TEXT_MAX;
        while (text.len > 0 && ((unsigned char)at[text.len] & 0xC0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

void bad_row_append_key(struct buf *out, struct lf_slice cell)
{
    append_slice(out, cell);
}

void bad_row_append(struct buf *out, const struct bad_row *row)
{
    struct lf_slice start = row->start;
    start.len = start.len > BAD_ROW_START_MAX ? BAD_ROW_START_MAX : start.len;
    uint32_t id = htole32(row->column_id);
    buf_append_char(out, (char)row->kind);
    buf_append(out, &id, sizeof id);
    append_slice(out, cut_text(row->column));
    append_slice(out, cut_text(row->reason));
    append_slice(out, start);
    buf_append(out, row->key.ptr, row->key.len);
}

bool bad_row_read(struct lf_slice note, struct bad_row *ret_row)
{
    uint32_t id = 0;
    if (note.len < TEXTS_AT) {
        return false;
    }
    const char *at = note.ptr;
    struct lf_slice rest = {at + TEXTS_AT, note.len - TEXTS_AT};
    memcpy(&id, at + 1, sizeof id);
    *ret_row = (struct bad_row){.kind = (enum lf_error_kind)(unsigned char)at[0], .column_id = le32toh(id)};
    bool ok = (ret_row->kind == LF_DATA || ret_row->kind == LF_LIMIT) && take_slice(&rest, &ret_row->column) &&
              take_slice(&rest, &ret_row->reason) && take_slice(&rest, &ret_row->start) &&
              ret_row->start.len <= BAD_ROW_START_MAX;
    ret_row->key = rest;
    for (struct lf_slice cell; ok && rest.len > 0;) {
        ok = take_slice(&rest, &cell);
    }
    return ok;
}

bool bad_row_next_key(struct lf_slice *key, struct lf_slice *ret_cell)
{
    return key->len > 0 && take_slice(key, ret_cell);
}
