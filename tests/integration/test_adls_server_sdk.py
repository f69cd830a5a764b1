# SPDX-License-Identifier: Apache-2.0
"""The test server serves the official Python SDKs and adlfs, which know nothing of it or of lakefeed."""

import datetime
import os
import uuid

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobServiceClient, BlobSasPermissions, ContentSettings, generate_blob_sas
from azure.storage.filedatalake import (
    AccountSasPermissions,
    ContentSettings as FileContentSettings,
    DataLakeServiceClient,
    DirectorySasPermissions,
    FileSystemSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_directory_sas,
    generate_file_system_sas,
)

import adls_server
from adls_server import ACCOUNT, KEY

MIB = 1024 * 1024
NAMES = ["plain", "a b", "ü€𐍈", "a&b=c+d%41#?;@", "'quote\"", "(x)[y]{z}~!$^`|<>,"]


@pytest.fixture(scope="module")
def server():
    with adls_server.running() as server:
        yield server


@pytest.fixture
def service(server):
    yield DataLakeServiceClient(server.url, credential=KEY, retry_total=0)
    server.control("reset")


@pytest.fixture
def fs(service):
    return service.create_file_system(f"fs{uuid.uuid4().hex[:12]}")


@pytest.fixture
def container(server, fs):
    blobs = BlobServiceClient(server.url, credential=KEY, retry_total=0)
    return blobs.get_container_client(fs.file_system_name)


def test_append_and_flush(fs):
    file = fs.get_file_client("d/f")
    file.create_file(content_settings=None, metadata={"writer": "me"}, permissions="0640")
    file.append_data(b"hello", 0, validate_content=True)
    assert file.get_file_properties().size == 0
    file.append_data(b" world", 5, flush=True)
    properties = file.get_file_properties()
    assert properties.size == 11 and properties.metadata == {"writer": "me"}
    assert file.download_file().readall() == b"hello world"
    assert file.download_file(offset=6, length=3).readall() == b"wor"


@pytest.mark.parametrize("size", [1, MIB - 1, MIB, MIB + 1, 10 * MIB + 7])
def test_upload_and_download_of_every_size(fs, size):
    data = os.urandom(size)
    file = fs.get_file_client("f")
    file.upload_data(data, overwrite=True, chunk_size=MIB, validate_content=True)
    assert file.download_file(max_concurrency=3).readall() == data


def test_file_of_no_bytes(fs):
    file = fs.create_file("f")
    assert file.download_file().readall() == b"" and file.get_file_properties().size == 0
    with pytest.raises(HttpResponseError):
        file.append_data(b"", 0, length=0)


def test_conditions(fs):
    file = fs.create_file("f", match_condition=MatchConditions.IfMissing)
    with pytest.raises(ResourceExistsError) as exists:
        fs.create_file("f", match_condition=MatchConditions.IfMissing)
    assert exists.value.error_code == "PathAlreadyExists"
    file.append_data(b"x", 0)
    etag = file.get_file_properties().etag
    file.flush_data(1, etag=etag, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError) as modified:
        file.flush_data(1, etag=etag, match_condition=MatchConditions.IfNotModified)
    assert modified.value.error_code == "ConditionNotMet"
    with pytest.raises(HttpResponseError) as gap:
        file.flush_data(9)
    assert gap.value.error_code == "InvalidFlushPosition"


def test_rename_with_conditions(fs):
    target = fs.get_file_client("model.json")
    target.upload_data(b"1", overwrite=True)
    old = target.get_file_properties().etag
    source = fs.get_file_client("tmp/new")
    source.upload_data(b"2", overwrite=True)
    new = source.get_file_properties().etag
    wrong = {"etag": new, "match_condition": MatchConditions.IfNotModified}
    with pytest.raises(ResourceModifiedError):
        source.rename_file(f"{fs.file_system_name}/model.json", **wrong)
    source.rename_file(f"{fs.file_system_name}/model.json", etag=old, match_condition=MatchConditions.IfNotModified)
    assert target.get_file_properties().etag == new and target.download_file().readall() == b"2"
    with pytest.raises(ResourceNotFoundError):
        source.rename_file(f"{fs.file_system_name}/model.json")
    fs.get_file_client("x").create_file()
    with pytest.raises(ResourceNotFoundError) as parent:
        fs.get_file_client("x").rename_file(f"{fs.file_system_name}/none/x")
    assert parent.value.error_code == "RenameDestinationParentPathNotFound"


