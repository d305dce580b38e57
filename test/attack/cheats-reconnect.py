#!/usr/bin/env python3
"""cheats-reconnect: keys that clients have enrolled to come back by, used for all that they are not.

Why: such a key lets in without anybody being asked, so what it is good for is what is left of one
session and nothing else, and it must be over at the moment that session is. Whoever cheats here has
the private half. What he signs is otherwise as it should be.
"""
import base64
import os
import signal
import struct
import sys

import cheatlib as c
import instance
import sessionlib as s
import tlspeer
from cheatlib import EXPORTER, SERVER_KEY
from sessionlib import Failed, Refused, Struct

SCRIPT = "attack-cheats-reconnect"
ENROL, MANY, WAITING, LEASE_MS = 6, 3000, 16, 8000
MOST_GROWN, TRIES = 1024 * 1024, 16
HEAD = b"\0\0\0\x0bssh-ed25519\0\0\0 "


def blob(key):
    return base64.b64decode(c.public(key).split()[1])


class Held:
    """A session, and the key that was enrolled for it."""

    def __init__(self, name, profile, peer, session, key):
        self.name, self.profile, self.peer, self.session, self.key = name, profile, peer, session, key
        self.id = s.text(session.call(0).content.ptr(0).ptr(0))


class Cases(c.KeyCheats):
    def __init__(self, target):
        super().__init__(target)
        self.made = 0

    def account(self, *keys):
        self.made += 1
        name = f"back{self.made}"
        self.target.account(name, keys, password=instance.SECRET)
        return name

    def new_key(self):
        self.made += 1
        return c.keygen(os.path.join(self.folder, f"own{self.made}"))

    def admin(self, method, *pointers):
        admin = self.target.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(pointers)))
        finally:
            admin.close()

    def enter(self, profile="operator", over="tls", name=None):
        """Logs in by password and enrols."""
        name = name or self.account()
        peer = self.peer(over)
        session = peer.password(name, instance.SECRET, profile, peer.first)
        return self.enrolled(name, profile, peer, session)

    def enrolled(self, name, profile, peer, session):
        key = self.new_key()
        if not self.enrol(session, blob(key)).content.uint(0, 64):
            raise Failed("until when it is good is not said")
        return Held(name, profile, peer, session, key)

    @staticmethod
    def enrol(session, key):
        return session.call(ENROL, Struct(b"", [key]))

    def dropped(self, held):
        """The line is cut, and the instance knows."""
        self.peers.remove(held.peer)
        held.peer.close()

        def look():
            admin = self.target.admin()
            try:
                return any(x["id"] == held.id and x["dropped"] for x in admin.sessions())
            finally:
                admin.close()
        instance.until(look, "the drop")
        return held

    def back(self, held, over="tls", profile=None, **how):
        return self.login(held.name, held.profile if profile is None else profile, self.peer(over),
                          **how)

    def not_back(self, held, code="denied.credentials", over="tls", **how):
        login = self.back(held, over, **how)
        return self.refused(code, lambda: login.prove(login.signed(held.key)), account=held.name)

    # ---- coming back

    def honest(self):
        for over in ("tls", "plain", "unix"):
            held = self.dropped(self.enter(over=over))
            for _ in range(3):
                login = self.back(held, over)
                session = login.prove(login.signed(held.key))
                layer = self.let_in(session, held.name)
                login.peer.close()
                self.peers.remove(login.peer)
        return layer

    def half_open(self):
        """What he has left ends, and is no more than what is said of it."""
        held = self.enter()
        login = self.back(held)
        login.prove(login.signed(held.key))
        try:
            held.session.call(0)
        except Refused as e:
            if e.code != "denied.stale-session":
                raise
            return "sessiond"
        raise Failed("there are two of them")

    def given_up(self):
        """Whoever has not waited for the answer has not logged out: nothing comes of it, or it is undone."""
        held = self.dropped(self.enter())
        login = self.back(held)
        question = login.flow.send(0, Struct(b"", [login.signed(held.key)]))
        login.peer.send(s.w.finish(question))
        try:
            login.flow.call(0, Struct(b"", [login.signed(held.key)]))
        except s.Closed:
            pass
        except Refused as e:
            if e.code != "denied.flow":
                raise
        else:
            raise Failed("it goes on")
        again = self.back(held)
        return self.let_in(again.prove(again.signed(held.key)), held.name)

    # ---- for something else

    def another_account(self):
        held, other = self.dropped(self.enter()), self.account()
        login = self.login(other, "operator")
        return self.wrong(login, login.signed(held.key), account=other)

    def another_profile(self):
        held = self.dropped(self.enter())
        self.not_back(held, "denied.profile", profile="loose")
        return self.not_back(held, "denied.profile", profile="no-such")

    def no_profile(self):
        return self.not_back(self.dropped(self.enter()), "denied.profile", profile="")

    def for_renewal(self):
        """Of the session itself: by renew, and by a flow."""
        held = self.enter()
        flow = c.Login(held.peer, held.name, session=held.session).ask()
        self.refused("denied.credentials", lambda: flow.prove(flow.signed(held.key)))
        renewal = c.Login(held.peer, held.name, "operator", session=held.session)
        renewal.nonce = held.session.call(0).content.ptr(0).ptr(4)
        proof = Struct(struct.pack("<Q", 60000), [renewal.signed(held.key)])
        return self.refused("denied.credentials", lambda: held.session.call(2, proof), "sessiond")

    # ---- elsewhere

    def replayed(self):
        held = self.dropped(self.enter())
        login = self.back(held)
        proof = login.signed(held.key)
        login.prove(proof)
        return self.wrong(self.back(held), proof)

    def other_channel(self):
        held = self.dropped(self.enter())
        login = self.back(held)
        return self.wrong(login, login.signed(held.key, channel=os.urandom(32)))

    def relayed(self, identity):
        held = self.dropped(self.enter())
        with self.middle(identity) as middle:
            login = self.login(held.name, held.profile, self.peer(address=middle.address))
            return self.wrong(login, login.signed(held.key))

    def middle_own(self):
        return self.relayed(None)

    def middle_stolen(self):
        return self.relayed(self.target.identity)

    def other_transport(self):
        for first, then in (("tls", "plain"), ("tls", "unix"), ("unix", "plain"), ("plain", "tls")):
            layer = self.not_back(self.dropped(self.enter(over=first)), "denied.weak-proof", then)
        return layer

    def weaker_binding(self):
        """The profile allows it; the session was made over more."""
        held = self.dropped(self.enter("loose"))
        return self.not_back(held, "denied.weak-proof", binding=SERVER_KEY)

    def anothers_signature(self):
        held, login = self.dropped(self.enter()), None
        login = self.back(held)
        real, false = c.Signature(login.signed(held.key)), c.Signature(login.signed(self.eve))
        real.bytes = false.bytes
        return self.wrong(login, real.blob(), account=held.name)

    def another_instance(self):
        """Where the account is, too."""
        held = self.dropped(self.enter())
        with c.Target() as other:
            other.account(held.name, password=instance.SECRET)
            peer = tlspeer.TlsPeer(other.tls, self.source)
            peer.transport = "tls"
            login = self.login(held.name, "operator", self.take(peer))
            layer = self.refused("denied.credentials", lambda: login.prove(login.signed(held.key)),
                                 audit=False)
            self.peers.remove(peer)
            peer.close()
            if not any(r["outcome"] == "denied.credentials" for r in other.records()):
                raise Failed("it is not recorded there")
        return layer

    # ---- over

    def after(self, act, held=None, down=True):
        held = held or self.enter()
        if down:
            self.dropped(held)
        act(held)
        return self.not_back(held)

    def logged_out(self):
        return self.after(lambda h: h.session.call(3), down=False)

    def revoked(self):
        return self.after(lambda h: self.admin(7, h.id, None), down=False)

    def revoked_later(self):
        return self.after(lambda h: self.admin(7, h.id, None))

    def account_anew(self):
        def act(held):
            self.admin(1, held.name)
            self.target.account(held.name, password=instance.SECRET)
        return self.after(act)

    def password_changed(self):
        return self.after(lambda h: self.admin(5, h.name, instance.SECRET.encode()))

    def key_taken(self):
        """The one that the session was made by."""
        key = self.new_key()
        name = self.account(key)
        login = self.login(name, "operator")
        held = self.enrolled(name, "operator", login.peer, login.prove(login.signed(key)))
        return self.after(lambda h: self.admin(4, name, c.fingerprint(key)), held)

    def others_ended(self):
        """By a login that wants to be alone."""
        def act(held):
            start = s.auth_start(s.PASSWORD, held.name, "operator")
            start = Struct(struct.pack("<HHH", s.PASSWORD, 1, EXPORTER), start.ptrs[0].ptrs)
            peer = self.peer()
            flow = peer.first.call(1, Struct(b"", [start])).ref(0, s.FLOW)
            s.answer(flow, instance.SECRET)
        return self.after(act)

    def expired(self):
        """In an instance of short leases."""
        with Short() as target:
            own = Cases.of(target, self)
            held = own.enter("robot")
            own.dropped(held)
            again = own.back(held)
            session = again.prove(again.signed(held.key))
            instance.until(lambda: self.is_stale(session), "the end of the lease")
            return own.not_back(held)

    @staticmethod
    def is_stale(session):
        try:
            session.call(0)
        except (Refused, s.Closed):
            return True
        return False

    @classmethod
    def of(cls, target, other):
        """The same for another instance, in a try."""
        own = cls(target)
        own.source = other.source
        own.peers = other.peers
        return own

    def manager_killed(self):
        with c.Target() as target:
            own = Cases.of(target, self)
            held = own.dropped(own.enter())
            before = target.pids("sessiond")
            os.kill(before[0], signal.SIGKILL)
            instance.until(lambda: target.pids("sessiond") not in ([], before), "another one")
            return own.not_back(held)

    # ---- enrolling

    def not_enrolled(self, session, key, code="denied.credentials"):
        begin = len(self.target.records())
        self.refused(code, lambda: self.enrol(session, key), audit=False)
        if not any(r["what"] == "enrol" and r["outcome"] == code
                   for r in self.target.records(begin)):
            raise Failed("it is not recorded")
        return "sessiond"

    def session(self):
        peer = self.peer()
        return peer.password(self.account(), instance.SECRET, "operator", peer.first)

    def anothers_key(self):
        """One that an account has; one that is enrolled."""
        self.not_enrolled(self.session(), blob(self.eve))
        return self.not_enrolled(self.session(), blob(self.enter().key))

    def second_key(self):
        return self.not_enrolled(self.enter().session, blob(self.new_key()), "denied.already-bound")

    def no_key(self):
        points = (b"\1" + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32)
        good = blob(self.new_key())
        for key in [b"", good[:-1], good + b"\0", blob(self.ecdsa), blob(self.rsa), os.urandom(51),
                    *(HEAD + p for p in points)]:
            layer = self.not_enrolled(self.session(), key)
        return layer

    def nobodys(self):
        peer = self.peer()
        return self.not_enrolled(peer.anonymous(gateway=peer.first), blob(self.new_key()),
                                 "denied.method-disabled")

    def grown(self):
        pid = self.target.pids("sessiond")[0]
        return int(instance.read_proc(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def thousands(self):
        """Of one session; and of sessions that drop, of which some are kept."""
        held = self.enter()
        before, size = self.grown(), len(self.target.records())
        for _ in range(MANY):
            try:
                self.enrol(held.session, HEAD + os.urandom(32))
            except Refused as e:
                if e.code != "denied.already-bound":
                    raise
            else:
                raise Failed("a second one")
        all_of = [self.dropped(self.enter(name=held.name)) for _ in range(WAITING + 4)]
        if self.grown() - before > MOST_GROWN and "CAPOS_SANITIZED" not in os.environ:
            raise Failed(f"the session manager has grown by {self.grown() - before} bytes")
        if len(self.target.records()) - size > 10 * len(all_of):
            raise Failed("they fill the audit log")
        login = self.back(all_of[-1])
        login.prove(login.signed(all_of[-1].key))
        return self.not_back(all_of[0])

    def renewer_taken(self):
        """The key that has renewed the session, which a password has made."""
        key = self.new_key()
        held = self.enter(name=self.account(key))
        flow = c.Login(held.peer, held.name, "operator", session=held.session).ask()
        held.session = flow.prove(flow.signed(key))
        return self.after(lambda h: self.admin(4, h.name, c.fingerprint(key)), held)

    def many_keys(self):
        """Tries of one session, whether any of them is known: a good key comes too late."""
        session, known = self.session(), blob(self.eve)
        layer = self.not_enrolled(session, known)  # the rest is counted
        for key in [known] * (TRIES - 1) + [blob(self.new_key())]:
            self.refused("denied.credentials", lambda k=key: self.enrol(session, k), audit=False)
        return layer


class Short(c.Target):
    """The profile `robot` has a short lease."""

    def __init__(self):
        super().__init__()
        path = os.path.join(self.folder.name, "manifest")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace('(name = "robot", lease = "600000ms"',
                                 f'(name = "robot", lease = "{LEASE_MS}ms"', 1))


NAMES = ("honest", "half_open", "another_account", "another_profile", "no_profile", "for_renewal",
         "replayed", "other_channel", "middle_own", "middle_stolen", "other_transport",
         "weaker_binding", "anothers_signature", "another_instance", "logged_out", "revoked",
         "revoked_later", "account_anew", "password_changed", "key_taken", "others_ended", "expired",
         "manager_killed", "anothers_key", "second_key", "no_key", "nobodys", "thousands",
         "renewer_taken", "many_keys", "given_up")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "RC", Cases, NAMES))
