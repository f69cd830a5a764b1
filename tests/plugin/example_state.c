/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as a set of transactions has made them.
 */
#include "example_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define REWRITE_ADDS 1000u

struct example_state *example_state_new(void)
{
    struct example_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        abort();
    }
    return state;
}

void example_state_free(struct example_state **state)
{
    if (*state == NULL) {
        return;
    }
    for (size_t i = 0; i < (*state)->ntables; i++) {
        free((*state)->tables[i].rows);
    }
    free((*state)->tables);
    example_arena_done(&(*state)->arena);
    free(*state);
    *state = NULL;
}

struct example_table *example_state_table(struct example_state *state, uint32_t id)
{
    return id > 0 && id <= state->ntables && state->tables[id - 1].exists ? &state->tables[id - 1] : NULL;
}

uint32_t example_state_find(const struct example_state *state, const char *name)
{
    for (size_t i = 0; i < state->ntables; i++) {
        if (state->tables[i].exists && strcmp(state->tables[i].name, name) == 0) {
            return (uint32_t)i + 1;
        }
    }
    return 0;
}

static int compare_row(const struct example_table *table, const struct lf_cell *row, const struct lf_cell *key)
{
    const struct lf_schema *schema = table->schema;
    struct lf_schema one = {.columns = schema->columns, .ncolumns = schema->ncolumns, .nkey = 1};
    for (uint32_t i = 0; i < schema->nkey; i++) {
        one.key = &schema->key[i];
        int diff = example_compare_keys(&one, &row[schema->key[i]], &key[i]);
        if (diff != 0) {
            return diff;
        }
    }
    return 0;
}

size_t example_table_place(const struct example_table *table, const struct lf_cell *key, bool *ret_equal)
{
    size_t lo = 0, hi = table->nrows;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_row(table, table->rows[mid], key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_equal = lo < table->nrows && compare_row(table, table->rows[lo], key) == 0;
    return lo;
}

static void remove_row(struct example_table *table, size_t place)
{
    table->nrows--;
    memmove(&table->rows[place], &table->rows[place + 1], (table->nrows - place) * sizeof(const struct lf_cell *));
}

static void put_row(struct example_table *table, const struct lf_cell *key, const struct lf_cell *row)
{
    bool equal;
    size_t place = example_table_place(table, key, &equal);
    if (!equal) {
        example_grow(&table->rows, &table->cap, table->nrows + 1, sizeof(const struct lf_cell *));
        memmove(&table->rows[place + 1], &table->rows[place], (table->nrows - place) * sizeof(const struct lf_cell *));
        table->nrows++;
    }
    table->rows[place] = row;
}

static void apply_row(struct example_state *state, struct example_table *table, const struct example_op *op)
{
    const struct lf_cell *from = op->event.old_key != NULL ? op->event.old_key : op->key;
    bool found;
    size_t place = example_table_place(table, from, &found);
    const struct lf_cell *base = found ? table->rows[place] : NULL;
    if (op->event.op == LF_OP_DELETE) {
        if (found) {
            remove_row(table, place);
        }
        return;
    }
    struct lf_cell *row = example_alloc(&state->arena, table->schema->ncolumns * sizeof *row);
    for (uint32_t i = 0; i < table->schema->ncolumns; i++) {
        row[i] = op->event.cells[i];
        if (row[i].state == LF_CELL_ABSENT) {
            row[i] = base != NULL ? base[i] : (struct lf_cell){.state = LF_CELL_NULL};
        }
    }
    if (found && op->event.old_key != NULL) {
        remove_row(table, place);
    }
    put_row(table, op->key, row);
}

static struct lf_cell convert(struct example_arena *arena, const struct lf_cell *cell, enum lf_type from,
                              enum lf_type to)
{
    if (from == to || cell->state != LF_CELL_VALUE) {
        return *cell;
    }
    if (from == LF_TYPE_INT64 && to == LF_TYPE_DOUBLE) {
        return (struct lf_cell){.state = LF_CELL_VALUE, .d = (double)cell->i};
    }
    if (from == LF_TYPE_INT64 && to == LF_TYPE_STRING) {
        char text[32];
        int len = snprintf(text, sizeof text, "%" PRId64, cell->i);
        struct lf_slice slice = {.ptr = text, .len = (size_t)len};
        return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = example_copy_slice(arena, slice)};
    }
    return (struct lf_cell){.state = LF_CELL_NULL};
}

