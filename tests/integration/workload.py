#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An application that writes: workload.py DATABASE SEED [PAUSE_MS]; ends with its transaction when it is terminated.

Money moves between accounts, each time with a row in transfer, so that in every consistent snapshot each balance is
what the transfers make of BEGIN. Beside that it does what is hard to follow: REPLACE through UNIQUE columns, key
changes, rollbacks.
"""

import random
import signal
import sqlite3
import sys
import time

BEGIN = 1000
ACCOUNTS = 20
TABLES = f"""
CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT NOT NULL, note TEXT);
CREATE TABLE transfer(id INTEGER PRIMARY KEY AUTOINCREMENT, source INT, target INT, amount INT, at DATETIME);
CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT UNIQUE, note TEXT);
CREATE TABLE place("row" TEXT, "column" INT, v BLOB, PRIMARY KEY("row", "column")) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})
    INSERT INTO account SELECT i, {BEGIN}, NULL FROM n;
"""


def create(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = wal")
    db.executescript(TABLES)
    db.close()


def transfer(db, dice):
    source, target, amount = dice.randint(1, ACCOUNTS), dice.randint(1, ACCOUNTS), dice.randint(1, 50)
    db.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, source))
    db.execute(
        "INSERT INTO transfer(source, target, amount, at) VALUES(?, ?, ?, strftime('%Y-%m-%dT%H:%M:%f', 'now'))",
        (source, target, amount),
    )
    db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, target))


def tag(db, dice):
    key, name = dice.randrange(60), dice.choice(["", "a", "b"]) + str(dice.randrange(40))
    db.execute(
        dice.choice(
            [
                "INSERT OR REPLACE INTO tag(id, name, note) VALUES(?1, ?2, 'r')",
                "UPDATE OR REPLACE tag SET name = ?2 WHERE id = ?1",
                "UPDATE OR REPLACE tag SET id = ?1 WHERE name = ?2",
                "DELETE FROM tag WHERE id = ?1 OR name = ?2",
                "UPDATE tag SET note = CASE WHEN note IS NULL THEN '' END WHERE id >= ?1 AND name > ?2",
            ]
        ),
        (key, name),
    )


def place(db, dice):
    row, column = dice.choice(["", "x", "y\n", "ü"]), dice.randrange(25)
    db.execute(
        dice.choice(
            [
                "REPLACE INTO place VALUES(?1, ?2, randomblob(9))",
                "UPDATE OR REPLACE place SET \"column\" = ?2 + 1 WHERE \"row\" = ?1 AND \"column\" = ?2",
                "DELETE FROM place WHERE \"row\" = ?1 AND \"column\" > ?2",
            ]
        ),
        (row, column),
    )


def step(db, dice):
    db.execute("BEGIN IMMEDIATE")
    for _ in range(dice.choice([1, 1, 2, 5, 30])):
        dice.choice([transfer, transfer, tag, place])(db, dice)
    db.execute("ROLLBACK" if dice.random() < 0.1 else "COMMIT")


def is_consistent(accounts, transfers):
    """accounts: (id, balance); transfers: (source, target, amount)"""
    wanted = dict.fromkeys(range(1, ACCOUNTS + 1), BEGIN)
    for source, target, amount in transfers:
        wanted[source] -= amount
        wanted[target] += amount
    return dict(accounts) == wanted


def main(path, seed, pause_ms="0"):
    dice = random.Random(int(seed))
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    db = sqlite3.connect(path, timeout=60, isolation_level=None)
    db.execute("PRAGMA synchronous = normal")
    while not ended:
        step(db, dice)
        time.sleep(int(pause_ms) / 1000)
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
