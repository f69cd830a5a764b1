# SPDX-License-Identifier: Apache-2.0
"""A source that is missing, is no database, may not be used, is locked, or does not fit what was asked of it."""

import contextlib
import os
import signal

import pytest

from faults import as_user, failure, give_to_user, reasons, untouched
from world import wait_until

TABLES = [
    "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT)",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO customers VALUES(1, 'ann', 'secret'), (2, 'bob', 'secret')",
    "INSERT INTO orders VALUES(1, 'x')",
]


# --- tables ---


def test_a_table_without_a_key_is_refused_when_it_is_named_and_left_out_when_not(world):
    world.sql(*TABLES, "CREATE TABLE nokey(a, b)", "INSERT INTO nokey VALUES(1, 2)")
    reason = "it has no PRIMARY KEY, and VACUUM renumbers rowids; give it one"
    told = failure(world.track_once("--entities", "orders,nokey", expect=2))
    assert told == ("CONFIG", f"table nokey cannot be replicated: {reason}")
    result = world.track_once()
    skipped = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert skipped == {"nokey": reason}
    world.assert_equal()


def test_a_database_of_nothing_but_tables_without_a_key_is_refused(world):
    world.sql("CREATE TABLE nokey(a, b)")
    message = (
        "the source has no table that can be replicated; table nokey: it has no PRIMARY KEY, and VACUUM renumbers rowids; "
        "give it one"
    )
    assert failure(world.track_once(expect=2)) == ("CONFIG", message)
    world.sql("CREATE TABLE other(a, b)")
    assert failure(world.track_once(expect=2)) == ("CONFIG", f"{message} (and 1 more, which lakefeed check explains)")


def test_an_empty_database_is_refused(world):
    world.db.write_bytes(b"")
    assert failure(world.track_once(expect=2)) == ("CONFIG", "the source has no table, or none that this role may see")


def test_a_table_that_is_not_tracked_is_refused_with_the_command_to_paste(world):
    world.sql(*TABLES)
    message = (
        "changes of table {} are not tracked; nothing is installed in a source without being asked. "
        f"Add --track to this command, or run: lakefeed track --source 'sqlite:{world.db}'"
    )
    with untouched(world.folder / "my shop.db"):
        assert failure(world.once(expect=2)) == ("CONFIG", message.format("customers and others"))
        told = failure(world.once("--entities", "orders", expect=2))
    assert told == ("CONFIG", message.format("orders") + " --entities 'orders'")
    assert not world.query("SELECT 1 FROM sqlite_schema WHERE name LIKE 'lakefeed%'")
    world.lakefeed("track", "--source", f"sqlite:{world.db}", "--entities", "orders")
    result = world.once()
    skipped = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert skipped == {"customers": "its changes are not tracked; run lakefeed track"}
    world.assert_equal(["orders"])


def test_a_table_that_does_not_exist_is_refused_with_the_nearest(world):
    world.sql(*TABLES)
    told = failure(world.track_once("--entities", "custmers", expect=2))
    assert told == ("CONFIG", "there is no table custmers in the source; did you mean customers?")
    told = failure(world.track_once("--entities", "invoices", expect=2))
    assert told == ("CONFIG", "there is no table invoices in the source; correct the list of entities")


def test_an_entity_that_does_not_exist_is_not_resynced(world):
    world.sql(*TABLES)
    world.track_once()
    with untouched(world.lake):
        told = world.lakefeed("resync", "order", *world.options(), expect=2).err
    assert told == "lakefeed: there is no entity order in this link; lakefeed status shows their names\n"


@pytest.mark.parametrize(
    "column, hint", [("passwrd_hash", "did you mean password_hash?"), ("salary", 'correct the list "exclude"')]
)
def test_a_column_that_is_to_be_left_out_but_does_not_exist_is_refused_before_anything_is_copied(world, column, hint):
    world.sql(*TABLES)
    message = f"its configuration excludes the column {column}, which it does not have; {hint}"
    world.configure([{"table": "customers", "exclude": [column]}, "orders"])
    told = failure(world.track_once(expect=2))
    assert told == ("CONFIG", f"table customers cannot be replicated: {message}")
    assert not (world.lake / "model.json").exists()
    world.configure([{"table": "customers", "exclude": ["password_hash"]}, "orders"])
    world.track_once()
    names = [attribute.name for attribute in world.read().entities["customers"].attributes]
    assert names == ["id", "name"]


