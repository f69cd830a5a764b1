/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_BYTES_LEAST ((size_t)512 << 10)
#define MERGE_BYTES_WANTED ((size_t)2 << 20)

/* What the events of the cut, the loader and the operator demand. */
struct demand {
    const char *fault;  /* freeze */
    const char *reload; /* begin a load */
    bool truncated;
};

static struct demand read_demand(const struct advance *advance)
{
    struct entity *entity = advance->entity;
    struct demand demand = {.fault = entity->fault_reason,
                            .reload = entity->fault_reason == NULL ? entity->reload_reason : NULL};
    const struct spool_event **events = NULL;
    size_t count = 0;
    spool_events(advance->link->spool, entity->slot, &events, &count);
    for (size_t i = 0; i < count; i++) {
        if (events[i]->seq <= advance->link->committed_seq || entity->fault_reason != NULL) {
            continue;
        }
        demand.truncated = demand.truncated || events[i]->kind == SPOOL_TRUNCATE;
        if (events[i]->kind == SPOOL_FAULT) {
            demand.fault = events[i]->reason;
            demand.reload = NULL;
        } else if (events[i]->kind == SPOOL_RELOAD) {
            demand.reload = events[i]->reason;
            demand.fault = NULL;
        }
    }
    free(events);
    return demand;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = text_copy(text);
}

/* The next commit writes the load list anew, or has none. */
static void forget_load_list(struct model_entity *model)
{
    set_text(&model->load_path, NULL);
    model->load_sha256[0] = '\0';
}

/* A reason may quote what a source holds, or end in the middle of a character. */
static void set_reason(struct model_entity *model, const char *reason)
{
    free(model->reason);
    model->reason = utf8_copy(reason);
}

static void drop_load(struct advance *advance)
{
    model_load_free(&advance->model->load);
    forget_load_list(advance->model);
    listing_set_loading(advance, &(struct quarantine_list){0});
    entity_drop_chunks(advance->link, advance->entity);
}

/* From now on the partitions stand at the head's cursor, unless they stand at an older one already. */
static void stand_still(struct advance *advance)
{
    struct model_entity *model = advance->model;
    if (model->completed_ms != 0 && model->stands_at.len == 0) {
        model->stands_at = model_bytes_copy(advance->head_cursor.ptr, advance->head_cursor.len);
    }
}

static void freeze(struct advance *advance, const char *reason)
{
    struct model_entity *model = advance->model;
    CLEANUP(text_free) char *text = utf8_copy(reason);
    if (model->state == MODEL_ERROR && model->reason != NULL && strcmp(model->reason, text) == 0) {
        /* Tried again in vain. Without a commit the same change would come again at the next try, and the one after it. */
        advance->changed = advance->changed || advance->entity->reload_reason != NULL;
        return;
    }
    stand_still(advance);
    drop_load(advance);
    model->state = MODEL_ERROR;
    set_reason(model, reason);
    advance->changed = true;
    link_log(advance->link, model->name, EVENT_entity_frozen, (struct log_field[]){LOG_TEXT("reason", reason), {0}});
    struct lf_error err = {0};
    (void)lf_error_set(&err, LF_DATA, 0, "%s", text);
    link_tell_failure(advance->link, "entity", model->name, &err);
}

/* reason NULL: a first load. */
static bool begin_load(struct advance *advance, const char *reason, struct lf_error *err)
{
    struct model_entity *model = advance->model;
    struct entity *entity = advance->entity;
    struct model_load *load = NULL;
    stand_still(advance);
    drop_load(advance);
    if (model->quarantine == NULL) {
        set_text(&model->quarantine_path, NULL); /* of a file that is lost */
        model->quarantine_sha256[0] = '\0';
        model->quarantine_rows = 0;
    }
    if (!loader_plan(advance->link, entity, entity_schema(entity), &model->shape, &load, err)) {
        if (!is_entity_kind(err->kind)) {
            return false;
        }
        freeze(advance, err->msg);
        return true;
    }
    model->load = load;
    entity->muted = false; /* what comes after this cut is of use again */
    model->state = model->completed_ms != 0 ? MODEL_RELOADING : MODEL_LOADING;
    set_reason(model, reason);
    if (model->state == MODEL_LOADING) {
        model_shape_done(&model->shape);
        model->shape = model_shape_copy(&load->shape);
    }
    advance->changed = true;
    link_log(advance->link, model->name, reason == NULL ? EVENT_load_started : EVENT_entity_reload,
             (struct log_field[]){
                 LOG_NUM("chunks", load->nchunks), LOG_TEXT("reason", reason == NULL ? "first load" : reason), {0}});
    return true;
}

