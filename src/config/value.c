/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include "base/macros.h"
#include "base/utf8.h"
#include "config/config.h"

#include <inttypes.h>
#include <string.h>

const char *value_shown(const char *text, char ret_text[VALUE_SHOWN_SIZE])
{
    size_t left = strlen(text);
    size_t n = 0;
    while (left > 0) {
        size_t len = utf8_char_len(text, left);
        bool plain = len > 1 || (len == 1 && (unsigned char)*text >= ' ' && *text != 0x7F);
        size_t step = len > 0 ? len : 1;
        if (n + step > VALUE_SHOWN_MAX) {
            memcpy(ret_text + n, "…", sizeof "…" - 1);
            n += sizeof "…" - 1;
            break;
        }
        memcpy(ret_text + n, plain ? text : "?", plain ? len : 1);
        n += plain ? len : 1;
        text += step;
        left -= step;
    }
    ret_text[n] = '\0';
    return ret_text;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending. */
static const struct unit durations[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {{"", 1},          {"B", 1},         {"KiB", 1 << 10},
                                    {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", UINT64_C(1) << 40}};

static void print_in_units(uint64_t number, const struct unit *units, size_t nunits, struct buf *out)
{
    size_t i = nunits - 1;
    while (i > 0 && number % units[i].factor != 0) {
        i--;
    }
    buf_printf(out, "%" PRIu64 "%s", number / units[i].factor, units[i].name);
}

void value_print_duration(uint64_t ms, struct buf *out)
{
    print_in_units(ms, durations, ms == 0 ? 2 : ARRAY_LEN(durations), out);
}

void value_print_bytes(uint64_t bytes, struct buf *out)
{
    print_in_units(bytes, sizes, bytes == 0 ? 2 : ARRAY_LEN(sizes), out);
}

/* Digits and one of the units; false for anything else, *ret_large when it exceeds max. */
static bool parse_number(const char *text, const struct unit *units, size_t nunits, uint64_t max, uint64_t *ret,
                         bool *ret_large)
{
    size_t ndigits = strspn(text, "0123456789");
    uint64_t number = 0;
    *ret_large = false;
    for (size_t i = 0; i < ndigits; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        *ret_large = *ret_large || number > (max - digit) / 10;
        number = *ret_large ? 0 : number * 10 + digit;
    }
    for (size_t i = 0; ndigits > 0 && i < nunits; i++) {
        if (strcmp(text + ndigits, units[i].name) == 0) {
            *ret_large = *ret_large || number > max / units[i].factor;
            *ret = *ret_large ? 0 : number * units[i].factor;
            return true;
        }
    }
    return false;
}

bool config_parse_duration(const char *text, int64_t *ret_ms, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    uint64_t number = 0;
    bool large = false;
    if (!parse_number(text, durations, ARRAY_LEN(durations), INT64_MAX, &number, &large)) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "\"%s\" is not a duration; write a whole number and a unit (ms, s, min, h or d), such as "
                            "\"15min\"",
                            value_shown(text, shown));
    }
    if (large) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%s\" is too long; write a duration such as \"15min\"",
                            value_shown(text, shown));
    }
    *ret_ms = (int64_t)number;
    return true;
}

bool config_parse_bytes(const char *text, uint64_t *ret_bytes, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    bool large = false;
    if (!parse_number(text, sizes, ARRAY_LEN(sizes), INT64_MAX, ret_bytes, &large)) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "\"%s\" is not a size; write a whole number of bytes or one with a unit (KiB, MiB, GiB or "
                            "TiB), such as \"64MiB\"",
                            value_shown(text, shown));
    }
    if (large) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%s\" is too large; write a size such as \"64MiB\"",
                            value_shown(text, shown));
    }
    return true;
}
