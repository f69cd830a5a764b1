/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes and key of a model_shape, as model.json and load lists share them.
 */
#ifndef CDM_SHAPE_H
#define CDM_SHAPE_H

#include "cdm/model.h"

void shape_print_attribute(struct json_writer *writer, const struct model_attribute *attribute);
/* The names of the key attributes as a JSON list in text. `key` holds indexes that are in range. */
bool shape_print_key(const struct model_shape *shape, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

/* On failure the shape may be half filled; it stays the caller's to free. */
bool shape_parse_attributes(const struct json *list, struct model_shape *ret_shape, struct lf_error *err) LF_MUST_CHECK;
bool shape_parse_key(const char *text, struct model_shape *shape, struct lf_error *err) LF_MUST_CHECK;

#endif
