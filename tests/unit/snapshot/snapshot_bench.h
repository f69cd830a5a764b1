/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this folder share: a lake in memory, paths that are counted, schemas and rows in a few words.
 */
#ifndef SNAPSHOT_BENCH_H
#define SNAPSHOT_BENCH_H

#include "base/crypto.h"
#include "base/macros.h"
#include "cdm/model.h"
#include "data/csv.h"
#include "data/key.h"
#include "data/schema.h"
#include "fakes/fault_lake.h"
#include "fakes/memory_lake.h"
#include "snapshot/partition_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A path that a writer was given. */
struct given {
    char *path;
    unsigned forgotten;
};

struct bench {
    struct clock clock;
    struct memory_store *store;
    struct lake *lake; /* a fault lake */
    atomic_uint next_partition;
    struct given *given;
    size_t ngiven, given_size;
    struct partition_target target;
};

static inline void bench_next_path(void *context, const char *entity, uint32_t partition, struct buf *out)
{
    struct bench *bench = context;
    size_t start = out->len;
    buf_printf(out, "%s/Snapshot/p%08u-%zu.csv", entity, partition, bench->ngiven);
    mem_grow(&bench->given, &bench->given_size, bench->ngiven + 1, sizeof *bench->given);
    bench->given[bench->ngiven++] = (struct given){.path = text_copy(buf_text(out) + start)};
}

static inline void bench_forget(void *context, const char *path)
{
    struct bench *bench = context;
    for (size_t i = 0; i < bench->ngiven; i++) {
        if (strcmp(bench->given[i].path, path) == 0) {
            bench->given[i].forgotten++;
            return;
        }
    }
    fail_msg("%s was forgotten and never given", path);
}

static inline void bench_init(struct bench *bench, uint64_t partition_bytes)
{
    *bench = (struct bench){.clock = clock_system()};
    atomic_init(&bench->next_partition, 1);
    bench->store = memory_store_new(&bench->clock);
    bench->lake = fault_lake_open(memory_lake_open(bench->store));
    bench->target = (struct partition_target){.lake = bench->lake,
                                              .entity = "e",
                                              .partition_bytes = partition_bytes,
                                              .next_partition = &bench->next_partition,
                                              .next_path = bench_next_path,
                                              .forget = bench_forget,
                                              .context = bench};
}

static inline void bench_forget_given(struct bench *bench)
{
    for (size_t i = 0; i < bench->ngiven; i++) {
        free(bench->given[i].path);
    }
    bench->ngiven = 0;
}

static inline void bench_done(struct bench *bench)
{
    bench_forget_given(bench);
    free(bench->given);
    lake_close(&bench->lake);
    memory_store_free(&bench->store);
}

/* Everything that was handed out was also given back, once. */
static inline void bench_assert_all_forgotten(const struct bench *bench)
{
    for (size_t i = 0; i < bench->ngiven; i++) {
        if (bench->given[i].forgotten != 1) {
            fail_msg("%s was forgotten %u times", bench->given[i].path, bench->given[i].forgotten);
        }
    }
}

/* Puts a file into the lake and describes it as a commit would. */
static inline struct model_partition bench_partition(struct bench *bench, const char *path, const char *text,
                                                     uint64_t rows, struct lf_slice first_key)
{
    struct model_partition partition = {.name = text_copy("p00000001"),
                                        .path = text_copy(path),
                                        .first_key = model_bytes_copy(first_key.ptr, first_key.len),
                                        .rows = rows,
                                        .bytes = strlen(text)};
    sha256_of(text, strlen(text), partition.sha256);
    memory_store_put(bench->store, path, text, strlen(text));
    return partition;
}

static inline char *bench_text(struct bench *bench, const char *path)
{
    struct buf text = {0};
    if (!memory_store_get(bench->store, path, &text)) {
        fail_msg("%s is not in the lake", path);
    }
    char *copy = text_copy(buf_text(&text));
    buf_done(&text);
    return copy;
}

/* Columns by a word each: "1:id 2:name -3:gone", the first `nkey` are the key. INT64 when the id is 1, else STRING; a minus marks a
 * dropped one. */
static inline struct schema *bench_schema(const char *words, uint32_t nkey, uint32_t version)
{
    struct lf_column columns[16];
    char names[16][16];
    const uint32_t key[] = {0, 1, 2, 3};
    struct lf_schema schema = {.columns = columns, .key = key, .nkey = nkey};
    struct schema *made = NULL;
    struct lf_error err;
    for (const char *at = words; *at != '\0';) {
        char *name = NULL;
        long id = strtol(at, &name, 10);
        size_t len = strcspn(name + 1, " ");
        (void)snprintf(names[schema.ncolumns], sizeof names[0], "%.*s", (int)len, name + 1);
        at = name + 1 + len + strspn(name + 1 + len, " ");
        columns[schema.ncolumns] = (struct lf_column){.id = (uint32_t)labs(id),
                                                      .name = names[schema.ncolumns],
                                                      .source_type = "",
                                                      .type = id == 1 ? LF_TYPE_INT64 : LF_TYPE_STRING,
                                                      .max_length = -1,
                                                      .dropped = id < 0};
        schema.ncolumns++;
    }
    if (!schema_new(&schema, version, &made, &err)) {
        fail_msg("schema %s: %s", words, err.msg);
    }
    return made;
}

/* The key of an integer in a schema whose key is column 1. */
static inline struct lf_slice bench_key(struct buf *out, const struct schema *schema, int64_t value)
{
    struct lf_error err;
    const struct lf_cell cell = {.state = LF_CELL_VALUE, .i = value};
    buf_reset(out);
    assert_true(key_append_from_cells(out, &schema->lf, &cell, &err));
    return buf_slice(out);
}

static inline void bench_free_partitions(struct model_partition *partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        model_partition_done(&partitions[i]);
    }
}

static inline uint64_t bench_seed(void)
{
    const char *text = getenv("LAKEFEED_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)clock_system().now_us(NULL);
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
