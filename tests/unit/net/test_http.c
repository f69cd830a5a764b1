/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/macros.h"
#include "net/http.h"
#include "unit/net/http_world.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

/* ── what is sent ── */

static void get_when_answered_then_sink_and_headers_are_filled(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {
        {STEP_ANSWER,
         "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\neTag:  \"7\" \r\nX-Two: a\r\nX-Two: b\r\n\r\nhello"}};
    world_open(&world, steps, 1);
    char sink[8] = {0};
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink = sink;
    request.sink_size = sizeof sink;
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 206);
    assert_int_equal(reply.bytes, 5);
    assert_string_equal(sink, "hello");
    assert_string_equal(http_headers_get(reply.headers, "ETag"), "\"7\"");
    assert_string_equal(http_headers_get(reply.headers, "x-two"), "a");
    assert_int_equal(http_headers_count(reply.headers), 4);
    assert_int_equal(reply.tries, 1);
    assert_false(reply.was_repeated_blindly);
    world_close(&world);
}

static void send_when_no_header_is_given_then_nothing_of_curls_choosing_goes(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *line, *length;
    } rows[] = {{HTTP_GET, "GET ", NULL},  {HTTP_HEAD, "HEAD ", NULL},  {HTTP_PUT, "PUT ", "0"},
                {HTTP_POST, "POST ", "0"}, {HTTP_PATCH, "PATCH ", "0"}, {HTTP_DELETE, "DELETE ", "0"}};
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, SCRIPT_OK},
                                        {STEP_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"}};
    world_open(&world, steps, ARRAY_LEN(steps));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = a_request(&world, rows[i].method);
        struct lf_error err;
        CLEANUP(http_reply_done) struct http_reply reply = {0};
        assert_true(http_call(world.http, &request, &reply, &err));
        const char *head = head_of(&world, i);
        CLEANUP(text_free)
        char *expected =
            rows[i].length == NULL
                ? text_printf(
                      "%s/fs/a%%20file?sig=secret HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: lakefeed/%s\r\n\r\n",
                      rows[i].line, world.script.port, LAKEFEED_VERSION)
                : text_printf("%s/fs/a%%20file?sig=secret HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: lakefeed/%s\r\n"
                              "Content-Length: %s\r\n\r\n",
                              rows[i].line, world.script.port, LAKEFEED_VERSION, rows[i].length);
        assert_string_equal(head, expected);
    }
    world_close(&world);
}

static void send_when_headers_are_given_then_they_go_as_they_are(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "x-ms-empty", "");
    http_headers_set(headers, "Content-Type", "text/csv");
    http_headers_set(headers, "Accept", "*/*");
    http_headers_set(headers, "user-agent", "other");
    http_headers_set(headers, "Content-Length", "99");
    struct http_request request = a_request(&world, HTTP_PUT);
    request.headers = headers;
    request.body = (struct http_body){.ptr = "abc", .bytes = 3};
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    const char *head = head_of(&world, 0);
    assert_true(has_line(head, "x-ms-empty:"));
    assert_true(has_line(head, "Content-Type: text/csv"));
    assert_true(has_line(head, "Accept: */*"));
    assert_true(has_line(head, "user-agent: other"));
    assert_true(has_line(head, "Content-Length: 3"));
    assert_null(strstr(head, "User-Agent"));
    assert_null(strstr(head, "99"));
    world_close(&world);
}

static void send_when_a_header_holds_a_line_end_then_refused_without_its_value(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "Authorization", "secret\r\nX-Other: 1");
    struct http_request request = a_request(&world, HTTP_PUT);
    request.headers = headers;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(http_was_sent(&err));
    assert_non_null(strstr(err.msg, "Authorization"));
    assert_null(strstr(err.msg, "secret"));
    assert_int_equal(script_requests(&world.script), 0);
    world_close(&world);
}

static uint64_t sum_of(const unsigned char *bytes, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = sum * 31 + bytes[i];
    }
    return sum;
}

