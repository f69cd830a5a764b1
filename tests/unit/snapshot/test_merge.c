/* SPDX-License-Identifier: Apache-2.0
 *
 * Single merges by hand; what they mean in every mixture is test_merge_random.c's matter.
 */
#include "snapshot_bench.h"

#include "snapshot/merge.h"

#include <inttypes.h>

#define SIZE 100u /* of a partition; a row of rows() has 10 bytes */
#define SLOT 0

struct fixture {
    struct bench bench;
    struct schema *schema;
    struct spool *spool;
    uint64_t seq, token;
    struct model_partition old[4];
    size_t nold;
    struct merge_range range;
    struct merge_options options;
    struct merge_stats stats;
    struct lf_error err;
    bool cancel;
};

static bool is_cancelled(void *context)
{
    return ((struct fixture *)context)->cancel;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct spool_options options = {.folder = "/tmp", .memory_bytes = (size_t)64 << 20};
    bench_init(&f->bench, SIZE);
    f->schema = bench_schema("1:id 2:name", 1, 1);
    f->spool = spool_new(&options);
    assert_true(spool_add_token(f->spool, slice_of_text("t"), &f->token, &f->err));
    f->options = (struct merge_options){.target = &f->bench.target,
                                        .spool = f->spool,
                                        .slot = SLOT,
                                        .schema = f->schema,
                                        .versions = (const struct schema *const *)&f->schema,
                                        .nversions = 1,
                                        .cancelled = is_cancelled,
                                        .cancel_context = f,
                                        .folder = "/tmp",
                                        .memory_bytes = (size_t)1 << 20};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    merge_range_done(&f->range);
    bench_free_partitions(f->old, f->nold);
    spool_free(&f->spool);
    schema_free(&f->schema);
    bench_done(&f->bench);
    free(f);
    return 0;
}

static void add_change(struct fixture *f, enum lf_op op, int64_t id, const char *row, uint8_t flags)
{
    CLEANUP(buf_done) struct buf key = {0};
    const struct change change = {.seq = ++f->seq,
                                  .token = f->token,
                                  .schema_version = 1,
                                  .op = op,
                                  .flags = flags,
                                  .key = bench_key(&key, f->schema, id),
                                  .row = slice_of_text(row)};
    assert_true(spool_add_change(f->spool, SLOT, &change, &f->err));
}

static void set(struct fixture *f, int64_t id)
{
    char row[32];
    (void)snprintf(row, sizeof row, "%d,\"%.*s\"", (int)id, id < 10 ? 5 : id < 100 ? 4 : 3, "newer");
    add_change(f, LF_OP_UPSERT, id, row, 0);
}

/* A partition with the keys from … to, which ends where the next one begins. */
static void old_partition(struct fixture *f, int64_t from, int64_t to)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf key = {0};
    char path[64];
    for (int64_t id = from; id <= to; id++) {
        buf_printf(&text, "%" PRId64 ",\"%.*s\"\n", id, id < 10 ? 5 : id < 100 ? 4 : 3, "older");
    }
    (void)snprintf(path, sizeof path, "e/Snapshot/old%zu.csv", f->nold);
    struct lf_slice first = f->nold == 0 ? (struct lf_slice){0} : bench_key(&key, f->schema, from);
    f->old[f->nold++] = bench_partition(&f->bench, path, buf_text(&text), (uint64_t)(to - from + 1), first);
}

static bool merge(struct fixture *f)
{
    assert_true(spool_cut(f->spool, slice_of_text("c"), f->seq, 0, &f->err));
    merge_range_done(&f->range);
    f->range = (struct merge_range){.read = true, .schema = f->schema, .partitions = f->old, .npartitions = f->nold};
    return merge_entity(&f->options, &f->range, 1, &f->stats, &f->err);
}

static void must_merge(struct fixture *f)
{
    if (!merge(f)) {
        fail_msg("%s", f->err.msg);
    }
}

static bool is_kept(const struct fixture *f, size_t old)
{
    for (size_t i = 0; i < f->range.nout; i++) {
        if (strcmp(f->range.out[i].path, f->old[old].path) == 0) {
            return true;
        }
    }
    return false;
}

static void merge_when_nothing_changed_then_the_same_files(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 19);
    must_merge(f);
    assert_false(f->range.changed);
    assert_int_equal(f->range.nout, 2);
    assert_true(is_kept(f, 0) && is_kept(f, 1));
    assert_int_equal(f->stats.partitions_kept, 2);
    assert_int_equal(f->stats.partitions_read + f->stats.partitions_written + f->stats.bytes_read, 0);
}

static void merge_when_one_row_changed_then_one_file(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 19);
    old_partition(f, 20, 29);
    set(f, 15);
    must_merge(f);
    assert_true(is_kept(f, 0) && !is_kept(f, 1) && is_kept(f, 2));
    assert_int_equal(f->stats.changes, 1);
    assert_int_equal(f->stats.partitions_read, 1);
    assert_int_equal(f->stats.partitions_written, 1);
    assert_int_equal(f->stats.bytes_read, f->old[1].bytes);
    assert_int_equal(f->stats.bytes_written, f->range.out[1].bytes);
}

static void merge_when_a_file_grows_too_large_then_split(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    for (int id = 10; id < 30; id++) {
        set(f, id);
    }
    must_merge(f);
    assert_int_equal(f->range.nout, 3);
    assert_int_equal(f->range.out[0].first_key.len, 0);
    for (size_t i = 0; i < f->range.nout; i++) {
        assert_true(f->range.out[i].bytes <= SIZE + 10);
    }
}

