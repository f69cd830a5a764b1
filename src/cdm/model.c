/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/model.h"

#include "cdm/quarantine.h"

#include <stdlib.h>
#include <string.h>

struct model_bytes model_bytes_copy(const void *ptr, size_t len)
{
    struct model_bytes copy = {NULL, len};
    if (len > 0) {
        copy.ptr = mem_new(len, 1);
        memcpy(copy.ptr, ptr, len);
    }
    return copy;
}

void model_bytes_done(struct model_bytes *bytes)
{
    free(bytes->ptr);
    *bytes = (struct model_bytes){0};
}

struct lf_slice model_bytes_slice(const struct model_bytes *bytes)
{
    return (struct lf_slice){bytes->ptr, bytes->len};
}

void model_partition_done(struct model_partition *partition)
{
    text_free(&partition->name);
    text_free(&partition->path);
    text_free(&partition->location);
    model_bytes_done(&partition->first_key);
    *partition = (struct model_partition){0};
}

struct model_partition model_partition_copy(const struct model_partition *partition)
{
    struct model_partition copy = *partition;
    copy.name = text_copy(partition->name);
    copy.path = text_copy(partition->path);
    copy.location = text_copy(partition->location);
    copy.first_key = model_bytes_copy(partition->first_key.ptr, partition->first_key.len);
    return copy;
}

static void partitions_free(struct model_partition *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        model_partition_done(&partitions[i]);
    }
    free(partitions);
}

static struct model_partition *partitions_copy(const struct model_partition *partitions, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    struct model_partition *copy = mem_new(count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = model_partition_copy(&partitions[i]);
    }
    return copy;
}

void model_shape_done(struct model_shape *shape)
{
    for (size_t i = 0; i < shape->nattributes; i++) {
        text_free(&shape->attributes[i].name);
        text_free(&shape->attributes[i].column);
        text_free(&shape->attributes[i].source_type);
    }
    free(shape->attributes);
    free(shape->key);
    *shape = (struct model_shape){0};
}

static uint32_t *key_copy(const uint32_t *key, size_t nkey)
{
    if (nkey == 0) {
        return NULL;
    }
    uint32_t *copy = mem_new(nkey, sizeof *copy);
    memcpy(copy, key, nkey * sizeof *copy);
    return copy;
}

struct model_shape model_shape_copy(const struct model_shape *shape)
{
    struct model_shape copy = *shape;
    copy.key = key_copy(shape->key, shape->nkey);
    copy.attributes = NULL;
    if (shape->nattributes > 0) {
        copy.attributes = mem_new(shape->nattributes, sizeof *copy.attributes);
    }
    for (size_t i = 0; i < shape->nattributes; i++) {
        copy.attributes[i] = shape->attributes[i];
        copy.attributes[i].name = text_copy(shape->attributes[i].name);
        copy.attributes[i].column = text_copy(shape->attributes[i].column);
        copy.attributes[i].source_type = text_copy(shape->attributes[i].source_type);
    }
    return copy;
}

void model_shape_view(const struct model_shape *shape, struct lf_schema *ret_schema, struct lf_column **ret_columns)
{
    struct lf_column *columns = mem_new(shape->nattributes > 0 ? shape->nattributes : 1, sizeof *columns);
    for (size_t i = 0; i < shape->nattributes; i++) {
        const struct model_attribute *attribute = &shape->attributes[i];
        columns[i] = (struct lf_column){
            .id = attribute->id,
            .name = attribute->column != NULL ? attribute->column : attribute->name,
            .source_type = attribute->source_type != NULL ? attribute->source_type : "",
            .type = attribute->type,
            .max_length = attribute->max_length,
            .precision = attribute->precision,
            .scale = attribute->scale,
            .dropped = attribute->dropped,
        };
    }
    *ret_columns = columns;
    *ret_schema = (struct lf_schema){
        .columns = columns,
        .ncolumns = (uint32_t)shape->nattributes,
        .key = shape->key,
        .nkey = (uint32_t)shape->nkey,
    };
}

struct model_shape model_shape_from(const struct lf_schema *schema, const char *const *names, uint32_t version)
{
    struct model_shape shape = {.nattributes = schema->ncolumns, .nkey = schema->nkey, .version = version};
    if (schema->ncolumns > 0) {
        shape.attributes = mem_new(schema->ncolumns, sizeof *shape.attributes);
    }
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        const struct lf_column *column = &schema->columns[i];
        const bool declared = column->source_type != NULL && column->source_type[0] != '\0';
        shape.attributes[i] = (struct model_attribute){
            .name = text_copy(names[i]),
            .column = strcmp(names[i], column->name) == 0 ? NULL : text_copy(column->name),
            .id = column->id,
            .type = column->type,
            .max_length = column->max_length,
            .precision = column->precision,
            .scale = column->scale,
            .source_type = declared ? text_copy(column->source_type) : NULL,
            .dropped = column->dropped,
        };
    }
    shape.key = key_copy(schema->key, schema->nkey);
    return shape;
}

