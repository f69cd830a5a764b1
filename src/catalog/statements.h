/* SPDX-License-Identifier: Apache-2.0
 *
 * All SQL of the catalog: X(name, text). docs/formats/catalog.md describes the tables.
 */
#ifndef CATALOG_STATEMENTS_H
#define CATALOG_STATEMENTS_H

#define STORE_APPLICATION_ID 0x4C464354 /* "LFCT": tells our file from any other SQLite database */
#define STORE_FORMAT 1

/* Not in a transaction of its own: store_open gives one. */
#define STORE_SCHEMA \
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;" \
    "CREATE TABLE operation (id INTEGER PRIMARY KEY AUTOINCREMENT, link TEXT NOT NULL, operation TEXT NOT NULL," \
    " attempt INTEGER NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT, lake_commit INTEGER);" \
    "CREATE INDEX operation_open ON operation (link, operation) WHERE outcome IS NULL;" \
    "CREATE TABLE failure (id INTEGER PRIMARY KEY AUTOINCREMENT, link TEXT NOT NULL, operation_id INTEGER," \
    " attempt INTEGER NOT NULL, phase TEXT NOT NULL, kind TEXT NOT NULL, code INTEGER NOT NULL, entity TEXT," \
    " row_key TEXT, message TEXT NOT NULL, orphan_files INTEGER NOT NULL, orphan_bytes INTEGER NOT NULL," \
    " at_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL);" \
    "CREATE INDEX failure_recent ON failure (link, at_ms);"

/* Old by the clock and in the order of the rows: nothing that was begun after a row of the last 90 days goes, whatever time
 * it bears. ?1: horizon, ?2: the time that counts as now. */
#define STORE_FORGET(table, time) \
    "DELETE FROM " table " WHERE " time " < ?1 AND id < coalesce((SELECT min(id) FROM " table " WHERE " time \
    " BETWEEN ?1 AND ?2), 9223372036854775807)"

/* The links with most rows give first, so that a noisy one leaves the others their history. ?1: how many may stay. */
#define STORE_TRIM(table) \
    "DELETE FROM " table " WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY link ORDER BY id" \
    " DESC) AS place FROM " table ") ORDER BY place DESC, id LIMIT max(0, (SELECT count(*) FROM " table ") - ?1))"

#define STORE_STATEMENTS(X) \
    X(BEGIN, "BEGIN IMMEDIATE") \
    X(COMMIT, "COMMIT") \
    X(ROLLBACK, "ROLLBACK") \
    X(SET_META, "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2") \
    X(GET_META, "SELECT value FROM meta WHERE name = ?1") \
    X(INTERRUPT, \
      "UPDATE operation SET outcome = 'interrupted' WHERE link = ?1 AND operation = ?2 AND outcome IS NULL") \
    X(ADD_OPERATION, "INSERT INTO operation (link, operation, attempt, began_ms) VALUES (?1, ?2, ?3, ?4)") \
    X(END_OPERATION, "UPDATE operation SET ended_ms = ?2, outcome = ?3, lake_commit = ?4 WHERE id = ?1") \
    X(REPEAT_FAILURE, \
      "UPDATE failure SET operation_id = ?2, attempt = ?3, code = ?6, row_key = ?8, orphan_files = orphan_files + " \
      "?10," \
      " orphan_bytes = orphan_bytes + ?11, last_ms = ?12, times = times + 1 WHERE id = (SELECT id FROM failure" \
      " WHERE link = ?1 AND at_ms > ?13 AND at_ms <= ?12 AND phase = ?4 AND kind = ?5 AND entity IS ?7" \
      " AND message = ?9 ORDER BY id DESC LIMIT 1)") \
    X(ADD_FAILURE, \
      "INSERT INTO failure (link, operation_id, attempt, phase, kind, code, entity, row_key, message, orphan_files," \
      " orphan_bytes, at_ms, last_ms, times) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, 1)") \
    X(LIST_FAILURES, \
      "SELECT f.id, f.at_ms, f.last_ms, f.times, o.operation, f.link, f.operation_id, f.attempt, f.phase, f.kind," \
      " f.code, f.entity, f.row_key, f.message, f.orphan_files, f.orphan_bytes FROM failure f" \
      " LEFT JOIN operation o ON o.id = f.operation_id" \
      " WHERE (?1 IS NULL OR f.link = ?1) AND f.last_ms >= ?2 ORDER BY f.id DESC LIMIT ?3") \
    X(LIST_OPERATIONS, \
      "SELECT id, link, operation, attempt, began_ms, ended_ms, outcome, lake_commit FROM operation" \
      " WHERE (?1 IS NULL OR link = ?1) AND coalesce(ended_ms, began_ms) >= ?2 ORDER BY id DESC LIMIT ?3") \
    X(FORGET_FAILURES, STORE_FORGET("failure", "last_ms")) \
    X(FORGET_OPERATIONS, STORE_FORGET("operation", "began_ms")) \
    X(TRIM_FAILURES, STORE_TRIM("failure")) \
    X(TRIM_OPERATIONS, STORE_TRIM("operation")) \
    X(VACUUM, "PRAGMA incremental_vacuum")

#endif
