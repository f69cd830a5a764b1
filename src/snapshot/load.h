/* SPDX-License-Identifier: Apache-2.0
 *
 * One chunk of a load: the rows of a key range, read through the connector, as partitions. Blocking.
 */
#ifndef SNAPSHOT_LOAD_H
#define SNAPSHOT_LOAD_H

#include "cdm/quarantine.h"
#include "snapshot/partition_writer.h"
#include "snapshot/source_rows.h"

struct load_result {
    bool accepted; /* false: the snapshot did not include the cursor yet; read again later. Nothing was written */
    struct model_partition *partitions;
    size_t npartitions;
    struct model_bytes asof;
    uint64_t rows, bytes;
    struct quarantine_list bad; /* rows that were left out */
    uint64_t repaired;          /* rows in which bad text was replaced */
};

/* `cursor`: the committed one, which the chunk's snapshot must include. Kinds: those of source_rows (SCHEMA: wait for the stream
 * to bring the change), those of the lake. On failure everything written is forgotten. */
bool load_chunk(const struct source_rows_options *options, struct lf_slice cursor,
                const struct partition_target *target, struct load_result *ret_result,
                struct lf_error *err) LF_MUST_CHECK;
void load_result_done(struct load_result *result);

#endif
