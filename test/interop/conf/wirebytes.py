"""wirebytes: hostile and merely unusual bytes: segment tables, pointers, sizes, pieces and garbage.

A message that is well formed but cut, packed or spread differently must work; one that is not
may end its own connection and nothing else.
"""
import random
import struct
import time

import wirelib as w
from wireenv import ANY, ENDS, case, check, check_eq, closed, expect, reaction, served
from wirecalls import add, exception_or_end
from wirelib import Closed, Hang, Ptrs, Raw, Struct, Words, far_ptr, finish, list_ptr, struct_ptr

MESSAGE_PTR = struct_ptr(0, 1, 1)


def word(*values):
    return struct.pack(f"<{len(values)}Q", *values)


def call_segment(question_id, conf, method="add", params=None):
    """A Call in one segment, its root pointer included."""
    return w.encode(Struct(struct.pack("<H", w.CALL),
                           [w.call_body(question_id, conf, method, params or add(20, 22))]))


def message_words(question_id, conf):
    """The same without the root pointer: the first word is the Message struct."""
    return call_segment(question_id, conf)[8:]


def sum_is(conn, question_id, want=42):
    check_eq("the sum", conn.recv_return(question_id).results().uint(0, 64), want)
    conn.send(finish(question_id))
    expect(conn, ["alive"])


# ---- well formed, spread unusually -------------------------------------------------------------

@case()
def root_by_far_pointer(env):
    conn, conf = env.open()
    conn.send(w.frame(word(far_ptr(1, 0)), word(MESSAGE_PTR) + message_words(5, conf)))
    sum_is(conn, 5)


@case()
def root_by_far_pointer_into_its_own_segment(env):
    conn, conf = env.open()
    conn.send(w.frame(word(far_ptr(0, 1), MESSAGE_PTR) + message_words(5, conf)))
    sum_is(conn, 5)


@case()
def root_by_double_far_pointer(env):
    conn, conf = env.open()
    conn.send(w.frame(word(far_ptr(1, 0, True)), word(far_ptr(2, 0), MESSAGE_PTR),
                      message_words(5, conf)))
    sum_is(conn, 5)


@case()
def root_by_double_far_pointer_to_the_middle(env):
    conn, conf = env.open()
    conn.send(w.frame(word(far_ptr(2, 3, True)), word(0, 0) + message_words(5, conf),
                      word(9, 9, 9, far_ptr(1, 2), MESSAGE_PTR)))
    sum_is(conn, 5)


@case()
def parameters_in_another_segment(env):
    conn, conf = env.open()
    seg = w.encode(Struct(struct.pack("<H", w.CALL),
                          [w.call_body(5, conf, "add", Raw(far_ptr(1, 0)))]))
    conn.send(w.frame(seg, word(struct_ptr(0, 1, 0)) + add(20, 22).data))
    sum_is(conn, 5)


@case()
def a_segment_of_no_words_among_others(env):
    conn, conf = env.open()
    conn.send(w.frame(word(far_ptr(2, 0)), b"", word(MESSAGE_PTR) + message_words(5, conf), b""))
    sum_is(conn, 5)


@case()
def words_that_nothing_points_to(env):
    conn, conf = env.open()
    conn.send(w.frame(call_segment(5, conf) + b"\xff" * 800, b"\xff" * 80))
    sum_is(conn, 5)


@case()
def segments_511(env):
    conn, conf = env.open()
    conn.send(w.frame(call_segment(5, conf), *[word(0)] * 510))
    if expect(conn, ANY) == "alive":
        if not any(m.tag == w.RETURN and m.answer_id == 5 for m in conn.others):
            conn.recv_return(5)     # it may come after that of the probe


@case()
def many_messages_in_one_write(env):
    conn, conf = env.open()
    conn.send(b"".join(w.call(5000 + i, conf, "add", add(i, 1)) + finish(5000 + i)
                       for i in range(3000)))
    for i in range(3000):
        r = conn.recv_return(5000 + i)
        check(r.kind in (w.RESULTS, w.CANCELED), f"unexpected {r.describe()}")
    expect(conn, ["alive"])


