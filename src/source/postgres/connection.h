/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections and queries. Kinds follow from SQLSTATE (error.h); CANCELLED after a stop. A connection that was cut in the
 * middle of a query is closed by its owner; the server notices within seconds and ends what it was doing.
 */
#ifndef SOURCE_POSTGRES_CONNECTION_H
#define SOURCE_POSTGRES_CONNECTION_H

#include "source/postgres/error.h"
#include "source/postgres/session.h"

enum pg_purpose {
    PG_FOR_QUERIES,    /* of the catalog, with a bound on each */
    PG_FOR_LOADS,      /* which may take long */
    PG_FOR_REPLICATION /* takes replication commands; no parameters in queries */
};

/* Statements that a connection keeps. */
enum pg_statement {
    PG_STATEMENT_TABLES,
    PG_STATEMENT_COLUMNS,
    PG_STATEMENT_NAME,
    PG_STATEMENT_WRITERS,
    PG_STATEMENT_LOOK
};

/* All have the same settings of dates, numbers, bytes and encoding, so that load and stream give the same text. */
bool pg_connection_open(struct lf_session *session, enum pg_purpose purpose, struct pg_connection *ret_connection,
                        struct lf_error *err) LF_MUST_CHECK;
void pg_connection_close(struct pg_connection *connection); /* for CLEANUP; of a closed one too */

void pg_result_clear(PGresult **result); /* for CLEANUP */

/* One statement; `values` are text parameters $1…, NULL for NULL. ret_result may be NULL. An error of the server is mapped
 * and names `what` ("the list of tables"). */
bool pg_query_params(struct pg_connection *connection, const char *what, const char *sql, int nvalues,
                     const char *const *values, PGresult **ret_result, struct lf_error *err) LF_MUST_CHECK;
/* The same, parsed and planned once for each connection: for queries that are asked again and again and take longer to plan than to
 * run. A statement has always the same text. */
bool pg_query_prepared(struct pg_connection *connection, enum pg_statement statement, const char *what, const char *sql,
                       int nvalues, const char *const *values, PGresult **ret_result,
                       struct lf_error *err) LF_MUST_CHECK;
/* Without parameters, by the simple protocol: also several statements and replication commands. Gives the last result; for COPY
 * and START_REPLICATION the first, after which the connection is in that mode. */
bool pg_query(struct pg_connection *connection, const char *what, const char *sql, PGresult **ret_result,
              struct lf_error *err) LF_MUST_CHECK;
bool pg_exec(struct pg_connection *connection, const char *what, const char *sql, struct lf_error *err) LF_MUST_CHECK;
/* Rolls back whatever is open, for a scope that may fail; closes a connection on which that is not possible. */
void pg_rollback(struct pg_connection **connection); /* for CLEANUP */

/* The next message of a COPY, *ret_len -1 at its end. It belongs to libpq: PQfreemem. wait_ms < 0: until it comes; else *ret_len 0
 * and NULL when nothing came. After the end the caller has to ask pg_copy_finish. */
bool pg_copy_next(struct pg_connection *connection, const char *what, int64_t wait_ms, char **ret_bytes, int *ret_len,
                  struct lf_error *err) LF_MUST_CHECK;
/* The outcome of a COPY that has ended. */
bool pg_copy_finish(struct pg_connection *connection, const char *what, struct lf_error *err) LF_MUST_CHECK;

/* Fields of a result. Text is "" for NULL and lives as long as the result. */
const char *pg_text(const PGresult *result, int row, int column);
bool pg_is_null(const PGresult *result, int row, int column);
bool pg_bool(const PGresult *result, int row, int column);
int64_t pg_int(const PGresult *result, int row, int column);
uint64_t pg_uint(const PGresult *result, int row, int column);

/* Quoting for SQL that takes no parameters. */
void pg_append_identifier(struct buf *sql, const char *name);
void pg_append_table(struct buf *sql, const char *schema, const char *name);
void pg_append_literal(struct buf *sql, const char *text, size_t len); /* any bytes but NUL; E'' where it has to be */

#endif
