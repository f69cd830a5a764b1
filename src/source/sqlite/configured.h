/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of a table, held against the table.
 */
#ifndef SOURCE_SQLITE_CONFIGURED_H
#define SOURCE_SQLITE_CONFIGURED_H

#include "source/sqlite/catalog.h"

/* An excluded column that the table does not have is a mistake that would let the right one out, so the table is refused. ret_refusal: why,
 * in the arena, or NULL. */
bool configured_check(struct connection *connection, const struct table *table, struct arena *arena,
                      const char **ret_refusal, struct lf_error *err) LF_MUST_CHECK;

#endif
