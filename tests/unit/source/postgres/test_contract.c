/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the ABI, tried on a server.
 */
#include "server.h"

#include "fakes/connector_contract.h"
#include "source/postgres/postgres.h"

#include <inttypes.h>

static bool run_sql(void *context, char *sql)
{
    bool good = server_try(context, sql);
    free(sql);
    return good;
}

static bool create_table(void *context, const char *table)
{
    return run_sql(context, text_printf("CREATE TABLE %s(id int PRIMARY KEY, label text, note text)", table));
}

static bool create_refused(void *context, const char *table)
{
    return run_sql(context, text_printf("CREATE TABLE %s(label text)", table));
}

static bool begin(void *context)
{
    return run_sql(context, text_copy("BEGIN"));
}

static char *quote(PGconn *conn, const char *text)
{
    return text != NULL ? PQescapeLiteral(conn, text, strlen(text)) : NULL;
}

static bool insert(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    char *a = quote(context, label);
    char *b = quote(context, note);
    bool good = run_sql(
        context, text_printf("INSERT INTO %s VALUES(%" PRId64 ", %s, %s)", table, id, a, b != NULL ? b : "NULL"));
    PQfreemem(a);
    PQfreemem(b);
    return good;
}

static bool update(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    char *a = quote(context, label);
    char *b = quote(context, note);
    bool good = run_sql(context, text_printf("UPDATE %s SET label = %s, note = %s WHERE id = %" PRId64, table, a,
                                             b != NULL ? b : "NULL", id));
    PQfreemem(a);
    PQfreemem(b);
    return good;
}

static bool remove_row(void *context, const char *table, int64_t id)
{
    return run_sql(context, text_printf("DELETE FROM %s WHERE id = %" PRId64, table, id));
}

static bool move(void *context, const char *table, int64_t id, int64_t new_id)
{
    return run_sql(context, text_printf("UPDATE %s SET id = %" PRId64 " WHERE id = %" PRId64, table, new_id, id));
}

static bool commit(void *context)
{
    return run_sql(context, text_copy("COMMIT"));
}

static void rollback(void *context)
{
    (void)run_sql(context, text_copy("ROLLBACK"));
}

static void contract_when_used_then_kept(void **state)
{
    (void)state;
    struct server server;
    if (!server_make(&server, "")) {
        skip();
    }
    PGconn *app = server_connect(&server, "postgres");
    server_exec(app, "CREATE DATABASE other");
    PGconn *other = server_connect(&server, "other");
    server_exec(other, "CREATE TABLE t(id int PRIMARY KEY)");
    char *url = server_url(&server, "postgres");
    char *other_url = server_url(&server, "other");
    char *missing = server_url(&server, "missing");
    const struct contract_setup setup = {
        .connector = lakefeed_postgres_connector(),
        .url = url,
        .missing_url = missing,
        .other_url = other_url,
        .begins_at_end = true,
        .writer = {app, create_table, create_refused, begin, insert, update, remove_row, move, commit, rollback, NULL},
    };
    connector_contract_run(&setup);
    PQfinish(app);
    PQfinish(other);
    free(url);
    free(other_url);
    free(missing);
    server_remove(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contract_when_used_then_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
