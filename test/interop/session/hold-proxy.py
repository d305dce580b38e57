#!/usr/bin/env python3
"""hold-proxy: lets a client speak, and says nothing until it has said everything.

Why: promise pipelining is a promise about round trips. A client whose whole chain of calls works
through this proxy made none: every byte of the server's is withheld until the number of requests
(Bootstrap and Call messages) given has arrived from the client. The frames of the client are
parsed for that; bytes are never changed.

usage: hold-proxy.py UPSTREAM REQUESTS

UPSTREAM is HOST:PORT. Prints `listening on HOST:PORT`, then one line for each connection:
`N requests before the first byte` or `held: only N requests came`. A connection on which the
requests don't come within ten seconds is closed.
"""
import os
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conf"))

import wirelib as w  # noqa: E402

HOLD_S = 60


class Relay:
    """One connection through the proxy."""

    def __init__(self, client, upstream, wanted):
        self.client, self.upstream, self.wanted = client, upstream, wanted
        self.seen, self.parsed, self.held = 0, bytearray(), bytearray()
        self.open = True

    def count(self, data):
        self.parsed += data
        while True:
            got = w.split_frame(self.parsed)
            if got is None:
                return
            del self.parsed[:got[1]]
            if w.Message(got[0]).tag in (w.BOOTSTRAP, w.CALL):
                self.seen += 1

    def from_client(self):
        data = self.client.recv(65536)
        if not data:
            self.open = False
            return
        self.upstream.sendall(data)
        if not self.done():
            self.count(data)

    def from_upstream(self):
        data = self.upstream.recv(65536)
        if not data:
            self.open = False
        self.held += data

    def done(self):
        return self.seen >= self.wanted

    def run(self):
        end = time.monotonic() + HOLD_S
        first = True
        while self.open and (self.done() or time.monotonic() < end):
            for sock in select.select([self.client, self.upstream], [], [], 0.1)[0]:
                if sock is self.client:
                    self.from_client()
                else:
                    self.from_upstream()
            if self.done() and self.held:
                if first:
                    print(f"{self.seen} requests before the first byte", flush=True)
                first = False
                self.client.sendall(self.held)
                self.held.clear()
        if first:
            print(f"held: only {self.seen} requests came", flush=True)


def serve(client, upstream, wanted):
    host, port = upstream.rsplit(":", 1)
    try:
        with client, socket.create_connection((host, int(port)), HOLD_S) as up:
            for s in (client, up):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Relay(client, up, wanted).run()
    except OSError as e:
        print(f"ended: {e}", flush=True)


def main(argv):
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            client = listener.accept()[0]
            threading.Thread(target=serve, args=(client, argv[0], int(argv[1])),
                             daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
