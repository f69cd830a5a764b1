/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token_call.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX_BYTES (2 * TOKEN_MAX_BYTES)
#define SLICE_MS 200
#define CONNECT_MACHINE_MS 1000
#define TOTAL_PATIENT_MS 30000
#define TOTAL_AHEAD_MS 10000

void token_answer_done(struct token_answer *answer)
{
    secret_buf_done(&answer->body);
    secret_buf_done(&answer->text);
    text_free(&answer->challenge);
}

static bool is_cancelled(const struct auth_host *host)
{
    return host->cancelled != NULL && host->cancelled(host->cancel_context);
}

static bool sleep_for(const struct auth_host *host, int64_t ms, struct lf_error *err)
{
    while (ms > 0) {
        if (is_cancelled(host)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped while waiting for a token");
        }
        const int64_t slice_ms = ms < SLICE_MS ? ms : SLICE_MS;
        host->clock.sleep_ms(host->clock.context, slice_ms);
        ms -= slice_ms;
    }
    return true;
}

static int64_t monotonic_ms(const struct auth_host *host)
{
    return host->clock.monotonic_us(host->clock.context) / 1000;
}

static bool try_once(const struct auth_host *host, const struct token_call *call, struct token_answer *ret_answer,
                     struct lf_error *err)
{
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    token_answer_done(ret_answer);
    *ret_answer = (struct token_answer){.asked_ms = clock_now_ms(&host->clock)};
    secret_buf_init(&ret_answer->body, ANSWER_MAX_BYTES);
    const struct http_request request = {
        .method = call->method,
        .url = call->url,
        .headers = call->headers,
        .body = {.ptr = call->body != NULL ? call->body->ptr : NULL, .bytes = call->body != NULL ? call->body->len : 0},
        .sink_buf = &ret_answer->body,
        .sink_size = ANSWER_MAX_BYTES,
        .connect_ms = call->service == TOKEN_SERVICE_MACHINE ? CONNECT_MACHINE_MS : 0,
        .total_ms = call->patient ? TOTAL_PATIENT_MS : TOTAL_AHEAD_MS,
        .patience_ms = -1, /* a single try: the tries are ours */
        .direct = call->service == TOKEN_SERVICE_MACHINE,
        .cancelled = host->cancelled,
        .cancel_context = host->cancel_context,
    };
    TRY(host->call(host->http, &request, &reply, err));
    const char *challenge = reply.headers != NULL ? http_headers_get(reply.headers, "WWW-Authenticate") : NULL;
    ret_answer->status = reply.status;
    ret_answer->challenge = text_copy(challenge);
    ret_answer->retry_after_ms = reply.retry_after_ms;
    ret_answer->text = reply.text;
    reply.text = (struct buf){0};
    return true;
}

bool token_call(const struct auth_host *host, const struct token_call *call, struct token_answer *ret_answer,
                struct lf_error *err)
{
    const int64_t begun_ms = monotonic_ms(host);
    *ret_answer = (struct token_answer){0};
    for (unsigned tries = 1;; tries++) {
        const bool answered = try_once(host, call, ret_answer, err);
        int64_t wait_ms = 0;
        if (!answered && err->kind != LF_TRANSIENT) {
            return false;
        }
        const struct token_outcome outcome = {
            .status = answered ? ret_answer->status : 0,
            .tries = tries,
            .elapsed_ms = monotonic_ms(host) - begun_ms,
            .patience_ms = call->patient ? host->patience_ms : 0,
            .retry_after_ms = answered ? ret_answer->retry_after_ms : 0,
        };
        if (!token_retry_next(call->service, &outcome, &wait_ms)) {
            return answered || lf_error_wrap(err, "%s gives no token", call->name);
        }
        TRY(sleep_for(host, wait_ms, err));
    }
}

bool token_call_unavailable(const struct token_call *call, const struct token_answer *answer, struct lf_error *err)
{
    (void)lf_error_set(err, answer->status == 429 ? LF_THROTTLED : LF_TRANSIENT, (int)answer->status,
                       "%s gives no token now: it answers %u; tried again later", call->name, answer->status);
    err->retry_after_ms = answer->retry_after_ms;
    return false;
}

/* A number, also as text; false when it is neither. */
static bool read_number(const struct json *value, int64_t *ret)
{
    const char *text = json_text(value);
    char *end = NULL;
    if (text == NULL) {
        return json_int(value, ret);
    }
    *ret = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

static bool find_lifetime(const struct json *root, int64_t asked_ms, int64_t *ret_ms)
{
    int64_t seconds = 0;
    if (read_number(json_member(root, "expires_in"), &seconds)) {
        *ret_ms = seconds * 1000;
        return seconds > 0 && seconds < INT64_C(1) << 32;
    }
    if (read_number(json_member(root, "expires_on"), &seconds) && seconds < INT64_C(1) << 40) {
        *ret_ms = seconds * 1000 - asked_ms;
        return *ret_ms > 0;
    }
    return false;
}

static bool is_token(const char *text)
{
    const char *c = text;
    while (c != NULL && isgraph((unsigned char)*c)) {
        c++;
    }
    return c != NULL && c > text && *c == '\0' && (size_t)(c - text) <= TOKEN_MAX_BYTES;
}

static bool read_grant(const struct json *root, int64_t asked_ms, struct token_grant *grant)
{
    int64_t refresh_s = 0;
    const char *text = json_text(json_member(root, "access_token"));
    if (!is_token(text) || !find_lifetime(root, asked_ms, &grant->lifetime_ms)) {
        return false;
    }
    if (read_number(json_member(root, "refresh_in"), &refresh_s) && refresh_s > 0 && refresh_s < INT64_C(1) << 32) {
        grant->refresh_ms = refresh_s * 1000;
    }
    secret_buf_reset(&grant->text);
    buf_append_text(&grant->text, text);
    return true;
}

/* The tree has copied the token; what is freed must not hold it. */
static void wipe_member(const struct json *root, const char *member)
{
    const char *text = json_text(json_member(root, member));
    if (text != NULL) {
        explicit_bzero((void *)(uintptr_t)text, strlen(text));
    }
}

bool token_call_read(const struct token_call *call, const struct token_answer *answer, struct token_grant *grant,
                     struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    struct lf_error detail;
    bool ok = json_parse("answer", buf_text(&answer->body), answer->body.len, &root, &detail);
    if (ok) {
        ok = read_grant(root, answer->asked_ms, grant);
        wipe_member(root, "access_token");
    }
    return ok || lf_error_set(err, LF_TRANSIENT, (int)answer->status,
                              "what %s answered is no token with a lifetime; is there a proxy or portal in between?",
                              call->name);
}

void token_call_find_text(const struct buf *body, const char *member, char *ret_text, size_t size)
{
    CLEANUP(json_free) struct json *root = NULL;
    struct lf_error err;
    const char *text = NULL;
    if (json_parse("answer", buf_text(body), body->len, &root, &err)) {
        text = json_text(json_member(root, member));
    }
    (void)snprintf(ret_text, size, "%s", text != NULL ? text : "");
    for (char *c = ret_text; *c != '\0'; c++) {
        *c = iscntrl((unsigned char)*c) ? ' ' : *c;
    }
    if (root != NULL) {
        wipe_member(root, "access_token");
    }
}
