/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

static int set_stack(pthread_attr_t *attributes, size_t stack_bytes)
{
    if (stack_bytes == 0) {
        return 0;
    }
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t least = (size_t)PTHREAD_STACK_MIN;
    const size_t bytes = stack_bytes > least ? stack_bytes : least;
    return pthread_attr_setstacksize(attributes, (bytes + page - 1) / page * page);
}

/* A thread inherits the mask of the one that makes it. */
int thread_start(pthread_t *ret_thread, size_t stack_bytes, void *(*run)(void *context), void *context)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)pthread_attr_init(&attributes);
    int status = set_stack(&attributes, stack_bytes);
    if (status == 0) {
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        status = pthread_create(ret_thread, &attributes, run, context);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return status;
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

struct timespec thread_in_ms(int64_t ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    if (ms > 0) {
        at.tv_sec += ms / 1000;
        at.tv_nsec += ms % 1000 * 1000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
    }
    return at;
}
