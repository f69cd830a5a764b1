/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "fakes/temp_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct lf_option table[] = {
    {"poll_interval", LF_OPT_DURATION, "1s", "How often", 10, 3600000},
    {"batch", LF_OPT_INT, "1", "Rows", -5, 10},
    {"count", LF_OPT_INT, "1", "Unbounded", 0, 0},
    {"buffer", LF_OPT_BYTES, "1MiB", "Memory", 1024, 1 << 20},
    {"fast", LF_OPT_BOOL, "false", "Fast", 0, 0},
    {"label", LF_OPT_STRING, "", "Label", 0, 0},
    {"password", LF_OPT_SECRET, "", "Password", 0, 0},
    {0},
};

static void options_of_every_json_type_then_text(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse_source("\"poll_interval\":\"2s\",\"batch\":-3,\"fast\":true,\"slow\":false,\"label\":\"\"");
    static const char *const names[] = {"poll_interval", "batch", "fast", "slow", "label"};
    static const char *const texts[] = {"2s", "-3", "true", "false", ""};
    assert_int_equal(config->links[0].nconnector_options, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(config->links[0].connector_options[i].name, names[i]);
        assert_string_equal(config->links[0].connector_options[i].text, texts[i]);
    }
}

static void option_when_no_text_can_be_made_of_it_then_refused(UNUSED void **state)
{
    static const char *const values[] = {"null", "[1]", "1.5"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(text_free) char *members = text_printf("\"a\":1,\n\"label\":%s", values[i]);
        assert_source_refused(members,
                              "t.json: line 4: links[0].source.label: must be text, a whole number, true or false");
    }
}

static void option_when_its_name_cannot_be_one_then_refused(UNUSED void **state)
{
    assert_source_refused(
        "\"URL\":1", "t.json: line 3: links[0].source.URL: there is no setting \"URL\"; there are: connector, url");
    assert_source_refused("\"Connector\":1",
                          "t.json: line 3: links[0].source.Connector: there is no setting \"Connector\"; did you "
                          "mean \"connector\"?");
    assert_source_refused("\"type.t.c\":\"json\"",
                          "t.json: line 3: links[0].source.type.t.c: there is no setting \"type.t.c\"; "
                          "there are: connector, url");
    assert_source_refused("\"\":1",
                          "t.json: line 3: links[0].source.: there is no setting \"\"; there are: connector, url");
}

static void secret_when_it_stands_in_the_configuration_then_refused_without_it(UNUSED void **state)
{
    assert_source_refused(
        "\"password\":\"hush\"",
        "t.json: line 3: links[0].source.password: a secret does not belong into the configuration; write "
        "{\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
}

static void secret_from_the_environment_then_its_value(UNUSED void **state)
{
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "hush", 1), 0);
    CLEANUP(config_free) struct config *config = must_parse_source("\"password\":{\"env\":\"LAKEFEED_TEST_SECRET\"}");
    assert_string_equal(config->links[0].connector_options[0].name, "password");
    assert_string_equal(config->links[0].connector_options[0].text, "hush");
    assert_int_equal(unsetenv("LAKEFEED_TEST_SECRET"), 0);
}

static void secret_when_the_variable_is_not_set_or_empty_then_refused(UNUSED void **state)
{
    assert_int_equal(unsetenv("LAKEFEED_TEST_SECRET"), 0);
    assert_source_refused(
        "\"password\":{\"env\":\"LAKEFEED_TEST_SECRET\"}",
        "t.json: line 3: links[0].source.password: the environment variable LAKEFEED_TEST_SECRET is not set");
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "", 1), 0);
    assert_source_refused(
        "\"password\":{\"env\":\"LAKEFEED_TEST_SECRET\"}",
        "t.json: line 3: links[0].source.password: the environment variable LAKEFEED_TEST_SECRET is not set");
}

