/* SPDX-License-Identifier: Apache-2.0
 *
 * A few threads that run straight-line blocking jobs, in the order in which they were posted. All signals are blocked in
 * them. Results go back to the loop with loop_post.
 */
#ifndef NET_WORKERS_H
#define NET_WORKERS_H

#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>

struct workers;

/* stack_bytes 0: what the system gives. TRANSIENT when the system allows no more threads. */
bool workers_new(unsigned threads, size_t stack_bytes, struct workers **ret_workers,
                 struct lf_error *err) LF_MUST_CHECK;
/* Any thread, a running job too. Exactly one of the two is called with the context: `run` on a worker, or `drop`, which
 * may be NULL, when workers_free came first. */
void workers_post(struct workers *workers, void (*run)(void *context), void (*drop)(void *context), void *context);
/* Waits for the jobs that run, which the caller has asked to end by its own means. Jobs that have not begun are dropped,
 * on the calling thread; those that a running job still posts at once on its own. Not from a worker. */
void workers_free(struct workers **workers); /* for CLEANUP; NULL inside is allowed */

#endif
