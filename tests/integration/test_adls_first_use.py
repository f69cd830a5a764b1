# SPDX-License-Identifier: Apache-2.0
"""First minutes with a lake in Azure, what goes wrong there, and whether a link waits, tells why, and recovers."""

import concurrent.futures
import json
import re
import subprocess
import time

from adls import FILESYSTEM, LEASE_S, ROWS, account_sas
from world import COMMAND_S, wait_until


def findings(world, area="lake", expect=None):
    done = world.lakefeed("check", *world.options(), "--json", expect=expect)
    return [
        (finding["severity"], finding["what"], finding["cure"] or "")
        for finding in json.loads(done.out)["links"][0]["findings"]
        if finding["area"] == area
    ]


def retries(daemon):
    return [event for event in daemon.events() if event["event"] == "link_retry" and event["kind"] == "TRANSIENT"]


def error_of(status):
    return (status["process"] or {}).get("error") or {}


# --- it works ---


def test_run_once_then_a_reader_sees_the_source(azure, account):
    azure.sql(*ROWS)
    azure.track_once()
    azure.assert_equal()
    azure.insert("b")
    azure.once()
    azure.assert_equal()
    azure.verify()
    status = azure.status()
    assert (status["process"], status["entities"][0]["rows"]) == (None, 4)
    assert status["lake"] == account.url()
    listed = json.loads(azure.lakefeed("artifacts", *azure.options(), "--json").out)
    assert [file["location"] for file in listed] == [
        f"{account.url()}/{partition.path}" for partition in azure.read().of_table("t").partitions
    ]


def test_check_then_identity_rights_and_way_of_publishing_are_listed(azure):
    azure.sql(*ROWS)
    azure.lakefeed("track", *azure.options())
    found = findings(azure, expect=0)
    assert [severity for severity, _, _ in found] == ["ok"] * len(found)
    text = "\n".join(what for _, what, _ in found)
    assert "the key of account lakeacct" in text
    assert "Put Blob" in text
    assert "no model.json yet" in text
    assert list(azure.files()) == []  # the probe is gone, and nothing else was made


def test_check_where_the_blob_endpoint_is_closed_then_rename_is_told_and_works(azure, account):
    account.control("options", blob=False)
    azure.sql(*ROWS)
    azure.track_once()
    assert any("rename" in what for _, what, _ in findings(azure, expect=0))
    account.control("options", blob=True)  # for the reader
    azure.assert_equal()


def test_url_without_a_filesystem_then_the_links_name_makes_one(azure, account):
    azure.prefix, azure.filesystem, azure.url = "", "lakefeed-shop", f"{account.base}/lakeacct"
    azure.configure()
    azure.sql(*ROWS)
    azure.track_once()
    assert "model.json" in account.state("lakefeed-shop")
    azure.assert_equal()


# --- one writer ---


def test_second_daemon_then_it_waits_and_says_for_whom(azure):
    azure.sql(*ROWS)
    first = azure.daemon("--track")
    first.wait_event("commit_done", 2)
    other = azure.folder / "another state"
    second = azure.daemon(state=other)
    message = second.wait_event("waiting_for_owner")[0]["message"]
    assert re.search(rf"in use by pid {first.process.pid} on \S+, link shop, since \d{{4}}-", message)
    assert "--takeover" in message
    told = json.loads(azure.lakefeed("status", *azure.options(state=other), "--json").out)["links"][0]["process"]
    assert (told["state"], told["error"]["message"]) == ("waiting_for_owner", message)
    azure.insert("from the first")
    azure.wait_equal()
    first.stop()
    second.wait_event("link_started")
    azure.insert("from the second")
    azure.wait_equal()


