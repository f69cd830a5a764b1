/* SPDX-License-Identifier: Apache-2.0
 *
 * One writer: a lease on _lakefeed/owner under an id of our own, so that acquiring it again, after a lost answer or a restart,
 * is the same as having it. Who holds it stands in the properties of that file. A thread renews it; writes stop when two
 * thirds of its time have passed without that, well before anybody else can get it.
 */
#include "base/macros.h"
#include "base/thread.h"
#include "lake/adls_internal.h"

#include <string.h>

#define DURATION_MS INT64_C(60000)
#define DURATION_TEXT "60"
#define SAFE_MS (DURATION_MS * 2 / 3)
#define RETRY_SHARE 10 /* of the time between renewals, until one succeeds */
#define CALL_TOTAL_MS 10000
#define RELEASE_TOTAL_MS 3000
#define RELEASE_CONNECT_MS 1000
#define POLL_MS 2000
#define WAIT_SLICE_MS 200
#define SETTLE_TRIES 5 /* files and filesystems that have to be made first, leases that come back after a break */
#define KEEPER_STACK_BYTES ((size_t)256 << 10)
#define OWNER_TEXT_MAX 200

enum outcome {
    OUTCOME_OURS,
    OUTCOME_NOT_NOW,  /* no answer, or none that says whose it is; err tells */
    OUTCOME_ANOTHERS, /* err names the holder */
    OUTCOME_GONE,     /* it ran out or was broken: acquire it again */
    OUTCOME_NO_FILE,
    OUTCOME_NO_FILESYSTEM
};

void adls_lease_init(struct adls_lake *lake)
{
    (void)pthread_mutex_init(&lake->lease.mutex, NULL);
    thread_cond_init(&lake->lease.changed);
}

void adls_lease_done(struct adls_lake *lake)
{
    (void)pthread_cond_destroy(&lake->lease.changed);
    (void)pthread_mutex_destroy(&lake->lease.mutex);
    text_free(&lake->lease.owner);
}

/* ---- calls ---- */

static bool is_stopped(void *context)
{
    struct adls_lake *lake = context;
    (void)pthread_mutex_lock(&lake->lease.mutex);
    const bool stopped = lake->lease.stop;
    (void)pthread_mutex_unlock(&lake->lease.mutex);
    return stopped;
}

static bool is_given_up(void *context)
{
    return is_stopped(context) || adls_is_cancelled(context);
}

/* What is not the lease itself must not hold up the keeper, nor who waits for its end, for as long as other calls may. */
static void bound(struct adls_call *call)
{
    struct adls_lake *lake = call->lake;
    if (lake->lease.has_keeper) {
        call->request.cancelled = is_given_up;
        call->request.patience_ms = lake->patience_ms < CALL_TOTAL_MS ? lake->patience_ms : CALL_TOTAL_MS;
    }
    call->request.total_ms = CALL_TOTAL_MS;
}

/* Every action is the same when done twice. Tries end soon: who asks for it tries again by its own clock. */
static void init_call(struct adls_call *call, struct adls_lake *lake, const char *what, const char *action,
                      const char *id_header)
{
    adls_call_init(call, lake, ADLS_DFS, what, HTTP_POST, LAKE_PATH_OWNER, NULL);
    adls_call_header(call, "x-ms-lease-action", action);
    if (id_header != NULL) {
        adls_call_header(call, id_header, lake->lease_id);
    }
    call->request.patience_ms = lake->patience_ms < CALL_TOTAL_MS ? lake->patience_ms : CALL_TOTAL_MS;
    call->request.total_ms = CALL_TOTAL_MS;
    call->request.urgent = true;
    if (lake->lease.has_keeper) {
        call->request.cancelled = is_stopped;
    }
}

/* "name=base64,name=base64" → what stands under one name, as far as it prints. */
static char *read_property(const char *properties, const char *name)
{
    CLEANUP(buf_done) struct buf value = {0};
    struct lf_error ignored;
    const size_t name_len = strlen(name);
    const char *at = properties;
    while (at != NULL && !(strncmp(at, name, name_len) == 0 && at[name_len] == '=')) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    const char *text = at != NULL ? at + name_len + 1 : "";
    if (!base64_decode(text, strcspn(text, ","), &value, &ignored)) {
        return text_copy("");
    }
    char *copy = text_copy_len(buf_text(&value), strnlen(buf_text(&value), OWNER_TEXT_MAX));
    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)(*c < ' ' || *c > '~' ? '?' : *c);
    }
    return copy;
}

