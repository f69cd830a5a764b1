/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways to the server: proxies, and TLS with certificates made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "fakes/temp_folder.h"
#include "unit/net/http_world.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

/* ── proxies ── */

static void world_open_by_proxy(struct world *world, const struct step *steps, size_t nsteps)
{
    struct lf_error err;
    script_open(&world->script, steps, nsteps);
    CLEANUP(text_free) char *proxy = text_printf("http://user:secret@127.0.0.1:%u", world->script.port);
    assert_true(http_new(&(struct http_options){.proxy = proxy}, &world->http, &err));
    world->url = text_printf("http://lake.invalid/fs");
}

static void call_when_there_is_a_proxy_then_by_it_but_not_when_direct(void **state)
{
    (void)state;
    struct world world;
    world_open_by_proxy(&world, NULL, 0);
    struct http_request request = a_request(&world, HTTP_GET);
    request.direct = false;
    struct lf_error err;
    struct http_reply reply;
    assert_true(http_call(world.http, &request, &reply, &err));
    http_reply_done(&reply);
    assert_non_null(strstr(head_of(&world, 0), "GET http://lake.invalid/fs HTTP/1.1"));
    request.direct = true;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(http_was_sent(&err));
    assert_int_equal(script_requests(&world.script), 1);
    world_close(&world);
}

static void call_when_the_host_is_in_no_proxy_then_not_by_the_proxy(void **state)
{
    (void)state;
    struct world world;
    assert_int_equal(setenv("no_proxy", "other.example,127.0.0.1", 1), 0);
    world_open_by_proxy(&world, NULL, 0);
    text_free(&world.url);
    world.url = text_printf("http://127.0.0.1:%u/fs", world.script.port);
    struct http_request request = a_request(&world, HTTP_GET);
    request.direct = false;
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    bool ok = http_call(world.http, &request, &reply, &err);
    assert_int_equal(unsetenv("no_proxy"), 0);
    assert_true(ok);
    assert_non_null(strstr(head_of(&world, 0), "GET /fs HTTP/1.1"));
    world_close(&world);
}

static void call_when_the_proxy_refuses_the_tunnel_then_auth_without_its_password(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_LAST, "HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n"}};
    world_open_by_proxy(&world, steps, ARRAY_LEN(steps));
    struct http_request request = a_request(&world, HTTP_PUT);
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "Authorization", "Bearer of-the-lake");
    request.headers = headers;
    request.url = "https://lake.invalid/fs?sig=secret";
    request.direct = false;
    request.patience_ms = 20000;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, "407"));
    assert_null(strstr(err.msg, "secret"));
    assert_false(http_was_sent(&err));
    assert_non_null(strstr(head_of(&world, 0), "CONNECT lake.invalid:443"));
    assert_null(strstr(head_of(&world, 0), "of-the-lake"));
    assert_int_equal(script_requests(&world.script), 1);
    world_close(&world);
}

/* ── TLS ── */

#define ARGUMENTS_MAX 24

static pid_t spawn(const char *const *arguments, int *ret_out)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/zero", O_RDONLY, 0), 0);
    char *words[ARGUMENTS_MAX] = {NULL};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        words[i] = text_copy(arguments[i]);
    }
    pid_t child = 0;
    assert_int_equal(posix_spawnp(&child, words[0], &actions, NULL, words, environ), 0);
    for (size_t i = 0; words[i] != NULL; i++) {
        text_free(&words[i]);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    *ret_out = ends[0];
    return child;
}

static void make_certificate(const char *folder, const char *name, const char *alternative)
{
    CLEANUP(text_free) char *key = text_printf("%s/%s.key", folder, name);
    CLEANUP(text_free) char *certificate = text_printf("%s/%s.pem", folder, name);
    CLEANUP(text_free) char *extension = text_printf("subjectAltName=%s", alternative);
    const char *const arguments[] = {
        "openssl", "req",   "-x509", "-newkey",   "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-days", "2",     "-subj",     "/CN=test", "-addext",  extension,
        "-keyout", key,     "-out",  certificate, NULL};
    int out = -1;
    pid_t child = spawn(arguments, &out);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(out);
}

