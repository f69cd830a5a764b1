/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/csv.h"
#include "random_cells.h"

/* ---- split ---- */

static void split_when_a_row_has_every_kind_of_cell_then_the_raw_texts(void **state)
{
    (void)state;
    static const char *const expected[] = {"1", "", "\"a,\"\"b\n\"", "\"\"", "\x01", "True", "-1.5e+10", ""};
    struct lf_slice cells[8];
    struct lf_error err;
    assert_true(csv_split_row(slice_of_text("1,,\"a,\"\"b\n\",\"\",\x01,True,-1.5e+10,"), cells, 8, &err));
    for (size_t i = 0; i < 8; i++) {
        assert_true(slice_equal(cells[i], slice_of_text(expected[i])));
    }
}

static void split_when_a_row_is_malformed_then_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",           "1",          "1,2,3",      "1,",       "1,\"a",
                                       "1,\"a\"b",   "1,\"a\"\"",  "1,a\"b\"",   "1, 2",     "1,2\n",
                                       "1,\x01\x01", "1,x\x01",    "1,\xC3\xBC", "1;2",      "\"1,2",
                                       "1,\"\"\"",   "1,\"2\" ,3", ",,",         "1,\"2\"\r"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lf_slice cells[2];
        struct lf_error err = {0};
        bool ok = csv_split_row(slice_of_text(rows[i]), cells, 2, &err);
        if (ok != (i == 3)) { /* a NULL at the end is well formed */
            fail_msg("row %zu: %s", i, rows[i]);
        }
        assert_true(ok || err.kind == LF_DATA);
    }
}

/* ---- reader ---- */

struct feed {
    const char *at;
    size_t len;
    struct random_seeded *random; /* NULL: as much as asked for */
    int step_max;
    size_t asked_max;
    bool broken;
};

static bool read_feed(void *context, void *ret, size_t len, size_t *ret_len, struct lf_error *err)
{
    struct feed *feed = context;
    if (feed->broken) {
        return lf_error_set(err, LF_TRANSIENT, 0, "cable cut");
    }
    feed->asked_max = len > feed->asked_max ? len : feed->asked_max;
    size_t n = len < feed->len ? len : feed->len;
    if (feed->random != NULL) {
        size_t step = 1 + (size_t)random_int(feed->random, feed->step_max);
        n = n < step ? n : step;
    }
    memcpy(ret, feed->at, n);
    feed->at += n;
    feed->len -= n;
    *ret_len = n;
    return true;
}

static bool next_row(struct csv_reader *reader, struct lf_slice *ret_row, bool *ret_more)
{
    struct lf_error err;
    if (!csv_reader_next(reader, ret_row, ret_more, &err)) {
        fail_msg("%s", err.msg);
    }
    return *ret_more;
}

/* Rows of random cells with their line ends, and where each begins. */
static size_t write_rows(struct random_seeded *random, const struct lf_schema *schema, struct buf *out, size_t *starts,
                         size_t nrows)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_cell cells[TYPE_COUNT];
    struct lf_error err;
    for (size_t row = 0; row < nrows; row++) {
        for (uint32_t i = 0; i < schema->ncolumns; i++) {
            cells[i] = random_value(random, &schema->columns[i], &arena);
            cells[i].state = i > 0 && random_int(random, 4) == 0 ? LF_CELL_NULL : LF_CELL_VALUE;
        }
        starts[row] = out->len;
        assert_true(csv_append_row(out, schema, cells, NULL, &err));
        buf_append_char(out, '\n');
        arena_reset(&arena);
    }
    return nrows;
}

static void reader_when_blocks_and_reads_have_any_size_then_the_written_rows(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    for (int round = 0; round < 300; round++) {
        struct lf_column columns[TYPE_COUNT];
        for (int i = 0; i < TYPE_COUNT; i++) {
            columns[i] = random_column(&random, (enum lf_type)((i + 4) % TYPE_COUNT));
        }
        const struct lf_schema schema = {.columns = columns,
                                         .ncolumns = (uint32_t)(1 + random_int(&random, TYPE_COUNT))};
        CLEANUP(buf_done) struct buf file = {0};
        size_t starts[21];
        size_t nrows = write_rows(&random, &schema, &file, starts, (size_t)random_int(&random, 20));
        starts[nrows] = file.len;

        struct feed feed = {
            .at = buf_text(&file), .len = file.len, .random = &random, .step_max = 1 + random_int(&random, 300)};
        CLEANUP(csv_reader_done) struct csv_reader reader;
        csv_reader_init(&reader, read_feed, &feed, "f", 1 + (size_t)random_int(&random, round % 2 ? 20 : 2000));
        struct lf_slice row;
        bool more;
        for (size_t i = 0; i < nrows; i++) {
            assert_true(next_row(&reader, &row, &more));
            assert_true(slice_equal(row, (struct lf_slice){file.ptr + starts[i], starts[i + 1] - starts[i] - 1}));
            assert_int_equal(reader.row_number, i + 1);
        }
        assert_false(next_row(&reader, &row, &more));
        assert_false(next_row(&reader, &row, &more));
    }
}

