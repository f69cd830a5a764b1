# SPDX-License-Identifier: Apache-2.0
"""Tokens: what the storage service accepts, and the endpoints that issue them."""

import base64
import hashlib
import hmac
import json

from errors import ServiceError

AUDIENCES = ("https://storage.azure.com/", "https://storage.azure.com")
ROLES = {
    "none": "",
    "reader": "rle",
    "contributor": "racwdlme",
    "owner": "racwdlxtmeopyi",
}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Makes and verifies bearer tokens. They need no state, so they outlast a restart."""

    def __init__(self, options, clock, key):
        self.options = options
        self.clock = clock
        self.key = hashlib.sha256(b"tokens" + key).digest()
        self.roles = {}  # object id: role; others have options.role
        self.valid_from = 0.0

    def issue(self, object_id, client_id, resource):
        now = self.clock.steady()
        claims = {
            "aud": resource, "oid": object_id, "appid": client_id, "tid": self.options.tenant, "nbf": int(now),
            "exp": int(now + self.options.token_s), "at": now,
        }  # fmt: skip
        head = encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        text = f"{head}.{encode(json.dumps(claims).encode())}"
        return f"{text}.{encode(hmac.new(self.key, text.encode(), hashlib.sha256).digest())}"

    def verify(self, token):
        try:
            text, _, mac = token.rpartition(".")
            right = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
            claims = json.loads(decode(text.partition(".")[2])) if hmac.compare_digest(decode(mac), right) else None
        except ValueError:
            claims = None
        if claims is None:
            raise self.refusal("Signature validation failed.")
        own = not self.options.onelake and str(claims["aud"]).startswith(f"https://{self.options.account}.")
        if claims["aud"] not in AUDIENCES and not own:
            raise self.refusal("Audience validation failed. Audience did not match.")
        if self.clock.steady() >= claims["exp"] or claims["at"] < self.valid_from:
            raise self.refusal("Lifetime validation failed. The token is expired.")
        if claims["tid"] != self.options.tenant:
            raise self.refusal("Issuer validation failed. Issuer did not match.")
        return claims

    def letters(self, claims):
        return ROLES[self.roles.get(claims["oid"], self.options.role)]

    def expire_all(self):
        self.valid_from = self.clock.steady()

    def challenge(self, error=None):
        text = f"Bearer authorization_uri=https://login.microsoftonline.com/{self.options.tenant}/oauth2/authorize"
        return (
            "WWW-Authenticate",
            f"{text} resource_id=https://storage.azure.com" + (f" error={error}" if error else ""),
        )

    def refusal(self, detail):
        code = "InvalidAuthenticationInfo"
        return ServiceError(code, status=401, headers=[self.challenge("invalid_token")], detail=detail)
