/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside data only: the canonical text of single values, without quotes. Functions that can refuse return the reason as
 * a phrase that follows the column and the value ("… is not a date"), or NULL for success.
 */
#ifndef DATA_CSV_INTERNAL_H
#define DATA_CSV_INTERNAL_H

#include "base/buf.h"
#include "lakefeed/batch.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIXED_SIZE 64 /* room for the text of any value but STRING, JSON and BINARY */
#define CSV_DECIMAL_DIGITS_MAX 38
#define CSV_SCALE_MAX 7
#define CSV_GUID_LEN 36

/* How a column's text stands in the lake. */
static inline bool csv_is_text(enum lf_type type)
{
    return type == LF_TYPE_STRING || type == LF_TYPE_JSON;
}

static inline bool csv_is_quoted(enum lf_type type)
{
    return csv_is_text(type) || type == LF_TYPE_BINARY || (type >= LF_TYPE_DATE && type <= LF_TYPE_DATETIMEOFFSET);
}

size_t csv_print_int64(int64_t value, char *out);
size_t csv_print_double(double value, char *out);

/* All types but STRING, JSON and BINARY. */
const char *csv_print_fixed(const struct lf_column *column, const struct lf_cell *cell, char out[CSV_FIXED_SIZE],
                            size_t *ret_len) LF_MUST_CHECK;
/* The inverse: accepts exactly what csv_print_fixed makes. Bytes of the cell borrow from text. */
const char *csv_parse_fixed(const struct lf_column *column, struct lf_slice text,
                            struct lf_cell *ret_cell) LF_MUST_CHECK;

const char *csv_print_decimal(const struct lf_column *column, struct lf_slice value, char *out,
                              size_t *ret_len) LF_MUST_CHECK;
const char *csv_print_guid(struct lf_slice value, char *out, size_t *ret_len) LF_MUST_CHECK;
const char *csv_print_date(struct lf_slice value, char *out, size_t *ret_len) LF_MUST_CHECK;
const char *csv_print_time(struct lf_slice value, unsigned scale, char *out, size_t *ret_len) LF_MUST_CHECK;
/* DATETIME (no offset, is UTC) and DATETIMEOFFSET (has one). */
const char *csv_print_datetime(struct lf_slice value, bool has_offset, unsigned scale, char *out,
                               size_t *ret_len) LF_MUST_CHECK;

/* STRING and JSON: UTF-8 without U+0000. ret_quotes: how many bytes are a quote; may be NULL. */
const char *csv_check_text(struct lf_slice value, size_t *ret_quotes) LF_MUST_CHECK;
/* The bytes of a quoted text whose inner quotes are doubled, appended to out (raw includes the outer quotes). */
const char *csv_append_unquoted(struct buf *out, struct lf_slice raw) LF_MUST_CHECK;

/* DATA "column 'x': 'start of value…' <reason>"; always false. */
bool csv_refuse(const struct lf_column *column, struct lf_slice value, const char *reason, struct lf_error *err);

/* The hot path of the writer: room that is there already, without a call; NULL when the buffer must grow first. */
static inline char *csv_room(const struct buf *out, size_t len)
{
    return out->ptr != NULL && len < out->size - out->len ? out->ptr + out->len : NULL;
}

static inline void csv_commit(struct buf *out, size_t len)
{
    out->len += len;
    out->ptr[out->len] = '\0';
}

/* Takes back what was appended. */
static inline void csv_cut(struct buf *out, size_t len)
{
    out->len = len;
    if (out->ptr != NULL) {
        out->ptr[len] = '\0';
    }
}

/* Eight bytes at once: the high bit of each byte tells. */
#define CSV_EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define CSV_HIGH_BITS CSV_EACH_BYTE(0x80)

/* High bit set exactly in the bytes that equal b. */
static inline uint64_t csv_bytes_equal(uint64_t word, uint8_t b)
{
    uint64_t x = word ^ CSV_EACH_BYTE(b);
    return ~(((x & ~CSV_HIGH_BITS) + ~CSV_HIGH_BITS) | x) & CSV_HIGH_BITS;
}

/* How many bytes have the high bit, where no other bit is set. */
static inline size_t csv_count_bytes(uint64_t flags)
{
    return (size_t)(((flags >> 7) * CSV_EACH_BYTE(1)) >> 56);
}

#endif
