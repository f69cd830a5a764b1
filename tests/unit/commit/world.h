/* SPDX-License-Identifier: Apache-2.0
 *
 * One storage, a clock that only tests move, and committers on it. Checks read the storage past the committer.
 */
#ifndef TESTS_UNIT_COMMIT_WORLD_H
#define TESTS_UNIT_COMMIT_WORLD_H

#include "base/crypto.h"
#include "commit/commit.h"
#include "fakes/fault_lake.h"
#include "fakes/memory_lake.h"
#include "fakes/temp_folder.h"
#include "refusing_lake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define START_MS INT64_C(1706702400000) /* 2024-01-31T12:00:00Z */
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

struct world {
    int64_t now_ms;
    int64_t slept_ms;
    struct clock clock;
    struct memory_store *store;
    struct random_seeded seeded;
    struct random_source random;
    char *scratch;
    uint32_t keep;
    int64_t keep_for_ms;
    bool cancel;
    FILE *log_file; /* NULL: no log */
    struct log *log;
};

/* A process: its own handle on the storage. */
struct process {
    struct world *world;
    struct refusing_lake *lake; /* in front of the next one */
    struct lake *fault;
    struct committer *committer;
};

static inline int64_t world_now_us(void *context)
{
    return ((struct world *)context)->now_ms * 1000;
}

static inline void world_sleep(void *context, int64_t ms)
{
    struct world *world = context;
    world->now_ms += ms;
    world->slept_ms += ms;
}

static inline bool world_cancelled(void *context)
{
    return ((struct world *)context)->cancel;
}

