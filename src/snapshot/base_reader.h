/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of one old partition in key order, in the shape that is being written, checked on the way: order, count, size
 * and sha256 must be what the commit says.
 */
#ifndef SNAPSHOT_BASE_READER_H
#define SNAPSHOT_BASE_READER_H

#include "cdm/model.h"
#include "data/csv.h"
#include "lake/lake.h"
#include "snapshot/layout.h"

struct sha256;

struct base_reader {
    const struct model_partition *partition;
    struct lake_input input;
    struct csv_reader csv;
    struct sha256 *hash;
    struct layout layout;
    struct lf_slice *cells;
    struct buf key, last_key, row;
    struct lf_slice raw; /* the row as it stands in the file */
    bool has_row;
};

/* `partition` NULL: no rows. Stands before the first row. */
void base_reader_init(struct base_reader *reader, struct lake *lake, const struct model_partition *partition,
                      const struct schema *from, const struct schema *to, size_t block_bytes);
void base_reader_done(struct base_reader *reader);
/* Moves to the next row: has_row, key and (after base_reader_row) its text. At the end it checks hash and counts: DATA. */
bool base_reader_next(struct base_reader *reader, struct lf_error *err) LF_MUST_CHECK;
/* The current row in the new shape, valid until the next call. */
bool base_reader_row(struct base_reader *reader, struct lf_slice *ret_row, struct lf_error *err) LF_MUST_CHECK;

#endif
