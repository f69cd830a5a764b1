/* SPDX-License-Identifier: Apache-2.0 */
#include "random_model.h"

static void copy_of_random_models_then_equal_and_independent(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    for (int i = 0; i < 200; i++) {
        struct model *model = random_model(&random, 4);
        if (model->nentities > 0) {
            model->entities[0].load = random_load(&random);
        }
        struct model *copy = model_copy(model);
        struct model *again = model_copy(copy);
        model_free(&model);
        assert_null(model);
        assert_model_equal(copy, again, true);
        if (copy->nentities > 0) {
            assert_ptr_not_equal(copy->entities[0].load, again->entities[0].load);
            assert_load_equal(copy->entities[0].load, again->entities[0].load, true);
        }
        model_free(&copy);
        model_free(&again);
    }
}

static void free_of_nothing_then_nothing(UNUSED void **state)
{
    struct model *model = NULL;
    struct model_load *load = NULL;
    model_free(&model);
    model_load_free(&load);
    assert_null(model_load_copy(NULL));
}

static void find_when_every_name_is_asked_then_each_is_found(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, 1);
    struct model *model = random_model(&random, 0);
    assert_null(model_find(model, "Entity-0000_x"));
    model->nentities = 5;
    model->entities = mem_new(model->nentities, sizeof *model->entities);
    for (size_t i = 0; i < model->nentities; i++) {
        model->entities[i].name = text_printf("e%zu", i * 2);
    }
    for (size_t i = 0; i < 10; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "e%zu", i);
        assert_ptr_equal(model_find(model, name), i % 2 == 0 ? &model->entities[i / 2] : NULL);
    }
    model_free(&model);
}

static void shape_when_made_from_a_schema_then_the_view_is_that_schema(UNUSED void **state)
{
    const struct lf_column columns[] = {
        {.id = 4, .name = "id", .source_type = "INTEGER", .type = LF_TYPE_INT64, .max_length = -1},
        {.id = 9, .name = "a/b", .source_type = "", .type = LF_TYPE_STRING, .max_length = 20, .dropped = true},
        {.id = 2,
         .name = "price",
         .source_type = "numeric",
         .type = LF_TYPE_DECIMAL,
         .max_length = -1,
         .precision = 9,
         .scale = 2},
    };
    const uint32_t key[] = {2, 0};
    const struct lf_schema schema = {.columns = columns, .ncolumns = 3, .key = key, .nkey = 2};
    const char *const names[] = {"id", "a_b-01234567", "price"};
    struct model_shape shape = model_shape_from(&schema, names, 5);
    assert_int_equal(shape.version, 5);
    assert_null(shape.attributes[0].column);
    assert_null(shape.attributes[1].source_type);
    assert_string_equal(shape.attributes[1].name, "a_b-01234567");
    struct lf_schema view;
    struct lf_column *view_columns;
    model_shape_view(&shape, &view, &view_columns);
    assert_int_equal(view.ncolumns, 3);
    assert_int_equal(view.nkey, 2);
    assert_memory_equal(view.key, key, sizeof key);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(view.columns[i].name, columns[i].name);
        assert_string_equal(view.columns[i].source_type, columns[i].source_type);
        assert_int_equal(view.columns[i].id, columns[i].id);
        assert_int_equal(view.columns[i].type, columns[i].type);
        assert_int_equal(view.columns[i].max_length, columns[i].max_length);
        assert_int_equal(view.columns[i].precision, columns[i].precision);
        assert_int_equal(view.columns[i].scale, columns[i].scale);
        assert_int_equal(view.columns[i].dropped, columns[i].dropped);
    }
    free(view_columns);
    model_shape_done(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_of_random_models_then_equal_and_independent),
        cmocka_unit_test(free_of_nothing_then_nothing),
        cmocka_unit_test(find_when_every_name_is_asked_then_each_is_found),
        cmocka_unit_test(shape_when_made_from_a_schema_then_the_view_is_that_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
