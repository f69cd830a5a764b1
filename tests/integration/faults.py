# SPDX-License-Identifier: Apache-2.0
"""A disk that fails and a clock that jumps, for the real program: tests/shim/fault_shim.c, switched by files."""

import contextlib
import hashlib
import os
import shutil
import subprocess

import pytest

import world as worlds

NOBODY = 65534


def find_shim():
    places = [binary.parent / "fault_shim.so" for binary in (worlds.BIN, worlds.TEST_BIN)]
    found = [place for place in places if place.exists()]
    assert found, f"build the target fault_shim; looked for {' and '.join(map(str, places))}"
    return str(found[0])


class Faults:
    def __init__(self, world):
        self.rules = world.folder / "fault rules"
        self.fired_path = world.folder / "fault rules.fired"
        self.clock_path = world.folder / "clock offset"
        self.env = {
            "LD_PRELOAD": str(self.link_shim(world.folder.parent)),
            "LAKEFEED_FAULTS": str(self.rules),
            "LAKEFEED_CLOCK": str(self.clock_path),
        }

    @staticmethod
    def link_shim(folder):
        """LD_PRELOAD is a list with blanks between, and a checkout may stand below a folder with one in its name."""
        link = folder / "fault_shim.so"
        assert not set(str(link)) & set(" :"), link
        if not link.exists():
            link.symlink_to(find_shim())
        return link

    @staticmethod
    def replace(path, text):
        """In one step, so that the program never reads half of it."""
        aside = path.with_suffix(".new")
        aside.write_text(text)
        os.replace(aside, path)

    def begin(self, *rules):
        """Each is an error, the calls ("all" or some of write, truncate, create, mkdir, rename, sync) and a folder."""
        self.replace(self.rules, "".join(f"{error} {calls} {folder}\n" for error, calls, folder in rules))

    def end(self):
        self.rules.unlink(missing_ok=True)

    def fired(self):
        return self.fired_path.read_text().splitlines() if self.fired_path.exists() else []

    def wait_fired(self, count=1):
        return worlds.wait_until(lambda: self.fired() if len(self.fired()) >= count else None, "a fault")

    def forget(self):
        self.fired_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def standing(self, *rules):
        """Proves that one of the faults has come to pass."""
        self.forget()
        self.begin(*rules)
        try:
            yield self
        finally:
            self.end()
        assert self.fired(), "no fault has fired"

    def jump(self, seconds):
        self.replace(self.clock_path, str(int(seconds)))


@pytest.fixture
def faults(world):
    return Faults(world)


# --- what a failed command said ---


def failure(result, event="link_failed"):
    """Kind and message of the one failure that ended the link."""
    found = [item for item in result.events if item["event"] == event]
    assert len(found) == 1, result.err
    return found[0]["kind"], found[0]["message"]


def reasons(result, event):
    """By entity."""
    return {item["entity"]: item["reason"] for item in result.events if item["event"] == event}


# --- that nothing was touched ---


def tree(folder):
    """What a folder holds, by path: inode and content; without lock files, which every owner writes again."""
    found = {}
    for name, folders, files in os.walk(folder):
        for item in folders + files:
            path = os.path.join(name, item)
            relative = os.path.relpath(path, folder)
            if relative in ("_lakefeed/owner", "_lakefeed/replace"):
                continue
            status = os.lstat(path)
            if os.path.islink(path):
                found[relative] = (status.st_ino, os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[relative] = (status.st_ino, hashlib.sha256(file.read()).hexdigest())
            else:
                found[relative] = (status.st_ino, "folder")
    return found


@contextlib.contextmanager
def untouched(folder):
    before = tree(folder)
    yield
    after = tree(folder)
    assert after == before, {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


# --- as a user without rights ---


def give_to_user(world, uid=NOBODY):
    """Before a command as_user: what it is to own. A test takes rights away afterwards."""
    if os.geteuid() != 0:
        return
    for path in [world.folder, *world.folder.rglob("*")]:
        os.chown(path, uid, uid, follow_symlinks=False)


def prefix_of_user(uid=NOBODY):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def as_user(world, *arguments, expect=0, verb="run", uid=NOBODY):
    """A command as a user who is bound by rights: root's own would show nothing. Ordinary users run it themselves."""
    command = [str(world.binary)]
    if os.geteuid() == 0:
        program = world.folder.parent / "lakefeed"  # the build may stand where only root can go
        shutil.copy(world.binary, program)
        command = [*prefix_of_user(uid), str(program)]
        for folder in world.folder.parents:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o011)
    done = subprocess.run(
        [*command, verb, *world.options(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=worlds.COMMAND_S,
        cwd="/",
        check=False,
    )
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    assert done.returncode == expect, f"exit {done.returncode}, not {expect}\n{out}\n{err}"
    return worlds.Result(done.returncode, out, err, worlds.parse_events(err) if err.startswith("{") else [])
