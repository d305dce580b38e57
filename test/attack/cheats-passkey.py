#!/usr/bin/env python3
"""cheats-passkey: who logs in by a passkey that he does not have, or by what one has said elsewhere.

Why: what an authenticator signs is put together by a browser, wrapped as JSON twice, and carried by whoever is
between. Each of the three writes fields of its own, and one that nobody looks at is one that somebody chooses. The
passkeys here say whatever they should not; each try changes one thing.
"""
import hashlib
import json
import os
import sys

import cheatlib as c
import sessionlib as s
from cheatlib import OTHER, TWIN, USER
from sessionlib import Failed, Refused, Struct
from tied import Tied

sys.path.insert(0, os.path.join(s.TOP, "test", "passkey"))
import authenticator as a  # noqa: E402

SCRIPT = "attack-cheats-passkey"
PASSKEY, BEGIN, ADD, REMOVE = 4, 15, 16, 18
PARTY, ORIGIN = "capos.example", "https://capos.example"
WAYS = f'passkeys = (relyingParty = "{PARTY}", origins = ["{ORIGIN}", "https://login.{PARTY}"]), '
AT_ONCE = 12  # failures from one address, which are fewer than make it wait
FORM = "no response of an authenticator"


def make():
    return c.Target(ways=WAYS)


