# SPDX-License-Identifier: Apache-2.0
"""Values that a lake cannot hold. By default they freeze their entity alone, at its last good snapshot."""

import re

import pytest

import lake_reader
from faults import reasons

OTHER = ["CREATE TABLE other(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO other VALUES(1, 'x')"]
AS_STRING = '; to take its values as they are, configure "columns": {"v": {"type": "string"}}'
AS_BINARY = '; to take its values as they are, configure "columns": {"v": {"type": "binary"}}'
DATE = "is no date in the form yyyy-MM-dd (years 0001 to 9999)"
DATETIME = (
    "is no ISO date and time (yyyy-MM-ddTHH:mm:ss in the years 0001 to 9999, at most 6 digits of a second, "
    "with or without a zone)"
)
TEXT = ("is not valid UTF-8", "contains the character U+0000")
INTEGER = "is no integer of 64 bits"
# declared type, SQL of the value, how the reason shows it, why, cure
VALUES = [
    ("INT", "9223372036854775808", "9.22337203685478e+18", INTEGER, AS_STRING),
    ("INT", "'9223372036854775808'", "9.22337203685478e+18", INTEGER, AS_STRING),
    ("INT", "-9223372036854775809", "-9.22337203685478e+18", INTEGER, AS_STRING),
    ("INT", "'123456789012345678901234567890'", "1.23456789012346e+29", INTEGER, AS_STRING),
    ("BIGINT", "1e30", "1.0e+30", INTEGER, AS_STRING),
    ("INT", "9e999", "Inf", INTEGER, AS_STRING),
    ("INT", "'NaN'", "'NaN'", INTEGER, AS_STRING),
    ("REAL", "'NaN'", "'NaN'", "is no number", AS_STRING),
    ("REAL", "'Infinity'", "'Infinity'", "is no number", AS_STRING),
    ("DATE", "'0000-01-01'", "'0000-01-01'", DATE, AS_STRING),
    ("DATE", "'10000-01-01'", "'10000-01-01'", DATE, AS_STRING),
    ("DATE", "'-0044-03-15'", "'-0044-03-15'", DATE, AS_STRING),
    ("DATETIME", "'0000-12-31 23:59:59'", "'0000-12-31 23:59:59'", DATETIME, AS_STRING),
    ("DATETIME", "'10000-01-01 00:00:00'", "'10000-01-01 00:00:00'", DATETIME, AS_STRING),
    ("DATETIME", "'9999-12-31T23:30:00-01:00'", "'9999-12-31T23:30:00-01:00'", DATETIME, AS_STRING),
    ("DATETIME", "'0001-01-01T00:30:00+01:00'", "'0001-01-01T00:30:00+01:00'", DATETIME, AS_STRING),
    ("TEXT", "CAST(x'61ff62' AS TEXT)", "'a?b'", "is not valid UTF-8", AS_BINARY),
    ("TEXT", "CAST(x'c080' AS TEXT)", "'??'", "is not valid UTF-8", AS_BINARY),
    ("TEXT", "CAST(x'eda080' AS TEXT)", "'???'", "is not valid UTF-8", AS_BINARY),
    ("TEXT", "'a' || char(0) || 'b'", "'a?b'", "contains the character U+0000", AS_BINARY),
    ("TEXT", "x'ff00'", "x'ff00'", "is a blob, not text", AS_BINARY),
]
GOOD = {"INT": "7", "BIGINT": "7", "REAL": "7.5", "DATE": "'2024-02-29'", "DATETIME": "'2024-02-29T12:00:00Z'"}


def policy(why):
    """The other way out, which every reason names last."""
    return f"; or set {'on_bad_text to replace or quarantine' if why in TEXT else 'on_bad_row to quarantine'}"


def reason_of(shown, why, cure):
    """Text is looked at by the host, every other type by the connector, which knows the value as SQLite has it."""
    begins = f"row k=4711: column v: {shown}" if why in TEXT else f"column v, row with key k=4711: the value {shown}"
    return f"table n, {begins} {why}{cure}{policy(why)}"


def check_frozen(world, result, wanted, rows):
    """The reason is the whole message, stands in the log and in the lake; the other entity has gone on."""
    assert reasons(result, "entity_frozen") == {"n": wanted}
    lake = world.read()
    frozen = lake.entities["n"]
    assert (frozen.state, frozen.reason) == ("Error", wanted)
    assert len(frozen.rows()) == rows and "lakefeed:standsAt" in frozen.notes
    assert lake.entities["other"].state == "Completed"
    status = {entity["name"]: entity for entity in world.status()["entities"]}
    assert status["n"]["reason"] == wanted


