/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "cdm/check.h"
#include "cdm/field.h"
#include "cdm/shape.h"

#include <stdlib.h>
#include <string.h>

static const char *const load_members[] = {"format",        "entity",     "loadId", "tableId", "schemaVersion",
                                           "nextPartition", "attributes", "key",    "chunks"};
enum {
    LOAD_FORMAT,
    LOAD_ENTITY,
    LOAD_ID,
    LOAD_TABLE_ID,
    LOAD_SCHEMA,
    LOAD_NEXT,
    LOAD_ATTRIBUTES,
    LOAD_KEY,
    LOAD_CHUNKS
};

static const char *const chunk_members[] = {"firstKey", "read", "passed", "asof", "partitions"};
enum { CHUNK_FIRST_KEY, CHUNK_READ, CHUNK_PASSED, CHUNK_ASOF, CHUNK_PARTITIONS };

static const char *const partition_members[] = {"name",  "path",   "firstKey", "rows",
                                                "bytes", "sha256", "since",    "refreshTime"};
enum { PART_NAME, PART_PATH, PART_FIRST_KEY, PART_ROWS, PART_BYTES, PART_SHA256, PART_SINCE, PART_TIME };

static void print_partition(struct json_writer *writer, const struct model_partition *partition)
{
    const char *const *names = partition_members;
    json_begin_object(writer);
    write_text(writer, names[PART_NAME], partition->name);
    write_text(writer, names[PART_PATH], partition->path);
    write_bytes(writer, names[PART_FIRST_KEY], &partition->first_key);
    write_u64(writer, names[PART_ROWS], partition->rows);
    write_u64(writer, names[PART_BYTES], partition->bytes);
    write_text(writer, names[PART_SHA256], partition->sha256);
    write_u64(writer, names[PART_SINCE], partition->since);
    write_time_ms(writer, names[PART_TIME], partition->refresh_time_ms);
    json_end_object(writer);
}

