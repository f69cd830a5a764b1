/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap of sources, the least record on top.
 */
#include "base/macros.h"
#include "data/change_layout.h"
#include "data/sorter_internal.h"

#include <assert.h>
#include <stdlib.h>

static const size_t prefetch_distance = 4; /* records in memory are read in an order that the processor cannot guess */

struct merge_source {
    const struct sorter_entry *at; /* memory */
    const struct sorter_entry *end;
    struct run_reader run; /* file NULL: memory */
    uint64_t prefix;
    struct merge_record head;
};

static bool damaged(struct lf_error *err)
{
    return lf_error_set(err, LF_INTERNAL, 0, "a record of the spool is damaged; restart lakefeed, nothing is lost");
}

static void next_in_memory(struct merge_source *source)
{
    source->head.bytes = NULL;
    if (source->at == source->end) {
        return;
    }
    if ((size_t)(source->end - source->at) > prefetch_distance) {
        __builtin_prefetch(source->at[prefetch_distance].record);
    }
    source->head.bytes = source->at->record;
    source->head.len = CHANGE_SEQ_AT + (size_t)change_load_u32(source->head.bytes);
    source->at++;
}

/* head.bytes is NULL at the end. */
static bool source_next(struct merge_source *source, struct lf_error *err)
{
    struct merge_record *head = &source->head;
    if (source->run.file == NULL) {
        next_in_memory(source);
    } else {
        TRY(run_reader_next(&source->run, &head->bytes, &head->len, err));
    }
    if (head->bytes == NULL) {
        return true;
    }
    size_t size = 0;
    if (!change_read(head->bytes, head->len, &head->change, &size) || size != head->len) {
        return damaged(err);
    }
    source->prefix = change_key_prefix(head->change.key.ptr, head->change.key.len);
    return true;
}

static bool source_less(const struct merge_source *a, const struct merge_source *b)
{
    return a->prefix != b->prefix ? a->prefix < b->prefix : change_compare(&a->head.change, &b->head.change) < 0;
}

static void sift_down(struct merge *merge, size_t at)
{
    struct merge_source **heap = merge->heap;
    for (size_t child = 2 * at + 1; child < merge->nheap; child = 2 * at + 1) {
        if (child + 1 < merge->nheap && source_less(heap[child + 1], heap[child])) {
            child++;
        }
        if (!source_less(heap[child], heap[at])) {
            return;
        }
        struct merge_source *source = heap[at];
        heap[at] = heap[child];
        heap[child] = source;
        at = child;
    }
}

static void open_source(struct merge_source *source, const struct merge_input *input, size_t block_bytes)
{
    *source = (struct merge_source){.head = {.origin = input->origin, .mixed = input->mixed}};
    if (input->memory != NULL) {
        source->at = input->memory->entries;
        source->end = source->at + input->memory->nentries;
    } else {
        run_reader_init(&source->run, input->file, input->extent, block_bytes);
    }
}

static bool fill_heap(struct merge *merge, struct lf_error *err)
{
    for (size_t i = 0; i < merge->nsources; i++) {
        TRY(source_next(&merge->sources[i], err));
        if (merge->sources[i].head.bytes != NULL) {
            merge->heap[merge->nheap++] = &merge->sources[i];
        }
    }
    for (size_t i = merge->nheap / 2; i-- > 0;) {
        sift_down(merge, i);
    }
    return true;
}

bool merge_open(struct merge *merge, const struct merge_input *inputs, size_t ninputs, size_t block_bytes,
                struct lf_error *err)
{
    assert(ninputs <= SORTER_FAN_IN);
    *merge = (struct merge){.sources = mem_new(ninputs, sizeof merge->sources[0]),
                            .nsources = ninputs,
                            .heap = mem_new(ninputs, sizeof(struct merge_source *))};
    for (size_t i = 0; i < ninputs; i++) {
        open_source(&merge->sources[i], &inputs[i], block_bytes);
    }
    if (!fill_heap(merge, err)) {
        merge_done(merge);
        return false;
    }
    return true;
}

void merge_done(struct merge *merge)
{
    for (size_t i = 0; i < merge->nsources; i++) {
        run_reader_done(&merge->sources[i].run);
    }
    free(merge->sources);
    free(merge->heap);
    *merge = (struct merge){0};
}

bool merge_next(struct merge *merge, const struct merge_record **ret_record, struct lf_error *err)
{
    /* The record handed out last stays where it is until now. */
    if (merge->started && merge->nheap > 0) {
        TRY(source_next(merge->heap[0], err));
        if (merge->heap[0]->head.bytes == NULL) {
            merge->heap[0] = merge->heap[--merge->nheap];
        }
        sift_down(merge, 0);
    }
    merge->started = true;
    *ret_record = merge->nheap > 0 ? &merge->heap[0]->head : NULL;
    return true;
}

bool merge_reference(const struct merge_record *record, struct sorter_reference *ret_reference, struct lf_error *err)
{
    if (record->change.row.len != SORTER_REFERENCE_BYTES) {
        return damaged(err);
    }
    const char *at = record->change.row.ptr;
    *ret_reference = (struct sorter_reference){.offset = change_load_u64(at),
                                               .len = change_load_u32(at + 8),
                                               .origin = record->mixed ? change_load_u32(at + 12) : record->origin};
    return true;
}

static bool copy_record(struct run_writer *writer, const struct merge_record *record, struct lf_error *err)
{
    if ((record->change.flags & CHANGE_REFERENCE) == 0) {
        return run_writer_add(writer, record->bytes, record->len, err);
    }
    struct sorter_reference reference;
    char bytes[SORTER_REFERENCE_BYTES];
    TRY(merge_reference(record, &reference, err));
    sorter_reference_write(bytes, &reference);
    TRY(run_writer_add(writer, record->bytes, record->len - sizeof bytes, err));
    return run_writer_add(writer, bytes, sizeof bytes, err);
}

bool merge_to_run(const struct merge_input *inputs, size_t ninputs, size_t block_bytes, struct run_file *into,
                  struct extent *ret_extent, struct lf_error *err)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < ninputs; i++) {
        bytes += inputs[i].memory != NULL ? inputs[i].memory->record_bytes : inputs[i].extent.len;
    }
    CLEANUP(run_writer_done) struct run_writer writer = {0};
    TRY(run_writer_open(&writer, into, bytes, err));
    CLEANUP(merge_done) struct merge merge = {0};
    TRY(merge_open(&merge, inputs, ninputs, block_bytes, err));
    const struct merge_record *record = NULL;
    TRY(merge_next(&merge, &record, err));
    while (record != NULL) {
        TRY(copy_record(&writer, record, err));
        TRY(merge_next(&merge, &record, err));
    }
    return run_writer_finish(&writer, ret_extent, err);
}
