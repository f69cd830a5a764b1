/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/mask.h"
#include "data/schema.h"

#include <stdlib.h>
#include <string.h>

static const struct lf_slice key = {"a key that is long enough", 25};
static const struct lf_slice other_key = {"a key that is another one", 25};

static struct lf_column column_of(enum lf_type type, const char *declared)
{
    return (struct lf_column){.id = 1, .name = "c", .source_type = declared, .type = type, .max_length = -1};
}

static struct lf_cell text_cell(const char *text)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {text, strlen(text)}};
}

static void assert_text(const struct lf_cell *cell, const char *text)
{
    assert_int_equal(cell->state, LF_CELL_VALUE);
    assert_int_equal(cell->bytes.len, strlen(text));
    assert_memory_equal(cell->bytes.ptr, text, strlen(text));
}

/* Computed with openssl dgst -sha256 -hmac. */
#define HASH_OF_42 "8aaf07e7619f7478bfcf14a7cff1d57908ca6980c9c4f18ed4e462be75df140f"
#define HASH_OF_EMPTY "c570bd4dc392dc333d7800ea2d05ed8de6c640a71d0159f8c360e3b53c240519"

static void hash_then_the_keyed_hash_of_the_lake_text_whatever_the_type(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask mask = mask_make(MASK_HASH, NULL, key);
    const struct lf_column number = column_of(LF_TYPE_INT64, "int");
    const struct lf_column text = column_of(LF_TYPE_STRING, "text");
    const struct lf_cell cells[] = {{.state = LF_CELL_VALUE, .i = 42}, text_cell("42"), text_cell("")};
    struct lf_cell made = mask_cell(&mask, "t", &number, &cells[0], &arena);
    assert_text(&made, HASH_OF_42);
    made = mask_cell(&mask, "t", &text, &cells[1], &arena);
    assert_text(&made, HASH_OF_42);
    made = mask_cell(&mask, "t", &text, &cells[2], &arena);
    assert_text(&made, HASH_OF_EMPTY);
}

static void hash_of_guid_then_of_its_lake_text(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask mask = mask_make(MASK_HASH, NULL, key);
    const struct lf_column guid = column_of(LF_TYPE_GUID, "uuid");
    const struct lf_cell upper = text_cell("0123ABCD-0000-0000-0000-0123456789AB");
    const struct lf_cell lower = text_cell("0123abcd-0000-0000-0000-0123456789ab");
    const struct lf_cell one = mask_cell(&mask, "t", &guid, &upper, &arena);
    const struct lf_cell two = mask_cell(&mask, "t", &guid, &lower, &arena);
    assert_memory_equal(one.bytes.ptr, two.bytes.ptr, MASK_HASH_CHARS);
}

static void hash_when_no_value_then_none(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask mask = mask_make(MASK_HASH, NULL, key);
    const struct lf_column text = column_of(LF_TYPE_STRING, "text");
    for (int i = LF_CELL_NULL; i <= LF_CELL_ABSENT; i += LF_CELL_ABSENT - LF_CELL_NULL) {
        const struct lf_cell cell = {.state = (enum lf_cell_state)i};
        assert_int_equal(mask_cell(&mask, "t", &text, &cell, &arena).state, i);
    }
}

static void null_and_fixed_then_the_same_for_every_cell(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask null = mask_make(MASK_NULL, NULL, key);
    const struct mask fixed = mask_make(MASK_FIXED, "**", key);
    const struct lf_column text = column_of(LF_TYPE_STRING, "text");
    const struct lf_refusal refusal = {.kind = LF_DATA, .reason = "secret"};
    const struct lf_cell cells[] = {text_cell("secret"),
                                    {.state = LF_CELL_NULL},
                                    {.state = LF_CELL_ABSENT},
                                    {.state = LF_CELL_REFUSED, .refusal = &refusal}};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        struct lf_cell made = mask_cell(&fixed, "t", &text, &cells[i], &arena);
        assert_text(&made, "**");
        assert_int_equal(mask_cell(&null, "t", &text, &cells[i], &arena).state, LF_CELL_NULL);
    }
}

static void hash_of_what_has_no_lake_text_then_refused_without_the_value(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask mask = mask_make(MASK_HASH, NULL, key);
    const struct lf_column date = column_of(LF_TYPE_DATE, "date");
    const struct lf_refusal refusal = {.kind = LF_LIMIT, .reason = "secret", .start = {"secret", 6}};
    const struct lf_cell cells[] = {text_cell("secret"), {.state = LF_CELL_REFUSED, .refusal = &refusal}};
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        const struct lf_cell made = mask_cell(&mask, "t", &date, &cells[i], &arena);
        assert_int_equal(made.state, LF_CELL_REFUSED);
        assert_int_equal(made.refusal->kind, LF_DATA);
        assert_int_equal(made.refusal->start.len, 0);
        assert_null(strstr(made.refusal->reason, "secret"));
        assert_non_null(strstr(made.refusal->reason, "table t"));
    }
}

