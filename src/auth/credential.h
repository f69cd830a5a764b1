/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside auth only: one way to be somebody, made from options once and then unchanged, so that a renewed one can take its
 * place while others still use it. And what all of them share.
 */
#ifndef AUTH_CREDENTIAL_H
#define AUTH_CREDENTIAL_H

#include "auth/auth.h"
#include "base/buf.h"

/* The texts of struct auth_options. */
#define AUTH_OPTION_TEXTS(X) \
    X(link) \
    X(account) \
    X(key) \
    X(sas) \
    X(tenant_id) \
    X(client_id) \
    X(client_secret) \
    X(certificate_file) \
    X(certificate_password) \
    X(object_id) \
    X(resource_id) \
    X(token_file) \
    X(authority) \
    X(audience) \
    X(place)

/* How to reach services of identity; copied into each part, the pointers are borrowed. */
struct auth_host {
    struct http *http;
    /* http_call, or a test's */
    bool (*call)(struct http *http, const struct http_request *request, struct http_reply *ret_reply,
                 struct lf_error *err);
    struct log *log;
    struct log_where where; /* the link */
    struct clock clock;
    bool (*cancelled)(void *context);
    void *cancel_context;
    int64_t patience_ms; /* less than 0: one try */
};

#define AUTH_PATIENCE_MS 60000
struct auth_host auth_host_of(const struct auth_options *options);

/* All are called by several threads at once. */
struct credential_ops {
    bool (*prepare)(void *self, struct http_try *attempt, struct lf_error *err);
    void (*append_source_query)(void *self, struct buf *out); /* NULL: nothing to append */
    bool (*describe)(void *self, char *ret_text, size_t size, struct lf_error *err);
    int64_t (*expires_ms)(void *self); /* as auth_expires_ms; NULL: nothing ends */
    void (*free)(void *self);
};

struct credential {
    const struct credential_ops *ops;
    void *self;
};

/* Each: CONFIG when a setting is missing or malformed. */
bool credential_key_new(const struct auth_options *options, const struct auth_host *host,
                        struct credential *ret_credential, struct lf_error *err) LF_MUST_CHECK;
bool credential_sas_new(const struct auth_options *options, const struct auth_host *host,
                        struct credential *ret_credential, struct lf_error *err) LF_MUST_CHECK;
/* All kinds with tokens. */
bool credential_token_new(const struct auth_options *options, const struct auth_host *host,
                          struct credential *ret_credential, struct lf_error *err) LF_MUST_CHECK;

#endif
