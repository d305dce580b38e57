#!/usr/bin/env python3
"""hijacked-worker: seventy tries of a worker that has been taken over.

Why: a worker reads hostile bytes, so one day one of them is the intruder's. What he has then is what
the process has: two sockets and a list of system calls. The payload here is led by its own client
(hijack.c), inside the real sandbox, and every try names who must stop it. What is allowed is tried,
too: a test in which everything fails would show nothing.
"""
import json
import re
import struct
import sys
import time

import attacklib as a
import instance
import sessionlib as s
from attacklib import w

SCRIPT = "attack-hijacked-worker"
ADMISSION = s.type_id("admission", "Admission")
ANONYMOUS, GUEST = 7, 6
METHODS, START, NEXT, CANCEL, ENTER, OPEN, SCHEMA, RENEW, LOGOUT, WATCH, REPORT, SECURED = range(12)
TALLY = 13
SIGKILL = 9
WARDEN = "warden"  # whose profile has the facet `sessions` of `admin`, and these of its calls
ADMIN_SESSIONS = [s.ordinal("admin", name) for name in ("sessionList", "sessionRevoke", "status")]
ADMIN_CALLS = s.ordinal("admin", "auditRead")  # the last one
REVOKE = s.ordinal("admin", "sessionRevoke")
UPTIME = 2


class Worker(a.Hijacked):
    """One that speaks to the session manager as it likes."""

    def __init__(self, target, source="127.0.0.1"):
        super().__init__(target, source)
        self.target, self.question, self.links, self.admins = target, 0, {}, []
        self.root = None

    def close(self):
        for admin in self.admins:
            admin.close()
        super().close()

    def bootstrap(self, fd):
        self.question += 1
        self.send(fd, w.bootstrap(self.question))
        return self.answer(fd, self.question).caps()[0][1]

    def answer(self, fd, question):
        """The Return to a question; Closed when there will be none."""
        buf = self.links.setdefault(fd, [bytearray(), []])
        end = time.monotonic() + s.WAIT_S
        while time.monotonic() < end:
            for m in buf[1]:
                if m.tag == w.RETURN and m.answer_id == question:
                    buf[1].remove(m)
                    return m
            frame = w.split_frame(buf[0])
            if frame:
                del buf[0][:frame[1]]
                buf[1].append(w.Message(frame[0]))
                continue
            got, descriptor = self.recv(fd)
            if not got:
                raise s.Closed()
            self.descriptor = descriptor if descriptor is not None else self.descriptor
            buf[0] += got
        raise s.Hang("no answer")

    descriptor = None

    def ask_admission(self, method, params=None, caps=()):
        """Calls without waiting; the question."""
        if self.root is None:
            self.root = self.bootstrap(self.other)
        self.question += 1
        self.send(self.other, w.call(self.question, self.root, method, params, caps,
                                     iface=ADMISSION))
        return self.question

    def admission(self, method, params=None, caps=()):
        """(None, the Return), or (the text of its exception, it)."""
        m = self.answer(self.other, self.ask_admission(method, params, caps))
        why = m.exception()
        return (why[1].removeprefix("remote exception: ") if why else None), m

    def enter(self, kind=ANONYMOUS, profile=None):
        return self.admission(ENTER, s.Struct(struct.pack("<H", kind), [profile, None]))

    def open(self, name, iface=s.SYSTEM_INFO):
        """The socket of a capability."""
        why, _ = self.admission(OPEN, s.Struct(struct.pack("<Q", iface), [name]))
        if why:
            raise s.Refused("failed", why)
        return self.descriptor

    def ended(self):
        """Waits for its end, by whoever."""
        self.sock.settimeout(s.WAIT_S)
        try:
            while self.recv(self.other)[0]:
                pass
        except (s.Closed, ConnectionError):
            return "sessiond"
        return "sessiond"


class TlsWorker(Worker):
    """One on a connection over TLS, who speaks none. key: the instance's, as it is hashed."""

    def __init__(self, address, key, source="127.0.0.1"):
        self.address, self.key = address, key
        super().__init__(self, source)
        self.signer = self.other + 1

    def sign(self, digest=bytes(32), key=None, more=b""):
        """What the signer answers; b"" when it does not."""
        self.send(self.signer, (key or self.key) + digest + more)
        return self.recv(self.signer)[0]

    def secured(self, exporter=bytes(32), handshake=None):
        """The refusal, if there is one."""
        return self.admission(SECURED, s.Struct(b"", [exporter, handshake]))[0]


