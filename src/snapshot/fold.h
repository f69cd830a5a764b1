/* SPDX-License-Identifier: Apache-2.0
 *
 * Folding: the state of one key while its changes are applied in stream order. A state is a row in the shape that is being
 * written, no row, or unknown (an absent cell whose value has not been found). No row may be so because the newest one cannot
 * be taken: then its note is kept.
 */
#ifndef SNAPSHOT_FOLD_H
#define SNAPSHOT_FOLD_H

#include "data/change.h"
#include "snapshot/layout.h"

struct fold {
    const struct schema *schema;
    const struct schema *const *versions;
    size_t nversions;
    struct layout *layouts; /* one for each version, made when first needed */
    struct lf_slice *cells; /* scratch */
    struct buf row, change, filled;
    bool exists;
    bool unknown;
    bool bad;              /* does not exist, but `note` says that there is one */
    struct buf note;       /* bad_row.h */
    uint32_t note_version; /* of the schema under which it was made */
};

void fold_init(struct fold *fold, const struct schema *schema, const struct schema *const *versions, size_t nversions);
void fold_done(struct fold *fold);

/* Begins a key with the old row, or without one (has_row false). */
void fold_start(struct fold *fold, bool has_row, struct lf_slice row);
/* Applies one change. `before`: the row of the key that a move came from, just before it; NULL: not a move, or not known. */
bool fold_apply(struct fold *fold, const struct change *change, const struct lf_slice *before,
                struct lf_error *err) LF_MUST_CHECK;

#endif
