/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements with errors in the house's form, quoting, and a small tokenizer of SQL text.
 */
#ifndef SOURCE_SQLITE_SQL_H
#define SOURCE_SQLITE_SQL_H

#include "source/sqlite/session.h"

/* Maps a result code to a kind and says what went wrong with which file. Always false. */
bool sql_fail(const struct connection *connection, int code, const char *what, struct lf_error *err);
bool sql_exec(struct connection *connection, const char *sql, struct lf_error *err) LF_MUST_CHECK;
bool sql_prepare(struct connection *connection, const char *sql, sqlite3_stmt **ret_stmt,
                 struct lf_error *err) LF_MUST_CHECK;
bool sql_step(struct connection *connection, sqlite3_stmt *stmt, bool *ret_row, struct lf_error *err) LF_MUST_CHECK;
/* Runs a statement that has been bound and gives no rows. */
bool sql_run(struct connection *connection, sqlite3_stmt *stmt, struct lf_error *err) LF_MUST_CHECK;
void sql_finalize(sqlite3_stmt **stmt);                              /* for CLEANUP */
void sql_bind_text(sqlite3_stmt *stmt, int index, const char *text); /* borrowed until the next bind */
/* The first column of the first row; `none` without a row or with NULL there. */
bool sql_get_int(struct connection *connection, const char *sql, int64_t none, int64_t *ret,
                 struct lf_error *err) LF_MUST_CHECK;

void sql_append_identifier(struct buf *out, const char *name); /* in double quotes */

enum sql_token_kind { SQL_TOKEN_END, SQL_TOKEN_WORD, SQL_TOKEN_QUOTED, SQL_TOKEN_OTHER };

struct sql_token {
    enum sql_token_kind kind; /* QUOTED: an identifier in "", `` or [] */
    const char *text;
    size_t len;
};

/* The next token after `at`; blanks and comments are skipped. A literal is one OTHER. */
struct sql_token sql_token_next(const char *at);
bool sql_token_is(struct sql_token token, const char *word); /* without regard to case */
/* The identifier without its quotes; text lives in the arena. */
char *sql_token_name(struct sql_token token, struct arena *arena);

#endif
