/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/macros.h"

#include <string.h>

struct input {
    const char *text;
    size_t len;
    size_t step; /* bytes per call */
    bool fails;
    size_t endless; /* so many filler bytes follow */
};

static bool next_bytes(void *context, char *ret_bytes, size_t size, size_t *ret_len, struct lf_error *err)
{
    struct input *input = context;
    if (input->fails) {
        return lf_error_set(err, LF_TRANSIENT, 5, "read model.json: the disk is gone");
    }
    size_t len = input->len < input->step ? input->len : input->step;
    len = len < size ? len : size;
    memcpy(ret_bytes, input->text, len);
    input->text += len;
    input->len -= len;
    if (len == 0 && input->endless > 0) {
        len = input->endless < size ? input->endless : size;
        memset(ret_bytes, 'x', len);
        input->endless -= len;
    }
    *ret_len = len;
    return true;
}

/* Writes what it is given as name=value; arrays and objects with their members. */
static void describe(struct buf *out, const struct json *value)
{
    int64_t number = 0;
    if (json_name(value) != NULL) {
        buf_printf(out, "%s:", json_name(value));
    }
    if (json_text(value) != NULL) {
        buf_printf(out, "'%s'", json_text(value));
    } else if (json_int(value, &number)) {
        buf_printf(out, "%d", (int)number);
    } else if (json_is_array(value) || json_is_object(value)) {
        buf_append_char(out, '(');
        for (const struct json *child = json_first(value); child != NULL; child = json_next(child)) {
            describe(out, child);
            buf_append_char(out, ' ');
        }
        buf_append_char(out, ')');
    } else {
        buf_append_char(out, '?');
    }
}

static bool note_piece(void *context, const char *member, const struct json *piece, struct lf_error *err)
{
    struct buf *out = context;
    buf_printf(out, "%s=", member);
    describe(out, piece);
    buf_append_char(out, ';');
    if (json_text(piece) != NULL && strcmp(json_text(piece), "refuse") == 0) {
        return lf_error_set(err, LF_CONFIG, 3, "this value is not wanted");
    }
    return true;
}

static const char *const split[] = {"entities", "empty", NULL};

static bool read_text(const char *text, size_t step, size_t piece_max, struct buf *out, struct lf_error *err)
{
    struct input input = {.text = text, .len = strlen(text), .step = step};
    return json_read_pieces("model.json", next_bytes, &input, split, piece_max, note_piece, out, err);
}

static void read_when_cut_anywhere_then_the_same_pieces(void **state)
{
    (void)state;
    const char *text = "{ \"name\": \"c\\u00e4\\ud83d\\ude00\xC3\xA4\", \"n\": -12, \"empty\": [],\n"
                       "\"entities\": [ {\"a\": [1, 2], \"entities\": [3]}, [4], \"x\", 5, null ],\n"
                       "\"more\": [[6], {}], \"t\": true, \"o\": {\"k\": \"v\"} } \n";
    for (size_t step = 1; step <= strlen(text); step++) {
        struct lf_error err;
        CLEANUP(buf_done) struct buf out = {0};
        assert_true(read_text(text, step, 100, &out, &err));
        assert_string_equal(buf_text(&out), "name='c\xC3\xA4\xF0\x9F\x98\x80\xC3\xA4';n=-12;"
                                            "entities=(a:(1 2 ) entities:(3 ) );entities=(4 );entities='x';"
                                            "entities=5;entities=?;more=((6 ) () );t=?;o=(k:'v' );");
    }
}

static void read_when_the_root_is_empty_then_no_piece(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    assert_true(read_text("{}", 1, 100, &out, &err));
    assert_int_equal(out.len, 0);
}

static void refuse(const char *text, enum lf_error_kind kind, const char *part)
{
    for (size_t step = 1; step <= 64; step *= 8) {
        struct lf_error err = {0};
        CLEANUP(buf_done) struct buf out = {0};
        if (read_text(text, step, 100, &out, &err)) {
            fail_msg("accepted: %s", text);
        }
        assert_int_equal(err.kind, kind);
        if (strstr(err.msg, part) == NULL) {
            fail_msg("'%s' is not in '%s'", part, err.msg);
        }
    }
}

