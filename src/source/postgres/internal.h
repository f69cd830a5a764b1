/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that load and stream share:
 *
 *   token.h       cursor, token, asOf and their pure questions
 *   session.h     a session, its settings, waiting and stopping
 *   connection.h  connections, queries, COPY
 *   error.h       SQLSTATE to kinds
 *   type.h        types and cells from text
 *   catalog.h     tables, columns, keys, membership in the publication
 *   layout.h      what changed of a table; rows as cells
 *   slot.h        the slot: its name, its state, its horizon
 *
 * The stream opens its connection with pg_connection_open(…, PG_FOR_REPLICATION, …) and reads its slot, session->slot or else
 * the cursor's, after pg_slot_check has refused gaps. It sets session->streaming while it holds the slot, confirms
 * session->acknowledged to the server and nothing beyond it, and raises the horizon of its cursors
 * by the xid of every transaction it has seen (pg_cursor_raise), starting from that of the cursor it was opened with.
 */
#ifndef SOURCE_POSTGRES_INTERNAL_H
#define SOURCE_POSTGRES_INTERNAL_H

#include "source/postgres/catalog.h"
#include "source/postgres/connection.h"
#include "source/postgres/error.h"
#include "source/postgres/layout.h"
#include "source/postgres/session.h"
#include "source/postgres/slot.h"
#include "source/postgres/token.h"
#include "source/postgres/type.h"

#endif
