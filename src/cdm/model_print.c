/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/macros.h"
#include "cdm/check.h"
#include "cdm/field.h"
#include "cdm/model_text.h"
#include "cdm/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DRAIN_BYTES ((size_t)64 << 10)

struct printer {
    struct buf text;
    struct json_writer *writer;
    model_drain drain;
    void *context;
    uint64_t drained; /* bytes */
};

static void printer_done(struct printer *printer)
{
    json_writer_free(&printer->writer);
    buf_done(&printer->text);
}

/* Hands the text over once `least` bytes are there. */
static bool drain(struct printer *printer, size_t least, struct lf_error *err)
{
    TRY(buf_check(&printer->text, "model.json", err));
    if (printer->text.len < least) {
        return true;
    }
    printer->drained += printer->text.len;
    TRY(printer->drain(printer->context, &printer->text, err));
    buf_reset(&printer->text);
    return true;
}

static void print_previous(struct json_writer *writer, const struct model *model)
{
    if (model->previous_commit == 0) {
        return;
    }
    char text[128];
    (void)snprintf(text, sizeof text, "%" PRIu64 "-%s", model->previous_commit, model->previous_commit_id);
    write_annotation(writer, model_notes[MODEL_NOTE_PREVIOUS], text);
}

static void print_root_notes(struct json_writer *writer, const struct model *model)
{
    json_write_key(writer, "annotations");
    json_begin_array(writer);
    write_annotation_u64(writer, model_notes[MODEL_NOTE_FORMAT], (uint64_t)model->format);
    write_annotation_u64(writer, model_notes[MODEL_NOTE_COMMIT], model->commit);
    write_annotation(writer, model_notes[MODEL_NOTE_COMMIT_ID], model->commit_id);
    print_previous(writer, model);
    if (model->history_path != NULL) {
        write_annotation(writer, model_notes[MODEL_NOTE_HISTORY], model->history_path);
        write_annotation(writer, model_notes[MODEL_NOTE_HISTORY_SHA256], model->history_sha256);
    }
    write_annotation(writer, model_notes[MODEL_NOTE_WRITER], model->writer);
    write_annotation(writer, model_notes[MODEL_NOTE_LAKE_ID], model->lake_id);
    write_annotation_bytes(writer, model_notes[MODEL_NOTE_CURSOR], &model->cursor);
    write_annotation(writer, model_notes[MODEL_NOTE_CURSOR_TEXT], model->cursor_text);
    write_annotation(writer, model_notes[MODEL_NOTE_SOURCE], model->source);
    if (model->source_time_us != 0) {
        write_annotation_time_us(writer, model_notes[MODEL_NOTE_SOURCE_TIME], model->source_time_us);
    }
    write_annotation(writer, model_notes[MODEL_NOTE_VERSION], model->version);
    json_end_array(writer);
}

static uint64_t count_rows(const struct model_entity *entity)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < entity->npartitions; i++) {
        rows += entity->partitions[i].rows;
    }
    return rows;
}

static void print_sync_notes(struct json_writer *writer, const struct model_entity *entity)
{
    const bool completed = entity->completed_ms != 0;
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_GRANULARITY], MODEL_GRANULARITY);
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_SYNC_STATE],
                     completed ? MODEL_SYNC_DONE : MODEL_SYNC_RUNNING);
    if (completed) {
        char text[CLOCK_TEXT_SIZE];
        clock_format_us(entity->completed_ms, text);
        write_annotation(writer, model_entity_notes[ENTITY_NOTE_SYNC_TIME], text);
    }
}

static bool print_entity_notes(struct json_writer *writer, const struct model_entity *entity, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf key = {0};
    TRY(shape_print_key(&entity->shape, &key, err));
    json_write_key(writer, "annotations");
    json_begin_array(writer);
    print_sync_notes(writer, entity);
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_STATE], model_state_names[entity->state]);
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_REASON], entity->reason);
    if (entity->stands_at.len > 0) {
        write_annotation_bytes(writer, model_entity_notes[ENTITY_NOTE_STANDS_AT], &entity->stands_at);
    }
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_TABLE], entity->table);
    if (entity->table_id.len > 0) {
        write_annotation_bytes(writer, model_entity_notes[ENTITY_NOTE_TABLE_ID], &entity->table_id);
    }
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_LOAD_ID], entity->load_id);
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_KEY], buf_text(&key));
    write_annotation_u64(writer, model_entity_notes[ENTITY_NOTE_SCHEMA_VERSION], entity->shape.version);
    write_annotation(writer, model_entity_notes[ENTITY_NOTE_MODE], MODEL_MODE);
    write_annotation_u64(writer, model_entity_notes[ENTITY_NOTE_ROWS], count_rows(entity));
    write_annotation_u64(writer, model_entity_notes[ENTITY_NOTE_NEXT_PARTITION], entity->next_partition);
    if (entity->load_path != NULL) {
        write_annotation(writer, model_entity_notes[ENTITY_NOTE_LOADING], entity->load_path);
        write_annotation(writer, model_entity_notes[ENTITY_NOTE_LOADING_SHA256], entity->load_sha256);
    }
    if (entity->quarantine_path != NULL) {
        write_annotation(writer, model_entity_notes[ENTITY_NOTE_QUARANTINE], entity->quarantine_path);
        write_annotation(writer, model_entity_notes[ENTITY_NOTE_QUARANTINE_SHA256], entity->quarantine_sha256);
        write_annotation_u64(writer, model_entity_notes[ENTITY_NOTE_QUARANTINE_ROWS], entity->quarantine_rows);
    }
    json_end_array(writer);
    return true;
}

