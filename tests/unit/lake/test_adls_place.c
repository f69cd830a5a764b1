/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* "dfs blob account filesystem prefix", and what kind it is. */
static char *show(const char *url, const char *endpoint)
{
    struct adls_place place;
    struct lf_error err = {0};
    if (!adls_place_parse(url, endpoint, &place, &err)) {
        fail_msg("%s: %s", url, err.msg);
    }
    char *text = text_printf("%s %s %s %s %s%s%s", place.dfs, place.blob, place.account, place.filesystem, place.prefix,
                             place.onelake ? " onelake" : "", place.path_style ? " path style" : "");
    adls_place_done(&place);
    return text;
}

static void assert_shown(const char *url, const char *endpoint, const char *expected)
{
    CLEANUP(text_free) char *text = show(url, endpoint);
    assert_string_equal(text, expected);
}

#define HOSTS "https://acct.dfs.core.windows.net https://acct.blob.core.windows.net acct"

static void parse_when_of_each_form_then_the_same_place(UNUSED void **state)
{
    assert_shown("abfss://lake@acct.dfs.core.windows.net/shop/eu", NULL, HOSTS " lake shop/eu");
    assert_shown("abfss://lake@acct.dfs.core.windows.net/shop/eu/", NULL, HOSTS " lake shop/eu");
    assert_shown("ABFSS://lake@Acct.dfs.core.windows.net//shop/eu", NULL, HOSTS " lake shop/eu");
    assert_shown("https://acct.dfs.core.windows.net/lake/shop/eu", NULL, HOSTS " lake shop/eu");
    assert_shown("https://acct.blob.core.windows.net/lake/shop/eu", NULL, HOSTS " lake shop/eu");
    assert_shown("abfss://lake@acct.blob.core.windows.net/shop/eu", NULL, HOSTS " lake shop/eu");
    assert_shown("abfss://lake@acct.dfs.core.windows.net", NULL, HOSTS " lake ");
    assert_shown("https://acct.dfs.core.windows.net/lake/a%20b/%C3%A4", NULL, HOSTS " lake a b/\xC3\xA4");
    assert_shown("https://acct.dfs.core.windows.net", NULL, HOSTS "  ");
}

static void parse_when_cloud_or_zone_differs_then_hosts_are_kept(UNUSED void **state)
{
    assert_shown("abfss://lake@acct.dfs.core.usgovcloudapi.net/p", NULL,
                 "https://acct.dfs.core.usgovcloudapi.net https://acct.blob.core.usgovcloudapi.net acct lake p");
    assert_shown("abfss://lake@acct.dfs.core.chinacloudapi.cn/p", NULL,
                 "https://acct.dfs.core.chinacloudapi.cn https://acct.blob.core.chinacloudapi.cn acct lake p");
    assert_shown("abfss://lake@acct.z12.dfs.storage.azure.net/p", NULL,
                 "https://acct.z12.dfs.storage.azure.net https://acct.z12.blob.storage.azure.net acct lake p");
    assert_shown("abfss://lake@acct.privatelink.dfs.core.windows.net/p", NULL,
                 "https://acct.privatelink.dfs.core.windows.net https://acct.privatelink.blob.core.windows.net acct "
                 "lake p");
}

static void parse_when_path_style_or_endpoint_then_account_is_in_the_path(UNUSED void **state)
{
    assert_shown("http://127.0.0.1:10000/acct/lake/shop", NULL,
                 "http://127.0.0.1:10000/acct http://127.0.0.1:10000/acct acct lake shop path style");
    assert_shown("abfss://lake@acct.dfs.core.windows.net/shop", "http://127.0.0.1:10000",
                 "http://127.0.0.1:10000/acct http://127.0.0.1:10000/acct acct lake shop path style");
    assert_shown("abfss://lake@acct.dfs.core.windows.net/shop", "http://azurite:10000/acct/",
                 "http://azurite:10000/acct http://azurite:10000/acct acct lake shop path style");
    assert_shown("abfss://lake@acct.dfs.core.windows.net/shop", "https://gate.dfs.example.com:8443",
                 "https://gate.dfs.example.com:8443 https://gate.blob.example.com:8443 acct lake shop");
    assert_shown("http://[::1]:10000/acct/lake/shop", NULL,
                 "http://[::1]:10000/acct http://[::1]:10000/acct acct lake shop path style");
    assert_shown("http://acct.dfs.localhost:10000/lake", NULL,
                 "http://acct.dfs.localhost:10000 http://acct.blob.localhost:10000 acct lake ");
}

