/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/load.h"

#include "source/postgres/copy_text.h"
#include "source/postgres/slot.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define BATCH_BYTES (256u << 10)
#define BATCH_CELLS 8192u
#define BATCH_ROWS_LEAST 16u
#define ROW_BYTES_MAX (64 << 20)
#define RATE_STEP_MS 100

struct lf_load {
    struct pg_connection connection;
    struct lf_session *session;
    struct pg_layout layout;
    struct buf asof;
    uint32_t oid;
    bool done;
    struct pg_field *fields;
    struct lf_cell *cells;
    uint32_t rows_max;
    struct arena arena; /* of the rows handed out */
    int64_t rate_bytes; /* a second; 0: unlimited */
    int64_t begun_ms, bytes;
};

bool pg_load_find(struct pg_connection *connection, const struct lf_table_state *state, struct pg_tables *ret_tables,
                  const struct pg_table **ret_table, struct lf_error *err)
{
    uint32_t oid = 0;
    uint32_t membership = 0;
    const char *reason = "";
    if (!pg_table_id_parse(state->id, &oid, &membership)) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "table %s: is not in the publication %s; run lakefeed track",
                            state->name, connection->session->settings.publication);
    }
    TRY(pg_catalog_read(connection, &oid, 1, ret_tables, err));
    const struct pg_table *table = ret_tables->count == 1 ? &ret_tables->list[0] : NULL;
    if (table == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "table %s: was dropped", state->name);
    }
    if (!table->followed || table->membership != membership) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "table %s: %s", state->name,
                            table->refusal != NULL ? table->refusal : "left the publication; run lakefeed track again");
    }
    if (pg_schema_compare(&state->schema, table, &ret_tables->arena, &reason) != PG_SAME) {
        return lf_error_set(err, LF_SCHEMA, 0, "table %s: %s; its schema has to be taken anew before it can be read",
                            state->name, reason);
    }
    *ret_table = table;
    return true;
}

/* ---- SQL ---- */

void pg_append_source(struct buf *sql, const struct pg_table *table)
{
    buf_append_text(sql, table->kind == 'r' ? "ONLY " : ""); /* inheritance children are tables of their own */
    pg_append_table(sql, table->schema, table->relation);
}

void pg_append_key(struct buf *sql, const struct pg_table *table, bool collate)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct pg_column *column = &table->columns[table->key[i]];
        buf_append_text(sql, i > 0 ? ", " : "");
        pg_append_identifier(sql, column->name);
        if (collate && column->collation != NULL) {
            buf_printf(sql, " COLLATE %s", column->collation);
        }
    }
}

static void append_bound(struct buf *sql, const struct pg_table *table, const char *compare, struct lf_bound bound,
                         struct arena *arena)
{
    buf_append_char(sql, '(');
    pg_append_key(sql, table, true);
    buf_printf(sql, ") %s (", compare);
    for (uint32_t i = 0; i < table->nkey; i++) {
        const char *text = pg_cell_to_text(&table->columns[table->key[i]].type, &bound.cells[i], arena);
        buf_append_text(sql, i > 0 ? ", " : "");
        pg_append_literal(sql, text, strlen(text));
    }
    buf_append_char(sql, ')');
}

void pg_print_select(const struct pg_table *table, const struct pg_layout *layout, struct lf_bound lo,
                     struct lf_bound hi, struct arena *arena, struct buf *ret_sql)
{
    buf_append_text(ret_sql, "SELECT ");
    for (uint32_t i = 0; i < layout->schema.ncolumns; i++) {
        buf_append_text(ret_sql, i > 0 ? ", " : "");
        pg_append_identifier(ret_sql, layout->schema.columns[i].name);
    }
    buf_append_text(ret_sql, " FROM ");
    pg_append_source(ret_sql, table);
    const char *joint = " WHERE ";
    if (table->published != NULL) { /* the stream's own words, so that both have the same rows */
        buf_printf(ret_sql, "%s(%s)", joint, table->published);
        joint = " AND ";
    }
    if (lo.cells != NULL) {
        buf_append_text(ret_sql, joint);
        append_bound(ret_sql, table, ">=", lo, arena);
        joint = " AND ";
    }
    if (hi.cells != NULL) {
        buf_append_text(ret_sql, joint);
        append_bound(ret_sql, table, "<", hi, arena);
    }
    if (table->key_ordered) {
        buf_append_text(ret_sql, " ORDER BY ");
        pg_append_key(ret_sql, table, true);
    }
}

