/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/catalog.h"

#include "source/sqlite/configured.h"
#include "source/sqlite/sql.h"

#include <inttypes.h>
#include <strings.h>

static char *column_copy(sqlite3_stmt *stmt, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text != NULL ? arena_text(arena, text) : NULL;
}

bool catalog_list(struct connection *connection, struct arena *arena, const char ***ret_names, size_t *ret_count,
                  struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    static const char sql[] =
        " FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'lakefeed\\_%' ESCAPE '\\'";
    CLEANUP(buf_done) struct buf text = {0};
    int64_t count = 0;
    bool row = false;
    buf_printf(&text, "SELECT count(*)%s", sql);
    TRY(sql_get_int(connection, buf_text(&text), 0, &count, err));
    buf_reset(&text);
    buf_printf(&text, "SELECT name%s ORDER BY name", sql);
    const char **names = arena_alloc(arena, ((size_t)count + 1) * sizeof *names);
    size_t n = 0;
    TRY(sql_prepare(connection, buf_text(&text), &stmt, err));
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row || n == (size_t)count) {
            break;
        }
        names[n++] = column_copy(stmt, 0, arena);
    }
    *ret_names = names;
    *ret_count = n;
    return true;
}

static bool configure_column(struct connection *connection, const struct table *table, struct table_column *column,
                             struct lf_error *err)
{
    const char *name = session_column_option(connection->session, "type", table->name, column->name);
    column->excluded = session_column_option(connection->session, "exclude", table->name, column->name) != NULL;
    if (name != NULL && !type_configure(&column->type, name, err)) {
        return lf_error_wrap(err, "table %s, column %s", table->name, column->name);
    }
    return true;
}

static bool read_columns(struct connection *connection, struct table *table, struct arena *arena, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection,
                    "SELECT name, type, dflt_value, \"notnull\", hidden, pk, count(*) OVER ()"
                    " FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
                    &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            return true;
        }
        if (table->columns == NULL) {
            size_t count = (size_t)sqlite3_column_int(stmt, 6);
            table->columns = arena_alloc(arena, count * sizeof *table->columns);
            table->key = arena_alloc(arena, count * sizeof *table->key);
        }
        struct table_column *column = &table->columns[table->ncolumns];
        *column = (struct table_column){.name = column_copy(stmt, 0, arena),
                                        .declared = column_copy(stmt, 1, arena),
                                        .default_sql = column_copy(stmt, 2, arena),
                                        .not_null = sqlite3_column_int(stmt, 3) != 0,
                                        .generated = sqlite3_column_int(stmt, 4) != 0};
        column->type = type_of_declared(column->declared);
        TRY(configure_column(connection, table, column, err));
        int place = sqlite3_column_int(stmt, 5);
        if (place > 0) {
            table->key[place - 1] = (struct key_part){.column = table->ncolumns, .collation = "BINARY"};
            table->nkey = table->nkey > (uint32_t)place ? table->nkey : (uint32_t)place;
        }
        table->ncolumns++;
    }
}

/* Collations and directions come from the index that carries the key; a rowid table without one has the rowid as key. */
static bool read_key_index(struct connection *connection, struct table *table, struct arena *arena,
                           struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    uint32_t n = 0;
    TRY(sql_prepare(
        connection,
        "SELECT x.coll, x.desc FROM pragma_index_list(?1, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x"
        " WHERE l.origin = 'pk' AND x.key = 1 ORDER BY x.seqno",
        &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row || n == table->nkey) {
            break;
        }
        table->key[n].collation = column_copy(stmt, 0, arena);
        table->key[n].descending = sqlite3_column_int(stmt, 1) != 0;
        n++;
    }
    table->integer_key = table->rowid && n == 0 && table->nkey == 1;
    return true;
}

static void choose_rowid_name(struct table *table)
{
    static const char *const aliases[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; table->rowid && i < ARRAY_LEN(aliases); i++) {
        bool hidden = false;
        for (uint32_t c = 0; c < table->ncolumns; c++) {
            hidden = hidden || strcasecmp(table->columns[c].name, aliases[i]) == 0;
        }
        if (!hidden) {
            table->rowid_name = aliases[i];
            return;
        }
    }
}

static bool check_collations(struct connection *connection, struct table *table, struct arena *arena,
                             struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    TRY(sql_prepare(connection, "SELECT 1 FROM pragma_collation_list WHERE name = ?1 COLLATE NOCASE", &stmt, err));
    for (uint32_t i = 0; i < table->nkey; i++) {
        bool row = false;
        sql_bind_text(stmt, 1, table->key[i].collation);
        TRY(sql_step(connection, stmt, &row, err));
        (void)sqlite3_reset(stmt);
        if (!row) {
            char text[256];
            (void)snprintf(text, sizeof text,
                           "its key uses the collation %.100s, which only the application knows; "
                           "rebuild the table with BINARY, NOCASE or RTRIM",
                           table->key[i].collation);
            table->refusal = arena_text(arena, text);
        }
    }
    return true;
}

static bool read_tab(struct connection *connection, struct table *table, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection,
                    "SELECT max(CAST(substr(name, 10) AS INTEGER)) FROM sqlite_schema"
                    " WHERE type = 'trigger' AND tbl_name = ?1 AND name GLOB 'lakefeed_[0-9]*_i'",
                    &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    TRY(sql_step(connection, stmt, &row, err));
    table->tab = row ? sqlite3_column_int64(stmt, 0) : 0;
    return true;
}