static char *write_file(const char *folder, const void *text, size_t len)
{
    char *path = text_printf("%s/secret", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

static void secret_from_a_file_then_without_its_line_end(UNUSED void **state)
{
    static const char *const texts[] = {"hu sh", "hu sh\n", "hu sh\r\n"};
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(text_free) char *path = write_file(folder, texts[i], strlen(texts[i]));
        CLEANUP(text_free) char *members = text_printf("\"password\":{\"file\":\"%s\"}", path);
        CLEANUP(config_free) struct config *config = must_parse_source(members);
        assert_string_equal(config->links[0].connector_options[0].text, "hu sh");
    }
}

static void secret_when_the_file_holds_none_then_refused(UNUSED void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {{"", 0}, {"\n", 1}, {"\r\n", 2}, {"a\0b", 3}};
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_free) char *path = write_file(folder, cases[i].text, cases[i].len);
        CLEANUP(text_free) char *members = text_printf("\"password\":{\"file\":\"%s\"}", path);
        CLEANUP(text_free)
        char *message = text_printf("t.json: line 3: links[0].source.password: the file %s must hold the secret "
                                    "as one line of text",
                                    path);
        assert_source_refused(members, message);
    }
}

static void secret_when_the_file_cannot_be_read_then_refused(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *missing = text_printf("\"password\":{\"file\":\"%s/none\"}", folder);
    CLEANUP(text_free)
    char *missing_message = text_printf(
        "t.json: line 3: links[0].source.password: the file %s/none cannot be read: No such file or directory", folder);
    assert_source_refused(missing, missing_message);
    CLEANUP(text_free) char *directory = text_printf("\"password\":{\"file\":\"%s\"}", folder);
    CLEANUP(text_free)
    char *directory_message = text_printf("t.json: line 3: links[0].source.password: %s is no file", folder);
    assert_source_refused(directory, directory_message);
    char *large = mem_new((64 << 10) + 1, 1);
    CLEANUP(text_free) char *path = write_file(folder, large, (64 << 10) + 1);
    CLEANUP(text_free) char *members = text_printf("\"password\":{\"file\":\"%s\"}", path);
    CLEANUP(text_free)
    char *message =
        text_printf("t.json: line 3: links[0].source.password: %s is larger than the limit of 65536 bytes", path);
    free(large);
    assert_source_refused(members, message);
}

static void secret_of_another_shape_then_refused(UNUSED void **state)
{
    static const char *const values[] = {"{}", "{\"file\":1}", "{\"env\":\"A\",\"file\":\"b\"}", "{\"vault\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(text_free) char *members = text_printf("\"password\":%s", values[i]);
        assert_source_refused(members,
                              "t.json: line 3: links[0].source.password: a secret is {\"file\": \"PATH\"} or {\"env\": "
                              "\"NAME\"}");
    }
}

static bool check(const char *name, const char *text, struct lf_error *err)
{
    char link_name[] = "a";
    struct lf_option_value value = {name, text};
    struct config_reference reference = {strcmp(name, "password") == 0 ? CONFIG_ENV : CONFIG_PLAIN, NULL};
    const struct config_link link = {
        .name = link_name, .connector_options = &value, .references = &reference, .nconnector_options = 1};
    return config_check_connector_options(&link, table, err);
}

static void check_when_the_table_allows_it_then_taken(UNUSED void **state)
{
    static const struct lf_option_value values[] = {
        {"poll_interval", "10ms"}, {"poll_interval", "1h"}, {"batch", "-5"},   {"batch", "10"}, {"count", "-123456"},
        {"buffer", "1MiB"},        {"fast", "true"},        {"fast", "false"}, {"label", ""},   {"password", "x"},
        {"type.t.c", "json"},      {"exclude.t.c", "true"},
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct lf_error err = {0};
        if (!check(values[i].name, values[i].text, &err)) {
            fail_msg("%s", err.msg);
        }
    }
}

