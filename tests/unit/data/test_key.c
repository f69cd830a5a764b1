/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/csv.h"
#include "data/key.h"
#include "random_cells.h"

#include <math.h>
#include <strings.h>
#include <time.h>

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

static const uint32_t first_columns[] = {0, 1, 2};

static struct lf_schema schema_of(const struct lf_column *columns, uint32_t count)
{
    return (struct lf_schema){.columns = columns, .ncolumns = count, .key = first_columns, .nkey = count};
}

static void append_key(struct buf *out, const struct lf_schema *schema, const struct lf_cell *cells)
{
    struct lf_error err = {0};
    if (!key_append_from_cells(out, schema, cells, &err)) {
        fail_msg("%s", err.msg);
    }
}

static void key_when_a_value_is_known_then_the_documented_bytes(void **state)
{
    (void)state;
    static const struct {
        struct lf_column column;
        struct lf_cell cell;
        const char *hex;
    } cases[] = {
        {COLUMN(BOOLEAN, 0, 0), NUMBER(0), "00"},
        {COLUMN(BOOLEAN, 0, 0), NUMBER(1), "01"},
        {COLUMN(INT64, 0, 0), NUMBER(7), "8000000000000007"},
        {COLUMN(INT64, 0, 0), NUMBER(-1), "7fffffffffffffff"},
        {COLUMN(DOUBLE, 0, 0), REAL(1.0), "bff0000000000000"},
        {COLUMN(DOUBLE, 0, 0), REAL(-1.0), "400fffffffffffff"},
        {COLUMN(DOUBLE, 0, 0), REAL(-0.0), "8000000000000000"},
        {COLUMN(DOUBLE, 0, 0), REAL(-NAN), "fff8000000000000"},
        {COLUMN(DECIMAL, 5, 2), BYTES("0.00"), "02"},
        {COLUMN(DECIMAL, 5, 2), BYTES("12.30"), "03820d1f00"},
        {COLUMN(DECIMAL, 5, 2), BYTES("-12.3"), "017df2e0ff"},
        {COLUMN(DECIMAL, 5, 2), BYTES("0.05"), "037f3300"},
        {COLUMN(STRING, 0, 0), BYTES(""), "0001"},
        {COLUMN(STRING, 0, 0), BYTES("a\"b"), "6122620001"},
        {COLUMN(BINARY, 0, 0), BYTES("\0\x01\0"), "00ff0100ff0001"},
        {COLUMN(DATE, 0, 0), BYTES("2024-01-02"), "323032342d30312d30320001"},
        {COLUMN(DATETIME, 0, 1), BYTES("2024-01-02T03:04:05"), "323032342d30312d30325430333a30343a30352e305a0001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct lf_schema schema = schema_of(&cases[i].column, 1);
        CLEANUP(buf_done) struct buf key = {0};
        CLEANUP(buf_done) struct buf hex = {0};
        append_key(&key, &schema, &cases[i].cell);
        for (size_t k = 0; k < key.len; k++) {
            buf_printf(&hex, "%02x", (unsigned char)key.ptr[k]);
        }
        assert_string_equal(buf_text(&hex), cases[i].hex);
    }
}

/* ---- the order of values, told without keys ---- */

static int order(bool less, bool greater)
{
    return greater - less;
}

static int compare_doubles(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return order(!isnan(a) && isnan(b), isnan(a) && !isnan(b));
    }
    return order(a<b, a> b);
}

/* As a whole number of 10^-38. Digits of up to 38 and 38 zeros do not fit one number, so: whole part and fraction. */
struct exact {
    __int128_t whole;
    __int128_t fraction;
};

static struct exact read_exact(struct lf_slice text)
{
    const char *at = text.ptr;
    const char *end = at + text.len;
    bool negative = *at == '-';
    struct exact exact = {0};
    for (at += negative; at < end && *at != '.'; at++) {
        exact.whole = exact.whole * 10 + (*at - '0');
    }
    at += at < end;
    for (int i = 0; i < 38; i++) {
        exact.fraction = exact.fraction * 10 + (at < end ? *at++ - '0' : 0);
    }
    return negative ? (struct exact){-exact.whole, -exact.fraction} : exact;
}

