# SPDX-License-Identifier: Apache-2.0
"""One request to the storage service: what it addresses, what it brings, and checks that many calls share."""

import base64
import re

import conditions
from clock import http_date
from content import Checked
from errors import ServiceError
from leases import parse_guid
from store import PROPERTIES
from wire import decode

MIB = 1024 * 1024
VERSIONS = (
    """2018-03-28 2018-11-09 2019-02-02 2019-07-07 2019-10-10 2019-12-12 2020-02-10 2020-04-08 2020-06-12 2020-08-04
2020-10-02 2020-12-06 2021-02-12 2021-04-10 2021-06-08 2021-08-06 2021-10-04 2021-12-02 2022-11-02 2023-01-03 2023-05-03
2023-08-03 2023-11-03 2024-02-04 2024-05-04 2024-08-04 2024-11-04 2025-01-05 2025-05-05 2025-07-05 2025-11-05 2026-02-06
2026-04-06 2026-06-06 2026-10-06""".split()
)
FILESYSTEM_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_PATH = 1024
MAX_SEGMENTS = 63
BANNED_ON_ONELAKE = (
    "x-ms-owner", "x-ms-group", "x-ms-permissions", "x-ms-umask", "x-ms-acl", "x-ms-access-tier", "x-ms-encryption-key",
    "x-ms-encryption-key-sha256", "x-ms-encryption-algorithm", "x-ms-encryption-scope",
)  # fmt: skip


class Call:
    def __init__(self, service, request, body, endpoint, place):
        self.service = service
        self.store = service.store
        self.request = request
        self.headers = request.headers
        self.query = request.query
        self.body = body
        self.connection = body.connection
        self.endpoint = endpoint  # dfs or blob
        self.filesystem_name, self.path = place
        self.version = None
        self.access = None
        self.rejected = []
        self.method = request.method
        override = request.header("x-http-method-override")
        if override and request.method in ("PUT", "POST"):
            self.method = override

    @property
    def blob(self):
        return self.endpoint == "blob"

    @property
    def level(self):
        return "o" if self.path else "c" if self.filesystem_name else "s"

    def check_version(self):
        version = self.headers.get("x-ms-version")
        if not version and "sig" in self.query:
            version = self.query.get("sv")
        if not version:
            raise ServiceError("MissingRequiredHeader", "x-ms-version is missing.")
        if version not in VERSIONS:
            raise ServiceError("InvalidHeaderValue" if self.blob else "UnsupportedRestVersion")
        self.version = version
        if len(self.headers.get("x-ms-client-request-id", "")) > 1024:
            raise ServiceError("InvalidHeaderValue", "x-ms-client-request-id is longer than 1024 bytes.")

    def check_names(self):
        if self.filesystem_name and not self.service.onelake and not FILESYSTEM_NAME.fullmatch(self.filesystem_name):
            raise ServiceError("InvalidResourceName")
        if self.path:
            check_path(self.path)

    def reject_headers(self):
        """OneLake ignores what it does not want, and says so."""
        for name in (*BANNED_ON_ONELAKE, *self.service.options.reject):
            if self.headers.pop(name, None) is not None:
                self.rejected.append(name)

    def need_no_body(self):
        if self.body.length:
            raise ServiceError("ContentLengthMustBeZero")

    def find_filesystem(self):
        filesystem = self.store.filesystems.get(self.filesystem_name)
        if filesystem is None:
            raise ServiceError("ContainerNotFound" if self.blob else "FilesystemNotFound")
        return filesystem

    def find(self, filesystem=None):
        """The node of the path, or the error that it is absent."""
        node = self.store.find(filesystem or self.find_filesystem(), self.path)
        if node is None:
            raise ServiceError("BlobNotFound" if self.blob else "PathNotFound")
        return node

    def check_conditions(self, node, exists_code="ConditionNotMet", reading=False):
        conditions.check(node, self.headers, exists_code, reading=reading)

    def lease_id(self, name="x-ms-lease-id"):
        value = self.headers.get(name)
        return parse_guid(value, name) if value else None

    def check_write(self, node):
        if node is not None:
            node.lease.check_write(self.lease_id(), self.blob)

    def check_read(self, node):
        node.lease.check_read(self.lease_id(), self.blob)

    def receive(self, limit, always_md5=False):
        """The body as a chunk, the headers that say what arrived, and its MD5. Outside the lock: it may take long."""
        if self.service.options.max_body:
            limit = min(limit, self.service.options.max_body)
        if self.body.length > limit:
            raise ServiceError("RequestBodyTooLarge", headers=[("x-ms-max-body", str(limit))])
        checked = Checked(self.body, self.headers, always_md5)
        chunk = self.store.chunks.store(checked.pieces(), self.body.length)
        sums = checked.verify()
        return chunk, sums, checked.md5.digest() if checked.md5 else None

    def number(self, name, low, high, default=None):
        text = self.query.get(name)
        if text is None or text == "":
            if default is None:
                raise ServiceError("MissingRequiredQueryParameter", f"{name} is missing.")
            return default
        if not re.fullmatch(r"-?[0-9]{1,19}", text):
            raise ServiceError("InvalidQueryParameterValue", f"{name} is no number.")
        if not low <= int(text) <= high:
            raise ServiceError("OutOfRangeQueryParameterValue", f"{name} is out of range.")
        return int(text)

    def flag(self, name, default=False):
        text = self.query.get(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            raise ServiceError("InvalidQueryParameterValue", f"{name} is neither true nor false.")
        return text.lower() == "true"

    def given_properties(self, prefix):
        """Content type and so on, from headers such as x-ms-content-type."""
        properties = {}
        for name in PROPERTIES:
            value = self.headers.get(f"{prefix}{name}")
            if value:
                properties[name] = value
        if "content-md5" in properties:
            try:
                if len(base64.b64decode(properties["content-md5"], validate=True)) != 16:
                    raise ServiceError("InvalidMd5")
            except ValueError:
                raise ServiceError("InvalidMd5") from None
        return properties


def check_path(path):
    parts = path.split("/")
    if len(path) > MAX_PATH or len(parts) > MAX_SEGMENTS:
        raise ServiceError("InvalidResourceName", "The path is too long or has too many segments.")
    if any(part in ("", ".", "..") for part in parts):
        raise ServiceError("InvalidUri", "A segment of the path is empty, '.' or '..'.")
    if any(ord(char) < 32 or char in "\\\x7f" for char in path):
        raise ServiceError("InvalidResourceName")


def split_path(raw):
    """(filesystem, path) of a percent-encoded path, or the error that it is none."""
    text = decode(raw.lstrip("/"))
    if text is None:
        raise ServiceError("InvalidUri")
    filesystem, _, path = text.partition("/")
    return filesystem, path


def validators(node):
    return [("ETag", node.etag), ("Last-Modified", http_date(node.modified))]


def parse_properties(text):
    """x-ms-properties: name=base64, comma-separated."""
    metadata = {}
    for pair in filter(None, (text or "").split(",")):
        name, equals, value = pair.strip().partition("=")
        if not equals or not name or not name.isascii():
            raise ServiceError("InvalidPropertyName")
        try:
            metadata[name] = base64.b64decode(value, validate=True).decode("utf-8", "surrogateescape")
        except ValueError:
            raise ServiceError("InvalidHeaderValue", "x-ms-properties is not base64.") from None
    return metadata


def format_properties(metadata):
    encoded = ((name, base64.b64encode(value.encode("utf-8", "surrogateescape"))) for name, value in metadata.items())
    return ",".join(f"{name}={value.decode()}" for name, value in encoded)