/* ---- opening ---- */

static bool take_connection(struct lf_load *load, struct lf_error *err)
{
    struct lf_session *session = load->session;
    if (session->idle.conn != NULL && PQstatus(session->idle.conn) == CONNECTION_OK) {
        load->connection = session->idle;
        session->idle = (struct pg_connection){0};
        return true;
    }
    pg_connection_close(&session->idle);
    return pg_connection_open(session, PG_FOR_LOADS, &load->connection, err);
}

/* By name, which a rename may have changed since it was looked up: what is locked is looked at again inside. */
static bool find_name(struct lf_load *load, const struct lf_table_state *state, struct buf *ret_name,
                      struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    uint32_t oid = 0;
    uint32_t membership = 0;
    char text[16];
    (void)snprintf(text, sizeof text, "%" PRIu32, pg_table_id_parse(state->id, &oid, &membership) ? oid : 0);
    TRY(pg_query_prepared(&load->connection, PG_STATEMENT_NAME, "the name of a table",
                          "SELECT n.nspname, c.relname, c.relkind = 'r' FROM pg_catalog.pg_class c"
                          " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid",
                          1, (const char *const[]){text}, &result, err));
    if (PQntuples(result) == 0) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "table %s: was dropped", state->name);
    }
    const struct pg_table table = {
        .kind = pg_bool(result, 0, 2) ? 'r' : 'p', .schema = pg_text(result, 0, 0), .relation = pg_text(result, 0, 1)};
    pg_append_source(ret_name, &table);
    return true;
}

