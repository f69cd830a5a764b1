/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool.h"

#include "unit/data/spool_fixture.h"

#include <pthread.h>

enum { SLOTS = 5 };

static struct change small_change(uint64_t seq, const char *key)
{
    return (struct change){.seq = seq, .key = slice_of_text(key), .row = {"1,\"text\"", 8}};
}

static void add_small(struct spool *spool, uint32_t slot, uint64_t seq, const char *key)
{
    struct lf_error err;
    struct change change = small_change(seq, key);
    assert_true(spool_add_change(spool, slot, &change, &err));
}

static void expect_slot(struct spool *spool, uint32_t slot, const struct oracle *oracle, uint64_t last_seq)
{
    struct lf_error err;
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    assert_true(spool_open_iterator(spool, slot, &iterator, &err));
    oracle_expect(oracle, slot, last_seq, iterator);
}

static size_t count_changes(struct spool *spool, uint32_t slot)
{
    struct lf_error err;
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    assert_true(spool_open_iterator(spool, slot, &iterator, &err));
    size_t count = 0;
    for (;; count++) {
        struct change change;
        bool more = false;
        assert_true(sorter_next(iterator, &change, &more, &err));
        if (!more) {
            return count;
        }
    }
}

static void open_changes_are_invisible_until_the_cut(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    add_small(spool, 3, 1, "b");
    add_small(spool, 3, 2, "a");
    assert_int_equal(spool_open_changes(spool), 2);
    assert_int_equal(count_changes(spool, 3), 0);
    assert_false(spool_has_changes(spool, 3, 0));
    cut(spool, "c1", 2);
    assert_int_equal(spool_open_changes(spool), 0);
    assert_int_equal(count_changes(spool, 3), 2);
    assert_int_equal(count_changes(spool, 4), 0);
    assert_true(spool_has_changes(spool, 3, 1));
    assert_false(spool_has_changes(spool, 3, 2));
    assert_false(spool_has_changes(spool, 4, 0));
}

static void last_cut_stays_after_its_release(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct spool_cut newest;
    assert_false(spool_last_cut(spool, &newest));
    cut(spool, "first", 4);
    cut(spool, "second", 9);
    assert_true(spool_last_cut(spool, &newest));
    assert_true(slice_equal(newest.cursor, slice_of_text("second")));
    assert_int_equal(newest.last_seq, 9);
    assert_int_equal(newest.source_time_us, 7);
    spool_release(spool, 9);
    assert_true(spool_last_cut(spool, &newest));
    assert_true(slice_equal(newest.cursor, slice_of_text("second")));
    cut(spool, "third", 9);
    spool_release(spool, 9);
    assert_true(spool_last_cut(spool, &newest));
    assert_true(slice_equal(newest.cursor, slice_of_text("third")));
}

static void cut_with_nothing_new_makes_no_sorters(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    add_small(spool, 0, 1, "a");
    cut(spool, "c", 1);
    uint64_t before = spool_memory_bytes(spool);
    for (int i = 0; i < 7; i++) {
        cut(spool, "c", 1);
    }
    assert_true(spool_memory_bytes(spool) - before < 1024); /* the cuts themselves */
    spool_release(spool, 1);
    assert_true(spool_memory_bytes(spool) < before);
}

static void release_frees_generations_up_to_the_seq_alone(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    add_small(spool, 0, 1, "a");
    cut(spool, "c1", 5);
    add_small(spool, 0, 6, "b");
    cut(spool, "c2", 8);
    add_small(spool, 0, 9, "c");
    spool_release(spool, 4);
    assert_int_equal(count_changes(spool, 0), 2);
    spool_release(spool, 7);
    assert_int_equal(count_changes(spool, 0), 1);
    spool_release(spool, 100);
    assert_int_equal(count_changes(spool, 0), 0);
    cut(spool, "c3", 9);
    assert_int_equal(count_changes(spool, 0), 1);
}

static void drop_slot_frees_what_is_sealed_of_one_entity(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct spool_event event = {.kind = SPOOL_TRUNCATE, .seq = 1};
    add_small(spool, 0, 1, "a");
    add_small(spool, 1, 2, "a");
    spool_add_event(spool, 0, &event);
    cut(spool, "c1", 2);
    add_small(spool, 0, 3, "b");
    spool_drop_slot(spool, 0);
    spool_drop_slot(spool, 77);
    const struct spool_event **events = NULL;
    size_t count = 1;
    spool_events(spool, 0, &events, &count);
    free(events);
    assert_int_equal(count, 0);
    assert_int_equal(count_changes(spool, 0), 0);
    assert_int_equal(count_changes(spool, 1), 1);
    cut(spool, "c2", 3);
    assert_int_equal(count_changes(spool, 0), 1);
}

