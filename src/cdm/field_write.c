/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/macros.h"
#include "cdm/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define U64_TEXT_SIZE 21

void write_annotation(struct json_writer *writer, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    json_begin_object(writer);
    write_text(writer, "name", name);
    write_text(writer, "value", value);
    json_end_object(writer);
}

void write_annotation_u64(struct json_writer *writer, const char *name, uint64_t value)
{
    char text[U64_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    write_annotation(writer, name, text);
}

void write_annotation_bytes(struct json_writer *writer, const char *name, const struct model_bytes *bytes)
{
    CLEANUP(buf_done) struct buf text = {0};
    base64url_append(&text, bytes->ptr, bytes->len);
    write_annotation(writer, name, buf_text(&text));
}

void write_text(struct json_writer *writer, const char *key, const char *value)
{
    if (value != NULL) {
        json_write_key(writer, key);
        json_write_text(writer, value);
    }
}

void write_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    char text[U64_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    write_text(writer, key, text);
}

void write_bytes(struct json_writer *writer, const char *key, const struct model_bytes *bytes)
{
    CLEANUP(buf_done) struct buf text = {0};
    base64url_append(&text, bytes->ptr, bytes->len);
    write_text(writer, key, buf_text(&text));
}

void write_time_ms(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format_iso(ms, text);
    write_text(writer, key, text);
}

void write_annotation_time_us(struct json_writer *writer, const char *name, int64_t us)
{
    const int64_t rest = (us % 1000 + 1000) % 1000;
    char ms[CLOCK_TEXT_SIZE];
    char text[CLOCK_TEXT_SIZE + 3];
    clock_format_iso((us - rest) / 1000, ms);
    (void)snprintf(text, sizeof text, "%.*s%03dZ", (int)strcspn(ms, "Z"), ms, (int)rest);
    write_annotation(writer, name, text);
}