static bool lock_table(struct lf_load *load, const struct lf_table_state *state, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    buf_append_text(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE ");
    TRY(find_name(load, state, &sql, err));
    buf_append_text(&sql, " IN ACCESS SHARE MODE");
    if (pg_exec(&load->connection, "the read lock of a table", buf_text(&sql), err)) {
        return true;
    }
    err->kind = pg_error_is(err, "42P01") ? LF_TRANSIENT : err->kind; /* renamed or dropped this moment */
    return lf_error_wrap(err, "table %s", state->name);
}

static bool take_snapshot(struct lf_load *load, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    pg_lsn end = 0;
    /* The snapshot is older than the statement, so the end of the log is looked up after it. */
    TRY(pg_query(&load->connection, "a snapshot", "SELECT pg_current_snapshot(), pg_current_wal_insert_lsn()", &result,
                 err));
    if (!pg_lsn_parse(pg_text(result, 0, 1), &end)) {
        return lf_error_set(err, LF_INTERNAL, 0, "'%.40s' is no place in the log of PostgreSQL", pg_text(result, 0, 1));
    }
    return pg_asof_print(load->session->system, pg_text(result, 0, 0), end, &load->asof, err);
}

/* Changes that a transaction made before the table joined the publication are never sent, so the snapshot has to see them: it waits
 * for transactions that wrote to the table and are older than the publication's row. */
#define WRITERS_START \
    "WITH RECURSIVE p AS (SELECT oid, xmin AS xid FROM pg_catalog.pg_publication WHERE pubname = $2)," \
    " m(xid) AS (SELECT p.xid FROM p UNION ALL SELECT r.xmin FROM pg_catalog.pg_publication_rel r" \
    "  JOIN p ON r.prpubid = p.oid WHERE r.prrelid = $1::oid"
#define WRITERS_SCHEMA \
    " UNION ALL SELECT n.xmin FROM pg_catalog.pg_publication_namespace n JOIN p ON n.pnpubid = p.oid" \
    "  JOIN pg_catalog.pg_class c ON c.relnamespace = n.pnnspid WHERE c.oid = $1::oid"
#define WRITERS_END \
    ")," \
    " tree(oid) AS (SELECT $1::oid UNION ALL SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i" \
    "  ON i.inhparent = t.oid)" \
    " SELECT coalesce(l.pid::text, 'prepared') FROM m JOIN pg_catalog.pg_locks l ON l.locktype = 'relation'" \
    "  AND l.mode = 'RowExclusiveLock' AND l.granted AND l.relation IN (SELECT oid FROM tree)" \
    "  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())" \
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid" \
    " WHERE age(m.xid) > 0 AND age(m.xid) <= age(pg_snapshot_xmin(pg_current_snapshot())::text::xid)" \
    "  AND (l.pid IS NULL OR (a.backend_xid IS NOT NULL AND age(a.backend_xid) >= age(m.xid))) LIMIT 1"

static bool check_writers(struct lf_load *load, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    char oid[16];
    const char *publication = load->session->settings.publication;
    (void)snprintf(oid, sizeof oid, "%" PRIu32, load->oid);
    const char *sql =
        load->session->version >= PG_15 ? WRITERS_START WRITERS_SCHEMA WRITERS_END : WRITERS_START WRITERS_END;
    TRY(pg_query_prepared(&load->connection, PG_STATEMENT_WRITERS, "the writers of a table", sql, 2,
                          (const char *const[]){oid, publication}, &result, err));
    return PQntuples(result) == 0 ||
           lf_error_set(
               err, LF_TRANSIENT, 0,
               "table %s: a transaction (process %s) has written to it since before it was tracked; it is read as"
               " soon as that has ended",
               load->layout.name, pg_text(result, 0, 0));
}

static bool start_copy(struct lf_load *load, const struct pg_table *table, struct lf_bound lo, struct lf_bound hi,
                       struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    CLEANUP(arena_done) struct arena arena = {0};
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    if (!table->key_ordered && (lo.cells != NULL || hi.cells != NULL)) {
        return lf_error_set(err, LF_LIMIT, 0,
                            "table %s: the index of its key no longer has the order in which its load was begun; run"
                            " lakefeed resync for it",
                            table->name);
    }
    buf_append_text(&sql, "COPY (");
    pg_print_select(table, &load->layout, lo, hi, &arena, &sql);
    buf_append_text(&sql, ") TO STDOUT");
    TRY(buf_check(&sql, "the SQL of a chunk", err));
    return pg_query(&load->connection, "reading a table", buf_text(&sql), &result, err);
}

static void make_room(struct lf_load *load)
{
    uint32_t width = load->layout.schema.ncolumns > 0 ? load->layout.schema.ncolumns : 1;
    load->rows_max = BATCH_CELLS / width > BATCH_ROWS_LEAST ? BATCH_CELLS / width : BATCH_ROWS_LEAST;
    load->cells = mem_new((size_t)load->rows_max * width, sizeof *load->cells);
    load->fields = mem_new(width, sizeof *load->fields);
}

static bool start(struct lf_load *load, const struct lf_table_state *state, struct lf_bound lo, struct lf_bound hi,
                  bool *ret_ordered, struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables tables = {0};
    const struct pg_table *table = NULL;
    TRY(take_connection(load, err));
    TRY(lock_table(load, state, err));
    TRY(take_snapshot(load, err));
    TRY(pg_load_find(&load->connection, state, &tables, &table, err));
    assert(table != NULL);
    load->oid = table->oid;
    pg_layout_init(&load->layout, table);
    make_room(load);
    TRY(check_writers(load, err));
    *ret_ordered = table->key_ordered;
    load->begun_ms = pg_monotonic_ms();
    return start_copy(load, table, lo, hi, err);
}

bool pg_op_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                     struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    TRY(pg_session_check(session, err));
    struct lf_load *load = mem_new(1, sizeof *load);
    load->session = session;
    load->rate_bytes = session->settings.rate_bytes;
    if (!start(load, table, lo, hi, ret_ordered, err)) {
        pg_op_load_close(load);
        return false;
    }
    *ret_load = load;
    return true;
}

