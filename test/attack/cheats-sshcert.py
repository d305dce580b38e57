#!/usr/bin/env python3
"""cheats-sshcert: who logs in by an SSH certificate that is not for him, or not good, or no more.

Why: whoever has a certificate has written most of what the instance reads: the key, the account, the
time, the restrictions; only an authority's signature makes that true, and only for what it says.
Each try changes one thing, in the certificate before it is signed, in it afterwards, or in the proof
that its key has to give.
"""
import struct
import sys
import time

import cheatlib as c
import sessionlib as s
import sshforge as f
from cheatlib import OTHER, TWIN, USER
from sessionlib import Failed, Struct
from tied import Tied

SCRIPT = "attack-cheats-sshcert"
REVOKED_SERIAL, REVOKED_ID = 66, b"lost laptop"
DAY = 86400
ENROL = 6  # RemoteSession.enrol
FOREVER = 2 ** 64 - 1
KINDS = ("ed25519", "p256", "p384", "rsa", "sk-ed25519", "sk-p256")
NO_AUTHORITY = "by an authority that nobody has named"
UNSIGNED = "not signed by its authority"
NOT_HIS = "the signature is not by its key"
DAMAGED = "damaged, or of a kind that is not accepted"
OPTIONS = "with options that are damaged"


class Target(c.Target):
    """Believes office, an RSA key and a security key; and robots, whose are for one profile."""

    def __init__(self):
        self.office, self.old, self.robots, self.touched = (
            f.Key(kind) for kind in ("ed25519", "rsa", "p256", "sk-ed25519"))
        rows = [f'(name = "office", key = "{self.office.line}", revokedSerials = [{REVOKED_SERIAL}], '
                f'revokedIds = ["{REVOKED_ID.decode()}"])',
                f'(name = "old", key = "{self.old.line}")',
                f'(name = "robots", key = "{self.robots.line}", profile = "robot")',
                f'(name = "touched", key = "{self.touched.line}")']
        super().__init__(ways=f"sshAuthorities = [{', '.join(rows)}], ")


