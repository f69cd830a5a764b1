# SPDX-License-Identifier: Apache-2.0
"""Changes of rows between two runs: what an application can do to its tables reaches the lake."""

import contextlib
import random
import sqlite3

import pytest

SHOP = """
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, email TEXT, active BOOLEAN);
CREATE UNIQUE INDEX customer_email ON customer(lower(email)) WHERE active;
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INT REFERENCES customer(id) ON DELETE CASCADE ON UPDATE CASCADE,
    total REAL, note TEXT);
CREATE TABLE line(orders INT REFERENCES orders(id) ON DELETE CASCADE ON UPDATE CASCADE, n INT, item TEXT,
    PRIMARY KEY(orders, n)) WITHOUT ROWID;
CREATE TABLE country(code TEXT PRIMARY KEY COLLATE NOCASE, name TEXT);
INSERT INTO customer VALUES(1, 'Ann', 'a@x', 1), (2, 'Bob', 'b@x', 1), (3, 'Cid', 'C@x', 0), (4, 'Dee', NULL, 1);
INSERT INTO orders VALUES(10, 1, 1.5, NULL), (11, 1, 2.5, ''), (20, 2, 3.5, 'x'), (30, NULL, 0, 'nobody');
INSERT INTO line VALUES(10, 1, 'a'), (10, 2, 'b'), (11, 1, 'c'), (20, 1, 'd'), (20, 2, 'e');
INSERT INTO country VALUES('de', 'Germany'), ('AT', 'Austria'), ('ch', NULL);
"""

CHANGES = {
    "insert": ["INSERT INTO customer VALUES(5, 'Eve', 'e@x', 1)", "INSERT INTO orders(customer, total) VALUES(5, 9)"],
    "update": ["UPDATE customer SET email = 'new@x' WHERE id = 2"],
    "update without effect": ["UPDATE orders SET note = note"],
    "value to NULL and NULL to empty": ["UPDATE orders SET note = CASE WHEN note IS NULL THEN '' END"],
    "delete": ["DELETE FROM line WHERE item = 'a'"],
    "delete of all rows": ["DELETE FROM line"],
    "insert and delete": ["INSERT INTO country VALUES('fr', 'France')", "DELETE FROM country WHERE code = 'FR'"],
    "delete and insert": ["DELETE FROM country WHERE code = 'ch'", "INSERT INTO country VALUES('ch', 'again')"],
    "key change": ["UPDATE orders SET id = id + 100 WHERE id = 30"],
    "key change of all rows": ["UPDATE line SET n = n + 1000"],
    "keys swapped": [
        "UPDATE country SET code = 'tmp' WHERE code = 'de'",
        "UPDATE country SET code = 'de' WHERE code = 'AT'",
        "UPDATE country SET code = 'AT' WHERE code = 'tmp'",
    ],
    "case of a NOCASE key": ["UPDATE country SET code = upper(code)"],
    "case of a NOCASE key by REPLACE": ["INSERT OR REPLACE INTO country VALUES('DE', 'replaced')"],
    "REPLACE of the same key": ["REPLACE INTO customer VALUES(4, 'Dee', 'dee@x', 0)"],
    "REPLACE that removes another row by a UNIQUE column": [
        "INSERT OR REPLACE INTO customer VALUES(6, 'cid', NULL, 0)"
    ],
    "REPLACE that removes another row by a partial index of an expression": [
        "INSERT OR REPLACE INTO customer VALUES(7, 'Gus', 'B@X', 1)"
    ],
    "REPLACE that removes two rows": ["INSERT OR REPLACE INTO customer VALUES(3, 'DEE', 'c@x', 1)"],
    "UPDATE OR REPLACE": ["UPDATE OR REPLACE customer SET name = 'ANN' WHERE id = 3"],
    "UPDATE OR REPLACE of a key": ["UPDATE OR REPLACE country SET code = 'at' WHERE code = 'ch'"],
    "INSERT OR IGNORE": ["INSERT OR IGNORE INTO customer VALUES(1, 'x', 'y', 0), (8, 'Hal', NULL, NULL)"],
    "upsert": [
        "INSERT INTO customer VALUES(1, 'other', 'o@x', 1) ON CONFLICT(id) DO UPDATE SET email = excluded.email"
    ],
    "upsert by another index": [
        "INSERT INTO customer VALUES(9, 'BOB', 'z', 0) ON CONFLICT(name) DO UPDATE SET id = 90, active = 0"
    ],
    "cascading delete": ["DELETE FROM customer WHERE id = 1"],
    "cascading key change": ["UPDATE customer SET id = 77 WHERE id = 2", "UPDATE orders SET id = 21 WHERE id = 20"],
    "savepoint rolled back": [
        "SAVEPOINT s",
        "DELETE FROM country",
        "INSERT INTO country VALUES('xx', 'gone')",
        "ROLLBACK TO s",
        "RELEASE s",
        "UPDATE country SET name = 'kept' WHERE code = 'de'",
    ],
}


