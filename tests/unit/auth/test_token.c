/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/token.h"
#include "base/macros.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE_MS INT64_C(60000)
#define THREADS 8

/* A service whose answers the test decides. Token n has the text "token-n". */
struct service {
    atomic_llong now_us;
    atomic_uint looks; /* at the clock */
    atomic_uint calls, patient_calls;
    atomic_int failure; /* an lf_error_kind; LF_NONE: it works */
    unsigned failing_call;
    int64_t retry_after_ms;
    int64_t lifetime_ms, refresh_ms;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    bool is_held;      /* a call waits */
    unsigned in_calls; /* that have begun */
    struct token_cache *cache;
};

static int64_t read_now_us(void *context)
{
    struct service *service = context;
    atomic_fetch_add(&service->looks, 1);
    return atomic_load(&service->now_us);
}

static void pass(struct service *service, int64_t ms)
{
    atomic_fetch_add(&service->now_us, ms * 1000);
}

static void hold(struct service *service, bool held)
{
    (void)pthread_mutex_lock(&service->mutex);
    service->is_held = held;
    (void)pthread_cond_broadcast(&service->changed);
    (void)pthread_mutex_unlock(&service->mutex);
}

static void await_call(struct service *service, unsigned calls)
{
    (void)pthread_mutex_lock(&service->mutex);
    while (service->in_calls < calls) {
        (void)pthread_cond_wait(&service->changed, &service->mutex);
    }
    (void)pthread_mutex_unlock(&service->mutex);
}

/* Each asker looks at the clock once and then waits, without letting the lock go in between; who fetches looks twice. */
static void await_waiting(struct service *service, unsigned looks)
{
    while (atomic_load(&service->looks) < looks) {
        (void)sched_yield();
    }
}

static bool fetch(void *self, bool patient, struct token_grant *grant, struct lf_error *err)
{
    struct service *service = self;
    const unsigned number = atomic_fetch_add(&service->calls, 1) + 1;
    atomic_fetch_add(&service->patient_calls, patient ? 1 : 0);
    (void)pthread_mutex_lock(&service->mutex);
    service->in_calls++;
    (void)pthread_cond_broadcast(&service->changed);
    while (service->is_held) {
        (void)pthread_cond_wait(&service->changed, &service->mutex);
    }
    (void)pthread_mutex_unlock(&service->mutex);
    const int failure = number == service->failing_call ? LF_CANCELLED : atomic_load(&service->failure);
    if (failure != LF_NONE) {
        (void)lf_error_set(err, (enum lf_error_kind)failure, 0, "the service is down");
        err->retry_after_ms = service->retry_after_ms;
        return false;
    }
    buf_printf(&grant->text, "token-%u", number);
    grant->lifetime_ms = service->lifetime_ms;
    grant->refresh_ms = service->refresh_ms;
    return true;
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err)
{
    (void)self;
    (void)err;
    (void)snprintf(ret_text, size, "a test");
    return true;
}

static void release(void *self)
{
    (void)self;
}

static void fill_with_zeros(void *context, void *ret_bytes, size_t len)
{
    (void)context;
    memset(ret_bytes, 0, len);
}

static struct service *service_new(const struct random_source *random, struct log *log)
{
    static const struct random_source zeros = {.fill = fill_with_zeros};
    struct service *service = mem_new(1, sizeof *service);
    (void)pthread_mutex_init(&service->mutex, NULL);
    (void)pthread_cond_init(&service->changed, NULL);
    service->lifetime_ms = 60 * MINUTE_MS;
    pass(service, MINUTE_MS);
    const struct auth_host host = {.log = log,
                                   .clock = {.context = service, .now_us = read_now_us, .monotonic_us = read_now_us}};
    const struct token_source source = {.fetch = fetch, .describe = describe, .free = release, .self = service};
    service->cache = token_cache_new(&source, &host, random != NULL ? random : &zeros);
    return service;
}

