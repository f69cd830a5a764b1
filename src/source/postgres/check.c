/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/check.h"

#include "source/postgres/discover.h"
#include "source/postgres/slot.h"
#include "source/postgres/track.h"

#include <inttypes.h>

#define FINDING_SIZE 1200
#define RETAINED_ADVICE_BYTES (INT64_C(1) << 30)

struct check {
    struct lf_session *session;
    lf_finding_visitor visit;
    void *context;
    struct pg_publication publication;
    size_t nslots; /* of lakefeed, that are there */
    struct pg_tables tables;
    bool may_replicate; /* the role */
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

static void tell_with(const struct check *check, const char *severity, const char *what, const struct buf *cure)
{
    check->visit(check->context, severity, what, buf_text(cure));
}

/* ---- the server ---- */

enum server_field {
    S_WAL_LEVEL,
    S_SLOTS_MOST,
    S_SLOTS,
    S_SENDERS_MOST,
    S_SENDERS,
    S_KEEP_SIZE,
    S_IDLE_TIMEOUT,
    S_VERSION,
    S_PREPARED,
    S_WRITING
};

static const char server_sql[] =
    "SELECT current_setting('wal_level'), current_setting('max_replication_slots')::int,"
    " (SELECT count(*) FROM pg_catalog.pg_replication_slots), current_setting('max_wal_senders')::int,"
    " (SELECT count(*) FROM pg_catalog.pg_stat_replication), current_setting('max_slot_wal_keep_size'),"
    " current_setting('idle_replication_slot_timeout', true), current_setting('server_version'),"
    " (SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE prepared <"
    "  now() - interval '1 hour'),"
    " (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND xact_start <"
    "  now() - interval '10 minutes')";

static void check_log(const struct check *check, const PGresult *server)
{
    const char *level = pg_text(server, 0, S_WAL_LEVEL);
    const char *where = check->session->where;
    if (strcmp(level, "logical") == 0) {
        tell(check, "ok", NULL, "%s: PostgreSQL %s, wal_level is logical", where, pg_text(server, 0, S_VERSION));
    } else {
        tell(check, "error", "ALTER SYSTEM SET wal_level = logical; then restart the server",
             "%s: wal_level is %s, so the log lacks the changes of rows", where, level);
    }
}

static void check_room(const struct check *check, const PGresult *server)
{
    static const struct {
        int most, used;
        const char *name, *what, *cure;
    } limits[] = {
        {S_SLOTS_MOST, S_SLOTS, "max_replication_slots", "replication slots",
         "ALTER SYSTEM SET max_replication_slots = 10; then restart the server, or drop slots that nobody reads"},
        {S_SENDERS_MOST, S_SENDERS, "max_wal_senders", "replication connections",
         "ALTER SYSTEM SET max_wal_senders = 10; then restart the server"},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        int64_t most = pg_int(server, 0, limits[i].most);
        int64_t used = pg_int(server, 0, limits[i].used);
        bool full = used >= most;
        bool ours = check->nslots > 0; /* a slot that is there needs no room for another */
        tell(check,
             !full  ? "ok"
             : ours ? "advice"
                    : "error",
             full ? limits[i].cure : NULL, "%s: %" PRId64 " of %" PRId64 " %s are in use (%s)", check->session->where,
             used, most, limits[i].what, limits[i].name);
    }
}

static void check_retention(const struct check *check, const PGresult *server)
{
    const char *where = check->session->where;
    const char *keep = pg_text(server, 0, S_KEEP_SIZE);
    const char *idle = pg_text(server, 0, S_IDLE_TIMEOUT);
    if (strcmp(keep, "-1") == 0) {
        tell(check, "advice", "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf()",
             "%s: max_slot_wal_keep_size is unlimited; if lakefeed stops for long, the log can fill the server's disk."
             " With a limit the slot is given up instead, and the tables are loaded again",
             where);
    }
    if (idle[0] != '\0' && strcmp(idle, "0") != 0) {
        tell(check, "advice", "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf()",
             "%s: idle_replication_slot_timeout is %s; a slot that lakefeed does not read for so long is given up",
             where, idle);
    }
}

static void check_transactions(const struct check *check, const PGresult *server)
{
    const char *where = check->session->where;
    if (pg_int(server, 0, S_PREPARED) > 0) {
        tell(
            check, "advice",
            "SELECT gid, prepared, owner FROM pg_prepared_xacts ORDER BY prepared; then COMMIT PREPARED or ROLLBACK"
            " PREPARED",
            "%s: a prepared transaction is open for more than an hour; no slot can be made before it has ended, and the"
            " log is kept for it",
            where);
    }
    if (pg_int(server, 0, S_WRITING) > 0) {
        tell(check, "advice",
             "SELECT pid, usename, xact_start, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL",
             "%s: a transaction that writes is open for more than ten minutes; no slot can be made before it has ended",
             where);
    }
}

/* ---- the role ---- */

static void check_role(struct check *check, const PGresult *role)
{
    CLEANUP(buf_done) struct buf cure = {0};
    const char *name = pg_text(role, 0, 0);
    const char *where = check->session->where;
    check->may_replicate = pg_bool(role, 0, 1);
    if (check->may_replicate) {
        tell(check, "ok", NULL, "%s: the role %s may read the log", where, name);
    } else {
        buf_append_text(&cure, "ALTER ROLE ");
        pg_append_identifier(&cure, name);
        buf_append_text(&cure, " REPLICATION; (on Amazon RDS: GRANT rds_replication TO ");
        pg_append_identifier(&cure, name);
        buf_append_text(&cure, ";)");
        tell_with(check, "error", "the role may not read the log: it lacks the attribute REPLICATION", &cure);
    }
    if (!check->publication.exists && !pg_bool(role, 0, 2)) {
        buf_reset(&cure);
        buf_append_text(&cure, "GRANT CREATE ON DATABASE ");
        pg_append_identifier(&cure, pg_text(role, 0, 3));
        buf_append_text(&cure, " TO ");
        pg_append_identifier(&cure, name);
        buf_append_text(&cure, "; or have an administrator make the publication");
        tell_with(check, "advice", "the role may not make a publication in this database", &cure);
    }
}

/* What makes it comes as one statement, and for each table another, so that an administrator can run all that is printed. */
static void check_publication(struct check *check)
{
    CLEANUP(buf_done) struct buf cure = {0};
    const char *name = check->session->settings.publication;
    if (check->publication.exists && check->publication.complete) {
        return;
    }
    CLEANUP(text_free)
    char *what = text_printf(check->publication.exists ? "the publication %.63s leaves changes out"
                                                       : "there is no publication %.63s yet",
                             name);
    buf_append_text(&cure, "lakefeed track; or as an administrator: ");
    pg_publication_print(&check->publication, name, NULL, 0, &cure);
    tell_with(check, "error", what, &cure);
    check->publication.exists = true;
    check->publication.complete = true;
}

/* Rules in pg_hba.conf for replication connections are others than those for queries only with "replication=true", yet a proxy
 * or a pooler in between often takes no replication at all. */
static void check_replication(const struct check *check)
{
    struct pg_connection connection = {0};
    struct lf_error err = {0};
    if (pg_connection_open(check->session, PG_FOR_REPLICATION, &connection, &err)) {
        tell(check, "ok", NULL, "%s: takes a replication connection", check->session->where);
    } else {
        tell(check, "error",
             "connect to the server itself, not through a pooler such as PgBouncer, and check pg_hba.conf",
             "no replication connection: %.700s", err.msg);
    }
    pg_connection_close(&connection);
}

/* ---- slots ---- */

static void check_slot(void *context, const struct pg_slot_seen *slot)
{
    struct check *check = context;
    check->nslots++;
    if (slot->lost) {
        tell(check, "error", "lakefeed resync, or if nobody needs it: lakefeed unlink",
             "replication slot %s: the server has given up the log that it needs", slot->name);
    } else if (!slot->active && slot->retained > RETAINED_ADVICE_BYTES) {
        CLEANUP(text_free)
        char *cure = text_printf("start its link, or run lakefeed unlink; if nobody needs it:"
                                 " SELECT pg_drop_replication_slot('%s')",
                                 slot->name);
        tell(check, "advice", cure, "replication slot %s: nobody reads it now, and it keeps %" PRId64 " MiB of the log",
             slot->name, slot->retained >> 20);
    } else {
        tell(check, "ok", NULL, "replication slot %s: %s, keeps %" PRId64 " MiB of the log", slot->name,
             slot->active ? "is being read" : "nobody reads it now", slot->retained >> 20);
    }
}

/* ---- tables ---- */

static void tell_untracked(const struct check *check, const struct pg_table *table)
{
    CLEANUP(buf_done) struct buf cure = {0};
    CLEANUP(text_free)
    char *what = text_printf(table->refilter ? "table %s: the publication has another filter than the configured one"
                                             : "table %s: no changes of it are sent yet",
                             table->name);
    const struct pg_table *const list[] = {table};
    buf_append_text(&cure, "lakefeed track");
    if (table->membership == 0 || table->refilter) {
        buf_append_text(&cure, "; or as an administrator: ");
        pg_publication_print(&check->publication, check->session->settings.publication, list, 1, &cure);
    }
    tell_with(check, "error", what, &cure);
}

static bool has_generated(const struct pg_table *table)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (table->columns[i].generated) {
            return true;
        }
    }
    return false;
}

