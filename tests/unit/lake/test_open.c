/* SPDX-License-Identifier: Apache-2.0
 *
 * From settings to drivers: what is refused before any lake is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "config/settings.h"
#include "fakes/temp_folder.h"
#include "lake/adls.h"
#include "lake/open.h"

#include <string.h>

#define AZURE "abfss://lake@acct.dfs.core.windows.net/shop"

static struct config *parse(const char *url, const char *lake_members, bool secrets)
{
    CLEANUP(text_free)
    char *text = text_printf("{\"version\":1,\"links\":[{\"name\":\"shop\",\"source\":{\"url\":\"sqlite:a.db\"},"
                             "\"lake\":{\"url\":\"%s\"%s}}]}",
                             url, lake_members);
    const struct config_reading how = {.without_secrets = !secrets};
    struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_parse_with("t.json", text, strlen(text), &how, &config, &err)) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static void assert_taken(const char *url, const char *lake_members)
{
    struct lf_error err = {0};
    CLEANUP(config_free) struct config *config = parse(url, lake_members, false);
    if (!lake_check_settings(&config->links[0], &err)) {
        fail_msg("%s %s: %s", url, lake_members, err.msg);
    }
}

static void assert_refused(const char *url, const char *lake_members, const char *message)
{
    struct lf_error err = {0};
    CLEANUP(config_free) struct config *config = parse(url, lake_members, false);
    assert_false(lake_check_settings(&config->links[0], &err));
    assert_int_equal(err.kind, LF_CONFIG);
    if (strstr(err.msg, message) == NULL) {
        fail_msg("%s\nholds no: %s", err.msg, message);
    }
}

static void urls_of_all_drivers_then_taken(UNUSED void **state)
{
    assert_taken("file:lake", "");
    assert_taken("file:///srv/lake", ",\"allow_network\":true");
    assert_taken(AZURE, "");
    assert_taken("https://acct.blob.core.windows.net/lake/shop", "");
    assert_taken("abfss://acct.dfs.core.windows.net/shop", ",\"filesystem\":\"mine\"");
    assert_taken("http://127.0.0.1:10004/acct/lake", ",\"publish\":\"rename\",\"create_filesystem\":false");
}

static void url_of_no_driver_then_the_forms_are_named(UNUSED void **state)
{
    assert_refused("s3://bucket", "",
                   "no driver for lake s3://bucket; a lake is given as file:FOLDER or "
                   "abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FOLDER");
    assert_refused("file:", "", "names no folder");
    assert_refused("file://host/lake", "", "names a host; a folder is file:FOLDER or file:///FOLDER");
    assert_refused("abfss://@", "", "");
}

static void setting_of_another_driver_then_refused(UNUSED void **state)
{
    assert_refused("file:lake", ",\"auth\":{\"sas\":{\"file\":\"/run/sas\"}}",
                   "link shop: lake.auth.sas is for a lake that is in Azure, and file:lake is a folder; take it out");
    assert_refused("file:lake", ",\"publish\":\"rename\"", "lake.publish is for a lake that is in Azure");
    assert_refused(AZURE, ",\"allow_network\":true", "lake.allow_network is for a lake that is a folder");
    assert_taken("file:lake", ",\"publish\":\"auto\",\"auth\":{}"); /* the defaults, as a person may write them */
}

static void setting_of_another_identity_then_refused_with_the_right_kind(UNUSED void **state)
{
    assert_refused(
        AZURE, ",\"auth\":{\"account_key\":{\"file\":\"/run/key\"}}",
        "link shop: lake.auth.account_key is not for the kind default; write \"kind\": \"shared_key\", or take "
        "it out");
    assert_refused(AZURE, ",\"auth\":{\"kind\":\"shared_key\",\"tenant_id\":\"t\"}",
                   "lake.auth.tenant_id is not for the kind shared_key");
    assert_taken(AZURE, ",\"auth\":{\"kind\":\"shared_key\",\"account_key\":{\"file\":\"/run/key\"}}");
    assert_taken(AZURE, ",\"auth\":{\"kind\":\"managed_identity\",\"client_id\":\"c\"}");
}

