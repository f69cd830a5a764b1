# SPDX-License-Identifier: Apache-2.0
"""The first load from PostgreSQL: in chunks, under writes, killed and resumed, of real data; how the stream joins."""

import contextlib
import pathlib
import subprocess
import sys
import threading

import psycopg
import pytest

from world import wait_until

ROWS = 6000
BIG = [
    "CREATE TABLE account(id int PRIMARY KEY, balance bigint NOT NULL, note text)",
    "CREATE TABLE history(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, delta bigint)",
    f"INSERT INTO account SELECT i, 0, repeat('n', 50) FROM generate_series(1, {ROWS}) i",
]
# Moves money between accounts that the load has read and those that it has not; deletes and inserts rows at random.
WRITE = f"""DO $$
DECLARE a int := 1 + floor(random() * {ROWS})::int; d int := floor(random() * 100)::int;
BEGIN
    UPDATE account SET balance = balance + d WHERE id = a;
    IF FOUND THEN INSERT INTO history(account, delta) VALUES(a, d); END IF;
    INSERT INTO account VALUES({ROWS} + floor(random() * 1000)::int, 0, 'x') ON CONFLICT DO NOTHING;
    DELETE FROM account WHERE id = {ROWS} + floor(random() * 1000)::int AND balance = 0;
    UPDATE account SET id = -id WHERE abs(id) = 1 + floor(random() * 200)::int AND balance = 0;
END$$"""


