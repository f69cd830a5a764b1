# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from postgres import make_server, pg_world  # noqa: E402, F401 # pylint: disable=wrong-import-position,unused-import
from world import TEST_BIN, World  # noqa: E402 # pylint: disable=wrong-import-position


def pytest_configure():
    if not TEST_BIN.exists():
        pytest.exit(
            f"{TEST_BIN} does not exist; build it with LAKEFEED_TEST_POINTS, or set LAKEFEED_TEST_BIN", returncode=2
        )


@pytest.fixture
def world(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    world = World(folder, TEST_BIN)
    yield world
    world.close()
    world.check_readers()


@pytest.fixture
def pg(tmp_path, pg_server):  # pylint: disable=invalid-name
    with pg_world(tmp_path, pg_server, binary=TEST_BIN) as world:
        yield world


@pytest.fixture
def seed():
    return int(os.environ.get("LAKEFEED_SEED", random.SystemRandom().randrange(1 << 32)))
