/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/macros.h"
#include "unit/net/http_world.h"

#include <ctype.h>
#include <stdio.h>

#define ANSWER_503 \
    "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nx-ms-error-code: ServerBusy\r\nx-ms-request-id: of-the-service\r\n\r\n"
#define ANSWER_401 "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"

static struct http_request patient(const struct world *world, enum http_method method, enum http_repeat repeat)
{
    struct http_request request = a_request(world, method);
    request.repeat = repeat;
    request.patience_ms = 20000;
    request.backoff_ms = 10;
    return request;
}

/* ── by class ── */

static void call_when_busy_and_repeatable_then_again_and_the_reply_says_so(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {
        {STEP_ANSWER, ANSWER_503},
        {STEP_ANSWER, "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"},
        {STEP_RESET, NULL}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct http_request request = patient(&world, HTTP_PUT, HTTP_REPEAT);
    request.body = (struct http_body){.ptr = "abc", .bytes = 3};
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.tries, 4);
    assert_true(reply.was_repeated_blindly);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(world.script.body_bytes[i], 3);
    }
    world_close(&world);
}

static void call_when_patience_ends_then_the_last_answer_is_the_reply(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {
        {STEP_ANSWER, "HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct http_request request = patient(&world, HTTP_PUT, HTTP_REPEAT);
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 503);
    assert_int_equal(reply.retry_after_ms, 90000);
    assert_int_equal(reply.tries, 1);
    assert_false(reply.was_repeated_blindly);
    world_close(&world);
}

static void call_when_the_answer_to_a_once_is_lost_then_it_is_not_made_again(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_RESET, NULL}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct http_request request = patient(&world, HTTP_PUT, HTTP_ONCE);
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(http_was_sent(&err));
    assert_int_equal(script_requests(&world.script), 1);
    world_close(&world);
}

static void call_when_nobody_listens_then_even_a_once_is_tried_until_patience_ends(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    unsigned port = 0;
    int listener = script_listen(&port);
    fd_close(&listener);
    CLEANUP(text_free) char *url = text_printf("http://127.0.0.1:%u/", port);
    struct http_request request = patient(&world, HTTP_PUT, HTTP_ONCE);
    request.url = url;
    request.patience_ms = 200;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(http_was_sent(&err));
    world_close(&world);
}

/* A wait of any length would end the request: only what is repeated at once comes through. */
static void check_stale(enum http_method method, size_t bytes, enum http_repeat repeat)
{
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, SCRIPT_OK}, {STEP_RESET, NULL}};
    world_open(&world, steps, ARRAY_LEN(steps));
    char *body = mem_new(1, bytes + 1);
    struct http_request request = patient(&world, method, repeat);
    request.body = (struct http_body){.ptr = body, .bytes = bytes};
    request.backoff_ms = 600000;
    request.patience_ms = 5000;
    struct lf_error err;
    struct http_reply reply;
    assert_true(http_call(world.http, &request, &reply, &err));
    http_reply_done(&reply);
    if (repeat == HTTP_REPEAT) {
        assert_true(http_call(world.http, &request, &reply, &err));
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.tries, 2);
        assert_true(reply.was_repeated_blindly);
        http_reply_done(&reply);
    } else {
        assert_false(http_call(world.http, &request, &reply, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_true(http_was_sent(&err));
    }
    assert_int_equal(script_requests(&world.script), repeat == HTTP_REPEAT ? 3 : 2);
    free(body);
    world_close(&world);
}

static void call_when_a_kept_connection_is_stale_then_at_once_again_but_never_a_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 100, 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        check_stale(HTTP_PUT, sizes[i], HTTP_REPEAT);
        check_stale(HTTP_PUT, sizes[i], HTTP_ONCE);
    }
    check_stale(HTTP_GET, 0, HTTP_REPEAT);
    check_stale(HTTP_HEAD, 0, HTTP_REPEAT);
    check_stale(HTTP_GET, 0, HTTP_ONCE);
}

