/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/committer.h"
#include "world.h"

static void set_when_a_path_comes_twice_then_once_with_the_smaller_since(UNUSED void **state)
{
    CLEANUP(path_set_done) struct path_set set = {0};
    path_set_seal(&set);
    assert_false(path_set_has(&set, "b"));
    path_set_append(&set, "b", 4);
    path_set_append(&set, "a", 9);
    path_set_append(&set, "b", 2);
    path_set_append(&set, "b", 3);
    path_set_seal(&set);
    assert_int_equal(set.count, 2);
    assert_string_equal(set.items[0].path, "a");
    assert_int_equal(set.items[1].since, 2);
}

static void set_when_filled_at_random_then_as_a_table_of_flags(UNUSED void **state)
{
    struct random_seeded random;
    random_seeded_init(&random, seed_of_run());
    CLEANUP(path_set_done) struct path_set set = {0};
    bool flags[50] = {false};
    for (int i = 0; i < 5000; i++) {
        const size_t n = (size_t)random_seeded_below(&random, ARRAY_LEN(flags));
        CLEANUP(text_free) char *path = text_printf("p%zu", n);
        assert_int_equal(path_set_has(&set, path), flags[n]);
        flags[n] = random_seeded_below(&random, 2) == 0;
        if (flags[n]) {
            path_set_insert(&set, path);
        } else {
            path_set_remove(&set, path);
        }
        assert_int_equal(path_set_has(&set, path), flags[n]);
    }
}

static void model_when_absent_then_it_names_nothing(UNUSED void **state)
{
    CLEANUP(path_set_done) struct path_set set = {0};
    paths_of_model(NULL, &set);
    assert_int_equal(set.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_when_a_path_comes_twice_then_once_with_the_smaller_since),
        cmocka_unit_test(set_when_filled_at_random_then_as_a_table_of_flags),
        cmocka_unit_test(model_when_absent_then_it_names_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
