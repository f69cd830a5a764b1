/* SPDX-License-Identifier: Apache-2.0 */
#include "data/schema.h"

#include "base/buf.h"
#include "base/macros.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRECISION_MAX 38
#define FRACTION_MAX 7 /* digits after the second */

/* ---- one schema ---- */

static bool check_column(const struct lf_column *column, struct lf_error *err)
{
    bool timed =
        column->type == LF_TYPE_TIME || column->type == LF_TYPE_DATETIME || column->type == LF_TYPE_DATETIMEOFFSET;
    bool decimal = column->type == LF_TYPE_DECIMAL;
    if (column->id == 0 || (unsigned)column->type > LF_TYPE_JSON) {
        return lf_error_set(err, LF_SCHEMA, 0, "column %s has no id or no known type", column->name);
    }
    if (decimal && (column->precision < 1 || column->precision > PRECISION_MAX || column->scale > column->precision)) {
        return lf_error_set(err, LF_SCHEMA, 0,
                            "column %s: decimal(%u,%u) is outside of decimal(%d,%d); map it to a string", column->name,
                            (unsigned)column->precision, (unsigned)column->scale, PRECISION_MAX, PRECISION_MAX);
    }
    if (timed && column->scale > FRACTION_MAX) {
        return lf_error_set(err, LF_SCHEMA, 0, "column %s: %u digits after the second are more than %d", column->name,
                            (unsigned)column->scale, FRACTION_MAX);
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool check_ids(const struct lf_schema *schema, struct lf_error *err)
{
    uint32_t *ids = mem_new(schema->ncolumns, sizeof *ids);
    uint32_t twice = 0;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        ids[i] = schema->columns[i].id;
    }
    qsort(ids, schema->ncolumns, sizeof *ids, compare_ids);
    for (uint32_t i = 1; i < schema->ncolumns; i++) {
        twice = ids[i] == ids[i - 1] ? ids[i] : twice;
    }
    free(ids);
    return twice == 0 || lf_error_set(err, LF_SCHEMA, 0, "two columns have the id %" PRIu32, twice);
}

static bool check_key(const struct lf_schema *schema, struct lf_error *err)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        if (schema->key[i] >= schema->ncolumns) {
            return lf_error_set(err, LF_SCHEMA, 0, "column %" PRIu32 " of the key is not a column of the table", i + 1);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (schema->key[k] == schema->key[i]) {
                return lf_error_set(err, LF_SCHEMA, 0, "column %s stands twice in the key",
                                    schema->columns[schema->key[i]].name);
            }
        }
    }
    return true;
}

static bool check_schema(const struct lf_schema *schema, struct lf_error *err)
{
    if (schema->ncolumns == 0) {
        return lf_error_set(err, LF_SCHEMA, 0, "the table has no columns");
    }
    if (schema->ncolumns > SCHEMA_COLUMNS_MAX) {
        return lf_error_set(err, LF_LIMIT, 0,
                            "the table has %" PRIu32 " columns; readers take no more than %u, exclude some",
                            schema->ncolumns, SCHEMA_COLUMNS_MAX);
    }
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        TRY(check_column(&schema->columns[i], err));
    }
    TRY(check_ids(schema, err));
    return check_key(schema, err);
}

static struct schema *copy_lf(const struct lf_schema *from, uint32_t version)
{
    struct schema *schema = mem_new(1, sizeof *schema);
    struct lf_column *columns = arena_copy(&schema->arena, from->columns, from->ncolumns * sizeof *columns);
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        const char *source_type = from->columns[i].source_type;
        columns[i].name = arena_text(&schema->arena, from->columns[i].name);
        columns[i].source_type = arena_text(&schema->arena, source_type != NULL ? source_type : "");
    }
    schema->lf = *from;
    schema->lf.columns = columns;
    schema->lf.key = arena_copy(&schema->arena, from->key, from->nkey * sizeof *from->key);
    schema->version = version;
    return schema;
}

bool schema_new(const struct lf_schema *from, uint32_t version, struct schema **ret_schema, struct lf_error *err)
{
    TRY(check_schema(from, err));
    *ret_schema = copy_lf(from, version);
    return true;
}

