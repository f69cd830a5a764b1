/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_model.h"

static void print_of_the_fixed_load_then_the_golden_bytes(UNUSED void **state)
{
    struct model_load *load = fixed_load();
    struct buf text = {0};
    struct lf_error err = {0};
    assert_true(model_load_print(load, &text, &err));
    assert_golden("load-list.json", buf_slice(&text));
    buf_done(&text);
    model_load_free(&load);
}

static void parse_of_printed_random_loads_then_equal_and_the_same_bytes(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    for (int i = 0; i < 200; i++) {
        struct model_load *load = random_load(&random);
        struct model_load *parsed = NULL;
        struct buf text = {0};
        struct buf again = {0};
        struct lf_error err = {0};
        if (!model_load_print(load, &text, &err) || !model_load_parse(text.ptr, text.len, &parsed, &err)) {
            fail_msg("%s", err.msg);
            return;
        }
        assert_load_equal(load, parsed, false);
        assert_true(model_load_print(parsed, &again, &err));
        assert_true(slice_equal(buf_slice(&text), buf_slice(&again)));
        buf_done(&text);
        buf_done(&again);
        model_load_free(&parsed);
        model_load_free(&load);
    }
}

static void parse_of_prefixes_and_corruptions_then_an_error_or_a_valid_load(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    struct model_load *load = fixed_load();
    struct buf text = {0};
    struct buf out = {0};
    struct lf_error err = {0};
    assert_true(model_load_print(load, &text, &err));
    for (size_t at = 0; at < text.len; at++) {
        struct model_load *parsed = NULL;
        assert_false(model_load_parse(text.ptr, at, &parsed, &err));
        const char old = text.ptr[at];
        text.ptr[at] = (char)(old ^ (1 << random_seeded_below(&random, 8)));
        if (model_load_parse(text.ptr, text.len, &parsed, &err)) {
            buf_reset(&out);
            assert_true(model_load_print(parsed, &out, &err));
        }
        model_load_free(&parsed);
        text.ptr[at] = old;
    }
    buf_done(&text);
    buf_done(&out);
    model_load_free(&load);
}

static void expect_error(const char *from, const char *to, enum lf_error_kind kind, const char *part)
{
    struct model_load *load = fixed_load();
    struct model_load *parsed = NULL;
    struct buf text = {0};
    struct buf changed = {0};
    struct lf_error err = {0};
    assert_true(model_load_print(load, &text, &err));
    const char *at = strstr(text.ptr, from);
    if (at == NULL) {
        fail_msg("the text has no %s", from);
        return;
    }
    buf_append(&changed, text.ptr, (size_t)(at - text.ptr));
    buf_append_text(&changed, to);
    buf_append_text(&changed, at + strlen(from));
    assert_false(model_load_parse(changed.ptr, changed.len, &parsed, &err));
    if (err.kind != kind || strstr(err.msg, part) == NULL) {
        fail_msg("%s → %s: %s \"%s\" does not say \"%s\"", from, to, lf_error_kind_name(err.kind), err.msg, part);
    }
    buf_done(&text);
    buf_done(&changed);
    model_load_free(&load);
}

static void parse_when_a_rule_is_broken_then_named(UNUSED void **state)
{
    expect_error("\"format\":1", "\"format\":2", LF_UNSUPPORTED, "the format is 2");
    expect_error("\"format\":1,", "", LF_DATA, "format");
    expect_error("\"entity\"", "\"entitY\"", LF_DATA, "entitY");
    expect_error("\"firstKey\":\"dA\"", "\"firstKey\":\"ZQ\"", LF_DATA, "chunk 2");
    expect_error("\"firstKey\":\"dA\"", "\"firstKey\":\"ag\"", LF_DATA, "chunk 1: a partition begins outside");
    expect_error("\"read\":false", "\"read\":1", LF_DATA, "read");
    expect_error("\"read\":false,\"passed\":false", "\"read\":false,\"passed\":true", LF_DATA, "chunk 2");
    expect_error("\"p00000003\"", "\"p00000001\"", LF_DATA, "two partitions");
    expect_error("\"nextPartition\":\"4\"", "\"nextPartition\":\"3\"", LF_DATA, "partition p00000003");
    expect_error("orders/Snapshot", "orders/..", LF_DATA, "path");
}

static void print_of_chunks_that_do_not_begin_open_then_refused(UNUSED void **state)
{
    struct model_load *load = fixed_load();
    struct buf text = {0};
    struct lf_error err = {0};
    load->chunks[0].first_key = model_bytes_copy("a", 1);
    assert_false(model_load_print(load, &text, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    assert_non_null(strstr(err.msg, "customers"));
    buf_done(&text);
    model_load_free(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_the_fixed_load_then_the_golden_bytes),
        cmocka_unit_test(parse_of_printed_random_loads_then_equal_and_the_same_bytes),
        cmocka_unit_test(parse_of_prefixes_and_corruptions_then_an_error_or_a_valid_load),
        cmocka_unit_test(parse_when_a_rule_is_broken_then_named),
        cmocka_unit_test(print_of_chunks_that_do_not_begin_open_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
