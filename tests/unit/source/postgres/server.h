/* SPDX-License-Identifier: Apache-2.0
 *
 * A PostgreSQL server of the test's own, in a folder of its own, reached by a socket in that folder. It refuses to run as root, so
 * as root it runs as the user postgres.
 */
#ifndef UNIT_SOURCE_POSTGRES_SERVER_H
#define UNIT_SOURCE_POSTGRES_SERVER_H

#include "base/buf.h"
#include "lakefeed/connector.h"

#include <glob.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER_PORT "5432" /* only names the socket */

struct server {
    char folder[64];
    char bin[256]; /* where initdb and pg_ctl are; empty: not installed */
    bool running;
};

/* The last installed version, or the one in the folder that LAKEFEED_POSTGRES_BIN names. */
static inline bool server_find(struct server *s)
{
    const char *chosen = getenv("LAKEFEED_POSTGRES_BIN"); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (chosen != NULL) {
        assert_true((size_t)snprintf(s->bin, sizeof s->bin, "%s", chosen) < sizeof s->bin);
        return true;
    }
    glob_t found = {0};
    if (glob("/usr/lib/postgresql/*/bin/pg_ctl", 0, NULL, &found) == 0) {
        const char *last = found.gl_pathv[found.gl_pathc - 1];
        (void)snprintf(s->bin, sizeof s->bin, "%.*s", (int)(strlen(last) - strlen("/pg_ctl")), last);
    }
    globfree(&found);
    return s->bin[0] != '\0';
}

/* A folder that was chosen may lack the programs for repairs. */
static inline bool server_has(const struct server *s, const char *program)
{
    char *path = text_printf("%s/%s", s->bin, program);
    bool has = access(path, X_OK) == 0;
    free(path);
    return has;
}

/* Runs a program of the server; its output goes to a file in the folder. */
static inline bool server_run(const struct server *s, const char *arguments)
{
    char *command = text_printf("%s%s/%s >> %s/output 2>&1 < /dev/null",
                                geteuid() == 0 ? "runuser -u postgres -- " : "", s->bin, arguments, s->folder);
    int status = system(command); /* NOLINT: a fixed command of the test */
    free(command);
    return status == 0;
}

static inline void server_start(struct server *s)
{
    char *arguments = text_printf("pg_ctl -D %s/data -w -t 60 -l %s/log start", s->folder, s->folder);
    assert_true(server_run(s, arguments));
    free(arguments);
    s->running = true;
}

static inline void server_stop(struct server *s, const char *mode)
{
    char *arguments = text_printf("pg_ctl -D %s/data -w -t 60 -m %s stop", s->folder, mode);
    (void)server_run(s, arguments);
    free(arguments);
    s->running = false;
}

/* False, with the reason printed, where PostgreSQL is not installed. `settings` are lines of postgresql.conf. */
static inline bool server_make(struct server *s, const char *settings)
{
    *s = (struct server){.folder = "/tmp/lakefeed-unit-pg-XXXXXX"};
    if (!server_find(s)) {
        print_message("skipped: there is no /usr/lib/postgresql/*/bin/pg_ctl; install the package postgresql\n");
        return false;
    }
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(chmod(s->folder, 0777), 0);
    char *arguments =
        text_printf("initdb -D %s/data -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8", s->folder);
    assert_true(server_run(s, arguments));
    free(arguments);
    char *path = text_printf("%s/data/postgresql.conf", s->folder);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    (void)fprintf(file,
                  "listen_addresses = ''\nunix_socket_directories = '%s'\nport = " SERVER_PORT "\nwal_level = logical\n"
                  "fsync = off\nautovacuum = off\n%s\n",
                  s->folder, settings);
    (void)fclose(file);
    free(path);
    server_start(s);
    return true;
}

static inline void server_remove(struct server *s)
{
    if (s->running) {
        server_stop(s, "immediate");
    }
    char *command = text_printf("rm -rf %s", s->folder);
    (void)!system(command); /* NOLINT: a fixed command of the test */
    free(command);
}

/* The caller's to free. */
static inline char *server_url(const struct server *s, const char *database)
{
    return text_printf("postgresql://postgres@/%s?host=%s&port=" SERVER_PORT, database, s->folder);
}

static inline PGconn *server_connect(const struct server *s, const char *database)
{
    char *url = server_url(s, database);
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    free(url);
    return conn;
}

static inline bool server_try(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static inline void server_exec(PGconn *conn, const char *sql)
{
    if (!server_try(conn, sql)) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
}

/* The first field of the first row; the caller's to free. */
static inline char *server_ask(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    char *text = text_copy(PQgetvalue(result, 0, 0));
    PQclear(result);
    return text;
}

/* ---- a host for sessions ---- */

static inline int64_t server_now(void *context)
{
    (void)context;
    return INT64_C(1714521600000000);
}

static inline bool server_random(void *context, void *ret_bytes, size_t len)
{
    (void)context;
    memset(ret_bytes, 7, len);
    return true;
}

static inline void server_log(void *context, const char *level, const char *event, const char *text)
{
    (void)context;
    (void)level;
    (void)event;
    (void)text;
}

static inline const struct lf_host *server_host(void)
{
    static const struct lf_host host = {.now_us = server_now, .random = server_random, .log = server_log};
    return &host;
}

#endif
