/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <time.h>

#define WORKERS_LEAST ((size_t)4)
#define TRIM_QUIET_MS 3000    /* others free some more soon after */
#define TRIM_EVERY_MS 30000   /* where it is never quiet */
#define MERGE_WORKERS_SHARE 4 /* one step in four is the merges' own, and one at least */

struct waiter {
    struct waiter *next;
    const struct budget_wish *wish;
    int64_t overdue_ms; /* monotonic; 0: never */
    bool admitted;
    size_t bytes;
    pthread_cond_t wake;
};

struct budget {
    pthread_mutex_t lock;
    struct budget_state state;
    int64_t patience_ms;
    bool pressed; /* stock was refused and has not become free since */
    size_t merge_bytes, merge_workers;
    size_t used[BUDGET_WORKS], working[BUDGET_WORKS];
    struct waiter *first, **end; /* in the order of arrival */
    int64_t freed_ms;            /* monotonic; 0: nothing since the last trim */
    int64_t trimmed_ms;
    pthread_t *owners; /* of work grants, in no order */
    size_t nowners, owners_size;
};

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int64_t monotonic_ms(void)
{
    struct clock clock = clock_system();
    return clock.monotonic_us(clock.context) / 1000;
}

static size_t default_workers(void)
{
    size_t workers = (size_t)get_nprocs() * 2;
    return workers < WORKERS_LEAST ? WORKERS_LEAST : workers;
}

struct budget *budget_new(const struct budget_options *options)
{
    assert(options->bytes >= BUDGET_BYTES_LEAST);
    struct budget *budget = mem_new(1, sizeof *budget);
    struct budget_state *state = &budget->state;
    (void)pthread_mutex_init(&budget->lock, NULL);
    budget->end = &budget->first;
    budget->patience_ms = options->patience_ms;
    budget->merge_bytes = options->bytes / BUDGET_MERGE_SHARE;
    state->stock.bytes = options->bytes / BUDGET_STOCK_SHARE;
    state->work.bytes = options->bytes / BUDGET_LOAD_SHARE + budget->merge_bytes;
    state->workers = options->workers > 0 ? options->workers : default_workers();
    assert(state->workers > 1);
    budget->merge_workers = state->workers / MERGE_WORKERS_SHARE > 0 ? state->workers / MERGE_WORKERS_SHARE : 1;
    return budget;
}

void budget_free(struct budget **budget_ref)
{
    struct budget *budget = *budget_ref;
    if (budget == NULL) {
        return;
    }
    assert(budget->state.work.used == 0 && budget->state.stock.used == 0 && budget->first == NULL);
    (void)pthread_mutex_destroy(&budget->lock);
    free(budget->owners);
    free(budget);
    *budget_ref = NULL;
}

static void count(struct budget_figures *figures, size_t from, size_t to)
{
    assert(figures->used >= from);
    figures->used = figures->used - from + to;
    figures->peak = figures->used > figures->peak ? figures->used : figures->peak;
}

/* ---- who holds work ---- */

