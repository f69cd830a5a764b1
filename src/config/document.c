/* SPDX-License-Identifier: Apache-2.0 */
#include "config/document.h"

#include "base/buf.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 320
#define SPACE " \t\n\v\f\r" /* as the parser has it */

static void blank(char *from, const char *to)
{
    for (; from < to; from++) {
        *from = *from == '\n' ? '\n' : ' ';
    }
}

/* A line break ends a string: JSON allows none inside, and its parser says so. */
static char *skip_string(char *at, const char *end)
{
    at++;
    while (at < end && *at != '"' && *at != '\n') {
        at += *at == '\\' && at + 1 < end && at[1] != '\n' ? 2 : 1;
    }
    return at < end ? at + 1 : at;
}

/* Behind the comment that begins at `at`; NULL: it never ends. */
static char *comment_end(char *at, char *end)
{
    if (at[1] == '/') {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        return line_end != NULL ? line_end : end;
    }
    char *mark = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
    return mark != NULL ? mark + 2 : NULL;
}

static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (; text < at; text++) {
        line += *text == '\n';
    }
    return line;
}

static bool blank_comments(const struct document *document, size_t len, struct lf_error *err)
{
    char *at = document->text;
    char *end = at + len;
    if (len >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        blank(at, at + 3);
    }
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '/' && end - at > 1 && (at[1] == '/' || at[1] == '*')) {
            char *behind = comment_end(at, end);
            if (behind == NULL) {
                return lf_error_set(err, LF_CONFIG, 0, "%s: line %zu: this comment never ends; close it with */",
                                    document->name, line_of(document->text, at));
            }
            blank(at, behind);
            at = behind;
        } else {
            at++;
        }
    }
    return true;
}

bool document_open(struct document *document, const char *name, const char *text, size_t len, struct lf_error *err)
{
    *document = (struct document){.name = name, .text = text_copy_len(text, len)};
    TRY(blank_comments(document, len, err));
    if (!json_parse(name, document->text, len, &document->root, err)) {
        err->kind = LF_CONFIG;
        return false;
    }
    return true;
}

void document_done(struct document *document)
{
    json_free(&document->root);
    text_free(&document->text);
}

/* What follows walks text that json_parse has accepted, so it looks for positions alone. */
static const char *skip_space(const char *at)
{
    return at + strspn(at, SPACE);
}

static const char *skip_json_string(const char *at)
{
    at++;
    while (*at != '"') {
        at += *at == '\\' ? 2 : 1;
    }
    return at + 1;
}

static const char *skip_value(const char *at)
{
    size_t depth = 0;
    if (*at != '{' && *at != '[') {
        return *at == '"' ? skip_json_string(at) : at + strcspn(at, SPACE ",]}");
    }
    do {
        if (*at == '"') {
            at = skip_json_string(at);
        } else {
            depth += *at == '{' || *at == '[';
            depth -= *at == '}' || *at == ']';
            at++;
        }
    } while (depth > 0);
    return at;
}

/* From the key of a member to its value; an element is its own value. */
static const char *to_value(const char *at, const struct place *place)
{
    return place->name == NULL ? at : skip_space(skip_space(skip_json_string(at)) + 1);
}

static const char *find_child(const char *container, const struct place *child)
{
    const char *at = skip_space(container + 1);
    for (size_t i = 0; i < child->index; i++) {
        at = skip_space(skip_value(to_value(at, child)));
        at = skip_space(at + 1); /* the comma */
    }
    return at;
}

/* Levels are bounded by the depth that json_parse allows. */
static const char *find(const struct document *document, const struct place *place)
{
    if (place->up == NULL) {
        return skip_space(document->text);
    }
    const char *container = find(document, place->up);
    return find_child(place->up->up == NULL ? container : to_value(container, place->up), place);
}

size_t document_line(const struct document *document, const struct place *place)
{
    return line_of(document->text, find(document, place));
}

void document_value_extent(const struct document *document, const struct place *place, size_t *ret_begin,
                           size_t *ret_end)
{
    const char *at = find(document, place);
    at = place->up != NULL ? to_value(at, place) : at;
    *ret_begin = (size_t)(at - document->text);
    *ret_end = (size_t)(skip_value(at) - document->text);
}

void document_extent(const struct document *document, const struct place *place, size_t *ret_begin, size_t *ret_end)
{
    document_value_extent(document, place, ret_begin, ret_end);
    *ret_begin = (size_t)(find(document, place) - document->text);
}

static void print_path(const struct place *place, struct buf *out)
{
    char name[VALUE_SHOWN_SIZE];
    if (place->up == NULL) {
        return;
    }
    print_path(place->up, out);
    if (place->name == NULL) {
        buf_printf(out, "[%zu]", place->index);
    } else {
        buf_printf(out, "%s%s", out->len > 0 ? "." : "", value_shown(place->name, name));
    }
}

bool document_fail(const struct document *document, const struct place *place, struct lf_error *err)
{
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES); /* five steps at most, each cut by value_shown */
    print_path(place, &path);
    (void)lf_error_wrap(err, "%s: line %zu%s%s", document->name, document_line(document, place),
                        path.len > 0 ? ": " : "", buf_text(&path));
    buf_done(&path);
    return false;
}
