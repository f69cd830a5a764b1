/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "base/random.h"
#include "config/repetition.h"

#include <stdlib.h>
#include <strings.h>

static void find_when_all_differ_then_nothing(UNUSED void **state)
{
    const char *const texts[] = {"b", NULL, "a", "B", NULL};
    struct repetition twice;
    assert_false(repetition_find(texts, ARRAY_LEN(texts), false, &twice));
    assert_false(repetition_find(texts, 0, false, &twice));
}

static void find_when_case_does_not_count_then_found(UNUSED void **state)
{
    const char *const texts[] = {"b", NULL, "a", "B"};
    struct repetition twice;
    assert_true(repetition_find(texts, ARRAY_LEN(texts), true, &twice));
    assert_int_equal(twice.first, 0);
    assert_int_equal(twice.second, 3);
}

/* The earliest second, and its nearest first. */
static bool find_slowly(const char *const *texts, size_t n, bool any_case, struct repetition *ret)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i-- > 0;) {
            if (texts[i] != NULL && texts[j] != NULL &&
                (any_case ? strcasecmp(texts[i], texts[j]) : strcmp(texts[i], texts[j])) == 0) {
                *ret = (struct repetition){i, j};
                return true;
            }
        }
    }
    return false;
}

static void find_in_random_lists_then_as_the_slow_search(UNUSED void **state)
{
    static const char *const words[] = {NULL, "a", "A", "b", "B", "c", "C", "d", "e", "f", "g", "h", "i", "j"};
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 1;
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    struct random_seeded random;
    random_seeded_init(&random, seed);
    for (int round = 0; round < 2000; round++) {
        const char *texts[8];
        const size_t n = random_seeded_below(&random, ARRAY_LEN(texts) + 1);
        const bool any_case = random_seeded_below(&random, 2) == 0;
        for (size_t i = 0; i < n; i++) {
            texts[i] = words[random_seeded_below(&random, ARRAY_LEN(words))];
        }
        struct repetition fast = {0};
        struct repetition slow = {0};
        assert_true(repetition_find(texts, n, any_case, &fast) == find_slowly(texts, n, any_case, &slow));
        assert_int_equal(fast.first, slow.first);
        assert_int_equal(fast.second, slow.second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_when_all_differ_then_nothing),
        cmocka_unit_test(find_when_case_does_not_count_then_found),
        cmocka_unit_test(find_in_random_lists_then_as_the_slow_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
