#!/usr/bin/env python3
"""hostile: hundreds of damaged conversations with a running instance, each of which must come to an
end, and none of which may be felt by anybody else.

Why: what a client sends is the one thing nobody can check beforehand. A conversation here is what
a good client would send, from the bootstrap to the logout, made so that it needs no answer: every
call is made on the promise of an earlier one. Then something in it is changed: bits, words that
look like pointers, lengths, ids, the number of segments, the order of messages. All of it comes
from one seed, so a conversation is known by its number.

Each must end in an abort, a close, or (once the client has said all and shut its side) a normal
end. The daemons must be the same processes afterwards, a fresh login must work, nothing may be
left, and a sanitizer, where the build has one, must have said nothing.

usage: hostile.py [--count N] [--seed N] [--only NUMBER] | --talks FILE

--talks writes the good conversations to a file, for test-worker-hostile.c, which damages them in its
own way: for each its number of messages, and for each message its length and its bytes.
"""
import argparse
import contextlib
import random
import select
import socket
import struct
import sys
import threading
import time

import instance
import sessionlib as s
from sessionlib import Closed, Failed, Refused, Struct, w

END_S = 120
QUIET_S = 0.15
STEP_S = 0.003
LANES = 8
WORDS = [0, 1, 2, 3, 7, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x1FFFFFFF,
         1 << 32, 3 | 5 << 32, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFC, 0x0001000100000000,
         1 | 7 << 32 | 0x1FFFFFFF << 35, 2 | 1 << 32, 6 | 1 << 3, 1 << 63]


# ---- good conversations ------------------------------------------------------------------------

def call(question, base, path, iface, method, params=None, caps=(), **kwargs):
    return w.call(question, w.to_answer(base, *path), method, params, caps, iface=iface, **kwargs)


def get_params(name, iface):
    return Struct(struct.pack("<Q", iface), [name])


def talk_anonymous():
    """Login, list, two capabilities, their use, and the end."""
    return [w.bootstrap(0),
            call(1, 0, [], s.GATEWAY, 0),
            call(2, 0, [], s.GATEWAY, 3, Struct(b"", [None, Struct(b"", ["e2e", "here", None])])),
            call(3, 2, [0], s.SESSION, 0),
            call(4, 2, [0], s.SESSION, 1),
            call(5, 4, [0], s.CAP_SET, 0),
            call(6, 4, [0], s.CAP_SET, 1, get_params("system_info", s.SYSTEM_INFO)),
            call(7, 6, [0], s.SYSTEM_INFO, 0),
            call(8, 6, [0], s.SYSTEM_INFO, 2),
            call(9, 4, [0], s.CAP_SET, 1, get_params("session", s.USER_SESSION)),
            call(10, 9, [0], s.USER_SESSION, 0),
            call(11, 4, [0], s.CAP_SET, 2, Struct(struct.pack("<Q", s.SYSTEM_INFO))),
            w.finish(7), w.finish(8), w.finish(1),
            call(12, 2, [0], s.SESSION, 3),
            call(13, 6, [0], s.SYSTEM_INFO, 0),
            w.finish(6), w.finish(4)]


def talk_wide():
    """A session with chat: listeners, references that go back and forth, embargoes."""
    listener = [w.descriptor(w.SENDER_HOSTED, 5)]
    promise = [w.descriptor(w.SENDER_PROMISE, 6)]
    own = [w.descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, 0))]
    return [w.bootstrap(0),
            call(1, 0, [], s.GATEWAY, 3, Struct(b"", ["wide", None])),
            call(4, 1, [0], s.SESSION, 1),
            call(5, 4, [0], s.CAP_SET, 1, get_params("chat", s.CHAT)),
            call(6, 5, [0], s.CHAT, 0, Struct(b"", ["#hostile", w.Cap(0)]), listener),
            call(7, 6, [0], s.MEMBERSHIP, 0, Struct(b"", ["hello"])),
            call(8, 6, [0], s.MEMBERSHIP, 1),
            call(9, 5, [0], s.CHAT, 0, Struct(b"", ["#promised", w.Cap(0)]), promise),
            w.resolve_to(6, w.descriptor(w.SENDER_HOSTED, 7)),
            call(10, 9, [0], s.MEMBERSHIP, 0, Struct(b"", ["again"])),
            call(11, 5, [0], s.CHAT, 0, Struct(b"", ["#own", w.Cap(0)]), own),
            call(12, 5, [0], s.CHAT, 1, flags=w.NO_PIPELINING),
            w.finish(8), w.finish(11), w.release(0, 1),
            call(13, 9, [0], s.MEMBERSHIP, 2),
            w.finish(6), w.finish(9), w.finish(5), w.finish(4)]


