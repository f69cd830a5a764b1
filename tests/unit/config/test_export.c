/* SPDX-License-Identifier: Apache-2.0 */
#include "random_config.h"

static char *exported(const struct config *config, const char *const *links, size_t n)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    if (!config_export(config, links, n, &out, &err)) {
        fail_msg("%s", err.msg);
    }
    return text_copy(buf_text(&out));
}

#define SHOP \
    "{\"version\":1,\"memory\":\"32MiB\",\"parameters\":{\"P\":\"plain\",\"NONE\":1,\"S\":{\"file\":\"/run/s\"}}," \
    "\"links\":[{\"name\":\"my-shop\",\"source\":{\"url\":\"x:${P}\",\"password\":{\"file\":\"/run/" \
    "p\"},\"pwd\":\"${S}\"," \
    "\"label\":\"${P}\",\"note\":\"$${NONE}\"},\"lake\":{\"url\":\"file:l\"},\"entities\":[\"t\"]}," \
    "{\"name\":\"2\",\"source\":{\"url\":\"x:${S}\",\"password\":{\"env\":\"PW\"}},\"lake\":{\"url\":\"file:m\"}," \
    "\"snapshot\":{\"keep\":\"${S}\",\"interval\":\"2h\"}}]}"

static struct config *must_parse_unread(const char *text)
{
    const struct config_reading how = {.without_secrets = true};
    struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_parse_with("t.json", text, strlen(text), &how, &config, &err)) {
        fail_msg("%s\n%s", err.msg, text);
    }
    return config;
}

static void export_of_a_link_then_urls_are_parameters_and_secrets_come_from_the_environment(UNUSED void **state)
{
    static const char *const links[] = {"my-shop"};
    CLEANUP(config_free) struct config *config = must_parse_unread(SHOP);
    CLEANUP(text_free) char *text = exported(config, links, 1);
    assert_string_equal(text, "{\n"
                              "  \"version\": 1,\n"
                              "  \"parameters\": {\n"
                              "    \"S\": {\n"
                              "      \"env\": \"S\"\n"
                              "    },\n"
                              "    \"MY_SHOP_SOURCE_URL\": \"x:plain\",\n"
                              "    \"MY_SHOP_LAKE_URL\": \"file:l\"\n"
                              "  },\n"
                              "  \"links\": [\n"
                              "    {\n"
                              "      \"name\": \"my-shop\",\n"
                              "      \"source\": {\n"
                              "        \"url\": \"${MY_SHOP_SOURCE_URL}\",\n"
                              "        \"password\": {\n"
                              "          \"env\": \"MY_SHOP_PASSWORD\"\n"
                              "        },\n"
                              "        \"pwd\": \"${S}\",\n"
                              "        \"label\": \"plain\",\n"
                              "        \"note\": \"$${NONE}\"\n"
                              "      },\n"
                              "      \"lake\": {\n"
                              "        \"url\": \"${MY_SHOP_LAKE_URL}\"\n"
                              "      },\n"
                              "      \"entities\": [\n"
                              "        {\n"
                              "          \"table\": \"t\"\n"
                              "        }\n"
                              "      ]\n"
                              "    }\n"
                              "  ]\n"
                              "}\n");
}

static void export_when_a_url_is_made_with_a_secret_then_it_stays_as_written(UNUSED void **state)
{
    static const char *const links[] = {"2"};
    CLEANUP(config_free) struct config *config = must_parse_unread(SHOP);
    CLEANUP(text_free) char *text = exported(config, links, 1);
    assert_non_null(strstr(text, "\"url\": \"x:${S}\""));
    assert_non_null(strstr(text, "\"env\": \"PW\""));
    assert_non_null(strstr(text, "\"keep\": \"${S}\""));
    assert_non_null(strstr(text, "\"interval\": \"2h\""));
    assert_non_null(strstr(text, "\"_2_LAKE_URL\": \"file:m\""));
    assert_null(strstr(text, "SOURCE_URL"));
}

static void export_when_two_names_give_one_parameter_then_a_number_tells_them_apart(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse("{\"version\":1,\"links\":["
                   "{\"name\":\"a-b\",\"source\":{\"url\":\"x:1\"},\"lake\":{\"url\":\"file:1\"}},"
                   "{\"name\":\"A_B\",\"source\":{\"url\":\"x:2\"},\"lake\":{\"url\":\"file:2\"}}]}");
    CLEANUP(text_free) char *text = exported(config, NULL, 0);
    assert_non_null(strstr(text, "\"A_B_SOURCE_URL\": \"x:1\""));
    assert_non_null(strstr(text, "\"A_B_SOURCE_URL_2\": \"x:2\""));
    CLEANUP(config_free) struct config *again = must_parse(text);
    assert_string_equal(again->links[1].source_url, "x:2");
    assert_string_equal(again->links[1].lake_url, "file:2");
}

static void export_when_there_is_no_such_link_then_refused_with_those_that_are(UNUSED void **state)
{
    static const char *const links[] = {"my-shop", "shop"};
    CLEANUP(config_free) struct config *config = must_parse_unread(SHOP);
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    assert_false(config_export(config, links, 2, &out, &err));
    assert_string_equal(err.msg, "the configuration has no link shop; it has: my-shop, 2");
    assert_int_equal(err.kind, LF_CONFIG);
}

static void export_of_random_documents_then_the_same_links_and_no_secret(UNUSED void **state)
{
    CLEANUP(random_config_done) struct random_config maker;
    random_config_init(&maker);
    for (int i = 0; i < 200; i++) {
        struct config_differences differences;
        CLEANUP(config_free) struct config *config = must_parse(random_config_next(&maker));
        CLEANUP(text_free) char *text = exported(config, NULL, 0);
        assert_null(strstr(text, RANDOM_CONFIG_SECRET));
        CLEANUP(config_free) struct config *again = must_parse(text);
        config_diff(config, again, &differences);
        for (size_t j = 0; j < differences.n; j++) {
            assert_true(strncmp(differences.items[j].path, "links", 5) != 0); /* those of the process stay behind */
        }
        config_differences_done(&differences);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_of_a_link_then_urls_are_parameters_and_secrets_come_from_the_environment),
        cmocka_unit_test(export_when_a_url_is_made_with_a_secret_then_it_stays_as_written),
        cmocka_unit_test(export_when_two_names_give_one_parameter_then_a_number_tells_them_apart),
        cmocka_unit_test(export_when_there_is_no_such_link_then_refused_with_those_that_are),
        cmocka_unit_test(export_of_random_documents_then_the_same_links_and_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
