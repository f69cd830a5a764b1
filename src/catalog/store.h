/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog's SQLite file: opening, the check whether it is ours and whole, and one way to run a statement. Errors
 * carry SQLite's extended code. Kinds: DATA for a damaged file or one that is no catalog, UNSUPPORTED for a newer format,
 * CONFIG for rights, NOT_FOUND for a file that is missing and may not be made, TRANSIENT for the rest: no space, locks.
 * Not thread-safe.
 */
#ifndef CATALOG_STORE_H
#define CATALOG_STORE_H

#include "catalog/statements.h"
#include "lakefeed/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_BUSY_MS 2000 /* how long another process may hold the file */

enum store_statement {
#define STORE_STATEMENT_ENUM(name, text) STORE_##name,
    STORE_STATEMENTS(STORE_STATEMENT_ENUM)
#undef STORE_STATEMENT_ENUM
        STORE_STATEMENT_COUNT
};

/* One parameter; texts are borrowed, NULL binds NULL. */
struct store_value {
    bool is_text;
    const char *text;
    int64_t number;
};
#define STORE_TEXT(value) \
    { \
        .is_text = true, .text = (value) \
    }
#define STORE_NUM(value) \
    { \
        .number = (int64_t)(value) \
    }
/* Parameters ?1, ?2, … of a statement. */
#define STORE_VALUES(...) \
    (const struct store_value[]){__VA_ARGS__}, \
        (int)(sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value))

struct store;
typedef void (*store_visitor)(void *context, sqlite3_stmt *row);

/* `now_ms` is written into a file that is begun; *ret_made tells that it was. An empty file counts as none. A file of
 * another program is not changed. */
bool store_open(const char *path, bool read_only, int64_t now_ms, struct store **ret_store, bool *ret_made,
                struct lf_error *err) LF_MUST_CHECK;
void store_close(struct store **store);         /* NULL is allowed */
bool store_is_moved(const struct store *store); /* the path no longer leads to the open file */

/* Runs one statement to its end; `visit` (may be NULL) sees each row. */
bool store_run(struct store *store, enum store_statement which, const struct store_value *values, int nvalues,
               store_visitor visit, void *context, struct lf_error *err) LF_MUST_CHECK;
int64_t store_last_id(const struct store *store); /* of the last insert */
int store_changes(const struct store *store);     /* rows of the last insert, update or delete */
bool store_in_transaction(const struct store *store);

#endif
