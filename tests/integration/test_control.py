# SPDX-License-Identifier: Apache-2.0
"""Every operation both ways: asked of the daemon that holds the link, and done by the command alone."""

import concurrent.futures
import fcntl
import http.client
import json
import os
import shlex
import socket
import stat

import jsonschema
import pytest

from world import ROOT, wait_until

SCHEMA = json.loads((ROOT / "docs/formats/answers.schema.json").read_text("utf-8"))
FORMS = {"snapshot": "run", "resync": "run", "enable": "enabled", "disable": "enabled"}

TABLES = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
    "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')",
    "CREATE TABLE u(id INTEGER PRIMARY KEY)",
    "INSERT INTO u VALUES(7)",
]


@pytest.fixture(params=["alone", "daemon"])
def shop(world, request):
    """A lake with two entities; with a daemon its interval is far away, so that nothing happens by itself."""
    world.sql(*TABLES)
    world.track_once()
    if request.param == "daemon":
        world.daemon(interval="24h").wait_event("link_started")
        wait_until(lambda: state_of(world) == "running", "the daemon runs the link")
    world.held = request.param == "daemon"
    return world


def ask(world, verb, *arguments, expect=0):
    """The answer as JSON, which has the form that the schema promises."""
    answer = json.loads(world.lakefeed(verb, *world.options(), "--json", *arguments, expect=expect).out)
    check_form(FORMS.get(verb, verb), answer)
    return answer


def check_form(name, answer):
    jsonschema.validate(answer, {**SCHEMA, "$ref": f"#/$defs/{name}"})


def state_of(world):
    process = ask(world, "status")["links"][0]["process"]
    return process and process["state"]


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        folder = os.open(os.path.dirname(self.path), os.O_PATH)
        self.sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(self.path)}")
        os.close(folder)


