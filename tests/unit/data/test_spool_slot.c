/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool_slot.h"

#include "unit/data/spool_fixture.h"

static void add_change(struct sorter **sorter, uint64_t seq)
{
    struct lf_error err;
    if (*sorter == NULL) {
        *sorter =
            sorter_new(&(struct sorter_options){.folder = oracle_folder(), .memory_bytes = 65536, .block_bytes = 4096});
    }
    assert_true(sorter_add(*sorter, &(struct change){.seq = seq, .key = {"k", 1}}, &err));
}

static void merge_of_sealed_sorters_waits_for_iterators(void **state UNUSED)
{
    const struct sorter_options options = {.folder = oracle_folder(), .memory_bytes = 65536, .block_bytes = 4096};
    CLEANUP(slot_free) struct spool_slot *slot = slot_new();
    for (uint64_t seq = 1; seq <= SPOOL_MERGE_AT; seq++) {
        add_change(&slot->open, seq);
        slot->open_max_seq = seq;
        slot_seal(slot, seq);
    }
    slot->iterators = 1;
    slot_merge_sealed(slot, &options, 0);
    assert_int_equal(slot->nsealed, SPOOL_MERGE_AT);
    slot->iterators = 0;
    slot_merge_sealed(slot, &options, 3);
    assert_int_equal(slot->nsealed, 1);
    assert_int_equal(slot->sealed[0].last_seq, SPOOL_MERGE_AT);
    assert_int_equal(sorter_count(slot->sealed[0].sorter), SPOOL_MERGE_AT - 3);
}

static void seal_without_changes_keeps_no_sorter(void **state UNUSED)
{
    CLEANUP(slot_free) struct spool_slot *slot = slot_new();
    slot_seal(slot, 5);
    assert_int_equal(slot->nsealed, 0);
    assert_null(slot_largest_sorter(slot));
}

static void memory_of_events_is_counted(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    uint64_t before = spool_memory_bytes(spool);
    struct spool_event event = {.kind = SPOOL_RELOAD, .seq = 1, .reason = text_printf("%5000d", 1)};
    spool_add_event(spool, 0, &event); /* never cut: freed with the spool */
    assert_true(spool_memory_bytes(spool) > before + 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_of_sealed_sorters_waits_for_iterators),
        cmocka_unit_test(seal_without_changes_keeps_no_sorter),
        cmocka_unit_test(memory_of_events_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
