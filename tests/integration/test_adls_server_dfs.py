# SPDX-License-Identifier: Apache-2.0
"""The test server is as strict as the service: files, appends, rename, delete, lists. Plain HTTP, no SDK."""

import base64
import hashlib

import pytest

import adls_server
from adls_server import LEASE, OTHER_LEASE, Lake


@pytest.fixture(scope="module")
def server():
    with adls_server.running() as server:
        yield server


@pytest.fixture
def lake(server):
    return Lake(server)


def staged(server, lake, path):
    return server.control("state")[lake.name][path]["staged"]


def test_appended_data_is_invisible_until_it_is_flushed(lake):
    lake.create("f")
    assert lake.append("f", 0, b"hello").status == 202
    assert lake.read("f").body == b"" and lake.head("f").headers["content-length"] == "0"
    assert lake.list().json["paths"][0]["contentLength"] == "0"
    assert lake.flush("f", 5).status == 200
    assert lake.read("f").body == b"hello"


def test_appends_arrive_in_any_order(lake):
    lake.create("f")
    lake.append("f", 5, b"world")
    lake.append("f", 0, b"hello")
    assert lake.flush("f", 10).status == 200
    assert lake.read("f").body == b"helloworld"


def test_append_at_the_same_position_replaces_bytes_and_length(lake):
    lake.create("f")
    lake.append("f", 0, b"the first one")
    lake.append("f", 0, b"second")
    assert lake.flush("f", 13).outcome == (400, "InvalidFlushPosition")
    assert lake.flush("f", 6).status == 200
    assert lake.read("f").body == b"second"


@pytest.mark.parametrize("position", [4, 6, 0])
def test_flush_is_refused_unless_its_position_is_the_end_of_the_data(server, lake, position):
    lake.create("f")
    etag = lake.head("f").etag
    lake.append("f", 0, b"hello")
    assert lake.flush("f", position).outcome == (400, "InvalidFlushPosition")
    assert lake.head("f").etag == etag and lake.read("f").body == b""
    assert staged(server, lake, "f") == {"0": 5}


def test_flush_is_refused_when_there_is_a_gap_and_commits_nothing(lake):
    lake.create("f")
    lake.append("f", 0, b"hello")
    lake.append("f", 6, b"world")
    assert lake.flush("f", 11).outcome == (400, "InvalidFlushPosition")
    assert lake.read("f").body == b""
    lake.append("f", 5, b" ")
    assert lake.flush("f", 11).status == 200


def test_flush_is_refused_when_appends_overlap(lake):
    lake.create("f")
    lake.append("f", 0, b"hello")
    lake.append("f", 3, b"lo world")
    assert lake.flush("f", 11).outcome == (400, "InvalidFlushPosition")


def test_flush_keeps_what_lies_above_only_when_asked(server, lake):
    lake.create("f")
    lake.append("f", 0, b"hello")
    lake.append("f", 5, b"world")
    assert lake.flush("f", 5).outcome == (400, "InvalidFlushPosition")
    assert lake.flush("f", 5, {"retainUncommittedData": "true"}).status == 200
    assert lake.read("f").body == b"hello" and staged(server, lake, "f") == {"5": 5}
    assert lake.flush("f", 10).status == 200


def test_append_with_flush_commits_in_one_call(lake):
    lake.create("f")
    answer = lake.append("f", 0, b"hello", flush=True)
    assert answer.status == 202 and answer.etag == lake.head("f").etag
    assert lake.append("f", 9, b"x", flush=True).outcome == (400, "InvalidFlushPosition")
    assert lake.append("f", 0, b"hello", flush=True).outcome == (400, "InvalidFlushPosition")
    assert lake.append("f", 0, b"hello").status == 400
    assert lake.read("f").body == b"hello"


def test_append_of_nothing_is_refused(lake):
    lake.create("f")
    assert lake.append("f", 0, b"").outcome == (400, "InvalidHeaderValue")


@pytest.mark.parametrize("position", ["", "-1", "x", None])
def test_append_needs_a_position(lake, position):
    lake.create("f")
    query = {"action": "append"} | ({} if position is None else {"position": position})
    assert lake.call("PATCH", "f", query, b"x").status == 400


