# SPDX-License-Identifier: Apache-2.0
"""What lakefeed relies on in the server itself. A new major version that behaves otherwise is noticed here.

lakefeed does not run in these tests.
"""

import subprocess

import psycopg
import pytest

import pgoutput
from postgres import PASSWORD, need_version
from world import wait_until

KEYED = "CREATE TABLE t(id int PRIMARY KEY, v text, big text)"
EXTERNAL = "ALTER TABLE t ALTER COLUMN big SET STORAGE EXTERNAL"
BIG = "repeat('x', 9000)"


@pytest.fixture
def stream(pg):
    return Stream(pg)


class Stream:
    """A slot and a publication of the test's own."""

    def __init__(self, pg):
        self.pg = pg
        self.slot = f"facts_{pg.db}"

    def make(self, *tables, options="", everything=False):
        what = "FOR ALL TABLES" if everything else "FOR TABLE " + ", ".join(tables)
        with self.pg.admin() as db:
            db.execute(f"CREATE PUBLICATION p {what} {options}")
            db.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self.slot])

    def read(self, peek=False, publication="p", version=1, **options):
        """[(LSN, message)] of what is new."""
        pairs = ["proto_version", str(version), "publication_names", publication]
        pairs += [text for pair in options.items() for text in pair]
        how = "peek" if peek else "get"
        with self.pg.admin() as db:
            rows = db.execute(
                f"SELECT lsn - '0/0'::pg_lsn, data FROM pg_logical_slot_{how}_binary_changes(%s, NULL, NULL, "
                + ", ".join(["%s"] * len(pairs))
                + ")",
                [self.slot, *pairs],
            ).fetchall()
        return [(int(lsn), pgoutput.decode(data)) for lsn, data in rows]

    def messages(self, **options):
        return [message for _, message in self.read(**options)]

    def rows(self):
        return [(message[0], message[2]) for message in self.messages() if message[0] in "IUD"]

    def kinds(self, **options):
        return "".join(message[0] for message in self.messages(**options))

    def advance(self, lsn):
        with self.pg.admin() as db:
            db.execute("SELECT pg_replication_slot_advance(%s, %s)", [self.slot, lsn_text(lsn)])

    def confirmed(self):
        return int(self.pg.query("SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots WHERE"
                                 " slot_name = %s", self.slot)[0][0])  # fmt: skip

    def receive(self, start, *options):
        """START_REPLICATION, to the end of the log as it is now, in the text of test_decoding or pgoutput's bytes."""
        end = self.pg.query("SELECT pg_current_wal_insert_lsn()")[0][0]
        return subprocess.run(
            self.pg.pg_recvlogical(self.slot, "p", "-I", start, "-E", end, *options),
            env={"PGPASSWORD": PASSWORD}, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )  # fmt: skip


