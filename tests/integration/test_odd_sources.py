# SPDX-License-Identifier: Apache-2.0
"""SQLite as it is found in the field: journal modes, bad files, bad values, tracking that was tampered with."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

import workload
from world import writers

TABLE = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')"]
OTHER = ["CREATE TABLE other(id INTEGER PRIMARY KEY)", "INSERT INTO other VALUES(1)"]


def assert_frozen(world, result, entity, *parts):
    reasons = [
        event["reason"] for event in result.events if event["event"] == "entity_frozen" and event["entity"] == entity
    ]
    assert len(reasons) == 1, result.err
    assert all(part in reasons[0] for part in parts), reasons[0]
    lake = world.read()
    assert lake.entities[entity].state == "Error" and lake.entities[entity].reason == reasons[0]
    assert all(other.state == "Completed" for name, other in lake.entities.items() if name != entity)


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
def test_a_daemon_follows_a_writer_in_each_journal_mode(world, mode, seed):
    workload.create(world.db)
    with contextlib.closing(world.connect()) as db:
        assert db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=4)
    with writers(world, seed, pause_ms=20):
        daemon.wait_event("commit_done", count=len(daemon.wait_event("commit_done")) + 1)
    world.wait_equal()
    assert daemon.stop() == 0


def test_recursive_triggers_double_nothing(world):
    world.sql("CREATE TABLE r(id INTEGER PRIMARY KEY, u INT UNIQUE)", "INSERT INTO r VALUES(1, 1), (2, 2), (3, 3)")
    world.track_once()
    with contextlib.closing(world.connect()) as db:
        db.execute("PRAGMA recursive_triggers = 1")
        db.execute("INSERT OR REPLACE INTO r VALUES(4, 2)")
        db.execute("UPDATE OR REPLACE r SET u = 3 WHERE id = 1")
    world.once()
    world.assert_equal()


def test_triggers_of_the_application_that_write_to_other_tables_are_followed(world):
    world.sql(
        *TABLE,
        "CREATE TABLE audit(n INTEGER PRIMARY KEY, what TEXT)",
        "CREATE TRIGGER app AFTER UPDATE ON t BEGIN INSERT INTO audit(what) VALUES(OLD.v || NEW.v);"
        " DELETE FROM t WHERE id = NEW.id + 1; END",
    )
    world.track_once()
    world.sql("UPDATE t SET v = 'y' WHERE id = 1")
    world.once()
    world.assert_equal()


def test_null_in_a_key_freezes_the_table_and_goes_when_it_is_mended(world):
    world.sql("CREATE TABLE n(k TEXT PRIMARY KEY, v TEXT)", "INSERT INTO n VALUES('a', 'x')", *OTHER)
    world.track_once()
    world.sql("INSERT INTO n VALUES(NULL, 'no key')", "INSERT INTO other VALUES(2)")
    assert_frozen(world, world.once(expect=1), "n", "NULL", "key")
    assert len(world.read().entities["other"].rows()) == 2
    world.sql("DELETE FROM n WHERE k IS NULL", "INSERT INTO n VALUES('b', 'y')")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize(
    "declared, value",
    [("INT", "'text'"), ("TEXT", "x'00'"), ("BLOB", "'text'"), ("REAL", "'text'"), ("", "7"), ("DATE", "'yesterday'")],
)
def test_a_key_of_another_storage_class_freezes_its_table(world, declared, value):
    world.sql(
        f"CREATE TABLE n(k {declared}, v TEXT, PRIMARY KEY(k)) WITHOUT ROWID",
        f"INSERT INTO n VALUES({value}, 'odd')",
        *OTHER,
    )
    assert_frozen(world, world.track_once(expect=1), "n", "k")


@pytest.mark.parametrize(
    "declared, value",
    [
        ("INT", "'text'"),
        ("INT", "1.5"),
        ("REAL", "'text'"),
        ("BOOLEAN", "2"),
        ("DATE", "'2024-02-30'"),
        ("DATETIME", "'noon'"),
        ("TIME", "'25:00:00'"),
        ("UUID", "'short'"),
        ("BLOB", "'text'"),
        ("TEXT", "x'ff'"),
        ("TEXT", "CAST(x'ff' AS TEXT)"),
        ("TEXT", "'a' || char(0) || 'b'"),
        ("DECIMAL(30,2)", "9007199254740993"),
    ],
)
def test_a_value_that_does_not_fit_comes_by_a_change_and_goes_again(world, declared, value):
    world.sql(f"CREATE TABLE n(k INTEGER PRIMARY KEY, v {declared})", "INSERT INTO n VALUES(1, NULL)", *OTHER)
    world.track_once()
    world.sql(f"INSERT INTO n VALUES(4711, {value})", "INSERT INTO other VALUES(2)")
    assert_frozen(world, world.once(expect=1), "n", "4711", "v")
    assert [row[0] for row in world.read().entities["n"].texts()] == ["1"]
    assert len(world.read().entities["other"].rows()) == 2
    world.sql("UPDATE n SET v = NULL WHERE k = 4711")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("shift", range(3))
def test_a_reason_is_always_text_however_long_what_it_names(world, shift):
    """It stands in model.json, so cutting it must not break a character."""
    table, column, value = "t" * shift + "日" * 120, "c" * shift + "語" * 120, "v" * shift + "🦆" * 100
    world.sql(f'CREATE TABLE "{table}"(k TEXT PRIMARY KEY, "{column}" INT)', *OTHER)
    world.track_once()
    world.sql((f'INSERT INTO "{table}" VALUES(?, ?)', (value, value)), "INSERT INTO other VALUES(2)")
    world.once(expect=1)
    lake = world.read()
    assert lake.of_table(table).state == "Error"
    assert len(lake.entities["other"].rows()) == 2


def test_dropped_triggers_are_noticed_and_nothing_is_lost(world):
    world.sql(*TABLE, *OTHER)
    world.track_once()
    names = [row[0] for row in world.query("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'")]
    world.sql(
        *[f"DROP TRIGGER {name}" for name in names], "INSERT INTO t VALUES(4, 'unseen')", "INSERT INTO other VALUES(2)"
    )
    result = world.once(expect=1)
    assert_frozen(world, result, "t", "track")
    world.track_once()
    world.assert_equal()


def test_a_unique_index_made_after_tracking_is_covered_or_noticed(world):
    """REPLACE through an index that came after the triggers deletes rows that these do not see."""
    world.sql("CREATE TABLE r(id INTEGER PRIMARY KEY, u INT)", "INSERT INTO r VALUES(1, 1), (2, 2), (3, 3)", *OTHER)
    world.track_once()
    world.sql("CREATE UNIQUE INDEX late ON r(u)", "INSERT OR REPLACE INTO r VALUES(9, 2)")
    world.once(expect=None)
    entity = world.read().entities["r"]
    if entity.state == "Completed":
        world.assert_equal()
    world.track_once()
    world.assert_equal()


def test_an_emptied_change_log_is_recognised(world):
    world.sql(*TABLE)
    world.track_once()
    head = world.head()
    world.sql("UPDATE t SET v = 'lost'", "DELETE FROM lakefeed_log")
    result = world.once(expect=5)
    assert world.head() == head
    assert "lakefeed" in result.events[-1]["message"]


def test_a_corrupt_file_fails_the_run_and_leaves_the_lake(world):
    world.sql(*TABLE, *[("INSERT INTO t VALUES(?, ?)", (number, "x" * 500)) for number in range(10, 400)])
    world.track_once()
    world.sql("UPDATE t SET v = 'y' || v")
    head = world.head()
    size = world.db.stat().st_size
    with open(world.db, "r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * (size - 4096))
    result = world.once(expect=None)
    assert result.status != 0 and world.head() == head
    assert "my shop.db" in result.events[-1]["message"] and "malformed" in result.events[-1]["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
def test_a_read_only_file_is_told(world):
    world.sql(*TABLE)
    world.db.chmod(0o444)
    result = world.track_once(expect=None)
    assert result.status != 0 and "my shop.db" in result.events[-1]["message"]


def test_a_lake_that_cannot_be_written_is_told_and_goes_on_afterwards(world):
    world.sql(*TABLE)
    world.lake.write_text("a file where the folder should be")
    result = world.track_once(expect=None)
    assert result.status in (1, 2) and "the lake" in result.events[-1]["message"]
    world.lake.unlink()
    world.track_once()
    world.assert_equal()


def test_a_locked_database_in_rollback_mode_is_waited_for(world):
    world.sql(*TABLE)
    world.track_once()
    with contextlib.closing(sqlite3.connect(world.db, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("INSERT INTO t VALUES(4, 'x')")
        daemon = world.daemon()
        daemon.wait_event("link_retry")
        db.execute("COMMIT")
    world.wait_equal()
    assert daemon.stop() == 0


def test_a_daemon_whose_lake_is_removed_says_so_or_makes_it_again(world):
    world.sql(*TABLE)
    world.wal()
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished")
    world.wait_equal()
    world.lake.rename(world.folder / "gone")
    world.sql("INSERT INTO t VALUES(4, 'x')")
    end = time.monotonic() + 3
    while time.monotonic() < end and daemon.process.poll() is None and not (world.lake / "model.json").exists():
        time.sleep(0.05)
    if daemon.process.poll() is None:
        daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(timeout=10)
    assert any(event["level"] in ("warn", "error") for event in daemon.events())
    world.once()
    world.assert_equal()
