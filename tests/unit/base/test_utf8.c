/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/macros.h"
#include "base/utf8.h"

#include <string.h>

static void char_len_when_well_formed_then_its_bytes(void **state)
{
    (void)state;
    static const char *const chars[] = {"a",
                                        "\x7F",
                                        "\xC2\x80",
                                        "\xDF\xBF",
                                        "\xE0\xA0\x80",
                                        "\xED\x9F\xBF",
                                        "\xEE\x80\x80",
                                        "\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80",
                                        "\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
        assert_int_equal(utf8_char_len(chars[i], strlen(chars[i])), strlen(chars[i]));
    }
}

static void broken_len_then_the_longest_piece_that_begins_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t want;
    } cases[] = {
        {"\xFF\x80", 1},     {"\x80\x80", 1},         {"\xC3", 1},         {"\xC3z", 1},
        {"\xE2\x82", 2},     {"\xE2\x82z", 2},        {"\xE2z", 1},        {"\xED\xA0\x80", 1},
        {"\xF0\x9F\x99", 3}, {"\xF0\x9F\x99\xFF", 3}, {"\xF4\x90\x80", 1}, {"\xF0\x9F\xC3", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(utf8_broken_len(cases[i].text, strlen(cases[i].text)), cases[i].want);
    }
}

static void char_len_when_malformed_then_0(void **state)
{
    (void)state;
    static const char *const chars[] = {
        "\x80",             /* no lead */
        "\xC0\x80",         /* overlong */
        "\xC1\xBF",         /* overlong */
        "\xE0\x9F\xBF",     /* overlong */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xED\xA0\x80",     /* surrogate */
        "\xF4\x90\x80\x80", /* above U+10FFFF */
        "\xF5\x80\x80\x80", /* above U+10FFFF */
        "\xFF",
        "\xC3",         /* cut */
        "\xE2\x82",     /* cut */
        "\xE2\x82\x28", /* third byte */
        "\xC3\x28",     /* second byte */
    };
    for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
        assert_int_equal(utf8_char_len(chars[i], strlen(chars[i])), 0);
    }
    assert_int_equal(utf8_char_len("", 0), 0);
}

/* The definition, by decoding: shares nothing with the table in the product. */
static int valid_code(uint32_t code, int len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return code >= least[len] && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
}

static void char_len_when_any_code_is_encoded_then_only_valid_codes_pass(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x200000; code += 7) {
        for (int len = 2; len <= 4; len++) {
            static const uint8_t mark[] = {0, 0, 0xC0, 0xE0, 0xF0};
            static const uint32_t past[] = {0, 0, 0x800, 0x10000, 0x200000};
            if (code >= past[len]) {
                continue;
            }
            uint8_t bytes[4];
            for (int i = len - 1, shift = 0; i > 0; i--, shift += 6) {
                bytes[i] = (uint8_t)(0x80 | (code >> shift & 0x3F));
            }
            bytes[0] = (uint8_t)(mark[len] | code >> (6 * (len - 1)));
            size_t expected = valid_code(code, len) ? (size_t)len : 0;
            assert_int_equal(utf8_char_len((const char *)bytes, (size_t)len), expected);
        }
    }
}

static void valid_when_one_byte_is_wrong_then_false(void **state)
{
    (void)state;
    assert_true(utf8_valid("gr\xC3\xBC\xC3\x9F"
                           "e",
                           7));
    assert_true(utf8_valid("", 0));
    assert_false(utf8_valid("gr\xC3\xBC\xC3", 5));
    assert_false(utf8_valid("a\xFF"
                            "b",
                            3));
}

static void copy_when_bytes_belong_to_no_character_then_replaced(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"plain", "plain"},
                                           {"a\xFF"
                                            "b",
                                            "a\xEF\xBF\xBD"
                                            "b"},
                                           {"cut \xC3", "cut \xEF\xBF\xBD"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *copy = utf8_copy(cases[i][0]);
        assert_string_equal(copy, cases[i][1]);
        free(copy);
    }
    assert_null(utf8_copy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(char_len_when_well_formed_then_its_bytes),
        cmocka_unit_test(char_len_when_malformed_then_0),
        cmocka_unit_test(broken_len_then_the_longest_piece_that_begins_a_character),
        cmocka_unit_test(char_len_when_any_code_is_encoded_then_only_valid_codes_pass),
        cmocka_unit_test(valid_when_one_byte_is_wrong_then_false),
        cmocka_unit_test(copy_when_bytes_belong_to_no_character_then_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
