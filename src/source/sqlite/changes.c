/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/changes.h"

#include "source/sqlite/batcher.h"
#include "source/sqlite/consumer.h"
#include "source/sqlite/sql.h"
#include "source/sqlite/value.h"

#include <inttypes.h>
#include <stdlib.h>

#define LOCK_PATIENCE_MS 20      /* the next poll tries again */
#define LOCKED_LIMIT_MS 30000    /* how long a locked database passes for a quiet one */
#define UNTOUCHED_LIMIT_MS 30000 /* how long the times of the files are believed */
#define LOOKUPS_MAX 64u          /* statements kept between passes */
#define CLOCK_ROWS 16
#define LOG_TAB 1 /* columns of the log statement: seq, tab, k1, … */
#define LOG_KEY 2

struct lf_changes {
    struct connection connection;
    struct shape *shapes;
    size_t nshapes;
    uint32_t *by_tab;   /* indexes of shapes, ordered by tab */
    struct position at; /* the boundary told last */
    bool polled;        /* at least one poll has ended */
    bool broken;        /* failed where only a new reader can go on: a told transaction cut short, a log taken away */
    bool wal;
    int64_t data_version;
    struct footprint footprint; /* taken before the last look into the database */
    int64_t untouched_until_ms; /* as long as the footprint stays the same; 0: not known to be quiet */
    int64_t quiet_until_ms;     /* nobody had written at the last poll: the next one is due then */
    int64_t schema_version;
    int64_t locked_since_ms; /* 0: not locked */
    size_t nlookups;

    bool reading;          /* a pass is under way */
    bool begun;            /* BEGIN was told */
    bool whole;            /* the pass lies in the transaction that is open */
    size_t verified;       /* shapes that the check of this schema version has looked at */
    struct position upper; /* the end of the log when the pass began */
    int64_t upper_time_us;
    int64_t pos; /* read up to here */
    sqlite3_stmt *log;
    struct batcher batch;
};

static int by_tab(const void *a, const void *b, void *shapes)
{
    const struct shape *all = shapes;
    int64_t left = all[*(const uint32_t *)a].tab;
    int64_t right = all[*(const uint32_t *)b].tab;
    return (left > right) - (left < right);
}

static struct shape *find_shape(struct lf_changes *changes, int64_t tab)
{
    size_t low = 0;
    size_t high = changes->nshapes;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct shape *shape = &changes->shapes[changes->by_tab[middle]];
        if (shape->tab == tab) {
            return shape;
        }
        if (shape->tab < tab) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void end_transaction(struct lf_changes *changes)
{
    sql_finalize(&changes->log);
    transaction_end(&changes->connection);
    changes->whole = false;
}

static bool start(struct lf_changes *changes, struct lf_error *err)
{
    struct connection *connection = &changes->connection;
    TRY(connection_open(connection->session, connection, err));
    TRY(transaction_begin_read(connection, LOCKED_LIMIT_MS, err));
    bool good = log_check(connection, &changes->at, err);
    end_transaction(changes);
    return good;
}

bool changes_op_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                     size_t ntables, struct lf_changes **ret_changes, struct lf_error *err)
{
    struct position at = {0};
    TRY(session_check(session, err));
    TRY(cursor_parse(cursor, &at, err));
    struct lf_changes *changes = mem_new(1, sizeof *changes);
    changes->connection.session = session;
    changes->at = at;
    changes->schema_version = -1;
    changes->nshapes = ntables;
    changes->shapes = mem_new(ntables + 1, sizeof *changes->shapes);
    changes->by_tab = mem_new(ntables + 1, sizeof *changes->by_tab);
    for (size_t i = 0; i < ntables; i++) {
        shape_init(&changes->shapes[i], &tables[i]);
        changes->by_tab[i] = (uint32_t)i;
    }
    qsort_r(changes->by_tab, ntables, sizeof *changes->by_tab, by_tab, changes->shapes);
    if (!start(changes, err)) {
        changes_op_close(changes);
        return false;
    }
    *ret_changes = changes;
    return true;
}

void changes_op_close(struct lf_changes *changes)
{
    if (changes == NULL) {
        return;
    }
    sql_finalize(&changes->log);
    for (size_t i = 0; i < changes->nshapes; i++) {
        shape_done(&changes->shapes[i]);
    }
    connection_close(&changes->connection);
    free(changes->shapes);
    free(changes->by_tab);
    batcher_done(&changes->batch);
    free(changes);
}

