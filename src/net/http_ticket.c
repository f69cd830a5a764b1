/* SPDX-License-Identifier: Apache-2.0
 *
 * A request over its tries, on the thread of the caller.
 */
#include "base/macros.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/thread.h"
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS 100
#define PATIENCE_MS 120000
#define BACKOFF_MS 500
#define REFUSED "Authorization"

static int64_t now_ms(void)
{
    return http_monotonic_us() / 1000;
}

/* ── request ids ── */

static void make_id(struct http_ticket *ticket)
{
    struct random_source random = random_system();
    random_make_guid(&random, ticket->id);
}

static void set_request_id(struct http_ticket *ticket)
{
    struct random_source random = random_system();
    char id[RANDOM_GUID_SIZE];
    random_make_guid(&random, id);
    memcpy(id, ticket->id, HTTP_ID_GROUPS);
    http_headers_set(ticket->headers, ticket->request.request_id_header, id);
}

/* ── a try ── */

static void make_headers(struct http_ticket *ticket)
{
    const struct http_headers *given = ticket->request.headers;
    CLEANUP(http_headers_free) struct http_headers *old = ticket->headers;
    const char *refused = ticket->unauthorized ? http_headers_get(old, REFUSED) : NULL;
    ticket->headers = http_headers_new();
    for (size_t i = 0; given != NULL && i < http_headers_count(given); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_headers_at(given, i, &name, &value);
        http_headers_add(ticket->headers, name, value);
    }
    if (http_headers_get(ticket->headers, "User-Agent") == NULL) {
        http_headers_add(ticket->headers, "User-Agent", "lakefeed/" LAKEFEED_VERSION);
    }
    if (refused != NULL) {
        http_headers_set(ticket->headers, REFUSED, refused);
    }
    if (ticket->request.request_id_header != NULL) {
        set_request_id(ticket);
    }
}

static bool begin_try(struct http_ticket *ticket, struct lf_error *err)
{
    const struct http_request *request = &ticket->request;
    make_headers(ticket);
    buf_reset(&ticket->url);
    buf_append_text(&ticket->url, request->url);
    struct http_try attempt = {.method = request->method,
                               .url = &ticket->url,
                               .headers = ticket->headers,
                               .body = &request->body,
                               .number = ticket->tries,
                               .unauthorized = ticket->unauthorized};
    TRY(request->prepare == NULL || request->prepare(request->prepare_context, &attempt, err));
    TRY(http_transfer_prepare(ticket, err));
    ticket->tries++;
    http_client_start(ticket);
    return true;
}

static void ticket_free(struct http_ticket **ticket)
{
    if (*ticket == NULL) {
        return;
    }
    http_transfer_done(&(*ticket)->transfer);
    http_headers_free(&(*ticket)->headers);
    secret_buf_done(&(*ticket)->url); /* a SAS may stand in it */
    text_free(&(*ticket)->host_name);
    (void)pthread_cond_destroy(&(*ticket)->changed);
    atomic_fetch_sub(&(*ticket)->http->tickets, 1);
    free(*ticket);
    *ticket = NULL;
}

static char *origin_of(const char *url)
{
    CLEANUP(buf_done) struct buf shown = {0};
    http_url_show(url, &shown);
    const char *text = buf_text(&shown);
    const char *mark = strstr(text, "://");
    const char *host = mark != NULL ? mark + 3 : text;
    return text_copy_len(text, (size_t)(host - text) + strcspn(host, "/"));
}

static struct http_ticket *ticket_new(struct http *http, const struct http_request *request)
{
    struct http_ticket *ticket = mem_new(1, sizeof *ticket);
    thread_cond_init(&ticket->changed);
    ticket->http = http;
    ticket->request = *request;
    ticket->host_name = origin_of(request->url);
    int64_t patience_ms = request->patience_ms > 0 ? request->patience_ms : PATIENCE_MS;
    ticket->retry = (struct http_retry){.repeat = request->repeat,
                                        .further_statuses = request->further_statuses,
                                        .deadline_ms = now_ms() + patience_ms,
                                        .backoff_ms = request->backoff_ms > 0 ? request->backoff_ms : BACKOFF_MS,
                                        .is_single = request->patience_ms < 0,
                                        .can_renew = request->prepare != NULL};
    make_id(ticket);
    atomic_fetch_add(&http->tickets, 1);
    return ticket;
}

/* The code of what `prepare` says is that of a request of its own. */
static bool mark_sent(const struct http_ticket *ticket, struct lf_error *err)
{
    err->code = ticket->was_ever_sent ? 0 : HTTP_CODE_NOT_SENT;
    return false;
}

bool http_send(struct http *http, const struct http_request *request, struct http_ticket **ret_ticket,
               struct lf_error *err)
{
    CLEANUP(ticket_free) struct http_ticket *ticket = ticket_new(http, request);
    TRY(begin_try(ticket, err) || mark_sent(ticket, err));
    *ret_ticket = ticket;
    ticket = NULL;
    return true;
}

/* ── waiting ── */

