/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "base/buf.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

struct message {
    struct message *next;
    void (*function)(void *context); /* NULL: stop */
    void *context;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    pthread_mutex_t mutex; /* guards the list */
    struct message *first;
    struct message **end;
    size_t count;
};

/* uv_close answers later: each handle lives in a struct of its own, which `data` names and the close callback frees. */
struct loop_timer {
    uv_timer_t uv;
    void (*function)(void *context);
    void *context;
};

struct loop_watch {
    uv_poll_t uv;
    void (*function)(void *context);
    void *context;
};

struct loop_poll {
    uv_poll_t uv;
    int fd;
    unsigned events;
    void (*function)(void *context, int fd, unsigned events);
    void *context;
};

struct loop_signal {
    uv_signal_t uv;
    void (*function)(void *context, int number);
    void *context;
};

static bool uv_failed(struct lf_error *err, int status, const char *what)
{
    enum lf_error_kind kind = status == UV_EMFILE || status == UV_ENFILE ? LF_TRANSIENT : LF_INTERNAL;
    return lf_error_set(err, kind, -status, "%s: %s", what, uv_strerror(status));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle->data != NULL ? free_handle : NULL);
    }
}

/* ── messages ── */

static struct message *take_message(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct message *message = loop->first;
    if (message != NULL) {
        loop->first = message->next;
        loop->end = loop->first != NULL ? loop->end : &loop->first;
        loop->count--;
    }
    pthread_mutex_unlock(&loop->mutex);
    return message;
}

static size_t count_messages(struct loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    size_t count = loop->count;
    pthread_mutex_unlock(&loop->mutex);
    return count;
}

/* Only as many as wait at the beginning: what a message posts comes after timers and descriptors had their turn. */
static void run_messages(uv_async_t *wake)
{
    struct loop *loop = wake->loop->data;
    for (size_t left = count_messages(loop); left > 0; left--) {
        struct message *message = take_message(loop);
        if (message == NULL) { /* taken back meanwhile */
            return;
        }
        void (*function)(void *) = message->function;
        void *context = message->context;
        free(message);
        if (function == NULL) {
            uv_stop(&loop->uv);
            (void)uv_async_send(&loop->wake); /* the rest waits for the next run */
            return;
        }
        function(context);
    }
}

void loop_post(struct loop *loop, void (*function)(void *context), void *context)
{
    struct message *message = mem_new(1, sizeof *message);
    message->function = function;
    message->context = context;
    pthread_mutex_lock(&loop->mutex);
    *loop->end = message;
    loop->end = &message->next;
    loop->count++;
    /* Under the mutex: whoever frees the loop because of this message must not do so beneath this call. */
    (void)uv_async_send(&loop->wake);
    pthread_mutex_unlock(&loop->mutex);
}

void loop_stop(struct loop *loop)
{
    loop_post(loop, NULL, NULL);
}

static void remove_messages(struct loop *loop, bool all, const void *context)
{
    pthread_mutex_lock(&loop->mutex);
    struct message **at = &loop->first;
    while (*at != NULL) {
        struct message *message = *at;
        if (all || (message->function != NULL && message->context == context)) {
            *at = message->next;
            loop->count--;
            free(message);
        } else {
            at = &message->next;
        }
    }
    loop->end = at;
    pthread_mutex_unlock(&loop->mutex);
}

void loop_unpost(struct loop *loop, const void *context)
{
    remove_messages(loop, false, context);
}

/* ── the loop ── */

bool loop_new(struct loop **ret_loop, struct lf_error *err)
{
    struct loop *loop = mem_new(1, sizeof *loop);
    int status = uv_loop_init(&loop->uv);
    if (status != 0) {
        free(loop);
        return uv_failed(err, status, "make an event loop");
    }
    status = uv_async_init(&loop->uv, &loop->wake, run_messages);
    if (status != 0) {
        (void)uv_loop_close(&loop->uv);
        free(loop);
        return uv_failed(err, status, "make the mailbox of the event loop");
    }
    loop->uv.data = loop;
    loop->end = &loop->first;
    (void)pthread_mutex_init(&loop->mutex, NULL);
    *ret_loop = loop;
    return true;
}

static void close_left(uv_handle_t *handle, void *context)
{
    (void)context;
    close_handle(handle);
}

void loop_free(struct loop **loop)
{
    if (*loop == NULL) {
        return;
    }
    uv_walk(&(*loop)->uv, close_left, NULL);
    (void)uv_run(&(*loop)->uv, UV_RUN_DEFAULT); /* the close callbacks alone: nothing else is left */
    int status = uv_loop_close(&(*loop)->uv);
    assert(status == 0);
    (void)status;
    remove_messages(*loop, true, NULL);
    (void)pthread_mutex_destroy(&(*loop)->mutex);
    free(*loop);
    *loop = NULL;
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* the mailbox keeps it alive */
}

