/* SPDX-License-Identifier: Apache-2.0
 *
 * identity, discover.
 */
#ifndef SOURCE_POSTGRES_DISCOVER_H
#define SOURCE_POSTGRES_DISCOVER_H

#include "source/postgres/catalog.h"

bool pg_op_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err);
bool pg_op_discover(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err);

/* What this role lacks to read all of a table that could be replicated, with the SQL that gives it. NULL: nothing. */
const char *pg_table_rights(const struct lf_session *session, const struct pg_table *table, struct arena *arena);

#endif
