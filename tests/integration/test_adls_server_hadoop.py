# SPDX-License-Identifier: Apache-2.0
"""The test server serves Hadoop's ABFS driver; tests/adls/hadoop/Check.java has the checks."""

import hashlib
import shutil
import subprocess

import pytest

import adls_server

INSTALL_S = 300


def installed():
    """The folder with the jars; skips where that cannot be had."""
    if not shutil.which("mvn") or not shutil.which("javac"):
        pytest.skip("no Maven or no JDK on this machine")
    source = adls_server.SERVER.parent / "hadoop"
    pom = (source / "pom.xml").read_bytes()
    folder = adls_server.ROOT / "build/maven" / hashlib.sha256(pom).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pom.xml", "Check.java"):
        shutil.copy(source / name, folder)
    if not (folder / "done").exists():
        options = ["-DoutputDirectory=lib", "-DincludeScope=runtime"]
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", *options]
        try:
            subprocess.run(
                command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_S
            )
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"Maven could not get Hadoop: {error}")
        (folder / "done").touch()
    return folder


def test_hadoop_abfs():
    folder = installed()
    with adls_server.running() as server:
        command = ["java", "-cp", "lib/*", "Check.java", str(server.port), adls_server.ACCOUNT, adls_server.KEY]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        print(result.stdout, result.stderr)
        assert result.returncode == 0 and result.stdout == "ok\n"
        used = {entry["operation"] for entry in server.control("requests")["requests"]}
        assert {"dfs.append", "dfs.flush", "dfs.rename", "dfs.list_paths", "dfs.delete"} <= used
        appends = server.control("requests", match={"operation": "dfs.append"})["requests"]
        assert all(entry["method"] == "PUT" and entry["headers"]["expect"] for entry in appends)