def lsn_text(lsn):
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def test_a_confirmed_end_of_a_commit_is_sent_no_more_and_its_begin_is_sent_again(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    pg.sql("INSERT INTO t VALUES(1)")
    _, commit_lsn, end_lsn, _ = stream.messages(peek=True)[-1][1]
    assert end_lsn > commit_lsn
    stream.advance(commit_lsn)
    assert "I" in stream.kinds(peek=True)
    stream.advance(end_lsn)
    assert stream.kinds(peek=True) == ""


def test_a_start_below_the_confirmed_position_is_raised_silently(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    begin = stream.confirmed()
    pg.sql("INSERT INTO t VALUES(1, 'gone')")
    stream.read()
    pg.sql("INSERT INTO t VALUES(2, 'here')")
    got = stream.receive(lsn_text(begin))
    assert got.returncode == 0, got.stderr
    assert b"here" in got.stdout and b"gone" not in got.stdout


def test_a_start_above_the_confirmed_position_is_honoured_and_moves_nothing(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    begin = stream.confirmed()
    pg.sql("INSERT INTO t VALUES(1, 'before')")
    end_lsn = stream.messages(peek=True)[-1][1][2]
    pg.sql("INSERT INTO t VALUES(2, 'after')")
    slot = stream.slot
    stream.slot = f"copy_{pg.db}"  # pg_recvlogical confirms what it has read
    pg.query("SELECT 1 FROM pg_copy_logical_replication_slot(%s, %s)", slot, stream.slot)
    got = stream.receive(lsn_text(end_lsn), "-s", "0", "-F", "0")
    assert b"after" in got.stdout and b"before" not in got.stdout
    stream.slot = slot
    assert stream.confirmed() == begin


def test_an_unchanged_large_value_is_not_sent(pg, stream):
    pg.sql(KEYED, EXTERNAL, f"INSERT INTO t VALUES(1, 'a', {BIG})")
    stream.make("t")
    pg.sql("UPDATE t SET v = 'b'")
    pg.sql("UPDATE t SET id = 2")
    assert stream.rows() == [
        ("U", {"N": ("1", "b", ...)}),
        ("U", {"K": ("1", None, None), "N": ("2", "b", ...)}),
    ]


def test_with_a_full_identity_the_old_row_has_the_large_value(pg, stream):
    pg.sql(KEYED, EXTERNAL, f"INSERT INTO t VALUES(1, 'a', {BIG})", "ALTER TABLE t REPLICA IDENTITY FULL")
    stream.make("t")
    pg.sql("UPDATE t SET v = 'b'")
    assert stream.rows() == [("U", {"O": ("1", "a", "x" * 9000), "N": ("1", "b", ...)})]


def test_a_delete_has_the_key_alone_and_null_for_the_rest(pg, stream):
    pg.sql(KEYED, "INSERT INTO t VALUES(1, 'a', 'b')")
    stream.make("t")
    pg.sql("DELETE FROM t")
    assert stream.rows() == [("D", {"K": ("1", None, None)})]


@pytest.mark.parametrize("identity", ["NOTHING", "DEFAULT"])
def test_without_an_identity_the_application_fails(pg, stream, identity):
    pg.sql("CREATE TABLE t(v text)", f"ALTER TABLE t REPLICA IDENTITY {identity}", "INSERT INTO t VALUES('x')")
    stream.make("t")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="replica identity"):
        pg.sql("UPDATE t SET v = 'y'")


def test_ddl_that_rewrites_rows_sends_none_of_them(pg, stream):
    pg.sql(KEYED, "INSERT INTO t VALUES(1, '1', NULL)")
    stream.make("t")
    pg.sql("ALTER TABLE t ADD COLUMN c int DEFAULT 5", "ALTER TABLE t ADD COLUMN r float DEFAULT random()")
    pg.sql("ALTER TABLE t ALTER COLUMN v TYPE int USING v::int + 1")
    assert stream.rows() == []
    pg.sql("UPDATE t SET c = 6")
    messages = stream.messages()
    assert [message[0] for message in messages] == ["B", "R", "U", "C"]
    assert messages[1][1]["columns"] == ["id", "v", "big", "c", "r"]


def test_a_relation_comes_again_inside_a_transaction(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    pg.sql("INSERT INTO t VALUES(1)", "ALTER TABLE t ADD COLUMN c int", "INSERT INTO t VALUES(2)")
    assert stream.kinds() == "BRIRIC"


def test_renames_keep_the_oid(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    pg.sql("INSERT INTO t VALUES(1)")
    before = stream.messages()[1][1]
    pg.sql("ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME v TO w", "INSERT INTO u VALUES(2)")
    after = stream.messages()[1][1]
    assert (before["oid"], before["name"], before["columns"]) == (after["oid"], "t", ["id", "v", "big"])
    assert (after["name"], after["columns"]) == ("u", ["id", "w", "big"])


def test_a_table_dropped_and_created_again_is_silent(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    pg.sql("DROP TABLE t", KEYED, "INSERT INTO t VALUES(1)")
    assert stream.rows() == []


def test_a_table_taken_out_and_back_loses_what_came_between(pg, stream):
    pg.sql(KEYED, "CREATE TABLE u(id int PRIMARY KEY)")
    stream.make("t", "u")
    pg.each("ALTER PUBLICATION p DROP TABLE t", "INSERT INTO t VALUES(1)", "ALTER PUBLICATION p ADD TABLE t",
            "INSERT INTO t VALUES(2)", user="postgres")  # fmt: skip
    assert stream.rows() == [("I", {"N": ("2", None, None)})]


def test_a_publication_made_after_the_slot_is_an_error_or_a_warning(pg, stream):
    pg.sql(KEYED)
    pg.query("SELECT 1 FROM pg_create_logical_replication_slot(%s, 'pgoutput')", stream.slot)
    pg.sql("INSERT INTO t VALUES(1)")
    pg.sql("CREATE PUBLICATION p FOR TABLE t", user="postgres")
    if pg.server.version >= 18:
        assert stream.rows() == []
    else:
        with pytest.raises(psycopg.errors.UndefinedObject, match='publication "p" does not exist'):
            stream.read()


def test_truncate_names_all_tables_in_one_message(pg, stream):
    pg.sql(KEYED, "CREATE TABLE child(id int PRIMARY KEY REFERENCES t)")
    stream.make("t", "child")
    pg.sql("TRUNCATE t CASCADE")
    truncates = [message[1] for message in stream.messages() if message[0] == "T"]
    assert [(flags & 1, len(oids)) for flags, oids in truncates] == [(1, 2)]


PARTITIONED = [
    "CREATE TABLE m(id int, k int, PRIMARY KEY(id, k)) PARTITION BY LIST(k)",
    "CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1)",
    "CREATE TABLE m2 PARTITION OF m FOR VALUES IN (2)",
]


def test_rows_of_partitions_come_under_the_root_and_a_move_is_a_delete_and_an_insert(pg, stream):
    pg.sql(*PARTITIONED)
    stream.make("m", options="WITH (publish_via_partition_root = true)")
    pg.sql("INSERT INTO m VALUES(1, 1)")
    pg.sql("UPDATE m SET k = 2")
    (root,) = pg.query("SELECT 'm'::regclass::oid::int")[0]
    rows = [message for message in stream.messages() if message[0] in "IUD"]
    assert [(kind, oid) for kind, oid, _ in rows] == [("I", root), ("D", root), ("I", root)]


@pytest.mark.parametrize("statement", [
    "TRUNCATE m1",
    "DROP TABLE m1",
    "ALTER TABLE m DETACH PARTITION m1",
    "CREATE TABLE m3(id int, k int); INSERT INTO m3 VALUES(9, 3); ALTER TABLE m3 ALTER id SET NOT NULL;"
    " ALTER TABLE m3 ALTER k SET NOT NULL; ALTER TABLE m ATTACH PARTITION m3 FOR VALUES IN (3)",
])  # fmt: skip
def test_partitions_come_and_go_without_an_event(pg, stream, statement):
    pg.sql(*PARTITIONED, "INSERT INTO m VALUES(1, 1)")
    stream.make("m", options="WITH (publish_via_partition_root = true)")
    pg.sql(*statement.split("; "))
    assert not set(stream.kinds()) & set("IUDT")


def test_a_generated_column_is_not_sent_before_18(pg, stream):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED)")
    stream.make("t")
    pg.sql("INSERT INTO t VALUES(1)")
    assert stream.rows() == [("I", {"N": ("1",)})]


def test_policies_of_rows_do_not_hold_for_the_stream(pg, stream):
    pg.sql(KEYED, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t FORCE ROW LEVEL SECURITY",
           "CREATE POLICY few ON t USING (id > 1) WITH CHECK (true)")  # fmt: skip
    stream.make("t")
    pg.sql("INSERT INTO t VALUES(1), (2)")
    assert len(stream.rows()) == 2
    with pg.connect(user="feed") as db:
        with db.cursor().copy("COPY t TO STDOUT") as copy:
            assert len(b"".join(copy).splitlines()) == 1, "a copy obeys them silently"
        db.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("SELECT * FROM t")


def test_settings_of_the_role_leak_into_the_text(pg, stream):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, d date, b bytea)")
    stream.make("t")
    begin = lsn_text(stream.confirmed())
    pg.sql("INSERT INTO t VALUES(1, '2024-02-03', '\\x00ff')")
    for setting in ("datestyle = 'German'", "bytea_output = 'escape'"):
        pg.sql(f"ALTER ROLE feed IN DATABASE {pg.db} SET {setting}", user="postgres")
    got = stream.receive(begin)
    assert b"03.02.2024" in got.stdout and b"\\000\\377" in got.stdout


def test_what_rolled_back_is_never_sent(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    with pg.connect() as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES(1)")
        db.execute("SAVEPOINT s")
        db.execute("INSERT INTO t VALUES(2)")
        db.execute("ROLLBACK TO s")
        db.execute("INSERT INTO t VALUES(3)")
        db.execute("COMMIT")
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES(4)")
        db.execute("ROLLBACK")
    assert [tuples["N"][0] for _, tuples in stream.rows()] == ["1", "3"]


def test_a_prepared_transaction_comes_whole_when_it_is_committed(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    with pg.connect() as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES(1)")
        db.execute(f"PREPARE TRANSACTION 'x{pg.db}'")
        assert stream.rows() == []
        db.execute(f"COMMIT PREPARED 'x{pg.db}'")
    assert stream.kinds() == "BRIC"


def test_messages_come_only_when_asked_for(pg, stream):
    need_version(pg.server, 14, "messages in the stream of pgoutput")
    pg.sql(KEYED)
    stream.make("t")
    with pg.connect() as db:
        db.execute("SELECT pg_logical_emit_message(true, 'p', 'in'), pg_logical_emit_message(false, 'p', 'out')")
    assert stream.kinds(peek=True) in ("", "BC")  # 15 leaves out empty transactions
    with pg.connect() as db:
        db.execute("BEGIN")
        db.execute("SELECT pg_logical_emit_message(false, 'p', 'rolled back')")
        db.execute("ROLLBACK")
        db.execute("INSERT INTO t VALUES(1)")  # so that all of it is flushed
    kinds = stream.kinds(peek=True, messages="true")
    assert kinds.count("M") == 3, "those outside of transactions come even when theirs is rolled back"


def test_changes_that_a_trigger_or_a_cascade_makes_are_ordinary_rows(pg, stream):
    pg.sql(KEYED, "CREATE TABLE child(id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)",
           "INSERT INTO t VALUES(1)", "INSERT INTO child VALUES(10, 1)")  # fmt: skip
    stream.make("t", "child")
    pg.sql("DELETE FROM t")
    assert [kind for kind, _ in stream.rows()] == ["D", "D"]


@pytest.mark.parametrize("kind", ["UNLOGGED TABLE t", "TEMP TABLE t"])
def test_a_publication_refuses_tables_without_a_log(pg, kind):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        pg.sql(f"CREATE {kind}(id int PRIMARY KEY)", "CREATE PUBLICATION p FOR TABLE t", user="postgres")


def test_a_slot_that_is_in_use_says_so(pg, stream):
    pg.sql(KEYED)
    stream.make("t")
    command = pg.pg_recvlogical(stream.slot, "p")
    with subprocess.Popen(command, env={"PGPASSWORD": PASSWORD}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as first:  # fmt: skip
        try:
            active = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
            wait_until(lambda: pg.query(active, stream.slot)[0][0], "the slot is in use")
            second = stream.receive("0/0")
            assert second.returncode != 0 and b"is active for PID" in second.stderr
        finally:
            first.kill()


def test_a_rename_of_types_and_defaults_leaves_the_file_node_and_a_rewrite_changes_it(pg):
    pg.sql(KEYED, "INSERT INTO t VALUES(1, '1')")

    def node():
        return pg.query("SELECT pg_relation_filenode('t')")[0][0]

    before = node()
    pg.sql("ALTER TABLE t ADD COLUMN c int DEFAULT 5", "ALTER TABLE t ALTER COLUMN c SET DEFAULT 6")
    assert node() == before
    missing = "SELECT attmissingval::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"
    assert pg.query(missing) == [("{5}",)]
    pg.sql("ALTER TABLE t ADD COLUMN r float DEFAULT random()")
    assert node() != before
    before = node()
    pg.sql("TRUNCATE t")
    assert node() != before
