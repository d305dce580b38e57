#!/usr/bin/env python3
"""cheats-access: who logs in by an access token that is used up, for others, or no access token.

Why: such a token is bound to no connection: whoever has it, has it. So what is left is whom it is for,
that it is good once and for profiles that say so, and that no other token of the same provider, which
its key signs as well, passes for one. Everything of cheats-assertion that is about a token's form is
judged by the same code; here is what only access tokens have.
"""
import contextlib
import importlib
import os
import sqlite3
import sys
import time

import cheatlib as c
import instance
import oplib
import sessionlib as s
import tokens as j
from cheatlib import USER
from sessionlib import Failed

assertion = importlib.import_module("cheats-assertion")
oidc = importlib.import_module("cheats-oidc")

SCRIPT = "attack-cheats-access"
SERVICE, BROWSER = 8, oidc.BROWSER
API = "capos-api"
STRANGE = "of another issuer"


class Target(oidc.Target):
    """Takes access tokens of the first provider; the second's are for logins of people alone. `ci` may
    be `job`, which is bound, and `night`, which is not."""

    def __init__(self, ways=""):
        super().__init__(ways, more=[instance.profile("night", ["session", "system_info"]).replace(
            "lease", "service = true, unbound = true, lease", 1)])

    def issuer(self, name, provider, rules):
        if name == "op":
            rules = ('(claims = [(name = "client_id", value = "ci")], account = "ci"), '
                     f'(claims = [(name = "client_id", value = "person")], account = "{USER}"), '
                     '(claims = [(name = "client_id", value = "new")], create = true, '
                     'profile = "lounge"), ' + rules)
        text = super().issuer(name, provider, rules)
        return text.replace("loopback", f'audience = "{API}", loopback', 1) if name == "op" else text


