/* SPDX-License-Identifier: Apache-2.0 */
#include "app/internal.h"

#include "base/file.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char *owner_text(const char *link)
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    return text_printf("pid %ld on %s, link %s", (long)getpid(), host, link);
}

static enum intake_rule intake_rule_of(const char *word)
{
    return strcmp(word, "replace") == 0      ? INTAKE_REPLACE
           : strcmp(word, "quarantine") == 0 ? INTAKE_QUARANTINE
                                             : INTAKE_FAIL;
}

static const char *first_given(const char *word, const char *otherwise)
{
    return word != NULL ? word : otherwise;
}

/* `entity` NULL: what holds for the whole link. */
static struct link_policy policy_of(const struct config_link *link, const struct config_entity *entity)
{
    static const struct config_entity none = {0};
    entity = entity != NULL ? entity : &none;
    return (struct link_policy){
        .intake = {.bad_text = intake_rule_of(first_given(entity->on_bad_text, link->on_bad_text)),
                   .bad_row = intake_rule_of(first_given(entity->on_bad_row, link->on_bad_row))},
        .freeze_on_lost_file = strcmp(first_given(entity->on_lost_file, link->on_lost_file), "freeze") == 0,
    };
}

static bool lock_all(struct app_link *app, const struct app_options *options, struct lf_error *err)
{
    CLEANUP(text_free) char *owner = owner_text(app->settings->name);
    TRY(app_lock_state(options->state_dir, app->settings->name, &app->state_lock_fd, err));
    return app->opened.lake->ops->lock(app->opened.lake, owner, err);
}

/* Before the first lock file is written: a folder that is somebody else's stays without a trace of us. */
static bool check_ours(struct lake *lake, struct lf_error *err)
{
    CLEANUP(model_free) struct model *model = NULL;
    struct lake_stat owner;
    if (lake->ops->stat(lake, LAKE_PATH_OWNER, &owner, err)) {
        return true;
    }
    return err->kind == LF_NOT_FOUND && app_read_model(lake, &model, err);
}

static bool open_all(struct app_link *app, const struct app_options *options, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf location = {0};
    app->connector = app_find_connector(app->settings, err);
    TRY(app->connector != NULL);
    app->folder = text_printf("%s/%s", options->state_dir, app->settings->name);
    TRY(file_make_folders(app->folder, 0700, err));
    TRY(app_open_lake(app->settings, options, app->folder, &app->opened, err));
    struct lake *lake = app->opened.lake;
    TRY(lake->ops->url(lake, LAKE_PATH_MODEL, &location, err));
    app->location = text_copy(buf_text(&location));
    TRY(check_ours(lake, err));
    return lock_all(app, options, err);
}

bool app_link_open(const struct config *config, const struct config_link *settings, const struct app_options *options,
                   struct app_link *ret_link, struct lf_error *err)
{
    struct app_link app = {.config = config, .settings = settings, .state_lock_fd = -1};
    if (!open_all(&app, options, err)) {
        app_link_close(&app);
        return false;
    }
    *ret_link = app;
    return true;
}

static void fill_entities(struct app_link *app)
{
    const struct config_link *settings = app->settings;
    free(app->entities);
    app->entities = settings->nentities > 0 ? mem_new(settings->nentities, sizeof *app->entities) : NULL;
    for (size_t i = 0; i < settings->nentities; i++) {
        const struct config_entity *entity = &settings->entities[i];
        app->entities[i] = (struct link_entity_config){
            .table = entity->table, .name = entity->name, .policy = policy_of(settings, entity)};
    }
}

static void append_entities(struct buf *command, const struct config_link *settings)
{
    CLEANUP(buf_done) struct buf tables = {0};
    for (size_t i = 0; i < settings->nentities; i++) {
        buf_printf(&tables, "%s%s", i > 0 ? "," : "", settings->entities[i].table);
    }
    if (tables.len > 0) {
        buf_append_text(command, " --entities ");
        buf_append_quoted(command, buf_text(&tables));
    }
}

/* A file is named, not repeated: filters, options and secrets stand in it alone. */
static char *track_command(const struct config *config, const struct config_link *settings)
{
    CLEANUP(buf_done) struct buf command = {0};
    if (config->name != NULL) {
        buf_append_text(&command, "lakefeed track -c ");
        buf_append_quoted(&command, config->name);
        buf_append_text(&command, " --link ");
        buf_append_quoted(&command, settings->name);
    } else {
        buf_append_text(&command, "lakefeed track --source ");
        buf_append_quoted(&command, settings->source_url);
        append_entities(&command, settings);
    }
    return text_copy(buf_text(&command));
}

static struct link_options link_options(const struct app_link *app, const struct app_options *options)
{
    const struct config_link *settings = app->settings;
    bool parallel = (app->connector->capabilities & LF_CAP_PARALLEL) != 0;
    return (struct link_options){
        .name = settings->name,
        .connector = app->masking != NULL ? masking_connector(app->masking) : app->connector,
        .masking = app->masking,
        .url = settings->source_url,
        .shown_url = settings->source_shown,
        .track_command = app->track_command,
        .connector_options = settings->connector_options,
        .nconnector_options = settings->nconnector_options,
        .lake = app->opened.lake,
        .location = app->location,
        .entities = app->entities,
        .nentities = settings->nentities,
        .policy = policy_of(settings, NULL),
        .track = options->track,
        .takeover = options->takeover,
        .interval_ms = settings->interval_ms,
        .cursor_interval_ms = options->once ? 0 : settings->cursor_interval_ms,
        .max_retained_bytes = settings->max_retained_bytes,
        .load_commit_ms = settings->load_commit_ms,
        .keep = settings->keep,
        .keep_for_ms = settings->keep_for_ms,
        .partition_bytes = settings->partition_bytes,
        .chunk_rows = settings->chunk_rows,
        .load_threads = parallel ? (size_t)get_nprocs() : 1,
        .memory_bytes = app->config->memory_bytes,
        .budget = options->budget,
        .spool_disk_bytes = app->config->spool_max_bytes,
        .scratch_folder = app->folder,
        .version = LAKEFEED_VERSION,
        .clock = clock_system(),
        .random = random_system(),
        .log = options->log,
    };
}

bool app_link_begin(struct app_link *app, const struct app_options *options, const struct link_observer *observer,
                    struct lf_error *err)
{
    link_free(&app->link);
    app->connector = app_find_connector(app->settings, err);
    TRY(app->connector != NULL);
    masking_free(&app->masking);
    app->masking = app_masking_new(app->settings, app->connector);
    fill_entities(app);
    text_free(&app->track_command);
    app->track_command = track_command(app->config, app->settings);
    struct link_options made = link_options(app, options);
    made.observer = *observer;
    if (options->resync != NULL) {
        made.resync = (const char *const *)options->resync->entities;
        made.nresync = options->resync->nentities;
        made.resync_all = options->resync->nentities == 0;
    }
    app->link = link_new(&made);
    return true;
}

void app_link_close(struct app_link *link)
{
    link_free(&link->link);
    masking_free(&link->masking);
    lake_opened_close(&link->opened);
    free(link->entities);
    text_free(&link->folder);
    text_free(&link->location);
    text_free(&link->track_command);
    fd_close(&link->state_lock_fd);
}