struct server {
    pid_t child;
    int out;
    char *url;
};

static void server_open(struct server *server, const char *folder, const char *name, const char *protocol)
{
    CLEANUP(text_free) char *key = text_printf("%s/%s.key", folder, name);
    CLEANUP(text_free) char *certificate = text_printf("%s/%s.pem", folder, name);
    const char *const arguments[] = {
        "openssl", "s_server", "-accept", "127.0.0.1:0",         "-cert",  certificate, "-key",
        key,       "-www",     "-cipher", "DEFAULT:@SECLEVEL=0", protocol, NULL};
    server->child = spawn(arguments, &server->out);
    char text[512] = {0};
    unsigned port = 0;
    for (size_t len = 0; port == 0;) { /* "ACCEPT 127.0.0.1:<port>" on a line of its own */
        ssize_t n = read(server->out, text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        const char *accepts = strstr(text, "ACCEPT 127.0.0.1:");
        if (accepts != NULL && strchr(accepts, '\n') != NULL) {
            port = (unsigned)strtoul(strchr(accepts, ':') + 1, NULL, 10);
        }
    }
    server->url = text_printf("https://127.0.0.1:%u/", port);
}

static void server_close(struct server *server)
{
    (void)kill(server->child, SIGKILL);
    (void)waitpid(server->child, NULL, 0);
    (void)close(server->out);
    text_free(&server->url);
}

static bool get(const char *ca_file, const struct server *server, struct lf_error *err)
{
    CLEANUP(http_free) struct http *http = NULL;
    assert_true(http_new(&(struct http_options){.ca_file = ca_file}, &http, err));
    const struct http_request request = {
        .method = HTTP_GET, .url = server->url, .direct = true, .repeat = HTTP_REPEAT, .patience_ms = 300};
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    return http_call(http, &request, &reply, err) && reply.status == 200;
}

static void call_when_the_certificate_is_checked_then_only_that_of_the_right_ca_and_host_passes(void **state)
{
    (void)state;
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    make_certificate(folder, "right", "IP:127.0.0.1");
    make_certificate(folder, "other", "DNS:other.example");
    CLEANUP(text_free) char *right = text_printf("%s/right.pem", folder);
    CLEANUP(text_free) char *other = text_printf("%s/other.pem", folder);
    struct lf_error err;
    struct server server;
    server_open(&server, folder, "right", "-tls1_2");
    assert_true(get(right, &server, &err));
    assert_false(get(NULL, &server, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, "certificate"));
    assert_false(http_was_sent(&err));
    assert_false(get(other, &server, &err));
    assert_int_equal(err.kind, LF_AUTH);
    server_close(&server);
    server_open(&server, folder, "other", "-tls1_3");
    assert_false(get(other, &server, &err));
    assert_int_equal(err.kind, LF_AUTH);
    server_close(&server);
}

static void call_when_the_server_only_speaks_old_tls_then_refused(void **state)
{
    (void)state;
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    make_certificate(folder, "right", "IP:127.0.0.1");
    CLEANUP(text_free) char *right = text_printf("%s/right.pem", folder);
    struct lf_error err;
    struct server server;
    server_open(&server, folder, "right", "-tls1_1");
    assert_false(get(right, &server, &err));
    assert_non_null(strstr(err.msg, "TLS"));
    assert_false(http_was_sent(&err));
    server_close(&server);
}

int main(void)
{
    static const char *const variables[] = {"http_proxy",  "https_proxy", "no_proxy", "all_proxy",
                                            "HTTPS_PROXY", "NO_PROXY",    "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        (void)unsetenv(variables[i]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_when_there_is_a_proxy_then_by_it_but_not_when_direct),
        cmocka_unit_test(call_when_the_host_is_in_no_proxy_then_not_by_the_proxy),
        cmocka_unit_test(call_when_the_proxy_refuses_the_tunnel_then_auth_without_its_password),
        cmocka_unit_test(call_when_the_certificate_is_checked_then_only_that_of_the_right_ca_and_host_passes),
        cmocka_unit_test(call_when_the_server_only_speaks_old_tls_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
