# SPDX-License-Identifier: Apache-2.0
"""DFS calls that change paths: create, rename, append, flush, properties, access control."""

import conditions
from call import MIB, check_path, parse_properties, split_path, validators
from clock import http_date, parse_http_date
from errors import ServiceError
from leases import parse_guid
from store import Node, parent_of
from wire import Answer, parse_query

MAX_APPEND = 4000 * MIB
MAX_OLD_APPEND = 100 * MIB
MAX_FILE = 1 << 50


def create(call, directory):
    call.need_no_body()
    call.access.require("cw")
    with call.store.lock:
        filesystem = call.find_filesystem()
        old = call.store.find(filesystem, call.path)
        call.check_conditions(old, "PathAlreadyExists")
        if old is not None and old.directory != directory:
            raise ServiceError("PathConflict" if old.directory else "ResourceTypeMismatch")
        if old is not None and call.access.kind.endswith("sas") and "w" not in call.access.letters:
            raise ServiceError("UnauthorizedBlobOverwrite")
        if old is not None and call.lease_id():
            call.check_write(old)
        if call.store.make_parents(filesystem, call.path) is not None:
            raise ServiceError("PathConflict")
        if old is not None and directory:
            node = old
        else:
            node = Node(call.store.clock, directory)
            if old is not None:
                node.lease = old.lease
                node.lease.break_by_overwrite()
        take_attributes(call, node)
        take_new_lease(call, node)
        call.store.touch(node)
        call.store.save(filesystem, call.path, node)
        answer = Answer(201, [*validators(node), ("x-ms-request-server-encrypted", "true")])
    return answer


def take_attributes(call, node):
    headers = call.headers
    properties = call.given_properties("x-ms-")
    cache = headers.get("x-ms-cache-control")
    if cache:
        properties["cache-control"] = cache
    node.properties.update(properties)
    if "x-ms-properties" in headers:
        node.metadata = parse_properties(headers["x-ms-properties"])
    if headers.get("x-ms-permissions") and headers.get("x-ms-acl"):
        raise ServiceError("InvalidHeaderValue", "x-ms-permissions and x-ms-acl exclude each other.")
    umask = int(headers.get("x-ms-umask") or "0027", 8)
    mode = headers.get("x-ms-permissions")
    if mode:
        node.permissions = mode if not mode.isdigit() else format_mode(int(mode, 8) & ~umask)
    else:
        node.permissions = format_mode((0o777 if node.directory else 0o666) & ~umask)
    node.acl = headers.get("x-ms-acl", "")
    node.owner = headers.get("x-ms-owner") or "$superuser"
    node.group = headers.get("x-ms-group") or "$superuser"
    node.transaction = headers.get("x-ms-client-transaction-id") if call.version >= "2024-11-04" else None
    take_expiry(call, node)


def take_expiry(call, node):
    option, value = call.headers.get("x-ms-expiry-option"), call.headers.get("x-ms-expiry-time")
    if not option or option == "NeverExpire":
        node.expires = None
        return
    if option == "Absolute":
        node.expires = parse_http_date(value or "")
    elif option in ("RelativeToNow", "RelativeToCreation") and (value or "").isdigit():
        base = call.store.clock.steady() if option == "RelativeToNow" else node.created
        node.expires = base + int(value) / 1000
    if node.expires is None:
        raise ServiceError("InvalidHeaderValue", "x-ms-expiry-option or x-ms-expiry-time is wrong.")


def format_mode(mode):
    return "".join(letter if mode >> 8 - at & 1 else "-" for at, letter in enumerate("rwxrwxrwx"))


def take_new_lease(call, node):
    proposed = call.headers.get("x-ms-proposed-lease-id")
    if proposed:
        node.lease = type(node.lease)(call.store.clock)
        node.lease.acquire(parse_guid(proposed, "x-ms-proposed-lease-id"), lease_duration(call))


def lease_duration(call):
    text = call.headers.get("x-ms-lease-duration", "")
    if text == "-1" or (text.isdigit() and 15 <= int(text) <= 60):
        return int(text)
    raise ServiceError("InvalidHeaderValue", "x-ms-lease-duration is 15 to 60, or -1.")


