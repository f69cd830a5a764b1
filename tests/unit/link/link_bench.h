/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this folder share: an example database with tables in a few words, a lake, one link over both, a clock that
 * moves by itself.
 */
#ifndef LINK_BENCH_H
#define LINK_BENCH_H

#include "base/macros.h"
#include "base/random.h"
#include "fakes/fault_lake.h"
#include "fakes/lake_truth.h"
#include "fakes/memory_lake.h"
#include "fakes/temp_folder.h"
#include "link/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINK "bench"
#define ENTITIES_MAX 4

struct bench {
    char name[32];
    struct example_db *db;
    struct clock clock;
    atomic_llong now_us; /* loads read it from several threads */
    struct random_seeded random;
    struct memory_store *store; /* NULL: the lake is a folder */
    struct lake *lake;
    struct lake *plain; /* the same, past all faults: what checkers read */
    char *scratch;
    char url[96];
    struct lf_connector connector; /* the example's, with ops that a test may replace */
    struct lf_connector_ops ops;
    struct link_entity_config entities[ENTITIES_MAX];
    const char *resync[1];
    struct link_options options;
    struct link *link;
    struct lf_error err;
    uint64_t deaths;                     /* of processes, counted by who kills them */
    void (*asleep)(struct bench *bench); /* called whenever the link waits; may be NULL */
};

/* ---- the source ---- */

static inline struct lf_cell integer(int64_t value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
}

static inline struct lf_cell text(const char *value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = slice_of_text(value)};
}

static const struct lf_cell absent = {.state = LF_CELL_ABSENT};
static const struct lf_cell null_cell = {.state = LF_CELL_NULL};

/* Columns id, name, note; key id. */
static inline void create_table(struct example_txn *txn, const char *table)
{
    static const struct lf_column columns[] = {
        {.name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
        {.name = "name", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1},
        {.name = "note", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1}};
    static const uint32_t key[] = {0};
    static const struct lf_schema schema = {.columns = columns, .ncolumns = ARRAY_LEN(columns), .key = key, .nkey = 1};
    assert_true(example_create_table(txn, table, &schema, NULL));
}

static inline void put(struct example_txn *txn, const char *table, int64_t id, const char *name)
{
    const struct lf_cell cells[] = {integer(id), text(name), text("n")};
    struct lf_error err;
    if (!example_insert(txn, table, cells, &err)) {
        fail_msg("insert %lld: %s", (long long)id, err.msg);
    }
}

/* Changes name, and the key too where `to` is another; the note stays and the stream leaves it out. */
static inline void change(struct example_txn *txn, const char *table, int64_t id, int64_t to, const char *name)
{
    const struct lf_cell key = integer(id);
    const struct lf_cell cells[] = {integer(to), text(name), absent};
    struct lf_error err;
    if (!example_update(txn, table, &key, cells, &err)) {
        fail_msg("update %lld: %s", (long long)id, err.msg);
    }
}

static inline void drop_row(struct example_txn *txn, const char *table, int64_t id)
{
    const struct lf_cell key = integer(id);
    assert_true(example_delete(txn, table, &key, NULL));
}

static inline void put_rows(struct bench *bench, const char *table, int64_t from, int64_t to)
{
    struct example_txn *txn = example_begin(bench->db);
    for (int64_t id = from; id <= to; id++) {
        put(txn, table, id, "row");
    }
    (void)example_commit_visible(txn);
}

static inline void make_table(struct bench *bench, const char *table, int64_t rows)
{
    struct example_txn *txn = example_begin(bench->db);
    create_table(txn, table);
    (void)example_commit_visible(txn);
    if (rows > 0) {
        put_rows(bench, table, 1, rows);
    }
}

/* ---- the link ---- */

static inline int64_t bench_now_us(void *context)
{
    struct bench *bench = context;
    return atomic_fetch_add(&bench->now_us, 1000);
}

static inline void bench_sleep_ms(void *context, int64_t ms)
{
    struct bench *bench = context;
    atomic_fetch_add(&bench->now_us, ms * 1000);
    if (bench->asleep != NULL) {
        bench->asleep(bench);
    }
}

static inline struct link_options bench_options(struct bench *bench)
{
    return (struct link_options){
        .name = LINK,
        .connector = &bench->connector,
        .url = bench->url,
        .lake = bench->lake,
        .location = "bench",
        .interval_ms = 1000,
        .load_commit_ms = 1,
        .keep = 2,
        .partition_bytes = 60,
        .chunk_rows = 5,
        .memory_bytes = (size_t)2 << 20,
        .spool_disk_bytes = (uint64_t)64 << 20,
        .scratch_folder = bench->scratch,
        .version = "test",
        .clock = bench->clock,
        .random = random_from_seeded(&bench->random),
    };
}

static inline void bench_init_source(struct bench *bench, uint64_t number)
{
    *bench = (struct bench){0};
    atomic_init(&bench->now_us, INT64_C(1700000000000000));
    (void)snprintf(bench->name, sizeof bench->name, "bench%llu", (unsigned long long)number);
    (void)snprintf(bench->url, sizeof bench->url, "example:%s", bench->name);
    bench->db = example_db_new(bench->name, 1);
    bench->clock = (struct clock){
        .context = bench, .now_us = bench_now_us, .monotonic_us = bench_now_us, .sleep_ms = bench_sleep_ms};
    random_seeded_init(&bench->random, number + 1);
    bench->scratch = temp_folder_make();
    bench->connector = *lakefeed_connector();
    bench->ops = *bench->connector.ops;
    bench->connector.ops = &bench->ops;
}

static inline void bench_init(struct bench *bench, uint64_t number)
{
    bench_init_source(bench, number);
    bench->store = memory_store_new(&bench->clock);
    bench->plain = memory_lake_open(bench->store);
    bench->lake = fault_lake_open(bench->plain);
    bench->options = bench_options(bench);
}

static inline void bench_done(struct bench *bench)
{
    link_free(&bench->link);
    lake_close(&bench->lake);
    memory_store_free(&bench->store);
    example_db_free(&bench->db);
    temp_folder_remove(&bench->scratch);
}

static inline int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench_init(bench, 0);
    *state = bench;
    return 0;
}

