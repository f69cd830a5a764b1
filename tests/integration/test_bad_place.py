# SPDX-License-Identifier: Apache-2.0
"""A lake or a state directory that cannot be used, is somebody else's, or is swapped while the program runs."""

import os
import shutil
import signal

import pytest

from faults import NOBODY, as_user, failure, give_to_user, reasons, tree, untouched
from world import wait_until

TABLES = [
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT)",
    "CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO a VALUES(1, 'x'), (2, 'y')",
    "INSERT INTO b VALUES(1, 'x')",
]
ANOTHER = "or name another folder with --state-dir"
IN_THE_WAY = f"something else stands there: remove it, {ANOTHER}"
RIGHT = "give the user of this process the right to"
LINK = "a symbolic link stands in the way, and none is followed; put the real file or folder there"


def begin(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("INSERT INTO a VALUES(3, 'new')")


def command_failure(world, expect):
    """Before there is a link: the command itself says it."""
    with untouched(world.lake):
        result = world.once(expect=expect)
    return result.err.removeprefix("lakefeed: ").removesuffix("\n")


def recovers(world):
    world.once()
    world.assert_equal()


# --- the state directory ---


def test_a_state_directory_that_is_a_file_is_refused(world):
    begin(world)
    shutil.rmtree(world.state)
    world.state.write_text("mine")
    told = command_failure(world, 2)
    assert told == f"make the state directory {world.state}: Not a directory; {IN_THE_WAY}"
    assert world.state.read_text() == "mine"
    world.state.unlink()
    recovers(world)


def test_a_state_directory_that_is_a_dangling_link_is_refused(world):
    begin(world)
    shutil.rmtree(world.state)
    world.state.symlink_to(world.folder / "nowhere")
    told = command_failure(world, 2)
    assert told == f"make the state directory {world.state}: Not a directory; {IN_THE_WAY}"
    assert not (world.folder / "nowhere").exists()
    world.state.unlink()
    recovers(world)


def test_a_state_directory_that_is_a_link_to_a_folder_is_used(world):
    """As service managers make it."""
    begin(world)
    world.state.rename(world.folder / "real state")
    world.state.symlink_to(world.folder / "real state")
    recovers(world)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_state_directory_that_others_may_write_to_is_refused_and_left_as_it_is(world, mode):
    begin(world)
    world.state.chmod(mode)
    told = command_failure(world, 2)
    assert told == (
        f"others may write to the state directory {world.state} (mode {mode:04o}); run chmod 700 on it, {ANOTHER}"
    )
    assert world.state.stat().st_mode & 0o7777 == mode, "it may be a folder like /tmp"
    world.state.chmod(0o700)
    recovers(world)


def test_a_state_directory_that_is_made_is_closed_to_others(world):
    world.sql(*TABLES)
    old = os.umask(0)
    try:
        world.track_once()
    finally:
        os.umask(old)
    assert world.state.stat().st_mode & 0o7777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in world.state.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_directory_of_another_user_is_refused(world):
    begin(world)
    os.chown(world.state, NOBODY, NOBODY)
    told = command_failure(world, 2)
    assert told == (
        f"the state directory {world.state} belongs to the user with id {NOBODY}, this process runs as 0; "
        f"run it as that user, {ANOTHER}"
    )
    os.chown(world.state, 0, 0)
    recovers(world)


def test_a_link_in_the_place_of_a_lock_is_not_followed(world):
    begin(world)
    lock, victim = world.state / "my_shop.lock", world.folder / "victim"
    lock.unlink()
    lock.symlink_to(victim)
    with untouched(world.lake):
        told = failure(world.once(expect=2))
    assert told == ("CONFIG", f"open the lock {lock}: Too many levels of symbolic links; {IN_THE_WAY}")
    assert not victim.exists()
    lock.unlink()
    recovers(world)


def test_a_state_directory_that_cannot_be_made_is_refused_as_any_user(world):
    begin(world)
    shutil.rmtree(world.state)
    give_to_user(world)
    world.folder.chmod(0o555)
    result = as_user(world, "--once", expect=1)
    world.folder.chmod(0o755)
    assert result.err == (
        f"lakefeed: make the state directory {world.state}: Permission denied; {RIGHT} write there, {ANOTHER}\n"
    )
    as_user(world, "--once")
    world.assert_equal()


def test_a_state_directory_that_is_read_only_is_refused(world):
    begin(world)
    (world.state / "my_shop.lock").unlink()
    give_to_user(world)
    world.state.chmod(0o500)
    with untouched(world.lake):
        told = failure(as_user(world, "--once", expect=1))
    lock = world.state / "my_shop.lock"
    assert told == ("AUTH", f"open the lock {lock}: Permission denied; {RIGHT} write there, {ANOTHER}")
    world.state.chmod(0o700)
    (world.state / "my_shop").chmod(0o500)
    head = world.head()
    told = failure(as_user(world, "--once", expect=1))
    assert world.head() == head
    assert told == (
        "AUTH",
        f"make a temporary file in {world.state}/my_shop: Permission denied; {RIGHT} write there",
    )
    (world.state / "my_shop").chmod(0o700)
    as_user(world, "--once")
    world.assert_equal()


def test_a_state_directory_that_is_deleted_costs_nothing(world):
    begin(world)
    shutil.rmtree(world.state)
    recovers(world)


# --- a lake without rights ---


@pytest.mark.parametrize(
    "path, mode, status, kind, message",
    [
        (".", 0o555, 1, "AUTH", "move a new file to model.json in the lake {}: Permission denied; {} write there"),
        (".", 0, 1, "AUTH", "open the lake {}: Permission denied; {} read and write there"),
        ("model.json", 0, 2, "CONFIG", "open model.json in the lake {}: Permission denied; {} read it"),
        (
            "_lakefeed/tmp",
            0o555,
            1,
            "AUTH",
            "entity a: create _lakefeed/tmp in the lake {}: Permission denied; {} write there",
        ),
        (
            "_lakefeed/owner",
            0o444,
            1,
            "AUTH",
            "open the lock file _lakefeed/owner in the lake {}: Permission denied; {} write there",
        ),
    ],
)
def test_a_lake_without_rights_is_refused_and_stays_whole(world, path, mode, status, kind, message):
    begin(world)
    give_to_user(world)
    head = world.head()
    target = world.lake / path
    before = target.stat().st_mode
    target.chmod(mode)
    result = as_user(world, "--once", expect=status)
    target.chmod(before)
    assert failure(result) == (kind, message.format(world.lake, RIGHT))
    assert world.head() == head
    as_user(world, "--once")
    world.assert_equal()


def test_an_entity_folder_without_rights_holds_the_whole_snapshot_back(world):
    """All entities at one position, or none."""
    begin(world)
    world.sql("INSERT INTO b VALUES(2, 'y')")
    give_to_user(world)
    folder = world.lake / "a/Snapshot"
    folder.chmod(0o555)
    with untouched(world.lake / "b"), untouched(world.lake / "a"):
        kind, message = failure(as_user(world, "--once", expect=1))
    assert kind == "AUTH" and message.startswith("entity a: move a new file to a/Snapshot/p"), message
    assert message.endswith(f"in the lake {world.lake}: Permission denied; {RIGHT} write there")
    folder.chmod(0o755)
    as_user(world, "--once")
    world.assert_equal()


def test_a_partition_that_may_not_be_read_has_its_entity_loaded_again(world):
    begin(world)
    give_to_user(world)
    partition = next((world.lake / "a/Snapshot").iterdir())
    relative = partition.relative_to(world.lake)
    partition.chmod(0)
    result = as_user(world, "--once")
    assert reasons(result, "entity_reload") == {
        "a": f"partition {relative} cannot be used: open {relative} in the lake {world.lake}: Permission denied; "
        f"{RIGHT} read it"
    }
    world.assert_equal()


def test_a_lake_that_cannot_be_made_is_refused(world):
    world.sql(*TABLES)
    world.state.mkdir(mode=0o700)
    data = world.folder / "data"
    data.mkdir()
    world.lake = data / "lake"
    give_to_user(world)
    data.chmod(0o555)
    told = failure(as_user(world, "--track", "--once", expect=1))
    assert told == (
        "AUTH",
        f"make the lake {world.lake}: Permission denied; "
        "make the folder yourself and give it to the user of this process",
    )
    world.lake = world.folder / "missing" / "lake"
    kind, message = failure(as_user(world, "--track", "--once", expect=1))
    assert (kind, message) == (
        "NOT_FOUND",
        f"the lake {world.lake} cannot be made, because there is no folder {world.lake.parent}; make it first: "
        f"mkdir -p '{world.lake.parent}'",
    )


@pytest.mark.parametrize("how, text", [("file", "is not a folder; name another one"),
                                       ("link", "is a symbolic link; name the folder that it points to")])
def test_a_lake_that_is_no_folder_is_refused(world, how, text):
    world.sql(*TABLES)
    other = world.folder / "other"
    other.mkdir()
    if how == "file":
        world.lake.write_text("mine")
    else:
        world.lake.symlink_to(other)
    assert failure(world.track_once(expect=2)) == ("CONFIG", f"the lake {world.lake} {text}")
    assert not list(other.iterdir())
    world.lake.unlink()
    world.track_once()
    world.assert_equal()


# --- swapped while the daemon runs ---


@pytest.mark.parametrize("path", ["a", "a/Snapshot", "_lakefeed", "_lakefeed/tmp", "_lakefeed/commits"])
def test_a_folder_that_is_replaced_by_a_link_under_a_running_daemon_is_not_followed(world, path):
    world.sql(*TABLES)
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    folder, aside, outside = world.lake / path, world.folder / "aside", world.folder / "outside"
    shutil.copytree(folder, outside)
    folder.rename(aside)
    folder.symlink_to(outside)
    with untouched(outside):
        world.sql("INSERT INTO a VALUES(3, 'new')")
        wait_until(lambda: daemon.process.poll() is not None, "the daemon ends")
        world.once(expect=2)
    event = daemon.events()[-1]
    assert daemon.process.returncode == 2 and event["event"] == "link_failed" and event["kind"] == "CONFIG"
    assert str(world.lake) in event["message"] and event["message"].endswith(LINK), event["message"]
    folder.unlink()
    aside.rename(folder)
    recovers(world)


def test_a_lake_that_is_replaced_by_a_link_under_a_running_daemon_is_not_followed(world):
    world.sql(*TABLES)
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    aside, outside = world.folder / "aside", world.folder / "outside"
    shutil.copytree(world.lake, outside)
    model = (world.lake / "model.json").read_bytes()
    world.lake.rename(aside)
    world.lake.symlink_to(outside)
    with untouched(outside):
        world.sql("INSERT INTO a VALUES(3, 'new')")
        wait_until(lambda: daemon.process.poll() is not None, "the daemon ends")
    event = daemon.events()[-1]
    assert (daemon.process.returncode, event["kind"], event["message"]) == (
        2,
        "CONFIG",
        f"the folder of the lake {world.lake} was moved, replaced or removed; start again",
    )
    assert (aside / "model.json").read_bytes() == model
    world.lake.unlink()
    aside.rename(world.lake)
    recovers(world)


# --- two of them ---


def test_a_second_one_on_the_same_link_or_lake_is_refused_and_the_first_goes_on(world):
    world.sql(*TABLES)
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    pid = daemon.process.pid
    running = (
        f"another lakefeed process runs link my_shop (lock {world.state}/my_shop.lock); "
        "end that one first"
    )
    other_state, other_lake = world.folder / "state 2", world.folder / "lake 2"
    assert failure(world.once(expect=4)) == ("CONFLICT", running)
    assert failure(world.once(lake=other_lake, expect=4)) == ("CONFLICT", running)
    kind, message = failure(world.once(state=other_state, expect=4))
    assert kind == "CONFLICT" and message == (
        f"the lake {world.lake} is in use by pid {pid} on {os.uname().nodename}, link my_shop; "
        "only one process may write to it"
    )
    kind, message = failure(world.once("--name", "other", expect=4))
    assert kind == "CONFLICT" and message.startswith(f"the lake {world.lake} is in use by pid {pid} on "), message
    world.sql("INSERT INTO a VALUES(3, 'new')")
    world.wait_equal()
    assert world.query("SELECT link FROM lakefeed_consumer") == [("my_shop",)]
    assert daemon.stop() == 0


def test_a_second_daemon_waits_says_so_once_and_takes_over(world):
    world.sql(*TABLES)
    first = world.daemon("--track")
    first.wait_event("load_finished", count=2)
    second = world.daemon(state=world.folder / "state 2")
    event = second.wait_event("waiting_for_owner")[0]
    assert event["kind"] == "CONFLICT" and f"is in use by pid {first.process.pid} on" in event["message"]
    assert first.stop(signal.SIGINT) == 0
    second.wait_event("link_started")
    world.sql("INSERT INTO a VALUES(3, 'new')")
    world.wait_equal()
    assert len(second.wait_event("waiting_for_owner")) == 1
    assert second.stop() == 0


def test_a_second_daemon_that_waits_ends_at_a_signal(world):
    world.sql(*TABLES)
    first = world.daemon("--track")
    first.wait_event("load_finished", count=2)
    second = world.daemon()
    second.wait_event("waiting_for_owner")
    before = tree(world.lake)
    assert second.stop(signal.SIGINT) == 0
    assert tree(world.lake) == before
    assert first.stop() == 0
