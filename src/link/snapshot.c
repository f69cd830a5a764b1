/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void paths_add(struct paths *paths, const char *path)
{
    mem_grow(&paths->list, &paths->size, paths->count + 1, sizeof *paths->list);
    paths->list[paths->count++] = text_copy(path);
}

void paths_clear(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->list[i]);
    }
    paths->count = 0;
}

/* Abandons all of them and clears the list. */
static void forget_paths(struct link *link, struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        committer_forget(link->committer, paths->list[i]);
    }
    paths_clear(paths);
}

/* ---- the coming model ---- */

static struct entity *find_entity(const struct link *link, const char *name)
{
    for (size_t i = 0; i < link->nentities; i++) {
        if (strcmp(link->entities[i]->name, name) == 0) {
            return link->entities[i];
        }
    }
    return NULL;
}

static bool remove_entities(struct link *link, struct model *next)
{
    size_t n = 0;
    for (size_t i = 0; i < next->nentities; i++) {
        if (find_entity(link, next->entities[i].name) != NULL) {
            next->entities[n++] = next->entities[i];
            continue;
        }
        link_log(link, next->entities[i].name, EVENT_entity_removed, NULL);
        model_entity_done(&next->entities[i]);
    }
    bool removed = n < next->nentities;
    next->nentities = n;
    return removed;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct model_entity *)a)->name, ((const struct model_entity *)b)->name);
}

static bool add_entities(struct link *link, struct model *next)
{
    size_t before = next->nentities;
    size_t size = before;
    for (size_t i = 0; i < link->nentities; i++) {
        const struct entity *entity = link->entities[i];
        if (model_find(next, entity->name) != NULL) {
            continue;
        }
        mem_grow(&next->entities, &size, next->nentities + 1, sizeof *next->entities);
        next->entities[next->nentities++] = (struct model_entity){
            .name = text_copy(entity->name),
            .table = text_copy(entity->table),
            .table_id = model_bytes_copy(entity->table_id.ptr, entity->table_id.len),
            .state = MODEL_LOADING,
            .next_partition = 1,
            .shape = entity_shape(entity_schema(entity), NULL),
        };
        link_log(link, entity->name, EVENT_entity_added, NULL);
        qsort(next->entities, next->nentities, sizeof *next->entities, by_name);
    }
    return next->nentities > before;
}

/* A table that was renamed keeps its entity. */
static bool follow_rename(const struct entity *entity, struct model_entity *model)
{
    if (strcmp(model->table, entity->table) == 0) {
        return false;
    }
    free(model->table);
    model->table = text_copy(entity->table);
    return true;
}

struct progress {
    bool changed;
    uint64_t changes, written, kept, bytes_read, bytes_written;
};

static bool advance_all(struct link *link, struct model *next, const struct spool_cut *cut, struct progress *progress,
                        struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; i < next->nentities; i++) {
        struct advance advance = {
            .link = link,
            .entity = find_entity(link, next->entities[i].name),
            .model = &next->entities[i],
            .cut = cut,
            .head_cursor = head == NULL ? cut->cursor : model_bytes_slice(&head->cursor),
        };
        TRY(link_check_stopped(link, err));
#ifdef LAKEFEED_MUTANT_torn_cut
        if (i == 1 && link->commits % 2 == 1 && next->entities[i].state == MODEL_COMPLETED) {
            continue;
        }
#endif
        if (!advance_entity(&advance, err)) {
            return lf_error_wrap(err, "entity %s", next->entities[i].name);
        }
        bool renamed = follow_rename(advance.entity, advance.model);
        progress->changed = progress->changed || advance.changed || renamed;
        progress->changes += advance.stats.changes;
        progress->written += advance.stats.partitions_written;
        progress->kept += advance.stats.partitions_kept;
        progress->bytes_read += advance.stats.bytes_read;
        progress->bytes_written += advance.stats.bytes_written;
    }
    return true;
}

static bool set_position(struct link *link, struct model *next, const struct spool_cut *cut, struct lf_error *err)
{
    char text[512];
    TRY(link->ops->print(cut->cursor, text, sizeof text, err));
    model_bytes_done(&next->cursor);
    next->cursor = model_bytes_copy(cut->cursor.ptr, cut->cursor.len);
    free(next->cursor_text);
    next->cursor_text = text_copy(text);
    next->source_time_us = cut->source_time_us != 0 ? cut->source_time_us : next->source_time_us;
    return true;
}

/* ---- after the commit ---- */

void snapshot_acknowledge(struct link *link)
{
    const struct model *head = committer_head(link->committer);
    struct lf_error err;
    if (!link->ops->ack(link->session, &link->consumer, model_bytes_slice(&head->cursor), &err)) {
        log_failure(link->options.log, &link->where, EVENT_ack_failed, &err);
        link_tell_failure(link, "ack", NULL, &err);
    }
}

