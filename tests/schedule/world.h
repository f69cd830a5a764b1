/* SPDX-License-Identifier: Apache-2.0
 *
 * A world for random schedules: one example database, one lake in memory, several daemons that run the real code, each on its own
 * thread, of which only one moves at a time. A daemon hands control back in front of every call of lake and source, so that
 * between any two of them anything may happen: transactions, visibility, a crash, a pause, a second daemon, a late write.
 *
 * After every step the world is checked: what each complete entity shows is the source's state at its cursor, every
 * file of a retained commit is there, the acknowledgement is not past the cursor.
 */
#ifndef SCHEDULE_WORLD_H
#define SCHEDULE_WORLD_H

#include "base/clock.h"
#include "base/random.h"
#include "fakes/fault_lake.h"
#include "fakes/memory_lake.h"
#include "link/link.h"
#include "plugin/example_control.h"

#include <pthread.h>

#define DAEMONS_MAX 2

struct world;

struct daemon {
    struct world *world;
    bool used;
    pthread_t thread;
    bool running; /* its turn */
    bool ended;
    bool killed;
    bool calm;  /* no errors are thrown at it */
    bool alone; /* nobody else could have written since it began */
    int64_t pause_until;
    uint32_t keep;
    int64_t keep_for_ms;
    unsigned entities; /* bit 0: table a, bit 1: table b */
    struct lake *lake; /* the fault lake */
    struct random_seeded random;
    struct lf_connector connector; /* the example's, with ops that hand control back */
    struct lf_connector_ops ops;
    uint64_t commits;
    struct lf_error err;
};

struct world {
    uint64_t seed;
    bool trace;
    char name[32];
    struct example_db *db;
    struct example_rng rng;
    struct memory_store *store;
    struct clock clock;
    int64_t now_ms;
    char scratch[64];
    pthread_mutex_t mutex;
    pthread_cond_t turn;
    struct daemon daemons[DAEMONS_MAX];
    unsigned config;
    int64_t keep_for_ms;
    struct lake *eye;                          /* the checker's own handle */
    uint64_t checked_effects, checked_commits; /* what the last check has seen: nothing new, nothing to check */
    bool bad;                                  /* some rows cannot be taken, and are put into quarantine */
    bool replaced;                             /* broken text is replaced instead */
    uint64_t bad_rows;                         /* seen in quarantine at checks */
    uint64_t steps, commits, crashes, fenced, late, failures, checks;
};

void world_init(struct world *world, uint64_t seed, bool trace);
void world_done(struct world *world);
unsigned world_steps(const struct world *world); /* of the random workload, beside those that a step asks for */

/* Starts a daemon; false when there are as many as allowed. */
bool world_start(struct world *world, unsigned max);
/* Lets it run to its next hand-back. */
void world_resume(struct world *world, struct daemon *daemon);
/* It dies where it stands: nothing that it still tries has an effect. */
void world_kill(struct world *world, struct daemon *daemon);
void world_reap(struct world *world);
uint64_t world_below(struct world *world, uint64_t limit);

/* Aborts with the seed and what is wrong. */
void world_check(struct world *world);
void world_check_converged(struct world *world);
void world_check_leftovers(struct world *world);
_Noreturn void world_violation(const struct world *world, const char *fmt, ...) LF_PRINTF(2, 3);

#endif
