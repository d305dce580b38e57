#!/usr/bin/env python3
"""hostile-tls: damaged handshakes, and records that nobody should send, to a running instance.

Why: below the messages there is TLS, and a client may break that, too: in the handshake, where
nobody knows him yet, and after it, where what he sends is sealed and as wrong as he likes. Each
connection here is a good one up to some point, and something else from there: bits, lengths,
pieces of one byte, empty records, alerts, messages of the handshake where none belong. All comes
from one seed, so a connection is known by its number.

Each must end, at the latest when the client has shut its side. The daemons must be the same
processes afterwards, with as many descriptors as before; no worker may be left; a fresh login must
work; and a sanitizer, where the build has one, must have said nothing.

usage: hostile-tls.py [--count N] [--seed N] [--only NUMBER]
"""
import argparse
import concurrent.futures
import random
import select
import socket
import ssl
import struct
import sys
import tempfile

import certlib
import instance
import sessionlib as s
from certlib import TlsInstance, TlsPeer
from sessionlib import Failed
from tlspeer import ALERT, CHANGE, DATA, HANDSHAKE, Rogue, hello, record

SCRIPT = "e2e-hostile-tls"
LANES = 6
QUIET_S = 0.3
END_S = 120  # the instance itself gives a handshake ten
KINDS = (0, CHANGE, ALERT, HANDSHAKE, DATA, DATA, 24, 255)
RESET = struct.pack("ii", 1, 0)


# ---- damaged handshakes ------------------------------------------------------------------------

def flip(data, rng):
    for _ in range(rng.choice((1, 1, 2, 8, 30))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data, rng):
    at = rng.randrange(len(data))
    del data[at:at + rng.choice((1, 2, 5, 40))]


def fill(data, rng):
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 5, 40, 1000)))


def number(data, rng):
    at = rng.randrange(max(1, len(data) - 2))
    data[at:at + 2] = struct.pack(">H", rng.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF)))


def crumble(data, rng):
    """The first record, if it can be read, in records of one byte."""
    kind, version, size = struct.unpack(">BHH", data[:5])
    if kind == HANDSHAKE and rng.randrange(4):
        data[:5 + size] = b"".join(record(kind, bytes([b]), version) for b in data[5:5 + size])


def before(data, rng):
    """Empty records, or alerts that are only warnings."""
    kind = rng.choice(KINDS)
    one = record(ALERT, bytes([rng.choice((1, 2)), rng.randrange(256)])) if rng.randrange(2) else \
        record(kind, b"", rng.choice((0x300, 0x301, 0x303, 0x304)))
    data[:0] = one * rng.choice((1, 5, 40, 2000))


def behind(data, rng):
    data += record(CHANGE, b"\1") * rng.choice((1, 2, 40, 400))


def twice(data, _):
    data[len(data):] = bytes(data)


def too_large(data, rng):
    size = rng.choice((0x4000, 0x4001, 0x4101, 0xFFFF))
    data[:] = struct.pack(">BHH", rng.choice((HANDSHAKE, DATA)), 0x303, size) + rng.randbytes(size)


DAMAGE = (flip, flip, flip, cut, fill, number, crumble, before, behind, twice, too_large)


class Damaged:
    """A client's handshake by libssl, over a socket of ours."""

    def __init__(self, address, certificate, rng):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if rng.randrange(2):
            context.load_cert_chain(*certificate)
        self.rng, self.come, self.go = rng, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.go)
        self.good = rng.randrange(4)  # flights that are left as they are
        host, port = address.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), END_S)

    def turn(self):
        """What libssl has to say next; None: it is at its end."""
        try:
            self.tls.do_handshake()
            self.tls.write(self.rng.choice((bytes(8), self.rng.randbytes(64))))
            self.tls.read(65536)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return None
        return bytearray(self.go.read())

    def send(self, data):
        """False: this was the last that the client does."""
        self.good -= 1
        if self.good < 0 and data:
            self.rng.choice(DAMAGE)(data, self.rng)
        self.sock.sendall(data)
        act = self.rng.randrange(12)
        if act == 0:
            self.sock.shutdown(socket.SHUT_WR)
        if act == 1:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return act not in (1, 2)

    def hear(self):
        """More of the instance; empty: it has ended."""
        if not select.select([self.sock], [], [], QUIET_S)[0]:
            self.sock.shutdown(socket.SHUT_WR)
        if not select.select([self.sock], [], [], END_S)[0]:
            raise Failed("it does not end")
        return self.sock.recv(65536)

    def play(self):
        try:
            while True:
                data = self.turn()
                if data is None or (data and not self.send(data)):
                    return
                got = self.hear()
                if not got:
                    return
                self.come.write(got)
        except OSError as e:
            if isinstance(e, TimeoutError):
                raise Failed("it takes nothing any more") from e
        finally:
            self.sock.close()


# ---- sealed records ----------------------------------------------------------------------------

