# SPDX-License-Identifier: Apache-2.0
"""Schema changes, dropped and new tables: while nothing runs and while the daemon runs."""

import pytest

from world import wait_until

CHANGES = {
    "add a column": (
        ["ALTER TABLE t ADD COLUMN extra TEXT", "UPDATE t SET extra = 'e' WHERE id = 1"],
        ["id", "a", "b", "extra"],
    ),
    "add a column with a default": (["ALTER TABLE t ADD COLUMN extra INT DEFAULT 7"], ["id", "a", "b", "extra"]),
    "add a NOT NULL column": (
        ["ALTER TABLE t ADD COLUMN extra INT NOT NULL DEFAULT 0", "INSERT INTO t VALUES(9, 'i', 9, 9)"],
        ["id", "a", "b", "extra"],
    ),
    "drop a column": (["ALTER TABLE t DROP COLUMN a"], ["id", "b"]),
    "rename a column": (
        ["ALTER TABLE t RENAME COLUMN a TO renamed", "UPDATE t SET renamed = 'new' WHERE id = 2"],
        ["id", "renamed", "b"],
    ),
    "rename the key": (
        ["ALTER TABLE t RENAME COLUMN id TO ident", "DELETE FROM t WHERE ident = 1"],
        ["ident", "a", "b"],
    ),
    "drop and add under the same name": (
        ["ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ADD COLUMN a TEXT", "UPDATE t SET a = 'new' WHERE id = 2"],
        ["id", "b", "a"],
    ),
    "rename, drop and add": (
        [
            "ALTER TABLE t RENAME COLUMN a TO renamed",
            "ALTER TABLE t DROP COLUMN b",
            "ALTER TABLE t ADD COLUMN b TEXT",
            "UPDATE t SET b = 20",
        ],
        ["id", "renamed", "b"],
    ),
    "change a type": (
        [
            "CREATE TABLE n(id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
            "INSERT INTO n SELECT * FROM t",
            "DROP TABLE t",
            "ALTER TABLE n RENAME TO t",
        ],
        ["id", "a", "b"],
    ),
    "change the key": (
        [
            "CREATE TABLE n(id INT, a TEXT, b INT, PRIMARY KEY(b))",
            "INSERT INTO n SELECT * FROM t",
            "DROP TABLE t",
            "ALTER TABLE n RENAME TO t",
        ],
        ["id", "a", "b"],
    ),
    "rows changed before and after": (
        [
            "UPDATE t SET a = 'before'",
            "ALTER TABLE t ADD COLUMN extra TEXT",
            "UPDATE t SET extra = 'after'",
            "DELETE FROM t WHERE id = 3",
        ],
        ["id", "a", "b", "extra"],
    ),
}
TABLES = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT)",
    "INSERT INTO t VALUES(1, 'x', 10), (2, NULL, 20), (3, '', 30)",
    "CREATE TABLE other(id INTEGER PRIMARY KEY)",
    "INSERT INTO other VALUES(1)",
]


def alive(lake):
    return sorted(attribute.column for attribute in lake.of_table("t").attributes if not attribute.dropped)


@pytest.mark.parametrize("name", CHANGES)
def test_schema_change_while_nothing_runs(world, name):
    statements, columns = CHANGES[name]
    world.sql(*TABLES)
    world.track_once()
    before = world.read()
    world.sql(*statements)
    world.track_once()
    lake = world.assert_equal()
    assert alive(lake) == sorted(columns)
    assert lake.of_table("other").files == before.of_table("other").files
    world.sql("DELETE FROM t WHERE b = 20", "INSERT INTO other VALUES(2)")
    world.once()
    world.assert_equal()


@pytest.mark.parametrize(
    "name", [name for name, (statements, _) in CHANGES.items() if not any("CREATE" in s for s in statements)]
)
def test_schema_change_while_the_daemon_runs(world, name):
    statements, columns = CHANGES[name]
    world.sql(*TABLES)
    world.wal()
    daemon = world.daemon("--track")
    world.daemons[0].wait_event("load_finished", count=2)
    world.wait_equal()
    world.sql(*statements)
    assert alive(world.wait_equal()) == sorted(columns)
    world.sql("DELETE FROM t WHERE b = 20", "INSERT INTO other VALUES(2)")
    world.wait_equal()
    assert daemon.stop() == 0