static int compare_decimals(struct lf_slice x, struct lf_slice y)
{
    struct exact a = read_exact(x);
    struct exact b = read_exact(y);
    return a.whole != b.whole ? order(a.whole<b.whole, a.whole> b.whole)
                              : order(a.fraction<b.fraction, a.fraction> b.fraction);
}

/* Ticks of 100 ns by the C library's calendar. */
static __int128_t read_ticks(struct lf_slice value)
{
    char text[64] = "";
    memcpy(text, value.ptr, value.len);
    struct tm tm = {.tm_year = 100, .tm_mday = 1};
    char *at = strptime(text, strchr(text, 'T') != NULL ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
    assert_non_null(at);
    __int128_t ticks = (__int128_t)timegm(&tm) * 10000000;
    int scale = 1000000;
    for (at += *at == '.'; *at >= '0' && *at <= '9'; at++, scale /= 10) {
        ticks += (__int128_t)(*at - '0') * scale;
    }
    if (*at == '+' || *at == '-') {
        __int128_t minutes = (__int128_t)strtol(at + 1, NULL, 10) * 60 + strtol(at + 4, NULL, 10);
        ticks += (*at == '-' ? minutes : -minutes) * 60 * 10000000;
    }
    return ticks;
}

static int compare_values(enum lf_type type, const struct lf_cell *a, const struct lf_cell *b)
{
    switch (type) {
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
        return order(a->i<b->i, a->i> b->i);
    case LF_TYPE_DOUBLE:
        return compare_doubles(a->d, b->d);
    case LF_TYPE_DECIMAL:
        return compare_decimals(a->bytes, b->bytes);
    case LF_TYPE_GUID:
        return strncasecmp(a->bytes.ptr, b->bytes.ptr, 36);
    case LF_TYPE_TIME:
    case LF_TYPE_DATETIME:
    case LF_TYPE_DATETIMEOFFSET:
        return order(read_ticks(a->bytes) < read_ticks(b->bytes), read_ticks(a->bytes) > read_ticks(b->bytes));
    default:
        return slice_compare(a->bytes, b->bytes);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

#define KEY_COLUMNS 3

static uint32_t random_columns(struct random_seeded *random, int round, struct lf_column columns[KEY_COLUMNS])
{
    columns[0] = random_column(random, (enum lf_type)(round % TYPE_COUNT));
    for (int i = 1; i < KEY_COLUMNS; i++) {
        columns[i] = random_column(random, (enum lf_type)random_int(random, TYPE_COUNT));
    }
    return (uint32_t)(1 + random_int(random, KEY_COLUMNS));
}

static void keys_when_compared_then_in_the_order_of_their_values(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    CLEANUP(arena_done) struct arena arena = {0};
    int equal = 0;
    for (int round = 0; round < 60000; round++) {
        struct lf_column columns[KEY_COLUMNS];
        uint32_t n = random_columns(&random, round, columns);
        const struct lf_schema schema = schema_of(columns, n);
        struct lf_cell a[KEY_COLUMNS];
        struct lf_cell b[KEY_COLUMNS];
        int expected = 0;
        for (uint32_t i = 0; i < n; i++) {
            a[i] = random_value(&random, &columns[i], &arena);
            b[i] = random_int(&random, 2) ? a[i] : random_value(&random, &columns[i], &arena);
            expected = expected != 0 ? expected : sign(compare_values(columns[i].type, &a[i], &b[i]));
        }
        CLEANUP(buf_done) struct buf x = {0};
        CLEANUP(buf_done) struct buf y = {0};
        append_key(&x, &schema, a);
        append_key(&y, &schema, b);
        if (sign(slice_compare(buf_slice(&x), buf_slice(&y))) != expected) {
            fail_msg("round %d, first type %d, %u columns: expected %d", round, (int)columns[0].type, n, expected);
        }
        equal += expected == 0;
        arena_reset(&arena);
    }
    assert_in_range(equal, 1000, 59000);
}

static void append_from_row_when_the_row_was_written_from_cells_then_the_bytes_of_the_cells(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    CLEANUP(arena_done) struct arena arena = {0};
    for (int round = 0; round < 40000; round++) {
        struct lf_column columns[KEY_COLUMNS];
        uint32_t n = random_columns(&random, round, columns);
        const struct lf_schema schema = schema_of(columns, n);
        struct lf_cell cells[KEY_COLUMNS];
        struct lf_slice raw[KEY_COLUMNS];
        for (uint32_t i = 0; i < n; i++) {
            cells[i] = random_value(&random, &columns[i], &arena);
        }
        CLEANUP(buf_done) struct buf row = {0};
        CLEANUP(buf_done) struct buf from_row = {0};
        CLEANUP(buf_done) struct buf from_cells = {0};
        struct lf_error err = {0};
        append_key(&from_cells, &schema, cells);
        if (!csv_append_row(&row, &schema, cells, NULL, &err) || !csv_split_row(buf_slice(&row), raw, n, &err) ||
            !key_append_from_row(&from_row, &schema, raw, &err)) {
            fail_msg("%s", err.msg);
        }
        assert_true(slice_equal(buf_slice(&from_row), buf_slice(&from_cells)));
        arena_reset(&arena);
    }
}

static void decode_when_a_key_is_whole_then_cells_of_the_same_value(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    CLEANUP(arena_done) struct arena arena = {0};
    for (int round = 0; round < 40000; round++) {
        struct lf_column columns[KEY_COLUMNS];
        uint32_t n = random_columns(&random, round, columns);
        const struct lf_schema schema = schema_of(columns, n);
        struct lf_cell cells[KEY_COLUMNS];
        struct lf_cell back[KEY_COLUMNS];
        for (uint32_t i = 0; i < n; i++) {
            cells[i] = random_value(&random, &columns[i], &arena);
        }
        CLEANUP(buf_done) struct buf key = {0};
        CLEANUP(buf_done) struct buf again = {0};
        CLEANUP(buf_done) struct buf scratch = {0};
        struct lf_error err = {0};
        append_key(&key, &schema, cells);
        if (!key_decode(&schema, buf_slice(&key), back, &scratch, &err)) {
            fail_msg("type %d: %s", (int)columns[0].type, err.msg);
        }
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(compare_values(columns[i].type, &cells[i], &back[i]), 0);
        }
        append_key(&again, &schema, back);
        assert_true(slice_equal(buf_slice(&key), buf_slice(&again)));
        arena_reset(&arena);
    }
}

static void decode_when_bytes_are_damaged_then_refused_or_the_same_bytes_again(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    CLEANUP(arena_done) struct arena arena = {0};
    int refused = 0;
    for (int round = 0; round < 40000; round++) {
        struct lf_column column = random_column(&random, (enum lf_type)(round % TYPE_COUNT));
        const struct lf_schema schema = schema_of(&column, 1);
        struct lf_cell cell = random_value(&random, &column, &arena);
        CLEANUP(buf_done) struct buf key = {0};
        CLEANUP(buf_done) struct buf again = {0};
        CLEANUP(buf_done) struct buf scratch = {0};
        struct lf_error err = {0};
        append_key(&key, &schema, &cell);
        size_t at = (size_t)random_int(&random, (int)key.len);
        if (random_int(&random, 3) == 0) {
            key.len = at;
        } else {
            key.ptr[at] = (char)random_int(&random, 256);
        }
        arena_reset(&arena);
        if (!key_decode(&schema, buf_slice(&key), &cell, &scratch, &err)) {
            assert_int_equal(err.kind, LF_DATA);
            refused++;
            continue;
        }
        append_key(&again, &schema, &cell);
        assert_true(slice_equal(buf_slice(&key), buf_slice(&again)));
    }
    assert_true(refused > 10000);
}

static void decode_when_bytes_follow_the_key_then_refused(void **state)
{
    (void)state;
    const struct lf_column column = COLUMN(INT64, 0, 0);
    const struct lf_schema schema = schema_of(&column, 1);
    struct lf_cell cell;
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf scratch = {0};
    assert_false(key_decode(&schema, (struct lf_slice){"\x80\0\0\0\0\0\0\x07!", 9}, &cell, &scratch, &err));
    assert_int_equal(err.kind, LF_DATA);
}

/* ---- refusals ---- */

static const struct lf_column three_columns[] = {COLUMN(STRING, 0, 0), COLUMN(INT64, 0, 0), COLUMN(BINARY, 0, 0)};

static void append_when_a_key_cell_is_null_or_absent_then_refused_and_nothing_was_appended(void **state)
{
    (void)state;
    const struct lf_schema schema = schema_of(three_columns, 2);
    static const char *const rows[] = {"\"a\",", ",1", "\"a\",\x01", "\"a\",x", "a,1", "\"a\",\"1\""};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_done) struct buf key = {0};
        struct lf_slice raw[2];
        struct lf_error err = {0};
        buf_append_text(&key, "before");
        assert_false(csv_split_row(slice_of_text(rows[i]), raw, 2, &err) &&
                     key_append_from_row(&key, &schema, raw, &err));
        assert_int_equal(err.kind, LF_DATA);
        assert_string_equal(buf_text(&key), "before");
    }
    const struct lf_cell cells[2][2] = {{BYTES("a"), {.state = LF_CELL_NULL}}, {{.state = LF_CELL_ABSENT}, NUMBER(1)}};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf key = {0};
        struct lf_error err = {0};
        assert_false(key_append_from_cells(&key, &schema, cells[i], &err));
        assert_int_equal(err.kind, LF_DATA);
        assert_int_equal(key.len, 0);
    }
}