class Cases(Tied):
    """carol has a passkey of each algorithm; dave and eve have one each."""

    untied = "for another challenge"
    method = PASSKEY

    def __init__(self, target):
        super().__init__(target, "passkey")
        for name in (USER, TWIN, OTHER):
            target.account(name, password=c.instance.SECRET)
        self.keys = [self.register(USER, n) for n in a.NAMES.values()]
        self.key = self.keys[0]
        self.twin, self.eve = self.register(TWIN), self.register(OTHER)
        self.stray = a.Passkey(PARTY, self.key.user)

    # ---- the instance's own side

    def admin(self, method, *pointers):
        admin = self.target.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(pointers))).content
        finally:
            admin.close()

    def begun(self, name):
        """(challenge, user handle) of a registration."""
        r = self.admin(BEGIN, name)
        return r.ptr(0), r.ptr(2)

    def add(self, name, response):
        return s.text(self.admin(ADD, name, None, json.dumps(response)).ptr(0))

    def register(self, name, algorithm=a.ES256):
        challenge, user = self.begun(name)
        key = a.Passkey(PARTY, user, algorithm)
        key.name = self.add(name, key.make(challenge, ORIGIN))
        return key

    # ---- proofs

    def login(self, account=USER, profile="operator", peer=None, **how):
        return c.Login(peer or self.peer(), account, profile, PASSKEY, **how).ask()

    @staticmethod
    def challenge(login, **lies):
        return hashlib.sha256(login.text(**lies)).digest()

    def proof(self, login, key=None, origin=ORIGIN, **lies):
        return (key or self.key).get(self.challenge(login, **lies), origin)

    def tied(self, login, key, **lies):
        return json.dumps(self.proof(login, key, **lies)).encode()

    def client(self, login, key=None, change=None, **fields):
        """A proof whose browser says this, signed as it stands."""
        key = key or self.key
        text = key.client("webauthn.get", self.challenge(login), ORIGIN, **fields)
        return key.get(b"", ORIGIN, client=change(text) if change else text)

    def wrong(self, login, response, layer=None, **wanted):
        """The proof does not convince."""
        if isinstance(response, dict):
            response = json.dumps(response)
        return self.refused("denied.credentials", lambda: login.prove(response), layer, **wanted)

    def each(self, forged, keys=None, **wanted):
        """Each is refused: forged(login, key) -> response. Then the same passkey is good."""
        for key in keys or self.keys:
            login = self.login()
            layer = self.wrong(login, forged(login, key), account=USER, **wanted)
            self.elsewhere()
        return layer

    def good(self, key=None, **how):
        """(login, its proof, its session)."""
        login = self.login(**how)
        proof = json.dumps(self.proof(login, key))
        return login, proof, login.prove(proof)

    # ---- who may

    def honest(self):
        for transport in ("tls", "plain", "unix"):
            for key in self.keys:
                for account in (USER, ""):
                    _, _, session = self.good(key, account=account, peer=self.peer(transport))
                    layer = self.let_in(session, USER)
                    self.recorded("ok", f"counter {key.count}", transport=transport)
                    session.call(3)
        return layer

    def counts_nothing(self):
        """One that says 0 always is as good each time."""
        key = self.register(USER)
        for _ in range(3):
            key.count = -1
            layer = self.let_in(self.good(key)[2], USER)
        return layer

    # ---- replays

    def unasked(self):
        """Before there is a challenge."""
        login = c.Login(self.peer(), USER, "operator", PASSKEY)
        return self.wrong(login, self.proof(login), "sessiond")

    # ---- lies in the transcript

    def nonce_itself(self):
        """The challenge of a site that knows no transcript."""
        login = self.login()
        return self.wrong(login, self.key.get(login.nonce, ORIGIN), why="for another challenge")

    # ---- what the browser says

    def other_origin(self):
        for origin in ("https://evil.example", "http://capos.example", ORIGIN + ":8443", ORIGIN + "/", ORIGIN.upper(),
                       "https://capos.example.evil.example", "capos.example", "", "null"):
            login = self.login()
            layer = self.wrong(login, self.proof(login, origin=origin), why="from another origin")
        return layer

    def inside_a_page(self):
        for fields in ({"crossOrigin": True}, {"topOrigin": "https://evil.example"}, {"topOrigin": ORIGIN},
                       {"crossOrigin": None}, {"crossOrigin": "false"}, {"crossOrigin": 0}):
            login = self.login()
            layer = self.wrong(login, self.client(login, **fields), why="from inside a page")
        return layer

    def made_for_else(self):
        for kind in ("webauthn.create", "payment.get", "webauthn.GET", ""):
            login = self.login()
            layer = self.wrong(login, self.client(login, type=kind), why="made for something else")
        return layer

    def keys_twice(self):
        """In the client data, and around it; also where one is written otherwise."""
        def first(text):
            return lambda data: b"{" + text + b"," + data[1:]
        for text in (b'"type":"webauthn.get"', b'"\\u0074ype":"webauthn.get"', b'"challenge":"AA"',
                     b'"origin":"https://evil.example"', b'"crossOrigin":false', b'"x":1,"x":1'):
            login = self.login()
            self.wrong(login, self.client(login, change=first(text)), why=FORM)
        self.elsewhere()
        for text in ('"rawId":"AA"', '"id":"AA"', '"type":"public-key"', '"response":{}', '"\\u0072awId":"AA"'):
            login = self.login()
            proof = json.dumps(self.proof(login))
            layer = self.wrong(login, "{" + text + "," + proof[1:])
        return layer

    def no_json(self):
        login = self.login()
        proof = json.dumps(self.proof(login))
        rows = [proof[:-1], proof + "x", "[" + proof + "]", "null", "{}", "[" * 4000, "\0" + proof, proof + "\0",
                proof + " " * (16384 - len(proof) + 1), b"\xff\xfe" + proof.encode()]
        for row in rows:
            login = self.login()
            layer = self.wrong(login, row)
        return layer

    # ---- what the authenticator says

    def other_party(self):
        def forged(login, key):
            other = a.Passkey("evil.example", key.user, key.algorithm, key.key, key.id, key.count)
            return self.proof(login, other)
        return self.each(forged, why="for another relying party")

    def flagged(self, flags, why):
        def forged(login, key):
            key.flags = flags
            try:
                return self.proof(login, key)
            finally:
                key.flags = a.PRESENT | a.VERIFIED
        return self.each(forged, why=why)

    def not_present(self):
        return self.flagged(a.VERIFIED, "nobody was present")

    def not_verified(self):
        return self.flagged(a.PRESENT, "its user was not verified")

    def copied(self):
        return self.flagged(a.PRESENT | a.VERIFIED | a.COPIED, "it says that it is backed up")

    def verified_claimed(self):
        """The flag is written in after it has signed."""
        def forged(login, key):
            key.flags = a.PRESENT
            response = self.proof(login, key)
            key.flags = a.PRESENT | a.VERIFIED
            data = bytearray(a.unb64(response["response"]["authenticatorData"]))
            data[32] |= a.VERIFIED
            response["response"]["authenticatorData"] = a.b64(bytes(data))
            return response
        return self.each(forged, why="not signed by it")

    def more_data(self):
        for flags, more in ((0, b"\0"), (0x80, b""), (0x80, b"\xa0\xa0"), (0x80, b"\xbf\xff"), (0x40, bytes(80)),
                            (0x80, b"\xbb" + b"\xff" * 8), (0x80, b"\x81" * 64)):
            login = self.login()
            key, client = self.key, self.key.client("webauthn.get", self.challenge(login), ORIGIN)
            key.count += 1
            data = bytearray(key.data() + more)
            data[32] |= flags
            signed = a.sign(key.key, bytes(data) + hashlib.sha256(client).digest())
            layer = self.wrong(login, key.response(clientDataJSON=client, authenticatorData=bytes(data),
                                                   signature=signed), why=FORM)
        return layer

    def count_back(self):
        """As a copy of it would count: as often, or less."""
        key = self.register(USER)
        key.count = 100
        self.good(key)[2].call(3)
        for count in (101, 100, 1, 0):
            key.count = count - 1
            login = self.login()
            layer = self.wrong(login, self.proof(login, key), "sessiond",
                               why=f"its counter is {count}, and was 101 before")
        key.count = 101
        self.let_in(self.good(key)[2], USER)
        return layer

    # ---- whose, and by which algorithm

    def anothers(self):
        """Each of these is somebody's, and good; it is not the one of who is claimed."""
        for key, name in ((self.twin, TWIN), (self.eve, OTHER)):
            login = self.login()
            layer = self.wrong(login, self.proof(login, key), "sessiond", why=f"it is {name}'s")
        return layer

    def nobodys(self):
        login = self.login()
        self.wrong(login, self.proof(login, self.stray), why="by an unknown passkey")
        login = self.login("")
        self.wrong(login, self.proof(login, self.stray), why="by an unknown passkey")
        login = self.login("no-such-name")
        return self.wrong(login, self.proof(login, self.stray), why="by an unknown passkey")

    def id_of_anothers(self):
        """The id is carol's, the key somebody's."""
        for key in (self.eve, self.stray):
            fake = a.Passkey(PARTY, self.key.user, key.algorithm, key.key, self.key.id, self.key.count)
            login = self.login()
            layer = self.wrong(login, self.proof(login, fake), why="not signed by it")
        return layer

    def id_beside(self):
        """One id is looked up, another is signed with."""
        for first, second in ((self.key, self.eve), (self.eve, self.key)):
            login = self.login()
            response = self.proof(login, first)
            response["id"] = a.b64(second.id)
            self.wrong(login, response, why=FORM)
            login = self.login()
            text = json.dumps(self.proof(login, first))
            layer = self.wrong(login, '{"x": {"rawId": "%s"}, %s' % (a.b64(second.id), text[1:]),
                               why="by an unknown passkey")
        return layer

    def other_user(self):
        """The user handle is another account's, or without a name there is none."""
        fake = a.Passkey(PARTY, self.eve.user, self.key.algorithm, self.key.key, self.key.id, self.key.count)
        for account in (USER, ""):
            login = self.login(account)
            self.wrong(login, self.proof(login, fake), why="it names another account")
        login = self.login("")
        return self.wrong(login, self.key.get(self.challenge(login), ORIGIN, user=False),
                          why="it names another account")

    def other_algorithm(self):
        """Signed by a key of another kind, under the id of each; and what is said of it is not heeded."""
        for key in self.keys:
            for kind in a.NAMES.values():
                if kind == key.algorithm:
                    continue
                fake = a.Passkey(PARTY, key.user, kind, None, key.id, key.count)
                login = self.login()
                response = self.proof(login, fake)
                response["response"]["publicKeyAlgorithm"] = response["alg"] = kind
                layer = self.wrong(login, response, why="not signed by it")
                self.elsewhere()
        return layer

    def tampered(self):
        """A bit, at many places of each part; and signatures of no, of less and of more bytes."""
        def flip(response, field, at):
            data = bytearray(a.unb64(response["response"][field]))
            data[at % len(data)] ^= 1 << at % 8
            response["response"][field] = a.b64(bytes(data))
            return response
        for i, field in enumerate(("signature", "authenticatorData", "clientDataJSON")):
            for at in range(i, 70, 7):
                layer = self.each(lambda x, k, f=field, n=at: flip(self.proof(x, k), f, n), [self.keys[at % 3]])
        for change in (lambda v: v[:-1], lambda v: v + b"\0", lambda v: b"\0", lambda v: bytes(len(v)),
                       lambda v: v * 30):
            def forged(login, key, change=change):
                response = self.proof(login, key)
                response["response"]["signature"] = a.b64(change(a.unb64(response["response"]["signature"])))
                return response
            layer = self.each(forged, why="not signed by it")
        return layer

    def registration_as_login(self):
        login = self.login()
        return self.wrong(login, self.key.make(self.challenge(login), ORIGIN), why=FORM)

    def removed(self):
        """Between the challenge and the proof."""
        key = self.register(USER)
        login = self.login()
        proof = self.proof(login, key)
        self.admin(REMOVE, USER, key.name)
        return self.wrong(login, proof, account=USER, why="by an unknown passkey")

    # ---- registering

    def not_added(self, why, name, response):
        """Nobody gets a passkey by it, and that is recorded."""
        try:
            self.add(name, response)
        except Refused as e:
            if why not in e.reason:
                raise Failed(f"expected {why!r}, got {e}") from e
        else:
            raise Failed("it was added")
        found = [r for r in self.target.records(self.begin_at) if r["what"] == "passkey-add" and
                 r["outcome"] == "failed" and r["account"] == name]
        if not found:
            raise Failed("there is no record")
        self.begin_at = len(self.target.records())
        return "prover"

    def registered_again(self):
        """By the same response; by one for a challenge that was used, or was another's."""
        self.begin_at = len(self.target.records())
        challenge, user = self.begun(USER)
        key = a.Passkey(PARTY, user)
        response = key.make(challenge, ORIGIN)
        self.add(USER, response)
        self.not_added("nothing was begun", USER, response)
        self.begun(USER)
        self.not_added("for another challenge", USER, response)
        challenge, _ = self.begun(TWIN)
        self.not_added("nothing was begun", USER, a.Passkey(PARTY, user).make(challenge, ORIGIN))
        return "sessiond"

    def registered_wrongly(self):
        self.begin_at = len(self.target.records())
        other = a.Passkey("evil.example", self.key.user)
        absent, unverified = a.Passkey(PARTY, self.key.user), a.Passkey(PARTY, self.key.user)
        absent.flags, unverified.flags = a.VERIFIED, a.PRESENT
        off = a.Passkey(PARTY, self.key.user)
        for why, key, origin in (("for another relying party", other, ORIGIN), ("nobody was present", absent, ORIGIN),
                                 ("was not verified", unverified, ORIGIN),
                                 ("from another origin", off, "https://evil.example")):
            challenge, _ = self.begun(USER)
            layer = self.not_added(why, USER, key.make(challenge, origin))
        return layer

    def of_two_accounts(self):
        """A passkey that one account has becomes no other's."""
        challenge, user = self.begun(OTHER)
        copy = a.Passkey(PARTY, user, self.key.algorithm, self.key.key, self.key.id)
        try:
            self.add(OTHER, copy.make(challenge, ORIGIN))
        except Refused as e:
            if "exists already" in e.reason:
                return "sessiond"
        raise Failed("it has two accounts")

    # ---- renewing

    def renewal(self, session, login, proof):
        """By a flow of the session."""
        flow = c.Login(login.peer, USER, kind=PASSKEY, session=session).ask()
        return flow, lambda: flow.prove(json.dumps(proof(flow)))

    def renewed(self):
        login, _, session = self.good()
        _, prove = self.renewal(session, login, lambda f: self.proof(f, self.keys[1]))
        return self.let_in(prove(), USER)

    def renewal_replayed(self):
        login, proof, session = self.good()
        _, prove = self.renewal(session, login, lambda f: json.loads(proof))
        return self.refused("denied.credentials", prove, why="renewal: for another challenge")

    def renewal_by_another(self):
        login, _, session = self.good()
        _, prove = self.renewal(session, login, lambda f: self.proof(f, self.eve))
        return self.refused("denied.credentials", prove, "sessiond", why=f"renewal: it is {OTHER}'s")

    def renewal_by_less(self):
        """By the account's password."""
        _, _, session = self.good()
        return self.refused("denied.weak-proof", lambda: session.call(
            2, Struct(bytes(8), [c.instance.SECRET.encode()])), kind="password")

    def bound_by_token(self):
        for binding in ({"status": "present", "id": "AA"}, {"status": "present"}):
            login = self.login()
            layer = self.wrong(login, self.client(login, tokenBinding=binding), why="bound to another connection")
        return layer

    def extensions(self):
        """What authenticators add by themselves is no fault; what is no map of extensions is."""
        none = "its extensions are none"
        for more, why in ((a.cbor({"credProtect": 2, "hmac-secret": 1}), None), (a.cbor({1: 2}), none),
                          (a.cbor(b"x"), none), (b"\xa1", none), (a.cbor({"x": 1}) * 2, FORM)):
            self.eve.extensions = more
            login = self.login(OTHER)
            if why:
                layer = self.wrong(login, self.proof(login, self.eve), why=why)
            else:
                login.prove(json.dumps(self.proof(login, self.eve))).call(3)
        self.eve.extensions = b""
        return layer

    def for_another_account(self):
        """That has got the name meanwhile."""
        self.begin_at = len(self.target.records())
        self.target.account("fay", password=c.instance.SECRET)
        challenge, user = self.begun("fay")
        self.admin(1, "fay")
        self.target.account("fay", password=c.instance.SECRET)
        self.not_added("nothing was begun", "fay", a.Passkey(PARTY, user).make(challenge, ORIGIN))
        return "sessiond"


NAMES = ("honest", "counts_nothing", "same_flow", "flow_beside", "flow_after", "other_connection", "unasked",
         "other_account", "other_profile", "other_nonce", "other_exporter", "other_server", "plain_over_tls",
         "nonce_itself", "middle_own_key", "middle_stolen_key", "middle_server_key", "other_origin", "inside_a_page",
         "made_for_else", "keys_twice", "no_json", "other_party", "not_present", "not_verified", "copied",
         "verified_claimed", "more_data", "count_back", "anothers", "nobodys", "id_of_anothers", "id_beside",
         "other_user", "other_algorithm", "tampered", "registration_as_login", "removed", "registered_again",
         "registered_wrongly", "of_two_accounts", "renewed", "renewal_replayed", "renewal_by_another",
         "renewal_by_less", "bound_by_token", "extensions", "for_another_account")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "PK", Cases, NAMES, make))
