/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_row.h"

#include <stdlib.h>

#define CELL_MAX ((size_t)32 << 20) /* of text; no row of a lake can hold the value of a larger one */

void stream_row_done(struct stream_row *row)
{
    free(row->fields);
    free(row->old);
    *row = (struct stream_row){0};
}

static struct pg_field *clear_fields(struct pg_field **fields, size_t *size, uint32_t count, enum pg_field_state state)
{
    mem_grow(fields, size, (size_t)count + 1, sizeof **fields);
    for (uint32_t i = 0; i < count; i++) {
        (*fields)[i] = (struct pg_field){.state = state};
    }
    return *fields;
}

static struct pg_field field_of(const struct pgoutput_cell *cell)
{
    enum pg_field_state state = cell->state == PGOUTPUT_TEXT   ? PG_FIELD_TEXT
                                : cell->state == PGOUTPUT_NULL ? PG_FIELD_NULL
                                                               : PG_FIELD_ABSENT;
    return (struct pg_field){.state = state, .text = cell->text, .len = cell->len};
}

/* Whether the old row has a value of that column of RELATION: in a key tuple all others are NULL whatever they were. */
static bool old_has(const struct stream_table *table, const struct pgoutput_message *message, uint32_t column)
{
    return message->old == PGOUTPUT_OLD_ROW || (message->old == PGOUTPUT_OLD_KEY && table->key[column]);
}

/* A large value that the server did not read again stands in the old row when that is complete. */
static const struct pgoutput_cell *new_cell(const struct stream_table *table, const struct pgoutput_message *message,
                                            uint32_t column)
{
    const struct pgoutput_cell *cell = &message->cells[column];
    bool unchanged = cell->state == PGOUTPUT_UNCHANGED && old_has(table, message, column);
    return unchanged ? &message->old_cells[column] : cell;
}

static struct pg_field *fill_new(struct stream_row *row, const struct stream_table *table,
                                 const struct pgoutput_message *message)
{
    /* A column that came after the row did not exist for it. */
    struct pg_field *fields =
        clear_fields(&row->fields, &row->nfields, table->shape->layout.schema.ncolumns, PG_FIELD_NULL);
    for (uint32_t i = 0; i < table->nplaces; i++) {
        if (table->places[i] != SHAPE_NO_PLACE) {
            fields[table->places[i]] = field_of(new_cell(table, message, i));
        }
    }
    return fields;
}

static struct pg_field *fill_old(struct stream_row *row, const struct stream_table *table,
                                 const struct pgoutput_message *message)
{
    const struct pg_layout *layout = &table->shape->layout;
    struct pg_field *fields = clear_fields(&row->old, &row->nold, layout->schema.ncolumns, PG_FIELD_ABSENT);
    for (uint32_t i = 0; i < table->nplaces; i++) {
        uint32_t place = table->places[i];
        if (place != SHAPE_NO_PLACE && layout->key[place] && old_has(table, message, i)) {
            fields[place] = field_of(&message->old_cells[i]);
        }
    }
    return fields;
}

