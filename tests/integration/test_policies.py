# SPDX-License-Identifier: Apache-2.0
"""Rows and files that cannot be taken, by each policy: through a first load and through the stream."""

import contextlib
import hashlib
import json
import signal

import pytest

import lake_reader
from world import TEST_BIN

MB = 1_000_000

# Literals of SQL by column type, that no reader could take.
BAD_TEXTS = {
    "one byte": b"\xff",
    "in the middle": b"a\xc3b",
    "cut off": b"price \xe2\x82",
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf.",
    "too high": b"\xf4\x90\x80\x80",
    "zero": b"A\x00B",
    "all of it": b"\x00\xf0\x9f\x99\xff\xf0\x9f\x99\x82",
}
BAD_VALUES = [
    ("INTEGER", "9223372036854775808"),
    ("INTEGER", "-9223372036854775809"),
    ("INTEGER", "'abc'"),
    ("BOOLEAN", "2"),
    ("DATE", "'0000-01-01'"),
    ("DATE", "'10000-01-01'"),
    ("DATE", "'2023-02-29'"),
    ("DATETIME", "'9999-12-31 23:30:00-01:00'"),
    ("NUMERIC", "9007199254740993"),
    ("UUID", "'6ba7b810'"),
    ("BLOB", "'text'"),
    ("TEXT", "x'00'"),
]
GOOD_VALUES = [("INTEGER", "9223372036854775807"), ("INTEGER", "-9223372036854775808"), ("REAL", "1e400"),
               ("REAL", "-1e400"), ("DATE", "'0001-01-01'"), ("DATE", "'9999-12-31'")]


def configure(world, entities=None, snapshot=None, **policies):
    """In many small partitions, so that a policy meets several."""
    small = {"interval": "1s", "partition_bytes": "1KiB", "chunk_rows": 7}
    world.configure(entities, link=policies, **{**small, **(snapshot or {})})


def replaced(raw):
    """As the Unicode standard recommends, and as Python does it."""
    return raw.decode("utf-8", "replace").replace("\0", "\ufffd")


def is_good(raw):
    return "\ufffd" not in replaced(raw) or "\ufffd".encode() in raw


def listing(world, table="t"):
    """The lines of the quarantine file, by key."""
    entity = world.read().of_table(table)
    path = entity.notes.get("lakefeed:quarantine")
    if path is None:
        assert "lakefeed:quarantineRows" not in entity.notes
        return {}
    assert path.startswith("_lakefeed/quarantine/" + entity.name + "-") and path.endswith(".jsonl")
    data = lake_reader.read_text(world.lake / path)
    assert hashlib.sha256(data).hexdigest() == entity.notes["lakefeed:quarantineSha256"]
    lines = [json.loads(line) for line in data.decode("utf-8").splitlines()]
    assert len(lines) == int(entity.notes["lakefeed:quarantineRows"])
    assert all(line["load"] == entity.notes["lakefeed:loadId"] for line in lines if entity.state == "Completed")
    found = {tuple(line["key"]): line for line in lines}
    assert len(found) == len(lines)
    return found


def source_texts(world):
    with contextlib.closing(world.connect()) as db:
        db.text_factory = bytes
        return dict(db.execute("SELECT id, v FROM t"))


def assert_texts(world, policy):
    """Table t(id, v) of texts: every row is where it belongs, and nowhere else."""
    texts = source_texts(world)
    entity = world.read().of_table("t")
    assert entity.state == "Completed", entity.reason
    have = {int(number): text for number, text in entity.texts()}
    bad = {number for number, raw in texts.items() if not is_good(raw)}
    listed = listing(world)
    if policy == "replace":
        assert have == {number: replaced(raw) for number, raw in texts.items()} and not listed
        return
    assert have == {number: raw.decode() for number, raw in texts.items() if number not in bad}
    assert set(listed) == {(str(number),) for number in bad}
    for number in bad:
        line = listed[(str(number),)]
        assert line["valueStart"] == texts[number][:32].hex() and line["column"] == "v" and line["kind"] == "DATA"
        assert "UTF-8" in line["reason"] or "U+0000" in line["reason"]


