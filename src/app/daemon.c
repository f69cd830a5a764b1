/* SPDX-License-Identifier: Apache-2.0 */
#include "app/daemon.h"

#include "base/macros.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 2
#define WORKER_STACK_BYTES ((size_t)1 << 20)
#define SERVE_AGAIN_MS 2000
#define END_MS 200 /* for the last answers to leave */

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

/* ---- runners ---- */

static void look(void *daemon)
{
    daemon_look(daemon);
}

/* On a runner's thread. */
static void on_changed(void *context)
{
    struct daemon *daemon = context;
    loop_post(daemon->loop, look, daemon);
}

void daemon_add(struct daemon *daemon, const struct config_link *settings)
{
    const struct runner_options options = {.config = daemon->config,
                                           .settings = settings,
                                           .app = daemon->options,
                                           .changed = on_changed,
                                           .context = daemon};
    mem_grow(&daemon->members, &daemon->size, daemon->nmembers + 1, sizeof *daemon->members);
    daemon->members[daemon->nmembers++] = (struct member){.runner = runner_start(&options)};
}

struct runner *daemon_find(const struct daemon *daemon, const char *link)
{
    for (size_t i = 0; i < daemon->nmembers; i++) {
        const struct member *member = &daemon->members[i];
        if (!member->leaving && strcmp(runner_name(member->runner), link) == 0) {
            return member->runner;
        }
    }
    return NULL;
}

bool daemon_means(const struct daemon *daemon, const struct config_link *settings)
{
    return daemon->options->only == NULL || strcmp(daemon->options->only, settings->name) == 0;
}

/* The next link of a single run; false: none is left. */
static bool begin_next(struct daemon *daemon)
{
    while (!daemon->stopping && daemon->next < daemon->config->nlinks) {
        const struct config_link *settings = &daemon->config->links[daemon->next++];
        if (daemon_means(daemon, settings)) {
            daemon_add(daemon, settings);
            return true;
        }
    }
    return false;
}

static void begin(struct daemon *daemon)
{
    while (begin_next(daemon) && !daemon->options->once) {
    }
}

/* ---- the end ---- */

void daemon_stop(struct daemon *daemon)
{
    daemon->stopping = true;
    for (size_t i = 0; i < daemon->nmembers; i++) {
        runner_stop(daemon->members[i].runner);
    }
}

static void remove_left(struct daemon *daemon)
{
    size_t kept = 0;
    for (size_t i = 0; i < daemon->nmembers; i++) {
        struct runner_report report;
        runner_report(daemon->members[i].runner, &report);
        if (daemon->members[i].leaving && report.ended) {
            runner_free(&daemon->members[i].runner);
        } else {
            daemon->members[kept++] = daemon->members[i];
        }
    }
    daemon->nmembers = kept;
}

static bool all_are(const struct daemon *daemon, bool ended)
{
    for (size_t i = 0; i < daemon->nmembers; i++) {
        struct runner_report report;
        runner_report(daemon->members[i].runner, &report);
        if (!(ended ? report.ended : report.at_rest)) {
            return false;
        }
    }
    return true;
}

/* A slip in a file that was reloaded must not cost the daemon. */
static bool waits_for_reload(const struct daemon *daemon)
{
    bool failed = false;
    for (size_t i = 0; i < daemon->nmembers; i++) {
        struct runner_report report;
        runner_report(daemon->members[i].runner, &report);
        failed = failed || report.state == RUNNER_failed;
    }
    return failed && daemon->reloaded;
}

static void on_end(void *daemon)
{
    loop_stop(((struct daemon *)daemon)->loop);
}

void daemon_look(struct daemon *daemon)
{
    remove_left(daemon);
    bool at_rest = all_are(daemon, /* ended= */ false) && !waits_for_reload(daemon);
    if (at_rest && !(daemon->options->once && begin_next(daemon)) && !daemon->stopping) {
        daemon_stop(daemon); /* nothing here moves again by itself */
    }
    if (daemon->stopping && all_are(daemon, /* ended= */ true)) {
        loop_timer_start(daemon->end, daemon->control != NULL ? END_MS : 0, 0);
    }
}

