/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of slots, quoting, SQLSTATE.
 */
#include "base/buf.h"
#include "base/macros.h"
#include "source/postgres/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void print_slot(const char *link, char ret_text[PG_SLOT_SIZE])
{
    struct pg_slot_name name;
    struct lf_consumer consumer = {.link = link, .lake_id = "1f0e", .location = "/lake"};
    pg_slot_name_of(&consumer, &name);
    pg_slot_name_print(&name, ret_text);
}

static void slot_when_plain_link_then_carries_it_whole(void **state)
{
    (void)state;
    char text[PG_SLOT_SIZE];
    struct pg_slot_name back;
    print_slot("shop_2", text);
    assert_memory_equal(text, "lakefeed_shop_2_", 16);
    assert_int_equal(strlen(text), 16 + 8 + 1 + 8);
    assert_true(pg_slot_name_parse(text, &back));
    assert_string_equal(back.link, "shop_2");
}

static void slot_when_links_differ_then_names_differ(void **state)
{
    (void)state;
    static const char *const links[] = {"a-b",
                                        "a_b",
                                        "A_B",
                                        "a.b",
                                        "averyveryveryveryverylongnameofalink_one",
                                        "averyveryveryveryverylongnameofalink_two",
                                        "\xC3\xBC"};
    char names[ARRAY_LEN(links)][PG_SLOT_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct pg_slot_name back;
        print_slot(links[i], names[i]);
        assert_in_range(strlen(names[i]), 1, 63);
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(names[i]));
        assert_true(pg_slot_name_parse(names[i], &back));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(names[i], names[k]);
        }
    }
}

static void slot_when_not_ours_then_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "lakefeed",
                                         "lakefeed_shop",
                                         "lakefeed__00000000_00000000",
                                         "lakefeed_shop_0000000g_00000000",
                                         "lakefeed_shop_00000000x00000000",
                                         "debezium_shop_00000000_00000000",
                                         "lakefeed_shop_00000000_000000"};
    struct pg_slot_name name;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(pg_slot_name_parse(others[i], &name));
    }
}

static void identifier_when_quoted_then_quotes_doubled(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf sql = {0};
    pg_append_table(&sql, "my schema", "ta\"ble");
    assert_string_equal(buf_text(&sql), "\"my schema\".\"ta\"\"ble\"");
}

static void literal_when_quoted_then_cannot_end_early(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf sql = {0};
    pg_append_literal(&sql, "it's", 4);
    pg_append_literal(&sql, "a\\'", 3);
    assert_string_equal(buf_text(&sql), "'it''s'E'a\\\\'''");
}

static void sqlstate_when_known_then_kind(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum lf_error_kind kind;
    } samples[] = {{"28P01", LF_AUTH},      {"42501", LF_AUTH},        {"3D000", LF_NOT_FOUND}, {"42P01", LF_NOT_FOUND},
                   {"57P01", LF_TRANSIENT}, {"40001", LF_TRANSIENT},   {"55P03", LF_TRANSIENT}, {"53100", LF_TRANSIENT},
                   {"53400", LF_TRANSIENT}, {"0A000", LF_UNSUPPORTED}, {"22P02", LF_DATA},      {"08006", LF_TRANSIENT},
                   {"55000", LF_TRANSIENT}, {"25P03", LF_TRANSIENT},   {"72000", LF_TRANSIENT}, {"P0001", LF_AUTH},
                   {"", LF_TRANSIENT},      {"42601", LF_INTERNAL}};
    assert_int_equal(pg_kind_of_sqlstate(NULL), LF_TRANSIENT);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        assert_int_equal(pg_kind_of_sqlstate(samples[i].sqlstate), samples[i].kind);
    }
}

static void error_when_set_then_says_where_what_and_cure(void **state)
{
    (void)state;
    struct lf_error err = {0};
    assert_false(pg_error_set(&err, "database shop", "reading", "42501", "permission denied for table t\n"));
    assert_int_equal(err.kind, LF_AUTH);
    assert_string_equal(err.msg, "database shop: reading: permission denied for table t (SQLSTATE 42501);"
                                 " lakefeed check lists the rights that the role needs");
    assert_true(pg_error_is(&err, "42501"));
    assert_false(pg_error_set(&err, "db", "reading", "XX000", "invalid memory alloc request size 1258291203"));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_false(pg_error_set(&err, "database shop", "reading", "42501", "permission denied"));
    assert_false(pg_error_is(&err, "42P01"));
}

static void connect_message_when_verbose_then_state_and_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sqlstate, *sentence;
    } samples[] = {
        {"connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication failed for user \"x\"\n"
         "LOCATION:  auth_failed, auth.c:340\n",
         "28P01", "password authentication failed for user \"x\""},
        {"connection to server at \"h\" (::1), port 1 failed: Connection refused\n\tIs the server running?\n", "",
         "connection to server at \"h\" (::1), port 1 failed: Connection refused"},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        char sqlstate[6];
        CLEANUP(text_free) char *text = text_copy(samples[i].text);
        assert_string_equal(pg_split_connect_message(text, sqlstate), samples[i].sentence);
        assert_string_equal(sqlstate, samples[i].sqlstate);
    }
}

static void timeline_when_left_then_its_end_is_found(void **state)
{
    (void)state;
    static const char history[] = "1\t0/3000148\tno recovery target specified\n\n2\t1/A0\tbefore 2000-01-01\n"
                                  "11\t1/B0\tno recovery target specified\n";
    pg_lsn end = 0;
    assert_true(pg_timeline_end(history, 1, &end) && end == 0x3000148);
    assert_true(pg_timeline_end(history, 2, &end) && end == UINT64_C(0x1000000A0));
    assert_true(pg_timeline_end(history, 11, &end) && end == UINT64_C(0x1000000B0));
    assert_false(pg_timeline_end(history, 3, &end));
    assert_false(pg_timeline_end("", 1, &end));
    assert_false(pg_timeline_end("1\tnoise\n1 \n\n", 1, &end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_when_plain_link_then_carries_it_whole),
        cmocka_unit_test(slot_when_links_differ_then_names_differ),
        cmocka_unit_test(slot_when_not_ours_then_refused),
        cmocka_unit_test(identifier_when_quoted_then_quotes_doubled),
        cmocka_unit_test(literal_when_quoted_then_cannot_end_early),
        cmocka_unit_test(sqlstate_when_known_then_kind),
        cmocka_unit_test(error_when_set_then_says_where_what_and_cure),
        cmocka_unit_test(connect_message_when_verbose_then_state_and_sentence),
        cmocka_unit_test(timeline_when_left_then_its_end_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
