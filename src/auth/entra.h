/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens from Microsoft Entra by client credentials (OAuth 2.0). An application proves itself by a secret, by an assertion
 * signed with the key of its certificate, or by the token of another platform that Entra trusts.
 *
 * AADSTS numbers become messages that say what to do (entra_error.h).
 */
#ifndef AUTH_ENTRA_H
#define AUTH_ENTRA_H

#include "auth/token.h"

#define ENTRA_AUTHORITY "https://login.microsoftonline.com"
#define ENTRA_AUDIENCE "https://storage.azure.com/"

/* What an application proves itself with. */
struct entra_proof {
    const char *what; /* "a secret", for messages */
    /* Appends the parameters of the form. */
    bool (*append)(void *self, const char *token_url, struct buf *form, struct lf_error *err);
    int64_t (*expires_ms)(void *self); /* when it ends; 0 or NULL: not known; any thread */
    void (*free)(void *self);
    void *self;
};

/* The members of options that it takes: tenant_id, client_id, authority, audience, or the environment's. Takes over the proof,
 * also on failure. CONFIG: one is missing or malformed. */
bool entra_source_new(const struct auth_options *options, const struct auth_host *host, struct entra_proof *proof,
                      struct token_source *ret_source, struct lf_error *err) LF_MUST_CHECK;

/* The three proofs as sources. CONFIG: a setting is missing, or its file cannot be used. */
bool entra_secret_source(const struct auth_options *options, const struct auth_host *host,
                         struct token_source *ret_source, struct lf_error *err) LF_MUST_CHECK;
bool entra_certificate_source(const struct auth_options *options, const struct auth_host *host,
                              struct token_source *ret_source, struct lf_error *err) LF_MUST_CHECK;
bool workload_source(const struct auth_options *options, const struct auth_host *host, struct token_source *ret_source,
                     struct lf_error *err) LF_MUST_CHECK;

/* A parameter of a form. */
void entra_append_parameter(struct buf *form, const char *name, const char *value);

#endif
