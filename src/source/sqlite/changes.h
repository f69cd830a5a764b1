/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream of net changes. A pass reads the keys logged after the last boundary and the rows that they name as they
 * are now. With a write-ahead log a pass is one read transaction, however long. Without one it is several short ones;
 * keys logged meanwhile are read again in a further pass, and the boundary is told only after a pass that fitted into
 * one transaction.
 */
#ifndef SOURCE_SQLITE_CHANGES_H
#define SOURCE_SQLITE_CHANGES_H

#include "source/sqlite/session.h"

bool changes_op_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                     size_t ntables, struct lf_changes **ret_changes, struct lf_error *err);
bool changes_op_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err);
bool changes_op_verify(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err);
void changes_op_close(struct lf_changes *changes);

#endif
