/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/discover.h"

#include "source/sqlite/shape.h"
#include "source/sqlite/sql.h"
#include "source/sqlite/trigger.h"

#define PATIENCE_MS 2000
#define ROW_BYTES_LEAST 8 /* no row of a table is smaller, header included */

bool discover_op_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err)
{
    char epoch[EPOCH_LEN + 1];
    char text[EPOCH_LEN + 16];
    TRY(session_check(session, err));
    TRY(catalog_need_epoch(&session->side, epoch, err));
    arena_reset(&session->scratch);
    (void)snprintf(text, sizeof text, "sqlite:%s", epoch);
    *ret_identity = arena_text(&session->scratch, text);
    return true;
}

/* From the first and last rowid, and no more rows than the file has room for: counting would read the whole table. */
static bool estimate_rows(struct connection *connection, const struct table *table, int64_t file_bytes,
                          int64_t *ret_rows, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    int64_t first = 0;
    int64_t last = 0;
    *ret_rows = -1;
    if (!table->rowid || table->rowid_name == NULL) {
        return true;
    }
    buf_printf(&sql, "SELECT min(%s) FROM main.", table->rowid_name);
    sql_append_identifier(&sql, table->name);
    TRY(sql_get_int(connection, buf_text(&sql), 1, &first, err));
    buf_reset(&sql);
    buf_printf(&sql, "SELECT max(%s) FROM main.", table->rowid_name);
    sql_append_identifier(&sql, table->name);
    TRY(sql_get_int(connection, buf_text(&sql), 0, &last, err));
    int64_t room = file_bytes / ROW_BYTES_LEAST;
    int64_t span = 0;
    *ret_rows = __builtin_sub_overflow(last, first, &span) || span >= room ? room : span + 1;
    return true;
}

struct visit {
    lf_table_visitor function;
    void *context;
    const char *epoch; /* NULL: untracked */
    int64_t file_bytes;
};

/* One read transaction for each table: a short one, whatever their number. `arena` holds what is told. */
static bool read_table(struct connection *connection, const char *name, const struct visit *visit, struct arena *arena,
                       struct lf_table *ret_table, struct lf_error *err)
{
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    struct table *table = NULL;
    enum trigger_state state = TRIGGERS_CURRENT;
    *ret_table = (struct lf_table){.estimated_rows = -1};
    TRY(transaction_begin_read(connection, PATIENCE_MS, err));
    (void)rollback;
    TRY(catalog_read(connection, name, arena, &table, err));
    if (table == NULL) {
        return true;
    }
    ret_table->name = table->name;
    ret_table->refusal = table->refusal;
    ret_table->schema = shape_first_schema(table, arena);
    if (table->refusal != NULL) {
        return true;
    }
    if (table->tab > 0 && visit->epoch != NULL) {
        TRY(trigger_compare(connection, table, arena, &state, err));
        ret_table->id = shape_id(visit->epoch, table->tab, arena);
        ret_table->tracked = state != TRIGGERS_LACKING; /* `track` gives it a new id, and it is read again */
    }
    return estimate_rows(connection, table, visit->file_bytes, &ret_table->estimated_rows, err);
}

static bool visit_table(struct connection *connection, const char *name, const struct visit *visit,
                        struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_table table;
    TRY(session_check(connection->session, err));
    TRY(read_table(connection, name, visit, &arena, &table, err));
    return table.name == NULL || visit->function(visit->context, &table, err);
}

bool discover_op_tables(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct connection *connection = &session->side;
    struct visit each = {.function = visit, .context = context};
    char epoch[EPOCH_LEN + 1];
    const char **names = NULL;
    size_t count = 0;
    bool tracked = false;
    int64_t pages = 0;
    int64_t page_bytes = 0;
    TRY(session_check(session, err));
    TRY(connection_check_file(connection, err));
    TRY(catalog_epoch(connection, &tracked, epoch, err));
    TRY(sql_get_int(connection, "PRAGMA main.page_count", 0, &pages, err));
    TRY(sql_get_int(connection, "PRAGMA main.page_size", 0, &page_bytes, err));
    TRY(catalog_list(connection, &arena, &names, &count, err));
    each.epoch = tracked ? epoch : NULL;
    each.file_bytes = pages * page_bytes;
    for (size_t i = 0; i < count; i++) {
        TRY(visit_table(connection, names[i], &each, err));
    }
    return true;
}
