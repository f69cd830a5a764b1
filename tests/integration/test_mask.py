# SPDX-License-Identifier: Apache-2.0
"""Masks: what stands in the lake is computed here again, and no byte that leaves the process holds a masked value."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shlex

import pytest

from world import wait_until

MARK = "sEcReT"  # part of every masked value
KEY = b"a key that is long enough"
HASH = {"mask": "hash"}
GONE = {"mask": "null"}
STARS = {"mask": "fixed", "mask_text": "***é"}
CLEAR = {"mask": "none"}


def hashed(text, key=KEY):
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def forms_of_mark():
    """Plain, in hexadecimal, and in base64 at each of its three places."""
    forms = [MARK.encode(), MARK.encode().hex().encode()]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + MARK.encode())
        forms.append(text[(0, 2, 3)[shift] : (shift + len(MARK)) * 8 // 6])
    return forms


def assert_silent(data, where):
    for form in forms_of_mark():
        assert form not in data, f"{where} holds {form}: {data[max(0, data.index(form) - 80):][:200]}"


def scan(world, *results):
    """Every file below lake and state directory, the daemons' logs, and what commands print."""
    for result in results:
        assert_silent((result.out + result.err).encode(), "a command's output")
    for folder in (world.lake, world.state):
        for path in (item for item in folder.rglob("*") if item.is_file() and not item.is_symlink()):
            assert_silent(path.read_bytes(), path)
    for daemon in world.daemons:
        assert_silent(daemon.log.read_bytes(), daemon.log)
    options = world.options()
    for verb in ("status", "failures", "artifacts"):
        shown = world.lakefeed(verb, *options, "--json", expect=None)
        assert_silent((shown.out + shown.err).encode(), verb)


def configure(world, entities, key=KEY, link=None, memory=None, **snapshot):
    secret = world.folder / "mask key"
    secret.write_bytes(key)
    secret.chmod(0o600)
    item = {
        "name": "shop",
        "source": {"url": getattr(world, "url", f"sqlite:{world.db}")},
        "lake": {"url": f"file:{world.lake}"},
        "mask_key": {"file": str(secret)},
        "entities": entities,
        "snapshot": snapshot,
        **(link or {}),
    }
    world.config = world.folder / "lakefeed.json"
    root = {"version": 1, **({"memory": memory} if memory else {}), "links": [item]}
    world.config.write_text(json.dumps(root))


def rows(world, table):
    """Texts of the lake by the name of the column."""
    entity = world.read().of_table(table)
    names = [attribute.name for attribute in entity.attributes]
    return [dict(zip(names, row)) for row in entity.texts()]


@pytest.fixture(params=["sqlite", "postgres"])
def any_world(request):
    return request.getfixturevalue("world" if request.param == "sqlite" else "pg")


PEOPLE = [
    "CREATE TABLE person(id INTEGER PRIMARY KEY, email VARCHAR(80), name TEXT, age INTEGER, born DATE)",
    "CREATE TABLE visit(email VARCHAR(80) NOT NULL, at INTEGER NOT NULL, page TEXT, PRIMARY KEY(email, at))",
]
ENTITIES = [
    {"table": "person", "columns": {"email": HASH, "name": STARS, "age": GONE, "born": HASH}},
    {"table": "visit", "columns": {"email": HASH}},
]


def mail(number):
    return f"{MARK}{number}@example.org"


def person(number):
    return f"INSERT INTO person VALUES({number}, '{mail(number)}', '{MARK} {number}', {number % 90}, '2001-02-03')"


def visit(number, at):
    return f"INSERT INTO visit VALUES('{mail(number)}', {at}, 'page {at}')"


def assert_masked(world):
    """Against the source, row by row."""
    persons = {row["id"]: row for row in rows(world, "person")}
    source = world.query("SELECT id, email, born FROM person")
    assert len(persons) == len(source)
    for key, email, born in source:
        assert persons[str(key)] == {
            "id": str(key),
            "email": None if email is None else hashed(email),
            "name": "***é",
            "age": None,
            "born": None if born is None else hashed(str(born)),
        }
    visits = sorted((row["email"], int(row["at"]), row["page"]) for row in rows(world, "visit"))
    assert visits == sorted((hashed(email), at, page) for email, at, page in world.query("SELECT * FROM visit"))


