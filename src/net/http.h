/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP for worker threads: what is sent runs on one curl multi, on the client's own thread and loop; who sent it goes on and
 * waits later. Several requests in flight need no callbacks:
 *
 *   http_new → (http_send… → http_wait…)… → http_free          http_call is a send and a wait
 *
 * Ownership: a request and all that it points at stay the caller's and in place until http_wait or http_drop has returned
 * (the struct itself is copied). A ticket belongs to the thread that sent it; exactly one of http_wait and http_drop ends it.
 * The client outlives them all.
 *
 * Repeating: whether a request is tried again says its `repeat`: what the server may have carried out although its answer was
 * lost must only be marked HTTP_REPEAT if doing it twice is the same as doing it once. HTTP_ONCE is repeated too, but only
 * when it was certainly not carried out: it never left, the answer was 401, 417 or 429, or 503 before all of the body had gone.
 * Tries after the first one are made within http_wait, by the class of the failure (http_retry.h), until `patience_ms` has
 * passed since http_send; a try that runs is not cut by that. Before each try, the first too, `prepare` is called on the
 * thread of the caller, to sign or to add a token: it may block and send requests of its own.
 *
 * How many requests to one host run at once adapts to its 429 and 503 answers (http_pace.h); the others wait their turn.
 *
 * A reply of any status is a success of the call, a 503 too once patience has ended. Failures: TRANSIENT: no answer;
 * http_was_sent tells whether the request can have been carried out. CONFIG: the URL or proxy cannot be used. AUTH: the
 * certificate does not fit, the CA cannot be read, or the proxy refuses us: others may mend that. LIMIT: the answer is
 * longer than the sink takes. CANCELLED. What `prepare` says. What reading a body from its file says. All but the last two
 * name method, URL and what to do.
 *
 * Sent beside the given headers: Host, User-Agent (unless given), Content-Length for all but GET and HEAD, `Expect:
 * 100-continue` for bodies over 1 MiB; nothing of libcurl's own choosing (no Accept, no Content-Type), never chunked. Of the
 * given headers Content-Length, Transfer-Encoding and Expect are left out.
 *
 * Nothing secret is ever logged or put into a message: of URLs what http_url_show gives, of headers only those named by
 * http_header_is_shown.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"
#include "base/log.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_ticket;
struct http_headers; /* an ordered list of names and values; owns its texts */

struct http_options {
    const char *ca_file;     /* PEM; NULL: the system's */
    const char *proxy;       /* NULL: by the environment (https_proxy …); no_proxy counts for both */
    size_t host_connections; /* used at once for each host; 0: 16 */
    struct log *log;         /* NULL: silent */
};

/* TRANSIENT: the system has no threads or descriptors left. CONFIG: the CA file cannot be read, or the proxy is no URL. */
bool http_new(const struct http_options *options, struct http **ret_http, struct lf_error *err) LF_MUST_CHECK;
/* No ticket is open any more. */
void http_free(struct http **http); /* for CLEANUP; NULL inside is allowed */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_PATCH, HTTP_DELETE };
const char *http_method_name(enum http_method method); /* "GET" */

enum http_repeat { HTTP_ONCE, HTTP_REPEAT };

/* What is sent: memory, or a region of a file that is read with pread, so that each try sends the same. */
struct http_body {
    const void *ptr; /* NULL: of fd */
    int fd;
    uint64_t offset, bytes;
};

/* One try that is about to be made: what prepare may still change. Each begins anew from the request. What is in it is wiped
 * before it is freed. */
struct http_try {
    enum http_method method;
    struct buf *url;              /* whole; a query may be appended */
    struct http_headers *headers; /* of the request and of the client; further ones may be set */
    const struct http_body *body; /* its length is sent as Content-Length, except for GET and HEAD */
    unsigned number;              /* from 0 */
    bool unauthorized; /* the try before this one was answered 401: what was used is no longer valid. Then, and
                                     only then, the headers still hold the Authorization that was refused */
};

