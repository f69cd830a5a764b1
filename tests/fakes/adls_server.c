/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/adls_server.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCOUNT "lakeaccount"
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ARGUMENTS_MAX 24
#define ANSWER_MAX ((size_t)64 << 20)

struct adls_server {
    pid_t pid;
    unsigned port;
    char *endpoint;
    struct http *http;
    struct auth *auth;
    unsigned filesystems, leases;
    char filesystem[32];
};

static void must(bool ok, const struct lf_error *err)
{
    if (!ok) {
        fail_msg("%s: %s", lf_error_kind_name(err->kind), err->msg);
    }
}

static pid_t spawn(const char *const *arguments, int output)
{
    const char *argv[ARGUMENTS_MAX] = {"python3", LAKEFEED_ADLS_SERVER, "--port", "0", "--account", ACCOUNT, "--key",
                                       KEY,       "--clock-control"};
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    for (; arguments != NULL && *arguments != NULL; arguments++) {
        assert_true(count + 1 < ARGUMENTS_MAX);
        argv[count++] = *arguments;
    }
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* A test that is killed takes its server with it. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(output, 1) >= 0) {
            (void)execvp(argv[0], (char *const *)argv);
        }
        _exit(127);
    }
    return pid;
}

/* The server prints its port as soon as it listens. */
static unsigned read_port(int fd)
{
    char text[32];
    size_t len = 0;
    while (len + 1 < sizeof text) {
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        if (text[len - 1] == '\n') {
            break;
        }
    }
    text[len] = '\0';
    unsigned long port = strtoul(text, NULL, 10);
    if (port == 0) {
        fail_msg("the server did not start");
    }
    return (unsigned)port;
}

struct adls_server *adls_server_start(const char *const *arguments)
{
    struct lf_error err = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct adls_server *server = mem_new(1, sizeof *server);
    server->pid = spawn(arguments, ends[1]);
    (void)close(ends[1]);
    server->port = read_port(ends[0]);
    (void)close(ends[0]);
    server->endpoint = text_printf("http://127.0.0.1:%u/" ACCOUNT, server->port);
    must(http_new(&(struct http_options){.proxy = ""}, &server->http, &err), &err);
    const struct auth_options options = {.kind = AUTH_SHARED_KEY, .http = server->http, .account = ACCOUNT, .key = KEY};
    must(auth_new(&options, &server->auth, &err), &err);
    adls_server_next_filesystem(server, true);
    return server;
}

void adls_server_stop(struct adls_server **server)
{
    auth_free(&(*server)->auth);
    http_free(&(*server)->http);
    (void)kill((*server)->pid, SIGKILL);
    (void)waitpid((*server)->pid, NULL, 0);
    text_free(&(*server)->endpoint);
    free(*server);
    *server = NULL;
}

struct http *adls_server_http(struct adls_server *server)
{
    return server->http;
}

struct auth *adls_server_auth(struct adls_server *server)
{
    return server->auth;
}

const char *adls_server_endpoint(const struct adls_server *server)
{
    return server->endpoint;
}

const char *adls_server_filesystem(const struct adls_server *server)
{
    return server->filesystem;
}

void adls_server_next_filesystem(struct adls_server *server, bool make)
{
    (void)snprintf(server->filesystem, sizeof server->filesystem, "fs-%u", ++server->filesystems);
    if (make) {
        struct lf_error err = {0};
        struct http_reply reply = {0};
        struct http_headers *headers = http_headers_new();
        char *url = text_printf("%s/%s?resource=filesystem", server->endpoint, server->filesystem);
        http_headers_set(headers, "x-ms-version", "2024-11-04");
        const struct http_request request = {.method = HTTP_PUT,
                                             .url = url,
                                             .headers = headers,
                                             .prepare = auth_prepare,
                                             .prepare_context = server->auth};
        must(http_call(server->http, &request, &reply, &err), &err);
        assert_int_equal(reply.status, 201);
        http_reply_done(&reply);
        http_headers_free(&headers);
        text_free(&url);
    }
}