static void events_come_by_seq_after_their_cut_and_own_their_parts(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    static const uint32_t key = 0;
    static const struct lf_column column = {.id = 1, .name = "id", .source_type = "int", .type = LF_TYPE_INT64};
    struct lf_error err;
    struct spool_event schema = {.kind = SPOOL_SCHEMA, .seq = 4, .token = 1};
    assert_true(schema_new(&(struct lf_schema){&column, 1, &key, 1}, 3, &schema.schema, &err));
    struct spool_event fault = {.kind = SPOOL_FAULT, .seq = 2, .fault = LF_DATA, .reason = text_copy("a reason")};
    spool_add_event(spool, 0, &schema);
    spool_add_event(spool, 0, &fault);
    assert_null(schema.schema);
    assert_null(fault.reason);
    const struct spool_event **events = NULL;
    size_t count = 0;
    spool_events(spool, 0, &events, &count);
    free(events);
    assert_int_equal(count, 0);
    cut(spool, "c", 4);
    spool_events(spool, 0, &events, &count);
    assert_int_equal(count, 2);
    assert_int_equal(events[0]->kind, SPOOL_FAULT);
    assert_int_equal(events[0]->fault, LF_DATA);
    assert_string_equal(events[0]->reason, "a reason");
    assert_int_equal(events[1]->schema->version, 3);
    free(events);
    spool_release(spool, 4);
    spool_events(spool, 0, &events, &count);
    free(events);
    assert_int_equal(count, 0);
}

static void idle_entities_cost_less_than_a_kilobyte_each(void **state UNUSED)
{
    enum { ENTITIES = 500 };
    CLEANUP(spool_free) struct spool *spool = new_spool((size_t)1 << 20, 0);
    uint64_t before = spool_memory_bytes(spool);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        add_small(spool, i, i + 1, "key");
    }
    cut(spool, "c", ENTITIES);
    assert_true(spool_memory_bytes(spool) - before < (uint64_t)ENTITIES * 1024);
    spool_release(spool, ENTITIES);
    assert_true(spool_memory_bytes(spool) - before < (uint64_t)ENTITIES * 512);
    assert_int_equal(spool_disk_bytes(spool), 0);
}

static void memory_of_all_entities_stays_within_the_budget(void **state UNUSED)
{
    const size_t limit = (size_t)1 << 20;
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 1000, .row_max = 100};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(spool_free) struct spool *spool = new_spool(limit, 0);
    struct lf_error err;
    for (int i = 0; i < 200000; i++) {
        struct change change = oracle_make(&maker);
        uint32_t slot = (uint32_t)random_seeded_below(&maker.seeded, random_seeded_below(&maker.seeded, 100) + 1);
        assert_true(spool_add_change(spool, slot, &change, &err));
        if (i % 50000 == 49999) {
            cut(spool, "c", maker.seq);
        }
        /* Beside arenas and indexes each entity costs something in each of the four generations. */
        assert_true(i % 64 != 0 || spool_memory_bytes(spool) <= limit + (size_t)100 * 4 * 600);
    }
    assert_true(spool_disk_bytes(spool) > limit);
    spool_release(spool, maker.seq);
    assert_int_equal(spool_disk_bytes(spool), 0);
}

