#!/usr/bin/env python3
"""broker-cpp: what a profile grants, how one has more and when that ends, as a client of the C++ library sees it.

Why: broker.py, reload.py and accounts.py look with a client that was written beside the instance.
The table here is short, and who looks is a program with nothing of ours but the schemas.

usage: broker-cpp.py CLIENT --forger SERVICE --faceted SERVICE

The first is one of Conf (test/peers/conf.capnp), whose calls can be left open; the second is faceted.c.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import heard
import instance
import sessionlib as s
from sessionlib import Failed

CONF = s.type_id("conf", "Conf", root="test/peers")
NULL, SUM, SELF, HANG = 0, 1, 3, 16
SHELF, KEEPER, TELLER = (s.type_id("faceted", n, root="test/e2e") for n in ("Shelf", "Keeper", "Teller"))
LIST, FORBID, KEEP, TELL = 0, 1, 0, 0
GONE, OVER, METHOD = "denied.revoked-lease", "denied.stale-session", "denied.method"
MODEST = ["session", "system_info"]


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Client:
    """The program; each call is a command, and what came of it."""

    def __init__(self, program, address):
        self.process = subprocess.Popen([program, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def begin(self, *words):
        self.process.stdin.write("\t".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = heard.line(self.process.stdout)
        if not line:
            raise Failed(f"the client has ended: {self.process.wait(60)}")
        return json.loads(line)

    def ask(self, *words):
        self.begin(*words)
        return self.end()

    def good(self, *words):
        said = self.ask(*words)
        if "refused" in said:
            raise Failed(f"{words}: {said}")
        return said

    def refused(self, code, says, *words):
        self.is_refused(self.ask(*words), code, says, words)

    @staticmethod
    def is_refused(said, code, says, what):
        if said.get("refused") != code or says not in said["reason"]:
            raise Failed(f"{what}: expected {code} with {says!r}, got {said}")


class Cases:
    def __init__(self, client, forger, faceted):
        self.client, self.faceted = client, os.path.abspath(faceted)
        self.local = instance.service("vault", "capos-system-info", s.SYSTEM_INFO).replace(
            ", remote = (transfer = services)", "")
        self.conf = instance.service("conf", os.path.abspath(forger), CONF)
        self.target = instance.Instance(self.text())

    def text(self, grants=("conf",), methods=("list", "hang", "keep")):
        owner = instance.profile("owner", ["session", "system_info", "chat", "vault", "conf"]).replace(
            "lease", "local = true, lease", 1)
        hasty = instance.profile("hasty", ["session", "system_info", "chat"]).replace(
            '(name = "system_info"', '(name = "system_info", lease = "6s"', 1)
        sealed = instance.profile("sealed", ["session", "system_info", "chat"]).replace(
            "lease", "atLeast = touched, lease", 1)
        modest = instance.profile("modest", ["session", "system_info"])
        wide = instance.profile("wide", ["session", "system_info", "chat"])
        names = ", ".join(map(instance.quoted, methods))
        shelf = instance.service("shelf", self.faceted, SHELF).replace(
            "remote = ", f'facets = [(name = "read", methods = [{names}])], remote = ')
        partial = instance.profile("partial", [*MODEST, "shelf"]).replace(
            '(name = "shelf"', '(name = "shelf", facet = "read"')
        owner = owner.replace("bundle = [", 'bundle = [(name = "shelf"), (name = "twin"), ', 1)
        twin = self.conf.replace('"conf"', '"twin"').replace(
            "remote = ", 'facets = [(name = "read", methods = ["add", "getSelf"])], remote = ')
        partner = instance.profile("partner", [*MODEST, "twin"]).replace(
            '(name = "twin"', '(name = "twin", facet = "read"')
        return instance.manifest(guest=True, services=[self.local, self.conf, shelf, twin], operator=grants,
                                 profiles=[owner, hasty, sealed, modest, wide, partial, partner])

    def login(self, name=instance.USER, profile=""):
        c = Client(self.client, self.target.address)
        expect(c.good("password", name, instance.SECRET, profile)["account"], name, "the account")
        return c

    def capos(self, *words):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words, "--state",
                               self.target.state], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Failed(f"{words}: {done}")

    # ---- the rows

    def ends_alone(self):
        """A lease of six seconds beside one that goes on."""
        with self.login("short") as c:
            leases = c.good("list")
            if not leases["system_info"] + 60000 < leases["chat"]:
                raise Failed(f"the leases: {leases}")
            c.good("get", "system_info", s.SYSTEM_INFO)
            c.good("get", "chat", s.CHAT)
            c.begin("until", "system_info", 0)
            c.is_refused(c.end(), GONE, "expired", "system_info")
            c.refused(GONE, "expired", "get", "system_info", s.SYSTEM_INFO)
            c.good("call", "chat", 1)
            listed = c.good("list")
            if not listed["system_info"] <= time.time() * 1000 < listed["chat"]:
                raise Failed(f"the leases afterwards: {listed}")

    def local_only(self):
        """In no list, and not to be got, with whatever account; its profile is not there, either."""
        for words in (("guest",), ("anonymous",), ("password", instance.USER, instance.SECRET)):
            with Client(self.client, self.target.address) as c:
                c.good(*words)
                expect("vault" in c.good("list"), False, "whether it is listed")
                c.refused("denied.unknown-name", "", "get", "vault", s.SYSTEM_INFO)
        for profile in ("", "owner"):
            with Client(self.client, self.target.address) as c:
                c.refused("denied.profile", "", "password", "owner", instance.SECRET, profile)

    def powers(self):
        """A manifest that hands out powers to a profile that is not elevated does not come to be, and what
        it says cannot be got."""
        powerful = self.text(("conf", "vault")).replace(
            self.local, self.local.replace("title", "remote = (), powers = [spawn], title"))
        with self.login() as c:
            done = self.target.reload(powerful)
            expect((done.returncode, "hands out powers (`spawn`)" in done.stderr), (1, True), f"{done}")
            c.refused("denied.unknown-name", "", "get", "vault", s.SYSTEM_INFO)
            self.target.changed(self.text())

    def worth_too_little(self):
        with Client(self.client, self.target.address) as c:
            c.refused("denied.profile", "worth `touched`", "password", "sealed", instance.SECRET)

    def raised(self):
        """A proof of its own, for a profile by name: more is there, and what was there goes on."""
        with self.login("riser") as c:
            expect((c.good("info")["profile"], sorted(c.good("list"))), ("modest", MODEST), "before")
            c.good("get", "system_info", s.SYSTEM_INFO)
            c.refused("denied.unknown-name", "", "get", "chat", s.CHAT)
            expect(c.good("raise", "riser", instance.SECRET, "wide")["profile"], "wide", "what it is raised to")
            expect((c.good("info")["profile"], sorted(c.good("list"))), ("wide", ["chat", *MODEST]), "afterwards")
            c.good("call", "system_info", 0)
            c.good("get", "chat", s.CHAT)
            c.good("call", "chat", 1)
            c.refused(OVER, "", "former")
            self.not_raised(c, "has something that", "riser", instance.SECRET, "modest")

    @staticmethod
    def not_raised(c, says, *words, code="denied.profile"):
        """It is refused, and the session is what it was."""
        before = c.good("info"), c.good("list")
        c.refused(code, says, "raise", *words)
        expect((c.good("info"), c.good("list")), before, f"after {words}")

    def to_another(self):
        """A profile that the account has not, nobody has, or has more of one thing and less of another; and who
        has no account."""
        with self.login("riser") as c:
            self.not_raised(c, "has something that", "riser", instance.SECRET, "hasty")
            for profile in ("operator", "nowhere"):
                self.not_raised(c, "", "riser", instance.SECRET, profile)
            self.not_raised(c, "", instance.USER, instance.SECRET, "operator", code="denied.credentials")
        with Client(self.client, self.target.address) as c:
            c.good("guest")
            self.not_raised(c, "", "riser", instance.SECRET, "wide", code="denied.method-disabled")

    def by_too_little(self):
        """The account has the profile, which demands more than a password; and no password at all."""
        with self.login("riser") as c:
            self.not_raised(c, "worth `touched`", "riser", instance.SECRET, "sealed")
            self.not_raised(c, "", "riser", "something else", "wide", code="denied.credentials")

    def taken_away(self):
        """Policy takes a capability away under an open call; the rest goes on."""
        with self.login() as c:
            c.good("get", "conf", CONF)
            c.good("get", "chat", s.CHAT)
            c.good("send", "conf", HANG)
            c.good("call", "conf", NULL)
            self.target.changed(self.text(()))
            c.refused(GONE, "policy", "wait")
            c.refused(GONE, "policy", "call", "conf", NULL)
            expect("conf" in c.good("list"), False, "whether it is listed")
            c.good("call", "chat", 1)
            self.target.changed(self.text())

    def narrowed(self):
        """A narrower quota holds at once; what is above it is not torn down, and wider is wider."""
        with self.login() as c:
            c.good("get", "conf", CONF)
            for _ in range(10):
                c.good("send", "conf", HANG)
            c.good("call", "conf", NULL)
            self.target.changed(self.text().replace("quota = ()", "quota = (calls = 8)"))
            c.refused("over-quota.calls", "", "call", "conf", NULL)
            self.target.changed(self.text())
            c.good("call", "conf", NULL)

    def some_methods(self):
        """Those that the manifest says its facet has, its own and inherited ones, also before it is there."""
        with self.login("reader") as c:
            expect(c.good("methods", "shelf"), {"list": [SHELF, LIST], "hang": [SHELF, 5], "keep": [KEEPER, KEEP]},
                   "the methods")
            c.refused(METHOD, "", "early", "shelf", SHELF, FORBID)
            c.good("early", "shelf", SHELF, LIST)
            c.good("get", "shelf", SHELF)
            c.good("call", "shelf", LIST)
            c.good("call", "shelf", KEEP, KEEPER)
            c.refused(METHOD, "", "call", "shelf", FORBID)
            c.refused(METHOD, "", "call", "shelf", TELL, TELLER)
            c.good("get", "system_info", s.SYSTEM_INFO)
            c.good("send", "shelf", 5)
            self.target.changed(self.text(methods=("hang", "Teller.tell")))
            c.refused(GONE, "policy", "wait")
            c.refused(GONE, "policy", "call", "shelf", LIST)
            c.good("get", "shelf", SHELF)
            c.good("call", "shelf", TELL, TELLER)
            c.refused(METHOD, "", "call", "shelf", LIST)
            c.good("call", "system_info", 0)
            self.target.changed(self.text())

    def let_go_of(self):
        """The service does not look at methods, and hands its object out again: after it was let go of, and before
        it is there. It has never more methods, and always those."""
        with self.login("partner") as c:
            for _ in range(3):
                c.good("get", "twin", CONF)
                c.refused(METHOD, "", "call", "twin", NULL)
                for _ in range(3):
                    c.good("again", "twin", SELF)
                    c.refused(METHOD, "", "call", "twin", NULL)
                    c.good("call", "twin", SUM)
                c.refused(METHOD, "", "around", "twin", CONF, SELF, NULL)
                c.good("around", "twin", CONF, SELF, SUM)
                c.good("drop", "twin")
                c.refused(METHOD, "", "around", "twin", CONF, SELF, NULL)

    def ended(self, name, says, *words):
        """What is done to an account ends its session, and another is not to be had."""
        self.target.add_user(name)
        with self.login(name) as c, self.login() as other:
            c.good("get", "chat", s.CHAT)
            c.begin("until", "chat", 1)
            self.capos("account", *words)
            c.is_refused(c.end(), OVER, says, "chat")
            c.refused(OVER, says, "info")
            other.good("info")
        with Client(self.client, self.target.address) as c:
            c.refused("denied.credentials", "", "password", name, instance.SECRET)

    def locked(self):
        self.ended("locked", "revoked", "lock", "locked")

    def removed(self):
        self.ended("removed", "revoked", "remove", "removed")

    def expired(self):
        self.ended("expired", "expired", "expire", "expired", "2001-01-01")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("client")
    p.add_argument("--forger", required=True)
    p.add_argument("--faceted", required=True)
    a = p.parse_args()
    cases = Cases(a.client, a.forger, a.faceted)
    with cases.target:
        cases.target.add_user("owner", ["owner"])
        cases.target.add_user("short", ["hasty"])
        cases.target.add_user("sealed", ["sealed"])
        cases.target.add_user("reader", ["partial"])
        cases.target.add_user("partner", ["partner"])
        cases.target.add_user("riser", ["modest", "wide", "sealed", "hasty"])
        return instance.run_cases("broker-cpp", [
            ("a lease that ends alone", cases.ends_alone),
            ("what is local only", cases.local_only),
            ("powers", cases.powers),
            ("a proof that is worth too little", cases.worth_too_little),
            ("a session that is raised", cases.raised),
            ("… to what it cannot be", cases.to_another),
            ("… by a proof that is worth too little", cases.by_too_little),
            ("policy taken away under an open call", cases.taken_away),
            ("a narrower quota", cases.narrowed),
            ("methods of a facet", cases.some_methods),
            ("… of what is let go of and had again", cases.let_go_of),
            ("a locked account", cases.locked),
            ("an expired account", cases.expired),
            ("a removed account", cases.removed)])


if __name__ == "__main__":
    sys.exit(main())
