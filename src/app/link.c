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

static void fill_options(const struct config *config, const struct config_link *settings,
                         const struct app_options *options, struct app_link *app,
                         const struct link_entity_config *entities, struct link_options *ret)
{
    *ret = (struct link_options){
        .name = settings->name,
        .url = settings->source_url,
        .connector_options = settings->connector_options,
        .nconnector_options = settings->nconnector_options,
        .lake = app->lake,
        .location = app->location,
        .entities = entities,
        .nentities = settings->nentities,
        .resync = options->resync,
        .nresync = options->nresync,
        .resync_all = options->resync_all,
        .track = options->track,
        .takeover = options->takeover,
        .interval_ms = settings->interval_ms,
        .cursor_interval_ms = options->once ? 0 : settings->cursor_interval_ms,
        .load_commit_ms = settings->load_commit_ms,
        .keep = settings->keep,
        .keep_for_ms = settings->keep_for_ms,
        .partition_bytes = settings->partition_bytes,
        .chunk_rows = settings->chunk_rows,
        .memory_bytes = config->memory_bytes / config->nlinks,
        .spool_disk_bytes = config->spool_max_bytes,
        .scratch_folder = app->folder,
        .version = LAKEFEED_VERSION,
        .clock = clock_system(),
        .random = random_system(),
        .log = options->log,
        .observer = options->observer,
    };
}

static bool lock_all(struct app_link *app, const struct app_options *options, struct lf_error *err)
{
    CLEANUP(text_free) char *owner = owner_text(app->settings->name);
    TRY(app_lock_state(options->state_dir, app->settings->name, &app->state_lock_fd, err));
    return app->lake->ops->lock(app->lake, owner, err);
}

static bool make_link(struct app_link *app, const struct config *config, const struct app_options *options,
                      struct lf_error *err)
{
    const struct config_link *settings = app->settings;
    CLEANUP(buf_done) struct buf location = {0};
    const struct lf_connector *connector = app_find_connector(settings, err);
    if (connector == NULL) {
        return false;
    }
    TRY(app_open_lake(settings, &app->lake, err));
    TRY(app->lake->ops->url(app->lake, LAKE_PATH_MODEL, &location, err));
    app->location = text_copy(buf_text(&location));
    app->folder = text_printf("%s/%s", options->state_dir, settings->name);
    TRY(file_make_folders(app->folder, 0700, err));
    TRY(lock_all(app, options, err));
    if (settings->nentities > 0) {
        app->entities = mem_new(settings->nentities, sizeof *app->entities);
    }
    for (size_t i = 0; app->entities != NULL && i < settings->nentities; i++) {
        app->entities[i] =
            (struct link_entity_config){.table = settings->entities[i].table, .name = settings->entities[i].name};
    }
    struct link_options link_options;
    fill_options(config, settings, options, app, app->entities, &link_options);
    link_options.connector = connector;
    link_options.load_threads = (connector->capabilities & LF_CAP_PARALLEL) != 0 ? (size_t)get_nprocs() : 1;
    app->link = link_new(&link_options);
    return true;
}

bool app_open_link(const struct config *config, const struct config_link *settings, const struct app_options *options,
                   struct app_link *ret_link, struct lf_error *err)
{
    struct app_link app = {.settings = settings, .state_lock_fd = -1};
    if (!make_link(&app, config, options, err)) {
        app_close_link(&app);
        return false;
    }
    *ret_link = app;
    return true;
}

void app_close_link(struct app_link *link)
{
    link_free(&link->link);
    lake_close(&link->lake);
    free(link->entities);
    text_free(&link->folder);
    text_free(&link->location);
    fd_close(&link->state_lock_fd);
}
