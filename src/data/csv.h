/* SPDX-License-Identifier: Apache-2.0
 *
 * Lake text. The writer makes the one canonical text of a cell; the reader takes back exactly what the writer makes, and
 * refuses everything else. docs/formats/csv.md is the byte-exact page.
 *
 * A row in memory ("row text") is the line without its LF. In row text only, a cell may be the single byte
 * CSV_ABSENT, which never reaches the lake.
 */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "base/buf.h"
#include "lakefeed/batch.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define CSV_ABSENT '\x01'
#define CSV_ROW_MAX ((size_t)8 << 20) /* bytes of a row, its LF included: readers take no more */

/* Appends the canonical text of one cell (nothing for NULL, CSV_ABSENT for ABSENT). DATA, naming the column and the start of
 * the value, when the value does not fit its type: invalid UTF-8, U+0000, not a date, precision exceeded…; for REFUSED what
 * the connector says. */
bool csv_append_cell(struct buf *out, const struct lf_column *column, const struct lf_cell *cell,
                     struct lf_error *err) LF_MUST_CHECK;
/* Appends the cells of a whole row, commas between them, no LF. LIMIT over CSV_ROW_MAX. *ret_absent: whether any cell
 * is ABSENT; may be NULL. DATA when the only column is NULL, which would be a blank line. On failure `out` is as before,
 * but for its overflow flag. */
bool csv_append_row(struct buf *out, const struct lf_schema *schema, const struct lf_cell *cells, bool *ret_absent,
                    struct lf_error *err) LF_MUST_CHECK;

/* Splits row text into the raw texts of its cells (quotes included, borrowed). DATA when it is not canonical or does
 * not have exactly ncells. */
bool csv_split_row(struct lf_slice row, struct lf_slice *ret_cells, uint32_t ncells,
                   struct lf_error *err) LF_MUST_CHECK;
/* The raw text back to a cell's value; text of VALUE cells goes to scratch. Inverse of csv_append_cell: DATA for any
 * text that it does not make. Appends at most raw.len bytes, so that whoever reserves the length of a row first may parse
 * all of its cells into one scratch. */
bool csv_parse_cell(const struct lf_column *column, struct lf_slice raw, struct buf *scratch, struct lf_cell *ret_cell,
                    struct lf_error *err) LF_MUST_CHECK;
static inline bool csv_is_null(struct lf_slice raw)
{
    return raw.len == 0;
}
static inline bool csv_is_absent(struct lf_slice raw)
{
    return raw.len == 1 && *(const char *)raw.ptr == CSV_ABSENT;
}

/* Reads the rows of one file from blocks. An input gives up to len bytes, 0 at the end of the file. */
typedef bool (*csv_input)(void *context, void *ret, size_t len, size_t *ret_len, struct lf_error *err);

struct csv_reader {
    csv_input input;
    void *context;
    const char *name;   /* of the file, for messages; borrowed */
    struct buf block;   /* grows up to CSV_ROW_MAX when a row needs it, and shrinks back behind it */
    size_t block_bytes; /* its size otherwise */
    size_t pos;
    bool at_end;
    uint64_t row_number; /* of the row returned last, from 1 */
};
void csv_reader_init(struct csv_reader *reader, csv_input input, void *context, const char *name, size_t block_bytes);
void csv_reader_done(struct csv_reader *reader);
/* The next row's text without LF, valid until the next call; *ret_more false at the end. DATA, naming file and row, for a
 * missing LF at the end, a blank line, CR or another control character (CSV_ABSENT too) outside quotes, a quote that never
 * ends; LIMIT over CSV_ROW_MAX. What stands in the cells is csv_split_row's to check. No call after a failure. */
bool csv_reader_next(struct csv_reader *reader, struct lf_slice *ret_row, bool *ret_more,
                     struct lf_error *err) LF_MUST_CHECK;

#endif