static bool find_owner(const struct budget *budget, size_t *ret_index)
{
    for (size_t i = 0; i < budget->nowners; i++) {
        if (pthread_equal(budget->owners[i], pthread_self())) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static void add_owner(struct budget *budget)
{
    mem_grow(&budget->owners, &budget->owners_size, budget->nowners + 1, sizeof *budget->owners);
    budget->owners[budget->nowners++] = pthread_self();
}

static void remove_owner(struct budget *budget)
{
    size_t index = 0;
    bool found = find_owner(budget, &index);
    assert(found); /* a work grant is given back by the thread that took it */
    budget->owners[index] = budget->owners[--budget->nowners];
}

/* ---- work ---- */

/* What the ledger has for a wish now. Merges that come later than a load which waits take nothing but their own part:
 * so the rest becomes free for the load, however many they are. */
struct offer {
    size_t bytes;
    bool has_worker;
};

static struct offer make_offer(const struct budget *budget, enum budget_work work, bool own_part_only)
{
    const struct budget_state *state = &budget->state;
    size_t bytes = state->work.bytes;
    size_t workers = state->workers;
    size_t used = state->work.used;
    size_t working = state->working;
    if (own_part_only) {
        bytes = budget->merge_bytes;
        workers = budget->merge_workers;
        used = budget->used[BUDGET_MERGE];
        working = budget->working[BUDGET_MERGE];
    }
    size_t free_bytes = bytes > used ? bytes - used : 0;
    size_t free_workers = workers > working ? workers - working : 0;
    if (own_part_only) {
        free_bytes = least_of(free_bytes, state->work.bytes - state->work.used);
    }
    if (work == BUDGET_LOAD) {
        size_t load_bytes = bytes - budget->merge_bytes;
        size_t load_workers = workers - budget->merge_workers;
        size_t loads = budget->used[BUDGET_LOAD];
        size_t loading = budget->working[BUDGET_LOAD];
        free_bytes = least_of(free_bytes, load_bytes > loads ? load_bytes - loads : 0);
        free_workers = least_of(free_workers, load_workers > loading ? load_workers - loading : 0);
    }
    return (struct offer){.bytes = free_bytes, .has_worker = free_workers > 0};
}

/* A wish for more than there is would never come true. */
static size_t least_for(const struct budget *budget, const struct budget_wish *wish)
{
    size_t all = budget->state.work.bytes - (wish->work == BUDGET_LOAD ? budget->merge_bytes : 0);
    return least_of(wish->least, all);
}

/* `sharing`: how many want some, this one included. */
static bool grant(struct budget *budget, const struct budget_wish *wish, bool own_part_only, bool overdue,
                  size_t sharing, size_t *ret_bytes)
{
    struct offer offer = make_offer(budget, wish->work, own_part_only);
    size_t least = least_for(budget, wish);
    if (least > offer.bytes || !(offer.has_worker || overdue || wish->is_part)) {
        return false;
    }
    size_t bytes = least_of(wish->wanted, offer.bytes / sharing);
    *ret_bytes = bytes > least ? bytes : least;
    count(&budget->state.work, 0, *ret_bytes);
    budget->used[wish->work] += *ret_bytes;
    budget->working[wish->work] += wish->is_part ? 0 : 1;
    budget->state.working += wish->is_part ? 0 : 1;
    return true;
}

/* In the order of arrival. Nobody overtakes a merge; a load is overtaken only by merges that keep to their own part. */
static void admit(struct budget *budget)
{
    bool load_waits = false;
    int64_t now = budget->first != NULL ? monotonic_ms() : 0;
    for (struct waiter *waiter = budget->first; waiter != NULL; waiter = waiter->next) {
        bool overdue = waiter->overdue_ms > 0 && now >= waiter->overdue_ms;
        if (waiter->admitted || (load_waits && waiter->wish->work == BUDGET_LOAD)) {
            continue;
        }
        if (grant(budget, waiter->wish, load_waits, overdue, budget->state.waiting, &waiter->bytes)) {
            waiter->admitted = true;
            budget->state.waiting--;
            (void)pthread_cond_signal(&waiter->wake);
        } else if (waiter->wish->work == BUDGET_MERGE) {
            return;
        } else {
            load_waits = true;
        }
    }
}

static bool anyone_waits(const struct budget *budget, enum budget_work work)
{
    for (const struct waiter *waiter = budget->first; waiter != NULL; waiter = waiter->next) {
        if (!waiter->admitted && waiter->wish->work == work) {
            return true;
        }
    }
    return false;
}

static bool try_locked(struct budget *budget, const struct budget_wish *wish, size_t *ret_bytes)
{
    bool load_waits = anyone_waits(budget, BUDGET_LOAD);
    if (anyone_waits(budget, BUDGET_MERGE) || (load_waits && wish->work == BUDGET_LOAD)) {
        return false;
    }
    return grant(budget, wish, load_waits, /* overdue= */ false, budget->state.waiting + 1, ret_bytes);
}

static void waiter_init(struct budget *budget, const struct budget_wish *wish, struct waiter *ret_waiter)
{
    *ret_waiter = (struct waiter){.wish = wish};
    ret_waiter->overdue_ms = budget->patience_ms > 0 ? monotonic_ms() + budget->patience_ms : 0;
    thread_cond_init(&ret_waiter->wake);
}

static void enqueue(struct budget *budget, struct waiter *waiter)
{
    *budget->end = waiter;
    budget->end = &waiter->next;
    budget->state.waiting++;
}

static void dequeue(struct budget *budget, struct waiter *waiter)
{
    struct waiter **at = &budget->first;
    while (*at != waiter) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = waiter->next;
    if (*at == NULL) {
        budget->end = at;
    }
}

static void sleep_on(struct budget *budget, struct waiter *waiter)
{
    struct budget_state *state = &budget->state;
    state->waiting_peak = state->waiting > state->waiting_peak ? state->waiting : state->waiting_peak;
    if (waiter->overdue_ms == 0 || monotonic_ms() >= waiter->overdue_ms) {
        (void)pthread_cond_wait(&waiter->wake, &budget->lock);
        return;
    }
    const struct timespec until = {.tv_sec = waiter->overdue_ms / 1000, .tv_nsec = waiter->overdue_ms % 1000 * 1000000};
    (void)pthread_cond_timedwait(&waiter->wake, &budget->lock, &until);
    admit(budget); /* overdue by now, perhaps */
}

/* False: cancelled. */
static bool wait_for_work(struct budget *budget, const struct budget_wish *wish, size_t *ret_bytes)
{
    struct waiter waiter;
    bool cancelled = false;
    waiter_init(budget, wish, &waiter);
    enqueue(budget, &waiter);
    admit(budget);
    while (!waiter.admitted && !cancelled) {
        cancelled = wish->cancelled != NULL && wish->cancelled(wish->context);
        if (!cancelled) {
            sleep_on(budget, &waiter);
        }
    }
    dequeue(budget, &waiter);
    if (!waiter.admitted) {
        budget->state.waiting--;
        admit(budget); /* those behind may fit where this one did not */
    }
    (void)pthread_cond_destroy(&waiter.wake);
    *ret_bytes = waiter.bytes;
    return waiter.admitted;
}

static void fill_grant(struct budget *budget, const struct budget_wish *wish, size_t bytes,
                       struct budget_grant *ret_grant)
{
    add_owner(budget);
    *ret_grant = (struct budget_grant){
        .budget = budget, .bytes = bytes, .is_work = true, .is_part = wish->is_part, .work = wish->work};
}

bool budget_take_work(struct budget *budget, const struct budget_wish *wish, struct budget_grant *ret_grant,
                      struct lf_error *err)
{
    size_t bytes = 0;
    size_t index = 0;
    (void)pthread_mutex_lock(&budget->lock);
    bool holds = find_owner(budget, &index);
    assert(!holds && !wish->is_part); /* the deadlock rule */
    bool granted = wait_for_work(budget, wish, &bytes);
    if (granted) {
        fill_grant(budget, wish, bytes, ret_grant);
    }
    (void)pthread_mutex_unlock(&budget->lock);
    return granted || lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
}

bool budget_try_work(struct budget *budget, const struct budget_wish *wish, struct budget_grant *ret_grant)
{
    size_t bytes = 0;
    (void)pthread_mutex_lock(&budget->lock);
    bool granted = try_locked(budget, wish, &bytes);
    if (granted) {
        fill_grant(budget, wish, bytes, ret_grant);
    }
    (void)pthread_mutex_unlock(&budget->lock);
    return granted;
}

void budget_wake(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->lock);
    for (struct waiter *waiter = budget->first; waiter != NULL; waiter = waiter->next) {
        (void)pthread_cond_signal(&waiter->wake);
    }
    (void)pthread_mutex_unlock(&budget->lock);
}

static void end_work(struct budget *budget, const struct budget_grant *grant)
{
    count(&budget->state.work, grant->bytes, 0);
    budget->used[grant->work] -= grant->bytes;
    budget->working[grant->work] -= grant->is_part ? 0 : 1;
    budget->state.working -= grant->is_part ? 0 : 1;
    remove_owner(budget);
    admit(budget);
}

/* ---- stock ---- */

static size_t fair_stock(const struct budget *budget, size_t holders)
{
    return budget->pressed && holders > 0 ? budget->state.stock.bytes / holders : SIZE_MAX;
}

static void hold_locked(struct budget *budget, size_t right, size_t wanted, struct budget_grant *grant)
{
    struct budget_figures *stock = &budget->state.stock;
    size_t before = grant->bytes;
    size_t free_bytes = stock->bytes > stock->used ? stock->bytes - stock->used : 0;
    size_t fair = fair_stock(budget, budget->state.holders + (before == 0 ? 1 : 0));
    size_t most = least_of(before + free_bytes, fair > before ? fair : before);
    most = most > right ? most : right;
    grant->bytes = least_of(wanted, most);
    count(stock, before, grant->bytes);
    budget->state.holders += (grant->bytes > 0 ? 1U : 0U);
    budget->state.holders -= (before > 0 ? 1U : 0U);
    if (grant->bytes < wanted) {
        budget->state.refused++;
        budget->pressed = true;
    } else if (stock->used <= stock->bytes / 4) {
        budget->pressed = false;
    }
}

void budget_hold_stock(struct budget *budget, size_t right, size_t wanted, struct budget_grant *grant)
{
    assert(!grant->is_work);
    (void)pthread_mutex_lock(&budget->lock);
    grant->budget = budget;
    hold_locked(budget, right, wanted, grant);
    (void)pthread_mutex_unlock(&budget->lock);
}

size_t budget_fair_stock(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->lock);
    size_t fair = fair_stock(budget, budget->state.holders);
    (void)pthread_mutex_unlock(&budget->lock);
    return fair;
}

/* ---- both ---- */

void budget_give_back(struct budget_grant *grant)
{
    struct budget *budget = grant->budget;
    if (budget == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&budget->lock);
    if (grant->is_work) {
        end_work(budget, grant);
    } else {
        hold_locked(budget, 0, 0, grant);
    }
    (void)pthread_mutex_unlock(&budget->lock);
    *grant = (struct budget_grant){0};
}

void budget_note_freed(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->lock);
    budget->freed_ms = monotonic_ms();
    (void)pthread_mutex_unlock(&budget->lock);
}

void budget_trim(struct budget *budget)
{
    int64_t now = monotonic_ms();
    (void)pthread_mutex_lock(&budget->lock);
    bool due =
        budget->freed_ms != 0 && (now - budget->freed_ms >= TRIM_QUIET_MS || now - budget->trimmed_ms >= TRIM_EVERY_MS);
    if (due) {
        budget->freed_ms = 0;
        budget->trimmed_ms = now;
    }
    (void)pthread_mutex_unlock(&budget->lock);
    if (due) {
        (void)malloc_trim(0);
    }
}

struct budget_state budget_look(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->lock);
    struct budget_state state = budget->state;
    (void)pthread_mutex_unlock(&budget->lock);
    return state;
}
