/* SPDX-License-Identifier: Apache-2.0
 *
 * Workload identity: the platform puts a token of its own into a file and rotates it, Entra exchanges it.
 */
#include "auth/entra.h"
#include "auth/environment.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"

#include <ctype.h>

#define FILE_MAX_BYTES ((size_t)32 << 10)

static bool read_token(const char *path, struct buf *token, struct lf_error *err)
{
    if (!file_read_all(path, FILE_MAX_BYTES, token, err)) {
        err->kind = err->kind == LF_TRANSIENT ? LF_TRANSIENT : LF_AUTH; /* the platform may write it later */
        return lf_error_wrap(err, "the federated token (token_file)");
    }
    while (token->len > 0 && isspace((unsigned char)token->ptr[token->len - 1])) {
        token->ptr[--token->len] = '\0';
    }
    if (token->len == 0) {
        return lf_error_set(err, LF_TRANSIENT, 0, "the federated token in %s is empty; does the platform write it?",
                            path);
    }
    return true;
}

static bool append(void *self, const char *token_url UNUSED, struct buf *form, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf token;
    secret_buf_init(&token, FILE_MAX_BYTES);
    TRY(read_token(self, &token, err));
    entra_append_parameter(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    entra_append_parameter(form, "client_assertion", buf_text(&token));
    return true;
}

static void path_free(void *self)
{
    char *path = self;
    text_free(&path);
}

bool workload_source(const struct auth_options *options, const struct auth_host *host, struct token_source *ret_source,
                     struct lf_error *err)
{
    const char *path = environment_or(options->token_file, "AZURE_FEDERATED_TOKEN_FILE");
    if (path == NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "workload identity needs auth.token_file: set it, or AZURE_FEDERATED_TOKEN_FILE in the "
                            "environment, as the webhook of Kubernetes does for labelled pods");
    }
    struct entra_proof proof = {
        .what = "a federated token", .append = append, .free = path_free, .self = text_copy(path)};
    return entra_source_new(options, host, &proof, ret_source, err);
}
