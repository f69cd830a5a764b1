/* SPDX-License-Identifier: Apache-2.0
 *
 * Valid random models, load lists and histories, one fixed model, and comparison field by field.
 */
#ifndef TESTS_UNIT_CDM_RANDOM_MODEL_H
#define TESTS_UNIT_CDM_RANDOM_MODEL_H

#include "base/crypto.h"
#include "base/macros.h"
#include "base/random.h"
#include "cdm/history.h"
#include "cdm/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MS_PER_YEAR INT64_C(31556952000)

static inline uint64_t seed_of_run(void)
{
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline bool chance(struct random_seeded *random, uint64_t one_of)
{
    return random_seeded_below(random, one_of) == 0;
}

static inline struct model_bytes random_bytes(struct random_seeded *random, size_t max)
{
    unsigned char bytes[64];
    const size_t len = (size_t)random_seeded_below(random, (max < sizeof bytes ? max : sizeof bytes) + 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)random_seeded_next(random);
    }
    return model_bytes_copy(bytes, len);
}

static inline char *random_text(struct random_seeded *random)
{
    static const char *const parts[] = {"a", "\"", "\\", "/", " ", "\n", "\x01", "ä", "€", "😀", "<b>", "[", ",", "Z9"};
    struct buf text = {0};
    for (uint64_t n = 1 + random_seeded_below(random, 8); n > 0; n--) {
        buf_append_text(&text, parts[random_seeded_below(random, ARRAY_LEN(parts))]);
    }
    char *copy = text_copy(buf_text(&text));
    buf_done(&text);
    return copy;
}

static inline char *random_id(struct random_seeded *random)
{
    return text_printf("%016llx", (unsigned long long)random_seeded_next(random));
}

static inline void random_sha256(struct random_seeded *random, char ret_hex[65])
{
    const uint64_t value = random_seeded_next(random);
    sha256_of(&value, sizeof value, ret_hex);
}

static inline int64_t random_ms(struct random_seeded *random)
{
    return 1 + (int64_t)random_seeded_below(random, (uint64_t)(8000 * MS_PER_YEAR));
}

static inline struct model_attribute random_attribute(struct random_seeded *random, uint32_t index)
{
    char *text = random_text(random);
    struct model_attribute attribute = {
        .name = text_printf("%s%u", text, index),
        .column = chance(random, 3) ? random_text(random) : NULL,
        .id = index * 3 + 1,
        .type = (enum lf_type)random_seeded_below(random, LF_TYPE_JSON + 1),
        .max_length = -1,
        .source_type = chance(random, 4) ? NULL : random_text(random),
        .dropped = chance(random, 5),
    };
    text_free(&text);
    if (attribute.type == LF_TYPE_STRING && chance(random, 2)) {
        attribute.max_length = (int32_t)random_seeded_below(random, INT32_MAX);
    }
    if (attribute.type == LF_TYPE_DECIMAL) {
        attribute.precision = (uint8_t)(1 + random_seeded_below(random, 38));
        attribute.scale = (uint8_t)random_seeded_below(random, 39);
    }
    if (attribute.type == LF_TYPE_TIME || attribute.type == LF_TYPE_DATETIME ||
        attribute.type == LF_TYPE_DATETIMEOFFSET) {
        attribute.scale = (uint8_t)random_seeded_below(random, 8);
    }
    return attribute;
}

static inline struct model_shape random_shape(struct random_seeded *random)
{
    struct model_shape shape = {.version = (uint32_t)random_seeded_next(random)};
    shape.nattributes = 1 + (size_t)random_seeded_below(random, 6);
    shape.attributes = mem_new(shape.nattributes, sizeof *shape.attributes);
    for (uint32_t i = 0; i < shape.nattributes; i++) {
        shape.attributes[i] = random_attribute(random, i);
    }
    shape.nkey = 1 + (size_t)random_seeded_below(random, shape.nattributes);
    shape.key = mem_new(shape.nkey, sizeof *shape.key);
    const uint32_t first = (uint32_t)random_seeded_below(random, shape.nattributes);
    for (uint32_t i = 0; i < shape.nkey; i++) {
        const uint32_t at = first + i;
        shape.key[i] = at < shape.nattributes ? at : at - (uint32_t)shape.nattributes;
    }
    return shape;
}

/* Keys ascend because `order` stands in front of them. */
static inline struct model_bytes key_above(struct random_seeded *random, uint8_t order)
{
    struct model_bytes tail = random_bytes(random, 20);
    struct model_bytes key = {mem_new(tail.len + 1, 1), tail.len + 1};
    ((uint8_t *)key.ptr)[0] = order;
    if (tail.len > 0) {
        memcpy((uint8_t *)key.ptr + 1, tail.ptr, tail.len);
    }
    model_bytes_done(&tail);
    return key;
}

