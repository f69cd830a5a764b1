/* SPDX-License-Identifier: Apache-2.0
 *
 * The doubles themselves: each fault happens, and happens as it says.
 */
#include "base/macros.h"
#include "fakes/fault_lake.h"
#include "fakes/lake_text.h"
#include "fakes/memory_lake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "model.json"

struct fake_bench {
    struct memory_store *store;
    struct lake *lake;
};

static int setup(void **state)
{
    struct clock clock = clock_system();
    struct fake_bench *bench = mem_new(1, sizeof *bench);
    bench->store = memory_store_new(&clock);
    bench->lake = fault_lake_open(memory_lake_open(bench->store));
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct fake_bench *bench = *state;
    lake_close(&bench->lake);
    memory_store_free(&bench->store);
    free(bench);
    return 0;
}

static void plan(const struct fake_bench *bench, enum fault_kind kind, uint64_t fail_at)
{
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = kind, .fail_at = fail_at});
}

static bool store_has(const struct fake_bench *bench, const char *path, const char *text)
{
    struct buf out = {0};
    bool found = memory_store_get(bench->store, path, &out) && strcmp(buf_text(&out), text) == 0;
    buf_done(&out);
    return found;
}

static void error_when_nth_call_then_that_one_alone_without_effect(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err = {0};
    plan(bench, FAULT_ERROR, 2);
    assert_true(lake_text_put(bench->lake, "1", "x", &err));
    assert_int_equal(fault_lake_fired(bench->lake), 0);
    assert_false(lake_text_put(bench->lake, "2", "x", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(lake_text_put(bench->lake, "3", "x", &err));
    assert_int_equal(fault_lake_fired(bench->lake), 1);
    assert_int_equal(fault_lake_calls(bench->lake), 3);
    assert_false(store_has(bench, "2", "x"));
    assert_true(store_has(bench, "3", "x"));
}

static void error_when_sticky_then_all_from_there(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err;
    const struct fault_plan sticky = {.kind = FAULT_ERROR, .fail_at = 2, .sticky = true, .only_op = "put_if_absent"};
    fault_lake_plan(bench->lake, &sticky);
    assert_true(lake_text_put(bench->lake, "1", "x", &err));
    assert_false(lake_text_put(bench->lake, "2", "x", &err));
    assert_true(bench->lake->ops->remove(bench->lake, "1", &err)); /* another op */
    assert_false(lake_text_put(bench->lake, "3", "x", &err));
    assert_int_equal(fault_lake_fired(bench->lake), 2);
}

static void lost_when_put_then_done_but_said_to_be_unknown(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE] = "untouched";
    plan(bench, FAULT_LOST, 1);
    assert_false(lake_text_replace(bench->lake, MODEL, NULL, "x", etag, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_string_equal(etag, "untouched");
    assert_true(store_has(bench, MODEL, "x"));
}

static struct lake_writer *start(const struct fake_bench *bench)
{
    struct lf_error err;
    struct lake_writer *writer = NULL;
    assert_true(bench->lake->ops->writer_open(bench->lake, "w", &writer, &err));
    return writer;
}

static void faults_when_in_a_writer_then_as_the_kind_says(void **state)
{
    struct fake_bench *bench = *state;
    const struct lake_ops *ops = bench->lake->ops;
    struct lf_error err;
    struct lake_writer *writer = start(bench);
    plan(bench, FAULT_PARTIAL, 1);
    assert_false(ops->writer_write(writer, "1234", 4, &err));
    assert_true(ops->writer_commit(writer, &err));
    assert_true(store_has(bench, "w", "12")); /* only who goes on after an error sees this */
    memory_store_remove(bench->store, "w");
    writer = start(bench);
    plan(bench, FAULT_ERROR, 1);
    assert_false(ops->writer_commit(writer, &err));
    assert_false(store_has(bench, "w", ""));
    writer = start(bench);
    plan(bench, FAULT_LOST, 1);
    assert_false(ops->writer_commit(writer, &err));
    assert_true(store_has(bench, "w", ""));
    plan(bench, FAULT_LOST, 1);
    assert_false(ops->writer_open(bench->lake, "v", &writer, &err));
    assert_int_equal(memory_store_counts(bench->store).writer_open, 4);
    assert_int_equal(memory_store_counts(bench->store).writer_abort, 2); /* commit in error, open lost */
}

static void late_when_condition_still_holds_then_applied_on_arrival(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err = {0};
    bool applied = false;
    plan(bench, FAULT_LATE, 1);
    assert_false(lake_text_replace(bench->lake, MODEL, NULL, "late", NULL, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(store_has(bench, MODEL, "late"));
    assert_int_equal(fault_lake_late(bench->lake), 1);
    assert_true(fault_lake_arrive(bench->lake, &applied));
    assert_true(applied);
    assert_true(store_has(bench, MODEL, "late"));
    assert_false(fault_lake_arrive(bench->lake, &applied));
}

static void late_when_somebody_was_faster_then_not_applied(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err;
    bool applied = true;
    fault_lake_plan(bench->lake, &(struct fault_plan){.kind = FAULT_LATE, .fail_at = 1, .sticky = true});
    assert_false(lake_text_replace(bench->lake, MODEL, NULL, "late", NULL, &err));
    assert_false(lake_text_put(bench->lake, "x", "late", &err));
    assert_false(bench->lake->ops->remove(bench->lake, "x", &err));
    memory_store_put(bench->store, MODEL, "other", 5);
    assert_int_equal(fault_lake_late(bench->lake), 2);
    assert_true(fault_lake_arrive(bench->lake, &applied));
    assert_false(applied);
    assert_true(store_has(bench, MODEL, "other"));
    assert_true(fault_lake_arrive(bench->lake, &applied));
    assert_true(applied);
    plan(bench, FAULT_LATE, 1);
    assert_false(lake_text_put(bench->lake, "never arrives", "x", &err));
}

static void count_crash(void *context)
{
    ++*(int *)context;
}

static void crash_when_before_or_after_then_effect_fits_and_all_else_is_refused(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err = {0};
    int crashes = 0;
    struct fault_plan crash = {.kind = FAULT_CRASH, .fail_at = 1, .crash = count_crash, .context = &crashes};
    fault_lake_plan(bench->lake, &crash);
    assert_false(lake_text_put(bench->lake, "1", "x", &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_false(store_has(bench, "1", "x"));
    assert_false(lake_text_put(bench->lake, "2", "x", &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_true(fault_lake_is_dead(bench->lake));
    crash.crash_after = true;
    fault_lake_plan(bench->lake, &crash);
    assert_false(lake_text_put(bench->lake, "3", "x", &err));
    assert_true(store_has(bench, "3", "x"));
    assert_false(lake_text_put(bench->lake, "4", "x", &err));
    assert_false(store_has(bench, "4", "x"));
    assert_int_equal(crashes, 2);
}

static bool count_entries(void *context, const char *path, uint64_t bytes, struct lf_error *err)
{
    (void)path;
    (void)bytes;
    (void)err;
    ++*(int *)context;
    return true;
}

static void every_reading_call_when_it_fails_then_transient(void **state)
{
    struct fake_bench *bench = *state;
    const struct lake_ops *ops = bench->lake->ops;
    static const enum fault_kind kinds[] = {FAULT_ERROR, FAULT_LOST, FAULT_PARTIAL, FAULT_LATE};
    memory_store_put(bench->store, "a", "1234", 4);
    memory_store_put(bench->store, "b", "1234", 4);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct lf_error err = {0};
        struct lake_stat status;
        struct lake_finding finding;
        char bytes[4];
        size_t len = 77;
        int64_t now = 0;
        int entries = 0;
        fault_lake_plan(bench->lake, &(struct fault_plan){.kind = kinds[i], .fail_at = 1, .sticky = true});
        assert_false(ops->lock(bench->lake, "me", &err));
        assert_false(ops->stat(bench->lake, "a", &status, &err));
        assert_false(ops->read_range(bench->lake, "a", 0, bytes, 4, &len, &err));
        assert_int_equal(len, 77);
        assert_false(ops->list(bench->lake, "", count_entries, &entries, &err));
        assert_int_equal(entries, kinds[i] == FAULT_LOST ? 2 : kinds[i] == FAULT_PARTIAL ? 1 : 0);
        assert_false(ops->now_ms(bench->lake, &now, &err));
        assert_false(ops->probe(bench->lake, &finding, &err));
        assert_false(ops->remove(bench->lake, "none", &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_int_equal(fault_lake_fired(bench->lake), 7);
        ops->unlock(bench->lake);
    }
}

struct hook {
    int calls;
    int allowed;
    char last[64];
};

static bool watch(void *context, const char *op, const char *path)
{
    struct hook *hook = context;
    (void)snprintf(hook->last, sizeof hook->last, "%s %s", op, path);
    return ++hook->calls <= hook->allowed;
}

static void hook_when_it_says_no_then_call_is_cancelled(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err = {0};
    struct hook hook = {.allowed = 1};
    fault_lake_plan(bench->lake, &(struct fault_plan){.before_call = watch, .context = &hook});
    assert_true(lake_text_put(bench->lake, "1", "x", &err));
    assert_string_equal(hook.last, "put_if_absent 1");
    assert_false(lake_text_put(bench->lake, "2", "x", &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    assert_int_equal(hook.calls, 2);
    assert_false(store_has(bench, "2", "x"));
}

static void log_when_printed_then_last_32_calls(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err;
    char *text = NULL;
    size_t size = 0;
    for (int i = 0; i < 40; i++) {
        (void)lake_text_put(bench->lake, i < 39 ? "same" : "last", "x", &err);
    }
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fault_lake_print_log(bench->lake, out);
    assert_int_equal(fclose(out), 0);
    int lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 32);
    assert_memory_equal(text, "     9 put_if_absent same: CONFLICT\n", 36);
    assert_non_null(strstr(text, "    40 put_if_absent last: ok\n"));
    free(text);
}

static void store_when_copied_then_same_objects_and_apart(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err;
    char etag[LAKE_ETAG_SIZE];
    char copied[LAKE_ETAG_SIZE];
    char **paths = NULL;
    size_t count = 0;
    assert_true(lake_text_put(bench->lake, "b", "x", &err));
    assert_true(lake_text_put(bench->lake, "a", "y", &err));
    struct memory_store *copy = memory_store_copy(bench->store);
    memory_store_remove(bench->store, "b");
    memory_store_paths(copy, &paths, &count);
    assert_int_equal(count, 2);
    assert_string_equal(paths[0], "a");
    assert_string_equal(paths[1], "b");
    memory_paths_free(paths, count);
    assert_true(memory_store_etag(bench->store, "a", etag));
    assert_true(memory_store_etag(copy, "a", copied));
    assert_string_equal(etag, copied);
    assert_false(memory_store_etag(bench->store, "b", etag));
    assert_int_equal(memory_store_counts(bench->store).put_if_absent, 2);
    assert_int_equal(memory_store_counts(bench->store).bytes_written, 2);
    memory_store_free(&copy);
}

static void lock_when_broken_then_no_longer_held(void **state)
{
    struct fake_bench *bench = *state;
    struct lf_error err;
    struct lake *other = memory_lake_open(bench->store);
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
    memory_store_break_lock(bench->store);
    assert_true(other->ops->lock(other, "other", &err));
    assert_ptr_not_equal(fault_lake_inner(bench->lake), other);
    lake_close(&other);
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
}

#define FAKE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(error_when_nth_call_then_that_one_alone_without_effect),
        FAKE_TEST(error_when_sticky_then_all_from_there),
        FAKE_TEST(lost_when_put_then_done_but_said_to_be_unknown),
        FAKE_TEST(faults_when_in_a_writer_then_as_the_kind_says),
        FAKE_TEST(late_when_condition_still_holds_then_applied_on_arrival),
        FAKE_TEST(late_when_somebody_was_faster_then_not_applied),
        FAKE_TEST(crash_when_before_or_after_then_effect_fits_and_all_else_is_refused),
        FAKE_TEST(every_reading_call_when_it_fails_then_transient),
        FAKE_TEST(hook_when_it_says_no_then_call_is_cancelled),
        FAKE_TEST(log_when_printed_then_last_32_calls),
        FAKE_TEST(store_when_copied_then_same_objects_and_apart),
        FAKE_TEST(lock_when_broken_then_no_longer_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
