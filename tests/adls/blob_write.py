# SPDX-License-Identifier: Apache-2.0
"""Blob calls that change a blob: Put Blob, blocks, metadata, properties, copy."""

import base64
import urllib.parse
import xml.etree.ElementTree as ElementTree

from call import MIB, split_path, validators
from dfs_write import take_expiry
from errors import ServiceError
from store import Node
from wire import Answer

MAX_BLOB = 5000 * MIB
MAX_OLD_BLOB = 256 * MIB
MAX_BLOCK = 4000 * MIB
MAX_BLOCKS = 50_000


def given_metadata(call):
    metadata = {}
    for name, value in call.headers.items():
        if name.startswith("x-ms-meta-"):
            key = name.removeprefix("x-ms-meta-")
            if not key:
                raise ServiceError("EmptyMetadataKey")
            if not (key.isascii() and key.isidentifier()):
                raise ServiceError("InvalidInput", "The name of metadata is an identifier of ASCII letters.")
            metadata[key] = value
    return metadata


def check_target(call, filesystem):
    """The node that a write of a whole blob replaces, or None."""
    old = call.store.find(filesystem, call.path)
    call.check_conditions(old, call.service.options.put_blob_exists)
    call.check_write(old)
    if old is None and call.lease_id():
        raise ServiceError("LeaseNotPresentWithBlobOperation")
    if old is not None and old.directory:
        raise ServiceError("ResourceTypeMismatch")
    if old is not None and call.access.kind.endswith("sas") and "w" not in call.access.letters:
        raise ServiceError("UnauthorizedBlobOverwrite")
    return old


def put_blob(call):
    if "x-ms-copy-source" in call.headers:
        return copy_blob(call)
    kind = call.headers.get("x-ms-blob-type")
    if not kind:
        raise ServiceError("MissingRequiredHeader", "x-ms-blob-type is missing.")
    if kind != "BlockBlob":
        raise ServiceError(
            "InvalidHeaderValue" if kind not in ("AppendBlob", "PageBlob") else "BlobOperationNotSupported"
        )
    call.access.require("cw")
    with call.store.lock:
        check_target(call, call.find_filesystem())
    chunk, sums, digest = call.receive(MAX_BLOB if call.version >= "2019-12-12" else MAX_OLD_BLOB, True)
    with call.store.lock:
        filesystem = call.find_filesystem()
        old = check_target(call, filesystem)
        md5 = base64.b64encode(digest).decode()
        properties = {"content-md5": md5, **call.given_properties("x-ms-blob-")}
        replace(call, filesystem, old, [chunk] if chunk.length else [], [], properties)
        node = filesystem.nodes[call.path]
        headers = [*validators(node), ("x-ms-request-server-encrypted", "true")]
        headers += [("Content-MD5", md5), *(pair for pair in sums if pair[0] != "Content-MD5")]
    return Answer(201, headers)


def replace(call, filesystem, old, chunks, committed, properties):
    """Puts new content at the path. A lease stays, and so do owner and rights."""
    if call.store.make_parents(filesystem, call.path) is not None:
        raise ServiceError("PathConflict")
    node = Node(call.store.clock, False)
    if old is not None:
        node.lease, node.created = old.lease, old.created
        node.owner, node.group, node.permissions, node.acl = old.owner, old.group, old.permissions, old.acl
    node.by_blob = True
    node.set_content(chunks)
    node.committed = committed
    node.properties = properties
    node.metadata = given_metadata(call)
    call.store.touch(node)
    node.lease.was_written()
    filesystem.blocks.pop(call.path, None)
    call.store.save(filesystem, call.path, node)


def copy_blob(call):
    """Within the account and at once, which is what small copies do."""
    call.need_no_body()
    call.access.require("cw")
    path = urllib.parse.urlsplit(call.headers["x-ms-copy-source"]).path
    name, source = split_path(path)
    if name == call.service.account:
        name, _, source = source.partition("/")
    with call.store.lock:
        other = call.store.filesystems.get(name)
        origin = call.store.find(other, source) if other else None
        if origin is None:
            raise ServiceError("BlobNotFound")
        filesystem = call.find_filesystem()
        old = check_target(call, filesystem)
        properties, metadata = dict(origin.properties), dict(origin.metadata)
        replace(call, filesystem, old, origin.content, list(origin.committed), properties)
        node = filesystem.nodes[call.path]
        node.metadata = node.metadata or metadata
        call.store.save(filesystem, call.path, node)
        headers = [*validators(node), ("x-ms-copy-id", call.service.new_id()), ("x-ms-copy-status", "success")]
    return Answer(202, headers)


