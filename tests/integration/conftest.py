# SPDX-License-Identifier: Apache-2.0
import os
import random

import pytest

from adls import AdlsWorld, Server
from postgres import make_server, own, pg  # noqa: F401 # pylint: disable=unused-import
from world import BIN, World


def pytest_configure():
    if not BIN.exists():
        pytest.exit(f"{BIN} does not exist; build it, or set LAKEFEED_BIN", returncode=2)


@pytest.fixture
def world(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = World(folder)
    yield world
    world.close()
    world.check_readers()


@pytest.fixture
def seed():
    """Of a random test; shown when it fails, and taken from LAKEFEED_SEED to play it again."""
    value = int(os.environ.get("LAKEFEED_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"LAKEFEED_SEED={value}")
    return value


@pytest.fixture
def account(tmp_path):
    """A storage account: a server process of its own, with its control endpoint."""
    server = Server(tmp_path / "the account")
    yield server
    server.close()


@pytest.fixture
def azure(tmp_path, account):
    """A world whose lake is in that account, configured with its key."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = AdlsWorld(folder, account).configure()
    yield world
    world.close()
    world.check_readers()
