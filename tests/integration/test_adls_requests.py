# SPDX-License-Identifier: Apache-2.0
"""What a lake in Azure is asked, request by request: each one costs money and time, so that none may come unnoticed.

docs/adls.md has the same as a table.
"""

import subprocess

import pytest

import lake_reader
from adls import FILESYSTEM, ROWS
from world import Peak, wait_until

FOLDERS = {"commits": "record", "history": "history", "loads": "load list"}
DAY = {"interval": "1h", "cursor_interval": "24h"}  # nothing of its own accord
FILES = 100_000
BUDGET = 48 << 20  # the default of `memory`
BLOCK = 7 << 18  # what it grants
FIRST_PIECE = 256 << 10
COUNTED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"

OPEN = ["head owner", "lease owner: acquire", "set_properties owner", "read control", "read model", "read history"]
COMMIT = ["put_blob history", "put_blob record", "put_blob model"]
FILE = ["create_file partition", "append partition, the end"]
LIST = ["list_paths"]
STOP = ["lease owner: release"]
RENEWAL = "lease owner: renew"


def name_of(path):
    parts = path.strip("/").split("/")[2:]  # account, filesystem
    if parts[:1] == ["shop"]:
        parts = parts[1:]
    if not parts:
        return ""
    if "Snapshot" in parts:
        return " partition"
    if parts[0] == "_lakefeed":
        return " " + FOLDERS.get(parts[1], parts[1].removesuffix(".json"))
    return " " + parts[0].removesuffix(".json")


def line_of(request):
    _, _, operation = request["operation"].partition(".")
    headers = {name.lower(): value for name, value in request["headers"].items()}
    details = ""
    if operation == "lease":
        details = ": " + headers["x-ms-lease-action"]
    if operation == "append" and request["query"].get("flush") == "true":
        assert request["query"]["close"] == "true", request
        details = ", the end"
    return operation + name_of(request["path"]) + details


class Watch:
    """The requests since it was asked last, as lines. Renewals of the lease, one in 20 seconds, are left out."""

    def __init__(self, account):
        self.account = account
        self.number = account.last_number()

    def requests(self):
        found = self.account.requests(since=self.number)
        self.number = found[-1]["number"] if found else self.number
        return found

    def lines(self):
        return [line for line in map(line_of, self.requests()) if line != RENEWAL]

    def is_any(self):
        return any(line_of(request) != RENEWAL for request in self.account.requests(since=self.number))


@pytest.fixture
def watch(account):
    return Watch(account)


def start(azure, watch, *statements, **snapshot):
    """A daemon that is at rest, with the lake loaded and the first listing done."""
    azure.configure(**(DAY | snapshot))
    azure.sql(*(statements or ROWS))
    azure.track_once()
    azure.sql("INSERT INTO t(v) VALUES('before')")
    daemon = azure.daemon()
    daemon.wait_event("link_started")
    azure.lakefeed("snapshot", *azure.options())
    watch.requests()
    return daemon


def change(azure, statement="UPDATE t SET v = 'changed' WHERE id = 1"):
    azure.sql(statement)
    azure.lakefeed("snapshot", *azure.options())


# --- a start ---


def test_first_run_then_each_object_is_made_once(azure, watch):
    azure.sql(*ROWS)
    azure.track_once()
    assert watch.lines() == [
        *("head owner", "read model"),  # is the folder somebody else's?
        *("lease owner: acquire", "create_filesystem", "lease owner: acquire", "create_file owner"),
        *("lease owner: acquire", "set_properties owner", "read control", "read model"),
        *(*LIST, "put_blob load list", *COMMIT),
        *(*FILE, *COMMIT),
        *STOP,
    ]


def test_start_on_a_lake_then_it_is_read_once(azure, watch):
    azure.sql(*ROWS)
    azure.track_once()
    watch.requests()
    azure.once()
    assert watch.lines() == [*OPEN, "head partition", *STOP]


def test_start_on_a_large_lake_then_its_files_are_listed_rather_than_asked_for(azure, watch):
    azure.configure(partition_bytes="1KiB")
    azure.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    azure.sql(f"INSERT INTO t {COUNTED} SELECT i, hex(randomblob(25)) FROM n")
    azure.track_once()
    assert len(azure.read().of_table("t").partitions) > 32
    watch.requests()
    azure.once()
    assert watch.lines() == [*OPEN, *LIST, *STOP]
    azure.damaged.add(azure.lake)
    lost = next(path for path in azure.files() if path.startswith("t/"))
    azure.server.account().call("DELETE", f"{FILESYSTEM}/{azure.prefix}/{lost}")
    watch.requests()
    azure.once()
    lines = watch.lines()
    assert lines[: len(OPEN) + 2] == [*OPEN, *LIST, "head partition"]  # asked for by itself before it is loaded again
    azure.assert_equal()


def test_status_then_two_small_objects_are_read(azure, watch):
    azure.sql(*ROWS)
    azure.track_once()
    watch.requests()
    azure.status()
    assert watch.lines() == ["read model", "read control"]