class Writers:
    """Threads of the application; on leaving they have ended between two transactions."""

    def __init__(self, pg, count=2, statement=WRITE):
        self.pg, self.count, self.statement = pg, count, statement
        self.stop, self.done, self.errors = threading.Event(), 0, []

    def __enter__(self):
        self.threads = [threading.Thread(target=self.write) for _ in range(self.count)]
        for thread in self.threads:
            thread.start()
        return self

    def write(self):
        try:
            with self.pg.connect() as db:
                while not self.stop.is_set():
                    with contextlib.suppress(psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
                        db.execute(self.statement)
                    self.done += 1
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.errors.append(error)

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.errors, self.errors


def assert_sums(lake):
    """In every snapshot: the balances are what the history says."""
    tables = {entity.table: entity for entity in lake.entities.values()}
    loaded = [entity.state == "Completed" and "lakefeed:loading" not in entity.notes for entity in tables.values()]
    if not all(loaded):
        return False
    balances = {abs(int(row[0])): int(row[1]) for row in tables["account"].texts() if row[1] != "0"}
    deltas = {}
    for _, account, delta in tables["history"].texts():
        deltas[int(account)] = deltas.get(int(account), 0) + int(delta)
    assert balances == {account: delta for account, delta in deltas.items() if delta}, f"commit {lake.commit} is torn"
    return True


def test_a_load_under_writes_joins_the_stream_without_gap_or_overlap(pg):
    pg.sql(*BIG)
    pg.configure(interval="1s", chunk_rows=300, partition_bytes="64KiB", load_commit="1s", keep=50)
    with Writers(pg) as writers:
        daemon = pg.daemon("--track")
        daemon.wait_event("load_finished", count=2)
        commits = len(daemon.wait_event("commit_done"))
        daemon.wait_event("commit_done", count=commits + 2)
        assert writers.done > 10
    pg.wait_equal()
    assert daemon.stop() == 0
    assert [assert_sums(lake) for lake in pg.check_history()].count(True) >= 2


def chunks(events):
    return {(event["entity"], event["chunk"]) for event in events if event["event"] == "chunk_loaded"}


def test_a_load_that_is_killed_again_and_again_goes_on(pg):
    pg.sql(*BIG)
    pg.configure(interval="1s", chunk_rows=500, partition_bytes="64KiB", load_commit="1s")
    with Writers(pg):
        for _ in range(4):
            daemon = pg.daemon("--track")
            daemon.wait_event("chunk_loaded", count=3)
            daemon.kill()
        daemon = pg.daemon("--track")
        daemon.wait_event("load_finished", count=2)
        assert_sums(pg.read())
    pg.wait_equal()
    assert daemon.stop() == 0
    assert len(pg.slots()) == 1, "each start takes the same slot"


def test_a_load_holds_no_long_transaction(pg):
    """What a load sees of the server while it reads: snapshots end with each chunk."""
    pg.sql(*BIG)
    pg.configure(interval="1s", chunk_rows=30, load_commit="1s")
    daemon = pg.daemon("--track")
    seen, over = set(), ("load_finished", "account")

    def look():
        seen.update(pg.query("SELECT xact_start FROM pg_stat_activity WHERE usename = 'feed' AND datname = %s"
                             " AND backend_xmin IS NOT NULL AND backend_type = 'client backend'", pg.db))  # fmt: skip
        return [event for event in daemon.events() if (event["event"], event.get("entity")) == over]

    wait_until(look, "the load is over")
    assert len(chunks(daemon.events())) > 100 and len(seen) > 2
    pg.wait_equal()
    assert daemon.stop() == 0


def test_ddl_and_truncate_during_a_load(pg):
    pg.sql(*BIG, "CREATE TABLE t(id int PRIMARY KEY, v text)",
           "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 9000) i")  # fmt: skip
    pg.configure(interval="1s", chunk_rows=500, load_commit="1s")
    daemon = pg.daemon("--track")
    daemon.wait_event("chunk_loaded")
    pg.sql("ALTER TABLE account ADD COLUMN late int DEFAULT 7", "UPDATE account SET note = 'y' WHERE id % 3 = 0")
    pg.sql("TRUNCATE t", "INSERT INTO t VALUES(5, 'new')")
    pg.sql("ALTER TABLE account ALTER COLUMN balance TYPE numeric(20,2) USING balance + 0.25")
    pg.wait_equal()
    assert daemon.stop() == 0
    pg.verify()


def test_a_transaction_open_since_before_the_load_is_not_lost(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t SELECT i FROM generate_series(1, 100) i")
    with contextlib.closing(pg.connect()) as db:
        db.execute("BEGIN")
        db.execute("UPDATE t SET v = 'open' WHERE id % 2 = 0")
        daemon = pg.daemon("--track")
        wait_until(pg.publications, "it begins")
        db.execute("INSERT INTO t VALUES(101, 'last')")
        db.execute("COMMIT")
    pg.wait_equal()
    assert daemon.stop() == 0


def test_a_transaction_that_stays_open_delays_a_start_and_is_named(pg):
    """The server makes no slot while older transactions write; who is to blame is told."""
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t VALUES(1)", "CREATE TABLE other(id int)")
    with contextlib.closing(pg.connect()) as db:
        pid = db.info.backend_pid
        db.execute("BEGIN")
        db.execute("INSERT INTO other VALUES(1)")
        daemon = pg.daemon("--track")
        wait_until(lambda: str(pid) in daemon.log.read_text("utf-8"), "the process that delays", seconds=90)
        db.execute("COMMIT")
    pg.wait_equal(["t"])
    assert daemon.stop() == 0


COLLATED = {
    "by a number": "id int PRIMARY KEY",
    "by text of a language": 'id text COLLATE "und-x-icu" PRIMARY KEY',
    "by text": "id text PRIMARY KEY",
    "by two columns": "id int, n numeric(10,3), PRIMARY KEY(id, n)",
    "by an index that includes more": "id int NOT NULL, v text, UNIQUE (id) INCLUDE (v)",
    "partitioned": "id int PRIMARY KEY",
}


@pytest.mark.parametrize("name", COLLATED)
def test_tables_of_every_order_load_in_chunks(pg, name):
    partitioned = " PARTITION BY HASH(id)" if name == "partitioned" else ""
    pg.sql(f"CREATE TABLE t({COLLATED[name]}){partitioned}")
    if partitioned:
        pg.sql(*[f"CREATE TABLE t{n} PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER {n})" for n in range(3)])
    if "INCLUDE" in COLLATED[name]:
        pg.sql("ALTER TABLE t REPLICA IDENTITY USING INDEX t_id_v_key")
    value = "chr(65 + i % 60) || i" if COLLATED[name].startswith("id text") else "(i * 7919) % 10007"
    pg.sql(f"INSERT INTO t(id{', n' if 'two' in name else ''}) SELECT {value}{', i / 8.0' if 'two' in name else ''}"
           " FROM generate_series(1, 5000) i", "ANALYZE t")  # fmt: skip
    pg.configure(chunk_rows=500, partition_bytes="16KiB")
    pg.track_once()
    pg.assert_equal(["t"])
    pg.sql("DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 500)")
    pg.once()
    pg.assert_equal(["t"])


def test_statistics_that_are_missing_or_wrong_only_cost_time(pg):
    pg.sql("CREATE TABLE never(id int PRIMARY KEY) WITH (autovacuum_enabled = off)",
           "CREATE TABLE stale(id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off)",
           "INSERT INTO stale SELECT i FROM generate_series(1, 10) i", "ANALYZE stale",
           "INSERT INTO stale SELECT i FROM generate_series(100000, 110000) i",
           "INSERT INTO never SELECT i FROM generate_series(-5000, 5000) i",
           "CREATE TABLE empty(id int PRIMARY KEY)")  # fmt: skip
    pg.configure(chunk_rows=1000)
    pg.track_once()
    pg.assert_equal()
    pg.verify()


def test_row_security_is_never_obeyed_silently(pg):
    """A load that a policy would cut is refused; the table is named."""
    pg.sql("CREATE TABLE t(id int PRIMARY KEY)", "CREATE TABLE other(id int PRIMARY KEY)",
           "INSERT INTO t VALUES(1), (2)",
           "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t FORCE ROW LEVEL SECURITY",
           "CREATE POLICY few ON t USING (id > 1)")  # fmt: skip
    skipped = [event for event in pg.track_once().events if event["event"] == "entity_skipped"]
    left_out = {event["table"]: event["reason"] for event in skipped}
    assert left_out.keys() == {"t"} and 'ALTER ROLE "feed" BYPASSRLS;' in left_out["t"]
    assert list(pg.read().entities) == ["other"]
    pg.sql('ALTER ROLE "feed" BYPASSRLS;', user="postgres")
    try:
        pg.track_once()
        pg.assert_equal()
    finally:
        pg.sql("ALTER ROLE feed NOBYPASSRLS", user="postgres")


def some(path):
    """The large tables are cut at an order."""
    lines = path.read_bytes().splitlines(keepends=True)
    if path.stem in ("orders", "lineitem"):
        lines = lines[:1] + [line for line in lines[1:] if int(line[: line.index(b",")]) < 12000]
    return b"".join(lines)


def test_tpch(pg, tmp_path):
    """Eight tables of the benchmark, then its refresh functions as a stream of changes."""
    folder = tmp_path / "tpch"
    command = str(pathlib.Path(sys.executable).parent / "tpchgen-cli")
    subprocess.run([command, "csv", "-s", "0.01", f"--output-dir={folder}"], check=True, capture_output=True)
    pg.sql(*TPCH)
    with pg.connect() as db:
        for path in sorted(folder.glob("*.csv")):
            with db.cursor().copy(f"COPY {path.stem} FROM STDIN (FORMAT csv, HEADER)") as copy:
                copy.write(some(path))
    pg.configure(chunk_rows=2000, partition_bytes="256KiB")
    pg.track_once()
    pg.verify()
    pg.sql("INSERT INTO orders SELECT o_orderkey + 1, o_custkey, 'P', o_totalprice, o_orderdate, 'new', o_clerk, 0,"
           " o_comment FROM orders WHERE o_orderkey % 32 = 7",
           "INSERT INTO lineitem SELECT l_orderkey + 1, l_partkey, l_suppkey, l_linenumber, l_quantity,"
           " l_extendedprice, l_discount, l_tax, 'N', 'O', l_shipdate, l_commitdate, l_receiptdate, '', '', 'new'"
           " FROM lineitem WHERE l_orderkey % 32 = 7")  # fmt: skip
    pg.sql("DELETE FROM lineitem WHERE l_orderkey % 32 = 1", "DELETE FROM orders WHERE o_orderkey % 32 = 1")
    pg.once()
    pg.assert_equal()
    pg.verify()


TPCH = [
    "CREATE TABLE region(r_regionkey int PRIMARY KEY, r_name char(25), r_comment varchar(152))",
    "CREATE TABLE nation(n_nationkey int PRIMARY KEY, n_name char(25), n_regionkey int, n_comment varchar(152))",
    "CREATE TABLE part(p_partkey int PRIMARY KEY, p_name varchar(55), p_mfgr char(25), p_brand char(10),"
    " p_type varchar(25),"
    " p_size int, p_container char(10), p_retailprice decimal(15,2), p_comment varchar(23))",
    "CREATE TABLE supplier(s_suppkey int PRIMARY KEY, s_name char(25), s_address varchar(40), s_nationkey int,"
    " s_phone char(15),"
    " s_acctbal decimal(15,2), s_comment varchar(101))",
    "CREATE TABLE partsupp(ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost decimal(15,2),"
    " ps_comment varchar(199),"
    " PRIMARY KEY(ps_partkey, ps_suppkey))",
    "CREATE TABLE customer(c_custkey int PRIMARY KEY, c_name varchar(25), c_address varchar(40), c_nationkey int,"
    " c_phone char(15),"
    " c_acctbal decimal(15,2), c_mktsegment char(10), c_comment varchar(117))",
    "CREATE TABLE orders(o_orderkey int PRIMARY KEY, o_custkey int, o_orderstatus char(1), o_totalprice decimal(15,2),"
    " o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority int, o_comment varchar(79))",
    "CREATE TABLE lineitem(l_orderkey int, l_partkey int, l_suppkey int, l_linenumber int, l_quantity decimal(15,2),"
    " l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), l_returnflag char(1),"
    " l_linestatus char(1),"
    " l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10),"
    " l_comment varchar(44), PRIMARY KEY(l_orderkey, l_linenumber))",
]
