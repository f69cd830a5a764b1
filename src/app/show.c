/* SPDX-License-Identifier: Apache-2.0
 *
 * What needs no lock: the lake is read as any reader reads it.
 */
#include "app/internal.h"

#include "base/macros.h"

#include <string.h>

static bool open_model(const struct config_link *settings, const struct app_options *options,
                       struct lake_opened *ret_opened, struct model **ret_model, struct lf_error *err)
{
    TRY(app_open_lake(settings, options, options->state_dir, ret_opened, err));
    return app_read_model(ret_opened->lake, ret_model, err);
}

static bool fail_no_model(const struct config_link *settings, struct lf_error *err)
{
    return lf_error_set(err, LF_NOT_FOUND, 0, "there is no model.json in %s yet; lakefeed run makes it",
                        settings->lake_shown);
}

static const char *state_text(const struct model_entity *entity)
{
    static const char *const texts[] = {[MODEL_LOADING] = "Loading",
                                        [MODEL_COMPLETED] = "Completed",
                                        [MODEL_RELOADING] = "Reloading",
                                        [MODEL_ERROR] = "Error"};
    return texts[entity->state];
}

static void put_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format_iso(ms, text);
    json_put_text(writer, key, ms == 0 ? NULL : text);
}

/* ---- status ---- */

static void write_entity(struct json_writer *writer, const struct model_entity *entity)
{
    uint64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < entity->npartitions; i++) {
        rows += entity->partitions[i].rows;
        bytes += entity->partitions[i].bytes;
    }
    json_begin_object(writer);
    json_put_text(writer, "name", entity->name);
    json_put_text(writer, "table", entity->table);
    json_put_text(writer, "state", state_text(entity));
    json_put_text(writer, "reason", entity->reason);
    json_put_int(writer, "rows", (int64_t)rows);
    json_put_int(writer, "bytes", (int64_t)bytes);
    json_put_int(writer, "partitions", (int64_t)entity->npartitions);
    json_put_int(writer, "columns", (int64_t)entity->shape.nattributes);
    json_put_int(writer, "quarantined", (int64_t)entity->quarantine_rows);
    json_put_text(writer, "quarantine", entity->quarantine_path);
    json_end_object(writer);
}

static void write_error(struct json_writer *writer, const char *key, const struct lf_error *err)
{
    json_write_key(writer, key);
    if (err == NULL || err->kind == LF_NONE) {
        json_write_null(writer);
        return;
    }
    json_begin_object(writer);
    json_put_text(writer, "kind", lf_error_kind_name(err->kind));
    json_put_text(writer, "message", err->msg);
    json_end_object(writer);
}

/* What is not known is null. */
static void put_known(struct json_writer *writer, const char *key, int64_t number)
{
    if (number < 0) {
        json_put_text(writer, key, NULL);
    } else {
        json_put_int(writer, key, number);
    }
}

static void write_lag(struct json_writer *writer, const struct app_process *process)
{
    json_write_key(writer, "lag");
    if (process->lag == NULL) {
        json_write_null(writer);
        return;
    }
    json_begin_object(writer);
    put_known(writer, "secondsBehind", process->lag->seconds_behind);
    put_known(writer, "beyondBytes", process->lag->beyond_bytes);
    put_known(writer, "retainedBytes", process->lag->retained_bytes);
    put_known(writer, "leftBytes", process->lag->left_bytes);
    put_known(writer, "ageSeconds", process->lag->age_seconds);
    json_put_text(writer, "text", process->lag->text);
    json_end_object(writer);
}

static void write_process(struct json_writer *writer, const struct app_process *process)
{
    json_write_key(writer, "process");
    if (process->state == NULL) {
        json_write_null(writer);
        return;
    }
    json_begin_object(writer);
    json_put_int(writer, "pid", process->pid);
    json_put_text(writer, "state", process->state);
    put_time(writer, "since", process->since_ms);
    put_time(writer, "nextAttempt", process->next_attempt_ms);
    write_error(writer, "error", process->err);
    write_lag(writer, process);
    json_end_object(writer);
}

static bool write_control(struct json_writer *writer, struct lake *lake, struct lf_error *err)
{
    CLEANUP(lake_control_done) struct lake_control control = {0};
    TRY(lake_control_read(lake, &control, err));
    json_put_bool(writer, "enabled", control.enabled);
    json_put_text(writer, "disabledReason", control.enabled ? NULL : control.reason);
    return true;
}

/* The lake cannot be read now, so nobody knows. */
static bool write_no_control(struct json_writer *writer)
{
    json_put_text(writer, "enabled", NULL);
    json_put_text(writer, "disabledReason", NULL);
    return true;
}

static void write_model(struct json_writer *writer, const struct model *model)
{
    json_put_int(writer, "commit", (int64_t)model->commit);
    json_put_text(writer, "commitId", model->commit_id);
    put_time(writer, "modified", model->modified_ms);
    json_put_text(writer, "cursor", model->cursor_text);
    put_time(writer, "sourceTime", model->source_time_us / 1000);
    json_put_text(writer, "source", model->source);
    json_put_text(writer, "version", model->version);
    json_write_key(writer, "entities");
    json_begin_array(writer);
    for (size_t i = 0; i < model->nentities; i++) {
        write_entity(writer, &model->entities[i]);
    }
    json_end_array(writer);
}

