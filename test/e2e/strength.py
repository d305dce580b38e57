#!/usr/bin/env python3
"""strength: a profile says by what one logs in to it, and how much that is worth.

Why: who has the password of an account should not have all that its owner has with his key. What is too weak for the
profile that is asked for is told so, and gets no other one instead; who asks for none gets the first that his proof is
good for; and what is told of the ways in is what they give. A session is raised by a proof of its own, for a profile
that is asked for by name, and never otherwise.

usage: strength.py
"""
import base64
import json
import os
import socket
import struct
import subprocess
import sys
import time

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-strength"
ADA, BEA = "ada", "bea"
STAFF, KEEPER, SEALED = "staff", "keeper", "sealed"  # by anything, by a key, by what was touched
CARL, TIGHT = "carl", "tight"  # one session of an account, of few calls at once, and of a minute
QUOTA = 5  # of SessionInfo's pointers


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


def demanding(name, grants, demand):
    return instance.profile(name, grants).replace("lease", f"{demand}, lease", 1)


def profile_of(session):
    return s.text(session.call(0).content.ptr(0).ptr(2))


class Cases:
    def __init__(self, target):
        self.target = target
        self.key = os.path.join(target.folder.name, "key")

    def prepare(self):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.target.add_user(ADA, [KEEPER, STAFF])
        self.target.add_user(BEA, [SEALED])
        self.target.add_user(CARL, [STAFF, TIGHT])
        admin = self.target.admin()
        with open(self.key + ".pub", encoding="ascii") as f:
            admin.key_add(ADA, f.read().strip())
        admin.close()

    def signed(self, nonce, profile, key=None):
        """An SSHSIG of a proof, over a connection without TLS."""
        fields = [b"capos admission proof 1", b"plain", b"", nonce, b"", ADA.encode(), profile.encode(), b""]
        done = subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key or self.key, "-n", "login@capos"], check=1,
                              input=b"".join(struct.pack(">I", len(f)) + f for f in fields), capture_output=True)
        return base64.b64decode(b"".join(done.stdout.splitlines()[1:-1]))

    def by_key(self, wanted="", key=None, peer=None):
        flow = (peer or self.target.connect()).flow(s.PUBLIC_KEY, ADA, wanted)
        nonce = flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3)
        return s.answer(flow, self.signed(nonce, wanted, key)).ref(1, s.SESSION)

    def by_password(self, wanted=""):
        return self.target.connect().password(ADA, instance.SECRET, wanted)

    # ---- logins

    def asked_for_by_name(self):
        expect(profile_of(self.by_key(KEEPER)), KEEPER, "by key")
        refused("denied.profile", lambda: self.by_password(KEEPER), "it demands key")
        expect(profile_of(self.by_password(STAFF)), STAFF, "the other, by password")

    def asked_for_none(self):
        expect(profile_of(self.by_key()), KEEPER, "the account's first, by key")
        expect(profile_of(self.by_password()), STAFF, "the first that a password is good for")

    def worth_too_little(self):
        refused("denied.profile", lambda: self.target.connect().password(BEA, instance.SECRET),
                "it demands a proof worth `touched`")
        row = [r for r in self.audit() if r["what"] == "attempt" and r.get("account") == BEA][-1]
        expect((row["outcome"], "touched" in row.get("detail", "")), ("denied.profile", True), f"the record {row}")

    def told_as_it_is(self):
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        said = subprocess.run([capos, "methods", self.target.where, "--json"], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        told = {m["method"]: m["profiles"] for m in json.loads(said)["methods"]}
        every = ["anonymous", "guest", "operator", STAFF]
        expect(told["password"], every + [TIGHT], "by password")
        expect(told["key"], every + [KEEPER, SEALED, TIGHT], "by key")

    def renewed_by_less(self):
        session = self.by_key(KEEPER)
        refused("denied.weak-proof",
                lambda: session.call(2, Struct(struct.pack("<Q", 0), [instance.SECRET.encode()])))
        expect(profile_of(session), KEEPER, "it goes on")

    # ---- a session that is raised

    def raised(self, session, wanted=KEEPER, kind=s.PUBLIC_KEY, signed=None):
        """By a proof of one's own; the session that comes back."""
        flow = session.call(4, s.auth_start(kind, ADA, wanted)).ref(0, s.FLOW)
        if kind == s.PASSWORD:
            return s.answer(flow, instance.SECRET).ref(1, s.SESSION)
        nonce = flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3)
        return s.answer(flow, self.signed(nonce, wanted if signed is None else signed)).ref(1, s.SESSION)

    def raises(self):
        """What is there goes on; what is new is listed; the record says from where, and by what."""
        session = self.by_password()
        caps = s.cap_set(session)
        expect(sorted(s.names(caps)), ["session", "system_info"], "before")
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        raised = self.raised(session)
        refused("denied.stale-session", lambda: session.call(0))
        expect(profile_of(raised), KEEPER, "its profile")
        expect(sorted(s.names(caps)), ["chat", "session", "system_info"], "by the reference of before")
        info.call(0)
        s.get(caps, "chat", s.CHAT).call(1)
        row = [r for r in self.audit() if r["what"] == "raise"][-1]
        expect((row["profile"], row["detail"].split(", by SHA256:")[0]), (KEEPER, "from staff"), f"the record {row}")
        refused("denied.weak-proof",
                lambda: raised.call(2, Struct(struct.pack("<Q", 0), [instance.SECRET.encode()])))
        expect(profile_of(self.raised(raised, "")), KEEPER, "renewed by what has raised it")

    def raises_not(self):
        """Each refusal leaves the session as it is, and none gives another profile."""
        session = self.by_password()
        refused("denied.profile", lambda: self.raised(session, kind=s.PASSWORD), "it demands key")
        refused("denied.credentials", lambda: self.raised(session, signed=STAFF))
        refused("denied.credentials", lambda: self.raised(session, signed=""))
        refused("denied.profile", lambda: self.raised(session, "operator"))  # not this account's
        refused("denied.profile", lambda: self.raised(session, "nowhere"))
        refused("denied.profile", lambda: self.raised(session, "anonymous"), "only raised")
        expect(profile_of(session), STAFF, "after all of that")
        expect(sorted(s.names(s.cap_set(session))), ["session", "system_info"], "its bundle")
        above = self.by_key(KEEPER)
        refused("denied.profile", lambda: self.raised(above, STAFF), "only raised")
        expect(profile_of(above), KEEPER, "never lowered")
        nobody = self.target.connect().anonymous()
        refused("denied.method-disabled", lambda: self.raised(nobody))

    def renews_as_it_is(self):
        """A proof that would do for more, and asks for nothing."""
        session = self.raised(self.by_password(), "")
        expect(profile_of(session), STAFF, "renewed by key")
        expect(profile_of(self.raised(session, STAFF)), STAFF, "by name")

    def two_at_once(self):
        session = self.by_password()
        flows = [session.call(4, s.auth_start(s.PUBLIC_KEY, ADA, wanted)).ref(0, s.FLOW)
                 for wanted in (KEEPER, KEEPER, STAFF)]
        nonces = [f.call(0, Struct(b"", [None])).content.ptr(0).ptr(3) for f in flows]
        s.answer(flows[0], self.signed(nonces[0], KEEPER))
        session = s.answer(flows[1], self.signed(nonces[1], KEEPER)).ref(1, s.SESSION)
        refused("denied.profile", lambda: s.answer(flows[2], self.signed(nonces[2], STAFF)), "only raised")
        expect(profile_of(session), KEEPER, "after all three")
        expect(sorted(s.names(s.cap_set(session))), ["chat", "session", "system_info"], "each once")

    def locked_meanwhile(self):
        session = self.by_password()
        flow = session.call(4, s.auth_start(s.PUBLIC_KEY, ADA, KEEPER)).ref(0, s.FLOW)
        proof = self.signed(flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3), KEEPER)
        admin = self.target.admin()
        admin.account_lock(ADA)
        refused("denied.stale-session", lambda: s.answer(flow, proof))
        admin.account_unlock(ADA)
        admin.close()

    def taken_away_stays_away(self):
        session = self.by_password()
        admin = self.target.admin()
        admin.revoke(s.text(session.call(0).content.ptr(0).ptr(0)), "system_info")
        admin.close()
        caps = s.cap_set(self.raised(session))
        refused("denied.revoked-lease", lambda: s.get(caps, "system_info", s.SYSTEM_INFO))
        s.get(caps, "chat", s.CHAT).call(1)

    def comes_back(self):
        """After its line has dropped: as what it was raised to."""
        back = os.path.join(self.target.folder.name, "back")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", back], check=True)
        with open(back + ".pub", encoding="ascii") as f:
            blob = base64.b64decode(f.read().split()[1])
        peer = self.target.connect()
        session = peer.password(ADA, instance.SECRET, STAFF)
        session.call(6, Struct(b"", [blob]))
        self.raised(session)
        peer.close()
        refused("denied.profile", lambda: self.by_key(STAFF, back), "names the profile of its session")
        session = self.by_key(KEEPER, back)
        expect(profile_of(session), KEEPER, "its profile")
        expect(sorted(s.names(s.cap_set(session))), ["chat", "session", "system_info"], "its bundle")
        refused("denied.weak-proof",
                lambda: session.call(2, Struct(struct.pack("<Q", 0), [instance.SECRET.encode()])))

    def as_the_other_profile_has_it(self):
        """Quotas and lease are its own: also how many sessions an account may have."""
        first, other = (self.target.connect().password(CARL, instance.SECRET) for _ in range(2))

        def raised():
            flow = first.call(4, s.auth_start(s.PASSWORD, CARL, TIGHT)).ref(0, s.FLOW)
            return s.answer(flow, instance.SECRET).ref(1, s.SESSION)

        def told(session):
            info = session.call(0).content.ptr(0)
            return s.text(info.ptr(2)), info.ptr(QUOTA).uint(32, 32), info.uint(64, 64) / 1000 - time.time()

        profile, calls, left_s = told(first)
        expect((profile, calls, left_s > 120), (STAFF, 2048, True), "before")
        refused("over-quota.sessions", raised)
        expect(told(first)[0], STAFF, "while there is another")
        other.call(3)
        profile, calls, left_s = told(raised())
        expect((profile, calls, left_s < 120), (TIGHT, 16, True), "afterwards")

    def comes_back_from_elsewhere(self):
        """What raised it is not good from there, though something else has renewed it."""
        near, back = (os.path.join(self.target.folder.name, name) for name in ("near", "back2"))
        for key in (near, back):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        admin = self.target.admin()
        with open(near + ".pub", encoding="ascii") as f:
            admin.key_add(ADA, f.read().strip(), "127.0.0.1")
        admin.close()
        with open(back + ".pub", encoding="ascii") as f:
            blob = base64.b64decode(f.read().split()[1])

        peer = self.target.connect()
        session = peer.password(ADA, instance.SECRET, STAFF)
        session.call(6, Struct(b"", [blob]))
        first, self.key = self.key, near
        session = self.raised(session)
        self.key = first
        self.raised(session, "")
        peer.close()
        host, port = self.target.address.rsplit(":", 1)
        other = socket.create_connection((host, int(port)), 60, ("127.0.0.2", 0))
        refused("denied.credentials", lambda: self.by_key(KEEPER, back, s.Peer(other)))
        expect(profile_of(self.by_key(KEEPER, back)), KEEPER, "from where it was")

    def until_its_key(self):
        """A session ends no later than the key that has raised it does, whatever renews it afterwards."""
        brief = os.path.join(self.target.folder.name, "brief")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", brief], check=True)
        over_ms = int(time.time() + 120) * 1000
        admin = self.target.admin()
        with open(brief + ".pub", encoding="ascii") as f:
            admin.key_add(ADA, f.read().strip(), expires_ms=over_ms)
        admin.close()

        def ends_ms(session):
            return session.call(0).content.ptr(0).uint(64, 64)

        session = self.by_password()
        expect(ends_ms(session) > over_ms, True, "of the password")
        first, self.key = self.key, brief
        session = self.raised(session)
        self.key = first
        expect(ends_ms(session) <= over_ms, True, "raised by it")
        session = self.raised(session, "")
        expect(ends_ms(session) <= over_ms, True, "renewed by another")
        expect(ends_ms(self.by_key(KEEPER)) > over_ms, True, "of another session")

    def with_its_key(self):
        """A session ends with the key that has raised it, though a password has made it."""
        session = self.raised(self.by_password())
        admin = self.target.admin()
        with open(self.key + ".pub", encoding="ascii") as f:
            line = f.read().strip()
        fingerprint = subprocess.run(["ssh-keygen", "-l", "-f", self.key + ".pub"], check=True, capture_output=True,
                                     text=True).stdout.split()[1]
        admin.key_remove(ADA, fingerprint)
        instance.over(session)
        refused("denied.stale-session", lambda: session.call(0))
        admin.key_add(ADA, line)
        admin.close()

    def from_a_terminal(self):
        """The agent's session has more afterwards, for whoever uses it."""
        home = os.path.join(self.target.folder.name, "home")
        os.mkdir(home, 0o700)
        env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home}
        env.pop("SSH_AUTH_SOCK", None)

        def capos(*words, said=""):
            program = os.path.join(instance.build_folder(), "bin", "capos")
            return subprocess.run([program, *words], capture_output=True, text=True, timeout=60, env=env, input=said,
                                  check=False)

        def caps():
            return sorted(e["name"] for e in json.loads(capos("caps", "--json").stdout)["capabilities"])

        secret = instance.SECRET + "\n"
        done = capos("login", f"{ADA}@{self.target.where}", "--as", ADA, "--profile", STAFF, "--password-stdin",
                     said=secret)
        expect(done.returncode, 0, f"the login: {done}")
        expect(caps(), ["session", "system_info"], "before")
        for words, code, says in ((("--profile", KEEPER), 2, "by what is it raised to keeper?"),
                                  (("--profile", KEEPER, "--password-stdin"), 3, "it demands key"),
                                  (("--profile", "nowhere", "--identity", self.key), 3, "does not exist")):
            done = capos("renew", *words, said=secret)
            expect((done.returncode, says in done.stderr), (code, True), f"{words}: {done}")
        expect(caps(), ["session", "system_info"], "after what was refused")
        done = capos("renew", "--profile", KEEPER, "--identity", self.key)
        expect((done.returncode, f"profile    {KEEPER}" in done.stdout), (0, True), f"raised: {done}")
        expect(caps(), ["chat", "session", "system_info"], "afterwards")
        expect(capos("renew", "--identity", self.key).returncode, 0, "renewed by the same")
        expect(capos("logout").returncode, 0, "logout")

    def audit(self):
        return instance.audit(self.target.state)