@pytest.mark.parametrize("name", NAMES)
def test_names(fs, name):
    file = fs.get_directory_client(f"d {name}").create_file(name)
    file.upload_data(b"x", overwrite=True)
    assert [path.name for path in fs.get_paths(f"d {name}")] == [f"d {name}/{name}"]
    assert file.download_file().readall() == b"x"
    if "%" not in name and "?" not in name:  # the SDK decodes the one and cuts at the other
        renamed = file.rename_file(f"{fs.file_system_name}/d {name}/r {name}")
        assert renamed.download_file().readall() == b"x"


def test_leases(server, fs):
    file = fs.create_file("f")
    lease = file.acquire_lease(15)
    with pytest.raises(HttpResponseError) as missing:
        file.append_data(b"x", 0)
    assert missing.value.error_code == "LeaseIdMissing"
    file.append_data(b"x", 0, lease=lease)
    file.flush_data(1, lease=lease)
    lease.renew()
    lease.change(str(uuid.uuid4()))
    server.control("clock", advance=20)
    assert file.get_file_properties().lease.state == "expired"
    lease.renew()
    assert lease.break_lease(5) <= 5
    server.control("clock", advance=6)
    assert file.get_file_properties().lease.state == "broken"
    lease.release()
    file.append_data(b"y", 1, lease_action="acquire-release", lease=str(uuid.uuid4()), lease_duration=15, flush=True)
    assert file.get_file_properties().lease.state == "available"


def test_lists_in_pages(server, fs):
    for number in range(12):
        fs.create_file(f"d/{number:02}")
    wanted = [f"d/{number:02}" for number in range(12)]
    assert [path.name for path in fs.get_paths("d", max_results=5)] == wanted
    server.control("options", page_size=5, empty_pages=True)
    assert [path.name for path in fs.get_paths("d")] == wanted
    server.control("options", page_size=None, empty_pages=False)
    first = next(iter(fs.get_paths(recursive=False)))
    assert first.is_directory and first.name == "d"
    fs.delete_directory("d")
    assert list(fs.get_paths()) == []


def test_properties_and_access_control(fs):
    directory = fs.create_directory("d", metadata={"a": "1"})
    directory.set_metadata({"b": "2"})
    assert {"b": "2"}.items() <= directory.get_directory_properties().metadata.items()
    directory.set_access_control(permissions="rwxr-x---", owner="me")
    assert directory.get_access_control()["owner"] == "me"
    file = directory.create_file("f")
    file.set_http_headers(FileContentSettings(content_type="text/csv"))
    assert file.get_file_properties().content_settings.content_type == "text/csv"


def test_filesystems(service, fs):
    assert fs.file_system_name in [found.name for found in service.list_file_systems()]
    assert fs.exists() and not service.get_file_system_client("none-such").exists()
    with pytest.raises(ResourceExistsError):
        fs.create_file_system()
    service.delete_file_system(fs.file_system_name)
    assert not fs.exists()


def later(minutes=10):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)


def test_account_signature(server, fs):
    permission = AccountSasPermissions(read=True, write=True, list=True, create=True, delete=True)
    sas = generate_account_sas(ACCOUNT, KEY, ResourceTypes(True, True, True), permission, later())
    client = DataLakeServiceClient(server.url, credential=sas, retry_total=0).get_file_system_client(
        fs.file_system_name
    )
    file = client.get_file_client("a ü/f")
    file.upload_data(b"hello", overwrite=True)
    assert file.rename_file(f"{fs.file_system_name}/g").download_file().readall() == b"hello"
    assert len(list(client.get_paths())) == 2


def test_filesystem_and_directory_signatures(server, fs):
    name = fs.file_system_name
    fs.get_file_client("d/e/f").upload_data(b"x", overwrite=True)
    fs.get_file_client("other").upload_data(b"x", overwrite=True)
    sas = generate_file_system_sas(ACCOUNT, name, KEY, FileSystemSasPermissions(read=True, list=True), later())
    client = DataLakeServiceClient(server.url, credential=sas, retry_total=0).get_file_system_client(name)
    assert len(list(client.get_paths())) == 4
    with pytest.raises(HttpResponseError):
        client.create_file("g")
    permission = DirectorySasPermissions(read=True, create=True, write=True, list=True)
    sas = generate_directory_sas(ACCOUNT, name, "d/e", KEY, permission, later())
    client = DataLakeServiceClient(server.url, credential=sas, retry_total=0).get_file_system_client(name)
    client.get_file_client("d/e/g").upload_data(b"y", overwrite=True)
    assert len(list(client.get_paths("d/e"))) == 2
    with pytest.raises(HttpResponseError):
        client.get_file_client("other").download_file()