def test_what_stands_in_the_lake_is_the_mask_and_joins_survive(any_world):
    world = any_world
    world.sql(*PEOPLE, *[person(i) for i in range(40)], *[visit(i % 40, i) for i in range(120)])
    world.sql("INSERT INTO person VALUES(1000, NULL, NULL, NULL, NULL)")
    configure(world, ENTITIES, partition_bytes="1KiB", chunk_rows=10)
    results = [world.track_once()]
    assert_masked(world)
    world.sql(
        person(41),
        f"UPDATE person SET email = '{mail('new')}', name = '{MARK}', age = 1 WHERE id = 3",
        "UPDATE person SET email = NULL WHERE id = 4",
        "UPDATE person SET id = 500 WHERE id = 5",
        "DELETE FROM person WHERE id = 6",
        f"UPDATE visit SET email = '{mail('moved')}' WHERE at = 7",
        "UPDATE visit SET page = 'changed' WHERE at = 8",
        f"DELETE FROM visit WHERE email = '{mail(9)}'",
        visit(41, 1),
    )
    results.append(world.once())
    assert_masked(world)
    results.append(world.verify())
    joined = world.query("SELECT count(*) FROM visit JOIN person ON person.email = visit.email")[0][0]
    emails = {row["email"] for row in rows(world, "person")}
    assert sum(row["email"] in emails for row in rows(world, "visit")) == joined > 100
    types = {a.name: (a.type, a.max_length) for a in world.read().of_table("person").attributes}
    assert types["email"] == ("string", 64) and types["name"] == ("string", 4) and types["age"][0] == "int64"
    scan(world, *results)


def test_verify_finds_a_difference_and_shows_the_masked_value_alone(any_world):
    world = any_world
    world.sql(*PEOPLE, *[person(i) for i in range(5)], visit(1, 1), visit(2, 2))
    configure(world, ENTITIES)
    world.track_once()
    for table, (old, new) in {"person": ("***é", "**é*"), "visit": ("page 1", "page x")}.items():
        path = world.lake / world.read().of_table(table).partitions[0].path
        path.write_bytes(path.read_bytes().replace(old.encode(), new.encode(), 1))
    world.damaged.add(world.lake)
    shown = world.verify("--json", expect=3)
    text = world.verify(expect=3)
    assert_silent((shown.out + shown.err + text.out + text.err).encode(), "verify")
    assert hashed(mail(1)) in text.out


def spilled(daemon):
    """What its files without a name hold, and how much that is."""
    folder = pathlib.Path(f"/proc/{daemon.process.pid}/fd")
    held = 0
    for item in folder.iterdir():
        try:
            name = os.readlink(item)
            if "(deleted)" in name and "/memfd:" not in name:
                data = item.read_bytes()
                assert_silent(data, name)
                held += len(data)
        except FileNotFoundError:
            pass
    return held


def test_the_spool_holds_masked_values_when_it_is_full(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES, memory="16MiB", interval="24h")
    world.track_once()
    daemon = world.daemon()
    daemon.wait_event("link_started")
    series = [f"({i}, '{mail(i)}', '{MARK * 40}', {i % 90}, '2001-02-03')" for i in range(10, 20010)]
    visits = [f"('{mail(i)}', {i}, '{'p' * 200}')" for i in range(10, 40010)]
    world.sql("INSERT INTO person VALUES " + ", ".join(series), "INSERT INTO visit VALUES " + ", ".join(visits))
    wait_until(lambda: spilled(daemon) > 1 << 20, "the spool is on disk")
    daemon.stop()
    scan(world)
    world.once()
    assert len(rows(world, "person")) == 20001
    scan(world)


