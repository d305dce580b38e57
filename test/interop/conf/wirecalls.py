"""wirecalls: protocol cases: legal messages that the C++ client never sends, and illegal ones.

Where rpc.capnp leaves the reaction open, each legal one is accepted (see wireenv).
"""
import struct
import time

import wirelib as w
from wireenv import ANY, ENDS, case, check, check_eq, closed, eventually, expect
from wirelib import (Cap, Failed, Ptrs, Struct, descriptor, finish, ret, ret_results, to_answer,
                     u32, u64)

CALLBACK = 0xFC33B3342A0144CB


def ids_of(conn, conf, start=5):
    """Makes a counter and returns its export id, the question finished."""
    r = conn.ask(conf, "makeCounter", u64(start))
    kind, cap_id = r.caps()[r.results().ptr(0).index]
    check_eq("the counter's descriptor", kind, w.SENDER_HOSTED)
    conn.send(finish(r.answer_id, release=False))
    return cap_id


def add(a, b):
    return Struct(struct.pack("<ii", a, b))


def expect_exception(r, kind=None):
    """The Return must be an exception (of a type)."""
    check(r.exception() is not None, f"expected an exception, got {r.describe()}")
    if kind:
        check_eq("the exception's type", r.exception()[0], kind)


def exception_or_end(conn, question_id):
    """An exception for the question with the connection going on, or the connection's end."""
    if expect(conn, ANY) == "alive":
        mine = [m for m in conn.others if m.tag == w.RETURN and m.answer_id == question_id]
        expect_exception(mine[0] if mine else conn.recv_return(question_id))


# ---- legal, unusual ----------------------------------------------------------------------------

@case()
def question_ids_with_bit_31(env):
    conn, conf = env.open()
    for q in (0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF):
        conn.send(w.call(q, conf, "add", add(q & 0xFFFF, 1)))
        check_eq("the sum", conn.recv_return(q).results().uint(0, 64), (q & 0xFFFF) + 1)
        conn.send(finish(q))
    expect(conn, ["alive"])


@case()
def question_ids_far_apart(env):
    conn, conf = env.open()
    ids = [i * 0x01010101 & 0xFFFFFFFF for i in range(1, 300)]
    conn.send(*[w.call(q, conf, "null") for q in ids])
    left = set(ids)
    while left:
        m = conn.recv_until(lambda m: m.tag == w.RETURN)
        left.discard(m.answer_id)
        conn.send(finish(m.answer_id))
    expect(conn, ["alive"])


@case()
def only_promise_pipeline(env):
    conn, conf = env.open()
    before = conn.number(conf, "liveCounters")
    conn.send(w.call(0x80000005, conf, "makeCounter", u64(9), flags=w.ONLY_PIPELINE),
              w.call(6, to_answer(0x80000005, 0), w.INC, u64(1), iface=w.COUNTER))
    check_eq("the value", conn.recv_return(6).results().uint(0, 64), 10)
    conn.send(finish(0x80000005), finish(6))
    eventually(env, "liveCounters", before, lambda: conn.number(conf, "liveCounters"))


@case()
def no_promise_pipelining(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "makeCounter", u64(9), flags=w.NO_PIPELINING))
    r = conn.recv_return(5)
    target = r.caps()[r.results().ptr(0).index][1]
    r = conn.ask(target, w.INC, u64(1), iface=w.COUNTER)
    check_eq("the value", r.results().uint(0, 64), 10)
    expect(conn, ["alive"])


@case()
def pipelining_despite_the_promise_not_to(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "makeCounter", u64(9), flags=w.NO_PIPELINING),
              w.call(6, to_answer(5, 0), w.INC, u64(1), iface=w.COUNTER))
    r = conn.recv_return(6)
    check(r.kind in (w.RESULTS, w.EXCEPTION), f"unexpected {r.describe()}")
    expect(conn, ["alive"])


@case()
def pipelined_on_the_bootstrap_question(env):
    conn = env.connect()
    conn.send(w.bootstrap(1), w.call(2, to_answer(1), "makeCounter", u64(3)),
              w.call(3, to_answer(2, 0), w.INC, u64(4), iface=w.COUNTER), finish(1), finish(2))
    check_eq("the value", conn.recv_return(3).results().uint(0, 64), 7)


