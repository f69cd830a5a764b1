/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sorter.h"

#include "data/csv.h"
#include "data/sorter_internal.h"
#include "unit/data/sorter_oracle.h"

#include <malloc.h>

static struct sorter *new_sorter(struct run_file *file, size_t memory_bytes)
{
    return sorter_new(&(struct sorter_options){
        .folder = oracle_folder(), .file = file, .memory_bytes = memory_bytes, .block_bytes = 4096});
}

static void add_random(struct sorter *sorter, struct oracle *oracle, struct oracle_maker *maker, size_t count)
{
    struct lf_error err;
    for (size_t i = 0; i < count; i++) {
        struct change change = oracle_make(maker);
        assert_true(sorter_add(sorter, &change, &err));
        oracle_add(oracle, 0, &change);
    }
}

static void expect_all(struct sorter *const *sorters, size_t nsorters, const struct oracle *oracle)
{
    struct lf_error err;
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    assert_true(sorter_open_iterator(sorters, nsorters, &iterator, &err));
    oracle_expect(oracle, 0, UINT64_MAX, iterator);
}

static void iterate_without_records_ends_at_once(void **state UNUSED)
{
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    CLEANUP(oracle_done) struct oracle oracle = {0};
    expect_all(&sorter, 1, &oracle);
    expect_all(NULL, 0, &oracle);
}

static void new_sorter_costs_less_than_a_kilobyte(void **state UNUSED)
{
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, (size_t)1 << 30);
    struct lf_error err;
    assert_true(sorter_memory_bytes(sorter) < 300);
    struct change change = {.seq = 1, .key = {"key", 3}, .row = {"1,2,3", 5}};
    assert_true(sorter_add(sorter, &change, &err));
    assert_true(sorter_memory_bytes(sorter) < 1024);
    assert_int_equal(sorter_disk_bytes(sorter), 0);
}

static void random_records_in_small_memory_come_out_as_qsort_orders_them(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {0};
    random_seeded_init(&maker.seeded, oracle_seed());
    for (int round = 0; round < 40; round++) {
        maker.keys = 1 + (unsigned)random_seeded_below(&maker.seeded, round % 2 == 0 ? 10 : 100000);
        maker.row_max = (size_t)1 << random_seeded_below(&maker.seeded, 11);
        maker.large_every = round % 3 == 0 ? 40 : 0;
        CLEANUP(oracle_done) struct oracle oracle = {0};
        CLEANUP(sorter_free)
        struct sorter *sorter = new_sorter(NULL, 65536 + (size_t)random_seeded_below(&maker.seeded, 100000));
        for (int part = 0; part < 3; part++) { /* add, iterate, add more, iterate again */
            add_random(sorter, &oracle, &maker, (size_t)random_seeded_below(&maker.seeded, 800));
            expect_all(&sorter, 1, &oracle);
            if (part == 1) {
                expect_all(&sorter, 1, &oracle);
            }
        }
        assert_int_equal(sorter_count(sorter), oracle.count);
    }
}

static void seq_out_of_order_comes_out_in_order(void **state UNUSED)
{
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    struct lf_error err;
    for (uint64_t i = 0; i < 5000; i++) {
        struct change change = {.seq = 1 + i * 7919 % 5000, .key = {i % 2 == 0 ? "same" : "samf", 4}};
        assert_true(sorter_add(sorter, &change, &err));
        oracle_add(&oracle, 0, &change);
    }
    assert_true(sorter_disk_bytes(sorter) > 0);
    expect_all(&sorter, 1, &oracle);
}

