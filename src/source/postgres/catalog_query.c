/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/catalog_query.h"

#define IS_TABLE \
    "c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'" \
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

/* Ambiguous are the table b of the schema a and the table a.b of the schema public. */
static const char list_sql[] =
    "SELECT c.oid, count(*) OVER (PARTITION BY concat(nullif(n.nspname, 'public') || '.', c.relname)) > 1"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE " IS_TABLE " ORDER BY n.nspname, c.relname";

/* In place of %s, in this order, all by version: the member of the schema, what is published of the table, where that stands. */
static const char tables_sql[] =
    "WITH RECURSIVE tree(root, oid) AS ("
    "  SELECT c.oid, c.oid FROM pg_catalog.pg_class c"
    "   WHERE c.relkind = 'p' AND NOT c.relispartition AND c.oid = ANY ($2::oid[])"
    "  UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid),"
    " part AS ("
    "  SELECT t.root, sum(greatest(c.reltuples, 0)) AS rows, sum(c.relpages::bigint) AS pages,"
    "   bool_or(c.relkind = 'f') AS foreign,"
    "   bool_or(c.relkind = 'r' AND c.relpersistence = 'u') AS unlogged"
    "  FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid GROUP BY t.root)"
    " SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,"
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
    " WHERE " IS_TABLE " AND c.oid = ANY ($2::oid[]) ORDER BY n.nspname, c.relname";

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
    "  WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL"
    "   AND i.indrelid = ANY ($1::oid[])"
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
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " CROSS JOIN db LEFT JOIN key ON key.oid = c.oid AND a.attnum = ANY ((key.indkey::int2[])[0:key.indnkeyatts - 1])"
    " LEFT JOIN pg_catalog.pg_collation k"
    "  ON k.oid = key.indcollation[array_position((key.indkey::int2[])[0:key.indnkeyatts - 1], a.attnum) - 1]"
    " LEFT JOIN pg_catalog.pg_namespace kn ON kn.oid = k.collnamespace"
    " LEFT JOIN LATERAL (SELECT base.typelem, base.typlen, base.typcategory FROM pg_catalog.pg_type base WHERE "
    "base.oid = " BASE_OF_COLUMN
    "  OFFSET 0) u ON true" /* by the index; without OFFSET the planner hashes all types of the database for each table */
    " LEFT JOIN pg_catalog.pg_type e ON e.oid = u.typelem AND u.typlen = -1 AND u.typcategory = 'A'"
    " WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";

bool pg_catalog_query_list(struct pg_connection *connection, PGresult **ret, struct lf_error *err)
{
    return pg_query(connection, "the list of tables", list_sql, ret, err);
}

bool pg_catalog_query_tables(struct pg_connection *connection, const char *oids, PGresult **ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    bool schemas = connection->session->version >= PG_15;
    buf_printf(
        &sql, tables_sql, schemas ? "pn.oid," : "", schemas ? published_sql : "false, NULL::text, NULL::text, false",
        schemas ? "LEFT JOIN pg_catalog.pg_publication_namespace pn ON pn.pnpubid = p.oid AND pn.pnnspid = n.oid" : "");
    return pg_query_prepared(connection, PG_STATEMENT_TABLES, "the tables", buf_text(&sql), 2,
                             (const char *const[]){connection->session->settings.publication, oids}, ret, err);
}

bool pg_catalog_query_columns(struct pg_connection *connection, const char *oids, PGresult **ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    int version = connection->session->version;
    const char *bytes = version >= PG_17
                            ? "(datlocprovider = 'b' OR (datlocprovider = 'c' AND datcollate IN ('C', 'POSIX')))"
                        : version >= PG_15 ? "(datlocprovider = 'c' AND datcollate IN ('C', 'POSIX'))"
                                           : "(datcollate IN ('C', 'POSIX'))";
    /* Bytes of text go by code points in these encodings alone, as those of UTF-8 do. */
    CLEANUP(text_free)
    char *all = text_printf("(%s AND pg_encoding_to_char(encoding) IN ('UTF8', 'LATIN1', 'SQL_ASCII'))", bytes);
    buf_printf(&sql, columns_sql, all, unnamed_sql);
    return pg_query_prepared(connection, PG_STATEMENT_COLUMNS, "the columns of tables", buf_text(&sql), 1, &oids, ret,
                             err);
}
