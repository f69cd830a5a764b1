/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/jwt.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/macros.h"
#include "fakes/certificate.h"

#include <string.h>

struct material {
    EVP_PKEY *own;
    X509 *certificate;
    struct crypto_key *key;
};

static int set_up(void **state)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf pem = {0};
    struct material *material = mem_new(1, sizeof *material);
    EVP_PKEY *other = certificate_key(2048);
    X509 *issuer = certificate_of(other, "issuer", 3600);
    material->own = certificate_key(2048);
    material->certificate = certificate_of(material->own, "lakefeed", 3600);
    certificate_append_key(material->own, NULL, &pem);
    certificate_append(material->certificate, &pem);
    certificate_append(issuer, &pem);
    const bool ok = crypto_key_parse("app.pem", pem.ptr, pem.len, NULL, &material->key, &err);
    EVP_PKEY_free(other);
    X509_free(issuer);
    *state = material;
    return ok ? 0 : -1;
}

static int tear_down(void **state)
{
    struct material *material = *state;
    EVP_PKEY_free(material->own);
    X509_free(material->certificate);
    crypto_key_free(&material->key);
    free(material);
    return 0;
}

/* A token taken apart: header and claims parsed, the signature checked. */
struct parts {
    struct json *header, *claims;
    bool is_signed;
};

static struct json *parse_part(const char *text, size_t len)
{
    struct lf_error err;
    struct json *root = NULL;
    CLEANUP(buf_done) struct buf decoded = {0};
    assert_true(base64url_decode(text, len, &decoded, &err));
    assert_true(json_parse("part", decoded.ptr, decoded.len, &root, &err));
    return root;
}

static bool verify(EVP_PKEY *key, bool pss, const char *text, size_t len, const struct buf *signature)
{
    EVP_PKEY_CTX *settings = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, &settings, EVP_sha256(), NULL, key), 1);
    if (pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    const bool ok = EVP_DigestVerify(context, (const unsigned char *)signature->ptr, signature->len,
                                     (const unsigned char *)text, len) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static void take_apart(const char *token, EVP_PKEY *key, bool pss, struct parts *ret)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf signature = {0};
    const char *first = strchr(token, '.');
    const char *second = strchr(first + 1, '.');
    assert_null(strchr(second + 1, '.'));
    assert_true(base64url_decode(second + 1, strlen(second + 1), &signature, &err));
    ret->header = parse_part(token, (size_t)(first - token));
    ret->claims = parse_part(first + 1, (size_t)(second - first) - 1);
    ret->is_signed = verify(key, pss, token, (size_t)(second - token), &signature);
}

static void parts_done(struct parts *parts)
{
    json_free(&parts->header);
    json_free(&parts->claims);
}

static const char *header_text(const struct parts *parts, const char *name)
{
    return json_text(json_member(parts->header, name));
}

static void make(const struct material *material, enum auth_assertion signature, bool with_chain, struct parts *ret)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf token = {0};
    const struct jwt_assertion assertion = {
        .signature = signature,
        .with_chain = with_chain,
        .audience = "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
        .client_id = "11111111-2222-3333-4444-555555555555",
        .id = "once",
        .now_ms = INT64_C(1700000000999),
    };
    assert_true(jwt_append_assertion(&assertion, material->key, &token, &err));
    take_apart(buf_text(&token), material->own, signature == AUTH_PS256, ret);
}

static void assert_thumbprint(const struct parts *parts, const char *name, const EVP_MD *hash, X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    CLEANUP(buf_done) struct buf expected = {0};
    assert_int_equal(X509_digest(certificate, hash, digest, &len), 1);
    base64url_append(&expected, digest, len);
    assert_string_equal(header_text(parts, name), buf_text(&expected));
}

static void jwt_when_ps256_then_signed_so_with_the_sha256_of_the_certificate(void **state)
{
    const struct material *material = *state;
    CLEANUP(parts_done) struct parts parts;
    make(material, AUTH_PS256, false, &parts);
    assert_true(parts.is_signed);
    assert_string_equal(header_text(&parts, "alg"), "PS256");
    assert_string_equal(header_text(&parts, "typ"), "JWT");
    assert_null(header_text(&parts, "x5t"));
    assert_null(json_member(parts.header, "x5c"));
    assert_thumbprint(&parts, "x5t#S256", EVP_sha256(), material->certificate);
}

static void jwt_when_rs256_then_signed_so_with_the_sha1_of_the_certificate(void **state)
{
    const struct material *material = *state;
    CLEANUP(parts_done) struct parts parts;
    make(material, AUTH_RS256, false, &parts);
    assert_true(parts.is_signed);
    assert_string_equal(header_text(&parts, "alg"), "RS256");
    assert_null(header_text(&parts, "x5t#S256"));
    assert_thumbprint(&parts, "x5t", EVP_sha1(), material->certificate);
}

static void jwt_when_made_then_it_claims_the_client_for_ten_minutes(void **state)
{
    int64_t number = 0;
    CLEANUP(parts_done) struct parts parts;
    make(*state, AUTH_PS256, false, &parts);
    static const char *const texts[][2] = {
        {"aud", "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"},
        {"iss", "11111111-2222-3333-4444-555555555555"},
        {"sub", "11111111-2222-3333-4444-555555555555"},
        {"jti", "once"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_string_equal(json_text(json_member(parts.claims, texts[i][0])), texts[i][1]);
    }
    assert_true(json_int(json_member(parts.claims, "nbf"), &number));
    assert_int_equal(number, 1700000000);
    assert_true(json_int(json_member(parts.claims, "exp"), &number));
    assert_int_equal(number, 1700000600);
}

static void jwt_when_the_chain_is_wanted_then_all_certificates_the_own_one_first(void **state)
{
    const struct material *material = *state;
    unsigned char *der = NULL;
    CLEANUP(parts_done) struct parts parts;
    CLEANUP(buf_done) struct buf expected = {0};
    make(material, AUTH_PS256, true, &parts);
    const int len = i2d_X509(material->certificate, &der);
    base64_append(&expected, der, (size_t)len);
    OPENSSL_free(der);
    const struct json *first = json_first(json_member(parts.header, "x5c"));
    assert_string_equal(json_text(first), buf_text(&expected));
    assert_non_null(json_text(json_next(first)));
    assert_null(json_next(json_next(first)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_when_ps256_then_signed_so_with_the_sha256_of_the_certificate),
        cmocka_unit_test(jwt_when_rs256_then_signed_so_with_the_sha1_of_the_certificate),
        cmocka_unit_test(jwt_when_made_then_it_claims_the_client_for_ten_minutes),
        cmocka_unit_test(jwt_when_the_chain_is_wanted_then_all_certificates_the_own_one_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