def test_blob_client(container):
    settings = ContentSettings(content_type="application/json")
    blob = container.get_blob_client("m/model.json")
    blob.upload_blob(b"{1}", content_settings=settings, metadata={"gen": "1"}, validate_content=True)
    with pytest.raises(ResourceExistsError):
        blob.upload_blob(b"{2}")
    etag = blob.get_blob_properties().etag
    same = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    blob.upload_blob(b"{2}", overwrite=True, **same)
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"{3}", overwrite=True, **same)
    properties = blob.get_blob_properties()
    assert blob.download_blob().readall() == b"{2}" and properties.size == 3 and properties.content_settings.content_md5
    assert [found.name for found in container.list_blobs(name_starts_with="m/")] == ["m/model.json"]
    assert [found.name for found in container.walk_blobs()] == ["m/"]
    blob.set_blob_metadata({"gen": "2"})
    lease = blob.acquire_lease(15)
    with pytest.raises(HttpResponseError):
        blob.delete_blob()
    blob.delete_blob(lease=lease)
    assert not blob.exists()


def test_blob_in_blocks(container):
    blob = container.get_blob_client("big")
    for number in (2, 1):
        blob.stage_block(f"{number:04}", bytes([number]) * MIB)
    blob.commit_block_list([BlobBlock("0001"), BlobBlock("0002")])
    assert blob.download_blob().readall() == b"\1" * MIB + b"\2" * MIB
    assert len(blob.get_block_list()[0]) == 2
    blob.upload_blob(os.urandom(3 * MIB), overwrite=True, max_concurrency=2)


def test_blob_signature(server, container):
    container.upload_blob("f", b"x")
    name = container.container_name
    sas = generate_blob_sas(
        ACCOUNT, name, "f", account_key=KEY, permission=BlobSasPermissions(read=True), expiry=later()
    )
    client = BlobServiceClient(server.url, credential=sas, retry_total=0).get_blob_client(name, "f")
    assert client.download_blob().readall() == b"x"
    with pytest.raises(HttpResponseError):
        client.delete_blob()


def test_adlfs(server, fs):
    import adlfs

    parts = {"DefaultEndpointsProtocol": "http", "AccountName": ACCOUNT, "AccountKey": KEY, "BlobEndpoint": server.url}
    connection = ";".join(f"{name}={value}" for name, value in parts.items())
    files = adlfs.AzureBlobFileSystem(connection_string=connection, skip_instance_cache=True)
    root = fs.file_system_name
    fs.get_file_client("d/by dfs").upload_data(b"dfs", overwrite=True)
    with files.open(f"{root}/d/by adlfs", "wb") as file:
        file.write(b"adlfs" * 1000)
    assert sorted(files.ls(f"{root}/d", detail=False)) == [f"{root}/d/by adlfs", f"{root}/d/by dfs"]
    assert files.cat(f"{root}/d/by dfs") == b"dfs"
    assert files.cat_file(f"{root}/d/by adlfs", start=5, end=10) == b"adlfs"
    assert sorted(files.find(root)) == [f"{root}/d/by adlfs", f"{root}/d/by dfs"]
    assert files.isdir(f"{root}/d") and files.info(f"{root}/d/by dfs")["size"] == 3
    files.mv(f"{root}/d/by adlfs", f"{root}/d/moved")
    assert fs.get_file_client("d/moved").download_file().readall() == b"adlfs" * 1000
    files.rm(f"{root}/d/moved")
    assert not files.exists(f"{root}/d/moved")


def test_user_delegation_signature(tmp_path, monkeypatch):
    from azure.core.credentials import AccessToken
    from azure.storage.filedatalake import FileSasPermissions, generate_file_sas

    import test_adls_server_identity as identity

    ca = identity.load_make_ca()(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca / "ca.pem"))
    with adls_server.running("--secret", "s", tls=ca) as server:
        lake = adls_server.Lake(server)
        lake.write("d/f", b"hello")
        token = identity.ask(server, client_secret="s").json["access_token"]

        class Credential:
            def get_token(self, *_, **__):
                return AccessToken(token, 4_000_000_000)

        service = DataLakeServiceClient(server.url, credential=Credential(), retry_total=0)
        key = service.get_user_delegation_key(later(-1), later())
        permission = FileSasPermissions(read=True)
        sas = generate_file_sas(ACCOUNT, lake.name, "d", "f", key, permission, later())
        client = DataLakeServiceClient(server.url, credential=sas, retry_total=0)
        assert client.get_file_client(lake.name, "d/f").download_file().readall() == b"hello"
        server.control("roles", role="none")
        with pytest.raises(HttpResponseError) as revoked:
            client.get_file_client(lake.name, "d/f").download_file()
        assert revoked.value.error_code == "AuthorizationPermissionMismatch"
        forged = client.get_file_client(lake.name, "d/g")
        with pytest.raises(HttpResponseError) as refused:
            forged.download_file()
        assert refused.value.error_code == "AuthenticationFailed"
