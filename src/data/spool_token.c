/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool_token.h"

#include "data/change_layout.h"
#include "lakefeed/connector.h"

#include <stdlib.h>

#define TOKEN_LEN_BYTES sizeof(uint32_t)

static const size_t tail_bytes_max = TOKEN_LEN_BYTES + LF_TOKEN_MAX;

void token_log_init(struct token_log *log, struct run_file *file)
{
    *log = (struct token_log){.file = file, .tail_start = 1};
    buf_init(&log->tail, tail_bytes_max);
}

static void drop_pieces(struct token_log *log, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_file_release(log->file, log->pieces[i].extent);
    }
    if (count > 0) {
        log->npieces -= count;
        memmove(log->pieces, log->pieces + count, log->npieces * sizeof log->pieces[0]);
    }
}

void token_log_done(struct token_log *log)
{
    free(log->pieces);
    buf_done(&log->tail);
}

static bool flush_tail(struct token_log *log, struct lf_error *err)
{
    struct extent extent = {0};
    TRY(run_file_reserve(log->file, log->tail.len, &extent, err));
    if (!run_file_write(log->file, extent.offset, log->tail.ptr, log->tail.len, err)) {
        run_file_release(log->file, extent);
        return false;
    }
    mem_grow(&log->pieces, &log->pieces_cap, log->npieces + 1, sizeof log->pieces[0]);
    log->pieces[log->npieces++] = (struct token_piece){log->tail_start, extent};
    log->tail_start += log->tail.len;
    log->last = 0;
    buf_reset(&log->tail);
    return true;
}

/* The token whose length stands at `at`. */
static struct lf_slice token_at(const char *at)
{
    return (struct lf_slice){at + TOKEN_LEN_BYTES, change_load_u32(at)};
}

bool token_log_add(struct token_log *log, struct lf_slice token, uint64_t *ret_offset, struct lf_error *err)
{
    if (token.len > LF_TOKEN_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "a transaction token of %zu bytes is too long: the limit is %u bytes",
                            token.len, LF_TOKEN_MAX);
    }
    if (log->last != 0 && slice_equal(token, token_at(log->tail.ptr + (log->last - log->tail_start)))) {
        *ret_offset = log->last;
        return true;
    }
    if (log->tail.len + TOKEN_LEN_BYTES + token.len > tail_bytes_max) {
        TRY(flush_tail(log, err));
    }
    log->last = log->tail_start + log->tail.len;
    uint32_t len = htole32((uint32_t)token.len);
    buf_append(&log->tail, &len, sizeof len);
    buf_append(&log->tail, token.ptr, token.len);
    *ret_offset = log->last;
    return true;
}

uint64_t token_log_cut(struct token_log *log)
{
    log->last = 0;
    return log->tail_start + log->tail.len;
}

void token_log_release(struct token_log *log, uint64_t end)
{
    size_t count = 0;
    while (count < log->npieces && log->pieces[count].start + log->pieces[count].extent.len <= end) {
        count++;
    }
    drop_pieces(log, count);
    if (log->tail.len > 0 && log->tail_start + log->tail.len <= end) {
        log->tail_start += log->tail.len;
        buf_done(&log->tail);
    }
}

static bool unknown(uint64_t offset, struct lf_error *err)
{
    return lf_error_set(err, LF_INTERNAL, 0, "the spool has no transaction token %llu", (unsigned long long)offset);
}

static bool read_piece(const struct token_log *log, const struct token_piece *piece, uint64_t offset, struct buf *out,
                       struct lf_error *err)
{
    uint64_t at = offset - piece->start;
    char head[TOKEN_LEN_BYTES];
    if (at + sizeof head > piece->extent.len) {
        return unknown(offset, err);
    }
    TRY(run_file_read(log->file, piece->extent.offset + at, head, sizeof head, err));
    struct lf_slice token = token_at(head);
    if (token.len > piece->extent.len - at - sizeof head) {
        return unknown(offset, err);
    }
    char *room = buf_reserve(out, token.len);
    if (room == NULL) {
        return buf_check(out, "a transaction token", err);
    }
    TRY(run_file_read(log->file, piece->extent.offset + at + sizeof head, room, token.len, err));
    buf_commit(out, token.len);
    return true;
}

bool token_log_read(const struct token_log *log, uint64_t offset, struct buf *out, struct lf_error *err)
{
    if (offset >= log->tail_start) {
        if (offset - log->tail_start + TOKEN_LEN_BYTES > log->tail.len) {
            return unknown(offset, err);
        }
        struct lf_slice token = token_at(log->tail.ptr + (offset - log->tail_start));
        if (token.len > log->tail.len - (offset - log->tail_start) - TOKEN_LEN_BYTES) {
            return unknown(offset, err);
        }
        buf_append(out, token.ptr, token.len);
        return buf_check(out, "a transaction token", err);
    }
    size_t low = 0;
    size_t high = log->npieces; /* the piece is the last one that starts at or before offset */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->pieces[middle].start <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? read_piece(log, &log->pieces[low - 1], offset, out, err) : unknown(offset, err);
}

uint64_t token_log_memory_bytes(const struct token_log *log)
{
    return log->tail.size + log->pieces_cap * sizeof log->pieces[0];
}
