/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and certificates for tests, made when needed, as PEM. Header-only, so that only those who use it need OpenSSL.
 */
#ifndef FAKES_CERTIFICATE_H
#define FAKES_CERTIFICATE_H

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

static inline void certificate_must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static inline EVP_PKEY *certificate_key(unsigned bits)
{
    EVP_PKEY *key = bits > 0 ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    certificate_must(key != NULL);
    return key;
}

/* Signed by itself, valid from now for that many seconds. */
static inline X509 *certificate_of(EVP_PKEY *key, const char *name, long seconds)
{
    X509 *certificate = X509_new();
    certificate_must(certificate != NULL);
    X509_NAME *subject = X509_get_subject_name(certificate);
    certificate_must(X509_set_version(certificate, 2) == 1);
    certificate_must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    certificate_must(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    certificate_must(X509_gmtime_adj(X509_getm_notAfter(certificate), seconds) != NULL);
    certificate_must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) ==
                     1);
    certificate_must(X509_set_issuer_name(certificate, subject) == 1);
    certificate_must(X509_set_pubkey(certificate, key) == 1);
    certificate_must(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static inline void certificate_append_bio(BIO *bio, struct buf *out)
{
    char *text = NULL;
    const long len = BIO_get_mem_data(bio, &text);
    buf_append(out, text, (size_t)len);
    BIO_free(bio);
}

/* `password` NULL: not encrypted. */
static inline void certificate_append_key(EVP_PKEY *key, const char *password, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    certificate_must(PEM_write_bio_PKCS8PrivateKey(bio, key, password != NULL ? EVP_aes_256_cbc() : NULL, password,
                                                   password != NULL ? (int)strlen(password) : 0, NULL, NULL) == 1);
    certificate_append_bio(bio, out);
}

static inline void certificate_append(X509 *certificate, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    certificate_must(PEM_write_bio_X509(bio, certificate) == 1);
    certificate_append_bio(bio, out);
}

#endif
