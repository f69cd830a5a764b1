#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a test CA in a folder, by the openssl command: ca.pem, server.pem and server.key for TLS, app.pem (certificate
and key) for client assertions, and other.pem, which the server does not know."""

import pathlib
import subprocess
import sys

NAMES = """localhost *.dfs.core.windows.net *.blob.core.windows.net onelake.dfs.fabric.microsoft.com
onelake.blob.fabric.microsoft.com login.microsoftonline.com""".split()


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_ca(folder, names=()):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(folder, *new, "-subj", "/CN=lakefeed test CA", "-keyout", "ca.key", "-out", "ca.pem", *usage)
    openssl(
        folder,
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    )
    hosts = ",".join(["IP:127.0.0.1", *(f"DNS:{name}" for name in (*NAMES, *names))])
    text = f"subjectAltName={hosts}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
    (folder / "server.ext").write_text(text + "authorityKeyIdentifier=keyid\n")
    sign = (
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "3650",
    )
    openssl(folder, *sign, "-sha256", "-extfile", "server.ext", "-out", "server.pem")
    for name in ("app", "other"):
        openssl(folder, *new, "-subj", f"/CN=lakefeed test {name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return folder


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: make_ca.py FOLDER [HOST…]")
    make_ca(sys.argv[1], sys.argv[2:])
