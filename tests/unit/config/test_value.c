/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "config/value.h"

static void duration_of_every_unit_then_milliseconds(UNUSED void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"250ms", 250},   {"90s", 90000}, {"15min", 900000}, {"1h", 3600000},
                 {"1d", 86400000}, {"0s", 0},      {"007s", 7000},    {"9223372036854775807ms", INT64_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lf_error err = {0};
        int64_t ms = -1;
        assert_true(config_parse_duration(cases[i].text, &ms, &err));
        assert_true(ms == cases[i].ms);
    }
}

static void duration_of_anything_else_then_refused(UNUSED void **state)
{
    static const char *const texts[] = {"", "1", "h", "1 h", "1H", "1m", "-1s", "+1s", "1.5h", "1h30min", " 1s", "1s "};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct lf_error err = {0};
        int64_t ms = 0;
        CLEANUP(text_free)
        char *message = text_printf("\"%s\" is not a duration; write a whole number and a unit (ms, s, min, "
                                    "h or d), such as \"15min\"",
                                    texts[i]);
        assert_false(config_parse_duration(texts[i], &ms, &err));
        assert_string_equal(err.msg, message);
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void duration_when_it_does_not_fit_then_refused(UNUSED void **state)
{
    static const char *const texts[] = {"9223372036854775808ms", "99999999999999999999999ms", "9223372036854776s",
                                        "18446744073709551616ms"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct lf_error err = {0};
        int64_t ms = 0;
        CLEANUP(text_free)
        char *message = text_printf("\"%s\" is too long; write a duration such as \"15min\"", texts[i]);
        assert_false(config_parse_duration(texts[i], &ms, &err));
        assert_string_equal(err.msg, message);
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void bytes_of_every_unit_then_the_number(UNUSED void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"4096", 4096},
                 {"7B", 7},
                 {"2KiB", 2048},
                 {"64MiB", UINT64_C(64) << 20},
                 {"10GiB", UINT64_C(10) << 30},
                 {"0", 0},
                 {"3TiB", UINT64_C(3) << 40}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lf_error err = {0};
        uint64_t bytes = 1;
        assert_true(config_parse_bytes(cases[i].text, &bytes, &err));
        assert_true(bytes == cases[i].bytes);
    }
}

static void bytes_of_anything_else_then_refused(UNUSED void **state)
{
    static const char *const texts[] = {"", "MiB", "1MB", "1mib", "1 MiB", "-1", "1.5GiB", "0x10"};
    struct lf_error err = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(text_free)
        char *message = text_printf("\"%s\" is not a size; write a whole number of bytes or one with a unit "
                                    "(KiB, MiB, GiB or TiB), such as \"64MiB\"",
                                    texts[i]);
        assert_false(config_parse_bytes(texts[i], &bytes, &err));
        assert_string_equal(err.msg, message);
        assert_int_equal(err.kind, LF_CONFIG);
    }
    assert_false(config_parse_bytes("8388608TiB", &bytes, &err));
    assert_string_equal(err.msg, "\"8388608TiB\" is too large; write a size such as \"64MiB\"");
    assert_int_equal(err.kind, LF_CONFIG);
}

static void shown_when_short_then_the_same(UNUSED void **state)
{
    char shown[VALUE_SHOWN_SIZE];
    assert_string_equal(value_shown("", shown), "");
    assert_string_equal(value_shown("a \xC3\xA4 \xF0\x9F\x98\x80", shown), "a \xC3\xA4 \xF0\x9F\x98\x80");
}

static void shown_when_control_characters_or_no_utf8_then_question_marks(UNUSED void **state)
{
    char shown[VALUE_SHOWN_SIZE];
    assert_string_equal(value_shown("a\x1B[31m\n\x7F\xFF", shown), "a?[31m???");
}

static void shown_when_long_then_cut_between_characters(UNUSED void **state)
{
    char shown[VALUE_SHOWN_SIZE];
    char text[VALUE_SHOWN_MAX + 3];
    memset(text, 'x', sizeof text);
    text[VALUE_SHOWN_MAX] = '\0';
    assert_string_equal(value_shown(text, shown), text);
    memcpy(text + VALUE_SHOWN_MAX - 1, "\xC3\xA4", 3);
    value_shown(text, shown);
    assert_int_equal(strlen(shown), VALUE_SHOWN_MAX - 1 + strlen("…"));
    assert_string_equal(shown + VALUE_SHOWN_MAX - 1, "…");
}

static void print_of_amounts_then_the_largest_unit_that_leaves_no_rest(UNUSED void **state)
{
    static const struct {
        uint64_t number;
        const char *duration, *bytes;
    } cases[] = {{0, "0s", "0B"},
                 {1, "1ms", "1B"},
                 {1000, "1s", "1000B"},
                 {1024, "1024ms", "1KiB"},
                 {60000, "1min", "60000B"},
                 {90000, "90s", "90000B"},
                 {3600000, "1h", "3600000B"},
                 {86400000, "1d", "84375KiB"},
                 {UINT64_C(3) << 30, "3221225472ms", "3GiB"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf duration = {0};
        CLEANUP(buf_done) struct buf bytes = {0};
        struct lf_error err;
        int64_t ms = 0;
        uint64_t size = 0;
        value_print_duration(cases[i].number, &duration);
        value_print_bytes(cases[i].number, &bytes);
        assert_string_equal(buf_text(&duration), cases[i].duration);
        assert_string_equal(buf_text(&bytes), cases[i].bytes);
        assert_true(config_parse_duration(buf_text(&duration), &ms, &err) && (uint64_t)ms == cases[i].number);
        assert_true(config_parse_bytes(buf_text(&bytes), &size, &err) && size == cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duration_of_every_unit_then_milliseconds),
        cmocka_unit_test(duration_of_anything_else_then_refused),
        cmocka_unit_test(duration_when_it_does_not_fit_then_refused),
        cmocka_unit_test(bytes_of_every_unit_then_the_number),
        cmocka_unit_test(bytes_of_anything_else_then_refused),
        cmocka_unit_test(shown_when_short_then_the_same),
        cmocka_unit_test(shown_when_control_characters_or_no_utf8_then_question_marks),
        cmocka_unit_test(shown_when_long_then_cut_between_characters),
        cmocka_unit_test(print_of_amounts_then_the_largest_unit_that_leaves_no_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
