/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/test_point.h"
#include "commit/committer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A commit until it stands. */
struct draft {
    struct model *next;
    struct history *history; /* NULL: cursor-only, or the head's could not be read */
    bool cursor_only;
    int64_t now_ms; /* of the lake */
    char etag[LAKE_ETAG_SIZE];
};

static void draft_done(struct draft *draft)
{
    model_free(&draft->next);
    history_free(&draft->history);
}

static void set_text(char **text, const char *value)
{
    char *copy = text_copy(value);
    text_free(text);
    *text = copy;
}

/* --- filling in --- */

static void fill_new(struct model_partition *partition, const struct draft *draft)
{
    if (partition->since == 0) {
        partition->since = draft->next->commit;
        partition->refresh_time_ms = draft->now_ms;
    }
}

static bool fill_location(struct committer *committer, struct model_partition *partition, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf location = {0};
    TRY(committer->lake->ops->url(committer->lake, partition->path, &location, err));
    TRY(buf_check(&location, partition->path, err));
    set_text(&partition->location, buf_text(&location));
    return true;
}

static bool fill_entity(struct committer *committer, struct model_entity *entity, const struct draft *draft,
                        struct lf_error *err)
{
    for (size_t i = 0; i < entity->npartitions; i++) {
        fill_new(&entity->partitions[i], draft);
        TRY(fill_location(committer, &entity->partitions[i], err));
    }
    for (size_t i = 0; entity->load != NULL && i < entity->load->nchunks; i++) {
        struct model_chunk *chunk = &entity->load->chunks[i];
        for (size_t j = 0; j < chunk->npartitions; j++) {
            fill_new(&chunk->partitions[j], draft);
        }
    }
    return true;
}

/* previousCommit names the last commit that has a record: the head, or what a cursor-only head names itself. */
static void fill_previous(const struct committer *committer, struct model *next)
{
    const struct model *head = committer->head;
    next->previous_commit = 0;
    text_free(&next->previous_commit_id);
    if (head != NULL) {
        next->previous_commit = committer->head_has_record ? head->commit : head->previous_commit;
        next->previous_commit_id = text_copy(committer->head_has_record ? head->commit_id : head->previous_commit_id);
    }
}

static void keep_history_path(const struct model *head, struct model *next)
{
    assert(head != NULL);
    set_text(&next->history_path, head->history_path);
    memcpy(next->history_sha256, head->history_sha256, sizeof next->history_sha256);
}

static void fill_history_path(const struct committer *committer, struct model *next)
{
    CLEANUP(buf_done) struct buf path = {0};
    text_free(&next->history_path);
    memset(next->history_sha256, 0, sizeof next->history_sha256);
    if (committer->history != NULL) {
        lake_path_history(next->commit, next->commit_id, &path);
        next->history_path = text_copy(buf_text(&path));
    }
}

static bool fill(struct committer *committer, struct draft *draft, struct lf_error *err)
{
    struct model *next = draft->next;
    char commit_id[LAKE_COMMIT_ID_SIZE];
    TRY(committer->lake->ops->now_ms(committer->lake, &draft->now_ms, err));
    random_hex(committer->random, (LAKE_COMMIT_ID_SIZE - 1) / 2, commit_id);
    next->commit = committer->head != NULL ? committer->head->commit + 1 : 1;
    next->modified_ms = draft->now_ms;
    set_text(&next->commit_id, commit_id);
    set_text(&next->writer, committer->writer);
    set_text(&next->version, committer->version);
    fill_previous(committer, next);
    if (draft->cursor_only) {
        keep_history_path(committer->head, next);
    } else {
        fill_history_path(committer, next);
    }
    for (size_t i = 0; i < next->nentities; i++) {
        TRY(fill_entity(committer, &next->entities[i], draft, err));
    }
    return true;
}

/* --- history and candidates --- */

/* A load list that could not be read still counts: what it names is unknown. */
static bool names_lost_list(const struct committer *committer, const struct draft *draft)
{
    CLEANUP(path_set_done) struct path_set named = {0};
    if (committer->lost.count == 0) {
        return false;
    }
    paths_of_model(draft->next, &named);
    for (size_t i = 0; i < committer->lost.count; i++) {
        if (path_set_has(&named, committer->lost.items[i].path)) {
            return true;
        }
    }
    for (size_t i = 0; i < draft->history->nfiles; i++) {
        if (path_set_has(&committer->lost, draft->history->files[i].path)) {
            return true;
        }
    }
    return false;
}

