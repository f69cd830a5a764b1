# SPDX-License-Identifier: Apache-2.0
"""A lake that is somebody else's, or whose documents were damaged: refused with a way out, and never overwritten."""

import contextlib
import json
import os
import shutil
import signal

import pytest

from faults import failure, reasons, untouched
from world import TEST_BIN, World, wait_until

TABLES = [
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT)",
    "CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO a VALUES(1, 'x'), (2, 'y')",
    "INSERT INTO b VALUES(1, 'x')",
]
FOREIGN = {
    "name": "orders",
    "version": "1.0",
    "entities": [
        {"$type": "LocalEntity", "name": "x", "attributes": [{"name": "n", "dataType": "string"}], "partitions": []}
    ],
}
DAMAGED = (
    "{} is damaged ({}); it is never overwritten. Put a good copy in its place (the newest file of "
    "_lakefeed/commits is one), or choose another folder or prefix for the lake"
)
NOT_OURS = (
    "{}: not written by lakefeed (there is no annotation lakefeed:format), so it is never overwritten; "
    "choose another folder or prefix for the lake"
)
LINK = (
    "lake {}: open model.json: a symbolic link stands in the way, and none is followed; "
    "put the real file or folder there"
)
VERBS = ["run", "run --once", "resync", "resync a", "unlink"]


def has_verb(world, verb):
    return world.lakefeed(verb, "--help", expect=None).status == 0


def run_verb(world, verb, expect):
    """The kind and message with which the link, or the command, ended."""
    name, *arguments = verb.split()
    if not has_verb(world, name):
        pytest.skip(f"this build has no {name}")
    if verb == "run":
        daemon = world.daemon()
        assert daemon.process.wait(timeout=30) == expect
        event = daemon.events()[-1]
        return event["kind"], event["message"]
    result = world.lakefeed(name, *arguments, *world.options(), expect=expect)
    if result.events:
        return failure(result)
    return None, result.err.removeprefix("lakefeed: ").removesuffix("\n")


