/* SPDX-License-Identifier: Apache-2.0 */
#include "app/source.h"

#include "app/app.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

#define REFUSED_MAX ((size_t)800) /* bytes of a message */

static bool is_cancelled(void *context)
{
    const struct app_source *source = context;
    return source->cancelled != NULL && source->cancelled(source->cancel_context);
}

static int64_t host_now(void *context)
{
    const struct app_source *source = context;
    return source->clock.now_us(source->clock.context);
}

static bool host_random(void *context, void *ret_bytes, size_t len)
{
    const struct app_source *source = context;
    source->random.fill(source->random.context, ret_bytes, len);
    return true;
}

static void host_log(UNUSED void *context, UNUSED const char *level, UNUSED const char *event, UNUSED const char *text)
{
}

bool app_source_open(struct app_source *source, const struct config_link *settings, const struct app_options *options,
                     struct lf_error *err)
{
    *source = (struct app_source){.clock = clock_system(), .random = random_system()};
    if (options != NULL) {
        source->cancelled = options->cancelled;
        source->cancel_context = options->cancel_context;
    }
    source->host = (struct lf_host){
        .context = source, .cancelled = is_cancelled, .now_us = host_now, .random = host_random, .log = host_log};
    source->connector = app_find_connector(settings, err);
    TRY(source->connector != NULL);
    source->masking = app_masking_new(settings, source->connector);
    source->connector = source->masking != NULL ? masking_connector(source->masking) : source->connector;
    return masking_open_or(source->masking, source->connector->ops, &source->host, settings->source_url,
                           settings->connector_options, settings->nconnector_options, &source->session, err);
}

void app_source_close(struct app_source *source)
{
    if (source->session != NULL) {
        source->connector->ops->close(source->session);
        source->session = NULL;
    }
    masking_free(&source->masking);
}

struct names {
    const struct config_link *settings;
    struct arena arena;
    const char **list;
    size_t count, size;
    struct buf refused; /* those that cannot be tracked, and why, as far as a message has room */
    size_t nrefused;
};

static void names_done(struct names *names)
{
    free(names->list);
    buf_done(&names->refused);
    arena_done(&names->arena);
}

/* Only whole reasons: one may be a statement to be run. */
static void note_refused(struct names *names, const struct lf_table *table)
{
    CLEANUP(text_free) char *text = text_printf("\ntable %s: %s", table->name, table->refusal);
    if (names->refused.len + strlen(text) <= REFUSED_MAX) {
        buf_append_text(&names->refused, text);
    }
    names->nrefused++;
}

static bool visit(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct names *names = context;
    if (names->settings->nentities > 0 && config_find_entity(names->settings, table->name) == NULL) {
        return true;
    }
    if (table->refusal != NULL) {
        note_refused(names, table);
        return names->settings->entities == NULL ||
               lf_error_set(err, LF_CONFIG, 0, "table %s cannot be replicated: %s", table->name, table->refusal);
    }
    mem_grow(&names->list, &names->size, names->count + 1, sizeof *names->list);
    names->list[names->count++] = arena_text(&names->arena, table->name);
    return true;
}

static bool check_found(const struct names *names, struct lf_error *err)
{
    for (size_t i = 0; i < names->settings->nentities; i++) {
        bool found = false;
        for (size_t j = 0; !found && j < names->count; j++) {
            found = strcmp(names->list[j], names->settings->entities[i].table) == 0;
        }
        if (!found) {
            return lf_error_set(err, LF_CONFIG, 0, "there is no table %s in the source",
                                names->settings->entities[i].table);
        }
    }
    if (names->count == 0 && names->nrefused > 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "none of the %zu tables of the source can be tracked (lakefeed check tells of all)%s",
                            names->nrefused, buf_text(&names->refused));
    }
    return names->count > 0 || lf_error_set(err, LF_CONFIG, 0, "the source has no table with a primary key");
}

bool app_source_track(struct app_source *source, const struct config_link *settings, size_t *ret_tables,
                      struct lf_error *err)
{
    const struct lf_connector_ops *ops = source->connector->ops;
    CLEANUP(names_done) struct names names = {.settings = settings};
    if (ops->track == NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "source %s needs no change tracking", source->connector->name);
    }
    TRY(ops->discover(source->session, visit, &names, err));
    TRY(check_found(&names, err));
    *ret_tables = names.count;
    return ops->track(source->session, names.list, names.count, err);
}
