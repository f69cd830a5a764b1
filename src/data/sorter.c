/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sorter.h"

#include "base/buf.h"
#include "base/macros.h"
#include "data/csv.h"
#include "data/sorter_internal.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

static const size_t memory_bytes_least = (size_t)64 << 10;
static const size_t block_bytes_least = 4096;
static const size_t chunk_bytes_least = 256;
static const size_t chunk_bytes_most = (size_t)64 << 10;

struct sorter_chunk {
    struct sorter_chunk *next;
    char bytes[];
};

struct sorter *sorter_new(const struct sorter_options *options)
{
    assert(options->memory_bytes >= memory_bytes_least && options->block_bytes >= block_bytes_least);
    struct sorter *sorter = mem_new(1, sizeof *sorter);
    sorter->options = *options;
    sorter->file = options->file;
    if (sorter->file == NULL) {
        sorter->own_file = run_file_new(options->folder, 0);
        sorter->file = sorter->own_file;
    }
    return sorter;
}

static void free_memory(struct sorter *sorter)
{
    while (sorter->chunks != NULL) {
        struct sorter_chunk *next = sorter->chunks->next;
        free(sorter->chunks);
        sorter->chunks = next;
    }
    free(sorter->entries);
    sorter->entries = NULL;
    sorter->nentries = 0;
    sorter->entries_cap = 0;
    sorter->room = NULL;
    sorter->room_bytes = 0;
    sorter->arena_bytes = 0;
    sorter->record_bytes = 0;
}

void sorter_free(struct sorter **sorter_ref)
{
    struct sorter *sorter = *sorter_ref;
    if (sorter == NULL) {
        return;
    }
    free_memory(sorter);
    for (size_t i = 0; i < sorter->nruns && sorter->own_file == NULL; i++) {
        run_file_release(sorter->file, sorter->runs[i].extent);
    }
    for (size_t i = 0; i < sorter->nrows && sorter->own_file == NULL; i++) {
        run_file_release(sorter->file, sorter->rows[i]);
    }
    run_file_free(&sorter->own_file);
    free(sorter->runs);
    free(sorter->rows);
    free(sorter);
    *sorter_ref = NULL;
}

uint64_t sorter_count(const struct sorter *sorter)
{
    return sorter->count;
}

uint64_t sorter_spillable_bytes(const struct sorter *sorter)
{
    return sorter->arena_bytes + sorter->entries_cap * sizeof sorter->entries[0];
}

uint64_t sorter_memory_bytes(const struct sorter *sorter)
{
    return sizeof *sorter + sorter_spillable_bytes(sorter) + sorter->runs_cap * sizeof sorter->runs[0] +
           sorter->rows_cap * sizeof sorter->rows[0];
}

uint64_t sorter_disk_bytes(const struct sorter *sorter)
{
    return sorter->disk_bytes;
}

void sorter_sort(struct sorter *sorter)
{
    if (!sorter->sorted) {
        sorter_sort_entries(sorter->entries, sorter->nentries);
        sorter->sorted = true;
    }
}

void sorter_reference_write(char *out, const struct sorter_reference *reference)
{
    uint64_t offset = htole64(reference->offset);
    uint32_t len = htole32(reference->len);
    uint32_t origin = htole32(reference->origin);
    memcpy(out, &offset, sizeof offset);
    memcpy(out + 8, &len, sizeof len);
    memcpy(out + 12, &origin, sizeof origin);
}

/* The size of the next chunk: a share of what there is, so that a small sorter stays small and a large one wastes
 * little. A large record has one for itself. */
static size_t chunk_bytes(const struct sorter *sorter, size_t record_size)
{
    uint64_t most = sorter->options.memory_bytes / 8;
    most = most > chunk_bytes_most ? chunk_bytes_most : most;
    uint64_t bytes = sorter->arena_bytes / 2;
    bytes = bytes > most ? most : bytes;
    bytes = bytes < chunk_bytes_least ? chunk_bytes_least : bytes;
    return sizeof(struct sorter_chunk) + (record_size > bytes / 4 ? record_size : (size_t)bytes);
}

static uint64_t growth_bytes(const struct sorter *sorter, size_t record_size)
{
    uint64_t growth = 0;
    if (record_size > sorter->room_bytes) {
        growth += chunk_bytes(sorter, record_size);
    }
    if (sorter->nentries == sorter->entries_cap) {
        size_t more = sorter->entries_cap > 0 ? sorter->entries_cap / 2 : 8; /* as mem_grow does */
        growth += more * sizeof sorter->entries[0];
    }
    return growth;
}

/* The change as it stands in the arena, where a large row is a reference. */
static struct change stored_form(const struct change *change, const char *reference)
{
    struct change stored = *change;
    if (change->row.len > SORTER_INLINE_MAX) {
        stored.flags |= CHANGE_REFERENCE;
        stored.row = (struct lf_slice){reference, SORTER_REFERENCE_BYTES};
    }
    return stored;
}

uint64_t sorter_growth_bytes(const struct sorter *sorter, const struct change *change)
{
    struct change stored = stored_form(change, NULL);
    return growth_bytes(sorter, change_size(&stored));
}

static char *take_room(struct sorter *sorter, size_t size)
{
    if (size > sorter->room_bytes) {
        size_t bytes = chunk_bytes(sorter, size);
        struct sorter_chunk *chunk = mem_resize(NULL, bytes, 1);
        chunk->next = sorter->chunks;
        sorter->chunks = chunk;
        sorter->arena_bytes += bytes;
        bytes -= sizeof *chunk;
        if (bytes == size) { /* exactly this record: the chunk before goes on being filled */
            return chunk->bytes;
        }
        sorter->room = chunk->bytes;
        sorter->room_bytes = bytes;
    }
    char *room = sorter->room;
    sorter->room += size;
    sorter->room_bytes -= size;
    return room;
}