static inline uint64_t seed_of_run(void)
{
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline struct world *world_new(void)
{
    struct world *world = mem_new(1, sizeof *world);
    world->now_ms = START_MS;
    world->keep = 1;
    world->clock = (struct clock){world, world_now_us, world_now_us, world_sleep};
    world->store = memory_store_new(&world->clock);
    random_seeded_init(&world->seeded, 7);
    world->random = random_from_seeded(&world->seeded);
    world->scratch = temp_folder_make();
    return world;
}

static inline void world_free(struct world *world)
{
    memory_store_free(&world->store);
    temp_folder_remove(&world->scratch);
    log_free(&world->log);
    if (world->log_file != NULL) {
        (void)fclose(world->log_file);
    }
    free(world);
}

static inline void world_log(struct world *world)
{
    world->log_file = tmpfile();
    assert_non_null(world->log_file);
    world->log = log_new(fileno(world->log_file), LOG_JSON, LOG_DEBUG, &world->clock);
}

/* How many lines of the log hold the text. */
static inline size_t world_logged(struct world *world, const char *text)
{
    char line[4096];
    size_t count = 0;
    rewind(world->log_file);
    while (fgets(line, sizeof line, world->log_file) != NULL) {
        count += strstr(line, text) != NULL;
    }
    return count;
}

static inline struct process process_open(struct world *world)
{
    struct lake *fault = fault_lake_open(memory_lake_open(world->store));
    struct process process = {.world = world, .lake = refusing_lake_new(fault), .fault = fault};
    const struct commit_options options = {
        .scratch_folder = world->scratch,
        .keep = world->keep,
        .keep_for_ms = world->keep_for_ms,
        .version = "0.1.0",
        .clock = &world->clock,
        .random = &world->random,
        .log = world->log,
        .cancelled = world_cancelled,
        .cancel_context = world,
    };
    process.committer = committer_new(&process.lake->base, &options);
    return process;
}

static inline void process_close(struct process *process)
{
    committer_free(&process->committer);
    struct lake *lake = &process->lake->base;
    lake_close(&lake);
    process->lake = NULL;
}

static inline struct process process_start(struct world *world)
{
    struct lf_error err = {0};
    struct process process = process_open(world);
    if (!committer_recover(process.committer, &err)) {
        fail_msg("recover: %s", err.msg);
    }
    return process;
}

/* --- models --- */

static inline struct model_shape simple_shape(void)
{
    struct model_shape shape = {.nattributes = 1, .nkey = 1, .version = 1};
    shape.attributes = mem_new(1, sizeof *shape.attributes);
    shape.attributes[0] = (struct model_attribute){
        .name = text_copy("id"), .id = 1, .type = LF_TYPE_INT64, .max_length = -1, .source_type = text_copy("INTEGER")};
    shape.key = mem_new(1, sizeof *shape.key);
    return shape;
}

static inline struct model *empty_model(void)
{
    struct model *model = mem_new(1, sizeof *model);
    *model = (struct model){.format = MODEL_FORMAT,
                            .name = text_copy("cdm"),
                            .lake_id = text_copy("fedcba9876543210"),
                            .cursor = model_bytes_copy("0", 1),
                            .source = text_copy("test")};
    return model;
}

/* A copy of the head, or of nothing. */
static inline struct model *next_of(const struct process *process)
{
    const struct model *head = committer_head(process->committer);
    return head != NULL ? model_copy(head) : empty_model();
}

static inline struct model_entity *add_entity(struct model *model, const char *name, enum model_state entity_state)
{
    assert_true(model->nentities == 0 || strcmp(model->entities[model->nentities - 1].name, name) < 0);
    model->entities = mem_resize(model->entities, model->nentities + 1, sizeof *model->entities);
    struct model_entity *entity = &model->entities[model->nentities++];
    *entity = (struct model_entity){
        .name = text_copy(name),
        .table = text_copy(name),
        .state = entity_state,
        .load_id = text_copy("5eed5eed5eed5eed"),
        .completed_ms = entity_state == MODEL_COMPLETED ? START_MS : 0,
        .shape = simple_shape(),
        .next_partition = 1000,
    };
    return entity;
}

/* The entity, which must be there. */
static inline struct model_entity *entity_of(const struct model *model, const char *name)
{
    struct model_entity *entity = model_find(model, name);
    if (entity == NULL) {
        fail_msg("no entity %s", name);
        abort();
    }
    return entity;
}

/* The first partition of the first entity, which must be there. */
static inline struct model_partition *first_partition(struct model *model)
{
    if (model->nentities == 0 || model->entities[0].partitions == NULL) {
        fail_msg("no partition");
        abort();
    }
    return &model->entities[0].partitions[0];
}

/* Writes a file of this process into the storage and describes it; partition n begins at a key of one byte, n. */
static inline struct model_partition make_partition(const struct process *process, const char *entity, uint32_t number)
{
    struct buf path = {0};
    struct buf text = {0};
    committer_next_path(process->committer, entity, number, process->world->now_ms, &path);
    buf_printf(&text, "%u\n%s\n", number, buf_text(&path));
    struct model_partition partition = {
        .name = text_printf("p%08u", number), .path = text_copy(buf_text(&path)), .rows = 2, .bytes = text.len};
    const unsigned char first = (unsigned char)number;
    partition.first_key = model_bytes_copy(&first, number == 0 ? 0 : 1);
    sha256_of(text.ptr, text.len, partition.sha256);
    memory_store_put(process->world->store, partition.path, text.ptr, text.len);
    buf_done(&text);
    buf_done(&path);
    return partition;
}

/* Replaces partition `number` of the entity by a new file; they are numbered from 0 without a gap. */
static inline void put_partition(const struct process *process, struct model *model, const char *name, uint32_t number)
{
    struct model_entity *entity = entity_of(model, name);
    if (number == entity->npartitions) {
        entity->partitions = mem_resize(entity->partitions, number + 1, sizeof *entity->partitions);
        entity->npartitions++;
    } else {
        model_partition_done(&entity->partitions[number]);
    }
    entity->partitions[number] = make_partition(process, name, number);
}

static inline struct model_load *make_load(const char *entity, size_t nchunks)
{
    struct model_load *load = mem_new(1, sizeof *load);
    *load = (struct model_load){.entity = text_copy(entity),
                                .load_id = text_copy("10ad10ad10ad10ad"),
                                .shape = simple_shape(),
                                .nchunks = nchunks,
                                .next_partition = 1000};
    load->chunks = mem_new(nchunks, sizeof *load->chunks);
    for (size_t i = 1; i < nchunks; i++) {
        const unsigned char first = (unsigned char)i;
        load->chunks[i].first_key = model_bytes_copy(&first, 1);
    }
    return load;
}

static inline void load_changed(struct model_entity *entity)
{
    text_free(&entity->load_path);
    memset(entity->load_sha256, 0, sizeof entity->load_sha256);
}

/* Chunk `index` is read into one partition of that number. */
static inline void read_chunk(const struct process *process, struct model_entity *entity, size_t index)
{
    struct model_chunk *chunk = &entity->load->chunks[index];
    chunk->read = true;
    chunk->asof = model_bytes_copy("asof", 4);
    chunk->partitions = mem_new(1, sizeof *chunk->partitions);
    chunk->npartitions = 1;
    chunk->partitions[0] = make_partition(process, entity->name, (uint32_t)index);
    load_changed(entity);
}

/* The load is over: its partitions become those of the entity. */
static inline void finish_load(struct model_entity *entity)
{
    entity->partitions = mem_new(entity->load->nchunks, sizeof *entity->partitions);
    for (size_t i = 0; i < entity->load->nchunks; i++) {
        if (entity->load->chunks[i].npartitions > 0) {
            entity->partitions[entity->npartitions++] = model_partition_copy(&entity->load->chunks[i].partitions[0]);
        }
    }
    entity->state = MODEL_COMPLETED;
    entity->completed_ms = START_MS;
    model_load_free(&entity->load);
    load_changed(entity);
}

static inline void set_cursor(struct model *model, unsigned step)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", step);
    model_bytes_done(&model->cursor);
    model->cursor = model_bytes_copy(text, strlen(text));
}

