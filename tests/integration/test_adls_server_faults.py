# SPDX-License-Identifier: Apache-2.0
"""The test server's misfortunes come when they are ordered, and its record tells what happened."""

import http.client
import json
import pathlib
import socket
import time

import pytest

import adls_server
from adls_server import ACCOUNT, LEASE, Lake

LOST = (http.client.RemoteDisconnected, http.client.BadStatusLine, ConnectionError)


@pytest.fixture(scope="module")
def server():
    with adls_server.running("--secret", "s", "--http-tokens") as server:
        yield server


@pytest.fixture
def lake(server):
    server.control("reset")
    lake = Lake(server)
    lake.create("f")
    yield lake
    server.control("reset")


def plan(server, *rules):
    server.control("faults", rules=list(rules))


def rule(action, operation="dfs.append", **rest):
    criteria = {name: rest.pop(name) for name in list(rest) if name in ("nth", "every", "times", "query", "headers")}
    return {"operation": operation, "do": {"action": action, **rest}, **criteria}


@pytest.mark.parametrize(
    "action, effect", [("drop_before", {}), ("reset_before", {}), ("drop_after", {"0": 1}), ("reset_after", {"0": 1})]
)
def test_lost_answer_with_and_without_effect(server, lake, action, effect):
    plan(server, rule(action))
    with pytest.raises(LOST):
        lake.append("f", 0, b"x")
    assert server.control("state")[lake.name]["f"]["staged"] == effect
    assert lake.append("f", 0, b"x").status == 202


def test_reset_is_no_orderly_end(server, lake):
    plan(server, rule("reset_before"))
    with pytest.raises(ConnectionResetError):
        lake.append("f", 0, b"x")


def test_connection_breaks_within_the_body(server, lake):
    plan(server, rule("reset_in_body", bytes=1000))
    with pytest.raises(OSError):
        lake.append("f", 0, bytes(8 << 20))
    assert server.control("state")[lake.name]["f"]["staged"] == {}


@pytest.mark.parametrize(
    "status, code",
    [(503, "ServerBusy"), (500, "OperationTimedOut"), (429, "TooManyRequests"), (408, "OperationTimedOut")],
)
def test_status_with_retry_after(server, lake, status, code):
    plan(server, rule("status", status=status, code=code, retry_after=7))
    answer = lake.append("f", 0, b"x")
    assert answer.outcome == (status, code) and answer.headers["retry-after"] == "7"
    assert server.control("state")[lake.name]["f"]["staged"] == {}


def test_status_after_the_effect(server, lake):
    plan(server, rule("status", status=500, after=True))
    assert lake.append("f", 0, b"x").outcome == (500, "InternalError")
    assert server.control("state")[lake.name]["f"]["staged"] == {"0": 1}


def test_status_of_something_between(server, lake):
    plan(server, rule("status", status=502, plain=True))
    answer = lake.append("f", 0, b"x")
    assert answer.status == 502 and not [name for name in answer.headers if name.startswith("x-ms-")]


def test_truncated_answer(server, lake):
    lake.write("g", b"x" * 1000)
    plan(server, rule("truncate", "dfs.read", bytes=10))
    with pytest.raises(http.client.IncompleteRead) as broken:
        lake.read("g")
    assert len(broken.value.partial) == 10


def test_corrupt_answer(server, lake):
    lake.write("g", b"x" * 1000)
    plan(server, rule("corrupt", "dfs.read"))
    assert sum(byte != ord("x") for byte in lake.read("g").body) == 1


def test_slow_answer_and_slow_body(server, lake):
    lake.write("g", b"x" * 1000)
    plan(server, rule("slow_answer", "dfs.read", bytes_per_s=10_000), rule("slow_body", bytes_per_s=10_000))
    for call in (lambda: lake.read("g"), lambda: lake.append("f", 0, b"x" * 1000)):
        begin = time.monotonic()
        assert call().status in (200, 202)
        assert time.monotonic() - begin > 0.08


def test_hanging_answer(server, lake):
    plan(server, rule("hang", seconds=0.3, after=True))
    with pytest.raises(LOST):
        lake.append("f", 0, b"x")
    assert server.control("state")[lake.name]["f"]["staged"] == {"0": 1}


def test_stale_connection(server, lake):
    plan(server, rule("stale", times=0))
    assert lake.append("f", 0, b"x").status == 202
    connection = server.connect()
    assert server.call("GET", f"/{lake.name}/f", connection=connection).status == 200
    with pytest.raises(LOST):
        server.call("PATCH", f"/{lake.name}/f", {"action": "append", "position": 1}, b"y", connection=connection)
    connection.close()
    assert server.control("state")[lake.name]["f"]["staged"] == {"0": 1}


