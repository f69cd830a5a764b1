/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor: looks at everything that a run will need, and goes on after a finding.
 */
#include "app/internal.h"
#include "app/source.h"

#include "base/macros.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define CLOCK_SLACK_MS 60000
#define CLOCK_LEAST_MS 1700000000000 /* 2023: a machine that lost its clock stands at 1970 or at its build */

struct doctor {
    const struct config *config;
    const struct config_link *settings;
    const struct app_options *options;
    struct json_writer *writer;
    const char *area; /* of the findings that follow */
    int status;       /* that the worst finding deserves */
    uint64_t errors, advice;
};

static void tell(struct doctor *doctor, const char *severity, const char *what, const char *cure)
{
    doctor->errors += strcmp(severity, "error") == 0;
    doctor->advice += strcmp(severity, "advice") == 0;
    json_begin_object(doctor->writer);
    json_put_text(doctor->writer, "area", doctor->area);
    json_put_text(doctor->writer, "severity", severity);
    json_put_text(doctor->writer, "what", what);
    json_put_text(doctor->writer, "cure", cure);
    json_end_object(doctor->writer);
}

static void LF_PRINTF(4, 5)
    tell_text(struct doctor *doctor, const char *severity, const char *cure, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    tell(doctor, severity, text, cure);
}

/* A status of the command line or the configuration (2) is overruled by nothing but a lost stream (5). */
static void note_status(struct doctor *doctor, int status)
{
    doctor->status = status > doctor->status ? status : doctor->status;
}

static bool tell_error(struct doctor *doctor, const struct lf_error *err, const char *cure)
{
    note_status(doctor, (int)app_status_of(err));
    tell(doctor, "error", err->msg, cure);
    return false;
}

/* ---- source ---- */

static void on_finding(void *context, const char *severity, const char *what, const char *cure)
{
    struct doctor *doctor = context;
    if (strcmp(severity, "error") == 0) {
        note_status(doctor, APP_USAGE);
    }
    tell(doctor, severity, what, cure);
}

struct tables {
    struct doctor *doctor;
    uint64_t taken, configured;
};

static bool on_table(void *context, const struct lf_table *table, UNUSED struct lf_error *err)
{
    struct tables *tables = context;
    struct doctor *doctor = tables->doctor;
    bool configured = config_find_entity(doctor->settings, table->name) != NULL;
    tables->configured += configured;
    if (doctor->settings->nentities > 0 && !configured) {
        return true;
    }
    tables->taken += table->refusal == NULL;
    if (table->refusal != NULL && configured) {
        note_status(doctor, APP_USAGE);
        tell_text(doctor, "error", "take it out of \"entities\", or change the table", "table %s: %s", table->name,
                  table->refusal);
    }
    return true;
}

static void check_tables(struct doctor *doctor, struct app_source *source)
{
    struct tables tables = {.doctor = doctor};
    struct lf_error err;
    if (!source->connector->ops->discover(source->session, on_table, &tables, &err)) {
        tell_error(doctor, &err, NULL);
        return;
    }
    if (tables.configured < doctor->settings->nentities) {
        note_status(doctor, APP_USAGE);
        tell_text(doctor, "error", "lakefeed init --source URL --lake URL lists the tables that there are",
                  "%zu of the %zu tables of \"entities\" are not in the source",
                  doctor->settings->nentities - (size_t)tables.configured, doctor->settings->nentities);
    }
    if (tables.taken == 0) {
        note_status(doctor, APP_USAGE);
        tell(doctor, "error", "the source has no table that can be replicated",
             "a table needs a primary key, and this role the right to read it; what is said of each table tells more");
    } else {
        tell_text(doctor, "ok", NULL, "tables that can be replicated: %" PRIu64, tables.taken);
    }
}

/* The caller frees the list; NULL: all tables. */
static const char **configured_tables(const struct config_link *settings)
{
    const char **tables = settings->nentities == 0 ? NULL : mem_new(settings->nentities, sizeof *tables);
    for (size_t i = 0; i < settings->nentities; i++) {
        tables[i] = settings->entities[i].table;
    }
    return tables;
}

