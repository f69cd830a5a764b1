# SPDX-License-Identifier: Apache-2.0
"""A client of ADLS Gen2 for tests and tools, with the standard library alone; shares no code with lakefeed or its
server.

  account = Account.of_url("abfss://lake@acct.dfs.core.windows.net/shop", key="…")     or sas=…, token=lambda: "…"
  account.call("GET", "lake/shop/model.json").body
  account.mirror("lake", "shop", folder)      one snapshot, with model.json's locations turned to the folder
"""

import base64
import collections
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import urllib.parse
import uuid

VERSION = "2024-11-04"
SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip

Answer = collections.namedtuple("Answer", "status headers body")


class Refused(Exception):
    def __init__(self, what, answer):
        self.answer = answer
        self.code = answer.headers.get("x-ms-error-code", "")
        super().__init__(f"{what}: {answer.status} {self.code} {answer.body[:300].decode('utf-8', 'replace')}")


class Place(collections.namedtuple("Place", "dfs blob account filesystem prefix")):
    """Where a URL of a lake leads; `dfs` and `blob` are endpoints without a slash at the end."""

    @classmethod
    def of_url(cls, url, endpoint=None):
        parts = urllib.parse.urlsplit(url)
        path = urllib.parse.unquote(parts.path).strip("/")
        host = parts.hostname + (f":{parts.port}" if parts.port else "")
        if parts.scheme.startswith("abfs"):
            account, filesystem, prefix = parts.hostname.split(".")[0], parts.username, path
            base = endpoint or f"https://{host}"
        elif re.search(r"\.(dfs|blob)\.", host):
            account, (filesystem, _, prefix) = host.split(".")[0], path.partition("/")
            base = endpoint or f"{parts.scheme}://{host}"
        else:
            account, _, rest = path.partition("/")
            filesystem, _, prefix = rest.partition("/")
            base = f"{parts.scheme}://{host}/{account}"
        base = base.rstrip("/")
        return cls(base.replace(".blob.", ".dfs."), base.replace(".dfs.", ".blob."), account, filesystem, prefix)


class Account:
    def __init__(self, dfs, blob, account, key=None, sas=None, token=None, ca_file=None):
        self.endpoints = {"dfs": dfs, "blob": blob}
        self.account = account
        self.key = base64.b64decode(key) if key else None
        self.sas = sas.lstrip("?") if sas else None
        self.token = token
        self.tls = ssl.create_default_context(cafile=ca_file)

    @classmethod
    def of_url(cls, url, endpoint=None, **credentials):
        place = Place.of_url(url, endpoint)
        return cls(place.dfs, place.blob, place.account, **credentials)

    # --- one call ---

    def sign(self, method, path, query, headers):
        """SharedKey: `path` as it is sent, with the account in front where the style has it."""
        values = {name.lower(): value for name, value in headers.items()}
        lines = [method] + [values.get(name, "") for name in SIGNED]
        if values.get("content-length") == "0":
            lines[1 + SIGNED.index("content-length")] = ""
        lines += [f"{name}:{values[name].strip()}" for name in sorted(values) if name.startswith("x-ms-")]
        names = sorted({name.lower() for name in query})
        resource = f"/{self.account}{path}" + "".join(
            f"\n{name}:{','.join(sorted(v for k, v in query.items() if k.lower() == name))}" for name in names
        )
        digest = hmac.new(self.key, "\n".join([*lines, resource]).encode(), hashlib.sha256).digest()
        return f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"

    def call(self, method, path, query=None, headers=None, body=b"", endpoint="dfs", allow=()):
        """`path` begins with the filesystem. Raises Refused for 400 and above, unless the status is allowed."""
        base = urllib.parse.urlsplit(self.endpoints[endpoint])
        query = dict(query or {})
        whole = f"{base.path}/{urllib.parse.quote(path)}".rstrip("/")
        sent = {
            "x-ms-version": VERSION,
            "x-ms-date": email.utils.formatdate(usegmt=True),
            "x-ms-client-request-id": str(uuid.uuid4()),
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        if self.key:
            sent["Authorization"] = self.sign(method, whole, query, sent)
        elif self.token:
            sent["Authorization"] = f"Bearer {self.token()}"
        text = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        text = "&".join(part for part in (text, None if self.key or self.token else self.sas) if part)
        answer = self.send(base, method, whole + (f"?{text}" if text else ""), body, sent)
        if answer.status >= 400 and answer.status not in allow:
            raise Refused(f"{method} {whole}", answer)
        return answer

    def send(self, base, method, target, body, headers):
        secure = base.scheme == "https"
        connection = (
            http.client.HTTPSConnection(base.hostname, base.port, timeout=60, context=self.tls)
            if secure
            else http.client.HTTPConnection(base.hostname, base.port, timeout=60)
        )
        try:
            connection.request(method, target, body=body or None, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    # --- several ---

    def read(self, filesystem, path):
        return self.call("GET", f"{filesystem}/{path}").body

    def list(self, filesystem, folder=""):
        """Paths of all files below a folder, with their lengths."""
        found, query = {}, {"resource": "filesystem", "recursive": "true"}
        if folder:
            query["directory"] = folder
        while True:
            answer = self.call("GET", filesystem, query, allow=(404,))
            if answer.status == 404:
                return found
            for item in json.loads(answer.body)["paths"]:
                if str(item.get("isDirectory", "false")).lower() != "true":
                    found[item["name"]] = int(item.get("contentLength", 0))
            if "x-ms-continuation" not in answer.headers:
                return found
            query["continuation"] = answer.headers["x-ms-continuation"]

    def mirror(self, filesystem, prefix, folder):
        """Copies model.json and the files that it names into a folder, as a reader sees them at one moment; files that
        are there stay."""

        def under(path):
            return f"{prefix}/{path}".lstrip("/")

        model = json.loads(self.read(filesystem, under("model.json")))
        for entity in model["entities"]:
            for partition in entity["partitions"]:
                path = urllib.parse.unquote(urllib.parse.urlsplit(partition["location"]).path)
                path = path[path.index(f"/{filesystem}/{under('')}") + len(f"/{filesystem}/{under('')}") :]
                target = os.path.join(folder, path)
                partition["location"] = os.path.abspath(target)
                if not os.path.exists(target):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    data = self.read(filesystem, under(path))
                    with open(target, "wb") as file:
                        file.write(data)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as file:
            json.dump(model, file)
