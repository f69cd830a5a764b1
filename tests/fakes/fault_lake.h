/* SPDX-License-Identifier: Apache-2.0
 *
 * Wraps a lake and fails the n-th call. Counted are the calls that touch the lake: lock, put_if_absent,
 * put_if_match, writer_open, writer_write, writer_commit, read_range, stat, list, remove, now_ms, probe. Not counted:
 * close, unlock, check_lock, writer_abort, url.
 *
 *   struct lake *lake = fault_lake_open(memory_lake_open(store));
 *   fault_lake_plan(lake, &(struct fault_plan){.kind = FAULT_LOST, .fail_at = n});
 *   … work …; assert_true(fault_lake_fired(lake) > 0);
 *
 * Thread-safe as the lake inside; fault_lake_plan while no call runs, or from the hook.
 */
#ifndef FAKES_FAULT_LAKE_H
#define FAKES_FAULT_LAKE_H

#include "lake/lake.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_ERROR,   /* nothing is done; TRANSIENT */
    FAULT_LOST,    /* all is done, the answer is lost; TRANSIENT */
    FAULT_PARTIAL, /* half of a writer_write, of a listing or of a range is done; puts are not; TRANSIENT */
    FAULT_LATE,    /* a put is kept and done by fault_lake_arrive, condition checked then; others: FAULT_ERROR */
    FAULT_CRASH    /* plan.crash is called; if it returns, this and all later calls fail with CANCELLED */
};

struct fault_plan {
    enum fault_kind kind;
    uint64_t fail_at;             /* from 1, counted from fault_lake_plan; 0: never */
    bool sticky;                  /* every call from fail_at on, not only that one */
    bool crash_after;             /* FAULT_CRASH comes after the effect instead of before */
    void (*crash)(void *context); /* may be NULL */
    const char *only_op;          /* count only calls of this name; NULL: all */
    void *context;                /* of crash and before_call */
    /* Called in front of every counted call: schedulers let others run in here. False: the call fails with CANCELLED.
     * May be NULL. */
    bool (*before_call)(void *context, const char *op, const char *path);
};

/* Takes the lake; closing the wrapper closes it, and drops what has not arrived. */
struct lake *fault_lake_open(struct lake *inner);
struct lake *fault_lake_inner(struct lake *lake);

/* Copies the plan, counts from 0 again; a dead lake lives again. What is late stays late. */
void fault_lake_plan(struct lake *lake, const struct fault_plan *plan);
uint64_t fault_lake_calls(struct lake *lake);
uint64_t fault_lake_fired(struct lake *lake); /* faults that happened under this plan */
bool fault_lake_is_dead(struct lake *lake);

/* Writes under way. arrive does the oldest; false: there was none. *ret_applied: its condition held. */
uint64_t fault_lake_late(struct lake *lake);
bool fault_lake_arrive(struct lake *lake, bool *ret_applied);

/* The last 32 calls, oldest first, one line each: number, op, path, how it ended. */
void fault_lake_print_log(struct lake *lake, FILE *out);

#endif