class Cases(c.Cheats):
    def __init__(self, target):
        super().__init__(target, "serviceCredential")
        self.op, self.evil = target.op, target.evil
        target.account(USER, profiles=("operator", "lounge"), password=instance.SECRET)
        self.program = j.Key("ES256", "cis-own")
        self.op.others = [{**jwk, "kid": f"weak {i}"} for i, jwk in enumerate(j.WEAK)]
        for name in ("ci", "other"):
            target.admin_call(12, name, s.w.Ptrs(["job", "night"]))
        target.admin_call(13, "ci", j.json.dumps(self.program.jwk), "")

    def claims(self, **lies):
        now = int(time.time())
        said = {"iss": self.op.url, "sub": "the runner", "aud": API, "client_id": "ci",
                "exp": now + 600, "iat": now, "jti": os.urandom(8).hex(), **lies}
        return {k: v for k, v in said.items() if v is not None}

    def key(self, provider=None):
        """A provider's own, for tokens that are made here."""
        return (provider or self.op).key

    def token(self, **lies):
        return self.key().token(self.claims(**lies), typ="at+jwt")

    def login(self, token, account="", profile="night", peer=None, session=None):
        """All of it; the session."""
        login = c.Login(peer or self.peer(), account, profile, SERVICE, session=session).ask()
        return login.prove(token)

    def wrong(self, why, token, code="denied.credentials", layer=None, **how):
        """Refused; the record says why."""
        layer = self.refused(code, lambda: self.login(token, **how), layer)
        found = self.recorded(code)[-1].get("detail", "")
        if why not in found:
            raise Failed(f"{why!r} is not in {found!r}")
        self.elsewhere()
        return layer

    # ---- who may

    def honest(self):
        for over in ("tls", "plain", "unix"):
            session = self.login(self.token(), peer=self.peer(over))
            layer = self.let_in(session, "ci")
            self.recorded("ok", "op, access token of the runner", transport=over)
            session.call(3)
        return layer

    def ends_with_it(self):
        ends = int(time.time()) + 100
        session = self.login(self.token(exp=ends))
        if session.call(0).content.ptr(0).uint(64, 64) // 1000 > ends:
            raise Failed("the session outlives it")
        return "nobody"

    # ---- a second time

    def again(self):
        """On another connection, on another transport, after the logout."""
        token = self.token()
        session = self.login(token)
        for over in ("tls", "plain"):
            layer = self.wrong("a second time", token, layer="sessiond",
                               peer=self.peer(over))
        session.call(3)
        return self.wrong("a second time", token, layer="sessiond") and layer

    def same_flow(self):
        login = c.Login(self.peer(), "", "night", SERVICE).ask()
        token = self.token()
        login.prove(token)
        return self.refused("denied.flow", lambda: login.prove(token), kind=None)

    def at_once(self):
        """Two flows of two connections, neither of which has an answer yet."""
        token = self.token()
        logins = [c.Login(self.peer(), "", "night", SERVICE).ask() for _ in range(2)]
        asked = [x.flow.send(0, s.Struct(b"", [token])) for x in logins]
        got = []
        for login, question in zip(logins, asked):
            try:
                login.peer.wait(question)
                got.append("in")
            except s.Refused as e:
                got.append(e.code)
        if sorted(got) != ["denied.credentials", "in"]:
            raise Failed(f"{got}")
        return "sessiond"

    def in_another_form(self):
        """With anything about it, it is none."""
        token = self.token()
        for change in (lambda t: t + b"=", lambda t: t + b"\n", lambda t: b"Bearer " + t):
            layer = self.wrong("", change(token))
        return layer

    def other_signature(self):
        """As good as its own, by who has no key, and one that the provider has made anew."""
        token = self.token()
        self.login(token)
        text, _, own = token.rpartition(b".")
        for other in (j.other_half(j.decoded(own)), self.key().raw(text)):
            layer = self.wrong("a second time", text + b"." + j.b64(other).encode(), layer="sessiond")
        return layer

    def not_remembered(self):
        """Somebody keeps the store busy: that is no second time, and uses nothing up."""
        token = self.token()
        with contextlib.closing(sqlite3.connect(self.target.state + "/accounts.db")) as store:
            store.isolation_level = None
            store.execute("BEGIN IMMEDIATE")
            layer = self.wrong("the store has failed", token, "over-quota.disk", layer="sessiond")
            store.execute("ROLLBACK")
        self.let_in(self.login(token), "ci")
        return layer

    def not_known(self):
        """The store cannot say whose it is, or which profiles that has: no word of that to him."""
        token = self.token()
        with contextlib.closing(sqlite3.connect(self.target.state + "/accounts.db")) as store:
            for table in ("identity", "profile"):
                store.execute(f"ALTER TABLE {table} RENAME TO gone")
                layer = self.wrong("the store has failed", token, "over-quota.disk",
                                   layer="sessiond")
                store.execute(f"ALTER TABLE gone RENAME TO {table}")
        self.let_in(self.login(token), "ci")
        return layer

    # ---- where it may not

    def bound_profile(self):
        """It is not used up by a mistake."""
        token = self.token()
        layer = self.wrong("", token, "denied.profile", profile="job")
        self.let_in(self.login(token), "ci")
        return layer

    def a_persons(self):
        """By a rule for people: their accounts take no program's token, whatever they ask for."""
        for profile in ("", "operator", "lounge", "night"):
            layer = self.wrong("", self.token(client_id="person", sub="a person"), "denied.profile",
                               profile=profile)
        return layer

    def made_for_it(self):
        """A rule that makes accounts makes people's, of logins of people."""
        layer = self.wrong("", self.token(client_id="new", sub="new"), layer="sessiond")
        if b"account-add" in str(self.target.records(self.begin)).encode():
            raise Failed("an account was made")
        return layer

    def other_account(self):
        return self.wrong("it is ci's", self.token(), layer="sessiond", account="other")

    def nobodys(self):
        for client in ("nobody", "CI", "ci ", ["x"], {"ci": 1}, None):
            layer = self.wrong("access token of a stranger",
                               self.token(client_id=client, sub="a stranger"), layer="sessiond")
        return layer

    # ---- for whom

    def other_audience(self):
        """Another service, the client's own id, nobody."""
        for audience in (oplib.CLIENT, "another", [], None, [oplib.CLIENT, "x"], API.upper(), API + "/"):
            layer = self.wrong("for somebody else", self.token(aud=audience))
        return layer

    def id_token(self):
        """What the same provider has said to a browser is no access token, nor the reverse."""
        self.op.claims = {"groups": "admins", "client_id": "ci", "at_hash": None}
        layer = self.wrong("for somebody else", self.op.tokens(None)["id_token"].encode())
        self.op.claims = {"groups": "admins", "client_id": "ci", "aud": API}
        flow = oidc.Cases.start(self.peer(), BROWSER)
        query = self.op.browse(oidc.Cases.url(flow))
        self.refused("denied.credentials", lambda: s.answer(flow, query),
                     kind="oidcAuthorizationCodePkce")
        return layer

    def other_type(self):
        for kind in ("logout+jwt", "dpop+jwt", "secevent+jwt", ""):
            layer = self.wrong("a token for something else",
                               self.key().token(self.claims(), typ=kind))
        return layer

    def other_issuer(self):
        """The provider whose access tokens are not taken, in its own name and in the other's."""
        evil = self.key(self.evil)
        self.wrong(STRANGE, evil.token(self.claims(iss=self.evil.url)))
        self.wrong(STRANGE, self.token(iss="https://op.example"))
        self.wrong("the issuer has no such key", evil.token(self.claims()))
        return self.wrong("not signed", evil.token(self.claims(), kid=self.op.key.kid))

    def weak_key(self):
        """By whoever has seen that the provider has such a key; its good ones are good all the same."""
        for i, (name, sign) in ((0, ("EdDSA", j.by_nobody)), (3, ("EdDSA", j.by_nobody)),
                                (len(j.WEAK) - 1, ("RS256", j.by_one))):
            layer = self.wrong("it names no key", self.key().token(
                self.claims(), {"alg": name, "kid": f"weak {i}"}, sign))
        self.let_in(self.login(self.token()), "ci")
        return layer

    def by_itself(self):
        """ci's own key signs what only the provider may say."""
        self.wrong("the issuer has no such key", self.program.token(self.claims()))
        return self.wrong("not signed", self.program.token(self.claims(), kid=self.op.key.kid))

    def other_time(self):
        now = int(time.time())
        for lies, why in (({"exp": now - 120}, "expired"), ({"exp": None}, "expired"),
                          ({"exp": "9999999999"}, "expired"), ({"nbf": now + 600}, "not valid yet"),
                          ({"iat": now + 600}, "not valid yet")):
            layer = self.wrong(why, self.token(**lies))
        return layer

    def too_long(self):
        """What has to be remembered for long; a day is taken."""
        now = int(time.time())
        for until in (now + 86400 + 120, now + 10 * 365 * 86400, 9e14):
            layer = self.wrong("good for too long", self.token(exp=until))
        self.let_in(self.login(self.token(exp=now + 86400)), "ci")
        return layer

    def other_algorithm(self):
        for name in ("none", "HS256", "RS256"):
            layer = self.wrong("", self.key().token(
                self.claims(), {"alg": name, "kid": self.op.key.kid, "typ": "at+jwt"},
                j.by_secret(oplib.SECRET.encode())))
        return layer

    # ---- renewal

    def renewal(self):
        """By a fresh one; the session's own is used."""
        token = self.token()
        session = self.login(token)
        peer = session.peer
        self.refused("denied.credentials",
                     lambda: self.login(token, "ci", "night", peer, session), "sessiond")
        self.elsewhere()
        return self.let_in(self.login(self.token(), "ci", "night", peer, session), "ci")

    def renewal_by_another(self):
        """Another identity of the same account; its token is good for a login afterwards."""
        session, token = self.login(self.token()), self.token(sub="another")
        layer = self.refused("denied.credentials", lambda: self.login(
            token, "ci", "night", session.peer, session), "sessiond")
        self.let_in(self.login(token), "ci")
        return layer

    def renewal_by_less(self):
        """A token, after an assertion that its key has signed for this channel."""
        login = c.Login(self.peer(), "ci", "night", SERVICE).ask()
        session = login.prove(self.program.token(assertion.claims(login)))
        return self.refused("denied.credentials", lambda: self.login(
            self.token(), "ci", "night", login.peer, session), "sessiond", says="something else")


NAMES = ("honest", "ends_with_it", "again", "same_flow", "at_once", "in_another_form",
         "bound_profile", "a_persons", "made_for_it", "other_account", "nobodys", "other_audience",
         "id_token", "other_type", "other_issuer", "by_itself", "other_time", "other_algorithm",
         "renewal", "renewal_by_another", "renewal_by_less", "other_signature",
         "not_remembered", "too_long", "weak_key", "not_known")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "AT", Cases, NAMES, Target))