BAD = {
    "sqlite": ("DATE", f"'{MARK}'", "on_bad_row"),
    "postgres": ("DATE", "'0044-01-01 BC'", "on_bad_row"),
}


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
def test_a_row_that_cannot_be_taken_tells_nothing_of_masked_values(any_world, policy):
    world = any_world
    declared, bad, rule = BAD["sqlite" if world.__class__.__name__ == "World" else "postgres"]
    world.sql(
        f"CREATE TABLE n(email VARCHAR(80) NOT NULL PRIMARY KEY, born {declared}, other {declared}, v TEXT)",
        f"INSERT INTO n VALUES('{mail(1)}', NULL, NULL, '{MARK}'), ('{mail(2)}', {bad}, NULL, '{MARK}')",
    )
    columns = {"email": HASH, "born": HASH, "v": STARS}
    configure(world, [{"table": "n", rule: policy, "columns": columns}])
    expect = 1 if policy == "fail" else 0
    results = [world.track_once(expect=expect)]
    # A column without a mask: its own value may be told, the key of the row may not.
    plain = bad if MARK not in bad else "'no date'"
    world.sql(f"INSERT INTO n VALUES('{mail(3)}', NULL, {plain}, '{MARK}')")
    results.append(world.once(expect=expect))
    if policy == "quarantine":
        assert [row["email"] for row in rows(world, "n")] == [hashed(mail(1))]
        results.append(world.verify())
        world.sql("UPDATE n SET born = NULL, other = NULL")
        results.append(world.once())
        assert {row["email"] for row in rows(world, "n")} == {hashed(mail(i)) for i in (1, 2, 3)}
    scan(world, *results)


def test_a_changed_mask_or_key_loads_the_entity_again(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES)
    world.track_once()
    configure(world, ENTITIES, key=b"another key of many bytes")
    result = world.once()
    assert {e["entity"] for e in result.events if e["event"] == "entity_reload"} == {"person", "visit"}
    assert rows(world, "visit")[0]["email"] == hashed(mail(1), b"another key of many bytes")
    configure(world, [{"table": "person", "columns": {**ENTITIES[0]["columns"], "email": GONE}}, ENTITIES[1]])
    result = world.once()
    assert {e["entity"] for e in result.events if e["event"] == "entity_reload"} == {"person", "visit"}
    assert rows(world, "person")[0]["email"] is None and rows(world, "visit")[0]["email"] == hashed(mail(1))
    assert not [e for e in world.once().events if e["event"] == "entity_reload"]
    configure(world, [{"table": "person", "columns": dict.fromkeys(ENTITIES[0]["columns"], CLEAR)}, ENTITIES[1]])
    world.once()
    assert rows(world, "person")[0]["email"] == mail(1)
    world.verify()
    configure(world, [{"table": "person"}, ENTITIES[1]])
    assert not [e for e in world.once().events if e["event"] == "entity_reload"]


def frozen(world, table):
    """Why its entity stands still, and no other one."""
    states = {entity.table: entity.state for entity in world.read().entities.values()}
    assert states.pop(table) == "Error" and set(states.values()) == {"Completed"}, states
    return world.read().of_table(table).reason


def test_a_mask_that_is_only_taken_out_freezes_its_table(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES)
    world.track_once()
    world.sql(person(2), visit(2, 2))
    configure(world, [{"table": "person"}, ENTITIES[1]])
    result = world.once(expect=1)
    assert '"email": {"mask": "hash"}' in frozen(world, "person")
    assert len(rows(world, "person")) == 1 and len(rows(world, "visit")) == 2
    scan(world, result)


def test_a_mask_that_comes_after_columns_were_dropped_loads_the_entity_again(any_world):
    world = any_world
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT)", "INSERT INTO t VALUES(1, 'a', 'b', 'c')")
    configure(world, [{"table": "t"}])
    world.track_once()
    world.sql("ALTER TABLE t DROP COLUMN a")
    world.once()
    world.sql("INSERT INTO t VALUES(2, 'b2', 'c2')")
    configure(world, [{"table": "t", "columns": {"b": HASH}}])
    world.once()
    assert [(row["b"], row["c"]) for row in rows(world, "t")] == [(hashed("b"), "c"), (hashed("b2"), "c2")]
    assert not [e for e in world.once().events if e["event"] == "entity_reload"]
    world.verify()


def test_a_mask_that_is_set_by_a_reload_holds_from_then_on(any_world):
    world = any_world
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)", "INSERT INTO t VALUES(1, 'a')")
    configure(world, [{"table": "t"}], interval="1s")
    world.track_once()
    daemon = world.daemon()
    daemon.wait_event("link_started")
    configure(world, [{"table": "t", "columns": {"a": HASH}}], interval="1s")
    world.lakefeed("config", "reload", *world.options())
    world.sql(f"INSERT INTO t VALUES(2, '{MARK}')")
    wait_until(lambda: [row["a"] for row in rows(world, "t")] == [hashed("a"), hashed(MARK)], "the entity, masked")
    assert daemon.stop() == 0
    world.sql(f"UPDATE t SET a = '{MARK}' WHERE id = 1")
    world.once()
    world.verify()


