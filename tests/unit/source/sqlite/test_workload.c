/* SPDX-License-Identifier: Apache-2.0
 *
 * Random statements of an application, in random transactions, polled at random moments; whenever the stream is drained
 * the followed rows are those of the tables. LAKEFEED_SEED repeats a run.
 */
#include "fixture.h"

#define BUDGET_MS 1500
#define STATEMENTS 400 /* on one database */

static const char schema[] =
    "PRAGMA foreign_keys=ON;"
    "CREATE TABLE p(id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'n0' UNIQUE);"
    "CREATE TABLE a(id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, u TEXT COLLATE "
    "NOCASE UNIQUE,"
    " v INT, on_ INT, g INT AS (v % 17));"
    "CREATE UNIQUE INDEX a1 ON a(v) WHERE on_ = 1; CREATE UNIQUE INDEX a2 ON a(abs(v) % 50, lower(u)); CREATE UNIQUE "
    "INDEX a3 ON a(g, on_);"
    "CREATE TABLE b(k TEXT COLLATE NOCASE PRIMARY KEY, u INT UNIQUE ON CONFLICT REPLACE, v REAL);"
    "CREATE TABLE c(x INT, y TEXT, v INT, PRIMARY KEY(y DESC, x), UNIQUE(v, x)) WITHOUT ROWID;"
    "CREATE TRIGGER app AFTER INSERT ON b WHEN NEW.u % 3 = 0 BEGIN UPDATE OR REPLACE b SET u = u + 1 WHERE k = NEW.k;"
    " INSERT OR REPLACE INTO c VALUES(NEW.u, NEW.k, NEW.u); END";

static const char *conflict(struct fixture *f)
{
    static const char *const words[] = {"OR REPLACE", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ROLLBACK", ""};
    return words[fixture_below(f, 6)];
}

static int number(struct fixture *f, int limit)
{
    return (int)fixture_below(f, (uint64_t)limit);
}

static char *text(struct fixture *f)
{
    static const char *const words[] = {"a", "A", "b", "B", "c", "d", "D", "e ", "e", ""};
    return (char *)(uintptr_t)words[number(f, 10)];
}

/* Two names that are the same in every statement would hide much, so both words and numbers are few. */
static char *statement(struct fixture *f)
{
    switch (number(f, 18)) {
    case 0:
        return sqlite3_mprintf("INSERT %s INTO p VALUES(%d,'n%d')", conflict(f), number(f, 8), number(f, 8));
    case 1:
        return sqlite3_mprintf("INSERT %s INTO p VALUES(%d,NULL)", conflict(f), number(f, 8));
    case 2:
        return sqlite3_mprintf("DELETE FROM p WHERE id=%d", number(f, 8));
    case 3:
        return sqlite3_mprintf("UPDATE %s p SET id=%d WHERE id=%d", conflict(f), number(f, 8), number(f, 8));
    case 4:
    case 5:
        return sqlite3_mprintf("INSERT %s INTO a(id,p,u,v,on_) VALUES(%d,%d,'%s',%d,%d)", conflict(f), number(f, 30),
                               number(f, 8), text(f), number(f, 40) - 20, number(f, 3));
    case 6:
        return sqlite3_mprintf("UPDATE %s a SET v=%d, on_=%d WHERE id<%d", conflict(f), number(f, 40), number(f, 2),
                               number(f, 30));
    case 7:
        return sqlite3_mprintf("UPDATE %s a SET id=id+%d, u=u||'%s'", conflict(f), number(f, 3), text(f));
    case 8:
        return sqlite3_mprintf("INSERT INTO a(id,u,v) VALUES(%d,'%s',1) ON CONFLICT(u) DO UPDATE SET v=v+1, id=%d",
                               number(f, 30), text(f), number(f, 30));
    case 9:
    case 10:
        return sqlite3_mprintf("INSERT %s INTO b VALUES('%s',%d,%d.5)", conflict(f), text(f), number(f, 12),
                               number(f, 5));
    case 11:
        return sqlite3_mprintf("REPLACE INTO b(rowid,k,u) VALUES(%d,'%s',%d)", number(f, 6), text(f), number(f, 12));
    case 12:
        return sqlite3_mprintf("UPDATE %s b SET k='%s' WHERE u=%d", conflict(f), text(f), number(f, 12));
    case 13:
        return sqlite3_mprintf("UPDATE %s b SET rowid=%d WHERE u=%d", conflict(f), number(f, 6), number(f, 12));
    case 14:
        return sqlite3_mprintf("INSERT %s INTO c VALUES(%d,'%s',%d)", conflict(f), number(f, 4), text(f), number(f, 4));
    case 15:
        return sqlite3_mprintf("UPDATE %s c SET x=%d, v=%d WHERE y='%s'", conflict(f), number(f, 4), number(f, 4),
                               text(f));
    case 16:
        return sqlite3_mprintf("DELETE FROM %s WHERE v%%2=%d", number(f, 2) ? "a" : "c", number(f, 2));
    default:
        return sqlite3_mprintf("INSERT %s INTO c SELECT u, k, u FROM b", conflict(f));
    }
}

static void transaction_step(struct fixture *f)
{
    static const char *const words[] = {"BEGIN",         "COMMIT",    "ROLLBACK", "SAVEPOINT s",
                                        "ROLLBACK TO s", "RELEASE s", "BEGIN",    "COMMIT"};
    (void)app_try(f, words[number(f, 8)]);
}

static void drain_and_compare(struct fixture *f)
{
    static const char *const tables[] = {"a", "b", "c", "p"};
    (void)app_try(f, "COMMIT");
    fixture_drain(f);
    for (size_t i = 0; i < 4; i++) {
        fixture_compare(f, tables[i]);
        assert_int_equal(follower_of(f, tables[i])->faults, 0);
    }
}

static void run_database(const char *mode, uint64_t seed)
{
    struct fixture f;
    fixture_make(&f, mode, schema);
    f.random = seed;
    fixture_follow(&f);
    for (int i = 0; i < STATEMENTS; i++) {
        char *sql = statement(&f);
        (void)app_try(&f, sql);
        sqlite3_free(sql);
        if (number(&f, 4) == 0) {
            transaction_step(&f);
        }
        if (number(&f, 6) == 0) {
            (void)fixture_step(&f);
        }
        if (number(&f, 20) == 0) {
            drain_and_compare(&f);
        }
    }
    drain_and_compare(&f);
    fixture_remove(&f);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void run_mode(const char *mode)
{
    const char *given = getenv("LAKEFEED_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000;
    int64_t until = now_ms() + BUDGET_MS;
    do {
        print_message("workload %s: LAKEFEED_SEED=%" PRIu64 "\n", mode, seed);
        run_database(mode, seed++);
    } while (given == NULL && now_ms() < until);
}

static void workload_when_wal_then_equal_to_the_tables(void **state)
{
    (void)state;
    run_mode("WAL");
}

static void workload_when_rollback_journal_then_equal_to_the_tables(void **state)
{
    (void)state;
    run_mode("DELETE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workload_when_wal_then_equal_to_the_tables),
        cmocka_unit_test(workload_when_rollback_journal_then_equal_to_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
