/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#define WAIT_MS 200
#define IDLE_WAIT_MS 1000 /* many links wait in one process */
#define NUDGE_AFTER_MS 2000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define STALL_MS 250
#define STALLS_MAX 80
#define FROZEN_RETRY_MS 600000

bool link_step_feed(struct link *link, int wait_ms, bool *ret_any, struct lf_error *err)
{
    return feed_pump(link, wait_ms, ret_any, err);
}

bool link_step_load(struct link *link, bool *ret_any, struct lf_error *err)
{
    return loader_step(link, ret_any, err);
}

/* A cut stands at a transaction boundary: inside one, the rest of it is waited for. */
static bool reach_boundary(struct link *link, struct lf_error *err)
{
    while (link->feed.in_transaction) {
        bool any = false;
        TRY(link_check_stopped(link, err));
        TRY(feed_pump(link, WAIT_MS, &any, err));
    }
    return true;
}

bool link_step_snapshot(struct link *link, bool *ret_committed, struct lf_error *err)
{
    *ret_committed = false;
    TRY(reach_boundary(link, err));
    return snapshot_run(link, ret_committed, err);
}

static bool is_settled(const struct entity *entity, const struct model_entity *model)
{
    bool frozen = model != NULL && model->state == MODEL_ERROR;
    bool waits = entity->reload_reason != NULL || (entity->fault_reason != NULL && !frozen);
    return model != NULL && model->load == NULL && !waits;
}

bool link_is_settled(const struct link *link)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; i < link->nentities; i++) {
        if (!is_settled(link->entities[i], model_find(head, link->entities[i]->name))) {
            return false;
        }
    }
    return true;
}

/* ---- once ---- */

/* Whether the stream has passed every chunk that was read, so that a cut now ends its load. */
static bool chunks_passed(const struct link *link, bool *ret, struct lf_error *err)
{
    struct lf_slice cursor = buf_slice(&link->feed.cursor);
    const struct model *head = committer_head(link->committer);
    *ret = true;
    for (size_t i = 0; i < link->nentities; i++) {
        const struct entity *entity = link->entities[i];
        const struct model_entity *model = model_find(head, entity->name);
        for (size_t c = 0; *ret && c < entity->nchunks; c++) {
            TRY(link->ops->passed(model_bytes_slice(&entity->chunks[c].result.asof), cursor, ret, err));
        }
        for (size_t c = 0; *ret && model != NULL && model->load != NULL && c < model->load->nchunks; c++) {
            const struct model_chunk *chunk = &model->load->chunks[c];
            if (chunk->read && !chunk->passed) {
                TRY(link->ops->passed(model_bytes_slice(&chunk->asof), cursor, ret, err));
            }
        }
    }
    return true;
}

static bool is_caught_up(const struct link *link, struct lf_slice target, bool *ret, struct lf_error *err)
{
    int order = -1;
    *ret = false;
    if (link->feed.in_transaction) {
        return true;
    }
    TRY(link->ops->compare(buf_slice(&link->feed.cursor), target, &order, err));
    return order < 0 || chunks_passed(link, ret, err);
}

/* At half of its disk budget the spool is merged early, whatever the interval says. */
static bool spool_is_heavy(const struct link *link)
{
    uint64_t budget = link->options.spool_disk_bytes;
    return budget > 0 && !link->feed.in_transaction && spool_disk_bytes(link->spool) > budget / 2;
}

/* Pulls until the stream has reached the target; an idle source is asked to stream its position. */
static bool catch_up(struct link *link, struct lf_slice target, struct lf_error *err)
{
    int64_t quiet_since = link_monotonic_ms(link);
    for (;;) {
        bool done = false, any = false;
        TRY(link_check_stopped(link, err));
        TRY(is_caught_up(link, target, &done, err));
        if (done) {
            return true;
        }
        TRY(feed_pump(link, WAIT_MS, &any, err));
        if (spool_is_heavy(link)) {
            TRY(link_step_snapshot(link, &any, err));
        }
        int64_t now = link_monotonic_ms(link);
        quiet_since = any ? now : quiet_since;
        if (now - quiet_since >= NUDGE_AFTER_MS && link->ops->nudge != NULL) {
            TRY(link->ops->nudge(link->session, err));
            quiet_since = now;
        }
    }
}

static bool load_is_due(const struct link *link)
{
    return link_monotonic_ms(link) - link->last_commit_ms >= link->options.load_commit_ms;
}

/* Reads chunks until none is left that can be read now, with a commit in between when one is due. */
static bool load_all(struct link *link, struct lf_error *err)
{
    bool any = true, committed = false;
    while (any) {
        TRY(loader_step(link, &any, err));
        if (any && load_is_due(link)) {
            TRY(link_step_snapshot(link, &committed, err));
        }
    }
    return true;
}

static size_t count_frozen(const struct link *link)
{
    const struct model *head = committer_head(link->committer);
    size_t n = 0;
    for (size_t i = 0; i < head->nentities; i++) {
        n += head->entities[i].state == MODEL_ERROR ? 1 : 0;
    }
    return n;
}

/* A round that brought nothing while something is still to be loaded: the source is not ready yet. */
static bool wait_stalled(struct link *link, unsigned *stalls, struct lf_error *err)
{
    if (++*stalls > STALLS_MAX) {
        return lf_error_set(err, LF_TRANSIENT, 0,
                            "a table could not be read for %d seconds; the log tells why; run again",
                            STALLS_MAX * STALL_MS / 1000);
    }
    link->options.clock.sleep_ms(link->options.clock.context, STALL_MS);
    return true;
}

