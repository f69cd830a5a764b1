# SPDX-License-Identifier: Apache-2.0
"""A storage account beside the real program: the server of tests/adls as a process of its own, and a World whose lake
is there.

Nothing of lakefeed reads the lake here: the official SDK downloads it, and lake_reader compares it with the source.
"""

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.filedatalake import DataLakeServiceClient

import adls_server
import lake_reader
from adls_server import CLIENT, SERVER, TENANT, iso
from world import COMMAND_S, ROOT, World, wait_until

sys.path.insert(0, str(ROOT / "tests/adls"))
from plain_client import Account, Refused  # noqa: E402

ACCOUNT = "lakeacct"
FILESYSTEM = "lake"
LEASE_S = 60
COPY_ATTEMPTS = 50
ROWS = ["CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES(1, 'a'), (2, NULL), (3, '')"]


class Server:
    """tests/adls/server.py on a port that stays over restarts, with a state that outlasts a kill."""

    def __init__(self, folder, *arguments):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "account"
        self.record = self.folder / "requests.jsonl"
        self.key = base64.b64encode(os.urandom(64)).decode()
        self.arguments = list(arguments)
        self.port = 0
        self.process = None
        self.data.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self):
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, str(SERVER), "--port", str(self.port), "--account", ACCOUNT, "--key", self.key),
                    *("--data", str(self.data), "--record", str(self.record), "--clock-control", *self.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        assert line, (self.folder / "server.log").read_text()
        self.port = int(line.split()[0])

    def kill(self):
        """The storage is down: connections are refused."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.kill()

    @contextlib.contextmanager
    def down(self):
        self.kill()
        try:
            yield
        finally:
            self.start()

    # --- where it is ---

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def url(self, prefix="shop", filesystem=FILESYSTEM):
        return f"{self.base}/{ACCOUNT}/{filesystem}/{prefix}".rstrip("/")

    def account(self):
        return Account.of_url(self.url(), key=self.key)

    # --- the control endpoint; tests/adls/README.md has the verbs ---

    def control(self, verb, **given):
        body = json.dumps(given).encode()
        request = urllib.request.Request(f"{self.base}/__control/{verb}", data=body, method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as answer:  # 100,000 files take a slow machine long
            return json.loads(answer.read())

    def faults(self, *rules, keep=False):
        return self.control("faults", rules=list(rules), keep=keep)

    def fired(self):
        """How often each rule of the fault plan has."""
        return [rule["fired"] for rule in self.control("faults")["rules"]]

    def calm(self):
        self.control("reset", what=["faults"])

    def requests(self, since=0, **match):
        return self.control("requests", since=since, match=match)["requests"]

    def count(self, since=0, **match):
        return self.control("count", since=since, match=match)["count"]

    def last_number(self):
        found = self.requests()
        return found[-1]["number"] if found else 0

    def role(self, role):
        """What tokens allow from now on: none, reader, contributor or owner."""
        self.control("roles", role=role)

    def advance(self, seconds):
        """What runs out, such as a lease, runs out so much earlier."""
        self.control("clock", advance=seconds)

    def skew(self, seconds):
        """How far the service's date is ahead of ours."""
        self.control("clock", skew=seconds)

    def state(self, filesystem=FILESYSTEM):
        return self.control("state").get(filesystem, {})


def client(server):
    # Path style over http: the only form in which the SDK takes a key without TLS.
    return DataLakeServiceClient(f"{server.base}/{ACCOUNT}", credential=server.key, retry_total=0)


class Copy:
    """A folder that is brought to what the SDK finds below a prefix, with the locations of model.json turned to it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known = {}

    def refresh(self, server, filesystem, prefix):
        """What stood there at one moment: model.json comes last, and no file was another than when it was listed."""
        location = server.url(prefix, filesystem).encode()
        with client(server) as service:
            files = service.get_file_system_client(filesystem)
            for _ in range(COPY_ATTEMPTS):
                if self.copy_once(files, prefix, location):
                    return self.folder
        raise AssertionError("model.json changes faster than it can be copied")

    def copy_once(self, files, prefix, location):
        listed = self.listed(files, prefix)
        try:
            for path in sorted(listed, key=lambda path: path == "model.json"):
                if self.known.get(path) != listed[path]:
                    self.fetch(files.get_file_client(f"{prefix}/{path}"), path, listed[path], location)
        except HttpResponseError as error:
            if error.status_code not in (404, 412):
                raise
            return False
        for path in self.known.keys() - listed.keys():
            (self.folder / path).unlink()
        self.known = listed
        return True

    @staticmethod
    def listed(files, prefix):
        """(ETag, size) by path."""
        try:
            items = [item for item in files.get_paths(prefix or None, recursive=True) if not item.is_directory]
        except ResourceNotFoundError:
            return {}
        cut = len(prefix) + 1 if prefix else 0
        return {item.name[cut:]: (item.etag.strip('"'), item.content_length) for item in items}

    def fetch(self, file, path, version, location):
        """That version, or an error."""
        etag, size = version
        condition = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}
        data = file.download_file(**condition).readall() if size else b""
        if path == "model.json" or path.startswith("_lakefeed/commits/"):
            data = data.replace(location, str(self.folder).encode())
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


class AdlsWorld(World):
    """Its lake is on `server`; self.lake is a copy that is brought up to date whenever it is asked for."""

    def __init__(self, folder, server, prefix="shop", **options):
        self.server = server
        self.prefix = prefix
        self.filesystem = FILESYSTEM
        self.sdk_copy = Copy(pathlib.Path(folder) / "what a reader sees")
        super().__init__(folder, **options)
        self.url = None  # of the lake; None: made from filesystem and prefix
        self.lakes = set()
        self.key_file = self.write_secret("account.key", server.key)
        self.auth = {"kind": "shared_key", "account_key": {"file": str(self.key_file)}}
        self.lake_settings = {}  # further members of "lake"

    def write_secret(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def configure(self, entities=None, **snapshot):
        """All commands take a file, since an identity has no flag. Called again, it makes the file anew."""
        url = self.url or self.server.url(self.prefix, self.filesystem)
        lake = {"url": url, "auth": self.auth, **self.lake_settings}
        source = {"poll_interval": "50ms"}
        super().configure(entities, source, {"lake": lake}, **(snapshot or {"interval": "1s"}))
        return self

    def use_client_secret(self, secret):
        """The link is a service principal towards the server's own authority."""
        self.auth = {
            "kind": "client_secret",
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "client_secret": {"file": str(self.write_secret("client secret", secret))},
            "authority": self.server.base,
        }
        self.configure()

    def insert(self, value):
        """A row of ROWS' table."""
        self.sql(("INSERT INTO t(v) VALUES(?)", (value,)))

    # --- what a reader sees ---

    @property
    def lake(self):
        return self.sdk_copy.refresh(self.server, self.filesystem, self.prefix)

    @lake.setter
    def lake(self, _):
        """There is no folder to choose."""

    def path(self, path):
        return f"{self.prefix}/{path}" if self.prefix else path

    def head(self, lake=None):
        """The bytes of model.json; None: there is none."""
        try:
            return self.server.account().read(self.filesystem, self.path("model.json"))
        except Refused as refused:
            assert refused.answer.status == 404, refused
            return None

    def files(self):
        """Every file below the lake's folder, as relative path: length."""
        cut = len(self.prefix) + 1 if self.prefix else 0
        return {path[cut:]: size for path, size in self.server.account().list(self.filesystem, self.prefix).items()}

    def check_readers(self):
        if self.server.process.poll() is None and self.sdk_copy.folder not in self.damaged and self.head() is not None:
            lake_reader.check_readers(self.lake)

    # --- waiting ---

    def wait_status(self, condition, what, seconds=COMMAND_S):
        """Until the daemon tells a status of the link that fits."""

        def look():
            done = self.lakefeed("status", *self.options(), "--json", expect=None)
            found = json.loads(done.out)["links"] if done.status == 0 and done.out else []
            return found[0] if found and condition(found[0]) else None

        return wait_until(look, what, seconds)

    def wait_state(self, state, seconds=COMMAND_S):
        return self.wait_status(lambda found: (found["process"] or {}).get("state") == state, state, seconds)


def account_sas(key, seconds):
    """Of the whole account, until so many seconds from now."""
    return adls_server.account_sas("racwdlme", start=iso(-7200), expiry=iso(seconds), account=ACCOUNT, key=key)
