/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "data/key.h"

#include <stdlib.h>

#define CHUNKS_MAX 4096u

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
    char load_id[17];
    TRY(loader_session(link, 0, err));
    random_hex(&link->options.random, 8, load_id);
    CLEANUP(model_load_free) struct model_load *load = mem_new(1, sizeof *load);
    load->entity = text_copy(entity->name);
    load->load_id = text_copy(load_id);
    load->table_id = model_bytes_copy(entity->table_id.ptr, entity->table_id.len);
    load->shape = entity_shape(schema, old);
    load->next_partition = 1;
    struct plan plan = {.schema = schema, .load = load};
    add_chunk(&plan, (struct lf_slice){0});
    const struct lf_table_state state = {
        .name = entity->table, .id = model_bytes_slice(&entity->table_id), .schema = schema->lf};
    bool planned =
        link->ops->load_plan(link->load_sessions[0], &state, wanted_chunks(link, entity), visit_bound, &plan, err);
    if (!planned && err->kind != LF_SCHEMA && err->kind != LF_NOT_FOUND) {
        return false;
    }
    if (!planned) {
        load->nchunks = 1; /* the table has moved on; the stream will say how, before anything is read */
    }
    *ret_load = load;
    load = NULL;
    entity->next_partition = 1;
    return true;
}
