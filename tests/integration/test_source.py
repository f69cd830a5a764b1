# SPDX-License-Identifier: Apache-2.0
"""Who owns the source's log, and what happens when source, lake or state are not what they were."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from world import World

TABLE = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')"]


@pytest.fixture
def shop(world):
    world.sql(*TABLE)
    world.track_once()
    world.assert_equal()
    return world


def write_configuration(world, name, url):
    """Of one link that follows the table t."""
    link = {"name": "shop", "source": {"url": url}, "lake": {"url": f"file:{world.lake}"}, "entities": ["t"]}
    world.config = world.folder / name
    world.config.write_text(json.dumps({"version": 1, "links": [link]}))


# --- tracking ---


def paste(world, command, env=None):
    """What a user does: the command as printed, in a shell in which lakefeed is installed."""
    path = world.folder / "bin"
    path.mkdir(exist_ok=True)
    if not (path / "lakefeed").exists():
        (path / "lakefeed").symlink_to(world.binary)
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}", **(env or {})},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["my shop.db", "it's mine.db", "a $HOME `x` \"y\".db"])
def test_untracked_is_refused_with_a_command_that_works(world, name):
    world.db = world.folder / name
    world.sql(*TABLE)
    before = world.query("SELECT * FROM sqlite_schema")
    result = world.once(expect=2)
    assert world.query("SELECT * FROM sqlite_schema") == before
    message = result.events[-1]["message"]
    command = message[message.index("lakefeed track") :].split("  (")[0]
    done = paste(world, command)
    assert done.returncode == 0, (command, done.stderr)
    world.once()
    world.assert_equal()


def test_the_command_to_paste_names_only_the_chosen_tables(world):
    world.sql(*TABLE, "CREATE TABLE private(id INTEGER PRIMARY KEY)")
    message = world.once("--entities", "t", expect=2).events[-1]["message"]
    assert paste(world, message[message.index("lakefeed track") :].split("  (")[0]).returncode == 0
    assert not world.query("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'private'")
    world.once("--entities", "t")
    world.assert_equal(["t"])


@pytest.mark.parametrize("verb", [["run", "--once"], ["snapshot"]])
def test_the_command_to_paste_names_the_configuration_and_shows_no_secret(world, verb):
    world.db = world.folder / "hush.db"
    world.sql(*TABLE, "CREATE TABLE private(id INTEGER PRIMARY KEY)")
    write_configuration(world, "my file.json", "sqlite:${SHOP_DB}")
    secret = {"SHOP_DB": str(world.db)}
    result = world.lakefeed(*verb, *world.options(), expect=2, env=secret)
    assert "are not tracked" in result.err and "sqlite:/" not in result.err
    command = f"lakefeed track -c '{world.config}' --link 'shop'"
    assert command in result.err
    assert paste(world, command, secret).returncode == 0
    assert not world.query("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'private'")
    world.once(env=secret)


def test_untrack_leaves_no_trace(world):
    world.sql(
        *TABLE, "CREATE TABLE \"a b\"(k TEXT, n INT UNIQUE, PRIMARY KEY(k, n)) WITHOUT ROWID", "CREATE INDEX i ON t(v)"
    )
    before = world.query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
    rows = world.query("SELECT * FROM t")
    world.lakefeed("track", "--source", f"sqlite:{world.db}", "--state-dir", world.state)
    assert world.query("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")[0][0] > 0
    world.sql("UPDATE t SET v = v", "INSERT INTO \"a b\" VALUES('k', 1)", "DELETE FROM \"a b\"")
    world.lakefeed("untrack", "--source", f"sqlite:{world.db}", "--state-dir", world.state)
    assert world.query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name") == before
    assert world.query("SELECT * FROM t") == rows
    world.lakefeed("untrack", "--source", f"sqlite:{world.db}", "--state-dir", world.state)


def test_untrack_refuses_while_a_consumer_exists_and_names_it(shop):
    before = shop.query("SELECT * FROM sqlite_schema")
    result = shop.lakefeed("untrack", "--source", f"sqlite:{shop.db}", "--state-dir", shop.state, expect=None)
    assert result.status not in (0, -6)
    assert "my_shop" in result.err and str(shop.lake) in result.err
    assert shop.query("SELECT * FROM sqlite_schema") == before


def test_unlink_then_untrack_leaves_no_trace_and_the_lake_stays(world):
    world.sql(*TABLE)
    before = world.query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
    world.track_once()
    head = world.head()
    world.lakefeed("unlink", *world.options())
    world.lakefeed("untrack", "--source", f"sqlite:{world.db}", "--state-dir", world.state)
    assert world.query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name") == before
    assert world.head() == head


def test_every_verb_that_a_message_names_exists(shop):
    """A message that tells the user to run something must not send him nowhere."""
    message = shop.lakefeed("untrack", "--source", f"sqlite:{shop.db}", "--state-dir", shop.state, expect=None).err
    for verb in {part.split()[0].strip(".,;") for part in message.split("run lakefeed ")[1:]}:
        assert shop.lakefeed(verb, "--help", expect=None).status == 0, verb


def test_two_links_on_one_database_prune_only_to_the_minimum(shop):
    second = {"lake": shop.folder / "second lake", "state": shop.folder / "second state"}
    shop.once("--name", "second", **second)
    shop.assert_equal(lake=second["lake"])
    for number in range(10, 20):
        shop.sql(f"INSERT INTO t VALUES({number}, 'n')")
        shop.once()
    assert shop.query("SELECT count(*) FROM lakefeed_log WHERE tab > 0")[0][0] >= 10
    shop.once("--name", "second", **second)
    shop.assert_equal(lake=second["lake"])
    assert shop.query("SELECT count(*) FROM lakefeed_log")[0][0] <= 1
    shop.sql("DELETE FROM t WHERE id > 15")
    shop.once("--name", "second", **second)
    assert shop.query("SELECT count(*) FROM lakefeed_log WHERE tab > 0")[0][0] >= 4
    shop.once()
    shop.assert_equal()
    shop.assert_equal(lake=second["lake"])


def test_the_same_link_name_for_another_lake_is_refused_and_taken_over_on_request(shop):
    other = {"lake": shop.folder / "other lake", "state": shop.folder / "other state"}
    refused = shop.once(expect=4, **other)
    assert str(shop.lake) in refused.events[-1]["message"] and "--takeover" in refused.events[-1]["message"]
    assert not (other["lake"] / "model.json").exists()
    shop.sql("INSERT INTO t VALUES(4, 'still counted')")
    shop.once()
    shop.assert_equal()
    shop.once("--takeover", **other)
    shop.assert_equal(lake=other["lake"])


# --- what is gone comes again ---


@pytest.mark.parametrize("gone", [["lake"], ["state"], ["lake", "state"]], ids="+".join)
def test_the_same_command_after_rm_rf_ends_well(shop, gone):
    shop.sql("UPDATE t SET v = 'changed' WHERE id = 1")
    for name in gone:
        shutil.rmtree(getattr(shop, name))
    shop.track_once()
    shop.assert_equal()
    shop.sql("DELETE FROM t WHERE id = 2")
    shop.track_once()
    shop.assert_equal()
    assert shop.query("SELECT count(*) FROM lakefeed_consumer") == [(1,)]


def test_lost_partitions_are_loaded_again(shop):
    shop.sql("CREATE TABLE u(id INTEGER PRIMARY KEY)", "INSERT INTO u VALUES(1)")
    shop.track_once()
    lake = shop.read()
    path = shop.lake / lake.of_table("t").files[0]
    path.unlink()
    shop.damaged.add(shop.lake)  # older retained commits name the file
    shop.once()
    again = shop.assert_equal()
    assert again.of_table("u").files == lake.of_table("u").files
    (shop.lake / again.of_table("t").files[0]).write_bytes(b"1,\n")
    shop.once()
    shop.assert_equal()


def test_lost_commit_records_do_not_stop_a_run(shop):
    shutil.rmtree(shop.lake / "_lakefeed" / "commits")
    shop.damaged.add(shop.lake)
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once()
    shop.assert_equal()


def test_a_lake_that_was_moved_goes_on(shop):
    moved = shop.folder / "moved" / "lake"
    moved.parent.mkdir()
    files = shop.read().files
    shop.lake.rename(moved)
    shop.lake = moved
    shop.lakes = {moved}
    shop.sql("CREATE TABLE u(id INTEGER PRIMARY KEY)")
    shop.track_once("--takeover")
    lake = shop.assert_equal()
    assert lake.files == files


# --- another source than that of the lake ---


def test_verify_of_another_source_is_refused_without_a_secret_of_its_url(shop):
    other = shop.folder / "other.db"
    shop.sql(*TABLE, db=other)
    shop.lakefeed("track", "--source", f"sqlite:{other}")
    write_configuration(shop, "lakefeed.json", "sqlite:${SHOP_DB}")
    result = shop.lakefeed("verify", *shop.options(), expect=2, env={"SHOP_DB": str(other)})
    assert "the lake was made from source sqlite:" in result.err and "but sqlite:${SHOP_DB} is sqlite:" in result.err
    assert str(other) not in result.err


def assert_refused(world, head, status=5):
    result = world.once(expect=status)
    assert result.events[-1]["event"] == "resync_required"
    assert world.head() == head
    assert world.track_once(expect=status).status == status
    assert world.head() == head


def test_an_older_copy_of_the_database_is_recognised(shop):
    shop.copy_db(shop.folder / "old.db")
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once()
    head = shop.head()
    shop.replace_db(shop.folder / "old.db")
    assert_refused(shop, head)
    assert shop.read().of_table("t").rows()[-1][0] == (False, "4")


def test_an_older_copy_that_was_written_to_since_is_recognised(shop):
    shop.copy_db(shop.folder / "old.db")
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once()
    head = shop.head()
    shop.replace_db(shop.folder / "old.db")
    shop.sql(
        "INSERT INTO t VALUES(5, 'another history')",
        "INSERT INTO t VALUES(6, 'longer')",
        "INSERT INTO t VALUES(7, 'than it was')",
    )
    assert_refused(shop, head)


@pytest.mark.parametrize("tracked", [False, True])
def test_another_database_at_the_same_path_is_recognised(shop, tracked):
    other = World(shop.folder / "elsewhere")
    other.folder.mkdir()
    other.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'other')")
    if tracked:
        other.lakefeed("track", "--source", f"sqlite:{other.db}", "--state-dir", other.state)
    head = shop.head()
    shop.replace_db(other.db)
    before = shop.query("SELECT * FROM sqlite_schema")
    assert_refused(shop, head)
    assert shop.query("SELECT * FROM sqlite_schema") == before


def test_the_right_database_put_back_goes_on(shop):
    shop.copy_db(shop.folder / "right.db")
    head = shop.head()
    shop.db.unlink()
    shop.sql(*TABLE)
    assert_refused(shop, head)
    shop.replace_db(shop.folder / "right.db")
    shop.sql("INSERT INTO t VALUES(9, 'x')")
    shop.once()
    shop.assert_equal()


def test_what_the_message_after_a_restored_copy_advises_works(shop):
    shop.copy_db(shop.folder / "old.db")
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once()
    shop.replace_db(shop.folder / "old.db")
    message = shop.once(expect=5).events[-1]["message"]
    if "lakefeed resync" in message:
        shop.lakefeed("resync", *shop.options())
    else:
        shutil.rmtree(shop.lake)
        shop.once()
    shop.assert_equal()


def test_the_lake_of_another_source_is_refused_and_not_overwritten(shop):
    other = World(shop.folder / "elsewhere")
    other.folder.mkdir()
    other.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'other')")
    other.track_once()
    head, files = other.head(), sorted(other.lake.rglob("*"))
    result = shop.once(expect=None, lake=other.lake, state=shop.folder / "state of the mistake")
    assert result.status in (4, 5)
    assert other.head() == head and sorted(other.lake.rglob("*")) == files
    shop.once()
    other.once()
    shop.assert_equal()
    other.assert_equal()


@pytest.mark.parametrize(
    "model", [b'{"name": "cdm", "version": "1.0", "entities": []}', b"", b"no json", b'{"name": "cut']
)
def test_a_foreign_or_damaged_model_json_is_never_overwritten(world, model):
    world.sql(*TABLE)
    world.lake.mkdir()
    world.damaged.add(world.lake)
    (world.lake / "model.json").write_bytes(model)
    result = world.track_once(expect=None)
    assert result.status in (1, 2)
    assert "model.json" in result.events[-1]["message"] or str(world.lake) in result.events[-1]["message"]
    assert world.head() == model


def test_sources_that_cannot_be_opened_are_told_apart(world):
    missing = world.track_once(expect=None, db=world.folder / "nowhere.db")
    assert missing.status != 0 and "nowhere.db" in missing.events[-1]["message"]
    assert not (world.folder / "nowhere.db").exists()
    world.db.write_bytes(b"this is no database, only text " * 100)
    broken = world.track_once(expect=None)
    assert broken.status != 0 and "my shop.db" in broken.events[-1]["message"]
    assert not (world.lake / "model.json").exists()


def test_a_link_goes_on_from_a_copy_of_the_folder_with_the_database(shop):
    """The same database opened by a relative path, and by a symbolic link to it."""
    link = shop.folder / "link to it.db"
    link.symlink_to(shop.db)
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once("--name", "my_shop", db=link)
    shop.assert_equal()
    assert pathlib.Path(shop.db).exists()


def test_an_older_copy_of_the_lake_is_recognised_and_resync_mends_it(shop):
    """Its cursor lies before what the source has pruned since."""
    shutil.copytree(shop.lake, shop.folder / "backup")
    for number in range(4, 7):
        shop.sql(f"INSERT INTO t VALUES({number}, 'x')", f"DELETE FROM t WHERE id = {number - 3}")
        shop.once()
    shutil.rmtree(shop.lake)
    (shop.folder / "backup").rename(shop.lake)
    assert_refused(shop, shop.head())
    shop.lakefeed("resync", *shop.options())
    shop.assert_equal()
    shop.sql("INSERT INTO t VALUES(99, 'goes on')")
    shop.once()
    shop.assert_equal()


@pytest.mark.parametrize("mode, copied_over", [("wal", False), ("wal", True), ("delete", False), ("delete", True)])
def test_a_database_replaced_while_the_daemon_runs_stops_it_and_the_lake_stays(shop, mode, copied_over):
    """By renaming another file to its name, or (which a WAL does not survive) by writing another's bytes into it."""
    with contextlib.closing(shop.connect()) as db:
        assert db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode
    shop.copy_db(shop.folder / "old.db")
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.wait_equal()
    daemon.wait_event("commit_done")
    head = shop.head()
    if copied_over:
        shop.replace_db(shop.folder / "old.db")
    else:
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(shop.db) + suffix).unlink(missing_ok=True)
        os.replace(shop.folder / "old.db", shop.db)
    shop.sql("INSERT INTO t VALUES(5, 'in the old copy')")
    assert daemon.process.wait(timeout=20) == 5
    assert daemon.events()[-1]["event"] == "resync_required"
    assert shop.head() == head


def test_a_table_renamed_and_one_altered_while_two_links_follow(shop):
    second = {"lake": shop.folder / "second lake", "state": shop.folder / "second state"}
    shop.once("--name", "second", **second)
    shop.sql("ALTER TABLE t ADD COLUMN w INT DEFAULT 3", "UPDATE t SET w = 4 WHERE id = 2")
    shop.once()
    shop.sql("ALTER TABLE t DROP COLUMN v", "DELETE FROM t WHERE id = 1")
    shop.once("--name", "second", **second)
    shop.once()
    shop.assert_equal()
    shop.assert_equal(lake=second["lake"])
