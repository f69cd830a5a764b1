# SPDX-License-Identifier: Apache-2.0
"""One request and its answer on a connection, with the misfortune that the fault plan has for it."""

import time

import control
from faults import refusal
from wire import Answer, Body, Disconnected

HANG_S = 600


class Reset(Exception):
    """The connection ends with a reset."""


class Exchange:
    def __init__(self, server):
        self.server = server

    def serve(self, connection):
        """False when the connection ends."""
        request = connection.read_request()
        length = request.header("content-length", "0")
        if not length.isdigit():
            return False
        body = Body(connection, int(length), "100-continue" in request.header("expect", "").lower())
        if self.server.control and request.raw_path.startswith(control.PREFIX):
            return self.finish(connection, request, body, self.server.control.answer(request, body), {})
        record = self.server.recorder.begin(request, connection)
        record["received"] = body.length
        try:
            answer, action = self.answer(connection, request, body, record)
        finally:  # before the answer: who has it may look at the record
            self.server.recorder.finish(record)
        return self.finish(connection, request, body, answer, action)

    def answer(self, connection, request, body, record):
        """(answer, action of the fault plan)"""
        storage = self.server.service.addresses(request)
        if storage:
            call, error, record["endpoint"], name = self.server.service.describe(request, body)
        else:
            call, error, record["endpoint"], name = None, None, "identity", self.server.identity.describe(request)
        record["operation"] = f"{record['endpoint']}.{name}"
        action = self.server.plan.find(record)
        kind = action.get("action")
        self.before(connection, body, action)
        fault = refusal(action, self.server.clock, self.server.tokens)
        if kind == "status" and action.get("plain"):
            answer = Answer(action["status"], [("Content-Type", "text/html")], b"<html><body>proxy</body></html>")
        elif not storage:
            answer = self.server.identity.answer(request, body, record, action)
        elif fault is not None and action.get("after"):
            self.server.service.answer(request, call, error, record, None)
            answer = self.server.service.answer(request, call, error, record, fault)
        else:
            answer = self.server.service.answer(request, call, error, record, fault)
        record["status"] = answer.status
        record["code"] = record["code"] or next(
            (value for name, value in answer.headers if name == "x-ms-error-code"), None
        )
        if kind in ("drop_after", "reset_after") or (kind == "hang" and action.get("after")):
            body.drain()
            self.lose(kind, action)
        record["sent"] = answer.length
        return answer, action

    def before(self, connection, body, action):
        """What happens before the effect."""
        kind = action.get("action")
        if kind in ("drop_before", "reset_before", "stale") or (kind == "hang" and not action.get("after")):
            if kind != "stale" and not body.waits:
                body.drain()
            self.lose(kind, action)
        if kind == "reset_in_body":
            left = action.get("bytes", body.length // 2)
            for piece in body.pieces():
                left -= len(piece)
                if left <= 0:
                    break
            raise Reset
        if kind == "wait":
            time.sleep(action.get("seconds", 1))
        if kind == "slow_body":
            body.rate = action.get("bytes_per_s", 1 << 20)

    def lose(self, kind, action):
        """The client never gets an answer."""
        if kind == "hang":
            time.sleep(action.get("seconds", HANG_S))
        if kind in ("reset_before", "reset_after", "stale"):
            raise Reset
        raise Disconnected

    def finish(self, connection, request, body, answer, action):
        """Sends the answer."""
        kind = action.get("action")
        clean = body.drain()
        answer.close = not clean or request.header("connection", "").lower() == "close"
        if kind == "slow_answer":
            time.sleep(action.get("seconds", 0))
            connection.send(request, answer, rate=action.get("bytes_per_s", 1 << 20))
        elif kind == "truncate":
            connection.send(request, answer, cut=action.get("bytes", answer.length // 2))
            return False
        else:
            if kind == "corrupt" and answer.length:
                answer.body = corrupted(answer)
            connection.send(request, answer)
        if not clean:
            connection.close_politely()
        return not answer.close and kind != "close_idle"


def corrupted(answer):
    data = bytearray(answer.body if isinstance(answer.body, bytes) else b"".join(answer.body))
    data[len(data) // 2] ^= 1
    return bytes(data)
