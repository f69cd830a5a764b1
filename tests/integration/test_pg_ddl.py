# SPDX-License-Identifier: Apache-2.0
"""What ALTER TABLE and its like do to an entity: while lakefeed is stopped, while it runs, and between changes of rows.

Each form has a table of its own, all in one link, so that one run shows all of them.
"""

import psycopg
import pytest

import pg_compare
from world import wait_until

# The names of all columns that are alive afterwards stand in the source; the lake has to agree.
BASE = [
    "CREATE TABLE {t}(id int PRIMARY KEY, a text, b int DEFAULT 3, c numeric(10,2), big text)",
    "ALTER TABLE {t} ALTER big SET STORAGE EXTERNAL",
    "INSERT INTO {t} SELECT i, 'a' || i, i * 10, i / 4.0, repeat(chr(96 + i), 9000) FROM generate_series(1, 9) i",
]
PARTS = [
    "CREATE TABLE {t}(id int, a text, b int, PRIMARY KEY(id, b)) PARTITION BY LIST(b)",
    *["CREATE TABLE {t}_%d PARTITION OF {t} FOR VALUES IN (%d)" % (n, n) for n in (1, 2, 3)],
    "INSERT INTO {t} SELECT i, 'a' || i, 1 + i % 3 FROM generate_series(1, 9) i",
]
BEFORE = ["UPDATE {t} SET a = 'before' WHERE id IN (1, 2)", "DELETE FROM {t} WHERE id = 9"]
AFTER = ["DELETE FROM {t} WHERE id = 8", "UPDATE {t} SET id = 70 WHERE id = 7"]

