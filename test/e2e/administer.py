#!/usr/bin/env python3
"""administer: an administrator who is elsewhere, and owners who look after their sessions.

Why: what reaches further than itself is the first thing that a bundle must not hold by mistake, and
what is held has to end with its session, be on record with who did it, and let nobody saw off the
branch he sits on. The client here is made of bytes, or is `capos`.

usage: administer.py
"""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys

import heard
import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-administer"
BOSS, GUARD = "boss", "guard"
MANY = 5000
ADD, REMOVE, LIST, PASSWD, SESSIONS, REVOKE, STATUS, PATH, RELOAD, LOCK, UNLOCK = (
    s.ordinal("admin", name) for name in (
        "accountAdd", "accountRemove", "accountList", "passwd", "sessionList", "sessionRevoke",
        "status", "auditPath", "reloadIdentity", "accountLock", "accountUnlock"))
ACCOUNT_SESSIONS = s.ordinal("remote_session", "accountSessions")
END_ACCOUNT_SESSION = s.ordinal("remote_session", "endAccountSession")


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(code, call, says=""):
    try:
        call()
    except Refused as e:
        if e.code != code or says not in e.reason:
            raise Failed(f"expected {code} and {says!r}: {e}") from e
        return
    raise Failed(f"expected {code}, and it worked")


def elevated(name, facet="", more=""):
    """A profile that may administer."""
    return instance.profile(name, ["session", "system_info", "chat", "admin"]).replace(
        "lease", f"elevated = true, {more} lease", 1).replace(
            '(name = "admin"', f'(name = "admin", facet = "{facet}"')


