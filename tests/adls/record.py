# SPDX-License-Identifier: Apache-2.0
"""What was asked and answered, for assertions. Secrets never get in."""

import json
import re
import threading
import time

MOST = 100_000  # entries kept; then the older half goes
LEFT_OUT = {"user-agent", "accept", "accept-encoding", "accept-language", "accept-charset"}
SECRET_QUERY = re.compile(r"(?i)([?&](?:sig|code)=)[^&]*")
SECRET_HEADERS = {"authorization", "x-ms-copy-source-authorization", "x-identity-header"}


def cut(text):
    return SECRET_QUERY.sub(r"\1CUT", text)


class Recorder:
    def __init__(self, path=None):
        self.lock = threading.Lock()
        self.entries = []
        self.number = 0
        self.file = open(path, "a", encoding="utf-8", buffering=1) if path else None

    def begin(self, request, connection):
        headers = {name: cut(value) for name, value in request.headers.items() if name not in LEFT_OUT}
        for name in SECRET_HEADERS & headers.keys():
            headers[name] = headers[name].partition(" ")[0] if name == "authorization" else "CUT"
        entry = {
            "connection": connection.number,
            "use": connection.requests,
            "method": request.method,
            "path": request.raw_path,
            "query": {name: "CUT" if name.lower() in ("sig", "code") else value for name, value in request.query_pairs},
            "headers": headers,
            "endpoint": None,
            "operation": None,
            "as": None,
            "status": None,
            "code": None,
            "received": 0,
            "sent": 0,
            "fault": None,
            "time": time.time(),
        }
        with self.lock:
            self.number += 1
            entry["number"] = self.number
            self.entries.append(entry)
            if len(self.entries) > MOST:
                del self.entries[: MOST // 2]
        return entry

    def finish(self, entry):
        entry["seconds"] = round(time.time() - entry["time"], 6)
        if self.file:
            line = json.dumps(entry)
            with self.lock:
                self.file.write(line + "\n")

    def select(self, matches, since=0):
        with self.lock:
            entries = list(self.entries)
        return [entry for entry in entries if entry["number"] > since and matches(entry)]

    def clear(self):
        with self.lock:
            self.entries.clear()
            self.number = 0
