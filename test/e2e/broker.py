#!/usr/bin/env python3
"""broker: what a manifest declares of a service decides who can have it at all.

Why: a bundle is written by hand, and a name in it is quickly one too many. So a service that says
nothing of clients is in no list of theirs, whatever account they have; who owns the machine has it
over the Unix socket alone; and what contradicts that ends the start, with the place.

usage: broker.py
"""
import json
import os
import struct
import subprocess
import sys
import time

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-broker"
REMOTE = ", remote = (transfer = services)"
OWNER = "owner"
PROOF = Struct(struct.pack("<Q", 0), [instance.SECRET.encode()])


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def local_service():
    """One that says nothing of clients."""
    return instance.service("vault", "capos-system-info", s.SYSTEM_INFO).replace(REMOTE, "")


def owners(**more):
    """A profile of this machine's own."""
    return instance.profile(OWNER, ["session", "system_info", "chat", "vault"], **more).replace(
        "lease", "local = true, lease", 1)


def brief(name, lease):
    """A profile, one of whose capabilities has a lease of its own."""
    return instance.profile("hasty", ["system_info", name, "chat"] if name != "system_info" else
                            ["session", name, "chat"]).replace(
        f"(name = \"{name}\"", f"(name = \"{name}\", lease = \"{lease}\"", 1)


