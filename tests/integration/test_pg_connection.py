# SPDX-License-Identifier: Apache-2.0
"""Connections to PostgreSQL: restarts of the server, a network that cuts and stalls, passwords, TLS."""

import contextlib
import datetime
import random
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postgres import PASSWORD, literal
from test_pg_load import Writers
from world import wait_until

TABLE = ["CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 300) i"]
ONE = "UPDATE t SET v = v || '.' WHERE id = 1 + floor(random() * 300)::int AND length(v) < 100"


@pytest.fixture
def shop(pg):
    pg.sql(*TABLE)
    return pg


# --- the server comes and goes ---


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_under_a_daemon(shop, mode):
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    for number in range(2):
        shop.sql(f"INSERT INTO t VALUES({1000 + number}, 'before')")
        shop.server.restart(mode)
        shop.sql(f"INSERT INTO t VALUES({2000 + number}, 'after')")
        shop.wait_equal()
    assert daemon.stop() == 0
    assert not [event for event in daemon.events() if event["event"] in ("link_failed", "resync_required")]
    assert len(shop.slots()) == 1


def test_a_server_that_is_down_at_the_start_is_waited_for(shop):
    shop.track_once()
    shop.server.stop()
    daemon = shop.daemon()
    wait_until(lambda: "TRANSIENT" in daemon.log.read_text("utf-8"), "the failure is told")
    told = [event for event in daemon.events() if event.get("kind") == "TRANSIENT"]
    assert str(shop.server.port) in told[0]["message"], "it names the server"
    shop.once("--name", "other", lake=shop.folder / "other", state=shop.folder / "other state", expect=1)
    shop.server.start()
    shop.sql("INSERT INTO t VALUES(1000, 'x')")
    shop.wait_equal()
    assert daemon.stop() == 0


def test_a_smart_shutdown_is_not_held_up_for_long_by_lakefeed(shop):
    """A fast one waits for a walsender to have everything confirmed that it has sent; that must not hang."""
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    shop.sql("INSERT INTO t VALUES(1000, 'x')")
    shop.server.stop("fast")  # asserts that it ends
    shop.server.start()
    shop.wait_equal()
    assert daemon.stop() == 0


# --- the network ---


def test_cuts_during_load_and_stream(shop):
    shop.sql("INSERT INTO t SELECT i, repeat('y', 200) FROM generate_series(301, 5000) i")
    proxy = shop.proxy()
    shop.configure(interval="1s", chunk_rows=500, load_commit="1s")
    daemon = shop.daemon("--track")
    daemon.wait_event("chunk_loaded")
    with Writers(shop, statement=ONE):
        for _ in range(3):
            before = proxy.bytes
            wait_until(lambda: proxy.bytes > before + 20000, "data flows")  # pylint: disable=cell-var-from-loop
            proxy.cut()
    shop.wait_equal()
    assert daemon.stop() == 0


def test_a_cut_after_each_number_of_bytes(shop, seed):
    """Runs one after the other; each is cut somewhere, and the next goes on."""
    dice = random.Random(seed)
    proxy = shop.proxy()
    shop.track_once()
    before, cut = proxy.bytes, 0
    for number in range(12):
        shop.sql(ONE, f"INSERT INTO t VALUES({1000 + number}, 'x')")
        proxy.limit = dice.randrange(1, before)
        assert shop.track_once(expect=None).status in (0, 1)  # a run tries again by itself
        cut += proxy.limit is None
        proxy.limit = None
    assert cut > 0
    shop.once()
    shop.assert_equal()
    assert len(shop.slots()) == 1


def test_a_network_that_refuses_and_comes_back(shop):
    proxy = shop.proxy()
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    proxy.refuse()
    shop.sql("INSERT INTO t VALUES(1000, 'x')")
    wait_until(lambda: "TRANSIENT" in daemon.log.read_text("utf-8"), "the failure is told")
    proxy.refuse(False)
    shop.wait_equal()
    assert daemon.stop() == 0