void model_load_free(struct model_load **load)
{
    struct model_load *old = *load;
    if (old == NULL) {
        return;
    }
    text_free(&old->entity);
    text_free(&old->load_id);
    model_bytes_done(&old->table_id);
    model_shape_done(&old->shape);
    for (size_t i = 0; i < old->nchunks; i++) {
        model_bytes_done(&old->chunks[i].first_key);
        model_bytes_done(&old->chunks[i].asof);
        partitions_free(old->chunks[i].partitions, old->chunks[i].npartitions);
    }
    free(old->chunks);
    free(old);
    *load = NULL;
}

static struct model_chunk chunk_copy(const struct model_chunk *chunk)
{
    struct model_chunk copy = *chunk;
    copy.first_key = model_bytes_copy(chunk->first_key.ptr, chunk->first_key.len);
    copy.asof = model_bytes_copy(chunk->asof.ptr, chunk->asof.len);
    copy.partitions = partitions_copy(chunk->partitions, chunk->npartitions);
    return copy;
}

struct model_load *model_load_copy(const struct model_load *load)
{
    if (load == NULL) {
        return NULL;
    }
    struct model_load *copy = mem_new(1, sizeof *copy);
    *copy = *load;
    copy->entity = text_copy(load->entity);
    copy->load_id = text_copy(load->load_id);
    copy->table_id = model_bytes_copy(load->table_id.ptr, load->table_id.len);
    copy->shape = model_shape_copy(&load->shape);
    copy->chunks = NULL;
    if (load->nchunks > 0) {
        copy->chunks = mem_new(load->nchunks, sizeof *copy->chunks);
    }
    for (size_t i = 0; i < load->nchunks; i++) {
        copy->chunks[i] = chunk_copy(&load->chunks[i]);
    }
    return copy;
}

void model_entity_done(struct model_entity *entity)
{
    text_free(&entity->name);
    text_free(&entity->table);
    model_bytes_done(&entity->table_id);
    text_free(&entity->reason);
    model_bytes_done(&entity->stands_at);
    text_free(&entity->load_id);
    model_shape_done(&entity->shape);
    partitions_free(entity->partitions, entity->npartitions);
    text_free(&entity->load_path);
    model_load_free(&entity->load);
    text_free(&entity->quarantine_path);
    quarantine_free(&entity->quarantine);
    *entity = (struct model_entity){0};
}

struct model_entity model_entity_copy(const struct model_entity *entity)
{
    struct model_entity copy = *entity;
    copy.name = text_copy(entity->name);
    copy.table = text_copy(entity->table);
    copy.table_id = model_bytes_copy(entity->table_id.ptr, entity->table_id.len);
    copy.reason = text_copy(entity->reason);
    copy.stands_at = model_bytes_copy(entity->stands_at.ptr, entity->stands_at.len);
    copy.load_id = text_copy(entity->load_id);
    copy.shape = model_shape_copy(&entity->shape);
    copy.partitions = partitions_copy(entity->partitions, entity->npartitions);
    copy.load_path = text_copy(entity->load_path);
    copy.load = model_load_copy(entity->load);
    copy.quarantine_path = text_copy(entity->quarantine_path);
    copy.quarantine = quarantine_share(entity->quarantine);
    return copy;
}

void model_free(struct model **model)
{
    struct model *old = *model;
    if (old == NULL) {
        return;
    }
    text_free(&old->name);
    text_free(&old->commit_id);
    text_free(&old->previous_commit_id);
    text_free(&old->history_path);
    text_free(&old->writer);
    text_free(&old->lake_id);
    model_bytes_done(&old->cursor);
    text_free(&old->cursor_text);
    text_free(&old->source);
    text_free(&old->version);
    for (size_t i = 0; i < old->nentities; i++) {
        model_entity_done(&old->entities[i]);
    }
    free(old->entities);
    free(old);
    *model = NULL;
}

struct model *model_copy(const struct model *model)
{
    struct model *copy = mem_new(1, sizeof *copy);
    *copy = *model;
    copy->name = text_copy(model->name);
    copy->commit_id = text_copy(model->commit_id);
    copy->previous_commit_id = text_copy(model->previous_commit_id);
    copy->history_path = text_copy(model->history_path);
    copy->writer = text_copy(model->writer);
    copy->lake_id = text_copy(model->lake_id);
    copy->cursor = model_bytes_copy(model->cursor.ptr, model->cursor.len);
    copy->cursor_text = text_copy(model->cursor_text);
    copy->source = text_copy(model->source);
    copy->version = text_copy(model->version);
    copy->entities = NULL;
    if (model->nentities > 0) {
        copy->entities = mem_new(model->nentities, sizeof *copy->entities);
    }
    for (size_t i = 0; i < model->nentities; i++) {
        copy->entities[i] = model_entity_copy(&model->entities[i]);
    }
    return copy;
}

struct model_entity *model_find(const struct model *model, const char *entity_name)
{
    size_t low = 0;
    size_t high = model->nentities;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(model->entities[middle].name, entity_name);
        if (order == 0) {
            return &model->entities[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
