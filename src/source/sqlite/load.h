/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the rows of a key range. With a write-ahead log it is one read transaction; without one it is a row of short
 * ones, each going on after the last key, so that the asOf of the first and the last differ.
 */
#ifndef SOURCE_SQLITE_LOAD_H
#define SOURCE_SQLITE_LOAD_H

#include "source/sqlite/session.h"

bool load_op_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want, lf_bound_visitor visit,
                  void *context, struct lf_error *err);
bool load_op_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                  struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err);
bool load_op_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err);
bool load_op_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err);
void load_op_close(struct lf_load *load);

/* Reads a whole table, tracked or not, and tells the first value of each column that does not fit. */
typedef void (*load_fault)(void *context, const struct lf_error *what);
bool load_scan(struct lf_session *session, const char *table, load_fault fault, void *context, struct lf_error *err);

#endif