def test_append_with_a_condition_is_not_refused_and_not_honoured(lake):
    lake.create("f")
    assert lake.append("f", 0, b"x", If_Match='"0x1"').status == 202


def test_uncommitted_data_goes_after_a_week(server, lake):
    lake.create("f")
    lake.append("f", 0, b"hello")
    server.control("clock", advance=7 * 24 * 3600 + 1)
    assert lake.flush("f", 5).outcome == (400, "InvalidFlushPosition")
    server.control("reset", what=["clock"])


def test_flush_has_conditions_and_moves_the_etag(lake):
    etag = lake.create("f").etag
    lake.append("f", 0, b"x")
    assert lake.flush("f", 1, If_Match='"0x1"').outcome == (412, "ConditionNotMet")
    answer = lake.flush("f", 1, If_Match=etag)
    assert answer.status == 200 and answer.etag not in (None, etag)


def test_flush_stores_the_md5_it_is_given_and_does_not_check_it(lake):
    lake.create("f")
    lake.append("f", 0, b"x")
    md5 = base64.b64encode(bytes(16)).decode()
    assert lake.flush("f", 1, x_ms_content_md5=md5).status == 200
    assert lake.head("f").headers["content-md5"] == md5
    lake.append("f", 1, b"y")
    assert lake.flush("f", 2, x_ms_content_md5="bad").outcome == (400, "InvalidMd5")


def test_calls_without_data_refuse_a_body(lake):
    lake.create("f")
    assert lake.call("PATCH", "f", {"action": "flush", "position": 0}, b"x").outcome == (400, "ContentLengthMustBeZero")
    assert lake.call("PUT", "g", {"resource": "file"}, b"x").outcome == (400, "ContentLengthMustBeZero")


def test_missing_paths_and_filesystems_are_told_apart(server, lake):
    for answer in (lake.append("none", 0, b"x"), lake.flush("none", 0), lake.read("none"), lake.head("none")):
        assert answer.status == 404 and answer.code == "PathNotFound"
    assert server.call("PUT", "/nosuchfs/f", {"resource": "file"}).outcome == (404, "FilesystemNotFound")
    assert server.call("HEAD", "/nosuchfs", {"resource": "filesystem"}).outcome == (404, "FilesystemNotFound")
    assert lake.list("none").outcome == (404, "PathNotFound")


def test_filesystem_made_twice_and_removed(server, lake):
    assert server.call("PUT", f"/{lake.name}", {"resource": "filesystem"}).outcome == (409, "FilesystemAlreadyExists")
    answer = server.call("HEAD", f"/{lake.name}", {"resource": "filesystem"})
    assert answer.status == 200 and answer.headers["x-ms-namespace-enabled"] == "true"
    assert server.call("DELETE", f"/{lake.name}", {"resource": "filesystem"}).status == 202
    assert server.call("PUT", f"/{lake.name}", {"resource": "filesystem"}).outcome == (409, "FilesystemBeingDeleted")
    server.control("clock", advance=31)
    lake.create_filesystem()
    server.control("reset", what=["clock"])


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Upper", "two--dashes", "-a1", "a1-", "a_b"])
def test_names_of_filesystems_have_rules(server, name):
    assert server.call("PUT", f"/{name}", {"resource": "filesystem"}).outcome == (400, "InvalidResourceName")


def test_create_truncates_at_once(lake):
    etag = lake.write("f", b"hello")
    answer = lake.create("f")
    assert answer.status == 201 and answer.etag != etag
    assert lake.read("f").body == b""


def test_create_with_conditions(lake):
    etag = lake.create("f", If_None_Match="*").etag
    assert lake.create("f", If_None_Match="*").outcome == (409, "PathAlreadyExists")
    assert lake.create("f", If_Match='"0x1"').outcome == (412, "ConditionNotMet")
    assert lake.create("none", If_Match=etag).outcome == (412, "ConditionNotMet")
    assert lake.create("f", If_Match=etag.strip('"')).status == 412
    assert lake.create("f", If_Match=f'"0x1", {etag}').status == 201
    assert lake.create("f", If_Match=etag, If_None_Match="*").outcome == (400, "MultipleConditionHeadersNotSupported")


