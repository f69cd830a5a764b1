/* SPDX-License-Identifier: Apache-2.0
 *
 * The example database, seen by the test that drives it. It lives in memory and is shared by all sessions of the
 * process that open `example:<name>`. A transaction enters the log (and so the stream) when it commits; snapshots
 * see it only after example_make_visible, in any order, as in a server with synchronous replication. Rows of a
 * transaction that is open or not yet visible are locked, so that the order of visibility never changes the outcome.
 *
 * Positions count committed transactions from 1; 0 is the empty database. All functions are thread-safe; one
 * transaction belongs to one thread. `err` may be NULL. Kinds: NOT_FOUND (table, column or row), DATA (the key exists,
 * a cell does not fit), TRANSIENT (another transaction or a load holds a lock: the operation was refused).
 */
#ifndef EXAMPLE_CONTROL_H
#define EXAMPLE_CONTROL_H

#include "lakefeed/connector.h"

#include <stdio.h>

struct example_db;
struct example_txn;

/* The connector, as the plug-in exports it. */
const struct lf_connector *lakefeed_connector(void);

/* Makes the database; aborts when the name is taken. */
struct example_db *example_db_new(const char *name, uint64_t seed);
/* Takes the name away; sessions that are still open keep the database alive. For CLEANUP. */
void example_db_free(struct example_db **db);

struct example_txn *example_begin(struct example_db *db);
void example_rollback(struct example_txn *txn);
/* Puts the transaction into the log and gives its position; the handle is gone. */
uint64_t example_commit(struct example_txn *txn);
uint64_t example_commit_visible(struct example_txn *txn);

/* Column ids of 0 are numbered from 1; the schema and all cells are copied. */
bool example_create_table(struct example_txn *txn, const char *table, const struct lf_schema *schema,
                          struct lf_error *err);
/* silent: the stream does not tell; verify_catalog finds it. */
bool example_drop_table(struct example_txn *txn, const char *table, bool silent, struct lf_error *err);
bool example_insert(struct example_txn *txn, const char *table, const struct lf_cell *cells, struct lf_error *err);
/* The row as the transaction sees it; ret_cells has room for all columns, bytes live until the transaction ends. */
bool example_read(struct example_txn *txn, const char *table, const struct lf_cell *key, struct lf_cell *ret_cells,
                  struct lf_error *err);
/* `key` names the row; other key cells in `cells` change the key. An ABSENT cell keeps its value, and the stream does
 * not resend it. */
bool example_update(struct example_txn *txn, const char *table, const struct lf_cell *key, const struct lf_cell *cells,
                    struct lf_error *err);
bool example_delete(struct example_txn *txn, const char *table, const struct lf_cell *key, struct lf_error *err);
bool example_truncate(struct example_txn *txn, const char *table, struct lf_error *err);
/* At the end. `fill` NULL: old rows have NULL and the stream says SCHEMA; else they get the value without row
 * events and the stream says RELOAD. */
bool example_add_column(struct example_txn *txn, const char *table, const struct lf_column *column,
                        const struct lf_cell *fill, struct lf_error *err);
bool example_drop_column(struct example_txn *txn, const char *table, const char *column, struct lf_error *err);
bool example_rename_column(struct example_txn *txn, const char *table, const char *column, const char *name,
                           struct lf_error *err);
/* INT64 becomes DOUBLE or STRING by value, everything else NULL. Says RELOAD. Key columns are refused. */
bool example_change_type(struct example_txn *txn, const char *table, const char *column, enum lf_type type,
                         struct lf_error *err);
/* Adds 1000 to every INT64 outside the key, without row events. silent: not even RELOAD, verify_catalog finds it. */
bool example_rewrite(struct example_txn *txn, const char *table, bool silent, struct lf_error *err);
/* Events that change no row. */
bool example_reload(struct example_txn *txn, const char *table, const char *reason, struct lf_error *err);
bool example_fault(struct example_txn *txn, const char *table, enum lf_error_kind kind, const char *reason,
                   struct lf_error *err);

/* False when there is no such position or it is visible already. */
bool example_make_visible(struct example_db *db, uint64_t position);
void example_make_all_visible(struct example_db *db);
/* The first position after `after` that is not visible; 0: none. */
uint64_t example_next_invisible(struct example_db *db, uint64_t after);
uint64_t example_end(struct example_db *db); /* the last position */

typedef bool (*example_row_visitor)(void *context, const struct lf_schema *schema, const struct lf_cell *cells);
/* The truth: the rows of the table after the transactions 1..position, in key order. The visitor may stop with false,
 * which is returned; it must not call back. NOT_FOUND when the table did not exist then. */
bool example_state_at(struct example_db *db, uint64_t position, const char *table, example_row_visitor visit,
                      void *context, struct lf_error *err);
/* What is handed out lives as long as the database. */
bool example_schema_at(struct example_db *db, uint64_t position, const char *table, struct lf_schema *ret_schema,
                       struct lf_error *err);

/* The position up to which the consumer has acknowledged; false when it is not registered. */
bool example_acked(struct example_db *db, const char *link, uint64_t *ret_position);
/* An acknowledgement past this position counts as a violation; no limit at first. The test raises it when it sees
 * a commit. */
void example_limit_ack(struct example_db *db, uint64_t position);
uint64_t example_ack_violations(struct example_db *db);
/* On at first: an acknowledgement forgets the stream up to the minimum of all consumers. */
void example_set_pruning(struct example_db *db, bool on);
uint64_t example_pruned(struct example_db *db);
/* The nth call (from 1) of a session's op from now on fails once with the kind. 0 takes the order back. */
void example_fail_call(struct example_db *db, uint64_t nth, enum lf_error_kind kind);

bool example_cursor_position(struct lf_slice cursor, uint64_t *ret_position);
/* -1, 0, 1 by the nkey key cells, in the order of the lake's keys. */
int example_compare_keys(const struct lf_schema *schema, const struct lf_cell *a, const struct lf_cell *b);
bool example_cell_equal(enum lf_type type, const struct lf_cell *a, const struct lf_cell *b);
/* One line for each transaction and operation. */
void example_dump(struct example_db *db, FILE *out);

struct example_rng {
    uint64_t state;
};
uint64_t example_rng_next(struct example_rng *rng);
uint64_t example_rng_below(struct example_rng *rng, uint64_t limit); /* limit > 0 */

enum example_step {
    EXAMPLE_STEP_TRUNCATE = 1u << 0,
    EXAMPLE_STEP_REWRITE = 1u << 1,
    EXAMPLE_STEP_SILENT = 1u << 2, /* some rewrites are left to verify_catalog */
    EXAMPLE_STEP_SCHEMA = 1u << 3,
    EXAMPLE_STEP_RETYPE = 1u << 4,
    EXAMPLE_STEP_INTERLEAVE = 1u << 5, /* transactions stay open over several steps */
    EXAMPLE_STEP_ALL = (1u << 6) - 1,
    EXAMPLE_STEP_BAD =
        1u << 6 /* some values cannot be taken: broken text, a boolean of 2, a date in year 0, too many digits */
};
/* Makes the tables `a` (integer key) and `b` (composite key, a column of every type), each with some rows. */
void example_random_tables(struct example_db *db, struct example_rng *rng);
/* One step of a random workload on all tables: a transaction of few operations on few keys, or one becomes visible. */
void example_random_step(struct example_db *db, struct example_rng *rng, unsigned steps);
/* Ends the transactions that random steps have left open, and makes everything visible. */
void example_random_settle(struct example_db *db);

#endif
