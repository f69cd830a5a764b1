/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of the process: who may use how much memory, for all links together. It counts; what is counted is
 * allocated by whoever holds the grant. docs/design/memory.md says who takes what.
 *
 *   budget_new → (budget_hold_stock | budget_take_work | budget_try_work → … → budget_give_back)… → budget_free
 *
 * Two accounts that never borrow from each other:
 *
 *   stock  what a link keeps between two snapshots. Nobody waits: there is less, and the holder puts the rest on disk.
 *   work   what a step with an end takes: a merge, a chunk of a load, a range of verify. Who finds too little waits,
 *          in the order of arrival. Of work a part is the merges' own, so that loads never hold up a commit.
 *
 * Work is also bounded in number, since more of it than the cores can do only takes memory. That bound gives way for one
 * who has waited for patience_ms: a step that hangs must not hold up those of other links. Memory does not give way.
 *
 * Deadlock rule: a thread that holds work takes no more of it by waiting (asserted); it may try. A work grant is given
 * back by the thread that took it. So whoever holds work comes to its end without anyone else's.
 *
 * Threads: all functions, from any.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "lakefeed/error.h"

#include <stddef.h>
#include <stdint.h>

struct budget;

/* Shares of the memory that the process may use; the rest is for rows at hand, models, and what libraries allocate. */
#define BUDGET_STOCK_SHARE 3 /* one in three */
#define BUDGET_LOAD_SHARE 4
#define BUDGET_MERGE_SHARE 24 /* the part of work that loads cannot take */
#define BUDGET_BYTES_LEAST ((size_t)1 << 20)
#define BUDGET_PATIENCE_MS 1000

struct budget_options {
    size_t bytes;        /* of the whole process; at least BUDGET_BYTES_LEAST */
    size_t workers;      /* steps at once; 0: twice the cores, at least 4 */
    int64_t patience_ms; /* after which the bound on steps gives way; 0: never */
};

struct budget *budget_new(const struct budget_options *options);
void budget_free(struct budget **budget); /* for CLEANUP; every grant was given back */

enum budget_work { BUDGET_MERGE, BUDGET_LOAD, BUDGET_WORKS };

/* Zero: nothing was granted. In place until it is given back. */
struct budget_grant {
    struct budget *budget;
    size_t bytes;
    bool is_work, is_part;
    enum budget_work work;
};

/* More than the account has counts as all of it. `cancelled` may be NULL; it is asked under the ledger's lock.
 * `is_part`: buffers of a step that is under way, which do not count as one more step; to be tried only. */
struct budget_wish {
    enum budget_work work;
    bool is_part;
    size_t least, wanted;
    bool (*cancelled)(void *context);
    void *context;
};

/* Between least and wanted; more than least only if that leaves as much for each who waits. CANCELLED. */
bool budget_take_work(struct budget *budget, const struct budget_wish *wish, struct budget_grant *ret_grant,
                      struct lf_error *err) LF_MUST_CHECK;
/* Without waiting; false: nothing was taken. */
bool budget_try_work(struct budget *budget, const struct budget_wish *wish,
                     struct budget_grant *ret_grant) LF_MUST_CHECK;
/* Those who wait look at `cancelled` again: to be called after the answer of one has become true. */
void budget_wake(struct budget *budget);

/* Makes the grant (zero at first) one of `wanted` bytes, more or less than before: by right up to `right`, even if the
 * account is overdrawn by that, beyond it what is free. Once somebody was refused, growing ends at the fair share. */
void budget_hold_stock(struct budget *budget, size_t right, size_t wanted, struct budget_grant *grant);
/* The stock divided by those who hold some while there is too little for them all, otherwise SIZE_MAX. Who holds more
 * and does not need it at once gives it back. */
size_t budget_fair_stock(struct budget *budget);

void budget_give_back(struct budget_grant *grant); /* for CLEANUP; zero afterwards */

/* The allocator keeps what was freed. To be noted after a step that took much; whoever has nothing to do asks to give it
 * back to the system, which happens once it has been quiet for some seconds. */
void budget_note_freed(struct budget *budget);
void budget_trim(struct budget *budget);

struct budget_figures {
    size_t bytes, used, peak;
};
struct budget_state {
    struct budget_figures stock, work;
    size_t holders;               /* of stock */
    size_t workers, working;      /* the bound and the steps under way */
    size_t waiting, waiting_peak; /* for work */
    uint64_t refused;             /* times that stock was cut short */
};
struct budget_state budget_look(struct budget *budget);

#endif
