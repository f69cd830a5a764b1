/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/source_rows.h"

#include "base/arena.h"
#include "base/macros.h"
#include "data/key.h"

#include <stdlib.h>

#define SORT_BYTES_LEAST ((size_t)64 << 10)
#define SORT_BLOCK_BYTES_MIN ((size_t)4 << 10)
#define SORT_BLOCK_BYTES_MAX ((size_t)64 << 10)

void source_rows_init(struct source_rows *rows, const struct source_rows_options *options)
{
    const struct lf_schema *lake = &options->schema->lf;
    *rows = (struct source_rows){.options = options};
    rows->place = mem_new(lake->ncolumns, sizeof *rows->place);
    rows->cells = mem_new(lake->ncolumns, sizeof *rows->cells);
    rows->key_cells = mem_new(lake->nkey, sizeof *rows->key_cells);
    for (uint32_t i = 0; i < lake->ncolumns; i++) {
        if (!lake->columns[i].dropped) {
            rows->place[rows->nplace++] = i;
        }
    }
}

void source_rows_done(struct source_rows *rows)
{
    if (rows->load != NULL) {
        rows->options->ops->load_close(rows->load);
    }
    sorter_close_iterator(&rows->iterator);
    sorter_free(&rows->sorter);
    free(rows->place);
    free(rows->cells);
    free(rows->key_cells);
    buf_done(&rows->row);
    buf_done(&rows->key);
    buf_done(&rows->last_key);
    *rows = (struct source_rows){0};
}

static bool decode_bound(const struct schema *schema, struct lf_slice key, struct arena *arena, struct buf *scratch,
                         struct lf_bound *ret_bound, struct lf_error *err)
{
    ret_bound->cells = NULL;
    if (key.len == 0) {
        return true;
    }
    struct lf_cell *cells = arena_alloc(arena, schema->lf.nkey * sizeof *cells);
    TRY(key_decode(&schema->lf, key, cells, scratch, err));
    ret_bound->cells = cells;
    return true;
}

bool source_rows_open(struct source_rows *rows, struct lf_error *err)
{
    const struct source_rows_options *options = rows->options;
    const struct lf_table_state state = {
        .name = options->table, .id = options->table_id, .schema = options->schema->lf};
    CLEANUP(buf_done) struct buf lo_bytes = {0};
    CLEANUP(buf_done) struct buf hi_bytes = {0};
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_bound lo, hi;
    TRY(decode_bound(options->schema, options->lo, &arena, &lo_bytes, &lo, err));
    TRY(decode_bound(options->schema, options->hi, &arena, &hi_bytes, &hi, err));
    return options->ops->load_open(options->session, &state, lo, hi, &rows->load, &rows->ordered, err);
}

static bool name_row(const struct source_rows *rows, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    key_print(&rows->options->schema->lf, buf_slice(&rows->key), &text);
    return lf_error_wrap(err, "table %s, row %s", rows->options->table, buf_text(&text));
}

static bool encode_row(struct source_rows *rows, const struct lf_cell *cells, struct lf_error *err)
{
    const struct source_rows_options *options = rows->options;
    struct intake intake;
    const struct lf_schema *schema = &rows->options->schema->lf;
    for (uint32_t i = 0; i < rows->nplace; i++) {
        rows->cells[rows->place[i]] = cells[i];
    }
    for (uint32_t i = 0; i < schema->nkey; i++) {
        rows->key_cells[i] = rows->cells[schema->key[i]];
    }
    buf_reset(&rows->row);
    buf_reset(&rows->key);
    if (!key_append_from_cells(&rows->key, schema, rows->key_cells, err)) {
        return lf_error_wrap(err, "table %s", options->table);
    }
    TRY(intake_row(&options->intake, options->table, schema, rows->cells, buf_slice(&rows->key), &rows->row, &intake,
                   err));
    rows->bad = intake.bad;
    rows->repaired = intake.repaired;
    return true;
}