class Cases:
    def __init__(self, target):
        self.target = target
        self.env = {**os.environ, "HOME": target.folder.name,
                    "XDG_RUNTIME_DIR": target.folder.name}
        self.env.pop("CAPOS_STATE", None)

    def administer(self, name="ada"):
        peer, session, caps = self.target.login(name)
        return peer, session, s.get(caps, "admin", s.ADMIN)

    def audit(self, **wanted):
        return [r for r in instance.audit(self.target.state) if all(r.get(k) == v for k, v in wanted.items())]

    def local(self, method, *words):
        """The machine's own administrator asks."""
        admin = self.target.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(words)))
        finally:
            admin.close()

    # ---- who has it

    def in_the_bundle(self):
        peer, session, caps = self.target.login("ada")
        expect(s.names(caps)["admin"][:2], (s.ADMIN, "session"), "the entry")
        caps.call(2, Struct(s.struct.pack("<Q", s.ADMIN)))
        refused("denied.wrong-interface", lambda: s.get(caps, "admin", s.CHAT))
        session.call(3)
        peer.close()

    def not_without(self):
        for login in (lambda: self.target.login(), self.nobody):
            peer, _, caps = login()
            expect("admin" in s.names(caps), False, "the bundle")
            refused("denied.unknown-name", lambda c=caps: s.get(c, "admin", s.ADMIN))
            peer.close()

    def nobody(self):
        peer = self.target.connect()
        session = peer.anonymous()
        return peer, session, s.cap_set(session)

    def stays_with_whom_it_was_granted_to(self):
        """Passed on to a service it is refused by the session, on record."""
        peer, session, caps = self.target.login("ada")
        admin = s.get(caps, "admin", s.ADMIN)
        chat = s.get(caps, "chat", s.CHAT)
        own = [s.w.descriptor(s.w.RECEIVER_HOSTED, admin.number)]
        refused("denied.transfer", lambda: chat.call(0, Struct(b"", ["#x", s.w.Cap(0)]), own))
        session.call(3)
        peer.close()

    def wrong_manifests(self):
        """Each ends the start, and the check, with its place."""
        humble = elevated("p").replace("elevated = true, ", "")
        visitor = elevated("visitor").replace(", (name = \"chat\", transfer = session)", "")
        for profiles, services, anonymous, said in (
                ([humble], [], "anonymous", "profiles[3].bundle[3].name: `admin` hands out powers"),
                ([elevated("p", "everything")], [], "anonymous", "profiles[3].bundle[3].facet: `admin` has"),
                ([elevated("p").replace('facet = "", transfer = session', 'facet = "", transfer = services')],
                 [], "anonymous", "profiles[3].bundle[3].transfer: `admin` is passed on to nobody"),
                ([], [instance.service("admin", "capos-chat", s.CHAT)], "anonymous",
                 "services[2].name: `admin` is the instance's own"),
                ([visitor], [], "visitor", "authentication.anonymous.profile: it is `elevated`")):
            text = instance.manifest(profiles=profiles, services=services, anonymous=anonymous)
            path = os.path.join(self.target.folder.name, "wrong")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            for words in (["manifest", "check", path],
                          ["up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0",
                           "--manifest", path]):
                done = self.capos(*words, code=1)
                if said not in done.stderr:
                    raise Failed(f"{words[0]}: {said!r} is not in {done.stderr!r}")

    # ---- what is done by it

    def ends_another(self):
        """An account goes under its session; each step is on record with who has done it."""
        peer, session, admin = self.administer()
        admin.call(ADD, Struct(b"", ["bob", s.w.Ptrs(["operator"]), instance.SECRET.encode()]))
        theirs, bobs, _ = self.target.login("bob")
        admin.call(REMOVE, Struct(b"", ["bob"]))
        instance.over(bobs)
        refused("denied.stale-session", lambda: bobs.call(0), "the account was removed")
        refused("denied.credentials",
                lambda: self.target.connect().password("bob", instance.SECRET))
        ada = s.text(session.call(0).content.ptr(0).ptr(0))
        for what, more in (("admin", {"detail": "accountAdd bob", "session": ada, "account": "ada"}),
                           ("account-add", {"account": "bob"}), ("account-remove", {"account": "bob"}),
                           ("revocation", {"account": "bob"})):
            found = self.audit(what=what, actor="ada", actorSession=ada, **more)
            expect(len(found), 1, f"records of {what}")
            if found[0]["source"] == "local":
                raise Failed(f"it was not local: {found[0]}")
        theirs.close()
        session.call(3)
        peer.close()

    def not_on_the_machine(self):
        peer, session, admin = self.administer()
        for method in (PATH, RELOAD, RELOAD + 1):
            refused("service", lambda m=method: admin.call(m), "on the instance's machine alone")
        admin.call(STATUS)
        session.call(3)
        peer.close()

    def a_part_of_it(self):
        peer, session, admin = self.administer("gustav")
        admin.call(SESSIONS)
        refused("denied.method", lambda: admin.call(LIST))
        refused("denied.method", lambda: admin.call(ADD, Struct(b"", ["x", s.w.Ptrs([BOSS]), b""])))
        refused("denied.method", lambda: admin.call(PATH))
        session.call(3)
        peer.close()

    def not_himself(self):
        peer, session, admin = self.administer()
        mine = s.text(session.call(0).content.ptr(0).ptr(0))
        for method, words in ((REMOVE, ["ada"]), (LOCK, ["ada", "oops"]), (PASSWD, ["ada", b""]),
                              (REVOKE, [mine, ""]), (REVOKE, [mine, "admin"])):
            refused("service", lambda m=method, x=words: admin.call(m, Struct(b"", x)),
                    "it is what you ask by")
        session.call(3)
        peer.close()

    def ends_with_its_session(self):
        """Taken away, it is over for what was asked before, too."""
        peer, session, admin = self.administer()
        mine = s.text(session.call(0).content.ptr(0).ptr(0))
        self.local(REVOKE, mine, "admin")
        refused("denied.revoked-lease", lambda: admin.call(STATUS))
        refused("denied.revoked-lease", lambda: s.get(s.cap_set(session), "admin", s.ADMIN))
        self.local(REVOKE, mine, "")
        instance.over(session)
        refused("denied.stale-session", lambda: session.call(0), "revoked")
        peer.close()

    def one_after_the_other(self):
        """A capability and then the rest, of two sessions: when it has returned, neither has anything."""
        admin = self.target.admin()
        try:
            for i in range(50):
                ends = [self.nobody() for _ in range(2)]
                ids = [s.text(session.call(0).content.ptr(0).ptr(0)) for _, session, _ in ends]
                asked = [admin.ref.send(REVOKE, Struct(b"", [mine, cap]))
                         for mine in ids for cap in ("session", "system_info", "")]
                for question in asked:
                    admin.ref.peer.wait(question)
                for peer, session, _ in ends:
                    refused("denied.stale-session", lambda x=session: x.call(0), "revoked")
                    peer.close()
                instance.until(lambda: not admin.sessions(), f"the end of sessions, the {i}th time")
        finally:
            admin.close()

    def worker_of(self, peer):
        """The process at the other end of a connection over TCP."""
        port = f":{peer.sock.getsockname()[1]:04X}"
        with open("/proc/net/tcp", encoding="ascii") as f:
            lines = [line.split() for line in f]
        sockets = {f"socket:[{line[9]}]" for line in lines if line[2].endswith(port)}
        return next(p for p in self.target.pids("worker") if sockets & set(instance.opened(p).values()))

    def whose_worker_does_not_hear(self):
        """It is not said to be done before that is no more: what was asked of it meanwhile is not done."""
        path = self.target.arguments[self.target.arguments.index("--manifest") + 1]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        other, owner, _ = self.target.login()

        def reload(text):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.capos("reload", "--state", self.target.state)

        def id_of(session):
            return s.text(session.call(0).content.ptr(0).ptr(0))
        for what, user, act in (
                ("its end", "ada", lambda mine: self.local(REVOKE, mine, "")),
                ("a capability's", "ada", lambda mine: self.local(REVOKE, mine, "chat")),
                ("the owner", instance.USER, lambda mine: owner.call(END_ACCOUNT_SESSION, Struct(b"", [mine]))),
                ("the policy", "ada", lambda _: reload(text.replace('(name = "admin", facet = ""',
                                                                    '(name = "admin", facet = "audit"'))),
                ("a password", "ada", lambda _: self.local(PASSWD, "ada", instance.SECRET.encode())),
                ("a lock", "ada", lambda _: self.local(LOCK, "ada", ""))):
            peer, session, _ = self.target.login(user)
            mine, pid = id_of(session), self.worker_of(peer)
            os.kill(pid, signal.SIGSTOP)
            try:
                asked = session.send(0)
                act(mine)
                # Its files are closed a moment before all of it has ended.
                expect(instance.state(pid) != "T", True, f"{what}: it has ended")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            try:
                peer.wait(asked)
            except (Refused, s.w.Closed, OSError):
                peer.close()
            else:
                raise Failed(f"{what}: it was done afterwards")
        self.local(UNLOCK, "ada")
        reload(text)
        other.close()

    def policy_takes_it(self):
        """Another manifest grants a facet of it, or none: what was had ends under way."""
        path = self.target.arguments[self.target.arguments.index("--manifest") + 1]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        peer, session, admin = self.administer()
        for other in (text.replace('(name = "admin", facet = ""', '(name = "admin", facet = "audit"'), text):
            with open(path, "w", encoding="utf-8") as f:
                f.write(other)
            self.capos("reload", "--state", self.target.state)
            refused("denied.revoked-lease", lambda: admin.call(STATUS), "policy")
            admin = s.get(s.cap_set(session), "admin", s.ADMIN)
            if other != text:
                refused("denied.method", lambda: admin.call(STATUS))
        admin.call(STATUS)
        session.call(3)
        peer.close()

    # ---- by the command

    def capos(self, *words, code=0, text=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=text, capture_output=True, text=True, timeout=60, check=False,
                              env=self.env)
        expect(done.returncode, code, f"{words}: {done.stdout} {done.stderr}")
        return done

    def by_command(self):
        for name in ("ada", instance.USER):
            self.capos("login", f"{name}@{self.target.where}", "--password-stdin", "--as", name,
                       text=instance.SECRET + "\n")
        far = ("--session", "ada")
        self.capos("account", "add", "carol", "--password-stdin", *far, text="a good password\n")
        names = [a["name"] for a in json.loads(
            self.capos("account", "list", "--json", *far).stdout)["accounts"]]
        expect("carol" in names and "ada" in names, True, f"accounts {names}")
        self.capos("account", "lock", "carol", "--reason", "who is it", *far)
        shown = self.capos("session", "list", *far).stdout
        expect("ada" in shown and instance.USER in shown, True, shown)
        self.capos("status", *far)
        said = self.capos("account", "remove", "ada", *far, code=1).stderr
        expect("it is what you ask by" in said and "service:" not in said, True, said)
        records = [json.loads(line) for line in self.capos(
            "audit", "query", "--account", "carol", "--json", "-s", "ada").stdout.splitlines()]
        expect([r["what"] for r in records], ["account-add", "account-lock"], "the records")
        expect({r["actor"] for r in records}, {"ada"}, "who did it")
        self.capos("audit", "verify", *far)
        said = self.capos("account", "list", "--session", instance.USER, code=3).stderr
        expect("profile operator" in said and "capos login --profile" in said, True, said)
        said = self.capos("account", "list", "--remote", code=2).stderr
        expect("choose one" in said, True, said)
        self.capos("account", "list", "--state", self.target.state, "--remote", code=2)
        self.capos("account", "remove", "carol", "--state", self.target.state)
        self.capos("session", "revoke", "--account", instance.USER, *far)
        self.capos("logout", "--all")

    # ---- owners

    def owners(self):
        first, session, _ = self.target.login()
        other, others, _ = self.target.login()
        boss, adas, _ = self.target.login("ada")
        ids = [s.text(x.call(0).content.ptr(0).ptr(0)) for x in (session, others, adas)]
        listed = [(s.text(e.ptr(0)), e.uint(192, 8) & 1) for e in
                  session.call(ACCOUNT_SESSIONS).content.ptr(0)]
        expect(listed, [(ids[0], 1), (ids[1], 0)], "the sessions")
        for wrong in (ids[2], "0" * 32, ids[0]):
            refused("denied.unknown-name",
                    lambda i=wrong: session.call(END_ACCOUNT_SESSION, Struct(b"", [i])),
                    "the account has no other session of this id")
        expect(session.call(END_ACCOUNT_SESSION, Struct(b"", [ids[1]])).content.uint(0, 32), 1, "ended")
        instance.over(others)
        refused("denied.stale-session", lambda: others.call(0), "its owner has ended it")
        adas.call(0)
        peer, nobodys, _ = self.nobody()
        for method in (ACCOUNT_SESSIONS, END_ACCOUNT_SESSION):
            refused("denied.profile", lambda m=method: nobodys.call(m, Struct(b"", [""])))
        again, _, _ = self.target.login()
        expect(session.call(END_ACCOUNT_SESSION, Struct(b"", [""])).content.uint(0, 32), 1, "ended")
        expect(session.call(END_ACCOUNT_SESSION, Struct(b"", [""])).content.uint(0, 32), 0, "ended")
        for p in (first, other, boss, peer, again):
            p.close()

    # ---- many of them

    def store(self, *statements):
        """Behind the session manager's back: thousands of accounts are not made one by one."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.target.state, "accounts.db"), timeout=60)) as store:
            store.execute("PRAGMA foreign_keys = ON")
            for text, rows in statements:
                store.executemany(text, rows)
            store.commit()

    def known(self):
        admin = self.target.admin()
        try:
            return admin.accounts()
        finally:
            admin.close()

    def many_accounts(self):
        """They come a page at a time, no longer than a message of the profile may be; here and from elsewhere."""
        names, keys = [f"many-{i:04}" for i in range(MANY)], [f"keys-{i:02}" for i in range(12)]
        comment, before = "c" * 120, self.known()
        self.store(
            ("INSERT INTO account (name, verifier) VALUES (?, '')", [(n,) for n in names + keys]),
            ("INSERT INTO profile (account, place, name) VALUES (?, 0, 'operator')", [(n,) for n in names + keys]),
            ("INSERT INTO key (account, fingerprint, blob, comment) VALUES (?, ?, ?, ?)",
             [(n, f"SHA256:{i:043}", os.urandom(32), comment) for n in keys for i in range(32)]))
        admin = self.target.admin()
        try:
            first = admin.ref.call(LIST, Struct(s.struct.pack("<Q", 3), [""])).content
            expect((len(first.ptr(0)), s.text(first.ptr(1))), (3, s.text(first.ptr(0)[2].ptr(0))), "three")
            listed = admin.accounts()
            pages = [len(admin.ref.call(LIST, Struct(bytes(8), [n])).content.ptr(0)) for n in ("many-", "keys-", "zzz")]
        finally:
            admin.close()
        expect(listed, sorted(names + keys + before), "all of them")
        expect((pages[0], 1 < pages[1] < 8, pages[2]), (64, True, 0), "the accounts of a page")
        peer, session, admin = self.administer("brief")
        far = s.Admin.of(admin)
        expect(far.accounts(), listed, "from elsewhere")
        session.call(3)
        peer.close()
        for words in (["--state", self.target.state], ["--remote", "-s", "brief"]):
            if words[0] == "--remote":
                self.capos("login", f"brief@{self.target.where}", "--as", "brief", "--password-stdin",
                           text=instance.SECRET)
            said = json.loads(self.capos("account", "list", "--json", *words).stdout)["accounts"]
            expect([a["name"] for a in said], listed, str(words))
        said = self.capos("account", "list", "--state", self.target.state).stdout
        expect(sum(line.startswith("many-") for line in said.splitlines()), MANY, "for people")
        self.capos("logout", "-s", "brief")
        self.store(("DELETE FROM account WHERE name = ?", [(n,) for n in names + keys]))

    def many_sessions(self):
        """The same of sessions; one that ends between two pages leaves no gap."""
        peers = [self.nobody() for _ in range(9)]
        admin = self.target.admin()
        try:
            instance.until(lambda: len(admin.sessions()) == len(peers), "the end of other sessions")
            whole = [e["id"] for e in admin.sessions()]
            for most in (1, 4):
                expect([s.text(e.ptr(0)) for e in admin.pages(SESSIONS, most)], whole, f"{most} at a time")
            expect(sorted(whole), sorted(s.text(p[1].call(0).content.ptr(0).ptr(0)) for p in peers), "all of them")
            page = admin.ref.call(SESSIONS, Struct(s.struct.pack("<Q", 4), [""])).content
            admin.revoke(whole[3])
            rest = admin.ref.call(SESSIONS, Struct(s.struct.pack("<Q", 64), [s.text(page.ptr(1))])).content
            expect([s.text(e.ptr(0)) for e in rest.ptr(0)], whole[4:], "behind the one that has ended")
            for place in ("x", "18446744073709551615.x", "-1", ".", "1" * 200):  # places of nobody's
                admin.ref.call(SESSIONS, Struct(bytes(8), [place]))
        finally:
            admin.close()
        said = json.loads(self.capos("session", "list", "--json", "--state", self.target.state).stdout)["sessions"]
        expect([e["id"] for e in said], whole[:3] + whole[4:], "by the command")
        for peer, _, _ in peers:
            peer.close()

    # ---- the audit log

    def log_goes_by(self):
        """Its end, and what comes, are the same from elsewhere; with the facet for it, or all of `admin`."""
        for name in ("ada", "gustav"):
            self.capos("login", f"{name}@{self.target.where}", "--password-stdin", "--as", name, text=instance.SECRET)
        said = self.capos("audit", "tail", "--remote", "-s", "gustav", code=3).stderr
        expect("granted without this method" in said, True, said)
        here = self.capos("audit", "tail", "-n", "1000000", "--json", "--state", self.target.state).stdout.splitlines()

        def far(n):
            return self.capos("audit", "tail", "-n", n, "--json", "--remote", "-s", "ada").stdout.splitlines()
        expect(far("1000000")[:len(here)], here, "all of it")

        def ends():
            """But for what is recorded just now."""
            there, last = far("1000000"), far("5")
            return len(last) == 5 and set(last) <= set(there + last[-2:])
        instance.until(ends, "the end of it")
        shown = self.capos("audit", "tail", "-n", "3", "--remote", "-s", "ada").stdout.splitlines()
        expect((len(shown), shown[0][:1] == "{"), (3, False), "for people")
        self.capos("audit", "tail", "--remote", "-s", "ada", self.target.state, code=2)
        words = ["audit", "tail", "-n", "1", "-f", "--json", "--remote", "-s", "ada"]
        with heard.Program([os.path.join(instance.build_folder(), "bin", "capos"), *words], stdout=subprocess.PIPE,
                           env=self.env) as p:
            try:
                heard.line(p.stdout)  # it has its place in the log
                for name in ("seen-1", "seen-2"):
                    self.target.add_user(name)
                    heard.until(p.stdout, '"account-add"', f'"{name}"')
            finally:
                p.terminate()
        for name in ("ada", "gustav"):
            self.capos("logout", "-s", name)


def main():
    target = instance.Instance(instance.manifest(
        profiles=[elevated(BOSS), elevated(GUARD, "sessions"),
                  elevated("brief").replace("quota = (", 'quota = (message = "64KiB"')]))
    with target:
        target.add_user("ada", [BOSS])
        target.add_user("gustav", [GUARD])
        target.add_user("brief", ["brief"])
        cases = Cases(target)
        return instance.run_cases(SCRIPT, [
            ("it is in the bundle", cases.in_the_bundle),
            ("of nobody else", cases.not_without),
            ("it is not passed on", cases.stays_with_whom_it_was_granted_to),
            ("manifests that grant it wrongly", cases.wrong_manifests),
            ("an account goes under its session", cases.ends_another),
            ("what acts on the machine", cases.not_on_the_machine),
            ("a facet", cases.a_part_of_it),
            ("what he stands on", cases.not_himself),
            ("it ends with its session", cases.ends_with_its_session),
            ("sessions end one after the other", cases.one_after_the_other),
            ("whose worker does not hear it", cases.whose_worker_does_not_hear),
            ("the policy takes it away", cases.policy_takes_it),
            ("by the command", cases.by_command),
            ("its log goes by", cases.log_goes_by),
            ("owners of accounts", cases.owners),
            ("five thousand accounts", cases.many_accounts),
            ("sessions by the page", cases.many_sessions)])


if __name__ == "__main__":
    sys.exit(main())
