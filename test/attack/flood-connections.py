#!/usr/bin/env python3
"""flood-connections: many connect, and those who have a right to get in.

Each try has its attackers, from 16 addresses of the loopback network, go on while good clients log
in by password and by key: every one of them must get in, with room to spare in time, and nothing
may be left when the attackers have gone: sessions, workers and descriptors are what they were.

How long it takes is set by CAPOS_ATTACK_SECONDS; `make soak` gives it minutes.
"""
import os
import socket
import sys
import threading

import attacklib as a
from attacklib import Failed, instance, s

SCRIPT = "attack-flood-connections"
SECONDS = float(os.environ.get("CAPOS_ATTACK_SECONDS", "3"))
SOURCES = 16
HELD = 60  # connections a thread holds


class Attackers:
    """One thread for each source, each with its own way of being a nuisance."""

    def __init__(self, target, act, addresses=None):
        self.target, self.act = target, act
        self.over = threading.Event()
        addresses = addresses or [f"127.0.{2 + n}.1" for n in range(SOURCES)]
        self.threads = [threading.Thread(target=self.go_on, args=(x,), daemon=True)
                        for x in addresses]
        self.acts = 0

    def go_on(self, source):
        held = []
        while not self.over.is_set():
            try:
                held.append(self.act(self, source))
                self.acts += 1
            except a.REFUSALS + (Failed,):
                self.over.wait(0.02)
            if len(held) > HELD:
                close(held.pop(0))
        for one in held:
            close(one)

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.over.wait(SECONDS / 2)
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(30)
        if not self.acts:
            raise Failed("nobody attacked")


def close(one):
    if one:
        one.close()


def connect(target, source):
    host, port = target.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 5, (source, 0))


# ---- ways to be a nuisance ---------------------------------------------------------------------

def silent(attackers, source):
    return connect(attackers.target, source)


def slow(attackers, source):
    """Sends the first bytes of something, one at a time."""
    one = connect(attackers.target, source)
    for byte in b"\0\0\0\0\x10":
        one.send(bytes([byte]))
        attackers.over.wait(0.01)
    return one


def garbage(attackers, source):
    one = connect(attackers.target, source)
    one.send(b"\xff" * 64)
    return one


def come_and_go(attackers, source):
    connect(attackers.target, source).close()


def reset(attackers, source):
    one = connect(attackers.target, source)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()


def enter_and_leave(attackers, source):
    """An anonymous session that ends, and a connection that stays."""
    peer = attackers.target.peer_from(source)
    peer.anonymous().call(3)
    return peer


def enter_and_stay(attackers, source):
    peer = attackers.target.peer_from(source)
    peer.anonymous()
    return peer


# ---- tries -------------------------------------------------------------------------------------

def good_ones(target):
    target.good_by_password()
    target.good_by_key()


def no_more(before, now):
    """The same processes, none with more descriptors, as far as we may look."""
    return set(now) == set(before) and all(now[k] is None or now[k] <= before[k] for k in now)


def flood(target, layer, act):
    """Attacks while good clients come, and looks at what is left."""
    def run():
        target.settled()
        before = target.counts()
        with Attackers(target, act) as attackers:
            for _ in range(max(2, int(SECONDS / 2))):
                good_ones(target)
            if attackers.over.is_set():
                raise Failed("the attack ended early")
        target.settled(120)
        instance.until(lambda: no_more(before, target.counts()),
                       f"the descriptors that there were ({before}, {target.counts()})", 60)
        good_ones(target)
        return layer
    return run


def hold_the_ended(target):
    """As many ended sessions as there are places, all kept, from one address and then asked for
    again: more than all places of either pool."""
    def run():
        attackers = Attackers(target, enter_and_leave)
        held = [enter_and_leave(attackers, "127.0.2.1") for _ in range(target.places + 40)]
        for _ in range(3):
            good_ones(target)
        for peer in held:
            peer.close()
        target.settled(120)
        return "gateway"
    return run


def another_anonymous(target):
    """One address has all anonymous sessions it can get; somebody else wants one."""
    def run():
        attackers = Attackers(target, enter_and_stay)
        held = []
        try:
            while len(held) < 2 * target.anonymous_sessions:
                held.append(enter_and_stay(attackers, "127.0.2.1"))
        except s.Refused as e:
            if e.code != "over-quota.sessions" or "your source" not in e.reason:
                raise
        else:
            raise Failed("one source has more than there are")
        for n in range(3):
            peer = enter_and_stay(attackers, f"127.0.{9 + n}.1")
            held.append(peer)
        good_ones(target)
        for peer in held:
            peer.close()
        target.settled(120)
        return "sessiond"
    return run


class SmallTarget(a.Target):
    """With few places, so that a short flood is a flood."""
    places, anonymous_sessions = 96, 24

    def __init__(self):
        text = instance.manifest(limits="connections = 64, unauthenticated = 32")
        super().__init__(text.replace("maxSessions = 512",
                                      f"maxSessions = {self.anonymous_sessions}"))


def tries(target):
    return {"C1": hold_the_ended(target),
            "C2": flood(target, "gateway", silent),
            "C3": flood(target, "gateway", slow),
            "C4": flood(target, "gateway", garbage),
            "C5": flood(target, "gateway", come_and_go),
            "C6": flood(target, "gateway", reset),
            "C7": flood(target, "gateway", enter_and_leave),
            "C8": flood(target, "sessiond", enter_and_stay),
            "C9": another_anonymous(target)}


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, SmallTarget, tries))
