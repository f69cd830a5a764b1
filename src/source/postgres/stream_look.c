/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_look.h"

#include <stdlib.h>

#define WHAT "the look at the catalog"

enum { AT, XMAX, OID, RELFILENODE, COLUMNS, REST, LEAVES, PARTITIONED, FULL_KEY, PUBLICATION };

/* A row of the catalog that was written anew has another xmin. A partition has the transaction that made it beside it, if that
 * also attached it to the table itself; else 0; and the one that attached it last. */
#define LOOK_START \
    "SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())," \
    " c.oid, c.relfilenode," \
    " (SELECT hashtextextended(string_agg(a.attnum || ':' || a.xmin::text, ',' ORDER BY a.attnum), 0)" \
    "  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)," \
    " hashtextextended(concat_ws('|', c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relreplident," \
    "  c.relrowsecurity, c.relforcerowsecurity, c.relispartition," \
    "  CASE WHEN c.relkind = 'p' THEN (SELECT string_agg(concat_ws(':', l.oid, l.relreplident, l.relpersistence," \
    "    (SELECT max(i.indexrelid) FROM pg_catalog.pg_index i WHERE i.indrelid = l.oid AND i.indisreplident))," \
    "    ',' ORDER BY l.oid)" \
    "   FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid" \
    "   WHERE t.relid <> c.oid) END," \
    "  (SELECT string_agg(concat_ws(':', i.indexrelid, i.indisprimary, i.indisreplident, i.indisvalid, i.xmin::text)," \
    "    ',' ORDER BY i.indexrelid) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)," \
    "  (SELECT string_agg(concat_ws(':', r.oid, r.xmin::text), ',' ORDER BY r.oid)" \
    "   FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid" \
    "   WHERE r.prrelid = c.oid AND p.pubname = $2),"
#define LOOK_SCHEMAS \
    "  (SELECT string_agg(n.oid::text, ',' ORDER BY n.oid) FROM pg_catalog.pg_publication_namespace n" \
    "   JOIN pg_catalog.pg_publication p ON p.oid = n.pnpubid" \
    "   WHERE n.pnnspid = c.relnamespace AND p.pubname = $2),"
#define LOOK_END \
    "  (SELECT concat_ws(':', p.oid, p.xmin::text) FROM pg_catalog.pg_publication p WHERE p.pubname = $2)), 0)," \
    " CASE WHEN c.relkind = 'p' THEN (SELECT string_agg(concat_ws(':', l.oid, l.relfilenode," \
    "   CASE WHEN h.inhparent = c.oid AND h.xmin = a.xmin THEN h.xmin::text ELSE '0' END, h.xmin::text)," \
    "   ',' ORDER BY l.oid)" \
    "  FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid" \
    "  LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = l.oid" \
    "  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = l.oid AND a.attnum = -1" \
    "  WHERE t.relid <> c.oid) END, c.relkind = 'p'," \
    " coalesce((SELECT hashtextextended(string_agg(i.indexrelid::text, ',' ORDER BY i.indexrelid), 0) & 4294967295" \
    "  FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND c.relreplident = 'f'), 0)," \
    " coalesce((SELECT p.xmin::text FROM pg_catalog.pg_publication p WHERE p.pubname = $2), '0')" \
    " FROM unnest($1::oid[]) WITH ORDINALITY AS o(oid, n) LEFT JOIN pg_catalog.pg_class c ON c.oid = o.oid" \
    " ORDER BY o.n"

static bool take_traces(const PGresult *result, struct stream_look *look, struct lf_error *err)
{
    look->ntraces = (size_t)PQntuples(result);
    look->traces = arena_alloc(&look->arena, (look->ntraces + 1) * sizeof *look->traces);
    for (int i = 0; i < PQntuples(result); i++) {
        pg_lsn at = 0;
        if (!pg_lsn_parse(pg_text(result, i, AT), &at)) {
            return lf_error_set(err, LF_INTERNAL, 0, "the server gave no position of its log");
        }
        look->at = at > look->at ? at : look->at;
        look->xmax = pg_uint(result, i, XMAX);
        look->traces[i] = (struct stream_trace){.oid = (uint32_t)pg_uint(result, i, OID),
                                                .relfilenode = (uint32_t)pg_uint(result, i, RELFILENODE),
                                                .columns = (uint64_t)pg_int(result, i, COLUMNS),
                                                .rest = (uint64_t)pg_int(result, i, REST),
                                                .partitioned = pg_bool(result, i, PARTITIONED),
                                                .full_key = (uint32_t)pg_uint(result, i, FULL_KEY),
                                                .publication = (uint32_t)pg_uint(result, i, PUBLICATION),
                                                .leaves = arena_text(&look->arena, pg_text(result, i, LEAVES))};
    }
    return true;
}

bool stream_look_begin(struct pg_connection *connection, const char *publication, const uint32_t *oids, size_t noids,
                       struct stream_look *ret_look, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf list = {0};
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    bool schemas = connection->session->version >= PG_15;
    pg_append_oids(&list, oids, noids);
    TRY(buf_check(&list, "the list of tables", err));
    TRY(pg_exec(connection, WHAT, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err));
    const char *const values[] = {buf_text(&list), publication};
    TRY(pg_query_prepared(connection, PG_STATEMENT_LOOK, WHAT,
                          schemas ? LOOK_START LOOK_SCHEMAS LOOK_END : LOOK_START LOOK_END, (int)ARRAY_LEN(values),
                          values, &result, err));
    return take_traces(result, ret_look, err);
}

bool stream_look_end(struct pg_connection *connection, struct lf_error *err)
{
    return pg_exec(connection, WHAT, "COMMIT", err);
}

void stream_look_done(struct stream_look *look)
{
    arena_done(&look->arena);
    *look = (struct stream_look){0};
}
