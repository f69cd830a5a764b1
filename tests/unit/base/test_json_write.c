/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/macros.h"

#include <string.h>

static void write_sample(struct json_writer *json)
{
    json_begin_object(json);
    json_write_key(json, "text");
    json_write_text(json, "a\"\\\n\x01/\xC3\xA4");
    json_write_key(json, "list");
    json_begin_array(json);
    json_write_int(json, INT64_MIN);
    json_write_bool(json, true);
    json_write_null(json);
    json_begin_object(json);
    json_end_object(json);
    json_end_array(json);
    json_end_object(json);
}

static void write_when_compact_then_no_blanks(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
    write_sample(json);
    assert_true(json_writer_finish(json, &err));
    assert_string_equal(buf_text(&out), "{\"text\":\"a\\\"\\\\\\n\\u0001/\xC3\xA4\","
                                        "\"list\":[-9223372036854775808,true,null,{}]}");
}

static void write_when_indented_then_two_blanks_for_a_level(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, true);
    json_begin_object(json);
    json_write_key(json, "a");
    json_begin_array(json);
    json_write_text_len(json, "xyz", 1);
    json_end_array(json);
    json_end_object(json);
    assert_true(json_writer_finish(json, &err));
    assert_string_equal(buf_text(&out), "{\n  \"a\": [\n    \"x\"\n  ]\n}\n");
}

static void write_when_drained_between_then_the_parts_make_the_whole(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(buf_done) struct buf all = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
    json_begin_array(json);
    for (int i = 0; i < 3; i++) {
        json_write_int(json, i);
        buf_append_text(&all, buf_text(&out));
        buf_reset(&out);
    }
    json_end_array(json);
    buf_append_text(&all, buf_text(&out));
    assert_true(json_writer_finish(json, &err));
    assert_string_equal(buf_text(&all), "[0,1,2]");
}

static void finish_when_a_text_is_not_utf8_then_data(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
    json_begin_object(json);
    json_write_key(json, "a");
    json_write_text(json, "\xED\xA0\x80");
    json_end_object(json);
    assert_false(json_writer_finish(json, &err));
    assert_int_equal(err.kind, LF_DATA);
}

static void finish_when_a_key_is_not_utf8_then_data(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
    json_begin_object(json);
    json_write_key(json, "\xFF");
    json_write_int(json, 1);
    json_end_object(json);
    assert_false(json_writer_finish(json, &err));
    assert_int_equal(err.kind, LF_DATA);
}

/* Each letter is a call: { } [ ] k(ey) n(ull). */
static void play(struct json_writer *json, const char *calls)
{
    for (; *calls != '\0'; calls++) {
        switch (*calls) {
        case '{':
            json_begin_object(json);
            break;
        case '}':
            json_end_object(json);
            break;
        case '[':
            json_begin_array(json);
            break;
        case ']':
            json_end_array(json);
            break;
        case 'k':
            json_write_key(json, "k");
            break;
        default:
            json_write_null(json);
        }
    }
}

static void finish_when_the_order_is_wrong_then_internal(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   "{",   "[",   "}",   "]",  "{]",  "[}",   "k",    "[k",
                                        "{n", "{kk", "{k}", "{kn", "nn", "{}n", "[][]", "{}{}", "{k[}"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct lf_error err;
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
        play(json, wrong[i]);
        assert_false(json_writer_finish(json, &err));
        assert_int_equal(err.kind, LF_INTERNAL);
    }
}

static void finish_when_deeper_than_64_levels_then_internal(void **state)
{
    (void)state;
    for (int depth = 64; depth <= 65; depth++) {
        struct lf_error err;
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
        for (int i = 0; i < depth; i++) {
            json_begin_array(json);
        }
        for (int i = 0; i < depth; i++) {
            json_end_array(json);
        }
        assert_int_equal(json_writer_finish(json, &err), depth == 64);
    }
}

static void write_when_one_plain_value_then_complete(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&out, false);
    json_write_bool(json, false);
    assert_true(json_writer_finish(json, &err));
    assert_string_equal(buf_text(&out), "false");
    json_writer_free(&json);
    json_writer_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_when_compact_then_no_blanks),
        cmocka_unit_test(write_when_indented_then_two_blanks_for_a_level),
        cmocka_unit_test(write_when_drained_between_then_the_parts_make_the_whole),
        cmocka_unit_test(finish_when_a_text_is_not_utf8_then_data),
        cmocka_unit_test(finish_when_a_key_is_not_utf8_then_data),
        cmocka_unit_test(finish_when_the_order_is_wrong_then_internal),
        cmocka_unit_test(finish_when_deeper_than_64_levels_then_internal),
        cmocka_unit_test(write_when_one_plain_value_then_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