EQUAL = {
    "add column": ["ADD COLUMN n text"],
    "add column, then values": ["ADD COLUMN n text", "UPDATE {t} SET n = 'x' WHERE id < 4"],
    "add column with default": ["ADD COLUMN n int DEFAULT 5"],
    "add column with default, then another default": ["ADD COLUMN n int DEFAULT 5", "ALTER COLUMN n SET DEFAULT 6",
                                                      "INSERT INTO {t}(id) VALUES(20)"],
    "add column with default, then no default": ["ADD COLUMN n int DEFAULT 5", "ALTER COLUMN n DROP DEFAULT",
                                                 "INSERT INTO {t}(id) VALUES(20)"],
    "add column with a computed default": ["ADD COLUMN n double precision DEFAULT random()"],
    "add column not null with now": ["ADD COLUMN n timestamptz NOT NULL DEFAULT now()"],
    "add serial": ["ADD COLUMN n serial"],
    "add identity": ["ADD COLUMN n int GENERATED ALWAYS AS IDENTITY"],
    "add column with default null": ["ADD COLUMN n int DEFAULT NULL"],
    "add column of a domain with default": ["ADD COLUMN n five"],
    "add two columns": ["ADD COLUMN n int, ADD COLUMN m text DEFAULT 'm'"],
    "add column if it is there": ["ADD COLUMN IF NOT EXISTS a text"],
    "add generated column": ["ADD COLUMN n int GENERATED ALWAYS AS (id * 2) STORED"],
    "drop column": ["DROP COLUMN b"],
    "drop column of large values": ["DROP COLUMN big"],
    "drop and add under the same name": ["DROP COLUMN a", "ADD COLUMN a text", "UPDATE {t} SET a = 'new' WHERE id = 3"],
    "drop and add under the same name with default": ["DROP COLUMN a", "ADD COLUMN a text DEFAULT 'new'"],
    "drop and add with another type": ["DROP COLUMN a", "ADD COLUMN a date", "UPDATE {t} SET a = '2024-01-01'"],
    "rename column": ["RENAME COLUMN a TO renamed", "UPDATE {t} SET renamed = 'r' WHERE id = 3"],
    "rename two columns into each other": ["RENAME COLUMN a TO x", "RENAME COLUMN big TO a", "RENAME COLUMN x TO big",
                                           "UPDATE {t} SET a = 'was big' WHERE id = 3"],
    "rename the key": ["RENAME COLUMN id TO ident", "DELETE FROM {t} WHERE ident = 4", None],
    "rename, drop and add": ["RENAME COLUMN a TO x", "DROP COLUMN b", "ADD COLUMN b int DEFAULT 1"],
    "type int to bigint": ["ALTER COLUMN b TYPE bigint"],
    "type text to varchar": ["ALTER COLUMN a TYPE varchar(100)"],
    "type varchar to longer": ["ALTER COLUMN a TYPE varchar(100)", "ALTER COLUMN a TYPE varchar(200)"],
    "type numeric to more digits": ["ALTER COLUMN c TYPE numeric(12,2)"],
    "type numeric to another scale": ["ALTER COLUMN c TYPE numeric(12,1)"],
    "type numeric without limit": ["ALTER COLUMN c TYPE numeric"],
    "type int to text": ["ALTER COLUMN b TYPE text"],
    "type int to text using": ["ALTER COLUMN b TYPE text USING 'was ' || b"],
    "same type using": ["ALTER COLUMN b TYPE int USING b + 1000"],
    "same type of a key using": ["ALTER COLUMN id TYPE int USING id + 1000", None],
    "type of the key": ["ALTER COLUMN id TYPE bigint"],
    "type of the key to text": ["ALTER COLUMN id TYPE text", "DELETE FROM {t} WHERE id = '4'", None],
    "collation": ['ALTER COLUMN a TYPE text COLLATE "und-x-icu"'],
    "set and drop default": ["ALTER COLUMN b SET DEFAULT 9", "INSERT INTO {t}(id) VALUES(20)",
                             "ALTER COLUMN b DROP DEFAULT", "INSERT INTO {t}(id) VALUES(21)"],
    "set and drop not null": ["ALTER COLUMN b SET NOT NULL", "ALTER COLUMN b DROP NOT NULL"],
    "storage, statistics, options": ["ALTER COLUMN big SET STORAGE MAIN", "ALTER COLUMN a SET STATISTICS 10",
                                     "ALTER COLUMN a SET (n_distinct = 5)", "SET (fillfactor = 70)"],
    "constraints": ["ADD CONSTRAINT {t}_check CHECK (id > 0) NOT VALID", "VALIDATE CONSTRAINT {t}_check",
                    "ADD CONSTRAINT {t}_u UNIQUE (a, id)", "DROP CONSTRAINT {t}_check"],
    "key made anew on the same columns": ["DROP CONSTRAINT {t}_pkey", "ADD PRIMARY KEY (id)"],
    "key of other columns": ["ALTER COLUMN a SET NOT NULL", "DROP CONSTRAINT {t}_pkey", "ADD PRIMARY KEY (id, a)"],
    "key of columns in another order": ["DROP CONSTRAINT {t}_pkey", "ADD PRIMARY KEY (id, b)",
                                       "DROP CONSTRAINT {t}_pkey",
                                        "ADD PRIMARY KEY (b, id)"],
    "identity full": ["REPLICA IDENTITY FULL", "UPDATE {t} SET b = 1 WHERE id = 3"],
    "identity by another index": ["ALTER COLUMN c SET NOT NULL", "ADD CONSTRAINT {t}_c UNIQUE (c)",
                                  "REPLICA IDENTITY USING INDEX {t}_c", "UPDATE {t} SET b = 1 WHERE id = 3",
                                  "UPDATE {t} SET c = -1 WHERE id = 4"],
    "rewrite to another place": ["SET TABLESPACE pg_default", "CLUSTER {t} USING {t}_pkey"],
    "triggers and rules": ["DISABLE TRIGGER ALL", "ENABLE TRIGGER ALL"],
    "row security": ["ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"],
    "index": ["CREATE INDEX ON {t}(a)", "ALTER INDEX {t}_pkey RENAME TO {t}_other"],
    "comment": ["COMMENT ON TABLE {t} IS 'x'"],
    "truncate": ["TRUNCATE {t}", "INSERT INTO {t} VALUES(8, 'new'), (7, 'newer')"],
    "truncate and alter": ["TRUNCATE {t}", "ADD COLUMN n int DEFAULT 4", "INSERT INTO {t} VALUES(8, 'new')"],
    "alter and truncate": ["ADD COLUMN n int DEFAULT 4", "TRUNCATE {t}", "INSERT INTO {t} VALUES(8, 'new')"],
    "table of a type": ["INHERIT parent", "NO INHERIT parent"],
}  # fmt: skip
PARTITIONS = {
    "partition added": ["CREATE TABLE {t}_4 PARTITION OF {t} FOR VALUES IN (4)", "INSERT INTO {t} VALUES(40, 'x', 4)"],
    "partition with rows attached": ["CREATE TABLE {t}_5(id int NOT NULL, a text, b int NOT NULL)",
                                     "INSERT INTO {t}_5 VALUES(50, 'x', 5)",
                                     "ATTACH PARTITION {t}_5 FOR VALUES IN (5)"],
    "partition detached": ["DETACH PARTITION {t}_1"],
    "partition detached, changed and attached": ["DETACH PARTITION {t}_1", "UPDATE {t}_1 SET a = 'apart'",
                                                 "ATTACH PARTITION {t}_1 FOR VALUES IN (1)"],
    "partition dropped": ["DROP TABLE {t}_2"],
    "partition truncated": ["TRUNCATE {t}_3"],
    "partition truncated and filled": ["TRUNCATE {t}_3", "INSERT INTO {t} VALUES(60, 'x', 3)"],
    "column added to all": ["ADD COLUMN n int DEFAULT 8"],
    "columns in another order in a leaf": [
        "CREATE TABLE {t}_6(b int NOT NULL, junk int, id int NOT NULL, a text)", "ALTER TABLE {t}_6 DROP COLUMN junk",
        "ATTACH PARTITION {t}_6 FOR VALUES IN (6)", "INSERT INTO {t} VALUES(66, 'six', 6)"],
    "type changed": ["ALTER COLUMN a TYPE varchar(50)"],
    "leaf rewritten": ["CLUSTER {t}_1 USING {t}_1_pkey"],
}  # fmt: skip
# The entity stands in Error, with a reason, and keeps its rows; or the statement itself is refused by the server.
FROZEN = {
    "drop table": (["DROP TABLE {t}"], "the table was dropped"),
    "drop and create": (["DROP TABLE {t}", "CREATE TABLE {t}(id int PRIMARY KEY, z text)",
                        "INSERT INTO {t} VALUES(1, 'z')"],
                        "its changes are not tracked any more; run lakefeed track"),
    "drop the key": (["DROP CONSTRAINT {t}_pkey"], "it has no primary key"),
}  # fmt: skip
SETUP = ["CREATE DOMAIN five AS int DEFAULT 5", "CREATE TABLE parent(id int PRIMARY KEY, a text, b int)",
         "CREATE SCHEMA away",
         "ALTER TABLE parent ALTER a DROP NOT NULL"]  # fmt: skip
