/* SPDX-License-Identifier: Apache-2.0
 *
 * A session is a database file and its options. It keeps one connection that may write, for everything short; each
 * load and each stream opens a read-only one of its own, so that their transactions never meet.
 */
#ifndef SOURCE_SQLITE_SESSION_H
#define SOURCE_SQLITE_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "lakefeed/connector.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#define READ_SLICE_MS 50 /* longest read transaction in rollback-journal mode; half of what is promised */

struct lf_session;

struct connection {
    sqlite3 *db;
    struct lf_session *session;
    bool in_transaction;
    ino_t wal_inode; /* of the write-ahead log as first seen; 0: none was seen yet */
};

struct lf_session {
    const struct lf_host *host;
    char *path;
    dev_t device; /* of the file as it was at open */
    ino_t inode;
    int64_t poll_interval_ms;
    struct lf_option_value *columns; /* options type.<table>.<column> and exclude.<table>.<column>, owned */
    size_t ncolumns;
    atomic_bool stopped;
    pthread_mutex_t mutex; /* with wake: only for waiting */
    pthread_cond_t wake;
    struct connection side;
    struct arena scratch; /* what the last call handed out */
};

bool session_open(const struct lf_host *host, const char *url, const struct lf_option_value *options, size_t noptions,
                  struct lf_session **ret_session, struct lf_error *err);
void session_close(struct lf_session *session);
void session_stop(struct lf_session *session);

/* CANCELLED once the session was stopped or the host cancels. */
bool session_check(struct lf_session *session, struct lf_error *err) LF_MUST_CHECK;
/* Waits, but not longer than a stop. */
void session_wait(struct lf_session *session, int64_t ms);
int64_t session_monotonic_ms(void);
/* The option `<kind>.<table>.<column>`, NULL when it was not given. */
const char *session_column_option(const struct lf_session *session, const char *kind, const char *table,
                                  const char *column);

/* A further connection that only reads. */
bool connection_open(struct lf_session *session, struct connection *ret_connection, struct lf_error *err) LF_MUST_CHECK;
void connection_close(struct connection *connection);
/* Gives back the pages that it keeps; for a connection that is not needed for a while. Outside a transaction. */
void connection_shrink(struct connection *connection);
/* LOST when the path no longer leads to the file that is open. */
bool connection_check_file(const struct connection *connection, struct lf_error *err) LF_MUST_CHECK;
/* TRANSIENT when the write-ahead log is not the one of the first call. Only for a connection that has read already. */
bool connection_check_wal(struct connection *connection, struct lf_error *err) LF_MUST_CHECK;

/* Begins a read transaction that sees one state of the database; waits patience_ms for a lock, then TRANSIENT. */
bool transaction_begin_read(struct connection *connection, int64_t patience_ms, struct lf_error *err) LF_MUST_CHECK;
/* Takes the write lock at once. CONFIG for a file that cannot be written. */
bool transaction_begin_write(struct connection *connection, int patience_ms, struct lf_error *err) LF_MUST_CHECK;
bool transaction_commit(struct connection *connection, struct lf_error *err) LF_MUST_CHECK;
/* Rolls back what is open; for CLEANUP of a scope that may fail. */
void transaction_end(struct connection *connection);
void transaction_end_at(struct connection **connection);

/* What the file system says of the database and its write-ahead log. While that stays as it is nobody has written: it costs
 * two calls of the system, no lock and no page. */
struct footprint {
    struct stat db, wal; /* wal all zero: there is none */
};
bool footprint_take(const struct lf_session *session, struct footprint *ret); /* false: no database */
bool footprint_equal(const struct footprint *a, const struct footprint *b);
/* Whether the last write is so long ago that a later one has another time, however coarse the file system's are. */
bool footprint_is_settled(const struct footprint *footprint);

/* In write-ahead mode readers block nobody, so a transaction may be long. */
bool connection_is_wal(struct connection *connection, bool *ret, struct lf_error *err) LF_MUST_CHECK;

#endif
