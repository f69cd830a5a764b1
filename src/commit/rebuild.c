/* SPDX-License-Identifier: Apache-2.0
 *
 * A lost history is made again: back along previousCommit to a record whose own history can be read, or to the first commit;
 * from there forward again, one record at a time. What that older history had marked stays marked; what the lost one
 * may have marked has not been removed yet, because removal takes a second commit.
 */
#include "base/macros.h"
#include "commit/committer.h"

#include <stdlib.h>

#define CHAIN_MAX 10000 /* records read at most */

struct link {
    uint64_t commit;
    char *commit_id;
};

struct chain {
    struct link *links; /* the newest first */
    size_t count;
    size_t cap;
    struct history *base; /* of the oldest link */
};

static void chain_done(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        text_free(&chain->links[i].commit_id);
    }
    free(chain->links);
    history_free(&chain->base);
}

static void chain_add(struct chain *chain, uint64_t commit, const char *commit_id)
{
    mem_grow(&chain->links, &chain->cap, chain->count + 1, sizeof *chain->links);
    chain->links[chain->count++] = (struct link){commit, text_copy(commit_id)};
}

/* The record and the load lists that it names. */
static bool read_whole(struct committer *committer, const struct link *link, struct model **ret_model,
                       struct lf_error *err)
{
    CLEANUP(model_free) struct model *model = NULL;
    TRY(document_read_record(committer, link->commit, link->commit_id, &model, err));
    for (size_t i = 0; i < model->nentities; i++) {
        struct model_entity *entity = &model->entities[i];
        if (entity->load_path != NULL) {
            TRY(document_read_load(committer, entity->load_path, entity->load_sha256, &entity->load, err));
        }
    }
    *ret_model = model;
    model = NULL;
    return true;
}

static bool ends_with(const struct history *history, const struct model *model)
{
    return history->nrecords > 0 && history->records[history->nrecords - 1].commit == model->commit;
}

/* Whether the chain can begin at this record. A history that is out of reach for the moment is an error. */
static bool find_base(struct committer *committer, const struct model *model, struct history **ret_base,
                      struct lf_error *err)
{
    if (model->history_path != NULL) {
        CLEANUP(history_free) struct history *history = NULL;
        if (!document_read_history(committer, model->history_path, model->history_sha256, &history, err)) {
            TRY(document_is_lost(err));
        } else if (ends_with(history, model)) {
            *ret_base = history;
            history = NULL;
            return true;
        }
    }
    if (model->previous_commit == 0) {
        *ret_base = mem_new(1, sizeof **ret_base);
        history_add_record(*ret_base, model->commit, model->commit_id);
    }
    return true;
}

static bool walk_back(struct committer *committer, struct chain *chain, struct lf_error *err)
{
    while (chain->base == NULL) {
        if (chain->count > CHAIN_MAX) {
            return lf_error_set(err, LF_LIMIT, 0, "more than %d commit records would have to be read", CHAIN_MAX);
        }
        CLEANUP(model_free) struct model *model = NULL;
        TRY(read_whole(committer, &chain->links[chain->count - 1], &model, err));
        TRY(find_base(committer, model, &chain->base, err));
        if (chain->base == NULL) {
            chain_add(chain, model->previous_commit, model->previous_commit_id);
        }
    }
    return true;
}

static bool walk_forward(struct committer *committer, struct chain *chain, struct lf_error *err)
{
    CLEANUP(model_free) struct model *older = NULL;
    TRY(read_whole(committer, &chain->links[chain->count - 1], &older, err));
    for (size_t i = chain->count - 1; i-- > 0;) {
        struct model *newer = NULL;
        TRY(read_whole(committer, &chain->links[i], &newer, err));
        history_advance(chain->base, older, newer, newer->modified_ms);
        model_free(&older);
        older = newer;
    }
    return true;
}

/* A record that should still be there and is not: its files are unknown. */
static bool check_records(struct committer *committer, const struct history *history, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    struct lake_stat status;
    for (size_t i = 0; i < history->nrecords; i++) {
        if (!history->records[i].dropped) {
            buf_reset(&path);
            lake_path_commit(history->records[i].commit, history->records[i].commit_id, &path);
            TRY(committer->lake->ops->stat(committer->lake, buf_text(&path), &status, err));
        }
    }
    return true;
}

bool rebuild_history(struct committer *committer, struct history **ret_history, struct lf_error *err)
{
    CLEANUP(chain_done) struct chain chain = {0};
    const struct model *head = committer->head;
    if (committer->head_has_record) {
        chain_add(&chain, head->commit, head->commit_id);
    } else if (head->previous_commit != 0) {
        chain_add(&chain, head->previous_commit, head->previous_commit_id);
    } else {
        return lf_error_set(err, LF_NOT_FOUND, 0, "commit %llu has no record", (unsigned long long)head->commit);
    }
    TRY(walk_back(committer, &chain, err));
    TRY(walk_forward(committer, &chain, err));
    TRY(check_records(committer, chain.base, err));
    *ret_history = chain.base;
    chain.base = NULL;
    return true;
}
