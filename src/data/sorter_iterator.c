/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "data/csv.h"
#include "data/sorter_internal.h"

#include <assert.h>
#include <stdlib.h>

struct sorter_iterator {
    struct run_file **files; /* of each sorter: large rows stand there */
    size_t nfiles;
    struct run_file *scratch; /* own runs, when there were too many inputs */
    struct merge merge;
    char *row;
    size_t row_size;
    uint64_t after_seq;
    void (*closed)(void *context, uint32_t slot);
    void *context;
    uint32_t slot;
};

/* Inputs in the order in which they are merged; what was merged goes to the end. */
struct input_queue {
    struct merge_input *inputs;
    size_t begin;
    size_t end;
};

static void input_queue_done(struct input_queue *queue)
{
    free(queue->inputs);
}

static int compare_bytes(const void *a, const void *b)
{
    uint64_t left = ((const struct merge_input *)a)->bytes;
    uint64_t right = ((const struct merge_input *)b)->bytes;
    return (left > right) - (left < right);
}

static void push_inputs(struct input_queue *queue, struct sorter *sorter, uint32_t origin)
{
    if (sorter->nentries > 0) {
        sorter_sort(sorter);
        queue->inputs[queue->end++] =
            (struct merge_input){.memory = sorter, .origin = origin, .bytes = sorter->record_bytes};
    }
    for (size_t i = 0; i < sorter->nruns; i++) {
        struct extent extent = sorter->runs[i].extent;
        queue->inputs[queue->end++] =
            (struct merge_input){.file = sorter->file, .extent = extent, .origin = origin, .bytes = extent.len};
    }
}

static struct input_queue collect_inputs(struct sorter *const *sorters, size_t nsorters)
{
    size_t count = 0;
    for (size_t i = 0; i < nsorters; i++) {
        count += sorters[i]->nruns + 1;
    }
    /* Each merge takes at least two inputs away and adds one. */
    struct input_queue queue = {.inputs = mem_new(2 * count, sizeof queue.inputs[0])};
    for (size_t i = 0; i < nsorters; i++) {
        push_inputs(&queue, sorters[i], (uint32_t)i);
    }
    qsort(queue.inputs, queue.end, sizeof queue.inputs[0], compare_bytes);
    return queue;
}

/* Merges the smallest inputs until the rest can be merged at once. */
static bool reduce_inputs(struct sorter_iterator *iterator, struct input_queue *queue,
                          const struct sorter_options *options, struct lf_error *err)
{
    while (queue->end - queue->begin > SORTER_FAN_IN) {
        size_t count = queue->end - queue->begin - SORTER_FAN_IN + 1;
        count = count > SORTER_FAN_IN ? SORTER_FAN_IN : count;
        const struct merge_input *inputs = queue->inputs + queue->begin;
        struct merge_input merged = {.mixed = true};
        if (iterator->scratch == NULL) {
            iterator->scratch = run_file_new(options->folder, 0);
        }
        merged.file = iterator->scratch;
        TRY(merge_to_run(inputs, count, options->block_bytes, iterator->scratch, &merged.extent, err));
        for (size_t i = 0; i < count; i++) {
            if (inputs[i].mixed) {
                run_file_release(iterator->scratch, inputs[i].extent);
            }
        }
        queue->begin += count;
        queue->inputs[queue->end++] = merged;
    }
    return true;
}

bool sorter_open_iterator(struct sorter *const *sorters, size_t nsorters, struct sorter_iterator **ret_iterator,
                          struct lf_error *err)
{
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = mem_new(1, sizeof *iterator);
    iterator->files = mem_new(nsorters, sizeof(struct run_file *));
    iterator->nfiles = nsorters;
    for (size_t i = 0; i < nsorters; i++) {
        iterator->files[i] = sorters[i]->file;
    }
    CLEANUP(input_queue_done) struct input_queue queue = collect_inputs(sorters, nsorters);
    if (nsorters > 0) {
        const struct sorter_options *options = &sorters[0]->options;
        TRY(reduce_inputs(iterator, &queue, options, err));
        TRY(merge_open(&iterator->merge, queue.inputs + queue.begin, queue.end - queue.begin, options->block_bytes,
                       err));
    }
    *ret_iterator = iterator;
    iterator = NULL;
    return true;
}

void sorter_close_iterator(struct sorter_iterator **iterator_ref)
{
    struct sorter_iterator *iterator = *iterator_ref;
    if (iterator == NULL) {
        return;
    }
    merge_done(&iterator->merge);
    if (iterator->closed != NULL) {
        iterator->closed(iterator->context, iterator->slot);
    }
    run_file_free(&iterator->scratch);
    free(iterator->files);
    free(iterator->row);
    free(iterator);
    *iterator_ref = NULL;
}

void sorter_iterator_skip(struct sorter_iterator *iterator, uint64_t after_seq)
{
    iterator->after_seq = after_seq;
}

void sorter_iterator_on_close(struct sorter_iterator *iterator, void (*closed)(void *context, uint32_t slot),
                              void *context, uint32_t slot)
{
    iterator->closed = closed;
    iterator->context = context;
    iterator->slot = slot;
}

static bool read_row(struct sorter_iterator *iterator, const struct merge_record *record, struct lf_slice *ret_row,
                     struct lf_error *err)
{
    struct sorter_reference reference = {0};
    TRY(merge_reference(record, &reference, err));
    if (reference.len > CSV_ROW_MAX || reference.origin >= iterator->nfiles) {
        return lf_error_set(err, LF_INTERNAL, 0,
                            "a reference in the spool is damaged; restart lakefeed, nothing is lost");
    }
    if (reference.len > iterator->row_size) {
        free(iterator->row);
        iterator->row = mem_resize(NULL, reference.len, 1);
        iterator->row_size = reference.len;
    }
    TRY(run_file_read(iterator->files[reference.origin], reference.offset, iterator->row, reference.len, err));
    *ret_row = (struct lf_slice){iterator->row, reference.len};
    return true;
}

bool sorter_next(struct sorter_iterator *iterator, struct change *ret_change, bool *ret_more, struct lf_error *err)
{
    const struct merge_record *record = NULL;
    do {
        TRY(merge_next(&iterator->merge, &record, err));
    } while (record != NULL && iterator->after_seq > 0 && record->change.seq <= iterator->after_seq);
    *ret_more = record != NULL;
    if (record == NULL) {
        return true;
    }
    struct change change = record->change;
    if ((change.flags & CHANGE_REFERENCE) != 0) {
        TRY(read_row(iterator, record, &change.row, err));
        change.flags &= (uint8_t)~CHANGE_REFERENCE;
    }
    *ret_change = change;
    return true;
}
