#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a commit changed, and whether a reader sees the source: report.py LAKE_FOLDER DATABASE SEEN.json

Reads the lake through model.json with DuckDB and compares with SQLite; shares nothing with lakefeed. SEEN.json keeps
the files of this snapshot, so that the next report can tell which were kept. Exit status 1 when the lake and the
database differ.
"""

import json
import os
import sqlite3
import sys

import duckdb

DUCKDB_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "dateTime": "TIMESTAMP", "date": "DATE",
                "time": "TIME", "boolean": "BOOLEAN", "decimal": "DECIMAL(38, 10)", "guid": "UUID"}

QUESTION = """
SELECT a.name, count(*), sum(CASE WHEN f.dep_time IS NULL THEN 1 ELSE 0 END), round(avg(f.dep_delay), 2)
FROM flights f JOIN airlines a ON a.carrier = f.carrier
GROUP BY a.name ORDER BY 2 DESC, 1
"""


def annotation(thing, name):
    return next((item["value"] for item in thing.get("annotations", []) if item["name"] == name), None)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def named(text):
    return '"' + text.replace('"', '""') + '"'


def create_view(reader, entity):
    """One view over the files that model.json names. An empty cell is NULL, a quoted empty one is an empty string."""
    types = [(quoted(column["name"]), quoted(DUCKDB_TYPES[column["dataType"]])) for column in entity["attributes"]]
    columns = ", ".join(f"{name}: {kind}" for name, kind in types)
    files = ", ".join(quoted(partition["location"]) for partition in entity["partitions"])
    reader.execute(f"CREATE VIEW {named(entity['name'])} AS SELECT * FROM read_csv([{files}], columns = {{{columns}}},"
                   " header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '',"
                   " allow_quoted_nulls = false)")


def count(db, table):
    return db.execute(f"SELECT count(*) FROM {named(table)}").fetchone()[0]


def print_tables(model, seen, reader, source):
    """One line for each table; whether all counts are equal."""
    equal = True
    print(f"  {'table':<10} {'SQLite':>9} {'lake':>9}  {'files':>5} {'new':>4} {'kept':>4}")
    for entity in model["entities"]:
        name = entity["name"]
        files = [partition["location"] for partition in entity["partitions"]]
        kept = sum(file in seen for file in files)
        in_source, in_lake = count(source, name), count(reader, name)
        equal = equal and in_source == in_lake
        print(f"  {name:<10} {in_source:>9,} {in_lake:>9,}  {len(files):>5} {len(files) - kept:>4} {kept:>4}"
              + ("" if in_source == in_lake else "  DIFFERENT"))
    return equal


def print_answer(reader, source):
    """The same question to both; whether the answers are equal."""
    from_lake, from_source = reader.execute(QUESTION).fetchall(), source.execute(QUESTION).fetchall()
    print(f"\n  {'airline':<28} {'flights':>8} {'cancelled':>10} {'mean delay':>11}")
    for name, flights, cancelled, delay in from_lake[:3]:
        print(f"  {name:<28} {flights:>8,} {cancelled:>10,} {delay:>7.2f} min")
    same = len(from_lake) == len(from_source) and all(
        ours[:3] == theirs[:3] and abs(ours[3] - theirs[3]) < 0.011 for ours, theirs in zip(from_lake, from_source))
    print(f"  … {len(from_lake)} airlines; SQLite's answer is " + ("the same" if same else "DIFFERENT"))
    return same


def main(lake, database, seen_path):
    with open(os.path.join(lake, "model.json"), encoding="utf-8") as file:
        model = json.load(file)
    seen = []
    if os.path.exists(seen_path):
        with open(seen_path, encoding="utf-8") as file:
            seen = json.load(file)
    reader = duckdb.connect()
    source = sqlite3.connect(database)
    for entity in model["entities"]:
        create_view(reader, entity)
    print(f"  commit {annotation(model, 'lakefeed:commit')} of the lake, as DuckDB reads it through model.json\n")
    equal = print_tables(model, set(seen), reader, source)
    equal = print_answer(reader, source) and equal
    with open(seen_path, "w", encoding="utf-8") as file:
        json.dump([partition["location"] for entity in model["entities"] for partition in entity["partitions"]], file)
    return 0 if equal else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
