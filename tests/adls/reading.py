# SPDX-License-Identifier: Apache-2.0
"""Reading a file, whole or a range; both endpoints, with the headers of each."""

import base64
import hashlib
import re

from call import MIB
from content import read_range
from errors import ServiceError
from wire import Answer

MAX_RANGE_MD5 = 4 * MIB


def parse_range(call, length):
    """(begin, end, partial)"""
    text = call.headers.get("x-ms-range") or call.headers.get("range")
    if not text:
        return 0, length, False
    match = re.fullmatch(r"bytes=(\d{1,19})-(\d{0,19})", text)
    if not match or (match[2] and int(match[2]) < int(match[1])):
        raise ServiceError("InvalidHeaderValue", "The range is not of the form bytes=first-last.")
    begin = int(match[1])
    if begin >= length:
        raise ServiceError("InvalidRange", headers=[("Content-Range", f"bytes */{length}")])
    return begin, min(int(match[2]) + 1 if match[2] else length, length), True


def read(call):
    call.access.require("r")
    with call.store.lock:
        node = call.find()
        if node.directory and not call.blob:
            raise ServiceError("ResourceTypeMismatch")
        call.check_conditions(node, reading=True)
        call.check_read(node)
        content = node.content
        begin, end, partial = parse_range(call, node.length)
        headers = call.service.node_headers(call, node)
        length = node.length
    whole_md5 = next((value for name, value in headers if name == "Content-MD5"), None)
    if partial:
        headers = [(name, value) for name, value in headers if name != "Content-MD5"]
        headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{length}"))
        if whole_md5:
            headers.append(("x-ms-blob-content-md5" if call.blob else "x-ms-content-md5", whole_md5))
    if call.headers.get("x-ms-range-get-content-md5", "").lower() == "true":
        if not partial:
            raise ServiceError("InvalidHeaderValue", "x-ms-range-get-content-md5 needs a range.")
        if end - begin > MAX_RANGE_MD5:
            raise ServiceError("OutOfRangeInput", "The range for x-ms-range-get-content-md5 is larger than 4 MiB.")
        digest = hashlib.md5(b"".join(read_range(content, begin, end))).digest()
        headers.append(("Content-MD5", base64.b64encode(digest).decode()))
    return Answer(206 if partial else 200, headers, read_range(content, begin, end), end - begin)
