/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/discover.h"

#include <inttypes.h>

bool pg_op_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err)
{
    char text[64];
    TRY(pg_session_check(session, err));
    (void)snprintf(text, sizeof text, "postgresql:%" PRIu64 "/%" PRIu32, session->system, session->database);
    arena_reset(&session->scratch);
    *ret_identity = arena_text(&session->scratch, text);
    return true;
}

const char *pg_table_rights(const struct lf_session *session, const struct pg_table *table, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *role = PQuser(session->side.conn);
    if (table->refusal != NULL || (table->readable && !table->row_security)) {
        return NULL;
    }
    if (!table->readable) {
        buf_append_text(&text, "this role may not read it; have an administrator run: GRANT USAGE ON SCHEMA ");
        pg_append_identifier(&text, table->schema);
        buf_append_text(&text, " TO ");
        pg_append_identifier(&text, role != NULL ? role : "");
        buf_append_text(&text, "; GRANT SELECT ON ");
        pg_append_table(&text, table->schema, table->relation);
        buf_append_text(&text, " TO ");
        pg_append_identifier(&text, role != NULL ? role : "");
        buf_append_char(&text, ';');
    } else {
        buf_append_text(&text, "row-level security hides rows of it from this role, but not from the log; have an"
                               " administrator run: ALTER ROLE ");
        pg_append_identifier(&text, role != NULL ? role : "");
        buf_append_text(&text, " BYPASSRLS;");
    }
    return arena_text(arena, buf_text(&text));
}

struct discovery {
    const struct lf_session *session;
    lf_table_visitor visit;
    void *context;
};

static bool visit_table(const struct discovery *discovery, const struct pg_table *table, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const char *rights = pg_table_rights(discovery->session, table, &arena);
    const struct lf_table seen = {
        .name = table->name,
        .id = table->followed ? pg_table_id(table, &arena) : (struct lf_slice){0},
        .schema = pg_table_schema(table, &arena),
        .tracked = table->followed,
        .refusal = table->refusal != NULL ? table->refusal : rights,
        .estimated_rows = table->rows < 0 ? -1 : (int64_t)table->rows,
    };
    return discovery->visit(discovery->context, &seen, err);
}

static bool visit_portion(void *context, const struct pg_tables *portion, struct lf_error *err)
{
    for (size_t i = 0; i < portion->count; i++) {
        TRY(visit_table(context, &portion->list[i], err));
    }
    return true;
}

bool pg_op_discover(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    struct discovery discovery = {session, visit, context};
    return pg_catalog_visit(&session->side, visit_portion, &discovery, err);
}
