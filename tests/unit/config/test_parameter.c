/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "config/parameter.h"

#include <stdlib.h>
#include <unistd.h>

/* A configuration with parameters on line 2, a link's members on line 3. */
static char *with_parameters(const char *parameters, const char *members)
{
    return text_printf("{\"version\":1,\n\"parameters\":{%s},\n\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE ",%s}]}",
                       parameters, members);
}

static struct config *must_parse_with(const char *parameters, const char *members)
{
    CLEANUP(text_free) char *text = with_parameters(parameters, members);
    return must_parse(text);
}

static void assert_refused_with(const char *parameters, const char *members, const char *message)
{
    CLEANUP(text_free) char *text = with_parameters(parameters, members);
    assert_refused(text, message);
}

static const char *table_of(const struct config *config)
{
    return config->links[0].entities[0].table;
}

static void parameter_then_in_place_of_its_name_wherever_a_text_stands(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse(
        "{\"version\":1,\"memory\":\"${M}iB\",\"parameters\":{\"M\":\"32M\",\"A\":\"shop\",\"N\":7,\"T\":true},"
        "\"links\":[{\"name\":\"${A}_1\",\"source\":{\"url\":\"sqlite:${A}.db\",\"label\":\"x${A}${N}\"},"
        "\"lake\":{\"url\":\"file:${A}/${N}\",\"allow_network\":\"${T}\"},"
        "\"snapshot\":{\"interval\":\"${N}min\",\"keep\":\"${N}\"},"
        "\"entities\":[\"${A}s\",{\"table\":\"t\",\"exclude\":[\"${A}\"],\"name\":\"e${N}\","
        "\"columns\":{\"${A}\":{\"type\":\"string\"}}}]}]}");
    const struct config_link *link = &config->links[0];
    assert_int_equal(config->memory_bytes, 32 << 20);
    assert_string_equal(link->name, "shop_1");
    assert_string_equal(link->source_url, "sqlite:shop.db");
    assert_string_equal(link->connector_options[0].text, "xshop7");
    assert_string_equal(link->lake_url, "file:shop/7");
    assert_true(link->allow_network);
    assert_int_equal(link->interval_ms, 420000);
    assert_int_equal(link->keep, 7);
    assert_string_equal(link->entities[0].table, "shops");
    assert_string_equal(link->entities[1].exclude[0], "shop");
    assert_string_equal(link->entities[1].name, "e7");
    assert_string_equal(link->entities[1].columns[0].name, "${A}"); /* a key */
    assert_int_equal(config->nhidden, 0);
}

static void dollars_then_only_a_brace_behind_one_means_something(UNUSED void **state)
{
    static const char *const cases[][2] = {
        {"$", "$"},          {"a$b", "a$b"},  {"$$", "$$"},           {"$${X}", "${X}"},
        {"$$${X}", "$${X}"}, {"${X}$", "v$"}, {"$${${X}", "${v"},     {"{X}", "{X}"},
        {"${X}${X}", "vv"},  {"$${", "${"},   {"${X}$${X}", "v${X}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_free) char *members = text_printf("\"entities\":[\"%s\"]", cases[i][0]);
        CLEANUP(config_free) struct config *config = must_parse_with("\"X\":\"v\"", members);
        assert_string_equal(table_of(config), cases[i][1]);
    }
}

static void escape_then_the_text_means_itself(UNUSED void **state)
{
    static const char *const texts[] = {"", "a", "$", "${", "$${", "$$${X}", "${X}", "a${b", "$$"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        parameters_escape(texts[i], &out);
        CLEANUP(text_free) char *members = text_printf("\"entities\":[\"x%s\"]", buf_text(&out));
        CLEANUP(config_free) struct config *config = must_parse_with("\"X\":\"v\"", members);
        assert_string_equal(table_of(config) + 1, texts[i]);
    }
}

static void parameter_when_its_value_looks_like_one_then_it_stays(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = must_parse_with("\"X\":\"${Y}\"", "\"entities\":[\"${X}\"]");
    assert_string_equal(table_of(config), "${Y}");
}