bool show_status(const struct config_link *settings, const struct app_options *options,
                 const struct app_process *process, struct json_writer *writer, struct lf_error *err)
{
    static const struct model nothing = {0};
    CLEANUP(lake_opened_close) struct lake_opened opened = {0};
    CLEANUP(model_free) struct model *model = NULL;
    struct lf_error lake_err = {0};
    bool readable = open_model(settings, options, &opened, &model, &lake_err);
    if (process->state == NULL && !readable) {
        *err = lake_err;
        return false;
    }
    if (process->state == NULL && model == NULL) {
        return fail_no_model(settings, err);
    }
    json_begin_object(writer);
    json_put_text(writer, "link", settings->name);
    json_put_text(writer, "lake", settings->lake_shown);
    write_process(writer, process);
    write_error(writer, "lakeError", &lake_err);
    TRY(readable ? write_control(writer, opened.lake, err) : write_no_control(writer));
    write_model(writer, model != NULL ? model : &nothing);
    json_end_object(writer);
    return true;
}

/* ---- artifacts ---- */

static bool is_meant(const struct admin_call *call, const char *entity)
{
    for (size_t i = 0; i < call->nentities; i++) {
        if (strcmp(call->entities[i], entity) == 0) {
            return true;
        }
    }
    return call->nentities == 0;
}

static void write_partition(struct json_writer *writer, struct lake *lake, const char *entity,
                            const struct model_partition *partition)
{
    struct lf_error ignored;
    CLEANUP(buf_done) struct buf location = {0};
    bool known = lake->ops->url(lake, partition->path, &location, &ignored);
    json_begin_object(writer);
    json_put_text(writer, "entity", entity);
    json_put_text(writer, "name", partition->name);
    json_put_text(writer, "path", partition->path);
    json_put_text(writer, "location", known ? buf_text(&location) : NULL);
    json_put_int(writer, "rows", (int64_t)partition->rows);
    json_put_int(writer, "bytes", (int64_t)partition->bytes);
    json_put_text(writer, "sha256", partition->sha256);
    json_put_int(writer, "since", (int64_t)partition->since);
    json_end_object(writer);
}

static bool check_entities(const struct admin_call *call, const struct model *model, struct lf_error *err)
{
    for (size_t i = 0; i < call->nentities; i++) {
        if (model_find(model, call->entities[i]) == NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "the lake has no entity %s; lakefeed status lists them",
                                call->entities[i]);
        }
    }
    return true;
}

bool show_artifacts(const struct config_link *settings, const struct app_options *options,
                    const struct admin_call *call, struct json_writer *writer, struct lf_error *err)
{
    CLEANUP(lake_opened_close) struct lake_opened opened = {0};
    CLEANUP(model_free) struct model *model = NULL;
    TRY(open_model(settings, options, &opened, &model, err));
    TRY(model != NULL || fail_no_model(settings, err));
    TRY(check_entities(call, model, err));
    json_begin_array(writer);
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        for (size_t j = 0; is_meant(call, entity->name) && j < entity->npartitions; j++) {
            write_partition(writer, opened.lake, entity->name, &entity->partitions[j]);
        }
    }
    json_end_array(writer);
    return true;
}

/* ---- failures ---- */

#define FAILURES_SHOWN 1000

static void write_failure(void *context, const struct catalog_entry *entry)
{
    struct json_writer *writer = context;
    const struct catalog_failure *failure = &entry->failure;
    json_begin_object(writer);
    put_time(writer, "at", entry->at_ms);
    put_time(writer, "lastAt", entry->last_ms);
    json_put_int(writer, "times", (int64_t)entry->times);
    json_put_text(writer, "operation", entry->operation);
    json_put_int(writer, "attempt", failure->attempt);
    json_put_text(writer, "phase", failure->phase);
    json_put_text(writer, "kind", lf_error_kind_name(failure->kind));
    json_put_int(writer, "code", failure->code);
    json_put_text(writer, "entity", failure->entity);
    json_put_text(writer, "key", failure->key);
    json_put_text(writer, "message", failure->message);
    json_put_int(writer, "orphanFiles", (int64_t)failure->orphan_files);
    json_put_int(writer, "orphanBytes", (int64_t)failure->orphan_bytes);
    json_end_object(writer);
}

bool show_failures(struct catalog *catalog, const struct config_link *settings, struct json_writer *writer,
                   struct lf_error *err)
{
    json_begin_object(writer);
    json_put_text(writer, "link", settings->name);
    json_write_key(writer, "failures");
    json_begin_array(writer);
    TRY(catalog_failures(catalog, settings->name, 0, FAILURES_SHOWN, write_failure, writer, err));
    json_end_array(writer);
    json_end_object(writer);
    return true;
}
