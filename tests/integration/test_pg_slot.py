# SPDX-License-Identifier: Apache-2.0
"""The replication slot and the publication: lost, moved, narrowed, stolen, shared; and what they keep of the log."""

import contextlib
import re
import shutil
import subprocess
import threading

import psycopg
import pytest

from postgres import PASSWORD, need_version, program
from world import wait_until

TABLE = ["CREATE TABLE t(id int PRIMARY KEY, v text)", "INSERT INTO t VALUES(1, 'x'), (2, NULL), (3, '')"]


@pytest.fixture(name="shop")
def make_shop(pg):
    pg.sql(*TABLE)
    pg.track_once()
    pg.assert_equal()
    return pg


def assert_resync_required(world, *words, verbs=("once", "track_once")):
    """Refused with the reason, twice and with --track too; the lake stays as it is."""
    head = world.head()
    for verb in verbs:
        result = getattr(world, verb)(expect=5)
        told = [event for event in result.events if event["event"] == "resync_required"]
        assert len(told) == 1 and told[0]["kind"] == "LOST", result.err
        for word in words:
            assert word in told[0]["message"], told[0]["message"]
        assert world.head() == head
    return told[0]["message"]


def mend(world):
    """What the message tells: resync, then go on."""
    world.lakefeed("resync", *world.options())
    world.assert_equal()
    world.sql("INSERT INTO t VALUES(100000, 'after')")
    world.once()
    world.assert_equal()
    assert len(world.slots()) == 1


def drop_slot(world):
    world.sql(f"SELECT pg_drop_replication_slot('{world.slot()}')", user="postgres")


# --- lost ---


def test_a_slot_dropped_by_hand_is_recognised_and_resync_mends_it(shop):
    name = shop.slot()
    drop_slot(shop)
    shop.sql("DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES(4, 'unseen')")
    message = assert_resync_required(shop, name)
    assert "lakefeed resync" in message
    assert shop.slots() == [], "no slot is made behind the gap"
    mend(shop)


def test_a_slot_dropped_under_a_running_daemon(shop):
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    name = shop.slot()

    def dropped():
        with shop.admin() as db:
            try:
                db.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [name])
                db.execute("SELECT pg_drop_replication_slot(%s)", [name])
            except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                pass
        return not shop.slots()

    wait_until(dropped, "the slot is dropped")
    shop.sql("INSERT INTO t VALUES(4, 'unseen')")
    assert daemon.process.wait(timeout=30) == 5
    assert [event["event"] for event in daemon.events()].count("resync_required") == 1
    mend(shop)


def test_a_slot_that_was_advanced_by_hand_is_recognised(shop):
    shop.sql("INSERT INTO t VALUES(4, 'skipped')")
    shop.sql(f"SELECT pg_replication_slot_advance('{shop.slot()}', pg_current_wal_lsn())", user="postgres")
    assert_resync_required(shop, shop.slot())
    mend(shop)


def test_a_slot_that_another_reader_has_drained_is_recognised(shop):
    shop.sql("INSERT INTO t VALUES(4, 'taken')")
    shop.query("SELECT count(*) FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1',"
               " 'publication_names', %s)", shop.slot(), shop.publication())  # fmt: skip
    assert_resync_required(shop, shop.slot())
    mend(shop)


def test_a_slot_made_again_under_the_same_name_is_recognised(shop):
    name = shop.slot()
    drop_slot(shop)
    shop.sql("INSERT INTO t VALUES(4, 'between')")
    shop.query("SELECT 1 FROM pg_create_logical_replication_slot(%s, 'pgoutput')", name)
    assert_resync_required(shop, name)
    mend(shop)


def test_a_slot_of_another_plug_in_under_our_name_is_refused(shop):
    name = shop.slot()
    drop_slot(shop)
    shop.query("SELECT 1 FROM pg_create_logical_replication_slot(%s, 'test_decoding')", name)
    head = shop.head()
    result = shop.once(expect=None)
    assert result.status in (2, 4, 5) and name in result.err
    assert shop.head() == head