static void read_when_malformed_then_data_with_the_line(void **state)
{
    (void)state;
    refuse("", LF_DATA, "model.json: line 1: ");
    refuse("[1]", LF_DATA, "model.json: line 1: the document is not an object");
    refuse("5", LF_DATA, "not an object");
    refuse("{\"a\":1,\n\"b\":}", LF_DATA, "model.json: line 2: ");
    refuse("{\"a\":1}\n{", LF_DATA, "model.json: line 2: ");
    refuse("{\"a\":[1,\n\n", LF_DATA, "model.json: line 3: ");
    refuse("{\"a\":\"\\ud800\"}", LF_DATA, "model.json: line 1: ");
    refuse("{\n\"a\":\"\\ud83d\\u0041\"}", LF_DATA, "model.json: line 2: ");
    refuse("{\"a\":\"\xED\xA0\x80\"}", LF_DATA, "UTF-8");
}

static void read_when_a_split_member_is_no_array_then_data(void **state)
{
    (void)state;
    refuse("{\"a\":1,\n\"entities\":{\"a\":1}}", LF_DATA, "line 2: \"entities\" is not an array");
    refuse("{\"entities\":null}", LF_DATA, "\"entities\" is not an array");
}

static void read_when_a_key_is_given_twice_then_data(void **state)
{
    (void)state;
    refuse("{\"a\":1,\n\"b\":2,\n\"a\":3}", LF_DATA, "line 3: the key \"a\"");
    refuse("{\"entities\":[],\"entities\":[]}", LF_DATA, "the key \"entities\"");
    refuse("{\"entities\":[{\"x\":1,\"x\":2}]}", LF_DATA, "the key \"x\"");
}

static void read_when_a_piece_is_too_large_then_limit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf wide = {0};
    buf_append_text(&wide, "{\"entities\":[[");
    for (int i = 0; i < 60; i++) {
        buf_append_text(&wide, "1,");
    }
    buf_append_text(&wide, "1]]}");
    refuse(buf_text(&wide), LF_LIMIT, "a part of \"entities\" is larger than the limit of 100 bytes");
    CLEANUP(buf_done) struct buf deep = {0};
    buf_append_text(&deep, "{\"a\":");
    for (int i = 0; i < 64; i++) {
        buf_append_char(&deep, '[');
    }
    refuse(buf_text(&deep), LF_LIMIT, "64");
}

static void read_when_many_small_pieces_then_only_each_is_bounded(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf out = {0};
    buf_append_text(&text, "{\"entities\":[");
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, "%s{\"name\":\"%080d\"}", i > 0 ? ",\n" : "", i);
    }
    buf_append_text(&text, "]}");
    assert_true(read_text(buf_text(&text), 777, 100, &out, &err));
}

static void read_when_a_text_never_ends_then_limit_before_it_is_stored(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    struct input input = {.text = "{\"a\":\n\"", .len = 7, .step = 7, .endless = (size_t)64 << 20};
    assert_false(json_read_pieces("model.json", next_bytes, &input, split, 1000, note_piece, &out, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, "model.json: line 2: "));
    assert_true(input.endless > (size_t)63 << 20);
}

static void read_when_the_keys_of_the_root_are_too_many_then_limit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf text = {0};
    buf_append_char(&text, '{');
    for (int i = 0; i < 20; i++) {
        buf_printf(&text, "%s\"%d\":[]", i > 0 ? "," : "", i);
    }
    buf_append_char(&text, '}');
    refuse(buf_text(&text), LF_LIMIT, "keys of the document");
}

static void read_when_the_visitor_refuses_then_its_error_with_the_line(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    assert_false(read_text("{\"a\":1,\n\"b\":\"refuse\",\n\"c\":1}", 100, 100, &out, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_int_equal(err.code, 3);
    assert_string_equal(err.msg, "model.json: line 2: this value is not wanted");
    assert_string_equal(buf_text(&out), "a=1;b='refuse';");
}

static void read_when_the_input_fails_then_its_error(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    struct input input = {.fails = true};
    assert_false(json_read_pieces("model.json", next_bytes, &input, split, 100, note_piece, &out, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_string_equal(err.msg, "read model.json: the disk is gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_when_cut_anywhere_then_the_same_pieces),
        cmocka_unit_test(read_when_the_root_is_empty_then_no_piece),
        cmocka_unit_test(read_when_malformed_then_data_with_the_line),
        cmocka_unit_test(read_when_a_split_member_is_no_array_then_data),
        cmocka_unit_test(read_when_a_key_is_given_twice_then_data),
        cmocka_unit_test(read_when_a_piece_is_too_large_then_limit),
        cmocka_unit_test(read_when_many_small_pieces_then_only_each_is_bounded),
        cmocka_unit_test(read_when_a_text_never_ends_then_limit_before_it_is_stored),
        cmocka_unit_test(read_when_the_keys_of_the_root_are_too_many_then_limit),
        cmocka_unit_test(read_when_the_visitor_refuses_then_its_error_with_the_line),
        cmocka_unit_test(read_when_the_input_fails_then_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