static bool check_cancelled(const struct http_ticket *ticket, struct lf_error *err)
{
    const struct http_request *request = &ticket->request;
    if (request->cancelled == NULL || !request->cancelled(request->cancel_context)) {
        return true;
    }
    return lf_error_set(err, LF_CANCELLED, 0, "%s was stopped on request", http_method_name(request->method));
}

static bool await_try(struct http_ticket *ticket, struct lf_error *err)
{
    for (int64_t ms = 0; !http_client_await(ticket, ms); ms = ASK_MS) {
        TRY(check_cancelled(ticket, err));
    }
    return true;
}

static bool pause_for(const struct http_ticket *ticket, int64_t delay_ms, struct lf_error *err)
{
    struct clock clock = clock_system();
    int64_t until_ms = now_ms() + delay_ms;
    for (int64_t left = delay_ms; left > 0; left = until_ms - now_ms()) {
        TRY(check_cancelled(ticket, err));
        clock.sleep_ms(clock.context, left < ASK_MS ? left : ASK_MS);
    }
    return true;
}

static const char *shown_header(const struct http_headers *headers, const char *name)
{
    const char *value = name != NULL && http_header_is_shown(name) ? http_headers_get(headers, name) : NULL;
    return value != NULL ? value : "";
}

/* For those who look for a fault; a 404 may be all that was to be known. */
static void log_try(const struct http_ticket *ticket, const struct http_next *next)
{
    const struct http_transfer *transfer = &ticket->transfer;
    const struct http_request *request = &ticket->request;
    unsigned status = transfer->outcome.status;
    if (ticket->http->log == NULL || (status != 0 && status < 400)) {
        return;
    }
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf url = {0};
    http_url_show(request->url, &url);
    if (status == 0) {
        (void)http_explain(ticket, &err);
    }
    log_write(ticket->http->log, request->where, EVENT_http_try_failed,
              (struct log_field[]){
                  LOG_TEXT("method", http_method_name(request->method)),
                  LOG_TEXT("url", buf_text(&url)),
                  LOG_NUM("attempt", ticket->tries),
                  LOG_NUM("status", status),
                  LOG_TEXT("reason", status == 0 ? err.msg : shown_header(transfer->headers, "x-ms-error-code")),
                  LOG_TEXT("client_request_id", shown_header(ticket->headers, request->request_id_header)),
                  LOG_TEXT("request_id", shown_header(transfer->headers, "x-ms-request-id")),
                  LOG_TEXT("again", next->again ? "yes" : "no"),
                  LOG_NUM("delay_ms", next->delay_ms),
                  {0}});
}

/* After a try: true with *ret_ended when there is nothing left to do. */
static bool try_again(struct http_ticket *ticket, bool *ret_ended, struct lf_error *err)
{
    struct random_source random = random_system();
    const struct http_outcome *outcome = &ticket->transfer.outcome;
    ticket->was_ever_sent = ticket->was_ever_sent || http_retry_in_doubt(outcome);
    struct http_next next = http_retry_next(&ticket->retry, outcome, now_ms(), &random);
    log_try(ticket, &next);
    *ret_ended = !next.again;
    if (next.again) {
        ticket->unauthorized = next.unauthorized;
        ticket->fresh = next.fresh;
        TRY(pause_for(ticket, next.delay_ms, err));
        return begin_try(ticket, err) || mark_sent(ticket, err);
    }
    return true;
}

static bool answer(struct http_ticket *ticket, struct http_reply *ret_reply, struct lf_error *err)
{
    struct http_transfer *transfer = &ticket->transfer;
    if (transfer->outcome.status == 0) {
        return http_explain(ticket, err);
    }
    *ret_reply = (struct http_reply){.status = transfer->status,
                                     .headers = transfer->headers,
                                     .bytes = transfer->bytes,
                                     .text = transfer->text,
                                     .tries = ticket->tries,
                                     .was_repeated_blindly = ticket->retry.is_blind,
                                     .retry_after_ms = transfer->outcome.retry_after_ms};
    transfer->headers = NULL;
    transfer->text = (struct buf){0};
    return true;
}

bool http_wait(struct http_ticket **ticket, struct http_reply *ret_reply, struct lf_error *err)
{
    CLEANUP(http_drop) struct http_ticket *own = *ticket;
    *ticket = NULL;
    bool ended = false;
    while (!ended) {
        TRY(await_try(own, err));
        TRY(try_again(own, &ended, err));
    }
    return answer(own, ret_reply, err);
}

void http_drop(struct http_ticket **ticket)
{
    if (*ticket != NULL) {
        http_client_stop(*ticket);
        ticket_free(ticket);
    }
}

bool http_call(struct http *http, const struct http_request *request, struct http_reply *ret_reply,
               struct lf_error *err)
{
    CLEANUP(http_drop) struct http_ticket *ticket = NULL;
    TRY(http_send(http, request, &ticket, err));
    return http_wait(&ticket, ret_reply, err);
}

void http_reply_done(struct http_reply *reply)
{
    http_headers_free(&reply->headers);
    buf_done(&reply->text);
}