/* ---- merging ---- */

/* Moves with absent cells are sorted; otherwise there are only blocks of a fixed size. */
static bool take_memory(const struct advance *advance, bool has_partial_moves, struct budget_grant *ret_grant,
                        struct lf_error *err)
{
    struct link *link = advance->link;
    const struct budget_wish wish = {
        .work = BUDGET_MERGE,
        .least = MERGE_BYTES_LEAST,
        .wanted = has_partial_moves ? link->options.memory_bytes / 4 : MERGE_BYTES_WANTED,
        .cancelled = link_cancelled,
        .context = link,
    };
    return budget_take_work(link->budget, &wish, ret_grant, err);
}

static bool merge(struct advance *advance, struct merge_range *ranges, size_t nranges, uint32_t *next_partition,
                  struct lf_error *err)
{
    struct link *link = advance->link;
    struct entity *entity = advance->entity;
    atomic_uint next = *next_partition;
    bool has_partial_moves = entity->partial_move_seq > link->committed_seq;
    struct partition_target target = loader_target(link, entity, &next);
    CLEANUP(budget_give_back) struct budget_grant grant = {0};
    TRY(take_memory(advance, has_partial_moves, &grant, err));
    struct merge_options options = {
        .target = &target,
        .spool = link->spool,
        .slot = entity->slot,
        .schema = entity_schema(entity),
        .versions = (const struct schema *const *)entity->versions,
        .nversions = entity->nversions,
        .bad_row = entity->policy.intake.bad_row,
        .has_partial_moves = has_partial_moves,
        .covers = link->ops->covers,
        .cancelled = link_cancelled,
        .cancel_context = link,
        .folder = link->options.scratch_folder,
        .memory_bytes = grant.bytes,
    };
    bool ok = merge_entity(&options, ranges, nranges, &advance->stats, err);
    *next_partition = next;
    return ok;
}

static bool has_path(const struct model_partition *list, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void note_new(struct link *link, const struct merge_range *range)
{
    for (size_t i = 0; i < range->nout; i++) {
        if (!has_path(range->partitions, range->npartitions, range->out[i].path)) {
            paths_add(&link->new_paths, range->out[i].path);
        }
    }
}

static void free_partitions(struct model_partition **partitions, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        model_partition_done(&(*partitions)[i]);
    }
    free(*partitions);
    *partitions = NULL;
    *n = 0;
}

static void take_output(struct merge_range *range, struct model_partition **partitions, size_t *n)
{
    free_partitions(partitions, n);
    *partitions = range->out;
    *n = range->nout;
    range->out = NULL;
    range->nout = range->out_size = 0;
}

static void take_shape(struct model_shape *shape, const struct schema *schema)
{
    struct model_shape next = entity_shape(schema, shape);
    model_shape_done(shape);
    *shape = next;
}

/* The entity's own trouble in a merge: lost or altered files are read again from the source, unless the policy is to freeze;
 * rows that fit nowhere freeze. */
static bool judge_failure(struct advance *advance, struct lf_error *err)
{
    bool lost = err->kind == LF_DATA || err->kind == LF_NOT_FOUND;
    if (!lost && !is_entity_kind(err->kind)) {
        return false;
    }
    CLEANUP(text_free) char *reason = text_copy(err->msg);
    if (lost && !advance->entity->policy.freeze_on_lost_file) {
        return begin_load(advance, reason, err);
    }
    if (lost) {
        CLEANUP(text_free) char *problem = reason;
        reason = files_freeze_reason(advance->model->name, problem);
    }
    freeze(advance, reason);
    return true;
}

