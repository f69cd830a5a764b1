# SPDX-License-Identifier: Apache-2.0
"""Each kind of identity against the test server, over TLS, by tests/probe/auth_probe.c; also by threads at once."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

import adls_server
from adls_server import ACCOUNT, CLIENT, KEY, TENANT, Lake, account_sas, iso
from test_adls_server_identity import USER_CLIENT, load_make_ca
from world import TEST_BIN

PROBE = pathlib.Path(os.environ.get("LAKEFEED_AUTH_PROBE", TEST_BIN.with_name("auth_probe")))
SECRET = "a secret/+&="
ARC_FOLDER = pathlib.Path("/var/opt/azcmagent/tokens")
HOUR_S = 3600


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return load_make_ca()(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def federated(tmp_path_factory):
    path = tmp_path_factory.mktemp("federated") / "token"
    path.write_text("federated one")
    return path


@pytest.fixture(scope="module")
def server(ca, federated):
    arguments = ("--secret", SECRET, "--certificate", ca / "app.pem", "--federated-token-file", federated)
    with adls_server.running(*arguments, "--plain-port", 0, "--arc-dir", ARC_FOLDER, tls=ca) as server:
        yield server


@pytest.fixture
def lake(server):
    server.control("reset")
    server.control("options", token_s=HOUR_S, secret=SECRET)
    server.control("roles", role="contributor")
    return Lake(server)


class Probe:
    def __init__(self, server, lake, ca, options, environment):
        self.log = ""
        ours = ("AZURE_", "IDENTITY_", "IMDS_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        command = [PROBE, f"{server.url}/{lake.name}?resource=filesystem", f"ca={ca / 'ca.pem'}"]
        command += [f"{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**clean, **environment},
        )  # fmt: skip

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self, threads=1):
        return self.tell(f"ask {threads}")["answers"]

    def statuses(self, threads=1):
        return [answer["status"] for answer in self.ask(threads)]

    def close(self):
        _, self.log = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, self.log


@pytest.fixture
def probe(server, lake, ca):
    with contextlib.ExitStack() as stack:

        def start(environment=(), **options):
            probe = Probe(server, lake, ca, options, dict(environment))
            stack.callback(probe.close)
            return probe

        yield start


def authority(server):
    return f"https://127.0.0.1:{server.port}"


def application(server, **more):
    return {"tenant_id": TENANT, "client_id": CLIENT, "authority": authority(server), **more}


def tokens(server, operation="identity.token"):
    return server.control("count", match={"operation": operation})["count"]


def test_signatures_of_the_unit_tests_are_those_of_the_official_sdk():
    pytest.importorskip("azure.storage.filedatalake")
    vectors = adls_server.ROOT / "tests/unit/auth/shared_key_vectors.py"
    subprocess.run([sys.executable, vectors, "--check"], check=True)


def test_shared_key(server, probe):
    assert probe(kind="shared_key", account=ACCOUNT, key=KEY).statuses(4) == [200] * 4


def test_shared_key_that_is_wrong(probe):
    assert probe(kind="shared_key", account=ACCOUNT, key="AAAA").statuses() == [403]


def test_sas_that_ends_is_replaced(probe):
    it = probe(kind="sas", sas="?" + account_sas(expiry=iso(3 * 86400)))
    assert it.statuses() == [200]
    it.tell(f"pass {3 * 86400}")
    (answer,) = it.ask()
    assert answer["kind"] == "AUTH" and "the SAS expired at" in answer["message"]
    assert it.tell("renew sas=" + account_sas(expiry=iso(30 * 86400))) == {}
    assert it.statuses() == [200]
    it.close()
    assert '"event":"sas_expires"' in it.log and "sig" not in it.log


def test_client_secret(server, probe):
    it = probe(kind="client_secret", **application(server, client_secret=SECRET))
    assert it.statuses(8) == [200] * 8
    assert tokens(server) == 1
    assert it.tell("describe") == {"identity": f"application {CLIENT} of tenant {TENANT}, by a secret"}


def test_settings_that_are_empty_are_not_given(server, probe):
    empty = {"audience": "", "token_file": "", "object_id": "", "resource_id": ""}
    assert probe(kind="client_secret", **application(server, client_secret=SECRET, **empty)).statuses() == [200]


@pytest.mark.parametrize("assertion", ["PS256", "RS256"])
@pytest.mark.parametrize("chain", [{}, {"certificate_chain": "yes"}])
def test_client_certificate(server, probe, ca, assertion, chain):
    options = application(server, certificate_file=ca / "app.pem", assertion=assertion, **chain)
    assert probe(kind="client_certificate", **options).statuses() == [200]


def test_client_certificate_that_is_not_registered(server, probe, ca):
    (answer,) = probe(kind="client_certificate", **application(server, certificate_file=ca / "other.pem")).ask()
    assert answer["kind"] == "AUTH" and "AADSTS700027" in answer["message"] and "upload it" in answer["message"]


def test_workload_identity_reads_its_file_each_time(server, probe, federated):
    environment = {
        "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_AUTHORITY_HOST": authority(server) + "/",
        "AZURE_FEDERATED_TOKEN_FILE": str(federated),
    }  # fmt: skip
    it = probe(environment, kind="workload_identity")
    assert it.statuses() == [200]
    federated.write_text("federated two\n")
    server.control("tokens", expire=True)
    assert it.statuses() == [200]
    assert tokens(server) == 2


@pytest.fixture
def machine(server):
    return f"http://127.0.0.1:{server.ports[1]}"


def test_virtual_machine(server, probe, machine):
    environment = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine, "http_proxy": "http://127.0.0.1:1"}
    assert probe(environment, kind="managed_identity").statuses(8) == [200] * 8
    assert tokens(server, "identity.imds") == 1
    assert probe(environment, kind="managed_identity", client_id=USER_CLIENT).statuses() == [200]
    (answer,) = probe(environment, kind="managed_identity", client_id="unknown").ask()
    assert answer["kind"] == "AUTH" and "Identity not found" in answer["message"]


def test_virtual_machine_that_is_upgraded(server, probe, machine):
    rule = {"operation": "identity.imds", "do": {"action": "status", "status": 429, "retry_after": 2}}
    server.control("faults", rules=[rule])
    assert probe({"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine}, kind="managed_identity").statuses() == [200]
    first, second = server.control("requests", match={"operation": "identity.imds"})["requests"]
    assert second["time"] - first["time"] >= 2


def test_app_service(server, probe, machine):
    environment = {"IDENTITY_ENDPOINT": f"{machine}/msi/token", "IDENTITY_HEADER": "identity-header"}
    assert probe(environment, kind="managed_identity").statuses() == [200]
    (answer,) = probe({**environment, "IDENTITY_HEADER": "wrong"}, kind="managed_identity").ask()
    assert answer["kind"] == "AUTH" and "wrong" not in answer["message"].replace("is wrong", "")


@pytest.fixture
def arc_folder():
    made = [folder for folder in (ARC_FOLDER, *ARC_FOLDER.parents) if not folder.exists()]
    try:
        ARC_FOLDER.mkdir(parents=True, exist_ok=True)
        (ARC_FOLDER / "probe").touch()
        (ARC_FOLDER / "probe").unlink()
    except OSError:
        pytest.skip(f"{ARC_FOLDER} cannot be written")
    yield
    for folder in made:
        folder.rmdir()


def test_arc(server, probe, machine, arc_folder):
    endpoint = f"{machine}/metadata/identity/oauth2/token"
    environment = {"IDENTITY_ENDPOINT": endpoint, "IMDS_ENDPOINT": machine}
    assert probe(environment, kind="managed_identity").statuses(4) == [200] * 4
    assert tokens(server, "identity.arc") == 2  # the challenge and its answer
    assert probe(environment, kind="managed_identity", client_id=USER_CLIENT).statuses() == [200]


def test_default_tells_which_one_won(server, probe, machine):
    environment = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": machine}
    it = probe(environment)
    assert it.statuses(4) == [200] * 4
    it.close()
    (line,) = [json.loads(line) for line in it.log.splitlines() if '"identity_chosen"' in line]
    assert line["identity"] == "managed identity of the virtual machine"
    environment |= {
        "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": SECRET,
        "AZURE_AUTHORITY_HOST": authority(server),
    }  # fmt: skip
    it = probe(environment, kind="default")
    assert it.statuses() == [200]
    assert it.tell("describe")["identity"].endswith("by a secret")


def test_wrong_secret_is_named_and_replaced(server, probe):
    it = probe(kind="client_secret", **application(server, client_secret="of yesterday"))
    (answer,) = it.ask()
    assert answer["kind"] == "AUTH" and "AADSTS7000215" in answer["message"] and "of yesterday" not in answer["message"]
    assert it.tell(f"renew client_secret={SECRET}") == {}
    assert it.statuses(4) == [200] * 4
    it.close()
    assert "of yesterday" not in it.log and SECRET not in it.log and "eyJ" not in it.log


def test_token_endpoint_is_busy_and_asks_to_wait(server, probe):
    rule = {"operation": "identity.token", "do": {"action": "status", "status": 429, "retry_after": 2}}
    server.control("faults", rules=[rule])
    assert probe(kind="client_secret", **application(server, client_secret=SECRET)).statuses(8) == [200] * 8
    first, second = server.control("requests", match={"operation": "identity.token"})["requests"]
    assert second["time"] - first["time"] >= 2


def test_token_endpoint_is_down_and_back(server, probe):
    it = probe(kind="client_secret", **application(server, client_secret=SECRET, patience_s=2))
    server.control("faults", rules=[{"operation": "identity.token", "times": 0, "do": {"action": "reset_before"}}])
    assert {answer["kind"] for answer in it.ask(4)} == {"TRANSIENT"}
    server.control("faults", rules=[])
    assert it.statuses(4) == [200] * 4


def test_renewal_ahead_of_time_is_one_request(server, probe):
    """Eight threads ask while the request for the next token is held up; seven of them go on with the old one."""
    it = probe(kind="client_secret", **application(server, client_secret=SECRET))
    assert it.statuses() == [200]
    server.control("faults", rules=[{"operation": "identity.token", "do": {"action": "wait", "seconds": 1}}])
    it.tell(f"pass {51 * 60}")
    assert it.statuses(8) == [200] * 8
    assert tokens(server) == 2
    assert it.statuses(8) == [200] * 8
    assert tokens(server) == 2


def test_renewal_that_fails_leaves_the_old_token(server, probe):
    it = probe(kind="client_secret", **application(server, client_secret=SECRET))
    assert it.statuses() == [200]
    rule = {"operation": "identity.token", "times": 0, "do": {"action": "status", "status": 503}}
    server.control("faults", rules=[rule])
    it.tell(f"pass {51 * 60}")
    assert it.statuses(8) == [200] * 8
    assert tokens(server) == 2
    it.close()
    assert it.log.count('"event":"token_refresh_failed"') == 1


@pytest.mark.parametrize("threads", [1, 8])
def test_refused_token_is_replaced_once(server, probe, threads):
    it = probe(kind="client_secret", **application(server, client_secret=SECRET))
    assert it.statuses() == [200]
    server.control("tokens", expire=True)
    assert it.statuses(threads) == [200] * threads
    assert tokens(server) == 2


def test_token_that_is_refused_again_is_an_answer(server, probe):
    it = probe(kind="client_secret", **application(server, client_secret=SECRET))
    server.control("faults", rules=[{"endpoint": "dfs", "times": 0, "do": {"action": "token_expired"}}])
    (answer,) = it.ask()
    assert answer["status"] == 401 and answer["tries"] == 2


def test_missing_role_is_an_answer(server, probe):
    server.control("roles", role="none")
    assert probe(kind="client_secret", **application(server, client_secret=SECRET)).statuses() == [403]
