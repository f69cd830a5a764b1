/* SPDX-License-Identifier: Apache-2.0
 *
 * What SQLite alone costs, as the base of the ratios:
 *
 *   bench_sqlite read DATABASE TABLE         reads every cell of a table with sqlite3_step
 *   bench_sqlite insert DATABASE TABLE ROWS  inserts rows, 1,000 in a transaction; prints rows per second
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_PER_TRANSACTION 1000

static void must(sqlite3 *db, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE) {
        (void)fprintf(stderr, "bench_sqlite: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *format, const char *table)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf(format, table);
    must(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));
    sqlite3_free(sql);
    return stmt;
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Looks at a value in the way that its class asks for. */
static uint64_t take(sqlite3_stmt *stmt, int column)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL:
        return 0;
    case SQLITE_INTEGER:
        return (uint64_t)sqlite3_column_int64(stmt, column);
    case SQLITE_FLOAT:
        return (uint64_t)sqlite3_column_double(stmt, column);
    default: {
        const unsigned char *text = sqlite3_column_text(stmt, column);
        return text[0] + (uint64_t)sqlite3_column_bytes(stmt, column);
    }
    }
}

static void read_table(sqlite3 *db, const char *table)
{
    sqlite3_stmt *stmt = prepare(db, "SELECT * FROM \"%w\"", table);
    int width = sqlite3_column_count(stmt);
    uint64_t rows = 0;
    uint64_t sum = 0;
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < width; i++) {
            sum += take(stmt, i);
        }
        rows++;
    }
    must(db, rc);
    (void)sqlite3_finalize(stmt);
    (void)printf("%" PRIu64 " rows, sum %" PRIu64 "\n", rows, sum); /* so that nothing can be left out */
}

static void insert_rows(sqlite3 *db, const char *table, int64_t rows)
{
    sqlite3_stmt *stmt =
        prepare(db, "INSERT INTO \"%w\" VALUES(?1, ?1 %% 100000, 'customer ' || ?1, ?1 * 1.25)", table);
    double begin = now_s();
    for (int64_t i = 0; i < rows; i++) {
        if (i % ROWS_PER_TRANSACTION == 0) {
            must(db, sqlite3_exec(db, i == 0 ? "BEGIN" : "COMMIT; BEGIN", NULL, NULL, NULL));
        }
        must(db, sqlite3_bind_int64(stmt, 1, i));
        must(db, sqlite3_step(stmt));
        must(db, sqlite3_reset(stmt));
    }
    must(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    (void)printf("%.0f\n", (double)rows / (now_s() - begin));
    (void)sqlite3_finalize(stmt);
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    bool insert = argc == 5 && strcmp(argv[1], "insert") == 0;
    if (!insert && (argc != 4 || strcmp(argv[1], "read") != 0)) {
        (void)fprintf(stderr, "usage: bench_sqlite read DATABASE TABLE | insert DATABASE TABLE ROWS\n");
        return 2;
    }
    must(db, sqlite3_open_v2(argv[2], &db, insert ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, NULL));
    if (insert) {
        must(db, sqlite3_exec(db, "PRAGMA synchronous = normal", NULL, NULL, NULL));
        insert_rows(db, argv[3], strtoll(argv[4], NULL, 10));
    } else {
        read_table(db, argv[3]);
    }
    (void)sqlite3_close(db);
    return 0;
}