def test_create_drops_uncommitted_data(lake):
    lake.create("f")
    lake.append("f", 0, b"old")
    lake.create("f")
    assert lake.flush("f", 3).outcome == (400, "InvalidFlushPosition")


def test_create_breaks_a_lease(lake):
    lake.create("f")
    lake.acquire("f")
    assert lake.create("f", x_ms_lease_id=OTHER_LEASE).outcome == (412, "LeaseIdMismatch")
    assert lake.create("f").status == 201
    assert lake.append("f", 0, b"x", x_ms_lease_id=LEASE).outcome == (412, "LeaseLost")
    assert lake.lease("f", "renew", x_ms_lease_id=LEASE).outcome == (409, "LeaseIsBrokenAndCannotBeRenewed")


def test_create_makes_parents_and_refuses_a_file_as_parent(lake):
    assert lake.create("a/b/c").status == 201
    assert lake.names() == ["a", "a/b", "a/b/c"]
    assert lake.create("a/b/c/d").outcome == (409, "PathConflict")
    assert lake.mkdir("a/b/c").status == 409
    assert lake.create("a/b").outcome == (409, "PathConflict")


def test_directory_made_twice(lake):
    assert lake.mkdir("a").status == 201 and lake.mkdir("a").status == 201
    assert lake.mkdir("a", If_None_Match="*").outcome == (409, "PathAlreadyExists")


def test_put_without_resource_or_source_is_refused(lake):
    assert lake.call("PUT", "f").outcome == (400, "MissingRequiredQueryParameter")


def test_rename_keeps_the_etag_and_the_content(lake):
    etag = lake.write("a", b"hello")
    assert lake.rename("a", "b").status == 201
    assert lake.head("a").status == 404
    answer = lake.read("b")
    assert answer.body == b"hello" and answer.etag == etag


def test_rename_needs_the_parent(lake):
    lake.create("a")
    assert lake.rename("a", "d/b").outcome == (404, "RenameDestinationParentPathNotFound")
    lake.mkdir("d")
    assert lake.rename("a", "d/b").status == 201
    lake.create("c")
    assert lake.rename("c", "d/b/c").outcome == (409, "InvalidDestinationPath")


def test_rename_with_conditions_on_both_sides(lake):
    source, target = lake.write("new", b"2"), lake.write("model", b"1")
    wrong = '"0x1"'
    assert lake.rename("new", "model", If_Match=wrong).outcome == (412, "ConditionNotMet")
    assert lake.rename("new", "model", If_None_Match="*").outcome == (409, "PathAlreadyExists")
    assert lake.rename("new", "model", x_ms_source_if_match=wrong).outcome == (412, "SourceConditionNotMet")
    assert lake.rename("new", "absent", If_Match=target).outcome == (412, "ConditionNotMet")
    assert lake.read("model").body == b"1"
    assert lake.rename("new", "model", If_Match=target, x_ms_source_if_match=source).status == 201
    assert lake.head("model").etag == source
    assert lake.rename("new", "model", If_Match=target).outcome == (404, "SourcePathNotFound")


def test_rename_order_of_checks_can_be_the_other_one():
    with adls_server.running("--rename-checks", "destination", "--no-rename-etag") as server:
        lake = Lake(server)
        lake.write("model", b"1")
        assert lake.rename("gone", "model", If_Match='"0x1"').outcome == (412, "ConditionNotMet")
        assert lake.rename("model", "b").etag is None


def test_rename_breaks_the_lease_of_the_destination(lake):
    lake.write("new", b"2")
    lake.write("model", b"1")
    lake.acquire("model")
    assert lake.rename("new", "model").status == 201
    assert lake.head("model").headers["x-ms-lease-state"] == "broken"
    assert lake.append("model", 1, b"x", x_ms_lease_id=LEASE).outcome == (412, "LeaseLost")


