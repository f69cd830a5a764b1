/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the sorter, and the spool, share: the sorter itself, its merge, and hooks of the iterator.
 */
#ifndef DATA_SORTER_INTERNAL_H
#define DATA_SORTER_INTERNAL_H

#include "data/sorter.h"
#include "data/sorter_run.h"

/* A record in memory and a piece of its key that decides most comparisons without looking at it. */
struct sorter_entry {
    uint64_t prefix; /* filled by sorter_sort_entries */
    const char *record;
};

struct sorter_chunk; /* a piece of the arena */

struct sorter_run {
    struct extent extent;
    uint32_t level; /* how many merges it has behind it */
};

struct sorter {
    struct sorter_options options;
    struct run_file *file;
    struct run_file *own_file; /* freed with the sorter; NULL when the file is shared */
    struct sorter_chunk *chunks;
    char *room; /* in the chunk that is being filled */
    size_t room_bytes;
    uint64_t arena_bytes;  /* chunks as allocated */
    uint64_t record_bytes; /* records in memory */
    struct sorter_entry *entries;
    size_t nentries;
    size_t entries_cap;
    bool sorted;
    struct sorter_run *runs;
    size_t nruns;
    size_t runs_cap;
    struct extent *rows; /* large rows; neighbours in the file are one extent */
    size_t nrows;
    size_t rows_cap;
    uint64_t count; /* all records, on disk too */
    uint64_t disk_bytes;
};

/* The row of a CHANGE_REFERENCE record: where the real one stands. */
#define SORTER_REFERENCE_BYTES ((size_t)16)
struct sorter_reference {
    uint64_t offset;
    uint32_t len;
    uint32_t origin; /* in a run of an iterator: which of its sorters the offset belongs to; else 0 */
};
void sorter_reference_write(char *out, const struct sorter_reference *reference);

void sorter_sort_entries(struct sorter_entry *entries, size_t count);
/* Sorts what is in memory, once. */
void sorter_sort(struct sorter *sorter);
/* By how much arena and index would grow if the change were added now. */
uint64_t sorter_growth_bytes(const struct sorter *sorter, const struct change *change);
/* What a spill would give back. */
uint64_t sorter_spillable_bytes(const struct sorter *sorter);

/* One input of a merge: the memory of a sorter, or a run. */
struct merge_input {
    const struct sorter *memory; /* sorted; NULL: a run */
    struct run_file *file;
    struct extent extent;
    uint32_t origin;
    bool mixed; /* a run of an iterator, whose references name their origin */
    uint64_t bytes;
};

struct merge_source;

struct merge {
    struct merge_source *sources;
    size_t nsources;
    struct merge_source **heap; /* the least on top */
    size_t nheap;
    bool started;
};

/* The record on top of a merge. */
struct merge_record {
    struct change change;
    const char *bytes;
    size_t len;
    uint32_t origin; /* of the input; meaningless when mixed */
    bool mixed;
};

bool merge_open(struct merge *merge, const struct merge_input *inputs, size_t ninputs, size_t block_bytes,
                struct lf_error *err) LF_MUST_CHECK;
void merge_done(struct merge *merge);
/* NULL at the end; valid until the next call. */
bool merge_next(struct merge *merge, const struct merge_record **ret_record, struct lf_error *err) LF_MUST_CHECK;
/* All inputs as one run; each of its references names the origin of its input. */
bool merge_to_run(const struct merge_input *inputs, size_t ninputs, size_t block_bytes, struct run_file *into,
                  struct extent *ret_extent, struct lf_error *err) LF_MUST_CHECK;
/* Where the row of a reference stands; INTERNAL when it is none. */
bool merge_reference(const struct merge_record *record, struct sorter_reference *ret_reference,
                     struct lf_error *err) LF_MUST_CHECK;

/* Leaves out what has seq ≤ after_seq. */
void sorter_iterator_skip(struct sorter_iterator *iterator, uint64_t after_seq);
/* Called once, when the iterator is closed. */
void sorter_iterator_on_close(struct sorter_iterator *iterator, void (*closed)(void *context, uint32_t slot),
                              void *context, uint32_t slot);

#endif
