# SPDX-License-Identifier: Apache-2.0
"""One database, one lake and one state directory below a folder with a blank in its name, and the real program."""

import collections
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import lake_reader

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LAKEFEED_BIN", ROOT / "build/release/lakefeed")).resolve()
TEST_BIN = pathlib.Path(os.environ.get("LAKEFEED_TEST_BIN", ROOT / "build/debug/lakefeed")).resolve()
WRITER = ROOT / "tests/integration/workload.py"
LEVELS = {"debug", "info", "warn", "error"}
STATUSES = {0, 1, 2, 3, 4, 5, -signal.SIGKILL}  # where a test expects none in particular; a crash is none of them
STOP_S = 10  # promised for SIGTERM
WAIT_S = 30
COMMAND_S = 45
NAP_S = 0.003

Result = collections.namedtuple("Result", "status out err events")


def parse_events(text):
    """Each line of the log is one object that has at least these members."""
    events = []
    for line in text.removesuffix("\n").split("\n") if text else []:
        event = json.loads(line)
        assert isinstance(event, dict), line
        assert event["level"] in LEVELS and event["event"], line
        datetime.datetime.strptime(event["ts"], "%Y-%m-%dT%H:%M:%S.%fZ")
        events.append(event)
    return events


def wait_until(condition, what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def proc_status(pid, name, base=10):
    """A number in /proc/PID/status; 0: it has none, as a process that has ended."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next((int(line.split()[1], base) for line in file if line.startswith(f"{name}:")), 0)


def anonymous_bytes(pid):
    return proc_status(pid, "RssAnon") << 10


class Peak(threading.Thread):
    """The highest anonymous memory of a process while it lives, looked at every few milliseconds."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes = pid, 0
        self.start()

    def run(self):
        with contextlib.suppress(OSError):  # it is gone
            while True:
                self.bytes = max(self.bytes, anonymous_bytes(self.pid))
                time.sleep(NAP_S)

    def check(self, most):
        assert 0 < self.bytes <= most, f"{self.bytes >> 20} MiB"


class Daemon:
    """A running `lakefeed run`; its log goes to a file."""

    def __init__(self, arguments, log, env=None, cwd=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as file:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=cwd,
                env={**os.environ, **(env or {})},
            )

    def events(self):
        text = self.log.read_text("utf-8")
        return parse_events(text[: text.rfind("\n") + 1])

    def wait_event(self, name, count=1, **fields):
        def found():
            events = [e for e in self.events() if e["event"] == name and fields.items() <= e.items()]
            assert (
                len(events) >= count or self.process.poll() is None
            ), f"ended before {name}: {self.log.read_text()[-2000:]}"
            return events if len(events) >= count else None

        return wait_until(found, name)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, signal_number=signal.SIGTERM):
        """The exit status. Before it has a handler, the signal would simply kill it."""

        def is_caught():
            return proc_status(self.process.pid, "SigCgt", 16) & 1 << (signal_number - 1)

        wait_until(lambda: self.process.poll() is not None or is_caught(), "a handler")
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=STOP_S)


