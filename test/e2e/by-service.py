#!/usr/bin/env python3
"""by-service: programs that log in by assertions, with the command and without our libraries.

Why: five algorithms have to be made as others make them, by keys that openssl wrote; and a service
account is no person: that has to hold whoever asks for what, while keys are exchanged, too.

usage: by-service.py
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import oplib
import sessionlib as s
import tlspeer
import tokens
from sessionlib import Failed, Refused

SCRIPT = "e2e-service"
SERVICE = 8  # of RemoteAuthKind


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def manifest(provider):
    robot, courier = (instance.profile(n, ["session", "system_info"]).replace(
        "lease", more + ", lease", 1)
        for n, more in (("robot", "service = true"), ("courier", "service = true, unbound = true")))
    text = instance.manifest(profiles=[robot, courier])
    return text.replace("authentication = (", f"""authentication = (oidc = [
        (name = "op", issuer = "{provider.url}", clientId = "{oplib.CLIENT}", loopback = true,
         audience = "here", rules = [
           (claims = [(name = "roles", value = "deploy")], account = "courier")])],
        """, 1)


class Cases:
    def __init__(self, target, ca, provider):
        self.target, self.ca, self.op = target, ca, provider
        self.folder = target.folder.name
        self.env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        self.env.update(HOME=self.folder, XDG_RUNTIME_DIR=self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii",
                  opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        return self.path(name)

    def capos(self, code, *words, stdin=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode not in (code if isinstance(code, tuple) else (code,)):
            raise Failed(f"{words}: {done}")
        return done

    def account(self, name, *keys):
        """A service account with keys."""
        self.admin("add", name, "--profile", "robot")
        for key in keys:
            self.key_add(name, key)

    def admin(self, *words, code=0, stdin=""):
        return self.capos(code, "service-account", *words, "--state", self.target.state,
                          stdin=stdin).stdout

    def key_add(self, name, key, *words):
        return self.admin("key", "add", name, "-", *words, stdin=key.pem).strip()

    def login(self, name, key, *words, code=0, over=None):
        return self.capos(code, "login", f"{name}@{over or 'plain:' + self.target.address}",
                          "--method", "service", "--identity", key, "--as", name, "--json",
                          "--non-interactive", *words)

    def records(self, what):
        return [r for r in instance.audit(self.target.state) if r["what"] == what and "times" not in r]

    def session(self, name):
        i = json.loads(self.capos(0, "whoami", "-s", name, "--json").stdout)
        caps = json.loads(self.capos(0, "caps", "-s", name, "--json").stdout)
        return (i["account"], i["profile"], i["kind"],
                sorted(c["name"] for c in caps["capabilities"]))

    def through(self, name, key, *words, **how):
        """Logs in, is what it should be, renews, and ends."""
        self.login(name, key, *words, **how)
        expect(self.session(name), (name, "robot", "serviceCredential", ["session", "system_info"]),
               "the session")
        self.capos(0, "renew", "-s", name)
        expect(self.records("renewal")[-1]["account"], name, "the renewal")
        self.capos(0, "logout", "-s", name)

    # ---- with the command

    def every_kind_of_key(self):
        """RSA keys sign by PS256; that RS256 is good as well, the next case shows."""
        expect = "sha256:" + self.target.pin.split(":", 1)[1]
        for algorithm in ("PS256", "ES256", "ES384", "EdDSA"):
            name, key = "by-" + algorithm.lower(), tokens.Key(algorithm)
            self.account(name, key)
            file = self.write(name + ".pem", key.private_pem)
            self.through(name, file)
            self.through(name, file, over="unix:" + self.target.unix)
            self.through(name, file, "--expect", expect, over="tls:" + self.target.tls)

    def keys_of_openssl(self):
        """As in the help, and by an id of one's own."""
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path("ci.pem")],
                       check=True, env=self.env)
        os.chmod(self.path("ci.pem"), 0o600)
        public = subprocess.run(["openssl", "pkey", "-in", self.path("ci.pem"), "-pubout"],
                                check=True, env=self.env, capture_output=True, text=True).stdout
        self.admin("add", "ci", "--profile", "robot")
        expect(self.admin("key", "add", "ci", "-", "--id", "2026-11", stdin=public), "2026-11\n",
               "the id")
        self.login("ci", self.path("ci.pem"), code=3)
        self.login("ci", self.path("ci.pem"), "--key-id", "2026-11")
        self.capos(0, "renew", "-s", "ci", "--key-id", "2026-11")
        self.capos(0, "logout", "-s", "ci")

    def what_is_said(self):
        self.account("told")
        key = tokens.Key()
        said = self.capos(2, "service-account", "key", "add", "told", "-", "--state",
                          self.target.state, stdin=key.private_pem).stderr
        expect("private key" in said, True, said)
        said = self.capos(1, "service-account", "key", "add", "told", "-", "--state",
                          self.target.state, stdin="hello").stderr
        expect("no public key" in said, True, said)
        listed = json.loads(self.admin("list", "--json"))["serviceAccounts"]
        expect([a["keys"] for a in listed if a["name"] == "told"], [[]], "the list")
        expect("told" in self.capos(0, "account", "list", "--state", self.target.state).stdout,
               False, "people's accounts")
        said = self.capos(1, "login", f"told@plain:{self.target.address}", "--method", "service")
        expect("--identity FILE" in said.stderr, True, said.stderr)
        self.admin("remove", "told")
        self.admin("remove", "told", code=1)
        self.admin("remove", "carol", code=1)

    # ---- without our libraries

    def peer(self, over):
        """(connection, fields of the transcript, audience)"""
        if over == "tls":
            peer = tlspeer.TlsPeer(self.target.tls)
            return peer, (b"tls", peer.exporter, peer.key_hash), self.target.pin
        if over == "unix":
            return s.Peer("unix:" + self.target.unix), (b"unix", b"", b""), "capos"
        return s.Peer(self.target.address), (b"plain", b"", b""), "capos"

    def assertion_of_others(self):
        """As doc/protocol/admission.md says it, by another implementation of tokens."""
        for algorithm in tokens.ALGORITHMS:
            name, key = "raw-" + algorithm.lower(), tokens.Key(algorithm)
            self.account(name, key)
            for over in ("tls", "plain", "unix"):
                peer, (transport, channel, server), audience = self.peer(over)
                flow = peer.flow(SERVICE, name, "robot")

                def proof(nonce):
                    fields = (b"capos admission proof 1", transport, channel, nonce, b"",
                              name.encode(), b"robot", server)
                    text = b"".join(len(f).to_bytes(4, "big") + f for f in fields)
                    return key.token({"iss": name, "sub": name, "aud": audience,
                                      "exp": int(time.time()) + 120,
                                      "nonce": tokens.b64(hashlib.sha256(text).digest())})

                nonce = flow.call(0, s.Struct(b"", [None])).content.ptr(0).ptr(3)
                session = s.answer(flow, proof(nonce)).ref(1, s.SESSION)
                challenge = self.has_its_own(session, name, over)
                expect(self.records("attempt")[-1]["detail"], "key " + key.kid, "the record")
                session = session.call(2, s.Struct(bytes(8), [proof(challenge)])).ref(0, s.SESSION)
                expect(self.has_its_own(session, name, over) != challenge, True, "the challenge")
                record = self.records("renewal")[-1]
                expect((record["account"], record["outcome"]), (name, "ok"), "the renewal")
                session.call(3)
                peer.close()

    @staticmethod
    def has_its_own(session, name, over):
        """What a session is and has is its service account's; what renews it is signed over."""
        info = session.call(0).content.ptr(0)
        expect(tuple(s.text(info.ptr(n)) for n in (1, 2, 3)), (name, "robot", "serviceCredential"),
               over)
        expect(sorted(s.names(s.cap_set(session))), ["session", "system_info"], "the bundle")
        return bytes(info.ptr(4))

    def an_access_token_is_bound_to_nothing(self):
        """Over TLS, too, and that is what the record says; an assertion there is bound."""
        self.admin("add", "courier", "--profile", "courier")
        now = int(time.time())
        token = self.op.key.token({"iss": self.op.url, "sub": "the deployer", "aud": "here",
                                   "roles": ["deploy"], "exp": now + 300}, typ="at+jwt")
        for outcome in ("ok", "denied.credentials"):
            peer = tlspeer.TlsPeer(self.target.tls)
            flow = peer.flow(SERVICE)
            flow.call(0, s.Struct(b"", [None]))
            try:
                session = s.answer(flow, token).ref(1, s.SESSION)
                expect(s.text(session.call(0).content.ptr(0).ptr(1)), "courier", "the account")
            except Refused as e:
                expect(e.code, outcome, "the second time")
            record = self.records("attempt")[-1]
            expect((record["outcome"], record["transport"]), (outcome, "tls"), "the record")
            if outcome == "ok":
                expect(record["binding"], "none", "the binding")
            peer.close()
        key = tokens.Key()
        self.account("bound", key)
        self.login("bound", self.write("bound.pem", key.private_pem), "--expect",
                   self.target.pin, over="tls:" + self.target.tls)
        expect(self.records("attempt")[-1]["binding"], "tls-exporter", "an assertion's binding")
        self.capos(0, "logout", "-s", "bound")

    # ---- people and programs

    def each_has_its_own(self):
        key = tokens.Key()
        self.account("robbie", key)
        file = self.write("robbie.pem", key.private_pem)
        for words in (("add", "wrong", "--profile", "operator"), ("add", "carol", "--profile",
                                                                  "robot")):
            self.admin(*words, code=1)
        self.capos(1, "account", "add", "wrong", "--profile", "robot", "--state", self.target.state)
        self.capos(1, "account", "passwd", "robbie", "--password-stdin", "--state",
                   self.target.state, stdin="a long password\n")
        self.admin("key", "add", "carol", "-", code=1, stdin=key.pem)
        for profile in ("operator", "nothing"):
            done = self.login("robbie", file, "--profile", profile, code=3)
            expect(json.loads(done.stdout)["error"]["code"], "denied.profile", str(done))
            expect(self.records("attempt")[-1]["outcome"], "denied.profile", "the record")
        done = self.login("carol", file, code=3)
        expect(json.loads(done.stdout)["error"]["code"], "denied.credentials", str(done))
        peer = s.Peer(self.target.address)
        for account, profile, code in (("carol", "robot", "denied.profile"),
                                       ("robbie", "robot", "denied.credentials")):
            try:
                peer.password(account, instance.SECRET, profile)
            except Refused as e:
                expect(e.code, code, account)
            else:
                raise Failed(f"{account} got in by password")
        peer.close()

    def a_certificate_of_a_program(self):
        """It names the account; a program's has a program's profile, a person's has not."""
        self.account("mtls")
        pem, key = self.ca.issue("mtls", "email:mtls@example.org")
        self.capos(0, "login", f"tls:{self.target.tls}", "--expect", self.target.pin,
                   "--certificate", pem, "--key", key, "--as", "m")
        expect(self.session("m"), ("mtls", "robot", "mtlsClientCert", ["session", "system_info"]),
               "the session")
        self.capos(0, "renew", "-s", "m")
        self.capos(0, "logout", "-s", "m")
        for name, profile in (("mtls", "operator"), ("carol", "robot")):
            pem, key = self.ca.issue(f"{name}-{profile}", f"email:{name}@example.org")
            done = self.capos(3, "login", f"tls:{self.target.tls}", "--expect", self.target.pin,
                              "--certificate", pem, "--key", key, "--profile", profile, "--json")
            expect(json.loads(done.stdout)["error"]["code"], "denied.profile", str(done))

    # ---- rotation

    def a_key_after_the_other(self):
        """Both are good; the session of the old one ends with it, and the new one's goes on."""
        old, new = tokens.Key(), tokens.Key("ES256")
        self.account("rolling", old)
        first = self.write("old.pem", old.private_pem)
        second = self.write("new.pem", new.private_pem)
        self.login("rolling", first, "--as", "old")
        expect(self.key_add("rolling", new), new.kid, "the thumbprint")
        self.login("rolling", second, "--as", "new")
        lines = self.admin("key", "list", "rolling").splitlines()
        expect([line.split()[0] for line in lines], [old.kid, new.kid], "the keys")
        self.through("rolling", first)
        # An id may begin with a dash.
        self.capos(0, "service-account", "key", "remove", "--state", self.target.state, "--",
                   "rolling", old.kid)
        self.capos(s.OVER, "whoami", "-s", "old")
        expect(self.session("new")[0], "rolling", "the new one")
        self.login("rolling", first, code=3)
        expect("has no such key" in self.records("attempt")[-1]["detail"], True, "the record")
        self.through("rolling", second)
        self.admin("remove", "rolling")
        self.capos(s.OVER, "whoami", "-s", "new")


NAMES = ("every_kind_of_key", "keys_of_openssl", "what_is_said", "assertion_of_others",
         "an_access_token_is_bound_to_nothing", "each_has_its_own", "a_certificate_of_a_program",
         "a_key_after_the_other")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-service-") as folder:
        return run(certlib.Authority(folder, "ours"))


def run(ca):
    provider = oplib.Provider()
    target = certlib.TlsInstance(certlib.lets_in(ca, manifest(provider)), user=False)
    target.start()
    try:
        target.add_user("carol", ["operator"])
        target.pin = certlib.fingerprint(os.path.join(target.state, "tls", "cert.pem"))
        cases = Cases(target, ca, provider)
        code = instance.run_cases(SCRIPT, [(n, getattr(cases, n)) for n in NAMES])
    finally:
        wrong = target.stop()
        provider.stop()
        target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
