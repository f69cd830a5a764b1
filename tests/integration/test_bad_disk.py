# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, failing or read-only below the lake, the state directory and the database, during a run."""

import re
import signal
import time

import pytest

import lake_reader
from faults import failure, faults, untouched  # noqa: F401 (a fixture)
from world import wait_until

TABLES = [
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT)",
    "CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO a VALUES(1, 'x'), (2, 'y')",
    "INSERT INTO b VALUES(1, 'x')",
]
CHANGE = ["INSERT INTO a VALUES(3, 'new')", "UPDATE b SET v = 'changed'"]
READERS = "make room or raise the quota; readers keep the last snapshot meanwhile"


def no_space_in_lake(world, what):
    return (
        f"no space left on the file system of the lake {re.escape(str(world.lake))} \\({what}; 0 MiB free\\): {READERS}"
    )


def folder_of(world, place):
    """Where the program has opened its files; of a whole tree, so that what is below counts too."""
    return {"lake": world.lake, "state": world.state, "source": world.folder}[place]


@pytest.mark.parametrize(
    "place, calls, what",
    [
        ("lake", "all", "create _lakefeed/tmp"),
        ("lake", "create", "create _lakefeed/tmp"),
        ("lake", "write", r"write a/Snapshot/p\d{8}_\w+-\d+\.csv"),
        ("lake", "truncate,write", r"write a/Snapshot/p\d{8}_\w+-\d+\.csv"),
        ("lake", "sync", r"sync a/Snapshot/p\d{8}_\w+-\d+\.csv"),
        ("lake", "rename", r"move a new file to a/Snapshot/p\d{8}_\w+-\d+\.csv"),
        ("state", "create", "make a temporary file in"),
        ("state", "write", "write"),
    ],
)
def test_a_full_disk_is_waited_for_reported_and_recovered_from(world, faults, place, calls, what):
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    head = world.head()
    with faults.standing(("ENOSPC", calls, folder_of(world, place))):
        world.sql(*CHANGE)
        told = daemon.wait_event("link_retry")
        assert daemon.process.poll() is None and world.head() == head
        lake_reader.check_history(world.lake)
    if place == "lake":
        wanted = "entity a: " + no_space_in_lake(world, what)
    else:
        folder = re.escape(str(world.state / "my_shop"))
        wanted = f"{what} {folder}: No space left on device \\(0 MiB free\\); make room or raise the quota"
    for event in told:
        assert event["kind"] == "TRANSIENT" and event["code"] == 28, event
        assert re.fullmatch(wanted, event["message"]), event["message"]
    world.wait_equal()
    assert daemon.stop() == 0
    assert not list((world.lake / "_lakefeed/tmp").iterdir()), "leftovers of failed writes"