def test_a_column_left_out_that_is_renamed_freezes_its_table_and_does_not_show_it(world):
    """Its new name is not on the list: it would come into the lake with all its values."""
    world.sql(*TABLES)
    world.configure([{"table": "customers", "exclude": ["password_hash"]}, "orders"])
    world.track_once()
    daemon = world.daemon()
    daemon.wait_event("link_started")
    assert daemon.stop() == 0
    world.sql("ALTER TABLE customers RENAME COLUMN password_hash TO pw_hash", "INSERT INTO orders VALUES(2, 'y')")
    world.once(expect=1)
    lake = world.read()
    assert lake.entities["customers"].state == "Error"
    assert lake.entities["customers"].reason.startswith("its configuration excludes the column password_hash")
    assert len(lake.entities["orders"].texts()) == 2
    files = [path for path in world.lake.rglob("*.csv")]
    assert files and not any(b"secret" in path.read_bytes() for path in files)
    world.configure([{"table": "customers", "exclude": ["pw_hash"]}, "orders"])
    world.once()
    files = [path for path in world.lake.rglob("*.csv")]
    assert not any(b"secret" in path.read_bytes() for path in files)


def test_a_column_left_out_that_is_renamed_under_a_running_daemon_never_reaches_the_lake(world):
    world.sql(*TABLES)
    world.configure([{"table": "customers", "exclude": ["password_hash"]}, "orders"], interval="1s")
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.sql("ALTER TABLE customers RENAME COLUMN password_hash TO pw_hash", "INSERT INTO orders VALUES(2, 'y')")
    frozen = daemon.wait_event("entity_frozen")[0]
    assert frozen["entity"] == "customers" and "excludes the column password_hash" in frozen["reason"], frozen
    wait_until(lambda: len(world.read().entities["orders"].rows()) == 2, "the other table goes on")
    assert daemon.stop() == 0
    files = [path for path in world.lake.rglob("*.csv")]
    assert files and not any(b"secret" in path.read_bytes() for path in files)


# --- files ---


def put_no_database(world):
    world.db.write_bytes(b"this is no database, but it is long enough to be one\n" * 50)
    return (2, "CONFIG", "SQLite database {} refused a statement: file is not a database; "
            "check the path after sqlite: (an encrypted database cannot be read)")


def cut_database(world):
    world.db.write_bytes(world.db.read_bytes()[:5000])
    return (2, "CONFIG", "SQLite database {} refused a statement: database disk image is malformed; "
            "restore it or repair it (sqlite3 FILE .recover)")


def remove_database(world):
    world.db.unlink()
    return (1, "NOT_FOUND", "the SQLite database {} cannot be opened: No such file or directory; "
            "correct the path after sqlite:, or mount its file system")


def put_folder(world):
    world.db.unlink()
    world.db.mkdir()
    return (2, "CONFIG", "{} is not a file, so it is no SQLite database; correct the path after sqlite:")


def put_fifo(world):
    world.db.unlink()
    os.mkfifo(world.db)
    return (2, "CONFIG", "{} is not a file, so it is no SQLite database; correct the path after sqlite:")


DAMAGES = [put_no_database, cut_database, remove_database, put_folder, put_fifo]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_source_that_is_no_database_is_refused_and_the_lake_stays(world, damage):
    world.sql(*TABLES)
    world.track_once()
    copy = world.db.read_bytes()
    status, kind, message = damage(world)
    with untouched(world.lake):
        assert failure(world.once(expect=status)) == (kind, message.format(world.db))
    if world.db.is_dir():
        world.db.rmdir()
    else:
        world.db.unlink(missing_ok=True)
    world.db.write_bytes(copy)
    world.sql("INSERT INTO orders VALUES(2, 'y')")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_first_run_on_a_source_that_is_no_database_makes_nothing(world, damage):
    world.sql(*TABLES)
    status, kind, message = damage(world)
    assert failure(world.track_once(expect=status)) == (kind, message.format(world.db))
    assert not (world.lake / "model.json").exists()
    assert damage is not remove_database or not world.db.exists()


def test_a_daemon_waits_for_a_source_that_is_not_there_yet(world):
    daemon = world.daemon("--track")
    event = daemon.wait_event("link_retry")[0]
    assert (event["kind"], event["message"]) == (
        "NOT_FOUND",
        f"the SQLite database {world.db} cannot be opened: No such file or directory; "
        "correct the path after sqlite:, or mount its file system",
    )
    world.sql(*TABLES)
    world.wait_equal()
    assert daemon.stop() == 0


