/* SPDX-License-Identifier: Apache-2.0
 *
 * A source, a lake and a link between them, for the tests of verify.
 */
#ifndef UNIT_LINK_VERIFY_FIXTURE_H
#define UNIT_LINK_VERIFY_FIXTURE_H

#include "link/verify.h"

#include "base/crypto.h"
#include "base/macros.h"
#include "fakes/memory_lake.h"
#include "fakes/temp_folder.h"
#include "link/link.h"
#include "plugin/example_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS 20

/* A database, a lake and a link that brings the one into the other whenever the test says so. */
struct fixture {
    char name[32];
    char url[64];
    struct example_db *db;
    struct memory_store *store;
    struct lake *lake;
    struct lake *reader;
    struct clock clock;
    int64_t now_ms;
    struct random_seeded random;
    char *folder;
    struct link *link;
    void (*on_sleep)(struct fixture *fixture); /* called while verify waits */
    void (*on_step)(struct fixture *fixture);  /* called in the middle of its work */
    unsigned opens;                            /* of loads by verify */
    uint64_t fail_call;                        /* from the first load on: this call of the source fails once; 0: none */
    struct example_rng rng;
    struct verify_result result;
};

static inline int64_t now_us(void *context)
{
    return ((struct fixture *)context)->now_ms * 1000;
}

static inline void sleep_ms(void *context, int64_t ms)
{
    struct fixture *fixture = context;
    fixture->now_ms += ms;
    if (fixture->on_sleep != NULL) {
        fixture->on_sleep(fixture);
    }
}

static inline void setup(struct fixture *fixture, uint64_t seed, const char *settings)
{
    static unsigned number;
    *fixture = (struct fixture){.now_ms = 1700000000000, .rng = {seed}};
    (void)snprintf(fixture->name, sizeof fixture->name, "v%u", ++number);
    (void)snprintf(fixture->url, sizeof fixture->url, "example:%s%s", fixture->name, settings);
    fixture->clock = (struct clock){.context = fixture, .now_us = now_us, .monotonic_us = now_us, .sleep_ms = sleep_ms};
    random_seeded_init(&fixture->random, seed);
    fixture->db = example_db_new(fixture->name, seed);
    fixture->store = memory_store_new(&fixture->clock);
    fixture->lake = memory_lake_open(fixture->store);
    fixture->reader = memory_lake_open(fixture->store);
    fixture->folder = temp_folder_make();
    const struct link_options options = {
        .name = "v",
        .connector = lakefeed_connector(),
        .url = fixture->url,
        .lake = fixture->lake,
        .location = "memory",
        .interval_ms = 1000,
        .load_commit_ms = 1,
        .keep = 1,
        .partition_bytes = 200,
        .chunk_rows = 5,
        .memory_bytes = (size_t)4 << 20,
        .spool_disk_bytes = (uint64_t)64 << 20,
        .scratch_folder = fixture->folder,
        .version = "test",
        .clock = fixture->clock,
        .random = random_from_seeded(&fixture->random),
    };
    fixture->link = link_new(&options);
}

static inline void teardown(struct fixture *fixture)
{
    verify_result_done(&fixture->result);
    link_free(&fixture->link);
    lake_close(&fixture->lake);
    lake_close(&fixture->reader);
    memory_store_free(&fixture->store);
    example_db_free(&fixture->db);
    temp_folder_remove(&fixture->folder);
}

static inline void assert_ok(bool ok, const struct lf_error *err)
{
    if (!ok) {
        fail_msg("%s: %s", lf_error_kind_name(err->kind), err->msg);
    }
}

static inline void commit_lake(struct fixture *fixture)
{
    struct lf_error err;
    size_t frozen = 0;
    fixture->now_ms += 10000;
    assert_ok(link_open(fixture->link, &err) && link_run_once(fixture->link, &frozen, &err), &err);
}

/* ---- one table: orders(id, amount, note) ---- */

static inline struct lf_cell number(int64_t value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
}

static inline struct lf_cell text(const char *value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {value, strlen(value)}};
}

static inline void insert_order(struct example_txn *txn, int64_t id)
{
    struct lf_error err;
    const struct lf_cell cells[] = {number(id), number(1000 + id), text("note")};
    assert_ok(example_insert(txn, "orders", cells, &err), &err);
}

static inline void update_order(struct fixture *fixture, int64_t id, int64_t amount)
{
    struct lf_error err;
    struct example_txn *txn = example_begin(fixture->db);
    const struct lf_cell key = number(id);
    const struct lf_cell cells[] = {number(id), number(amount), text("note")};
    assert_ok(example_update(txn, "orders", &key, cells, &err), &err);
    (void)example_commit_visible(txn);
}

static inline void create_orders(struct fixture *fixture, const struct lf_column *columns, uint32_t key)
{
    const struct lf_schema schema = {.columns = columns, .ncolumns = 3, .key = &key, .nkey = 1};
    struct lf_error err;
    struct example_txn *txn = example_begin(fixture->db);
    assert_ok(example_create_table(txn, "orders", &schema, &err), &err);
    (void)example_commit_visible(txn);
}