def test_a_renamed_column_stays_masked_and_is_asked_for_at_the_next_start(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES, interval="1s")
    world.track_once()
    daemon = world.daemon()
    daemon.wait_event("link_started")
    world.sql("ALTER TABLE person RENAME COLUMN email TO post")
    world.sql(f"UPDATE person SET post = '{mail('again')}' WHERE id = 1")
    if world.__class__.__name__ == "World":  # SQLite cannot prove that it is the same column
        assert "may be the masked column email" in daemon.wait_event("entity_frozen")[0]["reason"]
    else:
        wait_until(lambda: rows(world, "person")[0].get("post") == hashed(mail("again")), "the new value, masked")
    daemon.stop()
    scan(world)
    world.once(expect=1)
    assert "masks the column email" in frozen(world, "person")
    scan(world)
    columns = {"post": HASH, **{k: v for k, v in ENTITIES[0]["columns"].items() if k != "email"}}
    configure(world, [{"table": "person", "columns": columns}, ENTITIES[1]])
    world.once()
    assert rows(world, "person")[0]["post"] == hashed(mail("again"))
    world.verify()
    scan(world)


def give_name_away(world, column):
    world.sql(f"ALTER TABLE person RENAME COLUMN {column} TO post", f"ALTER TABLE person ADD COLUMN {column} VARCHAR(80)")
    world.sql(f"UPDATE person SET post = '{mail('again')}', {column} = '{mail('other')}' WHERE id = 1")


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("how", [[], ["resync", "person"]])
def test_a_masked_column_whose_name_another_one_has_now_is_not_read_in_clear(any_world, running, how):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES, interval="1s")
    world.track_once()
    if running:
        daemon = world.daemon()
        daemon.wait_event("link_started")
        give_name_away(world, "email")
        if world.__class__.__name__ == "World":
            assert "column post may be the masked column email" in daemon.wait_event("entity_frozen")[0]["reason"]
        else:
            wait_until(lambda: rows(world, "person")[0].get("post") == hashed(mail("again")), "the new value, masked")
        daemon.stop()
    else:
        give_name_away(world, "email")
    world.sql(visit(2, 2))
    results = [world.lakefeed(how[0], *world.options(), *how[1:], expect=1)] if how else []
    results.append(world.once(expect=1))
    reason = frozen(world, "person")
    assert "its column post " in reason and '"post": {"mask": "hash"}' in reason
    assert len(rows(world, "visit")) == 2
    scan(world, *results)
    columns = {"post": HASH, **ENTITIES[0]["columns"]}
    configure(world, [{"table": "person", "columns": columns}, ENTITIES[1]])
    world.once()
    row = rows(world, "person")[0]
    assert (row["post"], row["email"]) == (hashed(mail("again")), hashed(mail("other")))
    world.verify()
    scan(world)


def test_a_masked_column_under_another_name_comes_in_clear_when_that_is_said(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES)
    world.track_once()
    give_name_away(world, "email")
    world.once(expect=1)
    columns = {"post": CLEAR, **ENTITIES[0]["columns"]}
    configure(world, [{"table": "person", "columns": columns}, ENTITIES[1]])
    world.once()
    row = rows(world, "person")[0]
    assert (row["post"], row["email"]) == (mail("again"), hashed(mail("other")))
    world.verify()
    configure(world, ENTITIES)
    assert not [e for e in world.once().events if e["event"] == "entity_reload"]


def test_columns_that_swap_their_names_do_not_swap_their_masks(any_world):
    world = any_world
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT)", f"INSERT INTO t VALUES(1, '{MARK}', 'b')")
    world.sql("CREATE TABLE other(id INTEGER PRIMARY KEY)")
    configure(world, [{"table": "t", "columns": {"a": HASH}}, {"table": "other"}])
    world.track_once()
    world.sql(*[f"ALTER TABLE t RENAME COLUMN {old} TO {new}" for old, new in ("ax", "ba", "xb")])
    result = world.once(expect=1)
    assert "its column b " in frozen(world, "t")
    scan(world, result)