static char *check_source(struct doctor *doctor)
{
    CLEANUP(app_source_close) struct app_source source = {0};
    const char *identity = NULL;
    struct lf_error err;
    doctor->area = "source";
    if (!app_source_open(&source, doctor->settings, doctor->options, &err)) {
        tell_error(doctor, &err, "correct the URL or the options of the source, or let this user reach it");
        return NULL;
    }
    const struct lf_connector_ops *ops = source.connector->ops;
    const char **tables = configured_tables(doctor->settings);
    if (ops->check != NULL &&
        !ops->check(source.session, tables, doctor->settings->nentities, on_finding, doctor, &err)) {
        tell_error(doctor, &err, NULL);
    }
    free(tables);
    check_tables(doctor, &source);
    return ops->identity(source.session, &identity, &err) ? text_copy(identity) : NULL;
}

/* ---- lake ---- */

/* false: the lake does not answer any more. */
static bool check_files(struct doctor *doctor, struct lake *lake, const struct model_entity *entity)
{
    for (size_t i = 0; i < entity->npartitions; i++) {
        const struct model_partition *partition = &entity->partitions[i];
        struct lake_stat stat;
        struct lf_error err;
        const bool there = lake->ops->stat(lake, partition->path, &stat, &err);
        if (!there && err.kind != LF_NOT_FOUND) {
            return tell_error(doctor, &err, NULL);
        }
        if (there && stat.bytes == partition->bytes) {
            continue;
        }
        note_status(doctor, APP_FAILED);
        tell_text(doctor, "error", "the next run loads the entity again; find out who changes files in the lake",
                  "entity %s: the file %s is missing or has another size", entity->name, partition->path);
        return true;
    }
    return true;
}

static void check_entities(struct doctor *doctor, struct lake *lake, const struct model *model)
{
    bool answers = true;
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        if (entity->state == MODEL_ERROR) {
            note_status(doctor, APP_FAILED);
            tell_text(doctor, "error", "mend what the reason names; the entity is then loaded again by itself",
                      "entity %s stands still: %s", entity->name, entity->reason);
        }
        if (entity->quarantine_rows > 0) {
            tell_text(doctor, "advice", "correct them in the source; then they come by themselves",
                      "entity %s: %" PRIu64 " rows cannot be taken and are listed in %s", entity->name,
                      entity->quarantine_rows, entity->quarantine_path);
        }
        answers = answers && check_files(doctor, lake, entity);
    }
}

/* false: model.json could not be read. */
static bool check_model(struct doctor *doctor, struct lake *lake, const char *identity)
{
    CLEANUP(model_free) struct model *model = NULL;
    struct clock clock = clock_system();
    struct lf_error err;
    if (!app_read_model(lake, &model, &err)) {
        return tell_error(doctor, &err,
                          err.kind == LF_TRANSIENT || err.kind == LF_AUTH || err.kind == LF_THROTTLED
                              ? NULL
                              : "give the link a folder of its own; lakefeed never overwrites this file");
    }
    if (model == NULL) {
        tell(doctor, "ok", "the lake has no model.json yet; the first run makes it", NULL);
        return true;
    }
    tell_text(doctor, "ok", NULL, "the lake holds commit %" PRIu64 "; entities: %zu", model->commit, model->nentities);
    if (identity != NULL && strcmp(identity, model->source) != 0) {
        note_status(doctor, APP_RESYNC);
        tell_text(doctor, "error", "point the link at the old source, or at an empty lake",
                  "the lake was made from source %s, but this one is %s", model->source, identity);
    }
    if (model->modified_ms > clock_now_ms(&clock) + CLOCK_SLACK_MS) {
        tell(doctor, "advice", "the last commit lies in the future: this clock is behind, or the other was ahead",
             "set the clocks by NTP");
    }
    check_entities(doctor, lake, model);
    return true;
}

static void check_control(struct doctor *doctor, struct lake *lake)
{
    CLEANUP(lake_control_done) struct lake_control control = {0};
    struct lf_error err;
    if (!lake_control_read(lake, &control, &err)) {
        tell_error(doctor, &err, "lakefeed enable writes it anew");
    } else if (!control.enabled) {
        tell_text(doctor, "advice", "lakefeed enable", "the link is disabled%s%s", control.reason == NULL ? "" : ": ",
                  control.reason == NULL ? "" : control.reason);
    }
}

static void tell_space(struct doctor *doctor, const char *what, uint64_t free_bytes, uint64_t wanted)
{
    const char *severity = free_bytes >= wanted ? "ok" : "advice";
    tell_text(doctor, severity, free_bytes >= wanted ? NULL : "make room, or set spool.max_bytes lower",
              "%s has %" PRIu64 " MiB of free space", what, free_bytes >> 20);
}

