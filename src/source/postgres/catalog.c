/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/catalog.h"

#include "base/utf8.h"
#include "source/postgres/catalog_query.h"
#include "source/postgres/configured.h"
#include "source/postgres/filter.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROW_BYTES_GUESS 100 /* for the number of rows of a table that was never analysed */

struct reading {
    const struct lf_session *session;
    const PGresult *tables, *columns;
    struct arena *arena;
};

static const char *keep(const struct reading *reading, const PGresult *result, int row, int field)
{
    return arena_text(reading->arena, pg_text(result, row, field));
}

static struct pg_type_row type_row(const PGresult *columns, int row)
{
    struct pg_type_row type = {(uint32_t)pg_uint(columns, row, C_TYPE), (int32_t)pg_int(columns, row, C_TYPMOD),
                               (uint32_t)pg_uint(columns, row, C_ELEMENT), pg_text(columns, row, C_DELIMITER)[0]};
    if (!pg_is_null(columns, row, C_BASE)) {
        char *end = NULL;
        unsigned long oid = strtoul(pg_text(columns, row, C_BASE), &end, 10);
        type.oid = (uint32_t)oid;
        type.typmod = (int32_t)strtol(end, NULL, 10);
    }
    return type;
}

static void read_column(const struct reading *reading, int row, struct pg_column *ret)
{
    const PGresult *columns = reading->columns;
    const struct pg_type_row type = type_row(columns, row);
    *ret = (struct pg_column){
        .name = keep(reading, columns, row, C_NAME),
        .declared = keep(reading, columns, row, C_DECLARED),
        .type = pg_type_of(&type),
        .type_oid = (uint32_t)pg_uint(columns, row, C_TYPE),
        .base_oid = type.oid,
        .typmod = (int32_t)pg_int(columns, row, C_TYPMOD),
        .attnum = (int16_t)pg_int(columns, row, C_ATTNUM),
        .not_null = pg_bool(columns, row, C_NOT_NULL),
        .generated = pg_bool(columns, row, C_GENERATED),
        .has_missing = pg_bool(columns, row, C_MISSING),
        .has_default = pg_bool(columns, row, C_DEFAULT),
        .key = (uint32_t)pg_uint(columns, row, C_KEY),
        .collation = pg_is_null(columns, row, C_COLLATION) ? NULL : keep(reading, columns, row, C_COLLATION),
        .unnamed = pg_is_null(columns, row, C_UNNAMED) ? NULL : keep(reading, columns, row, C_UNNAMED),
        .byte_order = pg_bool(columns, row, C_BYTES_COLLATION) && !pg_bool(columns, row, C_DESCENDING),
    };
    ret->excluded = ret->generated;
}

/* Types whose own order is that of the lake's keys, given that their collation goes by bytes. */
static bool type_is_ordered(const struct pg_column *column)
{
    switch (column->type.type) {
    case LF_TYPE_STRING:
        return column->base_oid == PG_OID_TEXT || column->base_oid == PG_OID_VARCHAR || column->base_oid == PG_OID_NAME;
    case LF_TYPE_JSON:
        return false;
    default:
        return true;
    }
}

static void read_key(struct pg_table *table, struct pg_column *columns, struct arena *arena)
{
    uint32_t *key = arena_alloc(arena, (table->ncolumns + 1) * sizeof *key);
    table->key = key;
    table->key_ordered = true;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (columns[i].key > 0) {
            key[columns[i].key - 1] = i;
            table->nkey++;
            columns[i].byte_order = columns[i].byte_order && type_is_ordered(&columns[i]) && !columns[i].configured;
            table->key_ordered = table->key_ordered && columns[i].byte_order;
        }
    }
    table->key_ordered = table->key_ordered && table->nkey > 0;
}

static const char *printed(struct arena *arena, const char *fmt, ...) LF_PRINTF(2, 3);
static const char *printed(struct arena *arena, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return arena_text(arena, text);
}