def test_rename_of_directories(lake):
    lake.write("a/x/1", b"1")
    lake.mkdir("b")
    lake.create("file")
    assert lake.rename("a", "a/x/c").outcome == (409, "InvalidRenameSourcePath")
    assert lake.rename("a", "file").outcome == (409, "InvalidSourceOrDestinationResourceType")
    assert lake.rename("a", "b").status == 409
    assert lake.rename("a", "b", mode="posix", If_None_Match="*").status == 201
    assert lake.names() == ["b", "b/a", "b/a/x", "b/a/x/1", "file"]
    lake.mkdir("a")
    assert lake.rename("a", "b", mode="posix", If_None_Match="*").outcome == (409, "PathAlreadyExists")
    lake.call("DELETE", "a")
    assert lake.rename("b/a", "c").status == 201
    assert lake.read("c/x/1").body == b"1"


def test_rename_source_with_query_and_escapes(lake):
    lake.create("a b%ü")
    assert lake.rename("a b%ü", "c").status == 201
    assert lake.call("PUT", "d", {"mode": "legacy"}, x_ms_rename_source="no/slash").outcome == (400, "InvalidSourceUri")


def test_delete_file_and_directory(lake):
    etag = lake.write("a/b/c", b"x")
    assert lake.call("DELETE", "a/b/c", If_Match='"0x1"').outcome == (412, "ConditionNotMet")
    assert lake.call("DELETE", "a", {"recursive": "false"}).outcome == (409, "DirectoryNotEmpty")
    assert lake.call("DELETE", "a/b/c", If_Match=etag).status == 200
    assert lake.call("DELETE", "a/b/c").outcome == (404, "PathNotFound")
    assert lake.call("DELETE", "a", {"recursive": "true"}).status == 200
    assert lake.names() == []


def test_delete_in_pages(server, lake):
    for number in range(5):
        lake.create(f"d/{number}")
    server.control("options", delete_page=2)
    query, rounds = {"recursive": "true", "paginated": "true"}, 0
    while True:
        answer = lake.call("DELETE", "d", query)
        assert answer.status == 200
        rounds += 1
        if "x-ms-continuation" not in answer.headers:
            break
        query["continuation"] = answer.headers["x-ms-continuation"]
    server.control("options", delete_page=None)
    assert rounds == 3 and lake.names() == []
    old = lake.call("DELETE", "d", {"recursive": "true", "paginated": "true"}, x_ms_version="2021-12-02")
    assert old.outcome == (400, "UnsupportedQueryParameter")


def test_list_needs_recursive_and_shows_all_fields(lake):
    etag = lake.write("a/f", b"hello")
    assert lake.call("GET", "", {"resource": "filesystem"}).outcome == (400, "MissingRequiredQueryParameter")
    entry = lake.list("a").json["paths"][0]
    assert entry["name"] == "a/f" and entry["contentLength"] == "5" and entry["etag"] == etag.strip('"')
    assert "isDirectory" not in entry and entry["lastModified"].endswith(" GMT")
    assert lake.list(recursive=False).json["paths"][0]["isDirectory"] == "true"


def test_list_by_directory_and_depth(lake):
    for path in ("a-b/1", "a/1", "a/b/2", "a.b"):
        lake.create(path)
    assert lake.names("a") == ["a/1", "a/b", "a/b/2"]
    assert lake.names("a", recursive=False) == ["a/1", "a/b"]
    assert sorted(lake.names(recursive=False)) == ["a", "a-b", "a.b"]


def test_list_in_pages_with_tokens_that_need_escapes(server, lake):
    names = [f"d/{number:03}" for number in range(25)]
    for name in names:
        lake.create(name)
    first = lake.list("d", maxResults=10)
    token = first.headers["x-ms-continuation"]
    assert len(first.json["paths"]) == 10 and set(token) & set("+/=")
    assert lake.names("d", maxResults=10) == names
    assert lake.list("d", maxResults=0).outcome == (400, "OutOfRangeQueryParameterValue")
    assert lake.list("d", continuation="rubbish").outcome == (400, "InvalidQueryParameterValue")
    server.control("options", page_size=7, empty_pages=True)
    page = lake.list("d")
    assert page.json["paths"] == [] and page.headers["x-ms-continuation"]
    assert lake.names("d") == names
    server.control("options", page_size=None, empty_pages=False)


