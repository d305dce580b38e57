#!/usr/bin/env python3
"""secrets-proofs: plants every proof that is no password, and looks for it a second later.

Why: a token is good until it expires, and an assertion, a code or a signature says what somebody has
agreed to; whoever finds a dump, a log or a disk has it then. So here is a table: who plants what,
and where it may be. All else is searched: the memory of every process of the instance, its log, its
audit log, its state, and the arguments of every process of the machine.

Memory of others is the superuser's to read; without that the script is skipped.
"""
import os
import struct
import sys
import time

import attacklib as a
import cheatlib as c
import finder
import sessionlib as s
import sshforge as f

SCRIPT = "attack-secrets-proofs"
SETTLE_S = 1
USER = c.USER


class Target(c.Target):
    """Believes an SSH authority."""

    def __init__(self):
        self.office = f.Key("ed25519")
        super().__init__(ways=f'sshAuthorities = [(name = "office", key = "{self.office.line}")], ')


class Planter(c.Cheats):
    """Each method plants, and returns what to look for: {where from: bytes that are nowhere else}."""

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.source = "127.20.0.1"
        self.key, self.sk, self.certified = f.Key("ed25519"), f.Key("sk-p256"), f.Key("ed25519")
        target.account(USER, [self.key, self.sk])

    def proved(self, key, shown=None, good=True):
        """A login over each transport; the ends of the signatures."""
        found = {}
        for over in ("tls", "plain", "unix"):
            login = self.login(USER, "operator", self.peer(over))
            proof = f.sshsig(key, login.text(**({} if good else {"nonce": bytes(32)})), shown)
            try:
                session = login.prove(proof)
            except s.Refused:
                if good:
                    raise
            else:
                session.call(3)
            found[over] = proof[-finder.NEEDLE:]
        return found

    def signature(self):
        return self.proved(self.key)

    def signature_refused(self):
        return self.proved(self.key, good=False)

    def security_key(self):
        return self.proved(self.sk)

    def certificate(self):
        return self.proved(self.certified, f.Certificate(self.certified, self.target.office,
                                                         principals=[USER.encode()]).blob())

    def renewal(self):
        login = self.login(USER, "operator")
        session = login.prove(f.sshsig(self.key, login.text()))
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        proof = f.sshsig(self.key, login.text())
        session.call(2, s.Struct(struct.pack("<Q", 60000), [proof]))
        return {"renewal": proof[-finder.NEEDLE:]}

    def dropped(self):
        """The client goes before there is an answer."""
        login = self.login(USER, "operator")
        proof = f.sshsig(self.key, login.text())
        login.flow.send(0, s.Struct(b"", [proof]))
        login.peer.close()
        self.peers.remove(login.peer)
        return {"dropped": proof[-finder.NEEDLE:]}


# What is planted, and where it may be found.
SECRETS = (("signature", ()), ("signature_refused", ()), ("security_key", ()), ("certificate", ()),
           ("renewal", ()), ("dropped", ()))


def found_nowhere(search, needles, may):
    for where, needle in needles.items():
        places = set(search.places(needle)) - set(may)
        if places:
            raise a.Failed(f"what came over {where} is in {places}")
    return "wiping"


def search_works(search):
    """What is no secret is found, in memory, in files and among arguments."""
    places = search.places(USER.encode())
    if not {"capos-sessiond", "audit.log"} <= set(places):
        raise a.Failed(f"a name is only in {places}")
    if "ps" not in search.places(search.target.state.encode()):
        raise a.Failed("the arguments of a process are not seen")
    return "nobody"


def tries(target):
    planter = Planter(target)
    planted = [(getattr(planter, name)(), may) for name, may in SECRETS]
    time.sleep(SETTLE_S)
    search = finder.Search(target)
    functions = [lambda n=needles, m=may: found_nowhere(search, n, m) for needles, may in planted]
    functions.append(lambda: search_works(search))
    return {f"XP{i + 1}": function for i, function in enumerate(functions)}


def main():
    if os.geteuid() != 0:
        print("skipped: memory of others is the superuser's to read")
        return a.SKIP
    return a.main(SCRIPT, Target, tries)


if __name__ == "__main__":
    sys.exit(main())
