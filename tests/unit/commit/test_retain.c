/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/commit.h"

#include "base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define START_MS INT64_C(1706702400000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define ID "00112233445566778899aabbccddeeff"

struct removed {
    char **paths;
    size_t count;
};

static void removed_done(struct removed *removed)
{
    for (size_t i = 0; i < removed->count; i++) {
        text_free(&removed->paths[i]);
    }
    free(removed->paths);
    *removed = (struct removed){0};
}

static bool removed_has(const struct removed *removed, const char *path)
{
    for (size_t i = 0; i < removed->count; i++) {
        if (strcmp(removed->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static struct removed retain(struct history *history, int64_t now_ms, uint32_t keep, int64_t keep_for_ms)
{
    struct removed removed = {0};
    history_retain(history, now_ms, keep, keep_for_ms, &removed.paths, &removed.count);
    return removed;
}

/* As a commit does: the newest record is replaced now, and a file of its own with it. */
static void advance(struct history *history, uint64_t commit, int64_t now_ms)
{
    if (history->nrecords > 0) {
        char path[64];
        (void)snprintf(path, sizeof path, "f%llu", (unsigned long long)commit - 1);
        history->records[history->nrecords - 1].replaced_ms = now_ms;
        history_add_file(history, path, commit - 1, commit - 1, now_ms);
    }
    history_add_record(history, commit, ID);
}

static const struct history_record *record_of(const struct history *history, uint64_t commit)
{
    for (size_t i = 0; i < history->nrecords; i++) {
        if (history->records[i].commit == commit) {
            return &history->records[i];
        }
    }
    return NULL;
}

static void record_when_it_expires_then_its_file_and_it_go_two_commits_later_in_that_order(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    advance(history, 1, START_MS);
    struct removed removed = retain(history, START_MS, 1, 0);
    assert_int_equal(removed.count, 0);
    removed_done(&removed);
    advance(history, 2, START_MS + 1);
    removed = retain(history, START_MS + 1, 1, 0);
    assert_int_equal(removed.count, 0);
    assert_true(history->records[0].dropped);
    assert_true(history->files[0].expired);
    assert_false(history->records[1].dropped);
    removed_done(&removed);
    advance(history, 3, START_MS + 2);
    removed = retain(history, START_MS + 2, 1, 0);
    assert_int_equal(removed.count, 2);
    assert_string_equal(removed.paths[0], "f1");
    assert_string_equal(removed.paths[1], "_lakefeed/commits/0000000001-" ID ".json");
    assert_null(record_of(history, 1));
    removed_done(&removed);
}

static void rule_7_age_counts_from_the_replacement_not_from_the_creation(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    advance(history, 1, START_MS);
    advance(history, 2, START_MS + HOUR_MS);
    /* Commit 2 is ten days old when it is replaced, and stays a day from then on. */
    const int64_t replaced_ms = START_MS + 240 * HOUR_MS;
    advance(history, 3, replaced_ms);
    struct removed removed = retain(history, replaced_ms, 1, 24 * HOUR_MS);
    assert_true(history->records[0].dropped);
    assert_false(history->records[1].dropped);
    removed_done(&removed);
    removed = retain(history, replaced_ms + 24 * HOUR_MS - 1, 1, 24 * HOUR_MS);
    assert_false(record_of(history, 2)->dropped);
    removed_done(&removed);
    removed = retain(history, replaced_ms + 24 * HOUR_MS, 1, 24 * HOUR_MS);
    assert_true(record_of(history, 2)->dropped);
    removed_done(&removed);
}

static void rule_7_one_wrong_clock_removes_nothing(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    for (uint64_t commit = 1; commit <= 5; commit++) {
        advance(history, commit, START_MS + (int64_t)commit);
    }
    struct removed removed = retain(history, START_MS + 100000 * HOUR_MS, 1, 24 * HOUR_MS);
    assert_int_equal(removed.count, 0);
    for (int i = 0; i < 3; i++) {
        removed = retain(history, START_MS + 10 + i, 1, 24 * HOUR_MS);
        assert_int_equal(removed.count, 0);
    }
    removed = retain(history, START_MS + 25 * HOUR_MS, 1, 24 * HOUR_MS);
    assert_int_equal(removed.count, 8);
    removed_done(&removed);
}

static void rule_6_dropped_never_returns_even_under_a_larger_keep(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    for (uint64_t commit = 1; commit <= 4; commit++) {
        advance(history, commit, START_MS + (int64_t)commit);
    }
    struct removed removed = retain(history, START_MS + HOUR_MS, 1, 0);
    removed_done(&removed);
    removed = retain(history, START_MS + HOUR_MS, 4, 0);
    assert_int_equal(removed.count, 0);
    for (uint64_t commit = 1; commit <= 3; commit++) {
        assert_true(record_of(history, commit)->dropped);
    }
    assert_false(record_of(history, 4)->dropped);
    removed_done(&removed);
}

static void record_when_kept_by_time_and_over_an_hour_old_then_the_first_of_ten_minutes_stays(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    uint64_t commit = 1;
    int64_t now_ms = START_MS;
    for (; commit <= 121; commit++, now_ms += MINUTE_MS) {
        advance(history, commit, now_ms);
        struct removed removed = retain(history, now_ms, 2, 24 * HOUR_MS);
        removed_done(&removed);
    }
    now_ms -= MINUTE_MS;
    size_t young = 0;
    size_t old = 0;
    int64_t last_bucket = -1;
    for (size_t i = 0; i < history->nrecords; i++) {
        const struct history_record *record = &history->records[i];
        if (record->dropped) {
            continue;
        }
        if (record->replaced_ms == 0 || now_ms - record->replaced_ms <= HOUR_MS) {
            young++;
            continue;
        }
        assert_true(record->replaced_ms / (10 * MINUTE_MS) > last_bucket);
        last_bucket = record->replaced_ms / (10 * MINUTE_MS);
        old++;
    }
    assert_int_equal(young, 62);
    assert_int_equal(old, 6);
}

static void history_when_nothing_is_in_it_then_nothing_is_removed(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    struct removed removed = retain(history, START_MS, 1, 0);
    assert_int_equal(removed.count, 0);
    assert_null(removed.paths);
}

static void file_when_a_retained_record_lies_in_its_span_then_it_stays(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    advance(history, 3, START_MS);
    advance(history, 9, START_MS + 1);
    history_add_file(history, "spans", 3, 9, START_MS + 2);
    history_add_file(history, "before", 4, 8, START_MS + 2);
    history_add_file(history, "from", 9, 9, START_MS + 2);
    history_add_file(history, "after", 10, 12, START_MS + 2);
    struct removed removed = retain(history, START_MS + 2, 1, 0);
    removed_done(&removed);
    removed = retain(history, START_MS + 2, 1, 0);
    assert_false(removed_has(&removed, "spans"));
    assert_false(removed_has(&removed, "from"));
    assert_true(removed_has(&removed, "before"));
    assert_true(removed_has(&removed, "after"));
    removed_done(&removed);
}

/* --- against a naive oracle --- */

struct oracle {
    bool gone[4096]; /* by commit: on a removal list */
};

static bool oracle_wants(const struct history *history, size_t index, int64_t now_ms, uint32_t keep,
                         int64_t keep_for_ms)
{
    const struct history_record *record = &history->records[index];
    if (record->replaced_ms == 0 || index + keep >= history->nrecords) {
        return true;
    }
    const int64_t age_ms = now_ms - record->replaced_ms;
    if (age_ms >= keep_for_ms) {
        return false;
    }
    for (size_t i = index; age_ms > HOUR_MS && i-- > 0;) {
        return history->records[i].replaced_ms / (10 * MINUTE_MS) != record->replaced_ms / (10 * MINUTE_MS);
    }
    return true;
}

static bool oracle_needs(const struct history *history, const struct history_file *file)
{
    for (size_t i = 0; i < history->nrecords; i++) {
        const struct history_record *record = &history->records[i];
        if (!record->dropped && file->since <= record->commit && record->commit <= file->until) {
            return true;
        }
    }
    return false;
}

/* One step: nothing that a retained record names was taken out, what was dropped stays dropped, nothing left without a mark
 * of an earlier step. */
static void check_step(const struct history *before, const struct history *after, const struct removed *removed)
{
    for (size_t i = 0; i < before->nfiles; i++) {
        const struct history_file *file = &before->files[i];
        if (removed_has(removed, file->path)) {
            assert_true(file->expired);
            assert_false(oracle_needs(after, file));
        }
    }
    for (size_t i = 0; i < after->nfiles; i++) {
        assert_false(removed_has(removed, after->files[i].path));
        assert_true(after->files[i].expired || oracle_needs(after, &after->files[i]));
    }
    size_t taken = 0;
    for (size_t i = 0; i < before->nrecords; i++) {
        const struct history_record *was = &before->records[i];
        const struct history_record *is = record_of(after, was->commit);
        taken += is == NULL;
        assert_true(is != NULL ? !was->dropped || is->dropped : was->dropped);
    }
    assert_int_equal(removed->count, taken + (before->nfiles - after->nfiles));
}

static void check_policy(const struct history *before, const struct history *after, int64_t now_ms, uint32_t keep,
                         int64_t keep_for_ms)
{
    for (size_t i = 0; i < before->nrecords; i++) {
        const struct history_record *is = record_of(after, before->records[i].commit);
        const bool wanted = oracle_wants(before, i, now_ms, keep, keep_for_ms);
        assert_int_equal(is != NULL && !is->dropped, wanted && !before->records[i].dropped);
    }
}

static void history_when_commits_come_at_random_then_as_the_naive_oracle(UNUSED void **state)
{
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    struct random_seeded random;
    random_seeded_init(&random, seed);
    for (int round = 0; round < 60; round++) {
        CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
        int64_t now_ms = START_MS;
        uint64_t commit = 0;
        for (int i = 0; i < 80; i++) {
            now_ms += (int64_t)random_seeded_below(&random, (uint64_t)(40 * MINUTE_MS)) - 2 * MINUTE_MS;
            commit += 1 + random_seeded_below(&random, 3);
            if (history->nrecords > 0) {
                const uint64_t last = history->records[history->nrecords - 1].commit;
                history->records[history->nrecords - 1].replaced_ms = now_ms;
                for (uint64_t n = random_seeded_below(&random, 4); n > 0; n--) {
                    CLEANUP(text_free)
                    char *path = text_printf("f%llu-%llu", (unsigned long long)commit, (unsigned long long)n);
                    history_add_file(history, path, 1 + random_seeded_below(&random, last), commit - 1, now_ms);
                }
            }
            history_add_record(history, commit, ID);
            const uint32_t keep = 1 + (uint32_t)random_seeded_below(&random, 4);
            const int64_t keep_for_ms = (int64_t)random_seeded_below(&random, 5) * HOUR_MS;
            CLEANUP(history_free) struct history *before = history_copy(history);
            struct removed removed = retain(history, now_ms, keep, keep_for_ms);
            check_step(before, history, &removed);
            check_policy(before, history, now_ms, keep, keep_for_ms);
            removed_done(&removed);
        }
    }
}

static size_t printed_size(const struct history *history)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    assert_true(history_print(history, &text, &err));
    return text.len;
}

static void history_when_commits_come_at_a_fixed_interval_then_it_stops_growing(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    size_t at_10 = 0;
    size_t at_2000 = 0;
    for (uint64_t commit = 1; commit <= 10000; commit++) {
        const int64_t now_ms = START_MS + (int64_t)commit * 15 * MINUTE_MS;
        advance(history, commit, now_ms);
        struct removed removed = retain(history, now_ms, 5, HOUR_MS);
        removed_done(&removed);
        at_10 = commit == 10 ? printed_size(history) : at_10;
        at_2000 = commit == 2000 ? printed_size(history) : at_2000;
    }
    const size_t at_10000 = printed_size(history);
    assert_in_range(at_2000, at_10, at_10 + at_10 / 10);
    assert_in_range(at_10000, at_10, at_10 + at_10 / 10);
}

static void history_when_commits_come_every_minute_then_a_day_of_them_stays_bounded(UNUSED void **state)
{
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    for (uint64_t commit = 1; commit <= 4000; commit++) {
        const int64_t now_ms = START_MS + (int64_t)commit * MINUTE_MS;
        advance(history, commit, now_ms);
        struct removed removed = retain(history, now_ms, 5, 24 * HOUR_MS);
        removed_done(&removed);
        /* An hour of minutes, a day of ten minutes, and what is on its way out. */
        assert_in_range(history->nrecords, 1, 62 + 144 + 3);
        assert_in_range(history->nfiles, 0, 62 + 144 + 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_when_it_expires_then_its_file_and_it_go_two_commits_later_in_that_order),
        cmocka_unit_test(rule_7_age_counts_from_the_replacement_not_from_the_creation),
        cmocka_unit_test(rule_7_one_wrong_clock_removes_nothing),
        cmocka_unit_test(rule_6_dropped_never_returns_even_under_a_larger_keep),
        cmocka_unit_test(record_when_kept_by_time_and_over_an_hour_old_then_the_first_of_ten_minutes_stays),
        cmocka_unit_test(history_when_nothing_is_in_it_then_nothing_is_removed),
        cmocka_unit_test(file_when_a_retained_record_lies_in_its_span_then_it_stays),
        cmocka_unit_test(history_when_commits_come_at_random_then_as_the_naive_oracle),
        cmocka_unit_test(history_when_commits_come_at_a_fixed_interval_then_it_stops_growing),
        cmocka_unit_test(history_when_commits_come_every_minute_then_a_day_of_them_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
