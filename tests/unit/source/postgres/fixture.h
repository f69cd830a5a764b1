/* SPDX-License-Identifier: Apache-2.0
 *
 * One server for the tests of a file, a database and a session for each test.
 */
#ifndef UNIT_SOURCE_POSTGRES_FIXTURE_H
#define UNIT_SOURCE_POSTGRES_FIXTURE_H

#include "server.h"

#include "base/arena.h"
#include "base/macros.h"
#include "source/postgres/postgres.h"

struct fixture {
    struct server *server;
    char database[32];
    PGconn *app;
    const struct lf_connector_ops *ops;
    struct lf_session *session;
};

static inline int fixture_group_setup(void **state)
{
    struct server *server = mem_new(1, sizeof *server);
    *state = server;
    if (!server_make(server, "max_replication_slots = 40\nmax_wal_senders = 20\nmax_prepared_transactions = 5")) {
        free(server);
        *state = NULL;
    }
    return 0;
}

static inline int fixture_group_teardown(void **state)
{
    if (*state != NULL) {
        server_remove(*state);
        free(*state);
    }
    return 0;
}

static inline struct lf_session *fixture_open_as(const struct fixture *f, const char *role,
                                                 const struct lf_option_value *options, size_t noptions)
{
    struct lf_session *session = NULL;
    struct lf_error err = {0};
    char *url = text_printf("postgresql://%s@/%s?host=%s&port=" SERVER_PORT, role, f->database, f->server->folder);
    if (!f->ops->open(server_host(), url, options, noptions, &session, &err)) {
        fail_msg("open: %s", err.msg);
    }
    free(url);
    return session;
}

static inline void fixture_make(struct fixture *f, struct server *server, const char *sql)
{
    static int count = 0;
    if (server == NULL) {
        skip();
    }
    *f = (struct fixture){.server = server, .ops = lakefeed_postgres_connector()->ops};
    (void)snprintf(f->database, sizeof f->database, "test%d", ++count);
    PGconn *admin = server_connect(server, "postgres");
    char *create = text_printf("CREATE DATABASE %s", f->database);
    server_exec(admin, create);
    free(create);
    PQfinish(admin);
    f->app = server_connect(server, f->database);
    server_exec(f->app, "SET client_min_messages = error");
    server_exec(f->app, sql);
    f->session = fixture_open_as(f, "postgres", NULL, 0);
}

static inline void fixture_remove(struct fixture *f)
{
    f->ops->close(f->session);
    PQfinish(f->app);
}

static inline void expect_good(bool good, const struct lf_error *err)
{
    if (!good) {
        fail_msg("%s: %s", lf_error_kind_name(err->kind), err->msg);
    }
}

static inline void expect_failure(bool good, const struct lf_error *err, enum lf_error_kind kind, const char *says)
{
    assert_false(good);
    assert_string_equal(lf_error_kind_name(err->kind), lf_error_kind_name(kind));
    if (strstr(err->msg, says) == NULL) {
        fail_msg("'%s' does not say '%s'", err->msg, says);
    }
}

static inline void fixture_track(struct fixture *f, const char *const *tables, size_t ntables)
{
    struct lf_error err = {0};
    expect_good(f->ops->track(f->session, tables, ntables, &err), &err);
}

/* ---- what discover said of one table ---- */

struct seen {
    const char *name;
    bool found, tracked;
    char *refusal; /* NULL: none */
    char *key;     /* names with commas */
    char *columns;
    char *id;
    struct lf_table_state state;
    struct arena arena; /* owns all of it */
};

static inline struct lf_schema seen_copy(const struct lf_schema *from, struct arena *arena)
{
    struct lf_column *columns = arena_copy(arena, from->columns, (from->ncolumns + 1) * sizeof *columns);
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        columns[i].name = arena_text(arena, columns[i].name);
        columns[i].source_type = arena_text(arena, columns[i].source_type);
    }
    return (struct lf_schema){columns, from->ncolumns,
                              arena_copy(arena, from->key, (from->nkey + 1) * sizeof *from->key), from->nkey};
}

static inline bool seen_visit(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct seen *seen = context;
    struct buf key = {0};
    struct buf columns = {0};
    (void)err;
    if (strcmp(table->name, seen->name) != 0) {
        return true;
    }
    for (uint32_t i = 0; i < table->schema.ncolumns; i++) {
        buf_printf(&columns, "%s%s", i > 0 ? "," : "", table->schema.columns[i].name);
    }
    for (uint32_t i = 0; i < table->schema.nkey; i++) {
        buf_printf(&key, "%s%s", i > 0 ? "," : "", table->schema.columns[table->schema.key[i]].name);
    }
    seen->found = true;
    seen->tracked = table->tracked;
    seen->refusal = table->refusal != NULL ? arena_text(&seen->arena, table->refusal) : NULL;
    seen->key = arena_text(&seen->arena, buf_text(&key));
    seen->columns = arena_text(&seen->arena, buf_text(&columns));
    struct lf_slice id = arena_slice(&seen->arena, table->id);
    char *text = arena_alloc(&seen->arena, id.len + 1);
    if (id.len > 0) {
        memcpy(text, id.ptr, id.len);
    }
    text[id.len] = '\0';
    seen->id = text;
    seen->state = (struct lf_table_state){seen->name, id, seen_copy(&table->schema, &seen->arena)};
    buf_done(&key);
    buf_done(&columns);
    return true;
}

static inline void seen_done(struct seen *seen)
{
    arena_done(&seen->arena);
}

static inline struct seen fixture_see_as(struct fixture *f, struct lf_session *session, const char *name)
{
    struct seen seen = {.name = name};
    struct lf_error err = {0};
    expect_good(f->ops->discover(session, seen_visit, &seen, &err), &err);
    return seen;
}

static inline struct seen fixture_see(struct fixture *f, const char *name)
{
    return fixture_see_as(f, f->session, name);
}

#endif