def test_a_slot_that_the_server_has_invalidated_is_recognised(own):
    own.sql(*TABLE)
    own.track_once()
    own.server.configure({"max_slot_wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "32MB"})
    own.server.reload()
    with own.admin() as db:
        for _ in range(6):
            db.execute("INSERT INTO t SELECT 10 + (SELECT max(id) FROM t), 'w'")
            db.execute("SELECT pg_switch_wal()")
            db.execute("CHECKPOINT")
    assert own.query("SELECT wal_status FROM pg_replication_slots") == [("lost",)]
    message = assert_resync_required(own, own.slot())
    assert "max_slot_wal_keep_size" in message
    mend(own)


# --- the first registration ---


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_in_the_middle_of_the_first_registration(own, mode):
    """A slot waits for all transactions that are open; a server that ends meanwhile takes its half with it."""
    own.sql(*TABLE)
    with contextlib.closing(own.connect()) as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES(4, 'in the way')")
        daemon = own.daemon("--track")
        making = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_create_logical%%' AND state = 'active' AND pid <> %s"
        wait_until(lambda: own.query(making, db.info.backend_pid), "the slot is being made")
        own.server.restart(mode)
    own.wait_equal()
    assert daemon.stop() == 0
    assert len(own.slots()) == 1
    own.sql("INSERT INTO t VALUES(5, 'after')")
    own.once()
    own.assert_equal()


def test_a_server_whose_log_has_no_rows_is_told_and_gets_no_slot(own):
    own.sql(*TABLE)
    own.server.configure({"wal_level": "replica"})
    own.server.restart()
    result = own.track_once(expect=2)
    assert "ALTER SYSTEM SET wal_level = logical" in result.err
    assert own.slots() == [] and not (own.lake / "model.json").exists()
    own.server.configure({"wal_level": "logical"})
    own.server.restart()
    own.track_once()
    own.assert_equal()


def test_a_server_without_room_for_a_slot_is_told_and_waited_for(own):
    own.sql(*TABLE)
    own.server.configure({"max_replication_slots": "1"})
    own.server.restart()
    own.query("SELECT 1 FROM pg_create_physical_replication_slot('of_others')")
    daemon = own.daemon("--track")
    wait_until(lambda: "max_replication_slots" in daemon.log.read_text("utf-8"), "the log tells the setting")
    assert own.slots() == []
    own.query("SELECT 1 FROM pg_drop_replication_slot('of_others')")
    own.wait_equal()
    assert daemon.stop() == 0


# --- the publication ---


def test_a_publication_that_was_dropped_is_told_and_nothing_is_skipped(shop):
    name = shop.publication()
    shop.sql(f"DROP PUBLICATION {name}", user="postgres")
    shop.sql("INSERT INTO t VALUES(4, 'unpublished')")
    result = shop.once(expect=None)
    assert result.status in (1, 2, 5) and name in result.err, result.err
    shop.track_once(expect=None)
    if shop.once(expect=None).status == 5:
        shop.lakefeed("resync", *shop.options())
    shop.assert_equal()
    shop.sql("INSERT INTO t VALUES(5, 'published')")
    shop.once()
    shop.assert_equal()


def test_a_publication_dropped_and_made_again_while_nobody_looked(shop):
    name = shop.publication()
    before = shop.query("SELECT * FROM pg_publication")
    shop.each("INSERT INTO t VALUES(4, 'before')", f"DROP PUBLICATION {name}", "INSERT INTO t VALUES(5, 'between')",
              f"CREATE PUBLICATION {name} FOR TABLE t WITH (publish_via_partition_root = true)",
              "INSERT INTO t VALUES(6, 'after')", user="postgres")  # fmt: skip
    assert before != shop.query("SELECT * FROM pg_publication")
    status = shop.once(expect=None).status
    if status in (2, 5):
        shop.track_once(expect=None)
        shop.lakefeed("resync", *shop.options())
    else:
        shop.track_once()
    shop.assert_equal()
    shop.sql("INSERT INTO t VALUES(7, 'and on')")
    shop.once()
    shop.assert_equal()


def test_a_table_taken_out_of_the_publication_freezes_alone_and_is_loaded_again(shop):
    shop.sql("CREATE TABLE other(id int PRIMARY KEY)")
    shop.track_once()
    name = shop.publication()
    shop.sql(f"ALTER PUBLICATION {name} DROP TABLE t", user="postgres")
    shop.sql("INSERT INTO t VALUES(4, 'unpublished')", "INSERT INTO other VALUES(1)")
    shop.once(expect=1)
    entity = shop.read().entities["t"]
    assert entity.state == "Error" and name in entity.reason, entity.reason
    assert shop.read().of_table("other").texts() == [("1",)]
    shop.sql(f"ALTER PUBLICATION {name} ADD TABLE t", user="postgres")
    shop.track_once()
    shop.assert_equal()


def test_a_table_out_and_back_between_two_runs_is_loaded_again(shop):
    name = shop.publication()
    shop.each("INSERT INTO t VALUES(4, 'before')", f"ALTER PUBLICATION {name} DROP TABLE t",
              "INSERT INTO t VALUES(5, 'unpublished')", "DELETE FROM t WHERE id = 1",
              f"ALTER PUBLICATION {name} ADD TABLE t", user="postgres")  # fmt: skip
    shop.once(expect=None)
    shop.once()
    shop.assert_equal()


@pytest.mark.parametrize("change", ["SET (publish = 'insert')", "SET (publish_via_partition_root = false)",
                                    "SET TABLE t WHERE (id > 100)", "SET TABLE t (id)"])  # fmt: skip
def test_a_publication_that_was_narrowed_never_leads_to_a_wrong_lake(shop, change):
    """Told, or mended by the next run with --track."""
    if "(id" in change:
        need_version(shop.server, 15, "row filters and column lists")
    shop.sql(f"ALTER PUBLICATION {shop.publication()} {change}", user="postgres")
    shop.sql("INSERT INTO t VALUES(4, 'x')", "DELETE FROM t WHERE id = 2", "UPDATE t SET v = 'y' WHERE id = 1")
    result = shop.once(expect=None)
    if result.status == 0:
        shop.assert_equal()
    else:
        assert "publication" in result.err or "lakefeed track" in result.err
        shop.track_once(expect=None)
        if "column list" in (shop.read().of_table("t").reason or ""):  # only its owner knows what they are for
            shop.sql(f"ALTER PUBLICATION {shop.publication()} SET TABLE t", user="postgres")
            shop.track_once(expect=None)
        if shop.once(expect=None).status == 5:
            shop.lakefeed("resync", *shop.options())
        shop.assert_equal()


# --- stolen and shared ---


@contextlib.contextmanager
def thief(world, name, *options):
    command = [program("pg_recvlogical"), "-h", "127.0.0.1", "-p", str(world.server.port), "-U", "feed",
               "-d", world.db, "-S", name, "--start", "-f", "-", "-o", "proto_version=1", "-o",
               f"publication_names={world.publication()}", *options]  # fmt: skip
    with subprocess.Popen(command, env={"PGPASSWORD": PASSWORD}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            wait_until(lambda: active_pid(world, name), "the slot is in use")
            yield process
        finally:
            process.kill()


def active_pid(world, name):
    return world.query("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", name)[0][0]


def test_a_slot_in_use_is_waited_for_and_its_reader_is_named(shop):
    with thief(shop, shop.slot(), "-s", "0", "-F", "0", "--no-loop") as process:
        shop.sql("INSERT INTO t VALUES(4, 'x')")
        pid = str(active_pid(shop, shop.slot()))
        daemon = shop.daemon()
        wait_until(lambda: pid in daemon.log.read_text("utf-8"), "the log names the reader")
        assert daemon.process.poll() is None
        process.kill()
        process.wait()
        drop_connections(shop, "pg_recvlogical")
        wait_until(lambda: daemon.process.poll() is not None or is_equal(shop), "the daemon goes on, or says why not")
    if daemon.process.poll() is None:
        assert daemon.stop() == 0
    else:
        assert daemon.process.returncode == 5, "pg_recvlogical confirms what it reads when it ends"


def drop_connections(world, application):
    world.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", application)


def is_equal(world):
    try:
        return world.assert_equal()
    except AssertionError:
        return False


def test_a_slot_stolen_from_a_running_daemon(shop):
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    name = shop.slot()
    wait_until(lambda: active_pid(shop, name), "the daemon reads")

    def steal():
        with shop.admin() as db:
            db.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [name])
            try:
                return db.execute("SELECT count(*) FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version',"
                                  " '1', 'publication_names', %s)", [name, shop.publication()]).fetchone()[0]  # fmt: skip
            except psycopg.errors.ObjectInUse:
                return 0

    def stolen():
        shop.sql("INSERT INTO t SELECT 1 + max(id), 'stolen' FROM t")
        return steal()

    wait_until(stolen, "a change is stolen")

    def settled():
        return daemon.process.poll() is not None or is_equal(shop)

    wait_until(settled, "the daemon has committed it before, or ends")
    if daemon.process.poll() is not None:
        assert daemon.process.returncode == 5
        mend(shop)
    else:
        assert daemon.stop() == 0


def test_two_links_from_one_database(shop):
    second = {"lake": shop.folder / "second lake", "state": shop.folder / "second state"}
    shop.once("--name", "second", **second)
    shop.assert_equal(lake=second["lake"])
    assert len(shop.slots()) == 2
    shop.sql("INSERT INTO t VALUES(4, 'for both')", "UPDATE t SET v = 'y' WHERE id = 1")
    shop.once()
    shop.assert_equal()
    shop.once("--name", "second", **second)
    shop.assert_equal(lake=second["lake"])
    shop.lakefeed("unlink", *shop.options(**second), "--name", "second")
    assert len(shop.slots()) == 1
    shop.sql("DELETE FROM t WHERE id = 4")
    shop.once()
    shop.assert_equal()


def test_the_same_link_name_for_another_lake_is_refused_and_taken_over_on_request(shop):
    other = {"lake": shop.folder / "other lake", "state": shop.folder / "other state"}
    refused = shop.once(expect=4, **other)
    assert "--takeover" in refused.events[-1]["message"]
    assert not (other["lake"] / "model.json").exists()
    shop.sql("INSERT INTO t VALUES(4, 'still kept')")
    shop.once()
    shop.assert_equal()
    shop.once("--takeover", **other)
    shop.assert_equal(lake=other["lake"])
    assert len(shop.slots()) == 1


@pytest.mark.parametrize("gone", [["lake"], ["state"], ["lake", "state"]], ids="+".join)
def test_the_same_command_after_rm_rf_ends_well(shop, gone):
    shop.sql("UPDATE t SET v = 'changed' WHERE id = 1")
    for name in gone:
        shutil.rmtree(getattr(shop, name))
    shop.track_once()
    shop.assert_equal()
    shop.sql("DELETE FROM t WHERE id = 2")
    shop.track_once()
    shop.assert_equal()
    assert len(shop.slots()) == 1


# --- hygiene ---


def retained(world):
    return int(world.query("SELECT pg_current_wal_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s",
                           world.slot())[0][0])  # fmt: skip


def test_an_idle_link_beside_a_busy_database_holds_no_log(pg):
    pg.sql(*TABLE)
    pg.configure(interval="1s", cursor_interval="1s")
    busy = pg.server.create_database()
    pg.databases.append(busy)
    daemon = pg.daemon("--track")
    daemon.wait_event("load_finished")
    pg.wait_equal()
    stop = threading.Event()

    def write():
        with pg.connect(busy) as db:
            db.execute("CREATE TABLE noise(v text)")
            while not stop.is_set():
                db.execute("INSERT INTO noise SELECT repeat('n', 100) FROM generate_series(1, 1000)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        begin = int(pg.query("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", pg.slot())[0][0])
        wait_until(lambda: int(pg.query("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s",
                                        pg.slot())[0][0]) > begin + 3_000_000, "the slot moves on")  # fmt: skip
    finally:
        stop.set()
        thread.join()
    wait_until(lambda: retained(pg) < 1_000_000, "it comes near to the end")
    files = pg.read().files
    assert daemon.stop() == 0
    pg.once()
    assert pg.read().files == files, "nothing came twice"
    pg.assert_equal()


def test_an_idle_source_and_once_ends_without_a_commit(shop):
    shop.once()
    head = shop.head()
    shop.once()
    assert shop.head() == head


def test_nothing_is_confirmed_that_is_not_committed(shop):
    """The slot never stands beyond the cursor of the lake."""
    confirmed = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s"
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    for number in range(10, 14):
        shop.sql(f"INSERT INTO t VALUES({number}, 'x')")
        shop.wait_equal()
    daemon.kill()
    slot = shop.query(confirmed, shop.slot())[0][0]
    cursor = shop.status()["cursor"]
    place = re.search(r"[0-9A-F]+/[0-9A-F]+", cursor)
    assert place, cursor
    assert shop.query("SELECT %s::pg_lsn <= %s::pg_lsn", slot, place[0]) == [(True,)]
