/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/entra.h"

#include "auth/endpoint.h"
#include "auth/entra_error.h"
#include "auth/environment.h"
#include "auth/token_call.h"
#include "base/macros.h"
#include "base/secret.h"
#include "net/http_text.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX_BYTES ((size_t)128 << 10)
#define DESCRIPTION_SIZE 1024

struct entra {
    struct auth_host host;
    struct entra_proof proof;
    char *tenant_id, *client_id, *token_url, *scope;
    char *name; /* for messages */
};

void entra_append_parameter(struct buf *form, const char *name, const char *value)
{
    buf_append_text(form, form->len > 0 ? "&" : "");
    buf_append_text(form, name);
    buf_append_char(form, '=');
    http_encode(form, value);
}

/* Nothing that the answer quotes from our request may be a secret: its forms are known, so whoever echoes one is cut. */
static bool quotes_proof(const struct buf *form, const char *text)
{
    static const char *const secrets[] = {"client_secret=", "client_assertion="};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        const char *at = strstr(buf_text(form), secrets[i]);
        if (at != NULL) {
            at += strlen(secrets[i]);
            CLEANUP(secret_text_free) char *encoded = text_copy_len(at, strcspn(at, "&"));
            CLEANUP(secret_buf_done) struct buf decoded;
            struct lf_error err;
            secret_buf_init(&decoded, FORM_MAX_BYTES);
            if (http_decode(&decoded, encoded, &err) && decoded.len > 0 && strstr(text, buf_text(&decoded)) != NULL) {
                return true;
            }
        }
    }
    return false;
}

static bool refuse(const struct entra *entra, const struct token_call *call, const struct token_answer *answer,
                   struct lf_error *err)
{
    char error[128];
    char description[DESCRIPTION_SIZE];
    char brief[DESCRIPTION_SIZE / 2];
    token_call_find_text(&answer->text, "error", error, sizeof error);
    token_call_find_text(&answer->text, "error_description", description, sizeof description);
    const unsigned code = entra_error_code(description);
    if (token_retry_may_pass(TOKEN_SERVICE_ENTRA, answer->status) || entra_error_may_pass(code, error)) {
        return token_call_unavailable(call, answer, err);
    }
    entra_error_shorten(description, brief, sizeof brief);
    if (quotes_proof(call->body, description)) {
        (void)snprintf(brief, sizeof brief, "AADSTS%u", code);
    }
    return lf_error_set(err, LF_AUTH, (int)answer->status, "%s refuses client %s of tenant %s (by %s): %s; %s",
                        call->name, entra->client_id, entra->tenant_id, entra->proof.what,
                        *brief != '\0' ? brief : error, entra_error_cure(code));
}

static bool fetch(void *self, bool patient, struct token_grant *grant, struct lf_error *err)
{
    const struct entra *entra = self;
    CLEANUP(secret_buf_done) struct buf form;
    CLEANUP(token_answer_done) struct token_answer answer = {0};
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    secret_buf_init(&form, FORM_MAX_BYTES);
    entra_append_parameter(&form, "grant_type", "client_credentials");
    entra_append_parameter(&form, "client_id", entra->client_id);
    entra_append_parameter(&form, "scope", entra->scope);
    TRY(entra->proof.append(entra->proof.self, entra->token_url, &form, err));
    TRY(buf_check(&form, "the request for a token", err));
    http_headers_set(headers, "Content-Type", "application/x-www-form-urlencoded");
    http_headers_set(headers, "Accept", "application/json");
    const struct token_call call = {
        .name = entra->name,
        .service = TOKEN_SERVICE_ENTRA,
        .method = HTTP_POST,
        .url = entra->token_url,
        .headers = headers,
        .body = &form,
        .patient = patient,
    };
    TRY(token_call(&entra->host, &call, &answer, err));
    if (answer.status != 200) {
        return refuse(entra, &call, &answer, err);
    }
    return token_call_read(&call, &answer, grant, err);
}

static int64_t expires_ms(void *self)
{
    const struct entra *entra = self;
    return entra->proof.expires_ms != NULL ? entra->proof.expires_ms(entra->proof.self) : 0;
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err UNUSED)
{
    const struct entra *entra = self;
    char expires[CLOCK_TEXT_SIZE] = "";
    const int64_t at_ms = expires_ms(self);
    if (at_ms != 0) {
        clock_format_iso(at_ms, expires);
    }
    (void)snprintf(ret_text, size, "application %s of tenant %s, by %s%s%s", entra->client_id, entra->tenant_id,
                   entra->proof.what, at_ms != 0 ? " until " : "", expires);
    return true;
}

static void entra_free(void *self)
{
    struct entra *entra = self;
    entra->proof.free(entra->proof.self);
    text_free(&entra->tenant_id);
    text_free(&entra->client_id);
    text_free(&entra->token_url);
    text_free(&entra->scope);
    text_free(&entra->name);
    free(entra);
}

/* An id or a domain: what goes into the path of the URL as it is. */
static bool check_word(const char *value, const char *setting, const char *variable, struct lf_error *err)
{
    if (value == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the identity needs auth.%s: set it, or %s in the environment", setting,
                            variable);
    }
    if (value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] != '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "%s \"%.80s\" is neither an id nor a domain", setting, value);
    }
    return true;
}

static size_t len_without_slashes(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/') {
        len--;
    }
    return len;
}

static bool make_urls(struct entra *entra, const char *authority, const char *audience, struct lf_error *err)
{
    const char *scheme = strstr(authority, "://") == NULL ? "https://" : "";
    const int authority_len = (int)len_without_slashes(authority);
    CLEANUP(text_free) char *base = text_printf("%s%.*s", scheme, authority_len, authority);
    if (!endpoint_check_private(base, "the proof of an application", err)) {
        return lf_error_wrap(err, "authority");
    }
    entra->token_url = text_printf("%s/%s/oauth2/v2.0/token", base, entra->tenant_id);
    entra->scope = text_printf("%.*s/.default", (int)len_without_slashes(audience), audience);
    entra->name = text_printf("Microsoft Entra (%s)", strstr(base, "://") + 3);
    return true;
}

bool entra_source_new(const struct auth_options *options, const struct auth_host *host, struct entra_proof *proof,
                      struct token_source *ret_source, struct lf_error *err)
{
    const char *tenant_id = environment_or(options->tenant_id, "AZURE_TENANT_ID");
    const char *client_id = environment_or(options->client_id, "AZURE_CLIENT_ID");
    const char *authority = environment_or(options->authority, "AZURE_AUTHORITY_HOST");
    struct entra *entra = mem_new(1, sizeof *entra);
    entra->host = *host;
    entra->tenant_id = text_copy(tenant_id);
    entra->client_id = text_copy(client_id);
    entra->proof = *proof;
    if (!check_word(tenant_id, "tenant_id", "AZURE_TENANT_ID", err) ||
        !check_word(client_id, "client_id", "AZURE_CLIENT_ID", err) ||
        !make_urls(entra, authority != NULL ? authority : ENTRA_AUTHORITY,
                   options->audience != NULL ? options->audience : ENTRA_AUDIENCE, err)) {
        entra_free(entra);
        return false;
    }
    *ret_source = (struct token_source){
        .fetch = fetch, .describe = describe, .expires_ms = expires_ms, .free = entra_free, .self = entra};
    return true;
}
