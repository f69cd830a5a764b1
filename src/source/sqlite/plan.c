/* SPDX-License-Identifier: Apache-2.0
 *
 * load_plan: where to cut a table into chunks.
 */
#include "source/sqlite/load.h"
#include "source/sqlite/shape.h"
#include "source/sqlite/sql.h"
#include "source/sqlite/value.h"

#define PATIENCE_MS 2000
#define SCAN_SLICE_MS 2000 /* most that a look through an index may take where it disturbs nobody */
#define SCAN_CLOCK_ROWS 256

struct plan {
    struct connection *connection;
    const struct shape *shape;
    uint32_t want;
    lf_bound_visitor visit;
    void *context;
};

static bool edge(const struct plan *plan, const char *function, int64_t *ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    buf_printf(&sql, "SELECT %s(%s) FROM main.", function, plan->shape->table->rowid_name);
    sql_append_identifier(&sql, plan->shape->table->name);
    return sql_get_int(plan->connection, buf_text(&sql), 0, ret, err);
}

/* Integer keys: equal steps of the value, each moved up to a key that exists, so that no chunk is empty. */
static bool plan_integers(const struct plan *plan, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    int64_t first = 0;
    int64_t last = 0;
    TRY(edge(plan, "min", &first, err));
    TRY(edge(plan, "max", &last, err));
    uint64_t step = ((uint64_t)last - (uint64_t)first) / plan->want + 1;
    int64_t before = first;
    const char *rowid = plan->shape->table->rowid_name;
    buf_printf(&sql, "SELECT %s FROM main.", rowid);
    sql_append_identifier(&sql, plan->shape->table->name);
    buf_printf(&sql, " WHERE %s >= ?1 ORDER BY %s LIMIT 1", rowid, rowid);
    TRY(sql_prepare(plan->connection, buf_text(&sql), &stmt, err));
    for (uint32_t i = 1; i < plan->want; i++) {
        bool row = false;
        (void)sqlite3_reset(stmt);
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)first + step * i));
        TRY(sql_step(plan->connection, stmt, &row, err));
        struct lf_cell cell = {.state = LF_CELL_VALUE, .i = row ? sqlite3_column_int64(stmt, 0) : before};
        if (cell.i > before) {
            TRY(plan->visit(plan->context, (struct lf_bound){&cell}, err));
            before = cell.i;
        }
    }
    return true;
}

/* Gives the key of the statement's row as a bound, unless a part of it does not fit its type: that shows in the load. */
static bool visit_key(const struct plan *plan, sqlite3_stmt *stmt, struct arena *arena, struct lf_error *err)
{
    const struct lf_schema *schema = &plan->shape->schema;
    arena_reset(arena);
    struct lf_cell *cells = arena_alloc(arena, schema->nkey * sizeof *cells);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        const struct field *field = &plan->shape->fields[schema->key[i]];
        if (value_to_cell(&field->type, true, stmt, (int)i, arena, &cells[i]) != NULL) {
            return true;
        }
    }
    return plan->visit(plan->context, (struct lf_bound){cells}, err);
}

/* Other ordered keys: walk the index, which holds no rows, and take every n-th key while time lasts. */
static bool plan_by_walk(const struct plan *plan, int64_t most_ms, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    CLEANUP(buf_done) struct buf keys = {0};
    CLEANUP(arena_done) struct arena arena = {0};
    int64_t first = 0;
    int64_t last = 0;
    int64_t until = session_monotonic_ms() + most_ms;
    bool row = true;
    TRY(edge(plan, "min", &first, err));
    TRY(edge(plan, "max", &last, err));
    uint64_t every = ((uint64_t)last - (uint64_t)first) / plan->want + 1;
    for (uint32_t i = 0; i < plan->shape->table->nkey; i++) {
        buf_append_text(&keys, i > 0 ? ", " : "");
        sql_append_identifier(&keys, shape_key_column(plan->shape, i)->name);
    }
    buf_printf(&sql, "SELECT %s FROM main.", buf_text(&keys));
    sql_append_identifier(&sql, plan->shape->table->name);
    buf_printf(&sql, " ORDER BY %s", buf_text(&keys));
    TRY(sql_prepare(plan->connection, buf_text(&sql), &stmt, err));
    for (uint64_t n = 1;; n++) {
        TRY(sql_step(plan->connection, stmt, &row, err));
        if (!row || (n % SCAN_CLOCK_ROWS == 0 && session_monotonic_ms() > until)) {
            return true;
        }
        if (n % every == 0 && n > 1) {
            TRY(visit_key(plan, stmt, &arena, err));
        }
    }
}

static bool make_plan(struct plan *plan, struct shape *shape, struct lf_error *err)
{
    enum shape_change change = SHAPE_SAME;
    const char *reason = NULL;
    bool ordered = false;
    bool wal = false;
    TRY(shape_refresh(shape, plan->connection, &change, &reason, err));
    if (change != SHAPE_SAME) {
        return lf_error_set(err, change == SHAPE_FAULT ? LF_NOT_FOUND : LF_SCHEMA, 0, "table %s: %s", shape->name,
                            reason);
    }
    TRY(table_key_is_ordered(plan->connection, shape->table, &ordered, err));
    if (!ordered || plan->want < 2 || shape->table->rowid_name == NULL) {
        return true;
    }
    if (shape->table->integer_key) {
        return shape->schema.columns[shape->schema.key[0]].type != LF_TYPE_INT64 || plan_integers(plan, err);
    }
    TRY(connection_is_wal(plan->connection, &wal, err));
    return plan_by_walk(plan, wal ? SCAN_SLICE_MS : READ_SLICE_MS, err);
}

bool load_op_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want, lf_bound_visitor visit,
                  void *context, struct lf_error *err)
{
    struct connection *connection = &session->side;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    CLEANUP(shape_done) struct shape shape;
    struct plan plan = {connection, &shape, want, visit, context};
    shape_init(&shape, table);
    TRY(session_check(session, err));
    TRY(transaction_begin_read(connection, PATIENCE_MS, err));
    (void)rollback;
    return make_plan(&plan, &shape, err);
}
