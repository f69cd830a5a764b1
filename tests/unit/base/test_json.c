/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/macros.h"

#include <string.h>

static bool parse(const char *text, struct json **ret_root, struct lf_error *err)
{
    return json_parse("test.json", text, strlen(text), ret_root, err);
}

static void parse_when_every_kind_of_value_then_found(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse("{\"s\":\"a\\u00e4\\ud83d\\ude00\\n\",\"i\":-12,\"t\":true,\"f\":false,\"n\":null,\"o\":{},"
                      "\"a\":[1,\"x\",[2]]}",
                      &root, &err));
    assert_true(json_is_object(root));
    assert_string_equal(json_text(json_member(root, "s")), "a\xC3\xA4\xF0\x9F\x98\x80\n");
    int64_t number = 0;
    assert_true(json_int(json_member(root, "i"), &number));
    assert_true(number == -12);
    bool truth = false;
    assert_true(json_bool(json_member(root, "t"), &truth) && truth);
    assert_true(json_bool(json_member(root, "f"), &truth) && !truth);
    assert_false(json_bool(json_member(root, "n"), &truth));
    assert_true(json_is_object(json_member(root, "o")));
    assert_null(json_first(json_member(root, "o")));
    assert_true(json_is_array(json_member(root, "a")));
    assert_null(json_text(json_member(root, "i")));
    assert_false(json_int(json_member(root, "s"), &number));
}

static void member_when_absent_or_no_object_then_null(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse("{\"a\":[1]}", &root, &err));
    assert_null(json_member(root, "A"));
    assert_null(json_member(json_member(root, "a"), "x"));
    assert_null(json_member(NULL, "x"));
    assert_null(json_first(NULL));
    assert_null(json_text(NULL));
    assert_false(json_is_object(NULL));
    assert_false(json_is_array(NULL));
}

static void next_when_walked_then_order_and_names(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse("{\"b\":1,\"a\":2,\"\":3}", &root, &err));
    static const char *const names[] = {"b", "a", ""};
    const struct json *child = json_first(root);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t number = 0;
        assert_non_null(child);
        assert_string_equal(json_name(child), names[i]);
        assert_true(json_int(child, &number));
        assert_true((size_t)number == i + 1);
        child = json_next(child);
    }
    assert_null(child);
}

static void int_when_a_double_may_have_rounded_it_then_false(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool exact;
        int64_t value;
    } examples[] = {
        {"9007199254740991", true, 9007199254740991},
        {"-9007199254740991", true, -9007199254740991},
        {"9007199254740992", false, 0},
        {"9007199254740993", false, 0},
        {"1e3", true, 1000},
        {"1.5", false, 0},
        {"1e999", false, 0},
        {"0", true, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct lf_error err;
        CLEANUP(json_free) struct json *root = NULL;
        assert_true(parse(examples[i].text, &root, &err));
        int64_t number = 0;
        assert_int_equal(json_int(root, &number), examples[i].exact);
        assert_true(number == examples[i].value);
    }
}

static void refuse(const char *text, size_t len, enum lf_error_kind kind, const char *part)
{
    struct lf_error err = {0};
    struct json *root = NULL;
    if (json_parse("test.json", text, len, &root, &err)) {
        json_free(&root);
        fail_msg("accepted: %s", text);
    }
    assert_null(root);
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, part) == NULL || strncmp(err.msg, "test.json: line ", 16) != 0) {
        fail_msg("'%s' is not in '%s'", part, err.msg);
    }
}

static void parse_when_malformed_then_data_with_the_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", "line 1: "},
        {"\n\n{\n\"a\":1,\n}", "line 5: "},
        {"{\"a\":1}\n\nx", "line 3: "},
        {"{} {}", "line 1: "},
        {"[1,\n2", "line 2: "},
        {"[1,]", "line 1: "},
        {"{\"a\" 1}", "line 1: "},
        {"[01]", "line 1: "},
        {"[+1]", "line 1: "},
        {"[.5]", "line 1: "},
        {"[1.]", "line 1: "},
        {"[NaN]", "line 1: "},
        {"['a']", "line 1: "},
        {"[\"a\nb\"]", "line 1: "},
        {"[\"\\x\"]", "line 1: "},
        {"[\"\\u12g4\"]", "line 1: "},
        {"[1] // no", "line 1: "},
        {"\xEF\xBB\xBF{}", "line 1: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        refuse(wrong[i][0], strlen(wrong[i][0]), LF_DATA, wrong[i][1]);
    }
}

static void parse_when_a_key_is_given_twice_then_data_with_key_and_line(void **state)
{
    (void)state;
    const char *text = "{\"a\":1,\n\"b\":{\"x\":1,\n\"\\u0078\":2}}";
    refuse(text, strlen(text), LF_DATA, "line 3: the key \"x\"");
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse("{\"a\":{\"a\":1},\"A\":[{\"a\":1},{\"a\":2}]}", &root, &err));
}

static void parse_when_text_is_not_unicode_then_data(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "[\"\xFF\"]",         "[\"\xC0\x80\"]",       "[\"\xED\xA0\x80\"]",         "{\"\xED\xA0\x80\":1}",
        "[\"\\ud800\"]",      "[\"\\ud800x\"]",       "[\"\\ud800\\n\"]",           "[\"\\ud800\\u0041\"]",
        "[\"\\udc00\"]",      "[\"\\ud83d\\ud83d\"]", "[\"\\uD83D\", \"\\uDE00\"]", "[\"a\\u0000b\"]",
        "{\"a\\u0000b\": 1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        refuse(wrong[i], strlen(wrong[i]), LF_DATA, "line 1: ");
    }
    refuse("[\"a\0b\"]", 7, LF_DATA, "line 1: ");
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse("[\"\\\\ud800\"]", &root, &err)); /* an escaped backslash, then letters */
    assert_string_equal(json_text(json_first(root)), "\\ud800");
}

static void parse_when_64_levels_then_taken_and_one_more_is_a_limit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf text = {0};
    for (int i = 0; i < 64; i++) {
        buf_append_char(&text, '[');
    }
    for (int i = 0; i < 64; i++) {
        buf_append_char(&text, ']');
    }
    struct lf_error err;
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(parse(buf_text(&text), &root, &err));
    CLEANUP(buf_done) struct buf deeper = {0};
    buf_printf(&deeper, "[%s]", buf_text(&text));
    refuse(buf_text(&deeper), deeper.len, LF_LIMIT, "64");
}

static void parse_when_an_object_has_too_many_members_then_limit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf text = {0};
    buf_append_char(&text, '{');
    for (int i = 0; i < 4097; i++) {
        buf_printf(&text, "%s\"%d\":0", i > 0 ? "," : "", i);
    }
    buf_append_char(&text, '}');
    refuse(buf_text(&text), text.len, LF_LIMIT, "4096");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_when_every_kind_of_value_then_found),
        cmocka_unit_test(member_when_absent_or_no_object_then_null),
        cmocka_unit_test(next_when_walked_then_order_and_names),
        cmocka_unit_test(int_when_a_double_may_have_rounded_it_then_false),
        cmocka_unit_test(parse_when_malformed_then_data_with_the_line),
        cmocka_unit_test(parse_when_a_key_is_given_twice_then_data_with_key_and_line),
        cmocka_unit_test(parse_when_text_is_not_unicode_then_data),
        cmocka_unit_test(parse_when_64_levels_then_taken_and_one_more_is_a_limit),
        cmocka_unit_test(parse_when_an_object_has_too_many_members_then_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
