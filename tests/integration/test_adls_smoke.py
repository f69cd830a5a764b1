# SPDX-License-Identifier: Apache-2.0
"""scripts/azure-smoke against the test server: what it tells, and that it leaves nothing behind."""

import signal
import subprocess
import sys

import pytest

from adls import FILESYSTEM, account_sas
from world import ROOT, wait_until

SMOKE = ROOT / "scripts/azure-smoke"


@pytest.fixture
def command(azure, account):
    account.account().call("PUT", FILESYSTEM, {"resource": "filesystem"})
    account.account().call("PUT", f"{FILESYSTEM}/a b/mine.txt", {"resource": "file"})
    return [sys.executable, str(SMOKE), account.url("a b"), "--lakefeed", str(azure.binary)]


def left(account):
    return sorted(path for path in account.state() if path)


def run(command, *arguments):
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def test_smoke_then_all_is_as_assumed_and_nothing_is_left(command, azure, account):
    done = run(command, "--key-file", azure.key_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERENT" not in done.stdout and done.stdout.count("as assumed") > 10
    assert "lakefeed copies a database there and finds it equal" in done.stdout
    assert left(account) == ["a b", "a b/mine.txt"]
    assert account.key not in done.stdout + done.stderr


def test_smoke_with_a_sas_then_rename_is_tried_too(command, azure, account):
    done = run(command, "--sas-file", azure.write_secret("sas", account_sas(account.key, 3600)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no SAS was given" not in done.stdout
    assert left(account) == ["a b", "a b/mine.txt"]


def test_smoke_when_the_account_behaves_otherwise_then_it_says_so(command, azure, account):
    account.faults({"operation": "dfs.rename", "times": 0, "do": {"action": "status", "status": 500}})
    done = run(command, "--key-file", azure.key_file)
    assert done.returncode == 1
    assert "DIFFERENT    2  a rename keeps the ETag of the source" in done.stdout, done.stdout
    assert left(account) == ["a b", "a b/mine.txt"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_smoke_that_is_interrupted_then_nothing_is_left(command, azure, account, number):
    account.faults({"operation": "dfs.rename", "do": {"action": "wait", "seconds": 3}})
    process = subprocess.Popen([*command, "--key-file", str(azure.key_file)], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: sum(account.fired()), "a rename waits")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "was removed" in out, out
    wait_until(lambda: left(account) == ["a b", "a b/mine.txt"], "nothing is left", 10)
