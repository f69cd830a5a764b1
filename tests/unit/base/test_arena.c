/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/macros.h"

#include <stdalign.h>
#include <string.h>

static void alloc_when_many_sizes_then_aligned_and_apart(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    unsigned char *places[500];
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i] = arena_alloc(&arena, i * 7);
        assert_int_equal((uintptr_t)places[i] % alignof(max_align_t), 0);
        memset(places[i], (int)(i & 0xFF), i * 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        for (size_t k = 0; k < i * 7; k++) {
            assert_int_equal(places[i][k], i & 0xFF);
        }
    }
}

static void alloc_when_larger_than_a_block_then_the_block_in_use_keeps_its_room(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    char *small = arena_alloc(&arena, 16);
    char *large = arena_alloc(&arena, (size_t)3 << 20);
    memset(large, 1, (size_t)3 << 20);
    char *next = arena_alloc(&arena, 16);
    assert_ptr_equal(next, small + 16);
}

static void alloc_when_the_first_is_large_then_others_follow(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    char *large = arena_alloc(&arena, (size_t)2 << 20);
    char *small = arena_alloc(&arena, 10);
    memset(large, 1, (size_t)2 << 20);
    memset(small, 2, 10);
    assert_int_equal(large[((size_t)2 << 20) - 1], 1);
    arena_reset(&arena);
    assert_null(arena.blocks);
    assert_non_null(arena_alloc(&arena, 1));
}

static void reset_when_blocks_were_added_then_the_first_is_used_again(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 100; i++) {
        (void)arena_alloc(&arena, 1000);
    }
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_done(&arena);
    arena_reset(&arena);
    assert_null(arena.blocks);
}

static void used_bytes_when_allocated_then_at_least_what_was_asked(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    (void)arena_alloc(&arena, 100);
    (void)arena_alloc(&arena, 1000);
    assert_in_range(arena.used_bytes, 1100, 1100 + 2 * alignof(max_align_t));
}

static void copy_when_the_original_changes_then_the_copy_stays(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    char original[] = "abc";
    char *text = arena_text(&arena, original);
    struct lf_slice slice = arena_slice(&arena, (struct lf_slice){original, 2});
    struct lf_slice empty = arena_slice(&arena, (struct lf_slice){NULL, 0});
    memset(original, 'x', 3);
    assert_string_equal(text, "abc");
    assert_int_equal(slice.len, 2);
    assert_memory_equal(slice.ptr, "ab", 2);
    assert_int_equal(empty.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_when_many_sizes_then_aligned_and_apart),
        cmocka_unit_test(alloc_when_larger_than_a_block_then_the_block_in_use_keeps_its_room),
        cmocka_unit_test(alloc_when_the_first_is_large_then_others_follow),
        cmocka_unit_test(reset_when_blocks_were_added_then_the_first_is_used_again),
        cmocka_unit_test(used_bytes_when_allocated_then_at_least_what_was_asked),
        cmocka_unit_test(copy_when_the_original_changes_then_the_copy_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
