"""wireload: resource rows: what a peer that never finishes, releases or reads can make a server
hold.

Each row floods one connection while a second one is served; the server's resident memory (read
from /proc, of the process named by --pid) may grow by at most 16 MB. A server may refuse the
excess call by call, by an exception `overloaded`, or end the connection; it may pause reading
only in the row whose replies are not read.
"""
import select
import struct
import time

import wirelib as w
from wireenv import Skip, case, check, served
from wirelib import Cap, Closed, Failed, Struct, descriptor, split_frame, to_answer, u32, u64

FLOOD = 24 << 20
GROWTH_KB = 16 << 10
FLOOD_S = 300
STALL_S = 3


def rss_kb(pid):
    """Resident memory of a process in KB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise Failed("the server's memory cannot be read; is it gone?")


class Flood:
    """One flooded connection, watched."""

    def __init__(self, env):
        if env.pid is None:
            raise Skip("needs --pid")
        for _ in range(3):
            served(env.address)
        self.env = env
        self.before = rss_kb(env.pid)
        self.peak = self.before
        self.slowest = 0.0
        self.next_look = 0.0
        self.received = 0
        self.ended = False
        self.conn = env.connect()

    def look(self, force=False):
        """Samples the memory, and now and then asks for service on another connection."""
        now = time.monotonic()
        if now >= self.next_look or force:
            self.next_look = now + 0.25
            self.slowest = max(self.slowest, served(self.env.address))
        self.peak = max(self.peak, rss_kb(self.env.pid))

    def pump(self, data, read):
        """Sends all, reading or not; stops early at the connection's end, or when nothing moves.

        Returns the number of bytes sent."""
        conn, view, moved = self.conn, memoryview(data), time.monotonic()
        while view and not self.ended and time.monotonic() - moved < STALL_S:
            readable, writable, _ = select.select([conn.sock] if read else [], [conn.sock], [], 0.1)
            if readable:
                self.take()
                moved = time.monotonic()
            if writable:
                try:
                    n = conn.sock.send(view[:1 << 18])
                    view, moved = view[n:], time.monotonic()
                except BlockingIOError:
                    pass
                except OSError:
                    self.ended = True
            self.look()
        return len(data) - len(view)

    def take(self):
        """Reads what is there and counts the frames in it."""
        conn = self.conn
        if not conn.fill():
            self.ended = True
        at = 0
        while True:
            got = split_frame(conn.buf, at)
            if not got:
                break
            self.received += 1
            self.last = got[0]
            at = got[1]
        del conn.buf[:at]

    def drain(self, frames):
        """Reads until so many frames came, or the end, or nothing moves."""
        moved = time.monotonic()
        while self.received < frames and not self.ended and time.monotonic() - moved < STALL_S:
            if select.select([self.conn.sock], [], [], 0.1)[0]:
                self.take()
                moved = time.monotonic()
            self.look()

    def one_more(self, conf):
        """One more call on the flooded connection: refused or answered, but not left alone."""
        if not self.ended:
            try:
                self.conn.send(w.call(0x7FFFFFF0, conf, "null"))
                self.conn.recv_return(0x7FFFFFF0)
            except Closed:
                self.ended = True

    def verdict(self, detail=""):
        self.look(force=True)
        grown = self.peak - self.before
        self.env.detail = (f"grown by {grown} KB, {self.received} frames received, "
                           f"{'ended' if self.ended else 'alive'}, "
                           f"slowest other call {self.slowest * 1000:.0f} ms{detail}")
        check(grown <= GROWTH_KB, self.env.detail)


def conf_of(flood):
    conn = flood.conn
    conn.deadline = flood.env.deadline
    return conn.bootstrap()


def flooded(env, make, answers=True, boot=True):
    """Floods with frames make(conf, i) until 24 MB are sent; each must be answered if `answers`."""
    flood = Flood(env)
    conf = conf_of(flood) if boot else 0
    size = len(make(conf, 0))
    count = FLOOD // size
    sent = 0
    for first in range(0, count, 4096):
        part = b"".join(make(conf, i) for i in range(first, min(first + 4096, count)))
        n = flood.pump(part, read=True)
        sent += n // size
        if n < len(part):
            break
    if sent < count and not flood.ended:
        raise Failed(f"the server stopped reading after {sent} of {count} messages, "
                     f"although its replies were read")
    if answers:
        flood.drain(count)
        check(flood.ended or flood.received >= count,
              f"{count} messages sent, {flood.received} answered")
    else:
        flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_bootstraps_never_finished(env):
    frame = bytearray(w.bootstrap(0))
    at = bytes(w.bootstrap(0x77777777)).index(struct.pack("<I", 0x77777777))

    def make(_, i):
        struct.pack_into("<I", frame, at, i)
        return bytes(frame)
    flooded(env, make, boot=False)


def numbered(env, build, **kwargs):
    """Floods with one frame whose question id is counted up: build(conf, id) makes the frame."""
    state = {}

    def make(conf, i):
        if not state:
            frame = build(conf, 0x77777777)
            state["at"] = frame.index(struct.pack("<I", 0x77777777))
            state["frame"] = bytearray(frame)
        struct.pack_into("<I", state["frame"], state["at"], i + 10)
        return bytes(state["frame"])
    flooded(env, make, **kwargs)


@case(seconds=FLOOD_S)
def load_make_counter_never_finished(env):
    numbered(env, lambda conf, q: w.call(q, conf, "makeCounter", u64(1)))


@case(seconds=FLOOD_S)
def load_get_self_never_finished(env):
    numbered(env, lambda conf, q: w.call(q, conf, "getSelf"))


@case(seconds=FLOOD_S)
def load_null_never_finished(env):
    numbered(env, lambda conf, q: w.call(q, conf, "null"))


@case(seconds=FLOOD_S)
def load_hang_never_finished(env):
    numbered(env, lambda conf, q: w.call(q, conf, "hang"), answers=False)


@case(seconds=FLOOD_S)
def load_large_parameters_of_hanging_calls(env):
    numbered(env, lambda conf, q: w.call(q, conf, "hang", Struct(b"\1" * 60000)), answers=False)


@case(seconds=FLOOD_S)
def load_capabilities_never_released(env):
    """Each call brings twenty capabilities of the driver's, which it keeps hanging on to."""
    def make(conf, i):
        return w.call(10 + i, conf, "hang", Struct(b"", [Cap(0)]),
                      [descriptor(w.SENDER_HOSTED, 20 * i + k) for k in range(20)])
    flooded(env, make, answers=False)