def test_idle_connection_is_closed(server, lake):
    plan(server, rule("close_idle", "dfs.read"))
    connection = server.connect()
    assert server.call("GET", f"/{lake.name}/f", connection=connection).headers.get("connection") is None
    assert connection.sock.recv(1) == b""
    connection.close()


def test_refusals_of_identity(server, lake):
    plan(server, rule("token_expired"), rule("role_missing", nth=2), rule("skew", nth=3, seconds=-7200))
    assert lake.append("f", 0, b"x").outcome == (401, "InvalidAuthenticationInfo")
    assert lake.append("f", 0, b"x").outcome == (403, "AuthorizationPermissionMismatch")
    answer = lake.append("f", 0, b"x")
    assert answer.outcome == (403, "AuthenticationFailed")
    dates = [value for name, value in answer.header_list if name == "Date"]
    assert len(dates) == 1
    assert lake.append("f", 0, b"x").status == 202


def test_rules_count_and_choose(server, lake):
    plan(server, rule("status", status=503, nth=2, every=2, times=2))
    assert [lake.append("f", 0, b"x").status for _ in range(8)] == [202, 503, 202, 503, 202, 202, 202, 202]
    assert server.control("faults")["rules"][0]["fired"] == 2
    plan(
        server,
        {"query": {"position": "^7$"}, "path": "f$", "method": "PATCH", "do": {"action": "status", "status": 503}},
    )
    assert [lake.append("f", at, b"x").status for at in (0, 7, 7)] == [202, 503, 202]
    number = server.control("requests")["requests"][-1]["number"]
    plan(server, {"request": number + 2, "do": {"action": "status", "status": 503}})
    assert [lake.read("f").status for _ in range(3)] == [200, 503, 200]
    plan(server, {"headers": {"x-ms-lease-id": "^aaaa"}, "do": {"action": "status", "status": 503}})
    assert lake.append("f", 0, b"x").status == 202
    assert lake.append("f", 0, b"x", x_ms_lease_id=LEASE).status == 503


def test_wrong_rules_are_refused(server):
    for bad in ({"do": {"action": "explode"}}, {"wen": 1, "do": {"action": "stale"}}, {}):
        text = json.dumps({"rules": [bad]}).encode()
        assert server.send("POST", "/__control/faults", {"Content-Length": str(len(text))}, text).status == 400


def test_expected_continue_may_be_refused(server, lake):
    def head(expect_refusal):
        target = f"/{ACCOUNT}/{lake.name}/f?action=append&position=0"
        headers = {"x-ms-version": adls_server.VERSION, "x-ms-date": adls_server.now(), "Content-Length": "5"}
        text = adls_server.string_to_sign("PATCH", target, headers)
        signature = adls_server.mac(text if not expect_refusal else text + "x")
        headers |= {"Authorization": f"SharedKey {ACCOUNT}:{signature}", "Expect": "100-continue", "Host": "x"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"PATCH {target} HTTP/1.1\r\n{lines}\r\n".encode()

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(head(False))
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        sock.sendall(b"hello")
        assert sock.recv(1000).startswith(b"HTTP/1.1 202 ")
        sock.sendall(head(True))
        answer = b""
        while piece := sock.recv(10_000):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 403 ") and b"Connection: close" in answer


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"x" * 100_000, b"GET / HTTP/1.1\r\na : c\r\n\r\n"]
)
def test_rubbish_ends_its_connection_alone(server, lake, rubbish):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(rubbish)
        sock.shutdown(socket.SHUT_WR)
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
    assert lake.append("f", 0, b"x").status == 202


