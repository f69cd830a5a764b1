/* SPDX-License-Identifier: Apache-2.0
 *
 * Small texts in a lake, for tests. `path` and conditions are those of lake.h.
 */
#ifndef FAKES_LAKE_TEXT_H
#define FAKES_LAKE_TEXT_H

#include "lake/lake.h"

bool lake_text_put(struct lake *lake, const char *path, const char *text, struct lf_error *err);
/* ret_etag may be NULL. */
bool lake_text_replace(struct lake *lake, const char *path, const char *etag, const char *text, char *ret_etag,
                       struct lf_error *err);
/* Heap text; NULL when it cannot be read. */
char *lake_text_read(struct lake *lake, const char *path);
/* Whether the object exists and is this text. */
bool lake_text_is(struct lake *lake, const char *path, const char *text);
bool lake_text_exists(struct lake *lake, const char *path);

#endif