struct lake *adls_server_open(struct adls_server *server, const char *prefix, const struct adls_options *options)
{
    struct adls_options all = options != NULL ? *options : (struct adls_options){0};
    struct lf_error err = {0};
    struct lake *lake = NULL;
    struct adls_place place;
    char lease_id[40];
    char *url = text_printf("%s/%s/%s", server->endpoint, server->filesystem, prefix);
    must(adls_place_parse(url, NULL, &place, &err), &err);
    (void)snprintf(lease_id, sizeof lease_id, "%08x-0000-4000-8000-%012x", (unsigned)getpid(), ++server->leases);
    all.place = all.place.dfs != NULL ? all.place : place;
    all.http = all.http != NULL ? all.http : server->http;
    all.auth = all.auth != NULL ? all.auth : server->auth;
    all.link = all.link != NULL ? all.link : "shop";
    all.scratch = all.scratch != NULL ? all.scratch : "/tmp";
    all.lease_id = all.lease_id != NULL ? all.lease_id : lease_id;
    must(lake_adls_open(&all, &lake, &err), &err);
    adls_place_done(&place);
    text_free(&url);
    return lake;
}

char *adls_server_control(struct adls_server *server, const char *verb, const char *json)
{
    struct lf_error err = {0};
    struct http_reply reply = {0};
    struct buf answer = {.max = ANSWER_MAX + 1};
    char *url = text_printf("http://127.0.0.1:%u/__control/%s", server->port, verb);
    const struct http_request request = {.method = HTTP_POST,
                                         .url = url,
                                         .body = {.ptr = json, .bytes = strlen(json)},
                                         .repeat = strcmp(verb, "clock") == 0 ? HTTP_ONCE : HTTP_REPEAT,
                                         .sink_buf = &answer,
                                         .sink_size = ANSWER_MAX};
    must(http_call(server->http, &request, &reply, &err), &err);
    if (reply.status != 200) {
        fail_msg("%s %s: %u %s", verb, json, reply.status, buf_text(&reply.text));
    }
    http_reply_done(&reply);
    text_free(&url);
    return answer.ptr != NULL ? answer.ptr : text_copy("");
}

static int64_t read_number(const char *text, const char *name)
{
    struct lf_error err = {0};
    struct json *root = NULL;
    int64_t number = 0;
    must(json_parse("answer", text, strlen(text), &root, &err), &err);
    assert_true(json_int(json_member(root, name), &number));
    json_free(&root);
    return number;
}

unsigned adls_server_count(struct adls_server *server, const char *operation)
{
    CLEANUP(text_free)
    char *json = operation != NULL ? text_printf("{\"match\":{\"operation\":\"%s\"}}", operation) : text_copy("{}");
    CLEANUP(text_free) char *answer = adls_server_control(server, "count", json);
    return (unsigned)read_number(answer, "count");
}

static void control(struct adls_server *server, const char *verb, const char *json)
{
    char *answer = adls_server_control(server, verb, json);
    text_free(&answer);
}

void adls_server_clear(struct adls_server *server)
{
    control(server, "reset", "{\"what\":[\"faults\",\"requests\",\"clock\"]}");
}

void adls_server_fault(struct adls_server *server, const char *operation, unsigned nth, const char *action)
{
    CLEANUP(text_free)
    char *which = operation != NULL ? text_printf("\"operation\":\"%s\",", operation) : text_copy("");
    CLEANUP(text_free) char *json = text_printf("{\"rules\":[{%s\"nth\":%u,\"do\":%s}]}", which, nth, action);
    control(server, "faults", json);
}

unsigned adls_server_fired(struct adls_server *server)
{
    CLEANUP(text_free) char *answer = adls_server_control(server, "faults", "");
    struct lf_error err = {0};
    struct json *root = NULL;
    int64_t all = 0;
    must(json_parse("answer", answer, strlen(answer), &root, &err), &err);
    for (const struct json *rule = json_first(json_member(root, "rules")); rule != NULL; rule = json_next(rule)) {
        int64_t fired = 0;
        assert_true(json_int(json_member(rule, "fired"), &fired));
        all += fired;
    }
    json_free(&root);
    return (unsigned)all;
}

void adls_server_advance(struct adls_server *server, int seconds)
{
    CLEANUP(text_free) char *json = text_printf("{\"advance\":%d}", seconds);
    control(server, "clock", json);
}
