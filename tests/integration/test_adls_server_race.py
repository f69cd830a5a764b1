# SPDX-License-Identifier: Apache-2.0
"""The test server under many connections: one winner for each condition, no torn reads, appends in parallel."""

import concurrent.futures
import hashlib
import threading

import pytest

import adls_server
from adls_server import Lake

THREADS = 6
ROUNDS = 40


@pytest.fixture(scope="module")
def server():
    with adls_server.running() as server:
        yield server


@pytest.fixture
def lake(server):
    return Lake(server)


def together(function, count=THREADS):
    """Results of that many threads that begin at once."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        return function(number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_one_of_many_conditional_puts_wins(lake):
    etag = lake.put_blob("model.json", b"start").etag
    for _ in range(10):
        answers = together(lambda number: lake.put_blob("model.json", b"%d" % number, If_Match=etag))
        assert sorted(answer.status for answer in answers) == [201] + [412] * (THREADS - 1)
        winner = next(number for number, answer in enumerate(answers) if answer.status == 201)
        etag = answers[winner].etag
        assert lake.read("model.json", If_Match=etag).body == b"%d" % winner


def test_one_of_many_creates_wins(lake):
    for number in range(10):
        answers = together(lambda _: lake.create(f"f{number}", If_None_Match="*").status)
        assert sorted(answers) == [201] + [409] * (THREADS - 1)


def test_one_of_many_renames_wins(lake):
    for number in range(THREADS):
        lake.write(f"tmp{number}", b"%d" % number)
    etag = lake.write("model.json", b"start")
    answers = together(lambda number: lake.rename(f"tmp{number}", "model.json", If_Match=etag).status)
    assert sorted(answers) == [201] + [412] * (THREADS - 1)
    assert lake.read("model.json").body == b"%d" % answers.index(201)


def test_one_of_many_gets_the_lease(lake):
    lake.create("owner")
    ids = [f"{number:08}-aaaa-4aaa-8aaa-aaaaaaaaaaaa" for number in range(THREADS)]
    assert sorted(together(lambda number: lake.acquire("owner", ids[number]).status)) == [201] + [409] * (THREADS - 1)


def test_appends_in_parallel_make_one_file(lake):
    lake.create("f")
    size = 100_000
    blocks = [bytes([number]) * size for number in range(THREADS)]
    answers = together(lambda number: lake.append("f", number * size, blocks[number]).status)
    assert answers == [202] * THREADS
    assert lake.flush("f", THREADS * size).status == 200
    assert lake.read("f").body == b"".join(blocks)


def content(number):
    """A file that shows whether it is whole, too large for one write to the socket."""
    data = b"%08d" % number * 60_000
    return hashlib.sha256(data).hexdigest().encode() + data


@pytest.mark.parametrize("way", ["put", "rename"])
def test_no_torn_reads_while_a_file_is_replaced(lake, way):
    def publish(number, etag):
        if way == "put":
            return lake.put_blob("model.json", content(number), If_Match=etag).etag
        new = lake.write(f"tmp{number}", content(number))
        assert lake.rename(f"tmp{number}", "model.json", If_Match=etag).status == 201
        return new

    done = threading.Event()
    etag = lake.put_blob("model.json", content(0)).etag

    def run(number):
        nonlocal etag
        if number == 0:
            try:
                for step in range(1, ROUNDS):
                    etag = publish(step, etag)
            finally:
                done.set()
            return 0
        reads, seen = 0, {}
        while not done.is_set():
            answer = lake.read("model.json")
            assert answer.status == 200
            assert hashlib.sha256(answer.body[64:]).hexdigest().encode() == answer.body[:64]
            assert seen.setdefault(answer.etag, answer.body[:64]) == answer.body[:64]
            reads += 1
        return reads

    assert sum(together(run, 4)) > 0
    assert lake.read("model.json").body == content(ROUNDS - 1)
