/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_link.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define WHAT "the change stream"
#define LOWAT_BYTES (64 << 10)
#define LOWAT_POLL_MS 5     /* how long data that does not fill LOWAT_BYTES may lie */
#define RATE_WINDOW_MS 20   /* the rate of frames is measured over this */
#define RATE_BUSY_PER_MS 20 /* from here on fewer and larger reads are worth the delay */
#define RATE_QUIET_PER_MS 5
#define KEEP_MS_MOST 1000 /* between two looks of the keeper */
#define KEEP_MS_LEAST 50
#define SLOT_POLL_MS 100
#define SLOT_WAIT_MS 3000
#define STACK_BYTES ((size_t)128 << 10)

struct stream_link {
    struct lf_session *session;
    struct pg_connection connection;
    char slot[PG_SLOT_SIZE];
    int canary_fd;
    bool lowat_allowed, lowat; /* TLS hands over one record after the other, so waiting for many bytes only delays */
    int64_t window_ms;
    uint64_t window_frames;
    int64_t keep_ms;
    char skipped[200]; /* a warning of the server that changes were left out; empty: none */

    pthread_mutex_t mutex; /* the connection and what follows */
    pthread_cond_t wake;
    pthread_t keeper;
    bool kept, closing, abandoned; /* abandoned: the server ends, and so did we */
    pg_lsn received, told;
    int64_t told_ms;
};

/* ---- what we tell ---- */

static bool fail_from_libpq(struct stream_link *link, struct lf_error *err)
{
    if (link->abandoned) {
        return lf_error_set(err, LF_TRANSIENT, 0, "%s: the server ends its connections; it is tried again",
                            link->session->where);
    }
    const char *text = PQerrorMessage(link->connection.conn);
    return pg_error_set(err, link->session->where, WHAT, "", text[0] != '\0' ? text : "the server has ended it");
}

static int64_t now_us(const struct stream_link *link)
{
    return link->session->host->now_us(link->session->host->context);
}

/* Under the mutex. What does not fit into the socket goes with the next flush. */
static bool tell_status(struct stream_link *link)
{
    unsigned char bytes[PGOUTPUT_STATUS_BYTES];
    pg_lsn acknowledged = atomic_load(&link->session->acknowledged);
    pg_lsn received = link->received > acknowledged ? link->received : acknowledged;
    struct pgoutput_status status = {.received = received, .flushed = acknowledged, .now_us = now_us(link)};
    pgoutput_encode_status(&status, bytes);
    link->told = acknowledged;
    link->told_ms = pg_monotonic_ms();
    return PQputCopyData(link->connection.conn, (const char *)bytes, (int)sizeof bytes) >= 0 &&
           PQflush(link->connection.conn) >= 0;
}

/* ---- the keeper ---- */

static bool canary_is_gone(const struct stream_link *link)
{
    struct pollfd pollfd = {.fd = link->canary_fd, .events = POLLRDHUP};
    return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void keep(struct stream_link *link)
{
    bool due =
        pg_monotonic_ms() - link->told_ms >= link->keep_ms || link->told != atomic_load(&link->session->acknowledged);
    if (!link->abandoned && canary_is_gone(link)) {
        link->abandoned = true;
        (void)shutdown(PQsocket(link->connection.conn), SHUT_RDWR);
    }
    if (due && !link->abandoned) {
        (void)tell_status(link); /* a broken connection is found by the reader */
    }
}

static void *run_keeper(void *context)
{
    struct stream_link *link = context;
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->closing) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += link->keep_ms * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&link->wake, &link->mutex, &until);
        if (!link->closing) {
            keep(link);
        }
    }
    (void)pthread_mutex_unlock(&link->mutex);
    return NULL;
}

