/* SPDX-License-Identifier: Apache-2.0
 *
 * A backlog of changes through the stream of the PostgreSQL connector, beside a bare loop over the same slot that looks at
 * nothing but the first byte of each message:
 *
 *   bench_postgres_stream URL [ROWS [ROUNDS]]
 *   bench_postgres_stream URL latency SECONDS
 *
 * URL names a database with wal_level logical in which tables may be made; they are dropped afterwards. Prints a line of JSON for
 * each kind of backlog, with the rates in changes per second; the best of the rounds counts. With latency: how long after its
 * commit a transaction is seen by a bare loop, and how long until the connector hands it over to the spool, at 1,000 transactions per
 * second of 1 and of 10 changes, for SECONDS each.
 */
#include "source/postgres/catalog.h"
#include "source/postgres/slot.h"
#include "source/postgres/stream.h"

#include <endian.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SLOT "lakefeed_bench"
#define PUBLICATION "lakefeed_bench"
#define TABLE "bench_stream"

struct bench {
    const char *url;
    PGconn *app;
    struct lf_session *session;
    int64_t rows;
    int rounds;
    pg_lsn start, end;
};

static void fail(const char *what, const char *text)
{
    (void)fprintf(stderr, "bench_postgres_stream: %s: %s\n", what, text);
    exit(1);
}

