/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/pgoutput.h"

#include "base/macros.h"

#include <endian.h>
#include <string.h>

#define EPOCH_2000_US (INT64_C(946684800) * 1000000)

/* ---- bytes ---- */

/* A read past the end sets `bad`, gives zeros, and leaves nothing to read, so one check at the end is enough. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool bad;
};

static const unsigned char *take(struct reader *reader, size_t len)
{
    if (len > reader->left) {
        reader->bad = true;
        reader->left = 0;
        return NULL;
    }
    const unsigned char *at = reader->at;
    reader->at += len;
    reader->left -= len;
    return at;
}

static uint8_t take_u8(struct reader *reader)
{
    const unsigned char *at = take(reader, 1);
    return at == NULL ? 0 : *at;
}

static uint16_t take_u16(struct reader *reader)
{
    const unsigned char *at = take(reader, 2);
    uint16_t value = 0;
    if (at != NULL) {
        memcpy(&value, at, sizeof value);
    }
    return be16toh(value);
}

static uint32_t load_u32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint32_t take_u32(struct reader *reader)
{
    const unsigned char *at = take(reader, 4);
    return at == NULL ? 0 : load_u32(at);
}

static uint64_t take_u64(struct reader *reader)
{
    uint64_t high = take_u32(reader);
    return high << 32 | take_u32(reader);
}

/* The server's clock may say anything; what does not fit is no time. */
static int64_t take_time(struct reader *reader)
{
    int64_t value = (int64_t)take_u64(reader);
    int64_t since_1970 = 0;
    return __builtin_add_overflow(value, EPOCH_2000_US, &since_1970) ? 0 : since_1970;
}

static const char *take_text(struct reader *reader)
{
    const unsigned char *end = reader->left == 0 ? NULL : memchr(reader->at, '\0', reader->left);
    if (end == NULL) {
        reader->bad = true;
        reader->left = 0;
        return "";
    }
    return (const char *)take(reader, (size_t)(end - reader->at) + 1);
}

static bool fail(struct reader *reader)
{
    reader->bad = true;
    return false;
}

/* ---- frames ---- */

static bool malformed(char tag, size_t len, struct lf_error *err)
{
    return lf_error_set(err, LF_INTERNAL, 0,
                        "the server sent a replication message '%c' of %zu bytes that does not follow the protocol",
                        tag > ' ' && tag < 127 ? tag : '?', len);
}

bool pgoutput_decode_frame(struct lf_slice bytes, struct pgoutput_frame *ret_frame, struct lf_error *err)
{
    struct reader reader = {.at = bytes.ptr, .left = bytes.len};
    char tag = (char)take_u8(&reader);
    *ret_frame = (struct pgoutput_frame){0};
    if (tag == 'w') {
        ret_frame->kind = PGOUTPUT_DATA;
        ret_frame->wal_start = take_u64(&reader);
        ret_frame->wal_end = take_u64(&reader);
        (void)take_u64(&reader);
        ret_frame->message = (struct lf_slice){reader.at, reader.left};
    } else if (tag == 'k') {
        ret_frame->kind = PGOUTPUT_KEEPALIVE;
        ret_frame->wal_end = take_u64(&reader);
        (void)take_u64(&reader);
        ret_frame->reply_wanted = take_u8(&reader) != 0;
    } else {
        reader.bad = true;
    }
    return !reader.bad || malformed(tag, bytes.len, err);
}

