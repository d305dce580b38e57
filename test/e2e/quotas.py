#!/usr/bin/env python3
"""quotas: each bound of a session, reached exactly, exceeded by one, and given back.

Why: a quota that can be exceeded by one is none, and one that something keeps a part of is used up
after a while. So each is filled to its limit, one more is refused with its code, and there is room
again as soon as something was given back; after a logout, a connection that is closed and a client
that is killed, a new session finds nothing used. What a session says of itself must agree.

usage: quotas.py
"""
import os
import signal
import socket
import sys
import time

import instance
import sessionlib as s
import wirelib as w
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-quotas"
NAME, PACED, KEEPS = "tight", "paced", "keeps"
SEGMENTS, QUEUED = 64, 65536
SUMMARY = 4000  # so that the list of a bundle is long
CALLS, REFERENCES, MESSAGE, SESSIONS, RATE = 8, 12, 16384, 2, 20
POLITE, EACH, FLOOD = 50, 5, 20  # more a person may not say at once


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(code, act):
    try:
        act()
    except Refused as e:
        expect((e.kind, e.code), ("overloaded", code), "a refusal")
        return
    raise Failed(f"one more than there may be was taken, {code} was expected")


def use(session):
    """{name: (limit, used, most)}, as the session tells its holder."""
    rows = session.call(0).content.ptr(0).ptr(10)
    return {s.text(r.ptr(0)): (r.uint(0, 64), r.uint(64, 64), r.uint(128, 64)) for r in rows}


def messages(n):
    """A call's parameters that make its message n bytes long, its segment table apart."""
    def params(spare):
        return Struct(b"", [b"x" * spare])
    rest = len(w.call(1, 1, 0, params(8), iface=s.SESSION)) - 8 - 8
    return params(n - rest)


