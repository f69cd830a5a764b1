/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: a tree for small documents (cJSON), a writer that streams (yajl), and a reader that hands a large
 * document over in pieces. Only base/json* includes cJSON or yajl. Objects are not thread-safe.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a value of a parsed tree; all but the root are borrowed */

/* `name` stands in front of the message: "model.json: line 3: …". DATA: not JSON, not UTF-8, half a surrogate pair,
 * U+0000 in a text, a key twice in an object, more than one value. LIMIT: more than 64 levels, or more than 4096
 * members in an object. */
bool json_parse(const char *name, const char *text, size_t len, struct json **ret_root,
                struct lf_error *err) LF_MUST_CHECK;
void json_free(struct json **root); /* for CLEANUP */

/* All take NULL for a missing value, json_next and json_name excepted. */
const struct json *json_member(const struct json *object, const char *name); /* NULL: none, or not an object */
const struct json *json_first(const struct json *container);                 /* array or object; NULL when empty */
const struct json *json_next(const struct json *child);
const char *json_name(const struct json *child); /* the key of a member */
const char *json_text(const struct json *value); /* NULL when not a string */
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_bool(const struct json *value, bool *ret); /* false when not a boolean */
/* An integer that a double holds exactly; false when it is anything else. */
bool json_int(const struct json *value, int64_t *ret);

/* Writing: compact or with two blanks of indentation, into `out`, which the caller may drain at any time. */
struct json_writer;
struct json_writer *json_writer_new(struct buf *out, bool indent);
void json_writer_free(struct json_writer **writer); /* for CLEANUP */
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_write_key(struct json_writer *writer, const char *key);
void json_write_text(struct json_writer *writer, const char *text);
void json_write_text_len(struct json_writer *writer, const char *text, size_t len);
void json_write_int(struct json_writer *writer, int64_t value);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
/* A member of the open object. A NULL text is null, bytes that are not UTF-8 become U+FFFD. */
void json_put_text(struct json_writer *writer, const char *key, const char *text);
void json_put_int(struct json_writer *writer, const char *key, int64_t value);
void json_put_bool(struct json_writer *writer, const char *key, bool value);
/* INTERNAL when the calls did not make one complete value, DATA when a text was not UTF-8. */
bool json_writer_finish(struct json_writer *writer, struct lf_error *err) LF_MUST_CHECK;

/* Reading in pieces: `next` gives the following bytes of the document (0: the end). The members of the root
 * object are handed over one by one, and those whose name is in `split` (NULL-ended) element by element: `piece` then
 * is one element; a member in `split` that is no array is a DATA error. A piece's compact text, a single token and the
 * keys of the root together are at most piece_max bytes each (LIMIT). What `next` reports comes back unchanged, what
 * `visit` reports with name and line in front. Otherwise the same strictness as json_parse. */
typedef bool (*json_input)(void *context, char *ret_bytes, size_t size, size_t *ret_len, struct lf_error *err);
typedef bool (*json_piece)(void *context, const char *member, const struct json *piece, struct lf_error *err);
bool json_read_pieces(const char *name, json_input next, void *input_context, const char *const *split,
                      size_t piece_max, json_piece visit, void *visit_context, struct lf_error *err) LF_MUST_CHECK;

#endif
