/* SPDX-License-Identifier: Apache-2.0 */
#include "random_config.h"

#include "config/print.h"

static char *printed(const struct config *config, bool brief)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    if (!print_config(config, brief, &out, &err)) {
        fail_msg("%s", err.msg);
    }
    return text_copy(buf_text(&out));
}

static void print_of_the_least_then_every_default(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    CLEANUP(text_free) char *text = printed(config, false);
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        const bool simple = setting->width > 0 && setting->section != SECTION_ENTITY &&
                            setting->section != SECTION_COLUMN && setting->lake != CONFIG_LAKE_AZURE;
        CLEANUP(text_free) char *key = text_printf("\"%s\":", setting->name);
        if (simple && (setting->fallback == NULL || setting->fallback[0] != '\0')) {
            assert_non_null(strstr(text, key));
        }
    }
    assert_non_null(strstr(text, "\"interval\": \"1h\""));
    assert_non_null(strstr(text, "\"keep_for\": \"24h\""));
    assert_non_null(strstr(text, "\"keep\": 5"));
    assert_non_null(strstr(text, "\"allow_network\": false"));
    assert_non_null(strstr(text, "\"memory\": \"48MiB\""));
}

static void print_then_plain_parameters_are_put_in_and_secrets_are_named(UNUSED void **state)
{
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "hush", 1), 0);
    CLEANUP(config_free)
    struct config *config =
        must_parse("{\"version\":1,\"parameters\":{\"P\":\"eu\",\"S\":{\"env\":\"LAKEFEED_TEST_SECRET\"}},"
                   "\"links\":[{\"name\":\"a\",\"source\":{\"url\":\"x:${P}/${S}\",\"password\":{\"env\":"
                   "\"LAKEFEED_TEST_SECRET\"}},\"lake\":{\"url\":\"file:${P}$${\"}}]}");
    CLEANUP(text_free) char *text = printed(config, true);
    assert_string_equal(text, "{\n"
                              "  \"version\": 1,\n"
                              "  \"parameters\": {\n"
                              "    \"P\": \"eu\",\n"
                              "    \"S\": {\n"
                              "      \"env\": \"LAKEFEED_TEST_SECRET\"\n"
                              "    }\n"
                              "  },\n"
                              "  \"links\": [\n"
                              "    {\n"
                              "      \"name\": \"a\",\n"
                              "      \"source\": {\n"
                              "        \"url\": \"x:${P}/${S}\",\n"
                              "        \"password\": {\n"
                              "          \"env\": \"LAKEFEED_TEST_SECRET\"\n"
                              "        }\n"
                              "      },\n"
                              "      \"lake\": {\n"
                              "        \"url\": \"file:eu$${\"\n"
                              "      }\n"
                              "    }\n"
                              "  ]\n"
                              "}\n");
    assert_int_equal(unsetenv("LAKEFEED_TEST_SECRET"), 0);
}

static void print_when_a_value_is_no_utf8_then_refused(UNUSED void **state)
{
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf out = {0};
    assert_int_equal(setenv("LAKEFEED_TEST_X", "\xFF", 1), 0);
    CLEANUP(config_free)
    struct config *config =
        must_parse("{\"version\":1,\"parameters\":{\"LAKEFEED_TEST_X\":\"\"},\"links\":[{\"name\":\"a\","
                   "\"source\":{\"url\":\"x:${LAKEFEED_TEST_X}\"},\"lake\":{\"url\":\"file:l\"}}]}");
    assert_false(config_print(config, &out, &err));
    assert_int_equal(err.kind, LF_DATA);
    assert_int_equal(unsetenv("LAKEFEED_TEST_X"), 0);
}

static void assert_equal(const struct config *left, const struct config *right, const char *text)
{
    struct config_differences differences;
    config_diff(left, right, &differences);
    if (differences.n > 0) {
        fail_msg("%s differs: %s, %s\n%s", differences.items[0].path, differences.items[0].old_text,
                 differences.items[0].new_text, text);
    }
    config_differences_done(&differences);
}

static void print_of_random_documents_then_equal_when_read_again_and_no_secret_inside(UNUSED void **state)
{
    CLEANUP(random_config_done) struct random_config maker;
    random_config_init(&maker);
    for (int i = 0; i < 500; i++) {
        const char *text = random_config_next(&maker);
        CLEANUP(config_free) struct config *config = must_parse(text);
        CLEANUP(text_free) char *once = printed(config, false);
        assert_null(strstr(once, RANDOM_CONFIG_SECRET));
        assert_true(strstr(once, "\": 613") == NULL && strstr(once, "\"613s\"") == NULL); /* numbers made with one */
        CLEANUP(config_free) struct config *again = must_parse(once);
        CLEANUP(text_free) char *twice = printed(again, false);
        assert_string_equal(once, twice);
        assert_equal(config, again, text);
        assert_int_equal(config->nhidden, again->nhidden);
        CLEANUP(text_free) char *shorter = printed(config, true);
        CLEANUP(config_free) struct config *brief = must_parse(shorter);
        assert_int_equal(brief->nlinks, config->nlinks);
        brief->memory_bytes = config->memory_bytes; /* the settings of the process do not travel */
        brief->spool_max_bytes = config->spool_max_bytes;
        brief->log_json = config->log_json;
        brief->ca_file = text_copy(config->ca_file);
        brief->proxy = text_copy(config->proxy);
        assert_equal(config, brief, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_the_least_then_every_default),
        cmocka_unit_test(print_then_plain_parameters_are_put_in_and_secrets_are_named),
        cmocka_unit_test(print_when_a_value_is_no_utf8_then_refused),
        cmocka_unit_test(print_of_random_documents_then_equal_when_read_again_and_no_secret_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
