# SPDX-License-Identifier: Apache-2.0
"""The Blob half of the test server, and where both halves meet."""

import base64
import hashlib
import xml.etree.ElementTree as ElementTree

import pytest

import adls_server
from adls_server import LEASE, Lake

BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def server():
    with adls_server.running() as server:
        yield server


@pytest.fixture
def lake(server):
    return Lake(server)


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def test_put_blob_replaces_in_one_step(lake):
    first = lake.put_blob("d/model.json", b"{1}", x_ms_blob_content_type="application/json", x_ms_meta_gen="1")
    assert first.status == 201 and first.headers["content-md5"] == md5(b"{1}")
    second = lake.put_blob("d/model.json", b"{2}", If_Match=first.etag)
    assert second.status == 201 and second.etag != first.etag
    assert lake.put_blob("d/model.json", b"{3}", If_Match=first.etag).outcome == (412, "ConditionNotMet")
    assert lake.put_blob("d/model.json", b"{3}", If_None_Match="*").outcome == (409, "BlobAlreadyExists")
    assert lake.put_blob("none", b"{3}", If_Match=first.etag).outcome == (412, "ConditionNotMet")
    assert lake.read("d/model.json").body == b"{2}"
    assert lake.names() == ["d", "d/model.json"]


def test_put_blob_can_answer_412_to_if_none_match(server, lake):
    lake.put_blob("f", b"x")
    server.control("options", put_blob_exists="ConditionNotMet")
    assert lake.put_blob("f", b"x", If_None_Match="*").outcome == (412, "ConditionNotMet")
    server.control("options", put_blob_exists="BlobAlreadyExists")


def test_put_blob_metadata_are_properties_of_the_file(lake):
    lake.put_blob("f", b"x", x_ms_meta_writer="me")
    assert lake.call("HEAD", "f").headers["x-ms-properties"] == "writer=bWU="
    head = lake.call("HEAD", "f", Accept="application/xml")
    assert head.headers["x-ms-meta-writer"] == "me" and head.headers["x-ms-blob-type"] == "BlockBlob"
    assert lake.put_blob("f", b"x", **{"x-ms-meta-a-b": "me"}).status == 400


def test_put_blob_is_checked(lake):
    assert lake.call("PUT", "f", (), b"x", Content_MD5=md5(b"x"), x_ms_blob_type="BlockBlob").status == 201
    assert lake.put_blob("f", b"y", Content_MD5=md5(b"x")).outcome == (400, "Md5Mismatch")
    assert lake.read("f").body == b"x"
    assert lake.call("PUT", "f", (), b"x", x_ms_blob_type="Nonsense").outcome == (400, "InvalidHeaderValue")
    assert lake.put_blob("f", b"x", x_ms_lease_id=LEASE).outcome == (412, "LeaseNotPresentWithBlobOperation")


def test_errors_of_the_blob_endpoint_are_xml_with_a_byte_order_mark(lake):
    answer = lake.call("GET", "none", Accept="application/xml")
    assert answer.outcome == (404, "BlobNotFound") and answer.body.startswith(BOM)
    error = ElementTree.fromstring(answer.body)
    assert error.findtext("Code") == "BlobNotFound" and "RequestId:" in error.findtext("Message")
    assert lake.call("HEAD", "none", Accept="application/xml").outcome == (404, "BlobNotFound")


def test_file_of_one_endpoint_is_not_written_by_the_other(lake):
    lake.put_blob("blob", b"x")
    assert lake.append("blob", 1, b"y").outcome == (409, "InvalidAppendOperation")
    assert lake.flush("blob", 1).outcome == (409, "InvalidFlushOperation")
    lake.write("file", b"x")
    block = base64.b64encode(b"1").decode()
    assert lake.call("PUT", "file", {"comp": "block", "blockid": block}, b"y").status == 409
    assert lake.call("PUT", "file", {"comp": "blocklist"}, b"<BlockList/>").status == 409
    assert lake.put_blob("file", b"new").status == 201
    assert lake.create("blob").status == 201
    assert lake.append("blob", 0, b"y").status == 202