static void call_when_an_answer_was_cut_then_the_sink_holds_the_next_alone(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_LAST, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"},
                                        {STEP_ANSWER, SCRIPT_OK},
                                        {STEP_LAST, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"}};
    world_open(&world, steps, ARRAY_LEN(steps));
    CLEANUP(buf_done) struct buf text = {0};
    char sink[9] = {0};
    struct http_request request = patient(&world, HTTP_GET, HTTP_REPEAT);
    struct lf_error err;
    for (unsigned i = 0; i < 2; i++) {
        request.sink = i == 0 ? NULL : sink;
        request.sink_buf = i == 0 ? &text : NULL;
        request.sink_size = sizeof sink;
        CLEANUP(http_reply_done) struct http_reply reply = {0};
        assert_true(http_call(world.http, &request, &reply, &err));
        assert_int_equal(reply.bytes, 2);
        assert_int_equal(reply.tries, 2);
    }
    assert_string_equal(buf_text(&text), "ok");
    assert_memory_equal(sink, "ok", 2);
    world_close(&world);
}

/* ── Expect ── */

static void check_expect(struct step first, unsigned tries, bool second_expects)
{
    struct world world;
    world_open(&world, &first, 1);
    size_t bytes = (size_t)4 << 20;
    char *body = mem_new(1, bytes);
    struct http_request request = patient(&world, HTTP_PUT, HTTP_ONCE);
    request.body = (struct http_body){.ptr = body, .bytes = bytes};
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.tries, tries);
    assert_false(reply.was_repeated_blindly);
    assert_true(has_line(head_of(&world, 0), "Expect: 100-continue"));
    assert_int_equal(world.script.body_bytes[0], tries > 1 ? 0 : bytes);
    if (tries > 1) {
        assert_int_equal(has_line(head_of(&world, 1), "Expect: 100-continue"), second_expects);
        assert_int_equal(world.script.body_bytes[1], bytes);
    }
    free(body);
    world_close(&world);
}

static void put_when_a_large_body_is_refused_beforehand_then_it_stays_here_and_a_once_goes_again(void **state)
{
    (void)state;
    check_expect((struct step){STEP_REFUSE, ANSWER_503}, 2, true);
    check_expect((struct step){STEP_REFUSE, "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"}, 2, true);
}

static void put_when_the_server_does_not_know_expect_then_without(void **state)
{
    (void)state;
    check_expect((struct step){STEP_REFUSE, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"}, 2, false);
    check_expect((struct step){STEP_SILENT, SCRIPT_OK}, 1, false);
}

/* ── prepare ── */

struct signer {
    unsigned calls, unauthorized, fail_at;
    char ids[8][64];
};

static bool sign(void *context, struct http_try *attempt, struct lf_error *err)
{
    struct signer *signer = context;
    const char *id = http_headers_get(attempt->headers, "x-ms-client-request-id");
    (void)snprintf(signer->ids[signer->calls], sizeof signer->ids[0], "%s", id != NULL ? id : "");
    assert_int_equal(attempt->number, signer->calls);
    signer->calls++;
    signer->unauthorized += attempt->unauthorized ? 1 : 0;
    assert_int_equal(attempt->unauthorized, http_headers_get(attempt->headers, "Authorization") != NULL);
    if (signer->calls == signer->fail_at) {
        return lf_error_set(err, LF_AUTH, 400, "no token");
    }
    http_headers_set(attempt->headers, "Authorization", "Bearer secret");
    buf_append_text(attempt->url, "&se=2030");
    return true;
}

static struct http_request signed_request(const struct world *world, struct signer *signer)
{
    struct http_request request = patient(world, HTTP_PUT, HTTP_REPEAT);
    request.prepare = sign;
    request.prepare_context = signer;
    request.request_id_header = "x-ms-client-request-id";
    return request;
}

static void call_when_unauthorized_then_prepared_once_more_and_then_the_reply(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_401}, {STEP_ANSWER, ANSWER_401}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct signer signer = {0};
    struct http_request request = signed_request(&world, &signer);
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 401);
    assert_int_equal(signer.calls, 2);
    assert_int_equal(signer.unauthorized, 1);
    assert_true(has_line(head_of(&world, 1), "Authorization: Bearer secret"));
    assert_non_null(strstr(head_of(&world, 1), "?sig=secret&se=2030 HTTP"));
    world_close(&world);
}

static void call_when_unauthorized_without_prepare_then_that_is_the_reply(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_401}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct http_request request = patient(&world, HTTP_GET, HTTP_REPEAT);
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(reply.status, 401);
    assert_int_equal(reply.tries, 1);
    world_close(&world);
}

static void call_when_prepare_fails_then_its_error_and_whether_something_was_sent(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_503}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct lf_error err;
    struct http_reply reply;
    for (unsigned i = 1; i <= 2; i++) {
        struct signer signer = {.fail_at = i};
        struct http_request request = signed_request(&world, &signer);
        assert_false(http_call(world.http, &request, &reply, &err));
        assert_int_equal(err.kind, LF_AUTH);
        assert_string_equal(err.msg, "no token");
        assert_int_equal(http_was_sent(&err), i == 2);
    }
    world_close(&world);
}