@case()
def bootstrap_1000_times(env):
    conn = env.connect()
    for q in range(1000):
        conn.send(w.bootstrap(q))
    for q in range(1000):
        conn.recv_return(q).results()
    conn.send(*[finish(q) for q in range(1000)])
    expect(conn, ["alive"])


@case()
def bootstrap_with_an_object_id(env):
    conn = env.connect()
    conn.send(w.bootstrap(1, "an old sturdy name"))
    conn.recv_return(1)
    expect(conn, ["alive"])


@case()
def finish_before_return(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "delayedAdd", Struct(struct.pack("<iiI", 1, 2, 100))), finish(5))
    r = conn.recv_return(5)
    check(r.kind in (w.RESULTS, w.CANCELED, w.EXCEPTION), f"unexpected {r.describe()}")
    conn.send(w.call(5, conf, "add", add(2, 2)))
    check_eq("the sum", conn.recv_return(5).results().uint(0, 64), 4)


@case()
def finish_of_a_hanging_call_is_returned(env):
    conn, conf = env.open()
    before = conn.number(conf, "cancelCount")
    conn.send(w.call(5, conf, "hang"), finish(5))
    r = conn.recv_return(5)
    check(r.kind in (w.CANCELED, w.EXCEPTION), f"unexpected {r.describe()}")
    eventually(env, "cancelCount", before + 1, lambda: conn.number(conf, "cancelCount"))


@case(reference_skip="0.9.2 aborts; since noFinishNeeded exists, such a Finish is to be ignored")
def finish_of_an_unknown_question(env):
    conn, _ = env.open()
    conn.send(finish(424242), finish(0xFFFFFFFF))
    expect(conn, ["alive"])


@case(reference_skip="0.9.2 aborts, as on any Finish of an unknown question")
def finish_twice(env):
    conn, conf = env.open()
    r = conn.ask(conf, "makeCounter")
    conn.send(finish(r.answer_id), finish(r.answer_id))
    expect(conn, ["alive"])


@case()
def finish_keeps_result_caps_when_told_so(env):
    conn, conf = env.open()
    before = conn.number(conf, "liveCounters")
    counter = ids_of(conn, conf)
    check_eq("liveCounters", conn.number(conf, "liveCounters"), before + 1)
    conn.ask(counter, w.GET, iface=w.COUNTER).results()
    conn.send(w.release(counter, 1))
    eventually(env, "liveCounters", before, lambda: conn.number(conf, "liveCounters"))


@case()
def release_counts_add_up(env):
    conn, conf = env.open()
    before = conn.number(conf, "liveCounters")
    counter = ids_of(conn, conf)
    for _ in range(9):
        r = conn.ask(conf, "echoCap", Struct(b"", [Cap(0)]),
                     [descriptor(w.RECEIVER_HOSTED, counter)])
        kind, again = r.caps()[r.results().ptr(0).index]
        check_eq("the descriptor", (kind, again), (w.SENDER_HOSTED, counter))
        conn.send(finish(r.answer_id, release=False))
    conn.send(w.release(counter, 4), w.release(counter, 5))
    check_eq("liveCounters", conn.number(conf, "liveCounters"), before + 1)
    conn.send(w.release(counter, 1))
    eventually(env, "liveCounters", before, lambda: conn.number(conf, "liveCounters"))


@case()
def third_party_descriptor_is_a_vine(env):
    conn, conf = env.open()
    third = Struct(struct.pack("<I", 7), [Struct(u64(1).data)])
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]),
                     [descriptor(w.THIRD_PARTY, 0, third)]))
    c = conn.recv_call()
    check_eq("the target", c.target(), ("cap", 7))
    conn.send(ret_results(c.question_id, u64(33)))
    check_eq("the sum", conn.recv_return(5).results().uint(0, 64), 33)


@case()
def receiver_answer_descriptor(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "makeCounter", u64(44)),
              w.call(6, conf, "sumAll", Struct(b"", [Ptrs([Cap(0), None, Cap(1)])]),
                     [descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, 0)),
                      descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, (0, 0), 0))]))
    check_eq("the sum", conn.recv_return(6).results().uint(0, 64), 88)


