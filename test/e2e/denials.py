#!/usr/bin/env python3
"""denials: every code of RemoteDenial, provoked from outside and seen as that code.

Why: a client decides what to do next by the code, so a refusal that arrives as another one is a
fault as bad as a call that should have been refused. The table at the end has a row for each way
to be refused; that every code of the schema's enum is met by some row is the last case.

usage: denials.py [--forger SERVICE]

--forger names a service of Conf (test/peers/conf.capnp) that throws what it is asked to: what it
says must never be taken for the instance's word.
"""
import argparse
import base64
import os
import re
import struct
import subprocess
import sys
import tempfile

import instance
import sessionlib as s
from sessionlib import Failed, Refused, Struct

SEEN = set()
WIDE = ("operator", "short", "few", "open", "partial")
UPTIME = 2
CONF = s.type_id("conf", "Conf", root="test/peers")
CALL_BACK, FAIL, HANG = 8, 15, 16


def refused(code, call, kind="failed"):
    """The call must be refused with this code and kind; the text after the code."""
    try:
        call()
    except Refused as e:
        if e.code != code or e.kind != kind:
            raise Failed(f"expected {kind} {code}, got {e}") from e
        SEEN.add(code)
        return e.reason.partition(code)[2]
    raise Failed(f"expected {code}, but it worked")


def signed(key, account, nonce):
    """The proof that a key in a file is the account's, on a plain connection."""
    fields = [b"capos admission proof 1", b"plain", b"", nonce, b"", account.encode(), b"", b""]
    made = subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", "login@capos"], check=True,
                          input=b"".join(struct.pack(">I", len(f)) + f for f in fields), capture_output=True)
    return base64.b64decode(b"".join(made.stdout.splitlines()[1:-1]))


def services():
    """… and beyond the ordinary services: one that has a part of its methods."""
    return [instance.service("brief", "capos-system-info", s.SYSTEM_INFO).replace(
        "remote = ", 'facets = [(methods = ["motd", "version"])], remote = ')]


def profiles():
    """What the cases need beyond the ordinary profiles."""
    return [instance.profile("partial", ["session", "system_info", "brief"]),
            instance.profile("short", ["session", "system_info"], lease_ms=6000),
            instance.profile("single", ["session", "system_info"], sessionsPerAccount=1),
            instance.profile("few", ["session", "system_info", "chat"], calls=8),
            instance.profile("open", ["session", ("system_info", "services"), "chat"])]