def test_a_stall_longer_than_the_server_waits(shop):
    """The server gives the stream up; when the network is back, it goes on without a gap."""
    shop.sql(f"ALTER ROLE feed IN DATABASE {shop.db} SET wal_sender_timeout = '1s'", user="postgres")
    proxy = shop.proxy()
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    shop.wait_stream()
    proxy.stall()
    shop.sql("INSERT INTO t VALUES(1000, 'x')")
    shop.wait_no_stream()
    shop.sql("INSERT INTO t VALUES(1001, 'y')")
    proxy.stall(False)
    shop.wait_equal()
    assert daemon.stop() == 0


def test_a_process_that_sleeps_longer_than_the_server_waits(shop):
    shop.sql(f"ALTER ROLE feed IN DATABASE {shop.db} SET wal_sender_timeout = '1s'", user="postgres")
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    shop.wait_stream()
    daemon.process.send_signal(signal.SIGSTOP)
    shop.wait_no_stream()
    shop.sql("INSERT INTO t VALUES(1000, 'x')")
    daemon.process.send_signal(signal.SIGCONT)
    shop.wait_equal()
    assert daemon.stop() == 0


def test_keepalives_are_answered_while_idle(shop):
    """With one second of patience the server never cuts a stream that is alive."""
    shop.sql(f"ALTER ROLE feed IN DATABASE {shop.db} SET wal_sender_timeout = '1s'", user="postgres")
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    pid = shop.wait_stream()[0][0]
    seen = set()

    def replies():
        seen.update(shop.query("SELECT reply_time FROM pg_stat_replication WHERE pid = %s", pid))
        return len(seen) > 5

    wait_until(replies, "several replies of one stream")
    assert daemon.stop() == 0
    # The log of the server is that of all its databases.
    bad = [event for event in daemon.events() if event["level"] in ("warn", "error")]
    assert not [event for event in bad if event["event"] != "source_retains"]


@pytest.mark.parametrize("moment", ["load", "stream"])
def test_a_stop_while_nothing_comes_ends_in_time(shop, moment):
    proxy = shop.proxy()
    if moment == "stream":
        daemon = shop.daemon("--track")
        daemon.wait_event("load_finished")
        proxy.stall()
        assert daemon.stop() == 0
    else:
        with contextlib.closing(shop.connect()) as db:
            db.execute("BEGIN")
            db.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            daemon = shop.daemon("--track")
            wait_until(lambda: waiting(shop), "it waits for the lock")
            assert daemon.stop() == 0
    proxy.stall(False)
    shop.track_once()
    shop.assert_equal()


def waiting(world):
    locks = "SELECT 1 FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE NOT granted AND a.datname = %s"
    return world.query(locks, world.db)


def test_a_table_that_is_locked_is_waited_for(shop):
    shop.sql("CREATE TABLE free(id int PRIMARY KEY)", "INSERT INTO free VALUES(1)")
    shop.lakefeed("track", "--source", shop.url, "--state-dir", shop.state)
    with contextlib.closing(shop.connect()) as db:
        db.execute("BEGIN")
        db.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        daemon = shop.daemon()
        wait_until(lambda: waiting(shop), "the load of t waits for the lock")
        assert not [event for event in daemon.events() if event["event"] == "load_finished" and event["entity"] == "t"]
        db.execute("COMMIT")
    shop.wait_equal()
    assert daemon.stop() == 0


# --- who connects ---


def test_connections_name_the_program_and_the_link(shop):
    shop.configure(interval="1s")
    daemon = shop.daemon("--track")
    daemon.wait_event("load_finished")
    shop.wait_stream()
    sessions = shop.sessions()
    assert all(name.startswith("lakefeed shop ") for _, name, _ in sessions), sessions
    assert "idle in transaction" not in [state for _, _, state in sessions]
    assert daemon.stop() == 0
    wait_until(lambda: not shop.sessions(), "no connection is left")


