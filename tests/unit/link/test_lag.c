/* SPDX-License-Identifier: Apache-2.0
 *
 * What a link does about the log that its source keeps for it.
 */
#include "link_bench.h"

#include "link/internal.h"

#include <stdio.h>
#include <unistd.h>

#define MIB (INT64_C(1) << 20)
#define LOOK_US INT64_C(6000000)
#define EARLY_US INT64_C(20000000)

static struct lf_lag told;          /* what the source says in the running test */
static enum lf_error_kind refusing; /* NONE: it answers */
static struct link_lag seen;

static bool tell_lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                     struct lf_error *err)
{
    (void)session;
    assert_string_equal(consumer->link, LINK);
    if (refusing != LF_NONE) {
        return lf_error_set(err, refusing, 0, "not now");
    }
    *ret_lag = told;
    return true;
}

static void see_lag(void *context, const struct link_lag *lag)
{
    (void)context;
    seen = *lag;
}

/* A loaded table and a link that follows it with an hour between snapshots. */
static void begin(struct bench *bench, int64_t max_retained)
{
    bench->ops.lag = tell_lag;
    refusing = LF_NONE;
    bench->options.observer = (struct link_observer){.lag = see_lag};
    load_x_and_y(bench);
    bench->options.max_retained_bytes = (uint64_t)max_retained;
    bench->options.cursor_interval_ms = INT64_C(3600000);
    follow(bench, "x", NULL);
    bench_settle(bench);
    must(bench, bench_start(bench));
}

static void look(struct bench *bench, int64_t beyond, int64_t retained, int64_t left)
{
    told = (struct lf_lag){beyond, retained, left, "a slot"};
    atomic_fetch_add(&bench->now_us, LOOK_US);
    must(bench, lag_look(bench->link, &bench->err));
}

static void pump(struct bench *bench)
{
    bool any = true;
    while (any) {
        must(bench, link_step_feed(bench->link, 0, &any, &bench->err));
    }
}

static bool snapshot(struct bench *bench)
{
    bool committed = false;
    must(bench, link_step_snapshot(bench->link, &committed, &bench->err));
    lag_note_snapshot(bench->link);
    return committed;
}

static void idle_when_64_mib_are_kept_then_the_cursor_is_committed_at_once(void **state)
{
    struct bench *bench = *state;
    begin(bench, 1000 * MIB);
    touch(bench, "y", "not followed");
    pump(bench);
    look(bench, 64 * MIB, 64 * MIB, -1);
    assert_false(lag_is_heavy(bench->link));
    assert_false(snapshot(bench));
    look(bench, 64 * MIB + 1, 64 * MIB + 1, -1);
    assert_true(lag_is_heavy(bench->link));
    assert_true(snapshot(bench));
    assert_false(lag_is_heavy(bench->link)); /* not again before another look */
}

static void busy_when_64_mib_are_kept_then_its_snapshot_waits_for_the_interval(void **state)
{
    struct bench *bench = *state;
    begin(bench, 1000 * MIB);
    touch(bench, "x", "followed");
    pump(bench);
    look(bench, 100 * MIB, 100 * MIB, -1);
    assert_false(lag_is_heavy(bench->link));
}

static void busy_when_more_than_the_bound_is_kept_then_a_snapshot_starts_but_not_at_every_look(void **state)
{
    struct bench *bench = *state;
    begin(bench, 100 * MIB);
    touch(bench, "x", "followed");
    pump(bench);
    look(bench, 101 * MIB, 101 * MIB, -1);
    assert_false(lag_is_heavy(bench->link)); /* the link was opened a moment ago */
    atomic_fetch_add(&bench->now_us, EARLY_US);
    assert_true(lag_is_heavy(bench->link));
    assert_true(snapshot(bench));
    touch(bench, "x", "again");
    pump(bench);
    look(bench, 101 * MIB, 101 * MIB, -1);
    assert_false(lag_is_heavy(bench->link));
    assert_truth(bench);
}

static void busy_when_the_source_is_about_to_give_up_then_a_snapshot_starts(void **state)
{
    struct bench *bench = *state;
    begin(bench, 0);
    touch(bench, "x", "followed");
    pump(bench);
    atomic_fetch_add(&bench->now_us, EARLY_US);
    look(bench, 20 * MIB, 20 * MIB, 21 * MIB);
    assert_false(lag_is_heavy(bench->link));
    look(bench, 21 * MIB, 21 * MIB, 20 * MIB);
    assert_true(lag_is_heavy(bench->link));
}

static size_t count_events(int fd, const char *event)
{
    static char text[65536];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, event)) != NULL; at++) {
        count++;
    }
    return count;
}