def test_page_has_5000_entries_and_a_list_may_have_100000(server, lake):
    server.control("fill", filesystem=lake.name, directory="d", count=100_000)
    page = lake.list("d", maxResults=9999)
    assert len(page.json["paths"]) == 5000 and "x-ms-continuation" in page.headers
    before = server.control("count")["count"]
    assert lake.names("d") == [f"d/{number:05}" for number in range(100_000)]
    assert server.control("count")["count"] == before + 20
    assert lake.names(recursive=False) == ["d"]
    lake.create("d/00000")
    assert lake.call("DELETE", "d", {"recursive": "true"}).status == 200


def test_read_ranges(lake):
    lake.write("f", b"0123456789")
    answer = lake.read("f", Range="bytes=2-4")
    assert (answer.status, answer.body, answer.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert lake.read("f", Range="bytes=8-99").body == b"89"
    assert lake.read("f", Range="bytes=4-").body == b"456789"
    assert lake.read("f", Range="bytes=10-").outcome == (416, "InvalidRange")
    assert lake.read("f", Range="bytes=4-2").status == 400
    lake.create("empty")
    assert lake.read("empty", Range="bytes=0-9").outcome == (416, "InvalidRange")
    assert lake.read("empty").status == 200
    both = lake.read("f", Range="bytes=0-1", x_ms_range="bytes=2-3")
    assert both.body == b"23"


def test_read_with_conditions(lake):
    etag = lake.write("f", b"x")
    assert lake.read("f", If_Match=etag).status == 200
    assert lake.read("f", If_Match='"0x1"').outcome == (412, "ConditionNotMet")
    assert lake.read("f", If_None_Match=etag).status == 304
    assert lake.head("f", If_None_Match="*").status == 304
    assert lake.read("f", If_Modified_Since=adls_server.now(60)).status == 304
    assert lake.read("f", If_Unmodified_Since=adls_server.now(-60)).status == 412


def test_read_range_with_its_md5(lake):
    data = bytes(range(256)) * 100
    lake.write("f", data)
    answer = lake.read("f", Range="bytes=10-99", x_ms_range_get_content_md5="true")
    assert answer.headers["content-md5"] == base64.b64encode(hashlib.md5(data[10:100]).digest()).decode()
    assert lake.read("f", x_ms_range_get_content_md5="true").status == 400


@pytest.mark.parametrize("raw", ["a//b", "a/./b", "a/../b", "/a", "a/", "%zz", "%ff", "a%2F%2Fb", "a%5Cb", "a%01b"])
def test_bad_paths_are_refused(server, lake, raw):
    target = f"/{adls_server.ACCOUNT}/{lake.name}/{raw}?resource=file"
    headers = {"x-ms-version": adls_server.VERSION, "x-ms-date": adls_server.now(), "Content-Length": "0"}
    text = adls_server.string_to_sign("PUT", target, headers)
    headers["Authorization"] = f"SharedKey {adls_server.ACCOUNT}:{adls_server.mac(text)}"
    assert server.send("PUT", target, headers).status == 400


def test_paths_have_limits(lake):
    assert lake.create("/".join(["x" * 250] * 4)[:1024]).status == 201
    assert lake.create("x" * 1025).status == 400
    assert lake.create("/".join("x" * 63)).status == 201
    assert lake.create("/".join("x" * 64)).status == 400


def test_names_with_every_legal_character(lake):
    legal = "".join(chr(code) for code in range(32, 127) if chr(code) not in "/\\")
    names = [f"d/{legal}", "d/ü€𐍈", "d/ leading", "d/a&b=c+d%41#?", "d/e\u0301"]
    for name in names:
        lake.write(name, name.encode())
    assert sorted(lake.names("d")) == sorted(names)
    for name in names:
        assert lake.read(name).body == name.encode()


def test_properties_are_replaced_as_a_set(lake):
    def encode(value):
        return base64.b64encode(value.encode()).decode()

    lake.create("f", x_ms_properties=f"a={encode('1')},b={encode('2')}")
    assert lake.call("PATCH", "f", {"action": "setProperties"}, x_ms_properties=f"c={encode('3')}").status == 200
    assert lake.call("HEAD", "f").headers["x-ms-properties"] == f"c={encode('3')}"
    assert "x-ms-properties" not in lake.head("f").headers
    bad = lake.call("PATCH", "f", {"action": "setProperties"}, x_ms_properties="ü=eA==")
    assert bad.outcome == (400, "InvalidPropertyName")


def test_file_that_expires_is_gone(server, lake):
    lake.create("f", x_ms_expiry_option="RelativeToNow", x_ms_expiry_time="5000")
    assert lake.names() == ["f"]
    server.control("clock", advance=6)
    assert lake.head("f").status == 404 and lake.names() == []
    server.control("reset", what=["clock"])


def test_transaction_id_is_shown_again(lake):
    lake.create("f", x_ms_client_transaction_id="abc")
    assert lake.head("f").headers["x-ms-client-transaction-id"] == "abc"


def test_put_stands_for_patch_with_an_override(lake):
    lake.create("f")
    query = {"action": "append", "position": 0}
    assert lake.call("PUT", "f", query, b"x", X_HTTP_Method_Override="PATCH").status == 202
    assert lake.flush("f", 1).status == 200


def test_sums_of_appends_are_checked(lake):
    lake.create("f")
    data = b"some bytes"
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    wrong = base64.b64encode(bytes(16)).decode()
    answer = lake.append("f", 0, data, Content_MD5=md5)
    assert answer.status == 202 and answer.headers["content-md5"] == md5
    assert lake.append("f", 10, data, Content_MD5=wrong).outcome == (400, "Md5Mismatch")
    assert lake.append("f", 10, data, Content_MD5="AAAA").outcome == (400, "InvalidMd5")
    crc = base64.b64encode((0xAE8B14860A799888).to_bytes(8, "little")).decode()
    big = base64.b64encode((0xAE8B14860A799888).to_bytes(8, "big")).decode()
    assert lake.append("f", 10, b"123456789", x_ms_content_crc64=crc).status == 202
    assert lake.append("f", 19, b"123456789", x_ms_content_crc64=big).outcome == (400, "Crc64Mismatch")
    assert lake.append("f", 19, b"x", x_ms_content_crc64=crc, Content_MD5=md5).status == 400
    assert lake.flush("f", 19).status == 200


def test_append_limits(server, lake):
    lake.create("f")
    server.control("options", max_body=10)
    assert lake.append("f", 0, b"x" * 11).outcome == (413, "RequestBodyTooLarge")
    assert lake.append("f", 0, b"x" * 10).status == 202
    server.control("options", max_body=None)


def test_file_of_too_many_appends(server, lake):
    server.control("options", max_blocks=3)
    lake.create("f")
    assert [lake.append("f", at, b"x").status for at in (0, 1, 2, 2)] == [202] * 4
    assert lake.append("f", 3, b"x").outcome == (409, "BlockCountExceedsLimit")
    lake.flush("f", 3)
    assert lake.append("f", 3, b"x").outcome == (409, "BlockCountExceedsLimit")
    server.control("options", max_blocks=50_000)


def test_errors_are_json_with_ids(lake):
    answer = lake.read("none", x_ms_client_request_id="mine")
    error = answer.json["error"]
    assert error["code"] == "PathNotFound" and "\nRequestId:" in error["message"] and "\nTime:" in error["message"]
    assert answer.headers["x-ms-request-id"] in error["message"]
    assert answer.headers["x-ms-client-request-id"] == "mine" and answer.headers["x-ms-version"] == adls_server.VERSION
    assert lake.head("none").body == b""


@pytest.mark.parametrize("version, code", [(None, "MissingRequiredHeader"), ("2024-11-05", "UnsupportedRestVersion")])
def test_version_is_required_and_known(lake, version, code):
    assert lake.read("none", x_ms_version=version).outcome == (400, code)


def test_long_request_id_is_refused(lake):
    assert lake.read("none", x_ms_client_request_id="x" * 1025).outcome == (400, "InvalidHeaderValue")


def test_length_is_required(server, lake):
    lake.create("f")
    query = {"action": "append", "position": 0}
    assert server.call("PATCH", f"/{lake.name}/f", query, Content_Length=None).status == 411
    answer = server.call("PATCH", f"/{lake.name}/f", query, Content_Length=None, Transfer_Encoding="chunked")
    assert answer.outcome == (411, "MissingContentLengthHeader")
