/* SPDX-License-Identifier: Apache-2.0
 *
 * The shortest decimal that reads back as the same double, by Raffaele Giulietti's method ("The Schubfach way to render
 * doubles"), in the layout of PostgreSQL. Like PostgreSQL, a decimal that lies exactly half way between two doubles does not
 * count as reading back.
 */
#include "data/csv_internal.h"
#include "data/csv_powers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FRACTION_BITS 52
#define EXPONENT_BIAS 1075
#define INTEGRAL_LIMIT 1e15 /* from here on, exponents are written */

__extension__ typedef unsigned __int128 uint128; /* no other spelling of the type is portable between the compilers */

static const char not_a_number[] = {'N', 'a', 'N'};
static const char infinity[] = {'I', 'n', 'f', 'i', 'n', 'i', 't', 'y'};

struct decimal {
    uint64_t digits;
    int exponent;
};

static int floor_log2_pow10(int e)
{
    return (e * 1741647) >> 19;
}

static int floor_log10_pow2(int e)
{
    return (e * 1262611) >> 22;
}

static int floor_log10_three_quarters_pow2(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

/* The high 64 bits of power * factor / 2^64; the last bit also stands for all that was cut off. */
static uint64_t round_to_odd(const struct csv_power *power, uint64_t factor)
{
    uint128 low = (uint128)power->low * factor;
    uint128 high = (uint128)power->high * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* value > 0, as fraction and exponent of its bits. */
static struct decimal shortest(uint64_t fraction, int biased)
{
    uint64_t c = biased != 0 ? fraction | UINT64_C(1) << FRACTION_BITS : fraction;
    int q = (biased != 0 ? biased : 1) - EXPONENT_BIAS;
    bool closer_below = fraction == 0 && biased > 1; /* the next double below has half the distance */
    int k = closer_below ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int shift = q + floor_log2_pow10(-k) + 1;
    const struct csv_power *power = &csv_powers[-k - CSV_POWER_MIN];
    /* The bounds themselves do not count: one up, one down. */
    uint64_t lower = round_to_odd(power, (4 * c - 2 + closer_below) << shift) + 1;
    uint64_t value = round_to_odd(power, (4 * c) << shift);
    uint64_t upper = round_to_odd(power, (4 * c + 2) << shift) - 1;
    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens;
        bool above = 40 * tens + 40 <= upper;
        if (below != above) {
            return (struct decimal){tens + above, k + 1};
        }
    }
    bool below = lower <= 4 * s;
    bool above = 4 * s + 4 <= upper;
    if (below != above) {
        return (struct decimal){s + above, k};
    }
    uint64_t middle = 4 * s + 2;
    bool up = value > middle || (value == middle && (s & 1) != 0);
    return (struct decimal){s + up, k};
}

/* d.ddde±xx */
static size_t put_scientific(const char *digits, size_t ndigits, int exponent, char *out)
{
    size_t at = 0;
    out[at++] = digits[0];
    if (ndigits > 1) {
        out[at++] = '.';
        memcpy(out + at, digits + 1, ndigits - 1);
        at += ndigits - 1;
    }
    out[at++] = 'e';
    out[at++] = exponent < 0 ? '-' : '+';
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10) {
        out[at++] = '0';
    }
    return at + csv_print_int64(exponent, out + at);
}

static size_t put_plain(const char *digits, size_t ndigits, int exponent, char *out)
{
    size_t at = 0;
    if (exponent < 0) {
        size_t zeros = (size_t)-exponent - 1;
        memcpy(out, "0.000", 2 + zeros);
        at = 2 + zeros;
        memcpy(out + at, digits, ndigits);
        return at + ndigits;
    }
    size_t whole = (size_t)exponent + 1;
    if (ndigits <= whole) {
        memcpy(out, digits, ndigits);
        memset(out + ndigits, '0', whole - ndigits);
        return whole;
    }
    memcpy(out, digits, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, ndigits - whole);
    return ndigits + 1;
}

/* value > 0 and finite. */
static size_t put_positive(double value, char *out)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    struct decimal decimal = shortest(bits & ((UINT64_C(1) << FRACTION_BITS) - 1), (int)(bits >> FRACTION_BITS));
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    char digits[CSV_FIXED_SIZE];
    size_t ndigits = csv_print_int64((int64_t)decimal.digits, digits);
    assert(ndigits <= 17);
    int exponent = decimal.exponent + (int)ndigits - 1; /* of the first digit */
    return exponent >= -4 && exponent < 15 ? put_plain(digits, ndigits, exponent, out)
                                           : put_scientific(digits, ndigits, exponent, out);
}

static size_t put_word(const char *word, size_t len, char *out)
{
    memcpy(out, word, len);
    return len;
}

size_t csv_print_double(double value, char *out)
{
    if (isnan(value)) {
        return put_word(not_a_number, sizeof not_a_number, out);
    }
    size_t sign = signbit(value) ? 1 : 0;
    out[0] = '-';
    out += sign;
    double magnitude = fabs(value);
    if (isinf(magnitude)) {
        return sign + put_word(infinity, sizeof infinity, out);
    }
    if (magnitude < INTEGRAL_LIMIT && magnitude == (double)(int64_t)magnitude) {
        return sign + csv_print_int64((int64_t)magnitude, out);
    }
    return sign + put_positive(magnitude, out);
}