static bool start_keeper(struct stream_link *link, int64_t timeout_ms, struct lf_error *err)
{
    pthread_attr_t attributes;
    int64_t keep_ms = timeout_ms > 0 ? timeout_ms / 4 : KEEP_MS_MOST;
    keep_ms = keep_ms > KEEP_MS_MOST ? KEEP_MS_MOST : keep_ms;
    link->keep_ms = keep_ms < KEEP_MS_LEAST ? KEEP_MS_LEAST : keep_ms;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failed = pthread_create(&link->keeper, &attributes, run_keeper, link);
    (void)pthread_attr_destroy(&attributes);
    link->kept = failed == 0;
    return link->kept ||
           lf_error_set(err, LF_TRANSIENT, failed, "%s: no thread can be made to keep the connection (%s)",
                        link->session->where, strerror(failed));
}

/* ---- open and close ---- */

/* A server of version 18 and later goes on without a publication that is not there at that place of the log, with a warning. */
static void take_notice(void *context, const PGresult *result)
{
    struct stream_link *link = context;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state != NULL && strcmp(state, "55000") == 0) {
        (void)snprintf(link->skipped, sizeof link->skipped, "%s", text == NULL ? "changes were skipped" : text);
    }
}

/* A list of names in a literal. The grammar of replication commands knows no E'' and takes a backslash for itself. */
static void append_publication(struct buf *sql, const char *publication)
{
    CLEANUP(buf_done) struct buf name = {0};
    pg_append_identifier(&name, publication);
    buf_append_char(sql, '\'');
    for (const char *at = buf_text(&name); *at != '\0'; at++) {
        if (*at == '\'') {
            buf_append_char(sql, *at);
        }
        buf_append_char(sql, *at);
    }
    buf_append_char(sql, '\'');
}

/* What the server says of a slot, a publication or a file of the log that is not there any more. */
static bool is_lost(const struct lf_error *err)
{
    return pg_error_is(err, "42704") || pg_error_is(err, "55000") || pg_error_is(err, "58P01");
}

static bool judge(const struct stream_link_setup *setup, struct lf_error *err)
{
    if (is_lost(err)) {
        err->kind = LF_LOST;
        (void)lf_error_wrap(err, "replication slot %s cannot serve the changes after " PG_LSN_FORMAT, setup->slot,
                            PG_LSN_ARGS(setup->start));
    }
    return false;
}

static bool start_once(struct stream_link *link, const struct stream_link_setup *setup, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    buf_append_text(&sql, "START_REPLICATION SLOT ");
    pg_append_identifier(&sql, link->slot);
    buf_printf(&sql, " LOGICAL " PG_LSN_FORMAT " (proto_version '1', publication_names ", PG_LSN_ARGS(setup->start));
    append_publication(&sql, setup->publication);
    buf_append_text(&sql, ")");
    TRY(pg_query(&link->connection, WHAT, buf_text(&sql), &result, err));
    return PQresultStatus(result) == PGRES_COPY_BOTH ||
           lf_error_set(err, LF_INTERNAL, 0, "%s: %s did not begin", setup->session->where, WHAT);
}

/* The copy goes with the connection. */
static bool take_slot(struct stream_link *link, const struct stream_link_setup *setup, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    (void)snprintf(link->slot, sizeof link->slot, "%s", setup->slot);
    if (!setup->shared) {
        return true;
    }
    (void)snprintf(link->slot, sizeof link->slot, "lakefeed_copy_%d", PQbackendPID(link->connection.conn));
    buf_append_text(&sql, "SELECT pg_catalog.pg_copy_logical_replication_slot(");
    pg_append_literal(&sql, setup->slot, strlen(setup->slot));
    buf_append_text(&sql, ", ");
    pg_append_literal(&sql, link->slot, strlen(link->slot));
    buf_append_text(&sql, ", true)");
    return pg_exec(&link->connection, WHAT, buf_text(&sql), err) || judge(setup, err);
}

const char *stream_link_slot(const struct stream_link *link)
{
    return link->slot;
}

