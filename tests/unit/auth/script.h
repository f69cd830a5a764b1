/* SPDX-License-Identifier: Apache-2.0
 *
 * A service of identities in the place of http_call: answers as the test has written them down, and remembers what it was
 * asked. Its clock passes only while somebody waits.
 */
#ifndef UNIT_AUTH_SCRIPT_H
#define UNIT_AUTH_SCRIPT_H

#include "auth/credential.h"
#include "base/macros.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCRIPT_MOST 64
#define SCRIPT_TOKEN "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"the-token\"}"

struct script_answer {
    unsigned status; /* 0: none */
    const char *body;
    const char *header, *value; /* NULL: none */
    int64_t retry_after_ms;
};

struct script_asked {
    enum http_method method;
    char *url, *body;
    struct http_headers *headers;
    int64_t at_ms; /* since the beginning */
    bool direct;
};

struct script {
    const struct script_answer *answers;
    size_t answers_count; /* the last one is repeated */
    struct script_asked asked[SCRIPT_MOST];
    size_t asked_count;
    int64_t now_us;
    int64_t cancelled_at_ms; /* 0: never */
    struct auth_host host;
};

#define SCRIPT_BEGIN_MS INT64_C(1700000000000)

static inline int64_t script_now_us(void *context)
{
    return ((struct script *)context)->now_us;
}

static inline void script_sleep_ms(void *context, int64_t ms)
{
    ((struct script *)context)->now_us += ms * 1000;
}

static inline bool script_cancelled(void *context)
{
    const struct script *script = context;
    return script->cancelled_at_ms != 0 && script->now_us / 1000 - SCRIPT_BEGIN_MS >= script->cancelled_at_ms;
}

static inline void script_remember(struct script *script, const struct http_request *request)
{
    struct script_asked *asked = &script->asked[script->asked_count++];
    *asked = (struct script_asked){
        .method = request->method,
        .url = text_copy(request->url),
        .body = text_copy_len(request->body.ptr, (size_t)request->body.bytes),
        .headers = http_headers_new(),
        .at_ms = script->now_us / 1000 - SCRIPT_BEGIN_MS,
        .direct = request->direct,
    };
    for (size_t i = 0; request->headers != NULL && i < http_headers_count(request->headers); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_headers_at(request->headers, i, &name, &value);
        http_headers_set(asked->headers, name, value);
    }
}

static inline bool script_call(struct http *http, const struct http_request *request, struct http_reply *ret_reply,
                               struct lf_error *err)
{
    struct script *script = (struct script *)(void *)http;
    if (script->asked_count == SCRIPT_MOST || script->answers_count == 0) {
        abort();
    }
    const size_t i = script->asked_count < script->answers_count ? script->asked_count : script->answers_count - 1;
    const struct script_answer *answer = &script->answers[i];
    script_remember(script, request);
    if (answer->status == 0) {
        return lf_error_set(err, LF_TRANSIENT, 0, "no answer within 1 s");
    }
    *ret_reply = (struct http_reply){
        .status = answer->status, .headers = http_headers_new(), .retry_after_ms = answer->retry_after_ms};
    if (answer->header != NULL) {
        http_headers_set(ret_reply->headers, answer->header, answer->value);
    }
    if (answer->body != NULL) {
        struct buf *into = answer->status / 100 == 2 ? request->sink_buf : &ret_reply->text;
        if (into != NULL) {
            buf_append_text(into, answer->body);
        }
    }
    return true;
}

static inline void script_init(struct script *script, const struct script_answer *answers, size_t count)
{
    *script = (struct script){.answers = answers, .answers_count = count, .now_us = SCRIPT_BEGIN_MS * 1000};
    script->host = (struct auth_host){
        .http = (struct http *)(void *)script,
        .call = script_call,
        .clock = {.context = script,
                  .now_us = script_now_us,
                  .monotonic_us = script_now_us,
                  .sleep_ms = script_sleep_ms},
        .cancelled = script_cancelled,
        .cancel_context = script,
        .patience_ms = AUTH_PATIENCE_MS,
    };
}

static inline void script_done(struct script *script)
{
    for (size_t i = 0; i < script->asked_count; i++) {
        text_free(&script->asked[i].url);
        text_free(&script->asked[i].body);
        http_headers_free(&script->asked[i].headers);
    }
}

static inline void script_source_free(struct token_source *source)
{
    if (source->self != NULL) {
        source->free(source->self);
    }
}

/* Before a test: no variable of the environment that an identity looks at. */
static inline int script_begin(void **state)
{
    (void)state;
    static const char *const names[] = {
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
        "AZURE_AUTHORITY_HOST",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TOKEN_CREDENTIALS",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "IDENTITY_SERVER_THUMBPRINT",
        "IMDS_ENDPOINT",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)unsetenv(names[i]);
    }
    return 0;
}

/* A test of an identity. */
#define SCRIPT_TEST(function) cmocka_unit_test_setup(function, script_begin)

#endif
