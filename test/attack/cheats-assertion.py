#!/usr/bin/env python3
"""cheats-assertion: which program logs in by a token that is not for this login, or not for it.

Why: an assertion is text that anybody can write, about an account, for an instance, for one login;
only its key's signature makes it true, and a signature is only as good as what reads it: algorithms
that a token chooses, numbers that are texts, names that are there twice. Each try changes one thing
in a token that would be good without it, over each algorithm where that makes a difference.
"""
import hashlib
import json
import struct
import sys
import time

import cheatlib as c
import instance
import sessionlib as s
import sshforge as f
import tokens as j
from cheatlib import SERVER_KEY, USER
from sessionlib import Failed, Struct
from tied import Tied

SCRIPT = "attack-cheats-assertion"
SERVICE = 8
JOB, OTHER = "job", "other"
LIFE_S, SKEW_S = 300, 60
AT_ONCE = 12  # failures from one address, which are fewer than make it wait
FORM = "no signed token"
NO_KEY, KEYLESS = "the issuer has no such key", "it names no key that could have signed it"
UNSIGNED, UNKNOWN = "not signed by the issuer", "an algorithm that is not accepted"
# What a prover may say of a token of which a letter of its header or of its claims is another.
CHANGED = (FORM, KEYLESS, NO_KEY, UNKNOWN, UNSIGNED, "its header wants", "of another issuer", "expired",
           "for somebody else", "about nobody", "for another login")


def for_programs(name):
    return instance.profile(name, ["session", "system_info"]).replace("lease",
                                                                      "service = true, lease", 1)


class Target(c.Target):
    def __init__(self):
        self.office = f.Key("ed25519")
        super().__init__(ways=f'sshAuthorities = [(name = "office", key = "{self.office.line}")], ',
                         others=[for_programs("job"), for_programs("nightly"),
                                 for_programs("weekly")])

    def add_program(self, name, keys=(), profiles=("job", "nightly")):
        """A service account."""
        self.admin_call(12, name, s.w.Ptrs(list(profiles)))
        for key in keys:
            self.admin_call(13, name, json.dumps(key.jwk), "")


def claims(login, text=None, **lies):
    """What a good token says for this login. text: the transcript, if not it."""
    audience = "capos"
    if login.peer.transport == "tls":
        audience = c.tlspeer.fingerprint(login.peer.key_hash)
    digest = hashlib.sha256(login.text() if text is None else text).digest()
    return {"iss": login.account, "sub": login.account, "aud": audience,
            "exp": int(time.time()) + LIFE_S - 10, "nonce": j.b64(digest), **lies}


