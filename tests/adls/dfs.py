# SPDX-License-Identifier: Apache-2.0
"""The DFS endpoint: which operation a request means, and those that read, list, delete and lease."""

import base64
import bisect
import json

import dfs_write
from call import format_properties, validators
from clock import EPOCH_TICKS, http_date
from errors import ServiceError
from leasing import lease
from reading import read
from store import key_of
from wire import Answer

PAGE = 5000
NAMESPACE = [("x-ms-namespace-enabled", "true")]


def operation(call):
    """(name, function) of the call."""
    resource, action = call.query.get("resource"), call.query.get("action")
    if not call.filesystem_name:
        table = {"GET": ("list_filesystems", list_filesystems)} if resource == "account" else {}
    elif resource == "filesystem" and not call.path:
        table = {
            "PUT": ("create_filesystem", create_filesystem),
            "HEAD": ("head_filesystem", head_filesystem),
            "DELETE": ("delete_filesystem", delete_filesystem),
            "PATCH": ("set_filesystem_properties", set_filesystem_properties),
            "GET": ("list_paths", list_paths),
        }
    else:
        table = {
            "PUT": put_operation(call, resource),
            "PATCH": patch_operation(action),
            "POST": ("lease", lambda call: lease(call, call.headers.get("x-ms-lease-action"))),
            "HEAD": head_operation(action),
            "GET": ("read", read),
            "DELETE": ("delete", delete),
        }
    found = table.get(call.method)
    if found is None:
        raise ServiceError("UnsupportedHttpVerb" if table else "MissingRequiredQueryParameter")
    return found


def put_operation(call, resource):
    if "x-ms-rename-source" in call.headers:
        return "rename", dfs_write.rename
    if resource in ("file", "directory"):
        return f"create_{resource}", lambda call: dfs_write.create(call, resource == "directory")
    return "put", missing_parameter("resource", resource)


def patch_operation(action):
    known = {
        "append": dfs_write.append,
        "flush": dfs_write.flush,
        "setProperties": dfs_write.set_properties,
        "setAccessControl": dfs_write.set_access_control,
    }
    name = {"setProperties": "set_properties", "setAccessControl": "set_access_control"}.get(action, action)
    return (name, known[action]) if action in known else ("patch", missing_parameter("action", action))


def head_operation(action):
    if action in (None, "getStatus"):
        return "head", lambda call: head(call, action)
    if action == "getAccessControl":
        return "get_access_control", get_access_control
    if action == "checkAccess":
        return "check_access", lambda call: Answer(200, validators(call.find()))
    return "head", missing_parameter("action", action)


def missing_parameter(name, value):
    def fail(_):
        raise ServiceError(
            "InvalidQueryParameterValue" if value else "MissingRequiredQueryParameter", f"{name}={value}"
        )

    return fail


def forbid_on_onelake(call):
    if call.service.onelake:
        raise ServiceError("OperationNotAllowedOnThePath")


def create_filesystem(call):
    call.need_no_body()
    call.access.require("cw", "c")
    forbid_on_onelake(call)
    with call.store.lock:
        if call.filesystem_name in call.store.filesystems:
            raise ServiceError("FilesystemAlreadyExists")
        call.service.check_being_deleted(call)
        filesystem = call.store.add_filesystem(call.filesystem_name)
        root = filesystem.nodes[""]
        root.metadata = dfs_write.parse_properties(call.headers.get("x-ms-properties"))
        call.store.save(filesystem, "", root)
        return Answer(201, [*validators(root), *NAMESPACE])


def head_filesystem(call):
    call.access.require("rl", "c")
    with call.store.lock:
        root = call.find_filesystem().nodes[""]
        properties = [("x-ms-properties", format_properties(root.metadata))]
        return Answer(200, [*validators(root), *properties, *NAMESPACE])


def delete_filesystem(call):
    call.access.require("d", "c")
    forbid_on_onelake(call)
    with call.store.lock:
        call.check_conditions(call.find_filesystem().nodes[""])
        call.service.remove_filesystem(call.filesystem_name)
    return Answer(202)


def set_filesystem_properties(call):
    call.access.require("w", "c")
    with call.store.lock:
        filesystem = call.find_filesystem()
        root = filesystem.nodes[""]
        root.metadata = dfs_write.parse_properties(call.headers.get("x-ms-properties"))
        call.store.touch(root)
        call.store.save(filesystem, "", root)
        return Answer(200, validators(root))


def list_filesystems(call):
    call.access.require("l", "s")
    prefix = call.query.get("prefix", "")
    with call.store.lock:
        names = sorted(name for name in call.store.filesystems if name.startswith(prefix))
        entries = [
            {"name": name, "etag": node.etag.strip('"'), "lastModified": http_date(node.modified)}
            for name in names
            for node in (call.store.filesystems[name].nodes[""],)
        ]
    return json_answer({"filesystems": entries})


def json_answer(value, headers=()):
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(200, [("Content-Type", "application/json;charset=utf-8"), *headers], body)


def make_token(key):
    """Opaque, and full of what has to be escaped in a URL."""
    return base64.b64encode(b"\xfb\xef\xbe?" + key.encode()).decode() + "=="


def read_token(token):
    try:
        data = base64.b64decode(token[:-2], validate=True)
    except ValueError:
        data = b""
    if not data.startswith(b"\xfb\xef\xbe?") or not token.endswith("=="):
        raise ServiceError("InvalidQueryParameterValue", "The continuation token is none of ours.")
    return data[4:].decode()


