/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of a link as a whole: which commits they make, what they refuse, how they end.
 */
#include "link_bench.h"

/* ---- commits ---- */

static void run_when_nothing_changed_then_makes_no_commit(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    char etag[2][LAKE_ETAG_SIZE];
    assert_true(memory_store_etag(bench->store, "model.json", etag[0]));
    bench_settle(bench);
    assert_int_equal(link_commits(bench->link), 0);
    assert_true(memory_store_etag(bench->store, "model.json", etag[1]));
    assert_string_equal(etag[0], etag[1]);
}

static void run_when_only_the_cursor_moved_then_its_commit_has_no_record(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    follow(bench, "x", NULL);
    bench_settle(bench);
    CLEANUP(model_free) struct model *before = head_copy(bench);
    touch(bench, "y", "not followed");
    go_on(bench);
    assert_int_equal(link_head(bench->link)->commit, before->commit); /* a single run leaves it at that */
    bench->options.cursor_interval_ms = 1;
    bench_settle(bench);
    const struct model *head = link_head(bench->link);
    assert_int_equal(head->commit, before->commit + 1);
    assert_string_not_equal(head->commit_id, before->commit_id);
    assert_string_equal(head->history_path, before->history_path);
    assert_int_equal(head->previous_commit, before->commit);
    assert_true(same_files(before, bench, "x"));
}

static void assert_lost_and_untouched(struct bench *bench)
{
    char etag[2][LAKE_ETAG_SIZE];
    uint64_t writes = memory_store_counts(bench->store).put_if_match;
    assert_true(memory_store_etag(bench->store, "model.json", etag[0]));
    assert_false(bench_start(bench));
    assert_int_equal(bench->err.kind, LF_LOST);
    assert_true(memory_store_etag(bench->store, "model.json", etag[1]));
    assert_string_equal(etag[0], etag[1]);
    assert_int_equal(memory_store_counts(bench->store).put_if_match, writes);
}

static void start_when_the_source_is_another_then_lost_and_nothing_is_written(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    struct example_db *other = example_db_new("other", 2);
    (void)snprintf(bench->url, sizeof bench->url, "example:other");
    assert_lost_and_untouched(bench);
    uint64_t position = 0;
    assert_false(example_acked(other, LINK, &position)); /* it was not even registered there */
    link_free(&bench->link);
    example_db_free(&other);
}

static void start_when_the_source_was_set_back_then_lost_and_nothing_is_written(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    link_free(&bench->link);
    example_db_free(&bench->db);
    bench->db = example_db_new(bench->name, 1);
    make_table(bench, "x", 0);
    assert_lost_and_untouched(bench);
}

static void link_when_another_commits_then_is_fenced_and_removes_nothing(void **state)
{
    struct bench *bench = *state;
    load_x_and_y(bench);
    struct link *other = link_new(&bench->options);
    must(bench, link_open(other, &bench->err));
    touch(bench, "x", "committed by the other");
    size_t frozen = 0;
    must(bench, link_run_once(other, &frozen, &bench->err));
    touch(bench, "x", "for the one that is late");
    uint64_t removals = memory_store_counts(bench->store).remove;
    assert_false(bench_once(bench));
    assert_int_equal(bench->err.kind, LF_FENCED);
    assert_int_equal(memory_store_counts(bench->store).remove, removals);
    must(bench, link_run_once(other, &frozen, &bench->err));
    link_free(&other);
    assert_truth(bench);
}

/* ---- stopping ---- */

struct stopper {
    struct bench *bench;
    uint64_t at, calls;
};

static bool stop_at(void *context, const char *op, const char *path)
{
    (void)op;
    (void)path;
    struct stopper *stopper = context;
    if (++stopper->calls == stopper->at) {
        link_stop(stopper->bench->link);
    }
    return true;
}

static void link_when_stopped_at_any_call_then_ends_and_the_next_one_converges(void **state)
{
    (void)state;
    uint64_t stopped = 0;
    for (uint64_t at = 1;; at += 3) {
        struct bench bench;
        bench_init(&bench, 5000 + at);
        struct stopper stopper = {.bench = &bench, .at = at};
        fault_lake_plan(bench.lake, &(struct fault_plan){.context = &stopper, .before_call = stop_at});
        make_table(&bench, "x", 12);
        bool ok = bench_start(&bench) && bench_once(&bench);
        touch(&bench, "x", "after the load");
        ok = ok && bench_once(&bench);
        stopper.at = 0;
        assert_true(ok || bench.err.kind == LF_CANCELLED);
        stopped += ok ? 0 : 1;
        assert_truth(&bench);
        bench_settle(&bench);
        assert_well(lake_truth_converged(bench.plain, bench.db));
        bool through = stopper.calls < at;
        bench_done(&bench);
        if (through) {
            break;
        }
    }
    assert_true(stopped > 10);
}

