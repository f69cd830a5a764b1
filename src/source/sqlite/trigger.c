/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/trigger.h"

#include "source/sqlite/index.h"
#include "source/sqlite/sql.h"

#include <ctype.h>
#include <inttypes.h>

/* INSERT INTO lakefeed_log(tab, k1, k2) */
static void append_target(struct buf *out, const struct table *table)
{
    buf_append_text(out, "INSERT INTO lakefeed_log(tab");
    for (uint32_t i = 0; i < table->nkey; i++) {
        buf_printf(out, ", k%u", i + 1);
    }
    buf_append_char(out, ')');
}

/* SELECT 7, NEW."a", NEW."b"; prefix "" for the columns of the table itself */
static void append_key(struct buf *out, const struct table *table, int64_t tab, const char *prefix)
{
    buf_printf(out, " SELECT %" PRId64, tab);
    for (uint32_t i = 0; i < table->nkey; i++) {
        buf_printf(out, ", %s", prefix);
        sql_append_identifier(out, table->columns[table->key[i].column].name);
    }
}

static void append_key_changed(struct buf *out, const struct table *table)
{
    for (uint32_t i = 0; i < table->nkey; i++) {
        const char *name = table->columns[table->key[i].column].name;
        buf_append_text(out, i == 0 ? " WHERE NEW." : " OR NEW.");
        sql_append_identifier(out, name);
        buf_append_text(out, " COLLATE BINARY IS NOT OLD.");
        sql_append_identifier(out, name);
    }
}

/* The row that is being updated does not collide with itself. */
static void append_not_itself(struct buf *out, const struct table *table)
{
    if (table->rowid_name != NULL) {
        buf_printf(out, " AND %s <> OLD.%s", table->rowid_name, table->rowid_name);
        return;
    }
    buf_append_text(out, " AND NOT (");
    for (uint32_t i = 0; i < table->nkey; i++) {
        const char *name = table->columns[table->key[i].column].name;
        buf_append_text(out, i == 0 ? "" : " AND ");
        sql_append_identifier(out, name);
        buf_append_text(out, " IS OLD.");
        sql_append_identifier(out, name);
    }
    buf_append_char(out, ')');
}

static struct trigger *add_trigger(struct trigger_set *set, const struct table *table, int64_t tab, const char *suffix,
                                   const char *when, size_t nstatements, struct arena *arena)
{
    CLEANUP(buf_done) struct buf head = {0};
    struct trigger *trigger = &set->triggers[set->count++];
    (void)snprintf(trigger->name, sizeof trigger->name, "lakefeed_%" PRId64 "_%s", tab, suffix);
    buf_printf(&head, "CREATE TRIGGER %s %s ON ", trigger->name, when);
    sql_append_identifier(&head, table->name);
    trigger->head = arena_text(arena, buf_text(&head));
    trigger->statements = arena_alloc(arena, (nstatements + 1) * sizeof *trigger->statements);
    trigger->nstatements = 0;
    return trigger;
}

static void add_statement(struct trigger *trigger, const struct buf *text, struct arena *arena)
{
    trigger->statements[trigger->nstatements++] = arena_text(arena, buf_text(text));
}

static void plan_after(struct trigger_set *set, const struct table *table, int64_t tab, struct arena *arena)
{
    static const struct {
        const char *suffix, *when, *first;
        bool both;
    } kinds[] = {{"i", "AFTER INSERT", "NEW.", false},
                 {"d", "AFTER DELETE", "OLD.", false},
                 {"u", "AFTER UPDATE", "OLD.", true}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP(buf_done) struct buf text = {0};
        struct trigger *trigger = add_trigger(set, table, tab, kinds[i].suffix, kinds[i].when, 2, arena);
        append_target(&text, table);
        append_key(&text, table, tab, kinds[i].first);
        add_statement(trigger, &text, arena);
        if (kinds[i].both) {
            buf_reset(&text);
            append_target(&text, table);
            append_key(&text, table, tab, "NEW.");
            append_key_changed(&text, table);
            add_statement(trigger, &text, arena);
        }
    }
}

static void plan_before(struct trigger_set *set, const struct table *table, int64_t tab, struct arena *arena,
                        const char *const *conditions, size_t count)
{
    static const char *const kinds[][2] = {{"bi", "BEFORE INSERT"}, {"bu", "BEFORE UPDATE"}};
    for (size_t k = 0; k < ARRAY_LEN(kinds) && count > 0; k++) {
        struct trigger *trigger = add_trigger(set, table, tab, kinds[k][0], kinds[k][1], count, arena);
        for (size_t i = 0; i < count; i++) {
            CLEANUP(buf_done) struct buf text = {0};
            append_target(&text, table);
            append_key(&text, table, tab, "");
            buf_append_text(&text, " FROM ");
            sql_append_identifier(&text, table->name);
            buf_printf(&text, " WHERE %s", conditions[i]);
            if (k == 1) {
                append_not_itself(&text, table);
            }
            add_statement(trigger, &text, arena);
        }
    }
}

