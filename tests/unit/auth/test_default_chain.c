/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/default_chain.h"
#include "unit/auth/script.h"

#include <string.h>
#include <unistd.h>

#define CLIENT "bbbbbbbb-0000-0000-0000-000000000002"

/* Who it takes itself for, with the script's answers; "" and the error when it finds nobody. */
static void describe(struct script *script, char *ret_text, size_t size, struct lf_error *err)
{
    const struct auth_options nothing = {.kind = AUTH_DEFAULT};
    CLEANUP(script_source_free) struct token_source source = {0};
    *ret_text = '\0';
    if (default_chain_source(&nothing, &script->host, &source, err)) {
        (void)source.describe(source.self, ret_text, size, err);
    }
}

static void assert_chosen(const struct script_answer *answer, const char *expected)
{
    struct lf_error err;
    struct script script;
    char text[256];
    script_init(&script, answer, answer != NULL ? 1 : 0);
    describe(&script, text, sizeof text, &err);
    assert_string_equal(text, expected);
    script_done(&script);
}

static const struct script_answer vm_is_there = {400, "{\"error\":\"invalid_request\"}", NULL, NULL, 0};
static const struct script_answer nobody_is_there = {0, NULL, NULL, NULL, 0};
static const struct script_answer other_cloud = {404, NULL, NULL, NULL, 0};

static void name_application(void)
{
    (void)setenv("AZURE_TENANT_ID", "tenant", 1);
    (void)setenv("AZURE_CLIENT_ID", CLIENT, 1);
}

static void chain_when_several_are_there_then_environment_before_workload_before_managed(void **state)
{
    (void)state;
    name_application();
    (void)setenv("AZURE_CLIENT_SECRET", "s", 1);
    (void)setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere", 1);
    assert_chosen(NULL, "application " CLIENT " of tenant tenant, by a secret");
    (void)unsetenv("AZURE_CLIENT_SECRET");
    assert_chosen(NULL, "application " CLIENT " of tenant tenant, by a federated token");
    (void)unsetenv("AZURE_FEDERATED_TOKEN_FILE");
    assert_chosen(&vm_is_there, "managed identity " CLIENT " of the virtual machine");
    (void)unsetenv("AZURE_CLIENT_ID");
    assert_chosen(&vm_is_there, "managed identity of the virtual machine");
}

static void chain_when_nothing_is_there_then_auth_that_says_what_was_looked_for(void **state)
{
    (void)state;
    const struct script_answer *const answers[] = {&nobody_is_there, &other_cloud};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct lf_error err;
        struct script script;
        char text[256];
        script_init(&script, answers[i], 1);
        describe(&script, text, sizeof text, &err);
        assert_string_equal(text, "");
        assert_int_equal(err.kind, LF_AUTH);
        assert_non_null(strstr(err.msg, "AZURE_FEDERATED_TOKEN_FILE"));
        assert_int_equal(script.asked_count, 1); /* a single look, without the header that would ask for a token */
        assert_null(http_headers_get(script.asked[0].headers, "Metadata"));
        script_done(&script);
    }
}

static void chain_when_something_is_there_but_refused_then_the_next_is_not_tried(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer refused = {
        401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: expired\"}", NULL, NULL, 0};
    const struct auth_options nothing = {.kind = AUTH_DEFAULT};
    CLEANUP(script_source_free) struct token_source source = {0};
    CLEANUP(token_grant_done) struct token_grant grant;
    token_grant_init(&grant);
    name_application();
    (void)setenv("AZURE_CLIENT_SECRET", "s", 1);
    script_init(&script, &refused, 1);
    assert_true(default_chain_source(&nothing, &script.host, &source, &err));
    assert_false(source.fetch(source.self, true, &grant, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, "secret has expired"));
    assert_int_equal(script.asked_count, 1);
    script_done(&script);
}

static void chain_when_a_part_is_missing_then_config_that_names_it(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    char text[256];
    script_init(&script, NULL, 0);
    (void)setenv("AZURE_CLIENT_SECRET", "s", 1);
    (void)setenv("AZURE_CLIENT_ID", CLIENT, 1);
    describe(&script, text, sizeof text, &err);
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "AZURE_TENANT_ID"));
}

static void chain_when_narrowed_then_only_that_one(void **state)
{
    (void)state;
    name_application();
    (void)setenv("AZURE_CLIENT_SECRET", "s", 1);
    (void)setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential", 1);
    assert_chosen(&vm_is_there, "managed identity " CLIENT " of the virtual machine");
    (void)setenv("AZURE_TOKEN_CREDENTIALS", "prod", 1);
    assert_chosen(NULL, "application " CLIENT " of tenant tenant, by a secret");
    struct lf_error err;
    struct script script;
    char text[256];
    script_init(&script, NULL, 0);
    (void)setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential", 1);
    describe(&script, text, sizeof text, &err);
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "AzureCliCredential"));
}

static void chain_when_it_has_chosen_then_told_once_and_kept(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    int ends[2];
    char text[1024];
    static const struct script_answer answers[] = {{400, NULL, NULL, NULL, 0}, {200, SCRIPT_TOKEN, NULL, NULL, 0}};
    const struct auth_options nothing = {.kind = AUTH_DEFAULT};
    assert_int_equal(pipe(ends), 0);
    script_init(&script, answers, 2);
    CLEANUP(log_free) struct log *log = log_new(ends[1], LOG_JSON, LOG_INFO, &script.host.clock);
    CLEANUP(script_source_free) struct token_source source = {0};
    script.host.log = log;
    assert_true(default_chain_source(&nothing, &script.host, &source, &err));
    for (int i = 0; i < 2; i++) {
        CLEANUP(token_grant_done) struct token_grant grant;
        token_grant_init(&grant);
        assert_true(source.fetch(source.self, true, &grant, &err));
    }
    assert_int_equal(script.asked_count, 3); /* one look, two tokens */
    const ssize_t len = read(ends[0], text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(
        strstr(text, "\"event\":\"identity_chosen\",\"identity\":\"managed identity of the virtual machine\""));
    assert_string_equal(strchr(text, '\n'), "\n");
    (void)close(ends[0]);
    (void)close(ends[1]);
    script_done(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(chain_when_several_are_there_then_environment_before_workload_before_managed),
        SCRIPT_TEST(chain_when_nothing_is_there_then_auth_that_says_what_was_looked_for),
        SCRIPT_TEST(chain_when_something_is_there_but_refused_then_the_next_is_not_tried),
        SCRIPT_TEST(chain_when_a_part_is_missing_then_config_that_names_it),
        SCRIPT_TEST(chain_when_narrowed_then_only_that_one),
        SCRIPT_TEST(chain_when_it_has_chosen_then_told_once_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
