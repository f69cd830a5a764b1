/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/copy_text.h"

static char escaped(char c)
{
    static const char from[] = "bfnrtv";
    static const char to[] = "\b\f\n\r\t\v";
    for (size_t i = 0; from[i] != '\0'; i++) {
        if (c == from[i]) {
            return to[i];
        }
    }
    return c;
}

/* From the first backslash on. Gives the new length. */
static size_t unescape(char *text, size_t len)
{
    char *to = memchr(text, '\\', len);
    const char *end = text + len;
    if (to == NULL) {
        return len;
    }
    for (const char *from = to; from < end; from++) {
        bool escape = *from == '\\' && from + 1 < end;
        from += escape;
        const char c = *from;
        *to = c;
        if (escape) {
            *to = escaped(c);
        }
        to++;
    }
    return (size_t)(to - text);
}

static struct pg_field field_of(char *text, size_t size, bool escapes)
{
    if (escapes && size == 2 && text[0] == '\\' && text[1] == 'N') {
        return (struct pg_field){PG_FIELD_NULL, text, 0};
    }
    return (struct pg_field){PG_FIELD_TEXT, text, escapes ? unescape(text, size) : size};
}

bool pg_copy_split(char *line, size_t len, struct pg_field *ret_fields, uint32_t count)
{
    uint32_t n = 0;
    len -= len > 0 && line[len - 1] == '\n' ? 1 : 0;
    char *end = line + len;
    bool escapes = len > 0 && memchr(line, '\\', len) != NULL; /* most lines have none, and NULL is one */
    if (count == 0) {
        return len == 0;
    }
    for (char *at = line;; n++) {
        char *tab = memchr(at, '\t', (size_t)(end - at)); /* one inside of a value is escaped */
        size_t size = (size_t)((tab != NULL ? tab : end) - at);
        if (n == count) {
            return false;
        }
        ret_fields[n] = field_of(at, size, escapes);
        if (tab == NULL) {
            return n + 1 == count;
        }
        at = tab + 1;
    }
}
