# SPDX-License-Identifier: Apache-2.0
"""Who may do what by account key or shared access signature."""

import base64
import hashlib
import hmac

from clock import parse_http_date, parse_iso_date
from errors import ServiceError

SKEW_S = 15 * 60
SIGNED_HEADERS = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip
ALL_LETTERS = frozenset("racwdlxtmeopyi")


class Access:
    """What the caller of one request may do. `levels` are the kinds of resources an account SAS covers."""

    def __init__(self, kind, letters=ALL_LETTERS, levels="sco", name=None):
        self.kind = kind
        self.letters = frozenset(letters)
        self.levels = levels
        self.name = name

    def require(self, letters, level="o"):
        """One of these letters on a service (s), filesystem (c) or path (o)."""
        if level not in self.levels:
            code = "AuthorizationResourceTypeMismatch" if self.kind == "account sas" else "AuthorizationFailure"
            raise ServiceError(code)
        if not self.letters & set(letters):
            raise ServiceError("AuthorizationPermissionMismatch")


def signature(key, text):
    return base64.b64encode(hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()).decode()


def string_to_sign(request, account):
    headers = request.headers
    lines = [request.method]
    for name in SIGNED_HEADERS:
        value = headers.get(name, "")
        if (name == "content-length" and value == "0") or (name == "date" and "x-ms-date" in headers):
            value = ""
        lines.append(value)
    lines += [f"{name}:{value.strip()}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
    resource = f"/{account}{request.raw_path}"
    values = {}
    for name, value in request.query_pairs:
        values.setdefault(name.lower(), []).append(value)
    for name in sorted(values):
        resource += f"\n{name}:{','.join(sorted(values[name]))}"
    return "\n".join([*lines, resource])


def check_shared_key(request, account, key, clock):
    value = request.headers["authorization"].partition(" ")[2]
    name, colon, given = value.partition(":")
    date = request.header("x-ms-date") or request.header("date")
    when = parse_http_date(date) if date else None
    if when is None:
        raise ServiceError("AuthenticationFailed", detail="The Date header in the request is incorrect or missing.")
    if abs(when - clock.date()) > SKEW_S:
        raise ServiceError("AuthenticationFailed", detail=f"Request date header too old: '{date}'")
    text = string_to_sign(request, account)
    if name != account or not colon or not hmac.compare_digest(given.encode(), signature(key, text).encode()):
        raise ServiceError(
            "AuthenticationFailed",
            detail="The MAC signature found in the HTTP request is not the same as any computed signature. "
            f"Server used following string to sign: '{text}'.",
        )
    return Access("key", name=account)


class Sas:
    """The parameters of a signature, as they stand in a query."""

    def __init__(self, query):
        self.query = query

    def get(self, name):
        return self.query.get(name, "")

    def lines(self, names):
        return "".join(self.get(name) + "\n" for name in names.split())

    def failed(self, detail):
        return ServiceError("AuthenticationFailed", detail=detail)

    def check_times(self, clock):
        now = clock.steady()
        expiry = parse_iso_date(self.get("se"))
        start = parse_iso_date(self.get("st")) if self.get("st") else None
        if expiry is None or (self.get("st") and start is None):
            raise self.failed("se is mandatory, and st and se are ISO 8601 dates. Cannot be empty")
        if now >= expiry or (start is not None and now < start - SKEW_S):
            raise self.failed(f"Signature not valid in the specified time frame: Start [{self.get('st')}] - Expiry "
                              f"[{self.get('se')}]")  # fmt: skip

    def check_origin(self, secure, address):
        if self.get("spr") == "https" and not secure:
            raise ServiceError("AuthorizationProtocolMismatch")
        low, _, high = self.get("sip").partition("-")
        if low and not packed(low) <= packed(address) <= packed(high or low):
            raise ServiceError("AuthorizationSourceIPMismatch")

    def account_string(self, account):
        text = account + "\n" + self.lines("sp ss srt st se sip spr sv")
        return text + (self.lines("ses") if self.get("sv") >= "2020-12-06" else "")

    def service_string(self, account, filesystem, path):
        version = self.get("sv")
        resource = f"/blob/{account}/{filesystem}"
        if self.get("sr") == "d":
            depth = self.get("sdd")
            parts = path.split("/")[: int(depth)] if depth.isdigit() else ["?"]
            path = "/".join(parts)
        if self.get("sr") in ("b", "d", "bs", "bv") and path:
            resource += "/" + path
        text = self.lines("sp st se") + resource + "\n"
        if self.get("skoid"):
            text += self.lines("skoid sktid skt ske sks skv saoid suoid scid")
            if version >= "2025-07-05":
                text += self.lines("skdutid sduoid")
        else:
            text += self.lines("si")
        text += self.lines("sip spr sv sr") + "\n"
        text += self.lines("ses") if version >= "2020-12-06" else ""
        if self.get("skoid") and version >= "2026-04-06":
            text += "\n\n"  # signed headers and parameters: not used here
        return (text + self.lines("rscc rscd rsce rscl rsct"))[:-1]

    def check(self, account, key, clock, filesystem, path, level):
        """Returns the access it gives. `key` is a function: of a user delegation it makes another one."""
        given = self.get("sig")
        service = not self.get("ss")
        text = self.service_string(account, filesystem, path) if service else self.account_string(account)
        if not self.get("sv") or not hmac.compare_digest(given.encode(), signature(key(self), text).encode()):
            raise self.failed(f"Signature did not match. String to sign used was {text}")
        self.check_times(clock)
        if not service:
            if "b" not in self.get("ss"):
                raise ServiceError("AuthorizationServiceMismatch")
            return Access("account sas", self.get("sp"), self.get("srt"), account)
        levels = "o"
        if self.get("sr") == "c" or (self.get("sr") == "d" and self.get("sdd") == "0"):
            levels = "co" if level == "c" and set("lcwd") & set(self.get("sp")) else "o"
        return Access("service sas", self.get("sp"), levels, self.get("skoid") or account)


def packed(address):
    try:
        return tuple(int(part) for part in address.split("."))
    except ValueError:
        return (0,)


def delegation_key(key, sas):
    """The value of the user delegation key with these times: made anew each time, kept nowhere."""
    text = "\n".join(["user delegation", *(sas.get(name) for name in ("skoid", "sktid", "skt", "ske", "sks", "skv"))])
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