def call(world, method, target, body=None):
    connection = SocketConnection(str(world.state / "control.sock"))
    connection.request(method, target, body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


# --- each verb ---


def test_status_says_who_runs_the_link(shop):
    link = ask(shop, "status")["links"][0]
    assert link["link"] == "my_shop" and link["enabled"] and link["commit"] == shop.read().commit
    assert [e["name"] for e in link["entities"]] == ["t", "u"]
    text = shop.lakefeed("status", *shop.options()).out
    if shop.held:
        assert link["process"]["state"] == "running" and link["process"]["pid"] == shop.daemons[0].process.pid
        assert f"daemon {shop.daemons[0].process.pid}: running since" in text
    else:
        assert link["process"] is None and "no daemon runs it" in text


def test_artifacts_lists_the_files_of_the_entities_named(shop):
    assert [a["path"] for a in ask(shop, "artifacts", "u")] == [
        p.path for p in shop.read().entities["u"].partitions
    ]
    wrong = shop.lakefeed("artifacts", *shop.options(), "nowhere", expect=2)
    assert wrong.out == "" and "lakefeed: the lake has no entity nowhere; lakefeed status lists them\n" == wrong.err


def test_check_of_a_good_link_ends_with_0_and_has_no_errors(shop):
    answer = ask(shop, "check")["links"][0]
    assert answer["errors"] == 0
    assert {f["area"] for f in answer["findings"]} == {"source", "lake", "machine"}
    text = shop.lakefeed("check", *shop.options()).out
    assert "my_shop: 0 errors" in text and len(text.splitlines()) >= len(answer["findings"])
    assert text.splitlines()[-1].startswith("  lakefeed run --source ")


def test_check_of_an_untracked_source_ends_with_the_command_that_cures_it(world):
    world.sql(*TABLES)
    text = world.lakefeed("check", *world.options(), expect=2).out
    command = shlex.split(text.splitlines()[-1])
    assert command[:2] == ["lakefeed", "track"]
    world.lakefeed(*command[1:])
    world.lakefeed("check", *world.options())


def test_snapshot_brings_what_was_written_before_the_command(shop):
    for i in range(5):
        shop.sql(f"INSERT INTO t VALUES({10 + i}, 'later')")
        answer = ask(shop, "snapshot")
        assert (answer["commits"], answer["changesMerged"], answer["rows"]) == (1, 1, 5 + i)
        shop.assert_equal()
    answer = shop.lakefeed("snapshot", *shop.options())
    assert answer.out.startswith("Nothing has changed since commit")


def test_resync_loads_one_entity_or_all_again(shop):
    before = shop.read().files
    answer = ask(shop, "resync", "t")
    assert answer["rowsLoaded"] == 3 and answer["standingStill"] == []
    after = shop.read().files
    assert {p for p in before if p.startswith("u/")} == {p for p in after if p.startswith("u/")}
    assert not {p for p in before if p.startswith("t/")} & set(after)
    assert ask(shop, "resync")["rowsLoaded"] == 4
    shop.assert_equal()
    wrong = shop.lakefeed("resync", *shop.options(), "nowhere", expect=2)
    assert wrong.err.endswith("there is no entity nowhere in this link; lakefeed status shows their names\n")
    assert wrong.out == ""
    shop.sql("INSERT INTO t VALUES(50, 'after')")
    assert ask(shop, "snapshot")["changesMerged"] == 1
    shop.assert_equal()


def test_disable_stops_the_link_until_enable_and_the_lake_remembers(shop):
    assert ask(shop, "disable", "--reason", "we move house") == {
        "link": "my_shop",
        "enabled": False,
        "reason": "we move house",
    }
    shop.sql("INSERT INTO t VALUES(20, 'hidden')")
    refused = shop.lakefeed("snapshot", *shop.options(), expect=2)
    assert refused.err.splitlines()[-1].endswith(
        "the link my_shop is disabled: we move house; lakefeed enable lets it run again"
    )
    shop.once(expect=4 if shop.held else 2)
    link = ask(shop, "status")["links"][0]
    assert (link["enabled"], link["disabledReason"]) == (False, "we move house")
    assert "disabled: we move house; lakefeed enable lets it run again" in shop.lakefeed(
        "status", *shop.options()
    ).out
    assert shop.status()["entities"][0]["rows"] == 3
    if shop.held:
        assert shop.daemons[0].stop() == 0
        shop.daemon(interval="24h").wait_event("link_disabled")
    assert ask(shop, "enable")["enabled"]
    assert ask(shop, "snapshot")["rows"] == 5
    shop.assert_equal()


def test_unlink_lets_the_source_forget_and_keeps_the_files(shop):
    files = shop.read().files
    answer = ask(shop, "unlink")
    assert answer["purge"] is False and answer["files"] == 0
    assert shop.query("SELECT count(*) FROM lakefeed_consumer") == [(0,)]
    assert shop.read().files == files
    if shop.held:
        assert shop.daemons[0].process.wait(timeout=10) == 0  # it had no other link


def test_unlink_purge_lists_first_and_removes_only_what_is_ours(shop):
    stranger = shop.lake / "t" / "Snapshot" / "notes.csv"
    stranger.write_text("mine")
    listed = shop.lakefeed("unlink", *shop.options(), "--purge").out
    ours = {str(p.relative_to(shop.lake)) for p in shop.lake.rglob("*") if p.is_file()}
    ours -= {"t/Snapshot/notes.csv", "_lakefeed/owner", "_lakefeed/replace"}
    assert ours <= set(listed.splitlines()) and "notes.csv" not in listed
    assert listed.splitlines()[-1].endswith("1 file is not lakefeed's and would stay; add --yes to remove them.")
    assert shop.query("SELECT count(*) FROM lakefeed_consumer") == [(1,)] and (shop.lake / "model.json").exists()
    shop.damaged.add(shop.lake)
    done = ask(shop, "unlink", "--purge", "--yes")
    assert done["purge"] and not done["preview"] and done["files"] == len(ours)
    left = {str(p.relative_to(shop.lake)) for p in shop.lake.rglob("*") if p.is_file()}
    assert left == {"t/Snapshot/notes.csv", "_lakefeed/owner", "_lakefeed/replace"}
    assert not (shop.lake / "u").exists() and stranger.read_text() == "mine"
    assert shop.query("SELECT count(*) FROM lakefeed_consumer") == [(0,)]


def test_failures_are_empty_when_nothing_failed(shop):
    assert ask(shop, "failures") == {"links": [{"link": "my_shop", "failures": []}]}
    assert shop.lakefeed("failures", *shop.options()).out == "my_shop: nothing failed in the last 90 days\n"


def test_verify_has_its_form(shop):
    check_form("verify", json.loads(shop.lakefeed("verify", *shop.options(), "--json").out))
    with open(shop.lake / shop.read().of_table("t").partitions[0].path, "r+b") as file:
        file.write(b"9")
    shop.damaged.add(shop.lake)
    answer = json.loads(shop.lakefeed("verify", *shop.options(), "--json", expect=3).out)
    check_form("verify", answer)
    assert not answer["equal"]


def test_commands_that_only_look_leave_no_history_behind(world):
    world.sql(*TABLES)
    world.lakefeed("track", *world.options())
    for verb in ("status", "failures", "check"):
        world.lakefeed(verb, *world.options(), expect=None)
    assert not list(world.state.glob("catalog.db*"))


# --- the socket ---


@pytest.fixture
def served(world):
    world.sql(*TABLES)
    world.track_once()
    world.daemon(interval="24h").wait_event("link_started")
    wait_until((world.state / "control.sock").exists, "the socket")
    return world


def test_the_socket_is_for_user_and_group_and_goes_with_the_daemon(served):
    path = served.state / "control.sock"
    assert stat.S_ISSOCK(path.stat().st_mode) and path.stat().st_mode & 0o777 == 0o660
    assert served.daemons[0].stop() == 0
    assert not path.exists()


def test_a_stale_socket_is_no_obstacle(served):
    served.daemons[0].kill()
    assert (served.state / "control.sock").exists()
    assert state_of(served) is None  # nobody answers: the command works alone
    assert ask(served, "snapshot")["commits"] == 0
    served.daemon(interval="24h").wait_event("link_started")
    wait_until(lambda: state_of(served) == "running", "the new daemon answers")


def test_a_second_daemon_of_the_state_directory_waits_and_takes_over(served):
    second = served.daemon(interval="24h")
    second.wait_event("waiting_for_owner")
    second.wait_event("control_unavailable", kind="CONFLICT")
    assert served.daemons[0].stop() == 0
    second.wait_event("link_started")
    pid = second.process.pid
    wait_until(lambda: (ask(served, "status")["links"][0]["process"] or {}).get("pid") == pid, "it answers")
    served.sql("INSERT INTO t VALUES(30, 'second')")
    assert ask(served, "snapshot")["changesMerged"] == 1
    assert second.stop() == 0


def test_a_state_directory_with_a_long_path_has_a_socket_too(world):
    world.sql(*TABLES)
    world.state = world.folder / ("deep" * 25) / ("deeper" * 20)
    world.track_once()
    world.daemon(interval="24h").wait_event("link_started")
    wait_until(lambda: state_of(world) == "running", "the daemon answers")


def test_a_lock_held_by_somebody_without_a_socket_ends_commands_with_4(world):
    world.sql(*TABLES)
    world.track_once()
    with open(world.state / "my_shop.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for verb in (["snapshot"], ["resync"], ["disable"], ["enable"], ["unlink"], ["run", "--once"]):
            result = world.lakefeed(*verb, *world.options(), expect=4)
            assert "another lakefeed process runs link my_shop" in result.err, verb
        for verb in ("status", "artifacts", "failures", "check", "verify"):
            world.lakefeed(verb, *world.options())


def test_many_commands_at_once_are_all_answered(served):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(ask, served, verb) for verb in ("status", "artifacts", "check", "snapshot") * 8]
        for job in jobs:
            assert job.result()
    served.assert_equal()


def test_requests_that_are_wrong_get_json_errors(served):
    for method, target, body, status, kind in [
        ("GET", "/", None, 404, "NOT_FOUND"),
        ("GET", "/v1/links/nowhere/status", None, 404, "NOT_FOUND"),
        ("GET", "/v1/links/my_shop/resync", None, 405, "UNSUPPORTED"),
        ("POST", "/v1/links/my_shop/resync", "{", 400, "CONFIG"),
        ("POST", "/v1/links/my_shop/resync", '{"entities": ["nowhere"]}', 400, "CONFIG"),
    ]:
        got, answer = call(served, method, target, body)
        assert (got, answer["error"]["kind"]) == (status, kind), target
        check_form("error", answer)
    assert call(served, "POST", "/v1/reload", "x" * 100_000)[0] == 413
    status, answer = call(served, "GET", "/v1/links")
    check_form("links", answer)
    assert status == 200 and answer["links"][0]["name"] == "my_shop" and answer["links"][0]["holds"]
    assert state_of(served) == "running"


def test_another_link_of_the_same_name_is_not_mistaken_for_the_daemons(served):
    other = served.folder / "another lake"
    result = served.lakefeed("snapshot", *served.options(lake=other), expect=4)
    assert "give the daemon's configuration with -c, or another --name or --state-dir" in result.err
    served.lakes.discard(other)


def test_status_of_a_lake_that_cannot_be_read_tells_both_what_the_daemon_does_and_why(served):
    model = served.lake / "model.json"
    good = model.read_bytes()
    model.write_bytes(b"{")
    link = ask(served, "status")["links"][0]
    assert link["process"]["pid"] == served.daemons[0].process.pid and link["enabled"] is None
    assert link["lakeError"]["kind"] == "DATA" and str(model) in link["lakeError"]["message"]
    text = served.lakefeed("status", *served.options()).out
    assert f"the lake cannot be read: DATA: {model} is damaged" in text and "disabled" not in text
    model.write_bytes(good)
