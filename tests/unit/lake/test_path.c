/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/random.h"
#include "lake/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_ID "0123456789abcdef0123456789abcdef"
#define WRITER_ID "fedcba9876543210"

static char *repeat(const char *text, size_t times)
{
    struct buf out = {0};
    for (size_t i = 0; i < times; i++) {
        buf_append_text(&out, text);
    }
    return out.ptr;
}

static void assert_entity(const char *source, const char *const *taken, const char *expected)
{
    struct buf out = {0};
    lake_entity_name(source, taken, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

/* The hashes come from sha256sum. */
static void entity_name_when_plain_then_kept(void **state)
{
    (void)state;
    assert_entity("orders", NULL, "orders");
    assert_entity("Order-Lines_2", NULL, "Order-Lines_2");
    assert_entity("2024", NULL, "2024");
    assert_entity("x_orders", NULL, "x_orders");
}

static void entity_name_when_changed_then_suffixed(void **state)
{
    (void)state;
    assert_entity("sales.orders", NULL, "sales_orders-9070a83f");
    assert_entity("a b", NULL, "a_b-c8687a08");
    assert_entity("it's \"x\"", NULL, "it_s__x_-28efbb51");
    assert_entity("\xC3\xBC", NULL, "x__-607474ca");
    assert_entity("../x", NULL, "x___x-d6b96a97");
    assert_entity("", NULL, "x-e3b0c442");
}

static void entity_name_when_it_starts_oddly_then_escaped(void **state)
{
    (void)state;
    assert_entity("_orders", NULL, "x_orders-2bcef2e9");
    assert_entity("-orders", NULL, "x-orders-17c79137");
}

static void entity_name_when_long_then_cut_to_limit(void **state)
{
    (void)state;
    CLEANUP(text_free) char *fits = repeat("a", 200);
    CLEANUP(text_free) char *cut = repeat("a", 201);
    CLEANUP(text_free) char *long_name = repeat("b", 300);
    CLEANUP(text_free) char *stem = repeat("a", 191);
    CLEANUP(text_free) char *dotted = text_printf("%s.", stem);
    struct buf out = {0};
    assert_entity(fits, NULL, fits);
    lake_entity_name(cut, NULL, &out);
    assert_int_equal(out.len, 200);
    assert_memory_equal(buf_text(&out), stem, 191);
    assert_int_equal(buf_text(&out)[191], '-');
    buf_reset(&out);
    lake_entity_name(long_name, NULL, &out);
    assert_int_equal(out.len, 200);
    buf_reset(&out);
    lake_entity_name(dotted, NULL, &out);
    assert_int_equal(out.len, 200);
    buf_done(&out);
}

static void entity_name_when_taken_in_any_case_then_suffixed(void **state)
{
    (void)state;
    static const char *const taken[] = {"customers", "ORDERS", NULL};
    static const char *const suffixed[] = {"orders", "Orders-b7e8acdd", NULL};
    struct buf out = {0};
    assert_entity("Orders", taken, "Orders-b7e8acdd");
    assert_entity("Order", taken, "Order");
    lake_entity_name("Orders", suffixed, &out);
    assert_string_not_equal(buf_text(&out), "Orders-b7e8acdd");
    assert_memory_equal(buf_text(&out), "Orders-", 7);
    assert_int_equal(out.len, strlen("Orders-b7e8acdd"));
    buf_done(&out);
}

static void entity_name_when_anything_then_valid_and_same_each_time(void **state)
{
    (void)state;
    const char *given = getenv("LAKEFEED_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20240607;
    struct random_seeded random;
    random_seeded_init(&random, seed);
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 3000; round++) {
        char source[320];
        struct lf_error err;
        struct buf one = {0};
        struct buf two = {0};
        size_t len = (size_t)random_seeded_below(&random, sizeof source);
        for (size_t i = 0; i < len; i++) {
            source[i] = (char)(1 + random_seeded_below(&random, round % 2 == 0 ? 255 : 122));
        }
        source[len] = '\0';
        lake_entity_name(source, NULL, &one);
        lake_entity_name(source, NULL, &two);
        assert_string_equal(buf_text(&one), buf_text(&two));
        assert_true(lake_entity_name_check(buf_text(&one), &err));
        assert_true(one.len >= 1 && one.len <= 200);
        assert_int_equal(strspn(buf_text(&one), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"),
                         one.len);
        assert_true(buf_text(&one)[0] != '_' && buf_text(&one)[0] != '-');
        const char *const taken[] = {buf_text(&one), NULL};
        buf_reset(&two);
        lake_entity_name(source, taken, &two);
        assert_true(lake_entity_name_check(buf_text(&two), &err));
        assert_true(strcasecmp(buf_text(&one), buf_text(&two)) != 0);
        buf_done(&one);
        buf_done(&two);
    }
}

static void entity_name_check_when_not_a_folder_name_then_config(void **state)
{
    (void)state;
    CLEANUP(text_free) char *longest = repeat("a", 200);
    CLEANUP(text_free) char *too_long = repeat("a", 201);
    const char *const bad[] = {"", "_a", "-a", "a.b", "a/b", "a b", "\xC3\xBC", ".", "..", too_long};
    struct lf_error err = {0};
    assert_true(lake_entity_name_check("orders", &err));
    assert_true(lake_entity_name_check("0", &err));
    assert_true(lake_entity_name_check(longest, &err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = (struct lf_error){0};
        assert_false(lake_entity_name_check(bad[i], &err));
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void assert_attribute(const char *source, const char *const *taken, const char *expected)
{
    struct buf out = {0};
    lake_attribute_name(source, taken, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void attribute_name_when_any_text_then_kept(void **state)
{
    (void)state;
    assert_attribute("order id", NULL, "order id");
    assert_attribute("_x.\"y\"", NULL, "_x.\"y\"");
    assert_attribute("gr\xC3\xB6\xC3\x9F"
                     "e",
                     NULL,
                     "gr\xC3\xB6\xC3\x9F"
                     "e");
}

static void attribute_name_when_not_usable_then_suffixed(void **state)
{
    (void)state;
    assert_attribute("", NULL, "-e3b0c442");
    assert_attribute("a\xFF", NULL, "a_-8dd06b5a");
}

static void attribute_name_when_long_then_cut_at_256_characters(void **state)
{
    (void)state;
    CLEANUP(text_free) char *fits = repeat("\xE6\x97\xA5", 256);
    CLEANUP(text_free) char *cut = repeat("\xE6\x97\xA5", 257);
    static const size_t stem_len = (size_t)247 * 3;
    struct buf out = {0};
    assert_attribute(fits, NULL, fits);
    lake_attribute_name(cut, NULL, &out);
    assert_int_equal(out.len, stem_len + 9);
    assert_memory_equal(buf_text(&out), cut, stem_len);
    assert_int_equal(buf_text(&out)[stem_len], '-');
    buf_done(&out);
}

struct clash {
    const char *name;
    const char *taken;
    bool clashes;
};

static void attribute_name_when_case_alone_differs_then_suffixed(void **state)
{
    (void)state;
    static const struct clash clashes[] = {
        {"Id", "ID", true},
        {"id", "idx", false},
        {"\xC3\x84", "\xC3\xA4", true},          /* Latin-1: A umlaut */
        {"\xC3\x97", "\xC3\xB7", false},         /* multiplication and division sign */
        {"\xC4\x8C", "\xC4\x8D", true},          /* C caron */
        {"\xC5\xBD", "\xC5\xBE", true},          /* Z caron */
        {"\xCE\xA3", "\xCF\x83", true},          /* sigma */
        {"\xD0\x96", "\xD0\xB6", true},          /* zhe */
        {"\xD0\x81", "\xD1\x91", true},          /* io */
        {"\xE6\x97\xA5", "\xE6\x9C\xAC", false}, /* two ideographs */
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x81", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(clashes); i++) {
        struct buf alone = {0};
        struct buf beside = {0};
        struct buf first = {0};
        lake_attribute_name(clashes[i].taken, NULL, &first);
        const char *const taken[] = {buf_text(&first), NULL};
        lake_attribute_name(clashes[i].name, NULL, &alone);
        lake_attribute_name(clashes[i].name, taken, &beside);
        bool differs = strcmp(buf_text(&alone), buf_text(&beside)) != 0;
        assert_int_equal(differs, clashes[i].clashes);
        buf_done(&alone);
        buf_done(&beside);
        buf_done(&first);
    }
}

static void paths_when_made_then_of_documented_form_and_recognised(void **state)
{
    (void)state;
    struct buf out = {0};
    lake_path_partition("orders", 7, 1717754096000, WRITER_ID, 12, &out);
    assert_string_equal(buf_text(&out), "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.csv");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_PARTITION);
    buf_reset(&out);
    lake_path_partition("o", UINT32_MAX, 0, WRITER_ID, UINT64_MAX, &out);
    assert_string_equal(buf_text(&out),
                        "o/Snapshot/p4294967295_19700101T000000Z_" WRITER_ID "-18446744073709551615.csv");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_PARTITION);
    buf_reset(&out);
    lake_path_commit(42, COMMIT_ID, &out);
    assert_string_equal(buf_text(&out), "_lakefeed/commits/0000000042-" COMMIT_ID ".json");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_COMMIT);
    buf_reset(&out);
    lake_path_commit(UINT64_MAX, COMMIT_ID, &out);
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_COMMIT);
    buf_reset(&out);
    lake_path_history(1, COMMIT_ID, &out);
    assert_string_equal(buf_text(&out), "_lakefeed/history/0000000001-" COMMIT_ID ".json");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_HISTORY);
    buf_reset(&out);
    lake_path_load("a-b_c", COMMIT_ID, &out);
    assert_string_equal(buf_text(&out), "_lakefeed/loads/a-b_c-" COMMIT_ID ".json");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_LOAD);
    buf_reset(&out);
    lake_path_quarantine("a-b_c", COMMIT_ID, &out);
    assert_string_equal(buf_text(&out), "_lakefeed/quarantine/a-b_c-" COMMIT_ID ".jsonl");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_QUARANTINE);
    buf_reset(&out);
    lake_path_publish(COMMIT_ID, &out);
    assert_string_equal(buf_text(&out), "_lakefeed/publish/" COMMIT_ID ".json");
    assert_int_equal(lake_path_kind(buf_text(&out)), LAKE_PATH_IS_PUBLISH);
    buf_done(&out);
}

static void path_kind_when_not_our_pattern_then_foreign(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "",
        "model.json",
        "orders",
        "orders/Snapshot/",
        "orders/Snapshot/part-0000.csv",
        "orders/snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "_orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "a/b/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "orders/Snapshot/x/p00000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "orders/Snapshot/p0000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "orders/Snapshot/p000000007_20240607T095456Z_" WRITER_ID "-12.csv",
        "orders/Snapshot/p00000007_20240607T095456_" WRITER_ID "-12.csv",
        "orders/Snapshot/p00000007_20240607T0954Z_" WRITER_ID "-12.csv",
        "orders/Snapshot/p00000007_20240607T095456Z_FEDCBA9876543210-12.csv",
        "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "0-12.csv",
        "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-012.csv",
        "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-.csv",
        "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.csv.tmp",
        "orders/Snapshot/p00000007_20240607T095456Z_" WRITER_ID "-12.CSV",
        "_lakefeed/commits/42-" COMMIT_ID ".json",
        "_lakefeed/commits/00000000042-" COMMIT_ID ".json",
        "_lakefeed/commits/0000000042-" COMMIT_ID ".jso",
        "_lakefeed/commits/0000000042-" COMMIT_ID ".json~",
        "_lakefeed/commits/0000000042-abc.json",
        "_lakefeed/loads/-" COMMIT_ID ".json",
        "_lakefeed/loads/" COMMIT_ID ".json",
        "_lakefeed/loads/orders_" COMMIT_ID ".json",
        "_lakefeed/loads/a/b-" COMMIT_ID ".json",
        "_lakefeed/loads/orders-" COMMIT_ID ".jsox",
        "_lakefeed/history/0000000001" COMMIT_ID ".json",
        "_lakefeed/quarantine/orders-" COMMIT_ID ".json",
        "_lakefeed/quarantine/-" COMMIT_ID ".jsonl",
        "_lakefeed/quarantine/a/b-" COMMIT_ID ".jsonl",
        "_lakefeed/loads/orders-" COMMIT_ID ".jsonl",
        "_lakefeed/other/0000000001-" COMMIT_ID ".json",
        "_lakefeed/publish/" COMMIT_ID "0.json",
        "_lakefeed/publish/model.json",
        "_lakefeed/publish/x/" COMMIT_ID ".json",
        "_lakefeed/owner",
    };
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (lake_path_kind(foreign[i]) != LAKE_PATH_IS_FOREIGN) {
            fail_msg("%s", foreign[i]);
        }
    }
}

