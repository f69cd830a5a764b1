/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

static char *url_of(const char *name, const char *url, const char *filesystem)
{
    const struct config_link link = {.name = (char *)name, .lake_url = (char *)url, .filesystem = (char *)filesystem};
    return config_lake_url(&link);
}

static void assert_url(const char *name, const char *url, const char *filesystem, const char *expected)
{
    CLEANUP(text_free) char *whole = url_of(name, url, filesystem);
    assert_string_equal(whole, expected);
}

static void url_when_it_names_a_filesystem_then_as_it_is(UNUSED void **state)
{
    static const char *const urls[] = {
        "file:./lake",
        "abfss://fs@acct.dfs.core.windows.net/a",
        "https://acct.dfs.core.windows.net/fs",
        "https://acct.blob.core.windows.net//fs/a",
        "http://127.0.0.1:10004/acct/fs",
        "gopher://x",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        assert_true(config_lake_has_filesystem(urls[i]));
        assert_url("shop", urls[i], "other", urls[i]);
    }
}

static void url_without_a_filesystem_then_the_setting_or_the_links_name(UNUSED void **state)
{
    assert_url("shop", "abfss://acct.dfs.core.windows.net/a", "mine", "abfss://mine@acct.dfs.core.windows.net/a");
    assert_url("shop", "abfss://acct.dfs.core.windows.net/a", NULL,
               "abfss://lakefeed-shop@acct.dfs.core.windows.net/a");
    assert_url("shop", "https://acct.dfs.core.windows.net", NULL, "https://acct.dfs.core.windows.net/lakefeed-shop");
    assert_url("shop", "https://acct.dfs.core.windows.net//", NULL, "https://acct.dfs.core.windows.net/lakefeed-shop");
    assert_url("shop", "http://127.0.0.1:10004/acct/", NULL, "http://127.0.0.1:10004/acct/lakefeed-shop");
}

static void name_of_a_link_that_a_filesystem_cannot_have_then_the_nearest(UNUSED void **state)
{
    assert_url("My__Shop-_EU_", "https://a.dfs.core.windows.net", NULL,
               "https://a.dfs.core.windows.net/lakefeed-my-shop-eu");
    assert_url("_", "https://a.dfs.core.windows.net", NULL, "https://a.dfs.core.windows.net/lakefeed");
}

static void form_then_by_the_beginning_in_any_case(UNUSED void **state)
{
    assert_int_equal(config_lake_form("file:x"), CONFIG_LAKE_FOLDER);
    assert_int_equal(config_lake_form("ABFSS://x"), CONFIG_LAKE_AZURE);
    assert_int_equal(config_lake_form("https://x"), CONFIG_LAKE_AZURE);
    assert_int_equal(config_lake_form("filet:x"), CONFIG_LAKE_ANY);
    assert_int_equal(config_lake_form(NULL), CONFIG_LAKE_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_when_it_names_a_filesystem_then_as_it_is),
        cmocka_unit_test(url_without_a_filesystem_then_the_setting_or_the_links_name),
        cmocka_unit_test(name_of_a_link_that_a_filesystem_cannot_have_then_the_nearest),
        cmocka_unit_test(form_then_by_the_beginning_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
