/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/managed_identity.h"

#include "auth/endpoint.h"
#include "auth/entra.h"
#include "auth/environment.h"
#include "auth/token_call.h"
#include "base/macros.h"
#include "base/secret.h"
#include "net/http_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define IMDS_HOST "http://169.254.169.254"
#define IMDS_PATH "/metadata/identity/oauth2/token"
#define ARC_ENDPOINT "http://127.0.0.1:40342" IMDS_PATH

static const struct {
    const char *name, *object_parameter, *resource_parameter, *version;
} places[] = {
    [MANAGED_APP_SERVICE] = {"App Service", "principal_id", "mi_res_id", "2019-08-01"},
    [MANAGED_ARC] = {"Azure Arc", "object_id", "msi_res_id", "2020-06-01"},
    [MANAGED_IMDS] = {"the virtual machine", "object_id", "msi_res_id", "2018-02-01"},
};

void managed_identity_free(struct managed_identity **identity)
{
    if (*identity == NULL) {
        return;
    }
    text_free(&(*identity)->endpoint);
    secret_text_free(&(*identity)->header);
    text_free(&(*identity)->audience);
    text_free(&(*identity)->selected);
    text_free(&(*identity)->selector);
    free(*identity);
    *identity = NULL;
}

static bool find_place(struct managed_identity *identity, struct lf_error *err)
{
    const char *endpoint = environment_get("IDENTITY_ENDPOINT");
    const char *header = environment_get("IDENTITY_HEADER");
    const char *host = environment_get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    if (endpoint != NULL && header != NULL && environment_get("IDENTITY_SERVER_THUMBPRINT") != NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "the managed identity of Service Fabric is not supported; use a service principal");
    }
    if (endpoint != NULL && header != NULL) {
        identity->place = MANAGED_APP_SERVICE;
        identity->endpoint = text_copy(endpoint);
        identity->header = text_copy(header);
    } else if (endpoint != NULL && environment_get("IMDS_ENDPOINT") != NULL) {
        identity->place = MANAGED_ARC;
        identity->endpoint = text_copy(endpoint);
    } else if (host == NULL && access(ARC_AGENT_FILE, F_OK) == 0) {
        identity->place = MANAGED_ARC;
        identity->endpoint = text_copy(ARC_ENDPOINT);
    } else {
        const char *base = host != NULL ? host : IMDS_HOST;
        const size_t len = strlen(base) - (base[strlen(base) - 1] == '/' ? 1 : 0);
        identity->place = MANAGED_IMDS;
        identity->endpoint = text_printf("%.*s" IMDS_PATH, (int)len, base);
    }
    if (strpbrk(identity->endpoint, "?#") != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the endpoint of the managed identity has a query; set it without one");
    }
    return endpoint_check_platform(identity->endpoint, "a request for a token", err);
}

static bool find_selector(struct managed_identity *identity, const struct auth_options *options, struct lf_error *err)
{
    const struct {
        const char *value, *parameter;
    } given[] = {
        {options->client_id, "client_id"},
        {options->object_id, places[identity->place].object_parameter},
        {options->resource_id, places[identity->place].resource_parameter},
    };
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        if (given[i].value == NULL || *given[i].value == '\0') {
            continue;
        }
        if (identity->selector != NULL) {
            return lf_error_set(err, LF_CONFIG, 0,
                                "a managed identity is named by one of client_id, object_id and resource_id, not by "
                                "several");
        }
        identity->selector = text_copy(given[i].parameter);
        identity->selected = text_copy(given[i].value);
    }
    return true;
}

bool managed_identity_new(const struct auth_options *options, const struct auth_host *host,
                          struct managed_identity **ret_identity, struct lf_error *err)
{
    CLEANUP(managed_identity_free) struct managed_identity *identity = mem_new(1, sizeof *identity);
    identity->host = *host;
    identity->tokens_folder = ARC_TOKENS_FOLDER;
    identity->audience = text_copy(options->audience != NULL ? options->audience : ENTRA_AUDIENCE);
    TRY(find_place(identity, err));
    TRY(find_selector(identity, options, err));
    *ret_identity = identity;
    identity = NULL;
    return true;
}

static void make_url(const struct managed_identity *identity, struct buf *url)
{
    buf_printf(url, "%s?api-version=%s&resource=", identity->endpoint, places[identity->place].version);
    http_encode(url, identity->audience);
    if (identity->selector != NULL) {
        buf_printf(url, "&%s=", identity->selector);
        http_encode(url, identity->selected);
    }
}

static bool refuse(const struct managed_identity *identity, const struct token_call *call,
                   const struct token_answer *answer, struct lf_error *err)
{
    char text[512];
    static const char *const cures[] = {
        [MANAGED_APP_SERVICE] = "does the app have this identity? az webapp identity assign",
        [MANAGED_ARC] = "is the server connected? azcmagent show",
        [MANAGED_IMDS] = "does the machine have this identity? az vm identity assign",
    };
    if (token_retry_may_pass(call->service, answer->status)) {
        return token_call_unavailable(call, answer, err);
    }
    token_call_find_text(&answer->text, "error_description", text, sizeof text);
    if (*text == '\0') {
        token_call_find_text(&answer->text, "message", text, sizeof text);
    }
    return lf_error_set(err, LF_AUTH, (int)answer->status, "%s gives no token for %s: it answers %u%s%s; %s",
                        call->name, identity->selected != NULL ? identity->selected : "its own identity",
                        answer->status, *text != '\0' ? ", " : "", text, cures[identity->place]);
}