def damage_model(model, how):
    """Puts something else in the place of model.json; gives the status and the kind and message to expect."""
    lake, good = model.parent, model.read_bytes()
    if how == "empty":
        model.write_bytes(b"")
        return 1, "DATA", DAMAGED.format(model, "line 1: parse error: premature EOF")
    if how == "truncated":
        model.write_bytes(good[: len(good) // 2])
        return 1, "DATA", DAMAGED.format(model, "line 1: parse error: premature EOF")
    if how == "text":
        model.write_bytes(b"no json at all")
        return 1, "DATA", DAMAGED.format(model, "line 1: lexical error: invalid string in json text.")
    if how == "foreign":
        model.write_text(json.dumps(FOREIGN))
        return 2, "CONFIG", NOT_OURS.format(model)
    if how == "newer":
        newer = good.replace(b'"lakefeed:format","value":"1"', b'"lakefeed:format","value":"99"')
        assert newer != good
        model.write_bytes(newer)
        message = f"{model}: line 1: the format is 99, this lakefeed reads up to 1: install a newer one"
        return 2, "UNSUPPORTED", message
    model.unlink()
    if how == "folder":
        model.mkdir()
        message = f"model.json in the lake {lake} is not a file; move away what stands there"
        return 2, "CONFIG", message
    target = lake.parent / "elsewhere.json"
    if how == "link":
        target.write_bytes(good)
    os.symlink(target, model)
    return 2, "CONFIG", LINK.format(lake)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("how", ["empty", "truncated", "text", "foreign", "newer", "folder", "link", "dangling link"])
def test_a_model_that_cannot_be_gone_on_from_is_never_overwritten(world, how, verb):
    world.sql(*TABLES)
    world.track_once()
    model = world.lake / "model.json"
    good = model.read_bytes()
    world.sql("INSERT INTO a VALUES(3, 'new')")
    status, kind, message = damage_model(model, how)
    with untouched(world.lake), untouched_consumers(world):
        told = run_verb(world, verb, status)
    assert told == (kind if verb.startswith("run") else None, message)
    if how == "folder":
        model.rmdir()
    else:
        model.unlink()
    model.write_bytes(good)
    world.once()
    world.assert_equal()


@contextlib.contextmanager
def untouched_consumers(world):
    select = "SELECT * FROM lakefeed_consumer ORDER BY link"
    before = world.query(select)
    yield
    assert world.query(select) == before


def test_the_newest_record_put_in_the_place_of_a_damaged_model_goes_on(world):
    """As the message advises."""
    world.sql(*TABLES)
    world.track_once()
    world.sql("UPDATE a SET v = 'changed' WHERE id = 1")
    world.once()
    model = world.lake / "model.json"
    model.write_bytes(model.read_bytes()[:100])
    world.sql("DELETE FROM b")
    world.once(expect=1)
    shutil.copyfile(sorted((world.lake / "_lakefeed/commits").iterdir())[-1], model)
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("how", ["empty", "foreign", "newer", "link"])
def test_a_model_that_is_replaced_while_the_daemon_runs_fences_it(world, how):
    world.sql(*TABLES)
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    world.wait_equal()
    model = world.lake / "model.json"
    good = model.read_bytes()
    damage_model(model, how)
    before = os.lstat(model).st_ino
    world.sql("INSERT INTO a VALUES(3, 'new')")
    wait_until(lambda: daemon.process.poll() is not None, "the daemon ends")
    assert daemon.process.returncode == (2 if how == "link" else 4), daemon.events()[-1]
    event = daemon.events()[-1]
    if how != "link":
        assert (event["event"], event["message"]) == (
            "fenced",
            "model.json was replaced by something that is not a commit of this version; stop the other writer, "
            "or start again to go on from what stands there",
        )
    assert os.lstat(model).st_ino == before
    model.unlink()
    model.write_bytes(good)
    world.once()
    world.assert_equal()


def test_a_folder_with_a_model_of_somebody_else_is_refused_before_anything_is_installed(world):
    world.sql(*TABLES)
    world.lake.mkdir()
    (world.lake / "x").mkdir()
    (world.lake / "x/data.csv").write_text("theirs\n")
    (world.lake / "model.json").write_text(json.dumps(FOREIGN))
    world.damaged.add(world.lake)
    before = sorted(path for path in world.lake.rglob("*"))
    contents = [path.read_bytes() for path in before if path.is_file()]
    told = failure(world.track_once(expect=2))
    assert told == ("CONFIG", NOT_OURS.format(world.lake / "model.json"))
    assert [path.read_bytes() for path in before if path.is_file()] == contents
    assert not world.query("SELECT 1 FROM sqlite_schema WHERE name LIKE 'lakefeed%'")


def test_a_lake_that_belongs_to_another_link_is_refused_until_it_is_taken_over(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("INSERT INTO a VALUES(3, 'new')")
    model = world.lake / "model.json"
    with untouched(world.lake), untouched_consumers(world):
        told = failure(world.once("--name", "other", expect=4))
    assert told == (
        "CONFLICT",
        f"the lake {model} belongs to the link my_shop of {world.db}; give this link (other) another lake, "
        "run it under that name, or pass --takeover if the link was renamed",
    )
    world.once("--name", "other", "--takeover")
    world.assert_equal()
    assert world.query("SELECT link FROM lakefeed_consumer") == [("other",)], "nobody holds the log any more"
    world.once("--name", "other")


def test_a_lake_that_belongs_to_another_source_is_refused(world):
    world.sql(*TABLES)
    world.track_once()
    source = world.read().notes["lakefeed:source"]
    other = world.folder / "other.db"
    world.sql(*TABLES, "DELETE FROM a", db=other)
    with untouched(world.lake):
        told = failure(world.track_once(db=other, expect=5), "resync_required")
        assert told == (
            "LOST",
            f"the lake was made from source {source}, but sqlite:{other} is another database, which is not tracked; "
            "nothing was changed. Point the link at the old source, or at an empty lake",
        )
        assert not world.query("SELECT 1 FROM sqlite_schema WHERE name LIKE 'lakefeed%'", db=other)
        world.lakefeed("track", "--source", f"sqlite:{other}")
        told = failure(world.track_once(db=other, expect=5), "resync_required")
        assert told[1].startswith(f"the lake was made from source {source}, but sqlite:{other} is sqlite:")
        assert told[1].endswith("nothing was changed. Point the link at the old source, or at an empty lake")
        assert world.query("SELECT count(*) FROM lakefeed_consumer", db=other) == [(0,)]
    world.once()
    world.assert_equal()


# --- partitions ---


def many(world):
    """Two entities, one of several partitions."""
    world.configure(partition_bytes="8KiB")
    world.sql(*TABLES, *[("INSERT INTO a VALUES(?, ?)", (number, "r" * 200)) for number in range(10, 200)])
    world.track_once()
    lake = world.assert_equal()
    assert len(lake.entities["a"].files) > 3
    return world.lake / lake.entities["a"].files[1], lake


def damage_file(path, how, folder):
    """What the reason must say of it."""
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
        return "partition {} is missing"
    if how == "longer":
        path.write_bytes(data + b'7,"more"\n')
        return "partition {} has %d bytes instead of %d" % (len(data) + 9, len(data))
    if how == "shorter":
        path.write_bytes(data[:-7])
        return "partition {} has %d bytes instead of %d" % (len(data) - 7, len(data))
    if how == "empty":
        path.write_bytes(b"")
        return "partition {} has 0 bytes instead of %d" % len(data)
    path.unlink()
    if how == "folder":
        path.mkdir()
        return "partition {0} cannot be used: {0} in the lake {1} is not a file; move away what stands there"
    outside = folder / "outside.csv"
    outside.write_bytes(data)
    path.symlink_to(outside)
    return (
        "partition {0} cannot be used: lake {1}: open {0}: a symbolic link stands in the way, and none is followed; "
        "put the real file or folder there"
    )


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("how", ["missing", "longer", "shorter", "empty", "folder", "link"])
def test_a_partition_that_is_not_as_listed_has_its_entity_loaded_again_and_no_other(world, how, changed):
    path, before = many(world)
    relative = str(path.relative_to(world.lake))
    wanted = damage_file(path, how, world.folder).format(relative, world.lake)
    if changed:
        world.sql("UPDATE a SET v = 'z' || id", "DELETE FROM a WHERE id % 5 = 0", "INSERT INTO b VALUES(2, 'y')")
    result = world.once()
    assert reasons(result, "entity_reload") == {"a": wanted}
    after = world.assert_equal()
    assert not set(after.entities["a"].files) & set(before.entities["a"].files)
    assert changed or after.entities["b"].files == before.entities["b"].files
    if how == "link":
        assert (world.folder / "outside.csv").stat().st_size == before.entities["a"].partitions[1].bytes
    world.damaged.add(world.lake)  # the commit before, which is kept for a while, still names it


@pytest.mark.parametrize("how", ["missing", "shorter", "same size", "link"])
def test_a_partition_that_changes_under_a_running_daemon_is_noticed_when_it_is_merged(world, how):
    path, _ = many(world)
    world.configure(partition_bytes="8KiB", interval="1s")
    daemon = world.daemon()
    daemon.wait_event("link_started")
    if how == "same size":
        path.write_bytes(path.read_bytes().replace(b"r", b"s", 1))
    else:
        damage_file(path, how, world.folder)
    world.sql("UPDATE a SET v = 'z' || id")
    event = daemon.wait_event("entity_reload")[0]
    assert event["entity"] == "a" and str(path.relative_to(world.lake)) in event["reason"]
    world.wait_equal()
    assert daemon.stop() == 0
    world.damaged.add(world.lake)


def test_a_partition_of_the_same_size_with_other_content_is_found_by_verify_and_by_the_next_merge(world):
    path, lake = many(world)
    sha256 = lake.entities["a"].partitions[1].sha256
    path.write_bytes(path.read_bytes().replace(b"r", b"s", 1))
    found = world.verify(expect=3)
    assert str(path.relative_to(world.lake)) in found.out
    world.sql("UPDATE a SET v = 'z' || id WHERE id < 100")
    result = world.once()
    reason = reasons(result, "entity_reload")["a"]
    assert reason.startswith(f"partition {path.relative_to(world.lake)} is not what the commit says: ")
    assert f"{sha256[:12]}…; the file was altered, the entity must be loaded again" in reason
    world.assert_equal()
    world.verify()
    world.damaged.add(world.lake)


def test_all_partitions_of_a_lake_gone_are_all_loaded_again(world):
    many(world)
    for entity in ("a", "b"):
        shutil.rmtree(world.lake / entity)
    result = world.once()
    assert sorted(reasons(result, "entity_reload")) == ["a", "b"]
    world.assert_equal()
    world.damaged.add(world.lake)


# --- our own documents ---


@pytest.mark.parametrize("how", ["missing", "shorter", "folder", "link", "text"])
@pytest.mark.parametrize("what", ["history", "commits", "history and commits"])
def test_damaged_records_cost_no_data_and_nothing_is_removed_in_doubt(world, what, how):
    path, _ = many(world)
    world.sql("UPDATE a SET v = 'q' WHERE id = 1")
    world.once()
    files = world.read().files
    for folder in what.split(" and "):
        for document in sorted((world.lake / "_lakefeed" / folder).iterdir()):
            if how == "text":
                document.write_text("no json")
            else:
                aside = world.folder / folder / document.name
                aside.mkdir(parents=True)
                damage_file(document, how, aside)
    world.sql("UPDATE a SET v = 'q2' WHERE id = 1", "INSERT INTO b VALUES(5, 'five')")
    result = world.once()
    assert not reasons(result, "entity_reload")
    world.damaged.add(world.lake)
    after = world.assert_equal()
    assert set(files) & set(after.files), "partitions that no change touched stay"
    assert path.exists()
    world.sql("DELETE FROM a WHERE id = 2")
    world.once()
    world.assert_equal()


@pytest.mark.skipif(not TEST_BIN.exists(), reason="needs the kill points of a debug build")
@pytest.mark.parametrize("how", ["missing", "shorter", "text", "link"])
def test_a_damaged_load_list_has_its_entity_loaded_from_the_start(world, how):
    world.configure(chunk_rows=20, partition_bytes="8KiB", load_commit="1s")
    world.sql(*TABLES, *[("INSERT INTO a VALUES(?, ?)", (number, "r" * 200)) for number in range(10, 200)])
    killed = World(world.folder, TEST_BIN)
    killed.config = world.config
    result = killed.track_once(expect=-signal.SIGKILL, env={"LAKEFEED_KILL_POINT": "publish_start:2"})
    assert result.status == -signal.SIGKILL
    loads = [world.lake / entity.notes["lakefeed:loading"] for entity in world.read().entities.values()]
    assert len(loads) == 2
    for path in loads:
        if how == "text":
            path.write_text("no json")
        else:
            damage_file(path, how, world.folder)
    result = world.once()
    for reason in reasons(result, "entity_reload").values():
        assert reason.startswith("its load list") and reason.endswith("could not be read"), reason
    world.assert_equal()
    world.damaged.add(world.lake)  # the commits before still name it