/* ── signals ── */

static void on_signal(uv_signal_t *handle, int number)
{
    struct loop_signal *signal = handle->data;
    signal->function(signal->context, number);
}

bool loop_on_signal(struct loop *loop, int number, void (*function)(void *context, int number), void *context,
                    struct lf_error *err)
{
    struct loop_signal *handler = mem_new(1, sizeof *handler);
    handler->function = function;
    handler->context = context;
    int status = uv_signal_init(&loop->uv, &handler->uv);
    if (status != 0) {
        free(handler);
        return uv_failed(err, status, "prepare for signals");
    }
    handler->uv.data = handler;
    status = uv_signal_start(&handler->uv, on_signal, number);
    if (status != 0) {
        uv_close((uv_handle_t *)&handler->uv, free_handle);
        return lf_error_set(err, LF_CONFIG, -status, "signal %d cannot be handled: %s", number, uv_strerror(status));
    }
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return true;
}

/* ── timers ── */

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    timer->function(timer->context);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*function)(void *context), void *context)
{
    struct loop_timer *timer = mem_new(1, sizeof *timer);
    (void)uv_timer_init(&loop->uv, &timer->uv); /* cannot fail */
    timer->uv.data = timer;
    timer->function = function;
    timer->context = context;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    /* libuv counts from the time at which this turn of the loop began. */
    uv_update_time(timer->uv.loop);
    (void)uv_timer_start(&timer->uv, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0,
                         repeat_ms > 0 ? (uint64_t)repeat_ms : 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct loop_timer **timer)
{
    if (*timer != NULL) {
        close_handle((uv_handle_t *)&(*timer)->uv);
        *timer = NULL;
    }
}

/* ── descriptors ── */

/* A failed poll counts as readable: the read that follows reports what is wrong. */
static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct loop_watch *watch = handle->data;
    watch->function(watch->context);
}

bool loop_watch_new(struct loop *loop, int fd, void (*function)(void *context), void *context,
                    struct loop_watch **ret_watch, struct lf_error *err)
{
    struct loop_watch *watch = mem_new(1, sizeof *watch);
    int status = uv_poll_init(&loop->uv, &watch->uv, fd);
    if (status != 0) {
        free(watch);
        return uv_failed(err, status, "watch a descriptor");
    }
    watch->uv.data = watch;
    watch->function = function;
    watch->context = context;
    (void)uv_poll_start(&watch->uv, UV_READABLE, on_readable); /* fails only while it is closing */
    *ret_watch = watch;
    return true;
}

void loop_watch_free(struct loop_watch **watch)
{
    if (*watch != NULL) {
        close_handle((uv_handle_t *)&(*watch)->uv);
        *watch = NULL;
    }
}

/* ── descriptors, in changing ways ── */

/* libuv gives up a poll that failed, though bytes may still be there to be read before the error. */
static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct loop_poll *poll = handle->data;
    unsigned seen = 0;
    if (status != 0) {
        loop_poll_start(poll, poll->events);
        seen = LOOP_READABLE | LOOP_WRITABLE;
    } else {
        seen |= (events & UV_READABLE) != 0 ? LOOP_READABLE : 0;
        seen |= (events & UV_WRITABLE) != 0 ? LOOP_WRITABLE : 0;
    }
    poll->function(poll->context, poll->fd, seen);
}

bool loop_poll_new(struct loop *loop, int fd, void (*function)(void *context, int fd, unsigned events), void *context,
                   struct loop_poll **ret_poll, struct lf_error *err)
{
    struct loop_poll *poll = mem_new(1, sizeof *poll);
    int status = uv_poll_init(&loop->uv, &poll->uv, fd);
    if (status != 0) {
        free(poll);
        return uv_failed(err, status, "watch a descriptor");
    }
    poll->uv.data = poll;
    poll->fd = fd;
    poll->function = function;
    poll->context = context;
    *ret_poll = poll;
    return true;
}

void loop_poll_start(struct loop_poll *poll, unsigned events)
{
    int wanted = 0;
    wanted |= (events & LOOP_READABLE) != 0 ? UV_READABLE : 0;
    wanted |= (events & LOOP_WRITABLE) != 0 ? UV_WRITABLE : 0;
    poll->events = events;
    (void)uv_poll_start(&poll->uv, wanted, on_poll); /* without events: stops; fails only while it is closing */
}

void loop_poll_free(struct loop_poll **poll)
{
    if (*poll != NULL) {
        close_handle((uv_handle_t *)&(*poll)->uv);
        *poll = NULL;
    }
}