static void reader_when_the_file_is_malformed_then_refused_with_file_and_row(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"1,2\n3,4", "f.csv: row 2 has no line end"},
        {"1", "f.csv: row 1 has no line end"},
        {"1,\"a", "f.csv: row 1 has a quote that never ends"},
        {"1,2\n1,\"a\n3,4\n", "f.csv: row 2 has a quote that never ends"},
        {"1,2\r\n3,4\r\n", "f.csv: row 1 has a carriage return"},
        {"1,\"a\r\n\"\n1,\r\"\"\n", "f.csv: row 2 has a carriage return"},
        {"1,2\n1,\x01\n", "f.csv: row 2 has a carriage return or another control character"},
        {"1,2,3,4,5,6\t7,8\n", "f.csv: row 1 has a carriage return or another control character"},
        {"1,2\n\n3,4\n", "f.csv: row 2 is a blank line"},
        {"\n", "f.csv: row 1 is a blank line"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feed feed = {.at = cases[i].text, .len = strlen(cases[i].text)};
        CLEANUP(csv_reader_done) struct csv_reader reader;
        csv_reader_init(&reader, read_feed, &feed, "f.csv", 4096);
        struct lf_slice row;
        struct lf_error err = {0};
        bool more = true;
        while (more && csv_reader_next(&reader, &row, &more, &err)) {
        }
        assert_int_equal(err.kind, LF_DATA);
        if (strstr(err.msg, cases[i].part) == NULL) {
            fail_msg("%s, not %s", err.msg, cases[i].part);
        }
    }
}

static void reader_when_the_input_fails_then_its_error(void **state)
{
    (void)state;
    struct feed feed = {.broken = true};
    CLEANUP(csv_reader_done) struct csv_reader reader;
    csv_reader_init(&reader, read_feed, &feed, "f.csv", 4096);
    struct lf_slice row;
    struct lf_error err = {0};
    bool more;
    assert_false(csv_reader_next(&reader, &row, &more, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
}

/* A small row, one of row_len bytes with its line end, and small ones again. */
static void make_long_file(struct buf *file, size_t row_len)
{
    buf_append_text(file, "1\n\"");
    char *room = buf_reserve(file, row_len - 3);
    memset(room, '\n', row_len - 3);
    buf_commit(file, row_len - 3);
    buf_append_text(file, "\"\n");
    for (int i = 0; i < 100; i++) {
        buf_append_text(file, "2\n");
    }
}

static void reader_when_a_row_fills_the_limit_then_taken_and_the_block_shrinks_behind_it(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf file = {0};
    make_long_file(&file, CSV_ROW_MAX);
    struct feed feed = {.at = file.ptr, .len = file.len};
    CLEANUP(csv_reader_done) struct csv_reader reader;
    csv_reader_init(&reader, read_feed, &feed, "f.csv", 64);
    struct lf_slice row;
    bool more;
    assert_true(next_row(&reader, &row, &more));
    assert_true(reader.block.size <= 65);
    assert_true(next_row(&reader, &row, &more));
    assert_int_equal(row.len, CSV_ROW_MAX - 1);
    assert_true(next_row(&reader, &row, &more));
    assert_true(reader.block.size <= 65);
    assert_true(slice_equal(row, slice_of_text("2")));
    while (next_row(&reader, &row, &more)) {
    }
    assert_int_equal(reader.row_number, 102);
    assert_true(feed.asked_max <= CSV_ROW_MAX);
}

static void reader_when_a_row_is_one_byte_over_the_limit_then_refused(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf file = {0};
    make_long_file(&file, CSV_ROW_MAX + 1);
    struct feed feed = {.at = file.ptr, .len = file.len};
    CLEANUP(csv_reader_done) struct csv_reader reader;
    csv_reader_init(&reader, read_feed, &feed, "f.csv", 4096);
    struct lf_slice row;
    struct lf_error err;
    bool more;
    assert_true(next_row(&reader, &row, &more));
    assert_false(csv_reader_next(&reader, &row, &more, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, "f.csv: row 2 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_when_a_row_has_every_kind_of_cell_then_the_raw_texts),
        cmocka_unit_test(split_when_a_row_is_malformed_then_refused),
        cmocka_unit_test(reader_when_blocks_and_reads_have_any_size_then_the_written_rows),
        cmocka_unit_test(reader_when_the_file_is_malformed_then_refused_with_file_and_row),
        cmocka_unit_test(reader_when_the_input_fails_then_its_error),
        cmocka_unit_test(reader_when_a_row_fills_the_limit_then_taken_and_the_block_shrinks_behind_it),
        cmocka_unit_test(reader_when_a_row_is_one_byte_over_the_limit_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
