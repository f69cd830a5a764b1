/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says of columns: options exclude.<table>.<column> and type.<table>.<column>.
 */
#ifndef SOURCE_POSTGRES_CONFIGURED_H
#define SOURCE_POSTGRES_CONFIGURED_H

#include "source/postgres/catalog.h"

bool pg_configured_apply(const struct lf_session *session, const struct pg_table *table, struct pg_column *column,
                         struct lf_error *err) LF_MUST_CHECK;
/* Why the table cannot be followed as configured: it has no such column. NULL: it can. */
const char *pg_configured_check(const struct lf_session *session, const struct pg_table *table, struct arena *arena);

#endif
