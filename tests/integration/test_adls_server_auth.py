# SPDX-License-Identifier: Apache-2.0
"""The test server lets in whom the service would: shared keys, signatures, tokens, roles; and OneLake's differences."""

import email.utils
import time
import urllib.parse

import pytest

import adls_server
from adls_server import ACCOUNT, CLIENT, KEY, TENANT, VERSION, Lake, account_sas, iso, mac, now

FAILED = (403, "AuthenticationFailed")
MISMATCH = (403, "AuthorizationPermissionMismatch")


@pytest.fixture(scope="module")
def server():
    with adls_server.running("--http-tokens", "--secret", "a secret/+&") as server:
        yield server


@pytest.fixture
def lake(server):
    lake = Lake(server)
    lake.write("d/f", b"x")
    yield lake
    server.control("reset")
    server.control("roles", role="contributor")


def signed(method, target, change=lambda text: text, **more):
    headers = {"x-ms-version": VERSION, "x-ms-date": now(), "Content-Length": "0", **more}
    text = change(adls_server.string_to_sign(method, target, headers))
    return {**headers, "Authorization": f"SharedKey {ACCOUNT}:{mac(text)}"}


def target_of(lake, rest="d/f"):
    return f"/{ACCOUNT}/{lake.name}/{rest}"


def test_signature_is_checked(server, lake):
    target = target_of(lake)
    assert server.send("GET", target, signed("GET", target)).status == 200
    answer = server.send("GET", target, signed("GET", target, lambda text: text + "x"))
    assert answer.outcome == FAILED
    detail = answer.json["error"]["detail"]["AuthenticationErrorDetail"]
    assert f"/{ACCOUNT}/{ACCOUNT}/{lake.name}/d/f" in detail and KEY not in detail


def test_path_style_doubles_the_account(server, lake):
    target = target_of(lake)
    single = signed("GET", target, lambda text: text.replace(f"/{ACCOUNT}/{ACCOUNT}/", f"/{ACCOUNT}/"))
    assert server.send("GET", target, single).outcome == FAILED


@pytest.mark.parametrize(
    "header", ["If-Match", "Range", "Content-Type", "Content-MD5", "x-ms-meta-a", "Content-Encoding"]
)
def test_each_header_that_is_signed_counts(server, lake, header):
    target = target_of(lake)
    headers = signed("GET", target)
    assert server.send("GET", target, {**headers, header: "x"}).outcome == FAILED


def test_query_and_method_count(server, lake):
    target = target_of(lake)
    headers = signed("GET", target)
    assert server.send("GET", target + "?timeout=90", headers).outcome == FAILED
    assert server.send("HEAD", target, headers).outcome == FAILED


def test_length_zero_is_signed_as_nothing(server, lake):
    target = target_of(lake, "new?resource=file")
    wrong = signed("PUT", target, lambda text: text.replace("PUT\n\n\n\n", "PUT\n\n\n0\n", 1))
    assert server.send("PUT", target, wrong).outcome == FAILED
    assert server.send("PUT", target, signed("PUT", target)).status == 201


def test_path_is_signed_as_it_is_sent(server, lake):
    lake.write("a b", b"x")
    target = target_of(lake, "a%20b")
    assert server.send("GET", target, signed("GET", target)).status == 200
    decoded = signed("GET", target, lambda text: text.replace("a%20b", "a b"))
    assert server.send("GET", target, decoded).outcome == FAILED


def test_date_is_needed_and_near(server, lake):
    target = target_of(lake)
    for date in (now(-16 * 60), now(16 * 60), "yesterday"):
        answer = server.send("GET", target, signed("GET", target, **{"x-ms-date": date}))
        assert answer.outcome == FAILED and answer.headers["date"]
    assert server.send("GET", target, signed("GET", target, **{"x-ms-date": now(-14 * 60)})).status == 200
    headers = signed("GET", target)
    del headers["x-ms-date"]
    assert server.send("GET", target, headers).outcome == FAILED


def test_date_header_serves_when_there_is_no_other(server, lake):
    target = target_of(lake)
    headers = {"x-ms-version": VERSION, "Date": now(), "Content-Length": "0"}
    text = adls_server.string_to_sign("GET", target, headers)
    assert server.send("GET", target, {**headers, "Authorization": f"SharedKey {ACCOUNT}:{mac(text)}"}).status == 200


