/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/csv.h"
#include "random_cells.h"

#include <math.h>

#define COLUMN(kind, digits, after) \
    { \
        .id = 1, .name = "c", .source_type = "", .type = LF_TYPE_##kind, .max_length = -1, .precision = (digits), \
        .scale = (after) \
    }
#define BYTES(text) \
    { \
        .state = LF_CELL_VALUE, .bytes = {(text), sizeof(text) - 1 } \
    }
#define NUMBER(value) \
    { \
        .state = LF_CELL_VALUE, .i = (value) \
    }
#define REAL(value) \
    { \
        .state = LF_CELL_VALUE, .d = (value) \
    }

struct written {
    struct lf_column column;
    struct lf_cell cell;
    const char *text;
};

static void assert_written(const struct written *one)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    if (!csv_append_cell(&out, &one->column, &one->cell, &err)) {
        fail_msg("%s: %s", one->text, err.msg);
    }
    assert_string_equal(buf_text(&out), one->text);
}

static void append_when_a_value_fits_then_its_canonical_text(void **state)
{
    (void)state;
    static const struct written cases[] = {
        {COLUMN(BOOLEAN, 0, 0), NUMBER(1), "True"},
        {COLUMN(BOOLEAN, 0, 0), NUMBER(0), "False"},
        {COLUMN(INT64, 0, 0), NUMBER(0), "0"},
        {COLUMN(INT64, 0, 0), NUMBER(-7), "-7"},
        {COLUMN(INT64, 0, 0), NUMBER(100), "100"},
        {COLUMN(INT64, 0, 0), NUMBER(INT64_MAX), "9223372036854775807"},
        {COLUMN(INT64, 0, 0), NUMBER(INT64_MIN), "-9223372036854775808"},
        {COLUMN(DOUBLE, 0, 0), REAL(0.1), "0.1"},
        {COLUMN(DOUBLE, 0, 0), REAL(-0.0), "-0"},
        {COLUMN(DOUBLE, 0, 0), REAL(-INFINITY), "-Infinity"},
        {COLUMN(DECIMAL, 5, 2), BYTES("123.45"), "123.45"},
        {COLUMN(DECIMAL, 5, 2), BYTES("-00.5"), "-0.5"},
        {COLUMN(DECIMAL, 5, 2), BYTES("-0.00"), "0.00"},
        {COLUMN(DECIMAL, 5, 2), BYTES("1.500"), "1.50"},
        {COLUMN(DECIMAL, 5, 0), BYTES("7.000"), "7"},
        {COLUMN(DECIMAL, 2, 2), BYTES("0.99"), "0.99"},
        {COLUMN(DECIMAL, 38, 0), BYTES("99999999999999999999999999999999999999"),
         "99999999999999999999999999999999999999"},
        {COLUMN(STRING, 0, 0), BYTES(""), "\"\""},
        {COLUMN(STRING, 0, 0), BYTES("=1+1, \"x\"\r\n\x01"), "\"=1+1, \"\"x\"\"\r\n\x01\""},
        {COLUMN(STRING, 0, 0), BYTES("\"\"\"\"\"\"\"\"\"abc"), "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"abc\""},
        {COLUMN(STRING, 0, 0), BYTES("gr\xC3\xBC\xC3\x9F Gott \xF0\x9F\x98\x80"),
         "\"gr\xC3\xBC\xC3\x9F Gott \xF0\x9F\x98\x80\""},
        {COLUMN(JSON, 0, 0), BYTES("{\"a\":1}"), "\"{\"\"a\"\":1}\""},
        {COLUMN(BINARY, 0, 0), BYTES(""), "\"\""},
        {COLUMN(BINARY, 0, 0), BYTES("\0\xFF\x10z"), "\"AP8Qeg==\""},
        {COLUMN(GUID, 0, 0), BYTES("0123ABCD-89ab-CDEF-0123-456789ABCDEF"), "0123abcd-89ab-cdef-0123-456789abcdef"},
        {COLUMN(DATE, 0, 0), BYTES("0001-01-01"), "\"0001-01-01\""},
        {COLUMN(DATE, 0, 0), BYTES("2000-02-29"), "\"2000-02-29\""},
        {COLUMN(TIME, 0, 0), BYTES("23:59:59"), "\"23:59:59\""},
        {COLUMN(TIME, 0, 3), BYTES("01:02:03.5"), "\"01:02:03.500\""},
        {COLUMN(DATETIME, 0, 0), BYTES("2024-02-29T01:02:03.000"), "\"2024-02-29T01:02:03Z\""},
        {COLUMN(DATETIME, 0, 6), BYTES("2024-02-29T01:02:03"), "\"2024-02-29T01:02:03.000000Z\""},
        {COLUMN(DATETIME, 0, 6), BYTES("2024-02-29T01:02:03.1234560"), "\"2024-02-29T01:02:03.123456Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 7), BYTES("2024-02-29T01:02:03.1234567Z"), "\"2024-02-29T01:02:03.1234567Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), BYTES("2024-03-01T00:29:03+00:30"), "\"2024-02-29T23:59:03Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), BYTES("2023-12-31T18:30:00-05:30"), "\"2024-01-01T00:00:00Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), BYTES("2023-01-01T00:00:00+23:59"), "\"2022-12-31T00:01:00Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), BYTES("2023-02-28T23:00:00-23:59"), "\"2023-03-01T22:59:00Z\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), BYTES("2023-05-05T12:00:00-00:00"), "\"2023-05-05T12:00:00Z\""},
        {COLUMN(STRING, 0, 0), {.state = LF_CELL_NULL}, ""},
        {COLUMN(INT64, 0, 0), {.state = LF_CELL_NULL}, ""},
        {COLUMN(INT64, 0, 0), {.state = LF_CELL_ABSENT}, "\x01"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_written(&cases[i]);
    }
}

static const struct {
    struct lf_column column;
    struct lf_cell cell;
    const char *part;
} refused[] = {
    {COLUMN(BOOLEAN, 0, 0), NUMBER(2), "'2' is neither 0 nor 1"},
    {COLUMN(DECIMAL, 5, 2), BYTES(""), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("-"), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("1."), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES(".5"), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("1e3"), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("1.5 "), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("NaN"), "not a decimal"},
    {COLUMN(DECIMAL, 5, 2), BYTES("1.005"), "scale"},
    {COLUMN(DECIMAL, 5, 2), BYTES("1000"), "precision"},
    {COLUMN(STRING, 0, 0), BYTES("a\0b"), "U+0000"},
    {COLUMN(STRING, 0, 0), BYTES("12345678\0"), "U+0000"},
    {COLUMN(STRING, 0, 0),
     BYTES("\0"
           "2345678"),
     "U+0000"},
    {COLUMN(STRING, 0, 0),
     BYTES("abc\xFF"
           "defghij"),
     "'abc?defghij' is not valid UTF-8"},
    {COLUMN(STRING, 0, 0), BYTES("1234567\xC3"), "UTF-8"},
    {COLUMN(STRING, 0, 0), BYTES("\xED\xA0\x80"), "UTF-8"},
    {COLUMN(JSON, 0, 0), BYTES("\xC0\x80"), "UTF-8"},
    {COLUMN(GUID, 0, 0), BYTES("0123abcd-89ab-cdef-0123-456789abcde"), "guid"},
    {COLUMN(GUID, 0, 0), BYTES("0123abcd-89ab-cdef-0123-456789abcdeg"), "guid"},
    {COLUMN(GUID, 0, 0), BYTES("0123abcd089ab-cdef-0123-456789abcdef"), "guid"},
    {COLUMN(DATE, 0, 0), BYTES("0000-01-01"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2023-02-29"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2100-02-29"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2023-13-01"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2023-00-01"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2023-01-00"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("2023/01/01"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("12023-01-1"), "date"},
    {COLUMN(DATE, 0, 0), BYTES("infinity"), "date"},
    {COLUMN(TIME, 0, 3), BYTES("24:00:00"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:60:00"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:60"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:5"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:59."), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:59.12x"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:59.00000000"), "time"},
    {COLUMN(TIME, 0, 3), BYTES("23:59:59.1234"), "scale"},
    {COLUMN(DATETIME, 0, 3), BYTES("2023-01-01 00:00:00"), "UTC"},
    {COLUMN(DATETIME, 0, 3), BYTES("2023-01-01T00:00:00Z"), "UTC"},
    {COLUMN(DATETIME, 0, 3), BYTES("2023-01-01"), "UTC"},
    {COLUMN(DATETIME, 0, 0), BYTES("2023-01-01T00:00:00.1"), "scale"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("2023-01-01T00:00:00"), "offset"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("2023-01-01T00:00:00+24:00"), "offset"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("2023-01-01T00:00:00+0100"), "offset"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("Z"), "offset"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("0001-01-01T00:00:00+00:01"), "outside"},
    {COLUMN(DATETIMEOFFSET, 0, 3), BYTES("9999-12-31T23:59:59-00:01"), "outside"},
};

static void append_when_a_value_does_not_fit_then_refused_and_the_column_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        struct lf_error err = {0};
        if (csv_append_cell(&out, &refused[i].column, &refused[i].cell, &err)) {
            fail_msg("case %zu was taken: %s", i, buf_text(&out));
        }
        assert_int_equal(err.kind, LF_DATA);
        assert_non_null(strstr(err.msg, "column c: "));
        if (strstr(err.msg, refused[i].part) == NULL) {
            fail_msg("case %zu: %s", i, err.msg);
        }
    }
}