static void check_body(size_t len, bool from_file, bool expects)
{
    struct world world;
    world_open(&world, NULL, 0);
    unsigned char *bytes = mem_new(1, len + 10);
    for (size_t i = 0; i < len + 10; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    }
    struct lf_error err;
    CLEANUP(fd_close) int fd = -1;
    assert_true(file_open_temp("/tmp", &fd, &err));
    assert_true(file_write_all(fd, bytes, len + 10, "a file", &err));
    struct http_request request = a_request(&world, HTTP_PATCH);
    request.body = (struct http_body){.ptr = from_file ? NULL : bytes + 5, .fd = fd, .offset = 5, .bytes = len};
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(world.script.body_bytes[0], len);
    assert_true(world.script.body_sums[0] == sum_of(bytes + 5, len));
    assert_int_equal(has_line(head_of(&world, 0), "Expect: 100-continue"), expects);
    assert_null(script_find(head_of(&world, 0), "Transfer-Encoding"));
    free(bytes);
    world_close(&world);
}

static void send_when_bodies_of_all_sizes_then_they_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 65536, (1 << 20), (1 << 20) + 1, (4 << 20) + 3};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        check_body(sizes[i], false, sizes[i] > 1 << 20);
        check_body(sizes[i], true, sizes[i] > 1 << 20);
    }
}

static void send_when_the_file_of_the_body_is_too_short_then_that_is_said(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    struct lf_error err;
    CLEANUP(fd_close) int fd = -1;
    assert_true(file_open_temp("/tmp", &fd, &err));
    struct http_request request = a_request(&world, HTTP_PUT);
    request.body = (struct http_body){.fd = fd, .bytes = 10};
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    assert_false(http_was_sent(&err));
    world_close(&world);
}

/* ── what comes back ── */

static void get_when_the_answer_is_longer_than_the_sink_then_a_limit(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    char sink[1];
    CLEANUP(buf_done) struct buf text = {0};
    struct http_request request = a_request(&world, HTTP_GET);
    struct lf_error err;
    struct http_reply reply;
    request.sink = sink;
    request.sink_size = 1;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    request.sink = NULL;
    request.sink_buf = &text;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    world_close(&world);
}

static void get_when_refused_then_the_text_is_kept_and_the_sink_left_alone(void **state)
{
    (void)state;
    struct world world;
    CLEANUP(buf_done) struct buf answer = {0};
    buf_printf(&answer, "HTTP/1.1 404 Not Found\r\nContent-Length: 10000\r\nx-ms-error-code: PathNotFound\r\n\r\n");
    for (size_t i = 0; i < 10000; i++) {
        buf_append_char(&answer, 'e');
    }
    const struct step steps[] = {{STEP_ANSWER, buf_text(&answer)}};
    world_open(&world, steps, 1);
    CLEANUP(buf_done) struct buf text = {0};
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink_buf = &text;
    request.sink_size = 100;
    struct lf_error err;
    for (unsigned i = 0; i < 2; i++) { /* the second one on the same connection */
        CLEANUP(http_reply_done) struct http_reply reply = {0};
        assert_true(http_call(world.http, &request, &reply, &err));
        assert_int_equal(reply.status, i == 0 ? 404 : 200);
        assert_int_equal(reply.text.len, i == 0 ? HTTP_TEXT_MAX : 0);
        assert_string_equal(buf_text(&text), i == 0 ? "" : "ok");
    }
    assert_int_equal(script_connections(&world.script), 1);
    world_close(&world);
}

static void get_when_the_answer_breaks_off_then_transient_and_no_query_in_the_message(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_LAST, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}};
    world_open(&world, steps, 1);
    char sink[16];
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink = sink;
    request.sink_size = sizeof sink;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(http_was_sent(&err));
    assert_non_null(strstr(err.msg, "GET http://127.0.0.1:"));
    assert_non_null(strstr(err.msg, "/fs/a%20file: "));
    assert_null(strstr(err.msg, "secret"));
    world_close(&world);
}

static void get_when_no_http_is_spoken_then_host_and_port_are_to_be_checked(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_LAST, "\x15\x03\x01 no HTTP at all\r\n\r\n"}};
    world_open(&world, steps, 1);
    struct http_request request = a_request(&world, HTTP_GET);
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "does not speak HTTP"));
    world_close(&world);
}

static void put_when_the_text_of_its_answer_breaks_off_then_answered(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_LAST, "HTTP/1.1 201 Created\r\nContent-Length: 9\r\nETag: 1\r\n\r\nhalf"}};
    world_open(&world, steps, 1);
    struct http_request request = a_request(&world, HTTP_PUT);
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 201);
    world_close(&world);
}

/* ── time ── */