static void append_when_a_key_value_is_not_of_its_type_then_refused(void **state)
{
    (void)state;
    const struct lf_schema schema = schema_of(three_columns, 1);
    const struct lf_cell cell = BYTES("a\0b");
    CLEANUP(buf_done) struct buf key = {0};
    struct lf_error err = {0};
    assert_false(key_append_from_cells(&key, &schema, &cell, &err));
    assert_int_equal(err.kind, LF_DATA);
    const struct lf_slice raw = slice_of_text("\"\xFF\"");
    assert_false(key_append_from_row(&key, &schema, &raw, &err));
    assert_int_equal(err.kind, LF_DATA);
}

static void append_when_the_table_has_no_key_then_refused(void **state)
{
    (void)state;
    const struct lf_schema schema = {.columns = three_columns, .ncolumns = 1};
    const struct lf_cell cell = BYTES("a");
    CLEANUP(buf_done) struct buf key = {0};
    struct lf_error err = {0};
    assert_false(key_append_from_cells(&key, &schema, &cell, &err));
    assert_int_equal(err.kind, LF_SCHEMA);
}

static bool append_long_key(char byte, size_t len, struct lf_error *err)
{
    const struct lf_schema schema = schema_of(&three_columns[2], 1);
    CLEANUP(text_free) char *text = mem_new(len, 1);
    memset(text, byte, len);
    const struct lf_cell cell = {.state = LF_CELL_VALUE, .bytes = {text, len}};
    CLEANUP(buf_done) struct buf from_cells = {0};
    CLEANUP(buf_done) struct buf from_row = {0};
    CLEANUP(buf_done) struct buf row = {0};
    struct lf_error row_err = {0};
    assert_true(csv_append_row(&row, &schema, &cell, NULL, err));
    const struct lf_slice raw = buf_slice(&row);
    bool ok = key_append_from_cells(&from_cells, &schema, &cell, err);
    assert_int_equal(key_append_from_row(&from_row, &schema, &raw, &row_err), ok);
    assert_int_equal(row_err.kind, err->kind);
    return ok;
}

