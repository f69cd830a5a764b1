/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool.h"

#include "data/sorter_internal.h"
#include "data/spool_slot.h"
#include "data/spool_token.h"
#include "lakefeed/connector.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

static const size_t memory_bytes_least = (size_t)64 << 10;
static const size_t run_block_bytes = (size_t)16 << 10;
static const size_t run_block_bytes_least = 4096;
static const size_t hold_step_bytes = (size_t)64 << 10;

struct cut_record {
    struct spool_cut cut;
    uint64_t tokens_end;
    char cursor[];
};

struct spool {
    pthread_mutex_t lock; /* over everything but the insides of sealed sorters that an iterator reads */
    struct sorter_options sorter_options;
    struct budget *budget;     /* NULL: none */
    struct budget_grant grant; /* of stock */
    struct run_file *file;
    struct token_log tokens;
    struct spool_slot **slots; /* by slot; NULL: never used */
    size_t nslots;
    size_t slots_cap;
    struct cut_record **cuts; /* oldest first */
    size_t ncuts;
    size_t cuts_cap;
    uint64_t released_seq;
    uint64_t open_changes;
    uint64_t spillable_bytes; /* of all sorters */
};

/* Reading needs the lock too, so constness of the spool does not reach it. */
static void lock(const struct spool *spool)
{
    (void)pthread_mutex_lock((pthread_mutex_t *)&spool->lock);
}

static void unlock(const struct spool *spool)
{
    (void)pthread_mutex_unlock((pthread_mutex_t *)&spool->lock);
}

struct spool *spool_new(const struct spool_options *options)
{
    assert(options->memory_bytes >= memory_bytes_least);
    struct spool *spool = mem_new(1, sizeof *spool);
    (void)pthread_mutex_init(&spool->lock, NULL);
    spool->file = run_file_new(options->folder, options->max_disk_bytes);
    spool->sorter_options = (struct sorter_options){.folder = options->folder,
                                                    .file = spool->file,
                                                    .memory_bytes = options->memory_bytes,
                                                    .block_bytes = run_block_bytes};
    spool->budget = options->budget;
    token_log_init(&spool->tokens, spool->file);
    return spool;
}

void spool_free(struct spool **spool_ref)
{
    struct spool *spool = *spool_ref;
    if (spool == NULL) {
        return;
    }
    for (size_t i = 0; i < spool->nslots; i++) {
        assert(spool->slots[i] == NULL || spool->slots[i]->iterators == 0);
        slot_free(&spool->slots[i]);
    }
    for (size_t i = 0; i < spool->ncuts; i++) {
        free(spool->cuts[i]);
    }
    budget_give_back(&spool->grant);
    token_log_done(&spool->tokens);
    run_file_free(&spool->file);
    free(spool->slots);
    free(spool->cuts);
    (void)pthread_mutex_destroy(&spool->lock);
    free(spool);
    *spool_ref = NULL;
}

static struct spool_slot *find_slot(const struct spool *spool, uint32_t slot)
{
    return slot < spool->nslots ? spool->slots[slot] : NULL;
}

static struct spool_slot *make_slot(struct spool *spool, uint32_t slot)
{
    assert(slot < SPOOL_SLOTS_MAX);
    if (slot >= spool->nslots) {
        mem_grow(&spool->slots, &spool->slots_cap, (size_t)slot + 1, sizeof(struct spool_slot *));
        memset(spool->slots + spool->nslots, 0, (slot + 1 - spool->nslots) * sizeof(struct spool_slot *));
        spool->nslots = (size_t)slot + 1;
    }
    if (spool->slots[slot] == NULL) {
        spool->slots[slot] = slot_new();
    }
    return spool->slots[slot];
}

static const struct cut_record *newest_cut(const struct spool *spool)
{
    return spool->ncuts > 0 ? spool->cuts[spool->ncuts - 1] : NULL;
}

bool spool_add_token(struct spool *spool, struct lf_slice token, uint64_t *ret_token, struct lf_error *err)
{
    lock(spool);
    bool ok = token_log_add(&spool->tokens, token, ret_token, err);
    unlock(spool);
    return ok;
}

