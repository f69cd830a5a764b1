/* SPDX-License-Identifier: Apache-2.0
 *
 * The identity of the place where lakefeed runs, handed out by an endpoint of its own: App Service and Container Apps, servers
 * connected by Azure Arc, virtual machines (IMDS). Which one is decided once, by what the environment holds.
 */
#ifndef AUTH_MANAGED_IDENTITY_H
#define AUTH_MANAGED_IDENTITY_H

#include "auth/token.h"

#define ARC_TOKENS_FOLDER "/var/opt/azcmagent/tokens"
#define ARC_AGENT_FILE "/opt/azcmagent/bin/himds"

enum managed_place { MANAGED_APP_SERVICE, MANAGED_ARC, MANAGED_IMDS };

/* Where and who; texts are owned. */
struct managed_identity {
    struct auth_host host;
    enum managed_place place;
    const char *tokens_folder; /* of Arc's keys: ARC_TOKENS_FOLDER, or a test's */
    char *endpoint;            /* without a query */
    char *header;              /* App Service: proves that we run there; a secret */
    char *audience;
    char *selector, *selected; /* of a user-assigned identity: parameter and value; NULL: the system's */
};

/* The members of options that it takes: one of client_id, object_id and resource_id, audience. CONFIG: several of them, an
 * endpoint that a token must not come from; UNSUPPORTED: Service Fabric. */
bool managed_identity_new(const struct auth_options *options, const struct auth_host *host,
                          struct managed_identity **ret_identity, struct lf_error *err) LF_MUST_CHECK;
void managed_identity_free(struct managed_identity **identity); /* for CLEANUP; NULL inside is allowed */
/* Hands the identity over to a source. */
void managed_identity_to_source(struct managed_identity *identity, struct token_source *ret_source);

/* Whether its endpoint exists: by the environment, or, of IMDS, because something answers there within a second or two.
 * CANCELLED is the only failure. */
bool managed_identity_probe(const struct managed_identity *identity, bool *ret_found,
                            struct lf_error *err) LF_MUST_CHECK;

bool managed_identity_fetch(const struct managed_identity *identity, bool patient, struct token_grant *grant,
                            struct lf_error *err) LF_MUST_CHECK;
void managed_identity_describe(const struct managed_identity *identity, char *ret_text, size_t size);

/* Of Arc: the file that a challenge names, read. AUTH: it names none below the folder, or the file is not as it must be. */
bool arc_read_key(const char *challenge, const char *folder, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

#endif
