/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include "base/macros.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(UNUSED void *context, void *ret_bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = getrandom((char *)ret_bytes + done, len - done, 0);
        if (n < 0 && errno != EINTR) {
            abort();
        }
        done += n > 0 ? (size_t)n : 0;
    }
}

struct random_source random_system(void)
{
    return (struct random_source){.fill = system_fill};
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void random_seeded_init(struct random_seeded *seeded, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(seeded->state); i++) {
        seeded->state[i] = splitmix64(&seed);
    }
}

uint64_t random_seeded_next(struct random_seeded *seeded)
{
    uint64_t *s = seeded->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_seeded_below(struct random_seeded *seeded, uint64_t limit)
{
    assert(limit > 0);
    uint64_t surplus = (0 - limit) % limit; /* 2^64 mod limit: values below it would favour small results */
    uint64_t value = random_seeded_next(seeded);
    while (value < surplus) {
        value = random_seeded_next(seeded);
    }
    return value % limit;
}

static void seeded_fill(void *context, void *ret_bytes, size_t len)
{
    char *out = ret_bytes;
    while (len > 0) {
        uint64_t value = random_seeded_next(context);
        size_t n = len < sizeof value ? len : sizeof value;
        memcpy(out, &value, n);
        out += n;
        len -= n;
    }
}

struct random_source random_from_seeded(struct random_seeded *seeded)
{
    return (struct random_source){.context = seeded, .fill = seeded_fill};
}

void random_hex(const struct random_source *source, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = 0;
        source->fill(source->context, &byte, 1);
        ret_text[2 * i] = digits[byte >> 4];
        ret_text[2 * i + 1] = digits[byte & 15];
    }
    ret_text[2 * len] = '\0';
}

void random_make_guid(const struct random_source *source, char ret_text[RANDOM_GUID_SIZE])
{
    char hex[33];
    random_hex(source, 16, hex);
    hex[12] = '4';
    hex[16] = "89ab"[(unsigned char)hex[16] & 3u];
    (void)snprintf(ret_text, RANDOM_GUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