def rename(call):
    call.need_no_body()
    call.access.require("cwm")
    mode = call.query.get("mode", "posix")
    if mode not in ("legacy", "posix"):
        raise ServiceError("InvalidQueryParameterValue")
    raw, _, query = call.headers["x-ms-rename-source"].partition("?")
    if not raw.startswith("/"):
        raise ServiceError("InvalidSourceUri", "x-ms-rename-source begins with a slash.")
    source_name, source = split_path(raw)
    if source_name == call.service.account and source_name not in call.store.filesystems:
        source_name, _, source = source.partition("/")
    check_path(source)
    if call.access.kind.endswith("sas"):
        pairs = {name.lower(): value for name, value in parse_query(query)}
        call.service.check_sas(call, pairs, source_name, source, "o").require("md")
    with call.store.lock:
        filesystem = call.find_filesystem()
        source_filesystem = call.store.filesystems.get(source_name)
        if source_filesystem is None:
            raise ServiceError("FilesystemNotFound")
        return rename_within(call, source_filesystem, source, filesystem, mode)


def rename_within(call, source_filesystem, source, filesystem, mode):
    store = call.store
    moved = store.find(source_filesystem, source)
    same_place = filesystem is source_filesystem and call.path == source
    target = call.path
    old = store.find(filesystem, target)
    if mode == "posix" and moved and moved.directory and old and old.directory and not same_place:
        target = f"{target}/{source.rpartition('/')[2]}"  # into the directory, and the conditions are for that
        old = store.find(filesystem, target)
    if call.service.options.rename_checks == "destination":
        check_rename_target(call, filesystem, target, old)
    if moved is None:
        raise ServiceError("SourcePathNotFound")
    conditions.check(moved, call.headers, "SourceConditionNotMet", "x-ms-source-", "SourceConditionNotMet")
    source_lease = call.lease_id("x-ms-source-lease-id")
    if source_lease:
        moved.lease.check_write(source_lease, False)
    check_rename_target(call, filesystem, target, old)
    if not same_place:
        check_rename_types(moved, old, filesystem.has_children(target))
        if moved.directory and filesystem is source_filesystem and f"{target}/".startswith(f"{source}/"):
            raise ServiceError("InvalidRenameSourcePath")
        if not moved.directory:
            moved.lease = old.lease if old is not None else type(moved.lease)(store.clock)
            moved.lease.break_by_overwrite()
        store.move(source_filesystem, source, filesystem, target)
    headers = [("Last-Modified", http_date(moved.modified))]
    if call.service.options.rename_etag:
        headers.append(("ETag", moved.etag))
    return Answer(201, headers)


def check_rename_types(moved, old, full):
    if old is not None and old.directory != moved.directory:
        raise ServiceError("InvalidSourceOrDestinationResourceType")
    if old is not None and old.directory:
        raise ServiceError("DirectoryNotEmpty" if full else "PathAlreadyExists")


def check_rename_target(call, filesystem, target, old):
    parent = call.store.find(filesystem, parent_of(target))
    if parent is None:
        raise ServiceError("RenameDestinationParentPathNotFound")
    if not parent.directory:
        raise ServiceError("InvalidDestinationPath")
    call.check_conditions(old, "PathAlreadyExists")
    if old is not None and call.lease_id():
        call.check_write(old)


def find_file(call, operation):
    node = call.find()
    if node.directory:
        raise ServiceError("ResourceTypeMismatch")
    if node.by_blob:
        raise ServiceError(operation)
    return node


def append(call):
    position = call.number("position", 0, MAX_FILE)
    flush_after, close = call.flag("flush"), call.flag("close")
    call.access.require("aw")
    if close and not flush_after:
        raise ServiceError("InvalidQueryParameterValue", "close=true needs flush=true.")
    limit = MAX_APPEND if call.version >= "2019-12-12" else MAX_OLD_APPEND
    if call.body.length == 0:
        raise ServiceError("InvalidHeaderValue", "An append of no bytes: Content-Length is 0.")
    with call.store.lock:
        check_append(call, find_file(call, "InvalidAppendOperation"), position, flush_after)
    chunk, sums, _ = call.receive(limit)
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = find_file(call, "InvalidAppendOperation")
        check_append(call, node, position, flush_after)
        acquire, release = lease_action(call, node)
        before = dict(node.staged) if flush_after else None
        node.staged[position] = chunk
        node.staged_at = call.store.clock.steady()
        headers = [*sums, ("x-ms-request-server-encrypted", "true")]
        if flush_after:
            try:
                commit(call, node, position + chunk.length, False)
            except ServiceError:
                node.staged = before
                raise
            headers += validators(node)
        headers += acquire()
        release()
        call.store.save(filesystem, call.path, node)
    return Answer(202, headers)


