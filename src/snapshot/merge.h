/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge: sorted changes of one entity into the partitions whose key range they touch. Memory does not depend on the size
 * of table, range or transaction. docs/design/merge.md explains folding, absent cells and moves.
 *
 * A settled entity is one range; an entity that is being loaded is one range for each chunk. merge_entity leaves the
 * inputs untouched and fills the outputs of every range; on failure everything written is forgotten.
 */
#ifndef SNAPSHOT_MERGE_H
#define SNAPSHOT_MERGE_H

#include "cdm/quarantine.h"
#include "data/intake.h"
#include "data/spool.h"
#include "snapshot/partition_writer.h"

struct merge_range {
    struct lf_slice lo; /* inclusive lower bound; the first range's is empty and open */
    bool read;          /* false: nobody has read this range yet, its changes are skipped */
    uint64_t base_seq;  /* changes with seq ≤ this are in the partitions already, or will be in what is read later */
    struct lf_slice asof;        /* what the range's snapshot has seen beyond base_seq; empty: nothing, or settled */
    const struct schema *schema; /* of the rows in `partitions` */
    const struct model_partition *partitions;
    size_t npartitions;
    const struct quarantine_row *bad; /* keys of the range that the partitions leave out, in order */
    size_t nbad;

    /* outputs */
    struct model_partition *out; /* the caller's: model_partition_done each, then free */
    size_t nout, out_size;
    struct quarantine_list bad_out; /* rows that were left out now have since 0 */
    bool changed;                   /* out or bad_out differ from what they were */
    bool reread; /* a value that exists nowhere is needed: the chunk must be read again; out and bad_out are empty */
};

struct merge_stats {
    uint64_t changes; /* applied */
    uint64_t partitions_read, partitions_written, partitions_kept;
    uint64_t bytes_read, bytes_written;
};

struct merge_options {
    const struct partition_target *target;
    struct spool *spool;
    uint32_t slot;
    const struct schema *schema;          /* of the rows to be written */
    const struct schema *const *versions; /* every schema that a record can name by version, in any order */
    size_t nversions;
    enum intake_rule bad_row; /* what becomes of rows that grow too large; other bad rows are marked as such */
    bool has_partial_moves;   /* some sealed change is a key change with absent cells */
    /* Had that snapshot already seen that transaction? Pure. */
    bool (*covers)(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err);
    bool (*cancelled)(void *context);
    void *cancel_context;
    const char *folder;  /* for temporary files */
    size_t memory_bytes; /* read blocks and the carry sorter; 512 KiB make the smallest blocks */
};

/* Kinds: DATA (a partition or a change cannot be taken: the entity is loaded again or frozen), LIMIT (a row grew too large, or too
 * many cannot be taken), NOT_FOUND (a partition is gone), others as the lake. */
bool merge_entity(const struct merge_options *options, struct merge_range *ranges, size_t nranges,
                  struct merge_stats *ret_stats, struct lf_error *err) LF_MUST_CHECK;
void merge_range_done(struct merge_range *range); /* frees the outputs */

#endif