UPDATE = b"\x18\0\0\1\0"
SEALED = [  # (kind, content, how many)
    (DATA, b"", 20000), (DATA, b"\xff", 400), (DATA, bytes(16384), 1), (DATA, bytes(16385), 1),
    (ALERT, b"\1\x5a", 50), (ALERT, b"\1", 1), (ALERT, b"\1\0\0", 1), (ALERT, b"\1\x5a\1\x5a", 1),
    (CHANGE, b"\1", 1), (0, b"abc", 1), (0, bytes(100), 1), (24, b"\1\0\5hello", 1),
    (HANDSHAKE, b"", 1), (HANDSHAKE, b"\4\0\0\x10" + bytes(16), 1),  # a ticket
    (HANDSHAKE, b"\x0b\0\0\4\0\0\0\0", 1), (HANDSHAKE, b"\x0d\0\0\3\0\0\0", 1),  # Certificate…
    (HANDSHAKE, b"\x14\0\0\x20" + bytes(32), 1), (HANDSHAKE, b"\x18\xff\xff\xff" + bytes(9000), 90),
    (HANDSHAKE, UPDATE + UPDATE, 1), (HANDSHAKE, UPDATE[:3], 1), (HANDSHAKE, b"\x18\0\0\1\7", 1)]


def ends(address, make):
    """Sends what is made, shuts its side, and waits for the end."""
    rogue = Rogue(address)
    try:
        rogue.sock.sendall(make(rogue))
        rogue.sock.shutdown(socket.SHUT_WR)
        rogue.ended()
    except OSError as e:
        if isinstance(e, TimeoutError):
            raise Failed("it takes nothing any more") from e
    finally:
        rogue.close()


def random_records(rogue, rng):
    out = []
    for _ in range(rng.randrange(1, 12)):
        body = rng.choice((b"", UPDATE, rng.randbytes(rng.randrange(1, 40)), rng.randbytes(16000),
                           bytes(8) + rng.randbytes(rng.randrange(300))))
        kind, how = rng.choice(KINDS), rng.randrange(6)
        out.append(record(kind, body) if how == 0 else
                   rogue.key_update() if how == 1 else rogue.sealed(kind, body))
    return b"".join(out)


# ---- all ---------------------------------------------------------------------------------------

class Cases:
    def __init__(self, target, certificate, options):
        self.target, self.certificate, self.options = target, certificate, options
        self.daemons = target.daemons()
        self.had = {p: instance.descriptors(p) for p in self.daemons}

    def each(self, function):
        """Of all numbers, or of one."""
        def numbered(n):
            try:
                function(n, random.Random(self.options.seed * 1000003 + n))
            except (Failed, s.Hang) as e:
                raise Failed(f"--seed {self.options.seed} --only {n}: {e}") from e
        only = self.options.only
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            list(pool.map(numbered, range(self.options.count) if only is None else [only]))

    def handshakes(self):
        self.each(lambda _, rng: Damaged(self.target.tls, self.certificate, rng).play())

    def records(self):
        for kind, content, times in SEALED:
            ends(self.target.tls, lambda r, k=kind, c=content, n=times:
                 b"".join(r.sealed(k, c) for _ in range(n)))
        ends(self.target.tls, lambda r: record(ALERT, b"\1\0"))
        ends(self.target.tls, lambda r: record(CHANGE, b"\1") * 5)
        ends(self.target.tls, lambda r: hello())
        ends(self.target.tls, lambda r: r.sealed(ALERT, b"\1\0") + r.sealed(DATA, bytes(16000)) * 50)
        ends(self.target.tls, lambda r: b"".join(r.key_update() for _ in range(3000)))

    def sealed_at_random(self):
        self.each(lambda n, rng: n % 4 == 0 and
                  ends(self.target.tls, lambda r: random_records(r, rng)))

    def nothing_is_left(self):
        for who in (self.certificate, None):
            peer = TlsPeer(self.target.tls, who)
            if who:
                peer.by_certificate()
            else:
                peer.password(instance.USER, instance.SECRET)
            peer.close()
        if self.target.daemons() != self.daemons:
            raise Failed(f"daemons: {self.target.daemons()}, not {self.daemons}")
        instance.until(lambda: all((instance.descriptors(p) or 0) <= (n or 0)
                                   for p, n in self.had.items()), "descriptors as before", 60)
        idle = 2 + 1  # of the manifest; the zygote is called so, too
        instance.until(lambda: len(self.target.pids("worker")) <= idle, "the end of workers")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--count", type=int, default=400)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", type=int)
    options = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="capos-hostile-") as folder:
        ca = certlib.Authority(folder, "ca")
        certificate = ca.issue("ada", "email:ada@example.org")
        rules = (f'certificates = (authorities = [(name = "ours", file = "{ca.pem}")], '
                 'rules = [(authority = "ours", account = "alice")])')
        text = instance.manifest().replace("authentication = (", f"authentication = ({rules}, ", 1)
        with TlsInstance(text) as target:
            cases = Cases(target, certificate, options)
            return instance.run_cases(SCRIPT, [
                ("damaged handshakes", cases.handshakes),
                ("records that nobody should send", cases.records),
                ("sealed at random", cases.sealed_at_random),
                ("nothing is left", cases.nothing_is_left)])


if __name__ == "__main__":
    sys.exit(main())
