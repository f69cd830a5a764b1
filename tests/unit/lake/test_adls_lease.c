/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease, with two clocks in the tests' hands: the service's, by its control, and the monotonic one of the lake.
 */
#include "adls_bench.h"
#include "lake/adls_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define OURS "aaaaaaaa-0000-4000-8000-000000000001"
#define OTHERS "bbbbbbbb-0000-4000-8000-000000000002"
#define NEVER_MS 3600000
#define OFTEN_MS 20

/* A clock that goes, and can be moved ahead. */
struct hand {
    atomic_llong ahead_us;
};

static int64_t hand_monotonic(void *context)
{
    struct clock system = clock_system();
    return system.monotonic_us(system.context) + atomic_load(&((struct hand *)context)->ahead_us);
}

static int64_t hand_now(UNUSED void *context)
{
    struct clock system = clock_system();
    return system.now_us(system.context);
}

static void hand_sleep(UNUSED void *context, int64_t ms)
{
    struct clock system = clock_system();
    system.sleep_ms(system.context, ms < 5 ? ms : 5);
}

static struct clock clock_of(struct hand *hand)
{
    return (struct clock){.context = hand, .monotonic_us = hand_monotonic, .now_us = hand_now, .sleep_ms = hand_sleep};
}

static struct lake *open_as(struct adls_server *server, const char *lease_id, int64_t renew_ms)
{
    return bench_open(server, (struct adls_options){.lease_id = lease_id, .renew_ms = renew_ms});
}

static bool lock(struct lake *lake, const char *owner, struct lf_error *err)
{
    return lake->ops->lock(lake, owner, err);
}

