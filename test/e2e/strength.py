#!/usr/bin/env python3
"""strength: a profile says by what one logs in to it, and how much that is worth.

Why: who has the password of an account should not have all that its owner has with his key. What is too weak for the
profile that is asked for is told so, and gets no other one instead; who asks for none gets the first that his proof is
good for; and what is told of the ways in is what they give.

usage: strength.py
"""
import base64
import json
import os
import struct
import subprocess
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-strength"
ADA, BEA = "ada", "bea"
STAFF, KEEPER, SEALED = "staff", "keeper", "sealed"  # by anything, by a key, by what was touched


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
        admin = self.target.admin()
        with open(self.key + ".pub", encoding="ascii") as f:
            admin.key_add(ADA, f.read().strip())
        admin.close()

    def signed(self, nonce, profile):
        """An SSHSIG of a proof, over a connection without TLS."""
        fields = [b"capos admission proof 1", b"plain", b"", nonce, b"", ADA.encode(), profile.encode(), b""]
        done = subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", self.key, "-n", "login@capos"], check=True,
                              input=b"".join(struct.pack(">I", len(f)) + f for f in fields), capture_output=True)
        return base64.b64decode(b"".join(done.stdout.splitlines()[1:-1]))

    def by_key(self, wanted="", peer=None):
        flow = (peer or self.target.connect()).flow(s.PUBLIC_KEY, ADA, wanted)
        nonce = flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3)
        return s.answer(flow, self.signed(nonce, wanted)).ref(1, s.SESSION)

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
        expect(told["password"], every, "by password")
        expect(told["key"], every + [KEEPER, SEALED], "by key")

    def renewed_by_less(self):
        session = self.by_key(KEEPER)
        refused("denied.weak-proof",
                lambda: session.call(2, Struct(struct.pack("<Q", 0), [instance.SECRET.encode()])))
        expect(profile_of(session), KEEPER, "it goes on")

    def audit(self):
        with open(os.path.join(self.target.state, "audit.log"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]


def main():
    text = instance.manifest(profiles=[
        instance.profile(STAFF, ["session", "system_info"]),
        demanding(KEEPER, ["session", "system_info", "chat"], "methods = [\"key\"], atLeast = signed"),
        demanding(SEALED, ["session", "system_info"], "atLeast = touched")])
    with instance.Instance(text) as target:
        cases = Cases(target)
        cases.prepare()
        return instance.run_cases(SCRIPT, [
            ("a profile that is asked for", cases.asked_for_by_name),
            ("none is asked for", cases.asked_for_none),
            ("a proof that is worth too little", cases.worth_too_little),
            ("profiles that are told", cases.told_as_it_is),
            ("a renewal by less", cases.renewed_by_less)])


if __name__ == "__main__":
    sys.exit(main())
