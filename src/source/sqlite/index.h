/* SPDX-License-Identifier: Apache-2.0
 *
 * Unique indexes as conditions: when does a row of the table collide with the row NEW of a trigger?
 */
#ifndef SOURCE_SQLITE_INDEX_H
#define SOURCE_SQLITE_INDEX_H

#include "source/sqlite/catalog.h"

/* One text for each unique index whose collisions the key alone does not show; lives in the arena. */
bool index_collisions(struct connection *connection, const struct table *table, struct arena *arena,
                      const char ***ret_conditions, size_t *ret_count, struct lf_error *err) LF_MUST_CHECK;

#endif