def put_texts(world, first):
    world.sql(*[("INSERT OR REPLACE INTO t VALUES(?, CAST(? AS TEXT))", (first + 2 * index, raw))
                for index, raw in enumerate(BAD_TEXTS.values())])


@pytest.fixture
def texts(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "CREATE TABLE other(id INTEGER PRIMARY KEY, v TEXT)",
              *[("INSERT INTO t VALUES(?, ?)", (number, f"fine {number} \ufffd")) for number in range(40)],
              "INSERT INTO other VALUES(1, 'x')")
    return world


@pytest.mark.parametrize("policy", ["replace", "quarantine"])
@pytest.mark.parametrize("way", ["load", "stream"])
def test_bad_text_is_replaced_or_listed_and_comes_back_when_it_is_repaired(texts, policy, way):
    configure(texts, on_bad_text=policy)
    if way == "stream":
        texts.track_once()
    put_texts(texts, 3)
    result = texts.once(*(["--track"] if way == "load" else []))
    assert_texts(texts, policy)
    name = "rows_replaced" if policy == "replace" else "rows_quarantined"
    told = [event for event in result.events if event["event"] == name]
    assert sum(int(event["rows"]) for event in told) == len(BAD_TEXTS) and told[0]["entity"] == "t"
    texts.verify()
    # Repaired, broken in another way, deleted, moved, broken anew.
    texts.sql("UPDATE t SET v = 'fine again' WHERE id = 3", "UPDATE t SET v = CAST(x'fe' AS TEXT) WHERE id = 5",
              "DELETE FROM t WHERE id = 7", "UPDATE t SET id = 500 WHERE id = 9",
              "UPDATE t SET v = CAST(x'41ff' AS TEXT) WHERE id = 0")
    texts.once()
    assert_texts(texts, policy)
    texts.verify()
    texts.sql("UPDATE t SET v = 'good'")
    texts.once()
    assert listing(texts) == {}
    texts.assert_equal()
    texts.verify()


def test_a_listed_key_keeps_the_commit_of_its_first_line(texts):
    configure(texts, on_bad_text="quarantine")
    put_texts(texts, 3)
    texts.track_once()
    since = {key: line["since"] for key, line in listing(texts).items()}
    texts.sql("UPDATE t SET v = CAST(x'fd' AS TEXT) WHERE id IN (3, 4)")
    texts.once()
    lines = listing(texts)
    assert lines[("3",)]["since"] == since[("3",)] and lines[("3",)]["valueStart"] == "fd"
    assert int(lines[("4",)]["since"]) > int(since[("3",)])
    path = texts.read().of_table("t").notes["lakefeed:quarantine"]
    texts.sql("UPDATE other SET v = 'y'", "UPDATE t SET v = 'fine' WHERE id = 2")
    texts.once()
    assert texts.read().of_table("t").notes["lakefeed:quarantine"] == path


@pytest.mark.parametrize("way", ["load", "stream"])
@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_text_freezes_its_entity_when_nothing_else_was_asked_for(texts, way, name):
    if way == "stream":
        texts.track_once()
    texts.sql(("UPDATE t SET v = CAST(? AS TEXT) WHERE id = 7", (BAD_TEXTS[name],)), "INSERT INTO other VALUES(2, 'y')")
    texts.once(*(["--track"] if way == "load" else []), expect=1)
    lake = texts.read()
    reason = lake.of_table("t").reason
    assert lake.of_table("t").state == "Error" and len(lake.of_table("other").rows()) == 2
    assert "table t, row id=7: column v" in reason and "set on_bad_text to replace or quarantine" in reason
    assert len(lake.of_table("t").rows()) == (40 if way == "stream" else 0)
    texts.sql("UPDATE t SET v = 'repaired' WHERE id = 7")
    texts.once()
    texts.assert_equal()


def table_of_values(world):
    columns = ", ".join(f"c{index} {kind}" for index, (kind, _) in enumerate(BAD_VALUES + GOOD_VALUES))
    world.sql(f"CREATE TABLE t(id INTEGER PRIMARY KEY, {columns}, one TEXT, two TEXT)")
    world.sql(*[f"INSERT INTO t(id) VALUES({number})" for number in range(30)])


