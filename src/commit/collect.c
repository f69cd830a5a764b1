/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/test_point.h"
#include "commit/committer.h"

#define DAY_MS INT64_C(86400000)
#define LISTED_MAX 20000u /* names on one list; the rest waits for the next one */

struct listing {
    struct committer *committer;
    struct path_set known; /* named, or already to be removed */
};

static void listing_done(struct listing *listing)
{
    path_set_done(&listing->known);
}

static bool take_due(struct committer *committer, int64_t now_ms)
{
    (void)pthread_mutex_lock(&committer->lock);
    const bool due = committer->listing_due || now_ms < committer->listed_ms || now_ms - committer->listed_ms >= DAY_MS;
    committer->listing_due = false;
    (void)pthread_mutex_unlock(&committer->lock);
    return due;
}

static bool is_in_flight(struct committer *committer, const char *path)
{
    (void)pthread_mutex_lock(&committer->lock);
    const bool found = path_set_has(&committer->in_flight, path);
    (void)pthread_mutex_unlock(&committer->lock);
    return found;
}

static bool visit(void *context, const char *path, UNUSED uint64_t bytes, UNUSED struct lf_error *err)
{
    struct listing *listing = context;
    struct committer *committer = listing->committer;
    if (lake_path_kind(path) == LAKE_PATH_IS_FOREIGN || path_set_has(&listing->known, path) ||
        is_in_flight(committer, path)) {
        return true;
    }
    if (committer->removal.count >= LISTED_MAX) {
        committer_want_listing(committer);
        return true;
    }
    path_set_append(&committer->removal, path, 0);
    return true;
}

static void learn_history(struct path_set *known, const struct history *history)
{
    CLEANUP(buf_done) struct buf path = {0};
    for (size_t i = 0; i < history->nfiles; i++) {
        path_set_append(known, history->files[i].path, 0);
    }
    for (size_t i = 0; i < history->nrecords; i++) {
        buf_reset(&path);
        lake_path_commit(history->records[i].commit, history->records[i].commit_id, &path);
        path_set_append(known, buf_text(&path), 0);
    }
}

void collect_list(struct committer *committer, const struct model *model, const struct history *history, int64_t now_ms)
{
    if (!take_due(committer, now_ms)) {
        return;
    }
    CLEANUP(listing_done) struct listing listing = {.committer = committer};
    const size_t before = committer->removal.count;
    for (size_t i = 0; i < before; i++) {
        path_set_append(&listing.known, committer->removal.items[i].path, 0);
    }
    learn_history(&listing.known, history);
    paths_of_model(model, &listing.known);
    struct lf_error failure;
    if (!committer->lake->ops->list(committer->lake, "", visit, &listing, &failure)) {
        /* What was seen is safe to remove all the same; the rest is looked for again. */
        committer_want_listing(committer);
        return;
    }
    committer->listed_ms = now_ms;
}

/* Removes what stands on the list and is, or is not, a commit record. */
static void remove_kind(struct committer *committer, bool records, struct commit_collected *collected)
{
    struct lf_error failure;
    for (size_t i = 0; i < committer->removal.count; i++) {
        const char *path = committer->removal.items[i].path;
        const enum lake_path_kind kind = lake_path_kind(path);
        if (kind == LAKE_PATH_IS_FOREIGN || (kind == LAKE_PATH_IS_COMMIT) != records) {
            continue;
        }
        if (committer->lake->ops->remove(committer->lake, path, &failure)) {
            collected->files++;
        } else {
            collected->failed++;
        }
        test_point("mid_remove");
    }
}

void committer_collect(struct committer *committer, struct commit_collected *ret_collected)
{
    struct commit_collected collected = {0};
#ifdef LAKEFEED_MUTANT_collect_after
    committer_want_listing(committer);
    collect_list(committer, committer->head, committer->history, committer->listed_ms);
#endif
    test_point("before_remove");
    remove_kind(committer, false, &collected);
    /* A record outlives the files that it names, so that what is left can still be explained. */
    if (collected.failed == 0) {
        remove_kind(committer, true, &collected);
    }
    if (collected.failed > 0) {
        committer_want_listing(committer);
    }
    path_set_done(&committer->removal);
    *ret_collected = collected;
}