static void print_chunk(struct json_writer *writer, const struct model_chunk *chunk)
{
    const char *const *names = chunk_members;
    json_begin_object(writer);
    write_bytes(writer, names[CHUNK_FIRST_KEY], &chunk->first_key);
    json_write_key(writer, names[CHUNK_READ]);
    json_write_bool(writer, chunk->read);
    json_write_key(writer, names[CHUNK_PASSED]);
    json_write_bool(writer, chunk->passed);
    write_bytes(writer, names[CHUNK_ASOF], &chunk->asof);
    json_write_key(writer, names[CHUNK_PARTITIONS]);
    json_begin_array(writer);
    for (size_t i = 0; i < chunk->npartitions; i++) {
        print_partition(writer, &chunk->partitions[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
}

static void print_lists(struct json_writer *writer, const struct model_load *load, const char *key)
{
    json_write_key(writer, load_members[LOAD_ATTRIBUTES]);
    json_begin_array(writer);
    for (size_t i = 0; i < load->shape.nattributes; i++) {
        shape_print_attribute(writer, &load->shape.attributes[i]);
    }
    json_end_array(writer);
    write_text(writer, load_members[LOAD_KEY], key);
    json_write_key(writer, load_members[LOAD_CHUNKS]);
    json_begin_array(writer);
    for (size_t i = 0; i < load->nchunks; i++) {
        print_chunk(writer, &load->chunks[i]);
    }
    json_end_array(writer);
}

bool model_load_print(const struct model_load *load, struct buf *out, struct lf_error *err)
{
    if (!check_load(load, LF_INTERNAL, err)) {
        return lf_error_wrap(err, "load list of %s", load->entity != NULL ? load->entity : "?");
    }
    CLEANUP(buf_done) struct buf key = {0};
    TRY(shape_print_key(&load->shape, &key, err));
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, false);
    json_begin_object(writer);
    json_write_key(writer, load_members[LOAD_FORMAT]);
    json_write_int(writer, MODEL_FORMAT);
    write_text(writer, load_members[LOAD_ENTITY], load->entity);
    write_text(writer, load_members[LOAD_ID], load->load_id);
    write_bytes(writer, load_members[LOAD_TABLE_ID], &load->table_id);
    write_u64(writer, load_members[LOAD_SCHEMA], load->shape.version);
    write_u64(writer, load_members[LOAD_NEXT], load->next_partition);
    print_lists(writer, load, buf_text(&key));
    json_end_object(writer);
    TRY(json_writer_finish(writer, err));
    return buf_check(out, "load list", err);
}

static bool parse_partition(const struct json *object, struct model_partition *partition, struct lf_error *err)
{
    const char *const *names = partition_members;
    const struct json *members[ARRAY_LEN(partition_members)];
    TRY(field_members(object, names, ARRAY_LEN(partition_members), members, err));
    TRY(field_text(json_text(members[PART_NAME]), names[PART_NAME], &partition->name, err));
    TRY(field_text(json_text(members[PART_PATH]), names[PART_PATH], &partition->path, err));
    TRY(field_bytes(json_text(members[PART_FIRST_KEY]), names[PART_FIRST_KEY], &partition->first_key, err));
    TRY(field_u64(json_text(members[PART_ROWS]), names[PART_ROWS], &partition->rows, err));
    TRY(field_u64(json_text(members[PART_BYTES]), names[PART_BYTES], &partition->bytes, err));
    TRY(field_sha256(json_text(members[PART_SHA256]), names[PART_SHA256], partition->sha256, err));
    TRY(field_u64(json_text(members[PART_SINCE]), names[PART_SINCE], &partition->since, err));
    return field_time_ms(json_text(members[PART_TIME]), names[PART_TIME], &partition->refresh_time_ms, err);
}

static bool parse_partitions(const struct json *list, struct model_chunk *chunk, struct lf_error *err)
{
    TRY(field_is_list(list, chunk_members[CHUNK_PARTITIONS], err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    chunk->partitions = mem_new(count, sizeof *chunk->partitions);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        if (!parse_partition(object, &chunk->partitions[chunk->npartitions++], err)) {
            return lf_error_wrap(err, "partition %zu", chunk->npartitions);
        }
    }
    return true;
}

static bool parse_chunk(const struct json *object, struct model_chunk *chunk, struct lf_error *err)
{
    const char *const *names = chunk_members;
    const struct json *members[ARRAY_LEN(chunk_members)];
    TRY(field_members(object, names, ARRAY_LEN(chunk_members), members, err));
    TRY(field_bytes(json_text(members[CHUNK_FIRST_KEY]), names[CHUNK_FIRST_KEY], &chunk->first_key, err));
    TRY(field_bytes(json_text(members[CHUNK_ASOF]), names[CHUNK_ASOF], &chunk->asof, err));
    if (!json_bool(members[CHUNK_READ], &chunk->read) || !json_bool(members[CHUNK_PASSED], &chunk->passed)) {
        return lf_error_set(err, LF_DATA, 0, "read or passed is missing or not a boolean");
    }
    return parse_partitions(members[CHUNK_PARTITIONS], chunk, err);
}

static bool parse_chunks(const struct json *list, struct model_load *load, struct lf_error *err)
{
    TRY(field_is_list(list, load_members[LOAD_CHUNKS], err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    load->chunks = mem_new(count, sizeof *load->chunks);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        if (!parse_chunk(object, &load->chunks[load->nchunks++], err)) {
            return lf_error_wrap(err, "chunk %zu", load->nchunks - 1);
        }
    }
    return true;
}

static bool parse_load(const struct json *root, struct model_load *load, struct lf_error *err)
{
    const char *const *names = load_members;
    const struct json *members[ARRAY_LEN(load_members)];
    TRY(field_format(json_member(root, names[LOAD_FORMAT]), err));
    TRY(field_members(root, names, ARRAY_LEN(load_members), members, err));
    TRY(field_text(json_text(members[LOAD_ENTITY]), names[LOAD_ENTITY], &load->entity, err));
    TRY(field_text(json_text(members[LOAD_ID]), names[LOAD_ID], &load->load_id, err));
    TRY(field_bytes(json_text(members[LOAD_TABLE_ID]), names[LOAD_TABLE_ID], &load->table_id, err));
    TRY(field_u32(json_text(members[LOAD_SCHEMA]), names[LOAD_SCHEMA], &load->shape.version, err));
    TRY(field_u32(json_text(members[LOAD_NEXT]), names[LOAD_NEXT], &load->next_partition, err));
    TRY(shape_parse_attributes(members[LOAD_ATTRIBUTES], &load->shape, err));
    TRY(shape_parse_key(json_text(members[LOAD_KEY]), &load->shape, err));
    TRY(parse_chunks(members[LOAD_CHUNKS], load, err));
    return check_load(load, LF_DATA, err);
}

bool model_load_parse(const char *text, size_t len, struct model_load **ret_load, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    TRY(json_parse("load list", text, len, &root, err));
    CLEANUP(model_load_free) struct model_load *load = mem_new(1, sizeof *load);
    if (!parse_load(root, load, err)) {
        return lf_error_wrap(err, "load list");
    }
    *ret_load = load;
    load = NULL;
    return true;
}
