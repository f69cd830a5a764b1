/* SPDX-License-Identifier: Apache-2.0
 *
 * The events of one batch and what they point at: cells and texts in the arena, values in the messages of libpq themselves,
 * which are kept until the batch is reset.
 */
#ifndef SOURCE_POSTGRES_STREAM_BATCH_H
#define SOURCE_POSTGRES_STREAM_BATCH_H

#include "base/arena.h"
#include "lakefeed/batch.h"

struct stream_batch {
    struct lf_event *events;
    size_t count, size;
    char **messages;
    size_t nmessages, messages_size;
    size_t bytes; /* of messages */
    struct arena arena;
};

void stream_batch_reset(struct stream_batch *batch);
void stream_batch_done(struct stream_batch *batch);
bool stream_batch_is_full(const struct stream_batch *batch);
/* Takes over a message of libpq. */
void stream_batch_keep(struct stream_batch *batch, char *message, size_t len);

struct lf_event *stream_batch_add(struct stream_batch *batch, enum lf_event_kind kind, uint32_t table);
void stream_batch_add_reload(struct stream_batch *batch, uint32_t table, const struct lf_schema *schema,
                             const char *reason);
void stream_batch_add_fault(struct stream_batch *batch, uint32_t table, enum lf_error_kind kind, const char *reason);

#endif