/* Lays every table beside its shape after a change of the schema; stops when the batch is full or the time is up. */
static bool refresh_shapes(struct lf_changes *changes, struct lf_error *err)
{
    int64_t until = session_monotonic_ms() + READ_SLICE_MS;
    for (; changes->verified < changes->nshapes && !batcher_is_full(&changes->batch); changes->verified++) {
        if (!changes->wal && session_monotonic_ms() >= until) {
            return true;
        }
        struct shape *shape = &changes->shapes[changes->verified];
        enum shape_change change = SHAPE_SAME;
        const char *reason = NULL;
        if (!shape->dead) {
            TRY(shape_refresh(shape, &changes->connection, &change, &reason, err));
            batcher_add_change(&changes->batch, (uint32_t)changes->verified, shape, change, reason);
        }
    }
    return true;
}

static void drop_lookups(struct lf_changes *changes)
{
    for (size_t i = 0; i < changes->nshapes; i++) {
        sql_finalize(&changes->shapes[i].lookup);
    }
    changes->nlookups = 0;
}

/* All shapes are those of the open transaction. An altered schema in the middle of a pass makes it start again. */
static bool check_schema(struct lf_changes *changes, struct lf_error *err)
{
    int64_t version = 0;
    TRY(sql_get_int(&changes->connection, "PRAGMA main.schema_version", 0, &version, err));
    if (version != changes->schema_version) {
        changes->schema_version = version;
        changes->verified = 0;
        changes->reading = false;
        drop_lookups(changes);
    }
    return refresh_shapes(changes, err);
}

static bool start_pass(struct lf_changes *changes, int64_t after, struct lf_error *err)
{
    const struct lf_host *host = changes->connection.session->host;
    changes->upper_time_us = host->now_us(host->context);
    changes->pos = after;
    changes->reading = true;
    changes->whole = true;
    sql_finalize(&changes->log);
    return log_end(&changes->connection, &changes->upper, err);
}

static bool begin(struct lf_changes *changes, struct lf_error *err)
{
    struct connection *connection = &changes->connection;
    TRY(transaction_begin_read(connection, LOCK_PATIENCE_MS, err));
    TRY(connection_is_wal(connection, &changes->wal, err));
    TRY(log_check(connection, &changes->at, err));
    TRY(check_schema(changes, err));
    return changes->reading || start_pass(changes, changes->at.seq, err);
}

static bool prepare_log(struct lf_changes *changes, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    CLEANUP(buf_done) struct buf keys = {0};
    int64_t nkeys = 0;
    TRY(sql_get_int(&changes->connection, "SELECT count(*) - 3 FROM pragma_table_info('lakefeed_log', 'main')", 0,
                    &nkeys, err));
    for (int64_t i = 1; i <= nkeys; i++) {
        buf_printf(&keys, ", k%" PRId64, i);
    }
    /* A pass of several transactions goes on after a seq; one that is whole leaves repeated keys to SQLite. */
    buf_printf(&sql,
               changes->wal ? "SELECT DISTINCT 0, tab%s FROM main.lakefeed_log WHERE seq > ?1 AND seq <= ?2"
                            : "SELECT seq, tab%s FROM main.lakefeed_log WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
               buf_text(&keys));
    TRY(sql_prepare(&changes->connection, buf_text(&sql), &changes->log, err));
    (void)sqlite3_bind_int64(changes->log, 1, changes->pos);
    (void)sqlite3_bind_int64(changes->log, 2, changes->upper.seq);
    return true;
}

static bool need_lookup(struct lf_changes *changes, struct shape *shape, struct lf_error *err)
{
    if (shape->lookup != NULL) {
        return true;
    }
    if (changes->nlookups >= LOOKUPS_MAX) {
        drop_lookups(changes);
    }
    changes->nlookups++;
    return shape_prepare_lookup(shape, &changes->connection, err);
}

static void add_row(struct lf_changes *changes, uint32_t table, enum lf_op op, const struct lf_cell *cells)
{
    if (!changes->begun) {
        changes->begun = true;
        (void)batcher_add(&changes->batch, LF_EVENT_BEGIN, 0);
    }
    struct lf_event *event = batcher_add(&changes->batch, LF_EVENT_ROW, table);
    event->op = op;
    event->cells = cells;
}

/* A row that is gone. A key that no row of the lake can have needs no event. */
static void add_delete(struct lf_changes *changes, uint32_t table, const struct shape *shape)
{
    struct arena *arena = &changes->batch.arena;
    struct lf_cell *cells = arena_alloc(arena, shape->schema.ncolumns * sizeof *cells);
    for (uint32_t i = 0; i < shape->schema.ncolumns; i++) {
        cells[i] = (struct lf_cell){.state = LF_CELL_NULL};
    }
    for (uint32_t i = 0; i < shape->schema.nkey; i++) {
        uint32_t column = shape->schema.key[i];
        if (value_to_cell(&shape->fields[column].type, true, changes->log, LOG_KEY + (int)i, arena, &cells[column]) !=
            NULL) {
            return;
        }
    }
    add_row(changes, table, LF_OP_DELETE, cells);
}

