/* SPDX-License-Identifier: Apache-2.0 */
#include "app/runner_internal.h"

#include "base/macros.h"
#include "base/thread.h"
#include "sched/policy.h"

#include <stdlib.h>

#define OWNER_WAIT_MS 2000
#define LAKE_PATIENCE_MS 30000 /* with one call; then the attempt ends, and status says why */
#define STOP_GRACE_MS 2000     /* a lake that answers may finish what is under way */
#define GOOD_RUN_MS 600000     /* after one as long as this, failures are counted afresh */
#define STACK_BYTES ((size_t)1 << 20)

struct state_row {
    const char *name;
    bool at_rest;
};

static const struct state_row states[] = {
#define STATE_ROW(name, at_rest, meaning) {#name, at_rest},
    RUNNER_STATES(STATE_ROW)
#undef STATE_ROW
};

const char *runner_state_name(enum runner_state state)
{
    return states[state].name;
}

static int64_t now_ms(void)
{
    struct clock clock = clock_system();
    return clock_now_ms(&clock);
}

static int64_t monotonic_ms(void)
{
    struct clock clock = clock_system();
    return clock.monotonic_us(clock.context) / 1000;
}

void runner_set_state(struct runner *runner, enum runner_state state, const struct lf_error *err)
{
    pthread_mutex_lock(&runner->mutex);
    if (runner->now.state != state) {
        runner->now.since_ms = now_ms();
    }
    runner->now.state = state;
    runner->now.at_rest = states[state].at_rest;
    runner->now.next_attempt_ms = 0;
    if (err != NULL) {
        runner->now.err = *err;
    }
    pthread_mutex_unlock(&runner->mutex);
}

void runner_set_lag(struct runner *runner, const struct link_lag *lag)
{
    struct runner_lag seen = {.known = lag != NULL};
    if (lag != NULL) {
        seen.now = *lag;
    }
    pthread_mutex_lock(&runner->mutex);
    runner->now.lag = seen;
    pthread_mutex_unlock(&runner->mutex);
}

static void set_holds(struct runner *runner, bool holds)
{
    pthread_mutex_lock(&runner->mutex);
    runner->now.holds = holds;
    pthread_mutex_unlock(&runner->mutex);
}

/* Until the time has passed (-1: for ever), or a request, other settings or a stop. */
static void rest(struct runner *runner, int64_t ms)
{
    const struct timespec end = thread_in_ms(ms);
    bool over = false;
    while (!over && !runner_is_interrupted(runner)) {
        pthread_mutex_lock(&runner->mutex);
        bool idle = runner->requests == NULL && runner->next_config == NULL && !runner->stopping;
        if (idle && ms < 0) {
            pthread_cond_wait(&runner->wake, &runner->mutex);
        } else {
            over = pthread_cond_timedwait(&runner->wake, &runner->mutex, &end) != 0;
        }
        pthread_mutex_unlock(&runner->mutex);
    }
}

static bool is_stopping(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool stopping = runner->stopping;
    pthread_mutex_unlock(&runner->mutex);
    return stopping;
}

/* Whether calls to the lake are given up: it was asked to stop, and they have had their time. */
static bool gives_up_lake(void *context)
{
    struct runner *runner = context;
    pthread_mutex_lock(&runner->mutex);
    bool over = runner->stopping && monotonic_ms() - runner->stopped_ms > STOP_GRACE_MS;
    pthread_mutex_unlock(&runner->mutex);
    return over;
}

static bool has_new_settings(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool found = runner->next_config != NULL;
    pthread_mutex_unlock(&runner->mutex);
    return found;
}

/* ---- attempts ---- */

/* Whoever waits is told of the first failure, and asks again if it still matters. */
static void refuse(struct runner *runner, bool all, const struct lf_error *err)
{
    admin_call_done(&runner->resync);
    runner_answer(runner, all, NULL, 0, err);
}

