/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/shape.h"

#include "source/sqlite/sql.h"
#include "source/sqlite/trigger.h"
#include "source/sqlite/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#define REFUSED_START ((size_t)32)

struct lf_slice shape_id(const char *epoch, int64_t tab, struct arena *arena)
{
    char text[EPOCH_LEN + 32];
    (void)snprintf(text, sizeof text, "%s/%" PRId64, epoch, tab);
    const char *id = arena_text(arena, text);
    return (struct lf_slice){id, strlen(id)};
}

/* A malformed id leaves tab 0, which no table has. */
static void parse_id(struct lf_slice id, struct shape *shape)
{
    char number[24] = "";
    const char *text = id.ptr;
    if (id.len <= EPOCH_LEN + 1 || id.len - EPOCH_LEN - 1 >= sizeof number || text[EPOCH_LEN] != '/') {
        return;
    }
    memcpy(shape->epoch, text, EPOCH_LEN);
    memcpy(number, text + EPOCH_LEN + 1, id.len - EPOCH_LEN - 1);
    shape->tab = strtoll(number, NULL, 10);
}

static struct lf_schema copy_schema(const struct lf_schema *from, struct arena *arena)
{
    struct lf_column *columns = arena_copy(arena, from->columns, from->ncolumns * sizeof *columns);
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        columns[i].name = arena_text(arena, columns[i].name);
        columns[i].source_type = arena_text(arena, columns[i].source_type);
    }
    return (struct lf_schema){columns, from->ncolumns, arena_copy(arena, from->key, from->nkey * sizeof *from->key),
                              from->nkey};
}

/* Rows have no cells for dropped columns, so the schema that they are laid out by has none of them. A key that names one fits
 * no table and is left empty. */
static struct lf_schema copy_live_schema(const struct lf_schema *from, struct arena *arena)
{
    struct lf_column *columns = arena_alloc(arena, (from->ncolumns + 1) * sizeof *columns);
    uint32_t *place = arena_alloc(arena, (from->ncolumns + 1) * sizeof *place);
    uint32_t *key = arena_alloc(arena, (from->nkey + 1) * sizeof *key);
    struct lf_schema live = {.columns = columns, .key = key, .nkey = from->nkey};
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        place[i] = live.ncolumns;
        if (!from->columns[i].dropped) {
            columns[live.ncolumns++] = from->columns[i];
        }
    }
    for (uint32_t i = 0; i < from->nkey; i++) {
        key[i] = place[from->key[i]];
        live.nkey = from->columns[from->key[i]].dropped ? 0 : live.nkey;
    }
    return copy_schema(&live, arena);
}

void shape_init(struct shape *shape, const struct lf_table_state *state)
{
    *shape = (struct shape){.next_id = 1};
    parse_id(state->id, shape);
    shape->name = arena_text(&shape->arena, state->name);
    shape->schema = copy_live_schema(&state->schema, &shape->arena);
    for (uint32_t i = 0; i < state->schema.ncolumns; i++) {
        uint32_t id = state->schema.columns[i].id;
        shape->next_id = id >= shape->next_id ? id + 1 : shape->next_id;
    }
}

void shape_done(struct shape *shape)
{
    sql_finalize(&shape->lookup);
    arena_done(&shape->arena);
}

static struct lf_column make_column(const struct table_column *from, uint32_t id, struct arena *arena)
{
    return (struct lf_column){.id = id,
                              .name = arena_text(arena, from->name),
                              .source_type = arena_text(arena, from->declared),
                              .type = from->type.type,
                              .max_length = from->type.max_length,
                              .scale = from->type.scale};
}

