/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing bytes with a maximum from birth. Appends never fail at the call: an overflow sets a sticky flag that
 * buf_check reports once. Out of memory aborts. A zeroed struct is an empty buffer without memory and with
 * the maximum BUF_MAX_DEFAULT. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stddef.h>

#define BUF_MAX_DEFAULT ((size_t)64 << 20)

struct buf {
    char *ptr; /* always followed by a NUL once anything was appended */
    size_t len;
    size_t size;
    size_t max; /* 0: BUF_MAX_DEFAULT */
    bool overflow;
};

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);  /* frees; the struct is empty again */
void buf_reset(struct buf *buf); /* keeps memory and maximum, clears the flag */

void buf_append(struct buf *buf, const void *ptr, size_t len);
void buf_append_char(struct buf *buf, char c);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) LF_PRINTF(2, 3);
/* One word of a command line that can be pasted into a shell. */
void buf_append_quoted(struct buf *buf, const char *text);
/* Room for len more bytes: writes go to the returned place, buf_commit tells how many. NULL on overflow. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);

struct lf_slice buf_slice(const struct buf *buf);
const char *buf_text(const struct buf *buf); /* "" when empty, never NULL */
/* LIMIT, naming `what`, when an append did not fit. */
bool buf_check(const struct buf *buf, const char *what, struct lf_error *err) LF_MUST_CHECK;

/* Slices. */
static inline struct lf_slice slice_none(void)
{
    return (struct lf_slice){0};
}
bool slice_equal(struct lf_slice a, struct lf_slice b);
int slice_compare(struct lf_slice a, struct lf_slice b); /* memcmp, shorter first */
struct lf_slice slice_of_text(const char *text);

/* Owned strings for structs: abort on OOM. */
char *text_copy(const char *text);                /* NULL gives NULL */
char *text_copy_len(const void *ptr, size_t len); /* adds a NUL */
char *text_printf(const char *fmt, ...) LF_PRINTF(1, 2);
void text_free(char **text); /* for CLEANUP */

/* calloc and realloc that abort. */
void *mem_new(size_t count, size_t size);
void *mem_resize(void *ptr, size_t count, size_t size);
/* Makes *ptr hold at least need elements of size bytes, growing by half; *cap is updated. */
void mem_grow(void *ptr_to_array, size_t *cap, size_t need, size_t size);

#endif