static void note_retry(struct runner *runner, const struct lf_error *err, int64_t delay_ms)
{
    const struct log_where where = {.link = runner->name};
    log_failure_with(runner->app->log, &where, EVENT_link_retry, err,
                     (struct log_field[]){LOG_NUM("delay_ms", delay_ms), {0}});
    runner_begin(runner);
    refuse(runner, /* all= */ false, err);
    runner_set_state(runner, RUNNER_retrying, err);
    pthread_mutex_lock(&runner->mutex);
    runner->now.next_attempt_ms = now_ms() + delay_ms;
    pthread_mutex_unlock(&runner->mutex);
}

static struct app_options lake_options(struct runner *runner)
{
    struct app_options options = *runner->app;
    options.takeover = options.takeover && !runner->has_owned;
    options.lock_patience_ms = options.once ? APP_LOCK_PATIENCE_MS : 0;
    options.patience_ms = LAKE_PATIENCE_MS;
    options.cancelled = gives_up_lake;
    options.cancel_context = runner;
    return options;
}

/* A password may have been changed since the configuration was read. What cannot be read stays as it was. */
static void renew_secrets(struct runner *runner)
{
    struct config *fresh = NULL;
    struct lf_error err;
    const struct log_where where = {.link = runner->name};
    if (!config_reload_secrets(runner->config, runner->name, &fresh, &err)) {
        log_failure(runner->app->log, &where, EVENT_config_refused, &err);
        return;
    }
    pthread_mutex_lock(&runner->mutex);
    config_free(&runner->config);
    runner->config = fresh;
    runner->settings = &fresh->links[0];
    pthread_mutex_unlock(&runner->mutex);
}

/* The source or the lake has refused us; the lake stays open, with what it may know now. */
static void renew_lake(struct runner *runner, struct app_link *app)
{
    const struct app_options options = lake_options(runner);
    const struct log_where where = {.link = runner->name};
    struct lf_error err;
    if (!app_renew_lake(app->settings, &options, &app->opened, &err)) {
        log_failure(runner->app->log, &where, EVENT_config_refused, &err);
    }
}