def start_params(account=None, kind=s.PASSWORD, renewal=False, nonce=None):
    source = s.Struct(b"", ["e2e", None, None])
    request = s.Struct(struct.pack("<H", kind), [s.Struct(b"", [account]), None, nonce, source])
    return s.Struct(struct.pack("<Q", renewal), [request])


def next_params(flow, response=b"x"):
    return s.Struct(struct.pack("<Q", flow), [response])


def report_params(event="x", detail="y"):
    return s.Struct(b"", [event, detail])


# ---- what the kernel stops ---------------------------------------------------------------------

def kernel_tries():
    """{id: (name, arguments)}; arguments may be functions of the worker."""
    caposd = lambda k: k.target.process.pid  # noqa: E731
    client = lambda k: k.client  # noqa: E731
    here = lambda k: k.poke(0, b"/etc/passwd\0" + bytes(100))  # noqa: E731
    calls = [("fcntl", client, 8, caposd), ("fcntl", client, 10, SIGKILL),
             ("fcntl", client, 4, 0o20000), ("fcntl", client, 15, here),
             ("kill", caposd, SIGKILL), ("tgkill", caposd, caposd, SIGKILL),
             ("tkill", caposd, SIGKILL), ("rt_sigqueueinfo", caposd, SIGKILL, here),
             ("pidfd_open", caposd, 0), ("ptrace", 16, caposd, 0, 0),
             ("process_vm_readv", caposd, here, 1, here, 1, 0), ("kcmp", caposd, caposd, 0, 0, 0),
             ("openat", -100, here, 0, 0), ("open", here, 0, 0), ("mkdir", here, 0o777),
             ("chmod", here, 0o777), ("execve", here, 0, 0), ("fork",), ("clone", 17, 0),
             ("clone3", here, 64), ("unshare", 0x10000000), ("socket", 2, 1, 0),
             ("socket", 16, 3, 4), ("connect", client, here, 16), ("socketpair", 1, 1, 0, here),
             ("mmap", 0, 4096, 5, 34, -1, 0), ("mprotect", 0, 4096, 4),
             ("memfd_create", here, 0), ("prctl", 4, 1, 0, 0, 0), ("seccomp", 1, 8, here),
             ("prlimit64", 0, 7, here, 0), ("setsockopt", client, 1, 33, here, 4),
             ("io_uring_setup", 1, here), ("write", 2, here, 1), ("ioctl", client, 0x5412, here)]
    return {f"HW{i + 1}": call for i, call in enumerate(calls)}


def kernel_try(target, call):
    k = Worker(target)
    try:
        if k.call("getpid") != k.pid:
            raise a.Failed("the payload does not work")
        return a.stopped_call(k, call[0], *[x(k) if callable(x) else x for x in call[1:]])
    finally:
        k.close()


def memory(k):
    return a.stopped_call(k, "mmap", 0, 600 << 20, 3, 34, -1, 0)


def many_descriptors(k):
    for _ in range(100):
        if k.call("fcntl", k.client, 1030, 3) == -24:
            return "limits"
    raise a.Failed("a hundred descriptors")


# ---- what the session manager stops ------------------------------------------------------------

def says(wanted, got):
    if got[0] is None or not got[0].startswith(wanted):
        raise a.Failed(f"{wanted} was expected: {got[0]!r}")
    return "sessiond"


def before_login(method, params=None):
    return lambda k: says("", k.admission(method, params)) if k.admission(METHODS)[0] is None else ""


def enter_twice(k):
    k.enter()
    return says("denied.already-bound", k.enter())


def too_many_flows(k):
    got = [k.admission(START, start_params("alice")) for _ in range(5)]
    return says("over-quota.flows", got[4])


def flow_of_nobody(k):
    return says("denied.flow", k.admission(NEXT, next_params(999)))


def profile_of_others(k):
    return says("denied.profile", k.enter(profile="operator"))


def kind_of_nobody(k):
    return says("denied.method-disabled", k.enter(kind=2))


