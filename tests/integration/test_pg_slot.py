# SPDX-License-Identifier: Apache-2.0
"""The replication slot and the publication: lost, moved, narrowed, stolen, shared; and what they keep of the log."""

import contextlib
import shutil
import signal
import subprocess
import threading

import pytest

from postgres import PASSWORD, need_version
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


def drain(world):
    """Another reader takes the changes, and confirms them."""
    changes = world.query(
        "SELECT count(*) FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1',"
        " 'publication_names', %s)",
        world.slot(), world.publication(),
    )  # fmt: skip
    assert changes[0][0] > 0


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
    shop.server.drop_slots(shop.db)
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
    drain(shop)
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
    assert "plugin pgoutput" in assert_resync_required(shop, name)
    shop.sql(f"SELECT pg_drop_replication_slot('{name}')", user="postgres")
    mend(shop)


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
    assert "changes of table t are not tracked" in shop.once(expect=2).events[-1]["message"]
    assert_resync_required(shop, f'publication "{name}" does not exist', "run lakefeed resync", verbs=("track_once", "once"))
    mend(shop)


def test_a_publication_dropped_and_made_again_while_nobody_looked(shop):
    name = shop.publication()
    shop.each("INSERT INTO t VALUES(4, 'before')", f"DROP PUBLICATION {name}", "INSERT INTO t VALUES(5, 'between')",
              f"CREATE PUBLICATION {name} FOR TABLE t WITH (publish_via_partition_root = true)",
              "INSERT INTO t VALUES(6, 'after')", user="postgres")  # fmt: skip
    assert_resync_required(shop, f'publication "{name}" does not exist', "run lakefeed resync")
    mend(shop)


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
    reloads = [event["entity"] for event in shop.once().events if event["event"] == "entity_reload"]
    assert reloads == ["t"]
    shop.assert_equal()


# What is done to the publication, and the message and status of the next run.
NARROWED = {
    "SET (publish = 'insert')": (2, "changes of table t are not tracked"),
    "SET (publish_via_partition_root = false)": (0, None),
    "SET TABLE t WHERE (id > 100)": (2, "changes of table t are not tracked"),
    "SET TABLE t (id)": (1, "the publication sends only some of its columns; take the column list out"),
}


@pytest.mark.parametrize("change", NARROWED)
def test_a_publication_that_was_narrowed_is_told_and_mended_by_track(shop, change):
    status, message = NARROWED[change]
    if "(id" in change:
        need_version(shop.server, 15, "row filters and column lists")
    shop.sql(f"ALTER PUBLICATION {shop.publication()} {change}", user="postgres")
    shop.sql("INSERT INTO t VALUES(4, 'x')", "DELETE FROM t WHERE id = 2", "UPDATE t SET v = 'y' WHERE id = 1")
    result = shop.once(expect=status)
    told = [event.get("message") or event["reason"] for event in result.events if event["level"] in ("warn", "error")]
    assert message is None or message in told[-1], told
    if change.endswith("(id)"):  # only its owner knows what the columns are for
        shop.track_once(expect=1)
        shop.sql(f"ALTER PUBLICATION {shop.publication()} SET TABLE t", user="postgres")
    shop.track_once()
    shop.assert_equal()


# --- stolen and shared ---


@contextlib.contextmanager
def reader(world, name):
    """Somebody who holds the slot and reads nothing of what comes from now on."""
    command = world.pg_recvlogical(name, world.publication(), "-s", "0", "-F", "0")
    with subprocess.Popen(command, env={"PGPASSWORD": PASSWORD}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            wait_until(lambda: active_pid(world, name), "the slot is in use")
            process.send_signal(signal.SIGSTOP)
            yield
        finally:
            process.kill()


def active_pid(world, name):
    return world.query("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", name)[0][0]


def test_a_slot_in_use_is_waited_for_and_its_reader_is_named(shop):
    with reader(shop, shop.slot()):
        shop.sql("INSERT INTO t VALUES(4, 'x')")
        pid = str(active_pid(shop, shop.slot()))
        daemon = shop.daemon()
        wait_until(lambda: pid in daemon.log.read_text("utf-8"), "the log names the reader")
        assert daemon.process.poll() is None
    shop.wait_equal()
    assert daemon.stop() == 0


def test_a_slot_stolen_from_a_running_daemon_is_recognised(shop):
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    shop.wait_stream()
    daemon.process.send_signal(signal.SIGSTOP)  # or it would be the first to read
    shop.sql("INSERT INTO t VALUES(4, 'stolen')")
    name, free = shop.slot(), "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND NOT active"
    shop.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", name)
    wait_until(lambda: shop.query(free, name), "the slot is free")
    drain(shop)
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon.process.wait(timeout=30) == 5
    mend(shop)


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


def confirmed(world, since="'0/0'"):
    """Bytes of the log that are confirmed, from a place on."""
    found = f"SELECT confirmed_flush_lsn - {since} FROM pg_replication_slots WHERE slot_name = %s"
    return int(world.query(found, world.slot())[0][0])


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
        begin = confirmed(pg)
        wait_until(lambda: confirmed(pg) > begin + 3_000_000, "the slot moves on")
    finally:
        stop.set()
        thread.join()
    wait_until(lambda: confirmed(pg, since="pg_current_wal_lsn()") > -1_000_000, "it comes near to the end")
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
    daemon = shop.daemon()
    daemon.wait_event("link_started")
    for number in range(10, 14):
        shop.sql(f"INSERT INTO t VALUES({number}, 'x')")
        shop.wait_equal()
    daemon.kill()
    shop.assert_confirmed_is_committed()
