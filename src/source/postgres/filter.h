/* SPDX-License-Identifier: Apache-2.0
 *
 * Row filters: the condition of a table in the publication. Load takes it from there, so that it has the rows of the stream; here
 * it is compared with the configured one. They are equal when the server plans the same for both. Another filter is another
 * membership, hence another table id, and the host loads the table again.
 */
#ifndef SOURCE_POSTGRES_FILTER_H
#define SOURCE_POSTGRES_FILTER_H

#include "source/postgres/catalog.h"

/* Why the table cannot be filtered as configured and published; NULL: it can, or is not filtered. */
const char *pg_filter_refusal(const struct lf_session *session, const struct pg_table *table, struct arena *arena);
/* Compares in all tables that are filtered, outside of a transaction: `refilter`, `followed` and `refusal` are then what they are.
 * Fails as queries do, but for a filter that the server does not understand: that refuses its table. */
bool pg_filter_compare(struct pg_connection *connection, struct pg_tables *tables, struct lf_error *err) LF_MUST_CHECK;

#endif
