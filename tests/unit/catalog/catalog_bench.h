/* SPDX-License-Identifier: Apache-2.0
 *
 * A catalog in a folder of its own, with a clock that the test sets and a log that it can read.
 */
#ifndef UNIT_CATALOG_BENCH_H
#define UNIT_CATALOG_BENCH_H

#include "base/buf.h"
#include "base/macros.h"
#include "catalog/catalog.h"
#include "fakes/temp_folder.h"

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS INT64_C(1700049604123) /* 2023-11-15T12:00:04Z */
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

struct bench {
    _Atomic int64_t now_ms;
    _Atomic int64_t monotonic_ms;
    char *folder;
    char *path;
    FILE *log_file;
    struct log *log;
    struct catalog *catalog;
};

static inline int64_t bench_now_us(void *context)
{
    return atomic_load(&((struct bench *)context)->now_ms) * 1000;
}

static inline int64_t bench_monotonic_us(void *context)
{
    return atomic_load(&((struct bench *)context)->monotonic_ms) * 1000;
}

static inline struct clock bench_clock(struct bench *bench)
{
    return (struct clock){.context = bench, .now_us = bench_now_us, .monotonic_us = bench_monotonic_us};
}

static inline struct catalog *bench_open_another(struct bench *bench, bool read_only)
{
    return catalog_open(&(struct catalog_options){
        .path = bench->path, .clock = bench_clock(bench), .log = bench->log, .read_only = read_only});
}

static inline void bench_open(struct bench *bench)
{
    bench->catalog = bench_open_another(bench, false);
}

static inline void bench_reopen(struct bench *bench)
{
    catalog_close(&bench->catalog);
    bench_open(bench);
}

/* Without a catalog yet. */
static inline void bench_init(struct bench *bench)
{
    *bench = (struct bench){.folder = temp_folder_make(), .log_file = tmpfile()};
    atomic_init(&bench->now_ms, START_MS);
    atomic_init(&bench->monotonic_ms, 5000);
    assert_non_null(bench->log_file);
    const struct clock clock = bench_clock(bench);
    bench->log = log_new(fileno(bench->log_file), LOG_HUMAN, LOG_INFO, &clock);
    bench->path = text_printf("%s/%s", bench->folder, CATALOG_FILE);
}

static inline void bench_done(struct bench *bench)
{
    catalog_close(&bench->catalog);
    log_free(&bench->log);
    (void)fclose(bench->log_file);
    temp_folder_remove(&bench->folder);
    text_free(&bench->path);
}

static inline void bench_wait(struct bench *bench, int64_t ms)
{
    atomic_fetch_add(&bench->now_ms, ms);
    atomic_fetch_add(&bench->monotonic_ms, ms);
}

/* How often the log has the text. */
static inline size_t bench_logged(struct bench *bench, const char *text)
{
    char line[4096];
    size_t count = 0;
    rewind(bench->log_file);
    while (fgets(line, sizeof line, bench->log_file) != NULL) {
        count += strstr(line, text) != NULL;
    }
    return count;
}

static inline void bench_fail_as(struct catalog *catalog, const char *link, const char *message)
{
    catalog_fail(catalog, &(struct catalog_failure){
                              .link = link, .phase = "feed", .kind = LF_TRANSIENT, .code = 5, .message = message});
}

static inline void bench_fail(struct bench *bench, const char *message)
{
    bench_fail_as(bench->catalog, "shop", message);
}

/* ---- what is listed ---- */

static inline void bench_add_message(void *context, const struct catalog_entry *entry)
{
    buf_printf(context, "%s*%llu ", entry->failure.message, (unsigned long long)entry->times);
}

/* The messages of all links, newest first, each with its count: "b*1 a*2 ". */
static inline const char *bench_messages_of(struct catalog *catalog, struct buf *out)
{
    struct lf_error err = {0};
    buf_reset(out);
    if (!catalog_failures(catalog, NULL, INT64_MIN, SIZE_MAX, bench_add_message, out, &err)) {
        buf_printf(out, "%s: %s", lf_error_kind_name(err.kind), err.msg);
    }
    return buf_text(out);
}

static inline const char *bench_messages(struct bench *bench, struct buf *out)
{
    return bench_messages_of(bench->catalog, out);
}

static inline void bench_add_operation(void *context, const struct catalog_operation *operation)
{
    buf_printf(context, "%s:%s:%s ", operation->link, operation->operation,
               operation->outcome != NULL ? operation->outcome : "-");
}

static inline const char *bench_operations(struct bench *bench, struct buf *out)
{
    struct lf_error err = {0};
    buf_reset(out);
    if (!catalog_operations(bench->catalog, NULL, INT64_MIN, SIZE_MAX, bench_add_operation, out, &err)) {
        buf_printf(out, "%s: %s", lf_error_kind_name(err.kind), err.msg);
    }
    return buf_text(out);
}

/* ---- the folder ---- */

static inline void bench_write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* How many names of the folder begin so. */
static inline size_t bench_count_files(struct bench *bench, const char *prefix)
{
    size_t count = 0;
    DIR *folder = opendir(bench->folder);
    assert_non_null(folder);
    for (const struct dirent *entry = NULL; (entry = readdir(folder)) != NULL;) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    (void)closedir(folder);
    return count;
}

/* Runs SQL behind the catalog's back. */
static inline void bench_execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

#endif
