# SPDX-License-Identifier: Apache-2.0
"""The control endpoint /__control/…: for tests, beside the names of the service. README.md has the list."""

import json

from faults import matches
from identity import ROLES
from store import Node
from wire import Answer

PREFIX = "/__control/"
SETTABLE = {
    "blob", "shared_key", "http_tokens", "page_size", "empty_pages", "delete_page", "delete_pages_always", "max_body",
    "max_blocks",
    "rename_checks", "rename_etag", "put_blob_exists", "role", "secret", "token_s", "reject", "federated_token_file",
}  # fmt: skip


class Control:
    def __init__(self, server):
        self.server = server

    def answer(self, request, body):
        verb = request.raw_path[len(PREFIX) :]
        function = getattr(self, f"do_{verb}", None)
        if function is None:
            return reply({"error": f"no verb {verb}"}, 404)
        try:
            text = body.read()
            return reply(function(json.loads(text) if text else {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return reply({"error": f"{type(error).__name__}: {error}"}, 400)

    def do_faults(self, given):
        if given:
            self.server.plan.set(given["rules"], given.get("keep", False))
        return {"rules": self.server.plan.describe()}

    def do_clock(self, given):
        clock = self.server.clock
        clock.advanced += given.get("advance", 0)
        clock.skew = given.get("skew", clock.skew)
        return {"advanced": clock.advanced, "skew": clock.skew}

    def do_roles(self, given):
        """Of one object id, or of all that have none of their own."""
        if given:
            if given["role"] not in ROLES:
                raise ValueError(given["role"])
            if "principal" in given:
                self.server.tokens.roles[given["principal"]] = given["role"]
            else:
                self.server.options.role = given["role"]
        return {"role": self.server.options.role, "roles": self.server.tokens.roles}

    def do_tokens(self, given):
        if given.get("expire"):
            self.server.tokens.expire_all()
        return {"valid_from": self.server.tokens.valid_from, "issued": self.server.identity.issued}

    def do_requests(self, given):
        return {"requests": self.select(given)}

    def do_count(self, given):
        return {"count": len(self.select(given))}

    def select(self, given):
        criteria = given.get("match", {})
        return self.server.recorder.select(lambda entry: matches(criteria, entry), given.get("since", 0))

    def do_options(self, given):
        unknown = set(given) - SETTABLE
        if unknown:
            raise ValueError(f"cannot be set: {sorted(unknown)}")
        vars(self.server.options).update(given)
        return {name: getattr(self.server.options, name) for name in sorted(SETTABLE)}

    def do_reset(self, given):
        what = given.get("what", ["faults", "requests", "clock"])
        if "faults" in what:
            self.server.plan.set([])
        if "requests" in what:
            self.server.recorder.clear()
        if "clock" in what:
            self.server.clock.advanced = self.server.clock.skew = 0
        if "state" in what:
            with self.server.store.lock:
                for name in list(self.server.store.filesystems):
                    self.server.store.drop_filesystem(name)
                self.server.service.deleted.clear()
        return {}

    def do_fill(self, given):
        """Empty files, many of them, faster than by as many requests."""
        store = self.server.store
        with store.lock:
            filesystem = store.filesystems[given["filesystem"]]
            width = len(str(given["count"] - 1))
            store.make_parents(filesystem, given["directory"] + "/x")
            for number in range(given["count"]):
                node = Node(store.clock, False)
                store.touch(node)
                store.save(filesystem, f"{given['directory']}/{number:0{width}}", node)
        return {}

    def do_state(self, _):
        with self.server.store.lock:
            return {
                filesystem.name: {
                    path: {
                        "directory": node.directory,
                        "length": node.length,
                        "etag": node.etag,
                        "lease": node.lease.state(),
                        "lease_id": node.lease.id,
                        "staged": {position: chunk.length for position, chunk in sorted(node.staged.items())},
                        "properties": node.properties,
                        "metadata": node.metadata,
                    }
                    for path, node in filesystem.nodes.items()
                }
                for filesystem in self.server.store.filesystems.values()
            }


def reply(value, status=200):
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value).encode())
