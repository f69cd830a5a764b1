/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/track.h"

#include "source/postgres/filter.h"
#include "source/postgres/load.h"
#include "source/postgres/slot.h"

#include <stdlib.h>

#define SHOWN_SQL_MAX ((size_t)560) /* of what stands in a message */
#define SETTINGS "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"

bool pg_publication_read(struct pg_connection *connection, struct pg_publication *ret_publication, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    const char *name = connection->session->settings.publication;
    *ret_publication = (struct pg_publication){0};
    TRY(pg_query_params(connection, "the publication",
                        "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot, puballtables"
                        " FROM pg_catalog.pg_publication WHERE pubname = $1",
                        1, &name, &result, err));
    if (PQntuples(result) > 0) {
        *ret_publication = (struct pg_publication){true, pg_bool(result, 0, 0), pg_bool(result, 0, 1)};
    }
    return true;
}

static void print_tables(const struct pg_table *const *tables, size_t ntables, struct buf *sql)
{
    for (size_t i = 0; i < ntables; i++) {
        buf_append_text(sql, i > 0 ? ", " : "");
        pg_append_source(sql, tables[i]);
        if (tables[i]->filter != NULL) {
            buf_printf(sql, " WHERE (%s\n)", tables[i]->filter);
        }
    }
}

/* A statement of its own behind what stands there. */
static void begin_alter(const char *name, struct buf *sql)
{
    bool follows = sql->len > 0 && sql->ptr[sql->len - 1] != ' ';
    buf_append_text(sql, follows ? " ALTER PUBLICATION " : "ALTER PUBLICATION ");
    pg_append_identifier(sql, name);
}

/* Members with another filter leave before they come back: only that makes another membership of them. */
static void print_leaving(const char *name, const struct pg_table *const *tables, size_t ntables, struct buf *sql)
{
    const char *joint = " DROP TABLE ";
    for (size_t i = 0; i < ntables; i++) {
        if (!tables[i]->refilter) {
            continue;
        }
        if (joint[0] == ' ') {
            begin_alter(name, sql);
        }
        buf_append_text(sql, joint);
        pg_append_source(sql, tables[i]);
        joint = ", ";
    }
    buf_append_text(sql, joint[0] == ',' ? ";" : "");
}

void pg_publication_print(const struct pg_publication *publication, const char *name,
                          const struct pg_table *const *tables, size_t ntables, struct buf *ret_sql)
{
    if (!publication->exists) {
        buf_append_text(ret_sql, "CREATE PUBLICATION ");
        pg_append_identifier(ret_sql, name);
        buf_append_text(ret_sql, ntables > 0 ? " FOR TABLE " : "");
        print_tables(tables, ntables, ret_sql);
        buf_append_text(ret_sql, " WITH (" SETTINGS ");");
        return;
    }
    if (!publication->complete) {
        buf_append_text(ret_sql, "ALTER PUBLICATION ");
        pg_append_identifier(ret_sql, name);
        buf_append_text(ret_sql, " SET (" SETTINGS ");");
    }
    print_leaving(name, tables, ntables, ret_sql);
    if (ntables > 0) {
        begin_alter(name, ret_sql);
        buf_append_text(ret_sql, " ADD TABLE ");
        print_tables(tables, ntables, ret_sql);
        buf_append_char(ret_sql, ';');
    }
}

/* Tables that are chosen and no members yet, or members with another filter. */
struct choice {
    const struct pg_table **list;
    size_t count;
    const struct pg_table *foreign; /* the first that this role does not own */
};

static void choose(struct choice *choice, const struct pg_table *table)
{
    if (table->membership != 0 && !table->refilter) {
        return;
    }
    choice->list[choice->count++] = table;
    choice->foreign = choice->foreign == NULL && !table->publishable ? table : choice->foreign;
}

static bool choose_named(struct choice *choice, const struct lf_session *session, const struct pg_tables *all,
                         const char *name, struct lf_error *err)
{
    const struct pg_table *table = pg_tables_find_name(all, name);
    if (table == NULL) {
        return lf_error_set(
            err, LF_NOT_FOUND, 0,
            "%s has no table %s (names are as in the catalog, without quotes; tables outside of the schema"
            " public as schema.table)",
            session->where, name);
    }
    if (table->refusal != NULL && !(table->refilter && table->uncovered != NULL)) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "table %s cannot be tracked: %s", name, table->refusal);
    }
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->list[i] == table) {
            return true;
        }
    }
    choose(choice, table);
    return true;
}

/* A message has no room for many tables, and a statement that was cut could not be run: so it names as many as fit, and the next
 * `track` the others. */
