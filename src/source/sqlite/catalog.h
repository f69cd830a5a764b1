/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as the database describes them. Everything read lives in the caller's arena.
 */
#ifndef SOURCE_SQLITE_CATALOG_H
#define SOURCE_SQLITE_CATALOG_H

#include "source/sqlite/cursor.h"
#include "source/sqlite/session.h"
#include "source/sqlite/type.h"

struct table_column {
    const char *name;
    const char *declared;
    const char *default_sql; /* NULL: none */
    bool not_null;
    bool generated;
    bool excluded; /* left out of the schema by the configuration; triggers may still need it */
    struct column_type type;
};

struct key_part {
    uint32_t column; /* index into columns */
    const char *collation;
    bool descending;
};

struct table {
    const char *name;
    int64_t tab;            /* number in the log, 0: untracked */
    bool rowid;             /* has one, so it is no WITHOUT ROWID table */
    const char *rowid_name; /* an alias that no column hides; NULL: none */
    bool integer_key;       /* the key is the rowid itself */
    struct table_column *columns;
    uint32_t ncolumns;
    struct key_part *key;
    uint32_t nkey;
    const char *refusal; /* NULL: can be replicated */
};

/* All tables an application may own, in the order of their names. */
bool catalog_list(struct connection *connection, struct arena *arena, const char ***ret_names, size_t *ret_count,
                  struct lf_error *err) LF_MUST_CHECK;
/* ret_table is NULL when there is no such table. SCHEMA for a configured type that is none. */
bool catalog_read(struct connection *connection, const char *name, struct arena *arena, struct table **ret_table,
                  struct lf_error *err) LF_MUST_CHECK;
/* The table whose triggers write this number; NULL: none. */
bool catalog_name_of_tab(struct connection *connection, int64_t tab, struct arena *arena, const char **ret_name,
                         struct lf_error *err) LF_MUST_CHECK;
/* Whether track was ever run here, and under which epoch. */
bool catalog_epoch(struct connection *connection, bool *ret_tracked, char ret_epoch[EPOCH_LEN + 1],
                   struct lf_error *err) LF_MUST_CHECK;
/* The same; UNSUPPORTED, saying what to run, when untracked. */
bool catalog_need_epoch(struct connection *connection, char ret_epoch[EPOCH_LEN + 1],
                        struct lf_error *err) LF_MUST_CHECK;

/* The key's columns compare as their bytes or numbers do, so that equal keys are one key in the lake too. */
bool table_key_is_exact(const struct table *table);
/* Rows in the order of the key are in the lake's key order. */
bool table_key_is_ordered(struct connection *connection, const struct table *table, bool *ret,
                          struct lf_error *err) LF_MUST_CHECK;

#endif
