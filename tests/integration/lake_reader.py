# SPDX-License-Identifier: Apache-2.0
"""An independent reader of a lake folder, and its comparison with a SQLite database.

Shares no code with lakefeed: model.json is read as JSON, partitions by a strict parser of its own, by Python's csv
module and by DuckDB, and what must stand in each cell is computed here from the value that SQLite gives. A problem
raises LakeError.
"""

import base64
import csv
import datetime
import decimal
import fractions
import hashlib
import io
import json
import math
import os
import re
import sqlite3
import struct
import sys

CELL = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)"|([0-9A-Za-z+.-]*))([,\n])')
QUOTED_TYPES = {"string", "json", "date", "time", "dateTime", "dateTimeOffset"}
DUCKDB_CASTS = {
    "int64": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "guid": "UUID",
    "date": "DATE",
    "time": "TIME",
    "dateTime": "TIMESTAMP",
}
csv.field_size_limit(16 << 20)


class LakeError(AssertionError):
    pass


def expect(condition, what):
    if not condition:
        raise LakeError(what)


def notes_of(item):
    return {note["name"]: note["value"] for note in item.get("annotations", [])}


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def quote_name(name):
    return '"' + name.replace('"', '""') + '"'


def quote_text(text):
    return "'" + text.replace("'", "''") + "'"


def read_text(path):
    with open(path, "rb") as file:
        return file.read()


# --- the lake ---


class Attribute:
    def __init__(self, item):
        notes = notes_of(item)
        self.name = item["name"]
        self.column = notes.get("lakefeed:column", self.name)
        self.type = "binary" if notes.get("lakefeed:type") == "binary" else item["dataType"]
        self.scale = int(notes.get("lakefeed:scale", "0"))
        self.dropped = notes.get("lakefeed:dropped") == "true"
        self.max_length = item["maxLength"]


class Partition:
    def __init__(self, item):
        notes = notes_of(item)
        self.name = item["name"]
        self.location = item["location"]
        self.path = notes["lakefeed:path"]
        self.rows = int(notes["lakefeed:rows"])
        self.bytes = int(notes["lakefeed:bytes"])
        self.sha256 = notes["lakefeed:sha256"]
        self.first_key = unbase64url(notes["lakefeed:firstKey"])


class Entity:
    def __init__(self, folder, item):
        notes = notes_of(item)
        self.folder = folder
        self.name = item["name"]
        self.notes = notes
        self.table = notes["lakefeed:table"]
        self.state = notes["lakefeed:state"]
        self.reason = notes.get("lakefeed:reason")
        self.initial_state = notes["Athena:InitialSyncState"]
        self.key = json.loads(notes["lakefeed:key"])
        self.attributes = [Attribute(attribute) for attribute in item["attributes"]]
        self.partitions = [Partition(partition) for partition in item["partitions"]]

    @property
    def files(self):
        return [partition.path for partition in self.partitions]

    def attribute(self, name):
        return next(attribute for attribute in self.attributes if attribute.name == name)

    def rows(self):
        """All rows as tuples of cells: None for NULL, (True, text) for a quoted cell, (False, text) for a bare one."""
        rows = []
        for partition in self.partitions:
            data = read_partition(self.folder, partition)
            part = parse(data, len(self.attributes), partition.path)
            expect(len(part) == partition.rows, f"{partition.path}: {len(part)} rows, annotated {partition.rows}")
            check_csv_module(data, part, partition.path)
            rows += part
        expect(len(rows) == int(self.notes["lakefeed:rows"]), f"{self.name}: {len(rows)} rows, annotated otherwise")
        return rows

    def texts(self):
        return [tuple(None if cell is None else cell[1] for cell in row) for row in self.rows()]


class Lake:
    def __init__(self, folder, path="model.json"):
        self.folder = str(folder)
        self.model = json.loads(read_text(os.path.join(self.folder, path)))
        self.notes = notes_of(self.model)
        self.commit = int(self.notes["lakefeed:commit"])
        self.entities = {item["name"]: Entity(self.folder, item) for item in self.model["entities"]}

    def of_table(self, table):
        found = [entity for entity in self.entities.values() if entity.table == table]
        expect(len(found) == 1, f"table {table!r} has {len(found)} entities")
        return found[0]

    @property
    def files(self):
        return [path for entity in self.entities.values() for path in entity.files]