static void thousands_of_cuts_without_release_stay_small_and_complete(void **state UNUSED)
{
    enum { CUTS = 3000 };
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 300, .row_max = 20};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    size_t descriptors = open_descriptors();
    struct lf_error err;
    for (size_t i = 0; i < CUTS; i++) {
        for (size_t n = random_seeded_below(&maker.seeded, 4); n > 0; n--) {
            struct change change = oracle_make(&maker);
            uint32_t slot = (uint32_t)(n % 2);
            assert_true(spool_add_change(spool, slot, &change, &err));
            oracle_add(&oracle, slot, &change);
        }
        cut(spool, "cursor", maker.seq);
    }
    /* The cuts take about 100 bytes each, beside that there is the budget; the changes fit into few pieces. */
    assert_true(spool_memory_bytes(spool) < (uint64_t)CUTS * 120 + 65536 + 65536);
    assert_true(open_descriptors() <= descriptors + 1);
    for (uint32_t slot = 0; slot < 2; slot++) {
        expect_slot(spool, slot, &oracle, UINT64_MAX);
    }
    /* A release in the middle of what has become one. */
    for (uint64_t up_to = 7; up_to < maker.seq; up_to += maker.seq / 5) {
        spool_release(spool, up_to);
        struct spool_cut newest;
        assert_true(spool_last_cut(spool, &newest));
        CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
        assert_true(spool_open_iterator(spool, 1, &iterator, &err));
        struct change change;
        bool more = true;
        size_t count = 0;
        for (;; count++) {
            assert_true(sorter_next(iterator, &change, &more, &err));
            if (!more) {
                break;
            }
            assert_true(change.seq + 3 > up_to); /* at most one cut's worth of changes before it */
        }
        assert_true(count > 0);
    }
}

/* What a random spool should hold. */
struct model {
    struct oracle oracle;
    struct oracle_maker maker;
    uint64_t *cuts; /* last_seq of each */
    size_t ncuts;
    size_t cuts_cap;
    uint64_t last_cut;
};

static void model_done(struct model *model)
{
    oracle_done(&model->oracle);
    oracle_maker_done(&model->maker);
    free(model->cuts);
}

static void add_in_model(struct model *model, struct spool *spool)
{
    struct lf_error err;
    for (size_t n = random_seeded_below(&model->maker.seeded, 120); n > 0; n--) {
        struct change change = oracle_make(&model->maker);
        uint32_t slot = (uint32_t)random_seeded_below(&model->maker.seeded, SLOTS);
        char text[24];
        int len = snprintf(text, sizeof text, "txn %llu", (unsigned long long)(change.seq / 9));
        change.token = add_token(spool, text, (size_t)len);
        assert_true(spool_add_change(spool, slot, &change, &err));
        oracle_add(&model->oracle, slot, &change);
    }
}

static void cut_in_model(struct model *model, struct spool *spool)
{
    mem_grow(&model->cuts, &model->cuts_cap, model->ncuts + 1, sizeof model->cuts[0]);
    model->last_cut = model->maker.seq;
    model->cuts[model->ncuts++] = model->last_cut;
    cut(spool, "cursor", model->last_cut);
}

static void release_in_model(struct model *model, struct spool *spool)
{
    if (model->ncuts == 0) {
        return;
    }
    size_t newest = (size_t)random_seeded_below(&model->maker.seeded, model->ncuts);
    spool_release(spool, model->cuts[newest]);
    oracle_forget(&model->oracle, UINT32_MAX, model->cuts[newest]);
}

static void check_tokens_in_model(const struct model *model, struct spool *spool)
{
    for (size_t i = 0; i < model->oracle.count; i += 17) {
        const struct change *change = &model->oracle.records[i].change;
        char text[24];
        int len = snprintf(text, sizeof text, "txn %llu", (unsigned long long)(change->seq / 9));
        expect_token(spool, change->token, text, (size_t)len);
    }
}

static void step_of_model(struct model *model, struct spool *spool)
{
    uint32_t slot = (uint32_t)random_seeded_below(&model->maker.seeded, SLOTS);
    switch (random_seeded_below(&model->maker.seeded, 16)) {
    case 0:
        release_in_model(model, spool);
        break;
    case 1:
        spool_drop_slot(spool, slot);
        oracle_forget(&model->oracle, slot, model->last_cut);
        break;
    case 2:
        check_tokens_in_model(model, spool);
        break;
    case 3:
    case 4:
        expect_slot(spool, slot, &model->oracle, model->last_cut);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        cut_in_model(model, spool);
        break;
    default:
        add_in_model(model, spool);
        break;
    }
}

static void random_steps_agree_with_the_model(void **state UNUSED)
{
    uint64_t seed = oracle_seed();
    for (uint64_t round = 0; round < 6; round++) {
        CLEANUP(model_done)
        struct model model = {.maker = {.keys = 50, .row_max = 300, .large_every = round % 2 == 0 ? 300 : 0}};
        random_seeded_init(&model.maker.seeded, seed + round);
        CLEANUP(spool_free) struct spool *spool = new_spool((size_t)65536 << (round % 3), 0);
        for (int i = 0; i < 400; i++) {
            step_of_model(&model, spool);
        }
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            expect_slot(spool, slot, &model.oracle, model.last_cut);
        }
        spool_release(spool, model.last_cut);
        cut_in_model(&model, spool);
        spool_release(spool, model.last_cut);
        assert_int_equal(spool_disk_bytes(spool), 0);
    }
}

