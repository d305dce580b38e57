#!/usr/bin/env python3
"""secrets-proofs: plants every proof that is no password, and looks for it a second later.

Why: a token is good until it expires, and an assertion, a code or a signature says what somebody has
agreed to; whoever finds a dump, a log or a disk has it then. So here is a table: who plants what,
and where it may be. All else is searched: the memory of every process of the instance, its log, its
audit log, its state, and the arguments of every process of the machine.

Memory of others is the superuser's to read; without that the script is skipped.
"""
import importlib
import os
import struct
import sys
import time

import attacklib as a
import cheatlib as c
import finder
import oplib
import sessionlib as s
import sshforge as f
import tokens as j

access, assertion, oidc, passkey = (importlib.import_module(f"cheats-{n}") for n in (
    "access", "assertion", "oidc", "passkey"))

SCRIPT = "attack-secrets-proofs"
SETTLE_S = 1
USER = c.USER


class Target(access.Target):
    """Two identity providers; and an SSH authority, passkeys and a profile for programs."""

    def __init__(self):
        self.office = f.Key("ed25519")
        super().__init__(passkey.WAYS + 'sshAuthorities = [(name = "office", key = '
                         f'"{self.office.line}")], ')


def end(proof):
    """What of it is looked for."""
    return proof[-finder.NEEDLE:]


class Planter(c.Cheats):
    """Each method plants, and returns what to look for: {where from: bytes that are nowhere else}."""

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.source = "127.20.0.1"
        self.key, self.sk, self.certified = f.Key("ed25519"), f.Key("sk-p256"), f.Key("ed25519")
        target.account(USER, [self.key, self.sk], profiles=("operator", "lounge"))
        self.program = j.Key("EdDSA", "the-program's")
        target.admin_call(12, "job", s.w.Ptrs(["job"]))
        target.admin_call(12, "ci", s.w.Ptrs(["night"]))
        target.admin_call(13, "job", j.json.dumps(self.program.jwk), "")

    def proved(self, key, shown=None, good=True):
        """A login over each transport; the ends of the signatures."""
        found = {}
        for over in ("tls", "plain", "unix"):
            login = self.login(USER, "operator", self.peer(over))
            proof = f.sshsig(key, login.text(**({} if good else {"nonce": bytes(32)})), shown)
            try:
                session = login.prove(proof)
            except s.Refused:
                if good:
                    raise
            else:
                session.call(3)
            found[over] = end(proof)
        return found

    def signature(self):
        return self.proved(self.key)

    def signature_refused(self):
        return self.proved(self.key, good=False)

    def security_key(self):
        return self.proved(self.sk)

    def certificate(self):
        return self.proved(self.certified, f.Certificate(self.certified, self.target.office,
                                                         principals=[USER.encode()]).blob())

    def renewal(self):
        login = self.login(USER, "operator")
        session = login.prove(f.sshsig(self.key, login.text()))
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        proof = f.sshsig(self.key, login.text())
        session.call(2, s.Struct(struct.pack("<Q", 60000), [proof]))
        return {"renewal": end(proof)}

    def dropped(self):
        """The client goes before there is an answer."""
        login = self.login(USER, "operator")
        proof = f.sshsig(self.key, login.text())
        login.flow.send(0, s.Struct(b"", [proof]))
        login.peer.close()
        self.peers.remove(login.peer)
        return {"dropped": end(proof)}


    # ---- programs

    def assertion(self, good=True):
        found = {}
        for over in ("tls", "plain", "unix"):
            login = c.Login(self.peer(over), "job", "job", 8).ask()
            proof = self.program.token(assertion.claims(login, **({} if good else {"nonce": "x"})))
            self.tried_out(lambda x=login, p=proof: x.prove(p), good)
            found[over] = end(proof)
        return found

    def assertion_refused(self):
        return self.assertion(False)

    def assertion_renewal(self):
        login = c.Login(self.peer(), "job", "job", 8).ask()
        session = login.prove(self.program.token(assertion.claims(login)))
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        proof = self.program.token(assertion.claims(login))
        session.call(2, s.Struct(struct.pack("<Q", 60000), [proof]))
        return {"a renewal": end(proof)}

    @staticmethod
    def tried_out(function, good):
        try:
            function()
        except s.Refused:
            if good:
                raise
        else:
            if not good:
                raise a.Failed("it was let in")

    # ---- passkeys

    def passkey(self, good=True):
        cases = passkey.Cases.__new__(passkey.Cases)
        cases.target = self.target
        key, found = cases.register(USER), {}
        for over in ("tls", "plain", "unix"):
            login = c.Login(self.peer(over), USER, "operator", passkey.PASSKEY).ask()
            lies = {} if good else {"nonce": bytes(32)}
            proof = cases.proof(login, key, **lies)
            self.tried_out(lambda x=login, p=proof: x.prove(j.json.dumps(p)), good)
            found[over + ", as text"] = end(proof["response"]["signature"].encode())
            found[over + ", as bytes"] = end(passkey.a.unb64(proof["response"]["signature"]))
        return found

    def passkey_refused(self):
        return self.passkey(False)

    # ---- identity providers

    def provider(self, **claims):
        """What it gives is kept, and each time another."""
        op, given = self.target.op, {}

        def tokens(nonce, **how):
            access = finder.secret("access")
            made = oplib.Provider.tokens(op, nonce, **how) | {"access_token": access}
            given.update({"the access token": access, "the ID token": made["id_token"]})
            return made
        op.claims = {"groups": "admins", "sub": "carol at op", "at_hash": None, **claims}
        op.tokens, op.approved = tokens, True
        return op, given

    def browser(self, good=True):
        op, given = self.provider(**({} if good else {"aud": "another"}))
        flow = self.flow(oidc.BROWSER, "operator")
        query = op.browse(oidc.Cases.url(flow))
        asked = dict(oidc.urllib.parse.parse_qsl(query))
        exchange = {}

        def token(handler, form):
            exchange.update(form)
            op.token(handler, form)
        op.answers["/token"] = token
        self.tried_out(lambda: s.answer(flow, query), good)
        given.update({"the code": asked["code"], "the state": asked["state"],
                      "the verifier": exchange["code_verifier"]})
        return {name: end(text.encode()) for name, text in given.items()}

    def browser_refused(self):
        return self.browser(False)

    def browser_dropped(self):
        """Whoever has said yes, and is gone; the code is never asked for."""
        flow = self.flow(oidc.BROWSER, "operator")
        url = oidc.Cases.url(flow)
        flow.peer.close()
        self.peers.remove(flow.peer)
        state = oidc.urllib.parse.parse_qs(oidc.urllib.parse.urlsplit(url).query)["state"][0]
        return {"the state": end(state.encode())}

    def device(self):
        op, given = self.provider()
        code, typed = finder.secret("device"), finder.secret("typed")
        op.answers.clear()
        op.answers["/device"] = lambda h, _: h.answer(200, {
            "device_code": code, "user_code": typed[-20:], "verification_uri": op.url + "/activate",
            "interval": 1, "expires_in": 600})
        flow = self.flow(oidc.DEVICE, "lounge")
        s.answer(flow, "")
        self.tried_out(lambda: s.answer(flow, ""), True)
        given["the device's code"] = code
        return {name: end(text.encode()) for name, text in given.items()} | {
            "what is typed": typed[-20:].encode()}

    def flow(self, kind, profile):
        return oidc.Cases.start(self.peer(), kind, profile=profile)

    def access_token(self, good=True):
        cases = access.Cases.__new__(access.Cases)
        cases.op, found = self.target.op, {}
        for over in ("tls", "plain", "unix"):
            token = cases.token(**({} if good else {"aud": "another"}))
            login = c.Login(self.peer(over), "", "night", access.SERVICE).ask()
            self.tried_out(lambda x=login, t=token: x.prove(t), good)
            found[over] = end(token)
        return found

    def access_refused(self):
        return self.access_token(False)

    def client_secret(self):
        """The instance's own, which it needs again: with who speaks to providers alone, and never on
        disk."""
        return {"the manifest": end(oplib.SECRET.encode())}


