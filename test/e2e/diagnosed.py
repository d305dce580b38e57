#!/usr/bin/env python3
"""diagnosed: Diagnostics at a real instance (R57): a denied call, a slow one and a capability that was taken away are
each found in its panes, read as text and as JSON; nothing that calls carry is; and nobody has it who is not `elevated`.

Why: who looks for what goes wrong has to find it, however much else goes on, and must not be shown what is nobody's
business. So what is secret here is written into every place that a call or a login has.

usage: diagnosed.py HOLDER KV
"""
import os
import re
import struct
import subprocess
import sys

import heard
import instance
from instance import until
from people import People, expect
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-diagnosed"
DIAGNOSTICS = s.type_id("diagnostics", "Diagnostics")
INSTANCE = s.type_id("instance", "InstanceView")
TRACE = s.type_id("instance", "CallTrace")
HOLDER = s.type_id("holder", "Holder", root="test/e2e")
KV = s.type_id("kv", "Kv", root="example/service/kv")
GET, SET, NEXT = 0, 1, 2
METRICS, AUDIT, RECENT = 0, 1, 0
SECRET = "hunter2"  # in every place that a call has
SLOW_MS = 1200
FLOOD = 400


def powerful(service, powers, *grants):
    """A service's entry that says so, and holds these: (name, facet)."""
    said = ", ".join(f'(name = "{n}", facet = "{f}")' for n, f in grants)
    return service.replace("remote = ", f"powers = [{powers}], grants = [{said}], remote = ", 1)


def elevated(name, grants):
    text = instance.profile(name, grants).replace("lease = ", "elevated = true, lease = ", 1)
    return text.replace('(name = "diagnostics"', '(name = "diagnostics", ui = true')


