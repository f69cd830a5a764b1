/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json.h"
#include "base/macros.h"

#include <inttypes.h>
#include <string.h>

static bool read_model_block(void *context, char *ret_bytes, size_t size, size_t *ret_len, struct lf_error *err)
{
    return lake_input_read(context, ret_bytes, size, ret_len, err);
}

bool cli_read_model(const struct config_link *link, struct lake **ret_lake, struct model **ret_model,
                    struct lf_error *err)
{
    struct lake_stat stat;
    *ret_model = NULL;
    TRY(app_open_lake(link, ret_lake, err));
    if (!(*ret_lake)->ops->stat(*ret_lake, LAKE_PATH_MODEL, &stat, err)) {
        return err->kind == LF_NOT_FOUND;
    }
    struct lake_input input = {.lake = *ret_lake, .path = LAKE_PATH_MODEL};
    return model_parse(read_model_block, &input, ret_model, err);
}

/* What both verbs begin with; false: *ret_status is the exit status. */
static bool open_model(struct cli *cli, struct lake **ret_lake, struct model **ret_model,
                       const struct config_link **ret_link, int *ret_status)
{
    struct lf_error err;
    if (!cli_prepare(cli, &err) || !cli_choose_link(cli, ret_link, &err) ||
        !cli_read_model(*ret_link, ret_lake, ret_model, &err)) {
        *ret_status = cli_fail(&err);
        return false;
    }
    if (*ret_model == NULL) {
        lf_error_set(&err, LF_NOT_FOUND, 0, "there is no model.json in %s yet; lakefeed run makes it",
                     (*ret_link)->lake_url);
        *ret_status = cli_fail(&err);
        return false;
    }
    return true;
}

static const char *state_text(const struct model_entity *entity)
{
    static const char *const texts[] = {[MODEL_LOADING] = "Loading",
                                        [MODEL_COMPLETED] = "Completed",
                                        [MODEL_RELOADING] = "Reloading",
                                        [MODEL_ERROR] = "Error"};
    return texts[entity->state];
}

struct totals {
    uint64_t rows, bytes;
};

static struct totals add_up(const struct model_entity *entity)
{
    struct totals totals = {0};
    for (size_t i = 0; i < entity->npartitions; i++) {
        totals.rows += entity->partitions[i].rows;
        totals.bytes += entity->partitions[i].bytes;
    }
    return totals;
}

static int print_json(const struct buf *text, struct json_writer *writer)
{
    struct lf_error err;
    if (!json_writer_finish(writer, &err) || !buf_check(text, "result", &err)) {
        return cli_fail(&err);
    }
    (void)fwrite(text->ptr, 1, text->len, stdout);
    (void)fputc('\n', stdout);
    return APP_DONE;
}

static void write_text(struct json_writer *writer, const char *key, const char *value)
{
    json_write_key(writer, key);
    if (value == NULL) {
        json_write_null(writer);
    } else {
        json_write_text(writer, value);
    }
}

static void write_number(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_int(writer, (int64_t)value);
}

/* ---- status ---- */

static void write_entity(struct json_writer *writer, const struct model_entity *entity)
{
    struct totals totals = add_up(entity);
    json_begin_object(writer);
    write_text(writer, "name", entity->name);
    write_text(writer, "table", entity->table);
    write_text(writer, "state", state_text(entity));
    write_text(writer, "reason", entity->reason);
    write_number(writer, "rows", totals.rows);
    write_number(writer, "bytes", totals.bytes);
    write_number(writer, "partitions", entity->npartitions);
    write_number(writer, "columns", entity->shape.nattributes);
    json_end_object(writer);
}

