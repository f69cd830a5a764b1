/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/layout.h"

#include "base/utf8.h"

#define SHOWN_MAX ((size_t)60)

static const struct lf_column *known_by_id(const struct lf_schema *known, uint32_t id)
{
    for (uint32_t i = 0; i < known->ncolumns; i++) {
        if (known->columns[i].id == id) {
            return &known->columns[i];
        }
    }
    return NULL;
}

static bool same_type(const struct lf_column *a, const struct lf_column *b)
{
    return a->type == b->type && a->precision == b->precision && a->scale == b->scale &&
           strcmp(a->source_type, b->source_type) == 0;
}

static bool same_key(const struct lf_schema *a, const struct lf_schema *b)
{
    if (a->nkey != b->nkey) {
        return false;
    }
    for (uint32_t i = 0; i < a->nkey; i++) {
        if (a->columns[a->key[i]].id != b->columns[b->key[i]].id) {
            return false;
        }
    }
    return true;
}

static const struct pg_column *column_by_id(const struct pg_table *table, uint32_t id)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if ((uint32_t)table->columns[i].attnum == id) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* A column that may have values in rows that were there before it. */
static bool has_values_at_once(const struct pg_column *column)
{
    return column->has_missing || column->has_default || column->not_null;
}

struct difference {
    bool added, filled, dropped, renamed, returned;
    const struct lf_column *retyped, *retyped_from; /* the first one; NULL: none */
};

static uint32_t count_live(const struct lf_schema *schema)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        n += schema->columns[i].dropped ? 0 : 1;
    }
    return n;
}

static struct difference compare_columns(const struct lf_schema *known, const struct lf_schema *now,
                                         const struct pg_table *table)
{
    struct difference difference = {0};
    uint32_t matched = 0;
    const struct lf_column *before = NULL;
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        const struct lf_column *column = &now->columns[i];
        const struct lf_column *have = known_by_id(known, column->id);
        if (have == NULL) {
            difference.added = true;
            difference.filled = difference.filled || has_values_at_once(column_by_id(table, column->id));
            continue;
        }
        matched++;
        difference.returned = difference.returned || have->dropped || (before != NULL && have < before);
        if (difference.retyped == NULL && !same_type(have, column)) {
            difference.retyped = column;
            difference.retyped_from = have;
        }
        difference.renamed = difference.renamed || strcmp(have->name, column->name) != 0;
        before = have;
    }
    difference.dropped = matched < count_live(known);
    return difference;
}

static const char *say_retyped(const struct difference *difference, struct arena *arena)
{
    const struct lf_column *from = difference->retyped_from, *to = difference->retyped;
    bool declared = strcmp(from->source_type, to->source_type) != 0;
    CLEANUP(text_free)
    char *text = declared ? text_printf("the type of the column %.150s changed from %.100s to %.100s", to->name,
                                        from->source_type, to->source_type)
                          : text_printf("the column %.150s has another type in the lake than before", to->name);
    return arena_text(arena, text);
}

enum pg_change pg_schema_compare(const struct lf_schema *known, const struct pg_table *now, struct arena *arena,
                                 const char **ret_reason)
{
    CLEANUP(arena_done) struct arena own = {0};
    struct lf_schema schema = pg_table_schema(now, &own);
    struct difference difference = compare_columns(known, &schema, now);
    *ret_reason = "";
    if (!same_key(known, &schema)) {
        *ret_reason = "the key of the table changed";
        return PG_REPLACED;
    }
    if (difference.retyped != NULL) {
        *ret_reason = say_retyped(&difference, arena);
        return PG_REPLACED;
    }
    if (difference.returned) {
        *ret_reason = "a column that was left out is taken again";
        return PG_REPLACED;
    }
    if (difference.filled) {
        *ret_reason = "a column was added that has values in the rows already there";
        return PG_REWRITTEN;
    }
    if (difference.added || difference.dropped || difference.renamed) {
        *ret_reason = "columns were added, dropped or renamed";
        return PG_EVOLVED;
    }
    return PG_SAME;
}