@case()
def descriptor_that_names_a_descriptor_nobody_sent(env):
    conn, conf = env.open()
    counter = ids_of(conn, conf, 3)
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]),
                     [descriptor(w.RECEIVER_HOSTED, counter, fd=0xFF ^ 3)]))
    check_eq("the sum", conn.recv_return(5).results().uint(0, 64), 3)


@case()
def send_results_to_yourself(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "add", add(40, 2), send_to=w.YOURSELF),
              w.call(6, conf, "callBack", Struct(struct.pack("<I", 1), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 1)]))
    c = conn.recv_call()
    conn.send(ret(c.question_id, w.TAKE_FROM, take_from=5))
    check_eq("the sum", conn.recv_return(6).results().uint(0, 64), 42)
    conn.send(finish(5))    # 0.9.2 returns a redirected call only when its results were fetched
    early = [m for m in conn.others if m.tag == w.RETURN and m.answer_id == 5]
    r = early[0] if early else conn.recv_return(5)
    check(r.kind in (w.ELSEWHERE, w.CANCELED), f"unexpected {r.describe()}")
    expect(conn, ["alive"])


@case()
def send_results_to_yourself_before_they_are_there(env):
    conn, conf = env.open()
    conn.send(w.call(6, conf, "callBack", Struct(struct.pack("<I", 1), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 1)]))
    c = conn.recv_call()
    conn.send(w.call(5, conf, "delayedAdd", Struct(struct.pack("<iiI", 40, 3, 100)),
                     send_to=w.YOURSELF),
              ret(c.question_id, w.TAKE_FROM, take_from=5))
    check_eq("the sum", conn.recv_return(6).results().uint(0, 64), 43)


@case()
def tail_call_with_the_driver_as_callee(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "tail", Struct(struct.pack("<I", 8), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 2)]))
    c = conn.recv_call()
    content, caps = Struct(struct.pack("<I", 9), [Cap(0)]), [descriptor(w.SENDER_HOSTED, 3)]
    if c.send_results_to == w.YOURSELF:
        r = conn.recv_return(5)
        check_eq("the kind of Return", r.kind, w.TAKE_FROM)
        check_eq("the other question", r.take_from, c.question_id)
        conn.send(ret(c.question_id, w.ELSEWHERE))
    else:
        conn.send(ret_results(c.question_id, content, caps))
        r = conn.recv_return(5)
        check_eq("the result", r.results().uint(0, 32), 9)
    conn.send(finish(5))
    expect(conn, ["alive"])


@case()
def disembargo_follows_the_calls_before_it(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echoCap", Struct(b"", [Cap(0)]), [descriptor(w.SENDER_HOSTED, 4)]),
              *[w.call(10 + i, to_answer(5, 0), w.INC, u64(i), iface=w.COUNTER) for i in range(20)])
    conn.recv_return(5)
    conn.send(w.disembargo(to_answer(5, 0), 0, 99))
    seen = []
    back = conn.recv_until(lambda m: m.tag == w.DISEMBARGO)
    for m in conn.others:
        if m.tag == w.CALL:
            seen.append(m.body.ptr(1).ptr(0).uint(0, 64))
            # a call that is passed on may be a tail call, whose results stay with the driver
            conn.send(ret(m.question_id, w.ELSEWHERE) if m.send_results_to == w.YOURSELF
                      else ret_results(m.question_id, u64(1)))
    check_eq("the calls before the disembargo", seen, list(range(20)))
    check_eq("the embargo", back.body.uint(0, 32), 99)
    check_eq("its kind", back.body.uint(32, 16), 1)
    check_eq("its target", back.target(), ("cap", 4))
    returned = [m for m in conn.others if m.tag == w.RETURN and m.answer_id == 29]
    r = returned[0] if returned else conn.recv_return(29)
    check(r.kind in (w.RESULTS, w.TAKE_FROM), f"unexpected {r.describe()}")


@case()
def parameters_that_are_null(env):
    conn, conf = env.open()
    check_eq("the sum", conn.ask(conf, "add").results().uint(0, 64), 0)
    conn.ask(conf, "echo").results()
    conn.ask(conf, "makeCounter").results()
    r = conn.ask(conf, "isNull")
    check_eq("null", r.results().uint(0, 8) & 1, 1)


@case()
def parameters_shorter_and_longer_than_known(env):
    conn, conf = env.open()
    check_eq("the sum", conn.ask(conf, "add", Struct()).results().uint(0, 64), 0)
    longer = Struct(add(1, 2).data + b"\xff" * 40, ["more", b"and more", None])
    check_eq("the sum", conn.ask(conf, "add", longer).results().uint(0, 64), 3)