def in_pieces(env, size, echo_bytes):
    """A short conversation, written in pieces of a size."""
    conn = env.connect()
    data = (w.bootstrap(1) + w.call(2, w.to_answer(1), "add", add(20, 22)) +
            w.call(3, w.to_answer(1), "echo", Struct(b"", [b"x" * echo_bytes])) + finish(1) +
            w.call(4, w.to_answer(31337), "null"))
    for at in range(0, len(data), size):
        conn.send(data[at:at + size])
    check_eq("the sum", conn.recv_return(2).results().uint(0, 64), 42)
    check_eq("the echo", conn.recv_return(3).results().ptr(0), b"x" * echo_bytes)


@case()
def byte_by_byte(env):
    in_pieces(env, 1, 100)


@case()
def writes_of_143_bytes(env):
    in_pieces(env, 143, 200000)


@case()
def writes_of_7_bytes(env):
    in_pieces(env, 7, 5000)


@case()
def pause_in_the_middle_of_a_message(env):
    conn, conf = env.open()
    data = w.frame(call_segment(5, conf))
    for at in (0, 3, 8, 30):
        conn.send(data[at:{0: 3, 3: 8, 8: 30, 30: len(data)}[at]])
        time.sleep(0.1)
        served(env.address)
    sum_is(conn, 5)


# ---- the segment table -------------------------------------------------------------------------

def refused(env, data):
    """The bytes must end the connection; they may also just be waited for, but not be served."""
    conn, _ = env.open()
    conn.send(data)
    expect(conn, ENDS)


@case()
def segments_512(env):
    conn, conf = env.open()
    conn.send(w.frame(call_segment(5, conf), *[word(0)] * 511))
    expect(conn, ENDS)


@case()
def segments_100000(env):
    refused(env, struct.pack("<I", 99999) + b"\0" * 400004)


@case()
def segments_4294967295(env):
    refused(env, struct.pack("<II", 0xFFFFFFFF, 1) + b"\0" * 4096)


@case()
def segments_4294967294(env):
    refused(env, struct.pack("<II", 0xFFFFFFFE, 1) + b"\0" * 4096)


@case()
def segment_length_4294967295(env):
    refused(env, struct.pack("<II", 0, 0xFFFFFFFF) + b"\0" * 4096)


@case()
def segment_lengths_whose_sum_wraps(env):
    refused(env, struct.pack("<IIIII", 3, 0x80000000, 0x80000000, 0xFFFFFFFF, 2) + b"\0" * 4096)


@case()
def segment_of_29_bits(env):
    refused(env, struct.pack("<II", 0, 0x20000000) + b"\0" * 4096)


@case()
def one_segment_of_no_words(env):
    conn, _ = env.open()
    conn.send(struct.pack("<II", 0, 0))
    expect(conn, ANY)


@case()
def thousands_of_empty_frames(env):
    conn, _ = env.open()
    conn.send(struct.pack("<II", 0, 0) * 20000)
    expect(conn, ANY)


@case()
def null_root(env):
    conn, _ = env.open()
    conn.send(w.frame(word(0)))
    expect(conn, ANY)


@case()
def announced_64_mb(env):
    """The frame may be refused or waited for, but not paid for in advance."""
    conn, _ = env.open()
    conn.send(struct.pack("<II", 0, 8 * 1024 * 1024 - 8) + b"\0" * 100000)
    served(env.address)
    conn.close()


@case()
def announced_64_mb_by_fifty_connections(env):
    conns = [env.connect() for _ in range(50)]
    for conn in conns:
        conn.send(struct.pack("<II", 0, 8 * 1024 * 1024 - 8) + b"\0" * 1000)
    served(env.address)


@case()
def headers_of_which_half_came(env):
    conns = [env.connect() for _ in range(50)]
    for i, conn in enumerate(conns):
        conn.send(struct.pack("<II", 2, 1)[:i % 8])
    served(env.address)