/* The next row of the connector, encoded. */
static bool fetch(struct source_rows *rows, bool *ret_more, struct lf_error *err)
{
    const struct source_rows_options *options = rows->options;
    *ret_more = true;
    if (rows->at == rows->batch.nrows) {
        if (options->progress != NULL && rows->batch.nrows > 0) {
            options->progress(options->context, rows->batch.nrows);
        }
        if (options->cancelled(options->context)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
        rows->at = 0;
        TRY(options->ops->load_next(rows->load, &rows->batch, err));
        *ret_more = rows->batch.nrows > 0;
    }
    return !*ret_more || encode_row(rows, rows->batch.cells + rows->at++ * rows->nplace, err);
}

/* Half of the memory is the arena, the other half the blocks of the runs that are merged in the end. */
static struct sorter_options sorter_for(const struct source_rows_options *options)
{
    size_t arena = options->memory_bytes / 2;
    size_t block = arena / SORTER_FAN_IN;
    return (struct sorter_options){
        .folder = options->folder,
        .memory_bytes = arena < SORT_BYTES_LEAST ? SORT_BYTES_LEAST : arena,
        .block_bytes = block < SORT_BLOCK_BYTES_MIN   ? SORT_BLOCK_BYTES_MIN
                       : block > SORT_BLOCK_BYTES_MAX ? SORT_BLOCK_BYTES_MAX
                                                      : block,
    };
}

static bool sort_all(struct source_rows *rows, struct lf_error *err)
{
    const struct sorter_options sorter = sorter_for(rows->options);
    rows->sorter = sorter_new(&sorter);
    for (uint64_t n = 1;; n++) {
        bool more = false;
        TRY(fetch(rows, &more, err));
        if (!more) {
            return sorter_open_iterator(&rows->sorter, 1, &rows->iterator, err);
        }
        const struct change change = {
            .seq = n,
            .op = LF_OP_UPSERT,
            .flags = (uint8_t)((rows->bad ? CHANGE_BAD : 0) | (rows->repaired ? CHANGE_REPAIRED : 0)),
            .key = buf_slice(&rows->key),
            .row = buf_slice(&rows->row),
        };
        TRY(sorter_add(rows->sorter, &change, err));
    }
}

static bool next_sorted(struct source_rows *rows, struct lf_slice *ret_row, bool *ret_more, struct lf_error *err)
{
    struct change change;
    TRY(rows->iterator != NULL || sort_all(rows, err));
    TRY(sorter_next(rows->iterator, &change, ret_more, err));
    if (*ret_more) {
        buf_reset(&rows->key);
        buf_append(&rows->key, change.key.ptr, change.key.len);
        *ret_row = change.row;
        rows->bad = (change.flags & CHANGE_BAD) != 0;
        rows->repaired = (change.flags & CHANGE_REPAIRED) != 0;
    }
    return true;
}

bool source_rows_next(struct source_rows *rows, struct lf_slice *ret_key, struct lf_slice *ret_row, bool *ret_more,
                      struct lf_error *err)
{
    struct buf swap = rows->last_key;
    rows->last_key = rows->key;
    rows->key = swap;
    if (rows->ordered) {
        TRY(fetch(rows, ret_more, err));
        *ret_row = buf_slice(&rows->row);
    } else {
        TRY(next_sorted(rows, ret_row, ret_more, err));
    }
    if (!*ret_more) {
        return true;
    }
    *ret_key = buf_slice(&rows->key);
    if (rows->nrows++ > 0 && slice_compare(buf_slice(&rows->last_key), *ret_key) >= 0) {
        lf_error_set(err, LF_DATA, 0,
                     "two rows with one key, or rows out of order; the key of the table must be unique");
        return name_row(rows, err);
    }
    return true;
}

bool source_rows_asof(struct source_rows *rows, struct lf_slice *ret_asof, struct lf_error *err)
{
    TRY(rows->options->ops->load_asof(rows->load, ret_asof, err));
    if (ret_asof->len == 0 || ret_asof->len > LF_TOKEN_MAX) {
        return lf_error_set(err, LF_INTERNAL, 0, "the connector gave an asOf of %zu bytes; 1 to %u are allowed",
                            ret_asof->len, LF_TOKEN_MAX);
    }
    return true;
}
