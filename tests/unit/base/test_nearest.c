/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include "base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest_of(const char *wanted, const char *const *names, size_t n)
{
    struct nearest nearest = nearest_to(wanted);
    for (size_t i = 0; i < n; i++) {
        nearest_offer(&nearest, names[i]);
    }
    return nearest.name;
}

static void nearest_when_one_is_a_slip_away_then_that_one(void **state)
{
    (void)state;
    static const char *const names[] = {"id", "password_hash", "password", "Email"};
    assert_string_equal(nearest_of("passwrd_hash", names, ARRAY_LEN(names)), "password_hash");
    assert_string_equal(nearest_of("pasword", names, ARRAY_LEN(names)), "password");
    assert_string_equal(nearest_of("email", names, ARRAY_LEN(names)), "Email");
    assert_string_equal(nearest_of("di", names, ARRAY_LEN(names)), "id");
}

static void nearest_when_all_are_other_words_then_none(void **state)
{
    (void)state;
    static const char *const names[] = {"id", "password_hash"};
    assert_null(nearest_of("salary", names, ARRAY_LEN(names)));
    assert_null(nearest_of("salary", NULL, 0));
}

static void distance_when_of_texts_then_the_number_of_edits(UNUSED void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {{"", "", 0},         {"abc", "abc", 0}, {"", "abc", 3},           {"abc", "", 3},
                 {"lkae", "lake", 1}, {"kit", "sit", 1}, {"kitten", "sitting", 3}, {"intervall", "interval", 1},
                 {"ca", "abc", 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(text_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(text_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void distance_when_a_text_is_long_then_none(void **state)
{
    (void)state;
    char text[NEAREST_TEXT_MAX + 2];
    memset(text, 'x', sizeof text);
    text[NEAREST_TEXT_MAX + 1] = '\0';
    assert_true(text_distance(text, "x") == SIZE_MAX);
    assert_true(text_distance("x", text) == SIZE_MAX);
    text[NEAREST_TEXT_MAX] = '\0';
    assert_int_equal(text_distance(text, "x"), NEAREST_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_when_one_is_a_slip_away_then_that_one),
        cmocka_unit_test(nearest_when_all_are_other_words_then_none),
        cmocka_unit_test(distance_when_of_texts_then_the_number_of_edits),
        cmocka_unit_test(distance_when_a_text_is_long_then_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
