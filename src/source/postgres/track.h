/* SPDX-License-Identifier: Apache-2.0
 *
 * track, untrack: the publication. It names tables one by one, never all: a table without a key in it would make the application's
 * own updates fail.
 */
#ifndef SOURCE_POSTGRES_TRACK_H
#define SOURCE_POSTGRES_TRACK_H

#include "source/postgres/catalog.h"

bool pg_op_track(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err);
bool pg_op_untrack(struct lf_session *session, struct lf_error *err);

/* The SQL that makes the publication send what happens to the tables; empty when nothing is to do. `exists` and `complete` are those
 * of the publication. */
struct pg_publication {
    bool exists;
    bool complete; /* sends inserts, updates, deletes and truncates, and partitions under their root */
    bool all_tables;
};
bool pg_publication_read(struct pg_connection *connection, struct pg_publication *ret_publication,
                         struct lf_error *err) LF_MUST_CHECK;
void pg_publication_print(const struct pg_publication *publication, const char *name,
                          const struct pg_table *const *tables, size_t ntables, struct buf *ret_sql);

#endif
