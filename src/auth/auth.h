/* SPDX-License-Identifier: Apache-2.0
 *
 * Who lakefeed is towards Azure storage. One identity serves a lake: it signs each try of a request, or adds a token or SAS.
 *
 *   auth_new → auth_prepare… (as the prepare of an http_request) → auth_free
 *
 * Threads: auth_prepare from any; it blocks while a token is fetched, of which one request at a time is in flight. Before a
 * token is old, it is fetched anew by whoever comes by, and the old one serves until then (auth/token.h).
 *
 * Error kinds: CONFIG: a setting is missing or malformed; AUTH: the identity was refused, with what the service said (AADSTS…,
 * x-ms-error-code) and what to do; THROTTLED, TRANSIENT: no answer now; CANCELLED.
 *
 * No secret, token or signature is in any message or log line.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "base/clock.h"
#include "base/log.h"
#include "lakefeed/error.h"
#include "net/http.h"

#include <stdbool.h>
#include <stdint.h>

struct auth;

/* X(name, word in the configuration, what it is) */
#define AUTH_KINDS(X) \
    X(DEFAULT, "default", "environment, then workload identity, then managed identity") \
    X(SHARED_KEY, "shared_key", "the key of the account") \
    X(SAS, "sas", "a shared access signature") \
    X(CLIENT_SECRET, "client_secret", "a service principal with a secret") \
    X(CLIENT_CERTIFICATE, "client_certificate", "a service principal with a certificate") \
    X(MANAGED_IDENTITY, "managed_identity", "the identity of the machine, App Service or Arc server") \
    X(WORKLOAD_IDENTITY, "workload_identity", "a federated token of the platform")

enum auth_kind {
#define AUTH_KIND_ENUM(name, word, text) AUTH_##name,
    AUTH_KINDS(AUTH_KIND_ENUM)
#undef AUTH_KIND_ENUM
};

/* How a client assertion is signed: X(name, word in the configuration, what it is) */
#define AUTH_ASSERTIONS(X) \
    X(PS256, "PS256", "RSASSA-PSS and the SHA-256 of the certificate: Microsoft Entra") \
    X(RS256, "RS256", "PKCS #1 v1.5 and the SHA-1 of the certificate: AD FS and older services")

enum auth_assertion {
#define AUTH_ASSERTION_ENUM(name, word, text) AUTH_##name,
    AUTH_ASSERTIONS(AUTH_ASSERTION_ENUM)
#undef AUTH_ASSERTION_ENUM
};

/* Texts are copied; NULL or empty: not given, then the environment's (AZURE_TENANT_ID …) where one is named in docs/adls-identities.md. */
struct auth_options {
    enum auth_kind kind;
    struct http *http; /* borrowed until auth_free, as log and cancel_context */
    struct log *log;
    const char *link;    /* for log lines */
    const char *account; /* SHARED_KEY */
    const char *key;     /* base64 */
    const char *sas;     /* with or without a leading ? */
    const char *tenant_id, *client_id;
    const char *client_secret;
    const char *certificate_file, *certificate_password; /* PEM with the key; read at each request for a token */
    bool certificate_chain;                              /* x5c, for trust by subject name and issuer */
    enum auth_assertion assertion;
    const char *object_id, *resource_id; /* MANAGED_IDENTITY: of a user-assigned one, in place of client_id */
    const char *token_file;              /* WORKLOAD_IDENTITY; read at each request for a token */
    const char *authority;               /* https://login.microsoftonline.com */
    const char *audience;                /* https://storage.azure.com/ */
    const char *place;                   /* where the secret stands, for messages: "the file /etc/lakefeed/sas" */
    const struct clock *clock;           /* copied; NULL: the system's */
    bool (*cancelled)(void *context);    /* NULL: never; asked while a token is fetched: it then ends with CANCELLED */
    void *cancel_context;
    int64_t patience_ms; /* with a service of tokens that does not answer; 0: a minute; less: one try */
};

bool auth_new(const struct auth_options *options, struct auth **ret_auth, struct lf_error *err) LF_MUST_CHECK;
void auth_free(struct auth **auth); /* for CLEANUP; NULL inside is allowed */

/* The prepare of an http_request, with the auth as its context: puts date and Authorization, or the SAS into the URL. After a
 * try that was answered 401 its token is not used again. Over plain http a token or SAS goes to the machine itself alone, else
 * CONFIG; a shared key only signs and may serve anywhere. */
bool auth_prepare(void *auth, struct http_try *attempt, struct lf_error *err) LF_MUST_CHECK;
/* Appends what an x-ms-rename-source has to carry behind the path: "?" and the SAS; nothing with the other kinds. */
void auth_append_source_query(struct auth *auth, struct buf *out);
/* Goes on with the secrets of a configuration that was read again; what was started with the old ones ends with them, a token is
 * fetched anew. On failure nothing changes. */
bool auth_renew(struct auth *auth, const struct auth_options *options, struct lf_error *err) LF_MUST_CHECK;
/* One line for check: "managed identity 1234… of App Service"; nothing secret. With DEFAULT it may ask the machine. */
bool auth_describe(struct auth *auth, char *ret_text, size_t size, struct lf_error *err) LF_MUST_CHECK;

/* When what somebody has to renew ends, a SAS or a certificate; 0: there is nothing of the kind, or it is not known (with DEFAULT
 * before auth_describe). *ret_soon: within the days in which the log warns of it, or already over. */
int64_t auth_expires_ms(struct auth *auth, bool *ret_soon);

bool auth_kind_find(const char *word, enum auth_kind *ret_kind);
bool auth_assertion_find(const char *word, enum auth_assertion *ret_assertion);
const char *auth_assertion_word(enum auth_assertion assertion);

#endif