/* ---- the daemon ---- */

static struct bench *waiting;

/* Waits by the bench's clock. */
static bool next_at_once(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    TRY(lakefeed_connector()->ops->changes_next(changes, 0, ret_batch, err));
    bench_sleep_ms(waiting, ret_batch->nevents == 0 ? wait_ms : 0);
    return true;
}

static void wait_by_the_clock(struct bench *bench)
{
    waiting = bench;
    bench->ops.changes_next = next_at_once;
}

static void stop_when_converged(void *context, const struct model *head, uint64_t changes, uint64_t written,
                                uint64_t kept)
{
    (void)changes;
    (void)written;
    (void)kept;
    struct bench *bench = context;
    uint64_t position = 0;
    assert_true(example_cursor_position(model_bytes_slice(&head->cursor), &position));
    if (bench->deaths == 0 && head->entities[0].state == MODEL_COMPLETED) {
        bench->deaths = 1; /* loaded: one change more */
        touch(bench, "x", "followed");
    } else if (bench->deaths == 1 && position == example_end(bench->db)) {
        link_stop(bench->link);
    }
}

static void daemon_when_it_follows_then_loads_commits_and_stops_on_request(void **state)
{
    struct bench *bench = *state;
    wait_by_the_clock(bench);
    bench->options.observer = (struct link_observer){.context = bench, .committed = stop_when_converged};
    make_table(bench, "x", 12);
    must(bench, bench_start(bench));
    assert_false(link_run(bench->link, &bench->err));
    assert_int_equal(bench->err.kind, LF_CANCELLED);
    assert_truth(bench);
    assert_well(lake_truth_converged(bench->plain, bench->db));
}

static void daemon_when_a_snapshot_fails_then_tries_again(void **state)
{
    struct bench *bench = *state;
    wait_by_the_clock(bench);
    bench->options.observer = (struct link_observer){.context = bench, .committed = stop_when_converged};
    make_table(bench, "x", 12);
    must(bench, bench_start(bench));
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1, .only_op = "put_if_absent"});
    assert_false(link_run(bench->link, &bench->err));
    assert_int_equal(bench->err.kind, LF_CANCELLED);
    assert_int_equal(fault_lake_fired(bench->lake), 1);
    assert_truth(bench);
}

static void stop_when_mended(void *context, const struct model *head, uint64_t changes, uint64_t written, uint64_t kept)
{
    (void)changes;
    (void)written;
    (void)kept;
    struct bench *bench = context;
    bench->deaths += head->entities[0].state == MODEL_ERROR ? 1 : 0;
    if (bench->deaths > 0 && head->entities[0].state == MODEL_COMPLETED) {
        link_stop(bench->link);
    }
}

static void daemon_when_an_entity_stands_frozen_then_tries_it_again_by_itself(void **state)
{
    struct bench *bench = *state;
    wait_by_the_clock(bench);
    bench->options.observer = (struct link_observer){.context = bench, .committed = stop_when_mended};
    make_table(bench, "x", 12);
    must(bench, bench_start(bench));
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_fault(txn, "x", LF_LIMIT, "too much for now", NULL));
    (void)example_commit_visible(txn);
    assert_false(link_run(bench->link, &bench->err));
    assert_int_equal(bench->err.kind, LF_CANCELLED);
    assert_truth(bench);
    assert_int_equal(bench->deaths, 1);
}

static void load_when_several_threads_read_then_shows_the_same(void **state)
{
    struct bench *bench = *state;
    bench->options.load_threads = 3;
    make_table(bench, "x", 60);
    bench_settle(bench);
    assert_well(lake_truth_converged(bench->plain, bench->db));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(run_when_nothing_changed_then_makes_no_commit),
        bench_test(run_when_only_the_cursor_moved_then_its_commit_has_no_record),
        bench_test(start_when_the_source_is_another_then_lost_and_nothing_is_written),
        bench_test(start_when_the_source_was_set_back_then_lost_and_nothing_is_written),
        bench_test(link_when_another_commits_then_is_fenced_and_removes_nothing),
        bench_test(link_when_stopped_at_any_call_then_ends_and_the_next_one_converges),
        bench_test(daemon_when_it_follows_then_loads_commits_and_stops_on_request),
        bench_test(daemon_when_a_snapshot_fails_then_tries_again),
        bench_test(daemon_when_an_entity_stands_frozen_then_tries_it_again_by_itself),
        bench_test(load_when_several_threads_read_then_shows_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
