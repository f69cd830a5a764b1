/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness as an object: the system's for real, a seeded generator for tests.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void *context;
    void (*fill)(void *context, void *ret_bytes, size_t len);
};

struct random_source random_system(void); /* getrandom(2); aborts when the kernel refuses */

struct random_seeded {
    uint64_t state[4]; /* xoshiro256** seeded with splitmix64 */
};
void random_seeded_init(struct random_seeded *seeded, uint64_t seed);
uint64_t random_seeded_next(struct random_seeded *seeded);
uint64_t random_seeded_below(struct random_seeded *seeded, uint64_t limit); /* 0 ≤ result < limit, limit > 0 */
struct random_source random_from_seeded(struct random_seeded *seeded);

/* `len` random bytes as 2 * len hex digits and a NUL. */
void random_hex(const struct random_source *source, size_t len, char *ret_text);

#define RANDOM_GUID_SIZE 37
/* Version 4 of RFC 9562, in small letters. */
void random_make_guid(const struct random_source *source, char ret_text[RANDOM_GUID_SIZE]);

#endif
