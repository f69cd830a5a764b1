/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/track.h"

#include "source/sqlite/sql.h"
#include "source/sqlite/trigger.h"

#include <inttypes.h>

#define TRACK_PATIENCE_MS 1000

static const char create_sql[] =
    "CREATE TABLE lakefeed_meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE lakefeed_table(tab INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE lakefeed_consumer(link TEXT PRIMARY KEY, lake_id TEXT NOT NULL, location TEXT NOT NULL,"
    " seq INTEGER NOT NULL) WITHOUT ROWID;"
    /* No UNIQUE beside seq and no affinity of the keys: an outer OR IGNORE must not drop a row, and a key keeps its class. */
    "CREATE TABLE lakefeed_log(seq INTEGER PRIMARY KEY, tag INTEGER NOT NULL DEFAULT (random()), tab INTEGER NOT NULL, "
    "k1);"
    "INSERT INTO lakefeed_log(tab) VALUES(0);"
    "INSERT INTO lakefeed_meta(name, value) VALUES('format', 1);";

static bool create_own_tables(struct connection *connection, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    const struct lf_host *host = connection->session->host;
    unsigned char bytes[EPOCH_LEN / 2];
    char epoch[EPOCH_LEN + 1];
    if (!host->random(host->context, bytes, sizeof bytes)) {
        return lf_error_set(err, LF_INTERNAL, 0, "no random bytes for the change log of %s", connection->session->path);
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(epoch + 2 * i, 3, "%02x", bytes[i]);
    }
    TRY(sql_exec(connection, create_sql, err));
    TRY(sql_prepare(connection, "INSERT INTO lakefeed_meta(name, value) VALUES('epoch', ?1)", &stmt, err));
    sql_bind_text(stmt, 1, epoch);
    return sql_run(connection, stmt, err);
}

static bool widen_log(struct connection *connection, uint32_t nkey, struct lf_error *err)
{
    int64_t have = 0;
    TRY(sql_get_int(connection, "SELECT count(*) - 3 FROM pragma_table_info('lakefeed_log', 'main')", 0, &have, err));
    for (uint32_t i = (uint32_t)have; i < nkey; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "ALTER TABLE lakefeed_log ADD COLUMN k%u", i + 1);
        TRY(sql_exec(connection, sql, err));
    }
    return true;
}

static bool new_tab(struct connection *connection, const char *name, int64_t *ret_tab, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    TRY(sql_prepare(connection, "INSERT INTO lakefeed_table(name) VALUES(?1)", &stmt, err));
    sql_bind_text(stmt, 1, name);
    TRY(sql_run(connection, stmt, err));
    *ret_tab = sqlite3_last_insert_rowid(connection->db);
    return true;
}

/* A table whose triggers lacked something gets a new number: it has to be read again, so it is another table to a host. */
static bool track_table(struct connection *connection, const struct table *table, struct arena *arena,
                        struct lf_error *err)
{
    struct trigger_set set;
    enum trigger_state state = TRIGGERS_LACKING;
    int64_t tab = table->tab;
    if (tab > 0) {
        TRY(trigger_compare(connection, table, arena, &state, err));
        if (state == TRIGGERS_CURRENT) {
            return true;
        }
        TRY(trigger_drop(connection, tab, err));
    }
    if (state == TRIGGERS_LACKING) {
        TRY(new_tab(connection, table->name, &tab, err));
    }
    TRY(widen_log(connection, table->nkey, err));
    TRY(trigger_plan(connection, table, tab, arena, &set, err));
    return trigger_install(connection, &set, err);
}

static bool track_name(struct connection *connection, const char *name, bool named, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct table *table = NULL;
    TRY(catalog_read(connection, name, &arena, &table, err));
    if (table == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "%s has no table %s", connection->session->path, name);
    }
    if (table->refusal != NULL && !named) {
        return true;
    }
    if (table->refusal != NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "table %s cannot be tracked: %s", name, table->refusal);
    }
    return track_table(connection, table, &arena, err);
}

bool track_op_track(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct connection *connection = &session->side;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    const char **all = NULL;
    char epoch[EPOCH_LEN + 1];
    bool tracked = false;
    TRY(transaction_begin_write(connection, TRACK_PATIENCE_MS, err));
    TRY(catalog_epoch(connection, &tracked, epoch, err));
    if (!tracked) {
        TRY(create_own_tables(connection, err));
    }
    if (tables == NULL) {
        TRY(catalog_list(connection, &arena, &all, &ntables, err));
    }
    for (size_t i = 0; i < ntables; i++) {
        TRY(track_name(connection, tables != NULL ? tables[i] : all[i], tables != NULL, err));
    }
    (void)rollback;
    return transaction_commit(connection, err);
}

static bool refuse_consumers(struct connection *connection, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection,
                    "SELECT group_concat(link || ' (lake ' || location || ')', ', ') FROM lakefeed_consumer", &stmt,
                    err));
    TRY(sql_step(connection, stmt, &row, err));
    const char *names = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (names == NULL) {
        return true;
    }
    return lf_error_set(err, LF_CONFLICT, 0,
                        "%s is still read by %s; run lakefeed unlink for each of these links first",
                        connection->session->path, names);
}

bool track_op_untrack(struct lf_session *session, struct lf_error *err)
{
    struct connection *connection = &session->side;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    char epoch[EPOCH_LEN + 1];
    bool tracked = false;
    TRY(catalog_epoch(connection, &tracked, epoch, err));
    if (!tracked) {
        return true;
    }
    TRY(transaction_begin_write(connection, TRACK_PATIENCE_MS, err));
    TRY(refuse_consumers(connection, err));
    TRY(trigger_drop(connection, 0, err));
    TRY(sql_exec(connection,
                 "DROP TABLE lakefeed_log; DROP TABLE lakefeed_consumer; DROP TABLE lakefeed_table;"
                 " DROP TABLE lakefeed_meta",
                 err));
    (void)rollback;
    return transaction_commit(connection, err);
}
