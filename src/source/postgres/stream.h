/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream: pgoutput over a replication connection of its own, and an ordinary one for looks at the catalog.
 *
 *   open → (next… → verify_catalog)… → close, by one thread. A batch lives until the next call. LOST: changes after the cursor may be
 *   missing; TRANSIENT: it begins again at the last cursor. After a failure only close is of use.
 */
#ifndef SOURCE_POSTGRES_STREAM_H
#define SOURCE_POSTGRES_STREAM_H

#include "source/postgres/session.h"

bool pg_op_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                        size_t ntables, struct lf_changes **ret_changes, struct lf_error *err);
bool pg_op_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err);
bool pg_op_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err);
void pg_op_changes_close(struct lf_changes *changes);

#endif