class Cases(People):
    def __init__(self, holder, kv):
        holder = os.path.abspath(holder)
        self.diagnostics = powerful(instance.service("diagnostics", "capos-diagnostics", DIAGNOSTICS), "audit, debug",
                                    ("instance", ""), ("trace", ""))
        narrow = powerful(instance.service("narrow", holder, HOLDER), "debug", ("instance", "metrics"))
        tracer = powerful(instance.service("tracer", holder, HOLDER), "audit, debug", ("instance", "audit"),
                          ("trace", ""))
        kv = instance.service("kv", os.path.abspath(kv), KV).replace(
            "remote = ", 'facets = [(methods = ["set", "next"])], remote = ', 1)
        self.services = [self.diagnostics, narrow, tracer, kv]
        self.profiles = [elevated("warden", ["session", "system_info", "diagnostics", "narrow", "tracer"]),
                         instance.profile("user", ["session", "system_info", "kv"])]
        self.target = instance.Instance(instance.manifest(services=self.services, profiles=self.profiles))

    def prepare(self):
        self.arrive(self.target, ("wanda", "warden", "wanda"), ("ada", "user"), ("bob", "user"), COLUMNS="200")

    def user(self, name):
        """(peer, session, caps, kv) of somebody who works."""
        peer, session, caps = self.target.login(name, wanted="user")
        return peer, session, caps, s.get(caps, "kv", KV)

    # ---- who has it

    def not_without_powers(self):
        """The start is refused, with the place."""
        chat = instance.service("own", "capos-chat", s.CHAT)
        for services, profiles, says in (
                ([self.diagnostics], [instance.profile("warden", ["session", "system_info", "diagnostics"])],
                 "the profile is not `elevated`"),
                ([self.diagnostics.replace("audit, debug", "debug")], [], "powers (`audit`)"),
                ([self.diagnostics.replace("audit, debug", "audit")], [], "powers (`debug`)"),
                ([powerful(chat, "audit, debug", ("instance", "other"))], [], "grants[0].facet"),
                ([powerful(chat, "audit, debug", ("trace", "metrics"))], [], "grants[0].facet"),
                ([], [elevated("warden", ["session", "system_info", "trace"])], "services have it alone"),
                ([instance.service("trace", "capos-chat", s.CHAT)], [], "the instance's own")):
            path = os.path.join(self.target.folder.name, "wrong.manifest")
            with open(path, "w", encoding="utf-8") as f:
                f.write(instance.manifest(services=services, profiles=profiles))
            done = self.run("manifest", "check", path, code=1)
            if says not in done.stdout + done.stderr:
                raise Failed(f"no {says!r} in {done}")

    @staticmethod
    def lent(holder, name, iface):
        return holder.call(0, Struct(struct.pack("<Q", iface), [name])).ref(0, iface)

    def by_its_facet(self):
        """Who holds numbers has no records, and no calls."""
        peer, session, caps = self.target.login("wanda", wanted="warden")
        narrow = s.get(caps, "narrow", HOLDER)
        view = self.lent(narrow, "instance", INSTANCE)
        trace = self.lent(narrow, "trace", TRACE)
        names = [s.text(m.ptr(0)) for m in view.call(METRICS).content.ptr(0)]
        expect(names, ["sessions", "workers", "descriptors", "records", "refusals", "calls"], "the numbers")
        for ask, why in ((lambda: view.call(AUDIT, Struct(struct.pack("<QHxxI", 0, 9, 0))), "denied.method"),
                         (lambda: trace.call(RECENT, Struct(struct.pack("<QHxxI", 0, 9, 0))), "denied.unknown-name")):
            try:
                ask()
            except Refused as e:
                expect((e.code, why in e.reason), ("service", True), f"the refusal {e}")
                continue
            raise Failed(f"expected {why}, and it worked")
        session.call(3)
        peer.close()

    # ---- what happens, to be found

    def secretly(self, ask):
        """Fails, whatever is said."""
        try:
            ask()
        except Refused:
            return
        raise Failed("it was not refused")

    def goings_on(self):
        """A denied call, two slow ones, many good ones, one that is cut off, and secrets in all of them."""
        peer, session, caps, kv = self.user("ada")
        self.secretly(lambda: kv.call(GET, Struct(b"", [SECRET])))
        self.secretly(lambda: s.get(caps, SECRET, KV))
        # Calls arrive in their order: the first has been there for as long as the second when that is over.
        first = kv.send(NEXT, Struct(struct.pack("<I", 60000), [SECRET]))
        self.secretly(lambda: kv.call(NEXT, Struct(struct.pack("<I", SLOW_MS), [SECRET + "-other"])))
        kv.call(SET, Struct(struct.pack("<I", 0), [SECRET, SECRET]))
        expect(s.text(peer.wait(first).content.ptr(0)), SECRET, "what the slow call gives")
        for _ in range(FLOOD):
            kv.call(SET, Struct(struct.pack("<I", 0), [SECRET, SECRET]))
        session.call(3)
        peer.close()
        peer = self.target.connect()
        self.secretly(lambda: peer.password(SECRET, SECRET))
        peer.close()

    def taken_away(self):
        """In the middle of a call."""
        peer, _, _, kv = self.user("bob")
        open_one = kv.send(NEXT, Struct(struct.pack("<I", 60000), [SECRET]))
        kv.call(SET, Struct(struct.pack("<I", 0), [SECRET + "-more", SECRET]))  # so the first has arrived
        admin = self.target.admin()
        admin.revoke([x["id"] for x in admin.sessions() if x["account"] == "bob"][0], "kv")
        admin.close()
        try:
            peer.wait(open_one)
        except Refused as e:
            expect(e.code, "denied.revoked-lease", f"the open call, {e.reason!r}")
        peer.close()

    def shown(self, *more):
        return self.run("ui", "diagnostics", "-s", "wanda", "--once", "--personal", *more).stdout

    def found(self):
        """In the panes: each toned as what it is, in the log, the chart and the table."""
        rows = (r"^ +x .*ada \w+ +kv +Kv\.get +- +denied\.method *$",
                r"^ +! .*ada \w+ +kv +Kv\.next +[\d.]+ s +overloaded, slow *$",
                r"^ +! .*ada \w+ +kv +Kv\.next +[\d.]+ s +ok, slow *$",
                r"^ +\d\d.*ada \w+ +kv +Kv\.set +\d+\.\d ms +ok *$",
                r"^ +x .*bob \w+ +kv +Kv\.next +\d.* m?s +denied\.revoked-lease *$",
                r"^ +! .*bob \w+: revocation ok: kv *$",
                r"^ +x .*ada \w+: open denied\.unknown-name *$",
                r"^ +x .*nobody: attempt denied\.credentials *$",
                r"^ +x denied\.method at ")
        with heard.Program([self.capos, "ui", "diagnostics", "-s", "wanda", "--follow", "--personal"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=self.env) as screen:
            heard.until(screen.stdout, "diagnostics: Calls (table)")
            self.run("run", "diagnostics", "window", "seconds=600", "-s", "wanda")
            self.traced()
            self.goings_on()
            self.taken_away()
            self.said = ""

            def all_there():
                self.said = self.shown()
                return all(re.search(r, self.said, re.M) for r in rows)
            until(all_there, lambda: f"all of {[r for r in rows if not re.search(r, self.said, re.M)]} in {self.said}")
            self.json = self.shown("--json")
            self.by_settings(screen)
            screen.kill()
        for text in (self.said, self.json):
            expect([line for line in text.splitlines() if SECRET in line], [], "lines with a secret")
        lines = [x for x in self.target.log_text().splitlines() if SECRET in x and "capos-diagnostics" in x]
        expect(lines, [], "what it says in the log")

    def traced(self):
        """A call is seen, by its name."""
        peer, session, _, kv = self.user("ada")

        def seen():
            kv.call(SET, Struct(struct.pack("<I", 0), ["a", "b"]))
            return re.search(r"ada \w+ +kv +Kv\.set ", self.shown())
        until(seen, "a call that is traced")
        session.call(3)
        peer.close()

    def by_settings(self, screen):
        """The look of its panes for the session; marks; what is slow; how much."""
        self.run("run", "diagnostics", "mark", "label=here it was", "-s", "wanda")
        until(lambda: "* here it was at " in self.shown(), "the mark")
        self.run("run", "diagnostics", "slow", "ms=60000", "-s", "wanda")
        until(lambda: "ok, slow" not in self.shown(), "nothing that is slow")
        for on, look in (("true", "compact"), ("false", "regular")):
            self.run("run", "diagnostics", "compact", f"on={on}", "-s", "wanda")
            heard.until(screen.stdout, "the look of its panes:")
            heard.until(screen.stdout, look)
        for words in (("window", "seconds=9"), ("window", "seconds=601"), ("slow", "ms=0"), ("mark", "label=")):
            self.run("call", "diagnostics", *words, "-s", "wanda", code=1)

    def told_to_who_holds_it(self):
        """What a holder of `trace` is told of a call: whose it was and how it ended, and not what it carried."""
        peer, session, caps = self.target.login("wanda", wanted="warden")
        trace = self.lent(s.get(caps, "tracer", HOLDER), "trace", TRACE)
        mine, theirs, _, kv = self.user("ada")

        def recent(after, wait_ms=0):
            return trace.call(RECENT, Struct(struct.pack("<QHxxI", after, 64, wait_ms))).content

        def told():
            kv.call(SET, Struct(struct.pack("<I", 0), ["a", "b"]))
            return [c for c in recent(0).ptr(0) if s.text(c.ptr(1)) == "ada"]
        call = until(told, "a call")[-1]
        expect([s.text(call.ptr(i)) for i in (2, 3, 4)], ["user", "kv", "ok"], "what is told of it")
        theirs.call(3)
        mine.close()
        session.call(3)
        peer.close()


def main(holder, kv):
    cases = Cases(holder, kv)
    with cases.target:
        cases.prepare()
        rows = [("not without powers", cases.not_without_powers),
                ("by its facet", cases.by_its_facet),
                ("found in its panes", cases.found),
                ("told to who holds it", cases.told_to_who_holds_it)]
        return cases.rows(SCRIPT, rows)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
