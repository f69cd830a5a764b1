/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_model.h"

#define RANDOM_RUNS 150

static void parse_of_printed_random_models_then_equal_and_the_same_bytes(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    struct buf text = {0};
    struct buf again = {0};
    for (int i = 0; i < RANDOM_RUNS; i++) {
        struct model *model = random_model(&random, 5);
        struct model *parsed = NULL;
        struct lf_error err = {0};
        print_to(model, &text);
        if (!parse_text(text.ptr, text.len, &parsed, &err)) {
            fail_msg("%s", err.msg);
            return;
        }
        assert_model_equal(model, parsed, false);
        for (size_t e = 0; e < parsed->nentities; e++) {
            for (size_t p = 0; p < parsed->entities[e].npartitions; p++) {
                struct model_partition *partition = &parsed->entities[e].partitions[p];
                partition->location = text_printf("/lake/%s", partition->path);
            }
        }
        print_to(parsed, &again);
        assert_true(slice_equal(buf_slice(&text), buf_slice(&again)));
        model_free(&parsed);
        model_free(&model);
    }
    buf_done(&text);
    buf_done(&again);
}

static void parse_when_input_comes_in_any_block_size_then_the_same(UNUSED void **state)
{
    struct model *model = fixed_model();
    struct buf text = {0};
    print_to(model, &text);
    for (size_t block = 1; block < 40; block++) {
        struct text_input input = {.text = text.ptr, .len = text.len, .block = block};
        struct model *parsed = NULL;
        struct lf_error err = {0};
        assert_true(model_parse(next_block, &input, &parsed, &err));
        assert_model_equal(model, parsed, false);
        model_free(&parsed);
    }
    buf_done(&text);
    model_free(&model);
}

/* The reloading entity alone: short, since each byte costs a parse. */
static struct model *short_model(void)
{
    struct model *model = fixed_model();
    model_entity_done(&model->entities[0]);
    for (size_t i = 2; i < model->nentities; i++) {
        model_entity_done(&model->entities[i]);
    }
    model->entities[0] = model->entities[1];
    model->nentities = 1;
    return model;
}

static void parse_of_every_prefix_then_data(UNUSED void **state)
{
    struct model *model = short_model();
    struct buf text = {0};
    print_to(model, &text);
    const size_t complete = (size_t)((char *)memrchr(text.ptr, '}', text.len) - text.ptr) + 1;
    for (size_t len = 0; len < complete; len++) {
        struct model *parsed = NULL;
        struct lf_error err = {0};
        assert_false(parse_text(text.ptr, len, &parsed, &err));
        assert_int_equal(err.kind, LF_DATA);
        assert_non_null(strstr(err.msg, "model.json"));
        assert_null(parsed);
    }
    buf_done(&text);
    model_free(&model);
}

/* Whatever the parser lets through, the printer accepts. */
static void try_corrupted(const char *text, size_t len, struct buf *out)
{
    struct model *parsed = NULL;
    struct lf_error err = {0};
    if (!parse_text(text, len, &parsed, &err)) {
        assert_int_not_equal(err.kind, LF_NONE);
        assert_int_not_equal(err.kind, LF_INTERNAL);
        assert_true(err.msg[0] != '\0');
        return;
    }
    for (size_t e = 0; e < parsed->nentities; e++) {
        for (size_t p = 0; p < parsed->entities[e].npartitions; p++) {
            parsed->entities[e].partitions[p].location = text_copy("/x");
        }
    }
    print_to(parsed, out);
    model_free(&parsed);
}

static void parse_when_any_byte_is_corrupted_then_an_error_or_a_valid_model(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    struct model *model = short_model();
    struct buf text = {0};
    struct buf out = {0};
    print_to(model, &text);
    static const char near[] = "\"{}[],:0-\\x";
    for (size_t at = 0; at < text.len; at++) {
        const char old = text.ptr[at];
        text.ptr[at] = near[random_seeded_below(&random, sizeof near)];
        try_corrupted(text.ptr, text.len, &out);
        text.ptr[at] = (char)(old ^ (1 << random_seeded_below(&random, 8)));
        try_corrupted(text.ptr, text.len, &out);
        text.ptr[at] = old;
    }
    buf_done(&text);
    buf_done(&out);
    model_free(&model);
}

/* The fixed model with the first `from` replaced by `to`. */
static void expect_error(const char *from, const char *to, enum lf_error_kind kind, const char *part)
{
    struct model *model = fixed_model();
    struct model *parsed = NULL;
    struct buf text = {0};
    struct buf changed = {0};
    struct lf_error err = {0};
    print_to(model, &text);
    const char *at = strstr(text.ptr, from);
    if (at == NULL) {
        fail_msg("the text has no %s", from);
        return;
    }
    buf_append(&changed, text.ptr, (size_t)(at - text.ptr));
    buf_append_text(&changed, to);
    buf_append_text(&changed, at + strlen(from));
    assert_false(parse_text(changed.ptr, changed.len, &parsed, &err));
    if (err.kind != kind || strstr(err.msg, part) == NULL) {
        fail_msg("%s → %s: %s \"%s\" does not say \"%s\"", from, to, lf_error_kind_name(err.kind), err.msg, part);
    }
    buf_done(&text);
    buf_done(&changed);
    model_free(&model);
}

