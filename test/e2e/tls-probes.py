#!/usr/bin/env python3
"""tls-probes: what a running instance answers to who looks into its TLS: the checklist of
doc/tls-probes.md, which has to say what comes.

Why: what a server does not do shows in no other test. So `openssl s_client`, hellos of our own and
bytes that are none ask for every version, suite, group and habit that there should not be, and the
page for people who decide whether to trust this is made from the answers, not from what we mean to
do. An answer is what the server has put on the wire, opened with the connection's secrets; what
s_client prints is not looked at.

Every probe ends by something that happens: a call is answered, or the server ends the connection.
So nothing here is told by how long it took.

usage: tls-probes.py [--write]
"""
import concurrent.futures
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

import certlib
import instance
import sessionlib as s
import tlspeer
import tlswire as t
from heard import Program, until
from tlswire import ALERT, CHANGE, DATA, HANDSHAKE, Hello, record

SCRIPT = "e2e-tls-probes"
PAGE = os.path.join(s.TOP, "doc", "tls-probes.md")
END_S = 120  # the instance itself gives a handshake ten
MANY = 400
BOOTSTRAP = struct.pack("<II", 0, 5) + bytes.fromhex(
    "0000000001000100" "0800000000000000" "0000000001000100" "0000000000000000" "0000000000000000")

HEAD = """# What TLS shows to who looks

A running instance, asked for what it should do and for what it should not. `test/e2e/tls-probes.py` does that in every
`make test` and fails where this page says something else; with `--write` it writes it anew. Why it is so:
[design/tls.md](design/tls.md).

What comes is what the server has put on the wire, opened with the secrets of the connection, and nothing that a tool
says about it:

- *TLS 1.3, suite, group* is a handshake, as its ServerHello says; *the usual* is TLS 1.3, TLS_AES_128_GCM_SHA256,
  x25519. What the server has agreed to or sent besides follows it: the protocol that it chose (ALPN), tickets, a
  request for a certificate, new keys, a second hello asked for, any extension. Where nothing follows there was none.
- *resumed* would be a handshake without the server's certificate. Where it does not stand, the certificate came, and
  a signature with it.
- *answered*: a Cap'n Proto bootstrap was sent behind the probe, and its Return came, so the connection
  stays; tickets would have come before it. Our own hellos do the arithmetic of x25519 alone: with another group they
  go no further than the ServerHello.
- *alert N* is the last that came, in the clear or sealed, by its number in RFC 8446, section 6; then the connection
  ended. *the end* is one without an alert, *closed without a word* one without anything.

Early data of somebody who has no session is thrown away up to a bound, as RFC 8446 (4.2.10) has it, and none is agreed
to. A second hello is the renegotiation that a client could begin.

"""


USUAL = "TLS 1.3, TLS_AES_128_GCM_SHA256, x25519"


def said(heard):
    """In the page's words."""
    if heard.retry is not None and heard.hello is None and heard.alert is None:
        group = struct.unpack(">H", heard.retry.get(t.SHARE, b"\0\0"))[0]
        return f"a second hello is asked for, with {t.GROUPS.get(group, 'no group')}"
    return str(heard).replace(USUAL, "the usual", 1)


# ---- by s_client -------------------------------------------------------------------------------

