# SPDX-License-Identifier: Apache-2.0
"""Starts tests/adls/server.py and speaks to it in plain HTTP. Signs by itself: shares no code with the server."""

import base64
import contextlib
import datetime
import email.utils
import hashlib
import hmac
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests/adls/server.py"
ACCOUNT = "lakeaccount"
KEY = base64.b64encode(bytes(range(64))).decode()
VERSION = "2024-11-04"
TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
SIGNED = """Content-Encoding Content-Language Content-Length Content-MD5 Content-Type Date If-Modified-Since If-Match
If-None-Match If-Unmodified-Since Range""".split()
LEASE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER_LEASE = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.header_list = answer.getheaders()
        self.headers = {name.lower(): value for name, value in self.header_list}
        self.body = answer.read()
        self.code = self.headers.get("x-ms-error-code")
        self.etag = self.headers.get("etag")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def outcome(self):
        return (self.status, self.code) if self.code else self.status


def now(seconds=0):
    return email.utils.formatdate(datetime.datetime.now().timestamp() + seconds, usegmt=True)


def iso(seconds=0):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def mac(text, key=KEY):
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def string_to_sign(method, target, headers):
    path, _, query = target.partition("?")
    values = {name.lower(): value for name, value in headers.items()}
    lines = [method]
    for name in SIGNED:
        value = values.get(name.lower(), "")
        lines.append("" if (name == "Content-Length" and value == "0") else value)
    lines += [f"{name}:{values[name]}" for name in sorted(values) if name.startswith("x-ms-")]
    pairs = sorted(urllib.parse.parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    return "\n".join([*lines, f"/{ACCOUNT}{path}", *(f"{name.lower()}:{value}" for name, value in pairs)])


def account_sas(
    permissions="racwdl", types="sco", services="b", start="", expiry=None, protocol="", account=ACCOUNT, key=KEY
):
    version, expiry = "2024-11-04", expiry or iso(600)
    lines = [account, permissions, services, types, start, expiry, "", protocol, version, "", ""]
    query = {"sp": permissions, "ss": services, "srt": types, "se": expiry, "sv": version}
    query |= {"sig": mac("\n".join(lines), key)}
    query |= ({"st": start} if start else {}) | ({"spr": protocol} if protocol else {})
    return urllib.parse.urlencode(query)


class Server:
    def __init__(self, *arguments, tls=None, port=0):
        command = [sys.executable, SERVER, "--port", str(port), "--account", ACCOUNT, "--key", KEY, "--clock-control"]
        if tls:
            command += ["--tls", tls / "server.pem", tls / "server.key"]
        self.process = subprocess.Popen(
            [*map(str, command), *map(str, arguments)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        self.ports = [int(port) for port in self.process.stdout.readline().split()]
        assert self.ports, "the server did not start"
        self.port = self.ports[0]
        self.scheme = "https" if tls else "http"
        self.context = ssl.create_default_context(cafile=tls / "ca.pem") if tls else None
        self.url = f"{self.scheme}://127.0.0.1:{self.port}/{ACCOUNT}"

    def connect(self, plain=False):
        if self.context and not plain:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)
        return http.client.HTTPConnection("127.0.0.1", self.ports[-1], timeout=30)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def send(self, method, target, headers=(), body=b"", connection=None):
        """A request as it stands, unsigned."""
        used = connection or self.connect()
        used.putrequest(method, target, skip_accept_encoding=True, skip_host="Host" in dict(headers))
        for name, value in dict(headers).items():
            used.putheader(name, value.encode() if isinstance(value, str) else value)
        used.endheaders(body or None)
        answer = Answer(used.getresponse())
        if connection is None:
            used.close()
        return answer

    def call(self, method, path, query=(), body=b"", connection=None, **headers):
        """A signed request. `path` is /filesystem/path, not escaped; header names have _ for -."""
        target = f"/{ACCOUNT}{urllib.parse.quote(path)}"
        if query:
            target += "?" + urllib.parse.urlencode(dict(query), quote_via=urllib.parse.quote)
        all_headers = {"x-ms-version": VERSION, "x-ms-date": now(), "Content-Length": str(len(body))}
        all_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        all_headers = {name: value for name, value in all_headers.items() if value is not None}
        signature = mac(string_to_sign(method, target, all_headers))
        all_headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
        return self.send(method, target, all_headers, body, connection)

    def control(self, verb, **values):
        answer = self.send(
            "POST", f"/__control/{verb}", {"Content-Length": str(len(text := json.dumps(values)))}, text.encode()
        )
        assert answer.status == 200, answer.body
        return answer.json


class Lake:
    """A filesystem of its own, with the calls that tests use again and again."""

    def __init__(self, server):
        self.server = server
        self.name = f"fs{uuid.uuid4().hex[:12]}"
        self.create_filesystem()

    def create_filesystem(self):
        answer = self.server.call("PUT", f"/{self.name}", {"resource": "filesystem"})
        assert answer.status == 201, answer.body

    def call(self, method, path, query=(), body=b"", **headers):
        return self.server.call(method, f"/{self.name}/{path}" if path else f"/{self.name}", query, body, **headers)

    def create(self, path, **headers):
        return self.call("PUT", path, {"resource": "file"}, **headers)

    def mkdir(self, path, **headers):
        return self.call("PUT", path, {"resource": "directory"}, **headers)

    def append(self, path, position, body, flush=None, **headers):
        query = {"action": "append", "position": position} | ({"flush": "true"} if flush else {})
        return self.call("PATCH", path, query, body, **headers)

    def flush(self, path, position, query=(), **headers):
        return self.call("PATCH", path, {"action": "flush", "position": position, **dict(query)}, **headers)

    def rename(self, source, target, mode="legacy", **headers):
        raw = f"/{self.name}/{urllib.parse.quote(source)}"
        return self.call("PUT", target, {"mode": mode}, x_ms_rename_source=raw, **headers)

    def head(self, path, **headers):
        return self.call("HEAD", path, {"action": "getStatus"}, **headers)

    def read(self, path, **headers):
        return self.call("GET", path, **headers)

    def put_blob(self, path, body, **headers):
        return self.call("PUT", path, (), body, x_ms_blob_type="BlockBlob", **headers)

    def lease(self, path, action, **headers):
        return self.call("POST", path, x_ms_lease_action=action, **headers)

    def acquire(self, path, lease=LEASE, seconds=15):
        return self.lease(path, "acquire", x_ms_proposed_lease_id=lease, x_ms_lease_duration=str(seconds))

    def list(self, directory="", recursive=True, **query):
        query = {"resource": "filesystem", "recursive": str(recursive).lower(), "directory": directory, **query}
        return self.call("GET", "", query)

    def names(self, directory="", recursive=True, **query):
        """Of all pages."""
        found, token = [], None
        while True:
            answer = self.list(directory, recursive, **query, **({"continuation": token} if token else {}))
            assert answer.status == 200, answer.body
            found += [entry["name"] for entry in answer.json["paths"]]
            token = answer.headers.get("x-ms-continuation")
            if not token:
                return found

    def write(self, path, body):
        assert self.create(path).status == 201
        answer = self.append(path, 0, body, flush=True)
        assert answer.status == 202, answer.body
        return answer.etag


@contextlib.contextmanager
def running(*arguments, **options):
    server = Server(*arguments, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
