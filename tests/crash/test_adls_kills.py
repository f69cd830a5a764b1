# SPDX-License-Identifier: Apache-2.0
"""A lake in Azure storage: kill -9 at named points and at random times, lost answers, two writers, readers at any
time."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import time

import pytest

import lake_reader
import test_kill_points
import test_random_kills
import workload
from adls import FILESYSTEM, LEASE_S, AdlsWorld, Server, client
from test_kill_points import restart, shop  # noqa: F401 (a fixture)
from world import TEST_BIN, wait_until, writers

SECONDS = float(os.environ.get("LAKEFEED_ADLS_SECONDS", "40"))  # of each random test
READS = int(os.environ.get("LAKEFEED_ADLS_READS", "0"))  # instead of the seconds
ROUNDS_LEAST = 8  # however slow the machine is
ONCE_FIRST_S = 2  # a run over HTTP, until one was measured
PATIENCE_S = 60  # of readers for a third commit
READERS = 3
POINTS = {
    "put_blob": ["publish_start", "record_written", "before_model", "after_model", "before_remove", "mid_remove"],
    "rename": ["before_model", "after_model"],
}
FAULTS = {
    "lost request": {"action": "reset_before"},
    "lost answer": {"action": "drop_after"},
    "reset after": {"action": "reset_after"},
    "cut answer": {"action": "truncate"},
    "busy": {"action": "status", "status": 503, "retry_after": 1},
    "internal": {"action": "status", "status": 500},
}


@pytest.fixture(params=["put_blob", "rename"])
def world(request, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    server = Server(tmp_path / "azure")
    world = AdlsWorld(folder, server, binary=TEST_BIN)
    world.lake_settings = {"publish": request.param}
    world.configure()
    yield world
    world.close()
    world.check_readers()
    server.close()


@pytest.mark.parametrize("world, point", [(way, point) for way in POINTS for point in POINTS[way]], indirect=["world"])
def test_a_kill_there_loses_and_doubles_nothing(shop, point):
    fired = 0
    for number in range(3):
        test_kill_points.change(shop, number)
        restart(shop)
    for passing in range(1, 3):
        test_kill_points.change(shop, passing + 2)
        result = shop.track_once(expect=None, env={"LAKEFEED_KILL_POINT": f"{point}:{passing}"})
        test_kill_points.assert_whole(shop)
        fired += result.status == -signal.SIGKILL
        restart(shop)
    assert fired > 0, f"{point} was never passed"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_request_loses_and_doubles_nothing(shop, seed, fault, capsys):
    """At request 1, 2, 3, … of a run, in a random order until the time is over."""
    dice = random.Random(seed)
    restart(shop)
    test_kill_points.change(shop, 0)
    before = shop.server.last_number()
    shop.track_once(expect=None)
    numbers = list(range(1, len(shop.server.requests(since=before)) + 1))
    dice.shuffle(numbers)
    end, fired = time.monotonic() + SECONDS / len(FAULTS), 0
    for round_number, number in enumerate(numbers, start=1):
        test_kill_points.change(shop, round_number)
        shop.server.faults({"nth": number, "do": FAULTS[fault]})
        shop.track_once(expect=None)
        fired += sum(shop.server.fired())
        shop.server.calm()
        test_kill_points.assert_whole(shop)
        restart(shop)
        if time.monotonic() > end:
            break
    with capsys.disabled():
        print(f"\nADLS {shop.lake_settings['publish']}, {fault}: seed {seed}, at {fired} of {len(numbers)} requests")
    assert fired > 0


# --- kills at random times, while answers get lost ---


class Round(test_random_kills.Round):
    def __init__(self, world, dice):
        super().__init__(world, dice)
        self.once_s = ONCE_FIRST_S
        self.fired = 0  # faults

    def disturb(self, number):
        """A lost state directory is another instance: the lease of the last one has to run out first."""
        super().disturb(number)
        if not self.world.state.exists():
            self.world.server.advance(LEASE_S + 1)
        self.world.server.faults(
            *[
                {"nth": self.dice.randint(1, 15), "every": self.dice.randint(5, 30), "times": 0, "do": fault}
                for fault in self.dice.sample(list(FAULTS.values()), 2)
            ]
        )

    def calm(self):
        self.fired += sum(self.world.server.fired())
        self.world.server.calm()


def test_random_kills_and_lost_answers(world, seed, capsys):
    dice = random.Random(seed)
    workload.create(world.db)
    world.configure(interval="1s", keep=2, keep_for="0s", partition_bytes="1KiB", chunk_rows=50)
    one = Round(world, dice)
    rounds = attempts = killed = 0
    began = time.monotonic()
    try:
        while rounds < ROUNDS_LEAST or time.monotonic() - began < SECONDS:
            rounds += 1
            one.disturb(rounds)
            for _ in range(dice.choice([1, 1, 2])):
                attempts += 1
                killed += one.kill_one()
            one.calm()
            test_random_kills.assert_whole(world)
            one.restart()
            test_random_kills.compare(world)
    finally:
        one.db.close()
        with capsys.disabled():
            print(
                f"\nADLS {world.lake_settings['publish']}: seed {seed}, {rounds} rounds, {one.fired} faults, "
                f"{killed} of {attempts} kills before the end"
            )
    world.verify()
    assert killed > attempts / 4, "the kills come too late to prove anything"
    assert one.fired > rounds / 2, "the faults come too late to prove anything"


# --- two writers ---


def stop_outside_of_transactions(shop, process):
    """So that the source is free for others."""

    def stopped():
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(shop.connect()) as db:
            db.execute("PRAGMA busy_timeout = 0")
            try:
                db.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                return False

    wait_until(stopped, "a moment without a transaction")


def test_a_writer_that_slept_through_its_lease_is_fenced(shop):
    shop.track_once()
    test_kill_points.change(shop, 0)
    wake = shop.folder / "wake"
    before = shop.server.last_number()
    sleeper = shop.daemon("--once", "--track", env={"LAKEFEED_PAUSE_POINT": f"before_model={wake}"})
    wait_until(lambda: shop.server.requests(since=before, path="_lakefeed/commits/"), "the sleeper's record")
    stop_outside_of_transactions(shop, sleeper.process)
    shop.server.advance(LEASE_S + 1)
    shop.track_once(state=shop.folder / "second state")
    test_kill_points.compare(shop)
    head = shop.head()
    sleeper.process.send_signal(signal.SIGCONT)
    wake.touch()
    assert sleeper.process.wait(timeout=60) == 4, sleeper.log.read_text()[-3000:]
    assert "fenced" in [event["event"] for event in sleeper.events()]
    assert shop.head() == head
    test_kill_points.assert_whole(shop)


def test_a_second_daemon_waits_and_goes_on_when_the_first_has_died(shop):
    first = shop.daemon("--track")
    first.wait_event("link_started")
    second = shop.daemon("--track", state=shop.folder / "second state")
    waiting = second.wait_event("waiting_for_owner")[0]
    assert str(first.process.pid) in waiting["message"], waiting
    first.kill()
    shop.server.advance(LEASE_S + 1)
    test_kill_points.change(shop, 1)
    second.wait_event("link_started")
    wait_until(lambda: "late1" in shop.read().entities, "the second daemon's commit")
    assert second.stop() == 0
    test_kill_points.compare(shop)


# --- readers ---


class Reader:
    """Reads model.json and at once every file that it names, as any client of the account would."""

    def __init__(self, server):
        self.service = client(server)
        self.files = self.service.get_file_system_client(FILESYSTEM)
        self.base = server.url()

    def fetch(self, path):
        return self.files.get_file_client(f"shop/{path}").download_file().readall()

    def read(self):
        model = json.loads(self.fetch("model.json"))
        tables = {}
        for entity in model["entities"]:
            rows = []
            for partition in entity["partitions"]:
                notes = lake_reader.notes_of(partition)
                assert partition["location"] == f"{self.base}/{notes['lakefeed:path']}"
                data = self.fetch(notes["lakefeed:path"])
                assert hashlib.sha256(data).hexdigest() == notes["lakefeed:sha256"], notes["lakefeed:path"]
                rows += lake_reader.parse(data, len(entity["attributes"]), notes["lakefeed:path"])
            tables[lake_reader.notes_of(entity)["lakefeed:table"]] = [
                tuple(cell and cell[1] for cell in row) for row in rows
            ]
        return lake_reader.notes_of(model)["lakefeed:commit"], tables


def assert_consistent(tables):
    assert workload.is_consistent(
        [(int(row[0]), int(row[1])) for row in tables["account"]],
        [tuple(map(int, row[1:4])) for row in tables["transfer"]],
    )


def test_no_reader_ever_finds_a_torn_snapshot(world, seed, capsys):
    workload.create(world.db)
    world.configure(interval="1s", keep=5, keep_for="1h", partition_bytes="4KiB")
    world.track_once()
    end, commits = time.monotonic() + SECONDS / 2, set()

    def is_over(reads):
        done = reads >= READS / READERS if READS else time.monotonic() > end
        return done and (len(commits) > 2 or time.monotonic() > end + PATIENCE_S)

    def read_on(_):
        reader, reads = Reader(world.server), 0
        while not is_over(reads):
            commit, tables = reader.read()
            assert_consistent(tables)
            commits.add(commit)
            reads += 1
        return reads

    daemon = world.daemon()
    with writers(world, seed), concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        reads = sum(pool.map(read_on, range(READERS)))
    assert daemon.stop() == 0
    with capsys.disabled():
        what = f"ADLS {world.lake_settings['publish']}: seed {seed}"
        print(f"\n{what}, {reads} reads of {len(commits)} commits, none torn")
    assert len(commits) > 2
    world.once()
    test_random_kills.compare(world)
