/* SPDX-License-Identifier: Apache-2.0
 *
 * A database in a folder of its own, an application that writes to it over a plain connection, and a host that follows
 * it through the ABI: loads and events become a map from key to row, which is compared with the tables. Everything is
 * static: each test program has one.
 */
#ifndef SQLITE_FIXTURE_H
#define SQLITE_FIXTURE_H

#include "base/buf.h"
#include "fakes/temp_folder.h"
#include "source/sqlite/sqlite.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#define FIXTURE_TABLES 8

struct follower { /* one table as the host has it */
    char *name;
    char *id;
    size_t id_len;
    struct lf_column columns[32];
    char names[32][320];
    char types[32][64];
    uint32_t ncolumns;
    uint32_t key[8];
    uint32_t nkey;
    int reloads, schemas, faults;
    enum lf_error_kind fault;
    char reason[600];
};

struct fixture {
    char *folder;
    char *path;
    char *url;
    sqlite3 *app; /* the application */
    sqlite3 *map; /* what the host holds: one table m(t, k, row) */
    struct lf_host host;
    const struct lf_connector_ops *ops;
    struct lf_session *session;
    struct lf_changes *changes;
    struct follower tables[FIXTURE_TABLES];
    size_t ntables;
    struct lf_option_value options[8];
    size_t noptions;
    char *cursor; /* of the last boundary */
    int boundaries;
    bool in_transaction;
    bool cancelled;
    uint64_t random;
    struct lf_error err;
};

static inline bool fixture_cancelled(void *context)
{
    return ((struct fixture *)context)->cancelled;
}

static inline int64_t fixture_now(void *context)
{
    (void)context;
    return INT64_C(1714521600000000);
}

static inline uint64_t fixture_below(struct fixture *f, uint64_t limit)
{
    f->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = f->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static inline bool fixture_random(void *context, void *ret_bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((unsigned char *)ret_bytes)[i] = (unsigned char)fixture_below(context, 256);
    }
    return true;
}

static inline void sql_of(sqlite3 *db, const char *sql)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) {
        fail_msg("%s: %s", sql, text);
    }
}

/* The application runs statements that must succeed. */
static inline void app(struct fixture *f, const char *sql)
{
    sql_of(f->app, sql);
}

/* Statements that may be refused by a constraint. */
static inline int app_try(struct fixture *f, const char *sql)
{
    return sqlite3_exec(f->app, sql, NULL, NULL, NULL);
}

static inline int64_t number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static inline void fixture_expect(struct fixture *f, bool ok, const char *what)
{
    if (!ok) {
        fail_msg("%s: %s: %s", what, lf_error_kind_name(f->err.kind), f->err.msg);
    }
}
#define EXPECT(f, call) fixture_expect((f), (call), #call)

static inline void expect_kind(const struct fixture *f, bool ok, enum lf_error_kind kind, const char *part)
{
    assert_false(ok);
    if (f->err.kind != kind || strstr(f->err.msg, part) == NULL) {
        fail_msg("expected %s with '%s', got %s: %s", lf_error_kind_name(kind), part, lf_error_kind_name(f->err.kind),
                 f->err.msg);
    }
}

static inline void fixture_open_session(struct fixture *f)
{
    EXPECT(f, f->ops->open(&f->host, f->url, f->options, f->noptions, &f->session, &f->err));
}

static inline void fixture_close_session(struct fixture *f)
{
    f->ops->changes_close(f->changes);
    f->ops->close(f->session);
    f->changes = NULL;
    f->session = NULL;
}

static inline void fixture_open_app(struct fixture *f, const char *mode)
{
    char *sql = text_printf("PRAGMA journal_mode=%s", mode);
    assert_int_equal(sqlite3_open(f->path, &f->app), SQLITE_OK);
    sqlite3_busy_timeout(f->app, 5000);
    app(f, sql);
    app(f, "PRAGMA synchronous=OFF");
    free(sql);
}

/* A database that `sql` has filled, in the journal mode given, and a session. */
static inline void fixture_make(struct fixture *f, const char *mode, const char *sql)
{
    *f = (struct fixture){.ops = lakefeed_sqlite_connector()->ops, .random = 1};
    f->folder = temp_folder_make();
    f->path = text_printf("%s/my shop.db", f->folder);
    f->url = text_printf("sqlite:%s", f->path);
    f->host =
        (struct lf_host){.context = f, .cancelled = fixture_cancelled, .now_us = fixture_now, .random = fixture_random};
    f->options[f->noptions++] = (struct lf_option_value){"poll_interval", "10ms"};
    fixture_open_app(f, mode);
    app(f, sql);
    assert_int_equal(sqlite3_open(":memory:", &f->map), SQLITE_OK);
    sql_of(f->map, "CREATE TABLE m(t, k, r, PRIMARY KEY(t, k))");
    fixture_open_session(f);
}