/* Until it is done, interrupted (CANCELLED), or fails in a way that this process cannot mend. */
static bool run_attempts(struct runner *runner, struct app_link *app, struct lf_error *err)
{
    for (unsigned failures = 1;; failures++) {
        int64_t began = monotonic_ms();
        bool resync = runner->resync.link != NULL;
        if (runner_attempt(runner, app, failures, err)) {
            return true;
        }
        if (resync && err->kind == LF_CONFIG) { /* such as a name that does not exist: the link itself is fine */
            refuse(runner, /* all= */ false, err);
            continue;
        }
        failures = monotonic_ms() - began > GOOD_RUN_MS ? 1 : failures;
        struct policy_verdict verdict = policy_decide(err, failures, !runner->app->once);
        if (verdict.action == POLICY_STOP) {
            runner->given_up = true;
            return false;
        }
        note_retry(runner, err, verdict.delay_ms);
        rest(runner, verdict.delay_ms);
        if (runner_is_interrupted(runner)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
        if (err->kind == LF_AUTH) {
            renew_secrets(runner);
            app->config = runner->config;
            app->settings = runner->settings;
            renew_lake(runner, app);
        }
    }
}

/* ---- a life ---- */

static bool is_enabled(struct runner *runner, struct app_link *app, bool *ret_enabled, struct lf_error *err)
{
    CLEANUP(lake_control_done) struct lake_control control = {0};
    TRY(lake_control_read(app->opened.lake, &control, err));
    *ret_enabled = control.enabled;
    if (!control.enabled) {
        lf_error_set(err, LF_CONFIG, 0, "the link %s is disabled%s%s; lakefeed enable lets it run again", runner->name,
                     control.reason == NULL ? "" : ": ", control.reason == NULL ? "" : control.reason);
    }
    return true;
}

static void wait_disabled(struct runner *runner, const struct lf_error *err)
{
    const struct log_where where = {.link = runner->name};
    struct runner_report now;
    runner_report(runner, &now);
    if (now.state != RUNNER_disabled) {
        log_failure(runner->app->log, &where, EVENT_link_disabled, err);
    }
    runner_set_state(runner, RUNNER_disabled, err);
    runner_begin(runner);
    refuse(runner, /* all= */ false, err);
    rest(runner, -1);
}

static bool live_with_lake(struct runner *runner, struct app_link *app, struct lf_error *err)
{
    for (;;) {
        bool enabled = false, unlinked = false;
        runner_serve(runner, app, &unlinked);
        if (unlinked) {
            return true;
        }
        if (is_stopping(runner) || has_new_settings(runner)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
        TRY(is_enabled(runner, app, &enabled, err));
        if (!enabled && runner->app->once) {
            return false;
        }
        if (!enabled) {
            wait_disabled(runner, err);
        } else if (run_attempts(runner, app, err)) {
            return true;
        } else if (err->kind != LF_CANCELLED) {
            return false;
        }
    }
}

static bool is_owned_by_another(const struct lf_error *err)
{
    return err->kind == LF_CONFLICT || err->kind == LF_FENCED;
}

/* A daemon waits for another owner to end; a single run and a command do so for as long as a dead one may hold the lake. */
static bool open_owned(struct runner *runner, struct app_link *app, struct lf_error *err)
{
    const struct log_where where = {.link = runner->name};
    const struct app_options options = lake_options(runner);
    bool told = false;
    runner_set_state(runner, RUNNER_starting, NULL);
    for (runner_take_settings(runner); /* they may change while it waits */
         !app_link_open(runner->config, runner->settings, &options, app, err); runner_take_settings(runner)) {
        if (!is_owned_by_another(err) || runner->app->once) {
            return false;
        }
        if (!told) {
            log_failure(runner->app->log, &where, EVENT_waiting_for_owner, err);
        }
        told = true;
        runner_set_state(runner, RUNNER_waiting_for_owner, err);
        refuse(runner, /* all= */ true, err);
        rest(runner, OWNER_WAIT_MS);
        if (is_stopping(runner)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
    }
    runner->has_owned = true;
    return true;
}

/* What keeps the link from its lake is part of its history as well. */
static void record_closed_lake(struct runner *runner, const struct lf_error *err)
{
    if (err->kind != LF_CANCELLED && !is_owned_by_another(err)) {
        catalog_fail(
            runner->app->catalog,
            &(struct catalog_failure){
                .link = runner->name, .phase = "lake", .kind = err->kind, .code = err->code, .message = err->msg});
    }
}

static bool live(struct runner *runner, struct lf_error *err)
{
    CLEANUP(app_link_close) struct app_link app = {.state_lock_fd = -1};
    if (!open_owned(runner, &app, err)) {
        record_closed_lake(runner, err);
        return false;
    }
    set_holds(runner, true);
    bool good = live_with_lake(runner, &app, err);
    set_holds(runner, false);
    return good;
}

/* Opening the lake may fail as well, in ways that pass. */
static bool live_patiently(struct runner *runner, struct lf_error *err)
{
    for (unsigned failures = 1;; failures++) {
        runner->given_up = false;
        if (live(runner, err)) {
            return true;
        }
        if (has_new_settings(runner) && !is_stopping(runner)) {
            failures = 0;
            continue;
        }
        struct policy_verdict verdict = policy_decide(err, failures, !runner->app->once);
        if (verdict.action == POLICY_STOP || runner->given_up) {
            return false;
        }
        if (!is_stopping(runner)) {
            refuse(runner, /* all= */ true, err);
            note_retry(runner, err, verdict.delay_ms);
            rest(runner, verdict.delay_ms);
        }
        if (is_stopping(runner)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
        if (err->kind == LF_AUTH) {
            renew_secrets(runner);
        }
    }
}

static enum runner_state state_after(bool good, const struct lf_error *err)
{
    if (good) {
        return RUNNER_done;
    }
    switch (err->kind) {
    case LF_CANCELLED:
        return RUNNER_stopped;
    case LF_FENCED:
        return RUNNER_fenced;
    case LF_LOST:
        return RUNNER_resync_required;
    default:
        return RUNNER_failed;
    }
}

static void log_end(const struct runner *runner, enum runner_state state, const struct lf_error *err)
{
    const struct log_where where = {.link = runner->name};
    switch (state) {
    case RUNNER_stopped:
        log_write(runner->app->log, &where, EVENT_link_stopped, NULL);
        break;
    case RUNNER_fenced:
        log_failure(runner->app->log, &where, EVENT_fenced, err);
        break;
    case RUNNER_resync_required:
        log_failure(runner->app->log, &where, EVENT_resync_required, err);
        break;
    case RUNNER_failed:
        log_failure(runner->app->log, &where, EVENT_link_failed, err);
        break;
    default:
        break;
    }
}

static const struct lf_error unlinked = {.kind = LF_NOT_FOUND, .msg = "the link has been unlinked"};

static void come_to_rest(struct runner *runner, bool good, struct lf_error *err)
{
    if (good) {
        *err = (struct lf_error){0};
    }
    enum runner_state state = state_after(good, err);
    if (runner->app->log_end) {
        log_end(runner, state, err);
    }
    runner_set_state(runner, state, err);
    if (!runner->app->once) {
        refuse(runner, /* all= */ true, good ? &unlinked : err);
    }
    runner->changed(runner->context);
}

/* What is asked of an unlinked link must not begin it anew: only another look at the configuration does. */
static void rest_unlinked(struct runner *runner)
{
    for (;;) {
        rest(runner, -1);
        if (is_stopping(runner) || has_new_settings(runner)) {
            return;
        }
        refuse(runner, /* all= */ true, &unlinked);
        runner->changed(runner->context);
    }
}

static void end(struct runner *runner)
{
    const struct lf_error ended = {.kind = LF_CANCELLED, .msg = "the daemon is stopping"};
    pthread_mutex_lock(&runner->mutex);
    runner->now.ended = true;
    pthread_mutex_unlock(&runner->mutex);
    runner_answer(runner, /* all= */ true, NULL, 0, &ended);
    runner->changed(runner->context);
}

static void *runner_main(void *context)
{
    struct runner *runner = context;
    do {
        struct lf_error err = {0};
        bool good = live_patiently(runner, &err);
        come_to_rest(runner, good, &err);
        if (runner->app->once) {
            break;
        }
        if (good) {
            rest_unlinked(runner);
        } else {
            rest(runner, -1);
        }
    } while (!is_stopping(runner));
    end(runner);
    return NULL;
}

/* ---- from outside ---- */

struct runner *runner_start(const struct runner_options *options)
{
    struct runner *runner = mem_new(1, sizeof *runner);
    runner->app = options->app;
    runner->changed = options->changed;
    runner->context = options->context;
    runner->config = config_ref(options->config);
    runner->settings = options->settings;
    runner->name = text_copy(options->settings->name);
    runner->now.since_ms = now_ms();
    report_init(&runner->report, &options->app->observer);
    pthread_mutex_init(&runner->mutex, NULL);
    thread_cond_init(&runner->wake);
    if (thread_start(&runner->thread, STACK_BYTES, runner_main, runner) != 0) {
        abort();
    }
    return runner;
}

void runner_stop(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    runner->stopped_ms = runner->stopping ? runner->stopped_ms : monotonic_ms();
    runner->stopping = true;
    if (runner->link != NULL) {
        link_stop(runner->link);
    }
    pthread_cond_signal(&runner->wake);
    pthread_mutex_unlock(&runner->mutex);
}

void runner_free(struct runner **runner)
{
    struct runner *old = *runner;
    runner_stop(old);
    (void)pthread_join(old->thread, NULL);
    report_done(&old->report);
    admin_call_done(&old->resync);
    model_free(&old->last_head);
    config_free(&old->config);
    config_free(&old->next_config);
    pthread_mutex_destroy(&old->mutex);
    pthread_cond_destroy(&old->wake);
    text_free(&old->name);
    free(old);
    *runner = NULL;
}
