# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random times during a random workload, again and again on the same database and lake."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import lake_reader
import workload

SECONDS = float(os.environ.get("LAKEFEED_CRASH_SECONDS", "30"))
ROUNDS = int(os.environ.get("LAKEFEED_CRASH_ROUNDS", "0"))  # instead of the seconds
ONCE_FIRST_S = 0.1  # how long a single run may take, until one was measured
ONCE_SPARE = 1.1  # a few kills come after the end, so that the last steps are met too
DAEMON_MAX_S = 1.3
COLUMNS_MAX = 8


class Round:
    def __init__(self, world, dice):
        self.world, self.dice = world, dice
        self.once_s = ONCE_FIRST_S
        self.db = world.connect()
        self.db.execute("PRAGMA synchronous = off")

    def write(self, until):
        """The application, until that moment."""
        while True:
            workload.step(self.db, self.dice)
            rest = until - time.monotonic()
            if rest <= 0:
                return
            time.sleep(min(rest, self.dice.choice([0, 0.002, 0.02])))

    def disturb(self, number):
        """Now and then what makes a run longer, or a lost state directory; and the tables stay small."""
        if self.dice.random() < 0.1:
            shutil.rmtree(self.world.state, ignore_errors=True)
        if (
            self.dice.random() < 0.1
            and len(self.db.execute("SELECT * FROM pragma_table_info('tag')").fetchall()) < COLUMNS_MAX
        ):
            self.db.execute(
                f"ALTER TABLE tag ADD COLUMN c{number} TEXT DEFAULT {self.dice.choice(['NULL', repr('d')])}"
            )
        if self.dice.random() < 0.05:
            self.db.execute(f"CREATE TABLE late{number}(id TEXT PRIMARY KEY, v INT)")
            self.db.executemany(f"INSERT INTO late{number} VALUES(?, ?)", [(str(key), key) for key in range(100)])
        if self.dice.random() < 0.1:
            self.db.executescript(
                f"BEGIN; DELETE FROM transfer; UPDATE account SET balance = {workload.BEGIN}; COMMIT;"
            )

    def kill_one(self):
        """Starts lakefeed and kills it at a random time, while the application writes."""
        daemon = self.dice.random() < 0.1
        how = [] if daemon else ["--once"]
        with open(os.devnull, "wb") as null:
            process = subprocess.Popen(
                [str(self.world.binary), "run", *self.world.options(), "--track", *how],
                stdin=subprocess.DEVNULL,
                stdout=null,
                stderr=null,
            )
        try:
            self.write(time.monotonic() + self.dice.random() * (DAEMON_MAX_S if daemon else self.once_s * ONCE_SPARE))
        finally:
            process.kill()
            status = process.wait()
        return status == -signal.SIGKILL

    def restart(self):
        began = time.monotonic()
        self.world.track_once()
        self.once_s = (self.once_s + time.monotonic() - began) / 2


def assert_whole(world):
    """Every retained commit is readable, and both tables of the invariant stand at one position in each."""
    if not (world.lake / "model.json").exists():
        return
    for old in lake_reader.check_history(world.lake):
        tables = {entity.table: entity.texts() for entity in old.entities.values() if entity.state == "Completed"}
        if {"account", "transfer"} <= tables.keys():
            assert workload.is_consistent(
                [(int(row[0]), int(row[1])) for row in tables["account"]],
                [tuple(map(int, row[1:4])) for row in tables["transfer"]],
            ), f"commit {old.commit} is torn"


def test_random_kills(world, seed, capsys):
    dice = random.Random(seed)
    workload.create(world.db)
    world.configure(interval="1s", keep=2, keep_for="0s", partition_bytes="1KiB", chunk_rows=50)
    rounds, attempts, killed, began = 0, 0, 0, time.monotonic()
    with contextlib.closing(world.connect()) as db:
        db.execute("PRAGMA wal_autocheckpoint = 100")
    one = Round(world, dice)
    try:
        while rounds < ROUNDS if ROUNDS else time.monotonic() - began < SECONDS:
            rounds += 1
            one.disturb(rounds)
            for _ in range(dice.choice([1, 1, 2])):
                attempts += 1
                killed += one.kill_one()
            assert_whole(world)
            one.restart()
            lake = world.assert_equal() if rounds % 20 == 0 else compare(world)
            assert lake.commit > 0
            assert_whole(world)
    except BaseException:
        with capsys.disabled():
            print(f"\nrandom kills: failed in round {rounds}, seed {seed} (LAKEFEED_SEED={seed})")
        raise
    finally:
        one.db.close()
        seconds = time.monotonic() - began
    with capsys.disabled():
        print(
            f"\nrandom kills: seed {seed}, {rounds} rounds, {killed} of {attempts} kills before the end, "
            f"{seconds / rounds:.2f} s a round"
        )
    world.verify()
    assert killed > attempts / 4, "the kills come too late to prove anything"
    assert seconds / rounds < 2


def compare(world):
    """Without DuckDB, which takes longer than the rest of a round."""
    lake = world.read()
    with contextlib.closing(lake_reader.open_source(world.db)) as db:
        assert sorted(entity.table for entity in lake.entities.values()) == sorted(lake_reader.source_tables(db))
        for entity in lake.entities.values():
            assert entity.state == "Completed", (entity.name, entity.reason)
            lake_reader.compare_entity(entity, db)
    return lake
