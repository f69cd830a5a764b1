/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/default_chain.h"

#include "auth/entra.h"
#include "auth/environment.h"
#include "auth/managed_identity.h"
#include "base/macros.h"
#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum member { MEMBER_ENVIRONMENT, MEMBER_WORKLOAD, MEMBER_MANAGED, MEMBERS };

static const char *const member_names[MEMBERS] = {
    [MEMBER_ENVIRONMENT] = "EnvironmentCredential",
    [MEMBER_WORKLOAD] = "WorkloadIdentityCredential",
    [MEMBER_MANAGED] = "ManagedIdentityCredential",
};

struct chain {
    struct auth_host host;
    struct auth_options options; /* its texts are owned */
    bool allowed[MEMBERS];
    pthread_mutex_t mutex; /* of chosen; held while the machine is asked */
    bool is_chosen;
    struct token_source chosen;
};

static void copy_options(struct chain *chain, const struct auth_options *options)
{
    chain->options = *options;
#define COPY_TEXT(name) chain->options.name = text_copy(options->name);
    AUTH_OPTION_TEXTS(COPY_TEXT)
#undef COPY_TEXT
}

static void free_text(const char *text)
{
    char *owned = (char *)(uintptr_t)text;
    secret_text_free(&owned);
}

static void chain_free(void *self)
{
    struct chain *chain = self;
    if (chain->is_chosen) {
        chain->chosen.free(chain->chosen.self);
    }
#define FREE_TEXT(name) free_text(chain->options.name);
    AUTH_OPTION_TEXTS(FREE_TEXT)
#undef FREE_TEXT
    (void)pthread_mutex_destroy(&chain->mutex);
    free(chain);
}

static bool try_environment(struct chain *chain, bool *ret_found, struct lf_error *err)
{
    const struct auth_options *options = &chain->options;
    const bool secret = environment_or(options->client_secret, "AZURE_CLIENT_SECRET") != NULL;
    const bool certificate = environment_or(options->certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH") != NULL;
    *ret_found = secret || certificate;
    if (secret) {
        return entra_secret_source(options, &chain->host, &chain->chosen, err);
    }
    return !certificate || entra_certificate_source(options, &chain->host, &chain->chosen, err);
}

static bool try_workload(struct chain *chain, bool *ret_found, struct lf_error *err)
{
    *ret_found = environment_or(chain->options.token_file, "AZURE_FEDERATED_TOKEN_FILE") != NULL;
    return !*ret_found || workload_source(&chain->options, &chain->host, &chain->chosen, err);
}

static bool try_managed(struct chain *chain, bool *ret_found, struct lf_error *err)
{
    CLEANUP(managed_identity_free) struct managed_identity *identity = NULL;
    struct auth_options options = chain->options;
    if (options.object_id == NULL && options.resource_id == NULL) {
        options.client_id = environment_or(options.client_id, "AZURE_CLIENT_ID");
    }
    TRY(managed_identity_new(&options, &chain->host, &identity, err));
    TRY(managed_identity_probe(identity, ret_found, err));
    if (*ret_found) {
        managed_identity_to_source(identity, &chain->chosen);
        identity = NULL;
    }
    return true;
}

static void tell(const struct chain *chain)
{
    char text[512] = "";
    struct lf_error err;
    (void)chain->chosen.describe(chain->chosen.self, text, sizeof text, &err);
    log_write(chain->host.log, &chain->host.where, EVENT_identity_chosen,
              (struct log_field[]){LOG_TEXT("identity", text), {0}});
}

static bool choose_locked(struct chain *chain, struct lf_error *err)
{
    static bool (*const tries[MEMBERS])(struct chain * chain, bool *ret_found, struct lf_error *err) = {
        [MEMBER_ENVIRONMENT] = try_environment,
        [MEMBER_WORKLOAD] = try_workload,
        [MEMBER_MANAGED] = try_managed,
    };
    bool found = false;
    for (size_t i = 0; i < MEMBERS && !found; i++) {
        if (chain->allowed[i]) {
            TRY(tries[i](chain, &found, err));
        }
    }
    if (!found) {
        return lf_error_set(err, LF_AUTH, 0,
                            "no identity was found: neither AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH nor "
                            "AZURE_FEDERATED_TOKEN_FILE is set, and no endpoint for managed identities answers; set "
                            "auth.kind to the one that you have");
    }
    tell(chain);
    return true;
}

static bool choose(struct chain *chain, struct lf_error *err)
{
    (void)pthread_mutex_lock(&chain->mutex);
    chain->is_chosen = chain->is_chosen || choose_locked(chain, err);
    const bool ok = chain->is_chosen;
    (void)pthread_mutex_unlock(&chain->mutex);
    return ok;
}

static bool fetch(void *self, bool patient, struct token_grant *grant, struct lf_error *err)
{
    struct chain *chain = self;
    TRY(choose(chain, err));
    return chain->chosen.fetch(chain->chosen.self, patient, grant, err);
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err)
{
    struct chain *chain = self;
    TRY(choose(chain, err));
    return chain->chosen.describe(chain->chosen.self, ret_text, size, err);
}

static int64_t expires_ms(void *self)
{
    struct chain *chain = self;
    (void)pthread_mutex_lock(&chain->mutex);
    const bool known = chain->is_chosen && chain->chosen.expires_ms != NULL;
    (void)pthread_mutex_unlock(&chain->mutex);
    return known ? chain->chosen.expires_ms(chain->chosen.self) : 0;
}

static bool read_allowed(struct chain *chain, struct lf_error *err)
{
    const char *wanted = environment_get("AZURE_TOKEN_CREDENTIALS");
    bool any = false;
    for (size_t i = 0; i < MEMBERS; i++) {
        chain->allowed[i] =
            wanted == NULL || strcasecmp(wanted, "prod") == 0 || strcasecmp(wanted, member_names[i]) == 0;
        any = any || chain->allowed[i];
    }
    return any || lf_error_set(err, LF_CONFIG, 0,
                               "AZURE_TOKEN_CREDENTIALS is \"%.80s\"; lakefeed knows prod, EnvironmentCredential, "
                               "WorkloadIdentityCredential and ManagedIdentityCredential",
                               wanted);
}

bool default_chain_source(const struct auth_options *options, const struct auth_host *host,
                          struct token_source *ret_source, struct lf_error *err)
{
    struct chain *chain = mem_new(1, sizeof *chain);
    chain->host = *host;
    copy_options(chain, options);
    (void)pthread_mutex_init(&chain->mutex, NULL);
    if (!read_allowed(chain, err)) {
        chain_free(chain);
        return false;
    }
    *ret_source = (struct token_source){
        .fetch = fetch, .describe = describe, .expires_ms = expires_ms, .free = chain_free, .self = chain};
    return true;
}
