# SPDX-License-Identifier: Apache-2.0
"""A writer that sleeps in the middle of a commit while a second one commits to the same folder.

The lock of the folder forbids that. Here it is broken on purpose: the lock file is removed behind the sleeper's back,
as somebody who cleans up would, and the second process has a state directory of its own.
"""

import pytest

import lake_reader
from world import wait_until

POINTS_BEFORE = ["publish_start", "record_written", "before_model"]
POINTS_AFTER = ["after_model", "before_remove", "mid_remove"]


@pytest.fixture
def shop(world):
    world.configure(interval="1s", keep=1, keep_for="0s", partition_bytes="1KiB")
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
        *[("INSERT INTO t VALUES(?, ?)", (number, "x" * 60)) for number in range(100)],
        "CREATE TABLE u(id INTEGER PRIMARY KEY)",
        "INSERT INTO u VALUES(1)",
    )
    world.wal()
    world.track_once()
    for number in range(3):  # so that there are superseded files to remove
        world.sql(f"UPDATE t SET v = v || {number}")
        world.once()
    (world.lake / "t" / "Snapshot" / "p00000001_20200101T000000Z_0123456789abcdef-1.csv").write_bytes(
        b"1,\n"
    )  # a leftover that nobody names
    return world


def partition_files(shop):
    return set(shop.lake.glob("*/Snapshot/*.csv"))


def sleeper(shop, point):
    """A run --once that sleeps at the point, with changes in its hands. Gives the process and how to wake it."""
    wake = shop.folder / "wake"
    head, files = shop.head(), partition_files(shop)
    shop.sql("UPDATE t SET v = 'of the sleeper' WHERE id % 2 = 0", "INSERT INTO u VALUES(2)")
    daemon = shop.daemon("--once", env={"LAKEFEED_PAUSE_POINT": f"{point}={wake}"})
    if point in POINTS_AFTER:
        wait_until(lambda: shop.head() != head, "the sleeper's commit")
    else:
        wait_until(lambda: partition_files(shop) - files, "the sleeper's files")
    return daemon, wake.touch


def second_writer(shop, number):
    shop.sql(
        f"UPDATE t SET v = 'of the second {number}' WHERE id % 5 = {number}", f"INSERT INTO u VALUES({number + 10})"
    )
    shop.once(state=shop.folder / "second state")
    shop.assert_equal()


@pytest.mark.parametrize("point", POINTS_BEFORE + POINTS_AFTER)
def test_nothing_that_is_needed_is_deleted_or_overwritten(shop, point):
    daemon, wake = sleeper(shop, point)
    assert (
        shop.once(state=shop.folder / "second state", expect=4).status == 4
    ), "the lock holds as long as its file is there"
    (shop.lake / "_lakefeed" / "owner").unlink()
    for number in range(3):
        second_writer(shop, number)
    head = shop.head()
    wake()
    status = daemon.process.wait(timeout=30)
    if point in POINTS_BEFORE:
        assert status == 4, "a writer whose model.json was replaced is fenced"
        assert "fenced" in [event["event"] for event in daemon.events()]
    else:
        assert status == 0
    assert shop.head() == head
    lake_reader.check_history(shop.lake)
    shop.assert_equal()
    for number in range(3, 5):
        second_writer(shop, number)
    lake_reader.check_history(shop.lake)


def test_a_daemon_that_was_fenced_ends_with_4_and_the_second_goes_on(shop):
    wake = shop.folder / "wake"
    files = partition_files(shop)
    daemon = shop.daemon(env={"LAKEFEED_PAUSE_POINT": f"before_model={wake}"})
    daemon.wait_event("link_started")
    shop.sql("UPDATE t SET v = 'of the sleeper'")
    wait_until(lambda: partition_files(shop) - files, "the sleeper's files")
    (shop.lake / "_lakefeed" / "owner").unlink()
    second_writer(shop, 1)
    wake.touch()
    assert daemon.process.wait(timeout=30) == 4
    second_writer(shop, 2)
