/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include "auth/credential.h"
#include "auth/expiry.h"
#include "base/macros.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A credential with those who use it right now: auth_renew puts another in its place, the last user frees the old one. */
struct holder {
    struct credential credential;
    unsigned users;
};

struct auth {
    char *link;
    struct auth_host host;
    pthread_mutex_t mutex; /* of what follows */
    struct holder *current;
};

typedef bool (*credential_maker)(const struct auth_options *options, const struct auth_host *host,
                                 struct credential *ret_credential, struct lf_error *err);

static bool make_holder(const struct auth_options *options, const struct auth_host *host, struct holder **ret_holder,
                        struct lf_error *err)
{
    static const credential_maker makers[] = {
        [AUTH_DEFAULT] = credential_token_new,
        [AUTH_SHARED_KEY] = credential_key_new,
        [AUTH_SAS] = credential_sas_new,
        [AUTH_CLIENT_SECRET] = credential_token_new,
        [AUTH_CLIENT_CERTIFICATE] = credential_token_new,
        [AUTH_MANAGED_IDENTITY] = credential_token_new,
        [AUTH_WORKLOAD_IDENTITY] = credential_token_new,
    };
    struct credential credential = {0};
    struct auth_options given = *options;
    assert((size_t)options->kind < ARRAY_LEN(makers));
#define EMPTY_IS_ABSENT(name) given.name = given.name != NULL && *given.name != '\0' ? given.name : NULL;
    AUTH_OPTION_TEXTS(EMPTY_IS_ABSENT)
#undef EMPTY_IS_ABSENT
    TRY(makers[options->kind](&given, host, &credential, err));
    *ret_holder = mem_new(1, sizeof **ret_holder);
    **ret_holder = (struct holder){.credential = credential, .users = 1};
    return true;
}

static struct holder *hold(struct auth *auth)
{
    (void)pthread_mutex_lock(&auth->mutex);
    struct holder *holder = auth->current;
    holder->users++;
    (void)pthread_mutex_unlock(&auth->mutex);
    return holder;
}

static void leave(struct auth *auth, struct holder *holder)
{
    (void)pthread_mutex_lock(&auth->mutex);
    const bool last = --holder->users == 0;
    (void)pthread_mutex_unlock(&auth->mutex);
    if (last) {
        holder->credential.ops->free(holder->credential.self);
        free(holder);
    }
}

struct auth_host auth_host_of(const struct auth_options *options)
{
    return (struct auth_host){
        .http = options->http,
        .call = http_call,
        .log = options->log,
        .where = {.link = options->link},
        .clock = options->clock != NULL ? *options->clock : clock_system(),
        .cancelled = options->cancelled,
        .cancel_context = options->cancel_context,
        .patience_ms = options->patience_ms != 0 ? options->patience_ms : AUTH_PATIENCE_MS,
    };
}

bool auth_new(const struct auth_options *options, struct auth **ret_auth, struct lf_error *err)
{
    CLEANUP(text_free) char *link = text_copy(options->link);
    struct auth_host host = auth_host_of(options);
    struct holder *holder = NULL;
    host.where.link = link;
    TRY(make_holder(options, &host, &holder, err));
    struct auth *auth = mem_new(1, sizeof *auth);
    auth->link = link;
    auth->host = host;
    auth->current = holder;
    link = NULL;
    (void)pthread_mutex_init(&auth->mutex, NULL);
    *ret_auth = auth;
    return true;
}

void auth_free(struct auth **auth)
{
    if (*auth == NULL) {
        return;
    }
    leave(*auth, (*auth)->current);
    text_free(&(*auth)->link);
    (void)pthread_mutex_destroy(&(*auth)->mutex);
    free(*auth);
    *auth = NULL;
}

bool auth_prepare(void *auth, struct http_try *attempt, struct lf_error *err)
{
    struct holder *holder = hold(auth);
    const bool ok = holder->credential.ops->prepare(holder->credential.self, attempt, err);
    leave(auth, holder);
    return ok;
}

void auth_append_source_query(struct auth *auth, struct buf *out)
{
    struct holder *holder = hold(auth);
    if (holder->credential.ops->append_source_query != NULL) {
        holder->credential.ops->append_source_query(holder->credential.self, out);
    }
    leave(auth, holder);
}

bool auth_renew(struct auth *auth, const struct auth_options *options, struct lf_error *err)
{
    struct holder *holder = NULL;
    TRY(make_holder(options, &auth->host, &holder, err));
    (void)pthread_mutex_lock(&auth->mutex);
    struct holder *old = auth->current;
    auth->current = holder;
    (void)pthread_mutex_unlock(&auth->mutex);
    leave(auth, old);
    return true;
}

bool auth_describe(struct auth *auth, char *ret_text, size_t size, struct lf_error *err)
{
    struct holder *holder = hold(auth);
    const bool ok = holder->credential.ops->describe(holder->credential.self, ret_text, size, err);
    leave(auth, holder);
    return ok;
}

int64_t auth_expires_ms(struct auth *auth, bool *ret_soon)
{
    struct holder *holder = hold(auth);
    const struct credential *credential = &holder->credential;
    const int64_t expires_ms = credential->ops->expires_ms != NULL ? credential->ops->expires_ms(credential->self) : 0;
    leave(auth, holder);
    *ret_soon = expiry_is_near(expires_ms, clock_now_ms(&auth->host.clock));
    return expires_ms;
}

static const char *const kind_words[] = {
#define AUTH_KIND_WORD(name, word, text) word,
    AUTH_KINDS(AUTH_KIND_WORD)
#undef AUTH_KIND_WORD
};

static const char *const assertion_words[] = {
#define AUTH_ASSERTION_WORD(name, word, text) word,
    AUTH_ASSERTIONS(AUTH_ASSERTION_WORD)
#undef AUTH_ASSERTION_WORD
};

static bool find_word(const char *const *words, size_t count, const char *word, size_t *ret_i)
{
    for (*ret_i = 0; *ret_i < count; (*ret_i)++) {
        if (strcmp(words[*ret_i], word) == 0) {
            return true;
        }
    }
    return false;
}

bool auth_kind_find(const char *word, enum auth_kind *ret_kind)
{
    size_t i = 0;
    const bool found = find_word(kind_words, ARRAY_LEN(kind_words), word, &i);
    *ret_kind = found ? (enum auth_kind)i : AUTH_DEFAULT;
    return found;
}

bool auth_assertion_find(const char *word, enum auth_assertion *ret_assertion)
{
    size_t i = 0;
    const bool found = find_word(assertion_words, ARRAY_LEN(assertion_words), word, &i);
    *ret_assertion = found ? (enum auth_assertion)i : AUTH_PS256;
    return found;
}

const char *auth_assertion_word(enum auth_assertion assertion)
{
    return (size_t)assertion < ARRAY_LEN(assertion_words) ? assertion_words[assertion] : "?";
}