def proof_without_secret(k):
    _, m = k.admission(START, start_params("alice"))
    flow = m.content.uint(0, 32)
    return says("denied.credentials", k.admission(NEXT, next_params(flow, b"guess, guess")))


def names_of_others(k):
    k.enter()
    return says("denied.unknown-name", k.admission(
        OPEN, s.Struct(struct.pack("<Q", s.CHAT), ["chat"])))


def name_with_nul(k):
    k.enter()
    return says("denied.unknown-name", k.admission(
        OPEN, s.Struct(struct.pack("<Q", s.SYSTEM_INFO), ["system_info\0x"])))


def other_interface(k):
    k.enter()
    return says("denied.wrong-interface", k.admission(
        OPEN, s.Struct(struct.pack("<Q", s.CHAT), ["system_info"])))


def renew_anonymous(k):
    k.enter()
    return says("denied.", k.admission(RENEW, s.Struct(struct.pack("<Q", 1 << 40), [b"x"])))


def many_reports(k):
    """A thousand at once. What is left out is counted, and a while later there is room again."""
    k.enter()
    for n in range(20000):  # some go on being taken, one a second
        got = k.admission(REPORT, report_params())
        k.send(k.other, w.finish(k.question))
        if got[0]:
            break
    if n < 1000:
        raise a.Failed(f"only {n} were taken")
    instance.until(lambda: not k.admission(REPORT, report_params())[0], "room for one more", s.WAIT_S)
    instance.until(lambda: any(json.loads(r).get("outcome") == "over-quota.reports" for r in k.target.audit_lines()),
                   "a record that some were left out", s.WAIT_S)
    return says("over-quota.reports", got)


def many_tallies(k):
    """Numbers of calls that nobody has made: 300 times 65 rows; what is recorded of it is little."""
    k.enter()
    before = len(k.target.audit_lines())
    rows = w.Structs([s.Struct(struct.pack("<QQQQ", i, 0, 1, 0), ["x", "ok"]) for i in range(65)])
    got = None
    for _ in range(300):
        got = k.admission(TALLY, s.Struct(b"", [rows]))
        k.send(k.other, w.finish(k.question))
    if len(k.target.audit_lines()) > before + 100:
        raise a.Failed("the log has grown")
    return says("over-quota.reports", got)


def no_such_method(k):
    got = k.admission(4711)
    return says("", got)


def seventeen_crimes(k):
    k.admission(METHODS)
    try:
        for _ in range(20):
            k.admission(LOGOUT)
    except (s.Closed, ConnectionError):
        return k.ended()
    raise a.Failed("it may go on")


def ends_after(frame):
    """What is sent ends the worker."""
    def act(k):
        k.admission(METHODS)
        try:
            k.send(k.other, frame(k) if callable(frame) else frame)
            for _ in range(50):
                k.admission(METHODS)
        except (s.Closed, ConnectionError, s.Failed):
            return k.ended()
        raise a.Failed("it may go on")
    return act


def with_capability(k):
    return w.call(900, k.root, ENTER, s.Struct(struct.pack("<H", ANONYMOUS), [None, w.Cap(0)]),
                  [w.descriptor(w.SENDER_HOSTED, 5)], iface=ADMISSION)


def nine_segments(_):
    words = [bytes(8)] * 9
    return w.frame(*words)


def with_descriptor(k):
    """What comes along as a descriptor is not taken: no table of sessiond's grows."""
    sessiond = k.target.pids("sessiond")[0]
    k.admission(METHODS)
    before = a.instance.descriptors(sessiond)
    for _ in range(20):
        k.question += 1
        k.send(k.other, w.call(k.question, k.root, METHODS, iface=ADMISSION), descriptor=k.client)
        k.answer(k.other, k.question)
    a.instance.until(lambda: a.instance.descriptors(sessiond) <= before,
                     f"the {before} descriptors that there were", s.WAIT_S)
    return "sessiond"


def no_acknowledgement(k):
    """A worker that does not say that it has heard of its end is killed."""
    k.enter()
    revoke(k)
    return k.ended()


# ---- what stops at the other end of a grant ----------------------------------------------------

def revoke(k, cap=None):
    """The answer is not waited for: there is none before k has acknowledged it, or is gone."""
    admin = k.target.admin()
    k.admins.append(admin)
    for e in admin.sessions():
        if not e["account"]:
            admin.ref.send(REVOKE, s.Struct(b"", [e["id"], cap]))