static void list_for_removal(struct committer *committer, const struct draft *draft, char **paths, size_t count)
{
    CLEANUP(path_set_done) struct path_set named = {0};
    if (names_lost_list(committer, draft)) {
        committer_log_skipped(committer, "a load list of the lake could not be read");
        committer_want_listing(committer);
        return;
    }
    paths_of_model(draft->next, &named);
    for (size_t i = 0; i < count; i++) {
        if (!path_set_has(&named, paths[i])) {
            path_set_append(&committer->removal, paths[i], 0);
        }
    }
    collect_list(committer, draft->next, draft->history, draft->now_ms);
}

/* All candidates are known before model.json is written. */
static void prepare_history(struct committer *committer, struct draft *draft)
{
    char **paths = NULL;
    size_t count = 0;
    draft->history = history_copy(committer->history);
    history_advance(draft->history, committer->head, draft->next, draft->now_ms);
    history_retain(draft->history, draft->now_ms, committer->keep, committer->keep_for_ms, &paths, &count);
    list_for_removal(committer, draft, paths, count);
    for (size_t i = 0; i < count; i++) {
        text_free(&paths[i]);
    }
    free(paths);
}

/* --- writing --- */

/* The path of a load list holds the commit id, so that it tells which lists are new with this commit. */
static void load_path_of(const struct model *next, const struct model_entity *entity, struct buf *out)
{
    buf_reset(out);
    lake_path_load(entity->name, next->commit_id, out);
}

static void name_loads(struct model *next)
{
    CLEANUP(buf_done) struct buf path = {0};
    for (size_t i = 0; i < next->nentities; i++) {
        struct model_entity *entity = &next->entities[i];
        if (entity->load != NULL && entity->load_path == NULL) {
            load_path_of(next, entity, &path);
            entity->load_path = text_copy(buf_text(&path));
        }
    }
}

static bool write_loads(struct committer *committer, struct model *next, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    for (size_t i = 0; i < next->nentities; i++) {
        struct model_entity *entity = &next->entities[i];
        load_path_of(next, entity, &path);
        if (entity->load == NULL || strcmp(entity->load_path, buf_text(&path)) != 0) {
            continue;
        }
        CLEANUP(buf_done) struct buf text = {0};
        TRY(model_load_print(entity->load, &text, err));
        TRY(document_put_text(committer, entity->load_path, &text, entity->load_sha256, err));
    }
    return true;
}

static void quarantine_path_of(const struct model *next, const struct model_entity *entity, struct buf *out)
{
    buf_reset(out);
    lake_path_quarantine(entity->name, next->commit_id, out);
}

static void name_quarantines(struct model *next)
{
    CLEANUP(buf_done) struct buf path = {0};
    for (size_t i = 0; i < next->nentities; i++) {
        struct model_entity *entity = &next->entities[i];
        if (entity->quarantine != NULL && entity->quarantine_path == NULL) {
            quarantine_path_of(next, entity, &path);
            entity->quarantine_path = text_copy(buf_text(&path));
            entity->quarantine_rows = quarantine_rows(entity->quarantine);
        }
    }
}

static bool write_quarantines(struct committer *committer, struct model *next, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    for (size_t i = 0; i < next->nentities; i++) {
        struct model_entity *entity = &next->entities[i];
        quarantine_path_of(next, entity, &path);
        if (entity->quarantine == NULL || strcmp(entity->quarantine_path, buf_text(&path)) != 0) {
            continue;
        }
        CLEANUP(buf_done) struct buf text = {0};
        const char *loading_id = entity->load != NULL ? entity->load->load_id : NULL;
        if (!quarantine_print(entity->quarantine, entity->load_id, loading_id, &text, err)) {
            return lf_error_wrap(err, "entity %s", entity->name);
        }
        TRY(document_put_text(committer, entity->quarantine_path, &text, entity->quarantine_sha256, err));
        test_point("quarantine_written");
    }
    return true;
}