/* Who stands in the file; "another process" when that cannot be read, or is still ourselves: the one that has just taken the
 * lease has not written its name yet. */
static char *read_holder(struct adls_lake *lake)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    struct lf_error ignored;
    adls_call_init(&call, lake, ADLS_DFS, "look at", HTTP_HEAD, LAKE_PATH_OWNER, NULL);
    bound(&call);
    call.request.patience_ms = -1;
    const char *properties = adls_call_run(&call, &ignored) ? adls_call_header_of(&call, "x-ms-properties") : NULL;
    CLEANUP(text_free) char *owner = read_property(properties, "owner");
    CLEANUP(text_free) char *since = read_property(properties, "since");
    if (owner[0] == '\0' || (lake->lease.owner != NULL && strcmp(owner, lake->lease.owner) == 0)) {
        return text_copy("another process");
    }
    return text_printf("%s%s%s", owner, since[0] != '\0' ? ", since " : "", since);
}

static enum outcome another_has_it(struct adls_lake *lake, struct lf_error *err)
{
    CLEANUP(text_free) char *holder = read_holder(lake);
    (void)pthread_mutex_lock(&lake->lease.mutex);
    (void)snprintf(lake->lease.holder, sizeof lake->lease.holder, "%s", holder);
    (void)pthread_mutex_unlock(&lake->lease.mutex);
    (void)lf_error_set(
        err, LF_CONFLICT, 0,
        "the lake %s is in use by %s; only one process may write to it. Stop that one and wait a minute, or "
        "take the lake over with --takeover",
        lake->location, holder);
    return OUTCOME_ANOTHERS;
}

/* *ret_sent_ms: from when the lease counts. */
static enum outcome acquire(struct adls_lake *lake, int64_t *ret_sent_ms, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    init_call(&call, lake, "acquire the lease on", "acquire", "x-ms-proposed-lease-id");
    adls_call_header(&call, "x-ms-lease-duration", DURATION_TEXT);
    *ret_sent_ms = adls_monotonic_ms(lake);
    if (!adls_call_run(&call, err)) {
        return OUTCOME_NOT_NOW;
    }
    if (adls_call_ok(&call)) {
        return OUTCOME_OURS;
    }
    (void)adls_call_fail(&call, err);
    if (adls_call_is(&call, "LeaseAlreadyPresent")) {
        return another_has_it(lake, err);
    }
    if (adls_call_is(&call, "FilesystemNotFound")) {
        return OUTCOME_NO_FILESYSTEM;
    }
    return adls_call_is_missing(&call) ? OUTCOME_NO_FILE : OUTCOME_NOT_NOW;
}

static enum outcome renew(struct adls_lake *lake, int64_t *ret_sent_ms, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    init_call(&call, lake, "renew the lease on", "renew", "x-ms-lease-id");
    *ret_sent_ms = adls_monotonic_ms(lake);
    if (!adls_call_run(&call, err)) {
        return OUTCOME_NOT_NOW;
    }
    if (adls_call_ok(&call)) {
        return OUTCOME_OURS;
    }
    (void)adls_call_fail(&call, err);
    const unsigned status = call.reply.status;
    return adls_call_is_missing(&call) || status == 409 || status == 412 ? OUTCOME_GONE : OUTCOME_NOT_NOW;
}

static bool create_file(struct adls_lake *lake, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, lake, ADLS_DFS, "create", HTTP_PUT, LAKE_PATH_OWNER, "resource=file");
    adls_call_header(&call, "If-None-Match", "*");
    bound(&call);
    TRY(adls_call_run(&call, err));
    return adls_call_ok(&call) || adls_call_is(&call, "PathAlreadyExists") || adls_call_fail(&call, err);
}

static bool create_filesystem(struct adls_lake *lake, struct lf_error *err)
{
    return lake->create_filesystem
               ? adls_filesystem_create(lake, err)
               : lf_error_set(err, LF_NOT_FOUND, 404,
                              "the filesystem %s does not exist; create it, or let lakefeed do so (create_filesystem)",
                              lake->place.filesystem);
}