# ---- pointers of the envelope ------------------------------------------------------------------

def root_of(env, *words_of_segment_0, rest=()):
    conn, _ = env.open()
    conn.send(w.frame(word(*words_of_segment_0), *rest))
    expect(conn, ANY)


@case()
def root_beyond_the_end(env):
    root_of(env, struct_ptr(1000, 1, 1))


@case()
def root_before_the_start(env):
    root_of(env, struct_ptr(-5, 1, 1), 0, 0)


@case()
def root_of_all_ones(env):
    root_of(env, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@case()
def root_that_is_a_list(env):
    root_of(env, list_ptr(0, 5, 2), 2, 2)


@case()
def root_that_is_a_capability(env):
    root_of(env, 3)


@case()
def root_that_is_an_unknown_other_pointer(env):
    root_of(env, 0xFFFFFFFF00000007)


@case()
def root_that_points_to_itself(env):
    root_of(env, struct_ptr(-1, 0, 1))


@case()
def far_pointer_to_no_segment(env):
    root_of(env, far_ptr(77, 0))


@case()
def far_pointer_beyond_its_segment(env):
    root_of(env, far_ptr(1, 0x1FFFFFFF), rest=[word(0)])


@case()
def far_pointer_to_itself(env):
    root_of(env, far_ptr(0, 0))


@case()
def far_pointers_in_a_circle(env):
    root_of(env, far_ptr(1, 0), rest=[word(far_ptr(0, 0))])


@case()
def double_far_to_a_double_far(env):
    root_of(env, far_ptr(1, 0, True), rest=[word(far_ptr(1, 0, True), far_ptr(1, 0, True))])


@case()
def double_far_pad_that_is_cut(env):
    root_of(env, far_ptr(1, 0, True), rest=[word(far_ptr(0, 0))])


@case()
def double_far_tag_that_is_a_far_pointer(env):
    root_of(env, far_ptr(1, 0, True), rest=[word(far_ptr(0, 0), far_ptr(1, 0))])


@case()
def wild_pointers_in_the_envelope(env):
    rng = random.Random(1)
    for i in range(60):
        conn, conf = env.open()
        seg = bytearray(call_segment(5, conf))
        at = 8 * rng.randrange(len(seg) // 8)
        struct.pack_into("<Q", seg, at, rng.getrandbits(64))
        conn.send(w.frame(bytes(seg)))
        expect(conn, ANY)
        conn.close()


@case()
def capability_table_that_is_amplified(env):
    """A table of 2^29 descriptors of no size at all."""
    conn, conf = env.open()
    body = w.call_body(5, conf, "null")
    body.ptrs[1] = Struct(b"", [None, Raw(list_ptr(0, 7, 0))])
    seg = bytearray(w.encode(Struct(struct.pack("<H", w.CALL), [body])))
    at = bytes(seg).index(word(list_ptr(0, 7, 0)))
    tag = struct_ptr(0x1FFFFFFF, 0, 0)
    struct.pack_into("<Q", seg, at, list_ptr((len(seg) - at) // 8 - 1, 7, 0))
    conn.send(w.frame(bytes(seg) + word(tag)))
    expect(conn, ANY)


@case()
def operations_that_are_amplified(env):
    """A transform of 2^29 operations of no size at all."""
    conn, _ = env.open()
    target = Struct(struct.pack("<IHH", 0, 1, 0), [Struct(struct.pack("<I", 5), [Raw(0x7777)])])
    seg = bytearray(w.encode(Struct(struct.pack("<H", w.CALL), [w.call_body(5, target, "null")])))
    at = bytes(seg).index(word(0x7777))
    struct.pack_into("<Q", seg, at, list_ptr((len(seg) - at) // 8 - 1, 7, 0))
    conn.send(w.frame(bytes(seg) + word(struct_ptr(0x1FFFFFFF, 0, 0))))
    expect(conn, ANY)


# ---- pointers of the content -------------------------------------------------------------------

def echo_any(env, pointer, tail=b"", rest=()):
    """echoAny of a pointer word that is relative to the tail behind everything; any reaction."""
    conn, conf = env.open()
    marker = 0x5555555555555555
    seg = bytearray(call_segment(5, conf, "echoAny", Struct(b"", [Raw(marker)])))
    at = bytes(seg).index(word(marker))
    value = pointer((len(seg) - at) // 8 - 1)
    struct.pack_into("<Q", seg, at, value)
    conn.send(w.frame(bytes(seg) + tail, *rest))
    return expect(conn, ANY)


@case()
def content_beyond_the_end(env):
    echo_any(env, lambda to: struct_ptr(to + 100, 1, 1))
    echo_any(env, lambda to: list_ptr(to, 2, 0x1FFFFFFF))
    echo_any(env, lambda to: list_ptr(to, 6, 0x1FFFFFFF))
    echo_any(env, lambda to: struct_ptr(-to - 1000000, 1, 1))


@case()
def content_by_a_wild_far_pointer(env):
    echo_any(env, lambda to: far_ptr(99, 0))
    echo_any(env, lambda to: far_ptr(0, 0x1FFFFFFF, True))
    echo_any(env, lambda to: far_ptr(1, 0), rest=[word(far_ptr(1, 0))])


@case()
def content_by_a_proper_far_pointer(env):
    rest = [word(list_ptr(0, 2, 8)) + b"12345678"]
    check_eq("the reaction", echo_any(env, lambda to: far_ptr(1, 0), rest=rest), "alive")


@case()
def composite_list_with_a_wrong_tag(env):
    echo_any(env, lambda to: list_ptr(to, 7, 2), word(struct_ptr(1000, 1, 1), 0, 0))
    echo_any(env, lambda to: list_ptr(to, 7, 1), word(list_ptr(0, 2, 9), 0))
    echo_any(env, lambda to: list_ptr(to, 7, 0), word(struct_ptr(0x3FFFFFFF, 0, 0)))
    echo_any(env, lambda to: list_ptr(to, 7, 1), word(struct_ptr(0x1FFFFFFF, 0xFFFF, 0xFFFF), 0))


@case()
def list_amplification_of_nothing(env):
    echo_any(env, lambda to: list_ptr(0, 0, 0x1FFFFFFF))
    echo_any(env, lambda to: list_ptr(to, 7, 0), word(struct_ptr(0x1FFFFFFF, 0, 0)))


@case()
def list_amplification_of_nothing_as_texts(env):
    """A method's own list of capabilities, as 2^29 elements of no size."""
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Raw(list_ptr(0, 0, 0x1FFFFFFF))])))
    expect(conn, ANY)


@case()
def list_amplification_of_one_block(env):
    """4,000 pointers to one block of 512 KB: a copy would be 2 GB."""
    n = 4000
    pointers = b"".join(word(list_ptr(n - i - 1, 2, 512 * 1024)) for i in range(n))
    echo_any(env, lambda to: list_ptr(to, 6, n), pointers + b"z" * (512 * 1024))


@case()
def structs_that_share_their_children(env):
    """Forty levels of two pointers to one child: 2^40 nodes if followed without a limit."""
    levels = b"".join(word(struct_ptr(1, 0, 2), struct_ptr(0, 0, 2)) for _ in range(40))
    echo_any(env, lambda to: struct_ptr(to, 0, 2), levels + word(0, 0))


@case()
def struct_that_contains_itself(env):
    echo_any(env, lambda to: struct_ptr(to, 0, 1), word(struct_ptr(-1, 0, 1)))


@case()
def list_that_contains_itself(env):
    echo_any(env, lambda to: list_ptr(to, 6, 2), word(list_ptr(-1, 6, 2), list_ptr(-2, 6, 2)))


@case()
def nesting_100000_deep(env):
    depth = 100000
    echo_any(env, lambda to: struct_ptr(to, 0, 1), word(*[struct_ptr(0, 0, 1)] * depth, 0))


@case()
def nesting_100000_deep_in_lists(env):
    depth = 100000
    echo_any(env, lambda to: list_ptr(to, 6, 1), word(*[list_ptr(0, 6, 1)] * depth, 0))


@case()
def nesting_beyond_the_limit_in_an_exception(env):
    """An abort whose reason is a pointer to nowhere."""
    conn, _ = env.open()
    conn.send(w.message(w.ABORT, Struct(b"\0" * 8, [Raw(list_ptr(5000, 2, 100)), None, None])))
    closed(conn)


@case()
def text_without_its_nul(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "fail", Struct(b"\0" * 8, [b"no end"])))
    exception_or_end(conn, 5)


@case()
def text_that_is_a_list_of_words(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "getDerived", Struct(b"", [Words([1, 2, 3])])))
    expect(conn, ANY)


@case()
def list_of_capabilities_that_is_data(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [b"not capabilities"])),
              w.call(6, conf, "sumAll", Struct(b"", [Ptrs([Struct(b"12345678"), b"x"])])),
              w.call(7, conf, "echoCap", Struct(b"", [Struct(b"12345678")])))
    expect(conn, ANY)


