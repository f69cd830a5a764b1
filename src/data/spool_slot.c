/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool_slot.h"

#include "base/macros.h"
#include "data/sorter_internal.h"

#include <assert.h>
#include <stdlib.h>

struct spool_slot *slot_new(void)
{
    return mem_new(1, sizeof(struct spool_slot));
}

static void free_event(struct spool_event *event)
{
    schema_free(&event->schema);
    free(event->reason);
    free(event);
}

void slot_free(struct spool_slot **slot_ref)
{
    struct spool_slot *slot = *slot_ref;
    if (slot == NULL) {
        return;
    }
    slot_release(slot, UINT64_MAX);
    for (size_t i = 0; i < slot->nevents; i++) {
        free_event(slot->events[i].event);
    }
    sorter_free(&slot->open);
    free(slot->sealed);
    free(slot->events);
    free(slot);
    *slot_ref = NULL;
}

uint64_t slot_spillable_bytes(const struct spool_slot *slot)
{
    uint64_t bytes = slot->open != NULL ? sorter_spillable_bytes(slot->open) : 0;
    for (size_t i = 0; i < slot->nsealed; i++) {
        bytes += sorter_spillable_bytes(slot->sealed[i].sorter);
    }
    return bytes;
}

uint64_t slot_memory_bytes(const struct spool_slot *slot)
{
    uint64_t bytes =
        sizeof *slot + slot->sealed_cap * sizeof slot->sealed[0] + slot->events_cap * sizeof slot->events[0];
    bytes += slot->open != NULL ? sorter_memory_bytes(slot->open) : 0;
    for (size_t i = 0; i < slot->nsealed; i++) {
        bytes += sorter_memory_bytes(slot->sealed[i].sorter);
    }
    for (size_t i = 0; i < slot->nevents; i++) {
        const struct spool_event *event = slot->events[i].event;
        bytes += sizeof *event + (event->schema != NULL ? sizeof *event->schema + event->schema->arena.used_bytes : 0) +
                 (event->reason != NULL ? strlen(event->reason) + 1 : 0);
    }
    return bytes;
}

struct sorter *slot_largest_sorter(const struct spool_slot *slot)
{
    struct sorter *largest = slot->open;
    uint64_t bytes = largest != NULL ? sorter_spillable_bytes(largest) : 0;
    for (size_t i = 0; i < slot->nsealed && slot->iterators == 0; i++) {
        struct sorter *sorter = slot->sealed[i].sorter;
        if (sorter_spillable_bytes(sorter) > bytes) {
            largest = sorter;
            bytes = sorter_spillable_bytes(sorter);
        }
    }
    return bytes > 0 ? largest : NULL;
}

void slot_add_event(struct spool_slot *slot, struct spool_event *event)
{
    struct spool_event *own = mem_new(1, sizeof *own);
    *own = *event;
    event->schema = NULL;
    event->reason = NULL;
    mem_grow(&slot->events, &slot->events_cap, slot->nevents + 1, sizeof slot->events[0]);
    size_t at = slot->nevents++;
    for (; at > slot->nevents_sealed && slot->events[at - 1].event->seq > own->seq; at--) {
        slot->events[at] = slot->events[at - 1];
    }
    slot->events[at] = (struct spool_slot_event){.event = own};
}

static void push_sealed(struct spool_slot *slot, struct spool_sealed sealed)
{
    mem_grow(&slot->sealed, &slot->sealed_cap, slot->nsealed + 1, sizeof slot->sealed[0]);
    slot->sealed[slot->nsealed++] = sealed;
}

void slot_seal(struct spool_slot *slot, uint64_t last_seq)
{
    for (; slot->nevents_sealed < slot->nevents; slot->nevents_sealed++) {
        slot->events[slot->nevents_sealed].last_seq = last_seq;
    }
    if (slot->open == NULL || sorter_count(slot->open) == 0) {
        return;
    }
    assert(slot->open_max_seq <= last_seq);
    push_sealed(slot, (struct spool_sealed){slot->open, last_seq, slot->open_max_seq, 0});
    slot->open = NULL;
    slot->open_max_seq = 0;
}

