/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sorter_run.h"

#include "unit/data/sorter_oracle.h"

#define BLOCK ((uint64_t)4096)

static void random_extents_never_overlap_and_keep_their_bytes(void **state UNUSED)
{
    enum { LIVE = 60 };
    struct random_seeded seeded;
    random_seeded_init(&seeded, oracle_seed());
    struct run_file *file = run_file_new(oracle_folder(), 0);
    struct extent extents[LIVE] = {0};
    uint64_t marks[LIVE] = {0};
    uint64_t used = 0;
    struct lf_error err;
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)random_seeded_below(&seeded, LIVE);
        if (extents[i].len > 0) { /* first and last bytes are what was written there */
            uint64_t first = 0;
            uint64_t last = 0;
            assert_true(run_file_read(file, extents[i].offset, &first, sizeof first, &err));
            assert_true(run_file_read(file, extents[i].offset + extents[i].len - 8, &last, sizeof last, &err));
            assert_true(first == marks[i] && last == marks[i]);
            run_file_release(file, extents[i]);
            used -= run_file_extent_bytes(extents[i].len);
            extents[i].len = 0;
        } else {
            assert_true(run_file_reserve(file, 16 + random_seeded_below(&seeded, 20000), &extents[i], &err));
            marks[i] = random_seeded_next(&seeded);
            assert_true(run_file_write(file, extents[i].offset, &marks[i], 8, &err));
            assert_true(run_file_write(file, extents[i].offset + extents[i].len - 8, &marks[i], 8, &err));
            used += run_file_extent_bytes(extents[i].len);
            assert_true(extents[i].offset < (uint64_t)4 * LIVE * 20480); /* places are used again */
        }
        assert_int_equal(run_file_bytes(file), used);
    }
    run_file_free(&file);
}

static void release_of_everything_starts_again_at_the_front(void **state UNUSED)
{
    struct run_file *file = run_file_new(oracle_folder(), 0);
    struct extent extents[3];
    struct lf_error err;
    for (size_t i = 0; i < 3; i++) {
        assert_true(run_file_reserve(file, BLOCK, &extents[i], &err));
        assert_int_equal(extents[i].offset, i * BLOCK);
    }
    run_file_release(file, extents[0]);
    run_file_release(file, extents[2]);
    run_file_release(file, extents[1]);
    assert_int_equal(run_file_bytes(file), 0);
    assert_true(run_file_reserve(file, 9 * BLOCK, &extents[0], &err));
    assert_int_equal(extents[0].offset, 0);
    run_file_free(&file);
}

static void reserve_over_the_maximum_is_a_limit_until_something_is_released(void **state UNUSED)
{
    struct run_file *file = run_file_new(oracle_folder(), 3 * BLOCK);
    struct extent first;
    struct extent second;
    struct lf_error err;
    assert_true(run_file_reserve(file, 1, &first, &err));
    assert_true(run_file_reserve(file, 2 * BLOCK, &second, &err));
    assert_false(run_file_reserve(file, 1, &second, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    run_file_release(file, first);
    assert_true(run_file_reserve(file, BLOCK, &first, &err));
    assert_false(run_file_reserve(file, UINT64_MAX - BLOCK, &second, &err));
    run_file_free(&file);
}

static void read_behind_the_end_is_internal(void **state UNUSED)
{
    struct run_file *file = run_file_new(oracle_folder(), 0);
    struct extent extent;
    struct lf_error err;
    char bytes[8];
    assert_true(run_file_reserve(file, 8, &extent, &err));
    assert_false(run_file_read(file, extent.offset, bytes, sizeof bytes, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    run_file_free(&file);
}

static void unfinished_run_gives_its_extent_back(void **state UNUSED)
{
    struct run_file *file = run_file_new(oracle_folder(), 0);
    struct run_writer writer = {0};
    struct lf_error err;
    assert_true(run_writer_open(&writer, file, 2 * BLOCK, &err));
    assert_true(run_writer_add(&writer, "record", 6, &err));
    run_writer_done(&writer);
    assert_int_equal(run_file_bytes(file), 0);
    run_file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_extents_never_overlap_and_keep_their_bytes),
        cmocka_unit_test(release_of_everything_starts_again_at_the_front),
        cmocka_unit_test(reserve_over_the_maximum_is_a_limit_until_something_is_released),
        cmocka_unit_test(read_behind_the_end_is_internal),
        cmocka_unit_test(unfinished_run_gives_its_extent_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
