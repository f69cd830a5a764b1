/* SPDX-License-Identifier: Apache-2.0
 *
 * One history (two loads, changes, moves, a truncate, changes of shape, a reload) with a fault at each call to the lake in turn, and
 * with the power cut at each change of a folder. Whatever fails: readers see one of the snapshots whole, the next start
 * ends where an untouched run would, and nothing is left over.
 */
#include "link_bench.h"

#include "fakes/power_io.h"
#include "lake/local.h"

#define PHASES 5
#define CALLS_MAX 5000

static void change_rows(struct bench *bench)
{
    struct example_txn *txn = example_begin(bench->db);
    put(txn, "x", 100, "new");
    change(txn, "x", 3, 3, "three");
    change(txn, "x", 2, 50, "moved");
    drop_row(txn, "x", 5);
    change(txn, "y", 1, 1, "why");
    (void)example_commit_visible(txn);
}

static void truncate_and_reshape(struct bench *bench)
{
    const struct lf_column extra = {.name = "extra", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1};
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_truncate(txn, "y", NULL));
    put(txn, "y", 9, "after");
    assert_true(example_add_column(txn, "x", &extra, NULL, NULL));
    const struct lf_cell key = integer(4);
    const struct lf_cell cells[] = {integer(4), text("four"), absent, integer(44)};
    assert_true(example_update(txn, "x", &key, cells, NULL));
    (void)example_commit_visible(txn);
}

static void rewrite_all(struct bench *bench)
{
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_rewrite(txn, "x", /* silent= */ true, NULL));
    assert_true(example_reload(txn, "y", "a test", NULL));
    (void)example_commit_visible(txn);
}

static void rename_and_swap(struct bench *bench)
{
    struct example_txn *txn = example_begin(bench->db);
    assert_true(example_rename_column(txn, "x", "name", "title", NULL));
    const struct lf_cell from = integer(50), over = integer(2);
    const struct lf_cell cells[] = {over, text("back"), absent, absent};
    assert_true(example_update(txn, "x", &from, cells, NULL));
    (void)example_commit_visible(txn);
}

static void change_source(struct bench *bench, unsigned phase)
{
    switch (phase) {
    case 0:
        make_table(bench, "x", 12);
        make_table(bench, "y", 4);
        break;
    case 1:
        change_rows(bench);
        break;
    case 2:
        truncate_and_reshape(bench);
        break;
    case 3:
        rewrite_all(bench);
        break;
    default:
        rename_and_swap(bench);
        break;
    }
}

/* ---- going on after a failure ---- */

/* How a failed run goes on; true: the lake works again. */
typedef void (*restarter)(struct bench *bench, uint64_t number);

static bool run_phase(struct bench *bench)
{
    return (bench->link != NULL || bench_start(bench)) && bench_once(bench);
}

static void play(struct bench *bench, uint64_t number, restarter restart)
{
    for (unsigned phase = 0; phase < PHASES; phase++) {
        unsigned tries = 0;
        change_source(bench, phase);
        for (; !run_phase(bench); tries++) {
            if (bench->err.kind != LF_TRANSIENT && bench->err.kind != LF_CANCELLED) {
                fail_msg("fault %llu, phase %u: %s: %s", (unsigned long long)number, phase,
                         lf_error_kind_name(bench->err.kind), bench->err.msg);
            }
            assert_true(tries < 3);
            restart(bench, number);
            assert_truth(bench);
        }
        if (tries > 0 || phase + 1 == PHASES) {
            assert_truth(bench);
            assert_well(lake_truth_converged(bench->plain, bench->db));
        }
    }
}

/* A few commits later nothing may be left of what failed. */
static void assert_collected(struct bench *bench)
{
    link_free(&bench->link);
    for (int64_t i = 0; i < 4; i++) {
        put_rows(bench, "y", 20 + i, 20 + i);
        must(bench, bench_start(bench));
        must(bench, bench_once(bench));
    }
    assert_truth(bench);
    assert_well(lake_truth_converged(bench->plain, bench->db));
    assert_well(lake_truth_leftover(bench->plain));
}

/* ---- faults of the lake ---- */

/* Odd: the same process opens the link again; even, and after a death: another one does. */
static void restart_on_memory(struct bench *bench, uint64_t number)
{
    bool died = fault_lake_is_dead(bench->lake);
    if (died || number % 2 == 0) {
        link_free(&bench->link);
    }
    if (died) {
        bench->deaths++;
        fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_NONE});
    }
    if (bench->link != NULL && !link_open(bench->link, &bench->err)) {
        fail_msg("fault %llu: %s", (unsigned long long)number, bench->err.msg);
    }
}

/* True: the fault has happened. */
static bool fail_once(const struct fault_plan *plan)
{
    struct bench bench;
    bench_init(&bench, plan->fail_at);
    fault_lake_plan(bench.lake, plan);
    play(&bench, plan->fail_at, restart_on_memory);
    bool fired = fault_lake_fired(bench.lake) > 0 || bench.deaths > 0;
    fault_lake_plan(bench.lake, &(struct fault_plan){.kind = FAULT_NONE});
    assert_collected(&bench);
    bench_done(&bench);
    return fired;
}

