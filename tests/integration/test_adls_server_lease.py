# SPDX-License-Identifier: Apache-2.0
"""The test server's leases: the state machine, and what a lease forbids, with a clock that the test moves."""

import pytest

import adls_server
from adls_server import LEASE, OTHER_LEASE, Lake


@pytest.fixture(scope="module")
def server():
    with adls_server.running() as server:
        yield server


@pytest.fixture
def lake(server):
    lake = Lake(server)
    lake.write("f", b"x")
    yield lake
    server.control("reset", what=["clock"])


def later(server, seconds):
    server.control("clock", advance=seconds)


def state(lake):
    return lake.head("f").headers["x-ms-lease-state"]


def into(server, lake, wanted):
    """Brings the file's lease into a state."""
    if wanted == "available":
        return
    assert lake.acquire("f").status == 201
    if wanted == "breaking":
        lake.lease("f", "break", x_ms_lease_break_period="10")
    elif wanted == "broken":
        lake.lease("f", "break", x_ms_lease_break_period="0")
    elif wanted == "expired":
        later(server, 16)
    assert state(lake) == wanted


def renew(lake, lease):
    return lake.lease("f", "renew", x_ms_lease_id=lease)


def release(lake, lease):
    return lake.lease("f", "release", x_ms_lease_id=lease)


def change(lake, lease, proposed):
    return lake.lease("f", "change", x_ms_lease_id=lease, x_ms_proposed_lease_id=proposed)


STATES = ("available", "leased", "breaking", "broken", "expired")
OPERATIONS = {
    "acquire by the same": lambda lake: lake.acquire("f"),
    "acquire by another": lambda lake: lake.acquire("f", OTHER_LEASE),
    "renew by the same": lambda lake: renew(lake, LEASE),
    "renew by another": lambda lake: renew(lake, OTHER_LEASE),
    "change by the same": lambda lake: change(lake, LEASE, OTHER_LEASE),
    "change by another": lambda lake: change(lake, OTHER_LEASE, "cccccccc-cccc-4ccc-8ccc-cccccccccccc"),
    "release by the same": lambda lake: release(lake, LEASE),
    "release by another": lambda lake: release(lake, OTHER_LEASE),
    "break at once": lambda lake: lake.lease("f", "break", x_ms_lease_break_period="0"),
    "write with the id": lambda lake: lake.append("f", 1, b"y", x_ms_lease_id=LEASE),
    "write with another": lambda lake: lake.append("f", 1, b"y", x_ms_lease_id=OTHER_LEASE),
    "write without": lambda lake: lake.append("f", 1, b"y"),
    "read with the id": lambda lake: lake.read("f", x_ms_lease_id=LEASE),
    "read without": lambda lake: lake.read("f"),
}
MISMATCH = (409, "LeaseIdMismatchWithLeaseOperation")
ABSENT = (409, "LeaseNotPresentWithLeaseOperation")
BROKEN = (409, "LeaseIsBrokenAndCannotBeRenewed")
PRESENT = (409, "LeaseAlreadyPresent")
LOST, NONE = (412, "LeaseLost"), (412, "LeaseNotPresent")
TABLE = {
    "acquire by the same": (201, 201, (409, "LeaseIsBreakingAndCannotBeAcquired"), 201, 201),
    "acquire by another": (201, PRESENT, PRESENT, 201, 201),
    "renew by the same": (MISMATCH, 200, BROKEN, BROKEN, 200),
    "renew by another": (MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH),
    "change by the same": (ABSENT, 200, (409, "LeaseIsBreakingAndCannotBeChanged"), ABSENT, ABSENT),
    "change by another": (ABSENT, MISMATCH, MISMATCH, ABSENT, ABSENT),
    "release by the same": (MISMATCH, 200, 200, 200, 200),
    "release by another": (MISMATCH, MISMATCH, MISMATCH, MISMATCH, MISMATCH),
    "break at once": (ABSENT, 202, 202, (409, "LeaseIsAlreadyBroken"), 202),
    "write with the id": (NONE, 202, 202, LOST, LOST),
    "write with another": (NONE, (412, "LeaseIdMismatch"), (412, "LeaseIdMismatch"), NONE, NONE),
    "write without": (202, (412, "LeaseIdMissing"), (412, "LeaseIdMissing"), 202, 202),
    "read with the id": (NONE, 200, 200, LOST, LOST),
    "read without": (200, 200, 200, 200, 200),
}


