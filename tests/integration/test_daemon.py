# SPDX-License-Identifier: Apache-2.0
"""The daemon: it follows writers, ends on request, shares with no second one; readers never see half a commit."""

import contextlib
import signal
import time

import pytest

import lake_reader
import workload
from world import STOP_S, Daemon, wait_until, writers

TABLE = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')"]


@pytest.fixture
def busy(world):
    workload.create(world.db)
    return world


def test_it_follows_writers_and_ends_within_ten_seconds(busy, seed):
    daemon = busy.daemon("--track")
    daemon.wait_event("load_finished", count=4)
    with writers(busy, seed, count=2):
        commits = len(daemon.wait_event("commit_done"))
        daemon.wait_event("commit_done", count=commits + 3)
    busy.wait_equal()
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < STOP_S
    assert daemon.events()[-1]["event"] == "link_stopped"
    busy.assert_equal()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_leaves_a_lake_from_which_the_next_run_goes_on(busy, seed, signal_number):
    daemon = busy.daemon("--track")
    with writers(busy, seed, pause_ms=0):
        daemon.wait_event("commit_done", count=3)
        began = time.monotonic()
        assert daemon.stop(signal_number) == 0
        assert time.monotonic() - began < STOP_S
    busy.once()
    busy.assert_equal()


def test_a_signal_during_the_first_load_ends_it(world):
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)"
        " INSERT INTO t SELECT i, hex(randomblob(20)) FROM n",
    )
    daemon = world.daemon("--track")
    daemon.wait_event("load_started")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < STOP_S
    world.once()
    assert world.query("SELECT count(*) FROM t")[0][0] == sum(
        partition.rows for partition in world.read().of_table("t").partitions
    )


def test_an_idle_daemon_makes_no_commits(world):
    world.sql(*TABLE)
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished")
    world.wait_equal()
    head, begin = world.head(), time.monotonic()
    while time.monotonic() - begin < 2.5:  # more than two intervals
        assert world.head() == head
        time.sleep(0.1)
    world.sql("INSERT INTO t VALUES(4, 'x')")
    world.wait_equal()
    assert daemon.stop() == 0


def test_it_waits_for_a_source_that_is_locked_and_never_blocks_a_wal_writer(busy):
    daemon = busy.daemon("--track")
    daemon.wait_event("load_finished", count=4)
    with contextlib.closing(busy.connect()) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("UPDATE account SET note = 'locked'")
        time.sleep(2.2)  # two intervals with the lock held
        assert daemon.process.poll() is None
        db.execute("COMMIT")
    busy.wait_equal()
    assert daemon.stop() == 0


def test_two_daemons_on_one_folder_one_goes_on_and_the_other_waits(world):
    world.sql(*TABLE)
    first = world.daemon("--track")
    first.wait_event("load_finished")
    second = world.daemon("--track", state=world.folder / "second state")
    second.wait_event("waiting_for_owner")
    assert world.once("--name", "third", state=world.folder / "third state", expect=4).status == 4
    world.sql("INSERT INTO t VALUES(4, 'x')")
    world.wait_equal()
    assert "link_started" not in [event["event"] for event in second.events()]
    first.kill()
    second.wait_event("link_started")
    world.sql("INSERT INTO t VALUES(5, 'second')")
    world.wait_equal()
    assert second.stop() == 0


def test_a_second_daemon_of_the_same_link_and_state_waits_too(world):
    world.sql(*TABLE)
    first = world.daemon("--track")
    first.wait_event("load_finished")
    second = world.daemon()
    second.wait_event("waiting_for_owner")
    assert world.once(expect=4).status == 4
    assert second.stop() == 0
    assert first.stop() == 0


def test_resync_loads_an_entity_again_with_and_without_a_daemon(world):
    world.sql(*TABLE, "CREATE TABLE other(id INTEGER PRIMARY KEY)", "INSERT INTO other VALUES(1)")
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    before = world.read()
    world.lakefeed("resync", *world.options(), "t")
    during = world.wait_equal()
    assert during.of_table("t").files != before.of_table("t").files
    assert daemon.stop() == 0
    world.sql("INSERT INTO other VALUES(2)")
    world.lakefeed("resync", *world.options(), "t")
    after = world.assert_equal()
    assert after.of_table("t").files != during.of_table("t").files
    assert world.lakefeed("resync", *world.options(), "nowhere", expect=2).status == 2


def test_five_kills_under_load_then_verify(busy, seed):
    with writers(busy, seed, count=2, pause_ms=10):
        busy.daemon("--track").wait_event("commit_done", count=2)
        for number in range(5):
            busy.daemons[-1].kill()
            daemon = busy.daemon("--track")
            daemon.wait_event("link_started")
            daemon.wait_event("commit_done", count=1 + number % 2)
        assert busy.verify().status == 0
    busy.wait_equal()
    assert daemon.stop() == 0
    busy.verify()


# --- readers ---


def snapshot_of(folder):
    """One model.json, and every file that it names."""
    lake = lake_reader.Lake(folder)
    return {name: entity.texts() for name, entity in lake.entities.items()}, lake


