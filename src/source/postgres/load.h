/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of a first load. Each is one COPY in a transaction of its own: the table's read lock first, then the snapshot, since
 * TRUNCATE and rewriting ALTERs do not heed snapshots.
 */
#ifndef SOURCE_POSTGRES_LOAD_H
#define SOURCE_POSTGRES_LOAD_H

#include "source/postgres/layout.h"

bool pg_op_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                     lf_bound_visitor visit, void *context, struct lf_error *err);
bool pg_op_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                     struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err);
bool pg_op_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err);
bool pg_op_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err);
void pg_op_load_close(struct lf_load *load);

/* The table that the host means, as it is now. NOT_FOUND when it is gone or left the publication, SCHEMA when it is not what
 * the host knows. `tables` holds it. */
bool pg_load_find(struct pg_connection *connection, const struct lf_table_state *state, struct pg_tables *ret_tables,
                  const struct pg_table **ret_table, struct lf_error *err) LF_MUST_CHECK;

/* Pieces of SQL; the key's columns with the collation of their index. */
void pg_append_key(struct buf *sql, const struct pg_table *table, bool collate);
void pg_append_source(struct buf *sql, const struct pg_table *table); /* ONLY "public"."t" */
/* The SELECT of a chunk; a bound without cells is open. */
void pg_print_select(const struct pg_table *table, const struct pg_layout *layout, struct lf_bound lo,
                     struct lf_bound hi, struct arena *arena, struct buf *ret_sql);

#endif
