/* SPDX-License-Identifier: Apache-2.0 */
#include "data/intake.h"

#include "base/arena.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "data/bad_row.h"
#include "data/csv.h"
#include "data/csv_internal.h"
#include "data/key.h"

#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD";

void intake_repair_text(struct lf_slice text, struct buf *out)
{
    const char *at = text.ptr;
    size_t left = text.len;
    while (left > 0) {
        size_t good = utf8_char_len(at, left);
        size_t n = good > 0 ? good : utf8_broken_len(at, left);
        bool keep = good > 0 && *at != '\0';
        buf_append(out, keep ? at : replacement, keep ? n : sizeof replacement - 1);
        at += n;
        left -= n;
    }
}

/* ---- what is wrong ---- */

/* A row that could not be encoded, and why. */
struct flaw {
    const struct lf_column *column; /* NULL: the row as a whole */
    const struct lf_cell *cell;
    bool text;
    struct lf_error err;
};

static bool is_bad_text(const struct lf_column *column, const struct lf_cell *cell)
{
    return csv_is_text(column->type) && cell->state == LF_CELL_VALUE && cell->bytes.len <= CSV_ROW_MAX &&
           csv_check_text(cell->bytes, NULL) != NULL;
}

static enum intake_rule rule_of(const struct intake_policy *policy, const struct flaw *flaw)
{
    return flaw->text ? policy->bad_text : policy->bad_row;
}

/* The first cell that cannot be taken, or of several the first for which the rule is to fail. */
static void find_flaw(const struct intake_policy *policy, const struct lf_schema *schema, const struct lf_cell *cells,
                      struct flaw *flaw)
{
    CLEANUP(buf_done) struct buf scratch = {0};
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        struct flaw found = {.column = &schema->columns[i], .cell = &cells[i]};
        buf_reset(&scratch);
        if (csv_append_cell(&scratch, found.column, found.cell, &found.err)) {
            continue;
        }
        found.text = is_bad_text(found.column, found.cell);
        if (flaw->column == NULL || rule_of(policy, &found) == INTAKE_FAIL) {
            *flaw = found;
        }
        if (rule_of(policy, &found) == INTAKE_FAIL) {
            return;
        }
    }
}

/* ---- the two ways out ---- */

struct scratch {
    struct arena arena;
    struct lf_cell *cells;
};

static void scratch_done(struct scratch *scratch)
{
    arena_done(&scratch->arena);
    free(scratch->cells);
}

/* Bad texts become good ones in the arena. */
static bool repair_cells(const struct lf_schema *schema, struct lf_cell *cells, struct arena *arena)
{
    bool any = false;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (!is_bad_text(&schema->columns[i], &cells[i])) {
            continue;
        }
        CLEANUP(buf_done) struct buf text = {0};
        intake_repair_text(cells[i].bytes, &text);
        cells[i].bytes = arena_slice(arena, buf_slice(&text));
        any = true;
    }
    return any;
}

static struct lf_slice start_of(const struct flaw *flaw)
{
    if (flaw->cell == NULL || flaw->column->type == LF_TYPE_BOOLEAN || flaw->column->type == LF_TYPE_INT64 ||
        flaw->column->type == LF_TYPE_DOUBLE || flaw->cell->state != LF_CELL_VALUE) {
        bool refused = flaw->cell != NULL && flaw->cell->state == LF_CELL_REFUSED;
        return refused ? flaw->cell->refusal->start : slice_none();
    }
    return flaw->cell->bytes;
}

/* As it stands in the lake, without quotes. */
static void append_key_cell(const struct lf_column *column, const struct lf_cell *cell, struct buf *list)
{
    CLEANUP(buf_done) struct buf raw = {0};
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_error err;
    bool quoted = csv_append_cell(&raw, column, cell, &err) && csv_is_quoted(column->type);
    bool plain = !quoted || csv_append_unquoted(&text, buf_slice(&raw)) != NULL;
    bad_row_append_key(list, buf_slice(plain ? &raw : &text));
}

