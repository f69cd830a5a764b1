/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "link/masking_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- rules ---- */

static struct masking_rules copy_rules(struct masking *masking, const struct masking_table *table)
{
    struct arena *arena = &masking->arena;
    struct masking_rule *list = arena_alloc(arena, (table->ncolumns + 1) * sizeof *list);
    const struct lf_slice key = {masking->key, masking->key_len};
    for (size_t i = 0; i < table->ncolumns; i++) {
        const struct masking_column *column = &table->columns[i];
        const char *text = arena_text(arena, column->text != NULL ? column->text : "");
        list[i] = (struct masking_rule){arena_text(arena, column->name), mask_make(column->kind, text, key)};
    }
    return (struct masking_rules){.table = arena_text(arena, table->table), .list = list, .count = table->ncolumns};
}

struct masking *masking_new(const struct masking_options *options)
{
    struct masking *masking = mem_new(1, sizeof *masking);
    masking->inner = options->connector->ops;
    masking->connector = *options->connector;
    masking->connector.ops = &masking->ops;
    masking->key_len = options->key.len;
    masking->key = text_copy_len(options->key.ptr, options->key.len);
    masking->tables = arena_alloc(&masking->arena, (options->ntables + 1) * sizeof *masking->tables);
    masking->ntables = options->ntables;
    for (size_t i = 0; i < options->ntables; i++) {
        masking->tables[i] = copy_rules(masking, &options->tables[i]);
    }
    masking_session_ops(masking);
    return masking;
}

void masking_free(struct masking **masking)
{
    if (*masking == NULL) {
        return;
    }
    explicit_bzero((*masking)->key, (*masking)->key_len);
    text_free(&(*masking)->key);
    arena_done(&(*masking)->arena);
    free(*masking);
    *masking = NULL;
}

const struct lf_connector *masking_connector(const struct masking *masking)
{
    return &masking->connector;
}

void masking_bind(struct masking *masking, const char *table, struct lf_slice id)
{
    for (size_t i = 0; i < masking->ntables; i++) {
        if (strcmp(masking->tables[i].table, table) == 0) {
            masking->tables[i].id = arena_slice(&masking->arena, id);
        }
    }
}

const struct masking_rules *masking_find_rules(const struct masking *masking, const char *table, struct lf_slice id)
{
    const struct masking_rules *bound = NULL;
    for (size_t i = 0; i < masking->ntables; i++) {
        const struct masking_rules *rules = &masking->tables[i];
        if (strcmp(rules->table, table) == 0) {
            return rules;
        }
        bound = id.len > 0 && slice_equal(rules->id, id) ? rules : bound;
    }
    return bound;
}

const struct masking_rule *masking_find_rule(const struct masking_rules *rules, const char *column)
{
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        if (strcmp(rules->list[i].column, column) == 0) {
            return &rules->list[i];
        }
    }
    return NULL;
}

/* NULL: what the rule says is that there is none. */
static const struct mask *mask_of(const struct masking_rule *rule)
{
    return rule->mask.kind == MASK_NONE ? NULL : &rule->mask;
}

const struct mask *masking_find_sign(const struct masking *masking, const struct mask *sign)
{
    for (size_t i = 0; i < masking->ntables; i++) {
        for (size_t k = 0; k < masking->tables[i].count; k++) {
            if (mask_is_same(&masking->tables[i].list[k].mask, sign)) {
                return &masking->tables[i].list[k].mask;
            }
        }
    }
    return NULL;
}

/* ---- shapes ---- */

void masking_shape_done(struct masking_shape *shape)
{
    arena_done(&shape->arena);
    *shape = (struct masking_shape){0};
}

static void begin_shape(struct masking_shape *shape, const struct masking_rules *rules, const char *table,
                        const struct lf_schema *schema)
{
    *shape = (struct masking_shape){.rules = rules};
    shape->table = arena_text(&shape->arena, table);
    shape->columns = arena_alloc(&shape->arena, ((size_t)schema->ncolumns + 1) * sizeof *shape->columns);
    shape->masks = arena_alloc(&shape->arena, ((size_t)schema->ncolumns + 1) * sizeof(struct mask *));
    shape->key = arena_alloc(&shape->arena, ((size_t)schema->nkey + 1) * sizeof *shape->key);
}

static void add_column(struct masking_shape *shape, const struct lf_column *column, const struct mask *mask)
{
    struct lf_column *to = &shape->columns[shape->ncolumns];
    *to = *column;
    to->name = arena_text(&shape->arena, column->name);
    to->source_type = arena_text(&shape->arena, column->source_type != NULL ? column->source_type : "");
    shape->any = shape->any || mask != NULL;
    shape->masks[shape->ncolumns++] = mask;
}

/* Column `at` of the schema is the one added last. */
static void note_key(struct masking_shape *shape, const struct lf_schema *schema, uint32_t at)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        if (schema->key[i] == at) {
            shape->key[i] = shape->ncolumns - 1;
            shape->nkey = schema->nkey;
            shape->key_masked = shape->key_masked || shape->masks[shape->ncolumns - 1] != NULL;
        }
    }
}

static const struct mask *mask_before(const struct masking_shape *before, uint32_t id)
{
    for (uint32_t i = 0; before != NULL && i < before->ncolumns; i++) {
        if (before->columns[i].id == id) {
            return before->masks[i];
        }
    }
    return NULL;
}

