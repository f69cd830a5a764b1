/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators change about a link, under its locks.
 */
#include "app/internal.h"
#include "app/source.h"

#include "base/macros.h"
#include "commit/purge.h"

static bool set_enabled(struct app_link *app, bool enabled, const char *reason, struct json_writer *writer,
                        struct lf_error *err)
{
    struct clock clock = clock_system();
    CLEANUP(lake_control_done)
    struct lake_control control = {
        .enabled = enabled, .reason = text_copy(enabled ? NULL : reason), .since_ms = clock_now_ms(&clock)};
    TRY(lake_control_write(app->opened.lake, app->folder, &control, err));
    json_begin_object(writer);
    json_put_text(writer, "link", app->settings->name);
    json_put_bool(writer, "enabled", enabled);
    json_put_text(writer, "reason", control.reason);
    json_end_object(writer);
    return true;
}

/* A lake that is gone cannot say its id: then the name of the link decides. */
static bool unregister(struct app_link *app, bool takeover, struct lf_error *err)
{
    CLEANUP(app_source_close) struct app_source source = {0};
    CLEANUP(model_free) struct model *model = NULL;
    TRY(app_read_model(app->opened.lake, &model, err));
    TRY(app_source_open(&source, app->settings, NULL, err));
    const struct lf_consumer consumer = {
        .link = app->settings->name,
        .lake_id = model == NULL ? "" : model->lake_id,
        .location = app->location,
        .takeover = model == NULL || takeover,
    };
    return source.connector->ops->unregister_consumer(source.session, &consumer, err);
}

static void write_plan(struct json_writer *writer, const struct purge_plan *plan)
{
    json_put_int(writer, "files", (int64_t)plan->count);
    json_put_int(writer, "bytes", (int64_t)plan->bytes);
    json_put_int(writer, "foreign", (int64_t)plan->foreign);
    json_write_key(writer, "paths");
    json_begin_array(writer);
    for (size_t i = 0; i < plan->count; i++) {
        json_write_text(writer, plan->paths[i]);
    }
    json_end_array(writer);
}

/* The source forgets the link before any file goes: what is left after a crash in between can be purged by the same command. */
static bool unlink_lake(struct app_link *app, const struct admin_call *call, struct json_writer *writer,
                        struct lf_error *err)
{
    CLEANUP(purge_plan_done) struct purge_plan plan = {0};
    TRY(!call->purge || purge_list(app->opened.lake, &plan, err));
    if (!call->preview) {
        bool gone = unregister(app, call->takeover, err) || (call->purge && err->kind == LF_NOT_FOUND);
        TRY(gone && purge_remove(app->opened.lake, &plan, err));
    }
    json_begin_object(writer);
    json_put_text(writer, "link", app->settings->name);
    json_put_bool(writer, "preview", call->preview);
    json_put_bool(writer, "purge", call->purge);
    write_plan(writer, &plan);
    json_end_object(writer);
    return true;
}

bool change_link(struct app_link *app, const struct admin_call *call, struct json_writer *writer, struct lf_error *err)
{
    switch (call->operation) {
    case ADMIN_enable:
    case ADMIN_disable:
        return set_enabled(app, call->operation == ADMIN_enable, call->reason, writer, err);
    case ADMIN_unlink:
        return unlink_lake(app, call, writer, err);
    default:
        return lf_error_set(err, LF_INTERNAL, 0, "%s changes nothing of a link", admin_operation_name(call->operation));
    }
}
