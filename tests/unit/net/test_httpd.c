/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http_fixture.h"

#include <errno.h>
#include <poll.h>

#define CLIENTS 64

/* ── answers ── */

static void request_when_answered_in_the_handler_then_the_reply_is_whole(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "PUT", "/links/a%2Fb?x&q=1%2b1%20%26", 17, &reply, &err));
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.header, "\"7\"");
    assert_string_equal(buf_text(&reply.body), "PUT /links/a%2Fb q=1+1 & 17");
}

static void request_when_any_method_then_the_handlers_business(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
        CLEANUP(text_free) char *expected = text_printf("%s /x q=none 0", methods[i]);
        assert_true(fixture_call(&fixture, methods[i], "/x", 0, &reply, &err));
        assert_string_equal(buf_text(&reply.body), expected);
    }
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "HEAD", "/x", 0, &reply, &err));
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.len, 0);
    assert_string_equal(reply.header, "\"7\"");
}

struct client {
    struct fixture *fixture;
    const char *target;
    pthread_t thread;
    bool ok;
    struct unix_http_reply reply;
    struct lf_error err;
};

static void *client_run(void *context)
{
    struct client *client = context;
    client->ok = fixture_call(client->fixture, "GET", client->target, 0, &client->reply, &client->err);
    return NULL;
}

static void client_start(struct client *client, struct fixture *fixture, const char *target)
{
    *client = (struct client){.fixture = fixture, .target = target};
    assert_int_equal(pthread_create(&client->thread, NULL, client_run, client), 0);
}

static void client_join(struct client *client)
{
    assert_int_equal(pthread_join(client->thread, NULL), 0);
}

static void request_when_answered_later_by_another_thread_then_the_reply_comes(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    struct client client;
    client_start(&client, &fixture, "/hold?q=a");
    struct httpd_request *request = fixture_take(&fixture);
    assert_string_equal(httpd_request_query(request, "q"), "a");
    /* Others are served meanwhile. */
    CLEANUP(unix_http_reply_done) struct unix_http_reply other = {0};
    assert_true(fixture_call(&fixture, "GET", "/now", 0, &other, &err));
    httpd_answer(request, 202, NULL, 0, "later", 5);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.status, 202);
    assert_string_equal(buf_text(&client.reply.body), "later");
    unix_http_reply_done(&client.reply);
}

static void request_when_the_handler_is_slower_than_the_idle_timeout_then_answered(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open_with(&fixture, 0, 1);
    struct client client;
    client_start(&client, &fixture, "/hold");
    struct httpd_request *request = fixture_take(&fixture);
    /* An idle connection shows that the time is over: the server closes it. */
    CLEANUP(fd_close) int idle = fixture_connect(&fixture);
    CLEANUP(buf_done) struct buf nothing = {0};
    fixture_send(idle, "GET /half HTTP/1.1\r\nHo");
    fixture_read_all(idle, &nothing);
    httpd_answer(request, 200, NULL, 0, "x", 1);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.status, 200);
    unix_http_reply_done(&client.reply);
}

static void answer_when_large_then_whole(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    struct client client;
    client_start(&client, &fixture, "/hold");
    struct httpd_request *request = fixture_take(&fixture);
    size_t len = (size_t)8 << 20;
    char *body = malloc(len);
    assert_non_null(body);
    for (size_t i = 0; i < len; i++) {
        body[i] = (char)('a' + i % 23);
    }
    httpd_answer(request, 200, NULL, 0, body, len);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.body.len, len);
    assert_memory_equal(client.reply.body.ptr, body, len);
    free(body);
    unix_http_reply_done(&client.reply);
}

static void answer_when_a_header_cannot_be_carried_then_500(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    struct client client;
    client_start(&client, &fixture, "/hold");
    const struct httpd_header header = {"X-Name", "a\r\nX-Other: b"};
    httpd_answer(fixture_take(&fixture), 200, &header, 1, "x", 1);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.status, 500);
    assert_non_null(strstr(buf_text(&client.reply.body), "\"kind\":\"INTERNAL\""));
    unix_http_reply_done(&client.reply);
}

/* ── clients ── */

