/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "cdm/check.h"
#include "cdm/field.h"
#include "cdm/model_text.h"
#include "cdm/shape.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct model *model;
    size_t entities_cap;
    bool ours;       /* the annotation lakefeed:format was found */
    bool misplaced;  /* an entity came before the annotations */
    bool unexpected; /* a member of the root that we never write */
    char unknown[64];
    char *version;
    char *modified;
};

static void parser_done(struct parser *parser)
{
    model_free(&parser->model);
    text_free(&parser->version);
    text_free(&parser->modified);
}

static bool not_ours(struct lf_error *err)
{
    return lf_error_set(err, LF_CONFIG, 0,
                        "not written by lakefeed (there is no annotation lakefeed:format), so it is never overwritten; "
                        "choose another folder or prefix for the lake");
}

static bool expect(const char *text, const char *expected, const char *what, struct lf_error *err)
{
    return (text != NULL && strcmp(text, expected) == 0) ||
           lf_error_set(err, LF_DATA, 0, "%s is \"%.80s\" instead of \"%s\"", what, text != NULL ? text : "", expected);
}

/* --- root --- */

/* Before anything else, so that a newer format is named as such whatever it has changed. */
static bool find_format(const struct json *list, const char **ret_format)
{
    for (const struct json *note = json_first(list); note != NULL; note = json_next(note)) {
        const char *name = json_text(json_member(note, "name"));
        if (name != NULL && strcmp(name, model_notes[MODEL_NOTE_FORMAT]) == 0) {
            *ret_format = json_text(json_member(note, "value"));
            return *ret_format != NULL;
        }
    }
    return false;
}

static bool check_format(const struct json *list, struct lf_error *err)
{
    const char *text;
    uint64_t format;
    if (!find_format(list, &text)) {
        return not_ours(err);
    }
    TRY(field_u64(text, model_notes[MODEL_NOTE_FORMAT], &format, err));
    if (format > MODEL_FORMAT) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "the format is %llu, this lakefeed reads up to %d: install a newer one",
                            (unsigned long long)format, MODEL_FORMAT);
    }
    return true;
}

/* "N-id" */
static bool parse_previous(const char *text, struct model *model, struct lf_error *err)
{
    if (text == NULL) {
        return true;
    }
    const size_t digits = strcspn(text, "-");
    CLEANUP(text_free) char *number = text_copy_len(text, digits);
    TRY(field_u64(number, model_notes[MODEL_NOTE_PREVIOUS], &model->previous_commit, err));
    if (text[digits] == '\0') {
        return lf_error_set(err, LF_DATA, 0, "lakefeed:previousCommit has no id");
    }
    model->previous_commit_id = text_copy(text + digits + 1);
    return true;
}

static bool parse_history(const char *const *notes, struct model *model, struct lf_error *err)
{
    const char *path = notes[MODEL_NOTE_HISTORY];
    const char *sha256 = notes[MODEL_NOTE_HISTORY_SHA256];
    model->history_path = text_copy(path);
    return (path == NULL && sha256 == NULL) ||
           field_sha256(sha256, model_notes[MODEL_NOTE_HISTORY_SHA256], model->history_sha256, err);
}

static bool parse_root_notes(const struct json *list, struct model *model, struct lf_error *err)
{
    const char *notes[MODEL_NOTES];
    uint32_t format;
    TRY(field_annotations(list, model_notes, MODEL_NOTES, notes, err));
    TRY(field_u32(notes[MODEL_NOTE_FORMAT], model_notes[MODEL_NOTE_FORMAT], &format, err));
    model->format = (int)format;
    TRY(field_u64(notes[MODEL_NOTE_COMMIT], model_notes[MODEL_NOTE_COMMIT], &model->commit, err));
    model->commit_id = text_copy(notes[MODEL_NOTE_COMMIT_ID]);
    TRY(parse_previous(notes[MODEL_NOTE_PREVIOUS], model, err));
    TRY(parse_history(notes, model, err));
    model->writer = text_copy(notes[MODEL_NOTE_WRITER]);
    model->lake_id = text_copy(notes[MODEL_NOTE_LAKE_ID]);
    TRY(field_bytes(notes[MODEL_NOTE_CURSOR], model_notes[MODEL_NOTE_CURSOR], &model->cursor, err));
    model->cursor_text = text_copy(notes[MODEL_NOTE_CURSOR_TEXT]);
    model->source = text_copy(notes[MODEL_NOTE_SOURCE]);
    model->version = text_copy(notes[MODEL_NOTE_VERSION]);
    const char *source_time = notes[MODEL_NOTE_SOURCE_TIME];
    return source_time == NULL ||
           field_time_us(source_time, model_notes[MODEL_NOTE_SOURCE_TIME], &model->source_time_us, err);
}