static void expect_text_error(const char *text, enum lf_error_kind kind, const char *part)
{
    struct model *parsed = NULL;
    struct lf_error err = {0};
    assert_false(parse_text(text, strlen(text), &parsed, &err));
    if (err.kind != kind || strstr(err.msg, part) == NULL) {
        fail_msg("%s: %s \"%s\" does not say \"%s\"", text, lf_error_kind_name(err.kind), err.msg, part);
    }
}

static void parse_when_not_ours_then_config(UNUSED void **state)
{
    expect_text_error("{}", LF_CONFIG, "never overwritten");
    expect_text_error(
        "{\"name\":\"cdm\",\"version\":\"1.0\",\"entities\":[{\"$type\":\"LocalEntity\",\"name\":\"a\"}]}", LF_CONFIG,
        "not written by lakefeed");
    expect_text_error("{\"annotations\":[{\"name\":\"x:y\",\"value\":\"1\"}],\"entities\":[]}", LF_CONFIG,
                      "not written by lakefeed");
    expect_text_error("{\"annotations\":{},\"entities\":[]}", LF_CONFIG, "not written by lakefeed");
    expect_error("lakefeed:format", "makefeed:format", LF_CONFIG, "not written by lakefeed");
}

static void parse_when_damaged_then_data(UNUSED void **state)
{
    expect_text_error("", LF_DATA, "model.json");
    expect_text_error("[]", LF_DATA, "model.json");
    expect_text_error("nonsense", LF_DATA, "model.json");
    expect_error("\"entities\"", "\"entitiez\"", LF_DATA, "entitiez");
    expect_error("\"1.0\"", "\"2.0\"", LF_DATA, "version");
    expect_error("2024-01-31T12:04:05.678Z", "2024-02-31T12:04:05.678Z", LF_DATA, "modifiedTime");
    expect_error("12:04:05.677001Z", "12:04:65.677001Z", LF_DATA, "lakefeed:sourceTime");
}

static void parse_when_the_format_is_newer_then_both_numbers(UNUSED void **state)
{
    expect_error("\"value\":\"1\"", "\"value\":\"8\", \"x\":{}", LF_UNSUPPORTED, "the format is 8");
    expect_error("\"value\":\"1\"", "\"value\":\"8\"", LF_UNSUPPORTED, "up to 1");
    expect_error("\"value\":\"1\"", "\"value\":\"0\"", LF_DATA, "format");
}

static void parse_when_the_root_breaks_a_rule_then_named(UNUSED void **state)
{
    expect_error("\"value\":\"7\"", "\"value\":\"07\"", LF_DATA, "lakefeed:commit");
    expect_error("\"value\":\"7\"", "\"value\":\"6\"", LF_DATA, "previousCommit");
    expect_error("6-ffeedd", "6_ffeedd", LF_DATA, "previousCommit");
    expect_error("6-ffeedd", "6-ffe/dd", LF_DATA, "previousCommit");
    expect_error("00112233445566778899aabbccddeeff", "", LF_DATA, "commitId");
    expect_error("_lakefeed/history/", "../history/", LF_DATA, "history");
    expect_error("lakefeed:cursorText", "lakefeed:cursor", LF_DATA, "twice");
    expect_error("lakefeed:cursorText", "lakefeed:cursorTexts", LF_DATA, "unknown annotation");
    expect_error("cG9zLTcAAQ", "cG9zLTcAAR", LF_DATA, "lakefeed:cursor");
}

static void parse_when_an_entity_breaks_a_rule_then_named(UNUSED void **state)
{
    expect_error("\"name\":\"items\"", "\"name\":\"customers\"", LF_DATA, "entity customers: description");
    expect_error("\"name\":\"orders\",\"description\":\"orders\"", "\"name\":\"items\",\"description\":\"items\"",
                 LF_DATA, "entity items: entities are not sorted");
    expect_error("\"name\":\"orders\",\"description\":\"orders\"", "\"name\":\"a/b\",\"description\":\"a/b\"", LF_DATA,
                 "entity 3: the name \"a/b\"");
    expect_error("\"Reloading\"", "\"Loading\"", LF_DATA, "entity items: the state");
    expect_error("lakefeed:quarantineRows\",\"value\":\"2", "lakefeed:quarantineRows\",\"value\":\"0", LF_DATA,
                 "entity orders: path, sha256 or rows of the quarantine");
    expect_error("lakefeed:quarantineRows", "lakefeed:quarantineRow", LF_DATA, "unknown annotation");
    expect_error("\"_lakefeed/quarantine/", "\"/quarantine/", LF_DATA, "entity orders: path, sha256 or rows");
    expect_error("\"Reloading\"", "\"Waiting\"", LF_DATA, "entity items: unknown lakefeed:state");
    expect_error("\"Reloading\"", "\"Completed\"", LF_DATA, "entity items: standsAt");
    expect_error("1/31/2024 12:04:05 PM", "1/31/2024 00:04:05 PM", LF_DATA, "InitialSyncDataCompletedTime");
    expect_error("1/31/2024 12:04:05 PM", "13/31/2024 12:04:05 PM", LF_DATA, "InitialSyncDataCompletedTime");
    expect_error("\"InProgress\"", "\"Completed\"", LF_DATA, "entity customers: Athena:InitialSyncState");
    expect_error("\"lakefeed:rows\",\"value\":\"6\"", "\"lakefeed:rows\",\"value\":\"7\"", LF_DATA,
                 "entity items: lakefeed:rows");
    expect_error("[\\\"code\\\",\\\"id\\\"]", "[\\\"code\\\",\\\"it\\\"]", LF_DATA,
                 "entity customers: the key names \"it\"");
    expect_error("[\\\"code\\\",\\\"id\\\"]", "[\\\"id\\\",\\\"id\\\"]", LF_DATA, "twice in the key");
    expect_error("_lakefeed/loads/customers", "/loads/customers", LF_DATA, "entity customers: path");
}

