#!/usr/bin/env python3
"""hijacked-others: a gateway and a prover that have been taken over.

Why: the gateway reads no byte and the prover lives for one proof, but one has every connection and
the other sees passwords. The gateway here is the real one until somebody comes from one address
(hijacked-gateway.c), the prover until it is given a password that is a system call
(hijacked-prover.c).
"""
import itertools
import struct
import sys

import attacklib as a
import sessionlib as s

SCRIPT = "attack-hijacked-others"
ATTACKER = "127.0.66.66"
SIGKILL = 9
# Of daemon-packets.h: the first members of a packet, and types.
PACKET = struct.Struct("<IIQ")
FOREIGN = (2, 4, 5, 7, 13, 4711)  # GATEWAY PROVER PROVE KILL WORKER_BOUND, and none


class HijackedTarget(a.Target):
    def __init__(self, text):
        super().__init__(text, {"capos-gateway": a.program("hijacked-gateway"),
                                "capos-prover": a.program("hijacked-prover")})


def killed(target, program):
    return target.log_text().count(f"{program} was killed by signal 31")


# ---- the gateway -------------------------------------------------------------------------------

def gateway_calls():
    caposd = lambda k, t: t.process.pid  # noqa: E731
    here = lambda k, t: k.poke(0, b"/etc/passwd\0" + bytes(100))  # noqa: E731
    client = lambda k, t: k.client  # noqa: E731
    return [("tgkill", caposd, caposd, SIGKILL), ("fcntl", client, 8, caposd),
            ("fcntl", client, 4, 0o20000), ("openat", -100, here, 0, 0), ("socket", 2, 1, 0),
            ("connect", client, here, 16), ("clone", 17, 0), ("execve", here, 0, 0),
            ("mmap", 0, 4096, 5, 34, -1, 0), ("ptrace", 16, caposd, 0, 0),
            ("setsockopt", client, 1, 33, here, 4)]


def fresh(function, *arguments):
    """In an instance of its own: who dies is started again ever more slowly."""
    def act():
        with HijackedTarget(a.instance.manifest()) as target:
            return function(target, *arguments)
    return act


def gateway_try(target, call):
    """It is killed for it, and another one takes its place."""
    k = a.Hijacked(target, ATTACKER)
    stopped = a.stopped_call(k, call[0], *[x(k, target) if callable(x) else x for x in call[1:]])
    k.close()
    a.instance.until(lambda: killed(target, "capos-gateway"), "the end of the gateway")
    a.instance.until(lambda: reachable(target), "another gateway")
    return stopped


def reachable(target):
    try:
        target.good_by_password()
        return True
    except a.REFUSALS + (a.Failed,):
        return False


def others(target):
    return {p: n for p, n in target.daemons().items()
            if "gateway" not in n and ("caposd" not in n or p == target.process.pid)}


def gateway_packet(target, kind):
    """A packet that is not a gateway's to send, or is about what is not there."""
    before = others(target)
    k = a.Hijacked(target, ATTACKER)
    link, size = k.other & 0xff, k.other >> 8
    head = PACKET.pack(kind, 4711, 4711)
    if k.send(link, head + bytes(size - len(head))) != size:
        raise a.Failed("it cannot be sent")
    k.close()
    a.instance.until(lambda: reachable(target), "a login")
    if others(target) != before:
        raise a.Failed(f"before: {before}; now: {others(target)}")
    return "caposd"


# ---- the prover --------------------------------------------------------------------------------

NUMBERS = itertools.count()


def prover_calls():
    pid = lambda t: t.process.pid  # noqa: E731
    return [("tgkill", pid, pid, SIGKILL), ("kill", pid, SIGKILL), ("fcntl", 3, 8, pid),
            ("fcntl", 3, 4, 0o20000), ("openat", -100, 0, 0, 0), ("socket", 2, 1, 0),
            ("clone", 17, 0), ("execve", 0, 0, 0), ("mmap", 0, 4096, 5, 34, -1, 0),
            ("ptrace", 16, pid, 0, 0), ("mmap", 0, 600 << 20, 3, 34, -1, 0)]


def prover_login(target, words):
    """A login whose password is a system call. Each of an account's own, for one that kills its prover counts, and
    the next would have to wait."""
    name = f"row{next(NUMBERS)}"
    target.add_user(name)
    text = b"HIJACK\0\0" + struct.pack("<7Q", *[x & a.M64 for x in words + [0] * (7 - len(words))])
    peer = target.connect()
    try:
        flow = peer.flow(s.PASSWORD, name)
        flow.call(0, s.Struct(b"", [text]))
        return "went through"
    except s.Refused as e:
        return e.code
    finally:
        peer.close()


def prover_try(target, call):
    """Killed: the log says so, and there is no verdict. Refused: it says no."""
    before = killed(target, "capos-prover")
    words = [a.NR[call[0]]] + [x(target) if callable(x) else x for x in call[1:]]
    said = prover_login(target, words)
    if said == "went through":
        raise a.Failed(f"{call[0]} goes through")
    if said == "denied.credentials" and killed(target, "capos-prover") == before:
        target.good_by_key()
        return "limits"
    a.instance.until(lambda: killed(target, "capos-prover") > before, "the end of the prover")
    return "kernel filter"


def prover_works(target):
    if prover_login(target, [a.NR["getpid"]]) != "went through":
        raise a.Failed("the payload does not work")
    return "nobody"


def tries(target):
    rows = {f"HG{i + 1}": fresh(gateway_try, call) for i, call in enumerate(gateway_calls())}
    for kind in FOREIGN:
        rows[f"HG{len(rows) + 1}"] = fresh(gateway_packet, kind)
    calls = prover_calls()
    rows.update({f"HP{i + 1}": (lambda c=call: prover_try(target, c))
                 for i, call in enumerate(calls)})
    rows[f"HP{len(calls) + 1}"] = lambda: prover_works(target)
    return rows


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, lambda: HijackedTarget(a.instance.manifest()), tries))
