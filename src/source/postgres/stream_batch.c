/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_batch.h"

#include "base/buf.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define BATCH_EVENTS ((size_t)1024)
#define BATCH_BYTES ((size_t)1 << 20)

void stream_batch_reset(struct stream_batch *batch)
{
    for (size_t i = 0; i < batch->nmessages; i++) {
        PQfreemem(batch->messages[i]);
    }
    batch->count = batch->nmessages = batch->bytes = 0;
    arena_reset(&batch->arena);
}

void stream_batch_done(struct stream_batch *batch)
{
    stream_batch_reset(batch);
    arena_done(&batch->arena);
    free(batch->messages);
    free(batch->events);
    *batch = (struct stream_batch){0};
}

bool stream_batch_is_full(const struct stream_batch *batch)
{
    return batch->count >= BATCH_EVENTS || batch->bytes + batch->arena.used_bytes >= BATCH_BYTES;
}

void stream_batch_keep(struct stream_batch *batch, char *message, size_t len)
{
    mem_grow(&batch->messages, &batch->messages_size, batch->nmessages + 1, sizeof *batch->messages);
    batch->messages[batch->nmessages++] = message;
    batch->bytes += len;
}

struct lf_event *stream_batch_add(struct stream_batch *batch, enum lf_event_kind kind, uint32_t table)
{
    mem_grow(&batch->events, &batch->size, batch->count + 1, sizeof *batch->events);
    struct lf_event *event = &batch->events[batch->count++];
    *event = (struct lf_event){.kind = kind, .table = table};
    return event;
}

void stream_batch_add_reload(struct stream_batch *batch, uint32_t table, const struct lf_schema *schema,
                             const char *reason)
{
    struct lf_event *event = stream_batch_add(batch, LF_EVENT_RELOAD, table);
    event->schema = schema;
    event->reason = arena_text(&batch->arena, reason);
}

void stream_batch_add_fault(struct stream_batch *batch, uint32_t table, enum lf_error_kind kind, const char *reason)
{
    struct lf_event *event = stream_batch_add(batch, LF_EVENT_FAULT, table);
    event->fault = kind;
    event->reason = arena_text(&batch->arena, reason);
}
