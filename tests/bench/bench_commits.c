/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit costs after many others:
 *
 *   bench_commits FOLDER COMMITS KEEP_HOURS
 *
 * One row of a SQLite table changes before each commit. The clock of link and lake goes on by an hour each time,
 * so that records are retained and collected as in a link that commits every hour. Prints a line for each window
 * of commits: its first commit, then of the median commit the milliseconds, the bytes of metadata and of
 * partitions, the calls to the lake.
 */
#include "base/macros.h"
#include "lake/local.h"
#include "link/link.h"
#include "source/sqlite/sqlite.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>

#define WINDOW 51
#define WINDOW_FIRST 10 /* the commit at which the first window begins */
#define HOUR_US INT64_C(3600000000)
#define START_US INT64_C(1700000000000000)
#define TABLE_ROWS "200"

static void must(bool ok, const struct lf_error *err)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_commits: %s\n", err->msg);
        exit(1);
    }
}

/* ---- a lake that counts ---- */

static struct {
    const struct lake_ops *ops;
    uint64_t metadata_bytes, partition_bytes, calls;
    int64_t now_us; /* of the link and of the lake */
} meter = {.now_us = START_US};

static bool now_ms(UNUSED struct lake *lake, int64_t *ret_ms, UNUSED struct lf_error *err)
{
    *ret_ms = meter.now_us / 1000;
    return true;
}

static bool put_if_absent(struct lake *lake, const char *path, const struct lake_content *content, struct lf_error *err)
{
    meter.calls++;
    meter.metadata_bytes += content->bytes;
    return meter.ops->put_if_absent(lake, path, content, err);
}

static bool put_if_match(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                         char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    meter.calls++;
    meter.metadata_bytes += content->bytes;
    return meter.ops->put_if_match(lake, path, etag, content, ret_etag, err);
}

static bool writer_write(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err)
{
    meter.partition_bytes += len;
    return meter.ops->writer_write(writer, ptr, len, err);
}

static bool read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                       struct lf_error *err)
{
    meter.calls++;
    return meter.ops->read_range(lake, path, offset, ret, len, ret_len, err);
}

static bool list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err)
{
    meter.calls++;
    return meter.ops->list(lake, prefix, visit, context, err);
}

static bool remove_object(struct lake *lake, const char *path, struct lf_error *err)
{
    meter.calls++;
    return meter.ops->remove(lake, path, err);
}

static void count_calls(struct lake *lake, struct lake_ops *ret_ops)
{
    meter.ops = lake->ops;
    *ret_ops = *lake->ops;
    ret_ops->put_if_absent = put_if_absent;
    ret_ops->put_if_match = put_if_match;
    ret_ops->writer_write = writer_write;
    ret_ops->read_range = read_range;
    ret_ops->list = list;
    ret_ops->remove = remove_object;
    ret_ops->now_ms = now_ms;
    lake->ops = ret_ops;
}

/* ---- the source and the clock ---- */

static sqlite3 *open_database(const char *path)
{
    static const char tables[] = "PRAGMA journal_mode = wal; PRAGMA synchronous = off;"
                                 "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER);"
                                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " TABLE_ROWS
                                 ") INSERT INTO t SELECT i, 0 FROM n";
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, tables, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "bench_commits: %s: %s\n", path, sqlite3_errmsg(db));
        exit(1);
    }
    return db;
}

static void change_row(sqlite3 *db)
{
    static const char sql[] = "UPDATE t SET v = v + 1 WHERE id = 1 + abs(random()) % " TABLE_ROWS;
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "bench_commits: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static int64_t virtual_now_us(UNUSED void *context)
{
    return meter.now_us;
}

/* ---- the commits ---- */

struct sample {
    double ms;
    uint64_t metadata_bytes, partition_bytes, calls;
};

static struct sample commit_once(struct link *link, sqlite3 *db)
{
    struct clock clock = clock_system();
    struct lf_error err = {0};
    bool any = true;
    bool committed = false;
    change_row(db);
    meter.metadata_bytes = meter.partition_bytes = meter.calls = 0;
    int64_t begin = clock.monotonic_us(clock.context);
    while (any) {
        must(link_step_feed(link, 0, &any, &err), &err);
    }
    must(link_step_snapshot(link, &committed, &err), &err);
    if (!committed) {
        (void)fprintf(stderr, "bench_commits: a change made no commit\n");
        exit(1);
    }
    return (struct sample){.ms = (double)(clock.monotonic_us(clock.context) - begin) / 1000,
                           .metadata_bytes = meter.metadata_bytes,
                           .partition_bytes = meter.partition_bytes,
                           .calls = meter.calls};
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->ms;
    double y = ((const struct sample *)b)->ms;
    return x < y ? -1 : x > y;
}

static void print_window(struct sample *samples, uint64_t first)
{
    qsort(samples, WINDOW, sizeof *samples, by_time);
    const struct sample *median = &samples[WINDOW / 2];
    (void)printf("%" PRIu64 " %.3f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", first, median->ms, median->metadata_bytes,
                 median->partition_bytes, median->calls);
}

static void run(struct link *link, sqlite3 *db, uint64_t commits)
{
    struct sample samples[WINDOW];
    uint64_t first = WINDOW_FIRST;
    for (uint64_t head = link_head(link)->commit + 1; head <= commits; head++) {
        meter.now_us += HOUR_US;
        struct sample sample = commit_once(link, db);
        if (head < first) {
            continue;
        }
        samples[head - first] = sample;
        if (head - first + 1 == WINDOW) {
            print_window(samples, first);
            first = first == WINDOW_FIRST && commits >= 2000 ? 1000 : commits - WINDOW + 1;
        }
    }
}

int main(int argc, char **argv)
{
    CLEANUP(text_free) char *path = NULL;
    CLEANUP(text_free) char *url = NULL;
    CLEANUP(text_free) char *folder = NULL;
    CLEANUP(lake_close) struct lake *lake = NULL;
    CLEANUP(link_free) struct link *link = NULL;
    struct lake_ops counting;
    struct lf_error err = {0};
    size_t frozen = 0;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: bench_commits FOLDER COMMITS KEEP_HOURS\n");
        return 2;
    }
    path = text_printf("%s/source.db", argv[1]);
    url = text_printf("sqlite:%s", path);
    folder = text_printf("%s/lake", argv[1]);
    must(lake_local_open(&(struct lake_local_options){.path = folder}, &lake, &err), &err);
    count_calls(lake, &counting);
    sqlite3 *db = open_database(path);
    struct clock clock = clock_system();
    clock.now_us = virtual_now_us;
    const struct link_options options = {.name = "bench",
                                         .connector = lakefeed_sqlite_connector(),
                                         .url = url,
                                         .lake = lake,
                                         .location = "bench",
                                         .track = true,
                                         .interval_ms = HOUR_US / 1000,
                                         .load_commit_ms = HOUR_US / 1000,
                                         .keep = 5,
                                         .keep_for_ms = strtoll(argv[3], NULL, 10) * (HOUR_US / 1000),
                                         .partition_bytes = (uint64_t)64 << 20,
                                         .chunk_rows = 1000000,
                                         .memory_bytes = (size_t)48 << 20,
                                         .spool_disk_bytes = (uint64_t)1 << 30,
                                         .scratch_folder = argv[1],
                                         .version = "bench",
                                         .clock = clock,
                                         .random = random_system()};
    link = link_new(&options);
    must(link_open(link, &err) && link_run_once(link, &frozen, &err), &err);
    run(link, db, strtoull(argv[2], NULL, 10));
    link_free(&link);
    (void)sqlite3_close(db);
    return 0;
}
