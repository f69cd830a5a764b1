/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/load.h"

#include "source/sqlite/consumer.h"
#include "source/sqlite/shape.h"
#include "source/sqlite/sql.h"
#include "source/sqlite/value.h"

#include <stdlib.h>

#define PATIENCE_MS 10000
#define BATCH_BYTES ((size_t)1 << 20)
#define BATCH_CELLS 16384u
#define BATCH_ROWS_LEAST 16u
#define CLOCK_ROWS 16 /* rows between two looks at the clock */

struct lf_load {
    struct connection connection;
    struct shape shape;
    bool ordered;
    bool by_rowid; /* goes on after a rowid, not after a key */
    bool wal;
    bool done;
    struct lf_cell *lo; /* NULL: open */
    struct lf_cell *hi;
    struct arena bounds;
    sqlite3_stmt *stmt;
    sqlite3_value **last; /* key or rowid of the last row of a short read; the first is NULL before one */
    uint32_t nlast;
    int64_t schema_version;
    struct asof asof;
    char asof_text[CURSOR_TEXT_SIZE];
    struct lf_cell *cells;
    uint32_t rows_max;
    struct arena arena;  /* bytes of the rows handed out */
    load_fault on_fault; /* a scan: bad values are told, rows are not wanted, the table may be untracked */
    void *fault_context;
    bool *told; /* columns whose fault was told */
};

static struct lf_cell *copy_bound(struct lf_load *load, struct lf_bound bound)
{
    const struct lf_schema *schema = &load->shape.schema;
    if (bound.cells == NULL) {
        return NULL;
    }
    struct lf_cell *copy = arena_copy(&load->bounds, bound.cells, schema->nkey * sizeof *copy);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        enum lf_type type = schema->columns[schema->key[i]].type;
        if (type != LF_TYPE_BOOLEAN && type != LF_TYPE_INT64 && type != LF_TYPE_DOUBLE) {
            copy[i].bytes = arena_slice(&load->bounds, copy[i].bytes);
        }
    }
    return copy;
}

static void append_key_list(struct buf *sql, const struct lf_load *load)
{
    for (uint32_t i = 0; i < load->shape.table->nkey; i++) {
        buf_append_text(sql, i > 0 ? ", " : "");
        sql_append_identifier(sql, shape_key_column(&load->shape, i)->name);
    }
}

/* ("a", "b") >= (?4, ?5) */
static void append_compare(struct buf *sql, const struct lf_load *load, const char *operator, uint32_t parameter)
{
    buf_append_char(sql, '(');
    append_key_list(sql, load);
    buf_printf(sql, ") %s (", operator);
    for (uint32_t i = 0; i < load->shape.table->nkey; i++) {
        buf_printf(sql, "%s?%u", i > 0 ? ", " : "", parameter + i);
    }
    buf_append_char(sql, ')');
}

static void append_part(struct buf *sql, const struct lf_load *load, uint32_t part, const char *operator)
{
    sql_append_identifier(sql, shape_key_column(&load->shape, part)->name);
    buf_printf(sql, " %s ?%u COLLATE ", operator, part + 1);
    sql_append_identifier(sql, load->shape.table->key[part].collation);
}

static const char *after_operator(const struct lf_load *load, uint32_t part)
{
    return load->shape.table->key[part].descending ? "<" : ">";
}

/* After the last key in the index's own order, whatever its collations and directions are. */
static void append_after_key(struct buf *sql, const struct lf_load *load)
{
    append_part(sql, load, 0, load->shape.table->key[0].descending ? "<=" : ">=");
    buf_append_text(sql, " AND (");
    for (uint32_t i = 0; i < load->shape.table->nkey; i++) {
        buf_append_text(sql, i > 0 ? " OR (" : "(");
        for (uint32_t p = 0; p < i; p++) {
            append_part(sql, load, p, "=");
            buf_append_text(sql, " AND ");
        }
        append_part(sql, load, i, after_operator(load, i));
        buf_append_char(sql, ')');
    }
    buf_append_char(sql, ')');
}