def read_partition(folder, partition):
    data = read_text(os.path.join(folder, partition.path))
    expect(len(data) == partition.bytes, f"{partition.path}: {len(data)} bytes, annotated {partition.bytes}")
    expect(hashlib.sha256(data).hexdigest() == partition.sha256, f"{partition.path}: the sha256 differs")
    return data


def parse(data, ncolumns, where):
    rows, row, at = [], [], 0
    while at < len(data):
        match = CELL.match(data, at)
        expect(match, f"{where}: byte {at} begins no cell: {data[at:at + 40]!r}")
        quoted, bare, end = match.groups()
        if quoted is not None:
            row.append((True, quoted.replace(b'""', b'"').decode("utf-8")))
        else:
            row.append((False, bare.decode("ascii")) if bare else None)
        at = match.end()
        if end == b"\n":
            expect(len(row) == ncolumns, f"{where}: a row of {len(row)} cells, not {ncolumns}")
            rows.append(tuple(row))
            row = []
    expect(not row, f"{where}: the last row does not end")
    return rows


def check_csv_module(data, rows, where):
    got = [tuple(row) for row in csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)]
    wanted = [tuple("" if cell is None else cell[1] for cell in row) for row in rows]
    expect(got == wanted, f"{where}: Python's csv module reads other rows")


# --- keys, as docs/formats/keys.md has them ---


def ended(data):
    return data.replace(b"\x00", b"\x00\xff") + b"\x00\x01"


def encode_cell(kind, text):
    if kind == "boolean":
        return b"\x01" if text == "True" else b"\x00"
    if kind == "int64":
        return struct.pack(">Q", (int(text) + (1 << 63)) & ((1 << 64) - 1))
    if kind == "double":
        bits = struct.unpack(">Q", struct.pack(">d", float(text) + 0.0))[0]
        return struct.pack(">Q", bits ^ ((1 << 64) - 1) if bits >> 63 else bits | 1 << 63)
    if kind == "decimal":
        return decimal_key(text)
    if kind == "binary":
        return ended(base64.b64decode(text, validate=True))
    return ended(text.encode("utf-8"))


def decimal_key(text):
    sign, digits, exponent = decimal.Decimal(text).normalize(decimal.Context(prec=100)).as_tuple()
    if digits == (0,):
        return b"\x02"
    even = digits + (0,) * (len(digits) % 2)
    pairs = bytes(1 + 10 * one + two for one, two in zip(even[::2], even[1::2]))
    data = bytes([len(digits) + exponent + 128]) + pairs + b"\x00"
    return b"\x01" + bytes(255 - byte for byte in data) if sign else b"\x03" + data


def check_keys(entity, rows):
    """Ascending, so each once, and each partition within its range."""
    where = [[attribute.name for attribute in entity.attributes].index(name) for name in entity.key]
    kinds = [entity.attributes[index].type for index in where]
    keys = []
    for row in rows:
        expect(all(row[index] is not None for index in where), f"{entity.name}: NULL in a key")
        keys.append(b"".join(encode_cell(kind, row[index][1]) for kind, index in zip(kinds, where)))
    expect(
        all(one < two for one, two in zip(keys, keys[1:])), f"{entity.name}: keys do not ascend, or one stands twice"
    )
    at = 0
    for index, partition in enumerate(entity.partitions):
        part = keys[at : at + partition.rows]
        at += partition.rows
        end = entity.partitions[index + 1].first_key if index + 1 < len(entity.partitions) else None
        expect(index > 0 or partition.first_key == b"", f"{entity.name}: the first partition is not open below")
        inside = not part or (part[0] >= partition.first_key and (end is None or part[-1] < end))
        expect(inside, f"{partition.path}: a key outside the partition's range")


# --- what SQLite's value must look like ---


