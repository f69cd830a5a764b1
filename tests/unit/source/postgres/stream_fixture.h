/* SPDX-License-Identifier: Apache-2.0
 *
 * A host that follows tables of a server through the ops of the stream and writes down what it is told:
 *
 *   [ and ]        begin and commit           a+1,x       insert of a row
 *   T(a)           truncate                   a=1,y       update; a=2,y<1: of the row whose key was 1
 *   S(a:id,t)      schema with columns        a-1         delete by key
 *   R(a) R(a:id,t) reload, with a schema      F(a)        fault
 *
 * Of cells: ~ NULL, ? absent, ! refused, #n a text of n bytes. Boundaries that are idle are not written.
 */
#ifndef POSTGRES_STREAM_FIXTURE_H
#define POSTGRES_STREAM_FIXTURE_H

#include "server.h"
#include "source/postgres/catalog.h"
#include "source/postgres/slot.h"
#include "source/postgres/stream.h"

#include <inttypes.h>
#include <time.h>

#define FOLLOWED_MAX 8

struct followed_table {
    char name[64];
    struct lf_schema schema; /* as told last */
    struct arena arena;
};

struct fixture {
    struct server server;
    char database[16]; /* of the test that runs */
    char url[200];
    PGconn *app;
    struct lf_host host;
    struct lf_session *session;
    struct lf_changes *changes;
    struct followed_table tables[FOLLOWED_MAX];
    struct lf_table_state states[FOLLOWED_MAX];
    size_t ntables;
    struct arena arena;
    char cursor[4096]; /* of the last boundary */
    size_t cursor_len;
    struct buf told;
    char reason[700]; /* of the last reload or fault */
    enum lf_error_kind fault;
    int boundaries;
    bool inside;
    bool cancelled;
    struct lf_error err;
};

static struct fixture fixture;

static inline bool fixture_cancelled(void *context)
{
    return ((struct fixture *)context)->cancelled;
}

static inline int64_t fixture_now(void *context)
{
    (void)context;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static inline void fixture_log(void *context, const char *level, const char *event, const char *text)
{
    (void)context;
    (void)level;
    (void)event;
    (void)text;
}

static inline void check(bool ok, const struct fixture *f, const char *what)
{
    if (!ok) {
        fail_msg("%s: %s: %s", what, lf_error_kind_name(f->err.kind), f->err.msg);
    }
}

/* SQL of the application, any number of statements. */
static inline void server_sql(PGconn *conn, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    server_exec(conn, text);
}

static inline void server_get(PGconn *conn, char *ret_text, size_t size, const char *sql)
{
    CLEANUP(text_free) char *text = server_ask(conn, sql);
    (void)snprintf(ret_text, size, "%s", text);
}

static inline PGconn *connect_app(const struct fixture *f)
{
    PGconn *conn = server_connect(&f->server, f->database);
    (void)PQsetErrorVerbosity(conn, PQERRORS_TERSE);
    server_exec(conn, "SET client_min_messages = error");
    return conn;
}

/* ---- what was told ---- */

static inline void write_text(struct buf *out, struct lf_slice text)
{
    if (text.len > 40) {
        buf_printf(out, "#%zu", text.len);
    } else {
        buf_append(out, text.ptr, text.len);
    }
}

static inline void write_cell(struct buf *out, enum lf_type type, const struct lf_cell *cell)
{
    if (cell->state != LF_CELL_VALUE) {
        buf_append_text(out, cell->state == LF_CELL_NULL ? "~" : cell->state == LF_CELL_ABSENT ? "?" : "!");
    } else if (type == LF_TYPE_INT64 || type == LF_TYPE_BOOLEAN) {
        buf_printf(out, "%" PRId64, cell->i);
    } else if (type == LF_TYPE_DOUBLE) {
        buf_printf(out, "%g", cell->d);
    } else {
        write_text(out, cell->bytes);
    }
}

static inline void write_key(struct buf *out, const struct lf_schema *schema, const struct lf_cell *cells)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        buf_append_text(out, i > 0 ? "," : "");
        write_cell(out, schema->columns[schema->key[i]].type, &cells[i]);
    }
}

