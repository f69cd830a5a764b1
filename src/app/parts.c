/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include "base/macros.h"
#include "commit/commit.h"
#include "source/builtin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool check_filters(const struct config_link *settings, const struct lf_connector *connector,
                          struct lf_error *err)
{
    for (size_t i = 0; i < settings->nentities; i++) {
        if (settings->entities[i].filter != NULL && (connector->capabilities & LF_CAP_FILTER) == 0) {
            return lf_error_set(
                err, LF_CONFIG, 0,
                "link %s: the entity of table %s has a filter, which the connector %s cannot follow; take "
                "\"filter\" out",
                settings->name, settings->entities[i].table, connector->name);
        }
    }
    return true;
}

const struct lf_connector *app_find_connector(const struct config_link *settings, struct lf_error *err)
{
    const char *url = settings->source_url;
    CLEANUP(text_free)
    char *scheme = settings->connector != NULL ? text_copy(settings->connector) : text_copy_len(url, strcspn(url, ":"));
    const struct lf_connector *connector = source_builtin_find(scheme);
    if (connector == NULL) {
        lf_error_set(err, LF_CONFIG, 0,
                     "no connector for source %s; a source is given as sqlite:FILE or postgresql://HOST/DATABASE",
                     settings->source_shown);
        return NULL;
    }
    return config_check_connector_options(settings, connector->options, err) && check_filters(settings, connector, err)
               ? connector
               : NULL;
}

static struct masking_table masks_of(const struct config_entity *entity)
{
    struct masking_column *columns = mem_new(entity->ncolumns + 1, sizeof *columns);
    size_t n = 0;
    for (size_t i = 0; i < entity->ncolumns; i++) {
        const struct config_column *column = &entity->columns[i];
        columns[n] = (struct masking_column){.name = column->name, .text = column->mask_text};
        if (column->mask != NULL) {
            const bool known = mask_find_word(column->mask, &columns[n].kind);
            assert(known);
            n++;
        }
    }
    return (struct masking_table){.table = entity->table, .columns = columns, .ncolumns = n};
}

struct masking *app_masking_new(const struct config_link *settings, const struct lf_connector *connector)
{
    struct masking_table *tables = mem_new(settings->nentities + 1, sizeof *tables);
    size_t n = 0;
    for (size_t i = 0; i < settings->nentities; i++) {
        tables[n] = masks_of(&settings->entities[i]);
        if (tables[n].ncolumns > 0) {
            n++;
        } else {
            free((void *)tables[n].columns);
        }
    }
    const char *key = settings->mask_key != NULL ? settings->mask_key : "";
    const struct masking_options options = {connector, slice_of_text(key), tables, n};
    struct masking *masking = n > 0 ? masking_new(&options) : NULL;
    for (size_t i = 0; i < n; i++) {
        free((void *)tables[i].columns);
    }
    free(tables);
    return masking;
}

bool app_check_settings(const struct config_link *settings, struct lf_error *err)
{
    return app_find_connector(settings, err) != NULL && lake_check_settings(settings, err);
}

static struct lake_open_options lake_options(const struct config_link *settings, const struct app_options *options,
                                             const char *scratch)
{
    return (struct lake_open_options){
        .settings = settings,
        .services = app_client_services(options->client),
        .budget = options->budget,
        .log = options->log,
        .scratch = scratch,
        .takeover = options->takeover,
        .lock_patience_ms = options->lock_patience_ms,
        .patience_ms = options->patience_ms,
        .cancelled = options->cancelled,
        .cancel_context = options->cancel_context,
    };
}

bool app_open_lake(const struct config_link *settings, const struct app_options *options, const char *scratch,
                   struct lake_opened *ret_opened, struct lf_error *err)
{
    const struct lake_open_options made = lake_options(settings, options, scratch);
    return lake_open(&made, ret_opened, err);
}

bool app_renew_lake(const struct config_link *settings, const struct app_options *options, struct lake_opened *opened,
                    struct lf_error *err)
{
    const struct lake_open_options made = lake_options(settings, options, NULL);
    return lake_renew(opened, &made, err);
}

bool app_read_model(struct lake *lake, struct model **ret_model, struct lf_error *err)
{
    char etag[LAKE_ETAG_SIZE];
    *ret_model = NULL;
    return commit_read_head(lake, ret_model, etag, err) || err->kind == LF_NOT_FOUND;
}