static void get_when_the_answer_stalls_then_it_ends_by_its_limit(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {
        {STEP_HOLD, NULL}, {STEP_HOLD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, {STEP_HOLD, NULL}};
    world_open(&world, steps, ARRAY_LEN(steps));
    char sink[16];
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink = sink;
    request.sink_size = sizeof sink;
    request.stall_ms = 200;
    struct lf_error err;
    struct http_reply reply;
    for (unsigned i = 0; i < 2; i++) {
        assert_false(http_call(world.http, &request, &reply, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_non_null(strstr(err.msg, "nothing came or went"));
        assert_true(http_was_sent(&err));
    }
    request.stall_ms = 0;
    request.total_ms = 200;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "in time"));
    world_close(&world);
}

static void get_when_the_answer_is_slow_then_it_is_not_stalled(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_DRIP, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"}};
    world_open(&world, steps, 1);
    char sink[16];
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink = sink;
    request.sink_size = sizeof sink;
    request.stall_ms = 1000; /* the whole takes two seconds */
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_memory_equal(sink, "0123456789", 10);
    world_close(&world);
}

static void put_when_no_connection_comes_about_then_it_was_not_sent(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    /* A listener whose queue is full answers nothing at all. */
    unsigned port = 0;
    CLEANUP(fd_close) int listener = script_listen(&port);
    assert_int_equal(listen(listener, 0), 0);
    int fillers[4];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    CLEANUP(text_free) char *url = text_printf("http://127.0.0.1:%u/", port);
    struct http_request request = a_request(&world, HTTP_PUT);
    request.url = url;
    request.connect_ms = 200;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(http_was_sent(&err));
    assert_non_null(strstr(err.msg, "no connection came about in time"));
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fd_close(&fillers[i]);
    }
    world_close(&world);
}

static bool after_some(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

static void wait_when_cancelled_then_the_sink_is_free(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_HOLD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}};
    world_open(&world, steps, 1);
    char *sink = mem_new(1, 16);
    unsigned left = 2;
    struct http_request request = a_request(&world, HTTP_GET);
    request.sink = sink;
    request.sink_size = 16;
    request.cancelled = after_some;
    request.cancel_context = &left;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    free(sink);
    script_release(&world.script); /* what comes now must go nowhere */
    world_close(&world);
}

static void drop_when_in_flight_then_nothing_is_left_behind(void **state)
{
    (void)state;
    struct world world;
    const struct step steps[] = {{STEP_HOLD, NULL}};
    world_open(&world, steps, 1);
    struct http_request request = a_request(&world, HTTP_GET);
    struct lf_error err;
    for (unsigned i = 0; i < 100; i++) {
        CLEANUP(http_drop) struct http_ticket *ticket = NULL;
        assert_true(http_send(world.http, &request, &ticket, &err));
        if (i == 0) {
            script_await(&world.script, 1);
        }
    }
    world_close(&world);
}

/* ── many at once ── */

static void send_when_the_host_has_its_most_then_only_the_urgent_goes(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_LATE, SCRIPT_OK}, {STEP_LATE, SCRIPT_OK}};
    const struct http_options options = {.host_connections = 2};
    world_open_with(&world, steps, ARRAY_LEN(steps), &options);
    struct http_request request = a_request(&world, HTTP_PUT);
    struct lf_error err;
    struct http_ticket *tickets[3];
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++) {
        assert_true(http_send(world.http, &request, &tickets[i], &err));
    }
    script_await(&world.script, 2);
    request.urgent = true;
    CLEANUP(http_reply_done) struct http_reply urgent = {0};
    assert_true(http_call(world.http, &request, &urgent, &err));
    assert_int_equal(script_requests(&world.script), 3); /* two are held, the third one waits */
    script_release(&world.script);
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++) {
        CLEANUP(http_reply_done) struct http_reply reply = {0};
        assert_true(http_wait(&tickets[i], &reply, &err));
        assert_int_equal(reply.status, 200);
    }
    assert_int_equal(script_requests(&world.script), 4);
    world_close(&world);
}

static void send_when_the_host_asked_to_slow_down_then_half_run_at_once(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"},
                                        {STEP_LATE, SCRIPT_OK},
                                        {STEP_LATE, SCRIPT_OK}};
    const struct http_options options = {.host_connections = 4};
    world_open_with(&world, steps, ARRAY_LEN(steps), &options);
    struct http_request request = a_request(&world, HTTP_PUT);
    struct lf_error err;
    struct http_reply reply;
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 429);
    http_reply_done(&reply);
    struct http_ticket *tickets[4];
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++) {
        assert_true(http_send(world.http, &request, &tickets[i], &err));
    }
    script_await(&world.script, 3);
    request.urgent = true;
    assert_true(http_call(world.http, &request, &reply, &err));
    http_reply_done(&reply);
    assert_int_equal(script_requests(&world.script), 4); /* 429, two that are held, the urgent one */
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++) {
        http_drop(&tickets[i]);
    }
    world_close(&world);
}

