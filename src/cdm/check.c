/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/check.h"

#include "base/macros.h"
#include "cdm/field.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENTITY_NAME_MAX 200
#define ATTRIBUTE_NAME_MAX 256 /* characters */
#define MODEL_NAME_MAX 256
#define ID_MAX 64
#define ID_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define PARTITION_NAME_SIZE 12

static bool LF_PRINTF(3, 4) fail(enum lf_error_kind kind, struct lf_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)lf_error_set(err, kind, 0, "%s", "");
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    return false;
}

bool check_id(const char *id)
{
    return id != NULL && id[0] != '\0' && strlen(id) <= ID_MAX && strspn(id, ID_ALPHABET) == strlen(id);
}

bool check_path(const char *path)
{
    if (path == NULL || strlen(path) > FIELD_PATH_MAX) {
        return false;
    }
    for (const char *at = path;; at++) {
        const size_t len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
        at += len;
        if (*at == '\0') {
            return true;
        }
    }
}

static bool is_sha256(const char hex[65])
{
    return memchr(hex, '\0', 65) == hex + 64 && strspn(hex, "0123456789abcdef") == 64;
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

static void free_memory(void *ptr_to_array)
{
    void *ptr;
    memcpy(&ptr, ptr_to_array, sizeof ptr);
    free(ptr);
}

static bool has_duplicate_u32(uint32_t *values, size_t count, uint32_t *ret_value)
{
    qsort(values, count, sizeof *values, compare_u32);
    for (size_t i = 1; i < count; i++) {
        if (values[i - 1] == values[i]) {
            *ret_value = values[i];
            return true;
        }
    }
    return false;
}

/* --- shapes --- */

static bool numbers_fit(const struct model_attribute *attribute)
{
    switch (attribute->type) {
    case LF_TYPE_STRING:
        return attribute->max_length >= -1 && attribute->precision == 0 && attribute->scale == 0;
    case LF_TYPE_DECIMAL:
        return attribute->max_length == -1 && attribute->precision >= 1 && attribute->precision <= 38 &&
               attribute->scale <= 38;
    case LF_TYPE_TIME:
    case LF_TYPE_DATETIME:
    case LF_TYPE_DATETIMEOFFSET:
        return attribute->max_length == -1 && attribute->precision == 0 && attribute->scale <= 7;
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
    case LF_TYPE_DOUBLE:
    case LF_TYPE_BINARY:
    case LF_TYPE_GUID:
    case LF_TYPE_DATE:
    case LF_TYPE_JSON:
        return attribute->max_length == -1 && attribute->precision == 0 && attribute->scale == 0;
    }
    return false;
}

static bool check_attribute(const struct model_attribute *attribute, enum lf_error_kind kind, struct lf_error *err)
{
    if (attribute->name == NULL || attribute->name[0] == '\0' ||
        count_characters(attribute->name) > ATTRIBUTE_NAME_MAX) {
        return fail(kind, err, "the name of an attribute is empty or has more than %d characters", ATTRIBUTE_NAME_MAX);
    }
    if (attribute->id == 0) {
        return fail(kind, err, "attribute \"%.100s\": the id is 0", attribute->name);
    }
    return numbers_fit(attribute) ||
           fail(kind, err, "attribute \"%.100s\": length, precision or scale do not fit its type", attribute->name);
}

static bool check_unique_attributes(const struct model_shape *shape, enum lf_error_kind kind, struct lf_error *err)
{
    CLEANUP(free_memory) uint32_t *ids = mem_new(shape->nattributes, sizeof *ids);
    CLEANUP(free_memory) const char **names = mem_new(shape->nattributes, sizeof *names);
    uint32_t id;
    for (size_t i = 0; i < shape->nattributes; i++) {
        ids[i] = shape->attributes[i].id;
        names[i] = shape->attributes[i].name;
    }
    if (has_duplicate_u32(ids, shape->nattributes, &id)) {
        return fail(kind, err, "two attributes have the id %" PRIu32, id);
    }
    qsort(names, shape->nattributes, sizeof *names, compare_text);
    for (size_t i = 1; i < shape->nattributes; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return fail(kind, err, "two attributes have the name \"%.100s\"", names[i]);
        }
    }
    return true;
}

