/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt of a runner: a link is made, opened and followed until it ends, and its history is kept.
 */
#include "app/runner_internal.h"

#include "base/macros.h"

#include <string.h>

static void set_link(struct runner *runner, struct link *link)
{
    pthread_mutex_lock(&runner->mutex);
    runner->link = link;
    pthread_mutex_unlock(&runner->mutex);
    if (link != NULL && runner_is_interrupted(runner)) {
        link_stop(link); /* it was asked while there was nothing to stop */
    }
}

/* The link's observer: the report's, and the answer to what was asked. */
struct relay {
    struct link_observer report;
    struct runner *runner;
    struct link *link;
    int64_t operation;    /* in the catalog */
    unsigned number;      /* of the attempt */
    struct lf_error told; /* the failure that went into the catalog last */
};

static void relay_failed(void *context, const struct link_failure *failure)
{
    struct relay *relay = context;
    relay->told = *failure->err;
    catalog_fail(relay->runner->app->catalog, &(struct catalog_failure){
                                                  .link = relay->runner->name,
                                                  .operation = relay->operation,
                                                  .attempt = relay->number,
                                                  .phase = failure->phase,
                                                  .kind = failure->err->kind,
                                                  .code = failure->err->code,
                                                  .entity = failure->entity,
                                                  .message = failure->err->msg,
                                                  .orphan_files = failure->orphan_files,
                                                  .orphan_bytes = failure->orphan_bytes,
                                              });
}

/* How the attempt ended, unless the link itself has told already. */
static void record_end(struct relay *relay, bool good, const char *phase, const struct lf_error *err)
{
    bool stopped = !good && err->kind == LF_CANCELLED;
    if (!good && !stopped && strcmp(relay->told.msg, err->msg) != 0) {
        relay_failed(relay, &(struct link_failure){.phase = phase, .err = err});
    }
    const struct model *head = relay->link == NULL ? NULL : link_head(relay->link);
    catalog_end(relay->runner->app->catalog, relay->operation,
                good      ? "done"
                : stopped ? "stopped"
                          : "failed",
                head == NULL ? 0 : head->commit);
}

static void relay_load(void *context, const char *entity, uint64_t added, int64_t estimated_rows)
{
    const struct relay *relay = context;
    relay->report.load(relay->report.context, entity, added, estimated_rows);
}

static void relay_skipped(void *context, const char *table, const char *reason)
{
    const struct relay *relay = context;
    relay->report.skipped(relay->report.context, table, reason);
}

static void relay_committed(void *context, const struct model *head, uint64_t changes, uint64_t written, uint64_t kept)
{
    const struct relay *relay = context;
    relay->report.committed(relay->report.context, head, changes, written, kept);
}

static void relay_lag(void *context, const struct link_lag *lag)
{
    runner_set_lag(((const struct relay *)context)->runner, lag);
}

static void relay_begun(void *context)
{
    const struct relay *relay = context;
    report_restart(&relay->runner->report);
    runner_begin(relay->runner);
}

/* What another request or other settings interrupted is done by the next attempt; a stop answers at its end. */
static void relay_answered(void *context, size_t frozen, const struct lf_error *err)
{
    const struct relay *relay = context;
    if (err != NULL && err->kind == LF_CANCELLED) {
        return;
    }
    runner_answer(relay->runner, /* all= */ false, link_head(relay->link), frozen, err);
}

/* What was asked for is loaded and committed first; then whoever asked is told. */
static bool run_resync(struct runner *runner, struct link *link, struct lf_error *err)
{
    size_t frozen = 0;
    if (runner->resync.link == NULL) {
        return true;
    }
    report_restart(&runner->report);
    runner_begin(runner);
    TRY(link_run_once(link, &frozen, err));
    admin_call_done(&runner->resync);
    runner_answer(runner, /* all= */ false, link_head(link), frozen, NULL);
    return true;
}

static bool run_single(struct runner *runner, struct link *link, struct lf_error *err)
{
    size_t frozen = 0;
    TRY(link_run_once(link, &frozen, err));
    runner->last_head = model_copy(link_head(link));
    pthread_mutex_lock(&runner->mutex);
    runner->now.frozen = frozen;
    pthread_mutex_unlock(&runner->mutex);
    return true;
}

static bool follow(struct runner *runner, struct link *link, const char **ret_phase, struct lf_error *err)
{
    *ret_phase = "open";
    TRY(link_open(link, err));
    *ret_phase = "run";
    runner_set_state(runner, RUNNER_running, &(struct lf_error){0});
    if (runner->app->once) {
        return run_single(runner, link, err);
    }
    TRY(run_resync(runner, link, err));
    if (runner_has_snapshot_request(runner)) {
        link_request(link);
    }
    return link_run(link, err);
}

bool runner_attempt(struct runner *runner, struct app_link *app, unsigned number, struct lf_error *err)
{
    struct relay relay = {.report = report_observer(&runner->report), .runner = runner, .number = number};
    const char *phase = "open";
    const struct link_observer observer = {
        .context = &relay,
        .load = relay_load,
        .skipped = relay_skipped,
        .committed = relay_committed,
        .begun = relay_begun,
        .answered = relay_answered,
        .lag = relay_lag,
        .failed = relay_failed,
    };
    struct app_options options = *runner->app;
    options.resync = runner->resync.link != NULL ? &runner->resync : options.resync;
    runner_set_state(runner, RUNNER_starting, NULL);
    relay.operation =
        catalog_begin(runner->app->catalog, runner->name, options.resync != NULL ? "resync" : "run", number);
    bool good = app_link_begin(app, &options, &observer, err);
    if (good) {
        relay.link = app->link;
        set_link(runner, app->link);
        good = follow(runner, app->link, &phase, err);
        set_link(runner, NULL);
        runner_set_lag(runner, NULL);
    }
    record_end(&relay, good, phase, err);
    link_free(&app->link);
    return good;
}
