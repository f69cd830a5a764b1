/* SPDX-License-Identifier: Apache-2.0
 *
 * A consumer is a replication slot. It begins at the end of the log: a slot cannot be made in the past.
 */
#include "source/postgres/slot.h"
#include "source/postgres/track.h"

#include <inttypes.h>

#define CREATE_MS 30000 /* how long a new slot may wait for transactions that are open */
#define DROP_MS 5000    /* a reader that went away can hold its slot for a moment */
#define FLUSH_MS 100    /* how long the server may take to write its log out by itself */
#define STEP_MS 50

/* What was found among the slots of this database. */
struct finding {
    char ours[PG_SLOT_SIZE];    /* same link and lake */
    char renamed[PG_SLOT_SIZE]; /* same lake and location, another link */
    char foreign[PG_SLOT_SIZE]; /* same link, another lake */
    bool same_location;         /* of the foreign one */
};

struct search {
    const struct lf_session *session;
    struct pg_slot_name wanted;
    struct finding *finding;
};

static void note_slot(void *context, const struct pg_slot_seen *slot)
{
    const struct search *search = context;
    struct finding *finding = search->finding;
    struct pg_slot_name name;
    if (search->session->settings.slot != NULL) {
        if (strcmp(slot->name, search->session->settings.slot) == 0) {
            (void)snprintf(finding->ours, PG_SLOT_SIZE, "%s", slot->name);
        }
        return;
    }
    if (!pg_slot_name_parse(slot->name, &name)) {
        return;
    }
    bool link = strcmp(name.link, search->wanted.link) == 0;
    bool lake = strcmp(name.lake, search->wanted.lake) == 0;
    bool location = strcmp(name.location, search->wanted.location) == 0;
    char *place = link && lake ? finding->ours : lake && location ? finding->renamed : link ? finding->foreign : NULL;
    if (place != NULL) {
        (void)snprintf(place, PG_SLOT_SIZE, "%s", slot->name);
        finding->same_location = place == finding->foreign ? location : finding->same_location;
    }
}

static bool find_slots(struct lf_session *session, const struct lf_consumer *consumer, struct finding *ret_finding,
                       struct lf_error *err)
{
    struct search search = {.session = session, .finding = ret_finding};
    *ret_finding = (struct finding){0};
    pg_slot_name_of(consumer, &search.wanted);
    return pg_slot_visit(session, note_slot, &search, err);
}

/* Waits while somebody reads the slot, whom `terminate` ends. CONFLICT when he stays. */
static bool free_slot(struct lf_session *session, const char *name, bool terminate, struct lf_error *err)
{
    int64_t until = pg_monotonic_ms() + DROP_MS;
    struct pg_slot slot;
    for (;;) {
        TRY(pg_slot_read(&session->side, name, &slot, err));
        if (!slot.exists || slot.active_pid == 0) {
            return true;
        }
        if (pg_monotonic_ms() >= until) {
            return lf_error_set(err, LF_CONFLICT, 0,
                                "%s: the replication slot %s is in use by the server's process %" PRId32
                                "; stop whoever reads it first",
                                session->where, name, slot.active_pid);
        }
        if (terminate) {
            char pid[16];
            (void)snprintf(pid, sizeof pid, "%" PRId32, slot.active_pid);
            TRY(pg_query_params(&session->side, "ending the reader of the slot", "SELECT pg_terminate_backend($1::int)",
                                1, (const char *const[]){pid}, NULL, err));
        }
        (void)pg_session_wait(session, -1, 0, STEP_MS);
        TRY(pg_session_check(session, err));
    }
}

static bool drop_slot(struct lf_session *session, const char *name, bool terminate, struct lf_error *err)
{
    TRY(free_slot(session, name, terminate, err));
    bool good = pg_query_params(&session->side, "dropping the replication slot",
                                "SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots"
                                " WHERE slot_name = $1",
                                1, &name, NULL, err);
    return good || pg_error_is(err, "42704");
}

