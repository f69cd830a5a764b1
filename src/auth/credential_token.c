/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credential.h"
#include "auth/default_chain.h"
#include "auth/endpoint.h"
#include "auth/entra.h"
#include "auth/managed_identity.h"
#include "auth/token.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

static const char scheme[] = "Bearer ";

/* The token that a try which was answered 401 has used; "" when its header is gone. NULL: it was not refused. */
static const char *refused_token(const struct http_try *attempt)
{
    const char *value = http_headers_get(attempt->headers, "Authorization");
    if (!attempt->unauthorized) {
        return NULL;
    }
    return value != NULL && strncmp(value, scheme, sizeof scheme - 1) == 0 ? value + sizeof scheme - 1 : "";
}

static bool prepare(void *self, struct http_try *attempt, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf value;
    TRY(endpoint_check_private(buf_text(attempt->url), "a token", err));
    secret_buf_init(&value, TOKEN_MAX_BYTES + sizeof scheme);
    buf_append_text(&value, scheme);
    TRY(token_cache_get(self, refused_token(attempt), &value, err));
    http_headers_set(attempt->headers, "Authorization", buf_text(&value));
    return true;
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err)
{
    return token_cache_describe(self, ret_text, size, err);
}

static int64_t expires_ms(void *self)
{
    return token_cache_expires_ms(self);
}

static void cache_free(void *self)
{
    struct token_cache *cache = self;
    token_cache_free(&cache);
}

static const struct credential_ops ops = {
    .prepare = prepare, .describe = describe, .expires_ms = expires_ms, .free = cache_free};

static bool managed_source(const struct auth_options *options, const struct auth_host *host,
                           struct token_source *ret_source, struct lf_error *err)
{
    struct managed_identity *identity = NULL;
    TRY(managed_identity_new(options, host, &identity, err));
    managed_identity_to_source(identity, ret_source);
    return true;
}

bool credential_token_new(const struct auth_options *options, const struct auth_host *host,
                          struct credential *ret_credential, struct lf_error *err)
{
    static bool (*const sources[])(const struct auth_options *options, const struct auth_host *host,
                                   struct token_source *ret_source, struct lf_error *err) = {
        [AUTH_DEFAULT] = default_chain_source,
        [AUTH_CLIENT_SECRET] = entra_secret_source,
        [AUTH_CLIENT_CERTIFICATE] = entra_certificate_source,
        [AUTH_MANAGED_IDENTITY] = managed_source,
        [AUTH_WORKLOAD_IDENTITY] = workload_source,
    };
    struct token_source source;
    const struct random_source random = random_system();
    TRY(sources[options->kind](options, host, &source, err));
    *ret_credential = (struct credential){.ops = &ops, .self = token_cache_new(&source, host, &random)};
    return true;
}
