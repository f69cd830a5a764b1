/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "base/file.h"
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE LAKEFEED_TESTS_DIR "/../docs/configuration.md"
#define BEGIN "<!-- settings: made from the table in src/config; do not edit -->\n"
#define END "<!-- end of settings -->\n"

static void setting_of_a_snapshot_when_wrong_then_refused(UNUSED void **state)
{
    static const struct {
        const char *name, *value, *message;
    } cases[] = {
        {"interval", "\"999ms\"", "\"999ms\" is out of range; write one from 1s to 24h"},
        {"interval", "\"2d\"", "\"2d\" is out of range; write one from 1s to 24h"},
        {"interval", "\"1 hour\"",
         "\"1 hour\" is not a duration; write a whole number and a unit (ms, s, min, h or d), such as \"15min\""},
        {"interval", "60", "must be a duration in quotes, such as \"15min\""},
        {"interval", "null", "must be a duration in quotes, such as \"15min\""},
        {"cursor_interval", "\"0s\"", "\"0s\" is out of range; write one from 1s to 24h"},
        {"load_commit", "\"25h\"", "\"25h\" is out of range; write one from 1s to 24h"},
        {"keep", "0", "0 is out of range; write one from 1 to 1000"},
        {"keep", "1001", "1001 is out of range; write one from 1 to 1000"},
        {"keep", "-1", "-1 is out of range; write one from 1 to 1000"},
        {"keep", "\"5\"", "must be a whole number, without quotes"},
        {"keep", "5.5", "must be a whole number, without quotes"},
        {"keep_for", "\"3651d\"", "\"3651d\" is out of range; write one from 0s to 3650d"},
        {"partition_bytes", "\"1023\"", "1023 is out of range; write one from 1KiB to 1GiB"},
        {"partition_bytes", "1023", "1023 is out of range; write one from 1KiB to 1GiB"},
        {"partition_bytes", "\"2GiB\"", "2GiB is out of range; write one from 1KiB to 1GiB"},
        {"partition_bytes", "\"64 MB\"",
         "\"64 MB\" is not a size; write a whole number of bytes or one with a unit (KiB, MiB, GiB or TiB), such as "
         "\"64MiB\""},
        {"partition_bytes", "true", "must be a size, such as \"64MiB\""},
        {"chunk_rows", "0", "0 is out of range; write one from 1 to 1000000000"},
        {"chunk_rows", "1000000001", "1000000001 is out of range; write one from 1 to 1000000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_free) char *members = text_printf("\"snapshot\":{\n\"%s\":%s}", cases[i].name, cases[i].value);
        CLEANUP(text_free)
        char *message = text_printf("t.json: line 4: links[0].snapshot.%s: %s", cases[i].name, cases[i].message);
        assert_link_refused(members, message);
    }
}

static void bounds_themselves_then_taken(UNUSED void **state)
{
    static const char *const members[] = {
        "\"interval\":\"1s\"", "\"interval\":\"24h\"",     "\"keep\":1",
        "\"keep\":1000",       "\"keep_for\":\"0s\"",      "\"keep_for\":\"3650d\"",
        "\"chunk_rows\":1",    "\"partition_bytes\":1024", "\"partition_bytes\":\"1GiB\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        CLEANUP(text_free) char *text = text_printf("\"snapshot\":{%s}", members[i]);
        CLEANUP(config_free) struct config *config = must_parse_link(text);
        assert_non_null(config);
    }
}

static void setting_of_the_process_when_wrong_then_refused(UNUSED void **state)
{
    assert_refused("{\"version\":1,\"memory\":\"15MiB\"}",
                   "t.json: line 1: memory: 15MiB is out of range; write one from 16MiB to 1TiB");
    assert_refused("{\"version\":1,\"spool\":{\"max_bytes\":\"1023KiB\"}}",
                   "t.json: line 1: spool.max_bytes: 1023KiB is out of range; the least is 1MiB");
    assert_refused("{\"version\":1,\"spool\":{\"max_bytes\":-1}}",
                   "t.json: line 1: spool.max_bytes: -1 is out of range; the least is 1MiB");
    assert_refused("{\"version\":1,\"log\":{\"format\":\"text\"}}",
                   "t.json: line 1: log.format: \"text\" is not possible; choose one of \"auto\", \"json\"");
    assert_refused("{\"version\":1,\"log\":{\"format\":true}}",
                   "t.json: line 1: log.format: must be one of these, in quotes: \"auto\", \"json\"");
}

static void text_and_boolean_when_of_another_type_then_refused(UNUSED void **state)
{
    assert_refused("{\"version\":1,\"links\":[{\"name\":1}]}", "t.json: line 1: links[0].name: must be text in quotes");
    assert_refused("{\"version\":1,\"links\":[{\"source\":{\"url\":null}}]}",
                   "t.json: line 1: links[0].source.url: must be a URL in quotes");
    assert_refused("{\"version\":1,\"links\":[{\"lake\":{\"url\":\"\"}}]}",
                   "t.json: line 1: links[0].lake.url: is empty; write a value");
    assert_refused("{\"version\":1,\"links\":[{\"lake\":{\"public_location\":false}}]}",
                   "t.json: line 1: links[0].lake.public_location: must be text in quotes");
    assert_refused("{\"version\":1,\"links\":[{\"lake\":{\"allow_network\":\"true\"}}]}",
                   "t.json: line 1: links[0].lake.allow_network: must be true or false, without quotes");
}

