# SPDX-License-Identifier: Apache-2.0
"""What is huge takes time and disk, not memory. Sizes are small here; scripts/soak sets LAKEFEED_HUGE=1 for the large ones."""

import os
import subprocess
import threading
import time

import pytest

from world import parse_events, wait_until

HUGE = os.environ.get("LAKEFEED_HUGE") == "1"
TABLES = 1000 if HUGE else 100
TRANSACTION_MIB = 1024 if HUGE else 60
VALUE_BYTES = 200_000_000 if HUGE else 100_000_000
WIDE = 1599  # and a key
WIDE_ROWS = 3000 if HUGE else 200
SECONDS = 1800 if HUGE else 90
MEMORY_MAX = 48 << 20  # the default of `memory`
CONNECTIONS = 8 << 20  # libraries, connections, the catalog of many tables
NAP_S = 0.003


def anonymous(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next((int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon")), 0)


class Peak(threading.Thread):
    """The highest anonymous memory of a process while it lives, looked at every few milliseconds."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes = pid, 0
        self.start()

    def run(self):
        try:
            while True:
                self.bytes = max(self.bytes, anonymous(self.pid))
                time.sleep(NAP_S)
        except OSError:
            return

    def check(self):
        assert 0 < self.bytes <= MEMORY_MAX + CONNECTIONS, f"{self.bytes >> 20} MiB"


def once(pg, *arguments, expect=0):
    """run --once within the memory; its events."""
    process = subprocess.Popen(
        [str(pg.binary), "run", *pg.options(), "--once", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, env={**os.environ, **pg.environment(None)},
    )  # fmt: skip
    peak = Peak(process.pid)
    _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == expect, log[-3000:]
    peak.check()
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


@pytest.mark.parametrize("how", ["while it runs", "at the start"])
def test_a_huge_transaction_is_taken_within_the_memory(pg, how):
    rows = TRANSACTION_MIB * 100  # of 10 KiB
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "ALTER TABLE t ALTER v SET STORAGE EXTERNAL")
    pg.damaged.add(pg.lake)  # not damaged: other readers take long
    once(pg, "--track")
    insert = f"INSERT INTO t SELECT i, repeat(md5(i::text), 330) FROM generate_series(1, {rows}) i"
    if how == "at the start":
        pg.sql(insert)
        once(pg)
    else:
        daemon = pg.daemon()
        peak = Peak(daemon.process.pid)
        daemon.wait_event("link_started")
        pg.sql(insert)
        wait_until(lambda: sum(part.rows for part in pg.read().of_table("t").partitions) == rows, "it is in the lake",
                   SECONDS)  # fmt: skip
        peak.check()
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
    assert peak.bytes < 4 * VALUE_BYTES, f"{peak.bytes >> 20} MiB"
    wait_until(lambda: anonymous(daemon.process.pid) <= MEMORY_MAX + CONNECTIONS, "the memory is given back")
    assert daemon.stop() == 0
    pg.sql("DELETE FROM t WHERE id = 1")
    pg.once()
    pg.assert_equal()
