/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "link/masking_internal.h"

#include <stdlib.h>

/* A table of the stream. */
struct followed {
    struct masking_shape shape;
    bool lost; /* it cannot be masked as its columns are now: rows are passed over until they change */
};

struct lf_changes {
    const struct lf_connector *connector; /* ours, which says of the one below what it can */
    const struct lf_connector_ops *ops;   /* of the one below */
    struct lf_changes *inner;
    struct followed *tables;
    size_t ntables;
    bool any;
    struct arena arena; /* of the batch handed out */
    struct lf_event *events;
    size_t nevents, size;
};

static bool open_changes(struct lf_session *session, struct lf_changes *changes, struct lf_slice cursor,
                         const struct lf_table_state *tables, struct lf_table_state *sources, struct lf_error *err)
{
    for (size_t i = 0; i < changes->ntables; i++) {
        TRY(masking_shape_of_lake(session->masking, &tables[i], &changes->tables[i].shape, &sources[i], err));
        changes->any = changes->any || changes->tables[i].shape.any;
    }
    return session->ops->changes_open(session->inner, cursor, sources, changes->ntables, &changes->inner, err);
}

bool masking_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                          size_t ntables, struct lf_changes **ret_changes, struct lf_error *err)
{
    struct lf_changes *changes = mem_new(1, sizeof *changes);
    struct lf_table_state *sources = mem_new(ntables + 1, sizeof *sources);
    changes->connector = &session->masking->connector;
    changes->ops = session->ops;
    changes->tables = mem_new(ntables + 1, sizeof *changes->tables);
    changes->ntables = ntables;
    const bool ok = open_changes(session, changes, cursor, tables, sources, err);
    free(sources);
    if (!ok) {
        masking_changes_close(changes);
        return false;
    }
    *ret_changes = changes;
    return true;
}

void masking_changes_close(struct lf_changes *changes)
{
    if (changes == NULL) {
        return;
    }
    if (changes->inner != NULL) {
        changes->ops->changes_close(changes->inner);
    }
    for (size_t i = 0; i < changes->ntables; i++) {
        masking_shape_done(&changes->tables[i].shape);
    }
    free(changes->tables);
    free(changes->events);
    arena_done(&changes->arena);
    free(changes);
}

/* ---- events ---- */

/* Of a delete the key alone counts, and the other cells may be anything. */
static void mask_delete(const struct masking_shape *shape, const struct lf_cell *cells, struct arena *arena,
                        struct lf_cell *ret_cells)
{
    struct lf_cell *key = arena_alloc(arena, ((size_t)shape->nkey + 1) * 2 * sizeof *key);
    struct lf_cell *masked = key + shape->nkey;
    for (uint32_t i = 0; i < shape->nkey; i++) {
        key[i] = cells[shape->key[i]];
    }
    masking_key(shape, key, arena, masked);
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        ret_cells[i] = (struct lf_cell){.state = LF_CELL_NULL};
    }
    for (uint32_t i = 0; i < shape->nkey; i++) {
        ret_cells[shape->key[i]] = masked[i];
    }
}

static void mask_row(struct lf_changes *changes, const struct masking_shape *shape, struct lf_event *event)
{
    struct arena *arena = &changes->arena;
    struct lf_cell *cells = arena_alloc(arena, ((size_t)shape->ncolumns + 1) * sizeof *cells);
    if (event->op == LF_OP_DELETE) {
        mask_delete(shape, event->cells, arena, cells);
    } else {
        masking_row(shape, event->cells, arena, cells);
    }
    event->cells = cells;
    if (event->old_key != NULL) {
        struct lf_cell *key = arena_alloc(arena, ((size_t)shape->nkey + 1) * sizeof *key);
        masking_key(shape, event->old_key, arena, key);
        event->old_key = key;
    }
}

