/* SPDX-License-Identifier: Apache-2.0
 *
 * The note about a row that cannot be taken, as bytes: it stands in the place of the row's text, in a change with
 * CHANGE_BAD and in an entity's quarantine. docs/formats/spool.md is the byte-exact page.
 */
#ifndef DATA_BAD_ROW_H
#define DATA_BAD_ROW_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

#define BAD_ROW_START_MAX ((size_t)32)       /* bytes of the value that are kept */
#define BAD_ROW_TEXT_MAX ((size_t)240)       /* bytes of a reason and of a column's name */
#define BAD_ROWS_MAX ((size_t)10000)         /* of one entity */
#define BAD_ROWS_BYTES_MAX ((size_t)4 << 20) /* their keys and notes */

struct bad_row {
    enum lf_error_kind kind; /* DATA or LIMIT */
    uint32_t column_id;      /* 0: the row as a whole */
    struct lf_slice column;  /* its name in the source; empty: as above */
    struct lf_slice reason;
    struct lf_slice start; /* of the value */
    struct lf_slice key;   /* the texts of the key cells, taken out by bad_row_next_key */
};

/* Texts are UTF-8 and cut to their maximum. `key` is a list made by bad_row_append_key. */
void bad_row_append(struct buf *out, const struct bad_row *row);
void bad_row_append_key(struct buf *out, struct lf_slice cell);
/* Slices borrow from the note. False when the bytes are none. */
bool bad_row_read(struct lf_slice note, struct bad_row *ret_row);
/* Takes the first cell out of the list; false at its end. */
bool bad_row_next_key(struct lf_slice *key, struct lf_slice *ret_cell);

#endif
