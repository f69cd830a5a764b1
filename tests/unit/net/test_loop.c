/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "net/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 8
#define POSTS 2000

static struct loop *make_loop(void)
{
    struct lf_error err;
    struct loop *loop = NULL;
    assert_true(loop_new(&loop, &err));
    return loop;
}

/* ── messages ── */

struct poster {
    struct loop *loop;
    pthread_t thread;
    pthread_t runner; /* who ran the messages */
    struct board *board;
    size_t seen;
    bool in_order;
};

struct board {
    struct loop *loop;
    struct poster posters[THREADS];
    size_t finished;
};

struct post {
    struct poster *poster;
    size_t number;
};

static void take_post(void *context)
{
    struct post *post = context;
    struct poster *poster = post->poster;
    poster->in_order =
        poster->in_order && post->number == poster->seen && pthread_equal(pthread_self(), poster->runner);
    poster->seen++;
    if (poster->seen == POSTS && ++poster->board->finished == THREADS) {
        loop_stop(poster->loop);
    }
    free(post);
}

static void *post_all(void *context)
{
    struct poster *poster = context;
    for (size_t i = 0; i < POSTS; i++) {
        struct post *post = mem_new(1, sizeof *post);
        *post = (struct post){.poster = poster, .number = i};
        loop_post(poster->loop, take_post, post);
    }
    return NULL;
}

static void post_when_from_many_threads_then_each_in_its_order_on_the_loop_thread(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct board board = {.loop = loop};
    for (size_t i = 0; i < THREADS; i++) {
        struct poster *poster = &board.posters[i];
        *poster = (struct poster){.loop = loop, .runner = pthread_self(), .board = &board, .in_order = true};
        assert_int_equal(pthread_create(&poster->thread, NULL, post_all, poster), 0);
    }
    loop_run(loop);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(board.posters[i].thread, NULL), 0);
        assert_int_equal(board.posters[i].seen, POSTS);
        assert_true(board.posters[i].in_order);
    }
}

static void count_up(void *context)
{
    ++*(int *)context;
}

static void stop_when_between_messages_then_the_rest_waits_for_the_next_run(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    int before = 0;
    int after = 0;
    loop_post(loop, count_up, &before);
    loop_stop(loop);
    loop_post(loop, count_up, &after);
    loop_run(loop);
    assert_int_equal(before, 1);
    assert_int_equal(after, 0);
    loop_stop(loop);
    loop_run(loop);
    assert_int_equal(before, 1);
    assert_int_equal(after, 1);
}

static void unpost_when_messages_wait_then_those_of_the_context_alone_are_gone(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    int gone = 0;
    int kept = 0;
    loop_post(loop, count_up, &gone);
    loop_post(loop, count_up, &kept);
    loop_post(loop, count_up, &gone);
    loop_unpost(loop, &gone);
    loop_post(loop, count_up, &kept);
    loop_stop(loop);
    loop_run(loop);
    assert_int_equal(gone, 0);
    assert_int_equal(kept, 2);
}

static void free_when_messages_wait_then_they_do_not_run(void **state)
{
    (void)state;
    struct loop *loop = make_loop();
    int count = 0;
    loop_post(loop, count_up, &count);
    loop_free(&loop);
    assert_null(loop);
    assert_int_equal(count, 0);
    loop_free(&loop);
}

struct chain {
    struct loop *loop;
    struct loop_timer *timer;
    bool fired;
};

static void post_again(void *context)
{
    struct chain *chain = context;
    if (!chain->fired) {
        loop_post(chain->loop, post_again, chain);
    }
}

static void end_chain(void *context)
{
    struct chain *chain = context;
    chain->fired = true;
    loop_stop(chain->loop);
}

static void post_when_a_message_posts_itself_for_ever_then_timers_still_fire(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct chain chain = {.loop = loop};
    chain.timer = loop_timer_new(loop, end_chain, &chain);
    loop_timer_start(chain.timer, 1, 0);
    loop_post(loop, post_again, &chain);
    loop_run(loop);
    assert_true(chain.fired);
}

/* ── timers ── */

struct ticks {
    struct loop *loop;
    struct loop_timer *timer;
    int count, until;
};

static void tick(void *context)
{
    struct ticks *ticks = context;
    if (++ticks->count == ticks->until) {
        loop_timer_free(&ticks->timer);
        loop_stop(ticks->loop);
    }
}

static void timer_when_it_repeats_then_until_freed(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct ticks ticks = {.loop = loop, .until = 3};
    ticks.timer = loop_timer_new(loop, tick, &ticks);
    loop_timer_start(ticks.timer, 0, 1);
    loop_run(loop);
    assert_int_equal(ticks.count, 3);
    assert_null(ticks.timer);
    loop_timer_free(&ticks.timer);
}

static void timer_when_stopped_or_started_again_then_fires_as_said_last(void **state)
{
    (void)state;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct ticks never = {.loop = loop};
    struct ticks once = {.loop = loop};
    struct ticks last = {.loop = loop, .until = 1};
    never.timer = loop_timer_new(loop, tick, &never);
    once.timer = loop_timer_new(loop, tick, &once);
    last.timer = loop_timer_new(loop, tick, &last);
    loop_timer_start(never.timer, 0, 1);
    loop_timer_start(once.timer, 0, 1);
    loop_timer_start(once.timer, 0, 0);
    loop_timer_start(last.timer, 20, 0);
    loop_timer_stop(never.timer);
    loop_run(loop);
    assert_int_equal(never.count, 0);
    assert_int_equal(once.count, 1);
    assert_int_equal(last.count, 1);
}

