/* SPDX-License-Identifier: Apache-2.0
 *
 * The model, load list and history of tests/golden: every kind of attribute and every state of an entity.
 */
#ifndef TESTS_UNIT_CDM_FIXED_MODEL_H
#define TESTS_UNIT_CDM_FIXED_MODEL_H

#include "random_model.h"

#define FIXED_MS INT64_C(1706702645678) /* 2024-01-31T12:04:05.678Z */

static inline struct model_shape fixed_shape(void)
{
    static const struct model_attribute attributes[] = {
        {"id", NULL, 1, LF_TYPE_INT64, -1, 0, 0, "INTEGER", false},
        {"code", NULL, 2, LF_TYPE_STRING, 20, 0, 0, "varchar(20)", false},
        {"note", NULL, 3, LF_TYPE_STRING, -1, 0, 0, "text", false},
        {"price", NULL, 4, LF_TYPE_DECIMAL, -1, 18, 4, "numeric(18,4)", false},
        {"weight", NULL, 5, LF_TYPE_DOUBLE, -1, 0, 0, "real", false},
        {"paid", NULL, 6, LF_TYPE_BOOLEAN, -1, 0, 0, "bool", false},
        {"ref", NULL, 7, LF_TYPE_GUID, -1, 0, 0, "uuid", false},
        {"day", NULL, 8, LF_TYPE_DATE, -1, 0, 0, "date", false},
        {"hour", NULL, 9, LF_TYPE_TIME, -1, 0, 6, "time", false},
        {"at", NULL, 10, LF_TYPE_DATETIME, -1, 0, 6, "timestamp", false},
        {"at_zone", NULL, 11, LF_TYPE_DATETIMEOFFSET, -1, 0, 3, "timestamptz(3)", false},
        {"blob", NULL, 12, LF_TYPE_BINARY, -1, 0, 0, NULL, false},
        {"doc-2c26b46b", "döc", 13, LF_TYPE_JSON, -1, 0, 0, "jsonb", true},
    };
    static const uint32_t key[] = {1, 0};
    struct model_shape borrowed = {.nattributes = ARRAY_LEN(attributes), .nkey = ARRAY_LEN(key), .version = 3};
    struct model_attribute list[ARRAY_LEN(attributes)];
    uint32_t key_list[ARRAY_LEN(key)];
    memcpy(list, attributes, sizeof list);
    memcpy(key_list, key, sizeof key_list);
    borrowed.attributes = list;
    borrowed.key = key_list;
    return model_shape_copy(&borrowed);
}

static inline struct model_partition fixed_partition(uint32_t number, const char *first_key)
{
    struct model_partition partition = {
        .name = text_printf("p%08u", number),
        .path = text_printf("orders/Snapshot/p%08u_20240131T120405Z_0123456789abcdef-%u.csv", number, number),
        .first_key = model_bytes_copy(first_key, strlen(first_key)),
        .rows = 3,
        .bytes = 120,
        .since = number,
        .refresh_time_ms = FIXED_MS,
    };
    partition.location = text_printf("/srv/lake/%s", partition.path);
    sha256_of(&number, sizeof number, partition.sha256);
    return partition;
}

static inline struct model_entity fixed_entity(const char *name, enum model_state entity_state)
{
    const bool has_partitions = entity_state != MODEL_LOADING;
    struct model_entity entity = {
        .name = text_copy(name),
        .table = text_copy(name),
        .table_id = model_bytes_copy("\x00\xff", 2),
        .state = entity_state,
        .load_id = text_copy("5eed5eed5eed5eed"),
        .shape = fixed_shape(),
        .npartitions = has_partitions ? 2 : 0,
        .next_partition = has_partitions ? 3 : 0,
    };
    if (has_partitions) {
        entity.partitions = mem_new(2, sizeof *entity.partitions);
        entity.partitions[0] = fixed_partition(1, "");
        entity.partitions[1] = fixed_partition(2, "m\xfe\xff~");
        entity.completed_ms = FIXED_MS / 1000 * 1000;
    }
    if (entity_state == MODEL_ERROR || entity_state == MODEL_RELOADING) {
        entity.reason = text_copy("the table was dropped");
        entity.stands_at = model_bytes_copy("pos-6", 5);
    }
    if (entity_state == MODEL_LOADING || entity_state == MODEL_RELOADING) {
        entity.load_path = text_printf("_lakefeed/loads/%s-00112233445566778899aabbccddeeff.json", name);
        sha256_of("load", 4, entity.load_sha256);
    }
    return entity;
}

