/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorts change records within bounded memory: an arena that is sorted and written to a run on local disk when it is
 * full, and a merge of bounded fan-in over runs and memory. One thread at a time. Runs are extents of one unnamed
 * temporary file, which several sorters may share.
 *
 *   sorter_new → sorter_add… → sorter_open_iterator → sorter_next… → sorter_close_iterator
 *             → (add or iterate again) → sorter_free
 *
 * Records come out by (key, seq). Rows over SORTER_INLINE_MAX go to disk at once and are read when their turn comes.
 *
 * Cost: every record is written once when its arena is spilled, and once more each time that SORTER_FAN_IN runs of one
 * size class are merged into one of the next, so about log32(runs) times; such a merge happens inside sorter_add, takes
 * SORTER_FAN_IN blocks of memory meanwhile, and is left out when the disk has no room for it.
 *
 * Errors: TRANSIENT when the disk is full (or fails), LIMIT for a key over 65535 bytes, a row over CSV_ROW_MAX or a
 * shared file at its maximum, INTERNAL for a damaged run. After a failed add or spill the sorter is as it was before.
 */
#ifndef DATA_SORTER_H
#define DATA_SORTER_H

#include "data/change.h"
#include "lakefeed/error.h"

#define SORTER_FAN_IN 32u
#define SORTER_INLINE_MAX ((size_t)64 << 10)

struct run_file;
struct sorter;
struct sorter_iterator;

struct sorter_options {
    const char *folder; /* for runs; borrowed */
    /* Shared with other sorters, borrowed (sorter_run.h); NULL: one of its own, made when it is needed. */
    struct run_file *file;
    size_t memory_bytes; /* the arena starts empty, grows as needed and is spilled to a run at this size; ≥ 64 KiB */
    size_t block_bytes;  /* read buffer of each run in a merge; at least 4 KiB */
};

struct sorter *sorter_new(const struct sorter_options *options);
void sorter_free(struct sorter **sorter);
bool sorter_add(struct sorter *sorter, const struct change *change, struct lf_error *err) LF_MUST_CHECK;
/* Writes what is in memory to a run, so that the arena can be given back. */
bool sorter_spill(struct sorter *sorter, struct lf_error *err) LF_MUST_CHECK;
uint64_t sorter_count(const struct sorter *sorter);
/* All that it holds: arena, index and its own records of runs, as allocated. */
uint64_t sorter_memory_bytes(const struct sorter *sorter);
uint64_t sorter_disk_bytes(const struct sorter *sorter);

/* Several sorters as one stream (generations). The sorters must not change while the iterator lives, and each is
 * read by one thread. More than SORTER_FAN_IN runs and arenas are first merged, SORTER_FAN_IN at a time and the
 * smallest first, into a temporary file of the iterator, so it holds SORTER_FAN_IN blocks and one row at most. */
bool sorter_open_iterator(struct sorter *const *sorters, size_t nsorters, struct sorter_iterator **ret_iterator,
                          struct lf_error *err) LF_MUST_CHECK;
/* The next record, valid until the next call; *ret_more false at the end. After an error only close is left. */
bool sorter_next(struct sorter_iterator *iterator, struct change *ret_change, bool *ret_more,
                 struct lf_error *err) LF_MUST_CHECK;
void sorter_close_iterator(struct sorter_iterator **iterator); /* for CLEANUP */

#endif