def test_a_masked_column_that_was_dropped_freezes_its_table_alone(any_world):
    world = any_world
    world.sql(*PEOPLE, person(1), visit(1, 1))
    configure(world, ENTITIES)
    world.track_once()
    world.sql("ALTER TABLE person DROP COLUMN email", visit(2, 2))
    world.once(expect=1)
    assert "masks the column email" in frozen(world, "person")
    assert len(rows(world, "visit")) == 2
    columns = {name: mask for name, mask in ENTITIES[0]["columns"].items() if name != "email"}
    configure(world, [{"table": "person", "columns": columns}, ENTITIES[1]])
    world.once()
    assert "email" not in rows(world, "person")[0]
    world.verify()


def test_a_renamed_table_stays_masked(pg):
    pg.sql(*PEOPLE, person(1), visit(1, 1))
    configure(pg, ENTITIES)
    pg.track_once()
    pg.sql("ALTER TABLE person RENAME TO human", f"INSERT INTO human(id, email) VALUES(2, '{mail(2)}')")
    pg.once()
    assert {row["email"] for row in rows(pg, "human")} == {hashed(mail(1)), hashed(mail(2))}
    scan(pg)


def test_a_large_value_that_was_not_sent_again_keeps_its_hash(pg):
    big = (MARK + "x" * 40) * 2000
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, big text, n int)", "ALTER TABLE t ALTER big SET STORAGE EXTERNAL")
    pg.sql(f"INSERT INTO t VALUES(1, '{big}', 1), (2, '{big}2', 1)")
    configure(pg, [{"table": "t", "columns": {"big": HASH}}])
    pg.track_once()
    pg.sql("UPDATE t SET n = 2", "UPDATE t SET id = 20 WHERE id = 2")
    pg.once()
    assert rows(pg, "t") == [
        {"id": "1", "big": hashed(big), "n": "2"},
        {"id": "20", "big": hashed(big + "2"), "n": "2"},
    ]
    pg.verify()
    scan(pg)


REFUSED = [
    ({"columns": {"emial": HASH}}, "did you mean email?"),
    ({"columns": {"id": GONE}}, "part of the key"),
    ({"columns": {"id": STARS}}, "part of the key"),
    ({"columns": {"email": {"mask": "rot13"}}}, '"null", "fixed", "hash"'),
    ({"columns": {"email": {"mask": "null", "mask_text": "x"}}}, "mask_text"),
    ({"columns": {"email": HASH}, "exclude": ["email"]}, "left out"),
    ({"columns": {"email": {}}}, "sets nothing"),
    ({"filter": "id > 1"}, "cannot follow"),
]


@pytest.mark.parametrize("entity, why", REFUSED)
def test_a_mask_that_cannot_be_is_refused_before_anything_is_read(world, entity, why):
    world.sql(*PEOPLE, person(1))
    configure(world, [{"table": "person", **entity}])
    assert why in world.track_once(expect=2).err
    assert not (world.lake / "model.json").exists()


@pytest.mark.parametrize("key, why", [(b"short", "shorter than 16 bytes"), (None, '"mask_key" is missing')])
def test_a_hash_takes_a_key_that_cannot_be_guessed(world, key, why):
    world.sql(*PEOPLE, person(1))
    configure(world, ENTITIES, key=key or KEY)
    if key is None:
        root = json.loads(world.config.read_text())
        del root["links"][0]["mask_key"]
        world.config.write_text(json.dumps(root))
    assert why in world.track_once(expect=2).err


# ---- filters ----

ORDERS = [
    "CREATE TABLE orders(region text, id int, v text, PRIMARY KEY(region, id))",
    "INSERT INTO orders SELECT CASE WHEN i % 3 = 0 THEN 'eu' ELSE 'us' END, i, 'v' || i FROM generate_series(1, 300) i",
]


def regions(pg):
    return sorted((row["region"], int(row["id"]), row["v"]) for row in rows(pg, "orders"))


def wanted(pg, condition):
    return sorted(pg.query(f"SELECT region, id, v FROM orders WHERE {condition}"))


