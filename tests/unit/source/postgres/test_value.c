/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "source/postgres/copy_text.h"
#include "source/postgres/type.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pg_type type_of(uint32_t oid, int32_t typmod)
{
    return pg_type_of(&(struct pg_type_row){.oid = oid, .typmod = typmod, .delimiter = ','});
}

static int32_t numeric(int precision, int scale)
{
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}

/* What the text becomes: the cell as text, or "! " and why not. */
static const char *show(const struct pg_type *type, const char *text, struct arena *arena)
{
    struct lf_cell cell = {0};
    const char *why = pg_cell_from_text(type, text, strlen(text), arena, &cell);
    if (why != NULL) {
        return "!";
    }
    assert_int_equal(cell.state, LF_CELL_VALUE);
    return pg_cell_to_text(type, &cell, arena);
}

struct sample {
    uint32_t oid;
    int32_t typmod;
    const char *text, *shown; /* "!": refused */
};

static const struct sample typed_samples[] = {
    {PG_OID_BOOL, -1, "t", "t"},
    {PG_OID_BOOL, -1, "f", "f"},
    {PG_OID_BOOL, -1, "true", "!"},
    {PG_OID_INT8, -1, "-9223372036854775808", "-9223372036854775808"},
    {PG_OID_INT8, -1, "9223372036854775807", "9223372036854775807"},
    {PG_OID_INT8, -1, "9223372036854775808", "!"},
    {PG_OID_INT8, -1, "-9223372036854775809", "!"},
    {PG_OID_INT8, -1, "99999999999999999999999", "!"},
    {PG_OID_INT4, -1, "", "!"},
    {PG_OID_INT4, -1, "-", "!"},
    {PG_OID_INT4, -1, "1 ", "!"},
    {PG_OID_OID, -1, "4294967295", "4294967295"},
    {PG_OID_XID8, -1, "18446744073709551615", "18446744073709551615"},
    {PG_OID_FLOAT8, -1, "0.1", "0.10000000000000001"},
    {PG_OID_FLOAT8, -1, "NaN", "NaN"},
    {PG_OID_FLOAT8, -1, "-Infinity", "-Infinity"},
    {PG_OID_FLOAT8, -1, "1.7976931348623157e+308", "1.7976931348623157e+308"},
    {PG_OID_FLOAT8, -1, "5e-324", "4.9406564584124654e-324"},
    {PG_OID_FLOAT8, -1, "1e999", "!"},
    {PG_OID_FLOAT8, -1, "", "!"},
    {PG_OID_FLOAT8, -1, " 1", "!"},
    {PG_OID_DATE, -1, "2024-02-29", "2024-02-29"},
    {PG_OID_DATE, -1, "2023-02-29", "!"},
    {PG_OID_DATE, -1, "0001-01-01", "0001-01-01"},
    {PG_OID_DATE, -1, "0044-03-15 BC", "!"},
    {PG_OID_DATE, -1, "10000-01-01", "!"},
    {PG_OID_DATE, -1, "infinity", "!"},
    {PG_OID_DATE, -1, "-infinity", "!"},
    {PG_OID_TIME, -1, "23:59:59.999999", "23:59:59.999999"},
    {PG_OID_TIME, -1, "00:00:00", "00:00:00"},
    {PG_OID_TIME, -1, "24:00:00", "!"},
    {PG_OID_TIMESTAMP, -1, "2024-01-02 03:04:05.6", "2024-01-02T03:04:05.6"},
    {PG_OID_TIMESTAMP, -1, "infinity", "!"},
    {PG_OID_TIMESTAMP, -1, "2024-01-02", "!"},
    {PG_OID_TIMESTAMP, 0, "2024-01-02 03:04:05", "2024-01-02T03:04:05"},
    {PG_OID_TIMESTAMPTZ, -1, "2024-01-02 03:04:05+00", "2024-01-02T03:04:05Z"},
    {PG_OID_TIMESTAMPTZ, -1, "2024-01-02 03:04:05.123456+00", "2024-01-02T03:04:05.123456Z"},
    {PG_OID_TIMESTAMPTZ, -1, "2024-01-02 03:04:05+01", "!"},
    {PG_OID_TIMESTAMPTZ, -1, "-infinity", "!"},
    {PG_OID_TIMESTAMPTZ, -1, "+00", "!"},
    {PG_OID_UUID, -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {PG_OID_UUID, -1, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "!"},
    {PG_OID_BYTEA, -1, "\\x00ff10", "\\x00ff10"},
    {PG_OID_BYTEA, -1, "\\x", "\\x"},
    {PG_OID_BYTEA, -1, "\\x0", "!"},
    {PG_OID_BYTEA, -1, "\\000\\377", "!"},
    {PG_OID_TEXT, -1, "\\N", "\\N"},
    {PG_OID_TEXT, -1, "", ""},
    {PG_OID_BPCHAR, 9, "ab   ", "ab   "},
    {PG_OID_JSON, -1, "{\"a\" : 1}", "{\"a\" : 1}"},
    {PG_OID_INT2VECTOR, -1, "1 2 3", "1 2 3"},
    {3802, -1, "1", "1"},
    {869, -1, "10.0.0.1/8", "10.0.0.1/8"}, /* inet */
};

static void cell_when_of_a_type_then_exact_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(typed_samples); i++) {
        CLEANUP(arena_done) struct arena arena = {0};
        struct pg_type type = type_of(typed_samples[i].oid, typed_samples[i].typmod);
        assert_string_equal(show(&type, typed_samples[i].text, &arena), typed_samples[i].shown);
    }
}