class World:
    def __init__(self, folder, binary=BIN):
        self.folder = pathlib.Path(folder)
        self.binary = binary
        self.db = self.folder / "my shop.db"
        self.lake = self.folder / "the lake"
        self.state = self.folder / "state dir"
        self.config = None
        self.lakes = {self.lake}
        self.damaged = set()  # lakes that a test has altered on purpose
        self.daemons = []

    # --- the source ---

    def connect(self, db=None):
        connection = sqlite3.connect(db or self.db, timeout=30, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = 1")
        return connection

    def sql(self, *statements, db=None):
        """Each statement is text, or text and its values; all in one transaction."""
        with contextlib.closing(self.connect(db)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    connection.execute(*statement)
            connection.execute("COMMIT")

    def wal(self):
        with contextlib.closing(self.connect()) as connection:
            assert connection.execute("PRAGMA journal_mode = wal").fetchone()[0] == "wal"

    def query(self, sql, *values, db=None):
        with contextlib.closing(self.connect(db)) as connection:
            return connection.execute(sql, values).fetchall()

    # --- the program ---

    @property
    def source_url(self):
        return f"sqlite:{self.db}"

    def configure(self, entities=None, source=None, link=None, **snapshot):
        """From now on every command takes a configuration file: further members of source and link, settings of
        snapshots."""
        item = {
            "name": "shop",
            "source": {"url": self.source_url, **(source or {})},
            "lake": {"url": f"file:{self.lake}"},
            "snapshot": snapshot,
            **({"entities": entities} if entities else {}),
            **(link or {}),
        }
        self.config = self.folder / "lakefeed.json"
        self.config.write_text(json.dumps({"version": 1, "links": [item]}))

    def options(self, db=None, lake=None, state=None):
        if self.config is not None:
            return ["-c", str(self.config), "--state-dir", str(state or self.state)]
        self.lakes.add(pathlib.Path(lake or self.lake))
        return [
            "--source",
            f"sqlite:{db or self.db}",
            "--lake",
            f"file:{lake or self.lake}",
            "--state-dir",
            str(state or self.state),
        ]

    def lakefeed(self, *arguments, expect=0, env=None, cwd=None):
        done = subprocess.run(
            [str(self.binary), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_S,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            check=False,
        )
        out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        wanted = STATUSES if expect is None else {expect}
        assert done.returncode in wanted, f"{arguments}: exit {done.returncode}, not {expect}\n{out}\n{err}"
        logs = "".join(f"{line}\n" for line in err.split("\n") if line.startswith("{"))
        return Result(done.returncode, out, err, parse_events(logs) if done.returncode >= 0 else [])

    def once(self, *arguments, expect=0, env=None, **places):
        """run --once; the source must be tracked already."""
        return self.lakefeed("run", *self.options(**places), "--once", *arguments, expect=expect, env=env)

    def track_once(self, *arguments, expect=0, **places):
        return self.once("--track", *arguments, expect=expect, **places)

    def daemon(self, *arguments, interval="1s", env=None, cwd=None, **places):
        log = self.folder / f"daemon {len(self.daemons)}.log"
        every = [] if self.config is not None else ["--interval", interval]
        daemon = Daemon([str(self.binary), "run", *self.options(**places), *every, *arguments], log, env, cwd)
        self.daemons.append(daemon)
        return daemon

    def status(self, **places):
        """Of the only link."""
        return json.loads(self.lakefeed("status", *self.options(**places), "--json").out)["links"][0]

    def verify(self, *arguments, expect=0, **places):
        return self.lakefeed("verify", *self.options(**places), *arguments, expect=expect)

    # --- the lake ---

    def read(self, lake=None):
        return lake_reader.Lake(lake or self.lake)

    def head(self, lake=None):
        return lake_reader.read_text((lake or self.lake) / "model.json")

    def assert_equal(self, tables=None, lake=None, db=None):
        return lake_reader.compare(lake or self.lake, db or self.db, tables)

    def is_equal(self, **places):
        """For waiting: a lake that cannot be read yet is not equal."""
        try:
            return self.assert_equal(**places)
        except (lake_reader.LakeError, OSError):
            return None

    def wait_equal(self, tables=None):
        """Waits until a daemon has brought the lake to the state of the source."""
        last = []

        def equal():
            try:
                return self.assert_equal(tables)
            except (lake_reader.LakeError, OSError) as error:
                last[:] = [error]
                return None

        try:
            return wait_until(equal, "the lake equals the source")
        except AssertionError:
            raise last[0] if last else None

    def close(self):
        for daemon in self.daemons:
            daemon.kill()

    def check_readers(self):
        for lake in self.lakes - self.damaged:
            if (lake / "model.json").exists():
                lake_reader.check_readers(lake)

    def copy_db(self, target):
        """The database with what its WAL holds."""
        with contextlib.closing(self.connect()) as source, contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def replace_db(self, source):
        for suffix in ("-wal", "-shm", "-journal"):
            pathlib.Path(str(self.db) + suffix).unlink(missing_ok=True)
        shutil.copyfile(source, self.db)


def python(*arguments, **options):
    """Another process of this Python."""
    return subprocess.Popen([sys.executable, *map(str, arguments)], stdin=subprocess.DEVNULL, **options)


@contextlib.contextmanager
def writers(world, seed, count=1, pause_ms=5):
    """Other processes that write; on leaving they have ended with their last transaction."""
    processes = [python(WRITER, world.db, seed + number, pause_ms) for number in range(count)]
    try:
        yield processes
        assert all(process.poll() is None for process in processes), "a writer failed"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            assert process.wait(timeout=30) in (0, -signal.SIGTERM)
