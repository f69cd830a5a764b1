# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint: which operation a request means, containers, lists, properties, delete."""

import base64
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape, quoteattr

import blob_write
import dfs
from call import validators
from clock import http_date, iso_date, parse_iso_date
from errors import ServiceError
from leasing import lease
from reading import read
from signing import Sas, delegation_key
from store import key_of
from wire import Answer


def operation(call):
    restype, comp = call.query.get("restype"), call.query.get("comp")
    if not call.filesystem_name:
        table, key = SERVICE, (call.method, restype, comp)
    elif restype == "container" or not call.path:
        table, key = CONTAINER, (call.method, comp)
    else:
        table, key = BLOB, (call.method, comp)
    found = table.get(key)
    if found is None:
        raise ServiceError("InvalidQueryParameterValue" if comp or restype else "UnsupportedHttpVerb")
    return found


def xml_answer(text):
    body = b"\xef\xbb\xbf" + ('<?xml version="1.0" encoding="utf-8"?>' + text).encode()
    return Answer(200, [("Content-Type", "application/xml")], body)


def create_container(call):
    call.need_no_body()
    call.access.require("cw", "c")
    dfs.forbid_on_onelake(call)
    with call.store.lock:
        if call.filesystem_name in call.store.filesystems:
            raise ServiceError("ContainerAlreadyExists")
        call.service.check_being_deleted(call)
        filesystem = call.store.add_filesystem(call.filesystem_name)
        root = filesystem.nodes[""]
        root.metadata = blob_write.given_metadata(call)
        call.store.save(filesystem, "", root)
        return Answer(201, validators(root))


def head_container(call):
    call.access.require("rl", "c")
    with call.store.lock:
        root = call.find_filesystem().nodes[""]
        call.check_read(root)
        metadata = [(f"x-ms-meta-{name}", value) for name, value in root.metadata.items()]
        fixed = [("x-ms-has-immutability-policy", "false"), ("x-ms-has-legal-hold", "false")]
        return Answer(200, [*validators(root), *metadata, *root.lease.headers(), *fixed, *dfs.NAMESPACE])


def delete_container(call):
    call.access.require("d", "c")
    dfs.forbid_on_onelake(call)
    with call.store.lock:
        root = call.find_filesystem().nodes[""]
        call.check_conditions(root)
        call.check_write(root)
        call.service.remove_filesystem(call.filesystem_name)
    return Answer(202)


def container_acl(call):
    call.access.require("r", "c")
    with call.store.lock:
        answer = xml_answer("<SignedIdentifiers />")
        answer.headers += validators(call.find_filesystem().nodes[""])
        return answer


def list_containers(call):
    call.access.require("l", "s")
    prefix = call.query.get("prefix", "")
    entries = []
    with call.store.lock:
        for name in sorted(call.store.filesystems):
            root = call.store.filesystems[name].nodes[""]
            if name.startswith(prefix):
                entries.append(
                    f"<Container><Name>{name}</Name>"
                    f"<Properties><Last-Modified>{http_date(root.modified)}</Last-Modified>"
                    f"<Etag>{escape(root.etag)}</Etag>{lease_xml(root)}</Properties></Container>"
                )
    return xml_answer(
        f"<EnumerationResults ServiceEndpoint={quoteattr(call.service.endpoint(call))}>"
        f"<Prefix>{escape(prefix)}</Prefix>"
        f"<Containers>{''.join(entries)}</Containers><NextMarker /></EnumerationResults>"
    )


def lease_xml(node):
    names = {
        "x-ms-lease-status": "LeaseStatus",
        "x-ms-lease-state": "LeaseState",
        "x-ms-lease-duration": "LeaseDuration",
    }
    return "".join(f"<{names[name]}>{value}</{names[name]}>" for name, value in node.lease.headers())


def list_blobs(call):
    call.access.require("l", "c" if call.access.kind == "account sas" else "o")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    if delimiter not in ("", "/"):
        raise ServiceError("InvalidQueryParameterValue", "The delimiter is / where there are directories.")
    most = min(call.number("maxresults", 1, 1 << 31, dfs.PAGE), call.service.options.page_size or dfs.PAGE)
    marker = call.query.get("marker")
    start = dfs.read_token(marker) if marker else None
    directory = prefix.rpartition("/")[0]
    include = call.query.get("include", "").split(",")
    with call.store.lock:
        filesystem = call.find_filesystem()
        page, following, size = [], None, dfs.PAGE
        while True:  # names that do not begin with the prefix take no place on a page
            paths, following = dfs.walk(call, filesystem, directory, not delimiter, start, size)
            wanted = [path for path in paths if path.startswith(prefix)]
            for path in wanted:
                if len(page) == most:
                    following = key_of(path)
                    break
                page.append(path)
            if len(page) == most or following is None:
                break
            start = following
        entries = "".join(blob_xml(path, filesystem.nodes[path], delimiter, include) for path in page)
    token = f"<NextMarker>{dfs.make_token(following)}</NextMarker>" if following is not None else "<NextMarker />"
    return xml_answer(
        f"<EnumerationResults ServiceEndpoint={quoteattr(call.service.endpoint(call))} "
        f"ContainerName={quoteattr(call.filesystem_name)}><Prefix>{escape(prefix)}</Prefix>"
        f"<MaxResults>{most}</MaxResults>{f'<Delimiter>{delimiter}</Delimiter>' if delimiter else ''}"
        f"<Blobs>{entries}</Blobs>{token}</EnumerationResults>"
    )