# --- commits ---


def test_idle_link_then_nothing_but_the_cursor_is_written(azure, watch):
    """What moves it is a table that the link does not follow."""
    every = {"interval": "1s", "cursor_interval": "1s"}
    start(azure, watch, *ROWS, "CREATE TABLE other(id INTEGER PRIMARY KEY)", entities=["t"], **every)
    azure.lakefeed("track", "--source", f"sqlite:{azure.db}")
    assert watch.lines() == []
    for number in range(2):
        azure.sql("INSERT INTO other DEFAULT VALUES")
        wait_until(watch.is_any, "a commit")
        assert watch.lines() == ["put_blob model"], number


def test_idle_link_without_a_change_then_nothing_is_asked(azure, watch, account):
    daemon = start(azure, watch)
    assert watch.lines() == []
    renewals = account.count(operation="dfs.lease")
    wait_until(lambda: account.count(operation="dfs.lease") > renewals, "the lease is renewed")
    assert watch.lines() == []
    assert daemon.stop() == 0
    assert watch.lines() == STOP


def test_change_of_one_partition_then_six_requests(azure, watch):
    start(azure, watch)
    change(azure)
    assert watch.lines() == ["read partition", *FILE, *COMMIT]


def test_first_commit_after_a_start_then_one_listing_more(azure, watch):
    start(azure, watch).stop()
    watch.requests()
    azure.daemon().wait_event("link_started")
    change(azure)
    assert [line for line in watch.lines() if line == LIST[0]] == LIST


def large_rows(azure):
    """A partition of 11 MiB."""
    azure.configure(**DAY)
    azure.sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    azure.sql(f"INSERT INTO t {COUNTED} SELECT i, hex(zeroblob(512 * 1024)) FROM n WHERE i <= 11")
    azure.track_once()


def test_file_of_several_blocks_then_one_request_each_and_the_creation(azure, watch):
    large_rows(azure)
    written = [request for request in watch.requests() if name_of(request["path"]) == " partition"]
    appends = sorted(written[1:], key=lambda request: int(request["query"]["position"]))
    assert line_of(written[0]) == "create_file partition"
    assert [line_of(request) for request in appends] == ["append partition"] * 6 + ["append partition, the end"]
    assert [int(request["query"]["position"]) for request in appends] == [i * BLOCK for i in range(7)]
    assert [request["received"] for request in appends[:-1]] == [BLOCK] * 6


def test_old_partition_of_several_blocks_then_it_is_read_once_in_large_pieces(azure, watch):
    large_rows(azure)
    watch.requests()
    azure.sql("UPDATE t SET v = 'changed' WHERE id = 1")
    azure.once()
    read = [request for request in watch.requests() if line_of(request) == "read partition"]
    sizes = [request["sent"] for request in read]
    assert sizes[0] == FIRST_PIECE and sizes[1:-1] == [BLOCK] * (len(sizes) - 2)
    assert sum(sizes) == (11 << 20) + 11 * len("10,\"\"\n") - 9  # and each byte once
    assert len(sizes) == 8


# --- collection, and the end ---


def test_collection_of_what_has_expired_then_one_request_for_each_file(azure, watch):
    start(azure, watch, keep=1, keep_for="0s")
    for _ in range(3):
        change(azure)
    watch.requests()
    change(azure)
    lines = watch.lines()
    assert lines[:6] == ["read partition", *FILE, *COMMIT]
    assert lines[6:] and {line.partition(" ")[0] for line in lines[6:]} == {"delete"}
    assert sorted(lines[6:]) == ["delete history", "delete partition", "delete record"]


def test_clean_stop_then_only_the_lease_is_given_back(azure, watch):
    daemon = start(azure, watch)
    assert daemon.stop() == 0
    assert watch.lines() == STOP


# --- many files ---


def test_lake_of_100000_files_then_they_are_listed_in_pages_within_the_memory(azure, account, watch):
    azure.sql(*ROWS)
    azure.track_once()
    azure.damaged.add(azure.lake)  # a reader of the whole would ask for each
    account.control("fill", filesystem=FILESYSTEM, directory=f"{azure.prefix}/t/Snapshot/of somebody else", count=FILES)
    azure.sql("UPDATE t SET v = 'changed' WHERE id = 1")
    watch.requests()
    with subprocess.Popen([str(azure.binary), "run", "--once", *azure.options()], stderr=subprocess.PIPE) as process:
        peak = Peak(process.pid)
        log = process.stderr.read().decode()
    assert process.returncode == 0, log
    pages = [request for request in watch.requests() if request["operation"] == "dfs.list_paths"]
    assert len(pages) == FILES // 1000 + 1
    peak.check(BUDGET)
    account.account().mirror(FILESYSTEM, azure.prefix, azure.folder / "the snapshot alone")
    lake_reader.compare(azure.folder / "the snapshot alone", azure.db)