static bool check_key(const struct model_shape *shape, enum lf_error_kind kind, struct lf_error *err)
{
    for (size_t i = 0; i < shape->nkey; i++) {
        if (shape->key[i] >= shape->nattributes) {
            return fail(kind, err, "the key names attribute %" PRIu32 " of %zu", shape->key[i], shape->nattributes);
        }
        for (size_t j = 0; j < i; j++) {
            if (shape->key[j] == shape->key[i]) {
                return fail(kind, err, "attribute \"%.100s\" stands twice in the key",
                            shape->attributes[shape->key[i]].name);
            }
        }
    }
    return true;
}

static bool check_shape(const struct model_shape *shape, enum lf_error_kind kind, struct lf_error *err)
{
    for (size_t i = 0; i < shape->nattributes; i++) {
        TRY(check_attribute(&shape->attributes[i], kind, err));
    }
    if (shape->nattributes > 0) {
        TRY(check_unique_attributes(shape, kind, err));
    }
    return check_key(shape, kind, err);
}

/* --- partitions --- */

static bool partition_number(const char *name, uint32_t *ret_number)
{
    char again[PARTITION_NAME_SIZE];
    if (name == NULL || name[0] != 'p' || strlen(name) >= sizeof again) {
        return false;
    }
    const unsigned long long number = strtoull(name + 1, NULL, 10);
    (void)snprintf(again, sizeof again, "p%08" PRIu32, (uint32_t)number);
    *ret_number = (uint32_t)number;
    return number <= UINT32_MAX && strcmp(again, name) == 0;
}

static bool check_partition(const struct model_partition *partition, uint32_t next, uint32_t *ret_number,
                            enum lf_error_kind kind, struct lf_error *err)
{
    if (!partition_number(partition->name, ret_number)) {
        return fail(kind, err, "the name is not \"p\" and eight digits");
    }
    if (*ret_number >= next) {
        return fail(kind, err, "its number is not below the next one, %" PRIu32, next);
    }
    if (!check_path(partition->path)) {
        return fail(kind, err, "the path \"%.100s\" is not a relative one without \"..\"",
                    partition->path != NULL ? partition->path : "");
    }
    if (!is_sha256(partition->sha256)) {
        return fail(kind, err, "the sha256 is not 64 hex digits");
    }
    if (partition->since == 0 || partition->bytes < partition->rows || partition->first_key.len > FIELD_BYTES_MAX) {
        return fail(kind, err, "since is 0, or there are fewer bytes than rows, or the first key is over %u bytes",
                    FIELD_BYTES_MAX);
    }
    return true;
}

/* `numbers` has room for `count` and is filled. */
static bool check_partitions(const struct model_partition *partitions, size_t count, uint32_t next, uint32_t *numbers,
                             enum lf_error_kind kind, struct lf_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_partition *partition = &partitions[i];
        const char *name = partition->name != NULL ? partition->name : "?";
        if (!check_partition(partition, next, &numbers[i], kind, err)) {
            return lf_error_wrap(err, "partition %.20s", name);
        }
        if (i > 0 && slice_compare(model_bytes_slice(&partitions[i - 1].first_key),
                                   model_bytes_slice(&partition->first_key)) >= 0) {
            return fail(kind, err, "partition %.20s: its first key is not above that of the one before", name);
        }
    }
    return true;
}

static bool check_unique_numbers(uint32_t *numbers, size_t count, enum lf_error_kind kind, struct lf_error *err)
{
    uint32_t number;
    return !has_duplicate_u32(numbers, count, &number) ||
           fail(kind, err, "two partitions have the name p%08" PRIu32, number);
}

/* --- entities --- */

static bool entity_name_fits(const char *name)
{
    return name != NULL && name[0] != '\0' && name[0] != '_' && strlen(name) <= ENTITY_NAME_MAX &&
           strspn(name, ID_ALPHABET) == strlen(name);
}