static int status_json(const struct config_link *link, const struct model *model)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ true);
    char modified[CLOCK_TEXT_SIZE];
    clock_format_iso(model->modified_ms, modified);
    json_begin_object(writer);
    write_text(writer, "link", link->name);
    write_text(writer, "lake", link->lake_url);
    write_number(writer, "commit", model->commit);
    write_text(writer, "commitId", model->commit_id);
    write_text(writer, "modified", modified);
    write_text(writer, "cursor", model->cursor_text);
    write_text(writer, "source", model->source);
    json_write_key(writer, "entities");
    json_begin_array(writer);
    for (size_t i = 0; i < model->nentities; i++) {
        write_entity(writer, &model->entities[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
    return print_json(&text, writer);
}

static int status_table(const struct config_link *link, const struct model *model)
{
    char modified[CLOCK_TEXT_SIZE];
    clock_format_iso(model->modified_ms, modified);
    (void)printf("%s: commit %" PRIu64 " at %s, source position %s\n\n", link->name, model->commit, modified,
                 model->cursor_text);
    (void)printf("%-32s %-10s %14s %6s %16s\n", "entity", "state", "rows", "files", "bytes");
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        struct totals totals = add_up(entity);
        (void)printf("%-32s %-10s %14" PRIu64 " %6zu %16" PRIu64 "%s%s\n", entity->name, state_text(entity),
                     totals.rows, entity->npartitions, totals.bytes, entity->reason == NULL ? "" : "  ",
                     entity->reason == NULL ? "" : entity->reason);
    }
    return APP_DONE;
}

int cli_status(struct cli *cli)
{
    CLEANUP(lake_close) struct lake *lake = NULL;
    CLEANUP(model_free) struct model *model = NULL;
    const struct config_link *link = NULL;
    int status = APP_FAILED;
    if (!open_model(cli, &lake, &model, &link, &status)) {
        return status;
    }
    return cli->json ? status_json(link, model) : status_table(link, model);
}

/* ---- artifacts ---- */

static bool is_meant(const struct cli *cli, const char *entity)
{
    for (size_t i = 0; i < cli->nwords; i++) {
        if (strcmp(cli->words[i], entity) == 0) {
            return true;
        }
    }
    return cli->nwords == 0;
}

static void write_partition(struct json_writer *writer, struct lake *lake, const char *entity,
                            const struct model_partition *partition)
{
    struct lf_error ignored;
    CLEANUP(buf_done) struct buf location = {0};
    bool known = lake->ops->url(lake, partition->path, &location, &ignored);
    json_begin_object(writer);
    write_text(writer, "entity", entity);
    write_text(writer, "name", partition->name);
    write_text(writer, "path", partition->path);
    write_text(writer, "location", known ? buf_text(&location) : NULL);
    write_number(writer, "rows", partition->rows);
    write_number(writer, "bytes", partition->bytes);
    write_text(writer, "sha256", partition->sha256);
    write_number(writer, "since", partition->since);
    json_end_object(writer);
}

static int artifacts_json(const struct cli *cli, struct lake *lake, const struct model *model)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ true);
    json_begin_array(writer);
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        for (size_t j = 0; is_meant(cli, entity->name) && j < entity->npartitions; j++) {
            write_partition(writer, lake, entity->name, &entity->partitions[j]);
        }
    }
    json_end_array(writer);
    return print_json(&text, writer);
}

static int artifacts_table(const struct cli *cli, const struct model *model)
{
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        for (size_t j = 0; is_meant(cli, entity->name) && j < entity->npartitions; j++) {
            const struct model_partition *partition = &entity->partitions[j];
            (void)printf("%s  %" PRIu64 " rows  %" PRIu64 " bytes  since commit %" PRIu64 "\n", partition->path,
                         partition->rows, partition->bytes, partition->since);
        }
    }
    return APP_DONE;
}

static bool check_words(const struct cli *cli, const struct model *model, struct lf_error *err)
{
    for (size_t i = 0; i < cli->nwords; i++) {
        if (model_find(model, cli->words[i]) == NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "the lake has no entity %s", cli->words[i]);
        }
    }
    return true;
}

int cli_artifacts(struct cli *cli)
{
    CLEANUP(lake_close) struct lake *lake = NULL;
    CLEANUP(model_free) struct model *model = NULL;
    const struct config_link *link = NULL;
    struct lf_error err;
    int status = APP_FAILED;
    if (!open_model(cli, &lake, &model, &link, &status)) {
        return status;
    }
    if (!check_words(cli, model, &err)) {
        return cli_fail(&err);
    }
    return cli->json ? artifacts_json(cli, lake, model) : artifacts_table(cli, model);
}