static inline void setup_orders(struct fixture *fixture, const char *settings)
{
    static const struct lf_column columns[] = {
        {.name = "id", .source_type = "int", .type = LF_TYPE_INT64, .max_length = -1},
        {.name = "amount", .source_type = "int", .type = LF_TYPE_INT64, .max_length = -1},
        {.name = "note", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1},
    };
    setup(fixture, 1, settings);
    create_orders(fixture, columns, /* key= */ 0);
    struct example_txn *txn = example_begin(fixture->db);
    for (int64_t id = 1; id <= ROWS; id++) {
        insert_order(txn, 2 * id); /* even ones */
    }
    (void)example_commit_visible(txn);
    commit_lake(fixture);
}

/* ---- sabotage ---- */

static inline bool replace_text(struct buf *bytes, const char *old, const char *new)
{
    struct buf changed = {0};
    char *at = strstr(bytes->ptr, old);
    if (at == NULL) {
        return false;
    }
    size_t before = (size_t)(at - bytes->ptr);
    buf_append(&changed, bytes->ptr, before);
    buf_append_text(&changed, new);
    buf_append_text(&changed, at + strlen(old));
    buf_done(bytes);
    *bytes = changed;
    return true;
}

/* Path of the partition that holds the text; the caller frees it. */
static inline char *find_partition(struct fixture *fixture, const char *needle)
{
    char **paths;
    size_t n = 0;
    char *found = NULL;
    memory_store_paths(fixture->store, &paths, &n);
    for (size_t i = 0; i < n && found == NULL; i++) {
        CLEANUP(buf_done) struct buf bytes = {0};
        assert_true(memory_store_get(fixture->store, paths[i], &bytes));
        if (strstr(paths[i], "/Snapshot/") != NULL && bytes.len > 0 && strstr(bytes.ptr, needle) != NULL) {
            found = text_copy(paths[i]);
        }
    }
    memory_paths_free(paths, n);
    assert_non_null(found);
    return found;
}

/* honest: model.json then carries the new sum, so that only the comparison of rows can find it. */
static inline void alter(struct fixture *fixture, const char *old, const char *new, bool honest)
{
    CLEANUP(text_free) char *path = find_partition(fixture, old);
    CLEANUP(buf_done) struct buf bytes = {0};
    CLEANUP(buf_done) struct buf model = {0};
    char before[SHA256_HEX_SIZE];
    char after[SHA256_HEX_SIZE];
    assert_true(memory_store_get(fixture->store, path, &bytes));
    sha256_of(bytes.ptr, bytes.len, before);
    assert_true(replace_text(&bytes, old, new));
    sha256_of(bytes.ptr, bytes.len, after);
    memory_store_put(fixture->store, path, bytes.ptr, bytes.len);
    if (honest) {
        assert_true(memory_store_get(fixture->store, "model.json", &model));
        assert_true(replace_text(&model, before, after));
        memory_store_put(fixture->store, "model.json", model.ptr, model.len);
    }
}

/* ---- the call ---- */

static struct fixture *current;

static inline void step(void)
{
    if (current->on_step != NULL) {
        current->on_step(current);
    }
}

static inline bool do_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                                struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    current->opens++;
    if (current->opens == 1) {
        example_fail_call(current->db, current->fail_call, LF_TRANSIENT); /* 0: none */
    }
    bool ok = lakefeed_connector()->ops->load_open(session, table, lo, hi, ret_load, ret_ordered, err);
    step(); /* between the source's snapshot and everything that is read later */
    return ok;
}

static inline bool do_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    step();
    return lakefeed_connector()->ops->load_next(load, ret_rows, err);
}

static inline bool do_changes_open(struct lf_session *session, struct lf_slice cursor,
                                   const struct lf_table_state *tables, size_t ntables, struct lf_changes **ret_changes,
                                   struct lf_error *err)
{
    step();
    return lakefeed_connector()->ops->changes_open(session, cursor, tables, ntables, ret_changes, err);
}

static inline bool do_changes_next(struct lf_changes *changes, UNUSED int wait_ms, struct lf_batch *ret_batch,
                                   struct lf_error *err)
{
    step();
    return lakefeed_connector()->ops->changes_next(changes, 0, ret_batch, err);
}

static inline bool try_verify(struct fixture *fixture, const char *entity, struct lf_error *err)
{
    struct lf_connector_ops ops = *lakefeed_connector()->ops;
    ops.load_open = do_load_open;
    ops.load_next = do_load_next;
    ops.changes_open = do_changes_open;
    ops.changes_next = do_changes_next;
    current = fixture;
    const struct verify_options options = {
        .ops = &ops,
        .url = fixture->url,
        .lake = fixture->reader,
        .entities = &entity,
        .nentities = entity != NULL,
        .folder = fixture->folder,
        .memory_bytes = (size_t)1 << 20,
        .clock = fixture->clock,
        .random = random_from_seeded(&fixture->random),
    };
    verify_result_done(&fixture->result);
    return verify_run(&options, &fixture->result, err);
}

static inline const struct verify_entity *verify(struct fixture *fixture)
{
    struct lf_error err;
    assert_ok(try_verify(fixture, NULL, &err), &err);
    assert_true(fixture->result.nentities > 0);
    return &fixture->result.entities[0];
}

static inline size_t count_kind(const struct verify_entity *entity, enum verify_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < entity->ndifferences; i++) {
        n += entity->differences[i].kind == kind;
    }
    return n;
}

static inline bool has_key(const struct verify_entity *entity, enum verify_kind kind, const char *key)
{
    for (size_t i = 0; i < entity->ndifferences; i++) {
        if (entity->differences[i].kind == kind && strcmp(entity->differences[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

#endif