static void merge_when_a_file_gets_small_then_joined_with_its_right_neighbour(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 16);
    for (int id = 0; id < 8; id++) {
        add_change(f, LF_OP_DELETE, id, "", 0);
    }
    must_merge(f);
    assert_int_equal(f->range.nout, 1);
    assert_int_equal(f->range.out[0].rows, 9);
}

static void merge_when_both_do_not_fit_then_not_joined(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 19);
    for (int id = 0; id < 8; id++) {
        add_change(f, LF_OP_DELETE, id, "", 0);
    }
    must_merge(f);
    assert_int_equal(f->range.nout, 2);
    assert_true(is_kept(f, 1));
}

static void merge_when_a_file_gets_empty_then_its_neighbours_stay(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 4);
    old_partition(f, 5, 9);
    old_partition(f, 10, 14);
    for (int id = 5; id <= 9; id++) {
        add_change(f, LF_OP_DELETE, id, "", 0);
    }
    must_merge(f);
    assert_int_equal(f->range.nout, 2);
    assert_true(is_kept(f, 0) && is_kept(f, 2));
}

static void merge_when_all_rows_are_deleted_then_no_file(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 2);
    for (int id = 0; id <= 2; id++) {
        add_change(f, LF_OP_DELETE, id, "", 0);
    }
    must_merge(f);
    assert_true(f->range.changed);
    assert_int_equal(f->range.nout, 0);
}

static void merge_when_a_filled_row_is_over_the_limit_then_limit_that_names_it(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf row = {0};
    schema_free(&f->schema);
    f->options.schema = f->schema = bench_schema("1:id 2:name 3:note", 1, 1);
    size_t half = CSV_ROW_MAX / 2;
    char *text = mem_new(half + 1, 1);
    memset(text, 'x', half);
    buf_printf(&row, "7,\"%s\",\n", text);
    f->old[f->nold++] = bench_partition(&f->bench, "e/Snapshot/old.csv", buf_text(&row), 1, (struct lf_slice){0});
    buf_reset(&row);
    buf_printf(&row, "7,\x01,\"%s\"", text);
    add_change(f, LF_OP_UPDATE, 7, buf_text(&row), CHANGE_PARTIAL);
    free(text);
    assert_false(merge(f));
    assert_int_equal(f->err.kind, LF_LIMIT);
    assert_non_null(strstr(f->err.msg, "id=7"));
    bench_assert_all_forgotten(&f->bench);
}

static void merge_when_an_old_file_is_damaged_then_data_and_everything_is_forgotten(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 19);
    set(f, 1);
    set(f, 11);
    memory_store_put(f->bench.store, f->old[1].path, "10,\"x\"\n", 7);
    assert_false(merge(f));
    assert_int_equal(f->err.kind, LF_DATA);
    assert_true(f->bench.ngiven > 0);
    bench_assert_all_forgotten(&f->bench);
    assert_int_equal(f->range.nout, 0);
}

static void merge_when_an_old_file_is_gone_then_not_found(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    set(f, 1);
    memory_store_remove(f->bench.store, f->old[0].path);
    assert_false(merge(f));
    assert_int_equal(f->err.kind, LF_NOT_FOUND);
}

static void merge_when_cancelled_then_everything_is_forgotten(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    set(f, 1);
    f->cancel = true;
    assert_false(merge(f));
    assert_int_equal(f->err.kind, LF_CANCELLED);
    bench_assert_all_forgotten(&f->bench);
}

static void merge_when_a_change_names_an_unknown_shape_then_internal(void **state)
{
    struct fixture *f = *state;
    set(f, 1);
    f->options.nversions = 0;
    assert_false(merge(f));
    assert_int_equal(f->err.kind, LF_INTERNAL);
}

static void merge_when_a_value_is_nowhere_then_to_be_read_again(void **state)
{
    struct fixture *f = *state;
    old_partition(f, 0, 9);
    old_partition(f, 10, 19);
    add_change(f, LF_OP_UPDATE, 12, "12,\"a\"", 0);
    add_change(f, LF_OP_UPDATE, 99, "99,\x01", CHANGE_PARTIAL);
    must_merge(f);
    assert_true(f->range.reread);
    assert_int_equal(f->range.nout, 0);
    assert_int_equal(f->stats.partitions_kept + f->stats.partitions_written, 0);
    bench_assert_all_forgotten(&f->bench);
}

#define merge_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        merge_test(merge_when_nothing_changed_then_the_same_files),
        merge_test(merge_when_one_row_changed_then_one_file),
        merge_test(merge_when_a_file_grows_too_large_then_split),
        merge_test(merge_when_a_file_gets_small_then_joined_with_its_right_neighbour),
        merge_test(merge_when_both_do_not_fit_then_not_joined),
        merge_test(merge_when_a_file_gets_empty_then_its_neighbours_stay),
        merge_test(merge_when_all_rows_are_deleted_then_no_file),
        merge_test(merge_when_a_filled_row_is_over_the_limit_then_limit_that_names_it),
        merge_test(merge_when_an_old_file_is_damaged_then_data_and_everything_is_forgotten),
        merge_test(merge_when_an_old_file_is_gone_then_not_found),
        merge_test(merge_when_cancelled_then_everything_is_forgotten),
        merge_test(merge_when_a_change_names_an_unknown_shape_then_internal),
        merge_test(merge_when_a_value_is_nowhere_then_to_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
