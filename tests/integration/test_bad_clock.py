# SPDX-License-Identifier: Apache-2.0
"""A time of day that jumps, by an hour or by years, forth and back, between runs and under a running daemon."""

import pathlib
import time

import pytest

import lake_reader
from faults import faults  # noqa: F401 (a fixture)
from world import wait_until

HOUR, YEARS = 3600, 10 * 365 * 24 * 3600
TABLES = [
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT)",
    "CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO a VALUES(1, 'x'), (2, 'y')",
    "INSERT INTO b VALUES(1, 'x')",
]


def csv_files(world):
    return {str(path.relative_to(world.lake)): path.read_bytes() for path in pathlib.Path(world.lake).rglob("*.csv")}


def commits(daemon):
    return [event for event in daemon.events() if event["event"] == "commit_done"]


@pytest.mark.parametrize("jump", [HOUR, -HOUR, YEARS, -YEARS])
def test_one_commit_with_a_wrong_clock_removes_nothing_that_readers_may_use(world, faults, jump):
    world.configure(keep=1, keep_for="30min")
    world.sql(*TABLES)
    world.track_once()
    for turn in range(3):
        world.sql(f"UPDATE a SET v = 'before {turn}'")
        world.once()
    before = csv_files(world)
    replaced = set(world.read().files) - set(world.read().entities["b"].files)
    faults.jump(jump)
    world.sql("UPDATE a SET v = 'in another time'")
    world.once(env=faults.env)
    world.assert_equal()
    for turn in range(4):
        world.sql(f"UPDATE a SET v = 'back again {turn}'")
        world.once()
        world.assert_equal()
        lake_reader.check_history(world.lake)
        gone = before.keys() - csv_files(world).keys()
        # What was replaced by a clock that is behind bears an old time, so it may go early; nothing else may.
        assert gone <= (replaced if jump < 0 else set()), gone
        assert turn > 0 or not gone, "one commit alone removes nothing"


def test_a_running_daemon_goes_on_over_every_jump_without_a_storm_of_commits(world, faults):
    world.configure(interval="1s", keep=3, keep_for="1h")
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    contents = {}
    began = time.monotonic()
    first = len(commits(daemon))
    for turn, offset in enumerate([HOUR, 0, -HOUR, YEARS, -YEARS, 0]):
        faults.jump(offset)
        world.sql(f"UPDATE a SET v = 'turn {turn}'", f"INSERT INTO b VALUES({turn + 10}, 'new')")
        world.wait_equal()
        for path, data in csv_files(world).items():
            assert contents.setdefault(path, data) == data, f"{path} was written twice"
        lake_reader.check_history(world.lake)
    quiet = len(commits(daemon))
    assert quiet - first <= time.monotonic() - began + 1, "at most one in a second"
    faults.jump(YEARS)
    world.sql("DELETE FROM b WHERE id > 10")
    wait_until(lambda: len(commits(daemon)) > quiet, "a commit")
    faults.jump(-YEARS)
    time.sleep(2.5)  # not for a result: an idle time in which nothing may happen
    assert len(commits(daemon)) == quiet + 1, "nothing has changed, so there is no commit"
    world.assert_equal()
    assert daemon.stop() == 0
    assert not [event for event in daemon.events() if event["level"] in ("warn", "error")]


def test_a_daemon_started_before_1980_or_after_2038_works(world, faults):
    for offset in (-46 * 365 * 24 * HOUR, 20 * 365 * 24 * HOUR):
        faults.jump(offset)
        if not world.db.exists():
            world.sql(*TABLES)
        world.sql(f"INSERT INTO a(v) VALUES('{offset}')")
        world.track_once(env=faults.env)
        world.assert_equal()
        lake_reader.check_history(world.lake)
    world.sql("INSERT INTO a(v) VALUES('now')")
    world.once()
    world.assert_equal()


def test_a_lake_written_in_the_future_is_kept_until_that_time_and_collected_after_it(world, faults):
    """A record of the future counts as young, however old the commits after it: too long is better than too short."""
    world.configure(keep=1, keep_for="30min")
    world.sql(*TABLES)
    faults.jump(YEARS)
    world.track_once(env=faults.env)
    for turn in range(4):
        world.sql(f"UPDATE a SET v = 'now {turn}'")
        world.once()
        lake_reader.check_history(world.lake)
    world.assert_equal()
    for turn in range(4):
        faults.jump(YEARS + HOUR * (turn + 1))
        world.sql(f"UPDATE a SET v = 'later {turn}'")
        world.once(env=faults.env)
        lake_reader.check_history(world.lake)
    world.assert_equal()
    assert len(list((world.lake / "a/Snapshot").iterdir())) <= 4, "what has expired for two commits is gone"