/* `key_cells` in key order. */
static void append_note(const struct lf_schema *schema, const struct lf_cell *key_cells, const struct flaw *flaw,
                        struct buf *out)
{
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(text_free) char *reason = utf8_copy(flaw->err.msg);
    CLEANUP(text_free) char *column = utf8_copy(flaw->column != NULL ? flaw->column->name : "");
    for (uint32_t i = 0; i < schema->nkey; i++) {
        append_key_cell(&schema->columns[schema->key[i]], &key_cells[i], &key);
    }
    bad_row_append(out, &(struct bad_row){
                            .kind = flaw->err.kind,
                            .column_id = flaw->column != NULL ? flaw->column->id : 0,
                            .column = slice_of_text(column),
                            .reason = slice_of_text(reason),
                            .start = start_of(flaw),
                            .key = buf_slice(&key),
                        });
}

static bool fail_row(const char *table, const struct lf_schema *schema, struct lf_slice key, const struct flaw *flaw,
                     struct lf_error *err)
{
    *err = flaw->err;
    size_t len = strlen(err->msg);
    if (flaw->text) {
        (void)snprintf(
            err->msg + len, sizeof err->msg - len,
            "; to take its values as they are, configure \"columns\": {\"%.64s\": {\"type\": \"binary\"}}; or set "
            "on_bad_text to replace or quarantine",
            flaw->column->name);
    } else {
        (void)snprintf(err->msg + len, sizeof err->msg - len, "; or set on_bad_row to quarantine");
    }
    if (flaw->cell != NULL && flaw->cell->state == LF_CELL_REFUSED) {
        return false; /* it names its row */
    }
    CLEANUP(buf_done) struct buf text = {0};
    key_print(schema, key, &text);
    return lf_error_wrap(err, "table %s, row %s", table, buf_text(&text));
}

bool intake_note(const struct lf_schema *schema, struct lf_slice key, const struct lf_error *why, struct buf *out,
                 struct lf_error *err)
{
    CLEANUP(scratch_done) struct scratch scratch = {.cells = mem_new(schema->nkey, sizeof(struct lf_cell))};
    CLEANUP(buf_done) struct buf texts = {0};
    const struct flaw flaw = {.err = *why};
    TRY(key_decode(schema, key, scratch.cells, &texts, err));
    append_note(schema, scratch.cells, &flaw, out);
    return buf_check(out, "note", err);
}

/* ---- rows ---- */

static bool judge_row(const struct intake_policy *policy, const char *table, const struct lf_schema *schema,
                      const struct lf_cell *cells, struct lf_slice key, struct buf *out, struct intake *ret,
                      struct lf_error *err)
{
    CLEANUP(scratch_done) struct scratch scratch = {0};
    struct flaw flaw = {.err = *err};
    scratch.cells = mem_new(schema->ncolumns, sizeof *scratch.cells);
    memcpy(scratch.cells, cells, schema->ncolumns * sizeof *scratch.cells);
    if (policy->bad_text == INTAKE_REPLACE && repair_cells(schema, scratch.cells, &scratch.arena)) {
        out->overflow = false;
        ret->repaired = csv_append_row(out, schema, scratch.cells, &ret->absent, &flaw.err);
        if (ret->repaired) {
            return true;
        }
    }
    find_flaw(policy, schema, scratch.cells, &flaw);
    flaw.cell = flaw.cell == NULL ? NULL : &cells[flaw.cell - scratch.cells]; /* as the source has it */
    if (rule_of(policy, &flaw) != INTAKE_QUARANTINE || (flaw.err.kind != LF_DATA && flaw.err.kind != LF_LIMIT)) {
        return fail_row(table, schema, key, &flaw, err);
    }
    struct lf_cell *key_cells = arena_alloc(&scratch.arena, schema->nkey * sizeof *key_cells);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        key_cells[i] = cells[schema->key[i]];
    }
    out->overflow = false;
    append_note(schema, key_cells, &flaw, out);
    ret->bad = true;
    return buf_check(out, "note", err);
}

bool intake_row(const struct intake_policy *policy, const char *table, const struct lf_schema *schema,
                const struct lf_cell *cells, struct lf_slice key, struct buf *out, struct intake *ret,
                struct lf_error *err)
{
    *ret = (struct intake){0};
    return csv_append_row(out, schema, cells, &ret->absent, err) ||
           judge_row(policy, table, schema, cells, key, out, ret, err);
}
