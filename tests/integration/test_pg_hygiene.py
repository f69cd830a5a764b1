# SPDX-License-Identifier: Apache-2.0
"""What lakefeed costs the primary, and what becomes of a link when the server is not the one it was.

Each test carries the name of the pitfall that it is about.
"""

import re
import signal

import psycopg
import pytest

from postgres import need_version
from test_pg_slot import TABLE, assert_resync_required, mend
from world import wait_until

MIB = 1 << 20
SLOT = """
SELECT active, wal_status, pg_current_wal_lsn() - restart_lsn, pg_current_wal_lsn() - confirmed_flush_lsn
FROM pg_replication_slots WHERE slot_name = %s
"""


@pytest.fixture(name="own")
def make_own(own):
    own.sql(*TABLE)
    return own


def slot_of(world, name=None):
    """active, wal_status, bytes retained, bytes behind what was confirmed"""
    active, status, retained, behind = world.query(SLOT, name or world.slot())[0]
    return active, status, int(retained or 0), int(behind)


def write_log(world, mebibytes, db=None):
    """So much of the log, by somebody else than a followed table."""
    with world.connect(db, "postgres") as connection:
        for _ in range(mebibytes):
            connection.execute("SELECT pg_logical_emit_message(true, 'noise', repeat('n', 1048576))")


def forget_log(world):
    """The server moves restart_lsn on with a record that it writes by itself every 15 seconds, and at a checkpoint."""
    with world.admin() as db:
        db.execute("CHECKPOINT")


def position(world):
    return int(world.query("SELECT pg_current_wal_lsn() - '0/0'")[0][0])


def status_until(world, condition, what):
    """The lag in `lakefeed status --json`, once it is as wanted."""

    def found():
        process = world.status()["process"]
        lag = process and process["lag"]
        return lag if lag and condition(lag) else None

    return wait_until(found, what)


# --- what is kept, and what shows it ---


def test_idle_slot_keeps_wal(pg):
    """The link's tables rest, another database of the cluster does not: 64 MiB move the cursor on, not the clock."""
    pg.sql(*TABLE)
    busy = pg.server.create_database()
    pg.databases.append(busy)
    pg.configure(interval="1h", cursor_interval="1h")
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished")
    pg.wait_equal()
    files = pg.read().files
    for _ in range(4):
        mark = position(pg)
        for _ in range(5):  # with records by which the server knows what is open, as it writes them in time
            write_log(pg, 16, busy)
            forget_log(pg)
        wait_until(lambda mark=mark: position(pg) - slot_of(pg)[3] > mark, "the slot has moved on")
    assert slot_of(pg)[2] < 200 * MIB, "of 320 MiB; not all between two places that are open is dropped at once"
    assert pg.read().files == files, "only the cursor was committed"
    assert daemon.stop() == 0
    pg.once()
    pg.assert_equal()


def test_idle_slot_moves_without_a_heartbeat(pg):
    """Keepalives are enough: nothing is written to the source, even where the role may not write messages."""
    pg.sql(*TABLE, "CREATE TABLE quiet(v text)")
    for (name,) in pg.query("SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'pg_logical_emit_message'"):
        pg.sql(f"REVOKE EXECUTE ON FUNCTION {name} FROM public", user="postgres")
    pg.configure(entities=["t"], interval="1s", cursor_interval="1s")
    pg.track_once()
    pg.sql("INSERT INTO quiet VALUES('not followed')")
    pg.once()
    daemon = pg.daemon()
    daemon.wait_event("link_started")
    mark = position(pg)
    pg.sql("INSERT INTO quiet VALUES('not followed either')")
    wait_until(lambda: position(pg) - slot_of(pg)[3] > mark, "the slot moves on")
    assert daemon.stop() == 0


def test_lag_is_shown(own):
    own.server.configure({"max_slot_wal_keep_size": "4GB"})
    own.server.reload()
    own.configure(interval="1h")
    daemon = own.daemon("--track")
    daemon.wait_event("load_finished")
    own.wait_equal()
    own.sql("INSERT INTO t VALUES(10, 'waits for the next snapshot')")
    write_log(own, 20)
    lag = status_until(own, lambda lag: lag["beyondBytes"] > 20 * MIB, "the lag is seen")
    assert lag["retainedBytes"] >= lag["beyondBytes"] and 3000 * MIB < lag["leftBytes"] <= 4096 * MIB + 16 * MIB
    assert own.slot() in lag["text"]
    status_until(own, lambda lag: lag["secondsBehind"] >= 1, "the age of the change is seen")
    text = own.lakefeed("status", *own.options()).out
    behind = r"  \d+ s behind; the source keeps \d+ (KiB|MiB) of its log for this link, and gives it up after"
    assert re.search(behind, text), text
    own.lakefeed("snapshot", *own.options())
    lag = status_until(own, lambda lag: lag["secondsBehind"] == 0 and lag["beyondBytes"] < MIB, "the lag is gone")
    assert daemon.stop() == 0
    assert own.status()["process"] is None