def test_skew_of_the_service_shows_in_its_date(server, lake):
    server.control("clock", skew=3600)
    answer = lake.read("d/f")
    assert answer.outcome == FAILED
    shown = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(shown - 3600 - time.time()) < 60
    server.control("clock", skew=0)
    assert lake.read("d/f").status == 200


def test_nobody_is_let_in_without_credentials(server, lake):
    answer = server.send("GET", target_of(lake), {"x-ms-version": VERSION})
    assert answer.outcome == (401, "NoAuthenticationInformation")
    assert TENANT in answer.headers["www-authenticate"]
    answer = server.send("GET", target_of(lake), {"x-ms-version": VERSION, "Authorization": "Basic eDp5"})
    assert answer.outcome == (400, "InvalidAuthenticationInfo")


def service_sas(resource, kind, permissions, depth=None, expiry=None):
    version, expiry = "2024-11-04", expiry or iso(600)
    lines = [
        permissions,
        "",
        expiry,
        f"/blob/{ACCOUNT}/{resource}",
        "",
        "",
        "",
        version,
        kind,
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ]
    query = {"sp": permissions, "se": expiry, "sv": version, "sr": kind, "sig": mac("\n".join(lines))}
    return urllib.parse.urlencode(query | ({"sdd": str(depth)} if depth is not None else {}))


def by_sas(lake, sas, method="GET", path="d/f", query="", headers=(), body=b""):
    target = f"{target_of(lake, path)}?{query}{'&' if query else ''}{sas}"
    every = {"x-ms-version": VERSION, "Content-Length": str(len(body)), **dict(headers)}
    return lake.server.send(method, target, every, body)


def test_account_signature(lake):
    assert by_sas(lake, account_sas()).status == 200
    assert by_sas(lake, account_sas(permissions="w")).outcome == MISMATCH
    assert by_sas(lake, account_sas(types="sc")).outcome == (403, "AuthorizationResourceTypeMismatch")
    assert by_sas(lake, account_sas(services="q")).outcome == (403, "AuthorizationServiceMismatch")
    assert by_sas(lake, account_sas(protocol="https")).outcome == (403, "AuthorizationProtocolMismatch")
    assert by_sas(lake, account_sas().replace("sp=racwdl", "sp=racwdlp")).outcome == FAILED
    assert by_sas(lake, account_sas(), "PUT", "g", "resource=file").status == 201


def test_signature_runs_out(server, lake):
    assert by_sas(lake, account_sas(expiry=iso(-1))).outcome == FAILED
    assert by_sas(lake, account_sas(start=iso(3600), expiry=iso(7200))).outcome == FAILED
    sas = account_sas(expiry=iso(600))
    assert by_sas(lake, sas).status == 200
    server.control("clock", advance=601)
    answer = by_sas(lake, sas)
    assert answer.outcome == FAILED and "time frame" in answer.json["error"]["detail"]["AuthenticationErrorDetail"]


def test_service_signature_is_for_its_resource(lake):
    lake.write("e/f", b"x")
    container = service_sas(lake.name, "c", "rl")
    assert by_sas(lake, container).status == 200
    assert by_sas(lake, container, query="resource=filesystem&recursive=true", path="").status == 200
    assert by_sas(lake, container, "DELETE").outcome == MISMATCH
    one = service_sas(f"{lake.name}/d/f", "b", "r")
    assert by_sas(lake, one).status == 200 and by_sas(lake, one, path="e/f").outcome == FAILED
    directory = service_sas(f"{lake.name}/d", "d", "rl", depth=1)
    assert by_sas(lake, directory).status == 200 and by_sas(lake, directory, path="e/f").outcome == FAILED
    listing = "resource=filesystem&recursive=true&directory="
    assert by_sas(lake, directory, path="", query=listing + "d").status == 200
    assert by_sas(lake, directory, path="", query=listing + "e").outcome == FAILED
    assert by_sas(lake, directory, "HEAD", path="", query="resource=filesystem").status == 403


def test_create_right_does_not_overwrite(lake):
    sas = account_sas(permissions="c")
    assert by_sas(lake, sas, "PUT", "new", "resource=file").status == 201
    assert by_sas(lake, sas, "PUT", "new", "resource=file").outcome == (403, "UnauthorizedBlobOverwrite")


