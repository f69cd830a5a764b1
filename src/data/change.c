/* SPDX-License-Identifier: Apache-2.0 */
#include "data/change.h"

#include "data/change_layout.h"

#include <assert.h>
#include <endian.h>

/* Writes an integer and moves on. */
static char *put_u16(char *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put_u32(char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put_u64(char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *put_slice(char *at, struct lf_slice slice)
{
    if (slice.len > 0) {
        memcpy(at, slice.ptr, slice.len);
    }
    return at + slice.len;
}

size_t change_size(const struct change *change)
{
    size_t from = (change->flags & CHANGE_MOVED) != 0 ? sizeof(uint16_t) + change->from.len : 0;
    return CHANGE_KEY_AT + change->key.len + from + change->row.len;
}

void change_write(char *out, const struct change *change)
{
    size_t size = change_size(change);
    assert(change->key.len <= UINT16_MAX && change->from.len <= UINT16_MAX && size <= UINT32_MAX);
    char *at = put_u32(out, (uint32_t)(size - CHANGE_SEQ_AT));
    at = put_u64(at, change->seq);
    at = put_u64(at, change->token);
    at = put_u32(at, change->schema_version);
    *at++ = (char)change->op;
    *at++ = (char)change->flags;
    at = put_u16(at, (uint16_t)change->key.len);
    at = put_slice(at, change->key);
    if ((change->flags & CHANGE_MOVED) != 0) {
        at = put_u16(at, (uint16_t)change->from.len);
        at = put_slice(at, change->from);
    }
    at = put_slice(at, change->row);
    assert((size_t)(at - out) == size);
}

void change_append(struct buf *out, const struct change *change)
{
    size_t size = change_size(change);
    char *room = buf_reserve(out, size);
    if (room != NULL) {
        change_write(room, change);
        buf_commit(out, size);
    }
}

/* Takes a length and as many bytes from the front of *rest. */
static bool take_short_slice(struct lf_slice *rest, struct lf_slice *ret_slice)
{
    const char *at = rest->ptr;
    if (rest->len < sizeof(uint16_t)) {
        return false;
    }
    size_t len = change_load_u16(at);
    if (rest->len - sizeof(uint16_t) < len) {
        return false;
    }
    *ret_slice = (struct lf_slice){at + sizeof(uint16_t), len};
    *rest = (struct lf_slice){at + sizeof(uint16_t) + len, rest->len - sizeof(uint16_t) - len};
    return true;
}

bool change_read(const void *bytes, size_t len, struct change *ret_change, size_t *ret_size)
{
    const char *at = bytes;
    if (len < CHANGE_KEY_AT) {
        return false;
    }
    size_t size = CHANGE_SEQ_AT + (size_t)change_load_u32(at);
    uint8_t op = (uint8_t)at[CHANGE_OP_AT];
    uint8_t flags = (uint8_t)at[CHANGE_FLAGS_AT];
    if (size < CHANGE_KEY_AT || size > len || op > LF_OP_UPSERT ||
        (flags & ~(CHANGE_PARTIAL | CHANGE_MOVED | CHANGE_BAD | CHANGE_REPAIRED | CHANGE_REFERENCE)) != 0) {
        return false;
    }
    struct lf_slice rest = {at + CHANGE_KEY_LEN_AT, size - CHANGE_KEY_LEN_AT};
    struct lf_slice key = {0};
    struct lf_slice from = {0};
    if (!take_short_slice(&rest, &key) || ((flags & CHANGE_MOVED) != 0 && !take_short_slice(&rest, &from))) {
        return false;
    }
    *ret_change = (struct change){.seq = change_load_u64(at + CHANGE_SEQ_AT),
                                  .token = change_load_u64(at + CHANGE_TOKEN_AT),
                                  .schema_version = change_load_u32(at + CHANGE_SCHEMA_AT),
                                  .op = (enum lf_op)op,
                                  .flags = flags,
                                  .key = key,
                                  .from = from,
                                  .row = rest};
    *ret_size = size;
    return true;
}

int change_compare(const struct change *a, const struct change *b)
{
    int order = slice_compare(a->key, b->key);
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}
