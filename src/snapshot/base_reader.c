/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/base_reader.h"

#include "base/crypto.h"
#include "data/key.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool read_block(void *context, void *ret, size_t len, size_t *ret_len, struct lf_error *err)
{
    struct base_reader *reader = context;
    if (!lake_input_read(&reader->input, ret, len, ret_len, err)) {
        err->kind = err->kind == LF_CONFIG ? LF_DATA : err->kind; /* a link or a folder stands in its place */
        return lf_error_wrap(err, "partition %s", reader->partition->path);
    }
    sha256_update(reader->hash, ret, *ret_len);
    return true;
}

void base_reader_init(struct base_reader *reader, struct lake *lake, const struct model_partition *partition,
                      const struct schema *from, const struct schema *to, size_t block_bytes)
{
    *reader = (struct base_reader){.partition = partition};
    if (partition == NULL) {
        return;
    }
    reader->input = (struct lake_input){.lake = lake, .path = partition->path};
    reader->hash = sha256_new();
    reader->cells = mem_new(from->lf.ncolumns, sizeof *reader->cells);
    layout_init(&reader->layout, from, to);
    csv_reader_init(&reader->csv, read_block, reader, partition->path, block_bytes);
}

void base_reader_done(struct base_reader *reader)
{
    if (reader->partition != NULL) {
        csv_reader_done(&reader->csv);
        layout_done(&reader->layout);
        lake_input_done(&reader->input);
    }
    sha256_free(&reader->hash);
    free(reader->cells);
    buf_done(&reader->key);
    buf_done(&reader->last_key);
    buf_done(&reader->row);
    *reader = (struct base_reader){0};
}

static bool check_whole(struct base_reader *reader, struct lf_error *err)
{
    const struct model_partition *partition = reader->partition;
    char hex[SHA256_HEX_SIZE];
    sha256_finish(reader->hash, hex);
    if (reader->input.offset == partition->bytes && reader->csv.row_number == partition->rows &&
        strcmp(hex, partition->sha256) == 0) {
        return true;
    }
    return lf_error_set(
        err, LF_DATA, 0,
        "partition %s is not what the commit says: %" PRIu64 " bytes and %" PRIu64 " rows with sha256 %.12s…, "
        "expected %" PRIu64 ", %" PRIu64 ", %.12s…; the file was altered, the entity must be loaded again",
        partition->path, reader->input.offset, reader->csv.row_number, hex, partition->bytes, partition->rows,
        partition->sha256);
}

bool base_reader_next(struct base_reader *reader, struct lf_error *err)
{
    if (reader->partition == NULL) {
        return true;
    }
    bool first = reader->csv.row_number == 0;
    struct buf swap = reader->last_key;
    reader->last_key = reader->key;
    reader->key = swap;
    if (!csv_reader_next(&reader->csv, &reader->raw, &reader->has_row, err)) {
        err->kind = err->kind == LF_LIMIT ? LF_DATA : err->kind; /* no such row was ever written: damage */
        return false;
    }
    if (!reader->has_row) {
        return check_whole(reader, err);
    }
    buf_reset(&reader->key);
    const struct lf_schema *schema = &reader->layout.from->lf;
    if (!csv_split_row(reader->raw, reader->cells, schema->ncolumns, err) ||
        !key_append_from_row(&reader->key, schema, reader->cells, err)) {
        return lf_error_wrap(err, "partition %s, row %" PRIu64, reader->partition->path, reader->csv.row_number);
    }
    if (!first && slice_compare(buf_slice(&reader->last_key), buf_slice(&reader->key)) >= 0) {
        return lf_error_set(err, LF_DATA, 0,
                            "partition %s, row %" PRIu64
                            ": keys are not ascending; the file was altered, the entity must be loaded again",
                            reader->partition->path, reader->csv.row_number);
    }
    return true;
}

bool base_reader_row(struct base_reader *reader, struct lf_slice *ret_row, struct lf_error *err)
{
    if (reader->layout.identity) {
        *ret_row = reader->raw;
        return true;
    }
    TRY(layout_row(&reader->layout, reader->raw, /* partial= */ false, &reader->row, err));
    *ret_row = buf_slice(&reader->row);
    return true;
}