def put_values(world):
    world.sql(*[f"INSERT OR REPLACE INTO t(id, c{index}) VALUES({2 * index + 1}, {literal})"
                for index, (_, literal) in enumerate(BAD_VALUES + GOOD_VALUES)],
              ("INSERT INTO t(id, one) VALUES(100, ?)", ("x" * 9 * MB,)),
              ("INSERT INTO t(id, one, two) VALUES(101, ?, ?)", ("x" * 5 * MB, "y" * 5 * MB)))


@pytest.mark.parametrize("way", ["load", "stream"])
def test_values_outside_their_type_and_large_rows_are_listed(world, way):
    table_of_values(world)
    configure(world, on_bad_row="quarantine")
    if way == "stream":
        world.track_once()
    put_values(world)
    world.once(*(["--track"] if way == "load" else []))
    lines = listing(world)
    bad = {(str(2 * index + 1),): f"c{index}" for index in range(len(BAD_VALUES))}
    assert set(lines) == {*bad, ("100",), ("101",)}
    assert all(lines[key]["column"] == column and column in lines[key]["reason"] for key, column in bad.items())
    assert all(line["kind"] == ("LIMIT" if key in {("100",), ("101",)} else "DATA") for key, line in lines.items())
    assert lines[("100",)]["column"] == "one" and lines[("100",)]["valueStart"] == "78" * 32
    assert all(len(json.dumps(line)) < 1000 for line in lines.values())
    have = {int(row[0]) for row in world.read().of_table("t").texts()}
    wanted = {number for (number,) in world.query("SELECT id FROM t")}
    assert have == wanted - {int(key) for (key,) in lines}
    world.verify()
    for index in range(len(BAD_VALUES)):
        world.sql(f"UPDATE t SET c{index} = NULL WHERE id = {2 * index + 1}")
    world.sql("DELETE FROM t WHERE id >= 100")
    world.once()
    assert listing(world) == {}
    world.assert_equal()


@pytest.mark.parametrize("way", ["load", "stream"])
@pytest.mark.parametrize("kind, literal", [*BAD_VALUES, ("TEXT", "hex(zeroblob(4500000))")])
def test_such_values_freeze_their_entity_when_nothing_else_was_asked_for(world, way, kind, literal):
    world.sql(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v {kind})", "INSERT INTO t VALUES(1, NULL)",
              "CREATE TABLE other(id INTEGER PRIMARY KEY)")
    if way == "stream":
        world.track_once()
    world.sql(f"INSERT INTO t VALUES(2, {literal})", "INSERT INTO other VALUES(1)")
    world.once(*(["--track"] if way == "load" else []), expect=1)
    entity = world.read().of_table("t")
    assert entity.state == "Error" and "id=2" in entity.reason and "column v" in entity.reason
    assert entity.reason.endswith("or set on_bad_row to quarantine"), entity.reason
    assert len(world.read().of_table("other").rows()) == 1


def test_a_key_that_cannot_be_taken_always_fails(world):
    world.sql("CREATE TABLE t(k TEXT PRIMARY KEY, v INT)", "INSERT INTO t VALUES('a', 1), (CAST(x'ff' AS TEXT), 2)",
              "CREATE TABLE other(id INTEGER PRIMARY KEY)")
    configure(world, on_bad_text="quarantine", on_bad_row="quarantine")
    world.track_once(expect=1)
    entity = world.read().of_table("t")
    assert entity.state == "Error" and "column k" in entity.reason and listing(world) == {}
    assert world.read().of_table("other").state == "Completed"


def test_an_entity_has_a_policy_of_its_own(world):
    bad = "CAST(x'ff' AS TEXT)"
    for table in ("a", "b", "c"):
        world.sql(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, v TEXT)", f"INSERT INTO {table} VALUES(1, {bad})")
    configure(world, ["a", {"table": "b", "on_bad_text": "quarantine"}, {"table": "c", "on_bad_text": "fail"}],
              on_bad_text="replace")
    world.track_once(expect=1)
    lake = world.read()
    assert lake.of_table("a").texts() == [("1", "\ufffd")]
    assert lake.of_table("b").texts() == [] and set(listing(world, "b")) == {("1",)}
    assert lake.of_table("c").state == "Error"