static void lose(struct lf_changes *changes, const struct followed *table, struct lf_event *event, const char *refusal)
{
    CLEANUP(text_free) char *reason = text_printf("table %.200s: %s", table->shape.table, refusal);
    *event = (struct lf_event){.kind = LF_EVENT_FAULT,
                               .table = event->table,
                               .fault = LF_SCHEMA,
                               .reason = arena_text(&changes->arena, reason)};
}

/* The columns of the source from here on. */
static void mask_schema(struct lf_changes *changes, struct followed *table, struct lf_event *event)
{
    struct arena *arena = &changes->arena;
    struct masking_shape shape;
    masking_shape_of_source(table->shape.rules, table->shape.table, event->schema, &table->shape, &shape);
    const struct lf_schema before = masking_lake_schema(&table->shape, arena), now = masking_lake_schema(&shape, arena);
    const char *refusal = masking_refuse(&shape, arena);
    if (refusal == NULL) {
        refusal = masking_refuse_bare(shape.rules, changes->connector, &before, &now, arena);
    }
    table->lost = refusal != NULL;
    if (table->lost) { /* what it was last stays, to compare with */
        masking_shape_done(&shape);
        lose(changes, table, event, refusal);
        return;
    }
    masking_shape_done(&table->shape);
    table->shape = shape;
    changes->any = changes->any || shape.any;
    event->schema = arena_copy(arena, &now, sizeof now);
}

static void hush_fault(struct lf_changes *changes, const struct masking_shape *shape, struct lf_event *event)
{
    struct lf_error err = {.kind = event->fault};
    (void)masking_hush(shape->table, &err);
    event->reason = arena_text(&changes->arena, err.msg);
}

static bool is_of_table(enum lf_event_kind kind)
{
    return kind == LF_EVENT_ROW || kind == LF_EVENT_SCHEMA || kind == LF_EVENT_RELOAD || kind == LF_EVENT_FAULT;
}

/* False: the event is passed over. */
static bool mask_event(struct lf_changes *changes, struct lf_event *event)
{
    if (!is_of_table(event->kind) || event->table >= changes->ntables) {
        return true;
    }
    struct followed *table = &changes->tables[event->table];
    if (event->kind == LF_EVENT_ROW) {
        if (table->shape.any && !table->lost) {
            mask_row(changes, &table->shape, event);
        }
        return !table->lost;
    }
    if (event->kind != LF_EVENT_FAULT && event->schema != NULL) {
        mask_schema(changes, table, event);
    } else if (event->kind == LF_EVENT_FAULT && table->shape.any && masking_is_telling(event->fault)) {
        hush_fault(changes, &table->shape, event);
    } else if (event->kind == LF_EVENT_RELOAD) { /* of columns that it was told before */
        return !table->lost;
    }
    return true;
}

static void mask_batch(struct lf_changes *changes, struct lf_batch *batch)
{
    changes->nevents = 0;
    mem_grow(&changes->events, &changes->size, batch->nevents + 1, sizeof *changes->events);
    for (size_t i = 0; i < batch->nevents; i++) {
        struct lf_event *event = &changes->events[changes->nevents];
        *event = batch->events[i];
        changes->nevents += mask_event(changes, event) ? 1 : 0;
    }
    *batch = (struct lf_batch){.events = changes->events, .nevents = changes->nevents};
}

static bool hush(const struct lf_changes *changes, struct lf_error *err)
{
    return changes->any && masking_is_telling(err->kind) &&
           lf_error_set(err, err->kind, err->code,
                        "the change stream cannot be read; what the source says of it is not shown, since tables of it "
                        "have masked columns");
}

bool masking_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    arena_reset(&changes->arena);
    if (!changes->ops->changes_next(changes->inner, wait_ms, ret_batch, err)) {
        return hush(changes, err);
    }
    mask_batch(changes, ret_batch);
    return true;
}

bool masking_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err)
{
    arena_reset(&changes->arena);
    if (!changes->ops->verify_catalog(changes->inner, ret_batch, err)) {
        return hush(changes, err);
    }
    mask_batch(changes, ret_batch);
    return true;
}