static void append_order(struct buf *sql, const struct lf_load *load)
{
    buf_append_text(sql, " ORDER BY ");
    if (load->by_rowid) {
        buf_append_text(sql, load->shape.table->rowid_name);
        return;
    }
    for (uint32_t i = 0; i < load->shape.table->nkey; i++) {
        buf_append_text(sql, i > 0 ? ", " : "");
        sql_append_identifier(sql, shape_key_column(&load->shape, i)->name);
        buf_append_text(sql, " COLLATE ");
        sql_append_identifier(sql, load->shape.table->key[i].collation);
        buf_append_text(sql, !load->ordered && load->shape.table->key[i].descending ? " DESC" : "");
    }
}

/* Parameters: 1… the last key or rowid, then lo, then hi. */
static void append_where(struct buf *sql, const struct lf_load *load)
{
    uint32_t nkey = load->shape.table->nkey;
    const char *word = " WHERE ";
    if (load->last[0] != NULL) {
        buf_append_text(sql, word);
        if (load->by_rowid) {
            buf_printf(sql, "%s > ?1", load->shape.table->rowid_name);
        } else if (load->ordered) {
            append_compare(sql, load, ">", 1);
        } else {
            append_after_key(sql, load);
        }
        word = " AND ";
    }
    if (load->lo != NULL) {
        buf_append_text(sql, word);
        append_compare(sql, load, ">=", nkey + 1);
        word = " AND ";
    }
    if (load->hi != NULL) {
        buf_append_text(sql, word);
        append_compare(sql, load, "<", 2 * nkey + 1);
    }
}

static void bind_bound(struct lf_load *load, const struct lf_cell *bound, uint32_t parameter)
{
    const struct lf_schema *schema = &load->shape.schema;
    for (uint32_t i = 0; bound != NULL && i < schema->nkey; i++) {
        value_bind_cell(load->stmt, (int)(parameter + i), schema->columns[schema->key[i]].type, &bound[i]);
    }
}

static bool prepare_rows(struct lf_load *load, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    uint32_t nkey = load->shape.table->nkey;
    buf_printf(&sql, "SELECT %s", load->shape.select);
    if (load->by_rowid) {
        buf_printf(&sql, ", %s", load->shape.table->rowid_name);
    }
    buf_append_text(&sql, " FROM main.");
    sql_append_identifier(&sql, load->shape.table->name);
    append_where(&sql, load);
    append_order(&sql, load);
    TRY(sql_prepare(&load->connection, buf_text(&sql), &load->stmt, err));
    for (uint32_t i = 0; load->last[0] != NULL && i < load->nlast; i++) {
        (void)sqlite3_bind_value(load->stmt, (int)i + 1, load->last[i]);
    }
    bind_bound(load, load->lo, nkey + 1);
    bind_bound(load, load->hi, 2 * nkey + 1);
    return true;
}

static bool adopt_shape(struct lf_load *load, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct table *table = NULL;
    TRY(catalog_read(&load->connection, load->shape.name, &arena, &table, err));
    if (table == NULL || table->refusal != NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "table %s: %s", load->shape.name,
                            table == NULL ? "there is no such table" : table->refusal);
    }
    shape_adopt(&load->shape, table, &arena);
    return true;
}

/* The table must still have the shape that the host handed in. */
static bool check_shape(struct lf_load *load, struct lf_error *err)
{
    enum shape_change change = SHAPE_SAME;
    const char *reason = NULL;
    TRY(sql_get_int(&load->connection, "PRAGMA main.schema_version", 0, &load->schema_version, err));
    if (load->on_fault != NULL) {
        return adopt_shape(load, err);
    }
    TRY(shape_refresh(&load->shape, &load->connection, &change, &reason, err));
    if (change == SHAPE_FAULT) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "%s", reason);
    }
    if (change != SHAPE_SAME) {
        return lf_error_set(err, LF_SCHEMA, 0, "table %s: %s; its schema has to be taken anew before it can be read",
                            load->shape.name, reason);
    }
    return true;
}