static void tell_advice(const struct check *check, const struct pg_table *table)
{
    if (has_generated(table)) {
        tell(check, "advice", NULL, "table %s: its generated columns are left out, since the log does not have them",
             table->name);
    }
    if (table->identity == 'f') {
        tell(check, "advice", "ALTER TABLE … REPLICA IDENTITY DEFAULT",
             "table %s: its replica identity is FULL, so that every update and delete writes the whole old row into the"
             " log; lakefeed needs only the key",
             table->name);
    }
    if (!table->key_ordered && table->bytes > RETAINED_ADVICE_BYTES) {
        tell(check, "advice", NULL,
             "table %s: the index of its key is not in the order of bytes (a collation other than \"C\", or a type "
             "with an"
             " order of its own), so it is loaded in one piece",
             table->name);
    }
}

static void check_table(const struct check *check, const struct pg_table *table, bool named)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *rights = pg_table_rights(check->session, table, &arena);
    if (table->refusal != NULL) {
        tell(check, named ? "error" : "advice", NULL, "table %s cannot be replicated: %s", table->name, table->refusal);
        return;
    }
    if (rights != NULL) {
        tell(check, named ? "error" : "advice", NULL, "table %s: %s", table->name, rights);
        return;
    }
    if (!table->followed) {
        tell_untracked(check, table);
    } else {
        tell(check, "ok", NULL, "table %s: is tracked", table->name);
    }
    tell_advice(check, table);
}

