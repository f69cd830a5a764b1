/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop watches libmicrohttpd's epoll descriptor. A request that the handler has is suspended: libmicrohttpd does not
 * look at its connection until it is resumed with a reply.
 */
#include "base/macros.h"
#include "net/httpd_internal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_MS 1000
/* So much of a body over the limit is read and thrown away: a client that is still sending would not see the answer. */
#define DROPPED_BYTES_MAX ((size_t)64 << 20)
#define CLOSE_TURNS 3

unsigned httpd_count_connections(const struct httpd *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

static void drive(void *context)
{
    struct httpd *server = context;
    unsigned before = 0;
    do { /* a full server listens again only in the turn after the one in which a connection ended */
        before = httpd_count_connections(server);
        (void)MHD_run(server->daemon);
    } while (httpd_count_connections(server) < before);
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES) {
        loop_timer_start(server->timer, timeout_ms > INT32_MAX ? INT32_MAX : (int64_t)timeout_ms, 0);
    } else {
        loop_timer_stop(server->timer);
    }
}

/* ── requests with the handler ── */

static void resume(struct httpd_request *request)
{
    request->suspended = false;
    MHD_resume_connection(request->connection);
}

/* A suspended connection is in nobody's poll. A client that has only ended its own sending still waits for the answer. */
static bool is_gone(const struct httpd_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd one = {.fd = info->connect_fd};
    return poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR)) != 0;
}

static void check_clients(void *context)
{
    struct httpd *server = context;
    bool any = false;
    for (struct httpd_request *request = server->requests; request != NULL; request = request->next) {
        if (request->suspended && is_gone(request)) {
            request->gone = true;
            resume(request);
            any = true;
        }
    }
    if (any) {
        drive(server);
    }
}

static void hand_over(struct httpd_request *request)
{
    struct httpd *server = request->server;
    MHD_suspend_connection(request->connection);
    request->suspended = true;
    request->handed = true;
    if (server->nhanded++ == 0) {
        loop_timer_start(server->check, CHECK_MS, CHECK_MS);
    }
    server->options.handle(server->options.context, request);
}

/* The handler has given it back; the reply is taken over. */
static void take_back(struct httpd_request *request)
{
    struct httpd *server = request->server;
    request->handed = false;
    request->own = request->given;
    request->given.response = NULL;
    if (--server->nhanded == 0) {
        loop_timer_stop(server->check);
    }
}

void httpd_take_answer(void *context)
{
    struct httpd_request *request = context;
    struct httpd *server = request->server;
    take_back(request);
    if (request->connection == NULL) {
        httpd_request_free(request);
    } else if (request->suspended) {
        resume(request);
        drive(server);
    }
}

/* ── called by libmicrohttpd ── */

static enum MHD_Result send_reply(struct httpd_request *request)
{
    return MHD_queue_response(request->connection, request->own.status, request->own.response);
}

static enum MHD_Result refuse(struct httpd_request *request, unsigned status, enum lf_error_kind kind,
                              const char *message)
{
    request->own = httpd_reply_problem(status, kind, message);
    return send_reply(request);
}

static enum MHD_Result refuse_body(struct httpd_request *request)
{
    CLEANUP(text_free)
    char *message = text_printf("the body of the request is over the limit of %zu bytes", request->body.max);
    return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, LF_LIMIT, message);
}

static enum MHD_Result take_body(struct httpd_request *request, const char *data, size_t *len)
{
    if (request->dropped_bytes > 0 || *len > request->body.max - request->body.len) {
        buf_reset(&request->body);
        request->dropped_bytes += *len;
    } else {
        buf_append(&request->body, data, *len);
    }
    *len = 0;
    return request->dropped_bytes <= DROPPED_BYTES_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_whole(struct httpd_request *request)
{
    struct httpd *server = request->server;
    if (request->dropped_bytes > 0) {
        return refuse_body(request);
    }
    httpd_request_read_query(request);
    if (request->undecodable) {
        return refuse(request, MHD_HTTP_BAD_REQUEST, LF_DATA, "the query holds an encoded NUL");
    }
    if (server->closing) {
        return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, LF_TRANSIENT, "the daemon is ending");
    }
    hand_over(request);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version UNUSED, const char *data, size_t *len,
                                  void **state)
{
    struct httpd_request *request = *state;
    if (request == NULL) {
        request = httpd_request_new(context, method, path);
        request->connection = connection;
        *state = request;
        return MHD_YES;
    }
    if (*len > 0) {
        return take_body(request, data, len);
    }
    if (request->gone) {
        return MHD_NO;
    }
    return request->own.response != NULL ? send_reply(request) : take_whole(request);
}

static void on_completed(void *context UNUSED, struct MHD_Connection *connection UNUSED, void **state,
                         enum MHD_RequestTerminationCode code UNUSED)
{
    struct httpd_request *request = *state;
    if (request == NULL) {
        return;
    }
    *state = NULL;
    request->connection = NULL;
    request->suspended = false;
    if (!request->handed) {
        httpd_request_free(request);
    }
}