/* Until something is true that other threads make true; the test's time limit ends it. */
static void settle(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void await_requests(struct adls_server *server, const char *operation, unsigned count)
{
    while (adls_server_count(server, operation) < count) {
        settle();
    }
}

static void await_held(struct lake *lake, bool held)
{
    while (adls_lock_held(lake) != held) {
        settle();
    }
}

static void lock_when_free_then_few_requests_and_renewed_from_then_on(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, OFTEN_MS);
    must(lock(lake, "pid 1 on a", &err), &err);
    assert_true(adls_lock_held(lake));
    assert_int_equal(adls_server_count(server, "dfs.create_file"), 1);
    await_requests(server, "dfs.lease", 5);
    lake->ops->unlock(lake);
    assert_false(adls_lock_held(lake));
    adls_server_clear(server);
    must(lock(lake, "pid 1 on a", &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.create_file"), 0);
    lake_close(&lake);
}

static void lock_when_another_has_it_then_conflict_names_holder_and_since(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    struct lake *other = open_as(server, OTHERS, NEVER_MS);
    must(lock(other, "pid 4711 on host-b, link shop", &err), &err);
    assert_false(lock(lake, "pid 1", &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_non_null(strstr(err.msg, "pid 4711 on host-b, link shop, since 2"));
    assert_non_null(strstr(err.msg, "--takeover"));
    lake_close(&other); /* releases */
    must(lock(lake, "pid 1", &err), &err);
    lake_close(&lake);
}

struct waiter {
    struct lake *lake;
    bool ok;
    struct lf_error err;
    pthread_t thread;
};

static void *run_lock(void *context)
{
    struct waiter *waiter = context;
    waiter->ok = lock(waiter->lake, "pid 1", &waiter->err);
    return NULL;
}

static void lock_when_the_holder_died_then_waits_until_its_lease_has_run_out(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct hand hand = {0};
    const struct clock clock = clock_of(&hand);
    struct lake *other = open_as(server, OTHERS, NEVER_MS);
    must(lock(other, "pid 4711", &err), &err);
    struct lake *lake = bench_open(
        server,
        (struct adls_options){.lease_id = OURS, .renew_ms = NEVER_MS, .lock_patience_ms = 90000, .clock = &clock});
    struct waiter waiter = {.lake = lake};
    adls_server_clear(server);
    assert_int_equal(pthread_create(&waiter.thread, NULL, run_lock, &waiter), 0);
    await_requests(server, "dfs.lease", 3);
    assert_false(adls_lock_held(lake));
    adls_server_advance(server, 61);
    assert_int_equal(pthread_join(waiter.thread, NULL), 0);
    must(waiter.ok, &waiter.err);
    assert_true(adls_lock_held(lake));
    lake_close(&lake);
    lake_close(&other);
}

static void lock_when_the_same_instance_starts_again_then_at_once(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *killed = open_as(server, OURS, NEVER_MS);
    must(lock(killed, "pid 1", &err), &err);
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    must(lock(lake, "pid 2", &err), &err);
    assert_true(adls_lock_held(lake));
    lake_close(&lake);
    lake_close(&killed);
}

static void lock_when_answers_are_lost_then_ours_all_the_same(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    adls_server_fault(server, "dfs.lease", 2, "{\"action\":\"drop_after\"}");
    must(lock(lake, "pid 1", &err), &err);
    assert_int_equal(adls_server_fired(server), 1);
    lake_close(&lake);
}

static void takeover_when_another_has_it_then_broken_and_the_other_is_fenced(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *other = open_as(server, OTHERS, OFTEN_MS);
    must(lock(other, "pid 4711", &err), &err);
    must(lake_text_put(other, "before", "x", &err), &err);
    struct lake *lake =
        bench_open(server, (struct adls_options){.lease_id = OURS, .renew_ms = NEVER_MS, .takeover = true});
    must(lock(lake, "pid 1 on host-a", &err), &err);
    await_held(other, false);
    while (err.kind != LF_FENCED || strstr(err.msg, "pid 1 on host-a") == NULL) {
        assert_false(lake_text_put(other, "after", "x", &err));
        settle();
    }
    assert_false(other->ops->check_lock(other, &err));
    assert_int_equal(err.kind, LF_FENCED);
    assert_non_null(strstr(err.msg, "pid 1 on host-a"));
    must(lake->ops->check_lock(lake, &err), &err);
    assert_true(adls_lock_held(lake));
    must(lake_text_put(lake, "ours", "x", &err), &err);
    lake_close(&other);
    assert_true(adls_lock_held(lake)); /* who was fenced releases nothing */
    lake_close(&lake);
}

struct write {
    struct lake *lake;
    const char *path;
    bool ok;
    struct lf_error err;
    pthread_t thread;
};

static void *run_write(void *context)
{
    struct write *write = context;
    write->ok = lake_text_put(write->lake, write->path, "x", &write->err);
    return NULL;
}

static void writes_when_the_lease_is_lost_then_wait_until_it_is_regained(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake =
        bench_open(server, (struct adls_options){.lease_id = OURS, .renew_ms = OFTEN_MS, .patience_ms = NEVER_MS});
    must(lock(lake, "pid 1", &err), &err);
    control(server, "faults",
            "{\"rules\":[{\"operation\":\"dfs.lease\",\"times\":0,\"do\":{\"action\":\"status\",\"status\":409,"
            "\"code\":\"LeaseIsBrokenAndCannotBeRenewed\"}}]}");
    await_held(lake, false);
    struct write write = {.lake = lake, .path = "x"};
    adls_server_advance(server, 61);
    assert_int_equal(pthread_create(&write.thread, NULL, run_write, &write), 0);
    await_requests(server, "dfs.lease", adls_server_count(server, "dfs.lease") + 4);
    assert_int_equal(adls_server_count(server, "blob.put_blob"), 0);
    adls_server_clear(server);
    assert_int_equal(pthread_join(write.thread, NULL), 0);
    must(write.ok, &write.err);
    assert_true(adls_lock_held(lake));
    lake_close(&lake);
}

static void writes_when_no_renewal_for_two_thirds_of_the_time_then_paused(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct hand hand = {0};
    const struct clock clock = clock_of(&hand);
    struct lake *lake = bench_open(
        server, (struct adls_options){.lease_id = OURS, .renew_ms = NEVER_MS, .patience_ms = 300, .clock = &clock});
    must(lock(lake, "pid 1", &err), &err);
    atomic_store(&hand.ahead_us, 39000000);
    assert_true(adls_lock_held(lake));
    must(lake_text_put(lake, "a", "x", &err), &err);
    atomic_store(&hand.ahead_us, 41000000);
    assert_false(adls_lock_held(lake));
    must(lake->ops->check_lock(lake, &err), &err); /* lost for the moment is no fence */
    adls_server_clear(server);
    assert_false(lake_text_put(lake, "b", "x", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(bench_write(lake, FILE_NAME, "x", 1, &err));
    assert_false(lake->ops->remove(lake, "a", &err));
    assert_int_equal(adls_server_count(server, NULL), 0);
    assert_true(lake_text_is(lake, "a", "x")); /* reading is free */
    lake_close(&lake);
}

static bool is_told(void *context)
{
    return atomic_load((atomic_bool *)context);
}

static void writes_when_cancelled_while_the_lease_is_lost_then_cancelled(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct hand hand = {0};
    atomic_bool told = false;
    const struct clock clock = clock_of(&hand);
    struct lake *lake = bench_open(server, (struct adls_options){.lease_id = OURS,
                                                                 .renew_ms = NEVER_MS,
                                                                 .patience_ms = NEVER_MS,
                                                                 .clock = &clock,
                                                                 .cancelled = is_told,
                                                                 .cancel_context = &told});
    must(lock(lake, "pid 1", &err), &err);
    atomic_store(&hand.ahead_us, 41000000);
    atomic_store(&told, true);
    assert_false(lake_text_put(lake, "b", "x", &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    atomic_store(&told, false);
    lake_close(&lake);
}

static void lock_when_the_token_has_expired_then_tried_with_another(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    adls_server_fault(server, "dfs.lease", 1, "{\"action\":\"token_expired\"}");
    must(lock(lake, "pid 1", &err), &err);
    assert_int_equal(adls_server_fired(server), 1);
    lake_close(&lake);
}

/* The owner's file was removed by hand: a new one, a new lease, the same owner. */
static void keeper_when_the_file_is_removed_then_made_again(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, OFTEN_MS);
    struct lake *other = open_as(server, OTHERS, NEVER_MS);
    must(lock(lake, "pid 1 on a", &err), &err);
    adls_server_fault(server, "dfs.lease", 1, "{\"action\":\"status\",\"status\":404,\"code\":\"PathNotFound\"}");
    while (adls_server_fired(server) == 0) {
        settle();
    }
    await_held(lake, true);
    assert_false(lock(other, "pid 2", &err));
    assert_non_null(strstr(err.msg, "pid 1 on a"));
    lake_close(&other);
    lake_close(&lake);
}

/* Whoever waits for the keeper's end waits for no call but its own. */
static void close_when_the_keeper_hangs_in_making_the_file_then_it_does_not_hang_too(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake =
        bench_open(server, (struct adls_options){.lease_id = OURS, .renew_ms = OFTEN_MS, .patience_ms = NEVER_MS});
    must(lock(lake, "pid 1", &err), &err);
    control(server, "faults",
            "{\"rules\":[{\"operation\":\"dfs.lease\",\"times\":0,\"do\":{\"action\":\"status\",\"status\":404,"
            "\"code\":\"PathNotFound\"}},{\"operation\":\"dfs.create_file\",\"times\":0,\"do\":{\"action\":"
            "\"status\",\"status\":503}}]}");
    await_requests(server, "dfs.create_file", 3);
    lake_close(&lake);
    control(server, "faults", "{\"rules\":[]}");
}

static void unlock_when_the_token_has_expired_then_released_with_another(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    struct lake *other = open_as(server, OTHERS, NEVER_MS);
    must(lock(lake, "pid 1", &err), &err);
    adls_server_fault(server, "dfs.lease", 1, "{\"action\":\"token_expired\"}");
    lake_close(&lake);
    assert_int_equal(adls_server_fired(server), 1);
    must(lock(other, "pid 2", &err), &err);
    lake_close(&other);
}

static void filesystem_when_missing_then_created_only_if_allowed(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    adls_server_next_filesystem(server, false);
    struct lake *lake = open_as(server, OURS, NEVER_MS);
    assert_false(lock(lake, "pid 1", &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "create_filesystem"));
    lake_close(&lake);
    lake = bench_open(server, (struct adls_options){.lease_id = OURS, .renew_ms = NEVER_MS, .create_filesystem = true});
    must(lock(lake, "pid 1", &err), &err);
    must(lake_text_put(lake, "x", "x", &err), &err);
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lock_when_free_then_few_requests_and_renewed_from_then_on),
        TEST(lock_when_another_has_it_then_conflict_names_holder_and_since),
        TEST(lock_when_the_holder_died_then_waits_until_its_lease_has_run_out),
        TEST(lock_when_the_same_instance_starts_again_then_at_once),
        TEST(lock_when_answers_are_lost_then_ours_all_the_same),
        TEST(takeover_when_another_has_it_then_broken_and_the_other_is_fenced),
        TEST(writes_when_the_lease_is_lost_then_wait_until_it_is_regained),
        TEST(writes_when_no_renewal_for_two_thirds_of_the_time_then_paused),
        TEST(writes_when_cancelled_while_the_lease_is_lost_then_cancelled),
        TEST(lock_when_the_token_has_expired_then_tried_with_another),
        TEST(keeper_when_the_file_is_removed_then_made_again),
        TEST(close_when_the_keeper_hangs_in_making_the_file_then_it_does_not_hang_too),
        TEST(unlock_when_the_token_has_expired_then_released_with_another),
        TEST(filesystem_when_missing_then_created_only_if_allowed),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
