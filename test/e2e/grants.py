#!/usr/bin/env python3
"""grants: what services hold of other services is what the manifest says, for as long as it says so.

Why: a service that does something with another (R42: rooms that speak through Chat) has it by a line of its manifest
entry, and not by whoever calls it. What it gets there is what that line says, on record, and whatever ends, ends it.
The holder here (holder.c) lends what it holds, so each call is the test's, and arrives as the service's own.

usage: grants.py HOLDER SERVICE [SERVER]

The second is faceted.c, the third the C++ library's calculator, which stands behind a connector.
"""
import os
import re
import shutil
import struct
import subprocess
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-grants"
HOLDER = s.type_id("holder", "Holder", root="test/e2e")
SHELF = s.type_id("faceted", "Shelf", root="test/e2e")
CONNECTOR = os.path.join("test", "interop", "connector")
CALCULATOR = s.type_id("calculator", "Calculator", root=CONNECTOR)
CALCULATOR_VALUE = s.type_id("calculator", "Calculator.Value", root=CONNECTOR)
EVALUATE, GET_OPERATOR = 0, 2
LIST, FORBID = 0, 1
ROOM = "#room"
SAY, CHANNELS = 2, 1
CHAT = ("chat", "")
READ = ("shelf", "read")


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(call, says):
    """What the holder, or who stands behind it, refuses comes as the word of a service."""
    try:
        call()
    except Refused as e:
        expect((e.code, says in e.reason), ("service", True), f"the refusal {e}")
        return
    raise Failed(f"expected {says!r}, and it worked")


def holding(service, *grants):
    """A service's entry, that holds these: (name, facet)."""
    said = ", ".join(f"(name = {instance.quoted(n)}, facet = {instance.quoted(f)})" for n, f in grants)
    return service.replace("remote = ", f"grants = [{said}], remote = ", 1)