/* Adds until it fails; what was added stands in the oracle. */
static enum lf_error_kind fill(struct spool *spool, struct oracle_maker *maker, struct oracle *oracle)
{
    for (;;) {
        struct lf_error err;
        struct change change = oracle_make(maker);
        uint32_t slot = (uint32_t)random_seeded_below(&maker->seeded, SLOTS);
        if (!spool_add_change(spool, slot, &change, &err)) {
            return err.kind;
        }
        oracle_add(oracle, slot, &change);
    }
}

static void expect_usable_after_full(struct spool *spool, struct oracle_maker *maker, struct oracle *oracle)
{
    cut(spool, "c", maker->seq);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        expect_slot(spool, slot, oracle, UINT64_MAX);
    }
    spool_release(spool, maker->seq);
    oracle_forget(oracle, UINT32_MAX, maker->seq);
    assert_int_equal(spool_disk_bytes(spool), 0);
    for (int i = 0; i < 500; i++) {
        struct lf_error err;
        struct change change = oracle_make(maker);
        assert_true(spool_add_change(spool, 1, &change, &err));
        oracle_add(oracle, 1, &change);
    }
    cut(spool, "d", maker->seq);
    expect_slot(spool, 1, oracle, UINT64_MAX);
}

static void budget_of_the_disk_is_a_limit_until_a_release(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .row_max = 300, .large_every = 300};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, (uint64_t)2 << 20);
    assert_int_equal(fill(spool, &maker, &oracle), LF_LIMIT);
    assert_true(spool_disk_bytes(spool) <= (uint64_t)2 << 20);
    expect_usable_after_full(spool, &maker, &oracle);
}

static void full_disk_is_transient_and_the_spool_goes_on(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .row_max = 300, .large_every = 300};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    oracle_limit_files((rlim_t)1 << 20);
    assert_int_equal(fill(spool, &maker, &oracle), LF_TRANSIENT);
    expect_usable_after_full(spool, &maker, &oracle);
    oracle_limit_files(RLIM_INFINITY);
}

static void iterator_in_use_keeps_its_sorters_while_the_budget_is_short(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .row_max = 100};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct lf_error err;
    while (spool_memory_bytes(spool) < 60000) {
        struct change change = oracle_make(&maker);
        assert_true(spool_add_change(spool, 0, &change, &err));
        oracle_add(&oracle, 0, &change);
    }
    cut(spool, "c", maker.seq);
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    assert_true(spool_open_iterator(spool, 0, &iterator, &err));
    for (int i = 0; i < 5000; i++) {
        struct change change = oracle_make(&maker);
        assert_true(spool_add_change(spool, 1, &change, &err));
        oracle_add(&oracle, 1, &change);
        assert_true(spool_memory_bytes(spool) < 131072);
    }
    cut(spool, "d", maker.seq);
    oracle_expect(&oracle, 0, UINT64_MAX, iterator);
    expect_slot(spool, 1, &oracle, UINT64_MAX);
}

static void iterator_that_finds_no_room_on_disk_leaves_everything_free(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .row_max = 400};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct lf_error err;
    for (int i = 0; i < 4000; i++) {
        struct change change = oracle_make(&maker);
        assert_true(spool_add_change(spool, 0, &change, &err));
        oracle_add(&oracle, 0, &change);
        if (i % 80 == 79) { /* too large together to be merged by a cut */
            cut(spool, "c", maker.seq);
        }
    }
    struct sorter_iterator *iterator = NULL;
    oracle_limit_files(4096);
    assert_false(spool_open_iterator(spool, 0, &iterator, &err));
    oracle_limit_files(RLIM_INFINITY);
    assert_int_equal(err.kind, LF_TRANSIENT);
    expect_slot(spool, 0, &oracle, UINT64_MAX);
    spool_release(spool, maker.seq); /* ends the process when an iterator still counts as open */
    assert_int_equal(count_changes(spool, 0), 0);
}