def motd(k, fd, root):
    k.question += 1
    k.send(fd, w.call(k.question, root, 0, iface=s.SYSTEM_INFO))
    return k.answer(fd, k.question)


def dead_socket(k, fd, root):
    """The socket of a grant leads nowhere any more, or soon not."""
    end = time.monotonic() + s.WAIT_S
    while time.monotonic() < end:
        try:
            motd(k, fd, root)
        except (s.Closed, ConnectionError, a.Failed):
            return "service end"
        time.sleep(0.05)
    raise a.Failed("the service still answers")


def opened(k):
    k.enter()
    fd = k.open("system_info")
    root = k.bootstrap(fd)
    if motd(k, fd, root).exception():
        raise a.Failed("the grant is of no use")
    return fd, root


def use_of_a_grant(k):
    opened(k)
    return "nobody"


def use_after_logout(k):
    fd, root = opened(k)
    k.ask_admission(LOGOUT)
    return dead_socket(k, fd, root)


def use_after_revocation(k):
    fd, root = opened(k)
    k.ask_admission(WATCH)
    revoke(k, "system_info")
    return dead_socket(k, fd, root)


def open_after_revocation(k):
    opened(k)
    question = k.ask_admission(WATCH)
    revoke(k, "system_info")
    k.answer(k.other, question)
    k.ask_admission(WATCH)
    return says("denied.revoked-lease", k.admission(
        OPEN, s.Struct(struct.pack("<Q", s.SYSTEM_INFO), ["system_info"])))


def other_service_on_a_grant(k):
    fd, root = opened(k)
    k.question += 1
    k.send(fd, w.call(k.question, root, 0, iface=s.CHAT))
    if not k.answer(fd, k.question).exception():
        raise a.Failed("it serves another interface")
    return "service end"


def descriptor_to_a_service(k):
    """As with sessiond: a service does not take what nobody expects."""
    fd, root = opened(k)
    service = k.target.pids("system-info")[0]
    before = a.instance.descriptors(service)
    for _ in range(10):
        k.question += 1
        k.send(fd, w.call(k.question, root, 0, iface=s.SYSTEM_INFO), descriptor=k.client)
        k.answer(fd, k.question)
    if a.instance.descriptors(service) > before:
        raise a.Failed("the service has taken descriptors")
    return "service end"


def junk_to_a_service(k):
    """Only this session's connection to it ends."""
    fd, _ = opened(k)
    k.send(fd, b"\xff" * 4096)
    try:
        while k.recv(fd)[0]:
            pass
    except (s.Closed, ConnectionError):
        pass
    if k.admission(METHODS)[0]:
        raise a.Failed("the session manager minds")
    return "service end"


def beyond_what_was_granted(k):
    """The worker's own look at methods is gone; the service's end has one, also for what is not there yet."""
    k.enter()
    fd = k.open("brief")
    k.question += 2
    early, late = k.question - 1, k.question
    k.send(fd, w.bootstrap(early) + w.call(late, w.to_answer(early), UPTIME, iface=s.SYSTEM_INFO))
    root = k.answer(fd, early).caps()[0][1]
    refused = [k.answer(fd, late)]
    for method in (UPTIME, 99):
        k.question += 1
        k.send(fd, w.call(k.question, root, method, iface=s.SYSTEM_INFO))
        refused.append(k.answer(fd, k.question))
    for m in refused:
        if not m.exception() or "denied.method" not in m.exception()[1]:
            raise a.Failed(f"not refused: {m.exception()}")
    if motd(k, fd, root).exception():
        raise a.Failed("what was granted is refused, too")
    return "service end"


def logged_in(k, name):
    """It has heard the password of an account, as every worker does."""
    _, m = k.admission(START, start_params(name))
    why, _ = k.admission(NEXT, next_params(m.content.uint(0, 32), instance.SECRET.encode()))
    if why:
        raise a.Failed(f"a good password was refused: {why}")


def admin_of_others(k):
    """By its name and interface, by its own session; and as another name."""
    logged_in(k, "alice")
    says("denied.wrong-interface", k.admission(OPEN, s.Struct(struct.pack("<Q", s.ADMIN), ["session"])))
    return says("denied.unknown-name", k.admission(OPEN, s.Struct(struct.pack("<Q", s.ADMIN), ["admin"])))