static void check_name(const struct check *check, const char *name)
{
    const struct pg_table *table = pg_tables_find_name(&check->tables, name);
    if (table != NULL) {
        check_table(check, table, true);
    } else {
        tell(check, "error", "correct the name; tables outside of the schema public are given as schema.table",
             "table %s: there is no such table", name);
    }
}

static bool check_server(struct check *check, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *server = NULL;
    CLEANUP(pg_result_clear) PGresult *role = NULL;
    struct pg_connection *side = &check->session->side;
    TRY(pg_query(side, "the server's settings", server_sql, &server, err));
    TRY(pg_query(side, "the role's rights",
                 "SELECT rolname, rolsuper OR rolreplication OR coalesce((SELECT pg_has_role(r.oid, 'USAGE')"
                 "  FROM pg_catalog.pg_roles r WHERE r.rolname = 'rds_replication'), false),"
                 " has_database_privilege(current_database(), 'CREATE'), current_database()"
                 " FROM pg_catalog.pg_roles WHERE rolname = current_user",
                 &role, err));
    check_log(check, server);
    check_room(check, server);
    check_retention(check, server);
    check_transactions(check, server);
    if (PQntuples(role) > 0) {
        check_role(check, role);
    }
    return true;
}

bool pg_op_check(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                 void *context, struct lf_error *err)
{
    struct check check = {.session = session, .visit = visit, .context = context};
    TRY(pg_publication_read(&session->side, &check.publication, err));
    TRY(pg_slot_visit(session, check_slot, &check, err));
    TRY(check_server(&check, err));
    if (check.may_replicate) {
        check_replication(&check);
    }
    TRY(pg_catalog_read_all(&session->side, &check.tables, err));
    check_publication(&check);
    for (size_t i = 0; tables != NULL && i < ntables; i++) {
        check_name(&check, tables[i]);
    }
    for (size_t i = 0; tables == NULL && i < check.tables.count; i++) {
        check_table(&check, &check.tables.list[i], false);
    }
    pg_tables_done(&check.tables);
    return true;
}
