#!/usr/bin/env python3
"""facets: which methods a capability has is what the manifest says of the facet that was granted.

Why: a service that has facets decides by itself what each can do, and whoever grants one has only its word. With
`methods` the manifest says it: the worker refuses any other call, on whatever way it comes, before it costs anything;
and what lists capabilities tells the truth. The service here gives every facet everything, so it is never what refuses.

usage: facets.py SERVICE [--forger SERVICE]

The first is faceted.c; the second one of Conf (test/peers/conf.capnp) that is not written with the kit.
"""
import argparse
import json
import os
import re
import signal
import struct
import subprocess
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct, w

SCRIPT = "e2e-facets"
SHELF, KEEPER, TELLER = (s.type_id("faceted", n, root="test/e2e") for n in ("Shelf", "Keeper", "Teller"))
CONF = s.type_id("conf", "Conf", root="test/peers")
LIST, FORBID, SELF, ECHO, OTHER, HANG = range(6)
KEEP = TELL = 0
COUNT = 1
DENIED = "denied.method"
READ = ["list", "self", "echo", "other", "hang", "keep", "Teller.count"]
NAMES = {name: SHELF for name in ("list", "self", "echo", "other", "hang")} | {"keep": KEEPER, "Teller.count": TELLER}
ADMIN_SESSIONS = ["sessionList", "sessionRevoke", "status"]


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(code, call, says=""):
    try:
        call()
    except Refused as e:
        expect((e.code, says in e.reason), (code, True), f"the denial {e}")
        return
    raise Failed(f"expected {code}, and it worked")


def declared(service, *facets):
    """A service's entry with facets: (name, methods)."""
    said = ", ".join(f"(name = {instance.quoted(n)}, methods = [{', '.join(map(instance.quoted, m))}])"
                     for n, m in facets)
    return service.replace("remote = ", f"facets = [{said}], remote = ", 1)


def granted(profile, name, facet):
    return profile.replace(f'(name = "{name}"', f'(name = "{name}", facet = "{facet}"', 1)


def says(ref, method, iface=None, params=None, caps=()):
    """What a method answers."""
    as_it = s.Ref(ref.peer, ref.number, iface or ref.iface)
    return as_it.call(method, params, caps)


