# SPDX-License-Identifier: Apache-2.0
"""Installs what a package.json of tests/adls pins, once, below build/; a test without node or npm is skipped."""

import fcntl
import hashlib
import os
import shutil
import subprocess

import pytest

import adls_server

INSTALL_S = 300


def installed(name):
    """The folder with node_modules; skips the test where that cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node or npm on this machine")
    source = adls_server.SERVER.parent / name
    lock = (source / "package-lock.json").read_bytes()
    folder = adls_server.ROOT / "build/npm" / f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for path in source.iterdir():
            if path.is_file():
                shutil.copy(path, folder)
        if not (folder / "done").exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            log = folder / "install.log"
            try:
                with open(log, "w") as out:
                    subprocess.run(
                        command,
                        cwd=folder,
                        check=True,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=out,
                        timeout=INSTALL_S,
                    )
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"npm could not install {name}: {error}; {log.read_text()[-500:]}")
            (folder / "done").touch()
    return folder


def run(folder, script, *arguments):
    command = ["node", str(folder / script), *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "NO_COLOR": "1"}
    )
