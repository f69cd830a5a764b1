/* SPDX-License-Identifier: Apache-2.0
 *
 * Another configuration for a running process. The file is read on a worker; what differs is put in force on the loop's thread, or
 * nothing is.
 */
#include "app/daemon.h"

#include "base/macros.h"

#include <stdlib.h>

struct reload {
    struct daemon *daemon;
    uint64_t number;
    struct control_reply *reply; /* NULL: asked for by a signal */
    struct config *config;       /* NULL: it could not be read */
    struct lf_error err;
};

/* ---- what differs ---- */

static bool find_refused(const struct config_differences *differences, struct lf_error *err)
{
    for (size_t i = 0; i < differences->n; i++) {
        const struct config_difference *difference = &differences->items[i];
        if (difference->change == CONFIG_REFUSED) {
            (void)lf_error_set(err, LF_CONFIG, 0, "%s cannot change while lakefeed runs: %s", difference->path,
                               difference->way);
            return true;
        }
    }
    return false;
}

static void write_differences(struct json_writer *writer, const struct config_differences *differences)
{
    json_begin_object(writer);
    json_write_key(writer, "changes");
    json_begin_array(writer);
    for (size_t i = 0; i < differences->n; i++) {
        json_begin_object(writer);
        json_put_text(writer, "path", differences->items[i].path);
        json_put_text(writer, "before", differences->items[i].old_text);
        json_put_text(writer, "after", differences->items[i].new_text);
        json_put_bool(writer, "secret", differences->items[i].secret);
        json_end_object(writer);
    }
    json_end_array(writer);
    json_end_object(writer);
}

/* Whether one of them lies below links[name]. */
static bool concerns(const struct config_differences *differences, const char *name)
{
    CLEANUP(text_free) char *place = text_printf("links[%s]", name);
    for (size_t i = 0; i < differences->n; i++) {
        if (strncmp(differences->items[i].path, place, strlen(place)) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- putting it in force ---- */

/* A link at rest is tried again whatever changed. */
static void replace(struct daemon *daemon, struct runner *runner, const struct config_link *settings, bool differs)
{
    struct runner_report report;
    runner_report(runner, &report);
    if (differs || report.at_rest) {
        runner_replace(runner, daemon->config, settings);
    }
}

static void leave(struct daemon *daemon, struct member *member)
{
    const struct log_where where = {.link = runner_name(member->runner)};
    log_write(daemon->options->log, &where, EVENT_link_removed, NULL);
    member->leaving = true;
    runner_stop(member->runner);
}

static void put_in_force(struct daemon *daemon, struct config *config, const struct config_differences *differences)
{
    config_free(&daemon->config);
    daemon->config = config_ref(config);
    daemon->reloaded = true;
    for (size_t i = 0; i < daemon->nmembers; i++) {
        struct member *member = &daemon->members[i];
        if (!member->leaving && config_find_link(config, runner_name(member->runner)) == NULL) {
            leave(daemon, member);
        }
    }
    for (size_t i = 0; i < config->nlinks; i++) {
        const struct log_where where = {.link = config->links[i].name};
        struct runner *runner = daemon_find(daemon, config->links[i].name);
        if (runner != NULL) {
            replace(daemon, runner, &config->links[i], concerns(differences, config->links[i].name));
        } else if (daemon_means(daemon, &config->links[i])) {
            log_write(daemon->options->log, &where, EVENT_link_added, NULL);
            daemon_add(daemon, &config->links[i]);
        }
    }
    daemon_look(daemon);
}

/* ---- the two threads ---- */

static void finish(struct reload *reload, const struct admin_answer *answer, size_t count, const struct lf_error *err)
{
    struct log *log = reload->daemon->options->log;
    if (err != NULL) {
        log_failure(log, NULL, EVENT_config_refused, err);
    } else {
        log_write(log, NULL, EVENT_config_reloaded, (struct log_field[]){LOG_NUM("changes", count), {0}});
    }
    if (reload->reply != NULL) {
        control_answer(reload->reply, answer, err);
    }
    config_free(&reload->config);
    free(reload);
}

static bool check_in_time(const struct reload *reload, struct lf_error *err)
{
    if (reload->daemon->stopping) {
        return lf_error_set(err, LF_CANCELLED, 0, "the daemon is stopping");
    }
    return reload->number > reload->daemon->reload_done ||
           lf_error_set(err, LF_CONFLICT, 0, "the configuration was read again meanwhile by a later reload");
}

static bool apply_to(struct reload *reload, struct admin_answer *answer, size_t *ret_count, struct lf_error *err)
{
    CLEANUP(config_differences_done) struct config_differences differences = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&answer->json, /* indent= */ true);
    if (reload->config == NULL) {
        *err = reload->err;
        return false;
    }
    TRY(check_in_time(reload, err));
    config_diff(reload->daemon->config, reload->config, &differences);
    if (find_refused(&differences, err)) {
        return false;
    }
    write_differences(writer, &differences);
    TRY(json_writer_finish(writer, err));
    *ret_count = differences.n;
    reload->daemon->reload_done = reload->number;
    put_in_force(reload->daemon, reload->config, &differences);
    return true;
}

/* On the loop's thread. */
static void apply(void *context)
{
    struct reload *reload = context;
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    struct lf_error err;
    size_t count = 0;
    bool good = apply_to(reload, &answer, &count, &err);
    finish(reload, &answer, count, good ? NULL : &err);
}

/* On a worker. */
static void read_file(void *context)
{
    struct reload *reload = context;
    const char *path = reload->daemon->options->config_path;
    if (path == NULL) {
        lf_error_set(&reload->err, LF_CONFIG, 0,
                     "this daemon was started with --source and --lake, so there is no file to read again; start it "
                     "with -c FILE");
    } else if (!config_load(path, &reload->config, &reload->err)) {
        reload->config = NULL;
    }
    loop_post(reload->daemon->loop, apply, reload);
}

static void drop(void *context)
{
    static const struct lf_error stopping = {.kind = LF_CANCELLED, .msg = "the daemon is stopping"};
    finish(context, NULL, 0, &stopping);
}

void daemon_reload(struct daemon *daemon, struct control_reply *reply)
{
    struct reload *reload = mem_new(1, sizeof *reload);
    *reload = (struct reload){.daemon = daemon, .number = ++daemon->reloads_begun, .reply = reply};
    if (daemon->workers == NULL) {
        drop(reload);
        return;
    }
    workers_post(daemon->workers, read_file, drop, reload);
}
