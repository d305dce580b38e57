#!/usr/bin/env python3
"""border: arguments that are fine for the client's connection and not for the one behind it.

Why: a worker passes some of a client's arguments on to the session manager, which takes no more
than 64 KiB at once and compares whole texts. So what is too long there, or a text with a NUL in
it, must fail the call it came with and nothing else: neither the session nor the next call, and it
must not be recorded as an attack of the worker's.
"""
import re
import struct
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-border"
LENGTHS = (65, 128, 60000, 64500, 65000, 65400, 66000, 70000, 100000, 1000000)
REFUSAL = re.compile(r"(denied|over-quota)\.[a-z-]+(: .+)?", re.S)


def refused(codes, function):
    """Runs function, which must fail with one of these codes, by itself or with `: ` and more."""
    try:
        function()
    except Refused as e:
        if e.code not in codes or not REFUSAL.fullmatch(e.reason):
            raise Failed(f"refused otherwise: {e}") from e
        return
    raise Failed(f"it was not refused, but should be as {codes}")


def exactly(kind, code, function):
    """Runs function, which must fail with this kind and code."""
    try:
        function()
    except Refused as e:
        if (e.kind, e.code) != (kind, code) or not REFUSAL.fullmatch(e.reason):
            raise Failed(f"refused otherwise: {e}") from e
        return
    raise Failed(f"it was not refused, but should be as {kind} {code}")


class Border:
    def __init__(self, run):
        self.run = run

    def session(self):
        peer, session, caps = self.run.login()
        self.peer = peer
        return session, caps

    def lives(self, session, caps):
        session.call(0)
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))
        self.peer.close()

    def names(self):
        session, caps = self.session()
        for length in LENGTHS:
            refused(("denied.unknown-name",), lambda n=length: s.get(caps, "x" * n, s.CHAT))
        self.lives(session, caps)

    def proofs(self):
        session, caps = self.session()
        for length in LENGTHS[2:]:
            refused(("denied.credentials", "denied.backoff", "over-quota.bytes"),
                    lambda n=length: session.call(2, Struct(b"\0" * 8, [b"x" * n])))
        self.lives(session, caps)

    def claims(self):
        """reauthenticate with something long in each of its texts."""
        session, caps = self.session()
        for length in LENGTHS[2:]:
            long = "y" * length
            for account, profile, nonce, note in ((long, None, None, None),
                                                  (None, long, None, None),
                                                  (None, None, b"z" * length, None),
                                                  (None, None, None, long)):
                request = Struct(struct.pack("<H", s.PASSWORD),
                                 [Struct(b"", [account]), profile, nonce,
                                  Struct(b"", [None, None, note])])
                try:
                    session.call(4, Struct(b"", [request])).ref(0, s.FLOW).call(1)
                except Refused as e:
                    if not REFUSAL.fullmatch(e.reason):
                        raise
        self.lives(session, caps)

    def before_login(self):
        peer = self.run.connect()
        gateway = peer.gateway()
        for length in (60000, 64000, 65000):
            flow = peer.flow(s.PASSWORD, "nobody", gateway=gateway)
            refused(("denied.credentials", "over-quota.bytes"),
                    lambda f=flow, n=length: s.answer(f, "p" * n))
        peer.anonymous(gateway=gateway).call(0)
        peer.close()

    def long_messages(self):
        """More than the session's quota.message, from the client and from the service."""
        peer = self.run.connect()
        session = peer.password(instance.USER + "2", instance.SECRET, "narrow")
        info = s.get(s.cap_set(session), "long_info", s.SYSTEM_INFO)
        for _ in range(3):
            for method, params in ((1, Struct(b"", [b"x" * 20000])), (1, Struct(b"", [b"x" * 9000])),
                                   (0, None)):
                exactly("overloaded", "over-quota.bytes",
                        lambda m=method, p=params: info.call(m, p))
            info.call(1)
            info.call(1, Struct(b"", [b"x" * 4000]))
        session.call(0)
        peer.close()

    def inner_nul(self):
        session, caps = self.session()
        for name in ("chat\0", "chat\0x", "\0chat"):
            refused(("denied.unknown-name",), lambda n=name: s.get(caps, n, s.CHAT))
        self.lives(session, caps)
        for profile in ("operator\0", "operator\0x"):
            refused(("denied.profile",),
                    lambda p=profile: self.run.connect().password(instance.USER, instance.SECRET,
                                                                  p))
        refused(("denied.profile",), lambda: self.run.connect().anonymous("anonymous\0x"))

    def resets(self):
        """Clients that vanish with an answer unread."""
        for _ in range(20):
            peer = self.run.connect()
            gateway = peer.gateway()
            for _ in range(10):
                gateway.send(0)
            peer.sock.setsockopt(s.w.socket.SOL_SOCKET, s.w.socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
            peer.sock.close()
        instance.until(lambda: self.run.status_workers() == 0, "the end of all connections")

    def no_alarm(self):
        """Nothing of all this was taken for a worker that broke the rules."""
        admin = self.run.admin()
        with open(admin.audit_path(), "rb") as f:
            found = [line for line in f if b'"what":"illegal"' in line or b'"what":"kill"' in line]
        admin.close()
        if found:
            raise Failed(f"recorded: {found[:3]}")


class Run(instance.Instance):
    def status_workers(self):
        admin = self.admin()
        try:
            return admin.status()["workers"]
        finally:
            admin.close()


def main():
    try:
        long_info = instance.service("long_info", "capos-system-info", s.SYSTEM_INFO,
                                     ["--motd", "m" * 12000])
        narrow = instance.profile("narrow", ["session", "system_info", "long_info"], message="\"8KiB\"")
        with Run(instance.manifest(profiles=[narrow], services=[long_info])) as run:
            run.add_user(instance.USER + "2", ["narrow"], instance.SECRET)
            b = Border(run)
            cases = [b.names, b.proofs, b.claims, b.before_login, b.long_messages,
                     b.inner_nul, b.resets, b.no_alarm]
            return instance.run_cases(SCRIPT, [(f.__name__, f) for f in cases])
    except (Failed, Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