static bool is_guid(const char *text)
{
    static const char pattern[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    bool ok = strlen(text) == strlen(pattern);
    for (size_t i = 0; ok && i < strlen(pattern); i++) {
        ok = pattern[i] == 'x'   ? isxdigit((unsigned char)text[i]) != 0
             : pattern[i] == 'y' ? strchr("89ab", text[i]) != NULL
                                 : pattern[i] == text[i];
    }
    return ok;
}

static void call_when_request_ids_are_wanted_then_each_try_has_its_own_with_one_beginning(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_503}, {STEP_ANSWER, ANSWER_503}};
    world_open(&world, steps, ARRAY_LEN(steps));
    struct signer signer = {0};
    struct http_request request = signed_request(&world, &signer);
    struct lf_error err;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    assert_int_equal(signer.calls, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_guid(signer.ids[i]));
        assert_memory_equal(signer.ids[i], signer.ids[0], strlen("xxxxxxxx-xxxx-4xxx"));
        CLEANUP(text_free) char *line = text_printf("x-ms-client-request-id: %s", signer.ids[i]);
        assert_true(has_line(head_of(&world, i), line));
    }
    assert_string_not_equal(signer.ids[0], signer.ids[1]);
    assert_string_not_equal(signer.ids[1], signer.ids[2]);
    world_close(&world);
}

/* ── log and cancellation ── */

static bool after_some(void *context)
{
    unsigned *left = context;
    return (*left)-- == 0;
}

static void call_when_cancelled_while_it_waits_to_try_again_then_cancelled(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_503}};
    world_open(&world, steps, ARRAY_LEN(steps));
    unsigned left = 3;
    struct http_request request = patient(&world, HTTP_PUT, HTTP_REPEAT);
    request.backoff_ms = 15000;
    request.cancelled = after_some;
    request.cancel_context = &left;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &request, &reply, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_int_equal(script_requests(&world.script), 1);
    world_close(&world);
}

static void call_when_tries_fail_then_the_log_names_them_without_a_secret(void **state)
{
    (void)state;
    struct world world;
    static const struct step steps[] = {{STEP_ANSWER, ANSWER_503}, {STEP_RESET, NULL}};
    struct lf_error err;
    CLEANUP(fd_close) int fd = -1;
    assert_true(file_open_temp("/tmp", &fd, &err));
    struct clock clock = clock_system();
    CLEANUP(log_free) struct log *log = log_new(fd, LOG_JSON, LOG_DEBUG, &clock);
    const struct http_options options = {.log = log, .host_connections = 4};
    world_open_with(&world, steps, ARRAY_LEN(steps), &options);
    struct signer signer = {0};
    const struct log_where where = {.link = "shop"};
    struct http_request request = signed_request(&world, &signer);
    request.where = &where;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    assert_true(http_call(world.http, &request, &reply, &err));
    world_close(&world);
    char text[8192] = {0};
    size_t len = 0;
    assert_true(file_read_at(fd, 0, text, sizeof text - 1, &len, "the log", &err));
    assert_null(strstr(text, "secret"));
    const char *const expected[] = {"\"link\":\"shop\"",
                                    "\"event\":\"http_try_failed\"",
                                    "\"method\":\"PUT\"",
                                    "/fs/a%20file\"",
                                    "\"attempt\":1",
                                    "\"status\":503",
                                    "\"reason\":\"ServerBusy\"",
                                    signer.ids[0],
                                    signer.ids[1],
                                    "\"request_id\":\"of-the-service\"",
                                    "\"again\":\"yes\"",
                                    "\"attempt\":2",
                                    "\"status\":0",
                                    "\"event\":\"http_slowed\"",
                                    "\"requests\":2"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (strstr(text, expected[i]) == NULL) {
            fail_msg("%s is not in %s", expected[i], text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_when_busy_and_repeatable_then_again_and_the_reply_says_so),
        cmocka_unit_test(call_when_patience_ends_then_the_last_answer_is_the_reply),
        cmocka_unit_test(call_when_the_answer_to_a_once_is_lost_then_it_is_not_made_again),
        cmocka_unit_test(call_when_nobody_listens_then_even_a_once_is_tried_until_patience_ends),
        cmocka_unit_test(call_when_a_kept_connection_is_stale_then_at_once_again_but_never_a_once),
        cmocka_unit_test(call_when_an_answer_was_cut_then_the_sink_holds_the_next_alone),
        cmocka_unit_test(put_when_a_large_body_is_refused_beforehand_then_it_stays_here_and_a_once_goes_again),
        cmocka_unit_test(put_when_the_server_does_not_know_expect_then_without),
        cmocka_unit_test(call_when_unauthorized_then_prepared_once_more_and_then_the_reply),
        cmocka_unit_test(call_when_unauthorized_without_prepare_then_that_is_the_reply),
        cmocka_unit_test(call_when_prepare_fails_then_its_error_and_whether_something_was_sent),
        cmocka_unit_test(call_when_request_ids_are_wanted_then_each_try_has_its_own_with_one_beginning),
        cmocka_unit_test(call_when_cancelled_while_it_waits_to_try_again_then_cancelled),
        cmocka_unit_test(call_when_tries_fail_then_the_log_names_them_without_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
