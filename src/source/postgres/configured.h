/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of tables: options exclude.<table>.<column>, type.<table>.<column> and filter.<table>.
 *
 * Reading the catalog calls pg_configured_apply for each column, and when the table has all of them, pg_configured_check.
 */
#ifndef SOURCE_POSTGRES_CONFIGURED_H
#define SOURCE_POSTGRES_CONFIGURED_H

#include "source/postgres/catalog.h"

/* Sets excluded, configured and the type. CONFIG for a type that there is not. */
bool pg_configured_apply(const struct lf_session *session, const struct pg_table *table, struct pg_column *column,
                         struct lf_error *err) LF_MUST_CHECK;
/* Why the table cannot be followed as configured: it has no such column. NULL: it can. */
const char *pg_configured_check(const struct lf_session *session, const struct pg_table *table, struct arena *arena);
/* The condition for its rows; NULL: all. Belongs to the session. */
const char *pg_configured_filter(const struct lf_session *session, const struct pg_table *table);

#endif