def main():
    text = instance.manifest(profiles=[
        instance.profile(STAFF, ["session", "system_info"]),
        demanding(KEEPER, ["session", "system_info", "chat"], "methods = [\"key\"], atLeast = signed"),
        demanding(SEALED, ["session", "system_info"], "atLeast = touched"),
        instance.profile(TIGHT, ["session", "system_info", "chat"], 60000, calls=16, sessionsPerAccount=1)])
    with instance.Instance(text) as target:
        cases = Cases(target)
        cases.prepare()
        return instance.run_cases(SCRIPT, [
            ("a profile that is asked for", cases.asked_for_by_name),
            ("none is asked for", cases.asked_for_none),
            ("a proof that is worth too little", cases.worth_too_little),
            ("profiles that are told", cases.told_as_it_is),
            ("a renewal by less", cases.renewed_by_less),
            ("a session that is raised", cases.raises),
            ("… and is not", cases.raises_not),
            ("a renewal raises nothing", cases.renews_as_it_is),
            ("two at once", cases.two_at_once),
            ("an account that is locked meanwhile", cases.locked_meanwhile),
            ("what was taken away", cases.taken_away_stays_away),
            ("a line that drops afterwards", cases.comes_back),
            ("… somewhere else", cases.comes_back_from_elsewhere),
            ("quotas and lease of the other", cases.as_the_other_profile_has_it),
            ("from a terminal", cases.from_a_terminal),
            ("a date of the key that has raised it", cases.until_its_key),
            ("the key that has raised it", cases.with_its_key)])


if __name__ == "__main__":
    sys.exit(main())