def test_a_dropped_column_keeps_its_place_empty_and_a_new_one_comes_last(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("ALTER TABLE t DROP COLUMN a")
    world.once()
    world.sql("ALTER TABLE t ADD COLUMN c TEXT", "UPDATE t SET c = 'c' WHERE id = 1")
    world.once()
    attributes = world.assert_equal().of_table("t").attributes
    assert [(attribute.name, attribute.dropped) for attribute in attributes] == [
        ("id", False),
        ("a", True),
        ("b", False),
        ("c", False),
    ]


# Columns to drop of t(a, id, b, c, d), whose key is id, and what comes after.
DROPS = {
    "first, so that the key comes after it": ["ALTER TABLE t DROP COLUMN a"],
    "middle": ["ALTER TABLE t DROP COLUMN b"],
    "last": ["ALTER TABLE t DROP COLUMN d"],
    "several": ["ALTER TABLE t DROP COLUMN a", "ALTER TABLE t DROP COLUMN c"],
    "one, and another added": ["ALTER TABLE t DROP COLUMN b", "ALTER TABLE t ADD COLUMN e TEXT"],
}


@pytest.mark.parametrize("name", DROPS)
def test_rows_keep_their_columns_after_one_was_dropped(world, name):
    """In the stream, verify, a load for a lost partition, and after each start, which knows the shape from the lake."""
    world.sql(
        "CREATE TABLE t(a TEXT, id INTEGER PRIMARY KEY, b INT, c TEXT, d REAL)",
        "INSERT INTO t VALUES('a1', 1, 10, 'c1', 0.5), ('a2', 2, 20, 'c2', 1.5), ('a3', 3, 30, NULL, 2.5)",
    )
    world.wal()
    world.track_once()
    world.sql(*DROPS[name])
    world.once()
    world.assert_equal()
    world.verify()
    world.sql("INSERT INTO t(id) VALUES(4)", "UPDATE t SET id = 30 WHERE id = 3", "DELETE FROM t WHERE id = 2")
    world.once()
    world.assert_equal()
    world.damaged.add(world.lake)
    for path in world.read().of_table("t").files:
        (world.lake / path).unlink()
    world.once()
    world.assert_equal()
    world.verify()
    for number in (5, 6):
        daemon = world.daemon()
        world.sql(f"INSERT INTO t(id) VALUES({number})", f"DELETE FROM t WHERE id = {number - 1}")
        world.wait_equal()
        assert daemon.stop() == 0
    world.verify()


def test_a_dropped_table_stands_in_error_and_the_others_go_on(world):
    world.sql(*TABLES)
    world.track_once()
    kept = world.read().of_table("t")
    world.sql("DROP TABLE t", "INSERT INTO other VALUES(2)")
    result = world.once(expect=1)
    assert "t stands still: the table was dropped" in result.out
    lake = world.read()
    entity = lake.entities["t"]
    assert (entity.state, entity.initial_state, entity.files) == ("Error", "Completed", kept.files)
    assert "dropped" in entity.reason and "lakefeed:standsAt" in entity.notes
    assert len(entity.rows()) == 3
    assert len(lake.of_table("other").rows()) == 2
    states = {entity["name"]: entity for entity in world.status()["entities"]}
    assert states["t"]["state"] == "Error" and "dropped" in states["t"]["reason"]
    assert world.once(expect=1).status == 1


def test_a_table_created_again_is_loaded_once_it_is_tracked(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql(
        "DROP TABLE t",
        "CREATE TABLE t(id TEXT PRIMARY KEY, z REAL)",
        "INSERT INTO t VALUES('new', 1.5)",
        "INSERT INTO other VALUES(2)",
    )
    world.once(expect=1)
    assert world.read().entities["t"].state == "Error"
    assert len(world.read().of_table("other").rows()) == 2
    world.track_once()
    assert [attribute.name for attribute in world.assert_equal().of_table("t").attributes] == ["id", "z"]
    world.sql("INSERT INTO t VALUES('newer', NULL)")
    world.once()
    world.assert_equal()


def test_a_renamed_table_keeps_its_entity(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("ALTER TABLE t RENAME TO moved", "INSERT INTO moved VALUES(4, 'new', 40)")
    world.once()
    lake = world.read()
    assert sorted(lake.entities) == ["other", "t"]
    assert len(lake.entities["t"].rows()) == 4


def test_a_new_table_joins_the_link_when_it_is_tracked(world):
    world.sql(*TABLES)
    world.track_once()
    world.sql("CREATE TABLE late(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO late VALUES(1, 'x')")
    result = world.once()
    assert "late" in [event.get("table") for event in result.events if event["event"] == "entity_skipped"]
    world.assert_equal(["t", "other"])
    world.track_once()
    world.assert_equal()


def test_a_table_dropped_while_the_daemon_runs_freezes_alone(world):
    world.sql(*TABLES)
    world.wal()
    daemon = world.daemon("--track")
    world.daemons[0].wait_event("load_finished", count=2)
    world.sql("DROP TABLE t")
    daemon.wait_event("entity_frozen", entity="t")
    world.sql("INSERT INTO other VALUES(2), (3)")
    daemon.wait_event("commit_done", count=3)
    wait_until(lambda: len(world.read().of_table("other").rows()) == 3, "the other table goes on")
    assert world.read().entities["t"].state == "Error"
    assert daemon.stop() == 0


def test_an_entity_removed_from_the_list_leaves_model_json_and_its_files_go_by_retention(world):
    world.sql(*TABLES)
    config = world.folder / "lakefeed.json"

    def run(entities, keep_for="0s"):
        config.write_text(f'''{{ "version": 1, "links": [ {{ "name": "shop", "source": {{ "url": "sqlite:{world.db}" }},
            "lake": {{ "url": "file:{world.lake}" }}, "entities": {entities},
            "snapshot": {{ "keep": 2, "keep_for": "{keep_for}" }} }} ] }}''')
        world.lakefeed("run", "-c", config, "--state-dir", world.state, "--track", "--once")

    run('["t", "other"]')
    files = world.read().entities["t"].files
    run('["other"]')
    assert list(world.read().entities) == ["other"]
    assert all((world.lake / path).exists() for path in files), "a retained commit still names them"
    for number in range(2, 7):
        world.sql(f"INSERT INTO other VALUES({number})")
        run('["other"]')
    assert not any((world.lake / path).exists() for path in files)
    world.assert_equal(["other"])
    run('["other", "t"]')
    world.assert_equal()