def check_append(call, node, position, flush_after):
    if call.headers.get("x-ms-lease-action") not in ("acquire", "acquire-release"):
        call.check_write(node)
    if position < node.length:
        raise ServiceError("InvalidFlushPosition" if flush_after else "InvalidQueryParameterValue")
    if len(node.content) + len(node.staged) >= call.service.options.max_blocks and position not in node.staged:
        raise ServiceError("BlockCountExceedsLimit")


def lease_action(call, node):
    """Two functions: what the header asks for before and after the effect."""
    action = call.headers.get("x-ms-lease-action")
    nothing = list
    if not action:
        return nothing, nothing
    if action in ("acquire", "acquire-release"):
        proposed = parse_guid(call.headers.get("x-ms-proposed-lease-id"), "x-ms-proposed-lease-id")
        node.lease.acquire(proposed, lease_duration(call))
        release = (lambda: node.lease.release(proposed)) if action == "acquire-release" else nothing
        return (lambda: [("x-ms-lease-id", proposed)]), release
    lease_id = call.lease_id()
    if action == "auto-renew":
        node.lease.renew(lease_id)
        return (lambda: [("x-ms-lease-renewed", "true")]), nothing
    if action == "release":
        return nothing, (lambda: node.lease.release(lease_id))
    raise ServiceError("InvalidHeaderValue", "x-ms-lease-action is unknown here.")


def commit(call, node, length, retain):
    """Staged data that follows the committed length without a gap becomes content, exactly up to `length`."""
    at, taken = node.length, []
    while at < length and at in node.staged:
        taken.append(at)
        at += node.staged[at].length
    rest = sorted(node.staged.keys() - set(taken))
    if at != length or (rest and not retain):
        raise ServiceError("InvalidFlushPosition")
    if taken:
        node.content += tuple(node.staged[position] for position in taken)
        node.length = at
        node.properties.pop("content-md5", None)
    node.staged = {position: node.staged[position] for position in rest}
    call.store.touch(node)
    node.lease.was_written()


def flush(call):
    call.need_no_body()
    call.access.require("w")
    position = call.number("position", 0, MAX_FILE)
    retain = call.flag("retainUncommittedData")
    call.flag("close")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = find_file(call, "InvalidFlushOperation")
        call.check_conditions(node)
        if call.headers.get("x-ms-lease-action") not in ("acquire", "acquire-release"):
            call.check_write(node)
        properties = call.given_properties("x-ms-")
        before = node.lease.to_json()
        acquire, release = lease_action(call, node)
        try:
            commit(call, node, position, retain)
        except ServiceError:
            node.lease.id, node.lease.duration, node.lease.ends, node.lease.kind = before
            raise
        node.properties.update(properties)
        headers = [*validators(node), ("x-ms-request-server-encrypted", "true"), *acquire()]
        release()
        call.store.save(filesystem, call.path, node)
    return Answer(200, headers)


def set_properties(call):
    call.need_no_body()
    call.access.require("w")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find()
        call.check_conditions(node)
        call.check_write(node)
        if "x-ms-properties" in call.headers:
            node.metadata = parse_properties(call.headers["x-ms-properties"])
        node.properties.update(call.given_properties("x-ms-"))
        call.store.touch(node)
        node.lease.was_written()
        call.store.save(filesystem, call.path, node)
        return Answer(200, validators(node))


def set_access_control(call):
    call.access.require("po")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find()
        call.check_conditions(node)
        call.check_write(node)
        mode = call.headers.get("x-ms-permissions")
        if mode:
            node.permissions = format_mode(int(mode, 8)) if mode.isdigit() else mode
        node.acl = call.headers.get("x-ms-acl", node.acl)
        node.owner = call.headers.get("x-ms-owner", node.owner)
        node.group = call.headers.get("x-ms-group", node.group)
        node.modified = call.store.clock.date()
        call.store.save(filesystem, call.path, node)
        return Answer(200, validators(node))
