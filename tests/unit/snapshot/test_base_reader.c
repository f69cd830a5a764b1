/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot_bench.h"

#include "snapshot/base_reader.h"

#define PATH "e/Snapshot/old.csv"
#define GOOD "1,\"a\"\n2,\"b\"\n30,\n"

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench_init(bench, 1000);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

/* Reads all rows in the shape `to`; texts with a '|' behind each. */
static bool read_all(struct bench *bench, const struct model_partition *partition, const char *to_words,
                     struct buf *out, struct lf_error *err)
{
    CLEANUP(schema_free) struct schema *from = bench_schema("1:id 2:name", 1, 1);
    CLEANUP(schema_free) struct schema *to = bench_schema(to_words, 1, 2);
    CLEANUP(base_reader_done) struct base_reader reader = {0};
    base_reader_init(&reader, bench->lake, partition, from, to, 4096);
    for (;;) {
        struct lf_slice row = {0};
        TRY(base_reader_next(&reader, err));
        if (!reader.has_row) {
            return true;
        }
        TRY(base_reader_row(&reader, &row, err));
        buf_append(out, row.ptr, row.len);
        buf_append_char(out, '|');
    }
}

static void read_when_the_file_is_as_committed_then_all_rows(void **state)
{
    struct model_partition partition = bench_partition(*state, PATH, GOOD, 3, (struct lf_slice){0});
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_true(read_all(*state, &partition, "1:id 2:name", &out, &err));
    assert_string_equal(buf_text(&out), "1,\"a\"|2,\"b\"|30,|");
    model_partition_done(&partition);
}

static void read_when_the_shape_is_new_then_rows_have_it(void **state)
{
    struct model_partition partition = bench_partition(*state, PATH, GOOD, 3, (struct lf_slice){0});
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_true(read_all(*state, &partition, "1:id -2:name 3:note", &out, &err));
    assert_string_equal(buf_text(&out), "1,,|2,,|30,,|");
    model_partition_done(&partition);
}

static void read_when_there_is_no_partition_then_no_rows(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_true(read_all(*state, NULL, "1:id 2:name", &out, &err));
    assert_int_equal(out.len, 0);
}

static void read_when_the_file_is_longer_than_a_block_then_all_rows(void **state)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    for (int i = 0; i < 3000; i++) {
        buf_printf(&text, "%d,\"row %d\"\n", i, i);
    }
    struct model_partition partition = bench_partition(*state, PATH, buf_text(&text), 3000, (struct lf_slice){0});
    assert_true(read_all(*state, &partition, "1:id 2:name", &out, &err));
    assert_int_equal(out.len, text.len);
    model_partition_done(&partition);
}

/* The file is now `text`, the commit still says GOOD. */
static void check_damage(struct bench *bench, const char *text, const char *part_of_message)
{
    struct model_partition partition = bench_partition(bench, PATH, GOOD, 3, (struct lf_slice){0});
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    memory_store_put(bench->store, PATH, text, strlen(text));
    assert_false(read_all(bench, &partition, "1:id 2:name 3:note", &out, &err));
    assert_int_equal(err.kind, LF_DATA);
    assert_non_null(strstr(err.msg, PATH));
    if (strstr(err.msg, part_of_message) == NULL) {
        fail_msg("'%s' says nothing of '%s'", err.msg, part_of_message);
    }
    model_partition_done(&partition);
}

static void read_when_a_row_is_missing_then_data(void **state)
{
    check_damage(*state, "1,\"a\"\n2,\"b\"\n", "2 rows");
}

static void read_when_a_byte_differs_then_data(void **state)
{
    check_damage(*state, "1,\"a\"\n2,\"c\"\n30,\n", "sha256");
}

static void read_when_a_row_is_doubled_then_data(void **state)
{
    check_damage(*state, "1,\"a\"\n1,\"a\"\n2,\"b\"\n30,\n", "row 2: keys are not ascending");
}

static void read_when_rows_change_places_then_data(void **state)
{
    check_damage(*state, "2,\"b\"\n1,\"a\"\n30,\n", "row 2: keys are not ascending");
}

static void read_when_a_row_is_too_narrow_then_data(void **state)
{
    check_damage(*state, "1,\"a\"\n2\n30,\n", "row 2");
}

static void read_when_a_row_is_too_wide_then_data(void **state)
{
    check_damage(*state, "1,\"a\",\"z\"\n2,\"b\"\n30,\n", "row 1");
}

static void read_when_a_key_is_null_then_data(void **state)
{
    check_damage(*state, ",\"a\"\n2,\"b\"\n30,\n", "row 1");
}

static void read_when_a_key_is_no_number_then_data(void **state)
{
    check_damage(*state, "one,\"a\"\n2,\"b\"\n30,\n", "row 1");
}

static void read_when_the_last_line_is_cut_then_data(void **state)
{
    check_damage(*state, "1,\"a\"\n2,\"b\"\n30,", "row");
}

static void read_when_a_quote_never_ends_then_data(void **state)
{
    check_damage(*state, "1,\"a\n2,b\n30,\n", "row");
}

static void read_when_the_file_is_empty_then_data(void **state)
{
    check_damage(*state, "", "0 rows");
}

static void read_when_the_file_is_gone_then_not_found(void **state)
{
    struct bench *bench = *state;
    struct model_partition partition = bench_partition(bench, PATH, GOOD, 3, (struct lf_slice){0});
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    memory_store_remove(bench->store, PATH);
    assert_false(read_all(bench, &partition, "1:id 2:name", &out, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_non_null(strstr(err.msg, PATH));
    model_partition_done(&partition);
}

#define reader_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        reader_test(read_when_the_file_is_as_committed_then_all_rows),
        reader_test(read_when_the_shape_is_new_then_rows_have_it),
        reader_test(read_when_there_is_no_partition_then_no_rows),
        reader_test(read_when_the_file_is_longer_than_a_block_then_all_rows),
        reader_test(read_when_a_row_is_missing_then_data),
        reader_test(read_when_a_byte_differs_then_data),
        reader_test(read_when_a_row_is_doubled_then_data),
        reader_test(read_when_rows_change_places_then_data),
        reader_test(read_when_a_row_is_too_narrow_then_data),
        reader_test(read_when_a_row_is_too_wide_then_data),
        reader_test(read_when_a_key_is_null_then_data),
        reader_test(read_when_a_key_is_no_number_then_data),
        reader_test(read_when_the_last_line_is_cut_then_data),
        reader_test(read_when_a_quote_never_ends_then_data),
        reader_test(read_when_the_file_is_empty_then_data),
        reader_test(read_when_the_file_is_gone_then_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