def blob_xml(path, node, delimiter, include):
    if node.directory and delimiter:
        return f"<BlobPrefix><Name>{escape(path)}/</Name></BlobPrefix>"
    properties = {
        "Creation-Time": http_date(node.created),
        "Last-Modified": http_date(node.modified),
        "Etag": node.etag.strip('"'),
        "ResourceType": "directory" if node.directory else "file",
        "Content-Length": str(node.length),
        "Content-Type": node.properties.get("content-type", "application/octet-stream"),
        "Content-Encoding": node.properties.get("content-encoding", ""),
        "Content-Language": node.properties.get("content-language", ""),
        "Content-MD5": node.properties.get("content-md5", ""),
        "Cache-Control": node.properties.get("cache-control", ""),
        "Content-Disposition": node.properties.get("content-disposition", ""),
        "BlobType": "BlockBlob",
        "AccessTier": "Hot",
        "ServerEncrypted": "true",
    }
    inner = "".join(
        f"<{name}>{escape(value)}</{name}>" if value else f"<{name} />" for name, value in properties.items()
    )
    metadata = ""
    if "metadata" in include:
        pairs = {**node.metadata, **({"hdi_isfolder": "true"} if node.directory else {})}
        metadata = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs.items())
        metadata = f"<Metadata>{metadata}</Metadata>"
    return f"<Blob><Name>{escape(path)}</Name><Properties>{inner}{lease_xml(node)}</Properties>{metadata}</Blob>"


def head(call):
    call.access.require("r")
    with call.store.lock:
        node = call.find()
        call.check_conditions(node, reading=True)
        call.check_read(node)
        return Answer(200, [*blob_headers(node), ("Content-Length", str(node.length))])


def blob_headers(node):
    headers = dfs.dfs_headers(node, False)
    headers = [(name, value) for name, value in headers if name != "x-ms-client-transaction-id"]
    headers += [(f"x-ms-meta-{name}", value) for name, value in node.metadata.items()]
    if node.directory:
        headers.append(("x-ms-meta-hdi_isfolder", "true"))
    return [
        *headers,
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-access-tier", "Hot"),
        ("x-ms-access-tier-inferred", "true"),
    ]


def delete(call):
    call.access.require("d")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        call.check_conditions(node)
        call.check_write(node)
        if node.directory and filesystem.has_children(call.path):
            raise ServiceError("DirectoryIsNotEmpty")
        call.store.drop(filesystem, [call.path])
    return Answer(202, [("x-ms-delete-type-permanent", "true")])


def user_delegation_key(call):
    if call.access.kind != "token":
        raise ServiceError("AuthorizationFailure")
    call.access.require("r")
    try:
        root = ElementTree.fromstring(call.body.read() or b"")
        start, expiry = root.findtext("Start") or iso_date(call.store.clock.date())[:19] + "Z", root.findtext("Expiry")
    except ElementTree.ParseError:
        raise ServiceError("InvalidXmlDocument") from None
    if not expiry or parse_iso_date(expiry) is None:
        raise ServiceError("InvalidXmlDocument")
    options = call.service.options
    values = {"skoid": call.access.name, "sktid": options.tenant, "skt": start, "ske": expiry, "sks": "b"}
    values["skv"] = call.version
    key = base64.b64encode(delegation_key(call.service.key, Sas(values))).decode()
    names = {"SignedOid": "skoid", "SignedTid": "sktid", "SignedStart": "skt", "SignedExpiry": "ske"}
    names |= {"SignedService": "sks", "SignedVersion": "skv"}
    inner = "".join(f"<{name}>{escape(values[short])}</{name}>" for name, short in names.items())
    return xml_answer(f"<UserDelegationKey>{inner}<Value>{key}</Value></UserDelegationKey>")


def account_information(call):
    return Answer(
        200, [("x-ms-sku-name", "Standard_LRS"), ("x-ms-account-kind", "StorageV2"), ("x-ms-is-hns-enabled", "true")]
    )


def service_properties(call):
    call.access.require("r", "s")
    return xml_answer("<StorageServiceProperties />")


SERVICE = {
    ("GET", None, "list"): ("list_containers", list_containers),
    ("GET", "service", "properties"): ("service_properties", service_properties),
    ("POST", "service", "userdelegationkey"): ("user_delegation_key", user_delegation_key),
    ("GET", "account", "properties"): ("account_information", account_information),
    ("HEAD", "account", "properties"): ("account_information", account_information),
}

CONTAINER = {
    ("PUT", None): ("create_container", create_container),
    ("HEAD", None): ("head_container", head_container),
    ("GET", None): ("head_container", head_container),
    ("DELETE", None): ("delete_container", delete_container),
    ("PUT", "metadata"): ("set_container_metadata", blob_write.set_metadata),
    ("PUT", "lease"): ("lease_container", lambda call: lease(call, call.headers.get("x-ms-lease-action"))),
    ("GET", "list"): ("list_blobs", list_blobs),
    ("GET", "acl"): ("container_acl", container_acl),
    ("GET", "properties"): ("account_information", account_information),
}

BLOB = {
    ("PUT", None): ("put_blob", blob_write.put_blob),
    ("PUT", "block"): ("put_block", blob_write.put_block),
    ("PUT", "blocklist"): ("put_block_list", blob_write.put_block_list),
    ("GET", "blocklist"): ("get_block_list", blob_write.get_block_list),
    ("PUT", "metadata"): ("set_metadata", blob_write.set_metadata),
    ("PUT", "properties"): ("set_properties", blob_write.set_properties),
    ("PUT", "lease"): ("lease", lambda call: lease(call, call.headers.get("x-ms-lease-action"))),
    ("PUT", "expiry"): ("set_expiry", blob_write.set_expiry),
    ("GET", None): ("get_blob", read),
    ("HEAD", None): ("head_blob", head),
    ("DELETE", None): ("delete_blob", delete),
    ("GET", "properties"): ("account_information", account_information),
}
