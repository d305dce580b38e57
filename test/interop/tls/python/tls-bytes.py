#!/usr/bin/env python3
"""tls-bytes: one login with what Debian alone has, over TLS or a Unix socket: the messages are made by
test/e2e/sessionlib.py, since Debian has no Cap'n Proto for Python.

usage: tls-bytes.py ssl|pyopenssl|s_client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET

tls-run.py says what is what. `s_client` is OpenSSL's own program, with the messages through its pipes
and the exporter as it prints it. Ends with 77 where the library is not installed.
"""
import os
import re
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "e2e"))

import channel as ch  # noqa: E402
import sessionlib as s  # noqa: E402
from wirelib import Struct  # noqa: E402


def connect_s_client(place, certificate):
    """A login's bytes through the pipes of `openssl s_client`; it stops at whatever it cannot verify."""
    ours, its = socket.socketpair()
    command = ["openssl", "s_client", "-connect", f"{place[0]}:{place[1]}", "-servername", "localhost",
               "-verify_hostname", "localhost", "-CAfile", certificate, "-verify_return_error",
               "-tls1_3", "-alpn", "capnp-rpc", "-ign_eof", "-keymatexport", ch.LABEL.decode(),
               "-keymatexportlen", "32"]
    with its:
        subprocess.Popen(command, stdin=its, stdout=its, stderr=subprocess.DEVNULL)
    ours.settimeout(ch.WAIT_S)
    said = b""
    while True:
        told = re.search(rb"Keying material: ([0-9A-F]{64})\n---\n", said)
        if told:
            break
        byte = ours.recv(1)
        if not byte:
            raise OSError(f"s_client has no use for this certificate: {said[-300:]!r}")
        said += byte
    shown = subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"],
                           stdout=subprocess.PIPE, check=True).stdout
    return ours, ch.Channel("tls", bytes.fromhex(told[1].decode()), ch.key_hash(shown))


CONNECT = {"ssl": ch.connect_ssl, "pyopenssl": ch.connect_pyopenssl, "s_client": connect_s_client}


def connect(library, address, certificate):
    """(peer, channel) of a new connection."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        return s.Peer(address), ch.Channel("unix")
    host, port = place.rsplit(":", 1)
    sock, channel = CONNECT[library]((host, int(port)), certificate)
    return s.Peer(sock), channel


def login(library, address, certificate, method, account, secret):
    peer, channel = connect(library, address, certificate)
    kind = s.PASSWORD if method == "password" else s.PUBLIC_KEY
    binding = 1 if method.startswith("tls-key") else 0
    request = Struct(struct.pack("<HHH", kind, 0, binding),
                     [Struct(b"", [account]), None, None, None])
    flow = peer.gateway().call(1, Struct(b"", [request])).ref(0, s.FLOW)
    response = secret.encode()
    if kind == s.PUBLIC_KEY:
        nonce = flow.call(0, Struct(b"", [b""])).content.ptr(0).ptr(3)
        response = ch.proof(channel, method, secret, bytes(nonce), account)
    session = flow.call(0, Struct(b"", [response])).ref(1, s.SESSION)
    info = session.call(0).content.ptr(0)
    motd = s.motd(s.get(s.cap_set(session), "system_info", s.SYSTEM_INFO))
    peer.close()
    return f"{s.text(info.ptr(1))} {s.text(info.ptr(3))} {motd}"


def main(words):
    if len(words) != 6:
        print(__doc__, file=sys.stderr)
        return 2
    if words[0] == "ssl" and words[1].startswith("tls:") and words[3].startswith("key"):
        if not ch.has_exporter():
            print("cannot: ssl has no call for tls-exporter")
            return 3
    try:
        print(login(*words))
    except ImportError as e:
        print(e)
        return 77
    except Exception as e:  # of ssl, pyOpenSSL or the server: why it did not work is the answer
        print(f"{type(e).__name__} {e}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