/* --- partitions --- */

static bool parse_file_format(const struct json *value, struct lf_error *err)
{
    static const char *const names[] = {"$type", "columnHeaders", "delimiter", "quoteStyle", "csvStyle", "encoding"};
    static const char *const texts[] = {"CsvFormatSettings",    NULL,   ",", "QuoteStyle.Csv",
                                        "CsvStyle.QuoteAlways", "UTF-8"};
    const struct json *members[ARRAY_LEN(names)];
    bool headers = true;
    TRY(field_members(value, names, ARRAY_LEN(names), members, err));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (texts[i] != NULL) {
            TRY(expect(json_text(members[i]), texts[i], names[i], err));
        }
    }
    return (json_bool(members[1], &headers) && !headers) || lf_error_set(err, LF_DATA, 0, "columnHeaders is not false");
}

static bool parse_partition(const struct json *object, struct model_partition *partition, struct lf_error *err)
{
    static const char *const names[] = {"name", "location", "refreshTime", "fileFormatSettings", "annotations"};
    const struct json *members[ARRAY_LEN(names)];
    const char *notes[PARTITION_NOTES];
    const char *const *note_names = model_partition_notes;
    TRY(field_members(object, names, ARRAY_LEN(names), members, err));
    TRY(field_text(json_text(members[0]), names[0], &partition->name, err));
    TRY(field_time_ms(json_text(members[2]), names[2], &partition->refresh_time_ms, err));
    TRY(parse_file_format(members[3], err));
    TRY(field_annotations(members[4], note_names, PARTITION_NOTES, notes, err));
    TRY(field_text(notes[PARTITION_NOTE_PATH], note_names[PARTITION_NOTE_PATH], &partition->path, err));
    TRY(field_u64(notes[PARTITION_NOTE_ROWS], note_names[PARTITION_NOTE_ROWS], &partition->rows, err));
    TRY(field_u64(notes[PARTITION_NOTE_BYTES], note_names[PARTITION_NOTE_BYTES], &partition->bytes, err));
    TRY(field_sha256(notes[PARTITION_NOTE_SHA256], note_names[PARTITION_NOTE_SHA256], partition->sha256, err));
    TRY(field_bytes(notes[PARTITION_NOTE_FIRST_KEY], note_names[PARTITION_NOTE_FIRST_KEY], &partition->first_key, err));
    return field_u64(notes[PARTITION_NOTE_SINCE], note_names[PARTITION_NOTE_SINCE], &partition->since, err);
}