static bool conflict(const struct lf_session *session, const struct lf_consumer *consumer, const char *slot,
                     struct lf_error *err)
{
    return lf_error_set(
        err, LF_CONFLICT, 0,
        "%s: the link name %s belongs to another lake (replication slot %s; its last two parts stand for"
        " location and id of that lake); give this link another name, or pass --takeover to replace it",
        session->where, consumer->link, slot);
}

static bool check_publication(struct lf_session *session, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    struct pg_publication publication;
    TRY(pg_publication_read(&session->side, &publication, err));
    if (!publication.exists) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "%s has no publication %s, which has to be there before the replication slot; run"
                            " lakefeed track",
                            session->where, session->settings.publication);
    }
    TRY(pg_query(&session->side, "wal_level", "SELECT current_setting('wal_level')", &result, err));
    return strcmp(pg_text(result, 0, 0), "logical") == 0 ||
           lf_error_set(err, LF_CONFIG, 0,
                        "%s keeps no changes in its log (wal_level is %s): ALTER SYSTEM SET wal_level = logical, then"
                        " restart the server",
                        session->where, pg_text(result, 0, 0));
}

/* Names who holds up the slot. */
static void name_holder(struct lf_session *session, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf who = {0};
    struct lf_error ignored;
    if (pg_oldest_transaction(session, &who, &ignored) && who.len > 0) {
        (void)lf_error_set(err, LF_TRANSIENT, err->code,
                           "%s: a replication slot can be made only when all transactions that are open now have ended;"
                           " after %d s there is still %s",
                           session->where, CREATE_MS / 1000, buf_text(&who));
    }
}

/* Tells what the administrator can do about a slot that cannot be made. */
static bool explain_refusal(struct lf_session *session, const char *name, struct lf_error *err)
{
    if (pg_error_is(err, "57014")) {
        name_holder(session, err);
    } else if (pg_error_is(err, "53400")) {
        (void)lf_error_set(
            err, LF_TRANSIENT, err->code,
            "%s: the server has no room for the replication slot %s: drop slots that nobody reads (SELECT"
            " slot_name, active FROM pg_replication_slots), or raise max_replication_slots and restart the"
            " server",
            session->where, name);
    } else if (pg_error_is(err, "42710")) {
        (void)lf_error_set(
            err, LF_CONFLICT, err->code,
            "%s: there is a replication slot %s already, which is of another database or not of the plugin"
            " pgoutput; name another one with the option slot, or if nobody reads it: SELECT"
            " pg_drop_replication_slot('%s')",
            session->where, name, name);
    }
    return false;
}

static bool create_slot(struct lf_session *session, const char *name, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    struct pg_connection *side = &session->side;
    CLEANUP(pg_rollback) struct pg_connection *rollback = side;
    TRY(check_publication(session, err));
    buf_printf(&sql,
               "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = %d; SELECT "
               "pg_create_logical_replication_slot(",
               CREATE_MS);
    pg_append_literal(&sql, name, strlen(name));
    buf_printf(&sql, ", 'pgoutput'%s); COMMIT", session->settings.failover ? ", failover => true" : "");
    (void)rollback;
    if (pg_exec(side, "making the replication slot", buf_text(&sql), err)) {
        return true;
    }
    pg_rollback(&side);
    return explain_refusal(session, name, err);
}

/* A slot cannot be renamed, but copied with its position. */
static bool rename_slot(struct lf_session *session, const char *from, const char *to, struct lf_error *err)
{
    TRY(free_slot(session, from, true, err));
    TRY(pg_query_params(&session->side, "copying the replication slot",
                        "SELECT pg_copy_logical_replication_slot($1, $2)", 2, (const char *const[]){from, to}, NULL,
                        err));
    return drop_slot(session, from, true, err);
}

