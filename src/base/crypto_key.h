/* SPDX-License-Identifier: Apache-2.0
 *
 * A private RSA key with its certificate, from PEM: signatures and thumbprints of client assertions. Not changed after it was
 * parsed, so threads may share it.
 */
#ifndef BASE_CRYPTO_KEY_H
#define BASE_CRYPTO_KEY_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto_key;

enum crypto_padding {
    CRYPTO_PSS,  /* RSASSA-PSS with SHA-256 and a salt as long: PS256 */
    CRYPTO_PKCS1 /* RSASSA-PKCS1-v1_5 with SHA-256: RS256 */
};

/* The PEM holds the key, encrypted or not, and the certificate that belongs to it, in any order, perhaps with those of its
 * issuers. `name` stands in messages; the password may be NULL. CONFIG: what is missing, does not fit or is too weak. */
bool crypto_key_parse(const char *name, const char *pem, size_t len, const char *password, struct crypto_key **ret_key,
                      struct lf_error *err) LF_MUST_CHECK;
void crypto_key_free(struct crypto_key **key); /* for CLEANUP; NULL inside is allowed */

/* Appends the signature of the bytes, with SHA-256. */
void crypto_key_sign(const struct crypto_key *key, enum crypto_padding padding, const void *ptr, size_t len,
                     struct buf *out);

#define SHA1_BYTES 20
#define THUMBPRINT_BYTES 32
void crypto_key_thumbprint_sha1(const struct crypto_key *key, unsigned char ret_digest[SHA1_BYTES]);
void crypto_key_thumbprint_sha256(const struct crypto_key *key, unsigned char ret_digest[THUMBPRINT_BYTES]);

/* The certificates as DER: the own one first, the others in the order of the PEM. */
size_t crypto_key_certificates(const struct crypto_key *key);
void crypto_key_append_certificate(const struct crypto_key *key, size_t i, struct buf *out);
/* When the own certificate ends. */
int64_t crypto_key_expires_ms(const struct crypto_key *key);

#endif
