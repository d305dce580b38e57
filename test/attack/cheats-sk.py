#!/usr/bin/env python3
"""cheats-sk: who logs in by a security key that he does not have, or that nobody has touched.

Why: a security key signs more than it is asked for: for whom it was made, whether somebody touched
it, how often it has signed. Half of that stands outside of what a length covers, and each of it is
written by the sender. Keys here are a security key's inside, so that it signs whatever it should not.
"""
import struct
import sys

import cheatlib as c
import sessionlib as s
import sshforge as f
from cheatlib import OTHER, TWIN, USER
from sessionlib import Failed
from tied import Tied

SCRIPT = "attack-cheats-sk"
AT_ONCE = 12  # failures from one address, which are fewer than make it wait
UNTOUCHED = "nobody has touched the security key"
SAID = 5  # bytes behind a signature: flags and counter
KINDS = ("sk-ed25519", "sk-p256")


class Cases(Tied):
    """carol has a security key of each kind, and a plain key; dave has carol's first; eve her own."""

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.first, self.second = (f.Key(kind) for kind in KINDS)
        self.keys = (self.first, self.second)
        self.plain, self.eve, self.stray = f.Key("ed25519"), f.Key("sk-ed25519"), f.Key("sk-p256")
        for name, keys in ((USER, (*self.keys, self.plain)), (TWIN, (self.first,)),
                           (OTHER, (self.eve,))):
            target.account(name, keys, password=c.instance.SECRET)

    def each_key(self):
        return self.keys

    @staticmethod
    def tied(login, key, **lies):
        return f.sshsig(key, login.text(**lies))

    def login(self, account=USER, profile="operator", peer=None, **how):
        return super().login(account, profile, peer, **how)

    def wrong(self, login, response, **wanted):
        """The proof does not convince."""
        return self.refused("denied.credentials", lambda: login.prove(response), **wanted)

    def each(self, forged, keys=None, **wanted):
        """Each of these is refused: forged(key, the transcript) -> blob."""
        for key in keys or self.keys:
            login = self.login()
            layer = self.wrong(login, forged(key, login.text()), account=USER, **wanted)
            self.elsewhere()
        return layer

    def good(self, key=None, **how):
        """(login, its proof, its session)."""
        login = self.login(**how)
        proof = f.sshsig(key or self.first, login.text())
        return login, proof, login.prove(proof)

    # ---- who may

    def honest(self):
        for transport in ("tls", "plain", "unix"):
            for key in self.keys:
                login, _, session = self.good(key, peer=self.peer(transport))
                layer = self.let_in(session, USER)
                self.recorded("ok", f"security key, counter {key.counter}", transport=transport)
                session.call(3)
        return layer

    def verified(self):
        """That it has verified its owner is on record."""
        login = self.login()
        session = login.prove(f.sshsig(self.first, login.text(), flags=f.TOUCHED | f.VERIFIED))
        self.recorded("ok", f"security key, counter {self.first.counter}, verified")
        return self.let_in(session, USER)

    def counter_back(self):
        """A counter tells of a copy; the record has it, and nobody is kept out for it."""
        for counter in (40, 39, 0):
            self.first.counter = counter
            layer = self.let_in(self.good()[2], USER)
            self.recorded("ok", f"security key, counter {counter + 1}")
        return layer

    # ---- what the security key says

    def other_space(self):
        for space in (b"file", b"git", b"ssh:", b"login@capos\0"):
            layer = self.each(lambda k, t, x=space: f.sshsig(k, t, space=x))
        return layer

    def untouched(self):
        self.each(lambda k, t: f.sshsig(k, t, flags=0), why=UNTOUCHED)
        return self.each(lambda k, t: f.sshsig(k, t, flags=f.VERIFIED), why=UNTOUCHED)

    def touch_claimed(self):
        """The flag is written into the signature of one that nobody has touched."""
        def claim(signature):
            return signature[:-SAID] + bytes([signature[-SAID] | f.TOUCHED]) + signature[-4:]
        return self.each(lambda k, t: f.sshsig(k, t, flags=0, change=claim))

    def said_changed(self):
        """Each bit of flags and counter, after it has signed."""
        changes = [(at, 1 << bit) for at in range(-SAID, 0) for bit in range(8)]
        for i, (at, bit) in enumerate(changes):
            def flip(signature, at=at, bit=bit):
                end = signature[at + 1:] if at < -1 else b""
                return signature[:at] + bytes([signature[at] ^ bit]) + end
            layer = self.each(lambda k, t, x=flip: f.sshsig(k, t, change=x), [self.keys[i % 2]])
        return layer

    def said_cut(self):
        for change in (lambda v: v[:-SAID], lambda v: v[:-4], lambda v: v[:-1], lambda v: v + b"\0",
                       lambda v: v + v[-SAID:]):
            layer = self.each(lambda k, t, x=change: f.sshsig(k, t, change=x))
        return layer

    def other_application(self):
        """Signed for a site in the browser, or for nobody."""
        for application in (b"https://example.org", b"example.org", b"ssh:x", b""):
            layer = self.each(lambda k, t, x=application: f.sshsig(k, t, application=x))
        return layer

    def application_renamed(self):
        """The key in the blob says another application than the account's does."""
        key = f.Key("sk-ed25519", b"ssh:elsewhere")
        key.private, key.rest = self.first.private, self.first.rest[:36] + f.strings(b"ssh:elsewhere")
        return self.each(lambda k, t: f.sshsig(k, t), [key])

    def not_for_ssh(self):
        """A key that was not made for ssh becomes no account's; by a certificate neither."""
        for i, application in enumerate((b"https://example.org", b"ss", b"")):
            key = f.Key(KINDS[i % 2], application)
            try:
                self.target.account(f"site{i}", [key])
            except s.Refused:
                continue
            raise Failed(f"a key for {application!r} has been added")
        return "prover"

    # ---- whose, and by which algorithm

    def anothers(self):
        self.each(lambda k, t: f.sshsig(self.eve, t))
        self.each(lambda k, t: f.sshsig(self.stray, t))
        return self.each(lambda k, t: f.sshsig(self.eve, t, shown=self.first.blob), [self.first])

    def plain_as_sk(self):
        """A signature by its number, but of the text itself, by no security key."""
        def plainly(key, text):
            signed = key.raw(f.envelope(text), key.name)
            return f.strings(key.name, signed) + struct.pack(">BI", f.TOUCHED, 7)
        self.each(lambda k, t: f.sshsig(k, t, change=lambda _: plainly(k, t)))
        self.each(lambda k, t: f.sshsig(k, t, change=lambda _: plainly(k, t)[:-SAID]))
        names = {b"sk-ssh-ed25519@openssh.com": b"ssh-ed25519",
                 b"sk-ecdsa-sha2-nistp256@openssh.com": b"ecdsa-sha2-nistp256"}
        return self.each(lambda k, t: f.sshsig(k, t, change=lambda _: f.strings(
            names[k.name], k.raw(f.envelope(t), k.name))))

    def sk_as_plain(self):
        """The account has a plain key: its number signs as a security key would."""
        sk = f.Key("sk-ed25519")
        sk.private = self.plain.private
        self.each(lambda k, t: f.sshsig(sk, t, shown=k.blob), [self.plain])
        return self.each(lambda k, t: f.sshsig(sk, t, shown=k.blob, change=lambda v: f.strings(
            k.name, v[-SAID - 64:-SAID])), [self.plain])

    def key_made_plain(self):
        """The same number in a blob that says it is a plain key."""
        def plain_of(key):
            plain = f.Key("ed25519" if key is self.first else "p256")
            plain.private = key.private
            plain.rest = key.rest[:-len(f.strings(key.application))]
            return plain
        return self.each(lambda k, t: f.sshsig(plain_of(k), t))

    def for_the_web(self):
        """OpenSSH's form of signatures that a browser has made is none of ours."""
        name = b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
        self.each(lambda k, t: f.sshsig(k, t, algorithm=name), [self.second])
        return self.each(lambda k, t: f.sshsig(k, t, algorithm=name, change=lambda v: v + f.strings(
            b"https://example.org", b'{"type":"webauthn.get"}', b"")), [self.second])

    def other_algorithm(self):
        names = (b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ssh-rsa", b"none", b"")
        for name in names + tuple(k.name for k in self.keys):
            wrong = [k for k in self.keys if k.name != name]
            self.each(lambda k, t, n=name: f.sshsig(k, t, algorithm=n or b"none"), wrong)
            layer = self.each(lambda k, t, n=name: f.sshsig(k, t, change=lambda v: f.strings(
                n, k.raw(f.envelope(t), k.name)) + v[-SAID:]), wrong)
        return layer

    def broken(self):
        """A bit in every part, at many places."""
        def flip(at):
            return lambda blob: blob[:at] + bytes([blob[at] ^ 1 << at % 8]) + blob[at + 1:]
        for key in self.keys:
            size = len(f.sshsig(key, b""))
            for at in range(6, size, 11):
                layer = self.each(lambda k, t, a=at: flip(a)(f.sshsig(k, t)), [key])
        return layer

    def zeros(self):
        def of(numbers):
            return lambda v: f.strings(self.second.name, numbers) + v[-SAID:]
        for numbers in (f.strings(b"", b""), f.strings(b"\1", b"\1"), f.strings(b"\0", b"\0"), b""):
            layer = self.each(lambda k, t, n=numbers: f.sshsig(k, t, change=of(n)), [self.second])
        self.each(lambda k, t: f.sshsig(k, t, change=lambda v: f.strings(k.name, bytes(64)) +
                                        v[-SAID:]), [self.first])
        return layer

    # ---- renewal

    def session(self):
        """(login, session); the login's nonce is the renewal's now."""
        login, _, session = self.good()
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        return login, session

    @staticmethod
    def renew(session, proof):
        return session.call(2, s.Struct(struct.pack("<Q", 60000), [proof])).ref(0, s.SESSION)

    def renewal(self):
        login, session = self.session()
        return self.let_in(self.renew(session, f.sshsig(self.second, login.text())), USER)

    def not_renewed(self, session, proof, **wanted):
        layer = self.refused("denied.credentials", lambda: self.renew(session, proof), **wanted)
        if s.text(session.call(0).content.ptr(0).ptr(1)) != USER:
            raise Failed("the session has not stayed")
        return layer

    def renewal_replayed(self):
        login, session = self.session()
        proof = f.sshsig(self.first, login.text())
        return self.not_renewed(self.renew(session, proof), proof)

    def renewal_untouched(self):
        login, session = self.session()
        return self.not_renewed(session, f.sshsig(self.first, login.text(), flags=0),
                                why="renewal: " + UNTOUCHED)

    def renewal_by_another(self):
        login, session = self.session()
        return self.not_renewed(session, f.sshsig(self.eve, login.text()))

    def renewal_by_less(self):
        """By what nobody has touched: the account's plain key, and its password."""
        login, session = self.session()
        self.weaker(session, f.sshsig(self.plain, login.text()), "publicKey")
        layer = self.weaker(session, c.instance.SECRET.encode(), "password")
        for kind in (s.PUBLIC_KEY, s.PASSWORD):
            self.elsewhere()
            login, session = self.session()
            self.refused("denied.weak-proof", lambda k=kind, x=login, y=session: self.by_flow(
                x.peer, y, k), kind=s.KINDS[kind])
        return layer

    def weaker(self, session, proof, kind):
        return self.refused("denied.weak-proof", lambda: self.renew(session, proof), kind=kind)

    def by_flow(self, peer, session, kind):
        flow = c.Login(peer, USER, kind=kind, session=session)
        if kind == s.PASSWORD:
            return s.answer(flow.flow, c.instance.SECRET)
        return flow.ask().prove(f.sshsig(self.plain, flow.text()))


NAMES = ("honest", "verified", "counter_back", "same_flow", "flow_beside", "flow_after",
         "other_connection", "other_account", "other_profile", "other_nonce", "other_exporter",
         "other_server", "plain_over_tls", "middle_own_key", "middle_stolen_key",
         "middle_server_key", "other_space", "untouched", "touch_claimed", "said_changed",
         "said_cut", "other_application", "application_renamed", "not_for_ssh", "anothers",
         "plain_as_sk", "sk_as_plain", "key_made_plain", "for_the_web", "other_algorithm", "broken",
         "zeros", "renewal", "renewal_replayed", "renewal_untouched", "renewal_by_another",
         "renewal_by_less")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "SK", Cases, NAMES))
