# SPDX-License-Identifier: Apache-2.0
"""Each kind of change that PostgreSQL knows, one by one, all in one snapshot, and under a running daemon."""

import contextlib
import random

import pytest

from postgres import need_version

ODD = '"odd schema"."a ""table"""'
SHOP = [
    "CREATE SCHEMA sales",
    'CREATE SCHEMA "odd schema"',
    """CREATE TABLE customer(id int PRIMARY KEY, name text UNIQUE, email varchar(80), active boolean DEFAULT true,
        born date, seen timestamptz DEFAULT '2024-05-06 07:08:09.123456+02')""",
    "INSERT INTO customer SELECT i, 'name ' || i, NULLIF('', ''), i % 2 = 0, '2000-01-01'::date + i"
    " FROM generate_series(1, 200) i",
    """CREATE TABLE sales.orders(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL
        REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE, total numeric(12,2), note text)""",
    "INSERT INTO sales.orders(customer, total) SELECT 1 + i % 100, i / 7.0 FROM generate_series(1, 300) i",
    f'CREATE TABLE {ODD}("the key" text, n int, "ü, ""x""" text, PRIMARY KEY(n, "the key"))',
    f"""INSERT INTO {ODD} VALUES('', 1, NULL), ('a', 1, ''), ('ä', 1, E'l\\n"q",'), ('Z', -2, E'\\\\N')""",
    *[
        statement
        for table in ("doc", "doc_full")
        for statement in (
            f"CREATE TABLE {table}(id int PRIMARY KEY, head text, body text, tail jsonb)",
            f"ALTER TABLE {table} ALTER body SET STORAGE EXTERNAL, ALTER tail SET STORAGE EXTERNAL",
            f"INSERT INTO {table} SELECT i, 'head', repeat(i::text || ' ', 4000), to_jsonb(repeat('j', 3000))"
            " FROM generate_series(1, 60) i",
        )
    ],
    "ALTER TABLE doc_full REPLICA IDENTITY FULL",
    "CREATE TABLE by_index(a int NOT NULL, b text NOT NULL, v text, body text)",
    "CREATE UNIQUE INDEX by_index_key ON by_index(b, a)",
    "ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key",
    "ALTER TABLE by_index ALTER body SET STORAGE EXTERNAL",
    "INSERT INTO by_index SELECT i, 'b' || i % 7, 'v', repeat('y', 5000) FROM generate_series(1, 40) i",
    "CREATE TABLE nothing(id int PRIMARY KEY, v text)",
    "CREATE TABLE measure(id int, at date, v double precision, PRIMARY KEY(id, at)) PARTITION BY RANGE(at)",
    "CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
    "CREATE TABLE measure_2 PARTITION OF measure FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')"
    " PARTITION BY HASH(id)",
    "CREATE TABLE measure_2a PARTITION OF measure_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
    "CREATE TABLE measure_2b PARTITION OF measure_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    "CREATE TABLE measure_rest PARTITION OF measure DEFAULT",
    "INSERT INTO measure SELECT i, '2024-01-01'::date + i % 90, i / 3.0 FROM generate_series(1, 200) i",
    "CREATE TABLE audit(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text)",
    """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO audit(what) VALUES(TG_OP || ' ' || COALESCE(NEW.name, OLD.name)); RETURN NULL; END$$""",
    "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON customer FOR EACH ROW EXECUTE FUNCTION note()",
]
TABLES = ["audit", "by_index", "customer", "doc", "doc_full", "measure", "nothing"]
TABLES += ['odd schema.a "table"', "sales.orders"]
# Each takes rows of its own, so that they can come one after the other.
CHANGES = {
    "insert": ["INSERT INTO customer VALUES(1001, 'new', '', NULL, NULL, NULL)"],
    "insert of many rows": ["INSERT INTO customer(id) SELECT generate_series(2000, 2500)"],
    "update": ["UPDATE customer SET name = 'other', active = NULL WHERE id = 101"],
    "update to the same": ["UPDATE customer SET name = name WHERE id BETWEEN 1 AND 20"],
    "update of the key": ["UPDATE customer SET id = 3001 WHERE id = 102"],
    "update of the key and back": ["UPDATE customer SET id = 3002 WHERE id = 103",
                                   "UPDATE customer SET id = 103 WHERE id = 3002"],
    "keys swapped": ["UPDATE customer SET id = -1 WHERE id = 104", "UPDATE customer SET id = 104 WHERE id = 105",
                     "UPDATE customer SET id = 105 WHERE id = -1"],
    "keys moved on by one": ["UPDATE by_index SET a = a + 1000 WHERE b = 'b1'",
                             "UPDATE by_index SET a = a - 999 WHERE b = 'b1'"],
    "delete": ["DELETE FROM customer WHERE id = 106"],
    "delete and insert of one key": ["DELETE FROM customer WHERE id = 107",
                                     "INSERT INTO customer VALUES(107, 'again')"],
    "insert and delete": ["INSERT INTO customer(id) VALUES(1003)", "DELETE FROM customer WHERE id = 1003"],
    "insert, update and key change": ["INSERT INTO customer(id) VALUES(1004)", "UPDATE customer SET name = 'n4'"
                                      " WHERE id = 1004", "UPDATE customer SET id = 1005 WHERE id = 1004"],
    "upsert": ["INSERT INTO customer(id, name) VALUES(108, 'upserted'), (1006, 'fresh') ON CONFLICT(id) DO UPDATE"
               " SET name = excluded.name"],
    "merge": ["MERGE INTO customer c USING (VALUES(109, 'm'), (1007, 'i')) s(id, name) ON c.id = s.id WHEN MATCHED THEN"
              " DELETE WHEN NOT MATCHED THEN INSERT(id, name) VALUES(s.id, s.name)"],
    "cascading delete": ["DELETE FROM customer WHERE id = 5"],
    "cascading key change": ["UPDATE customer SET id = 3003 WHERE id = 6"],
    "quoted names and odd text": [f"UPDATE {ODD} SET n = 5 WHERE \"the key\" = 'ä'", f"DELETE FROM {ODD} WHERE n = -2",
                                  f"INSERT INTO {ODD} VALUES(E'\\t,\"', 0, '\U0001f600'), ('NULL', 0, 'NULL')"],
    "large values unchanged": ["UPDATE doc SET head = 'changed' WHERE id < 5",
                               "UPDATE doc_full SET head = 'changed' WHERE id < 5"],
    "large values unchanged in a row that moves": ["UPDATE doc SET id = id + 1000 WHERE id IN (6, 7)",
                                                   "UPDATE doc_full SET id = id + 1000 WHERE id IN (6, 7)"],
    "large values in rows that moved, changed and moved": [
        f"UPDATE {table} SET {what} WHERE id = {key}" for table in ("doc", "doc_full") for key, what in
        ((8, "id = 2008"), (2008, "head = 'on the way'"), (2008, "id = 3008"), (9, "id = 8"), (3008, "id = 9"))],
    "large values of a new row unchanged": [
        statement for table in ("doc", "doc_full") for statement in (
            f"INSERT INTO {table} VALUES(4000, 'new', repeat('n', 9000), NULL)",
            f"UPDATE {table} SET head = 'newer' WHERE id = 4000", f"UPDATE {table} SET id = 4001 WHERE id = 4000")],
    "large values replaced and shortened": ["UPDATE doc SET body = 'short' WHERE id = 10",
                                            "UPDATE doc SET body = repeat('z', 9000), tail = NULL WHERE id = 11",
                                            "UPDATE doc SET head = 'h' WHERE id IN (10, 11)"],
    "large values of a row replaced": ["DELETE FROM doc WHERE id = 12", "INSERT INTO doc VALUES(12, 'x', 'small')",
                                       "UPDATE doc SET head = 'y' WHERE id = 12"],
    "identity by index": ["UPDATE by_index SET v = 'w' WHERE b = 'b2'", "UPDATE by_index SET b = 'c' WHERE a = 10",
                          "DELETE FROM by_index WHERE a = 11", "INSERT INTO by_index VALUES(1, 'new', NULL, NULL)"],
    "partitions": ["INSERT INTO measure VALUES(1000, '2024-01-15', 1), (1000, '2024-02-15', 2),"
                   " (1000, '2030-01-01', 3)",
                   "UPDATE measure SET v = -v WHERE id < 20", "DELETE FROM measure WHERE id BETWEEN 20 AND 30"],
    "rows that move between partitions": ["UPDATE measure SET at = at + 31 WHERE id BETWEEN 40 AND 60"],
    "a row written into a leaf": ["INSERT INTO measure_2a SELECT id, '2024-02-20' FROM generate_series(7000, 7100) id"
                                  " WHERE satisfies_hash_partition('measure_2'::regclass, 2, 0, id)"],
    "copy": ["COPY customer(id, name) FROM PROGRAM 'printf \"5001\\tfive\\n5002\\t\\\\N\\n\"'"],
    "truncate and insert": ["TRUNCATE nothing", "INSERT INTO nothing VALUES(1, 'one')", "TRUNCATE nothing",
                            "INSERT INTO nothing VALUES(2, 'two')", "UPDATE nothing SET id = 3"],
    "truncate of several": ["TRUNCATE nothing, audit RESTART IDENTITY"],
    "truncate of a partitioned table": ["TRUNCATE measure", "INSERT INTO measure VALUES(1, '2024-02-01', 'NaN')"],
    "savepoints": ["SAVEPOINT a", "DELETE FROM customer", "SAVEPOINT b", "INSERT INTO nothing VALUES(77)",
                   "ROLLBACK TO a",
                   "INSERT INTO nothing VALUES(78)", "SAVEPOINT c", "UPDATE nothing SET v = 'kept' WHERE id = 78",
                   "RELEASE c", "SAVEPOINT d", "DELETE FROM nothing", "ROLLBACK TO d"],
    "errors caught in a procedure": [
        "DO $$BEGIN FOR i IN 1..20 LOOP BEGIN INSERT INTO customer(id) VALUES(9000 + i / 2);"
        " EXCEPTION WHEN unique_violation THEN UPDATE customer SET name = 'twice ' || i WHERE id = 9000 + i / 2;"
        " END; END LOOP; END$$"],
    "a message": ["SELECT pg_logical_emit_message(true, 'lakefeed', 'x'),"
                  " pg_logical_emit_message(false, 'lakefeed', 'y')",
                  "INSERT INTO nothing VALUES(90)"],
    "a lock, a statistic and a sequence": ["LOCK TABLE customer IN SHARE MODE", "SELECT nextval('sales.orders_id_seq')",
                                           "UPDATE nothing SET v = 'last'"],
}  # fmt: skip
SINCE = {"merge": 15}