@pytest.mark.parametrize("declared, value, shown, why, cure", VALUES)
def test_a_value_that_a_lake_cannot_hold_freezes_its_entity_alone(world, declared, value, shown, why, cure):
    good = GOOD.get(declared, "'good'")
    world.sql(f"CREATE TABLE n(k INTEGER PRIMARY KEY, v {declared})", f"INSERT INTO n VALUES(1, {good})", *OTHER)
    world.track_once()
    world.sql(f"INSERT INTO n VALUES(4711, {value}), (5, {good})", "INSERT INTO other VALUES(2, 'y')")
    wanted = reason_of(shown, why, cure)
    check_frozen(world, world.once(expect=1), wanted, rows=1)
    assert len(world.read().entities["other"].rows()) == 2
    world.sql("INSERT INTO other VALUES(3, 'z')")
    check_frozen(world, world.once(expect=1), wanted, rows=1)
    assert len(world.read().entities["other"].rows()) == 3
    world.sql(f"UPDATE n SET v = {good} WHERE k = 4711")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("declared, value, shown, why, cure", [VALUES[0], VALUES[9], VALUES[16], VALUES[19]])
def test_a_value_that_a_lake_cannot_hold_in_a_first_load_freezes_its_entity_empty(
    world, declared, value, shown, why, cure
):
    world.sql(f"CREATE TABLE n(k INTEGER PRIMARY KEY, v {declared})", f"INSERT INTO n VALUES(4711, {value})", *OTHER)
    result = world.track_once(expect=1)
    wanted = reason_of(shown, why, cure)
    assert reasons(result, "entity_frozen") == {"n": wanted}
    assert "n" not in [e.name for e in world.read().entities.values() if e.state == "Completed"]
    world.sql("UPDATE n SET v = NULL")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("cure", ["string", "binary"])
def test_the_setting_that_a_reason_gives_takes_the_values_as_they_are(world, cure):
    """Pasted as it stands."""
    declared, value = ("INT", "9223372036854775808") if cure == "string" else ("TEXT", "CAST(x'61ff62' AS TEXT)")
    world.sql(f"CREATE TABLE n(k INTEGER PRIMARY KEY, v {declared})", f"INSERT INTO n VALUES(4711, {value})", *OTHER)
    reason = reasons(world.track_once("--name", "shop", expect=1), "entity_frozen")["n"]
    setting = reason[reason.index('"columns"') : reason.index("; or set")]
    config = world.folder / "lakefeed.json"
    config.write_text(
        f'{{"version": 1, "links": [{{"name": "shop", "source": {{"url": "sqlite:{world.db}"}}, '
        f'"lake": {{"url": "file:{world.lake}"}}, "entities": [{{"table": "n", {setting}}}, "other"]}}]}}'
    )
    world.config = config
    world.once()
    lake = world.read()
    assert lake.entities["n"].state == "Completed" and len(lake.entities["n"].rows()) == 1
    wanted = "9.223372036854776e+18" if cure == "string" else "Yf9i"  # SQLite itself holds a number with a fraction
    assert lake.entities["n"].texts() == [("4711", wanted)]
    world.verify()


def test_the_bounds_themselves_are_taken(world):
    world.sql(
        "CREATE TABLE n(k INTEGER PRIMARY KEY, i INT, r REAL, d DATE, t DATETIME, s TEXT)",
        "INSERT INTO n VALUES(1, 9223372036854775807, 9e999, '0001-01-01', '0001-01-01T00:00:00Z', ''),"
        " (2, -9223372036854775808, -9e999, '9999-12-31', '9999-12-31T23:59:59.999999Z', char(1, 127, 0x10FFFF)),"
        " (9223372036854775807, 0, 4.9e-324, '2024-02-29', NULL, char(0xFEFF)),"
        " (-9223372036854775808, NULL, 1.7976931348623157e308, NULL, NULL, NULL)",
    )
    world.track_once()
    rows = {row[0]: row for row in world.read().entities["n"].texts()}
    assert rows["1"][1:3] == ("9223372036854775807", "Infinity") and rows["2"][2] == "-Infinity"
    lake_reader.compare_duckdb(world.read())
    world.verify()


# --- sizes ---


