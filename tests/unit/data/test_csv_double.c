/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "data/csv_internal.h"
#include "data/csv_powers.h"
#include "random_cells.h"

#include <math.h>

static const char *print(double value)
{
    static char text[CSV_FIXED_SIZE + 1];
    text[csv_print_double(value, text)] = '\0';
    return text;
}

static void print_when_a_value_is_known_then_as_postgresql_writes_it(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-42.0, "-42"},
        {0.1, "0.1"},
        {-1.5, "-1.5"},
        {0.30000000000000004, "0.30000000000000004"},
        {123456.789, "123456.789"},
        {0.0001, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.00001, "1e-05"},
        {0.000012345, "1.2345e-05"},
        {1e14, "100000000000000"},
        {999999999999999.0, "999999999999999"},
        {1e15, "1e+15"},
        {123456789012345.6, "123456789012345.6"},
        {9007199254740993.0, "9.007199254740992e+15"},
        {1e22, "1e+22"},
        {1e23, "9.999999999999999e+22"},                  /* 1e23 itself lies half way between two doubles */
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44: the double below is nearer than the one above */
        {1e100, "1e+100"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {NAN, "NaN"},
        {-NAN, "NaN"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(print(cases[i].value), cases[i].text);
    }
}

static int count_digits(const char *text)
{
    int count = 0;
    bool leading = true;
    int zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') {
            continue;
        }
        leading = leading && *text == '0';
        zeros = *text == '0' ? zeros + 1 : 0;
        count += !leading;
    }
    return leading ? 0 : count - zeros;
}

/* The oracle tries every number of digits; it misses only what is rounded away from the nearest decimal. */
static int shortest_by_trial(double value)
{
    char text[64];
    for (int digits = 1; digits < 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value) {
            return digits;
        }
    }
    return 17;
}

static bool is_half_way(const char *text, double value)
{
    long double exact = strtold(text, NULL);
    return exact == ((long double)value + (long double)nextafter(value, INFINITY)) / 2 ||
           exact == ((long double)value + (long double)nextafter(value, -INFINITY)) / 2;
}

static void print_when_a_double_is_random_then_it_reads_back_and_is_the_shortest(void **state)
{
    (void)state;
    struct random_seeded random;
    random_cells_init(&random);
    for (int i = 0; i < 200000; i++) {
        double value = random_double(&random);
        if (!isfinite(value)) {
            continue;
        }
        const char *text = print(value);
        double back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        int least = shortest_by_trial(value);
        if (count_digits(text) > least && least > 0 && value != 0) {
            char shorter[64];
            (void)snprintf(shorter, sizeof shorter, "%.*e", least - 1, value);
            assert_true(is_half_way(shorter, value));
        }
    }
}

/* ---- the table, again from whole numbers ---- */

#define LIMBS 40

struct big {
    uint32_t limb[LIMBS]; /* the lowest first */
};

static void big_multiply(struct big *big, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_true(carry == 0);
}

static bool big_divide(struct big *big, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | big->limb[i];
        big->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return rest != 0;
}

static int big_bits(const struct big *big)
{
    for (int bit = LIMBS * 32 - 1; bit >= 0; bit--) {
        if ((big->limb[bit / 32] >> (bit % 32) & 1) != 0) {
            return bit + 1;
        }
    }
    return 0;
}

static uint64_t big_word(const struct big *big, int shift)
{
    uint64_t word = 0;
    for (int bit = 63; bit >= 0; bit--) {
        int at = bit + shift;
        word = word << 1 | (at >= 0 ? big->limb[at / 32] >> (at % 32) & 1 : 0);
    }
    return word;
}

static void assert_entry(const struct big *big, bool inexact, int k)
{
    int shift = big_bits(big) - 128;
    for (int bit = 0; bit < shift; bit++) {
        inexact = inexact || (big->limb[bit / 32] >> (bit % 32) & 1) != 0;
    }
    uint64_t low = big_word(big, shift) + inexact;
    uint64_t high = big_word(big, shift + 64) + (inexact && low == 0);
    assert_true(csv_powers[k - CSV_POWER_MIN].high == high);
    assert_true(csv_powers[k - CSV_POWER_MIN].low == low);
}

static void powers_when_computed_again_then_every_entry_is_right(void **state)
{
    (void)state;
    struct big big = {{1}};
    for (int k = 0; k <= CSV_POWER_MAX; k++) {
        assert_entry(&big, false, k);
        big_multiply(&big, 10);
    }
    struct big inverse = {{0}};
    inverse.limb[LIMBS - 1] = 1U << 31; /* enough bits that 128 are left after the last division */
    bool inexact = false;
    for (int k = -1; k >= CSV_POWER_MIN; k--) {
        inexact = big_divide(&inverse, 10) || inexact;
        assert_entry(&inverse, inexact, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_when_a_value_is_known_then_as_postgresql_writes_it),
        cmocka_unit_test(print_when_a_double_is_random_then_it_reads_back_and_is_the_shortest),
        cmocka_unit_test(powers_when_computed_again_then_every_entry_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
