/* SPDX-License-Identifier: Apache-2.0
 *
 * The token log of a spool: tokens one after the other at offsets that only grow. The end of it is in memory, what
 * does not fit goes to extents of the spool's file. A cut closes a piece; released pieces are freed from the front.
 */
#ifndef DATA_SPOOL_TOKEN_H
#define DATA_SPOOL_TOKEN_H

#include "base/buf.h"
#include "data/sorter_run.h"

struct token_piece {
    uint64_t start; /* offset in the log */
    struct extent extent;
};

struct token_log {
    struct run_file *file; /* borrowed */
    struct token_piece *pieces;
    size_t npieces;
    size_t pieces_cap;
    struct buf tail;
    uint64_t tail_start;
    uint64_t last; /* offset of the token added last, 0: none since the cut or not in the tail */
};

void token_log_init(struct token_log *log, struct run_file *file);
void token_log_done(struct token_log *log);
/* LIMIT: larger than LF_TOKEN_MAX, or no room in the file. */
bool token_log_add(struct token_log *log, struct lf_slice token, uint64_t *ret_offset,
                   struct lf_error *err) LF_MUST_CHECK;
/* The end of the log; no later token shares an offset before it. */
uint64_t token_log_cut(struct token_log *log);
void token_log_release(struct token_log *log, uint64_t end);
bool token_log_read(const struct token_log *log, uint64_t offset, struct buf *out, struct lf_error *err) LF_MUST_CHECK;
uint64_t token_log_memory_bytes(const struct token_log *log);

#endif
