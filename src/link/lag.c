/* SPDX-License-Identifier: Apache-2.0
 *
 * What the source keeps of its log until we have committed. A link must never be the reason that its source's disk is full, so it moves
 * on early, and where it cannot, it says so in time.
 */
#include "link/internal.h"

#include <stdio.h>

#define LOOK_MS 5000
#define CURSOR_BYTES (INT64_C(64) << 20) /* so much behind an idle link is worth a commit */
#define EARLY_MS 15000                   /* between two snapshots that only the source's log asks for */

static bool is_idle(const struct link *link)
{
    return link->feed.seq == link->committed_seq;
}

static int64_t bound_of(const struct link *link)
{
    uint64_t bytes = link->options.max_retained_bytes;
    return bytes == 0 || bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

static int64_t seconds_behind(const struct link *link)
{
    const struct clock *clock = &link->options.clock;
    int64_t oldest_us = link->feed.sealed_us != 0 ? link->feed.sealed_us : link->feed.waiting_us;
    int64_t seconds = oldest_us == 0 ? 0 : (clock->now_us(clock->context) - oldest_us) / 1000000;
    return seconds < 0 ? 0 : seconds; /* the source's clock may go ahead of ours */
}

/* More than half of what the source is ready to keep is a warning as well, whatever our own bound is. */
static bool is_too_much(const struct link *link, const struct link_lag *lag)
{
    return lag->retained_bytes > bound_of(link) || (lag->left_bytes >= 0 && lag->left_bytes < lag->retained_bytes);
}

/* Only what stands for two looks: in between a commit may have mended it. */
static void warn(struct link *link, const struct link_lag *lag)
{
    bool stood = link->lag.over;
    link->lag.over = is_too_much(link, lag);
    if (!link->lag.over || !stood) {
        link->lag.warned_bytes = link->lag.over ? link->lag.warned_bytes : 0;
        return;
    }
    if (link->lag.warned_bytes > 0 && lag->retained_bytes / 2 < link->lag.warned_bytes) {
        return;
    }
    link->lag.warned_bytes = lag->retained_bytes > 0 ? lag->retained_bytes : 1;
    link_log(link, NULL, EVENT_source_retains,
             (struct log_field[]){LOG_NUM("retained_bytes", lag->retained_bytes),
                                  LOG_NUM("beyond_bytes", lag->beyond_bytes),
                                  LOG_NUM("left_bytes", lag->left_bytes),
                                  LOG_NUM("seconds_behind", lag->seconds_behind),
                                  LOG_TEXT("text", lag->text),
                                  {0}});
}

static void tell(struct link *link, const struct link_lag *lag)
{
    const struct link_observer *observer = &link->options.observer;
    if (observer->lag != NULL) {
        pthread_mutex_lock(&link->observing);
        observer->lag(observer->context, lag);
        pthread_mutex_unlock(&link->observing);
    }
}

static void take_answer(struct link *link, const struct lf_lag *seen)
{
    struct lag *lag = &link->lag;
    lag->answered_ms = lag->looked_ms;
    lag->silent = false;
    lag->last = (struct link_lag){
        .beyond_bytes = seen->beyond_bytes, .retained_bytes = seen->retained_bytes, .left_bytes = seen->left_bytes};
    (void)snprintf(lag->last.text, sizeof lag->last.text, "%s", seen->text != NULL ? seen->text : "");
    lag->beyond_bytes = seen->beyond_bytes;
    lag->bound_bytes = seen->left_bytes >= 0 && seen->left_bytes < bound_of(link) ? seen->left_bytes : bound_of(link);
}

/* Once, until there is an answer again. */
static void note_silence(struct link *link, const struct lf_error *err)
{
    if (!link->lag.silent) {
        log_failure(link->options.log, &link->where, EVENT_source_lag_unknown, err);
    }
    link->lag.silent = true;
}

static struct link_lag lag_now(const struct link *link)
{
    const struct lag *lag = &link->lag;
    struct link_lag now = {.age_seconds = -1, .beyond_bytes = -1, .retained_bytes = -1, .left_bytes = -1};
    if (lag->answered_ms != 0) {
        now = lag->last;
        now.age_seconds = (lag->looked_ms - lag->answered_ms) / 1000;
    }
    now.seconds_behind = seconds_behind(link);
    return now;
}

bool lag_look(struct link *link, struct lf_error *err)
{
    struct lf_lag seen = {.beyond_bytes = -1, .retained_bytes = -1, .left_bytes = -1};
    int64_t now_ms = link_monotonic_ms(link);
    bool due = link->lag.looked_ms == 0 || now_ms - link->lag.looked_ms >= LOOK_MS;
    if (link->ops->lag == NULL || !due) {
        return true;
    }
    link->lag.looked_ms = now_ms;
    bool answered = link->ops->lag(link->session, &link->consumer, &seen, err);
    if (!answered && err->kind == LF_CANCELLED) {
        return false;
    }
    if (answered) {
        take_answer(link, &seen);
    } else {
        note_silence(link, err);
    }
    const struct link_lag lag = lag_now(link);
    if (answered) {
        warn(link, &lag);
    }
    tell(link, &lag);
    return true;
}

bool lag_cursor_is_due(const struct link *link)
{
    const struct lag *lag = &link->lag;
    return is_idle(link) && lag->beyond_bytes > (lag->bound_bytes < CURSOR_BYTES ? lag->bound_bytes : CURSOR_BYTES);
}

bool lag_is_heavy(const struct link *link)
{
    if (link->feed.in_transaction) {
        return false;
    }
    bool rested = link_monotonic_ms(link) - link->last_commit_ms >= EARLY_MS;
    return (lag_cursor_is_due(link) && link_is_settled(link)) ||
           (rested && link->lag.beyond_bytes > link->lag.bound_bytes);
}

void lag_note_snapshot(struct link *link)
{
    link->lag.beyond_bytes = 0;
}
