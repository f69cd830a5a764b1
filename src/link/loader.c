/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdlib.h>

#define LOAD_ROUND 64
#define LOAD_ROUND_MS 5000
#define LOAD_DELAY_MIN_MS 250
#define LOAD_DELAY_MAX_MS 30000
#define LOAD_BYTES_LEAST ((size_t)512 << 10)
#define LOAD_STACK_BYTES ((size_t)1 << 20)

bool loader_session(struct link *link, size_t index, struct lf_error *err)
{
    return link->load_sessions[index] != NULL || link_open_session(link, &link->load_sessions[index], err);
}

void loader_close_sessions(struct link *link)
{
    for (size_t i = 0; i < LOAD_THREADS_MAX; i++) {
        link_close_session(link, &link->load_sessions[i]);
    }
}

static void next_path(void *context, const char *entity, uint32_t partition, struct buf *out)
{
    struct link *link = context;
    committer_next_path(link->committer, entity, partition, clock_now_ms(&link->options.clock), out);
}

static void forget_path(void *context, const char *path)
{
    committer_forget(((struct link *)context)->committer, path);
}

struct partition_target loader_target(struct link *link, const struct entity *entity, atomic_uint *next_partition)
{
    return (struct partition_target){
        .lake = link->options.lake,
        .entity = entity->name,
        .partition_bytes = link->options.partition_bytes,
        .next_partition = next_partition,
        .next_path = next_path,
        .forget = forget_path,
        .context = link,
    };
}

/* ---- what there is to read ---- */

/* One chunk to be read, by whichever thread takes it. */
struct reading {
    struct link *link;
    struct entity *entity;
    const struct model_load *load;
    size_t index; /* of the chunk */
    bool taken, ok;
    struct load_result result;
    struct lf_error err;
};

static bool is_at_hand(const struct entity *entity, size_t index)
{
    for (size_t i = 0; i < entity->nchunks; i++) {
        if (entity->chunks[i].index == index) {
            return true;
        }
    }
    return false;
}

/* The load list that may be read now: a change of shape must be committed before reading goes on. */
static const struct model_load *readable_load(const struct link *link, const struct entity *entity)
{
    const struct model_entity *model = model_find(committer_head(link->committer), entity->name);
    bool ready = entity->followed && entity->reload_reason == NULL && entity->fault_reason == NULL && !entity->muted;
    bool fits = model != NULL && model->load != NULL && model->load->shape.version == entity_schema(entity)->version;
    return ready && fits ? model->load : NULL;
}

static size_t find_unread(struct link *link, struct reading *ret_readings, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < link->nentities && n < max; i++) {
        struct entity *entity = link->entities[i];
        const struct model_load *load = readable_load(link, entity);
        for (size_t c = 0; load != NULL && c < load->nchunks && n < max; c++) {
            if (!load->chunks[c].read && !is_at_hand(entity, c)) {
                ret_readings[n++] = (struct reading){.link = link, .entity = entity, .load = load, .index = c};
            }
        }
    }
    return n;
}

bool loader_has_work(struct link *link)
{
    struct reading reading;
    return find_unread(link, &reading, 1) > 0;
}

/* ---- reading ---- */

static bool reading_cancelled(void *context)
{
    return link_cancelled(((struct reading *)context)->link);
}

static void reading_progress(void *context, uint64_t rows)
{
    struct reading *reading = context;
    struct link *link = reading->link;
    const struct link_observer *observer = &link->options.observer;
    pthread_mutex_lock(&link->observing);
    if (observer->load != NULL) {
        observer->load(observer->context, reading->entity->name, rows, reading->entity->estimated_rows);
    }
    pthread_mutex_unlock(&link->observing);
}