class Table:
    """The cases, and the instance they run against."""

    def __init__(self, run, forger):
        self.run, self.forger = run, forger

    def bundle(self, wanted=None, name=instance.USER):
        """(session, CapSet) of a login."""
        session = self.run.connect().password(name, instance.SECRET, wanted)
        return session, s.cap_set(session)

    def anonymous(self):
        session = self.run.connect().anonymous()
        return session, s.cap_set(session)

    def id_of(self, session):
        return s.text(session.call(0).content.ptr(0).ptr(0))

    # ---- names and types

    def unknown_name(self):
        caps = self.anonymous()[1]
        refused("denied.unknown-name", lambda: s.get(caps, "no-such-thing", s.SYSTEM_INFO))
        refused("denied.unknown-name", lambda: s.get(caps, "", s.SYSTEM_INFO))
        refused("denied.unknown-name", lambda: s.get(caps, "x" * 5000, s.SYSTEM_INFO))
        refused("denied.unknown-name",
                lambda: caps.call(2, Struct(struct.pack("<Q", s.ADMIN))))

    def hidden_name_looks_unknown(self):
        caps = self.anonymous()[1]
        there = refused("denied.unknown-name", lambda: s.get(caps, "chat", s.CHAT))
        absent = refused("denied.unknown-name", lambda: s.get(caps, "chax", s.CHAT))
        if there.replace("chat", "") != absent.replace("chax", ""):
            raise Failed(f"{there!r} is not {absent!r}")
        refused("denied.unknown-name", lambda: s.get(caps, "chat", s.SYSTEM_INFO))

    def wrong_interface(self):
        caps = self.anonymous()[1]
        refused("denied.wrong-interface", lambda: s.get(caps, "system_info", s.CHAT))
        refused("denied.wrong-interface", lambda: s.get(caps, "session", s.SYSTEM_INFO))
        refused("denied.wrong-interface", lambda: s.get(caps, "system_info", 0))
        if not s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)):
            raise Failed("the session is of no use afterwards")

    def method_not_granted(self):
        """Also before it is there; what was granted goes on."""
        session, caps = self.bundle("partial")
        brief = s.get(caps, "brief", s.SYSTEM_INFO)
        refused("denied.method", lambda: brief.call(UPTIME))
        asked = caps.send(1, Struct(struct.pack("<Q", s.SYSTEM_INFO), ["brief"]))
        early = caps.peer.fresh_id()
        caps.peer.send(s.w.call(early, s.w.to_answer(asked, 0), UPTIME, iface=s.SYSTEM_INFO))
        refused("denied.method", lambda: caps.peer.wait(early))
        caps.peer.wait(asked)
        s.motd(brief)
        s.get(caps, "system_info", s.SYSTEM_INFO).call(UPTIME)
        session.call(3)

    # ---- admission

    def profile_of_an_account(self):
        flow = self.run.connect().flow(s.PASSWORD, instance.USER, "no-such-profile")
        refused("denied.profile", lambda: s.answer(flow, instance.SECRET))

    def profile_of_others(self):
        refused("denied.profile", lambda: self.run.connect().anonymous("operator"))
        refused("denied.profile", lambda: self.run.connect().guest("operator"))
        flow = self.run.connect().flow(s.PASSWORD, instance.USER, "guest")
        refused("denied.profile", lambda: s.answer(flow, instance.SECRET))

    def profile_after_a_wrong_password(self):
        """What profiles somebody has is not told to who can't prove to be them."""
        flow = self.run.connect().flow(s.PASSWORD, "mallory", "no-such-profile")
        refused("denied.credentials", lambda: s.answer(flow, "wrong"))

    def method_disabled(self):
        gateway = self.run.connect().gateway()
        for kind in (2, 3, 4, 5, 8, 9, 65535):
            refused("denied.method-disabled", lambda k=kind: gateway.call(1, s.auth_start(k)))

    def credentials(self):
        peer = self.run.connect()
        gateway = peer.gateway()
        for name, secret in (("grace", "wrong password"), ("no-such-account", "whatever1"),
                             ("bob/../alice", "whatever1"), ("", "whatever1"), ("keyless", "x" * 9)):
            flow = peer.flow(s.PASSWORD, name, gateway=gateway)
            rest = refused("denied.credentials", lambda f=flow, p=secret: s.answer(f, p))
            if rest and name and name in rest:
                raise Failed(f"the account is named: {rest}")

    def credentials_of_a_key(self):
        flow = self.run.connect().flow(s.PUBLIC_KEY, "grace")
        step = flow.call(0, Struct(b"", [None])).content.ptr(0)
        if len(step.ptr(3) or b"") != 32:
            raise Failed("there is no challenge of 32 bytes")
        refused("denied.credentials", lambda: s.answer(flow, "SSHSIG" + "\0" * 100))

    def already_bound(self):
        peer = self.run.connect()
        gateway = peer.gateway()
        flow = peer.flow(s.PASSWORD, instance.USER, gateway=gateway)
        peer.anonymous(gateway=gateway)
        refused("denied.already-bound", lambda: peer.anonymous(gateway=gateway))
        refused("denied.already-bound", lambda: peer.guest(gateway=gateway))
        refused("denied.already-bound",
                lambda: peer.flow(s.PASSWORD, instance.USER, gateway=gateway))
        refused("denied.already-bound", lambda: s.answer(flow, instance.SECRET))

    def flow(self):
        peer = self.run.connect()
        gateway = peer.gateway()
        flow = peer.flow(s.PASSWORD, instance.USER, gateway=gateway)
        flow.call(1)
        refused("denied.flow", lambda: s.answer(flow, instance.SECRET))
        flow = peer.flow(s.PASSWORD, "carol", gateway=gateway)
        refused("denied.credentials", lambda: s.answer(flow, "wrong password"))
        refused("denied.flow", lambda: s.answer(flow, instance.SECRET))

    def backoff(self):
        """Three failures, then a wait of a second or more, which the right password has too."""
        peer = self.run.connect()
        gateway = peer.gateway()

        def attempt(secret):
            s.answer(peer.flow(s.PASSWORD, "bob", gateway=gateway), secret)

        def waits():
            """What the right password is told as soon as a wrong one has to wait; that may be over by then."""
            try:
                attempt("wrong password")
            except Refused as e:
                try:
                    return e.code == "denied.backoff" and refused(e.code, lambda: attempt(instance.SECRET))
                except Failed:
                    pass
            return None

        rest = instance.until(waits, "a wait")
        if not re.match(r": try again in [1-9][0-9]* seconds", rest):
            raise Failed(f"it doesn't say how long: {rest!r}")

    def over_quota_flows(self):
        peer = self.run.connect()
        gateway = peer.gateway()
        for _ in range(4):
            peer.flow(s.PASSWORD, instance.USER, gateway=gateway)
        refused("over-quota.flows",
                lambda: peer.flow(s.PASSWORD, instance.USER, gateway=gateway), "overloaded")

    def over_quota_sessions(self):
        first = self.bundle("single", "frank")[0]
        flow = self.run.connect().flow(s.PASSWORD, "frank", "single")
        refused("over-quota.sessions", lambda: s.answer(flow, instance.SECRET), "overloaded")
        first.call(3)
        instance.until(self.frank_gets_in, "a place for another session")

    def frank_gets_in(self):
        try:
            self.bundle("single", "frank")
        except Refused:
            return False
        return True

    # ---- the end of a session

    def everything_is_stale(self, session, caps, info):
        """All references of a session are dead; what the refusal says besides."""
        rest = refused("denied.stale-session", lambda: session.call(0))
        refused("denied.stale-session", lambda: session.call(1))
        refused("denied.stale-session", lambda: caps.call(0))
        refused("denied.stale-session", lambda: s.get(caps, "system_info", s.SYSTEM_INFO))
        refused("denied.stale-session", lambda: info.call(0))
        refused("denied.stale-session", lambda: session.call(3))
        return rest

    def stale_after_logout(self):
        session, caps = self.bundle()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        session.call(3)
        self.everything_is_stale(session, caps, info)

    def stale_after_revocation(self):
        session, caps = self.bundle()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        admin = self.run.admin()
        admin.revoke(self.id_of(session))
        admin.close()
        # Its sockets are dead by now; what the worker itself serves is when it has been told.
        instance.until(lambda: self.is_over(session), "the end of the session")
        logged_out = self.everything_is_stale(session, caps, info)
        if not logged_out.strip():
            raise Failed("it doesn't say why")

    def is_over(self, session):
        try:
            session.call(0)
        except Refused:
            return True
        return False

    def stale_after_expiry(self):
        session, caps = self.bundle("short")
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        s.motd(info)

        def ended():
            try:
                s.motd(info)
            except Refused:
                return True
            return False

        instance.until(ended, "the end of a lease of six seconds")
        self.everything_is_stale(session, caps, info)

    def stale_after_the_account_is_removed(self):
        self.run.add_user("dave")
        peer = self.run.connect()
        session = peer.password("dave", instance.SECRET)
        caps = s.cap_set(session)
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        admin = self.run.admin()
        admin.account_remove("dave")
        admin.close()
        instance.until(lambda: self.is_stale(session), "the end of the session")
        self.everything_is_stale(session, caps, info)
        flow = self.run.connect().flow(s.PASSWORD, "dave")
        refused("denied.credentials", lambda: s.answer(flow, instance.SECRET))

    def stale_after_the_account_is_locked(self):
        """Then the right password is what a wrong one is, until it is unlocked."""
        self.run.add_user("heidi")
        session = self.run.connect().password("heidi", instance.SECRET)
        caps = s.cap_set(session)
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        admin = self.run.admin()
        admin.account_lock("heidi", "on holiday")
        instance.until(lambda: self.is_stale(session), "the end of the session")
        self.everything_is_stale(session, caps, info)
        says = {refused("denied.credentials", lambda p=p: self.run.connect().password("heidi", p))
                for p in (instance.SECRET, "wrong password")}
        if len(says) != 1:
            raise Failed(f"it can be told that it is locked: {says}")
        admin.account_unlock("heidi")
        admin.close()
        self.run.connect().password("heidi", instance.SECRET)

    def stale_after_the_password_is_changed(self):
        self.run.add_user("erin")
        session = self.run.connect().password("erin", instance.SECRET)
        admin = self.run.admin()
        admin.passwd("erin", "another password")
        admin.close()
        instance.until(lambda: self.is_stale(session), "the end of the session")

    def is_stale(self, session):
        try:
            session.call(0)
        except Refused as e:
            return e.code == "denied.stale-session"
        return False

    def stale_reference_after_renewal(self):
        session, caps = self.bundle()
        proof = Struct(struct.pack("<Q", 60000), [instance.SECRET.encode()])
        renewed = session.call(2, proof).ref(0, s.SESSION)
        refused("denied.stale-session", lambda: session.call(0))
        renewed.call(0)
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))

    def renewal_with_a_wrong_password(self):
        session = self.bundle(name="grace")[0]
        proof = Struct(struct.pack("<Q", 60000), [b"not the password"])
        refused("denied.credentials", lambda: session.call(2, proof))
        session.call(0)

    def renewal_by_less(self):
        """A session that a key has made, by its account's password."""
        admin = self.run.admin()
        with tempfile.TemporaryDirectory(prefix="capos-denials-") as folder:
            key = os.path.join(folder, "key")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            admin.account_add("kim", ["operator"], instance.SECRET)
            with open(key + ".pub", encoding="ascii") as f:
                admin.key_add("kim", f.read().strip())
            flow = self.run.connect().flow(s.PUBLIC_KEY, "kim")
            nonce = flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3)
            proof = signed(key, "kim", nonce)
        admin.close()
        session = flow.call(0, Struct(b"", [proof])).ref(1, s.SESSION)
        by_password = Struct(struct.pack("<Q", 60000), [instance.SECRET.encode()])
        refused("denied.weak-proof", lambda: session.call(2, by_password))
        session.call(0)

    # ---- leases and transfers

    def revoked_lease(self):
        session, caps = self.bundle()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        chat = s.get(caps, "chat", s.CHAT)
        s.motd(info)
        admin = self.run.admin()
        admin.revoke(self.id_of(session), "system_info")
        admin.close()
        refused("denied.revoked-lease", lambda: s.motd(info))
        refused("denied.revoked-lease", lambda: s.get(caps, "system_info", s.SYSTEM_INFO))
        chat.call(1)
        session.call(0)

    def revoked_before_it_was_asked_for(self):
        session, caps = self.bundle()
        admin = self.run.admin()
        admin.revoke(self.id_of(session), "chat")
        admin.close()
        refused("denied.revoked-lease", lambda: s.get(caps, "chat", s.CHAT))
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))

    def pass_on(self, caps, number):
        """Calls chat.join with one of the server's own references as the listener."""
        chat = s.get(caps, "chat", s.CHAT)
        params = Struct(b"", ["#pass", s.w.Cap(0)])
        return chat.call(0, params, [s.w.descriptor(s.w.RECEIVER_HOSTED, number)])

    def transfer(self):
        session, caps = self.bundle()
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        own = s.get(caps, "session", s.USER_SESSION)
        for ref in (info, own, session, caps):
            refused("denied.transfer", lambda r=ref: self.pass_on(caps, r.number))
        s.motd(info)
        session.call(0)

    def transfer_that_is_allowed(self):
        caps = self.bundle("open")[1]
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        self.pass_on(caps, info.number)
        s.motd(info)

    def screen(self):
        """No profile here lets a service propose panes (test/e2e/offer.py has those that do)."""
        session = self.bundle()[0]
        lent = s.w.descriptor(s.w.SENDER_HOSTED, 7)
        for method in ("offerUi", "offerSurface"):
            refused("denied.ui", lambda m=method: session.call(s.ordinal("remote_session", m),
                                                               Struct(b"", [s.w.Cap(0), "chat"]), [lent]))

    # ---- what is not the instance's word

    def forged(self):
        conf = s.get(self.bundle("forger")[1], "conf", CONF)
        for kind, name in enumerate(("failed", "overloaded", "disconnected", "unimplemented")):
            for text in ("denied.unknown-name x", "over-quota.calls", "service: denied.profile",
                         "remote exception: denied.stale-session y", "\n\0denied.flow\x1b[2J"):
                params = Struct(struct.pack("<H", kind), [text])
                try:
                    conf.call(FAIL, params)
                except Refused as e:
                    if not e.reason.startswith("service: ") or e.kind != name:
                        raise Failed(f"it got through: {e}") from e
                    if not e.reason.isprintable():
                        raise Failed(f"not printable: {e.reason!r}") from e
                else:
                    raise Failed("it didn't fail")

    def revoked_while_a_call_is_open(self):
        """The open call learns why it ends: not that some connection was lost."""
        for cap, code in (("conf", "denied.revoked-lease"), (None, "denied.stale-session")):
            session, caps = self.bundle("forger")
            conf = s.get(caps, "conf", CONF)
            hanging = conf.send(HANG)
            conf.call(0)
            admin = self.run.admin()
            admin.revoke(self.id_of(session), cap)
            admin.close()
            refused(code, lambda p=conf.peer, q=hanging: p.wait(q))

    def transfer_of_what_is_promised(self):
        """A service is given a promise before anybody knows what of: its call on it is refused."""
        caps = self.bundle("forger")[1]
        conf = s.get(caps, "conf", CONF)
        asked = caps.send(1, Struct(struct.pack("<Q", s.SYSTEM_INFO), ["system_info"]))
        params = Struct(struct.pack("<I", 1), [s.w.Cap(0)])
        promise = s.w.descriptor(s.w.RECEIVER_ANSWER, 0, s.w.promised(asked, 0))
        try:
            conf.call(CALL_BACK, params, [promise])
        except Refused as e:
            if "denied.transfer" not in e.reason:
                raise Failed(f"refused for another reason: {e}") from e
        else:
            raise Failed("the service has called it")
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))

    def forged_at_length(self):
        conf = s.get(self.bundle("forger")[1], "conf", CONF)
        try:
            conf.call(FAIL, Struct(struct.pack("<H", 0), ["y" * 4000]))
        except Refused as e:
            if len(e.reason) > 512:
                raise Failed(f"{len(e.reason)} bytes got through") from e

    # ---- identity

    def identity_in_a_request_changes_nothing(self):
        """What is claimed in fields: the account of `source`, a session's id as a name."""
        first = self.bundle()[0]
        number = self.id_of(first)
        other, caps = self.anonymous()
        refused("denied.unknown-name", lambda: s.get(caps, number, s.SESSION))
        kind = other.call(0).content.ptr(0)
        if s.text(kind.ptr(1)) or s.text(kind.ptr(3)) != "anonymous":
            raise Failed("an anonymous session is somebody")

    def references_of_another_session(self):
        """A number that means something to one connection means nothing to another."""
        caps = self.bundle()[1]
        info = s.get(caps, "system_info", s.SYSTEM_INFO)
        stranger = self.run.connect()
        stranger.gateway()
        for number in {info.number, caps.number} - {0}:
            try:
                s.Ref(stranger, number, s.SYSTEM_INFO).call(0)
            except (Refused, Failed, s.Closed):
                continue
            raise Failed(f"number {number} works for a stranger")
        s.motd(info)

    def every_code(self):
        with open(os.path.join(s.TOP, "schema", "remote_session.capnp"), encoding="utf-8") as f:
            enum = re.search(r"enum RemoteDenial \{(.*?)^\}", f.read(), re.S | re.M).group(1)
        known = {"denied." + re.sub("[A-Z]", lambda m: "-" + m.group().lower(), name)
                 for name in re.findall(r"^  (\w+) @\d+;", enum, re.M) if name != "none"}
        seen = {c for c in SEEN if c.startswith("denied.")} | {"denied.withdrawn"}  # said to services alone
        if seen != known:
            raise Failed(f"not met: {known - seen}; not in the schema: {seen - known}")

    def rows(self):
        forged = [self.forged, self.forged_at_length, self.transfer_of_what_is_promised,
                  self.revoked_while_a_call_is_open] if self.forger else []
        return [self.unknown_name, self.hidden_name_looks_unknown, self.wrong_interface, self.method_not_granted,
                self.profile_of_an_account, self.profile_of_others,
                self.profile_after_a_wrong_password, self.method_disabled, self.credentials,
                self.credentials_of_a_key, self.already_bound, self.flow, self.backoff,
                self.over_quota_flows, self.over_quota_sessions, self.stale_after_logout,
                self.stale_after_revocation, self.stale_after_expiry,
                self.stale_after_the_account_is_removed, self.stale_after_the_account_is_locked,
                self.stale_after_the_password_is_changed,
                self.stale_reference_after_renewal, self.renewal_with_a_wrong_password,
                self.renewal_by_less, self.revoked_lease, self.revoked_before_it_was_asked_for, self.transfer,
                self.transfer_that_is_allowed, self.screen] + forged + [
                self.identity_in_a_request_changes_nothing, self.references_of_another_session,
                self.every_code]