static void forget_demands(struct link *link)
{
    for (size_t i = 0; i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        text_free(&entity->reload_reason);
        if (entity->followed) {
            text_free(&entity->fault_reason);
        }
        for (size_t j = 0; j < entity->nchunks; j++) {
            load_result_done(&entity->chunks[j].result);
        }
        entity->nchunks = 0;
    }
}

static void report_commit(struct link *link, const struct progress *progress)
{
    const struct model *head = committer_head(link->committer);
    link_log(link, NULL, EVENT_commit_done,
             (struct log_field[]){LOG_NUM("commit", head->commit),
                                  LOG_TEXT("cursor", head->cursor_text),
                                  LOG_NUM("changes", progress->changes),
                                  LOG_NUM("partitions_written", progress->written),
                                  LOG_NUM("partitions_kept", progress->kept),
                                  LOG_NUM("bytes_read", progress->bytes_read),
                                  LOG_NUM("bytes_written", progress->bytes_written),
                                  {0}});
    if (link->options.observer.committed != NULL) {
        link->options.observer.committed(link->options.observer.context, head, progress->changes, progress->written,
                                         progress->kept);
    }
}

static void after_commit(struct link *link, const struct spool_cut *cut, const struct progress *progress)
{
    struct commit_collected collected = {0};
    link->committed_seq = cut->last_seq;
    link->last_commit_ms = link_monotonic_ms(link);
    link->commits++;
    paths_clear(&link->new_paths);
    forget_paths(link, &link->old_paths);
    forget_demands(link);
    listing_report(link);
    spool_release(link->spool, link->committed_seq);
    budget_note_freed(link->budget);
    report_commit(link, progress);
    snapshot_acknowledge(link);
    committer_collect(link->committer, &collected);
    if (collected.files > 0 || collected.failed > 0) {
        link_log(link, NULL, EVENT_collection_done,
                 (struct log_field[]){LOG_NUM("files", collected.files), LOG_NUM("failed", collected.failed), {0}});
    }
}

/* ---- one snapshot ---- */

static bool cursor_is_due(const struct link *link)
{
    return link->options.cursor_interval_ms > 0 &&
           (link_monotonic_ms(link) - link->last_commit_ms >= link->options.cursor_interval_ms ||
            lag_cursor_is_due(link));
}

static bool build_and_commit(struct link *link, struct model **next, const struct spool_cut *cut, bool *ret_committed,
                             struct lf_error *err)
{
    struct progress progress = {0};
    bool removed = remove_entities(link, *next);
    bool added = add_entities(link, *next);
    TRY(advance_all(link, *next, cut, &progress, err));
    bool changed = progress.changed || removed || added;
    bool moved = !slice_equal(cut->cursor, model_bytes_slice(&(*next)->cursor));
    *ret_committed = changed || (moved && cursor_is_due(link));
    if (!*ret_committed) {
        return true;
    }
#ifdef LAKEFEED_MUTANT_cursor_ahead
    bool any = false;
    struct spool_cut ahead = *cut;
    if (link->feed.changes != NULL) {
        TRY(feed_pump(link, 0, &any, err));
        ahead.cursor = buf_slice(&link->feed.cursor);
    }
    cut = &ahead;
#endif
    TRY(set_position(link, *next, cut, err));
#ifdef LAKEFEED_MUTANT_ack_early
    struct lf_error ignored;
    (void)link->ops->ack(link->session, &link->consumer, cut->cursor, &ignored);
#endif
    TRY(committer_publish(link->committer, next, /* cursor_only= */ !changed, err));
    after_commit(link, cut, &progress);
    return true;
}

bool snapshot_run(struct link *link, bool *ret_committed, struct lf_error *err)
{
    struct spool_cut cut;
    *ret_committed = false;
    TRY(feed_cut(link, err));
    if (!spool_last_cut(link->spool, &cut)) {
        return lf_error_set(err, LF_INTERNAL, 0, "the spool has no cut");
    }
    CLEANUP(model_free) struct model *next = model_copy(committer_head(link->committer));
    bool ok = build_and_commit(link, &next, &cut, ret_committed, err);
    link->feed.sealed_us = ok ? 0 : link->feed.sealed_us;
    if (!ok) {
        link_tell_failure(link, "snapshot", NULL, err);
        forget_paths(link, &link->new_paths);
        paths_clear(&link->old_paths);
    }
    return ok;
}

static struct model *first_model(const struct link *link)
{
    struct model *next = mem_new(1, sizeof *next);
    next->format = MODEL_FORMAT;
    next->name = text_copy("cdm");
    next->lake_id = text_copy(link->lake_id);
    next->source = text_copy(link->source);
    return next;
}

bool snapshot_begin(struct link *link, struct lf_slice cursor, struct lf_error *err)
{
    const struct spool_cut cut = {.cursor = cursor};
    const struct model *head = committer_head(link->committer);
    bool committed = false;
    CLEANUP(model_free) struct model *next = head == NULL ? first_model(link) : model_copy(head);
    return build_and_commit(link, &next, &cut, &committed, err);
}
