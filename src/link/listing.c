/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <assert.h>

static const struct quarantine_list *settled_of(const struct model_entity *model)
{
    static const struct quarantine_list none = {0};
    return model->quarantine != NULL ? &model->quarantine->settled : &none;
}

static const struct quarantine_list *loading_of(const struct model_entity *model)
{
    static const struct quarantine_list none = {0};
    return model->quarantine != NULL ? &model->quarantine->loading : &none;
}

static bool same_bytes(const struct model_bytes *a, const struct model_bytes *b)
{
    return slice_equal(model_bytes_slice(a), model_bytes_slice(b));
}

static bool same_list(const struct quarantine_list *a, const struct quarantine_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = a->rows[i].since == b->rows[i].since && same_bytes(&a->rows[i].key, &b->rows[i].key) &&
               same_bytes(&a->rows[i].note, &b->rows[i].note);
    }
    return same;
}

/* Lists that were within their bounds stay so. */
static struct quarantine_list copy_list(const struct quarantine_list *list)
{
    struct quarantine_list copy = {0};
    struct lf_error err;
    for (size_t i = 0; i < list->count; i++) {
        const struct quarantine_row *row = &list->rows[i];
        bool ok =
            quarantine_list_add(&copy, model_bytes_slice(&row->key), model_bytes_slice(&row->note), row->since, &err);
        assert(ok);
    }
    return copy;
}

/* Rows that are new stand in the coming commit first. */
static void stamp(const struct advance *advance, struct quarantine_list *list)
{
    const struct model *head = committer_head(advance->link->committer);
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].since == 0) {
            list->rows[i].since = head == NULL ? 1 : head->commit + 1;
        }
    }
}

/* Takes both lists; the next commit writes a file, or names none. */
static void replace(struct advance *advance, struct quarantine_list *settled, struct quarantine_list *loading)
{
    struct model_entity *model = advance->model;
    struct quarantine *next = quarantine_new(settled, loading);
    quarantine_free(&model->quarantine);
    model->quarantine = next;
    text_free(&model->quarantine_path);
    model->quarantine_sha256[0] = '\0';
    model->quarantine_rows = 0;
    advance->changed = true;
}

void listing_set_settled(struct advance *advance, struct quarantine_list *list)
{
    stamp(advance, list);
    if (!same_list(list, settled_of(advance->model))) {
        CLEANUP(quarantine_list_done) struct quarantine_list loading = copy_list(loading_of(advance->model));
        replace(advance, list, &loading);
    }
}

void listing_set_loading(struct advance *advance, struct quarantine_list *list)
{
    stamp(advance, list);
    if (!same_list(list, loading_of(advance->model))) {
        CLEANUP(quarantine_list_done) struct quarantine_list settled = copy_list(settled_of(advance->model));
        replace(advance, &settled, list);
    }
}

void listing_of_chunk(const struct model_entity *model, size_t chunk, struct merge_range *range)
{
    const struct quarantine_list *list = loading_of(model);
    const struct model_chunk *chunks = model->load->chunks;
    size_t first = quarantine_list_seek(list, model_bytes_slice(&chunks[chunk].first_key));
    size_t end = chunk + 1 < model->load->nchunks
                     ? quarantine_list_seek(list, model_bytes_slice(&chunks[chunk + 1].first_key))
                     : list->count;
    range->bad = list->rows + first;
    range->nbad = end - first;
}

bool listing_take_chunks(struct advance *advance, const struct merge_range *ranges, size_t nranges,
                         struct lf_error *err)
{
    CLEANUP(quarantine_list_done) struct quarantine_list list = {0};
    for (size_t i = 0; i < nranges; i++) {
        for (size_t j = 0; j < ranges[i].bad_out.count; j++) {
            const struct quarantine_row *row = &ranges[i].bad_out.rows[j];
            TRY(quarantine_list_add(&list, model_bytes_slice(&row->key), model_bytes_slice(&row->note), row->since,
                                    err));
        }
    }
    listing_set_loading(advance, &list);
    return true;
}

void listing_complete(struct advance *advance)
{
    CLEANUP(quarantine_list_done) struct quarantine_list settled = copy_list(loading_of(advance->model));
    CLEANUP(quarantine_list_done) struct quarantine_list loading = {0};
    if (advance->model->quarantine != NULL) {
        replace(advance, &settled, &loading);
    }
}

/* ---- the log ---- */

static uint64_t count_since(const struct quarantine_list *list, uint64_t commit)
{
    uint64_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        n += list->rows[i].since == commit ? 1 : 0;
    }
    return n;
}

void listing_report(struct link *link)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        const struct model_entity *model = model_find(head, entity->name);
        uint64_t rows =
            model == NULL ? 0
                          : count_since(settled_of(model), head->commit) + count_since(loading_of(model), head->commit);
        if (rows > 0) {
            link_log(link, entity->name, EVENT_rows_quarantined,
                     (struct log_field[]){LOG_NUM("rows", rows),
                                          LOG_NUM("rows_in_all", model->quarantine_rows),
                                          LOG_TEXT("path", model->quarantine_path),
                                          {0}});
        }
        if (entity->repaired > 0) {
            link_log(link, entity->name, EVENT_rows_replaced,
                     (struct log_field[]){LOG_NUM("rows", entity->repaired), {0}});
            entity->repaired = 0;
        }
    }
}
