# SPDX-License-Identifier: Apache-2.0
"""What followers of PostgreSQL are known to lose, each as a test; those that stand elsewhere are listed here.

 1 acknowledged before the commit          tests/crash/test_pg_kill_points.py; an advanced slot: test_pg_slot.py
 3 unchanged large values become NULL      test_pg_changes.py
 5 DDL that rewrites rows                  test_pg_ddl.py
 7 seam of load and stream                 test_pg_load.py
 8 a slot that is lost                     test_pg_slot.py
 9 failover to a server without the slot   test_pg_slot.py
10 an idle slot holds the log              test_pg_slot.py
13 two-phase commits                       test_pg_changes.py
14 the application broken by a publication test_pg_ddl.py
15 row security cuts the load              test_pg_load.py
16 the publication after the slot          test_pg_slot.py
18 settings of the session in the text     test_pg_types.py
19 partitions come and go                  test_pg_ddl.py
24 order of changes of keys                test_pg_changes.py
"""

import os
import random

import pytest

from world import wait_until

ANONYMOUS_MAX_KIB = 110 * 1024  # 48 MiB by default, the program itself, and what libpq holds of a message


def anonymous_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("RssAnon")), 0)


def test_pitfall_2_a_cut_within_a_transaction_of_three_rows(pg, seed):
    """Whatever was received of it before the cut comes again as a whole, once."""
    dice = random.Random(seed)
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)")
    pg.track_once()
    proxy = pg.proxy()
    for number in range(8):
        with pg.connect() as db, db.cursor().copy("COPY t FROM STDIN") as copy:
            for row in range(3):
                copy.write_row((number * 3 + row, "v" * 20000))
        proxy.limit = dice.randrange(5000, 90000)
        pg.once(expect=None)
        proxy.limit = None
        count = sum(partition.rows for partition in pg.read().of_table("t").partitions)
        assert count % 3 == 0, count
    pg.once()
    pg.assert_equal()


@pytest.mark.parametrize("kind", ["insert", "update", "delete"])
def test_pitfall_22_a_huge_transaction_needs_no_memory(pg, kind):
    rows = int(os.environ.get("LAKEFEED_HUGE_ROWS", "60000"))
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 100) i")
    if kind != "insert":
        pg.sql(f"INSERT INTO t SELECT i, repeat('x', 50) FROM generate_series(101, {rows}) i")
    daemon = pg.daemon("--track", interval="2s")
    daemon.wait_event("load_finished")
    statement = {"insert": f"INSERT INTO t SELECT i, repeat('x', 80) FROM generate_series(101, {rows}) i",
                 "update": "UPDATE t SET v = repeat('y', 60)", "delete": "DELETE FROM t WHERE id > 10"}[kind]  # fmt: skip
    commits = pg.read().commit
    pg.sql(statement)
    most = 0

    def committed():
        nonlocal most
        most = max(most, anonymous_kib(daemon.process.pid))
        return sum(part.rows for part in pg.read().of_table("t").partitions) == {"insert": rows, "update": rows,
                                                                               "delete": 10}[kind] and pg.read().commit > commits  # fmt: skip

    wait_until(committed, "the transaction is in the lake", seconds=90)
    assert most < ANONYMOUS_MAX_KIB, f"{most} KiB"
    wait_until(lambda: is_equal(pg), "equal")
    assert daemon.stop() == 0


def is_equal(world):
    try:
        return world.assert_equal()
    except AssertionError:
        return None


@pytest.mark.parametrize("how", ["load", "stream"])
def test_a_row_of_a_hundred_megabytes_freezes_its_table_alone(pg, how):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
           "CREATE TABLE other(id int PRIMARY KEY)")  # fmt: skip
    if how == "load":
        pg.sql("INSERT INTO t VALUES(1, repeat('x', 100000000))")
    pg.track_once(expect=1 if how == "load" else 0)
    pg.sql("INSERT INTO t VALUES(2, repeat('y', 100000000))", "INSERT INTO other VALUES(1)")
    pg.once(expect=1)
    lake = pg.read()
    assert lake.of_table("t").state == "Error", lake.of_table("t").state
    assert lake.of_table("other").texts() == [("1",)]


def test_many_tables(pg):
    count = 100
    pg.sql(*[f"CREATE TABLE t{number}(id int PRIMARY KEY, v text)" for number in range(count)])
    pg.sql(*[f"INSERT INTO t{number} VALUES(1, 'x'), (2, NULL)" for number in range(count)])
    pg.track_once()
    pg.sql(*[f"UPDATE t{number} SET v = 'y' WHERE id = 2" for number in range(0, count, 7)], "DELETE FROM t5")
    pg.once()
    pg.assert_equal()
