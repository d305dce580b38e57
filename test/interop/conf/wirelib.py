"""wirelib: Cap'n Proto messages by hand, for the raw-wire driver.

Why: a library only sends what a library would send. The cases of wire-driver need messages that
none produces, so this file builds them from nothing but the encoding and rpc.capnp: an encoder
(values to one segment), a decoder (any number of segments, far pointers included), makers for
each RPC message, and a connection that never waits beyond its deadline. Python's standard
library only.

Offsets are those of rpc.capnp's structs; bits with a default of true are stored inverted.
"""
import select
import socket
import struct
import time

CONF = 0x9942D523B69FEA59
COUNTER = 0xE3290970B08F0A66

METHODS = ["null", "add", "echo", "getSelf", "makeCounter", "liveCounters", "echoCap",
           "echoCapLater", "callBack", "hold", "getHeld", "dropHeld", "getPromiseCap",
           "getBrokenPromise", "tail", "fail", "hang", "cancelCount", "write", "finishStream",
           "delayedAdd", "sumAll", "getDerived", "echoAny", "echoPayload", "isNull", "fresh"]
M = {name: i for i, name in enumerate(METHODS)}
INC, GET = 0, 1

# tags of rpc.capnp's Message
UNIMPLEMENTED, ABORT, CALL, RETURN, FINISH, RESOLVE, RELEASE, OBSOLETE_SAVE, BOOTSTRAP, \
    OBSOLETE_DELETE, PROVIDE, ACCEPT, JOIN, DISEMBARGO, THIRD_PARTY_ANSWER = range(15)
# tags of Return
RESULTS, EXCEPTION, CANCELED, ELSEWHERE, TAKE_FROM, AWAIT_THIRD = range(6)
# tags of CapDescriptor
NONE, SENDER_HOSTED, SENDER_PROMISE, RECEIVER_HOSTED, RECEIVER_ANSWER, THIRD_PARTY = range(6)
EXCEPTION_TYPES = ["failed", "overloaded", "disconnected", "unimplemented"]


class Failed(Exception):
    """A check that did not hold."""


class Hang(Failed):
    """Nothing came within the deadline."""


class Closed(Exception):
    """The peer ended the connection."""


# ---- values and their encoding -----------------------------------------------------------------

class Struct:
    """A struct: data section (bytes, padded to words) and pointers."""

    def __init__(self, data=b"", ptrs=()):
        self.data = data + b"\0" * (-len(data) % 8)
        self.ptrs = list(ptrs)


class Structs:
    """An inline-composite list; all elements have the shape of the first."""

    def __init__(self, elements):
        self.elements = elements


class Ptrs:
    """A list of pointers."""

    def __init__(self, items):
        self.items = items


class Words:
    """A list of 64-bit values."""

    def __init__(self, values):
        self.values = values


class Cap:
    """A capability pointer."""

    def __init__(self, index):
        self.index = index


class Raw:
    """A pointer word as it is, right or wrong."""

    def __init__(self, word):
        self.word = word