@case(seconds=FLOOD_S)
def load_calls_queued_on_a_promise(env):
    """Calls on a promise of the server's that does not resolve in time."""
    flood = Flood(env)
    conf = conf_of(flood)
    conn = flood.conn
    conn.send(w.call(5, conf, "getPromiseCap", u32(600000)))
    conn.recv_return(5)
    size = len(w.call(10, to_answer(5, 0), w.INC, Struct(b"\1" * 20000), iface=w.COUNTER))
    for i in range(FLOOD // size):
        part = w.call(10 + i, to_answer(5, 0), w.INC, Struct(b"\1" * 20000), iface=w.COUNTER)
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_results_never_finished(env):
    """Large results with a capability in them are kept for pipelining until they are finished."""
    numbered(env, lambda conf, q: w.call(
        q, conf, "echoPayload",
        Struct(b"", [Struct(struct.pack("<I", 1), ["t" * 20000, Cap(0)])]),
        [descriptor(w.SENDER_HOSTED, 3)]))


@case(seconds=FLOOD_S)
def load_replies_never_read(env):
    flood = Flood(env)
    conf = conf_of(flood)
    block = Struct(b"", [b"e" * (64 << 10)])
    size = len(w.call(10, conf, "echo", block))
    count = FLOOD // size
    data = b"".join(w.call(10 + i, conf, "echo", block) for i in range(count))
    sent = flood.pump(data, read=False)
    flood.verdict(f", {sent >> 20} MB sent before the server stopped reading")
    if not flood.ended:     # now read: the server must go on, and answer what it took
        rest = flood.pump(data[sent:], read=True)
        flood.drain(count)
        check(flood.ended or (sent + rest == len(data) and flood.received >= count),
              f"after reading again: {sent + rest} of {len(data)} bytes taken, "
              f"{flood.received} of {count} answered")


@case(seconds=FLOOD_S)
def load_small_replies_never_read(env):
    flood = Flood(env)
    conf = conf_of(flood)
    pairs = b"".join(w.call(10 + i, conf, "null") + w.finish(10 + i) for i in range(FLOOD // 168))
    sent = flood.pump(pairs, read=False)
    flood.verdict(f", {sent >> 20} MB sent before the server stopped reading")


@case(seconds=FLOOD_S)
def load_unknown_messages_never_read(env):
    """What is echoed as `unimplemented` also has to be queued."""
    flood = Flood(env)
    conf_of(flood)
    frame = w.message(999, Struct(b"", [b"u" * 4096]))
    sent = flood.pump(frame * (FLOOD // len(frame)), read=False)
    flood.verdict(f", {sent >> 20} MB sent before the server stopped reading")


@case(seconds=FLOOD_S)
def load_results_kept_for_the_caller(env):
    """sendResultsTo.yourself: results that stay until somebody takes them, or the call is finished."""
    numbered(env, lambda conf, q: w.call(q, conf, "echo", Struct(b"", [b"k" * (1 << 20)]),
                                         send_to=w.YOURSELF), answers=False)


@case(seconds=FLOOD_S)
def load_reasons_kept_for_the_caller(env):
    numbered(env, lambda conf, q: w.call(q, conf, "fail", Struct(struct.pack("<H", 0), ["y" * 4000]),
                                         send_to=w.YOURSELF), answers=False)


@case(seconds=FLOOD_S)
def load_reasons_never_finished(env):
    numbered(env, lambda conf, q: w.call(q, conf, "fail",
                                         Struct(struct.pack("<H", 0), ["y" * 4000])))


@case(seconds=FLOOD_S)
def load_results_named_by_path(env):
    """Calls that name thousands of results of one call each, no path twice."""
    flood = Flood(env)
    conf = conf_of(flood)
    conn = flood.conn
    conn.send(w.call(5, conf, "hang"))
    for i in range(FLOOD >> 21):
        caps = [descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, k & 0xff, k >> 8 | i << 8))
                for k in range(32768)]
        part = w.call(10 + i, conf, "hang", None, caps)
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_results_named_by_one_path(env):
    """Descriptors that share a PromisedAnswer: sixteen bytes each name a result."""
    flood = Flood(env)
    conf = conf_of(flood)
    conn = flood.conn
    conn.send(w.call(5, conf, "hang"))
    for i in range(FLOOD >> 19):
        part = w.call(10 + i, conf, "hang", None, [descriptor(w.RECEIVER_ANSWER, 0,
                                                              w.promised(5, 3))] * 4096)
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_results_of_a_failed_call(env):
    """Each result of a call that failed with a long text has that text."""
    flood = Flood(env)
    conf = conf_of(flood)
    flood.conn.send(w.call(5, conf, "fail", Struct(struct.pack("<H", 0), ["y" * 4000])))
    flood.conn.recv_return(5)
    for i in range(FLOOD >> 19):
        part = w.call(10 + i, conf, "hang", None, [descriptor(w.RECEIVER_ANSWER, 0,
                                                              w.promised(5, k)) for k in range(4096)])
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_descriptors_that_lead_nowhere(env):
    """Eight bytes each, for which a server may make a broken reference."""
    flood = Flood(env)
    conf = conf_of(flood)
    for i in range(FLOOD >> 18):
        part = w.call(10 + i, conf, "hang", None,
                      [Struct(struct.pack("<HHI", w.RECEIVER_HOSTED, 0, 999999))] * 32768)
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


def disembargoes(env, flood, frame):
    """Floods with one Disembargo; the server may end the connection, or go on serving it."""
    block = frame * (FLOOD // 24 // len(frame))
    for _ in range(24):
        if flood.pump(block, read=True) < len(block):
            break
    flood.ended = flood.ended or "ended" in ends(flood.conn)
    flood.verdict()


def ends(conn):
    """`ended` when the server has aborted or closed, else `alive`."""
    try:
        conn.send(w.bootstrap(0x7FFFFFF1))
        conn.recv_return(0x7FFFFFF1)
    except (Closed, Failed):
        return "ended"
    return "alive"


@case(seconds=FLOOD_S)
def load_disembargoes_of_a_pending_answer(env):
    flood = Flood(env)
    conf = conf_of(flood)
    flood.conn.send(w.call(1, conf, "hang"), w.call(2, to_answer(1, 0), "null"))
    disembargoes(env, flood, w.disembargo(to_answer(1, 0), 0, 5))


@case(seconds=FLOOD_S)
def load_disembargoes_of_a_promise_that_waits(env):
    """The answer has returned, and what it names is still to be decided."""
    flood = Flood(env)
    conf = conf_of(flood)
    flood.conn.send(w.call(1, conf, "getPromiseCap", u32(600000)))
    flood.conn.recv_return(1)
    disembargoes(env, flood, w.disembargo(to_answer(1, 0), 0, 5))


@case(seconds=FLOOD_S)
def load_releases_never_read(env):
    """References over the limit, given back one by one to a peer that does not read."""
    flood = Flood(env)
    conf = conf_of(flood)
    sent = 0
    for i in range(FLOOD >> 18):
        part = w.call(10 + i, conf, "null", Struct(b"", [None]),
                      [Struct(struct.pack("<HHI", w.SENDER_HOSTED, 0, 32768 * i + k))
                       for k in range(32768)]) + w.finish(10 + i)
        n = flood.pump(part, read=False)
        sent += n
        if n < len(part):
            break
    flood.verdict(f", {sent >> 20} MB sent")


@case(seconds=FLOOD_S)
def load_calls_finished_before_they_are_delivered(env):
    """They are delivered all the same, by the default of Finish, and so they are kept."""
    flood = Flood(env)
    conf = conf_of(flood)
    flood.conn.send(w.call(5, conf, "hang"))
    block = Struct(b"\1" * 400)
    for first in range(10, 10 + FLOOD // 600, 1024):
        part = b"".join(w.call(i, to_answer(5, 0), "null", block) + w.finish(i)
                        for i in range(first, first + 1024))
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


def tails(flood, conf, count, **kwargs):
    """Has the server call an object of ours for results that are ours again; the questions."""
    conn = flood.conn
    conn.send(*[w.call(10 + i, conf, "tail", Struct(struct.pack("<I", 1), [Cap(0)]),
                       [descriptor(w.SENDER_HOSTED, 3)], **kwargs) for i in range(count)])
    return [conn.recv_call().question_id for _ in range(count)]


def answer_tails(env, read, **kwargs):
    """All are open before the first has an answer: none of them can be refused as a call."""
    flood = Flood(env)
    conf = conf_of(flood)
    results = w.payload(Struct(b"r" * 500000))
    for q in tails(flood, conf, FLOOD // 250000, **kwargs):
        part = w.ret(q, w.RESULTS, results)
        if flood.pump(part, read) < len(part):
            break
    flood.verdict()


@case(seconds=FLOOD_S)
def load_results_passed_on_and_kept(env):
    """The results of our own object, to be kept for us by a server that only passes them on."""
    answer_tails(env, read=True, send_to=w.YOURSELF)


@case(seconds=FLOOD_S)
def load_results_passed_on_and_never_read(env):
    """… which are sent back to us, and not read."""
    answer_tails(env, read=False)


def broken_promise(promise_id, reason, trace):
    why = Struct(struct.pack("<IHH", 0, 0, 0), [reason, trace, None])
    return w.message(w.RESOLVE, Struct(struct.pack("<IHH", promise_id, 1, 0), [why]))


@case(seconds=FLOOD_S)
def load_promises_that_break_with_a_trace(env):
    """Many promises of one result, which is kept: 30 bytes each, and then 15 KB to say why."""
    flood = Flood(env)
    conf = conf_of(flood)
    question = tails(flood, conf, 1, send_to=w.YOURSELF)[0]
    flood.pump(w.ret_results(question, Struct(b"", [Cap(0)]),
                             [descriptor(w.SENDER_PROMISE, 100 + i) for i in range(8192)]), True)
    for i in range(8192):
        part = broken_promise(100 + i, "r" * 1000, "t" * 15000)
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_promises_of_the_server_that_break(env):
    """Their reasons are ours to choose and the server's to keep; its Resolves are read."""
    numbered(env, lambda conf, q: w.call(q, conf, "getBrokenPromise",
                                         Struct(struct.pack("<I", 1), ["y" * 3000])), answers=False)


@case(seconds=FLOOD_S)
def load_promises_of_the_server_that_break_much_later(env):
    """… and nobody holds them any more."""
    flood = Flood(env)
    conf = conf_of(flood)
    why = Struct(struct.pack("<I", 1000000), ["y" * 3000])
    for first in range(10, 10 + FLOOD // 3000, 256):
        part = b"".join(w.call(i, conf, "getBrokenPromise", why) + w.finish(i)
                        for i in range(first, first + 256))
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_callbacks_never_answered(env):
    """callBack with four billion calls to make, of an object that does not answer."""
    numbered(env, lambda conf, q: w.call(q, conf, "callBack",
                                         Struct(struct.pack("<I", 0xFFFFFFFF), [Cap(0)]),
                                         [descriptor(w.SENDER_HOSTED, 3)]), answers=False)


def callbacks_given_up(env, n, read):
    """The server is made to call us, and gives it up: each call stays until we have returned it."""
    flood = Flood(env)
    conf = conf_of(flood)
    params = Struct(struct.pack("<I", n), [Cap(0)])
    for first in range(10, 10 + FLOOD // 256, 1024):
        part = b"".join(w.call(i, conf, "callBack", params, [descriptor(w.SENDER_HOSTED, 3)]) +
                        w.finish(i) for i in range(first, first + 1024))
        if flood.pump(part, read) < len(part):
            break
    if read:
        flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_questions_never_returned(env):
    callbacks_given_up(env, 1, read=True)


@case(seconds=FLOOD_S)
def load_many_questions_never_returned_for_each_call(env):
    callbacks_given_up(env, 64, read=True)


@case(seconds=FLOOD_S)
def load_questions_neither_returned_nor_read(env):
    callbacks_given_up(env, 64, read=False)


@case(seconds=FLOOD_S)
def load_promises_of_one_return(env):
    """Sixteen bytes each, of which the server makes much more; refused, and taken."""
    flood = Flood(env)
    conf = conf_of(flood)
    for k, q in enumerate(tails(flood, conf, 4, send_to=w.YOURSELF)):
        count = 39000 if k else 60000
        part = w.ret_results(q, Struct(b"", [Cap(0)]), [descriptor(w.SENDER_PROMISE, i)
                                                        for i in range(k << 16, (k << 16) + count)])
        if flood.pump(part, read=True) < len(part):
            break
    flood.one_more(conf)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_an_abort_that_is_long(env):
    """Only the beginning of its reason is of use, and nothing can follow it."""
    flood = Flood(env)
    conf_of(flood)
    flood.pump(w.message(w.ABORT, w.exception("a" * (30 << 20))), read=True)
    flood.ended = flood.ended or "ended" in ends(flood.conn)
    flood.verdict()


@case(seconds=FLOOD_S)
def load_results_for_another_who_never_reads(env):
    """One connection asks for an object of the other's, which answers more than is read."""
    flood = Flood(env)
    conf = conf_of(flood)
    reader = flood.conn
    owner, owned = env.open()
    owner.send(w.call(5, owned, "hold", Struct(b"", [Cap(0)]), [descriptor(w.SENDER_HOSTED, 3)]))
    owner.recv_return(5)
    counter = reader.ask(conf, "getHeld").caps()[0][1]
    reader.send(*[w.call(10 + i, counter, w.GET, iface=w.COUNTER) for i in range(300)])
    results = w.payload(Struct(b"r" * 500000))
    questions = [owner.recv_call().question_id for _ in range(300)]
    flood.conn = owner
    for q in questions:
        part = w.ret(q, w.RESULTS, results)
        if flood.pump(part, read=True) < len(part):
            break
    flood.conn = reader
    flood.verdict()
