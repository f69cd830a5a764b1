# SPDX-License-Identifier: Apache-2.0
"""The endpoints that issue tokens: Entra ID with secret, certificate or federated token, IMDS, App Service, Arc."""

import base64
import hashlib
import json
import pathlib
import re
import secrets
import subprocess
import tempfile
import time
import uuid

from faults import refusal
from identity import decode
from wire import Answer, decode as percent_decode

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SYSTEM_OBJECT = "44444444-4444-4444-4444-444444444444"
SYSTEM_CLIENT = "44444444-4444-4444-4444-4444444444c1"
ARC_VERSIONS = ("2019-08-15", "2019-11-01", "2020-06-01")
SKEW_S = 300


class Denied(Exception):
    def __init__(self, status, error, number, text):
        super().__init__(text)
        self.status, self.error, self.number, self.text = status, error, number, text


def reply(value, status=200, headers=()):
    return Answer(status, [("Content-Type", "application/json; charset=utf-8"), *headers], json.dumps(value).encode())


class Identity:
    def __init__(self, options, clock, tokens):
        self.options = options
        self.clock = clock
        self.tokens = tokens
        self.issued = 0
        self.arc_keys = {}  # path: what it holds

    def describe(self, request):
        """The name of the operation, for the record and the fault plan."""
        path = request.raw_path
        if path.endswith("/token") and "/oauth2/v2.0/" in path:
            return "token"
        if path == "/metadata/identity/oauth2/token":
            return "arc" if request.query.get("api-version") in ARC_VERSIONS else "imds"
        if path == "/msi/token":
            return "app_service"
        return "openid" if ".well-known" in path or path.endswith("/discovery/instance") else "other"

    def answer(self, request, body, record, action):
        fault = refusal(action, self.clock, self.tokens)
        if fault is not None:
            record["code"] = fault.code
            return reply(
                {"error": "temporarily_unavailable", "error_description": fault.message}, fault.status, fault.headers
            )
        name = record["operation"].partition(".")[2]
        try:
            return getattr(self, f"do_{name}")(request, body)
        except Denied as denied:
            record["code"] = f"AADSTS{denied.number}" if denied.number else denied.error
            return self.deny(denied)

    def deny(self, denied):
        text = f"AADSTS{denied.number}: {denied.text}" if denied.number else denied.text
        value = {"error": denied.error, "error_description": f"{text} Trace ID: {uuid.uuid4()}"}
        if denied.number:
            value |= {"error_codes": [denied.number], "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())}
            value |= {"trace_id": str(uuid.uuid4()), "correlation_id": str(uuid.uuid4())}
        return reply(value, denied.status)

    def do_other(self, *_):
        return reply({"error": "not_found"}, 404)

    def base(self, request):
        return f"{'https' if self.options.tls else 'http'}://{request.header('host', '')}"

    def do_openid(self, request, _):
        base = self.base(request)
        if request.raw_path.endswith("/discovery/instance"):
            url = f"{base}/{self.options.tenant}/v2.0/.well-known/openid-configuration"
            return reply({"tenant_discovery_endpoint": url, "api-version": "1.1", "metadata": []})
        tenant = request.raw_path.split("/")[1]
        self.check_tenant(tenant)
        return reply(
            {
                "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
                "issuer": f"{base}/{tenant}/v2.0",
            }
        )

    def check_tenant(self, tenant):
        if tenant != self.options.tenant:
            raise Denied(400, "invalid_request", 90002, f"Tenant '{tenant}' not found. Check the tenant ID.")

    def do_token(self, request, body):
        if request.method != "POST" or "x-www-form-urlencoded" not in request.header("content-type", ""):
            raise Denied(400, "invalid_request", 900144, "The request body must be a form.")
        form = dict(parse_form((body.read() or b"").decode("utf-8", "replace")))
        self.check_tenant(request.raw_path.split("/")[1])
        if form.get("grant_type") != "client_credentials":
            raise Denied(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client = form.get("client_id")
        if client != self.options.client_id:
            raise Denied(400, "unauthorized_client", 700016, f"Application '{client}' was not found in the directory.")
        scope = form.get("scope", "").split(" ")[0]
        if not scope.endswith("/.default"):
            raise Denied(400, "invalid_scope", 1002012, f"The provided value for scope {scope} is not valid.")
        if "client_assertion" in form:
            self.check_assertion(request, form)
        elif "client_secret" not in form:
            raise Denied(
                401, "invalid_client", 7000218, "The request body must contain client_assertion or client_secret."
            )
        elif form["client_secret"] != self.options.secret:
            raise Denied(401, "invalid_client", 7000215, "Invalid client secret provided.")
        self.issued += 1
        token = self.tokens.issue(self.options.object_id, client, scope.removesuffix("/.default"))
        lifetime = self.options.token_s
        value = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
        if lifetime >= 7200:
            value["refresh_in"] = lifetime // 2
        return reply(value, headers=[("Cache-Control", "no-store"), ("Pragma", "no-cache")])

    def check_assertion(self, request, form):
        if form.get("client_assertion_type") != ASSERTION:
            raise Denied(400, "invalid_request", 900144, "client_assertion_type is missing or unknown.")
        assertion = form["client_assertion"]
        if self.options.federated_token_file:
            if assertion == pathlib.Path(self.options.federated_token_file).read_text("utf-8").strip():
                return
            if not self.options.certificate:
                raise Denied(401, "invalid_client", 700211, "No matching federated identity record found.")
        if not self.options.certificate:
            raise Denied(401, "invalid_client", 7000215, "The application has no certificate.")
        try:
            head, claims, mac = assertion.split(".")
            header, values, sign = json.loads(decode(head)), json.loads(decode(claims)), decode(mac)
        except ValueError:
            raise Denied(400, "invalid_request", 50027, "JWT token is invalid or malformed.") from None
        self.check_certificate(header, f"{head}.{claims}".encode(), sign)
        self.check_claims(request, values)

    def check_certificate(self, header, text, sign):
        pem = pathlib.Path(self.options.certificate).read_text("ascii")
        body = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)[1]
        der = base64.b64decode(body)
        prints = {"x5t": hashlib.sha1(der).digest(), "x5t#S256": hashlib.sha256(der).digest()}
        given = [name for name in prints if name in header]
        if not given or any(decode(header[name]) != prints[name] for name in given):
            raise Denied(
                401, "invalid_client", 700027, "The certificate with identifier used to sign is not registered."
            )
        if header.get("alg") not in ("RS256", "PS256") or not verify(pem, header["alg"], text, sign):
            raise Denied(401, "invalid_client", 700027, "Client assertion failed signature validation.")

    def check_claims(self, request, claims):
        client, now = self.options.client_id, self.clock.date()
        audience = re.fullmatch(r"https?://[^/]+(/.*)", str(claims.get("aud")))
        if not audience or audience[1] != request.raw_path:
            raise Denied(401, "invalid_client", 700023, "Client assertion audience claim does not match the realm.")
        if claims.get("iss") != client or claims.get("sub") != client:
            raise Denied(401, "invalid_client", 700021, "Client assertion application identifier does not match.")
        if not claims.get("jti"):
            raise Denied(401, "invalid_client", 50027, "Client assertion has no jti.")
        begin, end = claims.get("nbf", claims.get("iat", now)), claims.get("exp", 0)
        if not begin - SKEW_S <= now < end + SKEW_S or end - now > 24 * 3600:
            raise Denied(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")

    def managed(self, request, selectors):
        """The answer of all managed identities: numbers are strings."""
        query = request.query
        if not query.get("resource"):
            raise Denied(400, "invalid_request", None, "Required query variable 'resource' is missing")
        given = [name for name in selectors if name in query]
        known = {"client_id": self.options.user_client_id, "object_id": self.options.user_object_id,
                 "principal_id": self.options.user_object_id}  # fmt: skip
        for name in given:
            if query[name] != known.get(name, self.options.user_resource_id):
                raise Denied(400, "invalid_request", None, "Identity not found")
        object_id = self.options.user_object_id if given else SYSTEM_OBJECT
        client = self.options.user_client_id if given else SYSTEM_CLIENT
        self.issued += 1
        now = self.clock.steady()
        value = {
            "access_token": self.tokens.issue(object_id, client, query["resource"]), "client_id": client,
            "expires_in": str(self.options.token_s), "expires_on": str(int(now + self.options.token_s)),
            "not_before": str(int(now)), "resource": query["resource"], "token_type": "Bearer",
        }  # fmt: skip
        return reply(value)

    def do_imds(self, request, _):
        if request.header("metadata", "").lower() != "true" or request.header("x-forwarded-for"):
            raise Denied(400, "invalid_request", None, "Required metadata header not specified")
        if "api-version" not in request.query:
            raise Denied(400, "invalid_request", None, "Required query variable 'api-version' is missing")
        return self.managed(request, ("client_id", "object_id", "msi_res_id", "mi_res_id"))

    def do_app_service(self, request, _):
        if request.header("x-identity-header") != self.options.identity_header:
            raise Denied(401, "invalid_request", None, "X-IDENTITY-HEADER is wrong")
        if request.query.get("api-version") != "2019-08-01":
            raise Denied(400, "invalid_request", None, "api-version is wrong")
        return self.managed(request, ("client_id", "principal_id", "mi_res_id"))

    def do_arc(self, request, _):
        if not self.options.arc_dir:
            raise Denied(404, "not_found", None, "This machine is not connected")
        if request.header("metadata", "").lower() != "true":
            raise Denied(400, "invalid_request", None, "Required metadata header not specified")
        scheme, _, given = request.header("authorization", "").partition(" ")
        found = next((path for path, held in self.arc_keys.items() if scheme == "Basic" and held == given), None)
        if found is not None:
            del self.arc_keys[found]
            pathlib.Path(found).unlink(missing_ok=True)
            return self.managed(request, ("client_id", "object_id", "msi_res_id"))
        path = pathlib.Path(self.options.arc_dir) / f"{uuid.uuid4()}.key"
        path.write_text(secrets.token_hex(16))
        path.chmod(0o640)
        self.arc_keys[str(path)] = path.read_text()
        return Answer(401, [("WWW-Authenticate", f"Basic realm={path}")])


def parse_form(text):
    for part in text.split("&"):
        name, _, value = part.partition("=")
        yield percent_decode(name.replace("+", " ")), percent_decode(value.replace("+", " ")) or ""


def verify(pem, algorithm, text, sign):
    """By the openssl command: Python's library has no RSA."""
    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if algorithm == "PS256" else []
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        (at / "cert.pem").write_text(pem)
        (at / "text").write_bytes(text)
        (at / "sign").write_bytes(sign)
        key = ["openssl", "x509", "-in", "cert.pem", "-pubkey", "-noout", "-out", "key.pem"]
        check = ["openssl", "dgst", "-sha256", "-verify", "key.pem", *padding, "-signature", "sign", "text"]
        return all(subprocess.run(command, cwd=at, capture_output=True).returncode == 0 for command in (key, check))
