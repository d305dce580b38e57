#!/usr/bin/env python3
"""administrators: who has `admin`, or another session of an account, and tries for more than his own.

Why: an administrator who is elsewhere is trusted with accounts, and not with the machine; nor is he
to be anybody's stepping stone. An owner has his own account's sessions alone, and whoever tries the
ids of others may not learn so much as whether they are there.
"""
import os
import sys
import threading

import attacklib as a
import instance
import sessionlib as s
from sessionlib import Failed, Struct, w

SCRIPT = "attack-administrators"
ADD, REMOVE, LIST, PASSWD, SESSIONS, REVOKE, STATUS, PATH, LOCK, EXPIRE, RELOAD, READ = (
    s.ordinal("admin", name) for name in (
        "accountAdd", "accountRemove", "accountList", "passwd", "sessionList", "sessionRevoke",
        "status", "auditPath", "accountLock", "accountExpire", "reload", "auditRead"))
CALLS = 64  # more than there are
ACCOUNT_SESSIONS = s.ordinal("remote_session", "accountSessions")
END_ACCOUNT_SESSION = s.ordinal("remote_session", "endAccountSession")
READS, AT_ONCE = 400, 12


def elevated(name, facet=""):
    return instance.profile(name, ["session", "system_info", "chat", "admin"]).replace(
        "lease", "elevated = true, lease", 1).replace(
            '(name = "admin"', f'(name = "admin", facet = "{facet}"')