static void many_sorters_with_runs_come_out_as_one_stream(void **state UNUSED)
{
    enum { SORTERS = 100 };
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 500, .row_max = 40, .large_every = 60};
    random_seeded_init(&maker.seeded, oracle_seed());
    struct run_file *shared = run_file_new(oracle_folder(), 0);
    CLEANUP(oracle_done) struct oracle oracle = {0};
    struct sorter *sorters[SORTERS];
    struct lf_error err;
    for (size_t i = 0; i < SORTERS; i++) {
        sorters[i] = new_sorter(i % 2 == 0 ? shared : NULL, 65536);
        for (size_t run = random_seeded_below(&maker.seeded, 4); run > 0; run--) {
            add_random(sorters[i], &oracle, &maker, 20);
            assert_true(sorter_spill(sorters[i], &err));
        }
        add_random(sorters[i], &oracle, &maker, (size_t)random_seeded_below(&maker.seeded, 30));
    }
    expect_all(sorters, SORTERS, &oracle);
    for (size_t i = 0; i < SORTERS; i++) {
        sorter_free(&sorters[i]);
    }
    assert_int_equal(run_file_bytes(shared), 0);
    run_file_free(&shared);
}

static void many_spills_leave_a_bounded_number_of_runs(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 3000, .row_max = 30, .large_every = 500};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    struct lf_error err;
    for (int i = 0; i < 2100; i++) {
        add_random(sorter, &oracle, &maker, 3);
        assert_true(sorter_spill(sorter, &err));
        assert_true(sorter->nruns < 3 * (size_t)SORTER_FAN_IN);
    }
    assert_int_equal(run_file_bytes(sorter->file), sorter_disk_bytes(sorter));
    expect_all(&sorter, 1, &oracle);
}

static void rows_around_the_inline_limit_come_back_whole(void **state UNUSED)
{
    static const size_t lens[] = {SORTER_INLINE_MAX - 1, SORTER_INLINE_MAX, SORTER_INLINE_MAX + 1, CSV_ROW_MAX};
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, (size_t)1 << 20);
    struct lf_error err;
    char *row = mem_new(CSV_ROW_MAX + 1, 1);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        memset(row, (int)('a' + i), lens[i]);
        struct change change = {.seq = i + 1, .key = {"key", 3}, .row = {row, lens[i]}};
        assert_true(sorter_add(sorter, &change, &err));
        oracle_add(&oracle, 0, &change);
    }
    assert_true(sorter_memory_bytes(sorter) < ((size_t)1 << 18)); /* the two large ones are not in it */
    expect_all(&sorter, 1, &oracle);
    struct change too_large = {.seq = 9, .key = {"key", 3}, .row = {row, CSV_ROW_MAX + 1}};
    assert_false(sorter_add(sorter, &too_large, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    expect_all(&sorter, 1, &oracle);
    free(row);
}

static void longest_key_is_taken_and_a_longer_one_is_a_limit(void **state UNUSED)
{
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    struct lf_error err;
    char *bytes = mem_new(SORTER_INLINE_MAX, 1);
    for (uint64_t seq = 3; seq > 0; seq--) {
        struct change change = {.seq = seq,
                                .flags = CHANGE_MOVED,
                                .key = {bytes, UINT16_MAX},
                                .from = {bytes, UINT16_MAX},
                                .row = {bytes, SORTER_INLINE_MAX}};
        assert_true(sorter_add(sorter, &change, &err));
        oracle_add(&oracle, 0, &change);
    }
    expect_all(&sorter, 1, &oracle);
    struct change change = {.seq = 4, .key = {bytes, UINT16_MAX + 1}};
    assert_false(sorter_add(sorter, &change, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    free(bytes);
}

/* 0 under AddressSanitizer, which has its own allocator. */
static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void million_records_stay_within_one_mebibyte(void **state UNUSED)
{
    enum { RECORDS = 1000000 };
    const size_t limit = (size_t)1 << 20;
    size_t heap_before = heap_bytes();
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, limit);
    struct lf_error err;
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint64_t key = htobe64(i * 7919 % RECORDS);
        struct change change = {.seq = i + 1, .key = {&key, sizeof key}, .row = {"1,\"some text\",2.50", 18}};
        assert_true(sorter_add(sorter, &change, &err));
        if (i % 1024 == 0) {
            assert_true(sorter_memory_bytes(sorter) <= limit + 4096);
            assert_true(heap_bytes() <= heap_before + limit + 65536);
        }
    }
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    assert_true(sorter_open_iterator(&sorter, 1, &iterator, &err));
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct change change;
        bool more = false;
        assert_true(sorter_next(iterator, &change, &more, &err));
        uint64_t key = htobe64(i);
        assert_true(more && change.key.len == sizeof key && memcmp(change.key.ptr, &key, sizeof key) == 0);
        assert_true(i % 1024 != 0 || heap_bytes() <= heap_before + limit + (size_t)SORTER_FAN_IN * 4096 + 65536);
    }
}

