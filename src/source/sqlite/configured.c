/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/configured.h"

#include "base/nearest.h"
#include "source/sqlite/sql.h"

#define EXCLUDE "exclude."

/* What stands behind "exclude.<table>." in the name of an option; NULL: another option or table. */
static const char *excluded_column(const char *option, const char *table)
{
    size_t prefix_len = strlen(EXCLUDE);
    size_t table_len = strlen(table);
    bool fits = strncmp(option, EXCLUDE, prefix_len) == 0 && strncmp(option + prefix_len, table, table_len) == 0 &&
                option[prefix_len + table_len] == '.';
    return fits ? option + prefix_len + table_len + 1 : NULL;
}

static bool has_column(const struct table *table, const char *name, struct nearest *nearest)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (strcmp(table->columns[i].name, name) == 0) {
            return true;
        }
        nearest_offer(nearest, table->columns[i].name);
    }
    return false;
}

/* Names may have points: "exclude.a.b.c" is column b.c of table a, or column c of table a.b. The longer name has it, unless only the
 * shorter one has such a column. */
static bool is_of_other_table(struct connection *connection, const struct table *table, const char *option, bool *ret,
                              struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    TRY(sql_prepare(connection,
                    "SELECT 1 FROM pragma_table_list AS l WHERE schema = 'main' AND name <> ?1"
                    " AND substr(?2, 1, length(name) + 1) = name || '.' AND (length(name) > length(?1) OR EXISTS"
                    " (SELECT 1 FROM pragma_table_xinfo(l.name, 'main') AS c WHERE l.name || '.' || c.name = ?2))",
                    &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    sql_bind_text(stmt, 2, option + strlen(EXCLUDE));
    return sql_step(connection, stmt, ret, err);
}

static const char *missing_column(const char *column, const struct nearest *nearest, struct arena *arena)
{
    CLEANUP(text_free)
    char *hint = nearest->name != NULL ? text_printf("did you mean %.200s?", nearest->name)
                                       : text_copy("correct the list \"exclude\"");
    CLEANUP(text_free)
    char *text = text_printf("its configuration excludes the column %.200s, which it does not have; %s", column, hint);
    return arena_text(arena, text);
}

/* SQLite gives so many columns of a row, the rowid included; readers would take a few more. */
static const char *check_width(const struct connection *connection, const struct table *table, struct arena *arena)
{
    int limit = sqlite3_limit(connection->db, SQLITE_LIMIT_COLUMN, -1) - (table->rowid ? 1 : 0);
    int count = 0;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        count += table->columns[i].excluded ? 0 : 1;
    }
    if (count <= limit) {
        return NULL;
    }
    CLEANUP(text_free)
    char *text = text_printf("it has %d columns, and SQLite gives at most %d of a row; leave %d out (exclude)", count,
                             limit, count - limit);
    return arena_text(arena, text);
}

bool configured_check(struct connection *connection, const struct table *table, struct arena *arena,
                      const char **ret_refusal, struct lf_error *err)
{
    const struct lf_session *session = connection->session;
    *ret_refusal = check_width(connection, table, arena);
    for (size_t i = 0; *ret_refusal == NULL && i < session->ncolumns; i++) {
        const char *option = session->columns[i].name;
        const char *column = excluded_column(option, table->name);
        struct nearest nearest = nearest_to(column != NULL ? column : "");
        bool other = false;
        if (column == NULL || has_column(table, column, &nearest)) {
            continue;
        }
        TRY(is_of_other_table(connection, table, option, &other, err));
        *ret_refusal = other ? NULL : missing_column(column, &nearest, arena);
    }
    return true;
}
