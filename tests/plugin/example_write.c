/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer's side: operations of a transaction, and the locks that keep transactions apart.
 */
#include "example_internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* An operation being made: the mutex is held from write_begin to write_end. */
struct writing {
    struct example_txn *txn;
    struct example_db *db;
    struct lf_error *err;
    struct lf_error unused;
    uint32_t id;
    struct example_table *table; /* as the transaction sees it */
};

struct example_state *example_txn_view(struct example_txn *txn)
{
    if (txn->view == NULL || txn->seen != txn->db->nlog) {
        example_state_free(&txn->view);
        txn->view = example_state_clone(txn->db->head);
        txn->seen = txn->db->nlog;
        for (size_t i = 0; i < txn->nops; i++) {
            example_state_apply(txn->view, txn->ops[i]);
        }
    }
    return txn->view;
}

static bool write_begin(struct writing *w, struct example_txn *txn, const char *table, struct lf_error *err)
{
    *w = (struct writing){.txn = txn, .db = txn->db};
    w->err = err != NULL ? err : &w->unused;
    (void)pthread_mutex_lock(&w->db->mutex);
    struct example_state *view = example_txn_view(txn);
    w->id = example_state_find(view, table);
    w->table = example_state_table(view, w->id);
    return w->table != NULL || lf_error_set(w->err, LF_NOT_FOUND, 0, "example: there is no table %s", table);
}

static bool write_end(struct writing *w, bool ok)
{
    (void)pthread_mutex_unlock(&w->db->mutex);
    return ok;
}

static bool locks_table(const struct example_op *op)
{
    return op->kind != EXAMPLE_ROW && op->kind != EXAMPLE_NOTE;
}

static bool locks_key(const struct example_op *op, const struct lf_cell *key)
{
    if (op->kind != EXAMPLE_ROW || key == NULL) {
        return false;
    }
    return example_compare_keys(op->schema, op->key, key) == 0 ||
           (op->event.old_key != NULL && example_compare_keys(op->schema, op->event.old_key, key) == 0);
}

static bool ops_clash(const struct example_op *a, const struct example_op *b)
{
    if (a->table != b->table || a->kind == EXAMPLE_NOTE || b->kind == EXAMPLE_NOTE) {
        return false;
    }
    return locks_table(a) || locks_table(b) || locks_key(a, b->key) || locks_key(a, b->event.old_key);
}

static bool txn_clashes(const struct example_txn *txn, const struct example_op *op)
{
    for (size_t i = 0; i < txn->nops; i++) {
        if (ops_clash(txn->ops[i], op)) {
            return true;
        }
    }
    return false;
}

static bool locked_by_others(const struct example_txn *txn, const struct example_op *op)
{
    for (const struct example_txn *other = txn->db->open; other != NULL; other = other->next) {
        if (other != txn && txn_clashes(other, op)) {
            return true;
        }
    }
    for (size_t i = 0; i < txn->db->nlog; i++) {
        if (!txn->db->log[i]->visible && txn_clashes(txn->db->log[i], op)) {
            return true;
        }
    }
    return false;
}

bool example_table_locked(struct example_db *db, uint32_t table)
{
    const struct example_txn nobody = {.db = db};
    const struct example_op probe = {.kind = EXAMPLE_ROW, .table = table};
    return locked_by_others(&nobody, &probe);
}

static struct example_op *new_op(struct writing *w, enum example_op_kind kind, enum lf_event_kind event)
{
    struct example_op *op = example_alloc(&w->db->arena, sizeof *op);
    op->kind = kind;
    op->table = w->id;
    op->event.kind = event;
    if (kind != EXAMPLE_CREATE) {
        op->schema = w->table->schema;
    }
    return op;
}

/* Takes the locks and adds the operation, or refuses. */
static bool add_op(struct writing *w, struct example_op *op)
{
    if (locks_table(op) && op->kind != EXAMPLE_CREATE && w->db->tables[w->id - 1].readers > 0) {
        return lf_error_set(w->err, LF_TRANSIENT, 0, "example: a load holds a read lock on table %s", w->table->name);
    }
    if (locked_by_others(w->txn, op)) {
        return lf_error_set(w->err, LF_TRANSIENT, 0, "example: another transaction holds a lock");
    }
    example_grow(&w->txn->ops, &w->txn->cap, w->txn->nops + 1, sizeof(struct example_op *));
    w->txn->ops[w->txn->nops++] = op;
    example_state_apply(w->txn->view, op);
    return true;
}