static void disk_full_while_spilling_leaves_the_sorter_as_it_was(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 1000, .row_max = 200};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    struct lf_error err;
    oracle_limit_files(100000);
    struct change change = oracle_make(&maker);
    while (sorter_add(sorter, &change, &err)) {
        oracle_add(&oracle, 0, &change);
        change = oracle_make(&maker);
    }
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(sorter_disk_bytes(sorter) > 0); /* the first run found room */
    assert_false(sorter_add(sorter, &change, &err));
    assert_int_equal(sorter_count(sorter), oracle.count);
    assert_int_equal(run_file_bytes(sorter->file), sorter_disk_bytes(sorter));
    expect_all(&sorter, 1, &oracle);
    oracle_limit_files(RLIM_INFINITY);
    assert_true(sorter_add(sorter, &change, &err));
    oracle_add(&oracle, 0, &change);
    expect_all(&sorter, 1, &oracle);
}

static void disk_full_at_a_large_row_leaves_the_sorter_as_it_was(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .large_every = 1};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
    struct lf_error err;
    add_random(sorter, &oracle, &maker, 3);
    uint64_t disk_bytes = sorter_disk_bytes(sorter);
    oracle_limit_files(disk_bytes + 4096);
    struct change change = oracle_make(&maker);
    assert_false(sorter_add(sorter, &change, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(sorter_count(sorter), 3);
    assert_int_equal(sorter_disk_bytes(sorter), disk_bytes);
    assert_int_equal(run_file_bytes(sorter->file), disk_bytes);
    oracle_limit_files(RLIM_INFINITY);
    add_random(sorter, &oracle, &maker, 3);
    expect_all(&sorter, 1, &oracle);
}

static void disk_full_while_merging_runs_keeps_them(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 1000, .row_max = 50};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    /* Room for 40 runs of a block each, not for a second copy of 32 of them. */
    struct run_file *file = run_file_new(oracle_folder(), (uint64_t)40 * 4096);
    CLEANUP(sorter_free) struct sorter *sorter = new_sorter(file, 65536);
    struct lf_error err;
    for (int i = 0; i < 40; i++) {
        add_random(sorter, &oracle, &maker, 30);
        assert_true(sorter_spill(sorter, &err));
    }
    assert_int_equal(sorter->nruns, 40);
    expect_all(&sorter, 1, &oracle);
    add_random(sorter, &oracle, &maker, 30);
    assert_false(sorter_spill(sorter, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    expect_all(&sorter, 1, &oracle);
    sorter_free(&sorter);
    run_file_free(&file);
}

static void missing_folder_is_an_error_of_the_first_spill(void **state UNUSED)
{
    CLEANUP(sorter_free)
    struct sorter *sorter = sorter_new(
        &(struct sorter_options){.folder = "/nonexistent/folder", .memory_bytes = 65536, .block_bytes = 4096});
    struct lf_error err;
    struct change change = {.seq = 1, .key = {"k", 1}};
    assert_true(sorter_add(sorter, &change, &err));
    assert_false(sorter_spill(sorter, &err));
    assert_non_null(strstr(err.msg, "/nonexistent/folder"));
    assert_int_equal(sorter_count(sorter), 1);
}

/* Reads to the end or to the first error. */
static enum lf_error_kind drain(struct sorter *sorter)
{
    struct lf_error err = {0};
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    if (!sorter_open_iterator(&sorter, 1, &iterator, &err)) {
        return err.kind;
    }
    struct change change;
    bool more = true;
    while (more) {
        if (!sorter_next(iterator, &change, &more, &err)) {
            return err.kind;
        }
    }
    return LF_NONE;
}

static void damaged_run_is_internal(void **state UNUSED)
{
    static const struct {
        size_t at;
        unsigned char byte;
    } damages[] = {{3, 0x7f}, {0, 2}, {24, 9}, {26, 0xff}, {2, 1}};
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 10, .row_max = 50};
        random_seeded_init(&maker.seeded, 1);
        CLEANUP(oracle_done) struct oracle oracle = {0};
        CLEANUP(sorter_free) struct sorter *sorter = new_sorter(NULL, 65536);
        struct lf_error err;
        add_random(sorter, &oracle, &maker, 50);
        assert_true(sorter_spill(sorter, &err));
        assert_int_equal(drain(sorter), LF_NONE);
        uint64_t offset = sorter->runs[0].extent.offset + damages[i].at;
        assert_true(run_file_write(sorter->file, offset, &damages[i].byte, 1, &err));
        assert_int_equal(drain(sorter), LF_INTERNAL);
    }
}

