/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from the source into lake text, by the policy of their entity: a row that cannot be taken fails, has its text
 * repaired, or becomes a note (bad_row.h) for the entity's quarantine. docs/design/quarantine.md tells what follows.
 */
#ifndef DATA_INTAKE_H
#define DATA_INTAKE_H

#include "base/buf.h"
#include "lakefeed/batch.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

enum intake_rule { INTAKE_FAIL, INTAKE_REPLACE, INTAKE_QUARANTINE };

struct intake_policy {
    enum intake_rule bad_text; /* text that is not UTF-8 or has U+0000 */
    enum intake_rule bad_row;  /* everything else; not REPLACE */
};

struct intake {
    bool absent;   /* the row has absent cells */
    bool repaired; /* text was replaced */
    bool bad;      /* what was appended is a note; absent and repaired are false */
};

/* Appends the row's text or its note. `key`: of the row, encoded. On failure `out` is as before,
 * but for its overflow flag. Kinds: DATA and LIMIT, naming table, row, column and the way out. */
bool intake_row(const struct intake_policy *policy, const char *table, const struct lf_schema *schema,
                const struct lf_cell *cells, struct lf_slice key, struct buf *out, struct intake *ret,
                struct lf_error *err) LF_MUST_CHECK;

/* Appends the note of a row that is known by its key alone; `why`: what is wrong with it as a whole. */
bool intake_note(const struct lf_schema *schema, struct lf_slice key, const struct lf_error *why, struct buf *out,
                 struct lf_error *err) LF_MUST_CHECK;

/* Appends `text` with U+FFFD in the place of each U+0000 and of each longest piece that begins no character or breaks one off. */
void intake_repair_text(struct lf_slice text, struct buf *out);

#endif
