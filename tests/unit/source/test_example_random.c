/* SPDX-License-Identifier: Apache-2.0
 *
 * A host in small follows the example database through random work: chunks are loaded at any time, judged by covers,
 * includes and passed alone; whenever a table is whole, it must equal the truth at the cursor. This tests the example
 * database, on which the schedule tests of the real host stand.
 */
#include "plugin/example_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define TABLES 2
#define ROWS_MAX 64
#define CHUNKS_MAX 16
#define STEPS 300
#define SEEDS 120
#define WHOLE_MIN (SEEDS * 50) /* comparisons that a run must at least reach */

struct chunk {
    const struct lf_cell *lo, *hi; /* NULL: open */
    bool loaded;
    struct lf_slice asof;
};

struct table {
    const char *name;
    struct lf_slice id;
    const struct lf_schema *schema;
    bool planned, reload; /* reload: at the next boundary */
    struct chunk chunks[CHUNKS_MAX];
    size_t nchunks;
    const struct lf_cell *rows[ROWS_MAX];
    size_t nrows;
};

struct host {
    struct example_db *db;
    struct example_rng rng;
    struct example_arena arena;
    struct lf_host services;
    const struct lf_connector_ops *ops;
    struct lf_session *stream, *loads;
    struct lf_changes *changes;
    struct table tables[TABLES];
    size_t ntables;
    struct lf_slice cursor, token;
    bool inside;    /* a transaction: no chunk can be loaded, and the stream not be opened again */
    uint64_t whole; /* comparisons made */
};

static bool never_cancelled(void *context)
{
    (void)context;
    return false;
}

static void expect(const struct host *host, bool ok, const struct lf_error *err)
{
    if (!ok) {
        example_dump(host->db, stderr);
        fail_msg("%s: %s", lf_error_kind_name(err->kind), err->msg);
    }
}

static const struct lf_cell *key_of(struct host *host, const struct table *table, const struct lf_cell *row)
{
    return example_key_of(&host->arena, table->schema, row);
}