def talk_password():
    """A login that is wrong, one that is right, and a renewal."""
    return [w.bootstrap(0),
            call(1, 0, [], s.GATEWAY, 1, s.auth_start(s.PASSWORD, "mutant")),
            call(2, 1, [0], s.FLOW, 0, Struct(b"", [b"wrong"])),
            call(3, 0, [], s.GATEWAY, 1, s.auth_start(s.PASSWORD, "mutant")),
            call(4, 3, [0], s.FLOW, 0, Struct(b"", [instance.SECRET.encode()])),
            call(5, 4, [1], s.SESSION, 1),
            call(6, 5, [0], s.CAP_SET, 0),
            call(7, 0, [], s.GATEWAY, 1, s.auth_start(s.PUBLIC_KEY, "mutant")),
            call(8, 7, [0], s.FLOW, 0, Struct(b"", [None])),
            call(9, 7, [0], s.FLOW, 1),
            w.finish(1), w.finish(2), w.finish(7)]


def talk_canceled():
    """Logins that are given up before they are answered."""
    return [w.bootstrap(0),
            call(1, 0, [], s.GATEWAY, 3, Struct(b"", [None, None])),
            w.finish(1),
            call(2, 0, [], s.GATEWAY, 1, s.auth_start(s.PASSWORD, "mutant")),
            call(3, 2, [0], s.FLOW, 0, Struct(b"", [instance.SECRET.encode()])),
            w.finish(3), w.finish(2)]


def write_talks(path):
    talks = [talk_anonymous(), talk_wide(), talk_password(), talk_canceled()]
    with open(path, "wb") as f:
        for frames in talks:
            f.write(struct.pack("<I", len(frames)))
            for frame in frames:
                f.write(struct.pack("<I", len(frame)) + frame)


def resegmented(frame, rng):
    """The same message with its words cut into two segments: what it means may be nonsense."""
    words = len(frame) // 8 - 1
    at = rng.randrange(1, words) if words > 1 else words
    body = frame[8:]
    return w.frame(body[:8 * at], body[8 * at:])


# ---- damage ------------------------------------------------------------------------------------