static const struct lf_schema *number_columns(struct example_arena *arena, const struct lf_schema *schema,
                                              uint32_t *ret_last)
{
    const struct lf_schema *copy = example_copy_schema(arena, schema);
    struct lf_column *columns = (struct lf_column *)copy->columns; /* our own copy */
    *ret_last = 0;
    for (uint32_t i = 0; i < copy->ncolumns; i++) {
        columns[i].id = columns[i].id != 0 ? columns[i].id : i + 1;
        *ret_last = columns[i].id > *ret_last ? columns[i].id : *ret_last;
    }
    return copy;
}

static bool name_in_use(const struct example_db *db, const struct example_txn *txn, const char *name)
{
    for (const struct example_txn *other = db->open; other != NULL; other = other->next) {
        for (size_t i = 0; other != txn && i < other->nops; i++) {
            if (other->ops[i]->kind == EXAMPLE_CREATE && strcmp(other->ops[i]->name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool example_create_table(struct example_txn *txn, const char *table, const struct lf_schema *schema,
                          struct lf_error *err)
{
    struct writing w;
    if (write_begin(&w, txn, table, err) || name_in_use(w.db, txn, table)) {
        return write_end(&w, lf_error_set(w.err, LF_DATA, 0, "example: table %s exists already", table));
    }
    w.id = ++w.db->ntables;
    example_grow(&w.db->tables, &w.db->tables_cap, w.id, sizeof *w.db->tables);
    memset(&w.db->tables[w.id - 1], 0, sizeof *w.db->tables);
    struct example_op *op = new_op(&w, EXAMPLE_CREATE, LF_EVENT_SCHEMA);
    op->said = EXAMPLE_UNSAID;
    op->name = example_copy_text(&w.db->arena, table);
    op->schema = number_columns(&w.db->arena, schema, &w.db->tables[w.id - 1].next_column);
    op->event.schema = op->schema;
    return write_end(&w, add_op(&w, op));
}

bool example_drop_table(struct example_txn *txn, const char *table, bool silent, struct lf_error *err)
{
    struct writing w;
    if (!write_begin(&w, txn, table, err)) {
        return write_end(&w, false);
    }
    struct example_op *op = new_op(&w, EXAMPLE_DROP, LF_EVENT_FAULT);
    op->said = silent ? EXAMPLE_SAID_BY_CATALOG : EXAMPLE_SAID_BY_STREAM;
    op->event.fault = LF_SCHEMA;
    op->event.reason = "the table was dropped";
    return write_end(&w, add_op(&w, op));
}

/* Cells of a row to be written: a key cell has a value. */
static bool key_complete(struct writing *w, const struct lf_cell *key)
{
    for (uint32_t i = 0; i < w->table->schema->nkey; i++) {
        if (key[i].state != LF_CELL_VALUE) {
            return lf_error_set(w->err, LF_DATA, 0, "example: a key cell of table %s has no value", w->table->name);
        }
    }
    return true;
}

static bool find_row(struct writing *w, const struct lf_cell *key, bool wanted)
{
    bool found;
    (void)example_table_place(w->table, key, &found);
    if (found == wanted) {
        return true;
    }
    return lf_error_set(w->err, found ? LF_DATA : LF_NOT_FOUND, 0, "example: table %s: %s", w->table->name,
                        found ? "there is a row with that key already" : "there is no row with that key");
}

bool example_read(struct example_txn *txn, const char *table, const struct lf_cell *key, struct lf_cell *ret_cells,
                  struct lf_error *err)
{
    struct writing w;
    bool found;
    if (!write_begin(&w, txn, table, err) || !find_row(&w, key, true)) {
        return write_end(&w, false);
    }
    size_t place = example_table_place(w.table, key, &found);
    memcpy(ret_cells, w.table->rows[place], w.table->schema->ncolumns * sizeof *ret_cells);
    return write_end(&w, true);
}

static bool insert(struct writing *w, const struct lf_cell *cells)
{
    struct example_op *op = new_op(w, EXAMPLE_ROW, LF_EVENT_ROW);
    struct lf_cell *copy = example_copy_cells(&w->db->arena, op->schema, cells);
    for (uint32_t i = 0; i < op->schema->ncolumns; i++) {
        if (copy[i].state == LF_CELL_ABSENT) {
            return lf_error_set(w->err, LF_DATA, 0, "example: an inserted row has an absent cell");
        }
    }
    op->event.op = LF_OP_INSERT;
    op->event.cells = copy;
    op->key = example_key_of(&w->db->arena, op->schema, copy);
    TRY(key_complete(w, op->key));
    TRY(find_row(w, op->key, false));
    return add_op(w, op);
}

bool example_insert(struct example_txn *txn, const char *table, const struct lf_cell *cells, struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && insert(&w, cells));
}

static bool update(struct writing *w, const struct lf_cell *key, const struct lf_cell *cells)
{
    struct example_op *op = new_op(w, EXAMPLE_ROW, LF_EVENT_ROW);
    op->event.op = LF_OP_UPDATE;
    op->event.cells = example_copy_cells(&w->db->arena, op->schema, cells);
    op->key = example_key_of(&w->db->arena, op->schema, op->event.cells);
    TRY(key_complete(w, op->key));
    TRY(find_row(w, key, true));
    if (example_compare_keys(op->schema, key, op->key) != 0) {
        TRY(find_row(w, op->key, false));
        op->event.old_key = example_copy_key(&w->db->arena, op->schema, key);
    }
    return add_op(w, op);
}

bool example_update(struct example_txn *txn, const char *table, const struct lf_cell *key, const struct lf_cell *cells,
                    struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && update(&w, key, cells));
}

bool example_delete(struct example_txn *txn, const char *table, const struct lf_cell *key, struct lf_error *err)
{
    struct writing w;
    if (!write_begin(&w, txn, table, err) || !find_row(&w, key, true)) {
        return write_end(&w, false);
    }
    struct example_op *op = new_op(&w, EXAMPLE_ROW, LF_EVENT_ROW);
    struct lf_cell *cells = example_alloc(&w.db->arena, op->schema->ncolumns * sizeof *cells);
    op->key = example_copy_key(&w.db->arena, op->schema, key);
    for (uint32_t i = 0; i < op->schema->ncolumns; i++) {
        cells[i].state = LF_CELL_ABSENT;
    }
    for (uint32_t i = 0; i < op->schema->nkey; i++) {
        cells[op->schema->key[i]] = op->key[i];
    }
    op->event.op = LF_OP_DELETE;
    op->event.cells = cells;
    return write_end(&w, add_op(&w, op));
}

bool example_truncate(struct example_txn *txn, const char *table, struct lf_error *err)
{
    struct writing w;
    return write_end(&w,
                     write_begin(&w, txn, table, err) && add_op(&w, new_op(&w, EXAMPLE_TRUNCATE, LF_EVENT_TRUNCATE)));
}

/* The operation takes the schema over; `reason` NULL: only a SCHEMA event. */
static bool reshape(struct writing *w, const struct lf_schema *schema, const struct lf_cell *fill, const char *reason)
{
    struct example_op *op = new_op(w, EXAMPLE_RESHAPE, reason != NULL ? LF_EVENT_RELOAD : LF_EVENT_SCHEMA);
    op->schema = schema;
    op->fill = fill;
    op->event.schema = schema;
    op->event.reason = reason;
    return add_op(w, op);
}

/* A copy of the table's columns with room for one more. */
static struct lf_schema *copy_columns(struct writing *w, struct lf_column **ret_columns)
{
    const struct lf_schema *from = w->table->schema;
    struct lf_schema *copy = example_alloc(&w->db->arena, sizeof *copy);
    *ret_columns = example_alloc(&w->db->arena, (from->ncolumns + 1) * sizeof **ret_columns);
    memcpy(*ret_columns, from->columns, from->ncolumns * sizeof **ret_columns);
    *copy = *from;
    copy->columns = *ret_columns;
    return copy;
}

static bool find_column(struct writing *w, const char *column, uint32_t *ret_index)
{
    int index = example_find_column(w->table->schema, column);
    if (index < 0) {
        return lf_error_set(w->err, LF_NOT_FOUND, 0, "example: table %s has no column %s", w->table->name, column);
    }
    *ret_index = (uint32_t)index;
    return true;
}

static bool find_plain_column(struct writing *w, const char *column, uint32_t *ret_index)
{
    TRY(find_column(w, column, ret_index));
    if (example_is_key_column(w->table->schema, *ret_index)) {
        return lf_error_set(w->err, LF_DATA, 0, "example: column %s belongs to the key", column);
    }
    return true;
}

static bool name_free(struct writing *w, const char *column)
{
    return example_find_column(w->table->schema, column) < 0 ||
           lf_error_set(w->err, LF_DATA, 0, "example: table %s has a column %s already", w->table->name, column);
}

static bool add_column(struct writing *w, const struct lf_column *column, const struct lf_cell *fill)
{
    struct lf_column *columns;
    TRY(name_free(w, column->name));
    struct lf_schema *schema = copy_columns(w, &columns);
    struct lf_column *added = &columns[schema->ncolumns++];
    *added = *column;
    added->id = ++w->db->tables[w->id - 1].next_column;
    added->name = example_copy_text(&w->db->arena, column->name);
    added->source_type = example_copy_text(&w->db->arena, column->source_type);
    if (fill == NULL || fill->state != LF_CELL_VALUE) {
        return reshape(w, schema, NULL, NULL);
    }
    const struct lf_schema one = {.columns = added, .ncolumns = 1};
    return reshape(w, schema, example_copy_cells(&w->db->arena, &one, fill), "a column was added with a default");
}

bool example_add_column(struct example_txn *txn, const char *table, const struct lf_column *column,
                        const struct lf_cell *fill, struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && add_column(&w, column, fill));
}

static bool drop_column(struct writing *w, const char *column)
{
    uint32_t index = 0;
    struct lf_column *columns;
    TRY(find_plain_column(w, column, &index));
    struct lf_schema *schema = copy_columns(w, &columns);
    uint32_t *key = example_alloc(&w->db->arena, schema->nkey * sizeof *key);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        key[i] = schema->key[i] - (schema->key[i] > index ? 1 : 0);
    }
    schema->key = key;
    schema->ncolumns--;
    memmove(&columns[index], &columns[index + 1], (schema->ncolumns - index) * sizeof *columns);
    return reshape(w, schema, NULL, NULL);
}

bool example_drop_column(struct example_txn *txn, const char *table, const char *column, struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && drop_column(&w, column));
}

