/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_shape.h"

#include <stdlib.h>

struct stream_shape *shape_from_catalog(const struct pg_table *table)
{
    struct stream_shape *shape = mem_new(1, sizeof *shape);
    pg_layout_init(&shape->layout, table);
    shape->ncolumns = table->ncolumns;
    shape->columns = arena_alloc(&shape->layout.arena, (table->ncolumns + 1) * sizeof *shape->columns);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct pg_column *column = &table->columns[i];
        shape->columns[i] = (struct shape_column){.name = arena_text(&shape->layout.arena, column->name),
                                                  .attnum = (uint32_t)column->attnum,
                                                  .type = column->type_oid,
                                                  .typmod = column->typmod,
                                                  .optional = column->excluded || column->generated,
                                                  .computed = column->generated};
    }
    return shape;
}

static const struct pg_column *find_attnum(const struct pg_table *table, uint32_t attnum)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if ((uint32_t)table->columns[i].attnum == attnum) {
            return &table->columns[i];
        }
    }
    return NULL;
}

static void add_column(struct stream_shape *shape, const struct shape_column *column)
{
    shape->columns[shape->ncolumns] = *column;
    shape->columns[shape->ncolumns++].name = arena_text(&shape->layout.arena, column->name);
}

static int compare_columns(const void *a, const void *b)
{
    const struct shape_column *left = a, *right = b;
    return (left->attnum > right->attnum) - (left->attnum < right->attnum);
}

struct stream_shape *shape_from_state(const struct lf_schema *state, const struct pg_table *now)
{
    struct stream_shape *shape = mem_new(1, sizeof *shape);
    shape->columns =
        arena_alloc(&shape->layout.arena, ((size_t)state->ncolumns + now->ncolumns + 1) * sizeof *shape->columns);
    for (uint32_t i = 0; i < state->ncolumns; i++) {
        const struct lf_column *had = &state->columns[i];
        const struct pg_column *has = find_attnum(now, had->id);
        if (!had->dropped) {
            bool same = has != NULL && strcmp(has->declared, had->source_type) == 0;
            add_column(shape, &(struct shape_column){.name = had->name,
                                                     .attnum = had->id,
                                                     .type = same ? has->type_oid : 0,
                                                     .typmod = same ? has->typmod : 0});
        }
    }
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        const struct pg_column *has = &now->columns[i];
        if (has->excluded || has->generated) {
            add_column(shape, &(struct shape_column){.name = has->name,
                                                     .attnum = (uint32_t)has->attnum,
                                                     .type = has->type_oid,
                                                     .typmod = has->typmod,
                                                     .optional = true,
                                                     .computed = has->generated});
        }
    }
    qsort(shape->columns, shape->ncolumns, sizeof *shape->columns, compare_columns);
    return shape;
}

void shape_free_chain(struct stream_shape *shape)
{
    while (shape != NULL) {
        struct stream_shape *older = shape->older;
        pg_layout_done(&shape->layout);
        free(shape);
        shape = older;
    }
}

/* Only forward: names that were swapped must not match. */
static uint32_t find_name(const struct stream_shape *shape, const char *name, uint32_t from)
{
    for (uint32_t i = from; i < shape->ncolumns; i++) {
        if (strcmp(shape->columns[i].name, name) == 0) {
            return i;
        }
    }
    return SHAPE_NO_PLACE;
}

static uint32_t count_required(const struct stream_shape *shape)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        count += shape->columns[i].optional ? 0 : 1;
    }
    return count;
}

static bool same_type(const struct shape_column *column, const struct pgoutput_column *wire)
{
    return column->type == 0 || (column->type == wire->type && column->typmod == wire->typmod);
}

bool shape_matches(const struct stream_shape *shape, const struct pgoutput_message *relation)
{
    uint32_t required = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        at = find_name(shape, relation->columns[i].name, at);
        if (at == SHAPE_NO_PLACE || !same_type(&shape->columns[at], &relation->columns[i])) {
            return false;
        }
        required += shape->columns[at].optional ? 0 : 1;
        at++;
    }
    return required == count_required(shape);
}

static uint32_t find_id(const struct lf_schema *schema, uint32_t id)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == id) {
            return i;
        }
    }
    return SHAPE_NO_PLACE;
}

static const struct shape_column *find_column(const struct stream_shape *shape, uint32_t attnum)
{
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        if (shape->columns[i].attnum == attnum) {
            return &shape->columns[i];
        }
    }
    return NULL;
}

static bool identifies(const struct lf_schema *schema, const struct pgoutput_message *relation, const uint32_t *places)
{
    if (relation->identity == 'n') {
        return true; /* the server refuses updates and deletes, so none comes */
    }
    for (uint32_t k = 0; k < schema->nkey; k++) {
        bool found = false;
        for (uint32_t i = 0; i < relation->ncolumns && !found; i++) {
            found = relation->columns[i].key && places[i] == schema->key[k];
        }
        TRY(found);
    }
    return true;
}

bool shape_place(const struct stream_shape *from, const struct stream_shape *to,
                 const struct pgoutput_message *relation, uint32_t *ret_places)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        at = find_name(from, relation->columns[i].name, at);
        const struct shape_column *had = &from->columns[at++];
        const struct shape_column *has = find_column(to, had->attnum);
        ret_places[i] = find_id(&to->layout.schema, had->attnum);
        TRY(ret_places[i] == SHAPE_NO_PLACE || same_type(has, &relation->columns[i]));
    }
    return identifies(&to->layout.schema, relation, ret_places);
}

/* ---- by order ---- */

static bool has_all_columns_of(const struct stream_shape *newest, const struct stream_shape *older)
{
    for (uint32_t i = 0; i < older->ncolumns; i++) {
        TRY(find_column(newest, older->columns[i].attnum) != NULL);
    }
    return true;
}

/* No number is missing above the last one that the oldest shape knew: nothing came and went in between. */
static bool grew_without_gaps(const struct stream_shape *newest, const struct stream_shape *oldest)
{
    uint32_t next = oldest->ncolumns == 0 ? 1 : oldest->columns[oldest->ncolumns - 1].attnum + 1;
    for (uint32_t i = 0; i < newest->ncolumns; i++) {
        if (newest->columns[i].attnum >= next) {
            TRY(newest->columns[i].attnum == next);
            next++;
        }
    }
    return true;
}

static bool only_grew(const struct stream_shape *newest)
{
    const struct stream_shape *oldest = newest;
    for (; oldest->older != NULL; oldest = oldest->older) {
        TRY(has_all_columns_of(newest, oldest->older));
    }
    return grew_without_gaps(newest, oldest);
}

bool shape_place_by_order(const struct stream_shape *newest, const struct pgoutput_message *relation,
                          uint32_t *ret_places)
{
    uint32_t at = 0;
    TRY(only_grew(newest));
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        while (at < newest->ncolumns && newest->columns[at].computed) {
            at++;
        }
        TRY(at < newest->ncolumns && same_type(&newest->columns[at], &relation->columns[i]));
        ret_places[i] = find_id(&newest->layout.schema, newest->columns[at++].attnum);
    }
    return identifies(&newest->layout.schema, relation, ret_places);
}