def double_text(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, exponent = format(abs(value), ".17e").split("e") if value == 0 else shortest(abs(value))
    digits, exponent = mantissa.replace(".", "").rstrip("0") or "0", int(exponent)
    sign = "-" if str(value).startswith("-") else ""
    if value == 0:
        return sign + "0"
    if -4 <= exponent < 15:
        if exponent < 0:
            return sign + "0." + "0" * (-exponent - 1) + digits
        whole, part = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
        return sign + whole + ("." + part if part else "")
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def is_half_way(text, value):
    """Between two doubles; such a text does not count as reading back (docs/formats/csv.md)."""
    number, exact = fractions.Fraction(text), fractions.Fraction(value)
    neighbours = [math.nextafter(value, to) for to in (0.0, math.inf)]
    return any(math.isfinite(other) and number == (exact + fractions.Fraction(other)) / 2 for other in neighbours)


def shortest(value):
    for precision in range(17):
        text = format(value, f".{precision}e")
        if float(text) == value and not is_half_way(text, value):
            return text.split("e")
    raise LakeError(f"no text for {value!r}")


def moment_text(text, scale):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}" + fraction(moment, scale) + "Z"


def fraction(moment, scale):
    return "." + f"{moment.microsecond:06d}"[:scale] if scale else ""


def wanted_cell(attribute, value):
    kind = attribute.type
    if value is None:
        return None
    if kind == "boolean":
        return (False, {0: "False", 1: "True"}[value])
    if kind == "int64":
        expect(isinstance(value, int), f"{attribute.name}: {value!r} stands in an int64")
        return (False, str(value))
    if kind == "double":
        return (False, double_text(float(value)))
    if kind == "guid":
        return (False, value.lower())
    if kind == "binary":
        return (True, base64.b64encode(value if isinstance(value, bytes) else value.encode("utf-8")).decode("ascii"))
    if kind == "date":
        return (True, value[:10])
    if kind == "time":
        moment = datetime.time.fromisoformat(value)
        return (True, f"{moment:%H:%M:%S}" + fraction(moment, attribute.scale))
    if kind == "dateTime":
        return (True, moment_text(value, attribute.scale))
    return (True, value if isinstance(value, str) else any_text(value))


def any_text(value):
    return (
        str(value)
        if isinstance(value, int)
        else sqlite3.connect(":memory:").execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()[0]
    )


# --- comparisons ---


