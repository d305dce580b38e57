#!/usr/bin/env python3
"""cheats-oidc: who logs in by an identity provider as somebody else, or by what others were told.

Why: between a person's yes and a session lie a browser, a code, a token and two parties that do not
trust each other's networks. Whoever gets hold of one of these, or makes a provider say it, must gain
nothing; nor must a provider that is wrong, or another one that is right about its own people. The
provider is a stand-in that says what a try wants (test/e2e/oplib.py).
"""
import hashlib
import os
import sys
import tempfile
import time
import urllib.parse

import cheatlib as c
import instance
import oplib
import sessionlib as s
import tokens as j
from cheatlib import OTHER, TWIN, USER
from sessionlib import Failed, Struct

SCRIPT = "attack-cheats-oidc"
DEVICE, BROWSER = 2, 3
REDIRECT = "http://127.0.0.1:9/callback"
TRIES, FREE = 60, 20  # of logins in a row; that come to nothing before there is a wait


class Target(c.Target):
    """Believes two providers, the second for eve alone; who comes by a code for a device may be in
    `lounge`."""

    def __init__(self, ways="", more=()):
        self.place = tempfile.TemporaryDirectory(prefix="capos-op-")
        self.op, self.evil = oplib.Provider(), oplib.Provider()
        issuers = self.issuer("op", self.op, f'''
            (claims = [(name = "groups", value = "admins")], account = "{USER}"),
            (claims = [(name = "groups", value = "people")], create = true, profile = "lounge")''')
        issuers += ", " + self.issuer("evil", self.evil, f'''
            (claims = [(name = "groups", value = "admins")], account = "{OTHER}")''')
        lounge, job = (instance.profile(n, ["session", "system_info"]).replace(
            "lease", f"{flag} = true, lease", 1) for n, flag in (("lounge", "unbound"),
                                                                     ("job", "service")))
        super().__init__(ways=f"oidc = [{issuers}], {ways}", others=[lounge, job, *more])

    def issuer(self, name, provider, rules):
        secret = os.path.join(self.place.name, name)
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write(oplib.SECRET + "\n")
        return (f'(name = "{name}", issuer = "{provider.url}", clientId = "{oplib.CLIENT}", '
                f'clientSecretFile = "{secret}", loopback = true, rules = [{rules}])')

    def __exit__(self, *error):
        super().__exit__(*error)
        for provider in (self.op, self.evil):
            provider.stop()
        self.place.cleanup()


