# SPDX-License-Identifier: Apache-2.0
"""The first run: values of every type, odd names, what a second run without changes does."""

import contextlib
import gzip
import pathlib
import sqlite3
import struct

import pytest

TEXTS = [
    "",
    "plain",
    "it's",
    'say "hi"',
    '""',
    ",",
    "a,b\n",
    "\n",
    "\r",
    "\r\n",
    "line1\nline2\r\nline3",
    " blanks ",
    "\t",
    "=1+1",
    "NULL",
    "null",
    "ünïcödé",
    "日本語",
    "🦆",
    "e\u0301",
    "\ufeffbom",
    "\u2028",
    "\x01\x1f\x7f",
    "\\N",
    "\\",
    "a" * 70000,
]
INTEGERS = [0, 1, -1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
DOUBLES = [
    0.0,
    1.0,
    -1.5,
    0.1,
    1 / 3,
    1e15,
    999999999999999.0,
    1e-4,
    9.9e-5,
    1e300,
    -1e300,
    1.7976931348623157e308,
    5e-324,
    2.2250738585072014e-308,
    float("inf"),
    float("-inf"),
    123456.789,
    9007199254740993.0,
    1e22,
    1e23,
]
BLOBS = [b"", b"\x00", bytes(range(256)), b"text", b"\xff" * 3, b"\n\r,\""]
MOMENTS = [
    "2024-02-29T12:34:56",
    "2024-02-29 12:34:56",
    "2024-02-29T12:34:56.5",
    "2024-02-29 12:34:56.123456",
    "2024-02-29T12:34:56Z",
    "2024-12-31T23:30:00-02:00",
    "2024-01-01 00:30:00.25+05:30",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999",
]

TYPES = {  # declared type: what model.json must say, values
    "INTEGER": ("int64", INTEGERS),
    "INT": ("int64", INTEGERS),
    "BIGINT": ("int64", INTEGERS),
    "SMALLINT": ("int64", [1]),
    "TEXT": ("string", TEXTS),
    "VARCHAR(20)": ("string", TEXTS),
    "CLOB": ("string", TEXTS),
    "NCHAR(5)": ("string", ["long for five"]),
    "REAL": ("double", DOUBLES),
    "DOUBLE": ("double", DOUBLES),
    "FLOAT": ("double", DOUBLES),
    "DOUBLE PRECISION": ("double", [2.5]),
    "DECIMAL(10,2)": ("double", [1.25, 3, -7.5]),
    "NUMERIC": ("double", [1, 2.5]),
    "BLOB": ("string", BLOBS),
    "BOOLEAN": ("boolean", [0, 1]),
    "BOOL": ("boolean", [1, 0]),
    "DATE": ("date", ["2024-02-29", "0001-01-01", "9999-12-31"]),
    "TIME": ("time", ["00:00:00", "23:59:59", "12:34:56.5"]),
    "DATETIME": ("dateTime", MOMENTS),
    "TIMESTAMP": ("dateTime", MOMENTS),
    "JSON": ("json", ['{"a": [1, null]}', "[]"]),
    "UUID": ("guid", ["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "00000000-0000-0000-0000-000000000000"]),
    "": ("string", ["text", 7, 2.5]),
}


def test_each_declared_type_with_null_and_its_extremes_is_read_back_equal(world):
    statements = []
    for number, (declared, (_, values)) in enumerate(TYPES.items()):
        statements.append(f'CREATE TABLE t{number}(id INTEGER PRIMARY KEY, v {declared}, w {declared})')
        statements += [(f"INSERT INTO t{number}(v, w) VALUES(?, NULL)", (value,)) for value in values]
        statements += [(f"INSERT INTO t{number}(v, w) VALUES(NULL, ?)", (value,)) for value in values]
        statements.append(f"INSERT INTO t{number}(v, w) VALUES(NULL, NULL)")
    world.sql(*statements)
    world.track_once()
    lake = world.assert_equal()
    for number, (declared, (kind, _)) in enumerate(TYPES.items()):
        attribute = lake.of_table(f"t{number}").attribute("v")
        got = "string" if attribute.type == "binary" else attribute.type
        assert got == kind, declared
    assert lake.of_table("t5").attribute("v").max_length == 20
    assert lake.of_table("t4").attribute("v").max_length == -1


KEYS = {
    "id INTEGER PRIMARY KEY": [(v,) for v in INTEGERS],
    "id TEXT PRIMARY KEY": [(v,) for v in TEXTS if len(v) < 1000],
    "id TEXT PRIMARY KEY COLLATE NOCASE": [("a",), ("B",), ("ß",), ("É",), ("é",)],
    "id REAL PRIMARY KEY": [(v,) for v in DOUBLES],
    "id BLOB PRIMARY KEY": [(v,) for v in BLOBS],
    "id DATE PRIMARY KEY": [("2024-01-01",), ("1999-12-31",)],
    "id UUID PRIMARY KEY": [("00000000-0000-0000-0000-00000000000a",), ("ffffffff-0000-0000-0000-000000000000",)],
    "id TEXT, n INT, PRIMARY KEY(id, n)": [(a, b) for a in ("", "a", "a\x01", "aa", "é") for b in (-1, 0, 2**40)],
    "id BLOB, n TEXT, PRIMARY KEY(n DESC, id)": [(a, b) for a in (b"", b"\x00", b"\x00\xff") for b in ("", "x", "y")],
}


def test_keys_of_every_type_are_ordered_and_changed_rows_found_again(world):
    statements = []
    for number, (columns, keys) in enumerate(KEYS.items()):
        for suffix in ("", " WITHOUT ROWID"):
            table = f"k{number}{suffix[:3].strip()}"
            declared = (
                columns.replace(", PRIMARY", ", v TEXT, PRIMARY") if ", PRIMARY" in columns else columns + ", v TEXT"
            )
            statements.append(f"CREATE TABLE {table}({declared}){suffix}")
            marks = ", ".join("?" * len(keys[0]))
            statements += [(f"INSERT INTO {table} VALUES({marks}, 'first')", key) for key in keys]
    world.sql(*statements)
    world.track_once()
    world.assert_equal()
    tables = [row[0] for row in world.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'k%'")]
    world.sql(*[f"UPDATE {table} SET v = v || ' second'" for table in tables])
    world.once()
    world.assert_equal()
    world.sql(*[f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})" for table in tables])
    world.once()
    world.assert_equal()


def test_strict_and_generated_columns_and_any_are_copied(world):
    world.sql(
        "CREATE TABLE s(id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT",
        "CREATE TABLE g(id INTEGER PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a * 2) VIRTUAL,"
        " s TEXT AS ('x' || a) STORED)",
        "INSERT INTO s VALUES(1, 2, 3.5, 'four', x'05', 'six'), (2, NULL, NULL, NULL, NULL, NULL)",
        "INSERT INTO g(a) VALUES(1), (2)",
    )
    world.track_once()
    world.assert_equal()
    world.sql("UPDATE g SET a = 7 WHERE a = 2")
    world.once()
    world.assert_equal()


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


LONG = "n" * 300
ODD_NAMES = [
    "select",
    "order by",
    'with "quotes"',
    "it's",
    "naïve ☃",
    "ÜNÏCODE",
    "ünïcode",
    "a_b",
    "a b",
    "a-b",
    "a.b",
    "_lead",
    "1st",
    LONG,
    LONG + "x",
    "new\nline",
    "tab\t",
    "x,y",
    "%",
    "CON",
    "-dash",
    "..",
    "/etc/passwd",
    "\\",
    "lakefeed",
    "model.json",
    "日本語",
    " ",
    "Snapshot",
    "[x]",
    "`x`",
    "a;b",
    "--",
]


def test_odd_names_of_tables_and_columns_give_a_lake_that_reads_equal(world):
    world.db = world.folder / "odd 'ñame' (1).db"
    statements = []
    for name in ODD_NAMES:
        columns = ["group", name + " 1", "É", "é", "a b", "x,y", 'q"q', "c" * 256, "c" * 300, "d" * 300, "0", "e\u0301"]
        statements.append(
            f"CREATE TABLE {quoted(name)}({quoted(columns[0])} INTEGER PRIMARY KEY, "
            + ", ".join(f"{quoted(column)} TEXT" for column in columns[1:])
            + ")"
        )
        marks = ", ".join("?" * len(columns))
        statements += [
            (f"INSERT INTO {quoted(name)} VALUES({marks})", (row, *(f"{c[:5]} {row}" for c in columns[1:])))
            for row in (1, 2)
        ]
    world.sql(*statements)
    world.track_once()
    lake = world.assert_equal(ODD_NAMES)
    folded = [name.lower() for name in lake.entities]
    assert len(set(folded)) == len(folded)
    assert all(len(name) <= 200 and not name.startswith("_") for name in lake.entities)
    for entity in lake.entities.values():
        names = [attribute.name.casefold() for attribute in entity.attributes]
        assert len(set(names)) == len(names) and all(len(name) <= 256 for name in names)
    world.sql(
        *[
            f"UPDATE {quoted(name)} SET {quoted(name + ' 1')} = 'changed' WHERE {quoted('group')} = 2"
            for name in ODD_NAMES
        ]
    )
    world.once()
    assert sorted(world.assert_equal(ODD_NAMES).entities) == sorted(lake.entities)
    world.verify()


def test_a_name_once_committed_does_not_change_when_a_clashing_table_comes(world):
    world.sql("CREATE TABLE \"a b\"(id INTEGER PRIMARY KEY)", "INSERT INTO \"a b\" VALUES(1)")
    world.track_once()
    before = world.assert_equal().of_table("a b").name
    world.sql(
        "CREATE TABLE a_b(id INTEGER PRIMARY KEY)",
        "INSERT INTO a_b VALUES(2)",
        f"CREATE TABLE {quoted(before)}(id INTEGER PRIMARY KEY)",
    )
    world.track_once()
    assert world.assert_equal().of_table("a b").name == before


def test_a_second_run_without_changes_makes_no_commit_and_says_so(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES(1, 'x')")
    world.track_once()
    head = world.head()
    again = world.track_once()
    assert world.head() == head
    assert "no commit was made" in again.out
    assert [event["event"] for event in again.events].count("nothing_changed") == 1
    assert "commit_done" not in [event["event"] for event in again.events]


def test_tables_without_a_key_and_views_are_left_out_with_the_reason(world):
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        "CREATE TABLE nokey(a, b)",
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
    )
    result = world.track_once()
    skipped = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert "nokey" in skipped and "PRIMARY KEY" in skipped["nokey"]
    assert all(f"Left out: {table}: {skipped[table]}" in result.out for table in ("nokey", "f"))
    assert "t" in [entity.table for entity in world.read().entities.values()]


def test_an_empty_database_and_an_empty_table(world):
    world.sql("CREATE TABLE empty(id INTEGER PRIMARY KEY, v TEXT)")
    world.track_once()
    assert world.assert_equal().of_table("empty").initial_state == "Completed"
    world.sql("INSERT INTO empty VALUES(1, 'no more')")
    world.once()
    world.assert_equal()
    world.sql("DELETE FROM empty")
    world.once()
    assert world.assert_equal().of_table("empty").rows() == []


def test_only_the_named_tables_are_copied(world):
    world.sql(
        "CREATE TABLE a(id INTEGER PRIMARY KEY)",
        "CREATE TABLE b(id INTEGER PRIMARY KEY)",
        "CREATE TABLE c(id INTEGER PRIMARY KEY)",
    )
    world.track_once("--entities", "a,c")
    world.assert_equal(["a", "c"])
    assert not world.query("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'b'")
    wrong = world.once("--entities", "a,nowhere", expect=2)
    assert "nowhere" in wrong.events[-1]["message"]


def test_a_load_of_many_partitions_and_chunks_with_a_small_configuration(world):
    rows = [(number, f"text {number} " + "x" * (number % 50), number / 7) for number in range(3000)]
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, r REAL)",
        *[("INSERT INTO t VALUES(?, ?, ?)", row) for row in rows],
    )
    config = world.folder / "small config.json"
    config.write_text(f'''{{ "version": 1, // a comment
        "links": [ {{ "name": "small", "source": {{ "url": "sqlite:{world.db}" }},
                      "lake": {{ "url": "file:{world.lake}" }},
                      "snapshot": {{ "partition_bytes": "8KiB", "chunk_rows": 700 }} }} ] }}''')
    world.lakefeed("run", "-c", config, "--state-dir", world.state, "--track", "--once")
    before = world.assert_equal().of_table("t")
    assert len(before.files) > 10
    world.sql("UPDATE t SET v = 'short' WHERE id BETWEEN 1000 AND 1005")
    world.lakefeed("run", "-c", config, "--state-dir", world.state, "--once")
    after = world.assert_equal().of_table("t")
    assert 1 <= len(set(before.files) - set(after.files)) <= 2
    world.sql("DELETE FROM t WHERE id > 100", "INSERT INTO t SELECT id + 50000, v, r FROM t")
    world.lakefeed("run", "-c", config, "--state-dir", world.state, "--once")
    assert len(world.assert_equal().of_table("t").files) < 10


def test_real_data_of_the_quick_start(world):
    path = pathlib.Path(__file__).resolve().parents[1] / "data" / "nyc-slice.sql.gz"
    if not path.exists():
        pytest.skip("tests/data/nyc-slice.sql.gz is not there")
    with contextlib.closing(sqlite3.connect(world.db)) as db:
        db.executescript(gzip.decompress(path.read_bytes()).decode("utf-8"))
    world.track_once()
    lake = world.assert_equal()
    assert len(lake.of_table("flights").rows()) == 6099
    world.sql("UPDATE flights SET dep_delay = dep_delay + 1 WHERE carrier = 'UA'", "DELETE FROM weather WHERE hour = 3")
    world.once()
    world.assert_equal()
    world.verify()


def test_a_value_that_does_not_fit_its_column_freezes_its_table_alone_and_names_the_cure(world):
    world.sql(
        "CREATE TABLE good(id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO good VALUES(1, 'x')",
        "CREATE TABLE bad(id INTEGER PRIMARY KEY, n INT)",
        "INSERT INTO bad VALUES(1, 5), (2, 'no number')",
    )
    result = world.track_once(expect=1)
    frozen = [event for event in result.events if event["event"] == "entity_frozen"]
    assert len(frozen) == 1 and frozen[0]["entity"] == "bad"
    reason = frozen[0]["reason"]
    assert "no number" in reason and '"columns"' in reason and '"n"' in reason
    lake = world.read()
    assert lake.entities["good"].state == "Completed" and len(lake.entities["good"].rows()) == 1
    world.sql("UPDATE bad SET n = 6 WHERE id = 2", "INSERT INTO good VALUES(2, 'y')")
    world.once()
    world.assert_equal()


def test_a_column_configured_as_string_takes_any_value(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT)", "INSERT INTO t VALUES(1, 5), (2, 'no number'), (3, 2.5)")
    config = world.folder / "lakefeed.json"
    config.write_text(f'''{{ "version": 1, "links": [ {{ "name": "shop", "source": {{ "url": "sqlite:{world.db}" }},
        "lake": {{ "url": "file:{world.lake}" }},
        "entities": [ {{ "table": "t", "columns": {{"n": {{"type": "string"}}}} }} ] }} ] }}''')
    world.lakefeed("run", "-c", config, "--state-dir", world.state, "--track", "--once")
    assert world.assert_equal().of_table("t").attribute("n").type == "string"


def test_a_large_row_and_many_columns(world):
    columns = ", ".join(f"c{number} TEXT" for number in range(500))
    world.sql(
        f"CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns})",
        "INSERT INTO wide(id, c499) VALUES(1, 'last')",
        "CREATE TABLE large(id INTEGER PRIMARY KEY, v TEXT, b BLOB)",
        ("INSERT INTO large VALUES(1, ?, NULL), (2, 'small', ?)", ("x" * 7_000_000, struct.pack(">Q", 1) * 100_000)),
    )
    world.track_once()
    world.assert_equal()
    world.sql("UPDATE large SET v = v || 'y' WHERE id = 1")
    world.once()
    world.assert_equal()


def test_a_row_over_the_limit_freezes_its_table_and_names_the_key(world):
    world.sql(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
        ("INSERT INTO t VALUES(4711, ?)", ("x" * 9_000_000,)),
        "CREATE TABLE other(id INTEGER PRIMARY KEY)",
    )
    result = world.track_once(expect=1)
    frozen = [event for event in result.events if event["event"] == "entity_frozen"]
    assert [event["entity"] for event in frozen] == ["t"] and "4711" in frozen[0]["reason"]
    assert world.read().entities["other"].state == "Completed"