static void path_is_valid_when_plain_relative_then_true(void **state)
{
    (void)state;
    CLEANUP(text_free) char *longest = repeat("a", LAKE_PATH_MAX);
    CLEANUP(text_free) char *too_long = repeat("a", LAKE_PATH_MAX + 1);
    const char *const good[] = {"a", "a/b/c", "...", ".a", "a..", "..a/b", longest};
    const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", too_long};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(lake_path_is_valid(good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(lake_path_is_valid(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entity_name_when_plain_then_kept),
        cmocka_unit_test(entity_name_when_changed_then_suffixed),
        cmocka_unit_test(entity_name_when_it_starts_oddly_then_escaped),
        cmocka_unit_test(entity_name_when_long_then_cut_to_limit),
        cmocka_unit_test(entity_name_when_taken_in_any_case_then_suffixed),
        cmocka_unit_test(entity_name_when_anything_then_valid_and_same_each_time),
        cmocka_unit_test(entity_name_check_when_not_a_folder_name_then_config),
        cmocka_unit_test(attribute_name_when_any_text_then_kept),
        cmocka_unit_test(attribute_name_when_not_usable_then_suffixed),
        cmocka_unit_test(attribute_name_when_long_then_cut_at_256_characters),
        cmocka_unit_test(attribute_name_when_case_alone_differs_then_suffixed),
        cmocka_unit_test(paths_when_made_then_of_documented_form_and_recognised),
        cmocka_unit_test(path_kind_when_not_our_pattern_then_foreign),
        cmocka_unit_test(path_is_valid_when_plain_relative_then_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
