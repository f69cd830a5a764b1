/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/array.h"

#include "base/buf.h"
#include "base/macros.h"

#include <ctype.h>
#include <strings.h>

#define DEPTH_MAX 6 /* of PostgreSQL's arrays */

struct reader {
    const struct pg_type *type;
    const char *at, *end;
    struct buf element; /* the one being read, without quotes and escapes */
    struct buf json;
};

static bool is_bare(uint32_t oid)
{
    static const uint32_t oids[] = {PG_OID_INT2,   PG_OID_INT4,   PG_OID_INT8,    PG_OID_OID,
                                    PG_OID_FLOAT4, PG_OID_FLOAT8, PG_OID_NUMERIC, PG_OID_XID8};
    for (size_t i = 0; i < ARRAY_LEN(oids); i++) {
        if (oids[i] == oid) {
            return true;
        }
    }
    return false;
}

static void append_string(struct buf *json, const char *text, size_t len)
{
    buf_append_char(json, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20) {
            buf_printf(json, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\') {
            buf_append_char(json, '\\');
        }
        buf_append_char(json, (char)c);
    }
    buf_append_char(json, '"');
}

static void append_element(struct reader *reader)
{
    const char *text = buf_text(&reader->element);
    size_t len = reader->element.len;
    uint32_t oid = reader->type->element;
    bool number = isdigit((unsigned char)text[0]) || (text[0] == '-' && isdigit((unsigned char)text[1]));
    if (oid == PG_OID_BOOL) {
        buf_append_text(&reader->json, text[0] == 't' ? "true" : "false");
    } else if (oid == PG_OID_JSON || oid == PG_OID_JSONB || (is_bare(oid) && number)) {
        buf_append(&reader->json, text, len);
    } else {
        append_string(&reader->json, text, len);
    }
}

static bool read_quoted(struct reader *reader)
{
    for (reader->at++; reader->at < reader->end && *reader->at != '"'; reader->at++) {
        if (*reader->at == '\\' && ++reader->at == reader->end) {
            return false;
        }
        buf_append_char(&reader->element, *reader->at);
    }
    return reader->at++ < reader->end;
}

static bool read_plain(struct reader *reader)
{
    for (; reader->at < reader->end && *reader->at != reader->type->delimiter && *reader->at != '}'; reader->at++) {
        if (*reader->at == '\\' && ++reader->at == reader->end) {
            return false;
        }
        buf_append_char(&reader->element, *reader->at);
    }
    return reader->element.len > 0;
}

static bool read_element(struct reader *reader)
{
    bool quoted = *reader->at == '"';
    buf_reset(&reader->element);
    if (!(quoted ? read_quoted(reader) : read_plain(reader))) {
        return false;
    }
    if (!quoted && strcasecmp(buf_text(&reader->element), "NULL") == 0) {
        buf_append_text(&reader->json, "null");
    } else {
        append_element(reader);
    }
    return true;
}

/* One step: a bracket, an element or a delimiter. */
static bool read_step(struct reader *reader, int *depth)
{
    char c = *reader->at;
    if (c == '{') {
        reader->at++;
        buf_append_char(&reader->json, '[');
        return ++*depth <= DEPTH_MAX;
    }
    if (c == '}') {
        reader->at++;
        buf_append_char(&reader->json, ']');
        return --*depth >= 0;
    }
    if (c == reader->type->delimiter) {
        reader->at++;
        buf_append_char(&reader->json, ',');
        return *depth > 0;
    }
    return *depth > 0 && read_element(reader);
}

static bool read_array(struct reader *reader)
{
    int depth = 0;
    if (reader->at < reader->end && *reader->at == '[') { /* [2:4]={…} */
        const char *equals = memchr(reader->at, '=', (size_t)(reader->end - reader->at));
        reader->at = equals != NULL ? equals + 1 : reader->end;
    }
    if (reader->at == reader->end || *reader->at != '{') {
        return false;
    }
    do {
        if (!read_step(reader, &depth)) {
            return false;
        }
    } while (depth > 0 && reader->at < reader->end);
    return depth == 0 && reader->at == reader->end && !reader->json.overflow && !reader->element.overflow;
}

bool pg_array_to_json(const struct pg_type *type, const char *text, size_t len, struct arena *arena,
                      struct lf_slice *ret_json)
{
    struct reader reader = {.type = type, .at = text, .end = text + len};
    bool good = read_array(&reader);
    if (good) {
        *ret_json = arena_slice(arena, buf_slice(&reader.json));
    }
    buf_done(&reader.element);
    buf_done(&reader.json);
    return good;
}
