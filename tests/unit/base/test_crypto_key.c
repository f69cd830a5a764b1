/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto_key.h"
#include "base/macros.h"
#include "fakes/certificate.h"

#include <string.h>
#include <time.h>

/* What all tests share: making a key takes long. */
struct material {
    EVP_PKEY *own, *other;
    X509 *certificate, *issuer;
};

static int set_up(void **state)
{
    struct material *material = mem_new(1, sizeof *material);
    material->own = certificate_key(2048);
    material->other = certificate_key(2048);
    material->certificate = certificate_of(material->own, "lakefeed", 3600);
    material->issuer = certificate_of(material->other, "issuer", 3600);
    *state = material;
    return 0;
}

static int tear_down(void **state)
{
    struct material *material = *state;
    EVP_PKEY_free(material->own);
    EVP_PKEY_free(material->other);
    X509_free(material->certificate);
    X509_free(material->issuer);
    free(material);
    return 0;
}

static struct crypto_key *parse(const struct buf *pem, const char *password)
{
    struct lf_error err;
    struct crypto_key *key = NULL;
    assert_true(crypto_key_parse("app.pem", pem->ptr, pem->len, password, &key, &err));
    return key;
}

static bool is_signature(EVP_PKEY *key, bool pss, const char *text, const struct buf *signature)
{
    EVP_PKEY_CTX *settings = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, &settings, EVP_sha256(), NULL, key), 1);
    if (pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    const bool ok = EVP_DigestVerify(context, (const unsigned char *)signature->ptr, signature->len,
                                     (const unsigned char *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static void crypto_key_when_it_signs_then_the_public_key_verifies_in_that_padding_alone(void **state)
{
    const struct material *material = *state;
    CLEANUP(buf_done) struct buf pem = {0};
    CLEANUP(buf_done) struct buf pss = {0};
    CLEANUP(buf_done) struct buf pkcs1 = {0};
    certificate_append_key(material->own, NULL, &pem);
    certificate_append(material->certificate, &pem);
    CLEANUP(crypto_key_free) struct crypto_key *key = parse(&pem, NULL);
    crypto_key_sign(key, CRYPTO_PSS, "abc", 3, &pss);
    crypto_key_sign(key, CRYPTO_PKCS1, "abc", 3, &pkcs1);
    assert_true(is_signature(material->own, true, "abc", &pss));
    assert_true(is_signature(material->own, false, "abc", &pkcs1));
    assert_false(is_signature(material->own, true, "abd", &pss));
    assert_false(is_signature(material->own, true, "abc", &pkcs1));
    assert_false(is_signature(material->own, false, "abc", &pss));
}

static void crypto_key_when_parsed_then_thumbprints_and_end_of_its_own_certificate(void **state)
{
    const struct material *material = *state;
    unsigned char own[EVP_MAX_MD_SIZE];
    unsigned char got[THUMBPRINT_BYTES];
    CLEANUP(buf_done) struct buf pem = {0};
    certificate_append(material->issuer, &pem); /* in any order */
    certificate_append_key(material->own, NULL, &pem);
    certificate_append(material->certificate, &pem);
    CLEANUP(crypto_key_free) struct crypto_key *key = parse(&pem, NULL);
    assert_int_equal(X509_digest(material->certificate, EVP_sha1(), own, NULL), 1);
    crypto_key_thumbprint_sha1(key, got);
    assert_memory_equal(got, own, SHA1_BYTES);
    assert_int_equal(X509_digest(material->certificate, EVP_sha256(), own, NULL), 1);
    crypto_key_thumbprint_sha256(key, got);
    assert_memory_equal(got, own, THUMBPRINT_BYTES);
    const int64_t left_ms = crypto_key_expires_ms(key) - (int64_t)time(NULL) * 1000;
    assert_in_range(left_ms, INT64_C(3000000), INT64_C(3600000));
}

static void crypto_key_when_the_pem_has_a_chain_then_the_own_certificate_is_first(void **state)
{
    const struct material *material = *state;
    unsigned char *der = NULL;
    CLEANUP(buf_done) struct buf pem = {0};
    CLEANUP(buf_done) struct buf first = {0};
    certificate_append(material->issuer, &pem);
    certificate_append(material->certificate, &pem);
    certificate_append_key(material->own, NULL, &pem);
    CLEANUP(crypto_key_free) struct crypto_key *key = parse(&pem, NULL);
    assert_int_equal(crypto_key_certificates(key), 2);
    crypto_key_append_certificate(key, 0, &first);
    const int len = i2d_X509(material->certificate, &der);
    assert_int_equal(first.len, len);
    assert_memory_equal(first.ptr, der, (size_t)len);
    OPENSSL_free(der);
}

static void refuse(const struct buf *pem, const char *password, const char *said)
{
    struct lf_error err;
    struct crypto_key *key = NULL;
    assert_false(crypto_key_parse("app.pem", buf_text(pem), pem->len, password, &key, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "app.pem"));
    assert_non_null(strstr(err.msg, said));
}

static void crypto_key_when_encrypted_then_only_with_its_password(void **state)
{
    const struct material *material = *state;
    CLEANUP(buf_done) struct buf pem = {0};
    certificate_append_key(material->own, "topsecret", &pem);
    certificate_append(material->certificate, &pem);
    CLEANUP(crypto_key_free) struct crypto_key *key = parse(&pem, "topsecret");
    assert_non_null(key);
    refuse(&pem, NULL, "give certificate_password");
    refuse(&pem, "wrong", "certificate_password wrong");
}

static void crypto_key_when_a_part_is_missing_or_does_not_fit_then_config(void **state)
{
    const struct material *material = *state;
    CLEANUP(buf_done) struct buf nothing = {0};
    CLEANUP(buf_done) struct buf key_alone = {0};
    CLEANUP(buf_done) struct buf certificate_alone = {0};
    CLEANUP(buf_done) struct buf of_another = {0};
    CLEANUP(buf_done) struct buf elliptic = {0};
    EVP_PKEY *curve = certificate_key(0);
    certificate_append_key(material->own, NULL, &key_alone);
    certificate_append(material->certificate, &certificate_alone);
    certificate_append_key(material->own, NULL, &of_another);
    certificate_append(material->issuer, &of_another);
    certificate_append_key(curve, NULL, &elliptic);
    EVP_PKEY_free(curve);
    refuse(&nothing, NULL, "no private key in PEM form");
    refuse(&key_alone, NULL, "no certificate;");
    refuse(&certificate_alone, NULL, "no private key in PEM form");
    refuse(&of_another, NULL, "no certificate that belongs to its private key");
    refuse(&elliptic, NULL, "no RSA key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crypto_key_when_it_signs_then_the_public_key_verifies_in_that_padding_alone),
        cmocka_unit_test(crypto_key_when_parsed_then_thumbprints_and_end_of_its_own_certificate),
        cmocka_unit_test(crypto_key_when_the_pem_has_a_chain_then_the_own_certificate_is_first),
        cmocka_unit_test(crypto_key_when_encrypted_then_only_with_its_password),
        cmocka_unit_test(crypto_key_when_a_part_is_missing_or_does_not_fit_then_config),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