/* ── signals ── */

struct caught {
    struct loop *loop;
    int numbers[2];
    int count;
};

static void catch_signal(void *context, int number)
{
    struct caught *caught = context;
    caught->numbers[caught->count++] = number;
    if (caught->count == 2) {
        loop_stop(caught->loop);
    }
}

static void *send_signals(void *context)
{
    const int *pair = context;
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    (void)kill(getpid(), pair[0]);
    return NULL;
}

static void raise_second(void *context)
{
    (void)context;
    (void)kill(getpid(), SIGTERM);
}

static void signal_when_all_threads_block_it_then_the_loop_still_gets_it(void **state)
{
    (void)state;
    struct lf_error err;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct caught caught = {.loop = loop};
    assert_true(loop_on_signal(loop, SIGHUP, catch_signal, &caught, &err));
    assert_true(loop_on_signal(loop, SIGTERM, catch_signal, &caught, &err));
    int number = SIGHUP;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &number), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_post(loop, raise_second, NULL);
    loop_run(loop);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(caught.count, 2);
    assert_int_equal(caught.numbers[0] + caught.numbers[1], SIGHUP + SIGTERM);
}

static void signal_when_the_loop_is_gone_then_the_default_is_back(void **state)
{
    (void)state;
    struct lf_error err;
    struct loop *loop = make_loop();
    struct caught caught = {.loop = loop};
    assert_true(loop_on_signal(loop, SIGUSR1, catch_signal, &caught, &err));
    loop_free(&loop);
    struct sigaction action;
    assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
}

static void signal_when_it_cannot_be_caught_then_config(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    assert_false(loop_on_signal(loop, SIGKILL, catch_signal, NULL, &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

/* ── descriptors ── */

struct reader {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    int count;
};

static void read_one(void *context)
{
    struct reader *reader = context;
    char byte = 0;
    assert_int_equal(read(reader->fd, &byte, 1), 1);
    if (++reader->count == 3) {
        loop_watch_free(&reader->watch);
        loop_stop(reader->loop);
    }
}

static void watch_when_bytes_are_left_then_called_again(void **state)
{
    (void)state;
    struct lf_error err;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct reader reader = {.loop = loop, .fd = ends[0]};
    assert_true(loop_watch_new(loop, ends[0], read_one, &reader, &reader.watch, &err));
    assert_int_equal(write(ends[1], "abcd", 4), 4);
    loop_run(loop);
    assert_int_equal(reader.count, 3);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void watch_when_it_is_a_plain_file_then_an_error(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(loop_free) struct loop *loop = make_loop();
    CLEANUP(fd_close) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct loop_watch *watch = NULL;
    assert_false(loop_watch_new(loop, fd, count_up, NULL, &watch, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
}

struct pair {
    struct loop *loop;
    struct loop_poll *poll;
    int other;
    unsigned seen[4];
    size_t count;
};

/* Writable at first; then it waits to read, and is sent a byte; then the other end is gone. */
static void follow_pair(void *context, int fd, unsigned events)
{
    struct pair *pair = context;
    char c = 0;
    pair->seen[pair->count++] = events;
    switch (pair->count) {
    case 1:
        loop_poll_start(pair->poll, LOOP_READABLE);
        assert_int_equal(write(pair->other, "x", 1), 1);
        break;
    case 2:
        assert_int_equal(read(fd, &c, 1), 1);
        assert_int_equal(write(fd, "unread", 6), 6); /* so that closing resets */
        fd_close(&pair->other);
        break;
    default:
        loop_poll_free(&pair->poll);
        loop_stop(pair->loop);
    }
}

static void poll_when_what_is_waited_for_changes_then_that_alone_is_told(void **state)
{
    (void)state;
    struct lf_error err;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CLEANUP(loop_free) struct loop *loop = make_loop();
    struct pair pair = {.loop = loop, .other = ends[1]};
    assert_true(loop_poll_new(loop, ends[0], follow_pair, &pair, &pair.poll, &err));
    loop_poll_start(pair.poll, LOOP_WRITABLE);
    loop_run(loop);
    assert_int_equal(pair.count, 3);
    assert_int_equal(pair.seen[0], LOOP_WRITABLE);
    assert_int_equal(pair.seen[1], LOOP_READABLE);
    assert_true((pair.seen[2] & LOOP_READABLE) != 0);
    fd_close(&ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(post_when_from_many_threads_then_each_in_its_order_on_the_loop_thread),
        cmocka_unit_test(stop_when_between_messages_then_the_rest_waits_for_the_next_run),
        cmocka_unit_test(unpost_when_messages_wait_then_those_of_the_context_alone_are_gone),
        cmocka_unit_test(free_when_messages_wait_then_they_do_not_run),
        cmocka_unit_test(post_when_a_message_posts_itself_for_ever_then_timers_still_fire),
        cmocka_unit_test(timer_when_it_repeats_then_until_freed),
        cmocka_unit_test(timer_when_stopped_or_started_again_then_fires_as_said_last),
        cmocka_unit_test(signal_when_all_threads_block_it_then_the_loop_still_gets_it),
        cmocka_unit_test(signal_when_the_loop_is_gone_then_the_default_is_back),
        cmocka_unit_test(signal_when_it_cannot_be_caught_then_config),
        cmocka_unit_test(watch_when_bytes_are_left_then_called_again),
        cmocka_unit_test(watch_when_it_is_a_plain_file_then_an_error),
        cmocka_unit_test(poll_when_what_is_waited_for_changes_then_that_alone_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
