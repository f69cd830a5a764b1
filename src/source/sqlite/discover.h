/* SPDX-License-Identifier: Apache-2.0
 *
 * What the source is and what it has.
 */
#ifndef SOURCE_SQLITE_DISCOVER_H
#define SOURCE_SQLITE_DISCOVER_H

#include "source/sqlite/session.h"

bool discover_op_tables(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err);
bool discover_op_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err);

#endif