static void append_when_a_refused_value_is_long_then_the_message_shows_its_start(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text);
    text[38] = '\xE2'; /* a character that straddles the cut */
    text[39] = '\x82';
    text[40] = '\xAC';
    text[199] = '\xFF';
    const struct lf_column column = COLUMN(STRING, 0, 0);
    const struct lf_cell cell = {.state = LF_CELL_VALUE, .bytes = {text, sizeof text}};
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err = {0};
    assert_false(csv_append_cell(&out, &column, &cell, &err));
    assert_non_null(strstr(err.msg, "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is not"));
}

static void parse_when_the_text_is_not_canonical_then_refused(void **state)
{
    (void)state;
    static const struct {
        struct lf_column column;
        const char *raw;
    } cases[] = {
        {COLUMN(BOOLEAN, 0, 0), "true"},
        {COLUMN(BOOLEAN, 0, 0), "1"},
        {COLUMN(BOOLEAN, 0, 0), "\"True\""},
        {COLUMN(INT64, 0, 0), "+1"},
        {COLUMN(INT64, 0, 0), "01"},
        {COLUMN(INT64, 0, 0), "-0"},
        {COLUMN(INT64, 0, 0), "-"},
        {COLUMN(INT64, 0, 0), "1.0"},
        {COLUMN(INT64, 0, 0), "9223372036854775808"},
        {COLUMN(INT64, 0, 0), "\"1\""},
        {COLUMN(DOUBLE, 0, 0), "1.0"},
        {COLUMN(DOUBLE, 0, 0), "nan"},
        {COLUMN(DOUBLE, 0, 0), "-NaN"},
        {COLUMN(DOUBLE, 0, 0), "0x1"},
        {COLUMN(DOUBLE, 0, 0), "1e5"},
        {COLUMN(DOUBLE, 0, 0), "0.10000000000000001"},
        {COLUMN(DECIMAL, 5, 2), "01.5"},
        {COLUMN(DECIMAL, 5, 2), "-0"},
        {COLUMN(DECIMAL, 5, 2), "1.500"},
        {COLUMN(STRING, 0, 0), "a"},
        {COLUMN(STRING, 0, 0), "\""},
        {COLUMN(STRING, 0, 0), "\"a\"b\""},
        {COLUMN(STRING, 0, 0), "\"\"\""},
        {COLUMN(STRING, 0, 0), "\"\xFF\""},
        {COLUMN(BINARY, 0, 0), "\"QQ\""},
        {COLUMN(BINARY, 0, 0), "\"QR==\""},
        {COLUMN(BINARY, 0, 0), "\"Q\"\"==\""},
        {COLUMN(GUID, 0, 0), "0123ABCD-89ab-cdef-0123-456789abcdef"},
        {COLUMN(DATE, 0, 0), "2023-01-01"},
        {COLUMN(DATE, 0, 0), "\"2023-02-30\""},
        {COLUMN(TIME, 0, 3), "\"01:02:03\""},
        {COLUMN(DATETIME, 0, 0), "\"2023-01-01T00:00:00\""},
        {COLUMN(DATETIME, 0, 0), "\"2023-01-01T00:00:00X\""},
        {COLUMN(DATETIME, 0, 0), "\"\""},
        {COLUMN(DATETIMEOFFSET, 0, 0), "\"2023-01-01T00:00:00+00:00\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf scratch = {0};
        struct lf_cell cell;
        struct lf_error err = {0};
        if (csv_parse_cell(&cases[i].column, slice_of_text(cases[i].raw), &scratch, &cell, &err)) {
            fail_msg("%s was taken", cases[i].raw);
        }
        assert_int_equal(err.kind, LF_DATA);
        assert_non_null(strstr(err.msg, "column c"));
    }
}

/* ---- there and back ---- */

static bool is_canonical_equal(const struct lf_column *column, const struct lf_cell *a, const struct lf_cell *b)
{
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
        return a->i == b->i;
    case LF_TYPE_DOUBLE:
        return (isnan(a->d) && isnan(b->d)) || (a->d == b->d && signbit(a->d) == signbit(b->d));
    case LF_TYPE_STRING:
    case LF_TYPE_JSON:
    case LF_TYPE_BINARY:
        return slice_equal(a->bytes, b->bytes);
    default: /* the source may spell it in several ways; the same text again is proof enough */
        return true;
    }
}