static bool check_state(const struct model_entity *entity, enum lf_error_kind kind, struct lf_error *err)
{
    const bool completed = entity->completed_ms != 0;
    const bool frozen = entity->state == MODEL_ERROR || entity->state == MODEL_RELOADING;
    if (entity->state != MODEL_ERROR && completed != (entity->state != MODEL_LOADING)) {
        return fail(kind, err, "the state does not go with the completed time");
    }
    if (!completed && entity->npartitions > 0) {
        return fail(kind, err, "there are partitions before the first load has finished");
    }
    const bool stands = entity->stands_at.len > 0;
    if (frozen ? completed && !stands : stands) {
        return fail(kind, err, "standsAt belongs to a reloading or failed entity that has once been completed");
    }
    return entity->stands_at.len <= FIELD_BYTES_MAX || fail(kind, err, "standsAt is over %u bytes", FIELD_BYTES_MAX);
}

static bool check_quarantine(const struct model_entity *entity, enum lf_error_kind kind, struct lf_error *err)
{
    const bool named = entity->quarantine_path != NULL;
    const bool whole = named && check_path(entity->quarantine_path) && is_sha256(entity->quarantine_sha256) &&
                       entity->quarantine_rows > 0;
    const bool none = !named && entity->quarantine_sha256[0] == '\0' && entity->quarantine_rows == 0;
    return whole || none || fail(kind, err, "path, sha256 or rows of the quarantine are not valid");
}

static bool check_entity_fields(const struct model_entity *entity, enum lf_error_kind kind, struct lf_error *err)
{
    if (entity->table == NULL || entity->table[0] == '\0') {
        return fail(kind, err, "the table has no name");
    }
    if (entity->load_id != NULL ? !check_id(entity->load_id) : entity->completed_ms != 0) {
        return fail(kind, err, "the load id is missing or not of [A-Za-z0-9_-]");
    }
    if (entity->load_path != NULL && !(check_path(entity->load_path) && is_sha256(entity->load_sha256))) {
        return fail(kind, err, "path or sha256 of the load list are not valid");
    }
    if (entity->load_path == NULL && entity->load_sha256[0] != '\0') {
        return fail(kind, err, "a sha256 without a load list");
    }
    if (entity->npartitions > 0 && (entity->shape.nkey == 0 || entity->partitions[0].first_key.len > 0)) {
        return fail(kind, err, "no key, or the first partition's first key is not empty");
    }
    return check_quarantine(entity, kind, err) && check_state(entity, kind, err);
}

static bool check_entity(const struct model_entity *entity, uint64_t commit, enum lf_error_kind kind,
                         struct lf_error *err)
{
    CLEANUP(free_memory) uint32_t *numbers = mem_new(entity->npartitions + 1, sizeof *numbers);
    TRY(check_shape(&entity->shape, kind, err));
    TRY(check_partitions(entity->partitions, entity->npartitions, entity->next_partition, numbers, kind, err));
    TRY(check_unique_numbers(numbers, entity->npartitions, kind, err));
    for (size_t i = 0; i < entity->npartitions; i++) {
        if (entity->partitions[i].since > commit) {
            return fail(kind, err, "partition %s: it is named since a later commit", entity->partitions[i].name);
        }
    }
    return check_entity_fields(entity, kind, err);
}

/* --- documents --- */

static bool check_root(const struct model *model, enum lf_error_kind kind, struct lf_error *err)
{
    const size_t name_len = model->name != NULL ? strlen(model->name) : 0;
    const bool has_previous = model->previous_commit != 0;
    if (model->format < 1 || model->format > MODEL_FORMAT || name_len == 0 || name_len > MODEL_NAME_MAX) {
        return fail(kind, err, "format or name is not valid");
    }
    if (!check_id(model->commit_id) || !check_id(model->writer) || !check_id(model->lake_id)) {
        return fail(kind, err, "commitId, writer or lakeId is missing or not of [A-Za-z0-9_-]");
    }
    if (has_previous != (model->previous_commit_id != NULL) || model->previous_commit >= model->commit ||
        (has_previous && !check_id(model->previous_commit_id))) {
        return fail(kind, err, "commit is 0, or previousCommit is not one before it");
    }
    if (model->history_path != NULL ? !(check_path(model->history_path) && is_sha256(model->history_sha256))
                                    : model->history_sha256[0] != '\0') {
        return fail(kind, err, "path or sha256 of the history are not valid");
    }
    if (model->source == NULL || model->version == NULL || model->cursor.len > FIELD_BYTES_MAX) {
        return fail(kind, err, "source or version is missing, or the cursor is over %u bytes", FIELD_BYTES_MAX);
    }
    return true;
}