def changes_of(world):
    return [statements for name, statements in CHANGES.items() if world.server.version >= SINCE.get(name, 0)]


@pytest.fixture
def shop(pg):
    pg.sql(*SHOP)
    pg.sql("GRANT pg_execute_server_program TO app", user="postgres")
    pg.track_once()
    pg.assert_equal(TABLES)
    return pg


def test_each_kind_of_change_reaches_the_lake(shop, subtests):
    for name, statements in CHANGES.items():
        with subtests.test(change=name):
            need_version(shop.server, SINCE.get(name, 0), name)
            shop.sql(*statements)
            shop.once()
            shop.assert_equal(TABLES)
    shop.verify()


@pytest.mark.parametrize("transactions", ["one for each", "one for all"])
def test_all_kinds_of_change_in_one_snapshot(shop, transactions):
    if transactions == "one for all":
        shop.sql(*[statement for statements in changes_of(shop) for statement in statements])
    else:
        for statements in changes_of(shop):
            shop.sql(*statements)
    before = shop.read().commit
    shop.once()
    # One with all of them; and since a truncated partitioned table looks like one with exchanged partitions, so that it
    # is read again while readers keep what they have of it, one with what was read.
    assert shop.assert_equal(TABLES).commit == before + 2
    shop.verify()


def test_all_kinds_of_change_while_the_daemon_runs(shop):
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    for statements in changes_of(shop):
        shop.sql(*statements)
    shop.wait_equal(TABLES)
    assert daemon.stop() == 0
    troubles = [event for event in daemon.events() if event["level"] in ("warn", "error")]
    # A truncated partitioned table looks like one with exchanged partitions.
    troubles = [event for event in troubles if (event["event"], event.get("entity")) != ("entity_reload", "measure")]
    assert not troubles, "\n".join(map(str, troubles))


