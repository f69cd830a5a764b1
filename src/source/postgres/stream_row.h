/* SPDX-License-Identifier: Apache-2.0
 *
 * INSERT, UPDATE and DELETE as events.
 */
#ifndef SOURCE_POSTGRES_STREAM_ROW_H
#define SOURCE_POSTGRES_STREAM_ROW_H

#include "source/postgres/stream_tables.h"

/* Room for the fields of one row, kept from row to row. */
struct stream_row {
    struct pg_field *fields, *old;
    size_t nfields, nold;
};

void stream_row_done(struct stream_row *row);
/* Adds the event, or a fault of the table when the key cannot be taken. The table is neither dead nor muted. */
bool stream_row_add(struct stream_row *row, struct stream_tables *tables, struct stream_table *table,
                    const struct pgoutput_message *message, struct lf_error *err) LF_MUST_CHECK;

#endif