def test_a_policy_that_is_changed_holds_from_the_next_change_on(texts):
    put_texts(texts, 3)
    configure(texts, on_bad_text="quarantine")
    texts.track_once()
    configure(texts, on_bad_text="replace")
    texts.sql("UPDATE t SET v = v || 'x' WHERE id IN (3, 5)")
    texts.once()
    assert not {("3",), ("5",)} & set(listing(texts)) and len(listing(texts)) == len(BAD_TEXTS) - 2
    texts.verify()
    texts.lakefeed("resync", *texts.options(), "t")
    texts.once()
    assert_texts(texts, "replace")


@pytest.mark.parametrize("way", ["load", "stream"])
def test_too_many_bad_rows_freeze_their_entity(world, way):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)", "INSERT INTO t VALUES(0, 0)")
    configure(world, snapshot={"chunk_rows": 4000}, on_bad_row="quarantine")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    fill = numbers + " INSERT INTO t SELECT i, 'x' FROM n"
    if way == "stream":
        world.track_once()
    world.sql(fill.format(10_000))
    world.once(*(["--track"] if way == "load" else []))
    assert len(listing(world)) == 10_000
    world.sql("INSERT INTO t VALUES(10001, 'x')")
    world.once(expect=1)
    entity = world.read().of_table("t")
    assert entity.state == "Error" and "10000 rows" in entity.reason and "on_bad_row" in entity.reason
    world.sql("DELETE FROM t WHERE id > 3")
    world.once()
    assert set(listing(world)) == {("1",), ("2",), ("3",)}


def test_a_dropped_column_takes_its_bad_values_along(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INT)",
              "INSERT INTO t VALUES(1, 'a', 'x'), (2, CAST(x'ff' AS TEXT), 2), (3, 'c', 3)")
    configure(world, on_bad_row="quarantine", on_bad_text="quarantine")
    world.track_once()
    assert set(listing(world)) == {("1",), ("2",)}
    world.sql("ALTER TABLE t DROP COLUMN n")
    world.once()
    assert set(listing(world)) == {("2",)}
    assert {row[0] for row in world.read().of_table("t").texts()} == {"1", "3"}


def test_verify_reports_a_listed_row_that_is_fine_in_the_source(texts):
    configure(texts, on_bad_text="quarantine")
    put_texts(texts, 3)
    texts.track_once()
    texts.verify()
    # Behind the back of change tracking.
    triggers = texts.query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'")
    texts.sql(*[f"DROP TRIGGER {lake_reader.quote_name(name)}" for name, _ in triggers],
              "UPDATE t SET v = 'fine' WHERE id = 3", *[sql for _, sql in triggers])
    assert "3" in texts.verify(expect=3).out


def test_old_quarantine_files_go_and_the_named_one_stays(texts):
    configure(texts, on_bad_text="quarantine", snapshot={"keep": 1, "keep_for": "0s"})
    put_texts(texts, 3)
    texts.track_once()
    seen = set()
    for number in range(6):
        texts.sql(("UPDATE t SET v = CAST(? AS TEXT) WHERE id = 3", (b"\xff" + str(number).encode(),)))
        texts.once()
        seen.add(texts.read().of_table("t").notes["lakefeed:quarantine"])
        assert_texts(texts, "quarantine")
    files = list((texts.lake / "_lakefeed" / "quarantine").iterdir())
    assert len(seen) == 6 and len(files) <= 3
    assert texts.lake / texts.read().of_table("t").notes["lakefeed:quarantine"] in files


def test_a_daemon_lists_and_unlists_while_it_follows(texts):
    texts.wal()
    configure(texts, on_bad_text="quarantine", snapshot={"interval": "1s"})
    texts.track_once()
    daemon = texts.daemon()
    daemon.wait_event("link_started")
    put_texts(texts, 3)
    daemon.wait_event("rows_quarantined", entity="t")
    daemon.kill()
    texts.sql("UPDATE t SET v = 'good' WHERE id IN (3, 5)")
    daemon = texts.daemon()
    daemon.wait_event("commit_done")
    assert daemon.stop() == 0
    texts.once()
    assert_texts(texts, "quarantine")