static inline unsigned cursor_of(const struct model *model)
{
    char text[16] = "";
    memcpy(text, model->cursor.ptr, model->cursor.len);
    return (unsigned)strtoul(text, NULL, 10);
}

static inline bool try_publish(const struct process *process, struct model *next, bool cursor_only,
                               struct lf_error *err)
{
    const bool done = committer_publish(process->committer, &next, cursor_only, err);
    assert_null(next);
    return done;
}

static inline void publish(const struct process *process, struct model *next)
{
    struct lf_error err = {0};
    if (!try_publish(process, next, false, &err)) {
        fail_msg("publish: %s", err.msg);
    }
}

static inline struct commit_collected collect(const struct process *process)
{
    struct commit_collected collected = {0};
    committer_collect(process->committer, &collected);
    return collected;
}

/* A commit that replaces partition 0 of orders, which it makes when there is none, and collects. */
static inline struct commit_collected commit_orders(const struct process *process)
{
    struct model *next = next_of(process);
    if (model_find(next, "orders") == NULL) {
        (void)add_entity(next, "orders", MODEL_COMPLETED);
    }
    put_partition(process, next, "orders", 0);
    publish(process, next);
    return collect(process);
}

/* The path of partition 0 of orders in the head. */
static inline char *orders_path(const struct process *process)
{
    return text_copy(entity_of(committer_head(process->committer), "orders")->partitions[0].path);
}

/* --- what stands in the storage --- */

static inline bool stored(const struct world *world, const char *path)
{
    char etag[LAKE_ETAG_SIZE];
    return memory_store_etag(world->store, path, etag);
}

struct text_input {
    const char *text;
    size_t len;
};

static inline bool next_of_text(void *context, char *ret_bytes, size_t size, size_t *ret_len,
                                UNUSED struct lf_error *err)
{
    struct text_input *input = context;
    *ret_len = input->len < size ? input->len : size;
    if (*ret_len > 0) {
        memcpy(ret_bytes, input->text, *ret_len);
    }
    input->text += *ret_len;
    input->len -= *ret_len;
    return true;
}

static inline struct model *stored_model(const struct world *world, const char *path)
{
    struct lf_error err = {0};
    struct buf text = {0};
    struct model *model = NULL;
    if (memory_store_get(world->store, path, &text)) {
        struct text_input input = {text.ptr, text.len};
        if (!model_parse(next_of_text, &input, &model, &err)) {
            fail_msg("%s: %s", path, err.msg);
        }
    }
    buf_done(&text);
    return model;
}

static inline void stored_text(const struct world *world, const char *path, const char *sha256, struct buf *out)
{
    char hex[65];
    if (!memory_store_get(world->store, path, out)) {
        fail_msg("%s is missing", path);
    }
    sha256_of(out->ptr, out->len, hex);
    assert_string_equal(hex, sha256);
}

