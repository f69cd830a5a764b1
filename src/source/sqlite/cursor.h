/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions in the log as text. Pure.
 *
 *   cursor  sqlite:1:<epoch>:<seq>:<tag>     a row of the log; the random tag tells it from a row of another history
 *   asOf    <epoch>:<first>:<last>           the newest row when the chunk's first and last read began
 *   token   <epoch>:<seq>                    the boundary of one read of changes
 */
#ifndef SOURCE_SQLITE_CURSOR_H
#define SOURCE_SQLITE_CURSOR_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define EPOCH_LEN 32
#define CURSOR_TEXT_SIZE 128
#define TOKEN_UNKNOWN INT64_MAX /* the seq of a token whose boundary is not known yet: no chunk covers it */

struct position {
    char epoch[EPOCH_LEN + 1]; /* random, made by the first track */
    int64_t seq;
    int64_t tag;
};

struct asof {
    char epoch[EPOCH_LEN + 1];
    int64_t first;
    int64_t last;
};

struct lf_slice cursor_print(const struct position *position, char ret_text[CURSOR_TEXT_SIZE]);
struct lf_slice token_print(const struct position *position, char ret_text[CURSOR_TEXT_SIZE]);
struct lf_slice asof_print(const struct asof *asof, char ret_text[CURSOR_TEXT_SIZE]);
/* CONFIG when the text is none. */
bool cursor_parse(struct lf_slice text, struct position *ret_position, struct lf_error *err) LF_MUST_CHECK;

/* The pure ops of the ABI. */
bool cursor_op_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err);
bool cursor_op_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool cursor_op_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool cursor_op_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err);
bool cursor_op_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err);

#endif
