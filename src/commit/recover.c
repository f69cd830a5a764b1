/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/committer.h"

#include "base/macros.h"

#include <string.h>

static void forget_head(struct committer *committer)
{
    model_free(&committer->head);
    history_free(&committer->history);
    path_set_done(&committer->lost);
    path_set_done(&committer->removal);
    memset(committer->etag, 0, sizeof committer->etag);
    committer->head_has_record = false;
    committer->state = COMMITTER_NEW;
    committer->skip_logged = false;
    committer_want_listing(committer);
}

static bool read_loads(struct committer *committer, struct model *head, struct lf_error *err)
{
    for (size_t i = 0; i < head->nentities; i++) {
        struct model_entity *entity = &head->entities[i];
        if (entity->load_path == NULL ||
            document_read_load(committer, entity->load_path, entity->load_sha256, &entity->load, err)) {
            continue;
        }
        if (!document_is_lost(err)) {
            return false;
        }
        path_set_insert(&committer->lost, entity->load_path);
    }
    return true;
}

/* After the load lists: they say whose rows these are. */
static bool read_quarantines(struct committer *committer, struct model *head, struct lf_error *err)
{
    for (size_t i = 0; i < head->nentities; i++) {
        struct model_entity *entity = &head->entities[i];
        if (entity->quarantine_path != NULL && !document_read_quarantine(committer, entity, &entity->quarantine, err) &&
            !document_is_lost(err)) {
            return false;
        }
    }
    return true;
}

/* A cursor-only commit has none. */
static bool find_record(struct committer *committer, const struct model *head, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    struct lake_stat status;
    lake_path_commit(head->commit, head->commit_id, &path);
    committer->head_has_record = committer->lake->ops->stat(committer->lake, buf_text(&path), &status, err);
    return committer->head_has_record || document_is_lost(err);
}

/* A commit with a record writes a history of its own, a cursor-only one goes on with the one before. */
static bool has_own_history(const struct model *head)
{
    CLEANUP(buf_done) struct buf path = {0};
    lake_path_history(head->commit, head->commit_id, &path);
    return strcmp(head->history_path, buf_text(&path)) == 0;
}

static bool rebuild(struct committer *committer, const struct model *head, struct history **ret_history,
                    struct lf_error *err)
{
    TRY(find_record(committer, head, err));
    if (!rebuild_history(committer, ret_history, err)) {
        TRY(document_is_lost(err));
        committer_log_skipped(committer, err->msg);
    }
    return true;
}

static bool read_history(struct committer *committer, const struct model *head, struct lf_error *err)
{
    CLEANUP(history_free) struct history *history = NULL;
    const bool read = head->history_path != NULL &&
                      document_read_history(committer, head->history_path, head->history_sha256, &history, err);
    if (!read && head->history_path != NULL && !document_is_lost(err)) {
        return false;
    }
    if (read) {
        committer->head_has_record = has_own_history(head);
    } else {
        TRY(rebuild(committer, head, &history, err));
    }
    committer->history = history;
    history = NULL;
    return true;
}

static bool read_rest(struct committer *committer, struct lf_error *err)
{
    TRY(read_loads(committer, committer->head, err));
    TRY(read_quarantines(committer, committer->head, err));
    return read_history(committer, committer->head, err);
}

bool committer_recover(struct committer *committer, struct lf_error *err)
{
    forget_head(committer);
    if (commit_read_head(committer->lake, &committer->head, committer->etag, err)) {
        if (!read_rest(committer, err)) {
            forget_head(committer);
            return false;
        }
    } else {
        TRY(err->kind == LF_NOT_FOUND);
        committer->history = mem_new(1, sizeof *committer->history);
    }
    committer->state = COMMITTER_READY;
    return true;
}
