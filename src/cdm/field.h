/* SPDX-License-Identifier: Apache-2.0
 *
 * Single fields of the documents of this folder, in both directions. Readers accept only the one text that the writer makes
 * for a value, and answer DATA with a message that begins with `what`; a NULL text means that the field is missing.
 */
#ifndef CDM_FIELD_H
#define CDM_FIELD_H

#include "base/json.h"
#include "cdm/model.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FIELD_BYTES_MAX 65536u /* bytes of a cursor, an asOf or a key */
#define FIELD_PATH_MAX 1024u

/* The members of `object` in the order of `names`; NULL for those that are absent. Refuses any other member. */
bool field_members(const struct json *object, const char *const *names, size_t count, const struct json **ret_values,
                   struct lf_error *err) LF_MUST_CHECK;
/* The same for a list of {"name", "value"}. Values are borrowed from the tree. */
bool field_annotations(const struct json *list, const char *const *names, size_t count, const char **ret_values,
                       struct lf_error *err) LF_MUST_CHECK;

bool field_text(const char *text, const char *what, char **ret_text, struct lf_error *err) LF_MUST_CHECK;
bool field_u64(const char *text, const char *what, uint64_t *ret, struct lf_error *err) LF_MUST_CHECK;
bool field_u32(const char *text, const char *what, uint32_t *ret, struct lf_error *err) LF_MUST_CHECK;
bool field_bytes(const char *text, const char *what, struct model_bytes *ret_bytes, struct lf_error *err) LF_MUST_CHECK;
bool field_sha256(const char *text, const char *what, char ret_hex[65], struct lf_error *err) LF_MUST_CHECK;
/* yyyy-MM-ddTHH:mm:ss.fffZ */
bool field_time_ms(const char *text, const char *what, int64_t *ret_ms, struct lf_error *err) LF_MUST_CHECK;
/* yyyy-MM-ddTHH:mm:ss.ffffffZ */
bool field_time_us(const char *text, const char *what, int64_t *ret_us, struct lf_error *err) LF_MUST_CHECK;
/* M/d/yyyy h:mm:ss AM|PM */
bool field_time_american(const char *text, const char *what, int64_t *ret_ms, struct lf_error *err) LF_MUST_CHECK;

size_t field_count(const struct json *list); /* elements */
/* DATA when the value is not a list. */
bool field_is_list(const struct json *value, const char *what, struct lf_error *err) LF_MUST_CHECK;

/* Whole documents of one tree begin with "format": UNSUPPORTED when it is newer than ours. */
bool field_format(const struct json *value, struct lf_error *err) LF_MUST_CHECK;

void write_annotation(struct json_writer *writer, const char *name, const char *value); /* NULL: not written */
void write_annotation_u64(struct json_writer *writer, const char *name, uint64_t value);
void write_annotation_bytes(struct json_writer *writer, const char *name, const struct model_bytes *bytes);
void write_text(struct json_writer *writer, const char *key, const char *value); /* NULL: not written */
void write_u64(struct json_writer *writer, const char *key, uint64_t value);
void write_bytes(struct json_writer *writer, const char *key, const struct model_bytes *bytes);
void write_time_ms(struct json_writer *writer, const char *key, int64_t ms);
void write_annotation_time_us(struct json_writer *writer, const char *name, int64_t us);

#endif
