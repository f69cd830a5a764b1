# SPDX-License-Identifier: Apache-2.0
"""pgbench writes; at random lakefeed is killed, the server restarts, the network is cut or stalls, the slot is held.

In every committed snapshot the balances are what the history says; at rest the lake equals the source.
"""

import os
import random
import subprocess
import time

import duckdb
import psycopg

import lake_reader
import pg_compare
from postgres import PASSWORD, program
from world import wait_until

SECONDS = float(os.environ.get("LAKEFEED_PGBENCH_SECONDS") or os.environ.get("LAKEFEED_CRASH_SECONDS") or 30)
ROUNDS = int(os.environ.get("LAKEFEED_CRASH_ROUNDS", "0"))  # instead of the seconds
ACCOUNTS = 2000
WRITERS_RATE = "200"
RESTS = 8  # a comparison at rest after that many rounds
AWAITED = 0.4  # of the rounds: they disturb what has made a commit
# The tables of pgbench in small, with a key for the history; its own transaction, and what is hard to follow.
TABLES = [
    "CREATE TABLE pgbench_branches(bid int PRIMARY KEY, bbalance int, filler char(88))",
    "CREATE TABLE pgbench_tellers(tid int PRIMARY KEY, bid int, tbalance int, filler char(84))",
    "CREATE TABLE pgbench_accounts(aid int PRIMARY KEY, bid int, abalance int, filler text)",
    "ALTER TABLE pgbench_accounts ALTER filler SET STORAGE EXTERNAL",
    "CREATE TABLE pgbench_history(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tid int, bid int, aid int,"
    " delta int, mtime timestamp)",
    "INSERT INTO pgbench_branches VALUES(1, 0, 'b')",
    "INSERT INTO pgbench_tellers SELECT i, 1, 0, 't' FROM generate_series(1, 10) i",
    f"INSERT INTO pgbench_accounts SELECT i, 1, 0, repeat('f', CASE WHEN i % 10 = 0 THEN 3000 ELSE 20 END)"
    f" FROM generate_series(1, {ACCOUNTS}) i",
]
SCRIPT = f"""
\\set aid random(1, {ACCOUNTS})
\\set tid random(1, 10)
\\set delta random(-5000, 5000)
\\set odd random(1, 20)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid OR aid = -:aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = 1;
INSERT INTO pgbench_history(tid, bid, aid, delta, mtime) VALUES(:tid, 1, :aid, :delta, CURRENT_TIMESTAMP);
\\if :odd = 1
UPDATE pgbench_accounts SET aid = -aid WHERE abs(aid) = :aid;
\\elif :odd = 2
SAVEPOINT s;
DELETE FROM pgbench_accounts;
ROLLBACK TO s;
\\elif :odd = 3
UPDATE pgbench_accounts SET filler = repeat('g', 2500) WHERE aid = :aid;
\\endif
END;
"""
SUMS = ("accounts", 2), ("tellers", 2), ("branches", 1)