static const char *refusal_of(const struct table *table, bool virtual_table)
{
    if (virtual_table) {
        return "a virtual table has no triggers; replicate the tables behind it";
    }
    if (table->nkey == 0) {
        return "it has no PRIMARY KEY, and VACUUM renumbers rowids; give it one";
    }
    for (uint32_t i = 0; i < table->nkey; i++) {
        if (table->columns[table->key[i].column].excluded) {
            return "a column of its key is excluded in the configuration";
        }
    }
    return NULL;
}

bool catalog_read(struct connection *connection, const char *name, struct arena *arena, struct table **ret_table,
                  struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    *ret_table = NULL;
    TRY(sql_prepare(connection, "SELECT name, type, wr FROM pragma_table_list(?1) WHERE schema = 'main'", &stmt, err));
    sql_bind_text(stmt, 1, name);
    TRY(sql_step(connection, stmt, &row, err));
    const char *type = row ? (const char *)sqlite3_column_text(stmt, 1) : "";
    bool virtual_table = strcmp(type, "virtual") == 0;
    if (!virtual_table && strcmp(type, "table") != 0) {
        return true;
    }
    struct table *table = arena_alloc(arena, sizeof *table);
    *table = (struct table){.name = column_copy(stmt, 0, arena), .rowid = sqlite3_column_int(stmt, 2) == 0};
    if (!virtual_table) {
        TRY(read_columns(connection, table, arena, err));
        TRY(read_key_index(connection, table, arena, err));
        TRY(check_collations(connection, table, arena, err));
        TRY(read_tab(connection, table, err));
        choose_rowid_name(table);
    }
    if (table->refusal == NULL) {
        table->refusal = refusal_of(table, virtual_table);
    }
    if (table->refusal == NULL) {
        TRY(configured_check(connection, table, arena, &table->refusal, err));
    }
    *ret_table = table;
    return true;
}

bool catalog_name_of_tab(struct connection *connection, int64_t tab, struct arena *arena, const char **ret_name,
                         struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    char trigger[48];
    bool row = false;
    (void)snprintf(trigger, sizeof trigger, "lakefeed_%" PRId64 "_i", tab);
    TRY(sql_prepare(connection, "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name = ?1", &stmt, err));
    sql_bind_text(stmt, 1, trigger);
    TRY(sql_step(connection, stmt, &row, err));
    *ret_name = row ? column_copy(stmt, 0, arena) : NULL;
    return true;
}

bool catalog_epoch(struct connection *connection, bool *ret_tracked, char ret_epoch[EPOCH_LEN + 1],
                   struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    int64_t tables = 0;
    bool row = false;
    *ret_tracked = false;
    TRY(sql_get_int(connection, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'lakefeed_meta'", 0,
                    &tables, err));
    if (tables == 0) {
        return true;
    }
    TRY(sql_prepare(connection,
                    "SELECT (SELECT value FROM lakefeed_meta WHERE name = 'epoch'),"
                    " (SELECT value FROM lakefeed_meta WHERE name = 'format')",
                    &stmt, err));
    TRY(sql_step(connection, stmt, &row, err));
    const char *epoch = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (epoch == NULL || strlen(epoch) != EPOCH_LEN) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "%s: the table lakefeed_meta was damaged; run lakefeed untrack, then track",
                            connection->session->path);
    }
    if (sqlite3_column_int(stmt, 1) != 1) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s is tracked by a newer lakefeed; use that one",
                            connection->session->path);
    }
    memcpy(ret_epoch, epoch, EPOCH_LEN + 1);
    *ret_tracked = true;
    return true;
}

bool catalog_need_epoch(struct connection *connection, char ret_epoch[EPOCH_LEN + 1], struct lf_error *err)
{
    bool tracked = false;
    TRY(catalog_epoch(connection, &tracked, ret_epoch, err));
    if (!tracked) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s keeps no changes yet; run: lakefeed track --source 'sqlite:%s'",
                            connection->session->path, connection->session->path);
    }
    return true;
}

bool table_key_is_exact(const struct table *table)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        if (strcasecmp(table->key[i].collation, "BINARY") != 0) {
            return false;
        }
    }
    return true;
}

/* Types whose text in the lake is the text in the source, or that order as numbers do. */
static bool orders_as_in_lake(const struct column_type *type)
{
    switch (type->type) {
    case LF_TYPE_STRING:
        return type->affinity == AFFINITY_TEXT || type->affinity == AFFINITY_BLOB;
    case LF_TYPE_INT64:
    case LF_TYPE_DOUBLE:
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_DATE:
        return true;
    case LF_TYPE_BINARY:
        return !type->configured;
    default:
        return false;
    }
}

bool table_key_is_ordered(struct connection *connection, const struct table *table, bool *ret, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection, "PRAGMA main.encoding", &stmt, err));
    TRY(sql_step(connection, stmt, &row, err));
    bool utf8 = row && strcmp((const char *)sqlite3_column_text(stmt, 0), "UTF-8") == 0;
    *ret = table_key_is_exact(table);
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct column_type *type = &table->columns[table->key[i].column].type;
        bool text = type->type == LF_TYPE_STRING;
        *ret =
            *ret && orders_as_in_lake(type) && (utf8 || !text) && table->key[i].descending == table->key[0].descending;
    }
    return true;
}