class Cases:
    def __init__(self, target):
        self.target = target

    @staticmethod
    def refused(call, *said):
        """Refused, with these words."""
        try:
            call()
        except s.Refused as e:
            if all(x in e.reason for x in said):
                return e.reason
            raise Failed(f"expected {said}: {e}") from e
        raise Failed(f"expected {said}, and it worked")

    def login(self, name="ada"):
        """(peer, session, admin, its id)."""
        peer, session, caps = self.target.login(name)
        return peer, session, s.get(caps, "admin", s.ADMIN), self.id_of(session)

    @staticmethod
    def id_of(session):
        return s.text(session.call(0).content.ptr(0).ptr(0))

    def local(self, method, *words):
        admin = self.target.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(words)))
        finally:
            admin.close()

    def accounts(self):
        return [s.text(x.ptr(0)) for x in self.local(LIST).content.ptr(0)]

    # ---- who has none

    def without_a_grant(self):
        peer, _, caps = self.target.login()
        for name in ("admin", "Admin", "admin\0", "admin ", "/admin"):
            self.refused(lambda n=name: s.get(caps, n, s.ADMIN), "denied.unknown-name")
        self.refused(lambda: caps.call(2, Struct(s.struct.pack("<Q", s.ADMIN))), "denied.unknown-name")
        peer.close()
        return "sessiond"

    def without_an_account(self):
        peer = self.target.connect()
        caps = s.cap_set(peer.anonymous())
        self.refused(lambda: s.get(caps, "admin", s.ADMIN), "denied.unknown-name")
        peer.close()
        return "sessiond"

    def by_another_capability(self):
        """What is had of a service is asked for Admin's methods."""
        peer, _, caps = self.target.login()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        info.iface = s.ADMIN
        for method in (LIST, SESSIONS, READ):
            self.refused(lambda m=method: info.call(m), "service: the object does not have this interface")
        peer.close()
        return "service"

    # ---- who has a part

    def another_facet(self):
        peer, _, admin, _ = self.login("gustav")
        for method in range(CALLS):
            if method not in (SESSIONS, REVOKE, STATUS):
                self.refused(lambda m=method: admin.call(m, Struct(b"\0" * 16, ["x", "y", "z"])),
                             "denied.method: ")
        admin.call(SESSIONS)
        if "x" in self.accounts():
            raise Failed("an account was made")
        peer.close()
        return "worker"

    def the_machine(self):
        peer, _, admin, _ = self.login()
        for method in (PATH, PATH + 1, PATH + 2, RELOAD, CALLS, 0xffff):
            self.refused(lambda m=method: admin.call(m), "")
        peer.close()
        return "sessiond"

    # ---- who has it

    def himself(self):
        peer, _, admin, mine = self.login()
        for method, words in ((REMOVE, ["ada"]), (LOCK, ["ada", "x"]), (PASSWD, ["ada", b""]),
                              (REVOKE, [mine, ""]), (REVOKE, [mine, "admin"]), (EXPIRE, ["ada"])):
            self.refused(lambda m=method, x=words: admin.call(m, Struct(b"\1" * 8, x)),
                         "it is what you ask by")
        admin.call(STATUS)
        peer.close()
        return "sessiond"

    def passes_it_on(self):
        peer, session, admin, _ = self.login()
        chat = s.get(s.cap_set(session), "chat", s.CHAT)
        own = [w.descriptor(w.RECEIVER_HOSTED, admin.number)]
        self.refused(lambda: chat.call(0, Struct(b"", ["#x", w.Cap(0)]), own), "denied.transfer")
        peer.close()
        return "worker"

    def goes_on(self):
        """With calls under way, and ones behind them, when he loses it: nothing of them is done."""
        peer, _, admin, mine = self.login()
        names = [f"late{i}" for i in range(12)]
        asked = [admin.send(ADD, Struct(b"", [n, w.Ptrs(["boss"]), instance.SECRET.encode()]))
                 for n in names[:6]]
        self.local(REVOKE, mine, "")
        before = set(self.accounts())
        asked += [admin.send(ADD, Struct(b"", [n, w.Ptrs(["boss"]), b""])) for n in names[6:]]
        for q in asked:
            try:
                peer.wait(q)
            except s.Refused:
                pass
        # What was done before is done; nothing came after it.
        self.local(ADD, f"probe{mine[:6]}", w.Ptrs(["operator"]), instance.SECRET.encode())
        late = {n for n in self.accounts() if n.startswith("late")}
        if not late <= before or set(names[6:]) & late:
            raise Failed(f"made afterwards: {late - before}")
        peer.close()
        return "sessiond"

    def strange_messages(self):
        """References, too much, nonsense: it loses its socket at most, and gets another."""
        peer, session, admin, _ = self.login()
        own = [w.descriptor(w.SENDER_HOSTED, 77)]
        for call in (lambda r: r.call(ADD, Struct(b"", ["x", w.Cap(0)]), own),
                     lambda r: r.call(ADD, Struct(b"", ["x" * 200000])),
                     lambda r: r.call(READ, Struct(b"\xff" * 24, [])),
                     lambda r: r.call(REVOKE, Struct(b"", [b"\xff\0\xff", "x" * 3000])),
                     lambda r: r.call(ADD, Struct(b"", ["../../etc", w.Ptrs(["boss"] * 40), b""]))):
            self.refused(lambda c=call: c(admin), "")
            admin = s.get(s.cap_set(session), "admin", s.ADMIN)
        admin.call(STATUS)
        peer.close()
        return "sessiond"

    def keeps_others_waiting(self):
        """He reads the log over and over, as many at once as he may; others log in meanwhile."""
        peer, _, admin, _ = self.login()
        failed, done = [], threading.Event()

        def logs_in():
            try:
                while not done.is_set():
                    other, session, _ = self.target.login()
                    session.call(3)
                    other.close()
            except a.REFUSALS + (Failed,) as e:
                failed.append(e)
        good = threading.Thread(target=logs_in)
        good.start()
        for _ in range(READS // AT_ONCE):
            for q in [admin.send(READ, Struct(b"\0" * 16)) for _ in range(AT_ONCE)]:
                peer.wait(q)
        done.set()
        good.join()
        if failed:
            raise Failed(f"somebody could not log in: {failed[0]!r}")
        peer.close()
        return "nobody"

    def unseen(self):
        """Whatever he does, his own doings are in the log, and the log is whole."""
        peer, _, admin, mine = self.login()
        admin.call(ADD, Struct(b"", ["seen", w.Ptrs(["operator"]), b""]))
        admin.call(REMOVE, Struct(b"", ["seen"]))
        with open(os.path.join(self.target.state, "audit.log"), encoding="utf-8") as f:
            text = f.read()
        for said in ("accountAdd seen", "accountRemove seen"):
            if not any(said in line and f'"actorSession":"{mine}"' in line for line in text.splitlines()):
                raise Failed(f"{said} is not on record")
        self.target.capos("audit", "verify", "--state", self.target.state)
        peer.close()
        return "sessiond"

    # ---- owners

    def other_owners(self):
        """The ids of others, live, ended and made up, have one answer, and nothing happens to them."""
        peer, session, _ = self.target.login()
        other, theirs, _ = self.target.login("ada")
        gone, over, _ = self.target.login("ada")
        ids = [self.id_of(theirs), self.id_of(over), self.id_of(session), "0" * 32, "x", "\0", " "]
        over.call(3)
        said = {self.refused(lambda i=i: session.call(END_ACCOUNT_SESSION, Struct(b"", [i])),
                             "denied.unknown-name") for i in ids}
        if len(said) != 1:
            raise Failed(f"told apart: {said}")
        session.call(END_ACCOUNT_SESSION, Struct(b"", [""]))
        theirs.call(0)
        listed = [s.text(e.ptr(0)) for e in session.call(ACCOUNT_SESSIONS).content.ptr(0)]
        if set(listed) & {ids[0], ids[1]}:
            raise Failed("another account's session is listed")
        for p in (peer, other, gone):
            p.close()
        return "sessiond"

    def nobody_s(self):
        peer, session, _ = self.target.login()
        mine = self.id_of(session)
        stranger = self.target.connect()
        nobody = stranger.anonymous()
        for method, word in ((ACCOUNT_SESSIONS, ""), (END_ACCOUNT_SESSION, ""), (END_ACCOUNT_SESSION, mine)):
            self.refused(lambda m=method, x=word: nobody.call(m, Struct(b"", [x])), "denied.profile")
        session.call(0)
        for p in (peer, stranger):
            p.close()
        return "sessiond"


NAMES = ("without_a_grant", "without_an_account", "by_another_capability", "another_facet",
         "the_machine", "himself", "passes_it_on", "goes_on", "strange_messages",
         "keeps_others_waiting", "unseen", "other_owners", "nobody_s")


def main():
    with a.Target(instance.manifest(profiles=[elevated("boss"), elevated("guard", "sessions")])) as target:
        target.add_user("ada", ["boss"])
        target.add_user("gustav", ["guard"])
        cases = Cases(target)
        return a.run(SCRIPT, {f"AD{i + 1}": getattr(cases, name) for i, name in enumerate(NAMES)})


if __name__ == "__main__":
    sys.exit(main())
