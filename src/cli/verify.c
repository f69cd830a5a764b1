/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify.h"

#include "base/file.h"
#include "base/json.h"
#include "base/macros.h"
#include "cli/cli.h"
#include "cli/terminal.h"

#include <inttypes.h>

#define LAKE_PATIENCE_MS 30000 /* with one call, in a comparison that may have run for hours */

static const char *const kinds[] = {
    [VERIFY_MISSING] = "missing", [VERIFY_EXTRA] = "extra", [VERIFY_DIFFERS] = "differs", [VERIFY_FILE] = "file"};

static void print_note(UNUSED void *context, const char *text)
{
    (void)fprintf(stderr, "lakefeed: %s\n", text);
}

/* ---- as text ---- */

static const char *cell_text(const char *cell)
{
    return cell[0] == '\0' ? "NULL" : cell;
}

static void print_difference(const char *entity, const struct verify_difference *difference)
{
    switch (difference->kind) {
    case VERIFY_MISSING:
        (void)printf("%s %s: not in the lake\n", entity, difference->key);
        break;
    case VERIFY_EXTRA:
        (void)printf("%s %s: not in the source\n", entity, difference->key);
        break;
    case VERIFY_DIFFERS:
        (void)printf("%s %s: column %s: lake %s, source %s\n", entity, difference->key, difference->column,
                     cell_text(difference->lake), cell_text(difference->source));
        break;
    case VERIFY_FILE:
        (void)printf("%s file %s: %s\n", entity, difference->key, difference->lake);
        break;
    }
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

static void print_entity(const struct verify_entity *entity)
{
    for (size_t i = 0; i < entity->ndifferences; i++) {
        print_difference(entity->name, &entity->differences[i]);
    }
    if (entity->difference_count > entity->ndifferences) {
        (void)printf("%s: %" PRIu64 " more differences are not listed\n", entity->name,
                     entity->difference_count - entity->ndifferences);
    }
    if (entity->skipped != NULL) {
        (void)printf("%s: not compared: %s\n", entity->name, entity->skipped);
        return;
    }
    (void)printf("%s: %" PRIu64 " %s compared, ", entity->name, entity->rows, plural(entity->rows, "row", "rows"));
    if (entity->difference_count == 0) {
        (void)printf("equal");
    } else {
        (void)printf("%" PRIu64 " %s", entity->difference_count,
                     plural(entity->difference_count, "difference", "differences"));
    }
    if (entity->moving > 0) {
        (void)printf("; %" PRIu64 " %s kept changing and %s not compared", entity->moving,
                     plural(entity->moving, "key", "keys"), plural(entity->moving, "was", "were"));
    }
    if (entity->quarantined > 0) {
        (void)printf("; %" PRIu64 " %s cannot be taken and %s listed", entity->quarantined,
                     plural(entity->quarantined, "row", "rows"), plural(entity->quarantined, "is", "are"));
    }
    (void)putchar('\n');
}

static void print_text(const struct verify_result *result)
{
    uint64_t rows = 0, differences = 0;
    size_t skipped = 0;
    for (size_t i = 0; i < result->nentities; i++) {
        print_entity(&result->entities[i]);
        rows += result->entities[i].rows;
        differences += result->entities[i].difference_count;
        skipped += result->entities[i].skipped != NULL;
    }
    size_t compared = result->nentities - skipped;
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "%s: %zu %s, %" PRIu64 " %s",
               result->equal ? "The lake equals the source" : "The lake differs from the source", compared,
               plural(compared, "entity", "entities"), rows, plural(rows, "row", "rows"));
    if (differences > 0) {
        buf_printf(&text, ", %" PRIu64 " %s", differences, plural(differences, "difference", "differences"));
    }
    if (skipped > 0) {
        buf_printf(&text, "; %zu %s not compared", skipped, plural(skipped, "entity was", "entities were"));
    }
    buf_append_char(&text, '.');
    text_print_wrapped(stdout, buf_text(&text), 0, 2, terminal_result_columns());
}

/* ---- as JSON ---- */

