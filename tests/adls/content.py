# SPDX-License-Identifier: Apache-2.0
"""Bytes of files: small ones in memory, others as files of their own, zeros as holes, so that 5 GiB need no memory."""

import base64
import hashlib
import os
import pathlib
import shutil
import tempfile
import uuid

import checksums
from errors import ServiceError

SMALL_BYTES = 16 * 1024
PIECE_BYTES = 1024 * 1024
CRC_BYTES = 1024 * 1024  # verified below this; plain Python is slow
ZEROS = bytes(PIECE_BYTES)


class Chunk:
    """Immutable. Its file goes when nobody refers to it any more: a reader that began keeps what it reads."""

    __slots__ = ("length", "data", "path")

    def __init__(self, length, data=None, path=None):
        self.length = length
        self.data = data  # both None: all zeros
        self.path = path

    def __del__(self):
        if self.path is not None:
            try:
                os.unlink(self.path)
            except OSError:
                pass

    def read(self, begin, end):
        if self.data is not None:
            yield self.data[begin:end]
        elif self.path is None:
            for at in range(begin, end, PIECE_BYTES):
                yield ZEROS[: min(PIECE_BYTES, end - at)]
        else:
            with open(self.path, "rb") as file:
                file.seek(begin)
                for at in range(begin, end, PIECE_BYTES):
                    yield file.read(min(PIECE_BYTES, end - at))

    def to_json(self):
        if self.data is not None:
            return [self.length, base64.b64encode(self.data).decode(), None]
        return [self.length, None, os.path.basename(self.path) if self.path else None]


class Chunks:
    """The place of the chunks' files. Without a folder a temporary one, which `close` removes."""

    def __init__(self, folder=None):
        self.temporary = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="adls-server-"))
        self.folder.mkdir(parents=True, exist_ok=True)

    def from_json(self, value):
        length, data, name = value
        return Chunk(
            length, None if data is None else base64.b64decode(data), str(self.folder / name) if name else None
        )

    def forget_others(self, used):
        for path in self.folder.iterdir():
            if path.name not in used:
                path.unlink()

    def close(self):
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def store(self, pieces, length):
        """A chunk of these pieces; pieces of zeros become holes."""
        if length <= SMALL_BYTES:
            return Chunk(length, b"".join(pieces))
        path, file, at = str(self.folder / uuid.uuid4().hex), None, 0
        try:
            for piece in pieces:
                if piece != (ZEROS if len(piece) == PIECE_BYTES else ZEROS[: len(piece)]):
                    if file is None:
                        file = open(path, "wb", buffering=0)
                    if file.tell() != at:
                        file.seek(at)
                    file.write(piece)
                at += len(piece)
            if file is not None:
                file.truncate(length)
        except BaseException:
            if file is not None:
                os.unlink(path)
            raise
        finally:
            if file is not None:
                file.close()
        return Chunk(length, None, path if file is not None else None)


def total_length(chunks):
    return sum(chunk.length for chunk in chunks)


def read_range(chunks, begin, end):
    """The bytes [begin, end) of the chunks in a row."""
    at = 0
    for chunk in chunks:
        if at >= end:
            return
        if at + chunk.length > begin:
            yield from chunk.read(max(begin - at, 0), min(end - at, chunk.length))
        at += chunk.length


class Checked:
    """Pieces of a body on their way, with the sums the client sent and those it gets back."""

    def __init__(self, body, headers, always_md5):
        self.body = body
        self.md5_text = headers.get("content-md5") or None
        self.crc_text = headers.get("x-ms-content-crc64") or None
        if self.md5_text and self.crc_text:
            raise ServiceError("InvalidInput", "Content-MD5 and x-ms-content-crc64 exclude each other.")
        if self.md5_text and len(from_base64(self.md5_text) or b"") != 16:
            raise ServiceError("InvalidMd5")
        if self.crc_text and len(from_base64(self.crc_text) or b"") != 8:
            raise ServiceError("InvalidHeaderValue", "x-ms-content-crc64 is not the base64 of eight bytes.")
        self.md5 = hashlib.md5() if self.md5_text or always_md5 else None
        self.small = bytearray() if body.length < CRC_BYTES else None

    def pieces(self):
        for piece in self.body.pieces():
            if self.md5:
                self.md5.update(piece)
            if self.crc_text and self.small is not None:
                self.small += piece
            yield piece

    def verify(self):
        """After the last piece. Returns the headers of the answer."""
        if self.md5_text and from_base64(self.md5_text) != self.md5.digest():
            raise ServiceError("Md5Mismatch")
        if self.crc_text and self.small is not None:
            if checksums.crc64(bytes(self.small)).to_bytes(8, "little") != from_base64(self.crc_text):
                raise ServiceError("Crc64Mismatch")
        if self.crc_text:
            return [("x-ms-content-crc64", self.crc_text)]
        return [("Content-MD5", self.md5_text)] if self.md5_text else []


def from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
