# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point of a run that loads a table and merges changes, at the first, second, … passing."""

import pathlib
import re
import signal

import pytest

import lake_reader
from world import ROOT

NAME = re.compile(r'\btest_point\("([a-z_]+)"\)')
PASSINGS_MAX = 12
ROWS = 40


def points():
    """Those that every run can pass; test_policies.py dies where a quarantine file is written."""
    found = {name for path in pathlib.Path(ROOT, "src").rglob("*.c") for name in NAME.findall(path.read_text("utf-8"))}
    return sorted(found - {"quarantine_written"})


def change(world, number):
    """Changes of every kind, and a table that has to be loaded."""
    world.sql(
        f"UPDATE t SET v = 'round {number}' WHERE id % 3 = {number % 3}",
        f"DELETE FROM t WHERE id % 17 = {number % 17}",
        f"INSERT OR REPLACE INTO t VALUES({number + 100}, '{number}', {number % 5})",
        f"UPDATE OR REPLACE t SET id = id + 1000 WHERE id = {number}",
        f"CREATE TABLE late{number}(id INTEGER PRIMARY KEY, v TEXT)",
        f"INSERT INTO late{number} VALUES(1, 'x'), (2, NULL)",
        *([f"DROP TABLE late{number - 2}"] if number >= 2 else []),
    )


@pytest.fixture
def shop(world):
    world.configure(keep=1, keep_for="0s", partition_bytes="1KiB", chunk_rows=20)
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, u INT UNIQUE)",
        *[("INSERT INTO t VALUES(?, ?, ?)", (number, "x" * 60, number + 1000)) for number in range(ROWS)],
    )
    world.wal()
    return world


def assert_whole(world):
    if (world.lake / "model.json").exists():
        lake_reader.check_history(world.lake)


def compare(world):
    """The tables that are there; those dropped meanwhile stand frozen."""
    lake = world.read()
    db = lake_reader.open_source(world.db)
    for table in lake_reader.source_tables(db):
        entity = lake.of_table(table)
        assert entity.state == "Completed", (table, entity.state, entity.reason)
        lake_reader.compare_entity(entity, db)
    db.close()


def restart(world):
    world.track_once(expect=None)
    compare(world)
    assert_whole(world)


def test_there_are_points():
    assert {"before_model", "after_model", "before_remove", "mid_remove"} <= set(points())


@pytest.mark.parametrize("point", points())
def test_a_kill_there_loses_and_doubles_nothing(shop, point):
    fired = 0
    for number in range(3):  # so that there is something to remove
        change(shop, number)
        restart(shop)
    for passing in range(1, PASSINGS_MAX + 1):
        change(shop, passing + 2)
        result = shop.track_once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{passing}"})
        assert_whole(shop)
        if result.status != -signal.SIGKILL:
            break
        fired += 1
        restart(shop)
    assert fired > 0, f"{point} was never passed"


@pytest.mark.parametrize("point", points())
def test_a_kill_in_the_first_run_is_recovered_from(shop, point):
    for passing in range(1, PASSINGS_MAX + 1):
        result = shop.track_once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{passing}"})
        assert_whole(shop)
        if result.status != -signal.SIGKILL:
            break
        shop.sql(f"INSERT INTO t VALUES({passing + 5000}, 'between two runs', NULL)")
    restart(shop)
    files = {str(path.relative_to(shop.lake)) for path in shop.lake.glob("*/Snapshot/*")}
    shop.sql("UPDATE t SET v = 'once more'")
    restart(shop)
    shop.sql("UPDATE t SET v = 'and again'")
    restart(shop)
    left = {str(path.relative_to(shop.lake)) for path in shop.lake.glob("*/Snapshot/*")}
    assert not files & left, "files of killed runs are never collected"
