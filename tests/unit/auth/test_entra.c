/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/default_chain.h"
#include "auth/entra.h"
#include "auth/entra_error.h"
#include "base/file.h"
#include "fakes/certificate.h"
#include "unit/auth/script.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TENANT "aaaaaaaa-0000-0000-0000-000000000001"
#define CLIENT "bbbbbbbb-0000-0000-0000-000000000002"
#define SECRET "top secret+/&=~"

static const struct auth_options options_of_secret = {
    .kind = AUTH_CLIENT_SECRET, .tenant_id = TENANT, .client_id = CLIENT, .client_secret = SECRET};

/* One fetch against the script. */
static bool fetch_secret(struct script *script, bool patient, struct token_grant *grant, struct lf_error *err)
{
    CLEANUP(script_source_free) struct token_source source = {0};
    token_grant_init(grant);
    assert_true(entra_secret_source(&options_of_secret, &script->host, &source, err));
    return source.fetch(source.self, patient, grant, err);
}

static void fetch_when_by_secret_then_the_form_of_client_credentials(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {
        {200, "{\"expires_in\":\"3599\",\"refresh_in\":1800,\"access_token\":\"abc.def\"}", NULL, NULL, 0}};
    CLEANUP(token_grant_done) struct token_grant grant;
    script_init(&script, answers, 1);
    assert_true(fetch_secret(&script, true, &grant, &err));
    assert_string_equal(buf_text(&grant.text), "abc.def");
    assert_int_equal(grant.lifetime_ms, 3599000);
    assert_int_equal(grant.refresh_ms, 1800000);
    assert_int_equal(script.asked_count, 1);
    assert_int_equal(script.asked[0].method, HTTP_POST);
    assert_string_equal(script.asked[0].url, "https://login.microsoftonline.com/" TENANT "/oauth2/v2.0/token");
    assert_string_equal(script.asked[0].body,
                        "grant_type=client_credentials&client_id=" CLIENT
                        "&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_secret=top%20secret%2B%2F%26%3D~");
    assert_string_equal(http_headers_get(script.asked[0].headers, "Content-Type"), "application/x-www-form-urlencoded");
    assert_false(script.asked[0].direct);
    script_done(&script);
}

static void fetch_when_the_environment_names_all_then_it_is_used(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};
    const struct auth_options nothing = {.kind = AUTH_CLIENT_SECRET, .audience = "https://other.example/"};
    CLEANUP(script_source_free) struct token_source source = {0};
    CLEANUP(token_grant_done) struct token_grant grant;
    token_grant_init(&grant);
    script_init(&script, answers, 1);
    (void)setenv("AZURE_TENANT_ID", "contoso.example", 1);
    (void)setenv("AZURE_CLIENT_ID", "c", 1);
    (void)setenv("AZURE_CLIENT_SECRET", "s", 1);
    (void)setenv("AZURE_AUTHORITY_HOST", "login.microsoftonline.us/", 1); /* also without a scheme */
    assert_true(entra_secret_source(&nothing, &script.host, &source, &err));
    assert_true(source.fetch(source.self, true, &grant, &err));
    assert_string_equal(script.asked[0].url, "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token");
    assert_non_null(strstr(script.asked[0].body, "client_id=c&scope=https%3A%2F%2Fother.example%2F.default"));
    script_done(&script);
}

static void refuse(struct auth_options options, const char *said)
{
    struct lf_error err;
    struct script script;
    CLEANUP(script_source_free) struct token_source source = {0};
    script_init(&script, NULL, 0);
    options.tenant_id = options.tenant_id != NULL ? options.tenant_id : TENANT;
    assert_false(entra_secret_source(&options, &script.host, &source, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, said));
    assert_null(strstr(err.msg, SECRET));
}

static void source_when_a_setting_is_missing_or_wrong_then_config(void **state)
{
    (void)state;
    refuse((struct auth_options){.client_id = CLIENT}, "AZURE_CLIENT_SECRET");
    refuse((struct auth_options){.client_secret = SECRET}, "AZURE_CLIENT_ID");
    refuse((struct auth_options){.client_secret = SECRET, .client_id = "a/b"}, "client_id \"a/b\"");
    refuse((struct auth_options){.client_secret = SECRET, .client_id = CLIENT, .tenant_id = "../x"}, "tenant_id");
    refuse((struct auth_options){.client_secret = SECRET, .client_id = CLIENT, .authority = "http://login.example"},
           "plain http");
}