static void parse_when_onelake_then_workspace_is_the_filesystem(UNUSED void **state)
{
    static const char hosts[] =
        "https://onelake.dfs.fabric.microsoft.com https://onelake.blob.fabric.microsoft.com onelake ";
    CLEANUP(text_free) char *expected = text_printf("%smy work it.Lakehouse/Files/shop onelake", hosts);
    CLEANUP(text_free)
    char *guids =
        text_printf("%s11111111-2222-3333-4444-555555555555 66666666-2222-3333-4444-555555555555/Files onelake", hosts);
    assert_shown("https://onelake.dfs.fabric.microsoft.com/my%20work/it.Lakehouse/Files/shop", NULL, expected);
    assert_shown("abfss://my%20work@onelake.dfs.fabric.microsoft.com/it.Lakehouse/Files/shop", NULL, expected);
    assert_shown("abfss://11111111-2222-3333-4444-555555555555@onelake.dfs.fabric.microsoft.com/"
                 "66666666-2222-3333-4444-555555555555/Files",
                 NULL, guids);
    assert_shown("https://westeurope-onelake.dfs.fabric.microsoft.com/w/i.Lakehouse/Files/p", NULL,
                 "https://westeurope-onelake.dfs.fabric.microsoft.com "
                 "https://westeurope-onelake.blob.fabric.microsoft.com onelake w i.Lakehouse/Files/p onelake");
}

static void parse_when_wrong_then_config_says_what_would_be_right(UNUSED void **state)
{
    static const char *const wrong[] = {
        "",
        "lake",
        "://x",
        "s3://bucket/x",
        "abfs://lake@acct.dfs.core.windows.net/p",
        "abfss://lake@acct.example.com/p",
        "abfss://lake@/p",
        "https:///lake",
        "https://127.0.0.1",
        "http://127.0.0.1:/acct/lake",
        "http://127.0.0.1:port/acct/lake",
        "http://127.0.0.1:0/acct/lake",
        "http://127.0.0.1:65536/acct/lake",
        "http://127.0.0.1:1:2/acct/lake",
        "http://:10000/acct/lake",
        "http://[::1]10000/acct/lake",
        "http://[::1/acct/lake",
        "abfss://lake@acct.dfs.core.windows.net:/p",
        "https://user:secret@acct.dfs.core.windows.net/lake",
        "https://acct.dfs.core.windows.net/lake?sv=2024&sig=secret",
        "https://acct.dfs.core.windows.net/lake#x",
        "abfss://La@acct.dfs.core.windows.net/p",
        "abfss://la@acct.dfs.core.windows.net/p",
        "abfss://a--b@acct.dfs.core.windows.net/p",
        "abfss://-ab@acct.dfs.core.windows.net/p",
        "abfss://lake@acct.dfs.core.windows.net/a//b",
        "abfss://lake@acct.dfs.core.windows.net/a/../b",
        "abfss://lake@acct.dfs.core.windows.net/a%5Cb",
        "abfss://lake@acct.dfs.core.windows.net/a%0Ab",
        "https://onelake.dfs.fabric.microsoft.com/w/i.Lakehouse/Tables/p",
        "https://onelake.dfs.fabric.microsoft.com/w/i.Lakehouse",
        "https://onelake.dfs.fabric.microsoft.com/",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct adls_place place;
        struct lf_error err = {0};
        if (adls_place_parse(wrong[i], NULL, &place, &err)) {
            fail_msg("%s was taken", wrong[i]);
        }
        assert_int_equal(err.kind, LF_CONFIG);
        assert_null(strstr(err.msg, "secret"));
    }
}

static void parse_when_endpoint_is_wrong_then_config(UNUSED void **state)
{
    static const char *const wrong[] = {
        "",           "localhost:10000",   "abfss://x",           "http://", "http://u:p@host",
        "ftp://host", "http://127.0.0.1:", "http://127.0.0.1:1e4"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct adls_place place;
        struct lf_error err = {0};
        assert_false(adls_place_parse("abfss://lake@acct.dfs.core.windows.net/p", wrong[i], &place, &err));
        assert_int_equal(err.kind, LF_CONFIG);
    }
}

static void url_when_names_are_odd_then_each_byte_is_encoded(UNUSED void **state)
{
    struct adls_place place;
    struct lf_error err = {0};
    struct buf out = {0};
    assert_true(adls_place_parse("abfss://lake@acct.dfs.core.windows.net/a%20b", NULL, &place, &err));
    adls_place_url(&place, false, "x/100%+?#&='\xC3\xA4~", &out);
    assert_string_equal(buf_text(&out),
                        "https://acct.dfs.core.windows.net/lake/a%20b/x/100%25%2B%3F%23%26%3D%27%C3%A4~");
    buf_reset(&out);
    adls_place_filesystem_url(&place, true, &out);
    assert_string_equal(buf_text(&out), "https://acct.blob.core.windows.net/lake");
    buf_done(&out);
    adls_place_done(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_when_of_each_form_then_the_same_place),
        cmocka_unit_test(parse_when_cloud_or_zone_differs_then_hosts_are_kept),
        cmocka_unit_test(parse_when_path_style_or_endpoint_then_account_is_in_the_path),
        cmocka_unit_test(parse_when_onelake_then_workspace_is_the_filesystem),
        cmocka_unit_test(parse_when_wrong_then_config_says_what_would_be_right),
        cmocka_unit_test(parse_when_endpoint_is_wrong_then_config),
        cmocka_unit_test(url_when_names_are_odd_then_each_byte_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