def test_too_few_connections_are_told(shop):
    shop.sql("ALTER ROLE feed CONNECTION LIMIT 0", user="postgres")
    try:
        result = shop.track_once(expect=1)
        assert "too many connections" in result.err
    finally:
        shop.sql("ALTER ROLE feed CONNECTION LIMIT -1", user="postgres")
    shop.track_once()


# --- passwords ---


@pytest.fixture
def bare(shop):
    """Without the passfile."""
    shop.environment = lambda env: {"PGPASSFILE": "/nonexistent", **(env or {})}
    return shop


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE", "file", "env", "service"])
def test_each_way_to_give_a_password(bare, way):
    secret, env = bare.folder / "secret", {}
    if way == "PGPASSWORD":
        env = {"PGPASSWORD": PASSWORD}
    elif way == "PGPASSFILE":
        env = {"PGPASSFILE": str(bare.passfile)}
    elif way == "file":
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        bare.configure(source={"password": {"file": str(secret)}})
    elif way == "env":
        env = {"SHOP_SECRET": PASSWORD}
        bare.configure(source={"password": {"env": "SHOP_SECRET"}})
    else:
        service = bare.folder / "pg_service.conf"
        service.write_text(f"[the_shop]\nhost=127.0.0.1\nport={bare.port}\nuser=feed\ndbname={bare.db}\n"
                           f"password={PASSWORD}\n")  # fmt: skip
        env = {"PGSERVICEFILE": str(service)}
        bare.configure(source={"url": "postgresql://?service=the_shop"})
    bare.once("--track", env=env)
    bare.assert_equal()


def test_a_password_in_an_argument_is_refused_and_not_repeated(bare):
    url = bare.url.replace("feed@", "feed:hunter2@")
    result = bare.lakefeed("run", "--source", url, "--lake", f"file:{bare.lake}", "--once", expect=2)
    assert "hunter2" not in result.out + result.err
    assert "PGPASSWORD" in result.err or "pgpass" in result.err
    for parameter in ("password=hunter2", "sslpassword=hunter2"):
        result = bare.lakefeed("check", "--source", f"{bare.url}?{parameter}", "--lake", f"file:{bare.lake}", expect=2)
        assert "hunter2" not in result.out + result.err


def test_a_wrong_password_is_told_and_never_shown(bare):
    result = bare.once("--track", env={"PGPASSWORD": "not " + PASSWORD}, expect=1)
    told = result.events[-1]
    assert told["kind"] == "AUTH" and "feed" in told["message"]
    assert PASSWORD not in result.err


def test_a_password_that_is_changed_is_read_again(bare):
    secret = bare.folder / "secret"
    secret.write_text("wrong")
    secret.chmod(0o600)
    bare.configure(interval="1s", source={"password": {"file": str(secret)}})
    daemon = bare.daemon("--track")
    wait_until(lambda: "AUTH" in daemon.log.read_text("utf-8"), "the failure is told")
    secret.write_text(PASSWORD)
    bare.wait_equal()
    assert daemon.stop() == 0


def test_the_password_is_nowhere(shop):
    """Neither in state nor in lake, nor where others see it: arguments and environment of other users aside."""
    shop.track_once()
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    words = (PASSWORD.encode(), literal(PASSWORD).encode())
    for folder in (shop.lake, shop.state):
        for path in folder.rglob("*"):
            assert not path.is_file() or not any(word in path.read_bytes() for word in words), path
    with open(f"/proc/{daemon.process.pid}/cmdline", "rb") as file:
        assert words[0] not in file.read()
    assert PASSWORD not in str(shop.query("SELECT application_name, query FROM pg_stat_activity"))
    assert daemon.stop() == 0


# --- TLS ---


class Authority:
    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.sign(self.name, self.key, True)

    def sign(self, subject, key, authority=False, names=()):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(authority, None), True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, common_name, names=()):
        key = ec.generate_private_key(ec.SECP256R1())
        return self.sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]), key, names=names), key


def write_pem(path, item):
    if isinstance(item, x509.Certificate):
        path.write_bytes(item.public_bytes(serialization.Encoding.PEM))
    else:
        path.write_bytes(item.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption()))  # fmt: skip
    path.chmod(0o600)