def test_client_that_leaves_within_its_body_changes_nothing(server, lake):
    target = f"/{ACCOUNT}/{lake.name}/f?action=append&position=0"
    headers = {"x-ms-version": adls_server.VERSION, "x-ms-date": adls_server.now(), "Content-Length": "5000000"}
    text = adls_server.string_to_sign("PATCH", target, headers)
    headers |= {"Authorization": f"SharedKey {ACCOUNT}:{adls_server.mac(text)}", "Host": "x"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(f"PATCH {target} HTTP/1.1\r\n{lines}\r\n".encode() + b"x" * 3_000_000)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    assert server.control("state")[lake.name]["f"]["staged"] == {}


def test_refusal_without_expect_keeps_the_connection(server, lake):
    connection = server.connect()
    query = {"action": "append", "position": 0}
    for path in ("none", "f"):
        answer = server.call("PATCH", f"/{lake.name}/{path}", query, bytes(3 << 20), connection=connection)
        assert answer.status == (404 if path == "none" else 202)
    connection.close()


def test_record_has_all_but_secrets(server, lake, tmp_path):
    lake.append("f", 0, b"hello")
    lake.read("none")
    first, second = server.control("requests")["requests"][-2:]
    assert first["operation"] == "dfs.append" and first["status"] == 202 and first["received"] == 5
    assert first["query"] == {"action": "append", "position": "0"} and first["as"] == "key" and first["fault"] is None
    assert second["code"] == "PathNotFound" and second["number"] == first["number"] + 1
    assert first["headers"]["authorization"] == "SharedKey"
    sas = "sp=r&se=2099-01-01&sv=2024-11-04&sr=c&sig=SECRETSIG"
    source = {"x-ms-version": adls_server.VERSION, "x-ms-rename-source": f"/{lake.name}/f?{sas}", "Content-Length": "0"}
    assert server.send("PUT", f"/{ACCOUNT}/{lake.name}/g?mode=legacy&{sas}", source).status == 403
    assert "SECRETSIG" not in json.dumps(server.control("requests"))
    assert server.control("count", match={"operation": "dfs.append"})["count"] == 1
    assert server.control("count", match={"path": "/none$"})["count"] == 1


def test_record_goes_to_a_file_and_plan_comes_from_one(tmp_path):
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps({"rules": [{"request": 2, "do": {"action": "status", "status": 503}}]}))
    with adls_server.running("--faults", rules, "--record", tmp_path / "record") as server:
        lake = Lake(server)
        assert lake.create("f").status == 503
        assert lake.create("f").status == 201
    lines = [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]
    assert [(line["operation"], line["status"], line["fault"]) for line in lines] == [
        ("dfs.create_filesystem", 201, None), ("dfs.create_file", 503, "status"), ("dfs.create_file", 201, None),
    ]  # fmt: skip


def test_state_outlasts_the_server(tmp_path):
    server = adls_server.Server("--data", tmp_path)
    lake = Lake(server)
    big = bytes(range(256)) * 400
    etag = lake.write("d/ü", big)
    lake.append("d/ü", len(big), b"more")
    lake.acquire("d/ü", seconds=60)
    lake.put_blob("model.json", b"{}", x_ms_meta_a="1")
    lake.write("gone", big)
    lake.call("DELETE", "gone")
    open_one = server.connect()
    open_one.connect()
    server.kill()
    with adls_server.running("--data", tmp_path, port=server.port) as again:
        assert again.port == server.port
        open_one.close()
        lake.server = again
        assert lake.names() == ["d", "d/ü", "model.json"]
        assert lake.read("d/ü", If_Match=etag).body == big
        assert lake.flush("d/ü", len(big) + 4).outcome == (412, "LeaseIdMissing")
        assert lake.flush("d/ü", len(big) + 4, x_ms_lease_id=LEASE).status == 200
        assert lake.read("d/ü").body == big + b"more"
        assert lake.call("HEAD", "model.json").headers["x-ms-properties"] == "a=MQ=="
        assert len(list((tmp_path / "content").iterdir())) == 1


def test_large_file_of_zeros_needs_neither_memory_nor_room(tmp_path):
    with adls_server.running("--data", tmp_path) as server:
        lake = Lake(server)
        lake.create("f")
        block = bytes(128 << 20)
        for at in range(8):
            assert lake.append("f", at * len(block), block).status == 202
        assert lake.append("f", 8 * len(block), bytes(3 << 20) + b"end").status == 202
        assert lake.flush("f", length := (8 << 27) + (3 << 20) + 3).status == 200
        assert lake.read("f", Range=f"bytes={length - 5}-").body == b"\0\0end"
        assert sum(path.stat().st_blocks * 512 for path in (tmp_path / "content").iterdir()) < 2_000_000
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        assert int(status.split("VmHWM:")[1].split()[0]) < 100_000


def test_reader_that_began_reads_on_what_it_began(server, lake):
    data = bytes(range(256)) * 80_000
    lake.write("g", data)
    target = f"/{ACCOUNT}/{lake.name}/g"
    headers = {"x-ms-version": adls_server.VERSION, "x-ms-date": adls_server.now()}
    text = adls_server.string_to_sign("GET", target, headers)
    connection = server.connect()
    connection.request(
        "GET", target, headers={**headers, "Authorization": f"SharedKey {ACCOUNT}:{adls_server.mac(text)}"}
    )
    answer = connection.getresponse()
    begin = answer.read(100)
    lake.create("g")
    assert begin + answer.read() == data
    connection.close()
