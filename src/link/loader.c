/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdlib.h>

#define LOAD_ROUND 64
#define LOAD_ROUND_MS 5000
#define LOAD_DELAY_MIN_MS 250
#define LOAD_DELAY_MAX_MS 30000

bool loader_session(struct link *link, size_t index, struct lf_error *err)
{
    return link->load_sessions[index] != NULL || link_open_session(link, &link->load_sessions[index], err);
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

static void read_chunk(struct reading *reading, size_t thread)
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
        .lo = model_bytes_slice(&chunk->first_key),
        .hi = last ? slice_none() : model_bytes_slice(&chunk[1].first_key),
        .folder = link->options.scratch_folder,
        .memory_bytes = link->options.memory_bytes / 4 / LOAD_THREADS_MAX,
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

static void *take_readings(void *context)
{
    const struct hand *hand = context;
    struct crew *crew = hand->crew;
    do {
        size_t i = atomic_fetch_add(&crew->next, 1);
        if (i >= crew->count) {
            break;
        }
        crew->readings[i].taken = true;
        read_chunk(&crew->readings[i], hand->thread);
    } while (crew->parallel && link_monotonic_ms(crew->link) < crew->until_ms);
    return NULL;
}

static void work(struct crew *crew, size_t threads)
{
    pthread_t others[LOAD_THREADS_MAX];
    struct hand hands[LOAD_THREADS_MAX] = {{.crew = crew}};
    for (size_t i = 0; i < threads; i++) {
        hands[i] = (struct hand){.crew = crew, .thread = i};
        if (i > 0 && pthread_create(&others[i], NULL, take_readings, &hands[i]) != 0) {
            threads = i; /* fewer hands do the same work */
        }
    }
    (void)take_readings(&hands[0]);
    for (size_t i = 1; i < threads; i++) {
        (void)pthread_join(others[i], NULL);
    }
}

/* ---- what came of it ---- */

static void keep_chunk(struct link *link, const struct reading *reading)
{
    struct entity *entity = reading->entity;
    mem_grow(&entity->chunks, &entity->chunks_size, entity->nchunks + 1, sizeof *entity->chunks);
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
    size_t threads = link->options.load_threads > LOAD_THREADS_MAX ? LOAD_THREADS_MAX : link->options.load_threads;
    struct crew crew = {.link = link, .readings = readings, .until_ms = link_monotonic_ms(link) + LOAD_ROUND_MS};
    *ret_any = false;
    if (link_monotonic_ms(link) < link->load_again_ms) {
        return true;
    }
    crew.count = find_unread(link, readings, LOAD_ROUND);
    threads = threads > crew.count ? crew.count : threads > 0 ? threads : crew.count > 0 ? 1 : 0;
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
    if (crew.count > 0) {
        work(&crew, threads);
    }
    return take_results(link, &crew, ret_any, err);
}