def test_second_daemon_that_takes_over_then_the_first_is_fenced_with_a_message(azure):
    azure.sql(*ROWS)
    first = azure.daemon("--track")
    first.wait_event("commit_done", 2)
    second = azure.daemon("--takeover", state=azure.folder / "another state")
    second.wait_event("link_started")
    assert first.process.wait(timeout=LEASE_S) == 4  # though it has nothing to write
    message = first.wait_event("fenced")[0]["message"]
    assert f"taken over by pid {second.process.pid} " in message and "--takeover" in message, message
    azure.wait_equal()
    assert second.process.poll() is None


def test_daemon_that_was_killed_then_the_same_instance_goes_on_at_once(azure):
    azure.sql(*ROWS)
    first = azure.daemon("--track")
    first.wait_event("commit_done", 2)
    first.kill()
    azure.insert("while nobody ran")
    assert COMMAND_S < LEASE_S, "or it may have waited for the lease to end"
    azure.once()
    azure.assert_equal()


def test_daemon_that_was_killed_elsewhere_then_a_single_run_waits_for_its_lease_to_end(azure, account):
    azure.sql(*ROWS)
    first = azure.daemon("--track")
    first.wait_event("commit_done", 2)
    first.kill()
    azure.insert("while nobody ran")
    number = account.last_number()
    command = [azure.binary, "run", "--once", *azure.options(state=azure.folder / "another state")]
    other = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: account.requests(since=number, operation="dfs.lease"), "it asked for the lease")
    assert other.poll() is None
    account.advance(LEASE_S)
    _, err = other.communicate(timeout=LEASE_S)
    assert other.returncode == 0, err
    azure.assert_equal()


