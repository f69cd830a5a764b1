/* SPDX-License-Identifier: Apache-2.0
 *
 * One change as bytes, the record of sorter and spool. docs/formats/spool.md is the byte-exact page.
 *
 *   u32 length of all that follows
 *   u64 seq        place in the stream, from 1, never given twice within a process
 *   u64 token      offset of the transaction's token in the spool's token log
 *   u32 schema     version of the schema under which `row` was written
 *   u8 op          enum lf_op
 *   u8 flags       see enum change_flag
 *   u16 key length, key
 *   u16 from length, from     only with CHANGE_MOVED: the key before
 *   row            the rest: row text, empty for a delete
 *
 * Little endian, unaligned. Order of records: key (memcmp), then seq.
 */
#ifndef DATA_CHANGE_H
#define DATA_CHANGE_H

#include "base/buf.h"
#include "lakefeed/batch.h"

#include <stdbool.h>
#include <stdint.h>

enum change_flag {
    CHANGE_PARTIAL = 1, /* row has absent cells */
    /* The key changed: `from` is the old one. The feed also writes a delete of `from` with the same seq. */
    CHANGE_MOVED = 2,
    CHANGE_BAD = 4,        /* the row cannot be taken: row is its note (bad_row.h), and the key has no row */
    CHANGE_REPAIRED = 8,   /* bad text in it was replaced; only where rows of the source are sorted */
    CHANGE_REFERENCE = 128 /* inside a sorter only: row is a reference to a row that stands elsewhere in its file */
};

struct change {
    uint64_t seq;
    uint64_t token;
    uint32_t schema_version;
    enum lf_op op;
    uint8_t flags;
    struct lf_slice key;
    struct lf_slice from;
    struct lf_slice row;
};

size_t change_size(const struct change *change);           /* bytes of the record, its length included */
void change_write(char *out, const struct change *change); /* change_size bytes; keys are at most 65535 bytes */
void change_append(struct buf *out, const struct change *change);
/* Reads the record at `bytes` (its length first); slices borrow from it. False when the bytes are not one whole
 * record: a damaged spool is a defect, the caller decides. */
bool change_read(const void *bytes, size_t len, struct change *ret_change, size_t *ret_size);
int change_compare(const struct change *a, const struct change *b);

#endif