static struct sorter *largest_sorter(const struct spool *spool)
{
    struct sorter *largest = NULL;
    for (size_t i = 0; i < spool->nslots; i++) {
        struct sorter *sorter = spool->slots[i] != NULL ? slot_largest_sorter(spool->slots[i]) : NULL;
        if (sorter != NULL && (largest == NULL || sorter_spillable_bytes(sorter) > sorter_spillable_bytes(largest))) {
            largest = sorter;
        }
    }
    return largest;
}

/* Spills the largest sorters until not more than `bytes` are left in memory. What iterators hold stays. */
static bool spill_to(struct spool *spool, uint64_t bytes, struct lf_error *err)
{
    while (spool->spillable_bytes > bytes) {
        struct sorter *largest = largest_sorter(spool);
        if (largest == NULL) {
            return true;
        }
        uint64_t before = sorter_spillable_bytes(largest);
        TRY(sorter_spill(largest, err));
        spool->spillable_bytes -= before;
    }
    return true;
}

/* Beyond this a spool holds more than others would like; SIZE_MAX while there is enough. */
static size_t fair_bytes(const struct spool *spool)
{
    return spool->budget != NULL ? budget_fair_stock(spool->budget) : SIZE_MAX;
}

/* What may be held in memory now; asks for more when `bytes` do not fit. Steps grow with what is held, so that the
 * ledger is asked seldom. */
static uint64_t memory_limit(struct spool *spool, uint64_t bytes)
{
    uint64_t most = spool->sorter_options.memory_bytes;
    if (spool->budget == NULL || bytes <= spool->grant.bytes) {
        return spool->budget == NULL ? most : spool->grant.bytes;
    }
    uint64_t wanted = bytes + bytes / 4;
    wanted = wanted < SPOOL_RIGHT_BYTES ? SPOOL_RIGHT_BYTES : wanted < most ? wanted : most;
    budget_hold_stock(spool->budget, SPOOL_RIGHT_BYTES, (size_t)wanted, &spool->grant);
    return spool->grant.bytes;
}

/* What is no longer held is another link's. */
static void give_back(struct spool *spool)
{
    uint64_t needed = (spool->spillable_bytes + hold_step_bytes - 1) / hold_step_bytes * hold_step_bytes;
    if (spool->budget != NULL && needed < spool->grant.bytes) {
        budget_hold_stock(spool->budget, SPOOL_RIGHT_BYTES, (size_t)needed, &spool->grant);
    }
}

/* Room for `bytes` more. Where iterators hold the rest, the limit gives way. */
static bool make_room(struct spool *spool, uint64_t bytes, struct lf_error *err)
{
    uint64_t limit = memory_limit(spool, spool->spillable_bytes + bytes);
    if (spool->spillable_bytes + bytes <= limit) {
        return true;
    }
    TRY(spill_to(spool, limit > bytes ? limit - bytes : 0, err));
    if (spool->grant.bytes > fair_bytes(spool)) {
        give_back(spool);
    }
    return true;
}

void spool_yield(struct spool *spool)
{
    struct lf_error ignored; /* what cannot be put on disk stays where it is */
    lock(spool);
    size_t fair = fair_bytes(spool);
    if (spool->grant.bytes > fair) {
        (void)spill_to(spool, fair, &ignored);
        give_back(spool);
    }
    unlock(spool);
}

/* While there is too little for all, sorters are made with small blocks too: a merge of runs takes SORTER_FAN_IN of
 * them. They are still spilled by the spool alone. */
static struct sorter_options current_options(const struct spool *spool)
{
    struct sorter_options options = spool->sorter_options;
    size_t block = fair_bytes(spool) / SORTER_FAN_IN / 2;
    if (block < options.block_bytes) {
        options.block_bytes = block < run_block_bytes_least ? run_block_bytes_least : block;
    }
    return options;
}

static bool add_change(struct spool *spool, struct spool_slot *slot, const struct change *change, struct lf_error *err)
{
    if (slot->open == NULL) {
        const struct sorter_options options = current_options(spool);
        slot->open = sorter_new(&options);
    }
    TRY(make_room(spool, sorter_growth_bytes(slot->open, change), err));
    uint64_t before = sorter_spillable_bytes(slot->open);
    bool ok = sorter_add(slot->open, change, err);
    spool->spillable_bytes = spool->spillable_bytes - before + sorter_spillable_bytes(slot->open);
    if (ok) {
        slot->open_max_seq = change->seq > slot->open_max_seq ? change->seq : slot->open_max_seq;
        spool->open_changes++;
    }
    return ok;
}

