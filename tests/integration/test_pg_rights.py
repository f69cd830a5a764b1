# SPDX-License-Identifier: Apache-2.0
"""What lakefeed leaves in a database, which rights it needs, and what `check` finds."""

import json
import re

import pytest

from postgres import PASSWORD
from test_pg_slot import TABLE, make_shop  # noqa: F401 # pylint: disable=unused-import

# --- traces ---

CATALOGS = """
SELECT 'relation', relname::text FROM pg_class WHERE relnamespace NOT IN ('pg_toast'::regnamespace)
UNION ALL SELECT 'publication', pubname::text FROM pg_publication UNION ALL SELECT 'function', proname FROM pg_proc
UNION ALL SELECT 'trigger', tgname FROM pg_trigger UNION ALL SELECT 'event', evtname FROM pg_event_trigger
UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
UNION ALL SELECT 'extension', extname FROM pg_extension
UNION ALL SELECT 'slot', slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'identity', relname::text || relreplident::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace
ORDER BY 1, 2
"""


def test_unlink_and_untrack_leave_no_trace(pg):
    pg.sql(*TABLE)
    before = pg.query(CATALOGS)
    pg.track_once()
    assert pg.query(CATALOGS) != before
    head = pg.head()
    refused = pg.lakefeed("untrack", "--source", pg.url, "--state-dir", pg.state, expect=4)
    assert pg.slot() in refused.err and "run lakefeed unlink" in refused.err
    pg.lakefeed("unlink", *pg.options())
    assert pg.slots() == []
    pg.lakefeed("untrack", "--source", pg.url, "--state-dir", pg.state)
    assert pg.query(CATALOGS) == before
    assert pg.head() == head
    pg.lakefeed("untrack", "--source", pg.url, "--state-dir", pg.state)


def test_a_run_without_track_makes_nothing_and_says_what_to_paste(pg):
    pg.sql(*TABLE)
    before = pg.query(CATALOGS)
    result = pg.once(expect=2)
    assert "lakefeed track" in result.err
    assert pg.query(CATALOGS) == before


def test_check_makes_nothing(pg):
    pg.sql(*TABLE)
    before = pg.query(CATALOGS)
    pg.lakefeed("check", *pg.options(), expect=2)
    assert pg.query(CATALOGS) == before


# --- rights ---


def test_a_role_with_replication_and_select_alone(pg):
    """The statements that `track` prints for the DBA are all that is needed."""
    role = f"poor_{pg.db}"
    pg.sql(*TABLE, "CREATE SCHEMA sales", 'CREATE TABLE sales."Odd one"(id int PRIMARY KEY)')
    pg.sql(f"CREATE ROLE {role} LOGIN REPLICATION PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'", user="postgres")
    pg.user = role
    try:
        checked = pg.lakefeed("check", *pg.options(), expect=2).out
        assert f'GRANT SELECT ON "sales"."Odd one" TO "{role}";' in checked
        for _ in range(3):
            result = pg.lakefeed("track", "--source", pg.url, "--state-dir", pg.state, expect=None)
            statements = re.findall(r"(?:GRANT|CREATE PUBLICATION|ALTER PUBLICATION)\b[^;]*;", result.out + result.err)
            if result.status == 0:
                break
            assert statements, result.err
            pg.each(*[statement.replace("\\n", " ") for statement in statements], user="postgres")
        pg.once()
        pg.assert_equal()
        pg.sql("INSERT INTO t VALUES(4, 'x')", 'INSERT INTO sales."Odd one" VALUES(1)')
        pg.once()
        pg.assert_equal()
        pg.lakefeed("unlink", *pg.options())
    finally:
        pg.server.drop_slots(pg.db)
        with pg.admin() as db:
            db.execute(f"DROP OWNED BY {role}")
            db.execute(f"DROP ROLE {role}")