static void append_record(struct sorter *sorter, const struct change *stored, size_t size)
{
    mem_grow(&sorter->entries, &sorter->entries_cap, sorter->nentries + 1, sizeof sorter->entries[0]);
    char *record = take_room(sorter, size);
    change_write(record, stored);
    sorter->entries[sorter->nentries++] = (struct sorter_entry){.record = record};
    sorter->record_bytes += size;
    sorter->sorted = false;
    sorter->count++;
}

static void remember_row(struct sorter *sorter, struct extent row)
{
    sorter->disk_bytes += run_file_extent_bytes(row.len);
    struct extent *last = sorter->nrows > 0 ? &sorter->rows[sorter->nrows - 1] : NULL;
    if (last != NULL && last->offset + run_file_extent_bytes(last->len) == row.offset) {
        last->len = row.offset - last->offset + row.len;
        return;
    }
    mem_grow(&sorter->rows, &sorter->rows_cap, sorter->nrows + 1, sizeof sorter->rows[0]);
    sorter->rows[sorter->nrows++] = row;
}

static bool store_row(struct sorter *sorter, struct lf_slice row, char *ret_reference, struct lf_error *err)
{
    struct extent extent = {0};
    TRY(run_file_reserve(sorter->file, row.len, &extent, err));
    if (!run_file_write(sorter->file, extent.offset, row.ptr, row.len, err)) {
        run_file_release(sorter->file, extent);
        return false;
    }
    remember_row(sorter, extent);
    sorter_reference_write(ret_reference,
                           &(struct sorter_reference){.offset = extent.offset, .len = (uint32_t)row.len});
    return true;
}

static bool check_sizes(const struct change *change, struct lf_error *err)
{
    if (change->key.len > UINT16_MAX || change->from.len > UINT16_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "a key of %zu bytes is too long: the limit is %u bytes",
                            change->key.len > UINT16_MAX ? change->key.len : change->from.len, UINT16_MAX);
    }
    if (change->row.len > CSV_ROW_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "a row of %zu bytes is too long: the limit is %zu bytes", change->row.len,
                            CSV_ROW_MAX);
    }
    return true;
}

bool sorter_add(struct sorter *sorter, const struct change *change, struct lf_error *err)
{
    assert((change->flags & CHANGE_REFERENCE) == 0);
    TRY(check_sizes(change, err));
    char reference[SORTER_REFERENCE_BYTES];
    struct change stored = stored_form(change, reference);
    size_t size = change_size(&stored);
    if (sorter->nentries > 0 &&
        sorter_spillable_bytes(sorter) + growth_bytes(sorter, size) > sorter->options.memory_bytes) {
        TRY(sorter_spill(sorter, err));
    }
    if ((stored.flags & CHANGE_REFERENCE) != 0) {
        TRY(store_row(sorter, change->row, reference, err));
    }
    append_record(sorter, &stored, size);
    return true;
}

static void add_run(struct sorter *sorter, struct extent extent, uint32_t level)
{
    mem_grow(&sorter->runs, &sorter->runs_cap, sorter->nruns + 1, sizeof sorter->runs[0]);
    sorter->runs[sorter->nruns++] = (struct sorter_run){extent, level};
    sorter->disk_bytes += run_file_extent_bytes(extent.len);
}

/* Gives the runs of the level back that stand in `inputs`. */
static void remove_runs(struct sorter *sorter, uint32_t level, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < sorter->nruns; i++) {
        struct sorter_run run = sorter->runs[i];
        if (run.level == level && count > 0) {
            run_file_release(sorter->file, run.extent);
            sorter->disk_bytes -= run_file_extent_bytes(run.extent.len);
            count--;
        } else {
            sorter->runs[kept++] = run;
        }
    }
    sorter->nruns = kept;
}

static size_t collect_runs(const struct sorter *sorter, uint32_t level, struct merge_input *ret_inputs)
{
    size_t count = 0;
    for (size_t i = 0; i < sorter->nruns && count < SORTER_FAN_IN; i++) {
        if (sorter->runs[i].level == level) {
            ret_inputs[count++] = (struct merge_input){.file = sorter->file, .extent = sorter->runs[i].extent};
        }
    }
    return count;
}

/* Bounds the number of runs. Only an improvement: when it fails, the iterator has more to merge. */
static void merge_full_levels(struct sorter *sorter)
{
    struct merge_input inputs[SORTER_FAN_IN];
    for (uint32_t level = 0; collect_runs(sorter, level, inputs) == SORTER_FAN_IN; level++) {
        struct extent merged = {0};
        struct lf_error ignored;
        if (!merge_to_run(inputs, SORTER_FAN_IN, sorter->options.block_bytes, sorter->file, &merged, &ignored)) {
            return;
        }
        remove_runs(sorter, level, SORTER_FAN_IN);
        add_run(sorter, merged, level + 1);
    }
}

bool sorter_spill(struct sorter *sorter, struct lf_error *err)
{
    if (sorter->nentries == 0) {
        return true;
    }
    sorter_sort(sorter);
    struct merge_input input = {.memory = sorter};
    struct extent run = {0};
    TRY(merge_to_run(&input, 1, sorter->options.block_bytes, sorter->file, &run, err));
    free_memory(sorter);
    add_run(sorter, run, 0);
    merge_full_levels(sorter);
    return true;
}