struct schema *schema_copy(const struct schema *schema)
{
    return copy_lf(&schema->lf, schema->version);
}

void schema_free(struct schema **schema)
{
    if (*schema == NULL) {
        return;
    }
    arena_done(&(*schema)->arena);
    free(*schema);
    *schema = NULL;
}

int schema_find(const struct lf_schema *schema, uint32_t column_id)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == column_id) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- two schemas ---- */

/* The declared type without its lengths: a longer varchar is the same type. */
static bool same_declared(const char *a, const char *b)
{
    a = a != NULL ? a : "";
    b = b != NULL ? b : "";
    size_t len = strcspn(a, "(");
    return len == strcspn(b, "(") && memcmp(a, b, len) == 0;
}

/* Whether cells written for one are what would be written for the other. */
static bool same_cells(const struct lf_column *a, const struct lf_column *b)
{
    return a->type == b->type && a->precision == b->precision && a->scale == b->scale &&
           same_declared(a->source_type, b->source_type);
}

static bool same_column(const struct lf_column *a, const struct lf_column *b)
{
    return a->id == b->id && a->dropped == b->dropped && a->max_length == b->max_length &&
           strcmp(a->name, b->name) == 0 && same_cells(a, b);
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

bool schema_same_shape(const struct lf_schema *a, const struct lf_schema *b)
{
    if (a->ncolumns != b->ncolumns || !same_key(a, b)) {
        return false;
    }
    for (uint32_t i = 0; i < a->ncolumns; i++) {
        if (!same_column(&a->columns[i], &b->columns[i])) {
            return false;
        }
    }
    return true;
}

/* Whether a living column of the next schema has the name of a dropped one: added again under the same name, or renamed
 * to it. Readers could not tell the two apart. */
static bool revives_name(const struct lf_schema *next)
{
    for (uint32_t i = 0; i < next->ncolumns; i++) {
        for (uint32_t k = 0; next->columns[i].dropped && k < next->ncolumns; k++) {
            if (!next->columns[k].dropped && strcmp(next->columns[i].name, next->columns[k].name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The old columns in their place as they are now, and the new ones behind them, into `columns`, which has room for both.
 * False when the table must be read again. */
static bool join_columns(const struct lf_schema *old, const struct lf_schema *now, struct lf_column *columns,
                         uint32_t *ret_count)
{
    uint32_t count = old->ncolumns;
    for (uint32_t i = 0; i < old->ncolumns; i++) {
        columns[i] = old->columns[i];
        columns[i].dropped = true;
    }
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        int at = schema_find(old, now->columns[i].id);
        if (at < 0) {
            columns[count++] = now->columns[i];
            continue;
        }
        if (old->columns[at].dropped || !same_cells(&old->columns[at], &now->columns[i])) {
            return false;
        }
        columns[at] = now->columns[i];
    }
    *ret_count = count;
    return count <= SCHEMA_COLUMNS_MAX;
}

bool schema_evolve(const struct schema *old, const struct lf_schema *now, enum schema_verdict *ret_verdict,
                   struct schema **ret_schema, struct lf_error *err)
{
    TRY(check_schema(now, err));
    if (now->nkey == 0) {
        return lf_error_set(err, LF_SCHEMA, 0,
                            "the table has lost its key; give it a primary key again, or leave it out");
    }
    struct lf_column *columns = mem_new((size_t)old->lf.ncolumns + now->ncolumns, sizeof *columns);
    struct lf_schema next = {.columns = columns, .key = old->lf.key, .nkey = old->lf.nkey};
    if (!same_key(&old->lf, now) || !join_columns(&old->lf, now, columns, &next.ncolumns) || revives_name(&next)) {
        *ret_verdict = SCHEMA_RELOAD;
        *ret_schema = copy_lf(now, old->version + 1);
    } else if (schema_same_shape(&old->lf, &next)) {
        *ret_verdict = SCHEMA_SAME;
        *ret_schema = schema_copy(old);
    } else {
        *ret_verdict = SCHEMA_REWRITE;
        *ret_schema = copy_lf(&next, old->version + 1);
    }
    free(columns);
    return true;
}
