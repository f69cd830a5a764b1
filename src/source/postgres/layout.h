/* SPDX-License-Identifier: Apache-2.0
 *
 * A table as the host knows it beside the table as it is: what changed, and how a row of text becomes cells.
 */
#ifndef SOURCE_POSTGRES_LAYOUT_H
#define SOURCE_POSTGRES_LAYOUT_H

#include "source/postgres/catalog.h"

#define PG_REFUSED_START ((size_t)32) /* bytes of a refused value that are kept to show */

enum pg_change {
    PG_SAME,
    PG_EVOLVED,   /* columns were added without values in old rows, dropped or renamed */
    PG_REWRITTEN, /* columns were added that have values in rows already there: those rows have to be read again */
    PG_REPLACED   /* a type or the key is another: the schema starts anew, rows have to be read again */
};

/* Compares by column ids. `known` may hold dropped columns. ret_reason: a sentence about every change but PG_SAME, static or in the
 * arena. */
enum pg_change pg_schema_compare(const struct lf_schema *known, const struct pg_table *now, struct arena *arena,
                                 const char **ret_reason);

/* How a text of a column that is not in the schema's order arrives: the caller puts fields in the order of the columns of the
 * schema. */
enum pg_field_state { PG_FIELD_NULL, PG_FIELD_TEXT, PG_FIELD_ABSENT };
struct pg_field {
    enum pg_field_state state;
    const char *text; /* must live as long as the cells */
    size_t len;
};

struct pg_layout {
    const char *name;        /* of the table, for messages */
    struct lf_schema schema; /* without dropped columns */
    struct pg_type *types;   /* one for each column of the schema */
    bool *key;               /* likewise: is part of the key */
    struct arena arena;      /* owns all of it */
};

/* The table as it is now; everything is copied. */
void pg_layout_init(struct pg_layout *layout, const struct pg_table *table);
void pg_layout_done(struct pg_layout *layout); /* for CLEANUP */

/* One row. What does not fit its column becomes a refused cell; DATA when it is part of the key, naming table, column and
 * value. Cells borrow the text of the fields and live in the arena. */
bool pg_layout_row(const struct pg_layout *layout, const struct pg_field *fields, struct arena *arena,
                   struct lf_cell *ret_cells, struct lf_error *err) LF_MUST_CHECK;
/* The key alone: nkey cells in key order, from the fields of a whole row. DATA when a part is NULL, absent or does not fit. */
bool pg_layout_key(const struct pg_layout *layout, const struct pg_field *fields, struct arena *arena,
                   struct lf_cell *ret_cells, struct lf_error *err) LF_MUST_CHECK;

#endif
