/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP/1.1 server on a unix domain socket, driven by the loop; it never blocks it. One process serves a socket: it
 * holds a lock on `<socket>.lock` from httpd_open to httpd_close (or its death), and the lock file stays for ever.
 *
 * A request reaches `handle` when its whole body is there. From then on the handler owns the request, reads it on any one
 * thread at a time, and gives it back with httpd_answer, exactly once, now or hours later. A client that goes away
 * meanwhile changes nothing for the handler: the answer is thrown away.
 *
 * The server itself answers what is not HTTP, 413 for a body over the limit, 400 for a query that cannot be decoded, and
 * 503 while it closes, all but the first as {"kind":…,"message":…}. Connections over the maximum wait for a free place.
 * One on which nothing moves for idle_timeout_s is closed, except while its request is with the handler.
 */
#ifndef NET_HTTPD_H
#define NET_HTTPD_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"
#include "net/loop.h"

#include <stddef.h>
#include <sys/types.h>

struct httpd;
struct httpd_request;

struct httpd_options {
    struct loop *loop;
    const char *socket_path;
    mode_t mode;              /* of the socket: exactly this, whatever the umask, and never wider for a moment */
    unsigned max_connections; /* 0: 64 */
    unsigned idle_timeout_s;  /* 0: 30 */
    size_t max_body_bytes;    /* 0: 1 MiB */
    void (*handle)(void *context, struct httpd_request *request); /* loop thread; must not call httpd_close */
    void *context;
};

struct httpd_header {
    const char *name;
    const char *value;
};

/* Loop thread. The socket of a dead process is replaced. CONFLICT: another process serves it. CONFIG: the path is too
 * long, its folder is closed to us, or something else than a socket stands there. NOT_FOUND: its folder is missing. TRANSIENT: no descriptors or
 * space left. `options` and its path are copied. */
bool httpd_open(const struct httpd_options *options, struct httpd **ret_httpd, struct lf_error *err) LF_MUST_CHECK;
/* Loop thread, before loop_free. Sends the answers that were given, and 503 to requests that the handler still has, as far
 * as the sockets take them at once; removes the socket. Those requests still need their httpd_answer, which then only
 * frees them, even after loop_free. */
void httpd_close(struct httpd **httpd); /* for CLEANUP; NULL inside is allowed */

/* Valid until httpd_answer. */
const char *httpd_request_method(const struct httpd_request *request);
/* Without the query, percent-encoded as it was sent, so that a "/" within a segment stays apart from those between them:
 * decode the segments with http_decode. It may be anything, also without a "/" in front. */
const char *httpd_request_path(const struct httpd_request *request);
/* Decoded; the first of that name, "" for one without a value, NULL if absent. */
const char *httpd_request_query(const struct httpd_request *request, const char *name);
struct lf_slice httpd_request_body(const struct httpd_request *request);

/* Any thread. Copies everything and frees the request. Content-Type is application/json unless a header says otherwise.
 * status: 200 to 599. A header that HTTP cannot carry (a line feed in its value) makes it a 500. */
void httpd_answer(struct httpd_request *request, unsigned status, const struct httpd_header *headers, size_t nheaders,
                  const void *body, size_t len);

#endif