bool check_model(const struct model *model, enum lf_error_kind kind, struct lf_error *err)
{
    TRY(check_root(model, kind, err));
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        if (!entity_name_fits(entity->name)) {
            return fail(kind, err, "entity %zu: the name \"%.100s\" is not of [A-Za-z0-9_-], or too long", i + 1,
                        entity->name != NULL ? entity->name : "");
        }
        if (i > 0 && strcmp(model->entities[i - 1].name, entity->name) >= 0) {
            return fail(kind, err, "entity %s: entities are not sorted by name, or it stands twice", entity->name);
        }
        if (!check_entity(entity, model->commit, kind, err)) {
            return lf_error_wrap(err, "entity %s", entity->name);
        }
    }
    return true;
}

/* Ranges ascend without a gap below. */
static bool check_ranges(const struct model_load *load, enum lf_error_kind kind, struct lf_error *err)
{
    for (size_t i = 0; i < load->nchunks; i++) {
        const struct model_chunk *chunk = &load->chunks[i];
        const struct lf_slice low = model_bytes_slice(&chunk->first_key);
        if (i == 0 ? low.len != 0 : slice_compare(model_bytes_slice(&chunk[-1].first_key), low) >= 0) {
            return fail(kind, err,
                        "chunk %zu: its first key is not above that of the one before, or not empty in chunk 0", i);
        }
        if (low.len > FIELD_BYTES_MAX || chunk->asof.len > FIELD_BYTES_MAX) {
            return fail(kind, err, "chunk %zu: first key or asof is over %u bytes", i, FIELD_BYTES_MAX);
        }
    }
    return true;
}

static bool check_chunk(const struct model_load *load, size_t index, uint32_t *numbers, enum lf_error_kind kind,
                        struct lf_error *err)
{
    const struct model_chunk *chunk = &load->chunks[index];
    if (!chunk->read && (chunk->passed || chunk->asof.len > 0 || chunk->npartitions > 0)) {
        return fail(kind, err, "it has not been read, but has partitions, an asof or was passed");
    }
    TRY(check_partitions(chunk->partitions, chunk->npartitions, load->next_partition, numbers, kind, err));
    if (chunk->npartitions == 0) {
        return true;
    }
    const struct lf_slice first = model_bytes_slice(&chunk->partitions[0].first_key);
    const struct lf_slice last = model_bytes_slice(&chunk->partitions[chunk->npartitions - 1].first_key);
    const bool below = slice_compare(first, model_bytes_slice(&chunk->first_key)) < 0;
    const bool above = index + 1 < load->nchunks && slice_compare(last, model_bytes_slice(&chunk[1].first_key)) >= 0;
    return !(below || above) || fail(kind, err, "a partition begins outside of its range");
}

bool check_load(const struct model_load *load, enum lf_error_kind kind, struct lf_error *err)
{
    if (!entity_name_fits(load->entity) || !check_id(load->load_id) || load->nchunks == 0 || load->shape.nkey == 0) {
        return fail(kind, err, "entity, load id, key or chunks are missing or not valid");
    }
    TRY(check_shape(&load->shape, kind, err));
    TRY(check_ranges(load, kind, err));
    size_t total = 0;
    for (size_t i = 0; i < load->nchunks; i++) {
        total += load->chunks[i].npartitions;
    }
    CLEANUP(free_memory) uint32_t *numbers = mem_new(total + 1, sizeof *numbers);
    uint32_t *at = numbers;
    for (size_t i = 0; i < load->nchunks; i++) {
        if (!check_chunk(load, i, at, kind, err)) {
            return lf_error_wrap(err, "chunk %zu", i);
        }
        at += load->chunks[i].npartitions;
    }
    return check_unique_numbers(numbers, total, kind, err);
}
