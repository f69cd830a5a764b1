/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/endpoint.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

static int64_t now_us = INT64_C(784111777) * 1000000; /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t read_now_us(void *context)
{
    return *(int64_t *)context;
}

static const struct clock clock_of_test = {.context = &now_us, .now_us = read_now_us, .monotonic_us = read_now_us};

struct attempt {
    struct buf url;
    struct http_headers *headers;
    struct http_try made;
};

static void attempt_init(struct attempt *attempt, const char *url)
{
    static const struct http_body nothing;
    *attempt = (struct attempt){.headers = http_headers_new()};
    buf_append_text(&attempt->url, url);
    attempt->made = (struct http_try){.url = &attempt->url, .headers = attempt->headers, .body = &nothing};
}

static void attempt_done(struct attempt *attempt)
{
    buf_done(&attempt->url);
    http_headers_free(&attempt->headers);
}

static void auth_prepare_when_shared_key_then_date_and_signature(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(auth_free) struct auth *auth = NULL;
    CLEANUP(attempt_done) struct attempt attempt;
    const struct auth_options options = {
        .kind = AUTH_SHARED_KEY, .account = "devstoreaccount1", .key = KEY, .clock = &clock_of_test};
    attempt_init(&attempt, "http://azurite.example:10000/devstoreaccount1/lake?resource=filesystem");
    http_headers_set(attempt.headers, "x-ms-version", "2024-11-04");
    assert_true(auth_new(&options, &auth, &err));
    assert_true(auth_prepare(auth, &attempt.made, &err));
    assert_string_equal(http_headers_get(attempt.headers, "x-ms-date"), "Sun, 06 Nov 1994 08:49:37 GMT");
    const char *first = http_headers_get(attempt.headers, "Authorization");
    assert_memory_equal(first, "SharedKey devstoreaccount1:", 27);
    char before[256];
    (void)snprintf(before, sizeof before, "%s", first);
    now_us += 1000000; /* another try is signed anew */
    assert_true(auth_prepare(auth, &attempt.made, &err));
    assert_string_equal(http_headers_get(attempt.headers, "x-ms-date"), "Sun, 06 Nov 1994 08:49:38 GMT");
    assert_string_not_equal(http_headers_get(attempt.headers, "Authorization"), before);
    now_us -= 1000000;
}

static void refuse(const struct auth_options *options, const char *said)
{
    struct lf_error err;
    struct auth *auth = NULL;
    assert_false(auth_new(options, &auth, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, said));
}

static void auth_new_when_a_key_is_missing_or_wrong_then_config(void **state)
{
    (void)state;
    refuse(&(struct auth_options){.kind = AUTH_SHARED_KEY, .key = KEY}, "account");
    refuse(&(struct auth_options){.kind = AUTH_SHARED_KEY, .account = "a"}, "no key for account a");
    refuse(&(struct auth_options){.kind = AUTH_SHARED_KEY, .account = "a", .key = "topsecret!", .place = "the file /k"},
           "in the file /k is no base64");
    refuse(&(struct auth_options){.kind = AUTH_SHARED_KEY, .account = "a", .key = ""}, "no key for account a");
    refuse(&(struct auth_options){.kind = AUTH_SAS}, "no SAS");
    refuse(&(struct auth_options){.kind = AUTH_SAS, .sas = ""}, "no SAS");
}

static struct auth_options sas_options(const char *sas)
{
    return (struct auth_options){.kind = AUTH_SAS, .sas = sas, .clock = &clock_of_test, .link = "shop"};
}

static void auth_prepare_when_sas_then_it_ends_the_url(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(auth_free) struct auth *auth = NULL;
    CLEANUP(attempt_done) struct attempt bare;
    CLEANUP(attempt_done) struct attempt with_query;
    const struct auth_options options = sas_options("?sv=1&sig=x%3D");
    attempt_init(&bare, "https://a.dfs.core.windows.net/fs/p");
    attempt_init(&with_query, "https://a.dfs.core.windows.net/fs/p?action=flush");
    assert_true(auth_new(&options, &auth, &err));
    assert_true(auth_prepare(auth, &bare.made, &err));
    assert_true(auth_prepare(auth, &with_query.made, &err));
    assert_string_equal(buf_text(&bare.url), "https://a.dfs.core.windows.net/fs/p?sv=1&sig=x%3D");
    assert_string_equal(buf_text(&with_query.url), "https://a.dfs.core.windows.net/fs/p?action=flush&sv=1&sig=x%3D");
    assert_null(http_headers_get(bare.headers, "Authorization"));
}

