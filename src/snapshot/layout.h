/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from one shape to another. Columns are matched by id: a column that the old row does not have is NULL (absent when the
 * row is partial), one that the new shape does not have or has dropped is left out.
 */
#ifndef SNAPSHOT_LAYOUT_H
#define SNAPSHOT_LAYOUT_H

#include "base/buf.h"
#include "data/schema.h"

struct layout {
    const struct schema *from, *to; /* borrowed */
    int *source;                    /* for each column of `to`: index in `from`, or -1 */
    struct lf_slice *cells;         /* scratch: the raw cells of one row of `from` */
    bool identity;
};

void layout_init(struct layout *layout, const struct schema *from, const struct schema *to);
void layout_done(struct layout *layout);

/* Replaces *out by the row in the shape `to`. DATA for a row that is not of the shape `from`. */
bool layout_row(struct layout *layout, struct lf_slice row, bool partial, struct buf *out,
                struct lf_error *err) LF_MUST_CHECK;

/* Replaces *out by `partial` with its absent cells taken from `full`; both have ncolumns. cells: scratch of 2 * ncolumns. */
bool layout_fill_absent(struct lf_slice partial, struct lf_slice full, uint32_t ncolumns, struct lf_slice *cells,
                        struct buf *out, struct lf_error *err) LF_MUST_CHECK;

/* Whether the note (bad_row.h) of a row that could not be taken in the shape `from` was made for the sake of a column that `to`
 * has dropped: whether the rest of the row can be taken only the source knows. */
bool layout_outdates(const struct schema *from, const struct schema *to, struct lf_slice note);

#endif
