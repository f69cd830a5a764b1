/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "source/postgres/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SYSTEM UINT64_C(7710651393226798434)

static struct lf_slice cursor_at(pg_lsn lsn, uint64_t horizon, char text[PG_CURSOR_TEXT_SIZE])
{
    struct pg_cursor cursor = {.system = SYSTEM, .timeline = 3, .database = 16384, .lsn = lsn, .horizon = horizon};
    (void)snprintf(cursor.slot, sizeof cursor.slot, "lakefeed_shop_00000000_ffffffff");
    return pg_cursor_print(&cursor, text);
}

static void make_asof(const char *snapshot, pg_lsn end, struct buf *ret)
{
    struct lf_error err = {0};
    assert_true(pg_asof_print(SYSTEM, snapshot, end, ret, &err));
}

static bool covers(const struct buf *asof, uint64_t xid)
{
    char text[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    bool yes = false;
    struct lf_slice token = pg_token_print(&(struct pg_token){SYSTEM, 77, xid}, text);
    assert_true(pg_op_covers(buf_slice(asof), token, &yes, &err));
    return yes;
}

static void cursor_when_printed_then_parsed_back(void **state)
{
    (void)state;
    char text[PG_CURSOR_TEXT_SIZE];
    struct pg_cursor cursor = {0};
    struct lf_error err = {0};
    struct lf_slice printed = cursor_at(UINT64_C(0x16B374D848), 900, text);
    assert_true(pg_cursor_parse(printed, &cursor, &err));
    assert_true(cursor.system == SYSTEM && cursor.timeline == 3 && cursor.database == 16384);
    assert_true(cursor.lsn == UINT64_C(0x16B374D848) && cursor.horizon == 900);
    assert_string_equal(cursor.slot, "lakefeed_shop_00000000_ffffffff");
}

static void cursor_when_largest_then_fits(void **state)
{
    (void)state;
    char text[PG_CURSOR_TEXT_SIZE];
    struct pg_cursor back = {0};
    struct lf_error err = {0};
    struct pg_cursor cursor = {UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, ""};
    memset(cursor.slot, 'z', sizeof cursor.slot - 1);
    assert_true(pg_cursor_parse(pg_cursor_print(&cursor, text), &back, &err));
    assert_memory_equal(&back, &cursor, sizeof back);
}

static void cursor_when_stamped_then_still_the_same_place(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    CLEANUP(buf_done) struct buf stamps = {0};
    struct pg_cursor back = {0};
    struct lf_error err = {0};
    int order = 1;
    char text[PG_CURSOR_TEXT_SIZE];
    struct pg_cursor cursor = {SYSTEM, 3, 16384, 77, 900, "slot_1"};
    for (int i = 0; i < 2000; i++) {
        buf_printf(&stamps, "%s%d=%016x", i > 0 ? "," : "", 16384 + i, (unsigned)i * 7919);
    }
    struct lf_slice stamped = pg_cursor_print_stamped(&cursor, buf_slice(&stamps), &arena);
    assert_in_range(stamped.len, 40000, LF_TOKEN_MAX);
    assert_true(pg_cursor_parse(stamped, &back, &err));
    assert_memory_equal(&back, &cursor, sizeof back);
    assert_true(slice_equal(pg_cursor_stamps(stamped), buf_slice(&stamps)));
    struct lf_slice plain = pg_cursor_print(&cursor, text);
    assert_int_equal(pg_cursor_stamps(plain).len, 0);
    assert_true(pg_op_compare(stamped, plain, &order, &err));
    assert_int_equal(order, 0);
}

static void cursor_when_malformed_then_config_error(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "pg:1:",
                                      "sqlite:1:00:1:2",
                                      "pg:1:1:1:1:1:1",
                                      "pg:1:1:1:1:1:1:SLOT",
                                      "pg:1:01:1:1:1:1:s",
                                      "pg:1:1:1:1:0x1:1:s",
                                      "pg:1:1:1:1:A:1:s",
                                      "pg:1:-1:1:1:1:1:s",
                                      "pg:1:18446744073709551616:1:1:1:1:s",
                                      "pg:1:1:4294967296:1:1:1:s",
                                      "pg:1:1:1:1:1:1:s:",
                                      "pg:1:1:1:1:1:1:s:x",
                                      "pg:1:1:1:1:1:1:s:1=2:3",
                                      "pg:2:1:1:1:1:1:s"};
    struct pg_cursor cursor;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct lf_error err = {0};
        assert_false(pg_cursor_parse(slice_of_text(bad[i]), &cursor, &err));
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void covers_when_below_xmin_then_yes(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    make_asof("100:110:100,105", 1, &asof);
    assert_true(covers(&asof, 99));
    assert_true(covers(&asof, 1));
}

static void covers_when_in_progress_then_no(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    make_asof("100:110:100,105", 1, &asof);
    assert_false(covers(&asof, 100));
    assert_false(covers(&asof, 105));
    assert_true(covers(&asof, 101));
    assert_true(covers(&asof, 109));
}

static void covers_when_from_xmax_on_then_no(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    make_asof("100:110:", 1, &asof);
    assert_false(covers(&asof, 110));
    assert_false(covers(&asof, UINT64_MAX));
}

static void covers_when_xids_are_beyond_32_bits_then_exact(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    make_asof("8589934590:8589934600:8589934590,8589934595", 1, &asof);
    assert_false(covers(&asof, UINT64_C(8589934595)));
    assert_true(covers(&asof, UINT64_C(8589934596)));
    assert_true(covers(&asof, 3)); /* the same low half as 4294967299 */
}

static void covers_when_other_cluster_then_no(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    char text[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    bool yes = true;
    make_asof("100:110:", 1, &asof);
    struct lf_slice token = pg_token_print(&(struct pg_token){SYSTEM + 1, 77, 50}, text);
    assert_true(pg_op_covers(buf_slice(&asof), token, &yes, &err));
    assert_false(yes);
}

static void asof_when_thousands_in_progress_then_all_are_known(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf snapshot = {0};
    CLEANUP(buf_done) struct buf asof = {0};
    buf_append_text(&snapshot, "1000000:1020001:");
    for (uint64_t xid = 1000000; xid <= 1020000; xid += 2) {
        buf_printf(&snapshot, "%s%llu", xid > 1000000 ? "," : "", (unsigned long long)xid);
    }
    make_asof(buf_text(&snapshot), 1, &asof);
    assert_in_range(asof.len, 1, LF_TOKEN_MAX);
    assert_false(covers(&asof, 1019998));
    assert_true(covers(&asof, 1019999));
}

static void asof_when_too_long_then_transient(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf snapshot = {0};
    CLEANUP(buf_done) struct buf asof = {0};
    struct lf_error err = {0};
    buf_append_text(&snapshot, "1000000:1040001:");
    for (uint64_t xid = 1000000; xid <= 1040000; xid++) {
        buf_printf(&snapshot, "%s%llu", xid > 1000000 ? "," : "", (unsigned long long)xid);
    }
    assert_false(pg_asof_print(SYSTEM, buf_text(&snapshot), 1, &asof, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
}

static void includes_when_all_below_horizon_ended_then_yes(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    char text[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    bool yes = false;
    make_asof("100:110:100", 0x5000, &asof);
    assert_true(pg_op_includes(buf_slice(&asof), cursor_at(0x9000, 100, text), &yes, &err));
    assert_true(yes);
    /* 100 committed before the cursor and is still in progress to the snapshot. */
    assert_true(pg_op_includes(buf_slice(&asof), cursor_at(0x9000, 101, text), &yes, &err));
    assert_false(yes);
}

static void raise_when_xid_committed_then_horizon_is_above(void **state)
{
    (void)state;
    struct pg_cursor cursor = {.horizon = 10};
    pg_cursor_raise(&cursor, 9);
    assert_true(cursor.horizon == 10);
    pg_cursor_raise(&cursor, 10);
    assert_true(cursor.horizon == 11);
}

static void passed_when_cursor_reached_end_then_yes(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf asof = {0};
    char text[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    bool yes = false;
    make_asof("100:110:", 0x5000, &asof);
    assert_true(pg_op_passed(buf_slice(&asof), cursor_at(0x5000, 1, text), &yes, &err));
    assert_true(yes);
    assert_true(pg_op_passed(buf_slice(&asof), cursor_at(0x4fff, 1, text), &yes, &err));
    assert_false(yes);
}

static void compare_when_other_database_then_lost(void **state)
{
    (void)state;
    char a[PG_CURSOR_TEXT_SIZE];
    char b[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    int order = 0;
    struct pg_cursor other = {.system = SYSTEM, .timeline = 3, .database = 5, .lsn = 7};
    assert_false(pg_op_compare(cursor_at(7, 1, a), pg_cursor_print(&other, b), &order, &err));
    assert_int_equal(err.kind, LF_LOST);
}

static void compare_when_lsn_differs_then_in_its_order(void **state)
{
    (void)state;
    char a[PG_CURSOR_TEXT_SIZE];
    char b[PG_CURSOR_TEXT_SIZE];
    struct lf_error err = {0};
    int order = 0;
    assert_true(
        pg_op_compare(cursor_at(UINT64_C(0x1FFFFFFFF), 9, a), cursor_at(UINT64_C(0x200000000), 1, b), &order, &err));
    assert_true(order < 0);
}

static void lsn_when_as_the_server_prints_then_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        pg_lsn lsn;
    } good[] = {{"0/0", 0},
                {"0/3511A20", 0x3511A20},
                {"16/B374D848", UINT64_C(0x16B374D848)},
                {"0/03511A20", 0x3511A20}, /* as later versions print it */
                {"A/00000000", UINT64_C(0xA00000000)},
                {"FFFFFFFF/FFFFFFFF", UINT64_MAX}};
    static const char *const bad[] = {"",    "0",    "0/",  "/0", "0/1/2", "0/100000000", "100000000/0",
                                      "0/g", " 0/1", "-1/0"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        pg_lsn lsn = 1;
        assert_true(pg_lsn_parse(good[i].text, &lsn));
        assert_true(lsn == good[i].lsn);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        pg_lsn lsn = 1;
        assert_false(pg_lsn_parse(bad[i], &lsn));
    }
}

static void widen_when_low_half_wraps_then_next_to_the_known_one(void **state)
{
    (void)state;
    assert_true(pg_xid_widen(5, UINT64_C(0x1FFFFFFF0)) == UINT64_C(0x200000005));
    assert_true(pg_xid_widen(UINT32_C(0xFFFFFFF0), UINT64_C(0x200000005)) == UINT64_C(0x1FFFFFFF0));
    assert_true(pg_xid_widen(700, 700) == 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_when_printed_then_parsed_back),
        cmocka_unit_test(cursor_when_largest_then_fits),
        cmocka_unit_test(cursor_when_stamped_then_still_the_same_place),
        cmocka_unit_test(cursor_when_malformed_then_config_error),
        cmocka_unit_test(covers_when_below_xmin_then_yes),
        cmocka_unit_test(covers_when_in_progress_then_no),
        cmocka_unit_test(covers_when_from_xmax_on_then_no),
        cmocka_unit_test(covers_when_xids_are_beyond_32_bits_then_exact),
        cmocka_unit_test(covers_when_other_cluster_then_no),
        cmocka_unit_test(asof_when_thousands_in_progress_then_all_are_known),
        cmocka_unit_test(asof_when_too_long_then_transient),
        cmocka_unit_test(includes_when_all_below_horizon_ended_then_yes),
        cmocka_unit_test(raise_when_xid_committed_then_horizon_is_above),
        cmocka_unit_test(passed_when_cursor_reached_end_then_yes),
        cmocka_unit_test(compare_when_other_database_then_lost),
        cmocka_unit_test(compare_when_lsn_differs_then_in_its_order),
        cmocka_unit_test(lsn_when_as_the_server_prints_then_parsed),
        cmocka_unit_test(widen_when_low_half_wraps_then_next_to_the_known_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
