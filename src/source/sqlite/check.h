/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that would refuse or hinder a replication, told before anything is created.
 */
#ifndef SOURCE_SQLITE_CHECK_H
#define SOURCE_SQLITE_CHECK_H

#include "source/sqlite/session.h"

bool check_op_check(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                    void *context, struct lf_error *err);

#endif
