/* SPDX-License-Identifier: Apache-2.0 */
#include "app/runner_internal.h"

#include "base/macros.h"

#include <stdlib.h>

/* ---- the queue ---- */

static void add_request(struct runner *runner, struct request *request)
{
    struct request **end = &runner->requests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
}

/* What a running link does by itself; everything else needs the link to be left. */
static bool is_snapshot(const struct request *request)
{
    return request->call.operation == ADMIN_snapshot;
}

void runner_ask(struct runner *runner, struct admin_call *call, runner_done done, void *context)
{
    struct request *request = mem_new(1, sizeof *request);
    *request = (struct request){.call = *call, .done = done, .context = context};
    *call = (struct admin_call){0};
    pthread_mutex_lock(&runner->mutex);
    bool late = runner->now.ended || runner->stopping;
    if (!late) {
        add_request(runner, request);
        if (runner->link != NULL && is_snapshot(request)) {
            link_request(runner->link);
        } else if (runner->link != NULL) {
            link_stop(runner->link);
        }
        pthread_cond_signal(&runner->wake);
    }
    pthread_mutex_unlock(&runner->mutex);
    if (late) {
        const struct lf_error stopping = {.kind = LF_CANCELLED, .msg = "the daemon is stopping"};
        runner_answer_one(request, NULL, &stopping);
    }
}

void runner_replace(struct runner *runner, struct config *config, const struct config_link *settings)
{
    pthread_mutex_lock(&runner->mutex);
    config_free(&runner->next_config);
    runner->next_config = config_ref(config);
    runner->next_settings = settings;
    if (runner->link != NULL) {
        link_stop(runner->link);
    }
    pthread_cond_signal(&runner->wake);
    pthread_mutex_unlock(&runner->mutex);
}

/* A link at rest or disabled has nothing to do for a snapshot either: then every request counts. */
bool runner_is_interrupted(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool interrupted = runner->stopping || runner->next_config != NULL;
    bool idle = runner->now.at_rest || runner->now.state == RUNNER_disabled;
    for (const struct request *request = runner->requests; request != NULL; request = request->next) {
        interrupted = interrupted || idle || !(request->begun || is_snapshot(request));
    }
    pthread_mutex_unlock(&runner->mutex);
    return interrupted;
}

bool runner_has_snapshot_request(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool found = false;
    for (const struct request *request = runner->requests; request != NULL; request = request->next) {
        found = found || is_snapshot(request);
    }
    pthread_mutex_unlock(&runner->mutex);
    return found;
}

static bool is_begun(const struct request *request)
{
    return request->begun;
}

/* The oldest request that `wanted` (NULL: any) accepts, taken out. */
static struct request *take(struct runner *runner, bool (*wanted)(const struct request *))
{
    pthread_mutex_lock(&runner->mutex);
    struct request **at = &runner->requests;
    while (*at != NULL && wanted != NULL && !wanted(*at)) {
        at = &(*at)->next;
    }
    struct request *request = *at;
    if (request != NULL) {
        *at = request->next;
    }
    pthread_mutex_unlock(&runner->mutex);
    return request;
}

/* ---- answers ---- */

void runner_answer_one(struct request *request, struct admin_answer *answer, const struct lf_error *err)
{
    request->done(request->context, answer, err);
    admin_call_done(&request->call);
    free(request);
}

static void answer_report(struct runner *runner, struct request *request, const struct model *head, size_t frozen)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {.status = frozen > 0 ? APP_FAILED : APP_DONE};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&answer.json, /* indent= */ true);
    struct lf_error err;
    report_write(&runner->report, runner->name, head, writer);
    bool good = json_writer_finish(writer, &err) && buf_check(&answer.json, "answer", &err);
    runner_answer_one(request, &answer, good ? NULL : &err);
}

void runner_answer(struct runner *runner, bool all, const struct model *head, size_t frozen, const struct lf_error *err)
{
    struct request *request = NULL;
    while ((request = take(runner, all ? NULL : is_begun)) != NULL) {
        if (err != NULL) {
            runner_answer_one(request, NULL, err);
        } else {
            answer_report(runner, request, head, frozen);
        }
    }
}

/* ---- serving ---- */

static bool is_run(const struct request *request)
{
    return is_snapshot(request) || request->call.operation == ADMIN_resync;
}

static bool is_change(const struct request *request)
{
    return !is_run(request);
}

void runner_begin(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    for (struct request *request = runner->requests; request != NULL; request = request->next) {
        request->begun = request->begun || is_snapshot(request);
    }
    pthread_mutex_unlock(&runner->mutex);
}

/* Whether the link still exists. */
static bool serve_one(struct app_link *app, struct request *request)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {.status = APP_DONE};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&answer.json, /* indent= */ true);
    struct lf_error err;
    bool good = change_link(app, &request->call, writer, &err) && json_writer_finish(writer, &err);
    bool gone = good && request->call.operation == ADMIN_unlink && !request->call.preview;
    runner_answer_one(request, &answer, good ? NULL : &err);
    return !gone;
}

/* Several resyncs become one: all, or the union. */
static void join_resync(struct runner *runner, const struct admin_call *call)
{
    bool first = runner->resync.link == NULL;
    bool all = call->nentities == 0 || (!first && runner->resync.nentities == 0);
    if (first) {
        runner->resync.link = text_copy(runner->name);
    }
    for (size_t i = 0; !all && i < call->nentities; i++) {
        admin_call_add_entity(&runner->resync, call->entities[i]);
    }
    while (all && runner->resync.nentities > 0) {
        free(runner->resync.entities[--runner->resync.nentities]);
    }
}

static void begin_resync(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    for (struct request *request = runner->requests; request != NULL; request = request->next) {
        if (!request->begun && request->call.operation == ADMIN_resync) {
            request->begun = true;
            join_resync(runner, &request->call);
        }
    }
    pthread_mutex_unlock(&runner->mutex);
}

void runner_take_settings(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    if (runner->next_config != NULL) {
        config_free(&runner->config);
        runner->config = runner->next_config;
        runner->settings = runner->next_settings;
        runner->next_config = NULL;
    }
    pthread_mutex_unlock(&runner->mutex);
}

void runner_serve(struct runner *runner, struct app_link *app, bool *ret_unlinked)
{
    struct request *request = NULL;
    *ret_unlinked = false;
    while (!*ret_unlinked && (request = take(runner, is_change)) != NULL) {
        *ret_unlinked = !serve_one(app, request);
    }
    begin_resync(runner);
}

/* ---- what is known from outside ---- */

void runner_report(struct runner *runner, struct runner_report *ret_report)
{
    pthread_mutex_lock(&runner->mutex);
    *ret_report = runner->now;
    ret_report->at_rest = ret_report->at_rest && runner->requests == NULL && runner->next_config == NULL;
    pthread_mutex_unlock(&runner->mutex);
}

const char *runner_name(const struct runner *runner)
{
    return runner->name;
}

const struct config_link *runner_settings(struct runner *runner, struct config **ret_config)
{
    pthread_mutex_lock(&runner->mutex);
    bool replaced = runner->next_config != NULL;
    *ret_config = config_ref(replaced ? runner->next_config : runner->config);
    const struct config_link *settings = replaced ? runner->next_settings : runner->settings;
    pthread_mutex_unlock(&runner->mutex);
    return settings;
}

void runner_write_report(struct runner *runner, struct json_writer *writer)
{
    report_write(&runner->report, runner->name, runner->last_head, writer);
}