bool spool_add_change(struct spool *spool, uint32_t slot, const struct change *change, struct lf_error *err)
{
    lock(spool);
    assert(newest_cut(spool) == NULL || change->seq > newest_cut(spool)->cut.last_seq);
    bool ok = add_change(spool, make_slot(spool, slot), change, err);
    unlock(spool);
    return ok;
}

void spool_add_event(struct spool *spool, uint32_t slot, struct spool_event *event)
{
    lock(spool);
    slot_add_event(make_slot(spool, slot), event);
    unlock(spool);
}

static void seal_slot(struct spool *spool, struct spool_slot *slot, uint64_t last_seq)
{
    slot_seal(slot, last_seq);
    uint64_t before = slot_spillable_bytes(slot);
    struct sorter_options options = current_options(spool);
    size_t fair = fair_bytes(spool);
    fair = fair < memory_bytes_least ? memory_bytes_least : fair;
    options.memory_bytes = fair < options.memory_bytes ? fair : options.memory_bytes;
    slot_merge_sealed(slot, &options, spool->released_seq);
    spool->spillable_bytes = spool->spillable_bytes - before + slot_spillable_bytes(slot);
}

bool spool_cut(struct spool *spool, struct lf_slice cursor, uint64_t last_seq, int64_t source_time_us,
               struct lf_error *err)
{
    if (cursor.len > LF_TOKEN_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "a cursor of %zu bytes is too long: the limit is %u bytes", cursor.len,
                            LF_TOKEN_MAX);
    }
    struct cut_record *record = mem_new(1, sizeof *record + cursor.len);
    if (cursor.len > 0) {
        memcpy(record->cursor, cursor.ptr, cursor.len);
    }
    record->cut = (struct spool_cut){{record->cursor, cursor.len}, last_seq, source_time_us};
    lock(spool);
    assert(newest_cut(spool) == NULL || last_seq >= newest_cut(spool)->cut.last_seq);
    for (size_t i = 0; i < spool->nslots; i++) {
        if (spool->slots[i] != NULL) {
            seal_slot(spool, spool->slots[i], last_seq);
        }
    }
    record->tokens_end = token_log_cut(&spool->tokens);
    mem_grow(&spool->cuts, &spool->cuts_cap, spool->ncuts + 1, sizeof(struct cut_record *));
    spool->cuts[spool->ncuts++] = record;
    spool->open_changes = 0;
    unlock(spool);
    return true;
}

bool spool_last_cut(const struct spool *spool, struct spool_cut *ret_cut)
{
    lock(spool);
    const struct cut_record *record = newest_cut(spool);
    if (record != NULL) {
        *ret_cut = record->cut;
    }
    unlock(spool);
    return record != NULL;
}

uint64_t spool_open_changes(const struct spool *spool)
{
    lock(spool);
    uint64_t changes = spool->open_changes;
    unlock(spool);
    return changes;
}

uint64_t spool_disk_bytes(const struct spool *spool)
{
    return run_file_bytes(spool->file);
}

uint64_t spool_memory_bytes(const struct spool *spool)
{
    lock(spool);
    uint64_t bytes = sizeof *spool + token_log_memory_bytes(&spool->tokens) +
                     spool->slots_cap * sizeof(struct spool_slot *) + spool->cuts_cap * sizeof(struct cut_record *);
    for (size_t i = 0; i < spool->nslots; i++) {
        bytes += spool->slots[i] != NULL ? slot_memory_bytes(spool->slots[i]) : 0;
    }
    for (size_t i = 0; i < spool->ncuts; i++) {
        bytes += sizeof *spool->cuts[i] + spool->cuts[i]->cut.cursor.len;
    }
    unlock(spool);
    return bytes;
}

static void iterator_closed(void *context, uint32_t slot)
{
    struct spool *spool = context;
    lock(spool);
    assert(spool->slots[slot]->iterators > 0);
    spool->slots[slot]->iterators--;
    unlock(spool);
}

/* The sealed sorters, which stay as they are until iterator_closed. */
static struct sorter **pin_sorters(struct spool *spool, uint32_t slot_number, size_t *ret_count,
                                   uint64_t *ret_released_seq)
{
    lock(spool);
    struct spool_slot *slot = make_slot(spool, slot_number);
    struct sorter **sorters = mem_new(slot->nsealed, sizeof(struct sorter *));
    for (size_t i = 0; i < slot->nsealed; i++) {
        sorters[i] = slot->sealed[i].sorter;
    }
    slot->iterators++;
    *ret_count = slot->nsealed;
    *ret_released_seq = spool->released_seq;
    unlock(spool);
    return sorters;
}

