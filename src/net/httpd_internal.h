/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by httpd*.c. A request belongs to two: to libmicrohttpd while its connection lives, to the handler from `handle`
 * until httpd_answer. The later of the two frees it.
 */
#ifndef NET_HTTPD_INTERNAL_H
#define NET_HTTPD_INTERNAL_H

#include "base/buf.h"
#include "net/httpd.h"

#include <microhttpd.h>
#include <pthread.h>

struct httpd_listener {
    char *path;
    int fd;      /* -1 once libmicrohttpd owns it */
    int lock_fd; /* -1: nothing is held */
};

/* Outlives the server as long as a handler has a request. */
struct httpd_gate {
    pthread_mutex_t mutex;
    enum {
        HTTPD_GATE_OPEN,    /* an answer is posted to the loop */
        HTTPD_GATE_CLOSING, /* kept: httpd_close frees the request */
        HTTPD_GATE_CLOSED   /* freed where it is given */
    } state;
    size_t references; /* the server and each request */
};

struct httpd_parameter {
    char *name, *value;
};

struct httpd_reply {
    struct MHD_Response *response; /* NULL: none yet */
    unsigned status;
};

struct httpd_request {
    struct httpd_gate *gate;
    struct httpd *server; /* NULL once it is closed */
    struct httpd_request *next, *previous;
    struct MHD_Connection *connection; /* NULL once libmicrohttpd is done with it */
    char *method, *path;
    struct httpd_parameter *parameters;
    size_t nparameters, parameters_cap;
    struct buf body;
    size_t dropped_bytes;   /* of a body over the limit */
    bool undecodable;       /* a parameter */
    bool handed;            /* to the handler, which has not given it back */
    bool suspended;         /* libmicrohttpd does not look at its connection */
    bool gone;              /* the client */
    struct httpd_reply own; /* loop thread: what to send */
    bool answered;          /* under the gate's mutex, as `given` */
    struct httpd_reply given;
};

struct httpd {
    struct httpd_options options; /* without the path */
    struct httpd_gate *gate;
    struct httpd_listener listener;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer; /* when libmicrohttpd wants to be called even if nothing happens */
    struct loop_timer *check; /* for clients that went away, while a handler has requests */
    struct httpd_request *requests;
    size_t nhanded;
    bool closing;
};

/* httpd_listen.c */
bool httpd_listener_open(struct httpd_listener *listener, const char *path, mode_t mode,
                         struct lf_error *err) LF_MUST_CHECK;
void httpd_listener_close(struct httpd_listener *listener);

/* httpd_request.c */
struct httpd_request *httpd_request_new(struct httpd *server, const char *method, const char *path);
void httpd_request_free(struct httpd_request *request);
/* Leaves it to the handler alone. */
void httpd_request_orphan(struct httpd_request *request);
void httpd_request_read_query(struct httpd_request *request);
struct httpd_reply httpd_reply_make(unsigned status, const struct httpd_header *headers, size_t nheaders,
                                    const void *body, size_t len);
struct httpd_reply httpd_reply_problem(unsigned status, enum lf_error_kind kind, const char *message);
void httpd_gate_release(struct httpd_gate *gate);

/* httpd.c: a message of httpd_answer. */
void httpd_take_answer(void *request);
/* For tests: serves a connected socket, which it closes; tells how many connections there are. */
bool httpd_adopt(struct httpd *server, int fd) LF_MUST_CHECK;
unsigned httpd_count_connections(const struct httpd *server);

#endif
