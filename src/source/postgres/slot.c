/* SPDX-License-Identifier: Apache-2.0
 *
 * What the slot and the log say.
 */
#include "source/postgres/slot.h"

#include <inttypes.h>
#include <stdlib.h>

static bool take_lsn(const PGresult *result, int row, int column, pg_lsn *ret_lsn, struct lf_error *err)
{
    return pg_lsn_parse(pg_text(result, row, column), ret_lsn) ||
           lf_error_set(err, LF_INTERNAL, 0, "'%.40s' is no place in the log of PostgreSQL",
                        pg_text(result, row, column));
}

/* Why a slot was invalidated is told since 17; `conflicting` of 16 is true for every reason. */
bool pg_slot_read(struct pg_connection *connection, const char *name, struct pg_slot *ret_slot, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    struct pg_slot slot = {0};
    TRY(pg_query_params(connection, "the replication slot",
                        "SELECT coalesce(plugin = 'pgoutput' AND database = current_database(), false),"
                        " coalesce(active_pid, 0), coalesce(confirmed_flush_lsn, '0/0'), coalesce(wal_status, 'lost'),"
                        " coalesce(to_jsonb(s) ->> 'invalidation_reason', ''),"
                        " coalesce((to_jsonb(s) ->> 'synced')::boolean, false)"
                        " FROM pg_catalog.pg_replication_slots AS s WHERE slot_name = $1",
                        1, &name, &result, err));
    if (PQntuples(result) > 0) {
        slot.exists = true;
        slot.logical = pg_bool(result, 0, 0);
        slot.active_pid = (int32_t)pg_int(result, 0, 1);
        TRY(take_lsn(result, 0, 2, &slot.confirmed, err));
        (void)snprintf(slot.wal_status, sizeof slot.wal_status, "%s", pg_text(result, 0, 3));
        (void)snprintf(slot.invalidation, sizeof slot.invalidation, "%s", pg_text(result, 0, 4));
        slot.synced = pg_bool(result, 0, 5);
    }
    *ret_slot = slot;
    return true;
}

/* Of another plugin or database none is ours, whatever its name. */
bool pg_slot_visit(struct lf_session *session, pg_slot_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    const char *configured = session->settings.slot;
    TRY(pg_query(&session->side, "the replication slots",
                 "SELECT slot_name, active, coalesce(wal_status, 'lost') = 'lost',"
                 " coalesce(pg_current_wal_lsn() - restart_lsn, 0) FROM pg_catalog.pg_replication_slots"
                 " WHERE database = current_database() AND plugin = 'pgoutput' ORDER BY slot_name",
                 &result, err));
    for (int i = 0; i < PQntuples(result); i++) {
        struct pg_slot_name name;
        struct pg_slot_seen slot = {pg_text(result, i, 0), pg_bool(result, i, 1), pg_bool(result, i, 2),
                                    pg_int(result, i, 3)};
        if (pg_slot_name_parse(slot.name, &name) || (configured != NULL && strcmp(slot.name, configured) == 0)) {
            visit(context, &slot);
        }
    }
    return true;
}

/* Locks are visible to every role. */
bool pg_oldest_transaction(struct lf_session *session, struct buf *ret_who, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    TRY(pg_query(&session->side, "the open transactions",
                 "SELECT who FROM (SELECT age(l.transactionid), concat('the open transaction of process ', l.pid, ' (',"
                 "   a.usename, ' in ' || a.datname, ', ' || nullif(a.application_name, ''), ')',"
                 "   ' since ' || date_trunc('second', a.xact_start)) AS who FROM pg_catalog.pg_locks AS l"
                 "  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid"
                 "  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid IS NOT NULL"
                 "   AND l.pid <> pg_backend_pid()"
                 " UNION ALL SELECT age(transaction), concat('the prepared transaction ', gid, ' in ', database,"
                 "   ' since ', date_trunc('second', prepared)) FROM pg_catalog.pg_prepared_xacts) AS open"
                 " ORDER BY age DESC LIMIT 1",
                 &result, err));
    if (PQntuples(result) > 0) {
        buf_printf(ret_who, "%.200s", pg_text(result, 0, 0));
    }
    return true;
}