static bool same_text(const struct pg_field *a, const struct pg_field *b)
{
    return a->state == b->state && a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

static bool same_key(const struct pg_layout *layout, const struct pg_field *a, const struct pg_field *b)
{
    for (uint32_t i = 0; i < layout->schema.nkey; i++) {
        TRY(same_text(&a[layout->schema.key[i]], &b[layout->schema.key[i]]));
    }
    return true;
}

/* ---- values that no row of a lake can hold ---- */

/* Takes them out of the fields before anything is made of them. The key cannot do without one. */
static bool set_aside(const struct pg_layout *layout, struct pg_field *fields, bool *ret_any, struct lf_error *err)
{
    for (uint32_t i = 0; i < layout->schema.ncolumns; i++) {
        if (fields[i].state == PG_FIELD_TEXT && fields[i].len > CELL_MAX) {
            if (layout->key[i]) {
                return lf_error_set(err, LF_LIMIT, 0, "column %.100s: a value of %zu bytes in the key of a row",
                                    layout->schema.columns[i].name, fields[i].len);
            }
            *ret_any = true;
            fields[i].state = PG_FIELD_ABSENT;
        }
    }
    return true;
}

static void refuse_set_aside(const struct pg_layout *layout, const struct pg_field *fields, struct arena *arena,
                             struct lf_cell *cells)
{
    for (uint32_t i = 0; i < layout->schema.ncolumns; i++) {
        if (fields[i].state == PG_FIELD_ABSENT && fields[i].len > CELL_MAX) {
            char text[400];
            struct lf_refusal *refusal = arena_alloc(arena, sizeof *refusal);
            (void)snprintf(text, sizeof text,
                           "table %.150s, column %.100s: a value of %zu bytes is larger than a row of the lake can be; "
                           "leave the column out with \"exclude\"",
                           layout->name, layout->schema.columns[i].name, fields[i].len);
            *refusal =
                (struct lf_refusal){.kind = LF_LIMIT,
                                    .reason = arena_text(arena, text),
                                    .start = {arena_copy(arena, fields[i].text, PG_REFUSED_START), PG_REFUSED_START}};
            cells[i] = (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = refusal};
        }
    }
}

static bool make_cells(const struct pg_layout *layout, struct pg_field *fields, struct arena *arena,
                       const struct lf_cell **ret_cells, struct lf_error *err)
{
    bool any = false;
    struct lf_cell *cells = arena_alloc(arena, ((size_t)layout->schema.ncolumns + 1) * sizeof *cells);
    TRY(set_aside(layout, fields, &any, err));
    TRY(pg_layout_row(layout, fields, arena, cells, err));
    if (any) {
        refuse_set_aside(layout, fields, arena, cells);
    }
    *ret_cells = cells;
    return true;
}

/* ---- events ---- */

static bool add_upsert(struct stream_row *row, struct stream_tables *tables, const struct stream_table *table,
                       const struct pgoutput_message *message, struct lf_error *err)
{
    const struct pg_layout *layout = &table->shape->layout;
    struct arena *arena = &tables->batch->arena;
    const struct lf_cell *cells = NULL;
    struct lf_cell *old_key = NULL;
    struct pg_field *fields = fill_new(row, table, message);
    TRY(make_cells(layout, fields, arena, &cells, err));
    if (message->old != PGOUTPUT_OLD_NONE) {
        const struct pg_field *old = fill_old(row, table, message);
        if (!same_key(layout, old, fields)) {
            old_key = arena_alloc(arena, ((size_t)layout->schema.nkey + 1) * sizeof *old_key);
            TRY(pg_layout_key(layout, old, arena, old_key, err));
        }
    }
    struct lf_event *event = stream_batch_add(tables->batch, LF_EVENT_ROW, table->index);
    event->op = message->kind == PGOUTPUT_INSERT ? LF_OP_INSERT : LF_OP_UPDATE;
    event->cells = cells;
    event->old_key = old_key;
    return true;
}

static bool add_delete(struct stream_row *row, struct stream_tables *tables, const struct stream_table *table,
                       const struct pgoutput_message *message, struct lf_error *err)
{
    const struct lf_cell *cells = NULL;
    TRY(make_cells(&table->shape->layout, fill_old(row, table, message), &tables->batch->arena, &cells, err));
    struct lf_event *event = stream_batch_add(tables->batch, LF_EVENT_ROW, table->index);
    event->op = LF_OP_DELETE;
    event->cells = cells;
    return true;
}

/* A column of the key is never NULL, so the server logged the row by other columns: a partition with an identity of its own. */
static bool old_lacks_key(const struct stream_row *row, const struct stream_table *table,
                          const struct pgoutput_message *message)
{
    const struct pg_layout *layout = &table->shape->layout;
    bool lacks = false;
    for (uint32_t i = 0; message->old != PGOUTPUT_OLD_NONE && i < layout->schema.nkey; i++) {
        lacks = lacks || row->old[layout->schema.key[i]].state != PG_FIELD_TEXT;
    }
    return lacks;
}

static bool is_of_row(const struct lf_error *err)
{
    return err->kind == LF_DATA || err->kind == LF_LIMIT || err->kind == LF_SCHEMA;
}

/* An update by which a row comes to meet the filter is sent as its insert, without the large values that it did not change: nobody
 * has them. */
static bool lacks_values(const struct stream_table *table, const struct pgoutput_message *message)
{
    bool lacks = false;
    for (uint32_t i = 0; message->kind == PGOUTPUT_INSERT && i < table->nplaces; i++) {
        lacks = lacks || (table->places[i] != SHAPE_NO_PLACE && message->cells[i].state == PGOUTPUT_UNCHANGED);
    }
    return lacks;
}

bool stream_row_add(struct stream_row *row, struct stream_tables *tables, struct stream_table *table,
                    const struct pgoutput_message *message, struct lf_error *err)
{
    bool gone = message->kind == PGOUTPUT_DELETE;
    if ((gone ? message->nold_cells : message->ncells) != table->nplaces) {
        return lf_error_set(err, LF_INTERNAL, 0,
                            "the server sent a row of table %.150s that it had described otherwise", table->name);
    }
    if (lacks_values(table, message)) {
        stream_batch_add_reload(tables->batch, table->index, NULL,
                                "a row came to meet the filter, and its large values were not sent");
        return true;
    }
    bool ok = gone ? add_delete(row, tables, table, message, err) : add_upsert(row, tables, table, message, err);
    if (ok || !is_of_row(err)) {
        return ok;
    }
    if (old_lacks_key(row, table, message)) {
        stream_tables_fault(tables, table, LF_SCHEMA,
                            "the log does not name its rows by the key: a partition has another replica identity");
    } else if (!gone) { /* no row with such a key was ever taken, so there is none to delete */
        stream_tables_fault(tables, table, err->kind, err->msg);
    }
    return true;
}