static void walk_faults(struct fault_plan plan)
{
    plan.fail_at = 1;
    while (fail_once(&plan)) {
        plan.fail_at++;
        assert_true(plan.fail_at < CALLS_MAX);
    }
    print_message("           %llu faults\n", (unsigned long long)plan.fail_at - 1);
    assert_true(plan.fail_at > 100);
}

static void link_when_any_call_of_the_lake_fails_then_converges(void **state)
{
    (void)state;
    walk_faults((struct fault_plan){.kind = FAULT_ERROR});
}

static void link_when_any_answer_of_the_lake_is_lost_then_converges(void **state)
{
    (void)state;
    walk_faults((struct fault_plan){.kind = FAULT_LOST});
}

static void link_when_any_call_of_the_lake_is_half_done_then_converges(void **state)
{
    (void)state;
    walk_faults((struct fault_plan){.kind = FAULT_PARTIAL});
}

static void link_when_it_dies_before_any_call_then_another_one_converges(void **state)
{
    (void)state;
    walk_faults((struct fault_plan){.kind = FAULT_CRASH});
}

static void link_when_it_dies_after_any_call_then_another_one_converges(void **state)
{
    (void)state;
    walk_faults((struct fault_plan){.kind = FAULT_CRASH, .crash_after = true});
}

/* ---- power cuts ---- */

struct folder {
    struct bench bench; /* first: restarters are handed a bench */
    char *path;
    char *lake_path;
    struct power_io *power;
    enum power_loss loss;
};

/* Without power nobody waits for an answer. */
static void end_without_power(struct bench *bench)
{
    if (power_io_is_off(((struct folder *)bench)->power)) {
        link_stop(bench->link);
    }
}

static struct power_io *current_power;

/* A machine without power tells nobody anything, whatever its memory still shows of the lake. */
static bool ack_with_power(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                           struct lf_error *err)
{
    return power_io_is_off(current_power) ? lf_error_set(err, LF_TRANSIENT, 0, "the power is off")
                                          : lakefeed_connector()->ops->ack(session, consumer, cursor, err);
}

static void open_folder(struct folder *folder)
{
    const struct lake_local_options options = {
        .path = folder->lake_path, .allow_network = true, .io = power_io_table(folder->power)};
    must(&folder->bench, lake_local_open(&options, &folder->bench.lake, &folder->bench.err));
    folder->bench.plain = folder->bench.lake;
    must(&folder->bench, folder->bench.lake->ops->lock(folder->bench.lake, "test", &folder->bench.err));
    folder->bench.options = bench_options(&folder->bench);
}

static void restart_on_folder(struct bench *bench, uint64_t number)
{
    (void)number;
    struct folder *folder = (struct folder *)bench;
    link_free(&bench->link);
    if (power_io_is_off(folder->power)) {
        bench->deaths++;
        lake_close(&bench->lake);
        power_io_cut(folder->power, folder->loss);
        power_io_cut_at(folder->power, 0);
        open_folder(folder);
    }
}

/* True: the power went before the end. */
static bool cut_once(uint64_t call, enum power_loss loss)
{
    struct folder folder = {.loss = loss};
    bench_init_source(&folder.bench, call);
    folder.path = temp_folder_make();
    folder.lake_path = text_printf("%s/lake", folder.path);
    folder.power = power_io_new(folder.path);
    open_folder(&folder);
    folder.bench.asleep = end_without_power;
    folder.bench.ops.ack = ack_with_power;
    current_power = folder.power;
    power_io_cut_at(folder.power, call);
    play(&folder.bench, call, restart_on_folder);
    bool was_cut = folder.bench.deaths > 0;
    if (power_io_is_off(folder.power)) {
        was_cut = true; /* in the collection after the last commit, which nothing depends on */
        restart_on_folder(&folder.bench, call);
    }
    power_io_cut_at(folder.power, 0);
    assert_collected(&folder.bench);
    bench_done(&folder.bench);
    power_io_free(&folder.power);
    temp_folder_remove(&folder.path);
    free(folder.lake_path);
    return was_cut;
}

static void walk_cuts(enum power_loss loss, uint64_t first, uint64_t every)
{
    uint64_t call = first, cuts = 0;
    for (; cut_once(call, loss); call += every) {
        cuts++;
        assert_true(call < CALLS_MAX);
    }
    print_message("           %llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 20);
}

static void link_when_the_power_is_cut_and_names_are_lost_then_converges(void **state)
{
    (void)state;
    walk_cuts(POWER_LOSES_NAMES, 1, 7);
}

static void link_when_the_power_is_cut_and_names_are_kept_then_converges(void **state)
{
    (void)state;
    walk_cuts(POWER_KEEPS_NAMES, 4, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_when_any_call_of_the_lake_fails_then_converges),
        cmocka_unit_test(link_when_any_answer_of_the_lake_is_lost_then_converges),
        cmocka_unit_test(link_when_any_call_of_the_lake_is_half_done_then_converges),
        cmocka_unit_test(link_when_it_dies_before_any_call_then_another_one_converges),
        cmocka_unit_test(link_when_it_dies_after_any_call_then_another_one_converges),
        cmocka_unit_test(link_when_the_power_is_cut_and_names_are_lost_then_converges),
        cmocka_unit_test(link_when_the_power_is_cut_and_names_are_kept_then_converges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