static bool refused(const struct lf_session *session, const struct pg_publication *publication,
                    const struct choice *choice, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    size_t count = choice->count;
    for (pg_publication_print(publication, session->settings.publication, choice->list, count, &sql);
         sql.len > SHOWN_SQL_MAX && count > 1;
         pg_publication_print(publication, session->settings.publication, choice->list, count, &sql)) {
        count /= 2;
        buf_reset(&sql);
    }
    CLEANUP(text_free)
    char *rest =
        text_printf(" For the other %zu tables run lakefeed track again afterwards; lakefeed check lists them.",
                    choice->count - count);
    return lf_error_set(err, LF_AUTH, err->code,
                        "%.200s: this role may not publish the tables, which takes their owner and CREATE on the"
                        " database; have an administrator run: %s%s",
                        session->where, buf_text(&sql), count < choice->count ? rest : "");
}

/* Whether updates of the tables go on when the publication is as it is now. */
static bool check_filters(struct pg_connection *side, const struct choice *choice, struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables now = {0};
    CLEANUP(arena_done) struct arena arena = {0};
    uint32_t *oids = arena_alloc(&arena, (choice->count + 1) * sizeof *oids);
    for (size_t i = 0; i < choice->count; i++) {
        oids[i] = choice->list[i]->oid;
    }
    TRY(pg_catalog_read(side, oids, choice->count, &now, err));
    for (size_t i = 0; i < now.count; i++) {
        const char *refusal = pg_filter_refusal(side->session, &now.list[i], &arena);
        if (refusal != NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "table %s cannot be tracked: %s", now.list[i].name, refusal);
        }
    }
    return true;
}

/* A publication that would make the application's updates fail is never seen by anybody. */
static bool publish(struct pg_connection *side, const struct choice *choice, const char *sql, struct lf_error *err)
{
    CLEANUP(pg_rollback) struct pg_connection *rollback = side;
    (void)rollback;
    TRY(pg_exec(side, "the publication", "BEGIN", err));
    TRY(pg_exec(side, "the publication", sql, err));
    TRY(check_filters(side, choice, err));
    return pg_exec(side, "the publication", "COMMIT", err);
}

static bool apply(struct lf_session *session, const struct choice *choice, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    struct pg_publication publication;
    struct pg_connection *side = &session->side;
    TRY(pg_publication_read(side, &publication, err));
    pg_publication_print(&publication, session->settings.publication, choice->list, choice->count, &sql);
    TRY(buf_check(&sql, "the SQL of the publication", err));
    if (sql.len == 0) {
        return true;
    }
    err->code = 0;
    if (choice->foreign != NULL && !publication.all_tables) {
        /* A superuser owns everything in this sense, so it would fail for certain. */
        return refused(session, &publication, choice, err);
    }
    if (publish(side, choice, buf_text(&sql), err)) {
        return true;
    }
    return pg_error_is(err, "42501") ? refused(session, &publication, choice, err) : false;
}

bool pg_op_track(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables all = {0};
    TRY(pg_catalog_read_all(&session->side, &all, err));
    struct choice choice = {.list = arena_alloc(&all.arena, (all.count + 1) * sizeof(void *))};
    for (size_t i = 0; tables == NULL && i < all.count; i++) {
        if (all.list[i].refusal == NULL) {
            choose(&choice, &all.list[i]);
        }
    }
    for (size_t i = 0; tables != NULL && i < ntables; i++) {
        TRY(choose_named(&choice, session, &all, tables[i], err));
    }
    return apply(session, &choice, err);
}

static void note_name(void *context, const struct pg_slot_seen *slot)
{
    struct buf *names = context;
    buf_printf(names, "%s%s", names->len > 0 ? ", " : "", slot->name);
}

static bool refuse_consumers(struct lf_session *session, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf names = {0};
    TRY(pg_slot_visit(session, note_name, &names, err));
    return names.len == 0 || lf_error_set(err, LF_CONFLICT, 0,
                                          "%s is still read through the replication slots %.500s; run lakefeed unlink"
                                          " for each of these links first, or drop what nobody needs:"
                                          " SELECT pg_drop_replication_slot('…')",
                                          session->where, buf_text(&names));
}

bool pg_op_untrack(struct lf_session *session, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    TRY(refuse_consumers(session, err));
    buf_append_text(&sql, "DROP PUBLICATION IF EXISTS ");
    pg_append_identifier(&sql, session->settings.publication);
    return pg_exec(&session->side, "dropping the publication", buf_text(&sql), err);
}