static uint32_t index_of_name(const struct lf_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (strcmp(schema->columns[i].name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void make_key(const struct table *table, struct lf_schema *schema, struct arena *arena)
{
    uint32_t *key = arena_alloc(arena, (table->nkey + 1) * sizeof *key);
    for (uint32_t i = 0; i < table->nkey; i++) {
        key[i] = index_of_name(schema, table->columns[table->key[i].column].name);
    }
    schema->key = key;
    schema->nkey = table->nkey;
}

struct lf_schema shape_first_schema(const struct table *table, struct arena *arena)
{
    struct lf_column *columns = arena_alloc(arena, (table->ncolumns + 1) * sizeof *columns);
    struct lf_schema schema = {.columns = columns};
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (!table->columns[i].excluded) {
            columns[schema.ncolumns] = make_column(&table->columns[i], schema.ncolumns + 1, arena);
            schema.ncolumns++;
        }
    }
    if (table->refusal == NULL) {
        make_key(table, &schema, arena);
    }
    return schema;
}

/* What was found when the table's columns were laid beside the known ones. */
struct difference {
    uint32_t added, dropped, renamed, retyped;
    bool rewritten; /* an added column has values in the old rows */
};

/* Dropping a column and adding one of the same name moves it to the end, so a match must not go back. */
static uint32_t match_column(const struct lf_schema *known, uint32_t from, const struct table_column *column,
                             struct difference *difference)
{
    for (uint32_t i = 0; i < known->ncolumns; i++) {
        const struct lf_column *have = &known->columns[i];
        if (strcasecmp(have->name, column->name) != 0) {
            continue;
        }
        if (have->type != column->type.type || strcmp(have->source_type, column->declared) != 0) {
            difference->retyped++;
            return UINT32_MAX;
        }
        return i >= from ? i : UINT32_MAX;
    }
    return UINT32_MAX;
}

static bool has_values_at_once(const struct table_column *column)
{
    return column->generated || (column->default_sql != NULL && strcasecmp(column->default_sql, "NULL") != 0);
}

static struct lf_schema match_schema(struct shape *shape, const struct table *table, struct arena *arena,
                                     struct difference *ret_difference)
{
    const struct lf_schema *known = &shape->schema;
    struct lf_column *columns = arena_alloc(arena, (table->ncolumns + 1) * sizeof *columns);
    struct lf_schema now = {.columns = columns};
    uint32_t matched = 0;
    uint32_t from = 0;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->excluded) {
            continue;
        }
        uint32_t at = match_column(known, from, column, ret_difference);
        if (at == UINT32_MAX) {
            ret_difference->added++;
            ret_difference->rewritten = ret_difference->rewritten || has_values_at_once(column);
            columns[now.ncolumns++] = make_column(column, shape->next_id++, arena);
        } else {
            matched++;
            from = at + 1;
            ret_difference->renamed += strcmp(known->columns[at].name, column->name) != 0;
            columns[now.ncolumns++] = make_column(column, known->columns[at].id, arena);
        }
    }
    ret_difference->dropped = known->ncolumns - matched;
    make_key(table, &now, arena);
    return now;
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

static const struct table_column *column_of_name(const struct table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (strcmp(table->columns[i].name, name) == 0) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* How a row of the table becomes cells of the schema. */
static void map_fields(struct shape *shape, struct arena *arena)
{
    CLEANUP(buf_done) struct buf select = {0};
    shape->fields = arena_alloc(arena, (shape->schema.ncolumns + 1) * sizeof *shape->fields);
    for (uint32_t i = 0; i < shape->schema.ncolumns; i++) {
        const struct lf_column *column = &shape->schema.columns[i];
        shape->fields[i] = (struct field){.type = column_of_name(shape->table, column->name)->type};
        buf_append_text(&select, i > 0 ? ", " : "");
        sql_append_identifier(&select, column->name);
    }
    for (uint32_t i = 0; i < shape->schema.nkey; i++) {
        shape->fields[shape->schema.key[i]].key = true;
    }
    shape->select = arena_text(arena, buf_text(&select));
}

static enum shape_change judge(const struct difference *difference, bool same_keys, const char **ret_reason)
{
    if (!same_keys || difference->retyped > 0) {
        *ret_reason = "the type of a column or the key of the table changed";
        return SHAPE_REPLACED;
    }
    if (difference->added > 0 && (difference->dropped > 0 || difference->rewritten)) {
        *ret_reason = difference->dropped > 0 ? "columns were dropped and added, or one was renamed"
                                              : "a column was added that has values in the rows already there";
        return SHAPE_REWRITTEN;
    }
    if (difference->added > 0 || difference->dropped > 0 || difference->renamed > 0) {
        *ret_reason = "columns were added, dropped or renamed";
        return SHAPE_EVOLVED;
    }
    return SHAPE_SAME;
}

/* Why the table can no longer be followed, NULL if it can. */
static bool find_fault(struct shape *shape, struct connection *connection, struct arena *arena,
                       struct table **ret_table, const char **ret_fault, struct lf_error *err)
{
    const char *name = NULL;
    enum trigger_state state = TRIGGERS_CURRENT;
    char epoch[EPOCH_LEN + 1] = "";
    bool tracked = false;
    TRY(catalog_epoch(connection, &tracked, epoch, err));
    if (tracked && shape->tab > 0 && strcmp(epoch, shape->epoch) == 0) {
        TRY(catalog_name_of_tab(connection, shape->tab, arena, &name, err));
    }
    TRY(catalog_read(connection, name != NULL ? name : shape->name, arena, ret_table, err));
    *ret_fault = NULL;
    if (*ret_table == NULL) {
        *ret_fault = "the table was dropped; the lake keeps its last snapshot";
    } else if (name == NULL && (*ret_table)->tab > 0) {
        *ret_fault = "the table was tracked anew, so it has to be read again; it comes back as a new one";
    } else if (name == NULL) {
        *ret_fault = "the table was dropped and created again, or its triggers were removed; run lakefeed track again";
    } else if ((*ret_table)->refusal != NULL) {
        *ret_fault = (*ret_table)->refusal;
    } else {
        TRY(trigger_compare(connection, *ret_table, arena, &state, err));
        if (state == TRIGGERS_LACKING) {
            *ret_fault = "a unique index was added, so changes can be missed; run lakefeed track again";
        }
    }
    return true;
}

static void take_over(struct shape *shape, const struct lf_schema *schema, const struct table *table,
                      struct arena *arena)
{
    sql_finalize(&shape->lookup);
    struct lf_schema kept = schema != NULL ? *schema : copy_schema(&shape->schema, arena);
    arena_done(&shape->arena);
    shape->arena = *arena;
    *arena = (struct arena){0};
    shape->schema = kept;
    shape->table = table;
    shape->name = table->name;
    map_fields(shape, &shape->arena);
}

void shape_adopt(struct shape *shape, const struct table *table, struct arena *arena)
{
    struct lf_schema schema = shape_first_schema(table, arena);
    take_over(shape, &schema, table, arena);
}

bool shape_refresh(struct shape *shape, struct connection *connection, enum shape_change *ret_change,
                   const char **ret_reason, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct difference difference = {0};
    struct table *table = NULL;
    const char *fault = NULL;
    TRY(find_fault(shape, connection, &arena, &table, &fault, err));
    if (fault != NULL) {
        char text[512];
        (void)snprintf(text, sizeof text, "table %.200s: %s", shape->name, fault);
        *ret_reason = arena_text(&shape->arena, text);
        *ret_change = SHAPE_FAULT;
        shape->dead = true;
        return true;
    }
    uint32_t next_id = shape->next_id;
    struct lf_schema now = match_schema(shape, table, &arena, &difference);
    *ret_change = judge(&difference, same_key(&shape->schema, &now), ret_reason);
    if (*ret_change == SHAPE_SAME) {
        shape->next_id = next_id;
    }
    take_over(shape, *ret_change == SHAPE_SAME ? NULL : &now, table, &arena);
    return true;
}

int shape_try_row(const struct shape *shape, sqlite3_stmt *stmt, struct arena *arena, struct lf_cell *ret_cells,
                  const char **ret_why)
{
    for (uint32_t i = 0; i < shape->schema.ncolumns; i++) {
        const struct field *field = &shape->fields[i];
        const char *why = value_to_cell(&field->type, field->key, stmt, (int)i, arena, &ret_cells[i]);
        if (why != NULL) {
            *ret_why = why;
            return (int)i;
        }
    }
    return -1;
}

static void append_json_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, *text);
    }
}