static const struct lf_cell *reshape_row(struct example_arena *arena, const struct lf_schema *from,
                                         const struct lf_cell *row, const struct example_op *op)
{
    const struct lf_schema *to = op->schema;
    struct lf_cell *cells = example_alloc(arena, to->ncolumns * sizeof *cells);
    for (uint32_t i = 0; i < to->ncolumns; i++) {
        int old = example_find_column_id(from, to->columns[i].id);
        if (old >= 0) {
            cells[i] = convert(arena, &row[old], from->columns[old].type, to->columns[i].type);
        } else if (op->fill != NULL) {
            cells[i] = *op->fill;
        }
    }
    return cells;
}

static const struct lf_cell *rewrite_row(struct example_arena *arena, const struct lf_schema *schema,
                                         const struct lf_cell *row)
{
    struct lf_cell *cells = example_alloc(arena, schema->ncolumns * sizeof *cells);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        cells[i] = row[i];
        if (schema->columns[i].type == LF_TYPE_INT64 && !example_is_key_column(schema, i)) {
            cells[i].i = (int64_t)((uint64_t)cells[i].i + REWRITE_ADDS);
        }
    }
    return cells;
}

static void create_table(struct example_state *state, const struct example_op *op)
{
    size_t old = state->ntables;
    if (op->table > old) {
        example_grow(&state->tables, &state->cap, op->table, sizeof *state->tables);
        memset(&state->tables[old], 0, (op->table - old) * sizeof *state->tables);
        state->ntables = op->table;
    }
    assert(state->tables != NULL);
    struct example_table *table = &state->tables[op->table - 1];
    table->exists = true;
    table->name = op->name;
    table->schema = op->schema;
}

void example_state_apply(struct example_state *state, const struct example_op *op)
{
    if (op->kind == EXAMPLE_CREATE) {
        create_table(state, op);
        return;
    }
    struct example_table *table = example_state_table(state, op->table);
    if (table == NULL) {
        abort(); /* the locks make it impossible */
    }
    switch (op->kind) {
    case EXAMPLE_ROW:
        apply_row(state, table, op);
        break;
    case EXAMPLE_DROP:
        table->exists = false;
        table->nrows = 0;
        break;
    case EXAMPLE_TRUNCATE:
        table->nrows = 0;
        break;
    case EXAMPLE_RESHAPE:
        for (size_t i = 0; i < table->nrows; i++) {
            table->rows[i] = reshape_row(&state->arena, table->schema, table->rows[i], op);
        }
        table->schema = op->schema;
        break;
    case EXAMPLE_REWRITE:
        for (size_t i = 0; i < table->nrows; i++) {
            table->rows[i] = rewrite_row(&state->arena, table->schema, table->rows[i]);
        }
        break;
    case EXAMPLE_CREATE:
    case EXAMPLE_NOTE:
        break;
    }
}

struct example_state *example_state_clone(const struct example_state *from)
{
    struct example_state *state = example_state_new();
    example_grow(&state->tables, &state->cap, from->ntables, sizeof *state->tables);
    state->ntables = from->ntables;
    for (size_t i = 0; i < from->ntables; i++) {
        struct example_table *table = &state->tables[i];
        *table = from->tables[i];
        table->rows = NULL;
        table->cap = 0;
        example_grow(&table->rows, &table->cap, table->nrows, sizeof(const struct lf_cell *));
        if (table->nrows > 0) {
            memcpy(table->rows, from->tables[i].rows, table->nrows * sizeof(const struct lf_cell *));
        }
    }
    return state;
}

struct example_state *example_state_build(struct example_db *db, uint64_t end, bool visible_only)
{
    bool whole = end == db->nlog;
    for (size_t i = 0; whole && visible_only && i < db->nlog; i++) {
        whole = db->log[i]->visible;
    }
    if (whole) {
        return example_state_clone(db->head);
    }
    struct example_state *state = example_state_new();
    for (size_t i = 0; i < end; i++) {
        const struct example_txn *txn = db->log[i];
        for (size_t k = 0; k < txn->nops && (txn->visible || !visible_only); k++) {
            example_state_apply(state, txn->ops[k]);
        }
    }
    return state;
}
