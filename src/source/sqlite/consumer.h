/* SPDX-License-Identifier: Apache-2.0
 *
 * Who reads the log, how far, and what may be forgotten.
 */
#ifndef SOURCE_SQLITE_CONSUMER_H
#define SOURCE_SQLITE_CONSUMER_H

#include "source/sqlite/cursor.h"
#include "source/sqlite/session.h"

/* The newest row of the log. */
bool log_end(struct connection *connection, struct position *ret_position, struct lf_error *err) LF_MUST_CHECK;
/* LOST unless the log still has everything after the position, and is the log that the position is of. */
bool log_check(struct connection *connection, const struct position *position, struct lf_error *err) LF_MUST_CHECK;

bool consumer_op_register(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice *ret_cursor,
                          struct lf_error *err);
bool consumer_op_unregister(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err);
bool consumer_op_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err);
bool consumer_op_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                     struct lf_error *err);

#endif
