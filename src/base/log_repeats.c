/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_repeats.h"

#include "base/buf.h"
#include "base/macros.h"

#include <stdlib.h>

/* One byte more than is shown, so that a text of just that length and a longer one stay apart. */
#define KEPT_MAX ((size_t)LOG_TEXT_MAX + 1)

struct window {
    int64_t began_ms;
    uint64_t lines;
    enum log_event event;
    struct log_where where; /* owned */
    size_t nfields;
    struct log_field *fields; /* texts owned; room for `repeated` and the end */
};

struct repeats {
    repeats_writer write;
    void *context;
    struct window windows[REPEATS_KEYS]; /* in the order in which they began */
    size_t count;
};

static char *copy_kept(const char *text)
{
    return text != NULL ? text_copy_len(text, strnlen(text, KEPT_MAX)) : NULL;
}

static bool is_same(const char *kept, const char *text)
{
    return kept == NULL || text == NULL ? kept == text : strncmp(kept, text, KEPT_MAX) == 0;
}

static bool has_fields(const struct window *window, const struct log_field *fields)
{
    size_t n = 0;
    for (; fields[n].name != NULL; n++) {
        if (n >= window->nfields || strcmp(window->fields[n].name, fields[n].name) != 0 ||
            !is_same(window->fields[n].text, fields[n].text)) {
            return false;
        }
    }
    return n == window->nfields;
}

static struct window *find(struct repeats *repeats, const struct log_where *where, enum log_event event,
                           const struct log_field *fields)
{
    for (size_t i = 0; i < repeats->count; i++) {
        struct window *window = &repeats->windows[i];
        if (window->event == event && is_same(window->where.link, where->link) &&
            is_same(window->where.entity, where->entity) && has_fields(window, fields)) {
            return window;
        }
    }
    return NULL;
}

static void begin(struct window *window, int64_t now_ms, const struct log_where *where, enum log_event event,
                  const struct log_field *fields)
{
    size_t n = 0;
    while (fields[n].name != NULL) {
        n++;
    }
    *window = (struct window){.began_ms = now_ms, .event = event, .nfields = n};
    window->where = (struct log_where){
        .link = copy_kept(where->link), .entity = copy_kept(where->entity), .run = copy_kept(where->run)};
    window->fields = mem_new(n + 2, sizeof *window->fields);
    for (size_t i = 0; i < n; i++) {
        window->fields[i] = (struct log_field){.name = fields[i].name, .text = copy_kept(fields[i].text)};
    }
}

static void end_oldest(struct repeats *repeats)
{
    struct window *window = &repeats->windows[0];
    if (window->lines > REPEATS_MOST) {
        window->fields[window->nfields] = (struct log_field)LOG_NUM("repeated", window->lines - REPEATS_MOST);
        repeats->write(repeats->context, &window->where, window->event, window->fields);
    }
    for (size_t i = 0; i < window->nfields; i++) {
        free((char *)window->fields[i].text);
    }
    free(window->fields);
    free((char *)window->where.link);
    free((char *)window->where.entity);
    free((char *)window->where.run);
    repeats->count--;
    memmove(window, window + 1, repeats->count * sizeof *window);
}

struct repeats *repeats_new(repeats_writer write, void *context)
{
    struct repeats *repeats = mem_new(1, sizeof *repeats);
    repeats->write = write;
    repeats->context = context;
    return repeats;
}

void repeats_free(struct repeats **repeats)
{
    if (*repeats == NULL) {
        return;
    }
    while ((*repeats)->count > 0) {
        end_oldest(*repeats);
    }
    free(*repeats);
    *repeats = NULL;
}

void repeats_expire(struct repeats *repeats, int64_t now_ms)
{
    while (repeats->count > 0 && now_ms - repeats->windows[0].began_ms >= REPEATS_WINDOW_MS) {
        end_oldest(repeats);
    }
}

bool repeats_admit(struct repeats *repeats, int64_t now_ms, const struct log_where *where, enum log_event event,
                   const struct log_field *fields)
{
    if (log_event_level(event) < LOG_WARN) {
        return true;
    }
    struct window *window = find(repeats, where, event, fields);
    if (window == NULL) {
        if (repeats->count == REPEATS_KEYS) {
            end_oldest(repeats);
        }
        window = &repeats->windows[repeats->count++];
        begin(window, now_ms, where, event, fields);
    }
    for (size_t i = 0; i < window->nfields; i++) {
        window->fields[i].number = fields[i].number; /* the line of the count shows the newest */
    }
    return ++window->lines <= REPEATS_MOST;
}