class Bench:
    """pgbench; begun anew when a restart of the server has ended it."""

    def __init__(self, pg):
        self.pg, self.process = pg, None
        self.script = pg.folder / "script.sql"
        self.script.write_text(SCRIPT)

    def start(self):
        if self.process is None or self.process.poll() is not None:
            server, null = self.pg.server, subprocess.DEVNULL
            command = [
                *(program("pgbench"), "-h", "127.0.0.1", "-p", str(server.port), "-U", "app", "-n"),
                *("-c", "3", "-T", "100000", "-R", WRITERS_RATE, "-f", str(self.script), self.pg.db),
            ]
            env = {**os.environ, "PGPASSWORD": PASSWORD}
            self.process = subprocess.Popen(command, env=env, stdin=null, stdout=null, stderr=null)

    def stop(self):
        """Ended, with its last transactions."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            sessions = "SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND datname = %s"
            wait_until(lambda: not self.pg.query(sessions, self.pg.db), "its sessions have ended")


class Snapshots:
    """Each committed snapshot that is still retained, once."""

    def __init__(self, pg):
        self.pg, self.seen, self.whole = pg, set(), 0
        self.reader = duckdb.connect()

    def total(self, entity, column):
        files = ", ".join(lake_reader.quote_text(os.path.join(entity.folder, path)) for path in entity.files)
        columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(len(entity.attributes)))
        return self.reader.execute(
            f"SELECT COALESCE(sum(c{column}::BIGINT), 0), count(*) FROM read_csv([{files}], columns = {{{columns}}},"
            " header = false, auto_detect = false, quote = '\"', escape = '\"')"
        ).fetchone()

    def check(self):
        if not (self.pg.lake / "model.json").exists():
            return
        for path in sorted((self.pg.lake / "_lakefeed" / "commits").glob("*.json")) + [self.pg.lake / "model.json"]:
            try:
                lake = lake_reader.Lake(self.pg.lake, str(path.relative_to(self.pg.lake)))
                if lake.notes["lakefeed:commitId"] not in self.seen:
                    self.check_one(lake)
                    self.seen.add(lake.notes["lakefeed:commitId"])
            except (OSError, duckdb.IOException):
                if path.exists() and path.name == "model.json":
                    raise

    def check_one(self, lake):
        tables = {entity.table: entity for entity in lake.entities.values()}
        if any(entity.state != "Completed" or not entity.files or "lakefeed:standsAt" in entity.notes
               for entity in tables.values()) or len(tables) < 4:  # fmt: skip
            return
        history, _ = self.total(tables["pgbench_history"], 4)
        for name, column in SUMS:
            balance, rows = self.total(tables[f"pgbench_{name}"], column)
            assert balance == history, f"commit {lake.commit} is torn: {name} {balance}, history {history}"
            assert name != "accounts" or rows == ACCOUNTS, f"commit {lake.commit}: {rows} accounts"
        self.whole += 1


class Round:
    def __init__(self, pg, dice):
        self.pg, self.dice = pg, dice
        self.proxy = pg.proxy()
        pg.configure(interval="1s", keep=6, keep_for="1h", partition_bytes="32KiB", chunk_rows=300, load_commit="1s")
        self.bench, self.snapshots = Bench(pg), Snapshots(pg)
        self.daemon = None
        self.counts = {}

    def kill(self):
        self.daemon.kill()
        self.daemon = None

    def terminate(self):
        assert self.daemon.stop() == 0
        self.daemon = None

    def restart_server(self):
        self.pg.server.restart(self.dice.choice(["fast", "immediate"]))

    def cut(self):
        if self.dice.random() < 0.5:
            self.proxy.cut()
        else:
            self.proxy.limit = self.dice.randrange(1, 300000)

    def stall(self):
        self.proxy.stall()
        time.sleep(self.dice.random())
        self.proxy.stall(False)

    def hold_slot(self):
        """Somebody else reads the slot without moving it."""
        slots = self.pg.slots()
        if slots:
            with self.pg.admin() as db:
                reader = "FROM pg_replication_slots WHERE slot_name = %s AND active"
                db.execute(f"SELECT pg_terminate_backend(active_pid) {reader}", slots)
                try:
                    db.execute(
                        "SELECT count(*) FROM pg_logical_slot_peek_binary_changes(%s, NULL, 100, 'proto_version', '1',"
                        " 'publication_names', %s)",
                        [slots[0], self.pg.publication()],
                    )
                except psycopg.errors.ObjectInUse:
                    self.counts["slot was in use"] = self.counts.get("slot was in use", 0) + 1

    def one(self):
        self.bench.start()
        if self.daemon is None:
            self.daemon = self.pg.daemon("--track")
        if self.dice.random() < AWAITED:
            self.await_commit()
        time.sleep(self.dice.random() * 1.5)
        assert self.daemon.process.poll() is None, self.daemon.log.read_text()[-3000:]
        action = self.dice.choice(
            [self.kill] * 3 + [self.terminate, self.restart_server, self.cut, self.stall, self.hold_slot]
        )
        self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1
        action()
        self.snapshots.check()

    def await_commit(self):
        """Or only what is cut off before its first commit would be seen."""
        self.daemon.wait_event("commit_done", count=1 + sum(e["event"] == "commit_done" for e in self.daemon.events()))

    def rest(self):
        self.bench.stop()
        if self.daemon is not None:
            self.kill()
        self.proxy.limit = None
        self.pg.lakefeed("run", *self.pg.options(), "--track", "--once")
        with self.pg.connect(user="postgres") as source:
            pg_compare.compare(self.pg.lake, source, duckdb=False)
        self.snapshots.check()


def test_random_kills_of_everything(pg, seed, capsys):
    dice = random.Random(seed)
    pg.sql(*TABLES)
    rounds, began = 0, time.monotonic()
    one = Round(pg, dice)
    try:
        while rounds < ROUNDS if ROUNDS else time.monotonic() - began < SECONDS:
            rounds += 1
            one.one()
            if rounds % RESTS == 0:
                one.rest()
        one.rest()
    except BaseException:
        with capsys.disabled():
            print(f"\nPostgreSQL kills: failed in round {rounds}, seed {seed} (LAKEFEED_SEED={seed}), {one.counts}")
        raise
    finally:
        one.bench.stop()
    rows = pg.query("SELECT count(*) FROM pgbench_history")[0][0]
    with capsys.disabled():
        print(
            f"\nPostgreSQL kills: seed {seed}, {rounds} rounds, {one.snapshots.whole} snapshots looked at,"
            f" {rows} transactions, {one.counts}"
        )
    lake_reader.check_history(pg.lake)
    pg.verify()
    assert one.snapshots.whole > rounds * AWAITED / 2, "too few snapshots of running writers were looked at"
    assert len(pg.slots()) == 1
