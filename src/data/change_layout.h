/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the fixed fields of a change record stand, for the sorter, which compares records without reading them whole.
 */
#ifndef DATA_CHANGE_LAYOUT_H
#define DATA_CHANGE_LAYOUT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define CHANGE_SEQ_AT ((size_t)4)
#define CHANGE_TOKEN_AT ((size_t)12)
#define CHANGE_SCHEMA_AT ((size_t)20)
#define CHANGE_OP_AT ((size_t)24)
#define CHANGE_FLAGS_AT ((size_t)25)
#define CHANGE_KEY_LEN_AT ((size_t)26)
#define CHANGE_KEY_AT ((size_t)28)

static inline uint16_t change_load_u16(const char *at)
{
    uint16_t value = 0;
    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static inline uint32_t change_load_u32(const char *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static inline uint64_t change_load_u64(const char *at)
{
    uint64_t value = 0;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

/* The first eight bytes of a key as a number that compares as they do; a shorter key is filled up with zeros, so that
 * equal numbers still need the whole comparison. */
static inline uint64_t change_key_prefix(const char *key, size_t len)
{
    uint64_t value = 0;
    memcpy(&value, key, len < sizeof value ? len : sizeof value);
    return be64toh(value);
}

#endif
