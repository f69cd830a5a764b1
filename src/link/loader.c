/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "data/key.h"

#include <stdlib.h>

#define CHUNKS_MAX 4096u

bool loader_session(struct link *link, struct lf_session **ret_session, struct lf_error *err)
{
    if (link->load_session == NULL) {
        TRY(link_open_session(link, &link->load_session, err));
    }
    *ret_session = link->load_session;
    return true;
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

struct partition_target loader_target(struct link *link, const struct entity *entity, uint32_t *next_partition)
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

/* ---- planning ---- */

struct plan {
    const struct schema *schema;
    struct model_load *load;
    size_t size;
};

static void add_chunk(struct plan *plan, struct lf_slice first_key)
{
    struct model_load *load = plan->load;
    mem_grow(&load->chunks, &plan->size, load->nchunks + 1, sizeof *load->chunks);
    load->chunks[load->nchunks++] = (struct model_chunk){.first_key = model_bytes_copy(first_key.ptr, first_key.len)};
}

static bool visit_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    struct plan *plan = context;
    CLEANUP(buf_done) struct buf key = {0};
    TRY(key_append_from_cells(&key, &plan->schema->lf, bound.cells, err));
    struct lf_slice last = model_bytes_slice(&plan->load->chunks[plan->load->nchunks - 1].first_key);
    if (slice_compare(last, buf_slice(&key)) >= 0) {
        return lf_error_set(err, LF_INTERNAL, 0, "the connector gave the bounds of a load out of order");
    }
    if (plan->load->nchunks < CHUNKS_MAX) {
        add_chunk(plan, buf_slice(&key));
    }
    return true;
}

static uint32_t wanted_chunks(const struct link *link, const struct entity *entity)
{
    if (entity->estimated_rows <= 0) {
        return 1;
    }
    uint64_t n = (uint64_t)entity->estimated_rows / link->options.chunk_rows + 1;
    return n > CHUNKS_MAX ? CHUNKS_MAX : (uint32_t)n;
}

bool loader_plan(struct link *link, struct entity *entity, const struct schema *schema, const struct model_shape *old,
                 struct model_load **ret_load, struct lf_error *err)
{
    struct lf_session *session = NULL;
    char load_id[17];
    TRY(loader_session(link, &session, err));
    random_hex(&link->options.random, 8, load_id);
    CLEANUP(model_load_free) struct model_load *load = mem_new(1, sizeof *load);
    load->entity = text_copy(entity->name);
    load->load_id = text_copy(load_id);
    load->table_id = model_bytes_copy(entity->table_id.ptr, entity->table_id.len);
    load->shape = entity_shape(schema, old);
    load->next_partition = 1;
    struct plan plan = {.schema = schema, .load = load};
    add_chunk(&plan, (struct lf_slice){0});
    const struct lf_table_state state = {.name = entity->table, .id = model_bytes_slice(&entity->table_id), .schema = schema->lf};
    bool planned = link->ops->load_plan(session, &state, wanted_chunks(link, entity), visit_bound, &plan, err);
    if (!planned && err->kind != LF_SCHEMA && err->kind != LF_NOT_FOUND) {
        return false;
    }
    if (!planned) {
        load->nchunks = 1; /* the table has moved on; the stream will say how, before anything is read */
    }
    *ret_load = load;
    load = NULL;
    entity->rows_loaded = 0;
    return true;
}

/* ---- reading ---- */

static bool is_at_hand(const struct entity *entity, size_t index)
{
    for (size_t i = 0; i < entity->nchunks; i++) {
        if (entity->chunks[i].index == index) {
            return true;
        }
    }
    return false;
}

static bool find_unread(const struct link *link, struct entity **ret_entity, const struct model_load **ret_load, size_t *ret_index)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        const struct model_entity *model = model_find(head, entity->name);
        bool ready = entity->followed && entity->reload_reason == NULL && entity->fault_reason == NULL && !entity->muted;
        if (!ready || model == NULL || model->load == NULL || model->load->shape.version != entity_schema(entity)->version) {
            continue; /* a change of shape must be committed before reading goes on */
        }
        for (size_t c = 0; c < model->load->nchunks; c++) {
            if (!model->load->chunks[c].read && !is_at_hand(entity, c)) {
                *ret_entity = entity;
                *ret_load = model->load;
                *ret_index = c;
                return true;
            }
        }
    }
    return false;
}