static bool fail_in_use(const struct stream_link *link, const struct stream_link_setup *setup, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *reader = NULL;
    const char *const values[] = {link->slot};
    TRY(pg_query_params(
        setup->canary, "the reader of the slot",
        "SELECT s.active_pid, coalesce(a.application_name, '')"
        " FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid"
        " WHERE s.slot_name = $1",
        1, values, &reader, err));
    bool known = PQntuples(reader) > 0;
    return lf_error_set(
        err, LF_TRANSIENT, 0,
        "%s: replication slot %s is read by process %s (application \"%.60s\"); the stream goes on when that "
        "lets go. It may be a connection of our own that was cut, which the server ends after "
        "wal_sender_timeout; else stop it, or end it with pg_terminate_backend",
        setup->session->where, link->slot, known ? pg_text(reader, 0, 0) : "?", known ? pg_text(reader, 0, 1) : "");
}

/* A connection of ours that has just ended is let go within moments. Longer than that is worth a line in the log, so it is left to
 * the host to come again. */
static bool start_when_free(struct stream_link *link, const struct stream_link_setup *setup, struct lf_error *err)
{
    int64_t until = pg_monotonic_ms() + SLOT_WAIT_MS;
    while (!start_once(link, setup, err)) {
        if (!pg_error_is(err, "55006")) {
            return judge(setup, err);
        }
        if (pg_monotonic_ms() >= until) {
            return fail_in_use(link, setup, err);
        }
        (void)pg_session_wait(setup->session, -1, 0, SLOT_POLL_MS);
        TRY(pg_session_check(setup->session, err));
    }
    return true;
}

static void prepare_socket(struct stream_link *link)
{
    link->lowat_allowed = !PQsslInUse(link->connection.conn);
    (void)PQsetnonblocking(link->connection.conn, 1);
}