static bool advance_settled(struct advance *advance, const struct demand *demand, struct lf_error *err)
{
    struct model_entity *model = advance->model;
    struct link *link = advance->link;
    const struct schema *now = entity_schema(advance->entity);
    const struct schema *old = entity_version(advance->entity, model->shape.version);
    bool reshaped = now != old;
    if (!reshaped && !demand->truncated &&
        !spool_has_changes(link->spool, advance->entity->slot, link->committed_seq)) {
        return true;
    }
    assert(old != NULL);
    struct merge_range range = {.read = true,
                                .base_seq = link->committed_seq,
                                .schema = old,
                                .partitions = model->partitions,
                                .npartitions = model->npartitions};
    if (model->quarantine != NULL) {
        range.bad = model->quarantine->settled.rows;
        range.nbad = model->quarantine->settled.count;
    }
    if (!merge(advance, &range, 1, &model->next_partition, err)) {
        return judge_failure(advance, err);
    }
    if (range.reread) {
        return begin_load(advance, "the stream left a value out that no snapshot has", err);
    }
    note_new(link, &range);
    advance->changed = advance->changed || range.changed || reshaped;
    take_output(&range, &model->partitions, &model->npartitions);
    listing_set_settled(advance, &range.bad_out);
    quarantine_list_done(&range.bad_out);
    if (reshaped) {
        take_shape(&model->shape, now);
        link_log(link, model->name, EVENT_schema_changed,
                 (struct log_field[]){LOG_NUM("columns", now->lf.ncolumns), {0}});
    }
    return true;
}

/* ---- loading ---- */

static struct entity_chunk *at_hand(struct entity *entity, size_t index)
{
    for (size_t i = 0; i < entity->nchunks; i++) {
        if (entity->chunks[i].index == index) {
            return &entity->chunks[i];
        }
    }
    return NULL;
}

/* Chunks that were read since the last commit stand in the load list as if they had always done. */
static void fill_range(const struct advance *advance, const struct model_load *load, size_t index,
                       struct merge_range *range)
{
    const struct model_chunk *chunk = &load->chunks[index];
    const struct entity_chunk *fresh = at_hand(advance->entity, index);
    *range = (struct merge_range){
        .lo = model_bytes_slice(&chunk->first_key),
        .read = chunk->read,
        .base_seq = advance->link->committed_seq,
        .asof = chunk->passed ? slice_none() : model_bytes_slice(&chunk->asof),
        .schema = entity_version(advance->entity, load->shape.version),
        .partitions = chunk->partitions,
        .npartitions = chunk->npartitions,
    };
    listing_of_chunk(advance->model, index, range);
    if (fresh != NULL) {
        range->read = true;
        range->base_seq = fresh->base_seq;
        range->asof = model_bytes_slice(&fresh->result.asof);
        range->schema = fresh->schema;
        range->partitions = fresh->result.partitions;
        range->npartitions = fresh->result.npartitions;
        range->bad = fresh->result.bad.rows;
        range->nbad = fresh->result.bad.count;
    }
}

static void note_rewritten(struct link *link, const struct merge_range *range)
{
    for (size_t i = 0; i < range->npartitions; i++) {
        if (!has_path(range->out, range->nout, range->partitions[i].path)) {
            paths_add(&link->old_paths, range->partitions[i].path);
        }
    }
}

static bool take_chunk(struct advance *advance, size_t index, struct merge_range *range, struct lf_error *err)
{
    struct model_chunk *chunk = &advance->model->load->chunks[index];
    const struct entity_chunk *fresh = at_hand(advance->entity, index);
    if (!range->read) {
        return true;
    }
    note_new(advance->link, range);
    if (fresh != NULL) {
        note_rewritten(advance->link, range);
        model_bytes_done(&chunk->asof);
        chunk->asof = model_bytes_copy(fresh->result.asof.ptr, fresh->result.asof.len);
        chunk->passed = false;
    }
    advance->changed = advance->changed || fresh != NULL || range->changed || range->reread;
    take_output(range, &chunk->partitions, &chunk->npartitions);
    chunk->read = !range->reread;
    if (!chunk->read) {
        model_bytes_done(&chunk->asof);
        chunk->passed = false;
        return true;
    }
#ifdef LAKEFEED_MUTANT_asof_ignored
    chunk->passed = true;
#endif
    return chunk->passed ||
           advance->link->ops->passed(model_bytes_slice(&chunk->asof), advance->cut->cursor, &chunk->passed, err);
}

/* Nobody will name what the merge has written. */
static void forget_outputs(struct link *link, const struct merge_range *range)
{
    for (size_t i = 0; i < range->nout; i++) {
        if (!has_path(range->partitions, range->npartitions, range->out[i].path)) {
            committer_forget(link->committer, range->out[i].path);
        }
    }
}

