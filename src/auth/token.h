/* SPDX-License-Identifier: Apache-2.0
 *
 * A token and its renewal. Whoever asks first fetches; while that goes on, others wait for the result, or get the token that
 * still holds. Ahead of its end, at min(refresh_in, lifetime - 10 min) less a random tenth, one caller fetches the next with a
 * single try; if that fails, the old one serves until a minute before its end and the next try follows half a minute later.
 *
 * Threads: all functions from any. The clock and randomness are given, so tests decide them.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "auth/credential.h"
#include "base/buf.h"
#include "base/random.h"

#define TOKEN_MAX_BYTES ((size_t)32 << 10)
#define TOKEN_AHEAD_MS (INT64_C(600) * 1000)  /* before the end it is renewed */
#define TOKEN_MARGIN_MS (INT64_C(60) * 1000)  /* before the end it is used no more */
#define TOKEN_RETRY_MS (INT64_C(30) * 1000)   /* after a renewal ahead of time that failed */
#define TOKEN_NEWBORN_MS (INT64_C(10) * 1000) /* so young it is not the one that was refused */

/* What a service handed out. */
struct token_grant {
    struct buf text; /* wiped by token_grant_done */
    int64_t lifetime_ms;
    int64_t refresh_ms; /* after which the service wants it renewed; 0: it does not say */
};
void token_grant_init(struct token_grant *grant);
void token_grant_done(struct token_grant *grant); /* for CLEANUP */

/* Where tokens come from; never called by two threads at once. `patient`: somebody waits who has no token, so failures that may
 * pass are tried again for a while; else a single try. */
struct token_source {
    bool (*fetch)(void *self, bool patient, struct token_grant *grant, struct lf_error *err);
    bool (*describe)(void *self, char *ret_text, size_t size, struct lf_error *err);
    int64_t (*expires_ms)(void *self); /* of the certificate behind it; 0 or NULL: none; any thread */
    void (*free)(void *self);
    void *self;
};

struct token_cache;

/* Takes over the source. */
struct token_cache *token_cache_new(const struct token_source *source, const struct auth_host *host,
                                    const struct random_source *random);
void token_cache_free(struct token_cache **cache); /* for CLEANUP; nobody is in token_cache_get any more */

/* Appends a token that holds for another minute. `refused`: the token that was answered 401, which is not given out again; ""
 * when it is not known any more; NULL: none was. AUTH, CONFIG, TRANSIENT, THROTTLED, CANCELLED: what the source says. */
bool token_cache_get(struct token_cache *cache, const char *refused, struct buf *out,
                     struct lf_error *err) LF_MUST_CHECK;
bool token_cache_describe(struct token_cache *cache, char *ret_text, size_t size, struct lf_error *err) LF_MUST_CHECK;
int64_t token_cache_expires_ms(struct token_cache *cache); /* of its source; 0: none */

#endif
