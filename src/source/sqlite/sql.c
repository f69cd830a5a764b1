/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/sql.h"

#include <ctype.h>
#include <strings.h>

static enum lf_error_kind kind_of_code(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_SCHEMA:
    case SQLITE_PROTOCOL:
        return LF_TRANSIENT;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return LF_CONFIG;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return LF_AUTH;
    case SQLITE_INTERRUPT:
        return LF_CANCELLED;
    case SQLITE_TOOBIG:
        return LF_LIMIT;
    default:
        return LF_INTERNAL;
    }
}

static const char *cure_of_code(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another process holds a lock: let its transaction end (fuser -v FILE shows who has the file open)";
    case SQLITE_NOTADB:
        return "; check the path after sqlite: (an encrypted database cannot be read)";
    case SQLITE_CORRUPT:
        return "; restore it or repair it (sqlite3 FILE .recover)";
    case SQLITE_READONLY:
        return "; give the user write access to the file and its folder";
    case SQLITE_CANTOPEN:
        return "; check the rights on the file and its folder (a write-ahead log needs a folder that can be written)";
    case SQLITE_FULL:
        return "; make room on the disk of the database";
    default:
        return "";
    }
}

bool sql_fail(const struct connection *connection, int code, const char *what, struct lf_error *err)
{
    const char *text = connection->db != NULL ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);
    return lf_error_set(err, kind_of_code(code), code, "SQLite database %s %s: %s%s", connection->session->path, what,
                        text, cure_of_code(code));
}

bool sql_exec(struct connection *connection, const char *sql, struct lf_error *err)
{
    int rc = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || sql_fail(connection, rc, "refused a statement", err);
}

bool sql_prepare(struct connection *connection, const char *sql, sqlite3_stmt **ret_stmt, struct lf_error *err)
{
    int rc = sqlite3_prepare_v2(connection->db, sql, -1, ret_stmt, NULL);
    return rc == SQLITE_OK || sql_fail(connection, rc, "refused a statement", err);
}

bool sql_step(struct connection *connection, sqlite3_stmt *stmt, bool *ret_row, struct lf_error *err)
{
    int rc = sqlite3_step(stmt);
    *ret_row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE || sql_fail(connection, rc, "could not be read", err);
}

bool sql_run(struct connection *connection, sqlite3_stmt *stmt, struct lf_error *err)
{
    int rc = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE || sql_fail(connection, rc, "could not be changed", err);
}

void sql_finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
    *stmt = NULL;
}

void sql_bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
    (void)sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

bool sql_get_int(struct connection *connection, const char *sql, int64_t none, int64_t *ret, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection, sql, &stmt, err));
    TRY(sql_step(connection, stmt, &row, err));
    *ret = row && sqlite3_column_type(stmt, 0) != SQLITE_NULL ? sqlite3_column_int64(stmt, 0) : none;
    return true;
}

void sql_append_identifier(struct buf *out, const char *name)
{
    buf_append_char(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            buf_append_char(out, '"');
        }
        buf_append_char(out, *name);
    }
    buf_append_char(out, '"');
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static const char *skip_blanks(const char *at)
{
    for (;;) {
        if (isspace((unsigned char)*at)) {
            at++;
        } else if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");
            at = end != NULL ? end + 2 : at + strlen(at);
        } else {
            return at;
        }
    }
}

/* The length of a quoted run that begins at `at`; the closing character doubled stands for itself, except "]". */
static size_t quoted_len(const char *at, char close)
{
    size_t n = 1;
    while (at[n] != '\0') {
        if (at[n] != close) {
            n++;
        } else if (close != ']' && at[n + 1] == close) {
            n += 2;
        } else {
            return n + 1;
        }
    }
    return n;
}

static size_t word_len(const char *at)
{
    size_t n = 0;
    while (is_word(at[n])) {
        n++;
    }
    return n;
}

static char closing_of(char open)
{
    if (open == '[') {
        return ']';
    }
    return open;
}

struct sql_token sql_token_next(const char *at)
{
    at = skip_blanks(at);
    if (*at == '\0') {
        return (struct sql_token){SQL_TOKEN_END, at, 0};
    }
    if (*at == '"' || *at == '`' || *at == '[') {
        return (struct sql_token){SQL_TOKEN_QUOTED, at, quoted_len(at, closing_of(*at))};
    }
    if (*at == '\'') {
        return (struct sql_token){SQL_TOKEN_OTHER, at, quoted_len(at, '\'')};
    }
    if ((*at == 'x' || *at == 'X') && at[1] == '\'') {
        return (struct sql_token){SQL_TOKEN_OTHER, at, 1 + quoted_len(at + 1, '\'')};
    }
    if (isdigit((unsigned char)*at) || !is_word(*at)) {
        size_t n = word_len(at);
        return (struct sql_token){SQL_TOKEN_OTHER, at, n > 0 ? n : 1};
    }
    return (struct sql_token){SQL_TOKEN_WORD, at, word_len(at)};
}

bool sql_token_is(struct sql_token token, const char *word)
{
    return token.kind != SQL_TOKEN_QUOTED && token.len == strlen(word) && strncasecmp(token.text, word, token.len) == 0;
}

char *sql_token_name(struct sql_token token, struct arena *arena)
{
    char *name = arena_alloc(arena, token.len + 1);
    size_t n = 0;
    if (token.kind != SQL_TOKEN_QUOTED) {
        memcpy(name, token.text, token.len);
        name[token.len] = '\0';
        return name;
    }
    char close = token.text[token.len - 1];
    for (size_t i = 1; i + 1 < token.len; i++) {
        name[n++] = token.text[i];
        if (close != ']' && token.text[i] == close) {
            i++;
        }
    }
    name[n] = '\0';
    return name;
}
