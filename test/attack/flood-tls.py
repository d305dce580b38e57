#!/usr/bin/env python3
"""flood-tls: abuse of TLS itself, from 16 addresses, and those who have a right to get in.

Each try has its attackers go on while good clients log in over TLS by password and by key: every
one of them must get in. One more client has been logged in since the beginning, and its worker may
not grow meanwhile. When the attackers have gone, nothing is left: sessions, workers and descriptors
are what they were, in every process.

What stops an attacker is looked at beside that, one of each kind, at an instance of its own that is
as patient as can be, and by what the server has sent, opened: an alert, or the end without one (its
patience with a handshake, or with what it floods), is TLS's; an abort of RPC is the vat's.

How long it takes is set by CAPOS_ATTACK_SECONDS; `make soak` gives it minutes.
"""
import os
import re
import ssl
import struct
import sys
import threading

import attacklib as a
import attacktls
import instance
import sessionlib as s
import tlspeer
import tlswire
from tlspeer import ALERT, CHANGE, DATA, HANDSHAKE, record

SCRIPT = "attack-flood-tls"
GOOD_S = 60
a.SECONDS = min(a.SECONDS, 1) if "CAPOS_ATTACK_SECONDS" not in os.environ else a.SECONDS
SANITIZED = "CAPOS_SANITIZED" in os.environ  # which takes memory of its own, and keeps what is freed
GROWTH_KIB = 16384 if SANITIZED else 64  # what a worker may take more after any flood
WORKER_KIB = 65536 if SANITIZED else 2048  # what one may ever have that is not of a file
RECORDS = 400
HALF_OPEN = 2000 if a.SECONDS >= 30 else 300  # handshakes, at the least
PATIENCE_MS = 600000  # of the instance that is looked at, longer than anybody waits here


# ---- ways to be a nuisance: before a handshake -------------------------------------------------

def raw(turn):
    """A turn on a TCP connection; what it is given is held. turn(attackers, connection)."""
    def act(attackers, number):
        one = tlspeer.connect(attackers.target.tls_address, a.source(number))
        turn(attackers, one)
        return one
    return act


def silent(_, one):
    pass


def slow(attackers, one):
    """A hello, a byte a second."""
    for byte in tlspeer.hello():
        one.send(bytes([byte]))
        if attackers.over.wait(1):
            break


def garbage(_, one):
    one.send(os.urandom(600))


def tls_garbage(_, one):
    """It begins well."""
    one.send(record(HANDSHAKE, b"\1\0\2\0\3\3" + os.urandom(512)))


def other_versions(_, one):
    context = tlspeer.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    one.send(tlspeer.hello(context))


def endless_hello(_, one):
    """A message of 16 MiB that is on its way, of which 128 KiB come."""
    one.send(record(HANDSHAKE, b"\1\xff\xff\xff" + bytes(16000)))
    for _ in range(8):
        one.send(record(HANDSHAKE, bytes(16384)))


def hello_and(attackers, number, more, hello=None, waits=False):
    """A hello of our own, so that the answer can be opened, and more behind it: at once, or when the
    server has signed."""
    one = tlswire.Client(tlspeer.connect(attackers.target.tls_address, a.source(number)), hello or tlswire.Hello())
    one.early = b""
    one.send(record(HANDSHAKE, one.hello.message))
    if waits:
        one.early = one.sock.recv(65536)
    one.send(more)
    return one


def oversized(attackers, number):
    return hello_and(attackers, number, struct.pack(">BHH", DATA, 0x0303, 0xffff) + bytes(40000))


def early_data(attackers, number):
    """Says that there will be some, and sends it without waiting."""
    modes, last = tlswire.forged_psk()
    return hello_and(attackers, number, b"".join(record(DATA, os.urandom(4096)) for _ in range(20)),
                     tlswire.Hello(more={**modes, tlswire.EARLY: b""}, last=last))


def half_open(attackers, number):
    """Nothing comes back."""
    return hello_and(attackers, number, b"", waits=True)


def cipher_changes(attackers, number):
    """What middle boxes like to see, again and again in the middle of a handshake."""
    return hello_and(attackers, number, record(CHANGE, b"\1") * RECORDS, waits=True)


# ---- … and after one ---------------------------------------------------------------------------

def rogue(records):
    """A turn that makes a good handshake, and then sends records(rogue), one by one."""
    def act(attackers, number):
        one = tlspeer.Rogue(attackers.target.tls_address, a.source(number))
        getattr(attackers, "shaken", set()).add(number)
        try:
            for _ in range(RECORDS):
                one.sock.sendall(records(one))
        except OSError:
            pass  # it has had enough of them
        return one
    return act


def key_updates(one):
    return one.key_update()


def empty_records(one):
    return one.sealed(DATA, b"")


def warnings(one):
    return one.sealed(ALERT, bytes([1, 90]))  # user_canceled


def renegotiation(one):
    return one.sealed(HANDSHAKE, tlspeer.hello()[5:])


def byte_records(one):
    """The beginning of a message that nobody will refuse for its form, a byte at a time."""
    return one.sealed(DATA, b"\0")


def plain_after(_):
    return record(DATA, bytes(64))


WAYS = [raw(silent), raw(slow), raw(garbage),
        raw(tls_garbage), raw(other_versions), oversized,
        raw(endless_hello), early_data, half_open,
        cipher_changes, rogue(key_updates), rogue(empty_records),
        rogue(warnings), rogue(renegotiation), rogue(byte_records),
        rogue(plain_after)]