CHILD = "CREATE TABLE {t}(id int PRIMARY KEY, a text, b int, c numeric(10,2), big text)"
HEADS = ("UPDATE", "INSERT", "DELETE", "CREATE", "DROP TABLE", "TRUNCATE", "CLUSTER", "COMMENT",
         "ALTER INDEX", "ALTER TABLE")


def statements_of(table, forms):
    for form in forms:
        if form is not None:
            form = form.replace("{t}", table)
            yield form if form.startswith(HEADS) else f"ALTER TABLE {table} {form}"


class Matrix:
    def __init__(self, pg, forms, base):
        self.pg, self.forms = pg, forms
        self.tables = {name: f"f{number}" for number, name in enumerate(forms)}
        pg.sql(*SETUP)
        for table in self.tables.values():
            pg.sql(*[statement.replace("{t}", table) for statement in base])

    def ddl(self, name):
        return list(statements_of(self.tables[name], self.forms[name]))

    def before(self, name):
        return list(statements_of(self.tables[name], BEFORE))

    def after(self, name):
        forms = self.forms[name]
        return [] if forms[-1] is None else list(statements_of(self.tables[name], AFTER))

    def is_equal(self):
        """For waiting: what cannot be read yet is not equal."""
        try:
            lake = self.pg.read()
            with self.pg.connect(user="postgres") as db:
                for table in self.tables.values():
                    compare_one(lake, db, table)
            return True
        except (AssertionError, OSError):
            return False

    def check(self, subtests):
        lake = self.pg.read()
        with self.pg.connect(user="postgres") as db:
            for name, table in self.tables.items():
                with subtests.test(form=name):
                    compare_one(lake, db, table)
        return lake


