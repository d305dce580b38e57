#!/usr/bin/env python3
"""ways: every way to log in, over every transport: who may, what it is, what the log has of it.

Why: a way is made in one place and a transport in another, and what a proof is bound to depends on
both. So here is the table of all of them, walked by the command that people use: the session, its
bundle, a renewal, the logout, and the records of all that. Who proves are the real ones: files of
ssh-keygen's, an ssh-agent, security keys, openssl's certificates. What each way refuses, and what
needs a counterpart of its own, is in the script that its row names. Nobody is there to be asked
anything.

usage: ways.py
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import certlib
import instance
import oplib
import sessionlib as s
import sshkeys
from sessionlib import Failed

SCRIPT = "e2e-ways"
TRANSPORTS = ("tls", "plain", "unix")
LITTLE = ["session", "system_info"]
BUNDLE = {"operator": ["chat", "session", "system_info"], "guest": LITTLE, "anonymous": LITTLE,
          "job": LITTLE, "errand": ["chat", "session"], "lounge": LITTLE}
ADA, PROGRAM, COURIER = "ada", "ci", "courier"
ORIGIN = "https://capos.example"


class Way:
    """login, renew: the command's options; typed: what it reads; says: what the records of its proofs
    have; more: the script with the rest about it. renews: whether the command can, None: that script
    has it. opens: a page. fresh: called before each proof, with what is good once."""

    def __init__(self, kind, more, login=(), renew=None, **how):
        self.kind, self.more = kind, more
        self.login, self.renew = list(login), list(login if renew is None else renew)
        self.typed, self.says = how.pop("typed", ""), how.pop("says", "")
        self.account, self.profile = how.pop("account", ADA), how.pop("profile", "operator")
        self.bound, self.opens = how.pop("bound", "none"), how.pop("opens", False)
        self.fresh = how.pop("fresh", lambda: None)
        self.renews = how.pop("renews", bool(self.account))
        if how:
            raise TypeError(how)


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Table(sshkeys.Keys):
    def __init__(self, folder):
        super().__init__(folder)
        self.ca = certlib.Authority(folder, "tls-ca")
        self.keygen("ca")
        self.token = 0
        self.op = oplib.Provider()
        self.op.claims, self.op.approved = {"groups": "admins"}, True
        self.op.answers["/authorize"] = self.op_page
        secret = self.write("secret", oplib.SECRET + "\n")
        more = [instance.profile(name, BUNDLE[name]).replace("lease", f"{flags}, lease", 1)
                for name, flags in (("job", "service = true"), ("lounge", "unbound = true"),
                                    ("errand", "service = true, unbound = true"))]
        text = certlib.lets_in(self.ca, instance.manifest(guest=True, profiles=more))
        self.target = certlib.TlsInstance(text.replace("authentication = (", f"""authentication = (
            sshAuthorities = [(name = "office", key = "{self.read('ca.pub')}")],
            passkeys = (relyingParty = "capos.example", origins = ["{ORIGIN}"]),
            oidc = [(name = "op", issuer = "{self.op.url}", clientId = "{oplib.CLIENT}",
                clientSecretFile = "{secret}", loopback = true,
                audience = "here", rules = [
                  (claims = [(name = "groups", value = "admins")], account = "{ADA}"),
                  (claims = [(name = "roles", value = "deploy")], account = "{COURIER}")])],
            """, 1), user=False)

    def write(self, name, text):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def op_page(self, handler, _):
        """Where the browser goes, and is sent back from."""
        query = self.op.browse(handler.path)
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query))
        handler.answer(302, b"", Location=f"{asked['redirect_uri']}?{query}")

    def start(self):
        self.target.start()
        self.target.add_user(ADA, ["operator", "lounge"])
        self.start_agent()
        pin = certlib.fingerprint(os.path.join(self.target.state, "tls", "cert.pem"))
        self.where = {"tls": f"capos://{self.target.tls}/#{pin}",
                      "plain": "plain:" + self.target.address, "unix": "unix:" + self.target.unix}
        certificate = self.ca.issue(ADA, "email:ada@example.org")
        self.ways = {
            "password": Way("password", "denials.py", ["--password-stdin"],
                            typed=instance.SECRET + "\n"),
            "key_ed25519": self.by_key("ed25519"), "key_ecdsa": self.by_key("ecdsa"),
            "key_rsa": self.by_key("rsa"), "key_of_agent": self.by_key("ed25519", agent=True),
            "key_sk_ed25519": self.by_key("ed25519-sk", agent=True),
            "key_sk_ecdsa": self.by_key("ecdsa-sk", agent=True),
            "certified_ed25519": self.by_certified("ed25519"),
            "certified_ecdsa": self.by_certified("ecdsa"), "certified_rsa": self.by_certified("rsa"),
            "certified_of_agent": self.by_certified("ed25519", agent=True),
            "certified_sk": self.by_certified("ed25519-sk", agent=True),
            "certificate": Way("mtlsClientCert", "by-certificate.py",
                               ["--certificate", certificate[0], "--key", certificate[1]], [],
                               bound="tls-certificate"),
            "service": self.by_service(), "access_token": self.by_access_token(),
            "passkey": self.by_passkey(),
            "oidc": Way("oidcAuthorizationCodePkce", "by-oidc.py", ["--issuer", "op"], [], opens=True,
                        bound="tls-exporter", says="op, subject "),
            "oidc_device": Way("oidcDeviceCode", "by-oidc.py",
                               ["--issuer", "op", "--profile", "lounge"], [], profile="lounge",
                               says="op, subject "),
            "guest": Way("guest", "denials.py", ["--guest"], [], account="", profile="guest"),
            "anonymous": Way("anonymous", "denials.py", ["--anonymous"], [], account="",
                             profile="anonymous")}

    def stop(self):
        self.stop_agent()
        self.op.stop()
        return self.target.stop()

    # ---- who proves

    def made(self, name, kind, agent, certified):
        """A key; where what is shown of it is."""
        if kind.endswith("-sk") and not os.path.exists(sshkeys.PROVIDER):
            return None
        shown = self.keygen(name, kind)
        if certified:
            shown = self.certify(name)
        if agent:
            self.add(name)
            shown = shown if certified else shown + ".pub"
        return shown

    def by_key(self, kind, agent=False):
        name = f"{kind}-{'agent' if agent else 'file'}"
        shown = self.made(name, kind, agent, False)
        if not shown:
            return None
        self.capos(0, "account", "key", "add", ADA, self.path(name) + ".pub", "--state",
                   self.target.state)
        return Way("publicKey", "by-sshkey.py", ["--identity", shown], bound="tls-exporter",
                   says="security key, counter " if kind.endswith("-sk") else "")

    def by_certified(self, kind, agent=False):
        shown = self.made(f"certified-{kind}-{'agent' if agent else 'file'}", kind, agent, True)
        return shown and Way("publicKey", "by-sshkey.py", ["--identity", shown],
                             bound="tls-exporter", says="authority office, serial 7, at work")

    def by_service(self):
        """A program, by a key of openssl's."""
        certlib.openssl("genpkey", "-algorithm", "ed25519", "-out", self.path("ci.pem"))
        os.chmod(self.path("ci.pem"), 0o600)
        public = certlib.openssl("pkey", "-in", self.path("ci.pem"), "-pubout")
        for words, typed in ((["add", PROGRAM, "--profile", "job"], ""),
                             (["key", "add", PROGRAM, "-"], public)):
            self.capos(0, "service-account", *words, "--state", self.target.state, stdin=typed)
        return Way("serviceCredential", "by-service.py", ["--identity", self.path("ci.pem")],
                   account=PROGRAM, profile="job", bound="tls-exporter", says="key ")

    def by_access_token(self):
        """A program, by what a provider has given it, which is good once."""
        self.capos(0, "service-account", "add", COURIER, "--profile", "errand", "--state",
                   self.target.state)
        path = self.path("token")

        def fresh():
            self.token += 1
            text = self.op.key.token({"iss": self.op.url, "sub": "the deployer", "aud": "here",
                                      "roles": ["deploy"], "jti": str(self.token),
                                      "exp": int(time.time()) + 3600}, typ="at+jwt")
            self.write("token", text.decode() + "\n")

        return Way("serviceCredential", "by-oidc.py", ["--token-file", path], account=COURIER,
                   profile="errand", fresh=fresh, says="op, access token of the deployer")

    def by_passkey(self):
        program = os.path.join(s.TOP, "test", "passkey", "authenticator.py")
        command = f"{sys.executable} {program} {self.path('passkeys')} {ORIGIN}"
        self.capos(0, "account", "passkey", "add", ADA, "--passkey-command", command, "--state",
                   self.target.state)
        return Way("passkey", "by-passkey.py", ["--passkey-command", command, "--relying-party", "capos.example"],
                   bound="tls-exporter", says="counter ")

    # ---- what is done

    def capos(self, code, *words, stdin=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done.stdout

    def open_page(self, words):
        """The same; a page is opened, which sends whoever says yes back to the command."""
        p = subprocess.Popen([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                             env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        said = ""
        for line in p.stderr:
            said += line
            for url in [w for w in line.split() if "/authorize?" in w]:
                urllib.request.urlopen(url, timeout=30).close()
        if p.wait(60):
            raise Failed(f"{words}: {said}")

    def records(self, begin):
        return instance.audit(self.target.state)[begin:]

    def methods(self, transport):
        """{kind: what is told of it}"""
        told = json.loads(self.capos(0, "methods", self.where[transport], "--json"))["methods"]
        return {m["kind"]: m for m in told}

    def every_kind(self):
        """Each kind that can be told of has its rows, and the scripts with the rest are there."""
        here = {way.kind for way in self.ways.values() if way}
        told = self.methods("tls")
        expect(sorted(told), sorted(s.KINDS), "the kinds")
        for kind in told:
            expect((kind in here, told[kind]["enabled"]), (True, True), kind)
        for script in {way.more for way in self.ways.values() if way}:
            expect(os.path.exists(os.path.join(s.TOP, "test", "e2e", script)), True, script)

    def refused(self, way, transport):
        """It is not offered, which is said, and who tries it all the same is refused."""
        found = self.methods(transport)[way.kind]
        expect((found["enabled"], found["reason"]),
               (False, f"needs TLS: log in at tls:{self.target.tls}"), "what is told")
        self.capos(2, "login", self.where[transport], *way.login)

    def session(self, way, transport):
        begin = len(self.records(0))
        name = f"{way.account}@" if way.account else ""
        method = self.methods(transport)[way.kind]["method"]
        words = ["login", name + self.where[transport], *way.login, "--as", "x", "--method", method,
                 "--non-interactive"]
        way.fresh()
        if way.opens:
            self.open_page(words)
        else:
            self.capos(0, *words, stdin=way.typed)
        i = json.loads(self.capos(0, "whoami", "-s", "x", "--json"))
        expect([i[k] for k in ("account", "profile", "kind", "transport")],
               [way.account, way.profile, way.kind, transport], "the session")
        caps = json.loads(self.capos(0, "caps", "-s", "x", "--json"))
        expect(sorted(c["name"] for c in caps["capabilities"]), BUNDLE[way.profile], "the bundle")
        way.fresh()
        if way.opens:
            self.open_page(["renew", "-s", "x"])
        elif way.renews is not None:
            self.capos(0 if way.renews else 1, "renew", "-s", "x", *way.renew, stdin=way.typed)
        self.capos(0, "logout", "-s", "x")
        self.audited(way, transport, begin)

    def audited(self, way, transport, begin):
        records = self.records(begin)
        if not way.account:  # the first of a source is recorded; what follows in a minute is counted
            if transport == TRANSPORTS[0]:
                found = [r for r in records if r["what"] == "attempt" and r.get("kind") == way.kind]
                expect([(r["outcome"], r["transport"], r["binding"]) for r in found],
                       [("ok", transport, "none")], "the record")
            return
        renewed = 1 if way.renews else 0
        for what, outcome, times in (("attempt", "ok", 1 + renewed), ("grant", "ok", 1),
                                     ("renewal", "ok", renewed), ("logout", "ok", 1)):
            found = [r for r in records if r["what"] == what and r["outcome"] == outcome]
            expect(len(found), times, f"records of {what}")
            for r in found:
                expect([r["account"], r["kind"], r["transport"]],
                       [way.account, way.kind, transport], what)
        proofs = [r for r in records if r["what"] == "attempt"]
        bound = way.bound if transport == "tls" else "none"
        for r in proofs:
            expect((r["binding"], way.says in r.get("detail", "")), (bound, True), f"{r}")

    def case(self, name, transport):
        def run():
            way = self.ways[name]
            if not way:
                raise instance.Skip("there are no security keys here (openssh-tests)")
            offered = way.kind != "mtlsClientCert" or transport == "tls"
            (self.session if offered else self.refused)(way, transport)
        return f"{name}_over_{transport}", run


def main():
    with tempfile.TemporaryDirectory(prefix="capos-ways-") as folder:
        table = Table(folder)
        try:
            table.start()
            cases = [("every_kind", table.every_kind)]
            cases += [table.case(name, t) for name in table.ways for t in TRANSPORTS]
            code = instance.run_cases(SCRIPT, cases)
        finally:
            wrong = table.stop()
            table.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