static inline void write_row(struct fixture *f, const struct lf_event *event)
{
    const struct followed_table *table = &f->tables[event->table];
    const struct lf_schema *schema = &table->schema;
    bool gone = event->op == LF_OP_DELETE;
    buf_printf(&f->told, "%s%c", table->name, gone ? '-' : event->op == LF_OP_INSERT ? '+' : '=');
    if (gone) {
        struct lf_cell key[16];
        for (uint32_t i = 0; i < schema->nkey; i++) {
            key[i] = event->cells[schema->key[i]];
        }
        write_key(&f->told, schema, key);
        return;
    }
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        buf_append_text(&f->told, i > 0 ? "," : "");
        write_cell(&f->told, schema->columns[i].type, &event->cells[i]);
    }
    if (event->old_key != NULL) {
        buf_append_char(&f->told, '<');
        write_key(&f->told, schema, event->old_key);
    }
}

static inline struct lf_schema keep_schema(struct arena *arena, const struct lf_schema *from)
{
    struct lf_column *columns = arena_copy(arena, from->columns, from->ncolumns * sizeof *columns);
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        columns[i].name = arena_text(arena, columns[i].name);
        columns[i].source_type = arena_text(arena, columns[i].source_type);
    }
    return (struct lf_schema){columns, from->ncolumns, arena_copy(arena, from->key, from->nkey * sizeof *from->key),
                              from->nkey};
}

static inline void write_shape(struct fixture *f, char letter, const struct lf_event *event)
{
    struct followed_table *table = &f->tables[event->table];
    buf_printf(&f->told, "%c(%s", letter, table->name);
    for (uint32_t i = 0; event->schema != NULL && i < event->schema->ncolumns; i++) {
        buf_printf(&f->told, "%c%s", i == 0 ? ':' : ',', event->schema->columns[i].name);
    }
    buf_append_char(&f->told, ')');
    if (event->schema != NULL) {
        table->schema = keep_schema(&table->arena, event->schema);
        f->states[event->table].schema = table->schema;
    }
    (void)snprintf(f->reason, sizeof f->reason, "%s", event->reason == NULL ? "" : event->reason);
}

static inline void take_boundary(struct fixture *f, const struct lf_event *event)
{
    assert_true(event->cursor.len > 0 && event->cursor.len < sizeof f->cursor);
    assert_int_equal(f->inside, event->kind == LF_EVENT_COMMIT);
    memcpy(f->cursor, event->cursor.ptr, event->cursor.len);
    f->cursor_len = event->cursor.len;
    f->inside = false;
    f->boundaries++;
}

static inline void take_event(struct fixture *f, const struct lf_event *event)
{
    if (event->kind != LF_EVENT_IDLE && f->told.len > 0) {
        buf_append_char(&f->told, ' ');
    }
    switch (event->kind) {
    case LF_EVENT_BEGIN:
        assert_false(f->inside);
        assert_true(event->token.len > 0);
        f->inside = true;
        buf_append_char(&f->told, '[');
        return;
    case LF_EVENT_COMMIT:
        buf_append_char(&f->told, ']');
        take_boundary(f, event);
        return;
    case LF_EVENT_IDLE:
        take_boundary(f, event);
        return;
    case LF_EVENT_ROW:
        assert_true(f->inside);
        write_row(f, event);
        return;
    case LF_EVENT_TRUNCATE:
        assert_true(f->inside);
        buf_printf(&f->told, "T(%s)", f->tables[event->table].name);
        return;
    case LF_EVENT_SCHEMA:
        write_shape(f, 'S', event);
        return;
    case LF_EVENT_RELOAD:
        write_shape(f, 'R', event);
        return;
    case LF_EVENT_FAULT:
        f->fault = event->fault;
        write_shape(f, 'F', event);
        return;
    }
}