static void read_chunk(struct reading *reading, size_t thread, size_t memory_bytes)
{
    struct link *link = reading->link;
    struct entity *entity = reading->entity;
    const struct model_chunk *chunk = &reading->load->chunks[reading->index];
    bool last = reading->index + 1 == reading->load->nchunks;
    struct partition_target target = loader_target(link, entity, &entity->next_partition);
    const struct source_rows_options options = {
        .ops = link->ops,
        .session = link->load_sessions[thread],
        .table = entity->table,
        .table_id = model_bytes_slice(&entity->table_id),
        .schema = entity_schema(entity),
        .intake = entity->policy.intake,
        .lo = model_bytes_slice(&chunk->first_key),
        .hi = last ? slice_none() : model_bytes_slice(&chunk[1].first_key),
        .folder = link->options.scratch_folder,
        .memory_bytes = memory_bytes,
        .cancelled = reading_cancelled,
        .progress = reading_progress,
        .context = reading,
    };
    reading->ok = load_chunk(&options, model_bytes_slice(&committer_head(link->committer)->cursor), &target,
                             &reading->result, &reading->err);
}

/* ---- several threads ---- */

/* Threads take readings from the list until it or the round's time is at its end. */
struct crew {
    struct link *link;
    struct reading *readings;
    size_t count;
    atomic_size_t next;
    int64_t until_ms;
    bool parallel;
};

struct hand {
    struct crew *crew;
    size_t thread;
};

/* The link's own thread waits for memory, the others only help where there is some. */
static bool take_memory(const struct hand *hand, struct budget_grant *ret_grant, struct lf_error *err)
{
    struct link *link = hand->crew->link;
    const struct budget_wish wish = {
        .work = BUDGET_LOAD,
        .least = LOAD_BYTES_LEAST,
        .wanted = link->options.memory_bytes / BUDGET_LOAD_SHARE / LOAD_THREADS_MAX,
        .cancelled = link_cancelled,
        .context = link,
    };
    return hand->thread == 0 ? budget_take_work(link->budget, &wish, ret_grant, err)
                             : budget_try_work(link->budget, &wish, ret_grant);
}

/* False: there is nothing left to read, or no memory to help with. */
static bool take_reading(const struct hand *hand)
{
    struct crew *crew = hand->crew;
    CLEANUP(budget_give_back) struct budget_grant grant = {0};
    struct lf_error err = {0};
    if (atomic_load(&crew->next) >= crew->count || (!take_memory(hand, &grant, &err) && hand->thread > 0)) {
        return false;
    }
    size_t i = atomic_fetch_add(&crew->next, 1);
    if (i >= crew->count) {
        return false;
    }
    struct reading *reading = &crew->readings[i];
    reading->taken = true;
    if (grant.budget == NULL) {
        reading->err = err;
        return false;
    }
    read_chunk(reading, hand->thread, grant.bytes);
    return true;
}

static void *take_readings(void *context)
{
    const struct hand *hand = context;
    const struct crew *crew = hand->crew;
    bool more = true;
    while (more) {
        more = take_reading(hand) && crew->parallel && link_monotonic_ms(crew->link) < crew->until_ms;
    }
    return NULL;
}

static void work(struct crew *crew, size_t threads)
{
    pthread_t others[LOAD_THREADS_MAX];
    pthread_attr_t small;
    struct hand hands[LOAD_THREADS_MAX] = {{.crew = crew}};
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, LOAD_STACK_BYTES);
    for (size_t i = 0; i < threads; i++) {
        hands[i] = (struct hand){.crew = crew, .thread = i};
        if (i > 0 && pthread_create(&others[i], &small, take_readings, &hands[i]) != 0) {
            threads = i; /* fewer hands do the same work */
        }
    }
    (void)take_readings(&hands[0]);
    for (size_t i = 1; i < threads; i++) {
        (void)pthread_join(others[i], NULL);
    }
    pthread_attr_destroy(&small);
}

/* No more than the chunks, and the link's own alone while other links wait for memory. */
static size_t choose_threads(const struct link *link, size_t chunks)
{
    size_t threads = link->options.load_threads > LOAD_THREADS_MAX ? LOAD_THREADS_MAX : link->options.load_threads;
    if (threads == 0 || (threads > 1 && budget_look(link->budget).waiting > 0)) {
        threads = 1;
    }
    return threads < chunks ? threads : chunks;
}