static void filesystem_twice_then_refused(UNUSED void **state)
{
    assert_refused(AZURE, ",\"filesystem\":\"mine\"", "names a filesystem already");
}

/* The words of the settings stand in a lower layer than those of auth and driver. */
static void choices_then_those_of_the_layers_that_use_them(UNUSED void **state)
{
    static const char *const kinds[] = {
#define KIND_WORD(name, word, text) word,
        AUTH_KINDS(KIND_WORD)
#undef KIND_WORD
            NULL};
    static const char *const ways[] = {
#define WAY_WORD(name, word, text) word,
        ADLS_PUBLISH_WAYS(WAY_WORD)
#undef WAY_WORD
            NULL};
    static const char *const assertions[] = {
#define ASSERTION_WORD(name, word, text) word,
        AUTH_ASSERTIONS(ASSERTION_WORD)
#undef ASSERTION_WORD
            NULL};
    const struct {
        const struct setting *setting;
        const char *const *words;
    } pairs[] = {
        {settings_find(SECTION_AUTH, "kind"), kinds},
        {settings_find(SECTION_LAKE, "publish"), ways},
        {settings_find(SECTION_AUTH, "assertion"), assertions},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        size_t n = 0;
        for (; pairs[i].words[n] != NULL; n++) {
            assert_non_null(pairs[i].setting->choices[n]);
            assert_string_equal(pairs[i].setting->choices[n], pairs[i].words[n]);
        }
        assert_null(pairs[i].setting->choices[n]);
    }
}

/* ---- opening ---- */

static bool no_http(void *context, UNUSED struct http **ret_http, UNUSED struct lf_error *err)
{
    *(unsigned *)context += 1;
    return lf_error_set(err, LF_INTERNAL, 0, "no client here");
}

static bool one_instance(UNUSED void *context, char **ret_text, UNUSED struct lf_error *err)
{
    *ret_text = text_copy("an instance");
    return true;
}

static void folder_then_opened_and_no_client_made(UNUSED void **state)
{
    unsigned asked = 0;
    const struct lake_services services = {.http = no_http, .instance = one_instance, .context = &asked};
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *url = text_printf("file:%s", folder);
    CLEANUP(config_free) struct config *config = parse(url, "", true);
    const struct lake_open_options options = {.settings = &config->links[0], .services = &services, .scratch = folder};
    CLEANUP(lake_opened_close) struct lake_opened opened = {0};
    struct lf_error err = {0};
    char text[64] = "x";
    assert_true(lake_open(&options, &opened, &err));
    assert_non_null(opened.lake);
    assert_true(lake_renew(&opened, &options, &err));
    assert_true(lake_describe_identity(&opened, text, sizeof text, &err));
    assert_string_equal(text, "");
    assert_int_equal(asked, 0);
}

static void client_that_cannot_be_made_then_its_error(UNUSED void **state)
{
    unsigned asked = 0;
    const struct lake_services services = {.http = no_http, .instance = one_instance, .context = &asked};
    CLEANUP(config_free) struct config *config = parse(AZURE, "", true);
    const struct lake_open_options options = {
        .settings = &config->links[0], .services = &services, .scratch = "/nonexistent"};
    struct lake_opened opened;
    struct lf_error err = {0};
    assert_false(lake_open(&options, &opened, &err));
    assert_null(opened.lake);
    assert_string_equal(err.msg, "no client here");
    assert_int_equal(asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_all_drivers_then_taken),
        cmocka_unit_test(url_of_no_driver_then_the_forms_are_named),
        cmocka_unit_test(setting_of_another_driver_then_refused),
        cmocka_unit_test(setting_of_another_identity_then_refused_with_the_right_kind),
        cmocka_unit_test(filesystem_twice_then_refused),
        cmocka_unit_test(choices_then_those_of_the_layers_that_use_them),
        cmocka_unit_test(folder_then_opened_and_no_client_made),
        cmocka_unit_test(client_that_cannot_be_made_then_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
