/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/entra.h"
#include "auth/environment.h"
#include "base/macros.h"
#include "base/secret.h"

static bool append(void *self, const char *token_url UNUSED, struct buf *form, struct lf_error *err UNUSED)
{
    entra_append_parameter(form, "client_secret", self);
    return true;
}

static void secret_free(void *self)
{
    char *secret = self;
    secret_text_free(&secret);
}

bool entra_secret_source(const struct auth_options *options, const struct auth_host *host,
                         struct token_source *ret_source, struct lf_error *err)
{
    const char *secret = environment_or(options->client_secret, "AZURE_CLIENT_SECRET");
    if (secret == NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the identity needs auth.client_secret: set it, or AZURE_CLIENT_SECRET in the environment");
    }
    struct entra_proof proof = {.what = "a secret", .append = append, .free = secret_free, .self = text_copy(secret)};
    return entra_source_new(options, host, &proof, ret_source, err);
}
