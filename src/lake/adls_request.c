/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_date.h"
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_ID "x-ms-client-request-id"
#define SKEW_MS INT64_C(300000) /* the service allows fifteen minutes; half of that will be too much tomorrow */

static bool call_is_cancelled(void *context)
{
    return adls_is_cancelled(context);
}

void adls_call_init(struct adls_call *call, struct adls_lake *lake, enum adls_endpoint endpoint, const char *what,
                    enum http_method method, const char *path, const char *query)
{
    *call = (struct adls_call){.lake = lake, .what = what, .headers = http_headers_new()};
    if (path != NULL) {
        adls_place_url(&lake->place, endpoint == ADLS_BLOB, path, &call->url);
    } else {
        adls_place_filesystem_url(&lake->place, endpoint == ADLS_BLOB, &call->url);
    }
    if (query != NULL) {
        buf_printf(&call->url, "?%s", query);
    }
    adls_call_header(call, "x-ms-version", ADLS_VERSION);
    call->request = (struct http_request){
        .method = method,
        .headers = call->headers,
        .request_id_header = REQUEST_ID,
        .repeat = HTTP_REPEAT,
        .patience_ms = lake->patience_ms,
        .backoff_ms = lake->backoff_ms,
        .prepare = auth_prepare,
        .prepare_context = lake->auth,
        .cancelled = call_is_cancelled,
        .cancel_context = lake,
        .where = &lake->where,
    };
}

void adls_call_done(struct adls_call *call)
{
    http_drop(&call->ticket);
    if (call->answered) {
        http_reply_done(&call->reply);
    }
    http_headers_free(&call->headers);
    buf_done(&call->url);
    *call = (struct adls_call){0};
}

void adls_call_header(struct adls_call *call, const char *name, const char *value)
{
    http_headers_set(call->headers, name, value);
}

const char *adls_call_header_of(const struct adls_call *call, const char *name)
{
    return call->answered ? http_headers_get(call->reply.headers, name) : NULL;
}

static void note_date(struct adls_lake *lake, const struct adls_call *call)
{
    const char *date = adls_call_header_of(call, "Date");
    int64_t ms = 0;
    if (date != NULL && http_date_parse(date, &ms)) {
        (void)pthread_mutex_lock(&lake->mutex);
        lake->date_ms = ms;
        lake->date_at_ms = adls_monotonic_ms(lake);
        (void)pthread_mutex_unlock(&lake->mutex);
    }
}

bool adls_call_send(struct adls_call *call, struct lf_error *err)
{
    call->request.url = buf_text(&call->url);
    return http_send(call->lake->http, &call->request, &call->ticket, err);
}

bool adls_call_wait(struct adls_call *call, struct lf_error *err)
{
    TRY(http_wait(&call->ticket, &call->reply, err));
    call->answered = true;
    note_date(call->lake, call);
    return true;
}

bool adls_call_run(struct adls_call *call, struct lf_error *err)
{
    return adls_call_send(call, err) && adls_call_wait(call, err);
}

bool adls_call_must(struct adls_call *call, struct lf_error *err)
{
    return adls_call_run(call, err) && (adls_call_ok(call) || adls_call_fail(call, err));
}

bool adls_call_ok(const struct adls_call *call)
{
    return call->answered && call->reply.status >= 200 && call->reply.status < 300;
}

bool adls_call_is(const struct adls_call *call, const char *code)
{
    const char *found = adls_call_header_of(call, "x-ms-error-code");
    return found != NULL && strcmp(found, code) == 0;
}

bool adls_call_etag(const struct adls_call *call, char ret_etag[LAKE_ETAG_SIZE])
{
    const char *etag = adls_call_header_of(call, "ETag");
    if (etag == NULL || strlen(etag) >= LAKE_ETAG_SIZE) {
        return false;
    }
    (void)snprintf(ret_etag, LAKE_ETAG_SIZE, "%s", etag);
    return true;
}

bool adls_call_length(const struct adls_call *call, uint64_t *ret_bytes)
{
    const char *text = adls_call_header_of(call, "Content-Length");
    char *end = NULL;
    errno = 0;
    *ret_bytes = text != NULL ? strtoull(text, &end, 10) : 0;
    return text != NULL && end != text && *end == '\0' && errno == 0;
}

/* ---- errors ---- */

