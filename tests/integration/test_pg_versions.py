# SPDX-License-Identifier: Apache-2.0
"""What single versions of the server brought: each of them as somebody would use it in a table that is followed."""

import psycopg
import pytest

from postgres import need_version
from test_pg_slot import assert_resync_required, mend
from world import wait_until


def follow(pg, *statements):
    """By load and by stream."""
    pg.track_once()
    pg.assert_equal()
    pg.sql(*statements)
    pg.once()
    pg.assert_equal()
    pg.verify()


def test_a_publication_that_sends_generated_columns(pg):
    need_version(pg.server, 18, "publish_generated_columns, and virtual columns")
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, s int GENERATED ALWAYS AS (id * 2) STORED, n int,"
           " g int GENERATED ALWAYS AS (id * 3) VIRTUAL, v text)", "INSERT INTO t(id, v) VALUES(1, 'a'), (2, 'b')")  # fmt: skip
    follow(pg, "UPDATE t SET v = 'c' WHERE id = 1")
    pg.sql(f"ALTER PUBLICATION {pg.publication()} SET (publish_generated_columns = stored)", user="postgres")
    pg.sql("INSERT INTO t(id, n, v) VALUES(3, 7, 'd')", "UPDATE t SET n = 8 WHERE id = 2", "DELETE FROM t WHERE id = 1")
    pg.sql("ALTER TABLE t RENAME COLUMN n TO m", "ALTER TABLE t RENAME COLUMN v TO w",
           "INSERT INTO t(id, m, w) VALUES(4, 9, 'e')")  # fmt: skip
    pg.once()
    pg.assert_equal()
    assert pg.rows_of("t", "id", "m", "w") == [("2", "8", "b"), ("3", "7", "d"), ("4", "9", "e")]


def test_a_key_without_overlaps(pg):
    need_version(pg.server, 18, "temporal keys")
    pg.sql("CREATE EXTENSION btree_gist", user="postgres")
    pg.sql("CREATE TABLE t(id int, during daterange, v text, PRIMARY KEY (id, during WITHOUT OVERLAPS))",
           "INSERT INTO t VALUES(1, '[2024-01-01,2024-02-01)', 'a'), (1, '[2024-02-01,)', 'b'), (2, '(,)', 'c')")  # fmt: skip
    follow(pg, "UPDATE t SET v = 'd' WHERE id = 1", "UPDATE t SET during = '[2024-03-01,)' WHERE during = '[2024-02-01,)'",
           "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES(2, '[2025-01-01,2025-01-02)', 'e')")  # fmt: skip


def test_a_not_null_that_is_not_valid_makes_no_key(pg):
    need_version(pg.server, 18, "NOT NULL constraints that are not valid")
    pg.sql("CREATE TABLE t(id int, v text)", "CREATE UNIQUE INDEX i ON t(id)", "ALTER TABLE t REPLICA IDENTITY FULL",
           "INSERT INTO t VALUES(NULL, 'a'), (NULL, 'b'), (1, 'c')", "CREATE TABLE u(id int PRIMARY KEY)",
           "ALTER TABLE t ADD CONSTRAINT filled NOT NULL id NOT VALID")  # fmt: skip
    assert "no unique index over columns that are NOT NULL" in pg.track_once().out
    pg.sql("DELETE FROM t WHERE id IS NULL", "ALTER TABLE t VALIDATE CONSTRAINT filled",
           "ALTER TABLE t REPLICA IDENTITY USING INDEX i")  # fmt: skip
    follow(pg, "UPDATE t SET v = 'd'")


def test_a_partition_that_is_detached_concurrently(pg):
    """Also when the second half of it has not been done yet: then the server shows its rows no more, and takes them."""
    need_version(pg.server, 14, "DETACH CONCURRENTLY")
    pg.sql("CREATE TABLE t(id int PRIMARY KEY) PARTITION BY RANGE (id)",
           "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (10)",
           "CREATE TABLE b PARTITION OF t FOR VALUES FROM (10) TO (20)",
           "INSERT INTO t VALUES(1), (11)")  # fmt: skip
    follow(pg)
    with pg.connect() as reader, pg.connect() as other:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t")
        other.execute("SET statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            other.execute("ALTER TABLE t DETACH PARTITION a CONCURRENTLY")
    assert pg.query("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending") == [("a",)]
    follow(pg, "INSERT INTO a VALUES(3)", "INSERT INTO t VALUES(12)")
    pg.each("ALTER TABLE t DETACH PARTITION a FINALIZE")
    follow(pg, "INSERT INTO a VALUES(4)", "INSERT INTO t VALUES(13)")


def test_keys_where_nulls_are_equal(pg):
    need_version(pg.server, 15, "NULLS NOT DISTINCT")
    pg.sql("CREATE TABLE t(id int NOT NULL, v text, UNIQUE NULLS NOT DISTINCT (id))",
           "ALTER TABLE t REPLICA IDENTITY USING INDEX t_id_key",
           "INSERT INTO t VALUES(1, 'a')")  # fmt: skip
    follow(pg, "UPDATE t SET v = 'b'", "UPDATE t SET id = 2", "INSERT INTO t VALUES(1, 'c')")


def test_a_slot_that_rested_for_too_long_is_lost(own):
    need_version(own.server, 18, "idle_replication_slot_timeout")
    own.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t VALUES(1, 'a')")
    own.track_once()
    own.server.configure({"idle_replication_slot_timeout": "1s"})
    own.server.reload()

    def given_up():
        with own.admin() as db:
            db.execute("CHECKPOINT")
        return own.query("SELECT invalidation_reason FROM pg_replication_slots")[0][0]

    assert wait_until(given_up, "the server gives the slot up") == "idle_timeout"
    own.server.configure({"idle_replication_slot_timeout": "0"})
    own.server.reload()
    assert "idle_timeout" in assert_resync_required(own)
    mend(own)