static void check_end(struct doctor *doctor, struct auth *auth)
{
    char text[CLOCK_TEXT_SIZE];
    bool soon = false;
    const int64_t expires_ms = auth_expires_ms(auth, &soon);
    if (soon) {
        clock_format_iso(expires_ms, text);
        tell_text(doctor, "advice",
                  "put a new one into its place before that; a certificate is registered with the application, too",
                  "what proves to the lake who we are ends at %s", text);
    }
}

/* Who we are towards the lake; false: nobody. */
static bool check_identity(struct doctor *doctor, struct lake_opened *opened)
{
    char text[256];
    struct lf_error err;
    if (!lake_describe_identity(opened, text, sizeof text, &err)) {
        return tell_error(doctor, &err, NULL);
    }
    if (text[0] != '\0') {
        tell_text(doctor, "ok", NULL, "the lake is reached as %s", text);
        check_end(doctor, opened->auth);
    }
    return true;
}

static void check_clocks(struct doctor *doctor, struct lake *lake)
{
    struct clock clock = clock_system();
    struct lf_error err;
    int64_t now_ms = 0;
    if (!lake->ops->now_ms(lake, &now_ms, &err)) {
        tell_error(doctor, &err, NULL);
        return;
    }
    const int64_t ahead_ms = clock_now_ms(&clock) - now_ms;
    if (ahead_ms > CLOCK_SLACK_MS || ahead_ms < -CLOCK_SLACK_MS) {
        tell_text(doctor, "advice", "set it by NTP; beyond 15 minutes a service refuses what is signed by it",
                  "the clock of this machine is %" PRId64 " s %s that of the lake",
                  (ahead_ms > 0 ? ahead_ms : -ahead_ms) / 1000, ahead_ms > 0 ? "ahead of" : "behind");
    }
}

static void check_lake(struct doctor *doctor, const char *identity)
{
    CLEANUP(lake_opened_close) struct lake_opened opened = {0};
    struct lake_finding finding;
    struct lf_error err;
    uint64_t free_bytes = 0;
    doctor->area = "lake";
    if (!app_open_lake(doctor->settings, doctor->options, doctor->options->state_dir, &opened, &err)) {
        tell_error(doctor, &err, "correct the URL of the lake, or let this user reach it");
        return;
    }
    struct lake *lake = opened.lake;
    if (!check_identity(doctor, &opened)) {
        return;
    }
    if (!lake->ops->probe(lake, &finding, &err)) {
        tell_error(doctor, &err, NULL);
        return;
    }
    note_status(doctor, finding.ok ? APP_DONE : APP_FAILED);
    tell(doctor, finding.ok ? "ok" : "error", finding.text, NULL);
    if (finding.ok) {
        check_clocks(doctor, lake);
    }
    if (lake->ops->free_bytes != NULL && lake->ops->free_bytes(lake, &free_bytes, &err)) {
        tell_space(doctor, "the lake", free_bytes, (uint64_t)1 << 30);
    }
    if (check_model(doctor, lake, identity)) {
        check_control(doctor, lake);
    }
}

/* ---- machine ---- */

static void check_machine(struct doctor *doctor, const char *state_dir)
{
    struct statvfs space;
    struct clock clock = clock_system();
    doctor->area = "machine";
    if (statvfs(state_dir, &space) == 0) {
        tell_space(doctor, state_dir, (uint64_t)space.f_bavail * space.f_frsize, doctor->config->spool_max_bytes);
    }
    if (clock_now_ms(&clock) < CLOCK_LEAST_MS) {
        note_status(doctor, APP_FAILED);
        tell(doctor, "error", "the clock of this machine stands years in the past", "set it by NTP");
    } else {
        tell(doctor, "ok", "the clock is plausible", NULL);
    }
}

bool check_link(const struct config *config, const struct config_link *settings, const struct app_options *options,
                struct json_writer *writer, int *ret_status, UNUSED struct lf_error *err)
{
    struct doctor doctor = {.config = config, .settings = settings, .options = options, .writer = writer};
    json_begin_object(writer);
    json_put_text(writer, "link", settings->name);
    json_write_key(writer, "findings");
    json_begin_array(writer);
    CLEANUP(text_free) char *identity = check_source(&doctor);
    check_lake(&doctor, identity);
    check_machine(&doctor, options->state_dir);
    json_end_array(writer);
    json_put_int(writer, "errors", (int64_t)doctor.errors);
    json_put_int(writer, "advice", (int64_t)doctor.advice);
    json_end_object(writer);
    *ret_status = doctor.status;
    return true;
}
