/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that memcmp puts in order. The bytes are a pure function of the raw CSV text of the key cells and the schema, since
 * merges read old CSV. docs/formats/keys.md is the byte-exact page. Order: column by column; integers, doubles and decimals by
 * value; text, dates, guids and binary by their bytes.
 */
#ifndef DATA_KEY_H
#define DATA_KEY_H

#include "base/buf.h"
#include "lakefeed/batch.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#define KEY_MAX ((size_t)16 << 10)

/* From the raw CSV texts of all cells of a row. DATA: a key cell is NULL or absent, or is not of its type; LIMIT over KEY_MAX. */
bool key_append_from_row(struct buf *out, const struct lf_schema *schema, const struct lf_slice *raw_cells,
                         struct lf_error *err) LF_MUST_CHECK;
/* The same from cells: `key_cells` has schema->nkey cells in key order. Equal values give equal bytes either way. */
bool key_append_from_cells(struct buf *out, const struct lf_schema *schema, const struct lf_cell *key_cells,
                           struct lf_error *err) LF_MUST_CHECK;
/* Back to cells (nkey of them, bytes in scratch), for bounds of a load that resumes and for messages. */
bool key_decode(const struct lf_schema *schema, struct lf_slice key, struct lf_cell *ret_cells, struct buf *scratch,
                struct lf_error *err) LF_MUST_CHECK;
/* For messages: id=7, code='x'; cut at 200 bytes. */
void key_print(const struct lf_schema *schema, struct lf_slice key, struct buf *out);

#endif
