/* SPDX-License-Identifier: Apache-2.0 */
#include "verify_fixture.h"

#define RANDOM_ROUNDS 60

static bool step_link(struct fixture *fixture, uint64_t dice, struct lf_error *err)
{
    bool any = false;
    fixture->now_ms += 100;
    return dice == 0   ? link_step_load(fixture->link, &any, err)
           : dice == 1 ? link_step_feed(fixture->link, 0, &any, err) && link_step_snapshot(fixture->link, &any, err)
                       : link_step_feed(fixture->link, 0, &any, err);
}

static void disturb(struct fixture *fixture)
{
    struct lf_error err;
    uint64_t dice = example_rng_below(&fixture->rng, 10);
    if (dice < 4) {
        if (!step_link(fixture, dice, &err)) {
            assert_int_equal(err.kind, LF_TRANSIENT);
            assert_ok(link_open(fixture->link, &err), &err);
        }
    } else if (dice < 7) {
        example_random_step(fixture->db, &fixture->rng, 0);
    } else if (dice == 7) {
        example_random_step(fixture->db, &fixture->rng, EXAMPLE_STEP_ALL);
    } else if (dice == 8) {
        example_make_all_visible(fixture->db);
    }
}

static const char *random_settings(uint64_t seed)
{
    if (seed % 2 == 0) {
        return "?batch=2";
    }
    return seed % 3 == 0 ? "?batch=3&ordered=false" : "?batch=4";
}

static uint64_t assert_no_difference(const struct fixture *fixture, uint64_t seed)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < fixture->result.nentities; i++) {
        const struct verify_entity *entity = &fixture->result.entities[i];
        rows += entity->rows;
        if (entity->difference_count > 0) {
            fail_msg("LAKEFEED_SEED=%llu: entity %s: false alarm of kind %d: %s", (unsigned long long)seed,
                     entity->name, entity->differences[0].kind, entity->differences[0].key);
        }
    }
    return rows;
}

/* The rows compared; 0 when a lock of the source was in the way. */
static uint64_t verify_under_load(uint64_t seed)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err = {0};
    setup(&fixture, seed, random_settings(seed));
    example_random_tables(fixture.db, &fixture.rng);
    example_random_settle(fixture.db);
    commit_lake(&fixture);
    fixture.on_step = fixture.on_sleep = disturb;
    bool ok = try_verify(&fixture, NULL, &err);
    fixture.on_step = fixture.on_sleep = NULL;
    example_random_settle(fixture.db);
    if (!ok && err.kind != LF_TRANSIENT) {
        fail_msg("LAKEFEED_SEED=%llu: %s: %s", (unsigned long long)seed, lf_error_kind_name(err.kind), err.msg);
    }
    return ok ? assert_no_difference(&fixture, seed) : 0;
}

static void verify_when_source_and_lake_move_at_random_then_there_is_no_false_alarm(UNUSED void **state)
{
    const char *given = getenv("LAKEFEED_SEED");
    uint64_t rows = 0;
    if (given != NULL) {
        (void)verify_under_load(strtoull(given, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= RANDOM_ROUNDS; seed++) {
        rows += verify_under_load(seed);
    }
    assert_in_range(rows, RANDOM_ROUNDS, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_when_source_and_lake_move_at_random_then_there_is_no_false_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