@pytest.mark.parametrize("wanted", STATES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_lease_operation_in_each_state(server, lake, operation, wanted):
    into(server, lake, wanted)
    assert OPERATIONS[operation](lake).outcome == TABLE[operation][STATES.index(wanted)]


def test_lease_runs_out_by_the_clock(server, lake):
    lake.acquire("f", seconds=60)
    later(server, 59)
    assert state(lake) == "leased"
    assert renew(lake, LEASE).status == 200
    later(server, 59)
    assert state(lake) == "leased"
    later(server, 2)
    assert state(lake) == "expired"


def test_infinite_lease_does_not_run_out(server, lake):
    lake.acquire("f", seconds=-1)
    later(server, 1_000_000)
    assert lake.head("f").headers["x-ms-lease-duration"] == "infinite"


def test_expired_lease_is_renewed_only_if_nobody_wrote(server, lake):
    lake.acquire("f")
    later(server, 16)
    assert lake.append("f", 1, b"y", flush=True).status == 202
    assert renew(lake, LEASE).outcome == MISMATCH


def test_lease_does_not_move_the_etag(lake):
    etag = lake.head("f").etag
    assert lake.acquire("f").etag == etag
    assert lake.head("f").etag == etag


def test_break_takes_its_time(server, lake):
    lake.acquire("f", seconds=30)
    assert lake.lease("f", "break", x_ms_lease_break_period="10").headers["x-ms-lease-time"] == "10"
    assert state(lake) == "breaking"
    later(server, 11)
    assert state(lake) == "broken"
    assert lake.acquire("f", OTHER_LEASE).status == 201


@pytest.mark.parametrize("seconds", ["14", "61", "0", "-2", "x", ""])
def test_duration_has_limits(lake, seconds):
    assert lake.acquire("f", seconds=seconds).outcome == (400, "InvalidHeaderValue")


def test_lease_id_is_a_guid(lake):
    assert lake.acquire("f", lease="mine").outcome == (400, "InvalidHeaderValue")
    assert lake.append("f", 1, b"y", x_ms_lease_id="mine").outcome == (400, "InvalidHeaderValue")
    assert lake.lease("f", "renew").outcome == (400, "MissingRequiredHeader")
    assert lake.lease("none", "acquire", x_ms_lease_duration="15").outcome == (404, "PathNotFound")


@pytest.mark.parametrize(
    "write",
    [
        lambda lake, **id: lake.flush("f", 1, **id),
        lambda lake, **id: lake.call("DELETE", "f", **id),
        lambda lake, **id: lake.call("PATCH", "f", {"action": "setProperties"}, x_ms_properties="", **id),
        lambda lake, **id: lake.put_blob("f", b"new", **id),
    ],
)
def test_lease_is_needed_for_every_write(lake, write):
    lake.acquire("f")
    assert write(lake).outcome == (412, "LeaseIdMissing")
    assert write(lake, x_ms_lease_id=OTHER_LEASE).status == 412
    assert write(lake, x_ms_lease_id=LEASE).status in (200, 201)


def test_directory_with_a_leased_file_is_not_deleted(lake):
    lake.write("d/f", b"x")
    lake.call("POST", "d/f", x_ms_lease_action="acquire", x_ms_proposed_lease_id=LEASE, x_ms_lease_duration="15")
    assert lake.call("DELETE", "d", {"recursive": "true"}).outcome == (412, "LeaseIdMissing")


def test_file_is_made_with_a_lease(lake):
    headers = {"x_ms_proposed_lease_id": LEASE, "x_ms_lease_duration": "15"}
    assert lake.create("new", **headers).status == 201
    assert lake.append("new", 0, b"x").outcome == (412, "LeaseIdMissing")
    assert lake.append("new", 0, b"x", x_ms_lease_id=LEASE).status == 202


def test_append_and_flush_with_lease_actions(server, lake):
    start = {"x_ms_lease_action": "acquire", "x_ms_proposed_lease_id": LEASE, "x_ms_lease_duration": "15"}
    assert lake.append("f", 1, b"y", **start).headers["x-ms-lease-id"] == LEASE
    assert lake.append("f", 2, b"z", **{**start, "x_ms_proposed_lease_id": OTHER_LEASE}).outcome == PRESENT
    later(server, 10)
    again = lake.append("f", 2, b"z", x_ms_lease_action="auto-renew", x_ms_lease_id=LEASE)
    assert again.headers["x-ms-lease-renewed"] == "true"
    later(server, 10)
    assert state(lake) == "leased"
    assert lake.flush("f", 99, x_ms_lease_action="release", x_ms_lease_id=LEASE).status == 400
    assert state(lake) == "leased"
    assert lake.flush("f", 3, x_ms_lease_action="release", x_ms_lease_id=LEASE).status == 200
    assert state(lake) == "available"