/* By how much this machine's clock is ahead of the service's. */
static bool find_skew(const struct adls_call *call, int64_t *ret_ms)
{
    const char *date = adls_call_header_of(call, "Date");
    int64_t theirs = 0;
    if (date == NULL || !http_date_parse(date, &theirs)) {
        return false;
    }
    *ret_ms = clock_now_ms(&call->lake->clock) - theirs;
    return *ret_ms > SKEW_MS || *ret_ms < -SKEW_MS;
}

/* "…/<tenant>/oauth2/authorize" in what a 401 asks for; NULL: it names none. */
static char *find_tenant(const struct adls_call *call)
{
    static const char mark[] = "authorization_uri=";
    const char *text = adls_call_header_of(call, "WWW-Authenticate");
    const char *uri = text != NULL ? strstr(text, mark) : NULL;
    const char *host = uri != NULL ? strstr(uri, "://") : NULL;
    const char *slash = host != NULL ? strchr(host + 3, '/') : NULL;
    const size_t len = slash != NULL ? strspn(slash + 1, "0123456789abcdefABCDEF-") : 0;
    return len > 0 ? text_copy_len(slash + 1, len) : NULL;
}

static void add_findings(const struct adls_call *call, struct buf *out)
{
    int64_t skew_ms = 0;
    CLEANUP(text_free) char *tenant = call->reply.status == 401 ? find_tenant(call) : NULL;
    if (call->reply.status == 403 && find_skew(call, &skew_ms)) {
        buf_printf(out, "; the clock of this machine is %lld seconds %s that of the service: set it right",
                   (long long)(skew_ms < 0 ? -skew_ms : skew_ms) / 1000, skew_ms < 0 ? "behind" : "ahead of");
    }
    if (tenant != NULL) {
        buf_printf(out, "; the account belongs to tenant %s", tenant);
    }
}

static void add_ids(const struct adls_call *call, const char *code, struct buf *out)
{
    const char *theirs = adls_call_header_of(call, "x-ms-request-id");
    const char *ours = adls_call_header_of(call, REQUEST_ID);
    buf_printf(out, " (%.80s, status %u, x-ms-request-id %.80s, " REQUEST_ID " %.80s)",
               code != NULL ? code : "no x-ms-error-code", call->reply.status, theirs != NULL ? theirs : "unknown",
               ours != NULL ? ours : "unknown");
}

bool adls_call_is_of_service(const struct adls_call *call)
{
    return adls_call_header_of(call, "x-ms-error-code") != NULL || adls_call_header_of(call, "x-ms-request-id") != NULL;
}

/* A refusal that the service did not give. Taken for its own, the lake would look empty, foreign or damaged. */
static bool is_of_a_stranger(const struct adls_call *call)
{
    static const unsigned as_they_are[] = {401, 403, 408, 413, 416, 429};
    const unsigned status = call->reply.status;
    for (size_t i = 0; i < ARRAY_LEN(as_they_are); i++) {
        if (status == as_they_are[i]) {
            return false;
        }
    }
    return status >= 300 && status < 500 && !adls_call_is_of_service(call);
}

bool adls_call_is_missing(const struct adls_call *call)
{
    return call->reply.status == 404 && adls_call_is_of_service(call);
}

static const struct adls_error_row *find_row(const struct adls_call *call, const char *code)
{
    static const struct adls_error_row stranger = {"", LF_TRANSIENT, "what answers is not the storage service",
                                                   "check proxies and portals on the way, and the endpoint"};
    return is_of_a_stranger(call) ? &stranger : adls_error_find(code, call->reply.status);
}

bool adls_call_fail(const struct adls_call *call, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *code = adls_call_header_of(call, "x-ms-error-code");
    const struct adls_error_row *row = find_row(call, code);
    buf_printf(&text, "%s ", call->what);
    http_url_show(buf_text(&call->url), &text);
    buf_printf(&text, ": %s; %s", row->meaning, row->cure);
    add_findings(call, &text);
    add_ids(call, code, &text);
    (void)lf_error_set(err, row->kind, (int)call->reply.status, "%s", buf_text(&text));
    err->retry_after_ms = call->reply.retry_after_ms;
    return false;
}

/* Somebody who collects what nobody names has removed it: whoever does that has committed, or thinks that we are gone. */
bool adls_own_file_failed(struct lf_error *err)
{
    if (err->kind == LF_NOT_FOUND || err->kind == LF_CONFLICT) {
        err->kind = LF_TRANSIENT;
        return lf_error_wrap(err, "the file was removed or altered by somebody else while it was written");
    }
    return false;
}
