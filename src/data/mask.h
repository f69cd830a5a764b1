/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks of columns: what stands in the lake in the place of a value. docs/masking.md says what each of them does.
 *
 * The source type of a masked column carries its sign, so that a schema alone tells how its rows were made: which mask, with which
 * key, and what the column is in the source. Pure; any thread.
 */
#ifndef DATA_MASK_H
#define DATA_MASK_H

#include "base/arena.h"
#include "lakefeed/batch.h"

#include <stdbool.h>

/* X(name, word in the configuration) */
#define MASK_KINDS(X) \
    X(NULL, "null") \
    X(FIXED, "fixed") \
    X(HASH, "hash") \
    X(NONE, "none") /* the value itself, and that is meant: no column of the lake has this mask */

enum mask_kind {
#define MASK_KIND_ENUM(name, word) MASK_##name,
    MASK_KINDS(MASK_KIND_ENUM)
#undef MASK_KIND_ENUM
};

#define MASK_SIGN_SIZE 17
#define MASK_HASH_CHARS 64

struct mask {
    enum mask_kind kind;
    const char *text;          /* FIXED; borrowed */
    struct lf_slice key;       /* HASH; borrowed */
    char sign[MASK_SIGN_SIZE]; /* differs where text or key do, and tells nothing of them that the lake does not */
};

const char *mask_word(enum mask_kind kind);
bool mask_find_word(const char *word, enum mask_kind *ret_kind) LF_MUST_CHECK;
/* With the text of FIXED, the key of HASH; the other is ignored. */
struct mask mask_make(enum mask_kind kind, const char *text, struct lf_slice key);
bool mask_is_same(const struct mask *a, const struct mask *b); /* by kind and sign */

/* Why a column of a key cannot have the mask, as "the column x …"; NULL: it can. Lives in the arena. */
const char *mask_refuse_key(const struct mask *mask, const struct lf_column *column, struct arena *arena);

/* The column as it stands in the lake. Texts live in the arena. */
struct lf_column mask_column(const struct mask *mask, const struct lf_column *column, struct arena *arena);
/* Its inverse. False: the column is not masked. Of *ret_mask kind and sign alone are filled. Either may be NULL. */
bool mask_read_column(const struct lf_column *masked, struct arena *arena, struct mask *ret_mask,
                      struct lf_column *ret_column);

/* The cell in the place of `cell`, which is one of `column`, the source's. What it points at lives in the arena and holds nothing of
 * the value. ABSENT stays ABSENT and NULL stays NULL under HASH; what has no lake text becomes REFUSED, with a
 * sentence that names `table`. */
struct lf_cell mask_cell(const struct mask *mask, const char *table, const struct lf_column *column,
                         const struct lf_cell *cell, struct arena *arena);

#endif