def check_block_target(call, filesystem):
    old = call.store.find(filesystem, call.path)
    call.check_write(old)
    if old is not None and (old.directory or not old.by_blob):
        raise ServiceError("BlobOperationNotSupported")
    return old


def put_block(call):
    call.access.require("cwa")
    block = call.query.get("blockid", "")
    try:
        size = len(base64.b64decode(block, validate=True))
    except ValueError:
        size = 0
    if not 1 <= size <= 64:
        raise ServiceError("InvalidBlockId")
    with call.store.lock:
        filesystem = call.find_filesystem()
        check_block_target(call, filesystem)
        if any(len(other) != len(block) for other in filesystem.blocks.get(call.path, ())):
            raise ServiceError("InvalidBlobOrBlock", "The block ids of a blob are of one length.")
    if call.body.length == 0:
        raise ServiceError("InvalidHeaderValue", "A block of no bytes.")
    chunk, sums, _ = call.receive(MAX_BLOCK)
    with call.store.lock:
        filesystem = call.find_filesystem()
        check_block_target(call, filesystem)
        filesystem.blocks.setdefault(call.path, {})[block] = chunk
    return Answer(201, [*sums, ("x-ms-request-server-encrypted", "true")])


def put_block_list(call):
    call.access.require("cw")
    try:
        root = ElementTree.fromstring(call.body.read() or b"")
    except ElementTree.ParseError:
        raise ServiceError("InvalidXmlDocument") from None
    if len(root) > MAX_BLOCKS:
        raise ServiceError("BlockCountExceedsLimit")
    with call.store.lock:
        filesystem = call.find_filesystem()
        old = check_target(call, filesystem)
        check_block_target(call, filesystem)
        staged = filesystem.blocks.get(call.path, {})
        before = dict(zip(old.committed, old.content)) if old is not None else {}
        sources = {"Latest": {**before, **staged}, "Committed": before, "Uncommitted": staged}
        names = [(entry.tag, (entry.text or "").strip()) for entry in root]
        if any(name not in sources.get(tag, {}) for tag, name in names):
            raise ServiceError("InvalidBlockList")
        chunks = [sources[tag][name] for tag, name in names]
        replace(call, filesystem, old, chunks, [name for _, name in names], call.given_properties("x-ms-blob-"))
        node = filesystem.nodes[call.path]
        return Answer(201, [*validators(node), ("x-ms-request-server-encrypted", "true")])


def get_block_list(call):
    call.access.require("r")
    wanted = call.query.get("blocklisttype", "committed").lower()
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.store.find(filesystem, call.path)
        staged = filesystem.blocks.get(call.path, {})
        if node is None and not staged:
            raise ServiceError("BlobNotFound")
        lists = {
            "CommittedBlocks": list(zip(node.committed, node.content)) if node is not None and node.committed else [],
            "UncommittedBlocks": list(staged.items()),
        }
        text = ""
        for tag, entries in lists.items():
            if wanted == "all" or tag.lower().startswith(wanted):
                inner = "".join(
                    f"<Block><Name>{name}</Name><Size>{chunk.length}</Size></Block>" for name, chunk in entries
                )
                text += f"<{tag}>{inner}</{tag}>"
        headers = [] if node is None else [*validators(node), ("x-ms-blob-content-length", str(node.length))]
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{text}</BlockList>'.encode()
    return Answer(200, [("Content-Type", "application/xml"), *headers], body)


def set_metadata(call):
    call.need_no_body()
    call.access.require("w", call.level)
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        call.check_conditions(node)
        call.check_write(node)
        node.metadata = given_metadata(call)
        call.store.touch(node)
        node.lease.was_written()
        call.store.save(filesystem, call.path, node)
        return Answer(200, [*validators(node), ("x-ms-request-server-encrypted", "true")])


def set_properties(call):
    call.need_no_body()
    call.access.require("w")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        call.check_conditions(node)
        call.check_write(node)
        node.properties = call.given_properties("x-ms-blob-")
        call.store.touch(node)
        node.lease.was_written()
        call.store.save(filesystem, call.path, node)
        return Answer(200, validators(node))


def set_expiry(call):
    call.access.require("w")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        take_expiry(call, node)
        call.store.save(filesystem, call.path, node)
        return Answer(200, validators(node))
