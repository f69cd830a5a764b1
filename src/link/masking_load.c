/* SPDX-License-Identifier: Apache-2.0 */
#include "data/key.h"
#include "link/masking_internal.h"

#include <stdlib.h>

struct lf_load {
    const struct lf_connector_ops *ops;
    struct lf_load *inner;
    struct masking_shape shape;
    struct lf_schema lake;      /* in the shape's arena */
    bool has_lo, has_hi;        /* with a masked key the source cannot cut, so it is done here */
    struct buf lo, hi, scratch; /* encoded */
    struct arena arena;         /* of the rows handed out */
};

bool masking_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                       lf_bound_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(masking_shape_done) struct masking_shape shape = {0};
    struct lf_table_state source;
    TRY(masking_shape_of_lake(session->masking, table, &shape, &source, err));
    if (shape.key_masked) {
        return true;
    }
    return session->ops->load_plan(session->inner, &source, want, visit, context, err) ||
           (shape.any && masking_hush(shape.table, err));
}

static bool take_bounds(struct lf_load *load, struct lf_bound *lo, struct lf_bound *hi, struct lf_error *err)
{
    if (!load->shape.key_masked) {
        return true;
    }
    load->has_lo = lo->cells != NULL;
    load->has_hi = hi->cells != NULL;
    TRY(!load->has_lo || key_append_from_cells(&load->lo, &load->lake, lo->cells, err));
    TRY(!load->has_hi || key_append_from_cells(&load->hi, &load->lake, hi->cells, err));
    *lo = *hi = (struct lf_bound){0};
    return true;
}

static bool open_load(struct lf_session *session, struct lf_load *load, const struct lf_table_state *table,
                      struct lf_bound lo, struct lf_bound hi, bool *ret_ordered, struct lf_error *err)
{
    struct lf_table_state source;
    load->ops = session->ops;
    TRY(masking_shape_of_lake(session->masking, table, &load->shape, &source, err));
    load->lake = masking_lake_schema(&load->shape, &load->shape.arena);
    TRY(take_bounds(load, &lo, &hi, err));
    if (!session->ops->load_open(session->inner, &source, lo, hi, &load->inner, ret_ordered, err)) {
        return load->shape.any && masking_hush(load->shape.table, err);
    }
    *ret_ordered = *ret_ordered && !load->shape.key_masked;
    return true;
}

bool masking_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                       struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    struct lf_load *load = mem_new(1, sizeof *load);
    if (!open_load(session, load, table, lo, hi, ret_ordered, err)) {
        masking_load_close(load);
        return false;
    }
    *ret_load = load;
    return true;
}

bool masking_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err)
{
    return load->ops->load_asof(load->inner, ret_asof, err);
}

/* A key that cannot be encoded is kept: whoever asked will see what is wrong with it. */
static bool is_within(struct lf_load *load, const struct lf_cell *cells)
{
    struct lf_error ignored;
    if (!load->has_lo && !load->has_hi) {
        return true;
    }
    struct lf_cell *key = arena_alloc(&load->arena, load->lake.nkey * sizeof *key);
    for (uint32_t i = 0; i < load->lake.nkey; i++) {
        key[i] = cells[load->lake.key[i]];
    }
    buf_reset(&load->scratch);
    if (!key_append_from_cells(&load->scratch, &load->lake, key, &ignored)) {
        return true;
    }
    const struct lf_slice at = buf_slice(&load->scratch);
    return (!load->has_lo || slice_compare(at, buf_slice(&load->lo)) >= 0) &&
           (!load->has_hi || slice_compare(at, buf_slice(&load->hi)) < 0);
}

static struct lf_rows mask_rows(struct lf_load *load, const struct lf_rows *rows)
{
    const uint32_t width = load->shape.ncolumns;
    struct lf_cell *cells = arena_alloc(&load->arena, (rows->nrows * width + 1) * sizeof *cells);
    struct lf_rows masked = {.cells = cells};
    for (size_t i = 0; i < rows->nrows; i++) {
        struct lf_cell *row = cells + masked.nrows * width;
        masking_row(&load->shape, rows->cells + i * width, &load->arena, row);
        masked.nrows += is_within(load, row) ? 1 : 0;
    }
    return masked;
}

bool masking_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    struct lf_rows rows = {0};
    do {
        arena_reset(&load->arena);
        if (!load->ops->load_next(load->inner, &rows, err)) {
            return load->shape.any && masking_hush(load->shape.table, err);
        }
        *ret_rows = load->shape.any ? mask_rows(load, &rows) : rows;
    } while (rows.nrows > 0 && ret_rows->nrows == 0);
    return true;
}

void masking_load_close(struct lf_load *load)
{
    if (load == NULL) {
        return;
    }
    if (load->inner != NULL) {
        load->ops->load_close(load->inner);
    }
    masking_shape_done(&load->shape);
    arena_done(&load->arena);
    buf_done(&load->lo);
    buf_done(&load->hi);
    buf_done(&load->scratch);
    free(load);
}
