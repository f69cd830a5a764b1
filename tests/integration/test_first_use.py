# SPDX-License-Identifier: Apache-2.0
"""Somebody's first minutes, on a real terminal: README's tour, word by word, and the mistakes on the way."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys

import pytest

import terminal
from world import BIN, ROOT

README = (ROOT / "README.md").read_text("utf-8")
TOUR = re.search(r"(?ms)^## Five minutes by hand$(.*?)^## ", README).group(1)
READING = re.search(r"(?ms)^## Reading the lake$(.*?)^## ", README).group(1)

# What is another each time: a pattern of README's text, and what may stand in its place.
VARYING = [
    (r"[\d,]+ +rows/s", r"[\d,]+ rows/s"),
    (r"in \d+\.\d s\.", r"in \d+\.\d s\."),
    (r"\d{8}T\d{6}Z", r"\d{8}T\d{6}Z"),
    (r"\b[0-9a-f]{8}…", r"[0-9a-f]{32}"),
    (r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", r"[0-9a-f]{32}"),
    (r"(?<![0-9a-f])[0-9a-f]{16}-\d+\.csv", r"[0-9a-f]{16}-\d+\.csv"),  # loads run side by side, in any order
    (r"-?\d{12,}", r"-?\d+"),
    (r"\d+ bytes", r"\d+ bytes"),
    (r"…", r".*"),
    (r"\s+", r"\s+"),
]
NARROWED = r"( +[\d,]+ rows/s)?"  # a figure that gives way on a narrow terminal


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path


@pytest.fixture
def shell(home):
    """Runs a command as a person would: (columns, command, further environment) → status, screen."""

    def run(columns, command, **env):
        clean = {
            name: value
            for name, value in os.environ.items()
            if name not in ("LAKEFEED_CONFIG", "COLUMNS", "NO_COLOR")
        }
        clean |= {
            "HOME": str(home / "home"),
            "STATE_DIRECTORY": str(home / "home/state"),  # root would share the machine's
            "PATH": f"{BIN.parent}:{os.environ['PATH']}",
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }
        return terminal.run(command, columns, home / "work", clean | env)

    return run


def steps_of(text):
    """The commands of all blocks that show a session, each with the lines that README shows below it."""
    steps = []
    for block in re.findall(r"(?ms)^```\n(.*?)^```$", text):
        if "cmake" in block or "$ " not in block:
            continue
        until = None
        for line in block.splitlines():
            if until is not None:
                steps[-1][0].append(line)
                until = None if line == until else until
            elif line.startswith("$ "):
                found = re.search(r"<<'(\w+)'", line)
                until = found.group(1) if found else None
                steps.append(([line[2:]], []))
            else:
                steps[-1][1].append(line)
    return [("\n".join(command), "\n".join(shown).strip()) for command, shown in steps]


def pattern_of(shown):
    """README's text as a regular expression."""
    splitter = re.compile("|".join(f"({pattern})" for pattern, _ in VARYING))
    out = []
    at = 0
    for found in splitter.finditer(shown):
        out += [re.escape(shown[at : found.start()]), VARYING[found.lastindex - 1][1]]
        at = found.end()
    out.append(re.escape(shown[at:]))
    return "".join(out).replace(r"\s+[\d,]+ rows/s", NARROWED)


def assert_readable(command, screen):
    """Nothing steers the terminal but a carriage return, and what lakefeed says fits; what is to be pasted, names of
    files and single words are never broken."""
    assert screen.escapes == [], (command, screen.escapes)
    if not command.startswith("lakefeed") or "artifacts" in command:
        return
    for line in screen.wrapped:
        words = line.removeprefix("lakefeed: ").split()
        assert line.startswith(("  lakefeed ", "  mkdir ")) or len(words) == 1, (command, line)


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["plain", "NO_COLOR", "dumb"])
@pytest.mark.parametrize("columns", [80, 40])
def test_the_tour_of_the_readme_shows_what_the_readme_says(shell, home, columns, env):
    steps = steps_of(TOUR)
    assert sum(command.startswith("lakefeed ") for command, _ in steps) >= 7
    for command, shown in steps:
        _, screen = shell(columns, command, **env)
        what = f"$ {command}\n{screen.text}\n---\n{shown}"
        assert re.fullmatch(pattern_of(shown), screen.text.strip(), re.DOTALL), what
        assert_readable(command, screen)
        if columns == 80 and command.startswith("lakefeed run") and env == {}:
            # The same lines, too, where nothing in them varies.
            stable = [line for line in shown.splitlines() if not re.search(r"[\d…]", line)]
            assert [line for line in stable if line not in screen.lines] == []


def test_the_program_of_the_readme_reads_the_lake_of_its_tour(shell, home):
    for command, _ in steps_of(TOUR):
        shell(80, command)
    program, shown = re.search(r"(?ms)^```python\n(.*?)^```\n```\n(.*?)^```$", READING).groups()
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home / "work", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == shown.strip()


# --- mistakes ---


def offered(screen):
    """The command that a message gives to be pasted: it stands alone on the last line, whole."""
    line = screen.lines[-1]
    assert line.startswith(("  lakefeed ", "  mkdir ")), screen.text
    return line.strip()


