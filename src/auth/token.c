/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token.h"

#include "base/macros.h"
#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct token_cache {
    struct token_source source;
    struct auth_host host;
    struct random_source random;
    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t fetched;
    bool is_fetching;
    uint64_t fetches; /* that have ended */
    bool last_ok;     /* of the last one that ended, with its error */
    struct lf_error last_error;
    struct buf text; /* empty: none */
    int64_t born_ms, due_ms, end_ms;
};

void token_grant_init(struct token_grant *grant)
{
    *grant = (struct token_grant){0};
    secret_buf_init(&grant->text, TOKEN_MAX_BYTES);
}

void token_grant_done(struct token_grant *grant)
{
    secret_buf_done(&grant->text);
}

struct token_cache *token_cache_new(const struct token_source *source, const struct auth_host *host,
                                    const struct random_source *random)
{
    struct token_cache *cache = mem_new(1, sizeof *cache);
    cache->source = *source;
    cache->host = *host;
    cache->random = *random;
    (void)pthread_mutex_init(&cache->mutex, NULL);
    (void)pthread_cond_init(&cache->fetched, NULL);
    return cache;
}

void token_cache_free(struct token_cache **cache)
{
    if (*cache == NULL) {
        return;
    }
    (*cache)->source.free((*cache)->source.self);
    secret_buf_done(&(*cache)->text);
    (void)pthread_cond_destroy(&(*cache)->fetched);
    (void)pthread_mutex_destroy(&(*cache)->mutex);
    free(*cache);
    *cache = NULL;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A short lifetime leaves no room for the usual ten minutes: then half of it. */
static int64_t due_after(const struct token_cache *cache, const struct token_grant *grant)
{
    uint64_t random = 0;
    int64_t due_ms = grant->lifetime_ms - TOKEN_AHEAD_MS;
    due_ms = due_ms < grant->lifetime_ms / 2 ? grant->lifetime_ms / 2 : due_ms;
    if (grant->refresh_ms > 0) {
        due_ms = least(due_ms, grant->refresh_ms);
    }
    cache->random.fill(cache->random.context, &random, sizeof random);
    return due_ms - (int64_t)(random % (uint64_t)(due_ms / 10 + 1));
}

static void keep(struct token_cache *cache, const struct token_grant *grant, int64_t asked_ms)
{
    secret_buf_done(&cache->text);
    secret_buf_init(&cache->text, grant->text.len); /* no more than it needs: there is one for each link */
    buf_append(&cache->text, grant->text.ptr, grant->text.len);
    cache->born_ms = asked_ms;
    cache->due_ms = asked_ms + due_after(cache, grant);
    cache->end_ms = asked_ms + grant->lifetime_ms - least(TOKEN_MARGIN_MS, grant->lifetime_ms / 4);
}

static bool has_token(const struct token_cache *cache, int64_t now_ms)
{
    return cache->text.len > 0 && now_ms < cache->end_ms;
}

static void forget_refused(struct token_cache *cache, const char *refused, int64_t now_ms)
{
    const bool is_it =
        *refused != '\0' ? strcmp(buf_text(&cache->text), refused) == 0 : now_ms - cache->born_ms >= TOKEN_NEWBORN_MS;
    if (is_it) {
        secret_buf_reset(&cache->text);
    }
}

/* A failure ahead of time is only told: the old token still serves. */
static void postpone(struct token_cache *cache, const struct lf_error *err, int64_t now_ms)
{
    const int64_t wait_ms = err->retry_after_ms > TOKEN_RETRY_MS ? err->retry_after_ms : TOKEN_RETRY_MS;
    cache->due_ms = now_ms + wait_ms;
    log_failure_with(cache->host.log, &cache->host.where, EVENT_token_refresh_failed, err,
                     (struct log_field[]){LOG_NUM("seconds_left", (cache->end_ms - now_ms) / 1000), {0}});
}

/* The mutex is held, but not while the source works. Afterwards there is a token, or last_error. */
static void fetch(struct token_cache *cache)
{
    CLEANUP(token_grant_done) struct token_grant grant;
    struct lf_error err = {0};
    token_grant_init(&grant);
    const int64_t asked_ms = clock_now_ms(&cache->host.clock);
    const bool ahead = has_token(cache, asked_ms);
    cache->is_fetching = true;
    (void)pthread_mutex_unlock(&cache->mutex);
    const bool ok = cache->source.fetch(cache->source.self, !ahead, &grant, &err);
    (void)pthread_mutex_lock(&cache->mutex);
    cache->is_fetching = false;
    cache->fetches++;
    cache->last_ok = ok;
    if (ok) {
        keep(cache, &grant, asked_ms);
    } else {
        cache->last_error = err;
        if (ahead) {
            postpone(cache, &err, clock_now_ms(&cache->host.clock));
        }
    }
    (void)pthread_cond_broadcast(&cache->fetched);
}

/* Of a fetch that another thread has made: a cancellation was of that thread alone. */
static bool is_shared_failure(const struct token_cache *cache, uint64_t fetches)
{
    return cache->fetches != fetches && !cache->last_ok && cache->last_error.kind != LF_CANCELLED;
}

/* Without a usable token: fetches one, or waits for the thread that does. False with the error when there is none to come. */
static bool obtain(struct token_cache *cache, struct lf_error *err)
{
    const uint64_t fetches = cache->fetches;
    const bool own = !cache->is_fetching;
    if (own) {
        fetch(cache);
    } else {
        (void)pthread_cond_wait(&cache->fetched, &cache->mutex);
    }
    if ((own && !cache->last_ok) || is_shared_failure(cache, fetches)) {
        *err = cache->last_error;
        return false;
    }
    if (own && !has_token(cache, clock_now_ms(&cache->host.clock))) {
        return lf_error_set(err, LF_AUTH, 0,
                            "the token that was handed out has ended already; is the clock of this machine right?");
    }
    return true;
}

static bool await_token(struct token_cache *cache, struct lf_error *err)
{
    bool renewed = false;
    for (;;) {
        const int64_t now_ms = clock_now_ms(&cache->host.clock);
        if (!has_token(cache, now_ms)) {
            TRY(obtain(cache, err));
        } else if (!renewed && now_ms >= cache->due_ms && !cache->is_fetching) {
            fetch(cache);
            renewed = true;
        } else {
            return true;
        }
    }
}

bool token_cache_get(struct token_cache *cache, const char *refused, struct buf *out, struct lf_error *err)
{
    (void)pthread_mutex_lock(&cache->mutex);
    if (refused != NULL) {
        forget_refused(cache, refused, clock_now_ms(&cache->host.clock));
    }
    const bool ok = await_token(cache, err);
    if (ok) {
        buf_append(out, cache->text.ptr, cache->text.len);
    }
    (void)pthread_mutex_unlock(&cache->mutex);
    return ok && buf_check(out, "the token", err);
}

bool token_cache_describe(struct token_cache *cache, char *ret_text, size_t size, struct lf_error *err)
{
    return cache->source.describe(cache->source.self, ret_text, size, err);
}

int64_t token_cache_expires_ms(struct token_cache *cache)
{
    return cache->source.expires_ms != NULL ? cache->source.expires_ms(cache->source.self) : 0;
}