static inline struct model_partition random_partition(struct random_seeded *random, uint32_t number, uint8_t order,
                                                      uint64_t commit)
{
    struct model_partition partition = {
        .name = text_printf("p%08u", number),
        .path = text_printf("e/Snapshot/p%08u_x-1.csv", number),
        .first_key = order > 0 ? key_above(random, order) : (struct model_bytes){0},
        .rows = random_seeded_below(random, UINT64_C(1) << 60),
        .since = 1 + random_seeded_below(random, commit),
        .refresh_time_ms = random_ms(random),
    };
    partition.location = text_printf("/lake/%s", partition.path);
    partition.bytes = partition.rows + random_seeded_below(random, UINT64_C(1) << 63);
    random_sha256(random, partition.sha256);
    return partition;
}

static inline void random_state(struct random_seeded *random, struct model_entity *entity)
{
    entity->state = (enum model_state)random_seeded_below(random, MODEL_ERROR + 1);
    const bool frozen = entity->state == MODEL_ERROR || entity->state == MODEL_RELOADING;
    if (entity->state != MODEL_LOADING) {
        entity->completed_ms = random_ms(random) / 1000 * 1000 + 1000;
    }
    if (frozen) {
        entity->stands_at = key_above(random, 7);
        entity->reason = random_text(random);
    }
    if (chance(random, 3)) {
        entity->load_path = text_copy("_lakefeed/loads/e-00.json");
        random_sha256(random, entity->load_sha256);
    }
    if (chance(random, 3)) {
        entity->quarantine_path = text_copy("_lakefeed/quarantine/e-00.jsonl");
        random_sha256(random, entity->quarantine_sha256);
        entity->quarantine_rows = 1 + random_seeded_below(random, 10000);
    }
}

static inline struct model_entity random_entity(struct random_seeded *random, size_t index, uint64_t commit)
{
    struct model_entity entity = {
        .name = text_printf("Entity-%04zu_x", index),
        .table = random_text(random),
        .table_id = random_bytes(random, 40),
        .load_id = random_id(random),
        .shape = random_shape(random),
    };
    random_state(random, &entity);
    entity.npartitions = entity.state == MODEL_LOADING ? 0 : (size_t)random_seeded_below(random, 5);
    entity.next_partition = 100000000 + (uint32_t)entity.npartitions;
    if (entity.npartitions > 0) {
        entity.partitions = mem_new(entity.npartitions, sizeof *entity.partitions);
    }
    for (size_t i = 0; i < entity.npartitions; i++) {
        const uint32_t number = (uint32_t)(entity.npartitions - i) + (chance(random, 4) ? 99999999 : 0);
        entity.partitions[i] = random_partition(random, number, (uint8_t)(i * 40), commit);
    }
    return entity;
}

static inline struct model *random_model(struct random_seeded *random, size_t max_entities)
{
    struct model *model = mem_new(1, sizeof *model);
    model->format = MODEL_FORMAT;
    model->name = text_copy(chance(random, 5) ? "other \"name\"" : "cdm");
    model->commit = 1 + random_seeded_below(random, UINT64_MAX);
    model->commit_id = random_id(random);
    if (model->commit > 1 && !chance(random, 4)) {
        model->previous_commit = 1 + random_seeded_below(random, model->commit - 1);
        model->previous_commit_id = random_id(random);
        model->history_path = text_copy("_lakefeed/history/0000000001-00.json");
        random_sha256(random, model->history_sha256);
    }
    model->writer = random_id(random);
    model->lake_id = random_id(random);
    model->cursor = random_bytes(random, 64);
    model->cursor_text = chance(random, 3) ? NULL : random_text(random);
    model->source = random_text(random);
    model->source_time_us =
        chance(random, 3) ? 0 : random_ms(random) * 1000 + (int64_t)random_seeded_below(random, 1000);
    model->modified_ms = random_ms(random);
    model->version = text_copy("0.1.0");
    model->nentities = (size_t)random_seeded_below(random, max_entities + 1);
    if (model->nentities > 0) {
        model->entities = mem_new(model->nentities, sizeof *model->entities);
    }
    for (size_t i = 0; i < model->nentities; i++) {
        model->entities[i] = random_entity(random, i, model->commit);
    }
    return model;
}

static inline struct model_chunk random_chunk(struct random_seeded *random, uint8_t index, uint32_t *next_partition)
{
    struct model_chunk chunk = {.read = !chance(random, 3)};
    if (index > 0) {
        chunk.first_key = model_bytes_copy(&(uint8_t){(uint8_t)(index * 50)}, 1);
    }
    if (!chunk.read) {
        return chunk;
    }
    chunk.passed = chance(random, 2);
    chunk.asof = chunk.passed ? (struct model_bytes){0} : key_above(random, 1);
    chunk.npartitions = (size_t)random_seeded_below(random, 3);
    chunk.partitions = chunk.npartitions > 0 ? mem_new(chunk.npartitions, sizeof *chunk.partitions) : NULL;
    for (size_t i = 0; i < chunk.npartitions; i++) {
        const uint8_t order = (uint8_t)(index * 50 + (int)i * 20);
        chunk.partitions[i] = random_partition(random, (*next_partition)++, order, UINT64_C(1) << 40);
        text_free(&chunk.partitions[i].location);
    }
    return chunk;
}