bool shape_value_error(const struct shape *shape, sqlite3_stmt *stmt, uint32_t column, const char *why,
                       struct lf_error *err)
{
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(buf_done) struct buf value = {0};
    CLEANUP(buf_done) struct buf cure = {0};
    const struct field *field = &shape->fields[column];
    const char *name = shape->schema.columns[column].name;
    int class = sqlite3_column_type(stmt, (int)column);
    for (uint32_t i = 0; i < shape->schema.nkey; i++) {
        uint32_t part = shape->schema.key[i];
        buf_printf(&key, "%s%.60s=", i > 0 ? ", " : "", shape->schema.columns[part].name);
        value_print(&key, stmt, (int)part);
    }
    value_print(&value, stmt, (int)column);
    bool raw = class == SQLITE_BLOB || field->type.type == LF_TYPE_STRING || field->type.type == LF_TYPE_JSON;
    if (class != SQLITE_NULL) {
        buf_append_text(&cure, "; to take its values as they are, configure \"columns\": {\"");
        append_json_text(&cure, name);
        buf_printf(&cure, "\": {\"type\": \"%s\"}}", raw ? "binary" : "string");
    } else {
        buf_append_text(&cure, "; give the row a complete key");
    }
    return lf_error_set(err, LF_DATA, 0, "table %.100s, column %.100s, row with key %.200s: the value %.120s %s%s",
                        shape->name, name, buf_text(&key), buf_text(&value), why, buf_text(&cure));
}

