# SPDX-License-Identifier: Apache-2.0
"""The storage service: finds out what a request addresses, who sends it, and puts the common headers on each answer."""

import re
import uuid

import blob
import dfs
from call import Call, split_path
from clock import http_date, iso_date
from errors import ServiceError
from signing import Access, Sas, check_shared_key, delegation_key
from wire import Answer

DELETED_S = 30  # the name of a filesystem is not free before
ACCOUNT_HOST = re.compile(r"([^.:]+)\.(?:[^:]*\.)?(dfs|blob)\.[^:]*(?::\d+)?")


class Service:
    def __init__(self, options, store, tokens, key):
        self.options = options
        self.store = store
        self.tokens = tokens
        self.key = key
        self.account = options.account
        self.onelake = bool(options.onelake)
        self.deleted = {}  # name of a filesystem: when it went
        if self.onelake:
            self.make_item(*options.onelake.split("/", 1))

    def make_item(self, workspace, item):
        filesystem = self.store.filesystems.get(workspace) or self.store.add_filesystem(workspace)
        for path in (f"{item}/Files", f"{item}/Tables"):
            if path not in filesystem.nodes:
                self.store.make_parents(filesystem, f"{path}/x")

    def new_id(self):
        return str(uuid.uuid4())

    def endpoint(self, call):
        scheme = "https" if self.options.tls else "http"
        host = call.headers.get("host", "")
        return f"{scheme}://{host}/" + ("" if self.host_style(call.request) else f"{self.account}/")

    def host_style(self, request):
        """(account, endpoint) of the Host header, or None."""
        match = ACCOUNT_HOST.fullmatch(request.header("host", "").lower())
        return match.groups() if match else None

    def addresses(self, request):
        """True when a request is for storage and not for the identity endpoints."""
        first = request.raw_path.lstrip("/").partition("/")[0]
        return self.host_style(request) is not None or first == self.account

    def find_call(self, request, body):
        host = self.host_style(request)
        raw = request.raw_path
        if host:
            account, endpoint = host
        else:
            account, _, raw = raw.lstrip("/").partition("/")
            endpoint = None
        filesystem, path = split_path(raw)
        call = Call(self, request, body, endpoint, (filesystem, path))
        if endpoint is None:
            call.endpoint = guess_endpoint(call)
        if call.blob or request.method == "HEAD":
            call.path = call.path.rstrip("/")
        if account != self.account:
            raise ServiceError("ResourceNotFound", f"This server is the account {self.account}.")
        return call

    def describe(self, request, body):
        """(call or None, error or None, endpoint, name of the operation), before anything is checked."""
        host = self.host_style(request)
        endpoint = host[1] if host else "dfs"
        try:
            call = self.find_call(request, body)
            endpoint = call.endpoint
            call.name, call.function = (blob if call.blob else dfs).operation(call)
        except ServiceError as error:
            return None, error, endpoint, "unknown"
        return call, None, endpoint, call.name

    def answer(self, request, call, error, record, fault):
        """The whole way of one request. `fault` is an error that a plan puts first."""
        try:
            if fault is not None:
                raise fault
            if error is not None:
                raise error
            answer = self.perform(call, record)
        except ServiceError as refused:
            answer = self.refuse(request, refused, record["endpoint"])
        self.add_headers(request, call, answer, record["endpoint"])
        return answer

    def perform(self, call, record):
        self.check_framing(call)
        call.access = self.find_access(call)
        record["as"] = call.access.kind
        call.check_version()
        call.check_names()
        if call.blob and not self.options.blob:
            raise ServiceError("AuthorizationFailure")
        if self.onelake:
            self.check_onelake(call)
        return call.function(call)

    def check_framing(self, call):
        if "transfer-encoding" in call.headers:
            raise ServiceError("MissingContentLengthHeader")
        if call.request.method in ("PUT", "PATCH", "POST") and "content-length" not in call.headers:
            raise ServiceError("MissingContentLengthHeader")

    def find_access(self, call):
        value = call.headers.get("authorization")
        scheme = value.partition(" ")[0].lower() if value else None
        if scheme == "sharedkey":
            if self.onelake or not self.options.shared_key:
                raise ServiceError("KeyBasedAuthenticationNotPermitted")
            return check_shared_key(call.request, self.account, self.key, self.store.clock)
        if scheme == "bearer":
            if not call.connection.secure and not self.options.http_tokens:
                raise ServiceError("AuthenticationFailed", detail="A bearer token needs https.")
            claims = self.tokens.verify(value.partition(" ")[2])
            return Access("token", self.tokens.letters(claims), name=claims["oid"])
        if scheme:
            raise ServiceError("InvalidAuthenticationInfo")
        if "sig" in call.query:
            access = self.check_sas(call, call.query, call.filesystem_name, call.path, call.level)
            Sas(call.query).check_origin(call.connection.secure, call.connection.address)
            return access
        raise ServiceError("NoAuthenticationInformation", headers=[self.tokens.challenge()])

    def check_sas(self, call, query, filesystem, path, level):
        if self.onelake and not query.get("skoid"):
            raise ServiceError("KeyBasedAuthenticationNotPermitted")
        if level == "c" and query.get("sr") == "d":
            path = call.query.get("directory", "").strip("/")

        def key(sas):
            return delegation_key(self.key, sas) if sas.get("skoid") else self.key

        access = Sas(query).check(self.account, key, self.store.clock, filesystem, path, level)
        if query.get("skoid"):  # a delegation gives no more than its giver has
            access.letters &= frozenset(self.tokens.letters({"oid": query["skoid"]}))
        return access

    def check_onelake(self, call):
        """Workspaces and items are not made here; the item and its first level are protected."""
        call.reject_headers()
        depth = len(call.path.split("/")) if call.path else 0
        if call.method in ("PUT", "DELETE", "PATCH") and depth <= 2:
            raise ServiceError("OperationNotAllowedOnThePath")
        if call.query.get("action") in ("setAccessControl", "getAccessControl", "setAccessControlRecursive"):
            raise ServiceError("OperationNotAllowedOnThePath")

    def check_being_deleted(self, call):
        went = self.deleted.get(call.filesystem_name)
        if went is not None and self.store.clock.steady() < went + DELETED_S:
            raise ServiceError("ContainerBeingDeleted" if call.blob else "FilesystemBeingDeleted")

    def remove_filesystem(self, name):
        self.store.drop_filesystem(name)
        self.deleted[name] = self.store.clock.steady()

    def node_headers(self, call, node):
        return blob.blob_headers(node) if call.blob else dfs.dfs_headers(node)

    def refuse(self, request, error, endpoint):
        answer = Answer(error.status, error.headers)
        answer.code = error.code
        request_id = self.new_id()
        trailer = f"\nRequestId:{request_id}\nTime:{iso_date(self.store.clock.date())}"
        answer.headers += [("x-ms-error-code", error.code), ("x-ms-request-id", request_id)]
        if error.status != 304 and request.method != "HEAD":
            if endpoint == "blob":
                answer.headers.append(("Content-Type", "application/xml"))
                answer.body = error.xml_body(trailer)
            else:
                answer.headers.append(("Content-Type", "application/json;charset=utf-8"))
                answer.body = error.json_body(trailer)
            answer.length = len(answer.body)
        return answer

    def add_headers(self, request, call, answer, endpoint):
        present = {name.lower() for name, _ in answer.headers}
        product = "Windows-Azure-Blob/1.0" if endpoint == "blob" else "Windows-Azure-HDFS/1.0"
        fixed = [("Server", f"{product} Microsoft-HTTPAPI/2.0")]
        if "date" not in present:
            fixed.append(("Date", http_date(self.store.clock.date())))
        if "x-ms-request-id" not in present:
            fixed.append(("x-ms-request-id", self.new_id()))
        version = request.header("x-ms-version")
        if version and (call is None or call.version == version):
            fixed.append(("x-ms-version", version))
        client_id = request.header("x-ms-client-request-id", "")
        if client_id and len(client_id) <= 1024:
            fixed.append(("x-ms-client-request-id", client_id))
        if call is not None and call.rejected:
            fixed.append(("x-ms-rejected-headers", ",".join(call.rejected)))
        answer.headers = fixed + answer.headers


def guess_endpoint(call):
    """In path style both endpoints are at one address; what only one of them has decides."""
    headers, query = call.headers, call.query
    if "resource" in query or "action" in query or "x-ms-rename-source" in headers or call.method == "PATCH":
        return "dfs"
    if "restype" in query or "comp" in query or "x-ms-blob-type" in headers or "x-ms-copy-source" in headers:
        return "blob"
    if call.method == "POST" or "recursive" in query or "x-ms-lease-action" in headers:
        return "dfs"
    if "xml" in headers.get("accept", "") or "x-ms-range" in headers or "x-ms-delete-snapshots" in headers:
        return "blob"
    return "dfs"
