/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of the client: which tries run, and curl's multi on the loop. All static functions run on that thread, except
 * where they say otherwise.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/thread.h"
#include "net/http_curl.h"
#include "net/http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES ((size_t)256 << 10)
#define WATCH_MS 100
#define HOST_CONNECTIONS 16
#define HOSTS 4 /* dfs, blob, tokens, and one to spare: connections that are kept, for each so many */
#define STALL_MS 30000

int64_t http_monotonic_us(void)
{
    struct clock clock = clock_system();
    return clock.monotonic_us(clock.context);
}

/* ── the list of those that run, and the queue of a host ── */

static void link_running(struct http *http, struct http_ticket *ticket)
{
    ticket->place = HTTP_RUNNING;
    ticket->before = NULL;
    ticket->next = http->running;
    if (http->running != NULL) {
        http->running->before = ticket;
    } else {
        loop_timer_start(http->watch, WATCH_MS, WATCH_MS);
    }
    http->running = ticket;
}

static void unlink_running(struct http *http, struct http_ticket *ticket)
{
    ticket->place = HTTP_NOWHERE;
    if (ticket->next != NULL) {
        ticket->next->before = ticket->before;
    }
    if (ticket->before != NULL) {
        ticket->before->next = ticket->next;
    } else {
        http->running = ticket->next;
    }
    if (http->running == NULL) {
        loop_timer_stop(http->watch);
    }
}

static void enqueue(struct http_host *host, struct http_ticket *ticket)
{
    ticket->place = HTTP_QUEUED;
    ticket->next = NULL;
    ticket->before = host->last;
    if (host->last != NULL) {
        host->last->next = ticket;
    } else {
        host->first = ticket;
    }
    host->last = ticket;
}

static void dequeue(struct http_host *host, struct http_ticket *ticket)
{
    ticket->place = HTTP_NOWHERE;
    if (ticket->before != NULL) {
        ticket->before->next = ticket->next;
    } else {
        host->first = ticket->next;
    }
    if (ticket->next != NULL) {
        ticket->next->before = ticket->before;
    } else {
        host->last = ticket->before;
    }
}

static struct http_host *host_of(struct http *http, const char *name)
{
    struct http_host *host = http->hosts;
    while (host != NULL && strcmp(host->name, name) != 0) {
        host = host->next;
    }
    if (host == NULL) {
        host = mem_new(1, sizeof *host);
        host->name = text_copy(name);
        http_pace_init(&host->pace, http->host_connections);
        host->next = http->hosts;
        http->hosts = host;
    }
    return host;
}

/* ── a try begins and ends ── */

/* The ticket may be gone afterwards. */
static void tell_done(struct http_ticket *ticket, bool stopped)
{
    struct http *http = ticket->http;
    pthread_mutex_lock(&http->mutex);
    ticket->is_done = true;
    ticket->is_stopped = stopped;
    (void)pthread_cond_signal(&ticket->changed);
    pthread_mutex_unlock(&http->mutex);
}

static void end_try(struct http_ticket *ticket, CURLcode code);

static void run(struct http_ticket *ticket)
{
    ticket->started_us = http_monotonic_us();
    ticket->transfer.seen_us = ticket->started_us;
    ticket->host->running++;
    link_running(ticket->http, ticket);
    if (curl_multi_add_handle(ticket->http->multi, ticket->transfer.curl) != CURLM_OK) {
        end_try(ticket, CURLE_FAILED_INIT);
    }
}

static void run_waiting(struct http_host *host)
{
    while (host->first != NULL && host->running < http_pace_allowed(&host->pace)) {
        struct http_ticket *ticket = host->first;
        dequeue(host, ticket);
        run(ticket);
    }
}

static void adapt(struct http_ticket *ticket)
{
    struct http_host *host = ticket->host;
    unsigned status = ticket->transfer.status;
    if (status != 429 && status != 503) {
        if (status != 0) {
            http_pace_went_well(&host->pace);
        }
        return;
    }
    if (http_pace_slow_down(&host->pace, ticket->started_us, http_monotonic_us())) {
        log_write(ticket->http->log, NULL, EVENT_http_slowed,
                  (struct log_field[]){LOG_TEXT("host", host->name),
                                       LOG_NUM("status", status),
                                       LOG_NUM("requests", http_pace_allowed(&host->pace)),
                                       {0}});
    }
}

