/* SPDX-License-Identifier: Apache-2.0
 *
 * Two queries give everything. They take no lock on a table, so that one that is locked hides no other; members of a partition
 * tree are found in pg_inherits for that reason.
 */
#include "source/postgres/catalog.h"

#include "base/utf8.h"
#include "source/postgres/configured.h"
#include "source/postgres/filter.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROW_BYTES_GUESS 100 /* for the number of rows of a table that was never analysed */

enum table_field {
    T_OID,
    T_SCHEMA,
    T_RELATION,
    T_KIND,
    T_PERSISTENCE,
    T_IDENTITY,
    T_STORAGE,
    T_ROW_SECURITY,
    T_READABLE,
    T_PUBLISHABLE,
    T_ROWS,
    T_BYTES,
    T_MEMBERSHIP,
    T_FOLLOWED,
    T_FOREIGN_PART,
    T_UNLOGGED_PART,
    T_PARTIAL,
    T_FILTER,
    T_UNCOVERED,
    T_WHOLE
};

/* In place of %s, in this order: which tables, the member of the schema, what is published of the table (both by version), which
 * tables. Without a list its condition is left out: a plan made once would else look at all tables for the sake of a few. */
static const char tables_sql[] =
    "WITH RECURSIVE tree(root, oid) AS ("
    "  SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'p' AND NOT c.relispartition%s"
    "  UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid),"
    " part AS ("
    "  SELECT t.root, hashtextextended(string_agg(c.oid || ':' || c.relfilenode, ',' ORDER BY c.oid), 0) AS storage,"
    "   sum(greatest(c.reltuples, 0)) AS rows, sum(c.relpages::bigint) AS pages, bool_or(c.relkind = 'f') AS foreign,"
    "   bool_or(c.relkind = 'r' AND c.relpersistence = 'u') AS unlogged"
    "  FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid GROUP BY t.root)"
    " SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,"
    "  CASE WHEN c.relkind = 'p' THEN part.storage ELSE c.relfilenode::bigint END,"
    "  row_security_active(c.oid), has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'),"
    "  pg_has_role(c.relowner, 'USAGE'),"
    "  CASE WHEN c.relkind = 'p' THEN part.rows ELSE c.reltuples END,"
    "  CASE WHEN c.relkind = 'p' THEN part.pages * 8192 WHEN c.relkind = 'r' AND c.relpages = 0"
    "   THEN pg_relation_size(c.oid) ELSE c.relpages::bigint * 8192 END,"
    "  coalesce(hashint8extended((coalesce(pr.oid, %s CASE WHEN p.puballtables THEN p.oid END)::bigint << 32)"
    "   | p.xmin::text::bigint, 0) & 4294967295, 0),"
    "  coalesce(p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND (p.pubviaroot OR c.relkind <> 'p'),"
    "   false), coalesce(part.foreign, false), coalesce(part.unlogged, false), %s"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN part ON part.root = c.oid"
    " LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1"
    " LEFT JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid"
    " %s"
    " WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'"
    "  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'%s"
    " ORDER BY n.nspname, c.relname";

/* A filter needs columns that the log has of the old row, too: else the server refuses the application's updates. */
static const char published_sql[] =
    "coalesce(pr.prattrs IS NOT NULL, false), pg_get_expr(pr.prqual, pr.prrelid),"
    " (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_depend d"
    "  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
    "  WHERE d.classid = 'pg_catalog.pg_publication_rel'::regclass AND d.objid = pr.oid AND pr.prqual IS NOT NULL"
    "   AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0"
    "   AND c.relreplident <> 'f' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid"
    "    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END"
    "    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))),"
    " coalesce(p.puballtables, false) OR pn.oid IS NOT NULL";

enum column_field {
    C_TABLE,
    C_ATTNUM,
    C_NAME,
    C_DECLARED,
    C_TYPE,
    C_TYPMOD,
    C_BASE,
    C_ELEMENT,
    C_DELIMITER,
    C_NOT_NULL,
    C_GENERATED,
    C_MISSING,
    C_DEFAULT,
    C_KEY,
    C_COLLATION,
    C_BYTES_COLLATION,
    C_DESCENDING,
    C_UNNAMED
};

/* What a domain is over, through domains over domains; any other type itself. */
#define BASE_OF(type) \
    "CASE WHEN " type ".typtype = 'd' THEN (WITH RECURSIVE d(oid, depth) AS (SELECT " type ".typbasetype, 0" \
    "  UNION ALL SELECT b.typbasetype, depth + 1 FROM d JOIN pg_catalog.pg_type b ON b.oid = d.oid AND b.typtype = " \
    "'d')" \
    "  SELECT oid FROM d ORDER BY depth DESC LIMIT 1) ELSE " type ".oid END"
#define BASE_OF_COLUMN BASE_OF("t")
#define BASE_OF_ELEMENT BASE_OF("e")

