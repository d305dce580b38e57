"""wirelong: what is over a limit of one message. It fails the call it is about; the connection goes
on. Sizes are beyond the default of 64 MiB, references beyond that of 65,536.
"""
import struct

import wirelib as w
from wireenv import case, check, check_eq, expect
from wirelib import Cap, Struct, descriptor, far_ptr, struct_ptr

LIMIT = 64 << 20
LONG_S = 60
ENDS_IT = "the reference ends the connection over a message that is too long"


def over_quota(r, what):
    kind, reason = r.exception() or ("no exception", "")
    check_eq("the exception's type", kind, "overloaded")
    check(f"over-quota.{what}: " in reason, f"the reason does not name {what}: {reason}")


@case(reference_skip=ENDS_IT, seconds=LONG_S)
def call_longer_than_the_limit(env):
    conn, conf = env.open()
    conn.send(w.call(5, conf, "echo", Struct(b"", [bytes(LIMIT)])))
    over_quota(conn.recv_return(5), "bytes")
    conn.send(w.call(6, conf, "echo", Struct(b"", [b"x" * 1000])))
    check_eq("the echo", len(conn.recv_return(6).results().ptr(0)), 1000)
    expect(conn, ["alive"])


@case(reference_skip=ENDS_IT, seconds=LONG_S)
def call_longer_than_the_limit_with_its_envelope_behind(env):
    """The content comes first; root, message and call are far pointers forward."""
    conn, conf = env.open()
    call = struct.pack("<IHHQQ", 5, 0, 0, w.CONF, 0) + bytes(24)
    message = struct.pack("<QQQ", struct_ptr(0, 1, 1), w.CALL, far_ptr(3, 0)) + bytes(8)
    conn.send(w.frame(struct.pack("<Q", far_ptr(2, 0)), bytes(LIMIT), message,
                      struct.pack("<Q", struct_ptr(0, 3, 3)) + call))
    over_quota(conn.recv_return(5), "bytes")
    check_eq("a sum", conn.number(conf, "liveCounters"), 0)
    expect(conn, ["alive"])


@case(reference_skip=ENDS_IT, seconds=LONG_S)
def return_longer_than_the_limit(env):
    """What the server asked us for comes back too long: that question fails, and so does the call
    that hangs on it."""
    conn, conf = env.open()
    conn.send(w.call(6, conf, "callBack", Struct(struct.pack("<I", 1), [Cap(0)]),
                     [descriptor(w.SENDER_HOSTED, 1)]))
    c = conn.recv_call()
    conn.send(w.ret_results(c.question_id, Struct(b"", [bytes(LIMIT), Cap(0)]),
                            [descriptor(w.SENDER_HOSTED, 7)]))
    over_quota(conn.recv_return(6), "bytes")
    expect(conn, ["alive"])
    ends = [m for m in conn.others if m.tag == w.FINISH]
    check(len(ends) == 1 and not ends[0].body.bit(32),
          "the Finish of what was too long must give back the references in it")


@case(reference_skip="the reference takes any number", seconds=LONG_S)
def call_with_more_references_than_the_limit(env):
    conn, conf = env.open()
    table = [descriptor(w.SENDER_HOSTED, i) for i in range(65537)]
    conn.send(w.call(5, conf, "null", Struct(b""), table))
    r = conn.recv_return(5)
    over_quota(r, "references")
    check(not r.body.bit(32), "none of them is taken up: releaseParamCaps must be set")
    expect(conn, ["alive"])