static inline struct model *fixed_model(void)
{
    struct model *model = mem_new(1, sizeof *model);
    *model = (struct model){
        .format = MODEL_FORMAT,
        .name = text_copy("cdm"),
        .commit = 7,
        .commit_id = text_copy("00112233445566778899aabbccddeeff"),
        .previous_commit = 6,
        .previous_commit_id = text_copy("ffeeddccbbaa99887766554433221100"),
        .history_path = text_copy("_lakefeed/history/0000000007-00112233445566778899aabbccddeeff.json"),
        .writer = text_copy("0123456789abcdef"),
        .lake_id = text_copy("fedcba9876543210"),
        .cursor = model_bytes_copy("pos-7\x00\x01", 7),
        .cursor_text = text_copy("0/16B3748"),
        .source = text_copy("postgres 7301234567890123456 shop"),
        .source_time_us = FIXED_MS * 1000 - 999,
        .modified_ms = FIXED_MS,
        .version = text_copy("0.1.0"),
        .nentities = 4,
    };
    sha256_of("history", 7, model->history_sha256);
    model->entities = mem_new(4, sizeof *model->entities);
    model->entities[0] = fixed_entity("customers", MODEL_LOADING);
    model->entities[1] = fixed_entity("items", MODEL_RELOADING);
    model->entities[2] = fixed_entity("orders", MODEL_COMPLETED);
    model->entities[3] = fixed_entity("sales_regions", MODEL_ERROR);
    model->entities[2].quarantine_path =
        text_copy("_lakefeed/quarantine/orders-00112233445566778899aabbccddeeff.jsonl");
    model->entities[2].quarantine_rows = 2;
    sha256_of("quarantine", 10, model->entities[2].quarantine_sha256);
    return model;
}

static inline struct model_load *fixed_load(void)
{
    struct model_load *load = mem_new(1, sizeof *load);
    *load = (struct model_load){
        .entity = text_copy("customers"),
        .load_id = text_copy("5eed5eed5eed5eed"),
        .table_id = model_bytes_copy("\x00\xff", 2),
        .shape = fixed_shape(),
        .nchunks = 3,
        .next_partition = 4,
    };
    load->chunks = mem_new(3, sizeof *load->chunks);
    load->chunks[0] = (struct model_chunk){.read = true, .passed = true, .npartitions = 1};
    load->chunks[0].partitions = mem_new(1, sizeof *load->chunks[0].partitions);
    load->chunks[0].partitions[0] = fixed_partition(1, "");
    load->chunks[1] = (struct model_chunk){.read = true, .npartitions = 2};
    load->chunks[1].first_key = model_bytes_copy("g", 1);
    load->chunks[1].asof = model_bytes_copy("xmin:5", 6);
    load->chunks[1].partitions = mem_new(2, sizeof *load->chunks[1].partitions);
    load->chunks[1].partitions[0] = fixed_partition(2, "g");
    load->chunks[1].partitions[1] = fixed_partition(3, "k");
    load->chunks[2] = (struct model_chunk){.first_key = model_bytes_copy("t", 1)};
    for (size_t i = 0; i < load->nchunks; i++) {
        for (size_t j = 0; j < load->chunks[i].npartitions; j++) {
            text_free(&load->chunks[i].partitions[j].location);
        }
    }
    return load;
}

static inline struct history *fixed_history(void)
{
    struct history *history = mem_new(1, sizeof *history);
    history_add_record(history, 3, "aaaabbbbccccddddaaaabbbbccccdddd");
    history_add_record(history, 6, "ffeeddccbbaa99887766554433221100");
    history_add_record(history, 7, "00112233445566778899aabbccddeeff");
    history->records[0].replaced_ms = FIXED_MS - 7200000;
    history->records[0].dropped = true;
    history->records[1].replaced_ms = FIXED_MS;
    history_add_file(history, "orders/Snapshot/p00000001_20240131T100000Z_0123456789abcdef-1.csv", 2, 5,
                     FIXED_MS - 7200000);
    history_add_file(history, "orders/Snapshot/p00000002_20240131T110000Z_0123456789abcdef-9.csv", 3, 6, FIXED_MS);
    history->files[0].expired = true;
    return history;
}

/* With LAKEFEED_GOLDEN_WRITE set the file is made anew instead. */
static inline void assert_golden(const char *name, struct lf_slice text)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/golden/%s", LAKEFEED_TESTS_DIR, name);
    const bool write = getenv("LAKEFEED_GOLDEN_WRITE") != NULL;
    FILE *file = fopen(path, write ? "wb" : "rb");
    assert_non_null(file);
    if (write) {
        assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
        assert_int_equal(fclose(file), 0);
        return;
    }
    char *golden = mem_new(text.len + 1, 1);
    const size_t len = fread(golden, 1, text.len + 1, file);
    (void)fclose(file);
    assert_int_equal(len, text.len);
    assert_memory_equal(golden, text.ptr, len);
    free(golden);
}

#endif
