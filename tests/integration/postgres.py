# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of its own for each worker of pytest, a fresh database for each test, and a proxy to disturb.

The server runs with its data in a temporary folder, on a port of its own, and dies with the tests. The application is
the role `app`, which owns the databases; lakefeed comes as `feed`, a member of it with REPLICATION.
"""

import contextlib
import ctypes
import glob
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import psycopg
import pytest
from psycopg import sql as pgsql

import lake_reader
import pg_compare
from world import WAIT_S, World, wait_until

PASSWORD = "p4ss'w\\rd:" + secrets.token_hex(4)  # characters that have to be escaped; and it must never be seen
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_prepared_transactions": "10",
    "logging_collector": "off",
    "log_connections": "off",
    "wal_sender_timeout": "60s",
    "autovacuum_naptime": "60s",
}
HBA = """
local all postgres trust
local replication postgres trust
host all postgres 127.0.0.1/32 scram-sha-256
local all all scram-sha-256
hostssl all feed_tls 127.0.0.1/32 scram-sha-256
hostnossl all feed_tls 127.0.0.1/32 reject
hostssl all feed_cert 127.0.0.1/32 cert
hostnossl all feed_cert 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
ROLES = ["app LOGIN", "feed LOGIN REPLICATION IN ROLE app", "feed_tls LOGIN REPLICATION IN ROLE app"]
ROLES += ["feed_cert LOGIN REPLICATION IN ROLE app"]
PR_SET_PDEATHSIG = 1
STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def bin_folder():
    """The newest installed version."""
    folders = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    assert folders, "no PostgreSQL server below /usr/lib/postgresql; install the package postgresql"
    newest = max(folders, key=lambda path: int(re.search(r"/(\d+)/", path).group(1)))
    return pathlib.Path(newest).parent