/* Best effort: a lease is a lease without its text as well. */
static void write_owner(struct adls_lake *lake)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    CLEANUP(buf_done) struct buf text = {0};
    char since[CLOCK_TEXT_SIZE];
    struct lf_error ignored;
    clock_format_iso(clock_now_ms(&lake->clock), since);
    buf_append_text(&text, "owner=");
    base64_append(&text, lake->lease.owner, strlen(lake->lease.owner));
    buf_append_text(&text, ",since=");
    base64_append(&text, since, strlen(since));
    adls_call_init(&call, lake, ADLS_DFS, "describe", HTTP_PATCH, LAKE_PATH_OWNER, "action=setProperties");
    adls_call_header(&call, "x-ms-properties", buf_text(&text));
    adls_call_header(&call, "x-ms-lease-id", lake->lease_id);
    bound(&call);
    call.request.patience_ms = -1;
    const bool done = adls_call_run(&call, &ignored);
    (void)done;
}

static bool break_lease(struct adls_lake *lake, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    init_call(&call, lake, "break the lease on", "break", NULL);
    adls_call_header(&call, "x-ms-lease-break-period", "0");
    call.request.patience_ms = lake->patience_ms;
    TRY(adls_call_run(&call, err));
    /* A conflict is a lease that was released or broken meanwhile. */
    TRY(adls_call_ok(&call) || call.reply.status == 409 || adls_call_fail(&call, err));
    log_write(lake->log, &lake->where, EVENT_lease_broken,
              (struct log_field[]){LOG_TEXT("holder", lake->lease.holder), {0}});
    return true;
}

/* ---- lock ---- */

/* Between two tries to acquire. False: there is no further one. */
static bool prepare_again(struct adls_lake *lake, enum outcome outcome, int64_t end_ms, int *settle,
                          struct lf_error *err)
{
    const bool counts = outcome == OUTCOME_NO_FILE || outcome == OUTCOME_NO_FILESYSTEM ||
                        (outcome == OUTCOME_ANOTHERS && lake->takeover);
    if (counts && --*settle < 0) {
        return false;
    }
    switch (outcome) {
    case OUTCOME_NO_FILESYSTEM:
        return create_filesystem(lake, err);
    case OUTCOME_NO_FILE:
        return create_file(lake, err);
    case OUTCOME_ANOTHERS:
        if (lake->takeover) {
            return break_lease(lake, err);
        }
        break;
    case OUTCOME_OURS:
    case OUTCOME_GONE:
    case OUTCOME_NOT_NOW:
        break;
    }
    const int64_t left_ms = end_ms - adls_monotonic_ms(lake);
    if (left_ms <= 0) {
        return false;
    }
    return adls_pause(lake, left_ms < POLL_MS ? left_ms : POLL_MS) ||
           lf_error_set(err, LF_CANCELLED, 0, "stopped while waiting for the lease on the lake %s", lake->location);
}

/* What will not pass by waiting. */
static bool is_final(enum outcome outcome, const struct lf_error *err)
{
    return outcome == OUTCOME_NOT_NOW && err->kind != LF_TRANSIENT && err->kind != LF_THROTTLED &&
           err->kind != LF_CONFLICT;
}

static bool acquire_patiently(struct adls_lake *lake, int64_t *ret_sent_ms, struct lf_error *err)
{
    const int64_t start_ms = adls_monotonic_ms(lake);
    const int64_t owner_end_ms = start_ms + lake->lock_patience_ms;
    const int64_t service_end_ms = start_ms + lake->patience_ms;
    int settle = SETTLE_TRIES;
    enum outcome outcome = acquire(lake, ret_sent_ms, err);
    while (outcome != OUTCOME_OURS) {
        const int64_t end_ms = outcome == OUTCOME_NOT_NOW ? service_end_ms : owner_end_ms;
        if (is_final(outcome, err) || !prepare_again(lake, outcome, end_ms, &settle, err)) {
            return false;
        }
        outcome = acquire(lake, ret_sent_ms, err);
    }
    return true;
}

static bool is_fresh(const struct adls_lake *lake)
{
    return adls_monotonic_ms(lake) - lake->lease.renewed_ms < SAFE_MS;
}

/* ---- the keeper ---- */

