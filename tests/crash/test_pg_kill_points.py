# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the named points of a commit while PostgreSQL is followed: nothing is confirmed before the lake has it."""

import signal

import pytest

POINTS = ["publish_start", "record_written", "before_model", "after_model", "before_remove", "mid_remove"]
ROUNDS = 3


@pytest.fixture
def shop(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text, big text)", "ALTER TABLE t ALTER big SET STORAGE EXTERNAL",
           "INSERT INTO t SELECT i, 'x', repeat('b', 3000) FROM generate_series(1, 30) i")  # fmt: skip
    pg.configure(keep=1, keep_for="0s", partition_bytes="4KiB")
    pg.track_once()
    return pg


def change(pg, number):
    """Transactions of one to three rows."""
    pg.sql(f"INSERT INTO t VALUES({100 + number}, 'n', 'small')")
    first = 1 + number % 20
    pg.sql(f"UPDATE t SET v = 'u{number}' WHERE id = {first}", f"UPDATE t SET id = -id WHERE id = {first + 1}")
    pg.sql(f"DELETE FROM t WHERE id = {90 + number}", f"INSERT INTO t VALUES({200 + number}, 'n')",
           f"UPDATE t SET v = v || '.' WHERE id = {100 + number}")  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_pitfall_1_a_kill_there_confirms_nothing_too_early(shop, point):
    fired = 0
    for number in range(ROUNDS):
        change(shop, 2 * number)
        result = shop.once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{1 + number % 2}"})
        fired += result.status == -signal.SIGKILL
        shop.assert_confirmed_is_committed()
        change(shop, 2 * number + 1)
        shop.once()
        shop.assert_equal()
        shop.assert_confirmed_is_committed()
    assert fired > 0, f"{point} was never passed"
    assert len(shop.slots()) == 1


@pytest.mark.parametrize("point", POINTS[:4])
def test_a_kill_in_the_first_run_is_recovered_from(pg, point):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY)", "INSERT INTO t VALUES(1), (2)")
    fired = 0
    for passing in range(1, 4):
        result = pg.track_once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{passing}"})
        fired += result.status == -signal.SIGKILL
        pg.sql(f"INSERT INTO t VALUES({passing + 10})")
    assert fired > 0, f"{point} was never passed"
    pg.track_once()
    pg.assert_equal()
    assert len(pg.slots()) == 1
