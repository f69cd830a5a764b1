# SPDX-License-Identifier: Apache-2.0
"""The test server's token endpoints: plain HTTP for their strictness, and azure-identity over TLS with the test CA."""

import base64
import hashlib
import importlib.util
import json
import pathlib
import subprocess
import time
import urllib.parse
import uuid

import pytest

import adls_server
from adls_server import CLIENT, TENANT, Lake

SECRET = "a secret/+&="
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
USER_CLIENT = "55555555-5555-5555-5555-5555555555c1"
STORAGE = "https://storage.azure.com"


def load_make_ca():
    spec = importlib.util.spec_from_file_location("make_ca", adls_server.SERVER.with_name("make_ca.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_ca


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return load_make_ca()(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def federated(tmp_path_factory):
    path = tmp_path_factory.mktemp("federated") / "token"
    path.write_text("federated one")
    return path


@pytest.fixture(scope="module")
def server(ca, federated, tmp_path_factory):
    arguments = ("--secret", SECRET, "--certificate", ca / "app.pem", "--federated-token-file", federated)
    arc = tmp_path_factory.mktemp("arc")
    with adls_server.running(*arguments, "--plain-port", 0, "--arc-dir", arc, tls=ca) as server:
        server.arc = arc
        yield server


@pytest.fixture
def lake(server):
    server.control("reset")
    lake = Lake(server)
    lake.write("f", b"hello")
    return lake


def ask(server, tenant=TENANT, **change):
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "scope": f"{STORAGE}/.default", **change}
    body = urllib.parse.urlencode({name: value for name, value in form.items() if value is not None}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return server.send("POST", f"/{tenant}/oauth2/v2.0/token", headers, body)


def uses(lake, token):
    headers = {"x-ms-version": adls_server.VERSION, "Authorization": f"Bearer {token}"}
    return lake.server.send("GET", f"/{adls_server.ACCOUNT}/{lake.name}/f", headers).status


def test_secret_gives_a_token(server, lake):
    answer = ask(server, client_secret=SECRET)
    assert answer.status == 200 and answer.json["token_type"] == "Bearer" and answer.json["expires_in"] == 3600
    assert uses(lake, answer.json["access_token"]) == 200


@pytest.mark.parametrize(
    "change, status, error, number",
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({}, 401, "invalid_client", 7000218),
        ({"client_secret": SECRET, "client_id": "x"}, 400, "unauthorized_client", 700016),
        ({"client_secret": SECRET, "tenant": "other"}, 400, "invalid_request", 90002),
        ({"client_secret": SECRET, "scope": STORAGE}, 400, "invalid_scope", 1002012),
        ({"client_secret": SECRET, "grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_bad_requests_are_named(server, change, status, error, number):
    answer = ask(server, **change)
    assert answer.status == status and answer.json["error"] == error
    assert answer.json["error_codes"] == [number] and answer.json["error_description"].startswith(f"AADSTS{number}: ")


def test_long_tokens_are_to_be_refreshed_early(server):
    server.control("options", token_s=7200)
    assert ask(server, client_secret=SECRET).json["refresh_in"] == 3600
    server.control("options", token_s=3600)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assertion(server, pem, algorithm="RS256", change=(), thumb="x5t", head=()):
    der = subprocess.run(
        ["openssl", "x509", "-in", pem, "-outform", "der"], check=True, capture_output=True
    ).stdout  # fmt: skip
    digest = hashlib.sha1(der) if thumb == "x5t" else hashlib.sha256(der)
    now = int(time.time())
    url = f"https://127.0.0.1:{server.port}/{TENANT}/oauth2/v2.0/token"
    claims = {"aud": url, "iss": CLIENT, "sub": CLIENT, "jti": str(uuid.uuid4()), "nbf": now, "exp": now + 600}
    claims |= dict(change)
    header = {"alg": algorithm, "typ": "JWT", thumb: encode(digest.digest()), **dict(head)}
    text = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if algorithm == "PS256" else []
    command = ["openssl", "dgst", "-sha256", "-sign", pem, *padding]
    sign = subprocess.run(command, input=text.encode(), check=True, capture_output=True).stdout
    return f"{text}.{encode(sign)}"


def by_assertion(server, text):
    return ask(server, client_assertion_type=ASSERTION, client_assertion=text)


@pytest.mark.parametrize("algorithm, thumb", [("RS256", "x5t"), ("PS256", "x5t#S256")])
def test_certificate_gives_a_token(server, lake, ca, algorithm, thumb):
    answer = by_assertion(server, assertion(server, ca / "app.pem", algorithm, thumb=thumb))
    assert answer.status == 200, answer.body
    assert uses(lake, answer.json["access_token"]) == 200


def test_assertions_are_verified(server, ca):
    good = assertion(server, ca / "app.pem")
    now = int(time.time())
    bad = {
        assertion(server, ca / "other.pem"): 700027,
        good.rpartition(".")[0] + "." + assertion(server, ca / "app.pem").rpartition(".")[2]: 700027,
        assertion(server, ca / "app.pem", head={"alg": "PS256"}): 700027,
        assertion(server, ca / "app.pem", change={"aud": "https://127.0.0.1/other/oauth2/v2.0/token"}): 700023,
        assertion(server, ca / "app.pem", change={"iss": "x"}): 700021,
        assertion(server, ca / "app.pem", change={"sub": "x"}): 700021,
        assertion(server, ca / "app.pem", change={"jti": ""}): 50027,
        assertion(server, ca / "app.pem", change={"exp": now - 400}): 700024,
        assertion(server, ca / "app.pem", change={"nbf": now + 400}): 700024,
        "rubbish": 50027,
    }
    for text, number in bad.items():
        assert by_assertion(server, text).json["error_codes"] == [number]


def test_federated_token_is_read_each_time(server, federated):
    assert by_assertion(server, "federated one").status == 200
    federated.write_text("federated two\n")
    assert by_assertion(server, "federated one").status in (400, 401)
    assert by_assertion(server, "federated two").status == 200
    federated.write_text("federated one")


def machine(server, path, query, **headers):
    target = f"{path}?{urllib.parse.urlencode(query)}"
    every = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.send("GET", target, every, connection=server.connect(plain=True))


IMDS = "/metadata/identity/oauth2/token"


def test_imds(server, lake):
    query = {"api-version": "2018-02-01", "resource": STORAGE + "/"}
    answer = machine(server, IMDS, query, Metadata="true")
    assert answer.status == 200 and answer.json["expires_in"] == "3600" and answer.json["expires_on"].isdigit()
    assert uses(lake, answer.json["access_token"]) == 200
    assert machine(server, IMDS, query).status == 400
    assert machine(server, IMDS, query, Metadata="true", X_Forwarded_For="x").status == 400
    assert machine(server, IMDS, {"api-version": "2018-02-01"}, Metadata="true").status == 400
    assert machine(server, IMDS, {"resource": STORAGE}, Metadata="true").status == 400
    chosen = machine(server, IMDS, {**query, "client_id": USER_CLIENT}, Metadata="true")
    assert chosen.json["client_id"] == USER_CLIENT
    assert machine(server, IMDS, {**query, "client_id": "x"}, Metadata="true").status == 400


def test_app_service(server, lake):
    query = {"api-version": "2019-08-01", "resource": STORAGE}
    answer = machine(server, "/msi/token", query, X_IDENTITY_HEADER="identity-header")
    assert uses(lake, answer.json["access_token"]) == 200
    assert machine(server, "/msi/token", query, X_IDENTITY_HEADER="wrong").status == 401
    assert machine(server, "/msi/token", query).status == 401


def test_arc_hands_out_its_key_file_once(server, lake):
    query = {"api-version": "2020-06-01", "resource": STORAGE}
    challenge = machine(server, IMDS, query, Metadata="true")
    assert challenge.status == 401
    path = pathlib.Path(challenge.headers["www-authenticate"].removeprefix("Basic realm="))
    assert path.parent == server.arc and path.suffix == ".key"
    key = path.read_text()
    assert machine(server, IMDS, query, Metadata="true", Authorization="Basic wrong").status == 401
    answer = machine(server, IMDS, query, Metadata="true", Authorization=f"Basic {key}")
    assert answer.status == 200 and uses(lake, answer.json["access_token"]) == 200
    assert machine(server, IMDS, query, Metadata="true", Authorization=f"Basic {key}").status == 401


def test_faults_reach_the_token_endpoints(server):
    rules = [
        {"operation": "identity.imds", "do": {"action": "status", "status": 410}},
        {"operation": "identity.token", "do": {"action": "status", "status": 429, "retry_after": 3}},
    ]
    server.control("faults", rules=rules)
    query = {"api-version": "2018-02-01", "resource": STORAGE}
    assert [machine(server, IMDS, query, Metadata="true").status for _ in range(2)] == [410, 200]
    answer = ask(server, client_secret=SECRET)
    assert answer.status == 429 and answer.headers["retry-after"] == "3"
    assert SECRET not in json.dumps(server.control("requests"))
    server.control("reset")


# The same by azure-identity, which the SDKs use.


def read_with(server, lake, credential):
    from azure.storage.filedatalake import DataLakeServiceClient

    client = DataLakeServiceClient(server.url, credential=credential, retry_total=0)
    return client.get_file_client(lake.name, "f").download_file().readall()


@pytest.fixture
def trust(server, ca, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca / "ca.pem"))
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    return {"authority": f"https://127.0.0.1:{server.port}", "disable_instance_discovery": True}


def test_sdk_with_a_secret(server, lake, trust):
    from azure.identity import ClientSecretCredential

    assert read_with(server, lake, ClientSecretCredential(TENANT, CLIENT, SECRET, **trust)) == b"hello"


def test_sdk_with_a_wrong_secret(server, lake, trust):
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import ClientSecretCredential

    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        read_with(server, lake, ClientSecretCredential(TENANT, CLIENT, "wrong", **trust))


@pytest.mark.parametrize("name, chain", [("app", False), ("app", True)])
def test_sdk_with_a_certificate(server, lake, trust, ca, name, chain):
    from azure.identity import CertificateCredential

    credential = CertificateCredential(TENANT, CLIENT, str(ca / "app.pem"), send_certificate_chain=chain, **trust)
    assert read_with(server, lake, credential) == b"hello"
    assert server.control("count", match={"operation": "identity.token"})["count"] == 1


def test_sdk_with_an_unknown_certificate(server, lake, trust, ca):
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import CertificateCredential

    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        read_with(server, lake, CertificateCredential(TENANT, CLIENT, str(ca / "other.pem"), **trust))


def test_sdk_with_a_federated_token(server, lake, trust, federated):
    from azure.identity import WorkloadIdentityCredential

    options = {"tenant_id": TENANT, "client_id": CLIENT, "token_file_path": str(federated), **trust}
    assert read_with(server, lake, WorkloadIdentityCredential(**options)) == b"hello"


def test_sdk_on_a_virtual_machine(server, lake, trust, monkeypatch):
    from azure.identity import ManagedIdentityCredential

    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{server.ports[1]}")
    assert read_with(server, lake, ManagedIdentityCredential()) == b"hello"
    assert read_with(server, lake, ManagedIdentityCredential(client_id=USER_CLIENT)) == b"hello"
    assert server.control("count", match={"operation": "identity.imds"})["count"] >= 2


def test_sdk_in_app_service(server, lake, trust, monkeypatch):
    from azure.identity import ManagedIdentityCredential

    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.ports[1]}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "identity-header")
    assert read_with(server, lake, ManagedIdentityCredential()) == b"hello"
    assert server.control("count", match={"operation": "identity.app_service"})["count"] == 1


def test_sdk_gets_a_new_token_after_401(server, lake, trust):
    from azure.identity import ClientSecretCredential
    from azure.storage.filedatalake import DataLakeServiceClient

    client = DataLakeServiceClient(server.url, credential=ClientSecretCredential(TENANT, CLIENT, SECRET, **trust))
    file = client.get_file_client(lake.name, "f")
    assert file.download_file().readall() == b"hello"
    server.control("roles", role="none")
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as refused:
        file.download_file()
    assert refused.value.error_code == "AuthorizationPermissionMismatch"
    server.control("roles", role="contributor")
    assert file.download_file().readall() == b"hello"