def test_a_rolled_back_transaction_changes_no_file(shop):
    files = shop.read().files
    with shop.connect() as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM sales.orders")
        db.execute("ROLLBACK")
    shop.once()
    assert shop.read().files == files


def test_untouched_tables_keep_their_files(shop):
    before = shop.read()
    shop.sql("UPDATE customer SET email = 'x'")
    shop.once()
    after = shop.assert_equal(TABLES)
    for table in set(TABLES) - {"customer", "audit"}:
        assert after.of_table(table).files == before.of_table(table).files, table


def test_prepared_transactions_appear_once_and_when_they_are_committed(shop):
    with shop.connect() as db:
        for number, end in enumerate(("COMMIT", "ROLLBACK")):
            db.execute("BEGIN")
            db.execute(f"INSERT INTO nothing VALUES({number}, '{end}')")
            db.execute(f"PREPARE TRANSACTION 'x{number} {shop.db}'")
        shop.sql("INSERT INTO nothing VALUES(50, 'between')")
        shop.once()
        assert shop.rows_of("nothing", "id", "v") == [("50", "between")]
        for number, end in enumerate(("COMMIT", "ROLLBACK")):
            db.execute(f"{end} PREPARED 'x{number} {shop.db}'")
    shop.once()
    assert shop.rows_of("nothing", "id", "v") == [("0", "COMMIT"), ("50", "between")]