@case()
def capability_none(env):
    conn, conf = env.open()
    r = conn.ask(conf, "sumAll", Struct(b"", [Ptrs([Cap(0), None])]), [descriptor(w.NONE)])
    check(r.kind in (w.RESULTS, w.EXCEPTION), f"unexpected {r.describe()}")
    expect(conn, ["alive"])


@case()
def resolve_of_an_unknown_promise(env):
    conn, _ = env.open()
    conn.send(w.resolve_to(4711, descriptor(w.SENDER_HOSTED, 77)))
    expect(conn, ["alive"])


@case()
def senders_promise_that_resolves(env):
    conn, conf = env.open()
    counter = ids_of(conn, conf, 21)
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]),
                     [descriptor(w.SENDER_PROMISE, 8)]))
    c = conn.recv_call()
    check_eq("the target", c.target(), ("cap", 8))
    conn.send(w.resolve_to(8, descriptor(w.RECEIVER_HOSTED, counter)),
              ret_results(c.question_id, u64(4)))
    check_eq("the sum", conn.recv_return(5).results().uint(0, 64), 4)
    expect(conn, ["alive"])


@case()
def abort_received(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "hang"), w.message(w.ABORT, w.exception("enough")))
    closed(conn)


@case()
def abort_without_a_reason(env):
    conn, _ = env.open()
    conn.send(w.message(w.ABORT, None))
    closed(conn)


@case()
def provide_accept_join_are_unimplemented(env):
    conn, conf = env.open()
    target = w.to_cap(conf)
    for tag, body in ((w.PROVIDE, Struct(u32(50).data, [target, None])),
                      (w.ACCEPT, Struct(u32(51).data, [None, None])),
                      (w.JOIN, Struct(u32(52).data, [target, None])),
                      (w.THIRD_PARTY_ANSWER, Struct(u32(53).data, [None])),
                      (w.OBSOLETE_SAVE, None), (w.OBSOLETE_DELETE, None)):
        conn.send(w.message(tag, body))
        m = conn.recv_until(lambda m: m.tag == w.UNIMPLEMENTED)
        check_eq("the echoed tag", m.body.uint(0, 16), tag)
    expect(conn, ["alive"])


@case()
def unknown_message_is_unimplemented(env):
    conn, _ = env.open()
    for tag in (15, 999, 0xFFFF):
        conn.send(w.message(tag, Struct(u32(1, 2).data, ["text"])))
        m = conn.recv_until(lambda m: m.tag == w.UNIMPLEMENTED)
        check_eq("the echoed tag", m.body.uint(0, 16), tag)
    expect(conn, ["alive"])


# ---- illegal -----------------------------------------------------------------------------------

@case()
def duplicate_question_id(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "hang"), w.call(5, conf, "null"))
    expect(conn, ENDS)


@case()
def duplicate_bootstrap_id(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "hang"), w.bootstrap(5))
    expect(conn, ENDS)


@case()
def release_with_too_large_a_count(env):
    conn, conf = env.open()
    conn.send(w.release(conf, 1000000))
    expect(conn, ENDS)


@case()
def release_of_an_unknown_id(env):
    conn, _ = env.open()
    conn.send(w.release(31337, 1))
    expect(conn, ANY)


@case()
def release_of_zero_references(env):
    conn, conf = env.open()
    conn.send(w.release(conf, 0))
    expect(conn, ANY)


@case()
def call_on_an_unknown_export(env):
    conn, _ = env.open()
    conn.send(w.call(5, 31337, "null"))
    exception_or_end(conn, 5)


@case()
def call_on_a_released_export(env):
    conn, conf = env.open()
    counter = ids_of(conn, conf)
    conn.send(w.release(counter, 1), w.call(5, counter, w.GET, iface=w.COUNTER))
    exception_or_end(conn, 5)


@case(reference_skip="0.9.2 aborts where an exception is the milder answer")
def pipelined_on_a_forgotten_answer(env):
    conn, conf = env.open()
    r = conn.ask(conf, "makeCounter")
    conn.send(finish(r.answer_id))
    again = conn.ask(to_answer(r.answer_id, 0), w.INC, u64(1), iface=w.COUNTER)
    expect_exception(again)
    expect(conn, ["alive"])


