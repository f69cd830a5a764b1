/* SPDX-License-Identifier: Apache-2.0
 *
 * A table as the host knows it, laid beside the table as it is now: which column is which, and what a row gives.
 */
#ifndef SOURCE_SQLITE_SHAPE_H
#define SOURCE_SQLITE_SHAPE_H

#include "lakefeed/batch.h"
#include "source/sqlite/catalog.h"

struct field {
    struct column_type type;
    bool key;
};

struct shape {
    const char *name; /* now; a rename is followed */
    char epoch[EPOCH_LEN + 1];
    int64_t tab;
    struct lf_schema schema; /* what the host knows, without dropped columns: what it handed in, or was told since */
    struct field *fields;    /* one for each column of the schema */
    uint32_t next_id;        /* above every id ever given */
    const struct table *table;
    const char *select;   /* the select list, quoted: the columns of the schema in its order */
    struct arena arena;   /* owns all of it */
    sqlite3_stmt *lookup; /* a row by its key, NULL: not prepared */
    bool dead;            /* a fault was reported; nothing more comes */
};

enum shape_change {
    SHAPE_SAME,
    SHAPE_EVOLVED,   /* columns came or went; rows are what they were */
    SHAPE_REWRITTEN, /* columns came or went and rows changed without events */
    SHAPE_REPLACED,  /* a type or the key is another: the schema starts anew */
    SHAPE_FAULT
};

/* Copies the state; the table is looked at by the first refresh. */
void shape_init(struct shape *shape, const struct lf_table_state *state);
void shape_done(struct shape *shape);
/* Compares with the table as it is now and takes its shape over. ret_reason (in the shape's arena): of every change but SAME. */
bool shape_refresh(struct shape *shape, struct connection *connection, enum shape_change *ret_change,
                   const char **ret_reason, struct lf_error *err) LF_MUST_CHECK;

/* Takes the shape of a table that the host has not seen, for a check; `arena` holds the table and moves into the shape. */
void shape_adopt(struct shape *shape, const struct table *table, struct arena *arena);

/* One row of a statement that selects shape->select, as cells of the schema. A value that does not fit is a refused cell, text
 * that is not UTF-8 crosses as it is. DATA for a key cell, naming table, column, key and value. */
bool shape_read_row(const struct shape *shape, sqlite3_stmt *stmt, struct arena *arena, struct lf_cell *ret_cells,
                    struct lf_error *err) LF_MUST_CHECK;
/* The same without stopping at a value that does not fit: the column at fault, or -1. */
int shape_try_row(const struct shape *shape, sqlite3_stmt *stmt, struct arena *arena, struct lf_cell *ret_cells,
                  const char **ret_why);
/* DATA: what value of what column in what row, why it does not fit, and the line that takes it as it is. */
bool shape_value_error(const struct shape *shape, sqlite3_stmt *stmt, uint32_t column, const char *why,
                       struct lf_error *err);
/* The name, type and collation of a part of the key. */
const struct table_column *shape_key_column(const struct shape *shape, uint32_t part);
/* Prepares lookup: parameters 1 to nkey are the key, bound as the log has it. */
bool shape_prepare_lookup(struct shape *shape, struct connection *connection, struct lf_error *err) LF_MUST_CHECK;

/* The id of a table for the host. */
struct lf_slice shape_id(const char *epoch, int64_t tab, struct arena *arena);
/* The schema of a table that the host has not seen yet; lives in the arena. */
struct lf_schema shape_first_schema(const struct table *table, struct arena *arena);

#endif
