/* SPDX-License-Identifier: Apache-2.0 */
#include "adls_bench.h"

static struct lake_finding probe(struct lake *lake)
{
    struct lake_finding finding = {0};
    struct lf_error err = {0};
    must(lake->ops->probe(lake, &finding, &err), &err);
    return finding;
}

static void assert_says(const struct lake_finding *finding, bool ok, const char *part)
{
    if (finding->ok != ok || strstr(finding->text, part) == NULL) {
        fail_msg("%s: %s", finding->ok ? "ok" : "not ok", finding->text);
    }
}

static void probe_when_all_is_well_then_says_how_the_model_is_replaced(void **state)
{
    struct adls_server *server = *state;
    static const char *const texts[] = {[ADLS_PUT_BLOB] = "by Put Blob", [ADLS_RENAME] = "by rename"};
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        struct lf_error err = {0};
        struct buf found = {0};
        struct lake *lake = bench_open(server, (struct adls_options){.publish = (enum adls_publish)way});
        struct lake_finding finding = probe(lake);
        assert_says(&finding, true, texts[way]);
        must(lake->ops->list(lake, "", bench_visit, &found, &err), &err);
        assert_int_equal(found.len, 0);
        lake_close(&lake);
    }
}

/* What the service answers to any request, and what the operator reads. */
static void probe_when_refused_then_names_cause_and_cure(void **state)
{
    struct adls_server *server = *state;
    static const struct {
        const char *action, *text;
    } cases[] = {
        {"{\"action\":\"role_missing\"}", "Storage Blob Data Contributor"},
        {"{\"action\":\"status\",\"status\":403,\"code\":\"AuthorizationFailure\"}", "firewall"},
        {"{\"action\":\"status\",\"status\":403,\"code\":\"AuthenticationFailed\"}", "check key"},
        {"{\"action\":\"status\",\"status\":403,\"code\":\"KeyBasedAuthenticationNotPermitted\"}", "identity"},
        {"{\"action\":\"status\",\"status\":400,\"code\":\"AccountRequiresHttps\"}", "https://"},
        {"{\"action\":\"status\",\"status\":403,\"code\":\"AccountIsDisabled\"}", "enable the account"},
        {"{\"action\":\"status\",\"status\":418,\"code\":\"Teapot\"}", "Teapot, status 418"},
    };
    struct lake *lake = bench_open(server, (struct adls_options){0});
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_free)
        char *rules =
            text_printf("{\"rules\":[{\"operation\":\"dfs.create_file\",\"times\":0,\"do\":%s}]}", cases[i].action);
        control(server, "faults", rules);
        struct lake_finding finding = probe(lake);
        assert_says(&finding, false, cases[i].text);
    }
    lake_close(&lake);
}

static void probe_when_the_clock_is_wrong_then_says_by_how_much(void **state)
{
    struct adls_server *server = *state;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    control(server, "clock", "{\"skew\":-1800}");
    struct lake_finding finding = probe(lake);
    assert_says(&finding, false, "ahead of that of the service");
    control(server, "clock", "{\"skew\":0}");
    finding = probe(lake);
    assert_says(&finding, true, "can be written");
    lake_close(&lake);
}

static void probe_when_the_tenant_is_wrong_then_names_the_right_one(void **state)
{
    struct adls_server *server = *state;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    control(
        server, "faults",
        "{\"rules\":[{\"operation\":\"dfs.head_filesystem\",\"times\":0,\"do\":{\"action\":\"status\",\"status\":401,"
        "\"code\":\"InvalidAuthenticationInfo\",\"headers\":{\"WWW-Authenticate\":\"Bearer "
        "authorization_uri=https://login.microsoftonline.com/99999999-1111-2222-3333-444444444444/oauth2/authorize "
        "resource_id=https://storage.azure.com\"}}}]}");
    struct lake_finding finding = probe(lake);
    assert_says(&finding, false, "tenant 99999999-1111-2222-3333-444444444444");
    lake_close(&lake);
}

static void probe_when_the_filesystem_is_missing_then_created_or_named(void **state)
{
    struct adls_server *server = *state;
    adls_server_next_filesystem(server, false);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    struct lake_finding finding = probe(lake);
    assert_says(&finding, false, "create_filesystem");
    lake_close(&lake);
    lake = bench_open(server, (struct adls_options){.create_filesystem = true});
    finding = probe(lake);
    assert_says(&finding, true, "can be written");
    lake_close(&lake);
}

static void probe_when_the_namespace_is_flat_then_said_or_refused(void **state)
{
    struct adls_server *server = *state;
    static const char flat[] =
        "{\"rules\":[{\"operation\":\"dfs.head_filesystem\",\"times\":0,\"do\":{\"action\":\"status\","
        "\"status\":200,\"headers\":{\"x-ms-namespace-enabled\":\"false\"}}}]}";
    struct lake *lake = bench_open(server, (struct adls_options){0});
    control(server, "faults", flat);
    struct lake_finding finding = probe(lake);
    assert_says(&finding, true, "no hierarchical namespace");
    lake_close(&lake);
    lake = bench_open(server, (struct adls_options){.publish = ADLS_RENAME});
    finding = probe(lake);
    assert_says(&finding, false, "publish = put_blob");
    lake_close(&lake);
}

static void probe_when_the_service_ignores_conditions_then_not_ok(void **state)
{
    struct adls_server *server = *state;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    control(server, "faults",
            "{\"rules\":[{\"operation\":\"blob.put_blob\",\"times\":0,\"do\":{\"action\":\"status\",\"status\":201,"
            "\"headers\":{\"ETag\":\"\\\"0x1\\\"\"}}}]}");
    struct lake_finding finding = probe(lake);
    assert_says(&finding, false, "although a condition does not hold");
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(probe_when_all_is_well_then_says_how_the_model_is_replaced),
        TEST(probe_when_refused_then_names_cause_and_cure),
        TEST(probe_when_the_clock_is_wrong_then_says_by_how_much),
        TEST(probe_when_the_tenant_is_wrong_then_names_the_right_one),
        TEST(probe_when_the_filesystem_is_missing_then_created_or_named),
        TEST(probe_when_the_namespace_is_flat_then_said_or_refused),
        TEST(probe_when_the_service_ignores_conditions_then_not_ok),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
