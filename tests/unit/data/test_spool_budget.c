/* SPDX-License-Identifier: Apache-2.0
 *
 * Spools that share one ledger.
 */
#include "unit/data/spool_fixture.h"

#include "base/budget.h"

#define MIB ((size_t)1 << 20)
#define STOCK (2 * MIB)
#define SPOOLS 40
#define MANY 14000 /* changes that nearly fill the stock */

struct shared {
    struct budget *budget;
    struct spool *spools[SPOOLS];
    struct oracle_maker makers[SPOOLS];
};

static struct shared new_shared(void)
{
    struct shared shared = {.budget = budget_new(&(struct budget_options){.bytes = STOCK * BUDGET_STOCK_SHARE})};
    for (size_t i = 0; i < SPOOLS; i++) {
        shared.spools[i] = spool_new(
            &(struct spool_options){.folder = oracle_folder(), .budget = shared.budget, .memory_bytes = STOCK});
        shared.makers[i] = (struct oracle_maker){.keys = 1000, .row_max = 100};
        random_seeded_init(&shared.makers[i].seeded, oracle_seed() + i);
    }
    return shared;
}

static void shared_done(struct shared *shared)
{
    for (size_t i = 0; i < SPOOLS; i++) {
        spool_free(&shared->spools[i]);
        oracle_maker_done(&shared->makers[i]);
    }
    budget_free(&shared->budget);
}

static void add(struct shared *shared, size_t i, int changes)
{
    struct lf_error err;
    for (int n = 0; n < changes; n++) {
        struct change change = oracle_make(&shared->makers[i]);
        assert_true(spool_add_change(shared->spools[i], 0, &change, &err));
    }
}

static size_t used(const struct shared *shared)
{
    return budget_look(shared->budget).stock.used;
}

static uint64_t count_changes(struct spool *spool)
{
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    struct lf_error err;
    struct change change;
    uint64_t count = 0;
    assert_true(spool_open_iterator(spool, 0, &iterator, &err));
    for (bool more = true;; count++) {
        assert_true(sorter_next(iterator, &change, &more, &err));
        if (!more) {
            return count;
        }
    }
}

static void an_idle_spool_holds_nothing_and_one_alone_may_have_all(void **state)
{
    (void)state;
    CLEANUP(shared_done) struct shared shared = new_shared();
    assert_int_equal(used(&shared), 0);
    add(&shared, 0, 100);
    assert_int_equal(used(&shared), SPOOL_RIGHT_BYTES);
    add(&shared, 0, MANY);
    assert_true(used(&shared) > STOCK / 4 * 3);
    assert_int_equal(spool_disk_bytes(shared.spools[0]), 0);
    cut(shared.spools[0], "c", shared.makers[0].seq);
    spool_release(shared.spools[0], shared.makers[0].seq);
    assert_int_equal(used(&shared), 0);
}

static void many_spools_stay_within_the_stock_and_their_right_and_lose_nothing(void **state)
{
    (void)state;
    CLEANUP(shared_done) struct shared shared = new_shared();
    for (int round = 0; round < 30; round++) {
        uint64_t held = 0;
        for (size_t i = 0; i < SPOOLS; i++) {
            add(&shared, i, 100);
            held += spool_memory_bytes(shared.spools[i]);
        }
        assert_true(used(&shared) <= STOCK + SPOOLS * SPOOL_RIGHT_BYTES);
        assert_true(held <= used(&shared) + SPOOLS * (size_t)8192);
    }
    for (size_t i = 0; i < SPOOLS; i++) {
        cut(shared.spools[i], "c", shared.makers[i].seq);
        assert_int_equal(count_changes(shared.spools[i]), 3000);
        spool_release(shared.spools[i], shared.makers[i].seq);
    }
    assert_int_equal(used(&shared), 0);
}

static void one_that_holds_all_and_yields_leaves_the_others_their_share(void **state)
{
    (void)state;
    CLEANUP(shared_done) struct shared shared = new_shared();
    add(&shared, 0, MANY);
    spool_yield(shared.spools[0]);
    assert_int_equal(spool_disk_bytes(shared.spools[0]), 0); /* nobody else wants any */
    add(&shared, 1, MANY);
    assert_true(spool_disk_bytes(shared.spools[1]) > 0);
    spool_yield(shared.spools[0]);
    assert_true(spool_disk_bytes(shared.spools[0]) > 0);
    assert_true(spool_memory_bytes(shared.spools[0]) < STOCK / 2 + 8192);
    uint64_t most = 0; /* it holds little just after it has spilled */
    for (int i = 0; i < MANY / 100; i++) {
        add(&shared, 1, 100);
        uint64_t held = spool_memory_bytes(shared.spools[1]);
        most = held > most ? held : most;
    }
    assert_true(most > STOCK / 4);
}

static void one_that_holds_all_and_goes_on_comes_down_to_its_share(void **state)
{
    (void)state;
    CLEANUP(shared_done) struct shared shared = new_shared();
    add(&shared, 0, MANY);
    add(&shared, 1, 3000);
    add(&shared, 0, MANY);
    add(&shared, 1, MANY);
    add(&shared, 0, MANY);
    assert_true(used(&shared) <= STOCK + 2 * SPOOL_RIGHT_BYTES);
    assert_true(spool_memory_bytes(shared.spools[0]) < STOCK / 2 + 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_spool_holds_nothing_and_one_alone_may_have_all),
        cmocka_unit_test(many_spools_stay_within_the_stock_and_their_right_and_lose_nothing),
        cmocka_unit_test(one_that_holds_all_and_yields_leaves_the_others_their_share),
        cmocka_unit_test(one_that_holds_all_and_goes_on_comes_down_to_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