@pytest.mark.parametrize("path", ["_lakefeed/history", "_lakefeed/commits", "model.json"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_commit_that_breaks_off_in_the_middle_leaves_the_old_snapshot_whole(world, faults, path, error):
    """The move to the last name fails: history, record, model.json itself."""
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    before = world.read().commit
    with faults.standing((error, "rename", world.lake / path)):
        world.sql(*CHANGE)
        faults.wait_fired(3)
        lake_reader.check_history(world.lake)
        assert world.read().commit == before
    world.wait_equal()
    lake_reader.check_history(world.lake)
    assert world.read().commit == before + 1, "the commit that was in doubt counts once"
    assert daemon.stop() == 0


def test_a_disk_that_is_full_during_the_first_load_loses_nothing(world, faults):
    world.configure(chunk_rows=100, partition_bytes="8KiB", load_commit="1s", interval="1s")
    world.sql(
        *TABLES, "CREATE TABLE big(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO big WITH RECURSIVE n(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, hex(randomblob(60)) FROM n"
    )
    with faults.standing(("ENOSPC", "write", world.lake / "big"), ("ENOSPC", "write", world.lake / "_lakefeed/tmp")):
        daemon = world.daemon("--track", env=faults.env)
        faults.wait_fired(3)
        daemon.wait_event("link_retry")
        world.sql(*CHANGE, "DELETE FROM big WHERE id % 3 = 0", "UPDATE big SET id = id + 100000 WHERE id < 50")
    world.wait_equal()
    assert daemon.stop() == 0


@pytest.mark.parametrize("place", ["lake", "state"])
def test_a_disk_that_fills_and_empties_again_and_again_under_writes_loses_nothing(world, faults, place, seed):
    world.configure(interval="1s", partition_bytes="4KiB", keep=2, keep_for="0s")
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    errors = ["ENOSPC", "EIO", "EDQUOT"]
    calls = ["write", "sync", "rename", "create", "mkdir", "all"]
    for turn in range(6):
        faults.forget()
        faults.begin((errors[(seed + turn) % 3], calls[(seed // 3 + turn) % 6], folder_of(world, place)))
        world.sql(
            f"INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
            f" SELECT {turn + 1} * 1000 + i, hex(randomblob(20)) FROM n",
            f"DELETE FROM a WHERE id % 7 = {turn}",
            f"UPDATE b SET v = 'turn {turn}'",
        )
        time.sleep(0.7)  # not for a result: the disk is bad for some time
        lake_reader.check_history(world.lake)
        faults.end()
        time.sleep(0.3)
    with faults.standing(("ENOSPC", "all", folder_of(world, place))):  # those before may have met nothing
        world.sql("UPDATE b SET v = 'once more'")
        faults.wait_fired()
    world.wait_equal()
    assert daemon.process.poll() is None and daemon.stop() == 0


@pytest.mark.parametrize(
    "place, calls, signal_number",
    [
        ("lake", "all", signal.SIGTERM),
        ("lake", "rename", signal.SIGINT),
        ("lake/_lakefeed/commits", "rename", signal.SIGTERM),
        ("lake/model.json", "rename", signal.SIGINT),
        ("lake/model.json", "rename", signal.SIGTERM),
        ("state", "all", signal.SIGTERM),
    ],
)
def test_a_signal_ends_a_daemon_that_waits_for_space(world, faults, place, calls, signal_number):
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    folder = world.state if place == "state" else world.lake / place.removeprefix("lake").lstrip("/")
    with faults.standing(("ENOSPC", calls, folder)):
        world.sql(*CHANGE)
        faults.wait_fired(1)
        assert daemon.stop(signal_number) == 0
        lake_reader.check_history(world.lake)
    world.once()
    world.assert_equal()


def test_a_signal_ends_a_daemon_that_cannot_open_its_lake(world, faults):
    world.sql(*TABLES)
    world.track_once()
    with faults.standing(("ENOSPC", "all", world.state)):
        daemon = world.daemon("--track", env=faults.env)
        daemon.wait_event("link_retry", count=2)
        assert daemon.stop() == 0
    assert not [event for event in daemon.events() if event["event"] == "link_failed"]


def test_once_gives_up_on_a_full_disk_with_status_1_and_the_next_one_goes_on(world, faults):
    world.sql(*TABLES)
    world.track_once()
    world.sql(*CHANGE)
    with faults.standing(("ENOSPC", "write", world.lake)), untouched(world.lake):
        result = world.once(expect=1, env=faults.env)
    kind, message = failure(result)
    assert kind == "TRANSIENT"
    what = r"write a/Snapshot/p\d{8}_\w+-\d+\.csv"
    assert re.fullmatch("entity a: " + no_space_in_lake(world, what), message), message
    world.once()
    world.assert_equal()


def test_once_gives_up_when_the_lake_is_full_from_the_start(world, faults):
    world.sql(*TABLES)
    with faults.standing(("ENOSPC", "all", world.folder)):
        result = world.lakefeed("run", *world.options(), "--track", "--once", expect=1, env=faults.env)
    assert result.err == (
        f"lakefeed: make the state directory {world.state}: No space left on device (0 MiB free); "
        "make room or raise the quota\n"
    ), result.err
    with faults.standing(("ENOSPC", "all", world.lake)):
        result = world.track_once(expect=1, env=faults.env)
    kind, message = failure(result)
    wanted = f"make the lake {re.escape(str(world.lake))}: No space left on device \\(\\d+ MiB free\\); "
    assert kind == "TRANSIENT" and re.fullmatch(wanted + "make room or raise the quota", message), message
    world.track_once()
    world.assert_equal()


def test_a_database_on_a_full_disk_is_waited_for(world, faults):
    """The change log and its pruning need room beside the application's own data."""
    world.sql(*TABLES)
    world.wal()
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    with faults.standing(("ENOSPC", "write", world.folder / "my shop.db-wal")):
        world.sql(*CHANGE)
        told = daemon.wait_event("ack_failed")
        assert told[0]["kind"] == "TRANSIENT"
        assert told[0]["message"] == (
            f"SQLite database {world.db} refused a statement: database or disk is full; "
            "make room on the disk of the database"
        ), told[0]["message"]
    world.sql("DELETE FROM a WHERE id = 1")
    world.wait_equal()
    log = "SELECT count(*) FROM lakefeed_log"
    wait_until(lambda: world.query(log)[0][0] == 1, "the log is pruned once there is room")
    assert daemon.stop() == 0


@pytest.mark.parametrize("error, text", [("EROFS", "Read-only file system"), ("EACCES", "Permission denied")])
def test_a_lake_that_becomes_read_only_is_waited_for(world, faults, error, text):
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    with faults.standing((error, "create,mkdir,rename", world.lake)):
        world.sql(*CHANGE)
        event = daemon.wait_event("link_retry")[0]
        assert daemon.process.poll() is None
    assert (event["kind"], event["message"]) == (
        "AUTH",
        f"entity a: create _lakefeed/tmp in the lake {world.lake}: {text}; "
        "give the user of this process the right to write there",
    )
    world.wait_equal()
    assert daemon.stop() == 0


def test_a_state_directory_that_becomes_read_only_is_waited_for(world, faults):
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    with faults.standing(("EROFS", "create", world.state)):
        world.sql(*CHANGE)
        event = daemon.wait_event("link_retry")[0]
        assert daemon.process.poll() is None
    assert (event["kind"], event["message"]) == (
        "AUTH",
        f"make a temporary file in {world.state}/my_shop: Read-only file system; "
        "give the user of this process the right to write there",
    )
    world.wait_equal()
    assert daemon.stop() == 0


def test_a_failing_disk_under_one_entity_keeps_the_others_at_one_position(world, faults):
    """A snapshot is of all entities or none: while one cannot be written, readers see the old state of all."""
    world.sql(*TABLES)
    daemon = world.daemon("--track", env=faults.env)
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    before = world.head()
    with faults.standing(("EIO", "rename", world.lake / "b")):
        world.sql(*CHANGE)
        event = daemon.wait_event("link_retry")[0]
        assert re.fullmatch(
            f"entity b: lake {re.escape(str(world.lake))}: move a new file to b/Snapshot/p[^ ]+csv: Input/output error",
            event["message"],
        )
        assert world.head() == before
    world.wait_equal()
    assert daemon.stop() == 0