struct http_request {
    enum http_method method;
    const char *url;                    /* encoded; no user or password in it */
    const struct http_headers *headers; /* NULL: none */
    const char *request_id_header; /* in it each try sends a GUID of its own; all of one request begin with the same
                                           three groups. NULL: none */
    struct http_body body;         /* bytes 0: none */
    /* Where the answer's body goes. Of an answer other than 2xx at most HTTP_TEXT_MAX go into the reply's `text` instead.
     * Neither sink nor sink_buf: the body is of no interest. */
    void *sink;
    size_t sink_size;
    struct buf *sink_buf; /* in place of sink: what it held is replaced; grows to at most sink_size */

    enum http_repeat repeat;
    const unsigned *further_statuses;       /* worth another try beside the usual ones, ended by 0; NULL: none */
    int64_t connect_ms, stall_ms, total_ms; /* of each try; 0: 10 s, 30 s, none. stall: without a byte in or out */
    int64_t patience_ms; /* of all tries; 0: 120 s; less than 0: one try alone, beside that after a 401 or 417 */
    int64_t backoff_ms;  /* before the second try, then doubled up to 30 s; 0: 500 */
    bool direct;         /* never by a proxy: identity endpoints of the machine */
    bool urgent;         /* does not wait its turn: what keeps a lease */
    bool (*prepare)(void *context, struct http_try *attempt, struct lf_error *err); /* NULL: none */
    void *prepare_context;
    bool (*cancelled)(void *context); /* NULL: never; asked every 200 ms at least while waiting */
    void *cancel_context;
    const struct log_where *where; /* of log lines; NULL: none */
};

#define HTTP_TEXT_MAX 8192u

struct http_reply {
    unsigned status;
    struct http_headers *headers;
    size_t bytes;    /* in the sink */
    struct buf text; /* of an answer other than 2xx: its beginning */
    unsigned tries;
    bool was_repeated_blindly; /* an earlier try may have been carried out: a failed condition may be our own doing */
    int64_t retry_after_ms;    /* as the server asks; 0: it does not */
};

/* Starts the first try. `prepare` may fail; then there is no ticket. */
bool http_send(struct http *http, const struct http_request *request, struct http_ticket **ret_ticket,
               struct lf_error *err) LF_MUST_CHECK;
/* Waits for the answer, with further tries if they are allowed; ends the ticket. The reply is filled only on success. */
bool http_wait(struct http_ticket **ticket, struct http_reply *ret_reply, struct lf_error *err) LF_MUST_CHECK;
/* Gives up what is in flight; afterwards nothing of the request is used any more. */
void http_drop(struct http_ticket **ticket); /* for CLEANUP; NULL inside is allowed */
bool http_call(struct http *http, const struct http_request *request, struct http_reply *ret_reply,
               struct lf_error *err) LF_MUST_CHECK;
void http_reply_done(struct http_reply *reply); /* for CLEANUP */

/* Of a failure of http_send, http_wait or http_call: whether the server can have carried the request out. */
#define HTTP_CODE_NOT_SENT (-1) /* the error's code when it cannot */
bool http_was_sent(const struct lf_error *err);

struct http_headers *http_headers_new(void);
void http_headers_free(struct http_headers **headers); /* for CLEANUP; NULL inside is allowed */
void http_headers_set(struct http_headers *headers, const char *name, const char *value); /* replaces; any case */
void http_headers_add(struct http_headers *headers, const char *name,
                      const char *value);                                           /* beside those of that name */
void http_headers_remove(struct http_headers *headers, const char *name);           /* all of that name */
const char *http_headers_get(const struct http_headers *headers, const char *name); /* the first; NULL: absent */
size_t http_headers_count(const struct http_headers *headers);
void http_headers_at(const struct http_headers *headers, size_t i, const char **ret_name, const char **ret_value);
/* Whether its value may stand in logs and messages. */
bool http_header_is_shown(const char *name);
/* Appends scheme, host and path: neither query nor fragment, user or password. The one way of a URL into text. */
void http_url_show(const char *url, struct buf *out);

#endif