LOCKED = (
    "SQLite database {} refused a statement: database is locked; another process holds a lock: "
    "let its transaction end (fuser -v FILE shows who has the file open)"
)


def test_a_source_that_is_locked_for_long_is_given_up_by_once_and_waited_for_by_a_daemon(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("INSERT INTO orders VALUES(2, 'y')")
    with contextlib.closing(world.connect()) as db:
        db.execute("BEGIN EXCLUSIVE")
        with untouched(world.lake):
            result = world.once(expect=1)
        assert failure(result) == ("TRANSIENT", LOCKED.format(world.db))
        retries = [event["message"] for event in result.events if event["event"] == "link_retry"]
        assert set(retries) == {LOCKED.format(world.db)}
        daemon = world.daemon()
        daemon.wait_event("link_retry", count=2)
        db.execute("INSERT INTO orders VALUES(3, 'z')")
        db.execute("COMMIT")
    world.wait_equal()
    assert daemon.stop() == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_daemon_that_waits_for_a_lock_or_a_file(world, signal_number):
    waiting = world.daemon()
    waiting.wait_event("link_retry")
    assert waiting.stop(signal_number) == 0
    world.sql(*TABLES)
    world.track_once()
    with contextlib.closing(world.connect()) as db:
        db.execute("BEGIN EXCLUSIVE")
        waiting = world.daemon()
        waiting.wait_event("link_retry")
        assert waiting.stop(signal_number) == 0


# --- rights ---


@pytest.mark.parametrize(
    "what, mode, message",
    [
        (
            "file",
            0o444,
            "{} is read-only for this user; lakefeed keeps its change log in the database: "
            "give the user write access to the file and its folder",
        ),
        (
            "file",
            0,
            "SQLite database {} cannot be opened: unable to open database file; check the rights on the file and its "
            "folder (a write-ahead log needs a folder that can be written)",
        ),
        (
            "folder",
            0o555,
            "SQLite database {} could not be changed: attempt to write a readonly database; "
            "give the user write access to the file and its folder",
        ),
    ],
)
def test_a_source_without_rights_is_refused_and_the_lake_stays(world, what, mode, message):
    folder = world.folder / "data"
    folder.mkdir()
    world.db = folder / "shop.db"
    world.sql(*TABLES)
    world.track_once()
    world.sql("INSERT INTO orders VALUES(2, 'y')")
    give_to_user(world)
    path = world.db if what == "file" else folder
    before = path.stat().st_mode
    path.chmod(mode)
    with untouched(world.lake):
        result = as_user(world, "--once", expect=2)
    path.chmod(before)
    assert failure(result) == ("CONFIG", message.format(world.db))
    as_user(world, "--once")
    world.assert_equal()


def test_a_source_behind_a_folder_that_may_not_be_entered_is_refused(world):
    folder = world.folder / "data"
    folder.mkdir()
    world.db = folder / "shop.db"
    world.sql(*TABLES)
    world.track_once()
    give_to_user(world)
    folder.chmod(0)
    result = as_user(world, "--once", expect=1)
    folder.chmod(0o700)
    assert failure(result) == (
        "AUTH",
        f"the SQLite database {world.db} cannot be opened: Permission denied; "
        "give the user of this process access to its folders",
    )
    as_user(world, "--once")
    world.assert_equal()


def test_a_table_that_is_too_wide_for_a_query_is_left_out_and_the_others_go_on(world):
    """SQLite's own limit is below that of the readers, which the unit tests of schemas cover."""
    columns = ", ".join(f"c{number} TEXT" for number in range(1999))
    world.sql(*TABLES, f"CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns})", "INSERT INTO wide(id) VALUES(1)")
    reason = "it has 2000 columns, and SQLite gives at most 1999 of a row; leave 1 out (exclude)"
    result = world.track_once()
    skipped = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert skipped == {"wide": reason}
    world.assert_equal(["customers", "orders"])
    world.configure([{"table": "wide", "exclude": ["c1998"]}, "customers", "orders"])
    world.lakefeed("run", "-c", world.config, "--state-dir", world.state, "--track", "--once", "--takeover")
    assert len(world.read().entities["wide"].attributes) == 1999
    assert not reasons(result, "entity_frozen")