@case()
def pipelined_on_an_answer_that_never_was(env):
    conn, _ = env.open()
    conn.send(w.call(5, to_answer(424242, 0), "null"))
    exception_or_end(conn, 5)


@case()
def pipelined_on_itself(env):
    conn, _ = env.open()
    conn.send(w.call(5, to_answer(5, 0), "null"))
    exception_or_end(conn, 5)


@case()
def pipelined_with_its_own_answer_as_parameter(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echoCap", Struct(b"", [Cap(0)]),
                     [descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, 0))]))
    expect(conn, ANY)


@case()
def pipelined_field_out_of_range(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "makeCounter"),
              w.call(6, to_answer(5, 60000), w.GET, iface=w.COUNTER))
    exception_or_end(conn, 6)


@case()
def pipelined_on_what_is_no_capability(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echo", Struct(b"", [b"some bytes"])),
              w.call(6, to_answer(5, 0), "null"),
              w.call(7, to_answer(5, 0, 0, 0), "null"))
    exception_or_end(conn, 6)


@case()
def pipelined_with_an_unknown_operation(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "makeCounter"),
              w.call(6, to_answer(5, (9, 0)), w.GET, iface=w.COUNTER))
    exception_or_end(conn, 6)


@case()
def pipelined_with_10000_operations(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echoAny", Struct(b"", [None])),
              w.call(6, to_answer(5, *([0] * 10000)), "null"))
    exception_or_end(conn, 6)


@case()
def capability_index_beyond_the_table(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(5)])]),
                     [descriptor(w.RECEIVER_HOSTED, conf)]))
    exception_or_end(conn, 5)


@case()
def capability_index_huge_and_no_table(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0xFFFFFFFF)])])))
    exception_or_end(conn, 5)


@case()
def descriptor_of_an_unknown_export(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]),
                     [descriptor(w.RECEIVER_HOSTED, 31337)]))
    exception_or_end(conn, 5)


@case()
def descriptor_of_an_unknown_answer(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]),
                     [descriptor(w.RECEIVER_ANSWER, 0, w.promised(31337, 0))]))
    exception_or_end(conn, 5)


@case()
def descriptor_of_an_unknown_kind(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(0)])]), [descriptor(77, 1)]))
    exception_or_end(conn, 5)


@case()
def disembargo_of_what_does_not_point_back(env):
    conn, conf = env.open()
    conn.send(w.disembargo(w.to_cap(conf), 0, 1))
    expect(conn, ENDS)


@case()
def disembargo_of_an_unknown_export(env):
    conn, _ = env.open()
    conn.send(w.disembargo(w.to_cap(31337), 0, 1))
    expect(conn, ENDS)


@case()
def disembargo_of_an_unknown_answer(env):
    conn, _ = env.open()
    conn.send(w.disembargo(to_answer(31337, 0), 0, 1))
    expect(conn, ANY)


@case()
def disembargo_returned_that_was_never_sent(env):
    conn, conf = env.open()
    conn.send(w.disembargo(w.to_cap(conf), 1, 4242))
    expect(conn, ENDS)


@case()
def disembargo_of_level_three(env):
    conn, conf = env.open()
    conn.send(w.disembargo(w.to_cap(conf), 2, 0), w.disembargo(w.to_cap(conf), 9, 0))
    expect(conn, ANY)


@case()
def return_for_an_unknown_question(env):
    conn, _ = env.open()
    conn.send(ret_results(31337, u64(1)))
    expect(conn, ENDS)


def called_back(env):
    """A connection on which the server waits for our Return: (conn, conf, the Call)."""
    conn, conf = env.open()
    conn.send(w.call(6, conf, "callBack", Struct(struct.pack("<I", 1), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 1)]))
    return conn, conf, conn.recv_call()


@case()
def return_twice(env):
    conn, _, c = called_back(env)
    conn.send(ret_results(c.question_id, u64(1)))
    conn.recv_return(6)
    conn.send(ret_results(c.question_id, u64(1)))
    expect(conn, ANY)


@case()
def return_of_an_unknown_kind(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, 77))
    exception_or_end(conn, 6)


@case()
def return_canceled_without_a_finish(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.CANCELED))
    exception_or_end(conn, 6)