def program(name):
    """Of the folder in LAKEFEED_POSTGRES_BIN, else of the installed version: such a folder may have the server alone."""
    chosen = pathlib.Path(os.environ.get("LAKEFEED_POSTGRES_BIN") or bin_folder(), name)
    return str(chosen if chosen.exists() else bin_folder() / name)


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def literal(value):
    return str(value).replace("'", "''")


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Server:
    """One cluster. As root everything of it runs as the user postgres, since the server refuses root."""

    def __init__(self, folder=None, settings=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="lakefeed-pg-"))
        self.user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.version = int(re.search(r"(\d+)\.", self.run("postgres", "--version").stdout.decode())[1])
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = free_port()
        self.process = None
        self.databases = 0
        if not self.data.exists():
            self.init(settings or {})

    def run(self, *arguments, **options):
        return subprocess.run(
            [program(arguments[0]), *map(str, arguments[1:])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            cwd=self.folder,
            timeout=60,
            **self.user,
            **options,
        )

    def init(self, settings):
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password,
                 "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        (self.data / "pg_hba.conf").write_text(HBA)
        self.configure(SETTINGS | {"unix_socket_directories": str(self.folder)} | settings)
        self.start()
        with self.connect() as db:
            for role in ROLES:
                db.execute(f"CREATE ROLE {role} PASSWORD '{literal(PASSWORD)}'")

    def configure(self, settings):
        """For the next start, or for reload()."""
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{literal(value)}'\n" for name, value in settings.items())

    def reload(self):
        with self.connect() as db:
            db.execute("SELECT pg_reload_conf()")

    def start(self, standby=False):
        self.launch()
        wait_until(lambda: self.is_ready(standby), "the server accepts connections")

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
                [program("postgres"), "-D", str(self.data), "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=die_with_parent,
                **self.user,
            )

    def is_ready(self, standby=False):
        assert self.process.poll() is None, self.log.read_text("utf-8", "replace")[-2000:]
        try:
            with contextlib.closing(self.connect(timeout=1)) as db:
                return standby or not db.execute("SELECT pg_is_in_recovery()").fetchone()[0]
        except psycopg.OperationalError:
            return False

    def make_standby(self, settings=None):
        """A running one, from a copy that is taken while this server rests."""
        folder = pathlib.Path(f"{self.folder}-standby")
        with self.connect() as db:
            db.execute("SELECT pg_create_physical_replication_slot('standby', true)")
        self.stop()
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock", ".s.*"))
        for slot in (folder / "data/pg_replslot").iterdir():
            shutil.rmtree(slot)  # as pg_basebackup leaves them out
        self.start()
        standby = Server.__new__(Server)
        standby.__dict__.update(self.__dict__, folder=folder, data=folder / "data", log=folder / "log", process=None)
        standby.port = free_port()
        (standby.data / "standby.signal").touch()
        come = f"host={self.folder} port={self.port} user=postgres dbname=postgres"
        standby.configure({"unix_socket_directories": str(folder), "hot_standby_feedback": "on", "primary_conninfo": come,
                           "primary_slot_name": "standby", **(settings or {})})  # fmt: skip
        subprocess.run(["chown", "-R", f"--reference={self.folder}", str(folder)], check=True)
        folder.chmod(0o700)
        standby.start(standby=True)
        return standby

    def stop(self, mode="fast"):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(STOPS[mode])
            self.process.wait(timeout=WAIT_S)

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def close(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database="postgres", user="postgres", timeout=10, **options):
        """Outside a transaction unless one is begun. The superuser comes by the socket, without a password."""
        host = self.folder if user == "postgres" else "127.0.0.1"
        return psycopg.connect(
            host=str(host), port=self.port, dbname=database, user=user, password=PASSWORD, autocommit=True,
            connect_timeout=timeout, **options,
        )  # fmt: skip

    def create_database(self, owner="app"):
        self.databases += 1
        name = f"shop{self.databases}"
        with self.connect() as db:
            db.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0")
        return name

    def drop_database(self, name):
        with self.connect() as db:
            prepared = "SELECT gid FROM pg_prepared_xacts WHERE database = %s"
            gids = [gid for (gid,) in db.execute(prepared, [name])]
        with self.connect(name) as db:
            for gid in gids:
                db.execute(pgsql.SQL("ROLLBACK PREPARED {}").format(gid))
        self.drop_slots(name)
        with self.connect() as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_slots(self, database):
        def gone():
            with self.connect() as db:
                slots = db.execute(
                    "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", [database]
                ).fetchall()
                for name, pid in slots:
                    try:
                        if pid:
                            db.execute("SELECT pg_terminate_backend(%s)", [pid])
                        db.execute("SELECT pg_drop_replication_slot(%s)", [name])
                    except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                        pass
                return not slots

        wait_until(gone, f"the slots of {database} are gone")


class Proxy:
    """A TCP relay before the server. cut() ends what runs, refuse() also what comes, stall() lets nothing through."""

    def __init__(self, port):
        self.target = port
        self.flowing = threading.Event()
        self.flowing.set()
        self.refusing = False
        self.lock = threading.Lock()
        self.pairs = []
        self.bytes = 0
        self.limit = None  # cut when that many bytes more have come from the server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.refusing:
                    raise OSError
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, target, from_server):
        try:
            while True:
                data = source.recv(65536)
                self.flowing.wait()
                if not data:
                    break
                target.sendall(data)
                if from_server:
                    self._count(len(data))
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size):
        self.bytes += size
        if self.limit is not None:
            self.limit -= size
            if self.limit <= 0:
                self.limit = None
                self.cut()

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def refuse(self, on=True):
        self.refusing = on
        if on:
            self.cut()

    def stall(self, on=True):
        if on:
            self.flowing.clear()
        else:
            self.flowing.set()

    def close(self):
        self.listener.close()
        self.stall(False)
        self.cut()


def need_version(server, major, what):
    if server.version < major:
        pytest.skip(f"PostgreSQL {major} or newer: {what}")


