/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credential.h"
#include "auth/signing.h"
#include "base/crypto.h"
#include "base/http_date.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX_BYTES 1024u

struct account_key {
    char *account;
    struct buf key;
    struct clock clock;
};

static bool prepare(void *self, struct http_try *attempt, struct lf_error *err)
{
    const struct account_key *key = self;
    char date[HTTP_DATE_SIZE];
    http_date_format(clock_now_ms(&key->clock), date);
    http_headers_set(attempt->headers, "x-ms-date", date);
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf authorization = {0};
    const struct signing_request request = {
        .method = attempt->method,
        .url = buf_text(attempt->url),
        .headers = attempt->headers,
        .body_bytes = attempt->body != NULL ? attempt->body->bytes : 0,
    };
    TRY(signing_append_text(&request, key->account, &text, err));
    signing_append_authorization(key->account, key->key.ptr, key->key.len, buf_slice(&text), &authorization);
    http_headers_set(attempt->headers, "Authorization", buf_text(&authorization));
    return true;
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err UNUSED)
{
    const struct account_key *key = self;
    (void)snprintf(ret_text, size, "the key of account %s", key->account);
    return true;
}

static void account_key_free(void *self)
{
    struct account_key *key = self;
    text_free(&key->account);
    secret_buf_done(&key->key);
    free(key);
}

static const struct credential_ops ops = {.prepare = prepare, .describe = describe, .free = account_key_free};

bool credential_key_new(const struct auth_options *options, const struct auth_host *host,
                        struct credential *ret_credential, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf decoded;
    struct lf_error detail;
    const char *place = options->place != NULL ? options->place : "the configuration";
    secret_buf_init(&decoded, KEY_MAX_BYTES);
    if (options->account == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "a shared key needs the name of the account");
    }
    if (options->key == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no key for account %s: set auth.account_key",
                            options->account);
    }
    if (!base64_decode(options->key, strlen(options->key), &decoded, &detail) || decoded.len == 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the key of account %s in %s is no base64; copy key1 or key2 as the portal shows it",
                            options->account, place);
    }
    struct account_key *key = mem_new(1, sizeof *key);
    key->account = text_copy(options->account);
    key->key = decoded;
    key->clock = host->clock;
    decoded = (struct buf){0};
    *ret_credential = (struct credential){.ops = &ops, .self = key};
    return true;
}
