/* SPDX-License-Identifier: Apache-2.0
 *
 * The events of one batch and the bytes they point at.
 */
#ifndef SOURCE_SQLITE_BATCHER_H
#define SOURCE_SQLITE_BATCHER_H

#include "source/sqlite/cursor.h"
#include "source/sqlite/shape.h"

#define BATCH_EVENTS 1024

struct batcher {
    struct lf_event *events;
    size_t count, size;
    size_t begin; /* 1 + index of the BEGIN whose token is still to be set; 0: none */
    struct arena arena;
};

void batcher_reset(struct batcher *batcher);
void batcher_done(struct batcher *batcher); /* empty afterwards, and of use again */
bool batcher_is_full(const struct batcher *batcher);
struct lf_event *batcher_add(struct batcher *batcher, enum lf_event_kind kind, uint32_t table);
/* Says what a refresh found, for the host; nothing for SHAPE_SAME. */
void batcher_add_change(struct batcher *batcher, uint32_t table, const struct shape *shape, enum shape_change change,
                        const char *reason);
void batcher_add_fault(struct batcher *batcher, uint32_t table, enum lf_error_kind kind, const char *reason);
void batcher_add_end(struct batcher *batcher, enum lf_event_kind kind, const struct position *position,
                     int64_t time_us);
/* Sets the token of the BEGIN in this batch, if it has one. */
void batcher_set_token(struct batcher *batcher, const struct position *boundary);

#endif
