/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the ABI, tried on SQLite in both journal modes.
 */
#include "fixture.h"

#include "fakes/connector_contract.h"

static bool run_sql(void *context, char *sql)
{
    struct fixture *f = context;
    int rc = sqlite3_exec(f->app, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc == SQLITE_OK;
}

static bool create_table(void *context, const char *table)
{
    return run_sql(context,
                   sqlite3_mprintf("CREATE TABLE \"%w\"(id INTEGER PRIMARY KEY, label TEXT, note TEXT)", table));
}

static bool create_refused(void *context, const char *table)
{
    return run_sql(context, sqlite3_mprintf("CREATE TABLE \"%w\"(label TEXT)", table));
}

static bool begin(void *context)
{
    return run_sql(context, sqlite3_mprintf("BEGIN IMMEDIATE"));
}

static bool insert(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    return run_sql(context,
                   sqlite3_mprintf("INSERT INTO \"%w\" VALUES(%lld, %Q, %Q)", table, (long long)id, label, note));
}

static bool update(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    return run_sql(context, sqlite3_mprintf("UPDATE \"%w\" SET label = %Q, note = %Q WHERE id = %lld", table, label,
                                            note, (long long)id));
}

static bool remove_row(void *context, const char *table, int64_t id)
{
    return run_sql(context, sqlite3_mprintf("DELETE FROM \"%w\" WHERE id = %lld", table, (long long)id));
}

static bool move(void *context, const char *table, int64_t id, int64_t new_id)
{
    return run_sql(context, sqlite3_mprintf("UPDATE \"%w\" SET id = %lld WHERE id = %lld", table, (long long)new_id,
                                            (long long)id));
}

static bool commit(void *context)
{
    return run_sql(context, sqlite3_mprintf("COMMIT"));
}

static void rollback(void *context)
{
    (void)run_sql(context, sqlite3_mprintf("ROLLBACK"));
}

static void run_contract(const char *mode)
{
    struct fixture f, other;
    fixture_make(&f, mode, "");
    fixture_make(&other, mode, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    other.random = 77;
    fixture_track(&other);
    char *missing = text_printf("sqlite:%s/missing.db", f.folder);
    struct contract_setup setup = {
        .connector = lakefeed_sqlite_connector(),
        .url = f.url,
        .missing_url = missing,
        .other_url = other.url,
        .options = f.options,
        .noptions = f.noptions,
        .state_dir = f.folder,
        .writer = {&f, create_table, create_refused, begin, insert, update, remove_row, move, commit, rollback, NULL},
    };
    connector_contract_run(&setup);
    free(missing);
    fixture_remove(&f);
    fixture_remove(&other);
}

static void contract_when_wal_then_kept(void **state)
{
    (void)state;
    run_contract("WAL");
}

static void contract_when_rollback_journal_then_kept(void **state)
{
    (void)state;
    run_contract("DELETE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contract_when_wal_then_kept),
        cmocka_unit_test(contract_when_rollback_journal_then_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