static void leave(struct http_ticket *ticket)
{
    struct http_host *host = ticket->host;
    (void)curl_multi_remove_handle(ticket->http->multi, ticket->transfer.curl);
    unlink_running(ticket->http, ticket);
    host->running--;
    run_waiting(host);
}

static void end_try(struct http_ticket *ticket, CURLcode code)
{
    http_transfer_end(ticket, code);
    adapt(ticket);
    leave(ticket);
    tell_done(ticket, false);
}

static void start(void *context)
{
    struct http_ticket *ticket = context;
    ticket->host = host_of(ticket->http, ticket->host_name);
    if (ticket->request.urgent) {
        run(ticket);
        return;
    }
    enqueue(ticket->host, ticket);
    run_waiting(ticket->host);
}

static void stop(void *context)
{
    struct http_ticket *ticket = context;
    if (ticket->place == HTTP_QUEUED) {
        dequeue(ticket->host, ticket);
    } else if (ticket->place == HTTP_RUNNING) {
        leave(ticket);
    }
    tell_done(ticket, true);
}

/* ── for the caller's thread ── */

void http_client_start(struct http_ticket *ticket)
{
    ticket->is_done = false; /* nobody else has it */
    ticket->is_stopped = false;
    loop_post(ticket->http->loop, start, ticket);
}

bool http_client_await(struct http_ticket *ticket, int64_t ms)
{
    const struct timespec until = thread_in_ms(ms);
    pthread_mutex_lock(&ticket->http->mutex);
    int status = 0;
    while (!ticket->is_done && status == 0) {
        status = pthread_cond_timedwait(&ticket->changed, &ticket->http->mutex, &until);
    }
    bool done = ticket->is_done;
    pthread_mutex_unlock(&ticket->http->mutex);
    return done;
}

void http_client_stop(struct http_ticket *ticket)
{
    if (http_client_await(ticket, 0)) {
        return;
    }
    /* It may be done by itself meanwhile; the message comes all the same, so only `is_stopped` gives the ticket back. */
    loop_post(ticket->http->loop, stop, ticket);
    pthread_mutex_lock(&ticket->http->mutex);
    while (!ticket->is_stopped) {
        (void)pthread_cond_wait(&ticket->changed, &ticket->http->mutex);
    }
    pthread_mutex_unlock(&ticket->http->mutex);
}

/* ── curl's multi on the loop ── */

/* After every action: what ends by time-out alone is told nowhere else. */
static void drain(struct http *http)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(http->multi, &left); message != NULL;
         message = curl_multi_info_read(http->multi, &left)) {
        char *ticket = NULL;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &ticket);
        end_try((struct http_ticket *)(void *)ticket, code);
    }
}

static void act(struct http *http, curl_socket_t socket, int events)
{
    int running = 0;
    (void)curl_multi_socket_action(http->multi, socket, events, &running);
    drain(http);
}

