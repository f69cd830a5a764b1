/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and encodings; the only file that includes OpenSSL. base64url is RFC 4648 section 5 without padding.
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

void base64url_append(struct buf *out, const void *ptr, size_t len);
/* DATA on a character outside the alphabet or an impossible length. */
bool base64url_decode(const char *text, size_t len, struct buf *out, struct lf_error *err) LF_MUST_CHECK;
void base64_append(struct buf *out, const void *ptr, size_t len); /* standard alphabet, padded: BINARY cells */
bool base64_decode(const char *text, size_t len, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

#endif
