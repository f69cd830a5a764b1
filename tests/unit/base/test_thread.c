/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/thread.h"

#include <errno.h>
#include <signal.h>

struct seen {
    size_t stack_bytes;
    bool terminates, interrupts; /* the signal reaches the thread */
};

static void *look(void *context)
{
    struct seen *seen = context;
    pthread_attr_t attributes;
    sigset_t blocked;
    assert_int_equal(pthread_getattr_np(pthread_self(), &attributes), 0);
    (void)pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
    (void)pthread_attr_destroy(&attributes);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen->terminates = sigismember(&blocked, SIGTERM) == 0;
    seen->interrupts = sigismember(&blocked, SIGINT) == 0;
    return NULL;
}

static void start_when_a_thread_is_made_then_signals_pass_it_by_and_stay_with_its_maker(UNUSED void **state)
{
    struct seen seen = {.terminates = true, .interrupts = true};
    struct seen own = {0};
    pthread_t thread;
    assert_int_equal(thread_start(&thread, 0, look, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)look(&own);
    assert_false(seen.terminates);
    assert_false(seen.interrupts);
    assert_true(own.terminates);
}

static void start_when_a_stack_is_asked_for_then_that_or_the_least(UNUSED void **state)
{
    static const size_t asked[] = {1, 300000};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct seen seen = {0};
        pthread_t thread;
        assert_int_equal(thread_start(&thread, asked[i], look, &seen), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_in_range(seen.stack_bytes, asked[i], (size_t)1 << 20);
    }
}

static void wait_when_the_time_has_come_then_it_ends(UNUSED void **state)
{
    static const int64_t waits_ms[] = {-1, 0, 1, 1001};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    struct timespec now;
    thread_cond_init(&cond);
    const struct timespec end = thread_in_ms(1);
    assert_int_equal(pthread_mutex_lock(&mutex), 0);
    assert_int_equal(pthread_cond_timedwait(&cond, &mutex, &end),
                     ETIMEDOUT); /* of another clock it would be decades away */
    assert_int_equal(pthread_mutex_unlock(&mutex), 0);
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        const struct timespec at = thread_in_ms(waits_ms[i]);
        const int64_t left_ms = (at.tv_sec - now.tv_sec) * 1000 + (at.tv_nsec - now.tv_nsec) / 1000000;
        assert_true(left_ms >= (waits_ms[i] > 0 ? waits_ms[i] : 0));
        assert_in_range(at.tv_nsec, 0, 999999999);
    }
    (void)pthread_cond_destroy(&cond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_when_a_thread_is_made_then_signals_pass_it_by_and_stay_with_its_maker),
        cmocka_unit_test(start_when_a_stack_is_asked_for_then_that_or_the_least),
        cmocka_unit_test(wait_when_the_time_has_come_then_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
