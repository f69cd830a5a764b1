/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/check.h"

#include "source/sqlite/catalog.h"
#include "source/sqlite/load.h"
#include "source/sqlite/sql.h"
#include "source/sqlite/trigger.h"

#define PATIENCE_MS 2000
#define FINDING_SIZE 1200

struct check {
    struct lf_session *session;
    lf_finding_visitor visit;
    void *context;
};

static void LF_PRINTF(4, 5)
    tell(const struct check *check, const char *severity, const char *cure, const char *fmt, ...)
{
    char text[FINDING_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    check->visit(check->context, severity, text, cure);
}

static void tell_fault(void *context, const struct lf_error *what)
{
    tell(context, "error", "set the type of the column in the configuration, or correct the row", "%s", what->msg);
}

static bool check_database(const struct check *check, bool tracked, struct lf_error *err)
{
    struct connection *connection = &check->session->side;
    const char *path = check->session->path;
    bool wal = false;
    TRY(connection_is_wal(connection, &wal, err));
    if (wal) {
        tell(check, "ok", NULL, "%s: uses a write-ahead log, so reading never blocks the application", path);
    } else {
        tell(check, "advice", "PRAGMA journal_mode=WAL",
             "%s: uses a rollback journal; while lakefeed reads, up to 100 ms at a time, the application cannot write",
             path);
    }
    if (sqlite3_db_readonly(connection->db, "main") == 1) {
        tell(check, "error", "give the user write access to the file and its folder",
             "%s: is read-only for this user, but its change log has to be kept in it", path);
    }
    if (!tracked) {
        tell(check, "error", "lakefeed track --source sqlite:FILE, or run --track", "%s: keeps no changes yet", path);
    }
    return true;
}

static bool check_consumers(const struct check *check, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    struct connection *connection = &check->session->side;
    bool row = false;
    TRY(sql_prepare(connection,
                    "SELECT link, location, (SELECT max(seq) FROM lakefeed_log) - seq FROM lakefeed_consumer", &stmt,
                    err));
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            return true;
        }
        tell(check, "ok", NULL, "%s: is read by the link %s for %s, %lld log rows behind", check->session->path,
             (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1),
             (long long)sqlite3_column_int64(stmt, 2));
    }
}

static void tell_tracking(const struct check *check, const struct table *table, enum trigger_state state)
{
    if (table->tab == 0) {
        tell(check, "error", "lakefeed track", "table %s: no changes of it are kept yet", table->name);
    } else if (state == TRIGGERS_LACKING) {
        tell(check, "error", "lakefeed track",
             "table %s: a unique index was added since it was tracked; changes can be missed", table->name);
    } else if (state == TRIGGERS_EXCESSIVE) {
        tell(check, "advice", "lakefeed track",
             "table %s: a unique index was dropped since it was tracked; its triggers do more than they need",
             table->name);
    } else {
        tell(check, "ok", NULL, "table %s: is tracked", table->name);
    }
}

static bool read_table(const struct check *check, const char *name, bool named, bool tracked, bool *ret_scan,
                       struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct connection *connection = &check->session->side;
    struct table *table = NULL;
    enum trigger_state state = TRIGGERS_CURRENT;
    *ret_scan = false;
    TRY(catalog_read(connection, name, &arena, &table, err));
    if (table == NULL) {
        tell(check, "error", "correct the name", "table %s: there is no such table", name);
        return true;
    }
    if (table->refusal != NULL) {
        tell(check, named ? "error" : "advice", NULL, "table %s cannot be replicated: %s", name, table->refusal);
        return true;
    }
    if (tracked && table->tab > 0) {
        TRY(trigger_compare(connection, table, &arena, &state, err));
    }
    if (tracked) {
        tell_tracking(check, table, state);
    }
    *ret_scan = true;
    return true;
}

static bool check_table(struct check *check, const char *name, bool named, bool tracked, struct lf_error *err)
{
    bool scan = false;
    {
        struct connection *connection = &check->session->side;
        CLEANUP(transaction_end_at) struct connection *rollback = connection;
        TRY(transaction_begin_read(connection, PATIENCE_MS, err));
        TRY(read_table(check, name, named, tracked, &scan, err));
        (void)rollback;
    }
    return !scan || load_scan(check->session, name, tell_fault, check, err);
}

bool check_op_check(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                    void *context, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct check check = {session, visit, context};
    const char **all = NULL;
    char epoch[EPOCH_LEN + 1];
    bool tracked = false;
    TRY(session_check(session, err));
    TRY(catalog_epoch(&session->side, &tracked, epoch, err));
    TRY(check_database(&check, tracked, err));
    if (tracked) {
        TRY(check_consumers(&check, err));
    }
    if (tables == NULL) {
        TRY(catalog_list(&session->side, &arena, &all, &ntables, err));
    }
    for (size_t i = 0; i < ntables; i++) {
        TRY(check_table(&check, tables != NULL ? tables[i] : all[i], tables != NULL, tracked, err));
    }
    return true;
}