def compare_one(lake, db, table):
    entity = lake.of_table(table)
    assert entity.state == "Completed", entity.reason
    db.execute(pg_compare.SESSION)
    pg_compare.compare_entity(entity, db, pg_compare.source_tables(db)[table])


@pytest.mark.parametrize("how", ["stopped", "one transaction"])
@pytest.mark.parametrize("forms", [EQUAL, PARTITIONS], ids=["tables", "partitions"])
def test_while_nothing_runs(pg, subtests, forms, how):
    matrix = Matrix(pg, forms, BASE if forms is EQUAL else PARTS)
    pg.track_once()
    for name in forms:
        if how == "stopped":
            for statement in matrix.ddl(name):
                pg.sql(statement)
        else:
            pg.sql(*matrix.before(name), *matrix.ddl(name), *matrix.after(name))
    pg.once()
    matrix.check(subtests)
    for name in forms:  # what comes later meets the new shape
        for statement in matrix.after(name):
            pg.sql(statement)
    pg.once()
    matrix.check(subtests)


@pytest.mark.parametrize("forms", [EQUAL, PARTITIONS], ids=["tables", "partitions"])
def test_while_the_daemon_runs(pg, subtests, forms):
    matrix = Matrix(pg, forms, BASE if forms is EQUAL else PARTS)
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished", count=len(matrix.tables))
    for name in forms:
        for statement in matrix.before(name) + matrix.ddl(name) + matrix.after(name):
            pg.sql(statement)
    try:
        wait_until(matrix.is_equal, "all equal")
    except AssertionError:
        matrix.check(subtests)
        raise
    assert daemon.stop() == 0


@pytest.mark.parametrize("name", FROZEN)
def test_what_cannot_be_followed_freezes_its_entity_alone(pg, name):
    forms, reason = FROZEN[name]
    pg.sql(*[statement.replace("{t}", "f0") for statement in BASE], "CREATE TABLE other(id int PRIMARY KEY)")
    pg.track_once()
    rows = sorted(pg.read().of_table("f0").texts())
    pg.sql(*statements_of("f0", forms), "INSERT INTO other VALUES(1)")
    pg.once(expect=1)
    entity = pg.read().entities["f0"]
    assert entity.state == "Error" and entity.reason.startswith(reason), entity.reason
    assert sorted(entity.texts()) == rows
    assert pg.read().of_table("other").texts() == [("1",)]
    if name == "drop table":
        pg.sql(BASE[0].replace("{t}", "f0"), "INSERT INTO f0 VALUES(5)")
    elif name == "drop the key":
        pg.sql("ALTER TABLE f0 ADD PRIMARY KEY (id)")
    pg.track_once()
    pg.assert_equal()


def test_a_key_that_does_not_come_back_freezes_its_table_alone_under_a_daemon(pg):
    pg.sql(*[statement.replace("{t}", "f0") for statement in BASE], "CREATE TABLE other(id int PRIMARY KEY)")
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished", count=2)
    pg.sql("ALTER TABLE f0 DROP CONSTRAINT f0_pkey")
    daemon.wait_event("entity_frozen", entity="f0")
    pg.sql("INSERT INTO other VALUES(1)")
    wait_until(lambda: pg.read().of_table("other").texts() == [("1",)], "the other table goes on")
    entity = pg.read().entities["f0"]
    assert entity.state == "Error" and "primary key" in entity.reason
    assert daemon.stop() == 0


