/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream.h"

#include "source/postgres/slot.h"
#include "source/postgres/stream_link.h"
#include "source/postgres/stream_row.h"
#include "source/postgres/track.h"

#include <stdlib.h>

#define WAIT_STEP_MS 200 /* between two looks whether the host cancels */
#define MESSAGE_KEPT_MAX ((size_t)4 << 20)
#define IDLE_INTERVAL_MS 20 /* between two boundaries of a stream that is idle to us and busy to others */

struct lf_changes {
    struct lf_session *session;
    struct pg_connection catalog; /* also tells when the server goes down */
    struct stream_link *link;
    struct stream_tables tables;
    struct stream_batch batch;
    struct stream_row row;
    struct pgoutput_message message;
    struct pg_cursor at; /* behind the last transaction that was taken whole */
    pg_lsn told;         /* of the last boundary handed over */
    int64_t told_ms;
    bool greeted;        /* the batch that was begun at open was handed over */
    bool in_transaction; /* between BEGIN and COMMIT of the server */
    bool begun;          /* BEGIN was handed over */
    struct pg_token token;
    bool huge; /* a message came that libpq keeps too much room for */
    bool failed;
};

static bool open_link(struct lf_changes *changes, struct lf_error *err);

/* ---- boundaries ---- */

static struct lf_slice print_cursor(struct lf_changes *changes)
{
    changes->told = changes->at.lsn;
    changes->told_ms = pg_monotonic_ms();
    return pg_cursor_print_stamped(&changes->at, stream_tables_stamps(&changes->tables), &changes->batch.arena);
}

/* An xid of the log is less than 2^31 away from what the server gave at the last look; the horizon of a cursor may be older, when for
 * long nothing came of our tables. */
static uint64_t xid_nearby(const struct lf_changes *changes)
{
    return changes->tables.xmax > changes->at.horizon ? changes->tables.xmax : changes->at.horizon;
}

static void take_begin(struct lf_changes *changes, const struct pgoutput_message *message)
{
    changes->in_transaction = true;
    changes->begun = false;
    changes->token = (struct pg_token){.system = changes->session->system,
                                       .commit_lsn = message->commit_lsn,
                                       .xid = pg_xid_widen(message->xid, xid_nearby(changes))};
}

/* A transaction of which nothing concerns us is passed over. */
static void need_begin(struct lf_changes *changes)
{
    char text[PG_CURSOR_TEXT_SIZE];
    if (!changes->begun) {
        changes->begun = true;
        stream_batch_add(&changes->batch, LF_EVENT_BEGIN, 0)->token =
            arena_slice(&changes->batch.arena, pg_token_print(&changes->token, text));
    }
}

static void take_commit(struct lf_changes *changes, const struct pgoutput_message *message)
{
    changes->in_transaction = false;
    changes->at.lsn = message->end_lsn > changes->at.lsn ? message->end_lsn : changes->at.lsn;
    pg_cursor_raise(&changes->at, changes->token.xid);
    if (changes->begun) {
        struct lf_event *event = stream_batch_add(&changes->batch, LF_EVENT_COMMIT, 0);
        event->cursor = print_cursor(changes);
        event->commit_time_us = message->commit_time_us;
    }
    changes->begun = false;
}

/* All that committed before was sent before, so between two transactions it is a boundary. */
static void take_keepalive(struct lf_changes *changes, pg_lsn wal_end)
{
    if (!changes->in_transaction && wal_end > changes->at.lsn) {
        changes->at.lsn = wal_end;
    }
}

/* How long until an idle boundary may be told; < 0: there is none. */
static int64_t idle_due_ms(const struct lf_changes *changes)
{
    if (changes->in_transaction || changes->at.lsn == changes->told) {
        return -1;
    }
    int64_t left = changes->told_ms + IDLE_INTERVAL_MS - pg_monotonic_ms();
    return left > 0 ? left : 0;
}

static void tell_idle(struct lf_changes *changes)
{
    if (idle_due_ms(changes) == 0) {
        stream_batch_add(&changes->batch, LF_EVENT_IDLE, 0)->cursor = print_cursor(changes);
    }
}

/* ---- messages ---- */

static bool take_row(struct lf_changes *changes, struct lf_error *err)
{
    const struct pgoutput_message *message = &changes->message;
    struct stream_table *table = stream_tables_find(&changes->tables, message->relation);
    if (table == NULL || table->dead) {
        return true;
    }
    if (table->relation.len == 0) {
        return lf_error_set(err, LF_INTERNAL, 0, "the server sent a row of table %.150s before its description",
                            table->name);
    }
    need_begin(changes);
    if (table->muted) {
        TRY(stream_tables_try_unmute(&changes->tables, table, changes->token.commit_lsn, err));
    }
    return table->dead || table->muted || stream_row_add(&changes->row, &changes->tables, table, message, err);
}