static inline struct model_load *random_load(struct random_seeded *random)
{
    struct model_load *load = mem_new(1, sizeof *load);
    load->entity = text_copy("orders");
    load->load_id = random_id(random);
    load->table_id = random_bytes(random, 30);
    load->shape = random_shape(random);
    load->nchunks = 1 + (size_t)random_seeded_below(random, 4);
    load->chunks = mem_new(load->nchunks, sizeof *load->chunks);
    load->next_partition = 1;
    for (size_t i = 0; i < load->nchunks; i++) {
        load->chunks[i] = random_chunk(random, (uint8_t)i, &load->next_partition);
    }
    return load;
}

static inline struct history *random_history(struct random_seeded *random)
{
    struct history *history = mem_new(1, sizeof *history);
    uint64_t commit = 0;
    for (uint64_t n = random_seeded_below(random, 5); n > 0; n--) {
        commit += 1 + random_seeded_below(random, UINT64_C(1) << 60);
        char *id = random_id(random);
        history_add_record(history, commit, id);
        text_free(&id);
        struct history_record *record = &history->records[history->nrecords - 1];
        record->replaced_ms = n > 1 ? random_ms(random) : 0;
        record->dropped = n > 1 && chance(random, 3);
    }
    for (uint64_t n = random_seeded_below(random, 5); n > 0; n--) {
        const uint64_t since = 1 + random_seeded_below(random, 1000);
        history_add_file(history, "e/Snapshot/p_ä.csv", since, since + random_seeded_below(random, 9),
                         random_ms(random));
        history->files[history->nfiles - 1].expired = chance(random, 2);
    }
    return history;
}

/* --- comparison --- */

static inline void assert_text_equal(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL && b != NULL) {
        assert_string_equal(a, b);
    }
}

static inline void assert_bytes_equal(const struct model_bytes *a, const struct model_bytes *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len > 0) {
        assert_memory_equal(a->ptr, b->ptr, a->len);
    }
}

static inline void assert_shape_equal(const struct model_shape *a, const struct model_shape *b)
{
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->nattributes, b->nattributes);
    for (size_t i = 0; i < a->nattributes; i++) {
        const struct model_attribute *left = &a->attributes[i];
        const struct model_attribute *right = &b->attributes[i];
        assert_text_equal(left->name, right->name);
        assert_text_equal(left->column, right->column);
        assert_text_equal(left->source_type, right->source_type);
        assert_int_equal(left->id, right->id);
        assert_int_equal(left->type, right->type);
        assert_int_equal(left->max_length, right->max_length);
        assert_int_equal(left->precision, right->precision);
        assert_int_equal(left->scale, right->scale);
        assert_int_equal(left->dropped, right->dropped);
    }
    assert_int_equal(a->nkey, b->nkey);
    assert_true(a->nkey == 0 || memcmp(a->key, b->key, a->nkey * sizeof *a->key) == 0);
}

/* The parser does not read locations. */
static inline void assert_partitions_equal(const struct model_partition *a, size_t na, const struct model_partition *b,
                                           size_t nb, bool with_location)
{
    assert_int_equal(na, nb);
    for (size_t i = 0; i < na; i++) {
        assert_text_equal(a[i].name, b[i].name);
        assert_text_equal(a[i].path, b[i].path);
        assert_text_equal(with_location ? a[i].location : NULL, b[i].location);
        assert_bytes_equal(&a[i].first_key, &b[i].first_key);
        assert_true(a[i].rows == b[i].rows && a[i].bytes == b[i].bytes && a[i].since == b[i].since);
        assert_string_equal(a[i].sha256, b[i].sha256);
        assert_true(a[i].refresh_time_ms == b[i].refresh_time_ms);
    }
}

static inline void assert_load_equal(const struct model_load *a, const struct model_load *b, bool with_location)
{
    assert_text_equal(a->entity, b->entity);
    assert_text_equal(a->load_id, b->load_id);
    assert_bytes_equal(&a->table_id, &b->table_id);
    assert_shape_equal(&a->shape, &b->shape);
    assert_int_equal(a->next_partition, b->next_partition);
    assert_int_equal(a->nchunks, b->nchunks);
    for (size_t i = 0; i < a->nchunks; i++) {
        assert_bytes_equal(&a->chunks[i].first_key, &b->chunks[i].first_key);
        assert_bytes_equal(&a->chunks[i].asof, &b->chunks[i].asof);
        assert_int_equal(a->chunks[i].read, b->chunks[i].read);
        assert_int_equal(a->chunks[i].passed, b->chunks[i].passed);
        assert_partitions_equal(a->chunks[i].partitions, a->chunks[i].npartitions, b->chunks[i].partitions,
                                b->chunks[i].npartitions, with_location);
    }
}