static void service_free(struct service **service)
{
    token_cache_free(&(*service)->cache);
    (void)pthread_cond_destroy(&(*service)->changed);
    (void)pthread_mutex_destroy(&(*service)->mutex);
    free(*service);
}

static void assert_token(struct service *service, const char *refused, const char *expected)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    assert_true(token_cache_get(service->cache, refused, &text, &err));
    assert_string_equal(buf_text(&text), expected);
}

static void assert_failure(struct service *service, enum lf_error_kind kind)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    assert_false(token_cache_get(service->cache, NULL, &text, &err));
    assert_int_equal(err.kind, kind);
    assert_int_equal(text.len, 0);
}

static void token_when_asked_again_then_the_same_until_ten_minutes_before_its_end(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    pass(service, 50 * MINUTE_MS - 1);
    assert_token(service, NULL, "token-1");
    pass(service, 1);
    assert_token(service, NULL, "token-2");
    assert_int_equal(service->patient_calls, 1); /* the second was made ahead of time: a single try */
}

static void token_when_the_service_wants_it_renewed_earlier_then_so(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    service->refresh_ms = 30 * MINUTE_MS;
    assert_token(service, NULL, "token-1");
    pass(service, 30 * MINUTE_MS - 1);
    assert_token(service, NULL, "token-1");
    pass(service, 1);
    assert_token(service, NULL, "token-2");
}

static void token_when_it_lives_shortly_then_renewed_at_half_of_it(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    service->lifetime_ms = 4 * MINUTE_MS;
    assert_token(service, NULL, "token-1");
    pass(service, 2 * MINUTE_MS - 1);
    assert_token(service, NULL, "token-1");
    pass(service, 1);
    assert_token(service, NULL, "token-2");
}

/* Over many caches the time of renewal is spread over the last tenth, never later. */
static void token_when_renewed_then_at_a_random_time_within_a_tenth(void **state)
{
    (void)state;
    struct random_seeded seeded;
    random_seeded_init(&seeded, 7);
    const struct random_source random = random_from_seeded(&seeded);
    unsigned early = 0;
    for (int i = 0; i < 50; i++) {
        CLEANUP(service_free) struct service *service = service_new(&random, NULL);
        assert_token(service, NULL, "token-1");
        pass(service, 45 * MINUTE_MS - 1);
        assert_token(service, NULL, "token-1");
        pass(service, 2 * MINUTE_MS + MINUTE_MS / 2);
        struct lf_error err;
        CLEANUP(buf_done) struct buf text = {0};
        assert_true(token_cache_get(service->cache, NULL, &text, &err));
        early += strcmp(buf_text(&text), "token-2") == 0;
        pass(service, 3 * MINUTE_MS);
        assert_token(service, NULL, "token-2");
    }
    assert_in_range(early, 10, 40);
}

static void token_when_renewal_fails_then_the_old_one_until_a_minute_before_its_end(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    service->failure = LF_TRANSIENT;
    pass(service, 50 * MINUTE_MS);
    assert_token(service, NULL, "token-1");
    assert_int_equal(service->calls, 2);
    pass(service, TOKEN_RETRY_MS - 1);
    assert_token(service, NULL, "token-1");
    assert_int_equal(service->calls, 2);
    pass(service, 1);
    assert_token(service, NULL, "token-1");
    assert_int_equal(service->calls, 3);
    pass(service, 9 * MINUTE_MS - TOKEN_RETRY_MS - 1);
    assert_token(service, NULL, "token-1");
    pass(service, 1);
    assert_failure(service, LF_TRANSIENT);
    assert_int_equal(service->patient_calls, 2);
    service->failure = LF_NONE; /* and back */
    assert_token(service, NULL, "token-6");
}

static void token_when_renewal_is_throttled_then_not_asked_before_the_time_given(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    service->failure = LF_THROTTLED;
    service->retry_after_ms = 2 * MINUTE_MS;
    pass(service, 50 * MINUTE_MS);
    assert_token(service, NULL, "token-1");
    pass(service, 2 * MINUTE_MS - 1);
    assert_token(service, NULL, "token-1");
    assert_int_equal(service->calls, 2);
    pass(service, 1);
    service->failure = LF_NONE;
    assert_token(service, NULL, "token-3");
}