static const char *keyless_refusal(const struct pg_table *table, struct arena *arena)
{
    CLEANUP(buf_done) struct buf name = {0};
    pg_append_table(&name, table->schema, table->relation);
    switch (table->identity) {
    case 'n':
        return printed(arena, "its replica identity is NOTHING; ALTER TABLE %.300s REPLICA IDENTITY DEFAULT",
                       buf_text(&name));
    case 'i':
        return printed(arena,
                       "the index of its replica identity is gone or invalid; ALTER TABLE %.300s REPLICA IDENTITY"
                       " DEFAULT",
                       buf_text(&name));
    case 'f':
        return "it has no unique index over columns that are NOT NULL, so its rows have no key; add a primary key";
    default:
        return printed(arena,
                       "it has no primary key (a deferrable one does not count); add one, or name a unique index:"
                       " ALTER TABLE %.300s REPLICA IDENTITY USING INDEX …",
                       buf_text(&name));
    }
}

static void read_filter(const struct reading *reading, int row, struct pg_table *table)
{
    const PGresult *tables = reading->tables;
    table->whole = pg_bool(tables, row, T_WHOLE);
    table->filter = pg_configured_filter(reading->session, table);
    table->published = pg_is_null(tables, row, T_FILTER) ? NULL : keep(reading, tables, row, T_FILTER);
    table->uncovered = pg_is_null(tables, row, T_UNCOVERED) ? NULL : keep(reading, tables, row, T_UNCOVERED);
    table->refilter = table->membership != 0 && (table->filter == NULL) != (table->published == NULL);
}

/* A database with the encoding SQL_ASCII takes any bytes. */
static bool is_utf8(const char *name)
{
    return utf8_valid(name, strlen(name));
}

static const char *find_key_refusal(struct arena *arena, const struct pg_table *table)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct pg_column *column = &table->columns[table->key[i]];
        if (column->excluded) {
            return printed(arena, "the column %.200s is part of the key and cannot be left out%s", column->name,
                           column->generated ? "; it is generated, and the log does not have it" : "");
        }
        if (column->unnamed != NULL) {
            return printed(
                arena,
                "the log does not name the rows of its partition %.300s by the key column %.200s; ALTER TABLE"
                " %.300s REPLICA IDENTITY FULL, or DEFAULT where the partition has the same primary key",
                column->unnamed, column->name, column->unnamed);
        }
    }
    return NULL;
}

static const char *find_refusal(const struct reading *reading, int row, const struct pg_table *table)
{
    if (table->kind == 'f') {
        return "it is a foreign table: its changes are not in the log of this server";
    }
    if (pg_bool(reading->tables, row, T_FOREIGN_PART)) {
        return "one of its partitions is a foreign table, whose changes are not in the log of this server";
    }
    if (table->persistence == 'u') {
        return "it is unlogged: its changes are not in the log; ALTER TABLE … SET LOGGED";
    }
    if (pg_bool(reading->tables, row, T_UNLOGGED_PART)) {
        return "one of its partitions is unlogged: its changes are not in the log; ALTER TABLE … SET LOGGED";
    }
    if (!is_utf8(table->schema) || !is_utf8(table->relation)) {
        return "its name is no UTF-8; rename it";
    }
    if (pg_bool(reading->tables, row, T_PARTIAL)) {
        return "the publication sends only some of its columns; take the column list out";
    }
    if (table->nkey == 0) {
        return keyless_refusal(table, reading->arena);
    }
    const char *filter = pg_filter_refusal(reading->session, table, reading->arena);
    if (filter != NULL) {
        return filter;
    }
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (!is_utf8(table->columns[i].name)) {
            return printed(reading->arena, "the name of its column %u is no UTF-8; rename it",
                           (unsigned)table->columns[i].attnum);
        }
    }
    return find_key_refusal(reading->arena, table);
}

