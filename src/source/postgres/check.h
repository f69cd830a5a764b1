/* SPDX-License-Identifier: Apache-2.0
 *
 * check: whether server, role and tables allow what lakefeed does, before anything is made. Each finding has the SQL for whoever
 * may run it.
 */
#ifndef SOURCE_POSTGRES_CHECK_H
#define SOURCE_POSTGRES_CHECK_H

#include "source/postgres/catalog.h"

bool pg_op_check(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                 void *context, struct lf_error *err);

#endif