class Cases:
    def __init__(self, holder, faceted, server=None):
        self.server = server and os.path.abspath(server)
        self.holder = instance.service("holder", os.path.abspath(holder), HOLDER)
        # It asks when it starts, and stands before all that it could ask for.
        self.early = instance.service("early", os.path.abspath(holder), HOLDER, ["--early", "shelf", str(SHELF)])
        shelf = instance.service("shelf", os.path.abspath(faceted), SHELF)
        self.shelf = shelf.replace("remote = ", 'facets = [(name = "read", methods = ["list"]), ()], remote = ', 1)
        self.target = instance.Instance(self.text())

    def text(self, *grants, early=READ):
        """The manifest; without grants: the usual ones."""
        text = instance.manifest(services=[holding(self.holder, *(grants or (CHAT, READ))), self.shelf],
                                 operator=["holder", "early"])
        return text.replace("services = [", f"services = [{holding(self.early, early)},\n    ", 1)

    def session(self):
        """(peer, session, caps, the holder)"""
        peer, session, caps = self.target.login()
        return peer, session, caps, s.get(caps, "holder", HOLDER)

    @staticmethod
    def lent(holder, name, iface):
        """What it holds under a name."""
        return holder.call(0, Struct(struct.pack("<Q", iface), [name])).ref(0, iface)

    @staticmethod
    def members(place):
        return [s.text(m) for m in place.call(1).content.ptr(0)]

    def chat_of(self, holder):
        """Its Chat, once that is there."""
        def there():
            try:
                chat = self.lent(holder, "chat", s.CHAT)
                chat.call(CHANNELS)
                return chat
            except Refused:
                return None
        return instance.until(there, "what it holds")

    def audit(self):
        return instance.audit(self.target.state)

    # ---- what it has

    def speaks_in_chat(self):
        """It is heard, as one and the same whoever asks it to, and as nobody else."""
        labels = []
        for _ in range(2):
            peer, session, caps, holder = self.session()
            mine, label = s.join(s.get(caps, "chat", s.CHAT), ROOM)
            chat = self.lent(holder, "chat", s.CHAT)
            its, its_label = s.join(chat, ROOM)
            chat.call(SAY, Struct(b"", [ROOM, "good evening"]))
            instance.until(lambda m=mine, two=(label, its_label): sorted(self.members(m)) == sorted(two), "the two")
            expect(label == its_label, False, "whether it is whoever has asked it")
            history = s.get(caps, "chat", s.CHAT).call(0, Struct(b"", [ROOM, None])).content.ptr(2)
            said = [(s.text(e.ptr(1)), s.text(e.ptr(2))) for e in history if e.uint(18 * 8, 16) == 0]
            expect(said[-1:], [(its_label, "good evening")], "what was said last")
            labels.append(its_label)
            its.call(2)
            session.call(3)
            peer.close()
        expect(labels[0], labels[1], "what it is called")

    def nothing_else(self):
        peer, session, _, holder = self.session()
        for name, iface, why in (("system_info", s.SYSTEM_INFO, "denied.unknown-name"),
                                 ("session", s.CHAT, "denied.unknown-name"), ("admin", s.ADMIN, "denied.unknown-name"),
                                 ("holder", HOLDER, "denied.unknown-name"), ("", s.CHAT, "denied.unknown-name"),
                                 ("chat", SHELF, "denied.wrong-interface")):
            refused(lambda n=name, i=iface: self.lent(holder, n, i).call(0), why)
        session.call(3)
        peer.close()

    def by_its_facet(self):
        """With the methods that the facet has, and no others."""
        peer, session, _, holder = self.session()
        shelf = self.lent(holder, "shelf", SHELF)
        expect(s.text(shelf.call(LIST).content.ptr(0)), "list", "the one that it has")
        refused(lambda: shelf.call(FORBID), "denied.method")
        expect("forbid was called" in self.target.log_text(), False, "whether the service was called")
        session.call(3)
        peer.close()

    def asked_early(self):
        """Before the other service was there, nor the session manager: it waits."""
        peer, session, caps = self.target.login()
        shelf = self.lent(s.get(caps, "early", HOLDER), "shelf", SHELF)
        expect(s.text(shelf.call(LIST).content.ptr(0)), "list", "what was asked for at the start")
        session.call(3)
        peer.close()

    def recorded(self):
        """The first time each, and what is refused."""
        found = [(r["what"], r["outcome"], r.get("capability"), r.get("detail"))
                 for r in self.audit() if r.get("source") == "service" and "times" not in r]
        for wanted in (("open", "ok", "chat", "holder"), ("open", "ok", "shelf", "holder"),
                       ("open", "ok", "shelf", "early"), ("open", "denied.unknown-name", "system_info", "holder"),
                       ("open", "denied.wrong-interface", "chat", "holder")):
            expect(found.count(wanted), 1, f"{wanted} in {found}")

    # ---- a server that knows nothing of the instance

    def connected(self):
        """It is held as any other is, and by its facet; when its program dies, it is another."""
        if not self.server:
            raise instance.Skip("there is no C++ library")
        folder = self.target.folder.name
        shutil.copy(os.path.join(s.TOP, CONNECTOR, "calculator.capnp"), folder)
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        connect = [self.server, "calculator.capnp", "--as", "calculator", "--", "-"]
        done = subprocess.run([capos, "manifest", "connect", *connect], cwd=folder, env=dict(os.environ, PWD=folder),
                              capture_output=True, text=True, timeout=60, check=True)
        entry = done.stdout.partition("#")[0].strip().rstrip(",").replace(
            "remote = ", 'facets = [(), (name = "sums", methods = ["evaluate"])], remote = ', 1)
        programs = lambda: self.target.pids("calculator-server")  # noqa: E731

        def changed(facet):
            self.target.changed(self.text(CHAT, READ, ("calculator", facet)).replace(
                "services = [", f"services = [{entry},\n    ", 1))

        def value(holder):
            calculator = self.lent(holder, "calculator", CALCULATOR)
            literal = Struct(struct.pack("<dQ", 5.0, 0), [None, None])
            held = calculator.call(EVALUATE, Struct(b"", [literal])).ref(0, CALCULATOR_VALUE)
            return struct.unpack("<d", struct.pack("<Q", held.call(0).content.uint(0, 64)))[0]

        def again():
            try:
                return value(holder) == 5.0
            except Refused:
                return False

        changed("")
        peer, session, _, holder = self.session()
        expect(value(holder), 5.0, "what it says")
        expect(len(programs()), 1, "how many there are")
        self.lent(holder, "calculator", CALCULATOR).call(GET_OPERATOR)
        os.kill(programs()[0], 9)
        instance.until(again, "the next one")
        changed("sums")
        instance.until(again, "it with a facet")
        refused(lambda: self.lent(holder, "calculator", CALCULATOR).call(GET_OPERATOR), "denied.method")
        self.target.changed(self.text())
        instance.until(lambda: not programs(), "the end of its program")
        session.call(3)
        peer.close()

    # ---- what ends it

    def the_other_dies(self):
        """What it had breaks, and what it asks for then is of the next one."""
        peer, session, _, holder = self.session()
        chat = self.chat_of(holder)
        os.kill(self.target.pids("capos-chat")[0], 9)

        def broken():
            try:
                chat.call(CHANNELS)
            except Refused:
                return True
            return False
        instance.until(broken, "the end of what it held")
        self.chat_of(holder)
        session.call(3)
        peer.close()

    def it_dies(self):
        """What it held ends with it: it is in the room no longer."""
        peer, session, caps, holder = self.session()
        mine, label = s.join(s.get(caps, "chat", s.CHAT), ROOM)
        its, _ = s.join(self.chat_of(holder), ROOM)
        its.call(1)
        instance.until(lambda: len(self.members(mine)) == 2, "the two")
        old = self.target.pids("holder")
        for pid in old:
            os.kill(pid, 9)
        instance.until(lambda: self.members(mine) == [label], "its leaving")

        def again():
            try:
                self.lent(s.get(caps, "holder", HOLDER), "chat", s.CHAT).call(CHANNELS)
                return True
            except Refused:
                return False
        instance.until(again, "the next one")

        def two_others():
            now = self.target.pids("holder")
            return len(now) == 2 and not set(now) & set(old)
        instance.until(two_others, "the other one of its program")
        session.call(3)
        peer.close()

    def session_manager_dies(self):
        pids = self.target.pids("holder")
        os.kill(self.target.pids("sessiond")[0], 9)

        def again():
            try:
                peer, session, _, holder = self.session()
                self.lent(holder, "chat", s.CHAT).call(CHANNELS)
                session.call(3)
                peer.close()
                return True
            except (Refused, OSError, s.Closed):
                return False
        instance.until(again, "the next one")
        expect(self.target.pids("holder"), pids, "the service's process")

    def policy_takes_it(self):
        """At once, and gives it again; the service goes on, and so does whoever has the same by a session."""
        peer, session, caps, holder = self.session()
        pids, before = self.target.pids("holder"), len(self.audit())
        mine, chat = s.get(caps, "chat", s.CHAT), self.chat_of(holder)
        shelf = self.lent(holder, "shelf", SHELF)
        self.target.changed(self.text(READ))
        refused_by_now = []

        def broken():
            try:
                chat.call(CHANNELS)
            except Refused as e:
                refused_by_now.append(str(e))
            return refused_by_now
        instance.until(broken, "the end of what it held")
        refused(lambda: self.lent(holder, "chat", s.CHAT).call(CHANNELS), "denied.unknown-name")
        mine.call(CHANNELS)
        shelf.call(LIST)
        self.target.changed(self.text(CHAT, ("shelf", "")))
        self.chat_of(holder)
        self.lent(holder, "shelf", SHELF).call(FORBID)
        expect(self.target.pids("holder"), pids, "the service's process")
        taken = [(r["capability"], r["detail"]) for r in self.audit()[before:]
                 if r["what"] == "revocation" and r.get("source") == "service"]
        expect(taken, [("chat", "holder"), ("shelf", "holder")], "what is recorded")
        self.target.changed(self.text())
        session.call(3)
        peer.close()

    # ---- what is wrong

    def refused_at_start(self):
        """A facet that the other one has not: by the check, by the start and by reload."""
        text = self.text(("chat", "prompter"))
        said = r":\d+:\d+: services\[3\]\.grants\[0\]\.facet: chat refuses `prompter`: "
        path = os.path.join(self.target.folder.name, "wrong")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        for words in (["manifest", "check", path],
                      ["up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0", "--manifest", path]):
            done = subprocess.run([capos, *words], capture_output=True, text=True, timeout=60, check=False,
                                  env={**os.environ, "HOME": self.target.folder.name})
            if done.returncode != 1 or not re.search(said, done.stderr):
                raise Failed(f"{words[0]}: {said!r} is not in {done}")
        done = self.target.reload(text)
        if done.returncode != 1 or not re.search(said, done.stderr):
            raise Failed(f"reload: {said!r} is not in {done}")
        self.target.changed(self.text())

    def a_new_one_holds_something(self):
        """One that is started for another manifest has nothing until that counts."""
        self.target.changed(self.text(early=CHAT).replace(str(SHELF), str(s.CHAT), 1).replace(
            '"--early", "shelf"', '"--early", "chat"', 1))
        peer, session, caps = self.target.login()
        self.lent(s.get(caps, "early", HOLDER), "chat", s.CHAT).call(CHANNELS)
        self.target.changed(self.text())
        session.call(3)
        peer.close()


def main():
    c = Cases(*sys.argv[1:])
    with c.target:
        return instance.run_cases(SCRIPT, [
            ("a service speaks in Chat", c.speaks_in_chat),
            ("it has nothing that it does not hold", c.nothing_else),
            ("it has a facet's methods alone", c.by_its_facet),
            ("it may ask before the other is there", c.asked_early),
            ("it is on record", c.recorded),
            ("a connected server is held", c.connected),
            ("the other service dies", c.the_other_dies),
            ("the holder dies", c.it_dies),
            ("the session manager dies", c.session_manager_dies),
            ("another policy takes it away", c.policy_takes_it),
            ("a facet that is refused ends the start", c.refused_at_start),
            ("one that a reload starts holds something, too", c.a_new_one_holds_something),
        ])


if __name__ == "__main__":
    sys.exit(main())
