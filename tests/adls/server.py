#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An ADLS Gen2 account for tests. README.md beside this file says how to use it."""

import argparse
import base64
import itertools
import json
import os
import pathlib
import signal
import socket
import ssl
import sys
import threading
import traceback

from clock import Clock
from control import Control
from exchange import Exchange, Reset
from faults import Plan
from identity import Tokens
from oauth import Identity
from record import Recorder
from service import Service
from store import Store
from wire import Connection, Disconnected


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0: any free one; it is printed")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--plain-port", type=int, help="beside TLS: a port without, for the identity of a machine")
    parser.add_argument("--account", required=True)
    parser.add_argument("--key", required=True, help="base64")
    parser.add_argument("--data", help="a folder; the state outlasts the server")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--clock-control", action="store_true", help="answers on /__control")
    parser.add_argument("--faults", help="a JSON file; answers on /__control too")
    parser.add_argument("--record", help="a file that gets a line of JSON for each request")
    parser.add_argument(
        "--onelake", nargs="?", const="workspace/lake.Lakehouse", help="behave as OneLake, with this item"
    )
    parser.add_argument("--reject", default="", help="OneLake: further headers to ignore and to name as rejected")
    parser.add_argument("--no-blob", dest="blob", action="store_false", help="Blob calls fail as behind a firewall")
    parser.add_argument("--no-shared-key", dest="shared_key", action="store_false")
    parser.add_argument("--http-tokens", action="store_true", help="take bearer tokens without TLS")
    parser.add_argument("--page-size", type=int, help="of a listing, at most")
    parser.add_argument("--empty-pages", action="store_true", help="an empty page before each page of a listing")
    parser.add_argument(
        "--delete-page", type=int, help="a recursive delete with paginated=true removes so many at a time"
    )
    parser.add_argument("--delete-pages-always", action="store_true", help="also without paginated=true")
    parser.add_argument("--max-blocks", type=int, default=50_000, help="appends a file may consist of")
    parser.add_argument("--max-body", type=int, help="of an append, a block or a blob")
    parser.add_argument("--rename-checks", choices=("source", "destination"), default="source", help="which come first")
    parser.add_argument("--no-rename-etag", dest="rename_etag", action="store_false", help="no ETag in the answer")
    parser.add_argument("--put-blob-exists", choices=("409", "412"), default="409", help="If-None-Match: * on a blob")
    parser.add_argument("--tenant", default="11111111-1111-1111-1111-111111111111")
    parser.add_argument("--client-id", default="22222222-2222-2222-2222-222222222222")
    parser.add_argument("--object-id", default="33333333-3333-3333-3333-333333333333", help="of the application")
    parser.add_argument("--secret", help="of the application")
    parser.add_argument("--certificate", help="PEM; its key signs the assertions of the application")
    parser.add_argument("--federated-token-file", help="a client assertion with this content is taken; read each time")
    parser.add_argument(
        "--user-client-id", default="55555555-5555-5555-5555-5555555555c1", help="user-assigned identity"
    )
    parser.add_argument("--user-object-id", default="55555555-5555-5555-5555-555555555555")
    parser.add_argument("--user-resource-id", default="/subscriptions/s/resourcegroups/g/providers/identity")
    parser.add_argument("--identity-header", default="identity-header", help="App Service: its X-IDENTITY-HEADER")
    parser.add_argument("--arc-dir", help="Arc: where the key files of the challenge are put")
    parser.add_argument("--role", choices=("none", "reader", "contributor", "owner"), default="contributor")
    parser.add_argument("--token-s", type=int, default=3600, help="how long a token lives")
    options = parser.parse_args(arguments)
    options.reject = [name.strip().lower() for name in options.reject.split(",") if name.strip()]
    options.put_blob_exists = "BlobAlreadyExists" if options.put_blob_exists == "409" else "ConditionNotMet"
    return options


class Server:
    def __init__(self, options):
        self.options = options
        self.clock = Clock()
        self.store = Store(self.clock, options.data)
        key = base64.b64decode(options.key, validate=True)
        self.tokens = Tokens(options, self.clock, key)
        self.service = Service(options, self.store, self.tokens, key)
        self.identity = Identity(options, self.clock, self.tokens)
        self.recorder = Recorder(options.record)
        self.plan = Plan()
        if options.faults:
            self.plan.set(json.loads(pathlib.Path(options.faults).read_text("utf-8"))["rules"])
        self.control = Control(self) if options.clock_control or options.faults else None
        self.tls = None
        if options.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self.tls.load_cert_chain(*options.tls)
        self.numbers = itertools.count(1)
        self.listeners = [(socket.create_server((options.bind, options.port), backlog=256), self.tls)]
        if options.plain_port is not None:
            self.listeners.append((socket.create_server((options.bind, options.plain_port), backlog=256), None))

    def run(self):
        print(*(listener.getsockname()[1] for listener, _ in self.listeners), flush=True)
        for listener in self.listeners[1:]:
            threading.Thread(target=self.accept, args=listener, daemon=True).start()
        self.accept(*self.listeners[0])

    def accept(self, listener, tls):
        while True:
            sock, address = listener.accept()
            arguments = (sock, tls, address[0], next(self.numbers))
            threading.Thread(target=self.serve, args=arguments, daemon=True).start()

    def serve(self, sock, tls, address, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if tls:
                sock = tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        connection = Connection(sock, number, bool(tls), address)
        exchange = Exchange(self)
        reset = False
        try:
            while exchange.serve(connection):
                pass
        except Disconnected:
            pass
        except Reset:
            reset = True
        except Exception:  # a defect of this server: shown, and no hanging client
            traceback.print_exc()
        connection.close(reset)


def main():
    server = Server(parse_options(sys.argv[1:]))

    def stop(*_):
        server.store.close()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.run()


if __name__ == "__main__":
    main()
