/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "data/schema.h"

#include <stdlib.h>
#include <string.h>

static const struct lf_column id_column = {
    .id = 1, .name = "id", .source_type = "bigint", .type = LF_TYPE_INT64, .max_length = -1};
static const struct lf_column a_column = {
    .id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10};
static const struct lf_column b_column = {.id = 3,
                                          .name = "b",
                                          .source_type = "numeric(9,2)",
                                          .type = LF_TYPE_DECIMAL,
                                          .max_length = -1,
                                          .precision = 9,
                                          .scale = 2};
static const struct lf_column c_column = {
    .id = 4, .name = "c", .source_type = "timestamp", .type = LF_TYPE_DATETIME, .max_length = -1, .scale = 6};
static const uint32_t first[] = {0};
static const uint32_t last[] = {2};

/* A table of up to four columns that a test changes. */
struct table {
    struct lf_column columns[4];
    struct lf_schema lf;
};

static void table_init(struct table *table, uint32_t count)
{
    table->columns[0] = id_column;
    table->columns[1] = a_column;
    table->columns[2] = b_column;
    table->columns[3] = c_column;
    table->lf = (struct lf_schema){.columns = table->columns, .ncolumns = count, .key = first, .nkey = 1};
}

static struct schema *make(const struct lf_schema *from, uint32_t version)
{
    struct schema *schema = NULL;
    struct lf_error err = {0};
    if (!schema_new(from, version, &schema, &err)) {
        fail_msg("%s", err.msg);
    }
    return schema;
}

static struct schema *evolve(const struct schema *old, const struct lf_schema *now, enum schema_verdict expected)
{
    struct schema *next = NULL;
    struct lf_error err = {0};
    enum schema_verdict verdict;
    if (!schema_evolve(old, now, &verdict, &next, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(verdict, expected);
    assert_int_equal(next->version, old->version + (expected != SCHEMA_SAME));
    return next;
}

static void assert_names(const struct schema *schema, const char *expected)
{
    CLEANUP(buf_done) struct buf names = {0};
    for (uint32_t i = 0; i < schema->lf.ncolumns; i++) {
        buf_printf(&names, "%s%s%s", i > 0 ? " " : "", schema->lf.columns[i].dropped ? "-" : "",
                   schema->lf.columns[i].name);
    }
    assert_string_equal(buf_text(&names), expected);
}

/* ---- one schema ---- */

static void new_when_the_source_goes_away_then_the_copy_stays(void **state)
{
    (void)state;
    char name[] = "name";
    struct table table;
    table_init(&table, 2);
    table.columns[1].name = name;
    table.columns[1].source_type = NULL;
    CLEANUP(schema_free) struct schema *schema = make(&table.lf, 7);
    memset(name, 'x', 4);
    memset(&table, 0xFF, sizeof table);
    CLEANUP(schema_free) struct schema *copy = schema_copy(schema);
    schema_free(&schema);
    assert_null(schema);
    assert_int_equal(copy->version, 7);
    assert_names(copy, "id name");
    assert_string_equal(copy->lf.columns[1].source_type, "");
    assert_int_equal(copy->lf.nkey, 1);
    assert_int_equal(copy->lf.key[0], 0);
    assert_int_equal(schema_find(&copy->lf, 2), 1);
    assert_int_equal(schema_find(&copy->lf, 3), -1);
}

static void set_no_columns(struct table *table)
{
    table->lf.ncolumns = table->lf.nkey = 0;
}

static void set_no_id(struct table *table)
{
    table->columns[1].id = 0;
}

static void set_id_twice(struct table *table)
{
    table->columns[2].id = 1;
}

static void set_key_outside(struct table *table)
{
    static const uint32_t outside[] = {3};
    table->lf.key = outside;
}

static void set_key_twice(struct table *table)
{
    static const uint32_t twice[] = {1, 1};
    table->lf.key = twice;
    table->lf.nkey = 2;
}

static void set_wide_decimal(struct table *table)
{
    table->columns[2].precision = 39;
}

static void set_deep_decimal(struct table *table)
{
    table->columns[2].scale = 10;
}

static void set_no_precision(struct table *table)
{
    table->columns[2].precision = table->columns[2].scale = 0;
}

static void set_fine_time(struct table *table)
{
    table->columns[2] = c_column;
    table->columns[2].scale = 8;
}

static void new_when_the_table_is_invalid_then_refused(void **state)
{
    (void)state;
    static void (*const faults[])(struct table *) = {set_no_columns,   set_no_id,        set_id_twice,
                                                     set_key_outside,  set_key_twice,    set_wide_decimal,
                                                     set_deep_decimal, set_no_precision, set_fine_time};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct table table;
        table_init(&table, 3);
        faults[i](&table);
        struct schema *schema = NULL;
        struct lf_error err = {0};
        if (schema_new(&table.lf, 1, &schema, &err)) {
            schema_free(&schema);
            fail_msg("case %zu was taken", i);
        }
        assert_int_equal(err.kind, LF_SCHEMA);
        assert_null(schema);
    }
}

static struct lf_column *many_columns(uint32_t count, uint32_t first_id)
{
    struct lf_column *columns = mem_new(count, sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct lf_column){
            .id = first_id + i, .name = "x", .source_type = "", .type = LF_TYPE_INT64, .max_length = -1};
    }
    return columns;
}

