/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/random.h"

#include <string.h>

/* The published generators give these for the seed 0: splitmix64 first, then xoshiro256** on its output. */
static void seeded_when_the_seed_is_0_then_the_published_sequence(void **state)
{
    (void)state;
    struct random_seeded seeded;
    random_seeded_init(&seeded, 0);
    assert_true(seeded.state[0] == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(seeded.state[1] == UINT64_C(0x6E789E6AA1B965F4));
    seeded = (struct random_seeded){{1, 2, 3, 4}};
    assert_true(random_seeded_next(&seeded) == 11520);
    assert_true(random_seeded_next(&seeded) == 0);
    assert_true(random_seeded_next(&seeded) == 1509978240);
    assert_true(random_seeded_next(&seeded) == UINT64_C(1215971899390074240));
}

static void below_when_drawn_often_then_in_range_and_every_value_comes(void **state)
{
    (void)state;
    struct random_seeded seeded;
    random_seeded_init(&seeded, 42);
    int counts[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t value = random_seeded_below(&seeded, ARRAY_LEN(counts));
        assert_true(value < ARRAY_LEN(counts));
        counts[value]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        assert_in_range(counts[i], 800, 1200);
    }
    assert_true(random_seeded_below(&seeded, 1) == 0);
}

/* A quarter of all draws is refused for this limit; without that, the low third would come half of the time. */
static void below_when_the_limit_is_three_quarters_then_not_skewed(void **state)
{
    (void)state;
    struct random_seeded seeded;
    random_seeded_init(&seeded, 7);
    const uint64_t limit = UINT64_C(3) << 62;
    int low = 0;
    for (int i = 0; i < 3000; i++) {
        low += random_seeded_below(&seeded, limit) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 900, 1100);
}

static void fill_when_the_seed_is_equal_then_the_bytes_are_equal(void **state)
{
    (void)state;
    struct random_seeded a;
    struct random_seeded b;
    random_seeded_init(&a, 5);
    random_seeded_init(&b, 5);
    struct random_source source_a = random_from_seeded(&a);
    struct random_source source_b = random_from_seeded(&b);
    unsigned char bytes_a[21] = {0};
    unsigned char bytes_b[21] = {0};
    source_a.fill(source_a.context, bytes_a, sizeof bytes_a);
    source_b.fill(source_b.context, bytes_b, sizeof bytes_b);
    assert_memory_equal(bytes_a, bytes_b, sizeof bytes_a);
    source_a.fill(source_a.context, bytes_a, sizeof bytes_a);
    assert_memory_not_equal(bytes_a, bytes_b, sizeof bytes_a);
}

static void count_fill(void *context, void *ret_bytes, size_t len)
{
    unsigned char *next = context;
    for (size_t i = 0; i < len; i++) {
        ((unsigned char *)ret_bytes)[i] = *next;
        *next = (unsigned char)(*next + 0x11);
    }
}

static void hex_when_bytes_are_known_then_lower_case_in_order(void **state)
{
    (void)state;
    unsigned char next = 0x9A;
    struct random_source source = {&next, count_fill};
    char text[9];
    random_hex(&source, 4, text);
    assert_string_equal(text, "9aabbccd");
}

static void system_when_asked_twice_then_different(void **state)
{
    (void)state;
    struct random_source source = random_system();
    char a[65];
    char b[65];
    random_hex(&source, 32, a);
    random_hex(&source, 32, b);
    assert_int_equal(strlen(a), 64);
    assert_string_not_equal(a, b);
}

static void guid_when_made_then_of_version_4_and_another_each_time(void **state)
{
    (void)state;
    static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    struct random_seeded seeded;
    char before[RANDOM_GUID_SIZE] = "";
    random_seeded_init(&seeded, 7);
    const struct random_source source = random_from_seeded(&seeded);
    for (int round = 0; round < 100; round++) {
        char guid[RANDOM_GUID_SIZE];
        random_make_guid(&source, guid);
        assert_int_equal(strlen(guid), sizeof form - 1);
        for (size_t i = 0; i < sizeof form - 1; i++) {
            const char one[] = {form[i], '\0'};
            const char *allowed = form[i] == 'x' ? "0123456789abcdef" : form[i] == 'v' ? "89ab" : one;
            assert_non_null(strchr(allowed, guid[i]));
        }
        assert_string_not_equal(guid, before);
        memcpy(before, guid, sizeof before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guid_when_made_then_of_version_4_and_another_each_time),
        cmocka_unit_test(seeded_when_the_seed_is_0_then_the_published_sequence),
        cmocka_unit_test(below_when_drawn_often_then_in_range_and_every_value_comes),
        cmocka_unit_test(below_when_the_limit_is_three_quarters_then_not_skewed),
        cmocka_unit_test(fill_when_the_seed_is_equal_then_the_bytes_are_equal),
        cmocka_unit_test(hex_when_bytes_are_known_then_lower_case_in_order),
        cmocka_unit_test(system_when_asked_twice_then_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
