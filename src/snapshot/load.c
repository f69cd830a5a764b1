/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/load.h"

#include "base/macros.h"

#include <stdlib.h>

static bool is_accepted(struct source_rows *rows, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct lf_slice asof;
    TRY(source_rows_asof(rows, &asof, err));
    return rows->options->ops->includes(asof, cursor, ret, err);
}

static bool write_rows(struct source_rows *rows, struct partition_writer *writer, struct load_result *result,
                       struct lf_error *err)
{
    for (;;) {
        struct lf_slice key, row;
        bool more = false;
        TRY(source_rows_next(rows, &key, &row, &more, err));
        if (!more) {
            return partition_writer_cut(writer, err);
        }
        TRY(rows->bad ? quarantine_list_add(&result->bad, key, row, /* since= */ 0, err)
                      : partition_writer_add(writer, key, row, /* appending= */ true, err));
        result->repaired += rows->repaired ? 1 : 0;
    }
}

bool load_chunk(const struct source_rows_options *options, struct lf_slice cursor,
                const struct partition_target *target, struct load_result *ret_result, struct lf_error *err)
{
    CLEANUP(source_rows_done) struct source_rows rows;
    CLEANUP(partition_writer_done) struct partition_writer writer;
    CLEANUP(load_result_done) struct load_result result = {0};
    struct lf_slice asof;
    size_t size = 0;
    source_rows_init(&rows, options);
    partition_writer_init(&writer, target);
    partition_writer_start(&writer, options->lo);
    TRY(source_rows_open(&rows, err));
    TRY(is_accepted(&rows, cursor, &result.accepted, err));
    if (result.accepted) {
        TRY(write_rows(&rows, &writer, &result, err));
        TRY(source_rows_asof(&rows, &asof, err));
        result.rows = writer.rows;
        result.bytes = writer.bytes;
        result.asof = model_bytes_copy(asof.ptr, asof.len);
        partition_writer_take(&writer, &result.partitions, &result.npartitions, &size);
    }
    *ret_result = result;
    result = (struct load_result){0};
    return true;
}

void load_result_done(struct load_result *result)
{
    for (size_t i = 0; i < result->npartitions; i++) {
        model_partition_done(&result->partitions[i]);
    }
    free(result->partitions);
    model_bytes_done(&result->asof);
    quarantine_list_done(&result->bad);
    *result = (struct load_result){0};
}