#define THREADS 6
#define ROUNDS 12
#define IN_FLIGHT 8

struct sender {
    struct world *world;
    atomic_size_t good;
};

static void *send_many(void *context)
{
    struct sender *sender = context;
    struct lf_error err;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct http_request request = a_request(sender->world, HTTP_PUT);
        char bytes[3000];
        memset(bytes, (int)round, sizeof bytes);
        request.body = (struct http_body){.ptr = bytes, .bytes = sizeof bytes};
        struct http_ticket *tickets[IN_FLIGHT] = {NULL};
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            assert_true(http_send(sender->world->http, &request, &tickets[i], &err));
        }
        http_drop(&tickets[round % IN_FLIGHT]);
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            CLEANUP(http_reply_done) struct http_reply reply = {0};
            if (tickets[i] != NULL && http_wait(&tickets[i], &reply, &err) && reply.status == 200) {
                atomic_fetch_add(&sender->good, 1);
            }
        }
    }
    return NULL;
}

static void send_when_several_threads_have_hundreds_of_tickets_then_all_are_answered(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    struct sender sender = {.world = &world};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &sender), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&sender.good), THREADS * ROUNDS * (IN_FLIGHT - 1));
    assert_in_range(world.script.most_running, 1, 16);
    world_close(&world);
}

static void call_when_something_cannot_be_used_then_config(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(http_free) struct http *http = NULL;
    assert_false(http_new(&(struct http_options){.ca_file = "/nonexistent/ca.pem"}, &http, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(http_new(&(struct http_options){.ca_file = "/dev/null"}, &http, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(http_new(&(struct http_options){.proxy = "http://user:secret@[::1"}, &http, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_null(strstr(err.msg, "secret"));
    assert_true(http_new(&(struct http_options){0}, &http, &err));
    static const char *const urls[] = {"", "ftp://host/", "http://", "file:///etc/passwd"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct http_reply reply;
        const struct http_request request = {.method = HTTP_GET, .url = urls[i]};
        assert_false(http_call(http, &request, &reply, &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_false(http_was_sent(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_when_answered_then_sink_and_headers_are_filled),
        cmocka_unit_test(send_when_no_header_is_given_then_nothing_of_curls_choosing_goes),
        cmocka_unit_test(send_when_headers_are_given_then_they_go_as_they_are),
        cmocka_unit_test(send_when_a_header_holds_a_line_end_then_refused_without_its_value),
        cmocka_unit_test(send_when_bodies_of_all_sizes_then_they_arrive_whole),
        cmocka_unit_test(send_when_the_file_of_the_body_is_too_short_then_that_is_said),
        cmocka_unit_test(get_when_the_answer_is_longer_than_the_sink_then_a_limit),
        cmocka_unit_test(get_when_refused_then_the_text_is_kept_and_the_sink_left_alone),
        cmocka_unit_test(get_when_the_answer_breaks_off_then_transient_and_no_query_in_the_message),
        cmocka_unit_test(get_when_no_http_is_spoken_then_host_and_port_are_to_be_checked),
        cmocka_unit_test(put_when_the_text_of_its_answer_breaks_off_then_answered),
        cmocka_unit_test(get_when_the_answer_stalls_then_it_ends_by_its_limit),
        cmocka_unit_test(get_when_the_answer_is_slow_then_it_is_not_stalled),
        cmocka_unit_test(put_when_no_connection_comes_about_then_it_was_not_sent),
        cmocka_unit_test(wait_when_cancelled_then_the_sink_is_free),
        cmocka_unit_test(drop_when_in_flight_then_nothing_is_left_behind),
        cmocka_unit_test(send_when_the_host_has_its_most_then_only_the_urgent_goes),
        cmocka_unit_test(send_when_the_host_asked_to_slow_down_then_half_run_at_once),
        cmocka_unit_test(send_when_several_threads_have_hundreds_of_tickets_then_all_are_answered),
        cmocka_unit_test(call_when_something_cannot_be_used_then_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