def test_rename_needs_the_signature_in_its_source_too(lake):
    sas, source = account_sas(), f"/{lake.name}/d/f"
    bare = by_sas(lake, sas, "PUT", "g", "mode=legacy", {"x-ms-rename-source": source})
    assert bare.status == 403
    assert by_sas(lake, sas, "PUT", "g", "mode=legacy", {"x-ms-rename-source": f"{source}?{sas}"}).status == 201


def get_token(server, secret="a secret/+&", resource="https://storage.azure.com"):
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": secret}
    body = urllib.parse.urlencode(form | {"scope": resource + "/.default"}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return server.send("POST", f"/{TENANT}/oauth2/v2.0/token", headers, body).json["access_token"]


def by_token(lake, token, method="GET", path="d/f", query=""):
    headers = {"x-ms-version": VERSION, "Authorization": f"Bearer {token}", "Content-Length": "0"}
    return lake.server.send(method, target_of(lake, path) + query, headers)


def test_token_and_role(server, lake):
    token = get_token(server)
    assert by_token(lake, token).status == 200
    server.control("roles", role="reader")
    assert by_token(lake, token).status == 200
    assert by_token(lake, token, "PUT", "g", "?resource=file").outcome == MISMATCH
    server.control("roles", role="none")
    assert by_token(lake, token).outcome == MISMATCH


def test_token_runs_out(server, lake):
    token = get_token(server)
    server.control("clock", advance=3601)
    answer = by_token(lake, token)
    assert (
        answer.outcome == (401, "InvalidAuthenticationInfo") and "invalid_token" in answer.headers["www-authenticate"]
    )
    server.control("reset")
    assert by_token(lake, token).status == 200
    server.control("tokens", expire=True)
    assert by_token(lake, token).status == 401
    assert by_token(lake, get_token(server)).status == 200


def test_token_of_another_audience_or_maker(server, lake):
    assert by_token(lake, get_token(server, resource="https://management.azure.com")).status == 401
    own = f"https://{ACCOUNT}.blob.core.windows.net"
    assert by_token(lake, get_token(server, resource=own)).status == 200
    token = get_token(server)
    assert by_token(lake, token[:-4] + "AAAA").status == 401
    assert by_token(lake, "rubbish").status == 401


def test_token_needs_tls():
    with adls_server.running("--secret", "s") as server:
        assert by_token(Lake(server), get_token(server, "s")).outcome == FAILED


def test_shared_key_can_be_forbidden():
    with adls_server.running("--no-shared-key") as server:
        answer = server.call("PUT", "/some", {"resource": "filesystem"})
        assert answer.outcome == (403, "KeyBasedAuthenticationNotPermitted")


def test_onelake_differs():
    item = "my workspace/lake.Lakehouse"
    with adls_server.running("--onelake", item, "--reject", "if-match", "--http-tokens", "--secret", "s") as server:
        token = get_token(server, "s")

        def call(method, path, query="", body=b"", **headers):
            every = {"x-ms-version": VERSION, "Authorization": f"Bearer {token}", "Content-Length": str(len(body))}
            every |= {name.replace("_", "-"): value for name, value in headers.items()}
            return server.send(method, f"/{ACCOUNT}/{urllib.parse.quote(path)}{query}", every, body)

        files = f"{item}/Files"
        assert call("HEAD", "my workspace", "?resource=filesystem").status == 200
        assert call("PUT", "other", "?resource=filesystem").status == 400
        for name, value in (("x-ms-permissions", "0777"), ("if-match", '"0x1"')):
            answer = call("PUT", f"{files}/a", "?resource=file", **{name.replace("-", "_"): value})
            assert answer.headers["x-ms-rejected-headers"] == name
        assert call("PUT", f"{files}/b/c", "?resource=file").status == 201
        for path in (item, files, f"{item}/New"):
            assert call("PUT", path, "?resource=directory").status == 400
            assert call("DELETE", path, "?recursive=true").status == 400
        assert call("HEAD", f"{files}/a", "?action=getAccessControl").status == 400
        assert server.call("HEAD", "/my workspace", {"resource": "filesystem"}).outcome == (
            403, "KeyBasedAuthenticationNotPermitted")  # fmt: skip
