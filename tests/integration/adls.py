# SPDX-License-Identifier: Apache-2.0
"""A storage account beside the real program: the server of tests/adls as a process of its own, and a World whose lake is there.

Nothing of lakefeed reads the lake here: plain_client downloads it, and lake_reader compares it with the source.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import lake_reader
from world import COMMAND_S, ROOT, World, wait_until

sys.path.insert(0, str(ROOT / "tests/adls"))
from plain_client import Account, Refused  # noqa: E402

SERVER = ROOT / "tests/adls/server.py"
ACCOUNT = "lakeacct"
FILESYSTEM = "lake"
LEASE_S = 60


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
        with opener.open(request, timeout=30) as answer:
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


class AdlsWorld(World):
    """Its lake is on `server`; self.lake is a copy of the newest snapshot, made by whoever reads."""

    def __init__(self, folder, server, prefix="shop", **options):
        super().__init__(folder, **options)
        self.server = server
        self.prefix = prefix
        self.filesystem = FILESYSTEM
        self.url = None  # of the lake; None: made from filesystem and prefix
        self.lake = self.folder / "what a reader sees"
        self.lakes = set()
        self.key_file = self.write_secret("account.key", server.key)
        self.auth = {"kind": "shared_key", "account_key": {"file": str(self.key_file)}}
        self.source = {}  # further members of "source"
        self.lake_settings = {}  # further members of "lake"
        self.link_settings = {}  # of the link
        self.root_settings = {}

    def write_secret(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def configure(self, **snapshot):
        """All commands take a file, since an identity has no flag. Called again, it makes the file anew."""
        link = {
            "name": "shop",
            "source": {"url": f"sqlite:{self.db}", "poll_interval": "50ms", **self.source},
            "lake": {"url": self.url or self.server.url(self.prefix, self.filesystem), "auth": self.auth, **self.lake_settings},
            "snapshot": snapshot or {"interval": "1s"},
            **self.link_settings,
        }
        self.config = self.folder / "lakefeed.json"
        self.config.write_text(json.dumps({"version": 1, "links": [link], **self.root_settings}))
        return self

    # --- what a reader sees ---

    def path(self, path):
        return f"{self.prefix}/{path}" if self.prefix else path

    def mirror(self):
        try:
            return self.server.account().mirror(self.filesystem, self.prefix, self.lake)
        except Refused as refused:
            raise lake_reader.LakeError(str(refused)) from refused

    def read(self, lake=None):
        self.mirror()
        return super().read(lake)

    def assert_equal(self, tables=None, lake=None, db=None):
        self.mirror()
        return super().assert_equal(tables, lake, db)

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

    def copy(self, folder):
        """The whole lake, history too; of one at rest."""
        account = self.server.account()
        for path in self.files():
            target = pathlib.Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(account.read(self.filesystem, self.path(path)))
        account.mirror(self.filesystem, self.prefix, folder)
        return pathlib.Path(folder)

    def check_readers(self):
        if self.server.process.poll() is None and self.lake not in self.damaged and self.head() is not None:
            lake_reader.check_readers(self.copy(self.folder / "the whole lake"))

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


# --- shared access signatures ---


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def account_sas(key, seconds, permissions="racwdlme"):
    """Of the whole account, until so many seconds from now."""
    fields = {
        "sv": "2022-11-02", "ss": "b", "srt": "sco", "sp": permissions, "st": stamp(-7200), "se": stamp(seconds), "spr": "https,http",
    }  # fmt: skip
    lines = [ACCOUNT, *(fields[name] for name in ("sp", "ss", "srt", "st", "se")), "", fields["spr"], fields["sv"], "", ""]
    digest = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return urllib.parse.urlencode(fields | {"sig": base64.b64encode(digest).decode()})