bool pg_op_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err UNUSED)
{
    *ret_asof = buf_slice(&load->asof);
    return true;
}

/* ---- rows ---- */

/* Waits as long as the chunk is ahead of the rate. */
static bool keep_rate(struct lf_load *load, struct lf_error *err)
{
    while (load->rate_bytes > 0) {
        int64_t due_ms = load->begun_ms + load->bytes * 1000 / load->rate_bytes;
        int64_t left = due_ms - pg_monotonic_ms();
        if (left <= 0) {
            break;
        }
        (void)pg_session_wait(load->session, -1, 0, left < RATE_STEP_MS ? left : RATE_STEP_MS);
        TRY(pg_session_check(load->session, err));
    }
    return true;
}

static bool take_row(struct lf_load *load, const char *line, size_t len, struct lf_cell *cells, struct lf_error *err)
{
    if (len > ROW_BYTES_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "table %s: a row of %zu bytes is too large; leave its large column out",
                            load->layout.name, len);
    }
    char *copy = arena_copy(&load->arena, line, len);
    if (!pg_copy_split(copy, len, load->fields, load->layout.schema.ncolumns)) {
        return lf_error_set(err, LF_INTERNAL, 0, "table %s: a row has not the number of columns asked for",
                            load->layout.name);
    }
    return pg_layout_row(&load->layout, load->fields, &load->arena, cells, err);
}

static bool finish(struct lf_load *load, struct lf_error *err)
{
    load->done = true;
    TRY(pg_copy_finish(&load->connection, "reading a table", err));
    return pg_exec(&load->connection, "ending a read", "COMMIT", err);
}

static bool read_rows(struct lf_load *load, size_t *ret_rows, struct lf_error *err)
{
    size_t n = 0;
    while (n < load->rows_max && load->arena.used_bytes < BATCH_BYTES) {
        char *line = NULL;
        int len = 0;
        TRY(pg_copy_next(&load->connection, "reading a table", -1, &line, &len, err));
        if (len < 0) {
            TRY(finish(load, err));
            break;
        }
        bool good = take_row(load, line, (size_t)len, load->cells + n * load->layout.schema.ncolumns, err);
        PQfreemem(line);
        TRY(good);
        load->bytes += len;
        n++;
    }
    *ret_rows = n;
    return true;
}

bool pg_op_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    size_t n = 0;
    TRY(pg_session_check(load->session, err));
    arena_reset(&load->arena);
    TRY(keep_rate(load, err)); /* behind the last rows, too: most chunks are no larger than a batch */
    if (!load->done) {
        TRY(read_rows(load, &n, err));
    }
    *ret_rows = (struct lf_rows){load->cells, n};
    return true;
}

void pg_op_load_close(struct lf_load *load)
{
    if (load == NULL) {
        return;
    }
    struct lf_session *session = load->session;
    struct pg_connection *connection = &load->connection;
    if (connection->conn != NULL) {
        pg_rollback(&connection); /* not in the middle of a COPY, which only closing ends */
    }
    bool idle = connection->conn != NULL && PQtransactionStatus(connection->conn) == PQTRANS_IDLE;
    if (idle && session->idle.conn == NULL) {
        session->idle = *connection;
    } else {
        pg_connection_close(connection);
    }
    pg_layout_done(&load->layout);
    buf_done(&load->asof);
    free(load->fields);
    free(load->cells);
    arena_done(&load->arena);
    free(load);
}