static void column_then_it_can_be_read_back(UNUSED void **state)
{
    static const char *const declared[] = {"", "text", "numeric(10,2)", "double precision", "odd (type) of\nmine("};
    CLEANUP(arena_done) struct arena arena = {0};
    for (int kind = MASK_NULL; kind <= MASK_HASH; kind++) {
        const struct mask mask = mask_make((enum mask_kind)kind, "é!", key);
        for (size_t i = 0; i < ARRAY_LEN(declared); i++) {
            struct lf_column source = column_of(LF_TYPE_DECIMAL, declared[i]);
            struct lf_column back;
            struct mask sign;
            source.precision = 10;
            source.scale = 2;
            source.max_length = 77;
            const struct lf_column lake = mask_column(&mask, &source, &arena);
            assert_int_equal(lake.type, kind == MASK_NULL ? LF_TYPE_DECIMAL : LF_TYPE_STRING);
            assert_int_equal(lake.max_length, kind == MASK_NULL ? 77 : kind == MASK_FIXED ? 2 : 64);
            assert_true(mask_read_column(&lake, &arena, &sign, &back));
            assert_true(mask_is_same(&sign, &mask));
            assert_string_equal(back.source_type, declared[i]);
            assert_int_equal(back.type, LF_TYPE_DECIMAL);
            assert_int_equal(back.max_length, 77);
            assert_int_equal(back.precision, 10);
            assert_int_equal(back.scale, 2);
        }
    }
}

static void column_without_a_mask_then_none_is_read(UNUSED void **state)
{
    static const char *const declared[] = {"",
                                           "text",
                                           "masked",
                                           "masked hash",
                                           "masked rot13 - STRING 0 0 t(1)",
                                           "masked hash 12345678901234567 STRING 0 0 t(1)",
                                           "masked hash 1 NUMBER 0 0 t(1)",
                                           "masked hash 1 STRING 0 0 t"};
    CLEANUP(arena_done) struct arena arena = {0};
    struct mask mask;
    struct lf_column back;
    for (size_t i = 0; i < ARRAY_LEN(declared); i++) {
        const struct lf_column column = column_of(LF_TYPE_STRING, declared[i]);
        assert_false(mask_read_column(&column, &arena, &mask, &back));
    }
}

static void sign_then_another_for_another_key_or_text_and_no_key_in_it(UNUSED void **state)
{
    const struct mask a = mask_make(MASK_HASH, NULL, key);
    const struct mask b = mask_make(MASK_HASH, NULL, other_key);
    const struct mask c = mask_make(MASK_FIXED, "x", key);
    const struct mask d = mask_make(MASK_FIXED, "y", key);
    const struct mask again = mask_make(MASK_HASH, NULL, key);
    assert_true(mask_is_same(&a, &again));
    assert_false(mask_is_same(&a, &b));
    assert_false(mask_is_same(&c, &d));
    assert_false(mask_is_same(&a, &c));
    assert_int_equal(strlen(a.sign), MASK_SIGN_SIZE - 1);
}

/* Schemas of the lake are compared as they are: only what changes cells may mean a load. */
static void schema_when_a_masked_column_changes_then_loaded_again_unless_it_is_longer(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask mask = mask_make(MASK_HASH, NULL, key);
    const struct mask other = mask_make(MASK_HASH, NULL, other_key);
    struct lf_column source = column_of(LF_TYPE_STRING, "varchar(10)");
    source.max_length = 10;
    struct lf_column longer = column_of(LF_TYPE_STRING, "varchar(20)");
    longer.max_length = 20;
    const struct lf_column number = column_of(LF_TYPE_INT64, "int");
    const uint32_t first = 0;
    const struct lf_column lake = mask_column(&mask, &source, &arena);
    const struct lf_column nexts[] = {mask_column(&mask, &longer, &arena), mask_column(&other, &source, &arena),
                                      mask_column(&mask, &number, &arena), source};
    CLEANUP(schema_free) struct schema *old = NULL;
    struct lf_error err;
    assert_true(schema_new(&(struct lf_schema){&lake, 1, &first, 1}, 1, &old, &err));
    for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
        CLEANUP(schema_free) struct schema *next = NULL;
        enum schema_verdict verdict;
        assert_true(schema_evolve(old, &(struct lf_schema){&nexts[i], 1, &first, 1}, &verdict, &next, &err));
        assert_int_equal(verdict, i == 0 ? SCHEMA_SAME : SCHEMA_RELOAD);
    }
}

static void key_then_a_hash_alone_and_not_of_a_double(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct mask hash = mask_make(MASK_HASH, NULL, key);
    const struct mask null = mask_make(MASK_NULL, NULL, key);
    const struct mask fixed = mask_make(MASK_FIXED, "x", key);
    const struct lf_column text = column_of(LF_TYPE_STRING, "text");
    const struct lf_column number = column_of(LF_TYPE_DOUBLE, "real");
    assert_null(mask_refuse_key(&hash, &text, &arena));
    assert_non_null(mask_refuse_key(&hash, &number, &arena));
    assert_non_null(mask_refuse_key(&null, &text, &arena));
    assert_non_null(mask_refuse_key(&fixed, &text, &arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_then_the_keyed_hash_of_the_lake_text_whatever_the_type),
        cmocka_unit_test(hash_of_guid_then_of_its_lake_text),
        cmocka_unit_test(hash_when_no_value_then_none),
        cmocka_unit_test(null_and_fixed_then_the_same_for_every_cell),
        cmocka_unit_test(hash_of_what_has_no_lake_text_then_refused_without_the_value),
        cmocka_unit_test(column_then_it_can_be_read_back),
        cmocka_unit_test(column_without_a_mask_then_none_is_read),
        cmocka_unit_test(sign_then_another_for_another_key_or_text_and_no_key_in_it),
        cmocka_unit_test(schema_when_a_masked_column_changes_then_loaded_again_unless_it_is_longer),
        cmocka_unit_test(key_then_a_hash_alone_and_not_of_a_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