class Cases:
    def __init__(self, target):
        self.target = target
        self.last = None
        self.kept = []  # else what nobody names is closed

    def open(self, name=NAME):
        peer = self.target.connect()
        return peer, peer.password(name, instance.SECRET)

    def calls(self):
        """A call is one until its Finish; the question about the use is one, too."""
        peer, session = self.open()
        questions = [session.send(1) for _ in range(CALLS)]
        for q in questions:
            if peer.recv_return(q).exception():
                raise Failed("a call within the limit failed")
        for _ in range(2):
            refused("over-quota.calls", lambda: session.call(1))
        for q in questions[1:]:
            peer.send(w.finish(q))
        expect(use(session)["calls"], (CALLS, 2, CALLS), "calls with one that is not finished")
        peer.send(w.finish(questions[0]))
        session.call(1)
        expect(use(session)["calls"], (CALLS, 1, CALLS), "calls")
        session.call(3)
        peer.close()

    def references(self):
        peer, session = self.open()
        had = use(session)["references"][1]
        sets = [session.call(1).ref(0, s.CAP_SET) for _ in range(REFERENCES - had)]
        expect(use(session)["references"], (REFERENCES,) * 3, "references at the limit")
        refused("over-quota.references", lambda: session.call(1))
        sets.pop().release()
        sets.append(session.call(1).ref(0, s.CAP_SET))
        refused("over-quota.references", lambda: session.call(1))
        for c in sets:
            c.release()
        expect(use(session)["references"], (REFERENCES, had, REFERENCES), "references given back")
        peer.close()

    def message(self):
        peer, session = self.open()
        session.call(0, messages(MESSAGE))
        expect(use(session)["message-bytes"][0], MESSAGE, "the limit of a message")
        refused("over-quota.bytes", lambda: session.call(0, messages(MESSAGE + 8)))
        session.call(0, messages(MESSAGE))
        peer.close()

    def segments(self):
        """Empty ones count, too."""
        peer, session = self.open()
        for n in (SEGMENTS, SEGMENTS + 1, SEGMENTS):
            q = peer.fresh_id()
            words = w.call(q, session.number, 0, iface=s.SESSION)[8:]
            peer.send(w.frame(words, *[b""] * (n - 1)))
            if n > SEGMENTS:
                refused("over-quota.bytes", lambda question=q: peer.wait(question))
            else:
                peer.wait(q)
        expect(use(session)["message-segments"][0], SEGMENTS, "the limit of segments")
        peer.close()

    def results(self):
        """Results with references are kept until their calls are finished, as long as there is room for bytes."""
        peer, session = self.open(KEEPS)
        base, counts = use(session)["held-bytes"], []
        for _ in range(2):
            kept, held = [], [base[1]]
            try:
                while True:
                    kept.append(session.send(1))
                    why = peer.recv_return(kept[-1]).exception()
                    if why:
                        kept.pop()
                        raise Refused(*why)
                    held.append(use(session)["held-bytes"][1])
            except Refused as e:
                expect((e.kind, e.code), ("overloaded", "over-quota.bytes"), "a refusal")
            each = held[-1] - held[-2]
            if not held[-1] <= QUEUED + each < held[-1] + 2 * each:
                raise Failed(f"{len(kept)} were kept, with {held[-3:]} bytes")
            counts.append(len(kept))
            for q in kept:
                peer.send(w.finish(q))
            expect(use(session)["held-bytes"][:2], base[:2], "bytes given back")
        expect(counts[0], counts[1], "how many can be kept again")
        peer.close()

    def narrow_line(self):
        """A session whose client's end of the line holds little."""
        host, port = self.target.address.rsplit(":", 1)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((host, int(port)))
        peer = s.Peer(sock)
        return peer, peer.password(KEEPS, instance.SECRET)

    def is_read(self, peer, workers):
        """Whether a worker has read what has come; or it sleeps, and there is more: False. One of a session before
        may be gone."""
        ours, theirs = (f":{port:04X}" for _, port in (peer.sock.getsockname(), peer.sock.getpeername()))
        sleeps = 0
        while sleeps < 3:
            with open("/proc/net/tcp", encoding="ascii") as f:
                rows = [line.split() for line in f if ours in line and theirs in line]  # of thousands, beside floods
            if not any(int(r[4].split(":")[1], 16) for r in rows if r[1].endswith(theirs) and r[2].endswith(ours)):
                return True
            sleeps = sleeps + 1 if all(instance.state(p) in ("S", "", "Z") for p in workers) else 0
            time.sleep(0.001)
        return False

    def ask_and_not_read(self, peer, caps):
        """One call after the other, as long as they are taken; their questions."""
        workers, questions = self.target.pids("worker"), [peer.fresh_id()]
        peer.sock.sendall(w.call(questions[0], caps.number, 0, iface=s.CAP_SET))
        while self.is_read(peer, workers):
            questions.append(peer.fresh_id())
            peer.sock.sendall(w.call(questions[-1], caps.number, 0, iface=s.CAP_SET) +
                              w.finish(questions[-2]))
        return questions

    def length(self, peer, caps):
        """How long such a result is."""
        question = caps.send(0)
        _, end = instance.until(lambda: peer.fill() and w.split_frame(peer.buf), "a result")
        peer.wait(question)
        return end

    def not_read(self):
        """Results that are not read: at the limit the next call is not, until they are. Of the first
        in the queue a part may have been sent."""
        peer, session = self.narrow_line()
        caps = s.cap_set(session)
        base = use(session)["queued-bytes"]
        expect(base[0], QUEUED, "the limit")
        each = self.length(peer, caps)
        for _ in range(2):
            for q in self.ask_and_not_read(peer, caps):
                peer.more_time()
                if peer.recv_return(q).exception():
                    raise Failed("a call that waited was refused")
            peer.send(w.finish(q))
            _, used, most = use(session)["queued-bytes"]
            expect(used, base[1], "bytes given back")
            if not QUEUED - each < most <= QUEUED + each:
                raise Failed(f"{most} bytes were queued, with results of {each}")
        self.ask_and_not_read(peer, caps)
        peer.close()
        peer, session = self.open(KEEPS)
        expect(use(session)["queued-bytes"][1], base[1], "bytes of another session")
        peer.close()

    def again(self):
        """One of two sessions has ended: the third gets in."""
        instance.until(self.one_more, "room for another session")
        refused("over-quota.sessions", self.open)

    def one_more(self):
        try:
            self.last = self.open()
            self.kept.append(self.last)
        except Refused as e:
            expect(e.code, "over-quota.sessions", "why not")
            return False
        return True

    def sessions(self):
        instance.until(self.one_more, "a first session")
        first = self.last
        instance.until(self.one_more, "a second session")
        expect(use(self.last[1])["sessions"], (SESSIONS,) * 3, "sessions")
        refused("over-quota.sessions", self.open)
        first[1].call(3)
        self.again()
        first[0].close()
        before = self.last
        before[0].close()
        self.again()
        for peer, _ in self.kept:
            peer.close()

    def killed(self):
        """A client in a process of its own, with calls and references under way, and SIGKILL."""
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            try:
                peer, session = self.open()
                for _ in range(CALLS):
                    session.send(1)
                os.write(writable, b"x")
                time.sleep(60)
                peer.close()
            finally:
                os._exit(1)
        os.close(writable)
        expect(os.read(readable, 1), b"x", "the client")
        os.close(readable)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        instance.until(self.one_more, "room for a session")
        kept = self.last
        instance.until(self.one_more, "room for another")
        now = use(self.last[1])
        for row in ("calls-across", "bytes-across", "own-references"):
            expect(now[row][1:], (0, 0), row)
        expect(now["calls"][1], 1, "calls")
        kept[0].close()
        self.last[0].close()

    def room(self):
        peer = self.target.connect()
        session = peer.anonymous()
        chat = s.get(s.cap_set(session), "chat", s.CHAT)
        return peer, session, s.join(chat, "#turns")[0]

    def turns(self):
        """50 sessions and one that floods: how a service takes what waits for it, by its own count."""
        rooms = [self.room() for _ in range(POLITE + 1)]
        chat = self.target.pids("capos-chat")[0]
        os.kill(chat, signal.SIGSTOP)
        try:
            sent = [[m.send(0, Struct(b"", ["x"])) for _ in range(EACH if i else FLOOD)]
                    for i, (_, _, m) in enumerate(rooms)]
            for i, (_, session, _) in enumerate(rooms):  # all of it has left the worker
                expect(use(session)["calls-across"][1], EACH if i else FLOOD, "calls that wait")
        finally:
            os.kill(chat, signal.SIGCONT)
        served = sorted((peer.wait(q).content.uint(0, 64), i)
                        for i, (peer, _, _) in enumerate(rooms) for q in sent[i])
        for i in range(1, POLITE + 1):
            before = 0  # since this one's last call, or since all have been waiting
            last = max(at for at, (_, who) in enumerate(served) if who == i)
            for _, who in served[:last]:
                before = 0 if who == i else before + (who == 0)
                if before > 2:
                    raise Failed(f"{before} calls of the flooder's before the next of session {i}")
        for peer, _, _ in rooms:
            peer.close()

    def rate(self):
        """Twice as many and one more: the second half takes a second, and none is refused."""
        peer, session = self.open(PACED)
        session.call(0)
        began = time.monotonic()
        questions = [session.send(0) for _ in range(2 * RATE + 1)]
        for q in questions:
            m = peer.recv_until(lambda m: m.tag == w.RETURN)
            expect(m.answer_id, q, "the order of calls that wait")
            if m.exception():
                raise Failed(f"refused: {m.exception()}")
            peer.send(w.finish(q))
        if time.monotonic() - began < 0.9:
            raise Failed("so many calls were taken faster than the rate")
        limit, _, most = use(session)["calls-per-second"]
        expect((limit, most), (RATE, RATE), "the rate")
        session.call(3)
        peer.close()


