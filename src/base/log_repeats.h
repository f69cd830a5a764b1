/* SPDX-License-Identifier: Apache-2.0
 *
 * Which lines are told again and again: of each WARN or ERROR line the first REPEATS_MOST within a window are written,
 * further ones only counted. The window of a key begins at its first line; when it is over, one line with the field
 * `repeated` tells how many were held back, and the next line of that key begins a new window. A key is all that a
 * reader would see of a line but its numbers: event, link, entity, and every text up to where it is cut; so two errors
 * of different kinds or messages never hide each other, and a delay or an attempt that counts up changes nothing. Lines
 * of level INFO and DEBUG tell of progress and are never held back.
 *
 * Part of the log, which locks. Memory is bounded: REPEATS_KEYS keys; a further one ends the window of the oldest.
 */
#ifndef BASE_LOG_REPEATS_H
#define BASE_LOG_REPEATS_H

#include "base/log.h"

#define REPEATS_MOST 5
#define REPEATS_WINDOW_MS 60000
#define REPEATS_KEYS 256

struct repeats;

typedef void (*repeats_writer)(void *context, const struct log_where *where, enum log_event event,
                               const struct log_field *fields);

struct repeats *repeats_new(repeats_writer write, void *context);
void repeats_free(struct repeats **repeats); /* ends all windows first */

/* Ends the windows that are over. `now_ms` is of the monotonic clock and never goes back. */
void repeats_expire(struct repeats *repeats, int64_t now_ms);
/* Whether the line is to be written; otherwise it was counted. May end the window of another key. */
bool repeats_admit(struct repeats *repeats, int64_t now_ms, const struct log_where *where, enum log_event event,
                   const struct log_field *fields);

#endif