static void take_truncate(struct lf_changes *changes)
{
    for (uint32_t i = 0; i < changes->message.ntruncated; i++) {
        struct stream_table *table = stream_tables_find(&changes->tables, pgoutput_truncated(&changes->message, i));
        if (table != NULL && !table->dead) {
            need_begin(changes);
            (void)stream_batch_add(&changes->batch, LF_EVENT_TRUNCATE, table->index);
        }
    }
}

static bool take_relation(struct lf_changes *changes, struct lf_slice bytes, struct lf_error *err)
{
    struct stream_table *table = stream_tables_find(&changes->tables, changes->message.relation);
    if (table == NULL || table->dead) {
        return true;
    }
    need_begin(changes); /* what it tells belongs to this transaction */
    return stream_tables_describe(&changes->tables, table, &changes->message, bytes, err);
}

static bool take_message(struct lf_changes *changes, struct lf_slice bytes, struct lf_error *err)
{
    TRY(pgoutput_decode(bytes, &changes->message, err));
    switch (changes->message.kind) {
    case PGOUTPUT_BEGIN:
        take_begin(changes, &changes->message);
        return true;
    case PGOUTPUT_COMMIT:
        take_commit(changes, &changes->message);
        return true;
    case PGOUTPUT_RELATION:
        return take_relation(changes, bytes, err);
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        return take_row(changes, err);
    case PGOUTPUT_TRUNCATE:
        take_truncate(changes);
        return true;
    case PGOUTPUT_ORIGIN:
    case PGOUTPUT_TYPE:
    case PGOUTPUT_MESSAGE:
        return true;
    }
    return true;
}

/* All that is here, as long as the batch has room. */
static bool drain(struct lf_changes *changes, struct lf_error *err)
{
    while (!stream_batch_is_full(&changes->batch)) {
        struct pgoutput_frame frame;
        char *bytes = NULL;
        TRY(stream_link_next(changes->link, &frame, &bytes, err));
        if (bytes == NULL) {
            break;
        }
        stream_batch_keep(&changes->batch, bytes, frame.message.len);
        changes->huge = changes->huge || frame.message.len > MESSAGE_KEPT_MAX;
        if (frame.kind == PGOUTPUT_KEEPALIVE) {
            take_keepalive(changes, frame.wal_end);
        } else {
            TRY(take_message(changes, frame.message, err));
        }
    }
    tell_idle(changes);
    return true;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool read_until(struct lf_changes *changes, int64_t until, struct lf_error *err)
{
    for (;;) {
        TRY(pg_session_check(changes->session, err));
        TRY(drain(changes, err));
        int64_t left = until - pg_monotonic_ms();
        if (changes->batch.count > 0 || left <= 0) {
            return true;
        }
        int64_t idle_ms = idle_due_ms(changes);
        left = least(left, idle_ms >= 0 ? idle_ms : WAIT_STEP_MS);
        if (!stream_batch_is_full(&changes->batch)) {
            TRY(stream_link_wait(changes->link, least(left, WAIT_STEP_MS), err));
        }
        stream_batch_reset(&changes->batch); /* keepalives and rows of others alone */
    }
}

static void begin_batch(struct lf_changes *changes)
{
    if (changes->greeted) {
        stream_batch_reset(&changes->batch);
        stream_tables_prune(&changes->tables);
    }
    changes->greeted = true;
}

/* The room that libpq has made for a message goes only with its connection. */
static bool renew_link(struct lf_changes *changes, struct lf_error *err)
{
    if (!changes->huge || changes->in_transaction) {
        return true;
    }
    changes->huge = false;
    stream_link_close(changes->link);
    changes->link = NULL;
    return open_link(changes, err);
}

static bool hand_over(struct lf_changes *changes, bool ok, struct lf_batch *ret_batch)
{
    changes->failed = !ok;
    *ret_batch = (struct lf_batch){changes->batch.events, changes->batch.count};
    return ok;
}

static bool check_alive(const struct lf_changes *changes, struct lf_error *err)
{
    return !changes->failed ||
           lf_error_set(err, LF_TRANSIENT, 0, "%s: the change stream failed before; it begins again at the last cursor",
                        changes->session->where);
}

bool pg_op_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    begin_batch(changes);
    TRY(pg_session_check(changes->session, err));
    TRY(check_alive(changes, err));
    if (!renew_link(changes, err)) {
        return hand_over(changes, false, ret_batch);
    }
    stream_link_enter(changes->link);
    bool ok = read_until(changes, pg_monotonic_ms() + (wait_ms > 0 ? wait_ms : 0), err);
    stream_link_leave(changes->link);
    return hand_over(changes, ok, ret_batch);
}

