/* SPDX-License-Identifier: Apache-2.0
 *
 * The one conditional write. It ends only with certainty: our commit stands, another's stands, or the lake has refused before
 * anything was in doubt.
 */
#include "base/macros.h"
#include "commit/committer.h"

#include <string.h>

enum seen {
    SEEN_OURS,
    SEEN_HEAD, /* still what we built on; or it could not be read */
    SEEN_OTHER
};

/* The lake refused the request itself: nothing was written and nothing will be. */
static bool is_refusal(enum lf_error_kind kind)
{
    return kind == LF_AUTH || kind == LF_CONFIG || kind == LF_LIMIT || kind == LF_UNSUPPORTED;
}

static enum seen fenced(struct lf_error *err, const char *what)
{
    (void)lf_error_set(err, LF_FENCED, 0,
                       "%s %s; stop the other writer, or start again to go on from what stands there", LAKE_PATH_MODEL,
                       what);
    return SEEN_OTHER;
}

/* model.json cannot be read as one of ours. */
static enum seen judge_failure(const struct committer *committer, const struct lf_error *failure, struct lf_error *err)
{
    if (failure->kind == LF_NOT_FOUND) {
        return committer->head == NULL ? SEEN_HEAD : fenced(err, "was removed by hand or by another writer");
    }
    if (document_is_lost(failure)) {
        return fenced(err, "was replaced by something that is not a commit of this version");
    }
    return SEEN_HEAD;
}

static enum seen judge_commit(struct committer *committer, const struct model *next, const struct model *back,
                              const char *etag, struct lf_error *err)
{
    if (strcmp(back->commit_id, next->commit_id) == 0) {
        return SEEN_OURS;
    }
    if (committer->head != NULL && strcmp(back->commit_id, committer->head->commit_id) == 0) {
        /* The same commit under another ETag was written back; a condition on the old one can never hold again. */
        return strcmp(etag, committer->etag) == 0
                   ? SEEN_HEAD
                   : fenced(err, "holds the commit that we read, but was restored or touched by hand");
    }
    if (path_set_has(&committer->doubted, back->commit_id)) {
        committer->state = COMMITTER_IN_DOUBT;
        (void)lf_error_set(err, LF_TRANSIENT, 0, "an earlier commit of this process has arrived late; go on from it");
        return SEEN_OTHER;
    }
    CLEANUP(text_free)
    char *what = text_printf("holds commit %llu of writer %.64s", (unsigned long long)back->commit, back->writer);
    return fenced(err, what);
}

static enum seen look_back(struct committer *committer, const struct model *next, char ret_etag[LAKE_ETAG_SIZE],
                           struct lf_error *err)
{
    CLEANUP(model_free) struct model *back = NULL;
    struct lf_error failure = {0};
    if (!commit_read_head(committer->lake, &back, ret_etag, &failure)) {
        return judge_failure(committer, &failure, err);
    }
    return judge_commit(committer, next, back, ret_etag, err);
}

static void begin_doubt(struct committer *committer, const struct model *next, const struct lf_error *failure,
                        bool *doubt)
{
    if (!*doubt) {
        log_write(committer->log, committer->where, EVENT_commit_in_doubt,
                  (struct log_field[]){LOG_NUM("commit", next->commit),
                                       LOG_TEXT("kind", lf_error_kind_name(failure->kind)),
                                       LOG_TEXT("message", failure->msg),
                                       {0}});
    }
    *doubt = true;
}

/* Nothing is built on the old head before it was read again. */
static void stay_in_doubt(struct committer *committer, const struct model *next)
{
    path_set_insert(&committer->doubted, next->commit_id);
    committer->state = COMMITTER_IN_DOUBT;
}

/* UNSUPPORTED may be said of a write that was done without its condition. */
static bool refused(struct committer *committer, const struct model *next, const struct lf_error *failure,
                    struct lf_error *err)
{
    if (failure->kind == LF_UNSUPPORTED) {
        stay_in_doubt(committer, next);
    }
    *err = *failure;
    return false;
}

static bool give_up(struct committer *committer, const struct model *next, struct lf_error *err)
{
    stay_in_doubt(committer, next);
    return lf_error_set(err, LF_CANCELLED, 0,
                        "stopped while the outcome of commit %llu was unknown; the next start finds out",
                        (unsigned long long)next->commit);
}

bool replace_model(struct committer *committer, const struct model *next, const struct lake_content *content,
                   char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct lake *lake = committer->lake;
    const char *condition = committer->head != NULL ? committer->etag : NULL;
    bool doubt = false;
    for (int64_t delay_ms = 0;;) {
        struct lf_error failure = {0};
        if (lake->ops->put_if_match(lake, LAKE_PATH_MODEL, condition, content, ret_etag, &failure)) {
            return true;
        }
#ifdef LAKEFEED_MUTANT_unconditional
        struct lake_stat now;
        if (failure.kind == LF_CONFLICT && lake->ops->stat(lake, LAKE_PATH_MODEL, &now, &failure)) {
            return lake->ops->put_if_match(lake, LAKE_PATH_MODEL, now.etag, content, ret_etag, err);
        }
#endif
        if (!doubt && is_refusal(failure.kind)) {
            return refused(committer, next, &failure, err);
        }
        if (failure.kind == LF_FENCED) { /* what may have been sent before counts for whoever has the lock now */
            *err = failure;
            return false;
        }
        if (failure.kind == LF_CANCELLED) {
            return give_up(committer, next, err);
        }
        const enum seen seen = look_back(committer, next, ret_etag, err);
        if (seen != SEEN_HEAD) {
            return seen == SEEN_OURS;
        }
#ifdef LAKEFEED_MUTANT_lost_is_failed
        return lf_error_set(err, LF_TRANSIENT, 0, "the commit failed: %.500s", failure.msg);
#endif
        begin_doubt(committer, next, &failure, &doubt);
        if (!committer_wait(committer, &delay_ms, failure.retry_after_ms)) {
            return give_up(committer, next, err);
        }
    }
}
