/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/jwt.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/secret.h"

#define SIGNATURE_MAX_BYTES 2048u /* of a key of 16,384 bits */

static void put_base64url(struct json_writer *json, const char *name, const void *ptr, size_t len)
{
    CLEANUP(buf_done) struct buf text = {0};
    base64url_append(&text, ptr, len);
    json_put_text(json, name, buf_text(&text));
}

static void put_thumbprint(struct json_writer *json, enum auth_assertion signature, const struct crypto_key *key)
{
    unsigned char digest[THUMBPRINT_BYTES];
    if (signature == AUTH_RS256) {
        crypto_key_thumbprint_sha1(key, digest);
        put_base64url(json, "x5t", digest, SHA1_BYTES);
    } else {
        crypto_key_thumbprint_sha256(key, digest);
        put_base64url(json, "x5t#S256", digest, THUMBPRINT_BYTES);
    }
}

static void put_chain(struct json_writer *json, const struct crypto_key *key)
{
    json_write_key(json, "x5c");
    json_begin_array(json);
    for (size_t i = 0; i < crypto_key_certificates(key); i++) {
        CLEANUP(buf_done) struct buf der = {0};
        CLEANUP(buf_done) struct buf text = {0};
        crypto_key_append_certificate(key, i, &der);
        base64_append(&text, der.ptr, der.len);
        json_write_text(json, buf_text(&text));
    }
    json_end_array(json);
}

static bool append_header(const struct jwt_assertion *assertion, const struct crypto_key *key, struct buf *out,
                          struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&text, false);
    json_begin_object(json);
    json_put_text(json, "typ", "JWT");
    json_put_text(json, "alg", auth_assertion_word(assertion->signature));
    put_thumbprint(json, assertion->signature, key);
    if (assertion->with_chain) {
        put_chain(json, key);
    }
    json_end_object(json);
    TRY(json_writer_finish(json, err));
    base64url_append(out, text.ptr, text.len);
    return true;
}

static bool append_claims(const struct jwt_assertion *assertion, struct buf *out, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&text, false);
    const int64_t now_s = assertion->now_ms / 1000;
    json_begin_object(json);
    json_put_text(json, "aud", assertion->audience);
    json_put_text(json, "iss", assertion->client_id);
    json_put_text(json, "sub", assertion->client_id);
    json_put_text(json, "jti", assertion->id);
    json_put_int(json, "nbf", now_s);
    json_put_int(json, "exp", now_s + JWT_LIFETIME_S);
    json_end_object(json);
    TRY(json_writer_finish(json, err));
    base64url_append(out, text.ptr, text.len);
    return true;
}

bool jwt_append_assertion(const struct jwt_assertion *assertion, const struct crypto_key *key, struct buf *out,
                          struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(secret_buf_done) struct buf signature;
    secret_buf_init(&signature, SIGNATURE_MAX_BYTES);
    TRY(append_header(assertion, key, &text, err));
    buf_append_char(&text, '.');
    TRY(append_claims(assertion, &text, err));
    crypto_key_sign(key, assertion->signature == AUTH_RS256 ? CRYPTO_PKCS1 : CRYPTO_PSS, text.ptr, text.len,
                    &signature);
    TRY(buf_check(&signature, "the signature", err));
    buf_append(out, text.ptr, text.len);
    buf_append_char(out, '.');
    base64url_append(out, signature.ptr, signature.len);
    return buf_check(out, "the client assertion", err);
}