static void assert_there_and_back(const struct lf_column *column, const struct lf_cell *cell)
{
    CLEANUP(buf_done) struct buf raw = {0};
    CLEANUP(buf_done) struct buf again = {0};
    CLEANUP(buf_done) struct buf scratch = {0};
    struct lf_cell back = {0};
    struct lf_error err = {0};
    if (!csv_append_cell(&raw, column, cell, &err) || !csv_parse_cell(column, buf_slice(&raw), &scratch, &back, &err) ||
        !csv_append_cell(&again, column, &back, &err)) {
        fail_msg("type %d: %s", (int)column->type, err.msg);
    }
    assert_int_equal(back.state, LF_CELL_VALUE);
    assert_true(is_canonical_equal(column, cell, &back));
    assert_string_equal(buf_text(&raw), buf_text(&again));
    assert_true(scratch.len <= raw.len);
}

static void parse_when_a_random_value_was_appended_then_the_same_value_and_the_same_text_again(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    CLEANUP(arena_done) struct arena arena = {0};
    for (int i = 0; i < 60000; i++) {
        struct lf_column column = random_column(&random, (enum lf_type)(i % TYPE_COUNT));
        struct lf_cell cell = random_value(&random, &column, &arena);
        assert_there_and_back(&column, &cell);
        arena_reset(&arena);
    }
}

