/* SPDX-License-Identifier: Apache-2.0
 *
 * A server on 127.0.0.1 that follows a script: the n-th request that it reads, on whatever connection, meets the n-th step.
 * What comes after the script is answered with 200. Each connection has a thread, so that several are served at once.
 */
#ifndef UNIT_NET_HTTP_SCRIPT_H
#define UNIT_NET_HTTP_SCRIPT_H

#include "base/buf.h"
#include "base/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRIPT_CONNECTIONS_MAX 512
#define SCRIPT_REQUESTS_MAX 512

enum step_kind {
    STEP_ANSWER,     /* reads the request, sends `text` */
    STEP_LAST,       /* the same, then closes */
    STEP_REFUSE,     /* sends `text` when it has the head, reads no body, closes */
    STEP_RESET,      /* reads the request, then resets the connection */
    STEP_RESET_HEAD, /* reads the head alone, then resets */
    STEP_HOLD,       /* reads the request, sends `text`, then nothing until script_release */
    STEP_LATE,       /* reads the request, sends `text` after script_release */
    STEP_SILENT,     /* the same as STEP_ANSWER, but does not know of Expect */
    STEP_DRIP,       /* sends `text` a byte at a time */
};

struct step {
    enum step_kind kind;
    const char *text;
};

struct script {
    const struct step *steps;
    size_t nsteps;
    int listener;
    unsigned port;
    pthread_t acceptor;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool is_released;
    size_t nconnections;
    int sockets[SCRIPT_CONNECTIONS_MAX];
    pthread_t threads[SCRIPT_CONNECTIONS_MAX];
    size_t nrequests;
    char *heads[SCRIPT_REQUESTS_MAX];
    uint64_t body_bytes[SCRIPT_REQUESTS_MAX], body_sums[SCRIPT_REQUESTS_MAX];
    size_t running, most_running; /* at once */
};

struct script_connection {
    struct script *script;
    int fd;
};

static inline bool script_send(int fd, const char *text, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static inline bool script_read_head(int fd, struct buf *head)
{
    buf_reset(head);
    while (head->len < 4 || memcmp(head->ptr + head->len - 4, "\r\n\r\n", 4) != 0) {
        char c = 0;
        if (recv(fd, &c, 1, 0) != 1) {
            return false;
        }
        buf_append_char(head, c);
    }
    return true;
}

static inline const char *script_find(const char *head, const char *name)
{
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':') {
            return line + 2 + strlen(name) + 1 + strspn(line + 2 + strlen(name) + 1, " ");
        }
    }
    return NULL;
}

static inline size_t script_note(struct script *script, const char *head)
{
    pthread_mutex_lock(&script->mutex);
    size_t number = script->nrequests++ % SCRIPT_REQUESTS_MAX;
    free(script->heads[number]);
    script->heads[number] = text_copy(head);
    script->running++;
    script->most_running = script->running > script->most_running ? script->running : script->most_running;
    (void)pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->mutex);
    return number;
}

static inline bool script_read_body(struct script *script, int fd, size_t number, bool knows_expect)
{
    const char *length = script_find(script->heads[number], "Content-Length");
    uint64_t left = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (left > 0 && knows_expect && script_find(script->heads[number], "Expect") != NULL &&
        !script_send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25)) {
        return false;
    }
    uint64_t bytes = 0;
    uint64_t sum = 0;
    while (bytes < left) {
        unsigned char piece[65536];
        ssize_t n = recv(fd, piece, left - bytes < sizeof piece ? (size_t)(left - bytes) : sizeof piece, 0);
        if (n <= 0) {
            return false;
        }
        for (ssize_t i = 0; i < n; i++) {
            sum = sum * 31 + piece[i];
        }
        bytes += (uint64_t)n;
    }
    pthread_mutex_lock(&script->mutex);
    script->body_bytes[number] = bytes;
    script->body_sums[number] = sum;
    pthread_mutex_unlock(&script->mutex);
    return true;
}

static inline void script_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static inline void script_hold(struct script *script)
{
    pthread_mutex_lock(&script->mutex);
    while (!script->is_released) {
        (void)pthread_cond_wait(&script->changed, &script->mutex);
    }
    pthread_mutex_unlock(&script->mutex);
}

static inline bool script_drip(int fd, const char *text)
{
    for (size_t i = 0; i < strlen(text); i++) {
        (void)usleep(40000); /* what is shown is that slow is not stalled */
        if (!script_send(fd, text + i, 1)) {
            return false;
        }
    }
    return true;
}