/* One record for each number, in that order, sorted by the entries alone. */
static void expect_sorted_entries(const uint32_t *numbers, size_t count)
{
    CLEANUP(buf_done) struct buf records = {0};
    struct sorter_entry *entries = mem_new(count, sizeof *entries);
    size_t size = change_size(&(struct change){.key = {"1234", 4}});
    for (size_t i = 0; i < count; i++) {
        uint32_t key = htobe32(numbers[i]);
        change_append(&records, &(struct change){.seq = i + 1, .key = {&key, sizeof key}});
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].record = records.ptr + i * size;
    }
    sorter_sort_entries(entries, count);
    for (size_t i = 1; i < count; i++) {
        struct change a;
        struct change b;
        assert_true(change_read(entries[i - 1].record, size, &a, &size));
        assert_true(change_read(entries[i].record, size, &b, &size));
        assert_true(change_compare(&a, &b) < 0);
    }
    free(entries);
}

static void sort_of_special_orders_is_sorted(void **state UNUSED)
{
    enum { COUNT = 5000 };
    static uint32_t numbers[COUNT];
    for (uint32_t pattern = 0; pattern < 7; pattern++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            const uint32_t values[] = {i, COUNT - i, 7, i < COUNT / 2 ? i : COUNT - i, i % 2, i ^ 1U, i * 2654435761U};
            numbers[i] = values[pattern];
        }
        for (size_t count = 0; count < 40; count++) {
            expect_sorted_entries(numbers, count);
        }
        expect_sorted_entries(numbers, COUNT);
    }
}

/* Numbers of which the middle one is the least of its range again and again, so that partitions are as uneven as can
 * be: made from the shortest range up. */
static void sort_of_a_killer_order_is_sorted(void **state UNUSED)
{
    enum { COUNT = 20000 };
    static uint32_t numbers[COUNT];
    for (uint32_t count = 1; count <= COUNT; count++) {
        uint32_t value = COUNT - count;
        numbers[count - 1] = numbers[count / 2];
        numbers[count / 2] = value;
    }
    expect_sorted_entries(numbers, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterate_without_records_ends_at_once),
        cmocka_unit_test(new_sorter_costs_less_than_a_kilobyte),
        cmocka_unit_test(random_records_in_small_memory_come_out_as_qsort_orders_them),
        cmocka_unit_test(seq_out_of_order_comes_out_in_order),
        cmocka_unit_test(many_sorters_with_runs_come_out_as_one_stream),
        cmocka_unit_test(many_spills_leave_a_bounded_number_of_runs),
        cmocka_unit_test(rows_around_the_inline_limit_come_back_whole),
        cmocka_unit_test(longest_key_is_taken_and_a_longer_one_is_a_limit),
        cmocka_unit_test(million_records_stay_within_one_mebibyte),
        cmocka_unit_test(disk_full_while_spilling_leaves_the_sorter_as_it_was),
        cmocka_unit_test(disk_full_at_a_large_row_leaves_the_sorter_as_it_was),
        cmocka_unit_test(disk_full_while_merging_runs_keeps_them),
        cmocka_unit_test(missing_folder_is_an_error_of_the_first_spill),
        cmocka_unit_test(damaged_run_is_internal),
        cmocka_unit_test(sort_of_special_orders_is_sorted),
        cmocka_unit_test(sort_of_a_killer_order_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
