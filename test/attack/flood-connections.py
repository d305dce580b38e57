#!/usr/bin/env python3
"""flood-connections: many connect, and those who have a right to get in.

Each try has its attackers, from 16 addresses of the loopback network, go on while good clients log
in by password and by key: every one of them must get in, with room to spare in time, and nothing
may be left when the attackers have gone: sessions, workers and descriptors are what they were.

How long it takes is set by CAPOS_ATTACK_SECONDS; `make soak` gives it minutes.
"""
import socket
import sys

import attacklib as a
from attacklib import Failed, instance, s

SCRIPT = "attack-flood-connections"


def connect(target, number):
    host, port = target.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 5, (a.source(number), 0))


# ---- ways to be a nuisance ---------------------------------------------------------------------

def silent(attackers, number):
    return connect(attackers.target, number)


def slow(attackers, number):
    """Sends the first bytes of something, one at a time."""
    one = connect(attackers.target, number)
    for byte in b"\0\0\0\0\x10":
        one.send(bytes([byte]))
        attackers.over.wait(0.01)
    return one


def garbage(attackers, number):
    one = connect(attackers.target, number)
    one.send(b"\xff" * 64)
    return one


def come_and_go(attackers, number):
    connect(attackers.target, number).close()


def reset(attackers, number):
    one = connect(attackers.target, number)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()


def enter_and_leave(attackers, number):
    """An anonymous session that ends, and a connection that stays."""
    peer = attackers.target.peer_from(a.source(number))
    peer.anonymous().call(3)
    return peer


def enter_and_stay(attackers, number):
    peer = attackers.target.peer_from(a.source(number))
    peer.anonymous()
    return peer


# ---- tries -------------------------------------------------------------------------------------

def good_ones(target):
    target.good_by_password()
    target.good_by_key()


def flood(target, layer, act):
    """Attacks while good clients come, and looks at what is left."""
    def run():
        target.rests()
        with a.Attackers(target, a.SOURCES, act) as attackers:
            for _ in range(max(2, int(a.SECONDS / 2))):
                good_ones(target)
            if attackers.over.is_set():
                raise Failed("the attack ended early")
        target.rests()
        good_ones(target)
        return layer
    return run


def hold_the_ended(target):
    """As many ended sessions as there are places, all kept, from one address and then asked for
    again: more than all places of either pool."""
    def run():
        attackers = a.Attackers(target, 0, enter_and_leave)
        held = [enter_and_leave(attackers, 0) for _ in range(target.places + 40)]
        for _ in range(3):
            good_ones(target)
        for peer in held:
            peer.close()
        target.settled()
        return "gateway"
    return run


def another_anonymous(target):
    """One address has all anonymous sessions it can get; somebody else wants one."""
    def run():
        attackers = a.Attackers(target, 0, enter_and_stay)
        held = []
        try:
            while len(held) < 2 * target.anonymous_sessions:
                held.append(enter_and_stay(attackers, 0))
        except s.Refused as e:
            if e.code != "over-quota.sessions" or "your source" not in e.reason:
                raise
        else:
            raise Failed("one source has more than there are")
        for n in range(3):
            peer = enter_and_stay(attackers, 7 + n)
            held.append(peer)
        good_ones(target)
        for peer in held:
            peer.close()
        target.settled()
        return "sessiond"
    return run


def begin_and_wait(target):
    """Connections that stay begin as many logins as they may, from the address of those who are good."""
    def run():
        held, refused = [], 0
        while len(held) < 20:
            peer = target.connect()
            held.append(peer)
            gateway = peer.gateway()
            try:
                for _ in range(4):
                    peer.flow(s.PASSWORD, "nobody", gateway=gateway)
            except s.Refused as e:
                if e.code != "over-quota.flows" or "source: what is left" not in e.reason:
                    raise
                refused += 1
        if not refused:
            raise Failed("all that there may be was not reached")
        for _ in range(3):
            good_ones(target)
        for peer in held:
            peer.close()
        target.settled()
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
            "C9": another_anonymous(target),
            "C10": begin_and_wait(target)}


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, SmallTarget, tries))