def test_rows_move_into_a_filter_and_out_of_it(pg):
    pg.sql(*ORDERS)
    condition = "region = 'eu' -- those of the union"
    configure(pg, [{"table": "orders", "filter": condition}], chunk_rows=50, partition_bytes="1KiB")
    pg.sql("ALTER TABLE orders OWNER TO CURRENT_USER")
    pg.lakefeed("track", *pg.options())
    pg.once()
    assert regions(pg) == wanted(pg, "region = 'eu'") and len(regions(pg)) == 100
    pg.sql(
        "UPDATE orders SET region = 'eu' WHERE id = 1",
        "UPDATE orders SET region = 'us' WHERE id = 3",
        "UPDATE orders SET v = 'changed' WHERE id IN (6, 7)",
        "DELETE FROM orders WHERE id IN (9, 10)",
        "INSERT INTO orders VALUES('eu', 1001, 'new'), ('us', 1002, 'new')",
        "UPDATE orders SET id = 5000 WHERE id = 12",
    )
    pg.once()
    assert regions(pg) == wanted(pg, "region = 'eu'")
    pg.verify()
    before = regions(pg)
    pg.lakefeed("resync", *pg.options(), "orders")
    pg.once()
    assert regions(pg) == before


def test_another_filter_loads_the_entity_again(pg):
    pg.sql(*ORDERS)
    configure(pg, [{"table": "orders", "filter": "region = 'eu'"}])
    pg.track_once()
    configure(pg, [{"table": "orders", "filter": "region IN ('us')"}])
    said = pg.once(expect=2).events[-1]["message"]
    assert "not tracked" in said
    command = shlex.split(said[said.index("run: lakefeed ") + len("run: lakefeed ") :])
    pg.lakefeed(*command)
    result = pg.once()
    assert [e["entity"] for e in result.events if e["event"] == "entity_reload"] == ["orders"]
    assert regions(pg) == wanted(pg, "region = 'us'")
    # The same in other words is the same.
    configure(pg, [{"table": "orders", "filter": "(((region) IN ('us')))"}])
    assert not [e for e in pg.once().events if e["event"] == "entity_reload"]
    configure(pg, [{"table": "orders"}])
    pg.track_once()
    assert regions(pg) == wanted(pg, "true")
    pg.verify()


def test_a_filter_over_columns_outside_of_the_replica_identity_is_refused_with_the_cure(pg):
    pg.sql(*ORDERS)
    configure(pg, [{"table": "orders", "filter": "v <> 'v1'"}])
    said = pg.track_once(expect=2).err
    assert "ALTER TABLE" in said and "REPLICA IDENTITY FULL" in said and "(v)" in said
    pg.sql("UPDATE orders SET v = 'still possible' WHERE id = 2")
    assert not pg.query("SELECT 1 FROM pg_publication_rel")
    pg.sql("ALTER TABLE orders REPLICA IDENTITY FULL")
    pg.track_once()
    pg.sql("UPDATE orders SET v = 'v1' WHERE id = 5", "UPDATE orders SET v = 'w' WHERE id = 1")
    pg.once()
    assert regions(pg) == wanted(pg, "v <> 'v1'")
    pg.verify()


@pytest.mark.parametrize("condition", ["no_such_column = 1", "region = ", "true; DROP TABLE orders", "random() > 0.5"])
def test_a_filter_that_the_server_cannot_use_is_refused(pg, condition):
    pg.sql(*ORDERS)
    configure(pg, [{"table": "orders", "filter": condition}])
    pg.track_once(expect=None)
    assert not (pg.lake / "model.json").exists()
    assert pg.query("SELECT count(*) FROM orders") == [(300,)]


def test_a_row_that_moves_into_a_filter_without_its_large_value_is_read_again(pg):
    big = "x" * 100000
    pg.sql("CREATE TABLE orders(region text, id int, v text, PRIMARY KEY(region, id))")
    pg.sql("ALTER TABLE orders ALTER v SET STORAGE EXTERNAL", f"INSERT INTO orders VALUES('us', 1, '{big}')")
    configure(pg, [{"table": "orders", "filter": "region = 'eu'"}])
    pg.track_once()
    pg.sql("UPDATE orders SET region = 'eu'")
    pg.once()
    pg.once()
    assert regions(pg) == [("eu", 1, big)]
    pg.verify()
