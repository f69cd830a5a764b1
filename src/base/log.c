/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log_repeats.h"
#include "base/macros.h"
#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static const char ellipsis[] = "\xE2\x80\xA6";
static const char replacement[] = "\xEF\xBF\xBD";

struct log {
    int fd;
    enum log_format format;
    enum log_level least;
    struct clock clock;
    pthread_mutex_t mutex; /* a line longer than PIPE_BUF must not mix with another's */
    struct repeats *repeats;
};

struct event_info {
    const char *name;
    enum log_level level;
    const char *fields;
    const char *meaning;
};

static const struct event_info events[LOG_EVENT_COUNT] = {
#define LOG_EVENT_INFO(name, level, fields, meaning) {#name, level, fields, meaning},
    LOG_EVENTS(LOG_EVENT_INFO)
#undef LOG_EVENT_INFO
};

const char *log_event_name(enum log_event event)
{
    return events[event].name;
}

enum log_level log_event_level(enum log_event event)
{
    return events[event].level;
}

const char *log_event_fields(enum log_event event)
{
    return events[event].fields;
}

const char *log_event_meaning(enum log_event event)
{
    return events[event].meaning;
}

/* Valid UTF-8 of at most LOG_TEXT_MAX bytes, with an ellipsis where it was cut. */
static void append_clean(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    size_t cut = 0; /* the longest length that still has room for the ellipsis */
    while (left > 0) {
        size_t n = utf8_char_len(text, left);
        const char *piece = n > 0 ? text : replacement;
        size_t len = n > 0 ? n : sizeof replacement - 1;
        if (out->len + len > LOG_TEXT_MAX) {
            out->len = cut;
            buf_append_text(out, ellipsis);
            return;
        }
        buf_append(out, piece, len);
        cut = out->len + sizeof ellipsis - 1 <= LOG_TEXT_MAX ? out->len : cut;
        text += n > 0 ? n : 1;
        left -= n > 0 ? n : 1;
    }
}

static void write_json_text(struct json_writer *json, const char *key, const char *text)
{
    CLEANUP(buf_done) struct buf clean = {0};
    append_clean(&clean, text);
    json_write_key(json, key);
    json_write_text_len(json, buf_text(&clean), clean.len);
}

static void format_json(struct buf *line, const char *ts, enum log_event event, const struct log_where *where,
                        const struct log_field *fields)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(line, false);
    json_begin_object(json);
    write_json_text(json, "ts", ts);
    write_json_text(json, "level", levels[log_event_level(event)]);
    write_json_text(json, "event", log_event_name(event));
    const char *const context[][2] = {{"link", where->link}, {"entity", where->entity}, {"run", where->run}};
    for (size_t i = 0; i < ARRAY_LEN(context); i++) {
        if (context[i][1] != NULL) {
            write_json_text(json, context[i][0], context[i][1]);
        }
    }
    for (; fields->name != NULL; fields++) {
        if (fields->text != NULL) {
            write_json_text(json, fields->name, fields->text);
        } else {
            json_write_key(json, fields->name);
            json_write_int(json, fields->number);
        }
    }
    json_end_object(json);
}

/* C0, DEL and C1, which are two bytes in UTF-8: all that a terminal could obey. */
static size_t control_len(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    unsigned char next = c != '\0' ? (unsigned char)text[1] : '\0';
    if (c < 0x20 || c == 0x7F) {
        return 1;
    }
    return c == 0xC2 && next >= 0x80 && next <= 0x9F ? 2 : 0;
}

static void append_escaped(struct buf *line, const char *text)
{
    while (*text != '\0') {
        size_t n = control_len(text);
        if (n > 0) {
            buf_printf(line, "\\x%02x", (unsigned)(unsigned char)text[n - 1]);
            text += n;
            continue;
        }
        if (*text == '"' || *text == '\\') {
            buf_append_char(line, '\\');
        }
        buf_append_char(line, *text++);
    }
}

