#!/usr/bin/env python3
"""cheats-signature: signatures that are somebody else's, of something else, or broken.

Why: between a good signature and a good transcript stands a blob of foreign bytes. Whose key it is,
by which algorithm, how long everything is: all of that the sender writes. And a session that is
renewed is proved again, by rules of its own. Here the transcript is right, unless a row says it.
"""
import struct
import sys

import cheatlib as c
import instance
import sessionlib as s
from cheatlib import OTHER, SERVER_KEY, USER, Signature
from sessionlib import Failed, Struct

SCRIPT = "attack-cheats-signature"
MOST = 16 * 1024  # a signature
AT_ONCE = 12  # failures from one address, which are fewer than make it wait


class Cases(c.KeyCheats):
    def __init__(self, target):
        super().__init__(target)
        self.accounts = 0

    def account(self, *keys, password=""):
        """A new one, that can be changed."""
        self.accounts += 1
        name = f"made{self.accounts}"
        self.target.account(name, keys, password=password)
        return name

    def admin(self, method, *pointers):
        admin = self.target.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(pointers)))
        finally:
            admin.close()

    def each(self, key, changes):
        for i, change in enumerate(changes):
            if i % AT_ONCE == 0:
                self.elsewhere()
            layer = self.changed(key, change)
        return layer

    def changed(self, key, change):
        """A good signature after a change; who stops it."""
        login = self.login(USER, "operator")
        blob = login.signed(key)
        other = change(Signature(blob))
        if other == blob:
            raise Failed("nothing was changed")
        return self.wrong(login, other, account=USER)

    # ---- whose

    def anothers_key(self):
        login = self.login(USER, "operator")
        return self.wrong(login, login.signed(self.eve), account=USER)

    def nobodys_key(self):
        login = self.login(USER, "operator")
        return self.wrong(login, login.signed(self.stray), account=USER)

    def name_of_a_key(self):
        """The account's key in the blob, another's signature."""
        login = self.login(USER, "operator")
        real, false = Signature(login.signed(self.key)), Signature(login.signed(self.eve))
        real.bytes = false.bytes
        return self.wrong(login, real.blob(), account=USER)

    def key_of_the_other(self):
        """Signed by a key that is not the account's, with the account's in the blob."""
        login = self.login(OTHER, "operator")
        real, false = Signature(login.signed(self.eve)), Signature(login.signed(self.key))
        false.key = real.key
        return self.wrong(login, false.blob(), account=OTHER)

    def key_removed(self):
        """Between the nonce and the proof."""
        name = self.account(self.stray)
        login = self.login(name, "operator")
        proof = login.signed(self.stray)
        self.admin(4, name, c.fingerprint(self.stray))
        return self.wrong(login, proof, account=name)

    def account_removed(self):
        name = self.account(self.stray)
        login = self.login(name, "operator")
        proof = login.signed(self.stray)
        self.admin(1, name)
        return self.wrong(login, proof, account=name)

    def account_made_anew(self):
        """Under the same name, with another key."""
        name = self.account(self.stray)
        login = self.login(name, "operator")
        proof = login.signed(self.stray)
        self.admin(1, name)
        self.target.account(name, (self.eve,))
        return self.wrong(login, proof, account=name)

    def no_keys(self):
        name = self.account(password=instance.SECRET)
        login = self.login(name, "operator")
        return self.wrong(login, login.signed(self.key), account=name)

    def password_for_a_key(self):
        name = self.account(self.key, password=instance.SECRET)
        login = self.login(name, "operator")
        return self.wrong(login, instance.SECRET, account=name)

    # ---- broken

    def tampered(self):
        """A bit in every part, at many places."""
        login = self.login(USER, "operator")
        size = len(login.signed(self.key))
        places = sorted({0, 5, 9, 13, 40, *range(6, size, 7), size - 1, size - 2})

        def flip(at, parts):
            blob = parts.blob()
            return blob[:at] + bytes([blob[at] ^ 1 << at % 8]) + blob[at + 1:]
        return self.each(self.key, [lambda p, x=x: flip(x, p) for x in places])

    def cut(self):
        sizes = (1, 5, 6, 9, 10, 14, 65, 66, 100, -64, -1)
        return self.each(self.key, [lambda p, n=n: p.blob()[:n] for n in sizes])

    def longer(self):
        return self.each(self.key, [lambda p: p.blob() + b"\0", lambda p: p.blob() * 2,
                                    lambda p: p.blob() + bytes(MOST - len(p.blob())),
                                    lambda p: p.blob() + bytes(MOST - len(p.blob()) + 1),
                                    lambda p: p.blob() + bytes(60 * 1024)])

    def wrong_lengths(self):
        """Parts of 33, 65, 63 and no bytes, and of more than there are."""
        def of(name, change):
            def made(parts):
                setattr(parts, name, change(getattr(parts, name)))
                return parts.blob()
            return made
        changes = [of(n, f) for n in ("key", "bytes", "algorithm", "space", "digest")
                   for f in (lambda v: v + b"\0", lambda v: v[:-1], lambda v: b"")]
        changes.append(lambda p: p.blob()[:10] + struct.pack(">I", 0xffffffff) + p.blob()[14:])
        changes.append(of("key", lambda v: v[:15] + struct.pack(">I", 33) + v[19:] + b"\0"))
        return self.each(self.key, changes)

    def zeros(self):
        """Numbers that fit any key in a careless check."""
        zero = c.strings(b"\0", b"\0")

        def of(value):
            def made(parts):
                parts.bytes = value
                return parts.blob()
            return made
        self.each(self.key, [of(bytes(64))])
        self.each(self.ecdsa, [of(zero), of(c.strings(b"", b"")), of(c.strings(b"\1", b"\1")), of(b"")])
        return self.each(self.rsa, [of(bytes(256)), of(bytes(255) + b"\1"), of(b"")])

    # ---- of something else

    def other_algorithm(self):
        def named(name):
            def made(parts):
                parts.algorithm = name
                return parts.blob()
            return made
        names = (b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"rsa-sha2-256",
                 b"ssh-rsa", b"ssh-dss", b"none", b"")
        self.each(self.key, [named(n) for n in names[1:]])
        self.each(self.ecdsa, [named(n) for n in names if n != names[1]])
        return self.each(self.rsa, [named(n) for n in names])

    def other_digest(self):
        def named(name):
            def made(parts):
                parts.digest = name
                return parts.blob()
            return made
        return self.each(self.key, [named(n) for n in (b"sha256", b"sha1", b"md5", b"", b"SHA512")])

    def other_space(self):
        """A signature that was made for something else: a file, a commit of git."""
        for space in ("file", "git", "login@capos2", "LOGIN@capos"):
            self.elsewhere()
            login = self.login(USER, "operator")
            proof = c.sign(self.key, c.transcript(login.fields()), space)
            layer = self.wrong(login, proof, account=USER)
            if space == "git":
                login = self.login(USER, "operator")
                parts = Signature(c.sign(self.key, c.transcript(login.fields()), space))
                parts.space = c.SPACE.encode()
                self.wrong(login, parts.blob())
        return layer

    def other_form(self):
        def reserved(parts):
            parts.reserved = b"x"
            return parts.blob()

        def version(parts):
            parts.version = struct.pack(">I", 2)
            return parts.blob()

        def armored(parts):
            return (b"-----BEGIN SSH SIGNATURE-----\n" + c.base64.b64encode(parts.blob()) +
                    b"\n-----END SSH SIGNATURE-----\n")

        def bare(parts):
            return c.strings(parts.algorithm, parts.bytes)
        return self.each(self.key, [reserved, version, armored, bare])

    # ---- renewal

    def session(self, profile="operator", **how):
        """(login, session) of a new one."""
        login = self.login(USER, profile, **how)
        session = login.prove(login.signed(self.key))
        login.nonce = self.challenge(session)
        login.client_nonce = b""
        return login, session

    @staticmethod
    def challenge(session):
        return session.call(0).content.ptr(0).ptr(4)

    @staticmethod
    def renew(session, proof):
        return session.call(2, Struct(struct.pack("<Q", 60000), [proof])).ref(0, s.SESSION)

    def not_renewed(self, session, proof, code="denied.credentials"):
        layer = self.refused(code, lambda: self.renew(session, proof))
        if s.text(session.call(0).content.ptr(0).ptr(1)) != USER:
            raise Failed("the session has not stayed")
        return layer

    def renewal(self):
        for how in ({}, {"profile": "loose", "binding": SERVER_KEY}):
            login, session = self.session(**how)
            fields = {"profile": (login.profile or "operator").encode()}
            renewed = self.renew(session, login.signed(self.key, **fields))
            layer = self.let_in(renewed, USER)
        return layer

    def renewal_replayed(self):
        login, session = self.session()
        proof = login.signed(self.key)
        renewed = self.renew(session, proof)
        return self.not_renewed(renewed, proof)

    def renewal_by_login(self):
        """The proof that has made the session."""
        login = self.login(USER, "operator")
        proof = login.signed(self.key)
        return self.not_renewed(login.prove(proof), proof)

    def login_by_renewal(self):
        login, _ = self.session()
        proof = login.signed(self.key)
        return self.wrong(self.login(USER, "operator"), proof)

    def renewal_of_another_session(self):
        first, _ = self.session()
        _, session = self.session()
        return self.not_renewed(session, first.signed(self.key))

    def renewal_by_another(self):
        login, session = self.session()
        return self.not_renewed(session, login.signed(self.eve))

    def renewal_as_another(self):
        """Another account's flow on this session."""
        login, session = self.session()
        return self.refused("denied.credentials",
                            lambda: c.Login(login.peer, OTHER, session=session), "sessiond")

    def renewal_wider(self):
        login, session = self.session()
        self.refused("denied.profile",
                     lambda: c.Login(login.peer, USER, "robot", session=session))
        return self.not_renewed(session, login.signed(self.key, profile=b"robot")) and "sessiond"

    def renewal_by_other_binding(self):
        """What the session was made by is what renews it."""
        login, session = self.session("loose")
        login.binding = SERVER_KEY
        self.not_renewed(session, login.signed(self.key))
        self.elsewhere()
        login, session = self.session("loose", binding=SERVER_KEY)
        login.binding = c.EXPORTER
        return self.not_renewed(session, login.signed(self.key))

    def renewal_weaker(self):
        """A flow that asks for the weaker binding where the session's profile does not allow it."""
        name = self.account(self.key, password=instance.SECRET)
        peer = self.peer()
        session = peer.password(name, instance.SECRET, "operator", peer.first)
        flow = c.Login(peer, name, session=session, binding=SERVER_KEY).ask()
        return self.refused("denied.profile", lambda: flow.prove(flow.signed(self.key)))

    def renewal_by_less(self):
        """A session that a key has made: by the account's password, both ways, and by the same key
        for the server's key alone, which the profile allows."""
        name = self.account(self.key, password=instance.SECRET)
        login = self.login(name, "loose")
        session = login.prove(login.signed(self.key))
        for call in (lambda: self.renew(session, instance.SECRET.encode()),
                     lambda: c.Login(login.peer, name, kind=s.PASSWORD, session=session),
                     lambda: c.Login(login.peer, name, session=session, binding=SERVER_KEY)):
            layer = self.refused("denied.weak-proof", call, kind=None)
        session.call(0)
        return layer


NAMES = ("anothers_key", "nobodys_key", "name_of_a_key", "key_of_the_other", "key_removed",
         "account_removed", "account_made_anew", "no_keys", "password_for_a_key", "tampered", "cut",
         "longer", "wrong_lengths", "zeros", "other_algorithm", "other_digest", "other_space",
         "other_form", "renewal", "renewal_replayed", "renewal_by_login", "login_by_renewal",
         "renewal_of_another_session", "renewal_by_another", "renewal_as_another", "renewal_wider",
         "renewal_by_other_binding", "renewal_weaker", "renewal_by_less")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "KS", Cases, NAMES))