@pytest.fixture
def shop(world):
    with contextlib.closing(world.connect()) as db:
        db.executescript(SHOP)
    world.track_once()
    world.assert_equal()
    return world


def test_each_kind_of_change_reaches_the_lake(shop, subtests):
    """One after the other on the same rows; between two, the rows of the beginning come back, which is a change too."""
    begin = {table: shop.query(f"SELECT * FROM {table}") for table in ("customer", "orders", "line", "country")}
    for name, statements in CHANGES.items():
        with subtests.test(change=name):
            shop.sql(*statements)
            shop.once()
            shop.assert_equal()
            back = [f"DELETE FROM {table}" for table in reversed(begin)]
            back += [
                (f"INSERT INTO {table} VALUES({', '.join('?' * len(row))})", row)
                for table, rows in begin.items()
                for row in rows
            ]
            shop.sql(*back)
            shop.once()
            shop.assert_equal()


def test_a_rolled_back_transaction_makes_no_commit(shop):
    head = shop.head()
    with contextlib.closing(shop.connect()) as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM line")
        db.execute("ROLLBACK")
    assert "no commit was made" in shop.once().out
    assert shop.head() == head


def test_changes_through_an_attached_connection_and_vacuum_are_seen(shop):
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("ATTACH ? AS there", (str(shop.db),))
        db.execute("UPDATE there.country SET name = 'attached'")
        db.execute("DELETE FROM there.line WHERE n = 2")
    shop.once()
    shop.assert_equal()
    with contextlib.closing(shop.connect()) as db:
        db.execute("VACUUM")
    shop.once()
    shop.assert_equal()
    shop.sql("INSERT INTO line VALUES(20, 9, 'after vacuum')")
    shop.once()
    shop.assert_equal()


def test_untouched_tables_keep_their_files(shop):
    before = shop.read()
    shop.sql("UPDATE country SET name = 'x'")
    shop.once()
    after = shop.assert_equal()
    assert after.of_table("country").files != before.of_table("country").files
    for table in ("customer", "orders", "line"):
        assert after.of_table(table).files == before.of_table(table).files


def random_statement(dice):
    key, other, text = (
        dice.randrange(60),
        dice.randrange(60),
        dice.choice(["''", "NULL", "'a'", "'A'", "'\n\"'", str(dice.random())]),
    )
    return dice.choice(
        [
            f"INSERT OR IGNORE INTO r VALUES({key}, {text}, {other})",
            f"INSERT OR REPLACE INTO r VALUES({key}, {text}, {other})",
            f"UPDATE OR REPLACE r SET id = {other} WHERE id = {key}",
            f"UPDATE OR REPLACE r SET u = {other} WHERE id = {key}",
            f"UPDATE r SET v = {text} WHERE id % 7 = {key % 7}",
            f"DELETE FROM r WHERE id = {key}",
            f"DELETE FROM r WHERE id % 11 = {key % 11}",
            f"INSERT INTO r VALUES({key}, {text}, {other})"
            " ON CONFLICT(id) DO UPDATE SET v = 'upserted' ON CONFLICT(u) DO NOTHING",
            f"INSERT OR REPLACE INTO p SELECT id, u, v FROM r WHERE id % 5 = {key % 5}",
            f"UPDATE OR REPLACE p SET a = {other} WHERE b = {key}",
            f"DELETE FROM p WHERE a = {key}",
        ]
    )


def test_random_changes_against_the_source(world, seed):
    dice = random.Random(seed)
    world.sql(
        "CREATE TABLE r(id INTEGER PRIMARY KEY, v TEXT, u INT UNIQUE)",
        "CREATE TABLE p(a INT, b INT, v TEXT, PRIMARY KEY(a, b), UNIQUE(b)) WITHOUT ROWID",
    )
    world.track_once()
    for _ in range(40):
        world.sql(*[random_statement(dice) for _ in range(dice.randrange(1, 25))])
        world.once()
        world.assert_equal()
    world.verify()