def test_put_blob_keeps_the_lease(lake):
    lake.put_blob("f", b"x")
    lake.acquire("f")
    assert lake.put_blob("f", b"y").outcome == (412, "LeaseIdMissing")
    assert lake.put_blob("f", b"y", x_ms_lease_id=LEASE).status == 201
    assert lake.head("f").headers["x-ms-lease-state"] == "leased"


def test_blocks_become_a_blob_by_their_list(lake):
    ids = [base64.b64encode(name).decode() for name in (b"1", b"2")]
    for block, data in zip(ids, (b"world", b"hello ")):
        assert lake.call("PUT", "f", {"comp": "block", "blockid": block}, data).status == 201
    assert lake.read("f").status == 404
    long = base64.b64encode(b"longer").decode()
    assert lake.call("PUT", "f", {"comp": "block", "blockid": long}, b"x").outcome == (400, "InvalidBlobOrBlock")
    assert lake.call("PUT", "f", {"comp": "block", "blockid": "?"}, b"x").outcome == (400, "InvalidBlockId")
    body = f"<BlockList><Latest>{ids[1]}</Latest><Uncommitted>{ids[0]}</Uncommitted></BlockList>".encode()
    assert lake.call("PUT", "f", {"comp": "blocklist"}, body).status == 201
    assert lake.read("f").body == b"hello world"
    assert lake.call("PUT", "f", {"comp": "blocklist"}, body).outcome == (400, "InvalidBlockList")
    listed = ElementTree.fromstring(lake.call("GET", "f", {"comp": "blocklist", "blocklisttype": "all"}).body)
    assert [entry.text for entry in listed.iter("Name")] == [ids[1], ids[0]]


def test_delete_of_a_full_directory_is_refused(lake):
    lake.write("d/f", b"x")
    assert lake.call("DELETE", "d", Accept="application/xml").outcome == (409, "DirectoryIsNotEmpty")
    assert lake.call("DELETE", "d/f", Accept="application/xml").status == 202


def test_blobs_are_listed_in_pages_by_prefix(lake):
    for name in ("a/1", "a/2", "ab/3", "b"):
        lake.write(name, b"x")

    def page(**query):
        answer = lake.call("GET", "", {"restype": "container", "comp": "list", **query})
        assert answer.status == 200 and answer.body.startswith(BOM)
        root = ElementTree.fromstring(answer.body)
        return [entry.text for entry in root.iter("Name")], root.findtext("NextMarker")

    assert page(prefix="a/")[0] == ["a/1", "a/2"]
    assert page(prefix="a", delimiter="/")[0] == ["a/", "ab/"]
    names, marker = page(maxresults=2)
    assert names == ["a", "a/1"] and marker
    assert page(marker=marker)[0] == ["a/2", "ab", "ab/3", "b"]


def test_firewall_before_the_blob_endpoint(server):
    with adls_server.running("--no-blob") as closed:
        lake = Lake(closed)
        assert lake.put_blob("f", b"x").outcome == (403, "AuthorizationFailure")
        assert lake.write("f", b"x")


def test_host_style_has_two_endpoints(lake):
    def call(kind, method, path, query="", body=b"", **headers):
        account, version = adls_server.ACCOUNT, adls_server.VERSION
        target = f"/{lake.name}/{path}{query}"
        every = {"Host": f"{account}.{kind}.core.windows.net", "x-ms-version": version, "x-ms-date": adls_server.now()}
        every |= {
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        text = adls_server.string_to_sign(method, target, every)
        every["Authorization"] = f"SharedKey {account}:{adls_server.mac(text)}"
        return lake.server.send(method, target, every, body)

    assert call("dfs", "PUT", "f", "?resource=file").status == 201
    assert call("blob", "HEAD", "f").headers["x-ms-blob-type"] == "BlockBlob"
    assert "x-ms-blob-type" not in call("dfs", "HEAD", "f").headers
    assert call("blob", "PUT", "f", "?resource=file").outcome == (400, "MissingRequiredHeader")
    assert call("blob", "GET", "none").body.startswith(BOM)
    assert call("dfs", "GET", "none").json["error"]["code"] == "PathNotFound"
    assert call("dfs", "PUT", "g", x_ms_blob_type="BlockBlob").status == 400