static void print_file_format(struct json_writer *writer)
{
    json_write_key(writer, "fileFormatSettings");
    json_begin_object(writer);
    write_text(writer, "$type", "CsvFormatSettings");
    json_write_key(writer, "columnHeaders");
    json_write_bool(writer, false);
    write_text(writer, "delimiter", ",");
    write_text(writer, "quoteStyle", "QuoteStyle.Csv");
    write_text(writer, "csvStyle", "CsvStyle.QuoteAlways");
    write_text(writer, "encoding", "UTF-8");
    json_end_object(writer);
}

static void print_partition(struct json_writer *writer, const struct model_partition *partition)
{
    json_begin_object(writer);
    write_text(writer, "name", partition->name);
    write_text(writer, "location", partition->location);
    write_time_ms(writer, "refreshTime", partition->refresh_time_ms);
    print_file_format(writer);
    json_write_key(writer, "annotations");
    json_begin_array(writer);
    write_annotation(writer, model_partition_notes[PARTITION_NOTE_PATH], partition->path);
    write_annotation_u64(writer, model_partition_notes[PARTITION_NOTE_ROWS], partition->rows);
    write_annotation_u64(writer, model_partition_notes[PARTITION_NOTE_BYTES], partition->bytes);
    write_annotation(writer, model_partition_notes[PARTITION_NOTE_SHA256], partition->sha256);
    write_annotation_bytes(writer, model_partition_notes[PARTITION_NOTE_FIRST_KEY], &partition->first_key);
    write_annotation_u64(writer, model_partition_notes[PARTITION_NOTE_SINCE], partition->since);
    json_end_array(writer);
    json_end_object(writer);
}

static bool print_partitions(struct printer *printer, const struct model_entity *entity, struct lf_error *err)
{
    json_write_key(printer->writer, "partitions");
    json_begin_array(printer->writer);
    for (size_t i = 0; i < entity->npartitions; i++) {
        const struct model_partition *partition = &entity->partitions[i];
        if (partition->location == NULL || partition->location[0] == '\0') {
            return lf_error_set(err, LF_INTERNAL, 0, "partition %s has no location", partition->name);
        }
        print_partition(printer->writer, partition);
        TRY(drain(printer, DRAIN_BYTES, err));
    }
    json_end_array(printer->writer);
    return true;
}

static bool print_entity(struct printer *printer, const struct model_entity *entity, struct lf_error *err)
{
    struct json_writer *writer = printer->writer;
    const uint64_t begin = printer->drained + printer->text.len;
    json_begin_object(writer);
    write_text(writer, "$type", "LocalEntity");
    write_text(writer, "name", entity->name);
    write_text(writer, "description", entity->name);
    TRY(print_entity_notes(writer, entity, err));
    json_write_key(writer, "attributes");
    json_begin_array(writer);
    for (size_t i = 0; i < entity->shape.nattributes; i++) {
        shape_print_attribute(writer, &entity->shape.attributes[i]);
        TRY(drain(printer, DRAIN_BYTES, err));
    }
    json_end_array(writer);
    TRY(print_partitions(printer, entity, err));
    json_end_object(writer);
    if (printer->drained + printer->text.len - begin > MODEL_ENTITY_PRINT_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "its part of model.json is over %zu MiB: raise partition_bytes",
                            MODEL_ENTITY_PRINT_MAX >> 20);
    }
    return drain(printer, DRAIN_BYTES, err);
}

bool model_print(const struct model *model, model_drain drain_text, void *context, struct lf_error *err)
{
    TRY(check_model(model, LF_INTERNAL, err));
    CLEANUP(printer_done) struct printer printer = {.drain = drain_text, .context = context};
    struct json_writer *writer = json_writer_new(&printer.text, false);
    printer.writer = writer;
    json_begin_object(writer);
    write_text(writer, "name", model->name);
    write_text(writer, "description", model->name);
    write_text(writer, "version", MODEL_VERSION);
    write_time_ms(writer, "modifiedTime", model->modified_ms);
    print_root_notes(writer, model);
    json_write_key(writer, "entities");
    json_begin_array(writer);
    for (size_t i = 0; i < model->nentities; i++) {
        if (!print_entity(&printer, &model->entities[i], err)) {
            return lf_error_wrap(err, "entity %s", model->entities[i].name);
        }
    }
    json_end_array(writer);
    json_end_object(writer);
    TRY(json_writer_finish(writer, err));
    return drain(&printer, 1, err);
}