class Cases:
    def __init__(self, faceted, forger):
        self.shelf = instance.service("shelf", os.path.abspath(faceted), SHELF)
        self.conf = instance.service("conf", os.path.abspath(forger), CONF) if forger else None
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.target = instance.Instance(self.text())

    def text(self, read=READ, facet="read", service=None):
        """The manifest: `reader` has the facet, `writer` the ordinary one, which is not declared."""
        base = ["session", "system_info", "chat"]
        services = [service or declared(self.shelf, ("read", read), ("write", []))]
        reader = granted(instance.profile("reader", base + ["shelf", "admin"]), "shelf", facet)
        profiles = [granted(reader, "admin", "sessions").replace("lease", "elevated = true, lease", 1),
                    instance.profile("writer", base + [("shelf", "services")]),
                    granted(instance.profile("both", base + [("shelf", "services")]), "shelf", facet)]
        if self.conf:
            services.append(declared(self.conf, ("", ["add", "getSelf", "hang"])))
            profiles[0] = profiles[0].replace("bundle = [", 'bundle = [(name = "conf"), ', 1)
        return instance.manifest(services=services, profiles=profiles)

    def reader(self, name="reader"):
        return self.target.login(name)

    def audit(self):
        return instance.audit(self.target.state)

    def run(self, *words):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "HOME": self.target.folder.name})
        return done

    # ---- calls

    def has_some(self):
        """Own methods and inherited ones, each by its interface; and no others."""
        peer, session, caps = self.reader()
        shelf = s.get(caps, "shelf", SHELF)
        for method, iface in ((LIST, SHELF), (OTHER, SHELF), (KEEP, KEEPER), (COUNT, TELLER)):
            says(shelf, method, iface)
        for method, iface in ((FORBID, SHELF), (COUNT, KEEPER), (TELL, TELLER), (99, SHELF), (0, s.CHAT)):
            refused(DENIED, lambda m=method, i=iface: says(shelf, m, i), "without this method")
        says(shelf, LIST)
        session.call(3)
        peer.close()

    def pipelined(self):
        """Calls on what `get` will give, before it has given it."""
        peer, session, caps = self.reader()
        asked = caps.send(1, Struct(struct.pack("<Q", SHELF), ["shelf"]))
        questions = []
        for method in (FORBID, LIST, FORBID):
            q = peer.fresh_id()
            peer.send(w.call(q, w.to_answer(asked, 0), method, iface=SHELF))
            questions.append(q)
        for q, good in zip(questions, (False, True, False)):
            if good:
                expect(s.text(peer.wait(q).content.ptr(0)), "list", "the one that it has")
            else:
                refused(DENIED, lambda question=q: peer.wait(question))
        peer.wait(asked)
        session.call(3)
        peer.close()

    def again_and_around(self):
        """The same object, handed out once more by the service, is no wider; another one is the service's business."""
        peer, session, caps = self.reader()
        shelf = s.get(caps, "shelf", SHELF)
        same = shelf.call(SELF).ref(0, SHELF)
        refused(DENIED, lambda: same.call(FORBID))
        mine = [w.descriptor(w.RECEIVER_HOSTED, shelf.number)]
        echoed = shelf.call(ECHO, Struct(b"", [w.Cap(0)]), mine).ref(0, SHELF)
        refused(DENIED, lambda: echoed.call(FORBID))
        shelf.call(OTHER).ref(0, SHELF).call(LIST)
        expect("forbid was called" in self.target.log_text(), False, "whether the service was called")
        session.call(3)
        peer.close()

    def early_around(self):
        """A call on what it hands back, made before it has: it waits at the worker, which refuses it then."""
        peer, session, caps = self.reader()
        shelf = s.get(caps, "shelf", SHELF)
        for method, params, mine in ((SELF, None, ()),
                                     (ECHO, Struct(b"", [w.Cap(0)]), [w.descriptor(w.RECEIVER_HOSTED, shelf.number)])):
            asked = shelf.send(method, params, mine)
            q = peer.fresh_id()
            peer.send(w.call(q, w.to_answer(asked, 0), FORBID, iface=SHELF))
            refused(DENIED, lambda question=q: peer.wait(question))
            peer.wait(asked)
        expect("forbid was called" in self.target.log_text(), False, "whether the service was called")
        session.call(3)
        peer.close()

    def others_have_all(self):
        """The ordinary facet is not declared here: all of it."""
        peer, session, caps = self.reader("writer")
        expect(s.methods(caps)["shelf"], [], "what is listed")
        shelf = s.get(caps, "shelf", SHELF)
        for method, iface in ((OTHER, SHELF), (COUNT, KEEPER), (TELL, TELLER)):
            says(shelf, method, iface)
        refused("service", lambda: says(shelf, 99), "")
        session.call(3)
        peer.close()

    def passed_on(self):
        """Whoever is handed it has what it has: the chat service, that it is passed on to, drops it; here it is passed
        on to the same service under another caller's eyes."""
        peer, session, caps = self.reader("both")
        shelf, chat = s.get(caps, "shelf", SHELF), s.get(caps, "chat", s.CHAT)
        mine = [w.descriptor(w.RECEIVER_HOSTED, shelf.number)]
        chat.call(0, Struct(b"", ["#facets", w.Cap(0)]), mine)
        refused(DENIED, lambda: shelf.call(FORBID))
        session.call(3)
        peer.close()

    def foreign(self):
        """A service that does not look at what it is told of methods: the worker does."""
        if not self.conf:
            raise instance.Skip("there is no such service here")
        peer, session, caps = self.reader()
        conf = s.get(caps, "conf", CONF)
        conf.call(1, Struct(struct.pack("<ii", 1, 2)))
        for method in (0, 2, 4, 26):
            refused(DENIED, lambda m=method: conf.call(m))
        same = conf.call(3).ref(0, CONF)
        same.call(1, Struct(struct.pack("<ii", 1, 2)))
        refused(DENIED, lambda: same.call(0))
        conf.release()
        refused(DENIED, lambda: same.call(0))
        session.call(3)
        peer.close()

    def foreign_let_go(self):
        """… also of an object that was let go of and is handed out again, and of one that is not there yet: all in
        one breath, and one after the other."""
        if not self.conf:
            raise instance.Skip("there is no such service here")
        for waits in (False, True):
            peer, session, caps = self.reader()
            got = caps.send(1, Struct(struct.pack("<Q", CONF), ["conf"]))
            if waits:
                peer.recv_return(got)
            last = got
            for method in (3, 3, 0):
                q = peer.fresh_id()
                peer.send(w.call(q, w.to_answer(last, 0), method, iface=CONF))
                peer.send(w.finish(last))
                last = q
            refused(DENIED, lambda question=last: peer.wait(question))
            conf = s.get(caps, "conf", CONF)
            asked = conf.send(3)
            conf.release()
            same = peer.wait(asked).ref(0, CONF)
            refused(DENIED, lambda ref=same: ref.call(0))
            same.call(1, Struct(struct.pack("<ii", 1, 2)))
            same.release()
            session.call(3)
            peer.close()

    def recorded(self):
        """Who tries is in the audit log, by method."""
        peer, session, caps = self.reader()
        info = s.text(session.call(0).content.ptr(0).ptr(0))
        shelf = s.get(caps, "shelf", SHELF)
        for _ in range(3):
            refused(DENIED, lambda: shelf.call(FORBID))
        session.call(3)
        peer.close()
        found = []

        def there():
            found[:] = [r for r in self.audit() if r["what"] == "calls" and r.get("session") == info
                        and r.get("outcome") == DENIED]
            return found
        instance.until(there, "the record")
        expect([(r["capability"], r["times"]) for r in found], [("shelf", "3")], "the records")

    # ---- what is told

    def told(self):
        peer, session, caps = self.reader()
        mine = s.methods(caps)
        expect([(i, n) for i, _, n in mine["shelf"]], [(NAMES[n], n) for n in READ], "what is listed")
        expect([o for _, o, _ in mine["shelf"]], [LIST, SELF, ECHO, OTHER, HANG, KEEP, COUNT], "by number")
        expect(mine["session"], [], "of one that has all")
        session.call(3)
        peer.close()

    def administrators(self):
        """The instance's own `admin`: its facets are as they are."""
        peer, session, caps = self.reader()
        mine = s.methods(caps)["admin"]
        expect([(i, n) for i, _, n in mine], [(s.ADMIN, n) for n in ADMIN_SESSIONS], "what is listed")
        admin = s.get(caps, "admin", s.ADMIN)
        for name in ADMIN_SESSIONS[::2]:
            admin.call(s.ordinal("admin", name))
        for name in ("accountList", "auditPath", "auditRead", "reload"):
            refused(DENIED, lambda n=name: admin.call(s.ordinal("admin", n)))
        session.call(3)
        peer.close()

    def told_to_people(self):
        """`capos caps` and `capos describe` show what can be called, and `capos call` says why it cannot."""
        def capos(*words, code=0, text=""):
            done = subprocess.run([self.capos, *words], input=text, text=True, capture_output=True, timeout=60,
                                  check=False, env={**os.environ, "XDG_RUNTIME_DIR": self.target.folder.name})
            expect(done.returncode, code, f"{words}: {done}")
            return done.stdout
        capos("login", f"reader@{self.target.where}", "--as", "reader", "--password-stdin", text=instance.SECRET + "\n")
        found = json.loads(capos("caps", "--json"))["capabilities"]
        expect({c["name"]: c["methods"] for c in found if c["name"] in ("shelf", "session")},
               {"shelf": READ, "session": []}, "as JSON")
        expect(f"  methods    {', '.join(READ)}\n" in capos("caps", "--long"), True, "the long list")
        granted_ones = {m["name"]: m["granted"] for m in json.loads(capos("describe", "shelf", "--json"))["methods"]}
        expect((granted_ones["list"], granted_ones["forbid"], granted_ones["keep"], granted_ones["tell"]),
               (True, False, True, False), "described as JSON")
        said = capos("describe", "shelf")
        expect(("list()" in said, "forbid" in said, "  3 that the session was not granted\n" in said),
               (True, False, True), f"described: {said}")
        expect(json.loads(capos("call", "shelf", "keep", "--json")), {"said": "keep"}, "a call")
        wanted = ["list", "self", "echo", "other", "hang", "keep", "count"]
        instance.until(lambda: capos("__complete", "--", "call", "shelf", "").split() == wanted, "what is offered")
        said = json.loads(capos("call", "shelf", "forbid", "--json", code=3))
        expect(said["error"]["code"], DENIED, "a call that is refused")
        capos("logout")

    # ---- another manifest

    def loses_a_method(self):
        """It is another capability then: what is there ends, also what is under way, and the new one can be had. Who
        has another facet of the same service notices nothing."""
        peer, session, caps = self.reader()
        other_peer, other, others = self.reader("writer")
        shelf, theirs = s.get(caps, "shelf", SHELF), s.get(others, "shelf", SHELF)
        open_call, their_call = shelf.send(HANG), theirs.send(HANG)
        shelf.call(LIST)
        self.target.changed(self.text(READ[1:]))
        refused("denied.revoked-lease", lambda: peer.wait(open_call), "policy")
        refused("denied.revoked-lease", lambda: shelf.call(SELF), "policy")
        expect([n for _, _, n in s.methods(caps)["shelf"]], READ[1:], "what is listed")
        shelf = s.get(caps, "shelf", SHELF)
        shelf.call(SELF)
        refused(DENIED, lambda: shelf.call(LIST))
        theirs.call(LIST)
        self.target.changed(self.text())
        refused("denied.revoked-lease", lambda: shelf.call(SELF), "policy")  # more is another one, too
        s.get(caps, "shelf", SHELF).call(LIST)
        self.target.changed(self.text(READ[::-1]))  # the same ones
        shelf = s.get(caps, "shelf", SHELF)
        shelf.call(LIST)
        self.target.changed(self.text())
        shelf.call(LIST)
        theirs.call(LIST)
        other_peer.send(w.finish(their_call))
        other.call(3)
        session.call(3)
        peer.close()
        other_peer.close()

    def wrong_ones(self):
        """[(manifest, what is said of it)]: by the service's own word."""
        def of(*facets, facet="read"):
            return self.text(facet=facet, service=declared(self.shelf, *facets))
        at = r":\d+:\d+: services\[2\]\.facets"
        yield of(("read", ["list", "lists"])), at + r"\[0\]\.methods\[1\]: `lists`: the interface has no such method"
        yield of(("read", []), ("write", ["list", "Keeper.tell"])), \
            at + r"\[1\]\.methods\[1\]: `Keeper\.tell`: .*no such"
        yield of(("read", ["count"])), at + r"\[0\]\.methods\[0\]: `count`: several interfaces .*`Interface\.method`"
        yield of(("read", []), ("wirte", ["list"])), at + r"\[1\]\.name: .*refuses `wirte`: .*no such facet"
        yield of(("read", []), ("wirte", [])), at + r"\[1\]\.name: .*refuses `wirte`"
        yield of(("read", []), facet="write"), r"bundle\[3\]\.facet: the service declares none of this name"
        info = instance.service("info", "capos-system-info", s.SYSTEM_INFO)
        yield (instance.manifest(services=[declared(info, ("", ["motd", "mtd"]))]),
               at + r"\[0\]\.methods\[1\]: `mtd`: the interface has no such method")

    def refused_at_start(self):
        """By the check, by the start and by reload: with place and reason."""
        for number, (text, said) in enumerate(self.wrong_ones()):
            path = os.path.join(self.target.folder.name, f"wrong{number}")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            for words in (["manifest", "check", path],
                          ["up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0", "--manifest", path]):
                done = self.run(*words)
                if done.returncode != 1 or not re.search(said, done.stderr):
                    raise Failed(f"{words[0]}: {said!r} is not in {done}")
            done = self.target.reload(text)
            if done.returncode != 1 or not re.search(said, done.stderr):
                raise Failed(f"reload: {said!r} is not in {done}")
        self.target.changed(self.text())

    def explained(self):
        path = os.path.join(self.target.folder.name, "manifest")
        said = self.run("manifest", "explain", path).stdout
        for line in ("      with " + ", ".join(READ), "      with " + ", ".join(ADMIN_SESSIONS)):
            expect(line in said.split("\n"), True, f"whether {line!r} is in {said}")
        said = json.loads(self.run("manifest", "explain", path, "--json", "--account", "new", "--profiles", "reader",
                                   "--method", "password").stdout)
        found = {e["name"]: e["methods"] for e in said["granted"][0]["entries"]}
        expect((found["shelf"], found["admin"], found["session"]), (READ, ADMIN_SESSIONS, []), "as JSON")

    # ---- processes that die

    def service_dies(self):
        """What is had of the next one has the same methods."""
        peer, session, caps = self.reader()
        shelf = s.get(caps, "shelf", SHELF)
        shelf.call(LIST)
        os.kill(self.target.pids("faceted")[0], 9)

        def again():
            try:
                fresh = s.get(caps, "shelf", SHELF)
                fresh.call(LIST)
                refused(DENIED, lambda: fresh.call(FORBID))
                return True
            except Refused:
                return False
        instance.until(again, "the next one")
        session.call(3)
        peer.close()

    def says_nothing(self):
        """One that does not answer is let through at a start, unless its methods have to be known."""
        path = os.path.join(self.target.folder.name, "silent")
        stops = self.shelf.replace("arguments = []", 'arguments = ["--stop"]')
        with open(path, "w", encoding="utf-8") as f:
            f.write(instance.manifest(services=[declared(stops, ("read", ["list"]))]))
        done = self.run("up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0", "--manifest", path)
        if done.returncode != 1 or "services[2].facets: shelf does not say which methods it has" not in done.stderr:
            raise Failed(f"{done}")

    def is_asked_again(self):
        """One that does not answer the next session manager is not had, and is as soon as it does."""
        def unanswered():
            return self.target.log_text().count("shelf does not answer")
        service, before = self.target.pids("faceted")[0], unanswered()
        os.kill(service, signal.SIGSTOP)
        try:
            os.kill(self.target.pids("sessiond")[0], 9)
            instance.until(lambda: unanswered() > before, "the end of its time")
            peer, session, caps = self.reader()
            refused("the", lambda: s.get(caps, "shelf", SHELF).call(LIST), "service is not running")
            s.get(caps, "system_info", s.SYSTEM_INFO).call(0)
        finally:
            os.kill(service, signal.SIGCONT)

        def is_had():
            try:
                s.get(caps, "shelf", SHELF).call(LIST)
                return True
            except Refused:
                return False
        instance.until(is_had, "its answer")
        expect([(i, n) for i, _, n in s.methods(caps)["shelf"]], [(NAMES[n], n) for n in READ], "what is listed then")
        refused(DENIED, lambda: s.get(caps, "shelf", SHELF).call(FORBID))
        session.call(3)
        peer.close()

    def policy_goes_on(self):
        """A service that hangs keeps nobody from changing the rest; what it has never said is waited for."""
        peer, session, caps = self.reader()
        shelf = s.get(caps, "shelf", SHELF)
        service = self.target.pids("faceted")[0]
        os.kill(service, signal.SIGSTOP)
        try:
            done = self.target.reload(self.text(READ[1:]))
            expect((done.returncode, "shelf does not answer" in self.target.log_text()), (0, True), f"{done}")
            done = self.target.reload(self.text(READ + ["tell"]))
            expect((done.returncode, "does not say which methods it has" in done.stderr), (1, True), f"{done}")
        finally:
            os.kill(service, signal.SIGCONT)
        peer.more_time()
        refused("denied.revoked-lease", lambda: shelf.call(SELF), "policy")
        shelf = s.get(caps, "shelf", SHELF)
        shelf.call(SELF)
        refused(DENIED, lambda: shelf.call(LIST))
        self.target.changed(self.text())
        session.call(3)
        peer.close()

    def keeps_files(self):
        """One that cannot be tried beside the one that runs, because of its folder, says it once it is started."""
        def text(*arguments):
            said = ", ".join(map(instance.quoted, arguments))
            return self.text(service=declared(self.shelf, ("read", READ)).replace(
                "arguments = []", f"arguments = [{said}], state = true"))
        self.target.changed(text("read"))
        peer, session, caps = self.reader()

        def is_had():
            try:
                s.get(caps, "shelf", SHELF).call(LIST)
                return True
            except Refused:
                return False
        instance.until(is_had, "the first one")
        self.target.changed(text("read", "more"))
        instance.until(is_had, "the next one")
        refused(DENIED, lambda: s.get(caps, "shelf", SHELF).call(FORBID))
        expect([(i, n) for i, _, n in s.methods(caps)["shelf"]], [(NAMES[n], n) for n in READ], "what is listed")
        self.target.changed(self.text())
        session.call(3)
        peer.close()

    def manager_dies(self):
        """The next session manager asks what the methods are, and nobody has any before it knows."""
        os.kill(self.target.pids("sessiond")[0], 9)

        def again():
            try:
                peer, session, caps = self.reader()
                shelf = s.get(caps, "shelf", SHELF)
                shelf.call(LIST)
                refused(DENIED, lambda: shelf.call(FORBID))
                expect(len(s.methods(caps)["shelf"]), len(READ), "what is listed")
                session.call(3)
                peer.close()
                return True
            except (Refused, OSError, s.Closed):
                return False
        instance.until(again, "the next one")
        expect("forbid was called" in self.target.log_text(), False, "whether the service was called")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("faceted")
    p.add_argument("--forger")
    a = p.parse_args()
    cases = Cases(a.faceted, a.forger)
    with cases.target:
        for name in ("reader", "writer", "both"):
            cases.target.add_user(name, [name])
        return instance.run_cases(SCRIPT, [
            ("a facet has some methods", cases.has_some),
            ("… for calls that are pipelined", cases.pipelined),
            ("… whatever it is handed around as", cases.again_and_around),
            ("… and before it is there", cases.early_around),
            ("… and whoever it is passed on to", cases.passed_on),
            ("another one has all", cases.others_have_all),
            ("of a service that does not look", cases.foreign),
            ("… which hands it out again", cases.foreign_let_go),
            ("who tries is recorded", cases.recorded),
            ("which they are is told", cases.told),
            ("… to people, too", cases.told_to_people),
            ("the instance's own", cases.administrators),
            ("another manifest has fewer, more, the same", cases.loses_a_method),
            ("… while the service hangs", cases.policy_goes_on),
            ("… of one that keeps files", cases.keeps_files),
            ("what cannot be ends the start", cases.refused_at_start),
            ("what it means is explained", cases.explained),
            ("the service dies", cases.service_dies),
            ("the session manager dies", cases.manager_dies),
            ("… and the service does not answer the next one", cases.is_asked_again),
            ("a service that says nothing", cases.says_nothing)])


if __name__ == "__main__":
    sys.exit(main())