/* A partition of whose rows the log does not tell that column of the key. */
static const char unnamed_sql[] =
    "  CASE WHEN c.relkind = 'p' AND key.oid IS NOT NULL THEN (WITH RECURSIVE part(oid) AS ("
    "   SELECT h.inhrelid FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid"
    "   UNION ALL SELECT h.inhrelid FROM part JOIN pg_catalog.pg_inherits h ON h.inhparent = part.oid)"
    "   SELECT quote_ident(ln.nspname) || '.' || quote_ident(l.relname) FROM part"
    "   JOIN pg_catalog.pg_class l ON l.oid = part.oid JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace"
    "   WHERE l.relkind = 'r' AND l.relreplident <> 'f' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index x"
    "    JOIN pg_catalog.pg_attribute la ON la.attrelid = x.indrelid"
    "     AND la.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])"
    "    WHERE x.indrelid = l.oid AND la.attname = a.attname AND x.indisvalid"
    "     AND CASE l.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END)"
    "   ORDER BY l.oid LIMIT 1) END";

/* The key is what the log names a row by: the primary key, or the index of the replica identity. With FULL it may be any unique
 * index without NULL, the primary key first. (Since 18 a NOT NULL may be NOT VALID, and then NULL may be there.) What counts of a
 * partitioned table are the identities of its partitions, though: each has its own, and what it lacks of the key arrives as NULL. */
static const char columns_sql[] =
    "WITH db AS (SELECT %s AS bytes FROM pg_catalog.pg_database WHERE datname = current_database()),"
    " key AS ("
    "  SELECT DISTINCT ON (c.oid) c.oid, i.indkey, i.indnkeyatts, i.indcollation, i.indoption"
    "  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid"
    "  WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL%s"
    "   AND NOT 0 = ANY (i.indkey::int2[])"
    "   AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident WHEN 'f' THEN true"
    "    ELSE false END"
    "   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid"
    "    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) AND (NOT a.attnotnull"
    "     OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint n WHERE n.conrelid = c.oid AND n.contype = 'n'"
    "      AND NOT n.convalidated AND a.attnum = ANY (n.conkey))))"
    "  ORDER BY c.oid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid)"
    " SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod,"
    "  CASE WHEN t.typtype = 'd' THEN (WITH RECURSIVE d(oid, typmod, depth) AS (SELECT t.typbasetype, t.typtypmod, 0"
    "   UNION ALL SELECT b.typbasetype, b.typtypmod, depth + 1 FROM d JOIN pg_catalog.pg_type b ON b.oid = d.oid"
    "    AND b.typtype = 'd') SELECT oid || ' ' || typmod FROM d ORDER BY depth DESC LIMIT 1) END,"
    "  coalesce(" BASE_OF_ELEMENT ", 0), coalesce(e.typdelim, ','),"
    "  a.attnotnull, a.attgenerated <> '', a.atthasmissing, a.atthasdef OR a.attidentity <> '',"
    "  coalesce(array_position((key.indkey::int2[])[0:key.indnkeyatts - 1], a.attnum), 0),"
    "  CASE WHEN k.oid IS NOT NULL THEN quote_ident(kn.nspname) || '.' || quote_ident(k.collname) END,"
    "  coalesce(CASE WHEN k.collname = 'default' THEN db.bytes ELSE k.collprovider::text IN ('c', 'b')"
    "   AND (k.collprovider::text = 'b' OR k.collcollate IN ('C', 'POSIX')) END, true),"
    "  coalesce(key.indoption[array_position((key.indkey::int2[])[0:key.indnkeyatts - 1], a.attnum) - 1] & 1 = 1,"
    "   false),"
    "  %s"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " CROSS JOIN db LEFT JOIN key ON key.oid = c.oid AND a.attnum = ANY ((key.indkey::int2[])[0:key.indnkeyatts - 1])"
    " LEFT JOIN pg_catalog.pg_collation k"
    "  ON k.oid = key.indcollation[array_position((key.indkey::int2[])[0:key.indnkeyatts - 1], a.attnum) - 1]"
    " LEFT JOIN pg_catalog.pg_namespace kn ON kn.oid = k.collnamespace"
    " LEFT JOIN LATERAL (SELECT base.typelem, base.typlen, base.typcategory FROM pg_catalog.pg_type base WHERE "
    "base.oid = " BASE_OF_COLUMN
    "  OFFSET 0) u ON true" /* by the index; without OFFSET the planner hashes all types of the database for each table */
    " LEFT JOIN pg_catalog.pg_type e ON e.oid = u.typelem AND u.typlen = -1 AND u.typcategory = 'A'"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition"
    "  AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'%s"
    " ORDER BY n.nspname, c.relname, a.attnum";