static void client_when_gone_before_the_answer_then_its_place_is_free_and_the_answer_harmless(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open_with(&fixture, 1, 0);
    int fd = fixture_connect(&fixture);
    fixture_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    struct httpd_request *request = fixture_take(&fixture);
    (void)close(fd);
    /* The only place: this is served once the server has seen that the first client is gone. */
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/next", 0, &reply, &err));
    assert_string_equal(httpd_request_path(request), "/hold");
    httpd_answer(request, 200, NULL, 0, "too late", 8);
    CLEANUP(unix_http_reply_done) struct unix_http_reply again = {0};
    assert_true(fixture_call(&fixture, "GET", "/next", 0, &again, &err));
}

static void client_when_gone_and_answered_at_once_then_harmless(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    for (int i = 0; i < 20; i++) {
        int fd = fixture_connect(&fixture);
        fixture_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        struct httpd_request *request = fixture_take(&fixture);
        (void)close(fd);
        httpd_answer(request, 200, NULL, 0, "x", 1);
    }
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/next", 0, &reply, &err));
}

static void client_when_it_ends_its_sending_then_still_answered(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(fd_close) int fd = fixture_connect(&fixture);
    fixture_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    httpd_answer(fixture_take(&fixture), 200, NULL, 0, "answer", 6);
    CLEANUP(buf_done) struct buf out = {0};
    fixture_read_all(fd, &out);
    assert_non_null(strstr(buf_text(&out), "\r\n\r\nanswer"));
}

static void clients_when_64_at_once_then_all_are_answered(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    static struct client clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        client_start(&clients[i], &fixture, "/hold");
    }
    struct httpd_request *requests[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) { /* all are with the handler at the same time */
        requests[i] = fixture_take(&fixture);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        httpd_answer(requests[i], 200, NULL, 0, "x", 1);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_join(&clients[i]);
        assert_true(clients[i].ok);
        assert_int_equal(clients[i].reply.status, 200);
        unix_http_reply_done(&clients[i].reply);
    }
}

static void client_when_all_places_are_taken_then_it_waits_for_one(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open_with(&fixture, 2, 0);
    struct client clients[3];
    client_start(&clients[0], &fixture, "/hold");
    struct httpd_request *first = fixture_take(&fixture);
    client_start(&clients[1], &fixture, "/hold");
    struct httpd_request *second = fixture_take(&fixture);
    client_start(&clients[2], &fixture, "/third");
    httpd_answer(first, 200, NULL, 0, "1", 1);
    client_join(&clients[0]);
    client_join(&clients[2]);
    assert_true(clients[2].ok);
    assert_int_equal(clients[2].reply.status, 200);
    httpd_answer(second, 200, NULL, 0, "2", 1);
    client_join(&clients[1]);
    for (size_t i = 0; i < 3; i++) {
        unix_http_reply_done(&clients[i].reply);
    }
}