static void parse_when_an_attribute_breaks_a_rule_then_named(UNUSED void **state)
{
    expect_error("\"name\":\"weight\"", "\"name\":\"price\"", LF_DATA, "two attributes have the name \"price\"");
    expect_error("\"int64\"", "\"int32\"", LF_DATA, "attribute 1 \"id\": unknown dataType");
    expect_error("\"maxLength\":20", "\"maxLength\":21", LF_DATA, "maximumLength");
    expect_error("\"maxLength\":20", "\"maxLength\":\"20\"", LF_DATA, "maxLength");
    expect_error("\"precision\"", "\"scale\"", LF_DATA, "precision");
    expect_error("\"value\":18", "\"value\":39", LF_DATA, "precision");
    expect_error("\"binary\"", "\"blob\"", LF_DATA, "lakefeed:type");
    expect_error("\"time\"", "\"date\"", LF_DATA, "attribute 9 \"hour\": unexpected lakefeed:scale");
    expect_error("\"lakefeed:dropped\"", "\"lakefeed:drooped\"", LF_DATA, "unknown annotation");
}

static void parse_when_a_partition_breaks_a_rule_then_named(UNUSED void **state)
{
    expect_error("\"p00000002\"", "\"p0000002\"", LF_DATA, "entity items: partition p0000002");
    expect_error("\"p00000002\"", "\"p00000001\"", LF_DATA, "two partitions have the name p00000001");
    expect_error("\"p00000002\"", "\"p00000003\"", LF_DATA, "entity items: partition p00000003: its number");
    expect_error("\"bf7_fg\"", "\"bf7_fh\"", LF_DATA, "lakefeed:firstKey");
    expect_error("\"value\":\"bf7_fg\"", "\"value\":\"\"", LF_DATA, "partition p00000002: its first key");
    expect_error("\"value\":\"\"", "\"value\":\"AA\"", LF_DATA, "first key is not empty");
    expect_error("\"orders/Snapshot/", "\"orders/../", LF_DATA, "the path");
    expect_error("\"orders/Snapshot/", "\"/orders/Snapshot/", LF_DATA, "the path");
    expect_error("\"value\":\"120\"", "\"value\":\"2\"", LF_DATA, "fewer bytes than rows");
    expect_error("\"value\":\"120\"", "\"value\":\"18446744073709551616\"", LF_DATA, "lakefeed:bytes");
    expect_error("QuoteStyle.Csv", "QuoteStyle.None", LF_DATA, "quoteStyle");
}

static bool failing_input(UNUSED void *context, UNUSED char *ret_bytes, UNUSED size_t size, UNUSED size_t *ret_len,
                          struct lf_error *err)
{
    return lf_error_set(err, LF_THROTTLED, 503, "busy");
}

static void parse_when_the_input_fails_then_its_error(UNUSED void **state)
{
    struct model *parsed = NULL;
    struct lf_error err = {0};
    assert_false(model_parse(failing_input, NULL, &parsed, &err));
    assert_int_equal(err.kind, LF_THROTTLED);
    assert_int_equal(err.code, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_of_printed_random_models_then_equal_and_the_same_bytes),
        cmocka_unit_test(parse_when_input_comes_in_any_block_size_then_the_same),
        cmocka_unit_test(parse_of_every_prefix_then_data),
        cmocka_unit_test(parse_when_any_byte_is_corrupted_then_an_error_or_a_valid_model),
        cmocka_unit_test(parse_when_not_ours_then_config),
        cmocka_unit_test(parse_when_damaged_then_data),
        cmocka_unit_test(parse_when_the_format_is_newer_then_both_numbers),
        cmocka_unit_test(parse_when_the_root_breaks_a_rule_then_named),
        cmocka_unit_test(parse_when_an_entity_breaks_a_rule_then_named),
        cmocka_unit_test(parse_when_an_attribute_breaks_a_rule_then_named),
        cmocka_unit_test(parse_when_a_partition_breaks_a_rule_then_named),
        cmocka_unit_test(parse_when_the_input_fails_then_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