static void parse_when_the_cell_is_null_or_absent_then_its_state_says_so(void **state)
{
    (void)state;
    const struct lf_column column = COLUMN(STRING, 0, 0);
    CLEANUP(buf_done) struct buf scratch = {0};
    struct lf_cell cell;
    struct lf_error err;
    assert_true(csv_parse_cell(&column, slice_of_text(""), &scratch, &cell, &err));
    assert_int_equal(cell.state, LF_CELL_NULL);
    assert_true(csv_parse_cell(&column, slice_of_text("\x01"), &scratch, &cell, &err));
    assert_int_equal(cell.state, LF_CELL_ABSENT);
    assert_true(csv_parse_cell(&column, slice_of_text("\"\""), &scratch, &cell, &err));
    assert_int_equal(cell.state, LF_CELL_VALUE);
    assert_int_equal(cell.bytes.len, 0);
}

/* ---- rows ---- */

static const struct lf_column two_columns[] = {COLUMN(INT64, 0, 0), COLUMN(STRING, 0, 0)};
static const struct lf_schema two = {.columns = two_columns, .ncolumns = 2};

static void row_when_cells_are_null_and_absent_then_commas_and_the_mark(void **state)
{
    (void)state;
    const struct lf_cell cells[] = {{.state = LF_CELL_NULL}, {.state = LF_CELL_ABSENT}};
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    bool absent = false;
    assert_true(csv_append_row(&out, &two, cells, &absent, &err));
    assert_string_equal(buf_text(&out), ",\x01");
    assert_true(absent);
}

