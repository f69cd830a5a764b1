/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/index.h"

#include "source/sqlite/sql.h"

#include <strings.h>

/* The parts of CREATE INDEX … ON t (term, term) WHERE condition, as text. */
struct index_text {
    const char *terms; /* after the opening parenthesis */
    const char *where; /* NULL: the index is not partial */
};

/* REPLACE puts the default in the place of NULL in a NOT NULL column, after the BEFORE triggers have run. */
static void append_new(struct buf *out, const struct table_column *column, const char *token, size_t len)
{
    bool replaced = column->not_null && column->default_sql != NULL && !column->generated;
    buf_printf(out, "%sNEW.%.*s", replaced ? "ifnull(" : "", (int)len, token);
    if (replaced) {
        buf_printf(out, ", (%s))", column->default_sql);
    }
}

static const struct table_column *find_column(const struct table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (strcasecmp(table->columns[i].name, name) == 0) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* Words of an expression that are no column, even when a column has that name. */
static bool is_operator_word(struct sql_token token)
{
    static const char *const words[] = {"and",  "or",   "not",  "is",   "null",    "isnull", "notnull",  "in",
                                        "like", "glob", "when", "case", "between", "regexp", "match",    "then",
                                        "else", "end",  "cast", "as",   "collate", "escape", "distinct", "from"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (sql_token_is(token, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_reference(struct sql_token token, struct sql_token before, struct sql_token after)
{
    if (token.kind == SQL_TOKEN_WORD ? is_operator_word(token) : token.kind != SQL_TOKEN_QUOTED) {
        return false;
    }
    return !sql_token_is(after, "(") && !sql_token_is(after, ".") && !sql_token_is(before, "collate") &&
           !sql_token_is(before, "as");
}

/* Copies an expression with every column of the table turned into the same column of NEW. */
static void append_with_new(struct buf *out, const struct table *table, const char *expression, size_t len,
                            struct arena *arena)
{
    struct sql_token before = {0};
    for (struct sql_token token = sql_token_next(expression); token.text < expression + len && token.len > 0;
         token = sql_token_next(token.text + token.len)) {
        struct sql_token after = sql_token_next(token.text + token.len);
        const struct table_column *column = NULL;
        if (is_reference(token, before, after)) {
            column = find_column(table, sql_token_name(token, arena));
        }
        bool qualifier = token.kind != SQL_TOKEN_OTHER && sql_token_is(after, ".");
        if (column != NULL) {
            append_new(out, column, token.text, token.len);
        } else if (!qualifier && !sql_token_is(token, ".")) {
            buf_append(out, token.text, token.len);
        }
        if (after.text > token.text + token.len && !qualifier) {
            buf_append_char(out, ' ');
        }
        before = token;
    }
}

static bool find_parts(const char *sql, struct index_text *ret_text)
{
    struct sql_token token = sql_token_next(sql);
    while (token.kind != SQL_TOKEN_END && !sql_token_is(token, "on")) {
        token = sql_token_next(token.text + token.len);
    }
    while (token.kind != SQL_TOKEN_END && !sql_token_is(token, "(")) {
        token = sql_token_next(token.text + token.len);
    }
    if (token.kind == SQL_TOKEN_END) {
        return false;
    }
    *ret_text = (struct index_text){.terms = token.text + 1};
    int depth = 1;
    while (token.kind != SQL_TOKEN_END && depth > 0) {
        token = sql_token_next(token.text + token.len);
        depth += sql_token_is(token, "(") ? 1 : sql_token_is(token, ")") ? -1 : 0;
    }
    token = sql_token_next(token.text + token.len);
    if (sql_token_is(token, "where")) {
        ret_text->where = token.text + token.len;
    }
    return true;
}

/* The text of term n, without ASC or DESC at its end. */
static struct lf_slice find_term(const char *terms, int n)
{
    int depth = 0;
    const char *start = terms;
    const char *end = terms;
    for (struct sql_token token = sql_token_next(terms); token.kind != SQL_TOKEN_END;
         token = sql_token_next(token.text + token.len)) {
        bool last = depth == 0 && (sql_token_is(token, ",") || sql_token_is(token, ")"));
        depth += sql_token_is(token, "(") ? 1 : sql_token_is(token, ")") ? -1 : 0;
        if (last && n == 0) {
            break;
        }
        if (last) {
            n--;
            start = token.text + token.len;
        } else if (depth > 0 || !(sql_token_is(token, "asc") || sql_token_is(token, "desc"))) {
            end = token.text + token.len;
        }
    }
    return (struct lf_slice){start, end > start ? (size_t)(end - start) : 0};
}

static void append_column_term(struct buf *out, const struct table_column *column, const char *collation)
{
    CLEANUP(buf_done) struct buf name = {0};
    sql_append_identifier(&name, column->name);
    buf_printf(out, "%s = ", buf_text(&name));
    append_new(out, column, name.ptr, name.len);
    buf_append_text(out, " COLLATE ");
    sql_append_identifier(out, collation);
}

static void append_expression_term(struct buf *out, const struct table *table, struct lf_slice term,
                                   const char *collation, struct arena *arena)
{
    buf_printf(out, "(%.*s) = (", (int)term.len, (const char *)term.ptr);
    append_with_new(out, table, term.ptr, term.len, arena);
    buf_append_text(out, ") COLLATE ");
    sql_append_identifier(out, collation);
}

static bool append_index(struct connection *connection, const struct table *table, const char *index, const char *sql,
                         struct arena *arena, struct buf *out, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    struct index_text text = {0};
    bool row = false;
    bool parsed = sql != NULL && find_parts(sql, &text);
    TRY(sql_prepare(connection,
                    "SELECT seqno, cid, name, coll FROM pragma_index_xinfo(?1, 'main') WHERE key = 1 ORDER BY seqno",
                    &stmt, err));
    sql_bind_text(stmt, 1, index);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            break;
        }
        const char *name = (const char *)sqlite3_column_text(stmt, 2);
        const struct table_column *column = name != NULL ? find_column(table, name) : NULL;
        const char *collation = (const char *)sqlite3_column_text(stmt, 3);
        buf_append_text(out, out->len > 0 ? " AND " : "");
        if (column != NULL) {
            append_column_term(out, column, collation);
        } else if (parsed) {
            append_expression_term(out, table, find_term(text.terms, sqlite3_column_int(stmt, 0)), collation, arena);
        } else {
            return lf_error_set(err, LF_UNSUPPORTED, 0, "table %s: its unique index %s cannot be understood",
                                table->name, index);
        }
    }
    if (text.where != NULL) {
        buf_printf(out, " AND (%s) AND (", text.where);
        append_with_new(out, table, text.where, strlen(text.where), arena);
        buf_append_char(out, ')');
    }
    return true;
}

static bool count_indexes(struct connection *connection, const struct table *table, size_t *ret_count,
                          struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection, "SELECT count(*) FROM pragma_index_list(?1, 'main')", &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    TRY(sql_step(connection, stmt, &row, err));
    *ret_count = (size_t)sqlite3_column_int64(stmt, 0);
    return true;
}

bool index_collisions(struct connection *connection, const struct table *table, struct arena *arena,
                      const char ***ret_conditions, size_t *ret_count, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    size_t count = 0;
    bool row = false;
    TRY(count_indexes(connection, table, &count, err));
    const char **conditions = arena_alloc(arena, (count + 1) * sizeof *conditions);
    *ret_count = 0;
    /* The text of an index is looked for, through the whole schema, only when its columns do not tell all. */
    TRY(sql_prepare(
        connection,
        "SELECT l.name, CASE WHEN l.partial OR EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name, 'main') AS x"
        " WHERE x.key = 1 AND x.cid = -2) THEN (SELECT s.sql FROM sqlite_schema AS s WHERE s.type = 'index'"
        " AND s.name = l.name) END, l.origin FROM pragma_index_list(?1, 'main') AS l WHERE l.\"unique\" = 1"
        " ORDER BY l.name",
        &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            break;
        }
        bool key = strcmp((const char *)sqlite3_column_text(stmt, 2), "pk") == 0;
        if (key && table_key_is_exact(table)) {
            continue; /* the replaced row has the new row's key, which the AFTER trigger logs */
        }
        buf_reset(&text);
        TRY(append_index(connection, table, (const char *)sqlite3_column_text(stmt, 0),
                         (const char *)sqlite3_column_text(stmt, 1), arena, &text, err));
        conditions[(*ret_count)++] = arena_text(arena, buf_text(&text));
    }
    if (table->rowid && !table->integer_key && table->rowid_name != NULL) {
        buf_reset(&text);
        buf_printf(&text, "%s = NEW.%s", table->rowid_name, table->rowid_name);
        conditions[(*ret_count)++] = arena_text(arena, buf_text(&text));
    }
    *ret_conditions = conditions;
    return true;
}