static void init_lock(struct stream_link *link)
{
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&link->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&link->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static bool open_link(struct stream_link *link, const struct stream_link_setup *setup, struct lf_error *err)
{
    TRY(pg_connection_open(setup->session, PG_FOR_REPLICATION, &link->connection, err));
    (void)PQsetNoticeReceiver(link->connection.conn, take_notice, link);
    TRY(take_slot(link, setup, err));
    TRY(start_when_free(link, setup, err));
    prepare_socket(link);
    if (!tell_status(link)) {
        return fail_from_libpq(link, err);
    }
    return start_keeper(link, setup->timeout_ms, err);
}

bool stream_link_open(const struct stream_link_setup *setup, struct stream_link **ret_link, struct lf_error *err)
{
    struct stream_link *link = mem_new(1, sizeof *link);
    link->session = setup->session;
    link->canary_fd = PQsocket(setup->canary->conn);
    link->received = setup->start;
    init_lock(link);
    if (!open_link(link, setup, err)) {
        stream_link_close(link);
        return false;
    }
    *ret_link = link;
    return true;
}

void stream_link_close(struct stream_link *link)
{
    if (link == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&link->mutex);
    link->closing = true;
    if (link->kept && link->told != atomic_load(&link->session->acknowledged)) {
        (void)tell_status(link);
    }
    (void)pthread_cond_signal(&link->wake);
    (void)pthread_mutex_unlock(&link->mutex);
    if (link->kept) {
        (void)pthread_join(link->keeper, NULL);
    }
    pg_connection_close(&link->connection);
    (void)pthread_cond_destroy(&link->wake);
    (void)pthread_mutex_destroy(&link->mutex);
    free(link);
}

/* ---- reading ---- */

void stream_link_enter(struct stream_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
}

void stream_link_leave(struct stream_link *link)
{
    (void)pthread_mutex_unlock(&link->mutex);
}

/* The stream has ended, which a server does only for a reason. */
static bool fail_at_end(struct stream_link *link, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = PQgetResult(link->connection.conn);
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (link->abandoned || state == NULL) {
        return fail_from_libpq(link, err);
    }
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    (void)pg_error_set(err, link->session->where, WHAT, state, text != NULL ? text : PQresultErrorMessage(result));
    if (is_lost(err)) {
        err->kind = LF_LOST;
        return lf_error_wrap(err,
                             "changes behind the lake's place cannot be read any more; run lakefeed resync to load "
                             "the tables again");
    }
    if (pg_error_is(err, "22P05") || pg_error_is(err, "22021")) {
        /* The log keeps the value: the stream would end here again and again. */
        err->kind = LF_LOST;
        return lf_error_wrap(
            err, "the stream cannot pass a text that has no Unicode; run lakefeed resync: its load names the "
                 "table, unless the text is gone by then");
    }
    return false;
}

static bool take_frame(struct stream_link *link, struct lf_slice bytes, struct pgoutput_frame *ret_frame,
                       struct lf_error *err)
{
    TRY(pgoutput_decode_frame(bytes, ret_frame, err));
    pg_lsn at = ret_frame->kind == PGOUTPUT_DATA ? ret_frame->wal_start : ret_frame->wal_end;
    link->received = at > link->received ? at : link->received;
    link->window_frames++;
    return !ret_frame->reply_wanted || tell_status(link) || fail_from_libpq(link, err);
}

static bool check_skipped(const struct stream_link *link, struct lf_error *err)
{
    return link->skipped[0] == '\0' ||
           lf_error_set(err, LF_LOST, 0,
                        "%s: the server left out changes: %s; the publication was made or named anew after them, so "
                        "all tables have to be loaded again",
                        link->session->where, link->skipped);
}

bool stream_link_next(struct stream_link *link, struct pgoutput_frame *ret_frame, char **ret_bytes,
                      struct lf_error *err)
{
    PGconn *conn = link->connection.conn;
    bool consumed = false;
    *ret_bytes = NULL;
    for (;;) {
        int len = PQgetCopyData(conn, ret_bytes, 1);
        if (len > 0) {
            if (take_frame(link, (struct lf_slice){*ret_bytes, (size_t)len}, ret_frame, err)) {
                return true;
            }
            PQfreemem(*ret_bytes);
            *ret_bytes = NULL;
            return false;
        }
        if (len < 0) {
            return fail_at_end(link, err);
        }
        if (consumed) {
            return check_skipped(link, err);
        }
        /* Before any wait: what TLS has decrypted already no poll would tell of. */
        consumed = true;
        if (PQconsumeInput(conn) == 0) {
            return fail_from_libpq(link, err);
        }
    }
}

static void set_lowat(struct stream_link *link, bool on)
{
    int bytes = on ? LOWAT_BYTES : 1;
    if (link->lowat_allowed && link->lowat != on) {
        link->lowat = on;
        (void)setsockopt(PQsocket(link->connection.conn), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
    }
}

static void measure_rate(struct stream_link *link)
{
    int64_t now = pg_monotonic_ms();
    int64_t passed_ms = now - link->window_ms;
    if (passed_ms >= RATE_WINDOW_MS) {
        int64_t least_per_ms = link->lowat ? RATE_QUIET_PER_MS : RATE_BUSY_PER_MS;
        set_lowat(link, link->window_frames >= (uint64_t)(passed_ms * least_per_ms));
        link->window_ms = now;
        link->window_frames = 0;
    }
}

bool stream_link_wait(struct stream_link *link, int64_t wait_ms, struct lf_error *err)
{
    int unsent = PQflush(link->connection.conn);
    if (unsent < 0) {
        return fail_from_libpq(link, err);
    }
    measure_rate(link);
    struct pollfd fds[] = {
        {.fd = PQsocket(link->connection.conn), .events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN)},
        {.fd = link->session->wake_fd, .events = POLLIN},
    };
    bool short_wait = link->lowat && wait_ms > LOWAT_POLL_MS;
    (void)pthread_mutex_unlock(&link->mutex);
    (void)poll(fds, ARRAY_LEN(fds), (int)(short_wait ? LOWAT_POLL_MS : wait_ms));
    (void)pthread_mutex_lock(&link->mutex);
    return true;
}
