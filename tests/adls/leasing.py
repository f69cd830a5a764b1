# SPDX-License-Identifier: Apache-2.0
"""Lease operations, which both endpoints have under different names."""

from call import validators
from dfs_write import lease_duration
from errors import ServiceError
from leases import parse_guid
from wire import Answer


def lease(call, action):
    call.need_no_body()
    call.access.require("w" if call.path else "cw")
    if not action:
        raise ServiceError("MissingRequiredHeader", "x-ms-lease-action is missing.")
    with call.store.lock:
        filesystem = call.find_filesystem()
        node = call.find(filesystem)
        if node.directory and call.path:
            raise ServiceError("ResourceTypeMismatch" if not call.blob else "BlobOperationNotSupported")
        call.check_conditions(node)
        status, headers = perform(call, node.lease, action)
        call.store.save(filesystem, call.path, node)
        return Answer(status, [*validators(node), *headers])


def perform(call, held, action):
    proposed = call.headers.get("x-ms-proposed-lease-id")
    if action == "acquire":
        held.acquire(parse_guid(proposed, "x-ms-proposed-lease-id") if proposed else None, lease_duration(call))
        return 201, [("x-ms-lease-id", held.id)]
    if action == "break":
        text = call.headers.get("x-ms-lease-break-period")
        if text and not (text.isdigit() and int(text) <= 60):
            raise ServiceError("InvalidHeaderValue", "x-ms-lease-break-period is 0 to 60.")
        return 202, [("x-ms-lease-time", str(held.break_(int(text) if text else None, not call.blob)))]
    if action not in ("renew", "change", "release"):
        raise ServiceError("InvalidHeaderValue", "x-ms-lease-action is unknown.")
    if not call.headers.get("x-ms-lease-id"):
        raise ServiceError("MissingRequiredHeader", "x-ms-lease-id is missing.")
    if action == "renew":
        held.renew(call.lease_id())
    elif action == "change":
        held.change(call.lease_id(), parse_guid(proposed, "x-ms-proposed-lease-id"))
    else:
        held.release(call.lease_id())
        return 200, []
    return 200, [("x-ms-lease-id", held.id)]
