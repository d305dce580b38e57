#!/usr/bin/env python3
"""quotas-cpp: the table of a session's quotas, as a client of the C++ library meets them.

Why: quotas.py asks with a client that was written beside the instance. Here who fills each quota is
a program with nothing of ours but the schemas, before a service of the same library. Each row is
filled exactly, refused one past with its code, and is full again after its things were let go of;
then all of them are filled together, and the client logs out, hangs up, or is killed, its worker is
killed, or its service: whatever ends it, nothing is left with the others, and there is as much room
as before.

usage: quotas-cpp.py CLIENT SERVICE
"""
import importlib.util
import os
import signal
import sys
import time

import instance
import sessionlib as s
from sessionlib import Failed

_spec = importlib.util.spec_from_file_location("broker_cpp", os.path.join(os.path.dirname(__file__), "broker-cpp.py"))
_broker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_broker)
Program, expect = _broker.Client, _broker.expect

CONF = s.type_id("conf", "Conf", root="test/peers")
ECHO, HANG, CANCELED, ANY = 2, 16, 17, 23
CALLS, REFERENCES, MESSAGE, QUEUED, SESSIONS = 8, 12, 16384, 65536, 2
SEGMENTS, NESTING, TRAVERSAL = 64, 64, 8 * MESSAGE
ENVELOPE = 3  # levels around what is nested: Message, Call, Payload
HELD = 3  # references that a client has: the gateway, the session and the service
NAME = "tight"


class Client(Program):
    """The program, logged in, with the service at hand."""

    def __init__(self, program, address):
        super().__init__(program, address)
        self.good("password", NAME, instance.SECRET)
        self.good("get", "conf", CONF)
        self.settles("references", HELD)

    def use(self, row):
        return tuple(self.good("use")[row])

    def used(self, row):
        return self.use(row)[1]

    def is_over(self, code, *words):
        self.is_over_quota([self.ask(*words)], code, words)

    @staticmethod
    def is_over_quota(said, code, what):
        if [(x.get("refused"), x.get("kind")) for x in said] != [(code, "overloaded")]:
            raise Failed(f"{what}: expected {code} once, got {said}")

    def hang(self, n, size=0, references=0):
        self.good("hang", n, size, references)
        expect(self.ask("refused"), [], f"refusals of {n} calls")

    def one_more(self, code, size=0, references=0):
        """A call that is refused."""
        self.good("hang", 1, size, references)
        self.is_over_quota(self.ask("refused"), code, f"one more of {size} bytes and {references} references")

    def settles(self, row, n):
        """A call that was given up counts until the service has returned it. Twice: a service that comes back is on its
        way to the count from below."""
        def is_so():
            return self.ask("use").get(row, [0, -1])[1] == n
        instance.until(lambda: is_so() and not time.sleep(0.1) and is_so(), f"{n} {row}")

    def fill(self):
        """Calls, and references both ways, all at once; the question about it is a call, too."""
        self.settles("references", HELD)
        self.good("sets", REFERENCES - HELD)
        self.hang(1, 0, REFERENCES)
        self.hang(CALLS - 2)
        now = self.good("use")
        for row, limit in (("references", REFERENCES), ("own-references", REFERENCES), ("calls", CALLS)):
            expect(tuple(now[row]), (limit,) * 3, row)
        expect(now["calls-across"][1], CALLS - 1, "calls across")