static bool parse_partitions(const struct json *list, struct model_entity *entity, struct lf_error *err)
{
    TRY(field_is_list(list, "partitions", err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    entity->partitions = mem_new(count, sizeof *entity->partitions);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        struct model_partition *partition = &entity->partitions[entity->npartitions++];
        if (!parse_partition(object, partition, err)) {
            return lf_error_wrap(err, "partition %zu \"%.20s\"", entity->npartitions,
                                 partition->name != NULL ? partition->name : "");
        }
    }
    return true;
}

/* --- entities --- */

static bool parse_sync_notes(const char *const *notes, struct model_entity *entity, struct lf_error *err)
{
    const char *time = notes[ENTITY_NOTE_SYNC_TIME];
    const char *state = time != NULL ? MODEL_SYNC_DONE : MODEL_SYNC_RUNNING;
    TRY(expect(notes[ENTITY_NOTE_GRANULARITY], MODEL_GRANULARITY, model_entity_notes[ENTITY_NOTE_GRANULARITY], err));
    TRY(expect(notes[ENTITY_NOTE_SYNC_STATE], state, model_entity_notes[ENTITY_NOTE_SYNC_STATE], err));
    return time == NULL ||
           field_time_american(time, model_entity_notes[ENTITY_NOTE_SYNC_TIME], &entity->completed_ms, err);
}

static bool parse_state(const char *text, enum model_state *ret_state, struct lf_error *err)
{
    for (size_t i = 0; text != NULL && i < MODEL_STATES; i++) {
        if (strcmp(model_state_names[i], text) == 0) {
            *ret_state = (enum model_state)i;
            return true;
        }
    }
    return lf_error_set(err, LF_DATA, 0, "unknown lakefeed:state \"%.40s\"", text != NULL ? text : "");
}

static bool parse_optional_bytes(const char *text, const char *what, struct model_bytes *ret_bytes,
                                 struct lf_error *err)
{
    return text == NULL || field_bytes(text, what, ret_bytes, err);
}

static bool parse_loading(const char *const *notes, struct model_entity *entity, struct lf_error *err)
{
    const char *path = notes[ENTITY_NOTE_LOADING];
    const char *sha256 = notes[ENTITY_NOTE_LOADING_SHA256];
    entity->load_path = text_copy(path);
    return (path == NULL && sha256 == NULL) ||
           field_sha256(sha256, model_entity_notes[ENTITY_NOTE_LOADING_SHA256], entity->load_sha256, err);
}

static bool parse_quarantine(const char *const *notes, struct model_entity *entity, struct lf_error *err)
{
    const char *path = notes[ENTITY_NOTE_QUARANTINE];
    const char *sha256 = notes[ENTITY_NOTE_QUARANTINE_SHA256];
    const char *rows = notes[ENTITY_NOTE_QUARANTINE_ROWS];
    entity->quarantine_path = text_copy(path);
    if (path == NULL && sha256 == NULL && rows == NULL) {
        return true;
    }
    TRY(field_sha256(sha256, model_entity_notes[ENTITY_NOTE_QUARANTINE_SHA256], entity->quarantine_sha256, err));
    return field_u64(rows, model_entity_notes[ENTITY_NOTE_QUARANTINE_ROWS], &entity->quarantine_rows, err);
}

static bool parse_entity_notes(const char *const *notes, struct model_entity *entity, struct lf_error *err)
{
    const char *const *names = model_entity_notes;
    TRY(parse_sync_notes(notes, entity, err));
    TRY(parse_state(notes[ENTITY_NOTE_STATE], &entity->state, err));
    TRY(expect(notes[ENTITY_NOTE_MODE], MODEL_MODE, names[ENTITY_NOTE_MODE], err));
    entity->reason = text_copy(notes[ENTITY_NOTE_REASON]);
    entity->table = text_copy(notes[ENTITY_NOTE_TABLE]);
    entity->load_id = text_copy(notes[ENTITY_NOTE_LOAD_ID]);
    TRY(parse_optional_bytes(notes[ENTITY_NOTE_STANDS_AT], names[ENTITY_NOTE_STANDS_AT], &entity->stands_at, err));
    TRY(parse_optional_bytes(notes[ENTITY_NOTE_TABLE_ID], names[ENTITY_NOTE_TABLE_ID], &entity->table_id, err));
    TRY(shape_parse_key(notes[ENTITY_NOTE_KEY], &entity->shape, err));
    TRY(field_u32(notes[ENTITY_NOTE_SCHEMA_VERSION], names[ENTITY_NOTE_SCHEMA_VERSION], &entity->shape.version, err));
    TRY(field_u32(notes[ENTITY_NOTE_NEXT_PARTITION], names[ENTITY_NOTE_NEXT_PARTITION], &entity->next_partition, err));
    TRY(parse_quarantine(notes, entity, err));
    return parse_loading(notes, entity, err);
}

static bool check_rows(const char *text, const struct model_entity *entity, struct lf_error *err)
{
    uint64_t rows;
    uint64_t sum = 0;
    TRY(field_u64(text, model_entity_notes[ENTITY_NOTE_ROWS], &rows, err));
    for (size_t i = 0; i < entity->npartitions; i++) {
        sum += entity->partitions[i].rows;
    }
    return rows == sum || lf_error_set(err, LF_DATA, 0, "lakefeed:rows is not the sum over the partitions");
}

static bool parse_entity_members(const struct json *const *members, struct model_entity *entity, struct lf_error *err)
{
    const char *notes[ENTITY_NOTES];
    TRY(expect(json_text(members[0]), "LocalEntity", "$type", err));
    TRY(expect(json_text(members[2]), entity->name, "description", err));
    TRY(field_annotations(members[3], model_entity_notes, ENTITY_NOTES, notes, err));
    TRY(shape_parse_attributes(members[4], &entity->shape, err));
    TRY(parse_partitions(members[5], entity, err));
    TRY(parse_entity_notes(notes, entity, err));
    return check_rows(notes[ENTITY_NOTE_ROWS], entity, err);
}

static bool parse_entity(const struct json *object, struct parser *parser, struct lf_error *err)
{
    static const char *const names[] = {"$type", "name", "description", "annotations", "attributes", "partitions"};
    const struct json *members[ARRAY_LEN(names)];
    struct model *model = parser->model;
    mem_grow(&model->entities, &parser->entities_cap, model->nentities + 1, sizeof *model->entities);
    struct model_entity *entity = &model->entities[model->nentities++];
    *entity = (struct model_entity){0};
    if (!field_members(object, names, ARRAY_LEN(names), members, err) ||
        !field_text(json_text(members[1]), "name", &entity->name, err)) {
        return lf_error_wrap(err, "entity %zu", model->nentities);
    }
    return parse_entity_members(members, entity, err) || lf_error_wrap(err, "entity %.200s", entity->name);
}

/* --- the document --- */

static bool visit(void *context, const char *member, const struct json *piece, struct lf_error *err)
{
    struct parser *parser = context;
    if (strcmp(member, "annotations") == 0) {
        TRY(check_format(piece, err));
        parser->ours = true;
        return parse_root_notes(piece, parser->model, err);
    }
    if (strcmp(member, "entities") == 0) {
        parser->misplaced = parser->misplaced || !parser->ours;
        return !parser->ours || parse_entity(piece, parser, err);
    }
    char **const texts[] = {&parser->model->name, &parser->version, &parser->modified};
    static const char *const names[] = {"name", "version", "modifiedTime"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(member, names[i]) == 0) {
            text_free(texts[i]);
            *texts[i] = text_copy(json_text(piece));
            return true;
        }
    }
    if (strcmp(member, "description") != 0) {
        parser->unexpected = true;
        (void)snprintf(parser->unknown, sizeof parser->unknown, "%s", member);
    }
    return true;
}

static bool finish(struct parser *parser, struct lf_error *err)
{
    if (!parser->ours) {
        return not_ours(err);
    }
    if (parser->unexpected || parser->misplaced) {
        return lf_error_set(err, LF_DATA, 0, "unknown or misplaced member \"%s\"",
                            parser->unexpected ? parser->unknown : "entities");
    }
    TRY(expect(parser->version, MODEL_VERSION, "version", err));
    TRY(field_time_ms(parser->modified, "modifiedTime", &parser->model->modified_ms, err));
    return check_model(parser->model, LF_DATA, err);
}

bool model_parse(json_input next, void *input_context, struct model **ret_model, struct lf_error *err)
{
    static const char *const split[] = {"entities", NULL};
    CLEANUP(parser_done) struct parser parser = {.model = mem_new(1, sizeof *parser.model)};
    TRY(json_read_pieces("model.json", next, input_context, split, MODEL_PIECE_MAX, visit, &parser, err));
    if (!finish(&parser, err)) {
        return lf_error_wrap(err, "model.json");
    }
    *ret_model = parser.model;
    parser.model = NULL;
    return true;
}