class Recorder:
    """Passes connections on to the instance, and keeps what both sides say."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.to, self.seen, self.threads = (host, int(port)), [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.start(self.accept)

    def start(self, what, *words):
        self.threads.append(threading.Thread(target=what, args=words, daemon=True))
        self.threads[-1].start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.to)
            self.seen.append((bytearray(), bytearray()))
            self.start(self.pump, client, server, self.seen[-1][0])
            self.start(self.pump, server, client, self.seen[-1][1])

    @staticmethod
    def pump(source, to, kept):
        try:
            while part := source.recv(65536):
                kept += part
                to.sendall(part)
        except OSError:
            pass  # a reset is an end, too
        try:
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has gone already

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(END_S)


def logged(path):
    """{(client random, name): secret} of a key log."""
    with open(path, encoding="ascii") as f:
        lines = [line.split() for line in f if not line.startswith("#")]
    return {(w[1], w[0]): bytes.fromhex(w[2]) for w in lines if len(w) == 3}


def s_client(folder, address, *words):
    """[Heard] of its connections. It makes a call, and is held until that is answered or refused."""
    recorder, log = Recorder(address), os.path.join(folder, f"keys-{os.urandom(8).hex()}")
    with Program(["openssl", "s_client", "-connect", recorder.address, "-keylogfile", log, "-quiet", "-nocommands",
                  *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        try:
            client.stdin.write(BOOTSTRAP)
            client.stdin.flush()
        except OSError:
            pass  # it has ended already
        if not select.select([client.stdout], [], [], END_S)[0]:
            raise s.Hang(f"s_client {words}")
        os.read(client.stdout.fileno(), 65536)
        client.terminate()
    recorder.close()
    secrets, all_heard = logged(log) if os.path.exists(log) else {}, []
    for said, came in recorder.seen:
        heard = t.Heard(lambda name, said=said: secrets.get((bytes(said[11:43]).hex(), name)))
        heard.feed(bytes(came))
        all_heard.append(heard)
    return all_heard


OLD = "DEFAULT@SECLEVEL=0"
PROBES = [
    ("TLS 1.0", ("-tls1", "-cipher", OLD)), ("TLS 1.1", ("-tls1_1", "-cipher", OLD)),
    ("TLS 1.2", ("-tls1_2",)), ("TLS 1.3", ("-tls1_3",)),
    ("whatever it takes", ()),
    ("AES-256 with SHA-384", ("-ciphersuites", "TLS_AES_256_GCM_SHA384")),
    ("AES-128-CCM", ("-ciphersuites", "TLS_AES_128_CCM_SHA256")),
    ("ChaCha20", ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")),
    ("P-256", ("-groups", "P-256")), ("P-384", ("-groups", "P-384")), ("P-521", ("-groups", "P-521")),
    ("a finite field", ("-groups", "ffdhe2048")),
    ("a first group that is not had", ("-groups", "P-521:X25519")),
    ("signatures by RSA alone", ("-sigalgs", "RSA-PSS+SHA256")),
    ("ALPN `capnp-rpc`", ("-alpn", "h2,capnp-rpc")), ("ALPN `h2` alone", ("-alpn", "h2")),
    ("no server name", ("-noservername",)), ("a name of somebody else", ("-servername", "x.example")),
    ("fragments of 512 bytes", ("-maxfraglen", "512")), ("OCSP", ("-status",)),
    ("a key known to both", ("-psk", "1a2b3c4d", "-psk_identity", "x")),
]


def given_session(folder):
    """A session in a file, given by a server that gives some: openssl's."""
    ca = certlib.Authority(folder, "other")
    cert, key = ca.issue("server")
    path = os.path.join(folder, "session")
    words = ["-cert", cert, "-key", key, "-accept", "127.0.0.1:0"]
    with Program(["openssl", "s_server", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT) as server:
        address = until(server.stdout, "ACCEPT 127.0.0.1:")[0].split()[-1]
        with Program(["openssl", "s_client", "-connect", address, "-sess_out", path], stdin=subprocess.PIPE,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            instance.until(lambda: os.path.exists(path) and b"END" in open(path, "rb").read(),
                           "a session of openssl's server", END_S)
            client.kill()
        server.kill()
    return path


def by_client(folder, address):
    """Rows of (probe, how, what came)."""
    rows = []
    with concurrent.futures.ThreadPoolExecutor(4) as lanes:
        found = lanes.map(lambda row: s_client(folder, address, *row[1]), PROBES)
        for (what, words), heard in zip(PROBES, found):
            rows.append((what, " ".join(words) or "·", "; ".join(map(said, heard))))
    kept = os.path.join(folder, "kept")
    heard = s_client(folder, address, "-sess_out", kept)
    rows.append(("a session to keep", "-sess_out FILE", f"{said(heard[0])}; " + (
        "a session is kept" if os.path.exists(kept) else "no file is written")))
    given = given_session(folder)
    rows.append(("a session that another server gave", "-sess_in FILE",
                 "; ".join(map(said, s_client(folder, address, "-sess_in", given)))))
    heard = s_client(folder, address, "-reconnect")
    whole = sum(1 for h in heard if h.chain and h.signature)
    rows.append(("the same session, five times more", "-reconnect",
                 f"{len(heard)} connections, {whole} with certificate and signature, "
                 f"{sum(h.tickets for h in heard)} tickets"))
    return rows


# ---- by hellos of our own ----------------------------------------------------------------------

def called(client):
    """Makes a call and hears what comes of it."""
    client.send(client.sealed(DATA, BOOTSTRAP))
    client.hear(t.Heard.answered)


def probed(address, hello, data=None, then=called):
    """What a hello comes to, as words. data: the bytes in which it is said, and what follows it."""
    client = t.Client(tlspeer.connect(address), hello)
    client.sock.settimeout(END_S)
    try:
        if client.shake(data):
            then(client)
        elif client.heard.alert is None and not client.heard.sealed and client.heard.retry is None:
            client.hear()
        return said(client.heard)
    finally:
        client.close()


def alpn(*protocols):
    return {t.ALPN: t.vector(2, b"".join(t.vector(1, p) for p in protocols))}


def psk_hello(more=None):
    modes, last = t.forged_psk()
    return Hello(more={**modes, **(more or {})}, last=last)


def renewed():
    """What both halves of secure renegotiation look like in a first hello."""
    return Hello(suites=(0x1301, 0x00ff), more={t.RENEGOTIATION: b"\0"})


MODERN = {"versions": None, "suites": (0xc02b, 0xc02c, 0xcca9)}  # ECDHE with ECDSA, and AEAD
LEGACY = {"versions": None, "suites": (0xc009, 0xc00a, 0xc013, 0x002f, 0x000a, 0x0005)}
HELLOS = [
    ("SSL 3", lambda: Hello(0x0300, groups=None, sigalgs=None, **LEGACY)),
    ("TLS 1.0", lambda: Hello(0x0301, **LEGACY)), ("TLS 1.1", lambda: Hello(0x0302, **LEGACY)),
    ("TLS 1.2", lambda: Hello(0x0303, **MODERN)),
    ("TLS 1.2, in the extension", lambda: Hello(versions=(0x0303,), suites=MODERN["suites"])),
    ("TLS 1.2 rather than 1.3", lambda: Hello(versions=(0x0303, 0x0304), suites=(*MODERN["suites"], 0x1301))),
    ("TLS 1.4", lambda: Hello(versions=(0x0305,))), ("TLS 1.4, or 1.3", lambda: Hello(versions=(0x0305, 0x0304))),
    *((f"{t.SUITES[n][0]} alone", lambda n=n: Hello(suites=(n,))) for n in t.SUITES),
    ("suites of TLS 1.2 alone", lambda: Hello(suites=MODERN["suites"])),
    ("ChaCha20 rather than AES-128", lambda: Hello(suites=(0x1303, 0x1301))),
    *((f"{t.GROUPS[n]} alone", lambda n=n: Hello(groups=(n,))) for n in t.GROUPS),
    ("a share of secp521r1, x25519 without one", lambda: Hello(groups=(25, 29), shares=(25,))),
    ("no group", lambda: Hello(groups=None)),
    ("a point that is on no curve", lambda: Hello(groups=(23,), more={t.SHARE: t.vector(
        2, struct.pack(">H", 23) + t.vector(2, b"\4" + bytes(64)))})),
    ("compression", lambda: Hello(compression=b"\1\0")),
    ("renegotiation_info, and its suite", renewed),
    ("ALPN `h2` and `capnp-rpc`", lambda: Hello(more=alpn(b"h2", b"capnp-rpc"))),
    ("ALPN `h2` alone", lambda: Hello(more=alpn(b"h2"))),
    ("a session of before, forged", psk_hello),
    ("a ticket of TLS 1.2, forged", lambda: Hello(more={t.SESSION: os.urandom(160)})),
    ("that it could show a certificate later", lambda: Hello(more={t.LATER: b""})),
    ("compressed certificates", lambda: Hello(more={t.COMPRESSED: b"\2\0\1"})),
    ("a cookie that nobody gave", lambda: Hello(more={t.COOKIE: t.vector(2, bytes(32))})),
    ("an unknown extension", lambda: Hello(more={0x1a1a: b"x"})),
]


def whole(hello):
    return record(HANDSHAKE, hello.message, 0x0301)


def in_bytes(hello):
    return b"".join(record(HANDSHAKE, bytes([b]), 0x0301) for b in hello.message)


def early(sizes):
    """(hello, its bytes and early data) of somebody who was never here."""
    hello = psk_hello({t.EARLY: b""})
    return hello, whole(hello) + b"".join(record(DATA, os.urandom(n)) for n in sizes)


def long_hello():
    """One that is longer than any may be, in records that are not."""
    return b"".join(record(HANDSHAKE, (t.message(1, bytes(200 * 1024)))[i:i + 16384])
                    for i in range(0, 200 * 1024, 16384))


def told(make):
    """A good hello, said as these bytes."""
    hello = Hello()
    return hello, make(hello)


PIECES = [
    ("a hello in records of one byte", lambda: told(in_bytes)),
    ("a record of no bytes, and a hello", lambda: told(lambda h: record(HANDSHAKE, b"") + whole(h))),
    ("a hello, and a change of ciphers", lambda: told(lambda h: whole(h) + record(CHANGE, b"\1"))),
    ("… 400 of them", lambda: told(lambda h: whole(h) + record(CHANGE, b"\1") * MANY)),
    ("a hello, and data in the clear", lambda: told(lambda h: whole(h) + record(DATA, bytes(64)))),
    ("a hello twice", lambda: told(lambda h: whole(h) * 2)),
    ("early data, 64 bytes", lambda: early([64])),
    ("early data, 32 KiB", lambda: early([4096] * 8)),
]
RAW = [
    ("an SSL 2 hello", lambda: b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(21 + 16)),
    ("an SSL 2 hello for TLS 1.2", lambda: b"\x80\x2e\1\3\3\0\x15\0\0\0\x10" + bytes(21 + 16)),
    ("HTTP", lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("Cap'n Proto RPC in the clear", lambda: BOOTSTRAP),
    ("a hello of 200 KiB", long_hello),
    ("400 records of no bytes", lambda: record(HANDSHAKE, b"") * MANY),
    ("a record of 18 KiB", lambda: record(HANDSHAKE, b"\1" + bytes(18 * 1024))),
    ("application data first", lambda: record(DATA, bytes(64))),
    ("a fatal alert first", lambda: record(ALERT, b"\2\x28")),
    ("a change of ciphers first", lambda: record(CHANGE, b"\1")),
    ("a message that is no hello", lambda: record(HANDSHAKE, t.message(t.FINISHED, bytes(32)))),
]


def rows_of(table, probe):
    with concurrent.futures.ThreadPoolExecutor(6) as lanes:
        return list(zip((n for n, _ in table), lanes.map(lambda row: probe(row[1]()), table)))


def by_hellos(address):
    return rows_of(HELLOS, lambda hello: probed(address, hello))


def before(address):
    return rows_of(PIECES, lambda pair: probed(address, *pair)) + \
        rows_of(RAW, lambda data: probed(address, Hello(), data))


# ---- after a good one --------------------------------------------------------------------------

def ends(make):
    """What a server says to these bytes until it ends the connection."""
    def after(client):
        client.send(b"".join(make(client)))  # at once: what is left unread may cost us the answer
        client.hear()
    return after


def stays(make):
    """… and a call behind them."""
    def after(client):
        client.send(b"".join(make(client)))
        called(client)
    return after


def shuts(make):
    """… and what it says when that was all."""
    def after(client):
        client.send(b"".join(make(client)))
        client.sock.shutdown(socket.SHUT_WR)
        client.hear()
    return after


AFTER = [
    ("a call", called),
    ("new keys, and a call in them", stays(lambda c: [c.key_update(False)])),
    ("new keys from both, and a call in them", stays(lambda c: [c.key_update()])),
    ("a record of 16 KiB of padding, and a call", stays(lambda c: [c.sealed(DATA, b"", 16384)])),
    ("10 changes of keys, and a call", stays(lambda c: [c.key_update() for _ in range(10)])),
    ("400 changes of keys, and a call", stays(lambda c: [c.key_update(False) for _ in range(MANY)])),
    ("400 empty records", ends(lambda c: [c.sealed(DATA, b"") for _ in range(MANY)])),
    ("400 warnings", ends(lambda c: [c.sealed(ALERT, b"\1\x5a") for _ in range(MANY)])),
    ("a second hello", ends(lambda c: [c.sealed(HANDSHAKE, Hello().message)])),
    ("a certificate that nobody asked for",
     ends(lambda c: [c.sealed(HANDSHAKE, t.message(t.CERTIFICATE, b"\0\0\0\0"))])),
    ("a ticket", ends(lambda c: [c.sealed(HANDSHAKE, t.message(t.TICKET, bytes(16)))])),
    ("new keys of a kind that is none", ends(lambda c: [c.sealed(HANDSHAKE, t.message(t.KEY_UPDATE, b"\7"))])),
    ("an empty message of the handshake", ends(lambda c: [c.sealed(HANDSHAKE, b"")])),
    ("a heartbeat", ends(lambda c: [c.sealed(24, b"\1\0\5hello")])),
    ("a change of ciphers", ends(lambda c: [record(CHANGE, b"\1")])),
    ("a record in the clear", ends(lambda c: [record(DATA, bytes(64))])),
    ("a record of 17 KiB", ends(lambda c: [c.sealed(DATA, bytes(17 * 1024))])),
    ("a record of before, again", ends(lambda c: [c.sealed(DATA, BOOTSTRAP[:8])] * 2)),
    ("close_notify", ends(lambda c: [c.sealed(ALERT, b"\1\0")])),
    ("the end, without close_notify", shuts(lambda c: [])),
]


def afterwards(address):
    def tail(after):
        """Without what stands in the first row."""
        return probed(address, Hello(), None, after).removeprefix("the usual").lstrip(",; ")
    return rows_of([(n, lambda f=f: f) for n, f in AFTER], tail)


# ---- what is shown -----------------------------------------------------------------------------

def good_hello(address):
    client = t.Client(tlspeer.connect(address), Hello())
    client.sock.settimeout(END_S)
    try:
        if not client.shake():
            raise s.Failed(f"no handshake: {client.heard}")
        return client.heard
    finally:
        client.close()


def stored(target):
    """The certificates in the state directory, DER."""
    with open(os.path.join(target.state, "tls", "cert.pem"), encoding="ascii") as f:
        return [ssl.PEM_cert_to_DER_cert(p) for p in re.findall(
            r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", f.read(), re.S)]


def asked(heard):
    if heard.request is None:
        return "no"
    names = "authorities, " if t.AUTHORITIES in heard.request else ""
    nonce = heard.request.get(0xff43)
    return f"yes, with {names}" + (f"a nonce of {len(nonce)} bytes" if nonce else "no nonce")


def shows(target, rules):
    heard, wanted = good_hello(target.tls), stored(target)
    first, second = good_hello(rules.tls), good_hello(rules.tls)
    return [
        ("the chain", f"{len(heard.chain)} certificate, " +
         ("as it lies in the state directory" if heard.chain == wanted else "another than lies there")),
        ("the signature", t.SIGNATURES.get(heard.signature, str(heard.signature))),
        ("whether a client's certificate is asked for", asked(heard)),
        ("… where the manifest has rules", asked(first)),
        ("… of two connections", "two nonces" if first.request != second.request else "the same nonce"),
    ]


# ---- the page ----------------------------------------------------------------------------------

def table(title, how, rows):
    out = [f"## {title}\n", f"| what is asked for | {how} | what comes |" if how else
           "| what | what comes |", "| --- | --- | --- |" if how else "| --- | --- |"]
    for row in rows:
        out.append("| " + " | ".join(row) + " |")
    return "\n".join(out) + "\n"


def page(folder, target, rules):
    return HEAD + "\n".join([
        table("By `openssl s_client`", "options", by_client(folder, target.tls)),
        table("By hellos of our own", "", by_hellos(target.tls)),
        table("Before a handshake, and in it", "", before(target.tls)),
        table("After a good one", "", afterwards(target.tls)),
        table("What the server shows", "", shows(target, rules))])


def compare(found):
    with open(PAGE, encoding="utf-8") as f:
        there = f.read()
    if there != found:
        a, b = there.splitlines(), found.splitlines()
        wrong = [f"{x!r} is {y!r}" for x, y in zip(a, b) if x != y] or ["the page's length"]
        raise s.Failed("; ".join(wrong[:6]) + " (tls-probes.py --write)")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-probes-") as folder, \
            certlib.TlsInstance(instance.manifest(), user=False) as target, \
            certlib.TlsInstance(certlib.lets_in(certlib.Authority(folder, "ca"), instance.manifest()),
                                user=False) as rules:
        if sys.argv[1:] == ["--write"]:
            with open(PAGE, "w", encoding="utf-8") as f:
                f.write(page(folder, target, rules))
            return 0
        return instance.run_cases(SCRIPT, [
            ("what comes is what the page says", lambda: compare(page(folder, target, rules)))])


if __name__ == "__main__":
    sys.exit(main())