static bool add_logged_key(struct lf_changes *changes, struct shape *shape, struct lf_error *err)
{
    uint32_t table = (uint32_t)(shape - changes->shapes);
    struct lf_error fault;
    bool row = false;
    TRY(need_lookup(changes, shape, err));
    (void)sqlite3_reset(shape->lookup);
    for (uint32_t i = 0; i < shape->schema.nkey; i++) {
        (void)sqlite3_bind_value(shape->lookup, (int)i + 1, sqlite3_column_value(changes->log, LOG_KEY + (int)i));
    }
    TRY(sql_step(&changes->connection, shape->lookup, &row, err));
    if (!row) {
        add_delete(changes, table, shape);
        return true;
    }
    struct lf_cell *cells = arena_alloc(&changes->batch.arena, shape->schema.ncolumns * sizeof *cells);
    if (shape_read_row(shape, shape->lookup, &changes->batch.arena, cells, &fault)) {
        add_row(changes, table, LF_OP_UPSERT, cells);
    } else {
        shape->dead = true;
        batcher_add_fault(&changes->batch, table, fault.kind, fault.msg);
    }
    (void)sqlite3_reset(shape->lookup);
    return true;
}

/* Reads on in the pass; ret_end: the pass is at its end. */
static bool read_log(struct lf_changes *changes, int64_t until_ms, bool *ret_end, struct lf_error *err)
{
    *ret_end = false;
    if (changes->log == NULL) {
        TRY(prepare_log(changes, err));
    }
    for (uint32_t n = 1; !batcher_is_full(&changes->batch); n++) {
        TRY(sql_step(&changes->connection, changes->log, ret_end, err));
        *ret_end = !*ret_end;
        if (*ret_end) {
            return true;
        }
        struct shape *shape = find_shape(changes, sqlite3_column_int64(changes->log, LOG_TAB));
        if (shape != NULL && !shape->dead) {
            TRY(add_logged_key(changes, shape, err));
        }
        changes->pos = changes->wal ? changes->pos : sqlite3_column_int64(changes->log, 0);
        if (!changes->wal && n % CLOCK_ROWS == 0 && session_monotonic_ms() >= until_ms) {
            return true;
        }
    }
    return true;
}

static void tell_boundary(struct lf_changes *changes)
{
    bool moved = changes->upper.seq != changes->at.seq;
    changes->at = changes->upper;
    batcher_set_token(&changes->batch, &changes->at);
    if (changes->begun) {
        batcher_add_end(&changes->batch, LF_EVENT_COMMIT, &changes->at, changes->upper_time_us);
    } else if (moved || !changes->polled) {
        batcher_add_end(&changes->batch, LF_EVENT_IDLE, &changes->at, 0);
    }
    changes->begun = false;
    changes->reading = false;
    changes->polled = true;
    end_transaction(changes);
}

/* A pass that fitted into one transaction ends at its boundary; any other is followed by one over what was logged meanwhile. */
static bool read_passes(struct lf_changes *changes, struct lf_error *err)
{
    int64_t until = session_monotonic_ms() + READ_SLICE_MS;
    bool end = false;
    if (changes->verified < changes->nshapes) {
        return true; /* goes on with the next batch or the next short read */
    }
    for (;;) {
        TRY(read_log(changes, until, &end, err));
        if (!end) {
            return true;
        }
        if (changes->whole) {
            tell_boundary(changes);
            return true;
        }
        TRY(start_pass(changes, changes->upper.seq, err));
    }
}

/* The token while the boundary is not known: no chunk covers it, so every chunk takes the rows, which is right for net
 * changes at any time before the chunk is passed. */
static void settle_token(struct lf_changes *changes)
{
    struct position boundary = changes->upper;
    boundary.seq = changes->wal ? boundary.seq : TOKEN_UNKNOWN;
    batcher_set_token(&changes->batch, &boundary);
}

static bool read_some(struct lf_changes *changes, struct lf_error *err)
{
    bool good = changes->connection.in_transaction ? refresh_shapes(changes, err) : begin(changes, err);
    good = good && read_passes(changes, err);
    settle_token(changes);
    changes->broken = !good && changes->begun && changes->wal;
    if (!good || !changes->wal) {
        end_transaction(changes);
    }
    return good;
}

/* A locked database is a quiet one, for a while. */
static bool pass_over_lock(struct lf_changes *changes, struct lf_error *err)
{
    int64_t now = session_monotonic_ms();
    if (err->kind != LF_TRANSIENT) {
        return false;
    }
    changes->locked_since_ms = changes->locked_since_ms == 0 ? now : changes->locked_since_ms;
    return changes->batch.count == 0 && !changes->broken && now - changes->locked_since_ms < LOCKED_LIMIT_MS;
}

/* Many links wait in one process; a quiet one keeps no pages, statements and events of its last pass. */
static void become_small(struct lf_changes *changes)
{
    drop_lookups(changes);
    batcher_done(&changes->batch);
    connection_shrink(&changes->connection);
    connection_shrink(&changes->connection.session->side);
}