# What the message of a run has (the server words it otherwise since 16), and what `check` says with which status.
LACKING = {
    "REPLICATION": ("must be superuser or replication role|with the REPLICATION attribute", 'ALTER ROLE "feed" REPLICATION;', 2),
    "LOGIN": ('role "feed" is not permitted to log in', 'role "feed" is not permitted to log in', 1),
}


@pytest.mark.parametrize("lacking", LACKING)
def test_a_role_that_lacks_a_right_is_told_which(pg, lacking):
    pg.sql(*TABLE)
    pg.sql(f"ALTER ROLE feed NO{lacking}", user="postgres")
    try:
        message, finding, status = LACKING[lacking]
        told = pg.track_once(expect=1).events[-1]
        assert told["kind"] == "AUTH" and re.search(message, told["message"]), told
        checked = pg.lakefeed("check", *pg.options(), expect=status).out
        assert finding in checked and "pooler" not in checked, checked
    finally:
        pg.sql(f"ALTER ROLE feed {lacking}", user="postgres")
    pg.track_once()
    pg.assert_equal()


def test_a_new_table_that_may_not_be_read_is_left_out_with_the_right_to_paste(shop):
    shop.sql("CREATE TABLE other(id int PRIMARY KEY)", "INSERT INTO other VALUES(1)")
    shop.sql("ALTER TABLE other OWNER TO postgres", user="postgres")
    result = shop.track_once()
    left_out = {event["table"]: event["reason"] for event in result.events if event["event"] == "entity_skipped"}
    assert left_out.keys() == {"other"} and 'GRANT SELECT ON "public"."other" TO "feed";' in left_out["other"]
    shop.sql("INSERT INTO t VALUES(4, 'x')")
    shop.once()
    shop.assert_equal(["t"])


# --- check ---


def findings(world):
    result = world.lakefeed("check", *world.options(), "--json", expect=None)
    return result.status, json.loads(result.out), result.out


def test_check_finds_what_stands_in_the_way_of_tables(pg):
    pg.sql("CREATE TABLE good(id int PRIMARY KEY)", "CREATE TABLE keyless(v int)",
           "CREATE UNLOGGED TABLE light(id int PRIMARY KEY)",
           "CREATE TABLE secured(id int PRIMARY KEY)", "ALTER TABLE secured ENABLE ROW LEVEL SECURITY",
           "ALTER TABLE secured FORCE ROW LEVEL SECURITY",
           "CREATE TABLE computed(id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
           "CREATE TABLE mute(id int PRIMARY KEY)", "ALTER TABLE mute REPLICA IDENTITY NOTHING")  # fmt: skip
    _, _, text = findings(pg)
    for table in ("keyless", "light", "secured", "computed", "mute"):
        assert table in text, table


def test_check_finds_settings_of_the_server(own):
    own.sql(*TABLE)
    own.server.configure({"wal_level": "replica"})
    own.server.restart()
    status, _, text = findings(own)
    assert status == 2 and "wal_level" in text
    assert "wal_level" in own.track_once(expect=2).events[-1]["message"]
    own.server.configure({"wal_level": "logical", "max_replication_slots": "1"})
    own.server.restart()
    own.query("SELECT 1 FROM pg_create_physical_replication_slot('taken')")
    status, _, text = findings(own)
    assert status == 2 and "max_replication_slots" in text
    assert "max_replication_slots" in own.track_once(expect=1).events[-1]["message"]
    own.query("SELECT 1 FROM pg_drop_replication_slot('taken')")
    own.track_once()
    own.assert_equal()
    own.server.configure({"wal_level": "replica", "max_replication_slots": "1"})
    own.server.stop()
    with pytest.raises(AssertionError):  # the server itself refuses to lose the slot
        own.server.start()
    own.server.configure({"wal_level": "logical"})
    own.server.start()


def test_check_of_a_tracked_source_is_content(shop):
    status, _, text = findings(shop)
    assert status == 0, text