static inline void fixture_remove(struct fixture *f)
{
    fixture_close_session(f);
    assert_int_equal(sqlite3_close(f->app), SQLITE_OK);
    sqlite3_close(f->map);
    for (size_t i = 0; i < f->ntables; i++) {
        free(f->tables[i].name);
        free(f->tables[i].id);
    }
    free(f->cursor);
    free(f->path);
    free(f->url);
    temp_folder_remove(&f->folder);
}

static inline void take_schema(struct follower *t, const struct lf_schema *schema)
{
    assert_true(schema->ncolumns <= 32 && schema->nkey <= 8 && schema->nkey > 0);
    t->ncolumns = schema->ncolumns;
    t->nkey = schema->nkey;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        t->columns[i] = schema->columns[i];
        (void)snprintf(t->names[i], sizeof t->names[i], "%s", schema->columns[i].name);
        t->columns[i].name = t->names[i];
        (void)snprintf(t->types[i], sizeof t->types[i], "%s", schema->columns[i].source_type);
        t->columns[i].source_type = t->types[i];
    }
    memcpy(t->key, schema->key, schema->nkey * sizeof *t->key);
}

static inline struct lf_table_state state_of(const struct follower *t)
{
    return (struct lf_table_state){t->name, {t->id, t->id_len}, {t->columns, t->ncolumns, t->key, t->nkey}};
}

static inline bool fixture_visit(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct fixture *f = context;
    (void)err;
    if (table->refusal == NULL && table->tracked) {
        struct follower *t = &f->tables[f->ntables++];
        assert_true(f->ntables <= FIXTURE_TABLES);
        *t = (struct follower){.name = text_copy(table->name), .id = text_copy_len(table->id.ptr, table->id.len)};
        t->id_len = table->id.len;
        take_schema(t, &table->schema);
    }
    return true;
}

static inline struct follower *follower_of(struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->ntables; i++) {
        if (strcmp(f->tables[i].name, name) == 0) {
            return &f->tables[i];
        }
    }
    fail_msg("no table %s is followed", name);
    return NULL;
}

/* One text for each value, so that two rows are equal when their texts are. */
static inline void append_cell(struct buf *out, enum lf_type type, const struct lf_cell *cell)
{
    char *text = NULL;
    if (cell->state == LF_CELL_NULL) {
        buf_append_text(out, "NULL;");
        return;
    }
    if (cell->state == LF_CELL_REFUSED) {
        buf_append_text(out, "!");
        return;
    }
    assert_int_equal(cell->state, LF_CELL_VALUE);
    if (type == LF_TYPE_INT64 || type == LF_TYPE_BOOLEAN) {
        buf_printf(out, "%" PRId64 ";", cell->i);
    } else if (type == LF_TYPE_DOUBLE) {
        buf_printf(out, "%.17g;", cell->d);
    } else if (type == LF_TYPE_BINARY) {
        for (size_t i = 0; i < cell->bytes.len; i++) {
            buf_printf(out, "%02X", ((const unsigned char *)cell->bytes.ptr)[i]);
        }
        buf_append_text(out, "x;");
    } else {
        text = text_copy_len(cell->bytes.ptr, cell->bytes.len);
        buf_printf(out, "'%s';", text);
        free(text);
    }
}

/* Where the cell of a column stands: rows have none for dropped columns. */
static inline uint32_t place_of(const struct follower *t, uint32_t column)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < column; i++) {
        place += !t->columns[i].dropped;
    }
    return place;
}

static inline void append_row(struct buf *key, struct buf *row, const struct follower *t, const struct lf_cell *cells)
{
    for (uint32_t i = 0; i < t->nkey; i++) {
        append_cell(key, t->columns[t->key[i]].type, &cells[place_of(t, t->key[i])]);
    }
    for (uint32_t i = 0; row != NULL && i < t->ncolumns; i++) {
        if (!t->columns[i].dropped) {
            append_cell(row, t->columns[i].type, &cells[place_of(t, i)]);
        }
    }
}

