/* SPDX-License-Identifier: Apache-2.0
 *
 * A random workload that stays within few keys, so that its transactions meet; and the listing of the log.
 */
#include "example_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 7u
#define OPS_MAX 3u
#define VALUES 100000u

struct random_work {
    struct example_db *db;
    struct example_rng *rng;
    unsigned steps;
    struct example_arena arena;
    struct example_txn *txn;
    const char *name;
    const struct example_table *table; /* as the transaction sees it */
};

static void key_from(struct random_work *w, const struct lf_schema *schema, uint64_t n, struct lf_cell *ret_key)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        bool last = i + 1 == schema->nkey;
        ret_key[i] = example_cell_from(&w->arena, &schema->columns[schema->key[i]], last ? n : n % 2);
    }
}

/* False for the types that hold no value of this kind. */
static bool spoil(struct random_work *w, enum lf_type type, struct lf_cell *cell)
{
    static const char *const texts[] = {"a\xFF", "\xE2\x82", "\xED\xA0\x80z", "b\0c"};
    uint64_t n = example_rng_below(w->rng, 4);
    struct lf_slice bytes = {texts[n], n == 3 ? 3 : strlen(texts[n])};
    if (type == LF_TYPE_DATE) {
        bytes = (struct lf_slice){"0000-01-01", 10};
    } else if (type == LF_TYPE_DECIMAL) {
        bytes = (struct lf_slice){"12345678901234.5", 16};
    } else if (type != LF_TYPE_STRING && type != LF_TYPE_JSON && type != LF_TYPE_BOOLEAN) {
        return false;
    }
    *cell = (struct lf_cell){.state = LF_CELL_VALUE, .bytes = example_copy_slice(&w->arena, bytes)};
    if (type == LF_TYPE_BOOLEAN) {
        *cell = (struct lf_cell){.state = LF_CELL_VALUE, .i = 2};
    }
    return true;
}

static bool is_spoilt(struct random_work *w, enum lf_type type, struct lf_cell *cell)
{
    return (w->steps & EXAMPLE_STEP_BAD) != 0 && example_rng_below(w->rng, 8) == 0 && spoil(w, type, cell);
}

/* A full row for the key; with `partial` some cells are left as they are. */
static struct lf_cell *row_for(struct random_work *w, const struct lf_schema *schema, const struct lf_cell *key,
                               bool partial)
{
    struct lf_cell *cells = example_alloc(&w->arena, schema->ncolumns * sizeof *cells);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        uint64_t dice = example_rng_below(w->rng, 10);
        if (dice == 0) {
            cells[i].state = LF_CELL_NULL;
        } else if (partial && dice < 5) {
            cells[i].state = LF_CELL_ABSENT;
        } else if (!is_spoilt(w, schema->columns[i].type, &cells[i])) {
            cells[i] = example_cell_from(&w->arena, &schema->columns[i], example_rng_below(w->rng, VALUES));
        }
    }
    for (uint32_t i = 0; i < schema->nkey; i++) {
        cells[schema->key[i]] = key[i];
    }
    return cells;
}

static bool row_exists(const struct random_work *w, const struct lf_cell *key)
{
    bool found;
    (void)example_table_place(w->table, key, &found);
    return found;
}

/* The refusals of locks are part of the game: such an operation simply does not happen. */
static void change_row(struct random_work *w)
{
    const struct lf_schema *schema = w->table->schema;
    struct lf_cell *key = example_alloc(&w->arena, schema->nkey * sizeof *key);
    struct lf_cell *other = example_alloc(&w->arena, schema->nkey * sizeof *other);
    uint64_t dice = example_rng_below(w->rng, 100);
    key_from(w, schema, example_rng_below(w->rng, KEYS), key);
    key_from(w, schema, example_rng_below(w->rng, KEYS), other);
    if (!row_exists(w, key)) {
        (void)example_insert(w->txn, w->name, row_for(w, schema, key, false), NULL);
    } else if (dice < 25) {
        (void)example_delete(w->txn, w->name, key, NULL);
    } else if (dice < 50) {
        (void)example_update(w->txn, w->name, key, row_for(w, schema, other, dice < 43), NULL);
    } else {
        (void)example_update(w->txn, w->name, key, row_for(w, schema, key, dice < 80), NULL);
    }
}