/* Rowids are renumbered by VACUUM, which counts as a change of the schema. */
static bool check_unchanged(struct lf_load *load, struct lf_error *err)
{
    int64_t before = load->schema_version;
    int64_t now = 0;
    TRY(sql_get_int(&load->connection, "PRAGMA main.schema_version", 0, &now, err));
    if (now == before) {
        return true;
    }
    TRY(check_shape(load, err));
    if (load->by_rowid && !load->shape.table->integer_key) {
        return lf_error_set(err, LF_TRANSIENT, 0,
                            "table %s: the database was rebuilt or altered while the table was read;"
                            " this part of it is read again",
                            load->shape.name);
    }
    return true;
}

static bool note_position(struct lf_load *load, bool first, struct lf_error *err)
{
    struct position end = {0};
    TRY(log_end(&load->connection, &end, err));
    if (first) {
        memcpy(load->asof.epoch, end.epoch, sizeof end.epoch);
        load->asof.first = end.seq;
    } else if (strcmp(load->asof.epoch, end.epoch) != 0) {
        return lf_error_set(err, LF_LOST, 0, "%s was tracked anew while a table was read",
                            load->connection.session->path);
    }
    load->asof.last = end.seq;
    return true;
}

static bool begin(struct lf_load *load, bool first, struct lf_error *err)
{
    TRY(transaction_begin_read(&load->connection, PATIENCE_MS, err));
    if (load->on_fault == NULL) {
        TRY(note_position(load, first, err));
    }
    return first ? check_shape(load, err) : check_unchanged(load, err);
}

static void end(struct lf_load *load)
{
    sql_finalize(&load->stmt);
    transaction_end(&load->connection);
}

static bool start(struct lf_load *load, struct lf_error *err)
{
    TRY(connection_open(load->connection.session, &load->connection, err));
    TRY(begin(load, true, err));
    TRY(connection_is_wal(&load->connection, &load->wal, err));
    TRY(table_key_is_ordered(&load->connection, load->shape.table, &load->ordered, err));
    load->by_rowid = load->shape.table->rowid_name != NULL && (!load->ordered || load->shape.table->integer_key);
    load->nlast = load->by_rowid ? 1 : load->shape.table->nkey;
    load->last = mem_new(load->nlast, sizeof(sqlite3_value *));
    uint32_t width = load->shape.schema.ncolumns > 0 ? load->shape.schema.ncolumns : 1;
    load->rows_max = BATCH_CELLS / width > BATCH_ROWS_LEAST ? BATCH_CELLS / width : BATCH_ROWS_LEAST;
    load->cells = mem_new((size_t)load->rows_max * width, sizeof *load->cells);
    load->told = mem_new(width, sizeof *load->told);
    if (!load->wal) {
        end(load);
    }
    return true;
}

bool load_op_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                  struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    TRY(session_check(session, err));
    struct lf_load *load = mem_new(1, sizeof *load);
    load->connection.session = session;
    shape_init(&load->shape, table);
    load->lo = copy_bound(load, lo);
    load->hi = copy_bound(load, hi);
    if (!start(load, err)) {
        load_op_close(load);
        return false;
    }
    *ret_load = load;
    *ret_ordered = load->ordered;
    return true;
}

bool load_op_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err UNUSED)
{
    *ret_asof = asof_print(&load->asof, load->asof_text);
    return true;
}

static void keep_last(struct lf_load *load)
{
    for (uint32_t i = 0; i < load->nlast; i++) {
        int column = load->by_rowid ? sqlite3_column_count(load->stmt) - 1 : (int)load->shape.schema.key[i];
        sqlite3_value_free(load->last[i]);
        load->last[i] = sqlite3_value_dup(sqlite3_column_value(load->stmt, column));
    }
}