static enum outcome keep(struct adls_lake *lake, bool was_held, int64_t *ret_sent_ms, struct lf_error *err)
{
    enum outcome outcome = was_held ? renew(lake, ret_sent_ms, err) : OUTCOME_GONE;
    if (outcome != OUTCOME_GONE) {
        return outcome;
    }
    outcome = acquire(lake, ret_sent_ms, err);
    if (outcome == OUTCOME_NO_FILE && create_file(lake, err)) {
        outcome = acquire(lake, ret_sent_ms, err);
    }
    if (outcome == OUTCOME_OURS) {
        write_owner(lake); /* the file may be new, or have been another's for a while */
    }
    return outcome == OUTCOME_NOT_NOW ? OUTCOME_GONE : outcome; /* what is gone does not wait for its time to be over */
}

/* Under the mutex. */
static void take_outcome(struct adls_lake *lake, enum outcome outcome, int64_t sent_ms, const struct lf_error *err)
{
    struct adls_lease *lease = &lake->lease;
    const enum adls_lease_state before = lease->state;
    if (outcome == OUTCOME_OURS) {
        lease->state = ADLS_LEASE_HELD;
        lease->renewed_ms = sent_ms;
    } else if (outcome == OUTCOME_ANOTHERS) {
        lease->state = ADLS_LEASE_TAKEN;
    } else if (outcome != OUTCOME_NOT_NOW || !is_fresh(lake)) {
        lease->state = ADLS_LEASE_LOST;
    }
    if (lease->state == before) {
        return;
    }
    if (lease->state == ADLS_LEASE_HELD) {
        log_write(lake->log, &lake->where, EVENT_lease_regained, NULL);
    } else if (lease->state == ADLS_LEASE_TAKEN) {
        log_write(lake->log, &lake->where, EVENT_lease_taken,
                  (struct log_field[]){LOG_TEXT("holder", lease->holder), {0}});
    } else {
        log_failure(lake->log, &lake->where, EVENT_lease_lost, err);
    }
    (void)pthread_cond_broadcast(&lease->changed);
}

static void wait_for_change(struct adls_lease *lease, int64_t ms)
{
    const struct timespec until = thread_in_ms(ms);
    (void)pthread_cond_timedwait(&lease->changed, &lease->mutex, &until);
}

static void *run_keeper(void *context)
{
    struct adls_lake *lake = context;
    struct adls_lease *lease = &lake->lease;
    int64_t pause_ms = lake->renew_ms;
    (void)pthread_mutex_lock(&lease->mutex);
    while (!lease->stop && lease->state != ADLS_LEASE_TAKEN) {
        wait_for_change(lease, pause_ms);
        if (lease->stop) {
            break;
        }
        struct lf_error err = {0};
        int64_t sent_ms = 0;
        const bool was_held = lease->state == ADLS_LEASE_HELD;
        (void)pthread_mutex_unlock(&lease->mutex);
        const enum outcome outcome = keep(lake, was_held, &sent_ms, &err);
        (void)pthread_mutex_lock(&lease->mutex);
        if (!lease->stop) {
            take_outcome(lake, outcome, sent_ms, &err);
        }
        pause_ms = outcome == OUTCOME_OURS ? lake->renew_ms : lake->renew_ms / RETRY_SHARE;
    }
    (void)pthread_mutex_unlock(&lease->mutex);
    return NULL;
}

static bool start_keeper(struct adls_lake *lake, struct lf_error *err)
{
    lake->lease.stop = false;
    lake->lease.has_keeper = true;
    const int error = thread_start(&lake->lease.keeper, KEEPER_STACK_BYTES, run_keeper, lake);
    if (error == 0) {
        return true;
    }
    lake->lease.has_keeper = false;
    return lf_error_set(err, LF_TRANSIENT, error,
                        "start the thread that keeps the lease on the lake: %s; raise the limit of tasks",
                        strerror(error));
}

static void release(struct adls_lake *lake)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    struct lf_error ignored;
    init_call(&call, lake, "release the lease on", "release", "x-ms-lease-id");
    call.request.cancelled = NULL; /* who was told to stop still wants the next one to begin at once */
    call.request.patience_ms = -1;
    call.request.connect_ms = RELEASE_CONNECT_MS;
    call.request.total_ms = RELEASE_TOTAL_MS;
    const bool done = adls_call_run(&call, &ignored);
    (void)done;
}

