# SPDX-License-Identifier: Apache-2.0
"""Servers that are not what they were: older copies, promoted ones, other clusters and databases, standbys."""

import shutil
import subprocess

from postgres import Server
from test_pg_slot import TABLE, assert_resync_required, make_shop, mend  # noqa: F401 # pylint: disable=unused-import

# --- other servers ---


def copy_of(server, name):
    """The folder of a stopped server."""
    target = server.folder / name
    shutil.copytree(server.data, target, symlinks=True)
    return target


def put_back(server, copy):
    shutil.rmtree(server.data)
    copy.rename(server.data)
    subprocess.run(["chown", "-R", f"--reference={server.folder}", str(server.data)], check=True)
    server.data.chmod(0o700)


def test_an_older_copy_of_the_server_is_recognised(own):
    own.sql(*TABLE)
    own.track_once()
    own.server.stop()
    copy = copy_of(own.server, "copy")
    own.server.start()
    own.sql("INSERT INTO t SELECT i FROM generate_series(10, 500) i")
    own.once()
    own.server.stop()
    put_back(own.server, copy)
    own.server.start()
    assert_resync_required(own)
    mend(own)


def test_an_older_copy_that_was_written_to_since_is_recognised(own):
    """Its log has gone on beyond the cursor, with other content."""
    own.sql(*TABLE)
    own.track_once()
    own.server.stop()
    copy = copy_of(own.server, "copy")
    own.server.start()
    own.sql("INSERT INTO t SELECT i FROM generate_series(10, 500) i")
    own.each(*["UPDATE t SET v = 'many transactions' WHERE id = 1"] * 20)
    own.once()
    own.server.stop()
    put_back(own.server, copy)
    own.server.start()
    own.sql("INSERT INTO t SELECT i FROM generate_series(1000, 9000) i")
    own.sql("INSERT INTO t VALUES(501, 'another history')")
    assert_resync_required(own)
    mend(own)


def test_a_server_that_was_promoted_is_recognised(own):
    own.sql(*TABLE)
    own.track_once()
    own.server.stop()
    (own.server.data / "recovery.signal").touch()
    own.server.configure({"restore_command": "false", "recovery_target_timeline": "latest"})
    own.server.start()
    own.sql("INSERT INTO t VALUES(4, 'on a new timeline')")
    assert_resync_required(own, "timeline")
    mend(own)


def test_another_cluster_with_the_same_tables_is_recognised(own):
    own.sql(*TABLE)
    own.track_once()
    other = Server()
    try:
        old = own.server
        own.server, own.port, own.db = other, other.port, other.create_database()
        own.sql(*TABLE)
        assert_resync_required(own)
        own.server = old
    finally:
        other.close()


def test_another_database_of_the_cluster_is_recognised(shop):
    first = shop.db
    shop.db = shop.server.create_database()
    shop.databases.append(shop.db)
    shop.sql(*TABLE)
    head = shop.head()
    told = shop.once("--name", first, expect=5).events[-1]["message"]
    assert "nothing was changed. Point the link at the old source, or at an empty lake" in told
    assert shop.head() == head
    shop.db = first


def test_a_standby_is_refused_by_name(own):
    own.sql(*TABLE)
    own.track_once()
    standby = own.server.make_standby()
    try:
        own.port = standby.port
        assert "standby" in own.track_once(expect=1).events[-1]["message"]
    finally:
        standby.close()
        own.port = own.server.port