@case()
def parameters_that_are_no_struct(env):
    conn, conf = env.open()
    for i, content in enumerate((b"data", w.Cap(0), Ptrs([None]), Raw(0xFFFFFFFFFFFFFFFF))):
        conn.send(w.call(5 + i, conf, "add", content))
    expect(conn, ANY)


# ---- cut, garbage ------------------------------------------------------------------------------

@case()
def cut_at_every_length(env):
    whole = w.bootstrap(1) + w.call(2, w.to_answer(1), "add", add(1, 2))
    for n in range(0, len(whole), 3):
        conn = env.connect()
        conn.send(whole[:n])
        conn.close()


@case()
def cut_and_the_writing_half_closed(env):
    import socket
    conn, conf = env.open()
    conn.send(w.call(5, conf, "add", add(20, 22)), w.call(6, conf, "null")[:20])
    conn.sock.shutdown(socket.SHUT_WR)
    closed_or_abort(conn)


def closed_or_abort(conn):
    """The stream must end, whatever comes before."""
    try:
        while True:
            conn.recv()
    except Closed:
        return
    except Hang:
        raise Hang("the server keeps a connection whose other half is closed") from None


@case()
def garbage(env):
    rng = random.Random(7)
    for i in range(20):
        conn = env.connect()
        conn.send(rng.randbytes(1 << (i % 12 + 4)))
        conn.close()
    conn = env.connect()
    conn.send(rng.randbytes(1 << 20))
    served(env.address)