static inline int bench_teardown(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

#define bench_test(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

/* A new process: nothing of the old one is left. */
static inline bool bench_start(struct bench *bench)
{
    link_free(&bench->link);
    bench->link = link_new(&bench->options);
    return link_open(bench->link, &bench->err);
}

static inline bool bench_once(struct bench *bench)
{
    size_t frozen = 0;
    return link_run_once(bench->link, &frozen, &bench->err);
}

static inline void must(const struct bench *bench, bool ok)
{
    if (!ok) {
        fail_msg("%s: %s", lf_error_kind_name(bench->err.kind), bench->err.msg);
    }
}

static inline void assert_well(char *problem)
{
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}

static inline void assert_truth(struct bench *bench)
{
    assert_well(lake_truth_check(bench->plain, bench->db, LINK));
}

/* Starts, runs to the end, and checks what readers see. */
static inline void bench_settle(struct bench *bench)
{
    must(bench, bench_start(bench));
    must(bench, bench_once(bench));
    assert_truth(bench);
}

static inline const struct model_entity *head_entity(const struct bench *bench, const char *name)
{
    const struct model_entity *entity = model_find(link_head(bench->link), name);
    if (entity == NULL) {
        fail_msg("there is no entity %s", name);
    }
    return entity;
}

/* ---- entities ---- */

/* The bench's tables x and y, loaded. */
static inline void load_x_and_y(struct bench *bench)
{
    make_table(bench, "x", 8);
    make_table(bench, "y", 8);
    bench_settle(bench);
}

static inline void follow(struct bench *bench, const char *one, const char *two)
{
    bench->entities[0] = (struct link_entity_config){.table = one};
    bench->entities[1] = (struct link_entity_config){.table = two};
    bench->options.entities = bench->entities;
    bench->options.nentities = two == NULL ? 1 : 2;
}

static inline void touch(struct bench *bench, const char *table, const char *name)
{
    struct example_txn *txn = example_begin(bench->db);
    change(txn, table, 1, 1, name);
    (void)example_commit_visible(txn);
}

static inline void go_on(struct bench *bench)
{
    must(bench, bench_once(bench));
    assert_truth(bench);
}

static inline struct model *head_copy(const struct bench *bench)
{
    return model_copy(link_head(bench->link));
}

static inline bool same_files(const struct model *before, const struct bench *bench, const char *name)
{
    const struct model_entity *old = model_find(before, name), *now = head_entity(bench, name);
    bool same = old->npartitions == now->npartitions;
    for (size_t i = 0; same && i < old->npartitions; i++) {
        same = strcmp(old->partitions[i].path, now->partitions[i].path) == 0;
    }
    return same;
}

static inline bool same_load(const struct model *before, const struct bench *bench, const char *name)
{
    return strcmp(model_find(before, name)->load_id, head_entity(bench, name)->load_id) == 0;
}

#endif