static bool write_history(struct committer *committer, struct draft *draft, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (draft->history == NULL) {
        return true;
    }
    TRY(history_print(draft->history, &text, err));
    return document_put_text(committer, draft->next->history_path, &text, draft->next->history_sha256, err);
}

static bool write_record(struct committer *committer, const struct draft *draft, const struct lake_content *content,
                         struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    lake_path_commit(draft->next->commit, draft->next->commit_id, &path);
    TRY(document_put(committer, buf_text(&path), content, err));
    test_point("record_written");
    return true;
}

static bool write_side_files(struct committer *committer, struct draft *draft, struct lf_error *err)
{
    if (draft->cursor_only) {
        return true;
    }
    name_loads(draft->next);
    name_quarantines(draft->next);
    if (committer->history != NULL) {
        prepare_history(committer, draft);
    }
    TRY(write_loads(committer, draft->next, err));
    TRY(write_quarantines(committer, draft->next, err));
    return write_history(committer, draft, err);
}

static bool write_commit(struct committer *committer, struct draft *draft, struct lf_error *err)
{
    CLEANUP(document_close) struct lake_content content = {.fd = -1};
    char hex[SHA256_HEX_SIZE];
    TRY(fill(committer, draft, err));
    TRY(write_side_files(committer, draft, err));
    TRY(document_from_model(committer, draft->next, &content, hex, err));
    if (!draft->cursor_only) {
        TRY(write_record(committer, draft, &content, err));
    }
    test_point("before_model");
    TRY(replace_model(committer, draft->next, &content, draft->etag, err));
    test_point("after_model");
    return true;
}

/* --- the outcome --- */

/* What the head names is no longer in flight. */
static void land(struct committer *committer)
{
    CLEANUP(path_set_done) struct path_set named = {0};
    paths_of_model(committer->head, &named);
    (void)pthread_mutex_lock(&committer->lock);
    for (size_t i = committer->in_flight.count; i-- > 0;) {
        const char *path = committer->in_flight.items[i].path;
        if (path_set_has(&named, path)) {
            path_set_remove(&committer->in_flight, path);
        }
    }
    (void)pthread_mutex_unlock(&committer->lock);
}

static void adopt(struct committer *committer, struct draft *draft)
{
    model_free(&committer->head);
    committer->head = draft->next;
    draft->next = NULL;
    memcpy(committer->etag, draft->etag, sizeof committer->etag);
    committer->head_has_record = !draft->cursor_only;
    if (draft->history != NULL) {
        history_free(&committer->history);
        committer->history = draft->history;
        draft->history = NULL;
    }
    land(committer);
}

static bool fail(struct committer *committer, enum lf_error_kind kind)
{
    path_set_done(&committer->removal);
    committer_want_listing(committer);
    if (kind == LF_FENCED) {
        committer->state = COMMITTER_FENCED;
        (void)pthread_mutex_lock(&committer->lock);
        path_set_done(&committer->in_flight);
        (void)pthread_mutex_unlock(&committer->lock);
    }
    return false;
}

static bool may_publish(const struct committer *committer, struct lf_error *err)
{
    assert(committer->state != COMMITTER_NEW);
    if (committer->state == COMMITTER_FENCED) {
        return lf_error_set(err, LF_FENCED, 0,
                            "another writer has committed to the lake; start again to go on from there");
    }
    return committer->state != COMMITTER_IN_DOUBT ||
           lf_error_set(err, LF_TRANSIENT, 0, "the outcome of an earlier commit is unknown; read the lake again first");
}

bool committer_publish(struct committer *committer, struct model **next, bool cursor_only, struct lf_error *err)
{
    CLEANUP(draft_done) struct draft draft = {.next = *next, .cursor_only = cursor_only};
    *next = NULL;
    test_point("publish_start");
    if (committer->removal.count > 0) {
        /* The last list was never worked off; it belongs to an older commit. */
        path_set_done(&committer->removal);
        committer_want_listing(committer);
    }
    TRY(may_publish(committer, err));
    if (!write_commit(committer, &draft, err)) {
        return fail(committer, err->kind);
    }
    adopt(committer, &draft);
    return true;
}
