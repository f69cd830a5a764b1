# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as the service speaks it: requests, bodies that need no memory, answers."""

import re
import socket
import struct
import time
from urllib.parse import unquote_to_bytes

PIECE_BYTES = 1024 * 1024
HEAD_BYTES = 64 * 1024
DRAIN_BYTES = 64 * 1024 * 1024

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required",
    412: "Precondition Failed", 413: "Payload Too Large", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


class Disconnected(Exception):
    """The other side is gone, or sent what is no HTTP."""


def decode(text):
    """Percent-decodes; None when the escapes or the UTF-8 are wrong."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return None
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None


def parse_query(text):
    """[(name, value)]: '+' stands for itself, as the service has it."""
    pairs = []
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        pairs.append((decode(name) or "", decode(value) or ""))
    return pairs


class Query(dict):
    """Names in any case, as the service takes them."""

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Request:
    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.raw_path, _, self.raw_query = target.partition("?")
        self.query_pairs = parse_query(self.raw_query)
        self.query = Query((name.lower(), value) for name, value in self.query_pairs)
        self.headers = headers

    def header(self, name, default=None):
        return self.headers.get(name, default)


class Answer:
    """`body` is bytes, or an iterable of bytes with `length`."""

    def __init__(self, status=200, headers=(), body=b"", length=None):
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.length = len(body) if length is None else length
        self.code = None  # x-ms-error-code
        self.close = False


class Body:
    """What follows a request's head. `pieces` asks for it, if the client waits to be asked."""

    def __init__(self, connection, length, waits):
        self.connection = connection
        self.length = length
        self.left = length
        self.waits = waits
        self.rate = None  # bytes per second, when a fault slows it

    def pieces(self):
        if self.waits:
            self.waits = False
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while self.left:
            piece = self.connection.read(min(self.left, PIECE_BYTES))
            self.left -= len(piece)
            if self.rate:
                time.sleep(len(piece) / self.rate)
            yield piece

    def read(self, limit=16 * 1024 * 1024):
        if self.length > limit:
            return None
        return b"".join(self.pieces())

    def drain(self):
        """True when the connection stands before the next request."""
        if self.left == 0:
            return True
        if self.waits or self.left > DRAIN_BYTES:
            return False
        for _ in self.pieces():
            pass
        return True


class Connection:
    def __init__(self, sock, number, secure, address):
        self.sock = sock
        self.number = number
        self.secure = secure
        self.address = address
        self.requests = 0
        self.buffer = b""
        self.flags = 0 if secure else socket.MSG_WAITALL

    def receive(self, count, flags=0):
        try:
            data = self.sock.recv(count, flags)
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        return data

    def read(self, count):
        """At most so many bytes; large pieces, because each costs."""
        if self.buffer:
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            return piece
        return self.receive(count, self.flags)

    def write(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Disconnected from error

    def read_head(self):
        """The lines before the body."""
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self.buffer) > HEAD_BYTES:
                raise Disconnected
            self.buffer += self.receive(HEAD_BYTES)
        head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        return head.decode("utf-8", "surrogateescape").split("\r\n")

    def read_request(self):
        lines = self.read_head()
        match = re.fullmatch(r"([A-Z]+) (\S+) HTTP/1\.[01]", lines[0])
        if not match:
            raise Disconnected
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            name = name.lower()
            if not colon or name != name.strip():
                raise Disconnected
            value = value.strip(" \t")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        target = match[2]
        if target.startswith(("http://", "https://")):  # as a proxy gets it
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        self.requests += 1
        return Request(match[1], target, headers)

    def send(self, request, answer, rate=None, cut=None):
        """Sends the answer; with `cut` only so many bytes of its body."""
        head = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Status')}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        names = {name.lower() for name, _ in answer.headers}
        if "content-length" not in names and answer.status != 304:
            head.append(f"Content-Length: {answer.length}")
        if answer.close:
            head.append("Connection: close")
        data = ("\r\n".join(head) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        if request.method == "HEAD" or answer.status == 304:
            self.write(data)
            return
        pieces = (answer.body,) if isinstance(answer.body, bytes) else answer.body
        left = answer.length if cut is None else min(cut, answer.length)
        for piece in pieces:
            piece = piece[:left]
            left -= len(piece)
            if rate:
                self.send_slowly(data + piece, rate)
            else:
                self.write(data + bytes(piece))
            data = b""
        if data:
            self.write(data)

    def send_slowly(self, data, rate):
        step = max(1, int(rate / 20))
        for begin in range(0, len(data), step):
            self.write(data[begin : begin + step])
            time.sleep(step / rate)

    def close(self, reset=False):
        try:
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.sock.close()

    def close_politely(self):
        """After a refusal before the body: waits for the client to see it, or a reset would eat the answer."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(2)
            left = DRAIN_BYTES
            while left > 0:
                piece = self.sock.recv(PIECE_BYTES)
                if not piece:
                    break
                left -= len(piece)
        except OSError:
            pass
        self.close()