static void auth_append_source_query_when_sas_then_it_with_its_mark_and_else_nothing(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(auth_free) struct auth *sas = NULL;
    CLEANUP(auth_free) struct auth *key = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    const struct auth_options options = sas_options("sv=1&sig=x");
    assert_true(auth_new(&options, &sas, &err));
    assert_true(auth_new(&(struct auth_options){.kind = AUTH_SHARED_KEY, .account = "a", .key = KEY}, &key, &err));
    auth_append_source_query(key, &out);
    assert_int_equal(out.len, 0);
    auth_append_source_query(sas, &out);
    assert_string_equal(buf_text(&out), "?sv=1&sig=x");
}

static void auth_renew_when_the_sas_was_replaced_then_the_new_one(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(auth_free) struct auth *auth = NULL;
    CLEANUP(attempt_done) struct attempt attempt;
    CLEANUP(attempt_done) struct attempt again;
    const struct auth_options old = sas_options("se=1994-11-06T08:49:37Z&sig=old");
    const struct auth_options wrong = sas_options("nothing of use");
    const struct auth_options new = sas_options("se=1995-01-01&sig=new");
    attempt_init(&attempt, "https://a.dfs.core.windows.net/fs/p");
    attempt_init(&again, "https://a.dfs.core.windows.net/fs/p");
    assert_true(auth_new(&old, &auth, &err));
    assert_false(auth_prepare(auth, &attempt.made, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_false(auth_renew(auth, &wrong, &err));
    assert_false(auth_prepare(auth, &attempt.made, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_true(auth_renew(auth, &new, &err));
    assert_true(auth_prepare(auth, &again.made, &err));
    assert_non_null(strstr(buf_text(&again.url), "sig=new"));
}

struct user {
    struct auth *auth;
    pthread_t thread;
    bool ok;
};

static void *use(void *context)
{
    struct user *user = context;
    for (int i = 0; i < 300 && user->ok; i++) {
        struct lf_error err;
        CLEANUP(attempt_done) struct attempt attempt;
        CLEANUP(buf_done) struct buf source = {0};
        attempt_init(&attempt, "https://a.dfs.core.windows.net/fs/p");
        auth_append_source_query(user->auth, &source);
        user->ok = auth_prepare(user->auth, &attempt.made, &err) &&
                   (strcmp(buf_text(&attempt.url), "https://a.dfs.core.windows.net/fs/p?sig=first") == 0 ||
                    strcmp(buf_text(&attempt.url), "https://a.dfs.core.windows.net/fs/p?sig=second") == 0) &&
                   (strcmp(buf_text(&source), "?sig=first") == 0 || strcmp(buf_text(&source), "?sig=second") == 0);
    }
    return NULL;
}

static void auth_renew_when_threads_use_it_then_each_gets_the_old_or_the_new_one_whole(void **state)
{
    (void)state;
    struct lf_error err;
    struct user users[4];
    CLEANUP(auth_free) struct auth *auth = NULL;
    const struct auth_options first = sas_options("sig=first");
    const struct auth_options second = sas_options("sig=second");
    assert_true(auth_new(&first, &auth, &err));
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        users[i] = (struct user){.auth = auth, .ok = true};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        assert_true(auth_renew(auth, i % 2 == 0 ? &second : &first, &err));
    }
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        assert_int_equal(pthread_join(users[i].thread, NULL), 0);
        assert_true(users[i].ok);
    }
}

static void auth_prepare_when_a_sas_ends_soon_then_one_warning_a_day(void **state)
{
    (void)state;
    struct lf_error err;
    int ends[2];
    char text[4096];
    assert_int_equal(pipe(ends), 0);
    CLEANUP(auth_free) struct auth *auth = NULL;
    CLEANUP(log_free) struct log *log = log_new(ends[1], LOG_JSON, LOG_INFO, &clock_of_test);
    struct auth_options options = sas_options("se=1994-11-08T08:49:37Z&sig=topsecret");
    options.log = log;
    options.place = "the file /etc/sas";
    assert_true(auth_new(&options, &auth, &err));
    for (int i = 0; i < 3; i++) {
        CLEANUP(attempt_done) struct attempt attempt;
        attempt_init(&attempt, "https://a.dfs.core.windows.net/fs/p");
        assert_true(auth_prepare(auth, &attempt.made, &err));
    }
    ssize_t len = read(ends[0], text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    char *second_line = strchr(text, '\n') + 1;
    assert_int_equal(*second_line, '\0');
    assert_non_null(strstr(text, "\"event\":\"sas_expires\",\"link\":\"shop\",\"expires\":\"1994-11-08T08:49:37.000Z\","
                                 "\"hours_left\":48,\"place\":\"the file /etc/sas\""));
    assert_null(strstr(text, "topsecret"));
    bool soon = false;
    assert_int_equal(auth_expires_ms(auth, &soon), now_us / 1000 + INT64_C(48) * 3600000);
    assert_true(soon);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void endpoint_when_plain_http_leaves_the_machine_then_config(void **state)
{
    (void)state;
    struct lf_error err;
    static const char *const fine[] = {
        "https://a.dfs.core.windows.net/x", "http://127.0.0.1:10000/a", "http://127.1.2.3/", "http://localhost:1/a",
        "HTTP://[::1]:10000/a?b@c",
    };
    static const char *const wrong[] = {
        "http://a.dfs.core.windows.net/x",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[2001:db8::1]/",
        "http://127.0.0.1@example.com/",
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "http://example.com\\@127.0.0.1/",
        "http:///x",
    };
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        assert_true(endpoint_check_private(fine[i], "a token", &err));
        assert_true(endpoint_check_platform(fine[i], "a token", &err));
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(endpoint_check_private(wrong[i], "a token", &err));
        assert_int_equal(err.kind, LF_CONFIG);
    }
    assert_true(endpoint_check_platform("http://169.254.169.254/metadata", "a token", &err));
    assert_true(endpoint_check_platform("http://172.16.1.4:8081/msi", "a token", &err));
    assert_false(endpoint_check_platform("http://172.32.1.4:8081/msi", "a token", &err));
    assert_false(endpoint_check_platform("http://8.8.8.8/msi", "a token", &err));
}

static void auth_prepare_when_a_sas_would_go_over_plain_http_then_config(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(auth_free) struct auth *auth = NULL;
    CLEANUP(attempt_done) struct attempt attempt;
    const struct auth_options options = sas_options("sig=topsecret");
    attempt_init(&attempt, "http://azurite.example:10000/a/fs");
    assert_true(auth_new(&options, &auth, &err));
    assert_false(auth_prepare(auth, &attempt.made, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_null(strstr(err.msg, "topsecret"));
    assert_null(strstr(buf_text(&attempt.url), "topsecret"));
}

static void auth_words_when_looked_up_then_their_kind(void **state)
{
    (void)state;
    enum auth_kind kind;
    enum auth_assertion assertion;
    assert_true(auth_kind_find("managed_identity", &kind));
    assert_int_equal(kind, AUTH_MANAGED_IDENTITY);
    assert_false(auth_kind_find("SAS", &kind));
    assert_true(auth_assertion_find("RS256", &assertion));
    assert_int_equal(assertion, AUTH_RS256);
    assert_string_equal(auth_assertion_word(AUTH_PS256), "PS256");
    assert_false(auth_assertion_find("ES256", &assertion));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auth_prepare_when_shared_key_then_date_and_signature),
        cmocka_unit_test(auth_new_when_a_key_is_missing_or_wrong_then_config),
        cmocka_unit_test(auth_prepare_when_sas_then_it_ends_the_url),
        cmocka_unit_test(auth_append_source_query_when_sas_then_it_with_its_mark_and_else_nothing),
        cmocka_unit_test(auth_renew_when_the_sas_was_replaced_then_the_new_one),
        cmocka_unit_test(auth_renew_when_threads_use_it_then_each_gets_the_old_or_the_new_one_whole),
        cmocka_unit_test(auth_prepare_when_a_sas_ends_soon_then_one_warning_a_day),
        cmocka_unit_test(endpoint_when_plain_http_leaves_the_machine_then_config),
        cmocka_unit_test(auth_prepare_when_a_sas_would_go_over_plain_http_then_config),
        cmocka_unit_test(auth_words_when_looked_up_then_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