static void change_schema(struct random_work *w)
{
    const struct lf_schema *schema = w->table->schema;
    const char *victim = schema->columns[example_rng_below(w->rng, schema->ncolumns)].name;
    char name[32];
    (void)snprintf(name, sizeof name, "c%u", (unsigned)example_rng_below(w->rng, VALUES));
    struct lf_column column = {.name = name, .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    struct lf_cell fill = example_cell_from(&w->arena, &column, example_rng_below(w->rng, VALUES));
    switch (example_rng_below(w->rng, 4)) {
    case 0:
        (void)example_add_column(w->txn, w->name, &column, NULL, NULL);
        break;
    case 1:
        (void)example_rename_column(w->txn, w->name, victim, name, NULL);
        break;
    case 2:
        if (schema->ncolumns > 3) {
            (void)example_drop_column(w->txn, w->name, victim, NULL);
        }
        break;
    default:
        if ((w->steps & EXAMPLE_STEP_RETYPE) != 0) {
            (void)example_add_column(w->txn, w->name, &column, &fill, NULL);
        }
        break;
    }
}

static void change_something(struct random_work *w)
{
    const struct lf_schema *schema = w->table->schema;
    uint64_t dice = example_rng_below(w->rng, 100);
    if (dice < 5 && (w->steps & EXAMPLE_STEP_TRUNCATE) != 0) {
        (void)example_truncate(w->txn, w->name, NULL);
    } else if (dice >= 5 && dice < 8 && (w->steps & EXAMPLE_STEP_REWRITE) != 0) {
        bool silent = (w->steps & EXAMPLE_STEP_SILENT) != 0 && example_rng_below(w->rng, 2) == 0;
        (void)example_rewrite(w->txn, w->name, silent, NULL);
    } else if (dice >= 8 && dice < 11 && (w->steps & EXAMPLE_STEP_SCHEMA) != 0) {
        change_schema(w);
    } else if (dice == 11 && (w->steps & EXAMPLE_STEP_RETYPE) != 0) {
        const char *victim = schema->columns[example_rng_below(w->rng, schema->ncolumns)].name;
        (void)example_change_type(w->txn, w->name, victim, LF_TYPE_STRING, NULL);
    } else {
        change_row(w);
    }
}

/* Any table that the transaction sees; false: there is none. */
static bool pick_table(struct random_work *w)
{
    size_t seen = 0;
    (void)pthread_mutex_lock(&w->db->mutex);
    struct example_state *view = example_txn_view(w->txn);
    w->table = NULL;
    for (size_t i = 0; i < view->ntables; i++) {
        if (view->tables[i].exists && view->tables[i].schema->nkey > 0 && example_rng_below(w->rng, ++seen) == 0) {
            w->table = &view->tables[i];
            w->name = w->table->name;
        }
    }
    (void)pthread_mutex_unlock(&w->db->mutex);
    return w->table != NULL;
}

static void transact(struct random_work *w)
{
    struct example_txn **slot = &w->db->random_open[example_rng_below(w->rng, EXAMPLE_RANDOM_OPEN)];
    w->txn = *slot != NULL ? *slot : example_begin(w->db);
    for (uint64_t n = 1 + example_rng_below(w->rng, OPS_MAX); n > 0 && pick_table(w); n--) {
        change_something(w);
    }
    *slot = NULL;
    if ((w->steps & EXAMPLE_STEP_INTERLEAVE) != 0 && example_rng_below(w->rng, 2) == 0) {
        *slot = w->txn;
    } else if (example_rng_below(w->rng, 20) == 0) {
        example_rollback(w->txn);
    } else {
        (void)example_commit(w->txn);
    }
}

static void show_one(struct example_db *db, struct example_rng *rng)
{
    uint64_t seen = 0, chosen = 0;
    for (uint64_t at = example_next_invisible(db, 0); at != 0; at = example_next_invisible(db, at)) {
        chosen = example_rng_below(rng, ++seen) == 0 ? at : chosen;
    }
    (void)example_make_visible(db, chosen);
}

void example_random_step(struct example_db *db, struct example_rng *rng, unsigned steps)
{
    struct random_work w = {.db = db, .rng = rng, .steps = steps};
    if (example_rng_below(rng, 10) < 6) {
        show_one(db, rng);
    } else {
        transact(&w);
    }
    example_arena_done(&w.arena);
}

void example_random_settle(struct example_db *db)
{
    for (size_t i = 0; i < EXAMPLE_RANDOM_OPEN; i++) {
        if (db->random_open[i] != NULL) {
            (void)example_commit(db->random_open[i]);
            db->random_open[i] = NULL;
        }
    }
    example_make_all_visible(db);
}

static const struct lf_column columns_a[] = {
    {.id = 1, .name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 2, .name = "v", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 3, .name = "t", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1}};

static const struct lf_column columns_b[] = {
    {.id = 1, .name = "v", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 2, .name = "region", .source_type = "varchar(40)", .type = LF_TYPE_STRING, .max_length = 40},
    {.id = 3, .name = "number", .source_type = "int4", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 4, .name = "flag", .source_type = "bool", .type = LF_TYPE_BOOLEAN, .max_length = -1},
    {.id = 5, .name = "ratio", .source_type = "float8", .type = LF_TYPE_DOUBLE, .max_length = -1},
    {.id = 6, .name = "price", .source_type = "numeric(12,2)", LF_TYPE_DECIMAL, -1, 12, 2, false},
    {.id = 7, .name = "raw", .source_type = "bytea", .type = LF_TYPE_BINARY, .max_length = -1},
    {.id = 8, .name = "uid", .source_type = "uuid", .type = LF_TYPE_GUID, .max_length = -1},
    {.id = 9, .name = "day", .source_type = "date", .type = LF_TYPE_DATE, .max_length = -1},
    {.id = 10, .name = "clock", .source_type = "time(3)", LF_TYPE_TIME, -1, 0, 3, false},
    {.id = 11, .name = "at", .source_type = "timestamp", LF_TYPE_DATETIME, -1, 0, 6, false},
    {.id = 12, .name = "at_zone", .source_type = "timestamptz", LF_TYPE_DATETIMEOFFSET, -1, 0, 6, false},
    {.id = 13, .name = "doc", .source_type = "json", .type = LF_TYPE_JSON, .max_length = -1}};

void example_random_tables(struct example_db *db, struct example_rng *rng)
{
    static const uint32_t key_a[] = {0}, key_b[] = {1, 2};
    const struct lf_schema a = {
        .columns = columns_a, .ncolumns = sizeof columns_a / sizeof columns_a[0], .key = key_a, .nkey = 1};
    const struct lf_schema b = {
        .columns = columns_b, .ncolumns = sizeof columns_b / sizeof columns_b[0], .key = key_b, .nkey = 2};
    struct random_work w = {.db = db, .rng = rng, .txn = example_begin(db)};
    if (!example_create_table(w.txn, "a", &a, NULL) || !example_create_table(w.txn, "b", &b, NULL)) {
        abort(); /* only for an empty database */
    }
    for (uint64_t n = example_rng_below(rng, (uint64_t)4 * KEYS); n > 0 && pick_table(&w); n--) {
        change_row(&w);
    }
    (void)example_commit_visible(w.txn);
    example_arena_done(&w.arena);
}

static void dump_row(FILE *out, const struct example_op *op)
{
    static const char states[] = {'N', 'v', '-'};
    for (uint32_t i = 0; i < op->schema->nkey; i++) {
        const struct lf_cell *cell = &op->key[i];
        if (example_is_bytes(op->schema->columns[op->schema->key[i]].type)) {
            (void)fprintf(out, " %.*s", (int)cell->bytes.len, (const char *)cell->bytes.ptr);
        } else {
            (void)fprintf(out, " %" PRId64, cell->i);
        }
    }
    (void)fputs(op->event.old_key != NULL ? " moved " : " ", out);
    for (uint32_t i = 0; i < op->schema->ncolumns; i++) {
        (void)fputc(states[op->event.cells[i].state], out);
    }
}

void example_dump(struct example_db *db, FILE *out)
{
    static const char *const kinds[] = {"create", "drop", "row", "truncate", "reshape", "rewrite", "note"};
    static const char *const ops[] = {"insert", "update", "delete", "upsert"};
    (void)pthread_mutex_lock(&db->mutex);
    for (size_t i = 0; i < db->nlog; i++) {
        const struct example_txn *txn = db->log[i];
        (void)fprintf(out, "%zu%s\n", i + 1, txn->visible ? "" : " (not visible)");
        for (size_t k = 0; k < txn->nops; k++) {
            const struct example_op *op = txn->ops[k];
            bool row = op->kind == EXAMPLE_ROW;
            (void)fprintf(out, "    table %u %s%s", op->table, row ? ops[op->event.op] : kinds[op->kind],
                          op->said == EXAMPLE_SAID_BY_CATALOG ? " silently" : "");
            if (row) {
                dump_row(out, op);
            }
            (void)fputc('\n', out);
        }
    }
    (void)pthread_mutex_unlock(&db->mutex);
}
