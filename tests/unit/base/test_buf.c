/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

static void append_when_growing_then_bytes_and_nul_stay(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf buf = {0};
    for (int i = 0; i < 1000; i++) {
        buf_append_char(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.ptr[buf.len], '\0');
    }
    assert_int_equal(buf.len, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    }
}

static void append_when_maximum_is_reached_exactly_then_it_fits(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abcd");
    assert_true(buf_check(&buf, "row", &err));
    assert_string_equal(buf_text(&buf), "abcd");
}

static void append_when_over_the_maximum_then_limit_and_nothing_more_is_taken(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "de");
    buf_append_text(&buf, "f"); /* would fit, but must not follow a hole */
    assert_string_equal(buf_text(&buf), "abc");
    assert_false(buf_check(&buf, "row", &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, "row"));
    assert_non_null(strstr(err.msg, "4 bytes"));
}

static void reset_when_overflown_then_usable_with_the_same_maximum(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abcde");
    buf_reset(&buf);
    buf_append_text(&buf, "abcd");
    assert_true(buf_check(&buf, "row", &err));
    buf_append_char(&buf, 'e');
    assert_false(buf_check(&buf, "row", &err));
}

static void done_when_used_again_then_empty(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_append_text(&buf, "abc");
    buf_done(&buf);
    assert_string_equal(buf_text(&buf), "");
    buf_reset(&buf);
    assert_int_equal(buf_slice(&buf).len, 0);
    buf_append_text(&buf, "x");
    assert_string_equal(buf_text(&buf), "x");
    buf_done(&buf);
}

static void printf_when_longer_than_the_room_then_whole(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf buf = {0};
    buf_append_text(&buf, "x=");
    buf_printf(&buf, "%d:%0500d", 7, 3);
    assert_int_equal(buf.len, 2 + 2 + 500);
    assert_memory_equal(buf.ptr, "x=7:000", 7);
    assert_int_equal(buf.ptr[buf.len - 1], '3');
}

static void printf_when_over_the_maximum_then_overflow(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf buf;
    buf_init(&buf, 3);
    buf_printf(&buf, "%d", 12345);
    assert_true(buf.overflow);
    assert_int_equal(buf.len, 0);
}

static void reserve_when_less_is_committed_then_only_that_counts(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf buf = {0};
    char *room = buf_reserve(&buf, 10);
    assert_non_null(room);
    memset(room, 'x', 10);
    buf_commit(&buf, 3);
    assert_string_equal(buf_text(&buf), "xxx");
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 3);
}

static void reserve_when_beyond_any_size_then_null(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf buf = {0};
    buf_append_char(&buf, 'a');
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.overflow);
}

static void compare_when_prefix_then_the_shorter_is_first(void **state)
{
    (void)state;
    assert_true(slice_compare(slice_of_text("ab"), slice_of_text("abc")) < 0);
    assert_true(slice_compare(slice_of_text("b"), slice_of_text("abc")) > 0);
    assert_true(slice_compare(slice_of_text("\x7F"), slice_of_text("\x80")) < 0);
    assert_int_equal(slice_compare(slice_of_text("ab"), slice_of_text("ab")), 0);
    assert_true(slice_compare((struct lf_slice){NULL, 0}, slice_of_text("a")) < 0);
}

static void equal_when_only_the_length_differs_then_false(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_of_text("ab"), slice_of_text("ab")));
    assert_false(slice_equal(slice_of_text("ab"), slice_of_text("abc")));
    assert_false(slice_equal(slice_of_text("ab"), slice_of_text("ac")));
    assert_true(slice_equal((struct lf_slice){NULL, 0}, slice_of_text("")));
}

static void text_when_copied_then_own_memory_with_nul(void **state)
{
    (void)state;
    CLEANUP(text_free) char *cut = text_copy_len("abcdef", 3);
    CLEANUP(text_free) char *whole = text_copy("abc");
    CLEANUP(text_free) char *empty = text_copy_len(NULL, 0);
    CLEANUP(text_free) char *printed = text_printf("%s-%d", "abc", 5);
    assert_string_equal(cut, "abc");
    assert_string_equal(whole, "abc");
    assert_string_equal(empty, "");
    assert_string_equal(printed, "abc-5");
    assert_null(text_copy(NULL));
}

static void text_when_freed_then_null(void **state)
{
    (void)state;
    char *text = text_copy("abc");
    text_free(&text);
    assert_null(text);
    text_free(&text);
}

static void new_when_made_then_cleared(void **state)
{
    (void)state;
    int *numbers = mem_new(100, sizeof *numbers);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(numbers[i], 0);
    }
    numbers = mem_resize(numbers, 0, sizeof *numbers);
    assert_non_null(numbers);
    free(numbers);
}

static void grow_when_pushed_one_by_one_then_elements_stay_and_growth_is_geometric(void **state)
{
    (void)state;
    int *numbers = NULL;
    size_t cap = 0;
    int moves = 0;
    for (int i = 0; i < 10000; i++) {
        size_t before = cap;
        mem_grow(&numbers, &cap, (size_t)i + 1, sizeof *numbers);
        moves += cap != before;
        assert_true(cap > (size_t)i);
        numbers[i] = i;
    }
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(numbers[i], i);
    }
    assert_true(moves < 30);
    free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_when_growing_then_bytes_and_nul_stay),
        cmocka_unit_test(append_when_maximum_is_reached_exactly_then_it_fits),
        cmocka_unit_test(append_when_over_the_maximum_then_limit_and_nothing_more_is_taken),
        cmocka_unit_test(reset_when_overflown_then_usable_with_the_same_maximum),
        cmocka_unit_test(done_when_used_again_then_empty),
        cmocka_unit_test(printf_when_longer_than_the_room_then_whole),
        cmocka_unit_test(printf_when_over_the_maximum_then_overflow),
        cmocka_unit_test(reserve_when_less_is_committed_then_only_that_counts),
        cmocka_unit_test(reserve_when_beyond_any_size_then_null),
        cmocka_unit_test(compare_when_prefix_then_the_shorter_is_first),
        cmocka_unit_test(equal_when_only_the_length_differs_then_false),
        cmocka_unit_test(text_when_copied_then_own_memory_with_nul),
        cmocka_unit_test(text_when_freed_then_null),
        cmocka_unit_test(new_when_made_then_cleared),
        cmocka_unit_test(grow_when_pushed_one_by_one_then_elements_stay_and_growth_is_geometric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
