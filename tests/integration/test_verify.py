# SPDX-License-Identifier: Apache-2.0
"""verify finds every difference and raises no false alarm."""

import json
import re

import pytest

import workload
from world import wait_until, writers

ROWS = [(number, number * 1000 + 7, f"text {number}" if number % 3 else None) for number in range(1, 501)]


@pytest.fixture
def shop(world):
    world.sql(
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INT, note TEXT)",
        *[("INSERT INTO orders VALUES(?, ?, ?)", row) for row in ROWS],
        "CREATE TABLE pair(a TEXT, b INT, v REAL, PRIMARY KEY(a, b))",
        "INSERT INTO pair VALUES('x', 1, 1.5), ('x', 2, 2.5), ('y', 1, NULL)",
    )
    world.track_once()
    return world


def alter(world, table, change):
    """Changes a lake file behind lakefeed's back."""
    path = world.lake / world.read().of_table(table).files[0]
    data = path.read_bytes()
    changed = change(data)
    assert changed != data
    path.write_bytes(changed)
    world.damaged.add(world.lake)


def assert_found(result, entity, key):
    assert result.status == 3
    lines = [
        line
        for line in result.out.splitlines()
        if re.search(rf"\b{entity}\b", line) and all(re.search(rf"\b{part}\b", line) for part in key)
    ]
    assert lines, result.out
    assert "equals" not in result.out
    return lines


def test_equal_ends_with_0_and_says_so(shop):
    result = shop.verify()
    assert "equal" in result.out and "differ" not in result.out
    answer = json.loads(shop.verify("--json").out)
    assert answer["equal"] is True
    assert {entity["name"]: entity["rows"] for entity in answer["entities"]} == {"orders": 500, "pair": 3}


def test_one_altered_digit_is_found_with_entity_and_key(shop):
    alter(shop, "orders", lambda data: data.replace(b"\n123,123007,", b"\n123,123008,"))
    lines = assert_found(shop.verify(expect=None), "orders", ["123"])
    assert "123008" in lines[0] and "123007" in lines[0]
    answer = json.loads(shop.verify("--json", expect=3).out)
    differences = next(entity for entity in answer["entities"] if entity["name"] == "orders")["differences"]
    assert answer["equal"] is False
    assert any("123" in difference["key"] and difference["column"] == "total" for difference in differences)


def test_a_row_dropped_from_the_lake_is_found(shop):
    alter(shop, "orders", lambda data: re.sub(rb"\n77,[^\n]*\n", b"\n", data))
    assert_found(shop.verify(expect=None), "orders", ["77"])


def test_a_row_added_to_the_lake_is_found(shop):
    alter(shop, "orders", lambda data: data + b'501,1,"not in the source"\n')
    assert_found(shop.verify(expect=None), "orders", ["501"])


def test_null_for_an_empty_string_is_found(shop):
    shop.sql("UPDATE orders SET note = '' WHERE id = 9")
    shop.once()
    alter(shop, "orders", lambda data: data.replace(b'\n9,9007,""\n', b"\n9,9007,\n"))
    assert_found(shop.verify(expect=None), "orders", ["9"])


def test_a_composite_key_is_named_whole(shop):
    alter(shop, "pair", lambda data: data.replace(b"2.5", b"2.6"))
    assert_found(shop.verify(expect=None), "pair", ["x", "2"])


def test_a_broken_or_missing_file_is_found(shop):
    alter(shop, "pair", lambda data: data[:-3])
    assert shop.verify(expect=None).status == 3
    (shop.lake / shop.read().of_table("pair").files[0]).unlink()
    result = shop.verify(expect=None)
    assert result.status == 3 and "pair" in result.out
    assert shop.verify("orders").status == 0


def test_changes_not_yet_committed_are_no_difference(shop):
    """Nobody commits, so verify can only say that these keys were not compared; it must not call them different."""
    shop.sql(
        "UPDATE orders SET total = 0 WHERE id = 5",
        "DELETE FROM orders WHERE id = 6",
        "INSERT INTO orders VALUES(9999, 1, NULL)",
    )
    result = shop.verify(expect=None)
    assert result.status == 0, result.out
    shop.once()
    assert "kept changing" not in shop.verify().out


def test_rows_changed_without_a_trace_are_found(shop):
    triggers = [row[0] for row in shop.query("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")]
    names = [row[0] for row in shop.query("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    shop.sql(
        *[f"DROP TRIGGER {name}" for name in names],
        "UPDATE orders SET total = 1 WHERE id = 42",
        "DELETE FROM orders WHERE id = 43",
        *triggers,
    )
    result = shop.verify(expect=None)
    assert_found(result, "orders", ["42"])
    assert_found(result, "orders", ["43"])


def test_no_false_alarm_under_load_with_the_daemon_and_an_altered_digit_is_found(world, seed):
    workload.create(world.db)
    world.sql(
        "CREATE TABLE still(id INTEGER PRIMARY KEY, v INT)",
        *[f"INSERT INTO still VALUES({n}, {n})" for n in range(1000, 1100)],
    )
    daemon = world.daemon("--track")
    daemon.wait_event("load_finished", count=5)
    with writers(world, seed, count=2, pause_ms=10):
        for _ in range(2):
            assert world.verify().status == 0
        alter(world, "still", lambda data: data.replace(b"1050,1050", b"1050,1051"))
        assert_found(world.verify(expect=None), "still", ["1050"])
    assert daemon.stop() == 0


def test_a_lake_that_is_not_there_and_an_unknown_entity_are_told(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    assert world.verify(expect=None).status not in (0, 3)
    world.track_once()
    result = world.verify("nowhere", expect=None)
    assert result.status == 2 and "nowhere" in result.err


def test_it_writes_nothing_to_lake_or_source(shop):
    def seen():
        return sorted((path, path.stat().st_mtime_ns) for path in shop.lake.rglob("*") if path.is_file()), shop.query(
            "SELECT * FROM lakefeed_log"
        )

    before = seen()
    shop.verify()
    assert seen() == before


def test_under_load_while_nobody_commits_it_ends(world, seed):
    workload.create(world.db)
    world.track_once()
    with writers(world, seed, pause_ms=5):
        began = wait_until(lambda: world.query("SELECT count(*) FROM transfer")[0][0] > 20, "transfers")
        assert began
        assert world.verify(expect=None).status == 0
