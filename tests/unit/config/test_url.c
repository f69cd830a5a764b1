/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "config/url.h"

static void check_when_a_password_then_refused_with_the_alternatives_and_without_it(UNUSED void **state)
{
    static const char *const urls[] = {
        "postgresql://me:hush@db/shop",
        "postgresql://me:hush@db:5432/shop?sslmode=require",
        "postgresql://me:hu@sh@db",
        "postgresql://:hush@db/shop",
        "postgresql://me:hu/sh@db/shop",
        "postgresql://me:hu?sh@db/shop",
        "postgresql://db/shop?password=hush",
        "postgresql://db/shop?sslmode=require&PassWord=hush",
        "postgresql://db/shop?sslpassword=hush",
        "mariadb://db/shop?pwd=hush",
        "mariadb://db/shop?a=b;passwd=hush",
        "host=db password=hush",
        "password=hush",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct lf_error err = {0};
        assert_false(config_check_url(urls[i], &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_string_equal(
            err.msg,
            "a password inside a URL is refused, because lists of processes and logs show it; take it out and "
            "put it into ~/.pgpass, into the environment variable PGPASSWORD, or into the configuration as the "
            "option \"password\" of the source: {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
}

static void check_when_a_key_or_sas_then_refused_with_the_alternatives_and_without_it(UNUSED void **state)
{
    static const char *const urls[] = {
        "abfss://fs@acct.dfs.core.windows.net/p?sv=2024-11-04&sig=hush",
        "https://acct.dfs.core.windows.net/fs?SIG=hush",
        "abfss://fs:hush@acct.dfs.core.windows.net/p",
        "https://acct.blob.core.windows.net;AccountKey=hush",
        "SharedAccessSignature=hush",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct lf_error err = {0};
        assert_false(config_check_url(urls[i], &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_non_null(strstr(err.msg, "a key or SAS inside a URL is refused"));
        assert_non_null(strstr(err.msg, "\"kind\": \"sas\""));
        assert_null(strstr(err.msg, "hush"));
    }
}

static void check_when_a_password_over_http_then_refused_with_what_lakes_and_proxies_have_instead(UNUSED void **state)
{
    static const char *const urls[] = {"https://me:hush@acct.dfs.core.windows.net/fs", "http://me:hush@proxy:3128"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct lf_error err = {0};
        assert_false(config_check_url(urls[i], &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_non_null(strstr(err.msg, "\"auth\""));
        assert_non_null(strstr(err.msg, "https_proxy"));
        assert_null(strstr(err.msg, "pgpass"));
        assert_null(strstr(err.msg, "hush"));
    }
}

static void check_when_no_password_then_taken(UNUSED void **state)
{
    static const char *const urls[] = {
        "sqlite:shop.db",
        "sqlite:///a:b@c/shop.db",
        "sqlite:user:x@y.db",
        "file:./lake",
        "postgresql://me@db/shop",
        "postgresql://me:@db/shop",
        "postgresql://me@db:5432/shop?application_name=a@b",
        "postgresql://db:5432/a@b",
        "postgresql://[::1]:5432/a@b",
        "postgresql://[::1]/shop",
        "postgresql://db/shop?password=",
        "postgresql://db/shop?password",
        "postgresql://db/shop?nopassword=1",
        "abfss://fs@account.dfs.core.windows.net/prefix",
        "https://host:8443/path",
        "",
        "x://",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct lf_error err = {0};
        if (!config_check_url(urls[i], &err)) {
            fail_msg("%s: %s", urls[i], err.msg);
        }
    }
}

static void password_name_in_any_case_then_recognised(UNUSED void **state)
{
    assert_true(url_is_password_name(slice_of_text("password")));
    assert_true(url_is_password_name(slice_of_text("PWD")));
    assert_false(url_is_password_name(slice_of_text("pass")));
    assert_false(url_is_password_name(slice_of_text("password_file")));
    assert_false(url_is_password_name(slice_of_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_when_a_password_then_refused_with_the_alternatives_and_without_it),
        cmocka_unit_test(check_when_a_key_or_sas_then_refused_with_the_alternatives_and_without_it),
        cmocka_unit_test(check_when_a_password_over_http_then_refused_with_what_lakes_and_proxies_have_instead),
        cmocka_unit_test(check_when_no_password_then_taken),
        cmocka_unit_test(password_name_in_any_case_then_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