def test_single_run_while_another_holds_the_lake_then_it_ends_with_4_and_names_it(azure):
    azure.sql(*ROWS)
    first = azure.daemon("--track")
    first.wait_event("commit_done", 2)
    begin = time.monotonic()
    done = subprocess.run(
        [azure.binary, "run", "--once", *azure.options(state=azure.folder / "another state")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert time.monotonic() - begin > LEASE_S
    assert f"in use by pid {first.process.pid}" in done.stderr and "--takeover" in done.stderr


# --- what is refused ---


def test_wrong_key_then_check_and_run_say_so_and_a_daemon_recovers_when_it_is_mended(azure, account):
    azure.sql(*ROWS)
    good = azure.key_file.read_text()
    azure.write_secret("account.key", "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50IQ==")
    (severity, what, _), *_ = [finding for finding in findings(azure) if finding[0] != "ok"]
    assert severity == "error" and "key" in what, what
    done = azure.track_once(expect=1)
    assert "key" in done.err
    daemon = azure.daemon("--track")
    daemon.wait_event("link_retry", kind="AUTH")
    assert error_of(azure.wait_state("retrying"))["kind"] == "AUTH"
    azure.write_secret("account.key", good)
    daemon.wait_event("commit_done", 2)
    azure.wait_equal()


def test_missing_filesystem_then_made_or_refused_as_configured(azure, account):
    azure.sql(*ROWS)
    azure.lake_settings = {"create_filesystem": False}
    azure.configure()
    done = azure.track_once(expect=1)
    assert FILESYSTEM in done.err and "create_filesystem" in done.err, done.err
    assert any(severity == "error" and FILESYSTEM in what for severity, what, _ in findings(azure))
    assert account.state() == {}
    azure.lake_settings = {}
    azure.configure()
    created = [event for event in azure.track_once().events if event["event"] == "filesystem_created"]
    assert [event["filesystem"] for event in created] == [FILESYSTEM]
    azure.assert_equal()


def test_sas_that_expires_then_the_link_waits_and_takes_the_new_one(azure, account):
    azure.sql(*ROWS)
    file = azure.write_secret("sas", account_sas(account.key, 3600))
    azure.auth = {"kind": "sas", "sas": {"file": str(file)}}
    azure.configure()
    daemon = azure.daemon("--track")
    daemon.wait_event("commit_done", 2)
    daemon.wait_event("sas_expires")  # within the hour
    daemon.stop()
    azure.write_secret("sas", account_sas(account.key, -60))
    daemon = azure.daemon()
    message = daemon.wait_event("link_retry", kind="AUTH")[0]["message"]
    assert "expired" in message and str(file) in message, message
    azure.insert("while it was expired")
    azure.write_secret("sas", account_sas(account.key, 86400 * 30))
    daemon.wait_event("link_started")
    azure.wait_equal()


def test_sas_that_ends_soon_then_check_advises(azure, account):
    azure.sql(*ROWS)
    azure.track_once()
    for days, expected in ((30, 0), (3, 1)):
        file = azure.write_secret("sas", account_sas(account.key, 86400 * days))
        azure.auth = {"kind": "sas", "sas": {"file": str(file)}}
        azure.configure()
        advice = [what for severity, what, _ in findings(azure, expect=0) if severity == "advice"]
        assert len(advice) == expected and all("ends at" in what for what in advice), advice


def test_clock_that_is_wrong_then_it_is_named_and_the_link_recovers(azure, account):
    azure.sql(*ROWS)
    account.skew(3600)
    done = azure.track_once(expect=1)
    assert "clock" in done.err, done.err
    assert any(severity == "error" and "clock" in what for severity, what, _ in findings(azure))
    daemon = azure.daemon("--track")
    daemon.wait_event("link_retry", kind="AUTH")
    account.skew(0)
    daemon.wait_event("commit_done", 2)
    azure.wait_equal()


def test_clock_that_is_a_little_wrong_then_check_advises(azure, account):
    azure.sql(*ROWS)
    account.skew(300)
    found = findings(azure)
    advice = [what for severity, what, _ in found if severity == "advice"]
    assert len(advice) == 1 and re.search(r"30\d|29\d", advice[0]) and "behind" in advice[0], advice
    assert [what for _, what, _ in found if "behind" in what] == advice, found


# --- what passes ---


def test_storage_that_is_down_then_the_link_waits_tells_why_and_recovers(azure, account):
    azure.sql(*ROWS)
    daemon = azure.daemon("--track")
    daemon.wait_event("commit_done", 2)
    with account.down(), concurrent.futures.ThreadPoolExecutor() as pool:  # each of them tries for a while
        azure.insert("while it was down")
        checked = pool.submit(findings, azure)
        verified = pool.submit(azure.lakefeed, "verify", *azure.options(), expect=1)
        status = azure.wait_status(lambda found: found["lakeError"], "the lake cannot be read")
        assert "connection" in status["lakeError"]["message"]
        assert any(severity == "error" for severity, _, _ in checked.result())
        assert "connection" in verified.result().err
        wait_until(lambda: retries(daemon), "the link tells why", COMMAND_S)
    azure.wait_equal()
    assert daemon.stop() == 0


def test_storage_that_is_down_then_a_daemon_ends_when_asked(azure, account):
    azure.sql(*ROWS)
    daemon = azure.daemon("--track")
    daemon.wait_event("commit_done", 2)
    with account.down():
        azure.insert("while it was down")
        assert daemon.stop() == 0
    azure.once()
    azure.assert_equal()


def test_storage_that_hangs_then_a_daemon_ends_when_asked(azure, account):
    azure.sql(*ROWS)
    daemon = azure.daemon("--track")
    daemon.wait_event("commit_done", 2)
    account.faults({"path": "Snapshot", "times": 0, "do": {"action": "hang"}})
    azure.insert("while it hung")
    wait_until(lambda: sum(account.fired()), "a request hangs")
    assert daemon.stop() == 0
    account.calm()
    azure.once()
    azure.assert_equal()


def test_busy_service_then_the_run_is_slower_and_nothing_else(azure, account):
    azure.sql(*ROWS)
    account.faults({"every": 3, "times": 0, "do": {"action": "status", "status": 503, "retry_after": 0}})
    azure.track_once()
    assert sum(account.fired()) > 3
    account.calm()
    azure.assert_equal()