static void new_when_there_are_2048_columns_then_taken_and_one_more_is_refused(void **state)
{
    (void)state;
    struct lf_column *columns = many_columns(SCHEMA_COLUMNS_MAX + 1, 1);
    struct lf_schema lf = {.columns = columns, .ncolumns = SCHEMA_COLUMNS_MAX, .key = first, .nkey = 1};
    CLEANUP(schema_free) struct schema *schema = make(&lf, 1);
    assert_int_equal(schema->lf.ncolumns, SCHEMA_COLUMNS_MAX);
    struct schema *none = NULL;
    struct lf_error err = {0};
    lf.ncolumns++;
    assert_false(schema_new(&lf, 1, &none, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    free(columns);
}

static void same_shape_when_any_part_of_a_column_differs_then_false(void **state)
{
    (void)state;
    static const struct lf_column others[] = {
        {.id = 9, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10},
        {.id = 2, .name = "A", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10},
        {.id = 2, .name = "a", .source_type = "text", .type = LF_TYPE_STRING, .max_length = 10},
        {.id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_JSON, .max_length = 10},
        {.id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 11},
        {.id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10, .precision = 1},
        {.id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10, .scale = 1},
        {.id = 2, .name = "a", .source_type = "varchar(10)", .type = LF_TYPE_STRING, .max_length = 10, .dropped = true},
    };
    struct table a;
    struct table b;
    table_init(&a, 4);
    table_init(&b, 4);
    assert_true(schema_same_shape(&a.lf, &b.lf));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        b.columns[1] = others[i];
        if (schema_same_shape(&a.lf, &b.lf)) {
            fail_msg("case %zu", i);
        }
    }
}

static void same_shape_when_width_or_key_differs_then_false(void **state)
{
    (void)state;
    struct table a;
    struct table b;
    table_init(&a, 4);
    table_init(&b, 3);
    assert_false(schema_same_shape(&a.lf, &b.lf));
    table_init(&b, 4);
    b.lf.nkey = 0;
    assert_false(schema_same_shape(&a.lf, &b.lf));
    table_init(&b, 4);
    b.lf.key = last;
    assert_false(schema_same_shape(&a.lf, &b.lf));
}

/* ---- evolution ---- */

static void evolve_when_only_the_order_differs_then_same(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 4);
    table.columns[0] = b_column;
    table.columns[2] = id_column;
    table.lf.key = last;
    CLEANUP(schema_free) struct schema *next = evolve(old, &table.lf, SCHEMA_SAME);
    assert_names(next, "id a b");
}

static void evolve_when_a_column_comes_goes_and_is_renamed_then_rewrite_in_place(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
    struct lf_column columns[] = {c_column, id_column, a_column};
    static const uint32_t second[] = {1};
    columns[2].name = "renamed";
    const struct lf_schema now = {.columns = columns, .ncolumns = 3, .key = second, .nkey = 1};
    CLEANUP(schema_free) struct schema *next = evolve(old, &now, SCHEMA_REWRITE);
    assert_names(next, "id renamed -b c");
    assert_int_equal(next->lf.key[0], 0);
    assert_int_equal(next->lf.nkey, 1);
    CLEANUP(schema_free) struct schema *again = evolve(next, &now, SCHEMA_SAME);
    assert_names(again, "id renamed -b c");
}

static void evolve_when_two_columns_swap_names_then_rewrite(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
    table.columns[1].name = "b";
    table.columns[2].name = "a";
    CLEANUP(schema_free) struct schema *next = evolve(old, &table.lf, SCHEMA_REWRITE);
    assert_names(next, "id b a");
}

static void evolve_when_a_string_gets_longer_then_rewrite(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
    table.columns[1].max_length = 20;
    table.columns[1].source_type = "varchar(20)";
    CLEANUP(schema_free) struct schema *next = evolve(old, &table.lf, SCHEMA_REWRITE);
    assert_int_equal(next->lf.columns[1].max_length, 20);
    assert_string_equal(next->lf.columns[1].source_type, "varchar(20)");
}