static void on_signal(void *context, int number)
{
    struct daemon *daemon = context;
    if (number == SIGHUP && daemon->options->once) {
        return; /* a single run ends with the settings it began with */
    }
    if (number == SIGHUP) {
        daemon_reload(daemon, NULL);
    } else {
        daemon->signalled = !daemon->options->once && !all_are(daemon, /* ended= */ false);
        daemon_stop(daemon);
        daemon_look(daemon);
    }
}

/* The first failure in the order of links is the process's, unless other links went on until they were asked to stop. */
static int status_of(const struct daemon *daemon, struct lf_error *ret_first)
{
    int status = APP_DONE;
    if (daemon->signalled) {
        return APP_DONE;
    }
    for (size_t i = 0; i < daemon->nmembers && status == APP_DONE; i++) {
        struct runner_report report;
        runner_report(daemon->members[i].runner, &report);
        *ret_first = report.err;
        status = report.err.kind != LF_NONE ? (int)app_status_of(&report.err)
                 : report.frozen > 0        ? APP_FAILED
                                            : APP_DONE;
    }
    return status;
}

static void write_reports(const struct daemon *daemon, struct json_writer *writer)
{
    for (size_t i = 0; writer != NULL && i < daemon->nmembers; i++) {
        struct runner_report report;
        runner_report(daemon->members[i].runner, &report);
        if (report.state == RUNNER_done) {
            runner_write_report(daemon->members[i].runner, writer);
        }
    }
}

/* ---- life ---- */

static bool open_control(struct daemon *daemon, struct lf_error *err)
{
    CLEANUP(text_free) char *path = app_socket_path(daemon->options->state_dir);
    const struct control_options options = {
        .loop = daemon->loop, .socket_path = path, .handle = daemon_answer, .context = daemon};
    return control_open(&options, &daemon->control, err);
}

static void try_control(void *context)
{
    struct daemon *daemon = context;
    struct lf_error err;
    if (open_control(daemon, &err)) {
        loop_timer_stop(daemon->serve);
    }
}

/* Another daemon of this state directory may serve the socket; this one replicates all the same, and takes over when that one ends. */
static void serve(struct daemon *daemon)
{
    struct lf_error err;
    if (daemon->options->once || open_control(daemon, &err)) {
        return;
    }
    log_failure(daemon->options->log, NULL, EVENT_control_unavailable, &err);
    loop_timer_start(daemon->serve, SERVE_AGAIN_MS, SERVE_AGAIN_MS);
}

static bool open_daemon(struct daemon *daemon, struct lf_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    TRY(loop_new(&daemon->loop, err));
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        TRY(loop_on_signal(daemon->loop, signals[i], on_signal, daemon, err));
    }
    daemon->end = loop_timer_new(daemon->loop, on_end, daemon);
    daemon->serve = loop_timer_new(daemon->loop, try_control, daemon);
    TRY(workers_new(WORKERS, WORKER_STACK_BYTES, &daemon->workers, err));
    serve(daemon);
    return true;
}

/* Once nobody posts any more, what is left in the mailbox is delivered. */
static void close_daemon(struct daemon *daemon)
{
    workers_free(&daemon->workers);
    for (size_t i = 0; i < daemon->nmembers; i++) {
        runner_free(&daemon->members[i].runner);
    }
    daemon->nmembers = 0;
    if (daemon->loop != NULL) {
        loop_stop(daemon->loop);
        loop_run(daemon->loop);
    }
    control_close(&daemon->control);
    free(daemon->members);
    loop_free(&daemon->loop);
    config_free(&daemon->config);
}

int app_run(struct config *config, const struct app_options *options, struct json_writer *writer,
            struct lf_error *ret_first)
{
    CLEANUP(budget_free)
    struct budget *budget =
        budget_new(&(struct budget_options){.bytes = config->memory_bytes, .patience_ms = BUDGET_PATIENCE_MS});
    struct app_options shared = *options;
    shared.budget = budget;
    CLEANUP(close_daemon) struct daemon daemon = {.config = config_ref(config), .options = &shared};
    if (!open_daemon(&daemon, ret_first)) {
        return (int)app_status_of(ret_first);
    }
    begin(&daemon);
    loop_run(daemon.loop);
    write_reports(&daemon, writer);
    return status_of(&daemon, ret_first);
}