bool adls_lock(struct lake *lake, const char *owner, struct lf_error *err)
{
    struct adls_lake *adls = adls_of(lake);
    struct adls_lease *lease = &adls->lease;
    int64_t sent_ms = 0;
    if (lease->has_keeper && adls_lock_held(lake)) {
        return true;
    }
    adls_unlock(lake);
    text_free(&lease->owner);
    lease->owner = text_copy(owner);
    TRY(acquire_patiently(adls, &sent_ms, err));
    write_owner(adls);
    lease->renewed_ms = sent_ms;
    lease->state = ADLS_LEASE_HELD;
    if (!start_keeper(adls, err)) {
        lease->state = ADLS_LEASE_NONE;
        release(adls);
        return false;
    }
    return true;
}

void adls_unlock(struct lake *lake)
{
    struct adls_lake *adls = adls_of(lake);
    struct adls_lease *lease = &adls->lease;
    if (!lease->has_keeper) {
        return;
    }
    (void)pthread_mutex_lock(&lease->mutex);
    lease->stop = true;
    (void)pthread_cond_broadcast(&lease->changed);
    (void)pthread_mutex_unlock(&lease->mutex);
    (void)pthread_join(lease->keeper, NULL);
    lease->has_keeper = false;
    const bool ours = lease->state != ADLS_LEASE_TAKEN;
    lease->state = ADLS_LEASE_NONE;
    if (ours) {
        release(adls);
    }
}

static bool refuse_write(struct adls_lake *lake, enum adls_lease_state state, bool cancelled, struct lf_error *err)
{
    if (state == ADLS_LEASE_TAKEN) {
        CLEANUP(text_free) char *holder = read_holder(lake);
        return lf_error_set(err, LF_FENCED, 0,
                            "the lake %s was taken over by %s; stop that one, or start this one again with --takeover",
                            lake->location, holder);
    }
    if (cancelled) {
        return lf_error_set(err, LF_CANCELLED, 0, "stopped while the lease on the lake %s was lost", lake->location);
    }
    return lf_error_set(err, LF_TRANSIENT, 0,
                        "the lease on the lake %s is lost and could not be acquired again for %lld seconds",
                        lake->location, (long long)lake->patience_ms / 1000);
}

bool adls_check_lock(struct lake *lake, struct lf_error *err)
{
    struct adls_lake *adls = adls_of(lake);
    (void)pthread_mutex_lock(&adls->lease.mutex);
    const enum adls_lease_state state = adls->lease.state;
    (void)pthread_mutex_unlock(&adls->lease.mutex);
    return state != ADLS_LEASE_TAKEN || refuse_write(adls, state, false, err);
}

bool adls_lock_held(struct lake *lake)
{
    struct adls_lake *adls = adls_of(lake);
    (void)pthread_mutex_lock(&adls->lease.mutex);
    const bool held = adls->lease.state == ADLS_LEASE_HELD && is_fresh(adls);
    (void)pthread_mutex_unlock(&adls->lease.mutex);
    return held;
}

/* ---- writes ---- */

static bool is_safe(const struct adls_lake *lake)
{
    return lake->lease.state == ADLS_LEASE_NONE || (lake->lease.state == ADLS_LEASE_HELD && is_fresh(lake));
}

bool adls_may_write_now(struct adls_lake *lake)
{
    (void)pthread_mutex_lock(&lake->lease.mutex);
    const bool safe = is_safe(lake);
    (void)pthread_mutex_unlock(&lake->lease.mutex);
    return safe;
}

bool adls_may_write(struct adls_lake *lake, struct lf_error *err)
{
    struct adls_lease *lease = &lake->lease;
    int64_t waited_ms = 0;
    bool cancelled = false;
    (void)pthread_mutex_lock(&lease->mutex);
    while (!is_safe(lake) && lease->state != ADLS_LEASE_TAKEN && waited_ms < lake->patience_ms && !cancelled) {
        wait_for_change(lease, WAIT_SLICE_MS);
        waited_ms += WAIT_SLICE_MS;
        (void)pthread_mutex_unlock(&lease->mutex);
        cancelled = adls_is_cancelled(lake);
        (void)pthread_mutex_lock(&lease->mutex);
    }
    const bool safe = is_safe(lake);
    const enum adls_lease_state state = lease->state;
    (void)pthread_mutex_unlock(&lease->mutex);
    return safe || refuse_write(lake, state, cancelled, err);
}
