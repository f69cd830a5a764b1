/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_model.h"

static void print_of_the_fixed_history_then_the_golden_bytes(UNUSED void **state)
{
    struct history *history = fixed_history();
    struct buf text = {0};
    struct lf_error err = {0};
    assert_true(history_print(history, &text, &err));
    assert_golden("history.json", buf_slice(&text));
    buf_done(&text);
    history_free(&history);
}

static void parse_of_printed_random_histories_then_equal_and_the_same_bytes(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    for (int i = 0; i < 200; i++) {
        struct history *history = random_history(&random);
        struct history *copy = history_copy(history);
        struct history *parsed = NULL;
        struct buf text = {0};
        struct buf again = {0};
        struct lf_error err = {0};
        if (!history_print(history, &text, &err) || !history_parse(text.ptr, text.len, &parsed, &err)) {
            fail_msg("%s", err.msg);
            return;
        }
        history_free(&history);
        assert_history_equal(copy, parsed);
        assert_true(history_print(parsed, &again, &err));
        assert_true(slice_equal(buf_slice(&text), buf_slice(&again)));
        buf_done(&text);
        buf_done(&again);
        history_free(&copy);
        history_free(&parsed);
    }
}

static void parse_of_prefixes_and_corruptions_then_an_error_or_a_valid_history(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    struct history *history = fixed_history();
    struct buf text = {0};
    struct buf out = {0};
    struct lf_error err = {0};
    assert_true(history_print(history, &text, &err));
    for (size_t at = 0; at < text.len; at++) {
        struct history *parsed = NULL;
        assert_false(history_parse(text.ptr, at, &parsed, &err));
        const char old = text.ptr[at];
        text.ptr[at] = (char)(old ^ (1 << random_seeded_below(&random, 8)));
        if (history_parse(text.ptr, text.len, &parsed, &err)) {
            buf_reset(&out);
            assert_true(history_print(parsed, &out, &err));
        }
        history_free(&parsed);
        text.ptr[at] = old;
    }
    buf_done(&text);
    buf_done(&out);
    history_free(&history);
}

static void expect_error(const char *text, enum lf_error_kind kind, const char *part)
{
    struct history *parsed = NULL;
    struct lf_error err = {0};
    assert_false(history_parse(text, strlen(text), &parsed, &err));
    if (err.kind != kind || strstr(err.msg, part) == NULL) {
        fail_msg("%s: %s \"%s\" does not say \"%s\"", text, lf_error_kind_name(err.kind), err.msg, part);
    }
}

#define TIME "\"2024-01-31T12:00:00.000Z\""

static void parse_when_a_rule_is_broken_then_named(UNUSED void **state)
{
    expect_error("", LF_DATA, "history");
    expect_error("{\"records\":[],\"files\":[]}", LF_DATA, "format");
    expect_error("{\"format\":9}", LF_UNSUPPORTED, "the format is 9");
    expect_error("{\"format\":1,\"records\":[]}", LF_DATA, "files");
    expect_error("{\"format\":1,\"records\":[{\"commit\":\"2\",\"commitId\":\"a\",\"replaced\":" TIME
                 "},{\"commit\":\"2\",\"commitId\":\"b\"}],\"files\":[]}",
                 LF_DATA, "record 1: commit 2");
    expect_error(
        "{\"format\":1,\"records\":[{\"commit\":\"1\",\"commitId\":\"a\"},{\"commit\":\"2\",\"commitId\":\"b\"}],"
        "\"files\":[]}",
        LF_DATA, "record 0: commit 1 has no time");
    expect_error(
        "{\"format\":1,\"records\":[],\"files\":[{\"path\":\"/x\",\"since\":\"1\",\"until\":\"1\",\"replaced\":" TIME
        "}]}",
        LF_DATA, "path");
    expect_error(
        "{\"format\":1,\"records\":[],\"files\":[{\"path\":\"x\",\"since\":\"2\",\"until\":\"1\",\"replaced\":" TIME
        "}]}",
        LF_DATA, "file x: since");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_the_fixed_history_then_the_golden_bytes),
        cmocka_unit_test(parse_of_printed_random_histories_then_equal_and_the_same_bytes),
        cmocka_unit_test(parse_of_prefixes_and_corruptions_then_an_error_or_a_valid_history),
        cmocka_unit_test(parse_when_a_rule_is_broken_then_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
