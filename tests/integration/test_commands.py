# SPDX-License-Identifier: Apache-2.0
"""The command line: help, status, artifacts, exit statuses, other current folders, a terminal."""

import json
import os
import pty
import subprocess

import pytest

VERBS = ["run", "track", "untrack", "status", "artifacts", "resync", "verify", "version"]
TABLE = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')",
    "CREATE TABLE u(id INTEGER PRIMARY KEY)",
    "INSERT INTO u VALUES(7)",
]


@pytest.fixture
def shop(world):
    world.sql(*TABLE)
    world.track_once()
    return world


def test_help_lists_every_verb_and_each_verb_has_its_own(world):
    text = world.lakefeed("--help").out
    assert all(verb in text for verb in VERBS)
    for verb in VERBS:
        assert f"lakefeed {verb}" in world.lakefeed(verb, "--help").out
    assert world.lakefeed("version").out.startswith("lakefeed ")
    assert world.lakefeed("--version").out == world.lakefeed("version").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--once", "--interval"],
        ["status", "word"],
        ["run", "word"],
        ["version", "--json"],
        ["run", "--source", "sqlite:x.db"],
        ["run", "--lake", "file:x"],
        ["run", "--source", "oracle:x", "--lake", "file:lake", "--once"],
        ["run", "--source", "sqlite:x.db", "--lake", "s3://x", "--once"],
        ["run", "--source", "sqlite:x.db", "--lake", "file:lake", "--interval", "soon", "--once"],
        ["run", "--source", "sqlite:x.db", "--lake", "file:lake", "--entities", "a,,b", "--once"],
        ["run", "-c", "missing.json", "--once"],
        ["run", "-c", "x.json", "--source", "sqlite:x.db", "--lake", "file:lake"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_one_clear_line(world, arguments):
    result = world.lakefeed(
        *arguments,
        *([] if arguments[0] in ("nonsense", "version") else ["--state-dir", world.state]),
        expect=2,
        cwd=world.folder,
    )
    assert result.err.strip() and result.out == ""


def test_a_configuration_error_names_file_line_and_the_nearest_key(world):
    config = world.folder / "lakefeed.json"
    config.write_text(
        '{ "version": 1,\n  // comment\n  "links": [ { "name": "a", "source": { "url": "sqlite:x.db" },\n'
        '"lkae": {} } ] }\n'
    )
    result = world.lakefeed("run", "-c", config, "--state-dir", world.state, "--once", expect=2)
    assert (
        "4" in result.err
        and "lkae" in result.err
        and "lake" in result.err.replace("lkae", "")
        and "lakefeed.json" in result.err
    )


def test_status_tells_every_entity_as_text_and_as_json(shop):
    lake = shop.read()
    text = shop.lakefeed("status", *shop.options()).out
    assert f"commit {lake.commit}" in text
    rows = {
        line.split()[0]: line.split()[1:3]
        for line in text.splitlines()
        if line.split() and line.split()[0] in ("t", "u")
    }
    assert rows == {"t": ["Completed", "3"], "u": ["Completed", "1"]}
    answer = shop.status()
    assert (
        answer["commit"] == lake.commit
        and answer["commitId"] == lake.notes["lakefeed:commitId"]
        and answer["link"] == "my_shop"
    )
    assert [(e["name"], e["table"], e["state"], e["rows"], e["columns"]) for e in answer["entities"]] == [
        ("t", "t", "Completed", 3, 2),
        ("u", "u", "Completed", 1, 1),
    ]


def test_artifacts_lists_every_file_that_model_json_names(shop):
    lake = shop.read()
    answer = json.loads(shop.lakefeed("artifacts", *shop.options(), "--json").out)
    wanted = [
        (e.name, p.name, p.path, p.location, p.rows, p.bytes, p.sha256)
        for e in lake.entities.values()
        for p in e.partitions
    ]
    assert [
        (a["entity"], a["name"], a["path"], a["location"], a["rows"], a["bytes"], a["sha256"]) for a in answer
    ] == wanted
    assert all(os.path.isfile(a["location"]) for a in answer)
    only = json.loads(shop.lakefeed("artifacts", *shop.options(), "--json", "u").out)
    assert [a["entity"] for a in only] == ["u"]
    text = shop.lakefeed("artifacts", *shop.options()).out
    assert all(path in text for path in lake.files)
    assert shop.lakefeed("artifacts", *shop.options(), "nowhere", expect=2).out == ""


def test_commands_before_the_first_run_say_what_to_do(world):
    world.sql(*TABLE)
    for verb in ("status", "artifacts", "verify"):
        result = world.lakefeed(verb, *world.options(), expect=1)
        assert "lakefeed run" in result.err, verb
    assert not (world.lake / "model.json").exists()


def test_status_works_while_a_daemon_runs(shop):
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    assert shop.status()["commit"] == shop.read().commit
    assert json.loads(shop.lakefeed("artifacts", *shop.options(), "--json").out)
    assert daemon.stop() == 0


def test_each_command_works_with_relative_paths_from_another_folder(world):
    world.sql(*TABLE)
    there = world.folder / "some other folder"
    there.mkdir()
    options = ["--source", "sqlite:../my shop.db", "--lake", "file:../the lake", "--state-dir", "../state dir"]

    def lakefeed(verb, *arguments):
        return world.lakefeed(verb, *options, *arguments, cwd=there)

    world.lakefeed("track", "--source", "sqlite:../my shop.db", "--state-dir", "../state dir", cwd=there)
    lakefeed("run", "--once")
    world.assert_equal()
    assert json.loads(lakefeed("status", "--json").out)["links"][0]["link"] == "my_shop"
    assert len(json.loads(lakefeed("artifacts", "--json").out)) == 2
    lakefeed("verify")
    lakefeed("resync", "t")
    world.assert_equal()
    absolute = world.once()
    assert "no commit was made" in absolute.out
    assert list(there.iterdir()) == []
    here = ["--source", "sqlite:my shop.db", "--lake", "file:./the lake", "--state-dir", "./state dir"]
    assert "no commit was made" in world.lakefeed("run", *here, "--once", cwd=world.folder).out
    daemon = world.daemon(cwd=there, db="../my shop.db", lake="../the lake", state="../state dir")
    world.lakes = {world.lake}
    world.sql("INSERT INTO t VALUES(4, 'relative')")
    world.wait_equal()
    assert daemon.stop() == 0


def test_the_configuration_is_found_in_the_current_folder_and_by_the_environment(world):
    world.sql(*TABLE)
    config = world.folder / "lakefeed.json"
    config.write_text(
        '{ "version": 1, "links": [ { "name": "found", "source": { "url": "sqlite:my shop.db" }, '
        '"lake": { "url": "file:the lake" } } ] }'
    )
    world.lakes = {world.lake}
    world.lakefeed("run", "--track", "--once", "--state-dir", world.state, cwd=world.folder)
    world.assert_equal()
    text = world.lakefeed(
        "status", "--state-dir", world.state, cwd=world.folder, env={"LAKEFEED_CONFIG": str(config)}
    ).out
    assert text.startswith("found: commit")
    assert (
        world.lakefeed("status", "--state-dir", world.state, "--link", "nowhere", cwd=world.folder, expect=2).out == ""
    )


def test_the_state_directory_is_private_and_the_lake_readable(shop):
    assert shop.state.stat().st_mode & 0o777 == 0o700
    for path in [shop.lake / "model.json", *(shop.lake / path for path in shop.read().files)]:
        assert path.stat().st_mode & 0o777 == 0o644, path
    for path in shop.lake.rglob("Snapshot"):
        assert path.stat().st_mode & 0o777 == 0o755


def test_results_go_to_stdout_and_a_full_disk_there_is_told(shop):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [str(shop.binary), "status", *shop.options()], stdout=full, stderr=subprocess.PIPE, check=False, timeout=30
        )
    assert done.returncode == 1 and b"stdout" in done.stderr


def on_terminal(arguments):
    """The exit status and what a terminal shows."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(arguments[0], arguments)
    shown = b""
    try:
        while block := os.read(master, 65536):
            shown += block
    except OSError:
        pass  # the other side is closed
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode("utf-8")


def test_a_terminal_shows_progress_and_a_summary_and_no_json(world):
    world.sql(*TABLE)
    status, shown = on_terminal([str(world.binary), "run", *world.options(), "--once"])
    assert status == 2 and "lakefeed track" in shown and "{" not in shown
    status, shown = on_terminal([str(world.binary), "run", *world.options(), "--once", "--track"])
    assert status == 0
    assert "rows" in shown and "4 rows loaded" in shown and '{"ts"' not in shown
    assert any(line.split()[:1] == ["t"] or " t " in line for line in shown.splitlines())
    world.assert_equal()
    status, shown = on_terminal([str(world.binary), "run", *world.options(), "--once"])
    assert status == 0 and "no commit was made" in shown