@case()
def return_elsewhere_unasked(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.ELSEWHERE))
    exception_or_end(conn, 6)


@case()
def return_from_a_third_party(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.AWAIT_THIRD, ptr="somebody"))
    exception_or_end(conn, 6)


@case()
def return_taken_from_an_unknown_question(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.TAKE_FROM, take_from=31337))
    exception_or_end(conn, 6)


@case()
def return_taken_from_a_call_that_waits_for_it(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.TAKE_FROM, take_from=6))
    expect(conn, ANY)


@case()
def return_with_null_results(env):
    conn, _, c = called_back(env)
    conn.send(ret(c.question_id, w.RESULTS))
    expect(conn, ANY)


@case()
def return_with_capabilities_nobody_exports(env):
    conn, _, c = called_back(env)
    conn.send(ret_results(c.question_id, Struct(b"", [Cap(0)]),
                          [descriptor(w.RECEIVER_HOSTED, 31337), descriptor(w.SENDER_HOSTED, 5)]))
    expect(conn, ANY)


@case()
def unimplemented_echoes(env):
    conn, conf = env.open()
    inner = Struct(struct.pack("<H", w.RESOLVE), [Struct(struct.pack("<IHH", 3, 0, 0),
                                                         [descriptor(w.SENDER_HOSTED, 900)])])
    conn.send(w.message(w.UNIMPLEMENTED, inner))
    if expect(conn, ANY) == "alive":
        body = Struct(struct.pack("<H", w.CALL), [w.call_body(1, conf, "null")])
        conn.send(w.message(w.UNIMPLEMENTED, body))
        expect(conn, ANY)


@case()
def unimplemented_in_unimplemented(env):
    conn, _ = env.open()
    inner = Struct(struct.pack("<H", w.UNIMPLEMENTED), [None])
    for _ in range(20):
        inner = Struct(struct.pack("<H", w.UNIMPLEMENTED), [inner])
    conn.send(w.message(w.UNIMPLEMENTED, inner), w.message(w.UNIMPLEMENTED, None))
    expect(conn, ANY)


@case()
def results_to_a_third_party(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "null", send_to=w.THIRD))
    expect(conn, ANY)


@case()
def results_to_nobody_known(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "null", send_to=77))
    expect(conn, ANY)


@case()
def target_of_an_unknown_kind(env):
    conn, _ = env.open()
    conn.send(w.call(5, Struct(struct.pack("<IHH", 0, 9, 0), [None]), "null"))
    exception_or_end(conn, 5)


@case()
def target_that_is_null(env):
    conn, _ = env.open()
    body = w.call_body(5, 0, "null")
    body.ptrs[0] = None
    conn.send(w.message(w.CALL, body))
    expect(conn, ANY)


@case()
def bodies_that_are_null(env):
    for tag in (w.CALL, w.RETURN, w.FINISH, w.RESOLVE, w.RELEASE, w.DISEMBARGO, w.BOOTSTRAP):
        conn, _ = env.open()
        conn.send(w.message(tag, None))
        expect(conn, ANY)
        conn.close()


CYCLE = "0.9.2 loops for ever on a cycle of promises"


def held_promise(env):
    """A connection whose promise 8 the server holds: (conn, conf)."""
    conn, conf = env.open()
    conn.ask(conf, "hold", Struct(b"", [Cap(0)]), [descriptor(w.SENDER_PROMISE, 8)])
    return conn, conf


@case(reference_skip=CYCLE)
def resolve_to_itself(env):
    conn, conf = held_promise(env)
    conn.send(w.resolve_to(8, descriptor(w.SENDER_PROMISE, 8)))
    if expect(conn, ANY) == "alive":
        conn.send(w.call(5, conf, "getHeld"), w.call(6, to_answer(5, 0), w.GET, iface=w.COUNTER))
        expect(conn, ANY)


@case()
def resolve_to_each_other(env):
    conn, conf = held_promise(env)
    conn.send(w.call(4, conf, "echoCap", Struct(b"", [Cap(0)]), [descriptor(w.SENDER_PROMISE, 9)]),
              w.resolve_to(8, descriptor(w.SENDER_PROMISE, 9)),
              w.resolve_to(9, descriptor(w.SENDER_PROMISE, 8)),
              w.call(5, conf, "getHeld"), w.call(6, to_answer(5, 0), w.GET, iface=w.COUNTER))
    expect(conn, ANY)