static void client_when_it_pipelines_then_answered_in_order(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(fd_close) int fd = fixture_connect(&fixture);
    fixture_send(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    httpd_answer(fixture_take(&fixture), 200, NULL, 0, "second", 6);
    CLEANUP(buf_done) struct buf out = {0};
    fixture_read_all(fd, &out);
    const char *text = buf_text(&out);
    const char *first = strstr(text, "GET /1 ");
    assert_non_null(first);
    const char *second = strstr(first, "second");
    assert_non_null(second);
    assert_non_null(strstr(second, "GET /3 "));
}

static void client_when_garbage_follows_a_request_then_that_is_answered_and_the_garbage_refused(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(fd_close) int fd = fixture_connect(&fixture);
    fixture_send(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n\x01\x02 garbage\r\n\r\n\r\n\xff\xfe\r\n\r\n");
    CLEANUP(buf_done) struct buf out = {0};
    fixture_read_all(fd, &out);
    assert_int_equal(count_of(buf_text(&out), "HTTP/1.1 200 "), 1);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/next", 0, &reply, &err));
}

static void client_when_silent_then_closed_after_the_timeout(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open_with(&fixture, 0, 1);
    CLEANUP(fd_close) int fd = fixture_connect(&fixture);
    CLEANUP(buf_done) struct buf out = {0};
    fixture_read_all(fd, &out); /* returns */
    assert_int_equal(count_of(buf_text(&out), "200 OK"), 0);
}

/* ── bodies and queries ── */

static void body_when_at_the_limit_then_taken_and_beyond_then_413(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    static const struct {
        size_t len;
        unsigned status;
    } examples[] = {{TEST_BODY_MAX, 200}, {TEST_BODY_MAX + 1, 413}, {(size_t)3 << 20, 413}};
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
        assert_true(fixture_call(&fixture, "POST", "/x", examples[i].len, &reply, &err));
        assert_int_equal(reply.status, examples[i].status);
        if (examples[i].status == 413) {
            assert_string_equal(buf_text(&reply.body),
                                "{\"kind\":\"LIMIT\",\"message\":\"the body of the request is over the limit of 1000 "
                                "bytes\"}");
        }
    }
}

static void body_when_in_chunks_then_joined(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(fd_close) int fd = fixture_connect(&fixture);
    fixture_send(fd, "POST /hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    struct httpd_request *request = fixture_take(&fixture);
    struct lf_slice body = httpd_request_body(request);
    assert_int_equal(body.len, 11);
    assert_memory_equal(body.ptr, "hello world", 11);
    httpd_answer(request, 204, NULL, 0, NULL, 0);
    CLEANUP(buf_done) struct buf out = {0};
    fixture_read_all(fd, &out);
    assert_non_null(strstr(buf_text(&out), " 204 "));
}

static void query_when_it_holds_an_encoded_nul_then_400(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/x?q=a%00b", 0, &reply, &err));
    assert_int_equal(reply.status, 400);
}

/* ── the end ── */

static void close_when_requests_are_open_then_503_and_a_later_answer_is_harmless(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    struct client client;
    client_start(&client, &fixture, "/hold");
    struct httpd_request *request = fixture_take(&fixture);
    fixture_end(&fixture);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.status, 503);
    unix_http_reply_done(&client.reply);
    assert_int_equal(access(fixture.path, F_OK), -1);
    loop_free(&fixture.loop);
    httpd_answer(request, 200, NULL, 0, "x", 1);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_false(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

static void answer_and_close(void *context)
{
    struct fixture *fixture = context;
    httpd_answer(fixture_take(fixture), 200, NULL, 0, "last", 4);
    httpd_close(&fixture->httpd);
}

static void close_when_an_answer_was_just_given_then_it_is_sent(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_open(&fixture);
    struct client client;
    client_start(&client, &fixture, "/hold");
    pthread_mutex_lock(&fixture.mutex);
    while (fixture.nheld == 0) {
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    }
    pthread_mutex_unlock(&fixture.mutex);
    loop_post(fixture.loop, answer_and_close, &fixture);
    client_join(&client);
    assert_true(client.ok);
    assert_int_equal(client.reply.status, 200);
    assert_string_equal(buf_text(&client.reply.body), "last");
    unix_http_reply_done(&client.reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_when_answered_in_the_handler_then_the_reply_is_whole),
        cmocka_unit_test(request_when_any_method_then_the_handlers_business),
        cmocka_unit_test(request_when_answered_later_by_another_thread_then_the_reply_comes),
        cmocka_unit_test(request_when_the_handler_is_slower_than_the_idle_timeout_then_answered),
        cmocka_unit_test(answer_when_large_then_whole),
        cmocka_unit_test(answer_when_a_header_cannot_be_carried_then_500),
        cmocka_unit_test(client_when_gone_before_the_answer_then_its_place_is_free_and_the_answer_harmless),
        cmocka_unit_test(client_when_gone_and_answered_at_once_then_harmless),
        cmocka_unit_test(client_when_it_ends_its_sending_then_still_answered),
        cmocka_unit_test(clients_when_64_at_once_then_all_are_answered),
        cmocka_unit_test(client_when_all_places_are_taken_then_it_waits_for_one),
        cmocka_unit_test(client_when_it_pipelines_then_answered_in_order),
        cmocka_unit_test(client_when_garbage_follows_a_request_then_that_is_answered_and_the_garbage_refused),
        cmocka_unit_test(client_when_silent_then_closed_after_the_timeout),
        cmocka_unit_test(body_when_at_the_limit_then_taken_and_beyond_then_413),
        cmocka_unit_test(body_when_in_chunks_then_joined),
        cmocka_unit_test(query_when_it_holds_an_encoded_nul_then_400),
        cmocka_unit_test(close_when_requests_are_open_then_503_and_a_later_answer_is_harmless),
        cmocka_unit_test(close_when_an_answer_was_just_given_then_it_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
