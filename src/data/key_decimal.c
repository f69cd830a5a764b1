/* SPDX-License-Identifier: Apache-2.0 */
#include "data/csv_internal.h"
#include "data/key_internal.h"

#include <assert.h>
#include <string.h>

struct digits {
    char digit[CSV_DECIMAL_DIGITS_MAX + 1]; /* 0..9, and a 0 that makes a pair of the last */
    int count;
    int exponent; /* 0.d1d2d3… * 10^exponent */
};

static void read_digits(const char *at, size_t len, struct digits *ret)
{
    bool fraction = false;
    *ret = (struct digits){0};
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '.') {
            fraction = true;
            continue;
        }
        bool leading = ret->count == 0 && at[i] == '0';
        if (!leading) {
            assert(ret->count < CSV_DECIMAL_DIGITS_MAX);
            ret->digit[ret->count++] = (char)(at[i] - '0');
        }
        ret->exponent += (fraction ? 0 : !leading) - (fraction && leading);
    }
    while (ret->count > 0 && ret->digit[ret->count - 1] == 0) {
        ret->count--;
    }
}

void key_append_decimal(struct buf *out, struct lf_slice text)
{
    const char *at = text.ptr;
    bool negative = text.len > 0 && at[0] == '-';
    struct digits digits;
    read_digits(at + negative, text.len - negative, &digits);
    if (digits.count == 0) {
        buf_append_char(out, KEY_ZERO);
        return;
    }
    unsigned char bytes[CSV_DECIMAL_DIGITS_MAX / 2 + 3];
    size_t n = 0;
    unsigned char invert = negative ? 0xFF : 0;
    bytes[n++] = negative ? KEY_NEGATIVE : KEY_POSITIVE;
    bytes[n++] = (unsigned char)((digits.exponent + KEY_EXPONENT_BIAS) ^ invert);
    for (int i = 0; i < digits.count; i += 2) {
        bytes[n++] = (unsigned char)((1 + 10 * digits.digit[i] + digits.digit[i + 1]) ^ invert);
    }
    bytes[n++] = invert;
    buf_append(out, bytes, n);
}

/* The digits up to the terminator; false for bytes that no decimal gives. */
static bool read_pairs(const char **at, const char *end, unsigned char invert, struct digits *digits)
{
    for (; *at < end; (*at)++) {
        int pair = ((unsigned char)**at ^ invert) - 1;
        if (pair < 0) {
            (*at)++;
            bool whole = digits->count > 0 && digits->digit[0] != 0;
            digits->count -= whole && digits->digit[digits->count - 1] == 0;
            return whole && digits->digit[digits->count - 1] != 0;
        }
        if (pair > 99 || digits->count + 2 > CSV_DECIMAL_DIGITS_MAX) {
            return false;
        }
        digits->digit[digits->count++] = (char)(pair / 10);
        digits->digit[digits->count++] = (char)(pair % 10);
    }
    return false;
}

static void append_zeros(struct buf *out, int count)
{
    for (int i = 0; i < count; i++) {
        buf_append_char(out, '0');
    }
}

static void append_digits(struct buf *out, const struct digits *digits)
{
    if (digits->exponent <= 0) {
        buf_append_text(out, "0.");
        append_zeros(out, -digits->exponent);
    }
    for (int i = 0; i < digits->count; i++) {
        if (i > 0 && i == digits->exponent) {
            buf_append_char(out, '.');
        }
        buf_append_char(out, (char)('0' + digits->digit[i]));
    }
    append_zeros(out, digits->exponent - digits->count);
}

bool key_read_decimal(const struct lf_column *column, const char **at, const char *end, struct buf *out)
{
    if (*at == end) {
        return false;
    }
    int sign = (unsigned char)*(*at)++;
    if (sign == KEY_ZERO) {
        buf_append_char(out, '0');
        return true;
    }
    if ((sign != KEY_NEGATIVE && sign != KEY_POSITIVE) || *at == end) {
        return false;
    }
    unsigned char invert = sign == KEY_NEGATIVE ? 0xFF : 0;
    struct digits digits = {.exponent = ((unsigned char)*(*at)++ ^ invert) - KEY_EXPONENT_BIAS};
    if (!read_pairs(at, end, invert, &digits) || digits.exponent > column->precision - column->scale ||
        digits.count - digits.exponent > column->scale) {
        return false;
    }
    if (sign == KEY_NEGATIVE) {
        buf_append_char(out, '-');
    }
    append_digits(out, &digits);
    return true;
}
