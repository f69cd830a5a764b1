/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_stamp.h"

#include <inttypes.h>

#define STAMP_DIGITS 16

static uint32_t fold(uint64_t value)
{
    return (uint32_t)(value ^ value >> 32);
}

static uint32_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return fold(hash);
}

/* High: the columns. Low: the file of the table, of a partitioned one its leaves. What counts by itself shows in both: the version of
 * the publication, and the unique indexes of a table with the identity FULL. */
static uint64_t stamp_of(const struct stream_trace *trace)
{
    uint32_t storage = trace->partitioned ? hash_text(trace->leaves) : trace->relfilenode;
    uint32_t alone = trace->publication ^ trace->full_key;
    return (uint64_t)(fold(trace->columns) ^ alone) << 32 | (storage ^ alone);
}

void stream_stamp_append(struct buf *stamps, const struct stream_trace *trace)
{
    buf_printf(stamps, "%s%" PRIu32 "=%016" PRIx64, stamps->len > 0 ? "," : "", trace->oid, stamp_of(trace));
}

static bool take_stamp(const char *at, const char *end, uint64_t *ret_stamp)
{
    uint64_t stamp = 0;
    TRY(end - at >= STAMP_DIGITS);
    for (int i = 0; i < STAMP_DIGITS; i++) {
        int digit = pg_hex_value(at[i]);
        TRY(digit >= 0);
        stamp = stamp << 4 | (unsigned)digit;
    }
    *ret_stamp = stamp;
    return true;
}

bool stream_stamp_find(struct lf_slice stamps, uint32_t oid, uint64_t *ret_stamp)
{
    char name[16];
    size_t len = (size_t)snprintf(name, sizeof name, "%" PRIu32 "=", oid);
    const char *at = stamps.ptr;
    const char *end = at + stamps.len;
    while (at != NULL && (size_t)(end - at) > len) {
        if (memcmp(at, name, len) == 0) {
            return take_stamp(at + len, end, ret_stamp);
        }
        at = memchr(at, ',', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    return false;
}

bool stream_stamp_tells_rewrite(uint64_t before, const struct stream_trace *now)
{
    uint64_t differs = before ^ stamp_of(now);
    bool storage = (uint32_t)differs != 0;
    bool columns = differs >> 32 != 0;
    return now->partitioned ? storage : storage && columns;
}
