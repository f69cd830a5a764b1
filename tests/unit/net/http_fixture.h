/* SPDX-License-Identifier: Apache-2.0
 *
 * A server in a fresh folder, whose loop runs on a thread of its own. "/hold…" waits until the test answers it; anything
 * else is answered at once with "<method> <path> q=<query q> <length of the body>".
 */
#ifndef UNIT_NET_HTTP_FIXTURE_H
#define UNIT_NET_HTTP_FIXTURE_H

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "fakes/temp_folder.h"
#include "net/httpd.h"
#include "net/unix_connect.h"
#include "net/unix_http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELD_MAX 128
#define TEST_BODY_MAX 1000

struct fixture {
    char *folder;
    char *path;
    struct loop *loop;
    struct httpd *httpd;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct httpd_request *held[HELD_MAX];
    size_t nheld;  /* ever */
    size_t ntaken; /* by the test */
};

static inline void fixture_handle(void *context, struct httpd_request *request)
{
    struct fixture *fixture = context;
    if (strncmp(httpd_request_path(request), "/hold", 5) == 0) {
        pthread_mutex_lock(&fixture->mutex);
        fixture->held[fixture->nheld++ % HELD_MAX] = request;
        pthread_cond_broadcast(&fixture->changed);
        pthread_mutex_unlock(&fixture->mutex);
        return;
    }
    const char *q = httpd_request_query(request, "q");
    CLEANUP(text_free)
    char *text = text_printf("%s %s q=%s %zu", httpd_request_method(request), httpd_request_path(request),
                             q != NULL ? q : "none", httpd_request_body(request).len);
    const struct httpd_header headers[] = {{"ETag", "\"7\""}, {"Content-Type", "text/plain"}};
    httpd_answer(request, 200, headers, 2, text, strlen(text));
}

/* The next request that is held, in the order of their coming. */
static inline struct httpd_request *fixture_take(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->mutex);
    while (fixture->ntaken == fixture->nheld) {
        pthread_cond_wait(&fixture->changed, &fixture->mutex);
    }
    struct httpd_request *request = fixture->held[fixture->ntaken++ % HELD_MAX];
    pthread_mutex_unlock(&fixture->mutex);
    return request;
}

static inline void *fixture_run(void *context)
{
    loop_run(((struct fixture *)context)->loop);
    return NULL;
}

static inline struct httpd_options fixture_options(struct fixture *fixture)
{
    return (struct httpd_options){.loop = fixture->loop,
                                  .socket_path = fixture->path,
                                  .mode = 0660,
                                  .max_body_bytes = TEST_BODY_MAX,
                                  .handle = fixture_handle,
                                  .context = fixture};
}

/* Without a server. */
static inline void fixture_prepare(struct fixture *fixture)
{
    struct lf_error err;
    *fixture = (struct fixture){.folder = temp_folder_make()};
    fixture->path = text_printf("%s/control.sock", fixture->folder);
    (void)pthread_mutex_init(&fixture->mutex, NULL);
    (void)pthread_cond_init(&fixture->changed, NULL);
    assert_true(loop_new(&fixture->loop, &err));
}

static inline void fixture_start(struct fixture *fixture)
{
    assert_int_equal(pthread_create(&fixture->thread, NULL, fixture_run, fixture), 0);
    fixture->running = true;
}

static inline void fixture_open_with(struct fixture *fixture, unsigned max_connections, unsigned idle_timeout_s)
{
    struct lf_error err;
    fixture_prepare(fixture);
    struct httpd_options options = fixture_options(fixture);
    options.max_connections = max_connections;
    options.idle_timeout_s = idle_timeout_s;
    assert_true(httpd_open(&options, &fixture->httpd, &err));
    fixture_start(fixture);
}

static inline void fixture_open(struct fixture *fixture)
{
    fixture_open_with(fixture, 0, 0);
}

static inline void fixture_close_server(void *context)
{
    struct fixture *fixture = context;
    httpd_close(&fixture->httpd);
}

/* The server is closed on its loop, which ends. */
static inline void fixture_end(struct fixture *fixture)
{
    if (fixture->running) {
        loop_post(fixture->loop, fixture_close_server, fixture);
        loop_stop(fixture->loop);
        (void)pthread_join(fixture->thread, NULL);
        fixture->running = false;
    }
    httpd_close(&fixture->httpd);
}

static inline void fixture_done(struct fixture *fixture)
{
    fixture_end(fixture);
    loop_free(&fixture->loop);
    (void)pthread_mutex_destroy(&fixture->mutex);
    (void)pthread_cond_destroy(&fixture->changed);
    temp_folder_remove(&fixture->folder);
    text_free(&fixture->path);
}

/* ── clients ── */

static inline bool fixture_call(const struct fixture *fixture, const char *method, const char *target, size_t body_len,
                                struct unix_http_reply *ret_reply, struct lf_error *err)
{
    char *body = calloc(body_len + 1, 1);
    const struct unix_http_request request = {.socket_path = fixture->path,
                                              .method = method,
                                              .target = target,
                                              .body = body_len > 0 ? body : NULL,
                                              .len = body_len,
                                              .want_header = "etag"};
    bool ok = unix_http_call(&request, ret_reply, err);
    free(body);
    return ok;
}

static inline int fixture_connect(const struct fixture *fixture)
{
    struct lf_error err;
    int fd = -1;
    assert_true(unix_connect(fixture->path, 0, &fd, &err));
    return fd;
}

static inline void fixture_send(int fd, const char *text)
{
    for (size_t done = 0; done < strlen(text);) {
        ssize_t n = send(fd, text + done, strlen(text) - done, MSG_NOSIGNAL);
        if (n <= 0) { /* the server may have had enough */
            return;
        }
        done += (size_t)n;
    }
}

/* All until the server closes. */
static inline void fixture_read_all(int fd, struct buf *out)
{
    for (;;) {
        char piece[4096];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0) {
            return;
        }
        buf_append(out, piece, (size_t)n);
    }
}

static inline size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

#endif