bool trigger_plan(struct connection *connection, const struct table *table, int64_t tab, struct arena *arena,
                  struct trigger_set *ret_set, struct lf_error *err)
{
    const char **conditions = NULL;
    size_t count = 0;
    *ret_set = (struct trigger_set){0};
    plan_after(ret_set, table, tab, arena);
    TRY(index_collisions(connection, table, arena, &conditions, &count, err));
#ifdef LAKEFEED_MUTANT_no_replace_trigger
    count = 0;
#endif
    plan_before(ret_set, table, tab, arena, conditions, count);
    return true;
}

bool trigger_install(struct connection *connection, const struct trigger_set *set, struct lf_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        CLEANUP(buf_done) struct buf sql = {0};
        const struct trigger *trigger = &set->triggers[i];
        buf_printf(&sql, "%s BEGIN ", trigger->head);
        for (size_t s = 0; s < trigger->nstatements; s++) {
            buf_printf(&sql, "%s; ", trigger->statements[s]);
        }
        buf_append_text(&sql, "END");
        TRY(buf_check(&sql, "the text of a trigger", err));
        TRY(sql_exec(connection, buf_text(&sql), err));
    }
    return true;
}

bool trigger_drop(struct connection *connection, int64_t tab, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    CLEANUP(buf_done) struct buf drops = {0};
    char pattern[48];
    bool row = false;
    if (tab == 0) {
        (void)snprintf(pattern, sizeof pattern, "lakefeed_[0-9]*_*");
    } else {
        (void)snprintf(pattern, sizeof pattern, "lakefeed_%" PRId64 "_*", tab);
    }
    TRY(sql_prepare(connection, "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB ?1", &stmt, err));
    sql_bind_text(stmt, 1, pattern);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            break;
        }
        buf_append_text(&drops, "DROP TRIGGER main.");
        sql_append_identifier(&drops, (const char *)sqlite3_column_text(stmt, 0));
        buf_append_char(&drops, ';');
    }
    sql_finalize(&stmt);
    return sql_exec(connection, buf_text(&drops), err);
}

/* SQLite rewrites triggers when something is renamed, and may quote and space the new name in its own way. */
static char *normalised(const char *sql, struct arena *arena)
{
    char *text = arena_alloc(arena, strlen(sql) + 1);
    size_t n = 0;
    for (; *sql != '\0'; sql++) {
        if (!isspace((unsigned char)*sql) && strchr("\"`[];", *sql) == NULL) {
            text[n++] = (char)tolower((unsigned char)*sql);
        }
    }
    text[n] = '\0';
    return text;
}

static size_t length_of(const struct trigger *trigger, struct arena *arena)
{
    size_t len = strlen(normalised(trigger->head, arena)) + strlen("beginend");
    for (size_t i = 0; i < trigger->nstatements; i++) {
        len += strlen(normalised(trigger->statements[i], arena));
    }
    return len;
}

static enum trigger_state compare_one(const struct trigger *wanted, const char *installed, struct arena *arena)
{
    const char *text = normalised(installed, arena);
    for (size_t i = 0; i < wanted->nstatements; i++) {
        if (strstr(text, normalised(wanted->statements[i], arena)) == NULL) {
            return TRIGGERS_LACKING;
        }
    }
    return strlen(text) > length_of(wanted, arena) ? TRIGGERS_EXCESSIVE : TRIGGERS_CURRENT;
}

static const struct trigger *find_trigger(const struct trigger_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->triggers[i].name, name) == 0) {
            return &set->triggers[i];
        }
    }
    return NULL;
}

bool trigger_compare(struct connection *connection, const struct table *table, struct arena *arena,
                     enum trigger_state *ret_state, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    struct trigger_set set;
    enum trigger_state worst = TRIGGERS_CURRENT;
    size_t found = 0;
    bool row = false;
    char pattern[48];
    (void)snprintf(pattern, sizeof pattern, "lakefeed_%" PRId64 "_*", table->tab);
    TRY(trigger_plan(connection, table, table->tab, arena, &set, err));
    TRY(sql_prepare(connection,
                    "SELECT name, sql FROM sqlite_schema WHERE tbl_name = ?1 AND type = 'trigger' AND name GLOB ?2",
                    &stmt, err));
    sql_bind_text(stmt, 1, table->name);
    sql_bind_text(stmt, 2, pattern);
    for (;;) {
        TRY(sql_step(connection, stmt, &row, err));
        if (!row) {
            break;
        }
        const struct trigger *wanted = find_trigger(&set, (const char *)sqlite3_column_text(stmt, 0));
        enum trigger_state state = TRIGGERS_EXCESSIVE;
        if (wanted != NULL) {
            found++;
            state = compare_one(wanted, (const char *)sqlite3_column_text(stmt, 1), arena);
        }
        worst = state > worst ? state : worst;
    }
    *ret_state = found < set.count ? TRIGGERS_LACKING : worst;
    return true;
}