static void append_human_text(struct buf *line, const char *text)
{
    CLEANUP(buf_done) struct buf clean = {0};
    append_clean(&clean, text);
    bool quoted = clean.len == 0 || strpbrk(buf_text(&clean), " \"=\\") != NULL;
    buf_append_text(line, quoted ? "\"" : "");
    append_escaped(line, buf_text(&clean));
    buf_append_text(line, quoted ? "\"" : "");
}

static void format_human(struct buf *line, const char *ts, enum log_event event, const struct log_where *where,
                         const struct log_field *fields)
{
    static const char *const levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    const char *time = strchr(ts, 'T') + 1;
    buf_printf(line, "%.8s %-5s %s", time, levels[log_event_level(event)], log_event_name(event));
    const char *const names[] = {where->link, where->entity};
    char before = ' ';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i] != NULL) {
            buf_append_char(line, before);
            append_human_text(line, names[i]);
            before = '/';
        }
    }
    for (; fields->name != NULL; fields++) {
        buf_printf(line, " %s=", fields->name);
        if (fields->text != NULL) {
            append_human_text(line, fields->text);
        } else {
            buf_printf(line, "%lld", (long long)fields->number);
        }
    }
}

/* One write as a rule; the rest of a short one follows. A log that cannot be written stops nobody. */
static void write_bytes(const struct log *log, const struct buf *line)
{
    for (size_t done = 0; done < line->len;) {
        ssize_t n = write(log->fd, line->ptr + done, line->len - done);
        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
}

static void write_line(void *context, const struct log_where *where, enum log_event event,
                       const struct log_field *fields)
{
    const struct log *log = context;
    char ts[CLOCK_TEXT_SIZE];
    clock_format_iso(clock_now_ms(&log->clock), ts);
    CLEANUP(buf_done) struct buf line = {0};
    if (log->format == LOG_JSON) {
        format_json(&line, ts, event, where, fields);
    } else {
        format_human(&line, ts, event, where, fields);
    }
    buf_append_char(&line, '\n');
    write_bytes(log, &line);
}

struct log *log_new(int fd, enum log_format format, enum log_level least, const struct clock *clock)
{
    struct log *log = mem_new(1, sizeof *log);
    log->fd = fd;
    log->format = format;
    log->least = least;
    log->clock = *clock;
    log->repeats = repeats_new(write_line, log);
    (void)pthread_mutex_init(&log->mutex, NULL);
    return log;
}

void log_free(struct log **log)
{
    if (*log == NULL) {
        return;
    }
    repeats_free(&(*log)->repeats);
    (void)pthread_mutex_destroy(&(*log)->mutex);
    free(*log);
    *log = NULL;
}

void log_write(struct log *log, const struct log_where *where, enum log_event event, const struct log_field *fields)
{
    static const struct log_field no_fields[1];
    static const struct log_where nowhere;
    if (log == NULL || log_event_level(event) < log->least) {
        return;
    }
    where = where != NULL ? where : &nowhere;
    fields = fields != NULL ? fields : no_fields;
    (void)pthread_mutex_lock(&log->mutex);
    int64_t now_ms = log->clock.monotonic_us(log->clock.context) / 1000;
    repeats_expire(log->repeats, now_ms);
    if (repeats_admit(log->repeats, now_ms, where, event, fields)) {
        write_line(log, where, event, fields);
    }
    (void)pthread_mutex_unlock(&log->mutex);
}

void log_failure(struct log *log, const struct log_where *where, enum log_event event, const struct lf_error *err)
{
    log_failure_with(log, where, event, err, NULL);
}

void log_failure_with(struct log *log, const struct log_where *where, enum log_event event, const struct lf_error *err,
                      const struct log_field *extra)
{
    struct log_field fields[3 + LOG_EXTRA_MAX + 1] = {LOG_TEXT("kind", lf_error_kind_name(err->kind)),
                                                      LOG_NUM("code", err->code), LOG_TEXT("message", err->msg)};
    for (size_t i = 0; extra != NULL && extra[i].name != NULL; i++) {
        assert(i < LOG_EXTRA_MAX);
        fields[3 + i] = extra[i];
    }
    log_write(log, where, event, fields);
}