/* How many of the newest are of the same level and small enough together to be merged while a cut waits; 0: leave
 * them. */
static size_t mergeable(const struct spool_slot *slot, const struct sorter_options *options)
{
    if (slot->iterators > 0 || slot->nsealed < SPOOL_MERGE_AT) {
        return 0;
    }
    const struct spool_sealed *sealed = slot->sealed + slot->nsealed - SPOOL_MERGE_AT;
    uint64_t bytes = 0;
    for (size_t i = 0; i < SPOOL_MERGE_AT; i++) {
        bytes += sorter_memory_bytes(sealed[i].sorter) + sorter_disk_bytes(sealed[i].sorter);
        if (sealed[i].level != sealed[0].level) {
            return 0;
        }
    }
    return bytes <= options->memory_bytes ? SPOOL_MERGE_AT : 0;
}

static bool copy_changes(const struct spool_sealed *sealed, size_t count, uint64_t released_seq, struct sorter *into,
                         struct lf_error *err)
{
    struct sorter *sorters[SPOOL_MERGE_AT];
    for (size_t i = 0; i < count; i++) {
        sorters[i] = sealed[i].sorter;
    }
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    TRY(sorter_open_iterator(sorters, count, &iterator, err));
    sorter_iterator_skip(iterator, released_seq);
    for (;;) {
        struct change change;
        bool more = false;
        TRY(sorter_next(iterator, &change, &more, err));
        if (!more) {
            return true;
        }
        TRY(sorter_add(into, &change, err));
    }
}

static bool merge_newest(struct spool_slot *slot, size_t count, const struct sorter_options *options,
                         uint64_t released_seq)
{
    size_t first = slot->nsealed - count;
    struct lf_error ignored;
    /* Beside its inputs in memory the result takes a small share of the budget, then goes to disk. */
    struct sorter_options small = *options;
    small.memory_bytes = options->memory_bytes / 16 < (size_t)64 << 10 ? (size_t)64 << 10 : options->memory_bytes / 16;
    struct spool_sealed merged = slot->sealed[slot->nsealed - 1];
    merged.level++;
    merged.sorter = sorter_new(&small);
    if (!copy_changes(slot->sealed + first, count, released_seq, merged.sorter, &ignored)) {
        sorter_free(&merged.sorter);
        return false;
    }
    for (size_t i = first; i < slot->nsealed; i++) {
        sorter_free(&slot->sealed[i].sorter);
    }
    slot->nsealed = first;
    push_sealed(slot, merged);
    return true;
}

void slot_merge_sealed(struct spool_slot *slot, const struct sorter_options *options, uint64_t released_seq)
{
    for (size_t count = mergeable(slot, options); count > 0; count = mergeable(slot, options)) {
        if (!merge_newest(slot, count, options, released_seq)) {
            return;
        }
    }
}

static void release_sealed(struct spool_slot *slot, uint64_t last_seq)
{
    size_t count = 0;
    for (; count < slot->nsealed && slot->sealed[count].last_seq <= last_seq; count++) {
        assert(slot->iterators == 0);
        sorter_free(&slot->sealed[count].sorter);
    }
    if (count > 0) {
        slot->nsealed -= count;
        memmove(slot->sealed, slot->sealed + count, slot->nsealed * sizeof slot->sealed[0]);
    }
}

static void release_events(struct spool_slot *slot, uint64_t last_seq)
{
    size_t count = 0;
    for (; count < slot->nevents_sealed && slot->events[count].last_seq <= last_seq; count++) {
        free_event(slot->events[count].event);
    }
    if (count > 0) {
        slot->nevents -= count;
        slot->nevents_sealed -= count;
        memmove(slot->events, slot->events + count, slot->nevents * sizeof slot->events[0]);
    }
}

void slot_release(struct spool_slot *slot, uint64_t last_seq)
{
    release_sealed(slot, last_seq);
    release_events(slot, last_seq);
}