def disabled_cases():
    """An instance whose policy turns methods off: (name, function)."""
    def method_off():
        with instance.Instance(instance.manifest(password=False), user=False) as run:
            peer = run.connect()
            gateway = peer.gateway()
            refused("denied.method-disabled",
                    lambda: peer.flow(s.PASSWORD, instance.USER, gateway=gateway))
            refused("denied.method-disabled", lambda: peer.guest(gateway=gateway))
            states = {m.uint(0, 16): m.uint(32, 16)
                      for m in gateway.call(0).content.ptr(0)}
            if states[s.PASSWORD] != 1 or states[7] != 0 or len(states) != 9:
                raise Failed(f"authMethods says {states}")
    return [("method-off", method_off)]


def accounts(run, wide):
    """Those that the rows are about. wide: what profiles the first one may have."""
    admin = run.admin()
    admin.account_remove(instance.USER)
    admin.account_add(instance.USER, wide, instance.SECRET)
    for name in ("bob", "carol", "grace", "mallory"):
        admin.account_add(name, ["operator"], instance.SECRET)
    admin.account_add("frank", ["single"], instance.SECRET)
    admin.account_add("keyless", ["operator"], "")
    admin.close()


def main():
    parser = argparse.ArgumentParser(description="Every denial, from outside.")
    parser.add_argument("--forger")
    options = parser.parse_args()
    more, extra = services(), profiles()
    wide = list(WIDE)
    if options.forger:
        more.append(instance.service("conf", os.path.abspath(options.forger), CONF))
        extra.append(instance.profile("forger", ["session", "conf", "system_info"]))
        wide.append("forger")
    text = instance.manifest(guest=True, profiles=extra, services=more)
    try:
        with instance.Instance(text) as run:
            accounts(run, wide)
            table = Table(run, options.forger)
            cases = [(f.__name__.replace("_", "-"), f) for f in table.rows()]
            return instance.run_cases("e2e-denials", disabled_cases() + cases)
    except (Failed, Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count("e2e-denials", 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
