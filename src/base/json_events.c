/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_events.h"

#include "base/macros.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <yajl/yajl_parse.h>

/* Follows the escapes of strings, because yajl turns half a surrogate pair into a question mark. */
struct escape {
    bool slash;       /* the byte before was a backslash that is not escaped itself */
    unsigned ndigits; /* still to come of \uXXXX */
    unsigned code;
    bool high; /* the escape before was the first half of a pair, and nothing came since */
};

struct json_events {
    yajl_handle parser;
    const char *name; /* borrowed */
    json_sink sink;
    void *context;
    size_t token_max;
    size_t silent; /* bytes fed since the last event */
    size_t depth;
    size_t line; /* of the first byte not yet consumed, from 1 */
    struct escape escape;
    struct lf_error *err; /* of the running call */
};

static int hand_over(struct json_events *events, struct json_event event)
{
    events->silent = 0;
    return events->sink(events->context, &event, events->err) ? 1 : 0;
}

static int on_text(struct json_events *events, enum json_event_kind kind, const unsigned char *ptr, size_t len)
{
    if (len > 0 && memchr(ptr, 0, len) != NULL) {
        (void)lf_error_set(events->err, LF_DATA, 0, "a text contains the character U+0000; remove it");
        return 0;
    }
    if (!utf8_valid((const char *)ptr, len)) {
        (void)lf_error_set(events->err, LF_DATA, 0, "a text is not valid UTF-8");
        return 0;
    }
    return hand_over(events, (struct json_event){.kind = kind, .text = {ptr, len}});
}

static int on_begin(struct json_events *events, enum json_event_kind kind)
{
    if (events->depth == JSON_DEPTH_MAX) {
        (void)lf_error_set(events->err, LF_LIMIT, 0, "more than %d levels of arrays and objects", JSON_DEPTH_MAX);
        return 0;
    }
    events->depth++;
    return hand_over(events, (struct json_event){.kind = kind});
}

static int on_end(struct json_events *events, enum json_event_kind kind)
{
    events->depth--;
    return hand_over(events, (struct json_event){.kind = kind});
}

static int on_null(void *context)
{
    return hand_over(context, (struct json_event){.kind = JSON_NULL});
}

static int on_bool(void *context, int truth)
{
    return hand_over(context, (struct json_event){.kind = JSON_BOOL, .truth = truth != 0});
}

static int on_number(void *context, const char *ptr, size_t len)
{
    return hand_over(context, (struct json_event){.kind = JSON_NUMBER, .text = {ptr, len}});
}

static int on_string(void *context, const unsigned char *ptr, size_t len)
{
    return on_text(context, JSON_STRING, ptr, len);
}

static int on_key(void *context, const unsigned char *ptr, size_t len)
{
    return on_text(context, JSON_KEY, ptr, len);
}

static int on_begin_object(void *context)
{
    return on_begin(context, JSON_BEGIN_OBJECT);
}

static int on_end_object(void *context)
{
    return on_end(context, JSON_END_OBJECT);
}

static int on_begin_array(void *context)
{
    return on_begin(context, JSON_BEGIN_ARRAY);
}

static int on_end_array(void *context)
{
    return on_end(context, JSON_END_ARRAY);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_begin_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_object,
    .yajl_start_array = on_begin_array,
    .yajl_end_array = on_end_array,
};

struct json_events *json_events_new(const char *name, size_t token_max, json_sink sink, void *context)
{
    struct json_events *events = mem_new(1, sizeof *events);
    events->name = name;
    events->token_max = token_max;
    events->sink = sink;
    events->context = context;
    events->line = 1;
    events->parser = yajl_alloc(&callbacks, NULL, events);
    if (events->parser == NULL) {
        abort();
    }
    return events;
}

void json_events_free(struct json_events **events)
{
    if (*events == NULL) {
        return;
    }
    yajl_free((*events)->parser);
    free(*events);
    *events = NULL;
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return (unsigned)((c | 0x20) - 'a' + 10) & 15U; /* no digit at all: yajl refuses it */
}

/* The last digit of an escape: are two halves together? */
static bool escape_finish(struct escape *escape)
{
    bool high = escape->code >= 0xD800 && escape->code <= 0xDBFF;
    bool low = escape->code >= 0xDC00 && escape->code <= 0xDFFF;
    bool paired = escape->high == low;
    escape->high = high;
    return paired;
}

static bool escape_step(struct escape *escape, char c)
{
    if (escape->ndigits > 0) {
        escape->code = escape->code << 4 | hex_value(c);
        return --escape->ndigits > 0 || escape_finish(escape);
    }
    if (!escape->slash) {
        escape->slash = c == '\\';
        return !escape->high || escape->slash;
    }
    escape->slash = false;
    if (c == 'u') {
        escape->ndigits = 4;
        escape->code = 0;
    }
    return !escape->high || c == 'u';
}

static size_t count_lines(const char *bytes, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += bytes[i] == '\n';
    }
    return lines;
}

static bool fail_at(const struct json_events *events, const char *bytes, size_t consumed, struct lf_error *err)
{
    size_t line = events->line + count_lines(bytes, consumed);
    return lf_error_wrap(err, "%s: line %zu", events->name, line);
}

static bool check_escapes(struct json_events *events, const char *bytes, size_t len, struct lf_error *err)
{
    for (size_t i = 0; i < len; i++) {
        if (!escape_step(&events->escape, bytes[i])) {
            (void)lf_error_set(err, LF_DATA, 0, "an escape \\u is half of a surrogate pair");
            return fail_at(events, bytes, i, err);
        }
    }
    return true;
}

/* yajl's message without its line end. */
static void set_syntax_error(struct json_events *events, struct lf_error *err)
{
    unsigned char *message = yajl_get_error(events->parser, 0, NULL, 0);
    size_t len = strcspn((const char *)message, "\n");
    (void)lf_error_set(err, LF_DATA, 0, "%.*s", (int)len, (const char *)message);
    yajl_free_error(events->parser, message);
}

static bool answer(struct json_events *events, yajl_status status, const char *bytes, struct lf_error *err)
{
    if (status == yajl_status_ok) {
        return true;
    }
    if (status == yajl_status_error) {
        set_syntax_error(events, err);
    }
    return fail_at(events, bytes, bytes != NULL ? yajl_get_bytes_consumed(events->parser) : 0, err);
}

bool json_events_feed(struct json_events *events, const char *bytes, size_t len, struct lf_error *err)
{
    TRY(check_escapes(events, bytes, len, err));
    events->err = err;
    events->silent += len;
    yajl_status status = yajl_parse(events->parser, (const unsigned char *)bytes, len);
    TRY(answer(events, status, bytes, err));
    events->line += count_lines(bytes, len);
    if (events->silent > len && events->silent - len > events->token_max) {
        (void)lf_error_set(err, LF_LIMIT, 0, "a text is larger than the limit of %zu bytes", events->token_max);
        return fail_at(events, NULL, 0, err);
    }
    return true;
}

bool json_events_end(struct json_events *events, struct lf_error *err)
{
    events->err = err;
    return answer(events, yajl_complete_parse(events->parser), NULL, err);
}