static unsigned char *put_u64(unsigned char *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

void pgoutput_encode_status(const struct pgoutput_status *status, unsigned char ret_bytes[PGOUTPUT_STATUS_BYTES])
{
    unsigned char *at = ret_bytes;
    *at++ = 'r';
    at = put_u64(at, status->received);
    at = put_u64(at, status->flushed);
    at = put_u64(at, status->flushed); /* applied: to us the same */
    at = put_u64(at, (uint64_t)(status->now_us - EPOCH_2000_US));
    *at = status->reply_wanted ? 1 : 0;
}

/* ---- messages ---- */

static bool take_cell(struct reader *reader, struct pgoutput_cell *cell)
{
    uint8_t state = take_u8(reader);
    *cell = (struct pgoutput_cell){.state = (enum pgoutput_cell_state)state};
    if (state == PGOUTPUT_NULL || state == PGOUTPUT_UNCHANGED) {
        return true;
    }
    if (state != PGOUTPUT_TEXT) {
        return fail(reader);
    }
    cell->len = take_u32(reader);
    cell->text = (const char *)take(reader, cell->len);
    return !reader->bad;
}

static bool take_tuple(struct reader *reader, struct pgoutput_cell *cells, uint32_t *ret_ncells)
{
    uint32_t ncells = take_u16(reader);
    if (ncells > PGOUTPUT_COLUMNS_MAX) {
        return fail(reader);
    }
    *ret_ncells = ncells;
    for (uint32_t i = 0; i < ncells; i++) {
        TRY(take_cell(reader, &cells[i]));
    }
    return true;
}

static bool take_begin(struct reader *reader, struct pgoutput_message *message)
{
    message->commit_lsn = take_u64(reader);
    message->commit_time_us = take_time(reader);
    message->xid = take_u32(reader);
    return true;
}

static bool take_commit(struct reader *reader, struct pgoutput_message *message)
{
    (void)take_u8(reader);
    message->commit_lsn = take_u64(reader);
    message->end_lsn = take_u64(reader);
    message->commit_time_us = take_time(reader);
    return true;
}

static bool take_relation(struct reader *reader, struct pgoutput_message *message)
{
    message->relation = take_u32(reader);
    message->schema = take_text(reader);
    message->name = take_text(reader);
    message->identity = (char)take_u8(reader);
    message->ncolumns = take_u16(reader);
    if (message->ncolumns > PGOUTPUT_COLUMNS_MAX || message->identity == '\0' ||
        strchr("dnfi", message->identity) == NULL) {
        return fail(reader);
    }
    for (uint32_t i = 0; i < message->ncolumns; i++) {
        struct pgoutput_column *column = &message->columns[i];
        column->key = (take_u8(reader) & 1) != 0;
        column->name = take_text(reader);
        column->type = take_u32(reader);
        column->typmod = (int32_t)take_u32(reader);
    }
    return true;
}

static bool take_type(struct reader *reader)
{
    (void)take_u32(reader);
    (void)take_text(reader);
    (void)take_text(reader);
    return true;
}

/* ret_tag: what follows the old tuple, or stands in its place. */
static bool take_old(struct reader *reader, struct pgoutput_message *message, char *ret_tag)
{
    *ret_tag = (char)take_u8(reader);
    if (*ret_tag == 'K' || *ret_tag == 'O') {
        message->old = *ret_tag == 'K' ? PGOUTPUT_OLD_KEY : PGOUTPUT_OLD_ROW;
        TRY(take_tuple(reader, message->old_cells, &message->nold_cells));
        *ret_tag = '\0';
    }
    return true;
}

static bool take_insert(struct reader *reader, struct pgoutput_message *message)
{
    message->relation = take_u32(reader);
    return take_u8(reader) == 'N' ? take_tuple(reader, message->cells, &message->ncells) : fail(reader);
}

static bool take_update(struct reader *reader, struct pgoutput_message *message)
{
    char tag = '\0';
    message->relation = take_u32(reader);
    TRY(take_old(reader, message, &tag));
    if (tag == '\0') {
        tag = (char)take_u8(reader);
    }
    TRY(tag == 'N' ? take_tuple(reader, message->cells, &message->ncells) : fail(reader));
    return message->old == PGOUTPUT_OLD_NONE || message->nold_cells == message->ncells || fail(reader);
}

static bool take_delete(struct reader *reader, struct pgoutput_message *message)
{
    char tag = '\0';
    message->relation = take_u32(reader);
    TRY(take_old(reader, message, &tag));
    return message->old != PGOUTPUT_OLD_NONE || fail(reader);
}

static bool take_truncate(struct reader *reader, struct pgoutput_message *message)
{
    message->ntruncated = take_u32(reader);
    (void)take_u8(reader); /* CASCADE, RESTART IDENTITY */
    message->truncated = (const char *)reader->at;
    if (message->ntruncated != reader->left / 4) {
        return fail(reader);
    }
    return take(reader, (size_t)message->ntruncated * 4) != NULL;
}

static bool take_message(struct reader *reader)
{
    (void)take_u8(reader);
    (void)take_u64(reader);
    (void)take_text(reader);
    return take(reader, take_u32(reader)) != NULL;
}

static bool take_origin(struct reader *reader)
{
    (void)take_u64(reader);
    (void)take_text(reader);
    return true;
}

static bool take_body(struct reader *reader, struct pgoutput_message *message)
{
    switch (message->kind) {
    case PGOUTPUT_BEGIN:
        return take_begin(reader, message);
    case PGOUTPUT_COMMIT:
        return take_commit(reader, message);
    case PGOUTPUT_ORIGIN:
        return take_origin(reader);
    case PGOUTPUT_RELATION:
        return take_relation(reader, message);
    case PGOUTPUT_TYPE:
        return take_type(reader);
    case PGOUTPUT_INSERT:
        return take_insert(reader, message);
    case PGOUTPUT_UPDATE:
        return take_update(reader, message);
    case PGOUTPUT_DELETE:
        return take_delete(reader, message);
    case PGOUTPUT_TRUNCATE:
        return take_truncate(reader, message);
    case PGOUTPUT_MESSAGE:
        return take_message(reader);
    }
    return fail(reader);
}

/* What only later versions of the protocol have, and only when they are asked for. */
static const char *foreign_feature(char tag)
{
    static const struct {
        const char *tags;
        const char *feature;
    } features[] = {
        {"SEcAp", "streaming of transactions in progress"},
        {"bPKr", "two-phase commit"},
    };
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        if (tag != '\0' && strchr(features[i].tags, tag) != NULL) {
            return features[i].feature;
        }
    }
    return NULL;
}

bool pgoutput_decode(struct lf_slice bytes, struct pgoutput_message *message, struct lf_error *err)
{
    struct reader reader = {.at = bytes.ptr, .left = bytes.len};
    char tag = (char)take_u8(&reader);
    const char *feature = foreign_feature(tag);
    if (feature != NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "the server sent a message '%c' of %s, which was not asked for; is there a proxy or a fork "
                            "of PostgreSQL in between?",
                            tag, feature);
    }
    message->kind = (enum pgoutput_kind)(unsigned char)tag;
    message->old = PGOUTPUT_OLD_NONE;
    message->ncells = message->nold_cells = 0;
    bool ok = !reader.bad && take_body(&reader, message) && !reader.bad && reader.left == 0;
    return ok || malformed(tag, bytes.len, err);
}

uint32_t pgoutput_truncated(const struct pgoutput_message *message, uint32_t index)
{
    return load_u32((const unsigned char *)message->truncated + (size_t)index * 4);
}