class Cases(Tied):
    """`job` has a key of each algorithm, `other` one; carol is a person, with an SSH key and a
    password."""

    untied = "for another login"
    method = SERVICE
    account = JOB

    def __init__(self, target):
        super().__init__(target, "serviceCredential")
        self.series, self.times = None, 0
        self.keys = {name: j.Key(name, f"{name}-1") for name in j.ALGORITHMS}
        self.key, self.others, self.stray = (self.keys["ES256"], j.Key("ES256", "others"),
                                             j.Key("ES256", "stray"))
        self.ssh = f.Key("ed25519")
        target.add_program(JOB, self.keys.values())
        target.add_program(OTHER, [self.others])
        target.account(USER, [self.ssh], password=instance.SECRET)

    def tied(self, login, key, **lies):
        return key.token(claims(login, login.text(**lies)))

    def login(self, account=JOB, profile="job", peer=None, **how):
        return super().login(account, profile, peer, **{"kind": SERVICE, **how})

    def wrong(self, login, response, why, **wanted):
        """It does not convince, and the record says why."""
        return self.refused("denied.credentials", lambda: login.prove(response), why=why, **wanted)

    def is_first(self, why):
        """Of each address the first refusal is recorded, and there are not records for any number of
        addresses: what is refused for the same reason shares one."""
        if self.series != (self.source, why) or self.times == AT_ONCE:
            if self.series and self.series[0] == self.source:
                self.elsewhere()
            self.series, self.times = (self.source, why), 0
        self.times += 1
        return self.times == 1

    def forged(self, why, make, keys=None):
        """Refused: make(key, the claims of a good one)."""
        for key in keys or [self.key]:
            first = self.is_first(why)
            login = self.login()
            layer = self.wrong(login, make(key, claims(login)), why, audit=first)
        return layer

    def says(self, why, key=None, **lies):
        """… whose claims are others; one that is None is not there."""
        return self.forged(why, lambda k, good: k.token(
            {n: v for n, v in {**good, **lies}.items() if v is not None}), key and [key])

    def good(self, key=None, login=None):
        """(login, its proof, its session)."""
        login = login or self.login()
        proof = (key or self.key).token(claims(login))
        return login, proof, login.prove(proof)

    # ---- who may

    def honest(self):
        for transport in ("tls", "plain", "unix"):
            for key in self.keys.values():
                session = self.good(key, self.login(peer=self.peer(transport)))[2]
                layer = self.let_in(session, JOB)
                self.recorded("ok", f"key {key.kid}", transport=transport)
                session.call(3)
        return layer

    def rotation(self):
        """Two keys are good at once, and then one; with the other its sessions end."""
        old, new = j.Key("EdDSA", "old"), j.Key("ES384", "new")
        self.target.add_program("rotates", [old, new])
        login = self.login("rotates")
        session = self.good(old, login)[2]
        stays = self.good(new, self.login("rotates"))[2]
        self.target.admin_call(14, "rotates", "old")
        try:
            session.call(0)
            raise Failed("its session goes on")
        except (s.Refused, s.Closed):
            pass
        self.let_in(stays, "rotates")
        self.elsewhere()
        login = self.login("rotates")
        self.wrong(login, old.token(claims(login)), "the issuer has no such key")
        return "nobody"

    def key_removed(self):
        """Between the nonce and the token."""
        key = j.Key("RS256", "brief")
        self.target.add_program("brief", [key])
        login = self.login("brief")
        proof = key.token(claims(login))
        self.target.admin_call(14, "brief", "brief")
        return self.wrong(login, proof, "the issuer has no such key")

    # ---- replays

    def not_asked(self):
        """Before a nonce was told."""
        login = c.Login(self.peer(), JOB, kind=SERVICE)
        return self.refused("denied.credentials",
                            lambda: login.prove(self.key.token(claims(login))), "sessiond")

    # ---- another account, another profile, another kind

    def other_account(self):
        self.forged("of another issuer", lambda k, good: k.token(
            {**good, "iss": OTHER, "sub": OTHER}))
        self.says("about nobody, or somebody else", sub=OTHER)
        self.says("of another issuer", iss=OTHER)
        login = self.login(OTHER)
        return self.wrong(login, self.key.token(claims(login)), "the issuer has no such key")

    def others_key(self):
        """Of another program, under its own id and under the right one; of nobody."""
        self.forged("the issuer has no such key", lambda k, good: self.others.token(good))
        self.forged("the issuer has no such key", lambda k, good: self.stray.token(good))
        return self.forged("not signed by the issuer", lambda k, good: self.others.token(
            good, kid=self.key.kid))

    def a_persons_account(self):
        """carol has no such key, whatever she signs by."""
        login = self.login(USER, "operator")
        return self.wrong(login, self.key.token(claims(login)), NO_KEY)

    def a_persons_profile(self):
        for profile in ("operator", "robot", "guest", "anonymous"):
            login = self.login(profile=profile)
            layer = self.refused("denied.profile",
                                 lambda x=login: x.prove(self.key.token(claims(x))))
            self.elsewhere()
        return layer

    def a_programs_profile(self):
        """The reverse, by each way that a person has."""
        login = super().login(USER, "job")
        self.refused("denied.profile", lambda: login.prove(f.sshsig(self.ssh, login.text())),
                     kind="publicKey")
        self.elsewhere()
        flow = self.peer().flow(s.PASSWORD, USER, "job")
        self.refused("denied.profile", lambda: s.answer(flow, instance.SECRET), kind="password")
        for method, call in ((0, (USER + "2", s.w.Ptrs(["job"]), b"x" * 20)),
                             (12, ("job2", s.w.Ptrs(["operator"])))):
            try:
                self.target.admin_call(method, *call)
            except s.Refused:
                continue
            raise Failed(f"an account of both kinds: {call}")
        return "sessiond"

    def profile_of_others(self):
        login = self.login(profile="weekly")
        return self.refused("denied.profile",
                            lambda: login.prove(self.key.token(claims(login))))

    def a_persons_way(self):
        """A program's account by a password, by an SSH key, by a certificate for it."""
        flow = self.peer().flow(s.PASSWORD, JOB, "job")
        self.refused("denied.credentials", lambda: s.answer(flow, instance.SECRET), kind="password")
        self.elsewhere()
        login = super().login(JOB, "job")
        blob = f.Certificate(self.ssh, self.target.office, principals=[JOB.encode()]).blob()
        layer = self.refused("denied.profile",
                             lambda: login.prove(f.sshsig(self.ssh, login.text(), blob)),
                             kind="publicKey")
        for method, more in ((3, self.ssh.line), (5, b"a new password")):
            try:
                self.target.admin_call(method, JOB, more)
            except s.Refused:
                continue
            raise Failed("a program has got a person's credential")
        return layer

    # ---- another nonce, another channel

    def other_nonce(self):
        self.lie(nonce=bytes(32))
        self.lie(client_nonce=b"mine")
        self.lie(profile=b"nightly")
        for nonce in ("", None, "x", 7, ["a"], {}, True):
            layer = self.says("for another login", nonce=nonce)
        return layer

    def nonce_elsewhere(self):
        """The right one, in another form."""
        for form in (lambda n: n + "=", lambda n: [n], lambda n: n + "\0", str.lower,
                     lambda n: n.replace("-", "+").replace("_", "/") + " "):
            why = FORM if form("x") == "x\0" else "for another login"
            layer = self.forged(why, lambda k, good, g=form: k.token(
                {**good, "nonce": g(good["nonce"])}))
        return layer

    def other_transport(self):
        self.lie(transport=b"plain", channel=b"", key_hash=b"")
        return self.lie(transport=b"tls-key", channel=b"")

    def middle_own_key(self):
        return self.between(None, "for somebody else")

    def server_key_where_it_may_not(self):
        login = self.login(binding=SERVER_KEY)
        return self.refused("denied.profile",
                            lambda: login.prove(self.key.token(claims(login))))

    # ---- for whom, until when

    def other_audience(self):
        """Another instance, another form of this one, this one among others."""
        other = "sha256:" + j.b64(bytes(32))
        for audience in (other, "capos", None, "", [], 7, {}, [other], "https://example.org"):
            layer = self.says("for somebody else", aud=audience)
        for change in (lambda a: [a, other], lambda a: a + "=", lambda a: a.lower(),
                       lambda a: [[a]], lambda a: [a, 7], lambda a: a.removeprefix("sha256:")):
            self.forged("for somebody else", lambda k, good, g=change: k.token(
                {**good, "aud": g(good["aud"])}))
        self.says("for somebody else", azp="somebody")
        login = self.login(peer=self.peer("plain"))
        self.wrong(login, self.key.token(claims(login, aud=other)), "for somebody else")
        return layer

    def expired(self):
        now = int(time.time())
        for until in (now - SKEW_S - 5, 0, -1, None, "9999999999", [now + 60], True, 1e300, -1e300):
            layer = self.says("expired", exp=until)
        return layer

    def too_long(self):
        now = int(time.time())
        for until in (now + LIFE_S + SKEW_S + 60, now + 86400, 9e14):
            layer = self.says("good for too long", exp=until)
        return layer

    def not_yet(self):
        later = int(time.time()) + SKEW_S + 60
        for lie in ({"nbf": later}, {"iat": later}, {"nbf": "0"}, {"iat": []}, {"nbf": 1e300}):
            layer = self.says("not valid yet", **lie)
        return layer

    # ---- by which algorithm

    def none(self):
        """`none`, in all that it is written by, with a signature and without."""
        for name in ("none", "None", "NONE", "nOnE", "", None, 7, []):
            header = {"alg": name, "kid": self.key.kid}
            self.forged("an algorithm", lambda k, good, h=header: k.token(good, h))
            layer = self.forged(UNKNOWN, lambda k, good, h=header: k.token(
                good, h, lambda _: b""))
        return self.forged("an algorithm", lambda k, good: k.token(good, {"kid": k.kid})) and layer

    def by_public_key(self):
        """HS256, by what everybody knows."""
        for key in self.keys.values():
            for secret in (key.pem.encode(), json.dumps(key.jwk).encode(), b""):
                layer = self.forged("an algorithm", lambda k, good, x=secret: k.token(
                    good, {"alg": "HS256", "kid": k.kid}, j.by_secret(x)), [key])
        return layer

    def other_algorithm(self):
        """Each key by the names of the others, and of what nobody takes."""
        strange = ("RS1", "RS384", "RS512", "ES512", "ES256K", "Ed448", "es256")
        for why, names in ((KEYLESS, j.ALGORITHMS), (UNKNOWN, strange)):
            for key in self.keys.values():
                for name in names:
                    if name != key.algorithm:
                        layer = self.forged(why, lambda k, good, n=name: k.token(
                            good, alg=n, sign=lambda text: k.raw(text, n)), [key])
        return layer

    def other_form(self):
        """DER, zeros, one byte more or less."""
        self.forged("not signed", lambda k, good: k.token(good, sign=k.der))
        for change in (lambda v: bytes(len(v)), lambda v: v[:-1], lambda v: v + b"\0",
                       lambda v: v + v, lambda v: v[::-1]):
            layer = self.forged("not signed", lambda k, good, g=change: k.token(
                good, sign=lambda text: g(k.raw(text))), self.keys.values())
        return layer

    # ---- by which key

    def other_key_id(self):
        own = self.key.kid
        for why, kids in ((NO_KEY, ("unknown", "", self.others.kid, own.lower(), "../" + own)),
                          (KEYLESS, (None, 7, "x" * 129, self.keys["ES384"].kid)),
                          (FORM, (own + "\0",))):
            for kid in kids:
                layer = self.forged(why, lambda k, good, x=kid: k.token(
                    good, {"alg": k.algorithm, "kid": x}))
        return self.forged(KEYLESS, lambda k, good: k.token(
            good, {"alg": k.algorithm})) and layer

    def brings_a_key(self):
        """In its header, or where to fetch one; and what must be understood and is not."""
        stray = self.stray
        for more in ({"jwk": stray.jwk}, {"jku": "https://example.org/jwks"}, {"x5u": "https://x"},
                     {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"zip": "DEF"},
                     {"enc": "A128GCM"}):
            layer = self.forged("its header wants", lambda k, good, m=more: stray.token(
                good, {"alg": stray.algorithm, "kid": k.kid, **m}))
            self.forged("its header wants", lambda k, good, m=more: k.token(good, **m))
        return layer

    def weak_key(self):
        """One that is no secret, which somebody has an administrator register."""
        for jwk in j.WEAK:
            try:
                self.target.admin_call(13, JOB, json.dumps({**jwk, "kid": "weak"}), "")
            except s.Refused as e:
                if "by which anybody can sign" not in str(e):
                    raise
                continue
            raise Failed(f"{jwk} is registered")
        return self.forged("the issuer has no such key", lambda k, good: k.token(
            good, {"alg": "EdDSA", "kid": "weak"}, j.by_nobody))

    def other_type(self):
        for kind in ("logout+jwt", "at+jwt", "JWE", "", 7, "dpop+jwt", "secevent+jwt"):
            layer = self.forged("a token for something else",
                                lambda k, good, t=kind: k.token(good, typ=t))
        return layer

    # ---- written by hand

    def twice(self):
        """A name that is there twice, of which one reader may take the first and one the last."""
        def head(k):
            return json.dumps({"alg": k.algorithm, "kid": k.kid})
        for more in ('"alg": "none", ', '"kid": "x", ', '"a": 1, "a": 2, '):
            self.forged(FORM, lambda k, good, m=more: k.token(good, "{" + m + head(k)[1:]))
        for name in ("iss", "sub", "aud", "exp", "nonce"):
            layer = self.forged(FORM, lambda k, good, n=name: k.token(
                "{" + json.dumps(n) + ": " + json.dumps(good[n]) + ", " + json.dumps(good)[1:]))
        return layer

    def no_json(self):
        for text in ("", "{", "[]", "7", "null", '"x"', "{} {}", "{'a': 1}", "\ufeff{}", "{\"a\": 1,}",
                     "[" * 2000 + "]" * 2000, '{"a": ' * 500 + "1" + "}" * 500, '{"a": "\\u0000"}',
                     '{"a": NaN}', '{"a": 1e999}', b'{"a": "\xff"}'):
            self.forged(FORM, lambda k, good, t=text: k.token(t))
            layer = self.forged(FORM, lambda k, good, t=text: k.token(good, t))
        return layer

    def not_encoded(self):
        """Padding, the other alphabet, stray bits, white space, parts that are missing or more."""
        def bits(token):
            letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            return token[:-1] + letters[letters.index(token[-1:]) + 1:][:1]
        for change in (lambda t: t + b"=", lambda t: t + b"==", lambda t: t + b"\n", lambda t: b" " + t,
                       lambda t: t + b".", lambda t: t + b".e30", lambda t: t.replace(b".", b"", 1),
                       lambda t: t.replace(b".", b"..", 1), lambda t: b"." + t, bits,
                       lambda t: t[:20] + b"\0" + t[20:], lambda t: t[:20] + b"+" + t[21:],
                       lambda t: t[:t.rindex(b".")], lambda t: b"..", lambda t: b"." * 1000,
                       lambda t: t[:40]):
            layer = self.forged(FORM, lambda k, good, g=change: g(k.token(good)))
        return self.forged(UNSIGNED, lambda k, good: k.token(good, sign=lambda _: b"")) and layer

    def too_large(self):
        self.forged("", lambda k, good: k.token({**good, "x": "x" * 12200}))
        for size in (13000, 45000):
            login = self.login()
            layer = self.refused("denied.credentials", lambda x=login, n=size: x.prove(
                self.key.token({**claims(x), "x": "x" * n})), "sessiond")
            self.elsewhere()
        return layer

    def changed(self):
        """A letter of each part, at many places: of the signature, but for its last letter, and of
        what is signed."""
        def turn(token, at):
            letter = b"B" if token[at:at + 1] == b"A" else b"A"
            return token[:at] + letter + token[at + 1:]
        for of_signature, why in ((True, UNSIGNED), (False, CHANGED)):
            for key in self.keys.values():
                for n in range(10):
                    def change(k, good, of=of_signature, n=n):
                        token = k.token(good)
                        begin, end = ((token.rindex(b".") + 1, len(token) - 1) if of else
                                      (0, token.rindex(b".")))
                        return turn(token, begin + (end - begin) * n // 10)
                    layer = self.forged(why, change, [key])
        return layer

    # ---- renewal

    def session(self):
        """(login, session); the login's nonce is the renewal's now."""
        login, _, session = self.good()
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        return login, session

    @staticmethod
    def renew(session, proof):
        return session.call(2, Struct(struct.pack("<Q", 60000), [proof])).ref(0, s.SESSION)

    def not_renewed(self, session, proof, why, code="denied.credentials", **wanted):
        layer = self.refused(code, lambda: self.renew(session, proof), why=why, **wanted)
        if s.text(session.call(0).content.ptr(0).ptr(1)) != JOB:
            raise Failed("the session has not stayed")
        self.elsewhere()
        return layer

    def renewal(self):
        login, session = self.session()
        return self.let_in(self.renew(session, self.keys["EdDSA"].token(claims(login))), JOB)

    def renewal_replayed(self):
        login, session = self.session()
        proof = self.key.token(claims(login))
        return self.not_renewed(self.renew(session, proof), proof, "renewal: for another login")

    def renewal_by_login(self):
        _, proof, session = self.good()
        return self.not_renewed(session, proof, "renewal: for another login")

    def renewal_of_another_session(self):
        first, _ = self.session()
        _, session = self.session()
        return self.not_renewed(session, self.key.token(claims(first)),
                                "renewal: for another login")


NAMES = ("honest", "rotation", "key_removed", "same_flow", "flow_beside", "flow_after",
         "other_connection", "not_asked", "other_account", "others_key", "a_persons_account",
         "a_persons_profile", "a_programs_profile", "profile_of_others", "a_persons_way",
         "other_nonce", "nonce_elsewhere", "other_exporter", "other_transport", "middle_own_key",
         "middle_stolen_key", "server_key_where_it_may_not", "other_audience", "expired", "too_long",
         "not_yet", "none", "by_public_key", "other_algorithm", "other_form", "other_key_id",
         "brings_a_key", "other_type", "twice", "no_json", "not_encoded", "too_large", "changed",
         "renewal", "renewal_replayed", "renewal_by_login", "renewal_of_another_session",
         "weak_key")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "SA", Cases, NAMES, Target))
