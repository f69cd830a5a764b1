/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/batcher.h"

#include "base/buf.h"

#include <stdlib.h>

#define BATCH_BYTES ((size_t)1 << 20)
#define BATCH_EVENTS_MOST ((size_t)BATCH_EVENTS + 8) /* a few beyond the limit: what ends a batch always fits */

void batcher_reset(struct batcher *batcher)
{
    batcher->count = 0;
    batcher->begin = 0;
    arena_reset(&batcher->arena);
}

void batcher_done(struct batcher *batcher)
{
    arena_done(&batcher->arena);
    free(batcher->events);
    *batcher = (struct batcher){0};
}

bool batcher_is_full(const struct batcher *batcher)
{
    return batcher->count >= BATCH_EVENTS || batcher->arena.used_bytes >= BATCH_BYTES;
}

struct lf_event *batcher_add(struct batcher *batcher, enum lf_event_kind kind, uint32_t table)
{
    if (batcher->count == BATCH_EVENTS_MOST) {
        abort(); /* callers look at batcher_is_full */
    }
    mem_grow(&batcher->events, &batcher->size, batcher->count + 1, sizeof *batcher->events);
    struct lf_event *event = &batcher->events[batcher->count++];
    *event = (struct lf_event){.kind = kind, .table = table};
    if (kind == LF_EVENT_BEGIN) {
        batcher->begin = batcher->count;
    }
    return event;
}

void batcher_add_fault(struct batcher *batcher, uint32_t table, enum lf_error_kind kind, const char *reason)
{
    struct lf_event *event = batcher_add(batcher, LF_EVENT_FAULT, table);
    event->fault = kind;
    event->reason = arena_text(&batcher->arena, reason);
}

void batcher_add_change(struct batcher *batcher, uint32_t table, const struct shape *shape, enum shape_change change,
                        const char *reason)
{
    if (change == SHAPE_FAULT) {
        batcher_add_fault(batcher, table, LF_SCHEMA, reason);
    }
    if (change == SHAPE_EVOLVED || change == SHAPE_REWRITTEN) {
        batcher_add(batcher, LF_EVENT_SCHEMA, table)->schema = &shape->schema;
    }
    if (change == SHAPE_REWRITTEN || change == SHAPE_REPLACED) {
        struct lf_event *event = batcher_add(batcher, LF_EVENT_RELOAD, table);
        event->reason = arena_text(&batcher->arena, reason);
        event->schema = change == SHAPE_REPLACED ? &shape->schema : NULL;
    }
}

void batcher_add_end(struct batcher *batcher, enum lf_event_kind kind, const struct position *position, int64_t time_us)
{
    char text[CURSOR_TEXT_SIZE];
    struct lf_event *event = batcher_add(batcher, kind, 0);
    event->cursor = arena_slice(&batcher->arena, cursor_print(position, text));
    event->commit_time_us = kind == LF_EVENT_COMMIT ? time_us : 0;
}

void batcher_set_token(struct batcher *batcher, const struct position *boundary)
{
    char text[CURSOR_TEXT_SIZE];
    if (batcher->begin > 0) {
        batcher->events[batcher->begin - 1].token = arena_slice(&batcher->arena, token_print(boundary, text));
        batcher->begin = 0;
    }
}
