/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/configured.h"

#include "base/nearest.h"

static const char exclude_kind[] = "exclude";
static const char type_kind[] = "type";
static const char filter_kind[] = "filter";

/* What stands behind "<kind>.<table>" in the name of an option; NULL: another option or table. */
static const char *rest_of(const char *option, const char *kind, const struct pg_table *table)
{
    size_t kind_len = strlen(kind);
    size_t table_len = strlen(table->name);
    bool fits = strncmp(option, kind, kind_len) == 0 && option[kind_len] == '.' &&
                strncmp(option + kind_len + 1, table->name, table_len) == 0;
    return fits ? option + kind_len + 1 + table_len : NULL;
}

static const char *column_of(const char *option, const char *kind, const struct pg_table *table)
{
    const char *rest = rest_of(option, kind, table);
    return rest != NULL && rest[0] == '.' ? rest + 1 : NULL;
}

static const char *find_option(const struct lf_session *session, const char *kind, const struct pg_table *table,
                               const char *column)
{
    for (size_t i = 0; i < session->settings.nof_tables; i++) {
        const char *of = column_of(session->settings.of_tables[i].name, kind, table);
        if (of != NULL && strcmp(of, column) == 0) {
            return session->settings.of_tables[i].text;
        }
    }
    return NULL;
}

const char *pg_configured_filter(const struct lf_session *session, const struct pg_table *table)
{
    for (size_t i = 0; i < session->settings.nof_tables; i++) {
        const char *rest = rest_of(session->settings.of_tables[i].name, filter_kind, table);
        if (rest != NULL && rest[0] == '\0') {
            return session->settings.of_tables[i].text;
        }
    }
    return NULL;
}

bool pg_configured_apply(const struct lf_session *session, const struct pg_table *table, struct pg_column *column,
                         struct lf_error *err)
{
    column->excluded = column->excluded || find_option(session, exclude_kind, table, column->name) != NULL;
    const char *type = find_option(session, type_kind, table, column->name);
    if (type == NULL) {
        return true;
    }
    enum lf_type before = column->type.type;
    if (!pg_type_configure(&column->type, type, err)) {
        return lf_error_wrap(err, "table %s, column %s", table->name, column->name);
    }
    column->configured = before != column->type.type;
    return true;
}

static bool has_column(const struct pg_table *table, const char *name, struct nearest *nearest)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (strcmp(table->columns[i].name, name) == 0) {
            return true;
        }
        nearest_offer(nearest, table->columns[i].name);
    }
    return false;
}

/* A name with a point may belong to a table of a schema that is called like this one, so only names without are judged. */
const char *pg_configured_check(const struct lf_session *session, const struct pg_table *table, struct arena *arena)
{
    for (size_t i = 0; i < session->settings.nof_tables; i++) {
        const char *column = column_of(session->settings.of_tables[i].name, exclude_kind, table);
        struct nearest nearest = nearest_to(column != NULL ? column : "");
        if (column == NULL || strchr(column, '.') != NULL || has_column(table, column, &nearest)) {
            continue;
        }
        CLEANUP(text_free)
        char *text = text_printf("its configuration excludes the column %.200s, which it does not have; %s%.200s%s",
                                 column, nearest.name != NULL ? "did you mean " : "correct the list \"exclude\"",
                                 nearest.name != NULL ? nearest.name : "", nearest.name != NULL ? "?" : "");
        return arena_text(arena, text);
    }
    return NULL;
}
