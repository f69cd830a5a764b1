/* SPDX-License-Identifier: Apache-2.0
 *
 * A client assertion: a JSON Web Token by which a certificate's key proves who asks for a token (RFC 7523). Pure but for the
 * random salt of PS256.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "auth/auth.h"
#include "base/crypto_key.h"

struct jwt_assertion {
    enum auth_assertion signature;
    bool with_chain;      /* x5c */
    const char *audience; /* the URL that it is sent to */
    const char *client_id;
    const char *id; /* never used before */
    int64_t now_ms;
};

#define JWT_LIFETIME_S 600

/* Appends header.claims.signature. */
bool jwt_append_assertion(const struct jwt_assertion *assertion, const struct crypto_key *key, struct buf *out,
                          struct lf_error *err) LF_MUST_CHECK;

#endif
