/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/managed_identity.h"
#include "base/secret.h"
#include "unit/auth/script.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT "bbbbbbbb-0000-0000-0000-000000000002"
#define RESOURCE "resource=https%3A%2F%2Fstorage.azure.com%2F"

static struct managed_identity *make(const struct auth_options *options, struct script *script)
{
    struct lf_error err;
    struct managed_identity *identity = NULL;
    assert_true(managed_identity_new(options, &script->host, &identity, &err));
    return identity;
}

static bool fetch(const struct managed_identity *identity, struct lf_error *err)
{
    CLEANUP(token_grant_done) struct token_grant grant;
    token_grant_init(&grant);
    const bool ok = managed_identity_fetch(identity, true, &grant, err);
    assert_true(!ok || strcmp(buf_text(&grant.text), "the-token") == 0);
    return ok;
}

static const struct script_answer token[] = {{200, SCRIPT_TOKEN, NULL, NULL, 0}};

static void imds_when_asked_then_its_documented_request_without_a_proxy(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    script_init(&script, token, 1);
    CLEANUP(managed_identity_free)
    struct managed_identity *identity = make(&(struct auth_options){.kind = AUTH_MANAGED_IDENTITY}, &script);
    assert_true(fetch(identity, &err));
    assert_string_equal(script.asked[0].url,
                        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&" RESOURCE);
    assert_string_equal(http_headers_get(script.asked[0].headers, "Metadata"), "true");
    assert_int_equal(script.asked[0].method, HTTP_GET);
    assert_true(script.asked[0].direct);
    script_done(&script);
}

static void imds_when_its_host_is_given_then_that_one(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    script_init(&script, token, 1);
    (void)setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:8080/", 1);
    CLEANUP(managed_identity_free)
    struct managed_identity *identity = make(&(struct auth_options){.client_id = CLIENT}, &script);
    assert_true(fetch(identity, &err));
    assert_string_equal(script.asked[0].url,
                        "http://127.0.0.1:8080/metadata/identity/oauth2/token?api-version=2018-02-01&" RESOURCE
                        "&client_id=" CLIENT);
    script_done(&script);
}

static void imds_when_busy_then_tried_for_a_while(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {
        {404, NULL, NULL, NULL, 0}, {429, NULL, NULL, NULL, 0},         {500, NULL, NULL, NULL, 0},
        {410, NULL, NULL, NULL, 0}, {200, SCRIPT_TOKEN, NULL, NULL, 0},
    };
    script_init(&script, answers, ARRAY_LEN(answers));
    CLEANUP(managed_identity_free) struct managed_identity *identity = make(&(struct auth_options){0}, &script);
    assert_true(fetch(identity, &err));
    assert_int_equal(script.asked[1].at_ms, 1000);
    assert_int_equal(script.asked[2].at_ms, 3000);
    assert_int_equal(script.asked[3].at_ms, 9000);
    assert_int_equal(script.asked[4].at_ms, 19000);
    script_done(&script);
}

static void imds_when_upgraded_then_asked_for_seventy_seconds(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {{410, NULL, NULL, NULL, 0}};
    script_init(&script, answers, ARRAY_LEN(answers));
    CLEANUP(managed_identity_free) struct managed_identity *identity = make(&(struct auth_options){0}, &script);
    assert_false(fetch(identity, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(err.code, 410);
    assert_int_equal(script.asked_count, 8);
    assert_int_equal(script.asked[7].at_ms, 70000);
    script_done(&script);
}

static void imds_when_it_has_no_such_identity_then_auth_that_says_how_to_assign_it(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {
        {400, "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}", NULL, NULL, 0}};
    script_init(&script, answers, ARRAY_LEN(answers));
    CLEANUP(managed_identity_free)
    struct managed_identity *identity = make(&(struct auth_options){.object_id = "o-1"}, &script);
    assert_false(fetch(identity, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_string_equal(err.msg, "the managed identity of the virtual machine gives no token for o-1: it answers 400, "
                                 "Identity not found; does the machine have this identity? az vm identity assign");
    script_done(&script);
}

static void imds_when_the_lifetime_is_a_text_then_read(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    static const struct script_answer answers[] = {
        {200, "{\"access_token\":\"t\",\"expires_in\":\"86399\",\"expires_on\":\"1\",\"refresh_in\":\"43199\"}", NULL,
         NULL, 0},
        {200, "{\"access_token\":\"t\",\"expires_on\":\"1700000600\"}", NULL, NULL, 0},
    };
    script_init(&script, answers, ARRAY_LEN(answers));
    CLEANUP(managed_identity_free) struct managed_identity *identity = make(&(struct auth_options){0}, &script);
    CLEANUP(token_grant_done) struct token_grant first;
    CLEANUP(token_grant_done) struct token_grant second;
    token_grant_init(&first);
    token_grant_init(&second);
    assert_true(managed_identity_fetch(identity, true, &first, &err));
    assert_true(managed_identity_fetch(identity, true, &second, &err));
    assert_int_equal(first.lifetime_ms, 86399000);
    assert_int_equal(first.refresh_ms, 43199000);
    assert_int_equal(second.lifetime_ms, 600000);
    script_done(&script);
}

static void app_service_when_its_environment_is_there_then_its_documented_request(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script;
    script_init(&script, token, 1);
    (void)setenv("IDENTITY_ENDPOINT", "http://169.254.130.2:8081/msi/token", 1);
    (void)setenv("IDENTITY_HEADER", "proof", 1);
    const struct auth_options options = {.resource_id = "/subscriptions/s/id"};
    CLEANUP(managed_identity_free) struct managed_identity *identity = make(&options, &script);
    assert_true(fetch(identity, &err));
    assert_string_equal(script.asked[0].url, "http://169.254.130.2:8081/msi/token?api-version=2019-08-01&" RESOURCE
                                             "&mi_res_id=%2Fsubscriptions%2Fs%2Fid");
    assert_string_equal(http_headers_get(script.asked[0].headers, "X-IDENTITY-HEADER"), "proof");
    assert_null(http_headers_get(script.asked[0].headers, "Metadata"));
    script_done(&script);
}

static void refuse(const struct auth_options *options, enum lf_error_kind kind, const char *said)
{
    struct lf_error err;
    struct script script;
    struct managed_identity *identity = NULL;
    script_init(&script, NULL, 0);
    assert_false(managed_identity_new(options, &script.host, &identity, &err));
    assert_int_equal(err.kind, kind);
    assert_non_null(strstr(err.msg, said));
    assert_null(identity);
}

static void managed_identity_when_it_cannot_be_used_then_says_why(void **state)
{
    (void)state;
    refuse(&(struct auth_options){.client_id = CLIENT, .object_id = "o"}, LF_CONFIG, "not by several");
    (void)setenv("IDENTITY_ENDPOINT", "http://evil.example/msi/token", 1);
    (void)setenv("IDENTITY_HEADER", "proof", 1);
    refuse(&(struct auth_options){0}, LF_CONFIG, "plain http");
    (void)setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/msi/token?x=y", 1);
    refuse(&(struct auth_options){0}, LF_CONFIG, "query");
    (void)setenv("IDENTITY_SERVER_THUMBPRINT", "AB", 1);
    refuse(&(struct auth_options){0}, LF_UNSUPPORTED, "Service Fabric");
}

/* The folder of Arc's keys, as a test has it. */
struct arc {
    char folder[64];
    char path[128];
    char challenge[256];
    struct script script;
    struct script_answer answers[2];
    struct managed_identity *identity;
};

static void arc_init(struct arc *arc, const char *name, const char *content, const char *answer,
                     const struct auth_options *options)
{
    *arc = (struct arc){.folder = "/tmp/lakefeed-arc-XXXXXX"};
    assert_non_null(mkdtemp(arc->folder));
    (void)snprintf(arc->path, sizeof arc->path, "%s/%s", arc->folder, name);
    const int fd = open(arc->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    (void)close(fd);
    (void)snprintf(arc->challenge, sizeof arc->challenge, "Basic realm=%s", arc->path);
    arc->answers[0] = (struct script_answer){401, NULL, "WWW-Authenticate", arc->challenge, 0};
    arc->answers[1] = (struct script_answer){200, answer, NULL, NULL, 0};
    script_init(&arc->script, arc->answers, 2);
    (void)setenv("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token", 1);
    (void)setenv("IMDS_ENDPOINT", "http://localhost:40342", 1);
    arc->identity = make(options, &arc->script);
    assert_string_equal(arc->identity->tokens_folder, "/var/opt/azcmagent/tokens");
    arc->identity->tokens_folder = arc->folder;
}

static void arc_done(struct arc *arc)
{
    (void)unlink(arc->path);
    (void)rmdir(arc->folder);
    managed_identity_free(&arc->identity);
    script_done(&arc->script);
}

static void arc_when_challenged_then_answers_with_the_content_of_the_file(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(arc_done) struct arc arc;
    arc_init(&arc, "a-b.key", "0123abcd", SCRIPT_TOKEN, &(struct auth_options){0});
    assert_true(fetch(arc.identity, &err));
    assert_int_equal(arc.script.asked_count, 2);
    assert_string_equal(arc.script.asked[0].url,
                        "http://localhost:40342/metadata/identity/oauth2/token?api-version=2020-06-01&" RESOURCE);
    assert_null(http_headers_get(arc.script.asked[0].headers, "Authorization"));
    assert_string_equal(http_headers_get(arc.script.asked[1].headers, "Authorization"), "Basic 0123abcd");
    assert_string_equal(http_headers_get(arc.script.asked[1].headers, "Metadata"), "true");
}

static void arc_when_the_agent_is_old_then_the_identity_of_the_server_does_not_pass_for_another(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        bool ok;
    } cases[] = {
        {"{\"expires_in\":3599,\"access_token\":\"the-token\",\"client_id\":\"" CLIENT "\"}", true},
        {"{\"expires_in\":3599,\"access_token\":\"the-token\",\"client_id\":\"BBBBBBBB-0000-0000-0000-000000000002\"}",
         true},
        {"{\"expires_in\":3599,\"access_token\":\"the-token\",\"client_id\":\"of-the-server\"}", false},
        {SCRIPT_TOKEN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lf_error err;
        CLEANUP(arc_done) struct arc arc;
        arc_init(&arc, "a.key", "k", cases[i].answer, &(struct auth_options){.client_id = CLIENT});
        assert_int_equal(fetch(arc.identity, &err), cases[i].ok);
        assert_non_null(strstr(arc.script.asked[1].url, "&client_id=" CLIENT));
        if (!cases[i].ok) {
            assert_int_equal(err.kind, LF_AUTH);
            assert_non_null(strstr(err.msg, "does not confirm it"));
            assert_null(strstr(err.msg, "the-token"));
        }
    }
}

static void assert_not_read(const char *challenge, const char *folder, const char *said)
{
    struct lf_error err;
    CLEANUP(secret_buf_done) struct buf out;
    secret_buf_init(&out, 8192);
    assert_false(arc_read_key(challenge, folder, &out, &err));
    assert_int_equal(err.kind, LF_AUTH);
    if (strstr(err.msg, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
    }
    assert_int_equal(out.len, 0);
}

static void arc_read_key_when_the_path_is_not_right_below_the_folder_then_not_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Basic realm=/etc/passwd",
        "Basic realm=/etc/x.key",
        "Basic realm=/var/opt/azcmagent/tokens/../../../../etc/x.key",
        "Basic realm=/var/opt/azcmagent/tokens/sub/x.key",
        "Basic realm=/var/opt/azcmagent/tokensx/x.key",
        "Basic realm=/var/opt/azcmagent/tokens/x.txt",
        "Basic realm=/var/opt/azcmagent/tokens/.key",
        "Basic realm=/var/opt/azcmagent/tokens/",
        "Basic realm=",
        "Bearer realm=/var/opt/azcmagent/tokens/x.key",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_not_read(wrong[i], ARC_TOKENS_FOLDER, "is not read");
    }
    assert_not_read(NULL, ARC_TOKENS_FOLDER, "is not read");
}

static void arc_read_key_when_the_file_is_not_as_it_must_be_then_not_read(void **state)
{
    (void)state;
    CLEANUP(arc_done) struct arc arc;
    char link[160];
    char challenge[256];
    char *large = memset(mem_new(4098, 1), 'x', 4097);
    arc_init(&arc, "a.key", "two\nlines", NULL, &(struct auth_options){0});
    assert_not_read(arc.challenge, arc.folder, "not one line");
    assert_int_equal(truncate(arc.path, 0), 0);
    assert_not_read(arc.challenge, arc.folder, "empty");
    const int fd = open(arc.path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, large, 4097), 4097);
    (void)close(fd);
    assert_not_read(arc.challenge, arc.folder, "at most 4096 bytes");
    (void)snprintf(link, sizeof link, "%s/b.key", arc.folder);
    (void)snprintf(challenge, sizeof challenge, "Basic realm=\"%s\"", link);
    assert_int_equal(symlink("/etc/hostname", link), 0);
    assert_not_read(challenge, arc.folder, "himds");
    (void)unlink(link);
    assert_not_read(challenge, arc.folder, "himds");
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_not_read(challenge, arc.folder, "not a file");
    (void)unlink(link);
    text_free(&large);
}

static void arc_read_key_when_it_has_the_greatest_size_then_read(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(arc_done) struct arc arc;
    CLEANUP(secret_buf_done) struct buf out;
    char *large = memset(mem_new(4097, 1), 'x', 4096);
    secret_buf_init(&out, 8192);
    CLEANUP(text_free) char *content = text_copy_len(large, 4096);
    arc_init(&arc, "a.key", content, NULL, &(struct auth_options){0});
    assert_true(arc_read_key(arc.challenge, arc.folder, &out, &err));
    assert_int_equal(out.len, 4096);
    text_free(&large);
}

static void describe_when_asked_then_who_and_where(void **state)
{
    (void)state;
    struct script script;
    char text[256];
    script_init(&script, NULL, 0);
    CLEANUP(managed_identity_free)
    struct managed_identity *vm = make(&(struct auth_options){.client_id = CLIENT}, &script);
    managed_identity_describe(vm, text, sizeof text);
    assert_string_equal(text, "managed identity " CLIENT " of the virtual machine");
    (void)setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/msi/token", 1);
    (void)setenv("IDENTITY_HEADER", "topsecret", 1);
    CLEANUP(managed_identity_free) struct managed_identity *app = make(&(struct auth_options){0}, &script);
    managed_identity_describe(app, text, sizeof text);
    assert_string_equal(text, "managed identity of App Service");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(imds_when_asked_then_its_documented_request_without_a_proxy),
        SCRIPT_TEST(imds_when_its_host_is_given_then_that_one),
        SCRIPT_TEST(imds_when_busy_then_tried_for_a_while),
        SCRIPT_TEST(imds_when_upgraded_then_asked_for_seventy_seconds),
        SCRIPT_TEST(imds_when_it_has_no_such_identity_then_auth_that_says_how_to_assign_it),
        SCRIPT_TEST(imds_when_the_lifetime_is_a_text_then_read),
        SCRIPT_TEST(app_service_when_its_environment_is_there_then_its_documented_request),
        SCRIPT_TEST(managed_identity_when_it_cannot_be_used_then_says_why),
        SCRIPT_TEST(arc_when_challenged_then_answers_with_the_content_of_the_file),
        SCRIPT_TEST(arc_when_the_agent_is_old_then_the_identity_of_the_server_does_not_pass_for_another),
        SCRIPT_TEST(arc_read_key_when_the_path_is_not_right_below_the_folder_then_not_read),
        SCRIPT_TEST(arc_read_key_when_the_file_is_not_as_it_must_be_then_not_read),
        SCRIPT_TEST(arc_read_key_when_it_has_the_greatest_size_then_read),
        SCRIPT_TEST(describe_when_asked_then_who_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
