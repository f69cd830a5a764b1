/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop: one thread runs it and nothing in it blocks. Order of calls:
 *
 *   loop_new → loop_on_signal, loop_timer_new, loop_watch_new, loop_poll_new → loop_run → loop_free
 *
 * All of that on one thread. Only loop_post and loop_stop may be called from others: the mailbox is the one crossing of
 * threads. Every function handed in runs on the loop's thread.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;
struct loop_poll;

/* TRANSIENT when the system has no descriptors left. */
bool loop_new(struct loop **ret_loop, struct lf_error *err) LF_MUST_CHECK;
/* Closes what is left: timers, watches, polls and signals are gone afterwards, without a call of their free function. Messages
 * that have not run are dropped without a call: who owns their context frees it. Nobody may post any more. */
void loop_free(struct loop **loop); /* for CLEANUP */

/* Until loop_stop, which may have come before. Can be run again. */
void loop_run(struct loop *loop);
/* Takes its place among the messages: those posted before it still run, those posted after it wait. */
void loop_stop(struct loop *loop);

/* Messages run in the order in which they were posted; those of one thread stay in its order. One posted by a message
 * runs after what else has happened meanwhile, so a message may post itself without starving timers and descriptors. */
void loop_post(struct loop *loop, void (*function)(void *context), void *context);
/* Takes the messages with this context back that have not run, so that it can be freed. Loop thread. */
void loop_unpost(struct loop *loop, const void *context);

/* Also unblocks the signal in this thread, which has to be the one that runs the loop; all others should block it. The
 * default action is back after loop_free. CONFIG for a signal that cannot be caught. */
bool loop_on_signal(struct loop *loop, int number, void (*function)(void *context, int number), void *context,
                    struct lf_error *err) LF_MUST_CHECK;

/* Stopped at birth. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*function)(void *context), void *context);
/* Starts afresh when it runs already; repeat_ms 0: fires once. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer); /* also from within its function; NULL inside is allowed */

/* Calls while the descriptor, which stays the caller's, can be read. Free the watch before closing the descriptor.
 * INTERNAL for a descriptor that cannot be polled, such as that of a plain file. */
bool loop_watch_new(struct loop *loop, int fd, void (*function)(void *context), void *context,
                    struct loop_watch **ret_watch, struct lf_error *err) LF_MUST_CHECK;
void loop_watch_free(struct loop_watch **watch); /* NULL inside is allowed */

/* The same for a descriptor that is waited for in changing ways. Stopped at birth. */
#define LOOP_READABLE 1u
#define LOOP_WRITABLE 2u
bool loop_poll_new(struct loop *loop, int fd, void (*function)(void *context, int fd, unsigned events), void *context,
                   struct loop_poll **ret_poll, struct lf_error *err) LF_MUST_CHECK;
/* From now on for these events; 0 stops. A descriptor in error counts as both: reading or writing tells what is wrong. */
void loop_poll_start(struct loop_poll *poll, unsigned events);
void loop_poll_free(struct loop_poll **poll); /* also from within its function; NULL inside is allowed */

#endif