static int find_row(struct host *host, const struct table *table, const struct lf_cell *key)
{
    for (size_t i = 0; i < table->nrows; i++) {
        if (example_compare_keys(table->schema, key_of(host, table, table->rows[i]), key) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static struct chunk *chunk_of(struct table *table, const struct lf_cell *key)
{
    for (size_t i = 0; i < table->nchunks; i++) {
        struct chunk *c = &table->chunks[i];
        if ((c->lo == NULL || example_compare_keys(table->schema, c->lo, key) <= 0) &&
            (c->hi == NULL || example_compare_keys(table->schema, key, c->hi) < 0)) {
            return c;
        }
    }
    return NULL;
}

/* Is the transaction in what the chunk holds, or will it be? */
static bool seen(struct host *host, const struct chunk *chunk)
{
    bool yes = true;
    struct lf_error err = {0};
    if (chunk != NULL && chunk->loaded) {
        expect(host, host->ops->covers(chunk->asof, host->token, &yes, &err), &err);
    }
    return yes;
}

static void remove_row(struct table *table, int index)
{
    if (index >= 0) {
        table->rows[index] = table->rows[--table->nrows];
    }
}

static void empty_chunk(struct host *host, struct table *table, const struct chunk *chunk)
{
    for (size_t i = table->nrows; i > 0; i--) {
        if (chunk_of(table, key_of(host, table, table->rows[i - 1])) == chunk) {
            remove_row(table, (int)i - 1);
        }
    }
}

static bool fill_absent(const struct table *table, struct lf_cell *row, const struct lf_cell *base)
{
    for (uint32_t i = 0; i < table->schema->ncolumns; i++) {
        if (row[i].state == LF_CELL_ABSENT) {
            if (base == NULL) {
                return false;
            }
            row[i] = base[i];
        }
    }
    return true;
}

static void take_row(struct host *host, struct table *table, const struct lf_event *event)
{
    const struct lf_cell *key = example_copy_key(&host->arena, table->schema, key_of(host, table, event->cells));
    const struct lf_cell *from = event->old_key != NULL ? event->old_key : key;
    struct chunk *source = chunk_of(table, from), *target = chunk_of(table, key);
    bool source_seen = seen(host, source), target_seen = seen(host, target);
    int old = source_seen ? -1 : find_row(host, table, from);
    const struct lf_cell *base = old >= 0 ? table->rows[old] : NULL;
    if (!source_seen) {
        assert_true((event->op == LF_OP_INSERT) == (old < 0)); /* nothing twice, nothing missing */
        remove_row(table, old);
    }
    if (event->op == LF_OP_DELETE || target_seen) {
        return;
    }
    struct lf_cell *row = example_copy_cells(&host->arena, table->schema, event->cells);
    if (!fill_absent(table, row, base)) {
        target->loaded = false; /* the value exists nowhere any more */
        empty_chunk(host, table, target);
        return;
    }
    assert_int_equal(find_row(host, table, key), -1);
    assert_in_range(table->nrows, 0, ROWS_MAX - 1);
    table->rows[table->nrows++] = row;
}

static void take_truncate(struct host *host, struct table *table)
{
    for (size_t i = 0; i < table->nchunks; i++) {
        if (!seen(host, &table->chunks[i])) {
            empty_chunk(host, table, &table->chunks[i]);
        }
    }
}

static void take_schema(struct host *host, struct table *table, const struct lf_schema *from)
{
    const struct lf_schema *now = example_copy_schema(&host->arena, from);
    for (size_t r = 0; r < table->nrows; r++) {
        struct lf_cell *row = example_alloc(&host->arena, now->ncolumns * sizeof *row);
        for (uint32_t i = 0; i < now->ncolumns; i++) {
            int old = example_find_column_id(table->schema, now->columns[i].id);
            row[i] = old >= 0 ? table->rows[r][old] : (struct lf_cell){.state = LF_CELL_NULL};
        }
        table->rows[r] = row;
    }
    table->schema = now;
}

static void drop_load(struct table *table)
{
    table->nrows = 0;
    table->nchunks = 0;
    table->planned = table->reload = false;
}

static void take_reload(struct host *host, struct table *table, const struct lf_event *event)
{
    drop_load(table);
    if (event->schema != NULL) {
        table->schema = example_copy_schema(&host->arena, event->schema);
    }
}

static bool visit_truth(void *context, const struct lf_schema *schema, const struct lf_cell *cells)
{
    struct {
        struct host *host;
        struct table *table;
        size_t n;
    } *compare = context;
    const struct table *table = compare->table;
    assert_true(example_schema_matches(schema, table->schema));
    int index = find_row(compare->host, table, key_of(compare->host, table, cells));
    assert_true(index >= 0);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        assert_true(example_cell_equal(schema->columns[i].type, &cells[i], &table->rows[index][i]));
    }
    compare->n++;
    return true;
}

static bool is_whole(struct host *host, const struct table *table)
{
    bool whole = table->planned;
    struct lf_error err = {0};
    for (size_t i = 0; whole && i < table->nchunks; i++) {
        const struct chunk *chunk = &table->chunks[i];
        whole = chunk->loaded;
        if (whole) {
            expect(host, host->ops->passed(chunk->asof, host->cursor, &whole, &err), &err);
        }
    }
    return whole;
}

static void compare_tables(struct host *host)
{
    uint64_t position;
    assert_true(example_cursor_position(host->cursor, &position));
    for (size_t t = 0; t < host->ntables; t++) {
        struct {
            struct host *host;
            struct table *table;
            size_t n;
        } compare = {.host = host, .table = &host->tables[t]};
        struct lf_error err = {0};
        if (is_whole(host, &host->tables[t])) {
            expect(host, example_state_at(host->db, position, host->tables[t].name, visit_truth, &compare, &err), &err);
            assert_int_equal(compare.n, host->tables[t].nrows);
            host->whole++;
        }
    }
}

static void take_event(struct host *host, const struct lf_event *event)
{
    struct table *table = &host->tables[event->table < host->ntables ? event->table : 0];
    switch (event->kind) {
    case LF_EVENT_BEGIN:
        host->inside = true;
        host->token = example_copy_slice(&host->arena, event->token);
        break;
    case LF_EVENT_ROW:
        take_row(host, table, event);
        break;
    case LF_EVENT_TRUNCATE:
        take_truncate(host, table);
        break;
    case LF_EVENT_SCHEMA:
        take_schema(host, table, event->schema);
        break;
    case LF_EVENT_RELOAD:
        take_reload(host, table, event);
        break;
    case LF_EVENT_COMMIT:
    case LF_EVENT_IDLE:
        host->inside = false;
        host->cursor = example_copy_slice(&host->arena, event->cursor);
        break;
    case LF_EVENT_FAULT:
        fail_msg("unexpected fault: %s", event->reason);
    }
}

static void verify(struct host *host)
{
    struct lf_batch batch;
    struct lf_error err = {0};
    expect(host, host->ops->verify_catalog(host->changes, &batch, &err), &err);
    for (size_t i = 0; i < batch.nevents; i++) {
        take_event(host, &batch.events[i]);
    }
}

/* Gives how many events came. */
static size_t follow(struct host *host)
{
    struct lf_batch batch;
    struct lf_error err = {0};
    expect(host, host->ops->changes_next(host->changes, 0, &batch, &err), &err);
    size_t n = batch.nevents;
    for (size_t i = 0; i < n; i++) {
        take_event(host, &batch.events[i]);
    }
    if (n > 0 && !host->inside) {
        verify(host);
        compare_tables(host);
    }
    return n;
}

static struct lf_table_state state_of(const struct table *table)
{
    return (struct lf_table_state){.name = table->name, .id = table->id, .schema = *table->schema};
}

static void reopen(struct host *host)
{
    struct lf_table_state states[TABLES];
    struct lf_error err = {0};
    for (size_t t = 0; t < host->ntables; t++) {
        states[t] = state_of(&host->tables[t]);
    }
    host->ops->changes_close(host->changes);
    expect(host, host->ops->changes_open(host->stream, host->cursor, states, host->ntables, &host->changes, &err),
           &err);
}

static bool visit_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    struct {
        struct host *host;
        struct table *table;
    } *plan = context;
    struct table *table = plan->table;
    (void)err;
    const struct lf_cell *key = example_copy_key(&plan->host->arena, table->schema, bound.cells);
    table->chunks[table->nchunks - 1].hi = key;
    table->chunks[table->nchunks++] = (struct chunk){.lo = key};
    return true;
}

static void plan_load(struct host *host, struct table *table)
{
    struct {
        struct host *host;
        struct table *table;
    } plan = {.host = host, .table = table};
    struct lf_table_state state = state_of(table);
    struct lf_error err = {0};
    table->chunks[0] = (struct chunk){0};
    table->nchunks = 1;
    uint32_t want = 1 + (uint32_t)example_rng_below(&host->rng, 5);
    table->planned = host->ops->load_plan(host->loads, &state, want, visit_bound, &plan, &err);
    assert_true(table->planned || err.kind == LF_TRANSIENT || err.kind == LF_SCHEMA);
}

static void take_chunk(struct host *host, struct table *table, struct lf_load *load)
{
    struct lf_rows batch;
    struct lf_error err = {0};
    do {
        expect(host, host->ops->load_next(load, &batch, &err), &err);
        for (size_t i = 0; i < batch.nrows; i++) {
            assert_in_range(table->nrows, 0, ROWS_MAX - 1);
            table->rows[table->nrows++] =
                example_copy_cells(&host->arena, table->schema, &batch.cells[i * table->schema->ncolumns]);
        }
        example_random_step(host->db, &host->rng, EXAMPLE_STEP_ALL); /* beside the open load */
    } while (batch.nrows > 0);
}

/* Reads the chunk if a snapshot can be had that contains all up to the cursor. */
static void load_chunk(struct host *host, struct table *table, struct chunk *chunk)
{
    struct lf_table_state state = state_of(table);
    struct lf_load *load = NULL;
    struct lf_slice asof;
    struct lf_error err = {0};
    bool ordered, included = false;
    if (!host->ops->load_open(host->loads, &state, (struct lf_bound){.cells = chunk->lo},
                              (struct lf_bound){.cells = chunk->hi}, &load, &ordered, &err)) {
        assert_true(err.kind == LF_TRANSIENT || err.kind == LF_SCHEMA);
        return;
    }
    expect(host, host->ops->load_asof(load, &asof, &err), &err);
    expect(host, host->ops->includes(asof, host->cursor, &included, &err), &err);
    if (included) {
        chunk->asof = example_copy_slice(&host->arena, asof);
        chunk->loaded = true;
        take_chunk(host, table, load);
    }
    host->ops->load_close(load);
}

static void load_something(struct host *host)
{
    struct table *table = &host->tables[example_rng_below(&host->rng, host->ntables)];
    if (!table->planned) {
        plan_load(host, table);
        return;
    }
    for (size_t i = 0; i < table->nchunks; i++) {
        if (!table->chunks[i].loaded) {
            load_chunk(host, table, &table->chunks[i]);
            return;
        }
    }
}

static void follow_to_end(struct host *host)
{
    uint64_t end = example_end(host->db), position = 0;
    while (follow(host) > 0 || position < end) {
        assert_true(example_cursor_position(host->cursor, &position));
    }
}

static bool visit_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct host *host = context;
    (void)err;
    assert_in_range(host->ntables, 0, TABLES - 1);
    host->tables[host->ntables++] = (struct table){.name = example_copy_text(&host->arena, table->name),
                                                   .id = example_copy_slice(&host->arena, table->id),
                                                   .schema = example_copy_schema(&host->arena, &table->schema)};
    return true;
}