/* Path and query are decoded here or by the handler, never on the way: "%2F" would become a separator. */
static size_t keep_encoded(void *context UNUSED, struct MHD_Connection *connection UNUSED, char *text)
{
    return strlen(text);
}

/* ── open and close ── */

static bool is_socket_of(int fd, ino_t inode)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == inode;
}

static bool start_daemon(struct httpd *server, struct lf_error *err)
{
    const struct httpd_options *options = &server->options;
    struct stat status = {0};
    (void)fstat(server->listener.fd, &status);
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
                                      MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
                                      options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
                                      MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK,
                                      keep_encoded, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        /* libmicrohttpd closes the socket after some failures and leaves it open after others. */
        int error_number = errno;
        if (!is_socket_of(server->listener.fd, status.st_ino)) {
            server->listener.fd = -1;
        }
        return lf_error_set(err, LF_TRANSIENT, error_number, "start the server of the socket %s: %s",
                            server->listener.path, strerror(error_number));
    }
    server->listener.fd = -1;
    return true;
}

static bool watch_daemon(struct httpd *server, struct lf_error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info != NULL);
    struct loop *loop = server->options.loop;
    TRY(loop_watch_new(loop, info->epoll_fd, drive, server, &server->watch, err));
    server->timer = loop_timer_new(loop, drive, server);
    server->check = loop_timer_new(loop, check_clients, server);
    return true;
}

static struct httpd_gate *gate_new(void)
{
    struct httpd_gate *gate = mem_new(1, sizeof *gate);
    (void)pthread_mutex_init(&gate->mutex, NULL);
    gate->references = 1;
    return gate;
}

bool httpd_open(const struct httpd_options *options, struct httpd **ret_httpd, struct lf_error *err)
{
    struct httpd_listener listener;
    TRY(httpd_listener_open(&listener, options->socket_path, options->mode, err));
    struct httpd *server = mem_new(1, sizeof *server);
    server->listener = listener;
    server->options = *options;
    server->options.socket_path = NULL;
    server->options.max_connections = options->max_connections != 0 ? options->max_connections : 64;
    server->options.idle_timeout_s = options->idle_timeout_s != 0 ? options->idle_timeout_s : 30;
    server->options.max_body_bytes = options->max_body_bytes != 0 ? options->max_body_bytes : (size_t)1 << 20;
    server->gate = gate_new();
    if (!start_daemon(server, err) || !watch_daemon(server, err)) {
        httpd_close(&server);
        return false;
    }
    *ret_httpd = server;
    return true;
}

/* From here on an answer is only kept. Requests without one get 503. */
static void stop_answers(struct httpd *server)
{
    struct httpd_gate *gate = server->gate;
    pthread_mutex_lock(&gate->mutex);
    gate->state = HTTPD_GATE_CLOSING;
    for (struct httpd_request *request = server->requests; request != NULL; request = request->next) {
        if (request->handed && request->answered) {
            loop_unpost(server->options.loop, request);
            take_back(request);
        }
    }
    pthread_mutex_unlock(&gate->mutex);
}

static void finish_requests(struct httpd *server)
{
    for (struct httpd_request *request = server->requests; request != NULL; request = request->next) {
        if (request->handed && request->connection != NULL && request->own.response == NULL) {
            request->own =
                httpd_reply_problem(MHD_HTTP_SERVICE_UNAVAILABLE, LF_TRANSIENT, "the daemon ended before it answered");
        }
        if (request->suspended) {
            resume(request);
        }
    }
    for (int turn = 0; turn < CLOSE_TURNS; turn++) { /* resume, reply, and what the sockets take */
        (void)MHD_run(server->daemon);
    }
}

/* From here on an answer frees its request. */
static void shut_gate(struct httpd *server)
{
    struct httpd_gate *gate = server->gate;
    pthread_mutex_lock(&gate->mutex);
    gate->state = HTTPD_GATE_CLOSED;
    struct httpd_request *next = NULL;
    for (struct httpd_request *request = server->requests; request != NULL; request = next) {
        next = request->next;
        if (!request->answered) {
            httpd_request_orphan(request);
        }
    }
    pthread_mutex_unlock(&gate->mutex);
    while (server->requests != NULL) {
        httpd_request_free(server->requests);
    }
    httpd_gate_release(gate);
}

void httpd_close(struct httpd **httpd)
{
    struct httpd *server = *httpd;
    if (server == NULL) {
        return;
    }
    server->closing = true;
    stop_answers(server);
    loop_watch_free(&server->watch);
    loop_timer_free(&server->timer);
    loop_timer_free(&server->check);
    if (server->daemon != NULL) {
        finish_requests(server);
        MHD_stop_daemon(server->daemon);
    }
    shut_gate(server);
    httpd_listener_close(&server->listener);
    free(server);
    *httpd = NULL;
}

bool httpd_adopt(struct httpd *server, int fd)
{
    const struct sockaddr address = {.sa_family = AF_UNIX};
    bool ok = MHD_add_connection(server->daemon, fd, &address, sizeof address) == MHD_YES;
    drive(server);
    return ok;
}