static void check_when_the_table_does_not_allow_it_then_refused(UNUSED void **state)
{
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"poll", "1s",
         "link a: source.poll: the connector has no such option; it has: poll_interval, batch, count, buffer, fast, "
         "label, "
         "password"},
        {"poll_interval", "9ms", "link a: source.poll_interval: is out of range; write one from 10ms to 3600000ms"},
        {"poll_interval", "2h", "link a: source.poll_interval: is out of range; write one from 10ms to 3600000ms"},
        {"poll_interval", "2",
         "link a: source.poll_interval: \"2\" is not a duration; write a whole number and a unit (ms, s, min, h or d), "
         "such as "
         "\"15min\""},
        {"batch", "11", "link a: source.batch: is out of range; write one from -5 to 10"},
        {"batch", "x", "link a: source.batch: must be a whole number"},
        {"batch", "", "link a: source.batch: must be a whole number"},
        {"count", "99999999999999999999", "link a: source.count: must be a whole number"},
        {"buffer", "1KB",
         "link a: source.buffer: \"1KB\" is not a size; write a whole number of bytes or one with a unit (KiB, MiB, "
         "GiB or TiB), "
         "such as \"64MiB\""},
        {"buffer", "1", "link a: source.buffer: is out of range; write one from 1024B to 1048576B"},
        {"fast", "yes", "link a: source.fast: must be true or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lf_error err = {0};
        assert_false(check(cases[i].name, cases[i].text, &err));
        assert_string_equal(err.msg, cases[i].message);
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void check_when_a_secret_of_the_connector_stands_in_plain_text_then_refused_without_it(UNUSED void **state)
{
    static const struct lf_option secrets[] = {{"token", LF_OPT_SECRET, "", "Token", 0, 0}, {0}};
    struct lf_error err = {0};
    CLEANUP(config_free) struct config *plain = must_parse_source("\"token\":\"hush\"");
    assert_false(config_check_connector_options(&plain->links[0], secrets, &err));
    assert_string_equal(err.msg, "link a: source.token: a secret does not belong into the configuration; write "
                                 "{\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "hush", 1), 0);
    CLEANUP(config_free) struct config *named = must_parse_source("\"token\":{\"env\":\"LAKEFEED_TEST_SECRET\"}");
    assert_true(config_check_connector_options(&named->links[0], secrets, &err));
    assert_int_equal(unsetenv("LAKEFEED_TEST_SECRET"), 0);
}

static void check_when_a_secret_is_no_value_of_its_option_then_refused_without_it(UNUSED void **state)
{
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "hush", 1), 0);
    CLEANUP(config_free) struct config *config = must_parse_source("\"poll_interval\":\"${LAKEFEED_TEST_SECRET}\"");
    assert_false(config_check_connector_options(&config->links[0], table, &err));
    assert_string_equal(err.msg, "link a: source.poll_interval: is no value for this option (it is not shown, since it "
                                 "came from a secret)");
    assert_int_equal(unsetenv("LAKEFEED_TEST_SECRET"), 0);
}

static void check_when_the_connector_has_no_options_then_says_so(UNUSED void **state)
{
    static const struct lf_option none[] = {{0}};
    CLEANUP(config_free) struct config *config = must_parse_source("\"x\":1");
    struct lf_error err = {0};
    assert_false(config_check_connector_options(&config->links[0], none, &err));
    assert_string_equal(err.msg, "link a: source.x: the connector has no such option");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_every_json_type_then_text),
        cmocka_unit_test(option_when_no_text_can_be_made_of_it_then_refused),
        cmocka_unit_test(option_when_its_name_cannot_be_one_then_refused),
        cmocka_unit_test(secret_when_it_stands_in_the_configuration_then_refused_without_it),
        cmocka_unit_test(secret_from_the_environment_then_its_value),
        cmocka_unit_test(secret_when_the_variable_is_not_set_or_empty_then_refused),
        cmocka_unit_test(secret_from_a_file_then_without_its_line_end),
        cmocka_unit_test(secret_when_the_file_holds_none_then_refused),
        cmocka_unit_test(secret_when_the_file_cannot_be_read_then_refused),
        cmocka_unit_test(secret_of_another_shape_then_refused),
        cmocka_unit_test(check_when_the_table_allows_it_then_taken),
        cmocka_unit_test(check_when_the_table_does_not_allow_it_then_refused),
        cmocka_unit_test(check_when_a_secret_of_the_connector_stands_in_plain_text_then_refused_without_it),
        cmocka_unit_test(check_when_a_secret_is_no_value_of_its_option_then_refused_without_it),
        cmocka_unit_test(check_when_the_connector_has_no_options_then_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