# What is planted, and where it may be found.
SECRETS = (("signature", ()), ("signature_refused", ()), ("security_key", ()), ("certificate", ()),
           ("renewal", ()), ("dropped", ()), ("assertion", ()), ("assertion_refused", ()),
           ("assertion_renewal", ()), ("passkey", ()), ("passkey_refused", ()), ("browser", ()),
           ("browser_refused", ()), ("browser_dropped", ()), ("device", ()),
           ("client_secret", ("capos-sessiond",)), ("access_token", ()), ("access_refused", ()))


def found_nowhere(search, needles, may):
    for where, needle in needles.items():
        places = set(search.places(needle)) - set(may)
        if places:
            raise a.Failed(f"what came over {where} is in {places}")
    return "wiping"


def search_works(search):
    """What is no secret is found, in memory, in files and among arguments."""
    places = search.places(USER.encode())
    if not {"capos-sessiond", "audit.log"} <= set(places):
        raise a.Failed(f"a name is only in {places}")
    if "ps" not in search.places(search.target.state.encode()):
        raise a.Failed("the arguments of a process are not seen")
    return "nobody"


def tries(target):
    planter = Planter(target)
    planted = [(getattr(planter, name)(), may) for name, may in SECRETS]
    time.sleep(SETTLE_S)
    search = finder.Search(target)
    functions = [lambda n=needles, m=may: found_nowhere(search, n, m) for needles, may in planted]
    functions.append(lambda: search_works(search))
    return {f"XP{i + 1}": function for i, function in enumerate(functions)}


def main():
    if os.geteuid() != 0:
        print("skipped: memory of others is the superuser's to read")
        return a.SKIP
    return a.main(SCRIPT, Target, tries)


if __name__ == "__main__":
    sys.exit(main())
