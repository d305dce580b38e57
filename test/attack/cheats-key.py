#!/usr/bin/env python3
"""cheats-key: who logs in by a proof that was for something else.

Why: a signature is worth what it covers. Each try here changes one thing that a proof is bound to,
its nonce, its connection, its account, and leaves everything else as it should be, so what refuses
it can be nothing but that binding.
"""
import os
import sys
import time

import cheatlib as c
import instance
import sessionlib as s
from cheatlib import SERVER_KEY, TWIN, USER
from sessionlib import Failed

SCRIPT = "attack-cheats-key"
LATE_MS = 6000
TRIED = 20  # wrong signatures of an account from one address, before it waits


class Cases(c.KeyCheats):
    # ---- who may

    def honest(self):
        for transport in ("tls", "plain", "unix"):
            for key in (self.key, self.ecdsa, self.rsa):
                login = self.login(USER, "operator", self.peer(transport), client_nonce=b"mine")
                layer = self.let_in(login.prove(login.signed(key)), USER)
        self.recorded("ok", transport="tls", binding="tls-exporter")
        return layer

    def by_server_key(self):
        login = self.login(USER, "loose", binding=SERVER_KEY)
        layer = self.let_in(login.prove(login.signed(self.key)), USER)
        self.recorded("ok", binding="tls-key")
        return layer

    # ---- replays

    def good(self, over="tls"):
        """(login, its proof, its session)."""
        login = self.login(USER, "operator", self.peer(over))
        proof = login.signed(self.key)
        return login, proof, login.prove(proof)

    def same_flow(self):
        login, proof, _ = self.good()
        return self.refused("denied.flow", lambda: login.prove(proof), kind=None)

    def flow_begun_before(self):
        peer = self.peer()
        spare, login = (self.login(USER, "operator", peer) for _ in range(2))
        proof = login.signed(self.key)
        login.prove(proof)
        return self.refused("denied.already-bound", lambda: spare.prove(proof))

    def flow_begun_after(self):
        login, _, _ = self.good()
        return self.refused("denied.already-bound", lambda: c.Login(login.peer, USER, "operator"))

    def flow_beside(self):
        """A proof for one flow in another, before either has come to anything."""
        peer = self.peer()
        first, second = (self.login(USER, "operator", peer) for _ in range(2))
        return self.wrong(second, first.signed(self.key))

    def after_logout(self):
        """The worker of a session that has ended asks nobody; what is recorded is the logout."""
        login, proof, session = self.good()
        session.call(3)
        return self.refused("denied.stale-session", lambda: login.prove(proof), "membrane", False)

    def after_cancel(self):
        login = self.login(USER, "operator")
        proof = login.signed(self.key)
        login.flow.call(1)
        return self.refused("denied.flow", lambda: login.prove(proof), kind=None)

    def after_failure(self):
        """A nonce is good for one proof, also for a wrong one."""
        login = self.login(USER, "operator")
        self.wrong(login, login.signed(self.eve))
        return self.refused("denied.flow", lambda: login.prove(login.signed(self.key)), kind=None)

    def other_connection(self):
        for over in ("tls", "plain", "unix"):
            _, proof, _ = self.good(over)
            layer = self.wrong(self.login(USER, "operator", self.peer(over)), proof, transport=over)
            self.elsewhere()
        return layer

    def flow_of_another(self):
        """A number of one connection is nothing on another, which ends."""
        login = self.login(USER, "operator")
        stolen = s.Ref(self.peer(), login.flow.number, s.FLOW)
        try:
            s.answer(stolen, login.signed(self.key))
        except (s.Refused, Failed, s.Closed) as e:
            if isinstance(e, s.Refused) and e.code.startswith("denied."):
                raise Failed(f"it is known there: {e}") from e
        else:
            raise Failed("it got through")
        self.let_in(login.prove(login.signed(self.key)), USER)
        return "vat"

    # ---- lies in the transcript

    def own_nonce(self):
        return self.lie(nonce=os.urandom(32))

    def not_asked(self):
        """A proof for a nonce that was never told is not tried, so no number of them makes wait."""
        peer = self.peer()
        for _ in range(TRIED + 1):
            login = c.Login(peer, USER, "operator")
            layer = self.wrong(login, b"SSHSIG" + bytes(200), layer="sessiond")
        login = self.login(USER, "operator", peer)
        self.let_in(login.prove(login.signed(self.key)), USER)
        return layer

    def own_client_nonce(self):
        self.lie(how={"client_nonce": b"mine"}, client_nonce=b"")
        self.elsewhere()
        return self.lie(client_nonce=b"mine")

    def long_client_nonce(self):
        return self.refused("denied.flow",
                            lambda: c.Login(self.peer(), USER, client_nonce=bytes(65)),
                            says="clientNonce")

    def other_account(self):
        """His own key, which is another account's, too: nothing but the name differs."""
        return self.lie(TWIN, account=USER.encode())

    def nearly_the_account(self):
        for name in ("Carol", "carol\0", " carol", "carol\0x", "carol/", "../carol"):
            login = self.login(name, "operator")
            layer = self.wrong(login, login.signed(self.key))
        return layer

    def other_profile(self):
        return self.lie(profile=b"robot")

    def default_profile(self):
        """Asked for by name and signed for whichever is the first, and the reverse."""
        self.lie(profile=b"")
        self.elsewhere()
        login = self.login(USER)
        return self.wrong(login, login.signed(self.key, profile=b"operator"))

    def profile_of_others(self):
        for name in ("x" * 5000, "operator\0", "operator\0x"):
            self.refused("denied.profile", lambda n=name: c.Login(self.peer(), USER, n))
        self.elsewhere()
        login = self.login(USER, "guest")
        return self.refused("denied.profile", lambda: login.prove(login.signed(self.key)))

    def shifted(self):
        """The same bytes, with the border of two fields elsewhere."""
        return self.lie(account=b"carolop", profile=b"erator")

    def unframed(self):
        login = self.login(USER, "operator")
        fields = login.fields()
        return self.wrong(login, c.sign(self.key, b"".join(fields[name] for name in c.FIELDS)))

    def spliced(self):
        """The nonce of one flow with all else of another: its client nonce, profile, channel."""
        peer = self.peer()
        first = self.login(USER, "robot", peer, client_nonce=b"first")
        second = self.login(USER, "operator", peer, client_nonce=b"second")
        self.wrong(second, first.signed(self.key, nonce=second.nonce))
        self.elsewhere()
        first, second = self.login(USER, "operator"), self.login(USER, "operator")
        return self.wrong(second, first.signed(self.key, nonce=second.nonce))

    def other_label(self):
        return self.lie(label=b"capos admission proof 2")

    def wrong_sizes(self):
        """33 bytes where there are 32, 31 of them, none."""
        for field in ("nonce", "channel", "key_hash"):
            for change in (lambda v: v + b"\0", lambda v: b"\0" + v, lambda v: v[:31], lambda v: b""):
                login = self.login(USER, "operator")
                lie = {field: change(login.fields()[field])}
                layer = self.wrong(login, login.signed(self.key, **lie))
                self.elsewhere()
        return layer

    def other_exporter(self):
        """Of another connection of the same user to the same instance."""
        return self.lie(channel=self.peer().exporter)

    def other_server(self):
        return self.lie(key_hash=os.urandom(32))

    # ---- transports and bindings

    def server_key_where_it_may_not(self):
        login = self.login(USER, "operator", binding=SERVER_KEY)
        return self.refused("denied.profile", lambda: login.prove(login.signed(self.key)),
                            says="tls-exporter", binding="tls-key")

    def other_binding(self):
        """What was asked for is what must be signed, either way."""
        login = self.login(USER, "loose", binding=SERVER_KEY)
        self.wrong(login, login.signed(self.key, transport=b"tls", channel=login.peer.exporter),
                   binding="tls-key")
        self.elsewhere()
        login = self.login(USER, "loose")
        return self.wrong(login, login.signed(self.key, transport=b"tls-key", channel=b""),
                          binding="tls-exporter")

    def no_such_binding(self):
        return self.refused("denied.flow", lambda: c.Login(self.peer(), USER, binding=7))

    def plain_over_tls(self):
        for name in (b"plain", b"unix", b""):
            layer = self.lie(transport=name, channel=b"", key_hash=b"")
            self.elsewhere()
        return layer

    def tls_over_plain(self):
        """As somebody would who ends TLS before an instance on the same machine."""
        over = self.peer()
        return self.lie(over="plain", transport=b"tls", channel=over.exporter,
                        key_hash=over.key_hash)

    def plain_over_unix(self):
        self.lie(over="plain", transport=b"unix")
        return self.lie(TWIN, over="unix", transport=b"plain")

    def server_key_without_tls(self):
        for over in ("plain", "unix"):
            layer = self.refused("denied.flow",
                                 lambda o=over: c.Login(self.peer(o), USER, binding=SERVER_KEY))
        return layer

    # ---- too late

    def late(self):
        """Whoever has his nonce and waits is cut off; a renewal that waits is over."""
        with c.Target(limits=f"admission = \"{LATE_MS}ms\"") as target:
            cases = Cases(target)
            cases.source = "127.21.1.1"
            waits = cases.login(USER, "operator")
            login = cases.login(USER, "operator")
            session = login.prove(login.signed(cases.key))
            renewal = c.Login(login.peer, USER, session=session).ask()
            proof = renewal.signed(cases.key)
            ends = renewal.expires_ms / 1000 - time.time()
            if not 0 < ends <= LATE_MS / 1000:
                raise Failed(f"the flow gives up in {ends} s")
            instance.until(lambda: [r for r in target.records() if r["what"] == "timeout"],
                           "the end of who waits", 60)
            time.sleep(max(0, renewal.expires_ms / 1000 - time.time()) + 0.1)
            try:
                waits.prove(waits.signed(cases.key))
                raise Failed("who was too late is let in")
            except s.Closed:
                pass
            cases.begin = len(target.records())
            layer = cases.refused("denied.flow", lambda: renewal.prove(proof), says="too late")
            for peer in cases.peers:
                peer.close()
            return layer


NAMES = ("honest", "by_server_key", "same_flow", "flow_begun_before", "flow_begun_after",
         "flow_beside", "after_logout", "after_cancel", "after_failure", "other_connection",
         "flow_of_another", "own_nonce", "not_asked", "own_client_nonce", "long_client_nonce",
         "other_account", "nearly_the_account", "other_profile", "default_profile",
         "profile_of_others", "shifted", "unframed", "spliced", "other_label", "wrong_sizes",
         "other_exporter", "other_server", "server_key_where_it_may_not", "other_binding",
         "no_such_binding", "plain_over_tls", "tls_over_plain", "plain_over_unix",
         "server_key_without_tls", "late")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "KC", Cases, NAMES))