@pytest.mark.parametrize(
    "point", ["publish_start", "quarantine_written", "record_written", "before_model", "after_model"]
)
def test_a_kill_there_leaves_partitions_and_listing_in_step(texts, point):
    configure(texts, on_bad_text="quarantine", on_bad_row="quarantine")
    texts.binary = TEST_BIN
    put_texts(texts, 3)
    died = 0
    for passing in range(1, 9):
        texts.sql(("UPDATE t SET v = CAST(? AS TEXT) WHERE id % 8 = ?", (b"\xff%d" % passing, passing)),
                  ("UPDATE t SET v = 'fine' WHERE id % 8 = ?", (passing - 1,)))
        done = texts.once("--track", expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{1 + passing % 3}"})
        died += done.status == -signal.SIGKILL
        if (texts.lake / "model.json").exists():
            lake_reader.check_history(texts.lake)
            listing(texts)
        texts.once()
        assert_texts(texts, "quarantine")
    assert died > 0


# --- files ---


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b'900,"more"\n'),
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "cut in a quote": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "altered": lambda path: path.write_bytes(path.read_bytes().replace(b"fine", b"FINE")),
    "open quote": lambda path: path.write_bytes(path.read_bytes().replace(b'"fine', b'"fin"', 1)),
}


@pytest.fixture
def settled(texts):
    configure(texts)
    texts.track_once()
    texts.damaged.add(texts.lake)
    return texts


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_file_is_loaded_again(settled, damage):
    configure(settled, on_lost_file="reload")
    before = settled.read()
    load = before.of_table("t").notes["lakefeed:loadId"]
    DAMAGES[damage](settled.lake / before.of_table("t").files[1])
    settled.sql("UPDATE t SET v = v || 'x'", "INSERT INTO other VALUES(2, 'y')")
    result = settled.once()
    settled.assert_equal()
    after = settled.read()
    assert after.of_table("t").notes["lakefeed:loadId"] != load
    assert after.of_table("other").notes["lakefeed:loadId"] == before.of_table("other").notes["lakefeed:loadId"]
    reloads = [event for event in result.events if event["event"] == "entity_reload"]
    assert len(reloads) == 1 and before.of_table("t").files[1] in reloads[0]["reason"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_file_freezes_its_entity_until_somebody_acts(settled, damage):
    configure(settled, on_lost_file="freeze")
    before = settled.read().of_table("t")
    path = settled.lake / before.files[1]
    whole = path.read_bytes()
    DAMAGES[damage](path)
    for number in range(3):  # over restarts, too
        settled.sql("UPDATE t SET v = v || 'x'", f"INSERT INTO other VALUES({number + 2}, 'y')")
        settled.once(expect=1)
        entity = settled.read().of_table("t")
        assert entity.state == "Error" and entity.initial_state == "Completed" and entity.files == before.files
        assert before.files[1] in entity.reason and "lakefeed resync t" in entity.reason
        assert "lakefeed:standsAt" in entity.notes
        assert len(settled.read().of_table("other").rows()) == number + 2
    if damage in ("missing", "altered"):
        path.write_bytes(whole)  # from a backup
    else:
        settled.lakefeed("resync", *settled.options(), "t")
    settled.once()
    settled.assert_equal()


@pytest.mark.parametrize("policy", ["reload", "freeze"])
def test_a_lost_quarantine_file(texts, policy):
    configure(texts, on_bad_text="quarantine", on_lost_file=policy)
    put_texts(texts, 3)
    texts.track_once()
    texts.damaged.add(texts.lake)
    path = texts.lake / texts.read().of_table("t").notes["lakefeed:quarantine"]
    path.write_bytes(path.read_bytes().replace(b"DATA", b"data"))
    if policy == "freeze":
        texts.once(expect=1)
        texts.once(expect=1)
        assert "quarantine file" in texts.read().of_table("t").reason
        texts.lakefeed("resync", *texts.options(), "t")
    texts.once()
    assert_texts(texts, "quarantine")