static inline void assert_entity_equal(const struct model_entity *a, const struct model_entity *b, bool with_location)
{
    assert_text_equal(a->name, b->name);
    assert_text_equal(a->table, b->table);
    assert_bytes_equal(&a->table_id, &b->table_id);
    assert_int_equal(a->state, b->state);
    assert_text_equal(a->reason, b->reason);
    assert_bytes_equal(&a->stands_at, &b->stands_at);
    assert_text_equal(a->load_id, b->load_id);
    assert_true(a->completed_ms == b->completed_ms);
    assert_shape_equal(&a->shape, &b->shape);
    assert_partitions_equal(a->partitions, a->npartitions, b->partitions, b->npartitions, with_location);
    assert_int_equal(a->next_partition, b->next_partition);
    assert_text_equal(a->load_path, b->load_path);
    assert_string_equal(a->load_sha256, b->load_sha256);
    assert_text_equal(a->quarantine_path, b->quarantine_path);
    assert_string_equal(a->quarantine_sha256, b->quarantine_sha256);
    assert_true(a->quarantine_rows == b->quarantine_rows);
}

static inline void assert_model_equal(const struct model *a, const struct model *b, bool with_location)
{
    assert_int_equal(a->format, b->format);
    assert_text_equal(a->name, b->name);
    assert_true(a->commit == b->commit && a->previous_commit == b->previous_commit);
    assert_text_equal(a->commit_id, b->commit_id);
    assert_text_equal(a->previous_commit_id, b->previous_commit_id);
    assert_text_equal(a->history_path, b->history_path);
    assert_string_equal(a->history_sha256, b->history_sha256);
    assert_text_equal(a->writer, b->writer);
    assert_text_equal(a->lake_id, b->lake_id);
    assert_bytes_equal(&a->cursor, &b->cursor);
    assert_text_equal(a->cursor_text, b->cursor_text);
    assert_text_equal(a->source, b->source);
    assert_true(a->source_time_us == b->source_time_us && a->modified_ms == b->modified_ms);
    assert_text_equal(a->version, b->version);
    assert_int_equal(a->nentities, b->nentities);
    for (size_t i = 0; i < a->nentities; i++) {
        assert_entity_equal(&a->entities[i], &b->entities[i], with_location);
    }
}

static inline void assert_history_equal(const struct history *a, const struct history *b)
{
    assert_int_equal(a->nrecords, b->nrecords);
    for (size_t i = 0; i < a->nrecords; i++) {
        assert_true(a->records[i].commit == b->records[i].commit);
        assert_true(a->records[i].replaced_ms == b->records[i].replaced_ms);
        assert_text_equal(a->records[i].commit_id, b->records[i].commit_id);
        assert_int_equal(a->records[i].dropped, b->records[i].dropped);
    }
    assert_int_equal(a->nfiles, b->nfiles);
    for (size_t i = 0; i < a->nfiles; i++) {
        assert_text_equal(a->files[i].path, b->files[i].path);
        assert_true(a->files[i].since == b->files[i].since && a->files[i].until == b->files[i].until);
        assert_true(a->files[i].replaced_ms == b->files[i].replaced_ms);
        assert_int_equal(a->files[i].expired, b->files[i].expired);
    }
}

/* --- text in memory --- */

static inline bool drain_to_buf(void *context, struct buf *text, UNUSED struct lf_error *err)
{
    buf_append(context, text->ptr, text->len);
    return true;
}

struct text_input {
    const char *text;
    size_t len, at, block;
};

static inline bool next_block(void *context, char *ret_bytes, size_t size, size_t *ret_len, UNUSED struct lf_error *err)
{
    struct text_input *input = context;
    size_t n = input->len - input->at;
    n = n > size ? size : n;
    n = n > input->block ? input->block : n;
    if (n > 0) {
        memcpy(ret_bytes, input->text + input->at, n);
    }
    input->at += n;
    *ret_len = n;
    return true;
}

static inline bool parse_text(const char *text, size_t len, struct model **ret_model, struct lf_error *err)
{
    struct text_input input = {.text = text, .len = len, .block = 4096};
    return model_parse(next_block, &input, ret_model, err);
}

static inline void print_to(const struct model *model, struct buf *out)
{
    struct lf_error err = {0};
    buf_reset(out);
    if (!model_print(model, drain_to_buf, out, &err)) {
        fail_msg("%s", err.msg);
    }
}

#endif