static void start(struct host *host, uint64_t seed)
{
    char url[128];
    struct lf_slice position;
    struct lf_error err = {0};
    *host = (struct host){.rng = {.state = seed}, .ops = lakefeed_connector()->ops};
    host->services.cancelled = never_cancelled;
    host->db = example_db_new("random", seed);
    example_random_tables(host->db, &host->rng);
    (void)snprintf(url, sizeof url, "example:random?seed=%" PRIu64 "&batch=%u&ordered=%s", seed,
                   (unsigned)example_rng_below(&host->rng, 8) + 1, seed % 2 == 0 ? "true" : "false");
    expect(host, host->ops->open(&host->services, url, NULL, 0, &host->stream, &err), &err);
    expect(host, host->ops->open(&host->services, url, NULL, 0, &host->loads, &err), &err);
    expect(host, host->ops->discover(host->stream, visit_table, host, &err), &err);
    expect(host, host->ops->position(host->stream, &position, &err), &err);
    host->cursor = example_copy_slice(&host->arena, position);
    reopen(host);
}

static void finish(struct host *host)
{
    host->ops->changes_close(host->changes);
    host->ops->close(host->loads);
    host->ops->close(host->stream);
    example_db_free(&host->db);
    example_arena_done(&host->arena);
}

static void converge(struct host *host)
{
    for (int i = 0; i < 200; i++) {
        example_random_settle(host->db);
        follow_to_end(host);
        load_something(host);
    }
    example_random_settle(host->db);
    follow_to_end(host);
    for (size_t t = 0; t < host->ntables; t++) {
        assert_true(is_whole(host, &host->tables[t]));
    }
}

