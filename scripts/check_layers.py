#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include of src/ and include/ against the layers of the house.

Prints file:line and the rule for each violation and exits 1; otherwise one line of summary.
"""
import re
import sys
from pathlib import Path

# Lowest first. A folder may include itself and what stands in an earlier entry, never a sibling.
LAYERS = [
    ["base"],
    ["net", "data", "config"],
    ["auth"],
    ["lake", "source", "cdm"],
    ["snapshot"],
    ["commit", "catalog"],
    ["link"],
    ["sched"],
    ["admin"],
    ["app"],
    ["cli"],
]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}

# Headers of libraries and the only places (prefixes below src/) that may include them.
LIBRARIES = [
    (re.compile(r"cjson/|cJSON|yajl"), ["base/json"]),
    (re.compile(r"openssl/"), ["base/crypto"]),
    (re.compile(r"zlib\.h|zconf\.h"), ["base/gzip"]),
    (re.compile(r"uv\.h|uv/|curl/|microhttpd"), ["net/"]),
    (re.compile(r"sqlite3"), ["source/sqlite/", "catalog/"]),
    (re.compile(r"libpq|postgres_ext|pg_config"), ["source/postgres/"]),
    (re.compile(r"mysql/|mariadb/|mysql\.h|mariadb\.h"), ["source/mariadb/"]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def connector_of(path):
    """The connector's folder of a path below src/, or None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "source" and len(parts) > 2 else None


def check_library(path, header):
    for pattern, places in LIBRARIES:
        if pattern.match(header) and not any(path.startswith(place) for place in places):
            return f"<{header}> belongs to {' or '.join('src/' + place for place in places)} alone"
    return None


def check_own(src, path, header):
    """`path` in src/ includes our header in quotes."""
    if header.startswith("lakefeed/"):
        return None
    if not (src / header).is_file():
        return f'"{header}" is not a path below src/ or include/'
    own, other = path.split("/")[0], header.split("/")[0]
    if other not in LEVEL:
        return f'"{header}" lies in no known layer'
    own_connector = connector_of(path)
    other_connector = connector_of(header)
    if own_connector and other != "base" and other_connector != own_connector:
        return f'a connector includes base, include/lakefeed and itself, not "{header}"'
    if other_connector and own != "source":
        return f'"{header}" is known to src/source alone'
    if own == other or LEVEL[other] < LEVEL[own]:
        return None
    relation = "a sibling of" if LEVEL[other] == LEVEL[own] else "above"
    return f"{other} is {relation} {own}"


def includes_of(file):
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1) == '"', found.group(2)


def check_src_file(root, file):
    src = root / "src"
    path = file.relative_to(src).as_posix()
    if "/" not in path or path.split("/")[0] not in LEVEL:
        yield 1, "the file lies in no known layer"
        return
    for number, quoted, header in includes_of(file):
        rule = check_library(path, header) or (check_own(src, path, header) if quoted else None)
        if rule:
            yield number, rule


def check_public_file(root, file):
    for number, quoted, header in includes_of(file):
        known = header.startswith("lakefeed/") and (root / "include" / header).is_file()
        rule = check_library("", header)
        if quoted and not known:
            rule = f'include/ includes include/lakefeed alone, not "{header}"'
        if rule:
            yield number, rule


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    violations = 0
    files = 0
    for folder, check in (("src", check_src_file), ("include", check_public_file)):
        for file in sorted((root / folder).rglob("*.[ch]")):
            files += 1
            for number, rule in check(root, file):
                print(f"{file.relative_to(root)}:{number}: {rule}")
                violations += 1
    if violations:
        return 1
    print(f"layers: {files} files, no violation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