static void text_when_too_long_then_refused(UNUSED void **state)
{
    char text[SETTINGS_TEXT_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CLEANUP(text_free) char *members = text_printf("\"entities\":[\"%s\"]", text);
    assert_link_refused(members, "t.json: line 3: links[0].entities[0]: is longer than 2000 bytes");
}

static void choice_when_each_is_given_then_its_place(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse("{\"version\":1,\"log\":{\"format\":\"auto\"},\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    assert_false(config->log_json);
}

static void set_twice_then_the_last_and_no_leak(UNUSED void **state)
{
    struct config_entity entity = {0};
    struct lf_error err = {0};
    const struct setting *table = settings_find(SECTION_ENTITY, "table");
    assert_true(settings_set_text(table, "a", &entity, &err));
    assert_true(settings_set_text(table, "b", &entity, &err));
    assert_string_equal(entity.table, "b");
    text_free(&entity.table);
}

static void integer_text_when_no_integer_then_refused(UNUSED void **state)
{
    struct config_link link = {0};
    struct lf_error err = {0};
    assert_false(settings_set_text(settings_find(SECTION_SNAPSHOT, "keep"), "5x", &link, &err));
    assert_string_equal(err.msg, "\"5x\" is not a whole number");
    assert_int_equal(err.kind, LF_CONFIG);
}

/* The page shows defaults and bounds as they stand in the table, so each must be one that the setting itself takes. */
static void table_then_its_own_texts_are_valid_and_no_name_is_there_twice(UNUSED void **state)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        const char *const texts[] = {setting->fallback, setting->min, setting->max};
        const bool scalar =
            setting->type != SETTING_OBJECT && setting->type != SETTING_MAP && setting->type != SETTING_LIST;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            union {
                struct config config;
                struct config_link link;
            } target = {0};
            struct lf_error err = {0};
            if (scalar && texts[i] != NULL && texts[i][0] != '\0' &&
                !settings_set_text(setting, texts[i], &target, &err)) {
                fail_msg("%s: %s", setting->name, err.msg);
            }
            if (setting->type == SETTING_WORD) {
                free(*(char **)(void *)((char *)&target + setting->offset));
            }
        }
        assert_ptr_equal(settings_find(setting->section, setting->name), setting);
        assert_true(setting->help[0] != '\0' && setting->help[strlen(setting->help) - 1] != '.');
    }
}

static void print_bounds(const struct setting *setting, struct buf *out)
{
    for (const char *const *choice = setting->choices; choice != NULL && *choice != NULL; choice++) {
        buf_printf(out, "%s`%s`", choice == setting->choices ? "" : " ", *choice);
    }
    if (setting->min == NULL) {
        return;
    }
    if (setting->max == NULL) {
        buf_printf(out, "from %s", setting->min);
    } else if (strcmp(setting->min, setting->max) == 0) {
        buf_append_text(out, setting->min);
    } else {
        buf_printf(out, "%s … %s", setting->min, setting->max);
    }
}

static void print_settings(struct buf *out)
{
    buf_append_text(out, "| setting | type | default | values | at a reload | meaning |\n|---|---|---|---|---|---|\n");
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        CLEANUP(buf_done) struct buf bounds = {0};
        const char *fallback = setting->fallback == NULL ? "*required*" : setting->fallback;
        print_bounds(setting, &bounds);
        const char *values = buf_text(&bounds);
        const bool leaf = setting->type != SETTING_OBJECT && setting->width > 0;
        const char *change = leaf || setting->change != CONFIG_LIVE ? settings_change_word(setting->change) : "";
        buf_printf(out, "| `%s%s` | %s |%s%s |%s%s |%s%s | %s |\n", settings_section_path(setting->section),
                   setting->name, settings_type_word(setting->type), fallback[0] == '\0' ? "" : " ", fallback,
                   values[0] == '\0' ? "" : " ", values, change[0] == '\0' ? "" : " ", change, setting->help);
    }
}

/* LAKEFEED_REGENERATE=1 writes the page anew. */
static void page_then_its_table_is_that_of_the_code(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf page = {0};
    CLEANUP(buf_done) struct buf table = {0};
    struct lf_error err = {0};
    if (!file_read_all(PAGE, 1 << 20, &page, &err)) {
        fail_msg("%s", err.msg);
    }
    const char *begin = strstr(page.ptr, BEGIN);
    const char *end = strstr(page.ptr, END);
    assert_true(begin != NULL && end != NULL && begin < end);
    begin += strlen(BEGIN);
    print_settings(&table);
    const char *regenerate = getenv("LAKEFEED_REGENERATE");
    if (regenerate != NULL && strcmp(regenerate, "1") == 0) {
        FILE *file = fopen(PAGE, "wb");
        assert_non_null(file);
        (void)fprintf(file, "%.*s%s%s", (int)(begin - page.ptr), page.ptr, buf_text(&table), end);
        assert_int_equal(fclose(file), 0);
        return;
    }
    if (!slice_equal((struct lf_slice){begin, (size_t)(end - begin)}, buf_slice(&table))) {
        fail_msg("docs/configuration.md is out of date: run this test with LAKEFEED_REGENERATE=1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_of_a_snapshot_when_wrong_then_refused),
        cmocka_unit_test(bounds_themselves_then_taken),
        cmocka_unit_test(setting_of_the_process_when_wrong_then_refused),
        cmocka_unit_test(text_and_boolean_when_of_another_type_then_refused),
        cmocka_unit_test(text_when_too_long_then_refused),
        cmocka_unit_test(choice_when_each_is_given_then_its_place),
        cmocka_unit_test(set_twice_then_the_last_and_no_leak),
        cmocka_unit_test(integer_text_when_no_integer_then_refused),
        cmocka_unit_test(table_then_its_own_texts_are_valid_and_no_name_is_there_twice),
        cmocka_unit_test(page_then_its_table_is_that_of_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
