#!/usr/bin/env python3
"""by-sshkey: log in by OpenSSH's newer keys: in security keys, and certified by an authority.

Why: ssh-keygen, ssh-agent and ssh-sk-helper make what is proved here, an authenticator without
hardware (sk-dummy, of Debian's openssh-tests) touches itself, and only the command that people use
shows that all of it meets.

usage: by-sshkey.py
"""
import json
import os
import subprocess
import sys
import tempfile

import instance
import sessionlib as s
import sshkeys
from sessionlib import Failed

SCRIPT = "e2e-sshkey"


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Cases(sshkeys.Keys):
    def __init__(self, folder):
        super().__init__(folder)
        for name, kind in (("ca", "ed25519"), ("ca2", "ecdsa"), ("stranger", "ed25519")):
            self.keygen(name, kind)
        text = instance.manifest(profiles=[instance.profile("robot", ["session", "system_info"])])
        rules = f"""sshAuthorities = [
            (name = "office", key = "{self.read('ca.pub')}", revokedSerials = [66],
             revokedIds = ["lost laptop"]),
            (name = "robots", key = "{self.read('ca2.pub')}", profile = "robot")],"""
        self.target = instance.Instance(
            text.replace("authentication = (", f"authentication = ({rules}", 1))

    def start(self):
        self.target.start()
        self.target.add_user("ada", ["operator", "robot"])
        self.target.add_user("bob", ["operator"])
        self.start_agent()

    def stop(self):
        self.stop_agent()
        return self.target.stop()

    def capos(self, code, *words):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input="", env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode not in (code if isinstance(code, tuple) else (code,)):
            raise Failed(f"{words}: {done}")
        return done

    def login(self, name, *words, account="ada", code=0):
        return self.capos(code, "login", f"{account}@plain:{self.target.address}", "--identity",
                          self.path(name), "--as", "x", "--json", *words)

    def session(self):
        """What it is; renewed, and ended."""
        i = json.loads(self.capos(0, "whoami", "-s", "x", "--json").stdout)
        caps = json.loads(self.capos(0, "caps", "-s", "x", "--json").stdout)
        bundle = sorted(c["name"] for c in caps["capabilities"])
        return i["account"], i["profile"], i["kind"], bundle

    def last(self, what="attempt"):
        return [r for r in instance.audit(self.target.state) if r["what"] == what and "times" not in r][-1]

    def through(self, identity, profile="operator", renew=None):
        bundle = {"operator": ["chat", "session", "system_info"],
                  "robot": ["session", "system_info"]}[profile]
        said = self.login(identity).stderr
        expect(self.session(), ("ada", profile, "publicKey", bundle), "the session")
        expect(self.last()["outcome"], "ok", "the record")
        detail = self.last().get("detail", "")
        self.capos(0, "renew", "-s", "x", "--identity", self.path(renew or identity))
        expect(self.last("renewal")["outcome"], "ok", "the renewal")
        self.capos(0, "logout", "-s", "x")
        return said, detail

    # ---- who may

    def a_security_key(self):
        for kind in ("ed25519-sk", "ecdsa-sk"):
            self.keygen(kind, kind)
            self.add(kind)
            self.capos(0, "account", "key", "add", "ada", self.path(kind + ".pub"), "--state",
                       self.target.state)
            said, detail = self.through(kind + ".pub")
            expect("touch the security key " + self.fingerprint(kind) in said, True, said)
            expect(detail.startswith("security key, counter "), True, detail)
            expect(self.last("grant")["detail"], self.fingerprint(kind), "the credential")

    def a_security_key_needs_an_agent(self):
        self.keygen("alone", "ed25519-sk")
        said = self.login("alone", code=1)
        expect("ssh-add" in said.stdout + said.stderr, True, str(said))

    def a_certified_key(self):
        for kind in ("ed25519", "ecdsa", "rsa"):
            self.keygen("c-" + kind, kind)
            _, detail = self.through(self.certify("c-" + kind))
            expect(detail, "authority office, serial 7, at work", "the record")
            expect(self.last("grant")["detail"], self.fingerprint("c-" + kind), "the credential")

    def a_certified_key_of_an_agent(self):
        self.keygen("held", "ed25519")
        self.certify("held")
        self.add("held")
        self.through("held-cert.pub")

    def a_certified_security_key(self):
        self.keygen("sk", "ed25519-sk")
        self.certify("sk")
        self.add("sk")
        _, detail = self.through("sk-cert.pub")
        expect("office" in detail and "security key, counter" in detail, True, detail)

    def the_authority_decides_the_profile(self):
        self.keygen("bot", "ed25519")
        self.certify("bot", by="ca2")
        self.through("bot-cert.pub", "robot")
        self.refused("bot-cert.pub", "denied.profile", "", profile="operator")

    def it_is_found_beside_its_key(self):
        self.keygen(".ssh/id_ed25519", "ed25519")
        self.certify(".ssh/id_ed25519")
        env, self.env = self.env, {k: v for k, v in self.env.items() if k != "SSH_AUTH_SOCK"}
        self.capos(0, "login", f"ada@plain:{self.target.address}", "--as", "x")
        expect(self.session()[:3], ("ada", "operator", "publicKey"), "the session")
        self.capos(0, "logout", "-s", "x")
        self.env = env

    def a_session_ends_with_it(self):
        self.keygen("brief", "ed25519")
        self.certify("brief", when="-1m:+15s")
        self.login("brief-cert.pub")
        instance.until(lambda: self.has("expiry"), "the end of the session")
        self.capos(s.OVER, "whoami", "-s", "x")
        self.refused("brief-cert.pub", "denied.credentials", "expired")

    def has(self, what):
        return any(r["what"] == what for r in instance.audit(self.target.state))

    # ---- who may not

    def refused(self, identity, code, why, account="ada", profile=None):
        words = ["--profile", profile] if profile else []
        done = self.login(identity, *words, account=account, code=3)
        expect(json.loads(done.stdout or done.stderr)["error"]["code"], code, "the denial")
        if why and why in done.stdout + done.stderr:
            raise Failed(f"the client is told: {done}")
        if not why:
            return
        record = self.last()
        expect(record["outcome"], code, "the record")
        expect(record.get("detail", "").startswith(why), True, f"{why!r} in {record}")

    def others_are_refused(self):
        rows = [("expired", dict(when="20200101:20210101")),
                ("not valid yet", dict(when="20980101:20990101")),
                ("for other accounts", dict(principals="bob")),
                ("for other accounts", dict(principals="")),
                ("by an authority that nobody has named", dict(by="stranger")),
                ("revoked", dict(serial=66)),
                ("revoked", dict(ident="lost laptop")),
                ("with an option that is not known here: force-command",
                 dict(options=["force-command=/bin/true"])),
                ("for other addresses: source-address",
                 dict(options=["source-address=192.0.2.0/24"]))]
        for i, (why, options) in enumerate(rows):
            self.keygen(f"bad{i}", "ed25519")
            self.certify(f"bad{i}", **options)
            self.refused(f"bad{i}-cert.pub", "denied.credentials", why)

    def an_address_may_be_asked_for(self):
        self.keygen("near", "ed25519")
        self.through(self.certify("near", options=["source-address=127.0.0.0/8"]))

    def a_host_is_no_user(self):
        self.keygen("host", "ed25519")
        self.run("ssh-keygen", "-q", "-s", self.path("ca"), "-h", "-I", "h", "-n", "ada",
                 self.path("host.pub"))
        self.refused("host-cert.pub", "denied.credentials", "not a user's")

    def an_owner_has_to_be_verified(self):
        self.keygen("pin", "ed25519-sk")
        self.certify("pin", options=["verify-required"])
        self.add("pin")
        done = self.login("pin-cert.pub", code=3)
        expect(self.last()["detail"], "its security key has not verified who it is", str(done))

    def a_certificate_is_no_account_key(self):
        self.keygen("added", "ed25519")
        self.certify("added")
        self.capos(1, "account", "key", "add", "ada", self.path("added-cert.pub"), "--state",
                   self.target.state)


def main():
    if not os.path.exists(sshkeys.PROVIDER):
        print(f"{SCRIPT}: skipped: {sshkeys.PROVIDER} is not there (openssh-tests)")
        return 77
    with tempfile.TemporaryDirectory(prefix="capos-sshkey-") as folder:
        cases = Cases(folder)
        try:
            cases.start()
            names = ["a_security_key", "a_security_key_needs_an_agent", "a_certified_key",
                     "a_certified_key_of_an_agent", "a_certified_security_key",
                     "the_authority_decides_the_profile", "it_is_found_beside_its_key",
                     "a_session_ends_with_it", "others_are_refused", "an_address_may_be_asked_for",
                     "a_host_is_no_user", "an_owner_has_to_be_verified",
                     "a_certificate_is_no_account_key"]
            code = instance.run_cases(SCRIPT, [(n, getattr(cases, n)) for n in names])
        finally:
            wrong = cases.stop()
            cases.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
