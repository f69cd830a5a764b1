/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that come through the control socket: what can be said at once is said here, reading goes to a worker, and what a link has to
 * do goes to its runner.
 */
#include "app/daemon.h"

#include "base/macros.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- at once ---- */

static void write_link(struct json_writer *writer, struct runner *runner)
{
    struct runner_report report;
    CLEANUP(config_free) struct config *config = NULL;
    const struct config_link *settings = runner_settings(runner, &config);
    runner_report(runner, &report);
    json_begin_object(writer);
    json_put_text(writer, "name", settings->name);
    json_put_text(writer, "lake", settings->lake_shown);
    json_put_text(writer, "state", runner_state_name(report.state));
    json_put_bool(writer, "atRest", report.at_rest);
    json_put_bool(writer, "holds", report.holds);
    json_end_object(writer);
}

static void write_links(const struct daemon *daemon, struct json_writer *writer)
{
    json_begin_object(writer);
    json_put_int(writer, "pid", getpid());
    json_put_text(writer, "version", LAKEFEED_VERSION);
    json_write_key(writer, "links");
    json_begin_array(writer);
    for (size_t i = 0; i < daemon->nmembers; i++) {
        if (!daemon->members[i].leaving) {
            write_link(writer, daemon->members[i].runner);
        }
    }
    json_end_array(writer);
    json_end_object(writer);
}

static void answer_links(const struct daemon *daemon, struct control_reply *reply)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&answer.json, /* indent= */ true);
    struct lf_error err;
    write_links(daemon, writer);
    control_answer(reply, &answer, json_writer_finish(writer, &err) ? NULL : &err);
}

static void answer_config(const struct daemon *daemon, struct control_reply *reply)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    struct lf_error err;
    control_answer(reply, &answer, config_print(daemon->config, &answer.json, &err) ? NULL : &err);
}

/* ---- on a worker ---- */

struct reading {
    struct admin_call call;
    struct control_reply *reply;
    struct config *config;
    const struct config_link *settings;
    struct runner_report report;
    struct daemon *daemon;
};

static struct app_process process_of(const struct runner_report *report)
{
    return (struct app_process){
        .state = runner_state_name(report->state),
        .pid = getpid(),
        .since_ms = report->since_ms,
        .next_attempt_ms = report->next_attempt_ms,
        .err = &report->err,
        .lag = report->lag.known ? &report->lag.now : NULL,
    };
}

static void finish_reading(struct reading *reading, const struct admin_answer *answer, const struct lf_error *err)
{
    control_answer(reading->reply, answer, err);
    admin_call_done(&reading->call);
    config_free(&reading->config);
    free(reading);
}

static bool is_stopping(void *context)
{
    const struct daemon *daemon = context;
    return daemon->stopping;
}

static void do_reading(void *context)
{
    struct reading *reading = context;
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    struct lf_error err;
    const struct app_process process = process_of(&reading->report);
    struct app_options options = *reading->daemon->options;
    options.cancelled = is_stopping;
    options.cancel_context = reading->daemon;
    bool good = app_read(reading->config, reading->settings, &options, &process, &reading->call, &answer, &err);
    finish_reading(reading, &answer, good ? NULL : &err);
}

static void drop_reading(void *context)
{
    static const struct lf_error stopping = {.kind = LF_CANCELLED, .msg = "the daemon is stopping"};
    finish_reading(context, NULL, &stopping);
}

static void begin_reading(struct daemon *daemon, struct runner *runner, struct admin_call *call,
                          struct control_reply *reply)
{
    struct reading *reading = mem_new(1, sizeof *reading);
    *reading = (struct reading){.call = *call, .reply = reply, .daemon = daemon};
    *call = (struct admin_call){0};
    runner_report(runner, &reading->report);
    reading->settings = runner_settings(runner, &reading->config);
    workers_post(daemon->workers, do_reading, drop_reading, reading);
}

/* ---- by a runner ---- */

static void on_done(void *reply, struct admin_answer *answer, const struct lf_error *err)
{
    control_answer(reply, answer, err);
}

static void answer_link(struct daemon *daemon, struct admin_call *call, struct control_reply *reply)
{
    struct lf_error err;
    struct runner *runner = daemon_find(daemon, call->link);
    if (runner == NULL) {
        lf_error_set(&err, LF_NOT_FOUND, 0, "the daemon has no link %s", call->link);
        control_answer(reply, NULL, &err);
    } else if (admin_operation_is_change(call->operation)) {
        runner_ask(runner, call, on_done, reply);
    } else {
        begin_reading(daemon, runner, call, reply);
    }
}

void daemon_answer(void *context, struct admin_call *call, struct control_reply *reply)
{
    struct daemon *daemon = context;
    switch (call->operation) {
    case ADMIN_links:
        answer_links(daemon, reply);
        break;
    case ADMIN_config:
        answer_config(daemon, reply);
        break;
    case ADMIN_reload:
        daemon_reload(daemon, reply);
        break;
    default:
        answer_link(daemon, call, reply);
        break;
    }
}