class PgWorld(World):
    """A database of the server, a lake and a state directory. `db` is the name of the database."""

    def __init__(self, folder, server, **options):
        super().__init__(folder, **options)
        self.server = server
        self.db = server.create_database()
        self.databases = [self.db]
        self.user = "feed"
        self.port = server.port
        self.parameters = ""  # of the URL
        self.proxies = []
        self.passfile = self.folder / "pass file"
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        self.passfile.write_text(f"*:*:*:*:{escaped}\n")
        self.passfile.chmod(0o600)

    # --- the source ---

    def connect(self, db=None, user="app"):
        return self.server.connect(db or self.db, user)

    def admin(self):
        return self.connect(user="postgres")

    def sql(self, *statements, db=None, user="app"):
        with self.connect(db, user) as connection, connection.transaction():
            for statement in statements:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    connection.execute(*statement)

    def each(self, *statements, user="app"):
        """Each in a transaction of its own."""
        with self.connect(user=user) as connection:
            for statement in statements:
                connection.execute(statement)

    def query(self, sql, *values, db=None):
        with self.connect(db, "postgres") as connection:
            return connection.execute(sql, values or None).fetchall()

    def slots(self):
        names = self.query("SELECT slot_name FROM pg_replication_slots WHERE database = %s ORDER BY 1", self.db)
        return [name for (name,) in names]

    def slot(self):
        names = self.slots()
        assert len(names) == 1, names
        return names[0]

    def publications(self):
        return [name for (name,) in self.query("SELECT pubname FROM pg_publication ORDER BY 1")]

    def publication(self):
        names = self.publications()
        assert len(names) == 1, names
        return names[0]

    def assert_confirmed_is_committed(self):
        """The slot, which nobody reads any more, does not stand beyond the cursor of the lake."""
        free = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE database = %s AND NOT active"
        slot = wait_until(lambda: self.query(free, self.db), "the slot is free")[0][0]
        cursor = re.search(r"[0-9A-F]+/[0-9A-F]+", self.status()["cursor"])[0]
        assert self.query("SELECT %s::pg_lsn <= %s::pg_lsn", slot, cursor) == [(True,)], (slot, cursor)

    def sessions(self, kind="%"):
        """(pid, application_name, state) of what lakefeed has open, of one backend_type or of all."""
        return self.query(
            "SELECT pid, application_name, state FROM pg_stat_activity"
            " WHERE datname = %s AND usename LIKE 'feed%%' AND backend_type LIKE %s",
            self.db, kind,
        )  # fmt: skip

    def wait_stream(self):
        return wait_until(lambda: self.sessions("walsender"), "the stream runs")

    def wait_no_stream(self):
        wait_until(lambda: not self.sessions("walsender"), "the server gives the stream up")

    def pg_recvlogical(self, slot, publication, *options):
        """The command of another reader; PGPASSWORD is up to its environment."""
        return [
            *(program("pg_recvlogical"), "-h", "127.0.0.1", "-p", str(self.server.port), "-U", "feed"),
            *("-d", self.db, "-S", slot, "--start", "-f", "-", "--no-loop", "-o", "proto_version=1"),
            *("-o", f"publication_names={publication}", *options),
        ]

    def proxy(self):
        """From now on lakefeed comes through it."""
        proxy = Proxy(self.server.port)
        self.proxies.append(proxy)
        self.port = proxy.port
        return proxy

    # --- the program ---

    @property
    def url(self):
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.db}{self.parameters}"

    @property
    def source_url(self):
        return self.url

    def options(self, db=None, lake=None, state=None):
        state = ["--state-dir", str(state or self.state)]
        if self.config is not None:
            return ["-c", str(self.config), *state]
        self.lakes.add(pathlib.Path(lake or self.lake))
        return ["--source", db or self.url, "--lake", f"file:{lake or self.lake}", *state]

    def environment(self, env):
        return {"PGPASSFILE": str(self.passfile), **(env or {})}

    def lakefeed(self, *arguments, expect=0, env=None, cwd=None):
        result = super().lakefeed(*arguments, expect=expect, env=self.environment(env), cwd=cwd)
        assert PASSWORD not in result.out + result.err, "the password is in the output"
        return result

    def daemon(self, *arguments, interval="1s", env=None, cwd=None, **places):
        return super().daemon(*arguments, interval=interval, env=self.environment(env), cwd=cwd, **places)

    # --- the lake ---

    def assert_equal(self, tables=None, lake=None, db=None, duckdb=True):
        with self.connect(db, "postgres") as source:
            return pg_compare.compare(lake or self.lake, source, tables, duckdb)

    def rows_of(self, table, *columns, lake=None):
        """Texts of the lake, for tests that know what should stand there."""
        entity = self.read(lake).of_table(table)
        names = [attribute.name for attribute in entity.attributes]
        return sorted(tuple(row[names.index(column)] for column in columns) for row in entity.texts())

    def close(self):
        super().close()
        for proxy in self.proxies:
            proxy.close()
        try:
            for daemon in self.daemons:
                assert PASSWORD not in daemon.log.read_text("utf-8", "replace"), "the password is in the log"
        finally:
            if self.server.process.poll() is not None:
                self.server.start()
            for name in self.databases:
                self.server.drop_database(name)

    def check_history(self):
        return lake_reader.check_history(self.lake)


@pytest.fixture(scope="session", name="pg_server")
def make_server():
    server = Server()
    yield server
    server.close()


@contextlib.contextmanager
def pg_world(tmp_path, server, **options):
    """A database of the server for one test."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = PgWorld(folder, server, **options)
    try:
        yield world
    finally:
        world.close()
    world.check_readers()


@pytest.fixture
def pg(tmp_path, pg_server):  # pylint: disable=invalid-name
    with pg_world(tmp_path, pg_server) as world:
        yield world


@pytest.fixture
def own(tmp_path):
    """A server of the test's own, which may be stopped, copied and reconfigured; and room for others beside it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    servers = [Server()]
    try:
        world = PgWorld(folder, servers[0])
        world.servers = servers
        try:
            yield world
            world.check_readers()
        finally:
            for daemon in world.daemons:
                daemon.kill()
    finally:
        for server in reversed(servers):
            server.close()
