/* SPDX-License-Identifier: Apache-2.0
 *
 * One event, one line, one write(2). Events are a table (log_events.h): stable name, level, meaning; the page
 * docs/events.md is made from it. Text from data is escaped, made valid UTF-8 and cut to at most 512 bytes, an
 * ellipsis included. Thread-safe.
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
#define LOG_EVENT_ENUM(name, level, meaning) EVENT_##name,
    LOG_EVENTS(LOG_EVENT_ENUM)
#undef LOG_EVENT_ENUM
        LOG_EVENT_COUNT
};

struct log_field {
    const char *name; /* NULL ends a list */
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

/* Writes to fd, which stays the caller's; `clock` is copied, its context borrowed. */
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

const char *log_event_name(enum log_event event);
enum log_level log_event_level(enum log_event event);
const char *log_event_meaning(enum log_event event);

#endif