def main():
    tight = instance.profile(NAME, ["session", "system_info", "chat"], calls=CALLS, references=REFERENCES,
                             message='"16KiB"', sessionsPerAccount=SESSIONS)
    paced = instance.profile(PACED, ["session", "system_info", "chat"], callsPerSecond=RATE)
    keeps = instance.profile(KEEPS, ["session", "system_info", "chat"], queued='"64KiB"')
    crowd = instance.profile("crowd", ["session", "chat"])
    text = instance.manifest(profiles=[tight, paced, keeps, crowd], anonymous="crowd")
    with instance.Instance(text.replace("For tests.", "x" * SUMMARY)) as target:
        target.add_user(NAME, [NAME])
        target.add_user(PACED, [PACED])
        target.add_user(KEEPS, [KEEPS])
        cases = Cases(target)
        return instance.run_cases(SCRIPT, [
            ("calls at once", cases.calls),
            ("references", cases.references),
            ("the length of a message", cases.message),
            ("its segments", cases.segments),
            ("results that are kept", cases.results),
            ("results that are not read", cases.not_read),
            ("sessions of an account", cases.sessions),
            ("… after a client was killed", cases.killed),
            ("a rate", cases.rate),
            ("50 sessions beside one that floods", cases.turns)])


if __name__ == "__main__":
    sys.exit(main())