static inline void map_write(struct fixture *f, const struct follower *t, const char *sql, const struct buf *key,
                             const struct buf *row)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->map, sql, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, key->ptr, (int)key->len, SQLITE_STATIC);
    if (row != NULL) {
        sqlite3_bind_text(stmt, 3, row->ptr, (int)row->len, SQLITE_STATIC);
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

static inline void map_put(struct fixture *f, const struct follower *t, const struct lf_cell *cells)
{
    struct buf key = {0}, row = {0};
    append_row(&key, &row, t, cells);
    map_write(f, t, "INSERT OR REPLACE INTO m VALUES(?1, ?2, ?3)", &key, &row);
    buf_done(&key);
    buf_done(&row);
}

static inline void map_remove(struct fixture *f, const struct follower *t, const struct lf_cell *cells)
{
    struct buf key = {0};
    append_row(&key, NULL, t, cells);
    map_write(f, t, "DELETE FROM m WHERE t = ?1 AND k = ?2", &key, NULL);
    buf_done(&key);
}

/* Reads the table in one chunk into the map; gives its asOf. */
static inline char *fixture_load(struct fixture *f, struct follower *t)
{
    struct lf_load *load = NULL;
    struct lf_rows rows = {.nrows = 1};
    struct lf_slice asof;
    struct lf_bound open = {NULL};
    bool ordered = false;
    struct lf_table_state state = state_of(t);
    char *clear = sqlite3_mprintf("DELETE FROM m WHERE t = %Q", t->name);
    sql_of(f->map, clear);
    sqlite3_free(clear);
    EXPECT(f, f->ops->load_open(f->session, &state, open, open, &load, &ordered, &f->err));
    while (rows.nrows > 0) {
        EXPECT(f, f->ops->load_next(load, &rows, &f->err));
        for (size_t r = 0; r < rows.nrows; r++) {
            map_put(f, t, rows.cells + r * place_of(t, t->ncolumns));
        }
    }
    EXPECT(f, f->ops->load_asof(load, &asof, &f->err));
    char *copy = text_copy_len(asof.ptr, asof.len);
    f->ops->load_close(load);
    return copy;
}

static inline void fixture_track(struct fixture *f)
{
    EXPECT(f, f->ops->track(f->session, NULL, 0, &f->err));
}

static inline void fixture_discover(struct fixture *f)
{
    EXPECT(f, f->ops->discover(f->session, fixture_visit, f, &f->err));
}

static inline void fixture_keep_cursor(struct fixture *f, struct lf_slice cursor)
{
    free(f->cursor);
    f->cursor = text_copy_len(cursor.ptr, cursor.len);
}

static inline struct lf_slice cursor_of(const struct fixture *f)
{
    return (struct lf_slice){f->cursor, strlen(f->cursor)};
}

static inline bool fixture_try_changes(struct fixture *f)
{
    struct lf_table_state states[FIXTURE_TABLES];
    for (size_t i = 0; i < f->ntables; i++) {
        states[i] = state_of(&f->tables[i]);
    }
    return f->ops->changes_open(f->session, cursor_of(f), states, f->ntables, &f->changes, &f->err);
}

/* Tracks, reads every table, and opens the stream from before the loads. */
static inline void fixture_follow(struct fixture *f)
{
    struct lf_slice cursor;
    fixture_track(f);
    fixture_discover(f);
    EXPECT(f, f->ops->position(f->session, &cursor, &f->err));
    fixture_keep_cursor(f, cursor);
    for (size_t i = 0; i < f->ntables; i++) {
        free(fixture_load(f, &f->tables[i]));
    }
    EXPECT(f, fixture_try_changes(f));
}

static inline void fixture_apply(struct fixture *f, const struct lf_event *e)
{
    struct follower *t = &f->tables[e->table];
    switch (e->kind) {
    case LF_EVENT_BEGIN:
        assert_false(f->in_transaction);
        assert_true(e->token.len > 0);
        f->in_transaction = true;
        break;
    case LF_EVENT_ROW:
        assert_true(f->in_transaction);
        if (e->op == LF_OP_DELETE) {
            map_remove(f, t, e->cells);
        } else {
            assert_int_equal(e->op, LF_OP_UPSERT);
            map_put(f, t, e->cells);
        }
        break;
    case LF_EVENT_SCHEMA:
        t->schemas++;
        take_schema(t, e->schema);
        break;
    case LF_EVENT_RELOAD:
        t->reloads++;
        (void)snprintf(t->reason, sizeof t->reason, "%s", e->reason);
        if (e->schema != NULL) {
            take_schema(t, e->schema);
        }
        break;
    case LF_EVENT_FAULT:
        t->faults++;
        t->fault = e->fault;
        (void)snprintf(t->reason, sizeof t->reason, "%s", e->reason);
        break;
    case LF_EVENT_COMMIT:
        assert_true(f->in_transaction);
        f->in_transaction = false;
        f->boundaries++;
        fixture_keep_cursor(f, e->cursor);
        break;
    case LF_EVENT_IDLE:
        assert_false(f->in_transaction);
        fixture_keep_cursor(f, e->cursor);
        break;
    default:
        fail_msg("unexpected event %d", (int)e->kind);
    }
}

/* Takes one batch; the number of its events. */
static inline size_t fixture_step(struct fixture *f)
{
    struct lf_batch batch;
    EXPECT(f, f->ops->changes_next(f->changes, 0, &batch, &f->err));
    for (size_t i = 0; i < batch.nevents; i++) {
        fixture_apply(f, &batch.events[i]);
    }
    return batch.nevents;
}

/* Until nothing more comes. */
static inline void fixture_drain(struct fixture *f)
{
    while (fixture_step(f) > 0 || f->in_transaction) {
    }
}

/* SELECT of the columns that the follower knows and the table still has. */
static inline sqlite3_stmt *fixture_select(struct fixture *f, const struct follower *t, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    struct buf sql = {0};
    buf_append_text(&sql, "SELECT ");
    for (uint32_t i = 0, n = 0; i < t->ncolumns; i++) {
        if (!t->columns[i].dropped) {
            char *column = sqlite3_mprintf("%s\"%w\"", n++ > 0 ? ", " : "", t->columns[i].name);
            buf_append_text(&sql, column);
            sqlite3_free(column);
        }
    }
    char *from = sqlite3_mprintf(" FROM \"%w\"", name);
    buf_append_text(&sql, from);
    sqlite3_free(from);
    assert_int_equal(sqlite3_prepare_v2(f->app, buf_text(&sql), -1, &stmt, NULL), SQLITE_OK);
    buf_done(&sql);
    return stmt;
}

static inline struct lf_cell fixture_cell(sqlite3_stmt *stmt, int at, enum lf_type type)
{
    int class = sqlite3_column_type(stmt, at);
    struct lf_cell cell = {.state = class == SQLITE_NULL ? LF_CELL_NULL : LF_CELL_VALUE};
    if (type == LF_TYPE_INT64 || type == LF_TYPE_BOOLEAN) {
        cell.i = sqlite3_column_int64(stmt, at);
    } else if (type == LF_TYPE_DOUBLE) {
        cell.d = sqlite3_column_double(stmt, at);
    } else {
        cell.bytes.ptr = class == SQLITE_BLOB ? sqlite3_column_blob(stmt, at) : sqlite3_column_text(stmt, at);
        cell.bytes.len = (size_t)sqlite3_column_bytes(stmt, at);
    }
    return cell;
}

static inline void fixture_map_text(sqlite3 *map, const char *name, struct buf *out)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_prepare_v2(map, "SELECT k || '=' || r FROM m WHERE t = ?1 ORDER BY k", -1, &stmt, NULL);
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        buf_printf(out, "%s\n", (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
}

/* The rows that the map has of the table must be those that a plain SELECT gives. */
static inline void fixture_compare(struct fixture *f, const char *name)
{
    struct follower *t = follower_of(f, name);
    struct fixture truth = {.map = NULL};
    struct buf want = {0}, have = {0};
    assert_int_equal(sqlite3_open(":memory:", &truth.map), SQLITE_OK);
    sql_of(truth.map, "CREATE TABLE m(t, k, r, PRIMARY KEY(t, k))");
    sqlite3_stmt *stmt = fixture_select(f, t, name);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct lf_cell cells[32] = {0};
        for (uint32_t i = 0; i < t->ncolumns; i++) {
            if (!t->columns[i].dropped) {
                cells[place_of(t, i)] = fixture_cell(stmt, (int)place_of(t, i), t->columns[i].type);
            }
        }
        map_put(&truth, t, cells);
    }
    sqlite3_finalize(stmt);
    fixture_map_text(truth.map, name, &want);
    fixture_map_text(f->map, name, &have);
    assert_string_equal(buf_text(&have), buf_text(&want));
    sqlite3_close(truth.map);
    buf_done(&want);
    buf_done(&have);
}

/* The application writes, the host drains, both must agree. */
static inline void fixture_write(struct fixture *f, const char *sql, const char *table)
{
    app(f, sql);
    fixture_drain(f);
    fixture_compare(f, table);
}

#endif
