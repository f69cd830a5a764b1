/* SPDX-License-Identifier: Apache-2.0
 *
 * The identity of a link towards its lake, as it stands in a configuration.
 */
#include "config_text.h"

#include <stdlib.h>

#define HUSH "hush-2718281828"

static char *link_text(const char *auth)
{
    return text_printf("{\"version\":1,\"parameters\":{\"S\":{\"env\":\"LAKEFEED_TEST_SECRET\"},\"P\":\"plain\"},"
                       "\"links\":[{\"name\":\"shop\",\"source\":{\"url\":\"sqlite:a.db\"},\n"
                       "\"lake\":{\"url\":\"abfss://fs@acct.dfs.core.windows.net/shop\",\"auth\":{\n%s}}}]}",
                       auth);
}

static struct config *must_parse_auth(const char *auth)
{
    CLEANUP(text_free) char *text = link_text(auth);
    return must_parse(text);
}

static void assert_auth_refused(const char *auth, const char *message)
{
    CLEANUP(text_free) char *text = link_text(auth);
    assert_refused(text, message);
}

static void secret_by_reference_then_read(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse_auth("\"kind\":\"shared_key\",\"account_key\":{\"env\":\"LAKEFEED_TEST_SECRET\"},"
                        "\"client_secret\":\"${S}\",\"certificate_chain\":true");
    const struct config_auth *auth = &config->links[0].auth;
    assert_string_equal(auth->kind, "shared_key");
    assert_string_equal(auth->account_key, HUSH);
    assert_string_equal(auth->client_secret, HUSH);
    assert_true(auth->certificate_chain);
    assert_null(auth->sas);
}

static void auth_left_out_then_the_default_kind(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = must_parse_link("\"entities\":[\"t\"]");
    assert_string_equal(config->links[0].auth.kind, "default");
    assert_string_equal(config->links[0].publish, "auto");
    assert_true(config->links[0].create_filesystem);
}

static void secret_in_plain_text_then_refused_without_it(UNUSED void **state)
{
    static const char message[] =
        "t.json: line 3: links[0].lake.auth.account_key: a secret does not belong into the configuration; write "
        "{\"file\": \"PATH\"} or {\"env\": \"NAME\"}";
    assert_auth_refused("\"account_key\":\"hush\"", message);
    assert_auth_refused("\"account_key\":17", message);
    assert_auth_refused("\"account_key\":\"${P}\"", message);
    assert_auth_refused("\"account_key\":\"x${S}\"", message);
    assert_auth_refused(
        "\"sas\":{\"env\":\"LAKEFEED_TEST_NONE\"}",
        "t.json: line 3: links[0].lake.auth.sas: the environment variable LAKEFEED_TEST_NONE is not set");
    assert_auth_refused("\"account_kei\":{\"env\":\"X\"}",
                        "t.json: line 3: links[0].lake.auth.account_kei: there is no setting \"account_kei\"; did you "
                        "mean \"account_key\"?");
}

static void print_then_references_and_nothing_secret(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse_auth("\"sas\":{\"env\":\"LAKEFEED_TEST_SECRET\"},\"client_secret\":\"${S}\"");
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    assert_true(config_print(config, &out, &err));
    assert_null(strstr(buf_text(&out), HUSH));
    assert_non_null(strstr(buf_text(&out), "\"sas\": {\n            \"env\": \"LAKEFEED_TEST_SECRET\"\n          }"));
    assert_non_null(strstr(buf_text(&out), "\"client_secret\": \"${S}\""));
    CLEANUP(config_free) struct config *again = must_parse(buf_text(&out));
    assert_string_equal(again->links[0].auth.sas, HUSH);
}

static void print_of_a_folder_then_nothing_of_azure(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = must_parse_link("\"entities\":[\"t\"]");
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    assert_true(config_print(config, &out, &err));
    assert_null(strstr(buf_text(&out), "auth"));
    assert_null(strstr(buf_text(&out), "publish"));
    assert_non_null(strstr(buf_text(&out), "allow_network"));
}

static void diff_of_a_secret_then_that_it_changed_and_nothing_of_it(UNUSED void **state)
{
    static const char auth[] = "\"sas\":{\"env\":\"LAKEFEED_TEST_SECRET\"},\"tenant_id\":\"a\"";
    CLEANUP(config_free) struct config *old = must_parse_auth(auth);
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", "another", 1), 0);
    CLEANUP(config_free) struct config *new = must_parse_auth(auth);
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", HUSH, 1), 0);
    CLEANUP(config_differences_done) struct config_differences differences;
    config_diff(old, new, &differences);
    assert_int_equal(differences.n, 1);
    assert_string_equal(differences.items[0].path, "links[shop].lake.auth.sas");
    assert_string_equal(differences.items[0].old_text, "{\"env\": \"LAKEFEED_TEST_SECRET\"}");
    assert_string_equal(differences.items[0].new_text, "{\"env\": \"LAKEFEED_TEST_SECRET\"}");
    assert_true(differences.items[0].secret);
    assert_int_equal(differences.items[0].change, CONFIG_RESTART_LINK);
}

static void export_of_a_secret_in_a_file_then_a_variable(UNUSED void **state)
{
    CLEANUP(text_free) char *text = link_text("\"kind\":\"sas\",\"sas\":{\"file\":\"/run/secrets/sas\"}");
    const struct config_reading how = {.without_secrets = true};
    CLEANUP(config_free) struct config *config = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    assert_true(config_parse_with("t.json", text, strlen(text), &how, &config, &err));
    assert_true(config_export(config, NULL, 0, &out, &err));
    assert_non_null(strstr(buf_text(&out), "\"sas\": {\n            \"env\": \"SHOP_SAS\"\n          }"));
    assert_null(strstr(buf_text(&out), "/run/secrets"));
    buf_reset(&out);
    assert_true(config_print(config, &out, &err)); /* the configuration itself is as it was */
    assert_non_null(strstr(buf_text(&out), "\"file\": \"/run/secrets/sas\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_by_reference_then_read),
        cmocka_unit_test(auth_left_out_then_the_default_kind),
        cmocka_unit_test(secret_in_plain_text_then_refused_without_it),
        cmocka_unit_test(print_then_references_and_nothing_secret),
        cmocka_unit_test(print_of_a_folder_then_nothing_of_azure),
        cmocka_unit_test(diff_of_a_secret_then_that_it_changed_and_nothing_of_it),
        cmocka_unit_test(export_of_a_secret_in_a_file_then_a_variable),
    };
    (void)setenv("LAKEFEED_TEST_SECRET", HUSH, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
