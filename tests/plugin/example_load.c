/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads: a chunk sees the transactions that are visible when it is opened, and holds the table's read lock to its end.
 */
#include "example_internal.h"

#include <stdlib.h>

struct lf_load {
    struct lf_session *session;
    uint32_t table;
    struct example_state *state;
    const struct lf_schema *schema;
    const struct lf_cell **rows; /* of the range; the state owns the array */
    size_t nrows, next;
    struct example_arena arena;
    struct lf_slice asof;
    struct lf_cell *cells; /* of the last batch */
    size_t cells_cap;
};

static bool visible_table(struct lf_session *session, const struct lf_table_state *table, uint32_t *ret_id,
                          struct example_state **ret_state, struct lf_error *err)
{
    TRY(example_table_id(session, table, ret_id, err));
    *ret_state = example_state_build(session->db, session->db->nlog, true);
    struct example_table *found = example_state_table(*ret_state, *ret_id);
    if (found != NULL && example_schema_matches(found->schema, &table->schema)) {
        return true;
    }
    example_state_free(ret_state);
    if (found == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: table %s does not exist (any more)", table->name);
    }
    return lf_error_set(err, LF_SCHEMA, 0, "example: table %s has another shape by now", table->name);
}

static bool single_integer_key(const struct lf_schema *schema)
{
    return schema->nkey == 1 && schema->columns[schema->key[0]].type == LF_TYPE_INT64;
}

/* Bounds without regard to what is there: an empty table can have chunks, and a chunk can be empty. */
static bool plan_fixed(struct lf_session *session, uint32_t want, lf_bound_visitor visit, void *context,
                       struct lf_error *err)
{
    struct lf_cell key = {.state = LF_CELL_VALUE};
    for (uint32_t i = 1; i < want && i < 64; i++) {
        key.i += 1 + (int64_t)example_rng_below(&session->rng, 4);
        TRY(visit(context, (struct lf_bound){.cells = &key}, err));
    }
    return true;
}

/* Bounds that are keys of rows, evenly or anyhow. */
static bool plan_by_rows(struct lf_session *session, const struct example_table *table, uint32_t want,
                         lf_bound_visitor visit, void *context, struct lf_error *err)
{
    bool even = example_rng_below(&session->rng, 2) == 0;
    size_t step = table->nrows / want > 0 ? table->nrows / want : 1;
    size_t at = 0;
    for (uint32_t i = 1; i < want; i++) {
        at += even ? step : 1 + (size_t)example_rng_below(&session->rng, 2 * step);
        if (at >= table->nrows) {
            break;
        }
        struct lf_bound bound = {.cells = example_key_of(&session->scratch, table->schema, table->rows[at])};
        TRY(visit(context, bound, err));
    }
    return true;
}

bool example_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                       lf_bound_visitor visit, void *context, struct lf_error *err)
{
    uint32_t id = 0;
    struct example_state *state = NULL;
    TRY(example_enter(session, err));
    example_arena_done(&session->scratch);
    bool ok = visible_table(session, table, &id, &state, err);
    example_leave(session); /* the visitor may take its time */
    TRY(ok);
    const struct example_table *found = example_state_table(state, id);
    if (single_integer_key(found->schema) && example_rng_below(&session->rng, 2) == 0) {
        ok = plan_fixed(session, want, visit, context, err);
    } else if (want > 0) {
        ok = plan_by_rows(session, found, want, visit, context, err);
    }
    example_state_free(&state);
    return ok;
}

static void cut_range(struct lf_load *load, struct lf_bound lo, struct lf_bound hi)
{
    const struct example_table *table = example_state_table(load->state, load->table);
    bool equal;
    size_t from = lo.cells != NULL ? example_table_place(table, lo.cells, &equal) : 0;
    size_t to = hi.cells != NULL ? example_table_place(table, hi.cells, &equal) : table->nrows;
    load->schema = table->schema;
    load->rows = table->nrows > 0 ? &table->rows[from] : NULL;
    load->nrows = to > from ? to - from : 0;
}

static void shuffle(struct lf_load *load)
{
    for (size_t i = load->rows == NULL ? 0 : load->nrows; i > 1; i--) {
        size_t other = (size_t)example_rng_below(&load->session->rng, i);
        const struct lf_cell *row = load->rows[i - 1];
        load->rows[i - 1] = load->rows[other];
        load->rows[other] = row;
    }
}

static bool open_locked(struct lf_load *load, const struct lf_table_state *table, struct lf_error *err)
{
    struct lf_session *session = load->session;
    TRY(visible_table(session, table, &load->table, &load->state, err));
    TRY(example_asof_write(session->db, &load->arena, &load->asof, err));
    session->db->tables[load->table - 1].readers++;
    return true;
}

bool example_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                       struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    struct lf_load *load = calloc(1, sizeof *load);
    if (load == NULL) {
        abort();
    }
    load->session = session;
    bool ok = example_enter(session, err);
    if (ok) {
        ok = open_locked(load, table, err);
        example_leave(session);
    }
    if (!ok) {
        load->table = 0; /* no read lock is held */
        example_load_close(load);
        return false;
    }
    cut_range(load, lo, hi);
    if (session->unordered) {
        shuffle(load);
    }
    *ret_ordered = !session->unordered;
    *ret_load = load;
    return true;
}

bool example_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err)
{
    (void)err;
    *ret_asof = load->asof;
    return true;
}

bool example_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    TRY(example_enter(load->session, err));
    size_t n = 1 + (size_t)example_rng_below(&load->session->rng, load->session->batch);
    example_leave(load->session);
    n = n < load->nrows - load->next ? n : load->nrows - load->next;
    size_t ncolumns = load->schema->ncolumns;
    example_grow(&load->cells, &load->cells_cap, n * ncolumns, sizeof *load->cells);
    for (size_t i = 0; i < n; i++) {
        memcpy(&load->cells[i * ncolumns], load->rows[load->next++], ncolumns * sizeof *load->cells);
    }
    *ret_rows = (struct lf_rows){.cells = load->cells, .nrows = n};
    return true;
}

void example_load_close(struct lf_load *load)
{
    if (load == NULL) {
        return;
    }
    if (load->table != 0) {
        (void)pthread_mutex_lock(&load->session->db->mutex);
        load->session->db->tables[load->table - 1].readers--;
        (void)pthread_mutex_unlock(&load->session->db->mutex);
    }
    example_state_free(&load->state);
    example_arena_done(&load->arena);
    free(load->cells);
    free(load);
}