/* Reading: both results go by schema and name, so the columns of a table stand together. */
struct reading {
    const struct lf_session *session;
    const PGresult *tables, *columns;
    struct arena *arena;
    int at; /* the next row of columns */
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
    table->filter = pg_session_filter(reading->session, table->name);
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

static bool read_columns(struct reading *reading, struct pg_table *table, struct lf_error *err)
{
    int count = PQntuples(reading->columns);
    int end = reading->at;
    while (end < count && (uint32_t)pg_uint(reading->columns, end, C_TABLE) == table->oid) {
        end++;
    }
    table->ncolumns = (uint32_t)(end - reading->at);
    struct pg_column *columns = arena_alloc(reading->arena, (table->ncolumns + 1) * sizeof *columns);
    table->columns = columns;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        read_column(reading, reading->at++, &columns[i]);
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

static bool read_table(struct reading *reading, int row, struct pg_table *table, struct lf_error *err)
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
        .storage = pg_int(tables, row, T_STORAGE),
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

/* ---- the queries ---- */

static void print_tables_sql(const struct lf_session *session, const char *condition, struct buf *sql)
{
    bool schemas = session->version >= 150000;
    buf_printf(sql, tables_sql, condition, schemas ? "pn.oid," : "",
               schemas ? published_sql : "false, NULL::text, NULL::text, false",
               schemas ? "LEFT JOIN pg_catalog.pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = n.oid"
                       : "",
               condition);
}

static void print_columns_sql(const struct lf_session *session, const char *indexes, const char *condition,
                              struct buf *sql)
{
    const char *bytes = session->version >= 170000
                            ? "(datlocprovider = 'b' OR (datlocprovider = 'c' AND datcollate IN ('C', 'POSIX')))"
                        : session->version >= 150000 ? "(datlocprovider = 'c' AND datcollate IN ('C', 'POSIX'))"
                                                     : "(datcollate IN ('C', 'POSIX'))";
    /* Bytes of text go by code points in these encodings alone, as those of UTF-8 do. */
    CLEANUP(text_free)
    char *all = text_printf("(%s AND pg_encoding_to_char(encoding) IN ('UTF8', 'LATIN1', 'SQL_ASCII'))", bytes);
    buf_printf(sql, columns_sql, all, indexes, unnamed_sql, condition);
}

static char *print_oids(const uint32_t *oids, size_t noids)
{
    struct buf text = {0};
    if (oids == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < noids; i++) {
        buf_printf(&text, "%c%" PRIu32, i == 0 ? '{' : ',', oids[i]);
    }
    buf_append_text(&text, noids == 0 ? "{}" : "}");
    return text.ptr;
}

/* Of all tables, or of those in the list. */
static bool query_tables(struct pg_connection *connection, const char *list, PGresult **ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    const char *const values[] = {connection->session->settings.publication, list};
    print_tables_sql(connection->session, list != NULL ? " AND c.oid = ANY ($2::oid[])" : "", &sql);
    return list != NULL ? pg_query_prepared(connection, PG_STATEMENT_TABLES, "the list of tables", buf_text(&sql), 2,
                                            values, ret, err)
                        : pg_query_params(connection, "the list of tables", buf_text(&sql), 1, values, ret, err);
}

static bool query_columns(struct pg_connection *connection, const char *list, PGresult **ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    const char *const values[] = {list};
    print_columns_sql(connection->session, list != NULL ? " AND i.indrelid = ANY ($1::oid[])" : "",
                      list != NULL ? " AND c.oid = ANY ($1::oid[])" : "", &sql);
    return list != NULL ? pg_query_prepared(connection, PG_STATEMENT_COLUMNS, "the list of columns", buf_text(&sql), 1,
                                            values, ret, err)
                        : pg_query_params(connection, "the list of columns", buf_text(&sql), 0, NULL, ret, err);
}

/* The table b of the schema a, and the table a.b of the schema public. Only a point in a name makes that possible. */
static void refuse_ambiguous(struct pg_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct pg_table *table = &tables->list[i];
        bool pointed = strchr(table->schema, '.') != NULL || strchr(table->relation, '.') != NULL;
        for (size_t k = 0; pointed && k < tables->count; k++) {
            struct pg_table *other = &tables->list[k];
            if (k != i && strcmp(other->name, table->name) == 0) {
                table->refusal = other->refusal =
                    "another table has the same name when schema and table are parted by a point; rename one of them";
                table->followed = other->followed = false;
            }
        }
    }
}

bool pg_catalog_read(struct pg_connection *connection, const uint32_t *oids, size_t noids, struct pg_tables *ret_tables,
                     struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *tables = NULL;
    CLEANUP(pg_result_clear) PGresult *columns = NULL;
    CLEANUP(text_free) char *list = print_oids(oids, noids);
    CLEANUP(pg_tables_done) struct pg_tables found = {0};
    const struct lf_session *session = connection->session;
    TRY(query_tables(connection, list, &tables, err));
    TRY(query_columns(connection, list, &columns, err));
    struct reading reading = {session, tables, columns, &found.arena, 0};
    found.count = (size_t)PQntuples(tables);
    found.list = arena_alloc(&found.arena, (found.count + 1) * sizeof *found.list);
    for (size_t i = 0; i < found.count; i++) {
        TRY(read_table(&reading, (int)i, &found.list[i], err));
    }
    refuse_ambiguous(&found);
    *ret_tables = found;
    found = (struct pg_tables){0};
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