def facet_of_others(k):
    """On the socket itself, with no membrane of the worker's in between: each call that `sessions` does not have."""
    logged_in(k, WARDEN)
    fd = k.open("admin", s.ADMIN)
    root = k.bootstrap(fd)
    for method in range(ADMIN_CALLS + 1):
        k.question += 1
        k.send(fd, w.call(k.question, root, method, s.Struct(bytes(16), [WARDEN, b"", b""]), iface=s.ADMIN))
        why = k.answer(fd, k.question).exception()
        k.send(fd, w.finish(k.question))
        if method in ADMIN_SESSIONS:
            if why and "denied.method" in why[1]:
                raise a.Failed(f"{method} of its own is refused: {why}")
        elif not why or not re.search("denied.method|on the instance's machine alone|no such method", why[1]):
            raise a.Failed(f"{method} is not refused: {why}")
    return "sessiond"


# ---- all of them -------------------------------------------------------------------------------

def deeds():
    """From HW36 on, in the order of list.md."""
    return [memory, many_descriptors,
            before_login(OPEN, s.Struct(struct.pack("<Q", s.SYSTEM_INFO), ["system_info"])),
            before_login(LOGOUT), before_login(RENEW), before_login(SCHEMA),
            enter_twice, too_many_flows, flow_of_nobody, profile_of_others, kind_of_nobody,
            proof_without_secret, names_of_others, name_with_nul, other_interface,
            renew_anonymous, many_reports, no_such_method, seventeen_crimes,
            ends_after(with_capability),
            ends_after(lambda k: w.resolve_to(0, w.descriptor(w.SENDER_HOSTED, 5))),
            ends_after(lambda k: w.ret_results(77, None)), ends_after(nine_segments),
            ends_after(b"\xff" * 4096), ends_after(lambda k: w.release(k.root, 1000)),
            instance.needs_root(with_descriptor), no_acknowledgement, use_of_a_grant,
            use_after_logout, use_after_revocation, open_after_revocation, other_service_on_a_grant,
            instance.needs_root(descriptor_to_a_service), junk_to_a_service, many_tallies,
            beyond_what_was_granted, admin_of_others, facet_of_others]


def led(target, deed):
    def act():
        k = Worker(target)
        try:
            return deed(k)
        finally:
            k.close()
    return act


def tries(target):
    before = daemons(target)
    rows = {name: (lambda c=call: kernel_try(target, c)) for name, call in kernel_tries().items()}
    first = len(rows) + 1
    rows.update({f"HW{first + i}": led(target, deed) if deed else None
                 for i, deed in enumerate(deeds())})
    rows[f"HW{len(rows) + 1}"] = lambda: after_all(target, before)
    return rows


def daemons(target):
    """Those that must stay; not a copy of caposd that is becoming a zygote."""
    return {p: n for p, n in target.daemons().items()
            if "caposd" not in n or p == target.process.pid}


def after_all(target, before):
    target.settled()
    if daemons(target) != before:
        raise a.Failed(f"before: {before}; now: {daemons(target)}")
    return "nobody"


def main():
    brief = a.instance.service("brief", "capos-system-info", s.SYSTEM_INFO).replace(
        "remote = ", 'facets = [(methods = ["motd"])], remote = ')
    warden = a.instance.profile("warden", ["session", "system_info", "brief", "admin"]).replace(
        '(name = "admin"', '(name = "admin", facet = "sessions"').replace("lease", "elevated = true, lease", 1)
    text = a.instance.manifest(services=[brief], operator=["brief"], anonymous="nobody", profiles=[
        a.instance.profile("nobody", ["session", "system_info", "brief"]), warden])
    return a.main(SCRIPT, lambda: HijackedTarget(text), tries)


class HijackedTarget(a.Target):
    """Every worker is taken over, so no good client can log in: accounts are made, that is all."""

    def __init__(self, text):
        super().__init__(text, {"capos-worker": a.program("hijacked-worker")})

    def start(self):
        super().start()
        self.add_user(WARDEN, ["warden"])


if __name__ == "__main__":
    sys.exit(main())
