/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the client share this: http_client (thread, queue, multi), http_transfer (one try as curl sees it), http_ticket
 * (tries of a request, on the thread of the caller).
 */
#ifndef NET_HTTP_INTERNAL_H
#define NET_HTTP_INTERNAL_H

#include "base/random.h"
#include "net/http.h"
#include "net/http_pace.h"
#include "net/http_retry.h"
#include "net/loop.h"
#include "net/workers.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

/* What curl needs to start one try, made by the caller's thread; and what it came to, made by the client's. */
struct http_transfer {
    const struct http_request *request;
    CURL *curl;
    struct curl_slist *lines; /* the headers as curl takes them */
    bool expects_continue;
    uint64_t read_bytes; /* of the body */
    unsigned starts;     /* how often the request began to be sent */
    bool has_answer;     /* status and headers are there */
    size_t header_bytes, text_bytes;
    struct lf_error failure; /* of our own: reading the body, too long an answer; kind NONE: none */
    int64_t seen_bytes;      /* in and out, at seen_us */
    int64_t seen_us;

    unsigned status;
    struct http_headers *headers;
    size_t bytes;
    struct buf text;
    CURLcode code;
    bool is_stalled;
    long proxy_status; /* of a CONNECT; 0: none */
    char curl_text[CURL_ERROR_SIZE];
    struct http_outcome outcome;
};

enum http_place { HTTP_NOWHERE, HTTP_QUEUED, HTTP_RUNNING };

#define HTTP_ID_GROUPS 18 /* xxxxxxxx-xxxx-4xxx: what they have in common */

struct http_ticket {
    struct http *http;
    struct http_request request;
    /* The caller's. */
    struct http_retry retry;
    struct http_headers *headers; /* of the try */
    struct buf url;
    char id[RANDOM_GUID_SIZE]; /* all its request ids begin as this one */
    bool unauthorized, fresh;
    unsigned tries;
    bool was_ever_sent;
    /* The client thread's, while is_done is false. */
    struct http_transfer transfer;
    struct http_host *host;
    char *host_name;
    enum http_place place;
    struct http_ticket *next, *before; /* in the queue of the host or in the list of those that run */
    int64_t started_us;
    /* Under the mutex of the client. */
    bool is_done, is_stopped;
    pthread_cond_t changed;
};

struct http_host {
    struct http_host *next;
    char *name; /* scheme and authority */
    struct http_pace pace;
    size_t running;
    struct http_ticket *first, *last; /* that wait */
};

struct http {
    char *ca_file, *proxy;
    size_t host_connections;
    struct log *log;
    struct loop *loop;
    struct workers *thread;
    CURLM *multi;
    struct loop_timer *timer; /* curl's */
    struct loop_timer *watch; /* for stalls, while anything runs */
    struct http_host *hosts;
    struct http_ticket *running;
    pthread_mutex_t mutex;
    atomic_size_t tickets;
};

/* http_client: from the caller's thread. Afterwards all of the ticket belongs to the client until is_done. */
void http_client_start(struct http_ticket *ticket);
/* Takes it back, wherever it is; returns when it is. */
void http_client_stop(struct http_ticket *ticket);
/* Until it is done or for so long; whether it is done. */
bool http_client_await(struct http_ticket *ticket, int64_t ms);

/* http_transfer. CONFIG: URL, proxy or CA cannot be used, or a header holds a line end. */
bool http_transfer_prepare(struct http_ticket *ticket, struct lf_error *err) LF_MUST_CHECK;
/* Client thread: the try has ended with this code; fills what it came to. */
void http_transfer_end(struct http_ticket *ticket, CURLcode code);
void http_transfer_done(struct http_transfer *transfer);

/* http_explain: why there is no answer. */
bool http_explain(const struct http_ticket *ticket, struct lf_error *err);
/* Of a code without an answer: nothing changes by trying again. */
bool http_is_hopeless(const struct http_transfer *transfer);

int64_t http_monotonic_us(void);

#endif
