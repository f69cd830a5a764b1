/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/sas.h"
#include "base/macros.h"

#include <string.h>

static const int64_t at_2026_03_01 = INT64_C(1772323200000); /* 2026-03-01T00:00:00Z */

static int64_t expiry_of(const char *query)
{
    struct lf_error err;
    CLEANUP(sas_done) struct sas sas = {0};
    assert_true(sas_parse(query, NULL, &sas, &err));
    return sas.expires_ms;
}

static void sas_when_it_names_its_end_then_that_time(void **state)
{
    (void)state;
    assert_int_equal(expiry_of("sv=2024-11-04&se=2026-03-01T00%3A00%3A00Z&sig=a%2Fb%3D"), at_2026_03_01);
    assert_int_equal(expiry_of("?sig=x&se=2026-03-01T00:00Z"), at_2026_03_01);
    assert_int_equal(expiry_of("se=2026-03-01&sig=x"), at_2026_03_01);
    assert_int_equal(expiry_of("se=2026-03-01T00:00:00.0000000Z&sig=x"), at_2026_03_01);
    assert_int_equal(expiry_of("se=2026-03-01T02:00:00%2B02:00&sig=x"), at_2026_03_01);
    assert_int_equal(expiry_of("se=2026-02-28T23:00:00-01:00&sig=x"), at_2026_03_01);
}

static void sas_when_the_key_behind_it_ends_first_then_the_end_of_the_key(void **state)
{
    (void)state;
    assert_int_equal(expiry_of("se=2027-01-01&ske=2026-03-01T00%3A00%3A00Z&sig=x"), at_2026_03_01);
    assert_int_equal(expiry_of("ske=2027-01-01&se=2026-03-01T00%3A00%3A00Z&sig=x"), at_2026_03_01);
}

static void sas_when_it_names_no_end_that_we_understand_then_none(void **state)
{
    (void)state;
    assert_int_equal(expiry_of("si=policy&sig=x"), 0);
    assert_int_equal(expiry_of("se=soon&sig=x"), 0);
    assert_int_equal(expiry_of("se=2026-03-01T00:00:00ZZ&sig=x"), 0);
    assert_int_equal(expiry_of("use=2026-03-01&sig=x"), 0);
}

static void sas_when_it_cannot_be_one_then_config_without_the_secret(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } wrong[] = {
        {"https://a.blob.core.windows.net/fs?sv=1&sig=topsecret", "whole URL"},
        {"sv=1&se=2026-01-01&topsecret", "no sig="},
        {"sv=1&sig=", "no sig="},
        {"sv=1&sig=topsecret\n", "at byte 19"},
        {"sv=1 &sig=topsecret", "at byte 5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct lf_error err;
        struct sas sas;
        assert_false(sas_parse(wrong[i].text, "the file /etc/sas", &sas, &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_non_null(strstr(err.msg, wrong[i].said));
        assert_non_null(strstr(err.msg, "/etc/sas"));
        assert_null(strstr(err.msg, "topsecret"));
    }
}

static void sas_when_over_then_auth_that_says_since_when_and_where_to_put_a_new_one(void **state)
{
    (void)state;
    struct lf_error err;
    const struct sas sas = {.expires_ms = at_2026_03_01};
    assert_true(sas_check(&sas, at_2026_03_01 - 1, "the file /etc/sas", &err));
    assert_false(sas_check(&sas, at_2026_03_01, "the file /etc/sas", &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, "expired at 2026-03-01T00:00:00.000Z"));
    assert_non_null(strstr(err.msg, "put a new one into the file /etc/sas"));
}

static void sas_when_not_begun_then_auth_but_a_quarter_of_an_hour_is_allowed(void **state)
{
    (void)state;
    struct lf_error err;
    const struct sas sas = {.starts_ms = at_2026_03_01};
    assert_true(sas_check(&sas, at_2026_03_01 - INT64_C(900000), NULL, &err));
    assert_false(sas_check(&sas, at_2026_03_01 - INT64_C(900000) - 1, NULL, &err));
    assert_int_equal(err.kind, LF_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sas_when_it_names_its_end_then_that_time),
        cmocka_unit_test(sas_when_the_key_behind_it_ends_first_then_the_end_of_the_key),
        cmocka_unit_test(sas_when_it_names_no_end_that_we_understand_then_none),
        cmocka_unit_test(sas_when_it_cannot_be_one_then_config_without_the_secret),
        cmocka_unit_test(sas_when_over_then_auth_that_says_since_when_and_where_to_put_a_new_one),
        cmocka_unit_test(sas_when_not_begun_then_auth_but_a_quarter_of_an_hour_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