static inline void take_batch(struct fixture *f, const struct lf_batch *batch)
{
    for (size_t i = 0; i < batch->nevents; i++) {
        take_event(f, &batch->events[i]);
    }
}

/* ---- following ---- */

static inline uint64_t lsn_now(const struct fixture *f)
{
    char text[40];
    pg_lsn lsn = 0;
    server_get(f->app, text, sizeof text, "SELECT pg_current_wal_insert_lsn()");
    assert_true(pg_lsn_parse(text, &lsn));
    return lsn;
}

/* As far as the server would know after a crash. */
static inline uint64_t flushed_now(const struct fixture *f)
{
    char text[40];
    pg_lsn lsn = 0;
    server_get(f->app, text, sizeof text, "SELECT pg_current_wal_flush_lsn()");
    assert_true(pg_lsn_parse(text, &lsn));
    return lsn;
}

static inline struct pg_cursor cursor_now(struct fixture *f)
{
    struct pg_cursor cursor;
    check(pg_cursor_parse((struct lf_slice){f->cursor, f->cursor_len}, &cursor, &f->err), f, "cursor");
    return cursor;
}

static inline bool next(struct fixture *f, int wait_ms)
{
    struct lf_batch batch = {0};
    TRY(pg_op_changes_next(f->changes, wait_ms, &batch, &f->err));
    take_batch(f, &batch);
    return true;
}

/* Until the stream has passed what was committed before the call. */
static inline void drain(struct fixture *f)
{
    pg_lsn until = lsn_now(f);
    server_sql(f->app, "SELECT pg_logical_emit_message(true, 'lakefeed', '')");
    while (f->inside || cursor_now(f).lsn < until) {
        check(next(f, 10000), f, "next");
    }
}

/* Everything told since the last time, without draining. */
static inline void expect_told(struct fixture *f, const char *expected)
{
    if (strcmp(buf_text(&f->told), expected) != 0) {
        fail_msg("told    : %s\n       expected: %s\n       reason: %s", buf_text(&f->told), expected, f->reason);
    }
    buf_reset(&f->told);
}

static inline void expect(struct fixture *f, const char *expected)
{
    drain(f);
    expect_told(f, expected);
}

static inline void expect_verify(struct fixture *f, const char *expected)
{
    struct lf_batch batch = {0};
    check(pg_op_verify_catalog(f->changes, &batch, &f->err), f, "verify");
    take_batch(f, &batch);
    expect_told(f, expected);
}

