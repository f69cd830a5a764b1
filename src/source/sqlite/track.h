/* SPDX-License-Identifier: Apache-2.0
 *
 * What lakefeed keeps in the database, installed and removed.
 *
 *   lakefeed_meta(name, value)                   format, epoch, pruned_to, pruned_tag
 *   lakefeed_table(tab, name)                    every number ever given to a table
 *   lakefeed_consumer(link, lake_id, location, seq)
 *   lakefeed_log(seq, tag, tab, k1, k2, …)       never empty: its newest row is not pruned, so no seq comes twice
 */
#ifndef SOURCE_SQLITE_TRACK_H
#define SOURCE_SQLITE_TRACK_H

#include "source/sqlite/session.h"

bool track_op_track(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err);
bool track_op_untrack(struct lf_session *session, struct lf_error *err);

#endif
