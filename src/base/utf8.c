/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "base/buf.h"

#include <stdint.h>
#include <string.h>

/* Lead bytes with the range of their second byte; later bytes are always 80..BF. */
struct lead {
    uint8_t first;
    uint8_t last;
    uint8_t len;
    uint8_t second_min;
    uint8_t second_max;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F},
    {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const struct lead *find_lead(uint8_t byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t utf8_char_len(const char *ptr, size_t len)
{
    if (len == 0) {
        return 0;
    }
    const uint8_t *bytes = (const uint8_t *)ptr;
    if (bytes[0] < 0x80) {
        return 1;
    }
    const struct lead *lead = find_lead(bytes[0]);
    if (lead == NULL || len < lead->len || bytes[1] < lead->second_min || bytes[1] > lead->second_max) {
        return 0;
    }
    for (size_t i = 2; i < lead->len; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return lead->len;
}

size_t utf8_broken_len(const char *ptr, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)ptr;
    const struct lead *lead = find_lead(bytes[0]);
    if (lead == NULL || len < 2 || bytes[1] < lead->second_min || bytes[1] > lead->second_max) {
        return 1;
    }
    size_t n = 2;
    while (n < len && n < lead->len && (bytes[n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

bool utf8_valid(const char *ptr, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t n = utf8_char_len(ptr + at, len - at);
        if (n == 0) {
            return false;
        }
        at += n;
    }
    return true;
}

char *utf8_copy(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    struct buf copy = {0};
    size_t len = text == NULL ? 0 : strlen(text);
    for (size_t at = 0; at < len;) {
        size_t n = utf8_char_len(text + at, len - at);
        buf_append(&copy, n == 0 ? replacement : text + at, n == 0 ? sizeof replacement - 1 : n);
        at += n == 0 ? 1 : n;
    }
    char *result = text == NULL ? NULL : text_copy(buf_text(&copy));
    buf_done(&copy);
    return result;
}