static inline struct history *stored_history(const struct world *world, const struct model *model)
{
    struct lf_error err = {0};
    struct buf text = {0};
    struct history *history = NULL;
    stored_text(world, model->history_path, model->history_sha256, &text);
    if (!history_parse(text.ptr, text.len, &history, &err)) {
        fail_msg("%s: %s", model->history_path, err.msg);
    }
    buf_done(&text);
    return history;
}

/* Paths that the checks have seen named; sorted only by use. */
struct names {
    char **paths;
    size_t count, cap;
};

static inline void names_add(struct names *names, const char *path)
{
    mem_grow(&names->paths, &names->cap, names->count + 1, sizeof *names->paths);
    names->paths[names->count++] = text_copy(path);
}

static inline bool names_has(const struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static inline void check_partitions(const struct world *world, const struct model_partition *partitions, size_t count,
                                    struct names *names)
{
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        stored_text(world, partitions[i].path, partitions[i].sha256, &text);
        names_add(names, partitions[i].path);
        buf_done(&text);
    }
}

/* Every file that the model names is there, whole. */
static inline void check_files(const struct world *world, const struct model *model, struct names *names)
{
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        check_partitions(world, entity->partitions, entity->npartitions, names);
        if (entity->quarantine_path != NULL) {
            struct buf lines = {0};
            stored_text(world, entity->quarantine_path, entity->quarantine_sha256, &lines);
            names_add(names, entity->quarantine_path);
            buf_done(&lines);
        }
        if (entity->load_path == NULL) {
            continue;
        }
        struct lf_error err = {0};
        struct buf text = {0};
        struct model_load *load = NULL;
        stored_text(world, entity->load_path, entity->load_sha256, &text);
        names_add(names, entity->load_path);
        assert_true(model_load_parse(text.ptr, text.len, &load, &err));
        for (size_t j = 0; j < load->nchunks; j++) {
            check_partitions(world, load->chunks[j].partitions, load->chunks[j].npartitions, names);
        }
        model_load_free(&load);
        buf_done(&text);
    }
    if (model->history_path != NULL) {
        struct buf text = {0};
        stored_text(world, model->history_path, model->history_sha256, &text);
        names_add(names, model->history_path);
        buf_done(&text);
    }
}

/* What readers and restarts rely on: model.json is whole, and so is every commit that its history retains. */
static inline void check_retained(const struct world *world, const struct model *model, struct names *names)
{
    struct history *history = stored_history(world, model);
    for (size_t i = 0; i < history->nrecords; i++) {
        if (history->records[i].dropped) {
            continue;
        }
        struct buf path = {0};
        lake_path_commit(history->records[i].commit, history->records[i].commit_id, &path);
        struct model *record = stored_model(world, buf_text(&path));
        if (record == NULL) {
            fail_msg("retained record %s is missing", buf_text(&path));
            abort();
        }
        names_add(names, buf_text(&path));
        check_files(world, record, names);
        model_free(&record);
        buf_done(&path);
    }
    history_free(&history);
}

static inline void names_done(struct names *names)
{
    memory_paths_free(names->paths, names->count);
    *names = (struct names){0};
}

static inline void check_lake_named(const struct world *world, struct names *names)
{
    struct model *model = stored_model(world, "model.json");
    if (model != NULL) {
        names_add(names, "model.json");
        check_files(world, model, names);
        if (model->history_path != NULL) {
            check_retained(world, model, names);
        }
    }
    model_free(&model);
}

static inline void check_lake(const struct world *world)
{
    struct names names = {0};
    check_lake_named(world, &names);
    names_done(&names);
}

/* The same, and that nothing else lies in the storage. */
static inline void check_no_leftover(const struct world *world)
{
    struct names names = {0};
    char **paths;
    size_t count;
    check_lake_named(world, &names);
    memory_store_paths(world->store, &paths, &count);
    for (size_t i = 0; i < count; i++) {
        if (!names_has(&names, paths[i])) {
            fail_msg("left over: %s", paths[i]);
        }
    }
    memory_paths_free(paths, count);
    names_done(&names);
}

#endif
