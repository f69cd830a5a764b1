/* SPDX-License-Identifier: Apache-2.0 */
#include "data/csv_internal.h"

#include <string.h>

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
    "495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596"
    "979899";

static size_t decimal_len(uint64_t value)
{
    size_t len = 1;
    for (; value >= 10000; value /= 10000) {
        len += 4;
    }
    return len + (value >= 10) + (value >= 100) + (value >= 1000);
}

size_t csv_print_int64(int64_t value, char *out)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t sign = value < 0 ? 1 : 0;
    out[0] = '-';
    size_t len = sign + decimal_len(rest);
    size_t at = len;
    while (rest >= 100) {
        at -= 2;
        memcpy(out + at, digit_pairs + rest % 100 * 2, 2);
        rest /= 100;
    }
    if (rest >= 10) {
        memcpy(out + sign, digit_pairs + rest * 2, 2);
    } else {
        out[sign] = (char)('0' + rest);
    }
    return len;
}

static size_t count_digits(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] >= '0' && text[n] <= '9') {
        n++;
    }
    return n;
}

/* The parts of a decimal's text. */
struct parts {
    bool negative;
    const char *whole; /* without leading zeros */
    size_t nwhole;
    const char *fraction; /* without zeros beyond the scale */
    size_t nfraction;
};

static bool split_decimal(struct lf_slice value, struct parts *ret)
{
    const char *at = value.ptr;
    size_t len = value.len;
    *ret = (struct parts){.negative = len > 0 && at[0] == '-'};
    if (ret->negative) {
        at++;
        len--;
    }
    size_t nwhole = count_digits(at, len);
    ret->whole = at;
    ret->nwhole = nwhole;
    ret->fraction = at + nwhole;
    if (nwhole == 0 || nwhole == len) {
        return nwhole > 0;
    }
    ret->fraction++;
    ret->nfraction = count_digits(ret->fraction, len - nwhole - 1);
    return at[nwhole] == '.' && ret->nfraction > 0 && nwhole + 1 + ret->nfraction == len;
}

static bool is_zero(const struct parts *parts)
{
    for (size_t i = 0; i < parts->nfraction; i++) {
        if (parts->fraction[i] != '0') {
            return false;
        }
    }
    return parts->nwhole == 0;
}

static size_t put_parts(const struct parts *parts, char *out)
{
    size_t at = 0;
    if (parts->negative && !is_zero(parts)) {
        out[at++] = '-';
    }
    if (parts->nwhole == 0) {
        out[at++] = '0';
    }
    memcpy(out + at, parts->whole, parts->nwhole);
    at += parts->nwhole;
    if (parts->nfraction > 0) {
        out[at++] = '.';
        memcpy(out + at, parts->fraction, parts->nfraction);
        at += parts->nfraction;
    }
    return at;
}

const char *csv_print_decimal(const struct lf_column *column, struct lf_slice value, char *out, size_t *ret_len)
{
    struct parts parts;
    if (!split_decimal(value, &parts)) {
        return "is not a decimal number";
    }
    while (parts.nwhole > 0 && *parts.whole == '0') {
        parts.whole++;
        parts.nwhole--;
    }
    while (parts.nfraction > column->scale) {
        if (parts.fraction[--parts.nfraction] != '0') {
            return "has more digits after the point than the column's scale";
        }
    }
    if (column->precision > CSV_DECIMAL_DIGITS_MAX || parts.nwhole + column->scale > column->precision) {
        return "has more digits than the column's precision";
    }
    *ret_len = put_parts(&parts, out);
    return NULL;
}

const char *csv_print_guid(struct lf_slice value, char *out, size_t *ret_len)
{
    static const char reason[] = "is not a guid";
    const int lower_bit = 'a' ^ 'A';
    if (value.len != CSV_GUID_LEN) {
        return reason;
    }
    const char *from = value.ptr;
    for (size_t i = 0; i < CSV_GUID_LEN; i++) {
        char c = from[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool upper = c >= 'A' && c <= 'F';
        bool lower = c >= 'a' && c <= 'f';
        if (dash ? c != '-' : !upper && !lower && (c < '0' || c > '9')) {
            return reason;
        }
        out[i] = (char)(upper ? c | lower_bit : c);
    }
    *ret_len = CSV_GUID_LEN;
    return NULL;
}