class Cases:
    def __init__(self, client, service):
        self.program = client
        tight = instance.profile(NAME, ["session", "system_info", "conf"], calls=CALLS, references=REFERENCES,
                                 message='"16KiB"', queued='"64KiB"', sessionsPerAccount=SESSIONS)
        conf = instance.service("conf", os.path.abspath(service), CONF)
        self.target = instance.Instance(instance.manifest(services=[conf], profiles=[tight], operator=["conf"]))

    def client(self):
        return Client(self.program, self.target.address)

    # ---- the rows, each let go of and filled again

    def calls(self):
        """At once, those that the service has not answered among them."""
        with self.client() as c:
            for _ in range(2):
                c.hang(CALLS - 1)
                expect(c.use("calls"), (CALLS,) * 3, "calls")
                c.good("hang", 1, 0, 0)  # in place of the question
                c.is_over("over-quota.calls", "call", ECHO, 0)
                c.is_over("over-quota.calls", "use")
                c.good("let-go", CALLS)
                c.settles("calls", 1)
                expect(c.used("calls-across"), 0, "calls across let go of")

    def inward(self):
        """Calls of the service to the client are among those across; what is refused is the service's."""
        with self.client() as c:
            for n in (CALLS - 1, CALLS, CALLS - 1):
                c.good("inward", n)
                c.settles("calls-across", CALLS)
                said = c.ask("answer")
                if (n < CALLS) != (said == {}) or (n == CALLS and "over-quota.calls" not in said["reason"]):
                    raise Failed(f"{n} calls of the service's: {said}")
                c.settles("calls-across", 0)

    def references(self):
        with self.client() as c:
            for _ in range(2):
                c.good("sets", REFERENCES - HELD)
                expect(c.use("references"), (REFERENCES,) * 3, "references")
                c.is_over("over-quota.references", "sets", 1)
                c.good("let-go", REFERENCES)
                c.settles("references", HELD)

    def own_references(self):
        """Of the client's, with the parameters of calls that the service has: in several calls and in one."""
        with self.client() as c:
            for parts in ((REFERENCES,), (5, REFERENCES - 5)):
                for n in parts:
                    c.hang(1, 0, n)
                expect(c.use("own-references"), (REFERENCES,) * 3, "own references")
                c.one_more("over-quota.references", 0, 1)
                c.good("let-go", len(parts))
                c.settles("own-references", 0)
            c.one_more("over-quota.references", 0, REFERENCES + 1)
            expect(c.used("own-references"), 0, "own references after a call with too many")

    def across(self):
        """Bytes of parameters that the service has: all of them, and not a word more. They are kept for the client,
        too, with what keeping them takes, so its next call may be refused for either."""
        with self.client() as c:
            for _ in range(2):
                c.hang(1, 13000)
                each = c.used("bytes-across")
                c.hang(3, 13000)
                expect(c.used("bytes-across"), 4 * each, "bytes of four calls")
                last = 13000 + QUEUED - 5 * each
                c.one_more("over-quota.bytes", last + 8)
                expect(c.used("bytes-across"), 4 * each, "bytes after a call with too many")
                c.good("hang", 1, last, 0)
                c.is_over("over-quota.bytes", "call", ECHO, 0)
                c.good("let-go", CALLS)
                c.settles("bytes-across", 0)
                expect(c.use("bytes-across"), (QUEUED, 0, QUEUED), "bytes let go of")

    def message(self):
        """The longest, by what the session says of how long it was."""
        with self.client() as c:
            c.good("call", ECHO, 15000)
            longest = 15000 + MESSAGE - c.use("message-bytes")[2]
            for _ in range(2):
                c.good("call", ECHO, longest)
                expect(c.use("message-bytes"), (MESSAGE, 0, MESSAGE), "the longest message")
                c.is_over("over-quota.bytes", "call", ECHO, longest + 8)

    def nesting(self):
        with self.client() as c:
            expect(c.use("message-nesting")[0], NESTING, "the limit")
            for _ in range(2):
                c.good("nest", ANY, NESTING - ENVELOPE)
                c.is_over("over-quota.bytes", "nest", ANY, NESTING - ENVELOPE + 1)

    def traversal(self):
        """A list of nothing takes a word of a message, and as many of what may be looked at as it has elements."""
        with self.client() as c:
            expect(c.use("message-traversal")[0], TRAVERSAL, "the limit")
            good, bad = 0, TRAVERSAL // 8
            while bad - good > 1:
                n = (good + bad) // 2
                said = c.ask("voids", ANY, n)
                if said:
                    c.is_over_quota([said], "over-quota.bytes", n)
                good, bad = (good, n) if said else (n, bad)
            if not TRAVERSAL // 8 - 64 <= good < TRAVERSAL // 8:
                raise Failed(f"{good} elements may be looked at")
            c.good("voids", ANY, good)

    def sessions(self):
        with self.client() as c, self.client():
            expect(c.use("sessions")[0], SESSIONS, "sessions")
            with Program(self.program, self.target.address) as third:
                third.refused("over-quota.sessions", "", "password", NAME, instance.SECRET)

    # ---- all of them, and an end

    def is_gone(self):
        admin = self.target.admin()
        try:
            return not [x for x in admin.sessions() if x["account"] == NAME]
        finally:
            admin.close()

    def canceled(self, c, n):
        instance.until(lambda: c.good("number", CANCELED)["number"] == n, f"{n} calls canceled at the service")

    def ends(self, how):
        """A full session ends: its calls at the service are canceled, and the next can be as full."""
        c = self.client()
        before = c.good("number", CANCELED)["number"]
        c.fill()
        self.canceled(c, before)  # asked behind them: the service has them
        how(c)
        instance.until(self.is_gone, "the end of the session")
        with self.client() as again:
            self.canceled(again, before + CALLS - 1)
            again.fill()
            self.canceled(again, before + CALLS - 1)
        with self.client() as last:
            self.canceled(last, before + 2 * (CALLS - 1))
        instance.until(self.is_gone, "the end of the last session")

    def logout(self):
        def how(c):
            c.good("logout")
            c.refused("denied.stale-session", "", "use")
            c.__exit__()
        self.ends(how)

    def hangs_up(self):
        self.ends(lambda c: c.__exit__())

    def client_killed(self):
        def how(c):
            c.process.kill()
            c.__exit__()
        self.ends(how)

    def worker(self):
        """That of the only connection there is; one of a connection before may still be about to go."""
        found = []

        def one():
            try:
                found[:] = self.workers()
            except FileNotFoundError:
                return False
            return len(found) == 1
        instance.until(one, lambda: f"one worker with a connection: {found}")
        return found[0]

    def workers(self):
        port = int(self.target.address.rsplit(":", 1)[1])
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        inodes = {r[9] for r in rows if int(r[1].split(":")[1], 16) == port and r[3] == "01"}
        return {pid for pid in self.target.pids("worker") for link in instance.opened(pid).values()
                if link[8:-1] in inodes}

    @instance.needs_root
    def worker_killed(self):
        def how(c):
            os.kill(self.worker(), signal.SIGKILL)
            expect(c.ask("use")["kind"], "disconnected", "a call afterwards")
            c.__exit__()
        self.ends(how)

    def service_killed(self):
        """Of the session nothing is at the service any more, and it goes on: with the next one."""
        with self.client() as c:
            c.fill()
            service = self.target.pids("conf-service")[0]
            os.kill(service, signal.SIGKILL)
            c.settles("calls-across", 0)
            now = c.good("use")
            for row in ("calls-across", "bytes-across", "own-references"):
                expect(now[row][1], 0, row)
            expect([x["kind"] for x in c.ask("refused")], ["disconnected"] * (CALLS - 1), "how they have ended")
            c.good("let-go", REFERENCES)
            c.settles("calls", 1)
            instance.until(lambda: self.target.pids("conf-service") not in ([], [service]), "the next service")
            instance.until(lambda: c.ask("get", "conf", CONF) == {}, "the service")
            c.fill()


def main():
    cases = Cases(*sys.argv[1:3])
    with cases.target:
        cases.target.add_user(NAME, [NAME])
        return instance.run_cases("quotas-cpp", [
            ("calls at once", cases.calls),
            ("… and those of the service", cases.inward),
            ("references", cases.references),
            ("references of its own", cases.own_references),
            ("bytes across", cases.across),
            ("the longest message", cases.message),
            ("the deepest message", cases.nesting),
            ("a message that is looked at for long", cases.traversal),
            ("sessions of an account", cases.sessions),
            ("full, and a logout", cases.logout),
            ("… the client hangs up", cases.hangs_up),
            ("… it is killed", cases.client_killed),
            ("… its worker is killed", cases.worker_killed),
            ("… its service is killed", cases.service_killed)])


if __name__ == "__main__":
    sys.exit(main())