bool loader_has_work(const struct link *link)
{
    struct entity *entity = NULL;
    const struct model_load *load = NULL;
    size_t index = 0;
    return find_unread(link, &entity, &load, &index);
}

struct reading {
    struct link *link;
    struct entity *entity;
};

static bool reading_cancelled(void *context)
{
    return link_cancelled(((struct reading *)context)->link);
}

static void reading_progress(void *context, uint64_t rows)
{
    struct reading *reading = context;
    struct link_observer *observer = &reading->link->options.observer;
    reading->entity->rows_loaded += rows;
    if (observer->load != NULL) {
        observer->load(observer->context, reading->entity->name, reading->entity->rows_loaded, reading->entity->estimated_rows);
    }
}

static void keep_chunk(struct link *link, struct entity *entity, size_t index, const struct load_result *result)
{
    mem_grow(&entity->chunks, &entity->chunks_size, entity->nchunks + 1, sizeof *entity->chunks);
    uint64_t base_seq = link->committed_seq;
#ifdef LAKEFEED_MUTANT_asof_position
    base_seq = link->feed.seq;
#endif
    entity->chunks[entity->nchunks++] =
        (struct entity_chunk){.index = index, .base_seq = base_seq, .schema = entity_schema(entity), .result = *result};
    link_log(link, entity->name, EVENT_chunk_loaded,
             (struct log_field[]){LOG_NUM("chunk", index), LOG_NUM("rows", result->rows), LOG_NUM("bytes", result->bytes), {0}});
}

/* What a failed read means: the entity's own trouble freezes it; a shape that has moved on waits for the stream to bring it, a
 * busy source for its time. */
static bool judge_failure(struct link *link, struct entity *entity, bool *ret_any, struct lf_error *err)
{
    bool waits = err->kind == LF_SCHEMA || err->kind == LF_NOT_FOUND || err->kind == LF_TRANSIENT || err->kind == LF_THROTTLED;
    if (waits) {
        struct log_where where = link->where;
        where.entity = entity->name;
        log_failure(link->options.log, &where, EVENT_source_waiting, err);
        *ret_any = false;
        return true;
    }
    if (err->kind != LF_DATA && err->kind != LF_LIMIT) {
        return false;
    }
    entity->fault_reason = text_copy(err->msg);
    entity->muted = true;
    link_log(link, entity->name, EVENT_entity_frozen, (struct log_field[]){LOG_TEXT("reason", err->msg), {0}});
    return true;
}

static uint32_t first_free_partition(const struct entity *entity, const struct model_load *load)
{
    uint32_t next = load->next_partition;
    for (size_t i = 0; i < entity->nchunks; i++) {
        next += (uint32_t)entity->chunks[i].result.npartitions;
    }
    return next;
}

bool loader_step(struct link *link, bool *ret_any, struct lf_error *err)
{
    struct entity *entity = NULL;
    const struct model_load *load = NULL;
    size_t index = 0;
    struct lf_session *session = NULL;
    *ret_any = find_unread(link, &entity, &load, &index);
    if (!*ret_any) {
        return true;
    }
    TRY(loader_session(link, &session, err));
    uint32_t next_partition = first_free_partition(entity, load);
    struct partition_target target = loader_target(link, entity, &next_partition);
    struct reading reading = {.link = link, .entity = entity};
    const struct source_rows_options options = {
        .ops = link->ops,
        .session = session,
        .table = entity->table,
        .table_id = model_bytes_slice(&entity->table_id),
        .schema = entity_schema(entity),
        .lo = model_bytes_slice(&load->chunks[index].first_key),
        .hi = index + 1 < load->nchunks ? model_bytes_slice(&load->chunks[index + 1].first_key) : (struct lf_slice){0},
        .folder = link->options.scratch_folder,
        .memory_bytes = link->options.memory_bytes / 4,
        .cancelled = reading_cancelled,
        .progress = reading_progress,
        .context = &reading,
    };
    struct load_result result;
    if (!load_chunk(&options, model_bytes_slice(&committer_head(link->committer)->cursor), &target, &result, err)) {
        return judge_failure(link, entity, ret_any, err);
    }
    *ret_any = result.accepted;
    if (result.accepted) {
        keep_chunk(link, entity, index, &result);
    }
    return true;
}
