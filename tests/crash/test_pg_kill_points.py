# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the named points of a commit while PostgreSQL is followed: nothing is confirmed before the lake has it."""

import re
import signal

import pytest

from world import wait_until

POINTS = ["publish_start", "record_written", "before_model", "after_model", "before_remove", "mid_remove"]
ROUNDS = 3


@pytest.fixture
def shop(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text, big text)", "ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
           "INSERT INTO t SELECT i, 'x', repeat('b', 3000) FROM generate_series(1, 30) i")  # fmt: skip
    pg.configure(keep=1, keep_for="0s", partition_bytes="4KiB")
    pg.lakefeed("run", *pg.options(), "--track", "--once")
    return pg


def change(pg, number):
    """Transactions of one to three rows."""
    pg.sql(f"INSERT INTO t VALUES({100 + number}, 'n', 'small')")
    pg.sql(f"UPDATE t SET v = 'u{number}' WHERE id = {1 + number % 20}", f"UPDATE t SET id = -id WHERE id = {2 + number % 20}")
    pg.sql(f"DELETE FROM t WHERE id = {90 + number}", f"INSERT INTO t VALUES({200 + number}, 'n')",
           f"UPDATE t SET v = v || '.' WHERE id = {100 + number}")  # fmt: skip


def assert_behind(pg):
    """The slot does not stand beyond the cursor of the lake."""
    wait_until(lambda: not pg.query("SELECT 1 FROM pg_replication_slots WHERE active AND database = %s", pg.db), "it is free")
    slot = pg.query("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE database = %s", pg.db)[0][0]
    cursor = re.search(r"[0-9A-F]+/[0-9A-F]+", pg.status()["cursor"])[0]
    assert pg.query("SELECT %s::pg_lsn <= %s::pg_lsn", slot, cursor) == [(True,)], (slot, cursor)


@pytest.mark.parametrize("point", POINTS)
def test_pitfall_1_a_kill_there_confirms_nothing_too_early(shop, point):
    fired = 0
    for number in range(ROUNDS):
        change(shop, 2 * number)
        result = shop.once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{1 + number % 2}"})
        fired += result.status == -signal.SIGKILL
        assert_behind(shop)
        change(shop, 2 * number + 1)
        shop.once()
        shop.assert_equal()
        assert_behind(shop)
    assert fired > 0, f"{point} was never passed"
    assert len(shop.slots()) == 1


@pytest.mark.parametrize("point", POINTS[:4])
def test_a_kill_in_the_first_run_is_recovered_from(pg, point):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")
    for passing in range(1, 4):
        pg.track_once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{passing}"})
        pg.sql(f"INSERT INTO t VALUES({passing + 10})")
    pg.track_once()
    pg.assert_equal()
    assert len(pg.slots()) == 1
