/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request to the process that serves a unix domain socket; blocks. No proxy, no redirect, nothing repeated.
 *
 * NOT_FOUND: nobody serves the socket (it is absent, or left by a dead process). AUTH: no right to it; the message names the
 * group to join. CONFIG: its path is too long, or what serves it does not speak HTTP. TRANSIENT: the connection broke or the
 * time ran out; whether the request was carried out is unknown. LIMIT: the reply is over 64 MiB. A reply of any status is a
 * success of the call.
 */
#ifndef NET_UNIX_HTTP_H
#define NET_UNIX_HTTP_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdint.h>

struct unix_http_request {
    const char *socket_path;
    const char *method;
    const char *target; /* path and query, encoded (http_encode) */
    const void *body;   /* sent as application/json; NULL: none */
    size_t len;
    const char *want_header; /* a header of the reply to keep; NULL: none */
    int64_t timeout_ms;      /* for all of it; 0: none */
};

struct unix_http_reply {
    unsigned status;
    struct buf body;
    char *header; /* the value of want_header, the last if there are several; NULL: absent */
};

/* The reply is filled only on success, and done by the caller. */
bool unix_http_call(const struct unix_http_request *request, struct unix_http_reply *ret_reply,
                    struct lf_error *err) LF_MUST_CHECK;
void unix_http_reply_done(struct unix_http_reply *reply); /* for CLEANUP */

#endif
