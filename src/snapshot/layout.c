/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/layout.h"

#include "data/bad_row.h"
#include "data/csv.h"

#include <assert.h>
#include <stdlib.h>

static const char absent_byte = CSV_ABSENT;

void layout_init(struct layout *layout, const struct schema *from, const struct schema *to)
{
    *layout = (struct layout){.from = from, .to = to, .identity = from->lf.ncolumns == to->lf.ncolumns};
    layout->source = mem_new(to->lf.ncolumns, sizeof *layout->source);
    layout->cells = mem_new(from->lf.ncolumns, sizeof *layout->cells);
    for (uint32_t i = 0; i < to->lf.ncolumns; i++) {
        layout->source[i] = to->lf.columns[i].dropped ? -1 : schema_find(&from->lf, to->lf.columns[i].id);
        bool dropped_in_both = i < from->lf.ncolumns && from->lf.columns[i].dropped && to->lf.columns[i].dropped;
        layout->identity = layout->identity && (layout->source[i] == (int)i || dropped_in_both);
    }
}

void layout_done(struct layout *layout)
{
    free(layout->source);
    free(layout->cells);
    *layout = (struct layout){0};
}

static void append_cells(const struct lf_slice *cells, uint32_t ncells, struct buf *out)
{
    for (uint32_t i = 0; i < ncells; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        buf_append(out, cells[i].ptr, cells[i].len);
    }
}

bool layout_row(struct layout *layout, struct lf_slice row, bool partial, struct buf *out, struct lf_error *err)
{
    buf_reset(out);
    if (layout->identity) {
        buf_append(out, row.ptr, row.len);
        return buf_check(out, "row", err);
    }
    TRY(csv_split_row(row, layout->cells, layout->from->lf.ncolumns, err));
    for (uint32_t i = 0; i < layout->to->lf.ncolumns; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        if (layout->source[i] >= 0) {
            buf_append(out, layout->cells[layout->source[i]].ptr, layout->cells[layout->source[i]].len);
        } else if (partial && !layout->to->lf.columns[i].dropped) {
            buf_append(out, &absent_byte, 1);
        }
    }
    return buf_check(out, "row", err);
}

bool layout_fill_absent(struct lf_slice partial, struct lf_slice full, uint32_t ncolumns, struct lf_slice *cells,
                        struct buf *out, struct lf_error *err)
{
    struct lf_slice *base = cells + ncolumns;
    TRY(csv_split_row(partial, cells, ncolumns, err));
    TRY(csv_split_row(full, base, ncolumns, err));
    for (uint32_t i = 0; i < ncolumns; i++) {
        if (csv_is_absent(cells[i])) {
#ifdef LAKEFEED_MUTANT_absent_null
            cells[i] = (struct lf_slice){0};
#else
            cells[i] = base[i];
#endif
        }
    }
    buf_reset(out);
    append_cells(cells, ncolumns, out);
    return buf_check(out, "row", err);
}

bool layout_outdates(const struct schema *from, const struct schema *to, struct lf_slice note)
{
    struct bad_row bad = {0};
    bool lost = false;
    if (from->version == to->version || !bad_row_read(note, &bad)) {
        return false;
    }
    for (uint32_t i = 0; i < to->lf.ncolumns; i++) {
        uint32_t id = to->lf.columns[i].id;
        int at = to->lf.columns[i].dropped ? schema_find(&from->lf, id) : -1;
        bool dropped = at >= 0 && !from->lf.columns[at].dropped;
        lost = lost || (dropped && (bad.column_id == 0 || bad.column_id == id));
    }
    return lost;
}