bool spool_open_iterator(struct spool *spool, uint32_t slot, struct sorter_iterator **ret_iterator,
                         struct lf_error *err)
{
    size_t count = 0;
    uint64_t released_seq = 0;
    struct sorter **sorters = pin_sorters(spool, slot, &count, &released_seq);
    bool ok = sorter_open_iterator(sorters, count, ret_iterator, err);
    free(sorters);
    if (!ok) {
        iterator_closed(spool, slot);
        return false;
    }
    sorter_iterator_skip(*ret_iterator, released_seq);
    sorter_iterator_on_close(*ret_iterator, iterator_closed, spool, slot);
    return true;
}

bool spool_has_changes(struct spool *spool, uint32_t slot_number, uint64_t after_seq)
{
    bool found = false;
    lock(spool);
    const struct spool_slot *slot = find_slot(spool, slot_number);
    for (size_t i = 0; slot != NULL && i < slot->nsealed && !found; i++) {
        found = slot->sealed[i].max_seq > after_seq;
    }
    unlock(spool);
    return found;
}

void spool_events(struct spool *spool, uint32_t slot_number, const struct spool_event ***ret_events, size_t *ret_count)
{
    lock(spool);
    const struct spool_slot *slot = find_slot(spool, slot_number);
    size_t count = slot != NULL ? slot->nevents_sealed : 0;
    const struct spool_event **events = mem_new(count, sizeof(struct spool_event *));
    for (size_t i = 0; i < count; i++) {
        events[i] = slot->events[i].event;
    }
    unlock(spool);
    *ret_events = events;
    *ret_count = count;
}

bool spool_token(struct spool *spool, uint64_t token, struct buf *out, struct lf_error *err)
{
    lock(spool);
    bool ok = token_log_read(&spool->tokens, token, out, err);
    unlock(spool);
    return ok;
}

static void release_slot(struct spool *spool, struct spool_slot *slot, uint64_t last_seq)
{
    uint64_t before = slot_spillable_bytes(slot);
    slot_release(slot, last_seq);
    spool->spillable_bytes = spool->spillable_bytes - before + slot_spillable_bytes(slot);
}

static void release_cuts(struct spool *spool, size_t count)
{
    const struct cut_record *last = spool->cuts[count - 1];
    spool->released_seq = last->cut.last_seq;
    token_log_release(&spool->tokens, last->tokens_end);
    for (size_t i = 0; i < spool->nslots; i++) {
        if (spool->slots[i] != NULL) {
            release_slot(spool, spool->slots[i], last->cut.last_seq);
        }
    }
    count -= count == spool->ncuts; /* the newest stays, for its cursor */
    for (size_t i = 0; i < count; i++) {
        free(spool->cuts[i]);
    }
    spool->ncuts -= count;
    memmove(spool->cuts, spool->cuts + count, spool->ncuts * sizeof(struct cut_record *));
}

void spool_release(struct spool *spool, uint64_t up_to_seq)
{
    lock(spool);
    size_t count = 0;
    while (count < spool->ncuts && spool->cuts[count]->cut.last_seq <= up_to_seq) {
        count++;
    }
    if (count > 0) {
        release_cuts(spool, count);
        give_back(spool);
    }
    unlock(spool);
}

void spool_drop_slot(struct spool *spool, uint32_t slot_number)
{
    lock(spool);
    struct spool_slot *slot = find_slot(spool, slot_number);
    if (slot != NULL) {
        release_slot(spool, slot, UINT64_MAX);
        give_back(spool);
    }
    unlock(spool);
}

void spool_abandon_slot(struct spool *spool, uint32_t slot_number)
{
    lock(spool);
    struct spool_slot *slot = find_slot(spool, slot_number);
    if (slot != NULL) {
        release_slot(spool, slot, UINT64_MAX);
        spool->spillable_bytes -= slot->open == NULL ? 0 : sorter_spillable_bytes(slot->open);
        sorter_free(&slot->open);
        give_back(spool);
    }
    unlock(spool);
}
