/* SPDX-License-Identifier: Apache-2.0
 *
 * One event, one line, one write(2). Events are a table (log_events.h): stable name, level, fields, meaning; the page
 * docs/events.md is made from it. Name the event and its fields in the call itself: scripts/log_events.py compares both
 * with the table. Text from data is escaped, made valid UTF-8 and cut to at most 512 bytes, an ellipsis included.
 * A WARN or ERROR line that is told again and again is held back and counted, see log_repeats.h. Thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/clock.h"
#include "base/log_events.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event {
#define LOG_EVENT_ENUM(name, level, fields, meaning) EVENT_##name,
    LOG_EVENTS(LOG_EVENT_ENUM)
#undef LOG_EVENT_ENUM
        LOG_EVENT_COUNT
};

#define LOG_TEXT_MAX 512

struct log_field {
    const char *name; /* a literal: may be kept; NULL ends a list */
    const char *text; /* NULL: the number counts */
    int64_t number;
};
#define LOG_TEXT(field, value) \
    { \
        .name = (field), .text = (value) \
    }
#define LOG_NUM(field, value) \
    { \
        .name = (field), .number = (int64_t)(value) \
    }

struct log;

enum log_format { LOG_JSON, LOG_HUMAN };

/* Writes to fd, which stays the caller's; `clock` is copied, its context borrowed: now_us for the time of a line,
 * monotonic_us for the window of repeated ones. log_free tells first what was held back. */
struct log *log_new(int fd, enum log_format format, enum log_level least, const struct clock *clock);
void log_free(struct log **log);

/* Context that every line of `where` carries; borrowed, may be NULL. */
struct log_where {
    const char *link;
    const char *entity;
    const char *run;
};

/* Example:
 *   log_write(log, &where, EVENT_commit_done, (struct log_field[]){LOG_NUM("commit", n), LOG_TEXT("cursor", c), {0}});
 * `log` NULL: nothing happens. fields NULL: none. */
void log_write(struct log *log, const struct log_where *where, enum log_event event, const struct log_field *fields);
/* The same with the fields kind, code, message. */
void log_failure(struct log *log, const struct log_where *where, enum log_event event, const struct lf_error *err);
/* The same with further fields behind those, at most LOG_EXTRA_MAX. */
#define LOG_EXTRA_MAX 8
void log_failure_with(struct log *log, const struct log_where *where, enum log_event event, const struct lf_error *err,
                      const struct log_field *extra);

const char *log_event_name(enum log_event event);
enum log_level log_event_level(enum log_event event);
const char *log_event_fields(enum log_event event); /* "commit, cursor"; "" for none */
const char *log_event_meaning(enum log_event event);

#endif
