/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/entra.h"
#include "auth/environment.h"
#include "auth/expiry.h"
#include "auth/jwt.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PEM_MAX_BYTES ((size_t)256 << 10)
#define ASSERTION_MAX_BYTES ((size_t)64 << 10)
#define ID_BYTES 16

struct certificate {
    struct auth_host host;
    char *file, *password, *client_id;
    enum auth_assertion signature;
    bool with_chain;
    atomic_int_least64_t expires_ms; /* of the file as it was read last */
    struct expiry_watch watch;       /* of those who fetch, one at a time */
};

static void certificate_free(void *self)
{
    struct certificate *certificate = self;
    text_free(&certificate->file);
    text_free(&certificate->client_id);
    secret_text_free(&certificate->password);
    free(certificate);
}

/* Read anew each time: a renewed certificate needs no restart, and the key is in memory only while it signs. */
static bool read_key(struct certificate *certificate, struct crypto_key **ret_key, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf pem;
    secret_buf_init(&pem, PEM_MAX_BYTES);
    if (!file_read_all(certificate->file, PEM_MAX_BYTES, &pem, err)) {
        err->kind = LF_CONFIG;
        return lf_error_wrap(err, "the certificate of the application");
    }
    TRY(crypto_key_parse(certificate->file, buf_text(&pem), pem.len, certificate->password, ret_key, err));
    atomic_store(&certificate->expires_ms, crypto_key_expires_ms(*ret_key));
    return true;
}

static int64_t expires_ms(void *self)
{
    struct certificate *certificate = self;
    return atomic_load(&certificate->expires_ms);
}

static void warn(struct certificate *certificate, int64_t now_ms)
{
    char expires[CLOCK_TEXT_SIZE];
    const int64_t at_ms = expires_ms(certificate);
    if (!expiry_is_due(&certificate->watch, at_ms, now_ms)) {
        return;
    }
    clock_format_iso(at_ms, expires);
    log_write(certificate->host.log, &certificate->host.where, EVENT_certificate_expires,
              (struct log_field[]){LOG_TEXT("expires", expires),
                                   LOG_NUM("hours_left", (at_ms - now_ms) / 3600000),
                                   LOG_TEXT("place", certificate->file),
                                   {0}});
}

static bool append(void *self, const char *token_url, struct buf *form, struct lf_error *err)
{
    struct certificate *certificate = self;
    CLEANUP(crypto_key_free) struct crypto_key *key = NULL;
    CLEANUP(secret_buf_done) struct buf text;
    char id[2 * ID_BYTES + 1];
    const struct random_source random = random_system();
    secret_buf_init(&text, ASSERTION_MAX_BYTES);
    random_hex(&random, ID_BYTES, id);
    if (!read_key(certificate, &key, err)) {
        err->kind = LF_AUTH; /* it was there at the start: somebody is about to replace it */
        return false;
    }
    const int64_t now_ms = clock_now_ms(&certificate->host.clock);
    warn(certificate, now_ms);
    const struct jwt_assertion assertion = {
        .signature = certificate->signature,
        .with_chain = certificate->with_chain,
        .audience = token_url,
        .client_id = certificate->client_id,
        .id = id,
        .now_ms = now_ms,
    };
    TRY(jwt_append_assertion(&assertion, key, &text, err));
    entra_append_parameter(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    entra_append_parameter(form, "client_assertion", buf_text(&text));
    return true;
}

bool entra_certificate_source(const struct auth_options *options, const struct auth_host *host,
                              struct token_source *ret_source, struct lf_error *err)
{
    CLEANUP(crypto_key_free) struct crypto_key *key = NULL;
    const char *file = environment_or(options->certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH");
    const char *password = environment_or(options->certificate_password, "AZURE_CLIENT_CERTIFICATE_PASSWORD");
    if (file == NULL) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "the identity needs auth.certificate: set it, or AZURE_CLIENT_CERTIFICATE_PATH in the environment");
    }
    struct certificate *certificate = mem_new(1, sizeof *certificate);
    *certificate = (struct certificate){
        .host = *host,
        .file = text_copy(file),
        .password = text_copy(password),
        .client_id = text_copy(environment_or(options->client_id, "AZURE_CLIENT_ID")),
        .signature = options->assertion,
        .with_chain = options->certificate_chain || environment_is_true("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"),
    };
    if (!read_key(certificate, &key, err)) {
        certificate_free(certificate);
        return false;
    }
    struct entra_proof proof = {.what = "a certificate",
                                .append = append,
                                .expires_ms = expires_ms,
                                .free = certificate_free,
                                .self = certificate};
    return entra_source_new(options, host, &proof, ret_source, err);
}
