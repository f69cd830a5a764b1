/* SPDX-License-Identifier: Apache-2.0
 *
 * Who to be when the configuration does not say: a service principal in the environment, a workload identity, a managed
 * identity, the first that is there. It is chosen when first needed and kept; what is there but refused is not passed over.
 * AZURE_TOKEN_CREDENTIALS narrows the choice, as with other clients.
 */
#ifndef AUTH_DEFAULT_CHAIN_H
#define AUTH_DEFAULT_CHAIN_H

#include "auth/token.h"

/* CONFIG: AZURE_TOKEN_CREDENTIALS allows nothing that is supported. Later, from the source: AUTH: nothing is there; CONFIG: what
 * is there lacks a part. */
bool default_chain_source(const struct auth_options *options, const struct auth_host *host,
                          struct token_source *ret_source, struct lf_error *err) LF_MUST_CHECK;

#endif