def make(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("columns", [80, 40])
def test_from_an_empty_folder_each_mistake_is_answered_with_the_next_step(shell, home, columns):
    work = home / "work"

    def fails(command, *words, status=2):
        got, screen = shell(columns, command)
        said = " ".join(screen.text.split())
        assert got == status, (command, got, said)
        assert all(word in said for word in words), (command, said)
        assert_readable(command, screen)
        return screen

    def works(command):
        got, screen = shell(columns, command)
        assert got == 0, (command, screen.text)
        assert_readable(command, screen)
        return screen

    # A slip, and no configuration: the message has the command that makes one.
    meant = re.search(r"did you mean (lakefeed \w+)\?", " ".join(fails("lakefeed rnu", "no verb rnu").text.split()))
    command = offered(fails(meant.group(1), "there is no configuration", "lakefeed.json"))
    assert command == "lakefeed init --source URL --lake URL > lakefeed.json"

    # URLs that are none, a database that is not there, and a file that is none.
    def init(source, lake="file:./new/lake"):
        return command.replace("--source URL", f"--source {source}").replace("--lake URL", f"--lake {lake}")

    fails(init("shop.db"), "a source is given as sqlite:FILE")
    fails(init("sqlite:shp.db"), "the SQLite database shp.db cannot be opened", "No such file", status=1)
    (work / "notes.txt").write_text("this is no database\n" * 100)
    fails(init("sqlite:notes.txt"), "notes.txt", "file is not a database", "check the path")
    make(work / "shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "INSERT INTO t VALUES(1, 'x')",
         "CREATE TABLE u(id INTEGER PRIMARY KEY)", "CREATE TABLE nokey(a)")  # fmt: skip
    screen = works(init("sqlite:shop.db"))
    assert "2 tables are listed, 1 left out" in " ".join(screen.text.split())
    run = offered(screen)

    # A parent folder that is missing, tracking that was not asked for: each message has the command, and then it works.
    pasted = []
    for _ in range(5):
        status, screen = shell(columns, run)
        assert_readable(run, screen)
        if status == 0:
            break
        pasted.append(offered(screen))
        works(pasted[-1])
    assert [line.split()[:2] for line in pasted] == [["mkdir", "-p"], ["lakefeed", "track"]]
    assert re.search(r"1\s+rows\s+loaded", screen.text)

    # A misspelt setting.
    config = work / "lakefeed.json"
    text = config.read_text("utf-8")
    config.write_text(text.replace('"interval"', '"intervall"'), "utf-8")
    said = " ".join(fails("lakefeed run --once", "lakefeed.json: line", '"intervall"').text.split())
    assert re.search(r'did you mean "(\w+)"', said).group(1) == "interval"
    config.write_text(text, "utf-8")
    works("lakefeed run --once")

    # Another database for the same lake: nothing is changed, and another folder is what the message asks for.
    make(work / "other.db", "CREATE TABLE t(id INTEGER PRIMARY KEY)")
    head = (work / "new/lake/model.json").read_bytes()
    fails("lakefeed run --track --source sqlite:other.db --lake file:./new/lake --once",
          "another database", "nothing was changed", "empty lake", status=5)  # fmt: skip
    assert (work / "new/lake/model.json").read_bytes() == head
    works("lakefeed run --track --source sqlite:other.db --lake file:./new/other --once")

    # A lake that is not ours.
    (work / "foreign").mkdir()
    (work / "foreign/model.json").write_text("{}")
    fails("lakefeed run --source sqlite:shop.db --lake file:./foreign --once", "never overwritten",
          "choose another folder")  # fmt: skip
    assert (work / "foreign/model.json").read_text() == "{}"


def test_a_table_that_stands_still_is_told_with_the_way_out(shell, home):
    work = home / "work"
    make(work / "shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE)", "CREATE TABLE ok(id INTEGER PRIMARY KEY)",
         "INSERT INTO t VALUES(1, '2024-01-01')")  # fmt: skip
    status, screen = shell(80, "lakefeed run --track --source sqlite:shop.db --lake file:./lake --once")
    assert status == 0, screen.text
    make(work / "shop.db", "INSERT INTO t VALUES(2, 'soon')")
    status, screen = shell(80, "lakefeed run --source sqlite:shop.db --lake file:./lake --once")
    assert status == 1 and "t stands still: " in screen.text and "soon" in screen.text, screen.text
    command = offered(screen)
    make(work / "shop.db", "UPDATE t SET d = '2024-01-02' WHERE id = 2")
    status, screen = shell(80, command)
    assert status == 0 and "stands still" not in screen.text, screen.text


def test_a_new_table_that_is_not_tracked_is_told_with_the_command(shell, home):
    work = home / "work"
    make(work / "shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY)")
    run = "lakefeed run --source sqlite:shop.db --lake file:./lake --once"
    status, screen = shell(80, run + " --track")
    assert status == 0, screen.text
    make(work / "shop.db", "CREATE TABLE later(id INTEGER PRIMARY KEY)", "CREATE TABLE nokey(a)")
    status, screen = shell(80, run)
    assert status == 0 and "Left out: later: its changes are not tracked" in screen.text, screen.text
    assert "Left out: nokey: " in screen.text
    assert offered(screen) == "lakefeed track --source sqlite:shop.db --lake file:./lake"
    assert shell(80, offered(screen))[0] == 0
    status, screen = shell(80, run)
    assert status == 0 and "Left out: later" not in screen.text, screen.text
