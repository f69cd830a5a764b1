/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and encodings. Only base/crypto* includes OpenSSL. base64url is RFC 4648 section 5 without padding.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/buf.h"
#include "lakefeed/error.h"

#define SHA256_BYTES 32
#define SHA256_HEX_SIZE 65

struct sha256; /* a running hash */

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 **hash); /* for CLEANUP; NULL is allowed */
void sha256_update(struct sha256 *hash, const void *ptr, size_t len);
void sha256_finish(struct sha256 *hash, char ret_hex[SHA256_HEX_SIZE]); /* afterwards: starts anew */
void sha256_of(const void *ptr, size_t len, char ret_hex[SHA256_HEX_SIZE]);

#define HMAC_SHA256_BYTES 32
void hmac_sha256(const void *key, size_t key_len, const void *ptr, size_t len,
                 unsigned char ret_mac[HMAC_SHA256_BYTES]);

/* For the checksums that storage services ask for, never against an adversary. */
#define MD5_BYTES 16

struct md5; /* a running hash */

struct md5 *md5_new(void);
void md5_free(struct md5 **hash); /* for CLEANUP; NULL is allowed */
void md5_update(struct md5 *hash, const void *ptr, size_t len);
void md5_finish(struct md5 *hash, unsigned char ret_digest[MD5_BYTES]); /* afterwards: starts anew */
void md5_of(const void *ptr, size_t len, unsigned char ret_digest[MD5_BYTES]);

void base64url_append(struct buf *out, const void *ptr, size_t len);
/* DATA on a character outside the alphabet or an impossible length. */
bool base64url_decode(const char *text, size_t len, struct buf *out, struct lf_error *err) LF_MUST_CHECK;
void base64_append(struct buf *out, const void *ptr, size_t len); /* standard alphabet, padded: BINARY cells */
bool base64_decode(const char *text, size_t len, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

#endif
