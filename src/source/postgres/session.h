/* SPDX-License-Identifier: Apache-2.0
 *
 * A session is a database and its options. It keeps one connection for queries; the stream opens one of its own for
 * replication, and each load one for its snapshot. All are driven without blocking: every wait ends within moments of a stop.
 */
#ifndef SOURCE_POSTGRES_SESSION_H
#define SOURCE_POSTGRES_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "lakefeed/connector.h"
#include "source/postgres/token.h"

#include <libpq-fe.h>
#include <stdatomic.h>

/* Versions of the server, as lf_session.version has them. */
#define PG_13 130000
#define PG_14 140000
#define PG_15 150000 /* publications know schemas, filters and lists of columns; databases can sort by ICU */
#define PG_16 160000 /* standbys can have slots for logical replication */
#define PG_17 170000 /* slots that standbys take over; collations of the server's own */

struct pg_connection {
    PGconn *conn; /* NULL: closed */
    struct lf_session *session;
    uint32_t prepared; /* a bit for each statement that it keeps */
};

/* What the options say. */
struct pg_settings {
    char *publication;
    char *slot; /* NULL: named after link and lake */
    char *password;
    int64_t statement_timeout_ms; /* 0: none */
    int64_t catalog_timeout_ms;   /* the same for what reads no table; 0: none */
    int64_t lock_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t rate_bytes;                /* per second and load; 0: unlimited */
    bool failover;                     /* make slots that standbys take over */
    struct lf_option_value *of_tables; /* those of configured.h, owned */
    size_t nof_tables;
};

struct lf_session {
    const struct lf_host *host;
    char *url;
    char *where; /* "database shop at db.example:5432", for messages */
    struct pg_settings settings;
    struct pg_connection side;
    struct pg_connection idle; /* left by the last load, for the next one; NULL inside: none */
    /* Of the server, known from open on. */
    int version; /* as 150004 */
    uint64_t system;
    uint32_t timeline;
    uint32_t database;
    /* Set by register_consumer, or by the option slot: where the stream reads. Empty: the cursor's. */
    char slot[PG_SLOT_SIZE];
    bool registered;                /* this session's consumer owns the slot; others read beside it */
    char application[PG_SLOT_SIZE]; /* application_name of new connections */
    /* What was acknowledged; while a stream is open it tells the server, else ack does. 0: nothing yet. */
    _Atomic pg_lsn acknowledged;
    atomic_bool streaming; /* a stream of this session holds the slot, from changes_open to changes_close */
    atomic_bool stopped;
    int wake_fd;          /* readable once stopped */
    struct arena scratch; /* what the last call handed out */
};

bool pg_op_open(const struct lf_host *host, const char *url, const struct lf_option_value *options, size_t noptions,
                struct lf_session **ret_session, struct lf_error *err);
void pg_op_close(struct lf_session *session);
void pg_op_stop(struct lf_session *session);

/* CANCELLED once the session was stopped or the host cancels. */
bool pg_session_check(struct lf_session *session, struct lf_error *err) LF_MUST_CHECK;
/* Waits until the descriptor is ready (poll's events; fd -1: none), the time is over or the session stops. False: time is over or
 * stopped. */
bool pg_session_wait(struct lf_session *session, int fd, short events, int64_t ms);
int64_t pg_monotonic_ms(void);
/* A cursor of this database at the place; horizon and slot are the caller's to fill. */
struct pg_cursor pg_session_cursor(const struct lf_session *session, pg_lsn lsn);

#endif
