# SPDX-License-Identifier: Apache-2.0
"""Reads the messages of the plug-in pgoutput, protocol 1, for tests that state what the server sends."""

import struct


class Reader:
    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def take(self, layout):
        values = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return values if len(values) > 1 else values[0]

    def bytes(self, size):
        self.at += size
        return self.data[self.at - size : self.at]

    def text(self):
        end = self.data.index(b"\0", self.at)
        text = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return text

    def tuple(self):
        """A cell is its text, None, or Ellipsis when it was not sent."""
        cells = []
        for _ in range(self.take("h")):
            kind = self.bytes(1)
            if kind == b"n":
                cells.append(None)
            elif kind == b"u":
                cells.append(...)
            else:
                cells.append(self.bytes(self.take("i")).decode("utf-8"))
        return tuple(cells)


def decode(data):
    reader = Reader(data)
    kind = reader.bytes(1).decode("ascii")
    rest = {
        "B": lambda: reader.take("qqi"),
        "C": lambda: reader.take("bqqq"),
        "R": lambda: relation(reader),
        "Y": lambda: (reader.take("i"), reader.text(), reader.text()),
        "T": lambda: truncate(reader),
        "M": lambda: (reader.take("bq"), reader.text(), reader.bytes(reader.take("i"))),
        "O": lambda: (reader.take("q"), reader.text()),
    }
    if kind in rest:
        return kind, rest[kind]()
    assert kind in "IUD", kind
    oid, tuples = reader.take("i"), {}
    while reader.at < len(reader.data):
        which = reader.bytes(1).decode("ascii")
        tuples[which] = reader.tuple()
    return kind, oid, tuples


def relation(reader):
    oid, schema, name = reader.take("i"), reader.text(), reader.text()
    identity, count = reader.bytes(1), reader.take("h")
    columns = [(reader.take("b"), reader.text(), reader.take("ii")) for _ in range(count)]
    return {
        "oid": oid,
        "schema": schema,
        "name": name,
        "identity": identity.decode("ascii"),
        "columns": [name for _, name, _ in columns],
        "key": [name for flag, name, _ in columns if flag & 1],
    }


def truncate(reader):
    count, flags = reader.take("ib")
    return flags, [reader.take("i") for _ in range(count)]