class Cases:
    def __init__(self, target, unix):
        self.target, self.unix = target, unix

    def here(self):
        """Over the Unix socket, as the user who runs the instance."""
        peer = s.Peer("unix:" + self.unix)
        return peer, peer.password("owner", instance.SECRET)

    def has_it_here(self):
        peer, session = self.here()
        caps = s.cap_set(session)
        expect(sorted(s.names(caps)), ["chat", "session", "system_info", "vault"], "the bundle")
        s.get(caps, "vault", s.SYSTEM_INFO).call(0)
        session.call(3)
        peer.close()

    def not_elsewhere(self):
        """The same account, from elsewhere: that profile is not there for it."""
        for wanted in ("", OWNER):
            self.refused("denied.profile",
                         lambda w=wanted: self.target.connect().password("owner", instance.SECRET, w))

    def not_of_others(self):
        """Another account cannot tell that there is such a service."""
        session = self.target.connect().password(instance.USER, instance.SECRET)
        caps = s.cap_set(session)
        expect(sorted(s.names(caps)), ["chat", "session", "system_info"], "the bundle")
        self.refused("denied.unknown-name", lambda: s.get(caps, "vault", s.SYSTEM_INFO))

    def told_as_it_is(self):
        """Which profiles a method gives, over each transport."""
        def profiles(where):
            capos = os.path.join(instance.build_folder(), "bin", "capos")
            said = subprocess.run([capos, "methods", where, "--json"], capture_output=True, text=True,
                                  timeout=60, check=True).stdout
            return next(m["profiles"] for m in json.loads(said)["methods"] if m["method"] == "password")
        expect(OWNER in profiles("unix:" + self.unix), True, "hints here")
        expect(OWNER in profiles(self.target.where), False, "hints elsewhere")

    @staticmethod
    def refused(code, call, says=""):
        try:
            call()
        except Refused as e:
            expect((e.code, says in e.reason), (code, True), f"the denial {e}")
            return
        raise Failed(f"expected {code}, and it worked")

    def ends_alone(self):
        """A lease of six seconds beside one that goes on: it is listed, ends, and says why."""
        peer = self.target.connect()
        session = peer.password("short", instance.SECRET)
        caps = s.cap_set(session)
        info, chat = s.get(caps, "system_info", s.SYSTEM_INFO), s.get(caps, "chat", s.CHAT)
        leases = self.leases(caps)
        if not leases["system_info"] + 60000 < leases["chat"] == leases["session"]:
            raise Failed(f"the leases: {leases}")
        info.call(0)
        instance.until(lambda: self.is_over(info), "the end of the lease")
        self.refused("denied.revoked-lease", lambda: s.get(caps, "system_info", s.SYSTEM_INFO), "expired")
        self.refused("service", lambda: chat.call(0))  # it answers
        session.call(0)
        listed = self.leases(caps)
        expect(sorted(listed), ["chat", "session", "system_info"], "the list")
        if listed["system_info"] > time.time() * 1000:
            raise Failed(f"the lease that is over: {listed}")
        ended = [r for r in self.audit() if r["what"] == "expiry" and r.get("capability") == "system_info"]
        expect(len(ended), 1, "records of its end")
        session.call(3)
        peer.close()

    def is_over(self, info):
        try:
            info.call(0)
        except Refused as e:
            expect((e.code, "expired" in e.reason), ("denied.revoked-lease", True), "the denial")
            return True
        return False

    def goes_on_renewed(self):
        """A renewal is one of its capabilities, too; what has ended stays so."""
        peer = self.target.connect()
        session = peer.password("short", instance.SECRET)
        before = self.leases(s.cap_set(session))["system_info"]
        time.sleep(1)
        session = session.call(2, PROOF).ref(0, s.SESSION)
        caps = s.cap_set(session)
        if not before < self.leases(caps)["system_info"]:
            raise Failed(f"{before} is not before {self.leases(caps)}")
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        instance.until(lambda: self.is_over(info), "the end of the lease")
        session = session.call(2, PROOF).ref(0, s.SESSION)
        self.refused("denied.revoked-lease",
                     lambda: s.get(s.cap_set(session), "system_info", s.SYSTEM_INFO))
        session.call(3)
        peer.close()

    @staticmethod
    def leases(caps):
        return {name: row[2] for name, row in s.names(caps).items()}

    def audit(self):
        return instance.audit(self.target.state)

    def wrong_manifests(self):
        """Each ends the start, and the check, with its place."""
        profile = instance.profile
        for services, profiles, said in (
                ([local_service()], [profile("p", ["session", "system_info", "vault"])],
                 "profiles[3].bundle[2].name: the service is not `remote`"),
                ([local_service().replace("title", "remote = (), powers = [spawn], title")],
                 [profile("p", ["session", "system_info", "vault"])],
                 "profiles[3].bundle[2].name: the service hands out powers (`spawn`)"),
                ([local_service()], [owners(), profile("p", ["session", "system_info", "chat", "vault"])],
                 "profiles[4].bundle"),
                ([], [brief("session", "0s")], "profiles[3].bundle[1].lease: must be 1s to 49 days"),
                ([instance.service("brief", "capos-system-info", s.SYSTEM_INFO).replace(
                    "transfer = services", "lease = \"1m\"")], [brief("brief", "2m")],
                 "profiles[3].bundle[1].lease: is longer than the service allows"),
                ([], [profile("p", ["session"])], "authentication.anonymous.profile: it has more")):
            path = os.path.join(self.target.folder.name, "wrong")
            with open(path, "w", encoding="utf-8") as f:
                f.write(instance.manifest(services=services, profiles=profiles))
            capos = os.path.join(instance.build_folder(), "bin", "capos")
            for words in (["manifest", "check", path],
                          ["up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0",
                           "--manifest", path]):
                done = subprocess.run([capos, *words], capture_output=True, text=True, timeout=60,
                                      check=False)
                if done.returncode != 1 or said not in done.stderr:
                    raise Failed(f"{words[0]}: {said!r} is not in {done}")


def main():
    text = instance.manifest(services=[local_service()], profiles=[owners(), brief("system_info", "6s")])
    target = instance.Instance(text)
    unix = os.path.join(target.folder.name, "clients.sock")
    target.arguments += ["--listen", f"unix:{unix}"]
    with target:
        target.add_user("owner", [OWNER])
        target.add_user("short", ["hasty"])
        cases = Cases(target, unix)
        return instance.run_cases(SCRIPT, [
            ("the owner of the machine has it", cases.has_it_here),
            ("not from elsewhere", cases.not_elsewhere),
            ("not another account", cases.not_of_others),
            ("profiles that are told", cases.told_as_it_is),
            ("a lease that ends alone", cases.ends_alone),
            ("… and is renewed", cases.goes_on_renewed),
            ("manifests that contradict themselves", cases.wrong_manifests)])


if __name__ == "__main__":
    sys.exit(main())
