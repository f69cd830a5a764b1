# SPDX-License-Identifier: Apache-2.0
"""The fault plan: rules that say which request meets which misfortune. README.md has the list."""

import re
import threading

from clock import http_date
from errors import CODES, ServiceError

CODES_OF = {
    400: "InvalidInput", 401: "InvalidAuthenticationInfo", 403: "AuthorizationFailure", 404: "ResourceNotFound",
    408: "OperationTimedOut", 409: "InternalOperationAbortError", 412: "ConditionNotMet", 429: "TooManyRequests",
    500: "InternalError", 503: "ServerBusy",
}  # fmt: skip
ACTIONS = {
    "drop_before", "drop_after", "reset_before", "reset_after", "reset_in_body", "status", "slow_body", "slow_answer",
    "truncate", "corrupt", "stale", "close_idle", "token_expired", "role_missing", "skew", "hang", "wait",
}  # fmt: skip
CRITERIA = {"request", "method", "path", "query", "headers", "operation", "endpoint", "connection"}
COUNTERS = {"nth", "every", "times", "name", "do"}


class Rule:
    def __init__(self, plain):
        unknown = set(plain) - CRITERIA - COUNTERS
        self.action = dict(plain.get("do") or {})
        if unknown or self.action.get("action") not in ACTIONS:
            raise ValueError(f"no rule: {plain} (unknown: {sorted(unknown) or self.action.get('action')})")
        self.plain = plain
        self.matched = 0
        self.fired = 0

    def applies(self, entry):
        """Counts a match, and says whether this is one to fire at."""
        if self.action["action"] == "stale" and entry["use"] < 2:
            return False
        if not matches(self.plain, entry):
            return False
        self.matched += 1
        nth, every, times = self.plain.get("nth", 1), self.plain.get("every", 1), self.plain.get("times", 1)
        if self.matched < nth or (self.matched - nth) % every or (times and self.fired >= times):
            return False
        self.fired += 1
        return True


def matches(plain, entry):
    """`plain` holds criteria; texts are regular expressions that must fit anywhere, methods and operations exactly."""
    for name in ("method", "operation", "endpoint"):
        if name in plain and entry[name] != plain[name]:
            return False
    if "request" in plain and entry["number"] != plain["request"]:
        return False
    if "connection" in plain and entry["connection"] != plain["connection"]:
        return False
    if "path" in plain and not re.search(plain["path"], entry["path"]):
        return False
    for part in ("query", "headers"):
        for name, pattern in plain.get(part, {}).items():
            value = entry[part].get(name)
            if value is None or not re.search(pattern, value):
                return False
    return True


class Plan:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []

    def set(self, plains, keep=False):
        rules = [Rule(plain) for plain in plains]
        with self.lock:
            self.rules = (self.rules if keep else []) + rules

    def find(self, entry):
        """The action for a request, or an empty one. Every rule counts; the first that applies wins."""
        with self.lock:
            fired = [rule for rule in self.rules if rule.applies(entry)]
            for rule in fired[1:]:
                rule.fired -= 1
        if not fired:
            return {}
        entry["fault"] = fired[0].plain.get("name") or fired[0].action["action"]
        return fired[0].action

    def describe(self):
        with self.lock:
            return [{**rule.plain, "matched": rule.matched, "fired": rule.fired} for rule in self.rules]


def refusal(action, clock, tokens):
    """The error that an action makes the service answer, or None."""
    kind = action.get("action")
    if kind == "status":
        status = int(action["status"])
        headers = [(name, str(value)) for name, value in action.get("headers", {}).items()]
        if "retry_after" in action:
            headers.append(("Retry-After", str(action["retry_after"])))
        code = action.get("code") or CODES_OF.get(status, "InternalError")
        return ServiceError(code, action.get("message") or CODES.get(code, (0, code))[1], status, headers)
    if kind == "token_expired":
        return tokens.refusal("Lifetime validation failed. The token is expired.")
    if kind == "role_missing":
        return ServiceError("AuthorizationPermissionMismatch")
    if kind == "skew":
        date = http_date(clock.date() + action.get("seconds", 3600))
        return ServiceError("AuthenticationFailed", headers=[("Date", date)], detail="Request date header too old")
    return None
