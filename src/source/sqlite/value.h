/* SPDX-License-Identifier: Apache-2.0
 *
 * One value of a row to one cell, checked against the column's type.
 */
#ifndef SOURCE_SQLITE_VALUE_H
#define SOURCE_SQLITE_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "lakefeed/batch.h"
#include "source/sqlite/type.h"

#include <sqlite3.h>

/* Bytes are copied into the arena. NULL when it fits, otherwise why it does not ("is no integer"). Key columns take
 * neither NULL nor a value whose class would let two keys look alike. */
const char *value_to_cell(const struct column_type *type, bool key, sqlite3_stmt *stmt, int column, struct arena *arena,
                          struct lf_cell *ret_cell);
/* Binds a cell as a value of its column. */
void value_bind_cell(sqlite3_stmt *stmt, int index, enum lf_type type, const struct lf_cell *cell);
/* The value as a person would write it, cut at 80 bytes: 7, 'x', x'00ff'. */
void value_print(struct buf *out, sqlite3_stmt *stmt, int column);

#endif