void masking_shape_of_source(const struct masking_rules *rules, const char *table, const struct lf_schema *schema,
                             const struct masking_shape *before, struct masking_shape *ret_shape)
{
    begin_shape(ret_shape, rules, table, schema);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        const struct lf_column *column = &schema->columns[i];
        const struct masking_rule *rule = masking_find_rule(rules, column->name);
        add_column(ret_shape, column, rule != NULL ? mask_of(rule) : mask_before(before, column->id));
        note_key(ret_shape, schema, i);
    }
}

static bool fail_other_mask(const struct lf_table_state *state, const struct lf_column *column, struct lf_error *err)
{
    return lf_error_set(
        err, LF_CONFIG, 0,
        "table %s: the column %.200s is masked otherwise than when the lake's rows were written; run the "
        "link, which loads the table again",
        state->name, column->name);
}

/* *ret_mask NULL: none. */
static bool read_lake_column(const struct masking *masking, const struct masking_rules *rules,
                             const struct lf_table_state *state, const struct lf_column *column, struct arena *arena,
                             struct lf_column *ret_source, const struct mask **ret_mask, struct lf_error *err)
{
    struct mask sign;
    const struct masking_rule *rule = masking_find_rule(rules, column->name);
    *ret_source = *column;
    *ret_mask = NULL;
    if (!mask_read_column(column, arena, &sign, ret_source)) {
        return rule == NULL || mask_of(rule) == NULL || column->dropped || fail_other_mask(state, column, err);
    }
    *ret_mask = masking_find_sign(masking, &sign);
    const bool same = *ret_mask != NULL && (rule == NULL || mask_is_same(&rule->mask, &sign));
    return same || column->dropped || fail_other_mask(state, column, err);
}

bool masking_shape_of_lake(const struct masking *masking, const struct lf_table_state *state,
                           struct masking_shape *ret_shape, struct lf_table_state *ret_source, struct lf_error *err)
{
    CLEANUP(masking_shape_done) struct masking_shape shape = {0};
    const struct lf_schema *lake = &state->schema;
    const struct masking_rules *rules = masking_find_rules(masking, state->name, state->id);
    begin_shape(&shape, rules, state->name, lake);
    struct lf_column *columns = arena_alloc(&shape.arena, ((size_t)lake->ncolumns + 1) * sizeof *columns);
    for (uint32_t i = 0; i < lake->ncolumns; i++) {
        const struct mask *mask = NULL;
        TRY(read_lake_column(masking, rules, state, &lake->columns[i], &shape.arena, &columns[i], &mask, err));
        if (!lake->columns[i].dropped) {
            add_column(&shape, &columns[i], mask);
            note_key(&shape, lake, i);
        }
    }
    *ret_source = *state;
    ret_source->schema.columns = columns;
    *ret_shape = shape;
    shape = (struct masking_shape){0};
    return true;
}

struct lf_schema masking_lake_schema(const struct masking_shape *shape, struct arena *arena)
{
    struct lf_column *columns = arena_alloc(arena, ((size_t)shape->ncolumns + 1) * sizeof *columns);
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        columns[i] =
            shape->masks[i] == NULL ? shape->columns[i] : mask_column(shape->masks[i], &shape->columns[i], arena);
    }
    return (struct lf_schema){.columns = columns, .ncolumns = shape->ncolumns, .key = shape->key, .nkey = shape->nkey};
}

/* ---- cells ---- */

/* What is wrong with a cell of another column may name the row by its key. */
static struct lf_cell clean_cell(const struct masking_shape *shape, uint32_t column, const struct lf_cell *cell,
                                 struct arena *arena)
{
    if (cell->state != LF_CELL_REFUSED || !shape->key_masked) {
        return *cell;
    }
    struct lf_refusal *refusal = arena_copy(arena, cell->refusal, sizeof *refusal);
    CLEANUP(text_free)
    char *reason =
        text_printf("table %.200s, column %.200s: a value does not fit its type (the row is not named, since "
                    "its key is masked)",
                    shape->table, shape->columns[column].name);
    refusal->reason = arena_text(arena, reason);
    return (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = refusal};
}

static struct lf_cell make_cell(const struct masking_shape *shape, uint32_t column, const struct lf_cell *cell,
                                struct arena *arena)
{
    const struct mask *mask = shape->masks[column];
    return mask == NULL ? clean_cell(shape, column, cell, arena)
                        : mask_cell(mask, shape->table, &shape->columns[column], cell, arena);
}

void masking_row(const struct masking_shape *shape, const struct lf_cell *cells, struct arena *arena,
                 struct lf_cell *ret_cells)
{
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        ret_cells[i] = make_cell(shape, i, &cells[i], arena);
    }
}

void masking_key(const struct masking_shape *shape, const struct lf_cell *cells, struct arena *arena,
                 struct lf_cell *ret_cells)
{
    for (uint32_t i = 0; i < shape->nkey; i++) {
        ret_cells[i] = make_cell(shape, shape->key[i], &cells[i], arena);
    }
}

/* ---- messages ---- */

bool masking_is_telling(enum lf_error_kind kind)
{
    return kind == LF_DATA || kind == LF_LIMIT || kind == LF_INTERNAL;
}

bool masking_hush(const char *table, struct lf_error *err)
{
    return !masking_is_telling(err->kind)
               ? false
               : lf_error_set(err, err->kind, err->code,
                              "table %s: a row cannot be taken; what the source says of it is "
                              "not shown, since the table has masked columns",
                              table);
}