static void row_when_a_later_cell_is_refused_then_nothing_was_appended(void **state)
{
    (void)state;
    const struct lf_cell cells[] = {NUMBER(1), BYTES("\xFF")};
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    buf_append_text(&out, "before");
    assert_false(csv_append_row(&out, &two, cells, NULL, &err));
    assert_string_equal(buf_text(&out), "before");
}

static void row_when_its_only_column_is_null_then_refused(void **state)
{
    (void)state;
    const struct lf_schema one = {.columns = two_columns, .ncolumns = 1};
    const struct lf_cell cell = {.state = LF_CELL_NULL};
    CLEANUP(buf_done) struct buf out = {0};
    struct lf_error err;
    assert_false(csv_append_row(&out, &one, &cell, NULL, &err));
    assert_int_equal(err.kind, LF_DATA);
}

/* The row is `1,"xxx…"`. */
static bool append_long_row(size_t row_len, size_t nquotes, struct lf_error *err)
{
    size_t len = row_len - nquotes - 4;
    CLEANUP(text_free) char *text = mem_new(len, 1);
    memset(text, 'x', len);
    memset(text, '"', nquotes);
    const struct lf_cell cells[] = {NUMBER(1), {.state = LF_CELL_VALUE, .bytes = {text, len}}};
    CLEANUP(buf_done) struct buf out = {0};
    bool ok = csv_append_row(&out, &two, cells, NULL, err);
    assert_int_equal(out.len, ok ? row_len : 0);
    return ok;
}

static void row_when_it_fills_the_limit_with_its_line_end_then_taken_and_one_byte_more_is_refused(void **state)
{
    (void)state;
    struct lf_error err;
    assert_true(append_long_row(CSV_ROW_MAX - 1, 0, &err));
    assert_true(append_long_row(CSV_ROW_MAX - 1, 100, &err));
    assert_false(append_long_row(CSV_ROW_MAX, 0, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_false(append_long_row(CSV_ROW_MAX, 100, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_false(append_long_row(2 * CSV_ROW_MAX, 0, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

static void row_when_the_buffer_is_smaller_than_the_row_then_limit(void **state)
{
    (void)state;
    const struct lf_cell cells[] = {NUMBER(1), BYTES("0123456789")};
    CLEANUP(buf_done) struct buf out = {.max = 8};
    struct lf_error err;
    assert_false(csv_append_row(&out, &two, cells, NULL, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_when_a_value_fits_then_its_canonical_text),
        cmocka_unit_test(append_when_a_value_does_not_fit_then_refused_and_the_column_is_named),
        cmocka_unit_test(append_when_a_refused_value_is_long_then_the_message_shows_its_start),
        cmocka_unit_test(parse_when_the_text_is_not_canonical_then_refused),
        cmocka_unit_test(parse_when_a_random_value_was_appended_then_the_same_value_and_the_same_text_again),
        cmocka_unit_test(parse_when_the_cell_is_null_or_absent_then_its_state_says_so),
        cmocka_unit_test(row_when_cells_are_null_and_absent_then_commas_and_the_mark),
        cmocka_unit_test(row_when_a_later_cell_is_refused_then_nothing_was_appended),
        cmocka_unit_test(row_when_its_only_column_is_null_then_refused),
        cmocka_unit_test(row_when_it_fills_the_limit_with_its_line_end_then_taken_and_one_byte_more_is_refused),
        cmocka_unit_test(row_when_the_buffer_is_smaller_than_the_row_then_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
