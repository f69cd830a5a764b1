/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/filter.h"

#include "source/postgres/load.h"

static const char *refuse_uncovered(const struct pg_table *table, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(
        &text,
        "its filter has columns that are not part of the replica identity (%.300s), so that the server would refuse "
        "every UPDATE and DELETE of the table; ALTER TABLE ",
        table->uncovered);
    pg_append_table(&text, table->schema, table->relation);
    buf_append_text(&text, " REPLICA IDENTITY FULL; or use a unique index with these columns as the replica identity");
    return arena_text(arena, buf_text(&text));
}

const char *pg_filter_refusal(const struct lf_session *session, const struct pg_table *table, struct arena *arena)
{
    if (table->filter != NULL && session->version < PG_15) {
        return "it has a filter, which takes PostgreSQL 15 or newer";
    }
    if (table->filter != NULL && table->whole) {
        return "it has a filter, but the publication takes the table with its schema or with all tables, where filters "
               "have "
               "no effect; name another publication with the option publication";
    }
    return table->uncovered != NULL ? refuse_uncovered(table, arena) : NULL;
}

/* What the server makes of a condition; *ret_plan empty and *ret_reason set: it does not understand it. */
static bool plan(struct pg_connection *connection, const struct pg_table *table, const char *filter,
                 struct buf *ret_plan, struct buf *ret_reason, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    buf_append_text(&sql, "EXPLAIN (COSTS OFF) SELECT 1 FROM ");
    pg_append_source(&sql, table);
    buf_printf(&sql, " WHERE (%s\n)", filter); /* a line end, for a comment at its end */
    TRY(buf_check(&sql, "the SQL of a filter", err));
    /* With parameters: then it is one statement and no more. */
    if (!pg_query_params(connection, "the filter", buf_text(&sql), 0, NULL, &result, err)) {
        buf_append_text(ret_reason, err->msg);
        return err->kind != LF_TRANSIENT && err->kind != LF_CANCELLED && err->kind != LF_AUTH;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        buf_printf(ret_plan, "%s\n", pg_text(result, i, 0));
    }
    return true;
}

static bool compare(struct pg_connection *connection, struct pg_table *table, struct arena *arena, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf wanted = {0};
    CLEANUP(buf_done) struct buf has = {0};
    CLEANUP(buf_done) struct buf reason = {0};
    TRY(plan(connection, table, table->filter, &wanted, &reason, err));
    if (reason.len > 0) {
        CLEANUP(text_free) char *text = text_printf("its filter cannot be used: %.600s", buf_text(&reason));
        table->refusal = arena_text(arena, text);
        table->followed = false;
        return true;
    }
    if (table->published == NULL) {
        return true;
    }
    TRY(plan(connection, table, table->published, &has, &reason, err));
    if (!slice_equal(buf_slice(&wanted), buf_slice(&has))) {
        table->refilter = true;
        table->followed = false;
    }
    return true;
}

bool pg_filter_compare(struct pg_connection *connection, struct pg_tables *tables, struct lf_error *err)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct pg_table *table = &tables->list[i];
        if (table->filter != NULL && table->readable && (table->refusal == NULL || table->uncovered != NULL)) {
            TRY(compare(connection, table, &tables->arena, err));
        }
    }
    return true;
}