/* The last look found nothing new, and nobody has written since. */
static bool is_untouched(const struct lf_changes *changes)
{
    struct footprint now;
    return session_monotonic_ms() < changes->untouched_until_ms && footprint_take(changes->connection.session, &now) &&
           footprint_equal(&now, &changes->footprint);
}

/* Nothing was new; `footprint` was taken before that was found. */
static void stay_quiet(struct lf_changes *changes, const struct footprint *footprint)
{
    changes->footprint = *footprint;
    changes->untouched_until_ms = footprint_is_settled(footprint) ? session_monotonic_ms() + UNTOUCHED_LIMIT_MS : 0;
    become_small(changes);
}

/* Whether anybody has written since the last pass. */
static bool look(struct lf_changes *changes, int64_t *ret_version, bool *ret_quiet, struct lf_error *err)
{
    struct connection *connection = &changes->connection;
    struct footprint footprint;
    *ret_quiet = is_untouched(changes);
    if (*ret_quiet) {
        return true;
    }
    changes->untouched_until_ms = 0;
    bool exists = footprint_take(connection->session, &footprint);
    TRY(connection_check_file(connection, err));
    changes->broken = changes->wal && !connection_check_wal(connection, err);
    TRY(!changes->broken);
    TRY(sql_get_int(connection, "PRAGMA main.data_version", 0, ret_version, err));
    *ret_quiet = *ret_version == changes->data_version;
    if (*ret_quiet && exists) {
        stay_quiet(changes, &footprint);
    }
    return true;
}

static bool poll(struct lf_changes *changes, struct lf_error *err)
{
    struct connection *connection = &changes->connection;
    int64_t version = 0;
    if (!changes->reading && changes->polled && changes->verified == changes->nshapes) {
        bool quiet = false;
        TRY(look(changes, &version, &quiet, err));
        if (quiet) {
            changes->quiet_until_ms = session_monotonic_ms() + connection->session->poll_interval_ms;
            return true;
        }
    } else if (!changes->connection.in_transaction) {
        TRY(sql_get_int(connection, "PRAGMA main.data_version", 0, &version, err));
    }
    if (!changes->connection.in_transaction && !changes->reading) {
        changes->data_version = version; /* taken before the read, so that a commit in between is seen next time */
    }
    TRY(read_some(changes, err));
    changes->locked_since_ms = 0;
    return true;
}

static bool poll_or_pass(struct lf_changes *changes, struct lf_error *err)
{
    if (poll(changes, err)) {
        return true;
    }
    changes->data_version = -1;
    return pass_over_lock(changes, err);
}

/* The host waits in shorter steps than the database is to be polled in; without a wait it wants an answer. */
static bool poll_is_due(const struct lf_changes *changes, int wait_ms)
{
    return wait_ms <= 0 || session_monotonic_ms() >= changes->quiet_until_ms;
}

static void wait_for_poll(const struct lf_changes *changes, int64_t left_ms)
{
    struct lf_session *session = changes->connection.session;
    int64_t due_ms = changes->quiet_until_ms - session_monotonic_ms();
    due_ms = due_ms > 0 ? due_ms : session->poll_interval_ms;
    session_wait(session, left_ms < due_ms ? left_ms : due_ms);
}

bool changes_op_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    struct lf_session *session = changes->connection.session;
    int64_t until = session_monotonic_ms() + wait_ms;
    batcher_reset(&changes->batch);
    if (changes->broken) {
        return lf_error_set(err, LF_TRANSIENT, 0,
                            "%s: reading changes failed before; it begins again at the last cursor", session->path);
    }
    for (;;) {
        TRY(session_check(session, err));
        TRY(!poll_is_due(changes, wait_ms) || poll_or_pass(changes, err));
        int64_t left = until - session_monotonic_ms();
        bool going_on = changes->reading && changes->locked_since_ms == 0;
        if (changes->batch.count > 0 || (left <= 0 && !going_on)) {
            break;
        }
        if (!going_on) {
            wait_for_poll(changes, left);
        }
    }
    *ret_batch = (struct lf_batch){changes->batch.events, changes->batch.count};
    return true;
}

/* Rows and schema are read in one transaction, so nothing can have changed unseen before the cut; what comes after it is told early. */
bool changes_op_verify(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err)
{
    batcher_reset(&changes->batch);
    TRY(session_check(changes->connection.session, err));
    if (!changes->reading && !is_untouched(changes)) {
        bool good = transaction_begin_read(&changes->connection, LOCKED_LIMIT_MS, err) && check_schema(changes, err);
        end_transaction(changes);
        TRY(good);
    }
    *ret_batch = (struct lf_batch){changes->batch.events, changes->batch.count};
    return true;
}
