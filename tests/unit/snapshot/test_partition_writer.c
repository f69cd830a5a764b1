/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_bench.h"

#define SIZE 100u /* of a partition; a row of the tests has 10 bytes */

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench_init(bench, SIZE);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

struct taken {
    struct model_partition *list;
    size_t count, size;
};

static void taken_done(struct taken *taken)
{
    bench_free_partitions(taken->list, taken->count);
    free(taken->list);
}

static bool add(struct partition_writer *writer, unsigned n, bool appending, struct lf_error *err)
{
    char key[8], row[16];
    (void)snprintf(key, sizeof key, "k%03u", n);
    (void)snprintf(row, sizeof row, "%09u", n);
    return partition_writer_add(writer, slice_of_text(key), slice_of_text(row), appending, err);
}

static void write_rows(struct bench *bench, unsigned count, bool appending, const char *first_key,
                       struct taken *ret_taken)
{
    CLEANUP(partition_writer_done) struct partition_writer writer;
    struct lf_error err;
    partition_writer_init(&writer, &bench->target);
    if (first_key != NULL) {
        partition_writer_start(&writer, slice_of_text(first_key));
    }
    for (unsigned n = 0; n < count; n++) {
        assert_true(add(&writer, n, appending, &err));
    }
    assert_true(partition_writer_cut(&writer, &err));
    assert_true(partition_writer_cut(&writer, &err)); /* nothing is open: nothing happens */
    assert_int_equal(writer.rows, count);
    assert_int_equal(writer.bytes, count * 10);
    partition_writer_take(&writer, &ret_taken->list, &ret_taken->count, &ret_taken->size);
}

static void write_when_appending_then_files_end_at_their_size(void **state)
{
    CLEANUP(taken_done) struct taken taken = {0};
    write_rows(*state, 25, true, NULL, &taken);
    assert_int_equal(taken.count, 3);
    assert_int_equal(taken.list[0].bytes, SIZE);
    assert_int_equal(taken.list[1].bytes, SIZE);
    assert_int_equal(taken.list[2].bytes, 50);
}

static void write_when_rewriting_then_files_may_grow_by_half(void **state)
{
    CLEANUP(taken_done) struct taken whole = {0};
    CLEANUP(taken_done) struct taken split = {0};
    write_rows(*state, 15, false, NULL, &whole);
    assert_int_equal(whole.count, 1);
    write_rows(*state, 16, false, NULL, &split);
    assert_int_equal(split.count, 2);
    assert_int_equal(split.list[0].bytes, SIZE + SIZE / 2);
}

static void write_when_done_then_described_as_it_is(void **state)
{
    struct bench *bench = *state;
    CLEANUP(taken_done) struct taken taken = {0};
    char sha256[SHA256_HEX_SIZE];
    write_rows(bench, 12, true, "a", &taken);
    assert_int_equal(taken.count, 2);
    assert_string_equal(taken.list[0].name, "p00000001");
    assert_string_equal(taken.list[1].name, "p00000002");
    assert_memory_equal(taken.list[0].first_key.ptr, "a", 1);
    assert_int_equal(taken.list[0].first_key.len, 1);
    assert_memory_equal(taken.list[1].first_key.ptr, "k010", 4);
    CLEANUP(text_free) char *text = bench_text(bench, taken.list[1].path);
    assert_string_equal(text, "000000010\n000000011\n");
    sha256_of(text, strlen(text), sha256);
    assert_string_equal(taken.list[1].sha256, sha256);
    assert_int_equal(taken.list[1].rows, 2);
    assert_int_equal(bench->given[0].forgotten + bench->given[1].forgotten, 0);
}

static void write_when_there_are_no_rows_then_no_file(void **state)
{
    struct bench *bench = *state;
    CLEANUP(taken_done) struct taken taken = {0};
    write_rows(bench, 0, true, "a", &taken);
    assert_int_equal(taken.count, 0);
    assert_int_equal(bench->ngiven, 0);
}

static void write_when_rows_are_large_then_blocks_are_handed_on_whole(void **state)
{
    struct bench *bench = *state;
    CLEANUP(partition_writer_done) struct partition_writer writer;
    CLEANUP(taken_done) struct taken taken = {0};
    struct lf_error err;
    size_t len = (size_t)300 << 10;
    char *row = mem_new(len + 1, 1);
    memset(row, 'x', len);
    bench->target.partition_bytes = (uint64_t)1 << 30;
    partition_writer_init(&writer, &bench->target);
    for (int i = 0; i < 3; i++) {
        assert_true(partition_writer_add(&writer, slice_of_text("k"), (struct lf_slice){row, len}, true, &err));
        assert_int_equal(partition_writer_open_bytes(&writer), (uint64_t)(i + 1) * (len + 1));
    }
    assert_true(memory_store_counts(bench->store).writer_write >= 2); /* it does not gather a whole file */
    assert_true(partition_writer_cut(&writer, &err));
    partition_writer_take(&writer, &taken.list, &taken.count, &taken.size);
    CLEANUP(text_free) char *text = bench_text(bench, taken.list[0].path);
    assert_int_equal(strlen(text), 3 * (len + 1));
    assert_int_equal(taken.list[0].bytes, 3 * (len + 1));
    free(row);
}

static void writer_when_done_without_take_then_everything_is_forgotten(void **state)
{
    struct bench *bench = *state;
    struct partition_writer writer;
    struct lf_error err;
    partition_writer_init(&writer, &bench->target);
    for (unsigned n = 0; n < 25; n++) {
        assert_true(add(&writer, n, true, &err)); /* two finished, one open */
    }
    partition_writer_done(&writer);
    assert_int_equal(bench->ngiven, 3);
    bench_assert_all_forgotten(bench);
    assert_int_equal(memory_store_counts(bench->store).writer_abort, 1);
    partition_writer_done(&writer); /* twice is once */
}

static bool try_all(struct bench *bench, struct lf_error *err)
{
    CLEANUP(partition_writer_done) struct partition_writer writer;
    CLEANUP(taken_done) struct taken taken = {0};
    partition_writer_init(&writer, &bench->target);
    for (unsigned n = 0; n < 25; n++) {
        TRY(add(&writer, n, true, err));
    }
    TRY(partition_writer_cut(&writer, err));
    partition_writer_take(&writer, &taken.list, &taken.count, &taken.size);
    return true;
}

static void writer_when_the_lake_fails_at_any_call_then_everything_is_forgotten(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    uint64_t n = 1;
    for (;; n++) {
        bench_forget_given(bench);
        fault_lake_plan(bench->lake, &(struct fault_plan){.kind = n % 2 == 0 ? FAULT_ERROR : FAULT_LOST, .fail_at = n});
        if (try_all(bench, &err)) {
            break;
        }
        assert_int_equal(fault_lake_fired(bench->lake), 1);
        assert_int_equal(err.kind, LF_TRANSIENT);
        bench_assert_all_forgotten(bench);
    }
    assert_int_equal(n, 10); /* open, write, commit of three files */
}

#define writer_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        writer_test(write_when_appending_then_files_end_at_their_size),
        writer_test(write_when_rewriting_then_files_may_grow_by_half),
        writer_test(write_when_done_then_described_as_it_is),
        writer_test(write_when_there_are_no_rows_then_no_file),
        writer_test(write_when_rows_are_large_then_blocks_are_handed_on_whole),
        writer_test(writer_when_done_without_take_then_everything_is_forgotten),
        writer_test(writer_when_the_lake_fails_at_any_call_then_everything_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