/* ---- what came of it ---- */

static void keep_chunk(struct link *link, const struct reading *reading)
{
    struct entity *entity = reading->entity;
    mem_grow(&entity->chunks, &entity->chunks_size, entity->nchunks + 1, sizeof *entity->chunks);
    entity->repaired += reading->result.repaired;
    uint64_t base_seq = link->committed_seq;
#ifdef LAKEFEED_MUTANT_asof_position
    base_seq = link->feed.seq;
#endif
    entity->chunks[entity->nchunks++] = (struct entity_chunk){
        .index = reading->index, .base_seq = base_seq, .schema = entity_schema(entity), .result = reading->result};
    link_log(link, entity->name, EVENT_chunk_loaded,
             (struct log_field[]){LOG_NUM("chunk", reading->index),
                                  LOG_NUM("rows", reading->result.rows),
                                  LOG_NUM("bytes", reading->result.bytes),
                                  {0}});
}

/* The source, or the lake, is not ready: tried again with growing delays. */
static void wait_longer(struct link *link, const struct entity *entity, const struct lf_error *err)
{
    struct log_where where = link->where;
    where.entity = entity->name;
    log_failure(link->options.log, &where, EVENT_source_waiting, err);
    link_tell_failure(link, "load", where.entity, err);
    link->load_delay_ms = link->load_delay_ms == 0 ? LOAD_DELAY_MIN_MS : link->load_delay_ms * 2;
    link->load_delay_ms = link->load_delay_ms > LOAD_DELAY_MAX_MS ? LOAD_DELAY_MAX_MS : link->load_delay_ms;
    link->load_again_ms = link_monotonic_ms(link) + link->load_delay_ms;
}

/* What a failed read means: the entity's own trouble freezes it; a shape that has moved on waits for the stream to bring it, a
 * busy source for its time; anything else ends the link. */
static bool judge_failure(struct link *link, struct entity *entity, const struct lf_error *failure,
                          struct lf_error *err)
{
    switch (failure->kind) {
    case LF_SCHEMA:
    case LF_NOT_FOUND:
    case LF_TRANSIENT:
    case LF_THROTTLED:
        wait_longer(link, entity, failure);
        return true;
    case LF_DATA:
    case LF_LIMIT:
        text_free(&entity->fault_reason);
        entity->fault_reason = text_copy(failure->msg);
        entity->muted = true;
        return true;
    default:
        *err = *failure;
        return false;
    }
}

static bool take_results(struct link *link, const struct crew *crew, bool *ret_any, struct lf_error *err)
{
    bool ok = true;
    for (size_t i = 0; i < crew->count; i++) {
        const struct reading *reading = &crew->readings[i];
        if (reading->taken && reading->ok && reading->result.accepted) {
            keep_chunk(link, reading);
            link->load_delay_ms = 0;
            *ret_any = true;
        } else if (reading->taken && !reading->ok && ok) {
            ok = judge_failure(link, reading->entity, &reading->err, err);
        }
    }
    return ok;
}

bool loader_step(struct link *link, bool *ret_any, struct lf_error *err)
{
    struct reading readings[LOAD_ROUND];
    struct crew crew = {.link = link, .readings = readings, .until_ms = link_monotonic_ms(link) + LOAD_ROUND_MS};
    *ret_any = false;
    if (link_monotonic_ms(link) < link->load_again_ms) {
        return true;
    }
    crew.count = find_unread(link, readings, LOAD_ROUND);
    if (crew.count == 0) {
        loader_close_sessions(link);
        return true;
    }
    size_t threads = choose_threads(link, crew.count);
    crew.parallel = threads > 1;
    for (size_t i = 0; i < threads; i++) {
        TRY(loader_session(link, i, err));
    }
    for (size_t i = 0; i < crew.count; i++) {
        struct entity *entity = readings[i].entity;
        if (entity->next_partition < readings[i].load->next_partition) {
            entity->next_partition = readings[i].load->next_partition;
        }
    }
    work(&crew, threads);
    return take_results(link, &crew, ret_any, err);
}