def flip(frames, rng):
    """Bits anywhere, in frames or their segment tables."""
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        f = bytearray(rng.choice(frames))
        bit = rng.randrange(8 * len(f))
        frames[rng.randrange(len(frames))] = f
        f[bit // 8] ^= 1 << bit % 8


def word(frames, rng):
    """A word becomes another one that means something."""
    i = rng.randrange(len(frames))
    f = bytearray(frames[i])
    at = 8 * rng.randrange(len(f) // 8)
    struct.pack_into("<Q", f, at, rng.choice(WORDS))
    frames[i] = f


def number(frames, rng):
    """An id, a count or an ordinal: one of the 32-bit halves of a data word."""
    i = rng.randrange(len(frames))
    f = bytearray(frames[i])
    at = 4 * rng.randrange(len(f) // 4)
    old = struct.unpack_from("<I", f, at)[0]
    new = rng.choice((old + 1, old - 1, old ^ 1, 0, 0xFFFFFFFF, 1 << 31, rng.randrange(20)))
    struct.pack_into("<I", f, at, new & 0xFFFFFFFF)
    frames[i] = f


def segments(frames, rng):
    """The number of segments, or the size of one, is not what follows."""
    i = rng.randrange(len(frames))
    f = bytearray(frames[i])
    struct.pack_into("<I", f, rng.choice((0, 4)), rng.choice(
        (0, 1, 2, 63, 64, 511, 512, 0x7FFFFFFF, 0xFFFFFFFF, len(f) // 8, len(f) // 8 - 2)))
    frames[i] = f


def resegment(frames, rng):
    i = rng.randrange(len(frames))
    if len(frames[i]) > 24:
        frames[i] = resegmented(bytes(frames[i]), rng)


def order(frames, rng):
    """A message is missing, there twice, or somewhere else."""
    i, j = rng.randrange(len(frames)), rng.randrange(len(frames))
    act = rng.randrange(3)
    if act == 0:
        frames.insert(j, frames[i])
    elif act == 1 and len(frames) > 1:
        del frames[i]
    else:
        frames[i], frames[j] = frames[j], frames[i]


def cut(frames, rng):
    """Bytes are missing, or more than there should be."""
    i = rng.randrange(len(frames))
    f = bytearray(frames[i])
    at = rng.randrange(len(f) + 1)
    if rng.randrange(2):
        del f[at:at + rng.choice((1, 4, 8, 64))]
    else:
        f[at:at] = rng.randbytes(rng.choice((1, 4, 8, 64)))
    frames[i] = f


DAMAGE = [flip, flip, word, word, number, number, segments, resegment, order, cut]


def conversation(seed, serial):
    """The messages of a damaged conversation, by its number."""
    rng = random.Random(seed * 1000003 + serial)
    talks = (talk_password,) if serial % 16 == 0 else (talk_anonymous, talk_wide, talk_canceled)
    frames = rng.choice(talks)()
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(DAMAGE)(frames, rng)
    return [bytes(f) for f in frames]


# ---- one conversation --------------------------------------------------------------------------

def listen(sock, end):
    """What comes until nothing does, or until the end; (bytes, whether it has ended)."""
    got, quiet = b"", QUIET_S
    while time.monotonic() < end:
        if not select.select([sock], [], [], quiet)[0]:
            return got, False
        try:
            part = sock.recv(65536)
        except OSError:
            return got, True
        if not part:
            return got, True
        got += part
    raise Failed("it goes on and on")


def outcome(got):
    """abort or end, from what was received."""
    at, last = 0, None
    while True:
        found = w.split_frame(got, at)
        if found is None:
            return "abort" if last == w.ABORT else "end"
        last, at = w.Message(found[0]).tag, found[1]


def converse(address, frames, slowly):
    """Plays a conversation to its end: abort, end or close. Slowly: what is good gets far."""
    end = time.monotonic() + END_S
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), END_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for f in frames if slowly else [b"".join(frames)]:
                sock.sendall(f)
                time.sleep(STEP_S if slowly else 0)
        except OSError:
            return "close"
        got, ended = listen(sock, end)
        if not ended:
            with contextlib.suppress(OSError):  # it has ended just now, which is heard next
                sock.shutdown(socket.SHUT_WR)
            while not ended:
                more, ended = listen(sock, end)
                got += more
                if time.monotonic() > end:
                    raise Failed("no end")
        return outcome(got)


class Lanes:
    """Several conversations at once."""

    def __init__(self, address, seed, numbers):
        self.address, self.seed, self.numbers = address, seed, list(numbers)[::-1]
        self.lock = threading.Lock()
        self.seen, self.wrong = {}, []

    def lane(self):
        while True:
            with self.lock:
                if not self.numbers:
                    return
                serial = self.numbers.pop()
            try:
                what = converse(self.address, conversation(self.seed, serial), serial % 2)
                with self.lock:
                    self.seen[what] = self.seen.get(what, 0) + 1
            except (Failed, OSError) as e:
                with self.lock:
                    self.wrong.append(f"number {serial}: {e}")

    def run(self):
        threads = [threading.Thread(target=self.lane) for _ in range(LANES)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


# ---- all of them -------------------------------------------------------------------------------

def fresh_login(run):
    peer, session, caps = run.login()
    if not s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)):
        raise Failed("no message of the day")
    session.call(3)
    peer.close()


def undamaged(run):
    """The conversations as they are end normally, with no exception but those they ask for."""
    expected = ("denied.stale-session", "denied.credentials", "denied.flow", "service: ",
                "denied.already-bound", "denied.transfer")
    for talk in (talk_anonymous, talk_wide, talk_password):
        peer = run.connect()
        peer.send(*talk())
        answers = {}
        asked = sum(1 for f in talk() if w.Message(w.split_frame(f)[0]).tag in (w.CALL, w.BOOTSTRAP))
        while len(answers) < asked:
            m = peer.recv()
            if m.tag == w.ABORT:
                raise Failed(f"{talk.__name__}: {m.describe()}")
            if m.tag == w.RETURN:
                answers[m.answer_id] = m.exception()
        if any(a and not a[1].startswith(expected) for a in answers.values()):
            raise Failed(f"{talk.__name__}: {answers}")
        peer.close()


def same_daemons(run, before):
    if run.daemons() != before:
        raise Failed(f"before: {before}; now: {run.daemons()}")


def no_session_left(run):
    admin = run.admin()
    try:
        instance.until(lambda: not admin.sessions(), "the end of all sessions")
    finally:
        admin.close()


def cases(run, seed, numbers):
    before = run.daemons()
    lanes = Lanes(run.address, seed, numbers)

    def conversations():
        lanes.run()
        print(f"# {sum(lanes.seen.values())} conversations: {lanes.seen}")
        if lanes.wrong:
            raise Failed("; ".join(lanes.wrong[:10]))

    return [("undamaged", lambda: undamaged(run)),
            ("conversations-end", conversations),
            ("no-daemon-died", lambda: same_daemons(run, before)),
            ("a-fresh-login-works", lambda: fresh_login(run)),
            ("no-session-is-left", lambda: no_session_left(run))]


def main():
    parser = argparse.ArgumentParser(description="Damaged conversations with an instance.")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--talks")
    o = parser.parse_args()
    if o.talks:
        write_talks(o.talks)
        return 0
    numbers = range(o.count) if o.only is None else [o.only]
    wide = instance.profile("wide", ["session", ("system_info", "services"), ("chat", "services")])
    text = instance.manifest(profiles=[wide], anonymous="wide")
    try:
        with instance.Instance(text) as run:
            run.add_user("mutant")
            code = instance.run_cases("e2e-hostile", cases(run, o.seed, numbers))
        return code
    except (Failed, Refused, Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count("e2e-hostile", 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
