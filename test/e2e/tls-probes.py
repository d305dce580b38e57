#!/usr/bin/env python3
"""tls-probes: what a running instance answers to who looks into its TLS: the checklist of
doc/tls-probes.md, which has to say what comes.

Why: what a server does not do shows in no other test. So `openssl s_client` asks for every version,
suite, group and habit that there should not be, raw sockets send what it cannot, and the page for
people who decide whether to trust this is made from the answers, not from what we mean to do.

usage: tls-probes.py [--write]
"""
import concurrent.futures
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import sessionlib as s
import tlspeer
from tlspeer import ALERT, CHANGE, DATA, HANDSHAKE, Rogue, hello, record

SCRIPT = "e2e-tls-probes"
PAGE = os.path.join(s.TOP, "doc", "tls-probes.md")
END_S = 30
SILENT_S = 5  # who says nothing for so long waits for more
QUIET_S = 2
OLD = "DEFAULT@SECLEVEL=0"
MANY = 400

HEAD = """# What TLS shows to who looks

A running instance, asked by `openssl s_client` and by raw sockets for what it should do and for what it should not.
`test/e2e/tls-probes.py` does that in every `make test` and fails where this page says something else; with `--write` it
writes it anew. Why it is so: [design/tls.md](design/tls.md). *alert N* is the number of RFC 8446, section 6. A sealed
record is as long as an alert at the least; what is in it is not read here.

What `s_client` says of compression, secure renegotiation and early data follows from TLS 1.3 alone, which knows the
first two no more, and from it having sent no early data. Resumption is not tried, as no ticket comes; a second hello is
the renegotiation that a client could begin.

"""


# ---- by s_client -------------------------------------------------------------------------------