static void must(bool ok, const struct lf_error *err)
{
    if (!ok) {
        fail(lf_error_kind_name(err->kind), err->msg);
    }
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static int64_t now_us(void *context)
{
    struct timespec now;
    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

static void run_sql(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail(sql, PQresultErrorMessage(result));
    }
    PQclear(result);
}

static pg_lsn log_end(PGconn *conn)
{
    pg_lsn lsn = 0;
    PGresult *result = PQexec(conn, "SELECT pg_current_wal_flush_lsn()");
    if (PQresultStatus(result) != PGRES_TUPLES_OK || !pg_lsn_parse(PQgetvalue(result, 0, 0), &lsn)) {
        fail("the end of the log", PQresultErrorMessage(result));
    }
    PQclear(result);
    return lsn;
}

/* ---- the bare loop ---- */

static uint64_t load_u64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

/* Counts changes until a commit reaches the end. */
static bool take_bare(const struct bench *bench, const char *bytes, int64_t *changes)
{
    if (bytes[0] != 'w') {
        return false;
    }
    char kind = bytes[25];
    *changes += kind == 'I' || kind == 'U' || kind == 'D' ? 1 : 0;
    return kind == 'C' && load_u64(bytes + 25 + 10) >= bench->end;
}

static int64_t read_bare(const struct bench *bench, PGconn *conn)
{
    int64_t changes = 0;
    for (bool end = false; !end;) {
        char *bytes = NULL;
        int len = PQgetCopyData(conn, &bytes, 1);
        if (len > 0) {
            end = take_bare(bench, bytes, &changes);
            PQfreemem(bytes);
            continue;
        }
        struct pollfd pollfd = {.fd = PQsocket(conn), .events = POLLIN};
        (void)poll(&pollfd, 1, 1000);
        if (len < 0 || PQconsumeInput(conn) == 0) {
            fail("the bare loop", PQerrorMessage(conn));
        }
    }
    return changes;
}

static void open_bare(const struct bench *bench, struct pg_connection *ret_connection)
{
    struct lf_error err;
    char sql[300];
    must(pg_connection_open(bench->session, PG_FOR_REPLICATION, ret_connection, &err), &err);
    (void)snprintf(sql, sizeof sql,
                   "START_REPLICATION SLOT " SLOT " LOGICAL " PG_LSN_FORMAT
                   " (proto_version '1', publication_names '" PUBLICATION "')",
                   PG_LSN_ARGS(bench->start));
    must(pg_query(ret_connection, "bench", sql, NULL, &err), &err);
}

static double measure_bare(const struct bench *bench, int64_t *ret_changes)
{
    struct pg_connection connection;
    open_bare(bench, &connection);
    double start = now_s();
    *ret_changes = read_bare(bench, connection.conn);
    double seconds = now_s() - start;
    pg_connection_close(&connection);
    return seconds;
}

/* ---- ours ---- */

static struct lf_changes *open_stream(const struct bench *bench)
{
    CLEANUP(pg_tables_done) struct pg_tables tables = {0};
    CLEANUP(arena_done) struct arena arena = {0};
    struct lf_changes *changes = NULL;
    struct lf_error err;
    char text[PG_CURSOR_TEXT_SIZE];
    must(pg_catalog_read_all(&bench->session->side, &tables, &err), &err);
    const struct pg_table *table = pg_tables_find_name(&tables, TABLE);
    struct pg_cursor cursor = pg_session_cursor(bench->session, bench->start);
    (void)snprintf(cursor.slot, sizeof cursor.slot, SLOT);
    cursor.horizon = 3; /* not beyond what a fresh server has begun */
    const struct lf_table_state state = {
        .name = TABLE, .id = pg_table_id(table, &arena), .schema = pg_table_schema(table, &arena)};
    must(pg_op_changes_open(bench->session, pg_cursor_print(&cursor, text), &state, 1, &changes, &err), &err);
    return changes;
}

static int64_t read_ours(const struct bench *bench, struct lf_changes *changes)
{
    struct lf_error err;
    int64_t rows = 0;
    for (bool end = false; !end;) {
        struct lf_batch batch;
        struct pg_cursor at;
        must(pg_op_changes_next(changes, 1000, &batch, &err), &err);
        for (size_t i = 0; i < batch.nevents; i++) {
            const struct lf_event *event = &batch.events[i];
            rows += event->kind == LF_EVENT_ROW ? 1 : 0;
            if (event->kind == LF_EVENT_COMMIT || event->kind == LF_EVENT_IDLE) {
                must(pg_cursor_parse(event->cursor, &at, &err), &err);
                end = at.lsn >= bench->end;
            }
        }
    }
    return rows;
}

static double measure_ours(const struct bench *bench, int64_t *ret_changes)
{
    struct lf_changes *changes = open_stream(bench);
    double start = now_s();
    *ret_changes = read_ours(bench, changes);
    double seconds = now_s() - start;
    pg_op_changes_close(changes);
    return seconds;
}

/* ---- backlogs ---- */

struct backlog {
    const char *name;
    const char *prepare; /* before the slot is made; %1$ld: rows */
    const char *fill;
    int64_t share; /* rows / share changes */
};

static const struct backlog backlogs[] = {
    {"inserts", NULL,
     "INSERT INTO " TABLE " SELECT i, i %% 100000, 'customer ' || i, i * 1.25, 'note number ' || i, now(), true"
     " FROM generate_series(1, %1$ld) i",
     1},
    {"updates",
     "INSERT INTO " TABLE " SELECT i, i %% 100000, 'customer ' || i, i * 1.25, 'note number ' || i, now(), true"
     " FROM generate_series(1, %1$ld) i",
     "UPDATE " TABLE " SET customer = customer + 1", 1},
    {"deletes",
     "INSERT INTO " TABLE " SELECT i, i %% 100000, 'customer ' || i, i * 1.25, 'note number ' || i, now(), true"
     " FROM generate_series(1, %1$ld) i",
     "DELETE FROM " TABLE, 1},
    {"one-row transactions",
     "CREATE OR REPLACE PROCEDURE bench_fill(n bigint) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP"
     " INSERT INTO " TABLE " VALUES (i, i, 'customer ' || i, i * 1.25, 'note', now(), true); COMMIT; END LOOP; END $$",
     "CALL bench_fill(%1$ld)", 5},
};

static void run_filled(PGconn *conn, const char *sql, int64_t rows)
{
    char text[2000];
    if (sql == NULL) {
        return;
    }
    (void)snprintf(text, sizeof text, sql, (long)rows); /* NOLINT: formats of the table above */
    run_sql(conn, text);
}

static void drop_all(PGconn *conn)
{
    run_sql(conn, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '" SLOT "'");
    run_sql(conn, "DROP PUBLICATION IF EXISTS " PUBLICATION);
    run_sql(conn, "DROP TABLE IF EXISTS " TABLE);
    run_sql(conn, "DROP ROUTINE IF EXISTS bench_fill");
}

static void wait_free(PGconn *conn)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    for (bool active = true; active;) {
        PGresult *result = PQexec(conn, "SELECT FROM pg_replication_slots WHERE active AND slot_name = '" SLOT "'");
        active = PQntuples(result) > 0;
        PQclear(result);
        (void)nanosleep(&pause, NULL);
    }
}

static void measure(struct bench *bench, const struct backlog *backlog)
{
    double bare_s = 1e9, ours_s = 1e9;
    int64_t changes = 0, rows = 0;
    for (int i = 0; i < bench->rounds; i++) {
        double bare = measure_bare(bench, &changes);
        wait_free(bench->app);
        double ours = measure_ours(bench, &rows);
        wait_free(bench->app);
        if (rows != changes) {
            fail(backlog->name, "the two loops saw different changes");
        }
        bare_s = bare < bare_s ? bare : bare_s;
        ours_s = ours < ours_s ? ours : ours_s;
    }
    (void)printf("{\"backlog\": \"%s\", \"changes\": %" PRId64 ", \"bare_per_s\": %.0f, \"stream_per_s\": %.0f, "
                 "\"ratio\": %.2f}\n",
                 backlog->name, changes, (double)changes / bare_s, (double)changes / ours_s, bare_s / ours_s);
    (void)fflush(stdout);
}

static void make_table(struct bench *bench)
{
    run_sql(bench->app, "CREATE TABLE " TABLE "(id bigint PRIMARY KEY, customer int, name text, amount numeric(12,2),"
                        " note text, created timestamptz, flag boolean)");
    run_sql(bench->app, "CREATE PUBLICATION " PUBLICATION " FOR TABLE " TABLE);
}

static void run_backlog(struct bench *bench, const struct backlog *backlog)
{
    drop_all(bench->app);
    make_table(bench);
    run_filled(bench->app, backlog->prepare, bench->rows);
    run_sql(bench->app, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    bench->start = log_end(bench->app);
    run_filled(bench->app, backlog->fill, bench->rows / backlog->share);
    bench->end = log_end(bench->app);
    run_sql(bench->app, "CREATE TABLE bench_end(); DROP TABLE bench_end"); /* so that the stream passes the end */
    measure(bench, backlog);
    drop_all(bench->app);
}

/* ---- latency ---- */

#define PERIOD_NS 1000000L /* between two transactions */
#define LATENCIES_MAX 1000000
#define POSTGRES_EPOCH_US INT64_C(946684800000000) /* 2000-01-01 */

struct writer {
    const char *url;
    int changes; /* of one transaction */
    atomic_bool stop;
};

/* A transaction each millisecond; when the machine did not let it, it does not catch up. */
static void *run_writer(void *context)
{
    struct writer *writer = context;
    PGconn *conn = PQconnectdb(writer->url);
    char sql[300];
    struct timespec due;
    (void)snprintf(sql, sizeof sql,
                   "PREPARE w(bigint) AS INSERT INTO " TABLE
                   " SELECT $1 * %d + i, 1, 'customer', 1.25, 'note', now(), true"
                   " FROM generate_series(1, %d) i",
                   writer->changes, writer->changes);
    run_sql(conn, sql);
    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    for (int64_t n = 0; !atomic_load(&writer->stop); n++) {
        struct timespec now;
        (void)snprintf(sql, sizeof sql, "EXECUTE w(%" PRId64 ")", n);
        run_sql(conn, sql);
        due.tv_nsec += PERIOD_NS;
        due.tv_sec += due.tv_nsec / 1000000000L;
        due.tv_nsec %= 1000000000L;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > due.tv_sec || (now.tv_sec == due.tv_sec && now.tv_nsec > due.tv_nsec)) {
            due = now;
        }
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    PQfinish(conn);
    return NULL;
}

/* Microseconds since their commits, of the transactions that arrive within some seconds. */
struct latencies {
    int64_t *list;
    size_t count;
    double until_s;
};

static bool has_time(const struct latencies *latencies)
{
    return now_s() < latencies->until_s && latencies->count < LATENCIES_MAX - 2000;
}

static void read_latencies(struct lf_changes *changes, struct latencies *latencies)
{
    struct lf_error err;
    while (has_time(latencies)) {
        struct lf_batch batch;
        must(pg_op_changes_next(changes, 100, &batch, &err), &err);
        for (size_t i = 0; i < batch.nevents; i++) {
            if (batch.events[i].kind == LF_EVENT_COMMIT) {
                latencies->list[latencies->count++] = now_us(NULL) - batch.events[i].commit_time_us;
            }
        }
    }
}

static void read_bare_latencies(PGconn *conn, struct latencies *latencies)
{
    while (has_time(latencies)) {
        char *bytes = NULL;
        int len = PQgetCopyData(conn, &bytes, 1);
        if (len > 0 && bytes[0] == 'w' && bytes[25] == 'C') {
            int64_t committed_us = (int64_t)load_u64(bytes + 25 + 18) + POSTGRES_EPOCH_US;
            latencies->list[latencies->count++] = now_us(NULL) - committed_us;
        }
        if (len > 0) {
            PQfreemem(bytes);
            continue;
        }
        struct pollfd pollfd = {.fd = PQsocket(conn), .events = POLLIN};
        (void)poll(&pollfd, 1, 100);
        if (len < 0 || PQconsumeInput(conn) == 0) {
            fail("the bare loop", PQerrorMessage(conn));
        }
    }
}

static int compare_latencies(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void print_latencies(const char *reader, int changes, double seconds, const struct latencies *latencies)
{
    size_t count = latencies->count;
    if (count == 0) {
        fail("latency", "no transaction came");
    }
    qsort(latencies->list, count, sizeof *latencies->list, compare_latencies);
    const size_t middle = count / 2;
    const size_t late = count - 1 - count / 100;
    (void)printf("{\"reader\": \"%s\", \"per_s\": %.0f, \"changes\": %d, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n", reader,
                 (double)count * changes / seconds, changes, (double)latencies->list[middle] / 1000,
                 (double)latencies->list[late] / 1000);
    (void)fflush(stdout);
}

/* The bare loop if there is no stream. */
static void follow_writer(PGconn *bare, struct lf_changes *stream, double seconds, struct latencies *latencies)
{
    latencies->count = 0;
    latencies->until_s = now_s() + seconds;
    if (stream != NULL) {
        read_latencies(stream, latencies);
    } else {
        read_bare_latencies(bare, latencies);
    }
}

static void measure_latency(struct bench *bench, int changes, double seconds, bool bare)
{
    struct writer writer = {.url = bench->url, .changes = changes};
    struct latencies latencies = {.list = mem_new(LATENCIES_MAX, sizeof *latencies.list)};
    struct pg_connection connection = {0};
    struct lf_changes *stream = NULL;
    pthread_t thread;
    drop_all(bench->app);
    make_table(bench);
    run_sql(bench->app, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    bench->start = log_end(bench->app);
    if (bare) {
        open_bare(bench, &connection);
    } else {
        stream = open_stream(bench);
    }
    if (pthread_create(&thread, NULL, run_writer, &writer) != 0) {
        fail("latency", "no thread can be made");
    }
    follow_writer(connection.conn, stream, 0.5, &latencies); /* until it runs evenly */
    follow_writer(connection.conn, stream, seconds, &latencies);
    atomic_store(&writer.stop, true);
    (void)pthread_join(thread, NULL);
    pg_op_changes_close(stream);
    pg_connection_close(&connection);
    wait_free(bench->app);
    drop_all(bench->app);
    print_latencies(bare ? "bare loop" : "hand-over", changes, seconds, &latencies);
    free(latencies.list);
}

/* Of this program alone: getrusage also tells of the one that it was started by. */
static long peak_kib(void)
{
    char line[200];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return kib;
}

static void measure_backlogs(struct bench *bench)
{
    for (size_t i = 0; i < ARRAY_LEN(backlogs); i++) {
        run_backlog(bench, &backlogs[i]);
    }
    (void)printf("{\"peak_resident_kib\": %ld}\n", peak_kib());
}

int main(int argc, char **argv)
{
    const struct lf_host host = {.cancelled = never, .now_us = now_us};
    const struct lf_option_value options[] = {{"publication", PUBLICATION}, {"slot", SLOT}};
    struct lf_error err;
    if (argc < 2) {
        fail("usage", "bench_postgres_stream URL [ROWS [ROUNDS]] | URL latency SECONDS");
    }
    struct bench bench = {.url = argv[1],
                          .rows = argc > 2 ? strtoll(argv[2], NULL, 10) : 1000000,
                          .rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 3};
    bench.app = PQconnectdb(bench.url);
    (void)PQsetNoticeReceiver(bench.app, ignore_notice, NULL);
    must(pg_op_open(&host, bench.url, options, ARRAY_LEN(options), &bench.session, &err), &err);
    bench.session->registered = true; /* the slot is made by SQL */
    if (argc > 3 && strcmp(argv[2], "latency") == 0) {
        for (int changes = 1; changes <= 10; changes *= 10) {
            measure_latency(&bench, changes, strtod(argv[3], NULL), true);
            measure_latency(&bench, changes, strtod(argv[3], NULL), false);
        }
    } else {
        measure_backlogs(&bench);
    }
    pg_op_close(bench.session);
    PQfinish(bench.app);
    return 0;
}
