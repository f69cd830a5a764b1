/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 13 and newer, followed through a replication slot with pgoutput. From the wire up:
 *
 *   session.h      a session, its settings, waiting and stopping
 *   connection.h   connections, queries, COPY; error.h: SQLSTATE to kinds
 *   token.h        cursor, token, asOf and their pure questions
 *   type.h         types, and cells from text; array.h
 *   catalog.h      tables, columns, keys, membership in the publication; configured.h, filter.h: as the configuration wants them
 *   layout.h       what changed of a table; rows as cells
 *   slot.h         the slot: its name, its state, its consumer
 *
 * and above, one header for each group of ops: discover.h, check.h, track.h, load.h, stream.h (docs/design/postgres-stream.md).
 *
 * Slot, load and stream meet in the session: register_consumer sets its slot, changes_open reads that one or else the cursor's, after
 * pg_slot_check has refused gaps. While a stream is open it confirms session->acknowledged to the server and nothing beyond it.
 */
#ifndef SOURCE_POSTGRES_POSTGRES_H
#define SOURCE_POSTGRES_POSTGRES_H

#include "lakefeed/connector.h"

const struct lf_connector *lakefeed_postgres_connector(void);

#endif