/* The first row of a table that has at least that oid. */
static int find_columns(const PGresult *columns, uint64_t oid)
{
    int low = 0, high = PQntuples(columns);
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (pg_uint(columns, middle, C_TABLE) < oid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool read_columns(const struct reading *reading, struct pg_table *table, struct lf_error *err)
{
    int first = find_columns(reading->columns, table->oid);
    table->ncolumns = (uint32_t)(find_columns(reading->columns, (uint64_t)table->oid + 1) - first);
    struct pg_column *columns = arena_alloc(reading->arena, (table->ncolumns + 1) * sizeof *columns);
    table->columns = columns;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        read_column(reading, first + (int)i, &columns[i]);
        TRY(pg_configured_apply(reading->session, table, &columns[i], err));
    }
    read_key(table, columns, reading->arena);
    return true;
}

static double rows_of(const struct pg_table *table, double analysed)
{
    return analysed > 0 || table->bytes == 0 ? analysed : (double)table->bytes / ROW_BYTES_GUESS;
}

static const char *name_of(struct arena *arena, const struct pg_table *table)
{
    const char *name = strcmp(table->schema, "public") == 0 ? table->relation
                                                            : printed(arena, "%s.%s", table->schema, table->relation);
    CLEANUP(text_free) char *clean = is_utf8(name) ? NULL : utf8_copy(name);
    return clean != NULL ? arena_text(arena, clean) : name;
}

static bool read_table(const struct reading *reading, int row, struct pg_table *table, struct lf_error *err)
{
    const PGresult *tables = reading->tables;
    *table = (struct pg_table){
        .oid = (uint32_t)pg_uint(tables, row, T_OID),
        .membership = (uint32_t)pg_uint(tables, row, T_MEMBERSHIP),
        .schema = keep(reading, tables, row, T_SCHEMA),
        .relation = keep(reading, tables, row, T_RELATION),
        .kind = pg_text(tables, row, T_KIND)[0],
        .persistence = pg_text(tables, row, T_PERSISTENCE)[0],
        .identity = pg_text(tables, row, T_IDENTITY)[0],
        .row_security = pg_bool(tables, row, T_ROW_SECURITY),
        .readable = pg_bool(tables, row, T_READABLE),
        .publishable = pg_bool(tables, row, T_PUBLISHABLE),
        .bytes = pg_int(tables, row, T_BYTES),
    };
    table->rows = rows_of(table, strtod(pg_text(tables, row, T_ROWS), NULL));
    table->name = name_of(reading->arena, table);
    TRY(read_columns(reading, table, err));
    read_filter(reading, row, table);
    table->refusal = find_refusal(reading, row, table);
    if (table->refusal == NULL) {
        table->refusal = pg_configured_check(reading->session, table, reading->arena);
    }
    table->followed =
        table->membership != 0 && pg_bool(tables, row, T_FOLLOWED) && table->refusal == NULL && !table->refilter;
    return true;
}

/* ---- several tables ---- */

void pg_append_oids(struct buf *text, const uint32_t *oids, size_t noids)
{
    buf_append_char(text, '{');
    for (size_t i = 0; i < noids; i++) {
        buf_printf(text, "%s%" PRIu32, i > 0 ? "," : "", oids[i]);
    }
    buf_append_char(text, '}');
}

/* Adds the tables with these oids; the list has room for them. */
static bool read_portion(struct pg_connection *connection, const uint32_t *oids, size_t noids, struct pg_tables *tables,
                         struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *rows = NULL;
    CLEANUP(pg_result_clear) PGresult *columns = NULL;
    CLEANUP(buf_done) struct buf list = {0};
    pg_append_oids(&list, oids, noids);
    TRY(pg_catalog_query_tables(connection, buf_text(&list), &rows, err));
    TRY(pg_catalog_query_columns(connection, buf_text(&list), &columns, err));
    const struct reading reading = {connection->session, rows, columns, &tables->arena};
    for (int i = 0; i < PQntuples(rows); i++) {
        TRY(read_table(&reading, i, &tables->list[tables->count], err));
        tables->count++;
    }
    return true;
}

bool pg_catalog_read(struct pg_connection *connection, const uint32_t *oids, size_t noids, struct pg_tables *ret_tables,
                     struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables found = {0};
    found.list = arena_alloc(&found.arena, (noids + 1) * sizeof *found.list);
    for (size_t i = 0; i < noids; i += PG_PORTION) {
        TRY(read_portion(connection, oids + i, noids - i < PG_PORTION ? noids - i : PG_PORTION, &found, err));
    }
    *ret_tables = found;
    found = (struct pg_tables){0};
    return true;
}

static void refuse_ambiguous(struct pg_tables *tables, uint32_t oid)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->list[i].oid == oid) {
            tables->list[i].refusal =
                "another table has the same name when schema and table are parted by a point; rename one of them";
            tables->list[i].followed = false;
        }
    }
}

