/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto_key.h"

#include "base/macros.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RSA_BITS_LEAST 2048

struct crypto_key {
    EVP_PKEY *key;
    STACK_OF(X509) * certificates; /* the own one first */
};

/* OpenSSL fails here only without memory or with a broken installation; neither can be answered. */
static void must(int ok)
{
    if (ok != 1) {
        abort();
    }
}

static void bio_free(BIO **bio)
{
    BIO_free_all(*bio);
}

/* Without one OpenSSL would ask on the terminal. */
static int give_password(char *ret, int size, int rwflag UNUSED, void *context)
{
    const char *password = context;
    const size_t len = password != NULL ? strlen(password) : 0;
    if (password == NULL || size < 0 || len > (size_t)size) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        ret[i] = password[i];
    }
    return (int)len;
}

static bool read_key(struct crypto_key *key, const char *name, BIO *bio, const char *password, struct lf_error *err)
{
    key->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    ERR_clear_error();
    if (key->key == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the private key in %s cannot be read: %s", name,
                            password == NULL ? "if it is encrypted, give certificate_password"
                                             : "is it damaged, or certificate_password wrong?");
    }
    if (EVP_PKEY_get_base_id(key->key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key->key) < RSA_BITS_LEAST) {
        return lf_error_set(err, LF_CONFIG, 0, "the private key in %s is no RSA key of %d bits or more", name,
                            RSA_BITS_LEAST);
    }
    return true;
}

static bool read_certificates(struct crypto_key *key, const char *name, BIO *bio, struct lf_error *err)
{
    bool has_own = false;
    size_t count = 0;
    key->certificates = sk_X509_new_null();
    must(key->certificates != NULL);
    for (X509 *next = PEM_read_bio_X509(bio, NULL, give_password, NULL); next != NULL;
         next = PEM_read_bio_X509(bio, NULL, give_password, NULL)) {
        const bool is_own = !has_own && X509_check_private_key(next, key->key) == 1;
        must(sk_X509_insert(key->certificates, next, is_own ? 0 : -1) > 0);
        has_own = has_own || is_own;
        count++;
    }
    ERR_clear_error();
    if (!has_own) {
        return lf_error_set(err, LF_CONFIG, 0, "%s holds %s; put the certificate of the key beside it, as PEM", name,
                            count == 0 ? "no certificate" : "no certificate that belongs to its private key");
    }
    return true;
}

bool crypto_key_parse(const char *name, const char *pem, size_t len, const char *password, struct crypto_key **ret_key,
                      struct lf_error *err)
{
    static const char mark[] = "PRIVATE KEY-----";
    assert(len <= INT_MAX);
    if (len == 0 || memmem(pem, len, mark, sizeof mark - 1) == NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "%s holds no private key in PEM form (from a .pfx: openssl pkcs12 -in FILE.pfx -nodes -out "
                            "FILE.pem)",
                            name);
    }
    CLEANUP(crypto_key_free) struct crypto_key *key = mem_new(1, sizeof *key);
    CLEANUP(bio_free) BIO *of_key = BIO_new_mem_buf(pem, (int)len);
    CLEANUP(bio_free) BIO *of_certificates = BIO_new_mem_buf(pem, (int)len);
    must(of_key != NULL && of_certificates != NULL);
    TRY(read_key(key, name, of_key, password, err));
    TRY(read_certificates(key, name, of_certificates, err));
    *ret_key = key;
    key = NULL;
    return true;
}

void crypto_key_free(struct crypto_key **key)
{
    if (*key == NULL) {
        return;
    }
    EVP_PKEY_free((*key)->key); /* wipes */
    sk_X509_pop_free((*key)->certificates, X509_free);
    free(*key);
    *key = NULL;
}

void crypto_key_sign(const struct crypto_key *key, enum crypto_padding padding, const void *ptr, size_t len,
                     struct buf *out)
{
    EVP_PKEY_CTX *settings = NULL;
    size_t signature_len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    must(EVP_DigestSignInit(context, &settings, EVP_sha256(), NULL, key->key));
    if (padding == CRYPTO_PSS) {
        must(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING));
        must(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST));
    }
    must(EVP_DigestSign(context, NULL, &signature_len, ptr, len));
    char *room = buf_reserve(out, signature_len);
    if (room != NULL) {
        must(EVP_DigestSign(context, (unsigned char *)room, &signature_len, ptr, len));
        buf_commit(out, signature_len);
    }
    EVP_MD_CTX_free(context);
}

static const X509 *own_certificate(const struct crypto_key *key)
{
    return sk_X509_value(key->certificates, 0);
}

void crypto_key_thumbprint_sha1(const struct crypto_key *key, unsigned char ret_digest[SHA1_BYTES])
{
    unsigned int len = 0;
    must(X509_digest(own_certificate(key), EVP_sha1(), ret_digest, &len));
    must(len == SHA1_BYTES);
}

void crypto_key_thumbprint_sha256(const struct crypto_key *key, unsigned char ret_digest[THUMBPRINT_BYTES])
{
    unsigned int len = 0;
    must(X509_digest(own_certificate(key), EVP_sha256(), ret_digest, &len));
    must(len == THUMBPRINT_BYTES);
}

size_t crypto_key_certificates(const struct crypto_key *key)
{
    return (size_t)sk_X509_num(key->certificates);
}

void crypto_key_append_certificate(const struct crypto_key *key, size_t i, struct buf *out)
{
    unsigned char *der = NULL;
    const int len = i2d_X509(sk_X509_value(key->certificates, (int)i), &der);
    must(len > 0);
    buf_append(out, der, (size_t)len);
    OPENSSL_free(der);
}

int64_t crypto_key_expires_ms(const struct crypto_key *key)
{
    struct tm tm = {0};
    must(ASN1_TIME_to_tm(X509_get0_notAfter(own_certificate(key)), &tm));
    return (int64_t)timegm(&tm) * 1000;
}