static void cut_that_finds_no_room_to_merge_keeps_its_generations(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 100, .large_every = 1};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(oracle_done) struct oracle oracle = {0};
    CLEANUP(spool_free) struct spool *spool = new_spool((size_t)8 << 20, (uint64_t)3 << 20);
    for (int i = 0; i < 2 * (int)SPOOL_MERGE_AT; i++) {
        struct lf_error err;
        struct change change = oracle_make(&maker);
        if (spool_add_change(spool, 0, &change, &err)) {
            oracle_add(&oracle, 0, &change);
        }
        cut(spool, "c", maker.seq);
        assert_true(spool_disk_bytes(spool) <= (uint64_t)3 << 20);
    }
    expect_slot(spool, 0, &oracle, UINT64_MAX);
    spool_release(spool, maker.seq);
    assert_int_equal(spool_disk_bytes(spool), 0);
}

/* One thread adds and cuts, the other reads what is sealed and releases it. */
struct two_threads {
    struct spool *spool;
    uint64_t generations;
    uint64_t per_generation;
};

/* Changes of the slot up to the cut; a later cut may have come meanwhile. */
static uint64_t read_slot(struct spool *spool, uint32_t slot, uint64_t last_seq)
{
    struct lf_error err;
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    CLEANUP(buf_done) struct buf token = {0};
    uint64_t count = 0;
    bool ok = spool_open_iterator(spool, slot, &iterator, &err);
    for (bool more = ok; more; buf_reset(&token)) {
        struct change change;
        ok = ok && sorter_next(iterator, &change, &more, &err) &&
             (!more || spool_token(spool, change.token, &token, &err));
        more = more && ok;
        count += more && change.seq <= last_seq;
    }
    if (!ok) {
        abort(); /* the assertions of the framework belong to the main thread */
    }
    return count;
}

static void *read_and_release(void *context)
{
    const struct two_threads *threads = context;
    uint64_t seen = 0;
    while (seen < threads->generations * threads->per_generation) {
        struct spool_cut newest;
        if (!spool_last_cut(threads->spool, &newest) || newest.last_seq == seen) {
            (void)sched_yield();
            continue;
        }
        uint64_t count = 0;
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            count += read_slot(threads->spool, slot, newest.last_seq);
        }
        if (count != newest.last_seq - seen) {
            abort();
        }
        (void)spool_memory_bytes(threads->spool);
        spool_release(threads->spool, newest.last_seq);
        seen = newest.last_seq;
    }
    return NULL;
}

static void two_threads_lose_and_repeat_nothing(void **state UNUSED)
{
    CLEANUP(oracle_maker_done) struct oracle_maker maker = {.keys = 200, .row_max = 200, .large_every = 2000};
    random_seeded_init(&maker.seeded, oracle_seed());
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct two_threads threads = {spool, 300, 100};
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_and_release, &threads), 0);
    struct lf_error err;
    for (uint64_t i = 0; i < threads.generations; i++) {
        for (uint64_t n = 0; n < threads.per_generation; n++) {
            struct change change = oracle_make(&maker);
            change.token = add_token(spool, &i, sizeof i);
            uint32_t slot = (uint32_t)random_seeded_below(&maker.seeded, SLOTS);
            assert_true(spool_add_change(spool, slot, &change, &err));
        }
        cut(spool, "c", maker.seq);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(spool_disk_bytes(spool), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_changes_are_invisible_until_the_cut),
        cmocka_unit_test(last_cut_stays_after_its_release),
        cmocka_unit_test(cut_with_nothing_new_makes_no_sorters),
        cmocka_unit_test(release_frees_generations_up_to_the_seq_alone),
        cmocka_unit_test(drop_slot_frees_what_is_sealed_of_one_entity),
        cmocka_unit_test(events_come_by_seq_after_their_cut_and_own_their_parts),
        cmocka_unit_test(idle_entities_cost_less_than_a_kilobyte_each),
        cmocka_unit_test(memory_of_all_entities_stays_within_the_budget),
        cmocka_unit_test(thousands_of_cuts_without_release_stay_small_and_complete),
        cmocka_unit_test(random_steps_agree_with_the_model),
        cmocka_unit_test(budget_of_the_disk_is_a_limit_until_a_release),
        cmocka_unit_test(full_disk_is_transient_and_the_spool_goes_on),
        cmocka_unit_test(iterator_in_use_keeps_its_sorters_while_the_budget_is_short),
        cmocka_unit_test(iterator_that_finds_no_room_on_disk_leaves_everything_free),
        cmocka_unit_test(cut_that_finds_no_room_to_merge_keeps_its_generations),
        cmocka_unit_test(two_threads_lose_and_repeat_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