static void parameter_when_a_variable_has_its_name_then_the_variable(UNUSED void **state)
{
    assert_int_equal(setenv("LAKEFEED_TEST_X", "e", 1), 0);
    CLEANUP(config_free)
    struct config *config = must_parse_with("\"LAKEFEED_TEST_X\":\"v\"", "\"entities\":[\"${LAKEFEED_TEST_X}\"]");
    assert_string_equal(table_of(config), "e");
    assert_int_equal(config->nhidden, 0);
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void variable_when_no_parameter_declares_it_then_taken_as_a_secret(UNUSED void **state)
{
    assert_int_equal(setenv("LAKEFEED_TEST_X", "e", 1), 0);
    CLEANUP(config_free) struct config *config = must_parse_with("", "\"entities\":[\"${LAKEFEED_TEST_X}\"]");
    assert_string_equal(table_of(config), "e");
    assert_int_equal(config->nhidden, 1);
    assert_ptr_equal(config->hidden[0].value, table_of(config));
    assert_string_equal(config->hidden[0].text, "${LAKEFEED_TEST_X}");
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void parameter_when_unknown_then_refused_with_the_nearest(UNUSED void **state)
{
    assert_refused_with("\"REGION\":\"eu\"", "\n\"entities\":[\"${REGIN}\"]",
                        "t.json: line 4: links[0].entities[0]: the parameter ${REGIN} stands neither in "
                        "\"parameters\" nor in the environment; did you mean ${REGION}?");
    assert_refused_with("\"REGION\":\"eu\"", "\"snapshot\":{\n\"interval\":\"${LAKEFEED_NONE}\"}",
                        "t.json: line 4: links[0].snapshot.interval: the parameter ${LAKEFEED_NONE} stands neither in "
                        "\"parameters\" nor in the environment; set it in one of them, or write $${ for a plain ${");
}

static void parameter_when_malformed_then_refused(UNUSED void **state)
{
    static const char *const texts[] = {"${", "${}", "${a b}", "${1}", "${X"};
    static const char *const shown[] = {"", "", "a b", "1", "X"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(text_free) char *members = text_printf("\"entities\":[\"%s\"]", texts[i]);
        CLEANUP(text_free)
        char *message =
            text_printf("t.json: line 3: links[0].entities[0]: ${%s is no parameter; write ${NAME} of A-Z a-z "
                        "0-9 _, or $${ for a plain ${",
                        shown[i]);
        assert_refused_with("\"X\":\"v\"", members, message);
    }
}

static void parameter_when_its_value_is_wrong_for_the_setting_then_refused_at_the_setting(UNUSED void **state)
{
    assert_refused_with("\"X\":\"soon\"", "\"snapshot\":{\"keep\":\"${X}\"}",
                        "t.json: line 3: links[0].snapshot.keep: \"soon\" is not a whole number");
    assert_refused_with("\"X\":\"yes\"", "\"snapshot\":{},\"source\":{\"url\":\"x:\"}",
                        "t.json: line 3: the key \"source\" is given twice");
    assert_refused_with("\"X\":\"3\"", "\"snapshot\":{\"keep\":\"3\"}",
                        "t.json: line 3: links[0].snapshot.keep: must be a whole number, without quotes");
    assert_refused(
        "{\"version\":1,\"parameters\":{\"P\":\"hush\"},\"links\":[{\"name\":\"a\",\"source\":{\n"
        "\"url\":\"postgresql://me:${P}@db/shop\"}}]}",
        "t.json: line 2: links[0].source.url: a password inside a URL is refused, because lists of processes "
        "and logs show it; take it out and put it into ~/.pgpass, into the environment variable PGPASSWORD, "
        "or into the configuration as the option \"password\" of the source: {\"file\": \"PATH\"} or "
        "{\"env\": \"NAME\"}");
}

static void parameters_when_malformed_then_refused(UNUSED void **state)
{
    static const char *const shape =
        "t.json: line 2: parameters.X: a secret is {\"file\": \"PATH\"} or {\"env\": \"NAME\"}";
    assert_refused_with("\"X\":{}", "\"entities\":[\"a\"]", shape);
    assert_refused_with("\"X\":{\"file\":1}", "\"entities\":[\"a\"]", shape);
    assert_refused_with("\"X\":{\"vault\":\"a\"}", "\"entities\":[\"a\"]", shape);
    assert_refused_with("\"X\":[1]", "\"entities\":[\"a\"]",
                        "t.json: line 2: parameters.X: must be text, a whole number, true or false, or {\"file\": "
                        "\"PATH\"} or {\"env\": \"NAME\"}");
    assert_refused_with(
        "\"X Y\":1", "\"entities\":[\"a\"]",
        "t.json: line 2: parameters.X Y: \"X Y\" is no name of a parameter; write 1 to 64 of A-Z a-z 0-9 "
        "_, no digit first");
    assert_refused("{\"version\":1,\n\"parameters\":[]}", "t.json: line 2: parameters: must be an object { … }");
}

static void parameter_of_a_variable_then_a_secret_that_is_not_shown(UNUSED void **state)
{
    static const char *const secret = "\"X\":{\"env\":\"LAKEFEED_TEST_X\"}";
    assert_int_equal(setenv("LAKEFEED_TEST_X", "hush", 1), 0);
    CLEANUP(config_free) struct config *config = must_parse_with(secret, "\"entities\":[\"t_${X}\"]");
    assert_string_equal(table_of(config), "t_hush");
    assert_string_equal(config->hidden[0].text, "t_${X}");
    assert_refused_with(secret, "\"snapshot\":{\"keep\":\"${X}\"}",
                        "t.json: line 3: links[0].snapshot.keep: is wrong once its secret parameters are put in (not "
                        "shown here): must be a whole number, without quotes");
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
    assert_refused_with(secret, "\"entities\":[\"${X}\"]",
                        "t.json: line 3: links[0].entities[0]: the parameter ${X}: the environment variable "
                        "LAKEFEED_TEST_X is not set");
}

static void column_when_its_name_is_a_secret_or_becomes_empty_then_refused(UNUSED void **state)
{
    assert_refused_with("\"X\":\"\"", "\"entities\":[{\"table\":\"t\",\"exclude\":[\"${X}\"]}]",
                        "t.json: line 3: links[0].entities[0].exclude[0]: is empty once its parameters are put in");
    assert_int_equal(setenv("LAKEFEED_TEST_X", "hush", 1), 0);
    assert_refused_with("", "\"entities\":[{\"table\":\"t\",\"exclude\":[\"${LAKEFEED_TEST_X}\"]}]",
                        "t.json: line 3: links[0].entities[0].exclude[0]: the name of a column is no secret; set the "
                        "parameter in \"parameters\"");
    assert_refused_with("", "\"entities\":[{\"table\":\"t\",\"name\":\"_${LAKEFEED_TEST_X}\"}]",
                        "t.json: line 3: links[0].entities[0].name: \"_${LAKEFEED_TEST_X}\" is reserved: model.json, "
                        "default.manifest.cdm.json and all that begins with _ have another meaning in a lake; choose "
                        "another name");
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void number_made_with_a_secret_then_hidden_by_its_place(UNUSED void **state)
{
    assert_int_equal(setenv("LAKEFEED_TEST_X", "9", 1), 0);
    CLEANUP(config_free)
    struct config *config = must_parse_with("\"X\":{\"env\":\"LAKEFEED_TEST_X\"}", "\"snapshot\":{\"keep\":\"${X}\"}");
    assert_int_equal(config->links[0].keep, 9);
    assert_ptr_equal(config->hidden[0].value, &config->links[0].keep);
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void parameter_of_a_file_when_nobody_uses_it_then_the_file_is_not_read(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse_with("\"X\":{\"file\":\"/nowhere\"}", "\"entities\":[\"a\"]");
    assert_string_equal(table_of(config), "a");
    assert_refused_with(
        "\"X\":{\"file\":\"/nowhere\"}", "\"entities\":[\"${X}\"]",
        "t.json: line 3: links[0].entities[0]: the parameter ${X}: the file /nowhere cannot be read: No "
        "such file or directory");
}

static void secret_option_when_one_secret_parameter_then_taken_and_any_other_text_refused(UNUSED void **state)
{
    static const char *const refused[] = {"${P}", "x${S}", "${S}${S}", "x"};
    assert_int_equal(setenv("LAKEFEED_TEST_X", "hush", 1), 0);
    static const char *const form = "{\"version\":1,\"parameters\":{\"P\":\"p\",\"S\":{\"env\":\"LAKEFEED_TEST_X\"}},"
                                    "\"links\":[{\"name\":\"a\",\"lake\":{\"url\":\"file:l\"},\n\"source\":{"
                                    "\"url\":\"sqlite:a\",\"password\":\"%s\"}}]}";
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        CLEANUP(buf_done) struct buf text = {0};
        const char *mark = strstr(form, "%s");
        buf_printf(&text, "%.*s%s%s", (int)(mark - form), form, refused[i], mark + 2);
        assert_refused(
            buf_text(&text),
            "t.json: line 2: links[0].source.password: a secret does not belong into the configuration; write "
            "{\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
    CLEANUP(config_free)
    struct config *config = must_parse("{\"version\":1,\"parameters\":{\"S\":{\"env\":\"LAKEFEED_TEST_X\"}},"
                                       "\"links\":[{\"name\":\"a\",\"lake\":{\"url\":\"file:l\"},\"source\":{"
                                       "\"url\":\"sqlite:a\",\"password\":\"${S}\"}}]}");
    assert_string_equal(config->links[0].connector_options[0].text, "hush");
    assert_int_equal(config->links[0].references[0].origin, CONFIG_TEMPLATE);
    assert_string_equal(config->links[0].references[0].text, "${S}");
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void parse_without_secrets_then_none_is_read_and_the_text_stands_as_written(UNUSED void **state)
{
    static const char text[] =
        "{\"version\":1,\"parameters\":{\"S\":{\"file\":\"/nowhere\"}},\"links\":[{\"name\":\"a\",\"lake\":{"
        "\"url\":\"file:${S}\"},\"source\":{\"url\":\"sqlite:${LAKEFEED_NONE}\",\"password\":{\"file\":\"/nowhere\"}},"
        "\"snapshot\":{\"keep\":\"${S}\"}}]}";
    const struct config_reading how = {.without_secrets = true};
    CLEANUP(config_free) struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_parse_with("t.json", text, sizeof text - 1, &how, &config, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(config->links[0].lake_url, "file:${S}");
    assert_string_equal(config->links[0].source_url, "sqlite:${LAKEFEED_NONE}");
    assert_int_equal(config->links[0].keep, 5);
    assert_string_equal(config->links[0].connector_options[0].text, "");
    assert_string_equal(config->links[0].references[0].text, "/nowhere");
}

static void url_made_with_a_secret_when_it_is_to_be_shown_then_as_it_stands_in_the_file(UNUSED void **state)
{
    char path[] = "/tmp/lakefeed-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "hush", 4), 4);
    CLEANUP(text_free)
    char *text =
        text_printf("{\"version\":1,\"parameters\":{\"S\":{\"file\":\"%s\"}},\"links\":[{\"name\":\"a\",\"source\":{"
                    "\"url\":\"sqlite:${S}.db\"},\"lake\":{\"url\":\"file:l\"}}]}",
                    path);
    CLEANUP(config_free) struct config *config = must_parse(text);
    close(fd);
    unlink(path);
    assert_string_equal(config->links[0].source_url, "sqlite:hush.db");
    assert_string_equal(config->links[0].source_shown, "sqlite:${S}.db");
    assert_string_equal(config->links[0].lake_shown, "file:l");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_made_with_a_secret_when_it_is_to_be_shown_then_as_it_stands_in_the_file),
        cmocka_unit_test(parameter_then_in_place_of_its_name_wherever_a_text_stands),
        cmocka_unit_test(dollars_then_only_a_brace_behind_one_means_something),
        cmocka_unit_test(escape_then_the_text_means_itself),
        cmocka_unit_test(parameter_when_its_value_looks_like_one_then_it_stays),
        cmocka_unit_test(parameter_when_a_variable_has_its_name_then_the_variable),
        cmocka_unit_test(variable_when_no_parameter_declares_it_then_taken_as_a_secret),
        cmocka_unit_test(parameter_when_unknown_then_refused_with_the_nearest),
        cmocka_unit_test(parameter_when_malformed_then_refused),
        cmocka_unit_test(parameter_when_its_value_is_wrong_for_the_setting_then_refused_at_the_setting),
        cmocka_unit_test(parameters_when_malformed_then_refused),
        cmocka_unit_test(parameter_of_a_variable_then_a_secret_that_is_not_shown),
        cmocka_unit_test(column_when_its_name_is_a_secret_or_becomes_empty_then_refused),
        cmocka_unit_test(number_made_with_a_secret_then_hidden_by_its_place),
        cmocka_unit_test(parameter_of_a_file_when_nobody_uses_it_then_the_file_is_not_read),
        cmocka_unit_test(secret_option_when_one_secret_parameter_then_taken_and_any_other_text_refused),
        cmocka_unit_test(parse_without_secrets_then_none_is_read_and_the_text_stands_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