static void evolve_when_cells_or_key_change_their_meaning_then_reload_with_the_new_shape_alone(void **state)
{
    (void)state;
    static const uint32_t both[] = {0, 1};
    for (int i = 0; i < 7; i++) {
        struct table table;
        table_init(&table, 4);
        CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
        table.lf.ncolumns = 3; /* c is dropped as well: it must be gone, not marked */
        table.columns[1].type = i == 0 ? LF_TYPE_JSON : LF_TYPE_STRING;
        table.columns[1].source_type = i == 1 ? "text" : "varchar(10)";
        table.columns[2].scale = i == 2 ? 3 : 2;
        table.columns[2].precision = i == 3 ? 10 : 9;
        table.lf.key = i == 4 ? last : first;
        if (i == 5) {
            table.lf.key = both;
            table.lf.nkey = 2;
        }
        table.columns[0].id = i == 6 ? 11 : 1; /* the key column was dropped; another has its name */
        CLEANUP(schema_free) struct schema *next = evolve(old, &table.lf, SCHEMA_RELOAD);
        assert_names(next, "id a b");
        assert_true(schema_same_shape(&next->lf, &table.lf));
    }
}

static void evolve_when_a_dropped_name_or_id_lives_again_then_reload(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    table.columns[2].dropped = true;
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 3);

    table.columns[2] = c_column; /* added under the name of the dropped one */
    table.columns[2].name = "b";
    CLEANUP(schema_free) struct schema *added = evolve(old, &table.lf, SCHEMA_RELOAD);
    assert_names(added, "id a b");

    table.lf.ncolumns = 2; /* renamed to it */
    table.columns[1].name = "b";
    CLEANUP(schema_free) struct schema *renamed = evolve(old, &table.lf, SCHEMA_RELOAD);
    assert_names(renamed, "id b");

    table_init(&table, 3); /* the dropped id itself */
    CLEANUP(schema_free) struct schema *back = evolve(old, &table.lf, SCHEMA_RELOAD);
    assert_names(back, "id a b");
}

static void evolve_when_a_column_is_dropped_and_added_in_one_step_then_reload(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
    table.columns[2].id = 9;
    CLEANUP(schema_free) struct schema *next = evolve(old, &table.lf, SCHEMA_RELOAD);
    assert_int_equal(next->lf.columns[2].id, 9);
    assert_false(next->lf.columns[2].dropped);
}

static void evolve_when_dropped_columns_exceed_the_limit_then_reload(void **state)
{
    (void)state;
    struct lf_column *columns = many_columns(SCHEMA_COLUMNS_MAX, 1);
    struct lf_schema lf = {.columns = columns, .ncolumns = SCHEMA_COLUMNS_MAX, .key = first, .nkey = 1};
    CLEANUP(schema_free) struct schema *old = make(&lf, 1);
    columns[1].id = 5000;
    columns[1].name = "y";
    CLEANUP(schema_free) struct schema *next = evolve(old, &lf, SCHEMA_RELOAD);
    assert_int_equal(next->lf.ncolumns, SCHEMA_COLUMNS_MAX);
    free(columns);
}

static void evolve_when_the_key_is_gone_or_the_table_is_invalid_then_refused(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, 3);
    CLEANUP(schema_free) struct schema *old = make(&table.lf, 1);
    struct schema *next = NULL;
    struct lf_error err = {0};
    enum schema_verdict verdict;
    table.lf.nkey = 0;
    assert_false(schema_evolve(old, &table.lf, &verdict, &next, &err));
    assert_int_equal(err.kind, LF_SCHEMA);
    table_init(&table, 3);
    table.columns[1].id = 1;
    assert_false(schema_evolve(old, &table.lf, &verdict, &next, &err));
    assert_int_equal(err.kind, LF_SCHEMA);
    assert_null(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_when_the_source_goes_away_then_the_copy_stays),
        cmocka_unit_test(new_when_the_table_is_invalid_then_refused),
        cmocka_unit_test(new_when_there_are_2048_columns_then_taken_and_one_more_is_refused),
        cmocka_unit_test(same_shape_when_any_part_of_a_column_differs_then_false),
        cmocka_unit_test(same_shape_when_width_or_key_differs_then_false),
        cmocka_unit_test(evolve_when_only_the_order_differs_then_same),
        cmocka_unit_test(evolve_when_a_column_comes_goes_and_is_renamed_then_rewrite_in_place),
        cmocka_unit_test(evolve_when_two_columns_swap_names_then_rewrite),
        cmocka_unit_test(evolve_when_a_string_gets_longer_then_rewrite),
        cmocka_unit_test(evolve_when_cells_or_key_change_their_meaning_then_reload_with_the_new_shape_alone),
        cmocka_unit_test(evolve_when_a_dropped_name_or_id_lives_again_then_reload),
        cmocka_unit_test(evolve_when_a_column_is_dropped_and_added_in_one_step_then_reload),
        cmocka_unit_test(evolve_when_dropped_columns_exceed_the_limit_then_reload),
        cmocka_unit_test(evolve_when_the_key_is_gone_or_the_table_is_invalid_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
