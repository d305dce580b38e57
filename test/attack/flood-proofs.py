#!/usr/bin/env python3
"""flood-proofs: many guess, and those who know their password or have their key get in.

Each try starts its attackers, lets them go on, and meanwhile logs a good client in by password and
by key, who obeys the hint when he is told to wait. What must hold is an outcome: each of the good
logins succeeds, after one hint at most when the attack is on that very account. At the end the
session manager has what it had before.
"""
import re
import struct
import sys
import time

import attacklib as a
from attacklib import Failed, Struct, s, w

SCRIPT = "attack-flood-proofs"
GOOD_S = 300
HINT = re.compile(r"try again in (\d+) seconds")


def again(act):
    """A turn: act(peer, gateway, number) thirty times on one connection."""
    def turn(attackers, number):
        peer = attackers.target.peer_from(a.source(number))
        try:
            gateway = peer.gateway()
            for _ in range(30):
                if attackers.over.is_set():
                    break
                act(peer, gateway, number)
                attackers.acts += 1
        finally:
            peer.close()
    return turn


def start(kind, account):
    return Struct(b"", [Struct(struct.pack("<H", kind),
                               [Struct(b"", [account]), None, None, None])])


def guess(name):
    """A wrong password; name() says for whom."""
    def act(peer, gateway, number):
        try:
            flow = gateway.call(1, start(s.PASSWORD, name(number))).ref(0, s.FLOW)
            s.answer(flow, "a wrong password")
        except s.Refused:
            pass
    return act


def guess_and_leave(peer, gateway, number):
    """Four at once, given up before they are answered."""
    for _ in range(4):
        flow = gateway.call(1, start(s.PASSWORD, f"made-up-{number}-{time.monotonic_ns()}"))
        q = flow.ref(0, s.FLOW).send(0, Struct(b"", [b"a wrong password"]))
        peer.send(w.finish(q))


def wrong_signature(peer, gateway, number):
    """Something like a signature, for an account that has a key."""
    flow = gateway.call(1, start(s.PUBLIC_KEY, a.KEY_USER)).ref(0, s.FLOW)
    try:
        flow.call(0, Struct(b"", [None]))
        flow.call(0, Struct(b"", [b"SSHSIG" + bytes([number % 256]) * 200]))
    except s.Refused:
        pass


def in_time(what, login, patience):
    """Logs in; may be told to wait for so long as patience says (in hints)."""
    end = time.monotonic() + GOOD_S
    while True:
        try:
            login()
            return
        except (s.Refused, Failed) as e:
            hint = HINT.search(str(e))
            if not hint or not patience or time.monotonic() > end:
                raise Failed(f"{what} was kept out: {e}") from e
            patience -= 1
            time.sleep(int(hint.group(1)) + 0.05)


def good_by_password(target):
    """As Target.good_by_password(), with time for a queue."""
    peer, session, caps = target.login()
    try:
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))
        session.call(3)
    finally:
        peer.close()


def attack(target, count, act, hints=0):
    def run():
        s.WAIT_S = GOOD_S
        with a.Attackers(target, count, again(act)):
            for _ in range(max(2, int(a.SECONDS / 2))):
                in_time("a password", lambda: good_by_password(target), hints)
                in_time("a key", target.good_by_key, 0)
        target.settled()
        in_time("a password afterwards", lambda: good_by_password(target), 4)
        return "sessiond"
    return run


def no_penalty_is_wiped(target):
    """What was counted of a real account stays, however many names are made up."""
    def wrong(name):
        peer = target.peer_from("127.0.40.1")
        try:
            peer.password(name, "a wrong password")
        except s.Refused as e:
            hint = HINT.search(str(e))
            return int(hint.group(1)) if hint else 0
        finally:
            peer.close()
        raise Failed("a wrong password was right")

    def run():
        end = time.monotonic() + GOOD_S
        while wrong("victim") < 4:
            if time.monotonic() > end:
                raise Failed("no penalty came")
            time.sleep(0.2)
        with a.Attackers(target, 8, again(guess(lambda n: f"x{time.monotonic_ns()}"))):
            pass
        while wrong("victim"):
            time.sleep(0.3)
        if not wrong("victim"):  # the failure after the wait counts on from there
            raise Failed("the penalty was wiped")
        return "sessiond"
    return run


def tries(target):
    return {"P1": attack(target, 64, guess(lambda n: f"made-up-{time.monotonic_ns()}")),
            "P2": attack(target, 16, guess(lambda n: "bob"), 4),
            "P3": attack(target, 16, guess(lambda n: s_user()), 6),
            "P4": attack(target, 16, guess_and_leave),
            "P5": attack(target, 16, wrong_signature),
            "P6": attack(target, 16, guess(lambda n: a.KEY_USER)),
            "P7": no_penalty_is_wiped(target)}


def s_user():
    return a.instance.USER


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, a.Target, tries))