static bool merge_chunks(struct advance *advance, struct lf_error *err)
{
    struct model_load *load = advance->model->load;
    struct merge_range *ranges = mem_new(load->nchunks, sizeof *ranges);
    for (size_t i = 0; i < load->nchunks; i++) {
        fill_range(advance, load, i, &ranges[i]);
    }
    if (load->next_partition < advance->entity->next_partition) {
        load->next_partition = advance->entity->next_partition;
    }
    bool merged = merge(advance, ranges, load->nchunks, &load->next_partition, err);
    bool ok = merged && listing_take_chunks(advance, ranges, load->nchunks, err);
    for (size_t i = 0; merged && !ok && i < load->nchunks; i++) {
        forget_outputs(advance->link, &ranges[i]);
    }
    for (size_t i = 0; ok && i < load->nchunks; i++) {
        ok = take_chunk(advance, i, &ranges[i], err);
    }
    for (size_t i = 0; i < load->nchunks; i++) {
        merge_range_done(&ranges[i]);
    }
    free(ranges);
    return ok;
}

static bool is_loaded(const struct model_load *load)
{
    for (size_t i = 0; i < load->nchunks; i++) {
        if (!load->chunks[i].read || !load->chunks[i].passed) {
            return false;
        }
    }
    return true;
}

static void move_partitions(struct model_entity *model)
{
    struct model_load *load = model->load;
    size_t size = 0;
    free_partitions(&model->partitions, &model->npartitions);
    for (size_t i = 0; i < load->nchunks; i++) {
        struct model_chunk *chunk = &load->chunks[i];
        mem_grow(&model->partitions, &size, model->npartitions + chunk->npartitions, sizeof *model->partitions);
        for (size_t j = 0; j < chunk->npartitions; j++) {
            model->partitions[model->npartitions++] = chunk->partitions[j];
        }
        chunk->npartitions = 0;
    }
    if (model->npartitions > 0) {
        model_bytes_done(&model->partitions[0].first_key);
    }
}

/* The committed cursor has passed every chunk: readers see the loaded rows from this commit on. */
static void complete(struct advance *advance)
{
    struct model_entity *model = advance->model;
    struct model_load *load = model->load;
    move_partitions(model);
    listing_complete(advance);
    set_text(&model->load_id, load->load_id);
    forget_load_list(model);
    set_reason(model, NULL);
    model_bytes_done(&model->table_id);
    model->table_id = model_bytes_copy(load->table_id.ptr, load->table_id.len);
    model_shape_done(&model->shape);
    model->shape = model_shape_copy(&load->shape);
    model->next_partition = load->next_partition;
    model_load_free(&model->load);
    model_bytes_done(&model->stands_at);
    model->state = MODEL_COMPLETED;
    if (model->completed_ms == 0) {
        model->completed_ms =
            clock_now_ms(&advance->link->options.clock) / 1000 * 1000; /* the text has whole seconds */
    }
    advance->changed = true;
    link_log(advance->link, model->name, EVENT_load_finished,
             (struct log_field[]){LOG_NUM("partitions", model->npartitions), {0}});
}

static void reshape_load(struct advance *advance)
{
    struct model_entity *model = advance->model;
    const struct schema *now = entity_schema(advance->entity);
    if (now->version == model->load->shape.version) {
        return;
    }
    take_shape(&model->load->shape, now);
    if (model->state == MODEL_LOADING) {
        model_shape_done(&model->shape);
        model->shape = model_shape_copy(&model->load->shape);
    }
    advance->changed = true;
}

static bool advance_loading(struct advance *advance, struct lf_error *err)
{
    struct model_entity *model = advance->model;
    bool changed = advance->changed;
    advance->changed = false;
    if (!merge_chunks(advance, err)) {
        return judge_failure(advance, err);
    }
    reshape_load(advance);
    if (advance->changed) {
        forget_load_list(model);
    }
    if (is_loaded(model->load)) {
        complete(advance);
    }
    advance->changed = advance->changed || changed;
    return true;
}

bool advance_entity(struct advance *advance, struct lf_error *err)
{
    struct model_entity *model = advance->model;
    struct demand demand = read_demand(advance);
    if (demand.fault != NULL) {
        freeze(advance, demand.fault);
        return true;
    }
    if (demand.reload != NULL) {
        return begin_load(advance, demand.reload, err);
    }
    if (model->load_id == NULL && model->load == NULL && model->state != MODEL_ERROR) {
        return begin_load(advance, NULL, err);
    }
    if (model->state == MODEL_ERROR) {
        return true;
    }
    return model->load != NULL ? advance_loading(advance, err) : advance_settled(advance, &demand, err);
}
