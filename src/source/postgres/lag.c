/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server keeps of its log for a slot. It keeps from restart_lsn on, which follows what we confirm only when every transaction
 * that was open there has ended.
 */
#include "source/postgres/slot.h"

#include <inttypes.h>

#define HELD_BYTES (INT64_C(64) << 20) /* kept beyond what we ask for; from here on it is worth a name */

static bool name_holder(struct lf_session *session, struct buf *text, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf who = {0};
    TRY(pg_oldest_transaction(session, &who, err));
    if (who.len > 0) {
        buf_printf(text, "; %s holds it up", buf_text(&who));
    }
    return true;
}

bool pg_op_lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
               struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    char name[PG_SLOT_SIZE];
    char acknowledged[PG_LSN_TEXT_SIZE];
    TRY(pg_session_check(session, err));
    TRY(pg_slot_of_consumer(session, consumer, name, err));
    (void)snprintf(acknowledged, sizeof acknowledged, PG_LSN_FORMAT, PG_LSN_ARGS(atomic_load(&session->acknowledged)));
    TRY(pg_query_params(&session->side, "what the replication slot keeps",
                        "SELECT greatest(now - greatest(confirmed_flush_lsn, $2::pg_lsn), 0)::bigint,"
                        " greatest(now - coalesce(restart_lsn, confirmed_flush_lsn), 0)::bigint,"
                        " CASE WHEN safe_wal_size < 0 THEN 0 ELSE safe_wal_size END, coalesce(wal_status, 'lost')"
                        " FROM pg_catalog.pg_replication_slots, pg_current_wal_lsn() AS now WHERE slot_name = $1",
                        2, (const char *const[]){name, acknowledged}, &result, err));
    if (PQntuples(result) == 0) {
        return lf_error_set(err, LF_LOST, 0, "%s: the replication slot %s is gone; run lakefeed resync", session->where,
                            name);
    }
    buf_printf(&text, "replication slot %s (%s)", name, pg_text(result, 0, 3));
    struct lf_lag lag = {.beyond_bytes = pg_int(result, 0, 0),
                         .retained_bytes = pg_int(result, 0, 1),
                         .left_bytes = pg_is_null(result, 0, 2) ? -1 : pg_int(result, 0, 2)};
    TRY(lag.retained_bytes - lag.beyond_bytes < HELD_BYTES || name_holder(session, &text, err));
    arena_reset(&session->scratch);
    lag.text = arena_text(&session->scratch, buf_text(&text));
    *ret_lag = lag;
    return true;
}