/* Agents that do not know the parameter answer with the identity of the server: theirs must not pass for the one asked for. */
static bool check_echo(const struct managed_identity *identity, const struct token_answer *answer, struct lf_error *err)
{
    char echoed[512];
    if (identity->place != MANAGED_ARC || identity->selector == NULL) {
        return true;
    }
    token_call_find_text(&answer->body, identity->selector, echoed, sizeof echoed);
    if (*echoed == '\0' && strcmp(identity->selector, "msi_res_id") == 0) {
        token_call_find_text(&answer->body, "mi_res_id", echoed, sizeof echoed);
    }
    return strcasecmp(echoed, identity->selected) == 0 ||
           lf_error_set(err, LF_AUTH, 0,
                        "Azure Arc was asked for the identity %s and does not confirm it (it names %s); name it by "
                        "client_id, update the agent, or use the identity of the server",
                        identity->selected, *echoed != '\0' ? echoed : "none");
}

/* Arc proves to itself that we may read a file of root's group. */
static bool answer_challenge(const struct managed_identity *identity, const struct token_call *first,
                             struct token_answer *answer, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf value;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    struct token_call call = *first;
    secret_buf_init(&value, 2 * TOKEN_MAX_BYTES);
    buf_append_text(&value, "Basic ");
    TRY(arc_read_key(answer->challenge, identity->tokens_folder, &value, err));
    http_headers_set(headers, "Metadata", "true");
    http_headers_set(headers, "Authorization", buf_text(&value));
    call.headers = headers;
    token_answer_done(answer);
    return token_call(&identity->host, &call, answer, err);
}

bool managed_identity_fetch(const struct managed_identity *identity, bool patient, struct token_grant *grant,
                            struct lf_error *err)
{
    CLEANUP(token_answer_done) struct token_answer answer = {0};
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    CLEANUP(buf_done) struct buf url = {0};
    CLEANUP(text_free) char *name = text_printf("the managed identity of %s", places[identity->place].name);
    make_url(identity, &url);
    TRY(buf_check(&url, "the URL", err));
    if (identity->place == MANAGED_APP_SERVICE) {
        http_headers_set(headers, "X-IDENTITY-HEADER", identity->header);
    } else {
        http_headers_set(headers, "Metadata", "true");
    }
    const struct token_call call = {
        .name = name,
        .service = TOKEN_SERVICE_MACHINE,
        .method = HTTP_GET,
        .url = buf_text(&url),
        .headers = headers,
        .patient = patient,
    };
    TRY(token_call(&identity->host, &call, &answer, err));
    if (identity->place == MANAGED_ARC && answer.status == 401 && answer.challenge != NULL) {
        TRY(answer_challenge(identity, &call, &answer, err));
    }
    if (answer.status != 200) {
        return refuse(identity, &call, &answer, err);
    }
    TRY(check_echo(identity, &answer, err));
    return token_call_read(&call, &answer, grant, err);
}

bool managed_identity_probe(const struct managed_identity *identity, bool *ret_found, struct lf_error *err)
{
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    *ret_found = identity->place != MANAGED_IMDS;
    if (*ret_found) {
        return true;
    }
    const struct http_request request = {
        .method = HTTP_GET, /* without Metadata: a no is enough, and other clouds say 404 */
        .url = identity->endpoint,
        .connect_ms = 1000,
        .total_ms = 2000,
        .patience_ms = -1,
        .direct = true,
        .cancelled = identity->host.cancelled,
        .cancel_context = identity->host.cancel_context,
    };
    const bool answered = identity->host.call(identity->host.http, &request, &reply, err);
    *ret_found = answered && reply.status != 404;
    return answered || err->kind != LF_CANCELLED;
}

void managed_identity_describe(const struct managed_identity *identity, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "managed identity %s%sof %s", identity->selected != NULL ? identity->selected : "",
                   identity->selected != NULL ? " " : "", places[identity->place].name);
}

static bool source_fetch(void *self, bool patient, struct token_grant *grant, struct lf_error *err)
{
    return managed_identity_fetch(self, patient, grant, err);
}

static bool source_describe(void *self, char *ret_text, size_t size, struct lf_error *err UNUSED)
{
    managed_identity_describe(self, ret_text, size);
    return true;
}

static void source_free(void *self)
{
    struct managed_identity *identity = self;
    managed_identity_free(&identity);
}

void managed_identity_to_source(struct managed_identity *identity, struct token_source *ret_source)
{
    *ret_source = (struct token_source){
        .fetch = source_fetch, .describe = source_describe, .free = source_free, .self = identity};
}
