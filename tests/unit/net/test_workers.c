/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define JOBS 1000

static struct workers *make_workers(unsigned threads)
{
    struct lf_error err;
    struct workers *workers = NULL;
    assert_true(workers_new(threads, (size_t)256 << 10, &workers, &err));
    return workers;
}

/* What the jobs of a test share. */
struct room {
    struct workers *workers;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int inside, needed; /* who waits for each other */
    bool open;
    int runs, drops;
    bool signals_blocked;
    int order[JOBS];
};

#define ROOM_INIT \
    { \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }

struct numbered {
    struct room *room;
    int number;
};

static void run_numbered(void *context)
{
    const struct numbered *job = context;
    pthread_mutex_lock(&job->room->mutex);
    job->room->order[job->room->runs++] = job->number;
    pthread_cond_broadcast(&job->room->changed);
    pthread_mutex_unlock(&job->room->mutex);
}

static void wait_for_runs(struct room *room, int runs)
{
    pthread_mutex_lock(&room->mutex);
    while (room->runs < runs) {
        pthread_cond_wait(&room->changed, &room->mutex);
    }
    pthread_mutex_unlock(&room->mutex);
}

static void post_when_one_thread_then_in_order(void **state)
{
    (void)state;
    static struct room room = ROOM_INIT;
    static struct numbered jobs[JOBS];
    CLEANUP(workers_free) struct workers *workers = make_workers(1);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct numbered){.room = &room, .number = i};
        workers_post(workers, run_numbered, NULL, &jobs[i]);
    }
    wait_for_runs(&room, JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(room.order[i], i);
    }
}

static void meet(void *context)
{
    struct room *room = context;
    pthread_mutex_lock(&room->mutex);
    room->inside++;
    pthread_cond_broadcast(&room->changed);
    while (room->inside < room->needed) {
        pthread_cond_wait(&room->changed, &room->mutex);
    }
    room->runs++;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->mutex);
}

static void post_when_several_threads_then_that_many_jobs_at_once(void **state)
{
    (void)state;
    struct room room = ROOM_INIT;
    room.needed = 4;
    CLEANUP(workers_free) struct workers *workers = make_workers(4);
    for (int i = 0; i < 4; i++) {
        workers_post(workers, meet, NULL, &room);
    }
    wait_for_runs(&room, 4); /* would never return with fewer threads */
}

static void count_drop(void *context)
{
    struct room *room = context;
    pthread_mutex_lock(&room->mutex);
    room->drops++;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->mutex);
}

/* Posts until a post is dropped: by then workers_free has begun. */
static void post_until_dropped(void *context)
{
    struct room *room = context;
    pthread_mutex_lock(&room->mutex);
    room->inside++;
    pthread_cond_broadcast(&room->changed);
    while (room->drops == 0) {
        pthread_mutex_unlock(&room->mutex);
        workers_post(room->workers, post_until_dropped, count_drop, room);
        pthread_mutex_lock(&room->mutex);
    }
    room->runs++;
    pthread_mutex_unlock(&room->mutex);
}

static void free_when_jobs_run_and_wait_then_those_end_and_these_are_dropped(void **state)
{
    (void)state;
    struct room room = ROOM_INIT;
    struct workers *workers = make_workers(1);
    room.workers = workers;
    workers_post(workers, post_until_dropped, count_drop, &room);
    pthread_mutex_lock(&room.mutex);
    while (room.inside == 0) {
        pthread_cond_wait(&room.changed, &room.mutex);
    }
    pthread_mutex_unlock(&room.mutex);
    workers_post(workers, meet, count_drop, &room);
    workers_post(workers, meet, NULL, &room);
    workers_free(&workers);
    assert_null(workers);
    assert_int_equal(room.inside, 1); /* nothing else began */
    assert_int_equal(room.runs, 1);   /* and what had begun came to its end */
    assert_true(room.drops >= 2);
    workers_free(&workers);
}

static void look_at_mask(void *context)
{
    struct room *room = context;
    sigset_t set;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &set);
    pthread_mutex_lock(&room->mutex);
    room->signals_blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1 &&
                            sigismember(&set, SIGINT) == 1 && sigismember(&set, SIGCHLD) == 1;
    room->runs++;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->mutex);
}

static void workers_when_they_run_then_signals_are_blocked_in_them_alone(void **state)
{
    (void)state;
    struct room room = ROOM_INIT;
    sigset_t set;
    CLEANUP(workers_free) struct workers *workers = make_workers(1);
    workers_post(workers, look_at_mask, NULL, &room);
    wait_for_runs(&room, 1);
    assert_true(room.signals_blocked);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &set);
    assert_int_equal(sigismember(&set, SIGTERM), 0);
}

static void new_when_the_stack_is_impossible_then_transient(void **state)
{
    (void)state;
    struct lf_error err;
    struct workers *workers = NULL;
    assert_false(workers_new(2, (size_t)1 << 60, &workers, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_null(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(post_when_one_thread_then_in_order),
        cmocka_unit_test(post_when_several_threads_then_that_many_jobs_at_once),
        cmocka_unit_test(free_when_jobs_run_and_wait_then_those_end_and_these_are_dropped),
        cmocka_unit_test(workers_when_they_run_then_signals_are_blocked_in_them_alone),
        cmocka_unit_test(new_when_the_stack_is_impossible_then_transient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