/* Leads to a slot of the consumer's own: the one there is, a renamed one, or none, with `to` free. */
static bool claim_slot(struct lf_session *session, const struct lf_consumer *consumer, const char *to,
                       struct finding *finding, struct lf_error *err)
{
    if (finding->ours[0] != '\0') {
        return true;
    }
    if (finding->renamed[0] != '\0') {
        if (!consumer->takeover) {
            return lf_error_set(err, LF_CONFLICT, 0,
                                "%s: the lake %s belongs to another link (replication slot %s); give this link (%s)"
                                " another lake, run it under that name, or pass --takeover if the link was renamed",
                                session->where, consumer->location, finding->renamed, consumer->link);
        }
        TRY(rename_slot(session, finding->renamed, to, err));
        (void)snprintf(finding->ours, PG_SLOT_SIZE, "%s", to);
    }
    if (finding->foreign[0] != '\0') {
        if (!consumer->takeover && !finding->same_location) {
            return conflict(session, consumer, finding->foreign, err);
        }
        TRY(drop_slot(session, finding->foreign, consumer->takeover, err));
    }
    return true;
}

/* Tells why, where the cursor shows it: another cluster, another timeline. */
static bool slot_is_gone(struct lf_session *session, const char *name, struct lf_slice committed, struct lf_error *err)
{
    struct pg_cursor cursor;
    TRY(pg_cursor_parse(committed, &cursor, err));
    TRY(pg_slot_check(&session->side, name, &cursor, err));
    return lf_error_set(err, LF_LOST, 0,
                        "%s: the replication slot %s of this lake is gone, and the log before now with it: somebody"
                        " dropped it, or the server was restored or promoted; run lakefeed resync to load the tables"
                        " again",
                        session->where, name);
}

static bool hand_out(struct lf_session *session, const struct pg_cursor *cursor, struct lf_slice *ret_cursor)
{
    char text[PG_CURSOR_TEXT_SIZE];
    arena_reset(&session->scratch);
    *ret_cursor = arena_slice(&session->scratch, pg_cursor_print(cursor, text));
    return true;
}

bool pg_op_register(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice *ret_cursor,
                    struct lf_error *err)
{
    struct pg_slot_name name;
    struct pg_slot slot;
    struct finding finding;
    char wanted[PG_SLOT_SIZE];
    pg_lsn end = 0;
    uint64_t horizon = 0;
    pg_slot_name_of(consumer, &name);
    pg_slot_name_print(&name, wanted);
    if (session->settings.slot != NULL) {
        (void)snprintf(wanted, sizeof wanted, "%s", session->settings.slot);
    }
    TRY(find_slots(session, consumer, &finding, err));
    TRY(claim_slot(session, consumer, wanted, &finding, err));
    if (finding.ours[0] == '\0' && consumer->cursor.len > 0) {
        return slot_is_gone(session, wanted, consumer->cursor, err);
    }
    if (finding.ours[0] == '\0') {
        TRY(create_slot(session, wanted, err));
        (void)snprintf(finding.ours, sizeof finding.ours, "%s", wanted);
    }
    TRY(pg_slot_read(&session->side, finding.ours, &slot, err));
    TRY(pg_log_end(&session->side, &end, &horizon, err));
    memcpy(session->slot, finding.ours, sizeof session->slot);
    session->registered = true;
    struct pg_cursor cursor = pg_session_cursor(session, slot.confirmed);
    cursor.horizon = horizon;
    return hand_out(session, &cursor, ret_cursor);
}

bool pg_op_unregister(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err)
{
    struct finding finding;
    TRY(find_slots(session, consumer, &finding, err));
    if (finding.ours[0] == '\0' && finding.foreign[0] != '\0') {
        return finding.same_location || consumer->takeover ? drop_slot(session, finding.foreign, false, err)
                                                           : conflict(session, consumer, finding.foreign, err);
    }
    return finding.ours[0] == '\0' || drop_slot(session, finding.ours, consumer->takeover, err);
}

