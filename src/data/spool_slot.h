/* SPDX-License-Identifier: Apache-2.0
 *
 * What a spool holds of one entity: the sorter that is being filled, the sealed ones, and events. The spool's mutex
 * is held by whoever calls.
 */
#ifndef DATA_SPOOL_SLOT_H
#define DATA_SPOOL_SLOT_H

#include "data/spool.h"

struct spool_sealed {
    struct sorter *sorter;
    uint64_t last_seq; /* of the newest generation in it: that one's release frees it */
    uint64_t max_seq;  /* of its changes */
    uint32_t level;    /* how many merges it has behind it */
};

struct spool_slot_event {
    struct spool_event *event;
    uint64_t last_seq; /* as above, once sealed */
};

struct spool_slot {
    struct sorter *open; /* NULL: no change since the cut */
    uint64_t open_max_seq;
    struct spool_sealed *sealed; /* oldest first; levels never grow */
    size_t nsealed;
    size_t sealed_cap;
    struct spool_slot_event *events; /* by seq, sealed ones first */
    size_t nevents;
    size_t nevents_sealed;
    size_t events_cap;
    unsigned iterators; /* open ones: sealed sorters stay as they are */
};

struct spool_slot *slot_new(void);
void slot_free(struct spool_slot **slot);
/* Arenas and indexes: what a spill can give back. */
uint64_t slot_spillable_bytes(const struct spool_slot *slot);
uint64_t slot_memory_bytes(const struct spool_slot *slot);
/* The sorter with most of them; NULL: none that may be spilled. */
struct sorter *slot_largest_sorter(const struct spool_slot *slot);

void slot_add_event(struct spool_slot *slot, struct spool_event *event); /* takes schema and reason */
void slot_seal(struct spool_slot *slot, uint64_t last_seq);
/* Makes one of small neighbours where there are SPOOL_MERGE_AT of a level, and leaves out what has seq ≤
 * released_seq. Only an improvement: when the disk is full, nothing happens. */
void slot_merge_sealed(struct spool_slot *slot, const struct sorter_options *options, uint64_t released_seq);
/* Frees what was sealed by a cut with this last_seq or an earlier one. */
void slot_release(struct spool_slot *slot, uint64_t last_seq);

#endif
