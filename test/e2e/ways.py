#!/usr/bin/env python3
"""ways: every way to log in, over every transport: who may, what it is, what the log has of it.

Why: a way is made in one place and a transport in another, and what a proof is bound to depends on
both. So here is the table of all of them, walked by the command that people use: the session, its
bundle, a renewal, the logout, and the records of all that.

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
from sessionlib import Failed

SCRIPT = "e2e-ways"
TRANSPORTS = ("tls", "plain", "unix")
BUNDLE = {"operator": ["chat", "session", "system_info"], "guest": ["session", "system_info"],
          "anonymous": ["session", "system_info"]}

# way: account, profile, the name of its kind
WAYS = {"password": (instance.USER, "operator", "password"),
        "key": ("carol", "operator", "publicKey"),
        "certificate": ("ada", "operator", "mtlsClientCert"),
        "guest": ("", "guest", "guest"),
        "anonymous": ("", "anonymous", "anonymous")}


def binding(way, transport):
    """What a proof is bound to, beside its nonce."""
    if transport != "tls":
        return "none"
    return {"key": "tls-exporter", "certificate": "tls-certificate"}.get(way, "none")


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Table:
    def __init__(self, folder):
        self.folder = folder
        self.ca = certlib.Authority(folder, "ca")
        self.ada = self.ca.issue("ada", "email:ada@example.org")
        self.target = certlib.TlsInstance(certlib.lets_in(self.ca, instance.manifest(guest=True)))
        self.key = os.path.join(folder, "key")

    def start(self):
        self.target.start()
        for name in ("ada", "carol"):
            self.target.add_user(name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.capos(0, "account", "key", "add", "carol", self.key + ".pub", "--state",
                   self.target.state)
        pin = certlib.fingerprint(os.path.join(self.target.state, "tls", "cert.pem"))
        self.where = {"tls": f"capos://{self.target.tls}/#{pin}",
                      "plain": "plain:" + self.target.address, "unix": "unix:" + self.target.unix}

    def capos(self, code, *words, stdin=""):
        env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        env.update(HOME=self.folder, XDG_RUNTIME_DIR=self.folder)
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done.stdout

    def proof(self, way):
        """(options, standard input) of login and of renew."""
        secret = instance.SECRET + "\n"
        return {"password": (["--password-stdin"], secret, ["--password-stdin"], secret),
                "key": (["--identity", self.key], "", ["--identity", self.key], ""),
                "certificate": (["--certificate", self.ada[0], "--key", self.ada[1]], "", [], ""),
                "guest": (["--guest"], "", [], ""),
                "anonymous": (["--anonymous"], "", [], "")}[way]

    def records(self, begin):
        with open(os.path.join(self.target.state, "audit.log"), encoding="utf-8") as f:
            return [json.loads(line) for line in f][begin:]

    def refused(self, way, transport):
        """It is not offered, which is said, and who tries it all the same is refused."""
        methods = json.loads(self.capos(0, "methods", self.where[transport], "--json"))["methods"]
        found = [m for m in methods if m["kind"] == WAYS[way][2]][0]
        expect((found["enabled"], found["reason"]), (False, "needs TLS"), "what is told")
        self.capos(2, "login", self.where[transport], *self.proof(way)[0])

    def session(self, way, transport):
        account, profile, kind = WAYS[way]
        login, typed, renew, again = self.proof(way)
        begin = len(self.records(0))
        name = f"{account}@" if account else ""
        self.capos(0, "login", name + self.where[transport], *login, "--as", "x", stdin=typed)
        i = json.loads(self.capos(0, "whoami", "-s", "x", "--json"))
        expect([i[k] for k in ("account", "profile", "kind", "transport")],
               [account, profile, kind, transport], "the session")
        caps = json.loads(self.capos(0, "caps", "-s", "x", "--json"))
        expect(sorted(c["name"] for c in caps["capabilities"]), BUNDLE[profile], "the bundle")
        self.capos(0 if account else 1, "renew", "-s", "x", *renew, stdin=again)
        self.capos(0, "logout", "-s", "x")
        self.audited(way, transport, begin)

    def audited(self, way, transport, begin):
        account, _, kind = WAYS[way]
        records = self.records(begin)
        if not account:  # the first of a source is recorded; what follows within a minute is counted
            if transport == TRANSPORTS[0]:
                found = [r for r in records if r["what"] == "attempt" and r.get("kind") == kind]
                expect([(r["outcome"], r["transport"], r["binding"]) for r in found],
                       [("ok", transport, "none")], "the record")
            return
        for what, outcome, times in (("attempt", "ok", 2), ("grant", "ok", 1), ("renewal", "ok", 1),
                                     ("logout", "ok", 1)):
            found = [r for r in records if r["what"] == what and r["outcome"] == outcome]
            expect(len(found), times, f"records of {what}")
            for r in found:
                expect([r["account"], r["kind"], r["transport"]], [account, kind, transport], what)
        bound = [r["binding"] for r in records if r["what"] == "attempt"]
        expect(bound, [binding(way, transport)] * 2, "what the proofs are bound to")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-ways-") as folder:
        table = Table(folder)
        try:
            table.start()
            cases = []
            for way in WAYS:
                for transport in TRANSPORTS:
                    offered = way != "certificate" or transport == "tls"
                    function = table.session if offered else table.refused
                    cases.append((f"{way}_over_{transport}",
                                  lambda f=function, v=way, t=transport: f(v, t)))
            code = instance.run_cases(SCRIPT, cases)
        finally:
            wrong = table.target.stop()
            table.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