static void append_when_a_key_fills_the_limit_then_taken_and_one_byte_more_is_refused(void **state)
{
    (void)state;
    struct lf_error err = {0};
    assert_true(append_long_key('x', KEY_MAX - 2, &err));
    assert_true(append_long_key('\0', KEY_MAX / 2 - 1, &err));
    assert_false(append_long_key('x', KEY_MAX - 1, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    err = (struct lf_error){0};
    assert_false(append_long_key('\0', KEY_MAX / 2, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    err = (struct lf_error){0};
    assert_false(append_long_key('x', (size_t)1 << 20, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

/* ---- messages ---- */

static void assert_printed(const struct lf_column *columns, uint32_t n, const struct lf_cell *cells,
                           const char *expected)
{
    const struct lf_schema schema = schema_of(columns, n);
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(buf_done) struct buf text = {0};
    append_key(&key, &schema, cells);
    key_print(&schema, buf_slice(&key), &text);
    assert_string_equal(buf_text(&text), expected);
}

static void print_when_a_key_is_readable_then_names_and_values(void **state)
{
    (void)state;
    const struct lf_cell cells[] = {BYTES("x\ny"), NUMBER(-7), BYTES("\0\xAB")};
    assert_printed(three_columns, 3, cells, "c='x?y', c=-7, c=x'00ab'");
    const struct lf_column other[] = {COLUMN(BOOLEAN, 0, 0), COLUMN(DECIMAL, 9, 3), COLUMN(DATETIME, 0, 0)};
    const struct lf_cell values[] = {NUMBER(1), BYTES("-1.500"), BYTES("2024-01-02T03:04:05")};
    assert_printed(other, 3, values, "c=True, c=-1.5, c='2024-01-02T03:04:05'");
}

static void print_when_a_key_is_long_then_cut_between_characters(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf value = {0};
    CLEANUP(buf_done) struct buf expected = {0};
    for (int i = 0; i < 300; i++) {
        buf_append_text(&value, "\xC3\xBC");
    }
    buf_append_text(&expected, "c='");
    buf_append(&expected, value.ptr, 194);
    buf_append_text(&expected, "…"); /* 3 + 194 + 3 = 200 */
    const struct lf_cell cell = {.state = LF_CELL_VALUE, .bytes = buf_slice(&value)};
    assert_printed(three_columns, 1, &cell, buf_text(&expected));
}

static void print_when_a_key_is_damaged_then_says_so(void **state)
{
    (void)state;
    const struct lf_schema schema = schema_of(three_columns, 1);
    CLEANUP(buf_done) struct buf text = {0};
    key_print(&schema, slice_of_text("abc"), &text);
    assert_string_equal(buf_text(&text), "(unreadable key)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_when_a_value_is_known_then_the_documented_bytes),
        cmocka_unit_test(keys_when_compared_then_in_the_order_of_their_values),
        cmocka_unit_test(append_from_row_when_the_row_was_written_from_cells_then_the_bytes_of_the_cells),
        cmocka_unit_test(decode_when_a_key_is_whole_then_cells_of_the_same_value),
        cmocka_unit_test(decode_when_bytes_are_damaged_then_refused_or_the_same_bytes_again),
        cmocka_unit_test(decode_when_bytes_follow_the_key_then_refused),
        cmocka_unit_test(append_when_a_key_cell_is_null_or_absent_then_refused_and_nothing_was_appended),
        cmocka_unit_test(append_when_a_key_value_is_not_of_its_type_then_refused),
        cmocka_unit_test(append_when_the_table_has_no_key_then_refused),
        cmocka_unit_test(append_when_a_key_fills_the_limit_then_taken_and_one_byte_more_is_refused),
        cmocka_unit_test(print_when_a_key_is_readable_then_names_and_values),
        cmocka_unit_test(print_when_a_key_is_long_then_cut_between_characters),
        cmocka_unit_test(print_when_a_key_is_damaged_then_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