void pg_layout_init(struct pg_layout *layout, const struct pg_table *table)
{
    *layout = (struct pg_layout){0};
    struct arena *arena = &layout->arena;
    struct lf_schema schema = pg_table_schema(table, arena);
    struct lf_column *columns = arena_copy(arena, schema.columns, (schema.ncolumns + 1) * sizeof *columns);
    layout->types = arena_alloc(arena, (schema.ncolumns + 1) * sizeof *layout->types);
    layout->key = arena_alloc(arena, (schema.ncolumns + 1) * sizeof *layout->key);
    for (uint32_t i = 0; i < schema.ncolumns; i++) {
        const struct pg_column *from = column_by_id(table, columns[i].id);
        columns[i].name = arena_text(arena, columns[i].name);
        columns[i].source_type = arena_text(arena, columns[i].source_type);
        layout->types[i] = from->type;
        layout->key[i] = from->key > 0;
    }
    schema.columns = columns;
    layout->schema = schema;
    layout->name = arena_text(arena, table->name);
}

void pg_layout_done(struct pg_layout *layout)
{
    arena_done(&layout->arena);
    *layout = (struct pg_layout){0};
}

/* ---- rows ---- */

static void append_shown(struct buf *out, const struct pg_field *field)
{
    if (field->state != PG_FIELD_TEXT) {
        buf_append_text(out, field->state == PG_FIELD_NULL ? "NULL" : "(not sent)");
        return;
    }
    size_t len = field->len < SHOWN_MAX ? field->len : SHOWN_MAX;
    buf_append_char(out, '\'');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)field->text[i];
        bool printable = c >= 0x20 && c != 0x7f;
        buf_append(out, printable ? field->text + i : "?", 1);
    }
    buf_append_text(out, len < field->len ? "…'" : "'");
}

static bool value_error(const struct pg_layout *layout, const struct pg_field *fields, uint32_t column, const char *why,
                        struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    const struct lf_schema *schema = &layout->schema;
    for (uint32_t i = 0; i < schema->nkey; i++) {
        uint32_t part = schema->key[i];
        buf_printf(&text, "%s%.60s=", i > 0 ? ", " : "", schema->columns[part].name);
        append_shown(&text, &fields[part]);
    }
    buf_append_text(&text, ": the value ");
    append_shown(&text, &fields[column]);
    CLEANUP(text_free) char *clean = utf8_copy(buf_text(&text)); /* what was cut may end in half a character */
    bool missing = fields[column].state != PG_FIELD_TEXT;
    return lf_error_set(err, LF_DATA, 0, "table %.100s, column %.100s, row with key %.400s %s%s%.100s%s", layout->name,
                        schema->columns[column].name, clean, why,
                        missing ? "" : "; to take its values as they are, configure \"columns\": {\"",
                        missing ? "" : schema->columns[column].name, missing ? "" : "\": {\"type\": \"string\"}}");
}

static void refuse(const struct pg_field *field, const struct lf_error *why, struct arena *arena,
                   struct lf_cell *ret_cell)
{
    struct lf_refusal *refusal = arena_alloc(arena, sizeof *refusal);
    size_t len = field->len < PG_REFUSED_START ? field->len : PG_REFUSED_START;
    *refusal = (struct lf_refusal){
        .kind = why->kind, .reason = arena_text(arena, why->msg), .start = {arena_copy(arena, field->text, len), len}};
    *ret_cell = (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = refusal};
}

bool pg_layout_row(const struct pg_layout *layout, const struct pg_field *fields, struct arena *arena,
                   struct lf_cell *ret_cells, struct lf_error *err)
{
    for (uint32_t i = 0; i < layout->schema.ncolumns; i++) {
        const struct pg_field *field = &fields[i];
        const char *why = NULL;
        if (field->state == PG_FIELD_TEXT) {
            why = pg_cell_from_text(&layout->types[i], field->text, field->len, arena, &ret_cells[i]);
        } else {
            bool null = field->state == PG_FIELD_NULL;
            ret_cells[i] = (struct lf_cell){.state = null ? LF_CELL_NULL : LF_CELL_ABSENT};
            why = null && layout->key[i] ? "is NULL in a key" : NULL;
        }
        if (why != NULL) {
            (void)value_error(layout, fields, i, why, err);
            TRY(!layout->key[i]);
            refuse(field, err, arena, &ret_cells[i]);
        }
    }
    return true;
}

bool pg_layout_key(const struct pg_layout *layout, const struct pg_field *fields, struct arena *arena,
                   struct lf_cell *ret_cells, struct lf_error *err)
{
    for (uint32_t i = 0; i < layout->schema.nkey; i++) {
        uint32_t part = layout->schema.key[i];
        const struct pg_field *field = &fields[part];
        const char *why = field->state != PG_FIELD_TEXT
                              ? "is missing in a key"
                              : pg_cell_from_text(&layout->types[part], field->text, field->len, arena, &ret_cells[i]);
        if (why != NULL) {
            return value_error(layout, fields, part, why, err);
        }
    }
    return true;
}
