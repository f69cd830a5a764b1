# SPDX-License-Identifier: Apache-2.0
"""A link that is somebody towards Microsoft Entra: rights that go and come back, and a token endpoint that is away."""

import json
import secrets

import pytest

from adls import ROWS, AdlsWorld, Server
from world import wait_until

BIG = (
    "INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
    " SELECT hex(randomblob(500)) FROM n"
)  # 12 MB: several appends


@pytest.fixture
def application_secret():
    return f"hush-{secrets.token_hex(16)}"


@pytest.fixture
def principal(tmp_path, application_secret):
    """A world whose link is a service principal with a secret."""
    server = Server(tmp_path / "the account", "--http-tokens", "--secret", application_secret)
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = AdlsWorld(folder, server)
    world.use_client_secret(application_secret)
    world.sql(*ROWS)
    world.wal()  # or the reader that waits for a large table keeps lakefeed from the database
    yield world
    world.close()
    try:
        world.check_readers()
    finally:
        server.close()


def test_principal_then_it_reads_and_writes_with_one_token(principal):
    principal.track_once()
    principal.assert_equal()
    assert principal.server.count(operation="identity.token") == 1


def test_wrong_secret_then_the_service_is_quoted_and_nothing_is_shown(principal, application_secret):
    principal.write_secret("client secret", "wrong-" + application_secret)
    done = principal.track_once(expect=1)
    assert "AADSTS7000215" in done.err and application_secret not in done.err, done.err


def test_role_that_is_missing_then_its_name_is_told(principal):
    principal.server.role("reader")
    done = principal.track_once(expect=1)
    assert "Storage Blob Data Contributor" in done.err, done.err
    checked = principal.lakefeed("check", *principal.options(), "--json", expect=None).out
    findings = json.loads(checked)["links"][0]["findings"]
    assert any("Storage Blob Data Contributor" in finding["what"] for finding in findings)


def test_role_that_is_revoked_in_the_middle_of_an_upload_then_the_link_waits_and_recovers(principal):
    server = principal.server
    daemon = principal.daemon("--track")
    daemon.wait_event("commit_done", 2)
    server.faults({"operation": "dfs.append", "nth": 2, "times": 0, "do": {"action": "role_missing"}})
    principal.sql(BIG)
    message = daemon.wait_event("link_retry", kind="AUTH")[0]["message"]
    assert "Storage Blob Data Contributor" in message, message
    error = principal.wait_state("retrying")["process"]["error"]
    assert error["kind"] == "AUTH"
    server.role("none")
    daemon.wait_event("link_retry", 3, kind="AUTH")
    principal.insert("meanwhile")
    server.calm()
    server.role("contributor")
    principal.wait_equal()
    assert daemon.process.poll() is None


def test_token_endpoint_that_is_down_then_old_tokens_serve_and_then_the_link_waits(principal):
    server = principal.server
    daemon = principal.daemon("--track")
    daemon.wait_event("commit_done", 2)
    server.faults({"operation": "identity.token", "times": 0, "do": {"action": "status", "status": 503}})
    principal.insert("with the old token")
    principal.wait_equal()
    server.control("tokens", expire=True)
    principal.insert("with none")
    wait_until(lambda: sum(server.fired()), "a new token was asked for")
    status = principal.wait_status(lambda found: found["lakeError"], "the lake cannot be read")
    assert status["lakeError"]["kind"] == "TRANSIENT" and "503" in status["lakeError"]["message"], status
    server.calm()
    principal.wait_equal()


def test_tokens_that_expire_all_the_time_then_nothing_is_lost(principal):
    server = principal.server
    server.faults({"headers": {"authorization": "Bearer"}, "every": 7, "times": 0, "do": {"action": "token_expired"}})
    daemon = principal.daemon("--track")
    daemon.wait_event("commit_done", 2)
    for number in range(5):
        principal.insert(str(number))
        daemon.wait_event("commit_done", 3 + number)
    assert sum(server.fired()) > 3
    server.calm()
    principal.wait_equal()
