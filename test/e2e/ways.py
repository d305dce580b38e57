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

import certlib
import instance
import sessionlib as s
import sshkeys
from sessionlib import Failed

SCRIPT = "e2e-ways"
TRANSPORTS = ("tls", "plain", "unix")
BUNDLE = {"operator": ["chat", "session", "system_info"], "guest": ["session", "system_info"],
          "anonymous": ["session", "system_info"]}
ADA = "ada"


class Way:
    """login, renew: the command's options; typed: what it reads; says: how the records of its proofs
    begin; more: the script with the rest about it."""

    def __init__(self, kind, more, login=(), renew=None, typed="", account=ADA, profile="operator",
                 bound="none", says=""):
        self.kind, self.more, self.typed, self.says = kind, more, typed, says
        self.login, self.renew = list(login), list(login if renew is None else renew)
        self.account, self.profile, self.bound = account, profile, bound


# Kinds of which nothing is here: the script that has them.
ELSEWHERE = {"passkey": "by-passkey.py"}


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Table(sshkeys.Keys):
    def __init__(self, folder):
        super().__init__(folder)
        self.ca = certlib.Authority(folder, "tls-ca")
        self.keygen("ca")
        text = certlib.lets_in(self.ca, instance.manifest(guest=True))
        self.target = certlib.TlsInstance(text.replace(
            "authentication = (", "authentication = (sshAuthorities = [(name = \"office\", key = "
            f"\"{self.read('ca.pub')}\")],", 1), user=False)

    def start(self):
        self.target.start()
        self.target.add_user(ADA)
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
            "guest": Way("guest", "denials.py", ["--guest"], [], account="", profile="guest"),
            "anonymous": Way("anonymous", "denials.py", ["--anonymous"], [], account="",
                             profile="anonymous")}

    def stop(self):
        self.stop_agent()
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

    # ---- what is done

    def capos(self, code, *words, stdin=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done.stdout

    def records(self, begin):
        with open(os.path.join(self.target.state, "audit.log"), encoding="utf-8") as f:
            return [json.loads(line) for line in f][begin:]

    def methods(self, transport):
        """{kind: what is told of it}"""
        told = json.loads(self.capos(0, "methods", self.where[transport], "--json"))["methods"]
        return {m["kind"]: m for m in told}

    def every_kind(self):
        """Each kind that can be told of has its rows, here or elsewhere; else it is off."""
        here = {way.kind for way in self.ways.values() if way}
        told = self.methods("tls")
        expect(sorted(told), sorted(s.KINDS), "the kinds")
        for kind in told:
            if kind not in here | set(ELSEWHERE):
                expect(told[kind]["enabled"], False, kind)
        for script in {way.more for way in self.ways.values() if way} | set(ELSEWHERE.values()):
            expect(os.path.exists(os.path.join(s.TOP, "test", "e2e", script)), True, script)

    def refused(self, way, transport):
        """It is not offered, which is said, and who tries it all the same is refused."""
        found = self.methods(transport)[way.kind]
        expect((found["enabled"], found["reason"]), (False, "needs TLS"), "what is told")
        self.capos(2, "login", self.where[transport], *way.login)

    def session(self, way, transport):
        begin = len(self.records(0))
        name = f"{way.account}@" if way.account else ""
        method = self.methods(transport)[way.kind]["method"]
        self.capos(0, "login", name + self.where[transport], *way.login, "--as", "x", "--method",
                   method, "--non-interactive", stdin=way.typed)
        i = json.loads(self.capos(0, "whoami", "-s", "x", "--json"))
        expect([i[k] for k in ("account", "profile", "kind", "transport")],
               [way.account, way.profile, way.kind, transport], "the session")
        caps = json.loads(self.capos(0, "caps", "-s", "x", "--json"))
        expect(sorted(c["name"] for c in caps["capabilities"]), BUNDLE[way.profile], "the bundle")
        self.capos(0 if way.account else 1, "renew", "-s", "x", *way.renew, stdin=way.typed)
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
        for what, outcome, times in (("attempt", "ok", 2), ("grant", "ok", 1), ("renewal", "ok", 1),
                                     ("logout", "ok", 1)):
            found = [r for r in records if r["what"] == what and r["outcome"] == outcome]
            expect(len(found), times, f"records of {what}")
            for r in found:
                expect([r["account"], r["kind"], r["transport"]],
                       [way.account, way.kind, transport], what)
        proofs = [r for r in records if r["what"] == "attempt"]
        expect([r["binding"] for r in proofs], [way.bound if transport == "tls" else "none"] * 2,
               "what the proofs are bound to")
        expect([way.says in r.get("detail", "") for r in proofs], [True] * 2, f"{proofs}")

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
