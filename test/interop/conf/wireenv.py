"""wireenv: what the case files of the raw-wire driver share: the registry, the environment,
reactions.

A hostile message may be answered in more than one legal way. A case therefore says which
*reactions* it accepts: `alive` (the connection goes on, whatever was answered), `abort` (an
Abort, then the end) or `closed` (the end). No reaction at all, that is a hang, is never
accepted.
"""
import time

import wirelib as w
from wirelib import Closed, Conn, Failed, Hang

CASE_S = 100
PROBE_ID = 0x5A5A5A
ENDS = ("abort", "closed")
ANY = ("alive", "abort", "closed")


class Skip(Exception):
    """The case does not apply to this run; carries the reason."""


class Case:
    """A named case."""

    def __init__(self, name, run, seconds, reference_skip):
        self.name, self.run, self.seconds, self.reference_skip = name, run, seconds, reference_skip


CASES = []


def case(reference_skip=None, seconds=CASE_S):
    """Registers a function as a case of its name; reference_skip: why 0.9.2 cannot satisfy it."""
    def register(run):
        CASES.append(Case(run.__name__.replace("_", "-"), run, seconds, reference_skip))
        return run
    return register


class Env:
    """What a case is given: the address, its deadline, and the connections it made."""

    def __init__(self, address, seconds, pid):
        self.address, self.pid = address, pid
        self.deadline = time.monotonic() + seconds
        self.conns = []
        self.detail = ""

    def connect(self):
        conn = Conn(self.address, self.deadline)
        self.conns.append(conn)
        return conn

    def open(self):
        """A connection and the export id of its Conf."""
        conn = self.connect()
        return conn, conn.bootstrap()

    def close(self):
        for conn in self.conns:
            conn.close()


def reaction(conn):
    """How the server took what was sent: alive, abort or closed. Fails on a hang."""
    conn.send(w.bootstrap(PROBE_ID))
    seen = None
    try:
        while True:
            m = conn.recv()
            if m.tag == w.ABORT:
                seen = "abort"
                conn.abort = m.exception()
            elif m.tag == w.RETURN and m.answer_id == PROBE_ID:
                conn.send(w.finish(PROBE_ID))
                return "alive"
            else:
                conn.others.append(m)
    except Closed:
        return seen or "closed"
    except Hang as e:
        if seen:
            raise Failed("the server sent an abort and did not close") from e
        raise


def expect(conn, accepted):
    """Fails unless the reaction is an accepted one; returns it."""
    got = reaction(conn)
    if got not in accepted:
        raise Failed(f"the reaction is `{got}`, expected {' or '.join(accepted)}")
    return got


def closed(conn):
    """Waits for the end of the stream without sending anything."""
    try:
        while True:
            conn.recv()
    except Closed:
        return


def check(condition, text):
    if not condition:
        raise Failed(text)


def check_eq(what, got, want):
    if got != want:
        raise Failed(f"{what} is {got}, expected {want}")


def eventually(env, what, want, ask):
    """Asks until the answer is the expected one."""
    got = None
    while time.monotonic() < env.deadline - 1:
        got = ask()
        if got == want:
            return
        time.sleep(0.02)
    raise Failed(f"{what} stays {got}, expected {want}")


def served(address, seconds=CASE_S):
    """A fresh connection must get an answer to a null call; returns how long that took."""
    start = time.monotonic()
    conn = Conn(address, start + seconds)
    try:
        conn.ask(conn.bootstrap(), "null").results()
    finally:
        conn.close()
    return time.monotonic() - start