class Cases(Tied):
    """Nobody has a key of his own; carol and dave are accounts, eve may not be a robot."""

    untied = NOT_HIS

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.key, self.eve = f.Key("ed25519"), f.Key("ed25519")
        self.keys = {kind: f.Key(kind) for kind in KINDS}
        for name, profiles in ((USER, ("operator", "robot", "loose")), (TWIN, ("operator",)),
                               (OTHER, ("operator",))):
            target.account(name, profiles=profiles)

    def certificate(self, key=None, by=None, **fields):
        """carol's, by the office."""
        return f.Certificate(key or self.key, by or self.target.office,
                             **{"principals": [USER.encode()], **fields})

    def tied(self, login, key, **lies):
        """By a good certificate, of both."""
        blob = self.certificate(key, principals=[USER.encode(), TWIN.encode()]).blob()
        return f.sshsig(key, login.text(**lies), blob)

    def login(self, account=USER, profile="operator", peer=None, **how):
        return super().login(account, profile, peer, **how)

    def wrong(self, login, response, why, **wanted):
        """It does not convince, and the record says why."""
        return self.refused("denied.credentials", lambda: login.prove(response), why=why, **wanted)

    def shown(self, blob, why, account=USER, key=None, over="tls", **how):
        """A login in order by this certificate is refused."""
        login = self.login(account, peer=self.peer(over))
        layer = self.wrong(login, f.sshsig(key or self.key, login.text(), blob, **how), why,
                           account=account)
        self.elsewhere()
        return layer

    def bad(self, why, account=USER, key=None, over="tls", by=None, **fields):
        """A certificate with these fields is refused, though an authority has signed it."""
        blob = self.certificate(key, by, **fields).blob()
        return self.shown(blob, why, account, key, over)

    def good(self, key=None, by=None, login=None, **fields):
        """(login, its proof, its session)."""
        login = login or self.login()
        key = key or self.key
        proof = f.sshsig(key, login.text(), self.certificate(key, by, **fields).blob())
        return login, proof, login.prove(proof)

    # ---- who may

    def honest(self):
        for transport in ("tls", "plain", "unix"):
            for key in self.keys.values():
                login = self.login(peer=self.peer(transport))
                session = self.good(key, login=login)[2]
                layer = self.let_in(session, USER)
                self.recorded("ok", "authority office, serial 7, at work", transport=transport)
                session.call(3)
        return layer

    def each_authority(self):
        for by, name in ((self.target.office, "office"), (self.target.old, "old"),
                         (self.target.touched, "touched")):
            layer = self.let_in(self.good(by=by)[2], USER)
            self.recorded("ok", f"authority {name}, ")
        return layer

    def restricted(self):
        """By what is understood, and met."""
        for option in ([(b"source-address", f.strings(b"192.0.2.1,127.0.0.0/8"))],
                       [(b"source-address", f.strings(self.source.encode()))]):
            layer = self.let_in(self.good(options=option)[2], USER)
        login, key = self.login(), self.keys["sk-ed25519"]
        blob = self.certificate(key, options=[(b"verify-required", b"")]).blob()
        proof = f.sshsig(key, login.text(), blob, flags=f.TOUCHED | f.VERIFIED)
        self.let_in(login.prove(proof), USER)
        return layer

    # ---- another account, another profile

    def other_principal(self):
        for principals in ([TWIN], ["Carol"], ["caro"], ["carol2"], ["carol\0"], ["*"], ["ca*"],
                           ["%u"], ["carol,dave"], [""], []):
            layer = self.bad("for other accounts", principals=[p.encode() for p in principals])
        return layer

    def principals_cut(self):
        """The list ends within a name, behind which the account stands."""
        cut = f.strings(USER.encode())
        for more in (b"\0\0\0\x40", b"\0", b"\xff\xff\xff\xff"):
            certificate = self.certificate()
            layer = self.shown(signed_with(certificate, f.strings(cut), f.strings(cut + more)),
                               "for other accounts")
        return layer

    def no_account(self):
        login = self.login("nobody")
        blob = self.certificate(principals=[b"nobody"]).blob()
        return self.wrong(login, f.sshsig(self.key, login.text(), blob), "there is no such account",
                          account="nobody") and "sessiond"

    def authoritys_profile(self):
        """robots' are for robot; whoever asks for more gets nothing, also whoever may be that."""
        login = self.login(profile="operator")
        blob = self.certificate(by=self.target.robots).blob()
        return self.refused("denied.profile",
                            lambda: login.prove(f.sshsig(self.key, login.text(), blob)))

    def profile_of_others(self):
        """eve is no robot, whatever the authority is for."""
        for profile in ("", "robot"):
            login = self.login(OTHER, profile)
            blob = self.certificate(by=self.target.robots, principals=[OTHER.encode()]).blob()
            layer = self.refused("denied.profile",
                                 lambda x=login, b=blob: x.prove(f.sshsig(self.key, x.text(), b)))
            self.elsewhere()
        return layer

    # ---- another nonce, another channel

    def other_transport(self):
        return self.lie(transport=b"unix", channel=b"", key_hash=b"")

    def other_space(self):
        for space in (b"file", b"git", b"login@capos2"):
            layer = self.shown(self.certificate().blob(), NOT_HIS, space=space)
        return layer

    # ---- time

    def expired(self):
        now = int(time.time())
        for before in (now - 1, now - DAY, 0):
            layer = self.bad("expired", after=0, before=before)
        return layer

    def not_yet(self):
        now = int(time.time())
        for after in (now + 60, now + DAY, 2 ** 64 - 1):
            layer = self.bad("not valid yet", after=after, before=2 ** 64 - 1)
        return self.bad("not valid yet", after=now + DAY, before=now - DAY) and layer

    # ---- whose

    def wrong_authority(self):
        self.bad(NO_AUTHORITY, by=self.eve)
        self.bad(NO_AUTHORITY, by=self.key)
        return self.bad(NO_AUTHORITY, by=f.Key("rsa"))

    def named_authority(self):
        """Signed by one's own key, with the office's in it."""
        return self.bad(UNSIGNED, by=self.eve, authority_blob=self.target.office.blob)

    def authority_by_certificate(self):
        """A key that the office has certified signs in its turn."""
        deputy = self.certificate(self.eve).blob()
        return self.bad(NO_AUTHORITY, by=self.eve, authority_blob=deputy)

    def authority_of_another_type(self):
        """The office's own key, wrapped: in a certificate of its own, as a security key."""
        office = self.target.office
        itself = f.Certificate(office, office, principals=[USER.encode()]).blob()
        self.bad(NO_AUTHORITY, authority_blob=itself)
        return self.bad(NO_AUTHORITY, authority_blob=f.strings(b"sk-ssh-ed25519@openssh.com") +
                        office.rest + f.strings(b"ssh:"))

    def a_hosts(self):
        for kind in (f.HOST, 0, 3, 2 ** 32 - 1):
            layer = self.bad("not a user's", type=kind)
        return layer

    def revoked(self):
        self.bad("revoked", serial=REVOKED_SERIAL)
        return self.bad("revoked", key_id=REVOKED_ID)

    def revoked_elsewhere(self):
        """What the office has revoked is nothing to others, who count for themselves."""
        return self.let_in(self.good(by=self.target.old, serial=REVOKED_SERIAL,
                                     key_id=REVOKED_ID)[2], USER)

    # ---- restrictions

    def unknown_option(self):
        why = "with an option that is not known here: "
        for name, shown in ((b"force-command", "force-command"), (b"no-touch-required", None),
                            (b"Verify-Required", None), (b"x@example.org", None),
                            (b"a\nb\xff", "a?b?"), (b"verify-required\0", "verify-required?")):
            layer = self.bad(why + (shown or name.decode()), options=[(name, b"")])
        return layer

    def option_with_more(self):
        """verify-required has no value; the address has one string."""
        self.bad("with an option that is not known here", options=[(b"verify-required", b"x")])
        for value in (b"", f.strings(b"127.0.0.0/8") + b"\0", b"\0\0\0\xff127.0.0.0/8"):
            layer = self.bad("with an option that is damaged: source-address",
                             options=[(b"source-address", value)])
        return layer

    def elsewhere_only(self):
        networks = (b"192.0.2.0/24", b"127.0.0.1", b"127.0.0.0/33", b"127.0.0.0/8x", b"127/8", b"::/0",
                    b"!192.0.2.0/24", b"*", b"", b",", b"0.0.0.0/-1", b"127.0.0.0/8\0",
                    b"::ffff:127.0.0.0/200")
        for network in networks:
            layer = self.bad("for other addresses: source-address",
                             options=[(b"source-address", f.strings(network))])
        self.bad("for other addresses", over="unix",
                 options=[(b"source-address", f.strings(b"0.0.0.0/0,::/0"))])
        return layer

    def options_unsorted(self):
        near = (b"source-address", f.strings(b"127.0.0.0/8"))
        verify = (b"verify-required", b"")
        for options in ([verify, near], [near, near], [(b"", b""), near]):
            layer = self.bad(OPTIONS, key=self.keys["sk-ed25519"], options=options)
        return layer

    def options_cut(self):
        whole = f.strings(f.strings(b"source-address", f.strings(b"127.0.0.0/8")))
        option = [(b"source-address", f.strings(b"127.0.0.0/8"))]
        for cut in (f.strings(whole[4:-1]), f.strings(whole[4:] + b"\0\0\0\1")):
            layer = self.shown(signed_with(self.certificate(options=option), whole, cut), OPTIONS)
        return layer

    def unverified(self):
        """An owner has to be verified: a plain key cannot, a security key has not."""
        why, option = "its security key has not verified who it is", [(b"verify-required", b"")]
        for kind in ("ed25519", "rsa", "sk-ed25519", "sk-p256"):
            layer = self.bad(why, key=self.keys[kind], options=option)
        key = self.keys["sk-ed25519"]
        blob = self.certificate(key, options=option).blob()
        return self.shown(blob, NOT_HIS, key=key, change=lambda v: v[:-5] +
                          bytes([v[-5] | f.VERIFIED]) + v[-4:]) and layer

    def untouched(self):
        """The security key that is certified; and the one that has certified."""
        key = self.keys["sk-p256"]
        self.shown(self.certificate(key).blob(), "nobody has touched its security key", key=key,
                   flags=0)
        return self.shown(self.certificate(by=self.target.touched).blob(flags=0), UNSIGNED)

    # ---- damaged

    def tampered(self):
        """A bit in every part, at many places."""
        size = len(self.certificate().blob())
        for at in sorted({4, 40, size - 1, size - 60, *range(11, size, 17)}):
            blob = bytearray(self.certificate().blob())
            blob[at] ^= 1 << at % 8
            layer = self.shown(bytes(blob), "")
        return layer

    def rewritten(self):
        """Each field is another one, under the signature that was there."""
        now = int(time.time())
        for change in ({"principals": [TWIN.encode()]}, {"serial": 8}, {"key_id": b"x"},
                       {"before": now + DAY}, {"after": 0}, {"nonce": bytes(32)},
                       {"extensions": f.strings(b"permit-pty", b"")}, {"key": self.eve}):
            fields = {"nonce": bytes(31) + b"1", "before": now + 3600, "after": now - 1}
            honest = self.certificate(options=[], **fields)
            signature = honest.blob()[len(honest.text()):]
            changed = self.certificate(**{**fields, **change})
            layer = self.shown(changed.text() + signature, UNSIGNED,
                               account=TWIN if "principals" in change else USER,
                               key=change.get("key"))
        return layer

    def unrestricted(self):
        """An option is taken out, under the signature that was there."""
        honest = self.certificate(nonce=bytes(32), options=[(b"force-command", f.strings(b"true"))])
        signature = honest.blob()[len(honest.text()):]
        honest.options = []
        return self.shown(honest.text() + signature, UNSIGNED)

    def reserved(self):
        return self.bad(DAMAGED, reserved=b"x")

    def cut(self):
        blob = self.certificate().blob()
        for size in (5, 36, 80, 150, len(blob) - 70, len(blob) - 1):
            layer = self.shown(blob[:size], "")
        self.shown(blob + b"\0", DAMAGED)
        self.shown(blob + blob, DAMAGED)
        return layer

    def other_type(self):
        """The name says another type of key than there is; of none that is accepted."""
        for name in (b"ecdsa-sha2-nistp256-cert-v01@openssh.com", b"ssh-rsa-cert-v01@openssh.com",
                     b"sk-ssh-ed25519-cert-v01@openssh.com", b"ssh-dss-cert-v01@openssh.com"):
            self.bad(DAMAGED, name=name)
        for name in (b"ssh-ed25519-cert-v00@openssh.com", b"ssh-ed25519", b""):
            layer = self.shown(self.certificate(name=name).blob(), "")
        return self.bad(DAMAGED, key=f.Key("rsa", bits=1024)) and layer

    # ---- whose signature

    def anothers_signature(self):
        """Whoever has seen a certificate does not have its key."""
        blob = self.certificate().blob()
        self.shown(blob, NOT_HIS, key=self.eve)
        self.shown(blob, NOT_HIS, key=self.target.office)
        return self.shown(blob, NOT_HIS, change=lambda v: v[:-1] + bytes([v[-1] ^ 1]))

    def without_certificate(self):
        """The key alone is nobody's."""
        login = self.login()
        return self.wrong(login, f.sshsig(self.key, login.text()), "")

    def downgraded(self):
        """SHA-1, by the authority and by the key; another algorithm than the key's."""
        old, rsa = self.target.old, self.keys["rsa"]
        self.bad(UNSIGNED, by=old, algorithm=b"ssh-rsa")
        self.bad(UNSIGNED, by=old, algorithm=b"rsa-sha2-256-cert-v01@openssh.com")
        self.bad(UNSIGNED, algorithm=b"ssh-rsa")
        blob = self.certificate(rsa).blob()
        for name in (b"ssh-rsa", b"ssh-rsa-cert-v01@openssh.com", b"none", b"ssh-ed25519",
                     b"ecdsa-sha2-nistp256"):
            layer = self.shown(blob, NOT_HIS, key=rsa, algorithm=name)
        for name in (f.certificate_name(self.key.name), b"ecdsa-sha2-nistp256"):
            self.shown(self.certificate().blob(), NOT_HIS, algorithm=name)
        return layer

    def come_back_from_elsewhere(self):
        """The certificate is good at one address, so that is what its session's own key is good at,
        whether or not it ever ends."""
        option = [(b"source-address", f.strings(self.source.encode()))]
        here = self.source
        for until in ({}, {"before": FOREVER}):
            self.source = here
            _, _, session = self.good(options=option, **until)
            own = f.Key("ed25519")
            session.call(ENROL, Struct(b"", [own.blob]))
            again = self.login()
            self.let_in(again.prove(f.sshsig(own, again.text())), USER)
            self.elsewhere()
            again = self.login()
            layer = self.refused("denied.weak-proof",
                                 lambda: again.prove(f.sshsig(own, again.text())), account=USER)
        return layer

    # ---- renewal

    def session(self, **how):
        """(login, session); the login's nonce is the renewal's now."""
        login, _, session = self.good(**how)
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        return login, session

    @staticmethod
    def renew(session, proof):
        return session.call(2, s.Struct(struct.pack("<Q", 0), [proof])).ref(0, s.SESSION)

    def not_renewed(self, session, proof, why, code="denied.credentials"):
        layer = self.refused(code, lambda: self.renew(session, proof), why=why)
        if s.text(session.call(0).content.ptr(0).ptr(1)) != USER:
            raise Failed("the session has not stayed")
        self.elsewhere()
        return layer

    def renewal(self):
        """By another certificate: the session ends with whichever ends first."""
        now = int(time.time())
        for first, second in ((200, 300), (300, 200)):
            login, session = self.session(before=now + first)
            proof = f.sshsig(self.key, login.text(), self.certificate(before=now + second).blob())
            renewed = self.renew(session, proof)
            ends = renewed.call(0).content.ptr(0).uint(64, 64) // 1000
            if ends != now + 200:
                raise Failed(f"it ends {ends - now} s from now")
            layer = self.let_in(renewed, USER)
        return layer

    def renewal_replayed(self):
        login, session = self.session()
        proof = f.sshsig(self.key, login.text(), self.certificate().blob())
        return self.not_renewed(self.renew(session, proof), proof, "renewal: " + NOT_HIS)

    def renewal_by_worse(self):
        """One that has expired, was revoked, is another's."""
        for why, fields in (("expired", {"before": 1, "after": 0}), ("revoked", {"serial": 66}),
                            ("for other accounts", {"principals": [TWIN.encode()]})):
            login, session = self.session()
            proof = f.sshsig(self.key, login.text(), self.certificate(**fields).blob())
            layer = self.not_renewed(session, proof, "renewal: " + why)
        return layer

    def renewal_wider(self):
        """robots' word is for robots; an operator's session does not go on by it."""
        login, session = self.session()
        proof = f.sshsig(self.key, login.text(), self.certificate(by=self.target.robots).blob())
        return self.not_renewed(session, proof, "", "denied.profile")


def signed_with(certificate, old, new):
    """A certificate's text with other bytes in one place, and signed then."""
    text = certificate.text()
    if text.count(old) != 1:
        raise Failed("the place is not clear")
    text = text.replace(old, new)
    return text + f.strings(certificate.authority.sign(text))


NAMES = ("honest", "each_authority", "restricted", "same_flow", "flow_beside", "other_connection",
         "other_principal", "principals_cut", "other_account", "no_account", "authoritys_profile",
         "profile_of_others", "other_profile", "other_nonce", "other_exporter", "other_server",
         "other_transport", "middle_own_key", "middle_stolen_key", "middle_server_key", "other_space",
         "expired", "not_yet", "wrong_authority", "named_authority", "authority_by_certificate",
         "authority_of_another_type", "a_hosts", "revoked", "revoked_elsewhere", "unknown_option",
         "option_with_more", "elsewhere_only", "options_unsorted", "options_cut", "unverified",
         "untouched", "tampered", "rewritten", "unrestricted", "reserved", "cut", "other_type",
         "anothers_signature", "without_certificate", "downgraded", "renewal", "renewal_replayed",
         "renewal_by_worse", "renewal_wider", "come_back_from_elsewhere")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "SC", Cases, NAMES, Target))