def source_tables(db):
    """Tables that can be copied: ordinary ones with a primary key."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    own = re.compile(r"sqlite_|lakefeed_(meta|table|consumer|log)$")
    keyed = "SELECT count(*) FROM pragma_table_info(?) WHERE pk > 0"
    return [name for name in names if not own.match(name) and db.execute(keyed, (name,)).fetchone()[0] > 0]


def compare_entity(entity, db):
    alive = [index for index, attribute in enumerate(entity.attributes) if not attribute.dropped]
    cursor = db.execute(f"SELECT * FROM {quote_name(entity.table)}")
    columns = [item[0] for item in cursor.description]
    expect(
        sorted(columns) == sorted(entity.attributes[index].column for index in alive),
        f"{entity.name}: columns {columns} in the source, "
        f"{[entity.attributes[index].column for index in alive]} in the lake",
    )
    places = [(columns.index(entity.attributes[index].column), entity.attributes[index]) for index in alive]
    wanted = [tuple(wanted_cell(attribute, row[place]) for place, attribute in places) for row in cursor]
    rows = entity.rows()
    for index, attribute in enumerate(entity.attributes):
        expect(
            index in alive or all(row[index] is None for row in rows),
            f"{entity.name}: {attribute.name} was dropped, but has values",
        )
    check_keys(entity, rows)
    got = [tuple(row[index] for index in alive) for row in rows]
    if sorted(got, key=repr) != sorted(wanted, key=repr):
        only_lake, only_source = (
            sorted(set(got) - set(wanted), key=repr)[:3],
            sorted(set(wanted) - set(got), key=repr)[:3],
        )
        raise LakeError(
            f"{entity.name}: {len(got)} rows in the lake, {len(wanted)} in the source; "
            f"only in the lake {only_lake}, only in the source {only_source}"
        )


def open_source(path):
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    db.execute("PRAGMA query_only = 1")
    return db


def compare(folder, database, tables=None):
    """The lake holds exactly these tables (default: all that have a key), each with exactly the rows of the source."""
    lake = Lake(folder)
    db = open_source(database)
    try:
        db.execute("BEGIN")
        tables = source_tables(db) if tables is None else tables
        expect(
            sorted(entity.table for entity in lake.entities.values()) == sorted(tables),
            f"the lake has {sorted(e.table for e in lake.entities.values())}, wanted {sorted(tables)}",
        )
        for entity in lake.entities.values():
            expect(entity.state == "Completed", f"{entity.name} is {entity.state}: {entity.reason}")
            compare_entity(entity, db)
    finally:
        db.close()
    compare_duckdb(lake)
    return lake


def compare_duckdb(lake):
    """DuckDB reads the same cells, and finds them of the types that model.json tells."""
    import duckdb

    reader = duckdb.connect()
    for entity in lake.entities.values():
        if not entity.partitions:
            continue
        names = [f"c{index}" for index in range(len(entity.attributes))]
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
        files = ", ".join(quote_text(partition.location) for partition in entity.partitions)
        table = (
            f"read_csv([{files}], columns = {{{columns}}}, header = false, auto_detect = false, delim = ',', "
            "quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, new_line = '\\n', "
            "max_line_size = 16777216, parallel = false)"
        )
        texts = entity.texts()
        got = reader.execute(f"SELECT * FROM {table}").fetchall()
        expect(sorted(got, key=repr) == sorted(texts, key=repr), f"{entity.name}: DuckDB reads other rows")
        for name, attribute, column in zip(names, entity.attributes, zip(*texts)):
            kind = DUCKDB_CASTS.get(attribute.type)
            if kind:
                count = reader.execute(f"SELECT count(TRY_CAST({name} AS {kind})) FROM {table}").fetchone()[0]
                expect(
                    count == sum(text is not None for text in column),
                    f"{entity.name} {attribute.name}: DuckDB finds no {kind}",
                )
    reader.close()


def check_history(folder):
    """Every retained commit is whole: its record, its files, its load lists. Gives the retained commits."""
    lake = Lake(folder)
    path = lake.notes["lakefeed:history"]
    data = read_text(os.path.join(lake.folder, path))
    expect(hashlib.sha256(data).hexdigest() == lake.notes["lakefeed:historySha256"], f"{path}: the sha256 differs")
    retained = []
    for record in json.loads(data)["records"]:
        if record.get("dropped"):
            continue
        name = f"_lakefeed/commits/{int(record['commit']):010d}-{record['commitId']}.json"
        old = Lake(folder, name)
        expect(old.notes["lakefeed:commitId"] == record["commitId"], f"{name}: another commit")
        check_snapshot(old)
        retained.append(old)
    check_snapshot(lake)
    return retained


def check_snapshot(lake):
    for entity in lake.entities.values():
        check_keys(entity, entity.rows())
        if "lakefeed:loading" in entity.notes:
            data = read_text(os.path.join(lake.folder, entity.notes["lakefeed:loading"]))
            expect(
                hashlib.sha256(data).hexdigest() == entity.notes["lakefeed:loadingSha256"],
                f"{entity.name}: load list differs",
            )
            for chunk in json.loads(data)["chunks"]:
                for partition in chunk["partitions"]:
                    size = os.path.getsize(os.path.join(lake.folder, partition["path"]))
                    expect(size == int(partition["bytes"]), f"{partition['path']}: {size} bytes")


def check_readers(folder):
    """What every lake that a test leaves behind must stand: all retained commits, DuckDB, and the CDM SDK."""
    import check_cdm

    check_history(folder)
    compare_duckdb(Lake(folder))
    problems = check_cdm.check_lake(str(folder))
    expect(not problems, "; ".join(problems[:5]))


if __name__ == "__main__":
    compare(sys.argv[1], sys.argv[2])
    check_readers(sys.argv[1])
    print("equal")