@case(reference_skip=CYCLE)
def resolve_to_the_answer_that_holds_the_promise(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echoCapLater", Struct(struct.pack("<I", 50), [Cap(0)]),
                     [descriptor(w.SENDER_PROMISE, 8)]),
              w.resolve_to(8, descriptor(w.RECEIVER_ANSWER, 0, w.promised(5, 0))),
              w.call(6, to_answer(5, 0), w.GET, iface=w.COUNTER))
    time.sleep(0.2)
    expect(conn, ANY)


@case()
def resolve_twice(env):
    conn, conf = held_promise(env)
    counter = ids_of(conn, conf)
    conn.send(w.resolve_to(8, descriptor(w.RECEIVER_HOSTED, counter)),
              w.resolve_to(8, descriptor(w.RECEIVER_HOSTED, conf)))
    expect(conn, ANY)


@case()
def resolve_of_what_is_no_promise(env):
    conn, conf = env.open()
    conn.ask(conf, "hold", Struct(b"", [Cap(0)]), [descriptor(w.SENDER_HOSTED, 8)])
    conn.send(w.resolve_to(8, descriptor(w.RECEIVER_HOSTED, conf)))
    expect(conn, ANY)


@case()
def resolve_to_an_unknown_export(env):
    conn, conf = held_promise(env)
    conn.send(w.resolve_to(8, descriptor(w.RECEIVER_HOSTED, 31337)),
              w.call(5, conf, "getHeld"), w.call(6, to_answer(5, 0), w.GET, iface=w.COUNTER))
    expect(conn, ANY)


@case()
def resolve_with_a_null_descriptor_and_an_unknown_kind(env):
    conn, _ = held_promise(env)
    conn.send(w.resolve_to(8, None))
    if expect(conn, ANY) == "alive":
        conn.send(w.message(w.RESOLVE, Struct(struct.pack("<IHH", 8, 9, 0), [None])))
        expect(conn, ANY)


@case()
def interface_and_method_out_of_range(env):
    conn, conf = env.open()
    for iface, method in ((w.CONF, 27), (w.CONF, 0xFFFF), (0, 0), (2**64 - 1, 0xFFFF),
                          (CALLBACK, 0)):
        expect_exception(conn.ask(conf, method, iface=iface), "unimplemented")
    expect(conn, ["alive"])


@case()
def one_question_id_for_everything(env):
    conn, conf = env.open()
    for i in range(300):
        conn.send(w.call(7, conf, "add", add(i, i)))
        check_eq("the sum", conn.recv_return(7).results().uint(0, 64), 2 * i)
        conn.send(finish(7))
    expect(conn, ["alive"])


@case()
def export_ids_of_the_driver_far_apart(env):
    conn, conf = env.open()
    ids = [0, 0x80000000, 0xFFFFFFFF, 0x12345678]
    conn.send(w.call(5, conf, "sumAll", Struct(b"", [Ptrs([Cap(i) for i in range(4)])]),
                     [descriptor(w.SENDER_HOSTED, i) for i in ids]))
    for _ in ids:
        c = conn.recv_call()
        if c.target()[1] not in ids:
            raise Failed(f"a call on {c.target()}")
        conn.send(ret_results(c.question_id, u64(10)))
    check_eq("the sum", conn.recv_return(5).results().uint(0, 64), 40)
    expect(conn, ["alive"])


@case()
def disconnect_with_everything_open(env):
    conn, conf = held_promise(env)
    conn.send(w.call(20, conf, "hang"),
              w.call(21, conf, "getPromiseCap", u32(100)),
              w.call(22, to_answer(21, 0), w.INC, u64(1), iface=w.COUNTER),
              w.call(23, conf, "echoCapLater", Struct(struct.pack("<I", 60000), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 44)]),
              w.call(24, to_answer(23, 0), w.INC, u64(1), iface=w.COUNTER),
              w.call(25, conf, "callBack", Struct(struct.pack("<I", 50), [Cap(0)]),
                     [descriptor(w.SENDER_PROMISE, 45)]))
    conn.recv_call()
    conn.close()
    other, conf = env.open()
    other.ask(conf, "dropHeld").results()
