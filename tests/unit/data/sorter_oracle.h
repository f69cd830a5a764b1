/* SPDX-License-Identifier: Apache-2.0
 *
 * The naive sorter that the real one is compared with: all records in memory, the C library's qsort. With it: random
 * changes, a folder for temporary files, and the process limits that stand in for a full disk.
 */
#ifndef UNIT_DATA_SORTER_ORACLE_H
#define UNIT_DATA_SORTER_ORACLE_H

#include "base/macros.h"
#include "base/random.h"
#include "data/sorter.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

struct oracle_record {
    struct change change; /* slices own their bytes */
    uint32_t slot;
};

struct oracle {
    struct oracle_record *records;
    size_t count;
    size_t cap;
};

static inline const char *oracle_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL ? folder : "/tmp";
}

static inline uint64_t oracle_seed(void)
{
    const char *text = getenv("LAKEFEED_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20240601;
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline struct lf_slice oracle_copy(struct lf_slice slice)
{
    return (struct lf_slice){text_copy_len(slice.ptr, slice.len), slice.len};
}

static inline void oracle_add(struct oracle *oracle, uint32_t slot, const struct change *change)
{
    mem_grow(&oracle->records, &oracle->cap, oracle->count + 1, sizeof oracle->records[0]);
    struct oracle_record *record = &oracle->records[oracle->count++];
    *record = (struct oracle_record){*change, slot};
    record->change.key = oracle_copy(change->key);
    record->change.from = oracle_copy(change->from);
    record->change.row = oracle_copy(change->row);
}

static inline void oracle_record_done(struct oracle_record *record)
{
    free((void *)record->change.key.ptr);
    free((void *)record->change.from.ptr);
    free((void *)record->change.row.ptr);
}

static inline void oracle_done(struct oracle *oracle)
{
    for (size_t i = 0; i < oracle->count; i++) {
        oracle_record_done(&oracle->records[i]);
    }
    free(oracle->records);
    *oracle = (struct oracle){0};
}

/* Forgets the records of the slot (UINT32_MAX: of all) with seq ≤ last_seq. */
static inline void oracle_forget(struct oracle *oracle, uint32_t slot, uint64_t last_seq)
{
    size_t kept = 0;
    for (size_t i = 0; i < oracle->count; i++) {
        struct oracle_record *record = &oracle->records[i];
        if ((slot == UINT32_MAX || slot == record->slot) && record->change.seq <= last_seq) {
            oracle_record_done(record);
        } else {
            oracle->records[kept++] = *record;
        }
    }
    oracle->count = kept;
}

/* The definition of the order, apart from the code under test. */
static inline int oracle_compare(const void *a, const void *b)
{
    const struct change *left = *(const struct change *const *)a;
    const struct change *right = *(const struct change *const *)b;
    size_t len = left->key.len < right->key.len ? left->key.len : right->key.len;
    int order = memcmp(left->key.ptr, right->key.ptr, len);
    if (order == 0 && left->key.len != right->key.len) {
        order = left->key.len < right->key.len ? -1 : 1;
    }
    return order != 0 ? order : (left->seq > right->seq) - (left->seq < right->seq);
}

static inline bool oracle_same(const struct change *a, const struct change *b)
{
    return a->seq == b->seq && a->token == b->token && a->schema_version == b->schema_version && a->op == b->op &&
           a->flags == b->flags && slice_equal(a->key, b->key) && slice_equal(a->from, b->from) &&
           slice_equal(a->row, b->row);
}

/* Reads the iterator to its end and compares with the slot's records up to last_seq. */
static inline void oracle_expect(const struct oracle *oracle, uint32_t slot, uint64_t last_seq,
                                 struct sorter_iterator *iterator)
{
    const struct change **sorted = mem_new(oracle->count, sizeof(const struct change *));
    size_t count = 0;
    for (size_t i = 0; i < oracle->count; i++) {
        if (oracle->records[i].slot == slot && oracle->records[i].change.seq <= last_seq) {
            sorted[count++] = &oracle->records[i].change;
        }
    }
    qsort(sorted, count, sizeof(const struct change *), oracle_compare);
    struct lf_error err;
    struct change change;
    bool more = false;
    for (size_t i = 0; i < count; i++) {
        assert_true(sorter_next(iterator, &change, &more, &err));
        assert_true(more);
        assert_true(oracle_same(&change, sorted[i]));
    }
    assert_true(sorter_next(iterator, &change, &more, &err));
    assert_false(more);
    free(sorted);
}

/* Random changes: keys from few values, so that they repeat, with common beginnings and zero bytes. */
struct oracle_maker {
    struct random_seeded seeded;
    uint64_t seq;
    unsigned keys;        /* different ones */
    size_t row_max;       /* of most rows */
    unsigned large_every; /* one in so many rows is larger than SORTER_INLINE_MAX; 0: none */
    char key[64];
    char from[64];
    char *row;
};

static inline void oracle_maker_done(struct oracle_maker *maker)
{
    free(maker->row);
}

static inline struct lf_slice oracle_make_key(struct oracle_maker *maker, char *bytes)
{
    static const size_t starts[] = {0, 3, 8, 11};
    unsigned number = (unsigned)random_seeded_below(&maker->seeded, maker->keys);
    size_t len = starts[number % 4];
    memset(bytes, 'k', len);
    for (unsigned rest = number; rest > 0; rest /= 7) {
        bytes[len++] = (char)(rest % 7 == 6 ? 0xff : rest % 7);
    }
    return (struct lf_slice){bytes, len};
}

static inline struct lf_slice oracle_make_row(struct oracle_maker *maker)
{
    static const size_t large_row_max = (size_t)300 << 10;
    if (maker->row == NULL) {
        maker->row = mem_new(large_row_max, 1);
    }
    size_t len = (size_t)random_seeded_below(&maker->seeded, maker->row_max + 1);
    if (maker->large_every > 0 && random_seeded_below(&maker->seeded, maker->large_every) == 0) {
        len = SORTER_INLINE_MAX + (size_t)random_seeded_below(&maker->seeded, large_row_max - SORTER_INLINE_MAX);
    }
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = random_seeded_next(&maker->seeded);
        memcpy(maker->row + i, &bits, len - i < 8 ? len - i : 8);
    }
    return (struct lf_slice){maker->row, len};
}

/* Valid until the next call. */
static inline struct change oracle_make(struct oracle_maker *maker)
{
    struct random_seeded *seeded = &maker->seeded;
    struct change change = {.seq = ++maker->seq,
                            .token = random_seeded_next(seeded),
                            .schema_version = (uint32_t)random_seeded_below(seeded, 5),
                            .op = (enum lf_op)random_seeded_below(seeded, 4),
                            .flags = (uint8_t)random_seeded_below(seeded, 4),
                            .key = oracle_make_key(maker, maker->key),
                            .row = oracle_make_row(maker)};
    if ((change.flags & CHANGE_MOVED) != 0) {
        change.from = oracle_make_key(maker, maker->from);
    }
    return change;
}

/* No file of the process may grow over the limit: writes fail as on a full disk. */
static inline void oracle_limit_files(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