@case()
def garbage_after_good_messages(env):
    rng = random.Random(8)
    for _ in range(10):
        conn, conf = env.open()
        conn.send(w.call(5, conf, "hang"), struct.pack("<II", 0, 64), rng.randbytes(512))
        expect(conn, ANY)
        conn.close()


@case()
def text_of_another_protocol(env):
    for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 300):
        conn = env.connect()
        conn.send(text)
        served(env.address)
        conn.close()


@case(seconds=300)
def mutated_conversations(env):
    """Valid conversations with bits, words and lengths changed."""
    rng = random.Random(9)
    for _ in range(200):
        conn, conf = env.open()
        data = bytearray(w.call(5, conf, "makeCounter", w.u64(1)) +
                         w.call(6, w.to_answer(5, 0), w.INC, w.u64(2), iface=w.COUNTER) +
                         w.call(7, conf, "echoCap", Struct(b"", [w.Cap(0)]),
                                [w.descriptor(w.SENDER_HOSTED, 3)]) +
                         w.disembargo(w.to_answer(7, 0), 0, 1) + finish(5) + w.release(conf, 1))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at] = rng.choice((0, 0xFF, rng.getrandbits(8), data[at] ^ 1 << rng.randrange(8)))
        conn.send(data)
        conn.deadline = time.monotonic() + 0.15
        try:
            reaction(conn)
        except Hang:
            pass    # a changed length may well announce more than was sent
        conn.close()
