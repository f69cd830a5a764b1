/* SPDX-License-Identifier: Apache-2.0 */
#include "data/change.h"

#include "base/macros.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

static const struct change moved_change = {.seq = 0x0102030405060708,
                                           .token = 0x1112131415161718,
                                           .schema_version = 0x21222324,
                                           .op = LF_OP_UPDATE,
                                           .flags = CHANGE_PARTIAL | CHANGE_MOVED,
                                           .key = {"new", 3},
                                           .from = {"ol", 2},
                                           .row = {"1,\x01", 3}};

static void assert_same_change(const struct change *a, const struct change *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->token, b->token);
    assert_int_equal(a->schema_version, b->schema_version);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->flags, b->flags);
    assert_true(slice_equal(a->key, b->key));
    assert_true(slice_equal(a->from, b->from));
    assert_true(slice_equal(a->row, b->row));
}

static void append_moved_change_gives_the_documented_bytes(void **state UNUSED)
{
    static const unsigned char bytes[] = {0x22, 0,    0,    0,                                 /* length */
                                          8,    7,    6,    5,    4,    3,    2,    1,         /* seq */
                                          0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,      /* token */
                                          0x24, 0x23, 0x22, 0x21,                              /* schema */
                                          1,    3,                                             /* op, flags */
                                          3,    0,    'n',  'e',  'w',  2,    0,    'o',  'l', /* keys */
                                          '1',  ',',  1};
    CLEANUP(buf_done) struct buf out = {0};
    change_append(&out, &moved_change);
    assert_int_equal(change_size(&moved_change), sizeof bytes);
    assert_int_equal(out.len, sizeof bytes);
    assert_memory_equal(out.ptr, bytes, sizeof bytes);
}

static struct lf_slice random_slice(struct random_seeded *seeded, char *bytes, size_t limit)
{
    size_t len = (size_t)random_seeded_below(seeded, limit);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)random_seeded_next(seeded);
    }
    return (struct lf_slice){bytes, len};
}

static void read_random_changes_gives_what_was_appended(void **state UNUSED)
{
    const char *text = getenv("LAKEFEED_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 1;
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    struct random_seeded seeded;
    random_seeded_init(&seeded, seed);
    for (int i = 0; i < 2000; i++) {
        char key[100];
        char from[100];
        char row[300];
        struct change change = {.seq = random_seeded_next(&seeded),
                                .token = random_seeded_next(&seeded),
                                .schema_version = (uint32_t)random_seeded_next(&seeded),
                                .op = (enum lf_op)random_seeded_below(&seeded, 4),
                                .flags = (uint8_t)random_seeded_below(&seeded, 4),
                                .key = random_slice(&seeded, key, sizeof key),
                                .row = random_slice(&seeded, row, sizeof row)};
        if ((change.flags & CHANGE_MOVED) != 0) {
            change.from = random_slice(&seeded, from, sizeof from);
        }
        CLEANUP(buf_done) struct buf out = {0};
        change_append(&out, &change);
        size_t size = out.len;
        buf_append_text(&out, "what follows is not looked at");
        struct change again;
        size_t ret_size = 0;
        assert_true(change_read(out.ptr, out.len, &again, &ret_size));
        assert_int_equal(ret_size, size);
        assert_same_change(&again, &change);
    }
}

static void read_every_shorter_piece_returns_false(void **state UNUSED)
{
    CLEANUP(buf_done) struct buf out = {0};
    change_append(&out, &moved_change);
    for (size_t len = 0; len < out.len; len++) {
        char *exact = malloc(len > 0 ? len : 1);
        assert_non_null(exact);
        memcpy(exact, out.ptr, len);
        struct change change;
        size_t size = 0;
        assert_false(change_read(exact, len, &change, &size));
        free(exact);
    }
}

/* The record with one byte replaced. */
static bool read_with_byte(size_t at, unsigned char value)
{
    CLEANUP(buf_done) struct buf out = {0};
    change_append(&out, &moved_change);
    out.ptr[at] = (char)value;
    struct change change;
    size_t size = 0;
    return change_read(out.ptr, out.len, &change, &size);
}

static void read_damaged_fields_returns_false(void **state UNUSED)
{
    assert_true(read_with_byte(24, LF_OP_UPSERT));
    assert_false(read_with_byte(24, LF_OP_UPSERT + 1));
    assert_true(read_with_byte(25, CHANGE_MOVED));
    assert_true(read_with_byte(25, CHANGE_MOVED | CHANGE_BAD));
    assert_false(read_with_byte(25, CHANGE_MOVED | 16));
    assert_false(read_with_byte(0, 0x17)); /* shorter than the fixed fields */
    assert_false(read_with_byte(0, 0x25)); /* longer than what is there */
    assert_false(read_with_byte(26, 11));  /* the key would end behind the record */
    assert_false(read_with_byte(31, 6));   /* so would the key before */
}

static void append_over_the_maximum_sets_overflow(void **state UNUSED)
{
    CLEANUP(buf_done) struct buf out = {0};
    buf_init(&out, change_size(&moved_change) - 1);
    change_append(&out, &moved_change);
    assert_true(out.overflow);
    assert_int_equal(out.len, 0);
}

static void compare_orders_by_key_then_seq(void **state UNUSED)
{
    struct change a = {.seq = 2, .key = {"a", 1}};
    struct change a_later = {.seq = 3, .key = {"a", 1}};
    struct change a_longer = {.seq = 1, .key = {"a\0", 2}};
    struct change high = {.seq = 1, .key = {"\xff", 1}};
    assert_true(change_compare(&a, &a) == 0);
    assert_true(change_compare(&a, &a_later) < 0);
    assert_true(change_compare(&a_later, &a) > 0);
    assert_true(change_compare(&a_later, &a_longer) < 0);
    assert_true(change_compare(&a_longer, &high) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_moved_change_gives_the_documented_bytes),
        cmocka_unit_test(read_random_changes_gives_what_was_appended),
        cmocka_unit_test(read_every_shorter_piece_returns_false),
        cmocka_unit_test(read_damaged_fields_returns_false),
        cmocka_unit_test(append_over_the_maximum_sets_overflow),
        cmocka_unit_test(compare_orders_by_key_then_seq),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