static void on_time(void *context)
{
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(void *context, int fd, unsigned events)
{
    int seen = 0;
    seen |= (events & LOOP_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    seen |= (events & LOOP_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(context, fd, seen);
}

static int set_timer(UNUSED CURLM *multi, long timeout_ms, void *context)
{
    struct http *http = context;
    if (timeout_ms < 0) {
        loop_timer_stop(http->timer);
    } else {
        loop_timer_start(http->timer, timeout_ms, 0);
    }
    return 0;
}

static int set_socket(UNUSED CURL *curl, curl_socket_t socket, int what, void *context, void *of_socket)
{
    struct http *http = context;
    struct loop_poll *poll = of_socket;
    if (what == CURL_POLL_REMOVE) {
        loop_poll_free(&poll);
        return 0;
    }
    if (poll == NULL) {
        struct lf_error err;
        if (!loop_poll_new(http->loop, socket, on_socket, http, &poll, &err)) {
            return 0; /* -1 would end all transfers; so this one ends by its time-out */
        }
        (void)curl_multi_assign(http->multi, socket, poll);
    }
    unsigned events = 0;
    events |= (what & CURL_POLL_IN) != 0 ? LOOP_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? LOOP_WRITABLE : 0;
    loop_poll_start(poll, events);
    return 0;
}

/* Bytes are counted as the socket takes and gives them, not as they pass our callbacks: a buffer may take minutes to leave.
 * Connecting has its own limit. */
static bool is_stalled(struct http_ticket *ticket, int64_t now_us)
{
    struct http_transfer *transfer = &ticket->transfer;
    curl_off_t sent = 0;
    curl_off_t received = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_SIZE_DOWNLOAD_T, &received);
    int64_t bytes = sent + received + (int64_t)transfer->header_bytes;
    if (bytes != transfer->seen_bytes || transfer->starts == 0) {
        transfer->seen_bytes = bytes;
        transfer->seen_us = now_us;
        return false;
    }
    int64_t limit_ms = ticket->request.stall_ms > 0 ? ticket->request.stall_ms : STALL_MS;
    return now_us - transfer->seen_us > limit_ms * 1000;
}

static void watch(void *context)
{
    struct http *http = context;
    int64_t now_us = http_monotonic_us();
    struct http_ticket *next = NULL;
    for (struct http_ticket *ticket = http->running; ticket != NULL; ticket = next) {
        next = ticket->next; /* what starts in its place comes to the front */
        if (is_stalled(ticket, now_us)) {
            ticket->transfer.is_stalled = true;
            end_try(ticket, CURLE_OPERATION_TIMEDOUT);
        }
    }
}

/* ── the client ── */

static bool check_ca_file(const char *path, struct lf_error *err)
{
    if (path == NULL) {
        return true;
    }
    CLEANUP(buf_done) struct buf text = {0};
    if (!file_read_all(path, (size_t)16 << 20, &text, err)) {
        err->kind = LF_CONFIG;
        return lf_error_wrap(err, "the certificates of ca_file");
    }
    return strstr(buf_text(&text), "-----BEGIN ") != NULL ||
           lf_error_set(err, LF_CONFIG, 0, "ca_file %s holds no certificate in PEM form", path);
}

static bool check_proxy(const char *proxy, struct lf_error *err)
{
    CURLU *url = curl_url();
    bool ok = proxy == NULL || proxy[0] == '\0' ||
              curl_url_set(url, CURLUPART_URL, proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    curl_url_cleanup(url);
    return ok || lf_error_set(err, LF_CONFIG, 0, "the proxy is no URL; expected is http://host:port");
}

static bool make_multi(struct http *http)
{
    http->multi = curl_multi_init();
    return http->multi != NULL && curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)(http->host_connections * HOSTS)) == CURLM_OK;
}

static void run_loop(void *context)
{
    loop_run(context);
}

/* By a temporary: a pointer to the client is not handed out before it is whole. */
bool http_new(const struct http_options *options, struct http **ret_http, struct lf_error *err)
{
    http_curl_prepare();
    TRY(check_ca_file(options->ca_file, err));
    TRY(check_proxy(options->proxy, err));
    CLEANUP(http_free) struct http *http = mem_new(1, sizeof *http);
    (void)pthread_mutex_init(&http->mutex, NULL);
    http->ca_file = text_copy(options->ca_file);
    http->proxy = text_copy(options->proxy);
    http->host_connections = options->host_connections > 0 ? options->host_connections : HOST_CONNECTIONS;
    http->log = options->log;
    TRY(loop_new(&http->loop, err));
    http->timer = loop_timer_new(http->loop, on_time, http);
    http->watch = loop_timer_new(http->loop, watch, http);
    if (!make_multi(http)) {
        return lf_error_set(err, LF_INTERNAL, 0, "libcurl cannot be set up");
    }
    TRY(workers_new(1, STACK_BYTES, &http->thread, err));
    workers_post(http->thread, run_loop, NULL, http->loop);
    *ret_http = http;
    http = NULL;
    return true;
}

/* On the client's thread, where signals are blocked: TLS says goodbye on connections that may be gone. */
static void close_connections(void *context)
{
    struct http *http = context;
    (void)curl_multi_cleanup(http->multi);
    http->multi = NULL;
}

static void free_hosts(struct http *http)
{
    while (http->hosts != NULL) {
        struct http_host *host = http->hosts;
        http->hosts = host->next;
        assert(host->first == NULL);
        text_free(&host->name);
        free(host);
    }
}

void http_free(struct http **http)
{
    struct http *client = *http;
    if (client == NULL) {
        return;
    }
    assert(atomic_load(&client->tickets) == 0);
    if (client->thread != NULL) {
        loop_post(client->loop, close_connections, client);
        loop_stop(client->loop);
        workers_free(&client->thread);
    }
    if (client->multi != NULL) { /* the thread never came to run */
        close_connections(client);
    }
    loop_free(&client->loop);
    free_hosts(client);
    (void)pthread_mutex_destroy(&client->mutex);
    text_free(&client->ca_file);
    text_free(&client->proxy);
    free(client);
    *http = NULL;
}