KEYS = 10  # the flood of key updates
ROGUES = range(10, 16)  # those with a session of TLS, whose records are seen sealed


# ---- what stops one ----------------------------------------------------------------------------

class Looks:
    """One attacker of each kind at an instance that nobody floods, and by what it was stopped."""

    def __init__(self):
        self.over, self.found, self.shaken = threading.Event(), {}, set()
        self.target = attacktls.TlsTarget(
            instance.manifest(limits=f"connections = 64, unauthenticated = 48, admission = \"{PATIENCE_MS}ms\""))
        self.threads = []

    def look(self, number, act):
        heard = tlswire.Heard(lambda _: None)  # of who says no hello of his own
        one = None
        try:
            one = act(self, number)
            sock, heard = getattr(one, "sock", one), getattr(one, "heard", heard)
            sock.settimeout(GOOD_S)
            heard.feed(getattr(one, "early", b""))
            while part := sock.recv(65536):
                heard.feed(part)
        except TimeoutError:
            return
        except OSError:
            pass  # a reset is an end, too
        finally:
            a.close(one)
        if number in ROGUES and number not in self.shaken:
            return  # it did not come to what was to be tried
        heard.ended = True
        self.found[number] = ("TLS" if heard.aborts() is None else "vat", heard)

    def __enter__(self):
        self.target.__enter__()
        self.tls_address = self.target.tls_address
        self.threads = [threading.Thread(target=self.look, args=(i, act), daemon=True)
                        for i, act in enumerate(WAYS)]
        for t in self.threads:
            t.start()
        return self

    def layer(self, number):
        self.threads[number].join(GOOD_S)
        layer, heard = self.found.get(number, ("nobody", "it goes on"))
        print(f"# one alone: {heard}", flush=True)
        return layer

    def __exit__(self, *error):
        for t in self.threads:
            t.join(GOOD_S)
        return self.target.__exit__(*error)


# ---- tries -------------------------------------------------------------------------------------

def worker_of(target, peer):
    """The process that serves a client; None if we may not look."""
    here, there = peer.sock.tls.getsockname()[1], peer.sock.tls.getpeername()[1]
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f]
    inode = [r[9] for r in rows if r[1].endswith(f":{there:04X}") and r[2].endswith(f":{here:04X}")]
    for pid in target.pids("worker"):
        try:
            fds = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if f"socket:[{inode[0]}]" in fds:
            return pid
    return None


def own_kib(pid):
    """The memory that a process shares with nobody, but for what a fork shares."""
    found = re.search(r"^RssAnon:\s*(\d+) kB$", instance.read_proc(pid, "status"), re.M)
    return int(found.group(1)) if found else 0


class Witness:
    """A client that has been logged in since before, and its worker. Only the superuser sees which
    one that is."""

    def __init__(self, target, looks_at_memory=False):
        self.target = target
        self.peer, self.session, caps = target.tls_login()
        self.info = s.get(caps, "system_info", s.SYSTEM_INFO)
        self.call()
        self.pid = worker_of(target, self.peer) if looks_at_memory else None
        self.before = own_kib(self.pid) if looks_at_memory else 0

    def call(self):
        if not s.motd(self.info):
            raise s.Failed("no message of the day")

    def is_as_before(self):
        self.call()
        grown = own_kib(self.pid) - self.before if self.pid else 0
        if grown > GROWTH_KIB:
            raise s.Failed(f"the worker of a good client has grown by {grown} KiB")

    def close(self):
        self.session.call(3)
        self.peer.close()


def largest(target):
    """What the largest worker takes for itself."""
    return max((own_kib(p) for p in target.pids("worker")), default=0)


def good_ones(target):
    target.good_by_password()
    target.good_by_key()


def flood(target, looks, number, act, least=0, looks_at_memory=False):
    """Attacks while good clients come, and looks at what is left. least: how often, for a flood."""
    def run():
        target.rests()
        witness = Witness(target, looks_at_memory)
        with a.Attackers(target, a.SOURCES, act) as attackers:
            for _ in range(max(1, int(a.SECONDS / 4))):
                good_ones(target)
                witness.is_as_before()
            top = largest(target)
            if attackers.over.is_set():
                raise s.Failed("the attack ended early")
            instance.until(lambda: attackers.acts >= least, f"a flood of {least} acts", GOOD_S)
        witness.is_as_before()
        witness.close()
        print(f"# {attackers.acts} acts; the largest worker had {top} KiB", flush=True)
        if top > WORKER_KIB:
            raise s.Failed(f"a worker has {top} KiB")
        target.rests()
        return looks.layer(number)
    return run


def tries(target, looks):
    s.WAIT_S = GOOD_S
    found = {f"T{i + 1}": flood(target, looks, i, act, HALF_OPEN if act is half_open else 0)
             for i, act in enumerate(WAYS)}
    found["T17"] = instance.needs_root(flood(target, looks, KEYS, WAYS[KEYS], looks_at_memory=True))
    return found


def small():
    """With few places, so that a short flood is a flood."""
    return attacktls.TlsTarget(instance.manifest(limits="connections = 64, unauthenticated = 32"))


if __name__ == "__main__":
    with Looks() as looks_on:
        code = a.main(SCRIPT, small, lambda target: tries(target, looks_on))
    sys.exit(code)
