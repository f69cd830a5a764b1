/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/fold.h"

#include "data/csv.h"

#include <stdlib.h>

void fold_init(struct fold *fold, const struct schema *schema, const struct schema *const *versions, size_t nversions)
{
    *fold = (struct fold){.schema = schema, .versions = versions, .nversions = nversions};
    fold->layouts = mem_new(nversions, sizeof *fold->layouts);
    fold->cells = mem_new((size_t)schema->lf.ncolumns * 2, sizeof *fold->cells);
}

void fold_done(struct fold *fold)
{
    for (size_t i = 0; i < fold->nversions; i++) {
        layout_done(&fold->layouts[i]);
    }
    free(fold->layouts);
    free(fold->cells);
    buf_done(&fold->row);
    buf_done(&fold->change);
    buf_done(&fold->filled);
    buf_done(&fold->note);
    *fold = (struct fold){0};
}

void fold_start(struct fold *fold, bool has_row, struct lf_slice row)
{
    buf_reset(&fold->row);
    buf_append(&fold->row, row.ptr, row.len);
    fold->exists = has_row;
    fold->unknown = false;
    fold->bad = false;
}

static void take_note(struct fold *fold, const struct change *change)
{
    buf_reset(&fold->note);
    buf_append(&fold->note, change->row.ptr, change->row.len);
    fold->note_version = change->schema_version;
    fold->bad = true;
    fold->exists = false;
    fold->unknown = false;
}

static struct layout *find_layout(struct fold *fold, uint32_t version)
{
    for (size_t i = 0; i < fold->nversions; i++) {
        if (fold->versions[i]->version != version) {
            continue;
        }
        if (fold->layouts[i].to == NULL) {
            layout_init(&fold->layouts[i], fold->versions[i], fold->schema);
        }
        return &fold->layouts[i];
    }
    return NULL;
}

static void swap_bufs(struct buf *a, struct buf *b)
{
    struct buf swap = *a;
    *a = *b;
    *b = swap;
}

static bool apply_partial(struct fold *fold, const struct change *change, const struct lf_slice *before,
                          struct lf_error *err)
{
    bool moved = (change->flags & CHANGE_MOVED) != 0;
    if (moved ? before == NULL : !fold->exists || fold->unknown) {
        fold->unknown = true;
        fold->exists = true;
        return true;
    }
    struct lf_slice full = moved ? *before : buf_slice(&fold->row);
    TRY(layout_fill_absent(buf_slice(&fold->change), full, fold->schema->lf.ncolumns, fold->cells, &fold->filled, err));
    swap_bufs(&fold->row, &fold->filled);
    fold->exists = true;
    fold->unknown = false;
    return true;
}

bool fold_apply(struct fold *fold, const struct change *change, const struct lf_slice *before, struct lf_error *err)
{
    fold->bad = false;
    if (change->op != LF_OP_DELETE && (change->flags & CHANGE_BAD) != 0) {
        take_note(fold, change);
        return true;
    }
    if (change->op == LF_OP_DELETE) {
        fold->exists = false;
        fold->unknown = false;
        return true;
    }
    bool partial = (change->flags & CHANGE_PARTIAL) != 0;
    struct layout *layout = find_layout(fold, change->schema_version);
    if (layout == NULL) {
        return lf_error_set(err, LF_INTERNAL, 0, "a change names schema version %u, which is unknown",
                            change->schema_version);
    }
    TRY(layout_row(layout, change->row, partial, partial ? &fold->change : &fold->row, err));
    if (partial) {
        return apply_partial(fold, change, before, err);
    }
    fold->exists = true;
    fold->unknown = false;
    return true;
}