/* The order matters: first the end of the log. A transaction that committed at or before it then either still holds the lock on
 * its xid, or has ended for good and the snapshot's xmax is above it. */
bool pg_log_end(struct pg_connection *connection, pg_lsn *ret_end, uint64_t *ret_horizon, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *end = NULL;
    CLEANUP(pg_result_clear) PGresult *locks = NULL;
    CLEANUP(pg_result_clear) PGresult *snapshot = NULL;
    const char *what = "the end of the log";
    TRY(pg_query(connection, what, "SELECT pg_current_wal_insert_lsn()", &end, err));
    TRY(pg_query(connection, what,
                 "SELECT transactionid FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND granted"
                 " AND mode = 'ExclusiveLock'",
                 &locks, err));
    TRY(pg_query(connection, what, "SELECT pg_snapshot_xmax(pg_current_snapshot())", &snapshot, err));
    TRY(take_lsn(end, 0, 0, ret_end, err));
    uint64_t horizon = pg_uint(snapshot, 0, 0);
    for (int i = 0; i < PQntuples(locks); i++) {
        uint64_t xid = pg_xid_widen((uint32_t)pg_uint(locks, i, 0), pg_uint(snapshot, 0, 0));
        horizon = xid >= horizon ? xid + 1 : horizon;
    }
    *ret_horizon = horizon;
    return true;
}

static bool LF_PRINTF(3, 4) lost(const struct pg_connection *connection, struct lf_error *err, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return lf_error_set(err, LF_LOST, 0,
                        "%s: %s; changes may be missing, so the tables have to be loaded again: run lakefeed resync",
                        connection->session->where, text);
}

static bool check_place(struct pg_connection *connection, const struct pg_cursor *cursor, struct lf_error *err)
{
    const struct lf_session *session = connection->session;
    if (cursor->system != session->system) {
        return lost(connection, err,
                    "this is another cluster (system identifier %" PRIu64 ") than the lake was filled from (%" PRIu64
                    ")",
                    session->system, cursor->system);
    }
    if (cursor->database != session->database) {
        return lost(connection, err,
                    "this is another database of the cluster than the lake was filled from"
                    " (oid %" PRIu32 ", not %" PRIu32 ")",
                    session->database, cursor->database);
    }
    return true;
}

bool pg_timeline_end(const char *history, uint32_t timeline, pg_lsn *ret_end)
{
    char lsn[PG_LSN_TEXT_SIZE];
    char *rest = NULL;
    for (const char *line = history; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        /* "1<tab>0/3000148<tab>no recovery target specified" */
        unsigned long number = strtoul(line, &rest, 10);
        size_t len = *rest == '\t' ? strspn(rest + 1, "0123456789ABCDEFabcdef/") : 0;
        if (len > 0 && len < sizeof lsn && number == timeline) {
            memcpy(lsn, rest + 1, len);
            lsn[len] = '\0';
            return pg_lsn_parse(lsn, ret_end);
        }
    }
    return false;
}

static bool read_history(struct lf_session *session, char **ret_history, struct lf_error *err)
{
    CLEANUP(pg_connection_close) struct pg_connection connection = {0};
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    char sql[40];
    (void)snprintf(sql, sizeof sql, "TIMELINE_HISTORY %" PRIu32, session->timeline);
    TRY(pg_connection_open(session, PG_FOR_REPLICATION, &connection, err));
    TRY(pg_query(&connection, "the history of timelines", sql, &result, err));
    *ret_history = text_copy(PQntuples(result) > 0 ? pg_text(result, 0, 1) : "");
    return true;
}