def list_paths(call):
    call.access.require("l", "o" if call.access.kind != "account sas" else "c")
    recursive = call.query.get("recursive")
    if recursive is None:
        raise ServiceError("MissingRequiredQueryParameter", "recursive is missing.")
    recursive = call.flag("recursive")
    most = min(call.number("maxResults", 1, 1 << 31, PAGE), PAGE, call.service.options.page_size or PAGE)
    directory = call.query.get("directory", "").strip("/")
    token = call.query.get("continuation")
    empty = call.service.options.empty_pages and not (token or "").startswith("-")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.store.find(filesystem, directory)
        if node is None:
            raise ServiceError("PathNotFound")
        if not node.directory:
            raise ServiceError("ResourceTypeMismatch" if call.service.onelake else "PathNotFound")
        start = read_token(token.removeprefix("-")) if token else None
        if start is None and call.query.get("beginFrom"):
            start = key_of(f"{directory}/{call.query['beginFrom']}".lstrip("/"))
        if empty and filesystem.has_children(directory):
            return json_answer({"paths": []}, [("x-ms-continuation", "-" + (token or make_token(""))), *NAMESPACE])
        page, following = walk(call, filesystem, directory, recursive, start or None, most)
        body = {"paths": [describe(path, filesystem.nodes[path]) for path in page]}
        headers = [*NAMESPACE, *validators(filesystem.nodes[""])]
    if following is not None:
        headers.append(("x-ms-continuation", make_token(following)))
    return json_answer(body, headers)


def walk(call, filesystem, directory, recursive, start, most):
    """(paths, key where the next page begins or None)."""
    low, high = filesystem.children(directory)
    keys = filesystem.keys
    at = bisect.bisect_left(keys, start, low, high) if start is not None else low
    page = []
    depth = key_of(directory).count("\0") + 2 if directory else 1
    while at < high:
        key = keys[at]
        if not recursive and key.count("\0") >= depth:
            own = "\0".join(key.split("\0")[:depth])
            at = bisect.bisect_left(keys, own + "\1", at, high)
            continue
        if len(page) == most:
            return page, key
        path = key.replace("\0", "/")
        if filesystem.nodes[path].expires is None or call.store.find(filesystem, path) is not None:
            page.append(path)
            at += 1
        else:
            high -= 1
    return page, None


def describe(path, node):
    """As the service has it: numbers and booleans as strings, isDirectory only where it is true."""
    entry = {
        "contentLength": str(node.length),
        "creationTime": str(int(node.created * 10_000_000) + EPOCH_TICKS),
        "etag": node.etag.strip('"'),
        "group": node.group,
        "lastModified": http_date(node.modified),
        "name": path,
        "owner": node.owner,
        "permissions": node.permissions,
    }
    if node.directory:
        entry["isDirectory"] = "true"
    if node.expires is not None:
        entry["expiryTime"] = str(int(node.expires * 10_000_000) + EPOCH_TICKS)
    return entry


def head(call, action):
    call.access.require("re")
    with call.store.lock:
        node = call.find()
        call.check_conditions(node, reading=True)
        call.check_read(node)
        headers = dfs_headers(node, action is None)
        headers.append(("Content-Length", str(node.length)))
    return Answer(200, headers)


def dfs_headers(node, with_properties=True):
    headers = [*validators(node), ("x-ms-resource-type", "directory" if node.directory else "file")]
    headers += [
        ("Content-Type", node.properties.get("content-type", "application/octet-stream")),
        ("Accept-Ranges", "bytes"),
    ]
    for name in ("content-encoding", "content-language", "content-disposition", "cache-control", "content-md5"):
        if name in node.properties:
            headers.append((name.title().replace("Md5", "MD5"), node.properties[name]))
    if with_properties and node.metadata:
        headers.append(("x-ms-properties", format_properties(node.metadata)))
    headers += node.lease.headers()
    headers += [("x-ms-owner", node.owner), ("x-ms-group", node.group), ("x-ms-permissions", node.permissions)]
    headers += [("x-ms-server-encrypted", "true"), ("x-ms-creation-time", http_date(node.created))]
    if node.expires is not None:
        headers.append(("x-ms-expiry-time", http_date(node.expires)))
    if node.transaction:
        headers.append(("x-ms-client-transaction-id", node.transaction))
    return headers


def get_access_control(call):
    call.access.require("re")
    forbid_on_onelake(call)
    with call.store.lock:
        node = call.find()
        mode = node.permissions
        acl = node.acl or f"user::{mode[:3]},group::{mode[3:6]},other::{mode[6:9]}"
        headers = [
            ("x-ms-owner", node.owner),
            ("x-ms-group", node.group),
            ("x-ms-permissions", mode),
            ("x-ms-acl", acl),
        ]
        return Answer(200, [*validators(node), *headers])


def delete(call):
    call.access.require("d")
    recursive = call.flag("recursive")
    paginated = call.flag("paginated")
    if paginated and call.version < "2023-08-03":
        raise ServiceError("UnsupportedQueryParameter")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        call.check_conditions(node)
        call.check_write(node)
        if not node.directory:
            call.store.drop(filesystem, [call.path])
            return Answer(200)
        below = filesystem.below(call.path)
        if below and not recursive:
            raise ServiceError("DirectoryNotEmpty")
        leased = [path for path in below if filesystem.nodes[path].lease.state() in ("leased", "breaking")]
        if leased:
            raise ServiceError("LeaseIdMissing")
        most = call.service.options.delete_page
        if most and len(below) > most and (paginated or call.service.options.delete_pages_always):
            call.store.drop(filesystem, below[-most:])
            return Answer(200, [("x-ms-continuation", make_token(key_of(call.path)))])
        call.store.drop(filesystem, [call.path, *below])
    return Answer(200)