static void write_difference(struct json_writer *writer, const struct verify_difference *difference)
{
    bool cells = difference->kind == VERIFY_DIFFERS;
    json_begin_object(writer);
    json_put_text(writer, "key", difference->key);
    json_put_text(writer, "kind", kinds[difference->kind]);
    json_put_text(writer, "column", difference->column);
    json_put_text(writer, "lake", cells && difference->lake[0] == '\0' ? NULL : difference->lake);
    json_put_text(writer, "source", cells && difference->source[0] == '\0' ? NULL : difference->source);
    json_end_object(writer);
}

static void write_entity(struct json_writer *writer, const struct verify_entity *entity)
{
    json_begin_object(writer);
    json_put_text(writer, "name", entity->name);
    json_put_int(writer, "rows", (int64_t)entity->rows);
    json_write_key(writer, "differences");
    json_begin_array(writer);
    for (size_t i = 0; i < entity->ndifferences; i++) {
        write_difference(writer, &entity->differences[i]);
    }
    json_end_array(writer);
    json_put_int(writer, "differenceCount", (int64_t)entity->difference_count);
    json_put_int(writer, "moving", (int64_t)entity->moving);
    json_put_int(writer, "quarantined", (int64_t)entity->quarantined);
    json_put_text(writer, "skipped", entity->skipped);
    json_end_object(writer);
}

static bool print_json(const struct verify_result *result, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ true);
    json_begin_object(writer);
    json_write_key(writer, "equal");
    json_write_bool(writer, result->equal);
    json_write_key(writer, "entities");
    json_begin_array(writer);
    for (size_t i = 0; i < result->nentities; i++) {
        write_entity(writer, &result->entities[i]);
        (void)fwrite(buf_text(&text), 1, text.len, stdout);
        buf_reset(&text);
    }
    json_end_array(writer);
    json_end_object(writer);
    TRY(json_writer_finish(writer, err));
    TRY(buf_check(&text, "result", err));
    (void)fwrite(buf_text(&text), 1, text.len, stdout);
    (void)putchar('\n');
    return true;
}

/* ---- the verb ---- */

static bool compare(struct cli *cli, const struct config_link *link, struct verify_result *ret_result,
                    struct lf_error *err)
{
    CLEANUP(lake_opened_close) struct lake_opened opened = {0};
    CLEANUP(text_free) char *folder = text_printf("%s/%s", cli->state, link->name);
    const struct lf_connector *connector = app_find_connector(link, err);
    TRY(connector != NULL);
    const struct app_options shared = {
        .state_dir = cli->state, .client = cli->client, .log = cli->log, .patience_ms = LAKE_PATIENCE_MS};
    TRY(file_make_folders(folder, 0700, err));
    TRY(app_open_lake(link, &shared, folder, &opened, err));
    CLEANUP(masking_free) struct masking *masking = app_masking_new(link, connector);
    const struct verify_options options = {
        .ops = masking != NULL ? masking_connector(masking)->ops : connector->ops,
        .masking = masking,
        .url = link->source_url,
        .shown_url = link->source_shown,
        .connector_options = link->connector_options,
        .nconnector_options = link->nconnector_options,
        .lake = opened.lake,
        .entities = cli->words,
        .nentities = cli->nwords,
        .folder = folder,
        .memory_bytes = cli->config->memory_bytes,
        .clock = clock_system(),
        .random = random_system(),
        .note = print_note,
    };
    return verify_run(&options, ret_result, err);
}

int cli_verify(struct cli *cli)
{
    CLEANUP(verify_result_done) struct verify_result result = {0};
    const struct config_link *link = NULL;
    struct lf_error err;
    if (!cli_prepare(cli, /* once= */ false, &err) || !cli_choose_link(cli, &link, &err) ||
        !compare(cli, link, &result, &err)) {
        return cli_fail(&err);
    }
    if (!cli->json) {
        print_text(&result);
    } else if (!print_json(&result, &err)) {
        return cli_fail(&err);
    }
    return result.equal ? APP_DONE : APP_DIFFERENT;
}