#define SCRIPT_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Whether the connection goes on. */
static inline bool script_follow(struct script *script, int fd, const struct step *step, size_t number)
{
    const char *text = step->text != NULL ? step->text : "";
    switch (step->kind) {
    case STEP_REFUSE:
        (void)script_send(fd, text, strlen(text));
        (void)shutdown(fd, SHUT_WR);
        for (char c = 0; recv(fd, &c, 1, 0) > 0;) { /* else the answer would be lost by a reset */
        }
        return false;
    case STEP_RESET_HEAD:
        script_reset(fd);
        return false;
    default:
        break;
    }
    if (!script_read_body(script, fd, number, step->kind != STEP_SILENT)) {
        return false;
    }
    switch (step->kind) {
    case STEP_RESET:
        script_reset(fd);
        return false;
    case STEP_HOLD:
        (void)script_send(fd, text, strlen(text));
        script_hold(script);
        return false;
    case STEP_LATE:
        script_hold(script);
        return script_send(fd, text, strlen(text));
    case STEP_DRIP:
        return script_drip(fd, text);
    default:
        return script_send(fd, text, strlen(text)) && step->kind != STEP_LAST;
    }
}

static inline void *script_serve(void *context)
{
    struct script_connection *connection = context;
    struct script *script = connection->script;
    int fd = connection->fd;
    free(connection);
    CLEANUP(buf_done) struct buf head = {0};
    bool open = true;
    while (open && script_read_head(fd, &head)) {
        static const struct step after = {STEP_ANSWER, SCRIPT_OK};
        size_t number = script_note(script, buf_text(&head));
        open = script_follow(script, fd, number < script->nsteps ? &script->steps[number] : &after, number);
        pthread_mutex_lock(&script->mutex);
        script->running--;
        pthread_mutex_unlock(&script->mutex);
    }
    pthread_mutex_lock(&script->mutex);
    for (size_t i = 0; i < script->nconnections; i++) {
        script->sockets[i] = script->sockets[i] == fd ? -1 : script->sockets[i];
    }
    (void)close(fd); /* under the mutex: its number must not be another's before it is forgotten */
    pthread_mutex_unlock(&script->mutex);
    return NULL;
}

static inline void *script_accept(void *context)
{
    struct script *script = context;
    for (;;) {
        int fd = accept(script->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        struct script_connection *connection = mem_new(1, sizeof *connection);
        *connection = (struct script_connection){.script = script, .fd = fd};
        pthread_mutex_lock(&script->mutex);
        assert_true(script->nconnections < SCRIPT_CONNECTIONS_MAX);
        size_t i = script->nconnections++;
        script->sockets[i] = fd;
        assert_int_equal(pthread_create(&script->threads[i], NULL, script_serve, connection), 0);
        pthread_mutex_unlock(&script->mutex);
    }
}

static inline int script_listen(unsigned *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 512), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline void script_open(struct script *script, const struct step *steps, size_t nsteps)
{
    memset(script, 0, sizeof *script);
    script->steps = steps;
    script->nsteps = nsteps;
    (void)pthread_mutex_init(&script->mutex, NULL);
    (void)pthread_cond_init(&script->changed, NULL);
    script->listener = script_listen(&script->port);
    assert_int_equal(pthread_create(&script->acceptor, NULL, script_accept, script), 0);
}

static inline void script_release(struct script *script)
{
    pthread_mutex_lock(&script->mutex);
    script->is_released = true;
    (void)pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->mutex);
}

/* Until so many requests have come in all. */
static inline void script_await(struct script *script, size_t requests)
{
    pthread_mutex_lock(&script->mutex);
    while (script->nrequests < requests) {
        (void)pthread_cond_wait(&script->changed, &script->mutex);
    }
    pthread_mutex_unlock(&script->mutex);
}

static inline size_t script_requests(struct script *script)
{
    pthread_mutex_lock(&script->mutex);
    size_t requests = script->nrequests;
    pthread_mutex_unlock(&script->mutex);
    return requests;
}

static inline size_t script_connections(struct script *script)
{
    pthread_mutex_lock(&script->mutex);
    size_t connections = script->nconnections;
    pthread_mutex_unlock(&script->mutex);
    return connections;
}

static inline void script_close(struct script *script)
{
    script_release(script);
    (void)shutdown(script->listener, SHUT_RDWR);
    (void)pthread_join(script->acceptor, NULL);
    (void)close(script->listener);
    pthread_mutex_lock(&script->mutex);
    for (size_t i = 0; i < script->nconnections; i++) {
        if (script->sockets[i] >= 0) {
            (void)shutdown(script->sockets[i], SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&script->mutex);
    for (size_t i = 0; i < script->nconnections; i++) {
        (void)pthread_join(script->threads[i], NULL);
    }
    for (size_t i = 0; i < SCRIPT_REQUESTS_MAX; i++) {
        free(script->heads[i]);
    }
    (void)pthread_mutex_destroy(&script->mutex);
    (void)pthread_cond_destroy(&script->changed);
}

#endif
