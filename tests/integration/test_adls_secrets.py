# SPDX-License-Identifier: Apache-2.0
"""A full life with each kind of secret, good and bad: none of it is in a log line, a message, an answer, the lake
or the state."""

import base64
import concurrent.futures
import json
import secrets
import urllib.parse

import pytest

from adls import ROWS, AdlsWorld, Server, account_sas


def spellings(secret):
    """As it may turn up: itself, its parts behind an equals sign, percent-encoded, in base64."""
    parts = [secret, *(value for _, value in urllib.parse.parse_qsl(secret) if len(value) > 20)]
    found = set()
    for part in parts:
        found |= {part, urllib.parse.quote(part, safe=""), urllib.parse.quote_plus(part)}
        found.add(base64.b64encode(part.encode()).decode().rstrip("="))
    return found


class Watch:
    """What all commands and daemons of a test have told, and where a secret stood in it."""

    def __init__(self, world, folder):
        self.world = world
        self.folder = folder
        self.secrets = set()
        self.told = []

    def command(self, *arguments):
        """Whatever its exit status is."""
        done = self.world.lakefeed(arguments[0], *self.world.options(), *arguments[1:], expect=None)
        self.told.append((" ".join(arguments), done.out + done.err))
        return done

    def places(self):
        """(name, bytes) of everything that stays: answers, logs, the state, the lake."""
        for name, text in self.told:
            yield name, text.encode()
        for daemon in self.world.daemons:
            yield daemon.log.name, daemon.log.read_bytes()
        for path in sorted(self.world.state.rglob("*")):
            yield str(path), str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        account = self.world.server.account()
        for path in account.list(self.world.filesystem):
            yield path, path.encode() + account.read(self.world.filesystem, path)

    def check(self):
        count = 0
        for name, data in self.places():
            count += len(data)
            for secret in self.secrets:
                for spelling in spellings(secret):
                    assert spelling.encode() not in data, f"{name} shows a secret: {spelling[:4]}…"
        assert count > 10_000


@pytest.fixture
def principal_secret():
    return f"hush/{secrets.token_hex(20)}+="


@pytest.fixture
def watch(tmp_path, principal_secret):
    server = Server(tmp_path / "the account", "--http-tokens", "--secret", principal_secret)
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = AdlsWorld(folder, server)
    world.sql(*ROWS)
    yield Watch(world, tmp_path)
    world.close()
    server.close()


def live(watch):
    """Every verb, alone and beside a daemon, on a lake that is well, refuses, and is down."""
    world = watch.world
    watch.command("check")
    watch.command("run", "--once", "--track")
    daemon = world.daemon("--verbose")
    daemon.wait_event("link_started")
    for verb in ("status", "artifacts", "failures", "check", "snapshot", "verify", "disable", "enable"):
        watch.command(verb)
    watch.command("config", "show")
    watch.command("config", "export")
    watch.command("config", "check")
    watch.command("status", "--json")
    world.server.faults({"times": 0, "do": {"action": "role_missing"}})
    world.sql("INSERT INTO t(v) VALUES('b')")
    daemon.wait_event("link_retry")
    watch.command("status")
    watch.command("check")
    world.server.calm()
    with world.server.down(), concurrent.futures.ThreadPoolExecutor() as pool:  # each of them tries for a while
        list(pool.map(lambda words: watch.command(*words), [["status"], ["check", "--json"]]))
    world.wait_equal()
    daemon.stop()


def spoil(watch, file, text):
    """The same with a secret that is not the right one, which must not be shown either."""
    watch.secrets.add(text)
    watch.world.write_secret(file, text)
    watch.command("check")
    watch.command("run", "--once")
    watch.command("status")


def configure(watch, auth, secret):
    watch.world.auth = auth
    watch.world.configure()
    watch.secrets.add(secret)


def test_account_key_then_nowhere(watch):
    key = watch.world.server.key
    configure(watch, watch.world.auth, key)
    live(watch)
    spoil(watch, "account.key", base64.b64encode(secrets.token_bytes(64)).decode())
    spoil(watch, "account.key", "no-base64-" + secrets.token_hex(16))
    watch.check()


def test_sas_then_nowhere(watch):
    sas = account_sas(watch.world.server.key, 3600)
    file = watch.world.write_secret("sas", "?" + sas)
    configure(watch, {"kind": "sas", "sas": {"file": str(file)}}, sas)
    live(watch)
    spoil(watch, "sas", sas[:-6] + "AAAA%3D")
    spoil(watch, "sas", "https://lakeacct.dfs.core.windows.net/?" + account_sas(watch.world.server.key, 600))
    watch.check()


def test_client_secret_then_neither_it_nor_a_token_anywhere(watch, principal_secret):
    watch.world.use_client_secret(principal_secret)
    watch.secrets |= {principal_secret, "eyJ"}  # how every token begins
    live(watch)
    spoil(watch, "client secret", "wrong/" + secrets.token_hex(20))
    watch.check()


def test_secret_on_the_command_line_then_refused_without_it(watch):
    hush = secrets.token_hex(20)
    for url in (
        f"abfss://lake@lakeacct.dfs.core.windows.net/x?sv=2022-11-02&sig={hush}",
        f"abfss://lake:{hush}@lakeacct.dfs.core.windows.net/x",
        f"https://lakeacct.dfs.core.windows.net/lake?sig={hush}",
    ):
        done = watch.world.lakefeed("run", "--once", "--source", f"sqlite:{watch.world.db}", "--lake", url, expect=2)
        assert hush not in done.out + done.err
        assert '"auth"' in done.err, done.err


def test_secret_in_plain_text_in_the_configuration_then_refused_without_it(watch):
    hush = secrets.token_hex(20)
    configure(watch, {"kind": "shared_key", "account_key": hush}, hush)
    done = watch.command("run", "--once")
    assert done.status == 2 and '{"file": "PATH"}' in done.err
    assert hush not in done.out + done.err


def test_watch_then_it_would_find_one(watch):
    """The checker itself: a secret that does stand somewhere is found, in other spellings too."""
    key = watch.world.server.key
    configure(watch, watch.world.auth, key)
    watch.command("run", "--once", "--track")
    watch.told.append(("padding", "x" * 10_000))
    watch.check()
    watch.told.append(("a leak", json.dumps({"url": urllib.parse.quote(key, safe="")})))
    with pytest.raises(AssertionError, match="a leak shows a secret"):
        watch.check()