/* Adds the tables of these rows of the list. */
static bool read_listed(struct pg_connection *connection, const PGresult *list, int from, int to,
                        struct pg_tables *tables, struct lf_error *err)
{
    uint32_t oids[PG_PORTION] = {0};
    for (int i = from; i < to; i++) {
        oids[i - from] = (uint32_t)pg_uint(list, i, L_OID);
    }
    TRY(read_portion(connection, oids, (size_t)(to - from), tables, err));
    for (int i = from; i < to; i++) {
        if (pg_bool(list, i, L_AMBIGUOUS)) {
            refuse_ambiguous(tables, oids[i - from]);
        }
    }
    return true;
}

static int end_of_portion(const PGresult *list, int from)
{
    int left = PQntuples(list) - from;
    return from + (left < PG_PORTION ? left : PG_PORTION);
}

bool pg_catalog_visit(struct pg_connection *connection, pg_portion_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *list = NULL;
    TRY(pg_catalog_query_list(connection, &list, err));
    for (int from = 0; from < PQntuples(list); from += PG_PORTION) {
        CLEANUP(pg_tables_done) struct pg_tables portion = {0};
        portion.list = arena_alloc(&portion.arena, PG_PORTION * sizeof *portion.list);
        TRY(read_listed(connection, list, from, end_of_portion(list, from), &portion, err));
        TRY(pg_filter_compare(connection, &portion, err));
        TRY(visit(context, &portion, err));
    }
    return true;
}

bool pg_catalog_read_all(struct pg_connection *connection, struct pg_tables *ret_tables, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *list = NULL;
    CLEANUP(pg_tables_done) struct pg_tables all = {0};
    TRY(pg_catalog_query_list(connection, &list, err));
    all.list = arena_alloc(&all.arena, ((size_t)PQntuples(list) + 1) * sizeof *all.list);
    for (int from = 0; from < PQntuples(list); from += PG_PORTION) {
        TRY(read_listed(connection, list, from, end_of_portion(list, from), &all, err));
    }
    TRY(pg_filter_compare(connection, &all, err));
    *ret_tables = all;
    all = (struct pg_tables){0};
    return true;
}

void pg_tables_done(struct pg_tables *tables)
{
    arena_done(&tables->arena);
    *tables = (struct pg_tables){0};
}

const struct pg_table *pg_tables_find(const struct pg_tables *tables, uint32_t oid)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->list[i].oid == oid) {
            return &tables->list[i];
        }
    }
    return NULL;
}

const struct pg_table *pg_tables_find_name(const struct pg_tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->list[i].name, name) == 0) {
            return &tables->list[i];
        }
    }
    return NULL;
}

/* ---- what the host sees ---- */

struct lf_slice pg_table_id(const struct pg_table *table, struct arena *arena)
{
    if (table->membership == 0) {
        return (struct lf_slice){0};
    }
    const char *text = printed(arena, "%" PRIu32 "/%" PRIu32, table->oid, table->membership);
    return (struct lf_slice){text, strlen(text)};
}

bool pg_table_id_parse(struct lf_slice id, uint32_t *ret_oid, uint32_t *ret_membership)
{
    char text[32];
    char *end = NULL;
    if (id.len == 0 || id.len >= sizeof text) {
        return false;
    }
    memcpy(text, id.ptr, id.len);
    text[id.len] = '\0';
    *ret_oid = (uint32_t)strtoul(text, &end, 10);
    if (end == text || *end != '/' || end[1] == '\0') {
        return false;
    }
    *ret_membership = (uint32_t)strtoul(end + 1, &end, 10);
    return *end == '\0';
}

struct lf_schema pg_table_schema(const struct pg_table *table, struct arena *arena)
{
    struct lf_column *columns = arena_alloc(arena, (table->ncolumns + 1) * sizeof *columns);
    uint32_t *key = arena_alloc(arena, (table->nkey + 1) * sizeof *key);
    struct lf_schema schema = {.columns = columns, .key = key, .nkey = table->nkey};
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct pg_column *from = &table->columns[i];
        if (from->excluded) {
            schema.nkey = from->key > 0 ? 0 : schema.nkey;
            continue;
        }
        if (from->key > 0) {
            key[from->key - 1] = schema.ncolumns;
        }
        columns[schema.ncolumns++] = (struct lf_column){.id = (uint32_t)from->attnum,
                                                        .name = from->name,
                                                        .source_type = from->declared,
                                                        .type = from->type.type,
                                                        .max_length = from->type.max_length,
                                                        .precision = from->type.precision,
                                                        .scale = from->type.scale};
    }
    return schema;
}