def test_a_published_table_cannot_be_taken_out_of_the_log(pg):
    pg.sql(*[statement.replace("{t}", "f0") for statement in BASE])
    pg.track_once()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="part of a publication"):
        pg.sql("ALTER TABLE f0 SET UNLOGGED")


@pytest.mark.parametrize("statement", ["ALTER TABLE f0 RENAME TO moved", "ALTER TABLE f0 SET SCHEMA away"])
@pytest.mark.parametrize("how", ["stopped", "running"])
def test_a_renamed_table_keeps_its_entity(pg, statement, how):
    pg.sql("CREATE SCHEMA away", *[statement.replace("{t}", "f0") for statement in BASE])
    table = "moved" if "RENAME" in statement else "away.f0"
    pg.track_once()
    daemon = pg.daemon() if how == "running" else None
    pg.sql(statement, f"INSERT INTO {table} VALUES(44, 'new')")
    if daemon is None:
        pg.once()
    wait_until(lambda: len(pg.read().entities["f0"].rows()) == 10, "the new row")
    pg.sql(f"INSERT INTO {table} VALUES(45, 'newer')")
    if daemon is None:
        pg.once()
    wait_until(lambda: len(pg.read().entities["f0"].rows()) == 11, "the next row")
    assert list(pg.read().entities) == ["f0"]


def test_a_new_table_joins_when_it_is_tracked(pg):
    pg.sql(*[statement.replace("{t}", "f0") for statement in BASE])
    pg.track_once()
    pg.sql("CREATE TABLE late(id int PRIMARY KEY, v text)", "INSERT INTO late VALUES(1, 'x')")
    result = pg.once()
    assert "late" in [event.get("table") for event in result.events if event["event"] == "entity_skipped"]
    pg.assert_equal(["f0"])
    pg.track_once()
    pg.assert_equal()
    pg.sql("UPDATE late SET v = 'y'", "UPDATE f0 SET a = 'y'")
    pg.once()
    pg.assert_equal()


def test_tables_that_cannot_be_copied_are_left_out_with_a_reason(pg):
    pg.sql("CREATE TABLE good(id int PRIMARY KEY)", "CREATE TABLE keyless(v int)",
           "CREATE UNLOGGED TABLE light(id int PRIMARY KEY)",
           "CREATE VIEW v AS SELECT 1 AS id", "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS id",
           "CREATE SEQUENCE s", "INSERT INTO keyless VALUES(1)")  # fmt: skip
    result = pg.track_once()
    left_out = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert "key" in left_out["keyless"] and "unlogged" in left_out["light"].lower()
    pg.assert_equal(["good"])
    pg.sql("UPDATE keyless SET v = 2", "DELETE FROM keyless")  # the application goes on
    pg.sql("ALTER TABLE keyless ADD COLUMN id int PRIMARY KEY")
    pg.track_once()
    pg.assert_equal(["good", "keyless"])


def test_tables_frozen_by_a_chosen_key_tell_the_application_nothing(pg):
    """Whatever is in the publication: updates and deletes of the application never fail because of it."""
    pg.sql("CREATE TABLE full_only(v int)", "ALTER TABLE full_only REPLICA IDENTITY FULL",
           "CREATE TABLE nothing(id int PRIMARY KEY, v int)", "ALTER TABLE nothing REPLICA IDENTITY NOTHING",
           "CREATE TABLE good(id int PRIMARY KEY)",
           "INSERT INTO full_only VALUES(1)", "INSERT INTO nothing VALUES(1, 1)")  # fmt: skip
    pg.track_once()
    pg.sql("UPDATE full_only SET v = 2", "UPDATE nothing SET v = 2", "DELETE FROM full_only", "DELETE FROM nothing")
    pg.assert_equal(["good"])
