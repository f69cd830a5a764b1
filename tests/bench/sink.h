/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for benches: HTTP/1.1, plain or TLS, a thread for each connection, as little work of its own as possible.
 *
 *   listener = sink_listen(&port);  then, in a process of its own: sink_serve(listener, &options), which does not return
 *
 * What goes wrong ends the process with a message.
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink_connection;

/* One request, and what is answered. */
struct sink_call {
    struct sink_connection *connection;
    const char *method, *target;
    const char *head;    /* all of it */
    uint64_t body_bytes; /* of the request, still to be read; what the handler leaves is forgotten */
    void *context;

    unsigned status;    /* 200 */
    struct buf headers; /* lines with CR and LF; Content-Length and Date are added */
    int body_fd;        /* -1: none; what is answered, from body_offset on */
    uint64_t body_offset, body_length;
};

/* The next bytes of the request's body; 0: there are no more, or the client is gone. */
size_t sink_read(struct sink_call *call, void *ret, size_t size);
/* The value of "Name: " as text that ends at the line; NULL: absent. */
const char *sink_header(const struct sink_call *call, const char *name_and_colon);

struct sink_options {
    const char *ca_path; /* not NULL: TLS, and the certificate is written there */
    void (*handle)(struct sink_call *call);
    void *context;
};

/* Prints what failed and ends the process. */
void sink_need(bool ok, const char *what);
int sink_listen(unsigned *ret_port);
/* Makes the certificate; to be called before clients may read it. */
struct sink *sink_new(const struct sink_options *options);
_Noreturn void sink_serve(struct sink *sink, int listener);

#endif