def test_retained_wal_beyond_the_limit_starts_a_snapshot_early(pg):
    pg.sql(*TABLE)
    pg.configure(interval="24h", max_retained="64MiB")
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished")
    pg.wait_equal()
    pg.sql("INSERT INTO t VALUES(10, 'x')")
    write_log(pg, 80)
    told = daemon.wait_event("source_retains")[0]
    assert told["retained_bytes"] >= told["beyond_bytes"] > 64 * MIB and told["left_bytes"] == -1
    assert pg.slot() in told["text"] and told["seconds_behind"] >= 0
    pg.wait_equal()
    assert daemon.stop() == 0


def test_a_transaction_left_open_holds_wal_and_is_named(pg):
    """Nothing that lakefeed commits helps here, so the DBA has to know who it is."""
    pg.sql(*TABLE)
    pg.configure(interval="1s", cursor_interval="1s", max_retained="80MiB")
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished")
    pg.wait_equal()
    with psycopg.connect(pg.connect().info.dsn, password=pg.connect().info.password) as idler:
        idler.execute("CREATE TABLE left_open(v int)")
        forget_log(pg)
        write_log(pg, 100)
        told = daemon.wait_event("source_retains")
        pid = idler.info.backend_pid
        assert f"process {pid}" in told[-1]["text"], told
        idler.rollback()
    assert len(daemon.wait_event("source_retains")) < 4, "it is told when it crosses the limit, not at each look"
    assert daemon.stop() == 0


# --- given up ---