def client(address, *words, typed=(), wait=""):
    """What s_client says; it is held until it says what is waited for, and a little longer."""
    done = subprocess.Popen(["openssl", "s_client", "-connect", address, *words],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, end, typed = b"", time.monotonic() + END_S, list(typed)
    over, held = None, True
    while over is None or time.monotonic() < over:
        if time.monotonic() > end:
            done.kill()
            raise s.Hang(f"s_client {words}")
        if select.select([done.stdout], [], [], 0.05)[0]:
            part = os.read(done.stdout.fileno(), 65536)
            if not part:
                held = False  # it has ended
                break
            said += part
        if over is None and wait and wait.encode() in said:
            if typed:
                done.stdin.write(typed.pop(0).encode())
                done.stdin.flush()
            over = time.monotonic() + 0.5
        elif not wait:
            done.stdin.close()
            wait = "\0"
    done.terminate()
    done.wait()
    return said.decode(errors="replace"), held


def shown(said):
    """What a handshake has come to."""
    alert = re.search(r"alert number (\d+)", said)
    if alert:
        return f"alert {alert.group(1)}"
    new = re.search(r"New, (TLSv\S+), Cipher is (\S+)", said)
    group = re.search(r"Server Temp Key: ([^,\n]+)(?:, ([^,\n]+))?", said)
    if not new or new.group(2) == "(NONE)":
        return "no handshake"
    names = [g for g in (group.groups() if group else ()) if g and not g.endswith("bits")]
    return f"{new.group(1)}, {new.group(2)}, {names[-1] if names else '?'}"


HANDSHAKES = [
    ("TLS 1.0", ("-tls1", "-cipher", OLD)), ("TLS 1.1", ("-tls1_1", "-cipher", OLD)),
    ("TLS 1.2", ("-tls1_2",)), ("TLS 1.3", ("-tls1_3",)),
    ("AES-256 with SHA-384", ("-ciphersuites", "TLS_AES_256_GCM_SHA384")),
    ("AES-128-CCM", ("-ciphersuites", "TLS_AES_128_CCM_SHA256")),
    ("ChaCha20", ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")),
    ("P-256", ("-groups", "P-256")), ("P-521", ("-groups", "P-521")),
    ("a finite field", ("-groups", "ffdhe2048")),
    ("a first group that is not had", ("-groups", "P-521:P-256")),
    ("signatures by RSA alone", ("-sigalgs", "RSA-PSS+SHA256")),
    ("ALPN `capnp-rpc`", ("-alpn", "capnp-rpc")), ("ALPN `h2` alone", ("-alpn", "h2")),
    ("no server name", ("-noservername",)), ("a name of somebody else", ("-servername", "x.example")),
    ("fragments of 512 bytes", ("-maxfraglen", "512")),
    ("a key known to both", ("-psk", "1a2b3c4d", "-psk_identity", "x")),
]
DONE = "Verify return code"


def by_client(address, rules):
    """Rows of (probe, how, what came)."""
    rows = [(name, " ".join(words), shown(client(address, *words)[0])) for name, words in HANDSHAKES]
    said, held = client(address, "-msg", "-status", wait=DONE)
    tickets = said.count("NewSessionTicket")
    rows.append(("what comes after a handshake", "-msg, held", f"{tickets} tickets" +
                 ("; it stays open" if held else "; it is closed")))
    rows.append(("OCSP", "-status", re.search(r"OCSP response: (.+)", said).group(1)))
    rows.append(("compression", "the same", re.search(r"Compression: (\S+)", said).group(1)))
    rows.append(("secure renegotiation", "the same", re.search(r"Secure Renegotiation IS[^\n]*", said).group(0)))
    rows.append(("early data", "the same", re.search(r"Early data was[^\n]*", said).group(0)))
    certs = subprocess.run(["openssl", "s_client", "-connect", address, "-showcerts"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    rows.append(("certificates in the chain", "-showcerts", str(certs.count("BEGIN CERTIFICATE"))))
    rows.append(("the server's signature", "the same", re.search(r"Peer signature type: (\S+)", said).group(1)))
    rows.append(("whether a certificate is asked for", "no rules", asks(said)))
    rows.append(("… where the manifest has rules", "rules", asks(client(rules, "-msg", wait=DONE)[0])))
    _, held = client(address, wait=DONE, typed=["K\n"])
    rows.append(("new keys on demand", "`K`, held", "it stays open" if held else "it is closed"))
    return rows


def asks(said):
    return "yes" if "CertificateRequest" in said else "no"


# ---- by raw sockets ----------------------------------------------------------------------------

def described(got):
    """What came until the end."""
    if not got:
        return "closed without a word"
    abort = re.search(rb"[A-Za-z][ -~]{15,}", got)
    if got[0] == ALERT:
        return f"alert {got[6]}"
    if got[0] == HANDSHAKE:
        return "its part of the handshake, and the end"
    return f"abort: {abort.group(0).decode()}" if abort and got[0] == 0 else "the end"


def long_hello():
    """One that is longer than any may be, in records that are not."""
    size = 200 * 1024
    rest = b"\1" + struct.pack(">I", size)[1:] + hello()[9:] + bytes(size)
    return b"".join(record(HANDSHAKE, rest[i:i + 16384]) for i in range(0, size, 16384))


def ssl3():
    body = b"\3\0" + bytes(32) + b"\0" + struct.pack(">H", 2) + b"\0\x2f" + b"\1\0"
    return record(HANDSHAKE, b"\1" + struct.pack(">I", len(body))[1:] + body, 0x0300)


BOOTSTRAP = struct.pack("<II", 0, 5) + bytes.fromhex(
    "0000000001000100" "0800000000000000" "0000000001000100" "0000000000000000" "0000000000000000")

RAW = [
    ("an SSL 2 hello", lambda: b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(21 + 16)),
    ("an SSL 3 hello", ssl3),
    ("HTTP", lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("Cap'n Proto RPC in the clear", lambda: BOOTSTRAP),
    ("a hello in records of one byte", lambda: b"".join(record(HANDSHAKE, bytes([b]))
                                                        for b in hello()[5:])),
    ("a hello of 200 KiB", long_hello),
    ("an unknown extension", lambda: tlspeer.with_extension(hello(), struct.pack(">HH", 0x1a1a, 1) + b"x")),
    ("a hello that announces early data", lambda: tlspeer.with_extension(hello(), struct.pack(">HH", 42, 0))
     + record(DATA, bytes(4096)) * 8),
    ("a record of no bytes", lambda: record(HANDSHAKE, b"")),
    ("a record of 18 KiB", lambda: record(HANDSHAKE, b"\1" + bytes(18 * 1024))),
    ("application data first", lambda: record(DATA, bytes(64))),
    ("a fatal alert first", lambda: record(ALERT, b"\2\x28")),
    ("a change of ciphers first", lambda: record(CHANGE, b"\1")),
]


def raw(address, data):
    """Sends, and reads to the end, or until no more comes."""
    got = b""
    with tlspeer.connect(address) as sock:
        sock.settimeout(SILENT_S)
        try:
            sock.sendall(data)
        except OSError:
            pass  # it has been closed already: what came counts
        try:
            while part := sock.recv(65536):
                got += part
                sock.settimeout(QUIET_S)
        except TimeoutError:
            return "its part of the handshake" if got[:1] == bytes([HANDSHAKE]) else "it waits for more"
        except OSError:
            pass
    return described(got)


def by_sockets(address):
    with concurrent.futures.ThreadPoolExecutor(len(RAW)) as lanes:
        return list(zip((n for n, _ in RAW), lanes.map(lambda row: raw(address, row[1]()), RAW)))


ROGUE = [
    ("400 changes of keys, unread", lambda r: [r.key_update() for _ in range(MANY)]),
    ("400 empty records", lambda r: [r.sealed(DATA, b"") for _ in range(MANY)]),
    ("400 warnings", lambda r: [r.sealed(ALERT, b"\1\x5a") for _ in range(MANY)]),
    ("a second hello", lambda r: [r.sealed(HANDSHAKE, hello()[5:])]),
    ("a record in the clear", lambda r: [record(DATA, bytes(64))]),
    ("a record of 17 KiB", lambda r: [r.sealed(DATA, bytes(17 * 1024))]),
    ("close_notify", lambda r: [r.sealed(ALERT, b"\1\0")]),
]


def rogue(address, make):
    one = Rogue(address)
    one.sock.settimeout(END_S)
    try:
        for part in make(one):
            one.sock.sendall(part)
    except OSError:
        pass
    try:
        return "a sealed record, and the end" if one.ended() >= 24 else "the end"
    finally:
        one.close()


# ---- the page ----------------------------------------------------------------------------------

def table(title, how, rows):
    out = [f"## {title}\n", f"| what is asked for | {how} | what comes |" if how else
           "| what is sent | what comes |", "| --- | --- | --- |" if how else "| --- | --- |"]
    for row in rows:
        out.append("| " + " | ".join(row) + " |")
    return "\n".join(out) + "\n"


def page(address, rules):
    return HEAD + "\n".join([
        table("By `openssl s_client`", "options", by_client(address, rules)),
        table("Before a handshake, by a socket", "", by_sockets(address)),
        table("After a good one", "", [(n, rogue(address, f)) for n, f in ROGUE])])


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
                f.write(page(target.tls, rules.tls))
            return 0
        return instance.run_cases(SCRIPT, [
            ("what comes is what the page says", lambda: compare(page(target.tls, rules.tls)))])


if __name__ == "__main__":
    sys.exit(main())