def test_transactions_that_overlap_apply_in_the_order_of_their_commits(shop):
    with shop.connect() as one, shop.connect() as two:
        one.execute("BEGIN")
        one.execute("INSERT INTO nothing VALUES(1, 'first to begin')")
        two.execute("BEGIN")
        two.execute("INSERT INTO nothing VALUES(2, 'second to begin')")
        shop.once()
        assert shop.rows_of("nothing", "id") == []
        two.execute("COMMIT")
        shop.once()
        assert shop.rows_of("nothing", "id") == [("2",)]
        two.execute("UPDATE nothing SET v = 'again' WHERE id = 2")
        one.execute("UPDATE nothing SET v = 'last' WHERE id = 2")
        one.execute("COMMIT")
    shop.once()
    shop.assert_equal(TABLES)
    assert shop.rows_of("nothing", "id", "v") == [("1", "first to begin"), ("2", "last")]


def test_a_transaction_of_many_rows_and_many_of_one_row(shop):
    """Larger than the spool's share of memory, with subtransactions."""
    shop.sql(
        "INSERT INTO customer SELECT i, 'n' || i, repeat('e', 60) FROM generate_series(10000, 60000) i",
        "SAVEPOINT s",
        "UPDATE customer SET email = 'y' WHERE id >= 10000 AND id % 3 = 0",
        "RELEASE s",
        "DELETE FROM customer WHERE id >= 10000 AND id % 7 = 0",
    )
    shop.each(*[f"UPDATE customer SET name = 'single {number}' WHERE id = {1 + number % 50}" for number in range(500)])
    shop.once()
    shop.assert_equal(TABLES)


def random_statement(dice):
    table = dice.choice(["toast", "toast_full"])
    key, other = dice.randrange(40), dice.randrange(40)
    return dice.choice(
        [
            f"INSERT INTO {table} VALUES({key}, 'i{other}', repeat('{other} ', 2000)) ON CONFLICT DO NOTHING",
            f"INSERT INTO {table} VALUES({key}, 'u', repeat('u', 7000)) ON CONFLICT(id) DO UPDATE SET v = 'c{other}'",
            f"UPDATE {table} SET v = 'v{other}' WHERE id = {key}",
            f"UPDATE {table} SET v = 'v{other}' WHERE id % 5 = {key % 5}",
            f"UPDATE {table} SET big = repeat('{other}.', 3000) WHERE id = {key}",
            f"UPDATE {table} SET big = NULL WHERE id = {key}",
            f"UPDATE {table} SET id = id + 100 WHERE id BETWEEN {key} AND {key + 5}"
            f" AND id + 100 NOT IN (SELECT id FROM {table})",
            f"UPDATE {table} SET id = {other} WHERE id = {key + 100} AND {other} NOT IN (SELECT id FROM {table})",
            f"DELETE FROM {table} WHERE id IN ({key}, {other + 100})",
            f"DELETE FROM {table} WHERE id % 9 = {key % 9}",
            f"UPDATE parted SET id = {other} WHERE id = {key} AND {other} NOT IN (SELECT id FROM parted)",
            f"INSERT INTO parted SELECT id, big FROM {table} ON CONFLICT DO NOTHING",
            "SAVEPOINT s; DELETE FROM toast; ROLLBACK TO s",
        ]
    )


def test_random_changes_against_the_source(pg, seed):
    dice = random.Random(seed)
    pg.sql(
        *[f"CREATE TABLE {name}(id int PRIMARY KEY, v text, big text)" for name in ("toast", "toast_full")],
        "ALTER TABLE toast_full REPLICA IDENTITY FULL",
        *[f"ALTER TABLE {name} ALTER big SET STORAGE EXTERNAL" for name in ("toast", "toast_full")],
        "CREATE TABLE parted(id int PRIMARY KEY, big text) PARTITION BY HASH(id)",
        *[f"CREATE TABLE parted{n} PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER {n})" for n in range(3)],
    )
    pg.configure(partition_bytes="16KiB", chunk_rows=10, keep=1, keep_for="0s")
    pg.track_once()
    for _ in range(20):
        for _ in range(dice.choice([1, 1, 3])):
            statements = [random_statement(dice) for _ in range(dice.randrange(1, 20))]
            if dice.random() < 0.05:
                statements.append("TRUNCATE toast")
            with contextlib.closing(pg.connect()) as db:
                db.execute("BEGIN")
                for statement in statements:
                    db.execute(statement)
                db.execute("ROLLBACK" if dice.random() < 0.1 else "COMMIT")
        pg.once()
        pg.assert_equal()
    pg.verify()


def test_a_type_that_changes_is_told_with_its_column(shop):
    shop.sql("ALTER TABLE customer ALTER email TYPE varchar(120)")
    told = [event for event in shop.once().events if event["event"] == "entity_reload"]
    assert [event["reason"] for event in told] == [
        "table customer: the type of the column email changed from character varying(80) to character varying(120)"
    ]
    shop.assert_equal()
