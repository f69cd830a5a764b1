/* SPDX-License-Identifier: Apache-2.0 */
#include "app/internal.h"

#include "base/macros.h"
#include "sched/policy.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS 100
#define WAIT_S 5
#define OWNER_WAIT_MS 2000

enum app_status app_status_of(const struct lf_error *err)
{
    switch (err->kind) {
    case LF_NONE:
    case LF_CANCELLED:
        return APP_DONE;
    case LF_CONFIG:
    case LF_UNSUPPORTED:
        return APP_USAGE;
    case LF_FENCED:
    case LF_CONFLICT:
        return APP_FENCED;
    case LF_LOST:
        return APP_RESYNC;
    default:
        return APP_FAILED;
    }
}

/* One link on its own thread. The main thread reads `ended` and calls stop. */
struct runner {
    const struct config *config;
    const struct config_link *settings;
    const struct app_options *options;
    pthread_t thread, main;
    pthread_mutex_t mutex; /* guards link against stop */
    struct link *link;
    atomic_bool stopping;
    atomic_bool ended;
    size_t frozen;
    struct lf_error err;
};

static void set_link(struct runner *runner, struct link *link)
{
    pthread_mutex_lock(&runner->mutex);
    runner->link = link;
    bool stop = link != NULL && atomic_load(&runner->stopping);
    pthread_mutex_unlock(&runner->mutex);
    if (stop) {
        link_stop(link);
    }
}

static void stop_runner(struct runner *runner)
{
    atomic_store(&runner->stopping, true);
    pthread_mutex_lock(&runner->mutex);
    if (runner->link != NULL) {
        link_stop(runner->link);
    }
    pthread_mutex_unlock(&runner->mutex);
}

/* Sleeps in small steps, so that a stop is answered soon. */
static bool rest(struct runner *runner, int64_t ms)
{
    for (; ms > 0 && !atomic_load(&runner->stopping); ms -= POLL_MS) {
        const struct timespec step = {.tv_nsec = POLL_MS * 1000000L};
        (void)nanosleep(&step, NULL);
    }
    return !atomic_load(&runner->stopping);
}

static bool run_link(struct runner *runner, struct link *link, struct lf_error *err)
{
    TRY(link_open(link, err));
    return runner->options->once ? link_run_once(link, &runner->frozen, err) : link_run(link, err);
}

static void log_end(const struct runner *runner, const struct lf_error *err)
{
    const struct log_where where = {.link = runner->settings->name};
    switch (err->kind) {
    case LF_CANCELLED:
        log_write(runner->options->log, &where, EVENT_link_stopped, NULL);
        break;
    case LF_FENCED:
        log_failure(runner->options->log, &where, EVENT_fenced, err);
        break;
    case LF_LOST:
        log_failure(runner->options->log, &where, EVENT_resync_required, err);
        break;
    default:
        log_failure(runner->options->log, &where, EVENT_link_failed, err);
        break;
    }
}

/* Runs until it is done, stopped, or fails in a way that this process cannot mend. */
static bool run_opened(struct runner *runner, struct link *link, struct lf_error *err)
{
    for (unsigned failures = 1;; failures++) {
        int64_t began = time(NULL);
        if (run_link(runner, link, err)) {
            return true;
        }
        failures = time(NULL) - began > 600 ? 1 : failures;
        struct policy_verdict verdict = policy_decide(err, failures, !runner->options->once);
        if (verdict.action == POLICY_STOP) {
            return false;
        }
        const struct log_where where = {.link = runner->settings->name};
        log_failure(runner->options->log, &where, EVENT_link_retry, err);
        if (!rest(runner, verdict.delay_ms)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
    }
}

/* A daemon waits for another owner to end; a single run and a command do not. */
static bool open_owned(struct runner *runner, struct app_link *app, struct lf_error *err)
{
    bool told = false;
    while (!app_open_link(runner->config, runner->settings, runner->options, app, err)) {
        if (err->kind != LF_CONFLICT || runner->options->once) {
            return false;
        }
        const struct log_where where = {.link = runner->settings->name};
        if (!told) {
            log_failure(runner->options->log, &where, EVENT_waiting_for_owner, err);
        }
        told = true;
        if (!rest(runner, OWNER_WAIT_MS)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
        }
    }
    return true;
}

static void *runner_main(void *context)
{
    struct runner *runner = context;
    struct lf_error err = {0};
    struct app_link app = {0};
    bool ok = open_owned(runner, &app, &err);
    if (ok) {
        set_link(runner, app.link);
        ok = run_opened(runner, app.link, &err);
        set_link(runner, NULL);
        app_close_link(&app);
    }
    if (ok) {
        err = (struct lf_error){0};
    } else if (runner->options->log_end) {
        log_end(runner, &err);
    }
    runner->err = err;
    atomic_store(&runner->ended, true);
    (void)pthread_kill(runner->main, SIGUSR1); /* wakes the wait for signals */
    return NULL;
}

static void start_runner(struct runner *runner)
{
    pthread_attr_t attributes;
    pthread_mutex_init(&runner->mutex, NULL);
    runner->main = pthread_self();
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 20);
    if (pthread_create(&runner->thread, &attributes, runner_main, runner) != 0) {
        abort();
    }
    pthread_attr_destroy(&attributes);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static bool all_ended(const struct runner *runners, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!atomic_load(&runners[i].ended)) {
            return false;
        }
    }
    return true;
}

/* Waits for the runners; a signal stops them all. */
static bool wait_for(struct runner *runners, size_t n, const sigset_t *signals)
{
    bool stopped = false;
    while (!all_ended(runners, n)) {
        const struct timespec step = {.tv_sec = WAIT_S}; /* a runner that ends wakes this at once */
        int got = sigtimedwait(signals, NULL, &step);
        if (got == SIGTERM || got == SIGINT) {
            stopped = true;
            for (size_t i = 0; i < n; i++) {
                stop_runner(&runners[i]);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(runners[i].thread, NULL);
        pthread_mutex_destroy(&runners[i].mutex);
    }
    return stopped;
}

/* The first failure by order of links is the process's; 4 and 5 only stand when no other link went on, which is so here. */
static int status_of(const struct runner *runners, size_t n, struct lf_error *ret_first)
{
    int status = APP_DONE;
    for (size_t i = 0; i < n && status == APP_DONE; i++) {
        *ret_first = runners[i].err;
        status = runners[i].err.kind != LF_NONE ? (int)app_status_of(&runners[i].err)
                 : runners[i].frozen > 0        ? APP_FAILED
                                                : APP_DONE;
    }
    return status;
}

int app_run(const struct config *config, const struct app_options *options, struct lf_error *ret_first)
{
    sigset_t signals;
    struct runner *runners = mem_new(config->nlinks, sizeof *runners);
    size_t batch = options->once ? 1 : config->nlinks;
    bool stopped = false;
    size_t done = 0;
    block_signals(&signals);
    for (; done < config->nlinks && !stopped; done += batch) {
        for (size_t i = done; i < done + batch; i++) {
            runners[i].config = config;
            runners[i].settings = &config->links[i];
            runners[i].options = options;
            start_runner(&runners[i]);
        }
        stopped = wait_for(&runners[done], batch, &signals);
    }
    int status = status_of(runners, done, ret_first);
    free(runners);
    return status;
}