static void fetch_when_throttled_then_waits_as_long_as_asked(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {
        {429, "{\"error\":\"temporarily_unavailable\"}", NULL, NULL, 17000},
        {503, NULL, NULL, NULL, 0},
        {0, NULL, NULL, NULL, 0},
        {200, SCRIPT_TOKEN, NULL, NULL, 0},
    };
    CLEANUP(token_grant_done) struct token_grant grant;
    script_init(&script, answers, ARRAY_LEN(answers));
    assert_true(fetch_secret(&script, true, &grant, &err));
    assert_int_equal(script.asked_count, 4);
    assert_int_equal(script.asked[1].at_ms, 17000);
    assert_int_equal(script.asked[2].at_ms, 19000);
    assert_int_equal(script.asked[3].at_ms, 23000);
    script_done(&script);
}

static void fetch_when_down_for_long_then_transient_and_back_later(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {{0, NULL, NULL, NULL, 0}};
    static const struct script_answer back[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};
    CLEANUP(token_grant_done) struct token_grant grant;
    CLEANUP(token_grant_done) struct token_grant again;
    script_init(&script, answers, 1);
    assert_false(fetch_secret(&script, true, &grant, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_string_equal(err.msg, "Microsoft Entra (login.microsoftonline.com) gives no token: no answer within 1 s");
    assert_true(script.now_us / 1000 - SCRIPT_BEGIN_MS < AUTH_PATIENCE_MS);
    script.answers = back;
    assert_true(fetch_secret(&script, true, &again, &err));
    script_done(&script);
}

static void fetch_when_nobody_waits_then_a_single_try(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {{503, NULL, NULL, NULL, 4000}};
    CLEANUP(token_grant_done) struct token_grant grant;
    script_init(&script, answers, 1);
    assert_false(fetch_secret(&script, false, &grant, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(err.code, 503);
    assert_int_equal(err.retry_after_ms, 4000);
    assert_int_equal(script.asked_count, 1);
    script_done(&script);
}

static void fetch_when_stopped_while_waiting_then_cancelled_at_once(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {{503, NULL, NULL, NULL, 30000}};
    CLEANUP(token_grant_done) struct token_grant grant;
    script_init(&script, answers, 1);
    script.cancelled_at_ms = 5000;
    assert_false(fetch_secret(&script, true, &grant, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_in_range(script.now_us / 1000 - SCRIPT_BEGIN_MS, 5000, 5200);
    script_done(&script);
}

static void assert_refused(unsigned status, const char *body, enum lf_error_kind kind, const char *said)
{
    struct lf_error err;
    struct script script;
    const struct script_answer answers[] = {{status, body, NULL, NULL, 0}};
    CLEANUP(token_grant_done) struct token_grant grant;
    script_init(&script, answers, 1);
    assert_false(fetch_secret(&script, true, &grant, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
    }
    assert_null(strstr(err.msg, SECRET));
    assert_int_equal(script.asked_count, 1);
    script_done(&script);
}

static void fetch_when_refused_then_auth_that_says_what_to_do(void **state)
{
    (void)state;
    assert_refused(
        401,
        "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret provided. "
        "Trace ID: 1-2 Correlation ID: 3 Timestamp: 4\",\"error_codes\":[7000215]}",
        LF_AUTH,
        "refuses client " CLIENT " of tenant " TENANT
        " (by a secret): AADSTS7000215: Invalid client secret provided (trace 1-2); the secret is wrong");
    assert_refused(400,
                   "{\"error\":\"unauthorized_client\",\"error_description\":\"AADSTS700016: Application not found\"}",
                   LF_AUTH, "compare client_id and tenant_id");
    assert_refused(400,
                   "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS99999999: New\\r\\nTrace ID: 1\"}",
                   LF_AUTH, "look the number up");
    assert_refused(403, "<html>", LF_AUTH, "look the number up");
}

static void fetch_when_the_answer_quotes_the_secret_then_it_is_left_out(void **state)
{
    (void)state;
    assert_refused(401,
                   "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: top secret+/&=~ is wrong\"}",
                   LF_AUTH, ": AADSTS7000215; the secret is wrong");
}

static void fetch_when_refused_for_now_then_transient(void **state)
{
    (void)state;
    assert_refused(400, "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90033: busy\"}",
                   LF_TRANSIENT, "answers 400");
}

static void fetch_when_the_answer_is_no_token_then_transient(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "<html>Log in to the network</html>",
        "{}",
        "{\"access_token\":\"a\"}",
        "{\"access_token\":\"\",\"expires_in\":3600}",
        "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}",
        "{\"access_token\":\"a\",\"expires_in\":0}",
        "{\"access_token\":\"a\",\"expires_in\":\"soon\"}",
        "{\"access_token\":\"a\",\"expires_in\":999999999999}",
        "{\"access_token\":\"a\",\"expires_on\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_refused(200, wrong[i], LF_TRANSIENT, "is no token");
    }
}

static void write_file(const char *path, const char *text, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    (void)close(fd);
}

/* A certificate of that many seconds from now, and its key, in a file of that name. */
static void write_certificate(const char *path, long seconds)
{
    CLEANUP(buf_done) struct buf pem = {0};
    EVP_PKEY *key = certificate_key(2048);
    X509 *certificate = certificate_of(key, "app", seconds);
    certificate_append_key(key, NULL, &pem);
    certificate_append(certificate, &pem);
    EVP_PKEY_free(key);
    X509_free(certificate);
    write_file(path, pem.ptr, pem.len);
}

static void fetch_when_by_federated_token_then_the_file_is_read_each_time(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    char path[] = "/tmp/lakefeed-test-XXXXXX";
    static const struct script_answer answers[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};
    CLEANUP(script_source_free) struct token_source source = {0};
    const struct auth_options options = {.tenant_id = TENANT, .client_id = CLIENT};
    const int fd = mkstemp(path);
    (void)close(fd);
    script_init(&script, answers, 1);
    assert_false(workload_source(&options, &script.host, &source, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    (void)setenv("AZURE_FEDERATED_TOKEN_FILE", path, 1);
    assert_true(workload_source(&options, &script.host, &source, &err));
    static const char *const tokens[] = {"first.one\n", "second.one"};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        CLEANUP(token_grant_done) struct token_grant grant;
        token_grant_init(&grant);
        write_file(path, tokens[i], strlen(tokens[i]));
        assert_true(source.fetch(source.self, true, &grant, &err));
    }
    static const char type[] =
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    assert_non_null(strstr(script.asked[0].body, type));
    assert_string_equal(strstr(script.asked[0].body, "&client_assertion="), "&client_assertion=first.one");
    assert_string_equal(strstr(script.asked[1].body, "&client_assertion="), "&client_assertion=second.one");
    CLEANUP(token_grant_done) struct token_grant grant;
    token_grant_init(&grant);
    write_file(path, "\n", 1);
    assert_false(source.fetch(source.self, true, &grant, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    (void)unlink(path);
    assert_false(source.fetch(source.self, true, &grant, &err));
    assert_int_equal(err.kind, LF_AUTH);
    script_done(&script);
}

static void fetch_when_by_certificate_then_an_assertion_for_the_token_url_from_the_file_as_it_is_now(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    char path[] = "/tmp/lakefeed-test-XXXXXX";
    static const struct script_answer answers[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};
    CLEANUP(script_source_free) struct token_source source = {0};
    CLEANUP(token_grant_done) struct token_grant grant;
    const struct auth_options options = {.tenant_id = TENANT, .client_id = CLIENT, .certificate_file = path};
    (void)close(mkstemp(path));
    token_grant_init(&grant);
    script_init(&script, answers, 1);
    assert_false(entra_certificate_source(&options, &script.host, &source, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    write_certificate(path, 3600);
    assert_true(entra_certificate_source(&options, &script.host, &source, &err));
    assert_true(source.fetch(source.self, true, &grant, &err));
    assert_true(source.fetch(source.self, true, &grant, &err));
    const char *first = strstr(script.asked[0].body, "&client_assertion=");
    const char *second = strstr(script.asked[1].body, "&client_assertion=");
    assert_non_null(first);
    assert_string_not_equal(first, second); /* each has an id of its own */
    (void)unlink(path);
    assert_false(source.fetch(source.self, true, &grant, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, path));
    script_done(&script);
}

static void must_fetch(const struct token_source *source)
{
    struct lf_error err;
    CLEANUP(token_grant_done) struct token_grant grant;
    token_grant_init(&grant);
    assert_true(source->fetch(source->self, true, &grant, &err));
}

static void read_log(int fd, char *ret_text, size_t size)
{
    const ssize_t len = read(fd, ret_text, size - 1);
    ret_text[len > 0 ? len : 0] = '\0';
}

static void certificate_when_it_ends_soon_then_a_warning_a_day_until_a_new_one_is_there(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    int ends[2];
    char text[1024];
    char expires[CLOCK_TEXT_SIZE];
    char path[] = "/tmp/lakefeed-test-XXXXXX";
    const long day_s = 24L * 3600;
    static const struct script_answer answers[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};
    CLEANUP(script_source_free) struct token_source source = {0};
    const struct auth_options options = {.tenant_id = TENANT, .client_id = CLIENT, .certificate_file = path};
    (void)close(mkstemp(path));
    write_certificate(path, 3 * day_s);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    script_init(&script, answers, 1);
    script.now_us = (int64_t)time(NULL) * 1000000;
    CLEANUP(log_free) struct log *log = log_new(ends[1], LOG_JSON, LOG_WARN, &script.host.clock);
    script.host.log = log;
    assert_true(default_chain_source(&options, &script.host, &source, &err)); /* which hands on what it has chosen */
    assert_int_equal(source.expires_ms(source.self), 0);
    assert_true(source.describe(source.self, text, sizeof text, &err));
    clock_format_iso(source.expires_ms(source.self), expires);
    assert_string_equal(strstr(text, " until ") + strlen(" until "), expires);
    must_fetch(&source);
    must_fetch(&source);
    read_log(ends[0], text, sizeof text);
    assert_non_null(strstr(text, "\"event\":\"certificate_expires\""));
    assert_non_null(strstr(text, expires));
    assert_non_null(strstr(text, path));
    assert_string_equal(strchr(text, '\n'), "\n"); /* one line */
    script.now_us += INT64_C(86400) * 1000000;
    must_fetch(&source);
    read_log(ends[0], text, sizeof text);
    assert_non_null(strstr(text, "\"hours_left\":"));
    script.now_us += INT64_C(86400) * 1000000;
    write_certificate(path, 90 * day_s);
    must_fetch(&source);
    read_log(ends[0], text, sizeof text);
    assert_string_equal(text, "");
    assert_true(source.expires_ms(source.self) > script.now_us / 1000 + INT64_C(80) * day_s * 1000);
    (void)unlink(path);
    (void)close(ends[0]);
    (void)close(ends[1]);
    script_done(&script);
}

static void entra_error_when_it_has_a_cure_then_the_manual_says_the_same(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf page = {0};
    assert_true(file_read_all(LAKEFEED_TESTS_DIR "/../docs/adls-identities.md", (size_t)1 << 20, &page, &err));
    size_t count = 0;
    for (unsigned code = entra_error_at(count); code != 0; code = entra_error_at(++count)) {
        CLEANUP(text_free) char *row = text_printf("| AADSTS%u | %s |\n", code, entra_error_cure(code));
        if (strstr(buf_text(&page), row) == NULL) {
            fail_msg("docs/adls-identities.md lacks the row %s", row);
        }
    }
    assert_true(count > 20);
}

static void describe_when_asked_then_who_and_by_what(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    char text[256];
    CLEANUP(script_source_free) struct token_source source = {0};
    script_init(&script, NULL, 0);
    assert_true(entra_secret_source(&options_of_secret, &script.host, &source, &err));
    assert_true(source.describe(source.self, text, sizeof text, &err));
    assert_string_equal(text, "application " CLIENT " of tenant " TENANT ", by a secret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(fetch_when_by_secret_then_the_form_of_client_credentials),
        SCRIPT_TEST(fetch_when_the_environment_names_all_then_it_is_used),
        SCRIPT_TEST(source_when_a_setting_is_missing_or_wrong_then_config),
        SCRIPT_TEST(fetch_when_throttled_then_waits_as_long_as_asked),
        SCRIPT_TEST(fetch_when_down_for_long_then_transient_and_back_later),
        SCRIPT_TEST(fetch_when_nobody_waits_then_a_single_try),
        SCRIPT_TEST(fetch_when_stopped_while_waiting_then_cancelled_at_once),
        SCRIPT_TEST(fetch_when_refused_then_auth_that_says_what_to_do),
        SCRIPT_TEST(fetch_when_the_answer_quotes_the_secret_then_it_is_left_out),
        SCRIPT_TEST(fetch_when_refused_for_now_then_transient),
        SCRIPT_TEST(fetch_when_the_answer_is_no_token_then_transient),
        SCRIPT_TEST(fetch_when_by_federated_token_then_the_file_is_read_each_time),
        SCRIPT_TEST(fetch_when_by_certificate_then_an_assertion_for_the_token_url_from_the_file_as_it_is_now),
        SCRIPT_TEST(certificate_when_it_ends_soon_then_a_warning_a_day_until_a_new_one_is_there),
        SCRIPT_TEST(entra_error_when_it_has_a_cure_then_the_manual_says_the_same),
        SCRIPT_TEST(describe_when_asked_then_who_and_by_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
