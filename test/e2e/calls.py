#!/usr/bin/env python3
"""calls: what the audit log says of ordinary calls.

Why: who did what has to be found afterwards, and a line for each call would be the larger part of
what a call costs. So calls are counted, by capability and method, once a minute and at the end of a
session, however it ends; where the profile says `auditCalls`, each has a line of its own.
"""
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused

SCRIPT = "e2e-calls"
CALLS = 7
TRIES = 40


def text():
    each = instance.profile("each", ["session", "system_info", "admin"])
    each = each.replace("(name =", "(auditCalls = true, elevated = true, name =", 1).replace(
        '(name = "admin"', '(name = "admin", facet = "sessions"', 1)
    return instance.manifest(profiles=[each])


class Calls:
    def __init__(self, run):
        self.run = run
        self.run.add_user("ada")
        self.run.add_user("each", ["each"])

    def records(self, what, session):
        return [x for x in instance.audit(self.run.state)
                if x["what"] == what and x.get("session") == session]

    def session(self, who):
        """A session that has called; (connection, session, its id)."""
        peer, session, caps = self.run.login(who)
        number = s.text(session.call(0).content.ptr(0).ptr(0))
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        for _ in range(CALLS):
            s.motd(info)
        return peer, session, number

    def are_counted(self, number):
        def there():
            return self.records("calls", number)
        instance.until(there, "the record of the calls")
        found = there()
        one = found[0]
        if len(found) != 1 or one["times"] != str(CALLS) or one["outcome"] != "ok":
            raise Failed(str(found))
        if (one["account"], one["capability"], one["reporter"]) != ("ada", "system_info", "worker"):
            raise Failed(str(one))
        if not one["detail"].startswith(f"0x{s.SYSTEM_INFO:016x}.0, "):
            raise Failed(str(one))

    def logout(self):
        peer, session, number = self.session("ada")
        session.call(3)
        self.are_counted(number)
        peer.close()

    def disconnect(self):
        peer, _, number = self.session("ada")
        peer.close()
        self.are_counted(number)

    def revocation(self):
        peer, _, number = self.session("ada")
        admin = self.run.admin()
        admin.revoke(number)
        admin.close()
        self.are_counted(number)
        peer.close()

    def each_call(self):
        peer, session, number = self.session("each")
        session.call(3)
        peer.close()
        instance.until(lambda: len(self.records("call", number)) == CALLS, "a record for each call")
        if self.records("calls", number) or {x["times"] for x in self.records("call", number)} != {"1"}:
            raise Failed("they were counted, too")

    def each_call_while_it_lasts(self):
        peer, _, number = self.session("each")
        instance.until(lambda: len(self.records("call", number)) == CALLS, "a record for each call")
        peer.close()

    def flood(self):
        """Who is refused a great many methods, of as many interfaces, has no record less of what went through."""
        peer, session, number = self.session("each")
        caps = s.cap_set(session)
        info, admin = s.get(caps, "system_info", s.SYSTEM_INFO), s.get(caps, "admin", s.ADMIN)
        good = refused = 0
        for turn in range(100):
            asked = []
            for i in range(TRIES):
                q = peer.fresh_id()
                peer.send(s.w.call(q, admin.number, 100 + turn * TRIES + i, iface=s.ADMIN + i % 7))
                asked.append(q)
            s.motd(info)
            for q in asked:
                try:
                    peer.wait(q)
                except Refused as e:
                    if e.code != "denied.method":
                        raise
                    refused += 1
            good += 1
        session.call(3)
        peer.close()
        if refused != 100 * TRIES:
            raise Failed(f"{refused} were refused")
        instance.until(lambda: self.records("calls", number), "the record of what was refused")
        one, found = self.records("calls", number), self.records("call", number)
        if len(found) != CALLS + good or {x["capability"] for x in found} != {"system_info"}:
            raise Failed(f"{len(found)} of {CALLS + good} were recorded")
        if [(x["outcome"], x["times"], x["detail"].split(",")[0]) for x in one] != [
                ("denied.method", str(refused), "several methods")]:
            raise Failed(f"what was refused: {one}")


def main():
    try:
        with instance.Instance(text()) as run:
            c = Calls(run)
            cases = [c.logout, c.disconnect, c.revocation, c.each_call, c.each_call_while_it_lasts, c.flood]
            return instance.run_cases(SCRIPT, [(f.__name__, f) for f in cases])
    except (Failed, Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
