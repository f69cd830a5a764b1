#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signs requests with the official Python SDK (azure-storage-file-datalake), for tests/golden/shared-key.json.

Without an argument it prints the document; with --check it compares the committed one and exits 1 when they differ.
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from azure.core.rest import HttpRequest
from azure.storage.filedatalake._shared.authentication import SharedKeyCredentialPolicy

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "shared-key.json"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
HOST = f"https://{ACCOUNT}.dfs.core.windows.net"
BLOB = f"https://{ACCOUNT}.blob.core.windows.net"
PATH_STYLE = f"http://127.0.0.1:10000/{ACCOUNT}"
COMMON = {
    "x-ms-version": "2024-11-04",
    "x-ms-date": "Sun, 06 Nov 1994 08:49:37 GMT",
    "x-ms-client-request-id": "0b3f6a1e-4f3c-4b6e-9d7a-000000000001",
}


def requests():
    """Yields method, URL, further headers and length of the body of every kind of call that lakefeed makes."""
    md5 = "XrY7u+Ae7tCTyyK7j1rNww=="
    for base in (HOST, PATH_STYLE):
        yield "HEAD", f"{base}/lake?resource=filesystem", {}, 0
        yield "PUT", f"{base}/lake/_lakefeed%2Fowner?resource=file", {"If-None-Match": "*"}, 0
        yield "PATCH", f"{base}/lake/a/b.csv?action=append&position=4194304", {
            "Content-MD5": md5, "Content-Type": "application/octet-stream"}, 4194304
        yield "PATCH", f"{base}/lake/a/b.csv?position=5&action=flush&close=true&retainUncommittedData=false", {
            "If-Match": '"0x8D4BCC2E4835CD0"'}, 0
        yield "PUT", f"{base}/lake/model.json?mode=legacy", {
            "x-ms-rename-source": "/lake/_lakefeed/publish/1.json",
            "If-Match": '"0x8D"', "x-ms-source-if-match": '"0x9"'}, 0
        yield "GET", (f"{base}/lake?resource=filesystem&recursive=true&directory=" + quote("größe/ä b+c%,&=", safe="") +
                      "&maxResults=5000&continuation=" + quote("VBbV+/=&?", safe="")), {}, 0
        yield "GET", f"{base}/lake/x.csv", {"x-ms-range": "bytes=0-1023", "If-Match": '"0x8D"'}, 0
        yield "POST", f"{base}/lake/_lakefeed/owner", {
            "x-ms-lease-action": "acquire", "x-ms-lease-duration": "60",
            "x-ms-proposed-lease-id": "11111111-2222-3333-4444-555555555555"}, 0
        yield "DELETE", f"{base}/lake/a?recursive=true&paginated=true", {
            "If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0
    for base in (BLOB, PATH_STYLE):
        yield "PUT", f"{base}/lake/model.json", {
            "x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": "application/json", "x-ms-meta-writer": "a1b2",
            "x-ms-meta-commit": "17", "Content-Type": "application/json",
            "Content-MD5": md5, "If-Match": '"0x8D"'}, 12345
    yield "GET", f"{HOST}/lake/%C3%A4%20%25.csv?TIMEOUT=30&ACTION=getStatus&EMPTY=", {
        "If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT", "Content-Encoding": "gzip", "Content-Language": "de"}, 0
    yield "GET", f"{HOST}/?comp=list", {}, 0


def sign(method, url, headers, length):
    policy = SharedKeyCredentialPolicy(ACCOUNT, KEY)
    texts = []
    policy._add_authorization_header = lambda request, text: (
        texts.append(text), SharedKeyCredentialPolicy._add_authorization_header(policy, request, text))
    everything = {**COMMON, **headers}
    request = HttpRequest(method, url, headers={**everything, "Content-Length": str(length)})
    policy.on_request(SimpleNamespace(http_request=request, context=SimpleNamespace(transport=None)))
    return {"method": method, "url": url, "headers": everything, "bytes": length, "text": texts[0],
            "authorization": request.headers["Authorization"]}


def main():
    document = {"account": ACCOUNT, "key": KEY, "requests": [sign(*request) for request in requests()]}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        return 0 if GOLDEN.read_text(encoding="utf-8") == text else f"{GOLDEN} is not what the SDK signs"
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