/* The server left the timeline of the cursor. All is there only when it left behind the cursor, and when its slot is the old one, kept by
 * the server itself: of any other slot nobody knows whether the rows of the catalog that decoding needs were kept. */
static bool check_promotion(struct pg_connection *connection, const struct pg_slot *slot,
                            const struct pg_cursor *cursor, struct lf_error *err)
{
    CLEANUP(text_free) char *history = NULL;
    struct lf_session *session = connection->session;
    pg_lsn end = 0;
    if (!slot->exists || !slot->synced) {
        return lost(connection, err,
                    "the server was promoted or restored since the last commit (timeline %" PRIu32
                    ", the lake stands on %" PRIu32 "), and has no synchronized replication slot for this lake",
                    session->timeline, cursor->timeline);
    }
    TRY(read_history(session, &history, err));
    if (!pg_timeline_end(history, cursor->timeline, &end) || cursor->lsn > end) {
        return lost(connection, err,
                    "the server was promoted (timeline %" PRIu32
                    ") without all that the lake has: the lake stands at " PG_LSN_FORMAT " of timeline %" PRIu32
                    ", which the server left at " PG_LSN_FORMAT,
                    session->timeline, PG_LSN_ARGS(cursor->lsn), cursor->timeline, PG_LSN_ARGS(end));
    }
    return true;
}

static bool check_end(struct pg_connection *connection, const struct pg_cursor *cursor, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    pg_lsn end = 0;
    pg_lsn inserted = 0;
    uint64_t horizon = 0;
    TRY(pg_log_end(connection, &inserted, &horizon, err));
    if (cursor->horizon > horizon) {
        return lost(connection, err,
                    "the lake knows of transactions that this server has never begun (%" PRIu64 ", it is at %" PRIu64
                    "); the server was restored from an older state",
                    cursor->horizon - 1, horizon);
    }
    TRY(pg_query(connection, "the end of the log", "SELECT pg_current_wal_flush_lsn()", &result, err));
    TRY(take_lsn(result, 0, 0, &end, err));
    if (cursor->lsn > end) {
        return lost(connection, err,
                    "the lake stands at " PG_LSN_FORMAT ", past the end of the server's log, " PG_LSN_FORMAT
                    "; the server was restored from an older state",
                    PG_LSN_ARGS(cursor->lsn), PG_LSN_ARGS(end));
    }
    return true;
}

bool pg_slot_check(struct pg_connection *connection, const char *name, const struct pg_cursor *cursor,
                   struct lf_error *err)
{
    struct pg_slot slot;
    TRY(check_place(connection, cursor, err));
    if (name[0] == '\0') {
        return lost(connection, err, "the cursor names no replication slot");
    }
    TRY(pg_slot_read(connection, name, &slot, err));
    TRY(cursor->timeline == connection->session->timeline || check_promotion(connection, &slot, cursor, err));
    if (!slot.exists) {
        return lost(connection, err, "the replication slot %s is gone; somebody dropped it, or the server lost it",
                    name);
    }
    if (!slot.logical) {
        return lost(connection, err, "the replication slot %s is not one of this database with the plugin pgoutput",
                    name);
    }
    if (slot.invalidation[0] != '\0' && strcmp(slot.invalidation, "wal_removed") != 0) {
        return lost(connection, err, "the server has invalidated the replication slot %s (%s)", name,
                    slot.invalidation);
    }
    if (strcmp(slot.wal_status, "lost") == 0) {
        return lost(connection, err,
                    "the server gave up the log that the replication slot %s needs (max_slot_wal_keep_size)", name);
    }
    if (slot.confirmed > cursor->lsn) {
        return lost(connection, err,
                    "the replication slot %s was moved to " PG_LSN_FORMAT ", past what the lake holds, " PG_LSN_FORMAT
                    "; another reader used it, or it was made again",
                    name, PG_LSN_ARGS(slot.confirmed), PG_LSN_ARGS(cursor->lsn));
    }
    return check_end(connection, cursor, err);
}