def test_slot_lost_under_a_daemon(own):
    """wal_status lost: the daemon could not confirm in time, since it was not running."""
    own.server.configure({"max_slot_wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "32MB"})
    own.server.reload()
    own.configure(interval="1h")
    daemon = own.daemon("--track")
    daemon.wait_event("load_finished")
    own.wait_equal()
    head = own.head()
    daemon.process.send_signal(signal.SIGSTOP)
    own.sql("INSERT INTO t VALUES(10, 'unseen')")

    def lost():
        write_log(own, 20)
        with own.admin() as db:
            db.execute("SELECT pg_switch_wal()")
            db.execute("CHECKPOINT")
        return slot_of(own)[1] == "lost"

    wait_until(lost, "the server gives the slot up")
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon.process.wait(timeout=30) == 5
    told = daemon.events()[-1]
    assert told["event"] == "resync_required" and own.slot() in told["message"], told
    assert own.head() == head, "nothing in the lake was touched"
    assert "max_slot_wal_keep_size" in assert_resync_required(own, own.slot(), verbs=("once",))
    mend(own)


def test_a_limit_of_the_server_that_comes_near_starts_a_snapshot_early(own):
    own.server.configure({"max_slot_wal_keep_size": "64MB"})
    own.server.reload()
    own.configure(interval="24h")
    daemon = own.daemon("--track")
    daemon.wait_event("load_finished")
    own.wait_equal()
    own.sql("INSERT INTO t VALUES(10, 'x')")
    write_log(own, 44)
    assert 0 <= daemon.wait_event("source_retains")[0]["left_bytes"] < 64 * MIB
    own.wait_equal()
    assert daemon.stop() == 0


# --- stopped, disabled, unlinked ---


def test_wal_while_stopped_disabled_and_unlinked(pg):
    pg.sql(*TABLE)
    pg.configure(interval="1s", cursor_interval="1s")
    pg.track_once()
    name = pg.slot()

    write_log(pg, 20)
    active, _, retained, _ = slot_of(pg)
    assert not active and retained > 20 * MIB, "stopped: the slot keeps all"
    assert name in pg.lakefeed("check", *pg.options()).out

    daemon = pg.daemon()
    daemon.wait_event("link_started")
    wait_until(lambda: slot_of(pg)[0] and slot_of(pg)[3] < MIB, "running: it is given back")
    pg.lakefeed("disable", *pg.options())
    wait_until(lambda: not slot_of(pg)[0], "disabled: nobody reads")
    mark = slot_of(pg)[3]
    write_log(pg, 5)
    assert slot_of(pg)[3] >= mark + 5 * MIB, "disabled: the slot keeps all"
    pg.sql("INSERT INTO t VALUES(10, 'while disabled')")
    pg.lakefeed("enable", *pg.options())
    pg.wait_equal()
    wait_until(lambda: slot_of(pg)[3] < MIB, "enabled: it is given back")
    assert daemon.stop() == 0

    pg.lakefeed("unlink", *pg.options())
    assert pg.slots() == [], "unlinked: nothing is kept"


# --- another server under the same name ---


def standby_of(world, settings=None):
    """It becomes the world's server when it is promoted."""
    standby = world.server.make_standby(settings)
    world.servers.append(standby)
    return standby


def wait_replayed(world, standby):
    end = world.query("SELECT pg_current_wal_lsn()")[0][0]

    def replayed():
        with standby.connect() as db:
            return db.execute("SELECT pg_last_wal_replay_lsn() >= %s", [end]).fetchone()[0]

    wait_until(replayed, "the standby has it all")


def promote(world, standby):
    with standby.connect() as db:
        db.execute("SELECT pg_promote()")
    world.server, world.port = standby, standby.port


def test_failover_to_standby_without_slot(own):
    """Also when somebody makes a slot of that name on the new primary."""
    own.track_once()
    name = own.slot()
    standby = standby_of(own)
    own.sql("INSERT INTO t VALUES(10, 'unread')")
    wait_replayed(own, standby)
    own.server.stop("immediate")
    promote(own, standby)
    message = assert_resync_required(own, "timeline", "lakefeed resync")
    assert "promoted" in message
    own.query("SELECT 1 FROM pg_create_logical_replication_slot(%s, 'pgoutput')", name)
    assert_resync_required(own, "timeline")
    mend(own)


def test_failover_under_a_daemon(own):
    """Several hosts in the URL: it finds the new primary by itself, and stops there."""
    own.track_once()
    standby = standby_of(own)
    own.parameters = "?target_session_attrs=read-write"
    first = own.url
    host = f"127.0.0.1:{own.port}"
    url = first.replace(host, f"{host},127.0.0.1:{standby.port}")
    daemon = own.daemon(db=url)
    daemon.wait_event("link_started")
    wait_replayed(own, standby)
    own.server.stop("immediate")
    promote(own, standby)
    assert daemon.process.wait(timeout=60) == 5
    told = daemon.events()[-1]
    assert told["event"] == "resync_required" and "timeline" in told["message"], told


def failover_pair(own):
    need_version(own.server, 17, "slots that standbys take over")
    own.configure(source={"failover": True}, interval="1s", cursor_interval="1s")
    own.track_once()
    standby = standby_of(own, {"sync_replication_slots": "on"})
    own.sql("INSERT INTO t VALUES(10, 'before')")

    daemon = own.daemon()  # a slot is taken over once it stands past where the standby began

    def synced():
        write_log(own, 1)
        forget_log(own)
        with standby.connect() as db:
            return db.execute("SELECT count(*) FROM pg_replication_slots WHERE synced AND NOT temporary").fetchone()[0]

    wait_until(synced, "the standby has the slot", 60)
    assert daemon.stop() == 0
    return standby


def test_lagging_failover_with_a_synchronized_slot_goes_on(own):
    """17 and newer: nothing is lost, nothing is loaded again."""
    standby = failover_pair(own)
    own.sql("INSERT INTO t VALUES(11, 'unread by lakefeed')")
    wait_replayed(own, standby)
    own.server.stop("immediate")
    promote(own, standby)
    own.configure(source={"failover": True}, interval="1s")
    own.sql("INSERT INTO t VALUES(12, 'on the new primary')")
    result = own.once()
    assert not [event for event in result.events if event["event"] in ("entity_reload", "load_started")]
    own.assert_equal()
    own.sql("DELETE FROM t WHERE id = 1")
    own.once()
    own.assert_equal()


def test_failover_to_a_standby_that_lags_behind_the_lake(own):
    """17 and newer: the lake holds what the new primary never had."""
    standby = failover_pair(own)
    wait_replayed(own, standby)
    standby.stop()
    own.sql("INSERT INTO t VALUES(11, 'the standby never gets this')")
    own.once()
    own.assert_equal()
    own.server.stop("immediate")
    standby.start(standby=True)
    promote(own, standby)
    own.configure(source={"failover": True}, interval="1s")
    assert own.query("SELECT count(*) FROM t WHERE id = 11") == [(0,)]
    assert_resync_required(own, "without all that the lake has", verbs=("once",))
    mend(own)


def test_a_failover_slot_needs_a_server_that_knows_them(pg):
    if pg.server.version >= 17:
        pytest.skip("PostgreSQL 16 or older: no slots that standbys take over")
    pg.sql(*TABLE)
    pg.configure(source={"failover": True})
    result = pg.track_once(expect=2)
    assert "PostgreSQL 17" in result.err and pg.slots() == []


# --- the sessions ---


def test_sessions_name_link_and_run(pg):
    pg.sql(*TABLE)
    daemon = pg.daemon("--track")
    run = daemon.wait_event("link_started")[0]["run"]
    link = daemon.wait_event("link_started")[0]["link"]
    assert {name for _, name, _ in pg.sessions()} == {f"lakefeed {link} {run}"}
    assert daemon.stop() == 0


def test_a_question_to_the_catalog_that_hangs_ends(pg):
    pg.sql(*TABLE)
    pg.track_once()
    pg.configure(source={"catalog_timeout": "1s", "lock_timeout": "1h"}, link={"name": pg.db})
    with pg.admin() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE pg_publication_rel IN ACCESS EXCLUSIVE MODE")
        daemon = pg.daemon()
        told = daemon.wait_event("link_retry")[0]
        assert told["kind"] == "TRANSIENT" and "longer than allowed" in told["message"], told
        blocker.execute("ROLLBACK")
    daemon.wait_event("link_started")
    assert daemon.stop() == 0
