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
22 a huge transaction                      test_pg_huge.py
24 order of changes of keys                test_pg_changes.py
"""

import random


def test_pitfall_2_a_cut_within_a_transaction_of_three_rows(pg, seed):
    """Whatever was received of it before the cut comes again as a whole, once."""
    dice = random.Random(seed)
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)")
    pg.track_once()
    proxy = pg.proxy()
    cuts = 0
    for number in range(8):
        with pg.connect() as db, db.cursor().copy("COPY t FROM STDIN") as copy:
            for row in range(3):
                copy.write_row((number * 3 + row, "v" * 20000))
        proxy.limit = dice.randrange(5000, 90000)
        assert pg.once(expect=None).status in (0, 1)
        cuts += proxy.limit is None
        proxy.limit = None
        count = sum(partition.rows for partition in pg.read().of_table("t").partitions)
        assert count % 3 == 0, count
    assert cuts > 0
    pg.once()
    pg.assert_equal()


def test_a_row_of_a_hundred_megabytes_in_a_load_freezes_its_table_alone(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
           "CREATE TABLE other(id int PRIMARY KEY)", "INSERT INTO t VALUES(1, repeat('x', 100000000))")  # fmt: skip
    pg.track_once(expect=1)
    pg.sql("INSERT INTO other VALUES(1)")
    pg.once(expect=1)
    lake = pg.read()
    assert lake.of_table("t").state == "Error" and "100000003 bytes" in lake.of_table("t").reason
    assert lake.of_table("other").texts() == [("1",)]