static inline void set_cursor(struct fixture *f, pg_lsn lsn)
{
    struct pg_cursor cursor = pg_session_cursor(f->session, lsn);
    char text[40];
    server_get(f->app, text, sizeof text, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    cursor.horizon = strtoull(text, NULL, 10);
    (void)snprintf(cursor.slot, sizeof cursor.slot, "lakefeed_test");
    f->cursor_len = pg_cursor_print(&cursor, f->cursor).len;
}

static inline bool try_open(struct fixture *f)
{
    return pg_op_changes_open(f->session, (struct lf_slice){f->cursor, f->cursor_len}, f->states, f->ntables,
                              &f->changes, &f->err);
}

static inline void open_stream(struct fixture *f)
{
    check(try_open(f), f, "changes_open");
}

static inline void close_stream(struct fixture *f)
{
    pg_op_changes_close(f->changes);
    f->changes = NULL;
    f->inside = false;
}

static inline void expect_no_stream(struct fixture *f, enum lf_error_kind kind, const char *word)
{
    assert_false(try_open(f));
    assert_string_equal(lf_error_kind_name(f->err.kind), lf_error_kind_name(kind));
    if (strstr(f->err.msg, word) == NULL) {
        fail_msg("'%s' does not say '%s'", f->err.msg, word);
    }
}

static inline void open_session(struct fixture *f, const char *url)
{
    static const struct lf_option_value slot = {"slot", "lakefeed_test"};
    check(pg_op_open(&f->host, url, &slot, 1, &f->session, &f->err), f, "open");
    f->session->registered = true; /* the slot is made by SQL */
}

/* Tables as they are now, by names parted by blanks. */
static inline void learn_tables(struct fixture *f, const char *names)
{
    CLEANUP(pg_tables_done) struct pg_tables now = {0};
    char *list = arena_text(&f->arena, names);
    char *rest = NULL;
    check(pg_catalog_read_all(&f->session->side, &now, &f->err), f, "catalog");
    f->ntables = 0;
    for (char *name = strtok_r(list, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        struct followed_table *table = &f->tables[f->ntables];
        const struct pg_table *found = pg_tables_find_name(&now, name);
        if (found == NULL || found->refusal != NULL) {
            fail_msg("table %s: %s", name, found == NULL ? "not there" : found->refusal);
        }
        struct lf_schema schema = pg_table_schema(found, &f->arena);
        (void)snprintf(table->name, sizeof table->name, "%s", name);
        table->schema = keep_schema(&table->arena, &schema);
        f->states[f->ntables++] = (struct lf_table_state){
            .name = table->name, .id = arena_slice(&f->arena, pg_table_id(found, &f->arena)), .schema = table->schema};
    }
}

/* Makes tables by `sql`, a publication with those named (as SQL has them, with commas), a slot, and follows them. */
static inline void follow(struct fixture *f, const char *sql, const char *published, const char *names)
{
    server_sql(f->app, "%s", sql);
    server_sql(f->app, "CREATE PUBLICATION lakefeed FOR TABLE %s WITH (publish_via_partition_root)", published);
    server_sql(f->app, "SELECT pg_create_logical_replication_slot('lakefeed_test', 'pgoutput')");
    open_session(f, f->url);
    learn_tables(f, names);
    set_cursor(f, flushed_now(f));
    open_stream(f);
}

static inline void leave(struct fixture *f)
{
    close_stream(f);
    pg_op_close(f->session);
    f->session = NULL;
}

static inline int fixture_start(void **state)
{
    (void)state;
    fixture.host = (struct lf_host){
        .context = &fixture, .cancelled = fixture_cancelled, .now_us = fixture_now, .log = fixture_log};
    (void)server_make(&fixture.server,
                      "max_replication_slots = 20\nmax_wal_senders = 20\nmax_prepared_transactions = 5");
    return 0;
}

static inline int fixture_end(void **state)
{
    (void)state;
    server_remove(&fixture.server);
    return 0;
}

/* A database of its own for each test, so that nothing is left of the one before. */
static inline int fixture_set_up(void **state)
{
    (void)state;
    static int number;
    struct fixture *f = &fixture;
    if (!f->server.running) {
        return 0;
    }
    PGconn *first = server_connect(&f->server, "postgres");
    (void)snprintf(f->database, sizeof f->database, "test%d", ++number);
    server_sql(first, "CREATE DATABASE %s", f->database);
    PQfinish(first);
    CLEANUP(text_free) char *url = server_url(&f->server, f->database);
    (void)snprintf(f->url, sizeof f->url, "%s", url);
    f->app = connect_app(f);
    return 0;
}

static inline void drop_slots(PGconn *app)
{
    bool ok = false;
    server_sql(app, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
    while (!ok) { /* until those that held them are gone */
        PGresult *result = PQexec(app, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
        ok = PQresultStatus(result) == PGRES_TUPLES_OK;
        PQclear(result);
    }
}

static inline int fixture_tear_down(void **state)
{
    (void)state;
    struct fixture *f = &fixture;
    if (!f->server.running) {
        return 0;
    }
    leave(f);
    drop_slots(f->app);
    PQfinish(f->app);
    for (size_t i = 0; i < FOLLOWED_MAX; i++) {
        arena_done(&f->tables[i].arena);
    }
    arena_done(&f->arena);
    buf_done(&f->told);
    f->ntables = 0;
    f->inside = f->cancelled = false;
    return 0;
}

#define STREAM_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)
/* First in each test. */
#define NEED_SERVER() \
    do { \
        if (!fixture.server.running) { \
            skip(); \
        } \
    } while (0)

#endif