class Segment:
    """One segment under construction."""

    def __init__(self):
        self.buf = bytearray()

    def alloc(self, words):
        at = len(self.buf) // 8
        self.buf += b"\0" * (8 * words)
        return at

    def put(self, at, word):
        struct.pack_into("<Q", self.buf, 8 * at, word & 0xFFFFFFFFFFFFFFFF)

    def pointer(self, at, value):
        """Writes the pointer to a value at a word, and the value behind what is there already."""
        if value is None:
            return
        if isinstance(value, Raw):
            self.put(at, value.word)
        elif isinstance(value, Cap):
            self.put(at, 3 | value.index << 32)
        elif isinstance(value, Struct):
            to = self.alloc(len(value.data) // 8 + len(value.ptrs))
            self.put(at, struct_ptr(to - at - 1, len(value.data) // 8, len(value.ptrs)))
            self.body(to, value)
        else:
            self.list(at, value)

    def body(self, to, value):
        self.buf[8 * to:8 * to + len(value.data)] = value.data
        for i, p in enumerate(value.ptrs):
            self.pointer(to + len(value.data) // 8 + i, p)

    def list(self, at, value):
        if isinstance(value, str):
            value = value.encode() + b"\0"
        if isinstance(value, (bytes, bytearray)):
            to = self.alloc((len(value) + 7) // 8)
            self.buf[8 * to:8 * to + len(value)] = value
            self.put(at, list_ptr(to - at - 1, 2, len(value)))
        elif isinstance(value, Words):
            to = self.alloc(len(value.values))
            for i, v in enumerate(value.values):
                self.put(to + i, v)
            self.put(at, list_ptr(to - at - 1, 5, len(value.values)))
        elif isinstance(value, Ptrs):
            to = self.alloc(len(value.items))
            self.put(at, list_ptr(to - at - 1, 6, len(value.items)))
            for i, p in enumerate(value.items):
                self.pointer(to + i, p)
        else:
            self.composite(at, value.elements)

    def composite(self, at, elements):
        dw = len(elements[0].data) // 8 if elements else 0
        pw = len(elements[0].ptrs) if elements else 0
        to = self.alloc(1 + (dw + pw) * len(elements))
        self.put(at, list_ptr(to - at - 1, 7, (dw + pw) * len(elements)))
        self.put(to, struct_ptr(len(elements), dw, pw))
        for i, e in enumerate(elements):
            self.body(to + 1 + i * (dw + pw), e)


def struct_ptr(offset, data_words, ptr_words):
    """The word of a struct pointer."""
    return (offset & 0x3FFFFFFF) << 2 | data_words << 32 | ptr_words << 48


def list_ptr(offset, size, count):
    """The word of a list pointer; size is the element-size code 0 to 7."""
    return 1 | (offset & 0x3FFFFFFF) << 2 | size << 32 | count << 35


def far_ptr(segment, offset, double=False):
    """The word of a far pointer to a landing pad."""
    return 2 | (4 if double else 0) | offset << 3 | segment << 32


def encode(root):
    """One segment that holds the value and the pointer to it."""
    seg = Segment()
    seg.pointer(seg.alloc(1), root)
    return bytes(seg.buf)


def frame(*segments):
    """The stream form of a message: segment table and segments."""
    head = struct.pack("<I", len(segments) - 1)
    head += b"".join(struct.pack("<I", len(s) // 8) for s in segments)
    return head + b"\0" * (-len(head) % 8) + b"".join(segments)


# ---- decoding ----------------------------------------------------------------------------------

class View:
    """A struct of a received message; beyond its end everything is zero."""

    def __init__(self, segs, seg, at, dw, pw):
        self.segs, self.seg, self.at, self.dw, self.pw = segs, seg, at, dw, pw

    def uint(self, bit, size):
        byte = bit // 8
        if byte + size // 8 > self.dw * 8:
            return 0
        raw = self.segs[self.seg][self.at * 8 + byte:self.at * 8 + byte + size // 8]
        return int.from_bytes(raw, "little")

    def bit(self, bit):
        return self.uint(bit // 8 * 8, 8) >> bit % 8 & 1

    def ptr(self, index):
        if index >= self.pw:
            return None
        return resolve(self.segs, self.seg, self.at + self.dw + index)


def word_at(segs, seg, at):
    if seg >= len(segs) or at < 0 or 8 * at + 8 > len(segs[seg]):
        raise Failed("the server sent a pointer out of bounds")
    return struct.unpack_from("<Q", segs[seg], 8 * at)[0]


def offset_of(word):
    off = word >> 2 & 0x3FFFFFFF
    return off - (1 << 30) if off >> 29 else off


def resolve(segs, seg, at):
    """What the pointer at a word leads to: View, list of Views or pointers, bytes, Cap or None."""
    word = word_at(segs, seg, at)
    if word == 0:
        return None
    base = at + 1 + offset_of(word)
    if word & 3 == 2:
        target, pad = word >> 32, word >> 3 & 0x1FFFFFFF
        if not word & 4:
            return resolve(segs, target, pad)
        inner = word_at(segs, target, pad)
        seg, base = inner >> 32, inner >> 3 & 0x1FFFFFFF
        word = word_at(segs, target, pad + 1)
    if word & 3 == 3:
        return Cap(word >> 32)
    if word & 3 == 0:
        dw, pw = word >> 32 & 0xFFFF, word >> 48
        if dw + pw:
            word_at(segs, seg, base + dw + pw - 1)
        return View(segs, seg, base, dw, pw)
    return resolve_list(segs, seg, base, word)


def resolve_list(segs, seg, base, word):
    size, count = word >> 32 & 7, word >> 35
    if size == 7:
        tag = word_at(segs, seg, base)
        dw, pw = tag >> 32 & 0xFFFF, tag >> 48
        return [View(segs, seg, base + 1 + i * (dw + pw), dw, pw)
                for i in range(tag >> 2 & 0x3FFFFFFF)]
    if size == 6:
        return [resolve(segs, seg, base + i) for i in range(count)]
    nbytes = (count * [0, 1, 8, 16, 32, 64][size] + 7) // 8
    if 8 * base + nbytes > len(segs[seg]):
        raise Failed("the server sent a list out of bounds")
    return segs[seg][8 * base:8 * base + nbytes]


class Message:
    """A received RPC message."""

    def __init__(self, segs):
        self.root = resolve(segs, 0, 0)
        self.tag = self.root.uint(0, 16)
        self.body = self.root.ptr(0)

    # of Return
    @property
    def answer_id(self):
        return self.body.uint(0, 32)

    @property
    def kind(self):
        return self.body.uint(48, 16)

    @property
    def no_finish_needed(self):
        return self.body.bit(33)

    @property
    def take_from(self):
        return self.body.uint(64, 32)

    @property
    def content(self):
        return self.body.ptr(0).ptr(0)

    def results(self):
        """The content of a Return that must be results."""
        if self.tag != RETURN or self.kind != RESULTS:
            raise Failed(f"expected results, got {self.describe()}")
        return self.content

    def caps(self):
        """The descriptors of a Return's results or a Call's parameters: (tag, id) each."""
        payload = self.body.ptr(0) if self.tag == RETURN else self.body.ptr(1)
        table = payload.ptr(1) or []
        return [(d.uint(0, 16), d.uint(32, 32)) for d in table]

    def exception(self):
        """(type, reason) of an Abort or of a Return's exception, else None."""
        e = self.body if self.tag == ABORT else None
        if self.tag == RETURN and self.kind == EXCEPTION:
            e = self.body.ptr(0)
        if e is None:
            return None
        reason = (e.ptr(0) or b"")[:-1].decode(errors="replace")
        kind = e.uint(32, 16)
        return EXCEPTION_TYPES[kind] if kind < 4 else str(kind), reason

    # of Call
    @property
    def question_id(self):
        return self.body.uint(0, 32)

    @property
    def method(self):
        return self.body.uint(32, 16)

    @property
    def send_results_to(self):
        return self.body.uint(48, 16)

    def target(self):
        """(\"cap\", id) or (\"answer\", question id) of a Call or a Disembargo."""
        t = self.body.ptr(0)
        if t.uint(32, 16) == 0:
            return "cap", t.uint(0, 32)
        return "answer", t.ptr(0).uint(0, 32)

    def describe(self):
        names = {v: k for k, v in globals().items() if k in (
            "UNIMPLEMENTED", "ABORT", "CALL", "RETURN", "FINISH", "RESOLVE", "RELEASE",
            "DISEMBARGO")}
        text = names.get(self.tag, f"message {self.tag}").lower()
        if self.tag == RETURN:
            text += f" of {self.answer_id} kind {self.kind}"
        return f"{text} {self.exception() or ''}".strip()


def split_frame(buf, at=0):
    """(segments, end) of the frame at an offset of a buffer, or None if it is not complete."""
    if len(buf) - at < 8:
        return None
    count = struct.unpack_from("<I", buf, at)[0] + 1
    if count > 512:
        raise Failed("the server sent more than 512 segments")
    head = 4 + 4 * count
    head += -head % 8
    if len(buf) - at < head:
        return None
    sizes = struct.unpack_from(f"<{count}I", buf, at + 4)
    if len(buf) - at < head + 8 * sum(sizes):
        return None
    segs, pos = [], at + head
    for s in sizes:
        segs.append(bytes(buf[pos:pos + 8 * s]))
        pos += 8 * s
    return segs, pos


# ---- makers of RPC messages --------------------------------------------------------------------

def message(tag, body):
    """A frame with one Message of a tag."""
    return frame(encode(Struct(struct.pack("<H", tag), [body])))


def to_cap(export_id):
    return Struct(struct.pack("<IHH", export_id, 0, 0), [None])


def to_answer(question_id, *fields):
    return Struct(struct.pack("<IHH", 0, 1, 0), [promised(question_id, *fields)])


def promised(question_id, *fields):
    """A PromisedAnswer whose transform gets the fields given; (tag, field) is an exotic op."""
    ops = [f if isinstance(f, tuple) else (1, f) for f in fields]
    table = Structs([Struct(struct.pack("<HH4x", tag, f)) for tag, f in ops]) if ops else None
    return Struct(struct.pack("<I", question_id), [table])


def descriptor(tag, cap_id=0, ptr=None, fd=0):
    """A CapDescriptor; fd is the stored form of attachedFd (0: none)."""
    return Struct(struct.pack("<HBxI", tag, fd, cap_id), [ptr])


def payload(content, caps=()):
    return Struct(b"", [content, Structs(list(caps)) if caps else None])


def bootstrap(question_id, object_id=None):
    return message(BOOTSTRAP, Struct(struct.pack("<I", question_id), [object_id]))


def call_body(question_id, target, method, params=None, caps=(), iface=CONF, flags=0, send_to=0):
    if isinstance(target, int):
        target = to_cap(target)
    if isinstance(method, str):
        method = M[method]
    return Struct(struct.pack("<IHHQQ", question_id, method, send_to, iface, flags),
                  [target, payload(params, caps), None])


def call(*args, **kwargs):
    """A Call: question id, target (export id or Struct), method (name or number), params, ..."""
    return message(CALL, call_body(*args, **kwargs))


NO_PIPELINING, ONLY_PIPELINE = 2, 4
YOURSELF, THIRD = 1, 2


def ret(answer_id, kind, ptr=None, keep_params=False, take_from=0):
    return message(RETURN, Struct(struct.pack("<IHHII", answer_id, 1 if keep_params else 0, kind,
                                              take_from, 0), [ptr]))


def ret_results(answer_id, content, caps=()):
    return ret(answer_id, RESULTS, payload(content, caps))


def finish(question_id, release=True):
    return message(FINISH, Struct(struct.pack("<IHH", question_id, 0 if release else 1, 0)))


def resolve_to(promise_id, desc):
    return message(RESOLVE, Struct(struct.pack("<IHH", promise_id, 0, 0), [desc]))


def release(export_id, count):
    return message(RELEASE, Struct(struct.pack("<II", export_id, count)))


def disembargo(target, kind, embargo_id):
    return message(DISEMBARGO, Struct(struct.pack("<IHH", embargo_id, kind, 0), [target, None]))


def exception(reason, kind=0):
    return Struct(struct.pack("<IHH", 0, kind, 0), [reason, None, None])


def u32(*values):
    return Struct(struct.pack(f"<{len(values)}I", *values))


def u64(value):
    return Struct(struct.pack("<Q", value))


# ---- a connection ------------------------------------------------------------------------------

class Conn:
    """A connection on which nothing waits beyond `deadline` (of time.monotonic)."""

    def __init__(self, address, deadline):
        self.deadline = deadline
        if isinstance(address, socket.socket):
            self.sock = address
        elif address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.left())
            self.sock.connect(address[5:])
        else:
            host, port = address.rsplit(":", 1)
            self.sock = socket.create_connection((host, int(port)), self.left())
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buf = bytearray()
        self.sent_closed = False
        self.others = []
        self.next_id = 1000

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Hang("the deadline is over")
        return left

    def close(self):
        self.sock.close()

    def send(self, *frames):
        """Sends all, reading what comes meanwhile; a closed peer is noticed by the next receive."""
        data = memoryview(b"".join(frames))
        while data and not self.sent_closed:
            readable, writable, _ = select.select([self.sock], [self.sock], [], self.left())
            if readable and not self.fill():
                self.sent_closed = True
            if writable:
                try:
                    data = data[self.sock.send(data):]
                except BlockingIOError:
                    continue
                except OSError:
                    self.sent_closed = True

    def fill(self):
        """Reads what is there; False at the end of the stream."""
        try:
            got = self.sock.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buf += got
        return bool(got)

    def recv(self):
        """The next message; Closed at the end, Hang if none comes."""
        while True:
            got = split_frame(self.buf)
            if got:
                del self.buf[:got[1]]
                return Message(got[0])
            try:
                readable = select.select([self.sock], [], [], self.left())[0]
            except Hang:
                readable = []
            if not readable:
                raise Hang("no answer within the deadline")
            if not self.fill():
                raise Closed()

    def recv_until(self, want):
        """The first message that `want` accepts; others go to self.others. Fails on an abort."""
        while True:
            m = self.recv()
            if want(m):
                return m
            if m.tag == ABORT:
                raise Failed(f"the server sent {m.describe()}")
            self.others.append(m)

    def recv_return(self, question_id):
        return self.recv_until(lambda m: m.tag == RETURN and m.answer_id == question_id)

    def recv_call(self):
        return self.recv_until(lambda m: m.tag == CALL)

    def fresh_id(self):
        self.next_id += 1
        return self.next_id

    def bootstrap(self):
        """Gets the bootstrap and finishes the question; returns the export id of Conf."""
        q = self.fresh_id()
        self.send(bootstrap(q))
        r = self.recv_return(q)
        r.results()
        kind, cap_id = r.caps()[0]
        if kind not in (SENDER_HOSTED, SENDER_PROMISE):
            raise Failed(f"the bootstrap has a descriptor of kind {kind}")
        self.send(finish(q, release=False))
        return cap_id

    def ask(self, target, method, params=None, caps=(), **kwargs):
        """One call to its Return; the question stays open (its id is the result's answer_id)."""
        q = self.fresh_id()
        self.send(call(q, target, method, params, caps, **kwargs))
        return self.recv_return(q)

    def number(self, conf, method, bits=32):
        """A call whose result is one number."""
        r = self.ask(conf, method)
        self.send(finish(r.answer_id))
        return r.results().uint(0, bits)
