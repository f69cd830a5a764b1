# SPDX-License-Identifier: Apache-2.0
"""What is huge takes time and disk, not memory. Sizes are small here; scripts/soak sets LAKEFEED_HUGE=1 for the large
ones."""

import os
import subprocess

import pytest

from world import Peak, anonymous_bytes, parse_events, wait_until

HUGE = os.environ.get("LAKEFEED_HUGE") == "1"
TABLES = 1000 if HUGE else 100
TRANSACTION_MIB = 1024 if HUGE else 60
VALUE_BYTES = 200_000_000 if HUGE else 100_000_000
WIDE = 1599  # and a key
WIDE_ROWS = 3000 if HUGE else 200
SECONDS = 1800 if HUGE else 90
MEMORY_MAX = (48 + 8) << 20  # the default of `memory`; libraries, connections, the catalog of many tables


def once(pg, *arguments, expect=0):
    """run --once within the memory; its events."""
    process = subprocess.Popen(
        [str(pg.binary), "run", *pg.options(), "--once", *arguments], env={**os.environ, **pg.environment(None)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    peak = Peak(process.pid)
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == expect, log[-3000:]
    peak.check(MEMORY_MAX)
    return parse_events("".join(f"{line}\n" for line in log.split("\n") if line.startswith("{")))


def test_many_tables_are_loaded_and_followed_within_the_memory(pg):
    with pg.connect() as db:
        db.execute(f"""DO $$ BEGIN FOR i IN 1..{TABLES} LOOP
            EXECUTE format('CREATE TABLE t%s(id int PRIMARY KEY, a numeric(10,2), b text)', i);
            EXECUTE format('INSERT INTO t%s SELECT g, g * 1.5, ''row '' || g FROM generate_series(1, 20) g', i);
            IF i %% 50 = 0 THEN COMMIT; END IF; END LOOP; END $$""".replace("%%", "%"))
    assert sum(event["event"] == "load_finished" for event in once(pg, "--track")) == TABLES
    with pg.connect() as db:
        db.execute(f"""DO $$ BEGIN FOR i IN 1..{TABLES} LOOP
            EXECUTE format('UPDATE t%s SET a = a + 1 WHERE id > 10', i); END LOOP; END $$""")
    done = [event for event in once(pg) if event["event"] == "commit_done"]
    assert sum(event["changes"] for event in done) == 10 * TABLES
    pg.damaged.add(pg.lake)  # not damaged: other readers take long for so many tables
    pg.assert_equal(duckdb=False)


def test_the_widest_table_is_loaded_and_followed_within_the_memory(pg):
    columns = ", ".join(f"c{i} int" for i in range(WIDE))
    values = ", ".join(f"i + {i}" for i in range(WIDE))
    pg.sql(f"CREATE TABLE wide(id int PRIMARY KEY, {columns})",
           f"INSERT INTO wide SELECT i, {values} FROM generate_series(1, {WIDE_ROWS}) i")  # fmt: skip
    once(pg, "--track")
    pg.sql("UPDATE wide SET c0 = -1, c1598 = -2", "DELETE FROM wide WHERE id % 100 = 0")
    once(pg)
    pg.damaged.add(pg.lake)  # not damaged: DuckDB takes minutes for so many columns
    pg.assert_equal(duckdb=False)


ROWS = TRANSACTION_MIB * 100  # of 10 KiB
INSERT = f"INSERT INTO t SELECT i, repeat(md5(i::text), 330) FROM generate_series(1, {ROWS}) i"
BIG_ROWS = [
    "CREATE TABLE t(id int PRIMARY KEY, v text)",
    "ALTER TABLE t ALTER v SET STORAGE EXTERNAL, REPLICA IDENTITY FULL",  # old rows come whole, too
]


def test_a_huge_transaction_that_waits_is_taken_within_the_memory(pg):
    pg.sql(*BIG_ROWS)
    pg.damaged.add(pg.lake)  # not damaged: other readers take long
    once(pg, "--track")
    pg.sql(INSERT)
    once(pg)
    pg.assert_equal(duckdb=False)


@pytest.mark.parametrize("kind", ["insert", "update", "delete"])
def test_a_huge_transaction_under_a_daemon_is_taken_within_the_memory(pg, kind):
    pg.sql(*BIG_ROWS, *([] if kind == "insert" else [INSERT]))
    pg.damaged.add(pg.lake)  # not damaged: other readers take long
    once(pg, "--track")
    daemon = pg.daemon()
    peak = Peak(daemon.process.pid)
    daemon.wait_event("link_started")
    pg.sql({"insert": INSERT, "update": "UPDATE t SET v = reverse(v)", "delete": "DELETE FROM t WHERE id > 10"}[kind])
    changes = ROWS - 10 if kind == "delete" else ROWS

    def taken():
        return sum(event["changes"] for event in daemon.events() if event["event"] == "commit_done") == changes

    wait_until(taken, "it is in the lake", SECONDS)
    peak.check(MEMORY_MAX)
    assert daemon.stop() == 0
    pg.assert_equal(duckdb=False)


def test_a_huge_value_freezes_its_table_and_the_stream_goes_on(pg):
    """libpq holds a message whole, so this is the one that memory does not bound; but it gives it back."""
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
           "CREATE TABLE other(id int PRIMARY KEY)")  # fmt: skip
    pg.track_once()
    daemon = pg.daemon()
    peak = Peak(daemon.process.pid)
    daemon.wait_event("link_started")
    pg.each(f"INSERT INTO t VALUES(1, repeat('x', {VALUE_BYTES}))", "INSERT INTO other VALUES(1)")
    daemon.wait_event("entity_frozen")
    pg.sql("INSERT INTO other VALUES(2)")
    wait_until(lambda: pg.read().of_table("other").texts() == [("1",), ("2",)], "the other table is followed")
    frozen = pg.read().of_table("t")
    assert frozen.state == "Error" and "column v" in frozen.reason and '"exclude"' in frozen.reason, frozen.reason
    peak.check(4 * VALUE_BYTES)
    wait_until(lambda: anonymous_bytes(daemon.process.pid) <= MEMORY_MAX, "the memory is given back")
    assert daemon.stop() == 0
    pg.sql("DELETE FROM t WHERE id = 1")
    pg.once()
    pg.assert_equal()