/* Committed transactions are flushed, but for those of sessions with synchronous_commit = off. */
static bool wait_flushed(struct lf_session *session, pg_lsn end, struct lf_error *err)
{
    int64_t until = pg_monotonic_ms() + FLUSH_MS;
    bool nudged = false;
    for (;;) {
        CLEANUP(pg_result_clear) PGresult *result = NULL;
        pg_lsn flushed = 0;
        TRY(pg_query(&session->side, "the end of the log", "SELECT pg_current_wal_flush_lsn()", &result, err));
        if (pg_lsn_parse(pg_text(result, 0, 0), &flushed) && flushed >= end) {
            return true;
        }
        if (!nudged && pg_monotonic_ms() >= until) {
            TRY(pg_op_nudge(session, err));
            nudged = true;
        }
        (void)pg_session_wait(session, -1, 0, STEP_MS / 5);
        TRY(pg_session_check(session, err));
    }
}

bool pg_op_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err)
{
    pg_lsn end = 0;
    uint64_t horizon = 0;
    TRY(pg_session_check(session, err));
    TRY(pg_log_end(&session->side, &end, &horizon, err));
    TRY(wait_flushed(session, end, err));
    struct pg_cursor cursor = pg_session_cursor(session, end);
    cursor.horizon = horizon;
    return hand_out(session, &cursor, ret_cursor);
}

/* A message to nobody. It is committed, so it is flushed and streamed; it writes no table. A role that was denied the function waits for
 * the server to write its log out by itself, which it does within a second. */
bool pg_op_nudge(struct lf_session *session, struct lf_error *err)
{
    return pg_exec(&session->side, "writing a message into the log",
                   "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'lakefeed', '')", err) ||
           pg_error_is(err, "42501");
}

bool pg_slot_of_consumer(struct lf_session *session, const struct lf_consumer *consumer, char ret_name[PG_SLOT_SIZE],
                         struct lf_error *err)
{
    struct finding finding = {0};
    memcpy(finding.ours, session->slot, sizeof finding.ours);
    TRY(finding.ours[0] != '\0' || find_slots(session, consumer, &finding, err));
    memcpy(ret_name, finding.ours, sizeof finding.ours);
    return finding.ours[0] != '\0' ||
           lf_error_set(err, LF_NOT_FOUND, 0, "%s has no replication slot of the link %s and this lake", session->where,
                        consumer->link);
}

static bool advance_slot(struct lf_session *session, const char *name, const struct pg_cursor *cursor,
                         struct lf_error *err)
{
    struct pg_slot slot;
    char lsn[PG_LSN_TEXT_SIZE];
    CLEANUP(buf_done) struct buf sql = {0};
    TRY(pg_slot_read(&session->side, name, &slot, err));
    if (!slot.exists) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "%s has no replication slot %s", session->where, name);
    }
    if (slot.confirmed >= cursor->lsn) {
        return true; /* never back */
    }
    TRY(free_slot(session, name, false, err));
    TRY(pg_slot_check(&session->side, name, cursor, err));
    (void)snprintf(lsn, sizeof lsn, PG_LSN_FORMAT, PG_LSN_ARGS(cursor->lsn));
    /* It reads all the log in between, so it takes as long as it takes. */
    buf_append_text(&sql, "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_replication_slot_advance(");
    pg_append_literal(&sql, name, strlen(name));
    buf_printf(&sql, ", '%s'); COMMIT", lsn);
    CLEANUP(pg_rollback) struct pg_connection *rollback = &session->side;
    (void)rollback;
    return pg_exec(&session->side, "acknowledging", buf_text(&sql), err);
}

bool pg_op_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
               struct lf_error *err)
{
    struct pg_cursor position;
    char name[PG_SLOT_SIZE];
    TRY(pg_cursor_parse(cursor, &position, err));
    TRY(pg_session_check(session, err));
    if (position.system != session->system || position.database != session->database) {
        return lf_error_set(err, LF_LOST, 0, "%s: the cursor to be acknowledged is of another database",
                            session->where);
    }
    if (atomic_load(&session->streaming)) {
        pg_lsn before = atomic_load(&session->acknowledged);
        while (before < position.lsn && !atomic_compare_exchange_weak(&session->acknowledged, &before, position.lsn)) {
        }
        return true;
    }
    TRY(pg_slot_of_consumer(session, consumer, name, err));
    return advance_slot(session, name, &position, err);
}
