/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/committer.h"

#include "base/macros.h"

#include <assert.h>
#include <stdlib.h>

#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 10000
#define RETRY_AFTER_MAX_MS 60000

struct committer *committer_new(struct lake *lake, const struct commit_options *options)
{
    assert(options->keep > 0);
    struct committer *committer = mem_new(1, sizeof *committer);
    *committer = (struct committer){
        .lake = lake,
        .scratch_folder = text_copy(options->scratch_folder),
        .version = text_copy(options->version),
        .keep = options->keep,
        .keep_for_ms = options->keep_for_ms,
        .clock = options->clock,
        .random = options->random,
        .log = options->log,
        .where = options->where,
        .cancelled = options->cancelled,
        .cancel_context = options->cancel_context,
    };
    const int failed = pthread_mutex_init(&committer->lock, NULL);
    assert(failed == 0);
    (void)failed;
    random_hex(committer->random, (LAKE_WRITER_ID_SIZE - 1) / 2, committer->writer);
    return committer;
}

void committer_free(struct committer **committer)
{
    struct committer *old = *committer;
    if (old == NULL) {
        return;
    }
    text_free(&old->scratch_folder);
    text_free(&old->version);
    model_free(&old->head);
    history_free(&old->history);
    path_set_done(&old->in_flight);
    path_set_done(&old->lost);
    path_set_done(&old->doubted);
    path_set_done(&old->removal);
    (void)pthread_mutex_destroy(&old->lock);
    free(old);
    *committer = NULL;
}

const struct model *committer_head(const struct committer *committer)
{
    return committer->head;
}

const char *committer_writer(const struct committer *committer)
{
    return committer->writer;
}

void committer_next_path(struct committer *committer, const char *entity, uint32_t partition, int64_t now_ms,
                         struct buf *out)
{
    CLEANUP(buf_done) struct buf path = {0};
    (void)pthread_mutex_lock(&committer->lock);
    uint64_t counter = ++committer->counter;
    const char *writer = committer->writer;
#ifdef LAKEFEED_MUTANT_no_writer_id
    counter = 1;
    writer = "0000000000000000";
#endif
    lake_path_partition(entity, partition, now_ms, writer, counter, &path);
    path_set_insert(&committer->in_flight, buf_text(&path));
    (void)pthread_mutex_unlock(&committer->lock);
    buf_append(out, path.ptr, path.len);
}

void committer_forget(struct committer *committer, const char *path)
{
    (void)pthread_mutex_lock(&committer->lock);
    path_set_remove(&committer->in_flight, path);
    committer->listing_due = true;
    (void)pthread_mutex_unlock(&committer->lock);
}

void committer_want_listing(struct committer *committer)
{
    (void)pthread_mutex_lock(&committer->lock);
    committer->listing_due = true;
    (void)pthread_mutex_unlock(&committer->lock);
}

static bool is_cancelled(const struct committer *committer)
{
    return committer->cancelled != NULL && committer->cancelled(committer->cancel_context);
}

void committer_log_skipped(struct committer *committer, const char *reason)
{
    if (!committer->skip_logged) {
        log_write(committer->log, committer->where, EVENT_collection_skipped,
                  (struct log_field[]){LOG_TEXT("reason", reason), {0}});
    }
    committer->skip_logged = true;
}

bool committer_wait(const struct committer *committer, int64_t *delay_ms, int64_t retry_after_ms)
{
    *delay_ms = *delay_ms == 0 ? DELAY_FIRST_MS : *delay_ms * 2;
    *delay_ms = *delay_ms < DELAY_MAX_MS ? *delay_ms : DELAY_MAX_MS;
    const int64_t asked = retry_after_ms < RETRY_AFTER_MAX_MS ? retry_after_ms : RETRY_AFTER_MAX_MS;
    /* In short pieces, so that a stop is noticed soon. */
    for (int64_t left = *delay_ms > asked ? *delay_ms : asked; left > 0; left -= DELAY_FIRST_MS) {
        if (is_cancelled(committer)) {
            return false;
        }
        committer->clock->sleep_ms(committer->clock->context, left < DELAY_FIRST_MS ? left : DELAY_FIRST_MS);
    }
    return !is_cancelled(committer);
}

bool committer_head_is_current(struct committer *committer, bool *ret_current, struct lf_error *err)
{
    struct lake_stat stat;
    *ret_current = false;
    if (!committer->lake->ops->stat(committer->lake, LAKE_PATH_MODEL, &stat, err)) {
        *ret_current = committer->head == NULL;
        return err->kind == LF_NOT_FOUND;
    }
    *ret_current = committer->head != NULL && strcmp(stat.etag, committer->etag) == 0;
    return true;
}