class Cases(c.Cheats):
    """carol is whoever is an admin at the first provider, eve at the second; dave has a password."""

    def __init__(self, target):
        super().__init__(target, "oidcAuthorizationCodePkce")
        self.op, self.evil = target.op, target.evil
        for name in (USER, TWIN, OTHER):
            target.account(name, profiles=("operator", "robot", "loose", "lounge"),
                           password=instance.SECRET)

    def tried(self, function):
        """With providers that are honest again."""
        def run():
            for provider in (self.op, self.evil):
                provider.claims = {"groups": "admins", "sub": "carol at op"}
                provider.approved, provider.head = True, {}
                provider.description.clear()
                provider.answers.clear()
            return function()
        return super().tried(run)

    # ---- a login

    @staticmethod
    def start(peer, kind=BROWSER, account=None, profile=None, issuer=None, on=None):
        start = s.auth_start(kind, account, profile)
        start.ptrs[0].ptrs[0] = Struct(b"", [account, issuer])
        return (on or peer.first).call(4 if on else 1, start).ref(0, s.FLOW)

    @staticmethod
    def url(flow, redirect=REDIRECT):
        return s.text(s.answer(flow, redirect).content.ptr(0).ptr(1))

    def browse(self, flow, provider=None, **changes):
        """All of it, by a person who says yes."""
        return self.finish(flow, (provider or self.op).browse(self.url(flow), **changes))

    @staticmethod
    def finish(flow, query):
        return s.answer(flow, query).ref(1, s.SESSION)

    def refuses(self, why, call, code="denied.credentials", layer=None, kind=None):
        """The record says why; the next try comes from elsewhere."""
        kind = kind or self.kind
        layer = self.refused(code, call, layer, kind=kind)
        found = self.recorded(code, kind=kind)[-1].get("detail", "")
        if why not in found:
            raise Failed(f"{why!r} is not in {found!r}")
        self.elsewhere()
        return layer

    def cheat(self, why, provider=None, changes=None, **how):
        """A login of which something is wrong."""
        flow = self.start(self.peer(), **how)
        return self.refuses(why, lambda: self.browse(flow, provider, **changes or {}))

    # ---- what the provider says

    def said(self, why, **claims):
        """An ID token with other claims; None: not there."""
        self.op.claims = {"groups": "admins", "sub": "carol at op", **claims}
        return self.cheat(why)

    def token(self, why, make):
        """Another ID token altogether: make(the claims of a good one)."""
        def answer(handler, form):
            code = self.op.codes.pop(form.get("code"))
            now = int(time.time())
            claims = {"iss": self.op.url, "sub": "carol at op", "aud": oplib.CLIENT, "exp": now + 600,
                      "iat": now, "nonce": code["nonce"], "groups": "admins"}
            token = make(claims)
            handler.answer(200, {"access_token": "x", "token_type": "Bearer", "expires_in": 600,
                                 "id_token": token if isinstance(token, str) else token.decode()})
        self.op.answers["/token"] = answer
        return self.cheat(why)

    def key(self):
        """The provider's own, for tokens that are made here."""
        return self.op.key

    # ---- who may

    def honest(self):
        return self.let_in(self.browse(self.start(self.peer())), USER)

    def other_provider(self):
        self.evil.claims = {"groups": "admins", "sub": "eve"}
        flow = self.start(self.peer(), issuer="evil")
        return self.let_in(self.browse(flow, self.evil), OTHER)

    def made(self):
        """Whoever the rule says gets an account of his own, and the same one again."""
        self.op.claims = {"groups": ["people"], "sub": "somebody new"}
        names = set()
        for _ in range(2):
            session = self.browse(self.start(self.peer()))
            names.add(s.text(session.call(0).content.ptr(0).ptr(1)))
            session.call(3)
        if len(names) != 1 or not names.pop().startswith("op-"):
            raise Failed(f"it is {names}")
        return "nobody"

    # ---- replays, of what a browser brings

    def same_flow(self):
        flow = self.start(self.peer())
        query = self.op.browse(self.url(flow))
        self.finish(flow, query)
        return self.refused("denied.flow", lambda: self.finish(flow, query), kind=None)

    def other_flow(self):
        """On the same connection, and on another one: it is of another login."""
        flow = self.start(self.peer())
        query = self.op.browse(self.url(flow))
        for peer in (flow.peer, self.peer()):
            other = self.start(peer)
            self.url(other)
            layer = self.refuses("of another login (state)", lambda x=other: self.finish(x, query),
                                 layer="sessiond")
        return layer

    def state_rewritten(self):
        """A code that somebody else has got, under one's own state: the verifier is another's."""
        victim, own = self.start(self.peer()), self.start(self.peer())
        self.swap(victim, own)
        return self.refuses("invalid_grant", lambda: self.finish(own, self.swapped), layer="provider")

    def swap(self, victim, own):
        state = urllib.parse.parse_qs(urllib.parse.urlsplit(self.url(own)).query)["state"][0]
        self.swapped = self.op.browse(self.url(victim), state=state)

    def without_pkce(self):
        """The same, at a provider that looks at no verifier: the token is for another login."""
        def answer(handler, form):
            handler.answer(200, self.op.tokens(self.op.codes.pop(form["code"])["nonce"]))
        self.op.answers["/token"] = answer
        victim, own = self.start(self.peer()), self.start(self.peer())
        self.swap(victim, own)
        return self.refuses("for another login", lambda: self.finish(own, self.swapped))

    def state_guessed(self):
        for changes in ({"state": "x" * 43}, {"state": None}, {"state": ""}):
            layer = self.cheat("of another login (state)", changes=changes)
        return "sessiond" if layer else None

    def mixed_up(self):
        """The redirect is another provider's, or says nobody's name."""
        for issuer in (self.evil.url, self.op.url + "/", None, ""):
            layer = self.cheat("of another identity provider (iss)", changes={"iss": issuer})
        return "sessiond" if layer else None

    def elsewhere_redirected(self):
        """The code goes to this machine's browser, and nowhere else."""
        for uri in ("https://example.org/", "http://localhost:1/", "http://127.0.0.1.example.org/",
                    "http://127.0.0.1@example.org/", "http://[::1", "javascript:alert(1)",
                    "http://127.0.0.1:1/\0x", "http://127.0.0.1:1/ x", "http://0.0.0.0:1/",
                    "http://127.0.0.1:1/#x", "x" * 5000):
            flow = self.start(self.peer())
            layer = self.refuses("", lambda x=flow, u=uri: self.url(x, u), layer="sessiond")
        return layer

    def flow_of_another(self):
        """A number of one connection is nothing on another, which ends."""
        flow = self.start(self.peer())
        query = self.op.browse(self.url(flow))
        try:
            s.answer(s.Ref(self.peer(), flow.number, s.FLOW), query)
        except (s.Refused, Failed, s.Closed) as e:
            if isinstance(e, s.Refused) and e.code.startswith("denied."):
                raise Failed(f"it is known there: {e}") from e
            return "vat"
        raise Failed("it got through")

    # ---- another channel, and who ends TLS on both sides

    @staticmethod
    def asked(peer):
        """A login that waits for a browser, and the URL for it."""
        login = c.Login(peer, "", kind=BROWSER)
        step = s.answer(login.flow, REDIRECT).content.ptr(0)
        login.nonce = step.ptr(3)
        return login, s.text(step.ptr(1))

    @staticmethod
    def nonce(login, **lies):
        return j.b64(hashlib.sha256(login.text(**lies)).digest())

    @staticmethod
    def renonced(url, nonce):
        """The page's URL with another nonce in it, and what it had."""
        own = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["nonce"][0]
        return url.replace(urllib.parse.urlencode({"nonce": own}),
                           urllib.parse.urlencode({"nonce": nonce})), own

    def other_channel(self):
        """A token for the right login, and the exporter of another connection, or one field else."""
        for lie in ({"channel": self.peer().exporter}, {"channel": b""}, {"key_hash": bytes(32)},
                    {"transport": b"plain", "channel": b"", "key_hash": b""},
                    {"transport": b"tls-key", "channel": b""}, {"nonce": bytes(32)},
                    {"client_nonce": b"mine"}, {"account": TWIN.encode()}, {"profile": b"loose"}):
            login, url = self.asked(self.peer())
            changed, own = self.renonced(url, self.nonce(login, **lie))
            if own != self.nonce(login):
                raise Failed("the page is asked for another nonce than the login's")
            layer = self.refuses("for another login",
                                 lambda x=login, u=changed: self.finish(x.flow, self.op.browse(u)))
        return layer

    def between(self, identity):
        """A browser's login, through somebody who writes into the URL what its user expects: without
        that the user's own client opens no page. What the provider signs is for their channel."""
        with self.middle(identity) as middle:
            login, url = self.asked(self.peer(address=middle.address))
            changed, theirs = self.renonced(url, self.nonce(login))
            if theirs == self.nonce(login):
                raise Failed("both channels have the same nonce")
            query = self.op.browse(changed)
            layer = self.refuses("for another login", lambda: self.finish(login.flow, query))
            if query.encode() not in middle.heard:
                raise Failed("it did not go by him")
        return layer

    def middle_own_key(self):
        return self.between(None)

    def middle_stolen_key(self):
        return self.between(self.target.identity)

    # ---- as somebody else

    def other_account(self):
        return self.cheat(f"it is {USER}'s", account=TWIN) and "sessiond"

    def other_profile(self):
        for profile in ("guest", "job", "anonymous"):
            flow = self.start(self.peer(), profile=profile)
            layer = self.refuses("", lambda x=flow: self.browse(x), "denied.profile")
        return layer

    def nearly_the_rule(self):
        """Claims that a careless comparison takes for the right ones."""
        for groups in ("Admins", "admins ", " admins", "admin", "admins\0", "adminsx", {"admins": 1},
                       {"0": "admins"}, [["admins"]], [{"name": "admins"}], 1, True, None, [], "*",
                       "admins,people"):
            why = "no signed token" if groups == "admins\0" else "op, subject nearly"
            layer = self.said(why, groups=groups, sub="nearly")
        for name in ("Groups", "group", "roles"):
            self.said("op, subject nearly", **{"groups": None, name: "admins", "sub": "nearly"})
        return "sessiond" if layer else None

    def by_mail(self):
        """Whose mail address it is says nothing, nor does a name."""
        for claims in ({"email": "carol@example.org", "email_verified": True},
                       {"preferred_username": USER, "name": USER, "account": USER}):
            layer = self.said("op, subject a stranger", groups="strangers", sub="a stranger", **claims)
        return "sessiond" if layer else None

    def same_subject(self):
        """The other provider has somebody of the same name."""
        self.evil.claims = {"groups": "people", "sub": "carol at op"}
        return self.cheat("evil, subject carol at op", self.evil, issuer="evil") and "sessiond"

    def no_provider(self):
        flow = self.start(self.peer(), issuer="nowhere")
        return self.refuses("", lambda: self.url(flow), "denied.flow")

    # ---- other tokens

    def token_of_the_other(self):
        """The other provider's token where the first one's is expected, in its own name and in the
        first one's."""
        evil = self.evil.key
        self.token("of another issuer", lambda good: evil.token({**good, "iss": self.evil.url}))
        self.token("the issuer has no such key", evil.token)
        return self.token("not signed", lambda good: evil.token(good, kid=self.op.key.kid))

    def other_issuer(self):
        for issuer in ("https://op.example", self.op.url + "/", self.op.url.upper(), None, "", 7):
            layer = self.said("of another issuer", iss=issuer)
        return layer

    def other_audience(self):
        for claims in ({"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": [oplib.CLIENT, "x"]},
                       {"aud": [oplib.CLIENT, "x"], "azp": "x"}, {"azp": "x"}, {"aud": "CAPOS"}):
            layer = self.said("for somebody else", **claims)
        return self.said("no signed token", aud=oplib.CLIENT + "\0") and layer

    def other_nonce(self):
        for nonce in ("x" * 43, None, "", 7, ["x"]):
            layer = self.said("for another login", nonce=nonce)
        return layer

    def other_time(self):
        now = int(time.time())
        for claims, why in (({"exp": now - 120}, "expired"), ({"exp": None}, "expired"),
                            ({"exp": "9999999999"}, "expired"), ({"nbf": now + 600}, "not valid yet"),
                            ({"iat": now + 600}, "not valid yet")):
            layer = self.said(why, **claims)
        return layer

    def other_access_token(self):
        return self.said("for another access token", at_hash="x" * 22)

    def nobody_in_it(self):
        for subject in (None, "", "x" * 256, 7, ["carol at op"]):
            layer = self.said("about nobody", sub=subject)
        return layer

    def none(self):
        for name in ("none", "None", ""):
            self.token("", lambda good, n=name: self.key().token(
                good, {"alg": n, "kid": self.op.key.kid}, lambda _: b""))
        return self.token("an algorithm", lambda good: self.key().token(
            good, {"alg": "none", "kid": self.op.key.kid}))

    def by_secret(self):
        """HS256, by the client's secret, which other clients' logins are signed by, or a public key."""
        for secret in (oplib.SECRET.encode(), self.key().pem.encode(), b""):
            layer = self.token("an algorithm", lambda good, x=secret: self.key().token(
                good, {"alg": "HS256", "kid": self.op.key.kid}, j.by_secret(x)))
        return layer

    def other_key(self):
        stray = j.Key("ES256", "stray")
        self.token("its header wants", lambda good: stray.token(good, jwk=stray.jwk))
        self.token("its header wants", lambda good: stray.token(good, jku="http://127.0.0.1:9/"))
        self.token("it names no key", lambda good: self.key().token(good, {"alg": "ES256"}))
        return self.token("not signed", lambda good: stray.token(good, kid=self.op.key.kid))

    def unknown_keys(self):
        """Any number of ids that nobody has makes the provider be asked for its keys once."""
        before = self.op.count("/jwks")
        for i in range(20):
            layer = self.token("the issuer has no such key", j.Key("ES256", f"stray {i}").token)
        if self.op.count("/jwks") - before > 1:
            raise Failed(f"the keys were fetched {self.op.count('/jwks') - before} times")
        return layer

    def other_type(self):
        for kind in ("logout+jwt", "at+jwt", "dpop+jwt"):
            layer = self.token("a token for something else",
                               lambda good, t=kind: self.key().token(good, typ=t))
        return layer

    def twice(self):
        key = self.key()
        for name in ("sub", "iss", "nonce"):
            layer = self.token("no signed token", lambda good, n=name: key.token(
                "{\"" + n + "\": \"x\", " + j.json.dumps(good)[1:]))
        return layer

    def changed(self):
        def turn(token, at):
            return token[:at] + (b"B" if token[at:at + 1] == b"A" else b"A") + token[at + 1:]
        for at in (3, 40, 130, 200, 260, -60, -5):
            layer = self.token("", lambda good, a=at: turn(self.key().token(good), a % 250))
        return layer

    # ---- a code for a device

    def device(self, profile="lounge", peer=None, account=None):
        flow = self.start(peer or self.peer(), DEVICE, account, profile)
        if s.text(s.answer(flow, "").content.ptr(0).ptr(2)) != "WDJB-MJHT":
            raise Failed("there is no code to be typed")
        return flow

    def device_honest(self):
        session = self.finish(self.device(), "")
        if s.text(session.call(0).content.ptr(0).ptr(2)) != "lounge":
            raise Failed("it is another profile")
        self.recorded("ok", kind="oidcDeviceCode", account=USER, binding="none")
        return "nobody"

    def device_anywhere(self):
        """It is bound to no channel, so it gets no profile that does not say so."""
        session = self.finish(self.device(""), "")  # the first of the account's that will do
        if s.text(session.call(0).content.ptr(0).ptr(2)) != "lounge":
            raise Failed("it got another profile")
        for profile in ("operator", "robot", "loose"):
            flow = self.device(profile)
            layer = self.refuses("", lambda x=flow: self.finish(x, ""), "denied.profile",
                                 kind="oidcDeviceCode")
        return layer

    def device_between(self):
        """Whoever ends TLS on both sides has the session, as the docs say, but never one that demands
        a channel."""
        with self.middle() as middle:
            session = self.finish(self.device("", self.peer(address=middle.address)), "")
            if s.text(session.call(0).content.ptr(0).ptr(2)) != "lounge":
                raise Failed("it got another profile")
            self.recorded("ok", kind="oidcDeviceCode", account=USER, binding="none")
        for profile in ("operator", "robot", "loose"):
            self.elsewhere()
            with self.middle() as middle:
                flow = self.device(profile, self.peer(address=middle.address))
                layer = self.refuses("", lambda x=flow: self.finish(x, ""), "denied.profile",
                                     kind="oidcDeviceCode")
        return layer

    def device_again(self):
        flow = self.device()
        self.finish(flow, "")
        return self.refused("denied.flow", lambda: self.finish(flow, ""), kind=None)

    def device_other_account(self):
        flow = self.device(account=TWIN)
        return self.refuses(f"it is {USER}'s", lambda: self.finish(flow, ""), layer="sessiond",
                            kind="oidcDeviceCode")

    def device_says(self):
        """There is nothing to say: no code, no token."""
        for response in (b"the-device-code", b"WDJB-MJHT", j.Key("ES256", "x").token({"sub": "x"})):
            flow = self.device()
            layer = self.refuses("", lambda x=flow, r=response: self.finish(x, r), layer="sessiond",
                                 kind="oidcDeviceCode")
        return layer

    def device_refused(self):
        for error, code in (("access_denied", "denied.credentials"), ("expired_token", "denied.flow"),
                            ("invalid_grant", "denied.credentials")):
            self.op.answers["/token"] = lambda h, _, e=error: h.answer(400, {"error": e})
            flow = self.device()
            layer = self.refuses("", lambda x=flow: self.finish(x, ""), code, "provider",
                                 "oidcDeviceCode")
        return layer

    def device_of_another(self):
        """A flow of another connection that waits for its code: its number is nothing here."""
        flow = self.device()
        try:
            s.answer(s.Ref(self.peer(), flow.number, s.FLOW), "")
        except (s.Refused, Failed, s.Closed) as e:
            if isinstance(e, s.Refused) and e.code.startswith("denied."):
                raise Failed(f"it is known there: {e}") from e
            return "vat"
        raise Failed("it got through")

    def device_late(self):
        """Whose code is too old, though the provider would still give a token for it; nor is it asked."""
        self.op.answers["/device"] = lambda h, _: h.answer(200, {
            "device_code": "the-device-code", "user_code": "WDJB-MJHT", "interval": 1, "expires_in": 1,
            "verification_uri": f"{self.op.url}/activate"})
        flow, before = self.device(), self.op.count("/token")
        layer = self.refuses("in time", lambda: self.finish(flow, ""), "denied.flow",
                             kind="oidcDeviceCode")
        if self.op.count("/token") != before:
            raise Failed("the provider was asked for a token")
        return layer

    def device_hurried(self):
        """Asking again and again while nobody has said yes: that makes the provider be asked no more
        often, and comes to nothing."""
        asked = []
        def pending(handler, _):
            asked.append(time.monotonic())
            handler.answer(400, {"error": "authorization_pending" if len(asked) < 3 else
                                 "access_denied"})
        self.op.answers["/token"] = pending
        flow = self.device()
        first = flow.send(0, Struct(b"", [b""]))
        others = [flow.send(0, Struct(b"", [b""])) for _ in range(3)]
        for question in others:
            self.refused("denied.flow", lambda q=question: flow.peer.wait(q), audit=False)
        layer = self.refuses("", lambda: flow.peer.wait(first), kind="oidcDeviceCode",
                             layer="sessiond")
        if len(asked) != 3 or min(b - a for a, b in zip(asked, asked[1:])) < 0.9:
            raise Failed(f"the provider was asked at {asked}")
        return layer

    def device_by_another(self):
        """Somebody else says yes: it is his account then, and never the one that was named."""
        self.op.claims = {"groups": ["people"], "sub": "somebody else"}
        flow = self.device(account=USER)
        return self.refuses("it is op-", lambda: self.finish(flow, ""), layer="sessiond",
                            kind="oidcDeviceCode")

    def device_token(self):
        """The token is judged as any."""
        for claims, why in (({"aud": "another"}, "for somebody else"), ({"exp": 1}, "expired"),
                            ({"iss": self.evil.url}, "of another issuer")):
            self.op.claims = {"groups": "admins", "sub": "carol at op", **claims}
            flow = self.device()
            layer = self.refuses(why, lambda x=flow: self.finish(x, ""), kind="oidcDeviceCode")
        return layer

    # ---- what others are asked

    def asked_for_codes(self):
        """Codes that nobody wants: after some the provider is not asked any more, whoever is said
        to want them."""
        before, peer = self.op.count("/device"), self.peer()
        for i in range(TRIES):
            flow = self.start(peer, DEVICE, f"somebody{i}")
            try:
                s.answer(flow, "")
            except s.Refused:
                break
            flow.call(1)
        self.is_bounded("/device", before)
        return self.refused("denied.backoff", lambda: s.answer(self.start(peer, DEVICE), ""),
                            kind="oidcDeviceCode")

    def asked_for_tokens(self):
        """Codes of a browser's that are none."""
        before = self.op.count("/token")
        for _ in range(TRIES):
            flow = self.start(self.peer())
            try:
                state = urllib.parse.parse_qs(urllib.parse.urlsplit(self.url(flow)).query)["state"][0]
                self.finish(flow, urllib.parse.urlencode({"code": "none", "state": state,
                                                          "iss": self.op.url}))
            except s.Refused as e:
                if e.code == "denied.backoff":
                    break
        self.is_bounded("/token", before)
        return self.refused("denied.backoff", lambda: self.url(self.start(self.peer())))

    def pushed_out(self):
        """Whoever waits with a code, and is pushed out by others, is not the one who has to wait then."""
        own = self.source
        for again in range(FREE + 6):
            self.source = own
            peers = [self.peer("plain")]
            flow = self.start(peers[0], DEVICE)
            s.answer(flow, "")
            for number in range(9):
                self.source = f"127.31.{again}.{number + 1}"
                peers.append(self.peer("plain"))
                self.url(self.start(peers[-1]))
            self.refused("over-quota.flows", lambda f=flow: s.answer(f, ""), audit=False)
            for peer in peers:
                peer.close()
        self.source = own
        session = self.finish(self.device(), "")
        self.recorded("ok", kind="oidcDeviceCode", account=USER, binding="none")
        session.call(3)
        return "sessiond"

    def neighbours(self):
        """Others fail from the same address while somebody is at the provider's page."""
        flow = self.start(self.peer())
        query = self.op.browse(self.url(flow))
        self.asked_for_codes()
        return self.let_in(self.finish(flow, query), USER)

    def is_bounded(self, what, before):
        if self.op.count(what) - before > FREE:
            raise Failed(f"the provider was asked {self.op.count(what) - before} times")

    def made_for_nothing(self):
        """No account is made for a login that comes to nothing."""
        self.op.claims = {"groups": ["people"], "sub": "never seen"}
        for how, code in (({"profile": "operator"}, "denied.profile"),
                          ({"account": TWIN}, "denied.credentials")):
            layer = self.refuses("", lambda h=how: self.browse(self.start(self.peer(), **h)), code,
                                 "sessiond")
        if any(r["what"] == "account-add" for r in self.target.records(self.begin)):
            raise Failed("an account was made")
        return layer

    # ---- renewal

    def renewal(self):
        session = self.browse(self.start(self.peer()))
        return self.let_in(self.browse(self.start(session.peer, on=session)), USER)

    def renewal_by_another(self):
        """Another identity that the rule takes for the same account."""
        session = self.browse(self.start(self.peer()))
        self.op.claims = {"groups": "admins", "sub": "another of the admins"}
        flow = self.start(session.peer, on=session)
        return self.refuses("", lambda: self.browse(flow), layer="sessiond")

    def renewal_by_less(self):
        session = self.browse(self.start(self.peer(), profile="lounge"))
        return self.refused("denied.weak-proof",
                            lambda: self.start(session.peer, DEVICE, on=session),
                            kind="oidcDeviceCode")

    def renewal_without_asking(self):
        """By who has somebody's browser, where the provider still knows him: it says that it has asked
        long ago, or does not say when."""
        session = self.browse(self.start(self.peer()))
        for when, why in ((int(time.time()) - 600, "too long ago"), (None, "without auth_time")):
            self.op.claims = {**self.op.claims, "auth_time": when}
            flow = self.start(session.peer, on=session)
            layer = self.refuses(why, lambda f=flow: self.browse(f), layer="prover")
        return layer

    # ---- all places for who waits for a person

    def crowd(self, address, user=lambda n: None):
        """64 flows wait for somebody who never comes; another one comes in all the same, and the
        first of those that had a place is told that it has none any more."""
        own, flows = self.source, []
        for number in range(16):
            self.source, uid = address(number), user(number)
            try:
                if uid:
                    os.seteuid(uid)  # a socket is whose it was when it was made
                peer = self.peer("plain")
            finally:
                if uid:
                    os.seteuid(0)
            for _ in range(4):
                flows.append(self.start(peer))
                self.url(flows[-1])
        self.source = own
        self.let_in(self.browse(self.start(self.peer())), USER)
        return self.refused("over-quota.flows", lambda: self.finish(flows[0], "code=x"))

    def crowd_of_one(self):
        return self.crowd(lambda n: "127.30.0.1")

    def crowd_of_many(self):
        """From sixteen addresses; as the superuser also of eight users, who have all places then."""
        users = (lambda n: 61000 + n // 2) if os.geteuid() == 0 else lambda n: None
        return self.crowd(lambda n: f"127.31.{n}.1", users)

    # ---- where nobody is yet

    def first_of_all(self):
        """An instance without an account lets nobody make himself the first."""
        with Target() as target:
            cases = Cases.__new__(Cases)
            c.Cheats.__init__(cases, target, self.kind)
            cases.op, cases.source = target.op, "127.22.0.1"
            target.op.claims = {"groups": ["people"], "sub": "the first"}
            flow = cases.start(cases.peer())
            layer = cases.refuses("", lambda: cases.browse(flow), layer="sessiond")
            for peer in cases.peers:
                peer.close()
            return layer


NAMES = ("honest", "other_provider", "made", "same_flow", "other_flow", "state_rewritten",
         "without_pkce", "state_guessed", "mixed_up", "elsewhere_redirected", "flow_of_another",
         "other_account", "other_profile", "nearly_the_rule", "by_mail", "same_subject", "no_provider",
         "token_of_the_other", "other_issuer", "other_audience", "other_nonce", "other_time",
         "other_access_token", "nobody_in_it", "none", "by_secret", "other_key", "unknown_keys",
         "other_type", "twice", "changed", "device_honest", "device_anywhere", "device_again",
         "device_other_account", "device_says", "device_refused", "device_token", "renewal",
         "renewal_by_another", "renewal_by_less", "first_of_all", "crowd_of_one", "crowd_of_many",
         "asked_for_codes", "asked_for_tokens", "made_for_nothing", "pushed_out", "neighbours",
         "renewal_without_asking", "other_channel", "middle_own_key", "middle_stolen_key",
         "device_between", "device_of_another", "device_late", "device_hurried", "device_by_another")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "OP", Cases, NAMES, Target))