static void token_when_renewal_fails_then_logged_with_the_time_that_is_left(void **state)
{
    (void)state;
    int ends[2];
    char text[4096];
    assert_int_equal(pipe(ends), 0);
    const struct clock clock = clock_system();
    CLEANUP(log_free) struct log *log = log_new(ends[1], LOG_JSON, LOG_INFO, &clock);
    CLEANUP(service_free) struct service *service = service_new(NULL, log);
    assert_token(service, NULL, "token-1");
    service->failure = LF_TRANSIENT;
    pass(service, 50 * MINUTE_MS);
    assert_token(service, NULL, "token-1");
    const ssize_t len = read(ends[0], text, sizeof text - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "\"event\":\"token_refresh_failed\",\"kind\":\"TRANSIENT\",\"code\":0,"
                                 "\"message\":\"the service is down\",\"seconds_left\":540"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void token_when_refused_then_one_new_one_for_all_who_used_it(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    assert_token(service, "token-1", "token-2");
    assert_token(service, "token-1", "token-2"); /* another request that had used the first */
    assert_int_equal(service->calls, 2);
    assert_token(service, "token-2", "token-3");
}

static void token_when_it_is_not_known_which_was_refused_then_a_newborn_one_is_kept(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    pass(service, TOKEN_NEWBORN_MS);
    assert_token(service, "", "token-2");
    pass(service, TOKEN_NEWBORN_MS - 1);
    assert_token(service, "", "token-2");
}

static void token_when_it_has_ended_before_it_came_then_auth(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    service->lifetime_ms = 0;
    assert_failure(service, LF_AUTH);
}

struct asker {
    struct service *service;
    const char *refused;
    pthread_t thread;
    bool ok;
    struct lf_error err;
    struct buf text;
};

static void *ask(void *context)
{
    struct asker *asker = context;
    asker->ok = token_cache_get(asker->service->cache, asker->refused, &asker->text, &asker->err);
    return NULL;
}

static void start(struct asker askers[THREADS], struct service *service)
{
    for (size_t i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.service = service};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
}

static void join(struct asker *asker)
{
    assert_int_equal(pthread_join(asker->thread, NULL), 0);
}

static void token_when_eight_threads_have_none_then_one_request(void **state)
{
    (void)state;
    struct asker askers[THREADS];
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    hold(service, true);
    start(askers, service);
    await_call(service, 1);
    await_waiting(service, THREADS + 1);
    hold(service, false);
    for (size_t i = 0; i < THREADS; i++) {
        join(&askers[i]);
        assert_true(askers[i].ok);
        assert_string_equal(buf_text(&askers[i].text), "token-1");
        buf_done(&askers[i].text);
    }
    assert_int_equal(service->calls, 1);
}

static void token_when_it_is_renewed_then_others_go_on_with_the_old_one(void **state)
{
    (void)state;
    struct asker renewer;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    assert_token(service, NULL, "token-1");
    pass(service, 50 * MINUTE_MS);
    hold(service, true);
    renewer = (struct asker){.service = service};
    assert_int_equal(pthread_create(&renewer.thread, NULL, ask, &renewer), 0);
    await_call(service, 2);
    for (int i = 0; i < THREADS; i++) { /* while the request is in flight */
        assert_token(service, NULL, "token-1");
    }
    hold(service, false);
    join(&renewer);
    assert_true(renewer.ok);
    assert_string_equal(buf_text(&renewer.text), "token-2");
    buf_done(&renewer.text);
    assert_int_equal(service->calls, 2);
}

static void token_when_the_fetch_fails_then_those_who_wait_fail_with_it(void **state)
{
    (void)state;
    struct asker askers[THREADS];
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    service->failure = LF_AUTH;
    hold(service, true);
    start(askers, service);
    await_call(service, 1);
    await_waiting(service, THREADS + 1);
    hold(service, false);
    for (size_t i = 0; i < THREADS; i++) {
        join(&askers[i]);
        assert_false(askers[i].ok);
        assert_int_equal(askers[i].err.kind, LF_AUTH);
        assert_string_equal(askers[i].err.msg, "the service is down");
    }
    assert_int_equal(service->calls, 1);
}

/* A token is refused while it is being renewed, and the renewal fails: nobody gets nothing. Whether the refusal comes before or
 * after the failure is up to the threads. */
static void token_when_refused_while_its_renewal_fails_then_fetched_anew(void **state)
{
    (void)state;
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    struct asker renewer = {.service = service};
    struct asker refused = {.service = service, .refused = "token-1"};
    assert_token(service, NULL, "token-1");
    pass(service, 50 * MINUTE_MS);
    service->failing_call = 2;
    hold(service, true);
    assert_int_equal(pthread_create(&renewer.thread, NULL, ask, &renewer), 0);
    await_call(service, 2);
    assert_int_equal(pthread_create(&refused.thread, NULL, ask, &refused), 0);
    hold(service, false);
    join(&renewer);
    join(&refused);
    assert_true(renewer.ok);
    assert_true(refused.ok);
    assert_true(strcmp(buf_text(&renewer.text), "token-1") == 0 || strcmp(buf_text(&renewer.text), "token-3") == 0);
    assert_string_equal(buf_text(&refused.text), "token-3");
    buf_done(&renewer.text);
    buf_done(&refused.text);
}

/* Threads that ask, refuse and let time pass at once: each gets a token that was handed out. */
static void *hammer(void *context)
{
    struct asker *asker = context;
    for (unsigned i = 0; i < 300 && asker->ok; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(buf_done) struct buf next = {0};
        asker->ok = token_cache_get(asker->service->cache, NULL, &text, &asker->err) &&
                    token_cache_get(asker->service->cache, i % 50 == 0 ? buf_text(&text) : NULL, &next, &asker->err) &&
                    strncmp(buf_text(&next), "token-", 6) == 0 &&
                    (i % 50 != 0 || strcmp(buf_text(&next), buf_text(&text)) != 0);
        pass(asker->service, MINUTE_MS / 4);
    }
    return NULL;
}

static void token_when_threads_ask_and_refuse_then_each_gets_one(void **state)
{
    (void)state;
    struct asker askers[THREADS];
    CLEANUP(service_free) struct service *service = service_new(NULL, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.service = service, .ok = true};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, hammer, &askers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        join(&askers[i]);
        assert_true(askers[i].ok);
    }
    assert_in_range(service->calls, 6, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_when_asked_again_then_the_same_until_ten_minutes_before_its_end),
        cmocka_unit_test(token_when_the_service_wants_it_renewed_earlier_then_so),
        cmocka_unit_test(token_when_it_lives_shortly_then_renewed_at_half_of_it),
        cmocka_unit_test(token_when_renewed_then_at_a_random_time_within_a_tenth),
        cmocka_unit_test(token_when_renewal_fails_then_the_old_one_until_a_minute_before_its_end),
        cmocka_unit_test(token_when_renewal_is_throttled_then_not_asked_before_the_time_given),
        cmocka_unit_test(token_when_renewal_fails_then_logged_with_the_time_that_is_left),
        cmocka_unit_test(token_when_refused_then_one_new_one_for_all_who_used_it),
        cmocka_unit_test(token_when_it_is_not_known_which_was_refused_then_a_newborn_one_is_kept),
        cmocka_unit_test(token_when_it_has_ended_before_it_came_then_auth),
        cmocka_unit_test(token_when_eight_threads_have_none_then_one_request),
        cmocka_unit_test(token_when_it_is_renewed_then_others_go_on_with_the_old_one),
        cmocka_unit_test(token_when_the_fetch_fails_then_those_who_wait_fail_with_it),
        cmocka_unit_test(token_when_refused_while_its_renewal_fails_then_fetched_anew),
        cmocka_unit_test(token_when_threads_ask_and_refuse_then_each_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
