/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http_fixture.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A server of the test's own making: takes one connection, reads a first piece, sends the bytes and closes. */
struct script {
    struct fixture fixture; /* the folder and the path alone */
    int fd;
    pthread_t thread;
    const char *send;
    size_t repeat; /* how often */
    bool hold;     /* do not close before the client does */
    char received[4096];
};

static void *script_run(void *context)
{
    struct script *script = context;
    int fd = accept(script->fd, NULL, NULL);
    if (recv(fd, script->received, sizeof script->received - 1, 0) < 0) {
        script->received[0] = '\0';
    }
    for (size_t i = 0; i < script->repeat; i++) {
        fixture_send(fd, script->send);
    }
    char byte = 0;
    while (script->hold && recv(fd, &byte, 1, 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

static void script_start(struct script *script)
{
    script->fixture.folder = temp_folder_make();
    script->fixture.path = text_printf("%s/s", script->fixture.folder);
    script->repeat = script->repeat > 0 ? script->repeat : 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, script->fixture.path, strlen(script->fixture.path));
    script->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(script->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(script->fd, 1), 0);
    assert_int_equal(pthread_create(&script->thread, NULL, script_run, script), 0);
}

static void script_end(struct script *script)
{
    assert_int_equal(pthread_join(script->thread, NULL), 0);
    (void)close(script->fd);
    temp_folder_remove(&script->fixture.folder);
    text_free(&script->fixture.path);
}

static void call_when_nobody_ever_served_then_not_found(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_false(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_non_null(strstr(err.msg, fixture.path));
    text_free(&fixture.path);
    fixture.path = text_printf("%s/missing/folder/control.sock", fixture.folder);
    assert_false(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

/* Calls as a user to whom the modes of files mean something, and gives kind and message. */
static void call_without_rights(const struct fixture *fixture, struct lf_error *ret_err)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct lf_error err = {0};
        struct unix_http_reply reply = {0};
        bool ok = geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        if (!ok || fixture_call(fixture, "GET", "/x", 0, &reply, &err)) {
            err.kind = LF_NONE;
        }
        (void)!write(ends[1], &err, sizeof err);
        _exit(0);
    }
    assert_int_equal(read(ends[0], ret_err, sizeof *ret_err), sizeof *ret_err);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void call_when_no_right_to_the_socket_then_auth_with_the_group(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    struct httpd_options options = fixture_options(&fixture);
    options.mode = 0060;
    assert_true(httpd_open(&options, &fixture.httpd, &err));
    assert_int_equal(chmod(fixture.folder, 0755), 0);
    struct group *group = getgrgid(getegid());
    CLEANUP(text_free) char *name = group != NULL ? text_copy(group->gr_name) : text_printf("%u", getegid());
    CLEANUP(text_free) char *way = text_printf("join the group %s, or run this as the user ", name);
    call_without_rights(&fixture, &err);
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, fixture.path));
    assert_non_null(strstr(err.msg, way));
    assert_int_equal(chmod(fixture.path, 0000), 0); /* joining the group would not help */
    call_without_rights(&fixture, &err);
    assert_int_equal(err.kind, LF_AUTH);
    assert_null(strstr(err.msg, "group"));
    assert_non_null(strstr(err.msg, "run this as the user "));
}

static void call_when_no_right_to_the_folder_then_auth_with_the_folder(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    assert_int_equal(chmod(fixture.folder, 0000), 0);
    call_without_rights(&fixture, &err);
    assert_int_equal(chmod(fixture.folder, 0700), 0);
    CLEANUP(text_free) char *where = text_printf(" in the folder %s; run this as the user ", fixture.folder);
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, where));
}

static void call_when_the_server_ends_before_or_within_the_reply_then_transient(void **state)
{
    (void)state;
    static const char *const replies[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"};
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct script script = {.send = replies[i]};
        struct lf_error err = {0};
        struct unix_http_reply reply = {0};
        script_start(&script);
        bool ok = fixture_call(&script.fixture, "POST", "/links", 5, &reply, &err);
        assert_false(ok);
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_non_null(strstr(err.msg, "POST /links"));
        assert_null(reply.body.ptr);
        script_end(&script);
    }
}

static void call_when_the_time_is_over_then_transient(void **state)
{
    (void)state;
    struct lf_error err = {0};
    struct script script = {.send = "", .hold = true};
    script_start(&script);
    const struct unix_http_request request = {
        .socket_path = script.fixture.path, .method = "GET", .target = "/x", .timeout_ms = 50};
    struct unix_http_reply reply = {0};
    assert_false(unix_http_call(&request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "within 50 ms"));
    script_end(&script);
}

static void call_when_it_is_not_http_then_config(void **state)
{
    (void)state;
    struct lf_error err = {0};
    struct unix_http_reply reply = {0};
    struct script script = {.send = "220 mail.example.org ESMTP\r\n"};
    script_start(&script);
    assert_false(fixture_call(&script.fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    script_end(&script);
}

static void call_when_the_reply_is_over_64_mib_then_limit(void **state)
{
    (void)state;
    struct lf_error err = {0};
    struct unix_http_reply reply = {0};
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n"; /* the body ends with the connection */
    size_t len = (size_t)1 << 20;
    char *block = mem_new(len + 1, 1);
    memset(block, 'x', len);
    memcpy(block, head, sizeof head - 1);
    struct script script = {0};
    script.send = block;
    script.repeat = 65;
    script_start(&script);
    assert_false(fixture_call(&script.fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    script_end(&script);
    free(block);
}

static void call_when_proxies_are_in_the_environment_then_they_do_not_apply(void **state)
{
    (void)state;
    struct lf_error err;
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(setenv(names[i], "http://127.0.0.1:9", 1), 0);
    }
    struct script script = {.send = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
    script_start(&script);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&script.fixture, "GET", "/x?y=%2F", 0, &reply, &err));
    assert_int_equal(strncmp(script.received, "GET /x?y=%2F HTTP/1.1\r\n", 23), 0);
    script_end(&script);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(unsetenv(names[i]), 0);
    }
}

static void call_when_redirected_then_not_followed(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script = {
        .send = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nETag:  \"a b\" \r\nContent-Length: 0\r\n\r\n"};
    script_start(&script);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&script.fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(reply.status, 302);
    assert_string_equal(reply.header, "\"a b\"");
    script_end(&script);
}

static void call_when_the_header_is_absent_then_null(void **state)
{
    (void)state;
    struct lf_error err;
    struct script script = {.send = "HTTP/1.1 200 OK\r\nETag-Not: 1\r\nContent-Length: 0\r\n\r\n"};
    script_start(&script);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&script.fixture, "POST", "/x", 3, &reply, &err));
    assert_null(reply.header);
    assert_non_null(strstr(script.received, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(script.received, "Content-Length: 3\r\n"));
    script_end(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_when_nobody_ever_served_then_not_found),
        cmocka_unit_test(call_when_no_right_to_the_socket_then_auth_with_the_group),
        cmocka_unit_test(call_when_no_right_to_the_folder_then_auth_with_the_folder),
        cmocka_unit_test(call_when_the_server_ends_before_or_within_the_reply_then_transient),
        cmocka_unit_test(call_when_the_time_is_over_then_transient),
        cmocka_unit_test(call_when_it_is_not_http_then_config),
        cmocka_unit_test(call_when_the_reply_is_over_64_mib_then_limit),
        cmocka_unit_test(call_when_proxies_are_in_the_environment_then_they_do_not_apply),
        cmocka_unit_test(call_when_redirected_then_not_followed),
        cmocka_unit_test(call_when_the_header_is_absent_then_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
