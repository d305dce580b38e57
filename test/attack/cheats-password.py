#!/usr/bin/env python3
"""cheats-password: who tries to log in by a password that is not his, or not the whole of one.

Why: a password is bound to nothing, so all that stands between a guess and an account is that it
must be the account's, whole, now, and not tried too often. What refuses must look the same whatever
was wrong, or names could be told from it. What it cannot withstand is in cheats-middle.
"""
import os
import re
import sys

import cheatlib as c
import instance
import sessionlib as s
from sessionlib import Failed, Struct

SCRIPT = "attack-cheats-password"
USER, SECRET = instance.USER, instance.SECRET
MOST = 1024  # bytes of a password
SAID = "denied.credentials"


class Cases(c.Cheats):
    def __init__(self, target):
        super().__init__(target, "password")
        self.key = c.keygen(os.path.join(self.folder, "key"))
        self.accounts = 0
        target.add_user()

    def account(self, password=SECRET, keys=()):
        """A new one: whose password was wrong three times has to wait."""
        self.accounts += 1
        name = f"made{self.accounts}"
        self.target.account(name, keys, ("operator", "robot"), password)
        return name

    def admin(self, method, *pointers):
        admin = self.target.admin()
        try:
            admin.ref.call(method, Struct(b"", list(pointers)))
        finally:
            admin.close()

    def flow(self, account, over="tls", peer=None, kind=s.PASSWORD, **how):
        return c.Login(peer or self.peer(over), account, kind=kind, **how)

    def wrong(self, flow, password, **wanted):
        """It does not convince, and the client is told nothing but that."""
        def prove():
            try:
                flow.prove(password)
            except s.Refused as e:
                if e.reason not in (SAID, "remote exception: " + SAID):
                    raise Failed(f"it says more: {e}") from e
                raise
        return self.refused(SAID, prove, account=flow.account, **wanted)

    # ---- who may

    def honest(self):
        for over in ("tls", "plain", "unix"):
            layer = self.let_in(self.flow(USER, over).prove(SECRET), USER)
            self.recorded("ok", transport=over, binding="none")
        return layer

    # ---- the wrong one

    def not_it(self):
        for over in ("tls", "plain", "unix"):
            layer = self.wrong(self.flow(self.account(), over), "wrong password", transport=over)
        return layer

    def anothers(self):
        name, other = self.account(), self.account("the other's password")
        layer = self.wrong(self.flow(name), "the other's password")
        self.let_in(self.flow(other).prove("the other's password"), other)
        return layer

    def nearly(self):
        name = None
        for i, change in enumerate((SECRET[:-1], SECRET + "x", SECRET + "\0", SECRET + "\n",
                                    " " + SECRET, SECRET.upper(), SECRET.replace(" ", "\0", 1),
                                    "\0")):
            name = self.account() if i % 2 == 0 else name
            layer = self.wrong(self.flow(name), change)
        return layer

    def only_a_key(self):
        name = self.account("", (self.key,))
        self.wrong(self.flow(name), SECRET)
        return self.wrong(self.flow(name), "\0")

    def nobodys_name(self):
        for name in ("nobody", "Alice", "alice\0", " alice", "alice/../alice", "x" * 200, ""):
            flow = self.flow(name)
            layer = self.refused(SAID, lambda f=flow: f.prove(SECRET))
        return layer

    def too_long(self):
        """The longest is tried, as any; what is longer is not."""
        name = self.account()
        self.wrong(self.flow(name), SECRET + "x" * (MOST - len(SECRET)))
        self.elsewhere()
        self.wrong(self.flow(name), SECRET + "\0" * (MOST + 1 - len(SECRET)))
        self.elsewhere()
        self.wrong(self.flow(name), "x" * (60 * 1024))
        return "sessiond"

    def nothing(self):
        """No password is no answer, however often."""
        flow = self.flow(self.account("", (self.key,)))

        def ask():
            for _ in range(6):
                r = flow.flow.call(0, Struct(b"", [None]))
                if r.content.bit(0) or not r.content.ptr(0).bit(0):
                    raise Failed("it is done, or no secret")
        return self.refused("denied.flow", ask)

    def what_is_stored(self):
        """Who has read the state directory has what is compared with, and not the password."""
        name, found = self.account(), set()
        for folder, _, files in os.walk(self.target.state):
            for file in files:
                path = os.path.join(folder, file)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        found.update(re.findall(rb"\$argon2id\$[!-~]+", f.read()))
        if not found:
            raise Failed("there is nothing stored")
        for i, verifier in enumerate(sorted(found)):
            name = self.account() if i % 2 else name
            layer = self.wrong(self.flow(name), verifier)
        return layer

    # ---- the right one, where it is none

    def same_flow(self):
        flow = self.flow(USER)
        flow.prove(SECRET)
        return self.refused("denied.flow", lambda: flow.prove(SECRET), kind=None)

    def flow_begun_before(self):
        peer = self.peer()
        spare, flow = self.flow(USER, peer=peer), self.flow(USER, peer=peer)
        flow.prove(SECRET)
        return self.refused("denied.already-bound", lambda: spare.prove(SECRET), account=USER)

    def after_failure(self):
        flow = self.flow(self.account())
        self.wrong(flow, "wrong password")
        return self.refused("denied.flow", lambda: flow.prove(SECRET), kind=None)

    def after_cancel(self):
        flow = self.flow(USER)
        flow.flow.call(1)
        return self.refused("denied.flow", lambda: flow.prove(SECRET), kind=None)

    def flow_of_another(self):
        flow = self.flow(USER)
        try:
            s.answer(s.Ref(self.peer(), flow.flow.number, s.FLOW), SECRET)
        except (s.Refused, Failed, s.Closed) as e:
            if isinstance(e, s.Refused) and e.code.startswith("denied."):
                raise Failed(f"it is known there: {e}") from e
        else:
            raise Failed("it got through")
        self.let_in(flow.prove(SECRET), USER)
        return "vat"

    def profile_of_others(self):
        return self.refused("denied.profile", lambda: self.flow(USER, profile="guest").prove(SECRET),
                            account=USER, profile="guest")

    def changed_meanwhile(self):
        name = self.account()
        flow = self.flow(name)
        self.admin(5, name, b"another password")
        layer = self.wrong(flow, SECRET)
        self.let_in(self.flow(name).prove("another password"), name)
        return layer

    def removed_meanwhile(self):
        name = self.account()
        flow = self.flow(name)
        self.admin(1, name)
        return self.wrong(flow, SECRET)

    def for_a_key(self):
        """In a flow that wants a signature, before the nonce and after it."""
        self.kind = "publicKey"
        try:
            flow = self.flow(USER, kind=s.PUBLIC_KEY)
            self.refused(SAID, lambda: flow.prove(SECRET), account=USER)
            self.elsewhere()
            flow = self.flow(USER, kind=s.PUBLIC_KEY).ask()
            return self.refused(SAID, lambda: flow.prove(SECRET), account=USER)
        finally:
            self.kind = "password"

    def signature(self):
        """A good one, in a flow that wants a password."""
        name = self.account("", (self.key,))
        flow = self.flow(name)
        flow.nonce = bytes(32)
        return self.wrong(flow, flow.signed(self.key))

    # ---- often

    def guessed(self):
        """The fourth has to wait, and so has the right one."""
        name = self.account()
        for _ in range(3):
            self.wrong(self.flow(name), "wrong password")
        layer = self.refused("denied.backoff", lambda: self.flow(name).prove(SECRET),
                             says="try again in", account=name)
        return layer

    def five_flows(self):
        peer = self.peer()
        for _ in range(4):
            self.flow(USER, peer=peer)
        return self.refused("over-quota.flows", lambda: self.flow(USER, peer=peer))

    # ---- renewal

    def renew(self, session, password):
        return session.call(2, Struct(bytes(8), [password.encode()])).ref(0, s.SESSION)

    def renewal(self):
        name = self.account()
        self.account("the other's password")
        session = self.flow(name).prove(SECRET)
        for password in ("the other's password", "wrong password"):
            layer = self.refused(SAID, lambda p=password: self.renew(session, p), account=name,
                                 detail="renewal")
        self.renew(session, SECRET).call(0)
        return layer

    def renewal_as_another(self):
        other = self.account("the other's password")
        flow = self.flow(self.account())
        session = flow.prove(SECRET)
        return self.refused(SAID, lambda: self.flow(other, peer=flow.peer, session=session)
                            .prove("the other's password"), "sessiond", account=other)

    def renewal_of_nobody(self):
        """A session without an account has nothing to be renewed by."""
        peer = self.peer()
        session = peer.first.call(3, Struct(b"", [None, None])).ref(0, s.SESSION)
        self.refused("denied.method-disabled", lambda: self.renew(session, SECRET), kind=None)
        self.elsewhere()
        return self.refused("denied.method-disabled",
                            lambda: self.flow(USER, peer=peer, session=session))

    # ---- where it is no way in

    def disabled(self):
        """Policy has switched passwords and keys off."""
        with c.Target(password=False, public_key=False) as target:
            for number, kind, name in ((s.PASSWORD, "password", USER),
                                       (s.PUBLIC_KEY, "publicKey", USER)):
                cases = c.Cheats(target, kind)
                cases.source = f"127.21.{number + 1}.1"
                peer = cases.peer()
                layer = cases.refused("denied.method-disabled",
                                      lambda p=peer, n=number: c.Login(p, name, kind=n), account=name)
                peer.close()
        return layer


NAMES = ("honest", "not_it", "anothers", "nearly", "only_a_key", "nobodys_name", "too_long",
         "nothing", "what_is_stored", "same_flow", "flow_begun_before", "after_failure",
         "after_cancel", "flow_of_another", "profile_of_others", "changed_meanwhile",
         "removed_meanwhile", "for_a_key", "signature", "guessed", "five_flows", "renewal",
         "renewal_as_another", "renewal_of_nobody", "disabled")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "PC", Cases, NAMES))
