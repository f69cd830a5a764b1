/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdlib.h>
#include <string.h>

struct entity *entity_new(const char *name, const struct lf_table *table)
{
    struct entity *entity = mem_new(1, sizeof *entity);
    entity->name = text_copy(name);
    entity->table = text_copy(table->name);
    entity->table_id = model_bytes_copy(table->id.ptr, table->id.len);
    entity->estimated_rows = table->estimated_rows;
    return entity;
}

void entity_free(struct entity *entity)
{
    for (size_t i = 0; i < entity->nchunks; i++) {
        load_result_done(&entity->chunks[i].result);
    }
    for (size_t i = 0; i < entity->nversions; i++) {
        schema_free(&entity->versions[i]);
    }
    free(entity->chunks);
    free(entity->versions);
    free(entity->place);
    free(entity->cells);
    free(entity->key_cells);
    free(entity->reload_reason);
    free(entity->fault_reason);
    free(entity->name);
    free(entity->table);
    model_bytes_done(&entity->table_id);
    free(entity);
}

const struct schema *entity_schema(const struct entity *entity)
{
    return entity->nversions == 0 ? NULL : entity->versions[entity->nversions - 1];
}

const struct schema *entity_version(const struct entity *entity, uint32_t version)
{
    for (size_t i = entity->nversions; i > 0; i--) {
        if (entity->versions[i - 1]->version == version) {
            return entity->versions[i - 1];
        }
    }
    return NULL;
}

void entity_push_schema(struct entity *entity, struct schema *schema)
{
    mem_grow(&entity->versions, &entity->versions_size, entity->nversions + 1, sizeof(struct schema *));
    entity->versions[entity->nversions++] = schema;
}

bool entity_push_shape(struct entity *entity, const struct model_shape *shape, struct lf_error *err)
{
    struct lf_schema view;
    struct lf_column *columns = NULL;
    struct schema *schema = NULL;
    model_shape_view(shape, &view, &columns);
    bool ok = schema_new(&view, shape->version, &schema, err);
    free(columns);
    if (ok) {
        entity_push_schema(entity, schema);
    }
    return ok;
}

static const char *old_name(const struct lf_column *column, const struct model_shape *old)
{
    for (size_t i = 0; old != NULL && i < old->nattributes; i++) {
        const struct model_attribute *attribute = &old->attributes[i];
        const char *source = attribute->column != NULL ? attribute->column : attribute->name;
        if (attribute->id == column->id && strcmp(source, column->name) == 0) {
            return attribute->name;
        }
    }
    return NULL;
}

struct model_shape entity_shape(const struct schema *schema, const struct model_shape *old)
{
    uint32_t n = schema->lf.ncolumns;
    struct arena arena = {0};
    const char **names = mem_new(n + 1, sizeof *names);
    const char **taken = mem_new(n + 1, sizeof *taken);
    size_t ntaken = 0;
    for (uint32_t i = 0; i < n; i++) {
        names[i] = old_name(&schema->lf.columns[i], old);
        if (names[i] != NULL) {
            taken[ntaken++] = names[i];
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (names[i] != NULL) {
            continue;
        }
        CLEANUP(buf_done) struct buf name = {0};
        lake_attribute_name(schema->lf.columns[i].name, taken, &name);
        names[i] = taken[ntaken++] = arena_text(&arena, buf_text(&name));
    }
    struct model_shape shape = model_shape_from(&schema->lf, names, schema->version);
    free(names);
    free(taken);
    arena_done(&arena);
    return shape;
}

bool entity_map_columns(struct entity *entity, const struct lf_schema *sent, struct lf_error *err)
{
    const struct lf_schema *lake = &entity_schema(entity)->lf;
    uint32_t n = sent == NULL ? lake->ncolumns : sent->ncolumns;
    entity->place = mem_resize(entity->place, n + 1, sizeof *entity->place);
    free(entity->cells);
    free(entity->key_cells);
    entity->cells = mem_new(lake->ncolumns, sizeof *entity->cells);
    entity->key_cells = mem_new(lake->nkey + 1, sizeof *entity->key_cells);
    entity->nplace = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (sent == NULL && lake->columns[i].dropped) {
            continue;
        }
        int at = sent == NULL ? (int)i : schema_find(lake, sent->columns[i].id);
        if (at < 0) {
            return lf_error_set(err, LF_INTERNAL, 0,
                                "the stream sends column %s of table %s, which its schema does not have",
                                sent->columns[i].name, entity->table);
        }
        entity->place[entity->nplace++] = (uint32_t)at;
    }
    return true;
}

bool entity_sent_schema(const struct entity *entity, struct schema **ret_schema, struct lf_error *err)
{
    const struct schema *lake = entity_schema(entity);
    struct lf_column *columns = mem_new(entity->nplace, sizeof *columns);
    uint32_t *key = mem_new(lake->lf.nkey, sizeof *key);
    struct lf_schema sent = {.columns = columns, .ncolumns = entity->nplace, .key = key, .nkey = lake->lf.nkey};
    for (uint32_t i = 0; i < entity->nplace; i++) {
        columns[i] = lake->lf.columns[entity->place[i]];
        for (uint32_t k = 0; k < lake->lf.nkey; k++) {
            key[k] = lake->lf.key[k] == entity->place[i] ? i : key[k];
        }
    }
    bool ok = schema_new(&sent, lake->version + 1, ret_schema, err);
    free(columns);
    free(key);
    return ok;
}

void entity_drop_chunks(struct link *link, struct entity *entity)
{
    for (size_t i = 0; i < entity->nchunks; i++) {
        struct load_result *result = &entity->chunks[i].result;
        for (size_t j = 0; j < result->npartitions; j++) {
            committer_forget(link->committer, result->partitions[j].path);
        }
        load_result_done(result);
    }
    entity->nchunks = 0;
}

struct lf_table_state entity_state(const struct entity *entity)
{
    return (struct lf_table_state){
        .name = entity->table, .id = model_bytes_slice(&entity->table_id), .schema = entity_schema(entity)->lf};
}
