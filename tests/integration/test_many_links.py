# SPDX-License-Identifier: Apache-2.0
"""Many links in one process: what one of them suffers is nothing to the others.

LAKEFEED_LINKS says how many, at least 6, 20 by default.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from world import Daemon, wait_until

COUNT = int(os.environ.get("LAKEFEED_LINKS", "20"))
WAIT_S = 60 + COUNT
TABLES = 3
ROWS = 20


class Fleet:
    """COUNT databases, each with a lake, and one configuration."""

    def __init__(self, world):
        self.world = world
        self.folder = world.folder
        self.daemon = None
        self.value = 0
        self.names = [f"link{n:03}" for n in range(COUNT)]
        template = self.folder / "template.db"
        with contextlib.closing(sqlite3.connect(template)) as db:
            db.execute("PRAGMA journal_mode = wal")
            for table in range(TABLES):
                db.execute(f"CREATE TABLE t{table}(id INTEGER PRIMARY KEY, v INTEGER)")
                db.executemany(f"INSERT INTO t{table} VALUES(?, 0)", [(row,) for row in range(ROWS)])
            db.commit()
        for name in self.names:
            shutil.copyfile(template, self.db(name))
        self.world.lakes = {self.lake(name) for name in self.names}

    def db(self, name):
        return self.folder / f"{name}.db"

    def lake(self, name):
        return self.folder / "lakes" / name

    def start(self):
        links = [
            {
                "name": name,
                "source": {"url": f"sqlite:{self.db(name)}"},
                "lake": {"url": f"file:{self.lake(name)}"},
                "snapshot": {"interval": "1s"},
            }
            for name in self.names
        ]
        config = self.folder / "many.json"
        config.write_text(json.dumps({"version": 1, "links": links}))
        (self.folder / "lakes").mkdir(exist_ok=True)
        command = [self.world.binary, "run", "--track", "-c", config, "--state-dir", self.folder / "state"]
        self.daemon = Daemon([str(word) for word in command], self.folder / "many.log")
        self.world.daemons.append(self.daemon)

    def change(self, names):
        """One row of each table gets the next value."""
        self.value += 1
        for name in names:
            self.world.sql(*(f"UPDATE t{n} SET v = {self.value} WHERE id = 7" for n in range(TABLES)), db=self.db(name))

    def events(self, event, name):
        return [e for e in self.daemon.events() if e["event"] == event and e["link"] == name]

    def is_equal(self, name):
        return self.world.is_equal(lake=self.lake(name), db=self.db(name))

    def wait_equal(self, names):
        """Looks at each lake until it equals its source; the process must live."""
        for name in names:
            wait_until(lambda name=name: self.is_alive() and self.is_equal(name), f"the lake of {name}", WAIT_S)

    def is_alive(self):
        assert self.daemon.process.poll() is None, self.daemon.log.read_text()[-3000:]
        return True

    def change_until(self, names, done):
        """Changes all of them, waits for all, at least twice and again and again until `done`."""
        rounds = 0
        while rounds < 2 or not done():
            self.change(names)
            self.wait_equal(names)
            rounds += 1


@pytest.fixture
def fleet(world):
    return Fleet(world)


def retries(fleet, name, count):
    return lambda: len(fleet.events("link_retry", name)) >= count


def test_all_links_load_and_follow(fleet):
    fleet.start()
    fleet.wait_equal(fleet.names)
    for _ in range(2):
        fleet.change(fleet.names)
        fleet.wait_equal(fleet.names)
    assert fleet.daemon.stop() == 0


def test_a_missing_source_delays_nobody_and_is_followed_once_it_is_there(fleet):
    bad, good = fleet.names[3], fleet.names[:3] + fleet.names[4:]
    hidden = fleet.folder / "hidden"
    fleet.db(bad).rename(hidden)
    fleet.start()
    fleet.change_until(good, retries(fleet, bad, 3))  # after 1, 3 and 7 seconds
    assert not fleet.events("commit_done", bad)
    hidden.rename(fleet.db(bad))
    fleet.wait_equal([bad])
    fleet.change(fleet.names)
    fleet.wait_equal(fleet.names)
    assert fleet.daemon.stop() == 0


def test_a_source_that_is_no_database_ends_its_link_alone(fleet):
    bad, good = fleet.names[0], fleet.names[1:]
    fleet.db(bad).write_bytes(b"this is no database" * 1000)
    fleet.world.lakes.discard(fleet.lake(bad))
    fleet.start()
    fleet.wait_equal(good)
    fleet.change(good)
    fleet.wait_equal(good)
    failed = wait_until(lambda: fleet.events("link_failed", bad), "the failure")
    assert str(fleet.db(bad)) in json.dumps(failed[0])


def test_a_source_that_is_taken_away_is_told_and_the_others_go_on(fleet):
    bad, good = fleet.names[-1], fleet.names[:-1]
    fleet.start()
    fleet.wait_equal(fleet.names)
    for suffix in ("", "-wal", "-shm"):
        fleet.db(bad).with_name(fleet.db(bad).name + suffix).unlink(missing_ok=True)
    told = ("resync_required", "link_failed", "link_retry")
    fleet.change_until(good, lambda: any(fleet.events(event, bad) for event in told))
    fleet.is_alive()


@contextlib.contextmanager
def read_only(folder):
    os.chmod(folder, 0o555)
    try:
        with contextlib.suppress(PermissionError):
            (folder / "probe").touch(exist_ok=False)
            (folder / "probe").unlink()
            pytest.skip("this user, root perhaps, writes to read-only folders too; see the test of a full disk")
        yield
    finally:
        os.chmod(folder, 0o755)


@pytest.fixture
def mount_small():
    """Mounts a file system with very little room at a folder; only root may."""
    mounted = []

    def mount(folder):
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
        if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode != 0:
            pytest.skip("a small file system cannot be mounted here")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_below_one_lake_delays_nobody_and_the_link_goes_on_once_there_is_room(fleet, mount_small):
    bad, good = fleet.names[5], fleet.names[:5] + fleet.names[6:]
    mount_small(fleet.lake(bad))
    fleet.start()
    fleet.wait_equal(fleet.names)
    ballast = fleet.lake(bad) / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    fleet.change([bad])
    fleet.change_until(good, retries(fleet, bad, 3))
    ballast.unlink()
    fleet.wait_equal([bad])
    assert fleet.daemon.stop() == 0


def test_a_read_only_lake_is_told_and_delays_nobody(fleet):
    bad, good = fleet.names[5], fleet.names[:5] + fleet.names[6:]
    fleet.start()
    fleet.wait_equal(fleet.names)
    folders = [folder for folder in fleet.lake(bad).rglob("*") if folder.is_dir()]
    with contextlib.ExitStack() as stack:
        for folder in folders:
            stack.enter_context(read_only(folder))
        fleet.change([bad])
        fleet.change_until(good, lambda: fleet.events("link_retry", bad) or fleet.events("link_failed", bad))
    if fleet.events("link_failed", bad):  # a local lake calls a missing right a matter of configuration
        fleet.daemon.stop()
        fleet.start()
    fleet.wait_equal([bad])