/* In a scan every column is told once, and the row is left out. */
static bool take_row(struct lf_load *load, struct lf_cell *cells, bool *ret_taken, struct lf_error *err)
{
    const char *why = NULL;
    *ret_taken = true;
    if (load->on_fault == NULL) {
        return shape_read_row(&load->shape, load->stmt, &load->arena, cells, err);
    }
    int bad = shape_try_row(&load->shape, load->stmt, &load->arena, cells, &why);
    *ret_taken = bad < 0;
    for (uint32_t i = 0; bad >= 0 && i < load->shape.schema.ncolumns; i++) {
        const struct field *field = &load->shape.fields[i];
        why =
            load->told[i] ? NULL : value_to_cell(&field->type, field->key, load->stmt, (int)i, &load->arena, &cells[i]);
        if (why != NULL) {
            struct lf_error fault;
            (void)shape_value_error(&load->shape, load->stmt, i, why, &fault);
            load->on_fault(load->fault_context, &fault);
            load->told[i] = true;
        }
    }
    return true;
}

static bool read_rows(struct lf_load *load, uint32_t *ret_rows, struct lf_error *err)
{
    uint32_t width = load->shape.schema.ncolumns;
    int64_t until = session_monotonic_ms() + READ_SLICE_MS;
    bool row = true;
    uint32_t n = 0;
    if (load->stmt == NULL) {
        TRY(prepare_rows(load, err));
    }
    for (uint32_t seen = 1; n < load->rows_max && load->arena.used_bytes < BATCH_BYTES; seen++) {
        bool taken = false;
        TRY(sql_step(&load->connection, load->stmt, &row, err));
        if (!row) {
            load->done = true;
            break;
        }
        TRY(take_row(load, load->cells + (size_t)n * width, &taken, err));
        n += taken;
        bool late = !load->wal && seen % CLOCK_ROWS == 0 && session_monotonic_ms() >= until;
        if (!load->wal && (late || n == load->rows_max || load->arena.used_bytes >= BATCH_BYTES)) {
            keep_last(load);
            break;
        }
    }
    *ret_rows = n;
    return true;
}

static bool read_slice(struct lf_load *load, uint32_t *ret_rows, struct lf_error *err)
{
    bool good = (load->connection.in_transaction || begin(load, false, err)) && read_rows(load, ret_rows, err);
    if (!load->wal || !good || load->done) {
        end(load);
    }
    return good;
}

bool load_op_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    uint32_t n = 0;
    arena_reset(&load->arena);
    while (n == 0 && !load->done) {
        TRY(session_check(load->connection.session, err));
        TRY(read_slice(load, &n, err));
    }
    *ret_rows = (struct lf_rows){load->cells, n};
    return true;
}

static void load_close_at(struct lf_load **load)
{
    load_op_close(*load);
}

bool load_scan(struct lf_session *session, const char *table, load_fault fault, void *context, struct lf_error *err)
{
    CLEANUP(load_close_at) struct lf_load *load = mem_new(1, sizeof *load);
    struct lf_rows rows = {.nrows = 1};
    load->connection.session = session;
    load->on_fault = fault;
    load->fault_context = context;
    shape_init(&load->shape, &(struct lf_table_state){.name = table});
    TRY(start(load, err));
    while (rows.nrows > 0) {
        TRY(load_op_next(load, &rows, err));
    }
    return true;
}

void load_op_close(struct lf_load *load)
{
    if (load == NULL) {
        return;
    }
    sql_finalize(&load->stmt);
    shape_done(&load->shape);
    connection_close(&load->connection);
    for (uint32_t i = 0; load->last != NULL && i < load->nlast; i++) {
        sqlite3_value_free(load->last[i]);
    }
    free(load->last);
    free(load->cells);
    free(load->told);
    arena_done(&load->bounds);
    arena_done(&load->arena);
    free(load);
}
