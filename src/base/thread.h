/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, and conditions that are waited for by the monotonic clock, so that nobody who sets the time wakes or holds them.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "lakefeed/error.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* All signals are blocked in it: they are for the loop. stack_bytes 0: what the system gives; too little: its least. 0, or the
 * number of the error: no thread or memory left. */
int thread_start(pthread_t *ret_thread, size_t stack_bytes, void *(*run)(void *context), void *context) LF_MUST_CHECK;

void thread_cond_init(pthread_cond_t *cond);
/* So many milliseconds from now, for pthread_cond_timedwait on such a condition; less than 0: now. */
struct timespec thread_in_ms(int64_t ms);

#endif
