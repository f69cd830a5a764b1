/* SPDX-License-Identifier: Apache-2.0
 *
 * A schema of our own: an owned deep copy of struct lf_schema with a version. Names are the source's. Immutable once made;
 * freed by its one owner.
 */
#ifndef DATA_SCHEMA_H
#define DATA_SCHEMA_H

#include "base/arena.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEMA_COLUMNS_MAX 2048u

struct schema {
    struct lf_schema lf; /* columns in lake order, dropped ones included; points into the arena */
    uint32_t version;    /* from 1, grows with every change of shape */
    struct arena arena;
};

/* Copies. LIMIT over SCHEMA_COLUMNS_MAX columns; SCHEMA for an invalid one (no columns, key out of range, id 0 or
 * twice, precision or scale out of range). A table without a key is valid here; keys and schema_evolve refuse it. */
bool schema_new(const struct lf_schema *from, uint32_t version, struct schema **ret_schema,
                struct lf_error *err) LF_MUST_CHECK;
struct schema *schema_copy(const struct schema *schema);
void schema_free(struct schema **schema); /* for CLEANUP */

/* Index of a column by id; -1: none. */
int schema_find(const struct lf_schema *schema, uint32_t column_id);
/* Columns, types, key; names included. Of the declared type, what stands in parentheses does not count. */
bool schema_same_shape(const struct lf_schema *a, const struct lf_schema *b);

enum schema_verdict {
    SCHEMA_SAME,
    SCHEMA_REWRITE, /* columns added, dropped or renamed: partitions are rewritten at the new width */
    SCHEMA_RELOAD   /* type, key or an id with another meaning: the table is read again */
};
/* What becomes of the lake's schema `old` when the source says `now` (without dropped columns). ret_schema: the next lake
 * schema: old columns keep their place (dropped ones stay, marked), renamed ones take the new name, new ones stand at
 * the end; version is old's + 1, or old's for SCHEMA_SAME. A longer STRING is a SCHEMA_REWRITE. SCHEMA_RELOAD: another type,
 * scale, precision or declared type (without its parentheses); another key; a name or id of a dropped column that lives again;
 * more than SCHEMA_COLUMNS_MAX with the dropped ones. The next schema is then `now` alone. SCHEMA when `now` is invalid or has no
 * key. */
bool schema_evolve(const struct schema *old, const struct lf_schema *now, enum schema_verdict *ret_verdict,
                   struct schema **ret_schema, struct lf_error *err) LF_MUST_CHECK;

#endif