static uint64_t run_seed(uint64_t seed, unsigned steps)
{
    struct host host;
    start(&host, seed);
    for (int i = 0; i < STEPS; i++) {
        uint64_t dice = example_rng_below(&host.rng, 10);
        example_random_step(host.db, &host.rng, steps);
        if (dice < 6 || host.inside) {
            (void)follow(&host);
        } else if (dice < 9) {
            load_something(&host);
        } else {
            reopen(&host);
        }
    }
    converge(&host);
    uint64_t whole = host.whole;
    finish(&host);
    return whole;
}

static void follow_when_anything_happens_then_tables_equal_truth(void **state)
{
    (void)state;
    const char *given = getenv("LAKEFEED_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000;
    uint64_t whole = 0;
    for (uint64_t i = 0; i < SEEDS; i++) {
        print_message("LAKEFEED_SEED=%" PRIu64 "\r", first + i);
        whole += run_seed(first + i, i % 2 == 0 ? EXAMPLE_STEP_ALL : EXAMPLE_STEP_TRUNCATE | EXAMPLE_STEP_INTERLEAVE);
    }
    print_message("seeds from %" PRIu64 ": %" PRIu64 " tables compared\n", first, whole);
    assert_true(whole >= (uint64_t)WHOLE_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(follow_when_anything_happens_then_tables_equal_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
