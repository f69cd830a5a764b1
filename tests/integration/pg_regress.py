# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's own regression tests as a database that nobody here has designed: odd names, types, keys and rows.

The files come from Debian's source package, by apt and its signatures, into build/; a test without them is skipped. They are
those of the installed version, whichever the server is, so statements fail; that is counted, no more.
"""

import fcntl
import os
import re
import subprocess
import tarfile

import pytest

from postgres import bin_folder, program
from world import ROOT

FETCH_S = 300
# Those that leave tables behind, in the order of the server's own schedule, without large tables of indexes and joins.
SCRIPTS = """
test_setup boolean varchar text int2 int4 int8 oid float4 float8 bit numeric uuid enum money rangetypes pg_lsn
multirangetypes point box path date time timestamp timestamptz interval inet macaddr tstypes insert insert_conflict
create_misc create_table create_type create_schema constraints triggers inherit arrays delete collate replica_identity
identity generated create_table_like jsonb copy2 domain truncate alter_table sequence rowtypes returning xml hash_part
indexing compression fast_default
""".split()
ENVIRONMENT = {"PGTZ": "PST8PDT", "PGDATESTYLE": "Postgres, MDY",
               "PGOPTIONS": "-c intervalstyle=postgres_verbose -c statement_timeout=20s"}  # fmt: skip


def apt(folder, *arguments, **options):
    """With lists and a cache of its own, so that nothing of the machine changes and nobody has to be root."""
    places = [f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State::lists={folder}/lists",
              f"Dir::Cache={folder}/cache", "APT::Sandbox::User="]  # fmt: skip
    command = ["apt-get", "--quiet", *[text for place in places for text in ("-o", place)], *arguments]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=True, timeout=FETCH_S, **options)  # fmt: skip


def write_sources(folder):
    """Of the archives that the machine uses, the sources. Updates are left out: any version of the files will do."""
    command = ["apt-get", "indextargets", "Created-By: Packages", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    archives = [line.split("|") for line in lines]
    entries = {f"deb-src {uri} {release} {component}\n" for origin, uri, release, component in archives
               if origin in ("Debian", "Ubuntu") and "-" not in release}  # fmt: skip
    (folder / "sources.list").write_text("".join(sorted(entries)))


def fetch(folder, package):
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_sources(folder)
    apt(folder, "update")
    apt(folder, "source", "--download-only", package)
    (archive,) = folder.glob("*.orig.tar.*")
    with tarfile.open(archive) as tar:
        for member in tar:
            found = re.fullmatch(r"[^/]+/src/test/regress/((?:sql|data)/\w+\.(?:sql|data))", member.name)
            if found and member.isfile():
                (folder / found[1]).parent.mkdir(exist_ok=True)
                (folder / found[1]).write_bytes(tar.extractfile(member).read())


def installed():
    """The folder with sql and data; skips the test where that cannot be had."""
    package = f"postgresql-{bin_folder().parent.name}"
    folder = ROOT / "build/regress" / package
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            try:
                fetch(folder, package)
            except (subprocess.SubprocessError, OSError, ValueError) as error:
                pytest.skip(f"the source package {package} could not be had: {error}; {getattr(error, 'stdout', '')}")
            (folder / "done").touch()
    return folder


def run_script(server, database, folder, name):
    """The number of statements that failed."""
    path = folder / "sql" / f"{name}.sql"
    environment = {**os.environ, **ENVIRONMENT, "PG_ABS_SRCDIR": str(folder), "PG_ABS_BUILDDIR": str(server.folder),
                   "PG_LIBDIR": "/nowhere", "PG_DLSUFFIX": ".so"}  # fmt: skip
    command = [program("psql"), "-X", "-q", "-h", str(server.folder), "-p", str(server.port), "-U", "postgres", "-d", database,
               "-f", str(path)]  # fmt: skip
    result = subprocess.run(command, env=environment, cwd=server.folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", timeout=120,
                            check=False)  # fmt: skip
    return len(re.findall(r": (?:ERROR|FATAL): ", result.stderr))


def fill(server, database):
    """The number of statements that failed."""
    folder = installed()
    return sum(run_script(server, database, folder, name) for name in SCRIPTS)
