/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading tables costs at least: a bare libpq loop that drops what it gets.
 *
 *   bench_postgres_copy URL STATEMENT…
 *
 * Each statement is a COPY … TO STDOUT; they run at the same time, each on a connection and a thread of its own.
 */
#include "base/macros.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define COPIES_MAX 8

struct copy {
    const char *url, *statement;
    pthread_t thread;
    int64_t rows, bytes;
};

static void fail(const char *text)
{
    (void)fprintf(stderr, "bench_postgres_copy: %s\n", text);
    exit(1);
}

static void *read_copy(void *context)
{
    struct copy *copy = context;
    PGconn *conn = PQconnectdb(copy->url);
    PGresult *result = PQexec(conn, copy->statement);
    if (PQresultStatus(result) != PGRES_COPY_OUT) {
        fail(PQerrorMessage(conn));
    }
    PQclear(result);
    char *line = NULL;
    int len = 0;
    while ((len = PQgetCopyData(conn, &line, 0)) > 0) {
        copy->rows++;
        copy->bytes += len;
        PQfreemem(line);
    }
    result = PQgetResult(conn);
    if (len != -1 || PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail(PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
    return NULL;
}

int main(int argc, char **argv)
{
    struct copy copies[COPIES_MAX] = {0};
    size_t count = argc > 2 ? (size_t)argc - 2 : 0;
    int64_t rows = 0, bytes = 0;
    if (count == 0 || count > ARRAY_LEN(copies)) {
        fail("usage: bench_postgres_copy URL STATEMENT…");
    }
    for (size_t i = 0; i < count; i++) {
        copies[i].url = argv[1];
        copies[i].statement = argv[i + 2];
        if (pthread_create(&copies[i].thread, NULL, read_copy, &copies[i]) != 0) {
            fail("no thread can be made");
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(copies[i].thread, NULL);
        rows += copies[i].rows;
        bytes += copies[i].bytes;
    }
    (void)printf("{\"rows\": %" PRId64 ", \"bytes\": %" PRId64 "}\n", rows, bytes);
    return 0;
}
