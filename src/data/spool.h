/* SPDX-License-Identifier: Apache-2.0
 *
 * What the feed has received and no commit holds yet: changes and events of all entities of one link, in generations. A
 * cut seals the current generation at a transaction boundary. A cache: nothing of it survives the process.
 *
 *   spool_new → (spool_add_token, spool_add_change, spool_add_event)… → spool_cut → spool_open_iterator/spool_events
 *             → spool_release (after the commit) → … → spool_free
 *
 * Threads: adds and cuts from one thread, everything on sealed generations from one other (several, if each has its own
 * entities). One mutex; whoever holds it may be spilling, so the other side can wait for the time of one run's write.
 * Entities are known by a slot, a small number (below SPOOL_SLOTS_MAX) that the caller gives and never gives twice.
 *
 * Memory: an entity without changes costs nothing, one with changes at least about 600 bytes in each generation. When
 * arenas and indexes of all generations together would pass memory_bytes, the largest is spilled, sealed ones too
 * unless an iterator is open on them. All runs, large rows and tokens share one file, so one descriptor. With a ledger
 * the bound is what that grants: SPOOL_RIGHT_BYTES always, more as long as there is some; what is released goes back.
 *
 * Generations that pile up (runs that fail): of SPOOL_MERGE_AT small neighbours of one entity a cut makes one, so their
 * number grows with the logarithm of the cuts. That is not visible: what was released never comes out again.
 *
 * Errors of adds: TRANSIENT (disk full), LIMIT (max_disk_bytes; a key, row or token that is too large). A failed call
 * has added nothing, and the spool goes on: a release makes room.
 */
#ifndef DATA_SPOOL_H
#define DATA_SPOOL_H

#include "base/budget.h"
#include "data/change.h"
#include "data/schema.h"
#include "data/sorter.h"
#include "lakefeed/error.h"

#define SPOOL_SLOTS_MAX (1u << 20)
#define SPOOL_MERGE_AT 8u
#define SPOOL_RIGHT_BYTES ((size_t)64 << 10)

struct spool;

struct spool_options {
    const char *folder;      /* for runs; borrowed */
    struct budget *budget;   /* borrowed; NULL: memory_bytes is the spool's own */
    size_t memory_bytes;     /* of all generations together, before the largest sorters are spilled; ≥ 64 KiB */
    uint64_t max_disk_bytes; /* LIMIT beyond it; 0: none */
};

enum spool_event_kind { SPOOL_TRUNCATE, SPOOL_SCHEMA, SPOOL_RELOAD, SPOOL_FAULT };

/* An event of one entity that is not a row. Owned by the spool once added. */
struct spool_event {
    enum spool_event_kind kind;
    uint64_t seq;
    uint64_t token;        /* as in struct change */
    struct schema *schema; /* SCHEMA, and RELOAD with a new shape: the source's schema as reported; else NULL */
    enum lf_error_kind fault;
    char *reason; /* RELOAD, FAULT; else NULL */
};

/* A sealed cut. */
struct spool_cut {
    struct lf_slice cursor; /* borrowed from the spool until it is released */
    uint64_t last_seq;      /* every change of it and of earlier generations has seq ≤ this */
    int64_t source_time_us; /* commit time of its last transaction, 0: unknown */
};

struct spool *spool_new(const struct spool_options *options);
void spool_free(struct spool **spool);

/* Stores a transaction token; the result, never 0, names it in changes and events up to the next cut. The same token
 * again is stored once. */
bool spool_add_token(struct spool *spool, struct lf_slice token, uint64_t *ret_token,
                     struct lf_error *err) LF_MUST_CHECK;
/* change->seq lies above last_seq of the newest cut. */
bool spool_add_change(struct spool *spool, uint32_t slot, const struct change *change,
                      struct lf_error *err) LF_MUST_CHECK;
/* Takes schema and reason out of *event. */
void spool_add_event(struct spool *spool, uint32_t slot, struct spool_event *event);

/* Seals what was added since the last cut, also when that is nothing. Only at a transaction boundary. */
bool spool_cut(struct spool *spool, struct lf_slice cursor, uint64_t last_seq, int64_t source_time_us,
               struct lf_error *err) LF_MUST_CHECK;
/* The newest cut; false when there is none. */
bool spool_last_cut(const struct spool *spool, struct spool_cut *ret_cut);
/* Bytes and changes added since the last cut, and in all generations together. */
uint64_t spool_open_changes(const struct spool *spool);
uint64_t spool_disk_bytes(const struct spool *spool);
uint64_t spool_memory_bytes(const struct spool *spool);
/* Where other links were refused memory: puts on disk what goes beyond a fair share, as far as the disk takes it. From
 * the thread that adds, when it has nothing else to do. */
void spool_yield(struct spool *spool);

/* All sealed changes of an entity, by (key, seq). Closed before they are released or dropped. */
bool spool_open_iterator(struct spool *spool, uint32_t slot, struct sorter_iterator **ret_iterator,
                         struct lf_error *err) LF_MUST_CHECK;
/* Whether any sealed change of the entity has seq > after_seq. */
bool spool_has_changes(struct spool *spool, uint32_t slot, uint64_t after_seq);
/* Sealed events of an entity by seq, borrowed until the next release; *ret_events has *ret_count pointers and is the
 * caller's to free(). */
void spool_events(struct spool *spool, uint32_t slot, const struct spool_event ***ret_events, size_t *ret_count);
/* Appends the token that an unreleased change or event names. INTERNAL when there is none. */
bool spool_token(struct spool *spool, uint64_t token, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

/* Frees sealed generations whose last_seq ≤ up_to_seq, their tokens too, but always keeps the newest cut's cursor. */
void spool_release(struct spool *spool, uint64_t up_to_seq);
/* Frees what sealed generations hold of an entity. */
void spool_drop_slot(struct spool *spool, uint32_t slot);
/* Frees all of an entity, the open generation too: of what the open transaction has brought of it nothing stays. From the thread that
 * adds, while no iterator of the entity is open. */
void spool_abandon_slot(struct spool *spool, uint32_t slot);

#endif