bool pg_op_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err)
{
    begin_batch(changes);
    TRY(pg_session_check(changes->session, err));
    TRY(check_alive(changes, err));
    return hand_over(changes, stream_tables_verify(&changes->tables, err), ret_batch);
}

/* ---- open and close ---- */

static bool check_publication(struct lf_changes *changes, struct lf_error *err)
{
    struct pg_publication publication;
    TRY(pg_publication_read(&changes->catalog, &publication, err));
    return publication.exists ||
           lf_error_set(err, LF_LOST, 0,
                        "%s: the publication %s is gone, so changes are no longer sent; run lakefeed track and then "
                        "lakefeed resync, since one made again does not bring back what was changed meanwhile",
                        changes->session->where, changes->session->settings.publication);
}

static bool read_timeout(struct lf_changes *changes, int64_t *ret_ms, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    TRY(pg_query(&changes->catalog, "wal_sender_timeout",
                 "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'", &result, err));
    *ret_ms = PQntuples(result) > 0 ? pg_int(result, 0, 0) : 0;
    return true;
}

/* What was true before the slot was ours has to be asked again: until then another reader could move it. */
static bool open_link(struct lf_changes *changes, struct lf_error *err)
{
    const struct lf_session *session = changes->session;
    struct stream_link_setup setup = {.session = changes->session,
                                      .canary = &changes->catalog,
                                      .slot = changes->at.slot,
                                      .shared = !session->registered, /* somebody else is the consumer */
                                      .publication = session->settings.publication,
                                      .start = changes->at.lsn};
    TRY(pg_slot_check(&changes->catalog, changes->at.slot, &changes->at, err));
    changes->at.timeline = session->timeline; /* of a promoted server that has all of the old one */
    TRY(check_publication(changes, err));
    TRY(read_timeout(changes, &setup.timeout_ms, err));
    TRY(stream_link_open(&setup, &changes->link, err));
    return pg_slot_check(&changes->catalog, stream_link_slot(changes->link), &changes->at, err);
}

static bool start(struct lf_changes *changes, struct lf_slice cursor, const struct lf_table_state *states,
                  size_t nstates, struct lf_error *err)
{
    TRY(pg_connection_open(changes->session, PG_FOR_QUERIES, &changes->catalog, err));
    TRY(open_link(changes, err));
    changes->tables.session = changes->session;
    changes->tables.connection = &changes->catalog;
    changes->tables.batch = &changes->batch;
    struct lf_slice stamps = pg_cursor_stamps(cursor);
    TRY(stream_tables_open(&changes->tables, states, nstates, stamps, err));
    /* Nothing else would tell a cursor that knows of what was seen here while the source stays idle: the next start would have
     * nothing to compare a new table with. */
    if (!slice_equal(stamps, stream_tables_stamps(&changes->tables))) {
        stream_batch_add(&changes->batch, LF_EVENT_IDLE, 0)->cursor = print_cursor(changes);
    }
    return true;
}

bool pg_op_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                        size_t ntables, struct lf_changes **ret_changes, struct lf_error *err)
{
    struct pg_cursor at;
    TRY(pg_session_check(session, err));
    TRY(pg_cursor_parse(cursor, &at, err));
    struct lf_changes *changes = mem_new(1, sizeof *changes);
    changes->session = session;
    changes->at = at;
    if (session->slot[0] != '\0') {
        memcpy(changes->at.slot, session->slot, sizeof changes->at.slot);
    }
    changes->told = at.lsn;
    atomic_store(&session->streaming, true);
    if (!start(changes, cursor, tables, ntables, err)) {
        pg_op_changes_close(changes);
        return false;
    }
    *ret_changes = changes;
    return true;
}

void pg_op_changes_close(struct lf_changes *changes)
{
    if (changes == NULL) {
        return;
    }
    stream_link_close(changes->link);
    atomic_store(&changes->session->streaming, false);
    stream_tables_done(&changes->tables);
    stream_row_done(&changes->row);
    stream_batch_done(&changes->batch);
    pg_connection_close(&changes->catalog);
    free(changes);
}