static void log_when_the_bound_is_crossed_then_warns_once_and_again_at_twice_as_much(void **state)
{
    struct bench *bench = *state;
    FILE *file = tmpfile();
    int fd = fileno(file);
    bench->options.log = log_new(fd, LOG_JSON, LOG_INFO, &bench->clock);
    begin(bench, 100 * MIB);
    look(bench, 0, 101 * MIB, -1);
    assert_int_equal(count_events(fd, "\"source_retains\""), 0); /* a commit may mend it before the next look */
    look(bench, 0, 50 * MIB, -1);
    look(bench, 0, 101 * MIB, -1);
    assert_int_equal(count_events(fd, "\"source_retains\""), 0);
    look(bench, 0, 102 * MIB, -1);
    assert_int_equal(count_events(fd, "\"source_retains\""), 1);
    look(bench, 0, 190 * MIB, -1);
    assert_int_equal(count_events(fd, "\"source_retains\""), 1);
    look(bench, 0, 204 * MIB, -1);
    assert_int_equal(count_events(fd, "\"source_retains\""), 2);
    link_free(&bench->link);
    log_free(&bench->options.log);
    (void)fclose(file);
}

static void source_when_it_does_not_answer_then_the_link_goes_on_with_what_was_known_and_warns_once(void **state)
{
    struct bench *bench = *state;
    FILE *file = tmpfile();
    int fd = fileno(file);
    static const enum lf_error_kind kinds[] = {LF_TRANSIENT, LF_AUTH, LF_LOST, LF_INTERNAL};
    bench->options.log = log_new(fd, LOG_JSON, LOG_INFO, &bench->clock);
    begin(bench, 100 * MIB);
    look(bench, 7, 8, 9);
    assert_int_equal(seen.age_seconds, 0);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        refusing = kinds[i];
        look(bench, 70, 80, 90);
        assert_true(seen.beyond_bytes == 7 && seen.retained_bytes == 8 && seen.left_bytes == 9);
        assert_true(seen.age_seconds >= 6 * ((int64_t)i + 1));
        assert_string_equal(seen.text, "a slot");
    }
    assert_int_equal(count_events(fd, "\"source_lag_unknown\""), 1);
    refusing = LF_NONE;
    look(bench, 17, 18, 19);
    assert_true(seen.beyond_bytes == 17 && seen.age_seconds == 0);
    refusing = LF_TRANSIENT;
    look(bench, 70, 80, 90);
    assert_int_equal(count_events(fd, "\"source_lag_unknown\""), 2);
    link_free(&bench->link);
    log_free(&bench->options.log);
    (void)fclose(file);
}

static void source_when_it_never_answers_then_nothing_but_the_seconds_is_known(void **state)
{
    struct bench *bench = *state;
    begin(bench, 100 * MIB);
    refusing = LF_TRANSIENT;
    look(bench, 70, 80, 90);
    assert_true(seen.age_seconds == -1 && seen.beyond_bytes == -1 && seen.retained_bytes == -1);
    assert_true(seen.left_bytes == -1 && seen.seconds_behind == 0);
    assert_false(lag_is_heavy(bench->link));
}

static void look_when_stopped_then_cancelled(void **state)
{
    struct bench *bench = *state;
    begin(bench, 100 * MIB);
    refusing = LF_CANCELLED;
    atomic_fetch_add(&bench->now_us, LOOK_US);
    assert_false(lag_look(bench->link, &bench->err));
    assert_int_equal(bench->err.kind, LF_CANCELLED);
}

static void seconds_when_a_change_waits_then_its_age_until_it_is_committed(void **state)
{
    struct bench *bench = *state;
    atomic_store(&bench->now_us, INT64_C(4000000000000000)); /* after the commits of the example */
    begin(bench, 1000 * MIB);
    pump(bench);
    look(bench, 7, 8, 9 * MIB);
    assert_true(seen.seconds_behind == 0 && seen.beyond_bytes == 7 && seen.retained_bytes == 8);
    assert_true(seen.left_bytes == 9 * MIB);
    assert_string_equal(seen.text, "a slot");
    touch(bench, "x", "followed");
    pump(bench);
    look(bench, 7, 8, -1);
    int64_t first = seen.seconds_behind;
    assert_true(first > 0);
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "writer_open"});
    bool done = false;
    assert_false(link_step_snapshot(bench->link, &done, &bench->err));
    look(bench, 7, 8, -1);
    assert_true(seen.seconds_behind >= first + 5); /* cut is not committed */
    assert_true(snapshot(bench));
    look(bench, 7, 8, -1);
    assert_int_equal(seen.seconds_behind, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(idle_when_64_mib_are_kept_then_the_cursor_is_committed_at_once),
        bench_test(busy_when_64_mib_are_kept_then_its_snapshot_waits_for_the_interval),
        bench_test(busy_when_more_than_the_bound_is_kept_then_a_snapshot_starts_but_not_at_every_look),
        bench_test(busy_when_the_source_is_about_to_give_up_then_a_snapshot_starts),
        bench_test(log_when_the_bound_is_crossed_then_warns_once_and_again_at_twice_as_much),
        bench_test(source_when_it_does_not_answer_then_the_link_goes_on_with_what_was_known_and_warns_once),
        bench_test(source_when_it_never_answers_then_nothing_but_the_seconds_is_known),
        bench_test(look_when_stopped_then_cancelled),
        bench_test(seconds_when_a_change_waits_then_its_age_until_it_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