def assert_consistent(tables):
    accounts = [(int(row[0]), int(row[1])) for row in tables["account"]]
    transfers = [(int(row[1]), int(row[2]), int(row[3])) for row in tables["transfer"]]
    assert workload.is_consistent(accounts, transfers), f"{sorted(accounts)} after {len(transfers)} transfers"


def test_a_reader_in_a_tight_loop_sees_only_consistent_snapshots(busy, seed):
    daemon = busy.daemon("--track")
    daemon.wait_event("load_finished", count=4)
    commits, reads, end = set(), 0, time.monotonic() + 8
    with writers(busy, seed, count=2, pause_ms=2):
        while time.monotonic() < end:
            tables, lake = snapshot_of(busy.lake)
            if {entity.state for entity in lake.entities.values()} == {"Completed"}:
                assert_consistent(tables)
                commits.add(lake.commit)
                reads += 1
    print(f"{reads} reads of {len(commits)} commits")
    assert len(commits) >= 5 and reads > len(commits)
    assert daemon.stop() == 0
    for old in lake_reader.check_history(busy.lake):
        if all(entity.initial_state == "Completed" for entity in old.entities.values()):
            assert_consistent({name: entity.texts() for name, entity in old.entities.items()})


# --- the log ---


def test_each_line_of_the_log_is_one_object_with_the_named_members(busy, seed):
    daemon = busy.daemon("--track")
    daemon.wait_event("load_finished", count=4)
    with writers(busy, seed):
        daemon.wait_event("commit_done", count=4)
    daemon.stop()
    events = daemon.events()  # parse_events checks ts, level, event and link of each
    assert [event["event"] for event in events if event["event"] in ("link_started", "link_stopped")] == [
        "link_started",
        "link_stopped",
    ]
    assert {event["link"] for event in events} == {"my_shop"}
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    done = [event for event in events if event["event"] == "commit_done"]
    assert [event["commit"] for event in done] == list(range(1, len(done) + 1))
    assert len({event["run"] for event in events if "run" in event}) == 1


def test_text_from_data_is_escaped_in_the_log(world):
    name = 'new\nline "quoted" \u2028 \x07'
    world.sql(f'CREATE TABLE "{name.replace(chr(34), chr(34) * 2)}"(id INT, v)', *TABLE)
    result = world.track_once()
    assert name in [event.get("table") for event in result.events]


def test_two_links_of_one_configuration_run_side_by_side(world):
    second = world.folder / "second.db"
    world.sql(*TABLE)
    world.sql(*TABLE, "DELETE FROM t WHERE id > 1", db=second)
    lakes = [world.folder / "lake one", world.folder / "lake two"]
    world.lakes = set(lakes)
    config = world.folder / "lakefeed.json"
    links = ", ".join(
        f'{{"name": "link{number}", "source": {{"url": "sqlite:{db}"}}, "lake": {{"url": "file:{lake}"}}, '
        '"snapshot": {"interval": "1s"}}'
        for number, (db, lake) in enumerate(zip((world.db, second), lakes))
    )
    config.write_text(f'{{"version": 1, "links": [{links}]}}')
    world.lakefeed("run", "-c", config, "--state-dir", world.state, "--track", "--once")
    world.assert_equal(lake=lakes[0])
    world.assert_equal(lake=lakes[1], db=second)
    daemon = Daemon(
        [str(world.binary), "run", "-c", str(config), "--state-dir", str(world.state)], world.folder / "two links.log"
    )
    world.daemons.append(daemon)
    daemon.wait_event("link_started", count=2)
    world.sql("DROP TABLE t", db=second)
    world.sql("INSERT INTO t VALUES(4, 'x')")
    daemon.wait_event("entity_frozen", link="link1")
    wait_until(lambda: world.read(lakes[0]).of_table("t").texts()[-1][0] == "4", "the other link goes on")
    assert daemon.stop() == 0


def test_a_foreign_commit_fences_the_daemon_and_is_not_overwritten(world):
    world.sql(*TABLE)
    world.wal()
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished")
    world.wait_equal()
    mine = world.read().notes["lakefeed:commitId"]
    foreign = world.head().replace(mine.encode(), b"0" * len(mine))
    (world.lake / "model.json").write_bytes(foreign)
    world.damaged.add(world.lake)  # no history knows that commit
    world.sql("INSERT INTO t VALUES(4, 'x')")
    assert daemon.process.wait(timeout=20) == 4
    assert daemon.events()[-1]["event"] == "fenced"
    assert world.head() == foreign


def test_the_link_follows_many_small_transactions_exactly_once(world):
    """Counters: a change taken twice or left out shows in the sum."""
    world.sql(
        "CREATE TABLE counter(id INTEGER PRIMARY KEY, n INT)",
        *[f"INSERT INTO counter VALUES({n}, 0)" for n in range(10)],
    )
    world.wal()
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished")
    with contextlib.closing(world.connect()) as db:
        db.execute("PRAGMA synchronous = off")
        for number in range(3000):
            db.execute("UPDATE counter SET n = n + 1 WHERE id = ?", (number % 10,))
    lake = world.wait_equal()
    assert sum(int(row[1]) for row in lake.of_table("counter").texts()) == 3000
    assert daemon.stop() == 0