def test_a_row_over_the_limit_freezes_its_entity_and_names_row_column_and_cure(world):
    world.sql("CREATE TABLE n(k INTEGER PRIMARY KEY, v TEXT, w TEXT)", "INSERT INTO n VALUES(1, 'x', NULL)", *OTHER)
    world.track_once()
    world.sql(("INSERT INTO n VALUES(4711, ?, 'w')", ("x" * 8_388_609,)), "INSERT INTO other VALUES(2, 'y')")
    result = world.once(expect=1)
    reason = reasons(result, "entity_frozen")["n"]
    wanted = (
        "table n[:,] row k=4711: column v: a value of 8388609 bytes is more than the"
        " 8388608 bytes that a row may have; "
        r"leave the column out \(exclude\), or shorten the value; or set on_bad_row to quarantine"
    )
    assert re.fullmatch(wanted, reason), reason
    check_frozen(world, result, reason, rows=1)
    assert len(world.read().entities["other"].rows()) == 2
    world.sql(("UPDATE n SET v = ?, w = ?", ("x" * 4_200_000, "y" * 4_200_000)))
    again = reasons(world.once(expect=1), "entity_frozen")["n"]
    wanted = (
        "table n[:,] row k=1: column w: here the row exceeds the 8388608 bytes that a row may have; "
        r"leave a large column out \(exclude\), or shorten its value; or set on_bad_row to quarantine"
    )
    assert re.fullmatch(wanted, again), again
    world.sql(("UPDATE n SET v = ?, w = NULL", ("x" * 8_388_590,)))
    world.once()
    world.assert_equal()


@pytest.mark.parametrize("loading", [True, False])
def test_a_key_over_16_kib_freezes_its_entity_and_the_longest_key_is_taken(world, loading):
    longest = 16 * 1024 - 2  # two bytes end the text in a key
    world.sql("CREATE TABLE n(k TEXT PRIMARY KEY, v TEXT)", ("INSERT INTO n VALUES(?, 'x')", ("a" * longest,)), *OTHER)
    if not loading:
        world.track_once()
        world.assert_equal()
    world.sql(("INSERT INTO n VALUES(?, 'y')", ("b" * (longest + 1),)), "INSERT INTO other VALUES(2, 'y')")
    result = world.track_once(expect=1)
    wanted = (
        f"table n: column k: '{40 * 'b'}…' makes the key of its row longer than 16384 bytes; "
        "shorten it, or leave the table out"
    )
    assert reasons(result, "entity_frozen") == {"n": wanted}
    assert len(world.read().entities["other"].rows()) == 2
    world.sql("UPDATE n SET v = 'z'")
    world.once(expect=1)  # the change comes again from the stream, and is not waited for
    world.sql("DELETE FROM n WHERE k LIKE 'b%'")
    world.once()
    world.assert_equal()


def test_a_daemon_tries_a_frozen_entity_again_and_ends_when_told(world):
    """A change that cannot be taken comes again from the stream at each start; that must not be waited for."""
    world.sql("CREATE TABLE n(k TEXT PRIMARY KEY, v TEXT)", "INSERT INTO n VALUES('a', 'x')", *OTHER)
    world.track_once()
    world.sql(("INSERT INTO n VALUES(?, 'y')", ("b" * 17_000,)))
    world.once(expect=1)
    world.sql("UPDATE n SET v = 'z'")
    daemon = world.daemon()
    daemon.wait_event("link_started")
    world.sql("INSERT INTO other VALUES(2, 'y')")
    daemon.wait_event("commit_done")
    assert world.read().entities["n"].state == "Error"
    assert daemon.stop() == 0
    world.sql("DELETE FROM n WHERE v <> 'x' AND length(k) > 100")
    world.once()
    world.assert_equal()


def test_many_bad_rows_in_one_table_are_one_failure(world):
    world.sql("CREATE TABLE n(k INTEGER PRIMARY KEY, v INT)", "INSERT INTO n VALUES(1, 1)", *OTHER)
    world.track_once()
    world.sql(
        "INSERT INTO n WITH RECURSIVE i(x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM i WHERE x < 2000)"
        " SELECT x, 'no number' FROM i",
        "INSERT INTO other VALUES(2, 'y')",
    )
    result = world.once(expect=1)
    assert len([event for event in result.events if event["level"] in ("warn", "error")]) == 1, result.err
    assert len(reasons(result, "entity_frozen")) == 1
