/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/macros.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <yajl/yajl_gen.h>

#define DEPTH_MAX 64

struct json_writer {
    yajl_gen gen;
    bool is_object[DEPTH_MAX];
    size_t depth;
    bool has_key;  /* a key waits for its value */
    bool complete; /* the one value was written */
    bool misused;
    bool bad_text;
};

static void print(void *context, const char *text, size_t len)
{
    buf_append(context, text, len);
}

struct json_writer *json_writer_new(struct buf *out, bool indent)
{
    struct json_writer *writer = mem_new(1, sizeof *writer);
    writer->gen = yajl_gen_alloc(NULL);
    if (writer->gen == NULL) {
        abort();
    }
    (void)yajl_gen_config(writer->gen, yajl_gen_print_callback, print, out);
    (void)yajl_gen_config(writer->gen, yajl_gen_beautify, indent ? 1 : 0);
    (void)yajl_gen_config(writer->gen, yajl_gen_indent_string, "  ");
    return writer;
}

void json_writer_free(struct json_writer **writer)
{
    if (*writer == NULL) {
        return;
    }
    yajl_gen_free((*writer)->gen);
    free(*writer);
    *writer = NULL;
}

static bool in_object(const struct json_writer *writer)
{
    return writer->depth > 0 && writer->is_object[writer->depth - 1];
}

/* After the first mistake nothing more is written or judged; json_writer_finish tells. */
static bool expect(struct json_writer *writer, bool right)
{
    if (writer->misused || writer->bad_text) {
        return false;
    }
    writer->misused = !right;
    return right;
}

static bool expect_value(struct json_writer *writer)
{
    return expect(writer, !writer->complete && in_object(writer) == writer->has_key);
}

static void written(struct json_writer *writer, yajl_gen_status status)
{
    (void)expect(writer, status == yajl_gen_status_ok);
    writer->has_key = false;
    writer->complete = writer->depth == 0;
}

static bool begin(struct json_writer *writer, bool is_object)
{
    if (!expect_value(writer) || !expect(writer, writer->depth < DEPTH_MAX)) {
        return false;
    }
    writer->is_object[writer->depth++] = is_object;
    return true;
}

static bool end(struct json_writer *writer, bool is_object)
{
    bool right = writer->depth > 0 && in_object(writer) == is_object && !writer->has_key;
    if (!expect(writer, right)) {
        return false;
    }
    writer->depth--;
    return true;
}

void json_begin_object(struct json_writer *writer)
{
    if (begin(writer, true)) {
        written(writer, yajl_gen_map_open(writer->gen));
    }
}

void json_end_object(struct json_writer *writer)
{
    if (end(writer, true)) {
        written(writer, yajl_gen_map_close(writer->gen));
    }
}

void json_begin_array(struct json_writer *writer)
{
    if (begin(writer, false)) {
        written(writer, yajl_gen_array_open(writer->gen));
    }
}

void json_end_array(struct json_writer *writer)
{
    if (end(writer, false)) {
        written(writer, yajl_gen_array_close(writer->gen));
    }
}

static bool expect_text(struct json_writer *writer, const char *text, size_t len)
{
    writer->bad_text = !utf8_valid(text, len);
    return !writer->bad_text;
}

void json_write_key(struct json_writer *writer, const char *key)
{
    size_t len = strlen(key);
    if (expect(writer, in_object(writer) && !writer->has_key) && expect_text(writer, key, len)) {
        written(writer, yajl_gen_string(writer->gen, (const unsigned char *)key, len));
        writer->has_key = true;
    }
}

void json_write_text(struct json_writer *writer, const char *text)
{
    json_write_text_len(writer, text, strlen(text));
}

void json_write_text_len(struct json_writer *writer, const char *text, size_t len)
{
    if (expect_value(writer) && expect_text(writer, text, len)) {
        written(writer, yajl_gen_string(writer->gen, (const unsigned char *)text, len));
    }
}

void json_write_int(struct json_writer *writer, int64_t value)
{
    if (expect_value(writer)) {
        written(writer, yajl_gen_integer(writer->gen, value));
    }
}

void json_write_bool(struct json_writer *writer, bool value)
{
    if (expect_value(writer)) {
        written(writer, yajl_gen_bool(writer->gen, value ? 1 : 0));
    }
}

void json_write_null(struct json_writer *writer)
{
    if (expect_value(writer)) {
        written(writer, yajl_gen_null(writer->gen));
    }
}

bool json_writer_finish(struct json_writer *writer, struct lf_error *err)
{
    if (writer->misused) {
        return lf_error_set(err, LF_INTERNAL, 0, "JSON was written in a wrong order");
    }
    if (writer->bad_text) {
        return lf_error_set(err, LF_DATA, 0, "a text for JSON is not valid UTF-8");
    }
    if (!writer->complete) {
        return lf_error_set(err, LF_INTERNAL, 0, "JSON was written incompletely");
    }
    return true;
}

void json_put_text(struct json_writer *writer, const char *key, const char *text)
{
    CLEANUP(text_free) char *clean = text == NULL ? NULL : utf8_copy(text);
    json_write_key(writer, key);
    if (clean == NULL) {
        json_write_null(writer);
    } else {
        json_write_text(writer, clean);
    }
}

void json_put_int(struct json_writer *writer, const char *key, int64_t value)
{
    json_write_key(writer, key);
    json_write_int(writer, value);
}

void json_put_bool(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_bool(writer, value);
}