bool link_run_once(struct link *link, size_t *ret_frozen, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf target = {0};
    struct lf_slice position;
    uint64_t before = link->commits;
    unsigned stalls = 0;
    TRY(link->ops->position(link->session, &position, err));
    buf_append(&target, position.ptr, position.len);
    for (;;) {
        bool committed = false;
        TRY(load_all(link, err));
        TRY(catch_up(link, buf_slice(&target), err));
        TRY(link_step_snapshot(link, &committed, err));
        if (link_is_settled(link)) {
            break;
        }
        TRY(committed || wait_stalled(link, &stalls, err));
    }
    *ret_frozen = count_frozen(link);
    if (link->commits == before) {
        link_log(link, NULL, EVENT_nothing_changed,
                 (struct log_field[]){LOG_TEXT("cursor", link_head(link)->cursor_text), {0}});
    }
    return true;
}

/* ---- the daemon ---- */

/* The next multiple of the interval in UTC, as milliseconds from now. */
static int64_t until_due(const struct link *link)
{
    int64_t now = clock_now_ms(&link->options.clock);
    return link->options.interval_ms - now % link->options.interval_ms;
}

struct pace {
    int64_t due_ms;   /* monotonic */
    int64_t retry_ms; /* delay after the last failure, 0: none */
};

static bool is_passing(enum lf_error_kind kind)
{
    return kind == LF_TRANSIENT || kind == LF_THROTTLED;
}

/* A failed snapshot keeps what the feed has sealed and is tried again with growing delays. */
static bool note_outcome(struct link *link, struct pace *pace, bool good, struct lf_error *err)
{
    int64_t now = link_monotonic_ms(link);
    if (good) {
        pace->retry_ms = 0;
        pace->due_ms = now + until_due(link);
        return true;
    }
    if (!is_passing(err->kind)) {
        return false;
    }
    pace->retry_ms = pace->retry_ms == 0                 ? RETRY_MIN_MS
                     : pace->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
                                                         : pace->retry_ms * 2;
    pace->due_ms = now + (err->retry_after_ms > 0 ? err->retry_after_ms : pace->retry_ms);
    log_failure_with(link->options.log, &link->where, EVENT_link_retry, err,
                     (struct log_field[]){LOG_NUM("delay_ms", pace->due_ms - now), {0}});
    return true;
}

/* What an operator asked for; whoever waits is told of the first attempt. */
static bool answer_request(struct link *link, struct pace *pace, struct lf_error *err)
{
    const struct link_observer *observer = &link->options.observer;
    size_t frozen = 0;
    if (observer->begun != NULL) {
        observer->begun(observer->context);
    }
    bool good = link_run_once(link, &frozen, err);
    if (observer->answered != NULL) {
        pthread_mutex_lock(&link->observing);
        observer->answered(observer->context, frozen, good ? NULL : err);
        pthread_mutex_unlock(&link->observing);
    }
    return note_outcome(link, pace, good, err);
}

static bool load_ends(struct link *link, bool *ret, struct lf_error *err)
{
    *ret = false;
    if (link_is_settled(link) || loader_has_work(link) || link->feed.in_transaction) {
        return true;
    }
    return chunks_passed(link, ret, err);
}

/* Frozen entities are tried again from the start: their table may be back, or their rows mended. */
static bool retry_frozen(struct link *link, int64_t *opened_ms, struct lf_error *err)
{
    int64_t now = link_monotonic_ms(link);
    if (now - *opened_ms < FROZEN_RETRY_MS || count_frozen(link) == 0 || !link_is_settled(link)) {
        return true;
    }
    *opened_ms = now;
    return link_open(link, err);
}

/* While nothing is loading, only the stream, the clock and a stop matter; a stop ends every wait. */
static int wait_for(const struct link *link, const struct pace *pace)
{
    int64_t due_ms = pace->due_ms - link_monotonic_ms(link);
    if (link->feed.in_transaction || !link_is_settled(link)) {
        return WAIT_MS;
    }
    return due_ms < 0 ? 0 : due_ms < IDLE_WAIT_MS ? (int)due_ms : IDLE_WAIT_MS;
}

/* What other links can use. */
static void give_back(struct link *link)
{
    spool_yield(link->spool);
    budget_trim(link->budget);
}

/* A link that has nothing to write would not hear for long that another has taken its lake over. */
static bool check_lock(const struct link *link, struct lf_error *err)
{
    const struct lake_ops *ops = link->options.lake->ops;
    return ops->check_lock == NULL || ops->check_lock(link->options.lake, err);
}

bool link_run(struct link *link, struct lf_error *err)
{
    struct pace pace = {.due_ms = link_monotonic_ms(link) + until_due(link)};
    int64_t opened_ms = link_monotonic_ms(link);
    for (;;) {
        bool any = false, loaded = false, ends = false;
        TRY(link_check_stopped(link, err));
        TRY(check_lock(link, err));
        if (atomic_exchange(&link->requested, false)) {
            TRY(answer_request(link, &pace, err));
        }
        TRY(loader_step(link, &loaded, err));
        TRY(feed_pump(link, loaded ? 0 : wait_for(link, &pace), &any, err));
        TRY(lag_look(link, err));
        TRY(load_ends(link, &ends, err));
        if (!any && !loaded) {
            give_back(link);
        }
        int64_t now = link_monotonic_ms(link);
        bool load_due = pace.retry_ms == 0 && (ends || (!link_is_settled(link) && load_is_due(link)));
        bool heavy = pace.retry_ms == 0 && (spool_is_heavy(link) || lag_is_heavy(link));
        if (now >= pace.due_ms || load_due || heavy) {
            bool committed = false;
            bool good = link_step_snapshot(link, &committed, err);
            lag_note_snapshot(link);
            TRY(note_outcome(link, &pace, good, err));
            TRY(retry_frozen(link, &opened_ms, err));
        }
    }
}