static void numeric_when_declared_then_decimal_or_text(void **state)
{
    (void)state;
    static const struct {
        int precision, scale; /* precision 0: not declared */
        enum lf_type type;
        int lake_precision, lake_scale;
    } samples[] = {
        {10, 2, LF_TYPE_DECIMAL, 10, 2}, {38, 38, LF_TYPE_DECIMAL, 38, 38}, {38, 0, LF_TYPE_DECIMAL, 38, 0},
        {39, 0, LF_TYPE_STRING, 0, 0},   {0, 0, LF_TYPE_STRING, 0, 0},      {5, -3, LF_TYPE_DECIMAL, 8, 0},
        {3, 5, LF_TYPE_DECIMAL, 5, 5},   {30, -9, LF_TYPE_STRING, 0, 0},    {1000, 500, LF_TYPE_STRING, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        int32_t typmod = samples[i].precision > 0 ? numeric(samples[i].precision, samples[i].scale) : -1;
        struct pg_type type = type_of(PG_OID_NUMERIC, typmod);
        assert_int_equal(type.type, samples[i].type);
        assert_int_equal(type.precision, samples[i].lake_precision);
        assert_int_equal(type.scale, samples[i].lake_scale);
    }
}

static void decimal_when_not_finite_or_too_long_then_refused(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    struct pg_type type = type_of(PG_OID_NUMERIC, numeric(4, 2));
    assert_string_equal(show(&type, "-12.30", &arena), "-12.30");
    assert_string_equal(show(&type, "0.05", &arena), "0.05");
    assert_string_equal(show(&type, "NaN", &arena), "!");
    assert_string_equal(show(&type, "Infinity", &arena), "!");
    assert_string_equal(show(&type, "123.45", &arena), "!");
    assert_string_equal(show(&type, "1e2", &arena), "!");
    assert_string_equal(show(&type, "1.", &arena), "!");
    struct pg_type small = type_of(PG_OID_NUMERIC, numeric(2, 2));
    assert_string_equal(show(&small, "0.99", &arena), "0.99");
}

static void text_when_length_declared_then_max_length(void **state)
{
    (void)state;
    assert_int_equal(type_of(PG_OID_VARCHAR, 14).max_length, 10);
    assert_int_equal(type_of(PG_OID_VARCHAR, -1).max_length, -1);
    assert_int_equal(type_of(PG_OID_BPCHAR, 5).max_length, 1);
    assert_int_equal(type_of(PG_OID_TEXT, -1).max_length, -1);
}

static void array_when_read_then_json(void **state)
{
    (void)state;
    static const struct {
        uint32_t element;
        char delimiter;
        const char *text, *json; /* "!": refused */
    } samples[] = {
        {PG_OID_INT4, ',', "{}", "[]"},
        {PG_OID_INT4, ',', "{1,-2,NULL}", "[1,-2,null]"},
        {PG_OID_INT4, ',', "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
        {PG_OID_INT4, ',', "[2:3]={1,2}", "[1,2]"},
        {PG_OID_INT4, ',', "[1:1][-2:-1]={{1,2}}", "[[1,2]]"},
        {PG_OID_TEXT, ',', "{a,\"b,c\",NULL,\"NULL\",\"\"}", "[\"a\",\"b,c\",null,\"NULL\",\"\"]"},
        {PG_OID_TEXT, ',', "{\"q\\\"uote\",\"back\\\\slash\",\"{x}\"}", "[\"q\\\"uote\",\"back\\\\slash\",\"{x}\"]"},
        {PG_OID_TEXT, ',', "{\"line\nfeed\"}", "[\"line\\u000afeed\"]"},
        {PG_OID_BOOL, ',', "{t,f,NULL}", "[true,false,null]"},
        {PG_OID_FLOAT8, ',', "{1.5,NaN,-Infinity,1e+300}", "[1.5,\"NaN\",\"-Infinity\",1e+300]"},
        {PG_OID_NUMERIC, ',', "{0.1,123456789012345678901234567890}", "[0.1,123456789012345678901234567890]"},
        {PG_OID_JSONB, ',', "{\"{\\\"a\\\": 1}\",NULL}", "[{\"a\": 1},null]"},
        {603, ';', "{(1,1),(0,0);(2,2),(1,1)}", "[\"(1,1),(0,0)\",\"(2,2),(1,1)\"]"}, /* box */
        {PG_OID_INT4, ',', "{1", "!"},
        {PG_OID_INT4, ',', "1}", "!"},
        {PG_OID_INT4, ',', "{1}}", "!"},
        {PG_OID_INT4, ',', "{1}x", "!"},
        {PG_OID_INT4, ',', "", "!"},
        {PG_OID_TEXT, ',', "{\"a", "!"},
        {PG_OID_TEXT, ',', "{\"a\\", "!"},
        {PG_OID_INT4, ',', "{{{{{{{1}}}}}}}", "!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(arena_done) struct arena arena = {0};
        struct pg_type type = pg_type_of(&(struct pg_type_row){
            .oid = 1007, .typmod = -1, .element = samples[i].element, .delimiter = samples[i].delimiter});
        assert_int_equal(type.type, LF_TYPE_JSON);
        assert_string_equal(show(&type, samples[i].text, &arena), samples[i].json);
    }
}

static void type_when_configured_as_string_then_takes_anything(void **state)
{
    (void)state;
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_error err = {0};
    struct pg_type type = type_of(PG_OID_DATE, -1);
    assert_true(pg_type_configure(&type, "string", &err));
    assert_string_equal(show(&type, "infinity", &arena), "infinity");
    assert_false(pg_type_configure(&type, "varchar", &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void copy_when_escaped_then_taken_back(void **state)
{
    (void)state;
    char line[] = "1\t\\N\t\\\\N\ta\\tb\\nc\\rd\\\\e\\bf\\fg\\v\t\n";
    struct pg_field fields[5];
    assert_true(pg_copy_split(line, sizeof line - 1, fields, 5));
    assert_int_equal(fields[0].len, 1);
    assert_int_equal(fields[1].state, PG_FIELD_NULL);
    assert_int_equal(fields[2].state, PG_FIELD_TEXT);
    assert_memory_equal(fields[2].text, "\\N", 2);
    assert_int_equal(fields[2].len, 2);
    static const char expected[] = "a\tb\nc\rd\\e\bf\fg\v";
    assert_int_equal(fields[3].len, sizeof expected - 1);
    assert_memory_equal(fields[3].text, expected, sizeof expected - 1);
    assert_int_equal(fields[4].len, 0);
    assert_int_equal(fields[4].state, PG_FIELD_TEXT);
}

static void copy_when_other_number_of_fields_then_refused(void **state)
{
    (void)state;
    struct pg_field fields[3];
    char few[] = "1\t2\n";
    char many[] = "1\t2\t3\t4\n";
    char none[] = "\n";
    assert_false(pg_copy_split(few, sizeof few - 1, fields, 3));
    assert_false(pg_copy_split(many, sizeof many - 1, fields, 3));
    assert_true(pg_copy_split(none, sizeof none - 1, fields, 1));
    assert_int_equal(fields[0].len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cell_when_of_a_type_then_exact_or_refused),
        cmocka_unit_test(numeric_when_declared_then_decimal_or_text),
        cmocka_unit_test(decimal_when_not_finite_or_too_long_then_refused),
        cmocka_unit_test(text_when_length_declared_then_max_length),
        cmocka_unit_test(array_when_read_then_json),
        cmocka_unit_test(type_when_configured_as_string_then_takes_anything),
        cmocka_unit_test(copy_when_escaped_then_taken_back),
        cmocka_unit_test(copy_when_other_number_of_fields_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