static bool is_raw_text(const struct shape *shape, uint32_t column, sqlite3_stmt *stmt)
{
    enum lf_type type = shape->fields[column].type.type;
    return (type == LF_TYPE_STRING || type == LF_TYPE_JSON) && sqlite3_column_type(stmt, (int)column) == SQLITE_TEXT;
}

static void refuse_value(sqlite3_stmt *stmt, int select, const struct lf_error *why, struct arena *arena,
                         struct lf_cell *ret_cell)
{
    struct lf_refusal *refusal = arena_alloc(arena, sizeof *refusal);
    const void *bytes = sqlite3_column_blob(stmt, select); /* of a number: its text */
    size_t len = (size_t)sqlite3_column_bytes(stmt, select);
    len = bytes == NULL ? 0 : len > REFUSED_START ? REFUSED_START : len;
    *refusal = (struct lf_refusal){.kind = why->kind,
                                   .reason = arena_text(arena, why->msg),
                                   .start = {len > 0 ? arena_copy(arena, bytes, len) : "", len}};
    *ret_cell = (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = refusal};
}

static void take_raw_text(sqlite3_stmt *stmt, int select, struct arena *arena, struct lf_cell *ret_cell)
{
    const unsigned char *text = sqlite3_column_text(stmt, select);
    size_t len = (size_t)sqlite3_column_bytes(stmt, select);
    *ret_cell = (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {arena_copy(arena, text, len), len}};
}

bool shape_read_row(const struct shape *shape, sqlite3_stmt *stmt, struct arena *arena, struct lf_cell *ret_cells,
                    struct lf_error *err)
{
    for (uint32_t i = 0; i < shape->schema.ncolumns; i++) {
        const struct field *field = &shape->fields[i];
        const char *why = value_to_cell(&field->type, field->key, stmt, (int)i, arena, &ret_cells[i]);
        if (why == NULL) {
            continue;
        }
        if (!field->key && is_raw_text(shape, i, stmt)) {
            take_raw_text(stmt, (int)i, arena, &ret_cells[i]);
            continue;
        }
        (void)shape_value_error(shape, stmt, i, why, err);
        TRY(!field->key);
        refuse_value(stmt, (int)i, err, arena, &ret_cells[i]);
    }
    return true;
}

const struct table_column *shape_key_column(const struct shape *shape, uint32_t part)
{
    return &shape->table->columns[shape->table->key[part].column];
}

/* The key's index compares by its own collation; a second test by bytes tells keys apart that the collation calls equal. */
bool shape_prepare_lookup(struct shape *shape, struct connection *connection, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    buf_printf(&sql, "SELECT %s FROM main.", shape->select);
    sql_append_identifier(&sql, shape->table->name);
    for (uint32_t i = 0; i < shape->table->nkey; i++) {
        const struct table_column *column = shape_key_column(shape, i);
        const char *collation = shape->table->key[i].collation;
        bool nullable = shape->table->rowid && !shape->table->integer_key && !column->not_null;
        buf_append_text(&sql, i == 0 ? " WHERE " : " AND ");
        sql_append_identifier(&sql, column->name);
        buf_printf(&sql, " %s ?%u COLLATE ", nullable ? "IS" : "=", i + 1);
        sql_append_identifier(&sql, collation);
        if (strcasecmp(collation, "BINARY") != 0) {
            buf_append_text(&sql, " AND ");
            sql_append_identifier(&sql, column->name);
            buf_printf(&sql, " COLLATE BINARY IS ?%u", i + 1);
        }
    }
    return sql_prepare(connection, buf_text(&sql), &shape->lookup, err);
}
