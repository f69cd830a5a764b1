/* SPDX-License-Identifier: Apache-2.0
 *
 * load_plan: where to cut a table into chunks. Quantiles of the keys in a sample of its pages; that needs no statistics and takes
 * any key that is read in our order.
 */
#include "source/postgres/load.h"

#include <math.h>

#define PAGE_BYTES 8192
#define PAGES_LEAST 200
#define PAGES_FOR_CHUNK 8 /* rows of a page are neighbours, so that the number of pages decides, not that of rows */

/* Percent of the table's pages. */
static double sample_of(const struct pg_table *table, uint32_t want)
{
    double pages = (double)table->bytes / PAGE_BYTES;
    double wanted = fmax(PAGES_LEAST, (double)want * PAGES_FOR_CHUNK);
    return pages <= wanted ? 100.0 : fmax(100.0 * wanted / pages, 0.0001);
}

static void print_plan(const struct pg_table *table, uint32_t want, struct buf *sql)
{
    buf_append_text(sql, "SELECT ");
    pg_append_key(sql, table, false);
    buf_append_text(sql, " FROM (SELECT ");
    pg_append_key(sql, table, false);
    buf_append_text(sql, ", row_number() OVER (ORDER BY ");
    pg_append_key(sql, table, true);
    buf_append_text(sql, ") AS lakefeed_row, count(*) OVER () AS lakefeed_rows FROM ");
    pg_append_source(sql, table);
    buf_printf(sql,
               " TABLESAMPLE SYSTEM (%.4f) REPEATABLE (0)) AS s WHERE lakefeed_row < lakefeed_rows AND"
               " lakefeed_row * %u / lakefeed_rows > (lakefeed_row - 1) * %u / lakefeed_rows ORDER BY lakefeed_row",
               sample_of(table, want), want, want);
}

/* Gives the key of a row as a bound, unless a part of it does not fit its type: that shows in the load. */
static bool visit_key(const struct pg_table *table, const PGresult *result, int row, lf_bound_visitor visit,
                      void *context, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_cell *cells = arena_alloc(&arena, table->nkey * sizeof *cells);
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct pg_type *type = &table->columns[table->key[i]].type;
        const char *text = pg_text(result, row, (int)i);
        if (pg_cell_from_text(type, text, strlen(text), &arena, &cells[i]) != NULL) {
            return true;
        }
    }
    return visit(context, (struct lf_bound){cells}, err);
}

bool pg_op_load_plan(struct lf_session *session, const struct lf_table_state *state, uint32_t want,
                     lf_bound_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables tables = {0};
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    const struct pg_table *table = NULL;
    TRY(pg_session_check(session, err));
    if (want < 2) { /* a small table: load_open looks at it, and once is enough */
        return true;
    }
    TRY(pg_load_find(&session->side, state, &tables, &table, err));
    if (!table->key_ordered) {
        return true;
    }
    print_plan(table, want, &sql);
    TRY(pg_query(&session->side, "looking for the bounds of chunks", buf_text(&sql), &result, err));
    for (int i = 0; i < PQntuples(result); i++) {
        TRY(visit_key(table, result, i, visit, context, err));
    }
    return true;
}