@pytest.fixture(name="tls")
def make_tls(own):
    """A server with a certificate for localhost of an authority of the test's own."""
    server, own.authority = own.server, Authority("test authority")
    certificate, key = own.authority.issue("localhost", [x509.DNSName("localhost"), x509.DNSName("db.example")])
    for name, item in (("server.crt", certificate), ("server.key", key), ("root.crt", own.authority.certificate)):
        write_pem(server.data / name, item)
        subprocess.run(["chown", f"--reference={server.data}", str(server.data / name)], check=True)
    server.configure({"ssl": "on", "ssl_ca_file": "root.crt"})
    server.reload()
    own.sql(*TABLE)
    own.user = "feed_tls"
    for name, issuer in (("root.crt", own.authority), ("other.crt", Authority("another authority"))):
        write_pem(own.folder / name, issuer.certificate)
    return own


def at(world, host, **parameters):
    """The URL with that host name, which is 127.0.0.1 all the same."""
    query = "&".join(f"{name}={str(value).replace(' ', '%20')}" for name, value in parameters.items())
    return {"db": f"postgresql://{world.user}@{host}:{world.port}/{world.db}?{query}"}


def test_a_verified_connection(tls):
    place = at(tls, "localhost", sslmode="verify-full", sslrootcert=tls.folder / "root.crt")
    tls.once("--track", **place)
    tls.assert_equal()
    assert tls.once(**place).status == 0
    daemon = tls.daemon(**place)
    pid = tls.wait_stream()[0][0]
    assert tls.query("SELECT ssl FROM pg_stat_ssl WHERE pid = %s", pid) == [(True,)]
    tls.sql("INSERT INTO t SELECT i, repeat('z', 100) FROM generate_series(1000, 20000) i")
    tls.wait_equal()
    assert daemon.stop() == 0


@pytest.mark.parametrize("wrong", ["authority", "name", "plain"])
def test_a_connection_that_cannot_be_verified_is_refused(tls, wrong):
    places = {
        "authority": at(tls, "localhost", sslmode="verify-full", sslrootcert=tls.folder / "other.crt"),
        "name": at(tls, "127.0.0.1", sslmode="verify-full", sslrootcert=tls.folder / "root.crt"),
        "plain": at(tls, "localhost", sslmode="disable"),
    }
    said = {"authority": "certificate verify failed", "name": "does not match", "plain": "no encryption"}[wrong]
    assert said in tls.once("--track", **places[wrong], expect=1).events[-1]["message"]
    assert not (tls.lake / "model.json").exists()


def test_a_client_certificate_instead_of_a_password(tls):
    certificate, key = tls.authority.issue("feed_cert")
    write_pem(tls.folder / "client.crt", certificate)
    write_pem(tls.folder / "client.key", key)
    tls.user = "feed_cert"
    place = at(tls, "localhost", sslmode="verify-full", sslrootcert=tls.folder / "root.crt",
               sslcert=tls.folder / "client.crt", sslkey=tls.folder / "client.key")  # fmt: skip
    tls.environment = lambda env: {"PGPASSFILE": "/nonexistent", **(env or {})}
    tls.once("--track", **place)
    tls.assert_equal()
    result = tls.once(**at(tls, "localhost", sslmode="require"), expect=1)
    assert "certificate" in result.err


def test_several_hosts_of_which_one_answers(shop):
    shop.parameters = ""
    url = f"postgresql://feed@127.0.0.1:1,127.0.0.1:{shop.port}/{shop.db}?target_session_attrs=read-write"
    shop.once("--track", db=url)
    shop.assert_equal()


def test_the_address_may_be_a_socket(shop):
    """A local server without TCP."""
    folder = str(shop.server.folder).replace("/", "%2F")
    shop.once("--track", db=f"postgresql://feed@{folder}:{shop.server.port}/{shop.db}")
    shop.assert_equal()
