# SPDX-License-Identifier: Apache-2.0
"""Commands about a lake in Azure that nobody has to reach, and commands that somebody does not want to wait for."""

import json
import signal
import subprocess

import pytest

from world import ROOT, STOP_S, wait_until

URL = "abfss://lake@lakeacct.dfs.core.windows.net/shop"
EXAMPLE = ROOT / "config/lakefeed.adls.example.json"


def test_init_then_a_commented_identity_that_config_check_takes(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    text = world.lakefeed("init", "--source", f"sqlite:{world.db}", "--lake", URL).out
    assert '"kind": "default"' in text
    assert '// "account_key": { "file": "PATH" },' in text
    assert "allow_network" not in text
    file = world.folder / "lakefeed.json"
    file.write_text(text)
    world.lakefeed("config", "check", "-c", file)
    folder = world.lakefeed("init", "--source", f"sqlite:{world.db}", "--lake", f"file:{world.lake}").out
    assert "allow_network" in folder and '"auth"' not in folder


def test_example_then_it_is_right_and_shown_without_its_secrets(world):
    shown = json.loads(world.lakefeed("config", "show", "-c", EXAMPLE).out)
    kinds = [link["lake"]["auth"]["kind"] for link in shown["links"]]
    assert kinds == ["managed_identity", "workload_identity", "client_secret", "sas"]
    assert shown["links"][3]["lake"]["auth"]["sas"] == {"file": "/etc/lakefeed/sas"}


@pytest.mark.parametrize(
    "members, message",
    [
        ({"url": URL, "allow_network": True}, "lake.allow_network is for a lake that is a folder"),
        ({"url": "file:x", "publish": "rename"}, "lake.publish is for a lake that is in Azure"),
        ({"url": URL, "auth": {"kind": "sas", "client_id": "c"}}, "lake.auth.client_id is not for the kind sas"),
        ({"url": URL, "filesystem": "mine"}, "names a filesystem already"),
        ({"url": "s3://bucket"}, "a lake is given as file:FOLDER or abfss://"),
    ],
)
def test_settings_that_contradict_then_config_check_says_which(world, members, message):
    file = world.folder / "lakefeed.json"
    link = {"name": "shop", "source": {"url": f"sqlite:{world.db}"}, "lake": members}
    file.write_text(json.dumps({"version": 1, "links": [link]}))
    assert message in world.lakefeed("config", "check", "-c", file, expect=2).err


@pytest.mark.parametrize("verb", ["check", "status", "verify", "snapshot"])
def test_command_on_a_lake_that_hangs_then_ctrl_c_ends_it(azure, account, verb):
    azure.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    azure.track_once()
    account.faults({"times": 0, "do": {"action": "hang", "seconds": 60}})
    null = subprocess.DEVNULL
    process = subprocess.Popen([azure.binary, verb, *azure.options()], stdin=null, stdout=null, stderr=null)
    wait_until(lambda: sum(account.fired()), "a request hangs")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=STOP_S)
    account.calm()
    azure.once()
    azure.assert_equal()


@pytest.mark.parametrize("verb", ["check", "status"])
def test_command_on_a_lake_that_is_down_then_it_ends_by_itself(azure, account, verb):
    azure.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    azure.track_once()
    with account.down():
        done = azure.lakefeed(verb, *azure.options(), expect=1)
    assert "connection" in done.out + done.err