static bool rename_column(struct writing *w, const char *column, const char *name)
{
    uint32_t index = 0;
    struct lf_column *columns;
    TRY(find_column(w, column, &index));
    TRY(name_free(w, name));
    struct lf_schema *schema = copy_columns(w, &columns);
    columns[index].name = example_copy_text(&w->db->arena, name);
    return reshape(w, schema, NULL, NULL);
}

bool example_rename_column(struct example_txn *txn, const char *table, const char *column, const char *name,
                           struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && rename_column(&w, column, name));
}

static bool change_type(struct writing *w, const char *column, enum lf_type type)
{
    uint32_t index = 0;
    struct lf_column *columns;
    TRY(find_plain_column(w, column, &index));
    struct lf_schema *schema = copy_columns(w, &columns);
    columns[index].type = type;
    columns[index].max_length = -1;
    columns[index].precision = type == LF_TYPE_DECIMAL ? 18 : 0;
    columns[index].scale = 0;
    return reshape(w, schema, NULL, "the type of a column was changed");
}

bool example_change_type(struct example_txn *txn, const char *table, const char *column, enum lf_type type,
                         struct lf_error *err)
{
    struct writing w;
    return write_end(&w, write_begin(&w, txn, table, err) && change_type(&w, column, type));
}

bool example_rewrite(struct example_txn *txn, const char *table, bool silent, struct lf_error *err)
{
    struct writing w;
    if (!write_begin(&w, txn, table, err)) {
        return write_end(&w, false);
    }
    struct example_op *op = new_op(&w, EXAMPLE_REWRITE, LF_EVENT_RELOAD);
    op->said = silent ? EXAMPLE_SAID_BY_CATALOG : EXAMPLE_SAID_BY_STREAM;
    op->event.reason = "the table was rewritten";
    return write_end(&w, add_op(&w, op));
}

static bool note(struct example_txn *txn, const char *table, struct lf_event event, struct lf_error *err)
{
    struct writing w;
    if (!write_begin(&w, txn, table, err)) {
        return write_end(&w, false);
    }
    struct example_op *op = new_op(&w, EXAMPLE_NOTE, event.kind);
    op->event.fault = event.fault;
    op->event.reason = example_copy_text(&w.db->arena, event.reason);
    return write_end(&w, add_op(&w, op));
}

bool example_reload(struct example_txn *txn, const char *table, const char *reason, struct lf_error *err)
{
    return note(txn, table, (struct lf_event){.kind = LF_EVENT_RELOAD, .reason = reason}, err);
}

bool example_fault(struct example_txn *txn, const char *table, enum lf_error_kind kind, const char *reason,
                   struct lf_error *err)
{
    return note(txn, table, (struct lf_event){.kind = LF_EVENT_FAULT, .fault = kind, .reason = reason}, err);
}
